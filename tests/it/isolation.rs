//! However many places are out of order, what does not need them is delayed by at most one request's timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offsite_local::home;
use offsite_local::home::database::Database;
use offsite_local::home::ledger::SqliteLedger;
use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::limits::Attempts;
use offsite_shared::ledger::store::{Expect, Put};
use offsite_shared::ledger::{Claim, Claimant, Record, State, claim};
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::model::time::later;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Ledger, Transport};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::faults::world::{command, replication};
use crate::sweeping::Estate;

const HEALTHY: &str = "ap-singapore";
const DEAD: &str = "ap-beijing";
/// Real time, in which a test must have come to its end: it waits for nothing.
const SOON: Duration = Duration::from_secs(60);

/// What a request to the dead region gets.
enum Silence {
    /// No answer before this is true.
    Until(watch::Receiver<bool>),
    /// No answer, and its whole timeout passes.
    ForItsTimeout(Arc<dyn Clock>),
}

/// A network on which one region does not answer.
struct Dead {
    inner: Arc<dyn Transport>,
    silence: Silence,
    asked: AtomicU64,
}

impl Transport for Dead {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let region = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-tc-region"));
        if region.is_none_or(|(_, region)| region != DEAD) {
            return self.inner.send(request);
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match &self.silence {
                Silence::Until(over) => {
                    over.clone().wait_for(|over| *over).await.unwrap();
                }
                Silence::ForItsTimeout(clock) => {
                    let end = later(clock.now(), request.timeout);
                    // The clock jumps, so what goes on beside this is given the time that it would have.
                    SystemClock.sleep(Duration::from_millis(500)).await;
                    let left = Duration::try_from(end.duration_since(clock.now())).unwrap_or_default();
                    clock.sleep(left).await;
                }
            }
            Err(TransportError::NoAnswer("it is dead".into()))
        })
    }
}

/// Takes the network of a context and lets one region of it die.
fn kill(context: &mut Context, silence: Silence) -> Arc<Dead> {
    let dead = Arc::new(Dead { inner: context.ports.transport.clone(), silence, asked: AtomicU64::new(0) });
    context.ports.transport = dead.clone();
    dead
}

fn rule(name: &str, source: &str, destinations: &[&str]) -> Value {
    let destinations: Vec<Value> = destinations.iter().map(|region| json!({ "region": region })).collect();
    json!({
        "name": name, "provider": "tencent", "limits": { "allow_empty": true },
        "source": { "region": source, "select": { "name_prefix": "nightly" } }, "destinations": destinations,
    })
}

fn policy(rules: &[Value]) -> Arc<Policy> {
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap())
}

async fn make(estate: &Estate, count: usize) {
    let snapshot = |at: usize| {
        let (snapshot, disk) = (format!("snap-{at:08}"), format!("disk-{at:08}"));
        json!({ "snapshot_id": snapshot, "region": "ap-guangzhou", "name": "nightly", "disk_id": disk })
    };
    let snapshots: Vec<Value> = (0..count).map(snapshot).collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
}

fn copies(estate: &Estate) -> usize {
    estate.simulators.state()["replications"].as_array().unwrap().len()
}

#[tokio::test]
async fn rules_whose_source_or_destination_is_dead_keep_no_other_rule_waiting() {
    let estate = Estate::plain().await;
    make(&estate, 5).await;
    let mut rules: Vec<Value> = (0..20).map(|at| rule(&format!("source-{at}"), DEAD, &[HEALTHY])).collect();
    rules.extend((0..20).map(|at| rule(&format!("destination-{at}"), "ap-guangzhou", &[DEAD])));
    rules.push(rule("well", "ap-guangzhou", &[HEALTHY]));
    let mut context = estate.context(&policy(&rules));
    let (end, over) = watch::channel(false);
    kill(&mut context, Silence::Until(over));
    let payload = json!({ "action": "sweep" });
    let invocation = estate.invocation(900);
    let swept = handle(&context, &payload, &invocation);
    let all_copied = async {
        while copies(&estate) < 5 {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::pin!(swept);
    // Forty rules hang, and go on hanging until the copies are there.
    tokio::select! {
        _ = &mut swept => panic!("it ended while regions were hanging"),
        waited = tokio::time::timeout(SOON, all_copied) => waited.expect("the rule that is well waits for those that are not"),
    }
    end.send(true).unwrap();
    let swept = tokio::time::timeout(SOON, swept).await.unwrap().unwrap();
    let complete = swept["swept"].as_array().unwrap().iter().filter(|one| one["complete"] == json!(true)).count();
    assert_eq!(complete, 1, "{swept}");
}

#[tokio::test]
async fn a_dead_destination_delays_the_others_of_its_rule_by_one_request() {
    let estate = Estate::plain().await;
    make(&estate, 5).await;
    let mut context = estate.context(&policy(&[rule("both", "ap-guangzhou", &[DEAD, HEALTHY])]));
    let begun = estate.clock.now();
    let dead = kill(&mut context, Silence::ForItsTimeout(estate.clock.clone()));
    let swept = handle(&context, &json!({ "action": "sweep" }), &estate.invocation(900)).await.unwrap();
    let took = estate.clock.now().duration_since(begun);
    assert_eq!((copies(&estate), dead.asked.load(Ordering::Relaxed)), (5, 1), "{swept}");
    assert!(took.as_secs() <= 15, "{took}");
}

/// A copy that was accepted and not seen yet.
fn accepted(at: usize, region: &str, now: Timestamp) -> Record {
    let wish = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": format!("snap-{at:08}") }, "destinations": [{ "region": region }],
    });
    let receipt = Receipt {
        backup_id: None,
        replication_id: Some(format!("snap-c{at:07}")),
        request_id: None,
        adopted: false,
        attempt: 1,
        time: now,
    };
    Record::accepted(&replication(&wish), receipt, &Claimant { owner: "one".into(), lease_until: now, now })
}

