//! Inventories: what backups a source holds, and what copies a destination holds, as a provider lists them, page by page.
//!
//! A page can show a backup again that an earlier one has shown: where a provider pages by offset, consecutive pages overlap, so
//! that a deletion meanwhile hides nothing. The caller drops repeats. **Invariant:** an answer that may leave something out
//! without saying so is a failure, never a shorter inventory.

use jiff::Timestamp;

use crate::command::{Destination, Operation, Replication};
use crate::disposition::{Disposition, Failure};
use crate::ports::Reply;
use crate::providers::Call;
use crate::providers::alibaba::inventory::PairRead;

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
    /// When it was made, or its making began.
    pub created_at: Option<Timestamp>,
    /// When its making ended, where the list tells.
    pub completed_at: Option<Timestamp>,
    /// Size in GiB.
    pub size_gib: Option<u64>,
    /// Whether it can be copied.
    pub standing: Standing,
    /// What may keep it from being copied although only the provider can tell, such as `system disk`.
    pub hint: Option<String>,
    /// What the provider's own records say of copies, where the list shows them: the newest word for each destination.
    pub copies: Vec<CopyRecord>,
    /// Whether `copies` is all there is: what is not in it does not exist.
    pub copies_told: bool,
}

impl Backup {
    /// What the provider's own records say of the copy to `destination`.
    pub fn copy_to(&self, destination: &Destination) -> Option<&CopyRecord> {
        self.copies.iter().find(|copy| copy.is_to(destination))
    }
}

/// Whether a backup can be copied. The reasons follow an ID in a sentence: `is still being created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can, as far as can be told without trying.
    Usable,
    /// Not yet.
    NotReady(String),
    /// Never, and why.
    Ineligible(String),
}

/// What a provider's own record, kept with the source, says of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRecord {
    /// Destination region; empty where only the project is told.
    pub region: String,
    /// Huawei's destination project.
    pub project_id: Option<String>,
    /// The provider's ID of the replication (Huawei: replication_record_id).
    pub id: Option<String>,
    /// The ID of the copy in the destination, once there is one and it is told.
    pub copy_id: Option<String>,
    /// How far it is.
    pub state: CopyState,
    /// When the record was made.
    pub created_at: Option<Timestamp>,
    /// Why it failed, or what else the provider says.
    pub note: Option<String>,
}

impl CopyRecord {
    /// Whether it goes there. The region decides; a project belongs to one region.
    pub fn is_to(&self, destination: &Destination) -> bool {
        match self.region.as_str() {
            "" => self.project_id.is_some() && self.project_id == destination.project_id,
            region => region == destination.region,
        }
    }
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// On its way.
    Running,
    /// Usable in the destination, or recorded as done.
    Done,
    /// The provider gave up, or threw it away.
    Failed,
}

/// A copy as its destination lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationCopy {
    /// Snapshot, backup or checkpoint item ID in the destination.
    pub id: String,
    /// Its name there.
    pub name: Option<String>,
    /// What it is a copy of, where the destination tells.
    pub source_id: Option<String>,
    /// From which region, where the destination tells.
    pub source_region: Option<String>,
    /// The vault it lies in.
    pub vault_id: Option<String>,
    /// How far it is.
    pub state: CopyState,
    /// When it was made there.
    pub created_at: Option<Timestamp>,
    /// Size in GiB.
    pub size_gib: Option<u64>,
}

/// Of several copies of one backup the one to go by: a usable one before a running one, then the older one.
pub fn best<'c>(copies: impl IntoIterator<Item = &'c DestinationCopy>) -> Option<&'c DestinationCopy> {
    let rank = |state| match state {
        CopyState::Done => 0,
        CopyState::Running => 1,
        CopyState::Failed => 2,
    };
    copies
        .into_iter()
        .min_by_key(|copy| (rank(copy.state), copy.created_at.is_none(), copy.created_at, copy.id.as_str()))
}

