//! What a sweep has just read is not read again by the start that follows, and what that rests on: the evidence is young, lies in the ledger,
//! is complete, and no other hand makes copies there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::Absent;
use offsite_shared::ledger::store::Expect;
use offsite_shared::model::command::{Cloud, Command};
use offsite_shared::model::error::EmitError;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Ledger, Transport, WorkQueue};
use serde_json::{Value, json};

use crate::faults::world::batch;
use crate::sweeping::Estate;

const FAR: &str = "ap-singapore";

/// A way out that counts the calls by their action. It leaves a field of each answer out, where a test says so.
struct Counting {
    out: HttpTransport,
    calls: Mutex<BTreeMap<String, usize>>,
    without: Option<&'static str>,
}

impl Transport for Counting {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let action = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-tc-action"));
        let action = action.map_or_else(String::new, |(_, value)| value.clone());
        *self.calls.lock().unwrap().entry(action).or_default() += 1;
        Box::pin(async move {
            let mut reply = self.out.send(request).await?;
            if let (Some(field), Ok(mut body)) = (self.without, serde_json::from_slice::<Value>(&reply.body)) {
                for snapshot in body["Response"]["SnapshotSet"].as_array_mut().into_iter().flatten() {
                    snapshot.as_object_mut().unwrap().remove(field);
                }
                reply.body = body.to_string().into_bytes();
            }
            Ok(reply)
        })
    }
}

/// A work queue that keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<Command>>);

impl WorkQueue for Kept {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        self.0.lock().unwrap().extend_from_slice(commands);
        Box::pin(async move { commands.iter().map(|_| Ok(())).collect() })
    }
}

/// An account whose copies take an hour, and one rule.
struct Scene {
    estate: Estate,
    policy: Arc<Policy>,
    counting: Arc<Counting>,
    kept: Arc<Kept>,
}

impl Scene {
    async fn begin(limits: Value, without: Option<&'static str>) -> Scene {
        let estate = Estate::plain().await;
        estate.post(Cloud::Tencent, "seed", &json!({ "switches": { "copy_duration_s": 3_600 } })).await;
        let rule = json!({
            "name": "web", "provider": "tencent", "limits": limits,
            "source": { "region": "ap-guangzhou", "select": { "name_prefix": "evid" } }, "destinations": [{ "region": FAR }],
        });
        let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
        let counting = Arc::new(Counting { out: estate.http.clone(), calls: Mutex::default(), without });
        Scene { estate, policy, counting, kept: Arc::default() }
    }

    async fn make(&self, name: &str, count: usize) {
        let snapshot = |at: usize| json!({ "snapshot_id": format!("snap-{name}{at:04}"), "region": "ap-guangzhou", "name": format!("evid-{at}") });
        let snapshots: Vec<Value> = (0..count).map(snapshot).collect();
        self.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
    }

    /// A new process, which hands its commands over if `queue` says so.
    fn process(&self, queue: bool) -> Context {
        let mut context = self.estate.context(&self.policy);
        context.ports.transport = self.counting.clone();
        context.ports.work_queue = queue.then(|| self.kept.clone() as Arc<dyn WorkQueue>);
        context
    }

    /// What the provider was asked by `work`: to copy, and to show.
    async fn asked(&self, work: impl Future<Output = ()>) -> (usize, usize) {
        self.counting.calls.lock().unwrap().clear();
        work.await;
        let calls = self.counting.calls.lock().unwrap().clone();
        let of = |action: &str| calls.get(action).copied().unwrap_or_default();
        assert_eq!(
            of("CopySnapshotCrossRegions") + of("DescribeSnapshots") + of("GetCallerIdentity"),
            calls.values().sum::<usize>()
        );
        (of("CopySnapshotCrossRegions"), of("DescribeSnapshots"))
    }

    async fn sweep(&self) {
        let swept = self.estate.sweep(&self.process(false)).await;
        assert_eq!(swept["swept"][0]["error"], Value::Null, "{swept}");
    }

    /// A sweep that hands over; the commands.
    async fn hand_over(&self) -> Vec<Value> {
        self.estate.sweep(&self.process(true)).await;
        std::mem::take(&mut *self.kept.0.lock().unwrap()).iter().map(Command::to_json).collect()
    }

