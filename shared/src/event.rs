//! Wire envelopes to commands, strictly. A trigger is recognised by its envelope.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sns::SnsRecord;
use aws_lambda_events::event::sqs::SqsMessage;
use serde_json::Value;

use crate::command::{Command, Operation};
use crate::fields::{FieldError, Fields, kind};

/// How the caller wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `{"results":[…]}`, or an error with a fixed name when nothing at all was accepted.
    Results,
    /// `{"batchItemFailures":[…]}`: each record stands alone.
    Batch,
}

/// One record of an event: what fails or succeeds together.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Its ID: SQS or SNS message ID, EventBridge or CloudEvents event ID.
    pub id: Option<String>,
    /// Its commands, each read on its own.
    pub commands: Vec<Result<Command, FieldError>>,
}

/// An event, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// How to answer.
    pub answer: Answer,
    /// The records.
    pub records: Vec<EventRecord>,
}

/// How deep envelopes may be nested: EventBridge in SNS in SQS.
const DEPTH: u8 = 4;

/// Reads a payload.
///
/// # Errors
/// The payload is no known envelope. What is wrong inside a record is that record's own matter.
pub fn read(payload: &Value) -> Result<Event, FieldError> {
    if let Some(records) = payload.get("Records").and_then(Value::as_array) {
        let source = records.first().and_then(|record| record.get("eventSource").or(record.get("EventSource")));
        return match source.and_then(Value::as_str) {
            Some("aws:sqs") => Ok(Event { answer: Answer::Batch, records: each(records, sqs) }),
            Some("aws:sns") => Ok(Event { answer: Answer::Results, records: each(records, sns) }),
            None if records.is_empty() => Err(FieldError::new("Records", "is empty")),
            other => Err(FieldError::new(
                "Records[0].eventSource",
                format!("must be aws:sqs or aws:sns, not {}", other.unwrap_or("absent")),
            )),
        };
    }
    let record = match (commands_of(payload, None, DEPTH), payload.get("id").and_then(Value::as_str)) {
        (Ok(record), _) => record,
        // An event with an ID is complained about under that ID.
        (Err(error), Some(id)) => EventRecord { id: Some(id.to_owned()), commands: vec![Err(error)] },
        (Err(error), None) => return Err(error),
    };
    Ok(Event { answer: Answer::Results, records: vec![record] })
}

/// One record for each item; one that has not the shape it should have fails alone.
fn each(items: &[Value], read: impl Fn(&Value, &str) -> EventRecord) -> Vec<EventRecord> {
    items.iter().enumerate().map(|(index, item)| read(item, &format!("Records[{index}]"))).collect()
}

fn sqs(value: &Value, path: &str) -> EventRecord {
    match parse::<SqsMessage>(value, path, &["messageId", "body"]) {
        Ok(SqsMessage { body: Some(body), message_id, .. }) => text_record(&body, message_id, &format!("{path}.body")),
        Ok(_) => unread(value.get("messageId"), FieldError::new(format!("{path}.body"), "is missing")),
        Err(error) => unread(value.get("messageId"), error),
    }
}

fn sns(value: &Value, path: &str) -> EventRecord {
    let inner = value.get("Sns").unwrap_or(&Value::Null);
    // Named first, because the whole record's shape cannot say which field of the inner object is wrong.
    let texts = ["MessageId", "Message", "Type", "TopicArn", "Timestamp"];
    let checked = text_fields(inner, &format!("{path}.Sns"), &texts);
    match checked
        .and_then(|()| parse::<SnsRecord>(value, path, &["EventSource", "EventVersion", "EventSubscriptionArn"]))
    {
        Ok(record) => text_record(&record.sns.message, Some(record.sns.message_id), &format!("{path}.Sns.Message")),
        Err(error) => unread(inner.get("MessageId"), error),
    }
}

fn unread(id: Option<&Value>, error: FieldError) -> EventRecord {
    EventRecord { id: id.and_then(Value::as_str).map(str::to_owned), commands: vec![Err(error)] }
}

fn text_record(text: &str, id: Option<String>, field: &str) -> EventRecord {
    let commands = parse_text(text, field).and_then(|value| commands_of(&value, id.clone(), DEPTH));
    match commands {
        Err(error) if error.field == "event" => {
            EventRecord { id, commands: vec![Err(FieldError::new(field, error.reason))] }
        }
        Ok(record) => EventRecord { id: id.or(record.id), commands: record.commands },
        Err(error) => EventRecord { id, commands: vec![Err(error)] },
    }
}

