//! What a provider gives for an accepted copy, and the messages that announce it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A provider's acceptance of one copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// For a vault-wide call, the backup of the vault that this is about; otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    /// The provider's TaskId, replication_record_id or new SnapshotId; absent for an adopted Alibaba pair.
    pub replication_id: Option<String>,
    /// The provider's request ID of the call that showed the acceptance.
    pub request_id: Option<String>,
    /// Whether the copy was found by read-back rather than started by this attempt's call.
    pub adopted: bool,
    /// The number of the attempt that it belongs to, from 1.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// When Offsite learned of the acceptance.
    pub time: Timestamp,
}

fn first_attempt() -> u32 {
    1
}

/// One message for the queue: a CloudEvents 1.0 JSON event.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The event's ID. A receipt that is sent twice has the same ID both times.
    pub id: String,
    /// The whole event, as it is sent.
    pub event: Value,
}

/// Which installation a message comes from, and about which cloud account it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of the installation, such as its stack's, where it has one.
    pub stack: Option<String>,
    /// The cloud's number of the account, where the configuration has it.
    pub account_number: Option<String>,
}

/// What stands around the data of a message.
pub(crate) struct Envelope<'m> {
    pub(crate) id: String,
    pub(crate) event_type: &'m str,
    pub(crate) source: String,
    pub(crate) subject: &'m str,
    pub(crate) time: String,
    /// The name of the schema in `schemas/` that describes the message.
    pub(crate) schema: &'m str,
}

impl Envelope<'_> {
    /// The message with this data. Where it comes from is part of the data: not every transport keeps attributes.
    pub(crate) fn around(self, mut data: Value, origin: &Origin) -> Message {
        let Envelope { id, event_type, source, subject, time, schema } = self;
        if let Some(stack) = &origin.stack {
            data["stack"] = json!(stack);
        }
        if let Some(number) = &origin.account_number {
            data["account_number"] = json!(number);
        }
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "type": event_type,
            "source": source,
            "subject": subject,
            "time": time,
            "datacontenttype": "application/json",
            "dataschema": format!("urn:offsite:schema:{schema}:1#/properties/data"),
            "data": data,
        });
        Message { id, event }
    }
}
