//! Read-back: whether the copy exists, and whether its source can be copied.

use super::calls::{by_ids, by_names};
use super::errors::{NOT_FOUND, read};
use super::inventory::copyable;
use super::model::{Described, Snapshot};
use super::names::copy_names;
use super::subject;
use crate::model::backup::Eligibility;
use crate::model::command::Replication;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::model::order;
use crate::providers::asked::{Asked, ask};
use crate::providers::inventory::{end_of, endless, repeated};
use crate::providers::provider::{Acceptance, ReadBack};

/// Asks the destination for copies by name, then the source for running copies and its own state.
pub(super) fn read_back(replication: &Replication, replies: &[Reply]) -> Asked<ReadBack> {
    let names = copy_names(&replication.source.id, &replication.source.region);
    let mut seen = 0;
    let mut found: Vec<Snapshot> = Vec::new();
    let mut total = u64::MAX;
    let (mut end, mut before): (Option<u64>, Option<String>) = (None, None);
    let mut replies = replies.iter();
    while seen < total {
        let Some(reply) = replies.next() else {
            return ask(by_names(&replication.destination.region, &names, seen));
        };
        let page = read::<Described>(reply)?.body;
        let snapshots = page.snapshots.unwrap_or_default();
        total = page.total_count.unwrap_or(0);
        let first = snapshots.first().and_then(|snapshot| snapshot.snapshot_id.clone());
        if first.is_some() && first == before {
            return Err(Failure { disposition: Disposition::Retryable, ..repeated() }.into());
        }
        before = first;
        if snapshots.is_empty() {
            break;
        }
        for snapshot in &snapshots {
            subject::in_region(&replication.destination.region, snapshot, reply)?;
        }
        seen += snapshots.len() as u64;
        let end = *end.get_or_insert_with(|| end_of(Some(total)));
        if seen > end {
            return Err(Failure { disposition: Disposition::Retryable, ..endless(end) }.into());
        }
        found.extend(snapshots.into_iter().filter(|snapshot| is_copy(snapshot, &names)));
    }
    // Two copies of one name are duplicates, of which the older one is kept.
    order::by(&mut found, |a, b| a.create_time.cmp(&b.create_time));
    if let Some(id) = found.into_iter().find_map(|snapshot| snapshot.snapshot_id) {
        return Ok(ReadBack::Found(Acceptance::one(Some(id), None)));
    }
    let Some(reply) = replies.next() else {
        return ask(by_ids(&replication.source.region, &[&replication.source.id]));
    };
    let snapshots = match read::<Described>(reply) {
        Ok(answer) => answer.body.snapshots.unwrap_or_default(),
        Err(failure) if failure.code == NOT_FOUND => Vec::new(),
        Err(failure) => return Err(failure.into()),
    };
    let Some(source) = subject::only(&replication.source.id, &replication.source.region, snapshots, reply)? else {
        return Ok(ReadBack::NoSource(format!(
            "the snapshot {} is not in {}: it was deleted, or the region is wrong",
            replication.source.id, replication.source.region
        )));
    };
    Ok(judge_source(replication, &source))
}

/// Whether a snapshot is a copy of one of these names. The name filter may match parts of names, so they are compared here, exactly.
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
    match copyable(source) {
        Eligibility::Usable => ReadBack::Absent,
        Eligibility::NotReady(reason) => ReadBack::NotReady(format!("the snapshot {id} {reason}")),
        Eligibility::Ineligible(reason) => ReadBack::Ineligible(format!("the snapshot {id} {reason}")),
        Eligibility::NotCovered(reason) => ReadBack::Ineligible(format!("the snapshot {id} {reason}")),
    }
}
