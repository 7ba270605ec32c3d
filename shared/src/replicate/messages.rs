//! Receipts, and the messages that carry them on the queue.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ledger::{About, News, Record, State};
use crate::model::command::{Key, Replication};
use crate::model::name::ascii;
use crate::model::receipt::{Envelope, Message, Origin, Receipt};
use crate::model::text::hash_of;

/// The type of the event that says that a provider accepted a replication.
pub(crate) const ACCEPTED: &str = "offsite.replication.accepted";

/// The message about an accepted replication.
pub fn accepted(replication: &Replication, receipt: &Receipt, origin: &Origin) -> Message {
    let (key, attempt) = (replication.key(), receipt.attempt);
    let id = event_id(&key, ACCEPTED, named(replication, &receipt.replication_id), attempt);
    let data = json!({
        "source": replication.source_json(),
        "replication_id": receipt.replication_id,
        "request_id": receipt.request_id,
        "state": "accepted",
        "adopted": receipt.adopted,
        "attempt": attempt,
    });
    message(ACCEPTED, replication, (id, &key), receipt.time, data, origin)
}

/// The messages about all that a record has accepted.
pub fn acceptances(replication: &Replication, record: &Record, origin: &Origin) -> Vec<Message> {
    let of = |receipt| {
        let mut message = accepted(replication, receipt, origin);
        if let Some(vault) = &record.started_by {
            message.event["data"]["started_by"] = json!(vault);
        }
        message
    };
    record.receipts.iter().map(of).collect()
}

/// The message about a later change, such as replicated, failed, lost, missed or refused.
pub fn changed(replication: &Replication, record: &Record, news: &News, origin: &Origin) -> Message {
    let News { state, attempt, replication_id, cause } = news;
    let (state, attempt) = (*state, *attempt);
    let key = record.key();
    let event_type = format!("offsite.replication.{}", state.name());
    let entry = record.history.iter().rev().find(|entry| entry.state == state && entry.attempt == attempt);
    // A record can hold several receipts of one attempt, and the news is about one of them.
    let is_it = |receipt: &&Receipt| match replication_id {
        Some(id) => receipt.replication_id.as_ref() == Some(id),
        None => receipt.attempt == attempt,
    };
    // Where there is no copy the record may have one by the time at which this is sent, and the message is the same one all the same.
    let is_of_a_copy =
        !matches!(state, State::Refused | State::Ineligible | State::Missed | State::Left | State::Overtaken);
    let of_news = record.receipts.iter().rev().find(is_it).or(record.receipts.last());
    let receipt = of_news.filter(|_| is_of_a_copy);
    let mut data = json!({
        "source": replication.source_json(),
        "replication_id": receipt.and_then(|receipt| receipt.replication_id.clone()),
        "request_id": receipt.and_then(|receipt| receipt.request_id.clone()),
        "state": state.name(),
        "adopted": receipt.is_some_and(|receipt| receipt.adopted),
        "attempt": attempt,
    });
    if let (Some(evidence), true) = (&record.evidence, is_of_a_copy && state != State::Failed) {
        data["evidence"] = json!(evidence);
    }
    if let Some(reason) = entry.and_then(|entry| entry.note.as_deref()).filter(|_| state != State::Replicated) {
        data["error"] = json!({ "message": reason });
    }
    let time = entry.map_or(record.since, |entry| entry.time);
    let about = &record.about;
    if about.made.is_some() || about.resource.is_some() || about.name.is_some() {
        data["backup"] = json!(About { copying: None, ..about.clone() });
    }
    if let Some(cause) = cause {
        data["cause"] = json!(cause);
    }
    let copy = named(replication, replication_id);
    let id = match cause {
        Some(cause) => event_id_of_cause(&key, &event_type, cause, attempt),
        None => event_id(&key, &event_type, copy, attempt),
    };
    message(&event_type, replication, (id, &key), time, data, origin)
}

/// The ID that names the copy, where one does.
fn named<'r>(replication: &Replication, replication_id: &'r Option<String>) -> Option<&'r str> {
    replication_id.as_deref().filter(|_| replication.operation.names_each_copy())
}

fn message(
    event_type: &str,
    replication: &Replication,
    (id, key): (String, &Key),
    time: Timestamp,
    mut data: Value,
    origin: &Origin,
) -> Message {
    let cloud = replication.operation.cloud().name();
    let time = time.to_string();
    data["provider"] = json!(cloud);
    data["operation"] = json!(replication.operation.name());
    data["account"] = json!(replication.account);
    data["destination"] = replication.destination.to_json();
    data["time"] = json!(time);
    let source = format!("/offsite/{cloud}/{}", ascii(&replication.account));
    Envelope { id, event_type, source, subject: &key.0, time, schema: "message" }.around(data, origin)
}

/// The source that a receipt is about; for a vault-wide call, the vault together with the receipt's one backup.
pub(crate) fn source_of(replication: &Replication, receipt: &Receipt) -> Value {
    let mut source = replication.source_json();
    if let (Value::Object(source), Some(backup)) = (&mut source, &receipt.backup_id) {
        source.insert("backup_id".into(), json!(backup));
    }
    source
}

/// The stable ID of the event of this type about one copy.
///
/// A copy that has an ID is named by it alone: it is the same copy whoever tells of it and in whichever attempt, and another copy of
/// the same attempt is another one. Without such an ID (a pair of vaults, a source that was never copied) the attempt stands for it.
pub fn event_id(key: &Key, event_type: &str, replication_id: Option<&str>, attempt: u32) -> String {
    match replication_id {
        Some(id) => hash_of(&[&key.0, event_type, "copy", id]),
        None => hash_of(&[&key.0, event_type, "attempt", &attempt.to_string()]),
    }
}

/// The stable ID of the event that says why an attempt was refused: one for each cause.
fn event_id_of_cause(key: &Key, event_type: &str, cause: &str, attempt: u32) -> String {
    hash_of(&[&key.0, event_type, "cause", cause, &attempt.to_string()])
}
