//! What a rule knows of one ID: of a backup, of a disk, server or other resource, or of a vault. It reads what the last sweep left, and
//! from the ledger only the records that are about it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::conclusion::unknown;
use super::reading::{ReportRequest, begin};
use super::resources::{Resources, Terms};
use super::{RuleReport, risks};
use crate::ledger::Record;
use crate::ledger::risks::in_force;
use crate::ledger::store::LedgerError;
use crate::model::command::{Key, Operation};
use crate::model::text::hash_of;
use crate::model::time::later;
use crate::policy::Rule;
use crate::ports::{Ledger, Notes};
use crate::sweep::findings::Line;
use crate::sweep::register::{Copied, Resource};
use crate::sweep::summary::{self, Summary};
use crate::sweep::verdict::Verdict;

/// So many records are read for one ID, each of a backup without a copy. Of a vault there can be more backups than that.
const RECORDS: usize = 1_000;

/// What a rule knows of an ID.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleStatus {
    /// The rule, with the resources that the ID is about in every state, and with why something cannot be known.
    pub rule: RuleReport,
    /// The newest usable copy of each of these resources, by resource and destination.
    pub copies: Vec<(String, String, Copied)>,
    /// The backups that the ID is about: itself, or those of its resources that have no usable copy.
    pub backups: Vec<BackupStatus>,
}

/// One backup in one destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackupStatus {
    /// What is to be said of it, its ID, its name, and what it is a backup of.
    #[serde(flatten)]
    pub line: Line,
    /// Since when that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The copy's ID, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_id: Option<String>,
    /// When Offsite does something about it next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Whether it should have its copy by now.
    pub is_due: bool,
    /// Whether it was made before the rule was first swept, and its resource has a newer usable copy.
    pub is_backlog: bool,
}

impl RuleStatus {
    /// Whether the rule knows nothing of the ID.
    pub fn is_empty(&self) -> bool {
        self.rule.unprotected.is_empty() && self.backups.is_empty()
    }
}

impl BackupStatus {
    /// Whether nobody has to do anything about it.
    pub fn is_well(&self) -> bool {
        match self.line.verdict {
            Verdict::Replicated | Verdict::GivenUp | Verdict::Overtaken | Verdict::Ended => true,
            Verdict::NotReady => !self.is_due,
            Verdict::Missing | Verdict::InProgress => !self.is_due || self.is_backlog,
            Verdict::Missed
            | Verdict::Lost
            | Verdict::InDoubt
            | Verdict::Failed
            | Verdict::Refused
            | Verdict::Left
            | Verdict::Unknown
            | Verdict::Ineligible => false,
        }
    }

    /// What a record says of its backup; `None` if its command cannot be read.
    pub fn of_record(record: &Record) -> Option<BackupStatus> {
        let replication = record.replication().ok()?;
        let last = record.last();
        let line = Line {
            verdict: Verdict::of_state(record.state).unwrap_or(Verdict::Missing),
            backup_id: replication.source.id,
            name: record.about.name.clone(),
            resource: record.about.resource.clone(),
            resource_kind: record.about.kind.clone(),
            source_region: replication.source.region,
            destination: replication.destination.region,
            created_at: record.about.made,
            size_gib: None,
            cause: last.and_then(|line| line.code.clone()),
            reason: last.and_then(|line| line.note.clone()),
            key: Some(record.key.clone()),
        };
        let mut status = BackupStatus::of_line(line);
        status.add(record);
        Some(status)
    }

    fn of_line(line: Line) -> BackupStatus {
        let since = line.created_at;
        BackupStatus { line, since, copy_id: None, next_at: None, is_due: false, is_backlog: false }
    }

    /// Takes from a record what a sweep's line does not have.
    fn add(&mut self, record: &Record) {
        let seen = record.evidence.as_ref().and_then(|seen| seen.destination_id.clone());
        let told = record.receipts.last().and_then(|receipt| receipt.replication_id.clone());
        self.copy_id = seen.or(told);
        self.since = record.last().map(|line| line.time).or(self.since);
        self.next_at = [record.not_before, record.look_at].into_iter().flatten().min();
    }
}

