//! Setting up and ending replication pairs, and their tasks.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::required;
use super::state::Alibaba;
use super::store::{Pair, Task, Vault, percent};
use super::vaults::no_vault;
use crate::clock::later;
use crate::cloud::{Call, ExistingPair, Refusal, Twist};

impl Alibaba {
    /// Sets up replication from one vault to another. Called in the target's region.
    pub(super) fn create_replication(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Result<Value, Refusal> {
        let source_id = required(call, "ReplicationSourceVaultId")?;
        let target_id = required(call, "ReplicationTargetVaultId")?;
        if source_id == target_id {
            return Err(Refusal::new(400, "BadRequest", "The request has invalid parameters."));
        }
        let called = call.region.as_deref();
        let any = self.switches.any_source;
        let target = self.vaults.find(target_id, called, any, now).cloned().ok_or_else(no_vault)?;
        if called.is_some() && target.region.as_deref() != called {
            return Err(no_vault());
        }
        // Without the parameter the source is looked for in the region being called: the target's.
        let source_region =
            call.parameter("ReplicationSourceRegionId").map(str::to_owned).or_else(|| target.region.clone());
        let source = self.vaults.find(source_id, source_region.as_deref(), any, now).cloned().ok_or_else(no_vault)?;
        if source_region.is_some() && source.region != source_region {
            return Err(no_vault());
        }
        if target.status != "CREATED" || source.status != "CREATED" {
            return Err(Refusal::new(500, "InitVaultError", "Failed to initialize a repository."));
        }
        let alive =
            |vault: &str| self.vaults.get(vault).and_then(|vault| vault.pair.as_ref()).filter(|pair| pair.alive(now));
        let same = alive(target_id).is_some_and(|pair| pair.source == source_id);
        let elsewhere = source
            .target
            .as_deref()
            .is_some_and(|other| other != target_id && alive(other).is_some_and(|pair| pair.source == source_id));
        let taken = alive(target_id).is_some_and(|pair| pair.source != source_id);
        let task = format!("t-{}", self.draw.word(21));
        let ready = later(now, self.switches.copy_duration_s);
        if same || elsewhere || taken {
            return self.existing_pair(source_id, target_id, same, &task, now);
        }
        let pair = Pair {
            source: source_id.to_owned(),
            source_region: source.region.clone(),
            started: now,
            visible: later(now, self.switches.visibility_delay_s),
            ready,
            fails: twist.fail_later,
            stalled: None,
        };
        if let Some(target) = self.vaults.by_id.get_mut(target_id) {
            target.pair = Some(pair);
            target.status_message = None;
        }
        if let Some(source) = self.vaults.by_id.get_mut(source_id) {
            source.target = Some(target_id.to_owned());
        }
        self.tasks.insert(task.clone(), Task { created: now, ready, fails: twist.fail_later });
        self.copies.made("create-vault-replication", source_id, target_id, &task);
        Ok(json!({"TaskId": task}))
    }

    /// The answer to a request for a pair that exists already, or that another pair stands in the way of. What the live service
    /// answers is not published.
    fn existing_pair(
        &mut self,
        source: &str,
        target: &str,
        same: bool,
        task: &str,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let ready = later(now, self.switches.copy_duration_s);
        match self.switches.existing_pair {
            ExistingPair::Accept if same => {
                self.tasks.insert(task.to_owned(), Task { created: now, ready, fails: false });
                self.copies.made("create-vault-replication", source, target, task);
                Ok(json!({"TaskId": task}))
            }
            ExistingPair::VaultStatus => {
                self.tasks.insert(task.to_owned(), Task { created: now, ready: now, fails: true });
                if !same && let Some(vault) = self.vaults.by_id.get_mut(target) {
                    vault.status_message = Some("SOURCE_VAULT_ALREADY_HAS_REPLICATION");
                }
                Ok(json!({"TaskId": task}))
            }
            ExistingPair::Accept | ExistingPair::Error => Err(Refusal::new(
                400,
                self.switches.existing_pair_code.clone(),
                "The source vault already has a replication.",
            )),
        }
    }

    pub(super) fn delete_replication(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let source = required(call, "ReplicationSourceVaultId")?;
        let target = required(call, "ReplicationTargetVaultId")?;
        let paired = |vault: &Vault| vault.pair.as_ref().is_some_and(|pair| pair.source == source && pair.alive(now));
        let vault = self.vaults.by_id.get_mut(target).ok_or_else(no_vault)?;
        if !paired(vault) {
            return Err(Refusal::new(404, "ResourceNotFound", "The specified resource doesn't exist."));
        }
        vault.pair = None;
        if let Some(source) = self.vaults.by_id.get_mut(source) {
            source.target = None;
        }
        Ok(json!({}))
    }

    pub(super) fn describe_task(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let task = call
            .parameter("TaskId")
            .and_then(|id| self.tasks.get(id))
            .ok_or_else(|| Refusal::new(404, "TaskNotFound", "The specified task doesn't exist."))?;
        let finished = now >= task.ready;
        // A failed task is `completed` with progress -1: the documented way to tell.
        let progress = if finished && task.fails { -1 } else { percent(task.created, task.ready, now) };
        let mut shown = json!({
            "Name": "CreateVaultReplicationTask",
            "Description": if finished { "completed" } else { "created" },
            "Progress": progress,
            "Result": "{}",
            "CreatedTime": task.created.as_second(),
            "UpdatedTime": now.min(task.ready).as_second(),
        });
        if finished {
            shown["CompletedTime"] = json!(task.ready.as_second());
        }
        Ok(shown)
    }
}
