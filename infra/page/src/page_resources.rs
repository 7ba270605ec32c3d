//! Resources in the page: which are not protected, what people have accepted, why copies are missing, and what is not covered.

use maud::{Markup, html};
use offsite_shared::ledger::risks::Act;
use offsite_shared::model::text::plain;
use offsite_shared::report::{Report, ResourceState, RuleReport};

use super::reader::{Reader, said};
use super::resources::{self, STATES, count, decisions, in_force, told};
use super::rows::{List, by_rule_and_text, none, time};
use super::words::{self, number};

/// Decisions that are in the page.
const DECISIONS: usize = 1_000;

/// The resources of all rules that are not protected, before all else.
pub(super) fn section(r: &Reader, report: &Report, list: &List) -> Markup {
    html! {
        section id="resources" aria-labelledby="resources-title" {
            h2 id="resources-title" { (said!(r, "Resources that are not protected")) " " span.count { (number(list.total())) } }
            @if report.rules.iter().any(|rule| resources::total(&rule.resources) > 0) {
                (states(r, &|state| report.rules.iter().map(|rule| count(&rule.resources, state)).sum()))
            }
            @if list.total() == 0 {
                p.none { (none(r, report, said!(r, "Every resource has a usable copy, and no newer backup is due."))) }
            } @else {
                (filters(r, report))
                (list.markup(r))
            }
        }
    }
}

/// How many are in which state; states that none is in are left out.
fn states(r: &Reader, count: &dyn Fn(ResourceState) -> u64) -> Markup {
    html! {
        ul.states {
            @for (state, count) in STATES.map(|state| (state, count(state))).into_iter().filter(|(_, count)| *count > 0) {
                @let (label, weight, _) = resources::state(state);
                li {
                    span class={ "chip " (weight.class()) } { a href={ "#def-state-" (state.name()) } { (r.word(label)) } }
                    " " b { (number(count)) }
                }
            }
        }
    }
}

fn filters(r: &Reader, report: &Report) -> Markup {
    let offered = |state: &ResourceState| {
        report.rules.iter().any(|rule| rule.unprotected.iter().any(|line| line.state == *state))
    };
    html! {
        form.filters id="resources-filters" role="search" aria-label=(said!(r, "Filter the resources")) hidden {
            label { (said!(r, "State")) select name="verdict" {
                option value="" { (said!(r, "all")) }
                @for state in STATES.into_iter().filter(offered) { option value=(state.name()) { (r.word(resources::state(state).0)) } }
            } }
            (by_rule_and_text(r, report, |rule| !rule.unprotected.is_empty(), said!(r, "ID, name, region, cause")))
        }
    }
}

/// Whether a person has decided anything that is to be listed.
pub(super) fn any_decision(report: &Report) -> bool {
    report.rules.iter().any(|rule| decisions(rule).next().is_some())
}

/// What people have accepted or called gone, with who, why and until when.
pub(super) fn accepted(r: &Reader, report: &Report) -> Markup {
    let all: Vec<(&RuleReport, &Act)> =
        report.rules.iter().flat_map(|rule| decisions(rule).map(move |act| (rule, act))).collect();
    let standing: u64 = report.rules.iter().map(|rule| in_force(rule, report.at)).sum();
    html! {
        @if !all.is_empty() {
            section id="accepted" aria-labelledby="accepted-title" {
                h2 id="accepted-title" { (said!(r, "Accepted risks")) " " span.count { (number(standing)) } }
                table.decisions.stack role="table" {
                    caption {
                        (said!(r, "What people have accepted or called gone")) " (" a href="#def-decision" { (said!(r, "decision")) } ")"
                    }
                    thead role="rowgroup" { tr role="row" {
                        @for head in [said!(r, "Decision"), said!(r, "Resource"), said!(r, "What"), said!(r, "Who"), said!(r, "Why")] { th scope="col" role="columnheader" { (head) } }
                    } }
                    tbody role="rowgroup" { @for (rule, act) in all.iter().take(DECISIONS) { (decision(r, report, rule, act)) } }
                }
                @if all.len() > DECISIONS {
                    p.note {
                        (said!(r, "and {} more:", number((all.len() - DECISIONS) as u64))) " " code { "offsite risk list" }
                    }
                }
            }
        }
    }
}

fn decision(r: &Reader, report: &Report, rule: &RuleReport, act: &Act) -> Markup {
    let told = told(r, act, Some(report.at));
    // Where the list is cut nobody can tell.
    let whole = rule.unprotected.len() as u64 == rule.unprotected_total;
    let used = rule.unprotected.iter().any(|line| line.accepted_by.as_deref() == Some(&act.name()));
    let idle = whole && !used && !told.over && act.decision.kind() == "accept";
    html! {
        tr.over[told.over] role="row" {
            th scope="row" role="rowheader" { bdi { (act.name()) } }
            td role="cell" data-label=(said!(r, "Resource")) { bdi { (told.of) } }
            td role="cell" data-label=(said!(r, "What")) {
                bdi { (told.how) }
                @if told.over { small { (said!(r, "It counts no longer.")) } }
                @if idle { small { (said!(r, "There is nothing now that it covers.")) } }
            }
            td role="cell" data-label=(said!(r, "Who")) { bdi { (act.who) } small { (time(r, act.at)) } }
            td role="cell" data-label=(said!(r, "Why")) { bdi { (act.reason) } }
        }
    }
}

/// The resources of one rule by state.
pub(super) fn of_rule(r: &Reader, rule: &RuleReport) -> Markup {
    let total = resources::total(&rule.resources);
    let red = rule.unprotected_total.max(rule.unprotected.len() as u64);
    let each = resources::each(r, rule);
    html! {
        h3 { (said!(r, "Resources")) (each) " " span.count { (number(total)) } }
        (states(r, &|state| count(&rule.resources, state)))
        @if red > 0 {
            p.of {
                a.to-list href="#resources" data-rule=(plain(&rule.rule)) { (said!(r, "List the {} that are not protected", number(red))) }
            }
        }
    }
}

/// Why copies are missing, grouped by verdict and cause.
pub(super) fn groups(r: &Reader, rule: &RuleReport) -> Markup {
    let groups = resources::groups(r, rule);
    html! {
        @if !groups.is_empty() {
            p.of { a href="#def-cause" { (said!(r, "Causes")) } (said!(r, ", what needs somebody first:")) }
            ul.causes {
                @for group in &groups {
                    li {
                        a href={ "#def-" (group.verdict.name()) } { (r.word(words::figure(group.verdict).label)) } (r.colon()) (group.head)
                        @if !group.causes.is_empty() { (r.colon()) bdi { (r.joined(&group.causes)) } }
                    }
                }
            }
        }
    }
}

/// What is not covered by reason, each with examples to fold out.
pub(super) fn not_covered(r: &Reader, rule: &RuleReport) -> Markup {
    let mut reasons: Vec<_> = rule.not_covered.iter().collect();
    reasons.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
    let all: u64 = reasons.iter().map(|(_, found)| found.count).sum();
    html! {
        @if !reasons.is_empty() {
            p.of { a href="#def-not-covered" { (said!(r, "Not covered")) } (r.colon()) b { (number(all)) } }
            @for (reason, found) in reasons {
                details.uncovered {
                    summary { (number(found.count)) " " bdi { (r.told(reason)) } }
                    p.of { @if found.count > found.examples.len() as u64 { (said!(r, "For instance")) " " } bdi { (found.examples.join(", ")) } }
                }
            }
        }
    }
}
