//! Many copies in one question: fewer requests, and the same records as one by one.

use std::sync::Arc;

use fastrand::Rng;
use jiff::SignedDuration;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::ledger::store::{Expect, Put, RecordFilter};
use offsite_shared::ledger::{Claimant, Record, State};
use offsite_shared::model::command::{Cloud, Key, Operation};
use offsite_shared::model::evidence::{Evidence, How};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::ports::Clock;
use offsite_shared::providers::tencent::Tencent;
use serde_json::{Value, json};

use crate::faults::ports::Process;
use crate::faults::world::{Clouds, Home, Store, command, replication};
use crate::proof::Blind;

/// What the destination holds of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Usable,
    Unfinished,
    Recycled,
    Nothing,
}

struct Case {
    command: Value,
    copy: String,
    there: There,
    /// Whether it was seen before, and expires.
    seen: bool,
    expired: bool,
    /// Accepted so long ago that waiting ends.
    overdue: bool,
}

fn cases(count: usize, seed: u64, draw: impl Fn(&mut Rng) -> There) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    (0..count)
        .map(|at| {
            let mut command = command(Operation::CopySnapshot, &mut rng);
            command["destinations"][0]["region"] =
                json!(["ap-singapore", "ap-beijing"][usize::from(rng.u8(0..4) == 0)]);
            let there = draw(&mut rng);
            let seen = rng.bool() && there != There::Unfinished;
            let copy = format!("snap-copy{at:04}");
            Case { command, copy, there, seen, expired: rng.u8(0..4) == 0, overdue: rng.u8(0..4) == 0 }
        })
        .collect()
}

fn record_of(case: &Case, now: jiff::Timestamp) -> Record {
    let replication = replication(&case.command);
    let at = now - SignedDuration::from_hours(if case.overdue { 72 } else { 1 });
    let me = Claimant { owner: "earlier".into(), lease_until: at, now: at };
    let receipt = Receipt {
        backup_id: None,
        replication_id: Some(case.copy.clone()),
        request_id: None,
        adopted: false,
        attempt: 1,
        time: at,
    };
    let mut record = Record::accepted(&replication, receipt, &me);
    if case.seen {
        record.state = State::Replicated;
        record.evidence = Some(Evidence {
            destination_id: Some(case.copy.clone()),
            state: "NORMAL".into(),
            time: at,
            size_gib: Some(50),
            expires_at: case.expired.then_some(at),
            how: How::Observed,
        });
    }
    record
}

struct Ran {
    observed: Value,
    records: Vec<Value>,
    told: usize,
    requests: u32,
}

/// Looks at all that is due in a fresh store.
async fn run(clouds: &Clouds, home: Home, cases: &[Case], one_by_one: bool) -> Ran {
    let store = Store::open(home).await;
    let now = clouds.clock.now();
    for case in cases {
        let stored = store.ledger.put(&record_of(case, now), &Expect::Absent).await.unwrap();
        assert_eq!(stored, Put::Stored);
    }
    let process = Process::new(None, &clouds.clock);
    let mut context = clouds.context(&store.ledger, &store.emitter, &process);
    if one_by_one {
        context.ports.providers = vec![Box::leak(Box::new(Blind(&Tencent)))];
    }
    let invocation = Invocation { id: "look".into(), deadline: now + SignedDuration::from_mins(15) };
    let answer = handle(&context, &json!({ "action": "observe" }), &invocation).await.unwrap();
    let mut records = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let page = store.ledger.list(&RecordFilter::default(), after.as_ref(), 500).await.unwrap();
        records.extend(page.records.iter().map(|record| without_times(record, clouds.clock.now())));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    records.sort_by_key(|record| record["key"].to_string());
    let requests = process.tally.counts()[1];
    Ran { observed: answer["observed"].clone(), records, told: store.messages().await.len(), requests }
}

/// A record without the moments at which this very run wrote it; when it is looked at next is kept to the minute.
fn without_times(record: &Record, now: jiff::Timestamp) -> Value {
    let minutes = record.look_at.map(|at| (at.duration_since(now).as_secs_f64() / 60.0).round());
    let wait = record.not_before.map(|at| (at.duration_since(now).as_secs_f64() / 60.0).round());
    let evidence = record
        .evidence
        .as_ref()
        .map(|seen| json!([seen.destination_id, seen.state, seen.size_gib, seen.how, seen.expires_at.is_some()]));
    let history: Vec<Value> =
        record.history.iter().map(|entry| json!([entry.state, entry.attempt, entry.code, entry.note])).collect();
    json!({
        "key": record.key, "state": record.state, "version": record.version, "looks": record.looks, "minutes": minutes,
        "not_before": wait, "evidence": evidence, "history": history, "news": record.news, "outbox": record.outbox,
    })
}

