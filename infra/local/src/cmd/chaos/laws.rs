//! `offsite chaos --laws`: life histories by seed, each report held against the laws. All of it happens in this process.

use std::io::Write;

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};
use offsite_laws::{Failure, History, Summary, history, in_memory, play, run as play_all, shrink, table};
use serde_json::json;

use super::ChaosArgs;

use crate::terminal;

/// So many failing histories are made shorter and printed.
const PRINTED: usize = 5;

/// Plays the histories. True if none breaks a law. The last line on standard output is JSON.
///
/// # Errors
/// The output cannot be written, or a step that was asked for does not exist.
pub(super) fn run(args: &ChaosArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    if !args.steps.is_empty() {
        return one(args, out);
    }
    let bar = ProgressBar::new(args.histories).with_message("playing life histories");
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} [{elapsed}, {eta} left]") {
        bar.set_style(style);
    }
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let seeds = args.seed..args.seed.saturating_add(args.histories);
    let summary = play_all(seeds, threads, &|_| in_memory(), &|| bar.inc(1));
    bar.finish_and_clear();
    for (history, failure) in summary.failures.iter().take(PRINTED) {
        let (short, how) = shrink(history, failure, &in_memory);
        told(&short, &how)?;
    }
    writeln!(out, "{}", line(&summary, args.seed))?;
    out.flush()?;
    Ok(summary.failures.is_empty())
}

fn one(args: &ChaosArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut history = history(args.seed);
    for step in &args.steps {
        ensure!(
            history.steps.iter().any(|(number, _)| number == step),
            "the history of seed {} has no step {step}",
            args.seed
        );
    }
    history.steps.retain(|(number, _)| args.steps.contains(number));
    let failure = play(&history, &in_memory).err();
    if let Some(failure) = &failure {
        told(&history, failure)?;
    }
    writeln!(
        out,
        "{}",
        json!({ "seed": args.seed, "steps": args.steps, "law": failure.as_ref().map(|failure| &failure.law) })
    )?;
    out.flush()?;
    Ok(failure.is_none())
}

fn told(history: &History, failure: &Failure) -> anyhow::Result<()> {
    let at = failure.step.map_or("at rest".to_owned(), |step| format!("after step {step}"));
    writeln!(terminal::stderr(), "law {} is broken {at}: {}\n{}", failure.law, failure.what, table(history))?;
    Ok(())
}

fn line(summary: &Summary, seed: u64) -> serde_json::Value {
    json!({
        "histories": summary.histories, "green": summary.green, "red": summary.red, "failures": summary.failures.len(),
        "premises": summary.premises_by_law(), "seed": seed,
    })
}