/// Reads what a record carries: a command, an array of commands, or a further envelope around them.
fn commands_of(value: &Value, id: Option<String>, depth: u8) -> Result<EventRecord, FieldError> {
    if depth == 0 {
        return Err(FieldError::new("event", "has too many envelopes in one another"));
    }
    let Value::Object(object) = value else {
        let Value::Array(items) = value else {
            return Err(FieldError::new(
                "event",
                format!("must be a command or an event that holds one, not {}", kind(value)),
            ));
        };
        if items.is_empty() {
            return Err(FieldError::new("event", "is an empty array: it holds no command"));
        }
        let at =
            |index: usize| move |error: FieldError| FieldError::new(format!("[{index}].{}", error.field), error.reason);
        let commands =
            items.iter().enumerate().map(|(index, item)| command(item, id.as_deref()).map_err(at(index))).collect();
        return Ok(EventRecord { id, commands });
    };
    if object.contains_key("action") {
        return Ok(EventRecord { commands: vec![command(value, id.as_deref())], id });
    }
    if object.contains_key("detail-type") || object.contains_key("detail") {
        let event: EventBridgeEvent<Value> = parse(value, "", &["detail-type", "source"])?;
        let id = event.id.or(id);
        return inner(&event.detail, id, "detail", depth);
    }
    if object.contains_key("specversion") {
        let id = object.get("id").and_then(Value::as_str).map(str::to_owned).or(id);
        return inner(object.get("data").unwrap_or(&Value::Null), id, "data", depth);
    }
    if object.get("Type").and_then(Value::as_str) == Some("Notification") {
        let id = object.get("MessageId").and_then(Value::as_str).map(str::to_owned).or(id);
        return inner(object.get("Message").unwrap_or(&Value::Null), id, "Message", depth);
    }
    Err(FieldError::new(
        "event",
        "is neither a command (no field \"action\") nor an SQS, SNS, EventBridge or CloudEvents envelope around one",
    ))
}

fn inner(value: &Value, id: Option<String>, field: &str, depth: u8) -> Result<EventRecord, FieldError> {
    let under = |error: FieldError| match error.field.as_str() {
        "event" => FieldError::new(field, error.reason),
        _ => FieldError::new(format!("{field}.{}", error.field), error.reason),
    };
    let parsed;
    // A bare EventBridge Scheduler event has the text "{}" as its detail.
    let value = match value {
        Value::String(text) => {
            parsed = parse_text(text, field)?;
            &parsed
        }
        other => other,
    };
    if value.as_object().is_some_and(|object| object.is_empty()) {
        return Err(FieldError::new(field, "is empty: give the schedule or rule an input that is a command"));
    }
    let mut record = commands_of(value, id, depth - 1).map_err(under)?;
    for command in &mut record.commands {
        if let Err(error) = command {
            *error = under(error.clone());
        }
    }
    Ok(record)
}

fn command(value: &Value, event_id: Option<&str>) -> Result<Command, FieldError> {
    let mut command = Command::from_json(value)?;
    if command.occurrence.as_deref().is_some_and(|occurrence| occurrence.starts_with("<aws.")) {
        return Err(FieldError::new(
            "occurrence",
            "is a Scheduler placeholder that nobody filled in; only EventBridge Scheduler does",
        ));
    }
    if command.operation == Operation::CopyCheckpoint && command.occurrence.is_none() {
        let id = event_id.ok_or_else(|| {
            FieldError::new("occurrence", "is missing: copy-checkpoint needs it (an event ID or a scheduled time), so that one firing is started once")
        })?;
        command.occurrence = Some(id.to_owned());
    }
    Ok(command)
}

fn parse_text(text: &str, field: &str) -> Result<Value, FieldError> {
    serde_json::from_str(text).map_err(|error| {
        // The parser stops at 128 levels, which it calls its recursion limit.
        let what = if error.to_string().starts_with("recursion") { "is nested too deeply" } else { "is not JSON" };
        FieldError::new(field, format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}

/// Reads an envelope. The parser's own words are about this program's types, so the complaint is worded here.
fn parse<T: serde::de::DeserializeOwned>(value: &Value, path: &str, texts: &[&str]) -> Result<T, FieldError> {
    T::deserialize(value).or_else(|_| {
        text_fields(value, path, texts)?;
        let field = if path.is_empty() { "event" } else { path };
        Err(FieldError::new(field, "does not have the shape that AWS documents for this envelope"))
    })
}

/// Checks that these fields are there and texts.
fn text_fields(value: &Value, path: &str, names: &[&str]) -> Result<(), FieldError> {
    Fields::of(value, path)?;
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in names {
        match value.get(name) {
            Some(Value::String(_)) => {}
            None | Some(Value::Null) => return Err(FieldError::new(at(name), "is missing")),
            Some(other) => return Err(FieldError::new(at(name), format!("must be a text, not {}", kind(other)))),
        }
    }
    Ok(())
}
