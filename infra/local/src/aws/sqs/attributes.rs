//! Attributes of queues and of messages, and the MD5 digests SDKs check.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

use super::{QueueRow, error, malformed};
use crate::aws::{ACCOUNT, ServiceError, hex};

/// Every attribute of a queue that can be asked for.
pub(super) const KNOWN: [&str; 13] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "CreatedTimestamp",
    "DelaySeconds",
    "FifoQueue",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
];

/// What can be set, its range and its default.
/// Source: Amazon SQS API Reference, CreateQueue, 2026.
const SETTINGS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// Checks the attributes a queue is created with.
pub(super) fn of_new_queue(given: Option<&Value>, fifo: bool) -> Result<Map<String, Value>, ServiceError> {
    let empty = Map::new();
    let given = match given {
        Some(value) => value.as_object().ok_or_else(malformed)?,
        None => &empty,
    };
    for (name, value) in given {
        let text = value.as_str().ok_or_else(malformed)?;
        let setting = SETTINGS.iter().find(|(known, ..)| known == name);
        let valid = match (name.as_str(), setting) {
            ("FifoQueue", _) => text == "true" && fifo,
            ("ContentBasedDeduplication", _) => fifo && matches!(text, "true" | "false"),
            (_, Some((_, from, to, _))) => text.parse().is_ok_and(|number| (*from..=*to).contains(&number)),
            _ => {
                return Err(error("InvalidAttributeName", format!("Unknown Attribute {name}.")));
            }
        };
        if !valid {
            return Err(error("InvalidAttributeValue", format!("Invalid value for the parameter {name}.")));
        }
    }
    if fifo && !given.contains_key("FifoQueue") {
        let message = "The name of a FIFO queue can only end in .fifo if the attribute FifoQueue is true.";
        return Err(error("InvalidParameterValue", message));
    }
    Ok(given.clone())
}

/// All attributes of a queue; `counts` are visible, in flight, delayed.
pub(super) fn of_queue(queue: &QueueRow, counts: [i64; 3]) -> Map<String, Value> {
    let mut shown: Map<String, Value> = SETTINGS
        .iter()
        .map(|(name, _, _, default)| ((*name).to_owned(), queue.number(name, *default).to_string().into()))
        .collect();
    let [visible, flying, delayed] = counts;
    let created = (queue.created_at / 1000).to_string();
    let mut add = |name: &str, value: String| shown.insert(name.to_owned(), value.into());
    add("ApproximateNumberOfMessages", visible.to_string());
    add("ApproximateNumberOfMessagesNotVisible", flying.to_string());
    add("ApproximateNumberOfMessagesDelayed", delayed.to_string());
    add("CreatedTimestamp", created.clone());
    add("LastModifiedTimestamp", created);
    add("QueueArn", format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{}", queue.name));
    if queue.fifo() {
        add("FifoQueue", "true".to_owned());
        add("ContentBasedDeduplication", queue.flag("ContentBasedDeduplication").to_string());
    }
    shown
}

/// The attributes a message carries.
pub(super) struct Carried<'a> {
    attributes: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Carried<'a> {
    pub(super) fn of(value: Option<&'a Value>) -> Result<Carried<'a>, ServiceError> {
        let mut attributes = BTreeMap::new();
        let Some(value) = value else {
            return Ok(Carried { attributes });
        };
        for (name, attribute) in value.as_object().ok_or_else(malformed)? {
            let invalid =
                |reason: &str| error("InvalidParameterValue", format!("The message attribute '{name}' {reason}"));
            let kind = attribute.get("DataType").and_then(Value::as_str);
            let kind = kind.ok_or_else(|| invalid("must contain a non-empty message attribute type."))?;
            let content = match kind.split('.').next() {
                Some("String" | "Number") => attribute.get("StringValue").and_then(Value::as_str).map(str::len),
                Some("Binary") => bytes(attribute).map(|bytes| bytes.len()),
                _ => {
                    return Err(invalid(
                        "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
                    ));
                }
            };
            if content.unwrap_or(0) == 0 {
                return Err(invalid("must contain a non-empty message attribute value for its type."));
            }
            attributes.insert(name.as_str(), attribute);
        }
        if attributes.len() > 10 {
            return Err(error(
                "InvalidParameterValue",
                "Number of message attributes [11] exceeds the allowed maximum [10].",
            ));
        }
        Ok(Carried { attributes })
    }

    /// Those a consumer asked for: a name, `All`, `.*` or `prefix.*`.
    pub(super) fn matching(mut self, wanted: &[&str]) -> Carried<'a> {
        self.attributes.retain(|name, _| {
            wanted.iter().any(|wanted| match wanted.strip_suffix(".*") {
                _ if *wanted == "All" || wanted == name => true,
                Some(prefix) => name.starts_with(prefix),
                None => false,
            })
        });
        self
    }

    pub(super) fn json(&self) -> Option<String> {
        (!self.attributes.is_empty()).then(|| self.value().to_string())
    }

    pub(super) fn value(&self) -> Value {
        self.attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect::<Map<_, _>>().into()
    }

    /// The digest over all attributes, sorted by name.
    /// Source: Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes", 2026.
    pub(super) fn md5(&self) -> Option<String> {
        if self.attributes.is_empty() {
            return None;
        }
        let mut plain = Vec::new();
        let mut put = |marker: Option<u8>, content: &[u8]| {
            plain.extend(marker);
            plain.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
            plain.extend(content);
        };
        for (name, attribute) in &self.attributes {
            let kind = attribute.get("DataType").and_then(Value::as_str).unwrap_or_default();
            put(None, name.as_bytes());
            put(None, kind.as_bytes());
            if kind.starts_with("Binary") {
                put(Some(2), &bytes(attribute).unwrap_or_default());
            } else {
                let text = attribute.get("StringValue").and_then(Value::as_str).unwrap_or_default();
                put(Some(1), text.as_bytes());
            }
        }
        Some(md5(&plain))
    }
}

/// The bytes attributes add to a message's size: names, types and values.
pub(super) fn size(attributes: Option<&Value>) -> usize {
    let of_one = |(name, attribute): (&String, &Value)| {
        let text = |member: &str| attribute.get(member).and_then(Value::as_str).map_or(0, str::len);
        name.len() + text("DataType") + text("StringValue") + bytes(attribute).map_or(0, |bytes| bytes.len())
    };
    attributes.and_then(Value::as_object).map_or(0, |attributes| attributes.iter().map(of_one).sum())
}

pub(super) fn md5(content: &[u8]) -> String {
    hex(Md5::digest(content))
}

fn bytes(attribute: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(attribute.get("BinaryValue")?.as_str()?).ok()
}
