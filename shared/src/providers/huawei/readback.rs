//! Read-back: what the provider says about a copy, as a function of the replies so far.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::inventory::eligibility;
use super::model::{Backup, OperationLog, Page, Record, ShownBackup, ShownItem, given, is_live, time};
use super::{calls, errors, subject};
use crate::model::backup::Eligibility;
use crate::model::command::{Operation, Replication};
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::Service;
use crate::providers::inventory::{end_of, endless, repeated};
use crate::providers::provider::{Acceptance, AttemptContext, FoundCopy, ReadBack};

/// How far the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What the replies so far say about the copy.
pub(super) fn read_back(replication: &Replication, intent: &AttemptContext, replies: &[Reply]) -> Asked<ReadBack> {
    match replication.operation {
        Operation::CopyCheckpoint => vault(replication, intent, replies),
        Operation::CopyCheckpointItem => item(replication, intent, replies),
        _ => backup(replication, intent, replies),
    }
}

/// Whether a reply says that CSBS has no list of records. Only the vendor's Java SDK has that list, none of its pages.
pub(crate) fn is_no_listing(reply: &Reply) -> bool {
    matches!(reply.status, 404 | 405) || errors::code(reply).as_deref() == Some("APIGW.0101")
}

/// Reads the backup's own records. If they are not told (partner clouds, or the backup is gone) and a call of ours may have been applied,
/// the task list is read too.
fn backup(replication: &Replication, intent: &AttemptContext, replies: &[Reply]) -> Asked<ReadBack> {
    let Some((first, rest)) = replies.split_first() else {
        return ask(calls::show_backup(replication));
    };
    let source =
        if errors::is_gone(first) { None } else { Some(errors::read::<ShownBackup>(Service::Cbr, first)?.backup) };
    about_source(replication, source.as_ref(), first)?;
    let records = source.as_ref().and_then(|source| source.replication_records.as_deref());
    if let Some(found) = newest(replication, records.unwrap_or_default().iter().filter(|one| !is_spent(one, intent))) {
        return Ok(one(found));
    }
    if intent.doubt && records.is_none() {
        let logs: Listing<OperationLog> = Listing::of(Service::Cbr, rest)?;
        if logs.items.iter().any(|log| is_live_log(replication, log, Some(&replication.source.id))) {
            // A task's ID is not that of a record.
            return Ok(ReadBack::Found(Acceptance::one(None, None)));
        }
        if let Some(offset) = logs.next {
            return ask(calls::list_operation_logs(replication, offset));
        }
    }
    Ok(judge(replication, source.as_ref()))
}

/// Reads the item's own records. If they are not told, or a call of ours may have been applied, the service's records are read too.
fn item(replication: &Replication, intent: &AttemptContext, replies: &[Reply]) -> Asked<ReadBack> {
    let Some((first, rest)) = replies.split_first() else {
        return ask(calls::show_item(replication));
    };
    let source = if errors::is_gone(first) {
        None
    } else {
        Some(errors::read::<ShownItem>(Service::Csbs, first)?.checkpoint_item)
    };
    about_source(replication, source.as_ref(), first)?;
    let records = source.as_ref().and_then(|source| source.replication_records.as_deref());
    if let Some(found) = newest(replication, records.unwrap_or_default().iter().filter(|one| !is_spent(one, intent))) {
        return Ok(one(found));
    }
    let untold = source.is_some() && records.is_none();
    if (intent.doubt || untold) && !rest.last().is_some_and(is_no_listing) {
        let listed: Listing<Record> = Listing::of(Service::Csbs, rest)?;
        let of_item =
            |record: &&Record| given(&record.source_checkpoint_item_id) == Some(replication.source.id.as_str());
        let of_now = |record: &&Record| of_item(record) && !is_spent(record, intent);
        if let Some(found) = newest(replication, listed.items.iter().filter(of_now)) {
            return Ok(one(found));
        }
        // Without doubt one page is enough: if it misses a copy, the service refuses the call, and then there is doubt.
        if let Some(offset) = listed.next
            && (intent.doubt || rest.is_empty())
        {
            return ask(calls::list_records(replication, offset));
        }
    }
    Ok(judge(replication, source.as_ref()))
}

