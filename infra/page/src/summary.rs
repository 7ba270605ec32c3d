//! The whole report in a few sentences.

use offsite_shared::report::{Conclusion, Report, ResourceState};

use super::reader::{Reader, said};
use super::resources::{STATES, count};
use super::words::number;

/// The whole report in a few sentences: resources first, then rules, then what is outside of them.
pub(super) fn summary(r: &Reader, report: &Report) -> String {
    let outside = report.outside.len();
    if report.rules.is_empty() && outside == 0 {
        return said!(r, "This report is empty: there is no rule, and no replication needs anybody.").to_owned();
    }
    let outside = match outside {
        0 => None,
        1 => Some(said!(r, "One replication outside the policy needs somebody.").to_owned()),
        _ => Some(said!(r, "{} replications outside the policy need somebody.", number(outside as u64))),
    };
    let sentences = [resources(r, report), Some(rules(r, report)), outside];
    sentences.into_iter().flatten().collect::<Vec<_>>().join(r.space())
}

/// What is to be said of the resources of all rules together.
fn resources(r: &Reader, report: &Report) -> Option<String> {
    let sum = |state| report.rules.iter().map(|rule| count(&rule.resources, state)).sum::<u64>();
    let all: u64 = STATES.into_iter().map(sum).sum();
    let each =
        if report.rules.iter().any(|rule| rule.destinations.len() > 1) { said!(r, " × destinations") } else { "" };
    let told = [
        (ResourceState::Unprotected, said!(r, "is unprotected"), said!(r, "are unprotected")),
        (ResourceState::Stale, said!(r, "is stale"), said!(r, "are stale")),
        (ResourceState::Unknown, said!(r, "is unknown"), said!(r, "are unknown")),
        (ResourceState::AcceptedRisk, said!(r, "is an accepted risk"), said!(r, "are accepted risks")),
    ];
    let parts: Vec<String> = told
        .into_iter()
        .map(|(state, one, many)| (sum(state), one, many))
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| format!("{} {}", number(count), if count == 1 { one } else { many }))
        .collect();
    (!parts.is_empty()).then(|| said!(r, "Of {} resources{} {}.", number(all), each, r.listed(&parts)))
}

fn rules(r: &Reader, report: &Report) -> String {
    let all = report.rules.len();
    let with = |wanted| report.rules.iter().filter(|rule| rule.conclusion == wanted).count();
    let told = [
        (Conclusion::Broken, said!(r, "does not hold"), said!(r, "do not hold")),
        (Conclusion::Unknown, said!(r, "cannot be known"), said!(r, "cannot be known")),
        (Conclusion::NotJudged, said!(r, "is not judged"), said!(r, "are not judged")),
        (Conclusion::Holds, said!(r, "holds"), said!(r, "hold")),
    ];
    let parts: Vec<String> = told
        .into_iter()
        .map(|(conclusion, one, many)| (with(conclusion), one, many))
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| said!(r, "{} {}", count, if count == 1 { one } else { many }))
        .collect();
    let said = match (all, report.rules.first().map(|rule| rule.conclusion)) {
        (0, _) | (_, None) => said!(r, "There is no rule, so nothing is promised.").to_owned(),
        (1, Some(Conclusion::Holds)) => said!(r, "The objectives of the one rule hold.").to_owned(),
        (1, Some(Conclusion::NotJudged)) => said!(r, "The one rule promises nothing, so it is not judged.").to_owned(),
        (1, Some(Conclusion::Unknown)) => said!(r, "Whether the one rule holds cannot be known.").to_owned(),
        (1, Some(Conclusion::Broken)) => said!(r, "The one rule does not hold.").to_owned(),
        _ if with(Conclusion::Holds) == all => said!(r, "The objectives of all {} rules hold.", all),
        _ => said!(r, "Of {} rules {}.", all, r.listed(&parts)),
    };
    // What is outside the rules can keep the whole from being known.
    let worst = report.rules.iter().map(|rule| rule.conclusion).max().unwrap_or(Conclusion::NotJudged);
    match report.conclusion == Conclusion::Unknown && worst < Conclusion::Unknown {
        true => said + r.space() + said!(r, "All the same it cannot be known whether everything holds."),
        false => said,
    }
}
