//! The whole report in a few sentences.

use offsite_shared::report::{Conclusion, Report, ResourceState};

use super::resources::{STATES, count};
use super::words::{listed, number, plural};

/// The whole report in a few sentences: resources first, then rules, then what is outside of them.
pub(super) fn summary(report: &Report) -> String {
    let outside = report.outside.len();
    if report.rules.is_empty() && outside == 0 {
        return "This report is empty: there is no rule, and no replication needs anybody.".to_owned();
    }
    let outside = match outside {
        0 => None,
        1 => Some("One replication outside the policy needs somebody.".to_owned()),
        _ => Some(format!("{} replications outside the policy need somebody.", number(outside as u64))),
    };
    [resources(report), Some(rules(report)), outside].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What is to be said of the resources of all rules together.
fn resources(report: &Report) -> Option<String> {
    let sum = |state| report.rules.iter().map(|rule| count(&rule.resources, state)).sum::<u64>();
    let all: u64 = STATES.into_iter().map(sum).sum();
    let each = if report.rules.iter().any(|rule| rule.destinations.len() > 1) { " × destinations" } else { "" };
    let told = [
        (ResourceState::Unprotected, "is unprotected", "are unprotected"),
        (ResourceState::Stale, "is stale", "are stale"),
        (ResourceState::Unknown, "is unknown", "are unknown"),
        (ResourceState::AcceptedRisk, "is an accepted risk", "are accepted risks"),
    ];
    let parts: Vec<String> = told
        .into_iter()
        .map(|(state, one, many)| (sum(state), one, many))
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| format!("{} {}", number(count), if count == 1 { one } else { many }))
        .collect();
    (!parts.is_empty()).then(|| format!("Of {} resources{each} {}.", number(all), listed(&parts)))
}

fn rules(report: &Report) -> String {
    let all = report.rules.len();
    let with = |wanted| report.rules.iter().filter(|rule| rule.conclusion == wanted).count();
    let told = [
        (Conclusion::Broken, "does not hold", "do not hold"),
        (Conclusion::Unknown, "cannot be known", "cannot be known"),
        (Conclusion::NotJudged, "is not judged", "are not judged"),
        (Conclusion::Holds, "holds", "hold"),
    ];
    let parts: Vec<String> = told
        .into_iter()
        .map(|(conclusion, one, many)| (with(conclusion), one, many))
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", plural(count, one, many)))
        .collect();
    let said = match (all, report.rules.first().map(|rule| rule.conclusion)) {
        (0, _) | (_, None) => "There is no rule, so nothing is promised.".to_owned(),
        (1, Some(Conclusion::Holds)) => "The objectives of the one rule hold.".to_owned(),
        (1, Some(Conclusion::NotJudged)) => "The one rule promises nothing, so it is not judged.".to_owned(),
        (1, Some(Conclusion::Unknown)) => "Whether the one rule holds cannot be known.".to_owned(),
        (1, Some(Conclusion::Broken)) => "The one rule does not hold.".to_owned(),
        _ if with(Conclusion::Holds) == all => format!("The objectives of all {all} rules hold."),
        _ => format!("Of {all} rules {}.", listed(&parts)),
    };
    // What is outside the rules can keep the whole from being known.
    let worst = report.rules.iter().map(|rule| rule.conclusion).max().unwrap_or(Conclusion::NotJudged);
    match report.conclusion == Conclusion::Unknown && worst < Conclusion::Unknown {
        true => said + " All the same it cannot be known whether everything holds.",
        false => said,
    }
}
