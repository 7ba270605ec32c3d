//! `offsite sweep` as a command: its exit code says whether somebody must look, and nothing about holding.

use std::sync::Arc;

use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use serde_json::{Value, json};

use crate::command_line::run;
use crate::schemas::validator;
use crate::sweeping::Estate;

fn environment(estate: &Estate, regions: &[&str]) -> Vec<(String, String)> {
    let destinations: Vec<Value> = regions.iter().map(|region| json!({ "region": region })).collect();
    let rule = json!({
        "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } },
        "destinations": destinations,
    });
    let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
    let mut environment = estate.of_command(&policy);
    environment.push(("OFFSITE_TIMEOUT_MS".to_owned(), "1500".to_owned()));
    environment
}

async fn swept(estate: &Estate, regions: &[&str]) -> (i32, Value, String) {
    let ended = run(&["sweep"], &environment(estate, regions), None).await;
    let last = ended.stdout.trim_end().to_owned();
    (ended.code, serde_json::from_str(&last).unwrap_or_default(), ended.stderr)
}

async fn make(estate: &Estate, ids: &[&str]) {
    let snapshots: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "snapshot_id": format!("snap-{id}"), "region": "ap-guangzhou", "name": "nightly", "disk_id": format!("disk-{id}") }))
        .collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
}

#[tokio::test]
async fn a_sweep_that_starts_everything_ends_with_0() {
    let estate = Estate::plain().await;
    make(&estate, &["00000001", "00000002"]).await;
    let (code, answer, errors) = swept(&estate, &["ap-singapore"]).await;
    assert_eq!((code, &answer["swept"][0]["started"]), (0, &json!(2)), "{errors}");
}

#[tokio::test]
async fn a_refused_copy_ends_with_3_and_starts_nothing() {
    let estate = Estate::plain().await;
    make(&estate, &["00000001", "00000002"]).await;
    let quota = json!({ "action": "CopySnapshotCrossRegions", "kind": "code", "code": "InsufficientSnapshotQuota" });
    estate.post(Cloud::Tencent, "faults", &json!({ "faults": [quota] })).await;
    let (code, answer, errors) = swept(&estate, &["ap-singapore"]).await;
    let one = &answer["swept"][0];
    assert_eq!((code, &one["started"], &one["refused"]), (3, &json!(0), &json!(2)), "{errors}");
    let told =
        estate.receipts().await.into_iter().filter(|event| event["type"] == json!("offsite.replication.refused"));
    assert_eq!(told.count(), 2, "both were tried side by side, and each says so");
}

#[tokio::test]
async fn a_destination_that_does_not_answer_ends_with_1_and_the_other_gets_its_copies() {
    let estate = Estate::plain().await;
    make(&estate, &["00000001", "00000002"]).await;
    let dark = json!({ "action": "DescribeSnapshots", "match": { "region": "ap-beijing" }, "kind": "http_500_before" });
    estate.post(Cloud::Tencent, "faults", &json!({ "faults": [dark] })).await;
    let (code, answer, errors) = swept(&estate, &["ap-beijing", "ap-singapore"]).await;
    assert_eq!((code, &answer["swept"][0]["started"]), (1, &json!(2)), "{errors}");
}

/// Programs read it: each copy with its fields, as the schema of answers has them, and nothing is started.
#[tokio::test]
async fn a_dry_run_names_each_copy_and_starts_none() {
    let estate = Estate::plain().await;
    make(&estate, &["00000001", "00000002"]).await;
    // That it fits is held wherever a test runs it.
    let ended = run(&["sweep", "--dry-run"], &environment(&estate, &["ap-singapore"]), None).await;
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let rows = told["would_start"].as_array().unwrap();
    assert_eq!((ended.code, rows.len(), &told["swept"][0]["complete"]), (0, 2, &json!(true)), "{told}");
    for row in rows {
        let told = [&row["rule"], &row["name"], &row["destination"], &row["limit"]];
        assert_eq!(told, [&json!("nightly"), &json!("nightly"), &json!("ap-singapore"), &Value::Null], "{row}");
    }
    assert_eq!(estate.get(Cloud::Tencent, "state").await["replications"], json!([]));
    // The twin: a field too many or too few is no answer.
    let validator = validator("answer");
    assert!(validator.is_valid(&told));
    let spoils: [fn(&mut Value); 2] =
        [|row| row["more"] = json!(1), |row| _ = row.as_object_mut().unwrap().remove("limit")];
    for spoil in spoils {
        let mut other = told.clone();
        spoil(&mut other["would_start"][0]);
        assert!(!validator.is_valid(&other), "{other}");
    }
}
