//! Inventories: the backups in a source and the copies in a destination, as a provider lists them page by page.
//!
//! A page can show a backup that an earlier page has shown. Where a provider pages by offset, consecutive pages overlap, so that a deletion
//! in between hides nothing. The caller drops repeats. **Invariant:** an answer that may leave something out without saying so is a
//! failure, never a shorter inventory.

use std::time::Duration;

use jiff::Timestamp;

use super::asked::Asked;
use super::call::Call;
use crate::model::backup::{Backup, DestinationCopy};
use crate::model::command::{Operation, Realm, Replication};
use crate::model::failure::{Disposition, Failure, Whose};
use crate::model::http::Reply;
use crate::model::time::later;

/// The place where an inventory is read, and what to list there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryQuery {
    /// The operation that the backups are listed for. It decides which service lists them.
    pub operation: Operation,
    /// The region to list, in the provider's spelling.
    pub region: String,
    /// Huawei: the ID of the project in that region.
    pub project_id: Option<String>,
    /// List only this vault; `None` lists all.
    pub vault_id: Option<String>,
    /// List only names that begin with this, where the API can filter. The caller filters again.
    pub name_prefix: Option<String>,
    /// List only backups made after this, where the API can filter or stop early. The caller filters again.
    pub since: Option<Timestamp>,
    /// List only these source types (Alibaba), in the provider's spelling. Empty means every type that the API can list.
    pub source_types: Vec<String>,
}

impl InventoryQuery {
    /// Where the credential for listing it must hold.
    pub(crate) fn realm(&self) -> Realm<'_> {
        Realm { region: &self.region, project: self.project_id.as_deref() }
    }

    /// All that a place holds for an operation. The backups of a vault-wide copy are listed like those copied one by one.
    pub fn of(operation: Operation, region: &str, project_id: Option<String>) -> InventoryQuery {
        let operation = match operation {
            Operation::CopyCheckpoint => Operation::CopyBackup,
            other => other,
        };
        InventoryQuery {
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

/// Where the next page begins, as text that can be stored. A cursor that cannot be read starts from the first page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of the backups in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryPage {
    /// The backups, in the provider's order.
    pub backups: Vec<Backup>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
    /// How many backups the provider counts in all, including those that we leave out.
    pub total: Option<u64>,
    /// The source types that the provider refused to list, each with what it said. The listing goes on with the other types and is complete
    /// but for these.
    pub refused_types: Vec<(String, String)>,
}

impl InventoryPage {
    /// The refused source types as one failure that names them; `None` if there are none.
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

/// A kind of backup that a listing cannot show. It is named, so that it is not left out in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenKind {
    /// The kind, in the provider's spelling.
    pub name: &'static str,
    /// Why it is not listed, and what that means.
    pub why: &'static str,
}

/// One page of the copies in a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiesPage {
    /// The copies, in the provider's order. Items that are no copies are left out.
    pub copies: Vec<DestinationCopy>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
    /// How many items the provider counts in all, including those that we leave out.
    pub total: Option<u64>,
    /// Whether this page, with the others, proves that a copy is not there: what it shows is all that an attempt would look for, and each
    /// item says whether it is a copy.
    pub proves: bool,
}

/// The source of a copy, as a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceKey {
    /// An ID, or what the name of the copy was made of.
    pub text: String,
    /// Whether the source certainly lies in the region that was asked about. If it does and is not there, the copy is an orphan.
    pub certain: bool,
}

/// So many backups are asked for by their IDs at once.
pub(crate) const MANY: usize = 100;

/// A provider's inventories: plain functions that plan calls and interpret replies.
pub trait Inventory: Send + Sync {
    /// The call for one page of source backups.
    fn list(&self, scope: &InventoryQuery, cursor: Option<&Cursor>) -> Call;

