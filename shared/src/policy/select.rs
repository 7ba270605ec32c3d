//! Which backups of a source a rule covers, and why it does not cover the others, in words.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{insert_if_any, insert_some};
use crate::ledger::About;
use crate::model::backup::Backup;
use crate::model::duration::{rough, text as duration_text};

/// Conditions on the backups of a source. All that are given must hold, and none of `exclude`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    /// The name begins with this.
    pub name_prefix: Option<String>,
    /// The backup has all these tags, each a key and a value.
    pub tags: Vec<(String, String)>,
    /// The backup is not older than this.
    pub max_age: Option<Duration>,
    /// The backup is not younger than this.
    pub min_age: Option<Duration>,
    /// The backup is of one of these disks or servers. Empty means any.
    pub resources: Vec<String>,
    /// The backup matches none of these.
    pub exclude: Exclude,
}

/// What a rule leaves out of what it selects: a backup that meets any of these conditions. One tag of several is enough.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exclude {
    /// The backup is of one of these disks or servers or, where the provider names neither, has one of these IDs itself.
    pub resources: Vec<String>,
    /// The backup has one of these tags, each a key and a value.
    pub tags: Vec<(String, String)>,
    /// The name begins with this.
    pub name_prefix: Option<String>,
}

impl Select {
    /// Whether the rule covers every backup of the source.
    pub fn is_all(&self) -> bool {
        *self == Select::default()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut select = Map::new();
        insert_some(&mut select, "name_prefix", &self.name_prefix);
        insert_if_any(&mut select, "tags", tags_json(&self.tags));
        insert_some(&mut select, "max_age", &self.max_age.map(duration_text));
        insert_some(&mut select, "min_age", &self.min_age.map(duration_text));
        if !self.resources.is_empty() {
            select.insert("resource".into(), json!(self.resources));
        }
        insert_if_any(&mut select, "exclude", self.exclude.to_json());
        Value::Object(select)
    }

    /// Whether the conditions, as they are now, leave out a backup that they took when this was noted of it: the policy was edited since.
    pub(crate) fn leaves_out(&self, id: &str, noted: &About) -> bool {
        let resource = noted.resource.as_deref().unwrap_or(id);
        let named = |prefix: &Option<String>| {
            prefix.as_deref().zip(noted.name.as_deref()).map(|(prefix, name)| name.starts_with(prefix))
        };
        let is = |list: &[String]| list.iter().any(|one| one == resource);
        is(&self.exclude.resources)
            || (!self.resources.is_empty() && !is(&self.resources))
            || named(&self.name_prefix) == Some(false)
            || named(&self.exclude.name_prefix) == Some(true)
    }

    /// The first condition that a backup does not meet, in words. Its age is not checked.
    pub(super) fn misses(&self, backup: &Backup) -> Option<String> {
        let misses = [
            self.name_prefix.as_deref().and_then(|prefix| misses_prefix(prefix, backup)),
            self.tags.iter().find_map(|(key, value)| misses_tag(key, value, backup)),
            misses_resource(&self.resources, backup),
            self.exclude.takes_out(backup),
        ];
        misses.into_iter().flatten().next()
    }

    /// The age limit that a backup does not meet, in words. An age of exactly the limit is covered, and `waited` extends `max_age`.
    /// A backup that the provider's clock puts into the future has the age zero.
    pub(super) fn misses_age(&self, backup: &Backup, waited: Duration, now: Timestamp) -> Option<String> {
        if self.max_age.is_none() && self.min_age.is_none() {
            return None;
        }
        let Some(created_at) = backup.created_at else {
            return Some("select: the provider does not say when it was made, and the rule selects by age".to_owned());
        };
        let age = Duration::try_from(now.duration_since(created_at)).unwrap_or_default();
        match (self.max_age, self.min_age) {
            (Some(limit), _) if age > limit.saturating_add(waited) => {
                Some(format!("select.max_age: it is {} old, more than {}", rough(age), duration_text(limit)))
            }
            (_, Some(limit)) if age < limit => {
                Some(format!("select.min_age: it is {} old, less than {}", rough(age), duration_text(limit)))
            }
            _ => None,
        }
    }
}

impl Exclude {
    fn to_json(&self) -> Value {
        let mut exclude = Map::new();
        if !self.resources.is_empty() {
            exclude.insert("resources".into(), json!(self.resources));
        }
        insert_if_any(&mut exclude, "tags", tags_json(&self.tags));
        insert_some(&mut exclude, "name_prefix", &self.name_prefix);
        Value::Object(exclude)
    }

    /// Why a backup is excluded, in words. What the provider does not tell excludes nothing: in doubt a backup is covered.
    fn takes_out(&self, backup: &Backup) -> Option<String> {
        // A backup is its own resource if the provider does not name what it is a backup of.
        let resource = backup.resource.as_ref().unwrap_or(&backup.id);
        if self.resources.contains(resource) {
            let what = if backup.resource.is_some() { format!("a backup of {resource}") } else { resource.clone() };
            return Some(format!("select.exclude.resources: it is {what}, which the rule excludes"));
        }
        if let Some((key, value)) = self.tags.iter().find(|tag| backup.tags.contains(tag)) {
            return Some(format!("select.exclude.tags.{key}: its value is \"{value}\", which the rule excludes"));
        }
        let (prefix, name) = (self.name_prefix.as_deref()?, backup.name.as_deref()?);
        name.starts_with(prefix).then(|| {
            format!("select.exclude.name_prefix: its name \"{name}\" begins with \"{prefix}\", which the rule excludes")
        })
    }
}

fn tags_json(tags: &[(String, String)]) -> Value {
    Value::Object(tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect())
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

fn listed(resources: &[String]) -> String {
    match resources {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} or {} others that the rule names", rest.len()),
        [] => String::new(),
    }
}
