//! CBR v3: copying backups and vaults.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answers::verification_failed;
use super::fields::{flag, is_name_character, optional, required};
use super::state::Huawei;
use super::store::{Backup, Record};
use crate::clock::later;
use crate::cloud::{Call, Refusal, Twist};
use crate::text::is_uuid;

pub(super) const SERVER_PROVIDER: &str = "0daac4c5-6707-4851-97ba-169e36266b66";
const DISK_PROVIDER: &str = "d1603440-187d-4516-af25-121250c7cc97";

/// Where a copy goes.
struct Destination {
    region: String,
    project: String,
    vault: String,
}

impl Huawei {
    /// `POST /v3/{project}/backups/{backup}/replicate`.
    pub(super) fn copy_backup(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Result<Value, Refusal> {
        let (project, id) = (call.path[0].clone(), call.path[1].clone());
        let known = [
            "name",
            "description",
            "destination_project_id",
            "destination_region",
            "destination_vault_id",
            "enable_acceleration",
        ];
        let body = self.replicate_body(call, &known)?;
        if let Some(name) = optional(body, "name")? {
            let fits = (1..=64).contains(&name.chars().count()) && name.chars().all(is_name_character);
            fits.then_some(()).ok_or_else(|| verification_failed("invalid value of name"))?;
        }
        let description = optional(body, "description")?.unwrap_or_default();
        if description.chars().count() > 255 || description.contains(['<', '>']) {
            return Err(verification_failed("invalid value of description"));
        }
        if !is_uuid(&id) {
            return Err(verification_failed("invalid value of backup_id"));
        }
        let destination = destination(body)?;
        let source_region = self.region_of(call, &project);
        let backup = self.store.backup(&id, &project, self.switches.any_source, now).cloned().ok_or_else(no_backup)?;
        check_source(&backup)?;
        self.check_destination(&destination, &source_region)?;
        // There is one copy for each backup and region: naming another vault of that region does not allow a second one.
        if self
            .store
            .records_of(&id)
            .any(|record| record.destination_region == destination.region && self.store.blocks(record, now))
        {
            return Err(Refusal::new(
                400,
                "BackupService.1009",
                "The backup is being replicated or has been replicated to the destination region.",
            ));
        }
        let name = optional(body, "name")?.map(str::to_owned);
        let record = self.start(&backup, &source_region, &destination, "copy-backup", name, false, now, twist);
        Ok(json!({"replication": {
            "backup_id": id,
            "replication_record_id": record,
            "project_id": project,
            "provider_id": SERVER_PROVIDER,
            "source_region": source_region,
            "destination_region": destination.region,
            "destination_project_id": destination.project,
            "destination_vault_id": destination.vault,
        }}))
    }

    /// `POST /v3/{project}/checkpoints/replicate`: every eligible backup of a vault that never went to the region.
    pub(super) fn copy_checkpoint(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Result<Value, Refusal> {
        let project = call.path[0].clone();
        let known = [
            "vault_id",
            "destination_project_id",
            "destination_region",
            "destination_vault_id",
            "auto_trigger",
            "enable_acceleration",
        ];
        let body = self.replicate_body(call, &known)?;
        let vault_id = required(body, "vault_id")?.to_owned();
        let destination = destination(body)?;
        let auto_trigger = flag(body, "auto_trigger")?.unwrap_or(false);
        let source_region = self.region_of(call, &project);
        let vault = self
            .store
            .vault(&vault_id, &project, self.switches.any_source)
            .ok_or_else(|| Refusal::new(404, "BackupService.6105", "The vault does not exist."))?;
        if vault.object_type != "server" {
            return Err(Refusal::new(
                400,
                "BackupService.6122",
                "The resource type of the vault does not support replication.",
            ));
        }
        self.store.fill_source_vault(&vault_id, &project);
        self.check_destination(&destination, &source_region)?;
        let backups: Vec<Backup> =
            self.store.list(&project, Some(&vault_id)).rev().filter(|backup| backup.there(now)).cloned().collect();
        let busy = |backup: &Backup| {
            self.store
                .records_of(&backup.id)
                .any(|record| record.operation == "copy-checkpoint" && record.neutral_state(now) == "running")
        };
        if self.switches.vault_busy_while_replicating && backups.iter().any(busy) {
            return Err(Refusal::new(400, "BackupService.6130", "The vault is being replicated."));
        }
        let went = |backup: &Backup| {
            self.store
                .records_of(&backup.id)
                .any(|record| record.destination_region == destination.region && record.neutral_state(now) != "failed")
        };
        let mut eligible: Vec<Backup> =
            backups.into_iter().filter(|backup| check_source(backup).is_ok() && !went(backup)).collect();
        if twist.partial.is_some() {
            eligible.pop();
        }
        if eligible.is_empty() {
            return Err(Refusal::new(400, "BackupService.0001", "No resource to back up."));
        }
        let mut started = Vec::new();
        for backup in &eligible {
            let record =
                self.start(backup, &source_region, &destination, "copy-checkpoint", None, auto_trigger, now, twist);
            started.push(json!({"backup_id": backup.id, "replication_record_id": record}));
        }
        Ok(json!({"replication": {
            "backups": started,
            "project_id": project,
            "provider_id": SERVER_PROVIDER,
            "source_region": source_region,
            "destination_region": destination.region,
            "destination_project_id": destination.project,
            "vault_id": vault_id,
            "destination_vault_id": destination.vault,
        }}))
    }

    #[allow(clippy::too_many_arguments, reason = "the facts of one copy; a struct would be built and taken apart once")]
    fn start(
        &mut self,
        backup: &Backup,
        source_region: &str,
        destination: &Destination,
        operation: &'static str,
        name: Option<String>,
        auto_trigger: bool,
        now: Timestamp,
        twist: &Twist,
    ) -> String {
        let record = Record {
            id: self.draw.uuid(),
            operation,
            source: backup.id.clone(),
            source_project: backup.project.clone(),
            source_region: source_region.to_owned(),
            source_vault: backup.vault.clone(),
            destination_region: destination.region.clone(),
            destination_project: destination.project.clone(),
            destination_vault: destination.vault.clone(),
            replica: self.draw.uuid(),
            auto_trigger,
            started: now,
            visible: later(now, self.switches.record_visible_delay_s),
            ready: later(now, self.switches.copy_duration_s),
            fails: twist.fail_later,
        };
        if !record.fails {
            self.store.insert(Backup {
                id: record.replica.clone(),
                project: destination.project.clone(),
                vault: destination.vault.clone(),
                name: name.unwrap_or_else(|| backup.name.clone()),
                image_type: "replication".to_owned(),
                created: now,
                updated: now,
                appears: Some(later(record.ready, self.switches.visibility_delay_s)),
                ..backup.clone()
            });
        }
        self.copies.made(operation, &backup.id, &destination.region, &record.id);
        let id = record.id.clone();
        self.store.add_record(record);
        id
    }

    /// The object `replicate`, checked for unknown keys and for the gated one.
    fn replicate_body<'a>(&self, call: &'a Call, known: &[&str]) -> Result<&'a Map<String, Value>, Refusal> {
        let body = call.body.as_ref().ok_or_else(|| verification_failed("the body is not JSON"))?;
        let body = body["replicate"].as_object().ok_or_else(|| verification_failed("replicate is required"))?;
        if let Some(key) = body.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(verification_failed(format!("invalid key {key}")));
        }
        if flag(body, "enable_acceleration")?.is_some() && self.switches.acceleration_gated {
            return Err(verification_failed("invalid key enable_acceleration"));
        }
        Ok(body)
    }

    fn check_destination(&mut self, destination: &Destination, source_region: &str) -> Result<(), Refusal> {
        let any = self.switches.any_source;
        if any {
            self.store.projects.entry(destination.project.clone()).or_insert_with(|| destination.region.clone());
        }
        let known = self.store.projects.values().any(|region| *region == destination.region);
        if destination.region == source_region || !known {
            return Err(Refusal::new(
                400,
                "BackupService.1005",
                "The destination region does not support replication.",
            ));
        }
        if self.store.projects.get(&destination.project) != Some(&destination.region) {
            return Err(Refusal::new(
                400,
                "BackupService.1011",
                "The destination project does not support replication.",
            ));
        }
        let vault = self
            .store
            .vault(&destination.vault, &destination.project, any)
            .ok_or_else(|| Refusal::new(400, "BackupService.6120", "The destination vault does not exist."))?;
        if vault.protect_type != "replication" && !vault.made_up {
            return Err(Refusal::new(400, "BackupService.6119", "The destination vault does not support replication."));
        }
        if vault.object_type != "server" {
            return Err(Refusal::new(400, "BackupService.6128", "The vault type does not support replication."));
        }
        if vault.status != "available" {
            return Err(Refusal::new(400, "BackupService.6112", "The vault status is invalid."));
        }
        if vault.full {
            return Err(Refusal::new(400, "BackupService.6129", "The destination vault is full."));
        }
        Ok(())
    }
}

