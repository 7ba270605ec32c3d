//! One rule in the page: whether it holds, its figures, its times against their objectives, its history.

use jiff::Timestamp;
use maud::{Markup, html};
use offsite_shared::model::text::plain;
use offsite_shared::report::{Conclusion, Report, Rpo, RuleReport};
use offsite_shared::sweep::verdict::Verdict;

use super::calendar::calendar;
use super::filter::Filter;
use super::rows::time;
use super::words::{self, COVERED, ORDER, age, duration, minute, number, share};
use super::{chart, page_resources, resources};

/// Late resources that are named.
const LATE_SHOWN: usize = 100;
/// Sweeps that are listed as numbers.
const SWEEPS_SHOWN: usize = 50;

/// A rule's conclusion as a word with a sign, so that colour is not all that tells it.
pub(super) fn badge(conclusion: Conclusion) -> Markup {
    let (class, sign) = match conclusion {
        Conclusion::Holds => ("good", "✓"),
        Conclusion::NotJudged => ("neutral", "–"),
        Conclusion::Unknown => ("doubt", "?"),
        Conclusion::Broken => ("bad", "✕"),
    };
    html! { span class={ "badge " (class) } { span aria-hidden="true" { (sign) " " } (words::conclusion(conclusion)) } }
}

/// The name of a rule, which leads to its section where that is in the page.
pub(super) fn link(index: usize, rule: &RuleReport, filter: &Filter) -> Markup {
    html! {
        @if filter.shows(&rule.rule) {
            a href={ "#rule-" (index + 1) } { bdi { (rule.rule) } }
        } @else { bdi { (rule.rule) } }
    }
}

/// All rules in a table, a line each.
pub(super) fn overview(report: &Report, filter: &Filter) -> Markup {
    let columns = ["Rule", "Conclusion", "Not protected", "Gaps", "Backlog", "Replicated", "Lag", "Newest copies"];
    html! {
        table.overview.stack role="table" {
            caption { "All rules" }
            thead role="rowgroup" { tr role="row" {
                @for (index, column) in columns.iter().enumerate() {
                    th.figure[index > 1] scope="col" role="columnheader" { (column) }
                }
            } }
            tbody role="rowgroup" { @for (index, rule) in report.rules.iter().enumerate() {
                tr role="row" {
                    th scope="row" role="rowheader" { (link(index, rule, filter)) }
                    td role="cell" { (badge(rule.conclusion)) }
                    @for (column, figure) in columns.iter().skip(2).zip(overview_figures(rule)) {
                        td.figure role="cell" data-label=(column) { bdi { (figure) } }
                    }
                }
            } }
        }
    }
}

fn overview_figures(rule: &RuleReport) -> [String; 6] {
    let known = swept(rule);
    let unless = |figure: String| if known { figure } else { "not known".to_owned() };
    [
        unless(format!("{} of {}", number(not_protected(rule)), number(resources::total(&rule.resources)))),
        unless(number(rule.gaps)),
        unless(number(rule.backlog)),
        unless(share(rule.counts.replicated, rule.counts.covered)),
        words::against(rule.lag_seconds, rule.objective.max_lag_seconds, "none"),
        match (&rule.rpo, rule.objective.rpo_seconds) {
            (Some(rpo), allowed) => words::against(rpo.worst_seconds, allowed, "0s"),
            (None, Some(_)) => words::against(None, rule.objective.rpo_seconds, "0s"),
            (None, None) => "no objective".to_owned(),
        },
    ]
}

/// How many resources are unprotected, stale or unknown.
fn not_protected(rule: &RuleReport) -> u64 {
    rule.resources.unprotected + rule.resources.stale + rule.resources.unknown
}

/// Whether there are figures at all: zeros before the first complete sweep mean nothing.
fn swept(rule: &RuleReport) -> bool {
    rule.complete_as_of.is_some() || rule.counts.covered > 0
}

/// The section of the rule with that place in the report.
pub(super) fn section(now: Timestamp, index: usize, rule: &RuleReport) -> Markup {
    let id = format!("rule-{}", index + 1);
    html! {
        section.rule aria-labelledby=(id) {
            h2 id=(id) { bdi { (rule.rule) } " " (badge(rule.conclusion)) }
            p.meta {
                (rule.provider) " " (rule.operation) " · account " bdi { (rule.account) } " · " bdi { (rule.source) } " → "
                bdi { (rule.destinations.join(", ")) }
                br;
                a href="#def-complete-as-of" { "Complete as of" } ": "
                @match rule.complete_as_of {
                    Some(at) => { (time(at)) ", " (duration(age(now, at))) " before this report" },
                    None => "no sweep was complete yet",
                }
                @if let Some(seconds) = rule.sweep_seconds { " · the sweep took " (duration(seconds)) }
            }
            p.meta {
                "Promised: " (resources::promise(rule)) "."
                @if rule.objective.is_default { " " a href="#def-default-objective" { "Why that?" } }
            }
            @if !rule.why.is_empty() { ul.why { @for why in &rule.why { li { bdi { (why) } } } } }
            @if swept(rule) { (page_resources::of_rule(rule)) }
            (figures(rule))
            (page_resources::groups(rule))
            div.gauges {
                (gauge("lag", "Lag", rule.lag_seconds, rule.objective.max_lag_seconds, "none"))
                @if let Some(rpo) = &rule.rpo { (newest(rpo, rule.objective.rpo_seconds)) }
            }
            @if !rule.points.is_empty() || !rule.durations.is_empty() {
                div.charts {
                    (chart::lag(&rule.points, rule.objective.max_lag_seconds))
                    (chart::durations(&rule.durations))
                }
            }
            (calendar(&rule.days))
            (page_resources::not_covered(rule))
            (sweeps(rule))
        }
    }
}

