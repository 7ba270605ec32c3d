//! Read-back: what the provider says about a copy. Of a list only what decides is kept.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::inventory::eligibility;
use super::model::{Backup, OperationLog, Page, Record, ShownBackup, ShownItem, given, is_live, time};
use super::{calls, errors, subject};
use crate::model::backup::Eligibility;
use crate::model::command::{Operation, Replication};
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::providers::asked::{Asked, Reading, ask};
use crate::providers::call::Service;
use crate::providers::inventory::{emptied, end_of, endless, repeated};
use crate::providers::provider::{Acceptance, AttemptContext, FoundCopy, ReadBack};
use crate::providers::refusal::unreadable;

/// How far the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Reads what the provider says about the copy.
pub(super) fn read_back<'a>(replication: &'a Replication, intent: &'a AttemptContext) -> Reading<'a, ReadBack> {
    match replication.operation {
        Operation::CopyCheckpoint => Box::new(vault(replication, intent)),
        Operation::CopyCheckpointItem => Box::new(item(replication, intent)),
        _ => Box::new(backup(replication, intent)),
    }
}

/// Whether a reply says that CSBS has no list of records. Only the vendor's Java SDK has that list, none of its pages.
pub(crate) fn is_no_listing(reply: &Reply) -> bool {
    matches!(reply.status, 404 | 405) || errors::code(reply).as_deref() == Some("APIGW.0101")
}

/// Reads the backup's own records. If they are not told (partner clouds, or the backup is gone) and a call of ours may have been applied,
/// the task list is read too.
fn backup<'a>(
    replication: &'a Replication,
    intent: &'a AttemptContext,
) -> impl FnMut(Option<&Reply>) -> Asked<ReadBack> + Send + 'a {
    let (mut shown, mut source): (bool, Option<Backup>) = (false, None);
    let mut logs: Listing<OperationLog> = Listing::new(Service::Cbr);
    move |reply| {
        let Some(reply) = reply else {
            return ask(calls::show_backup(replication));
        };
        if shown {
            logs.take(reply)?;
            if logs.items.drain(..).any(|log| is_live_log(replication, &log, Some(&replication.source.id))) {
                // A task's ID is not that of a record.
                return Ok(ReadBack::Found(Acceptance::one(None, None)));
            }
        } else {
            shown = true;
            let is_gone = errors::is_gone(reply);
            source = if is_gone { None } else { Some(errors::read::<ShownBackup>(Service::Cbr, reply)?.backup) };
            if let Some(found) = of_source(replication, intent, source.as_ref(), reply)? {
                return Ok(found);
            }
        }
        let untold = source.as_ref().is_none_or(|source| source.replication_records.is_none());
        if let Some(offset) = logs.next
            && intent.doubt
            && untold
        {
            return ask(calls::list_operation_logs(replication, offset));
        }
        Ok(judge(replication, source.as_ref()))
    }
}

/// Reads the item's own records. If they are not told, or a call of ours may have been applied, the service's records are read too.
fn item<'a>(
    replication: &'a Replication,
    intent: &'a AttemptContext,
) -> impl FnMut(Option<&Reply>) -> Asked<ReadBack> + Send + 'a {
    let (mut shown, mut source): (bool, Option<Backup>) = (false, None);
    let mut listed: Listing<Record> = Listing::new(Service::Csbs);
    move |reply| {
        let Some(reply) = reply else {
            return ask(calls::show_item(replication));
        };
        let mut goes_on = true;
        if !shown {
            shown = true;
            let is_gone = errors::is_gone(reply);
            source =
                if is_gone { None } else { Some(errors::read::<ShownItem>(Service::Csbs, reply)?.checkpoint_item) };
            if let Some(found) = of_source(replication, intent, source.as_ref(), reply)? {
                return Ok(found);
            }
            let told = source.as_ref().is_none_or(|source| source.replication_records.is_some());
            goes_on = intent.doubt || !told;
        } else if is_no_listing(reply) {
            goes_on = false;
        } else {
            listed.take(reply)?;
            // Without doubt one page is enough: if it misses a copy, the service refuses the call, and then there is doubt.
            goes_on &= intent.doubt;
            let of_item = |record: &Record| given(&record.source_checkpoint_item_id) == Some(&replication.source.id);
            listed.items.retain(|record| of_item(record) && !is_spent(record, intent));
            all_placed(replication, intent, listed.items.iter(), reply)?;
        }
        let found = newest(replication, listed.items.iter()).map(one);
        if let (None, true, Some(offset)) = (&found, goes_on, listed.next) {
            return ask(calls::list_records(replication, offset));
        }
        Ok(found.unwrap_or_else(|| judge(replication, source.as_ref())))
    }
}

