//! Answers, records and messages as a person reads them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::Record;
use offsite_shared::model::text::plain;
use offsite_shared::ports::Clock;
use serde_json::Value;

use super::show::table;
use crate::report::{Reader, by_clock, paragraph};

/// The fields by which a source is named, most exact first.
const SOURCES: [&str; 4] = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"];

/// The answer to an event, whatever it was.
pub(super) fn of_event(answer: &Value, stopped: &BTreeMap<String, String>, reader: &Reader, width: usize) -> String {
    let mut out = String::new();
    if let Some(results) = answer["results"].as_array() {
        let row = |result: &Value| {
            vec![source(&result["source"]), text(&result["destination"]["region"]), state(result), note(result)]
        };
        out += &table(&["backup", "to", "state", "copy"], &results.iter().map(row).collect::<Vec<_>>(), width);
    }
    if let Some(failures) = answer["batchItemFailures"].as_array() {
        let ids: Vec<String> = failures.iter().map(|one| text(&one["itemIdentifier"])).collect();
        let told = if ids.is_empty() {
            "nothing is handed back".to_owned()
        } else {
            format!("handed back: {}", ids.join(", "))
        };
        out += &paragraph(&told, 0, width);
    }
    if answer.get("swept").is_some() {
        out += &of_sweep(answer, stopped, reader, width);
    }
    if answer.get("observed").is_some() {
        out += &of_observation(answer, None, reader, width);
    }
    if let Some(name) = answer["errorType"].as_str() {
        out += &paragraph(&format!("{name}: {}", text(&answer["errorMessage"])), 0, width);
    }
    if out.is_empty() { format!("{answer:#}\n") } else { out }
}

/// What a sweep came to, a rule a line, and what to do next. Of the rules that are stopped, what stops them.
pub(super) fn of_sweep(answer: &Value, stopped: &BTreeMap<String, String>, reader: &Reader, width: usize) -> String {
    let swept: Vec<&Value> = answer["swept"].as_array().into_iter().flatten().collect();
    let reasons: Vec<String> = swept.iter().map(|rule| reason(rule)).collect();
    let alike = |one: &str| reasons.iter().filter(|other| cause(other) == cause(one)).count();
    let shared = |reason: &String| !reason.is_empty() && alike(reason) > 1;
    let row = |(rule, reason): (&&Value, &String)| {
        let figure = |pointer: &str| count(rule, pointer).map_or(String::new(), |count| count.to_string());
        let mut notes = figures(rule, stopped.contains_key(&text(&rule["rule"])));
        notes.extend(waiting(rule));
        match shared(reason) {
            true => notes.push("stopped, see below".to_owned()),
            false => notes.extend((!reason.is_empty()).then(|| reason.clone())),
        }
        let not_seen = rule["not_seen"].as_object().into_iter().flatten();
        notes.extend(not_seen.map(|(place, why)| format!("{place} not seen: {}", text(why))));
        vec![
            text(&rule["rule"]),
            figure("/counts/covered"),
            figure("/counts/replicated"),
            figure("/started"),
            by_clock(&notes.join("; "), reader),
        ]
    };
    let rows: Vec<Vec<String>> = swept.iter().zip(&reasons).map(row).collect();
    let mut out = table(&["rule", "covered", "with copy", "started", "note"], &rows, width);
    let mut below: Vec<String> = Vec::new();
    // What was refused says more than that its credential is paused since.
    let (paused, first): (Vec<_>, Vec<_>) = reasons.iter().partition(|reason| reason.contains(BECAUSE));
    let mut told: Vec<&str> = Vec::new();
    for reason in first.into_iter().chain(paused).filter(|reason| shared(reason)) {
        if !told.contains(&cause(reason)) {
            let of = swept.iter().zip(&reasons).filter(|(_, other)| cause(other) == cause(reason));
            let names: Vec<String> = of.map(|(rule, _)| text(&rule["rule"])).collect();
            below.push(format!("{}: {reason}", names.join(", ")));
            told.push(cause(reason));
        }
    }
    below.extend(stopped.values().map(|why| format!("nothing is started: {}", plain(why))));
    let waiting = answer["outbox"]["left"].as_u64().unwrap_or_default();
    below.extend(
        (waiting > 0).then(|| format!("{waiting} receipts still wait for the queue; the next sweep sends them")),
    );
    below.push(next(&swept).to_owned());
    let mut written: Vec<&String> = Vec::new();
    for line in &below {
        if !written.contains(&line) {
            out += &paragraph(&by_clock(line, reader), 0, width);
            written.push(line);
        }
    }
    out
}