    /// The page that the reply to [`Inventory::list`] holds.
    ///
    /// # Errors
    /// A failed read, or a page that cannot be complete.
    fn listed(&self, scope: &InventoryQuery, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure>;

    /// The kinds of backups that [`Inventory::list`] cannot show in this scope. They get no verdict.
    fn hidden_kinds(&self, _scope: &InventoryQuery) -> &'static [HiddenKind] {
        &[]
    }

    /// The call that shows one backup by its ID; `None` where only vaults are copied.
    fn show(&self, _scope: &InventoryQuery, _id: &str) -> Option<Call> {
        None
    }

    /// The backup that the reply to [`Inventory::show`] holds; `None` if it does not exist, or not yet.
    ///
    /// # Errors
    /// A failed read.
    fn shown(&self, _scope: &InventoryQuery, _id: &str, _reply: &Reply) -> Result<Option<Backup>, Failure> {
        Ok(None)
    }

    /// The call that shows many backups by their IDs, as many as it takes; `None` where each is asked for by itself.
    fn show_many(&self, _scope: &InventoryQuery, _ids: &[&str]) -> Option<Call> {
        None
    }

    /// The backups that the reply to [`Inventory::show_many`] holds. Those that do not exist are left out.
    ///
    /// # Errors
    /// A failed read. That the cloud takes no such question, or not with one of these IDs, is a failure as well.
    fn shown_many(&self, _scope: &InventoryQuery, _reply: &Reply) -> Result<Vec<Backup>, Failure> {
        Ok(Vec::new())
    }

    /// Whether [`Inventory::list`] begins with the newest backup.
    fn is_newest_first(&self, _scope: &InventoryQuery) -> bool {
        false
    }

    /// The call for one page of the copies in a destination, so that one read shows many; `None` where no list shows them.
    fn list_copies(&self, _destination: &InventoryQuery, _cursor: Option<&Cursor>) -> Option<Call> {
        None
    }

    /// The page that the reply to [`Inventory::list_copies`] holds.
    ///
    /// # Errors
    /// A failed read, or a page that cannot be complete.
    fn listed_copies(
        &self,
        _destination: &InventoryQuery,
        _cursor: Option<&Cursor>,
        _reply: &Reply,
    ) -> Result<CopiesPage, Failure> {
        Ok(CopiesPage::default())
    }

    /// The source of a copy, as a key that [`Inventory::source_keys`] also gives: an ID, or what the copy's name was made of.
    fn key_of(&self, copy: &DestinationCopy, source_region: &str) -> Option<SourceKey> {
        let certain = copy.source_region.as_deref() == Some(source_region);
        copy.source_id.clone().map(|text| SourceKey { text, certain })
    }

    /// The keys under which the copies of a source are found.
    fn source_keys(&self, source_id: &str, _source_region: &str) -> Vec<String> {
        vec![source_id.to_owned()]
    }

    /// The size in GiB that each copy of a backup has, where it is that of its source: one of another size is not its copy, whatever its name.
    fn size_of_copies(&self, _backup: &Backup) -> Option<u64> {
        None
    }

    /// For a cloud whose lists show no copies: the state of the vault pair that a replication sets up. `None` where lists show copies.
    ///
    /// # Errors
    /// The next call to send, or a failed read.
    fn read_pair(&self, _replication: &Replication, _replies: &[Reply]) -> Asked<Option<VaultPair>> {
        Ok(None)
    }
}

/// The failure of a page that leaves something out. Another read may help.
pub(crate) fn incomplete(why: &str) -> Failure {
    Failure::local(Disposition::Retryable, "incomplete_page", why, "")
}

/// The failure of a page that shows nothing although more is counted.
pub(crate) fn emptied() -> Failure {
    incomplete("the page is empty, but the count says that there is more")
}

