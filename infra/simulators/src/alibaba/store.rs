//! What the simulated cloud holds: vaults, their pairs and tasks, backup jobs.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::later;

/// Regions with HBR endpoints that follow the naming rule. Source: OpenAPI metadata; 2026-11-21.
pub(super) const REGIONS: [&str; 29] = [
    "cn-qingdao",
    "cn-beijing",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-wulanchabu",
    "cn-hangzhou",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
    "cn-hongkong",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "us-east-1",
    "us-west-1",
    "eu-west-1",
    "eu-central-1",
    "me-east-1",
    "me-central-1",
    "cn-hangzhou-finance",
    "cn-shanghai-finance-1",
    "cn-shenzhen-finance-1",
    "cn-beijing-finance-1",
];

/// All vaults, in the order they came to be.
#[derive(Default)]
pub(super) struct Vaults {
    pub(super) by_id: HashMap<String, Vault>,
    pub(super) order: Vec<String>,
}

/// A backup vault.
#[derive(Clone)]
pub(super) struct Vault {
    pub(super) id: String,
    /// The vault's region; `None` only in any-source mode, until a call names it.
    pub(super) region: Option<String>,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) created: Timestamp,
    /// Whether the vault was created as a replication target.
    pub(super) target_made: bool,
    /// The pair that this vault is the target of.
    pub(super) pair: Option<Pair>,
    /// The target of this vault, of which there can be one only.
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
    /// The moment since which the pair has carried nothing newer, if it has stopped.
    pub(super) stalled: Option<Timestamp>,
}

/// A replication task, as DescribeTask tells of it.
pub(super) struct Task {
    pub(super) created: Timestamp,
    pub(super) ready: Timestamp,
    pub(super) fails: bool,
}

impl Pair {
    pub(super) fn alive(&self, now: Timestamp) -> bool {
        !(self.fails && now >= self.ready)
    }

    pub(super) fn progress(&self, now: Timestamp) -> i64 {
        percent(self.started, self.ready, now)
    }

    /// The moment up to which everything has been carried; `None` while the first synchronization runs.
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

    /// The vault of this ID. Any-source mode makes one up where there is none, in the `region` that the caller names.
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

/// One backup job of a vault.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) vault: String,
    pub(super) source_type: String,
    pub(super) status: String,
    pub(super) instance: String,
    pub(super) created: Timestamp,
    pub(super) completed: Timestamp,
}

impl Job {
    /// Two finished jobs in the primary vault and a whole-instance job that does not follow the pair.
    pub(super) fn default_inventory(now: Timestamp) -> Vec<Self> {
        let job = |id: &str, source_type: &str, age_s: f64| Self {
            id: id.to_owned(),
            name: id.to_owned(),
            vault: "v-0003rf9m17pap3ltpqx5".to_owned(),
            source_type: source_type.to_owned(),
            status: "COMPLETE".to_owned(),
            instance: "i-bp1simulated0000001".to_owned(),
            created: later(now, -age_s - 600.0),
            completed: later(now, -age_s),
        };
        vec![
            job("job-000g1simulated0001", "ECS_FILE", 90_000.0),
            job("job-000g1simulated0002", "ECS_FILE", 3_600.0),
            job("job-000g1simulated0003", "UDM_ECS", 3_500.0),
        ]
    }

    pub(super) fn field(&self, key: &str) -> Option<String> {
        Some(match key {
            "JobId" => self.id.clone(),
            "VaultId" => self.vault.clone(),
            "InstanceId" => self.instance.clone(),
            "Status" => self.status.clone(),
            "CreatedTime" => self.created.as_second().to_string(),
            "CompleteTime" => self.completed.as_second().to_string(),
            "RegionId" | "PlanId" | "Bucket" | "FileSystemId" | "InstanceName" => String::new(),
            _ => return None,
        })
    }

    pub(super) fn show(&self) -> Value {
        json!({
            "JobId": self.id, "JobName": self.name, "VaultId": self.vault, "PlanId": "plan-simulated", "SourceType": self.source_type,
            "Status": self.status, "BackupType": "COMPLETE", "InstanceId": self.instance,
            "CreatedTime": self.created.as_second(), "StartTime": self.created.as_second(), "UpdatedTime": self.completed.as_second(),
            "CompleteTime": self.completed.as_second(), "Progress": 10_000, "BytesDone": 800, "BytesTotal": 1_000, "ErrorMessage": "",
        })
    }
}

pub(super) fn is_vault_id(id: &str) -> bool {
    id.len() >= 5
        && (id.starts_with("v-") || id.starts_with("r-"))
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn percent(from: Timestamp, to: Timestamp, now: Timestamp) -> i64 {
    let whole = to.duration_since(from);
    if now >= to || whole <= SignedDuration::ZERO {
        return 100;
    }
    // Below 100, since `now` is before `to`.
    (now.duration_since(from).as_secs_f64() / whole.as_secs_f64() * 100.0) as i64
}
