//! The state machines: a command to its evidence, each way to fail, and many commands at once.

use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};

use crate::home::{Home, Wish, copy, sample};

async fn start() -> Home {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    home.seed(Cloud::Tencent, json!({ "switches": { "copy_duration_s": 0 } })).await;
    home
}

fn output(described: &Value) -> Value {
    assert_eq!(described["status"], "SUCCEEDED", "{described:#}");
    serde_json::from_str(described["output"].as_str().unwrap()).unwrap()
}

#[track_caller]
fn failed_with(described: &Value, name: &str, part: &str) {
    assert_eq!((&described["status"], &described["error"]), (&json!("FAILED"), &json!(name)), "{described:#}");
    assert!(described["cause"].as_str().unwrap().contains(part), "{described:#}");
}

#[tokio::test]
async fn a_workflow_ends_with_the_evidence_of_the_copy() {
    let home = start().await;
    home.seed(Cloud::Tencent, json!({ "switches": { "copy_duration_s": 1 } })).await;
    let done = output(&home.run_workflow("WorkflowArn", "one", &copy("snap-flow0001")).await);
    let copies = done["copies"].as_array().unwrap();
    assert_eq!((copies.len(), &copies[0]["state"]), (1, &json!("replicated")), "{done:#}");
    assert_eq!(home.made(), [copies[0]["replication_id"].as_str().unwrap()]);
    assert!(done["looks"].as_u64().unwrap() > 1, "it waited for the copy: {done:#}");
}

#[tokio::test]
async fn a_throttled_workflow_starts_nothing_and_fails_by_that_name() {
    let home = start().await;
    home.fault(Cloud::Tencent, json!({ "action": "CopySnapshotCrossRegions", "kind": "throttle" })).await;
    let ended = home.run_workflow("WorkflowArn", "throttled", &copy("snap-flow0002")).await;
    failed_with(&ended, "Offsite.Throttled", "RequestLimitExceeded");
    assert_eq!(home.made(), [""; 0]);
    // Started again when there is room, it is the same copy and works.
    home.clear_faults(Cloud::Tencent).await;
    output(&home.run_workflow("WorkflowArn", "throttled-again", &copy("snap-flow0002")).await);
    assert_eq!(home.made().len(), 1);
}

#[tokio::test]
async fn a_workflow_in_doubt_reads_back_and_adopts_the_copy_it_had_started() {
    let home = start().await;
    home.seed(Cloud::Tencent, json!({ "switches": { "visibility_delay_s": 1 } })).await;
    let lost = json!({ "action": "CopySnapshotCrossRegions", "kind": "http_500_after", "times": 1 });
    home.fault(Cloud::Tencent, lost).await;
    let done = output(&home.run_workflow("WorkflowArn", "doubt", &copy("snap-flow0003")).await);
    assert_eq!(done["copies"][0]["state"], "replicated", "{done:#}");
    assert_eq!(home.made(), [done["copies"][0]["replication_id"].as_str().unwrap()]);
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1, "no second call");
}

#[tokio::test]
async fn a_workflow_whose_doubt_does_not_end_fails_by_that_name_and_never_calls_again() {
    let home = start().await;
    let lost = json!({ "action": "CopySnapshotCrossRegions", "kind": "http_500_before" });
    home.fault(Cloud::Tencent, lost).await;
    let ended = home.run_workflow("WorkflowArn", "doubtful", &copy("snap-flow0004")).await;
    failed_with(&ended, "Offsite.InDoubt", "nothing is repeated blindly");
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1);
}

#[tokio::test]
async fn a_workflow_whose_copy_fails_at_the_provider_says_so() {
    // Huawei, whose record says that a copy has failed; a failed copy at Tencent only never shows.
    let home = Home::deploy(Wish::of(&[Cloud::Huawei])).await;
    home.fault(Cloud::Huawei, json!({ "action": "CopyBackup", "kind": "fail_later" })).await;
    let ended = home.run_workflow("WorkflowArn", "failing", &sample("huawei/copy-backup.json")).await;
    failed_with(&ended, "Offsite.Rejected", "the copy came to nothing");
}