/// Where an inventory is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// What the backups are listed for: it decides which service has them.
    pub operation: Operation,
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

impl Scope {
    /// All that a place holds for an operation. The backups of a vault-wide copy are listed like those copied one by one.
    pub fn of(operation: Operation, region: &str, project_id: Option<String>) -> Scope {
        let operation = match operation {
            Operation::CopyCheckpoint => Operation::CopyBackup,
            other => other,
        };
        Scope { operation, region: region.to_owned(), project_id, vault_id: None, name_prefix: None, since: None }
    }
}

/// Where the next page begins, as text that can be stored. One that cannot be read begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of source backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryPage {
    /// The backups, in the provider's order.
    pub backups: Vec<Backup>,
    /// The next page, if there is one.
    pub next: Option<Cursor>,
    /// How many the provider says there are in all, before what we leave out.
    pub total: Option<u64>,
}

/// One page of a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiesPage {
    /// The copies, in the provider's order; what is no copy is left out.
    pub copies: Vec<DestinationCopy>,
    /// The next page, if there is one.
    pub next: Option<Cursor>,
    /// How many the provider says there are in all, before what we leave out.
    pub total: Option<u64>,
}

/// What a copy is a copy of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceKey {
    /// The key.
    pub text: String,
    /// Whether the source certainly lies in the region that was asked about: then, if it is not there, the copy is an orphan.
    pub certain: bool,
}

/// A provider's inventories: plain functions, like everything in [`crate::providers`].
pub trait Inventory: Send + Sync {
    /// The call for a page of source backups.
    fn list(&self, scope: &Scope, cursor: Option<&Cursor>) -> Call;

