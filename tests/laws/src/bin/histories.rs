//! Plays the histories of the seeds from 0 on and names the laws that they break, one a line, for `tests/laws/mutations.py`.

use std::io::Write;

use offsite_laws::{in_memory, run};

/// How many are played.
const HISTORIES: u64 = 300;

fn main() -> std::io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let summary = run(0..HISTORIES, threads, &|_| in_memory(), &|| {});
    let mut out = std::io::stdout().lock();
    for (history, failure) in &summary.failures {
        writeln!(out, "law {} seed {}", failure.law, history.seed)?;
    }
    writeln!(out, "{} histories", summary.histories)
}
