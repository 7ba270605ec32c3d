//! Wire envelopes to commands, strictly. A trigger is recognised by its envelope.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sns::SnsEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use serde_json::Value;

use crate::command::{Command, Operation};
use crate::fields::{FieldError, kind, one_line};

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
            Some("aws:sqs") => sqs(payload),
            Some("aws:sns") => sns(payload),
            None if records.is_empty() => Err(FieldError::new("Records", "is empty")),
            other => Err(FieldError::new(
                "Records[0].eventSource",
                format!("must be aws:sqs or aws:sns, not {}", other.unwrap_or("absent")),
            )),
        };
    }
    let record = commands_of(payload, None, DEPTH)?;
    Ok(Event { answer: Answer::Results, records: vec![record] })
}

fn sqs(payload: &Value) -> Result<Event, FieldError> {
    let event: SqsEvent = parse(payload, "Records")?;
    let records = event
        .records
        .into_iter()
        .map(|message| text_record(message.body.as_deref(), message.message_id, "body"))
        .collect();
    Ok(Event { answer: Answer::Batch, records })
}

fn sns(payload: &Value) -> Result<Event, FieldError> {
    let event: SnsEvent = parse(payload, "Records")?;
    let records = event
        .records
        .into_iter()
        .map(|record| text_record(Some(&record.sns.message), Some(record.sns.message_id), "Sns.Message"))
        .collect();
    Ok(Event { answer: Answer::Results, records })
}

fn text_record(text: Option<&str>, id: Option<String>, field: &str) -> EventRecord {
    let commands = parse_text(text.unwrap_or_default(), field).and_then(|value| commands_of(&value, id.clone(), DEPTH));
    match commands {
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
        let event: EventBridgeEvent<Value> = parse(value, "event")?;
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
        FieldError::new(field, format!("is not JSON (line {}, column {})", error.line(), error.column()))
    })
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value, field: &str) -> Result<T, FieldError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        FieldError::new(field, one_line(&format!("does not have the shape of this envelope: {error}")))
    })
}
