//! What one function costs beside an empty handler on the same runtime: size, processor time to the first answer and for each event, memory.
//!
//! `cargo bench -p offsite --bench functions [-- --json]` builds the release binaries and the empty handler, and runs them one after another in
//! each repetition against simulators without latency. Processor time and memory are the operating system's. Ratios are taken repetition by
//! repetition, and their median is told; figures of different runs are not compared.
//!
//! `-- --load 3600` keeps the functions busy for so many seconds instead, and tells how much memory they hold meanwhile.

mod load;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use offsite_local::fleet::Fleet;
use offsite_local::fleet::build::{Binaries, Profile, build};
use offsite_local::fleet::functions::{FunctionOptions, FunctionProcess};
use offsite_shared::model::command::Cloud;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

const REPETITIONS: u32 = 5;
const WARM_UP: u32 = 20;
const EVENTS: u32 = 300;
const NAMES: [&str; 4] = ["empty", "alibaba", "huawei", "tencent"];

/// What one process cost: CPU to the first answer and for each event in microseconds, peak memory in MiB.
type Cost = [f64; 3];

#[allow(clippy::print_stdout, reason = "what a benchmark is for")]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let seconds = arguments.iter().skip_while(|argument| *argument != "--load").nth(1);
    let binaries = build(Profile::Release)?;
    let folder = tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(seconds) = seconds {
        let time = Duration::from_secs(seconds.parse().context("--load takes a number of seconds")?);
        let held = runtime.block_on(async { load::load(&fleet(binaries, &folder).await?, time).await });
        std::fs::remove_dir_all(folder)?;
        return held;
    }
    let empty = empty_handler()?;
    let sizes = [&empty, &binaries.alibaba, &binaries.huawei, &binaries.tencent].map(|path| size(path));
    let mut costs: Vec<[Cost; 4]> = Vec::new();
    runtime.block_on(async {
        let fleet = fleet(binaries, &folder).await?;
        for repetition in 0..REPETITIONS {
            let mut round = [[0.0; 3]; 4];
            let function = FunctionProcess::spawn(&empty, Vec::new(), FunctionOptions::named_after(&empty)).await?;
            round[0] = cost(function, |_| json!({})).await?;
            for (place, cloud) in Cloud::ALL.into_iter().enumerate() {
                let function = fleet.function(cloud).await?;
                let event = |index| command(cloud, repetition * (EVENTS + WARM_UP) + index);
                round[place + 1] = cost(function, event).await?;
            }
            costs.push(round);
        }
        anyhow::Ok(())
    })?;
    std::fs::remove_dir_all(folder)?;
    let rows: Vec<Value> = (0..NAMES.len()).map(|place| row(place, &costs, sizes)).collect();
    if as_json {
        println!("{}", json!({ "repetitions": REPETITIONS, "events": EVENTS, "functions": rows }));
        return Ok(());
    }
    println!(
        "{:<9} {:>8} {:>22} {:>22} {:>20}",
        "", "size MB", "first CPU µs (ratio)", "event CPU µs (ratio)", "peak MiB (ratio)"
    );
    for row in rows {
        let cell = |name: &str| format!("{:.1} ({:.2})", number(&row[name]), number(&row["ratio"][name]));
        let name = row["function"].as_str().unwrap_or_default();
        let [first, event, peak] = FIGURES.map(cell);
        println!("{name:<9} {:>8.2} {first:>22} {event:>22} {peak:>20}", number(&row["size_mb"]));
    }
    Ok(())
}

/// The names of the parts of a [`Cost`].
const FIGURES: [&str; 3] = ["first_answer_cpu_us", "event_cpu_us", "peak_mib"];

/// The medians of one function, and those of its ratios to the empty handler.
fn row(place: usize, costs: &[[Cost; 4]], sizes: [f64; 4]) -> Value {
    let mut row = json!({ "function": NAMES[place], "size_mb": sizes[place], "ratio": {} });
    for (at, figure) in FIGURES.into_iter().enumerate() {
        row[figure] = json!(median(costs.iter().map(|round| round[place][at])));
        row["ratio"][figure] = json!(median(costs.iter().map(|round| round[place][at] / round[0][at])));
    }
    row
}

