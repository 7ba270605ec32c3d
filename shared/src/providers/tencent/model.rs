//! The wire format of Tencent CBS 2017-03-12.
//!
//! Source: tencentcloud-sdk-python-cbs 3.1.175; international API page 362/45941 of 2026-05-15. Every answer field is optional:
//! recorded answers leave keys out (c7n cassette, 2022-09-29).

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::failure::Failure;
use crate::providers::inventory::incomplete;
use crate::providers::reading::{lenient, request_id, scalar, time_in};

/// The body of CopySnapshotCrossRegions.
#[derive(Serialize)]
pub(crate) struct CopySnapshotCrossRegions<'a> {
    /// The ID of the source snapshot.
    #[serde(rename = "SnapshotId")]
    pub snapshot_id: &'a str,
    /// One destination per call, so that one refusal cannot hide other IDs.
    #[serde(rename = "DestinationRegions")]
    pub destination_regions: [&'a str; 1],
    /// The name that we give the copy, by which it is found again.
    #[serde(rename = "SnapshotName")]
    pub snapshot_name: &'a str,
}

/// The body of DescribeSnapshots.
#[derive(Serialize, Default)]
pub(crate) struct DescribeSnapshots<'a> {
    /// The IDs to show; never together with filters.
    #[serde(rename = "SnapshotIds", skip_serializing_if = "Option::is_none")]
    pub snapshot_ids: Option<&'a [&'a str]>,
    /// The filter that the snapshots must pass; never together with IDs.
    #[serde(rename = "Filters", skip_serializing_if = "Option::is_none")]
    pub filters: Option<[Filter<'a>; 1]>,
    /// What to sort by: `CREATE_TIME`.
    #[serde(rename = "OrderField", skip_serializing_if = "Option::is_none")]
    pub order_field: Option<&'a str>,
    /// The order: `ASC` or `DESC`.
    #[serde(rename = "Order", skip_serializing_if = "Option::is_none")]
    pub order: Option<&'a str>,
    /// How many items to skip.
    #[serde(rename = "Offset")]
    pub offset: u64,
    /// How many items a page holds, at most 100.
    #[serde(rename = "Limit")]
    pub limit: u64,
}

/// One filter. A snapshot passes if it has any of the values.
#[derive(Serialize)]
pub(crate) struct Filter<'a> {
    /// What to filter by, such as `snapshot-name`.
    #[serde(rename = "Name")]
    pub name: &'a str,
    /// The values that pass.
    #[serde(rename = "Values")]
    pub values: &'a [String],
}

/// The envelope of every answer.
#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    /// The only field of the envelope. It has the fields of [`Head`] and the action's own.
    #[serde(rename = "Response")]
    pub response: T,
}

/// An action's answer: its own fields, with those of [`Head`] beside them. They are named in each, since a flattened struct costs twice
/// the code.
pub(crate) trait Answer: DeserializeOwned {
    /// Takes the fields that every answer may have.
    fn head(&mut self) -> Head;
}

/// The fields that every answer may have.
#[derive(Deserialize, Default)]
pub(crate) struct Head {
    /// Present if the call failed, even with HTTP 200.
    #[serde(rename = "Error")]
    pub error: Option<ApiError>,
    /// The provider's ID of the request.
    #[serde(rename = "RequestId", default, deserialize_with = "request_id")]
    pub request_id: Option<String>,
}

impl Answer for Head {
    fn head(&mut self) -> Head {
        std::mem::take(self)
    }
}

/// A successful answer.
pub(crate) struct Response<T> {
    /// The provider's ID of the request.
    pub request_id: Option<String>,
    /// The action's own fields.
    pub body: T,
}

/// What went wrong.
#[derive(Deserialize)]
pub(crate) struct ApiError {
    /// The error code, such as `InternalError`.
    #[serde(rename = "Code", default)]
    pub code: String,
    /// What went wrong, in the language of X-TC-Language.
    #[serde(rename = "Message", default)]
    pub message: String,
}

/// The answer of CopySnapshotCrossRegions.
#[derive(Deserialize)]
pub(crate) struct Copied {
    /// As in [`Head`].
    #[serde(rename = "Error")]
    pub error: Option<ApiError>,
    /// As in [`Head`].
    #[serde(rename = "RequestId", default, deserialize_with = "request_id")]
    pub request_id: Option<String>,
    /// One result per destination, in no promised order.
    #[serde(rename = "SnapshotCopyResultSet")]
    pub results: Option<Vec<CopyResult>>,
}

impl Answer for Copied {
    fn head(&mut self) -> Head {
        Head { error: self.error.take(), request_id: self.request_id.take() }
    }
}

/// The result for one destination.
#[derive(Deserialize)]
pub(crate) struct CopyResult {
    /// The ID of the new snapshot; empty, null or absent on failure.
    #[serde(rename = "SnapshotId")]
    pub snapshot_id: Option<String>,
    /// The region that the copy goes to.
    #[serde(rename = "DestinationRegion")]
    pub destination_region: Option<String>,
    /// `Success` or an error code.
    #[serde(rename = "Code")]
    pub code: Option<String>,
    /// What went wrong, in words.
    #[serde(rename = "Message")]
    pub message: Option<String>,
}

