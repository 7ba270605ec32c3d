//! What `POST /_sim/seed` can put into the account.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::Tencent;
use super::store::{NewSnapshot, is_snapshot_id};
use crate::clock;
use crate::text::BadAdmin;

impl Tencent {
    /// Adds and removes snapshots as the body of the seed says.
    pub(super) fn seed_inventory(&mut self, inventory: &Value, now: Timestamp) -> Result<Value, BadAdmin> {
        let inventory: Inventory =
            serde_json::from_value(inventory.clone()).map_err(|error| BadAdmin::new(error.to_string()))?;
        let mut added = 0_u64;
        for item in inventory.snapshots {
            let any_id = item.any_id;
            let snapshot = item.into_snapshot(now)?;
            if !any_id && !is_snapshot_id(&snapshot.id) {
                return Err(BadAdmin::new(format!("snapshot_id `{}` must look like snap-ckgjwkqh", snapshot.id)));
            }
            if !self.store.insert(snapshot) {
                return Err(BadAdmin::new("a snapshot of that ID exists already; remove it first"));
            }
            added += 1;
        }
        if let Some(many) = inventory.generate {
            // The oldest first: that is the order in which the index grows at its end.
            for at in (0..many.count).rev() {
                let created = clock::later(now, -(at as f64) * many.every_s);
                let id = format!("snap-{}", self.draw.word(10));
                let name = format!("{}{at:07}", many.prefix);
                self.store.insert(NewSnapshot { name, created, ..NewSnapshot::plain(&id, &many.region, now) });
                added += 1;
            }
        }
        for (id, name) in &inventory.rename {
            if !self.store.rename(id, name) {
                return Err(BadAdmin::new(format!("there is no snapshot {id} that could be renamed")));
            }
        }
        let mut removed = 0_u64;
        for id in &inventory.remove {
            removed += u64::from(self.store.remove(id));
        }
        Ok(json!({"added": added, "removed": removed}))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Inventory {
    snapshots: Vec<SeedSnapshot>,
    generate: Option<Generate>,
    remove: Vec<String>,
    /// New names of snapshots that exist, by ID. What was copied from them stays.
    rename: BTreeMap<String, String>,
}

/// Many similar snapshots at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generate {
    count: u64,
    region: String,
    #[serde(default)]
    prefix: String,
    #[serde(default = "one_second")]
    every_s: f64,
}

fn one_second() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedSnapshot {
    snapshot_id: String,
    region: String,
    name: Option<String>,
    created: Option<Value>,
    /// For how many seconds from now the snapshot is CREATING, before it is NORMAL.
    creating_s: Option<f64>,
    disk_id: Option<String>,
    disk_usage: Option<String>,
    #[serde(default)]
    encrypt: bool,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    instant: bool,
    #[serde(default)]
    copy_from_remote: bool,
    #[serde(default)]
    recycled: bool,
    auto_snapshot_policy_id: Option<String>,
    /// Takes an ID that the cloud would not give.
    #[serde(default)]
    any_id: bool,
}

impl SeedSnapshot {
    fn into_snapshot(self, now: Timestamp) -> Result<NewSnapshot, BadAdmin> {
        let mut snapshot = NewSnapshot::plain(&self.snapshot_id, &self.region, now);
        if let Some(created) = &self.created {
            snapshot.created = clock::time("created", created)?;
        }
        snapshot.system_disk = match self.disk_usage.as_deref() {
            None | Some("DATA_DISK") => false,
            Some("SYSTEM_DISK") => true,
            Some(_) => return Err(BadAdmin::new("disk_usage must be DATA_DISK or SYSTEM_DISK")),
        };
        snapshot.name = self.name.unwrap_or_else(|| self.snapshot_id.clone());
        snapshot.creating_until = self.creating_s.map(|seconds| clock::later(now, seconds));
        snapshot.encrypt = self.encrypt;
        snapshot.shared = self.shared;
        snapshot.instant = self.instant;
        snapshot.recycled = self.recycled;
        snapshot.from_remote = self.copy_from_remote;
        snapshot.disk_id = if self.copy_from_remote { String::new() } else { self.disk_id.unwrap_or(snapshot.disk_id) };
        snapshot.policy_id = self.auto_snapshot_policy_id;
        Ok(snapshot)
    }
}
