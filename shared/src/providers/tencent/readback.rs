//! Reading back: whether the copy exists, and whether its source can be copied.

use super::inventory::standing;
use super::model::Snapshot;
use crate::model::backup::Standing;
use crate::model::command::Replication;
use crate::providers::provider::ReadBack;

/// The name filter may match parts of names, so names are compared here, exactly.
pub(crate) fn is_copy(snapshot: &Snapshot, names: &[String]) -> bool {
    let named = snapshot.snapshot_name.as_ref().is_some_and(|name| names.contains(name));
    let usable = matches!(snapshot.state.as_deref(), Some("COPYING_FROM_REMOTE" | "CHECKING_COPIED" | "NORMAL"));
    // Recorded answers leave keys out, and a copy that is overlooked is paid for twice.
    named && usable && snapshot.copy_from_remote != Some(false)
}

pub(crate) fn judge_source(replication: &Replication, source: &Snapshot) -> ReadBack {
    let id = &replication.source.id;
    if source.copying_to_regions.as_ref().is_some_and(|regions| regions.contains(&replication.destination.region)) {
        return ReadBack::Running;
    }
    match standing(source) {
        Standing::Usable => ReadBack::Absent,
        Standing::NotReady(reason) => ReadBack::NotReady(format!("the snapshot {id} {reason}")),
        Standing::Ineligible(reason) => ReadBack::Ineligible(format!("the snapshot {id} {reason}")),
    }
}
