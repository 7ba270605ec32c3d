//! How many replications a second one machine starts for good, through the real handler: each is claimed on disk, read back,
//! called, settled on disk, put on the queue on disk and marked. `cargo bench -p offsite --bench replications [-- seconds]`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use offsite_local::home;
use offsite_local::home::database::Database;
use offsite_local::home::queue::Queue;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};

/// Replications under way at once.
const WORKERS: [u64; 2] = [64, 256];

/// What the issue asks for.
const TARGET: f64 = 500.0;

fn main() {
    // Cargo passes `--bench`; a number is the time to measure.
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let reached = WORKERS.map(|workers| runtime.block_on(measure(workers, Duration::from_secs(seconds))));
    let best = reached.into_iter().fold(0.0, f64::max);
    println!("best: {best:.0} durable replications a second; wanted are at least {TARGET:.0}");
}

async fn measure(workers: u64, time: Duration) -> f64 {
    let directory = std::env::temp_dir().join(format!("offsite-replications-{}-{workers}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory can be written");
    let database = Database::open(&directory.join("offsite.db")).expect("the file can be made");
    let options = SimOptions { any_source: true, ..SimOptions::default() };
    let simulators = Simulators::start(options.clone()).await.expect("the simulators start");
    let environment = ["OFFSITE_ALIBABA_RPS", "OFFSITE_HUAWEI_RPS", "OFFSITE_TENCENT_RPS"]
        .into_iter()
        .fold(home::point_at(&simulators, &options, Environment::default()), |environment, name| {
            environment.with(name, "0")
        });
    let context = Arc::new(home::context(&environment, &database).expect("the settings are right"));
    let (started, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> =
        (0..workers).map(|_| tokio::spawn(work(context.clone(), next.clone(), started, time))).collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a worker"));
    }
    let seconds = started.elapsed().as_secs_f64();
    let queued = Queue::receipts(database.clone()).count().await.expect("the queue can be read");
    assert_eq!(queued, took.len() as u64, "every replication has its receipt on the queue");
    took.sort_unstable();
    let at =
        |part: f64| took.get((took.len() as f64 * part) as usize).copied().unwrap_or_default().as_secs_f64() * 1_000.0;
    let rate = took.len() as f64 / seconds;
    println!(
        "{workers:>4} at once: {rate:>6.0} durable replications a second, p50 {:.1} ms, p99 {:.1} ms",
        at(0.5),
        at(0.99)
    );
    drop(context);
    drop(database);
    simulators.stopped().await;
    std::fs::remove_dir_all(&directory).expect("the temporary directory can be removed");
    rate
}

/// Starts one replication after the other; how long each took.
async fn work(context: Arc<Context>, next: Arc<AtomicU64>, started: Instant, time: Duration) -> Vec<Duration> {
    let mut took = Vec::new();
    while started.elapsed() < time {
        let begun = Instant::now();
        let command = command(next.fetch_add(1, Ordering::Relaxed));
        let deadline = Timestamp::now() + SignedDuration::from_secs(60);
        let answer =
            handle(&context, &command, &Invocation { id: "bench".to_owned(), deadline }).await.expect("it is accepted");
        assert_eq!(answer.pointer("/results/0/queued"), Some(&json!(true)), "{answer}");
        took.push(begun.elapsed());
    }
    took
}

/// The operations that make one copy, in turn.
fn command(number: u64) -> Value {
    let uuid = |kind: u32| format!("{kind:08x}-0000-4000-a000-{number:012x}");
    // A project belongs to one region.
    let (here, there) = ("4229d7a45436489f8c3dc2b1d35d4987", "68589cac08274b82b4e254268a3862d8");
    let (csbs_here, csbs_there) = ("f841e01fd2b14e7fa41b6ae7aa6b0594", "0605767b5780d5762fc5c0118072a564");
    let (provider, operation, source, destination) = match number % 4 {
        0 => (
            "alibaba",
            "create-vault-replication",
            json!({ "region": "cn-hangzhou", "vault_id": format!("v-source{number:012x}") }),
            json!({ "region": "cn-shanghai", "vault_id": format!("v-target{number:012x}") }),
        ),
        1 => (
            "huawei",
            "copy-backup",
            json!({ "region": "cn-north-4", "project_id": here, "backup_id": uuid(1) }),
            json!({ "region": "cn-east-3", "project_id": there, "vault_id": uuid(2) }),
        ),
        2 => (
            "huawei",
            "copy-checkpoint-item",
            json!({ "region": "cn-north-1", "project_id": csbs_here, "checkpoint_item_id": uuid(3) }),
            json!({ "region": "cn-east-2", "project_id": csbs_there }),
        ),
        _ => (
            "tencent",
            "copy-snapshot",
            json!({ "region": "ap-guangzhou", "snapshot_id": format!("snap-{number:012x}") }),
            json!({ "region": "ap-singapore" }),
        ),
    };
    json!({ "action": "replicate", "provider": provider, "operation": operation, "source": source, "destinations": [destination] })
}
