//! `offsite risk`: what need not be protected, and what is no more, because a person says so.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::risks::{Act, Decision, LONGEST, in_force};
use offsite_shared::model::backup::Backup;
use offsite_shared::model::text::{exact, plain};
use offsite_shared::model::time::later;
use offsite_shared::policy::{DURATION_WANTED, Rule, read_duration};
use offsite_shared::ports::Clock;
use offsite_shared::report::risks;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use serde_json::json;

use super::reader::ClockArgs;
use super::show::{self, Form};
use super::{explain, find, person, told};
use crate::home::{self, PROVIDERS, Reading};
use crate::report::Reader;

/// Options of `offsite risk`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite risk list\n  offsite risk accept --rule nightly --resource disk-4j5k6l7m --cause encrypted --for 90d \\\n      --reason \"see OPS-12\"\n  offsite risk revoke nightly/3 --reason \"the disk is needed after all\""
)]
pub struct RiskArgs {
    /// What to do
    #[command(subcommand)]
    pub(crate) action: RiskAction,
}

const EXAMPLES: &str = "\
Examples:
  offsite risk accept --rule nightly --resource disk-4j5k6l7m --cause encrypted --for 90d \\
      --reason \"replaced in March, see OPS-12\"
  offsite risk accept --rule nightly --resource disk-4j5k6l7m --destination ap-singapore \\
      --cause InsufficientSnapshotQuota --until 2026-12-24 --reason \"more quota is asked for\"
  offsite risk accept --rule nightly --resource disk-4j5k6l7m --gone --reason \"the server was scrapped\"

The ID is exact, and the cause is the report's word for it: another cause of the same disk is not accepted by this. An end is always
needed, at most 366 days away. A resource that is gone comes back with its next backup.

Exit codes:
  0  done   1  failed, and nothing was written   2  the command line is wrong   3  written, and the queue could not be told";

/// What to do about risks.
#[derive(Subcommand, Debug)]
pub(crate) enum RiskAction {
    /// Say that a resource need not be protected for a while, or that it is no more
    #[command(after_help = EXAMPLES)]
    Accept(AcceptArgs),
    /// List what is accepted now, and what is gone
    #[command(after_help = "Example:\n  offsite risk list --all --format json")]
    List {
        /// Only this rule, which need not be in the policy any more
        #[arg(long, value_parser = find::name)]
        rule: Option<String>,
        /// Also what has ended or was revoked, and the revocations
        #[arg(long)]
        all: bool,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Form::Table)]
        format: Form,
        /// By which clock
        #[command(flatten)]
        clock: ClockArgs,
        /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Take back an earlier decision: it no longer holds
    #[command(
        after_help = "Example:\n  offsite risk revoke nightly/3 --reason \"the disk is needed after all\"\n\nExit codes:\n  0  done   1  failed, and nothing was written   2  the command line is wrong   3  written, and the queue could not be told"
    )]
    Revoke {
        /// The decision, as `offsite risk list` names it
        #[arg(value_name = "RULE/N", value_parser = find::name)]
        act: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
    },
}

/// What is accepted.
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {
    /// The rule that would protect it
    #[arg(long, value_parser = find::name)]
    rule: String,
    /// The exact ID of the disk, server or other resource, or of a backup whose resource nobody names
    #[arg(long, value_name = "ID")]
    resource: String,
    /// It is no more: it is asked for no longer, until it has a new backup
    #[arg(long, conflicts_with_all = ["destination", "cause", "until", "lasts"])]
    gone: bool,
    /// Only for copies in this region [default: all destinations of the rule]
    #[arg(long, value_name = "REGION")]
    destination: Option<String>,
    /// The cause that keeps it from being copied, as the report names it
    #[arg(long)]
    cause: Option<String>,
    /// The end of it: a day (from 00:00 UTC) or a time
    #[arg(long, value_name = "DATE", value_parser = person::moment)]
    until: Option<Timestamp>,
    /// The end of it, from now, such as 90d
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until", value_parser = duration)]
    lasts: Option<Duration>,
    /// Why, for whoever reads it later
    #[arg(long)]
    reason: String,
    /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    read_duration(text).ok_or_else(|| DURATION_WANTED.to_owned())
}

