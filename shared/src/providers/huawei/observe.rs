//! Observation: what the destination says about a copy. The source's record only tells where to look.

use jiff::Timestamp;

use super::model::{Backup, OperationLog, Record, ShownBackup, ShownItem, given, time};
use super::readback::{Listing, is_task};
use super::{calls, errors, subject};
use crate::model::command::{Operation, Replication};
use crate::model::evidence::{Evidence, How, Observation};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::model::receipt::Receipt;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::{Call, Service};
use crate::providers::refusal::unreadable;

/// Reads what the provider says: the source's record gives the copy's ID, and the destination gives the evidence.
pub(super) fn observe<'a>(
    replication: &'a Replication,
    receipt: &'a Receipt,
    known: Option<&'a Evidence>,
) -> impl FnMut(Option<&Reply>) -> Asked<Observation> + Send + 'a {
    // The copy was seen before: its ID is known, and the source may be gone by now.
    let mut copy = known.and_then(|seen| seen.destination_id.clone());
    let mut tasks: Option<Listing<OperationLog>> = None;
    move |reply| {
        if let Some(id) = &copy {
            return in_destination(replication, id, reply);
        }
        let Some(reply) = reply else {
            return ask(show(replication));
        };
        let named = match &mut tasks {
            Some(tasks) => of_tasks(replication, tasks, reply)?,
            None => of_source(replication, receipt, reply)?,
        };
        match named {
            Named::Copy(id) => in_destination(replication, copy.insert(id), None),
            Named::By(offset) => {
                tasks.get_or_insert_with(|| Listing::new(Service::Cbr));
                ask(calls::list_operation_logs(replication, offset))
            }
            Named::Not(observation) => Ok(observation),
        }
    }
}

/// Where the ID of the copy is.
enum Named {
    /// Here.
    Copy(String),
    /// Perhaps in the page of tasks that begins here.
    By(u64),
    /// Nowhere, and what that means.
    Not(Observation),
}

/// What the source's record tells.
fn of_source(replication: &Replication, receipt: &Receipt, reply: &Reply) -> Result<Named, Failure> {
    let asked = &replication.source;
    let Some(source) = shown(replication, (&asked.id, asked.project_id.as_deref()), reply)? else {
        // CBR's list of tasks names the copy as well.
        return Ok(match replication.operation {
            Operation::CopyCheckpointItem => Named::Not(gone()),
            _ => Named::By(0),
        });
    };
    let records = source.replication_records.unwrap_or_default();
    let Some(record) = ours(replication, receipt, &records) else {
        return Ok(Named::Not(Observation::Awaited("the provider shows no record of it yet".into())));
    };
    if receipt.replication_id.is_some() {
        subject::of_record(replication, record, reply)?;
    }
    let reason = || {
        let info = record.extra_info.as_ref();
        info.and_then(|info| given(&info.fail_reason).or(given(&info.fail_code)))
            .unwrap_or("no reason given")
            .to_owned()
    };
    let copy = match replication.operation {
        Operation::CopyCheckpointItem => given(&record.destination_checkpoint_item_id),
        _ => given(&record.destination_backup_id),
    };
    Ok(match (record.status.as_deref(), copy) {
        (Some("fail" | "failed"), _) => Named::Not(Observation::Failed(format!("the provider gave up: {}", reason()))),
        (Some("skip" | "skipped"), _) => {
            Named::Not(Observation::Failed(format!("the provider skipped it: {}", reason())))
        }
        (Some("success"), Some(id)) => Named::Copy(id.to_owned()),
        (Some("success"), None) => {
            Named::Not(Observation::Awaited("recorded as done, but the copy's ID is not told yet".into()))
        }
        (status, _) => {
            let progress = record.extra_info.as_ref().and_then(|info| info.progress).unwrap_or(0);
            Named::Not(Observation::Running(format!("{} ({progress} %)", status.unwrap_or("unknown"))))
        }
    })
}

