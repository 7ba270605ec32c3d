//! The tail on the clouds that are not Tencent: one list for what is new and what is pending, vaults as a whole, and scopes that need none.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Transport};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::schemas::{assert_fits, validator};
use crate::sweeping::Estate;

const PROJECT: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const VAULT: &str = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
/// A backup of the simulator's own inventory that is not finished.
const UNFINISHED: &str = "b1c4afd9-e7a6-4888-9010-c2bac3aa7910";

fn huawei(operation: &str) -> Value {
    json!({
        "name": "servers", "provider": "huawei", "operation": operation,
        "source": { "region": "region1", "project_id": PROJECT, "vault_id": VAULT },
        "destinations": [{ "region": "region2", "project_id": "68589cac08274b82b4e254268a3862d8",
            "vault_id": "0ca3eb86-8800-46da-9c37-9d657a825274" }],
    })
}

struct Home {
    estate: Estate,
    context: Context,
    policy: Arc<Policy>,
}

impl Home {
    async fn of(rules: &[Value]) -> Home {
        let estate = Estate::plain().await;
        estate.post(Cloud::Huawei, "seed", &json!({ "switches": { "copy_duration_s": 3_600 } })).await;
        let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap());
        let context = estate.context(&policy);
        Home { estate, context, policy }
    }

    async fn looks(&self) -> Vec<Value> {
        let payload = json!({ "action": "sweep", "depth": "recent" });
        let answer = handle(&self.context, &payload, &self.estate.invocation(60)).await.unwrap();
        assert_fits(&validator("answer"), &answer);
        answer["looked"].as_array().unwrap().clone()
    }

    async fn look(&self) -> Value {
        let looked = self.looks().await.remove(0);
        assert_eq!(looked["complete"], json!(true), "{looked}");
        looked
    }

    async fn backup(&self, id: &str, status: &str, created: Timestamp) {
        let backup = json!({ "id": id, "project_id": PROJECT, "vault_id": VAULT, "status": status, "created": created.to_string() });
        self.estate.post(Cloud::Huawei, "seed", &json!({ "remove": [id] })).await;
        self.estate.post(Cloud::Huawei, "seed", &json!({ "backups": [backup] })).await;
    }

    async fn pass(&self, seconds: u64) {
        self.estate.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// How often an action of Huawei was asked for.
    fn asked(&self, action: &str) -> u64 {
        self.estate.simulators.state()["calls"]["huawei"][action].as_u64().unwrap_or_default()
    }
}

fn id(at: usize) -> String {
    format!("00000000-0000-4000-8000-{at:012}")
}

#[tokio::test]
async fn on_huawei_one_list_shows_what_is_new_and_what_is_pending() {
    let home = Home::of(&[huawei("copy-backup")]).await;
    let looked = home.look().await;
    assert_eq!((&looked["started"], &looked["pending"]), (&json!(0), &json!(1)), "{looked}");
    let begun = home.estate.clock.now();
    home.backup(&id(1), "protecting", begun).await;
    home.backup(&id(2), "available", begun).await;
    home.pass(60).await;
    let looked = home.look().await;
    assert_eq!(
        (&looked["started"], &looked["pending"], &looked["requests"]),
        (&json!(1), &json!(2), &json!(1)),
        "{looked}"
    );
    // Hours later one of them is finished, and the mark has gone on.
    home.pass(7_200).await;
    home.backup(&id(3), "available", home.estate.clock.now()).await;
    home.pass(60).await;
    assert_eq!(home.look().await["started"], json!(1));
    home.backup(&id(1), "available", begun).await;
    home.pass(60).await;
    let looked = home.look().await;
    assert_eq!(
        (&looked["started"], &looked["pending"], &looked["requests"]),
        (&json!(1), &json!(1), &json!(1)),
        "{looked}"
    );
    // One that goes is asked for by itself, and is the full sweep's from then on.
    home.estate.post(Cloud::Huawei, "seed", &json!({ "remove": [UNFINISHED] })).await;
    home.pass(60).await;
    let looked = home.look().await;
    assert_eq!((&looked["pending"], &looked["requests"]), (&json!(0), &json!(2)), "{looked}");
}

/// Of what the limit allows. The listing shows it newest first.
#[tokio::test]
async fn what_was_finished_first_is_started_first_but_no_server_twice_before_another_once() {
    let mut rule = huawei("copy-backup");
    rule["limits"] = json!({ "max_new_per_sweep": 2 });
    let home = Home::of(&[rule]).await;
    home.look().await;
    let begun = home.estate.clock.now();
    let after = |seconds| (begun + jiff::SignedDuration::from_secs(seconds)).to_string();
    let row = |(at, server, created, finished): (usize, &str, i64, i64)| {
        json!({ "id": id(at), "project_id": PROJECT, "vault_id": VAULT, "resource_id": server,
            "created": after(created), "updated": after(finished) })
    };
    let rows = [(1, "server-a", 1, 10), (2, "server-a", 4, 40), (3, "server-b", 3, 30), (4, "server-c", 2, 20)];
    home.pass(60).await;
    home.estate.post(Cloud::Huawei, "seed", &json!({ "backups": rows.map(row) })).await;
    assert_eq!(home.look().await["started"], json!(2));
    let copied = home.estate.simulators.state()["replications"].to_string();
    let started: Vec<usize> = (1..=4).filter(|at| copied.contains(&id(*at))).collect();
    assert_eq!(started, [3, 4], "{copied}");
}