/// Runs the action, and tells whether consumers of the queue could be told.
///
/// # Errors
/// The ledger or the policy cannot be read, or what was asked for is not to be accepted: nothing was written then.
pub async fn run(args: &RiskArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    match &args.action {
        RiskAction::Accept(args) => accept(args, environment, out).await,
        RiskAction::List { rule, all, format, clock, policy } => {
            let home = home::reading(environment, policy.as_deref()).await?;
            list(&home, rule.as_deref(), *all, (*format, &clock.reader()), out).await?;
            Ok(true)
        }
        RiskAction::Revoke { act, reason } => revoke(act, reason, environment, out).await,
    }
}

async fn accept(args: &AcceptArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let now = SystemClock.now();
    let id = &args.resource;
    ensure!(
        !id.contains(['*', '?', ',']) && !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || c.is_control()),
        "--resource must be one exact ID and no pattern or list: say it for each resource"
    );
    let reason = person::reason(&args.reason)?;
    let decision = match args.gone {
        true => Decision::Gone { resource: id.clone() },
        false => Decision::Accept {
            resource: id.clone(),
            destination: args.destination.clone(),
            cause: cause(args.cause.as_deref())?,
            until: end(args, now)?,
        },
    };
    let home = person::writing(environment, args.policy.as_deref()).await?;
    let Some(policy) = &home.policy else {
        bail!("there is no policy, so there is no rule to accept a risk of: set OFFSITE_POLICY or use --policy")
    };
    let rule = find::rule(policy, &args.rule)?;
    if let Some(region) = &args.destination {
        let regions: Vec<&str> = rule.destinations.iter().map(|destination| destination.region.as_str()).collect();
        ensure!(
            regions.contains(&region.as_str()),
            "{region} is no destination of rule {}, which copies to {}",
            rule.name,
            regions.join(", ")
        );
    }
    known(&home, rule, id, environment).await?;
    person::decide(&home, &rule.name, decision, reason, environment, out).await
}

/// The end of an acceptance.
fn end(args: &AcceptArgs, now: Timestamp) -> anyhow::Result<Timestamp> {
    let Some(until) = args.until.or_else(|| args.lasts.map(|lasts| later(now, lasts))) else {
        bail!("an accepted risk needs an end: give --until DATE or --for DURATION, at most 366 days")
    };
    ensure!(until > now, "{until} is over already: give an end that is to come, by --until or --for");
    let longest = later(now, LONGEST);
    ensure!(
        until <= longest,
        "{until} is more than 366 days away: give an end until {}, and accept it again then",
        longest.strftime("%Y-%m-%d")
    );
    Ok(until)
}

fn cause(given: Option<&str>) -> anyhow::Result<String> {
    let Some(cause) = given else {
        bail!(
            "an accepted risk needs its cause, the report's word for what keeps it from being copied: give --cause, or --gone if it is no more"
        )
    };
    // The report names some causes by a code, and some by a sentence of ours.
    let is_word = (1..=128).contains(&cause.trim().len()) && !cause.contains(char::is_control);
    ensure!(
        is_word && !cause.contains('*'),
        "--cause must be one cause as the report names it, such as encrypted, and no pattern"
    );
    Ok(cause.to_owned())
}

/// Holds only for an ID that something knows: the last sweep, an earlier decision, the ledger, or else the cloud itself.
async fn known(home: &Reading, rule: &Rule, id: &str, environment: &Environment) -> anyhow::Result<()> {
    if risks::is_known(&*home.notes, &rule.name, id).await? {
        return Ok(());
    }
    let acts = risks::read(&*home.notes, &rule.name).await?;
    if acts.iter().any(|act| act.decision.resource() == Some(id)) {
        return Ok(());
    }
    let settings = Settings::from_environment(environment, &PROVIDERS)?;
    let provider = PROVIDERS.into_iter().find(|provider| provider.cloud() == rule.operation.cloud());
    let command = rule.command_of(id);
    let command = provider.map_or(command.clone(), |provider| provider.complete(&command, &settings.defaults));
    if rule.operation.source_field() != "vault_id" {
        for replication in command.replications() {
            if home.ledger.get(&replication.key()).await?.is_some() {
                return Ok(());
            }
        }
    }
    let context = home::read_only(environment, home)?;
    let is_it = |backup: &Backup| backup.id == id || backup.resource.as_deref() == Some(id);
    let bar = show::spinner("asking the cloud for the resource");
    let found = explain::search(&context, rule, is_it).await;
    bar.finish_and_clear();
    match found {
        Ok(Some(_)) => Ok(()),
        Ok(None) => bail!(
            "nothing knows {id}: neither the last sweep of rule {}, nor the ledger, nor the backups in {}; look for the exact ID in `offsite report`",
            rule.name,
            rule.source.region
        ),
        Err(failure) => bail!(
            "neither the last sweep of rule {} nor the ledger knows {id}, and the cloud could not be asked: {failure}; look for the exact ID in `offsite report`, or sweep first if it is new",
            rule.name
        ),
    }
}

