//! Alibaba HBR 2017-09-08 as it is spelled on the wire.
//!
//! Source: alibabacloud_hbr20170908 2.7.1 (Python), alibabacloud-go/hbr-20170908 v4.7.1. Answer fields are optional:
//! empty arrays may be missing altogether.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::providers::reading::{lenient, scalar};

/// What every answer may hold. `Success` and `Code` decide, not the HTTP status.
#[derive(Deserialize)]
pub struct Envelope {
    /// Request ID.
    #[serde(rename = "RequestId", alias = "requestId")]
    pub request_id: Option<String>,
    /// False with HTTP 200 is a failure.
    #[serde(rename = "Success", alias = "success", default, deserialize_with = "lenient_bool")]
    pub success: Option<bool>,
    /// `"200"` or an error code; a text, in some answers a number.
    #[serde(rename = "Code", alias = "code", default, deserialize_with = "lenient_text")]
    pub code: Option<String>,
    /// Message.
    #[serde(rename = "Message", alias = "message")]
    pub message: Option<String>,
    /// The task of CreateVaultReplication.
    #[serde(rename = "TaskId")]
    pub task_id: Option<String>,
    /// The vaults of DescribeVaults.
    #[serde(rename = "Vaults")]
    pub vaults: Option<Vaults>,
    /// The jobs of DescribeBackupJobs2.
    #[serde(rename = "BackupJobs")]
    pub backup_jobs: Option<BackupJobs>,
    /// How many vaults or jobs match.
    #[serde(rename = "TotalCount")]
    pub total_count: Option<u64>,
}

/// The array is one object down.
#[derive(Deserialize)]
pub struct Vaults {
    /// The vaults.
    #[serde(rename = "Vault", default)]
    pub vault: Vec<Vault>,
}

/// A vault, as far as replication goes.
#[derive(Deserialize, Clone, Debug)]
pub struct Vault {
    /// ID.
    #[serde(rename = "VaultId")]
    pub vault_id: Option<String>,
    /// UNKNOWN, INITIALIZING, CREATED, ERROR.
    #[serde(rename = "Status")]
    pub status: Option<String>,
    /// On targets: UNKNOWN_ERROR, SOURCE_VAULT_ALREADY_HAS_REPLICATION.
    #[serde(rename = "VaultStatusMessage")]
    pub status_message: Option<String>,
    /// On a target: where it replicates from.
    #[serde(rename = "ReplicationSourceVaultId")]
    pub source_vault_id: Option<String>,
    /// On a target: the region it replicates from.
    #[serde(rename = "ReplicationSourceRegionId")]
    pub source_region_id: Option<String>,
    /// On a source: its one target.
    #[serde(rename = "ReplicationTargetVaultId")]
    pub target_vault_id: Option<String>,
    /// Since 2025-12-16; no published page or SDK tells its values.
    #[serde(rename = "ReplicationStatus", default, deserialize_with = "scalar")]
    pub replication_status: Option<String>,
    /// On a target: how far it is.
    #[serde(rename = "ReplicationProgress", default, deserialize_with = "lenient")]
    pub progress: Option<Progress>,
    /// On a target: the last synchronisation; see [`seconds`].
    #[serde(rename = "LatestReplicationTime", default, deserialize_with = "lenient_text")]
    pub latest_replication_time: Option<String>,
}

/// How far a pair is.
#[derive(Deserialize, Clone, Debug)]
pub struct Progress {
    /// Per cent of what was there before the pair.
    #[serde(rename = "HistoricalReplicationProgress", default, deserialize_with = "scalar")]
    pub historical: Option<u64>,
    /// Up to when newer data has been carried; see [`seconds`].
    #[serde(rename = "NewReplicationProgress", default, deserialize_with = "lenient_text")]
    pub new: Option<String>,
}

/// The array is one object down.
#[derive(Deserialize)]
pub struct BackupJobs {
    /// The jobs; missing where there are none.
    #[serde(rename = "BackupJob", default)]
    pub job: Vec<Job>,
}

/// A backup job.
#[derive(Deserialize, Clone, Debug)]
pub struct Job {
    /// ID.
    #[serde(rename = "JobId")]
    pub id: Option<String>,
    /// Name.
    #[serde(rename = "JobName", default, deserialize_with = "scalar")]
    pub name: Option<String>,
    /// Vault.
    #[serde(rename = "VaultId", default, deserialize_with = "scalar")]
    pub vault_id: Option<String>,
    /// ECS_FILE, UDM_ECS and others.
    #[serde(rename = "SourceType", default, deserialize_with = "scalar")]
    pub source_type: Option<String>,
    /// COMPLETE, PARTIAL_COMPLETE, FAILED and others.
    #[serde(rename = "Status", default, deserialize_with = "scalar")]
    pub status: Option<String>,
    /// Server.
    #[serde(rename = "InstanceId", default, deserialize_with = "scalar")]
    pub instance_id: Option<String>,
    /// File system.
    #[serde(rename = "FileSystemId", default, deserialize_with = "scalar")]
    pub file_system_id: Option<String>,
    /// Bucket.
    #[serde(rename = "Bucket", default, deserialize_with = "scalar")]
    pub bucket: Option<String>,
    /// Tablestore instance, by its name; of others a name for people.
    #[serde(rename = "InstanceName", default, deserialize_with = "scalar")]
    pub instance_name: Option<String>,
    /// When it was created; see [`seconds`].
    #[serde(rename = "CreatedTime", default, deserialize_with = "lenient_text")]
    pub created_time: Option<String>,
    /// When it was finished; see [`seconds`].
    #[serde(rename = "CompleteTime", default, deserialize_with = "lenient_text")]
    pub complete_time: Option<String>,
    /// Size of what was backed up.
    #[serde(rename = "BytesTotal", default, deserialize_with = "scalar")]
    pub bytes_total: Option<u64>,
    /// More about it.
    #[serde(rename = "Detail", default, deserialize_with = "lenient")]
    pub detail: Option<Detail>,
}

/// More about a job.
#[derive(Deserialize, Clone, Debug)]
pub struct Detail {
    /// Whether the plan itself copies to another region (UDM_ECS).
    #[serde(rename = "DoCopy", default, deserialize_with = "lenient_bool")]
    pub do_copy: Option<bool>,
}

/// A time of an answer, in seconds since 1970 as a number or a text. Zero says that there is none.
pub fn seconds(text: &Option<String>) -> Option<Timestamp> {
    let seconds = text.as_deref()?.trim().parse().ok().filter(|seconds| *seconds != 0)?;
    Timestamp::from_second(seconds).ok()
}

/// Some answers give a boolean as a text. Source: terraform-provider-alicloud 81c43b672, connectivity/client.go.
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
