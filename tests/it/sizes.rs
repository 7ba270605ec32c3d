//! How many GiB are covered, copied and waiting: before the first sweep, in its answer, and in each form of the report.

use std::sync::Arc;

use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use serde_json::{Value, json};

use crate::command_line::run;

use crate::sweeping::Estate;

/// Each snapshot of the simulator is of a disk of 50 GiB.
async fn three_snapshots() -> (Estate, Vec<(String, String)>) {
    let estate = Estate::plain().await;
    let seeds: Vec<Value> = (1..=3)
        .map(|n| json!({ "snapshot_id": format!("snap-0000000{n}"), "region": "ap-guangzhou", "name": "nightly", "disk_id": format!("disk-{n}") }))
        .collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": seeds })).await;
    let rule = json!({
        "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } },
        "destinations": [{ "region": "ap-singapore" }], "limits": { "max_new_per_sweep": 2 },
    });
    let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
    let mut environment = estate.of_command(&policy);
    let more = [("OFFSITE_FIRST_LOOK_S", "0"), ("OFFSITE_TENCENT_RPS", "20")];
    environment.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    (estate, environment)
}

fn volume(covered: u64, copied: u64, waiting: u64) -> Value {
    json!([{ "destination": "ap-singapore", "covered_gib": covered, "copied_gib": copied, "waiting_gib": waiting,
        "unsized": 0, "at_most": true }])
}

#[tokio::test]
async fn gib_are_told_from_before_the_first_sweep_until_they_are_copied() {
    let (estate, environment) = three_snapshots().await;
    let said = async |arguments: &[&str]| run(arguments, &environment, None).await.stdout;
    let live = said(&["policy", "check", "--live"]).await;
    for wanted in [
        "its first sweep would make 2 calls",
        "  to ap-singapore: 3 copies, up to 150 GiB; the oldest backup was made 20",
        "  at 20 calls a second (OFFSITE_TENCENT_RPS) its calls take 1s at least",
        "  at 2 a sweep (limits.max_new_per_sweep) all of it takes 2 sweeps",
    ] {
        assert!(live.contains(wanted), "{wanted}: {live}");
    }
    assert!(live.lines().all(|line| line.chars().count() <= 100), "nothing is wider than a terminal: {live}");
    let live = said(&["policy", "check", "--live", "--format", "json"]).await;
    let live: Value = serde_json::from_str(live.lines().last().unwrap()).unwrap();
    let wanted = &live["would_copy"][0];
    assert_eq!(
        (&wanted["copies"], &wanted["gib"], &wanted["at_most"]),
        (&json!(3), &json!(150), &json!(true)),
        "{live}"
    );
    assert_eq!((&live["sweeps"], &live["seconds"], &live["would_start"]), (&json!(2), &json!(1), &json!(2)), "{live}");

    let answer: Value = serde_json::from_str(said(&["sweep"]).await.trim_end()).unwrap();
    assert_eq!((&answer["swept"][0]["volumes"], &answer["swept"][0]["started"]), (&volume(150, 0, 150), &json!(2)));
    let table = said(&["sweep", "--dry-run", "--format", "table"]).await;
    assert!(table.contains("nightly"), "{table}");

    // What a look has seen counts at once, without another sweep.
    estate.post(Cloud::Tencent, "clock", &json!({ "advance_s": 3_600, "keep_signature_clock": true })).await;
    said(&["observe"]).await;
    let report: Value = serde_json::from_str(&said(&["report", "--format", "json"]).await).unwrap();

    assert_eq!(report["rules"][0]["volumes"], volume(150, 100, 50));
    for (form, wanted) in [
        (vec!["--format", "table"], "    ap-singapore: up to 150 GiB covered, 100 copied, 50 waiting\n"),
        (vec!["--format", "table", "--lang", "zh"], "ap-singapore：已覆盖 最多 150 GiB，已复制 100，待复制 50\n"),
        (vec!["--format", "markdown"], ", up to 50 of 150 GiB waiting\n"),
        (vec!["--format", "html"], "ap-singapore: up to 150 GiB covered, 100 copied, 50 waiting</bdi>"),
        (
            vec!["--format", "prometheus"],
            "offsite_backup_bytes{rule=\"nightly\",provider=\"tencent\",account=\"default\",destination=\"ap-singapore\",state=\"waiting\"} 53687091200\n",
        ),
    ] {
        let told = said(&[&["report"], form.as_slice()].concat()).await;
        assert!(told.contains(wanted), "{wanted}: {told}");
    }

    // The next sweep comes to the same by itself, and starts the rest.
    let answer: Value = serde_json::from_str(said(&["sweep"]).await.trim_end()).unwrap();
    assert_eq!((&answer["swept"][0]["volumes"], &answer["swept"][0]["started"]), (&volume(150, 100, 50), &json!(1)));
    let table = said(&["sweep", "--format", "table"]).await;
    assert!(table.contains("up to 50 GiB waiting"), "{table}");
}
