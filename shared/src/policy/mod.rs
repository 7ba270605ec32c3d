//! The policy: which sources go to which destinations, and how late a copy may be.
//!
//! `reading` reads a policy from JSON, strictly and with every complaint at once; `checks` compares its parts. `select` decides whether a
//! rule covers a backup, `objective` what a rule promises by default, and `scope` to which rule a replication belongs. Durations are texts
//! such as `24h`.

mod checks;
mod objective;
mod reading;
mod scope;
mod select;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ledger::limits::OnDoubt;
use crate::model::backup::Backup;
use crate::model::command::{Command, Destination, Operation, Options, Source, options_json};
use crate::model::text::one_line;
use crate::model::time::later;

pub use objective::{EffectiveObjective, Objective};
pub use select::{Exclude, Select};

pub use crate::model::duration::{WANTED as DURATION_WANTED, read as read_duration, text as duration_text};

/// The JSON Schema (2020-12) of a policy. It checks less than [`Policy::from_json`], because it cannot compare two values.
pub const SCHEMA: &str = include_str!("../../../schemas/policy.schema.json");

/// The longest time that a queue keeps a command. Source: Amazon SQS developer guide, message quotas, 2026.
const LONGEST_WAIT: Duration = Duration::from_secs(14 * 86_400);

/// Which backups are copied where, and how late a copy may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The rules, in the order in which they are written.
    pub rules: Vec<Rule>,
}

/// One source with its destinations, and what is promised for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The name, unique in the policy: 1 to 64 letters and digits of any script, `-` or `_`.
    pub name: String,
    /// The operation that starts its copies. It follows from the provider unless the rule names it.
    pub operation: Operation,
    /// The account whose credential is used; `default` if the rule names none.
    pub account: String,
    /// The backups that the rule covers.
    pub source: RuleSource,
    /// The regions, projects and vaults that copies go to.
    pub destinations: Vec<Destination>,
    /// Options of the calls that start copies.
    pub options: Options,
    /// How late a copy may be, as it is written. [`Rule::effective`] adds the defaults.
    pub objective: Objective,
    /// How long copies are wanted.
    pub copies: Copies,
    /// Limits on what the rule may start and cover.
    pub limits: Limits,
}

/// The place that a rule covers, and which backups there.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSource {
    /// The region of the backups, in the provider's spelling.
    pub region: String,
    /// Huawei: the ID of the project; `None` if the configuration gives it.
    pub project_id: Option<String>,
    /// The only vault that is covered; `None` for every vault.
    pub vault_id: Option<String>,
    /// The conditions on the backups there.
    pub select: Select,
}

/// How long copies are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copies {
    /// The age of a source backup after which its copy may go without a breach. `None`: it may not go while its source is covered.
    pub keep: Option<Duration>,
}

/// Limits on what a rule may start and cover.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// How many new copies one sweep, and the looks until the next one, may start together.
    pub max_new_per_sweep: Option<u32>,
    /// How long after a backup was finished its copy is left to whoever else makes one. `None`: it is started at once.
    pub start_after: Option<Duration>,
    /// What to do with a replication that stays in doubt.
    pub on_doubt: Option<OnDoubt>,
    /// Whether a copy that was lost is made again.
    pub restart_lost: bool,
    /// Whether the rule may cover no backup at all.
    pub allow_empty: bool,
}

/// Whether a rule covers a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The rule covers the backup.
    Covered,
    /// The rule does not cover the backup: the condition, and the value that does not meet it, in words.
    NotCovered(String),
}

impl From<Option<String>> for Coverage {
    fn from(misses: Option<String>) -> Coverage {
        misses.map_or(Coverage::Covered, |why| Coverage::NotCovered(one_line(&why)))
    }
}

impl Policy {
    /// The rule with this name, if there is one.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The normalized form, which [`Policy::from_json`] reads back. Every default that decides what is started is written out. The defaults
    /// of the objective are not: a rule's hash is made of this form, and would change for policies that nobody has touched.
    pub fn to_json(&self) -> Value {
        json!({ "version": 1, "rules": self.rules.iter().map(Rule::to_json).collect::<Vec<_>>() })
    }
}

impl Rule {
    /// Whether this rule covers a backup that lies in its source's region and project. Whether the backup can be copied is not checked: a
    /// covered backup that is ineligible gets a verdict of its own.
    pub fn covers(&self, backup: &Backup, now: Timestamp) -> Coverage {
        match self.selects(backup) {
            Coverage::Covered => self.source.select.misses_age(backup, Duration::ZERO, now).into(),
            other => other,
        }
    }

    /// Whether this rule covers a backup whose command may have waited in a queue: it may have grown too old since, never too young.
    pub(crate) fn covers_since(&self, backup: &Backup, now: Timestamp) -> Coverage {
        match self.selects(backup) {
            Coverage::Covered => self.source.select.misses_age(backup, LONGEST_WAIT, now).into(),
            other => other,
        }
    }

    /// When the copy of a backup may be started that is first seen finished now; `None` if at once. Where the provider does not say when a
    /// backup was finished, that it is seen so counts.
    pub(crate) fn starts_at(&self, backup: &Backup, now: Timestamp) -> Option<Timestamp> {
        let finished = backup.completed_at.map_or(now, |finished| finished.min(now));
        Some(later(finished, self.limits.start_after?)).filter(|at| *at > now)
    }

