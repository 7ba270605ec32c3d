//! Vaults, replication pairs and their tasks.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fields::{invalid, number, required};
use super::state::Alibaba;
use super::store::{Pair, Task, Vault, is_vault_id};
use crate::clock;
use crate::cloud::{Call, Refusal};
use crate::text::BadAdmin;
impl Alibaba {
    pub(super) fn create_vault(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let region = call
            .parameter("VaultRegionId")
            .or(call.region.as_deref())
            .ok_or_else(|| Refusal::new(400, "MissingVaultRegionId", "VaultRegionId is mandatory for this action."))?;
        let name = required(call, "VaultName")?;
        let id = format!("v-{}", self.draw.word(20));
        let task = format!("t-{}", self.draw.word(21));
        let target_made = call.parameter("Replication").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        self.vaults.insert(Vault { target_made, ..Vault::new(&id, Some(region), name, now) });
        self.tasks.insert(task.clone(), Task { created: now, ready: now, fails: false });
        Ok(json!({"VaultId": id, "TaskId": task}))
    }

    pub(super) fn describe_vaults(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let page = number(call, "PageNumber")?.unwrap_or(1);
        let size = number(call, "PageSize")?.unwrap_or(10);
        if page < 1 {
            return Err(invalid("PageNumber"));
        }
        if !(1..=100).contains(&size) {
            return Err(invalid("PageSize"));
        }
        let region = call.parameter("VaultRegionId");
        let wanted = call.parameter("VaultId");
        let targets_only = call.parameter("Replication").map(|flag| flag.eq_ignore_ascii_case("true"));
        if let Some(id) = wanted {
            self.vaults.find(id, region.or(call.region.as_deref()), self.switches.any_source, now);
        }
        let fits = |vault: &&Vault| {
            region.is_none_or(|region| vault.region.as_deref() == Some(region))
                && call.parameter("Status").is_none_or(|status| vault.status == status)
                && call.parameter("VaultType").is_none_or(|kind| vault.kind == kind)
                && call.parameter("VaultName").is_none_or(|name| self.switches.name_filter.accepts(&vault.name, name))
                && targets_only.is_none_or(|only| only == is_target(vault, now))
        };
        let mut matching: Vec<&Vault> = match wanted {
            Some(id) => self.vaults.get(id).into_iter().filter(fits).collect(),
            None => self.vaults.order.iter().filter_map(|id| self.vaults.get(id)).filter(fits).collect(),
        };
        if self.switches.loose_vault_id_filter
            && let Some(id) = wanted
        {
            let other = self.vaults.order.iter().filter(|other| *other != id).find_map(|other| self.vaults.get(other));
            matching.splice(0..0, other);
        }
        let skip = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
        let take = usize::try_from(size).unwrap_or(usize::MAX);
        let shown: Vec<Value> =
            matching.iter().skip(skip).take(take).map(|vault| self.show_vault(vault, now)).collect();
        // An empty list is left out, as the reference warns.
        let vaults = if shown.is_empty() { json!({}) } else { json!({"Vault": shown}) };
        Ok(json!({"Vaults": vaults, "TotalCount": matching.len(), "PageNumber": page, "PageSize": size}))
    }

    fn show_vault(&self, vault: &Vault, now: Timestamp) -> Value {
        let mut shown = json!({
            "VaultId": vault.id, "VaultName": vault.name, "VaultType": vault.kind, "Status": vault.status,
            "VaultStorageClass": "STANDARD", "Retention": 730, "ChargeType": "FREE", "EncryptType": "HBR_PRIVATE",
            "CreatedTime": vault.created.as_second(), "UpdatedTime": vault.created.as_second(),
            "Replication": is_target(vault, now),
            "ReplicationSourceVault": false,
        });
        if let Some(region) = &vault.region {
            shown["VaultRegionId"] = json!(region);
        }
        if let Some(message) = vault.status_message {
            shown["Status"] = json!("ERROR");
            shown["VaultStatusMessage"] = json!(message);
        }
        if let Some(pair) = &vault.pair {
            if !pair.alive(now) {
                shown["Status"] = json!("ERROR");
                shown["VaultStatusMessage"] = json!("UNKNOWN_ERROR");
            } else if now >= pair.visible {
                shown["ReplicationSourceVaultId"] = json!(pair.source);
                if let Some(region) = &pair.source_region {
                    shown["ReplicationSourceRegionId"] = json!(region);
                }
                let newest = pair.carried_until(self.switches.new_progress_lag_s, now);
                let newest = newest.map_or(0, Timestamp::as_second);
                shown["ReplicationProgress"] =
                    json!({"HistoricalReplicationProgress": pair.progress(now), "NewReplicationProgress": newest});
                shown["LatestReplicationTime"] = json!(newest);
                if let Some(status) = &self.switches.replication_status {
                    shown["ReplicationStatus"] = json!(status);
                }
            }
        }
        let target = vault.target.as_ref().and_then(|target| self.vaults.get(target));
        let live = target.filter(|target| {
            target.pair.as_ref().is_some_and(|pair| pair.source == vault.id && pair.alive(now) && now >= pair.visible)
        });
        if let Some(target) = live {
            shown["ReplicationSourceVault"] = json!(true);
            shown["ReplicationTargetVaultId"] = json!(target.id);
            if let Some(region) = &target.region {
                shown["ReplicationTargetRegionId"] = json!(region);
            }
        }
        shown
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedVault {
    vault_id: String,
    region: String,
    name: Option<String>,
    vault_type: Option<String>,
    status: Option<String>,
    #[serde(default)]
    replication: bool,
    /// The source vault that this vault is the target of: the pair exists from the start.
    source_vault_id: Option<String>,
    source_region: Option<String>,
    created: Option<Value>,
}

impl SeedVault {
    pub(super) fn into_vault(self, now: Timestamp) -> Result<Vault, BadAdmin> {
        if !is_vault_id(&self.vault_id) {
            return Err(BadAdmin::new(format!("vault_id `{}` must look like v-0003rf9m17pap3ltpqx5", self.vault_id)));
        }
        let created = self.created.map_or(Ok(now), |created| clock::time("created", &created))?;
        let mut vault =
            Vault::new(&self.vault_id, Some(&self.region), self.name.as_deref().unwrap_or(&self.vault_id), created);
        vault.kind = self.vault_type.unwrap_or(vault.kind);
        vault.status = self.status.unwrap_or(vault.status);
        vault.target_made = self.replication || self.source_vault_id.is_some();
        let source_region = self.source_region;
        vault.pair = self.source_vault_id.map(|source| Pair {
            source,
            source_region,
            started: created,
            visible: created,
            ready: created,
            fails: false,
            stalled: None,
        });
        Ok(vault)
    }
}

fn is_target(vault: &Vault, now: Timestamp) -> bool {
    vault.target_made || vault.pair.as_ref().is_some_and(|pair| pair.alive(now) && now >= pair.visible)
}

pub(super) fn no_vault() -> Refusal {
    Refusal::new(404, "VaultNotExist", "The specified vault doesn't exist")
}
