//! The SQS JSON protocol over the queue table: the actions the functions and `offsite doctor` use, and no others.
//!
//! Source: Amazon SQS API Reference and Developer Guide ("Quotas", "Making requests with the AWS JSON protocol"), 2026; limits as in
//! the botocore 1.44 model. Unlike the real service, messages never expire: a receipt must not vanish because a laptop slept for
//! four days. Who wants to read them reads the [`Queue`](crate::home::queue::Queue).

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};

use super::clock::Clock;
use super::wire::{ACCOUNT, ServiceError, Stop, internal, settle, unknown_operation, uuid_of};
use crate::home::database::Database;

/// The largest message and the largest batch: 1 MiB.
/// Source: Amazon SQS API Reference, SendMessageBatch, 2026 (256 KiB until August 2025).
const LARGEST_MESSAGE_BYTES: usize = 1_048_576;

/// Entries in a batch.
const LARGEST_BATCH: usize = 10;

/// What an entry may carry.
const MEMBERS: [&str; 4] = ["Id", "MessageBody", "MessageGroupId", "MessageDeduplicationId"];

/// The emulated service.
pub(super) struct Sqs {
    database: Database,
    clock: Clock,
}

/// An entry of a batch, with its id.
type Entry<'a> = (&'a str, &'a Map<String, Value>);

/// One request under way.
struct Call<'a> {
    connection: &'a Connection,
    input: &'a Map<String, Value>,
    now: Timestamp,
    /// Entries of a batch that are scripted to fail.
    failing: &'a [usize],
}

impl Sqs {
    pub(super) fn new(database: Database, clock: Clock) -> Sqs {
        Sqs { database, clock }
    }

    /// Runs one action; `failing` are the entries of a batch that must fail.
    pub(super) async fn run(
        &self,
        action: &str,
        input: Map<String, Value>,
        failing: &[usize],
    ) -> Result<Value, ServiceError> {
        let run: fn(&Call<'_>) -> Result<Value, Stop> = match action {
            "SendMessageBatch" => send_batch,
            "GetQueueAttributes" => get_queue_attributes,
            _ => return Err(unknown_operation()),
        };
        let (now, failing) = ((self.clock)(), failing.to_vec());
        let write = self
            .database
            .write(move |connection| settle(run(&Call { connection, input: &input, now, failing: &failing })));
        write.await.map_err(|error| internal(&error))?
    }
}

/// The URL of a queue on a server.
pub(super) fn queue_url(endpoint: &str, name: &str) -> String {
    format!("{endpoint}/{ACCOUNT}/{name}")
}

/// Creates a queue unless it is there.
pub(super) fn ensure_queue(connection: &Connection, name: &str, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO sqs_queue (name, attributes, created_at) VALUES (?1, '{}', ?2)")?
        .execute(params![name, now.as_millisecond()])
        .map(drop)
}

impl<'a> Call<'a> {
    /// Refuses members this emulator does not know, rather than ignore what they ask for.
    fn allow(&self, names: &[&str]) -> Result<(), ServiceError> {
        match self.input.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(not_emulated(name)),
        }
    }

    /// The name of the queue, which must be there.
    fn queue(&self) -> Result<&'a str, Stop> {
        let name = required(self.input, "QueueUrl")?.rsplit('/').next().unwrap_or_default();
        let found: Option<i64> = self
            .connection
            .prepare_cached("SELECT 1 FROM sqs_queue WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let none = || error("QueueDoesNotExist", "The specified queue does not exist.");
        Ok(found.map(|_| name).ok_or_else(none)?)
    }

    /// The entries of a batch with their ids, once the batch as a whole is in order.
    fn entries(&self) -> Result<Vec<Entry<'a>>, ServiceError> {
        let list = self.input.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            let message = "There should be at least one SendMessageBatchRequestEntry in the request.";
            return Err(error("EmptyBatchRequest", message));
        }
        if list.len() > LARGEST_BATCH {
            let message = format!("Maximum number of entries per request are 10. You have sent {}.", list.len());
            return Err(error("TooManyEntriesInBatchRequest", message));
        }
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for entry in list {
            let entry = entry.as_object().ok_or_else(malformed)?;
            let id = required(entry, "Id")?;
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if id.is_empty() || id.len() > 80 || !id.bytes().all(legal) {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
                return Err(error("InvalidBatchEntryId", message));
            }
            if entries.iter().any(|(other, _)| *other == id) {
                return Err(error("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
            }
            if let Some(name) = entry.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
                return Err(not_emulated(name));
            }
            entries.push((id, entry));
        }
        let total: usize =
            entries.iter().filter_map(|(_, entry)| entry.get("MessageBody")?.as_str()).map(str::len).sum();
        if total > LARGEST_MESSAGE_BYTES {
            let message = format!(
                "Batch requests cannot be longer than {LARGEST_MESSAGE_BYTES} bytes. You have sent {total} bytes."
            );
            return Err(error("BatchRequestTooLong", message));
        }
        Ok(entries)
    }
}

