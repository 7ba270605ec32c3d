//! The report as one HTML page that needs nothing else: no network, no font, no file beside it.
//!
//! Its content security policy allows the page's own style sheet and script by their hashes and nothing more, so that even a
//! mistake in escaping would stay a piece of text. Without scripts the page is complete; they add sorting and filtering.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use offsite_shared::model::text::plain;
use offsite_shared::report::{Conclusion, Report, ResourceState};
use offsite_shared::sweep::verdict::Verdict;
use sha2::{Digest, Sha256};

use super::filter::Filter;
use super::resources::{self, STATES};
use super::rows::{List, by_rule_and_text, none, time};
use super::rule;
use super::summary::summary;
use super::terms::TERMS;
use super::words::{self, COVERED, ORDER, number};
use super::{chart, page_resources};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The report as one self-contained page.
pub fn html(report: &Report) -> String {
    narrowed_html(report, &Filter::default())
}

/// The same with the sections of those rules alone that the filter shows.
pub fn narrowed_html(report: &Report, filter: &Filter) -> String {
    let resources = List::resources(report);
    let (exceptions, orphans, outside) = (List::exceptions(report), List::orphans(report), List::outside(report));
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title {
                    "Offsite report: " (words::headline(report).to_lowercase()) " at " (words::minute(report.at)) " UTC"
                }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the verdict" }
                (chart::patterns())
                header {
                    h1 { "Offsite report" }
                    p {
                        (time(report.at))
                        @if report.live { " · " a href="#def-live" { "read live" } " from the clouds" }
                    }
                }
                nav aria-label="Parts of the report" { ul {
                    li { a href="#resources" { "Resources " span.count { (number(resources.total())) } } }
                    @if page_resources::any_decision(report) { li { a href="#accepted" { "Accepted risks" } } }
                    @if !report.rules.is_empty() { li { a href="#rules" { "Rules" } } }
                    li { a href="#exceptions" { "Backups " span.count { (number(exceptions.total())) } } }
                    li { a href="#orphans" { "Orphans " span.count { (number(orphans.total())) } } }
                    li { a href="#outside" { "Outside the policy " span.count { (number(outside.total())) } } }
                    li { a href="#definitions" { "Definitions" } }
                } }
                main id="main" {
                    (verdict(report, filter))
                    (page_resources::section(report, &resources))
                    (page_resources::accepted(report))
                    @if !report.rules.is_empty() {
                        section id="rules" aria-label="Rules" { (rule::overview(report, filter)) }
                        @for (index, rule) in report.rules.iter().enumerate().filter(|(_, rule)| filter.shows(&rule.rule)) {
                            (rule::section(report.at, index, rule))
                        }
                    }
                    (list("exceptions", "Backups without a usable copy", &exceptions, none(report, "Every covered backup has its usable copies."),
                        &filters(report)))
                    (list("orphans", "Orphans", &orphans, none(report, "No copy without a source was found."), &html! {}))
                    (list("outside", "Outside the policy", &outside, "No replication outside the policy needs anybody.",
                        &html! {}))
                    (definitions())
                }
                footer { p {
                    "Made by offsite " (env!("CARGO_PKG_VERSION")) ". This page is complete in itself and asks nothing of the network."
                } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    inert(&page.into_string())
}

/// The page without signs that turn the direction of what follows, such as those that make `gpj.exe` end in `jpg`; and without
/// control characters, which no page may hold.
fn inert(page: &str) -> String {
    page.split_inclusive(['\n', '\t'])
        .map(|part| match part.strip_suffix(['\n', '\t']) {
            Some(text) => plain(text) + &part[text.len()..],
            None => plain(part),
        })
        .collect()
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn verdict(report: &Report, filter: &Filter) -> Markup {
    let class = match report.conclusion {
        Conclusion::NotJudged => "neutral",
        Conclusion::Holds => "good",
        Conclusion::Unknown => "doubt",
        Conclusion::Broken => "bad",
    };
    html! {
        section class={ "verdict " (class) } aria-labelledby="verdict" {
            h2 id="verdict" { (words::headline(report)) }
            p { (summary(report)) }
            @let speaking = report.rules.iter().enumerate().filter(|(_, rule)| !rule.why.is_empty());
            ul {
                @for remark in &report.remarks { li { bdi { (remark) } } }
                @for (index, rule) in speaking {
                    li {
                        (rule::link(index, rule, filter)) " " (words::conclusion(rule.conclusion)) ": "
                        bdi { (rule.why.join("; ")) }
                    }
                }
            }
        }
    }
}

fn list(id: &str, title: &str, list: &List, none: &str, filters: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) " " span.count { (number(list.total())) } }
            @if list.total() == 0 { p.none { (none) } } @else { (filters) (list.markup()) }
        }
    }
}

/// What chooses among the exceptions; `page.js` shows it, since without scripts it would do nothing.
fn filters(report: &Report) -> Markup {
    let offered = |verdict: &&Verdict| {
        report.rules.iter().any(|rule| rule.exceptions.iter().any(|line| line.verdict == **verdict))
    };
    html! {
        form.filters id="exceptions-filters" role="search" aria-label="Filter the backups" hidden {
            label { "Verdict" select name="verdict" {
                option value="" { "all" }
                @for verdict in ORDER.iter().rev().filter(offered) { option value=(verdict.name()) { (words::figure(*verdict).label) } }
            } }
            (by_rule_and_text(report, |rule| !rule.exceptions.is_empty(), "ID, name, region, reason"))
        }
    }
}

fn definitions() -> Markup {
    let of_state = |one: ResourceState| {
        let (label, _, meaning) = resources::state(one);
        (format!("state-{}", one.name()), label, meaning)
    };
    let of_verdict = |verdict: Verdict| {
        let figure = words::figure(verdict);
        (verdict.name().to_owned(), figure.label, figure.meaning)
    };
    let entries = STATES
        .into_iter()
        .map(of_state)
        .chain([("covered".to_owned(), COVERED.label, COVERED.meaning)])
        .chain(ORDER.into_iter().map(of_verdict))
        .chain(TERMS.into_iter().map(|(id, word, meaning)| (id.to_owned(), word, meaning)));
    html! {
        section id="definitions" aria-labelledby="definitions-title" {
            h2 id="definitions-title" { "Definitions" }
            dl {
                @for (id, word, meaning) in entries {
                    div {
                        dt id={ "def-" (id) } { (word) }
                        dd { (meaning) }
                    }
                }
            }
        }
    }
}
