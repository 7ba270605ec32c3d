//! Which backups of a source a rule covers, and the words for those that it does not.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{insert_if_any, insert_some};
use crate::model::backup::Backup;
use crate::model::duration::{rough, text as duration_text};

/// Which backups of a source. Everything given must hold, and nothing of `exclude`.
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
    /// Is none of these.
    pub exclude: Exclude,
}

/// What a rule leaves out of what it selects: a backup that matches any of these, one tag of several included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exclude {
    /// Is a backup of one of these disks or servers, or is itself one of these where the provider names neither.
    pub resources: Vec<String>,
    /// Has one of these tags.
    pub tags: Vec<(String, String)>,
    /// Name begins so.
    pub name_prefix: Option<String>,
}

impl Select {
    /// Whether every backup of the source is meant.
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

    /// The first condition that a backup does not meet, its age aside.
    pub(super) fn misses(&self, backup: &Backup) -> Option<String> {
        let misses = [
            self.name_prefix.as_deref().and_then(|prefix| misses_prefix(prefix, backup)),
            self.tags.iter().find_map(|(key, value)| misses_tag(key, value, backup)),
            misses_resource(&self.resources, backup),
            self.exclude.takes_out(backup),
        ];
        misses.into_iter().flatten().next()
    }

    /// An age of exactly the limit is covered. A backup that the provider's clock puts into the future has no age yet.
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

    /// Why a backup is excluded. What the provider does not tell excludes nothing: in doubt a backup is covered.
    fn takes_out(&self, backup: &Backup) -> Option<String> {
        // Where nobody names what it is a backup of, a backup is a resource of its own.
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
