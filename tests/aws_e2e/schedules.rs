//! EventBridge Scheduler, the sweep over the policy, and observation.

use jiff::tz::TimeZone;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::account::until;
use crate::home::{Home, Wish, policy, template};

async fn scheduler(home: &Home, method: &str, path: &str, body: &Value) -> Value {
    let reply = home.account.rest(method, "scheduler", path, body.to_string().into_bytes()).await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, 200, "{method} {path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Has the target of one of the stack's schedules called once, now: the same function, role and input.
pub async fn fire(home: &Home, schedule: &str) {
    let listed = scheduler(home, "GET", "/schedules", &Value::Null).await;
    let listed = listed["Schedules"].as_array().unwrap();
    let found = listed.iter().find(|one| one["Name"].as_str().unwrap().contains(schedule)).unwrap();
    let (name, group) = (found["Name"].as_str().unwrap(), found["GroupName"].as_str().unwrap());
    let whole = scheduler(home, "GET", &format!("/schedules/{name}?groupName={group}"), &Value::Null).await;
    assert!(
        ["rate(1 minute)", "rate(5 minutes)", "rate(30 minutes)"]
            .map(Some)
            .contains(&whole["ScheduleExpression"].as_str()),
        "{whole}"
    );
    let now = SystemClock.now().to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let once = json!({
        "ScheduleExpression": format!("at({now})"), "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": whole["Target"],
    });
    scheduler(home, "POST", &format!("/schedules/{schedule}-now"), &once).await;
}

#[tokio::test]
async fn a_schedule_sweeps_what_is_missing_through_the_work_queue_and_another_sees_it_arrive() {
    let web = policy(json!({ "name_prefix": "web-" }));
    let home = Home::deploy(Wish { policy: Some(web), ..Wish::of(&[Cloud::Tencent]) }).await;
    let snapshot = |id: &str, name: &str| json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": name });
    let covered = ["snap-sweep001", "snap-sweep002", "snap-sweep003"];
    let mut snapshots: Vec<Value> = covered.iter().map(|id| snapshot(id, "web-1")).collect();
    snapshots.push(snapshot("snap-sweep004", "db-1"));
    home.seed(Cloud::Tencent, json!({ "snapshots": snapshots, "switches": { "copy_duration_s": 0 } })).await;
    fire(&home, "TencentSweep").await;
    let receipts = home.expect_receipts(3).await;
    let mut sources: Vec<&str> =
        receipts.iter().map(|receipt| receipt["data"]["source"]["snapshot_id"].as_str().unwrap()).collect();
    sources.sort();
    assert_eq!(sources, covered, "what the policy covers, and nothing else");
    assert!(receipts.iter().all(|receipt| receipt["type"] == "offsite.replication.accepted"), "{receipts:#?}");
    // An observation sends what is not marked as sent, and a busy machine takes its time from the one to the other.
    until("the receipts to be marked as sent", 20, async || {
        home.records().await.iter().all(|record| record["outbox"] != json!(true)).then_some(())
    })
    .await;
    fire(&home, "TencentObserve").await;
    let arrived = home.expect_receipts(3).await;
    assert!(arrived.iter().all(|receipt| receipt["type"] == "offsite.replication.replicated"), "{arrived:#?}");
    until("three records with evidence", 20, async || {
        let records = home.records().await;
        (records.iter().filter(|record| record["state"] == "replicated").count() == 3).then_some(())
    })
    .await;
    fire(&home, "TencentTail").await;
    until("the look to be measured", 20, async || {
        home.log(Cloud::Tencent).await.contains("TailAgeSeconds").then_some(())
    })
    .await;
    // The role had all that this took, and each metric that an alarm watches was written.
    let log = home.log(Cloud::Tencent).await;
    assert!(!log.contains("not authorized"), "{log}");
    let resources = template()["Resources"].as_object().unwrap().iter();
    let ours =
        |alarm: &Value| alarm["Type"] == "AWS::CloudWatch::Alarm" && alarm["Properties"]["Namespace"] == "Offsite";
    let watched: Vec<&str> = resources
        .filter(|(name, alarm)| name.starts_with("Tencent") && ours(alarm))
        .map(|(_, alarm)| alarm["Properties"]["MetricName"].as_str().unwrap())
        .collect();
    assert!(watched.len() >= 4, "{watched:?}");
    for metric in watched {
        assert!(log.contains(&format!("\"Name\":\"{metric}\"")), "no metric {metric} in the log:\n{log}");
    }
}

/// From a finished snapshot to its receipt, without any event: the first look only says from where on.
#[tokio::test]
async fn a_look_starts_what_was_finished_since_the_last_one_through_the_work_queue() {
    let web = policy(json!({ "name_prefix": "web-" }));
    let home = Home::deploy(Wish { policy: Some(web), ..Wish::of(&[Cloud::Tencent]) }).await;
    let look = json!({ "action": "sweep", "depth": "recent" });
    let first = home.invoke(&home.function(Cloud::Tencent), &look).await.unwrap();
    assert_eq!(first["looked"][0]["complete"], json!(true), "{first}");
    let snapshot = json!({ "snapshot_id": "snap-tail0001", "region": "ap-guangzhou", "name": "web-1" });
    home.seed(Cloud::Tencent, json!({ "snapshots": [snapshot] })).await;
    fire(&home, "TencentTail").await;
    let receipts = home.expect_receipts(1).await;
    assert_eq!(receipts[0]["data"]["source"]["snapshot_id"], "snap-tail0001");
}
