//! The state machines: a command to its evidence, each way to fail, and many commands at once.

use std::collections::BTreeSet;

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

/// Source: AWS Step Functions API Reference, StartExecution, name, 2026. MiniStack takes longer ones.
const LONGEST_NAME: usize = 80;

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
    assert_eq!(home.made().len(), 3);
}

/// Whoever gives something else is told what to give, and not in the words of an expression.
#[tokio::test]
async fn a_fleet_of_something_else_is_refused_in_words_that_say_what_to_give() {
    let home = start().await;
    let (command, ids) = (copy("snap-wrong0001"), ["snap-wrong0001"]);
    let lists = "give commands, or command and ids (docs/workflows.md)";
    let numbers = "give max_concurrency and tolerated_failures as whole numbers";
    let wrong = [
        (json!({}), lists),
        (json!([]), lists),
        (json!({ "ids": ids }), lists),
        (json!({ "command": command }), lists),
        (json!({ "command": command, "ids": "all" }), lists),
        (json!({ "commands": 7 }), lists),
        (json!({ "commands": command }), lists),
        (json!({ "commands": [command], "ids": ids }), lists),
        (json!({ "commands": [command], "max_concurrency": "10" }), numbers),
        (json!({ "commands": [command], "tolerated_failures": 0.5 }), numbers),
    ];
    for (number, (input, cause)) in wrong.iter().enumerate() {
        let ended = home.run_workflow("FleetArn", &format!("wrong-{number}"), input).await;
        failed_with(&ended, "Offsite.InvalidCommand", cause);
    }
    // What only an expression finds out is put into a sentence.
    let odd = json!({ "command": { "operation": "copy-snapshot", "source": 7 }, "ids": ids });
    let ended = home.run_workflow("FleetArn", "odd", &odd).await;
    failed_with(&ended, "Offsite.InvalidCommand", "no commands can be made of this input (docs/workflows.md): ");
    assert_eq!(home.made(), [""; 0]);
}

/// The longest name of an execution, given twice but for its last sign: what it starts has names that fit, and its own ones.
#[tokio::test]
async fn fleets_with_the_longest_names_start_children_of_their_own_once() {
    let home = start().await;
    let command = json!({ "action": "replicate", "provider": "nobody", "operation": "copy-snapshot" });
    let commands: Vec<Value> = (0..201).map(|_| command.clone()).collect();
    let fleet = json!({ "commands": commands, "max_concurrency": 400, "tolerated_failures": 201 });
    let names = ["a", "b"].map(|end| format!("{}{end}", "order-4711-".repeat(8).split_at(LONGEST_NAME - 1).0));
    for name in &names {
        assert_eq!(name.len(), LONGEST_NAME);
        let done = output(&home.run_workflow("FleetArn", name, &fleet).await);
        let errors: Vec<&Value> = done["fleets"].as_array().unwrap().iter().map(|fleet| &fleet["errors"]).collect();
        assert_eq!(errors, [&json!(["Offsite.InvalidCommand"]); 2], "each was begun and refused: {done:#}");
    }
    for (machine, wanted) in [("FleetArn", 2 + 2 * 2), ("WorkflowArn", 2 * 201)] {
        let begun = json!({ "stateMachineArn": home.output(machine), "maxResults": 1_000 });
        let begun = home.account.json("AWSStepFunctions.ListExecutions", begun).await;
        let begun: Vec<&str> =
            begun["executions"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        let distinct: BTreeSet<&str> = begun.iter().copied().collect();
        assert_eq!((begun.len(), distinct.len()), (wanted, wanted), "{machine}");
        assert!(begun.iter().all(|name| name.len() <= LONGEST_NAME && name.starts_with("order-4711-")), "{begun:?}");
    }
}
