//! SendMessage and SendMessageBatch.

use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::attributes::{self, Carried};
use super::request::{Call, batch_answer, integer, required};
use super::{LARGEST_MESSAGE_BYTES, QueueRow, error};
use crate::aws::{ServiceError, Stop, hex, uuid_of};

/// How long a FIFO queue remembers a deduplication id.
/// Source: Amazon SQS Developer Guide, "Using the message deduplication ID", 2026.
const DEDUP_WINDOW_MS: i64 = 5 * 60 * 1000;

/// What an entry may carry; `SendMessage` has the same, with the queue beside it.
const MEMBERS: [&str; 6] = [
    "MessageBody",
    "DelaySeconds",
    "MessageAttributes",
    "MessageSystemAttributes",
    "MessageDeduplicationId",
    "MessageGroupId",
];

pub(super) fn one(call: &Call<'_>) -> Result<Value, Stop> {
    let mut known = MEMBERS.to_vec();
    known.push("QueueUrl");
    call.allow(&known)?;
    let queue = call.queue()?;
    let message = Checked::of(call.input, &queue)?;
    store(call, &queue, &message)
}

pub(super) fn batch(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "Entries"])?;
    let queue = call.queue()?;
    let entries = call.entries("SendMessageBatchRequestEntry")?;
    let mut checked = Vec::new();
    let mut total = 0;
    for (id, entry) in entries {
        if let Some(name) = entry.keys().find(|name| *name != "Id" && !MEMBERS.contains(&name.as_str())) {
            return Err(error("UnsupportedOperation", format!("the parameter {name} is not emulated")).into());
        }
        total += size(entry);
        checked.push((id, Checked::of(entry, &queue)));
    }
    if total > LARGEST_MESSAGE_BYTES {
        let message =
            format!("Batch requests cannot be longer than {LARGEST_MESSAGE_BYTES} bytes. You have sent {total} bytes.");
        return Err(error("BatchRequestTooLong", message).into());
    }
    let results = checked.into_iter().enumerate().map(|(index, (id, message))| {
        let result = match message {
            _ if call.failing.contains(&index) => {
                Err(ServiceError::new(500, "com.amazonaws.sqs#InternalError", "scripted failure").into())
            }
            Ok(message) => store(call, &queue, &message),
            Err(error) => Err(error.into()),
        };
        (id, result)
    });
    batch_answer(results.collect())
}

/// A message that may be stored.
struct Checked<'a> {
    body: &'a str,
    carried: Carried<'a>,
    delay_seconds: i64,
    group_id: Option<&'a str>,
    dedup_id: Option<String>,
}

