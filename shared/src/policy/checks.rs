//! What is wrong with a policy whose fields are each well-formed: durations that cannot hold together, backups selected and excluded at
//! once, duplicate names and vaults, and what the provider would refuse in any command.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Copies, Limits, Objective, RuleSource, Select};
use crate::model::command::{Cloud, Command, Destination, Operation, Options, Source};
use crate::model::duration;
use crate::model::fields::{Complaints, FieldError};
use crate::model::text::one_line;
use crate::providers;

/// Finds durations that cannot hold together.
pub(crate) fn untimely(select: &Select, objective: &Objective, copies: &Copies, path: &str) -> Vec<FieldError> {
    let mut complaints = Complaints::default();
    let words = duration::text;
    if let (Some(min), Some(max)) = (select.min_age, select.max_age)
        && min >= max
    {
        let reason = format!("{} is not less than max_age, {}: nothing would be covered", words(min), words(max));
        complaints.add(format!("{path}.source.select.min_age"), reason);
    }
    if let (Some(min), Some(lag)) = (select.min_age, objective.max_lag)
        && min >= lag
    {
        let reason = format!(
            "{} is not more than select.min_age, {}: a backup would be late as soon as it is covered",
            words(lag),
            words(min)
        );
        complaints.add(format!("{path}.objective.max_lag"), reason);
    }
    if let (Some(max), Some(lag)) = (select.max_age, objective.max_lag)
        && lag >= max
    {
        let reason = format!(
            "{} is not less than select.max_age, {}: a backup would leave the rule before it is late",
            words(lag),
            words(max)
        );
        complaints.add(format!("{path}.objective.max_lag"), reason);
    }
    if let (Some(keep), Some(promise)) = (copies.keep, objective.effective(select)) {
        let lag = if promise.is_default { "objective.max_lag (by default)" } else { "objective.max_lag" };
        // One complaint is enough: the larger of the two is the one that binds.
        let longest = [(Some(promise.max_lag), lag), (promise.rpo, "objective.rpo")].into_iter().max();
        if let Some((Some(wanted), name)) = longest
            && keep < wanted
        {
            let reason = format!(
                "{} is less than {name}, {}: what is promised would be let go; keep copies for {} at least",
                words(keep),
                words(wanted),
                words(wanted)
            );
            complaints.add(format!("{path}.copies.keep"), reason);
        }
    }
    complaints.into_vec()
}

/// Finds a `start_after` that cannot hold together with what is promised, or that the rule's call cannot keep.
pub(crate) fn started_late(
    operation: Operation,
    select: &Select,
    objective: &Objective,
    limits: &Limits,
    path: &str,
) -> Vec<FieldError> {
    let Some(after) = limits.start_after else { return Vec::new() };
    let path = format!("{path}.limits.start_after");
    if operation.source_field() == "vault_id" {
        let reason = format!("{} copies a whole vault at once and cannot wait for single backups", operation.name());
        return vec![FieldError::new(path, reason)];
    }
    match objective.effective(select) {
        Some(promise) if after >= promise.max_lag => {
            let lag = if promise.is_default { "objective.max_lag (by default)" } else { "objective.max_lag" };
            let (after, promised) = (duration::text(after), duration::text(promise.max_lag));
            let reason =
                format!("{after} is not less than {lag}, {promised}: every copy would be late when it is started");
            vec![FieldError::new(path, reason)]
        }
        _ => Vec::new(),
    }
}

/// Finds what is selected and excluded at once, so that nothing would be covered.
pub(crate) fn excluded_again(select: &Select, path: &str) -> Vec<FieldError> {
    let mut complaints = Complaints::default();
    let exclude = &select.exclude;
    let path = format!("{path}.source.select.exclude");
    if !select.resources.is_empty() && select.resources.iter().all(|resource| exclude.resources.contains(resource)) {
        let reason = "excludes every one of select.resource: nothing would be covered; name each in one of the two";
        complaints.add(format!("{path}.resources"), reason);
    }
    for (key, value) in exclude.tags.iter().filter(|tag| select.tags.contains(tag)) {
        let reason = format!(
            "\"{value}\" is what select.tags asks for: nothing would be covered; name the tag in one of the two"
        );
        complaints.add(format!("{path}.tags.{}", one_line(key)), reason);
    }
    if let (Some(out), Some(wanted)) = (&exclude.name_prefix, &select.name_prefix)
        && wanted.starts_with(out.as_str())
    {
        let reason = format!(
            "\"{out}\" begins every name that select.name_prefix, \"{wanted}\", asks for: nothing would be covered; exclude a longer one"
        );
        complaints.add(format!("{path}.name_prefix"), reason);
    }
    complaints.into_vec()
}

