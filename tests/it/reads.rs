//! The reads before first attempts: at once for one event, together for a batch. Each replication ends as it would alone, and none waits for
//! what is out of order elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Transport};
use offsite_shared::settings::Trust;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::faults::world::batch;
use crate::sweeping::Estate;

const FAR: &str = "ap-singapore";

/// What hangs is not waited for longer.
const SOON: Duration = Duration::from_secs(60);

/// What the way out does to a request before it leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whim {
    None,
    /// Refuses filters of more values and lists of more IDs than this.
    TakesAtMost(usize),
    /// Gives no answer from this region before so many copies have been asked for, and then fails.
    Silent(&'static str, usize),
}

/// One request: its action, region and values, and how many requests one after another it came after.
struct Sent {
    action: String,
    region: String,
    values: usize,
    round: usize,
}

/// A way out that counts the requests, and in which round each one goes out: a request waits for the answers that are there when it leaves.
struct Rounds {
    out: HttpTransport,
    whim: Whim,
    over: AtomicUsize,
    copied: watch::Sender<usize>,
    sent: Mutex<Vec<Sent>>,
}

impl Transport for Rounds {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let (action, region) = (header("x-tc-action"), header("x-tc-region"));
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let count = |values: &Value| values.as_array().map_or(0, Vec::len);
        let values = count(&body["SnapshotIds"]).max(count(&body["Filters"][0]["Values"]));
        let round = self.over.load(Ordering::SeqCst) + 1;
        if action == "CopySnapshotCrossRegions" {
            self.copied.send_modify(|copied| *copied += 1);
        }
        self.sent.lock().unwrap().push(Sent { action, region: region.clone(), values, round });
        Box::pin(async move {
            let answer = match self.whim {
                Whim::TakesAtMost(most) if values > most => {
                    let error = json!({ "Code": "InvalidParameterValue.LimitExceeded", "Message": "too many values" });
                    let body = json!({ "Response": { "Error": error, "RequestId": "r" } });
                    Ok(Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() })
                }
                Whim::Silent(dead, copies) if dead == region => {
                    self.copied.subscribe().wait_for(|copied| *copied >= copies).await.unwrap();
                    Err(TransportError::NotSent("scripted".to_owned()))
                }
                _ => self.out.send(request).await,
            };
            self.over.fetch_max(round, Ordering::SeqCst);
            answer
        })
    }
}

/// An account with snapshots, and processes that serve it.
struct Scene {
    estate: Estate,
    rounds: Arc<Rounds>,
    context: Context,
}

impl Scene {
    /// A process that has worked before, so that its credential is proven.
    async fn begin(whim: Whim, concurrency: usize) -> Scene {
        Scene::under(json!([]), whim, concurrency).await
    }

    /// One that starts what a rule wants which chooses by name, so that each source is read before it is decided.
    async fn choosy(whim: Whim, concurrency: usize) -> Scene {
        let rule = |name: &str, region: &str| {
            json!({
                "name": name, "provider": "tencent", "source": { "region": region, "select": { "name_prefix": "n-" } },
                "destinations": [{ "region": FAR }, { "region": "ap-beijing" }],
            })
        };
        let rules = json!([rule("near", "ap-guangzhou"), rule("north", "ap-shanghai")]);
        let mut scene = Scene::under(rules, whim, concurrency).await;
        scene.context.settings.trust = Trust::PolicyRules;
        scene
    }

    async fn under(rules: Value, whim: Whim, concurrency: usize) -> Scene {
        let estate = Estate::plain().await;
        estate.post(Cloud::Tencent, "seed", &json!({ "switches": { "copy_duration_s": 3_600 } })).await;
        let rounds = Arc::new(Rounds {
            out: estate.http.clone(),
            whim,
            over: AtomicUsize::default(),
            copied: watch::Sender::default(),
            sent: Mutex::default(),
        });
        let policy = Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap();
        let mut context = estate.context(&Arc::new(policy));
        context.ports.transport = rounds.clone();
        context.settings.concurrency = concurrency;
        let scene = Scene { estate, rounds, context };
        scene.make("warm", 1).await;
        scene.work(&[wish("warm", 0, &["ap-beijing"])]).await;
        scene
    }

    async fn make(&self, name: &str, count: usize) {
        let snapshot = |at: usize| json!({ "snapshot_id": format!("snap-{name}{at:04}"), "region": "ap-guangzhou", "name": format!("n-{at}") });
        let snapshots: Vec<Value> = (0..count).map(snapshot).collect();
        self.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
    }