fn count(rule: &Value, pointer: &str) -> Option<u64> {
    rule.pointer(pointer).and_then(Value::as_u64)
}

/// What a rule covers beside what has its copy, as far as there is any.
fn figures(rule: &Value, is_stopped: bool) -> Vec<String> {
    let left = count(rule, "/left").unwrap_or_default();
    let told = [
        ("/left", if is_stopped { "not started while it is paused" } else { "left for the next sweep" }),
        ("/handed_over", "handed over"),
        ("/counts/in_progress", "on the way"),
        ("/counts/missing", "without a copy"),
        ("/counts/not_ready", "not finished themselves"),
        ("/counts/ineligible", "cannot be copied"),
        ("/refused", "refused"),
        ("/counts/in_doubt", "in doubt"),
        ("/counts/failed", "failed"),
        ("/counts/lost", "lost"),
        ("/counts/missed", "gone before they were copied"),
        ("/counts/left", "not covered any more"),
        ("/counts/unknown", "not looked at"),
        ("/counts/given_up", "given up"),
        ("/counts/overtaken", "overtaken"),
        ("/counts/ended", "ended"),
    ];
    // What is left for the next sweep has no copy.
    let is_said_already = |pointer: &str, many: u64| pointer == "/counts/missing" && left >= many;
    let told = told.iter().filter_map(|(pointer, words)| {
        let many = count(rule, pointer).filter(|many| *many > 0 && !is_said_already(pointer, *many))?;
        Some(format!("{many} {words}"))
    });
    told.collect()
}

/// Why a rule was not swept to its end, without what its line says anyhow. What could not begin was a listing and no copy of all there is.
fn reason(rule: &Value) -> String {
    let whole = text(&rule["reason"]);
    let reason = whole.strip_prefix(&format!("rule {}: ", text(&rule["rule"]))).unwrap_or(&whole);
    match reason.split_once(" was not started: ") {
        Some((what, why)) if what.contains(" * in ") => format!("not swept: {why}"),
        _ => reason.to_owned(),
    }
}

/// What stands between a paused credential and why it was refused.
const BECAUSE: &str = " because the provider said ";

/// By what reasons are told together: the provider's code, wherever it gave it and for whichever request; else the whole of it.
fn cause(reason: &str) -> &str {
    let said = reason.split_once(BECAUSE).or_else(|| reason.split_once(" ended: ")).map_or(reason, |(_, said)| said);
    match said.split_once(": ") {
        Some((code, _)) if !code.contains(char::is_whitespace) => code,
        _ => reason,
    }
}

/// What a person does next.
fn next(swept: &[&Value]) -> &'static str {
    let some = |pointer: &str| swept.iter().any(|rule| count(rule, pointer).is_some_and(|count| count > 0));
    if swept.iter().any(|rule| rule["failed"] == Value::Bool(true)) {
        "next: mend what stopped it, then `offsite sweep` again; `offsite doctor` looks for the cause"
    } else if some("/started") || some("/counts/in_progress") {
        "next: `offsite observe --until-done`, then `offsite report`"
    } else {
        "next: `offsite report` tells what is protected, what is not, and why"
    }
}

/// How many GiB of a rule wait, all its destinations together, where there are any.
fn waiting(rule: &Value) -> Option<String> {
    let volumes = rule["volumes"].as_array()?;
    let gib: u64 = volumes.iter().filter_map(|one| one["waiting_gib"].as_u64()).sum();
    let at_most = if volumes.iter().any(|one| one["at_most"] == Value::Bool(true)) { "up to " } else { "" };
    (gib > 0).then(|| format!("{at_most}{gib} GiB waiting"))
}

