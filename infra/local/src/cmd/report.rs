//! `offsite report`: what has its copy, what has not, since when and why.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::time::later;
use offsite_shared::policy::{DURATION_WANTED, read_duration};
use offsite_shared::ports::Clock;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Conclusion, Report};
use offsite_shared::settings::environment::Environment;
use serde_json::json;

use crate::home;
use crate::report;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// Everything, for programs
    Json,
    /// The exceptions and orphans, a line each
    Csv,
    /// One page that needs nothing else
    Html,
}

/// Options of `offsite report`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes:\n  0  all objectives hold   1  it cannot be known (no sweep, one too old, a failed page)   3  one does not hold"
)]
pub struct ReportArgs {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Only this rule
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// The moment for which it is to be true, such as 2026-11-22T06:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// A sweep older than this proves nothing
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = duration)]
    pub max_age: Duration,
    /// Read the providers' own inventories now: no ledger, and nothing is started
    #[arg(long)]
    pub live: bool,
    /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Write it to this file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    read_duration(text).ok_or_else(|| DURATION_WANTED.to_owned())
}

/// Writes the report, and tells what it comes to.
///
/// # Errors
/// The ledger, the policy or a provider cannot be read; there is no such rule.
pub async fn run(args: &ReportArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<Conclusion> {
    let report = make(args, environment).await?;
    let text = match args.format {
        Format::Table => report::table(&report),
        Format::Json => format!("{:#}\n", serde_json::to_value(&report)?),
        Format::Csv => report::csv(&report),
        Format::Html => report::html(&report),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?,
        None => out.write_all(text.as_bytes())?,
    }
    Ok(report.conclusion)
}

async fn make(args: &ReportArgs, environment: &Environment) -> anyhow::Result<Report> {
    let mut home = home::reading(environment, args.policy.as_deref()).await?;
    if let Some(name) = &args.rule {
        let known = home.policy.as_ref().is_some_and(|policy| policy.rule(name).is_some());
        anyhow::ensure!(known, "\"{name}\" is no rule of the policy; `offsite policy check` lists them");
    }
    if args.live {
        anyhow::ensure!(
            home.policy.is_some(),
            "there is no policy that says what to look at: write ./offsite.yaml or use --policy"
        );
        let context = home::read_only(environment, &home)?;
        let deadline = later(SystemClock.now(), Duration::from_secs(86_400));
        let payload = json!({ "action": "sweep", "rule": args.rule });
        handle(&context, &payload, &Invocation { id: "live".into(), deadline }).await?;
        home.ledger = context.ports.ledger.clone();
        home.notes = context.ports.notes.clone();
    }
    let wish = ReportRequest {
        at: args.at.unwrap_or_else(|| SystemClock.now()),
        max_age: args.max_age,
        rule: args.rule.as_deref(),
        live: args.live,
        // What a program reads is not cut.
        lines: if matches!(args.format, Format::Table | Format::Html) { reading::LINES } else { usize::MAX },
        defaults: home::defaults(environment),
    };
    Ok(reading::read(&*home.ledger, &*home.notes, home.policy.as_deref(), &wish).await?)
}
