//! Inventories: what backups a source holds, and what copies a destination holds, as a provider lists them, page by page.
//!
//! A page can show a backup again that an earlier one has shown: where a provider pages by offset, consecutive pages overlap, so
//! that a deletion meanwhile hides nothing. The caller drops repeats. **Invariant:** an answer that may leave something out
//! without saying so is a failure, never a shorter inventory.

use jiff::Timestamp;

use super::asked::Asked;
use super::call::Call;
use crate::model::backup::{Backup, DestinationCopy};
use crate::model::command::{Operation, Replication};
use crate::model::failure::{Disposition, Failure, Whose};
use crate::model::http::Reply;

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
    /// Only these source types (Alibaba), in the provider's spelling; empty: every one that the API can list.
    pub source_types: Vec<String>,
}

impl Scope {
    /// All that a place holds for an operation. The backups of a vault-wide copy are listed like those copied one by one.
    pub fn of(operation: Operation, region: &str, project_id: Option<String>) -> Scope {
        let operation = match operation {
            Operation::CopyCheckpoint => Operation::CopyBackup,
            other => other,
        };
        Scope {
            operation,
            region: region.to_owned(),
            project_id,
            vault_id: None,
            name_prefix: None,
            since: None,
            source_types: Vec::new(),
        }
    }
}

/// Where the next page begins, as text that can be stored. One that cannot be read begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of source backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryPage {
    /// The backups, in the provider's order.
    pub backups: Vec<Backup>,
    /// The next page, if there is one.
    pub next: Option<Cursor>,
    /// How many the provider says there are in all, before what we leave out.
    pub total: Option<u64>,
    /// The source types that the provider would not list, each with what it said. The pages go on with the others, and what is
    /// listed is everything but these.
    pub refused_types: Vec<(String, String)>,
}

impl InventoryPage {
    /// The refused source types as one failure that names them.
    pub fn refusal(&self) -> Option<Failure> {
        if self.refused_types.is_empty() {
            return None;
        }
        let named: Vec<String> =
            self.refused_types.iter().map(|(name, said)| format!("{name} cannot be listed ({said})")).collect();
        let advice = "name the source types that this region has in the rule's select";
        let failure = Failure::local(Disposition::Permanent, "refused_source_type", named.join("; "), advice);
        Some(Failure { whose: Whose::Installation, ..failure })
    }
}

/// A kind of backup that a listing cannot show, so that it is said instead of left out in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenKind {
    /// The kind, in the provider's spelling.
    pub name: &'static str,
    /// Why it is not listed, and what that means.
    pub why: &'static str,
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

    /// The kinds of backups that [`Inventory::list`] cannot show in this scope. None of them is judged.
    fn hidden_kinds(&self, _scope: &Scope) -> &'static [HiddenKind] {
        &[]
    }

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

    /// Where no list shows copies: how far the pair of vaults is that a replication sets up. `None` where lists show them.
    ///
    /// # Errors
    /// What to ask next, or a failed read.
    fn read_pair(&self, _replication: &Replication, _replies: &[Reply]) -> Asked<Option<VaultPair>> {
        Ok(None)
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

/// How far a pair is, as its two vaults say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultPair {
    /// Whether they are a pair.
    pub pairing: Pairing,
    /// The target's Status: UNKNOWN, INITIALIZING, CREATED, ERROR.
    pub status: Option<String>,
    /// Why the target is in the state ERROR.
    pub status_message: Option<String>,
    /// The target's ReplicationStatus, whose values nobody has published: for people.
    pub replication_status: Option<String>,
    /// Per cent carried of what was there before the pair.
    pub historical_progress: Option<u64>,
    /// Up to when newer data has been carried; `None` where the target does not tell, or zero.
    pub new_progress_until: Option<Timestamp>,
    /// The last synchronisation.
    pub latest_replication_at: Option<Timestamp>,
}

/// Whether two vaults are a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// They are.
    Paired,
    /// Neither has another partner.
    Unpaired,
    /// One of them has another partner, named here.
    Elsewhere(String),
    /// One of them, named here, is not there.
    Missing(String),
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
}