/// What a look at the destinations came to, and when the next one is due, where copies are still under way.
pub(super) fn of_observation(answer: &Value, next: Option<Timestamp>, reader: &Reader, width: usize) -> String {
    let told = [
        ("looked", "looked at"),
        ("replicated", "arrived"),
        ("failed", "failed"),
        ("lost", "lost"),
        ("unanswered", "not answered"),
        ("not_looked", "not looked at, since the destination gave no answer"),
        ("unreadable", "unreadable"),
        ("under_way", "still under way"),
    ];
    let parts = told.iter().filter_map(|(name, words)| {
        let count = answer["observed"][*name].as_u64()?;
        (count > 0 || *name == "looked").then(|| format!("{count} {words}"))
    });
    let mut out = paragraph(&parts.collect::<Vec<_>>().join(", "), 0, width);
    let line = match next {
        Some(at) => format!(
            "the next look at them is due at {}; `offsite observe --until-done` waits for it",
            reader.moment(at)
        ),
        None => "next: `offsite report` tells what is protected, what is not, and why".to_owned(),
    };
    out += &paragraph(&line, 0, width);
    out
}

/// Records, a line each.
pub(super) fn of_records(records: &[Record], reader: &Reader, width: usize) -> String {
    let row = |record: &Record| {
        let region = record.command["destinations"][0]["region"].clone();
        let last = record.history.last();
        let copy = record.receipts.first().and_then(|receipt| receipt.replication_id.clone());
        let note = copy.or_else(|| last.and_then(|line| line.code.clone().or_else(|| line.note.clone())));
        vec![
            record.key.chars().take(12).collect(),
            record.state.name().to_owned(),
            short(reader, record.since),
            source(&record.command["source"]),
            text(&region),
            note.unwrap_or_default(),
        ]
    };
    table(
        &["key", "state", &format!("since ({})", clock(reader)), "backup", "to", "copy or why"],
        &records.iter().map(row).collect::<Vec<_>>(),
        width,
    )
}

/// Messages of the queue, a line each.
pub(super) fn of_messages(messages: &[Value], reader: &Reader, width: usize) -> String {
    let row = |message: &Value| {
        let data = &message["data"];
        let kind = text(&message["type"]);
        vec![
            text(&message["time"]).parse().map(|at| short(reader, at)).unwrap_or_default(),
            kind.strip_prefix("offsite.")
                .map(|kind| kind.trim_start_matches("replication."))
                .unwrap_or(&kind)
                .to_owned(),
            source(&data["source"]),
            text(&data["destination"]["region"]),
            note(data),
        ]
    };
    let head = ["what", "backup", "to", "copy"];
    let time = format!("time ({})", clock(reader));
    let head: Vec<&str> = std::iter::once(time.as_str()).chain(head).collect();
    table(&head, &messages.iter().map(row).collect::<Vec<_>>(), width)
}

/// A time without its year, by the reader's clock.
fn short(reader: &Reader, at: Timestamp) -> String {
    reader.minute(at).get(5..).unwrap_or_default().to_owned()
}

/// What the reader's clock is called in the head of a column.
pub(super) fn clock(reader: &Reader) -> String {
    reader.clock(SystemClock.now())
}

fn source(source: &Value) -> String {
    SOURCES.iter().map(|name| text(&source[*name])).find(|id| !id.is_empty()).unwrap_or_default()
}

/// The state of a result; of a dry run what would be done.
fn state(result: &Value) -> String {
    let state = text(&result["state"]);
    match result["would"].as_str() {
        Some(would) => format!("would {}", plain(would)),
        None if result["adopted"] == Value::Bool(true) => format!("{state}, adopted"),
        None => state,
    }
}

fn note(result: &Value) -> String {
    let told = [&result["error"]["message"], &result["reason"], &result["replication_id"]];
    let told = told.iter().map(|value| text(value)).find(|text| !text.is_empty()).unwrap_or_default();
    match text(&result["cause"]) {
        cause if cause.is_empty() || told.starts_with(&cause) => told,
        cause => format!("{cause}: {told}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map(plain).unwrap_or_default()
}
