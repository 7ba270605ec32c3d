//! Makes a report of what sweeps left, and of what the ledger says now.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::{Conclusion, Late, Promise, Report, Rpo, RuleReport};
use crate::ledger::store::{LedgerError, RecordFilter};
use crate::ledger::{Record, State};
use crate::model::command::Key;
use crate::model::duration::rough;
use crate::model::text::hash_of;
use crate::model::time::later;
use crate::observe::arrivals::Arrival;
use crate::observe::arrivals::arrivals_name;
use crate::policy::{Policy, Rule, duration_text};
use crate::ports::{Boxed, Ledger, Notes};
use crate::sweep::findings::{Counts, Line};
use crate::sweep::summary::{self, Summary};
use crate::sweep::verdict::Verdict;

/// How many lines a list in a report for people holds. The figures count all.
pub const LINES: usize = 10_000;

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
    /// How long a list may be: [`LINES`], or without end.
    pub lines: usize,
}

/// Makes the report.
///
/// # Errors
/// The ledger cannot be read.
pub async fn read(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    policy: Option<&Policy>,
    wish: &ReportRequest<'_>,
) -> Result<Report, LedgerError> {
    let mut report = Report {
        at: wish.at,
        live: wish.live,
        conclusion: Conclusion::Holds,
        remarks: Vec::new(),
        rules: Vec::new(),
        outside: Vec::new(),
        states: BTreeMap::new(),
    };
    let rules = policy.map(|policy| policy.rules.as_slice()).unwrap_or_default();
    for rule in rules.iter().filter(|rule| wish.rule.is_none_or(|only| rule.name == only)) {
        report.rules.push(of_rule(ledger, notes, rule, wish).await?);
    }
    if wish.rule.is_none() {
        report.outside = outside(ledger, rules).await?;
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
    report.conclusion = report.rules.iter().map(|rule| rule.conclusion).max().unwrap_or(Conclusion::Holds);
    Ok(report)
}

async fn of_rule(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    rule: &Rule,
    wish: &ReportRequest<'_>,
) -> Result<RuleReport, LedgerError> {
    let mut report = begin(rule);
    let trouble = summary::trouble(notes, &rule.name).await?;
    if let Some(trouble) = &trouble {
        unknown(&mut report, format!("the last sweep did not come to its end: {trouble}"));
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
    report.inferred = summary.inferred;
    report.orphans.clone_from(&summary.orphans);
    report.orphans_total = summary.orphans_total;
    report.points.clone_from(&summary.points);
    report.durations = arrivals(notes, &rule.name).await?;
    if wish.at < summary.complete_as_of {
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
    match now_of(ledger, notes, rule, &summary, wish, &mut report).await? {
        Ok(oldest) => {
            report.lag_seconds = Some(oldest.and_then(|oldest| seconds(oldest, wish.at)).unwrap_or(0));
            if let Some(rpo) = rule.objective.rpo {
                match newest(notes, rule, &summary, &report, wish.at, rpo).await {
                    Ok(rpo) => report.rpo = Some(rpo),
                    Err(reason) => unknown(&mut report, reason),
                }
            }
            report.exceptions.retain(|line| line.verdict != Verdict::Replicated);
            report.exceptions.truncate(wish.lines);
            conclude(&mut report, rule);
        }
        Err(reason) => unknown(&mut report, reason),
    }
    Ok(report)
}

fn begin(rule: &Rule) -> RuleReport {
    let vault = rule.source.vault_id.as_ref().map(|vault| format!(", vault {vault}")).unwrap_or_default();
    RuleReport {
        rule: rule.name.clone(),
        provider: rule.operation.cloud().name().to_owned(),
        operation: rule.operation.name().to_owned(),
        account: rule.account.clone(),
        source: format!("{}{vault}", rule.source.region),
        destinations: rule.destinations.iter().map(|destination| destination.region.clone()).collect(),
        objective: Promise {
            max_lag_seconds: rule.objective.max_lag.map(|lag| lag.as_secs()),
            rpo_seconds: rule.objective.rpo.map(|rpo| rpo.as_secs()),
        },
        conclusion: Conclusion::Holds,
        why: Vec::new(),
        complete_as_of: None,
        sweep_seconds: None,
        counts: Counts::default(),
        inferred: 0,
        lag_seconds: None,
        rpo: None,
        exceptions: Vec::new(),
        exceptions_total: 0,
        orphans: Vec::new(),
        orphans_total: 0,
        points: Vec::new(),
        durations: Vec::new(),
    }
}

fn unknown(report: &mut RuleReport, why: String) {
    report.conclusion = report.conclusion.max(Conclusion::Unknown);
    report.why.push(why);
}

fn broken(report: &mut RuleReport, why: String) {
    report.conclusion = Conclusion::Broken;
    report.why.push(why);
}

fn conclude(report: &mut RuleReport, rule: &Rule) {
    let text = |seconds: u64| rough(Duration::from_secs(seconds));
    let Counts { covered, ineligible, not_ready, missed, .. } = report.counts;
    if let (Some(limit), Some(lag)) = (report.objective.max_lag_seconds, report.lag_seconds)
        && lag > limit
    {
        broken(report, format!("the lag is {}, and at most {} are promised", text(lag), text(limit)));
    }
    if let Some((late, resources)) =
        report.rpo.as_ref().map(|rpo| (rpo.late, rpo.resources)).filter(|(late, _)| *late > 0)
    {
        let limit = text(report.objective.rpo_seconds.unwrap_or_default());
        broken(report, format!("{late} of {resources} resources have no usable copy younger than {limit}"));
    }
    if missed > 0 {
        broken(
            report,
            format!("{missed} went without ever being copied; `offsite ledger resolve --acknowledge` ends that"),
        );
    }
    if covered == 0 && !rule.limits.allow_empty {
        broken(report, "it covers nothing, and does not say allow_empty".to_owned());
    } else if covered > 0 && covered == ineligible + not_ready && ineligible > 0 && !rule.limits.allow_empty {
        broken(report, "nothing that it covers can be copied, and it does not say allow_empty".to_owned());
    }
}

/// Brings the exceptions of a sweep up to date, and tells the oldest backup without a usable copy; or why it cannot be known.
async fn now_of(
    ledger: &dyn Ledger,
    notes: &dyn Notes,
    rule: &Rule,
    summary: &Summary,
    wish: &ReportRequest<'_>,
    report: &mut RuleReport,
) -> Result<Result<Option<Timestamp>, String>, LedgerError> {
    let mut oldest: Option<Timestamp> = None;
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
                    line.reason = record.last().and_then(|entry| entry.note.clone());
                    line.verdict = verdict;
                }
            }
            if line.verdict.is_late()
                && let Some(made) = line.created_at
            {
                oldest = Some(oldest.map_or(made, |oldest| oldest.min(made)));
            }
            // A copy that came after the sweep stays in the list until the newest copies are counted.
            if line.verdict != Verdict::Replicated {
                report.exceptions_total += 1;
            }
            report.exceptions.push(line);
        }
        // The list is cut to bound memory. What is most urgent stays.
        if report.exceptions.len() > wish.lines.saturating_mul(4) {
            report.exceptions.sort_by(|a, b| order(a).cmp(&order(b)));
            report.exceptions.truncate(wish.lines.saturating_mul(2));
        }
    }
    report.exceptions.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(Ok(oldest))
}

