//! Histories of starts that were tried more than once, were in doubt, or met a destination that fell silent meanwhile.

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::ledger::store::RecordFilter;
use serde_json::{Value, json};

use crate::life::{COPY, Life, NEAR};

/// Names a backup by a command, as an event does.
async fn name(life: &Life, context: &Context, id: &str) {
    let command = life.policy.rule("web").unwrap().command_of(id).to_json();
    // One destination may not answer.
    let _ = handle(context, &command, &life.estate.invocation(600)).await;
}

async fn sweep(life: &Life, context: &Context) -> Value {
    let answer = handle(context, &json!({ "action": "sweep" }), &life.estate.invocation(3_600)).await.unwrap();
    answer["swept"][0].clone()
}

/// Has a region answer nothing but errors, and every other one as it is.
async fn only_dark(life: &Life, region: Option<&str>) {
    let dark =
        |region| json!({ "action": "DescribeSnapshots", "match": { "region": region }, "kind": "http_500_before" });
    life.fault(region.into_iter().map(dark).collect()).await;
}

/// How many copies were ever begun.
fn made(life: &Life) -> u64 {
    let state = life.estate.simulators.state();
    state["replications"].as_array().unwrap().iter().map(|row| row["created"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_copy_of_a_second_attempt_is_found_by_whoever_knows_of_none() {
    for goes in [false, true] {
        let life = Life::begin(|rule| rule["limits"]["restart_lost"] = json!(true)).await;
        let ids = life.make("a", &["1"]).await;
        life.sweep().await;
        life.arrive().await;
        life.seed(json!({ "remove": life.copies() })).await;
        assert_eq!(life.sweep().await["started"], json!(1), "the lost copy is made again");
        life.arrive().await;
        if goes {
            life.seed(json!({ "remove": life.copies() })).await;
        }
        let before = made(&life);
        let after = life.estate.without_memory(&life.policy);
        name(&life, &after, &ids[0]).await;
        assert_eq!(made(&life), before + u64::from(goes), "a second copy is made where there is none");
    }
}

#[tokio::test]
async fn a_command_s_record_learns_what_its_backup_is_of_while_its_destination_is_dark() {
    for listed in [false, true] {
        let life = Life::two().await;
        let ids = life.make("a", &["1"]).await;
        life.sweep().await;
        life.arrive().await;
        let after = life.estate.without_memory(&life.policy);
        only_dark(&life, Some(NEAR)).await;
        name(&life, &after, &ids[0]).await;
        if listed {
            sweep(&life, &after).await;
        }
        let records = after.ports.ledger.list(&RecordFilter::default(), None, 10).await.unwrap().records;
        let near = records.iter().find(|record| record.replication().unwrap().destination.region == NEAR).unwrap();
        assert_eq!(near.about.resource.is_some(), listed, "{near:?}");
    }
}

#[tokio::test]
async fn what_a_doubt_without_its_source_has_come_to_is_settled_in_one_sweep() {
    for newer in [false, true] {
        let life = Life::begin(|_| {}).await;
        life.sweep().await;
        life.pass(1).await;
        let ids = life.make("a", &["1"]).await;
        life.fault(json!([{ "action": COPY, "kind": "timeout_before", "times": 1 }])).await;
        assert_eq!(life.sweep().await["counts"]["in_doubt"], json!(1));
        if newer {
            life.pass(0).await;
            life.make("b", &["1"]).await;
            life.sweep().await;
            life.arrive().await;
        }
        life.seed(json!({ "remove": ids })).await;
        life.pass(1).await;
        let counts = life.sweep().await["counts"].clone();
        let wanted = if newer { "overtaken" } else { "missed" };
        assert_eq!((&counts[wanted], &counts["in_doubt"], &counts["refused"]), (&json!(1), &json!(0), &json!(0)));
    }
}

#[tokio::test]
async fn a_destination_that_falls_silent_after_it_was_listed_keeps_nothing_from_the_other() {
    for silent in [false, true] {
        let life = Life::two().await;
        life.sweep().await;
        life.pass(1).await;
        let ids = life.make("a", &["1"]).await;
        life.fault(json!([{ "action": COPY, "kind": "code", "code": "InsufficientSnapshotQuota" }])).await;
        assert_eq!(life.sweep().await["refused"], json!(2));
        life.seed(json!({ "remove": ids })).await;
        // The destinations are listed, and the source does not answer.
        only_dark(&life, Some("ap-guangzhou")).await;
        assert_eq!(life.sweep().await["failed"], json!(true));
        only_dark(&life, Some(NEAR).filter(|_| silent)).await;
        let swept = life.sweep().await;
        let not_seen = swept["not_seen"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(
            (not_seen, &swept["counts"]["missed"]),
            (usize::from(silent), &json!(2 - u8::from(silent))),
            "{swept}"
        );
    }
}
