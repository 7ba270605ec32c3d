//! Ctrl-C, SIGTERM and a kill in the middle of a sweep: nothing stays locked, and no copy is made twice.

use std::process::Stdio;
use std::time::Duration;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::command_line::{command, run, terminate};
use crate::sweeping::Estate;

const SNAPSHOTS: usize = 60;

/// An estate in which a sweep takes its time: so many snapshots, and a few starts a second.
async fn slow() -> (Estate, Vec<(String, String)>) {
    let estate = Estate::plain().await;
    let snapshots: Vec<Value> = (0..SNAPSHOTS)
        .map(|n| json!({ "snapshot_id": format!("snap-{n:08}"), "region": "ap-guangzhou", "name": "nightly", "disk_id": format!("disk-{n:08}") }))
        .collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
    let rule = json!({
        "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } },
        "destinations": [{ "region": "ap-beijing" }],
    });
    let policy = Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap();
    let folder = estate.directory.path();
    std::fs::write(folder.join("policy.json"), policy.to_json().to_string()).unwrap();
    let mut environment: Vec<(String, String)> = estate.environment.variables().clone().into_iter().collect();
    for (name, file) in [("OFFSITE_DB", "offsite.db"), ("OFFSITE_POLICY", "policy.json")] {
        environment.push((name.to_owned(), folder.join(file).to_string_lossy().into_owned()));
    }
    environment.push(("OFFSITE_TENCENT_RPS".to_owned(), "40".to_owned()));
    (estate, environment)
}

async fn copies(estate: &Estate) -> Vec<u64> {
    let state = estate.get(Cloud::Tencent, "state").await;
    let rows = state["replications"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["created"].as_u64().unwrap()).collect()
}

/// A sweep that has started copies, and has not started all.
async fn begun(estate: &Estate, environment: &[(String, String)]) -> tokio::process::Child {
    let child = command(&["sweep"], environment).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..600 {
        if !copies(estate).await.is_empty() {
            return child;
        }
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
    panic!("the sweep started nothing");
}

fn swept(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))["swept"][0].clone()
}

#[tokio::test]
async fn a_sweep_that_is_told_to_stop_gives_its_rule_back() {
    let (estate, environment) = slow().await;
    let child = begun(&estate, &environment).await;
    terminate(&child);
    let ended =
        tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await.expect("it stops").unwrap();
    let [stdout, stderr] = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(ended.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("what is begun is finished") && stderr.contains("nothing locked"), "{stderr}");
    let first = swept(&stdout);
    assert_eq!(first["complete"], false, "{first}");
    let made = copies(&estate).await.len();
    assert!((1..SNAPSHOTS).contains(&made), "{made} copies, and it was in the middle");

    let again = run(&["sweep"], &environment, None).await;
    let second = swept(&again.stdout);
    assert_eq!((again.code, &second["complete"]), (0, &json!(true)), "{second} {}", again.stderr);
    assert_eq!(copies(&estate).await, vec![1; SNAPSHOTS], "each once");
}

/// A living sweep keeps the others out; that of a killed process does not.
#[tokio::test]
async fn only_a_living_process_keeps_a_rule_locked() {
    let (estate, environment) = slow().await;
    let mut child = begun(&estate, &environment).await;
    let beside = run(&["sweep"], &environment, None).await;
    let reason = swept(&beside.stdout)["reason"].clone();
    assert!(reason.as_str().unwrap().contains("another invocation is sweeping this rule"), "{reason}");

    child.kill().await.unwrap();
    let after = run(&["sweep"], &environment, None).await;
    let taken = swept(&after.stdout);
    assert!(taken.get("reason").is_none(), "taken over at once: {taken}");
    assert!(copies(&estate).await.iter().all(|made| *made == 1), "each once at most");
}
