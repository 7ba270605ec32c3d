//! What a reader wants to see of a report: lists are narrowed, the conclusion and the figures never are.

use std::collections::BTreeSet;

use offsite_shared::report::{Report, ResourceLine, ResourceState, RuleReport};
use offsite_shared::sweep::findings::Line;
use offsite_shared::sweep::verdict::Verdict;

use super::resources::STATES;
use super::words::listed;

/// What is to be listed. Of several of one kind any may match; of several kinds all must.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// IDs of resources, each exact.
    pub resources: Vec<String>,
    /// IDs of backups, each exact.
    pub backups: Vec<String>,
    /// Verdicts of backups and states of resources, by their names in JSON.
    pub words: Vec<String>,
    /// Names of rules.
    pub rules: Vec<String>,
}

/// Reads a verdict of a backup or a state of a resource, as it stands in JSON or as it is told to people.
///
/// # Errors
/// There is none of that name, or what has it is counted and not listed.
pub fn word(text: &str) -> Result<String, String> {
    let name = text.trim().to_lowercase().replace([' ', '-'], "_");
    let counted = [Verdict::Replicated.name(), ResourceState::Protected.name()];
    let known: BTreeSet<&str> =
        Verdict::ALL.into_iter().map(Verdict::name).chain(STATES.map(ResourceState::name)).collect();
    if counted.contains(&name.as_str()) {
        return Err(format!("what is {name} is counted and not listed"));
    }
    if known.contains(name.as_str()) {
        return Ok(name);
    }
    let known: Vec<&str> = known.into_iter().filter(|word| !counted.contains(word)).collect();
    Err(format!("\"{text}\" is no verdict of a backup or state of a resource; known are {}", known.join(", ")))
}

impl Filter {
    /// Whether it leaves out anything.
    pub fn narrows(&self) -> bool {
        [&self.resources, &self.backups, &self.words, &self.rules].iter().any(|wanted| !wanted.is_empty())
    }

    /// Whether a rule is shown.
    pub fn shows(&self, rule: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|wanted| wanted == rule)
    }

    /// Narrows the lists of a report and says so in it. Its conclusion, its figures and its reasons stay those of everything.
    pub fn apply(&self, report: &mut Report) {
        if !self.narrows() {
            return;
        }
        for rule in &mut report.rules {
            if self.shows(&rule.rule) {
                self.narrow(rule);
            } else {
                empty(rule);
            }
        }
        report.outside.retain(|line| self.rules.is_empty() && self.takes(line));
        report.remarks.push(self.remark());
        let found = report
            .rules
            .iter()
            .any(|rule| !(rule.unprotected.is_empty() && rule.exceptions.is_empty() && rule.orphans.is_empty()));
        if !found && report.outside.is_empty() {
            report.remarks.push(
                "Nothing in the lists is about that. What is protected or replicated is counted and not listed; \
                 `offsite policy check --explain ID` tells of one backup."
                    .to_owned(),
            );
        }
    }

    fn narrow(&self, rule: &mut RuleReport) {
        // A backup leads to its resource.
        let of_backups: BTreeSet<String> =
            rule.exceptions.iter().filter(|line| self.backups.contains(&line.backup_id)).map(resource_of).collect();
        let takes = |line: &ResourceLine| {
            let backup = self.backups.contains(&line.resource) || of_backups.contains(&line.resource);
            any(&self.resources, &line.resource)
                && (self.backups.is_empty() || backup)
                && any(&self.words, line.state.name())
        };
        rule.unprotected.retain(takes);
        rule.unprotected_total = rule.unprotected.len() as u64;
        rule.exceptions.retain(|line| self.takes(line));
        rule.exceptions_total = rule.exceptions.len() as u64;
        let of_backup = |id: &str| self.backups.iter().any(|wanted| wanted == id);
        rule.orphans.retain(|orphan| {
            let backup = of_backup(&orphan.copy_id) || orphan.source_id.as_deref().is_some_and(of_backup);
            self.resources.is_empty() && self.words.is_empty() && (self.backups.is_empty() || backup)
        });
        if !(self.resources.is_empty() && self.words.is_empty() && self.backups.is_empty()) {
            rule.orphans_total = rule.orphans.len() as u64;
        }
        rule.accepted.retain(|act| act.decision.resource().is_none_or(|resource| any(&self.resources, resource)));
        if let Some(rpo) = &mut rule.rpo {
            rpo.late_resources.retain(|late| any(&self.resources, &late.resource));
        }
    }

    fn takes(&self, line: &Line) -> bool {
        any(&self.resources, &resource_of(line))
            && any(&self.backups, &line.backup_id)
            && any(&self.words, line.verdict.name())
    }

    fn remark(&self) -> String {
        let named = |kind: &str, wanted: &[String]| -> Option<String> {
            (!wanted.is_empty()).then(|| format!("{kind} {}", wanted.join(" or ")))
        };
        let parts = [
            named("rule", &self.rules),
            named("resource", &self.resources),
            named("backup", &self.backups),
            named("verdict", &self.words),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!(
            "Listed is only what is of {}. The conclusion and the figures are those of everything, listed or not.",
            listed(&parts)
        )
    }
}

fn any(wanted: &[String], found: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|one| one == found)
}

fn resource_of(line: &Line) -> String {
    line.resource.clone().unwrap_or_else(|| line.backup_id.clone())
}

fn empty(rule: &mut RuleReport) {
    rule.unprotected.clear();
    rule.unprotected_total = 0;
    rule.exceptions.clear();
    rule.exceptions_total = 0;
    rule.orphans.clear();
    rule.orphans_total = 0;
    rule.accepted.clear();
}