async fn world(cases: &[Case]) -> Arc<Clouds> {
    let clouds = Clouds::plain().await;
    let there = cases.iter().filter(|case| case.there != There::Nothing);
    let snapshots: Vec<Value> = there
        .map(|case| {
            let mut snapshot = json!({
                "snapshot_id": case.copy, "region": case.command["destinations"][0]["region"], "copy_from_remote": true,
                "recycled": case.there == There::Recycled,
            });
            if case.there == There::Unfinished {
                snapshot["creating_s"] = json!(30 * 86_400);
            }
            snapshot
        })
        .collect();
    clouds.admin(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
    Arc::new(clouds)
}

fn usable(_: &mut Rng) -> There {
    There::Usable
}

fn anything(rng: &mut Rng) -> There {
    match rng.u8(0..10) {
        0..=5 => There::Usable,
        6 | 7 => There::Unfinished,
        8 => There::Recycled,
        _ => There::Nothing,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_and_fifty_due_records_cost_three_requests() {
    let mut cases = cases(250, 41, usable);
    for case in &mut cases {
        case.command["destinations"][0]["region"] = json!("ap-singapore");
    }
    let clouds = world(&cases).await;
    for home in [Home::Sqlite, Home::Dynamo] {
        let together = run(&clouds, home, &cases, false).await;
        assert_eq!((together.requests, &together.observed["looked"]), (3, &json!(250)), "{home:?}");
        let each = run(&clouds, home, &cases, true).await;
        assert_eq!(each.requests, 250, "{home:?}");
        assert_eq!((together.observed, together.records), (each.observed, each.records), "{home:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn together_and_one_by_one_are_the_same() {
    for seed in 50..56 {
        let cases = cases(130, seed, anything);
        let clouds = world(&cases).await;
        let together = run(&clouds, Home::Sqlite, &cases, false).await;
        let each = run(&clouds, Home::Sqlite, &cases, true).await;
        assert_eq!(together.observed, each.observed, "seed {seed}");
        assert_eq!(together.told, each.told, "seed {seed}");
        for (a, b) in together.records.iter().zip(&each.records) {
            assert_eq!(a, b, "seed {seed}");
        }
        assert_eq!(together.records.len(), each.records.len(), "seed {seed}");
        // Two regions, the larger one in two questions at most; what is not shown is asked for by itself.
        let missing = cases.iter().filter(|case| case.there == There::Nothing).count();
        assert!(
            missing > 0 && together.requests as usize <= 3 + missing,
            "seed {seed}: {} requests",
            together.requests
        );
        assert_eq!(each.requests, 130, "seed {seed}");
    }
}

/// Nobody knows how many IDs one question may hold, and one of them may be what the provider refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_question_for_many_is_asked_one_by_one() {
    for code in ["InvalidSnapshotId.NotFound", "InvalidParameterValue"] {
        let cases = cases(40, 61, anything);
        let clouds = world(&cases).await;
        let each = run(&clouds, Home::Sqlite, &cases, true).await;
        let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "code", "code": code, "times": 2 }] });
        clouds.admin(Cloud::Tencent, "faults", &fault).await;
        let together = run(&clouds, Home::Sqlite, &cases, false).await;
        assert_eq!((together.observed, together.records), (each.observed, each.records), "{code}");
        assert_eq!(together.requests, 42, "{code}: a question for each region, and one for each record");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_does_not_answer_is_not_asked_for_each() {
    let cases = cases(40, 62, usable);
    let clouds = world(&cases).await;
    let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "html_503" }] });
    clouds.admin(Cloud::Tencent, "faults", &fault).await;
    let together = run(&clouds, Home::Sqlite, &cases, false).await;
    assert_eq!(
        (&together.observed["unanswered"], &together.observed["lost"], &together.observed["failed"]),
        (&json!(40), &json!(0), &json!(0))
    );
    assert!(together.requests <= 14, "{} requests: two questions, each repeated a few times", together.requests);
    for record in &together.records {
        assert!(["accepted", "replicated"].contains(&record["state"].as_str().unwrap()), "{record}");
    }
}
