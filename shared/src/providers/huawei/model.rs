//! The wire formats of CBR v3 and CSBS v1.
//!
//! Source: huawei-cloud-api-definitions-CBR 0.1.20261030; Huawei CSBS API page "Replicating a Backup"; huaweicloud-sdk-java c1372d4,
//! 2022-09-01. Answers are read leniently, because the documents are loose: unknown fields are ignored, nearly everything is optional, and
//! a field that decides nothing may have any type. The lists that decide must be there.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::providers::reading::{lenient, scalar, time_in};

/// The body of a call that starts a replication.
#[derive(Serialize)]
pub(crate) enum Start<'a> {
    /// The envelope that CBR expects.
    #[serde(rename = "replicate")]
    Replicate(Wanted<'a>),
    /// The envelope that CSBS expects.
    #[serde(rename = "replication")]
    Replication(Wanted<'a>),
}

/// The replica that is wanted. Each operation fills in the fields that its API has.
#[derive(Serialize, Default)]
pub(crate) struct Wanted<'a> {
    /// The name that the replica gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The description that the replica gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// The ID of the source vault (copy-checkpoint).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_id: Option<&'a str>,
    /// The ID of the project in the destination region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_project_id: Option<&'a str>,
    /// The region that the replica goes to.
    pub destination_region: &'a str,
    /// The ID of the vault in the destination region (CBR).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_vault_id: Option<&'a str>,
    /// Whether the call counts as triggered automatically (copy-checkpoint).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_trigger: Option<bool>,
    /// Only ever `true`, because some accounts are refused for naming it at all.
    /// Source: terraform-provider-huaweicloud a0345b8, 2026-08-21.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_acceleration: Option<bool>,
}

/// The answer to a start.
#[derive(Deserialize)]
pub(crate) struct Started {
    /// What was started.
    pub replication: StartedReplication,
}

/// What was started: one record, or one for each backup of the vault.
#[derive(Deserialize)]
pub(crate) struct StartedReplication {
    /// CBR: the backup that is copied. CSBS names the backup behind its checkpoint item here.
    #[serde(default, deserialize_with = "scalar")]
    pub backup_id: Option<String>,
    /// CSBS: the checkpoint item that is copied.
    #[serde(default, deserialize_with = "scalar")]
    pub checkpoint_item_id: Option<String>,
    /// The vault whose backups are copied (copy-checkpoint).
    #[serde(default, deserialize_with = "scalar")]
    pub vault_id: Option<String>,
    /// The project of the source.
    #[serde(default, deserialize_with = "scalar")]
    pub project_id: Option<String>,
    /// The region of the source.
    #[serde(default, deserialize_with = "scalar")]
    pub source_region: Option<String>,
    /// The region that the copies go to.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_region: Option<String>,
    /// The project that they go to.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_project_id: Option<String>,
    /// The vault that they go to.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_vault_id: Option<String>,
    /// The ID of the one record (copy-backup and copy-checkpoint-item).
    pub replication_record_id: Option<String>,
    /// The backups that are copied, each with its record (copy-checkpoint).
    pub backups: Option<Vec<StartedBackup>>,
}

/// One backup of a vault that is copied.
#[derive(Deserialize)]
pub(crate) struct StartedBackup {
    /// The ID of the backup.
    pub backup_id: Option<String>,
    /// The ID of its replication record.
    pub replication_record_id: Option<String>,
}

/// The answer of ShowBackup.
#[derive(Deserialize)]
pub(crate) struct ShownBackup {
    /// The backup that was asked for.
    pub backup: Backup,
}

/// The answer about one CSBS checkpoint item.
#[derive(Deserialize)]
pub(crate) struct ShownItem {
    /// The item that was asked for.
    pub checkpoint_item: Backup,
}

/// A CBR backup or a CSBS checkpoint item.
#[derive(Deserialize)]
pub struct Backup {
    /// The ID in its own region.
    pub id: Option<String>,
    /// The name; absent if it is no text.
    #[serde(default, deserialize_with = "scalar")]
    pub name: Option<String>,
    /// The ID of the server or disk that was backed up.
    #[serde(default, deserialize_with = "scalar")]
    pub resource_id: Option<String>,
    /// Size of the server or disk in GB; absent in CSBS.
    #[serde(default, deserialize_with = "scalar")]
    pub resource_size: Option<u64>,
    /// The project that it lies in.
    #[serde(default, deserialize_with = "scalar")]
    pub project_id: Option<String>,
    /// The ID of the vault that it lies in; absent in CSBS.
    #[serde(default, deserialize_with = "scalar")]
    pub vault_id: Option<String>,
    /// When it was made. [`time`] reads it.
    #[serde(default, deserialize_with = "scalar")]
    pub created_at: Option<String>,
    /// When the record of it was last changed, which is after it was made when it was finished. [`time`] reads it.
    #[serde(default, deserialize_with = "scalar")]
    pub updated_at: Option<String>,
    /// One of available, protecting, deleting, restoring, error, waiting_protect, waiting_delete, waiting_restore.
    pub status: Option<String>,
    /// When it is deleted by itself. [`time`] reads it.
    #[serde(default, deserialize_with = "scalar")]
    pub expired_at: Option<String>,
    /// How it was made: backup, sync or replication.
    pub image_type: Option<String>,
    /// What was backed up: OS::Nova::Server and others.
    pub resource_type: Option<String>,
    /// Further fields; absent if they are of another type.
    #[serde(default, deserialize_with = "lenient")]
    pub extend_info: Option<ExtendInfo>,
    /// Its replication records. Partner clouds leave the field out.
    #[serde(default, deserialize_with = "records")]
    pub replication_records: Option<Vec<Record>>,
}

