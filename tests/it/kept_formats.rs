//! What the last version has written is read by this one: the files of `tests/kept/`, which are never written anew.
//!
//! `home.sql` is a home of one machine after a sweep, a refusal, an accepted risk and a look: ledger, notes, queue and decisions as rows.
//! `records.txt` are records of every state; `course.json` is a sweep that was cut off. A file that a new version writes differently gets a
//! sibling; the old one stays as long as somebody may have such data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use offsite_shared::ledger::Record;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::command_line::run;

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(name)
}

/// A home that the last version has left, and what commands need to look at it.
fn home(folder: &Path) -> Vec<(String, String)> {
    let file = folder.join("offsite.db");
    let sql = std::fs::read_to_string(kept("home.sql")).unwrap();
    Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
    let policy = folder.join("policy.json");
    std::fs::copy(kept("policy.json"), &policy).unwrap();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    vec![("OFFSITE_DB".to_owned(), text(&file)), ("OFFSITE_POLICY".to_owned(), text(&policy))]
}

#[test]
fn every_record_is_read_and_none_of_its_fields_is_lost() {
    let text = std::fs::read_to_string(kept("records.txt")).unwrap();
    let mut read = 0;
    for line in text.lines() {
        let (label, record) = line.split_once(": ").unwrap();
        let was: Value = serde_json::from_str(record).unwrap();
        let Some(key) = was["key"].as_str() else { continue };
        let is: Value = serde_json::from_str(&Record::from_text(key, record).unwrap().to_text().unwrap()).unwrap();
        for (field, value) in was.as_object().unwrap() {
            assert_eq!(&is[field], value, "{label}: {field}");
        }
        read += 1;
    }
    assert!(read > 20, "{read} records");
    // A record of a format that is not known is refused, not read as if it were.
    let line = text.lines().next().unwrap().split_once(": ").unwrap().1;
    let mut strange: Value = serde_json::from_str(line).unwrap();
    strange["format"] = json!(99);
    assert!(Record::from_text(strange["key"].as_str().unwrap(), &strange.to_string()).is_err());
}

/// Found by the fuzzer: the parser's words held the whole of what stands where a state is wanted.
#[test]
fn why_a_record_cannot_be_read_is_a_line_of_bounded_length() {
    let text = std::fs::read_to_string(kept("records.txt")).unwrap();
    let line = text.lines().next().unwrap().split_once(": ").unwrap().1;
    let mut spoilt: Value = serde_json::from_str(line).unwrap();
    spoilt["state"] = json!(format!("{}\u{1b}[2J", "x".repeat(5_000)));
    let said = Record::from_text("0", &spoilt.to_string()).unwrap_err().to_string();
    assert!(said.chars().count() < 1_100 && !said.contains(char::is_control), "{} signs", said.chars().count());
}

#[tokio::test]
async fn a_home_is_read_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let environment = home(folder.path());
    let lines = |text: &str| text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();

    let ended = run(&["ledger", "show", "--all"], &environment, None).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for record in lines(&ended.stdout) {
        *states.entry(record["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let wanted = [("accepted", 1), ("ineligible", 2), ("refused", 1)];
    assert_eq!(states, wanted.map(|(state, count)| (state.to_owned(), count)).into());

    let ended = run(&["queue", "list"], &environment, None).await;
    let kinds: Vec<Value> = lines(&ended.stdout).iter().map(|message| message["type"].clone()).collect();
    assert!(kinds.contains(&json!("offsite.replication.accepted")), "{kinds:?}");
    assert!(kinds.contains(&json!("offsite.risk.accepted")), "{kinds:?}");

    let ended = run(&["risk", "list", "--all", "--format", "json"], &environment, None).await;
    let acts = lines(&ended.stdout);
    assert_eq!((acts.len(), &acts[0]["reason"]), (1, &json!("kept for the next version")), "{}", ended.stdout);

    // The day of the last sweep, as it was remembered then.
    let day = std::fs::read_to_string(kept("day.txt")).unwrap();
    let ended = run(&["report", "--at", day.trim(), "--format", "json"], &environment, None).await;
    let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
    assert_eq!(told["rules"][0]["rule"], "disks", "{told}");
    assert_eq!(told["rules"][0]["last"]["counts"]["covered"], 5, "{told}");

    // The summary, its findings and the register: too old to be judged, and complete in itself.
    let ended = run(&["report", "--format", "json"], &environment, None).await;
    let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
    assert_eq!(told["rules"][0]["counts"]["covered"], 5, "{told}");
    assert_eq!(told["rules"][0]["exceptions"].as_array().unwrap().len(), 5, "{told}");
    let status = run(&["status", "disk-ckgjwkqh", "--no-look", "--format", "json"], &environment, None).await;
    let told: Value = serde_json::from_str(&status.stdout).unwrap_or_else(|_| panic!("{}", status.stderr));
    assert_eq!(told["rules"][0]["resources"][0]["resource"], "disk-ckgjwkqh", "{told}");
}