    /// How much older a backup must become for this rule to cover it; `None` if it is not `min_age` that keeps it out.
    pub(crate) fn ripens_in(&self, backup: &Backup, now: Timestamp) -> Option<Duration> {
        let (wanted, made) = (self.source.select.min_age?, backup.created_at?);
        let age = Duration::try_from(now.duration_since(made)).unwrap_or_default();
        (self.selects(backup) == Coverage::Covered && age < wanted).then(|| wanted - age)
    }

    /// Whether this rule selects a backup, whatever its age.
    pub(crate) fn selects(&self, backup: &Backup) -> Coverage {
        let elsewhere = self.source.vault_id.as_deref().and_then(|vault| misses_vault(vault, backup));
        elsewhere.or_else(|| self.source.select.misses(backup)).into()
    }

    /// What the rule promises, defaults included; `None` if it is not judged.
    pub fn effective(&self) -> Option<EffectiveObjective> {
        self.objective.effective(&self.source.select)
    }

    /// Whether the copy of a backup made at `made` may be gone without a breach (`copies.keep`). A copy is as old as its source backup. If
    /// nobody tells when the backup was made, the copy may not go.
    pub fn lets_go(&self, made: Option<Timestamp>, now: Timestamp) -> bool {
        let (Some(keep), Some(made)) = (self.copies.keep, made) else { return false };
        Duration::try_from(now.duration_since(made)).is_ok_and(|age| age > keep)
    }

    /// Whether a backup must be read to know if this rule covers it.
    pub(crate) fn is_choosy(&self) -> bool {
        let by_vault = self.source.vault_id.is_some() && self.operation.source_field() != "vault_id";
        by_vault || !self.source.select.is_all()
    }

    /// The command that starts this backup's copies in every destination.
    ///
    /// `create-vault-replication` and `copy-checkpoint` act on the whole vault, so all backups of a vault give the same command.
    /// A `copy-checkpoint` command has no `occurrence` yet: whoever sends it says which firing it is.
    pub fn command(&self, backup: &Backup) -> Command {
        self.command_of(&backup.id)
    }

    /// The command that starts copies in every destination, of a backup of which only the ID is known.
    pub fn command_of(&self, backup_id: &str) -> Command {
        let id = match self.operation.source_field() {
            // The reader refuses a rule for a whole vault that names no vault.
            "vault_id" => self.source.vault_id.clone().unwrap_or_default(),
            _ => backup_id.to_owned(),
        };
        Command {
            operation: self.operation,
            account: self.account.clone(),
            source: Source { region: self.source.region.clone(), project_id: self.source.project_id.clone(), id },
            destinations: self.destinations.clone(),
            options: self.options.clone(),
            occurrence: None,
            rule: Some(self.name.clone()),
            dry_run: false,
        }
    }

    /// The normalized form of the rule, of which its hash is made.
    pub fn to_json(&self) -> Value {
        let mut rule = Map::new();
        rule.insert("name".into(), json!(self.name));
        rule.insert("provider".into(), json!(self.operation.cloud().name()));
        rule.insert("operation".into(), json!(self.operation.name()));
        rule.insert("account".into(), json!(self.account));
        rule.insert("source".into(), self.source.to_json());
        rule.insert("destinations".into(), self.destinations.iter().map(Destination::to_json).collect());
        for (name, value) in [
            ("options", options_json(&self.options)),
            ("objective", self.objective.to_json()),
            ("copies", self.copies.to_json()),
            ("limits", self.limits.to_json()),
        ] {
            insert_if_any(&mut rule, name, value);
        }
        Value::Object(rule)
    }
}

impl RuleSource {
    fn to_json(&self) -> Value {
        let mut source = Map::new();
        source.insert("region".into(), json!(self.region));
        insert_some(&mut source, "project_id", &self.project_id);
        insert_some(&mut source, "vault_id", &self.vault_id);
        insert_if_any(&mut source, "select", self.select.to_json());
        Value::Object(source)
    }
}

impl Copies {
    fn to_json(&self) -> Value {
        let mut copies = Map::new();
        insert_some(&mut copies, "keep", &self.keep.map(duration_text));
        Value::Object(copies)
    }
}

impl Limits {
    fn to_json(&self) -> Value {
        let mut limits = Map::new();
        if let Some(number) = self.max_new_per_sweep {
            limits.insert("max_new_per_sweep".into(), json!(number));
        }
        insert_some(&mut limits, "start_after", &self.start_after.map(duration_text));
        if let Some(on_doubt) = self.on_doubt {
            let name = match on_doubt {
                OnDoubt::Recopy => "recopy",
                OnDoubt::Hold => "hold",
            };
            limits.insert("on_doubt".into(), json!(name));
        }
        for (name, flag) in [("restart_lost", self.restart_lost), ("allow_empty", self.allow_empty)] {
            if flag {
                limits.insert(name.into(), json!(true));
            }
        }
        Value::Object(limits)
    }
}

fn insert_some(object: &mut Map<String, Value>, name: &str, value: &Option<String>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), json!(value));
    }
}

/// Inserts a section, unless it is an empty object.
fn insert_if_any(object: &mut Map<String, Value>, name: &str, value: Value) {
    if value.as_object().is_none_or(|inner| !inner.is_empty()) {
        object.insert(name.to_owned(), value);
    }
}

fn misses_vault(vault: &str, backup: &Backup) -> Option<String> {
    match backup.vault_id.as_deref() {
        Some(found) if found == vault => None,
        Some(found) => Some(format!("source.vault_id: it lies in vault {found}, not in {vault}")),
        None => {
            Some(format!("source.vault_id: the provider does not say which vault it lies in; the rule says {vault}"))
        }
    }
}
