//! `offsite handle`: one event on this machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::error::Error;
use offsite_shared::model::json;
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::settings::environment::Environment;
use offsite_shared::triggers::{self, Answer};
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};

use super::progress::Progress;
use super::reader::ClockArgs;
use super::show::{self, Form, seconds};
use super::stopping::{finishing, told_to_stop};
use super::{sweep, told};
use crate::home;
use crate::terminal;

/// Options of `offsite handle`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite handle --event event.json --dry-run       what would be done; reads only\n  offsite handle --event event.json\n  echo '{\"action\":\"observe\"}' | offsite handle --event -\n\nExit codes:\n  0  all accepted   1  nothing was, or the event could not be read   3  some of it was not accepted"
)]
pub struct HandleArgs {
    /// The event: a JSON file, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Play against simulators started for this one event: every well-formed source exists, nothing leaves this machine
    #[arg(long)]
    pub simulate: bool,
    /// Tell what would be done and what exists already, and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Give up after this many seconds; what was not started is handed back
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = seconds::<3, 900>)]
    pub timeout: u64,
    /// How the answer is written [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    pub format: Option<Form>,
}

/// How an event ended, as an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All accepted.
    Well,
    /// Some were not.
    Partly,
    /// Nothing was, or the event could not be read.
    Badly,
}

/// Handles the event and writes the answer.
///
/// # Errors
/// The event file or the ledger cannot be opened, or standard output is gone.
pub async fn run(args: &HandleArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<Ended> {
    let event = read(&args.event)?;
    if triggers::read(&event).is_ok_and(|event| matches!(event.answer, Answer::Results)) {
        terminal::results_are_in_the_table();
    }
    // Each run's simulators give IDs of their own: one ledger may see many runs.
    let seed = u64::from_str_radix(SystemClock.nonce().0.get(..16).unwrap_or_default(), 16).unwrap_or_default();
    let options = SimOptions { any_source: true, seed, ..SimOptions::default() };
    let simulators = match args.simulate {
        true => Some(Simulators::start(options.clone()).await?),
        false => None,
    };
    let environment = match &simulators {
        Some(simulators) => home::point_at(simulators, &options, environment.clone()),
        None => environment.clone(),
    };
    let simulated = simulators.is_some() || home::is_simulated(&environment);
    let database = home::open(&home::database_path(&environment), simulated).await?;
    let mut stopped = BTreeMap::new();
    let answer = match home::context(&environment, &database) {
        Ok(mut context) => {
            // In the handler and not in the event: nothing that stands in an event can take it off.
            context.settings.read_only |= args.dry_run;
            let clock = SystemClock;
            let id = format!("local-{}", clock.nonce().0.get(..12).unwrap_or_default());
            let deadline = later(clock.now(), Duration::from_secs(args.timeout));
            let progress = Progress::of(&mut context);
            let invocation = Invocation { id, deadline };
            let mut told = told_to_stop()?;
            let work = finishing(&context, &mut told, handle(&context, &event, &invocation));
            let answer = progress.during("handling the event", Some(deadline), work).await?;
            if let Some(answer) = answer.as_ref().ok().filter(|answer| answer.get("swept").is_some()) {
                stopped = sweep::stopped(&context, answer).await?;
            }
            answer
        }
        Err(error) => Err(error),
    };
    drop(simulators);
    let (answer, ended) = printed(answer);
    match Form::or_by_reader(args.format) {
        Form::Table => {
            out.write_all(told::of_event(&answer, &stopped, &ClockArgs::default().reader(), show::width()).as_bytes())?
        }
        Form::Json => writeln!(out, "{answer}")?,
    }
    Ok(ended)
}

fn printed(answer: Result<Value, Error>) -> (Value, Ended) {
    match answer {
        Ok(answer) => {
            let failures =
                answer.get("batchItemFailures").and_then(Value::as_array).is_some_and(|failures| !failures.is_empty());
            let errors = answer
                .get("results")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .any(|result| result.get("error").is_some());
            let ended = if failures || errors { Ended::Partly } else { Ended::Well };
            (answer, ended)
        }
        // The shape in which Lambda reports a function error.
        Err(error) => (json!({ "errorType": error.name.name(), "errorMessage": error.message }), Ended::Badly),
    }
}

/// Reads an event from a file, or from standard input for `-`.
///
/// # Errors
/// It cannot be read, or is no JSON.
pub(super) fn read(path: &PathBuf) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("standard input could not be read")?;
    } else {
        bytes = std::fs::read(path).with_context(|| format!("the event {} could not be read", path.display()))?;
    }
    let what =
        if path.as_os_str() == "-" { "standard input".to_owned() } else { format!("the event {}", path.display()) };
    anyhow::ensure!(
        !bytes.trim_ascii().is_empty(),
        "{what} is empty: give the event as JSON, such as {{\"action\":\"sweep\"}}"
    );
    json::read_bytes(&bytes).map_err(|reason| anyhow!("{what} {reason}: look there for what is missing or too much"))
}
