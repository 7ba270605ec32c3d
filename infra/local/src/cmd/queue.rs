//! `offsite queue`: the embedded queue.

use std::io::Write;

use anyhow::ensure;
use clap::{Args, Subcommand};
use offsite_shared::settings::environment::Environment;
use serde_json::Value;

use super::reader::ClockArgs;
use super::show::{self, Form};
use super::told;
use crate::home;
use crate::home::database::Database;
use crate::home::queue::Queue;

/// Options of `offsite queue`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite queue list\n  offsite queue list --format json | jq -r .data.replication_id\n  offsite queue take --max 100 >> receipts.jsonl"
)]
pub struct QueueArgs {
    /// What to do
    #[command(subcommand)]
    pub(crate) action: QueueAction,
}

/// What to do with the queue.
#[derive(Subcommand, Debug)]
pub(crate) enum QueueAction {
    /// Show messages, oldest first, and leave them there
    #[command(after_help = "Example:\n  offsite queue list --format json | jq -r .data.replication_id")]
    List {
        /// At most this many
        #[arg(long, default_value_t = 1_000_000)]
        limit: usize,
        /// How it is written; json is one message a line [default: table on a terminal, else json]
        #[arg(long, value_enum)]
        format: Option<Form>,
        /// By which clock
        #[command(flatten)]
        clock: ClockArgs,
    },
    /// Remove messages, oldest first, and print them
    #[command(after_help = "Example:\n  offsite queue take --max 100 >> receipts.jsonl")]
    Take {
        /// At most this many
        #[arg(long, default_value_t = 10)]
        max: usize,
        /// How it is written; json is one message a line [default: table on a terminal, else json]
        #[arg(long, value_enum)]
        format: Option<Form>,
        /// By which clock
        #[command(flatten)]
        clock: ClockArgs,
    },
}

/// Prints the messages.
///
/// # Errors
/// The file cannot be read, or standard output is gone: then nothing is lost that was not printed, except by `take`.
pub async fn run(args: &QueueArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let path = home::database_path(environment);
    ensure!(
        path.exists(),
        "there is no queue at {}: handle an event first, or set OFFSITE_DB to the file",
        path.display()
    );
    let queue = Queue::receipts(Database::open(&path)?);
    let (messages, format, clock) = match args.action {
        QueueAction::List { limit, format, clock } => (queue.list(limit).await?, format, clock),
        QueueAction::Take { max, format, clock } => (queue.take(max).await?, format, clock),
    };
    if Form::or_by_reader(format) == Form::Table {
        let read: Vec<Value> = messages.iter().filter_map(|one| serde_json::from_str(&one.body).ok()).collect();
        out.write_all(told::of_messages(&read, &clock.reader(), show::width()).as_bytes())?;
        return Ok(());
    }
    for message in messages {
        writeln!(out, "{}", message.body)?;
    }
    Ok(())
}