    /// What the reply to [`Inventory::list`] holds.
    ///
    /// # Errors
    /// A failed read, or a page that cannot be the whole truth.
    fn listed(&self, scope: &Scope, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure>;

    /// The call that shows one backup of which the ID is known; `None` where only vaults are copied.
    fn show(&self, _scope: &Scope, _id: &str) -> Option<Call> {
        None
    }

    /// What the reply to [`Inventory::show`] holds; `None` when it is not there, or not yet.
    ///
    /// # Errors
    /// A failed read.
    fn shown(&self, _scope: &Scope, _id: &str, _reply: &Reply) -> Result<Option<Backup>, Failure> {
        Ok(None)
    }

    /// The call for a page of the copies in a destination, so that many are seen with one read; `None` where no list shows them.
    fn list_copies(&self, _destination: &Scope, _cursor: Option<&Cursor>) -> Option<Call> {
        None
    }

    /// What the reply to [`Inventory::list_copies`] holds.
    ///
    /// # Errors
    /// A failed read, or a page that cannot be the whole truth.
    fn listed_copies(
        &self,
        _destination: &Scope,
        _cursor: Option<&Cursor>,
        _reply: &Reply,
    ) -> Result<CopiesPage, Failure> {
        Ok(CopiesPage::default())
    }

    /// What a copy is a copy of, as a key that [`Inventory::source_keys`] also gives: an ID, or what a name was made of.
    fn key_of(&self, copy: &DestinationCopy, source_region: &str) -> Option<SourceKey> {
        let certain = copy.source_region.as_deref() == Some(source_region);
        copy.source_id.clone().map(|text| SourceKey { text, certain })
    }

    /// The keys under which the copies of this source are found.
    fn source_keys(&self, source_id: &str, _source_region: &str) -> Vec<String> {
        vec![source_id.to_owned()]
    }

    /// Where no list shows copies: what is asked next of a pair of vaults, or how far the pair is.
    fn read_pair(&self, _replication: &Replication, _replies: &[Reply]) -> Option<PairRead> {
        None
    }

    /// Every name under which a copy of this source can be found in a destination, ours of the attempts 1 to `attempts` first;
    /// empty where copies are found by ID.
    fn copy_names(&self, _source_id: &str, _source_region: &str, _attempts: u32) -> Vec<String> {
        Vec::new()
    }
}

/// The failure of a page that leaves something out. Reading it again may help.
pub(crate) fn incomplete(why: &str) -> Failure {
    Failure::local(Disposition::Retryable, "incomplete_page", why, "")
}

/// Where the next page of an offset listing begins. It goes back a tenth of this page: so many may be deleted meanwhile without
/// hiding one. A full page is followed even when the count says that it is the last, for counts are loosely documented.
///
/// # Errors
/// The page is empty although the count says that there is more.
pub(crate) fn next_offset(offset: u64, come: u64, limit: u64, total: Option<u64>) -> Result<Option<u64>, Failure> {
    let counted = total.is_some_and(|total| total > offset.saturating_add(come));
    match come {
        0 if counted => Err(incomplete("the page is empty, but the count says that there is more")),
        0 => Ok(None),
        _ if come >= limit || counted => {
            let step = come.saturating_sub((come / 10).max(1)).max(1);
            Ok(Some(offset.saturating_add(step)))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_overlap_and_end() {
        let next = |offset, come, total| next_offset(offset, come, 100, total).unwrap();
        assert_eq!(next(0, 100, Some(250)), Some(90));
        assert_eq!(next(90, 100, Some(250)), Some(180));
        assert_eq!(next(180, 70, Some(250)), None);
        // A service that caps its pages is followed by its count.
        assert_eq!(next(0, 20, Some(45)), Some(18));
        assert_eq!(next(44, 1, Some(46)), Some(45));
        // A full last page is looked behind once: the count may be the page's own.
        assert_eq!(next(0, 100, Some(100)), Some(90));
        assert_eq!(next(90, 10, Some(100)), None);
        assert_eq!(next(0, 100, None), Some(90));
        assert_eq!(next(90, 99, None), None);
        assert_eq!(next(0, 0, Some(0)), None);
        let failure = next_offset(90, 0, 100, Some(200)).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.disposition), ("incomplete_page", Disposition::Retryable));
    }

    #[test]
    fn a_record_goes_to_its_region_or_else_its_project() {
        let destination =
            Destination { region: "region2".into(), project_id: Some("p2".into()), vault_id: Some("v".into()) };
        let record = |region: &str, project: Option<&str>| CopyRecord {
            region: region.into(),
            project_id: project.map(str::to_owned),
            id: None,
            copy_id: None,
            state: CopyState::Done,
            created_at: None,
            note: None,
        };
        for (region, project, wanted) in [
            ("region2", None, true),
            ("region2", Some("other"), true),
            ("region3", Some("p2"), false),
            ("", Some("p2"), true),
            ("", Some("p3"), false),
            ("", None, false),
        ] {
            assert_eq!(record(region, project).is_to(&destination), wanted, "{region} {project:?}");
        }
    }

    #[test]
    fn the_best_copy_is_usable_then_old() {
        let copy = |id: &str, state, at: Option<i64>| DestinationCopy {
            id: id.into(),
            name: None,
            source_id: None,
            source_region: None,
            vault_id: None,
            state,
            created_at: at.map(|at| Timestamp::from_second(at).unwrap()),
            size_gib: None,
        };
        let copies = [
            copy("a", CopyState::Failed, Some(1)),
            copy("b", CopyState::Running, Some(1)),
            copy("c", CopyState::Done, None),
            copy("d", CopyState::Done, Some(3)),
            copy("e", CopyState::Done, Some(2)),
        ];
        assert_eq!(best(&copies).map(|copy| copy.id.as_str()), Some("e"));
        assert_eq!(best(&copies[..3]).map(|copy| copy.id.as_str()), Some("c"));
        assert_eq!(best(&copies[..2]).map(|copy| copy.id.as_str()), Some("b"));
        assert_eq!(best(&[]), None);
    }
}
