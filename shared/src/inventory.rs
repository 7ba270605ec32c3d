//! Inventories: what backups a source holds, as a provider lists them, page by page.

use jiff::Timestamp;

use crate::disposition::Failure;
use crate::ports::Reply;
use crate::providers::Call;

/// One thing that can be copied, as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Snapshot, backup, checkpoint item or backup job ID.
    pub id: String,
    /// Name, where it has one.
    pub name: Option<String>,
    /// Tags, where the list shows them.
    pub tags: Vec<(String, String)>,
    /// The disk or server it is a backup of.
    pub resource: Option<String>,
    /// The vault it lies in.
    pub vault_id: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Size in GiB.
    pub size_gib: Option<u64>,
    /// Whether it can be copied.
    pub standing: Standing,
    /// What the provider's own records say of copies, where the list shows them.
    pub copies: Vec<CopyRecord>,
}

/// Whether a backup can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Usable,
    /// Not yet.
    NotReady(String),
    /// Never, and why.
    Ineligible(String),
}

/// What a provider's own record says of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRecord {
    /// Destination region.
    pub region: String,
    /// The provider's ID of the replication or of the copy.
    pub id: Option<String>,
    /// How far it is.
    pub state: CopyState,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// On its way.
    Running,
    /// Usable in the destination, or recorded as done.
    Done,
    /// The provider gave up.
    Failed,
}

/// Where an inventory is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Region.
    pub region: String,
    /// Huawei's project.
    pub project_id: Option<String>,
    /// Only this vault.
    pub vault_id: Option<String>,
    /// Only names that begin so, where the API can filter; the caller filters again.
    pub name_prefix: Option<String>,
    /// Only backups made after this, where the API can filter or stop early; the caller filters again.
    pub since: Option<Timestamp>,
}

/// Where the next page begins, as text that can be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryPage {
    /// The backups, in the provider's order.
    pub backups: Vec<Backup>,
    /// The next page, if there is one.
    pub next: Option<Cursor>,
    /// How many the provider says there are in all.
    pub total: Option<u64>,
}

/// A provider's inventories: plain functions, like everything in [`crate::providers`].
pub trait Inventory: Send + Sync {
    /// The call for a page of source backups.
    fn list(&self, scope: &Scope, cursor: Option<&Cursor>) -> Call;

    /// What the reply to [`Inventory::list`] holds.
    ///
    /// # Errors
    /// A failed read.
    fn listed(&self, scope: &Scope, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure>;
}
