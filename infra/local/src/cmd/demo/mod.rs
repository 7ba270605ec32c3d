//! `offsite demo`: the product on this machine, as a story: copies by events, then a policy whose report is red and turns green.

mod playground;
mod promise;
mod story;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::report::Report;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

use super::show;
use super::stage::{Folder, functions, post};
use super::stopping::until_told;
use crate::fleet::Fleet;
use crate::fleet::build::Profile;
use crate::report;
use playground::{DATABASE, Playground};
use story::{Story, verdict};

const AFTER: &str = "\
Examples:
  offsite demo                 at reading speed, about a minute
  offsite demo --fast | less   all at once
  offsite demo --keep          leaves a playground for your own commands, until Ctrl-C

The functions are taken from beside this program; where they are not there or older than their sources, cargo builds them in
the checkout that you are in.

Exit codes:
  0  every ID is on the queue exactly once, and the report ended as it should   1  not so";

/// Options of `offsite demo`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct DemoArgs {
    /// Do not wait for a reader between the steps
    #[arg(long)]
    pub fast: bool,
    /// Leave simulated clouds, policy, ledger and page running, and print how to use them, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub keep: bool,
    /// Print only the queue's messages, one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Use the binaries as they are deployed (a longer build)
    #[arg(long)]
    pub release: bool,
    /// The checkout in which the functions are built, if it is not the current directory
    #[arg(long, value_name = "FOLDER")]
    pub source: Option<PathBuf>,
}

/// The functions' time limit in the demo: short, so that the lease of a killed one ends soon.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// One event per operation, and what it shows.
const OPERATIONS: [(&str, Cloud, &str); 5] = [
    (
        "Alibaba: a timer (EventBridge Scheduler) starts a vault replication",
        Cloud::Alibaba,
        include_str!("../../../../../events/alibaba/scheduler-input.json"),
    ),
    (
        "Huawei: a finished backup (EventBridge) is copied",
        Cloud::Huawei,
        include_str!("../../../../../events/huawei/copy-backup-eventbridge.json"),
    ),
    (
        "Huawei: a timer copies every backup of a vault",
        Cloud::Huawei,
        include_str!("../../../../../events/huawei/copy-checkpoint-scheduler-input.json"),
    ),
    (
        "Huawei: a notification (SNS) copies a legacy CSBS backup",
        Cloud::Huawei,
        include_str!("../../../../../events/huawei/copy-checkpoint-item-sns.json"),
    ),
    (
        "Tencent: a workflow engine copies a snapshot to two regions",
        Cloud::Tencent,
        include_str!("../../../../../events/tencent/command.json"),
    ),
];

/// Copies of the first act: Alibaba 1, Huawei 1 + 3 + 1, Tencent 2 + 2 + 1 + 1.
const COPIES: u64 = 12;

/// Runs the demo. True when every expected ID is on the queue exactly once, every copy was made once, and the report was red and
/// turned green as it was prepared.
///
/// # Errors
/// The binaries cannot be built, something on this machine does not work, or it was interrupted.
pub async fn run(args: &DemoArgs, out: &mut dyn Write) -> anyhow::Result<bool> {
    let folder = Folder::new()?;
    tokio::select! {
        well = play(args, &folder, out) => well,
        told = until_told(), if !args.keep => {
            told?;
            anyhow::bail!("the demo was interrupted; nothing is left of it")
        }
    }
}

async fn play(args: &DemoArgs, folder: &Folder, out: &mut dyn Write) -> anyhow::Result<bool> {
    let profile = if args.release { Profile::Release } else { Profile::Current };
    let binaries = functions(profile, args.source.as_deref()).await?;
    let slow = !args.fast && !args.json && std::io::stdout().is_terminal();
    let mut story = Story { out, quiet: args.json, slow, width: show::width(), steps: 0 };
    let options = SimOptions { any_source: true, ..SimOptions::default() };
    let extra = [
        ("OFFSITE_LEASE_MARGIN_MS", "300"),
        ("OFFSITE_BACKOFF_MS", "400"),
        ("OFFSITE_ALLOWED_DESTINATIONS", "*:*"),
        ("OFFSITE_FIRST_LOOK_S", "1"),
        ("OFFSITE_LONGEST_LOOK_S", "1"),
    ];
    let fleet = Fleet::start(binaries, &folder.0.join(DATABASE), options.clone(), &extra).await?;
    let bold = anstyle::Style::new().bold();
    story.raw(&format!("{bold}Offsite: every backup has its copy in another region.{bold:#}\n"))?;
    story.raw(&report::paragraph(
        "The three real functions, simulated clouds, SQS and DynamoDB from one file: nothing leaves this machine.",
        0,
        show::width(),
    ))?;
    let events = events(&fleet, &mut story).await?;

    let playground = Playground::lay_out(folder, &fleet, &options).await?;
    let (last, kept) = promise::run(&fleet, &playground, &mut story).await?;
    let end = verdict(&fleet, COPIES + promise::COPIES).await?;
    if args.json {
        for message in &end.messages {
            writeln!(story.out, "{message}")?;
        }
    }
    story.problems(&end.problems)?;
    if end.problems.is_empty() {
        let told = format!(
            "{} copies, each made once; {} receipts on the queue, each there exactly once.",
            end.copies, end.receipts
        );
        story.good(&told)?;
    }
    if args.keep {
        keep(&playground, &last, &mut story)?;
        until_told().await?;
    } else if !args.json {
        farewell(&last, &mut story)?;
    }
    Ok(events && kept && end.problems.is_empty())
}

