//! Tencent CBS 2017-03-12 as it is spelled on the wire.
//!
//! Source: tencentcloud-sdk-python-cbs 3.1.175; international API page 362/45941 of 2026-05-15. Every answer field is optional:
//! recorded answers leave keys out (c7n cassette, 2022-09-29).

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::providers::reading::{lenient, scalar, time_in};

/// CopySnapshotCrossRegions.
#[derive(Serialize)]
pub struct CopySnapshotCrossRegions<'a> {
    /// Source.
    #[serde(rename = "SnapshotId")]
    pub snapshot_id: &'a str,
    /// One destination per call, so that one refusal cannot hide other IDs.
    #[serde(rename = "DestinationRegions")]
    pub destination_regions: [&'a str; 1],
    /// Ours, so that the copy can be found again.
    #[serde(rename = "SnapshotName")]
    pub snapshot_name: &'a str,
}

/// DescribeSnapshots.
#[derive(Serialize, Default)]
pub struct DescribeSnapshots<'a> {
    /// By ID; never together with filters.
    #[serde(rename = "SnapshotIds", skip_serializing_if = "Option::is_none")]
    pub snapshot_ids: Option<&'a [&'a str]>,
    /// By filters.
    #[serde(rename = "Filters", skip_serializing_if = "Option::is_none")]
    pub filters: Option<[Filter<'a>; 1]>,
    /// What to sort by: `CREATE_TIME`.
    #[serde(rename = "OrderField", skip_serializing_if = "Option::is_none")]
    pub order_field: Option<&'a str>,
    /// `ASC` or `DESC`.
    #[serde(rename = "Order", skip_serializing_if = "Option::is_none")]
    pub order: Option<&'a str>,
    /// Items to skip.
    #[serde(rename = "Offset")]
    pub offset: u64,
    /// Page size, at most 100.
    #[serde(rename = "Limit")]
    pub limit: u64,
}

/// One filter; its values are alternatives.
#[derive(Serialize)]
pub struct Filter<'a> {
    /// Name.
    #[serde(rename = "Name")]
    pub name: &'a str,
    /// Values.
    #[serde(rename = "Values")]
    pub values: &'a [String],
}

/// The envelope of every answer.
#[derive(Deserialize)]
pub struct Envelope<T> {
    /// Its only field, which has the fields of [`Head`] and the action's own.
    #[serde(rename = "Response")]
    pub response: T,
}

/// An action's answer: its own fields, with those of [`Head`] beside them.
pub trait Answer: DeserializeOwned {
    /// What every answer may hold.
    fn head(&mut self) -> &mut Head;
}

/// What every answer may hold.
#[derive(Deserialize, Default)]
pub struct Head {
    /// Present when the call failed, with HTTP 200.
    #[serde(rename = "Error")]
    pub error: Option<ApiError>,
    /// Request ID.
    #[serde(rename = "RequestId")]
    pub request_id: Option<String>,
}

impl Answer for Head {
    fn head(&mut self) -> &mut Head {
        self
    }
}

/// A good answer.
pub struct Response<T> {
    /// Request ID.
    pub request_id: Option<String>,
    /// The action's fields.
    pub body: T,
}

/// What went wrong.
#[derive(Deserialize)]
pub struct ApiError {
    /// Code.
    #[serde(rename = "Code", default)]
    pub code: String,
    /// Message, in the language of X-TC-Language.
    #[serde(rename = "Message", default)]
    pub message: String,
}

/// CopySnapshotCrossRegions' answer.
#[derive(Deserialize)]
pub struct Copied {
    /// What every answer may hold.
    #[serde(flatten)]
    pub head: Head,
    /// One result per destination, in no promised order.
    #[serde(rename = "SnapshotCopyResultSet")]
    pub results: Option<Vec<CopyResult>>,
}

impl Answer for Copied {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }
}

