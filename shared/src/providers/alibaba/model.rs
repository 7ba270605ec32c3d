//! The wire format of Alibaba HBR 2017-09-08.
//!
//! Source: alibabacloud_hbr20170908 2.7.1 (Python), alibabacloud-go/hbr-20170908 v4.7.1. Answer fields are optional:
//! empty arrays may be missing altogether.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::model::command::Source;
use crate::providers::reading::{lenient, request_id, scalar};

/// The fields that every answer may have. `Success` and `Code` decide, not the HTTP status.
#[derive(Deserialize)]
pub(crate) struct Envelope {
    /// The provider's ID of the request.
    #[serde(rename = "RequestId", alias = "requestId", default, deserialize_with = "request_id")]
    pub request_id: Option<String>,
    /// False means a failure, even with HTTP 200.
    #[serde(rename = "Success", alias = "success", default, deserialize_with = "lenient_bool")]
    pub success: Option<bool>,
    /// `"200"` or an error code. It is a text, in some answers a number.
    #[serde(rename = "Code", alias = "code", default, deserialize_with = "lenient_text")]
    pub code: Option<String>,
    /// What went wrong, in words.
    #[serde(rename = "Message", alias = "message")]
    pub message: Option<String>,
    /// The ID of the task that CreateVaultReplication started.
    #[serde(rename = "TaskId")]
    pub task_id: Option<String>,
    /// The vaults that DescribeVaults found.
    #[serde(rename = "Vaults")]
    pub vaults: Option<Vaults>,
    /// The jobs that DescribeBackupJobs2 found.
    #[serde(rename = "BackupJobs")]
    pub backup_jobs: Option<BackupJobs>,
    /// How many vaults or jobs match, on all pages.
    #[serde(rename = "TotalCount")]
    pub total_count: Option<u64>,
}

/// The array of vaults is one object down.
#[derive(Deserialize)]
pub(crate) struct Vaults {
    /// The vaults of this page; missing where there are none.
    #[serde(rename = "Vault", default)]
    pub vault: Vec<Vault>,
}

/// A vault, as far as replication is concerned.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Vault {
    /// The ID by which calls name the vault.
    #[serde(rename = "VaultId")]
    pub vault_id: Option<String>,
    /// The region that it lies in.
    #[serde(rename = "VaultRegionId", default, deserialize_with = "scalar")]
    pub region_id: Option<String>,
    /// UNKNOWN, INITIALIZING, CREATED, ERROR.
    #[serde(rename = "Status")]
    pub status: Option<String>,
    /// Why a target is in the state ERROR: UNKNOWN_ERROR, SOURCE_VAULT_ALREADY_HAS_REPLICATION.
    #[serde(rename = "VaultStatusMessage")]
    pub status_message: Option<String>,
    /// On a target: the vault that it replicates from.
    #[serde(rename = "ReplicationSourceVaultId")]
    pub source_vault_id: Option<String>,
    /// On a target: the region that it replicates from.
    #[serde(rename = "ReplicationSourceRegionId")]
    pub source_region_id: Option<String>,
    /// On a source: the one vault that it replicates to.
    #[serde(rename = "ReplicationTargetVaultId")]
    pub target_vault_id: Option<String>,
    /// On a source: the region of that vault.
    #[serde(rename = "ReplicationTargetRegionId", default, deserialize_with = "scalar")]
    pub target_region_id: Option<String>,
    /// Exists since 2025-12-16. No published page or SDK documents its values.
    #[serde(rename = "ReplicationStatus", default, deserialize_with = "scalar")]
    pub replication_status: Option<String>,
    /// On a target: how far the replication is.
    #[serde(rename = "ReplicationProgress", default, deserialize_with = "lenient")]
    pub progress: Option<Progress>,
    /// On a target: when it was last synchronized. [`seconds`] reads it.
    #[serde(rename = "LatestReplicationTime", default, deserialize_with = "lenient_text")]
    pub latest_replication_time: Option<String>,
}

