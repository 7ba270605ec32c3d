//! Reads a policy strictly: all complaints at once, each with the path of its field.
//!
//! Null is a complaint, not an absence: a `select:` whose lines were commented out must not come to mean everything. This module reads each
//! field by itself; `checks` compares what was read.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::checks::{Trial, doubled_names, doubled_vaults, excluded_again, started_late, untimely};
use super::{Copies, Exclude, Limits, Objective, Policy, Rule, RuleSource, Select};
use crate::ledger::limits::OnDoubt;
use crate::model::command::{Cloud, Operation, Options, reading};
use crate::model::duration;
use crate::model::fields::{Complaints, FieldError, Fields, kind};
use crate::model::name::Names;
use crate::model::text::one_line;

impl Policy {
    /// Reads a policy. Anything unknown, malformed or null is refused.
    ///
    /// # Errors
    /// All complaints, rule by rule.
    pub fn from_json(value: &Value) -> Result<Policy, Vec<FieldError>> {
        let mut empty = Vec::new();
        nulls(value, "", &mut empty);
        match policy(value) {
            Ok(policy) if empty.is_empty() => Ok(policy),
            Ok(_) => Err(empty),
            Err(complaints) => {
                let known: BTreeSet<String> = empty.iter().map(|error| error.field.clone()).collect();
                empty.extend(complaints.into_vec().into_iter().filter(|error| !known.contains(&error.field)));
                Err(empty)
            }
        }
    }
}

fn policy(value: &Value) -> Result<Policy, Complaints> {
    if !value.is_object() {
        return Err(FieldError::new("policy", format!("must be an object, not {}", kind(value))).into());
    }
    let mut fields = Fields::of(value, "")?;
    let mut complaints = Complaints::default();
    match fields.value("version") {
        None => complaints.add("version", "is missing: write version: 1"),
        Some(version) if version.as_f64() == Some(1.0) => {}
        Some(_) => complaints.add("version", "must be the number 1, the only version there is"),
    }
    let mut rules = Vec::new();
    match fields.value("rules") {
        None => complaints.add("rules", "is missing; a policy without rules says rules: []"),
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                rules.extend(complaints.keep_all(rule(item, &format!("rules[{index}]"))));
            }
            complaints.extend(doubled_names(items));
            complaints.extend(doubled_vaults(items));
        }
        Some(other) => complaints.add("rules", format!("must be an array, not {}", kind(other))),
    }
    complaints.extend(fields.unknown());
    complaints.or(Policy { rules })
}

fn rule(value: &Value, path: &str) -> Result<Rule, Complaints> {
    let mut fields = Fields::of(value, path)?;
    let mut complaints = Complaints::default();
    let name = complaints.keep(name(&mut fields));
    let operation = complaints.keep_all(operation(&mut fields));
    let account = complaints.keep(account(&mut fields)).unwrap_or_default();
    let (from, to, with) = (fields.value("source"), fields.value("destinations"), fields.value("options"));
    let objective = complaints.keep_all(objective(&mut fields)).unwrap_or_default();
    let copies = section(&mut fields, "copies", &mut complaints, copies).unwrap_or_default();
    let limits = section(&mut fields, "limits", &mut complaints, limits).unwrap_or_default();
    complaints.extend(fields.unknown());
    if from.is_none() {
        complaints.add(fields.path("source"), "is missing");
    }
    if to.is_none() {
        complaints.add(fields.path("destinations"), "is missing");
    }
    // Without the operation nobody knows what the source, destinations and options must look like.
    let Some(operation) = operation else { return Err(complaints) };
    let region = from.and_then(|from| from.get("region")).and_then(Value::as_str);
    let source = from.and_then(|from| complaints.keep_all(source(from, &fields.path("source"), operation)));
    let destinations = to
        .and_then(|to| complaints.keep_all(reading::destinations(to, &fields.path("destinations"), operation, region)));
    let options = match with {
        None => Some(Options::default()),
        Some(with) => complaints.keep_all(reading::options(with, &fields.path("options"), operation)),
    };
    let trial = Trial { operation, source: source.as_ref(), path };
    complaints.extend(trial.of_destinations(destinations.as_deref().unwrap_or_default()));
    complaints.extend(options.iter().flat_map(|options| trial.of_options(options)));
    let (Some(name), Some(source), Some(destinations), Some(options)) = (name, source, destinations, options) else {
        return Err(complaints);
    };
    complaints.extend(untimely(&source.select, &objective, &copies, path));
    complaints.extend(started_late(operation, &source.select, &objective, &limits, path));
    complaints.extend(excluded_again(&source.select, path));
    complaints.or(Rule { name, operation, account, source, destinations, options, objective, copies, limits })
}

