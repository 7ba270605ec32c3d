//! `offsite status`, `policy check --explain`, `ledger show` and `report --at` on the command line: what is told of an ID and of a day.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::{Expect, RecordFilter};
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::report::reading::ReportRequest;
use offsite_shared::report::status;
use offsite_shared::settings;
use serde_json::{Value, json};

use crate::command_line::Ended;
use crate::decisions::{person, refused, run, stopped};
use crate::sweeping::Estate;

const QUOTA: &str = "InsufficientSnapshotQuota";

fn policy() -> Arc<Policy> {
    let rule = json!({
        "name": "nightly", "provider": "tencent",
        "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly", "max_age": "40d" } },
        "destinations": [{ "region": "ap-singapore" }],
    });
    let other = json!({
        "name": "vault", "provider": "huawei", "operation": "copy-backup",
        "source": { "region": "cn-north-4", "project_id": "0123456789abcdef0123456789abcdef" },
        "destinations": [{ "region": "cn-east-3", "project_id": "fedcba9876543210fedcba9876543210", "vault_id": "3b8a2f7c-5d1e-4b0a-9c6d-7e8f9a0b1c2d" }],
    });
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule, other] })).unwrap())
}

/// A policy with the first rule alone, since the other cloud has no inventory here.
fn nightly() -> Arc<Policy> {
    let mut policy = (*policy()).clone();
    policy.rules.truncate(1);
    Arc::new(policy)
}

fn hours_ago(hours: i64) -> Timestamp {
    SystemClock.now() - SignedDuration::from_hours(hours)
}

/// Snapshots made so many hours ago, each with its disk and name.
async fn make(estate: &Estate, snapshots: &[(&str, &str, &str, i64)]) {
    let seeds: Vec<Value> = snapshots
        .iter()
        .map(|(id, disk, name, hours)| {
            let created = hours_ago(*hours).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": name, "disk_id": disk, "created": created })
        })
        .collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": seeds })).await;
}

async fn quota(estate: &Estate, full: bool) {
    let faults = match full {
        true => json!([{ "action": "CopySnapshotCrossRegions", "kind": "code", "code": QUOTA }]),
        false => json!([]),
    };
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": faults })).await;
}