impl Vault {
    /// Whether this target names that source as its own. Its region may be untold.
    pub(crate) fn replicates_from(&self, source: &Source) -> bool {
        let region = self.source_region_id.as_deref().filter(|region| !region.is_empty());
        self.source_vault_id.as_deref() == Some(&source.id) && region.is_none_or(|region| region == source.region)
    }
}

/// How far the replication of a vault pair is.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Progress {
    /// How much of what existed before the pair has been carried, in percent.
    #[serde(rename = "HistoricalReplicationProgress", default, deserialize_with = "scalar")]
    pub historical: Option<u64>,
    /// The time up to which newer data has been carried. [`seconds`] reads it.
    #[serde(rename = "NewReplicationProgress", default, deserialize_with = "lenient_text")]
    pub new: Option<String>,
}

/// The array of jobs is one object down.
#[derive(Deserialize)]
pub(crate) struct BackupJobs {
    /// The jobs; missing where there are none.
    #[serde(rename = "BackupJob", default)]
    pub job: Vec<Job>,
}

/// A backup job. A finished one stands for a backup.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Job {
    /// The ID of the job, and of its backup.
    #[serde(rename = "JobId")]
    pub id: Option<String>,
    /// The name of the job, for people.
    #[serde(rename = "JobName", default, deserialize_with = "scalar")]
    pub name: Option<String>,
    /// The vault that the backup lies in.
    #[serde(rename = "VaultId", default, deserialize_with = "scalar")]
    pub vault_id: Option<String>,
    /// What was backed up: ECS_FILE, UDM_ECS and others.
    #[serde(rename = "SourceType", default, deserialize_with = "scalar")]
    pub source_type: Option<String>,
    /// COMPLETE, PARTIAL_COMPLETE, FAILED and others.
    #[serde(rename = "Status", default, deserialize_with = "scalar")]
    pub status: Option<String>,
    /// The ID of the server that was backed up.
    #[serde(rename = "InstanceId", default, deserialize_with = "scalar")]
    pub instance_id: Option<String>,
    /// The ID of the file system that was backed up.
    #[serde(rename = "FileSystemId", default, deserialize_with = "scalar")]
    pub file_system_id: Option<String>,
    /// The name of the bucket that was backed up.
    #[serde(rename = "Bucket", default, deserialize_with = "scalar")]
    pub bucket: Option<String>,
    /// The name that identifies a Tablestore instance. For other sources it is only for people.
    #[serde(rename = "InstanceName", default, deserialize_with = "scalar")]
    pub instance_name: Option<String>,
    /// When the job was created. [`seconds`] reads it.
    #[serde(rename = "CreatedTime", default, deserialize_with = "lenient_text")]
    pub created_time: Option<String>,
    /// When the job was finished. [`seconds`] reads it.
    #[serde(rename = "CompleteTime", default, deserialize_with = "lenient_text")]
    pub complete_time: Option<String>,
    /// Size of what was backed up, in bytes.
    #[serde(rename = "BytesTotal", default, deserialize_with = "scalar")]
    pub bytes_total: Option<u64>,
    /// Further fields; absent if they are of another type.
    #[serde(rename = "Detail", default, deserialize_with = "lenient")]
    pub detail: Option<Detail>,
}

/// Further fields of a job.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Detail {
    /// Whether the plan itself copies to another region (UDM_ECS).
    #[serde(rename = "DoCopy", default, deserialize_with = "lenient_bool")]
    pub do_copy: Option<bool>,
}

/// Reads a time of an answer: seconds since 1970, a number or a text. Zero means that there is none.
pub(crate) fn seconds(text: &Option<String>) -> Option<Timestamp> {
    let seconds = text.as_deref()?.trim().parse().ok().filter(|seconds| *seconds != 0)?;
    Timestamp::from_second(seconds).ok()
}

/// Reads a boolean, which some answers give as a text. Source: terraform-provider-alicloud 81c43b672, connectivity/client.go.
fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Bool(flag) => Some(flag),
        serde_json::Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    })
}

fn lenient_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}
