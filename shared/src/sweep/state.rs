//! One rule's sweep, as far as this invocation takes it.

use std::collections::{BTreeMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::chunks::short;
use super::due::{Due, Gate, Lanes};
use super::findings::Line;
use super::index::CopyIndex;
use super::progress::SweepProgress;
use super::register::Register;
use super::verdict::Verdict;
use crate::context::{Context, Invocation};
use crate::exchange::Target;
use crate::ledger::Record;
use crate::policy::Rule;
use crate::providers::inventory::VaultPair;
use crate::providers::provider::Provider;

/// What one invocation holds while it sweeps one rule.
pub(crate) struct Sweep<'c> {
    pub(super) ctx: &'c Context,
    pub(super) provider: &'static dyn Provider,
    pub(super) rule: &'c Rule,
    pub(super) invocation: &'c Invocation,
    pub(super) course: SweepProgress,
    /// The version of the note that holds the course.
    pub(super) version: u64,
    pub(super) saved_at: Timestamp,
    /// The copies of each destination, in the order of the rule.
    pub(super) indexes: Vec<CopyIndex>,
    /// The pair and the ledger's record of it; absent unless the rule is for a pair of vaults.
    pub(super) pair: Option<(VaultPair, Option<Record>)>,
    /// Hashes of the IDs of the backups that have an open record.
    pub(super) open: HashSet<u64>,
    /// The keys, cut short, of open records whose source is not covered any more and tells of a copy that is being made.
    pub(super) being_made: HashSet<u64>,
    /// Hashes of the IDs on the last pages, because pages overlap.
    pub(super) recent: VecDeque<u64>,
    pub(super) recent_set: HashSet<u64>,
    /// Exceptions that are not written down yet.
    pub(super) lines: Vec<String>,
    pub(super) lines_bytes: usize,
    /// The keys of all exceptions so far, cut short.
    pub(super) exceptions: HashSet<u64>,
    /// What this sweep knows of each resource.
    pub(super) register: Register,
    /// What is to be started, with its verdict until then.
    pub(super) due: Lanes,
    /// When each destination was first swept to the end: what was made before is historic.
    pub(super) since: Vec<Timestamp>,
    /// When each destination was last listed completely by earlier sweeps; empty unless one is dark now.
    pub(super) listed_before: Vec<Option<Timestamp>>,
    /// Whether the rule was edited since its last complete sweep.
    pub(super) edited: bool,
    /// Copies that were seen once and that their destination did not list.
    pub(super) lost: VecDeque<Due>,
    /// What is being started now.
    pub(super) running: Vec<Due>,
    /// Causes that are not the backup's, by destination and code, and whether something can be started again.
    pub(super) gates: BTreeMap<(usize, String), Gate>,
    /// How many new copies this course may start in all, so that it and the looks keep within the limit of the rule.
    pub(super) may_start: u64,
    /// How many copies are started at once in each destination.
    pub(super) at_once: usize,
    /// Nothing more is started in this invocation: the credential is paused, or the limit is reached.
    pub(super) no_more: bool,
    /// A person has stopped this rule.
    pub(super) paused: bool,
    /// When the page of backups that is judged now was asked for.
    pub(super) source_read: Timestamp,
    /// Another hand makes copies of this rule, so that each start reads whether there is one.
    pub(super) hands: bool,
}

impl<'c> Sweep<'c> {
    /// The rule's cloud and account.
    pub(super) fn target(&self) -> Target<'c> {
        Target { provider: self.provider, account: &self.rule.account, rule: Some(&self.rule.name) }
    }

    /// Counts a verdict, and its GiB.
    pub(super) fn tally(&mut self, at: usize, verdict: Verdict, gib: Option<u64>) {
        self.course.counts.add(verdict);
        if let Some(volume) = self.course.volumes.get_mut(at) {
            volume.add(verdict, gib);
        }
    }

    /// Counts a verdict and lists it as an exception.
    pub(super) fn found(&mut self, line: Line) {
        let at = self.course.volumes.iter().position(|one| one.destination == line.destination);
        let gib = line.size_gib.map(|gib| u64::from(gib.get()));
        match at {
            Some(at) => self.tally(at, line.verdict, gib),
            None => self.course.counts.add(line.verdict),
        }
        if line.verdict == Verdict::Replicated {
            return;
        }
        self.exceptions.extend(line.key.as_deref().map(short));
        self.find(&line);
    }
}
