//! Histories of starts that were tried more than once, were in doubt, or met a destination that fell silent meanwhile.

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::report::{Conclusion, Fault};
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

/// A snapshot that stays unfinished protects nobody, and promises nothing as long as its copy is not due.
#[tokio::test]
async fn a_disk_whose_only_backup_is_never_finished_is_unprotected_once_that_is_due() {
    let life = Life::begin(|rule| rule["objective"] = json!({ "max_lag": "24h", "rpo": "3d" })).await;
    life.sweep().await;
    let unfinished = |id: &str, disk: &str, days: u64| {
        json!({ "snapshots": [{
            "snapshot_id": id, "region": "ap-guangzhou", "name": format!("life-{id}"), "disk_id": disk, "creating_s": days * 86_400,
        }] })
    };
    life.seed(unfinished("snap-life000001", "disk-life0001", 10)).await;
    life.sweep().await;
    let report = life.report().await;
    let rpo = report.rpo.as_ref().unwrap();
    assert_eq!((report.conclusion, report.resources.unprotected), (Conclusion::Holds, 0), "{:?}", report.why);
    assert_eq!((rpo.late, rpo.worst_resource.as_deref()), (0, None), "nothing is due, so nothing is late");

    life.pass(30).await;
    life.sweep().await;
    let report = life.report().await;
    let line = &report.unprotected[0];
    let rpo = report.rpo.as_ref().unwrap();
    assert_eq!((report.conclusion, report.resources.unprotected), (Conclusion::Broken, 1), "{:?}", report.why);
    assert_eq!((line.cause.as_str(), line.fault, report.gaps), ("not_ready", Fault::CannotBeCopied, 0), "{line:?}");
    assert!(line.reason.as_deref().is_some_and(|reason| reason.contains("is still being created")), "{line:?}");
    assert_eq!((rpo.late, rpo.worst_resource.as_deref()), (1, Some("disk-life0001")));

    // That it goes makes nothing better; a newer copy does.
    life.seed(json!({ "remove": ["snap-life000001"] })).await;
    life.sweep().await;
    assert_eq!(life.report().await.conclusion, Conclusion::Broken);
    life.seed(json!({ "snapshots": [{
        "snapshot_id": "snap-life000002", "region": "ap-guangzhou", "name": "life-2", "disk_id": "disk-life0001",
    }] }))
    .await;
    life.sweep().await;
    life.arrive().await;
    life.sweep().await;
    let report = life.report().await;
    assert_eq!((report.conclusion, report.rpo.unwrap().late), (Conclusion::Holds, 0), "{:?}", report.why);

    // One that goes before its copy is due was never promised.
    life.seed(unfinished("snap-life000003", "disk-life0002", 10)).await;
    life.sweep().await;
    life.seed(json!({ "remove": ["snap-life000003"] })).await;
    life.pass(30).await;
    life.sweep().await;
    let report = life.report().await;
    assert!(report.unprotected.iter().all(|line| line.resource != "disk-life0002"), "{:?}", report.unprotected);
}
