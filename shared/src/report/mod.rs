//! The report: for each rule of the policy what is replicated, what is not, since when and why.
//!
//! It is made of the last complete sweep of each rule, of what the ledger says now about everything that was not replicated
//! then, and of the time at which it is read. Only data here: [`reading`] makes it, and the `offsite` command prints it.
//!
//! **Invariant:** what cannot be known makes a report [`Conclusion::Unknown`], never a good one.

pub mod brake;
mod conclusion;
pub mod keeping;
pub mod measuring;
pub mod memory;
pub mod month;
mod outside;
pub mod reading;
pub(crate) mod remember;
mod resources;
pub mod risks;
pub mod status;

use std::collections::BTreeMap;

use crate::ledger::risks::Act;
use crate::observe::arrivals::Arrival;
use crate::sweep::findings::{Counts, Line, NotCovered, Orphan, Point};
use crate::sweep::verdict::Verdict;
use crate::sweep::volume::Volume;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How many lines a list in a report for people holds. The figures count all.
pub const LINES: usize = 10_000;

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The moment for which it is true.
    pub at: Timestamp,
    /// Whether it was read from the providers without a ledger (`report --live`).
    pub live: bool,
    /// All rules together.
    pub conclusion: Conclusion,
    /// What must be said about the report as a whole, such as that there is no policy.
    pub remarks: Vec<String>,
    /// One for each rule, in the order of the policy.
    pub rules: Vec<RuleReport>,
    /// Replications that no rule started and that need somebody: in doubt, failed, refused, lost.
    pub outside: Vec<Line>,
    /// Without rules: how many replications the ledger has in which state.
    #[serde(default)]
    pub states: BTreeMap<String, u64>,
}

/// Whether objectives hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// They do. `offsite report` ends with 0.
    Holds,
    /// Nothing is promised. Ends with 1.
    NotJudged,
    /// It cannot be known: no sweep, one too old, or one that failed. Ends with 1.
    Unknown,
    /// At least one certainly does not. Ends with 3.
    Broken,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The rule's name.
    pub rule: String,
    /// `alibaba`, `huawei` or `tencent`.
    pub provider: String,
    /// The operation that starts its copies.
    pub operation: String,
    /// The name of the account whose credential the rule uses.
    pub account: String,
    /// Region, and vault where the rule names one.
    pub source: String,
    /// Destination regions.
    pub destinations: Vec<String>,
    /// What is promised.
    pub objective: Promise,
    /// Whether it holds.
    pub conclusion: Conclusion,
    /// Why it does not, or why that is unknown; empty when it holds.
    pub why: Vec<String>,
    /// When the listing behind this began: what came later is not counted. Absent before the first complete sweep.
    pub complete_as_of: Option<Timestamp>,
    /// How long that sweep took, in seconds.
    pub sweep_seconds: Option<u64>,
    /// How many backups × destinations have which verdict.
    pub counts: Counts,
    /// The same in GiB, by destination; empty before the first complete sweep.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Of the replicated ones, how many are concluded and not seen.
    pub inferred: u64,
    /// Age of the oldest covered backup that should have a usable copy and has none, in seconds; 0 when all have one. A backlog does not count.
    pub lag_seconds: Option<u64>,
    /// Of each resource the age of the newest backup with a usable copy in every destination; only for rules with an `rpo`.
    pub rpo: Option<Rpo>,
    /// The list behind each figure, except `replicated`; oldest backup first.
    pub exceptions: Vec<Line>,
    /// How many exceptions there are when the list is cut.
    pub exceptions_total: u64,
    /// Copies in the destinations whose source is gone. They are listed and never deleted.
    pub orphans: Vec<Orphan>,
    /// How many orphans there are when the list is cut.
    pub orphans_total: u64,
    /// Earlier sweeps, oldest first.
    pub points: Vec<Point>,
    /// Copies that were seen to arrive lately, oldest first.
    pub durations: Vec<Arrival>,
    /// How many resources × destinations are in which state.
    pub resources: ResourceCounts,
    /// The resources that are not simply protected, what needs somebody first.
    pub unprotected: Vec<ResourceLine>,
    /// How many there are when that list is cut.
    pub unprotected_total: u64,
    /// Backups that are due, can be copied, and have no usable copy, those made before the rule was first swept left out.
    pub gaps: u64,
    /// Backups without a usable copy that were made before the rule was first swept, and whose resource is protected.
    pub backlog: u64,
    /// When the backlog ends, if it goes on as in the last days.
    pub backlog_end: Option<Timestamp>,
    /// The reasons for which there is no copy, each with how many backups of how many resources it is about.
    pub causes: Vec<Cause>,
    /// What is not covered, by reason.
    pub not_covered: BTreeMap<String, NotCovered>,
    /// Risks that a person has accepted and that are in force, and resources that a person has called gone.
    pub accepted: Vec<Act>,
    /// The days of the last year, oldest first, from the first one that is remembered.
    #[serde(default)]
    pub days: Vec<Day>,
}