fn name(fields: &mut Fields<'_>) -> Result<String, FieldError> {
    Names::Rule.checked(fields.required("name")?, &fields.path("name"))
}

fn account(fields: &mut Fields<'_>) -> Result<String, FieldError> {
    match fields.text("account")? {
        None => Ok("default".to_owned()),
        Some(name) => Names::Account.checked(name, &fields.path("account")),
    }
}

/// Reads the operation. It follows from the provider; only Huawei has several.
fn operation(fields: &mut Fields<'_>) -> Result<Operation, Complaints> {
    let mut complaints = Complaints::default();
    let provider = complaints.keep(fields.required("provider"));
    let named = complaints.keep(fields.text("operation"));
    let (Some(provider), Some(named)) = (provider, named) else {
        return complaints.or(Operation::CopySnapshot);
    };
    let Some(cloud) = Cloud::from_name(&provider) else {
        let reason = format!("\"{provider}\" is not one of alibaba, huawei, tencent");
        return Err(FieldError::new(fields.path("provider"), reason).into());
    };
    let usual = match cloud {
        Cloud::Alibaba => Operation::CreateVaultReplication,
        Cloud::Huawei => Operation::CopyBackup,
        Cloud::Tencent => Operation::CopySnapshot,
    };
    let Some(named) = named else { return Ok(usual) };
    Operation::from_name(&named).filter(|found| found.cloud() == cloud).ok_or_else(|| {
        let known: Vec<_> = Operation::ALL.iter().filter(|op| op.cloud() == cloud).map(|op| op.name()).collect();
        let reason = format!("\"{named}\" is not an operation of {provider}; known: {}", known.join(", "));
        FieldError::new(fields.path("operation"), reason).into()
    })
}

fn source(value: &Value, path: &str, operation: Operation) -> Result<RuleSource, Complaints> {
    let mut fields = Fields::of(value, path)?;
    let mut complaints = Complaints::default();
    let region = complaints.keep(reading::region(&mut fields));
    let project_id = complaints.keep(reading::project(&mut fields, operation)).flatten();
    let vault_id = match operation {
        Operation::CreateVaultReplication | Operation::CopyCheckpoint => {
            complaints.keep(reading::identifier(&mut fields, "vault_id"))
        }
        Operation::CopyBackup => complaints.keep(reading::optional_identifier(&mut fields, "vault_id")).flatten(),
        Operation::CopyCheckpointItem | Operation::CopySnapshot | Operation::CarryBackup => None,
    };
    let select = section(&mut fields, "select", &mut complaints, select).unwrap_or_default();
    if operation == Operation::CopyCheckpoint && !select.is_all() {
        let reason = "copy-checkpoint copies the whole vault and cannot select; operation: copy-backup can";
        complaints.add(fields.path("select"), reason);
    }
    // Source: HBR 2017-09-08 DescribeBackupJobs2: a job has no tags, so nothing would ever be covered.
    if operation == Operation::CreateVaultReplication && !select.tags.is_empty() {
        complaints.add(format!("{path}.select.tags"), "Alibaba's backup jobs carry no tags: nothing would be covered");
    }
    if operation == Operation::CreateVaultReplication && !select.exclude.tags.is_empty() {
        let reason = "Alibaba's backup jobs carry no tags: nothing would be excluded";
        complaints.add(format!("{path}.select.exclude.tags"), reason);
    }
    complaints.extend(fields.unknown());
    complaints.or(RuleSource { region: region.unwrap_or_default(), project_id, vault_id, select })
}

