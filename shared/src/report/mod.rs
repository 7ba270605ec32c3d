//! The report: for each rule of the policy what is replicated, what is not, since when and why.
//!
//! It is made of the last complete sweep of each rule, of what the ledger says now about everything that was not replicated
//! then, and of the time at which it is read. Only data here: [`reading`] makes it, and the `offsite` command prints it.
//!
//! **Invariant:** what cannot be known makes a report [`Conclusion::Unknown`], never a good one.

pub mod reading;
pub mod risks;

use std::collections::BTreeMap;

use crate::observe::arrivals::Arrival;
use crate::sweep::findings::{Counts, Line, Orphan, Point};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Of the replicated ones, how many are concluded and not seen.
    pub inferred: u64,
    /// Age of the oldest covered backup that has no usable copy, in seconds; 0 when all have one.
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
}

/// What a rule promises, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The largest lag.
    pub max_lag_seconds: Option<u64>,
    /// The largest age of the newest usable copy of each resource.
    pub rpo_seconds: Option<u64>,
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
