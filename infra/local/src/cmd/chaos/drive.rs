//! Delivers everything until it is done, as SQS would, and kills function processes at random moments.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::store::{Put, RecordFilter, RecordPage};
use offsite_shared::ledger::{Record, Resolution, State, resolve};
use offsite_shared::model::command::Cloud;
use offsite_shared::model::time::later;
use offsite_shared::ports::{Clock, Ledger};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use super::plan::Work;
use crate::fleet::Fleet;
use crate::fleet::functions::{FunctionProcess, batch, handed_back};
use crate::home;

/// The functions' time limit: short, so that the lease of a killed one ends soon.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// Records in one delivery, as SQS gives them.
const BATCH: usize = 10;
/// Function processes for each cloud.
const PROCESSES: usize = 2;
/// Give up on what is still not done after this, and after so much more for each operation: a busy machine finishes a few a second.
const TIMEOUT: Duration = Duration::from_secs(300);
const FOR_EACH: Duration = Duration::from_millis(150);

#[derive(Default)]
pub(super) struct Kills {
    pub(super) total: AtomicU64,
    pub(super) steps: std::sync::Mutex<BTreeMap<&'static str, u64>>,
    /// Records that a person had to let go on.
    pub(super) retried: AtomicU64,
}

pub(super) struct Driven {
    pub(super) kills: Arc<Kills>,
    pub(super) unfinished: usize,
}

/// Delivers everything until it is done, as SQS would: again after a failure, sometimes twice at once.
pub(super) async fn drive(fleet: &Arc<Fleet>, work: Vec<Work>, seed: u64) -> anyhow::Result<Driven> {
    let kills = Arc::new(Kills::default());
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar(work.len() as u64);
    let total = work.len();
    let longest = TIMEOUT + FOR_EACH * u32::try_from(total).unwrap_or(u32::MAX);
    let deadline = later(SystemClock.now(), longest);
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
    let ledger = fleet.ledger()?;
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
        if total - seen.len() <= PROCESSES * BATCH {
            play_the_person(&*ledger, &kills).await?;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.context("a worker was interrupted")??;
    }
    bar.finish_and_clear();
    Ok(Driven { kills, unfinished: total - seen.len() })
}

/// Lets those go on that nobody but a person may: with as many kills as here, some claims die five times in a row.
async fn play_the_person(ledger: &dyn Ledger, kills: &Kills) -> anyhow::Result<()> {
    let filter = RecordFilter { state: Some(State::InDoubt.name().to_owned()), ..RecordFilter::default() };
    let mut waiting = Vec::new();
    let collect = |page: RecordPage| {
        let given_up = |record: &Record| record.last().and_then(|line| line.code.as_deref()) == Some("too_many_doubts");
        waiting.extend(page.records.into_iter().filter(given_up));
        Ok(())
    };
    home::each_page(ledger, &filter, collect).await?;
    for record in waiting {
        let decided =
            resolve(&record, &Resolution::Retry, "person:chaos", "it was killed, not refused", SystemClock.now());
        let Ok((next, expect)) = decided else { continue };
        if let Put::Stored = ledger.put(&next, &expect).await? {
            kills.retried.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
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
            let failed = answer.as_ref().map(handed_back);
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

    async fn deliver(&self, function: &FunctionProcess, work: &[Work], kill_after: Option<Duration>) -> Option<Value> {
        let messages = work.iter().map(|one| (one.id.to_string(), one.body.clone()));
        let invoked = function.invoke(batch(messages), TIME_LIMIT);
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
            self.fleet.copies().iter().filter_map(|row| Some(row.get("source")?.as_str()?.to_owned())).collect();
        let queued: HashSet<String> = self
            .fleet
            .messages()
            .await?
            .iter()
            .filter_map(|message| Some(message.get("subject")?.as_str()?.to_owned()))
            .collect();
        self.kills.total.fetch_add(1, Ordering::Relaxed);
        for one in batch {
            let record = ledger.get(&offsite_shared::model::command::Key(one.key.clone())).await?;
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

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} operations  {elapsed} elapsed, {eta} left") {
        bar.set_style(style);
    }
    bar
}
