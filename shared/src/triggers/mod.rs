//! Strict reading of events, from the envelope to what it asks for. A trigger is recognized by its envelope.

pub mod door;
mod envelopes;
pub mod hint;

use serde_json::{Value, json};

use crate::model::command::{Command, Operation};
use crate::model::fields::{FieldError, Fields, kind};
use crate::model::json;
use door::Delivered;
use hint::{Hint, HintReading, HintTarget};

/// How the caller wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `{"results":[…]}`, or an error with a fixed name when nothing at all was accepted.
    Results,
    /// `{"batchItemFailures":[…]}`: each record succeeds or fails alone.
    Batch,
}

/// One record of an event. Its items succeed or fail together.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// The SQS or SNS message ID, or the EventBridge or CloudEvents event ID; absent if there is none.
    pub id: Option<String>,
    /// What the record asks for. Each item is read on its own.
    pub items: Vec<Result<Item, FieldError>>,
}

/// One thing that a record asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A command to start copies.
    Command(Box<Command>),
    /// A hint: look whether a rule covers what it names, and if so start copies.
    Hint(Hint),
    /// The action `sweep` or `observe`, as it was received.
    Action(Value),
    /// Nothing: the event is of no concern to Offsite, and why.
    Ignored(String),
}

/// An event after it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The form of answer that the caller wants.
    pub answer: Answer,
    /// The records of the event, in their order.
    pub records: Vec<EventRecord>,
}

impl Event {
    /// The action of an event that consists of one action and is no batch; otherwise `None`.
    pub(crate) fn only_action(&self) -> Option<&Value> {
        match (self.answer, self.records.as_slice()) {
            (Answer::Results, [EventRecord { items, .. }]) => match items.as_slice() {
                [Ok(Item::Action(action))] => Some(action),
                _ => None,
            },
            _ => None,
        }
    }

    /// All actions, each with the index of its record.
    pub(crate) fn actions(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.records.iter().enumerate().flat_map(|(index, record)| {
            record.items.iter().filter_map(move |item| match item {
                Ok(Item::Action(action)) => Some((index, action)),
                _ => None,
            })
        })
    }
}

/// How deep envelopes may be nested, such as EventBridge in SNS in SQS.
const DEPTH: u8 = 4;

/// As many records may an event have. Source: SQS's largest batch for a function.
const RECORDS: usize = 10_000;

/// As many copies may a record ask for. They succeed or fail together, so nobody has a reason for more.
const ITEMS: usize = 1_000;

