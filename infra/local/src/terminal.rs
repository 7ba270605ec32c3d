//! What this process says to a person: nothing reaches standard output or standard error that could steer a terminal but our own colours.
//!
//! The [`Guard`] sees to that.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use indicatif::ProgressBar;
pub use offsite_shared::io::guard::Colours;
use offsite_shared::io::guard::Guard;
use offsite_shared::model::text::plain;
use tracing_subscriber::filter::LevelFilter;

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
    let _ = write_failed(anstream::stderr(), error);
}

fn write_failed(out: impl Write, error: &anyhow::Error) -> io::Result<()> {
    let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    // A list of problems has lines of its own; a cause from outside has none.
    let text = format!("{error:#}").split('\n').map(plain).collect::<Vec<_>>().join("\n");
    let mut out = Guard::new(out, Colours::Ours);
    writeln!(out, "{style}error{style:#}: {text}")?;
    out.flush()
}

/// Has this process log to standard error.
pub fn log(level: LevelFilter) {
    let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Guard::new(Log, Colours::Ours))
        .with_target(false)
        .without_time()
        .with_ansi(is_terminal)
        .init();
}

/// Says that this line moves on standard error, until it is finished.
pub fn moves(bar: &ProgressBar) {
    *MOVING.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
}

/// What moves on standard error now. What is logged meanwhile goes above it.
static MOVING: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Standard error for the log: a line that moves there is put aside for each one.
struct Log;

impl Write for Log {
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
        write_failed(&mut out, &error).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.starts_with("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: one problem\nand another: "), "{said:?}");
        assert_eq!(said.matches('\u{1b}').count(), 3, "{said:?}");
        assert!(said.ends_with("\\u001b[32mwell\\u001b[0m\\u000d\n"), "{said:?}");
    }
}