/// The newest copy that the source's own records tell of, once it is the source that was asked for.
fn of_source(
    replication: &Replication,
    intent: &AttemptContext,
    shown: Option<&Backup>,
    reply: &Reply,
) -> Result<Option<ReadBack>, Failure> {
    let Some(shown) = shown else { return Ok(None) };
    subject::of_backup(&replication.source.id, replication.source.project_id.as_deref(), shown, reply)?;
    if given(&shown.id).is_none() {
        return Err(unreadable(reply, errors::request_id(reply), "the answer holds no backup"));
    }
    let records = || shown.replication_records.iter().flatten();
    all_placed(replication, intent, records(), reply)?;
    let records = records();
    Ok(newest(replication, records.filter(|record| !is_spent(record, intent))).map(one))
}

/// Reads every backup of the vault that went to the region since the call may have been made.
fn vault<'a>(
    replication: &'a Replication,
    intent: &'a AttemptContext,
) -> impl FnMut(Option<&Reply>) -> Asked<ReadBack> + Send + 'a {
    let mut backups: Listing<Backup> = Listing::new(Service::Cbr);
    let mut logs: Listing<OperationLog> = Listing::new(Service::Cbr);
    let mut copied = Copied::default();
    move |mut reply| {
        if backups.next.is_some() {
            if let Some(reply) = reply.take() {
                copied.take(replication, intent, &mut backups, reply)?;
            }
            if let Some(offset) = backups.next {
                return ask(calls::list_backups(replication, offset));
            }
            if copied.unnamed {
                return Ok(ReadBack::Running);
            }
        }
        // Partner clouds show no records, only tasks.
        if !copied.told && !copied.ids.is_empty() {
            if let Some(reply) = reply {
                logs.take(reply)?;
                logs.items.retain(|log| is_since(&log.created_at, intent.since) && is_live(&log.status));
            }
            if let Some(offset) = logs.next {
                return ask(calls::list_operation_logs(replication, offset));
            }
            let is_copied = |id: &&String| logs.items.iter().any(|log| is_task(replication, log, Some(id)));
            let found = copied.ids.iter().filter(is_copied);
            copied.receipts.extend(found.map(|id| FoundCopy { backup_id: Some(id.clone()), replication_id: None }));
        }
        let receipts = std::mem::take(&mut copied.receipts);
        Ok(if receipts.is_empty() {
            ReadBack::Absent
        } else {
            ReadBack::Found(Acceptance { receipts, request_id: None })
        })
    }
}

/// What is kept of the backups of a vault.
#[derive(Default)]
struct Copied {
    /// Those that were listed, in their order. Offset paging may show one twice if others come or go meanwhile.
    ids: Vec<String>,
    known: BTreeSet<String>,
    receipts: Vec<FoundCopy>,
    /// A copy has no ID yet.
    unnamed: bool,
    /// The records of a backup are told.
    told: bool,
}

impl Copied {
    /// Reads the next page of the vault's backups.
    fn take(
        &mut self,
        replication: &Replication,
        intent: &AttemptContext,
        backups: &mut Listing<Backup>,
        reply: &Reply,
    ) -> Result<(), Failure> {
        backups.take(reply)?;
        let source = &replication.source;
        for backup in backups.items.drain(..) {
            subject::of_item(Some(&source.id), source.project_id.as_deref(), &backup, reply)?;
            self.add(replication, intent, &backup);
        }
        Ok(())
    }

    fn add(&mut self, replication: &Replication, intent: &AttemptContext, backup: &Backup) {
        // A replica carries the record that made it, which is no record of a copy from here.
        let Some(id) = given(&backup.id).filter(|_| backup.image_type() != Some("replication")) else { return };
        if !self.known.insert(id.to_owned()) {
            return;
        }
        self.ids.push(id.to_owned());
        self.told |= backup.replication_records.is_some();
        let records = backup.replication_records.iter().flatten();
        let recent = records.filter(|record| is_since(&record.created_at, intent.since));
        let Some(found) = newest(replication, recent) else { return };
        match given(&found.id) {
            Some(record) => self
                .receipts
                .push(FoundCopy { backup_id: Some(id.to_owned()), replication_id: Some(record.to_owned()) }),
            None => self.unnamed = true,
        }
    }
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
        Some(region) => region.eq_ignore_ascii_case(&destination.region),
        // A project belongs to one region.
        None => given(&record.destination_project_id)
            .is_some_and(|project| Some(project) == destination.project_id.as_deref()),
    }
}

