//! CBR v3 and CSBS v1 as they are spelled on the wire.
//!
//! Source: huawei-cloud-api-definitions-CBR 0.1.20261030; Huawei CSBS API page "Replicating a Backup"; huaweicloud-sdk-java
//! c1372d4, 2022-09-01. Answers are read leniently, for the documents are loose: unknown fields are ignored, nearly everything
//! is optional, and a field that decides nothing may be of any type. The lists that decide must be there.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::providers::reading::{lenient, scalar, time_in};

/// The body of a call that starts a replication.
#[derive(Serialize)]
pub enum Start<'a> {
    /// CBR's envelope.
    #[serde(rename = "replicate")]
    Replicate(Wanted<'a>),
    /// CSBS's envelope.
    #[serde(rename = "replication")]
    Replication(Wanted<'a>),
}

/// What is wanted; each operation fills in what its API has.
#[derive(Serialize, Default)]
pub struct Wanted<'a> {
    /// Name of the replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Description of the replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// The source vault (copy-checkpoint).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_id: Option<&'a str>,
    /// Project in the destination region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_project_id: Option<&'a str>,
    /// Destination region.
    pub destination_region: &'a str,
    /// Vault in the destination region (CBR).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_vault_id: Option<&'a str>,
    /// Whether the call counts as triggered automatically (copy-checkpoint).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_trigger: Option<bool>,
    /// Only ever `true`: some accounts are refused for naming it at all.
    /// Source: terraform-provider-huaweicloud a0345b8, 2026-08-21.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_acceleration: Option<bool>,
}

/// The answer to a start.
#[derive(Deserialize)]
pub struct Started {
    /// Its only field.
    pub replication: StartedReplication,
}

/// What was started: one record, or one for each backup of the vault.
#[derive(Deserialize)]
pub struct StartedReplication {
    /// copy-backup and copy-checkpoint-item.
    pub replication_record_id: Option<String>,
    /// copy-checkpoint.
    pub backups: Option<Vec<StartedBackup>>,
}

/// One backup of a vault.
#[derive(Deserialize)]
pub struct StartedBackup {
    /// Backup.
    pub backup_id: Option<String>,
    /// Its record.
    pub replication_record_id: Option<String>,
}

/// ShowBackup's answer.
#[derive(Deserialize)]
pub struct ShownBackup {
    /// Its only field.
    pub backup: Backup,
}

/// The answer about one CSBS checkpoint item.
#[derive(Deserialize)]
pub struct ShownItem {
    /// Its only field.
    pub checkpoint_item: Backup,
}

/// A CBR backup or a CSBS checkpoint item.
#[derive(Deserialize)]
pub struct Backup {
    /// ID.
    pub id: Option<String>,
    /// Name.
    #[serde(default, deserialize_with = "scalar")]
    pub name: Option<String>,
    /// Server or disk.
    #[serde(default, deserialize_with = "scalar")]
    pub resource_id: Option<String>,
    /// Size of what it is a backup of, in GB; CSBS has none.
    #[serde(default, deserialize_with = "scalar")]
    pub resource_size: Option<u64>,
    /// Vault; CSBS has none.
    #[serde(default, deserialize_with = "scalar")]
    pub vault_id: Option<String>,
    /// See [`time`].
    #[serde(default, deserialize_with = "scalar")]
    pub created_at: Option<String>,
    /// available, protecting, deleting, restoring, error, waiting_protect, waiting_delete, waiting_restore.
    pub status: Option<String>,
    /// When it is deleted by itself.
    #[serde(default, deserialize_with = "scalar")]
    pub expired_at: Option<String>,
    /// backup, sync or replication.
    pub image_type: Option<String>,
    /// OS::Nova::Server and others.
    pub resource_type: Option<String>,
    /// More about it.
    #[serde(default, deserialize_with = "lenient")]
    pub extend_info: Option<ExtendInfo>,
    /// Its replications; partner clouds leave the field out.
    #[serde(default, deserialize_with = "records")]
    pub replication_records: Option<Vec<Record>>,
}