/// Runs the provider's own check on a rule, to find what the provider would refuse in any command of it. Each part is checked by itself, so
/// that one complaint does not hide another.
pub(crate) struct Trial<'a> {
    /// The operation of the rule's commands.
    pub operation: Operation,
    /// The rule's source; `None` if it could not be read.
    pub source: Option<&'a RuleSource>,
    /// The path of the rule in the policy, such as `rules[0]`.
    pub path: &'a str,
}

impl Trial<'_> {
    /// Complaints about the source or, if it has none, about each of the destinations.
    pub(crate) fn of_destinations(&self, destinations: &[Destination]) -> Vec<FieldError> {
        // The source decides whether a destination suits.
        if self.source.is_none() {
            return Vec::new();
        }
        if let Some(error) = self.refused(None, Options::default()) {
            return vec![error];
        }
        let one = |(index, destination)| {
            let mut error = self.refused(Some(destination), Options::default())?;
            error.field = error.field.replacen("destinations[0]", &format!("destinations[{index}]"), 1);
            Some(error)
        };
        destinations.iter().enumerate().filter_map(one).collect()
    }

    /// Complaints about each of the options.
    pub(crate) fn of_options(&self, options: &Options) -> Vec<FieldError> {
        let Options { name, description, .. } = options.clone();
        let parts = [Options { name, ..Options::default() }, Options { description, ..Options::default() }];
        // Options are checked without the source, whose own complaint came with the destinations.
        let trial = Trial { source: None, ..*self };
        parts.into_iter().filter_map(|part| trial.refused(None, part)).collect()
    }

    fn refused(&self, destination: Option<&Destination>, options: Options) -> Option<FieldError> {
        // A placeholder stands for what comes later, with the backup or from the configuration.
        let source = Source {
            region: self.source.map(|source| source.region.clone()).unwrap_or_default(),
            project_id: self.source.and_then(|source| source.project_id.clone()).or_else(|| Some("project".to_owned())),
            id: self.source.and_then(|source| source.vault_id.clone()).unwrap_or_else(|| "snap-0".to_owned()),
        };
        let command = Command {
            operation: self.operation,
            account: String::new(),
            source,
            destinations: destination.into_iter().cloned().collect(),
            options,
            occurrence: None,
            rule: None,
            dry_run: false,
        };
        let error = providers::check(&command).err()?;
        Some(FieldError::new(format!("{}.{}", self.path, error.field), error.reason))
    }
}

/// Finds rules of the same name. Names are compared even if the rest of a rule cannot be read.
pub(crate) fn doubled_names(rules: &[Value]) -> Vec<FieldError> {
    let mut first = BTreeMap::new();
    let mut complaints = Complaints::default();
    for (index, rule) in rules.iter().enumerate() {
        let Some(name) = rule.get("name").and_then(Value::as_str) else { continue };
        let earlier = *first.entry(name).or_insert(index);
        if earlier != index {
            complaints
                .add(format!("rules[{index}].name"), format!("\"{name}\" is the name of rules[{earlier}] already"));
        }
    }
    complaints.into_vec()
}

/// Finds Alibaba vaults that go to two targets: a vault has one, whichever rules say so. A rule is compared even if its rest is unreadable.
pub(crate) fn doubled_vaults(rules: &[Value]) -> Vec<FieldError> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let mut first = BTreeMap::new();
    let mut complaints = Complaints::default();
    for (index, rule) in rules.iter().enumerate() {
        if text(rule, "/provider").as_deref() != Some(Cloud::Alibaba.name()) {
            continue;
        }
        let target = (text(rule, "/destinations/0/region"), text(rule, "/destinations/0/vault_id"));
        let (Some(vault), (Some(region), Some(target))) = (text(rule, "/source/vault_id"), target) else { continue };
        let (earlier, to, there) = first.entry(vault.clone()).or_insert((index, target.clone(), region.clone()));
        if (&*to, &*there) != (&target, &region) {
            let reason = format!(
                "source vault {vault} goes to {to} in {there} by rules[{earlier}] already, and an Alibaba vault has one destination"
            );
            complaints.add(format!("rules[{index}].destinations[0]"), reason);
        }
    }
    complaints.into_vec()
}
