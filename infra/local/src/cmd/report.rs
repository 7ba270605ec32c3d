//! `offsite report`: what has its copy, what has not, since when and why.

use anyhow::Context;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::time::later;
use offsite_shared::policy::{DURATION_WANTED, read_duration};
use offsite_shared::ports::Clock;
use offsite_shared::report::LINES;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Conclusion, Report};
use offsite_shared::settings;
use offsite_shared::settings::environment::Environment;
use serde_json::json;

use super::past::{self, When};
use super::progress::Progress;
use super::reader::ReaderArgs;
use super::{find, show};
use crate::home;
use crate::report::{self, Filter};
use crate::terminal;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// Everything, for programs
    Json,
    /// Backups without a usable copy and orphans, a line each; or resources, with --csv
    Csv,
    /// One page that needs nothing else
    Html,
    /// A few lines for a chat or a mail
    Markdown,
    /// Metrics for node_exporter's textfile collector
    Prometheus,
}

/// What the ending of a file's name stands for.
const ENDINGS: [(&str, Format); 6] = [
    ("html", Format::Html),
    ("htm", Format::Html),
    ("md", Format::Markdown),
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("prom", Format::Prometheus),
];

/// Which table is written as CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// Resources that are not protected, one line for each destination
    Resources,
    /// Backups without a usable copy, one line for each destination, and orphans
    Backups,
}

const AFTER: &str = "\
Exit codes:
  0  all objectives hold
  3  at least one does not
  1  it cannot be known (no sweep, one too old, a failed page), or nothing is judged

--rule, --resource, --backup and --verdict can be given more than once. They choose what is listed; the conclusion, the figures and the
exit code stay those of all rules.

Examples:
  offsite report --resource disk-4j5k6l7m          # is it protected, since when not, and why?
  offsite report --verdict refused --verdict failed
  offsite report --at 2026-11-22                   # what was known on that day?
  offsite report --csv resources -o unprotected.csv
  offsite report -o report.html                    # .html, .md, .json, .csv, .prom: the name says the form
  offsite report --format markdown                 # for a chat or a mail: offsite explain notify
  offsite report --lang zh -o report.html          # 中文：表格、网页和 Markdown";

/// Options of `offsite report`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct ReportArgs {
    /// How it is written [default: as the name of the file ends, else table]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Which table is written as CSV [default: backups]
    #[arg(long, value_enum, value_name = "ROWS")]
    pub csv: Option<Rows>,
    /// List only what is of this rule
    #[arg(long, value_name = "NAME", value_parser = find::name)]
    pub rule: Vec<String>,
    /// List only this disk, server or other resource
    #[arg(long, value_name = "ID")]
    pub resource: Vec<String>,
    /// List only this backup, and its resource
    #[arg(long, value_name = "ID")]
    pub backup: Vec<String>,
    /// List only backups with this verdict, and resources in this state
    #[arg(long, value_name = "WORD")]
    pub verdict: Vec<String>,
    /// A day such as 2026-11-22 (UTC): what was known then, by its last complete sweep; or a moment of today [default: now]
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
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
    /// Who reads it
    #[command(flatten)]
    pub reader: ReaderArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    read_duration(text).ok_or_else(|| DURATION_WANTED.to_owned())
}

