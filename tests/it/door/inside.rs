//! What follows from what was let in: a read, and what the policy says of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use super::{World, smn, webhooks};
use crate::faults::ports::Process;
use crate::faults::world::{Clouds, Home, Store, Weakness, batch, http};
use crate::schemas::{assert_fits, validator};

const PROJECT: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const VAULT: &str = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
const THERE: &str = "68589cac08274b82b4e254268a3862d8";
const TARGET: &str = "0ca3b1d2-0000-4000-8000-000000000001";
const BACKUP: &str = "00000000-0000-4000-8000-0000000000d5";

/// Clouds with snapshots, and a policy that wants those whose name begins with `web-`.
struct House {
    clouds: Clouds,
    store: Store,
    notes: Arc<MemoryLedger>,
    policy: Arc<Policy>,
}

impl House {
    async fn new() -> House {
        let switches = json!({ "copy_duration_s": 0, "any_source": false });
        let clouds = Clouds::start(&http(), 23, &switches, Weakness::default()).await;
        let rules = json!([{
            "name": "web", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "web-" } },
            "destinations": [{ "region": "ap-beijing" }],
        }, {
            "name": "servers", "provider": "huawei", "operation": "copy-backup",
            "source": { "region": "cn-north-4", "project_id": PROJECT, "vault_id": VAULT },
            "destinations": [{ "region": "cn-east-3", "project_id": THERE, "vault_id": TARGET }],
        }]);
        let policy = Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap();
        House { clouds, store: Store::open(Home::Sqlite).await, notes: Arc::default(), policy: Arc::new(policy) }
    }

    async fn snapshot(&self, id: &str, name: &str) {
        let seed = json!({ "snapshots": [{ "snapshot_id": id, "region": "ap-guangzhou", "name": name }] });
        self.clouds.admin(Cloud::Tencent, "seed", &seed).await;
    }

    /// Delivers messages of the work queue; which of them come back.
    async fn deliver(&self, bodies: &[Value]) -> Vec<String> {
        let answer = self.ask(&batch(bodies)).await;
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    async fn ask(&self, payload: &Value) -> Value {
        let process = Process::new(None, &self.clouds.clock);
        let mut context = self.clouds.context(&self.store.ledger, &self.store.emitter, &process);
        context.ports.notes = self.notes.clone();
        context.ports.policies = Arc::new(FixedPolicy(Some(self.policy.clone())));
        let deadline = self.clouds.clock.now() + SignedDuration::from_secs(55);
        let invocation = Invocation { id: "invocation".to_owned(), deadline };
        let answer = handle(&context, payload, &invocation).await.unwrap();
        assert_fits(&validator("answer"), &answer);
        answer
    }

    fn calls(&self, action: &str) -> u64 {
        self.clouds.simulators.state()["calls"]["tencent"][action].as_u64().unwrap_or(0)
    }
}

fn queued(world: &World) -> Vec<Value> {
    world.queued().into_iter().map(|(_, message)| message).collect()
}

fn hint(snapshot: &str) -> String {
    json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": snapshot }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verified_event_is_read_at_once_and_a_replayed_one_causes_a_look_and_no_second_copy() {
    let (house, mut world) = (House::new().await, World::new());
    house.snapshot("snap-door0001", "web-1").await;
    let request = webhooks::signed("msg_1", world.now(), &hint("snap-door0001"));
    // What of the time was waited for: whatever else it takes is the machine's.
    let waited = || house.clouds.clock.now().duration_since(SystemClock.now());
    let before = waited();
    assert_eq!(world.knock(&request).await, 202);
    assert_eq!(house.deliver(&queued(&world)).await, Vec::<String>::new());
    assert!(waited() - before < SignedDuration::from_secs(5), "from the event to the call");
    assert_eq!((house.clouds.count(), house.store.messages().await.len()), (1, 1));
    // Heard by another process, which remembers nothing.
    world.again();
    assert_eq!(world.knock(&request).await, 202);
    assert_eq!(world.queued().len(), 2);
    let looks = house.calls("DescribeSnapshots");
    assert_eq!(house.deliver(&queued(&world)[1..]).await, Vec::<String>::new());
    assert!(house.calls("DescribeSnapshots") > looks, "it was looked at");
    assert_eq!((house.clouds.count(), house.store.messages().await.len()), (1, 1), "and copied once");
}

