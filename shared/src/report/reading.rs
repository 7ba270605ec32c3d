//! Makes a report of what sweeps left, and of what the ledger says now.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::brake;
use super::conclusion::{backlog_end, conclude, unknown};
use super::memory;
use super::month::day_of;
use super::outside::outside;
use super::resources::{Resources, Terms};
use super::{Conclusion, Fault, Promise, Report, ResourceCounts, ResourceLine, ResourceState, RuleReport, risks};
use crate::ledger::risks::{Risks, in_force};
use crate::ledger::store::LedgerError;
use crate::ledger::{Record, adopted};
use crate::model::command::Key;
use crate::model::duration::rough;
use crate::model::text::hash_of;
use crate::model::time::{later, seconds};
use crate::model::{json, order};
use crate::observe::arrivals::{Arrival, arrivals_name};
use crate::policy::{Policy, Rule, duration_text};
use crate::ports::{Boxed, Ledger, Notes};
use crate::providers::provider::Defaults;
use crate::sweep::findings::{Counts, Line};
use crate::sweep::summary::{self, Summary};
use crate::sweep::verdict::Verdict;

/// Records read at once.
const LOOKUPS: usize = 64;

/// Which report is asked for.
#[derive(Clone, Debug)]
pub struct ReportRequest<'a> {
    /// The moment for which it is to be true.
    pub at: Timestamp,
    /// A sweep older than this proves nothing.
    pub max_age: Duration,
    /// The one rule to report on; absent for all rules.
    pub rule: Option<&'a str>,
    /// Whether the providers were read without a ledger (`report --live`).
    pub live: bool,
    /// How long a list may be: [`super::LINES`], or without end.
    pub lines: usize,
    /// What rules leave out, as the functions that sweep have it.
    pub defaults: Defaults,
}

/// Whose words a report may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Also what providers said.
    All,
    /// Our own alone.
    Own,
}

impl Words {
    /// What somebody said, after our own words, if that may be told.
    fn said(self, text: &str) -> String {
        match self {
            Words::All => format!(": {text}"),
            Words::Own => String::new(),
        }
    }
}

/// Makes the report, the days that are remembered included.
///
/// # Errors
/// The ledger cannot be read.
pub async fn read(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    policy: Option<&Policy>,
    wish: &ReportRequest<'_>,
) -> Result<Report, LedgerError> {
    made(ledger, notes, policy, wish, Words::All).await
}

/// Makes the report, the days that are remembered included; what `words` leaves out of its reasons is not in `why`.
pub(super) async fn made(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    policy: Option<&Policy>,
    wish: &ReportRequest<'_>,
    words: Words,
) -> Result<Report, LedgerError> {
    let mut report = judge(ledger, notes, policy, wish, words).await?;
    for rule in &mut report.rules {
        rule.days = memory::days(notes, &rule.rule, day_of(wish.at)).await?;
    }
    Ok(report)
}

/// Makes the report of the last sweeps alone.
///
/// # Errors
/// The ledger cannot be read.
pub(super) async fn judge(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    policy: Option<&Policy>,
    wish: &ReportRequest<'_>,
    words: Words,
) -> Result<Report, LedgerError> {
    let mut report = Report {
        at: wish.at,
        live: wish.live,
        conclusion: Conclusion::NotJudged,
        remarks: Vec::new(),
        rules: Vec::new(),
        outside: Vec::new(),
        states: BTreeMap::new(),
    };
    let rules = policy.map(|policy| policy.rules.as_slice()).unwrap_or_default();
    for rule in rules.iter().filter(|rule| wish.rule.is_none_or(|only| rule.name == only)) {
        report.rules.push(of_rule(ledger, notes, rule, wish, words).await?);
    }
    if wish.rule.is_none() {
        outside(ledger, notes, rules, (wish.at, &wish.defaults), &mut report).await?;
    }
    if rules.is_empty() {
        report.states = ledger.count().await?;
        let why = if policy.is_none() { "There is no policy" } else { "The policy has no rules" };
        let rest = match report.states.is_empty() {
            true => "and the ledger is empty: there is nothing to report.",
            false => "so nothing is promised: these are the replications that the ledger knows.",
        };
        report.remarks.push(format!("{why}, {rest}"));
    }
    report.remarks.extend(brake::remarks(notes).await?);
    let adopted = notes.everywhere(adopted::NOTE).await?;
    report.remarks.extend(adopted.iter().filter_map(|note| adopted::remark(Some(&note.text), wish.at)));
    let judged = report.rules.iter().map(|rule| rule.conclusion).filter(|one| *one != Conclusion::NotJudged);
    let outside = Some(report.conclusion).filter(|one| *one != Conclusion::NotJudged);
    report.conclusion = judged.chain(outside).max().unwrap_or(Conclusion::NotJudged);
    Ok(report)
}