    /// The records that are handed back.
    async fn work(&self, commands: &[Value]) -> Vec<String> {
        let answer = handle(&self.context, &batch(commands), &self.estate.invocation(300)).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|one| one["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// The requests of `work` by action and their rounds, from 1.
    async fn asked(&self, work: impl Future<Output = ()>) -> (BTreeMap<String, usize>, usize) {
        self.rounds.sent.lock().unwrap().clear();
        self.rounds.over.store(0, Ordering::SeqCst);
        work.await;
        let (mut calls, mut rounds) = (BTreeMap::new(), 0);
        for Sent { action, round, values, .. } in self.rounds.sent.lock().unwrap().iter() {
            *calls.entry(action.clone()).or_default() += 1;
            rounds = rounds.max(*round);
            assert!(*values <= 100);
        }
        (calls, rounds)
    }

    /// How many copies were made of which source, each at most once.
    fn copied(&self) -> Vec<String> {
        let state = self.estate.simulators.state();
        let rows = state["replications"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["created"].as_u64().unwrap() <= 1), "{rows:?}");
        let made = rows.iter().filter(|row| row["created"] == json!(1));
        made.map(|row| row["source"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn wish(name: &str, at: usize, destinations: &[&str]) -> Value {
    let destinations: Vec<Value> = destinations.iter().map(|region| json!({ "region": region })).collect();
    json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": format!("snap-{name}{at:04}") }, "destinations": destinations,
    })
}

fn wishes(name: &str, count: usize) -> Vec<Value> {
    (0..count).map(|at| wish(name, at, &[FAR])).collect()
}

#[tokio::test]
async fn an_event_with_three_destinations_waits_for_two_answers_one_after_another() {
    let scene = Scene::begin(Whim::None, 10).await;
    scene.make("aaaa", 1).await;
    let event = wish("aaaa", 0, &[FAR, "ap-beijing", "ap-hongkong"]);
    let (calls, rounds) = scene
        .asked(async {
            handle(&scene.context, &event, &scene.estate.invocation(300)).await.unwrap();
        })
        .await;
    // The source is read once for all three.
    assert_eq!((calls["DescribeSnapshots"], calls["CopySnapshotCrossRegions"], rounds), (4, 3, 2));
    // Twin: one replication at a time.
    let scene = Scene::begin(Whim::None, 1).await;
    scene.make("aaaa", 1).await;
    let work = async {
        handle(&scene.context, &event, &scene.estate.invocation(300)).await.unwrap();
    };
    let (calls, rounds) = scene.asked(work).await;
    assert_eq!((calls["DescribeSnapshots"], calls["CopySnapshotCrossRegions"], rounds), (6, 3, 6));
}

#[tokio::test]
async fn a_command_in_a_batch_of_ten_costs_at_most_one_and_seven_tenths_of_a_call() {
    for (concurrency, wanted) in [(10, 16), (1, 30)] {
        let scene = Scene::begin(Whim::None, concurrency).await;
        scene.make("aaaa", 10).await;
        let (calls, _) = scene.asked(async { assert!(scene.work(&wishes("aaaa", 10)).await.is_empty()) }).await;
        // Twin: one at a time each asks alone, and a command costs three.
        assert_eq!(calls.values().sum::<usize>(), wanted, "{calls:?}");
        assert_eq!(scene.copied().len(), 11);
        let sent = scene.rounds.sent.lock().unwrap();
        let names = sent.iter().filter(|sent| sent.action == "DescribeSnapshots" && sent.region == FAR);
        assert!(names.map(|sent| sent.values).max() <= Some(5), "values of a filter");
    }
}

/// Whether a rule wants them is read for all ten at once, and each is read about again after its claim.
#[tokio::test]
async fn so_does_one_that_is_held_against_a_rule_which_chooses() {
    for (concurrency, wanted) in [(10, 17), (1, 40)] {
        let scene = Scene::choosy(Whim::None, concurrency).await;
        scene.make("aaaa", 10).await;
        let (calls, _) = scene.asked(async { assert!(scene.work(&wishes("aaaa", 10)).await.is_empty()) }).await;
        // Twin: one at a time each asks alone, and a command costs four.
        assert_eq!(calls.values().sum::<usize>(), wanted, "{calls:?}");
        assert_eq!(scene.copied().len(), 11);
    }
}

/// One has a name that no rule wants, one is not there, and the source of two cannot be read: the others are no worse off.
#[tokio::test]
async fn what_no_rule_wants_or_nobody_can_read_is_no_matter_of_those_read_together_with_it() {
    let mut ends = Vec::new();
    for concurrency in [10, 1] {
        let scene = Scene::choosy(Whim::Silent("ap-shanghai", 0), concurrency).await;
        scene.make("aaaa", 7).await;
        let other = json!({ "snapshot_id": "snap-aaaa0007", "region": "ap-guangzhou", "name": "other" });
        scene.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [other] })).await;
        let mut commands = wishes("aaaa", 9);
        for at in [20, 21] {
            let mut silent = wish("aaaa", at, &[FAR]);
            silent["source"]["region"] = json!("ap-shanghai");
            commands.insert(0, silent);
        }
        let failed = scene.work(&commands).await;
        let mut copied = scene.copied();
        copied.sort();
        ends.push((failed, copied));
    }
    assert_eq!(ends[0], ends[1]);
    let handed_back = ["0", "1", "9", "10"].map(str::to_owned).to_vec();
    assert_eq!((ends[0].1.len(), ends[0].0.clone()), (1 + 7, handed_back));
}

