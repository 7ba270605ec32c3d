//! What an event comes in, and who it says that it is from.

use offsite_shared::model::json;
use offsite_shared::model::text::one_line;
use offsite_shared::triggers::door::Delivered;
use serde_json::{Map, Value};

/// So many layers are looked into.
const DEEPEST: usize = 8;

/// The envelopes of an event, from the outside in.
pub(super) fn envelopes(event: &Value) -> Vec<&'static str> {
    layers(event).map_while(|value| envelope(&value).map(|(name, _)| name)).collect()
}

/// An event, and what is in it, from the outside in.
fn layers(event: &Value) -> impl Iterator<Item = Value> {
    let within = |value: &Value| match envelope(value)?.1? {
        Value::String(text) => json::read(&text).ok(),
        other => Some(other),
    };
    std::iter::successors(Some(event.clone()), within).take(DEEPEST)
}

/// The outermost envelope, with what is in it. Of several records the first one stands for all.
fn envelope(value: &Value) -> Option<(&'static str, Option<Value>)> {
    let object = match value {
        Value::Array(items) => return Some(("an array of commands or events", items.first().cloned())),
        Value::Object(object) => object,
        _ => return None,
    };
    let text = |object: &Map<String, Value>, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(first) = object.get("Records").and_then(|records| records.get(0)) {
        return Some(match first.get("eventSource").and_then(Value::as_str) {
            Some("aws:sqs") => ("a batch of SQS", first.get("body").cloned()),
            _ => ("records of SNS", first.pointer("/Sns/Message").cloned()),
        });
    }
    if let Some(Ok(delivered)) = Delivered::of(object) {
        return Some(("what the door hands on", Some(Value::String(delivered.raw))));
    }
    if object.contains_key("requestContext") && object.contains_key("requestPayload") {
        return Some(("the letter of an invocation that failed", object.get("requestPayload").cloned()));
    }
    if object.contains_key("detail-type") {
        return Some(("EventBridge", object.get("detail").cloned()));
    }
    if object.contains_key("specversion") {
        let cloud = text(object, "source")
            .is_some_and(|source| source.ends_with(".cloud.tencent") || source.starts_with("HC."));
        return Some(("a CloudEvent", object.get("data").cloned().filter(|_| !cloud)));
    }
    if text(object, "Type").as_deref() == Some("Notification") {
        return Some(("a notification of SNS", object.get("Message").cloned()));
    }
    if object.contains_key("topic_urn") {
        return Some(("a notification of Huawei SMN", object.get("message").cloned()));
    }
    for (field, name) in [("EventList", "a batch of Tencent EventBridge"), ("events", "a batch of Huawei EventGrid")] {
        if let Some(items) = object.get(field).and_then(Value::as_array) {
            return Some((name, items.first().cloned()));
        }
    }
    None
}

/// What the door says of an event that came through it.
pub(super) fn delivered(event: &Value) -> Option<Delivered> {
    layers(event).find_map(|value| value.as_object().and_then(Delivered::of)?.ok())
}

/// Who the event says that it is from: the innermost sender that it names.
pub(super) fn sender(event: &Value) -> Option<String> {
    const PLACES: [&str; 8] = [
        "/sender",
        "/source",
        "/topic_urn",
        "/TopicArn",
        "/Sns/TopicArn",
        "/eventSourceARN",
        "/namespace",
        "/service_type",
    ];
    let named = |value: Value| {
        let first = value.pointer("/Records/0").unwrap_or(&value);
        let text = |place: &str| first.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty());
        PLACES.into_iter().find_map(text).map(|found| format!("{} (as it says itself)", one_line(found)))
    };
    layers(event).filter_map(named).last()
}
