//! What an index only names is read from its table, and a table for each cloud is one ledger to whoever looks at all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::memory::FixedPolicy;
use offsite_shared::io::tables::Tables;
use offsite_shared::ledger::Record;
use offsite_shared::ledger::brake::{Brake, NOTE};
use offsite_shared::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter};
use offsite_shared::model::access::{CredentialName, Pause};
use offsite_shared::model::command::Operation;
use offsite_shared::model::error::Error;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Ledger, Notes, Transport};
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use super::contract::{first_claim, new_replication};
use super::stores::Waiting;
use crate::decisions::{refused, run};
use crate::faults::world::{Home, Store, TABLE, aws_environment, command, http, replication};

const TENCENT: &str = "offsite-tencent";
const HUAWEI: &str = "offsite-huawei";
const BOTH: &str = "tencent=offsite-tencent, huawei=offsite-huawei";

/// Leaves all but a few items of a batch undone, as a throttled table does.
struct Throttled {
    inner: HttpTransport,
    /// So many items are answered at once.
    done: usize,
    calls: AtomicU32,
}

impl Transport for Throttled {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let is_batch = request.headers.iter().any(|(_, value)| value.ends_with(".BatchGetItem"));
            if is_batch {
                let asked: Value = serde_json::from_slice(&request.body).unwrap();
                let consistent = &asked["RequestItems"][TABLE]["ConsistentRead"];
                assert_eq!(
                    consistent,
                    &json!(true),
                    "an index may lag behind, so its records are read as they are now"
                );
            }
            let mut reply = self.inner.send(request).await?;
            if is_batch {
                self.calls.fetch_add(1, Ordering::SeqCst);
                let mut answer: Value = serde_json::from_slice(&reply.body).unwrap();
                let items = answer["Responses"][TABLE].as_array_mut().unwrap();
                let left = items.split_off(items.len().min(self.done));
                let keys: Vec<Value> = left.iter().map(|item| json!({ "pk": item["pk"] })).collect();
                if !keys.is_empty() {
                    answer["UnprocessedKeys"] = json!({ TABLE: { "Keys": keys, "ConsistentRead": true } });
                }
                reply.body = answer.to_string().into_bytes();
            }
            Ok(reply)
        })
    }
}

/// A table of 230 records, and the same through a transport that leaves most of each batch undone.
async fn throttled(done: usize) -> (Store, DynamoLedger, Arc<Throttled>, Vec<String>) {
    let store = Store::open(Home::Dynamo).await;
    let mut keys = Vec::new();
    for number in 0..230 {
        let record = first_claim(&new_replication(1_000 + number), "one");
        store.ledger.put(&record, &Expect::Absent).await.unwrap();
        keys.push(record.key);
    }
    keys.sort();
    let environment = aws_environment(store.aws.as_ref().unwrap());
    let transport = Arc::new(Throttled { inner: http(), done, calls: AtomicU32::default() });
    let aws = Aws::from_environment(&environment, transport.clone(), Arc::new(Waiting::default())).unwrap();
    let ledger = DynamoLedger::from_environment(&environment, Arc::new(aws), TABLE).unwrap();
    (store, ledger, transport, keys)
}

fn claimed() -> RecordFilter {
    RecordFilter { state: Some("claimed".into()), ..RecordFilter::default() }
}

#[tokio::test]
async fn a_page_of_keys_is_read_whole_and_in_its_order_however_much_a_batch_leaves() {
    for (done, calls) in [(100, 3), (30, 9)] {
        let (_store, ledger, transport, keys) = throttled(done).await;
        let page = ledger.list(&claimed(), None, 500).await.unwrap();
        assert_eq!(page.next, None);
        assert_eq!(page.records.iter().map(|record| record.key.clone()).collect::<Vec<_>>(), keys);
        assert_eq!(transport.calls.load(Ordering::SeqCst), calls, "100, 100 and 30 keys, {done} at a time");
    }
}

/// What would be a shorter page is no page: a sweep that took it for whole would call backups settled.
#[tokio::test]
async fn a_batch_that_is_never_done_is_an_error_and_no_shorter_page() {
    let (_store, ledger, _, _) = throttled(0).await;
    let error = ledger.list(&claimed(), None, 500).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Unavailable(why) if why.contains("left items of a page unread")), "{error}");
}

fn policy() -> Policy {
    let vault = "0b6c9d5e-6a3a-4a5e-9c1f-0e6d8f7a1b2c";
    let project = "4229d7a45436489f8c3dc2b1d35d4987";
    Policy::from_json(&json!({ "version": 1, "rules": [
        { "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } },
          "destinations": [{ "region": "ap-singapore" }] },
        { "name": "vaults", "provider": "huawei", "source": { "region": "cn-north-4", "project_id": project, "vault_id": vault },
          "destinations": [{ "region": "cn-east-3", "project_id": project, "vault_id": vault }] },
    ] }))
    .unwrap()
}

