//! ReceiveMessage, and what a consumer does with a receipt handle.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::params;
use serde_json::{Map, Value, json};

use super::attributes::{self, Carried};
use super::request::{Call, batch_answer, integer, required};
use super::{QueueRow, error};
use crate::aws::{ServiceError, Stop};

const LONGEST_VISIBILITY_SECONDS: i64 = 43_200;

/// How long this request may wait for a message, once the request is known to be in order.
pub(super) fn wait_time(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&[
        "QueueUrl",
        "AttributeNames",
        "MessageSystemAttributeNames",
        "MessageAttributeNames",
        "MaxNumberOfMessages",
        "VisibilityTimeout",
        "WaitTimeSeconds",
        "ReceiveRequestAttemptId",
    ])?;
    let queue = call.queue()?;
    let wait = integer(call.input, "WaitTimeSeconds", 0..=20)?;
    Ok(wait.unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds", 0)).into())
}

/// Hands out visible messages, oldest first, and hides them for the visibility timeout.
pub(super) fn messages(call: &Call<'_>) -> Result<Value, Stop> {
    let queue = call.queue()?;
    let max = integer(call.input, "MaxNumberOfMessages", 1..=10)?.unwrap_or(1);
    let visibility = integer(call.input, "VisibilityTimeout", 0..=LONGEST_VISIBILITY_SECONDS)?
        .unwrap_or_else(|| queue.number("VisibilityTimeout", 30));
    let mut system = call.names("AttributeNames")?;
    system.extend(call.names("MessageSystemAttributeNames")?);
    let own = call.names("MessageAttributeNames")?;
    let now = call.now.as_millisecond();
    let rows = visible(call, &queue, max)?;
    let mut handed_out = Vec::new();
    for row in rows {
        call.connection
            .prepare_cached(
                "UPDATE queue SET visible_at = ?2, receive_count = receive_count + 1,
                                  taken_at = coalesce(taken_at, ?3)
                 WHERE seq = ?1",
            )?
            .execute(params![row.seq, now + visibility * 1000, call.now.to_string()])?;
        handed_out.push(row.shown(&queue, &system, &own, call)?);
    }
    Ok(if handed_out.is_empty() { json!({}) } else { json!({ "Messages": handed_out }) })
}

pub(super) fn delete(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "ReceiptHandle"])?;
    let queue = call.queue()?;
    delete_one(call, &queue, call.input)
}

pub(super) fn delete_batch(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "Entries"])?;
    let queue = call.queue()?;
    each(call, "DeleteMessageBatchRequestEntry", |entry| delete_one(call, &queue, entry))
}

pub(super) fn change_visibility(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "ReceiptHandle", "VisibilityTimeout"])?;
    let queue = call.queue()?;
    change_one(call, &queue, call.input)
}

pub(super) fn change_visibility_batch(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "Entries"])?;
    let queue = call.queue()?;
    each(call, "ChangeMessageVisibilityBatchRequestEntry", |entry| change_one(call, &queue, entry))
}

fn each(call: &Call<'_>, kind: &str, run: impl Fn(&Map<String, Value>) -> Result<Value, Stop>) -> Result<Value, Stop> {
    let failing = |index: usize| {
        ServiceError::new(500, "com.amazonaws.sqs#InternalError", format!("scripted failure of entry {index}"))
    };
    let results = call.entries(kind)?.into_iter().enumerate().map(|(index, (id, entry))| {
        (id, if call.failing.contains(&index) { Err(failing(index).into()) } else { run(entry) })
    });
    batch_answer(results.collect())
}

fn delete_one(call: &Call<'_>, queue: &QueueRow, entry: &Map<String, Value>) -> Result<Value, Stop> {
    let handle = Handle::parse(required(entry, "ReceiptHandle")?, &queue.name)?;
    // With a newer receipt outstanding, or the message gone, the real service also answers success.
    call.connection
        .prepare_cached("DELETE FROM queue WHERE queue = ?1 AND seq = ?2 AND receive_count = ?3")?
        .execute(params![queue.name, handle.seq, handle.receive_count])?;
    Ok(json!({}))
}

fn change_one(call: &Call<'_>, queue: &QueueRow, entry: &Map<String, Value>) -> Result<Value, Stop> {
    let handle = Handle::parse(required(entry, "ReceiptHandle")?, &queue.name)?;
    let missing = || error("MissingParameter", "The request must contain the parameter VisibilityTimeout.");
    let visibility = integer(entry, "VisibilityTimeout", 0..=LONGEST_VISIBILITY_SECONDS)?.ok_or_else(missing)?;
    let now = call.now.as_millisecond();
    let changed = call
        .connection
        .prepare_cached(
            "UPDATE queue SET visible_at = ?4
             WHERE queue = ?1 AND seq = ?2 AND receive_count = ?3 AND visible_at > ?5",
        )?
        .execute(params![queue.name, handle.seq, handle.receive_count, now + visibility * 1000, now])?;
    if changed == 0 {
        let message = "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.";
        return Err(error("InvalidParameterValue", message).into());
    }
    Ok(json!({}))
}

