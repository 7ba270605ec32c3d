//! The policy: which sources go to which destinations, and how late a copy may be.
//!
//! `reading` makes one from JSON, strictly and with every complaint at once, and `checks` compares its parts; `duration` are
//! texts such as `24h`.

mod checks;
mod reading;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ledger::limits::OnDoubt;
use crate::model::backup::Backup;
use crate::model::command::{Command, Destination, Operation, Options, Source, options_json};
use crate::model::duration::rough;
use crate::model::text::one_line;

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

    /// The normalised form: every default that decides something is written out. [`Policy::from_json`] reads it back.
    pub fn to_json(&self) -> Value {
        json!({ "version": 1, "rules": self.rules.iter().map(Rule::to_json).collect::<Vec<_>>() })
    }
}

impl Rule {
    /// Whether this rule covers a backup that lies in its source's region and project. Whether the backup can be copied is not
    /// asked: an ineligible backup that is covered is a verdict of its own.
    pub fn covers(&self, backup: &Backup, now: Timestamp) -> Coverage {
        match self.selects(backup) {
            Coverage::Covered => misses_age(&self.source.select, backup, Duration::ZERO, now).into(),
            other => other,
        }
    }

    /// The same for a command that may have waited in a queue: the backup may have grown too old meanwhile, and never too young.
    pub fn covers_since(&self, backup: &Backup, now: Timestamp) -> Coverage {
        match self.selects(backup) {
            Coverage::Covered => misses_age(&self.source.select, backup, LONGEST_WAIT, now).into(),
            other => other,
        }
    }

    fn selects(&self, backup: &Backup) -> Coverage {
        let select = &self.source.select;
        let misses = [
            self.source.vault_id.as_deref().and_then(|vault| misses_vault(vault, backup)),
            select.name_prefix.as_deref().and_then(|prefix| misses_prefix(prefix, backup)),
            select.tags.iter().find_map(|(key, value)| misses_tag(key, value, backup)),
            misses_resource(&select.resources, backup),
        ];
        misses.into_iter().flatten().next().into()
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

impl Select {
    /// Whether every backup of the source is meant.
    pub fn is_all(&self) -> bool {
        *self == Select::default()
    }

    fn to_json(&self) -> Value {
        let mut select = Map::new();
        insert_some(&mut select, "name_prefix", &self.name_prefix);
        let tags: Map<String, Value> = self.tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        insert_if_any(&mut select, "tags", Value::Object(tags));
        insert_some(&mut select, "max_age", &self.max_age.map(duration_text));
        insert_some(&mut select, "min_age", &self.min_age.map(duration_text));
        if !self.resources.is_empty() {
            select.insert("resource".into(), json!(self.resources));
        }
        Value::Object(select)
    }
}

impl Objective {
    fn to_json(&self) -> Value {
        let mut objective = Map::new();
        insert_some(&mut objective, "max_lag", &self.max_lag.map(duration_text));
        insert_some(&mut objective, "rpo", &self.rpo.map(duration_text));
        Value::Object(objective)
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

fn insert_if_any(object: &mut Map<String, Value>, name: &str, value: Value) {
    if value.as_object().is_some_and(|inner| !inner.is_empty()) {
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

fn misses_prefix(prefix: &str, backup: &Backup) -> Option<String> {
    match backup.name.as_deref() {
        Some(name) if name.starts_with(prefix) => None,
        Some(name) => Some(format!("select.name_prefix: its name \"{name}\" does not begin with \"{prefix}\"")),
        None => Some(format!("select.name_prefix: it has no name, and one that begins with \"{prefix}\" is wanted")),
    }
}

fn misses_tag(key: &str, value: &str, backup: &Backup) -> Option<String> {
    if backup.tags.iter().any(|(found_key, found)| found_key == key && found == value) {
        return None;
    }
    Some(match backup.tags.iter().find(|(found_key, _)| found_key == key) {
        Some((_, found)) => format!("select.tags.{key}: its value is \"{found}\", not \"{value}\""),
        None => format!("select.tags.{key}: it has no such tag, and \"{value}\" is wanted"),
    })
}

fn misses_resource(resources: &[String], backup: &Backup) -> Option<String> {
    if resources.is_empty() {
        return None;
    }
    match &backup.resource {
        Some(found) if resources.contains(found) => None,
        Some(found) => Some(format!("select.resource: it is a backup of {found}, not of {}", listed(resources))),
        None => Some(format!(
            "select.resource: the provider does not say what it is a backup of; wanted is {}",
            listed(resources)
        )),
    }
}

/// An age of exactly the limit is covered. A backup that the provider's clock puts into the future has no age yet.
fn misses_age(select: &Select, backup: &Backup, waited: Duration, now: Timestamp) -> Option<String> {
    if select.max_age.is_none() && select.min_age.is_none() {
        return None;
    }
    let Some(created_at) = backup.created_at else {
        return Some("select: the provider does not say when it was made, and the rule selects by age".to_owned());
    };
    let age = Duration::try_from(now.duration_since(created_at)).unwrap_or_default();
    match (select.max_age, select.min_age) {
        (Some(limit), _) if age > limit.saturating_add(waited) => {
            Some(format!("select.max_age: it is {} old, more than {}", rough(age), duration_text(limit)))
        }
        (_, Some(limit)) if age < limit => {
            Some(format!("select.min_age: it is {} old, less than {}", rough(age), duration_text(limit)))
        }
        _ => None,
    }
}

fn listed(resources: &[String]) -> String {
    match resources {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} or {} others that the rule names", rest.len()),
        [] => String::new(),
    }
}
