//! What a sweep finds: counts by verdict, exceptions, orphans, and a point for the history.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::model::command::Destination;

/// Backups × destinations by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// All of them.
    pub covered: u64,
    /// A usable copy was seen, or can be concluded.
    pub replicated: u64,
    /// A copy is on its way, or accepted and not seen yet.
    pub in_progress: u64,
    /// No copy, and nothing in its way.
    pub missing: u64,
    /// The backup itself is not finished yet.
    pub not_ready: u64,
    /// It cannot be copied.
    pub ineligible: u64,
    /// The copy failed.
    pub failed: u64,
    /// A call may have been applied, and nobody knows.
    pub in_doubt: u64,
    /// The copy was seen once and is gone before its time.
    pub lost: u64,
    /// The source is gone and was never copied.
    pub missed: u64,
    /// The provider refuses to make the copy, and may make it later.
    pub refused: u64,
    /// The source is not covered any more and was never copied.
    pub left: u64,
    /// The destination could not be looked at.
    pub unknown: u64,
    /// A person wants no copy.
    pub given_up: u64,
    /// The source has gone or left, and its resource has a newer usable copy.
    pub overtaken: u64,
    /// The copy is gone when it might go.
    pub ended: u64,
}

impl Counts {
    /// Counts one more with this verdict.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        self.covered += 1;
        self[verdict] += 1;
    }

    /// Counts one that had the verdict `from` under `to`.
    pub(crate) fn change(&mut self, from: Verdict, to: Verdict) {
        self[from] = self[from].saturating_sub(1);
        self[to] += 1;
    }
}

impl Index<Verdict> for Counts {
    type Output = u64;

    fn index(&self, verdict: Verdict) -> &u64 {
        match verdict {
            Verdict::Replicated => &self.replicated,
            Verdict::InProgress => &self.in_progress,
            Verdict::Missing => &self.missing,
            Verdict::NotReady => &self.not_ready,
            Verdict::Ineligible => &self.ineligible,
            Verdict::Failed => &self.failed,
            Verdict::InDoubt => &self.in_doubt,
            Verdict::Lost => &self.lost,
            Verdict::Missed => &self.missed,
            Verdict::Refused => &self.refused,
            Verdict::Left => &self.left,
            Verdict::Unknown => &self.unknown,
            Verdict::GivenUp => &self.given_up,
            Verdict::Overtaken => &self.overtaken,
            Verdict::Ended => &self.ended,
        }
    }
}

impl IndexMut<Verdict> for Counts {
    fn index_mut(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Replicated => &mut self.replicated,
            Verdict::InProgress => &mut self.in_progress,
            Verdict::Missing => &mut self.missing,
            Verdict::NotReady => &mut self.not_ready,
            Verdict::Ineligible => &mut self.ineligible,
            Verdict::Failed => &mut self.failed,
            Verdict::InDoubt => &mut self.in_doubt,
            Verdict::Lost => &mut self.lost,
            Verdict::Missed => &mut self.missed,
            Verdict::Refused => &mut self.refused,
            Verdict::Left => &mut self.left,
            Verdict::Unknown => &mut self.unknown,
            Verdict::GivenUp => &mut self.given_up,
            Verdict::Overtaken => &mut self.overtaken,
            Verdict::Ended => &mut self.ended,
        }
    }
}

/// What is gone from a destination at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassLoss {
    /// How many copies are gone that were seen once.
    pub gone: u64,
    /// How many copies were known there, these included.
    pub known: u64,
    /// When the first sweep began that found them gone.
    pub since: Timestamp,
    /// Whether the queue has the message about it.
    pub told: bool,
}

/// A destination for people and for lists.
pub(super) fn place(destination: &Destination) -> String {
    destination.region.clone()
}

/// One backup and one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is to be said of it.
    pub verdict: Verdict,
    /// The backup.
    pub backup_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The disk or server it is a backup of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The resource's kind, where one ID can be of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_kind: Option<String>,
    /// The region that the backup lies in.
    pub source_region: String,
    /// The region that its copy goes to.
    pub destination: String,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its size in GiB, where that is told and not nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<NonZeroU32>,
    /// The cause as a fixed word or the provider's code, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ledger's record, for `offsite ledger show`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Line {
    /// The resource that it is about; the backup itself where nobody names what it is a backup of.
    pub(crate) fn resource_id(&self) -> &str {
        self.resource.as_deref().unwrap_or(&self.backup_id)
    }

    /// Whether the backup was made before its destination was first swept to the end.
    pub(crate) fn is_historic(&self, since: Option<Timestamp>) -> bool {
        self.created_at.zip(since).is_some_and(|(made, since)| made < since)
    }

    /// Whether it is told by itself, and breaks the promise until a person settles it.
    pub(crate) fn is_for_a_person(&self) -> bool {
        matches!(self.verdict, Verdict::Missed | Verdict::Left | Verdict::Lost)
    }
}

/// A copy without a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// Its ID in the destination.
    pub copy_id: String,
    /// Region it lies in.
    pub region: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was a copy of, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Size in GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
}

/// One earlier sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// When its listing began.
    pub at: Timestamp,
    /// The lag then, in seconds.
    pub lag_seconds: u64,
    /// Covered then.
    pub covered: u64,
    /// Replicated then.
    pub replicated: u64,
    /// How many had none then that should have one.
    #[serde(default)]
    pub uncopied: u64,
}

/// What the rule does not cover, for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCovered {
    /// How many backups.
    pub count: u64,
    /// The IDs of the first ones.
    pub examples: Vec<String>,
}

/// How many examples of what is not covered are kept for each reason.
const EXAMPLES: usize = 20;

impl NotCovered {
    /// Counts one more.
    pub(crate) fn add(&mut self, backup_id: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(backup_id.to_owned());
        }
    }
}

/// How many of a sweep's backups × destinations should have a usable copy and have none.
pub(crate) fn unreplicated(counts: &Counts) -> u64 {
    Verdict::ALL.into_iter().filter(|verdict| verdict.is_late()).map(|verdict| counts[verdict]).sum()
}
