//! Receipts, and the messages that carry them on the queue.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::{Key, Replication, hash_of};

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
    /// When we learned of it.
    pub time: Timestamp,
}

/// One message for the queue: a CloudEvents 1.0 JSON event.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Stable: the same receipt sent twice has the same ID.
    pub id: String,
    /// The whole event.
    pub event: Value,
}

/// The type of the event that says that a provider accepted a replication.
pub const ACCEPTED: &str = "offsite.replication.accepted";

/// The message about an accepted replication.
///
/// `extra` tells apart further receipts of one attempt: a copy that was made twice after all
/// must not hide behind the first one's ID.
pub fn accepted(replication: &Replication, attempt: u32, receipt: &Receipt, extra: bool) -> Message {
    let child;
    let replication = match &receipt.backup_id {
        Some(backup) => {
            child = replication.of_backup(backup);
            &child
        }
        None => replication,
    };
    let key = replication.key();
    let mut id = event_id(&key, attempt, ACCEPTED);
    if extra {
        id = hash_of(&[&id, receipt.replication_id.as_deref().unwrap_or_default()]);
    }
    let cloud = replication.operation.cloud().name();
    let time = receipt.time.to_string();
    // A vault-wide call is told as what the operator asked for; its source names the one backup.
    let event = json!({
        "specversion": "1.0",
        "id": id,
        "type": ACCEPTED,
        "source": format!("/offsite/{cloud}/{}", replication.account),
        "subject": key.0,
        "time": time,
        "datacontenttype": "application/json",
        "data": {
            "provider": cloud,
            "operation": replication.operation.name(),
            "account": replication.account,
            "source": replication.source_json(),
            "destination": replication.destination.to_json(),
            "replication_id": receipt.replication_id,
            "request_id": receipt.request_id,
            "state": "accepted",
            "adopted": receipt.adopted,
            "attempt": attempt,
            "time": time,
        },
    });
    Message { id, event }
}

/// The stable ID of the event of this type about this attempt.
pub fn event_id(key: &Key, attempt: u32, event_type: &str) -> String {
    hash_of(&[&key.0, &attempt.to_string(), event_type])
}