/// A receipt handle: which message, and which of its receptions.
struct Handle {
    seq: i64,
    receive_count: i64,
}

impl Handle {
    fn text(queue: &str, seq: i64, receive_count: i64) -> String {
        STANDARD.encode(format!("{queue} {seq} {receive_count}"))
    }

    fn parse(text: &str, queue: &str) -> Result<Handle, ServiceError> {
        let parse = || {
            let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
            let mut parts = plain.split(' ');
            let of_this_queue = parts.next()? == queue;
            let (seq, receive_count) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            (of_this_queue && parts.next().is_none()).then_some(Handle { seq, receive_count })
        };
        parse().ok_or_else(|| {
            error(
                "ReceiptHandleIsInvalid",
                format!("The input receipt handle \"{text}\" is not a valid receipt handle."),
            )
        })
    }
}

/// A message about to be handed out.
struct Found {
    seq: i64,
    body: String,
    attributes: Option<String>,
    enqueued_at: String,
    first_taken_at: Option<String>,
    receive_count: i64,
    message_id: Option<String>,
    group_id: Option<String>,
    dedup_id: Option<String>,
}

fn visible(call: &Call<'_>, queue: &QueueRow, max: i64) -> rusqlite::Result<Vec<Found>> {
    // A FIFO group with a message in flight gives no further one: order holds within the group.
    let held_back = if queue.fifo() {
        "AND NOT EXISTS (SELECT 1 FROM queue AS flying WHERE flying.queue = queue.queue
             AND flying.group_id = queue.group_id AND flying.visible_at > ?2)"
    } else {
        ""
    };
    call.connection
        .prepare_cached(&format!(
            "SELECT seq, body, attributes, enqueued_at, taken_at, receive_count, message_id, group_id, dedup_id
             FROM queue WHERE queue = ?1 AND visible_at <= ?2 {held_back} ORDER BY seq LIMIT ?3"
        ))?
        .query_map(params![queue.name, call.now.as_millisecond(), max], |row| {
            Ok(Found {
                seq: row.get(0)?,
                body: row.get(1)?,
                attributes: row.get(2)?,
                enqueued_at: row.get(3)?,
                first_taken_at: row.get(4)?,
                receive_count: row.get(5)?,
                message_id: row.get(6)?,
                group_id: row.get(7)?,
                dedup_id: row.get(8)?,
            })
        })?
        .collect()
}

impl Found {
    fn shown(&self, queue: &QueueRow, system: &[&str], own: &[&str], call: &Call<'_>) -> Result<Value, Stop> {
        let received = self.receive_count + 1;
        let mut message = json!({
            "MessageId": self.message_id.clone().unwrap_or_else(|| self.seq.to_string()),
            "ReceiptHandle": Handle::text(&queue.name, self.seq, received),
            "MD5OfBody": attributes::md5(self.body.as_bytes()),
            "Body": self.body,
        });
        let millis = |text: &str| text.parse().map_or(0, |time: jiff::Timestamp| time.as_millisecond()).to_string();
        let now = call.now.to_string();
        let mut known = vec![
            ("SenderId", super::ACCOUNT.to_owned()),
            ("SentTimestamp", millis(&self.enqueued_at)),
            ("ApproximateReceiveCount", received.to_string()),
            ("ApproximateFirstReceiveTimestamp", millis(self.first_taken_at.as_deref().unwrap_or(&now))),
        ];
        known.extend(self.group_id.clone().map(|id| ("MessageGroupId", id)));
        known.extend(self.dedup_id.clone().map(|id| ("MessageDeduplicationId", id)));
        if queue.fifo() {
            known.push(("SequenceNumber", format!("{:020}", self.seq)));
        }
        let shown: Map<String, Value> = known
            .into_iter()
            .filter(|(name, _)| system.contains(name) || system.contains(&"All"))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        if !shown.is_empty() {
            message["Attributes"] = shown.into();
        }
        let stored: Option<Value> = self.attributes.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let carried = Carried::of(stored.as_ref())?.matching(own);
        if let Some(digest) = carried.md5() {
            message["MD5OfMessageAttributes"] = digest.into();
            message["MessageAttributes"] = carried.value();
        }
        Ok(message)
    }
}