/// Refuses what the published rule does not allow: it allows an available server backup with its system disk, and no replica.
pub(super) fn check_source(backup: &Backup) -> Result<(), Refusal> {
    if backup.image_type != "backup" && backup.image_type != "sync" {
        return Err(Refusal::new(400, "BackupService.1002", "The backup type does not support replication."));
    }
    if backup.resource_type != "OS::Nova::Server" {
        return Err(Refusal::new(400, "BackupService.1003", "Only ECS backups can be replicated."));
    }
    match backup.status.as_str() {
        "available" => {}
        "protecting" | "waiting_protect" => {
            return Err(Refusal::new(500, "BackupService.0002", "The resources are being backed up."));
        }
        _ => {
            return Err(Refusal::new(400, "BackupService.6216", "The backup is in use."));
        }
    }
    if !backup.contain_system_disk {
        return Err(Refusal::new(
            400,
            "BackupService.1002",
            "A backup without the system disk does not support replication.",
        ));
    }
    Ok(())
}

/// The provider ID of a resource type.
pub(super) fn provider_of(resource_type: &str) -> &'static str {
    if resource_type == "OS::Cinder::Volume" { DISK_PROVIDER } else { SERVER_PROVIDER }
}

pub(super) fn no_backup() -> Refusal {
    Refusal::new(404, "BackupService.6200", "The backup does not exist.")
}

fn destination(body: &Map<String, Value>) -> Result<Destination, Refusal> {
    let region = required(body, "destination_region")?;
    if region.len() > 255 || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(verification_failed("invalid value of destination_region"));
    }
    Ok(Destination {
        region: region.to_owned(),
        project: required(body, "destination_project_id")?.to_owned(),
        vault: required(body, "destination_vault_id")?.to_owned(),
    })
}
