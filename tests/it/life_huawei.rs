//! Life histories of a server on Huawei Cloud, whose replicas do not name what they are copies of.

use std::sync::Arc;
use std::time::Duration;

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::report::RuleReport;
use serde_json::{Value, json};

use crate::sweeping::Estate;

const PROJECT: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";
const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";
const BACKUP: &str = "00000000-0000-4000-a000-000000000001";

struct Server {
    estate: Estate,
    policy: Arc<Policy>,
    context: Context,
}

impl Server {
    /// One backup of one server, and a sweep that starts its copy.
    async fn begin() -> Server {
        Server::under(json!([])).await
    }

    /// The same, under these faults.
    async fn under(faults: Value) -> Server {
        let policy = json!({ "version": 1, "rules": [{
            "name": "servers", "provider": "huawei", "operation": "copy-backup", "objective": { "max_lag": "24h" },
            "limits": { "allow_empty": true, "restart_lost": true },
            "source": { "region": "cn-north-4", "project_id": PROJECT, "vault_id": VAULT },
            "destinations": [{
                "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564",
                "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02",
            }],
        }] });
        let policy = Arc::new(Policy::from_json(&policy).unwrap());
        let estate = Estate::plain().await;
        let seed = json!({
            "switches": { "copy_duration_s": 3_600 }, "vaults": [{ "id": VAULT, "project_id": PROJECT }],
            "backups": [{ "id": BACKUP, "project_id": PROJECT, "vault_id": VAULT, "name": "nightly" }],
        });
        estate.post(Cloud::Huawei, "seed", &seed).await;
        let context = estate.context(&policy);
        let server = Server { estate, policy, context };
        server.fault(faults).await;
        server.sweep().await;
        server
    }

    async fn fault(&self, faults: Value) {
        self.estate.post(Cloud::Huawei, "faults", &json!({ "clear": true, "faults": faults })).await;
    }

    async fn sweep(&self) -> Value {
        let invocation = self.estate.invocation(3_600);
        handle(&self.context, &json!({ "action": "sweep" }), &invocation).await.unwrap()["swept"][0].clone()
    }

    /// Time for the copy to end, and a look at it.
    async fn arrive(&self) {
        self.estate.clock.sleep(Duration::from_secs(3_660)).await;
        handle(&self.context, &json!({ "action": "observe" }), &self.estate.invocation(600)).await.unwrap();
    }

    async fn report(&self) -> RuleReport {
        self.estate.report(&self.policy).await.rules.remove(0)
    }

    /// How many copies the queue was told that we began.
    async fn started(&self) -> usize {
        let ours = |event: &&Value| {
            event["type"] == json!("offsite.replication.accepted") && event["data"]["adopted"] == json!(false)
        };
        self.estate.receipts().await.iter().filter(ours).count()
    }

    async fn remove(&self, id: &str) {
        self.estate.post(Cloud::Huawei, "seed", &json!({ "remove": [id] })).await;
    }
}

#[tokio::test]
async fn a_copy_whose_source_is_gone_is_found_by_its_task() {
    let server = Server::begin().await;
    server.remove(BACKUP).await;
    let swept = server.sweep().await;
    assert_eq!((&swept["counts"]["in_progress"], &swept["counts"]["missed"]), (&json!(1), &json!(0)), "{swept}");
    server.arrive().await;
    server.sweep().await;
    let report = server.report().await;
    assert_eq!((report.resources.protected, report.resources.unprotected), (1, 0), "{report:?}");
    assert_eq!(report.counts.missed, 0, "what was accepted is never told as never copied");
}

#[tokio::test]
async fn a_lost_copy_is_made_again_although_the_source_still_records_the_first_one() {
    let server = Server::begin().await;
    server.arrive().await;
    let receipts = server.estate.receipts().await;
    let copy =
        receipts.iter().find_map(|event| event["data"]["evidence"]["destination_id"].as_str()).unwrap().to_owned();
    server.remove(&copy).await;
    let swept = server.sweep().await;
    assert_eq!((&swept["started"], &swept["counts"]["in_progress"]), (&json!(1), &json!(1)), "{swept}");
    let made = || {
        let state = server.estate.simulators.state();
        let rows = state["replications"].as_array().unwrap().clone();
        rows.iter().find(|row| row["source"] == json!(BACKUP)).unwrap()["created"].clone()
    };
    assert_eq!(made(), json!(2), "it is a new copy, and not the record of the first one");
    server.arrive().await;
    server.sweep().await;
    assert_eq!(server.report().await.counts.replicated, 1);
}

#[tokio::test]
async fn what_failed_and_was_refused_then_is_made_once_its_cause_has_ended() {
    for ended in [false, true] {
        let server = Server::under(json!([{ "action": "CopyBackup", "kind": "fail_later", "times": 1 }])).await;
        server.arrive().await;
        server.fault(json!([{ "action": "CopyBackup", "kind": "code", "code": "BackupService.6114" }])).await;
        server.estate.clock.sleep(Duration::from_secs(3_600)).await;
        let swept = server.sweep().await;
        assert_eq!((&swept["refused"], &swept["counts"]["refused"]), (&json!(1), &json!(1)), "{swept}");
        if ended {
            server.fault(json!([])).await;
        }
        server.estate.clock.sleep(Duration::from_secs(16 * 60)).await;
        assert_eq!(server.sweep().await["started"], json!(u8::from(ended)));
    }
}

#[tokio::test]
async fn what_a_sweep_finds_it_has_not_started() {
    for found in [false, true] {
        let server = Server::begin().await;
        server.arrive().await;
        let receipts = server.estate.receipts().await;
        let copy = receipts.iter().find_map(|event| event["data"]["evidence"]["destination_id"].as_str()).unwrap();
        server.fault(json!([{ "action": "CopyBackup", "kind": "fail_later", "times": 1 }])).await;
        server.remove(copy).await;
        assert_eq!(server.sweep().await["started"], json!(1), "the lost copy is made again");
        server.estate.clock.sleep(Duration::from_secs(3_660)).await;
        // The new one has failed. Whoever has an empty ledger finds the source's record of the first one, and begins nothing.
        let after =
            if found { server.estate.without_memory(&server.policy) } else { server.estate.context(&server.policy) };
        let before = server.started().await;
        let answer = handle(&after, &json!({ "action": "sweep" }), &server.estate.invocation(3_600)).await.unwrap();
        assert_eq!(answer["swept"][0]["started"], json!(server.started().await - before), "{answer}");
        assert_eq!(answer["swept"][0]["counts"]["in_progress"], json!(u8::from(found)), "{answer}");
    }
}