/// Where the next page of an offset listing begins; `None` after the last page. The step is a tenth of this page shorter, so that as many
/// deletions in between hide nothing. A full page is followed even if the count calls it the last, because counts are loosely documented.
///
/// # Errors
/// The page is empty although the count says that there is more.
pub(crate) fn next_offset(offset: u64, come: u64, limit: u64, total: Option<u64>) -> Result<Option<u64>, Failure> {
    let counted = total.is_some_and(|total| total > offset.saturating_add(come));
    match come {
        0 if counted => Err(emptied()),
        0 => Ok(None),
        _ if come >= limit || counted => {
            let step = come.saturating_sub((come / 10).max(1)).max(1);
            Ok(Some(offset.saturating_add(step)))
        }
        _ => Ok(None),
    }
}

/// More items than this no listing has, whatever its count says.
const MOST: u64 = 1_000_000;

/// How far a listing by offset may go, and the ID with which its page before began. A cursor carries both.
#[derive(Debug, Default)]
pub(crate) struct Place<'c> {
    /// Where the page begins.
    pub offset: u64,
    end: Option<u64>,
    before: Option<&'c str>,
}

impl<'c> Place<'c> {
    /// The place that a cursor names. One that cannot be read is the beginning.
    pub(crate) fn of(cursor: Option<&'c Cursor>) -> Place<'c> {
        let read = |cursor: &'c Cursor| {
            let mut parts = cursor.0.splitn(3, ' ');
            let (offset, end, before) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Place { offset: offset.parse().ok()?, end: Some(end.parse().ok()?), before: Some(before) })
        };
        cursor.and_then(read).unwrap_or_default()
    }

    /// Where the next page begins, after one of `come` items that begins with the item of the ID `first`.
    ///
    /// # Errors
    /// The page is the one before again, or leaves something out, or goes on beyond what the first page counted, or counts so many fewer
    /// that some may have moved to a page that was read before.
    pub(crate) fn after(
        &self,
        first: &str,
        come: u64,
        limit: u64,
        total: Option<u64>,
    ) -> Result<Option<Cursor>, Failure> {
        if !first.is_empty() && self.before == Some(first) {
            return Err(repeated());
        }
        if let (Some(first), Some(now)) = (self.end.and_then(counted), total) {
            // So many items were shown twice, and so many may have gone without hiding another one.
            let overlap = self.offset / 9 + limit / 10;
            if now.saturating_add(overlap) < first {
                return Err(incomplete("the count has fallen while it was read"));
            }
        }
        let end = self.end.unwrap_or_else(|| end_of(total));
        match next_offset(self.offset, come, limit, total)? {
            Some(next) if next > end => Err(endless(end)),
            next => Ok(next.map(|next| Cursor(format!("{next} {end} {first}")))),
        }
    }
}

/// How many items a listing may have of which the first page counts so many: some are made while it is read.
pub(crate) fn end_of(total: Option<u64>) -> u64 {
    total.map_or(MOST, |total| total.saturating_add(total / 10).saturating_add(1_000).min(MOST))
}

/// How many items the first page counted, from the end that was made of it; `None` where the end is the largest there is.
fn counted(end: u64) -> Option<u64> {
    (end < MOST).then(|| end.saturating_sub(1_000).saturating_mul(10) / 11)
}

/// The failure of a page that is the same as the one before it.
pub(crate) fn repeated() -> Failure {
    let why = "a further page is the same as the one before it";
    Failure::local(Disposition::Permanent, "repeated_page", why, "this service cannot page by offset: narrow the rule")
}

/// The failure of a listing that goes on after `end` items.
pub(crate) fn endless(end: u64) -> Failure {
    let why = format!("the listing goes on after {end} items, which is more than its first page counted");
    Failure::local(Disposition::Permanent, "endless_listing", why, "check the endpoint setting and any proxy")
}

