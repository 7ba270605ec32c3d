//! Answers, records and messages as a person reads them.

use offsite_shared::ledger::Record;
use offsite_shared::model::text::plain;
use serde_json::Value;

use super::show::table;
use crate::report::paragraph;

/// The fields by which a source is named, most exact first.
const SOURCES: [&str; 4] = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"];

/// The answer to an event, whatever it was.
pub(super) fn of_event(answer: &Value, width: usize) -> String {
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
        out += &of_sweep(answer, width);
    }
    if answer.get("observed").is_some() {
        out += &of_observation(answer, width);
    }
    if let Some(name) = answer["errorType"].as_str() {
        out += &paragraph(&format!("{name}: {}", text(&answer["errorMessage"])), 0, width);
    }
    if out.is_empty() { format!("{answer:#}\n") } else { out }
}

/// What a sweep came to, a rule a line.
pub(super) fn of_sweep(answer: &Value, width: usize) -> String {
    let row = |rule: &Value| {
        let count = |pointer: &str| rule.pointer(pointer).and_then(Value::as_u64);
        let figure = |pointer: &str| count(pointer).map_or(String::new(), |count| count.to_string());
        let told = [
            ("/refused", "refused"),
            ("/left", "left for the next sweep"),
            ("/handed_over", "handed over"),
            ("/counts/in_doubt", "in doubt"),
        ];
        let mut notes: Vec<String> = told
            .iter()
            .filter_map(|(pointer, words)| {
                count(pointer).filter(|count| *count > 0).map(|count| format!("{count} {words}"))
            })
            .collect();
        notes.extend(waiting(rule));
        notes.extend(rule["reason"].as_str().map(str::to_owned));
        let not_seen = rule["not_seen"].as_object().into_iter().flatten();
        notes.extend(not_seen.map(|(place, why)| format!("{place} not seen: {}", text(why))));
        vec![
            text(&rule["rule"]),
            figure("/counts/covered"),
            figure("/counts/replicated"),
            figure("/started"),
            notes.join("; "),
        ]
    };
    let rules: Vec<Vec<String>> = answer["swept"].as_array().into_iter().flatten().map(row).collect();
    let mut out = table(&["rule", "covered", "with copy", "started", "note"], &rules, width);
    let waiting = answer["outbox"]["left"].as_u64().unwrap_or_default();
    if waiting > 0 {
        out += &paragraph(&format!("{waiting} receipts still wait for the queue; the next sweep sends them"), 0, width);
    }
    out
}

/// How many GiB of a rule wait, all its destinations together, where there are any.
fn waiting(rule: &Value) -> Option<String> {
    let volumes = rule["volumes"].as_array()?;
    let gib: u64 = volumes.iter().filter_map(|one| one["waiting_gib"].as_u64()).sum();
    let at_most = if volumes.iter().any(|one| one["at_most"] == Value::Bool(true)) { "up to " } else { "" };
    (gib > 0).then(|| format!("{at_most}{gib} GiB waiting"))
}

/// What a look at the destinations came to.
pub(super) fn of_observation(answer: &Value, width: usize) -> String {
    let told = [
        ("looked", "looked at"),
        ("replicated", "arrived"),
        ("failed", "failed"),
        ("lost", "lost"),
        ("unanswered", "not answered"),
        ("unreadable", "unreadable"),
        ("under_way", "still under way"),
    ];
    let parts = told.iter().filter_map(|(name, words)| {
        let count = answer["observed"][*name].as_u64()?;
        (count > 0 || *name == "looked").then(|| format!("{count} {words}"))
    });
    paragraph(&parts.collect::<Vec<_>>().join(", "), 0, width)
}

/// Records, a line each.
pub(super) fn of_records(records: &[Record], width: usize) -> String {
    let row = |record: &Record| {
        let region = record.command["destinations"][0]["region"].clone();
        let last = record.history.last();
        let copy = record.receipts.first().and_then(|receipt| receipt.replication_id.clone());
        let note = copy.or_else(|| last.and_then(|line| line.code.clone().or_else(|| line.note.clone())));
        vec![
            record.key.chars().take(12).collect(),
            record.state.name().to_owned(),
            record.since.strftime("%m-%d %H:%M").to_string(),
            source(&record.command["source"]),
            text(&region),
            note.unwrap_or_default(),
        ]
    };
    table(
        &["key", "state", "since (UTC)", "backup", "to", "copy or why"],
        &records.iter().map(row).collect::<Vec<_>>(),
        width,
    )
}

/// Messages of the queue, a line each.
pub(super) fn of_messages(messages: &[Value], width: usize) -> String {
    let row = |message: &Value| {
        let data = &message["data"];
        let kind = text(&message["type"]);
        vec![
            text(&message["time"]).get(5..16).unwrap_or_default().replace('T', " "),
            kind.strip_prefix("offsite.")
                .map(|kind| kind.trim_start_matches("replication."))
                .unwrap_or(&kind)
                .to_owned(),
            source(&data["source"]),
            text(&data["destination"]["region"]),
            note(data),
        ]
    };
    table(&["time (UTC)", "what", "backup", "to", "copy"], &messages.iter().map(row).collect::<Vec<_>>(), width)
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
