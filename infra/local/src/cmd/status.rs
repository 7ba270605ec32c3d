//! `offsite status`: what is known of an ID, whatever it is of, since when, why, and what is to be done.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::Record;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::failure::Failure;
use offsite_shared::model::text::one_line;
use offsite_shared::model::time::later;
use offsite_shared::policy::{DURATION_WANTED, Rule, read_duration};
use offsite_shared::ports::Clock;
use offsite_shared::report::ResourceState;
use offsite_shared::report::brake;
use offsite_shared::report::reading::ReportRequest;
use offsite_shared::report::status::{self, BackupStatus};
use offsite_shared::settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::verdict::Verdict;
use serde_json::json;

use super::explain::{self, Seen, Told};
use super::find;
use super::reader::ReaderArgs;
use super::show::{self, Form};
use crate::home::{self, Reading};
use crate::report::{CloudTold, Health, IdStatus, status_json, status_text};
use crate::terminal;

const AFTER: &str = "\
An ID is that of a snapshot, backup, disk, server, file system, bucket or vault, of a copy, or the key of a record or its first 8 digits or
more. It is looked up in what the last sweep left and in the ledger, by keys that are computed from it. The cloud is asked for a backup
where there are keys for it.

Exit codes:
  0  all is well
  3  something is not
  1  nothing knows an ID, or what is needed could not be read

Examples:
  offsite status disk-4j5k6l7m
  offsite status snap-jgsu1fdt 10ce8d98a73e --format json";

/// Options of `offsite status`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct StatusArgs {
    /// What is asked about
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// How it is written; json is one object a line for each ID
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
    /// Do not ask the cloud
    #[arg(long)]
    no_look: bool,
    /// A sweep older than this proves nothing
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = duration)]
    max_age: Duration,
    /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Who reads it
    #[command(flatten)]
    reader: ReaderArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    read_duration(text).ok_or_else(|| DURATION_WANTED.to_owned())
}

/// Tells of each ID, and what all come to together.
///
/// # Errors
/// The ledger or the policy cannot be read.
pub async fn run(args: &StatusArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<Health> {
    let reader = args.reader.reader(environment)?;
    let home = home::reading(environment, args.policy.as_deref()).await?;
    let mut worst = Health::Well;
    for id in &args.ids {
        // One that cannot be told does not keep the others from being told.
        let bar = show::spinner("asking ledger and cloud");
        let told = of_id(args, id, &home, environment).await;
        bar.finish_and_clear();
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                writeln!(terminal::stderr(), "error: {error:#}")?;
                worst = worst.max(Health::Unknown);
                continue;
            }
        };
        worst = worst.max(told.health);
        match args.format {
            Form::Json => writeln!(out, "{}", status_json(&told))?,
            Form::Table => out.write_all(status_text(&told, show::width(), &reader).as_bytes())?,
        }
    }
    Ok(worst)
}

async fn of_id(args: &StatusArgs, given: &str, home: &Reading, environment: &Environment) -> anyhow::Result<IdStatus> {
    find::check(given)?;
    let by_key = find::by_key(&*home.ledger, given).await?;
    let id = match &by_key {
        Some(record) => record.replication()?.source.id,
        None => given.to_owned(),
    };
    let mut told = IdStatus {
        id: given.to_owned(),
        health: Health::Well,
        rules: Vec::new(),
        outside: Vec::new(),
        cloud: Vec::new(),
        remarks: Vec::new(),
    };
    let rules = home.policy.as_ref().map(|policy| policy.rules.as_slice()).unwrap_or_default();
    if rules.is_empty() {
        told.remarks.push("there is no policy with rules, so only the ledger is asked".to_owned());
    }
    let wish = ReportRequest {
        at: SystemClock.now(),
        max_age: args.max_age,
        rule: None,
        live: false,
        lines: usize::MAX,
        defaults: settings::defaults(environment)?,
    };
    let mut unread = Vec::new();
    for rule in rules {
        let mut known = status::of_rule(&*home.ledger, &*home.notes, rule, &id, &wish).await?;
        if let Some(record) = &by_key {
            known.backups.retain(|one| one.line.key.as_ref() == Some(&record.key));
        }
        match known.is_empty() {
            true => unread.extend(known.rule.why.first().map(|why| format!("rule {}: {why}", rule.name))),
            false => told.rules.push(known),
        }
    }
    if let Some(record) = &by_key {
        add_outside(&mut told, record);
    }
    let is_resource = told.rules.iter().any(|known| known.rule.unprotected.iter().any(|line| line.resource == id));
    if !is_resource {
        look(args, &id, rules, environment, &mut told).await;
    }
    let mut meant = String::new();
    if told.rules.is_empty() && told.outside.is_empty() && told.cloud.is_empty() && !find::is_of_key(given) {
        find::say_scan(given)?;
        let scanned = find::by_scan(&*home.ledger, &id).await?;
        meant = scanned.meant();
        for record in &scanned.records {
            add_outside(&mut told, record);
        }
    }
    let known = !(told.rules.is_empty() && told.outside.is_empty() && told.cloud.is_empty());
    if !known {
        told.remarks.extend(unread);
        let notes = if told.remarks.is_empty() { "" } else { "see the notes, and " };
        told.remarks.push(format!(
            "nothing knows {}: neither a sweep nor the ledger{meant}; {notes}look for the exact ID in `offsite report` or in the cloud's console",
            one_line(given)
        ));
    }
    told.remarks.extend(brake::remarks(&*home.notes).await?);
    told.health = if known { health(&told, rules, wish.at) } else { Health::Unknown };
    Ok(told)
}

