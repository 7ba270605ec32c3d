//! The end of the demo: a policy, a sweep that finds what no event told of, a look into the destinations, and the report.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::time::later;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::report::LINES;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Conclusion, Report};
use serde_json::{Value, json};

use super::story::Story;
use crate::cmd::observe::under_way;
use crate::cmd::stage::post;
use crate::fleet::Fleet;
use crate::fleet::functions::FunctionProcess;
use crate::report;

/// The functions' time limit in the demo: short, so that the lease of a killed one ends soon.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(4);

/// Copies that this part adds: one by an event, three by the sweep.
pub(super) const COPIES: u64 = 4;

/// How long all copies may take to be seen.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The Huawei project and vault of the servers.
const PROJECT: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";
const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";

/// Tells the rest of the story. True when the report says that all objectives hold, and says it of what was prepared here.
pub(super) async fn run(fleet: &Fleet, function: &FunctionProcess, story: &mut Story<'_>) -> anyhow::Result<bool> {
    let policy = Arc::new(policy()?);
    backups(fleet).await?;
    story.step("tencent: two snapshots are finished; one event comes, the other is lost on its way")?;
    let disks = policy.rule("disks").context("the policy has no disks")?;
    story.answer(&function.invoke(disks.command_of("snap-web00001").to_json(), TIME_LIMIT).await)?;
    story.say("   snap-web00002: no event")?;

    story.step("all clouds: a timer starts the sweep, which lists every backup and copies what the policy covers")?;
    let context = fleet.context(policy.clone())?;
    let deadline = later(SystemClock.now(), TIMEOUT);
    let invocation = Invocation { id: "demo".into(), deadline };
    let swept = handle(&context, &json!({ "action": "sweep" }), &invocation).await?;
    for rule in swept.get("swept").and_then(Value::as_array).into_iter().flatten() {
        if let Some(reason) = rule.get("reason").and_then(Value::as_str) {
            story.say(&format!("   {reason}"))?;
            continue;
        }
        let number = |pointer: &str| rule.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        story.say(&format!(
            "   {}: {} covered, {} started now, {} ineligible",
            rule.get("rule").and_then(Value::as_str).unwrap_or_default(),
            number("/counts/covered"),
            number("/started"),
            number("/counts/ineligible")
        ))?;
    }

    story.step("all clouds: accepted is not copied, so each copy is looked for in its destination")?;
    let seen = observe(&context, &invocation).await?;
    story.say(&format!("   {seen} copies are there and usable"))?;

    story.step("the proof: offsite report")?;
    let report = read(&context, &policy).await?;
    if !story.quiet {
        story.say("")?;
        story.say(report::table(&report).trim_end())?;
        let path = write(&report)?;
        story.say(&format!("\nThe same as a page for a browser: {}", path.display()))?;
    }
    let started: u64 = swept
        .get("swept")
        .and_then(Value::as_array)
        .map(|rules| rules.iter().filter_map(|rule| rule.get("started")?.as_u64()).sum())
        .unwrap_or_default();
    let ineligible: u64 = report.rules.iter().map(|rule| rule.counts.ineligible).sum();
    Ok(report.conclusion == Conclusion::Holds && started == COPIES - 1 && ineligible == 1)
}

fn policy() -> anyhow::Result<Policy> {
    let objective = json!({ "max_lag": "24h" });
    let policy = json!({ "version": 1, "rules": [
        {
            "name": "disks", "provider": "tencent", "objective": objective,
            "source": { "region": "ap-shanghai", "select": { "name_prefix": "web-" } },
            "destinations": [{ "region": "ap-chengdu" }],
        },
        {
            "name": "servers", "provider": "huawei", "operation": "copy-backup", "objective": objective,
            "source": { "region": "cn-north-4", "project_id": PROJECT, "vault_id": VAULT },
            "destinations": [{
                "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564",
                "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02",
            }],
        },
        {
            "name": "files", "provider": "alibaba", "objective": objective,
            "source": { "region": "cn-shenzhen", "vault_id": "v-000demo0cn-shenzhen01" },
            "destinations": [{ "region": "cn-chengdu", "vault_id": "v-000demo0cn-chengdu001" }],
        },
    ]});
    Policy::from_json(&policy).map_err(|complaints| anyhow!("the demo's policy is wrong: {complaints:?}"))
}