#[tokio::test]
async fn a_fleet_of_commands_ends_with_a_count_and_the_failed_one_does_not_stop_the_others() {
    let home = start().await;
    let quota = json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-fleet003" }, "kind": "code",
        "code": "InsufficientSnapshotQuota" });
    home.fault(Cloud::Tencent, quota).await;
    let commands: Vec<Value> = (1..=5).map(|number| copy(&format!("snap-fleet00{number}"))).collect();
    let fleet = json!({ "commands": commands, "max_concurrency": 2, "tolerated_failures": 1 });
    let done = output(&home.run_workflow("FleetArn", "fleet", &fleet).await);
    assert_eq!((&done["done"], &done["failed"]), (&json!(4), &json!(1)), "{done:#}");
    assert_eq!(home.made().len(), 4);
    let strict = json!({ "commands": commands, "max_concurrency": 2 });
    let ended = home.run_workflow("FleetArn", "strict-fleet", &strict).await;
    failed_with(&ended, "Offsite.Rejected", "1 of 5 commands failed");
    assert_eq!(home.made().len(), 4, "the others are answered from the ledger");
}

/// What an execution takes in and gives may have 256 KiB. Source: AWS Step Functions Developer Guide, service quotas, 2026. MiniStack holds
/// nobody to it.
const LARGEST: usize = 262_144;

/// Every command is refused before any function is asked, so that this is about the machine alone.
#[tokio::test]
async fn a_fleet_of_2000_commands_of_which_each_fails_ends_by_name_within_what_an_execution_may_hold() {
    let home = start().await;
    let ids: Vec<String> = (0..2_000).map(|number| format!("snap-{number:08}")).collect();
    let command = json!({
        "action": "replicate", "provider": "nobody", "operation": "copy-snapshot", "account": "production-account-of-the-east",
        "source": { "region": "ap-guangzhou" }, "destinations": [{ "region": "ap-beijing" }, { "region": "ap-singapore" }],
    });
    let fleet = json!({ "command": command, "ids": ids, "max_concurrency": 400 });
    assert!(fleet.to_string().len() < LARGEST);
    let ended = home.run_workflow("FleetArn", "two-thousand", &fleet).await;
    failed_with(&ended, "Offsite.InvalidCommand", "2000 of 2000 commands failed");
    let execution = ended["executionArn"].as_str().unwrap();
    for number in 0..10 {
        let asked = json!({ "executionArn": format!("{execution}-{number}") });
        let child = home.account.json("AWSStepFunctions.DescribeExecution", asked).await;
        let size = child.to_string().len();
        assert!(size < LARGEST / 2, "a fleet of 200 in which each failed: {size} bytes with its input");
        let failed: Value = serde_json::from_str(child["output"].as_str().unwrap()).unwrap();
        let items = failed["items"].as_array().unwrap();
        assert_eq!((items.len(), &failed["failed"]), (200, &json!(200)));
        assert!(items.iter().all(|item| item["error"] == "Offsite.InvalidCommand" && item["cause"].is_string()));
    }
    // Written out, and tolerated.
    let commands: Vec<Value> = (0..201).map(|_| command.clone()).collect();
    let tolerant = json!({ "commands": commands, "max_concurrency": 400, "tolerated_failures": 201 });
    let done = output(&home.run_workflow("FleetArn", "tolerated", &tolerant).await);
    assert_eq!((&done["done"], &done["failed"]), (&json!(0), &json!(201)), "{done:#}");
    let sizes: Vec<&Value> = done["fleets"].as_array().unwrap().iter().map(|fleet| &fleet["failed"]).collect();
    assert_eq!(sizes, [&json!(200), &json!(1)]);
    assert_eq!(home.made(), [""; 0]);
}

/// The twin of the commands: one command and many IDs is the same as each command written out.
#[tokio::test]
async fn a_fleet_of_one_command_and_ids_copies_each() {
    let home = start().await;
    let mut command = copy("snap-given-by-the-list");
    command["source"].as_object_mut().unwrap().remove("snapshot_id");
    let ids = ["snap-many0001", "snap-many0002", "snap-many0003"];
    let done = output(&home.run_workflow("FleetArn", "ids", &json!({ "command": command, "ids": ids })).await);
    assert_eq!((&done["done"], &done["failed"]), (&json!(3), &json!(0)), "{done:#}");
    let mut told: Vec<&str> = done["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["copies"][0]["replication_id"].as_str().unwrap())
        .collect();
    told.sort();
    assert_eq!(told, home.made());
    for wrong in
        [json!({}), json!({ "ids": ids }), json!({ "command": command, "ids": "all" }), json!({ "commands": 7 })]
    {
        let ended = home.run_workflow("FleetArn", &format!("wrong-{}", wrong.to_string().len()), &wrong).await;
        assert_eq!(ended["status"], "FAILED", "{wrong}: {ended:#}");
    }
    assert_eq!(home.made().len(), 3);
}