/// One destination's result.
#[derive(Deserialize)]
pub struct CopyResult {
    /// New snapshot; empty, null or absent on failure.
    #[serde(rename = "SnapshotId")]
    pub snapshot_id: Option<String>,
    /// Destination.
    #[serde(rename = "DestinationRegion")]
    pub destination_region: Option<String>,
    /// `Success` or an error code.
    #[serde(rename = "Code")]
    pub code: Option<String>,
    /// Message.
    #[serde(rename = "Message")]
    pub message: Option<String>,
}

/// DescribeSnapshots' answer.
#[derive(Deserialize)]
pub struct Described {
    /// What every answer may hold.
    #[serde(flatten)]
    pub head: Head,
    /// How many match.
    #[serde(rename = "TotalCount")]
    pub total_count: Option<u64>,
    /// This page.
    #[serde(rename = "SnapshotSet")]
    pub snapshots: Option<Vec<Snapshot>>,
}

impl Answer for Described {
    fn head(&mut self) -> &mut Head {
        &mut self.head
    }
}

/// A snapshot.
#[derive(Deserialize, Clone, Debug)]
pub struct Snapshot {
    /// ID.
    #[serde(rename = "SnapshotId")]
    pub snapshot_id: Option<String>,
    /// Name.
    #[serde(rename = "SnapshotName")]
    pub snapshot_name: Option<String>,
    /// NORMAL, CREATING, ROLLBACKING, COPYING_FROM_REMOTE, CHECKING_COPIED, TORECYCLE.
    #[serde(rename = "SnapshotState")]
    pub state: Option<String>,
    /// Whether it is a copy from another region.
    #[serde(rename = "CopyFromRemote")]
    pub copy_from_remote: Option<bool>,
    /// Destinations to which a copy is running.
    #[serde(rename = "CopyingToRegions")]
    pub copying_to_regions: Option<Vec<String>>,
    /// How much of it is made, in per cent.
    #[serde(rename = "Percent", default, deserialize_with = "scalar")]
    pub percent: Option<u64>,
    /// When it is deleted by itself; empty when never. See [`time`].
    #[serde(rename = "DeadlineTime", default, deserialize_with = "scalar")]
    pub deadline_time: Option<String>,
    /// See [`time`].
    #[serde(rename = "CreateTime")]
    pub create_time: Option<String>,
    /// Disk; empty on copies.
    #[serde(rename = "DiskId", default, deserialize_with = "scalar")]
    pub disk_id: Option<String>,
    /// Size of the disk in GiB.
    #[serde(rename = "DiskSize", default, deserialize_with = "scalar")]
    pub disk_size: Option<u64>,
    /// SYSTEM_DISK or DATA_DISK.
    #[serde(rename = "DiskUsage", default, deserialize_with = "scalar")]
    pub disk_usage: Option<String>,
    /// Whether it is encrypted.
    #[serde(rename = "Encrypt", default, deserialize_with = "scalar")]
    pub encrypt: Option<bool>,
    /// PRIVATE_SNAPSHOT or SHARED_SNAPSHOT.
    #[serde(rename = "SnapshotType", default, deserialize_with = "scalar")]
    pub snapshot_type: Option<String>,
    /// STANDARD_SNAPSHOT or INSTANT_SNAPSHOT.
    #[serde(rename = "SnapshotMode", default, deserialize_with = "scalar")]
    pub snapshot_mode: Option<String>,
    /// Tags.
    #[serde(rename = "Tags", default, deserialize_with = "lenient")]
    pub tags: Option<Vec<Tag>>,
}

/// A tag.
#[derive(Deserialize, Clone, Debug)]
pub struct Tag {
    /// Key.
    #[serde(rename = "Key")]
    pub key: String,
    /// Value.
    #[serde(rename = "Value", default)]
    pub value: String,
}

/// A time of an answer, `YYYY-MM-DD HH:MM:SS` in UTC+8 in every region. `None` when it cannot be read.
/// Source: cloud-custodian df800e9e, 2026-08-22, and its recorded pairs of CBS and CVM times.
pub fn time(text: &str) -> Option<Timestamp> {
    time_in(Offset::constant(8), text)
}