/// A verified sender is believed to have seen something, not to decide what is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_or_an_action_inside_starts_nothing() {
    let (house, world) = (House::new().await, World::new());
    house.snapshot("snap-door0002", "web-2").await;
    let command = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": "snap-door0002" }, "destinations": [{ "region": "ap-beijing" }],
    });
    let in_envelopes = [
        command.clone(),
        json!([command]),
        json!({ "id": "e", "detail-type": "t", "source": "s", "detail": command }),
        json!({ "specversion": "1.0", "id": "e", "source": "s", "type": "t", "data": command }),
        json!({ "via": "door", "sender": "x", "proof": "smn", "id": "i", "received_at": "2026-11-28T00:00:00Z", "raw": command.to_string() }),
        json!({ "action": "sweep" }),
        json!({ "detail-type": "t", "source": "s", "id": "e", "detail": { "action": "sweep" } }),
        json!({ "action": "observe" }),
    ];
    for (number, inner) in in_envelopes.iter().enumerate() {
        let request = webhooks::signed(&format!("msg_{number}"), world.now(), &inner.to_string());
        assert_eq!(world.knock(&request).await, 202);
    }
    assert_eq!(house.deliver(&queued(&world)).await, Vec::<String>::new());
    // One envelope in another says no more than that there is something: that is the one read.
    assert_eq!((house.clouds.count(), house.calls("DescribeSnapshots")), (0, 1), "nothing was started");
    // The twin: the same command on the queue itself is one, since a rule wants what it asks for.
    assert_eq!(house.deliver(&[command]).await, Vec::<String>::new());
    assert_eq!(house.clouds.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_names_nothing_makes_the_look_run_now_and_at_most_once_in_ten_seconds() {
    let (house, world) = (House::new().await, World::new());
    let knock = async |id: &str, body: &str| {
        let request = webhooks::signed(id, world.now(), body);
        assert_eq!(world.knock(&request).await, 202);
        house.deliver(&queued(&world)[world.queued().len() - 1..]).await
    };
    // The first look ever sets the mark: the past is the full sweep's.
    house.snapshot("snap-door0003", "web-3").await;
    assert_eq!(knock("m1", "a backup is finished").await, Vec::<String>::new());
    assert_eq!(house.clouds.count(), 0);
    house.clouds.clock.sleep(Duration::from_secs(11)).await;
    house.snapshot("snap-door0004", "web-4").await;
    assert_eq!(knock("m2", "another one").await, Vec::<String>::new());
    assert_eq!(house.clouds.count(), 1, "what is new was found");
    // More of them cost nothing.
    let looks = house.calls("DescribeSnapshots");
    for number in 0..5 {
        assert_eq!(knock(&format!("n{number}"), "{}").await, Vec::<String>::new());
    }
    assert_eq!(house.calls("DescribeSnapshots"), looks);
    let nudge = json!({ "action": "sweep", "depth": "recent", "nudged": true });
    let busy = house.ask(&nudge).await;
    assert_eq!((&busy["looked"][0]["state"], &busy["observed"]), (&json!("busy"), &Value::Null), "{busy}");
    house.clouds.clock.sleep(Duration::from_secs(11)).await;
    let looked = house.ask(&nudge).await;
    assert_eq!((&looked["looked"][0]["state"], looked["observed"].is_object()), (&json!("done"), true), "{looked}");
    let looks = house.calls("DescribeSnapshots");
    house.clouds.clock.sleep(Duration::from_secs(11)).await;
    assert_eq!(knock("m3", "").await, Vec::<String>::new());
    assert!(house.calls("DescribeSnapshots") > looks, "the twin: after ten seconds it runs again");
}

/// What SMN carries for a backup is not published: whatever it is, the source is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_smn_the_message_alone_is_handed_on_and_read_as_a_hint() {
    let world = World::new();
    let alarm = json!({
        "message_type": "alarm", "alarm_status": "alarm", "namespace": "SYS.CBR", "metric_name": "backupSucceeded",
        "template_variable": { "ResourceId": "b1c2d3e4-0001-4a00-8a00-000000000001", "Region": "cn-north-4" },
    });
    assert_eq!(world.knock(&smn::signed(world.now(), "a1", &alarm.to_string())).await, 202);
    assert_eq!(world.knock(&smn::signed(world.now(), "a2", "plain text")).await, 202);
    let read = |message: &Value| {
        let event = offsite_shared::triggers::read(message).unwrap();
        format!("{:?}", event.records[0].items)
    };
    let queued = queued(&world);
    let alarm = read(&queued[0]);
    assert!(alarm.contains("Resource(\"b1c2d3e4") && alarm.contains("\"nudged\": Bool(true)"), "{alarm}");
    let text = read(&queued[1]);
    assert!(!text.contains("Hint") && text.contains("\"nudged\": Bool(true)"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_names_a_backup_has_it_copied_at_once() {
    let (house, world) = (House::new().await, World::new());
    let inventory = json!({
        "projects": [{ "id": PROJECT, "region": "cn-north-4" }, { "id": THERE, "region": "cn-east-3" }],
        "vaults": [{ "id": VAULT, "project_id": PROJECT, "protect_type": "backup" },
            { "id": TARGET, "project_id": THERE, "protect_type": "replication" }],
        "backups": [{ "id": BACKUP, "project_id": PROJECT, "vault_id": VAULT }],
    });
    house.clouds.admin(Cloud::Huawei, "seed", &inventory).await;
    let hint = json!({ "provider": "huawei", "region": "cn-north-4", "project_id": PROJECT, "backup_id": BACKUP });
    assert_eq!(world.knock(&smn::signed(world.now(), "a1", &hint.to_string())).await, 202);
    let waited = || house.clouds.clock.now().duration_since(SystemClock.now());
    let before = waited();
    assert_eq!(house.deliver(&queued(&world)).await, Vec::<String>::new());
    assert!(waited() - before < SignedDuration::from_secs(5), "from the notification to the call");
    assert_eq!(house.clouds.count(), 1);
    let copies = house.clouds.copies().iter().map(|row| row["source"].clone()).collect::<Vec<_>>();
    assert_eq!(copies, [json!(BACKUP)]);
}