async fn of_rule(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    rule: &Rule,
    wish: &ReportRequest<'_>,
    words: Words,
) -> Result<RuleReport, LedgerError> {
    let mut report = begin(rule);
    let trouble = summary::trouble(notes, &rule.name).await?;
    if let Some(trouble) = &trouble {
        unknown(&mut report, format!("the last sweep did not come to its end{}", words.said(trouble)));
    }
    let summary = match summary::read(notes, &rule.name).await? {
        Some((summary, _)) if summary.rule_hash == hash_of(&[&rule.to_json().to_string()]) => summary,
        Some(_) => {
            unknown(&mut report, "the rule has changed since it was swept: sweep it again".to_owned());
            return Ok(report);
        }
        None => {
            unknown(&mut report, "no sweep of this rule has come to its end yet".to_owned());
            return Ok(report);
        }
    };
    report.complete_as_of = Some(summary.complete_as_of);
    report.sweep_seconds = seconds(summary.complete_as_of, summary.finished_at);
    report.counts = summary.counts;
    report.volumes.clone_from(&summary.volumes);
    report.inferred = summary.inferred;
    report.orphans.clone_from(&summary.orphans);
    report.orphans_total = summary.orphans_total;
    report.points.clone_from(&summary.points);
    report.durations = arrivals(notes, &rule.name).await?;
    if wish.at < earlier(summary.complete_as_of, CLOCKS_DIFFER) {
        unknown(&mut report, "what was there at that time is not kept: the last sweep began later".to_owned());
        return Ok(report);
    }
    if later(summary.complete_as_of, wish.max_age) < wish.at {
        let age = seconds(summary.complete_as_of, wish.at).unwrap_or_default();
        unknown(
            &mut report,
            format!(
                "the last complete sweep began {} ago, and no more than {} are allowed (--max-age)",
                rough(Duration::from_secs(age)),
                duration_text(wish.max_age)
            ),
        );
    }
    if wish.at < earlier(summary.finished_at, CLOCKS_DIFFER) {
        unknown(&mut report, "the last sweep ended later than now: the clock of this machine is wrong".to_owned());
    }
    for (region, reason) in report.destinations.clone().iter().zip(&summary.dark) {
        if let Some(reason) = reason {
            unknown(&mut report, format!("{region} could not be listed{}", words.said(reason)));
        }
    }
    for (kind, said) in &summary.unlisted {
        unknown(&mut report, format!("{kind} could not be listed{}", words.said(said)));
    }
    let acts = risks::read(notes, &rule.name).await?;
    let risks = in_force(&acts, wish.at);
    report.accepted = risks.acts().to_vec();
    report.not_covered.clone_from(&summary.not_covered);
    match now_of(ledger, notes, rule, &summary, wish, &risks, &mut report).await? {
        Ok(()) => {
            report.exceptions.retain(|line| line.verdict != Verdict::Replicated);
            report.exceptions.truncate(wish.lines);
            conclude(&mut report, rule, &summary);
        }
        Err(reason) if words == Words::All => unknown(&mut report, reason),
        Err(_) => unknown(&mut report, "what the last sweep found cannot be read".to_owned()),
    }
    if rule.effective().is_none() {
        report.conclusion = Conclusion::NotJudged;
    }
    Ok(report)
}