impl Backup {
    /// What kind of backup it is; CSBS has it one level down.
    pub fn image_type(&self) -> Option<&str> {
        let inner = self.extend_info.as_ref().and_then(|info| info.image_type.as_deref());
        given(&self.image_type).or(inner)
    }

    /// What it is a backup of; CSBS has it one level down too.
    pub fn resource_type(&self) -> Option<&str> {
        let inner = self.extend_info.as_ref().and_then(|info| info.resource_type.as_deref());
        given(&self.resource_type).or(inner)
    }
}

/// More about a backup.
#[derive(Deserialize)]
pub struct ExtendInfo {
    /// Whether the system disk is in it.
    #[serde(default, deserialize_with = "scalar")]
    pub contain_system_disk: Option<bool>,
    /// CSBS: backup or replication.
    #[serde(default, deserialize_with = "scalar")]
    pub image_type: Option<String>,
    /// CSBS: what it is a backup of.
    #[serde(default, deserialize_with = "scalar")]
    pub resource_type: Option<String>,
}

/// A replication record.
#[derive(Deserialize, Clone, Debug, Default)]
pub struct Record {
    /// The `replication_record_id` of the start answer.
    pub id: Option<String>,
    /// replicating, success, fail, skip, waiting_replicate.
    pub status: Option<String>,
    /// See [`time`].
    #[serde(default, deserialize_with = "scalar")]
    pub created_at: Option<String>,
    /// CBR: source backup.
    pub source_backup_id: Option<String>,
    /// CSBS: source checkpoint item.
    pub source_checkpoint_item_id: Option<String>,
    /// CBR: the replica, once there is one.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_backup_id: Option<String>,
    /// CSBS: the replica, once there is one.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_checkpoint_item_id: Option<String>,
    /// Where the source lies.
    #[serde(default, deserialize_with = "scalar")]
    pub source_region: Option<String>,
    /// Where the copy goes.
    pub destination_region: Option<String>,
    /// Project there.
    pub destination_project_id: Option<String>,
    /// More about it.
    #[serde(default, deserialize_with = "lenient")]
    pub extra_info: Option<ExtraInfo>,
}

/// More about a record.
#[derive(Deserialize, Clone, Debug, Default)]
pub struct ExtraInfo {
    /// Per cent.
    #[serde(default, deserialize_with = "scalar")]
    pub progress: Option<u32>,
    /// Why it failed: code.
    #[serde(default, deserialize_with = "scalar")]
    pub fail_code: Option<String>,
    /// Why it failed: words.
    #[serde(default, deserialize_with = "scalar")]
    pub fail_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    destination_vault_id: Option<String>,
    /// Older documents spell it so.
    #[serde(default, deserialize_with = "lenient")]
    destinatio_vault_id: Option<String>,
}

impl ExtraInfo {
    /// The destination vault, in either spelling.
    pub fn destination_vault_id(&self) -> Option<&str> {
        given(&self.destination_vault_id).or(given(&self.destinatio_vault_id))
    }
}

/// One page of backups, checkpoint items, operation logs or replication records.
#[derive(Deserialize)]
pub struct Page<T: DeserializeOwned> {
    /// The items; the key must be there, for its absence must not look like "there are none".
    #[serde(
        rename = "backups",
        alias = "checkpoint_items",
        alias = "operation_logs",
        alias = "replication_records",
        deserialize_with = "one_or_many"
    )]
    pub items: Vec<T>,
    /// How many there are on all pages.
    #[serde(default, deserialize_with = "scalar")]
    pub count: Option<u64>,
}

/// An operation log (a task); its ID is not a record's.
#[derive(Deserialize)]
pub struct OperationLog {
    /// ID of the log.
    pub id: Option<String>,
    /// success, skipped, failed, running, timeout, waiting.
    pub status: Option<String>,
    /// See [`time`].
    #[serde(default, deserialize_with = "scalar")]
    pub created_at: Option<String>,
    /// More about it.
    #[serde(default, deserialize_with = "lenient")]
    pub extra_info: Option<LogInfo>,
}

