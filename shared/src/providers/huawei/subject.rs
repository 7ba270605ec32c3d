//! Whether an answer is about what was asked for: every field that names a resource, a region or a project.

use super::errors;
use super::model::{Backup, Record, StartedReplication, given};
use crate::model::command::{Operation, Replication};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::refusal;

/// Checks one field. The failure has the request's ID.
fn same(reply: &Reply, field: &str, wanted: Option<&str>, found: Option<&str>) -> Result<(), Failure> {
    refusal::same(reply, field, wanted, found)
        .map_err(|failure| Failure { request_id: errors::request_id(reply), ..failure })
}

/// The region that an answer must name as the source's. CSBS documents no value of the field, so nothing is held against it there.
fn region_of(asked: &Replication) -> Option<&str> {
    (asked.operation != Operation::CopyCheckpointItem).then_some(asked.source.region.as_str())
}

/// Checks the answer to a call that starts copies.
pub(super) fn of_start(asked: &Replication, answer: &StartedReplication, reply: &Reply) -> Result<(), Failure> {
    let (source, destination) = (&asked.source, &asked.destination);
    let id = Some(source.id.as_str());
    match asked.operation {
        Operation::CopyCheckpoint => same(reply, "vault_id", id, answer.vault_id.as_deref())?,
        // Source: Huawei CSBS API page "Replicating a Backup", whose sample has another `backup_id` than the item's.
        Operation::CopyCheckpointItem => same(reply, "checkpoint_item_id", id, answer.checkpoint_item_id.as_deref())?,
        _ => same(reply, "backup_id", id, answer.backup_id.as_deref())?,
    }
    for (field, wanted, found) in [
        ("project_id", source.project_id.as_deref(), &answer.project_id),
        ("source_region", region_of(asked), &answer.source_region),
        ("destination_region", Some(destination.region.as_str()), &answer.destination_region),
        ("destination_project_id", destination.project_id.as_deref(), &answer.destination_project_id),
        ("destination_vault_id", destination.vault_id.as_deref(), &answer.destination_vault_id),
    ] {
        same(reply, field, wanted, found.as_deref())?;
    }
    Ok(())
}

/// Checks an answer that shows one backup.
pub(super) fn of_backup(id: &str, project: Option<&str>, answer: &Backup, reply: &Reply) -> Result<(), Failure> {
    same(reply, "id", Some(id), given(&answer.id))?;
    same(reply, "project_id", project, given(&answer.project_id))
}

/// Checks an item of a list of a project's backups, in one of its vaults or in all.
pub(super) fn of_item(vault: Option<&str>, project: Option<&str>, item: &Backup, reply: &Reply) -> Result<(), Failure> {
    same(reply, "vault_id", vault, given(&item.vault_id))?;
    same(reply, "project_id", project, given(&item.project_id))
}

/// Checks a replication record that bears the ID that was asked for.
pub(super) fn of_record(asked: &Replication, record: &Record, reply: &Reply) -> Result<(), Failure> {
    let destination = &asked.destination;
    let source = match asked.operation {
        Operation::CopyCheckpointItem => given(&record.source_checkpoint_item_id),
        _ => given(&record.source_backup_id),
    };
    for (field, wanted, found) in [
        ("source", Some(asked.source.id.as_str()), source),
        ("source_region", region_of(asked), given(&record.source_region)),
        ("destination_region", Some(destination.region.as_str()), given(&record.destination_region)),
        ("destination_project_id", destination.project_id.as_deref(), given(&record.destination_project_id)),
    ] {
        same(reply, field, wanted, found)?;
    }
    Ok(())
}
