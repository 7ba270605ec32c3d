//! The page's lists: a table with its first rows for every reader, and all rows as data for `page.js`, which sorts and filters.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use offsite_shared::model::text::{exact, plain};
use offsite_shared::report::{Conclusion, Report, ResourceLine, RuleReport};
use offsite_shared::sweep::findings::{Line, Orphan};
use offsite_shared::sweep::verdict::Verdict;
use serde_json::{Value, json};

use super::resources::{self, STATES};
use super::words::{self, ORDER, Weight, age, duration, minute, number, shares};

/// Rows that are in a table from the start.
const SHOWN: usize = 1_000;
/// Rows that the page carries; a browser on a phone stays quick with them.
const CARRIED: usize = 20_000;

/// A list of the page.
pub(super) struct List {
    id: &'static str,
    caption: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Row>,
    /// How many rows there are, in the page or not.
    total: u64,
    /// The command that lists all of them.
    all: &'static str,
}

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
    pub(super) fn resources(report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.unprotected.len()).collect();
        let of_rule = |(rule, share): (&RuleReport, usize)| -> Vec<Row> {
            rule.unprotected.iter().take(share).map(|line| of_resource(report.at, rule, line)).collect()
        };
        Self {
            id: "resources",
            caption: "Resources that are not protected, by destination",
            columns: &[
                "State",
                "Rule",
                "Resource",
                "Destination",
                "Newest copy (UTC)",
                "Since (UTC)",
                "Why, and what next",
            ],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.unprotected_total.max(rule.unprotected.len() as u64)).sum(),
            all: "offsite report --format csv --csv resources",
        }
    }

    /// Backups of all rules that are not replicated.
    pub(super) fn exceptions(report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.exceptions.len()).collect();
        let of_rule = |(rule, share): (&RuleReport, usize)| -> Vec<Row> {
            rule.exceptions.iter().take(share).map(|line| of_line(report.at, Some(&rule.rule), line)).collect()
        };
        Self {
            id: "exceptions",
            caption: "Backups without a usable copy, by destination",
            columns: &["Verdict", "Rule", "Backup", "Resource", "Destination", "Made (UTC)", "Why"],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.exceptions_total.max(rule.exceptions.len() as u64)).sum(),
            all: "offsite report --format csv",
        }
    }

    /// Copies of all rules without a source.
    pub(super) fn orphans(report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.orphans.len()).collect();
        let of_rule = |(rule, share): (&RuleReport, usize)| -> Vec<Row> {
            rule.orphans.iter().take(share).map(|orphan| of_orphan(report.at, &rule.rule, orphan)).collect()
        };
        Self {
            id: "orphans",
            caption: "Copies whose source is gone",
            columns: &["Rule", "Copy", "Region", "Copy of", "Made (UTC)", "Size"],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.orphans_total.max(rule.orphans.len() as u64)).sum(),
            all: "offsite report --format csv",
        }
    }

    /// Replications that no rule started.
    pub(super) fn outside(report: &Report) -> Self {
        Self {
            id: "outside",
            caption: "Replications that no rule started and that need somebody",
            columns: &["Verdict", "Backup", "Resource", "Destination", "Made (UTC)", "Why"],
            rows: report.outside.iter().take(CARRIED).map(|line| of_line(report.at, None, line)).collect(),
            total: report.outside.len() as u64,
            all: "offsite report --format csv",
        }
    }

    /// How many rows the list has, in the page or not.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The table with its status line and its data.
    pub(super) fn markup(&self) -> Markup {
        let shown = self.rows.len().min(SHOWN);
        html! {
            p.status id={ (self.id) "-status" } role="status" {
                (number(shown as u64)) " of " (number(self.total)) " shown."
            }
            @if self.total > shown as u64 {
                p.note id={ (self.id) "-note" } {
                    "This page carries " (number(self.rows.len() as u64)) " of them and shows " (number(shown as u64))
                    " without scripts; " code { (self.all) } " lists all."
                }
            }
            table.list.stack role="table" aria-describedby={ (self.id) "-status" } data-list={ (self.id) "-rows" } {
                caption { (self.caption) }
                thead role="rowgroup" { tr role="row" {
                    @for column in self.columns { th scope="col" role="columnheader" data-column=(column) { (column) } }
                } }
                tbody role="rowgroup" { @for row in &self.rows[..shown] { (self.row(row)) } }
            }
            script type="application/json" id={ (self.id) "-rows" } { (PreEscaped(self.data())) }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        html! {
            tr role="row" {
                @for (index, (cell, column)) in row.cells.iter().zip(self.columns).enumerate() {
                    td role="cell" data-label=(column) {
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
pub(super) fn none<'a>(report: &Report, known: &'a str) -> &'a str {
    match report.rules.iter().any(|rule| rule.conclusion == Conclusion::Unknown) {
        _ if report.rules.is_empty() => "There is no rule, so nothing was looked for.",
        true => "None is known, but not every rule could be judged.",
        false => known,
    }
}

/// The fields of a filter that every list has.
pub(super) fn by_rule_and_text(report: &Report, offered: impl Fn(&RuleReport) -> bool, hint: &str) -> Markup {
    html! {
        label { "Rule" select name="rule" {
            option value="" { "all" }
            @for rule in report.rules.iter().filter(|rule| offered(rule)) {
                option value=(plain(&rule.rule)) { (rule.rule) }
            }
        } }
        label.wide { "Text"
            input type="search" name="text" autocomplete="off" spellcheck="false" placeholder=(hint);
        }
        button type="reset" { "Clear" }
    }
}

/// A time with the form that programs read.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (minute(at)) " UTC" } }
}

fn of_line(now: Timestamp, rule: Option<&str>, line: &Line) -> Row {
    let mut cells = vec![Cell::new(words::figure(line.verdict).label, "")];
    cells.extend(rule.map(|rule| Cell::new(rule, "")));
    let show = line.key.as_ref().map(|key| format!("offsite ledger show {}", key.chars().take(12).collect::<String>()));
    cells.extend([
        Cell::id(&line.backup_id, line.name.as_deref().unwrap_or_default()),
        Cell::id(line.resource.as_deref().unwrap_or_default(), ""),
        Cell::new(&line.destination, &format!("from {}", line.source_region)),
        made(now, line.created_at),
        Cell::new(&resources::cause_of(line), &show.unwrap_or_default()),
    ]);
    Row { word: Some(Word::of_verdict(line.verdict)), cells }
}

fn of_resource(now: Timestamp, rule: &RuleReport, line: &ResourceLine) -> Row {
    let mut about: Vec<&str> = [line.kind.as_deref(), line.name.as_deref()].into_iter().flatten().collect();
    if line.own {
        about.push("a backup of which nobody names the resource");
    }
    let (what, whose) = resources::fault(line.fault);
    let next = resources::next(rule, line);
    let (why, next) = match resources::is_red(line.state) {
        true => (format!("{what}: {}", resources::why(line)), format!("{whose}: {next}")),
        false => (resources::why(line), next),
    };
    let copied = line.copied.map_or(Cell::new("none", ""), |_| made(now, line.copied));
    let cells = vec![
        Cell::new(resources::state(line.state).0, ""),
        Cell::new(&rule.rule, ""),
        Cell::id(&line.resource, &about.join(", ")),
        Cell::new(&line.destination, ""),
        copied,
        line.since.map_or(Cell::new("", ""), |at| Cell::new(&minute(at), &format!("for {}", duration(age(now, at))))),
        Cell(
            plain(&why),
            plain(&next),
            resources::command(rule, line).map(|parts| parts.join(" ")).unwrap_or_default(),
        ),
    ];
    Row { word: Some(Word::of_resource(line)), cells }
}

fn of_orphan(now: Timestamp, rule: &str, orphan: &Orphan) -> Row {
    let size = orphan.size_gib.map(|size| format!("{size} GiB"));
    let cells = vec![
        Cell::new(rule, ""),
        Cell::id(&orphan.copy_id, orphan.name.as_deref().unwrap_or_default()),
        Cell::new(&orphan.region, ""),
        Cell::id(orphan.source_id.as_deref().unwrap_or_default(), ""),
        made(now, orphan.created_at),
        Cell::new(&size.unwrap_or_default(), ""),
    ];
    Row { word: None, cells }
}

fn made(now: Timestamp, at: Option<Timestamp>) -> Cell {
    at.map_or(Cell::new("", ""), |at| Cell::new(&minute(at), &format!("{} old", duration(age(now, at)))))
}