/// Writes the report, and tells what it comes to.
///
/// # Errors
/// The ledger, the policy or a provider cannot be read; there is no such rule.
pub async fn run(args: &ReportArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<Conclusion> {
    let at = match args.at.as_deref().map(|at| When::read(at, SystemClock.now())).transpose()? {
        Some(When::Day(day)) => return write_past(args, day, environment, out).await,
        Some(When::Time(at)) => at,
        None => SystemClock.now(),
    };
    let format = format(args)?;
    let reader = args.reader.reader(environment)?;
    let filter = filter(args)?;
    let mut report = make(args, at, format, &filter, environment).await?;
    filter.apply(&mut report);
    let text = match (format, args.csv) {
        (Format::Table, _) => report::narrowed_table(&report, &filter, columns(args), &reader),
        (Format::Json, _) => json(&report, &filter)?,
        (Format::Csv, Some(Rows::Resources)) => report::resources_csv(&report),
        (Format::Csv, _) => report::csv(&report),
        (Format::Html, _) => report::narrowed_html(&report, &filter, &reader),
        (Format::Markdown, _) => report::markdown(&report, &reader),
        (Format::Prometheus, _) => report::prometheus(&report),
    };
    if format == Format::Csv {
        // A table has no room for it.
        for remark in &report.remarks {
            let _ = terminal::say(&format!("note: {remark}"));
        }
    }
    write(args, &text, out)?;
    Ok(report.conclusion)
}

/// Writes what was known on a day.
async fn write_past(
    args: &ReportArgs,
    day: Date,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<Conclusion> {
    anyhow::ensure!(!args.live, "--live reads what is there now, and --at {day} asks for what was: give one of them");
    let format = format(args)?;
    anyhow::ensure!(
        matches!(format, Format::Table | Format::Json) && args.csv.is_none(),
        "what is remembered of a day is written as table or json: give --format table or json with --at {day}"
    );
    anyhow::ensure!(
        args.backup.is_empty() && args.verdict.is_empty(),
        "of a day that has passed figures and unprotected resources are kept, and no backups: --backup and --verdict do not go with --at {day}"
    );
    let reader = args.reader.reader(environment)?;
    let home = home::reading(environment, args.policy.as_deref()).await?;
    let past = past::of(&args.rule, &args.resource, day, &home).await?;
    let text = match format {
        Format::Json => format!("{:#}\n", serde_json::to_value(&past)?),
        _ => report::past_table(&past, columns(args), &reader),
    };
    write(args, &text, out)?;
    Ok(past.conclusion)
}

fn columns(args: &ReportArgs) -> usize {
    if args.output.is_some() { report::WIDTH } else { show::width() }
}

fn write(args: &ReportArgs, text: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.output {
        Some(path) => show::write_file(path, text),
        None => Ok(out.write_all(text.as_bytes())?),
    }
}

fn format(args: &ReportArgs) -> anyhow::Result<Format> {
    match (args.format, args.csv) {
        (None, None) => Ok(show::of_ending(args.output.as_deref(), &ENDINGS)?.unwrap_or(Format::Table)),
        (None | Some(Format::Csv), Some(_)) => Ok(Format::Csv),
        (Some(_), Some(_)) => anyhow::bail!("--csv goes with --format csv alone"),
        (Some(format), None) => Ok(format),
    }
}

fn filter(args: &ReportArgs) -> anyhow::Result<Filter> {
    let words = args.verdict.iter().map(|text| report::word(text)).collect::<Result<Vec<String>, String>>();
    Ok(Filter {
        resources: args.resource.clone(),
        backups: args.backup.clone(),
        words: words.map_err(|complaint| anyhow::anyhow!("--verdict: {complaint}"))?,
        rules: args.rule.clone(),
    })
}

/// Everything as JSON, each line in full; of the rules those that are shown.
fn json(report: &Report, filter: &Filter) -> anyhow::Result<String> {
    let mut shown = report.clone();
    shown.rules.retain(|rule| filter.shows(&rule.rule));
    Ok(format!("{:#}\n", serde_json::to_value(&shown)?))
}

async fn make(
    args: &ReportArgs,
    at: Timestamp,
    format: Format,
    filter: &Filter,
    environment: &Environment,
) -> anyhow::Result<Report> {
    let mut home = home::reading(environment, args.policy.as_deref()).await?;
    for name in &args.rule {
        let policy =
            home.policy.as_ref().with_context(|| format!("\"{name}\" is no rule: there is none, without a policy"))?;
        find::rule(policy, name)?;
    }
    if args.live {
        anyhow::ensure!(
            home.policy.is_some(),
            "there is no policy that says what to look at: write ./offsite.yaml or use --policy"
        );
        let mut context = home::read_only(environment, &home)?;
        let deadline = later(SystemClock.now(), Duration::from_secs(86_400));
        let payload = json!({ "action": "sweep" });
        let invocation = Invocation { id: "live".into(), deadline };
        let progress = Progress::of(&mut context);
        progress.during("reading the clouds", None, handle(&context, &payload, &invocation)).await?;
        home.ledger = context.ports.ledger.clone();
        home.notes = context.ports.notes.clone();
    }
    let wish = ReportRequest {
        // What was read just now was not there before.
        at: if args.live { SystemClock.now() } else { at },
        max_age: args.max_age,
        rule: None,
        live: args.live,
        // What a program reads is not cut, nor what is searched.
        lines: match format {
            Format::Table | Format::Html if !filter.narrows() => LINES,
            _ => usize::MAX,
        },
        defaults: settings::defaults(environment)?,
    };
    Ok(reading::read(&*home.ledger, &*home.notes, home.policy.as_deref(), &wish).await?)
}