/// The report of a rule of which nothing is known yet.
pub(super) fn begin(rule: &Rule) -> RuleReport {
    let vault = rule.source.vault_id.as_ref().map(|vault| format!(", vault {vault}")).unwrap_or_default();
    RuleReport {
        rule: rule.name.clone(),
        provider: rule.operation.cloud().name().to_owned(),
        operation: rule.operation.name().to_owned(),
        account: rule.account.clone(),
        source: format!("{}{vault}", rule.source.region),
        destinations: rule.destinations.iter().map(|destination| destination.region.clone()).collect(),
        objective: rule.effective().map_or_else(Promise::default, |objective| Promise {
            max_lag_seconds: Some(objective.max_lag.as_secs()),
            rpo_seconds: objective.rpo.map(|rpo| rpo.as_secs()),
            is_default: objective.is_default,
            history: objective.history,
        }),
        conclusion: Conclusion::Holds,
        why: Vec::new(),
        complete_as_of: None,
        sweep_seconds: None,
        counts: Counts::default(),
        volumes: Vec::new(),
        inferred: 0,
        lag_seconds: None,
        rpo: None,
        exceptions: Vec::new(),
        exceptions_total: 0,
        orphans: Vec::new(),
        orphans_total: 0,
        points: Vec::new(),
        durations: Vec::new(),
        resources: ResourceCounts::default(),
        unprotected: Vec::new(),
        unprotected_total: 0,
        gaps: 0,
        backlog: 0,
        backlog_end: None,
        causes: Vec::new(),
        not_covered: BTreeMap::new(),
        accepted: Vec::new(),
        days: Vec::new(),
    }
}