/// Checks that each record of a copy that may be there says where to. In doubt, one that does not may be the one that is looked for.
fn all_placed<'r>(
    replication: &Replication,
    intent: &AttemptContext,
    mut records: impl Iterator<Item = &'r Record>,
    reply: &Reply,
) -> Result<(), Failure> {
    let untold = |record: &Record| {
        let place = given(&record.destination_region).or(given(&record.destination_project_id));
        place.is_none() && is_ours(replication, record) && is_live(&record.status)
    };
    match intent.doubt && records.any(untold) {
        true => {
            let why = "a replication record does not say to which region it is";
            Err(unreadable(reply, errors::request_id(reply), why))
        }
        false => Ok(()),
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

/// The items of a list, from the pages that were read. Whoever reads it takes out what it does not need.
pub(super) struct Listing<T> {
    service: Service,
    pub(super) items: Vec<T>,
    /// Where the next page starts, if there is one.
    pub(super) next: Option<u64>,
    /// How many items have come.
    come: u64,
    /// How many items there may be, by what the first page counted.
    end: Option<u64>,
    /// What the page before was, as a hash.
    before: Option<u64>,
}

impl<T: DeserializeOwned> Listing<T> {
    pub(super) fn new(service: Service) -> Listing<T> {
        Listing { service, items: Vec::new(), next: Some(0), come: 0, end: None, before: None }
    }

    /// Reads the next page of the list.
    ///
    /// # Errors
    /// The page is the one before again, or goes on beyond what the first page counted: what it does not show may be there.
    pub(super) fn take(&mut self, reply: &Reply) -> Result<(), Failure> {
        let Page { items, count } = errors::read::<Page<T>>(self.service, reply)?;
        let mut hasher = DefaultHasher::new();
        reply.body.hash(&mut hasher);
        let now = Some(hasher.finish());
        // A service that does not know `offset` answers with the same page forever.
        if std::mem::replace(&mut self.before, now) == now {
            return Err(Failure { disposition: Disposition::Retryable, ..repeated() });
        }
        let come = items.len() as u64;
        if come == 0 && count.is_some_and(|count| count > self.come) {
            return Err(emptied());
        }
        self.come += come;
        self.items.extend(items);
        // The service may cap a page below what was asked for, so its own count decides too.
        let counted = count.is_some_and(|count| count > self.come);
        let more = come >= calls::PAGE || counted;
        let end = *self.end.get_or_insert_with(|| end_of(count));
        if more && self.come > end {
            return Err(Failure { disposition: Disposition::Retryable, ..endless(end) });
        }
        self.next = more.then_some(self.come);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::command::{Destination, Options, Source};

    /// A text and its handle.
    fn text(text: &String) -> usize {
        size_of::<String>() + text.capacity()
    }

    #[test]
    fn of_the_pages_of_a_vault_only_what_decides_is_kept() {
        const BACKUPS: u64 = 20_000;
        let replication = Replication {
            operation: Operation::CopyCheckpoint,
            account: "default".into(),
            source: Source { region: "cn-north-4".into(), project_id: None, id: "v".into() },
            destination: Destination { region: "cn-south-1".into(), project_id: None, vault_id: None },
            options: Options::default(),
            occurrence: None,
            rule: None,
        };
        let intent = AttemptContext { attempt: 1, since: "2026-11-21T12:00:00Z".parse().unwrap(), doubt: true };
        let (mut backups, mut copied, mut bytes) = (Listing::new(Service::Cbr), Copied::default(), 0);
        while let Some(offset) = backups.next {
            let backup = |at: u64| {
                let (id, record) = (format!("{at:036}"), format!("{at:036x}"));
                json!({ "id": id, "vault_id": "v", "status": "available", "description": "of no use here ".repeat(130),
                    "replication_records": [{ "id": record, "status": "success", "destination_region": "cn-south-1",
                        "created_at": "2026-11-21T12:00:05.000000" }] })
            };
            let page: Vec<_> = (offset..BACKUPS.min(offset + 1_000)).map(backup).collect();
            let body = json!({ "backups": page, "count": BACKUPS }).to_string().into_bytes();
            bytes += body.len();
            copied.take(&replication, &intent, &mut backups, &Reply { status: 200, headers: vec![], body }).unwrap();
        }
        assert_eq!(copied.receipts.len() as u64, BACKUPS);
        let receipts = copied.receipts.iter().map(|one| {
            size_of::<FoundCopy>()
                + one.backup_id.as_ref().map_or(0, text)
                + one.replication_id.as_ref().map_or(0, text)
        });
        let kept = backups.items.capacity() * size_of::<Backup>()
            + copied.ids.iter().chain(&copied.known).map(text).sum::<usize>()
            + receipts.sum::<usize>();
        assert!(bytes > 40 << 20, "the replies had {bytes} bytes");
        assert!(kept < 8 << 20, "of {bytes} bytes {kept} are kept");
    }
}