/// Checks that what is shown is the source that was asked for.
fn about_source(replication: &Replication, shown: Option<&Backup>, reply: &Reply) -> Result<(), Failure> {
    let source = &replication.source;
    shown.map_or(Ok(()), |shown| subject::of_backup(&source.id, source.project_id.as_deref(), shown, reply))
}

/// Reads every backup of the vault that went to the region since the call may have been made.
fn vault(replication: &Replication, intent: &AttemptContext, replies: &[Reply]) -> Asked<ReadBack> {
    let mut backups: Listing<Backup> = Listing::of(Service::Cbr, replies)?;
    if let Some(offset) = backups.next {
        return ask(calls::list_backups(replication, offset));
    }
    if let Some(reply) = replies.first() {
        let source = &replication.source;
        for backup in &backups.items {
            subject::of_item(Some(&source.id), source.project_id.as_deref(), backup, reply)?;
        }
    }
    // Offset paging may show a backup twice if others come or go meanwhile.
    let mut ids = BTreeSet::new();
    // A replica carries the record that made it, which is no record of a copy from here.
    backups.items.retain(|backup| {
        backup.image_type() != Some("replication") && given(&backup.id).is_some_and(|id| ids.insert(id.to_owned()))
    });
    let mut receipts = Vec::new();
    for backup in &backups.items {
        let records = backup.replication_records.iter().flatten();
        let Some(found) = newest(replication, records.filter(|record| is_since(&record.created_at, intent.since)))
        else {
            continue;
        };
        let Some(record_id) = given(&found.id) else {
            return Ok(ReadBack::Running);
        };
        receipts.push(receipt(backup, Some(record_id)));
    }
    let told = backups.items.iter().any(|backup| backup.replication_records.is_some());
    if !told && !backups.items.is_empty() {
        let logs: Listing<OperationLog> = Listing::of(Service::Cbr, &replies[backups.used..])?;
        if let Some(offset) = logs.next {
            return ask(calls::list_operation_logs(replication, offset));
        }
        let live = |id: &str| {
            let recent = logs.items.iter().filter(|log| is_since(&log.created_at, intent.since));
            recent.into_iter().any(|log| is_live_log(replication, log, Some(id)))
        };
        receipts.extend(
            backups
                .items
                .iter()
                .filter(|backup| given(&backup.id).is_some_and(live))
                .map(|backup| receipt(backup, None)),
        );
    }
    Ok(if receipts.is_empty() { ReadBack::Absent } else { ReadBack::Found(Acceptance { receipts, request_id: None }) })
}

fn receipt(backup: &Backup, record_id: Option<&str>) -> FoundCopy {
    FoundCopy { backup_id: backup.id.clone(), replication_id: record_id.map(str::to_owned) }
}

fn one(record: &Record) -> ReadBack {
    match given(&record.id) {
        Some(id) => ReadBack::Found(Acceptance::one(Some(id.to_owned()), None)),
        None => ReadBack::Running,
    }
}

/// The newest record of a copy to the destination that exists or is being made.
fn newest<'r>(replication: &Replication, records: impl Iterator<Item = &'r Record>) -> Option<&'r Record> {
    let live = records
        .filter(|record| is_there(replication, record) && is_ours(replication, record) && is_live(&record.status));
    live.max_by_key(|record| record.created_at.as_deref().and_then(time))
}

/// Whether a record is of this destination. Its region decides, never the vault: the provider keeps one replica for each backup and region.
fn is_there(replication: &Replication, record: &Record) -> bool {
    let destination = &replication.destination;
    match given(&record.destination_region) {
        Some(region) => region == destination.region,
        // A project belongs to one region.
        None => given(&record.destination_project_id)
            .is_some_and(|project| Some(project) == destination.project_id.as_deref()),
    }
}

/// Whether a record is of this source. A replica may carry the record that made it, which has another source.
fn is_ours(replication: &Replication, record: &Record) -> bool {
    let source = match replication.operation {
        Operation::CopyCheckpoint => None,
        Operation::CopyCheckpointItem => given(&record.source_checkpoint_item_id),
        _ => given(&record.source_backup_id),
    };
    source.is_none_or(|id| id == replication.source.id)
}

