//! The page's lists: a table with its first rows for every reader, and all rows as data for `page.js`, which sorts and filters.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use offsite_shared::model::text::{exact, plain};
use offsite_shared::report::{Conclusion, Report, ResourceLine, RuleReport};
use offsite_shared::sweep::findings::{Line, Orphan};
use offsite_shared::sweep::verdict::Verdict;
use serde_json::{Value, json};

use super::reader::{Reader, said};
use super::resources::{self, STATES};
use super::words::{self, ORDER, Weight, age, number, shares};

/// Rows that are in a table from the start.
const SHOWN: usize = 1_000;
/// Rows that the page carries; a browser on a phone stays quick with them.
const CARRIED: usize = 20_000;

/// A list of the page.
pub(super) struct List {
    id: &'static str,
    caption: &'static str,
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// How many rows there are, in the page or not.
    total: u64,
    /// The command that lists all of them.
    all: &'static str,
}

/// A column: what style sheet and script know it by, and its head.
struct Column(&'static str, String);

struct Row {
    /// What the first column says, where that is a verdict or a state.
    word: Option<Word>,
    cells: Vec<Cell>,
}

/// A verdict or a state of a list's first column.
#[derive(Clone, Copy)]
struct Word {
    name: &'static str,
    weight: Weight,
    /// The place in a list that begins with the worst.
    rank: usize,
}

/// What stands in a cell, what stands below it in small, and below that a command.
struct Cell(String, String, String);

impl Cell {
    fn new(main: &str, below: &str) -> Self {
        Self(plain(main), plain(below), String::new())
    }

    fn id(id: &str, below: &str) -> Self {
        Self::new(&exact(id), below)
    }
}

impl List {
    /// Resources of all rules that are not simply protected.
    pub(super) fn resources(r: &Reader, report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.unprotected.len()).collect();
        let of_rule = |(rule, share): (&RuleReport, usize)| -> Vec<Row> {
            rule.unprotected.iter().take(share).map(|line| of_resource(r, report.at, rule, line)).collect()
        };
        Self {
            id: "resources",
            caption: said!(r, "Resources that are not protected, by destination"),
            columns: vec![
                column("state", said!(r, "State")),
                column("rule", said!(r, "Rule")),
                column("resource", said!(r, "Resource")),
                column("destination", said!(r, "Destination")),
                column("newest", &said!(r, "Newest copy ({})", r.clock(report.at))),
                column("since", &said!(r, "Since ({})", r.clock(report.at))),
                column("next", said!(r, "Why, and what next")),
            ],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.unprotected_total.max(rule.unprotected.len() as u64)).sum(),
            all: "offsite report --format csv --csv resources",
        }
    }

    /// Backups of all rules that are not replicated.
    pub(super) fn exceptions(r: &Reader, report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.exceptions.len()).collect();
        let of_rule = |(rule, share): (&RuleReport, usize)| -> Vec<Row> {
            rule.exceptions.iter().take(share).map(|line| of_line(r, report.at, Some(&rule.rule), line)).collect()
        };
        Self {
            id: "exceptions",
            caption: said!(r, "Backups without a usable copy, by destination"),
            columns: vec![
                column("verdict", said!(r, "Verdict")),
                column("rule", said!(r, "Rule")),
                column("backup", said!(r, "Backup")),
                column("resource", said!(r, "Resource")),
                column("destination", said!(r, "Destination")),
                column("made", &said!(r, "Made ({})", r.clock(report.at))),
                column("why", said!(r, "Why")),
            ],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.exceptions_total.max(rule.exceptions.len() as u64)).sum(),
            all: "offsite report --format csv",
        }
    }

    /// Copies of all rules without a source.
    pub(super) fn orphans(r: &Reader, report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.orphans.len()).collect();
        let of_rule = |(rule, share): (&RuleReport, usize)| -> Vec<Row> {
            rule.orphans.iter().take(share).map(|orphan| of_orphan(r, report.at, &rule.rule, orphan)).collect()
        };
        Self {
            id: "orphans",
            caption: said!(r, "Copies whose source is gone"),
            columns: vec![
                column("rule", said!(r, "Rule")),
                column("copy", said!(r, "Copy")),
                column("region", said!(r, "Region")),
                column("of", said!(r, "Copy of")),
                column("made", &said!(r, "Made ({})", r.clock(report.at))),
                column("size", said!(r, "Size")),
            ],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.orphans_total.max(rule.orphans.len() as u64)).sum(),
            all: "offsite report --format csv",
        }
    }

    /// Replications that no rule started.
    pub(super) fn outside(r: &Reader, report: &Report) -> Self {
        Self {
            id: "outside",
            caption: said!(r, "Replications that no rule started and that need somebody"),
            columns: vec![
                column("verdict", said!(r, "Verdict")),
                column("backup", said!(r, "Backup")),
                column("resource", said!(r, "Resource")),
                column("destination", said!(r, "Destination")),
                column("made", &said!(r, "Made ({})", r.clock(report.at))),
                column("why", said!(r, "Why")),
            ],
            rows: report.outside.iter().take(CARRIED).map(|line| of_line(r, report.at, None, line)).collect(),
            total: report.outside.len() as u64,
            all: "offsite report --format csv",
        }
    }

    /// How many rows the list has, in the page or not.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The table with its status line and its data.
    pub(super) fn markup(&self, r: &Reader) -> Markup {
        let shown = self.rows.len().min(SHOWN);
        html! {
            p.status id={ (self.id) "-status" } role="status" {
                (said!(r, "{} of {} shown.", number(shown as u64), number(self.total)))
            }
            @if self.total > shown as u64 {
                p.note id={ (self.id) "-note" } {
                    (said!(r, "This page carries {} of them and shows {} without scripts; all of them:",
                        number(self.rows.len() as u64), number(shown as u64)))
                    " " code { (self.all) }
                }
            }
            table.list.stack role="table" aria-describedby={ (self.id) "-status" } data-list={ (self.id) "-rows" }
                data-shown=(said!(r, "{} of {} shown.", "{0}", "{1}")) data-chosen=(said!(r, "{} chosen of {}", "{0}", "{1}"))
                data-more=(said!(r, "Show {} more", "{0}")) {
                caption { (self.caption) }
                thead role="rowgroup" { tr role="row" {
                    @for Column(name, head) in &self.columns { th scope="col" role="columnheader" data-column=(name) { (head) } }
                } }
                tbody role="rowgroup" { @for row in &self.rows[..shown] { (self.row(row)) } }
            }
            script type="application/json" id={ (self.id) "-rows" } { (PreEscaped(self.data())) }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        html! {
            tr role="row" {
                @for (index, (cell, Column(name, head))) in row.cells.iter().zip(&self.columns).enumerate() {
                    td role="cell" data-column=(name) data-label=(head) {
                        @match (&row.word, index) {
                            (Some(word), 0) => span class={ "chip " (word.weight.class()) } { (cell.0) },
                            _ => bdi { (cell.0) },
                        }
                        @if !cell.1.is_empty() { small { bdi { (cell.1) } } }
                        @if !cell.2.is_empty() { code { (cell.2) } }
                    }
                }
            }
        }
    }

    /// All rows as JSON in which no sign can end the element it stands in.
    fn data(&self) -> String {
        let cell = |Cell(main, sub, command): &Cell| match (sub.is_empty(), command.is_empty()) {
            (true, true) => json!(main),
            (false, true) => json!([main, sub]),
            _ => json!([main, sub, command]),
        };
        let row = |row: &Row| -> Value {
            json!({
                "verdict": row.word.map(|word| word.name),
                "weight": row.word.map(|word| word.weight.class()),
                "rank": row.word.map(|word| word.rank),
                "cells": row.cells.iter().map(cell).collect::<Vec<_>>(),
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({ "total": self.total, "rows": rows }).to_string().replace('<', "\\u003c").replace('&', "\\u0026")
    }
}

fn column(name: &'static str, head: &str) -> Column {
    Column(name, head.to_owned())
}

impl Word {
    fn of_verdict(verdict: Verdict) -> Word {
        let rank = ORDER.iter().rev().position(|one| *one == verdict).unwrap_or(ORDER.len());
        Word { name: verdict.name(), weight: words::figure(verdict).weight, rank }
    }

    fn of_resource(line: &ResourceLine) -> Word {
        let rank = STATES.iter().position(|one| *one == line.state).unwrap_or(STATES.len());
        Word { name: line.state.name(), weight: resources::state(line.state).1, rank }
    }
}

/// The rows that are shown from the start, of each rule its share of them, before those that come after.
fn first_first(mut rules: Vec<Vec<Row>>) -> Vec<Row> {
    let lengths: Vec<usize> = rules.iter().map(Vec::len).collect();
    let rest: Vec<Vec<Row>> =
        rules.iter_mut().zip(shares(&lengths, SHOWN)).map(|(rows, share)| rows.split_off(share)).collect();
    rules.into_iter().chain(rest).flatten().collect()
}

/// What an empty list of the rules means; where a rule cannot be judged it means nothing.
pub(super) fn none(r: &Reader, report: &Report, known: &'static str) -> &'static str {
    match report.rules.iter().any(|rule| rule.conclusion == Conclusion::Unknown) {
        _ if report.rules.is_empty() => said!(r, "There is no rule, so nothing was looked for."),
        true => said!(r, "None is known, but not every rule could be judged."),
        false => known,
    }
}

/// The fields of a filter that every list has.
pub(super) fn by_rule_and_text(
    r: &Reader,
    report: &Report,
    offered: impl Fn(&RuleReport) -> bool,
    hint: &str,
) -> Markup {
    html! {
        label { (said!(r, "Rule")) select name="rule" {
            option value="" { (said!(r, "all")) }
            @for rule in report.rules.iter().filter(|rule| offered(rule)) {
                option value=(plain(&rule.rule)) { (rule.rule) }
            }
        } }
        label.wide { (said!(r, "Text"))
            input type="search" name="text" autocomplete="off" spellcheck="false" placeholder=(hint);
        }
        button type="reset" { (said!(r, "Clear")) }
    }
}

/// A time with the form that programs read.
pub(super) fn time(r: &Reader, at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (r.moment(at)) } }
}

fn of_line(r: &Reader, now: Timestamp, rule: Option<&str>, line: &Line) -> Row {
    let mut cells = vec![Cell::new(r.word(words::figure(line.verdict).label), "")];
    cells.extend(rule.map(|rule| Cell::new(rule, "")));
    let show = line.key.as_ref().map(|key| format!("offsite ledger show {}", key.chars().take(12).collect::<String>()));
    cells.extend([
        Cell::id(&line.backup_id, line.name.as_deref().unwrap_or_default()),
        Cell::id(line.resource.as_deref().unwrap_or_default(), ""),
        Cell::new(&line.destination, &said!(r, "from {}", line.source_region)),
        made(r, now, line.created_at),
        Cell::new(&resources::cause_of(r, line), &show.unwrap_or_default()),
    ]);
    Row { word: Some(Word::of_verdict(line.verdict)), cells }
}

fn of_resource(r: &Reader, now: Timestamp, rule: &RuleReport, line: &ResourceLine) -> Row {
    let kind = line.kind.as_deref().map(|kind| r.told(kind));
    let mut about: Vec<&str> = [kind.as_deref(), line.name.as_deref()].into_iter().flatten().collect();
    if line.own {
        about.push(said!(r, "a backup of which nobody names the resource"));
    }
    let (what, whose) = resources::fault(line.fault);
    let (what, whose) = (r.word(what), r.word(whose));
    let (next, why) = (resources::next(r, rule, line), resources::why(r, line));
    let (why, next) = match resources::is_red(line.state) {
        true => (format!("{what}{}{why}", r.colon()), format!("{whose}{}{next}", r.colon())),
        false => (why, next),
    };
    let copied = line.copied.map_or(Cell::new(said!(r, "none"), ""), |_| made(r, now, line.copied));
    let cells = vec![
        Cell::new(r.word(resources::state(line.state).0), ""),
        Cell::new(&rule.rule, ""),
        Cell::id(&line.resource, &about.join(said!(r, ", "))),
        Cell::new(&line.destination, ""),
        copied,
        line.since
            .map_or(Cell::new("", ""), |at| Cell::new(&r.minute(at), &said!(r, "for {}", r.duration(age(now, at))))),
        Cell(
            plain(&why),
            plain(&next),
            resources::command(rule, line).map(|parts| parts.join(" ")).unwrap_or_default(),
        ),
    ];
    Row { word: Some(Word::of_resource(line)), cells }
}

fn of_orphan(r: &Reader, now: Timestamp, rule: &str, orphan: &Orphan) -> Row {
    let size = orphan.size_gib.map(|size| format!("{size} GiB"));
    let cells = vec![
        Cell::new(rule, ""),
        Cell::id(&orphan.copy_id, orphan.name.as_deref().unwrap_or_default()),
        Cell::new(&orphan.region, ""),
        Cell::id(orphan.source_id.as_deref().unwrap_or_default(), ""),
        made(r, now, orphan.created_at),
        Cell::new(&size.unwrap_or_default(), ""),
    ];
    Row { word: None, cells }
}

fn made(r: &Reader, now: Timestamp, at: Option<Timestamp>) -> Cell {
    at.map_or(Cell::new("", ""), |at| Cell::new(&r.minute(at), &said!(r, "{} old", r.duration(age(now, at)))))
}
