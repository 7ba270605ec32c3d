//! The SQS JSON protocol over the queue table.
//!
//! Source: Amazon SQS API Reference and Developer Guide ("Quotas", "Making requests with the AWS
//! JSON protocol"), 2026; limits as in the botocore 1.44 model. Unlike the real service, messages
//! never expire: a receipt must not vanish because a laptop slept for four days.

mod attributes;
mod receive;
mod request;
mod send;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use self::request::Call;
use super::{ACCOUNT, Clock, ServiceError, Stop, internal, settle, unknown_operation};
use crate::home::database::Database;

/// The largest message and the largest batch: 1 MiB.
/// Source: Amazon SQS API Reference, SendMessageBatch, 2026 (256 KiB until August 2025).
pub(crate) const LARGEST_MESSAGE_BYTES: usize = 1_048_576;
/// The emulated service.
pub(crate) struct Sqs {
    database: Database,
    clock: Clock,
    endpoint: String,
    arrivals: Arc<Notify>,
}

/// A queue as it was created.
struct QueueRow {
    name: String,
    attributes: Map<String, Value>,
    created_at: i64,
    purged_at: Option<i64>,
}

impl Sqs {
    pub(crate) fn new(database: Database, clock: Clock, endpoint: String) -> Sqs {
        Sqs { database, clock, endpoint, arrivals: Arc::default() }
    }

    /// Runs one action; `failing` are the entries of a batch that must fail.
    pub(crate) async fn run(
        &self,
        action: &str,
        input: Map<String, Value>,
        failing: &[usize],
    ) -> Result<Value, ServiceError> {
        let run: fn(&Call<'_>) -> Result<Value, Stop> = match action {
            "SendMessage" => send::one,
            "SendMessageBatch" => send::batch,
            "ReceiveMessage" => return self.receive(input).await,
            "DeleteMessage" => receive::delete,
            "DeleteMessageBatch" => receive::delete_batch,
            "ChangeMessageVisibility" => receive::change_visibility,
            "ChangeMessageVisibilityBatch" => receive::change_visibility_batch,
            "CreateQueue" => create_queue,
            "GetQueueUrl" => get_queue_url,
            "GetQueueAttributes" => get_queue_attributes,
            "PurgeQueue" => purge_queue,
            _ => return Err(unknown_operation()),
        };
        let answer = self.apply(run, Arc::new(input), failing.to_vec()).await;
        if action.starts_with("Send") || action.starts_with("Change") {
            self.arrivals.notify_waiters();
        }
        answer
    }