/// An installation with two tables.
struct Site {
    _store: Store,
    environment: Environment,
    tencent: DynamoLedger,
    huawei: DynamoLedger,
}

impl Site {
    async fn open() -> Site {
        let store = Store::open(Home::Dynamo).await;
        let environment = aws_environment(store.aws.as_ref().unwrap());
        let one = |name: &str| DynamoLedger::from_environment(&environment, client(&environment), name).unwrap();
        let (tencent, huawei) = (one(TENCENT), one(HUAWEI));
        tencent.create_table().await.unwrap();
        huawei.create_table().await.unwrap();
        Site { _store: store, environment, tencent, huawei }
    }

    fn tables(&self, names: &str) -> Result<Tables, Error> {
        let policies = Arc::new(FixedPolicy(Some(Arc::new(policy()))));
        Tables::from_environment(&self.environment, &client(&self.environment), names, policies)
    }
}

fn client(environment: &Environment) -> Arc<Aws> {
    Arc::new(Aws::from_environment(environment, Arc::new(http()), Arc::new(SystemClock)).unwrap())
}

fn record(operation: Operation, seed: u64) -> Record {
    first_claim(&replication(&command(operation, &mut Rng::with_seed(seed))), "one")
}

#[tokio::test]
async fn records_go_to_their_clouds_table_and_are_found_in_all_of_them() {
    let site = Site::open().await;
    let tables = site.tables(BOTH).unwrap();
    let mut keys = BTreeSet::new();
    for seed in 0..5 {
        for operation in [Operation::CopySnapshot, Operation::CopyBackup] {
            let record = record(operation, seed);
            assert_eq!(tables.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
            assert_eq!(tables.get(&record.key()).await.unwrap(), Some(record.clone()));
            assert!(keys.insert(record.key));
        }
    }
    for table in [&site.tencent, &site.huawei] {
        assert_eq!(table.count().await.unwrap().get("claimed"), Some(&5));
    }
    assert_eq!(tables.count().await.unwrap().get("claimed"), Some(&10));
    for filter in [RecordFilter::default(), claimed()] {
        for limit in [1, 3, 5, 10, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = tables.list(&filter, after.as_ref(), limit).await.unwrap();
                assert!(page.records.len() <= limit as usize);
                found.extend(page.records.into_iter().map(|record| record.key));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!((found.len(), found.into_iter().collect()), (10, keys.clone()), "{limit} at a time");
        }
    }
    let foreign = tables.put(&record(Operation::CreateVaultReplication, 1), &Expect::Absent).await.unwrap_err();
    assert!(foreign.to_string().contains("OFFSITE_TABLE names no table for alibaba"), "{foreign}");
    let pause = Pause { until: "2126-01-01T00:00:00Z".parse().unwrap(), reason: "refused".into() };
    let credential = CredentialName("huawei#default#AK#0011".into());
    tables.pause(&credential, &pause).await.unwrap();
    assert_eq!(site.tencent.pause_of(&credential).await.unwrap(), None);
    assert_eq!(site.huawei.pause_of(&credential).await.unwrap(), Some(pause.clone()));
    assert_eq!(tables.pause_of(&credential).await.unwrap(), Some(pause));
    // One table for all is the one ledger that it was.
    let shared = site.tables(TENCENT).unwrap();
    assert_eq!(shared.put(&record(Operation::CopyBackup, 9), &Expect::Absent).await.unwrap(), Put::Stored);
    assert_eq!(site.tencent.count().await.unwrap().get("claimed"), Some(&6));
}

#[tokio::test]
async fn a_note_belongs_to_the_cloud_of_its_rule_or_of_its_name() {
    let site = Site::open().await;
    let tables = site.tables(BOTH).unwrap();
    site.huawei.put_note("summary/old", "{}", 0).await.unwrap();
    let at = |table: &'static str| {
        if table == "tencent" { (&site.tencent, &site.huawei) } else { (&site.huawei, &site.tencent) }
    };
    for (name, table) in [
        ("summary/nightly", "tencent"),
        ("summary/vaults", "huawei"),
        ("risk/vaults/0", "huawei"),
        ("rate/huawei/default", "huawei"),
        ("tail/tencent/default/ap-guangzhou/", "tencent"),
        // The policy does not have this rule any more, and its last sweep tells where it was.
        ("risk/old/0", "huawei"),
    ] {
        assert_eq!(tables.note(name).await.unwrap(), None, "{name}");
        assert!(tables.put_note(name, "one", 0).await.unwrap(), "{name}");
        let (here, there) = at(table);
        assert_eq!(here.note(name).await.unwrap(), Some(Note { version: 1, text: "one".into() }), "{name}");
        assert_eq!(there.note(name).await.unwrap(), None, "{name}");
        assert!(
            !tables.put_note(name, "two", 0).await.unwrap() && tables.put_note(name, "two", 1).await.unwrap(),
            "{name}"
        );
        assert_eq!(tables.note(name).await.unwrap().unwrap().text, "two", "{name}");
        tables.drop_note(name).await.unwrap();
        assert_eq!(here.note(name).await.unwrap(), None, "{name}");
    }
    // What a person decides about a rule whose table is not named goes into no other one.
    let one = site.tables("tencent=offsite-tencent").unwrap();
    let refused = one.put_note("risk/vaults/0", "{}", 0).await.unwrap_err();
    assert!(refused.to_string().contains("OFFSITE_TABLE names no table for huawei"), "{refused}");
    // A note of another cloud under the same name is not this rule's.
    site.huawei.put_note("summary/nightly", "strange", 0).await.unwrap();
    assert_eq!(tables.note("summary/nightly").await.unwrap(), None);
    for table in [&site.tencent, &site.huawei] {
        table.put_note(NOTE, "{}", 0).await.unwrap();
    }
    assert_eq!(tables.everywhere(NOTE).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_of_tables_that_is_wrong_says_so() {
    let site = Site::open().await;
    for (names, part) in [
        ("tencent=offsite-tencent,offsite-huawei", "without a cloud"),
        ("nimbus=offsite-tencent", "names no cloud by \"nimbus\""),
        ("tencent=a-table,tencent=b-table", "names tencent twice"),
        ("tencent=a-table,huawei=a-table", "two clouds the table a-table"),
        ("tencent=", "must be the name or the ARN of a table"),
        ("tencent=a b", "must be the name or the ARN of a table"),
        ("tencent=arn:aws:dynamodb:eu-west-1:123456789012:table/a", "AWS_REGION is us-east-1"),
        ("offsite-tencent,", "without a cloud"),
    ] {
        let error = site.tables(names).err().unwrap_or_else(|| panic!("{names} is taken"));
        assert!(error.message.contains(part), "{names}: {}", error.message);
    }
}

/// What a person stops is stopped in each table that it concerns, and told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_brakes_and_looks_over_all_tables() {
    let site = Site::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, policy().to_json().to_string()).unwrap();
    let mut environment: Vec<(String, String)> = site.environment.variables().clone().into_iter().collect();
    environment.push(("OFFSITE_TABLE".to_owned(), BOTH.to_owned()));
    environment.push(("OFFSITE_POLICY".to_owned(), file.to_string_lossy().into_owned()));
    let held = async || {
        let mut found = Vec::new();
        for table in [&site.tencent, &site.huawei] {
            let note = table.note(NOTE).await.unwrap();
            found.push(Brake::from_text(note.as_ref().map(|note| note.text.as_str())).unwrap().entries.len());
        }
        (found[0], found[1])
    };
    let pause = ["pause", "--reason", "the bill"];
    assert_eq!(run(&[&pause[..], &["--provider", "huawei"]].concat(), &environment).await.code, 0);
    assert_eq!(held().await, (0, 1), "the other cloud's table is not touched");
    refused(&run(&[&pause[..], &["--provider", "alibaba"]].concat(), &environment).await, "no table for alibaba");
    assert_eq!(run(&[&pause[..], &["--rule", "nightly"]].concat(), &environment).await.code, 0);
    assert_eq!(run(&pause, &environment).await.code, 0);
    assert_eq!(held().await, (2, 3));
    refused(&run(&pause, &environment).await, "it is paused already");
    let report = run(&["report", "--format", "json"], &environment).await;
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let paused = |part: &str| {
        report["remarks"].as_array().unwrap().iter().filter(|said| said.as_str().unwrap().contains(part)).count()
    };
    assert_eq!(paused("everything is paused"), 1, "told once: {report}");
    assert_eq!(paused("is paused since"), 3, "{report}");

    // One of two tables has the brake only: the command finishes what was begun.
    site.huawei.put_note(NOTE, &Brake::default().to_text().unwrap(), 3).await.unwrap();
    assert_eq!(run(&pause, &environment).await.code, 0);
    assert_eq!(held().await, (2, 1));
    let resumed = run(&["resume"], &environment).await;
    assert!(resumed.code == 0 && resumed.stdout.contains("still: rule nightly is paused"), "{}", resumed.stdout);
    assert_eq!(run(&["resume", "--rule", "nightly"], &environment).await.code, 0);
    assert_eq!(held().await, (0, 0));
    refused(&run(&["resume"], &environment).await, "nothing is paused, so nothing was changed");

    site.tencent.put(&record(Operation::CopySnapshot, 1), &Expect::Absent).await.unwrap();
    site.huawei.put(&record(Operation::CopyBackup, 1), &Expect::Absent).await.unwrap();
    let shown = run(&["ledger", "show", "--all", "--format", "json"], &environment).await;
    assert_eq!((shown.code, shown.stdout.lines().count()), (0, 2), "{}{}", shown.stdout, shown.stderr);
    let doctor = run(&["doctor", "--format", "json"], &environment).await;
    let doctor: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let of = |name: &str| doctor["checks"].as_array().unwrap().iter().filter(|check| check["check"] == name).count();
    assert_eq!((of("ledger"), of("protection"), of("brake")), (2, 2, 1), "{doctor}");
}
