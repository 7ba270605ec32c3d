//! `offsite chaos`: the real function processes, killed at random moments, with broken calls and double deliveries.
//! What counts at the end is what the simulated clouds made and what the queue holds.

mod count;
mod drive;
mod laws;
mod plan;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use fastrand::Rng;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Clock;
use offsite_simulators::SimOptions;
use serde_json::json;

use super::stage::{Folder, functions, post};
use crate::fleet::Fleet;
use crate::fleet::build::Profile;
use crate::terminal;
use count::count;
use drive::drive;
use plan::plan;

/// Options of `offsite chaos`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite chaos --operations 2000 --seed 7\n  offsite chaos --laws --histories 2000 --seed 7"
)]
pub struct ChaosArgs {
    /// How many operations to start, over all five kinds
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub operations: u32,
    /// Seed of what is drawn at random: sources, faults, duplicates, kills
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Simulators on this port and the two after it; `GET /_sim/state` stays readable until the command ends
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..=65533))]
    pub port: Option<u16>,
    /// Leave the simulators running at the end, until interrupted
    #[arg(long)]
    pub keep: bool,
    /// Play life histories in this process instead, and hold every report against the laws
    #[arg(long, conflicts_with_all = ["operations", "port", "keep"])]
    pub laws: bool,
    /// With --laws: how many histories, from the seed on
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "laws", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub histories: u64,
    /// With --laws: play only the history of the seed, and of it only these steps
    #[arg(long, value_name = "STEPS", value_delimiter = ',', requires = "laws", conflicts_with = "histories")]
    pub steps: Vec<usize>,
}

/// Runs the chaos. True with no double and nothing lost. The last line on standard output is JSON.
///
/// # Errors
/// The binaries cannot be built, or something on this machine does not work.
pub async fn run(args: &ChaosArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    if args.laws {
        return laws::run(args, out);
    }
    let binaries = functions(Profile::Current, None).await?;
    let folder = Folder::new()?;
    let options = SimOptions { any_source: true, port: args.port, seed: args.seed, ..SimOptions::default() };
    let extra = [
        ("OFFSITE_LEASE_MARGIN_MS", "300"),
        ("OFFSITE_TIMEOUT_MS", "500"),
        ("OFFSITE_BACKOFF_MS", "50"),
        ("OFFSITE_SECOND_LOOK_MS", "100"),
        ("OFFSITE_ALIBABA_RPS", "0"),
        ("OFFSITE_HUAWEI_RPS", "0"),
        ("OFFSITE_TENCENT_RPS", "0"),
        ("OFFSITE_ALIBABA_VISIBILITY_WAIT_S", "2"),
        ("OFFSITE_HUAWEI_VISIBILITY_WAIT_S", "2"),
        ("OFFSITE_TENCENT_VISIBILITY_WAIT_S", "2"),
        ("OFFSITE_ALLOWED_DESTINATIONS", "*:*"),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
    ];
    let fleet = Arc::new(Fleet::start(binaries, &folder.0.join("chaos.db"), options, &extra).await?);
    script(&fleet, args.seed).await?;
    let started = SystemClock.now();
    let work = plan(args.operations, args.seed);
    let finished = drive(&fleet, work.clone(), args.seed).await?;
    // What a killed function left in the outbox is drained as a sweep would.
    for cloud in Cloud::ALL {
        let function = fleet.function(cloud).await?;
        let _ = function.invoke(json!({ "action": "sweep" }), Duration::from_secs(60)).await;
        function.stop().await;
    }
    let mut report = count(&fleet, &work).await?;
    let seconds = SystemClock.now().duration_since(started).as_secs_f64();
    let kills = finished.kills.total.load(Ordering::Relaxed);
    let retried = finished.kills.retried.load(Ordering::Relaxed);
    let steps = finished.kills.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let well = report.doubles == 0 && report.lost == 0;
    if finished.unfinished > 0 {
        report.notes.push(format!("{} deliveries were not finished in time", finished.unfinished));
    }
    for note in report.notes.iter().take(20) {
        writeln!(terminal::stderr(), "{note}")?;
    }
    let line = json!({
        "wanted": report.wanted, "copies": report.copies, "receipts": report.receipts, "doubles": report.doubles, "lost": report.lost,
        "in_doubt": report.in_doubt, "kills": kills, "kills_per_step": steps, "retried_by_a_person": retried, "seconds": (seconds * 10.0).round() / 10.0, "seed": args.seed,
    });
    if args.keep {
        writeln!(terminal::stderr(), "the simulators keep running: {}", fleet.simulators.endpoints_json())?;
    }
    writeln!(out, "{line}")?;
    out.flush()?;
    if args.keep {
        super::stopping::until_told().await?;
    }
    Ok(well)
}

/// Sets the simulators' faults and unknowns, drawn by seed.
async fn script(fleet: &Fleet, seed: u64) -> anyhow::Result<()> {
    let mut rng = Rng::with_seed(seed);
    let name_filter = *rng.choice(["exact", "substring", "prefix"].iter()).unwrap_or(&"substring");
    let switches = json!({
        "visibility_delay_s": rng.u32(0..=1), "record_visible_delay_s": rng.u32(0..=1), "name_filter": name_filter,
        "double_finished": true, "copy_duration_s": rng.u32(0..=2),
    });
    let clouds = [
        (fleet.simulators.alibaba(), vec!["CreateVaultReplication"]),
        (fleet.simulators.huawei(), vec!["CopyBackup", "CopyCheckpoint", "CopyCheckpointItem"]),
        (fleet.simulators.tencent(), vec!["CopySnapshotCrossRegions"]),
    ];
    for (base, mutating) in clouds {
        let mut faults = vec![json!({ "action": "*", "kind": "throttle", "times": null, "probability": 0.03 })];
        for action in mutating {
            for (kind, probability) in [
                ("timeout_before", 0.01),
                ("timeout_after", 0.02),
                ("reset_before", 0.02),
                ("reset_after", 0.03),
                ("http_500_after", 0.02),
                ("garbage_200_after", 0.02),
            ] {
                faults.push(json!({ "action": action, "kind": kind, "times": null, "probability": probability }));
            }
        }
        post(&base, "/_sim/seed", json!({ "switches": switches })).await?;
        post(&base, "/_sim/faults", json!({ "faults": faults, "seed": seed, "clear": true })).await?;
    }
    Ok(())
}
