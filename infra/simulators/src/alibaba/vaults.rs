//! Vaults, replication pairs and their tasks.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Alibaba, REGIONS, invalid, number, required};
use crate::clock::{self, later};
use crate::cloud::{BadAdmin, Call, Refusal};

/// All vaults, in the order they came to be.
#[derive(Default)]
pub(super) struct Vaults {
    pub(super) by_id: HashMap<String, Vault>,
    order: Vec<String>,
}

/// A backup vault.
#[derive(Clone)]
pub(super) struct Vault {
    pub(super) id: String,
    /// None only in any-source mode, until somebody names it.
    pub(super) region: Option<String>,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) created: Timestamp,
    /// Created as a replication target.
    pub(super) target_made: bool,
    /// On a target: the pair it belongs to.
    pub(super) pair: Option<Pair>,
    /// On a source: its one target.
    pub(super) target: Option<String>,
    pub(super) status_message: Option<&'static str>,
}

/// Standing replication into a vault.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) source: String,
    pub(super) source_region: Option<String>,
    pub(super) started: Timestamp,
    pub(super) visible: Timestamp,
    pub(super) ready: Timestamp,
    pub(super) fails: bool,
    /// Since then nothing newer has been carried.
    pub(super) stalled: Option<Timestamp>,
}

/// What DescribeTask knows.
pub(super) struct Task {
    pub(super) created: Timestamp,
    pub(super) ready: Timestamp,
    pub(super) fails: bool,
}

impl Pair {
    pub(super) fn alive(&self, now: Timestamp) -> bool {
        !(self.fails && now >= self.ready)
    }

    fn progress(&self, now: Timestamp) -> i64 {
        percent(self.started, self.ready, now)
    }

    /// Up to when everything has been carried; none during the first synchronisation.
    pub(super) fn carried_until(&self, lag_s: f64, now: Timestamp) -> Option<Timestamp> {
        let newest = later(now, -lag_s);
        (now >= self.ready).then(|| self.stalled.map_or(newest, |stalled| stalled.min(newest)))
    }
}

impl Task {
    pub(super) fn state(&self, now: Timestamp) -> &'static str {
        match (now >= self.ready, self.fails) {
            (false, _) => "running",
            (true, false) => "done",
            (true, true) => "failed",
        }
    }
}

impl Vault {
    pub(super) fn new(id: &str, region: Option<&str>, name: &str, created: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            region: region.map(str::to_owned),
            name: name.to_owned(),
            kind: "STANDARD".to_owned(),
            status: "CREATED".to_owned(),
            created,
            target_made: false,
            pair: None,
            target: None,
            status_message: None,
        }
    }
}

impl Vaults {
    /// Adds a vault; a pair that it brings along is noted at the source too.
    pub(super) fn insert(&mut self, vault: Vault) {
        if let Some(source) = vault.pair.as_ref().and_then(|pair| self.by_id.get_mut(&pair.source)) {
            source.target = Some(vault.id.clone());
        }
        if self.by_id.insert(vault.id.clone(), vault.clone()).is_none() {
            self.order.push(vault.id);
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Vault> {
        self.by_id.get(id)
    }

    pub(super) fn remove(&mut self, id: &str) -> bool {
        self.order.retain(|other| other != id);
        self.by_id.remove(id).is_some()
    }

    /// The vault, made up in any-source mode; `region` is what the caller says about an unknown region.
    pub(super) fn find(
        &mut self,
        id: &str,
        region: Option<&str>,
        any_source: bool,
        now: Timestamp,
    ) -> Option<&mut Vault> {
        if any_source && is_vault_id(id) && !self.by_id.contains_key(id) {
            let named =
                REGIONS.iter().filter(|region| id.contains(**region)).max_by_key(|region| region.len()).copied();
            self.insert(Vault::new(id, named.or(region), id, later(now, -3_600.0)));
        }
        let vault = self.by_id.get_mut(id)?;
        if vault.region.is_none() {
            vault.region = region.map(str::to_owned);
        }
        Some(vault)
    }
}

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
    /// Pairs this vault, as a target, with a source: a pair made before anybody asked.
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

fn is_vault_id(id: &str) -> bool {
    id.len() >= 5
        && (id.starts_with("v-") || id.starts_with("r-"))
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn no_vault() -> Refusal {
    Refusal::new(404, "VaultNotExist", "The specified vault doesn't exist")
}

pub(super) fn percent(from: Timestamp, to: Timestamp, now: Timestamp) -> i64 {
    let whole = to.duration_since(from);
    if now >= to || whole <= SignedDuration::ZERO {
        return 100;
    }
    // Below 100, since `now` is before `to`.
    (now.duration_since(from).as_secs_f64() / whole.as_secs_f64() * 100.0) as i64
}
