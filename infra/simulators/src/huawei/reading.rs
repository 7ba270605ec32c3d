//! CBR v3: what can be read, and deleting a backup.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answers::{naive_time, verification_failed};
use super::cbr::{no_backup, provider_of};
use super::state::Huawei;
use super::store::{Backup, Record, Vault};
use crate::cloud::{Call, Refusal};
use crate::text::uuid_of;

const LARGEST_PAGE: usize = 1_000;

impl Huawei {
    pub(super) fn show_backup(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let backup = self
            .store
            .backup(&call.path[1], &call.path[0], self.switches.any_source, now)
            .cloned()
            .ok_or_else(no_backup)?;
        Ok(json!({"backup": self.show(&backup, true, now)}))
    }

    pub(super) fn delete_backup(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let id = &call.path[1];
        self.store.backup(id, &call.path[0], self.switches.any_source, now).ok_or_else(no_backup)?;
        if self.store.records_of(id).any(|record| record.neutral_state(now) == "running") {
            return Err(Refusal::new(400, "BackupService.6216", "The backup is in use."));
        }
        self.store.remove(id);
        Ok(Value::Null)
    }

    pub(super) fn list_backups(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let project = call.path[0].clone();
        let vault = call.parameter("vault_id");
        if self.switches.any_source
            && let Some(vault) = vault
        {
            self.store.vault(vault, &project, true);
            self.store.fill_source_vault(vault, &project);
        }
        let limit = number(call, "limit")?.unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE);
        let offset = number(call, "offset")?.unwrap_or(0);
        let with_records = call.parameter("show_replication").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        let (from, to) = (time(call, "start_time")?, time(call, "end_time")?);
        let statuses: Vec<&str> =
            call.query.iter().filter(|(name, _)| name == "status").map(|(_, value)| value.as_str()).collect();
        let wanted = |name: &str, actual: &str| call.parameter(name).is_none_or(|value| value == actual);
        // Source: huawei-cloud-api-definitions-CBR 0.1.20261030, ListBackups: the filter has two values, and `sync` is none of them.
        if call.parameter("image_type").is_some_and(|kind| !matches!(kind, "backup" | "replication")) {
            return Err(verification_failed("invalid value of image_type"));
        }
        let names = self.switches.name_filter;
        let fits = |backup: &&Backup| {
            backup.there(now)
                && (statuses.is_empty() || statuses.contains(&backup.status.as_str()))
                && wanted("image_type", &backup.image_type)
                && wanted("resource_type", &backup.resource_type)
                && wanted("resource_id", &backup.resource_id)
                && call.parameter("name").is_none_or(|name| names.accepts(&backup.name, name))
                && call.parameter("checkpoint_id").is_none_or(|checkpoint| backup.checkpoint() == checkpoint)
                && from.is_none_or(|from| backup.created >= from)
                && to.is_none_or(|to| backup.created <= to)
        };
        let mut matching: Vec<&Backup> = self.store.list(&project, vault).filter(fits).collect();
        sort(&mut matching, call.parameter("sort"))?;
        let start = match call.parameter("marker") {
            Some(marker) => matching.iter().position(|backup| backup.id == marker).map_or(matching.len(), |at| at + 1),
            None => offset,
        };
        let shown: Vec<Value> =
            matching.iter().skip(start).take(limit).map(|backup| self.show(backup, with_records, now)).collect();
        Ok(json!({"backups": shown, "count": matching.len(), "offset": offset, "limit": limit}))
    }

    pub(super) fn show_checkpoint(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let missing = || Refusal::new(404, "BackupService.6217", "The restore point does not exist.");
        let backup = self
            .store
            .by_checkpoint(&call.path[1])
            .filter(|backup| backup.project == call.path[0] && backup.there(now))
            .ok_or_else(missing)?;
        Ok(json!({"checkpoint": {
            "id": call.path[1], "project_id": backup.project, "status": backup.status, "created_at": naive_time(backup.created),
            "vault": {"id": backup.vault, "name": self.store.vaults.get(&backup.vault).map(|vault| vault.name.clone()).unwrap_or_default(), "resources": []},
            "extra_info": {"name": backup.name, "description": backup.description, "retention_duration": -1},
        }}))
    }

    pub(super) fn list_vaults(&self, call: &Call) -> Result<Value, Refusal> {
        let limit = number(call, "limit")?.unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE);
        let offset = number(call, "offset")?.unwrap_or(0);
        let wanted = |name: &str, actual: &str| call.parameter(name).is_none_or(|value| value == actual);
        let fits = |vault: &&Vault| {
            vault.project == call.path[0]
                && wanted("id", &vault.id)
                && wanted("protect_type", &vault.protect_type)
                && wanted("object_type", &vault.object_type)
                && wanted("status", &vault.status)
                && call.parameter("name").is_none_or(|name| self.switches.name_filter.accepts(&vault.name, name))
        };
        let mut matching: Vec<&Vault> = self.store.vaults.values().filter(fits).collect();
        matching.sort_by(|one, two| one.id.cmp(&two.id));
        let shown: Vec<Value> = matching.iter().skip(offset).take(limit).map(|vault| show_vault(vault)).collect();
        Ok(json!({"vaults": shown, "count": matching.len()}))
    }

    pub(super) fn show_vault(&mut self, call: &Call) -> Result<Value, Refusal> {
        let missing = || Refusal::new(404, "BackupService.6105", "The vault does not exist.");
        let vault = self.store.vault(&call.path[1], &call.path[0], self.switches.any_source).ok_or_else(missing)?;
        Ok(json!({"vault": show_vault(vault)}))
    }

    /// Operation logs of replications; their IDs are not the record IDs.
    pub(super) fn list_operation_logs(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let limit = number(call, "limit")?.unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE);
        let offset = number(call, "offset")?.unwrap_or(0);
        let wanted = |name: &str, actual: &str| call.parameter(name).is_none_or(|value| value == actual);
        let (from, to) = (time(call, "start_time")?, time(call, "end_time")?);
        let fits = |record: &&Record| {
            record.operation != "copy-checkpoint-item"
                && record.source_project == call.path[0]
                && wanted("operation_type", "replication")
                && wanted("status", log_status(record, now))
                && wanted("vault_id", &record.source_vault)
                && wanted("destination_region", &record.destination_region)
                && wanted("destination_project_id", &record.destination_project)
                && from.is_none_or(|from| record.started >= from)
                && to.is_none_or(|to| record.started <= to)
        };
        let matching: Vec<&Record> = self.store.records().rev().filter(fits).collect();
        let shown: Vec<Value> = matching.iter().skip(offset).take(limit).map(|record| show_log(record, now)).collect();
        Ok(json!({"operation_logs": shown, "count": matching.len()}))
    }

    pub(super) fn show_operation_log(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let found =
            self.store.records().find(|record| log_id(record) == call.path[1] && record.source_project == call.path[0]);
        let record = found.ok_or_else(|| Refusal::new(404, "BackupService.6500", "Operation log does not exist."))?;
        Ok(json!({"operation_log": show_log(record, now)}))
    }

    /// Every known region can replicate to every other.
    pub(super) fn capabilities(&self) -> Value {
        let mut regions: Vec<&String> = self.store.projects.values().collect();
        regions.sort();
        regions.dedup();
        let shown = regions.iter().map(|name| json!({"name": name, "replication_destinations": regions.iter().filter(|other| other != &name).collect::<Vec<_>>()}));
        json!({"regions": shown.collect::<Vec<_>>()})
    }

    fn show(&self, backup: &Backup, with_records: bool, now: Timestamp) -> Value {
        let (created, updated) = (naive_time(backup.created), naive_time(backup.updated));
        let mut shown = json!({
            "id": backup.id, "name": backup.name, "description": backup.description, "status": backup.status,
            "image_type": backup.image_type, "checkpoint_id": backup.checkpoint(), "vault_id": backup.vault, "parent_id": null,
            "provider_id": provider_of(&backup.resource_type), "project_id": backup.project, "enterprise_project_id": "0",
            "resource_id": backup.resource_id, "resource_name": "ecs-simulated", "resource_type": backup.resource_type,
            "resource_size": 40, "resource_az": "az1.dc1", "created_at": created, "updated_at": updated, "protected_at": created,
            "expired_at": null, "incremental": true, "children": [], "version": 3,
            "extend_info": {
                "auto_trigger": true, "bootable": null, "contain_system_disk": backup.contain_system_disk, "encrypted": false,
                "progress": null, "snapshot_id": null, "support_lld": true, "supported_restore_mode": "backup",
                "system_disk": false, "architecture": "x86_64", "os_images_data": null,
            },
        });
        if with_records && self.switches.show_backup_records {
            let records: Vec<Value> = self
                .store
                .records_of(&backup.id)
                .filter(|record| now >= record.visible)
                .map(|record| show_record(record, now))
                .collect();
            shown["replication_records"] = json!(records);
        }
        shown
    }
}

