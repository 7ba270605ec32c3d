//! How output is shown: in which form, how wide, and what is said while it takes its time.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::WIDTH;

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
