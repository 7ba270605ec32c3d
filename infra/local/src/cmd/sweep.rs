//! `offsite sweep`: find what has no copy, and have it copied.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::brake::{Brake, Held, NOTE};
use offsite_shared::model::time::later;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::verdict::Verdict;
use serde_json::{Value, json};

use super::progress::Progress;
use super::reader::ClockArgs;
use super::show::{self, Form};
use super::stopping::{finishing, told_to_stop};
use super::{find, told};
use crate::home;
use crate::report::Reader;

const AFTER: &str = "\
Examples:
  offsite sweep --dry-run                 what would be started, backup by backup; nothing is
  offsite sweep --rule nightly
  offsite sweep --timeout 600             for cron: the next one goes on from where this one stopped

Exit codes:
  0  every rule was swept to its end   1  something could not be looked at   2  the command line is wrong
  3  a copy was refused or is in doubt; it says nothing about whether the objectives hold: that is `offsite report`";

/// Options of `offsite sweep`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct SweepArgs {
    /// Only this rule of the policy
    #[arg(long, value_name = "RULE", value_parser = find::name)]
    pub rule: Option<String>,
    /// Say what would be started, and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stop after this many seconds; the next sweep goes on from there
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = show::seconds::<0, 31_622_400>)]
    pub timeout: u64,
    /// How it is written [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// By which clock
    #[command(flatten)]
    pub clock: ClockArgs,
}

/// Writes the answer, and gives the exit code: 3 if a copy was refused or is in doubt, 1 if something could not be looked at and nothing
/// was refused, else 0. It says nothing about whether the objectives hold.
///
/// # Errors
/// There is no policy or no such rule, the ledger cannot be used, or standard output is gone.
pub async fn run(args: &SweepArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<u8> {
    if args.dry_run {
        return dry_run(args, environment, out).await;
    }
    let database = home::open(&home::database_path(environment), home::is_simulated(environment)).await?;
    let mut context = home::context(environment, &database)?;
    let policy = context.ports.policies.policy().await?;
    checked(args, policy.as_deref())?;
    let deadline = later(SystemClock.now(), Duration::from_secs(args.timeout));
    let payload = json!({ "action": "sweep", "rule": args.rule });
    let progress = Progress::of(&mut context);
    let mut told = told_to_stop()?;
    let invocation = Invocation { id: "local".into(), deadline };
    let work = finishing(&context, &mut told, handle(&context, &payload, &invocation));
    let answer = progress.during("sweeping", Some(deadline), work).await??;
    if *told.borrow() > 0 {
        writeln!(anstream::stderr(), "stopped, with nothing locked; the next sweep goes on from here")?;
    }
    match Form::or_by_reader(args.format) {
        Form::Table => {
            let stopped = stopped(&context, &answer).await?;
            out.write_all(told::of_sweep(&answer, &stopped, &args.clock.reader(), show::width()).as_bytes())?;
        }
        Form::Json => writeln!(out, "{answer}")?,
    }
    Ok(code(&answer))
}

/// The rules of a sweep's answer that a person has stopped, each with what stops it.
///
/// # Errors
/// The policy cannot be read.
pub(super) async fn stopped(context: &Context, answer: &Value) -> anyhow::Result<BTreeMap<String, String>> {
    let mut stopped = BTreeMap::new();
    let Some(policy) = context.ports.policies.policy().await? else { return Ok(stopped) };
    let note = context.ports.notes.note(NOTE).await;
    let brake = note.and_then(|note| Brake::from_text(note.as_ref().map(|note| note.text.as_str())));
    let names = answer["swept"].as_array().into_iter().flatten().filter_map(|one| one["rule"].as_str());
    for rule in names.filter_map(|name| policy.rule(name)) {
        let why = match &brake {
            _ if context.settings.paused => Some("OFFSITE_PAUSED is set".to_owned()),
            Ok(brake) => brake.on(rule.operation.cloud(), Some(&rule.name)).map(Held::describe),
            Err(error) => Some(format!("what people have paused cannot be read: {error}")),
        };
        stopped.extend(why.map(|why| (rule.name.clone(), why)));
    }
    Ok(stopped)
}

fn checked<'p>(args: &SweepArgs, policy: Option<&'p Policy>) -> anyhow::Result<&'p Policy> {
    let Some(policy) = policy else {
        anyhow::bail!(
            "there is no policy to sweep by: `offsite init` writes ./offsite.yaml to begin with; or set OFFSITE_POLICY"
        )
    };
    if let Some(rule) = &args.rule {
        find::rule(policy, rule)?;
    }
    Ok(policy)
}