/// The answer of DescribeSnapshots.
#[derive(Deserialize)]
pub(crate) struct Described {
    /// As in [`Head`].
    #[serde(rename = "Error")]
    pub error: Option<ApiError>,
    /// As in [`Head`].
    #[serde(rename = "RequestId", default, deserialize_with = "request_id")]
    pub request_id: Option<String>,
    /// How many snapshots match, on all pages.
    #[serde(rename = "TotalCount")]
    pub total_count: Option<u64>,
    /// The snapshots of this page.
    #[serde(rename = "SnapshotSet")]
    pub snapshots: Option<Vec<Snapshot>>,
}

impl Answer for Described {
    fn head(&mut self) -> Head {
        Head { error: self.error.take(), request_id: self.request_id.take() }
    }
}

impl Snapshot {
    /// Whether it belongs to another account, which shares it.
    pub(crate) fn is_shared(&self) -> bool {
        self.snapshot_type.as_deref() == Some("SHARED_SNAPSHOT")
    }
}

impl Described {
    /// The snapshots of an answer that says how many there are: where none is shown, the count has to say so too.
    ///
    /// # Errors
    /// The answer shows none and does not say that there is none: it proves nothing.
    pub(crate) fn shown(self) -> Result<Vec<Snapshot>, Failure> {
        let snapshots = self.snapshots.unwrap_or_default();
        match snapshots.is_empty() && self.total_count != Some(0) {
            true => Err(incomplete("the answer shows no snapshot, and its count does not say that there is none")),
            false => Ok(snapshots),
        }
    }
}

/// A snapshot, either a source or a copy.
#[derive(Deserialize, Clone, Debug)]
pub struct Snapshot {
    /// The ID, which begins with `snap-`.
    #[serde(rename = "SnapshotId")]
    pub snapshot_id: Option<String>,
    /// The name, by which copies are found.
    #[serde(rename = "SnapshotName")]
    pub snapshot_name: Option<String>,
    /// One of NORMAL, CREATING, ROLLBACKING, COPYING_FROM_REMOTE, CHECKING_COPIED, TORECYCLE.
    #[serde(rename = "SnapshotState")]
    pub state: Option<String>,
    /// Whether it is a copy from another region.
    #[serde(rename = "CopyFromRemote")]
    pub copy_from_remote: Option<bool>,
    /// The regions to which a copy is running.
    #[serde(rename = "CopyingToRegions")]
    pub copying_to_regions: Option<Vec<String>>,
    /// Where it lies; absent if it is of another type.
    #[serde(rename = "Placement", default, deserialize_with = "lenient")]
    pub placement: Option<Placement>,
    /// How much of it is made, in percent.
    #[serde(rename = "Percent", default, deserialize_with = "scalar")]
    pub percent: Option<u64>,
    /// When it is deleted by itself; empty for never. [`time`] reads it.
    #[serde(rename = "DeadlineTime", default, deserialize_with = "scalar")]
    pub deadline_time: Option<String>,
    /// When it was made. [`time`] reads it.
    #[serde(rename = "CreateTime")]
    pub create_time: Option<String>,
    /// The ID of the disk that it was made of; empty on copies.
    #[serde(rename = "DiskId", default, deserialize_with = "scalar")]
    pub disk_id: Option<String>,
    /// Size of the disk in GiB.
    #[serde(rename = "DiskSize", default, deserialize_with = "scalar")]
    pub disk_size: Option<u64>,
    /// Which disk it is of: SYSTEM_DISK or DATA_DISK.
    #[serde(rename = "DiskUsage", default, deserialize_with = "scalar")]
    pub disk_usage: Option<String>,
    /// Whether the snapshot is encrypted.
    #[serde(rename = "Encrypt", default, deserialize_with = "scalar")]
    pub encrypt: Option<bool>,
    /// Whose it is: PRIVATE_SNAPSHOT or SHARED_SNAPSHOT.
    #[serde(rename = "SnapshotType", default, deserialize_with = "scalar")]
    pub snapshot_type: Option<String>,
    /// How it was made: STANDARD_SNAPSHOT or INSTANT_SNAPSHOT.
    #[serde(rename = "SnapshotMode", default, deserialize_with = "scalar")]
    pub snapshot_mode: Option<String>,
    /// The tags; absent if they are of another type.
    #[serde(rename = "Tags", default, deserialize_with = "lenient")]
    pub tags: Option<Vec<Tag>>,
}

/// Where a snapshot lies.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Placement {
    /// The zone, such as `ap-guangzhou-3`. It begins with its region.
    #[serde(rename = "Zone", default, deserialize_with = "scalar")]
    pub zone: Option<String>,
}

/// A tag of a snapshot.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct Tag {
    /// The key of the tag; a rule selects by key and value.
    #[serde(rename = "Key")]
    pub key: String,
    /// The text that belongs to the key; empty if absent.
    #[serde(rename = "Value", default)]
    pub value: String,
}

/// Reads a time of an answer: `YYYY-MM-DD HH:MM:SS`, in UTC+8 in every region. `None` if it cannot be read.
/// Source: cloud-custodian df800e9e, 2026-08-22, and its recorded pairs of CBS and CVM times.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    time_in(Offset::constant(8), text)
}