/// The first act: events, and what goes wrong on the way.
async fn events(fleet: &Fleet, story: &mut Story<'_>) -> anyhow::Result<bool> {
    let mut functions = BTreeMap::new();
    for cloud in Cloud::ALL {
        functions.insert(cloud, fleet.function(cloud).await?);
    }
    let function = |cloud: Cloud| functions.get(&cloud).context("a function is missing");
    story.act("First act: a backup is finished, and its copy is started")?;
    for (title, cloud, event) in OPERATIONS {
        story.step(title).await?;
        let answer = function(cloud)?.invoke(serde_json::from_str(event)?, TIME_LIMIT).await;
        story.answer(&answer)?;
    }

    story.step("Tencent: a queue batch (SQS) of three records, one without its snapshot ID").await?;
    let batch = include_str!("../../../../../events/tencent/sqs-batch-one-bad.json");
    let answer = function(Cloud::Tencent)?.invoke(serde_json::from_str(batch)?, TIME_LIMIT).await;
    story.answer(&answer)?;
    story.say("only the bad record; after its last try it is in the dead-letter queue")?;
    let bad = "19dd0b57-b21e-4ac1-bd88-01bbb068cb01";
    let one_bad =
        answer.as_ref().is_ok_and(|answer| *answer == json!({ "batchItemFailures": [{ "itemIdentifier": bad }] }));

    story.step("Tencent: the provider throttles twice; the function waits and tries again").await?;
    fault(fleet, json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-thr0ttle" }, "kind": "throttle", "times": 2 })).await?;
    let throttled: Value = serde_json::from_str(include_str!("../../../../../events/tencent/throttled.json"))?;
    let answer = function(Cloud::Tencent)?.invoke(throttled, TIME_LIMIT + Duration::from_secs(4)).await;
    story.answer(&answer)?;

    let crashed = crash(fleet, story).await?;
    let copied = verdict(fleet, COPIES).await?;
    story.problems(&copied.problems)?;

    story.step("Accepted is not copied: each copy is looked for in its destination").await?;
    let seen = promise::observe(&fleet.context(Policy { rules: Vec::new() }.into())?).await?;
    story.say(&format!(
        "{} receipts on the queue for {} copies; {seen} of them are there and usable",
        copied.receipts, copied.copies
    ))?;
    Ok(one_bad && crashed && copied.problems.is_empty())
}

/// Kills the function after the provider accepted and before the function knew, then delivers the event again.
async fn crash(fleet: &Fleet, story: &mut Story<'_>) -> anyhow::Result<bool> {
    let source = "snap-cra0shed";
    let event: Value = serde_json::from_str(include_str!("../../../../../events/tencent/crash.json"))?;
    story.step("Tencent: the function is killed after the cloud accepted, before it could write that down").await?;
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
                story.say("killed (SIGKILL); the copy exists, and nobody has its ID")?;
                break;
            }
        }
    }
    function.restart().await?;
    story.step("Tencent: the same event comes again; the ledger knows of a doubt, so the cloud is asked first").await?;
    for _ in 0..20 {
        let answer = function.invoke(event.clone(), TIME_LIMIT).await;
        let waiting = matches!(&answer, Err(error) if error.error_type() == "Offsite.Unavailable");
        if waiting {
            SystemClock.sleep(Duration::from_millis(500)).await;
            continue;
        }
        story.answer(&answer)?;
        let copies = created(fleet, source);
        story.say(&format!("the simulated cloud counts {copies} copy of {source}"))?;
        return Ok(copies == 1 && answer.is_ok());
    }
    story.say("the lease of the killed function did not end in time")?;
    Ok(false)
}

/// Says where the playground is, and what to try there.
fn keep(playground: &Playground, last: &Report, story: &mut Story<'_>) -> anyhow::Result<()> {
    let page = playground.folder.join("report.html");
    std::fs::write(&page, report::html(last)).with_context(|| format!("{} cannot be written", page.display()))?;
    let variables = playground.write_variables()?;
    story.act("The playground runs until Ctrl-C. In another terminal:")?;
    story.raw(&format!(
        "  . {}\n\n  offsite report                    what has its copy, and what has not\n  \
         offsite status disk-web00002      one disk, with its history\n  \
         offsite witness                   what is there now, whoever made it\n  \
         offsite queue list                the receipts\n  \
         offsite risk list                 what a person has accepted\n  \
         offsite sweep --dry-run           what a sweep would start\n\n\
         The policy: {}\nThe page:   {}\n",
        variables.display(),
        playground.folder.join("offsite.yaml").display(),
        page.display(),
    ))
}

/// Leaves the page, and says what to do next.
fn farewell(last: &Report, story: &mut Story<'_>) -> anyhow::Result<()> {
    let nonce = SystemClock.nonce().0;
    let path = std::env::temp_dir().join(format!("offsite-demo-{}.html", nonce.get(..8).unwrap_or_default()));
    let place = || format!("{} cannot be written", path.display());
    let mut file = std::fs::File::create_new(&path).with_context(place)?;
    file.write_all(report::html(last).as_bytes()).with_context(place)?;
    story.raw(
        "\nWhat next:\n  offsite demo --keep       the same, with a playground for your own commands\n  \
         offsite init tencent      a policy for your own cloud (or huawei, alibaba), and\n                            \
         the way from there to the first report\n  \
         offsite witness           which backups have a copy now; its key need only read\n",
    )?;
    story.raw(&format!("\nThe last report as a page for a browser:\n{}\n", path.display()))
}

async fn fault(fleet: &Fleet, fault: Value) -> anyhow::Result<()> {
    post(&fleet.simulators.tencent(), "/_sim/faults", json!({ "faults": [fault] })).await
}

fn created(fleet: &Fleet, source: &str) -> u64 {
    let of_source = |row: &&Value| row.get("source").and_then(Value::as_str) == Some(source);
    fleet.copies().iter().filter(of_source).filter_map(|row| row.get("created")?.as_u64()).sum()
}