/// Brings the exceptions of a sweep up to date and judges each resource; or says why it cannot be known.
async fn now_of(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    rule: &Rule,
    summary: &Summary,
    wish: &ReportRequest<'_>,
    risks: &Risks,
    report: &mut RuleReport,
) -> Result<Result<(), String>, LedgerError> {
    let mut resources = match summary.register(notes, &rule.name).await {
        Ok(register) => Resources::new(register),
        Err(reason) => return Ok(Err(reason)),
    };
    let destinations = report.destinations.clone();
    let many = destinations.len();
    let place = |line: &Line| destinations.iter().position(|region| *region == line.destination);
    let mut late: Vec<Line> = Vec::new();
    for chunk in 0..summary.chunks() {
        let lines = match summary.exceptions(notes, &rule.name, chunk).await {
            Ok(lines) => lines,
            Err(reason) => return Ok(Err(reason)),
        };
        let records = lines.iter().map(|line| -> Boxed<'_, Result<Option<Record>, LedgerError>> {
            Box::pin(async move {
                match &line.key {
                    Some(key) => ledger.get(&Key(key.clone())).await,
                    None => Ok(None),
                }
            })
        });
        let records: Vec<_> = stream::iter(records.collect::<Vec<_>>()).buffered(LOOKUPS).collect().await;
        for (mut line, record) in lines.into_iter().zip(records) {
            // Only what came after the listing counts: the sweep's verdict rests on all before it, and on the provider's word.
            let news = |record: &Record| record.last().is_some_and(|entry| entry.time >= summary.complete_as_of);
            if let Some(record) = record?.filter(news) {
                let verdict = Verdict::of_state(record.state).unwrap_or(line.verdict);
                if verdict != line.verdict {
                    report.counts.change(line.verdict, verdict);
                    if let Some(volume) = place(&line).and_then(|at| report.volumes.get_mut(at)) {
                        volume.change(line.verdict, verdict, line.size_gib);
                    }
                    let last = record.last();
                    line.reason = last.and_then(|entry| entry.note.clone());
                    line.cause = last.and_then(|entry| entry.code.clone());
                    line.verdict = verdict;
                }
            }
            if let Some(at) = place(&line) {
                resources.add(&line, at, many);
            }
            if line.verdict.is_late() {
                late.push(bare(&line));
            }
            if line.verdict != Verdict::Replicated {
                report.exceptions_total += 1;
                report.exceptions.push(line);
            }
        }
        // The list is cut to bound memory. What is most urgent stays.
        if report.exceptions.len() > wish.lines.saturating_mul(4) {
            order::by(&mut report.exceptions, |a, b| order(a).cmp(&order(b)));
            report.exceptions.truncate(wish.lines.saturating_mul(2));
        }
    }
    order::by(&mut report.exceptions, |a, b| order(a).cmp(&order(b)));
    let old = |listed: &Option<Timestamp>| listed.is_none_or(|listed| later(listed, wish.max_age) < wish.at);
    let dark: Vec<bool> = (0..many).map(|at| summary.dark.get(at).is_some_and(Option::is_some)).collect();
    let old: Vec<bool> = (0..many).map(|at| summary.listed.get(at).is_none_or(old)).collect();
    let objective = rule.effective();
    let terms = Terms { at: wish.at, objective, destinations: &destinations, dark: &dark, old: &old, risks };
    let mut oldest: Option<Timestamp> = None;
    let mut count = |made: Option<Timestamp>| {
        let made = made.unwrap_or(summary.complete_as_of);
        oldest = Some(oldest.map_or(made, |oldest| oldest.min(made)));
    };
    for line in &late {
        let at = place(line).unwrap_or_default();
        let due = objective
            .is_some_and(|objective| line.created_at.is_none_or(|made| later(made, objective.max_lag) < wish.at));
        let history = objective.is_some_and(|objective| objective.history);
        let forgiven = line.is_historic(summary.since.get(at).copied()) && !history;
        if forgiven && !line.is_for_a_person() && resources.has_newer_copy(line, at) {
            report.backlog += 1;
            continue;
        }
        report.gaps += u64::from(due && !forgiven && !line.is_for_a_person());
        count(line.created_at);
    }
    let mut lines: Vec<ResourceLine> = Vec::new();
    for line in resources.judged(&terms) {
        report.resources.add(line.state);
        if line.state == ResourceState::Unprotected && line.fault == Fault::NotCopied {
            count(line.since);
        }
        if line.state != ResourceState::Protected {
            lines.push(line);
        }
    }
    // Backups that stand for themselves and have their copy are counted, not kept.
    report.resources.protected += summary.own;
    order::by(&mut lines, |a, b| (a.state, a.since, &a.resource).cmp(&(b.state, b.since, &b.resource)));
    report.unprotected_total = lines.len() as u64;
    lines.truncate(wish.lines);
    report.unprotected = lines;
    report.causes = resources.causes();
    report.lag_seconds = Some(oldest.and_then(|oldest| seconds(oldest, wish.at)).unwrap_or(0));
    report.backlog_end = backlog_end(report, earlier(wish.at, LAST_DAYS), wish.at);
    if let Some(rpo) = objective.and_then(|objective| objective.rpo) {
        report.rpo = Some(resources.rpo(&terms, rpo));
    }
    Ok(Ok(()))
}

/// The days by which the end of a backlog is told.
const LAST_DAYS: Duration = Duration::from_secs(3 * 86_400);

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| at.checked_sub(by).ok()).unwrap_or(at)
}

/// How far two clocks may be apart before what one of them says cannot be known to the other.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// A line with what decides about it, and nothing that is only told: there may be very many of them.
fn bare(line: &Line) -> Line {
    Line {
        verdict: line.verdict,
        backup_id: line.backup_id.clone(),
        name: None,
        resource: line.resource.clone(),
        resource_kind: line.resource_kind.clone(),
        source_region: String::new(),
        destination: line.destination.clone(),
        created_at: line.created_at,
        size_gib: None,
        cause: None,
        reason: None,
        key: None,
    }
}

/// What needs somebody comes first, and of that the oldest.
fn order(line: &Line) -> (Verdict, Option<Timestamp>, &str, &str) {
    (line.verdict, line.created_at, &line.backup_id, &line.destination)
}

async fn arrivals(notes: &dyn Notes, rule: &str) -> Result<Vec<Arrival>, LedgerError> {
    let note = notes.note(&arrivals_name(rule)).await?;
    Ok(note.and_then(|note| json::typed(&note.text).ok()).unwrap_or_default())
}
