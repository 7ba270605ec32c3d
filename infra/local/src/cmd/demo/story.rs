//! What the demo tells as it goes, and the sum at its end.

use std::io::Write;
use std::time::Duration;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::fleet::runtime_api::InvokeError;
use crate::report;

/// How long a step may be read before the next one comes.
const READING: Duration = Duration::from_millis(2_500);

/// Signs of an ID that are shown.
const SHOWN: usize = 13;

/// What a person reads; silent with `--json`.
pub(super) struct Story<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) quiet: bool,
    /// Whether it is told at reading speed.
    pub(super) slow: bool,
    pub(super) width: usize,
    pub(super) steps: u32,
}

impl Story<'_> {
    /// A line of several; broken where it is too wide.
    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.raw(&report::paragraph(text, 4, self.width))
    }

    /// Text that is laid out already.
    pub(super) fn raw(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.quiet {
            self.out.write_all(text.as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }

    pub(super) fn act(&mut self, title: &str) -> anyhow::Result<()> {
        let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Cyan.into()));
        self.raw(&format!("\n{style}{title}{style:#}\n"))
    }

    /// The next step, after time to read the last one.
    pub(super) async fn step(&mut self, title: &str) -> anyhow::Result<()> {
        if self.slow && self.steps > 0 {
            SystemClock.sleep(READING).await;
        }
        self.steps += 1;
        let bold = anstyle::Style::new().bold();
        let lines = report::paragraph(&format!("{:>2}. {title}", self.steps), 0, self.width);
        self.raw(&format!("\n{bold}{}{bold:#}\n", lines.trim_end()))
    }

    pub(super) fn answer(&mut self, answer: &Result<Value, InvokeError>) -> anyhow::Result<()> {
        match answer {
            Ok(answer) => {
                for result in answer.get("results").and_then(Value::as_array).into_iter().flatten() {
                    self.say(&line(result))?;
                }
                if let Some(failures) = answer["batchItemFailures"].as_array() {
                    let ids = failures.iter().filter_map(|one| one["itemIdentifier"].as_str()).map(short);
                    self.say(&format!("handed back: {}", ids.collect::<Vec<_>>().join(", ")))?;
                }
                Ok(())
            }
            Err(error) => self.say(&error.to_string()),
        }
    }

    pub(super) fn good(&mut self, text: &str) -> anyhow::Result<()> {
        let green = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Green.into()));
        self.raw(&format!("\n{green}{}{green:#}\n", report::paragraph(text, 0, self.width).trim_end()))
    }

    pub(super) fn problems(&mut self, problems: &[String]) -> anyhow::Result<()> {
        let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        for problem in problems {
            self.raw(&format!("{red}{problem}{red:#}\n"))?;
        }
        Ok(())
    }
}

/// What the simulated clouds made against what the queue tells.
pub(super) struct Verdict {
    pub(super) messages: Vec<Value>,
    pub(super) receipts: usize,
    pub(super) copies: u64,
    pub(super) problems: Vec<String>,
}

/// Counts what the simulated clouds made against the queue; `expected` copies were asked for.
///
/// # Errors
/// The queue cannot be read.
pub(super) async fn verdict(fleet: &Fleet, expected: u64) -> anyhow::Result<Verdict> {
    let messages = fleet.messages().await?;
    let is_receipt = |message: &&Value| message.get("type") == Some(&json!("offsite.replication.accepted"));
    let mut problems = Vec::new();
    let mut copies = 0;
    for row in fleet.copies() {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let made = row.get("created").and_then(Value::as_u64).unwrap_or(0);
        copies += made;
        if made != 1 {
            problems.push(format!(
                "{} of {} to {} was made {made} times",
                text("operation"),
                text("source"),
                text("destination")
            ));
        }
        let on_queue = messages
            .iter()
            .filter(is_receipt)
            .filter(|message| message.pointer("/data/replication_id").and_then(Value::as_str) == Some(&text("id")))
            .count();
        if on_queue != 1 {
            problems.push(format!("the ID {} is on the queue {on_queue} times", text("id")));
        }
    }
    if copies != expected {
        problems.push(format!("{copies} copies were made, {expected} were asked for"));
    }
    let receipts = messages.iter().filter(is_receipt).count();
    Ok(Verdict { messages, receipts, copies, problems })
}

/// The beginning of a long ID, which is enough to know it again.
pub(super) fn short(id: &str) -> String {
    match id.chars().count() > SHOWN + 1 {
        true => format!("{}…", id.chars().take(SHOWN).collect::<String>()),
        false => id.to_owned(),
    }
}

/// One result in a line.
fn line(result: &Value) -> String {
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let source = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"]
        .iter()
        .map(|name| text(&format!("/source/{name}")))
        .find(|id| !id.is_empty());
    let outcome = match result.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => match result.get("replication_id").and_then(Value::as_str) {
            Some(id) => format!("{}, the copy is {}", text("/state"), short(id)),
            None => text("/state").to_owned(),
        },
    };
    let adopted = if result.get("adopted") == Some(&json!(true)) { ", found and taken over" } else { "" };
    format!("{} -> {}: {outcome}{adopted}", short(source.unwrap_or_default()), text("/destination/region"))
}