fn show_record(record: &Record, now: Timestamp) -> Value {
    let status = record.status(now);
    let failed = status == "fail";
    let replica = if status == "success" { json!(record.replica) } else { Value::Null };
    let checkpoint =
        if status == "success" { json!(uuid_of(&format!("checkpoint/{}", record.replica))) } else { Value::Null };
    json!({
        "id": record.id, "status": status, "created_at": naive_time(record.started),
        "source_backup_id": record.source, "source_checkpoint_id": uuid_of(&format!("checkpoint/{}", record.source)),
        "source_project_id": record.source_project, "source_region": record.source_region, "vault_id": record.source_vault,
        "destination_backup_id": replica, "destination_checkpoint_id": checkpoint,
        "destination_project_id": record.destination_project, "destination_region": record.destination_region,
        "destination_vault_id": record.destination_vault,
        "extra_info": {
            "progress": record.progress(now), "auto_trigger": record.auto_trigger, "destination_vault_id": record.destination_vault,
            "fail_code": if failed { "BackupService.1006" } else { "" },
            "fail_reason": if failed { "Scripted by the simulator." } else { "" },
        },
    })
}

fn show_vault(vault: &Vault) -> Value {
    json!({
        "id": vault.id, "name": vault.name, "description": null, "project_id": vault.project, "provider_id": provider_of("OS::Nova::Server"),
        "enterprise_project_id": "0", "created_at": "2025-03-25T06:12:48.673924", "resources": [], "tags": [], "auto_bind": false,
        "auto_expand": false, "bind_rules": {}, "smn_notify": true, "threshold": 80, "user_id": "", "locked": false,
        "billing": {
            "allocated": 0, "charging_mode": "post_paid", "cloud_type": "public", "consistent_level": "crash_consistent",
            "object_type": vault.object_type, "protect_type": vault.protect_type, "size": 1000,
            "spec_code": format!("vault.{}.server.normal", vault.protect_type), "status": vault.status,
            "used": if vault.full { 1_024_000 } else { 0 }, "frozen_scene": null, "is_multi_az": false,
        },
    })
}