#[track_caller]
fn told(ended: &Ended, code: i32) -> Vec<Value> {
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whatever the report lists of any cloud, an ID of it leads to the same.
#[tokio::test]
async fn an_id_is_told_as_the_report_tells_it() {
    let estate = Estate::start(11, 300).await;
    let (mut resources, mut backups) = (0, 0);
    for cloud in Cloud::ALL {
        let policy = estate.policy(cloud).await;
        let truth = estate.get(cloud, "truth").await;
        estate.remember(&truth, &policy).await;
        estate.sweep(&estate.paused(&policy)).await;
        let report = estate.report(&policy).await;
        let ledger = estate.ledger();
        let wish = ReportRequest {
            at: report.at,
            max_age: Duration::from_secs(7_200),
            rule: None,
            live: false,
            lines: usize::MAX,
            defaults: settings::defaults(&estate.environment).unwrap(),
        };
        for (told, rule) in report.rules.iter().zip(&policy.rules) {
            let of = async |id: &str| status::of_rule(&ledger, &ledger, rule, id, &wish).await.unwrap();
            for line in &told.unprotected {
                let known = of(&line.resource).await;
                assert!(known.rule.unprotected.contains(line), "{line:?}: {:?}", known.rule.unprotected);
                resources += 1;
            }
            for line in told.exceptions.iter().step_by(7) {
                let known = of(&line.backup_id).await;
                assert!(known.backups.iter().any(|one| one.line == *line), "{line:?}: {:?}", known.backups);
                backups += 1;
            }
            if let Some(vault) = &rule.source.vault_id {
                assert!(!of(vault).await.is_empty(), "vault {vault}");
            }
            assert!(of("snap-00nobody").await.is_empty());
        }
    }
    assert!(resources > 10 && backups > 30, "{resources} resources, {backups} backups");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_told_with_rule_destination_since_why_and_what_next() {
    let estate = Estate::plain().await;
    make(
        &estate,
        &[("snap-aaaaaaaa", "disk-aaaaaaaa", "nightly", 30), ("snap-bbbbbbbb", "disk-bbbbbbbb", "nightly", 2)],
    )
    .await;
    quota(&estate, true).await;
    let policy = nightly();
    let context = estate.context(&policy);
    estate.sweep(&context).await;
    let environment = person(&estate, &policy);
    let refusals = RecordFilter { state: Some("refused".into()), ..RecordFilter::default() };
    let records = estate.ledger().list(&refusals, None, 10).await.unwrap().records;
    let record = records.iter().find(|record| record.replication().unwrap().source.id == "snap-bbbbbbbb").unwrap();

    // A disk: by its resource line, without asking the cloud.
    let disk = told(&run(&["status", "disk-aaaaaaaa", "--format", "json"], &environment).await, 3).remove(0);
    let line = &disk["rules"][0]["resources"][0];
    assert_eq!((&line["state"], &line["destination"]), (&json!("unprotected"), &json!("ap-singapore")), "{disk:#}");
    assert_eq!((&line["cause"], &disk["health"]), (&json!(QUOTA), &json!("not_well")), "{disk:#}");
    assert!(line["since"].is_string() && line["next"].as_str().unwrap().contains("sweeps ask again"), "{disk:#}");
    assert!(line["command"].as_str().unwrap().starts_with("offsite risk accept --rule nightly"), "{disk:#}");
    assert_eq!(disk["cloud"], json!([]));

    // A backup, and the same by the beginning of its key.
    for id in ["snap-bbbbbbbb", &record.key[..8], &record.key] {
        let backup = told(&run(&["status", id, "--format", "json"], &environment).await, 3).remove(0);
        let line = &backup["rules"][0]["backups"][0];
        assert_eq!((&line["verdict"], &line["backup_id"]), (&json!("refused"), &json!("snap-bbbbbbbb")), "{backup:#}");
        assert_eq!(
            line["command"],
            json!(format!("offsite ledger resolve {} --retry --reason WHY", &record.key[..12]))
        );
        assert_eq!(backup["cloud"][0]["copies"][0]["seen"], json!("nothing"), "{backup:#}");
    }
    let text = run(&["status", "snap-bbbbbbbb", "disk-aaaaaaaa"], &environment).await;
    assert_eq!(text.code, 3);
    for part in [
        "snap-bbbbbbbb: not well",
        "rule nightly: snap-bbbbbbbb in ap-singapore: refused, since 20",
        "why: InsufficientSnapshotQuota",
        "next: mend the cause (offsite explain CODE); sweeps ask again after 20",
        "cloud now, rule nightly: ap-singapore: there is no copy",
        "disk-aaaaaaaa: not well",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    assert!(!text.stderr.contains("whole ledger"), "{}", text.stderr);

    // After the cause is mended the copies come, and each way leads to them.
    quota(&estate, false).await;
    let mut swept = json!(null);
    for _ in 0..100 {
        handle(&context, &json!({ "action": "sweep" }), &estate.invocation(3_600)).await.unwrap();
        swept = json!(estate.report(&policy).await.rules[0].counts);
        if swept["replicated"] == json!(2) {
            break;
        }
        estate.clock.sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(swept["replicated"], json!(2), "{swept}");
    let disk = told(
        &run(&["status", "disk-bbbbbbbb", "--no-look", "--max-age", "2d", "--format", "json"], &environment).await,
        0,
    )
    .remove(0);
    let copy = disk["rules"][0]["resources"][0]["copy_id"].as_str().unwrap().to_owned();
    assert_eq!(disk["rules"][0]["resources"][0]["state"], json!("protected"));
    for id in ["snap-bbbbbbbb", &copy] {
        let backup =
            told(&run(&["status", id, "--no-look", "--max-age", "2d", "--format", "json"], &environment).await, 0)
                .remove(0);
        let line = &backup["rules"][0]["backups"][0];
        assert_eq!((&line["verdict"], &line["copy_id"]), (&json!("replicated"), &json!(copy)), "{backup:#}");
        assert_eq!(backup["remarks"], json!(["the cloud was not asked"]));
    }
}

#[tokio::test]
async fn without_keys_an_id_is_told_from_ledger_and_register_and_it_is_said_that_nobody_looked() {
    let estate = Estate::plain().await;
    make(&estate, &[("snap-aaaaaaaa", "disk-aaaaaaaa", "nightly", 30)]).await;
    quota(&estate, true).await;
    let policy = nightly();
    estate.sweep(&estate.context(&policy)).await;
    let mut environment = person(&estate, &policy);
    environment.retain(|(name, _)| !name.starts_with("TENCENTCLOUD_"));
    let calls = estate.simulators.state()["calls"].clone();
    let backup = told(&run(&["status", "snap-aaaaaaaa", "--format", "json"], &environment).await, 3).remove(0);
    assert_eq!(backup["rules"][0]["backups"][0]["verdict"], json!("refused"), "{backup:#}");
    let remark = backup["remarks"][0].as_str().unwrap();
    assert!(remark.contains("was not asked") && remark.contains("TENCENTCLOUD_SECRET_ID"), "{remark}");
    assert_eq!(estate.simulators.state()["calls"], calls);
}

#[tokio::test]
async fn bad_ids_get_one_line_and_an_id_that_nobody_knows_is_told_as_such() {
    let estate = Estate::plain().await;
    make(&estate, &[("snap-aaaaaaaa", "disk-aaaaaaaa", "nightly", 1)]).await;
    let policy = nightly();
    estate.sweep(&estate.paused(&policy)).await;
    let ledger = estate.ledger();
    for (seed, digit) in [(1, '1'), (2, '2')] {
        let mut record = stopped(seed, "nightly", State::Refused, 1);
        record.key = format!("deadbeef{}", digit.to_string().repeat(56));
        ledger.put(&record, &Expect::Absent).await.unwrap();
    }
    let environment = person(&estate, &policy);
    for (id, part) in [
        ("snap-*", "neither a key nor an ID that a cloud could have"),
        ("disk a", "neither a key nor an ID that a cloud could have"),
        ("", "neither a key nor an ID that a cloud could have"),
        ("deadbee", "too short to be found by: give at least 8 digits"),
        ("deadbeef", "more than one record begins with deadbeef, deadbeef"),
    ] {
        refused(&run(&["status", id], &environment).await, part);
        if !id.is_empty() {
            refused(&run(&["ledger", "show", id], &environment).await, part);
        }
    }
    let ended = run(&["status", "disk-zzzzzzzz"], &environment).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.starts_with("disk-zzzzzzzz: cannot be known"), "{}", ended.stdout);
    assert!(ended.stdout.contains("nothing knows disk-zzzzzzzz"), "{}", ended.stdout);
    // One bad ID does not keep the others from being told.
    let mixed = run(&["status", "snap-*", "disk-aaaaaaaa"], &environment).await;
    assert_eq!(mixed.code, 1);
    assert!(mixed.stdout.starts_with("disk-aaaaaaaa: well"), "{}", mixed.stdout);
}

#[tokio::test]
async fn a_record_is_found_by_the_clouds_id_without_reading_the_whole_ledger() {
    let estate = Estate::plain().await;
    make(&estate, &[("snap-aaaaaaaa", "disk-aaaaaaaa", "nightly", 1)]).await;
    let policy = nightly();
    estate.sweep(&estate.context(&policy)).await;
    let environment = person(&estate, &policy);
    let shown = run(&["ledger", "show", "snap-aaaaaaaa"], &environment).await;
    let record: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "the key was computed");
    // The twin: no rule gives the key of a copy's ID, and that is said.
    let copy = record["receipts"][0]["replication_id"].as_str().unwrap();
    let shown = run(&["ledger", "show", copy], &environment).await;
    assert_eq!(serde_json::from_str::<Value>(&shown.stdout).unwrap()["key"], record["key"]);
    assert!(shown.stderr.contains("the whole ledger is read"), "{}", shown.stderr);
    // So is one that a person would settle, here one that nothing is to be settled of.
    for (id, whole) in [("snap-aaaaaaaa", false), (copy, true)] {
        let ended = run(&["ledger", "resolve", id, "--acknowledge", "--reason", "as it is"], &environment).await;
        assert!(ended.code == 1 && ended.stderr.contains("was not changed"), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("the whole ledger is read"), whole, "{id}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_backup_is_explained_without_a_sweep_and_by_its_own_cloud_alone() {
    let estate = Estate::plain().await;
    make(
        &estate,
        &[
            ("snap-aaaaaaaa", "disk-aaaaaaaa", "nightly", 30),
            ("snap-bbbbbbbb", "disk-bbbbbbbb", "hourly", 30),
            ("snap-cccccccc", "disk-cccccccc", "nightly", 24 * 50),
            ("snap-dddddddd", "disk-dddddddd", "nightly", 20),
        ],
    )
    .await;
    let policy = policy();
    // One that is copied already, whoever did it; it is known to nobody here.
    let copied = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": "snap-dddddddd" }, "destinations": [{ "region": "ap-singapore" }],
    });
    handle(&estate.context(&nightly()), &copied, &estate.invocation(60)).await.unwrap();
    std::fs::remove_file(estate.directory.path().join("offsite.db")).unwrap();
    let environment = person(&estate, &policy);
    let explain = async |id: &str| {
        let ended = run(&["policy", "check", "--explain", id], &environment).await;
        (ended.code, ended.stdout)
    };
    for (id, parts) in [
        (
            "snap-aaaaaaaa",
            vec![
                "nightly: covered\n",
                "  ap-singapore: there is no copy\n",
                "vault: not covered: snap-aaaaaaaa has not the form",
            ],
        ),
        ("snap-bbbbbbbb", vec!["nightly: not covered: select.name_prefix: its name \"hourly\""]),
        ("snap-cccccccc", vec!["nightly: not covered: select.max_age: it is 50d"]),
        ("snap-dddddddd", vec!["nightly: covered\n", "  ap-singapore: a copy is there (snap-"]),
        ("snap-eeeeeeee", vec!["nightly: not covered: snap-eeeeeeee is not among the backups of ap-guangzhou"]),
    ] {
        let (code, text) = explain(id).await;
        assert_eq!(code, 0, "{text}");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let state = estate.simulators.state()["calls"].to_string();
    assert!(!state.contains("backups") && !state.contains("DescribeVaults"), "another cloud was asked: {state}");
    let ended = run(&["policy", "check", "--explain", "snap-*"], &environment).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("snap-* is no ID that a cloud could have"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_day_is_told_by_its_last_complete_sweep() {
    let estate = Estate::plain().await;
    make(&estate, &[("snap-aaaaaaaa", "disk-aaaaaaaa", "nightly", 30)]).await;
    quota(&estate, true).await;
    let policy = nightly();
    let environment = person(&estate, &policy);
    let at = |day: &str| ["report".to_owned(), "--at".to_owned(), day.to_owned()];
    let ask = async |day: &str| {
        let arguments = at(day);
        run(&arguments.each_ref().map(String::as_str), &environment).await
    };
    let now = SystemClock.now();
    let day = |hours: i64| (now + SignedDuration::from_hours(hours)).strftime("%Y-%m-%d").to_string();
    refused(&ask(&day(0)).await, "no complete sweep is remembered yet");
    estate.sweep(&estate.context(&policy)).await;
    let today = day(0);
    let told = run(&["report", "--at", &today, "--format", "json"], &environment).await;
    assert_eq!(told.code, 3, "{}", told.stderr);
    let past: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&past["conclusion"], &past["day"]), (&json!("broken"), &json!(today)));
    let rule = &past["rules"][0];
    assert_eq!((&rule["rule"], &rule["last"]["resources"]["unprotected"]), (&json!("nightly"), &json!(1)), "{past:#}");
    assert_eq!(rule["unprotected"][0]["resource"], json!("disk-aaaaaaaa"));
    assert_eq!(rule["unprotected"][0]["cause"], json!(QUOTA));
    let text = ask(&today).await;
    assert_eq!(text.code, 3);
    for part in [
        "what was known then",
        "Does not hold",
        "by the last complete sweep of the day",
        "disk-aaaaaaaa in ap-singapore",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    // The report has the days, too.
    let whole = run(&["report", "--format", "json"], &environment).await;
    let whole: Value = serde_json::from_str(&whole.stdout).unwrap();
    assert_eq!(whole["rules"][0]["days"][0]["conclusion"], json!("broken"), "{:#}", whole["rules"][0]["days"]);

    refused(&ask(&day(-48)).await, &format!("is before the first day that is remembered, which is {today}"));
    refused(&ask(&day(72)).await, "is to come");
    refused(&ask("yesterday").await, "--at must be a day such as 2026-11-22");
    refused(&run(&["report", "--at", &today, "--format", "csv"], &environment).await, "is written as table or json");
    refused(&run(&["report", "--at", &today, "--live"], &environment).await, "give one of them");
    refused(&run(&["report", "--at", &today, "--rule", "nobody"], &environment).await, "\"nobody\" is no rule");
}
