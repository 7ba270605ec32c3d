//! How the handler conducts itself: refusals, verdicts, refused credentials, dry runs, repeated commands.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use fastrand::Rng;
use offsite_shared::handler::handle;
use offsite_shared::ledger::State;
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use super::ports::{Fault, Kind, Process, Step};
use super::world::{Clouds, Home, Store, batch, command, replication};
use crate::ledger::stores::mutating_calls;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_with_other_options_is_a_named_error() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let first = command(Operation::CopyBackup, &mut Rng::with_seed(1));
    clouds.ask(&store, &first).await.unwrap();
    let key = replication(&first).key();
    let before = store.ledger.get(&key).await.unwrap();
    let mut named = first.clone();
    named["options"] = json!({ "name": "another" });
    let mut elsewhere = first.clone();
    elsewhere["destinations"][0]["vault_id"] = json!("11111111-2222-4333-8444-555555555555");
    for other in [named, elsewhere] {
        let process = Process::new(None, &clouds.clock);
        let context = clouds.context(&store.ledger, &store.emitter, &process);
        let error = handle(&context, &other, &clouds.invocation()).await.unwrap_err();
        assert_eq!(error.name.name(), "Offsite.InvalidCommand");
        assert!(error.message.contains("with other options"), "{error:?}");
        let [mutating, reads, _, sends] = process.tally.counts();
        assert_eq!((mutating, reads, sends), (0, 0, 0), "no call, no message");
        assert_eq!(store.ledger.get(&key).await.unwrap(), before, "and the record stays as it was");
    }
    assert_eq!(clouds.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_is_not_the_backup_s_is_tried_again_every_five_minutes_and_uses_up_no_attempt() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let command = command(Operation::CopySnapshot, &mut Rng::with_seed(2));
    let fault = json!({ "faults": [{ "action": "CopySnapshotCrossRegions", "kind": "code", "code": "InsufficientSnapshotQuota" }] });
    clouds.admin(Cloud::Tencent, "faults", &fault).await;
    let mut calls = 0;
    for minutes in [5; 7] {
        calls += 1;
        let error = clouds.ask(&store, &command).await.unwrap_err();
        assert!(error.message.contains("InsufficientSnapshotQuota"), "{error:?}");
        assert_eq!((error.name.name(), mutating_calls(&clouds)), ("Offsite.Rejected", calls));
        // Just before its time nothing is asked.
        clouds.clock.sleep(Duration::from_secs(minutes * 60 - 20)).await;
        let error = clouds.ask(&store, &command).await.unwrap_err();
        assert!(error.message.contains("it may be tried again after"), "{error:?}");
        assert_eq!(mutating_calls(&clouds), calls);
        clouds.clock.sleep(Duration::from_secs(30)).await;
    }
    clouds.admin(Cloud::Tencent, "faults", &json!({ "faults": [], "clear": true })).await;
    let answer = clouds.ask(&store, &command).await.unwrap();
    assert_eq!((&answer["results"][0]["attempt"], clouds.count()), (&json!(1), 1), "the quota was raised: {answer}");
    let refused = |message: &&Value| message["type"] == "offsite.replication.refused";
    assert_eq!(store.messages().await.iter().filter(refused).count(), 1, "one cause is told once");
    let record = store.ledger.get(&replication(&command).key()).await.unwrap().unwrap();
    let refusals = record.history.iter().filter(|entry| entry.state == State::Refused && entry.request_id.is_some());
    assert_eq!(refusals.map(|entry| entry.attempt).collect::<Vec<_>>(), [1; 7], "the attempt keeps its number");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_attempt_may_succeed() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let command = command(Operation::CopySnapshot, &mut Rng::with_seed(3));
    let fault = json!({ "faults": [{ "action": "CopySnapshotCrossRegions", "kind": "code", "code": "InsufficientSnapshotQuota", "times": 1 }] });
    clouds.admin(Cloud::Tencent, "faults", &fault).await;
    clouds.ask(&store, &command).await.unwrap_err();
    clouds.clock.sleep(Duration::from_secs(301)).await;
    let answer = clouds.ask(&store, &command).await.unwrap();
    assert_eq!(answer["results"][0]["attempt"], 1);
    let messages = store.messages().await;
    let told: Vec<&Value> = messages.iter().map(|message| &message["data"]["state"]).collect();
    assert_eq!((clouds.count(), told), (1, vec![&json!("refused"), &json!("accepted")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_is_a_verdict_and_is_not_asked_again_and_again() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let mut rng = Rng::with_seed(4);
    let (volume, copy) = (command(Operation::CopyBackup, &mut rng), command(Operation::CopySnapshot, &mut rng));
    let backup = json!({
        "id": volume["source"]["backup_id"], "project_id": volume["source"]["project_id"],
        "vault_id": "11111111-2222-4333-8444-555555555555", "resource_type": "OS::Cinder::Volume",
    });
    clouds.admin(Cloud::Huawei, "seed", &json!({ "backups": [backup] })).await;
    let snapshot = json!({ "snapshot_id": copy["source"]["snapshot_id"], "region": "ap-guangzhou", "recycled": true });
    clouds.admin(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot] })).await;
    for (command, reason) in [(volume, "only server backups can be copied"), (copy, "is in the recycle bin")] {
        let error = clouds.ask(&store, &command).await.unwrap_err();
        assert!(error.message.contains(reason), "{error:?}");
        // For a queue it is done: no retry changes it.
        let process = Process::new(None, &clouds.clock);
        let context = clouds.context(&store.ledger, &store.emitter, &process);
        let answer = handle(&context, &batch(std::slice::from_ref(&command)), &clouds.invocation()).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        let [mutating, reads, _, sends] = process.tally.counts();
        assert_eq!((mutating, reads, sends), (0, 0, 0), "answered from the ledger");
        // After a day the source is looked at again.
        clouds.clock.sleep(Duration::from_secs(86_401)).await;
        clouds.ask(&store, &command).await.unwrap_err();
        let record = store.ledger.get(&replication(&command).key()).await.unwrap().unwrap();
        assert_eq!((record.state, record.attempt), (State::Ineligible, 1));
    }
    assert_eq!(mutating_calls(&clouds), 0);
}