    async fn work(&self, commands: &[Value]) {
        let answer = handle(&self.process(false), &batch(commands), &self.estate.invocation(300)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }

    async fn pass(&self, seconds: u64) {
        self.estate.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// How many copies were made, and whether each was made once.
    fn copies(&self) -> (usize, bool) {
        let state = self.estate.simulators.state();
        let rows = state["replications"].as_array().unwrap();
        (rows.len(), rows.iter().all(|row| row["created"] == json!(1)))
    }
}

#[tokio::test]
async fn a_swept_copy_costs_one_call_and_a_share_of_the_listings() {
    let scene = Scene::begin(json!({}), None).await;
    scene.make("aaaa", 120).await;
    let (copied, shown) = scene.asked(scene.sweep()).await;
    assert_eq!((copied, scene.copies()), (120, (120, true)));
    assert!((copied + shown) as f64 / 120.0 <= 1.1, "{shown} reads");
}

#[tokio::test]
async fn a_command_of_a_sweep_reads_nothing_again_for_ten_minutes() {
    let scene = Scene::begin(json!({}), None).await;
    scene.make("aaaa", 10).await;
    let commands = scene.hand_over().await;
    scene.pass(300).await;
    assert_eq!(scene.asked(scene.work(&commands)).await, (10, 0));
    // Twin: more than ten minutes later.
    scene.make("bbbb", 10).await;
    let commands = scene.hand_over().await;
    scene.pass(605).await;
    let (copied, shown) = scene.asked(scene.work(&commands)).await;
    assert!(copied == 10 && shown >= 6, "{shown} reads, of which one stands for several");
    assert_eq!(scene.copies(), (20, true));
}

/// Whoever can write to the queue cannot say that there is no copy.
#[tokio::test]
async fn evidence_in_a_message_is_worth_nothing() {
    let scene = Scene::begin(json!({}), None).await;
    scene.make("aaaa", 1).await;
    let mut forged = scene.policy.rules[0].command_of("snap-aaaa0000").to_json();
    assert_eq!(scene.asked(scene.work(&[forged.clone()])).await, (1, 2), "without a sweep it reads");
    let now = scene.estate.clock.now().to_string();
    forged["absent"] = json!({ "listing_begun": now, "source_read": now, "run": "r", "version": 1 });
    let answer = handle(&scene.process(false), &batch(&[forged]), &scene.estate.invocation(300)).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "0" }] }));
    assert_eq!(scene.copies(), (1, true));
}

/// A write of whatever kind after the evidence makes it worthless, a person's or another process's.
#[tokio::test]
async fn a_record_that_was_written_since_is_read_about() {
    let scene = Scene::begin(json!({}), None).await;
    scene.make("aaaa", 1).await;
    let commands = scene.hand_over().await;
    let command = Command::from_json(&commands[0]).unwrap();
    let key = command.replications()[0].key();
    let ledger = scene.estate.ledger();
    let known = ledger.get(&key).await.unwrap().unwrap();
    assert!(known.absent.as_ref().is_some_and(|absent| absent.version == known.version));
    let next = offsite_shared::ledger::Record { version: known.version + 1, ..known.clone() };
    ledger.put(&next, &Expect::Was { version: known.version, owner: known.owner }).await.unwrap();
    assert_eq!(scene.asked(scene.work(&commands)).await, (1, 2));
}

#[tokio::test]
async fn a_rule_that_waits_or_holds_reads_before_each_start() {
    for limits in [json!({ "start_after": "1m" }), json!({ "on_doubt": "hold" })] {
        let scene = Scene::begin(limits.clone(), None).await;
        scene.make("aaaa", 3).await;
        scene.pass(120).await;
        scene.sweep().await;
        scene.pass(120).await;
        scene.sweep().await;
        let calls = scene.counting.calls.lock().unwrap().clone();
        assert_eq!((calls["CopySnapshotCrossRegions"], scene.copies()), (3, (3, true)), "{limits}");
        assert!(calls["DescribeSnapshots"] >= 6 + 4, "{limits}: {calls:?}");
    }
}

/// A listing whose items do not say whether they are copies may hold one.
#[tokio::test]
async fn a_listing_that_leaves_keys_out_proves_nothing() {
    let scene = Scene::begin(json!({}), Some("CopyFromRemote")).await;
    scene
        .estate
        .post(
            Cloud::Tencent,
            "seed",
            &json!({ "snapshots": [{ "snapshot_id": "snap-far00001", "region": FAR, "name": "other" }] }),
        )
        .await;
    scene.make("aaaa", 3).await;
    let (copied, shown) = scene.asked(scene.sweep()).await;
    assert!(copied == 3 && shown >= 6 + 2, "{copied} copied, {shown} shown");
}

/// Where another hand makes copies, it may have begun one since the listing.
#[tokio::test]
async fn where_another_hand_copies_each_start_reads() {
    let scene = Scene::begin(json!({ "allow_empty": true }), None).await;
    scene.make("aaaa", 2).await;
    // A program of somebody else, with a memory of its own, has begun to copy.
    let other = scene.estate.without_memory(&scene.policy);
    scene.estate.sweep(&other).await;
    scene.sweep().await;
    scene.pass(2 * 3_600).await;
    scene.sweep().await;
    // Its copies were found. From here on each start looks, and adopts what the other one makes meanwhile.
    scene.make("bbbb", 4).await;
    let commands = scene.hand_over().await;
    assert_eq!(commands.len(), 4);
    scene.estate.sweep(&other).await;
    let (copied, shown) = scene.asked(scene.work(&commands)).await;
    assert!(copied == 0 && shown >= 4, "{copied} copied, {shown} shown");
    assert_eq!(scene.copies(), (6, true));
}

#[test]
fn the_evidence_names_its_sweep() {
    let text = r#"{"listing_begun":"2026-11-28T00:00:00Z","source_read":"2026-11-28T00:00:01Z","run":"r","version":3}"#;
    let read: Absent = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}
