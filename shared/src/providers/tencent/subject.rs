//! Whether an answer is about what was asked for: the IDs of snapshots, and the zones that they lie in.

use super::errors::{NOT_FOUND, read};
use super::model::{Described, Snapshot};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::refusal::same;

/// The snapshot of this ID in the answer to a question for it alone; `None` if there is none.
///
/// # Errors
/// The answer is none, or proves nothing, or shows another snapshot or one of another region.
pub(super) fn only(id: &str, region: &str, reply: &Reply) -> Result<Option<Snapshot>, Failure> {
    let snapshots = match read::<Described>(reply) {
        Ok(answer) => answer.body.shown()?,
        Err(failure) if failure.code == NOT_FOUND => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let mut wanted = None;
    for snapshot in snapshots {
        same(reply, "SnapshotId", Some(id), snapshot.snapshot_id.as_deref())?;
        in_region(region, &snapshot, reply)?;
        if snapshot.snapshot_id.is_some() {
            wanted.get_or_insert(snapshot);
        }
    }
    Ok(wanted)
}

/// Checks that a snapshot lies in the region that was asked.
pub(super) fn in_region(region: &str, snapshot: &Snapshot, reply: &Reply) -> Result<(), Failure> {
    let zone = snapshot.placement.as_ref().and_then(|place| place.zone.as_deref()).unwrap_or_default();
    // A zone is its region with a number: the region of `ap-guangzhou-3` is `ap-guangzhou`.
    let found = zone.rsplit_once('-').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    same(reply, "Placement.Zone in", Some(region), found.map(|(region, _)| region))
}