/// A copy and a shared snapshot: no document forbids it, so who names one has it asked, and the API decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explicit_command_may_copy_a_copy_and_what_is_shared() {
    for (refused_by, kind) in [
        (None, "copy_from_remote"),
        (Some("InvalidSnapshot.NotSupported"), "shared"),
        (Some("UnsupportedOperation"), "copy_from_remote"),
    ] {
        let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
        let command = command(Operation::CopySnapshot, &mut Rng::with_seed(4));
        let mut snapshot = json!({ "snapshot_id": command["source"]["snapshot_id"], "region": "ap-guangzhou" });
        snapshot[kind] = json!(true);
        let switches = json!({ "refuse_copy_of_copy": refused_by.is_some() });
        clouds.admin(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot], "switches": switches })).await;
        let answer = clouds.ask(&store, &command).await;
        assert_eq!(mutating_calls(&clouds), 1, "{kind}: the API is asked");
        if let Some(code) = refused_by {
            let error = answer.unwrap_err();
            assert!(error.message.contains(code), "{error:?}");
        } else {
            let answer = answer.unwrap();
            assert_eq!(answer["results"][0]["state"], "accepted", "{kind}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_credential_is_paused_for_every_function_that_shares_the_ledger() {
    for (operation, secret) in [
        (Operation::CopySnapshot, "TENCENTCLOUD_SECRET_KEY"),
        (Operation::CopyBackup, "HUAWEICLOUD_SDK_SK"),
        (Operation::CreateVaultReplication, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    ] {
        for home in [Home::Sqlite, Home::Dynamo] {
            let (clouds, store) = (Clouds::plain().await, Store::open(home).await);
            let wrong = clouds.environment.clone().with(secret, "this-is-not-the-secret");
            let mut rng = Rng::with_seed(5);
            let commands: Vec<Value> = (0..20).map(|_| command(operation, &mut rng)).collect();
            let process = || Process::new(None, &clouds.clock);
            let (one, two) = (process(), process());
            let context = clouds.context_with(&store.ledger, &store.emitter, &one, &wrong);
            let answer = handle(&context, &batch(&commands), &clouds.invocation()).await.unwrap();
            assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 20);
            let sent = one.tally.counts();
            assert!(sent[0] + sent[1] < 5, "five bad signatures lock a key, and {sent:?} were sent");
            // Another process with the same credential does not try it; one with the right one does.
            let context = clouds.context_with(&store.ledger, &store.emitter, &two, &wrong);
            let error = handle(&context, &commands[0], &clouds.invocation()).await.unwrap_err();
            assert!(error.message.contains("paused until"), "{error:?}");
            assert!(!error.message.contains("this-is-not-the-secret"), "{error:?}");
            assert_eq!(two.tally.counts(), [0, 0, 0, 0]);
            // The pause ends.
            clouds.clock.sleep(Duration::from_secs(301)).await;
            let error = handle(&context, &commands[1], &clouds.invocation()).await.unwrap_err();
            assert!(!error.message.contains("paused until"), "{error:?}");
            assert_ne!(two.tally.counts(), [0, 0, 0, 0]);
            let answer = clouds.ask(&store, &commands[0]).await.unwrap();
            assert_eq!((&answer["results"][0]["state"], clouds.count()), (&json!("accepted"), 1), "{operation:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing_and_tells_what_there_is() {
    for operation in Operation::ALL {
        let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
        let command = command(operation, &mut Rng::with_seed(6));
        let mut dry = command.clone();
        dry["dry_run"] = json!(true);
        let look = |store: &Store| {
            let process = Process::new(None, &clouds.clock);
            let context = clouds.context(&store.ledger, &store.emitter, &process);
            let (invocation, dry) = (clouds.invocation(), dry.clone());
            async move {
                let answer = handle(&context, &dry, &invocation).await.unwrap();
                let [mutating, _, writes, sends] = process.tally.counts();
                assert_eq!((mutating, writes, sends), (0, 0, 0), "{operation:?}");
                let result = &answer["results"][0];
                assert_eq!(result["state"], "dry_run", "{result}");
                (result["would"].as_str().unwrap().to_owned(), result["replication_id"].clone())
            }
        };
        assert_eq!(look(&store).await.0, "start", "{operation:?}");
        assert_eq!((clouds.count(), store.ledger.get(&replication(&command).key()).await.unwrap()), (0, None));
        let answer = clouds.ask(&store, &command).await.unwrap();
        let id = &answer["results"][0]["replication_id"];
        let (would, told) = look(&store).await;
        // The record of a vault-wide call has no list of its copies.
        let known = if operation == Operation::CopyCheckpoint { &Value::Null } else { id };
        assert_eq!((would.as_str(), &told), ("replay", known), "{operation:?}");
        // A ledger that knows nothing finds it at the provider.
        let (would, told) = look(&Store::open(Home::Sqlite).await).await;
        let id = if operation == Operation::CreateVaultReplication { &Value::Null } else { id };
        assert_eq!((would.as_str(), &told), ("adopt", id), "{operation:?}");
    }
}

/// Nothing was asked of the provider, and so much was sent to the queue.
#[track_caller]
fn asks_nobody(process: &Process, sends: u32, operation: Operation) {
    let [mutating, reads, _, sent] = process.tally.counts();
    assert_eq!((mutating, reads, sent), (0, 0, sends), "{operation:?}: no provider call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_command_is_answered_from_the_ledger_with_the_same_receipt_and_event() {
    for (home, kind) in
        [(Home::Sqlite, Kind::Error), (Home::Sqlite, Kind::TimeoutAfter), (Home::Dynamo, Kind::TimeoutAfter)]
    {
        for operation in Operation::ALL {
            let (clouds, store) = (Clouds::plain().await, Store::open(home).await);
            let command = command(operation, &mut Rng::with_seed(7));
            let fault = Fault {
                step: Step::Emit,
                kind,
                after: false,
                flavour: 0,
                left: AtomicU32::new(1),
                hits: AtomicU32::new(0),
            };
            let first = Process::new(Some(Arc::new(fault)), &clouds.clock);
            let ask = |process: &Arc<Process>| {
                let context = clouds.context(&store.ledger, &store.emitter, process);
                let (invocation, command) = (clouds.invocation(), command.clone());
                async move { handle(&context, &command, &invocation).await.unwrap()["results"].clone() }
            };
            let told = ask(&first).await;
            assert_eq!(told[0]["queued"], false, "{operation:?}");
            let mut ids = Vec::new();
            for sends in [1, 0, 0] {
                let process = Process::new(None, &clouds.clock);
                let again = ask(&process).await;
                if operation == Operation::CopyCheckpoint {
                    // The vault's record has no list of its copies.
                    let fields = ["copies", "queued", "replayed"].map(|field| again[0][field].clone());
                    assert_eq!((fields, again.as_array().unwrap().len()), ([json!(3), json!(true), json!(true)], 1));
                }
                let same = |_: &(&Value, &Value)| operation != Operation::CopyCheckpoint;
                for (one, other) in told.as_array().unwrap().iter().zip(again.as_array().unwrap()).filter(same) {
                    for field in
                        ["replication_id", "request_id", "source", "destination", "attempt", "adopted", "state"]
                    {
                        assert_eq!(one[field], other[field], "{operation:?} {field}");
                    }
                    assert_eq!((&other["queued"], &other["replayed"]), (&json!(true), &json!(true)));
                }
                asks_nobody(&process, sends, operation);
                ids = store.messages().await.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
            }
            let copies = told.as_array().unwrap().len();
            let sent = if kind == Kind::Error { copies } else { 2 * copies };
            assert_eq!(ids.len(), sent, "{operation:?}");
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), copies, "{operation:?}: what is sent twice has one ID");
        }
    }
}
