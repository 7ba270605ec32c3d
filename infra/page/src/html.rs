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
use super::reader::{Reader, said};
use super::resources::{self, STATES};
use super::rows::{List, by_rule_and_text, none, time};
use super::rule;
use super::summary::summary;
use super::terms::TERMS;
use super::text::told_remark;
use super::words::{self, COVERED, ORDER, number};
use super::{chart, page_resources};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The report as one self-contained page.
pub fn html(report: &Report) -> String {
    narrowed_html(report, &Filter::default(), &Reader::default())
}

/// The same for a reader, with the sections of those rules alone that the filter shows.
pub fn narrowed_html(report: &Report, filter: &Filter, reader: &Reader) -> String {
    let r = reader;
    let resources = List::resources(r, report);
    let (exceptions, orphans) = (List::exceptions(r, report), List::orphans(r, report));
    let outside = List::outside(r, report);
    let headline = r.word(words::headline(report));
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let page = html! {
        (DOCTYPE)
        html lang=(r.tag()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title {
                    (said!(r, "Offsite report: {} at {}", headline.to_lowercase(), r.moment(report.at)))
                }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { (said!(r, "Skip to the verdict")) }
                (chart::patterns())
                header {
                    h1 { (said!(r, "Offsite report")) }
                    p {
                        (time(r, report.at))
                        @if report.live { " · " a href="#def-live" { (said!(r, "read live")) } }
                    }
                }
                nav aria-label=(said!(r, "Parts of the report")) { ul {
                    li { a href="#resources" { (said!(r, "Resources")) " " span.count { (number(resources.total())) } } }
                    @if page_resources::any_decision(report) { li { a href="#accepted" { (said!(r, "Accepted risks")) } } }
                    @if !report.rules.is_empty() { li { a href="#rules" { (said!(r, "Rules")) } } }
                    li { a href="#exceptions" { (said!(r, "Backups")) " " span.count { (number(exceptions.total())) } } }
                    li { a href="#orphans" { (said!(r, "Orphans")) " " span.count { (number(orphans.total())) } } }
                    li { a href="#outside" { (said!(r, "Outside the policy")) " " span.count { (number(outside.total())) } } }
                    li { a href="#definitions" { (said!(r, "Definitions")) } }
                } }
                main id="main" {
                    (verdict(r, report, filter))
                    (page_resources::section(r, report, &resources))
                    (page_resources::accepted(r, report))
                    @if !report.rules.is_empty() {
                        section id="rules" aria-label=(said!(r, "Rules")) { (rule::overview(r, report, filter)) }
                        @for (index, rule) in report.rules.iter().enumerate().filter(|(_, rule)| filter.shows(&rule.rule)) {
                            (rule::section(r, report.at, index, rule))
                        }
                    }
                    (list(r, "exceptions", said!(r, "Backups without a usable copy"), &exceptions,
                        none(r, report, said!(r, "Every covered backup has its usable copies.")), &filters(r, report)))
                    (list(r, "orphans", said!(r, "Orphans"), &orphans,
                        none(r, report, said!(r, "No copy without a source was found.")), &html! {}))
                    (list(r, "outside", said!(r, "Outside the policy"), &outside,
                        said!(r, "No replication outside the policy needs anybody."), &html! {}))
                    (definitions(r))
                }
                footer { p {
                    (said!(r, "Made by offsite {}. This page is complete in itself and asks nothing of the network.", env!("CARGO_PKG_VERSION")))
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

fn verdict(r: &Reader, report: &Report, filter: &Filter) -> Markup {
    let class = match report.conclusion {
        Conclusion::NotJudged => "neutral",
        Conclusion::Holds => "good",
        Conclusion::Unknown => "doubt",
        Conclusion::Broken => "bad",
    };
    html! {
        section class={ "verdict " (class) } aria-labelledby="verdict" {
            h2 id="verdict" { (r.word(words::headline(report))) }
            p { (summary(r, report)) }
            @let speaking = report.rules.iter().enumerate().filter(|(_, rule)| !rule.why.is_empty());
            ul {
                @for remark in &report.remarks { li { bdi { (told_remark(remark, r)) } } }
                @for (index, rule) in speaking {
                    li {
                        (rule::link(index, rule, filter)) " " (r.word(words::conclusion(rule.conclusion))) (r.colon())
                        bdi { (rule.why.iter().map(|why| r.told(why)).collect::<Vec<_>>().join(said!(r, "; "))) }
                    }
                }
            }
        }
    }
}

fn list(r: &Reader, id: &str, title: &str, list: &List, none: &str, filters: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) " " span.count { (number(list.total())) } }
            @if list.total() == 0 { p.none { (none) } } @else { (filters) (list.markup(r)) }
        }
    }
}

/// What chooses among the exceptions; `page.js` shows it, since without scripts it would do nothing.
fn filters(r: &Reader, report: &Report) -> Markup {
    let offered = |verdict: &&Verdict| {
        report.rules.iter().any(|rule| rule.exceptions.iter().any(|line| line.verdict == **verdict))
    };
    html! {
        form.filters id="exceptions-filters" role="search" aria-label=(said!(r, "Filter the backups")) hidden {
            label { (said!(r, "Verdict")) select name="verdict" {
                option value="" { (said!(r, "all")) }
                @for verdict in ORDER.iter().rev().filter(offered) { option value=(verdict.name()) { (r.word(words::figure(*verdict).label)) } }
            } }
            (by_rule_and_text(r, report, |rule| !rule.exceptions.is_empty(), said!(r, "ID, name, region, reason")))
        }
    }
}

fn definitions(r: &Reader) -> Markup {
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
            h2 id="definitions-title" { (said!(r, "Definitions")) }
            dl {
                @for (id, word, meaning) in entries {
                    div {
                        dt id={ "def-" (id) } { (r.word(word)) }
                        dd { (r.word(meaning)) }
                    }
                }
            }
        }
    }
}