#[tokio::test]
async fn what_lies_beyond_ten_pages_is_asked_for_one_by_one() {
    let home = Home::of(&[huawei("copy-backup")]).await;
    home.look().await;
    home.pass(3_600).await;
    let now = home.estate.clock.now();
    for from in [10, 560] {
        let begun = home.estate.clock.now().to_string();
        let row = |at: usize| json!({ "id": id(at), "project_id": PROJECT, "vault_id": "5b5816b5-f29c-4172-9d9a-76c719a659ce", "created": begun });
        let backups: Vec<Value> = (from..from + 550).map(row).collect();
        home.estate.post(Cloud::Huawei, "seed", &json!({ "backups": backups })).await;
        home.pass(60).await;
        home.look().await;
        // One that is newer moves the mark on, so that these are not listed any more.
        home.pass(1_800).await;
        home.backup(&id(5_000 + from), "available", home.estate.clock.now()).await;
        home.look().await;
    }
    home.pass(3_600).await;
    home.backup(&id(1), "available", home.estate.clock.now()).await;
    home.pass(60).await;
    home.look().await;
    home.backup(UNFINISHED, "available", now - jiff::SignedDuration::from_secs(3_630)).await;
    let before = home.asked("ShowBackup");
    let looked = home.look().await;
    assert_eq!((&looked["started"], &looked["pending"]), (&json!(1), &json!(0)), "{looked}");
    // Once as pending, and once as the read-back that goes before every call.
    assert!(home.asked("ShowBackup") > before + 1, "{looked}");
}

#[tokio::test]
async fn a_whole_vault_is_called_for_once_between_two_full_sweeps() {
    let home = Home::of(&[huawei("copy-checkpoint")]).await;
    home.look().await;
    for at in 0..3 {
        home.backup(&id(at), "available", home.estate.clock.now()).await;
        home.pass(60).await;
        home.look().await;
    }
    assert_eq!(home.asked("CopyCheckpoint"), 1);
    handle(&home.context, &json!({ "action": "sweep" }), &home.estate.invocation(3_600)).await.unwrap();
    let after_sweep = home.asked("CopyCheckpoint");
    home.backup(&id(9), "available", home.estate.clock.now()).await;
    home.pass(60).await;
    home.look().await;
    // The vault may be busy with the call before, so this one is repeated; it is one call all the same.
    let again = home.asked("CopyCheckpoint");
    assert!(again > after_sweep, "{again}");
    home.backup(&id(10), "available", home.estate.clock.now()).await;
    home.pass(60).await;
    home.look().await;
    assert_eq!(home.asked("CopyCheckpoint"), again);
}

/// A cloud that says nothing, and tells that it was asked.
#[derive(Default)]
struct Mute(Notify);

impl Transport for Mute {
    fn send(&self, _request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        self.0.notify_one();
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_whole_vault_is_not_called_for_beside_a_running_sweep() {
    let home = Home::of(&[huawei("copy-checkpoint")]).await;
    home.look().await;
    home.backup(&id(1), "available", home.estate.clock.now()).await;
    let mute = Arc::new(Mute::default());
    let mut sweeping = home.estate.context(&home.policy);
    sweeping.ports.transport = mute.clone();
    let (sweep, invocation) = (json!({ "action": "sweep" }), home.estate.invocation(900));
    tokio::select! {
        _ = handle(&sweeping, &sweep, &invocation) => panic!("it came to an end"),
        () = mute.0.notified() => {}
    }
    home.pass(60).await;
    let looked = home.look().await;
    assert_eq!((&looked["started"], &looked["left"]), (&json!(0), &json!(1)), "{looked}");
    assert_eq!(home.asked("CopyCheckpoint"), 0);
    // The twin: the sweep's time is over.
    home.pass(900).await;
    home.backup(&id(2), "available", home.estate.clock.now()).await;
    home.look().await;
    assert_eq!(home.asked("CopyCheckpoint"), 1);
}

#[tokio::test]
async fn a_standing_pair_and_a_list_without_an_order_need_no_request() {
    let pair = json!({
        "name": "files", "provider": "alibaba", "source": { "region": "cn-hangzhou", "vault_id": "v-0001aa2b3c4d5e6f7g8h" },
        "destinations": [{ "region": "cn-beijing", "vault_id": "v-0002zz9y8x7w6v5u4t3s" }],
    });
    let legacy = json!({
        "name": "legacy", "provider": "huawei", "operation": "copy-checkpoint-item",
        "source": { "region": "cn-north-1", "project_id": "4800fde9-66f8-4458-b805-4c01066b9568" },
        "destinations": [{ "region": "cn-east-2", "project_id": "e0b97bac-532c-4c51-96fa-4b3a32253be4" }],
    });
    let home = Home::of(&[pair, legacy]).await;
    let states: Vec<Value> =
        home.looks().await.iter().map(|one| json!([one["state"], one["complete"], one["requests"]])).collect();
    assert_eq!(states, [json!(["standing", true, 0]), json!(["left_to_sweep", true, 0])]);
    let calls = home.estate.simulators.state()["calls"].to_string();
    assert_eq!(calls, r#"{"alibaba":{},"huawei":{},"tencent":{}}"#);
}
