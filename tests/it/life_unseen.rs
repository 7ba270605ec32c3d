//! Histories of which no sweep has seen all: only a command was about the backup, a destination was dark, or clocks differ.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use offsite_shared::handler::handle;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::report::{Conclusion, ResourceState};
use serde_json::{Value, json};

use crate::life::{COPY, FAR, Life, NEAR};

/// Names a backup by a command, as an event does.
async fn name(life: &Life, id: &str) {
    let command = life.policy.rule("web").unwrap().command_of(id).to_json();
    handle(&life.context, &command, &life.estate.invocation(600)).await.unwrap();
}

async fn darken(life: &Life, region: &str) {
    life.fault(json!([{ "action": "DescribeSnapshots", "match": { "region": region }, "kind": "http_500_before" }]))
        .await;
}

/// Each backup is counted once for each destination, whatever is dark: those that are there, and the lines of all others.
fn counted_once(swept: &Value, places: u64) {
    assert_eq!(swept["counts"]["covered"], json!(places), "{swept}");
}

#[tokio::test]
async fn a_command_takes_down_what_its_backup_is_of() {
    let life = Life::begin(|_| {}).await;
    let ids = life.make("a", &["1"]).await;
    name(&life, &ids[0]).await;
    let record = life.estate.ledger().list(&RecordFilter::default(), None, 10).await.unwrap().records.remove(0);
    assert_eq!(record.about.resource.as_deref(), Some("disk-00000001"), "{record:?}");
    assert!(record.about.made.is_some(), "{record:?}");
    // Before it has arrived its source goes: the resource is known from the record alone.
    life.seed(json!({ "remove": ids })).await;
    life.sweep().await;
    let lines = life.report().await.exceptions;
    assert_eq!(lines.iter().filter(|line| line.resource.as_deref() == Some("disk-00000001")).count(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_copy_that_no_sweep_has_heard_of_protects_its_resource() {
    let life = Life::two().await;
    let ids = life.make("a", &["1"]).await;
    life.fault(json!([{ "action": COPY, "kind": "fail_later", "times": 1 }])).await;
    name(&life, &ids[0]).await;
    life.pass(49).await;
    life.arrive().await;
    let records = life.estate.ledger().list(&RecordFilter::default(), None, 10).await.unwrap().records;
    let of =
        |state| records.iter().find(|record| record.state == state).unwrap().replication().unwrap().destination.region;
    assert_eq!((records.len(), of(State::Replicated) == FAR), (2, of(State::Failed) == NEAR), "one came to nothing");
    life.seed(json!({ "remove": ids })).await;
    life.pass(25).await;
    for _ in 0..2 {
        life.sweep().await;
        let bad: Vec<_> = life.report().await.unprotected;
        let bad: Vec<_> = bad.iter().filter(|line| line.state == ResourceState::Unprotected).collect();
        assert_eq!(bad.len(), 1, "{bad:?}");
        assert_eq!(bad[0].destination, of(State::Failed), "the other destination has its copy");
    }
}

#[tokio::test]
async fn a_dark_destination_counts_each_backup_once() {
    let life = Life::two().await;
    life.make("a", &["1", "2"]).await;
    counted_once(&life.sweep().await, 4);
    darken(&life, NEAR).await;
    life.make("b", &["3"]).await;
    for _ in 0..2 {
        // Two copies are on their way there, and of the third backup nobody knows.
        let swept = life.sweep().await;
        counted_once(&swept, 6);
        assert_eq!(swept["counts"]["unknown"], json!(1), "{swept}");
    }
    let lines = life.report().await.exceptions;
    let near = lines.iter().filter(|line| line.destination == NEAR && line.verdict.name() == "in_progress");
    assert_eq!(near.count(), 2, "{lines:?}");
}

#[tokio::test]
async fn a_clock_may_be_five_minutes_behind_and_no_more() {
    let life = Life::begin(|_| {}).await;
    life.make("a", &["1"]).await;
    life.sweep().await;
    life.arrive().await;
    life.sweep().await;
    let now = life.estate.clock.now();
    for (minutes, wanted) in [(0, Conclusion::Holds), (4, Conclusion::Holds), (6, Conclusion::Unknown)] {
        let report = life.estate.report_at(&life.policy, now - SignedDuration::from_mins(minutes)).await;
        assert_eq!(report.conclusion, wanted, "{minutes} minutes behind");
    }
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_has_seen_does_not_hide_a_loss() {
    for ahead in [0, 5] {
        let life = Life::begin(|_| {}).await;
        life.make("a", &["1"]).await;
        life.sweep().await;
        // Only this program's clock is ahead, and set right again.
        life.estate.clock.set(ahead);
        life.arrive().await;
        life.estate.clock.set(-ahead);
        life.seed(json!({ "remove": life.copies() })).await;
        let counts = life.sweep().await["counts"].clone();
        assert_eq!((&counts["replicated"], &counts["lost"]), (&json!(0), &json!(1)), "{ahead} minutes ahead: {counts}");
    }
}

#[tokio::test]
async fn a_copy_of_another_hand_is_under_way_while_its_destination_is_dark() {
    let life = Life::two().await;
    life.seed(json!({ "switches": { "visibility_delay_s": 600 } })).await;
    let ids = life.make("a", &["1"]).await;
    handle(&life.estate.without_memory(&life.policy), &json!({ "action": "sweep" }), &life.estate.invocation(3_600))
        .await
        .unwrap();
    life.sweep().await;
    life.seed(json!({ "remove": ids })).await;
    darken(&life, NEAR).await;
    let counts = life.sweep().await["counts"].clone();
    assert_eq!((&counts["missing"], &counts["missed"]), (&json!(0), &json!(0)), "{counts}");
    let lines = life.report().await.exceptions;
    let near: Vec<_> = lines.iter().filter(|line| line.destination == NEAR).map(|line| line.verdict.name()).collect();
    assert_eq!(near, ["in_progress"], "{lines:?}");
}

#[tokio::test]
async fn what_comes_under_its_rule_while_a_destination_is_dark_is_remembered_there() {
    let life = Life::two().await;
    let ids = life.make("a", &["1"]).await;
    life.seed(json!({ "rename": { &ids[0]: "other" } })).await;
    life.pass(3).await;
    life.sweep().await;
    darken(&life, NEAR).await;
    life.seed(json!({ "rename": { &ids[0]: "life-again" } })).await;
    life.sweep().await;
    let records = life.estate.ledger().list(&RecordFilter::default(), None, 10).await.unwrap().records;
    let mut regions: Vec<_> = records.iter().map(|record| record.replication().unwrap().destination.region).collect();
    regions.sort();
    assert_eq!(regions, [NEAR, FAR], "{records:?}");
}

#[tokio::test]
async fn a_second_attempt_is_under_way_although_the_ledger_was_lost_and_its_source_goes() {
    let life = Life::begin(|rule| rule["limits"]["restart_lost"] = json!(true)).await;
    let ids = life.make("a", &["1"]).await;
    life.sweep().await;
    life.arrive().await;
    life.seed(json!({ "remove": life.copies() })).await;
    assert_eq!(life.sweep().await["started"], json!(1), "the lost copy is made again");
    let after = life.estate.without_memory(&life.policy);
    let sweep = async || {
        let answer = handle(&after, &json!({ "action": "sweep" }), &life.estate.invocation(3_600)).await.unwrap();
        answer["swept"][0]["counts"].clone()
    };
    sweep().await;
    life.seed(json!({ "remove": ids })).await;
    life.estate.clock.sleep(Duration::from_secs(20 * 60)).await;
    let counts = sweep().await;
    assert_eq!((&counts["in_progress"], &counts["missed"]), (&json!(1), &json!(0)), "{counts}");
}

#[tokio::test]
async fn a_copy_of_which_its_source_tells_is_remembered_for_a_destination_that_is_dark() {
    let life = Life::two().await;
    let ids = life.make("a", &["1"]).await;
    life.seed(json!({ "switches": { "visibility_delay_s": 600 } })).await;
    life.sweep().await;
    let after = life.estate.without_memory(&life.policy);
    darken(&life, NEAR).await;
    for gone in [false, true] {
        if gone {
            life.seed(json!({ "remove": ids })).await;
        }
        handle(&after, &json!({ "action": "sweep" }), &life.estate.invocation(3_600)).await.unwrap();
    }
    let records = after.ports.ledger.list(&RecordFilter::default(), None, 10).await.unwrap().records;
    let near = records.iter().find(|record| record.replication().unwrap().destination.region == NEAR).unwrap();
    assert!(near.about.copying.is_some(), "{near:?}");
}

#[tokio::test]
async fn what_an_edit_leaves_out_is_no_breach_although_its_start_is_not_settled() {
    let life = Life::begin(|_| {}).await;
    let ids = life.make("a", &["1"]).await;
    darken(&life, FAR).await;
    // Nothing was started, and no sweep has ended yet.
    let command = life.policy.rule("web").unwrap().command_of(&ids[0]).to_json();
    handle(&life.context, &command, &life.estate.invocation(600)).await.unwrap_err();
    life.fault(json!([])).await;
    let rule = json!({
        "name": "web", "provider": "tencent", "objective": { "max_lag": "24h" }, "limits": { "allow_empty": true },
        "source": { "region": "ap-guangzhou", "select": { "name_prefix": "life", "exclude": { "resources": ["disk-00000001"] } } },
        "destinations": [{ "region": FAR }],
    });
    let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
    let edited = life.estate.context(&policy);
    for _ in 0..2 {
        life.pass(1).await;
        handle(&edited, &json!({ "action": "sweep" }), &life.estate.invocation(3_600)).await.unwrap();
    }
    let report = life.estate.report(&policy).await.rules.remove(0);
    assert_eq!((report.counts.left, report.conclusion), (0, Conclusion::Holds), "{:?}", report.exceptions);
}
