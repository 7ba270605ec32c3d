//! The report of a few fixed summaries, and of what the ledger says since.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::{Expect, Put};
use offsite_shared::model::text::hash_of;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Ledger, Notes};
use offsite_shared::providers::provider::Defaults;
use offsite_shared::report::reading::{self, ReportRequest};
use serde_json::{Value, json};

use super::Lines;
use super::cloud::start;
use super::stored;

fn policy() -> Policy {
    let rule = |name: &str, objective: Value| {
        json!({
            "name": name, "provider": "tencent", "objective": objective,
            "source": { "region": "ap-guangzhou", "select": { "name_prefix": name } },
            "destinations": [{ "region": "ap-beijing" }, { "region": "ap-singapore" }],
        })
    };
    let rules = [
        rule("web", json!({ "max_lag": "1h", "rpo": "2h" })),
        rule("good", json!({ "max_lag": "24h" })),
        rule("empty", json!({})),
        rule("never", json!({ "max_lag": "24h" })),
        rule("changed", json!({ "max_lag": "24h" })),
    ];
    Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap()
}

/// Counts of which `told` are not 0.
fn counts(told: &[(&str, u64)]) -> Value {
    let names =
        ["replicated", "in_progress", "missing", "not_ready", "ineligible", "failed", "in_doubt", "lost", "missed"];
    let count = |name: &str| told.iter().find(|(of, _)| *of == name).map_or(0, |(_, count)| *count);
    let mut counts = json!({ "covered": told.iter().map(|(_, count)| count).sum::<u64>() });
    for name in names {
        counts[name] = json!(count(name));
    }
    counts
}

fn summary(rule_hash: &str, counts: Value, chunks: u32) -> Value {
    json!({
        "rule_hash": rule_hash, "complete_as_of": "2026-11-21T08:00:00Z", "finished_at": "2026-11-21T08:02:30Z", "counts": counts,
        "inferred": 1, "orphans": [{
            "copy_id": "snap-orphan", "region": "ap-beijing", "created_at": "2026-11-01T00:00:00Z",
        }],
        "orphans_total": 3, "due": 2, "orphans_known": true, "requests": 7, "points": [
            { "at": "2026-11-21T07:00:00Z", "lag_seconds": 60, "covered": 9, "replicated": 8 },
            { "at": "2026-11-21T08:00:00Z", "lag_seconds": 5400, "covered": 11, "replicated": 2 },
        ],
        "run": "run-1", "findings": chunks, "newest": chunks,
    })
}

fn line(verdict: &str, minutes: i64, key: Option<&str>) -> String {
    let made = start() - SignedDuration::from_mins(minutes);
    let mut line = json!({
        "verdict": verdict, "backup_id": format!("snap-{verdict}"), "name": format!("web-{verdict}"), "resource": "disk-1",
        "source_region": "ap-guangzhou", "destination": "ap-beijing", "created_at": made.to_string(),
        "reason": format!("it is {verdict}"),
    });
    if let Some(key) = key {
        line["key"] = json!(key);
    }
    line.to_string()
}

async fn store() -> MemoryLedger {
    let ledger = MemoryLedger::default();
    let policy = policy();
    let hash = |name: &str| hash_of(&[&policy.rule(name).unwrap().to_json().to_string()]);
    let told = ["missing", "in_progress", "failed", "in_doubt", "lost", "missed", "ineligible", "not_ready"];
    let mut all: Vec<(&str, u64)> = told.iter().map(|verdict| (*verdict, 1)).collect();
    all.push(("replicated", 2));
    all[0].1 = 2;
    let replicated = stored::record("replicated");
    let mut lines: Vec<String> =
        told.iter().enumerate().map(|(at, verdict)| line(verdict, 60 + at as i64, None)).collect();
    // This one has come since.
    lines.push(line("missing", 200, Some(&replicated.key)));
    let newest = format!("{},0 disk-2\n{},{} disk-1\n", seconds(300), seconds(30), seconds(200));
    let put = |name: String, text: String| {
        let ledger = &ledger;
        async move { assert!(ledger.put_note(&name, &text, 0).await.unwrap(), "{name}") }
    };
    put("summary/web".into(), summary(&hash("web"), counts(&all), 1).to_string()).await;
    put("sweep/web/run-1/findings/0".into(), lines.join("\n") + "\n").await;
    put("sweep/web/run-1/newest/0".into(), newest).await;
    put("arrivals/web".into(), json!([{ "at": "2026-11-21T08:10:00Z", "seconds": 600 }]).to_string()).await;
    put("summary/good".into(), summary(&hash("good"), counts(&[("replicated", 5)]), 0).to_string()).await;
    put("summary/empty".into(), summary(&hash("empty"), counts(&[]), 0).to_string()).await;
    put("summary/changed".into(), summary("another", counts(&[("replicated", 5)]), 0).to_string()).await;
    let mut records = vec![replicated];
    for (at, state) in
        [State::InDoubt, State::Failed, State::Refused, State::Lost, State::Missed].into_iter().enumerate()
    {
        let mut record = stored::record(state.name());
        record.key = format!("{at:064x}");
        record.command.as_object_mut().unwrap().remove("rule");
        records.push(record);
    }
    for record in records {
        assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
    }
    ledger
}

fn seconds(minutes: i64) -> i64 {
    (start() - SignedDuration::from_mins(minutes)).as_second()
}

pub async fn lines() -> Lines {
    let ledger = store().await;
    let policy = policy();
    let mut lines = Lines::new();
    let wish = ReportRequest {
        at: start(),
        max_age: Duration::from_secs(7_200),
        rule: None,
        live: false,
        lines: 100,
        defaults: Defaults::default(),
    };
    let at = |hours: i64| -> Timestamp { start() + SignedDuration::from_hours(hours) };
    for (name, policy, wish) in [
        ("all rules", Some(&policy), wish.clone()),
        ("one rule", Some(&policy), ReportRequest { rule: Some("good"), ..wish.clone() }),
        ("short lists", Some(&policy), ReportRequest { lines: 2, ..wish.clone() }),
        ("too late", Some(&policy), ReportRequest { at: at(3), ..wish.clone() }),
        ("too early", Some(&policy), ReportRequest { at: at(-3), live: true, ..wish.clone() }),
        ("no policy", None, wish),
    ] {
        let report = reading::read(&ledger, &ledger, policy, &wish).await.unwrap();
        lines.push((name.to_owned(), serde_json::to_string(&report).unwrap()));
    }
    lines
}
