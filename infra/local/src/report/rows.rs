//! The page's lists: a table with its first rows for every reader, and all rows as data for `page.js`, which sorts and filters.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use offsite_shared::report::Report;
use offsite_shared::sweep::findings::{Line, Orphan};
use offsite_shared::sweep::verdict::Verdict;
use serde_json::{Value, json};

use super::words::{self, ORDER, age, duration, minute, number, plain, shares};

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
}

struct Row {
    /// The first column's verdict, where the list has one.
    verdict: Option<Verdict>,
    cells: Vec<Cell>,
}

/// What stands in a cell, and what stands below it in small.
struct Cell(String, String);

impl Cell {
    fn new(main: &str, below: &str) -> Self {
        Self(plain(main), plain(below))
    }
}

impl List {
    /// Backups of all rules that are not replicated.
    pub(super) fn exceptions(report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.exceptions.len()).collect();
        let of_rule = |(rule, share): (&offsite_shared::report::RuleReport, usize)| -> Vec<Row> {
            rule.exceptions.iter().take(share).map(|line| of_line(report.at, Some(&rule.rule), line)).collect()
        };
        Self {
            id: "exceptions",
            caption: "Backups without a usable copy, by destination",
            columns: &["Verdict", "Rule", "Backup", "Resource", "Destination", "Made (UTC)", "Why"],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.exceptions_total.max(rule.exceptions.len() as u64)).sum(),
        }
    }

    /// Copies of all rules without a source.
    pub(super) fn orphans(report: &Report) -> Self {
        let lengths: Vec<usize> = report.rules.iter().map(|rule| rule.orphans.len()).collect();
        let of_rule = |(rule, share): (&offsite_shared::report::RuleReport, usize)| -> Vec<Row> {
            rule.orphans.iter().take(share).map(|orphan| of_orphan(report.at, &rule.rule, orphan)).collect()
        };
        Self {
            id: "orphans",
            caption: "Copies whose source is gone",
            columns: &["Rule", "Copy", "Region", "Copy of", "Made (UTC)", "Size"],
            rows: first_first(report.rules.iter().zip(shares(&lengths, CARRIED)).map(of_rule).collect()),
            total: report.rules.iter().map(|rule| rule.orphans_total.max(rule.orphans.len() as u64)).sum(),
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
                    " without scripts; " code { "offsite report --format csv" } " lists all."
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
                        @match (&row.verdict, index) {
                            (Some(verdict), 0) => span class={ "chip " (weight(*verdict)) } { (cell.0) },
                            _ => bdi { (cell.0) },
                        }
                        @if !cell.1.is_empty() { small { bdi { (cell.1) } } }
                    }
                }
            }
        }
    }

    /// All rows as JSON in which no sign can end the element it stands in.
    fn data(&self) -> String {
        let cell = |Cell(main, sub): &Cell| if sub.is_empty() { json!(main) } else { json!([main, sub]) };
        let row = |row: &Row| -> Value {
            let verdict = row.verdict;
            json!({
                "verdict": verdict,
                "weight": verdict.map(weight),
                "rank": verdict.map(rank),
                "cells": row.cells.iter().map(cell).collect::<Vec<_>>(),
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({ "total": self.total, "rows": rows }).to_string().replace('<', "\\u003c").replace('&', "\\u0026")
    }
}

fn weight(verdict: Verdict) -> &'static str {
    words::figure(verdict).weight.class()
}

/// The place of a verdict in a list that begins with the worst.
fn rank(verdict: Verdict) -> usize {
    ORDER.iter().rev().position(|one| *one == verdict).unwrap_or(ORDER.len())
}

/// The rows that are shown from the start, of each rule its share of them, before those that come after.
fn first_first(mut rules: Vec<Vec<Row>>) -> Vec<Row> {
    let lengths: Vec<usize> = rules.iter().map(Vec::len).collect();
    let rest: Vec<Vec<Row>> =
        rules.iter_mut().zip(shares(&lengths, SHOWN)).map(|(rows, share)| rows.split_off(share)).collect();
    rules.into_iter().chain(rest).flatten().collect()
}

fn of_line(now: Timestamp, rule: Option<&str>, line: &Line) -> Row {
    let mut cells = vec![Cell::new(words::figure(line.verdict).label, "")];
    cells.extend(rule.map(|rule| Cell::new(rule, "")));
    let show = line.key.as_ref().map(|key| format!("offsite ledger show {}", key.chars().take(12).collect::<String>()));
    cells.extend([
        Cell::new(&line.backup_id, line.name.as_deref().unwrap_or_default()),
        Cell::new(line.resource.as_deref().unwrap_or_default(), ""),
        Cell::new(&line.destination, &format!("from {}", line.source_region)),
        made(now, line.created_at),
        Cell::new(line.reason.as_deref().unwrap_or_default(), &show.unwrap_or_default()),
    ]);
    Row { verdict: Some(line.verdict), cells }
}

fn of_orphan(now: Timestamp, rule: &str, orphan: &Orphan) -> Row {
    let size = orphan.size_gib.map(|size| format!("{size} GiB"));
    let cells = vec![
        Cell::new(rule, ""),
        Cell::new(&orphan.copy_id, orphan.name.as_deref().unwrap_or_default()),
        Cell::new(&orphan.region, ""),
        Cell::new(orphan.source_id.as_deref().unwrap_or_default(), ""),
        made(now, orphan.created_at),
        Cell::new(&size.unwrap_or_default(), ""),
    ];
    Row { verdict: None, cells }
}

fn made(now: Timestamp, at: Option<Timestamp>) -> Cell {
    at.map_or(Cell::new("", ""), |at| Cell::new(&minute(at), &format!("{} old", duration(age(now, at)))))
}
