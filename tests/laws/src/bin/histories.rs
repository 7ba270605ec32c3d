//! Plays the histories of some seeds and names the laws that they break, one a line, for `tests/laws/mutations.py` and for long runs.
//!
//! `histories [FIRST [COUNT]]`: by default those of the seeds 0 to 299. One that fails and is played alone is made shorter and shown.

use std::io::Write;

use offsite_laws::{in_memory, run, shrink, table};

/// How many are played unless it is said.
const HISTORIES: u64 = 300;

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>().map_err(std::io::Error::other));
    let first = words.next().transpose()?.unwrap_or_default();
    let count = words.next().transpose()?.unwrap_or(HISTORIES);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let summary = run(first..first.saturating_add(count), threads, &|_| in_memory(), &|| {});
    let mut out = std::io::stdout().lock();
    for (history, failure) in &summary.failures {
        let steps: Vec<String> = history.steps.iter().map(|(number, _)| number.to_string()).collect();
        let at = failure.step.map_or("at rest".to_owned(), |step| format!("step {step}"));
        writeln!(out, "law {} seed {} {at} of {}: {}", failure.law, history.seed, steps.len(), failure.what)?;
        if count == 1 {
            let (short, how) = shrink(history, failure, &in_memory);
            writeln!(out, "after step {:?}: {}\n{}", how.step, how.what, table(&short))?;
        }
    }
    for (law, of) in summary.premises_by_law() {
        writeln!(out, "premises of {law}: {of:?}")?;
    }
    writeln!(out, "{} histories, {} green, {} red", summary.histories, summary.green, summary.red)
}
