//! What every store must do, as one suite: `suite!` makes tests of it for a store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::limits::Attempts;
use offsite_shared::ledger::store::{Expect, LedgerError, Put, RecordFilter, RecordPage};
use offsite_shared::ledger::{self, Claim, Claimant, Ending, Record, State};
use offsite_shared::model::access::{CredentialName, Pause};
use offsite_shared::model::command::{Key, Operation, Replication};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::ports::Ledger;
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use crate::faults::world::{Clouds, Store, TABLE, command, http, replication};

/// A store under test.
pub struct Subject {
    pub ledger: Arc<dyn Ledger>,
    /// The durable store behind it; the one in memory has none.
    pub store: Option<Store>,
}

impl Subject {
    pub fn of(store: Store) -> Subject {
        Subject { ledger: store.ledger.clone(), store: Some(store) }
    }

    /// Writes a record's stored form by hand, as another version (or a fault) might have left it.
    async fn plant(&self, key: &Key, text: &str) {
        let Some(store) = &self.store else { panic!("nobody else writes into memory") };
        let (key, text) = (key.0.clone(), text.to_owned());
        let Some(aws) = &store.environment else {
            let sql = "INSERT INTO ledger (key, version, owner, state, outbox, record) VALUES (?1, 7, 'x', 'accepted', 1, ?2)";
            store.database.write(move |connection| connection.execute(sql, [&key, &text])).await.unwrap();
            return;
        };
        let attribute = |value: &str| json!({ "S": value });
        let item = json!({
            "pk": attribute(&key), "format": { "N": "99" }, "version": { "N": "7" }, "owner": attribute("x"),
            "state": attribute("accepted"), "outbox": attribute("1"), "record": attribute(&text),
        });
        self.dynamo(aws, "PutItem", json!({ "TableName": TABLE, "Item": item })).await;
    }

    /// The stored form as it is.
    async fn planted(&self, key: &Key) -> String {
        let store = self.store.as_ref().unwrap();
        let Some(aws) = &store.environment else {
            let (sql, key) = ("SELECT record FROM ledger WHERE key = ?1", key.0.clone());
            return store
                .database
                .read(move |connection| connection.query_row(sql, [&key], |row| row.get(0)))
                .await
                .unwrap();
        };
        let request = json!({ "TableName": TABLE, "Key": { "pk": { "S": key.0 } }, "ConsistentRead": true });
        let answer = self.dynamo(aws, "GetItem", request).await;
        answer["Item"]["record"]["S"].as_str().unwrap().to_owned()
    }