    async fn apply(
        &self,
        run: fn(&Call<'_>) -> Result<Value, Stop>,
        input: Arc<Map<String, Value>>,
        failing: Vec<usize>,
    ) -> Result<Value, ServiceError> {
        let (endpoint, now) = (self.endpoint.clone(), (self.clock)());
        let write = self.database.write(move |connection| {
            settle(run(&Call { connection, input: &input, endpoint: &endpoint, now, failing: &failing }))
        });
        write.await.map_err(|error| internal(&error))?
    }

    /// Looks at once; a long poll looks again whenever something arrived, and at its end.
    async fn receive(&self, input: Map<String, Value>) -> Result<Value, ServiceError> {
        let input = Arc::new(input);
        let wait =
            Duration::from_secs(self.apply(receive::wait_time, input.clone(), Vec::new()).await?.as_u64().unwrap_or(0));
        let looking = async {
            loop {
                let arrived = self.arrivals.notified();
                let answer = self.apply(receive::messages, input.clone(), Vec::new()).await;
                if wait.is_zero() || !matches!(&answer, Ok(Value::Object(members)) if members.is_empty()) {
                    return answer;
                }
                arrived.await;
            }
        };
        if wait.is_zero() {
            return looking.await;
        }
        match tokio::time::timeout(wait, looking).await {
            Ok(answer) => answer,
            Err(_) => self.apply(receive::messages, input, Vec::new()).await,
        }
    }
}

/// The URL of a queue on a server.
pub(crate) fn queue_url(endpoint: &str, name: &str) -> String {
    format!("{endpoint}/{ACCOUNT}/{name}")
}

/// Creates a queue with default attributes unless it is there.
pub(crate) fn ensure_queue(connection: &Connection, name: &str, now: Timestamp) -> rusqlite::Result<()> {
    let attributes = if name.ends_with(".fifo") { r#"{"FifoQueue":"true"}"# } else { "{}" };
    connection
        .prepare_cached("INSERT OR IGNORE INTO sqs_queue (name, attributes, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![name, attributes, now.as_millisecond()])
        .map(drop)
}

fn create_queue(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueName", "Attributes", "tags"])?;
    let name = call.required("QueueName")?;
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if stem.is_empty() || name.len() > 80 || !stem.bytes().all(legal) {
        let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(error("InvalidParameterValue", message).into());
    }
    let wanted = attributes::of_new_queue(call.input.get("Attributes"), name.ends_with(".fifo"))?;
    if let Some(existing) = find_queue(call.connection, name)? {
        if existing.attributes != wanted {
            let message = "A queue already exists with the same name and a different value for an attribute";
            return Err(error("QueueNameExists", message).into());
        }
    } else {
        call.connection
            .prepare_cached("INSERT INTO sqs_queue (name, attributes, created_at) VALUES (?1, ?2, ?3)")?
            .execute(params![name, Value::Object(wanted).to_string(), call.now.as_millisecond()])?;
    }
    Ok(json!({ "QueueUrl": queue_url(call.endpoint, name) }))
}

fn get_queue_url(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueName", "QueueOwnerAWSAccountId"])?;
    let name = call.required("QueueName")?;
    find_queue(call.connection, name)?.ok_or_else(no_such_queue)?;
    Ok(json!({ "QueueUrl": queue_url(call.endpoint, name) }))
}

fn get_queue_attributes(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl", "AttributeNames"])?;
    let queue = call.queue()?;
    let (visible, flying): (i64, i64) = call
        .connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE visible_at <= ?2),
                    count(*) FILTER (WHERE visible_at > ?2 AND receive_count > 0)
             FROM queue WHERE queue = ?1",
        )?
        .query_row(params![queue.name, call.now.as_millisecond()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let all: i64 = call
        .connection
        .prepare_cached("SELECT count(*) FROM queue WHERE queue = ?1")?
        .query_row([&queue.name], |row| row.get(0))?;
    let attributes = attributes::of_queue(&queue, [visible, flying, all - visible - flying]);
    let wanted = call.names("AttributeNames")?;
    for name in &wanted {
        if *name != "All" && !attributes::KNOWN.contains(name) {
            return Err(error("InvalidAttributeName", format!("Unknown Attribute {name}.")).into());
        }
    }
    let shown: Map<String, Value> = attributes
        .into_iter()
        .filter(|(name, _)| wanted.iter().any(|wanted| *wanted == "All" || wanted == name))
        .collect();
    Ok(if shown.is_empty() { json!({}) } else { json!({ "Attributes": shown }) })
}

fn purge_queue(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["QueueUrl"])?;
    let queue = call.queue()?;
    let now = call.now.as_millisecond();
    if queue.purged_at.is_some_and(|purged| now - purged < 60_000) {
        let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name);
        return Err(error("PurgeQueueInProgress", message).into());
    }
    call.connection.prepare_cached("DELETE FROM queue WHERE queue = ?1")?.execute([&queue.name])?;
    call.connection
        .prepare_cached("UPDATE sqs_queue SET purged_at = ?2 WHERE name = ?1")?
        .execute(params![queue.name, now])?;
    Ok(json!({}))
}

fn find_queue(connection: &Connection, name: &str) -> rusqlite::Result<Option<QueueRow>> {
    connection
        .prepare_cached("SELECT attributes, created_at, purged_at FROM sqs_queue WHERE name = ?1")?
        .query_row([name], |row| {
            let attributes: String = row.get(0)?;
            let attributes = serde_json::from_str(&attributes).unwrap_or_default();
            Ok(QueueRow { name: name.to_owned(), attributes, created_at: row.get(1)?, purged_at: row.get(2)? })
        })
        .optional()
}

impl QueueRow {
    fn fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    fn number(&self, name: &str, default: i64) -> i64 {
        self.attributes.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    fn flag(&self, name: &str) -> bool {
        self.attributes.get(name).and_then(Value::as_str) == Some("true")
    }
}

fn no_such_queue() -> ServiceError {
    error("QueueDoesNotExist", "The specified queue does not exist.")
}

fn malformed() -> ServiceError {
    ServiceError::new(400, "com.amazon.coral.service#SerializationException", "")
}

/// An SQS error with the query protocol's name for it, which real answers repeat in a header.
fn error(name: &str, message: impl Into<String>) -> ServiceError {
    let mut error = ServiceError::new(400, &format!("com.amazonaws.sqs#{name}"), message);
    error.query_code = Some(match name {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "ReceiptHandleIsInvalid"
        | "InvalidAttributeName"
        | "InvalidAttributeValue"
        | "InvalidMessageContents"
        | "MissingParameter"
        | "InvalidParameterValue" => name.to_owned(),
        _ => format!("AWS.SimpleQueueService.{name}"),
    });
    error
}