/// What the policy covers: two snapshots, two backups of servers of which one cannot be copied, and a job of a vault.
async fn backups(fleet: &Fleet) -> anyhow::Result<()> {
    let snapshot = |id: &str| json!({ "snapshot_id": id, "region": "ap-shanghai", "name": format!("web-{id}") });
    let snapshots = json!({ "snapshots": [snapshot("snap-web00001"), snapshot("snap-web00002")] });
    post(&fleet.simulators.tencent(), "/_sim/seed", snapshots).await?;
    let backup = |id: &str, whole: bool| json!({ "id": id, "project_id": PROJECT, "vault_id": VAULT, "contain_system_disk": whole });
    let servers = json!({
        "projects": [
            { "id": PROJECT, "region": "cn-north-4" }, { "id": "0605767b5780d5762fc5c0118072a564", "region": "cn-east-3" },
        ],
        "vaults": [{ "id": VAULT, "project_id": PROJECT }],
        "backups": [
            backup("2d0c5a34-6b0f-4a3c-9c39-5a0f8b6e1c01", true), backup("2d0c5a34-6b0f-4a3c-9c39-5a0f8b6e1c02", false),
        ],
    });
    post(&fleet.simulators.huawei(), "/_sim/seed", servers).await?;
    let vault = |id: &str, region: &str| json!({ "vault_id": id, "region": region });
    let files = json!({
        "vaults": [
            vault("v-000demo0cn-shenzhen01", "cn-shenzhen"), vault("v-000demo0cn-chengdu001", "cn-chengdu"),
        ],
        "jobs": [{ "job_id": "job-demo000001", "vault_id": "v-000demo0cn-shenzhen01" }],
    });
    post(&fleet.simulators.alibaba(), "/_sim/seed", files).await
}

/// Looks until nothing is under way any more, and sweeps once more for what only a sweep can tell. How many copies were seen.
async fn observe(context: &Context, invocation: &Invocation) -> anyhow::Result<u64> {
    let mut seen = 0;
    loop {
        let answer = handle(context, &json!({ "action": "observe" }), invocation).await?;
        seen += answer.pointer("/observed/replicated").and_then(Value::as_u64).unwrap_or_default();
        if under_way(context).await? == 0 || SystemClock.now() >= invocation.deadline {
            break;
        }
        SystemClock.sleep(Duration::from_millis(300)).await;
    }
    handle(context, &json!({ "action": "sweep" }), invocation).await?;
    Ok(seen)
}

async fn read(context: &Context, policy: &Policy) -> anyhow::Result<Report> {
    let wish = ReportRequest {
        at: SystemClock.now(),
        max_age: Duration::from_secs(7_200),
        rule: None,
        live: false,
        lines: LINES,
        defaults: context.settings.defaults.clone(),
    };
    Ok(reading::read(&*context.ports.ledger, &*context.ports.notes, Some(policy), &wish).await?)
}

/// Writes the page to a file of its own, which stays.
fn write(report: &Report) -> anyhow::Result<PathBuf> {
    use std::io::Write;
    let nonce = SystemClock.nonce().0;
    let path = std::env::temp_dir().join(format!("offsite-demo-{}.html", nonce.get(..8).unwrap_or_default()));
    let place = || format!("{} cannot be written", path.display());
    let mut file = std::fs::File::create_new(&path).with_context(place)?;
    file.write_all(report::html(report).as_bytes()).with_context(place)?;
    Ok(path)
}
