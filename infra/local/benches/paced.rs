//! How near to an account's rate copies are started, by the clock: `cargo bench -p offsite --bench paced [-- BACKUPS]`, [2,000].
//!
//! A simulated Tencent answers each call 50 ms late, and 20 calls a second of each action are allowed. Told is how long it took until the
//! last receipt was on the queue, divided by what as many calls take at that rate:
//!
//! - a sweep that starts the copies itself, as the command does on one machine
//! - one that hands them to a work queue, on which two processes of the function work, as on AWS
//! - half as many commands in batches of ten, by two such processes
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use offsite_local::cmd::stage::post;
use offsite_local::fleet::Fleet;
use offsite_local::fleet::build::{Binaries, Profile, build};
use offsite_local::fleet::functions::{FunctionProcess, batch, handed_back};
use offsite_local::home;
use offsite_local::home::queue::{Outgoing, Queue};
use offsite_shared::model::command::Cloud;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};

/// What the provider allows, calls of one action a second.
const RATE: &str = "20";
/// What each process takes that knows of no other one: the template divides the rate by five.
const SHARE: &str = "4";
/// Records in one delivery, as SQS gives them.
const BATCH: usize = 10;
/// A delivery must not last longer.
const LIMIT: Duration = Duration::from_secs(900);

fn main() {
    // Cargo passes `--bench`; a number is how many backups there are.
    let backups = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2_000);
    let binaries = build(Profile::Release).expect("the functions can be built");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = std::env::temp_dir().join(format!("offsite-paced-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary directory can be written");
    runtime.block_on(async {
        by_itself(backups, &folder).await;
        through_the_queue(backups, &folder, binaries.clone()).await;
        commanded(backups / 2, &folder, binaries).await;
    });
    std::fs::remove_dir_all(&folder).expect("what this made can be removed");
}

async fn by_itself(backups: usize, folder: &Path) {
    let options = SimOptions::default();
    let simulators = Simulators::start(options.clone()).await.expect("the simulators start");
    prepare(&simulators, backups).await;
    let file = folder.join("offsite.yaml");
    std::fs::write(&file, policy().to_string()).expect("the policy can be written");
    let environment = home::point_at(&simulators, &options, Environment::default())
        .with("OFFSITE_TENCENT_RPS", RATE)
        .with("OFFSITE_POLICY", file.display().to_string())
        .with("OFFSITE_DB", folder.join("itself.db").display().to_string());
    let begun = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_offsite"))
        .arg("sweep")
        .env_clear()
        .envs(environment.variables())
        .stdout(Stdio::null())
        .status()
        .expect("offsite starts");
    assert!(status.success(), "{status}");
    tell("a sweep by itself", backups, begun.elapsed(), &simulators.state());
    simulators.stopped().await;
}

async fn through_the_queue(backups: usize, folder: &Path, binaries: Binaries) {
    let fleet = fleet(backups, folder.join("queue.db"), binaries).await;
    let url = fleet.aws.create_queue("work").await.expect("a queue");
    let more = [("OFFSITE_WORK_QUEUE_URL", url.as_str())];
    let begun = Instant::now();
    let sweeping = fleet.function_beside(Cloud::Tencent, &more).await.expect("the function starts");
    let sweep = tokio::spawn(async move {
        let answer = sweeping.invoke(json!({ "action": "sweep" }), LIMIT).await.expect("it is swept");
        sweeping.stop().await;
        answer
    });
    until_receipts(&fleet, backups).await;
    tell("a sweep through the work queue", backups, begun.elapsed(), &fleet.simulators.state());
    sweep.await.expect("the sweep ends");
}

async fn commanded(commands: usize, folder: &Path, binaries: Binaries) {
    let fleet = fleet(commands, folder.join("commands.db"), binaries).await;
    fleet.aws.create_queue("work").await.expect("a queue");
    let queue = Queue::named(fleet.database.clone(), "work");
    for at in 0..commands {
        let body = json!({
            "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
            "source": { "region": "ap-guangzhou", "snapshot_id": format!("snap-{:08}", at) },
            "destinations": [{ "region": "ap-singapore" }],
        });
        let message = Outgoing { id: at.to_string(), body: body.to_string() };
        queue.send(message, jiff::Timestamp::now()).await.expect("the queue takes it");
    }
    let begun = Instant::now();
    until_receipts(&fleet, commands).await;
    tell("commands in batches of ten", commands, begun.elapsed(), &fleet.simulators.state());
}

/// Has two processes work on the queue until there are so many receipts.
async fn until_receipts(fleet: &Fleet, wanted: usize) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = Vec::new();
    for _ in 0..2 {
        let function = fleet.function_beside(Cloud::Tencent, &[]).await.expect("the function starts");
        workers.push(tokio::spawn(work(function, Queue::named(fleet.database.clone(), "work"), stop.clone())));
    }
    let receipts = Queue::receipts(fleet.database.clone());
    while receipts.count().await.expect("the queue can be read") < wanted as u64 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.expect("a worker ends");
    }
}

async fn work(function: FunctionProcess, queue: Queue, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let taken = queue.take(BATCH).await.expect("the queue can be read");
        if taken.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let messages = taken.iter().map(|message| (message.seq.to_string(), message.body.clone()));
        let answer = function.invoke(batch(messages), LIMIT).await.expect("an answer");
        let failed = handed_back(&answer);
        for message in taken {
            if failed.contains(&message.seq.to_string()) {
                let again = Outgoing { id: message.id, body: message.body };
                queue.send(again, jiff::Timestamp::now()).await.expect("the queue takes it");
            }
        }
    }
    function.stop().await;
}

async fn fleet(backups: usize, file: PathBuf, binaries: Binaries) -> Fleet {
    let extra = [
        ("OFFSITE_TENCENT_RPS", SHARE),
        ("OFFSITE_TENCENT_ACCOUNT_RPS", RATE),
        ("OFFSITE_POLICY", "ssm:/paced/policy"),
    ];
    let fleet = Fleet::start(binaries, &file, SimOptions::default(), &extra).await.expect("the fleet starts");
    fleet.aws.keep_parameter("/paced/policy", &policy().to_string());
    prepare(&fleet.simulators, backups).await;
    fleet
}

fn policy() -> Value {
    json!({ "version": 1, "rules": [{
        "name": "all", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "paced-" } },
        "destinations": [{ "region": "ap-singapore" }], "objective": { "max_lag": "24h" },
    }] })
}

/// So many finished backups, and a cloud that answers late.
async fn prepare(simulators: &Simulators, backups: usize) {
    let snapshot = |at| {
        json!({ "snapshot_id": format!("snap-{at:08}"), "region": "ap-guangzhou", "name": format!("paced-{at}"),
                "disk_id": format!("disk-{at:08}") })
    };
    let snapshots: Vec<Value> = (0..backups).map(snapshot).collect();
    let late = json!({ "faults": [{ "kind": "slow", "delay_ms": 50 }] });
    for (path, body) in [("/_sim/seed", json!({ "snapshots": snapshots })), ("/_sim/faults", late)] {
        post(&simulators.tencent(), path, body).await.expect("the simulator takes it");
    }
}

fn tell(name: &str, copies: usize, took: Duration, state: &Value) {
    let ideal = copies as f64 / RATE.parse::<f64>().expect("a number");
    let seconds = took.as_secs_f64();
    let made = state["replications"].as_array().map_or(0, Vec::len);
    println!(
        "{name}: {made} copies in {seconds:.1} s, {:.2} times {ideal:.0} s; calls: {}",
        seconds / ideal,
        state["calls"]["tencent"]
    );
}
