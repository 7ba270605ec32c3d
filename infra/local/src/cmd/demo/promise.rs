//! The second act: a policy, a sweep that finds what no event told of, a report that is red, and what turns it green.

use std::time::Duration;

use jiff::SignedDuration;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::risks::Decision;
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Conclusion, LINES, Report};
use serde_json::{Value, json};

use super::playground::{DISKS, Playground, SERVER};
use super::story::Story;
use crate::cmd::observe::under_way;
use crate::cmd::person;
use crate::cmd::stage::post;
use crate::fleet::Fleet;
use crate::home::Reading;
use crate::report;

/// Copies that this act adds: two disks, a server, a vault.
pub(super) const COPIES: u64 = 4;

/// How long all copies may take to be seen.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The code with which a full quota is refused.
const QUOTA: &str = "InsufficientSnapshotQuota";

/// How long the risk is accepted for.
const ACCEPTED_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Tells the rest of the story. The last report, and whether all came as it was prepared.
pub(super) async fn run(
    fleet: &Fleet,
    playground: &Playground,
    story: &mut Story<'_>,
) -> anyhow::Result<(Report, bool)> {
    let context = playground.context(fleet)?;
    story.act("Second act: what no event told of")?;
    story.step("A policy promises: each disk, server and file system has its copy within 24 hours").await?;
    story.say("disks (Tencent), servers (Huawei) and files (Alibaba); offsite.yaml has one rule for each")?;
    story.say("backups of two days ago are there, and their events were lost on the way")?;

    story.step("offsite sweep: every backup is listed, and what has no copy is started").await?;
    full_quota(fleet, DISKS[1].0).await?;
    let first = sweep(&context, story).await?;
    let seen = observe(&context).await?;
    story.say(&format!("{seen} copies are there and usable, as their destinations say"))?;

    story.step("offsite report: it is red, and says why and what to do").await?;
    let red = read(&context, playground).await?;
    story.raw(&indented(&report::brief(&red, story.width.saturating_sub(4))))?;

    story.step("Somebody raises the quota; the next sweep asks again").await?;
    post(&fleet.simulators.tencent(), "/_sim/faults", json!({ "clear": true })).await?;
    let second = sweep(&context, story).await?;
    observe(&context).await?;
    let half = read(&context, playground).await?;
    story.raw(&indented(&rules(&half, story.width.saturating_sub(4))))?;

    story.step("One stays red: this server's backups cannot be copied, so a person must decide").await?;
    story
        .say("offsite risk accept, as the report above has it: for 90 days, because the server is rebuilt from code")?;
    let decision = Decision::Accept {
        resource: SERVER.to_owned(),
        destination: None,
        cause: cause(&half),
        until: SystemClock.now().checked_add(ACCEPTED_FOR)?,
    };
    let known = Reading { ledger: context.ports.ledger.clone(), notes: context.ports.notes.clone(), policy: None };
    let reason = "it is rebuilt from code".to_owned();
    let mut unheard = Vec::new();
    person::decide(&known, "servers", decision, reason, &playground.environment, &mut unheard).await?;

    story.step("offsite report: green, and the accepted risk stays in it until its day").await?;
    let green = read(&context, playground).await?;
    story.raw(&indented(&report::brief(&green, story.width.saturating_sub(4))))?;
    let conclusions = [red.conclusion, half.conclusion, green.conclusion];
    let as_prepared = conclusions == [Conclusion::Broken, Conclusion::Broken, Conclusion::Holds];
    Ok((green, as_prepared && first == COPIES - 1 && second == 1))
}

async fn full_quota(fleet: &Fleet, source: &str) -> anyhow::Result<()> {
    let fault = json!({ "action": "CopySnapshotCrossRegions", "match": { "source": source }, "kind": "code", "code": QUOTA,
        "message": "The quota of snapshots in ap-chengdu is used up." });
    post(&fleet.simulators.tencent(), "/_sim/faults", json!({ "faults": [fault] })).await
}

/// Sweeps, tells of each rule, and says how many copies were started.
async fn sweep(context: &Context, story: &mut Story<'_>) -> anyhow::Result<u64> {
    let answer = handle(context, &json!({ "action": "sweep" }), &invocation()).await?;
    let mut all = 0;
    for rule in answer["swept"].as_array().into_iter().flatten() {
        let count = |pointer: &str| rule.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        let started = count("/started");
        all += started;
        let mut told = vec![format!("{} covered", count("/counts/covered"))];
        for (number, words) in [
            (started, "started"),
            (count("/refused"), "refused by the cloud"),
            (count("/counts/ineligible"), "cannot be copied"),
        ] {
            if number > 0 {
                told.push(format!("{number} {words}"));
            }
        }
        let name = rule["rule"].as_str().unwrap_or_default();
        story.say(&format!("{name}: {}", told.join(", ")))?;
    }
    Ok(all)
}

/// Looks until nothing is under way any more, and sweeps once more for what only a sweep can tell. How many copies were seen.
pub(super) async fn observe(context: &Context) -> anyhow::Result<u64> {
    let (mut seen, invocation) = (0, invocation());
    loop {
        let answer = handle(context, &json!({ "action": "observe" }), &invocation).await?;
        seen += answer.pointer("/observed/replicated").and_then(Value::as_u64).unwrap_or_default();
        if under_way(context).await?.0 == 0 || SystemClock.now() >= invocation.deadline {
            break;
        }
        SystemClock.sleep(Duration::from_millis(300)).await;
    }
    handle(context, &json!({ "action": "sweep" }), &invocation).await?;
    Ok(seen)
}

fn invocation() -> Invocation {
    Invocation { id: "demo".into(), deadline: later(SystemClock.now(), TIMEOUT) }
}

async fn read(context: &Context, playground: &Playground) -> anyhow::Result<Report> {
    let wish = ReportRequest {
        at: SystemClock.now(),
        max_age: Duration::from_secs(7_200),
        rule: None,
        live: false,
        lines: LINES,
        defaults: context.settings.defaults.clone(),
    };
    Ok(reading::read(&*context.ports.ledger, &*context.ports.notes, Some(&playground.policy), &wish).await?)
}

/// The report's word for what keeps the server from being copied.
fn cause(report: &Report) -> String {
    let lines = report.rules.iter().flat_map(|rule| &rule.unprotected);
    lines.filter(|line| line.resource == SERVER).map(|line| line.cause.clone()).next().unwrap_or_default()
}

/// The last lines of a brief report: a line for each rule.
fn rules(report: &Report, width: usize) -> String {
    let brief = report::brief(report, width);
    brief.rsplit_once("\n\n").map(|(_, rules)| rules.to_owned()).unwrap_or(brief)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}
