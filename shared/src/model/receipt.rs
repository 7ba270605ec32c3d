//! What a provider gives for an accepted copy, and the messages that announce it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