/// What a rule knows of an ID, at the time and by the terms of a report.
///
/// # Errors
/// The ledger cannot be read.
pub async fn of_rule(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    rule: &Rule,
    id: &str,
    wish: &ReportRequest<'_>,
) -> Result<RuleStatus, LedgerError> {
    let mut report = begin(rule);
    let acts = risks::read(notes, &rule.name).await?;
    let risks = in_force(&acts, wish.at);
    report.accepted = risks.acts().to_vec();
    let mut records: Vec<Record> = Vec::new();
    for key in rule.keys_of(id) {
        records.extend(ledger.get(&key).await?);
    }
    let of_records = records.iter().filter_map(|record| record.about.resource.clone()).collect();
    let swept = known_of(notes, rule, &mut report).await?;
    let swept = swept.map(|(summary, register, lines)| (summary, Known::of(register, lines, id, of_records)));
    let mut status = RuleStatus { rule: report, copies: Vec::new(), backups: Vec::new() };
    // The pair of two vaults says nothing of a copy.
    let is_pair = rule.operation == Operation::CreateVaultReplication;
    let of_records = records.iter().filter_map(BackupStatus::of_record);
    let Some((summary, mut known)) = swept else {
        status.backups = of_records.collect();
        judge_backups(&mut status, rule, None, wish.at);
        return Ok(status);
    };
    for (line, record) in known.lines.iter_mut().take(RECORDS) {
        if let Some(key) = &line.key {
            *record = ledger.get(&Key(key.clone())).await?;
            bring_up(line, record.as_ref(), &summary);
        }
    }
    judge_resources(&mut status, rule, &summary, &known, wish, &risks);
    status.backups = known.backups(id);
    for mut one in of_records {
        // What is not among a sweep's exceptions has its copy, as far as the ledger has no news since.
        let is_older = one.since.is_some_and(|since| since < summary.complete_as_of);
        if one.line.verdict == Verdict::InProgress && is_older && !is_pair {
            one.line.verdict = Verdict::Replicated;
        }
        if !status.backups.iter().any(|known| known.line.key == one.line.key) {
            status.backups.push(one);
        }
    }
    let copied = known.copied(id, &status.rule.destinations);
    for one in copied {
        let same = |known: &&mut BackupStatus| {
            known.line.backup_id == one.line.backup_id && known.line.destination == one.line.destination
        };
        match status.backups.iter_mut().find(same) {
            Some(known) => known.copy_id = known.copy_id.take().or(one.copy_id),
            None => status.backups.push(one),
        }
    }
    judge_backups(&mut status, rule, Some(&summary), wish.at);
    Ok(status)
}

/// What the last sweep of a rule left, or why it says nothing.
async fn known_of(
    notes: &dyn Notes,
    rule: &Rule,
    report: &mut RuleReport,
) -> Result<Option<(Summary, Vec<Resource>, Vec<Line>)>, LedgerError> {
    if let Some(trouble) = summary::trouble(notes, &rule.name).await? {
        unknown(report, format!("the last sweep did not come to its end: {trouble}"));
    }
    let Some((summary, _)) = summary::read(notes, &rule.name).await? else {
        unknown(report, "no sweep of this rule has come to its end yet".to_owned());
        return Ok(None);
    };
    report.complete_as_of = Some(summary.complete_as_of);
    if summary.rule_hash != hash_of(&[&rule.to_json().to_string()]) {
        unknown(report, "the rule has changed since it was swept: sweep it again".to_owned());
        return Ok(None);
    }
    let mut lines = Vec::new();
    let read = async {
        for chunk in 0..summary.chunks() {
            lines.extend(summary.exceptions(notes, &rule.name, chunk).await?);
        }
        summary.register(notes, &rule.name).await
    };
    match read.await {
        Ok(register) => Ok(Some((summary, register, lines))),
        Err(reason) => {
            unknown(report, reason);
            Ok(None)
        }
    }
}

/// What the last sweep knew of an ID: resources, and the backups of these without a copy, each with its record.
struct Known {
    resources: Vec<Resource>,
    lines: Vec<(Line, Option<Record>)>,
}

impl Known {
    /// What a sweep's register and exceptions say of an ID, and of these resources.
    fn of(register: Vec<Resource>, lines: Vec<Line>, id: &str, mut of_lines: BTreeSet<String>) -> Known {
        // A backup or a record leads to its resource.
        let about = lines.iter().filter(|line| line.backup_id == id || line.key.as_deref() == Some(id));
        of_lines.extend(about.map(|line| line.resource_id().to_owned()));
        let is_of = |resource: &Resource| {
            let sides = resource.at.iter().any(|side| {
                let copied = side.copied.as_ref();
                copied.is_some_and(|copied| copied.backup == id || copied.copy.as_deref() == Some(id))
                    || side.uncopied.as_ref().is_some_and(|uncopied| uncopied.backup == id)
            });
            resource.id == id || resource.vault.as_deref() == Some(id) || sides || of_lines.contains(&resource.id)
        };
        let resources: Vec<Resource> = register.into_iter().filter(is_of).collect();
        let ids: BTreeSet<&str> = resources
            .iter()
            .map(|one| one.id.as_str())
            .chain([id])
            .chain(of_lines.iter().map(String::as_str))
            .collect();
        let lines =
            lines.into_iter().filter(|line| ids.contains(line.resource_id())).map(|line| (line, None)).collect();
        Known { resources, lines }
    }