fn send_batch(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "Entries"])?;
    let queue = call.queue()?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (index, (id, entry)) in call.entries()?.into_iter().enumerate() {
        let message = if call.failing.contains(&index) {
            Err(ServiceError::new(500, "com.amazonaws.sqs#InternalError", "scripted failure"))
        } else {
            Message::of(entry, queue)
        };
        match message {
            Ok(message) => successful.push(json!({ "Id": id, "MessageId": message.store(call, queue)? })),
            Err(error) => {
                let code = error.kind.rsplit('#').next().unwrap_or_default();
                failed.push(json!({
                    "Id": id, "SenderFault": error.status < 500, "Code": code, "Message": error.message,
                }));
            }
        }
    }
    let mut answer = json!({ "Successful": successful });
    if !failed.is_empty() {
        answer["Failed"] = failed.into();
    }
    Ok(answer)
}

/// Tells a queue's ARN, and so that it is there.
fn get_queue_attributes(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "AttributeNames"])?;
    let queue = call.queue()?;
    if call.input.get("AttributeNames") != Some(&json!(["QueueArn"])) {
        return Err(not_emulated("AttributeNames other than QueueArn").into());
    }
    Ok(json!({ "Attributes": { "QueueArn": format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}") } }))
}

/// A message that may be stored.
struct Message<'a> {
    body: &'a str,
    group_id: Option<&'a str>,
    dedup_id: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn of(entry: &'a Map<String, Value>, queue: &str) -> Result<Message<'a>, ServiceError> {
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
        let id = |name: &str| match entry.get(name).map(|value| value.as_str().unwrap_or_default()) {
            None if queue.ends_with(".fifo") => {
                Err(error("MissingParameter", format!("The request must contain the parameter {name}.")))
            }
            // On a standard queue a group makes it a fair one, which changes nothing for one reader.
            Some(_) if !queue.ends_with(".fifo") && name == "MessageGroupId" => Ok(None),
            Some(_) if !queue.ends_with(".fifo") => Err(not_emulated(&format!("{name} of a standard queue"))),
            Some(value) if !(1..=128).contains(&value.len()) || !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                let message = format!(
                    "Value for parameter {name} is invalid. Reason: {name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
                );
                Err(error("InvalidParameterValue", message))
            }
            value => Ok(value),
        };
        Ok(Message { body, group_id: id("MessageGroupId")?, dedup_id: id("MessageDeduplicationId")? })
    }

    /// Puts the message at the end of the queue and gives its ID.
    fn store(&self, call: &Call<'_>, queue: &str) -> Result<String, Stop> {
        let event: Option<Value> = serde_json::from_str(self.body).ok();
        let event_id = event.as_ref().and_then(|event| event.get("id")).and_then(Value::as_str);
        let seq = call
            .connection
            .prepare_cached(
                "INSERT INTO queue (queue, id, body, enqueued_at, visible_at, group_id, dedup_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .insert(params![
                queue,
                event_id.unwrap_or_default(),
                self.body,
                call.now.to_string(),
                call.now.as_millisecond(),
                self.group_id,
                self.dedup_id,
            ])?;
        let message_id = uuid_of(&[queue, &seq.to_string(), &call.now.to_string()]);
        call.connection
            .prepare_cached("UPDATE queue SET message_id = ?2, id = coalesce(nullif(id, ''), ?2) WHERE seq = ?1")?
            .execute(params![seq, message_id])?;
        Ok(message_id)
    }
}

fn required<'a>(input: &'a Map<String, Value>, name: &str) -> Result<&'a str, ServiceError> {
    match input.get(name) {
        Some(value) => value.as_str().ok_or_else(malformed),
        None => Err(error("MissingParameter", format!("The request must contain the parameter {name}."))),
    }
}

fn sendable(character: char) -> bool {
    matches!(character, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn malformed() -> ServiceError {
    ServiceError::new(400, "com.amazon.coral.service#SerializationException", "")
}

fn not_emulated(what: &str) -> ServiceError {
    error("UnsupportedOperation", format!("{what} is not emulated"))
}

/// An SQS error with the query protocol's name for it, which real answers repeat in a header.
fn error(name: &str, message: impl Into<String>) -> ServiceError {
    let mut error = ServiceError::new(400, &format!("com.amazonaws.sqs#{name}"), message);
    error.query_code = Some(match name {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "InvalidMessageContents" | "MissingParameter" | "InvalidParameterValue" => name.to_owned(),
        _ => format!("AWS.SimpleQueueService.{name}"),
    });
    error
}
