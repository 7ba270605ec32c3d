//! What `POST /_sim/seed` can put into the account.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::store::{Backup, Item, Vault};
use crate::clock;
use crate::text::{BadAdmin, is_uuid};

/// The body of the seed, without the switches.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Inventory {
    pub(super) projects: Vec<SeedProject>,
    pub(super) vaults: Vec<SeedVault>,
    pub(super) backups: Vec<SeedBackup>,
    pub(super) checkpoint_items: Vec<SeedItem>,
    pub(super) remove: Vec<String>,
}

/// A project and its region.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedProject {
    pub(super) id: String,
    pub(super) region: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedVault {
    id: String,
    project_id: String,
    name: Option<String>,
    protect_type: Option<String>,
    object_type: Option<String>,
    status: Option<String>,
    #[serde(default)]
    full: bool,
}

impl SeedVault {
    pub(super) fn into_vault(self) -> Vault {
        let mut vault = Vault::new(&self.id, &self.project_id, self.protect_type.as_deref().unwrap_or("backup"));
        vault.name = self.name.unwrap_or(vault.name);
        vault.object_type = self.object_type.unwrap_or(vault.object_type);
        vault.status = self.status.unwrap_or(vault.status);
        vault.full = self.full;
        vault
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedBackup {
    id: String,
    project_id: String,
    vault_id: String,
    name: Option<String>,
    status: Option<String>,
    image_type: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    contain_system_disk: Option<bool>,
    created: Option<Value>,
    updated: Option<Value>,
}

impl SeedBackup {
    pub(super) fn into_backup(self, now: Timestamp) -> Result<Backup, BadAdmin> {
        if !is_uuid(&self.id) {
            return Err(BadAdmin::new(format!("backup id `{}` must be a UUID", self.id)));
        }
        let created = self.created.map_or(Ok(now), |value| clock::time("created", &value))?;
        let updated = self.updated.map_or(Ok(created), |value| clock::time("updated", &value))?;
        let plain = Backup::plain(&self.id, &self.project_id, &self.vault_id, created);
        Ok(Backup {
            name: self.name.unwrap_or(plain.name),
            status: self.status.unwrap_or(plain.status),
            image_type: self.image_type.unwrap_or(plain.image_type),
            resource_type: self.resource_type.unwrap_or(plain.resource_type),
            resource_id: self.resource_id.unwrap_or(plain.resource_id),
            contain_system_disk: self.contain_system_disk.unwrap_or(true),
            updated,
            ..Backup::plain(&self.id, &self.project_id, &self.vault_id, created)
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedItem {
    id: String,
    project_id: String,
    name: Option<String>,
    status: Option<String>,
    image_type: Option<String>,
    created: Option<Value>,
}

impl SeedItem {
    pub(super) fn into_item(self, now: Timestamp) -> Result<Item, BadAdmin> {
        if !is_uuid(&self.id) {
            return Err(BadAdmin::new(format!("checkpoint item id `{}` must be a UUID", self.id)));
        }
        let created = self.created.map_or(Ok(now), |value| clock::time("created", &value))?;
        let mut item = Item::plain(&self.id, &self.project_id, created);
        item.name = self.name.unwrap_or(item.name);
        item.status = self.status.unwrap_or(item.status);
        item.image_type = self.image_type.unwrap_or(item.image_type);
        Ok(item)
    }
}
