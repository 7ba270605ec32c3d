//! What a rule's figures come to.

use std::time::Duration;

use jiff::Timestamp;

use super::{Conclusion, Fault, ResourceLine, ResourceState, RuleReport};
use crate::model::time::{later, seconds};
use crate::policy::Rule;
use crate::sweep::findings::Counts;
use crate::sweep::summary::Summary;

pub(super) fn unknown(report: &mut RuleReport, why: String) {
    report.conclusion = report.conclusion.max(Conclusion::Unknown);
    report.why.push(why);
}

fn broken(report: &mut RuleReport, why: String) {
    report.conclusion = Conclusion::Broken;
    report.why.push(why);
}

/// Says what breaks the promise: for each resource made and not copied, cannot be copied, or no backup since.
pub(super) fn conclude(report: &mut RuleReport, rule: &Rule, summary: &Summary) {
    let Counts { covered, missed, left, lost, .. } = report.counts;
    let of = |fault: Fault| {
        let broken = |line: &&ResourceLine| {
            matches!(line.state, ResourceState::Unprotected | ResourceState::Stale) && line.fault == fault
        };
        report.unprotected.iter().filter(broken).count()
    };
    let (ours, cannot, plan) = (of(Fault::NotCopied), of(Fault::CannotBeCopied), of(Fault::NoNewBackup));
    let named = |count: usize, what: &str| {
        let noun = if count == 1 { "resource is" } else { "resources are" };
        (count > 0).then(|| format!("{count} {noun} unprotected: {what}"))
    };
    let mut why: Vec<String> = [
        named(ours, "backups were made and not copied"),
        named(cannot, "their backups cannot be copied (`offsite risk accept` where that is all right)"),
        named(plan, "there is no newer backup, which is the backup plan's to make"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let all = report.resources.unprotected + report.resources.stale;
    if all > (ours + cannot + plan) as u64 {
        why = vec![format!("{all} resources are unprotected")];
    }
    if report.gaps > 0 {
        why.push(format!("{} backups are due and have no usable copy", report.gaps));
    }
    if missed > 0 {
        why.push(format!("{missed} went without ever being copied; `offsite ledger resolve --acknowledge` ends that"));
    }
    if left > 0 {
        why.push(format!(
            "{left} left what the rule covers without ever being copied; `offsite ledger resolve --acknowledge` ends that"
        ));
    }
    if lost > 0 {
        why.push(format!("{lost} copies are lost"));
    }
    for (region, loss) in report.destinations.iter().zip(&summary.mass_loss) {
        if let Some(loss) = loss {
            why.push(format!(
                "{} of {} copies are gone from {region} at once, and nothing is made again before a person has looked, since a wrong key lists an empty account: if they are lost indeed, `offsite rule confirm-loss {} --destination {region}`",
                loss.gone, loss.known, report.rule
            ));
        }
    }
    if covered == 0 && !rule.limits.allow_empty {
        why.push("it covers nothing, and does not say allow_empty".to_owned());
    }
    for why in why {
        broken(report, why);
    }
}

/// When the backlog ends, if it shrinks as it did since `from`.
pub(super) fn backlog_end(report: &RuleReport, from: Timestamp, at: Timestamp) -> Option<Timestamp> {
    let first = report.points.iter().find(|point| point.at >= from)?;
    let last = report.points.last()?;
    let took = seconds(first.at, last.at).filter(|took| *took > 0)?;
    let done = first.uncopied.checked_sub(last.uncopied).filter(|done| *done > 0)?;
    (report.backlog > 0).then(|| later(at, Duration::from_secs(report.backlog.saturating_mul(took) / done)))
}