fn figures(rule: &RuleReport) -> Markup {
    let covered = rule.counts.covered;
    let exceptions = rule.exceptions_total.max(rule.exceptions.len() as u64);
    let orphans = rule.orphans_total.max(rule.orphans.len() as u64);
    if !swept(rule) {
        return html! { p.none { "There are no figures before the first complete sweep." } };
    }
    html! {
        (chart::coverage(&rule.counts))
        ul.legend {
            li.covered { a href="#def-covered" { (COVERED.label) } " " b { (number(covered)) } }
            @for verdict in ORDER.into_iter().filter(|verdict| rule.counts[*verdict] > 0) { (legend(rule, verdict)) }
        }
        @let zeros: Vec<_> = ORDER.into_iter().filter(|verdict| rule.counts[*verdict] == 0).collect();
        @if !zeros.is_empty() {
            details.zeros {
                summary { (zeros.len()) " verdicts that no backup has" }
                ul.legend { @for verdict in zeros { (legend(rule, verdict)) } }
            }
        }
        @if let Some(owed) = resources::owed(rule) {
            p.of { a href="#def-gap" { "Owed" } ": " (owed) "." }
        }
        p.of {
            "Of the replicated ones " b { (number(rule.inferred)) } " are " a href="#def-inferred" { "inferred" } "."
            @if exceptions > 0 {
                " " a.to-list href="#exceptions" data-rule=(plain(&rule.rule)) {
                    "List the " (number(exceptions)) " that are not replicated"
                }
            }
            @if orphans > 0 {
                " · " a href="#orphans" {
                    (number(orphans)) " "
                    (words::plural(usize::try_from(orphans).unwrap_or(usize::MAX), "orphan", "orphans"))
                }
            }
        }
    }
}

fn legend(rule: &RuleReport, verdict: Verdict) -> Markup {
    let count = rule.counts[verdict];
    html! {
        li.zero[count == 0] {
            (chart::swatch(verdict))
            a href={ "#def-" (verdict.name()) } { (words::figure(verdict).label) } " " b { (number(count)) }
            span.share { " " (share(count, rule.counts.covered)) }
        }
    }
}

fn gauge(anchor: &str, title: &str, seconds: Option<u64>, allowed: Option<u64>, none: &str) -> Markup {
    html! {
        div.gauge {
            p {
                a href={ "#def-" (anchor) } { (title) } " " b { (words::against(seconds, allowed, none)) }
                @match (seconds, allowed) {
                    (Some(seconds), Some(allowed)) if seconds > allowed => span.bad { " late by " (duration(seconds - allowed)) },
                    (Some(_), Some(_)) => span.good { " within" },
                    _ => {},
                }
            }
            @if let (Some(seconds), Some(allowed)) = (seconds, allowed) { (chart::gauge(seconds, allowed)) }
        }
    }
}

fn newest(rpo: &Rpo, allowed: Option<u64>) -> Markup {
    html! {
        div {
            (gauge("rpo", "Newest copies", rpo.worst_seconds, allowed, "0s"))
            p.of {
                @match &rpo.worst_resource { Some(worst) => { "Worst is " bdi { (worst) } " of " }, None => "Of " }
                (number(rpo.resources)) " resources; " b { (number(rpo.late)) } " " a href="#def-late" { "late" } "."
            }
            @if !rpo.late_resources.is_empty() {
                details open[rpo.late_resources.len() <= 10] {
                    summary { "Late resources, worst first" }
                    ul.late {
                        @for late in rpo.late_resources.iter().take(LATE_SHOWN) {
                            li {
                                bdi { (late.resource) } ": "
                                @match late.seconds { Some(seconds) => (duration(seconds)), None => "no usable copy at all" }
                            }
                        }
                    }
                    @if rpo.late > rpo.late_resources.len().min(LATE_SHOWN) as u64 {
                        p.note {
                            "and " (number(rpo.late - rpo.late_resources.len().min(LATE_SHOWN) as u64)) " more; "
                            code { "offsite report --format json" } " has them."
                        }
                    }
                }
            }
        }
    }
}

/// The numbers behind the chart of lags, latest first, for those who cannot see it.
fn sweeps(rule: &RuleReport) -> Markup {
    html! {
        @if !rule.points.is_empty() {
            details.sweeps {
                summary { "The latest sweeps as numbers" }
                table.overview {
                    thead { tr {
                        th scope="col" { "Sweep (UTC)" }
                        @for head in ["Covered", "Replicated", "Lag"] { th.figure scope="col" { (head) } }
                    } }
                    tbody { @for point in rule.points.iter().rev().take(SWEEPS_SHOWN) {
                        tr {
                            th scope="row" { (minute(point.at)) }
                            td.figure { (number(point.covered)) }
                            td.figure { (number(point.replicated)) }
                            td.figure { (duration(point.lag_seconds)) }
                        }
                    } }
                }
            }
        }
    }
}