/// While the region of some sources gives no answer, those of another one are read, claimed, read about and copied.
#[tokio::test]
async fn a_source_region_that_is_silent_delays_only_its_own() {
    let scene = Scene::choosy(Whim::Silent("ap-shanghai", 1 + 8), 10).await;
    scene.make("aaaa", 8).await;
    let mut commands = wishes("aaaa", 8);
    for at in [20, 21] {
        let mut silent = wish("aaaa", at, &[FAR]);
        silent["source"]["region"] = json!("ap-shanghai");
        commands.push(silent);
    }
    let work = async { assert_eq!(scene.work(&commands).await, ["8", "9"]) };
    let asked = tokio::time::timeout(SOON, scene.asked(work)).await;
    let (calls, _) = asked.expect("the others wait for the region that is silent");
    assert_eq!(calls["CopySnapshotCrossRegions"], 8);
}

/// A second delivery asks the provider nothing.
#[tokio::test]
async fn a_batch_that_was_done_reads_nothing() {
    let scene = Scene::begin(Whim::None, 10).await;
    scene.make("aaaa", 10).await;
    scene.work(&wishes("aaaa", 10)).await;
    let (calls, _) = scene.asked(async { assert!(scene.work(&wishes("aaaa", 10)).await.is_empty()) }).await;
    assert!(calls.is_empty(), "{calls:?}");
}

#[tokio::test]
async fn what_cannot_be_read_together_is_read_in_halves_and_ends_as_it_would_alone() {
    for most in [2, 3, 4] {
        let scene = Scene::begin(Whim::TakesAtMost(most), 10).await;
        scene.make("aaaa", 10).await;
        let (calls, _) = scene.asked(async { assert!(scene.work(&wishes("aaaa", 10)).await.is_empty()) }).await;
        assert_eq!((calls["CopySnapshotCrossRegions"], scene.copied().len()), (10, 11), "{most}");
    }
}

/// One source is not there, another one has its copy: each ends as it would alone, and so do the others.
#[tokio::test]
async fn what_is_wrong_with_one_is_no_matter_of_the_others() {
    let mut ends = Vec::new();
    for concurrency in [10, 1] {
        let scene = Scene::begin(Whim::None, concurrency).await;
        scene.make("aaaa", 9).await;
        // Another hand has copied the fourth.
        let name = "Copied snap-aaaa0003 from ap-guangzhou";
        let copy = json!({ "snapshot_id": "snap-theirs01", "region": FAR, "name": name, "copy_from_remote": true });
        scene.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [copy] })).await;
        let failed = scene.work(&wishes("aaaa", 10)).await;
        let mut copied = scene.copied();
        copied.sort();
        ends.push((failed, copied));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!((ends[0].1.len(), ends[0].0.clone()), (1 + 8, vec!["9".to_owned()]));
}

/// A region that gives no answer keeps its own commands, and nobody else's.
#[tokio::test]
async fn a_region_that_is_silent_delays_only_its_own() {
    // One copy was made to warm up, and seven others go elsewhere.
    let scene = Scene::begin(Whim::Silent("ap-hongkong", 1 + 7), 10).await;
    scene.make("aaaa", 10).await;
    let to = |at: usize| if at < 3 { "ap-hongkong" } else { FAR };
    let commands: Vec<Value> = (0..10).map(|at| wish("aaaa", at, &[to(at)])).collect();
    let work = async { assert_eq!(scene.work(&commands).await, ["0", "1", "2"]) };
    let asked = tokio::time::timeout(SOON, scene.asked(work)).await;
    let (calls, _) = asked.expect("the others wait for the region that is silent");
    assert_eq!(calls["CopySnapshotCrossRegions"], 7);
}
