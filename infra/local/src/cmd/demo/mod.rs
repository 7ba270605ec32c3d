//! `offsite demo`: the three real binaries at work against simulators, step by step, and at the end the proof.

mod proof;
mod story;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Clock;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

use super::stage::{Folder, post, spinner};
use crate::fleet::Fleet;
use crate::fleet::build::{Profile, build};
use proof::TIME_LIMIT;
use story::{Story, verdict};

/// Options of `offsite demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Print only the queue's messages, one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Use the binaries as they are deployed (a longer build)
    #[arg(long)]
    pub release: bool,
}

/// One event per operation, and what it shows.
const OPERATIONS: [(&str, Cloud, &str); 5] = [
    (
        "a timer (EventBridge Scheduler) starts a vault replication",
        Cloud::Alibaba,
        include_str!("../../../../../events/alibaba/scheduler-input.json"),
    ),
    (
        "a finished backup (EventBridge) is copied",
        Cloud::Huawei,
        include_str!("../../../../../events/huawei/copy-backup-eventbridge.json"),
    ),
    (
        "a timer copies every backup of a vault",
        Cloud::Huawei,
        include_str!("../../../../../events/huawei/copy-checkpoint-scheduler-input.json"),
    ),
    (
        "a notification (SNS) copies a legacy CSBS backup",
        Cloud::Huawei,
        include_str!("../../../../../events/huawei/copy-checkpoint-item-sns.json"),
    ),
    (
        "a workflow engine copies a snapshot to two regions",
        Cloud::Tencent,
        include_str!("../../../../../events/tencent/command.json"),
    ),
];

/// Runs the demo. True when every expected ID is on the queue exactly once, every copy was made once, and the report says that
/// all objectives hold.
///
/// # Errors
/// The binaries cannot be built, or something on this machine does not work.
pub async fn run(args: &DemoArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut story = Story { out, quiet: args.json, steps: 0 };
    let spinner = spinner("building the three functions (the first time takes a minute or two)");
    let profile = if args.release { Profile::Release } else { Profile::Current };
    let binaries = tokio::task::spawn_blocking(move || build(profile)).await.context("the build was interrupted")??;
    spinner.finish_and_clear();
    let folder = Folder::new()?;
    let options = SimOptions { any_source: true, ..SimOptions::default() };
    let extra = [
        ("OFFSITE_LEASE_MARGIN_MS", "300"),
        ("OFFSITE_BACKOFF_MS", "400"),
        ("OFFSITE_ALLOWED_DESTINATIONS", "*:*"),
        ("OFFSITE_FIRST_LOOK_S", "1"),
        ("OFFSITE_LONGEST_LOOK_S", "1"),
    ];
    let fleet = Fleet::start(binaries, &folder.0.join("demo.db"), options, &extra).await?;
    story.say("Three real function binaries, each under a Lambda Runtime API of its own; simulated clouds; SQS and DynamoDB from a SQLite file. Nothing leaves this machine.")?;
    let mut functions = BTreeMap::new();
    for cloud in Cloud::ALL {
        functions.insert(cloud, fleet.function(cloud).await?);
    }
    let function = |cloud: Cloud| functions.get(&cloud).context("a function is missing");

    for (title, cloud, event) in OPERATIONS {
        story.step(&format!("{}: {title}", cloud.name()))?;
        let answer = function(cloud)?.invoke(serde_json::from_str(event)?, TIME_LIMIT).await;
        story.answer(&answer)?;
    }

    story.step("tencent: a queue batch (SQS) of three records, one without its snapshot ID")?;
    let batch = include_str!("../../../../../events/tencent/sqs-batch-one-bad.json");
    let answer = function(Cloud::Tencent)?.invoke(serde_json::from_str(batch)?, TIME_LIMIT).await;
    story.answer(&answer)?;
    story.say("   only the bad record is handed back; after its last try it is in the dead-letter queue")?;
    let bad = "19dd0b57-b21e-4ac1-bd88-01bbb068cb01";
    let one_bad =
        answer.as_ref().is_ok_and(|answer| *answer == json!({ "batchItemFailures": [{ "itemIdentifier": bad }] }));

    story.step("tencent: the provider throttles twice; the function waits and tries again")?;
    fault(&fleet, json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-thr0ttle" }, "kind": "throttle", "times": 2 })).await?;
    let throttled: Value = serde_json::from_str(include_str!("../../../../../events/tencent/throttled.json"))?;
    let answer = function(Cloud::Tencent)?.invoke(throttled, TIME_LIMIT + Duration::from_secs(4)).await;
    story.answer(&answer)?;

    let crashed = crash(&fleet, &mut story).await?;

    let copied = verdict(&fleet, COPIES).await?;
    story.table(&copied)?;
    let proven = proof::run(&fleet, function(Cloud::Tencent)?, &mut story).await?;
    let end = verdict(&fleet, COPIES + proof::COPIES).await?;
    if args.json {
        for message in &end.messages {
            writeln!(story.out, "{message}")?;
        }
    }
    story.problems(&end.problems)?;
    Ok(one_bad && crashed && proven && copied.problems.is_empty() && end.problems.is_empty())
}

/// Copies before the sweep: Alibaba 1, Huawei 1 + 3 + 1, Tencent 2 + 2 + 1 + 1.
const COPIES: u64 = 12;

/// Kills the function after the provider accepted and before the function knew, then delivers the event again.
async fn crash(fleet: &Fleet, story: &mut Story<'_>) -> anyhow::Result<bool> {
    let source = "snap-cra0shed";
    let event: Value = serde_json::from_str(include_str!("../../../../../events/tencent/crash.json"))?;
    story.step("tencent: the function is killed after the provider accepted, before it could record the answer")?;
    fault(fleet, json!({ "action": "CopySnapshotCrossRegions", "match": { "source": source }, "kind": "timeout_after", "times": 1 })).await?;
    let mut function = fleet.function(Cloud::Tencent).await?;
    {
        let invoked = function.invoke(event.clone(), TIME_LIMIT);
        tokio::pin!(invoked);
        loop {
            tokio::select! {
                answer = &mut invoked => {
                    story.answer(&answer)?;
                    break;
                }
                () = SystemClock.sleep(Duration::from_millis(20)) => {}
            }
            if created(fleet, source) > 0 {
                function.kill_now().await;
                story.say("   killed (SIGKILL); the copy exists, nobody has its ID")?;
                break;
            }
        }
    }
    function.restart().await?;
    story.step("tencent: the queue delivers the same event again; the ledger knows of a doubt, so the function reads back first")?;
    for _ in 0..20 {
        let answer = function.invoke(event.clone(), TIME_LIMIT).await;
        let waiting = matches!(&answer, Err(error) if error.error_type() == "Offsite.Unavailable");
        if waiting {
            SystemClock.sleep(Duration::from_millis(500)).await;
            continue;
        }
        story.answer(&answer)?;
        let copies = created(fleet, source);
        story.say(&format!("   the simulated cloud counts {copies} copy of {source}"))?;
        return Ok(copies == 1 && answer.is_ok());
    }
    story.say("   the lease of the killed function did not end in time")?;
    Ok(false)
}

async fn fault(fleet: &Fleet, fault: Value) -> anyhow::Result<()> {
    post(&fleet.simulators.tencent(), "/_sim/faults", json!({ "faults": [fault] })).await
}

fn created(fleet: &Fleet, source: &str) -> u64 {
    let of_source = |row: &&Value| row.get("source").and_then(Value::as_str) == Some(source);
    fleet.copies().iter().filter(of_source).filter_map(|row| row.get("created")?.as_u64()).sum()
}