async fn revoke(name: &str, why: &str, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let parts = name.rsplit_once('/').and_then(|(rule, number)| Some((rule, number.parse::<u64>().ok()?)));
    let Some((rule, number)) = parts else {
        bail!("{name} is no decision: give it as `offsite risk list` names it, such as nightly/3")
    };
    let why = person::reason(why)?;
    let home = person::writing(environment, None).await?;
    let acts = risks::read(&*home.notes, rule).await?;
    let Some(act) = acts.iter().find(|act| act.number == number) else {
        bail!("there is no decision {name}; `offsite risk list --rule {rule} --all` lists them")
    };
    if let Decision::Revoke { act } = act.decision {
        bail!("{name} took back {rule}/{act}, and that stays so: make the first decision again instead")
    }
    let stands = in_force(&acts, SystemClock.now()).acts().iter().any(|act| act.number == number);
    ensure!(stands, "{name} was revoked already");
    person::decide(&home, rule, Decision::Revoke { act: number }, why, environment, out).await
}

async fn list(
    home: &Reading,
    rule: Option<&str>,
    all: bool,
    (format, reader): (Form, &Reader),
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let rules: Vec<&str> = match (rule, &home.policy) {
        (Some(rule), _) => vec![rule],
        (None, Some(policy)) => policy.rules.iter().map(|rule| rule.name.as_str()).collect(),
        (None, None) => {
            bail!("there is no policy that names the rules: set OFFSITE_POLICY, use --policy, or name one by --rule")
        }
    };
    let mut lines = Vec::new();
    for rule in rules {
        let acts = risks::read(&*home.notes, rule).await?;
        let stand = in_force(&acts, now);
        let is_there = home.policy.as_ref().is_some_and(|policy| policy.rule(rule).is_some());
        for act in &acts {
            let state = state_of(act, stand.acts().contains(act), is_there, now);
            if all || state == "in force" {
                match format {
                    Form::Json => {
                        let mut line = serde_json::to_value(act)?;
                        line["in_force"] = json!(state == "in force");
                        writeln!(out, "{line}")?;
                    }
                    Form::Table => lines.push(row(act, state, reader)),
                }
            }
        }
    }
    if format == Form::Table {
        match lines.len() {
            0 => writeln!(
                out,
                "nothing is accepted{}",
                rule.map(|rule| format!(" for rule {rule}")).unwrap_or_default()
            )?,
            _ => {
                let noted = format!("noted ({})", told::clock(reader));
                let head = ["decision", "state", "what", &noted, "by", "why"];
                out.write_all(show::table(&head, &lines, show::room()).as_bytes())?;
            }
        }
    }
    Ok(())
}

fn state_of(act: &Act, stands: bool, is_there: bool, now: Timestamp) -> &'static str {
    match (&act.decision, stands) {
        (Decision::Revoke { .. }, _) => "done",
        (_, false) => "revoked",
        (Decision::Accept { until, .. } | Decision::ConfirmLoss { until, .. }, true) if *until <= now => "ended",
        // The rule came back.
        (Decision::Retire, true) if is_there => "ended",
        (_, true) => "in force",
    }
}

fn row(act: &Act, state: &str, reader: &Reader) -> Vec<String> {
    let what = match &act.decision {
        Decision::Accept { resource, destination, cause, until } => {
            let there = destination.as_deref().unwrap_or("anywhere");
            let resource = exact(resource);
            format!("{resource} to {there}: {cause} accepted until {}", reader.moment(*until))
        }
        Decision::Gone { resource } => format!("{} is gone", exact(resource)),
        Decision::Revoke { act: number } => format!("{}/{number} revoked", act.rule),
        Decision::Retire => "the rule is retired".to_owned(),
        Decision::ConfirmLoss { destination, copies, until } => {
            format!("{copies} copies in {destination} are lost, confirmed until {}", reader.moment(*until))
        }
    };
    vec![act.name(), state.to_owned(), plain(&what), reader.minute(act.at), plain(&act.who), plain(&act.reason)]
}