/// What needs somebody comes first, and of that the oldest.
fn order(line: &Line) -> (Verdict, Option<Timestamp>, &str, &str) {
    (line.verdict, line.created_at, &line.backup_id, &line.destination)
}

async fn newest(
    notes: &dyn Notes,
    rule: &Rule,
    summary: &Summary,
    report: &RuleReport,
    at: Timestamp,
    promised: Duration,
) -> Result<Rpo, String> {
    let mut newest: HashMap<String, Vec<i64>> = summary.newest(notes, &rule.name).await?.into_iter().collect();
    for line in report.exceptions.iter().filter(|line| line.verdict == Verdict::Replicated) {
        let place = rule.destinations.iter().position(|destination| destination.region == line.destination);
        if let (Some(place), Some(resource), Some(made)) = (place, &line.resource, line.created_at)
            && let Some(time) = newest.get_mut(resource).and_then(|times| times.get_mut(place))
        {
            *time = (*time).max(made.as_second());
        }
    }
    let age = |times: &[i64]| match times.iter().min() {
        None | Some(0) => None,
        Some(made) => u64::try_from(at.as_second().saturating_sub(*made)).ok(),
    };
    let mut ages: Vec<Late> =
        newest.iter().map(|(resource, times)| Late { resource: resource.clone(), seconds: age(times) }).collect();
    // A resource without any copy is worse than one with a copy of any age.
    ages.sort_by(|a, b| {
        (b.seconds.is_none(), b.seconds, &a.resource).cmp(&(a.seconds.is_none(), a.seconds, &b.resource))
    });
    let worst = ages.first().cloned();
    let resources = ages.len() as u64;
    ages.retain(|one| one.seconds.is_none_or(|age| age > promised.as_secs()));
    let late = ages.len() as u64;
    ages.truncate(LINES);
    Ok(Rpo {
        worst_seconds: worst.as_ref().and_then(|worst| worst.seconds),
        worst_resource: worst.map(|worst| worst.resource),
        resources,
        late,
        late_resources: ages,
    })
}

/// Unfinished business that belongs to no rule of the policy.
async fn outside(ledger: &dyn Ledger, rules: &[Rule]) -> Result<Vec<Line>, LedgerError> {
    let mut lines = Vec::new();
    for state in [State::InDoubt, State::Failed, State::Refused, State::Lost, State::Missed] {
        let filter = RecordFilter { state: Some(state.name().to_owned()), ..RecordFilter::default() };
        let mut after = None;
        loop {
            let page = ledger.list(&filter, after.as_ref(), 500).await?;
            for record in page.records {
                if lines.len() >= LINES {
                    return Ok(lines);
                }
                let of_rule = record.rule().is_some_and(|name| rules.iter().any(|rule| rule.name == name));
                let verdict = Verdict::of_state(record.state);
                if let (false, Some(verdict), Ok(replication)) = (of_rule, verdict, record.replication()) {
                    lines.push(Line {
                        verdict,
                        backup_id: replication.source.id,
                        name: None,
                        resource: None,
                        source_region: replication.source.region,
                        destination: replication.destination.region,
                        created_at: None,
                        reason: record.last().and_then(|entry| entry.note.clone()),
                        key: Some(record.key.clone()),
                    });
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(lines)
}

async fn arrivals(notes: &dyn Notes, rule: &str) -> Result<Vec<Arrival>, LedgerError> {
    let note = notes.note(&arrivals_name(rule)).await?;
    Ok(note.and_then(|note| serde_json::from_str(&note.text).ok()).unwrap_or_default())
}

fn seconds(from: Timestamp, to: Timestamp) -> Option<u64> {
    u64::try_from(to.duration_since(from).as_secs()).ok()
}