/// More about an operation log.
#[derive(Deserialize)]
pub struct LogInfo {
    /// For a replication: from where to where, in the fields of a record.
    #[serde(default, deserialize_with = "lenient")]
    pub replication: Option<Record>,
}

/// A text that is there and not empty.
pub fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A time of an answer: usually naive UTC with microseconds, sometimes with a zone, in one vendor sample with an unpadded month
/// (`2018-6-14T11:14:48.946000`). `None` when it cannot be read.
pub fn time(text: &str) -> Option<Timestamp> {
    time_in(Offset::UTC, text)
}

/// The vendor's Java SDK has a single object where the API has an array; null is an empty list.
fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let list = match Value::deserialize(from)? {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        one => vec![one],
    };
    let read = list.into_iter().map(serde_json::from_value).collect::<Result<Vec<T>, _>>();
    read.map_err(serde::de::Error::custom)
}

/// Like [`one_or_many`], but null says as little as a missing field.
fn records<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Record>>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => one_or_many(value).map(Some).map_err(serde::de::Error::custom),
    }
}

/// A status that nobody knows counts as running: the costlier mistake is a second copy.
pub fn is_live(status: &Option<String>) -> bool {
    !matches!(status.as_deref(), Some("fail" | "failed" | "skip" | "skipped" | "timeout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn times_are_read_as_they_come() {
        let wanted: Timestamp = "2018-06-14T11:14:48.946Z".parse().unwrap();
        for text in [
            "2018-06-14T11:14:48.946000",
            "2018-6-14T11:14:48.946000",
            "2018-06-14 11:14:48.946",
            "2018-06-14T11:14:48.946000Z",
            " 2018-06-14T19:14:48.946+08:00 ",
        ] {
            assert_eq!(time(text), Some(wanted), "{text}");
        }
        for text in ["", "yesterday", "2018-06-14", "2018-06T11:14:48", "2018-13-14T11:14:48"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn both_spellings_of_the_vault_are_read() {
        for key in ["destination_vault_id", "destinatio_vault_id"] {
            let info: ExtraInfo = read(&format!("{{\"{key}\":\"v-1\",\"progress\":40}}"));
            assert_eq!(info.destination_vault_id(), Some("v-1"), "{key}");
            assert_eq!(info.progress, Some(40));
        }
        let both: ExtraInfo = read(r#"{"destination_vault_id":"","destinatio_vault_id":"v-2"}"#);
        assert_eq!(both.destination_vault_id(), Some("v-2"));
    }

    #[test]
    fn what_decides_nothing_may_be_of_any_type() {
        let record: Record = read(
            r#"{"id":"r","created_at":7,"extra_info":{"progress":null,"fail_code":{"Code":"x"},"fail_reason":"full"}}"#,
        );
        assert_eq!(record.created_at, None);
        let info = record.extra_info.unwrap();
        assert_eq!((info.fail_code, info.fail_reason.as_deref()), (None, Some("full")));
        let backup: Backup = read(r#"{"extend_info":"none","replication_records":null}"#);
        assert!(backup.extend_info.is_none() && backup.replication_records.is_none());
    }

    #[test]
    fn records_are_one_or_many() {
        let records = |json: &str| read::<Backup>(json).replication_records.map(|list| list.len());
        assert_eq!(records(r#"{"replication_records":{"id":"a"}}"#), Some(1));
        assert_eq!(records(r#"{"replication_records":[{"id":"a"},{"id":"b"}]}"#), Some(2));
        assert_eq!(records(r#"{"replication_records":[]}"#), Some(0));
        assert_eq!(records("{}"), None);
        assert!(serde_json::from_str::<Backup>(r#"{"replication_records":"gone"}"#).is_err());
    }

    #[test]
    fn a_page_without_its_list_is_no_empty_page() {
        assert!(serde_json::from_str::<Page<Record>>(r#"{"count":0}"#).is_err());
        assert!(read::<Page<Record>>(r#"{"replication_records":null}"#).items.is_empty());
        assert_eq!(read::<Page<OperationLog>>(r#"{"operation_logs":[{}],"count":"many"}"#).count, None);
    }
}
