//! A function that works for long: what it holds does not grow with what it has done.

use std::time::Duration;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::functions::{Bench, LONG, batch, copy};

/// How much more a function may hold at the end than once it was warm: what an allocator keeps for itself moves by about a megabyte.
const SLACK_KIB: u64 = 4 * 1024;

/// Records of one event, as SQS delivers them.
const RECORDS: usize = 10;

/// Events until every pool, cache and buffer has been filled once.
const WARM: usize = 30;

/// What a process holds now, in KiB.
fn held(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux says it");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// For how long, in seconds: `OFFSITE_TEST_LOAD_S`, else only a moment. docs/reliability.md has a longer run.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests: a run by hand may last longer")]
fn seconds() -> u64 {
    std::env::var("OFFSITE_TEST_LOAD_S")
        .map_or(0, |text| text.parse().expect("OFFSITE_TEST_LOAD_S must be a whole number"))
}

/// New copies, copies that are known already, wrong commands, events of others and looks, in turn.
fn event(number: usize) -> Value {
    let bodies: Vec<Value> =
        (0..RECORDS).map(|at| copy(&format!("snap-{number:06x}{at:02x}"), &["ap-beijing"])).collect();
    match number % 5 {
        0 => json!({ "action": "observe" }),
        1 => batch(&vec![json!({ "action": "replicate", "provider": "tencent" }); RECORDS]),
        2 => batch(&vec![json!({ "source": "aws.health", "detail-type": "x", "detail": {} }); RECORDS]),
        3 => batch(&(0..RECORDS).map(|at| copy(&format!("snap-known{at:03}"), &["ap-beijing"])).collect::<Vec<_>>()),
        _ => batch(&bodies),
    }
}

#[tokio::test]
async fn what_a_function_holds_does_not_grow_with_what_it_has_done() {
    let bench = Bench::start(&[("OFFSITE_TENCENT_RPS", "0")]).await;
    let function = bench.function(Cloud::Tencent).await;
    let until = later(SystemClock.now(), Duration::from_secs(seconds()));
    let (mut done, mut warm) = (0, 0);
    while done < WARM * 4 || SystemClock.now() < until {
        let _ = function.invoke(event(done), LONG).await;
        done += 1;
        if done == WARM {
            warm = held(function.id().unwrap());
        }
    }
    let end = held(function.id().unwrap());
    println!("{done} events, {} records: {warm} KiB after {WARM} events, {end} KiB at the end", done * RECORDS);
    assert!(end <= warm + SLACK_KIB, "{warm} KiB after {WARM} events, {end} KiB after {done}");
}