fn log_id(record: &Record) -> String {
    uuid_of(&format!("log/{}", record.id))
}

fn log_status(record: &Record, now: Timestamp) -> &'static str {
    match record.status(now) {
        "success" => "success",
        "fail" => "failed",
        "waiting_replicate" => "waiting",
        _ => "running",
    }
}

fn show_log(record: &Record, now: Timestamp) -> Value {
    let status = log_status(record, now);
    let ended = (now >= record.ready).then(|| naive_time(record.ready));
    let started = naive_time(record.started);
    let (code, message) =
        if status == "failed" { ("BackupService.1006", "Scripted by the simulator.") } else { ("", "") };
    json!({
        "id": log_id(record), "status": status, "operation_type": "replication", "checkpoint_id": null, "policy_id": null,
        "project_id": record.source_project, "provider_id": provider_of("OS::Nova::Server"), "vault_id": record.source_vault, "vault_name": null,
        "created_at": started, "started_at": started, "ended_at": ended, "updated_at": ended,
        "error_info": {"code": code, "message": message},
        "extra_info": {
            "common": {"progress": record.progress(now), "request_id": "", "task_id": ""},
            "backup": {"backup_id": record.source, "backup_name": ""},
            "replication": {
                "source_backup_id": record.source, "source_project_id": record.source_project, "source_region": record.source_region,
                "destination_backup_id": if status == "success" { json!(record.replica) } else { Value::Null },
                "destination_project_id": record.destination_project, "destination_region": record.destination_region,
            },
        },
    })
}

fn sort(backups: &mut [&Backup], order: Option<&str>) -> Result<(), Refusal> {
    let (key, direction) =
        order.map_or(("created_at", "desc"), |order| order.split_once(':').unwrap_or((order, "desc")));
    match key {
        // The simulated time of protection equals the creation.
        "created_at" | "protected_at" => {
            backups.sort_by(|one, two| (one.created, &one.id).cmp(&(two.created, &two.id)))
        }
        "updated_at" => backups.sort_by(|one, two| (one.updated, &one.id).cmp(&(two.updated, &two.id))),
        "name" => backups.sort_by(|one, two| one.name.cmp(&two.name)),
        "status" => backups.sort_by(|one, two| one.status.cmp(&two.status)),
        "id" => backups.sort_by(|one, two| one.id.cmp(&two.id)),
        _ => return Err(verification_failed("invalid value of sort")),
    }
    match direction {
        "asc" => {}
        "desc" => backups.reverse(),
        _ => return Err(verification_failed("invalid value of sort")),
    }
    Ok(())
}

fn number(call: &Call, name: &str) -> Result<Option<usize>, Refusal> {
    call.parameter(name)
        .map(|text| text.parse().map_err(|_| verification_failed(format!("invalid value of {name}"))))
        .transpose()
}

/// The time that a parameter holds, if it is given. Source of the form: ListBackups, `%Y-%m-%dT%H:%M:%SZ`; 2026-11-21.
fn time(call: &Call, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let read = |text: &str| text.parse::<Timestamp>().ok().filter(|_| text.len() == 20 && text.ends_with('Z'));
    call.parameter(name)
        .map(|text| read(text).ok_or_else(|| verification_failed(format!("invalid value of {name}"))))
        .transpose()
}
