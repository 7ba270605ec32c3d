//! `offsite demo`: the three real binaries at work against simulators, step by step, and at the end the proof.

mod proof;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use offsite_shared::command::Cloud;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ports::Clock;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::fleet::build::{Profile, build};
use crate::fleet::runtime_api::InvokeError;

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

/// The functions' time limit in the demo: short, so that the lease of a killed one ends soon.
const TIME_LIMIT: Duration = Duration::from_secs(4);

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

/// Posts to a simulator's admin interface.
///
/// # Errors
/// The simulator refused.
pub async fn post(base: &str, path: &str, body: Value) -> anyhow::Result<()> {
    use offsite_shared::io::http::HttpTransport;
    use offsite_shared::ports::{HttpRequest, Transport};
    let transport = HttpTransport::new(Duration::from_secs(1))?;
    let request = HttpRequest {
        method: "POST".into(),
        url: format!("{base}{path}"),
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into_bytes(),
        timeout: Duration::from_secs(5),
    };
    let reply = transport.send(request).await?;
    ensure!(reply.status == 200, "{path} answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
    Ok(())
}

fn created(fleet: &Fleet, source: &str) -> u64 {
    let of_source = |row: &&Value| row.get("source").and_then(Value::as_str) == Some(source);
    fleet.copies().iter().filter(of_source).filter_map(|row| row.get("created")?.as_u64()).sum()
}

/// What the simulated clouds made against what the queue tells.
struct Verdict {
    messages: Vec<Value>,
    copies: u64,
    problems: Vec<String>,
}

async fn verdict(fleet: &Fleet, expected: u64) -> anyhow::Result<Verdict> {
    let messages = fleet.messages().await?;
    let is_receipt = |message: &&Value| message.get("type") == Some(&json!("offsite.replication.accepted"));
    let mut problems = Vec::new();
    let mut copies = 0;
    for row in fleet.copies() {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let made = row.get("created").and_then(Value::as_u64).unwrap_or(0);
        copies += made;
        if made != 1 {
            problems.push(format!(
                "{} of {} to {} was made {made} times",
                text("operation"),
                text("source"),
                text("destination")
            ));
        }
        let on_queue = messages
            .iter()
            .filter(is_receipt)
            .filter(|message| message.pointer("/data/replication_id").and_then(Value::as_str) == Some(&text("id")))
            .count();
        if on_queue != 1 {
            problems.push(format!("the ID {} is on the queue {on_queue} times", text("id")));
        }
    }
    if copies != expected {
        problems.push(format!("{copies} copies were made, {expected} were asked for"));
    }
    Ok(Verdict { messages, copies, problems })
}

/// What a person reads; silent with `--json`.
struct Story<'a> {
    out: &'a mut dyn Write,
    quiet: bool,
    steps: u32,
}

impl Story<'_> {
    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.quiet {
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    fn step(&mut self, title: &str) -> anyhow::Result<()> {
        self.steps += 1;
        let bold = anstyle::Style::new().bold();
        let line = format!("\n{bold}{:>2}. {title}{bold:#}", self.steps);
        self.say(&line)
    }

    fn answer(&mut self, answer: &Result<Value, InvokeError>) -> anyhow::Result<()> {
        match answer {
            Ok(answer) => {
                for result in answer.get("results").and_then(Value::as_array).into_iter().flatten() {
                    let line = line(result);
                    self.say(&format!("   {line}"))?;
                }
                if let Some(failures) = answer.get("batchItemFailures") {
                    self.say(&format!("   batchItemFailures: {failures}"))?;
                }
                Ok(())
            }
            Err(error) => self.say(&format!("   {error}")),
        }
    }

    fn table(&mut self, verdict: &Verdict) -> anyhow::Result<()> {
        self.say(&format!("\nThe queue holds {} receipts for {} copies:", verdict.messages.len(), verdict.copies))?;
        for message in &verdict.messages {
            let line = line(message.get("data").unwrap_or(&Value::Null));
            self.say(&format!("   {line}"))?;
        }
        let green = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Green.into()));
        if verdict.problems.is_empty() {
            return self.say(&format!(
                "\n{green}Every copy was made once, and every ID is on the queue exactly once.{green:#}"
            ));
        }
        self.problems(&verdict.problems)
    }

    fn problems(&mut self, problems: &[String]) -> anyhow::Result<()> {
        let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        for problem in problems {
            self.say(&format!("{red}{problem}{red:#}"))?;
        }
        Ok(())
    }
}

/// One result or message in a line.
fn line(result: &Value) -> String {
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let source = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"]
        .iter()
        .map(|name| text(&format!("/source/{name}")))
        .find(|id| !id.is_empty());
    let outcome = match result.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => format!(
            "{} {}",
            text("/state"),
            result.get("replication_id").and_then(Value::as_str).unwrap_or("(the ID of an adopted pair is not known)")
        ),
    };
    let adopted = if result.get("adopted") == Some(&json!(true)) { ", adopted" } else { "" };
    format!("{} -> {}: {outcome}{adopted}", source.unwrap_or_default(), text("/destination/region"))
}

/// A spinner on a terminal, nothing in a pipe.
pub fn spinner(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A folder of our own that goes when we do.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Makes it in the system's place for such.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> anyhow::Result<Folder> {
        let path = std::env::temp_dir().join(format!("offsite-{}", SystemClock.nonce().0));
        std::fs::create_dir(&path).with_context(|| format!("{} could not be made", path.display()))?;
        Ok(Folder(path))
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
