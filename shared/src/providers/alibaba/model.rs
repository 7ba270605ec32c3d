//! Alibaba HBR 2017-09-08 as it is spelled on the wire.
//!
//! Source: alibabacloud_hbr20170908 2.7.1 (Python), alibabacloud-go/hbr-20170908 v4.7.1. Answer fields are optional:
//! empty arrays may be missing altogether.

use serde::{Deserialize, Deserializer};

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
    /// How many vaults match.
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
    /// How far a target is.
    #[serde(rename = "ReplicationProgress")]
    pub progress: Option<Progress>,
    /// On a source: its one target.
    #[serde(rename = "ReplicationTargetVaultId")]
    pub target_vault_id: Option<String>,
}

/// How far a target is.
#[derive(Deserialize, Clone, Debug)]
pub struct Progress {
    /// Of what was there before the pair, in per cent.
    #[serde(rename = "HistoricalReplicationProgress")]
    pub historical: Option<i64>,
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