    /// The backups to be told: the one that is asked for, or those of the resources that are.
    fn backups(&self, id: &str) -> Vec<BackupStatus> {
        let is_it = |line: &Line| line.backup_id == id || line.key.as_deref() == Some(id);
        let one = self.lines.iter().any(|(line, _)| is_it(line));
        let is_resource = |line: &Line| {
            self.resources
                .iter()
                .any(|known| (known.id == id || known.vault.as_deref() == Some(id)) && known.id == line.resource_id())
        };
        let told = self.lines.iter().filter(|(line, _)| if one { is_it(line) } else { is_resource(line) });
        told.map(|(line, record)| {
            let mut status = BackupStatus::of_line(line.clone());
            if let Some(record) = record {
                status.add(record);
            }
            status
        })
        .collect()
    }

    /// The newest copies of which the ID is the backup, or the copy.
    fn copied(&self, id: &str, destinations: &[String]) -> Vec<BackupStatus> {
        let mut found = Vec::new();
        for resource in &self.resources {
            for (side, destination) in resource.at.iter().zip(destinations) {
                let Some(copied) = &side.copied else { continue };
                if copied.backup != id && copied.copy.as_deref() != Some(id) {
                    continue;
                }
                let line = Line {
                    verdict: Verdict::Replicated,
                    backup_id: copied.backup.clone(),
                    name: resource.name.clone(),
                    resource: Some(resource.id.clone()).filter(|_| !resource.own),
                    resource_kind: resource.kind.clone(),
                    source_region: String::new(),
                    destination: destination.clone(),
                    created_at: Some(copied.made),
                    size_gib: None,
                    cause: None,
                    reason: None,
                    key: None,
                };
                found.push(BackupStatus { copy_id: copied.copy.clone(), ..BackupStatus::of_line(line) });
            }
        }
        found
    }
}

/// Brings a sweep's line up to date: only what came after the listing counts.
fn bring_up(line: &mut Line, record: Option<&Record>, summary: &Summary) {
    let Some(last) = record.and_then(Record::last).filter(|last| last.time >= summary.complete_as_of) else { return };
    let verdict = Verdict::of_state(last.state).unwrap_or(line.verdict);
    if verdict != line.verdict {
        line.reason.clone_from(&last.note);
        line.cause.clone_from(&last.code);
        line.verdict = verdict;
    }
}

/// Judges the resources as the report does.
fn judge_resources(
    status: &mut RuleStatus,
    rule: &Rule,
    summary: &Summary,
    known: &Known,
    wish: &ReportRequest<'_>,
    risks: &crate::ledger::risks::Risks,
) {
    let destinations = status.rule.destinations.clone();
    let many = destinations.len();
    let mut resources = Resources::new(known.resources.clone());
    for (line, _) in &known.lines {
        if let Some(at) = destinations.iter().position(|region| *region == line.destination) {
            resources.add(line, at, many);
        }
    }
    let old = |listed: &Option<Timestamp>| listed.is_none_or(|listed| later(listed, wish.max_age) < wish.at);
    let dark: Vec<bool> = (0..many).map(|at| summary.dark.get(at).is_some_and(Option::is_some)).collect();
    let old: Vec<bool> = (0..many).map(|at| summary.listed.get(at).is_none_or(old)).collect();
    let terms =
        Terms { at: wish.at, objective: rule.effective(), destinations: &destinations, dark: &dark, old: &old, risks };
    status.rule.unprotected = resources.judged(&terms).collect();
    status.rule.unprotected_total = status.rule.unprotected.len() as u64;
    for resource in &known.resources {
        for (side, destination) in resource.at.iter().zip(&destinations) {
            let copied = side.copied.iter().map(|copied| (resource.id.clone(), destination.clone(), copied.clone()));
            status.copies.extend(copied);
        }
    }
}

/// Says of each backup whether it is due, and whether it is of a backlog.
fn judge_backups(status: &mut RuleStatus, rule: &Rule, summary: Option<&Summary>, at: Timestamp) {
    let objective = rule.effective();
    for one in &mut status.backups {
        let made = one.line.created_at;
        one.is_due = objective.is_some_and(|objective| made.is_none_or(|made| later(made, objective.max_lag) < at));
        let place = rule.destinations.iter().position(|destination| destination.region == one.line.destination);
        let since = place.and_then(|place| summary?.since.get(place).copied());
        let newer = status.copies.iter().any(|(resource, destination, copied)| {
            *resource == one.line.resource_id() && *destination == one.line.destination && Some(copied.made) > made
        });
        // What is not finished yet is not owed any more once its resource has a newer copy.
        one.is_due &= one.line.verdict != Verdict::NotReady || !newer;
        let history = objective.is_some_and(|objective| objective.history);
        one.is_backlog = one.line.is_historic(since) && newer && !history && one.line.verdict.is_late();
    }
}