impl<'a> Checked<'a> {
    fn of(entry: &'a Map<String, Value>, queue: &QueueRow) -> Result<Checked<'a>, ServiceError> {
        let body = required(entry, "MessageBody")?;
        if body.is_empty() {
            return Err(error("MissingParameter", "The request must contain the parameter MessageBody."));
        }
        if !body.chars().all(sendable) {
            return Err(error(
                "InvalidMessageContents",
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | [#x20 to #xD7FF] | [#xE000 to #xFFFD] | [#x10000 to #x10FFFF]",
            ));
        }
        let largest = queue.number("MaximumMessageSize", LARGEST_MESSAGE_BYTES as i64);
        if i64::try_from(size(entry)).unwrap_or(i64::MAX) > largest {
            let message =
                format!("One or more parameters are invalid. Reason: Message must be shorter than {largest} bytes.");
            return Err(error("InvalidParameterValue", message));
        }
        let carried = Carried::of(entry.get("MessageAttributes"))?;
        let delay = integer(entry, "DelaySeconds", 0..=900)?;
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let (group_id, mut dedup_id) = (text("MessageGroupId"), text("MessageDeduplicationId").map(str::to_owned));
        for (name, value) in [("MessageGroupId", group_id), ("MessageDeduplicationId", dedup_id.as_deref())] {
            let legal = |byte: u8| byte.is_ascii_graphic();
            if value.is_some_and(|value| value.is_empty() || value.len() > 128 || !value.bytes().all(legal)) {
                let message = format!(
                    "Value for parameter {name} is invalid. Reason: {name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
                );
                return Err(error("InvalidParameterValue", message));
            }
        }
        if queue.fifo() {
            if group_id.is_none() {
                return Err(error("MissingParameter", "The request must contain the parameter MessageGroupId."));
            }
            if delay.is_some_and(|delay| delay > 0) {
                let message = format!(
                    "Value {} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.",
                    delay.unwrap_or(0)
                );
                return Err(error("InvalidParameterValue", message));
            }
            if dedup_id.is_none() && queue.flag("ContentBasedDeduplication") {
                dedup_id = Some(hex(Sha256::digest(body)));
            }
            if dedup_id.is_none() {
                return Err(error(
                    "InvalidParameterValue",
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                ));
            }
        } else if let Some(given) = &dedup_id {
            let message = format!(
                "Value {given} for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."
            );
            return Err(error("InvalidParameterValue", message));
        }
        let delay_seconds = delay.unwrap_or_else(|| queue.number("DelaySeconds", 0));
        Ok(Checked { body, carried, delay_seconds, group_id, dedup_id })
    }
}

fn store(call: &Call<'_>, queue: &QueueRow, message: &Checked<'_>) -> Result<Value, Stop> {
    let now = call.now.as_millisecond();
    let seen: Option<(String, i64)> = match &message.dedup_id {
        Some(dedup_id) => call
            .connection
            .prepare_cached(
                "SELECT message_id, seq FROM sqs_dedup WHERE queue = ?1 AND dedup_id = ?2 AND sent_at > ?3",
            )?
            .query_row(params![queue.name, dedup_id, now - DEDUP_WINDOW_MS], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
        None => None,
    };
    let (message_id, seq) = match seen {
        Some(seen) => seen,
        None => insert(call, queue, message)?,
    };
    let mut answer = json!({ "MessageId": message_id, "MD5OfMessageBody": attributes::md5(message.body.as_bytes()) });
    if let Some(digest) = message.carried.md5() {
        answer["MD5OfMessageAttributes"] = digest.into();
    }
    if queue.fifo() {
        answer["SequenceNumber"] = format!("{seq:020}").into();
    }
    Ok(answer)
}

fn insert(call: &Call<'_>, queue: &QueueRow, message: &Checked<'_>) -> Result<(String, i64), Stop> {
    let now = call.now.as_millisecond();
    let cloud_event: Option<String> = serde_json::from_str::<Value>(message.body)
        .ok()
        .and_then(|event| event.get("id").and_then(Value::as_str).map(str::to_owned));
    let seq = call
        .connection
        .prepare_cached(
            "INSERT INTO queue (queue, id, body, attributes, enqueued_at, visible_at, group_id, dedup_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .insert(params![
            queue.name,
            cloud_event.as_deref().unwrap_or_default(),
            message.body,
            message.carried.json(),
            call.now.to_string(),
            now + message.delay_seconds * 1000,
            message.group_id,
            message.dedup_id,
        ])?;
    let message_id = uuid_of(&[&queue.name, &seq.to_string(), &call.now.to_string()]);
    call.connection
        .prepare_cached("UPDATE queue SET message_id = ?2, id = coalesce(nullif(id, ''), ?2) WHERE seq = ?1")?
        .execute(params![seq, message_id])?;
    if let Some(dedup_id) = &message.dedup_id {
        call.connection
            .prepare_cached("INSERT OR REPLACE INTO sqs_dedup VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![queue.name, dedup_id, message_id, seq, now])?;
    }
    Ok((message_id, seq))
}

fn size(entry: &Map<String, Value>) -> usize {
    let body = entry.get("MessageBody").and_then(Value::as_str).map_or(0, str::len);
    body + attributes::size(entry.get("MessageAttributes"))
}

fn sendable(character: char) -> bool {
    matches!(character, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
