//! What a provider gives for an accepted copy, and the messages that tell of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A provider's acceptance of one copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// For a vault-wide call: which backup of the vault this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    /// TaskId, replication_record_id or the new SnapshotId; none for an adopted Alibaba pair.
    pub replication_id: Option<String>,
    /// The provider's request ID of the call that told us.
    pub request_id: Option<String>,
    /// Whether the copy was found by read-back rather than started by this attempt's call.
    pub adopted: bool,
    /// Of which attempt it is.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// When we learned of it.
    pub time: Timestamp,
}

fn first_attempt() -> u32 {
    1
}

/// One message for the queue: a CloudEvents 1.0 JSON event.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Stable: the same receipt sent twice has the same ID.
    pub id: String,
    /// The whole event.
    pub event: Value,
}