fn code(answer: &Value) -> u8 {
    let swept = answer["swept"].as_array().map(Vec::as_slice).unwrap_or_default();
    let some = |field: &str| swept.iter().any(|one| one[field].as_u64().is_some_and(|count| count > 0));
    let doubt = swept.iter().any(|one| one["counts"]["in_doubt"].as_u64().is_some_and(|count| count > 0));
    match swept.iter().all(|one| one["complete"] == json!(true)) {
        _ if some("refused") || doubt => 3,
        true => 0,
        false => 1,
    }
}

/// Sweeps with what the ledger knows, over an overlay that forgets everything, and names what would be started.
async fn dry_run(args: &SweepArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<u8> {
    let home = home::reading(environment, None).await?;
    let policy = checked(args, home.policy.as_deref())?;
    let mut context = home::read_only(environment, &home)?;
    let deadline = later(SystemClock.now(), Duration::from_secs(args.timeout));
    let payload = json!({ "action": "sweep", "rule": args.rule });
    let progress = Progress::of(&mut context);
    let invocation = Invocation { id: "local".into(), deadline };
    let answer =
        progress.during("listing, starting nothing", Some(deadline), handle(&context, &payload, &invocation)).await?;
    let wish = ReportRequest {
        at: SystemClock.now(),
        max_age: Duration::from_secs(args.timeout),
        rule: args.rule.as_deref(),
        live: false,
        lines: usize::MAX,
        defaults: context.settings.defaults.clone(),
    };
    let report = reading::read(&*context.ports.ledger, &*context.ports.notes, Some(policy), &wish).await?;
    let mut rows = Vec::new();
    for rule in &report.rules {
        let limit = policy.rule(&rule.rule).and_then(|rule| rule.limits.max_new_per_sweep);
        let due = rule.exceptions.iter().filter(|line| line.verdict == Verdict::Missing);
        for line in due {
            rows.push(json!({
                "rule": rule.rule, "backup": line.backup_id, "resource": line.resource, "name": line.name,
                "destination": line.destination, "made": line.created_at.map(|at| at.to_string()), "limit": limit,
            }));
        }
    }
    match Form::or_by_reader(args.format) {
        Form::Json => writeln!(out, "{}", json!({ "would_start": rows, "swept": answer["swept"] }))?,
        Form::Table => write_rows(&rows, policy, &answer, &args.clock.reader(), out)?,
    }
    let all = answer["swept"].as_array().is_some_and(|all| all.iter().all(|one| one["complete"] == json!(true)));
    Ok(u8::from(!all))
}

fn write_rows(
    rows: &[Value],
    policy: &Policy,
    answer: &Value,
    reader: &Reader,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let width = show::width();
    for one in answer["swept"].as_array().into_iter().flatten() {
        let name = one["rule"].as_str().unwrap_or_default();
        let count = rows.iter().filter(|row| row["rule"] == one["rule"]).count();
        let limit = policy.rule(name).and_then(|rule| rule.limits.max_new_per_sweep).map(|limit| limit as usize);
        let what = match (one["reason"].as_str(), limit) {
            (Some(reason), _) => format!("{name}: cannot be told: {reason}"),
            (None, Some(limit)) if limit < count => {
                format!(
                    "{name}: {limit} of {count} would be started, the newest of each resource first; the rest by the next sweeps"
                )
            }
            (None, _) => format!("{name}: {count} would be started"),
        };
        show::say(out, &what, 0, width)?;
    }
    if !rows.is_empty() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |row: &Value| {
            let made = text(&row["made"]).parse().map(|at| reader.minute(at)).unwrap_or_default();
            vec![text(&row["rule"]), text(&row["backup"]), text(&row["resource"]), text(&row["destination"]), made]
        };
        let made = format!("made ({})", told::clock(reader));
        let head = ["rule", "backup", "of", "to", &made];
        writeln!(out)?;
        out.write_all(show::table(&head, &rows.iter().map(row).collect::<Vec<_>>(), width).as_bytes())?;
    }
    Ok(out.flush()?)
}
