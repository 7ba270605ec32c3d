//! What this process says to a person: nothing reaches standard output or standard error that could steer a terminal but our own colours.
//!
//! The [`Guard`] sees to that.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use indicatif::ProgressBar;
use jiff::Timestamp;
use offsite_shared::io::clock::SystemClock;
pub use offsite_shared::io::guard::Colours;
use offsite_shared::io::guard::Guard;
use offsite_shared::model::text::plain;
use offsite_shared::ports::Clock;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::report::paragraph;

/// Standard output. `anstream` drops our colours where it is no terminal.
pub fn stdout(colours: Colours) -> impl Write {
    Guard::new(anstream::stdout(), colours)
}

/// Standard error, for lines without colours.
pub fn stderr() -> impl Write {
    Guard::new(anstream::stderr(), Colours::None)
}

/// What goes into a file: the same without colours, wherever the command runs.
///
/// # Errors
/// The file cannot be written.
pub fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut guard = Guard::new(&mut bytes, Colours::Dropped);
    guard.write_all(text.as_bytes())?;
    drop(guard);
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Says on standard error how the command failed.
pub fn say_failed(error: &anyhow::Error) {
    let _ = write_failed(anstream::stderr(), error, columns());
}

/// Says a sentence on standard error, in lines that fit where it is a terminal.
///
/// # Errors
/// Standard error is gone.
pub fn say(text: &str) -> io::Result<()> {
    stderr().write_all(fitted(text, columns()).as_bytes())
}

/// The columns of standard error; `None` where it is no terminal, and nothing is broken for whatever reads it.
fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stderr()).map(|(columns, _)| columns.0.into())
}

/// A line of a process that goes on, for standard error: where it does not fit, what follows stands further in.
pub fn timed(now: Timestamp, text: &str) -> String {
    let text = &format!("{} {text}", now.strftime("%Y-%m-%dT%H:%M:%SZ"));
    columns().map_or_else(|| fitted(text, None), |columns| paragraph(text, 2, columns).trim_start().to_owned())
}

fn fitted(text: &str, columns: Option<usize>) -> String {
    columns.map_or_else(|| format!("{}\n", plain(text)), |columns| paragraph(text, 0, columns))
}

fn write_failed(out: impl Write, error: &anyhow::Error, columns: Option<usize>) -> io::Result<()> {
    let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    // A list of problems has lines of its own; a cause from outside has none.
    let text = format!("error: {error:#}");
    let text: String = text.split('\n').map(|line| fitted(line, columns)).collect();
    let mut out = Guard::new(out, Colours::Ours);
    writeln!(out, "{style}error{style:#}{}", text.strip_prefix("error").unwrap_or(&text).trim_end())?;
    out.flush()
}

/// What is logged to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// What nobody expects. What the demo breaks on purpose is told by the demo itself.
    Errors,
    /// What somebody should know.
    Warnings,
    /// The same; but where a person reads a table beside it, not what the table tells, and in sentences.
    BesideTables,
    /// What somebody should know, of a process that goes on: on a terminal in sentences with the time, each time anew.
    Watch,
    /// Each thing that is done.
    Steps,
    /// Each exchange with a provider.
    Exchanges,
}

/// What answers tell in their tables: why a rule or a credential was in trouble.
const IN_TABLES: [&str; 4] = [
    "offsite_shared::sweep",
    "offsite_shared::handler",
    "offsite_shared::exchange::wire",
    "offsite_shared::exchange::credential",
];

/// Where each result of an event is logged. An answer to a batch has none of them, and all others have a line for each in their table.
const RESULTS: &str = "offsite_shared::replicate::logged";

/// Set once, by [`results_are_in_the_table`].
static RESULTS_IN_TABLE: AtomicBool = AtomicBool::new(false);

/// Says that the table will have each result, with why.
pub fn results_are_in_the_table() {
    RESULTS_IN_TABLE.store(true, Ordering::Relaxed);
}