/// Starts with the first event, which wakes all that is made late, and goes on until it is warm.
async fn cost(function: FunctionProcess, event: impl Fn(u32) -> Value) -> anyhow::Result<Cost> {
    let limit = Duration::from_secs(10);
    function.invoke(event(0), limit).await?;
    let first = cpu(&function)?;
    for index in 1..WARM_UP {
        function.invoke(event(index), limit).await?;
    }
    let before = cpu(&function)?;
    for index in WARM_UP..WARM_UP + EVENTS {
        function.invoke(event(index), limit).await?;
    }
    let each = (cpu(&function)? - before) / f64::from(EVENTS);
    let peak = peak(&function)?;
    function.stop().await;
    Ok([first, each, peak])
}

/// The functions over simulators that know every source and answer as fast as they are asked.
async fn fleet(binaries: Binaries, folder: &Path) -> anyhow::Result<Fleet> {
    let options = SimOptions { any_source: true, ..SimOptions::default() };
    let extra = [
        ("OFFSITE_ALIBABA_RPS", "0"),
        ("OFFSITE_HUAWEI_RPS", "0"),
        ("OFFSITE_TENCENT_RPS", "0"),
        ("OFFSITE_ALLOWED_DESTINATIONS", "*:*"),
    ];
    Fleet::start(binaries, &folder.join("bench.db"), options, &extra).await
}

/// Builds the handler that does nothing, as the functions are built.
fn empty_handler() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let line = [
        "build",
        "--release",
        "-p",
        "offsite-shared",
        "--features",
        "io",
        "--example",
        "empty",
        "--message-format=json",
    ];
    let output = Command::new(cargo).args(line).stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "the empty handler did not compile");
    let messages = String::from_utf8(output.stdout)?;
    let path = messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "empty").then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    path.context("cargo did not say where it put the empty handler")
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// A new replication each time: claim, read back, call, settle, emit, mark.
fn command(cloud: Cloud, index: u32) -> Value {
    let uuid = |kind: u32| format!("{kind:08x}-0000-4000-a000-{index:012x}");
    match cloud {
        Cloud::Alibaba => json!({
            "action": "replicate", "provider": "alibaba", "operation": "create-vault-replication",
            "source": { "region": "cn-hangzhou", "vault_id": format!("v-source{index:014x}") },
            "destinations": [{ "region": "cn-shanghai", "vault_id": format!("v-target{index:014x}") }],
        }),
        Cloud::Huawei => json!({
            "action": "replicate", "provider": "huawei", "operation": "copy-backup",
            "source": { "region": "cn-north-4", "project_id": "4229d7a45436489f8c3dc2b1d35d4987", "backup_id": uuid(1) },
            "destinations": [{ "region": "cn-east-3", "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": uuid(2) }],
        }),
        Cloud::Tencent => json!({
            "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
            "source": { "region": "ap-guangzhou", "snapshot_id": format!("snap-{index:08x}") },
            "destinations": [{ "region": "ap-singapore" }],
        }),
    }
}

/// The processor time of a process so far in microseconds. Source: Linux, Documentation/scheduler/sched-stats.rst: the first number is in
/// nanoseconds. A function has one thread.
fn cpu(function: &FunctionProcess) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", function.id().unwrap_or_default()))?;
    let nanoseconds: f64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1_000.0)
}

fn peak(function: &FunctionProcess) -> anyhow::Result<f64> {
    Ok(status(function, "VmHWM:")? / 1_024.0)
}

/// The resident memory of a process now, in KiB.
fn resident(function: &FunctionProcess) -> anyhow::Result<f64> {
    status(function, "VmRSS:")
}

/// A line of `/proc/<pid>/status`, in KiB.
fn status(function: &FunctionProcess, name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", function.id().unwrap_or_default()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("the process has ended")?;
    Ok(line.split_whitespace().next().context("no number")?.parse()?)
}

fn size(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |data| data.len() as f64 / 1e6)
}

fn tempdir() -> anyhow::Result<std::path::PathBuf> {
    let path = std::env::temp_dir().join(format!("offsite-bench-{}", std::process::id()));
    std::fs::create_dir_all(&path)?;
    Ok(path)
}
