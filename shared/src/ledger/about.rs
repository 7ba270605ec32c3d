//! What a record keeps of its backup.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::backup::Backup;

/// What a record keeps of its backup, from when it was first seen, so that it can be judged after the backup is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When the backup was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// The disk, server or file system it is a backup of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The resource's kind, where one ID can be of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its source tells of a copy that another hand has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copying: Option<Copying>,
}

/// A copy that another hand has begun, as the source tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copying {
    /// The provider's ID of the replication, where the source names it. Its copy may not name its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When the source was first seen to tell of it. The destination may hide it for some time after that.
    pub since: Timestamp,
}

impl About {
    /// What a listing says of a backup.
    pub(crate) fn of(backup: &Backup) -> About {
        About {
            copying: None,
            made: backup.created_at,
            resource: backup.resource.clone(),
            kind: backup.resource_kind.clone(),
            name: backup.name.clone(),
        }
    }
}
