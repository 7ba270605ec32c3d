//! `offsite pause` and `offsite resume`: the brake that a person pulls and releases.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::brake::{Brake, Held, NOTE, Scope};
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::{Clock, Notes};
use offsite_shared::settings::environment::Environment;

use super::reader::ClockArgs;
use super::{find, person, show};
use crate::home::{self, Reading, Store};
use crate::report::by_clock;
use crate::terminal;

/// How often a brake that somebody else writes meanwhile is read again.
const TRIES: u32 = 10;

/// What a pause is about.
#[derive(Args, Debug)]
pub struct ScopeArgs {
    /// Only this cloud: alibaba, huawei or tencent
    #[arg(long, value_name = "PROVIDER", value_parser = provider)]
    pub provider: Option<Cloud>,
    /// Only this rule
    #[arg(long, value_name = "RULE", value_parser = find::name, conflicts_with = "provider")]
    pub rule: Option<String>,
}

/// Options of `offsite pause`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  offsite pause --rule nightly --reason \"the bill is looked at, see OPS-21\"")]
pub struct PauseArgs {
    /// What it is about
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Why, for whoever reads it later
    #[arg(long)]
    pub reason: String,
    /// The policy whose rules a name is looked for in [default: OFFSITE_POLICY, else ./offsite.yaml]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// By which clock
    #[command(flatten)]
    pub clock: ClockArgs,
}

/// Options of `offsite resume`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  offsite resume --rule nightly")]
pub struct ResumeArgs {
    /// What it is about
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// By which clock
    #[command(flatten)]
    pub clock: ClockArgs,
}

/// Stops every call that starts a copy, until somebody resumes it.
///
/// # Errors
/// It is stopped already, there is no such rule, or the ledger cannot be written: nothing was changed then.
pub async fn pause(args: &PauseArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let (reason, reader) = (person::reason(&args.reason)?, args.clock.reader());
    begin(environment).await?;
    let home = person::writing(environment, args.policy.as_deref()).await?;
    let scope = args.scope.scope();
    if let Scope::Rule(name) = &scope {
        known(&home, name)?;
    }
    let held = Held { scope, by: person::who(environment).await?, reason, at: SystemClock.now() };
    let (mut paused, mut stands) = (Vec::new(), None);
    for store in concerned(environment, &held.scope)? {
        let made = change(&*store.notes, |brake| {
            stands =
                brake.entries.iter().find(|stands| stands.scope == held.scope).map(Held::describe).or(stands.take());
            brake.with(held.clone())
        });
        let made = made.await.with_context(|| unfinished("paused", &paused, &store.name))?;
        paused.extend(made.map(|_| store.name));
    }
    if paused.is_empty() {
        bail!("it is paused already, nothing was changed: {}", by_clock(&stands.unwrap_or_default(), &reader))
    }
    write_lines(out, &by_clock(&held.describe(), &reader))?;
    write_lines(out, "Calls that are sent already, or within five seconds, go out. Sweeps, looks and reports go on.")
}

/// Begins a ledger where there is none yet: whoever wants to look first may stop everything before the first sweep.
async fn begin(environment: &Environment) -> anyhow::Result<()> {
    let path = home::database_path(environment);
    if environment.get("OFFSITE_TABLE").is_none() && !path.exists() {
        home::open(&path, home::is_simulated(environment)).await?;
        terminal::say(&format!("a ledger is begun at {}; OFFSITE_DB names another one", path.display()))?;
    }
    Ok(())
}

/// Lets go on what was paused with the same options.
///
/// # Errors
/// Nothing is paused so, or the ledger cannot be written: nothing was changed then.
pub async fn resume(args: &ResumeArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    person::writing(environment, None).await?;
    let (scope, reader) = (args.scope.scope(), args.clock.reader());
    let who = person::who(environment).await?;
    let (mut freed, mut left) = (Vec::new(), Vec::new());
    for store in concerned(environment, &scope)? {
        let free = change(&*store.notes, |brake| {
            let next = brake.without(&scope, &who, SystemClock.now());
            for held in &next.as_ref().unwrap_or(brake).entries {
                // What is paused for all clouds stands in each one's table.
                if !left.contains(held) {
                    left.push(held.clone());
                }
            }
            next
        });
        let free = free.await.with_context(|| unfinished("resumed", &freed, &store.name))?;
        freed.extend(free.map(|_| store.name));
    }
    if freed.is_empty() {
        match left.is_empty() {
            true => bail!("nothing is paused, so nothing was changed"),
            false => bail!(
                "{} is not paused as a whole, nothing was changed; what is: {}",
                scope.name(),
                by_clock(&left.iter().map(Held::describe).collect::<Vec<_>>().join("; "), &reader)
            ),
        }
    }
    write_lines(out, &format!("{} goes on: the next sweep starts what is due", scope.name()))?;
    for held in &left {
        write_lines(out, &by_clock(&format!("still: {}", held.describe()), &reader))?;
    }
    Ok(())
}

/// Writes a sentence in lines that fit.
fn write_lines(out: &mut dyn Write, text: &str) -> anyhow::Result<()> {
    Ok(show::say(out, text, 0, show::width())?)
}

impl ScopeArgs {
    fn scope(&self) -> Scope {
        match (&self.rule, self.provider) {
            (Some(rule), _) => Scope::Rule(rule.clone()),
            (None, Some(cloud)) => Scope::Provider(cloud.name().to_owned()),
            (None, None) => Scope::All,
        }
    }
}

fn provider(text: &str) -> Result<Cloud, String> {
    Cloud::from_name(text).ok_or_else(|| "must be alibaba, huawei or tencent".to_owned())
}

/// A misspelt rule would be a brake that holds nothing.
fn known(home: &Reading, name: &str) -> anyhow::Result<()> {
    let Some(policy) = &home.policy else {
        bail!("there is no policy to look for rule {name} in: set OFFSITE_POLICY, or use --policy")
    };
    find::rule(policy, name).map(|_| ())
}

/// The stores in which a scope is paused: its cloud's own, and for everything and for a rule each of them.
fn concerned(environment: &Environment, scope: &Scope) -> anyhow::Result<Vec<Store>> {
    let of = match scope {
        Scope::Provider(name) => Cloud::from_name(name),
        Scope::All | Scope::Rule(_) => None,
    };
    let mut stores = home::stores(environment)?;
    stores.retain(|store| of.is_none() || store.cloud.is_none() || store.cloud == of);
    ensure!(!stores.is_empty(), "OFFSITE_TABLE names no table for {}", of.map(Cloud::name).unwrap_or_default());
    Ok(stores)
}

/// What is to be said where one of several stores cannot be written.
fn unfinished(done: &str, stores: &[String], failed: &str) -> String {
    match stores {
        [] => format!("{failed} was not written, nothing was changed"),
        stores => format!("{done} in {}, and not in {failed}: give the command again", stores.join(", ")),
    }
}

/// Writes what is made of the brake; `None` if nothing is.
async fn change(notes: &dyn Notes, mut make: impl FnMut(&Brake) -> Option<Brake>) -> anyhow::Result<Option<Brake>> {
    for _ in 0..TRIES {
        let note = notes.note(NOTE).await?;
        let Some(made) = make(&Brake::from_text(note.as_ref().map(|note| note.text.as_str()))?) else {
            return Ok(None);
        };
        if notes.put_note(NOTE, &made.to_text()?, note.map_or(0, |note| note.version)).await? {
            return Ok(Some(made));
        }
    }
    bail!("others write it at the same time: try again")
}