/// Reads one of the objects of a rule that may be left out.
fn section<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    complaints: &mut Complaints,
    read: impl FnOnce(Fields<'_>) -> Result<T, Complaints>,
) -> Option<T> {
    let value = fields.value(name)?;
    let inner = complaints.keep(Fields::of(value, &fields.path(name)))?;
    complaints.keep_all(read(inner))
}

fn select(mut fields: Fields<'_>) -> Result<Select, Complaints> {
    let mut complaints = Complaints::default();
    let excluded = fields.path("exclude");
    let select = Select {
        name_prefix: complaints.keep(fields.text("name_prefix")).flatten(),
        tags: complaints.keep_all(tags(&mut fields, "select")).unwrap_or_default(),
        max_age: complaints.keep(positive(&mut fields, "max_age")).flatten(),
        min_age: complaints.keep(any_duration(&mut fields, "min_age")).flatten(),
        resources: complaints.keep_all(resources(&mut fields, "resource", "select all")).unwrap_or_default(),
        exclude: section(&mut fields, "exclude", &mut complaints, |inner| exclude(inner, &excluded))
            .unwrap_or_default(),
    };
    complaints.extend(fields.unknown());
    complaints.or(select)
}

fn exclude(mut fields: Fields<'_>, path: &str) -> Result<Exclude, Complaints> {
    let mut complaints = Complaints::default();
    let says_nothing = ["resources", "tags", "name_prefix"].iter().all(|name| fields.is_absent(name));
    let exclude = Exclude {
        resources: complaints.keep_all(resources(&mut fields, "resources", "exclude none")).unwrap_or_default(),
        tags: complaints.keep_all(tags(&mut fields, "exclude")).unwrap_or_default(),
        name_prefix: complaints.keep(fields.text("name_prefix")).flatten(),
    };
    let unknown = fields.unknown();
    if says_nothing && unknown.is_empty() {
        let reason = "must say at least one of resources, tags, name_prefix; leave it out to exclude nothing";
        complaints.add(path, reason);
    }
    complaints.extend(unknown);
    complaints.or(exclude)
}

/// Reads tags. `verb` is what a rule without them does: select or exclude.
fn tags(fields: &mut Fields<'_>, verb: &str) -> Result<Vec<(String, String)>, Complaints> {
    let path = fields.path("tags");
    let object = match fields.value("tags") {
        None => return Ok(Vec::new()),
        Some(Value::Object(object)) => object,
        Some(other) => {
            let reason = format!("must be an object of texts, not {}", kind(other));
            return Err(FieldError::new(path, reason).into());
        }
    };
    let mut complaints = Complaints::default();
    if object.is_empty() {
        complaints.add(&path, format!("must name at least one tag; leave it out to {verb} without tags"));
    }
    let mut tags = Vec::with_capacity(object.len());
    for (key, value) in object {
        let field = format!("{path}.{}", one_line(key));
        match value {
            _ if key.is_empty() => complaints.add(field, "a tag's key must not be empty"),
            Value::String(text) => tags.push((key.clone(), text.clone())),
            other => complaints.add(field, format!("must be a text, not {}", kind(other))),
        }
    }
    complaints.or(tags)
}

