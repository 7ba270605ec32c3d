//! What one function costs: size, start, CPU for each event, memory. Compare figures of one run only.
//!
//! `cargo bench -p offsite --bench functions` builds the release binaries and runs each against simulators without latency.

use std::path::Path;
use std::time::{Duration, Instant};

use offsite_local::fleet::Fleet;
use offsite_local::fleet::build::{Profile, build};
use offsite_local::fleet::functions::FunctionProcess;
use offsite_shared::model::command::Cloud;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

const STARTS: usize = 15;
const EVENTS: u32 = 300;
/// Clock ticks of `/proc/<pid>/stat` in a second, on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::print_stdout, reason = "what a benchmark is for")]
fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let binaries = build(Profile::Release)?;
    let sizes = [&binaries.alibaba, &binaries.huawei, &binaries.tencent].map(|path| size(path));
    let folder = tempdir()?;
    runtime.block_on(async {
        let options = SimOptions { any_source: true, ..SimOptions::default() };
        let extra = [
            ("OFFSITE_ALIBABA_RPS", "0"),
            ("OFFSITE_HUAWEI_RPS", "0"),
            ("OFFSITE_TENCENT_RPS", "0"),
            ("OFFSITE_ALLOWED_DESTINATIONS", "*:*"),
        ];
        let fleet = Fleet::start(binaries, &folder.join("bench.db"), options, &extra).await?;
        println!(
            "{:<10} {:>9} {:>16} {:>14} {:>17} {:>17} {:>9}",
            "function",
            "size MB",
            "start+answer ms",
            "first event ms",
            "warm wall ms/event",
            "warm CPU ms/event",
            "RSS MB"
        );
        for (cloud, size) in Cloud::ALL.into_iter().zip(sizes) {
            let mut starts = Vec::new();
            for _ in 0..STARTS {
                let begun = now();
                let function = fleet.function(cloud).await?;
                // Refused without a call: what is measured is the start.
                let _ = function.invoke(json!({ "action": "none" }), Duration::from_secs(10)).await;
                starts.push(begun.elapsed());
                function.stop().await;
            }
            starts.sort();
            let function = fleet.function(cloud).await?;
            let _ = function.invoke(json!({ "action": "none" }), Duration::from_secs(10)).await;
            let begun = now();
            function.invoke(command(cloud, 0), Duration::from_secs(10)).await?;
            let first = begun.elapsed();
            let before = ticks(&function)?;
            let begun = now();
            for index in 1..=EVENTS {
                function.invoke(command(cloud, index), Duration::from_secs(10)).await?;
            }
            let wall = begun.elapsed();
            let cpu = (ticks(&function)? - before) / TICKS_PER_SECOND * 1_000.0 / f64::from(EVENTS);
            println!(
                "{:<10} {:>9.2} {:>16.1} {:>14.1} {:>17.2} {:>17.2} {:>9.1}",
                cloud.name(),
                size,
                ms(starts[STARTS / 2]),
                ms(first),
                ms(wall) / f64::from(EVENTS),
                cpu,
                resident(&function)?
            );
            function.stop().await;
        }
        anyhow::Ok(())
    })?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
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

fn ticks(function: &FunctionProcess) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", function.id().unwrap_or_default()))?;
    // Fields 14 and 15, counted after the name in parentheses.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok(field(11) + field(12))
}

fn resident(function: &FunctionProcess) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", function.id().unwrap_or_default()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    Ok(kib / 1_024.0)
}

fn size(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |data| data.len() as f64 / 1e6)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn tempdir() -> anyhow::Result<std::path::PathBuf> {
    let path = std::env::temp_dir().join(format!("offsite-bench-{}", std::process::id()));
    std::fs::create_dir_all(&path)?;
    Ok(path)
}
