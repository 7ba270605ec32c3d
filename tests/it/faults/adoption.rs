//! What exists is adopted: copies made before Offsite came, copies that a conflict code tells of, copies that become visible late.

use std::time::Duration;

use fastrand::Rng;
use offsite_shared::handler::handle;
use offsite_shared::ledger::State;
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use super::world::{Clouds, Home, Store, Weakness, batch, command, http, replication};
use crate::ledger::stores::mutating_calls;

const ONE_COPY: [Operation; 4] =
    [Operation::CreateVaultReplication, Operation::CopyBackup, Operation::CopyCheckpointItem, Operation::CopySnapshot];

async fn clouds(switches: Value) -> Clouds {
    Clouds::start(&http(), 3, &switches, Weakness::default()).await
}

/// Another ledger that knows nothing: for it the copy was made before Offsite came.
async fn made_before(clouds: &Clouds, command: &Value) -> Value {
    let answer = clouds.ask(&Store::open(Home::Sqlite).await, command).await.unwrap();
    answer["results"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_made_before_are_adopted() {
    for operation in ONE_COPY {
        let clouds = clouds(json!({ "copy_duration_s": 0 })).await;
        let command = command(operation, &mut Rng::with_seed(1));
        let before = made_before(&clouds, &command).await;
        clouds.clock.sleep(Duration::from_secs(30 * 86_400)).await;
        let store = Store::open(Home::Sqlite).await;
        let answer = clouds.ask(&store, &command).await.unwrap();
        let result = &answer["results"][0];
        // No API gives a pair's TaskId back.
        let id =
            if operation == Operation::CreateVaultReplication { Value::Null } else { before["replication_id"].clone() };
        assert_eq!((&result["adopted"], &result["replication_id"]), (&json!(true), &id), "{operation:?}: {result}");
        assert_eq!((clouds.count(), mutating_calls(&clouds)), (1, 1), "{operation:?}");
        let messages = store.messages().await;
        assert_eq!((messages.len(), &messages[0]["data"]["replication_id"]), (1, &id), "{operation:?}");
        assert_eq!(messages[0]["data"]["adopted"], true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_with_tencents_default_name_is_adopted() {
    for filter in ["exact", "prefix", "substring"] {
        let clouds = clouds(json!({ "name_filter": filter })).await;
        let command = command(Operation::CopySnapshot, &mut Rng::with_seed(2));
        let source = command["source"]["snapshot_id"].as_str().unwrap();
        let snapshot = |id: &str, name: String, remote: bool| json!({ "snapshot_id": id, "region": "ap-singapore", "name": name, "copy_from_remote": remote });
        // Names that a loose filter lets through, and a snapshot that only has the name.
        let snapshots = [
            snapshot("snap-longer001", format!("Copied {source} from ap-guangzhou-1"), true),
            snapshot("snap-before01", format!("x Copied {source} from ap-guangzhou"), true),
            snapshot("snap-nocopy01", format!("Copied {source} from ap-guangzhou"), false),
            snapshot("snap-right001", format!("Copied {source} from ap-guangzhou"), true),
        ];
        clouds.admin(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
        let answer = clouds.ask(&Store::open(Home::Sqlite).await, &command).await.unwrap();
        let result = &answer["results"][0];
        assert_eq!(
            (&result["replication_id"], &result["adopted"]),
            (&json!("snap-right001"), &json!(true)),
            "{filter}: {result}"
        );
        assert_eq!(mutating_calls(&clouds), 0, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_whose_backups_are_all_copied_is_no_work() {
    let clouds = clouds(json!({ "copy_duration_s": 0 })).await;
    let command = command(Operation::CopyCheckpoint, &mut Rng::with_seed(3));
    made_before(&clouds, &command).await;
    clouds.clock.sleep(Duration::from_secs(86_400)).await;
    let store = Store::open(Home::Sqlite).await;
    let answer = clouds.ask(&store, &command).await.unwrap();
    assert_eq!(answer["results"][0]["state"], "no_work", "{answer}");
    assert_eq!((clouds.count(), store.messages().await.len()), (3, 0));
    let record = store.ledger.get(&replication(&command).key()).await.unwrap().unwrap();
    assert_eq!(record.state, State::NoWork);
}

/// The copy is there and cannot be seen yet: the call is refused with the conflict, which is no verdict but a reason to look again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflict_codes_lead_to_adoption() {
    let late = |more: Value| {
        let mut switches = json!({ "copy_duration_s": 100_000, "record_visible_delay_s": 100, "visibility_delay_s": 100, "copying_to_regions": false });
        switches.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        switches
    };
    let cases = [
        ("BackupService.1009", Operation::CopyBackup, late(json!({}))),
        ("CSBS.6031", Operation::CopyCheckpointItem, late(json!({}))),
        ("BackupService.1009", Operation::CopyCheckpointItem, late(json!({ "copy_duration_s": 0 }))),
        ("ResourceInUse.CopySnapshotConflict", Operation::CopySnapshot, late(json!({}))),
        ("ResourceInUse.CopySnapshotConflict", Operation::CopySnapshot, late(json!({ "conflict_fails_call": true }))),
        (
            "ResourceInUse.CopySnapshotConflict",
            Operation::CopySnapshot,
            late(json!({ "copy_duration_s": 0, "double_finished": false })),
        ),
        ("SourceVaultAlreadyHasReplication", Operation::CreateVaultReplication, late(json!({}))),
    ];
    for (code, operation, switches) in cases {
        let clouds = clouds(switches).await;
        let command = command(operation, &mut Rng::with_seed(4));
        let before = made_before(&clouds, &command).await;
        adopts_after(&clouds, &command, code, &before).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_nonce_is_a_doubt_and_not_a_refusal() {
    let clouds = clouds(json!({ "visibility_delay_s": 100 })).await;
    let command = command(Operation::CreateVaultReplication, &mut Rng::with_seed(5));
    let before = made_before(&clouds, &command).await;
    let fault = json!({ "faults": [{ "action": "CreateVaultReplication", "kind": "code", "code": "SignatureNonceUsed", "times": 1 }] });
    clouds.admin(Cloud::Alibaba, "faults", &fault).await;
    adopts_after(&clouds, &command, "SignatureNonceUsed", &before).await;
}

/// In doubt for this code as long as nothing can be seen, adopted afterwards; one copy and one conflicting call in all.
async fn adopts_after(clouds: &Clouds, command: &Value, code: &str, before: &Value) {
    let store = Store::open(Home::Sqlite).await;
    let key = replication(command).key();
    let error = clouds.ask(&store, command).await.unwrap_err();
    assert_eq!(error.name.name(), "Offsite.InDoubt", "{code}: {error:?}");
    assert!(error.message.contains(code), "{code}: {error:?}");
    assert_eq!(mutating_calls(clouds), 2, "{code}");
    let record = store.ledger.get(&key).await.unwrap().unwrap();
    assert!(record.history.iter().any(|entry| entry.code.as_deref() == Some(code)), "{code}: {:?}", record.history);
    clouds.clock.sleep(Duration::from_secs(1_000)).await;
    let answer = clouds.ask(&store, command).await.unwrap();
    let result = &answer["results"][0];
    let id = if result["provider"] == "alibaba" { Value::Null } else { before["replication_id"].clone() };
    assert_eq!((&result["adopted"], &result["replication_id"]), (&json!(true), &id), "{code}: {result}");
    assert_eq!((mutating_calls(clouds), clouds.count()), (2, 1), "{code}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_called_again_before_the_wait_for_visibility() {
    for (operation, action) in [
        (Operation::CopySnapshot, "CopySnapshotCrossRegions"),
        (Operation::CopyBackup, "CopyBackup"),
        (Operation::CopyCheckpoint, "CopyCheckpoint"),
        (Operation::CopyCheckpointItem, "CopyCheckpointItem"),
        (Operation::CreateVaultReplication, "CreateVaultReplication"),
    ] {
        let clouds = clouds(json!({})).await;
        let store = Store::open(Home::Sqlite).await;
        let command = command(operation, &mut Rng::with_seed(6));
        let fault = json!({ "faults": [{ "action": action, "kind": "reset_before", "times": 1 }] });
        clouds.admin(operation.cloud(), "faults", &fault).await;
        for _ in 0..4 {
            let error = clouds.ask(&store, &command).await.unwrap_err();
            assert_eq!(error.name.name(), "Offsite.InDoubt", "{error:?}");
            clouds.clock.sleep(Duration::from_secs(60)).await;
        }
        clouds.clock.sleep(Duration::from_secs(1_000)).await;
        let error = clouds.ask(&store, &command).await.unwrap_err();
        assert_eq!(error.name.name(), "Offsite.InDoubt", "{error:?}");
        assert_eq!(clouds.count(), 0, "{operation:?}: nobody called again");
        clouds.clock.sleep(Duration::from_secs(60)).await;
        let process = super::ports::Process::new(None, &clouds.clock);
        let context = clouds.context(&store.ledger, &store.emitter, &process);
        let answer = handle(&context, &batch(&[command]), &clouds.invocation()).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        let wanted = if operation == Operation::CopyCheckpoint { 3 } else { 1 };
        assert_eq!((clouds.count(), process.tally.counts()[0]), (wanted, 1), "{operation:?}");
    }
}