    async fn dynamo(&self, environment: &Environment, operation: &str, body: Value) -> Value {
        let client = Aws::from_environment(environment, Arc::new(http()), Arc::new(SystemClock)).unwrap();
        let target = format!("DynamoDB_20120810.{operation}");
        let endpoint = client.endpoint(environment, "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb").unwrap();
        client.call(&endpoint, "dynamodb", "1.0", &target, &body, Duration::from_secs(5)).await.unwrap()
    }
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn new_replication(seed: u64) -> Replication {
    replication(&command(Operation::CopySnapshot, &mut Rng::with_seed(seed)))
}

fn claimant(owner: &str) -> Claimant {
    Claimant { owner: owner.to_owned(), lease_until: now() + SignedDuration::from_secs(60), now: now() }
}

pub fn first_claim(replication: &Replication, owner: &str) -> Record {
    match ledger::claim(None, replication, &claimant(owner), &Attempts::default()) {
        Claim::Write(record, Expect::Absent) => *record,
        other => panic!("{other:?}"),
    }
}

fn accepted(record: &Record, owner: &str) -> (Record, Expect) {
    let receipt = Receipt {
        attempt: 1,
        backup_id: None,
        replication_id: Some("snap-1".to_owned()),
        request_id: None,
        adopted: false,
        time: now(),
    };
    ledger::settle(record, &Ending::Accepted(vec![receipt]), &claimant(owner), &Attempts::default()).unwrap()
}

fn was(record: &Record) -> Expect {
    Expect::Was { version: record.version, owner: record.owner.clone() }
}

#[track_caller]
fn conflict(put: Put) -> Option<Record> {
    match put {
        Put::Conflict(found) => found.map(|found| *found),
        Put::Stored => panic!("it was stored"),
    }
}

pub async fn writes_are_conditional(subject: Subject) {
    let ledger = &subject.ledger;
    let replication = new_replication(1);
    let record = first_claim(&replication, "one");
    assert_eq!(ledger.get(&record.key()).await.unwrap(), None);
    // Nothing is there: only `Absent` fits.
    assert_eq!(conflict(ledger.put(&record, &was(&record)).await.unwrap()), None);
    assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
    assert_eq!(ledger.get(&record.key()).await.unwrap().as_ref(), Some(&record));
    // Something is there: neither `Absent`, nor another version, nor another owner fits, and each is told what there is.
    let (next, expect) = accepted(&record, "one");
    let other_version = Expect::Was { version: record.version + 1, owner: record.owner.clone() };
    let other_owner = Expect::Was { version: record.version, owner: "two".to_owned() };
    for wrong in [&Expect::Absent, &other_version, &other_owner] {
        assert_eq!(conflict(ledger.put(&next, wrong).await.unwrap()).as_ref(), Some(&record), "{wrong:?}");
    }
    assert_eq!(ledger.put(&next, &expect).await.unwrap(), Put::Stored);
    assert_eq!(ledger.get(&record.key()).await.unwrap().as_ref(), Some(&next));
    // The same write again has lost its condition.
    assert_eq!(conflict(ledger.put(&next, &expect).await.unwrap()).as_ref(), Some(&next));
}

pub async fn a_write_whose_answer_was_lost_is_recognised(subject: Subject) {
    let ledger = &subject.ledger;
    let replication = new_replication(2);
    let record = first_claim(&replication, "one");
    assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
    let found = conflict(ledger.put(&record, &Expect::Absent).await.unwrap()).unwrap();
    let again = ledger::claim(Some(&found), &replication, &claimant("one"), &Attempts::default());
    assert_eq!(again, Claim::Ours(Box::new(record.clone())));
    // For another owner it is not.
    let other = ledger::claim(Some(&found), &replication, &claimant("two"), &Attempts::default());
    assert_eq!(other, Claim::Busy(record.lease_until.unwrap()));
}

pub async fn of_racing_claims_one_wins(subject: Subject) {
    let replication = new_replication(3);
    let race = |worker: u32| {
        let (ledger, replication) = (subject.ledger.clone(), replication.clone());
        tokio::spawn(async move {
            let record = first_claim(&replication, &format!("worker-{worker}"));
            match ledger.put(&record, &Expect::Absent).await.unwrap() {
                Put::Stored => None,
                Put::Conflict(found) => Some(found.unwrap().owner),
            }
        })
    };
    let racers: Vec<_> = (0..32).map(race).collect();
    let mut losers = Vec::new();
    for racer in racers {
        losers.extend(racer.await.unwrap());
    }
    assert_eq!(losers.len(), 31, "exactly one wins");
    let winner = subject.ledger.get(&replication.key()).await.unwrap().unwrap().owner;
    assert!(losers.iter().all(|told| *told == winner), "each loser is told who won");
}

async fn every_page(ledger: &dyn Ledger, filter: &RecordFilter, limit: u32) -> RecordPage {
    let (mut all, mut after) = (RecordPage::default(), None);
    loop {
        let page = ledger.list(filter, after.as_ref(), limit).await.unwrap();
        assert!(page.records.len() + page.unreadable.len() <= limit as usize);
        all.records.extend(page.records);
        all.unreadable.extend(page.unreadable);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

pub async fn lists_are_paged_and_filtered(subject: Subject) {
    let ledger = &subject.ledger;
    let (mut open, mut outbox) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..40 {
        let record = first_claim(&new_replication(100 + number), "one");
        ledger.put(&record, &Expect::Absent).await.unwrap();
        match number % 4 {
            0 | 1 => _ = open.insert(record.key),
            2 => {
                let (next, expect) = accepted(&record, "one");
                ledger.put(&next, &expect).await.unwrap();
                outbox.insert(record.key);
            }
            _ => {
                let (next, expect) = accepted(&record, "one");
                ledger.put(&next, &expect).await.unwrap();
                let (marked, expect) = ledger::emitted(&next);
                ledger.put(&marked, &expect).await.unwrap();
            }
        }
    }
    // A pause is kept beside the records and is none.
    let pause = Pause { until: now(), reason: "it was refused".to_owned() };
    ledger.pause(&CredentialName("tencent#default#AK#0011".to_owned()), &pause).await.unwrap();
    let of = |state: Option<State>, outbox| RecordFilter {
        state: state.map(|state| state.name().to_owned()),
        outbox,
        ..RecordFilter::default()
    };
    let keys = |page: RecordPage| page.records.into_iter().map(|record| record.key).collect::<Vec<_>>();
    for limit in [1, 7, 10, 1_000] {
        let all = keys(every_page(&**ledger, &RecordFilter::default(), limit).await);
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (40, 40), "each once, limit {limit}");
        let claimed = keys(every_page(&**ledger, &of(Some(State::Claimed), false), limit).await);
        assert_eq!((claimed.len(), claimed.into_iter().collect()), (20, open.clone()), "limit {limit}");
        let waiting = keys(every_page(&**ledger, &of(None, true), limit).await);
        assert_eq!((waiting.len(), waiting.into_iter().collect()), (10, outbox.clone()), "limit {limit}");
        let both = keys(every_page(&**ledger, &of(Some(State::Accepted), true), limit).await);
        assert_eq!(both.len(), 10, "limit {limit}");
        assert!(keys(every_page(&**ledger, &of(Some(State::Claimed), true), limit).await).is_empty());
        assert!(keys(every_page(&**ledger, &of(Some(State::Refused), false), limit).await).is_empty());
    }
}

pub async fn the_beginning_of_a_key_finds_its_record(subject: Subject) {
    let ledger = &subject.ledger;
    for (number, key) in (500..).zip(["00c0ffee", "00c0ffef", "00c0ffee1", "ff"]) {
        let mut record = first_claim(&new_replication(number), "one");
        record.key = format!("{key:0<64}");
        ledger.put(&record, &Expect::Absent).await.unwrap();
    }
    let of = |prefix: &str, state: Option<State>| RecordFilter {
        prefix: Some(prefix.to_owned()),
        state: state.map(|state| state.name().to_owned()),
        ..RecordFilter::default()
    };
    for (prefix, many) in
        [("00c0ffee", 2), ("00c0ffee1", 1), ("00c0ffe", 3), ("00c0ffed", 0), ("ff", 1), ("f", 1), ("e", 0)]
    {
        for (state, wanted) in [(None, many), (Some(State::Claimed), many), (Some(State::Refused), 0)] {
            for limit in [1, 100] {
                let page = every_page(&**ledger, &of(prefix, state), limit).await;
                assert_eq!(page.records.len(), wanted, "{prefix} {state:?} by {limit}");
            }
        }
    }
}

pub async fn states_are_counted(subject: Subject) {
    let ledger = &subject.ledger;
    assert_eq!(ledger.count().await.unwrap(), BTreeMap::new());
    for number in 0..9 {
        let record = first_claim(&new_replication(300 + number), "one");
        ledger.put(&record, &Expect::Absent).await.unwrap();
        if number < 4 {
            let (next, expect) = accepted(&record, "one");
            ledger.put(&next, &expect).await.unwrap();
        }
    }
    // What is kept beside the records is none of them.
    let pause = Pause { until: now(), reason: "it was refused".to_owned() };
    ledger.pause(&CredentialName("tencent#default#AK#0011".to_owned()), &pause).await.unwrap();
    let mut wanted = BTreeMap::from([("accepted".to_owned(), 4), ("claimed".to_owned(), 5)]);
    assert_eq!(ledger.count().await.unwrap(), wanted);
    // One that only a newer version can read is there all the same. The store in memory never holds one.
    if subject.store.is_some() {
        let key = new_replication(309).key();
        subject.plant(&key, &json!({ "format": 99, "key": key.0 }).to_string()).await;
        wanted.insert("accepted".to_owned(), 5);
    }
    assert_eq!(ledger.count().await.unwrap(), wanted);
}

/// More than a page of DynamoDB, which holds 1 MiB.
pub async fn states_are_counted_over_pages(subject: Subject) {
    let bulk = "x".repeat(200_000);
    for number in 0..12 {
        let key = new_replication(400 + number).key();
        subject.plant(&key, &bulk).await;
    }
    assert_eq!(subject.ledger.count().await.unwrap(), BTreeMap::from([("accepted".to_owned(), 12)]));
}

pub async fn pauses_are_kept_for_each_credential(subject: Subject) {
    let ledger = &subject.ledger;
    let credential = |name: &str| CredentialName(name.to_owned());
    let (one, two) = (credential("tencent#default#AK1#0011"), credential("tencent#default#AK2#0011"));
    assert_eq!(ledger.pause_of(&one).await.unwrap(), None);
    let first = Pause { until: now(), reason: "AuthFailure.SignatureFailure".to_owned() };
    ledger.pause(&one, &first).await.unwrap();
    assert_eq!(ledger.pause_of(&one).await.unwrap(), Some(first));
    assert_eq!(ledger.pause_of(&two).await.unwrap(), None);
    let later = Pause { until: now() + SignedDuration::from_mins(5), reason: "again".to_owned() };
    ledger.pause(&one, &later).await.unwrap();
    assert_eq!(ledger.pause_of(&one).await.unwrap(), Some(later));
}

/// Starts the command over the store, where it must come to nothing, and gives the error.
pub async fn refused(subject: &Subject, command: &Value) -> String {
    let store = subject.store.as_ref().unwrap();
    let clouds = Clouds::plain().await;
    let error = clouds.ask(store, command).await.unwrap_err();
    assert_eq!(error.name.name(), "Offsite.Unavailable", "{error:?}");
    assert_eq!(clouds.count(), 0);
    assert_eq!(mutating_calls(&clouds), 0, "nothing is started that cannot be recorded");
    error.message
}

/// How many calls the simulators saw that start something.
pub fn mutating_calls(clouds: &Clouds) -> u64 {
    let state = clouds.simulators.state();
    let calls = state["calls"].as_object().unwrap().values().flat_map(|calls| calls.as_object().unwrap());
    calls
        .filter(|(action, _)| action.starts_with("Copy") || action.starts_with("Create"))
        .filter_map(|(_, count)| count.as_u64())
        .sum()
}

async fn what_cannot_be_read_is_refused_and_kept(
    subject: Subject,
    text: impl Fn(&Key) -> String,
    is_told: impl Fn(&LedgerError) -> bool,
) {
    let ledger = &subject.ledger;
    let command = command(Operation::CopySnapshot, &mut Rng::with_seed(5));
    let replication = replication(&command);
    let (key, text) = (replication.key(), text(&replication.key()));
    subject.plant(&key, &text).await;
    assert!(is_told(&ledger.get(&key).await.unwrap_err()));
    let record = first_claim(&replication, "one");
    let error = ledger.put(&record, &Expect::Absent).await.unwrap_err();
    assert!(is_told(&error), "{error}");
    let message = refused(&subject, &command).await;
    assert!(message.contains(&error.to_string()), "{message}");
    assert_eq!(subject.planted(&key).await, text, "it is never overwritten");
    // It does not hide its neighbours.
    for number in 0..9 {
        ledger.put(&first_claim(&new_replication(200 + number), "one"), &Expect::Absent).await.unwrap();
    }
    for limit in [1, 4, 100] {
        let all = every_page(&**ledger, &RecordFilter::default(), limit).await;
        assert_eq!(all.records.len(), 9);
        assert!(all.unreadable.len() == 1 && is_told(&all.unreadable[0]), "{:?}", all.unreadable);
    }
    assert_eq!(
        every_page(&**ledger, &RecordFilter { outbox: true, ..RecordFilter::default() }, 10).await.unreadable.len(),
        1
    );
}

pub async fn a_newer_record_is_refused_with_its_format(subject: Subject) {
    let text = |key: &Key| json!({ "format": 99, "key": key.0, "what": "only its version knows" }).to_string();
    what_cannot_be_read_is_refused_and_kept(subject, text, |error| {
        matches!(error, LedgerError::Newer { format: 99, .. }) && error.to_string().contains("format 99")
    })
    .await;
}

pub async fn a_corrupt_record_is_refused(subject: Subject) {
    let text = |key: &Key| format!("{{\"format\":1,\"key\":\"{key}\",\"state\":\"acc");
    what_cannot_be_read_is_refused_and_kept(subject, text, |error| matches!(error, LedgerError::Corrupt { .. })).await;
}

/// Tests of the named functions of this suite, each over a subject of its own that `$open` gives.
macro_rules! suite {
    ($module:ident, $open:expr; $($test:ident),+ $(,)?) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::ledger::contract::$test($open.await).await;
                }
            )+
        }
    };
}
pub(crate) use suite;