/// The state of a vault pair, as its two vaults report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultPair {
    /// Whether the two vaults are a pair.
    pub pairing: Pairing,
    /// The target's `Status`: UNKNOWN, INITIALIZING, CREATED, ERROR.
    pub status: Option<String>,
    /// Why the target is in the state ERROR.
    pub status_message: Option<String>,
    /// The target's `ReplicationStatus`, for people only: nobody has published its values.
    pub replication_status: Option<String>,
    /// How much of what existed before the pair has been carried, in percent.
    pub historical_progress: Option<u64>,
    /// The time up to which newer data has been carried; `None` if the target says nothing, or zero.
    pub new_progress_until: Option<Timestamp>,
    /// When the target was last synchronized.
    pub latest_replication_at: Option<Timestamp>,
}

/// Whether two vaults are a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// The two vaults are a pair.
    Paired,
    /// The two vaults are no pair, and neither has another partner.
    Unpaired,
    /// One of the two vaults is paired with this other vault.
    Elsewhere(String),
    /// This one of the two vaults does not exist.
    Missing(String),
    /// The two vaults are a pair whose target is broken, and why. What it holds cannot be used.
    Broken(String),
}

/// So far a cloud's clock may be before ours.
const AHEAD: Duration = Duration::from_secs(300);

impl VaultPair {
    /// This pair of the vault `target`, if what it tells can be concluded from.
    ///
    /// # Errors
    /// Why nothing can: its state is neither fine nor broken, or it has carried what is still to come.
    pub fn conclusive(self, target: &str, now: Timestamp) -> Result<VaultPair, String> {
        if self.pairing != Pairing::Paired {
            return Ok(self);
        }
        match (self.status.as_deref(), self.new_progress_until) {
            (Some(state), _) if state != "CREATED" => Err(unclear(target, state)),
            (_, Some(until)) if until > later(now, AHEAD) => Err(format!(
                "the target vault {target} says that it has carried all until {until}, which is still to come"
            )),
            _ => Ok(self),
        }
    }
}

/// What there is to say of a target vault in a state from which nothing follows.
pub(crate) fn unclear(target: &str, state: &str) -> String {
    format!("the target vault {target} is in the state {state}, which does not say whether its copies can be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 150 items 60 go between two pages: what moves to the first page is on no page that is read after it.
    #[test]
    fn a_count_that_falls_by_more_than_the_pages_overlap_is_no_proof() {
        let after = |offset: u64, come: u64, total: u64| {
            let cursor = Cursor(format!("{offset} {} b-0", end_of(Some(150))));
            Place::of(Some(&cursor)).after("b-90", come, 100, Some(total)).map_err(|failure| failure.code)
        };
        assert_eq!(after(90, 0, 90), Err("incomplete_page".to_owned()));
        assert_eq!(after(90, 20, 110), Err("incomplete_page".to_owned()));
        assert_eq!(after(90, 42, 132), Ok(None));
        assert_eq!(after(90, 60, 150), Ok(None));
        assert!((0..2_000).all(|total| counted(end_of(Some(total))).unwrap().abs_diff(total) <= 1));
    }

    #[test]
    fn pages_overlap_and_end() {
        let next = |offset, come, total| next_offset(offset, come, 100, total).unwrap();
        assert_eq!(next(0, 100, Some(250)), Some(90));
        assert_eq!(next(90, 100, Some(250)), Some(180));
        assert_eq!(next(180, 70, Some(250)), None);
        // A service that caps its pages is read on until its count is reached.
        assert_eq!(next(0, 20, Some(45)), Some(18));
        assert_eq!(next(44, 1, Some(46)), Some(45));
        // A full last page is followed once more: the count may be that of the page alone.
        assert_eq!(next(0, 100, Some(100)), Some(90));
        assert_eq!(next(90, 10, Some(100)), None);
        assert_eq!(next(0, 100, None), Some(90));
        assert_eq!(next(90, 99, None), None);
        assert_eq!(next(0, 0, Some(0)), None);
        let failure = next_offset(90, 0, 100, Some(200)).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.disposition), ("incomplete_page", Disposition::Retryable));
    }
}