/// Reads the payload of an event.
///
/// # Errors
/// The payload is no known envelope. An error inside a record fails only that record.
pub fn read(payload: &Value) -> Result<Event, FieldError> {
    if let Some(records) = payload.get("Records").and_then(Value::as_array) {
        if records.len() > RECORDS {
            return Err(FieldError::new(
                "Records",
                format!("has {} records, and {RECORDS} are the most", records.len()),
            ));
        }
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
    // EventBridge Pipes hand a batch of SQS over as an array. Source: EventBridge user guide, "Pipes batching and concurrency".
    if let Some(records) = payload.as_array().filter(|records| records.first().is_some_and(is_sqs)) {
        return Ok(Event { answer: Answer::Batch, records: each(records, sqs) });
    }
    let record = match (record_of(payload, None, DEPTH), payload.get("id").and_then(Value::as_str)) {
        (Ok(record), _) => record,
        // An error in an event with an ID is reported under that ID.
        (Err(error), Some(id)) => EventRecord { id: Some(id.to_owned()), items: vec![Err(error)] },
        (Err(error), None) => return Err(error),
    };
    Ok(Event { answer: Answer::Results, records: vec![record] })
}

fn is_sqs(record: &Value) -> bool {
    record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs") && record.get("body").is_some()
}

/// Reads one record from each item. An item of the wrong shape fails alone. Of an envelope only what is used is read: the official types
/// copy and check the rest as well, and refuse an event for a field that says nothing here.
fn each(items: &[Value], read: impl Fn(&Value, &str) -> EventRecord) -> Vec<EventRecord> {
    items.iter().enumerate().map(|(index, item)| read(item, &format!("Records[{index}]"))).collect()
}

fn sqs(value: &Value, path: &str) -> EventRecord {
    let id = value.get("messageId").filter(|id| !id.is_null());
    let names: &[&str] = if id.is_some() { &["messageId", "body"] } else { &["body"] };
    match text_fields(value, path, names) {
        Ok(()) => {
            let body = value.get("body").and_then(Value::as_str).unwrap_or_default();
            text_record(body, id.and_then(Value::as_str).map(str::to_owned), &format!("{path}.body"))
        }
        Err(error) => unread(id, error),
    }
}

fn sns(value: &Value, path: &str) -> EventRecord {
    let inner = value.get("Sns").unwrap_or(&Value::Null);
    let id = inner.get("MessageId");
    let texts = ["MessageId", "Message", "Type", "TopicArn", "Timestamp"];
    let checked = text_fields(inner, &format!("{path}.Sns"), &texts);
    match checked.and_then(|()| text_fields(value, path, &["EventSource", "EventVersion", "EventSubscriptionArn"])) {
        Ok(()) => {
            let message = inner.get("Message").and_then(Value::as_str).unwrap_or_default();
            text_record(message, id.and_then(Value::as_str).map(str::to_owned), &format!("{path}.Sns.Message"))
        }
        Err(error) => unread(id, error),
    }
}

fn unread(id: Option<&Value>, error: FieldError) -> EventRecord {
    EventRecord { id: id.and_then(Value::as_str).map(str::to_owned), items: vec![Err(error)] }
}

fn text_record(text: &str, id: Option<String>, field: &str) -> EventRecord {
    match parse_text(text, field).and_then(|value| record_of(&value, id.clone(), DEPTH)) {
        Err(error) if error.field == "event" => {
            EventRecord { id, items: vec![Err(FieldError::new(field, error.reason))] }
        }
        Ok(record) => EventRecord { id: id.or(record.id), items: record.items },
        Err(error) => EventRecord { id, items: vec![Err(error)] },
    }
}

/// Reads what a record carries: a command or another action, an event that names a backup, several of these, or a further envelope.
fn record_of(value: &Value, id: Option<String>, depth: u8) -> Result<EventRecord, FieldError> {
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
        return Ok(EventRecord { items: several(items, "", id.as_deref(), depth), id });
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    if let Some(delivered) = Delivered::of(object) {
        return Ok(of_door(&delivered?, depth));
    }
    if let Some(reason) = envelopes::not_for_us(object) {
        return Ok(ignored(reason, id));
    }
    // The letter of an invocation that failed has the whole event in it.
    if let Some(event) = object.get("requestPayload").filter(|_| object.contains_key("requestContext")) {
        return inner(event, id, "requestPayload", depth);
    }
    if object.contains_key("action") {
        let item = match text("action") {
            Some("sweep" | "observe") => Ok(Item::Action(value.clone())),
            _ => command(value, id.as_deref()),
        };
        return Ok(EventRecord { items: vec![item], id });
    }
    if object.contains_key("detail-type") || object.contains_key("detail") {
        text_fields(value, "", &["detail-type", "source"])?;
        let id = text("id").map(str::to_owned).or(id);
        let detail = object.get("detail").ok_or_else(|| FieldError::new("detail", "is missing"))?;
        let read = inner(detail, id.clone(), "detail", depth);
        return match (read, text("source").and_then(envelopes::another_product)) {
            (Err(_), Some(reason)) if text("detail-type") != Some("Scheduled Event") => Ok(ignored(reason, id)),
            (read, _) => read,
        };
    }
    if object.contains_key("specversion") {
        let id = text("id").map(str::to_owned).or(id);
        if let Some(reading) = hint::of_cloud_event(value) {
            return Ok(record_of_hint(reading, id));
        }
        let decoded = envelopes::data_of(object)?;
        let data = decoded.as_ref().or(object.get("data")).unwrap_or(&Value::Null);
        let field = if decoded.is_some() { "data_base64" } else { "data" };
        return match (inner(data, id.clone(), field, depth), text("source").and_then(envelopes::another_product)) {
            (Err(_), Some(reason)) => Ok(ignored(reason, id)),
            (read, _) => read,
        };
    }
    if text("Type") == Some("Notification") {
        let id = text("MessageId").map(str::to_owned).or(id);
        return inner(object.get("Message").unwrap_or(&Value::Null), id, "Message", depth);
    }
    // Huawei SMN. Source: Open Telekom Cloud simple-message-notification 47f5cfc, 2026-04-22, "HTTP or HTTPS Message Format".
    if object.contains_key("topic_urn") && text("type") == Some("Notification") {
        let id = text("message_id").map(str::to_owned).or(id);
        return inner(object.get("message").unwrap_or(&Value::Null), id, "message", depth);
    }
    // Batches of Tencent EventBridge (SCF target, 1108/46254, 2022-05-05) and of Huawei EventGrid.
    for field in ["EventList", "events"] {
        if let Some(Value::Array(items)) = object.get(field).filter(|_| object.len() == 1) {
            if items.is_empty() {
                return Err(FieldError::new(field, "is empty: it holds no event"));
            }
            return Ok(EventRecord { items: several(items, field, id.as_deref(), depth), id });
        }
    }
    if let Some(reading) = hint::of_body(value) {
        return Ok(record_of_hint(reading, id));
    }
    Err(FieldError::new(
        "event",
        "is neither a command (no field \"action\") nor an SQS, SNS, EventBridge or CloudEvents envelope around one",
    ))
}

/// Reads what came through the door. What is in no form that is known says that there is something, like what names nothing.
fn of_door(delivered: &Delivered, depth: u8) -> EventRecord {
    let id = Some(delivered.id.clone());
    let read = json::read(&delivered.raw).ok().and_then(|raw| record_of(&raw, id.clone(), depth - 1).ok());
    EventRecord { items: only_hints(read.map(|record| record.items).unwrap_or_default()), id }
}

/// What is left of what a notification asks for: hints. Where it names no backup, a look at what is new follows, at most once in ten
/// seconds for each source.
fn only_hints(items: Vec<Result<Item, FieldError>>) -> Vec<Result<Item, FieldError>> {
    let asks = |item: &Result<Item, FieldError>| matches!(item, Ok(Item::Command(_) | Item::Action(_)));
    let names = |item: &Result<Item, FieldError>| match item {
        Ok(Item::Hint(hint)) => !matches!(hint.what, HintTarget::Resource(_)),
        _ => false,
    };
    let is_clear = items.iter().any(|item| asks(item) || names(item));
    let kept = items.into_iter().map(|item| match item {
        Ok(Item::Command(_) | Item::Action(_)) => Ok(Item::Ignored(
            "it asks for something to be done, and what comes through the door is read as a hint alone".to_owned(),
        )),
        item => item,
    });
    let mut kept: Vec<Result<Item, FieldError>> = kept.collect();
    if !is_clear {
        kept.push(Ok(Item::Action(json!({ "action": "sweep", "depth": "recent", "nudged": true }))));
    }
    kept
}

/// Reads the elements of an array, each of which is a command or an event.
fn several(items: &[Value], field: &str, id: Option<&str>, depth: u8) -> Vec<Result<Item, FieldError>> {
    let one = |(index, item): (usize, &Value)| {
        let at = |error: FieldError| FieldError::new(format!("{field}[{index}].{}", error.field), error.reason);
        // An element that cannot be an event is read as a command, and its error is that of a command.
        let is_event = item.as_object().is_some_and(|object| !object.is_empty() && !object.contains_key("action"));
        if !is_event {
            return vec![command(item, id).map_err(at)];
        }
        match record_of(item, id.map(str::to_owned), depth - 1) {
            Ok(record) => record.items.into_iter().map(|item| item.map_err(at)).collect(),
            Err(error) => vec![Err(at(error))],
        }
    };
    let copies = |item: &Result<Item, FieldError>| match item {
        Ok(Item::Command(command)) => command.destinations.len(),
        _ => 1,
    };
    let (mut found, mut count) = (Vec::new(), 0);
    for item in items.iter().enumerate() {
        let read = one(item);
        count += read.iter().map(copies).sum::<usize>();
        found.extend(read);
        if items.len() > ITEMS || count > ITEMS {
            let place = if field.is_empty() { "event" } else { field };
            let reason = format!("asks for {} copies or more, and {ITEMS} are the most", items.len().max(count));
            return vec![Err(FieldError::new(place, reason))];
        }
    }
    found
}

fn ignored(reason: String, id: Option<String>) -> EventRecord {
    EventRecord { items: vec![Ok(Item::Ignored(reason))], id }
}

/// A record with what was read from an event. A hint without an occurrence of its own gets the event's ID as its occurrence.
fn record_of_hint(reading: Result<HintReading, FieldError>, id: Option<String>) -> EventRecord {
    let item = reading.map(|reading| match reading {
        HintReading::Hint(hint) => Item::Hint(Hint { occurrence: hint.occurrence.or_else(|| id.clone()), ..hint }),
        HintReading::Ignored(reason) => Item::Ignored(reason),
    });
    EventRecord { items: vec![item], id }
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
    let mut record = record_of(value, id, depth - 1).map_err(under)?;
    for item in &mut record.items {
        if let Err(error) = item {
            *error = under(error.clone());
        }
    }
    Ok(record)
}

fn command(value: &Value, event_id: Option<&str>) -> Result<Item, FieldError> {
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
    Ok(Item::Command(Box::new(command)))
}

fn parse_text(text: &str, field: &str) -> Result<Value, FieldError> {
    json::read(text).map_err(|reason| FieldError::new(field, reason))
}

/// Checks that these fields are present and are strings.
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
