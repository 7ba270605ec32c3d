//! One rule's sweep, as far as this invocation takes it.

use std::collections::{BTreeMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::index::CopyIndex;
use super::progress::Course;
use crate::context::{Context, Invocation};
use crate::exchange::Target;
use crate::ledger::Record;
use crate::policy::Rule;
use crate::providers::inventory::VaultPair;
use crate::providers::provider::Provider;

/// One rule's course, as far as this invocation takes it.
pub(crate) struct Sweep<'c> {
    pub(super) ctx: &'c Context,
    pub(super) provider: &'static dyn Provider,
    pub(super) rule: &'c Rule,
    pub(super) invocation: &'c Invocation,
    pub(super) course: Course,
    /// Of the note that holds the course.
    pub(super) version: u64,
    pub(super) saved_at: Timestamp,
    /// One for each destination.
    pub(super) indexes: Vec<CopyIndex>,
    /// Of a rule for a pair of vaults.
    pub(super) pair: Option<(VaultPair, Option<Record>)>,
    /// The IDs of the last pages: pages overlap.
    pub(super) recent: VecDeque<u64>,
    pub(super) recent_set: HashSet<u64>,
    /// Exceptions that are not written down yet.
    pub(super) lines: Vec<String>,
    pub(super) lines_bytes: usize,
    /// The keys of all exceptions so far, cut short.
    pub(super) exceptions: HashSet<u64>,
    /// For each resource the newest replicated backup, by destination.
    pub(super) newest: BTreeMap<String, Vec<i64>>,
    /// Nothing more is started in this invocation: the credential is paused, or the limit is reached.
    pub(super) no_more: bool,
}

impl<'c> Sweep<'c> {
    /// The rule's cloud and account.
    pub(super) fn target(&self) -> Target<'c> {
        Target { provider: self.provider, account: &self.rule.account, rule: Some(&self.rule.name) }
    }
}
