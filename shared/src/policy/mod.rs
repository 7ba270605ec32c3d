//! The policy: which sources go to which destinations, and how late a copy may be.
//!
//! `reading` makes one from JSON, strictly and with every complaint at once, and `checks` compares its parts. `select` judges a
//! backup, `objective` says what is promised where a rule is silent, and `scope` to which rule a replication belongs. Durations
//! are texts such as `24h`.

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

pub use objective::{Effective, Objective};
pub use select::{Exclude, Select};

pub use crate::model::duration::{WANTED as DURATION_WANTED, read as read_duration, text as duration_text};

/// The JSON Schema of a policy, 2020-12. It says less than [`Policy::from_json`] checks: it cannot compare two values.
pub const SCHEMA: &str = include_str!("../../../schemas/policy.schema.json");

/// The longest that a queue keeps a command. Source: Amazon SQS developer guide, message quotas, 2026.
const LONGEST_WAIT: Duration = Duration::from_secs(14 * 86_400);

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
    /// How late a copy may be, as it is written; [`Rule::effective`] has the defaults.
    pub objective: Objective,
    /// How long copies are wanted.
    pub copies: Copies,
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

/// Copies after a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copies {
    /// A copy whose source backup is older may go without a breach; left out, it may not while its source is covered.
    pub keep: Option<Duration>,
}

/// Limits of a rule.
#[derive(Clone, Debug, Default, PartialEq)]
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

/// Whether a rule covers a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It does.
    Covered,
    /// It does not: the condition and the value that does not meet it, in words.
    NotCovered(String),
}

impl From<Option<String>> for Coverage {
    fn from(misses: Option<String>) -> Coverage {
        misses.map_or(Coverage::Covered, |why| Coverage::NotCovered(one_line(&why)))
    }
}

impl Policy {
    /// The rule of this name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The normalised form, which [`Policy::from_json`] reads back. Every default that decides what is started is written out. That of
    /// the objective is not: a rule's hash is made of this form, and would change for policies that nobody has touched.
    pub fn to_json(&self) -> Value {
        json!({ "version": 1, "rules": self.rules.iter().map(Rule::to_json).collect::<Vec<_>>() })
    }
}

impl Rule {
    /// Whether this rule covers a backup that lies in its source's region and project. Whether the backup can be copied is not
    /// asked: an ineligible backup that is covered is a verdict of its own.
    pub fn covers(&self, backup: &Backup, now: Timestamp) -> Coverage {
        match self.selects(backup) {
            Coverage::Covered => self.source.select.misses_age(backup, Duration::ZERO, now).into(),
            other => other,
        }
    }

    /// The same for a command that may have waited in a queue: the backup may have grown too old meanwhile, and never too young.
    pub fn covers_since(&self, backup: &Backup, now: Timestamp) -> Coverage {
        match self.selects(backup) {
            Coverage::Covered => self.source.select.misses_age(backup, LONGEST_WAIT, now).into(),
            other => other,
        }
    }

    fn selects(&self, backup: &Backup) -> Coverage {
        let elsewhere = self.source.vault_id.as_deref().and_then(|vault| misses_vault(vault, backup));
        elsewhere.or_else(|| self.source.select.misses(backup)).into()
    }

    /// What is promised, defaults included; nothing where the rule is not judged.
    pub fn effective(&self) -> Option<Effective> {
        self.objective.effective(&self.source.select)
    }

    /// Whether the copy of a backup that was made then may be gone without a breach (`copies.keep`). A copy is as old as its source
    /// backup; where nobody tells when that was made, the copy may not go.
    pub fn lets_go(&self, made: Option<Timestamp>, now: Timestamp) -> bool {
        let (Some(keep), Some(made)) = (self.copies.keep, made) else { return false };
        Duration::try_from(now.duration_since(made)).is_ok_and(|age| age > keep)
    }

    /// Whether a backup must be read to know if this rule covers it.
    pub fn is_choosy(&self) -> bool {
        let by_vault = self.source.vault_id.is_some() && self.operation.source_field() != "vault_id";
        by_vault || !self.source.select.is_all()
    }

    /// The command that starts this backup's copies in every destination.
    ///
    /// `create-vault-replication` and `copy-checkpoint` act on the whole vault, so all backups of a vault give the same command.
    /// The latter has no `occurrence` yet: whoever sends it says which firing it is.
    pub fn command(&self, backup: &Backup) -> Command {
        self.command_of(&backup.id)
    }

    /// The same for a backup of which only the ID is known.
    pub fn command_of(&self, backup_id: &str) -> Command {
        let id = match self.operation.source_field() {
            // The reader refuses a rule for a whole vault that names none.
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

    /// The normalised form.
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

/// A section that says nothing is left out.
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
