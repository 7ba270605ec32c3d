//! One rule in the page: whether it holds, its figures, its times against their objectives, its history.

use jiff::Timestamp;
use maud::{Markup, html};
use offsite_shared::model::text::plain;
use offsite_shared::report::{Conclusion, Report, Rpo, RuleReport};
use offsite_shared::sweep::verdict::Verdict;

use super::calendar::calendar;
use super::filter::Filter;
use super::reader::{Reader, said};
use super::rows::time;
use super::volume::volumes;
use super::words::{self, COVERED, ORDER, age, number, share};
use super::{chart, page_resources, resources};

/// Late resources that are named.
const LATE_SHOWN: usize = 100;
/// Sweeps that are listed as numbers.
const SWEEPS_SHOWN: usize = 50;

/// A rule's conclusion as a word with a sign, so that colour is not all that tells it.
pub(super) fn badge(r: &Reader, conclusion: Conclusion) -> Markup {
    let (class, sign) = match conclusion {
        Conclusion::Holds => ("good", "✓"),
        Conclusion::NotJudged => ("neutral", "–"),
        Conclusion::Unknown => ("doubt", "?"),
        Conclusion::Broken => ("bad", "✕"),
    };
    html! { span class={ "badge " (class) } { span aria-hidden="true" { (sign) " " } (r.word(words::conclusion(conclusion))) } }
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
pub(super) fn overview(r: &Reader, report: &Report, filter: &Filter) -> Markup {
    let columns = [
        said!(r, "Rule"),
        said!(r, "Conclusion"),
        said!(r, "Not protected"),
        said!(r, "Gaps"),
        said!(r, "Backlog"),
        said!(r, "Replicated"),
        said!(r, "Lag"),
        said!(r, "Newest copies"),
    ];
    html! {
        table.overview.stack role="table" {
            caption { (said!(r, "All rules")) }
            thead role="rowgroup" { tr role="row" {
                @for (index, column) in columns.iter().enumerate() {
                    th.figure[index > 1] scope="col" role="columnheader" { (column) }
                }
            } }
            tbody role="rowgroup" { @for (index, rule) in report.rules.iter().enumerate() {
                tr role="row" {
                    th scope="row" role="rowheader" { (link(index, rule, filter)) }
                    td role="cell" { (badge(r, rule.conclusion)) }
                    @for (column, figure) in columns.iter().skip(2).zip(overview_figures(r, rule)) {
                        td.figure role="cell" data-label=(column) { bdi { (figure) } }
                    }
                }
            } }
        }
    }
}

fn overview_figures(r: &Reader, rule: &RuleReport) -> [String; 6] {
    let known = swept(rule);
    let unless = |figure: String| if known { figure } else { said!(r, "not known").to_owned() };
    [
        unless(said!(r, "{} of {}", number(not_protected(rule)), number(resources::total(&rule.resources)))),
        unless(number(rule.gaps)),
        unless(number(rule.backlog)),
        unless(share(rule.counts.replicated, rule.counts.covered)),
        r.against(rule.lag_seconds, rule.objective.max_lag_seconds, said!(r, "none")),
        match (&rule.rpo, rule.objective.rpo_seconds) {
            (Some(rpo), allowed) => r.against(rpo.worst_seconds, allowed, said!(r, "0s")),
            (None, Some(_)) => r.against(None, rule.objective.rpo_seconds, said!(r, "0s")),
            (None, None) => said!(r, "no objective").to_owned(),
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
pub(super) fn section(r: &Reader, now: Timestamp, index: usize, rule: &RuleReport) -> Markup {
    let id = format!("rule-{}", index + 1);
    html! {
        section.rule aria-labelledby=(id) {
            h2 id=(id) { bdi { (rule.rule) } " " (badge(r, rule.conclusion)) }
            p.meta {
                (rule.provider) " " (rule.operation) " · " (said!(r, "account")) " " bdi { (rule.account) } " · " bdi { (r.told(&rule.source)) } " → "
                bdi { (rule.destinations.join(", ")) }
            }
            @if !rule.why.is_empty() { ul.why { @for why in &rule.why { li { bdi { (r.told(why)) } } } } }
            @if swept(rule) { (page_resources::of_rule(r, rule)) }
            details.card {
                summary { (said!(r, "Promise, figures and history")) }
                (inside(r, now, rule))
            }
        }
    }
}

/// What a card shows once it is opened.
fn inside(r: &Reader, now: Timestamp, rule: &RuleReport) -> Markup {
    html! {
        p.meta {
            (said!(r, "Promised: {}.", resources::promise(r, rule)))
            @if rule.objective.is_default { " " a href="#def-default-objective" { (said!(r, "Why that?")) } }
            br;
            a href="#def-complete-as-of" { (said!(r, "Complete as of")) } (r.colon())
            @match rule.complete_as_of {
                Some(at) => { (time(r, at)) (said!(r, ", {} before this report", r.duration(age(now, at)))) },
                None => (said!(r, "no sweep was complete yet")),
            }
            @if let Some(seconds) = rule.sweep_seconds { " · " (said!(r, "the sweep took {}", r.duration(seconds))) }
        }
        @if swept(rule) { h3 { (said!(r, "Backups")) (resources::each(r, rule)) } }
        (figures(r, rule))
        (page_resources::groups(r, rule))
        div.gauges {
            (gauge(r, "lag", said!(r, "Lag"), rule.lag_seconds, rule.objective.max_lag_seconds, said!(r, "none")))
            @if let Some(rpo) = &rule.rpo { (newest(r, rpo, rule.objective.rpo_seconds)) }
        }
        @if !rule.points.is_empty() || !rule.durations.is_empty() {
            div.charts {
                (chart::lag(r, &rule.points, rule.objective.max_lag_seconds))
                (chart::durations(r, &rule.durations))
            }
        }
        (calendar(r, &rule.days))
        (page_resources::not_covered(r, rule))
        (sweeps(r, rule))
    }
}

fn figures(r: &Reader, rule: &RuleReport) -> Markup {
    let covered = rule.counts.covered;
    let exceptions = rule.exceptions_total.max(rule.exceptions.len() as u64);
    let orphans = rule.orphans_total.max(rule.orphans.len() as u64);
    if !swept(rule) {
        return html! { p.none { (said!(r, "There are no figures before the first complete sweep.")) } };
    }
    html! {
        (chart::coverage(r, &rule.counts))
        ul.legend {
            li.covered { a href="#def-covered" { (r.word(COVERED.label)) } " " b { (number(covered)) } }
            @for verdict in ORDER.into_iter().filter(|verdict| rule.counts[*verdict] > 0) { (legend(r, rule, verdict)) }
        }
        @let zeros: Vec<_> = ORDER.into_iter().filter(|verdict| rule.counts[*verdict] == 0).collect();
        @if !zeros.is_empty() {
            details.zeros {
                summary { (said!(r, "{} verdicts that no backup has", zeros.len())) }
                ul.legend { @for verdict in zeros { (legend(r, rule, verdict)) } }
            }
        }
        @let sizes = volumes(r, rule);
        @if !sizes.is_empty() {
            ul.sizes { @for size in sizes { li { a href="#def-size" { (said!(r, "Size")) } " " bdi { (size) } } } }
        }
        @if let Some(owed) = resources::owed(r, rule) {
            p.of { a href="#def-gap" { (said!(r, "Owed")) } (r.colon()) (owed) (said!(r, ".")) }
        }
        p.of {
            (said!(r, "Of the replicated ones")) " " b { (number(rule.inferred)) } " " a href="#def-inferred" { (said!(r, "are inferred")) } (said!(r, "."))
            @if exceptions > 0 {
                " " a.to-list href="#exceptions" data-rule=(plain(&rule.rule)) {
                    (said!(r, "List the {} that are not replicated", number(exceptions)))
                }
            }
            @if orphans > 0 {
                " · " a href="#orphans" {
                    @if orphans == 1 { (said!(r, "1 orphan")) } @else { (said!(r, "{} orphans", number(orphans))) }
                }
            }
        }
    }
}

fn legend(r: &Reader, rule: &RuleReport, verdict: Verdict) -> Markup {
    let count = rule.counts[verdict];
    html! {
        li.zero[count == 0] {
            (chart::swatch(verdict))
            a href={ "#def-" (verdict.name()) } { (r.word(words::figure(verdict).label)) } " " b { (number(count)) }
            span.share { " " (share(count, rule.counts.covered)) }
        }
    }
}

fn gauge(r: &Reader, anchor: &str, title: &str, seconds: Option<u64>, allowed: Option<u64>, none: &str) -> Markup {
    html! {
        div.gauge {
            p {
                a href={ "#def-" (anchor) } { (title) } " " b { (r.against(seconds, allowed, none)) }
                @match (seconds, allowed) {
                    (Some(seconds), Some(allowed)) if seconds > allowed => span.bad { " " (said!(r, "late by {}", r.duration(seconds - allowed))) },
                    (Some(_), Some(_)) => span.good { " " (said!(r, "within")) },
                    _ => {},
                }
            }
            @if let (Some(seconds), Some(allowed)) = (seconds, allowed) { (chart::gauge(seconds, allowed)) }
        }
    }
}

fn newest(r: &Reader, rpo: &Rpo, allowed: Option<u64>) -> Markup {
    html! {
        div {
            (gauge(r, "rpo", said!(r, "Newest copies"), rpo.worst_seconds, allowed, said!(r, "0s")))
            p.of {
                @if let Some(worst) = &rpo.worst_resource { (said!(r, "Worst is")) " " bdi { (worst) } " " }
                (said!(r, "of {} resources;", number(rpo.resources))) " " b { (number(rpo.late)) } " "
                a href="#def-late" { (said!(r, "late")) } (said!(r, "."))
            }
            @if !rpo.late_resources.is_empty() {
                details open[rpo.late_resources.len() <= 10] {
                    summary { (said!(r, "Late resources, worst first")) }
                    ul.late {
                        @for late in rpo.late_resources.iter().take(LATE_SHOWN) {
                            li {
                                bdi { (late.resource) } (r.colon())
                                @match late.seconds { Some(seconds) => (r.duration(seconds)), None => (said!(r, "no usable copy at all")) }
                            }
                        }
                    }
                    @if rpo.late > rpo.late_resources.len().min(LATE_SHOWN) as u64 {
                        p.note {
                            (said!(r, "and {} more:", number(rpo.late - rpo.late_resources.len().min(LATE_SHOWN) as u64))) " "
                            code { "offsite report --format json" }
                        }
                    }
                }
            }
        }
    }
}

/// The numbers behind the chart of lags, latest first, for those who cannot see it.
fn sweeps(r: &Reader, rule: &RuleReport) -> Markup {
    html! {
        @if !rule.points.is_empty() {
            details.sweeps {
                summary { (said!(r, "The latest sweeps as numbers")) }
                table.overview {
                    thead { tr {
                        th scope="col" { (said!(r, "Sweep ({})", r.clock(rule.points.last().map_or(Timestamp::UNIX_EPOCH, |point| point.at)))) }
                        @for head in [said!(r, "Covered"), said!(r, "Replicated"), said!(r, "Lag")] { th.figure scope="col" { (head) } }
                    } }
                    tbody { @for point in rule.points.iter().rev().take(SWEEPS_SHOWN) {
                        tr {
                            th scope="row" { (r.minute(point.at)) }
                            td.figure { (number(point.covered)) }
                            td.figure { (number(point.replicated)) }
                            td.figure { (r.duration(point.lag_seconds)) }
                        }
                    } }
                }
            }
        }
    }
}
