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
pub(super) fn read_back(replication: &Replication) -> impl FnMut(Option<&Reply>) -> Asked<ReadBack> + Send + '_ {
    let mut named = Named::of(replication);
    let mut listed = false;
    move |mut reply| {
        if !listed {
            if let Some(reply) = reply.take() {
                named.take(reply)?;
            }
            if named.seen < named.total {
                return ask(by_names(&replication.destination.region, &named.names, named.seen));
            }
            listed = true;
            if let Some(id) = named.oldest() {
                return Ok(ReadBack::Found(Acceptance::one(Some(id), None)));
            }
        }
        let Some(reply) = reply else {
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
}

/// The snapshots of a destination that bear the names of a copy, from the pages that were read.
struct Named<'a> {
    region: &'a str,
    names: Vec<String>,
    found: Vec<Snapshot>,
    seen: u64,
    total: u64,
    /// How many there may be, by what the first page counted.
    end: Option<u64>,
    /// The first one of the page before.
    before: Option<String>,
}

impl Named<'_> {
    fn of(replication: &Replication) -> Named<'_> {
        Named {
            region: &replication.destination.region,
            names: copy_names(&replication.source.id, &replication.source.region),
            found: Vec::new(),
            seen: 0,
            total: u64::MAX,
            end: None,
            before: None,
        }
    }

    fn take(&mut self, reply: &Reply) -> Result<(), Failure> {
        let page = read::<Described>(reply)?.body;
        let snapshots = page.snapshots.unwrap_or_default();
        self.total = page.total_count.unwrap_or(0);
        let first = snapshots.first().and_then(|snapshot| snapshot.snapshot_id.clone());
        if first.is_some() && first == self.before {
            return Err(Failure { disposition: Disposition::Retryable, ..repeated() });
        }
        self.before = first;
        if snapshots.is_empty() {
            self.total = self.seen;
            return Ok(());
        }
        for snapshot in &snapshots {
            subject::in_region(self.region, snapshot, reply)?;
        }
        self.seen += snapshots.len() as u64;
        let end = *self.end.get_or_insert_with(|| end_of(Some(self.total)));
        if self.seen > end {
            return Err(Failure { disposition: Disposition::Retryable, ..endless(end) });
        }
        self.found.extend(snapshots.into_iter().filter(|snapshot| is_copy(snapshot, &self.names)));
        Ok(())
    }

    /// Two copies of one name are duplicates, of which the older one is kept.
    fn oldest(&mut self) -> Option<String> {
        order::by(&mut self.found, |a, b| a.create_time.cmp(&b.create_time));
        self.found.iter().find_map(|snapshot| snapshot.snapshot_id.clone())
    }
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
