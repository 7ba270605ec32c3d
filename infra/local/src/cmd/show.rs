//! How output is shown: in which form, how wide, and what is said while it takes its time.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use offsite_shared::model::text::plain;
use unicode_width::UnicodeWidthStr;

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

/// A number of seconds, from least to most.
pub(super) fn seconds<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    let seconds =
        text.strip_suffix('s').unwrap_or(text).parse().ok().filter(|seconds| (LEAST..=MOST).contains(seconds));
    seconds.ok_or_else(|| format!("must be a whole number of seconds, from {LEAST} to {MOST}"))
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

/// How many columns a line may take that is broken for a terminal alone, and left whole where a program looks for words in it.
pub(super) fn room() -> usize {
    if std::io::stdout().is_terminal() { width() } else { usize::MAX }
}

/// Writes a sentence in lines of at most so many columns.
///
/// # Errors
/// `out` is gone.
pub(super) fn say(out: &mut (impl Write + ?Sized), text: &str, indent: usize, width: usize) -> std::io::Result<()> {
    out.write_all(report::paragraph(text, indent, width).as_bytes())
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

/// The form that the ending of a file's name asks for, of those that each ending stands for. Without a file, and where its name has no ending
/// or one of text, it is `None`: a table.
///
/// # Errors
/// Nothing is written with such an ending.
pub(super) fn of_ending<F: Copy>(path: Option<&Path>, forms: &[(&str, F)]) -> anyhow::Result<Option<F>> {
    let Some(path) = path else { return Ok(None) };
    let Some(ending) = path.extension() else { return Ok(None) };
    let ending = ending.to_string_lossy().to_ascii_lowercase();
    let found = forms.iter().find(|(known, _)| *known == ending).map(|(_, form)| *form);
    if found.is_none() && ending != "txt" {
        let known: Vec<String> = forms.iter().map(|(known, _)| format!(".{known}")).collect();
        anyhow::bail!(
            "{}: nothing is written as .{ending}: let the name end in {} or .txt, or say --format",
            path.display(),
            known.join(", ")
        )
    }
    Ok(found)
}

/// Writes a file, and says so to whoever waits for it.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    terminal::write_file(path, text)?;
    if std::io::stderr().is_terminal() && !is_quiet() {
        terminal::say(&format!("written to {}", path.display()))?;
    }
    Ok(())
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

/// Columns between two cells.
const BETWEEN: usize = 2;

/// How far the further lines of a row are from the margin, where one line has no room for it.
const FURTHER: usize = 4;

/// The last column gets no less, so that a sentence is no pillar of single words.
const LEAST: usize = 20;

/// Rows below each other, no wider than the terminal. Nothing is cut, since IDs are there to be copied: the last column is broken at spaces,
/// and where the others have no room beside each other, each row takes more lines than one.
pub(super) fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let lines = Lines::of(&head, rows, width);
    let dim = anstyle::Style::new().dimmed();
    let mut out = String::new();
    for line in lines.write(&head).lines() {
        out += &format!("{dim}{line}{dim:#}\n");
    }
    rows.iter().for_each(|row| out += &lines.write(row));
    out
}

/// Which columns stand beside each other in one line, and how wide each is.
struct Lines {
    lines: Vec<std::ops::Range<usize>>,
    wide: Vec<usize>,
    width: usize,
}

impl Lines {
    fn of(head: &[String], rows: &[Vec<String>], width: usize) -> Lines {
        let all = || std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
        let of_column = |measure: fn(&str) -> usize, column: usize| {
            all().filter_map(|row| row.get(column)).map(|cell| measure(&plain(cell))).max().unwrap_or(0)
        };
        let wide: Vec<usize> = (0..head.len()).map(|column| of_column(|cell| cell.width(), column)).collect();
        let last = head.len().saturating_sub(1);
        let word = |text: &str| text.split_whitespace().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let (mut lines, mut begun, mut at) = (Vec::new(), 0, 0);
        for (column, &own) in wide.iter().enumerate() {
            let least = if column == last { own.min(LEAST.max(of_column(word, column) + FURTHER)) } else { own };
            if column > begun && at + least > width {
                lines.push(begun..column);
                (begun, at) = (column, FURTHER);
            }
            at += own + BETWEEN;
        }
        lines.push(begun..head.len());
        Lines { lines, wide, width }
    }

    /// A row in its lines, without those that have nothing.
    fn write(&self, row: &[String]) -> String {
        let mut out = String::new();
        for (at, columns) in self.lines.iter().enumerate() {
            let margin = if at == 0 { 0 } else { FURTHER };
            let Some((last, before)) = row.get(columns.clone()).and_then(<[String]>::split_last) else { continue };
            if before.iter().chain([last]).all(String::is_empty) {
                continue;
            }
            let mut cells = " ".repeat(margin);
            for (cell, wide) in before.iter().zip(&self.wide[columns.start..]) {
                let cell = plain(cell);
                cells += &format!("{cell}{}", " ".repeat(wide.saturating_sub(cell.width()) + BETWEEN));
            }
            let room = self.width.saturating_sub(cells.width());
            let broken = report::paragraph(last, 0, room);
            let mut parts = broken.lines();
            out += format!("{cells}{}", parts.next().unwrap_or_default()).trim_end();
            out.push('\n');
            for part in parts {
                out += &format!("{}{part}\n", " ".repeat(cells.width()));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a5200268-74a5-4806-acc6-95793ab0228b";

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        vec![
            row(["snap-web00001", "accepted", "ap-guangzhou", "a short word"]),
            row([
                UUID,
                "refused",
                "cn-north-4",
                "a long sentence that says why this copy was refused and what to do about it",
            ]),
            row(["备份备份备份备份备份备份备份备份备份备份备份", "\u{1b}[31mred", "", ""]),
            row([UUID, "accepted", "cn-north-4", UUID]),
        ]
    }

    fn told(width: usize) -> String {
        let told = table(&["backup", "state", "region", "note"], &rows(), width);
        told.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "")
    }

    #[test]
    fn a_table_is_no_wider_than_the_terminal() {
        for width in [46, 60, 80, 120] {
            let told = told(width);
            assert!(told.lines().all(|line| line.width() <= width), "{width}: {told}");
            let said = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains("what to do about it") && !said.contains('\u{1b}'), "{told}");
        }
        assert!(table(&["backup"], &[], 80).contains("backup"));
    }

    #[test]
    fn an_id_can_be_copied_out_of_a_table_however_narrow_it_is() {
        for width in [46, 60, 80, 120] {
            let told = told(width);
            assert_eq!(told.matches(UUID).count(), 3, "{width}: {told}");
            assert!(!told.contains('…'), "{width}: {told}");
        }
    }

    #[test]
    fn a_row_takes_one_line_where_there_is_room() {
        let wide = told(120);
        let line = wide.lines().find(|line| line.matches(UUID).count() == 2);
        assert!(line.is_some_and(|line| line.contains("accepted")), "{wide}");
    }
}