#[tokio::test]
async fn what_a_dead_process_has_claimed_is_free_at_once_and_what_a_living_one_has_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offsite.db");
    let wish = replication(&command(Operation::CopySnapshot, &mut fastrand::Rng::with_seed(3)));
    let by = |owner: &str| {
        let now = SystemClock.now();
        Claimant { owner: owner.into(), lease_until: later(now, Duration::from_secs(3_600)), now }
    };
    let claimed = |record: Option<&Record>| claim(record, &wish, &by("me"), &Attempts::default());
    let read = async || {
        // As a command that only looks opens it, which takes over nothing.
        let ledger = SqliteLedger::new(Database::open(&file).unwrap());
        ledger.get(&wish.key()).await.unwrap().unwrap()
    };

    let living = home::open(&file, true).await.unwrap();
    let Claim::Write(record, expect) = claim(None, &wish, &by("it"), &Attempts::default()) else { panic!("new") };
    assert_eq!(SqliteLedger::new(living.clone()).put(&record, &expect).await.unwrap(), Put::Stored);
    // Another process comes while the first one works: it has to wait for the lease.
    drop(home::open(&file, true).await.unwrap());
    assert!(matches!(claimed(Some(&read().await)), Claim::Busy(_)));

    // The first one is gone, however it went.
    drop(living);
    let next = home::open(&file, true).await.unwrap();
    let Claim::Write(mine, expect) = claimed(Some(&read().await)) else { panic!("it is free") };
    assert_eq!((mine.state, mine.doubtful_calls), (State::InDoubt, 1), "and read back before anything is started");
    assert_eq!(SqliteLedger::new(next).put(&mine, &expect).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn looks_into_a_dead_region_are_given_up_after_one_request_and_the_others_are_made() {
    let estate = Estate::plain().await;
    let mut context = estate.context(&policy(&[rule("both", "ap-guangzhou", &[DEAD, HEALTHY])]));
    let (ledger, begun) = (estate.ledger(), estate.clock.now());
    let there: Vec<Value> = (2_000..2_050)
        .map(|at| json!({ "snapshot_id": format!("snap-c{at:07}"), "region": HEALTHY, "name": "a copy" }))
        .collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": there })).await;
    // Three pages of records of the dead region, and some of the healthy one among them.
    for at in 0..1_200 {
        assert_eq!(ledger.put(&accepted(at, DEAD, begun), &Expect::Absent).await.unwrap(), Put::Stored);
    }
    for at in 2_000..2_050 {
        assert_eq!(ledger.put(&accepted(at, HEALTHY, begun), &Expect::Absent).await.unwrap(), Put::Stored);
    }
    let dead = kill(&mut context, Silence::ForItsTimeout(estate.clock.clone()));
    let looked = handle(&context, &json!({ "action": "observe" }), &estate.invocation(900)).await.unwrap();
    let sums = &looked["observed"];
    let took = estate.clock.now().duration_since(begun);
    assert!(took.as_secs() <= 30, "{took}");
    assert_eq!(sums["looked"].as_u64().unwrap() - sums["unanswered"].as_u64().unwrap(), 50, "{looked}");
    assert!(sums["not_looked"].as_u64() >= Some(700), "{looked}");
    assert!(dead.asked.load(Ordering::Relaxed) <= 10, "{}", dead.asked.load(Ordering::Relaxed));
}