impl Backup {
    /// How the backup was made: backup, sync or replication. CSBS has it one level down.
    pub(crate) fn image_type(&self) -> Option<&str> {
        let inner = self.extend_info.as_ref().and_then(|info| info.image_type.as_deref());
        given(&self.image_type).or(inner)
    }

    /// What was backed up, such as OS::Nova::Server. CSBS has it one level down.
    pub(crate) fn resource_type(&self) -> Option<&str> {
        let inner = self.extend_info.as_ref().and_then(|info| info.resource_type.as_deref());
        given(&self.resource_type).or(inner)
    }
}

/// Further fields of a backup.
#[derive(Deserialize)]
pub(crate) struct ExtendInfo {
    /// Whether the backup holds the system disk.
    #[serde(default, deserialize_with = "scalar")]
    pub contain_system_disk: Option<bool>,
    /// CSBS: how it was made, backup or replication.
    #[serde(default, deserialize_with = "scalar")]
    pub image_type: Option<String>,
    /// CSBS: what was backed up.
    #[serde(default, deserialize_with = "scalar")]
    pub resource_type: Option<String>,
}

/// A replication record: the copy of one backup to one destination.
#[derive(Deserialize, Clone, Debug, Default)]
pub struct Record {
    /// The ID that the answer to a start gives as `replication_record_id`.
    pub id: Option<String>,
    /// One of replicating, success, fail, skip, waiting_replicate.
    pub status: Option<String>,
    /// When the record was made. [`time`] reads it.
    #[serde(default, deserialize_with = "scalar")]
    pub created_at: Option<String>,
    /// CBR: the ID of the source backup.
    pub source_backup_id: Option<String>,
    /// CSBS: the ID of the source checkpoint item.
    pub source_checkpoint_item_id: Option<String>,
    /// CBR: the ID of the replica, once there is one.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_backup_id: Option<String>,
    /// CSBS: the ID of the replica, once there is one.
    #[serde(default, deserialize_with = "scalar")]
    pub destination_checkpoint_item_id: Option<String>,
    /// The region that the source lies in.
    #[serde(default, deserialize_with = "scalar")]
    pub source_region: Option<String>,
    /// The region that the copy goes to.
    pub destination_region: Option<String>,
    /// The ID of the project in the destination region.
    pub destination_project_id: Option<String>,
    /// Further fields; absent if they are of another type.
    #[serde(default, deserialize_with = "lenient")]
    pub extra_info: Option<ExtraInfo>,
}

/// Further fields of a record.
#[derive(Deserialize, Clone, Debug, Default)]
pub struct ExtraInfo {
    /// How much is copied, in percent.
    #[serde(default, deserialize_with = "scalar")]
    pub progress: Option<u32>,
    /// Why the copy failed, as a code.
    #[serde(default, deserialize_with = "scalar")]
    pub fail_code: Option<String>,
    /// Why the copy failed, in words.
    #[serde(default, deserialize_with = "scalar")]
    pub fail_reason: Option<String>,
}

/// One page of backups, checkpoint items, operation logs or replication records.
#[derive(Deserialize)]
pub(crate) struct Page<T: DeserializeOwned> {
    /// The items. The key must be there, because its absence must not look like "there are none".
    #[serde(
        rename = "backups",
        alias = "checkpoint_items",
        alias = "operation_logs",
        alias = "replication_records",
        deserialize_with = "one_or_many"
    )]
    pub items: Vec<T>,
    /// How many items there are on all pages.
    #[serde(default, deserialize_with = "scalar")]
    pub count: Option<u64>,
}

/// An operation log, which is a task. Its ID is not that of a record.
#[derive(Deserialize)]
pub struct OperationLog {
    /// One of success, skipped, failed, running, timeout, waiting.
    pub status: Option<String>,
    /// When the task was made. [`time`] reads it.
    #[serde(default, deserialize_with = "scalar")]
    pub created_at: Option<String>,
    /// Further fields; absent if they are of another type.
    #[serde(default, deserialize_with = "lenient")]
    pub extra_info: Option<LogInfo>,
}

/// Further fields of an operation log.
#[derive(Deserialize)]
pub(crate) struct LogInfo {
    /// For a replication task: from where to where, in the fields of a record.
    #[serde(default, deserialize_with = "lenient")]
    pub replication: Option<Record>,
}

/// The text, if it is there and not empty.
pub(crate) fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// Reads a time of an answer: usually UTC without a zone and with microseconds, sometimes with a zone, in one vendor sample with an
/// unpadded month (`2018-6-14T11:14:48.946000`). `None` if it cannot be read.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    time_in(Offset::UTC, text)
}

/// Reads an array, or the single object that the vendor's Java SDK has in its place. Null is an empty list.
fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let list = match Value::deserialize(from)? {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        one => vec![one],
    };
    let read = list.into_iter().map(serde_json::from_value).collect::<Result<Vec<T>, _>>();
    read.map_err(serde::de::Error::custom)
}

/// Reads replication records: an array or a single object. Null counts as a missing field.
fn records<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Record>>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => one_or_many(value).map(Some).map_err(serde::de::Error::custom),
    }
}

/// Whether a status means that a copy exists or is running. An unknown one does: the costlier mistake is a second copy.
pub(crate) fn is_live(status: &Option<String>) -> bool {
    !matches!(status.as_deref(), Some("fail" | "failed" | "error" | "skip" | "skipped" | "timeout"))
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
