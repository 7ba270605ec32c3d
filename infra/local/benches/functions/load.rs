//! Whether the memory of a function that stays warm stays as it is: batches of new commands, one after another, for as long as is asked.

use std::time::{Duration, Instant};

use anyhow::ensure;
use offsite_local::fleet::Fleet;
use offsite_local::fleet::functions::{FunctionProcess, batch, handed_back};
use offsite_shared::model::command::Cloud;

use super::{command, resident};

/// Commands in one batch, as SQS gives them.
const BATCH: u32 = 10;
/// The pause between two batches, so that an hour of it leaves the machine to others.
const PAUSE: Duration = Duration::from_millis(400);
/// Looks at the memory; the first is after the first of these parts.
const PARTS: u32 = 12;
/// More than this of what it held after the first part, in percent, is growth.
const MOST: f64 = 110.0;

/// Prints the resident memory of each function after each part of the time.
///
/// # Errors
/// A command failed, or a function holds more at the end than is allowed after the first part.
#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "what a benchmark is for")]
pub async fn load(fleet: &Fleet, time: Duration) -> anyhow::Result<()> {
    let mut functions = Vec::new();
    for cloud in Cloud::ALL {
        functions.push((cloud, fleet.function(cloud).await?, Vec::new()));
    }
    let (started, mut batches) = (Instant::now(), 0);
    for part in 1..=PARTS {
        while started.elapsed() < time * part / PARTS {
            for (cloud, function, _) in &functions {
                deliver(*cloud, function, batches).await?;
            }
            batches += 1;
            tokio::time::sleep(PAUSE).await;
        }
        for (cloud, function, seen) in &mut functions {
            seen.push(resident(function)?);
            let after = started.elapsed().as_secs();
            println!(
                "{after:>5} s {:>8}: {:>6} commands, {:>6} KiB",
                cloud.name(),
                batches * BATCH,
                seen[seen.len() - 1]
            );
        }
    }
    for (cloud, function, seen) in functions {
        let share = 100.0 * seen[seen.len() - 1] / seen[0];
        println!("{:>8}: {share:.1} % of what it held after the first twelfth", cloud.name());
        ensure!(share <= MOST, "{} grows", cloud.name());
        function.stop().await;
    }
    Ok(())
}

async fn deliver(cloud: Cloud, function: &FunctionProcess, nth: u32) -> anyhow::Result<()> {
    let message = |index: u32| (index.to_string(), command(cloud, index).to_string());
    let messages = (nth * BATCH..(nth + 1) * BATCH).map(message);
    let answer = function.invoke(batch(messages), Duration::from_secs(60)).await?;
    ensure!(
        answer.get("batchItemFailures").is_some() && handed_back(&answer).is_empty(),
        "{} failed: {answer}\n{}",
        cloud.name(),
        function.output().join("\n")
    );
    Ok(())
}
