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
    // One backup of a vault-wide call has the key that a call for it alone would have.
    let of_backup = receipt.backup_id.as_deref().map(|backup| replication.of_backup(backup));
    let key = of_backup.as_ref().unwrap_or(replication).key();
    let mut id = event_id(&key, attempt, ACCEPTED);
    if extra {
        id = hash_of(&[&id, receipt.replication_id.as_deref().unwrap_or_default()]);
    }
    let cloud = replication.operation.cloud().name();
    let time = receipt.time.to_string();
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
            "source": source_of(replication, receipt),
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

/// The source of one receipt: for a vault-wide call the vault and the one backup.
pub fn source_of(replication: &Replication, receipt: &Receipt) -> Value {
    let mut source = replication.source_json();
    if let (Value::Object(source), Some(backup)) = (&mut source, &receipt.backup_id) {
        source.insert("backup_id".into(), json!(backup));
    }
    source
}

/// The stable ID of the event of this type about this attempt.
pub fn event_id(key: &Key, attempt: u32, event_type: &str) -> String {
    hash_of(&[&key.0, &attempt.to_string(), event_type])
}