fn is_live_log(replication: &Replication, log: &OperationLog, backup_id: Option<&str>) -> bool {
    is_task(replication, log, backup_id) && is_live(&log.status)
}

/// Whether a task copies this backup to the destination.
pub(super) fn is_task(replication: &Replication, log: &OperationLog, backup_id: Option<&str>) -> bool {
    let task = log.extra_info.as_ref().and_then(|info| info.replication.as_ref());
    task.is_some_and(|task| given(&task.source_backup_id) == backup_id && is_there(replication, task))
}

/// Whether something was made since then. A time that is missing or cannot be read counts as recent.
fn is_since(created_at: &Option<String>, since: Timestamp) -> bool {
    let earliest = since.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
    created_at.as_deref().and_then(time).is_none_or(|at| at >= earliest)
}

/// Whether a record is of an earlier attempt, whose copy came to nothing or is lost: the record of a success stays when its copy goes. In
/// doubt none is, since one copy too few is found out, and one too many is paid.
fn is_spent(record: &Record, intent: &AttemptContext) -> bool {
    let done = record.status.as_deref() == Some("success");
    intent.attempt > 1 && !intent.doubt && done && !is_since(&record.created_at, intent.since)
}

/// Whether the source can be copied at all, and whether now.
fn judge(replication: &Replication, source: Option<&Backup>) -> ReadBack {
    let what = replication.operation.source_field().trim_end_matches("_id").replace('_', " ");
    let id = format!("the {what} {}", replication.source.id);
    let Some(source) = source else {
        let region = &replication.source.region;
        return ReadBack::NoSource(format!(
            "{id} is not in {region}: it was deleted, or the region or project is wrong"
        ));
    };
    match eligibility(source) {
        Eligibility::Usable => ReadBack::Absent,
        Eligibility::NotReady(reason) => ReadBack::NotReady(format!("{id} {reason}")),
        Eligibility::Ineligible(reason) => ReadBack::Ineligible(format!("{id} {reason}")),
        Eligibility::NotCovered(reason) => ReadBack::Ineligible(format!("{id} {reason}")),
    }
}

/// The items of a list, from the pages that were read. Each page is read once.
pub(super) struct Listing<T> {
    pub(super) items: Vec<T>,
    /// Where the next page starts, if there is one.
    pub(super) next: Option<u64>,
    /// How many of the replies were pages of the list.
    pub(super) used: usize,
    /// How many items there may be, by what the first page counted.
    end: Option<u64>,
}

impl<T: DeserializeOwned> Listing<T> {
    pub(super) fn new() -> Listing<T> {
        Listing { items: Vec::new(), next: Some(0), used: 0, end: None }
    }

    pub(super) fn of(service: Service, replies: &[Reply]) -> Result<Listing<T>, Failure> {
        let mut listing = Listing::new();
        while listing.next.is_some() && listing.take(service, replies)? {}
        Ok(listing)
    }

    /// Reads the next page of the list, if it has come.
    ///
    /// # Errors
    /// The page is the one before again, or goes on beyond what the first page counted: what it does not show may be there.
    pub(super) fn take(&mut self, service: Service, replies: &[Reply]) -> Result<bool, Failure> {
        let Some(reply) = replies.get(self.used) else { return Ok(false) };
        let Page { items, count } = errors::read::<Page<T>>(service, reply)?;
        // A service that does not know `offset` answers with the same page forever.
        let before = self.used.checked_sub(1).and_then(|before| replies.get(before));
        if before.is_some_and(|before| before.body == reply.body) {
            return Err(Failure { disposition: Disposition::Retryable, ..repeated() });
        }
        self.used += 1;
        let come = items.len() as u64;
        self.items.extend(items);
        let read = self.items.len() as u64;
        // The service may cap a page below what was asked for, so its own count decides too.
        let counted = come > 0 && count.is_some_and(|count| count > read);
        let more = come >= calls::PAGE || counted;
        let end = *self.end.get_or_insert_with(|| end_of(count));
        if more && read > end {
            return Err(Failure { disposition: Disposition::Retryable, ..endless(end) });
        }
        self.next = more.then_some(read);
        Ok(true)
    }
}
