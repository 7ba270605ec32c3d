//! How output is shown: in which form, how wide, and what is said while it takes its time.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use offsite_shared::model::text::plain;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::{self, WIDTH};
use crate::terminal;

/// The widest line: longer ones are hard to read.
const WIDEST: usize = 120;

/// Set once, by `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Table,
    /// For programs
    Json,
}

impl Form {
    /// What is asked for; else a table on a terminal, and JSON where a program reads.
    pub(super) fn or_by_reader(form: Option<Form>) -> Form {
        form.unwrap_or(if std::io::stdout().is_terminal() { Form::Table } else { Form::Json })
    }
}

/// Says nothing while it takes its time, as `--quiet` asks.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether `--quiet` was given.
pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// How many columns there are for what goes to standard output.
pub(super) fn width() -> usize {
    match terminal_size::terminal_size_of(std::io::stdout()) {
        Some((terminal_size::Width(columns), _)) => usize::from(columns).min(WIDEST),
        None => WIDTH,
    }
}

/// A line on standard error that moves while something takes its time: on a terminal, and not with `--quiet`.
pub(super) fn spinner(message: &str) -> ProgressBar {
    let bar = quiet(ProgressBar::new_spinner()).with_message(message.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    terminal::moves(&bar);
    bar
}

/// The same bar, unseen with `--quiet`.
pub(super) fn quiet(bar: ProgressBar) -> ProgressBar {
    if is_quiet() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// What the ending of a file's name says of its form.
pub(super) fn ending(path: Option<&Path>) -> Option<&str> {
    path?.extension()?.to_str()
}

/// The command with its subcommands in groups, each group below its title. One that no group names comes last.
pub fn grouped(command: clap::Command, groups: &[(&str, &[&str])]) -> clap::Command {
    let about = |name: &str| {
        let found = command.get_subcommands().find(|one| one.get_name() == name)?;
        Some((name.to_owned(), found.get_about().map(ToString::to_string).unwrap_or_default()))
    };
    let named = |name: &str| groups.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> =
        command.get_subcommands().map(clap::Command::get_name).filter(|name| !named(name)).collect();
    let head = anstyle::Style::new().bold().underline();
    let bold = anstyle::Style::new().bold();
    let mut list = String::new();
    for (title, names) in groups.iter().copied().chain([("Others", others.as_slice())]) {
        let lines: Vec<_> = names.iter().filter_map(|name| about(name)).collect();
        if !lines.is_empty() {
            list += &format!("{head}{title}:{head:#}\n");
        }
        for (name, about) in lines {
            let text = report::paragraph(&about, 0, width().saturating_sub(NAMES + 4));
            let mut text = text.lines();
            let first = text.next().unwrap_or_default();
            list += &format!("  {bold}{name:NAMES$}{bold:#}  {first}\n");
            for more in text {
                list += &format!("{}{}\n", " ".repeat(NAMES + 4), more.trim_start());
            }
        }
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}\n{head}Options:{head:#}\n{{options}}{{after-help}}\n"
    );
    command.help_template(template)
}

/// Columns for the names of subcommands.
const NAMES: usize = 11;

/// Rows below each other, as wide as the terminal at most: the last column is broken at spaces, the widest others are cut.
pub(super) fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> String {
    const BETWEEN: usize = 2;
    const LEAST: usize = 10;
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let columns = head.len();
    let mut wide = vec![0; columns];
    for row in std::iter::once(&head).chain(rows) {
        for (column, cell) in wide.iter_mut().zip(row) {
            *column = (*column).max(plain(cell).width());
        }
    }
    // The last column has what is left, and no less than a few words.
    let last = columns.saturating_sub(1);
    while wide.iter().sum::<usize>() + BETWEEN * last > width {
        // It is broken and not cut, so it gives first.
        match wide.last_mut() {
            Some(note) if *note > 2 * LEAST => *note -= 1,
            _ => match wide.iter_mut().take(last).filter(|wide| **wide > LEAST).max() {
                Some(widest) => *widest -= 1,
                None => break,
            },
        }
    }
    let dim = anstyle::Style::new().dimmed();
    let mut out = format!("{dim}{}{dim:#}\n", line(&head, &wide));
    for row in rows {
        let (last, before) = row.split_last().map_or(("", row.as_slice()), |(last, before)| (last.as_str(), before));
        let room = wide.last().copied().unwrap_or(0).max(2 * LEAST);
        let margin = wide.iter().take(columns.saturating_sub(1)).map(|wide| wide + BETWEEN).sum::<usize>();
        let broken = report::paragraph(last, 0, room);
        for (at, part) in broken.lines().chain(broken.is_empty().then_some("")).enumerate() {
            let cells = if at == 0 { line(before, &wide) } else { String::new() };
            let gap = " ".repeat(margin.saturating_sub(cells.width()));
            out += format!("{cells}{gap}{part}").trim_end();
            out.push('\n');
        }
    }
    out
}

fn line(cells: &[String], wide: &[usize]) -> String {
    let cells = cells.iter().zip(wide).map(|(cell, &wide)| {
        let cell = cut(&plain(cell), wide);
        let gap = " ".repeat(wide.saturating_sub(cell.width()));
        cell + &gap
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// The beginning of what is too wide.
fn cut(text: &str, wide: usize) -> String {
    if text.width() <= wide {
        return text.to_owned();
    }
    let mut kept = String::new();
    for sign in text.chars() {
        if kept.width() + sign.width().unwrap_or(0) + 1 > wide {
            break;
        }
        kept.push(sign);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_no_wider_than_the_terminal() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["snap-web00001", "accepted", "a short word"]),
            row([
                "a5200268-74a5-4806-acc6-95793ab0228b",
                "refused",
                "a long sentence that says why this copy was refused and what to do about it",
            ]),
            row(["备份备份备份备份备份备份备份备份备份备份备份", "\u{1b}[31mred", ""]),
        ];
        for width in [60, 80, 120] {
            let told = table(&["backup", "state", "note"], &rows, width);
            let plain = told.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
            assert!(plain.lines().all(|line| line.width() <= width), "{width}: {plain}");
            assert!(
                plain.split_whitespace().collect::<Vec<_>>().join(" ").contains("what to do about it")
                    && !plain.contains('\u{1b}'),
                "{plain}"
            );
        }
        assert!(table(&["backup"], &[], 80).contains("backup"));
    }
}