/// Reads the IDs of disks or servers: one text, or an array of them. `absent` is what leaving them out does.
fn resources(fields: &mut Fields<'_>, name: &'static str, absent: &str) -> Result<Vec<String>, Complaints> {
    let path = fields.path(name);
    let items = match fields.value(name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(Value::String(_)) => return Ok(fields.text(name)?.into_iter().collect()),
        Some(other) => {
            let reason = format!("must be a text or an array of texts, not {}", kind(other));
            return Err(FieldError::new(path, reason).into());
        }
    };
    let mut complaints = Complaints::default();
    if items.is_empty() {
        complaints.add(&path, format!("must name at least one disk or server; leave it out to {absent}"));
    }
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let field = format!("{path}[{index}]");
        match item {
            Value::String(text) if text.is_empty() => complaints.add(field, "must not be empty"),
            Value::String(text) if !seen.insert(text.clone()) => {
                complaints.add(field, format!("{text} is named twice"))
            }
            Value::String(_) => {}
            other => complaints.add(field, format!("must be a text, not {}", kind(other))),
        }
    }
    complaints.or(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Reads the objective: an object, or the text `none`. A rule that is not judged promises nothing, so `none` stands alone.
fn objective(fields: &mut Fields<'_>) -> Result<Objective, Complaints> {
    let path = fields.path("objective");
    let inner = match fields.value("objective") {
        None => return Ok(Objective::default()),
        Some(Value::String(text)) if text == "none" => {
            return Ok(Objective { not_judged: true, ..Objective::default() });
        }
        Some(Value::Object(inner)) if inner.contains_key("none") => {
            let reason = "stands alone: write objective: none, and no other key, for a rule that is not judged";
            return Err(FieldError::new(format!("{path}.none"), reason).into());
        }
        Some(inner @ Value::Object(_)) => inner,
        Some(other) => {
            let reason =
                format!("must be an object, or the text none for a rule that is not judged; this is {}", kind(other));
            return Err(FieldError::new(path, reason).into());
        }
    };
    let mut fields = Fields::of(inner, &path)?;
    let mut complaints = Complaints::default();
    let objective = Objective {
        max_lag: complaints.keep(positive(&mut fields, "max_lag")).flatten(),
        rpo: complaints.keep(positive(&mut fields, "rpo")).flatten(),
        history: complaints.keep(fields.boolean("history")).flatten().unwrap_or(false),
        not_judged: false,
    };
    complaints.extend(fields.unknown());
    complaints.or(objective)
}

fn copies(mut fields: Fields<'_>) -> Result<Copies, Complaints> {
    let mut complaints = Complaints::default();
    let keep = complaints.keep(positive(&mut fields, "keep")).flatten();
    complaints.extend(fields.unknown());
    complaints.or(Copies { keep })
}

fn limits(mut fields: Fields<'_>) -> Result<Limits, Complaints> {
    let mut complaints = Complaints::default();
    let max_new_per_sweep = fields.value("max_new_per_sweep").and_then(|value| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && (1.0..=100_000.0).contains(number));
        if number.is_none() {
            complaints.add(fields.path("max_new_per_sweep"), "must be a whole number from 1 to 100000");
        }
        number.map(|number| number as u32)
    });
    let start_after = complaints.keep(positive(&mut fields, "start_after")).flatten();
    let on_doubt = complaints.keep(fields.text("on_doubt")).flatten().and_then(|text| match text.as_str() {
        "recopy" => Some(OnDoubt::Recopy),
        "hold" => Some(OnDoubt::Hold),
        _ => {
            complaints.add(fields.path("on_doubt"), "must be recopy or hold");
            None
        }
    });
    let restart_lost = complaints.keep(fields.boolean("restart_lost")).flatten().unwrap_or(false);
    let allow_empty = complaints.keep(fields.boolean("allow_empty")).flatten().unwrap_or(false);
    complaints.extend(fields.unknown());
    complaints.or(Limits { max_new_per_sweep, start_after, on_doubt, restart_lost, allow_empty })
}

fn positive(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Duration>, FieldError> {
    match any_duration(fields, name)? {
        Some(Duration::ZERO) => Err(FieldError::new(fields.path(name), "must be more than zero")),
        duration => Ok(duration),
    }
}

fn any_duration(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Duration>, FieldError> {
    let path = fields.path(name);
    let Some(text) = fields.text(name)? else { return Ok(None) };
    duration::read(&text).map(Some).ok_or_else(|| FieldError::new(path, duration::WANTED))
}

/// Finds keys without a value. YAML writes one by leaving a line empty, most often by accident.
fn nulls(value: &Value, path: &str, found: &mut Vec<FieldError>) {
    match value {
        Value::Null if !path.is_empty() => {
            found.push(FieldError::new(path, "has no value: give one, or leave the key out"));
        }
        Value::Object(object) => {
            for (key, inner) in object {
                let key = one_line(key);
                nulls(inner, &if path.is_empty() { key } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                nulls(inner, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}