/// What a page of tasks tells. The source is gone, and with it the record that names the copy.
fn of_tasks(replication: &Replication, tasks: &mut Listing<OperationLog>, reply: &Reply) -> Result<Named, Failure> {
    tasks.take(reply)?;
    tasks.items.retain(|task| is_task(replication, task, Some(&replication.source.id)));
    let newest = tasks.items.iter().max_by_key(|task| task.created_at.as_deref().and_then(time));
    let Some(task) = newest else {
        return Ok(tasks.next.map_or(Named::Not(gone()), Named::By));
    };
    let copy = task.extra_info.as_ref().and_then(|info| given(&info.replication.as_ref()?.destination_backup_id));
    Ok(match (task.status.as_deref(), copy) {
        (Some("success"), Some(id)) => Named::Copy(id.to_owned()),
        (Some("success"), None) => {
            Named::Not(Observation::Awaited("its task is done, but the copy's ID is not told".into()))
        }
        (Some("failed" | "timeout" | "skipped"), _) => {
            Named::Not(Observation::Failed("the provider's task of the copy failed, and the source is gone".into()))
        }
        (status, _) => Named::Not(Observation::Running(format!("its task is {}", status.unwrap_or("unknown")))),
    })
}

fn gone() -> Observation {
    Observation::Gone("the source is gone, and with it the record that names the copy".into())
}

fn in_destination(replication: &Replication, id: &str, reply: Option<&Reply>) -> Asked<Observation> {
    let destination = &replication.destination;
    let Some(reply) = reply else {
        // The destination is asked in the same form as the source.
        let mut there = replication.clone();
        there.source.region = destination.region.clone();
        there.source.project_id = destination.project_id.clone();
        there.source.id = id.to_owned();
        return ask(show(&there));
    };
    let Some(copy) = shown(replication, (id, destination.project_id.as_deref()), reply)? else {
        return Ok(Observation::Gone(format!("the copy {id} is not in {}", destination.region)));
    };
    match copy.status.as_deref() {
        Some("available") if copy.resource_size == Some(0) => {
            Ok(Observation::Running(format!("the copy {id} is available in {}, and of 0 GB", destination.region)))
        }
        Some(state @ "available") => Ok(Observation::Seen(Evidence {
            destination_id: Some(id.to_owned()),
            state: state.to_owned(),
            time: Timestamp::UNIX_EPOCH,
            size_gib: copy.resource_size,
            expires_at: copy.expired_at.as_deref().and_then(time),
            how: How::Observed,
        })),
        Some(state @ ("error" | "deleting" | "waiting_delete" | "deleted")) => {
            Ok(Observation::Gone(format!("the copy {id} is in the state {state} in {}", destination.region)))
        }
        state => Ok(Observation::Running(format!("in {}: {}", destination.region, state.unwrap_or("unknown")))),
    }
}

fn show(replication: &Replication) -> Call {
    match replication.operation {
        Operation::CopyCheckpointItem => calls::show_item(replication),
        _ => calls::show_backup(replication),
    }
}

/// The backup of this ID in this project; `None` if there is none.
fn shown(
    replication: &Replication,
    (id, project): (&str, Option<&str>),
    reply: &Reply,
) -> Result<Option<Backup>, Failure> {
    if errors::is_gone(reply) {
        return Ok(None);
    }
    let service = calls::service(replication.operation);
    let backup = match replication.operation {
        Operation::CopyCheckpointItem => errors::read::<ShownItem>(service, reply)?.checkpoint_item,
        _ => errors::read::<ShownBackup>(service, reply)?.backup,
    };
    subject::of_backup(id, project, &backup, reply)?;
    if given(&backup.id).is_none() {
        return Err(unreadable(reply, errors::request_id(reply), "the answer holds no backup"));
    }
    Ok(Some(backup))
}

/// The record that the receipt names or, if it names none, the newest one for the region.
fn ours<'r>(replication: &Replication, receipt: &Receipt, records: &'r [Record]) -> Option<&'r Record> {
    let by_id = records.iter().find(|record| record.id.is_some() && record.id == receipt.replication_id);
    let region = &replication.destination.region;
    let there =
        |record: &&Record| given(&record.destination_region).is_some_and(|told| told.eq_ignore_ascii_case(region));
    if by_id.is_some() || receipt.replication_id.is_some() {
        return by_id;
    }
    records.iter().filter(there).max_by_key(|record| record.created_at.as_deref().and_then(time))
}
