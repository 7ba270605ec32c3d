//! The policy: which sources go to which destinations, and how late a copy may be.

use std::time::Duration;

use crate::command::{Destination, Operation, Options};
use crate::settings::OnDoubt;

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique name.
    pub name: String,
    /// What starts its copies; follows from the provider and the source.
    pub operation: Operation,
    /// Whose credential.
    pub account: String,
    /// What it covers.
    pub source: RuleSource,
    /// Where copies go.
    pub destinations: Vec<Destination>,
    /// Options of the calls.
    pub options: Options,
    /// How late a copy may be.
    pub objective: Objective,
    /// Limits.
    pub limits: Limits,
}

/// What a rule covers.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSource {
    /// Region.
    pub region: String,
    /// Huawei's project.
    pub project_id: Option<String>,
    /// Only this vault.
    pub vault_id: Option<String>,
    /// Which of the backups there.
    pub select: Select,
}

/// Which backups of a source. Everything given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    /// Name begins so.
    pub name_prefix: Option<String>,
    /// Has all these tags.
    pub tags: Vec<(String, String)>,
    /// Not older.
    pub max_age: Option<Duration>,
    /// Not younger.
    pub min_age: Option<Duration>,
    /// Is a backup of one of these disks or servers.
    pub resources: Vec<String>,
}

/// How late a copy may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// Age of the oldest covered backup without a usable copy.
    pub max_lag: Option<Duration>,
    /// Age of the newest usable copy, for each resource.
    pub rpo: Option<Duration>,
}

/// Limits of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// New copies that one sweep may start.
    pub max_new_per_sweep: Option<u32>,
    /// What to do with a doubt that stays.
    pub on_doubt: Option<OnDoubt>,
    /// Whether a copy that was lost is made again.
    pub restart_lost: bool,
    /// Whether the rule may cover nothing.
    pub allow_empty: bool,
}