/// One day of a rule, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day.
    pub day: Date,
    /// The worst that a complete sweep of this day came to; absent if none ended on it: nobody looked.
    pub conclusion: Option<Conclusion>,
    /// Minutes for which the objective did not hold.
    pub minutes_not_holding: u32,
    /// Minutes for which nobody knows.
    pub minutes_unknown: u32,
}

/// What is to be said of one resource in one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceState {
    /// A due backup is newer than its newest usable copy, or something is due and there is no usable copy.
    Unprotected,
    /// The newest usable copy is older than the rule's `rpo`.
    Stale,
    /// A listing that is needed is incomplete or too old.
    Unknown,
    /// It is not protected, and a person has accepted that.
    AcceptedRisk,
    /// There is no copy yet, and nothing is due.
    Pending,
    /// There is a usable copy, and nothing newer is due.
    Protected,
}

impl ResourceState {
    /// The name that it has in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            ResourceState::Unprotected => "unprotected",
            ResourceState::Stale => "stale",
            ResourceState::Unknown => "unknown",
            ResourceState::AcceptedRisk => "accepted_risk",
            ResourceState::Pending => "pending",
            ResourceState::Protected => "protected",
        }
    }
}

/// Resources × destinations by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceCounts {
    /// No usable copy as new as promised.
    pub unprotected: u64,
    /// The newest usable copy is older than the rule's `rpo`.
    pub stale: u64,
    /// It cannot be known.
    pub unknown: u64,
    /// Not protected, and accepted by a person.
    pub accepted_risk: u64,
    /// No copy yet, and nothing due.
    pub pending: u64,
    /// A usable copy.
    pub protected: u64,
}

impl ResourceCounts {
    /// Counts one more in this state.
    pub(crate) fn add(&mut self, state: ResourceState) {
        let count = match state {
            ResourceState::Unprotected => &mut self.unprotected,
            ResourceState::Stale => &mut self.stale,
            ResourceState::Unknown => &mut self.unknown,
            ResourceState::AcceptedRisk => &mut self.accepted_risk,
            ResourceState::Pending => &mut self.pending,
            ResourceState::Protected => &mut self.protected,
        };
        *count += 1;
    }
}

/// One resource in one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLine {
    /// What is to be said of it.
    pub state: ResourceState,
    /// The disk, server, file system or bucket; or the backup itself where nobody names what it is a backup of.
    pub resource: String,
    /// Its kind, where one ID can be of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name of its newest backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it stands for a backup whose resource nobody names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// The region of the destination.
    pub destination: String,
    /// When the source backup of its newest usable copy was made; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Timestamp>,
    /// When its newest backup was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// Since when it is so: when the oldest backup after the newest copy was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whose the trouble is.
    pub fault: Fault,
    /// The cause as a fixed word or the provider's code: what `risk accept --cause` takes.
    pub cause: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The act of a person that accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<String>,
}

/// Whose the trouble with a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A backup was made and not copied: that is Offsite's to do.
    NotCopied,
    /// Its backups cannot be copied: another way must be found, or the risk accepted.
    CannotBeCopied,
    /// There is no newer backup: that is the backup plan's to do.
    NoNewBackup,
    /// A listing was incomplete or too old.
    NotSeen,
}

/// One reason for which there is no copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What is said of the backups.
    pub verdict: Verdict,
    /// The cause as a fixed word or the provider's code.
    pub cause: String,
    /// How many backups × destinations.
    pub backups: u64,
    /// Of how many resources.
    pub resources: u64,
    /// Why, in the words of one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a rule promises, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The largest lag.
    pub max_lag_seconds: Option<u64>,
    /// The largest age of the newest usable copy of each resource.
    pub rpo_seconds: Option<u64>,
    /// Whether the rule names no largest lag, so that this one is the default.
    #[serde(default)]
    pub is_default: bool,
    /// Whether backups made before the rule was first swept count too.
    #[serde(default)]
    pub history: bool,
}

/// The newest usable copy of each resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpo {
    /// Age of the worst one, in seconds; absent when there is no resource.
    pub worst_seconds: Option<u64>,
    /// The resource with that age.
    pub worst_resource: Option<String>,
    /// How many resources there are.
    pub resources: u64,
    /// How many are later than promised, those without any usable copy among them.
    pub late: u64,
    /// The late ones, worst first; absent age: no usable copy at all.
    pub late_resources: Vec<Late>,
}

/// A resource that is later than promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// Disk or server.
    pub resource: String,
    /// Age of its newest usable copy's backup, in seconds.
    pub seconds: Option<u64>,
}
