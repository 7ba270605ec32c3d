//! Notes, and unfinished business by rule, in every store.

use std::sync::Arc;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use offsite_local::home::ledger::SqliteLedger;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::risks::{Act, Decision, FORMAT};
use offsite_shared::ledger::store::LedgerError;
use offsite_shared::ledger::store::{Expect, Put, RecordFilter};
use offsite_shared::ledger::{self, About, Claimant, Record, put_off};
use offsite_shared::model::command::Operation;
use offsite_shared::ports::{Ledger, Notes};
use offsite_shared::report::risks;
use serde_json::json;

use crate::faults::world::{Home, Store, aws_environment, command, http, replication};

trait Both: Ledger + Notes {}
impl<T: Ledger + Notes> Both for T {}

/// Each store, with what must live as long as it is used.
async fn stores() -> Vec<(&'static str, Arc<dyn Both>, Option<Store>)> {
    let sqlite = Store::open(Home::Sqlite).await;
    let dynamo = Store::open(Home::Dynamo).await;
    let environment = aws_environment(dynamo.aws.as_ref().unwrap());
    let aws = Arc::new(Aws::from_environment(&environment, Arc::new(http()), Arc::new(SystemClock)).unwrap());
    let table = DynamoLedger::from_environment(&environment, aws, "ledger").unwrap();
    vec![
        ("memory", Arc::new(MemoryLedger::default()), None),
        ("sqlite", Arc::new(SqliteLedger::new(sqlite.database.clone())), Some(sqlite)),
        ("dynamodb", Arc::new(table), Some(dynamo)),
    ]
}

#[tokio::test]
async fn of_two_writers_of_a_note_one_is_told() {
    for (name, store, _alive) in stores().await {
        assert_eq!(store.note("course/a").await.unwrap(), None, "{name}");
        assert!(store.put_note("course/a", "one", 0).await.unwrap(), "{name}");
        assert!(!store.put_note("course/a", "other", 0).await.unwrap(), "{name}: it is there already");
        let note = store.note("course/a").await.unwrap().unwrap();
        assert_eq!((note.version, note.text.as_str()), (1, "one"), "{name}");
        assert!(store.put_note("course/a", "two", 1).await.unwrap(), "{name}");
        assert!(!store.put_note("course/a", "late", 1).await.unwrap(), "{name}: somebody wrote since");
        assert!(!store.put_note("course/b", "x", 3).await.unwrap(), "{name}: there is none to be replaced");
        let long = "ä".repeat(140_000);
        assert!(store.put_note("course/a", &long, 2).await.unwrap(), "{name}");
        assert_eq!(store.note("course/a").await.unwrap().unwrap().text, long, "{name}");
        store.drop_note("course/a").await.unwrap();
        store.drop_note("course/a").await.unwrap();
        assert_eq!(store.note("course/a").await.unwrap(), None, "{name}");
        // Notes are no records.
        assert!(store.put_note("course/c", "{}", 0).await.unwrap(), "{name}");
        assert_eq!(store.list(&RecordFilter::default(), None, 10).await.unwrap().records, [], "{name}");
    }
}

fn gone(resource: &str) -> Act {
    Act {
        format: FORMAT,
        rule: "nightly".into(),
        number: 0,
        decision: Decision::Gone { resource: resource.into() },
        reason: "scrapped".into(),
        who: "ann@desk".into(),
        at: "2026-11-02T08:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn each_act_of_a_person_keeps_its_number_and_nothing_is_written_over() {
    for (name, store, _alive) in stores().await {
        assert_eq!(risks::read(&*store, "nightly").await, Ok(Vec::new()), "{name}");
        let first = risks::add(&*store, gone("disk-1")).await.unwrap();
        // Somebody who read before the first act was there takes the next number.
        let second = risks::add(&*store, gone("disk-2")).await.unwrap();
        assert_eq!((first.number, second.number), (0, 1), "{name}");
        let again = risks::add(&*store, gone("disk-1")).await.unwrap();
        assert_eq!(again.number, 0, "{name}: the same act sent again is the one that is there");
        assert_eq!(risks::read(&*store, "nightly").await, Ok(vec![first.clone(), second]), "{name}");
        assert_eq!(risks::read(&*store, "night").await, Ok(Vec::new()), "{name}");
        // An act that cannot be read is no end: what came after it would be forgotten.
        assert!(store.put_note("risk/nightly/2", &first.to_text().unwrap(), 0).await.unwrap(), "{name}");
        assert!(matches!(risks::read(&*store, "nightly").await, Err(LedgerError::Corrupt { .. })), "{name}");
    }
}

#[tokio::test]
async fn a_rule_lists_its_unfinished_business_only() {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let me = |owner: &str| Claimant { owner: owner.into(), lease_until: now + SignedDuration::from_secs(60), now };
    for (name, store, _alive) in stores().await {
        let mut of_rule = Vec::new();
        for seed in 0..30 {
            let mut wish = command(Operation::CopySnapshot, &mut Rng::with_seed(seed));
            match seed % 3 {
                0 => wish["rule"] = json!("a"),
                1 => wish["rule"] = json!("b"),
                _ => {}
            }
            let record = put_off(&replication(&wish), About::default(), &me("x"), None);
            assert_eq!(store.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
            if seed % 3 == 0 {
                of_rule.push(record);
            }
        }
        // One of them is copied after all, and is not listed any more; one is accepted, which is not the end.
        let done = of_rule.pop().unwrap();
        let mut copied = Record { version: 2, ..done };
        copied.state = ledger::State::Replicated;
        let was = Expect::Was { version: 1, owner: "x".into() };
        assert_eq!(store.put(&copied, &was).await.unwrap(), Put::Stored);
        let mut accepted = Record { version: 2, ..of_rule[0].clone() };
        accepted.state = ledger::State::Accepted;
        assert_eq!(store.put(&accepted, &was).await.unwrap(), Put::Stored);
        let mut wanted: Vec<String> = of_rule.iter().map(|record| record.key.clone()).collect();
        wanted.sort();
        let filter = RecordFilter { rule: Some("a".into()), ..RecordFilter::default() };
        for limit in [1, 4, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.list(&filter, after.as_ref(), limit).await.unwrap();
                found.extend(page.records.into_iter().map(|record| record.key));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "{name}, {limit} at a time");
        }
    }
}

/// A file of the version before is brought up to date when it is opened.
#[tokio::test]
async fn an_older_file_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    drop(offsite_local::home::database::Database::open(&path).unwrap());
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP TABLE notes; DROP INDEX ledger_rule; ALTER TABLE ledger DROP COLUMN rule; PRAGMA user_version = 1;",
    )
    .unwrap();
    let record = put_off(
        &replication(&command(Operation::CopySnapshot, &mut Rng::with_seed(1))),
        About::default(),
        &Claimant { owner: "x".into(), lease_until: Timestamp::UNIX_EPOCH, now: Timestamp::UNIX_EPOCH },
        None,
    );
    let sql = "INSERT INTO ledger (key, version, owner, state, outbox, record) VALUES (?1, 1, 'x', 'seen', 0, ?2)";
    old.execute(sql, [&record.key, &record.to_text().unwrap()]).unwrap();
    drop(old);
    let ledger = SqliteLedger::new(offsite_local::home::database::Database::open(&path).unwrap());
    assert_eq!(ledger.get(&record.key()).await.unwrap(), Some(record));
    assert!(ledger.put_note("a", "b", 0).await.unwrap());
}
