//! What sweeping a million Tencent backups costs: `cargo bench -p offsite --bench sweep [-- BACKUPS] [report]`.
//!
//! Simulators in one process hold the backups and their copies, of which every thousandth is missing. `offsite sweep` runs in
//! another, with the rate limit lifted; its memory and processor time are read from `/proc`, so this runs on Linux only. Then
//! `offsite report` is timed: over the sweep, and over a ledger of as many records without any policy. With the word `report` only
//! that last one is.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use offsite_local::home::database::Database;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::{Claimant, Record};
use offsite_shared::model::command::Command as ReportRequest;
use offsite_shared::model::http::HttpRequest;
use offsite_shared::model::receipt::Receipt;
use offsite_shared::ports::Transport;
use serde_json::{Value, json};

const SECRET: &str = "bench-secret-not-a-real-one";
/// Snapshots that one seeding adds.
const BATCH: usize = 20_000;

fn main() {
    // Cargo passes `--bench`; a number is how many backups there are.
    let backups = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let directory = std::env::temp_dir().join(format!("offsite-sweep-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory can be written");
    runtime.block_on(async {
        if std::env::args().all(|argument| argument != "report") {
            sweep(&directory, backups).await;
        }
        report(&directory, backups).await;
    });
    std::fs::remove_dir_all(&directory).expect("what this made can be removed");
}

async fn sweep(directory: &Path, backups: usize) {
    let mut simulators = Command::new(env!("CARGO_BIN_EXE_offsite"))
        .args(["simulate", "--access-key-id", "BENCH", "--access-key-secret", SECRET])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the simulators start");
    let mut line = String::new();
    let output = simulators.stdout.take().expect("their output");
    BufReader::new(output).read_line(&mut line).expect("their endpoints");
    let endpoints: Value = serde_json::from_str(&line).expect("their endpoints");
    let tencent = endpoints["tencent"].as_str().expect("an endpoint").to_owned();
    let missing = seed(&tencent, backups).await;
    let policy = json!({ "version": 1, "rules": [{
        "name": "all", "provider": "tencent", "source": { "region": "ap-chongqing" },
        "destinations": [{ "region": "ap-nanjing" }], "objective": { "max_lag": "24h" },
    }] });
    std::fs::write(directory.join("offsite.yaml"), policy.to_string()).expect("the policy can be written");
    for round in ["first sweep", "second sweep"] {
        let cost = run(directory, &tencent, &["sweep"]);
        let answer: Value = serde_json::from_str(&cost.output).expect("an answer");
        let swept = &answer["swept"][0];
        let pages = backups.div_ceil(90) * 2;
        println!(
            "{round}: {backups} backups, {:.1} s, {:.1} s of processor, {} MiB at most, {} requests for pages (about {pages} pages of 100 that overlap by a tenth), {} started: {}",
            cost.wall.as_secs_f64(),
            cost.cpu,
            cost.peak_mib,
            swept["requests"],
            swept["started"],
            swept["counts"]
        );
    }
    println!("missing at first: {missing}");
    let cost = run(directory, &tencent, &["report", "--format", "json"]);
    println!("report over the sweep: {:.2} s, {} MiB at most", cost.wall.as_secs_f64(), cost.peak_mib);
    simulators.kill().expect("the simulators end");
    simulators.wait().expect("the simulators end");
}

async fn report(directory: &Path, backups: usize) {
    let records = directory.join("records");
    std::fs::create_dir_all(&records).expect("a directory");
    fill(&records.join("offsite.db"), backups).await;
    let cost = run(&records, "http://127.0.0.1:9", &["report", "--format", "json"]);
    println!(
        "report over {backups} records without a policy: {:.2} s, {:.2} s of processor, {} MiB at most: {}",
        cost.wall.as_secs_f64(),
        cost.cpu,
        cost.peak_mib,
        serde_json::from_str::<Value>(&cost.output).expect("an answer")["states"]
    );
}

/// Backups and copies, named as Offsite names them.
async fn seed(tencent: &str, backups: usize) -> usize {
    let http = HttpTransport::new(Duration::from_secs(3)).expect("a client");
    let mut missing = 0;
    for from in (0..backups).step_by(BATCH) {
        let mut snapshots = Vec::new();
        for at in from..(from + BATCH).min(backups) {
            let id = format!("snap-{at:08x}");
            let created = format!(
                "2026-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                1 + at / 112_000 % 10,
                1 + at / 4_000 % 28,
                at / 170 % 24,
                at / 3 % 60,
                at % 60
            );
            snapshots.push(json!({ "snapshot_id": id, "region": "ap-chongqing", "name": format!("web-{at}"), "created": created, "disk_id": format!("disk-{}", at % 10_000) }));
            if at % 1_000 == 0 {
                missing += 1;
            } else {
                snapshots.push(json!({ "snapshot_id": format!("snap-c{at:08x}"), "region": "ap-nanjing", "name": format!("offsite-{id}-ap-chongqing"), "created": created, "copy_from_remote": true }));
            }
        }
        let request = HttpRequest {
            manner: Default::default(),
            method: "POST".into(),
            url: format!("{tencent}/_sim/seed"),
            headers: Vec::new(),
            body: json!({ "snapshots": snapshots }).to_string().into_bytes(),
            timeout: Duration::from_secs(120),
        };
        let reply = http.send(request).await.expect("an answer");
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }
    missing
}

struct Cost {
    wall: Duration,
    cpu: f64,
    peak_mib: u64,
    output: String,
}

fn run(directory: &Path, tencent: &str, arguments: &[&str]) -> Cost {
    let begun = Instant::now();
    let output = directory.join("output.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_offsite"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("OFFSITE_TENCENT_ENDPOINT", tencent)
        .env("TENCENTCLOUD_SECRET_ID", "BENCH")
        .env("TENCENTCLOUD_SECRET_KEY", SECRET)
        .env("OFFSITE_TENCENT_RPS", "0")
        .stdout(std::fs::File::create(&output).expect("a file"))
        .spawn()
        .expect("offsite starts");
    let (mut cpu, mut peak_mib) = (0.0, 0);
    while child.try_wait().expect("its state").is_none() {
        if let Some((seconds, mib)) = reading(&child) {
            cpu = seconds;
            peak_mib = mib.max(peak_mib);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Cost { wall: begun.elapsed(), cpu, peak_mib, output: std::fs::read_to_string(output).expect("its output") }
}

/// Seconds of processor time so far, and the peak of resident memory. Source: proc(5): 100 ticks a second, kB.
fn reading(child: &Child) -> Option<(f64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some((ticks / 100.0, peak.split_whitespace().next()?.parse::<u64>().ok()? / 1_024))
}

/// A ledger of accepted copies.
async fn fill(path: &Path, records: usize) {
    let database = Database::open(path).expect("the file can be made");
    for from in (0..records).step_by(BATCH) {
        let until = (from + BATCH).min(records);
        let write = database.write(move |connection| {
            let sql = "INSERT INTO ledger (key, version, owner, state, outbox, record) VALUES (?1, 1, 'bench', 'accepted', 0, ?2)";
            let mut statement = connection.prepare_cached(sql)?;
            for at in from..until {
                let record = record(at);
                let text = record.to_text().unwrap_or_default();
                statement.execute([record.key, text])?;
            }
            Ok(())
        });
        write.await.expect("the records can be written");
    }
}

fn record(at: usize) -> Record {
    let command = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-chongqing", "snapshot_id": format!("snap-{at:08x}") }, "destinations": [{ "region": "ap-nanjing" }],
    });
    let replication = ReportRequest::from_json(&command).expect("a command").replications().remove(0);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let receipt = Receipt {
        backup_id: None,
        replication_id: Some(format!("snap-c{at:08x}")),
        request_id: None,
        adopted: false,
        attempt: 1,
        time: now,
    };
    Record::accepted(&replication, receipt, &Claimant { owner: "bench".into(), lease_until: now, now })
}