/// Adds what a record says, unless a rule has told it.
fn add_outside(told: &mut IdStatus, record: &Record) {
    let is_told =
        told.rules.iter().flat_map(|known| &known.backups).any(|one| one.line.key.as_ref() == Some(&record.key));
    if !is_told && let Some(one) = BackupStatus::of_record(record) {
        told.outside.push((record.rule().map(str::to_owned), one));
    }
}

/// Asks the cloud that has such backups, for each of its rules.
async fn look(args: &StatusArgs, id: &str, rules: &[Rule], environment: &Environment, told: &mut IdStatus) {
    let Some(cloud) = Cloud::of_backup_id(id) else { return };
    let is_known = !told.rules.is_empty();
    let mut asked = rules.iter().filter(|rule| rule.operation.cloud() == cloud).peekable();
    if args.no_look || asked.peek().is_none() {
        told.remarks.push("the cloud was not asked".to_owned());
        return;
    }
    if cloud == Cloud::Alibaba && is_known {
        // Its jobs are found by listing alone, and the sweep has done that.
        return;
    }
    let context: Context = match home::read_only(environment, &Reading::of(None)) {
        Ok(context) => context,
        Err(error) => return told.remarks.push(format!("the cloud was not asked: {error}")),
    };
    // What gives no answer once is not waited for again.
    let mut silent: Vec<((&str, &str), Failure)> = Vec::new();
    for rule in asked {
        let place = (rule.account.as_str(), rule.source.region.as_str());
        let known = silent.iter().find(|(other, _)| *other == place).map(|(_, failure)| failure.clone());
        let found = match known {
            Some(failure) => Err(failure),
            None => explain::of_rule(&context, rule, id).await,
        };
        match found {
            Ok(Some(found)) => told.cloud.push(cloud_told(rule, &found)),
            Ok(None) => {}
            Err(failure) => {
                told.remarks.push(format!("the cloud was not asked for rule {}: {failure}", rule.name));
                silent.push((place, failure));
            }
        }
    }
}

fn cloud_told(rule: &Rule, found: &Told) -> CloudTold {
    let copies = found.copies.iter().map(|copy| format!("{}: {}", copy.destination, copy.text));
    CloudTold {
        rule: rule.name.clone(),
        lines: std::iter::once(found.text.clone()).chain(copies).collect(),
        told: json!(found),
    }
}

/// What all that is known comes to.
fn health(told: &IdStatus, rules: &[Rule], at: Timestamp) -> Health {
    let states = told.rules.iter().flat_map(|known| &known.rule.unprotected).map(|line| match line.state {
        ResourceState::Unprotected | ResourceState::Stale => Health::NotWell,
        ResourceState::Unknown => Health::Unknown,
        ResourceState::AcceptedRisk | ResourceState::Pending | ResourceState::Protected => Health::Well,
    });
    let backups = told.rules.iter().flat_map(|known| &known.backups).chain(told.outside.iter().map(|(_, one)| one));
    let backups = backups.map(|one| match one.line.verdict {
        Verdict::Unknown => Health::Unknown,
        _ if one.is_well() => Health::Well,
        _ => Health::NotWell,
    });
    let reasons = told.rules.iter().filter(|known| !known.rule.why.is_empty()).map(|_| Health::Unknown);
    let seen = seen(told, rules, at);
    states.chain(backups).chain(reasons).chain([seen]).max().unwrap_or(Health::Unknown)
}

/// What the cloud's word comes to, where it is the only one, or goes against what was known.
fn seen(told: &IdStatus, rules: &[Rule], at: Timestamp) -> Health {
    let is_known = !told.rules.is_empty() || !told.outside.is_empty();
    if told.cloud.is_empty() {
        return Health::Well;
    }
    let is_covered = told.cloud.iter().any(|one| one.told["covered"] == json!(true));
    if !is_covered && !is_known {
        // No rule wants it, so nothing protects it.
        return Health::NotWell;
    }
    let mut worst = Health::Well;
    for one in &told.cloud {
        let lag = rules.iter().find(|rule| rule.name == one.rule).and_then(Rule::effective).map(|told| told.max_lag);
        let made: Option<Timestamp> = one.told["made"].as_str().and_then(|made| made.parse().ok());
        let is_due = lag.is_some_and(|lag| made.is_none_or(|made| later(made, lag) < at));
        for copy in one.told["copies"].as_array().into_iter().flatten() {
            let destination = copy["destination"].as_str().unwrap_or_default();
            let is_copied = told.rules.iter().filter(|known| known.rule.rule == one.rule).any(|known| {
                known
                    .backups
                    .iter()
                    .any(|one| one.line.destination == destination && one.line.verdict == Verdict::Replicated)
            });
            worst = worst.max(match copy["seen"] == json!(Seen::Nothing) {
                true if is_copied || (!is_known && is_due) => Health::NotWell,
                false if copy["seen"] == json!(Seen::Unknown) && !is_known => Health::Unknown,
                _ => Health::Well,
            });
        }
    }
    worst
}