/// Has this process log to standard error.
pub fn log(what: Log) {
    let at_terminal = io::stderr().is_terminal();
    let level = match what {
        Log::Errors => LevelFilter::ERROR,
        Log::Warnings | Log::BesideTables | Log::Watch => LevelFilter::WARN,
        Log::Steps => LevelFilter::INFO,
        Log::Exchanges => LevelFilter::DEBUG,
    };
    let all = Targets::new().with_default(level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Guard::new(LogFile, Colours::Ours))
        .with_target(false)
        .without_time()
        .with_ansi(at_terminal);
    match what {
        Log::BesideTables if at_terminal && io::stdout().is_terminal() => {
            let others = all.with_targets(IN_TABLES.map(|module| (module, LevelFilter::OFF)));
            let sentences = lines.event_format(Sentences { told: Some(Mutex::default()) });
            tracing_subscriber::registry().with(sentences.with_filter(others)).init();
        }
        Log::Watch if at_terminal => {
            let sentences = lines.event_format(Sentences { told: None });
            tracing_subscriber::registry().with(sentences.with_filter(all)).init();
        }
        _ => tracing_subscriber::registry().with(lines.with_filter(all)).init(),
    }
}

/// What is logged, as sentences that are broken where the terminal ends.
struct Sentences {
    /// The causes so far, each of which is told once; `None` if each time is told, and when that was.
    told: Option<Mutex<HashSet<String>>>,
}

/// What an event of the log says to a person.
#[derive(Default)]
struct Said {
    message: String,
    why: Option<String>,
    code: Option<String>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "error" | "reason" | "failure" => self.why = Some(format!("{value:?}")),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "error" | "reason" => self.why = Some(value.to_owned()),
            "code" => self.code = Some(value.to_owned()),
            _ => {}
        }
    }
}

impl Sentences {
    /// The sentence, unless its cause was told before: that of a code, or the whole of it.
    fn of(&self, event: &tracing::Event<'_>) -> Option<String> {
        if event.metadata().target() == RESULTS && RESULTS_IN_TABLE.load(Ordering::Relaxed) {
            return None;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let why = said.why.map(|why| format!(": {why}")).unwrap_or_default();
        let sentence = format!("{}{why}", said.message);
        let cause = said.code.unwrap_or_else(|| sentence.clone());
        let is_new =
            self.told.as_ref().is_none_or(|told| told.lock().unwrap_or_else(PoisonError::into_inner).insert(cause));
        let word = if *event.metadata().level() == tracing::Level::ERROR { "error" } else { "note" };
        is_new.then(|| format!("{word}: {sentence}"))
    }
}

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        let Some(sentence) = self.of(event) else { return Ok(()) };
        match self.told {
            Some(_) => writer.write_str(&fitted(&sentence, columns())),
            None => writer.write_str(&timed(SystemClock.now(), &sentence)),
        }
    }
}

/// Says that this line moves on standard error, until it is finished.
pub fn moves(bar: &ProgressBar) {
    *MOVING.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
}

/// What moves on standard error now. What is logged meanwhile goes above it.
static MOVING: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Standard error for the log: a line that moves there is put aside for each one.
struct LogFile;

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let moving = MOVING.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match moving.filter(|bar| !bar.is_finished()) {
            Some(bar) => bar.suspend(|| io::stderr().write_all(bytes)).map(|()| bytes.len()),
            None => io::stderr().write_all(bytes).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_red_and_its_cause_is_not() {
        let mut out = Vec::new();
        let error = anyhow::anyhow!("the answer says \u{1b}[32mwell\u{1b}[0m\r").context("one problem\nand another");
        write_failed(&mut out, &error, None).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.starts_with("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: one problem\nand another: "), "{said:?}");
        assert_eq!(said.matches('\u{1b}').count(), 3, "{said:?}");
        assert!(said.ends_with("\\u001b[32mwell\\u001b[0m\\u000d\n"), "{said:?}");
    }

    #[test]
    fn a_failure_fits_the_terminal() {
        let mut out = Vec::new();
        let error = anyhow::anyhow!("the record {} was not changed: {}", "4".repeat(64), "it is as it is, ".repeat(8));
        write_failed(&mut out, &error, Some(80)).unwrap();
        let said = String::from_utf8(out).unwrap().replace("\u{1b}[1m\u{1b}[31merror\u{1b}[0m", "error");
        assert!(said.lines().count() > 2 && said.lines().all(|line| line.len() <= 80), "{said}");
        assert!(said.starts_with("error: the record") && said.contains(&"4".repeat(64)), "{said}");
    }
}
