//! What the demo tells as it goes, and the sum at its end.

use std::io::Write;

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::fleet::runtime_api::InvokeError;

/// What a person reads; silent with `--json`.
pub(super) struct Story<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) quiet: bool,
    pub(super) steps: u32,
}

impl Story<'_> {
    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.quiet {
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, title: &str) -> anyhow::Result<()> {
        self.steps += 1;
        let bold = anstyle::Style::new().bold();
        let line = format!("\n{bold}{:>2}. {title}{bold:#}", self.steps);
        self.say(&line)
    }

    pub(super) fn answer(&mut self, answer: &Result<Value, InvokeError>) -> anyhow::Result<()> {
        match answer {
            Ok(answer) => {
                for result in answer.get("results").and_then(Value::as_array).into_iter().flatten() {
                    let line = line(result);
                    self.say(&format!("   {line}"))?;
                }
                if let Some(failures) = answer.get("batchItemFailures") {
                    self.say(&format!("   batchItemFailures: {failures}"))?;
                }
                Ok(())
            }
            Err(error) => self.say(&format!("   {error}")),
        }
    }

    pub(super) fn table(&mut self, verdict: &Verdict) -> anyhow::Result<()> {
        self.say(&format!("\nThe queue holds {} receipts for {} copies:", verdict.messages.len(), verdict.copies))?;
        for message in &verdict.messages {
            let line = line(message.get("data").unwrap_or(&Value::Null));
            self.say(&format!("   {line}"))?;
        }
        let green = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Green.into()));
        if verdict.problems.is_empty() {
            return self.say(&format!(
                "\n{green}Every copy was made once, and every ID is on the queue exactly once.{green:#}"
            ));
        }
        self.problems(&verdict.problems)
    }

    pub(super) fn problems(&mut self, problems: &[String]) -> anyhow::Result<()> {
        let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        for problem in problems {
            self.say(&format!("{red}{problem}{red:#}"))?;
        }
        Ok(())
    }
}

/// What the simulated clouds made against what the queue tells.
pub(super) struct Verdict {
    pub(super) messages: Vec<Value>,
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
    Ok(Verdict { messages, copies, problems })
}

/// One result or message in a line.
fn line(result: &Value) -> String {
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let source = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"]
        .iter()
        .map(|name| text(&format!("/source/{name}")))
        .find(|id| !id.is_empty());
    let outcome = match result.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => format!(
            "{} {}",
            text("/state"),
            result.get("replication_id").and_then(Value::as_str).unwrap_or("(the ID of an adopted pair is not known)")
        ),
    };
    let adopted = if result.get("adopted") == Some(&json!(true)) { ", adopted" } else { "" };
    format!("{} -> {}: {outcome}{adopted}", source.unwrap_or_default(), text("/destination/region"))
}
