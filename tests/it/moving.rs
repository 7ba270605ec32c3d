//! What docs/commands.md says of each command is so: whether it shows progress on a terminal, and what a signal does to it.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::command_line::{command, first_line, run, terminate};
use crate::subcommands::{FINISHES, MOVES, READS, SERVES};
use crate::sweeping::Estate;
use crate::terminal::Terminal;

/// One snapshot and a rule for it; the event is a command to copy it.
async fn estate() -> (Estate, Vec<(String, String)>, String) {
    let estate = Estate::plain().await;
    let snapshot =
        json!({ "snapshot_id": "snap-00000001", "region": "ap-guangzhou", "name": "nightly", "disk_id": "disk-1" });
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot] })).await;
    let rule = json!({
        "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } },
        "destinations": [{ "region": "ap-singapore" }],
    });
    let policy = Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap();
    let mut environment = estate.of_command(&policy);
    environment
        .extend([("OFFSITE_FIRST_LOOK_S", "0"), ("OFFSITE_TIMEOUT_MS", "60000")].map(|(a, b)| (a.into(), b.into())));
    let event = estate.directory.path().join("command.json");
    let copy = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": "snap-00000001" }, "destinations": [{ "region": "ap-singapore" }],
    });
    std::fs::write(&event, copy.to_string()).unwrap();
    (estate, environment, event.to_string_lossy().into_owned())
}

/// Has each answer of the cloud take so long.
async fn slow_down(estate: &Estate, action: &str, delay_ms: u64) {
    let slow = json!({ "action": action, "kind": "slow", "delay_ms": delay_ms });
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": [slow] })).await;
}

/// The signs of a spinner.
fn spins(seen: &str) -> bool {
    seen.chars().any(|sign| ('\u{2801}'..='\u{28ff}').contains(&sign))
}

#[tokio::test]
async fn what_is_said_to_move_moves_and_nothing_else_does() {
    let (estate, environment, event) = estate().await;
    slow_down(&estate, "*", 300).await;
    let risk = ["--rule", "nightly", "--resource", "disk-9", "--cause", "missing", "--for", "9d", "--reason", "OPS-1"];
    let moving: Vec<(&str, Vec<&str>, &str)> = vec![
        ("policy check", vec!["policy", "check", "--live"], "reading the clouds"),
        ("doctor", vec!["doctor"], "examining"),
        ("status", vec!["status", "snap-00000001"], "asking ledger and cloud"),
        ("witness", vec!["witness"], "listing backups"),
        ("report", vec!["report", "--live"], "reading"),
        ("risk accept", [&["risk", "accept"], &risk[..]].concat(), "asking the cloud for the resource"),
        ("handle", vec!["handle", "--event", &event], "handling the event"),
        ("observe", vec!["observe"], "0 of 1 copies arrived or given up"),
        ("sweep", vec!["sweep"], "sweeping"),
    ];
    for (name, arguments, words) in &moving {
        let (_, seen) = Terminal::open(arguments, &environment, 100).ended().await;
        assert!(seen.contains(words) && (spins(&seen) || *name == "observe"), "{name}: {seen:?}");
        let quiet: Vec<&str> = [&["--quiet"], arguments.as_slice()].concat();
        let (_, seen) = Terminal::open(&quiet, &environment, 100).ended().await;
        assert!(!spins(&seen) && !seen.contains("arrived or given up"), "{name} --quiet: {seen:?}");
    }
    // The demo is looked at in `terminal`.
    let mut named: Vec<&str> = moving.iter().map(|(name, _, _)| *name).chain(["demo"]).collect();
    named.sort_unstable();
    assert_eq!(named, MOVES);
    for arguments in [
        vec!["queue", "list"],
        vec!["queue", "take"],
        vec!["ledger", "show", "--all"],
        vec!["risk", "list"],
        vec!["policy", "render"],
        vec!["policy", "schema"],
        vec!["events", "explain", &event],
        vec!["explain", "Offsite.InDoubt"],
        vec!["pause", "--reason", "OPS-1"],
        vec!["resume"],
    ] {
        let (code, seen) = Terminal::open(&arguments, &environment, 100).ended().await;
        assert!(code == 0 && !spins(&seen), "{arguments:?}: {code} {seen:?}");
    }
}

/// Starts a command, and asks it to end once the cloud works on a question of it.
async fn told_to_end(
    estate: &Estate,
    environment: &[(String, String)],
    arguments: &[&str],
) -> (std::process::ExitStatus, String, String) {
    let child = command(arguments, environment).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let asked = async {
        loop {
            let told = estate.get(Cloud::Tencent, "faults").await;
            if told["faults"][0]["hit"].as_u64() > Some(0) {
                break;
            }
            SystemClock.sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), asked)
        .await
        .unwrap_or_else(|_| panic!("{arguments:?} asked nothing"));
    terminate(&child);
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await;
    let ended = ended.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status, text(ended.stdout), text(ended.stderr))
}

#[tokio::test]
async fn what_is_said_to_finish_finishes_and_whatever_only_reads_ends_at_once() {
    let (estate, environment, event) = estate().await;
    let finishing: [(&str, Vec<&str>, &str); 4] = [
        ("handle", vec!["handle", "--event", &event], "CopySnapshotCrossRegions"),
        ("observe", vec!["observe", "--until-done"], "DescribeSnapshots"),
        ("sweep", vec!["sweep"], "DescribeSnapshots"),
        ("watch", vec!["watch"], "DescribeSnapshots"),
    ];
    for (name, arguments, action) in &finishing {
        slow_down(&estate, action, 1_500).await;
        let (status, stdout, stderr) = told_to_end(&estate, &environment, arguments).await;
        assert!(status.code().is_some() && stderr.contains("stopp"), "{name}: {status} {stdout}{stderr}");
        if *name == "handle" {
            let answer: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!((status.code(), &answer["results"][0]["state"]), (Some(0), &json!("accepted")), "{stdout}");
        }
        slow_down(&estate, "none", 1).await;
        // Nothing is held, and nothing was begun twice.
        let swept: Value = serde_json::from_str(run(&["sweep"], &environment, None).await.stdout.trim_end()).unwrap();
        assert_eq!(swept["swept"][0]["complete"], json!(true), "after {name}: {swept}");
    }
    assert_eq!(finishing.map(|(name, ..)| name), FINISHES);
    let state = estate.get(Cloud::Tencent, "state").await;
    assert_eq!(state["replications"].as_array().unwrap().len(), 1, "{state}");

    let reading = [
        ("doctor", vec!["doctor"]),
        ("policy check", vec!["policy", "check", "--live"]),
        ("report", vec!["report", "--live"]),
        ("status", vec!["status", "snap-00000001"]),
        ("witness", vec!["witness"]),
    ];
    assert_eq!(reading.each_ref().map(|(name, _)| *name), READS);
    for (_, arguments) in reading {
        slow_down(&estate, "*", 50_000).await;
        let (status, stdout, stderr) = told_to_end(&estate, &environment, &arguments).await;
        assert_eq!(status.signal(), Some(15), "{arguments:?}: {stdout}{stderr}");
    }
    assert_eq!(SERVES, ["simulate", "chaos"]);
    let mut simulate = command(&["simulate"], &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(first_line(&mut simulate).await.contains("http://127.0.0.1:"));
    let chaos = command(&["chaos", "--laws", "--histories", "10000000"], &[]).stdout(Stdio::piped()).spawn().unwrap();
    for child in [simulate, chaos] {
        terminate(&child);
        tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("it ends").unwrap();
    }
}
