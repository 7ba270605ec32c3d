//! `offsite chaos`: the real function processes, killed at random moments, with broken calls and double deliveries.
//! What counts at the end is what the simulated clouds made and what the queue holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use offsite_shared::command::{Cloud, Command, Operation};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::{State, later};
use offsite_shared::ports::{Clock, Filter, Ledger};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

use super::demo::{Folder, post, spinner};
use crate::fleet::Fleet;
use crate::functions::{FunctionProcess, Profile, build};
use crate::sim::SimOptions;

/// Options of `offsite chaos`.
#[derive(Args, Debug)]
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
}

/// The functions' time limit: short, so that the lease of a killed one ends soon.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// Records in one delivery, as SQS gives them.
const BATCH: usize = 10;
/// Function processes for each cloud.
const PROCESSES: usize = 2;
/// Give up on what is still not done.
const PATIENCE: Duration = Duration::from_secs(300);

/// One message of the work queue.
#[derive(Clone)]
struct Work {
    id: u64,
    cloud: Cloud,
    body: String,
    key: String,
    not_before: Timestamp,
}

#[derive(Default)]
struct Kills {
    total: AtomicU64,
    steps: std::sync::Mutex<BTreeMap<&'static str, u64>>,
}

/// Runs the chaos. True with no double and nothing lost. The last line on standard output is JSON.
///
/// # Errors
/// The binaries cannot be built, or something on this machine does not work.
pub async fn run(args: &ChaosArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    let building = spinner("building the three functions");
    let binaries =
        tokio::task::spawn_blocking(|| build(Profile::Current)).await.context("the build was interrupted")??;
    building.finish_and_clear();
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
    let steps = finished.kills.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let well = report.doubles == 0 && report.lost == 0;
    if finished.unfinished > 0 {
        report.notes.push(format!("{} deliveries were not finished in time", finished.unfinished));
    }
    for note in report.notes.iter().take(20) {
        writeln!(anstream::stderr(), "{note}")?;
    }
    let line = json!({
        "wanted": report.wanted, "copies": report.copies, "receipts": report.receipts, "doubles": report.doubles, "lost": report.lost,
        "in_doubt": report.in_doubt, "kills": kills, "kills_per_step": steps, "seconds": (seconds * 10.0).round() / 10.0, "seed": args.seed,
    });
    if args.keep {
        writeln!(anstream::stderr(), "the simulators keep running: {}", fleet.simulators.endpoints_json())?;
    }
    writeln!(out, "{line}")?;
    out.flush()?;
    if args.keep {
        super::simulate::wait_for_end().await;
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

fn plan(operations: u32, seed: u64) -> Vec<Work> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    (0..u64::from(operations))
        .filter_map(|id| {
            let operation = Operation::ALL.get(id as usize % Operation::ALL.len()).copied()?;
            let command = command(operation, id, &mut rng);
            let key = Command::from_json(&command).ok()?.replications().first()?.key().0;
            Some(Work {
                id,
                cloud: operation.cloud(),
                body: command.to_string(),
                key,
                not_before: Timestamp::UNIX_EPOCH,
            })
        })
        .collect()
}

fn command(operation: Operation, id: u64, rng: &mut Rng) -> Value {
    let mut hex = |length: usize| -> String {
        (0..length).map(|_| char::from_digit(rng.u32(0..16), 16).unwrap_or('0')).collect()
    };
    let uuid =
        |hex: &mut dyn FnMut(usize) -> String| format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
    // A project belongs to one region.
    let project = "4229d7a45436489f8c3dc2b1d35d4987";
    let elsewhere = "68589cac08274b82b4e254268a3862d8";
    let legacy = "4800fde966f84458b8054c01066b9568";
    let legacy_elsewhere = "e0b97bac532c4c5196fa4b3a32253be4";
    let (source, destination) = match operation {
        Operation::CreateVaultReplication => (
            json!({ "region": "cn-hangzhou", "vault_id": format!("v-{}", hex(20)) }),
            json!({ "region": "cn-shanghai", "vault_id": format!("v-{}", hex(20)) }),
        ),
        Operation::CopySnapshot => (
            json!({ "region": "ap-guangzhou", "snapshot_id": format!("snap-{}", hex(8)) }),
            json!({ "region": "ap-singapore" }),
        ),
        Operation::CopyCheckpointItem => (
            json!({ "region": "cn-north-1", "project_id": legacy, "checkpoint_item_id": uuid(&mut hex) }),
            json!({ "region": "cn-east-2", "project_id": legacy_elsewhere }),
        ),
        Operation::CopyBackup => (
            json!({ "region": "cn-north-4", "project_id": project, "backup_id": uuid(&mut hex) }),
            json!({ "region": "cn-east-3", "project_id": elsewhere, "vault_id": uuid(&mut hex) }),
        ),
        Operation::CopyCheckpoint => (
            json!({ "region": "cn-north-4", "project_id": project, "vault_id": uuid(&mut hex) }),
            json!({ "region": "cn-east-3", "project_id": elsewhere, "vault_id": uuid(&mut hex) }),
        ),
    };
    let mut command = json!({
        "action": "replicate", "provider": operation.cloud().name(), "operation": operation.name(), "source": source, "destinations": [destination],
    });
    if operation == Operation::CopyCheckpoint {
        command["occurrence"] = json!(format!("firing-{id}"));
    }
    command
}

struct Driven {
    kills: Arc<Kills>,
    unfinished: usize,
}

/// Delivers everything until it is done, as SQS would: again after a failure, sometimes twice at once.
async fn drive(fleet: &Arc<Fleet>, work: Vec<Work>, seed: u64) -> anyhow::Result<Driven> {
    let kills = Arc::new(Kills::default());
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar(work.len() as u64);
    let deadline = later(SystemClock.now(), PATIENCE);
    let total = work.len();
    let queues: Arc<HashMap<Cloud, Mutex<Vec<Work>>>> =
        Arc::new(Cloud::ALL.into_iter().map(|cloud| (cloud, Mutex::default())).collect());
    let mut rng = Rng::with_seed(seed ^ 0xd0b1e);
    for one in work {
        if let Some(queue) = queues.get(&one.cloud) {
            let mut queue = queue.lock().await;
            // One in ten is delivered twice.
            if rng.u8(0..10) == 0 {
                queue.push(one.clone());
            }
            queue.push(one);
        }
    }
    let (done, mut finished) = mpsc::unbounded_channel::<u64>();
    let mut workers = Vec::new();
    for cloud in Cloud::ALL {
        for process in 0..PROCESSES {
            let worker = Worker {
                fleet: fleet.clone(),
                cloud,
                queues: queues.clone(),
                kills: kills.clone(),
                stop: stop.clone(),
                done: done.clone(),
                rng: Rng::with_seed(seed.wrapping_mul(31).wrapping_add(process as u64 * 7 + cloud as u64)),
            };
            workers.push(tokio::spawn(worker.run()));
        }
    }
    drop(done);
    let mut seen = HashSet::new();
    while seen.len() < total && SystemClock.now() < deadline {
        tokio::select! {
            id = finished.recv() => match id {
                Some(id) => {
                    if seen.insert(id) {
                        bar.inc(1);
                    }
                }
                None => break,
            },
            () = SystemClock.sleep(Duration::from_millis(500)) => {}
        }
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.context("a worker was interrupted")??;
    }
    bar.finish_and_clear();
    Ok(Driven { kills, unfinished: total - seen.len() })
}

/// One function process with its event source mapping, and its killer.
struct Worker {
    fleet: Arc<Fleet>,
    cloud: Cloud,
    queues: Arc<HashMap<Cloud, Mutex<Vec<Work>>>>,
    kills: Arc<Kills>,
    stop: Arc<AtomicBool>,
    done: mpsc::UnboundedSender<u64>,
    rng: Rng,
}

impl Worker {
    async fn run(mut self) -> anyhow::Result<()> {
        let mut function = self.fleet.function(self.cloud).await?;
        let ledger = self.fleet.ledger()?;
        while !self.stop.load(Ordering::Relaxed) {
            let batch = self.take().await;
            if batch.is_empty() {
                SystemClock.sleep(Duration::from_millis(20)).await;
                continue;
            }
            // One delivery in five meets its end somewhere within.
            let kill_after = (self.rng.u8(0..5) == 0).then(|| Duration::from_micros(self.rng.u64(0..60_000)));
            let answer = self.deliver(&function, &batch, kill_after).await;
            let failed: Option<HashSet<String>> = answer.as_ref().map(|answer| {
                let failures = answer.get("batchItemFailures").and_then(Value::as_array).into_iter().flatten();
                failures.filter_map(|failure| failure.get("itemIdentifier")?.as_str().map(str::to_owned)).collect()
            });
            if !function.is_running() {
                if kill_after.is_some() {
                    self.note_kill(&*ledger, &batch).await?;
                }
                function.restart().await?;
            }
            let again = later(SystemClock.now(), Duration::from_millis(400));
            for one in batch {
                match &failed {
                    Some(failed) if !failed.contains(&one.id.to_string()) => {
                        let _ = self.done.send(one.id);
                    }
                    _ => self.give_back(Work { not_before: again, ..one }).await,
                }
            }
        }
        function.stop().await;
        Ok(())
    }

    async fn deliver(&self, function: &FunctionProcess, batch: &[Work], kill_after: Option<Duration>) -> Option<Value> {
        let records: Vec<Value> = batch
            .iter()
            .map(|one| json!({ "messageId": one.id.to_string(), "body": one.body, "eventSource": "aws:sqs", "awsRegion": "us-east-1" }))
            .collect();
        let invoked = function.invoke(json!({ "Records": records }), TIME_LIMIT);
        tokio::pin!(invoked);
        if let Some(after) = kill_after {
            tokio::select! {
                answer = &mut invoked => return answer.ok(),
                () = SystemClock.sleep(after) => {
                    function.kill_now().await;
                    return None;
                }
            }
        }
        invoked.await.ok()
    }

    async fn take(&mut self) -> Vec<Work> {
        let Some(queue) = self.queues.get(&self.cloud) else { return Vec::new() };
        let mut queue = queue.lock().await;
        let now = SystemClock.now();
        let mut batch: Vec<Work> = Vec::new();
        let mut index = 0;
        while index < queue.len() && batch.len() < BATCH {
            let due = queue
                .get(index)
                .is_some_and(|one| one.not_before <= now && batch.iter().all(|other| other.id != one.id));
            if due {
                batch.push(queue.swap_remove(index));
            } else {
                index += 1;
            }
        }
        batch
    }

    async fn give_back(&self, one: Work) {
        if let Some(queue) = self.queues.get(&self.cloud) {
            queue.lock().await.push(one);
        }
    }

    /// Which step each record of the killed batch had reached, read from what is left.
    async fn note_kill(&self, ledger: &dyn Ledger, batch: &[Work]) -> anyhow::Result<()> {
        let copied: HashSet<String> =
            rows(&self.fleet).iter().filter_map(|row| Some(row.get("source")?.as_str()?.to_owned())).collect();
        let queued: HashSet<String> = self
            .fleet
            .messages()
            .await?
            .iter()
            .filter_map(|message| Some(message.get("subject")?.as_str()?.to_owned()))
            .collect();
        self.kills.total.fetch_add(1, Ordering::Relaxed);
        for one in batch {
            let record = ledger.get(&offsite_shared::command::Key(one.key.clone())).await?;
            let step = match record {
                None => "claim",
                Some(record) => match record.state {
                    State::Claimed | State::InDoubt if record.lease_until.is_none() => continue,
                    State::Claimed | State::InDoubt => {
                        let source = record.replication().map(|replication| replication.source.id).unwrap_or_default();
                        if copied.contains(&source) { "settle" } else { "call" }
                    }
                    State::Accepted if record.outbox && queued.contains(&one.key) => "mark",
                    State::Accepted if record.outbox => "emit",
                    _ => continue,
                },
            };
            *self.kills.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(step).or_default() += 1;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Count {
    wanted: u64,
    copies: u64,
    receipts: u64,
    doubles: u64,
    lost: u64,
    in_doubt: u64,
    notes: Vec<String>,
}

/// Copies as the simulated clouds count them, against the receipts on the queue.
async fn count(fleet: &Fleet, work: &[Work]) -> anyhow::Result<Count> {
    let mut count = Count::default();
    let messages = fleet.messages().await?;
    let events: HashSet<&str> = messages.iter().filter_map(|message| message.get("id")?.as_str()).collect();
    count.receipts = events.len() as u64;
    let of = |message: &Value| {
        let source = message.pointer("/data/source")?.as_object()?;
        let id = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"]
            .iter()
            .find_map(|name| source.get(*name)?.as_str())?;
        Some((id.to_owned(), message.pointer("/data/destination/region")?.as_str()?.to_owned()))
    };
    let told: HashMap<(String, String), Option<String>> = messages
        .iter()
        .filter_map(|message| {
            Some((of(message)?, message.pointer("/data/replication_id").and_then(Value::as_str).map(str::to_owned)))
        })
        .collect();
    let mut made = HashSet::new();
    for row in rows(fleet) {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let created = row.get("created").and_then(Value::as_u64).unwrap_or(0);
        count.copies += created;
        made.insert(text("source"));
        if created > 1 {
            count.doubles += created - 1;
            count.notes.push(format!(
                "double: {} of {} to {} was made {created} times",
                text("operation"),
                text("source"),
                text("destination")
            ));
        }
        match told.get(&(text("source"), text("destination"))) {
            // No API gives an adopted pair's TaskId back.
            Some(Some(id)) if *id == text("id") => {}
            Some(None) if text("operation") == Operation::CreateVaultReplication.name() => {}
            other => {
                count.lost += 1;
                count.notes.push(format!(
                    "lost: the copy {} of {} to {}: the queue says {other:?}",
                    text("id"),
                    text("source"),
                    text("destination")
                ));
            }
        }
    }
    for one in work {
        let Some(replication) = serde_json::from_str(&one.body)
            .ok()
            .and_then(|body| Command::from_json(&body).ok())
            .and_then(|command| command.replications().into_iter().next())
        else {
            continue;
        };
        if replication.operation == Operation::CopyCheckpoint {
            // Its backups are counted as the simulator has them; the vault's own record says which.
            let record = fleet.ledger()?.get(&replication.key()).await?;
            let backups = record.map_or(0, |record| record.receipts.len() as u64);
            count.wanted += backups.max(3);
            if backups < 3 {
                count.lost += 3 - backups;
                count.notes.push(format!("lost: {} of 3 backups of the vault {}", 3 - backups, replication.source.id));
            }
        } else {
            count.wanted += 1;
            if !made.contains(&replication.source.id) {
                count.lost += 1;
                count.notes.push(format!("lost: no copy of {}", replication.source.id));
            }
        }
    }
    let filter = Filter { state: Some(State::InDoubt.name().to_owned()), ..Filter::default() };
    let ledger = fleet.ledger()?;
    let mut after = None;
    loop {
        let page = ledger.list(&filter, after.as_ref(), 500).await?;
        count.in_doubt += page.records.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(count)
}

fn rows(fleet: &Fleet) -> Vec<Value> {
    fleet.simulators.state().get("replications").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} operations  {elapsed} elapsed, {eta} left") {
        bar.set_style(style);
    }
    bar
}
