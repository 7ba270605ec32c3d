//! `offsite ledger`: look at records, and settle what only a person can.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{ArgGroup, Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::store::{Expect, LedgerError, Put, RecordFilter, RecordPage};
use offsite_shared::ledger::{BREAKABLE_AFTER, Record, Resolution, ResolveError, State, resolve};
use offsite_shared::model::command::Key;
use offsite_shared::model::text::plain;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::settings::environment::Environment;
use serde_json::json;

use super::reader::ClockArgs;
use super::show::{self, Form};
use super::{find, person, told};
use crate::home;
use crate::terminal;

/// Options of `offsite ledger`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite ledger show --state in_doubt\n  offsite ledger show snap-jgsu1fdt                one backup's records, with their history\n  offsite ledger resolve 10ce8d98a73e --adopt snap-d012rm6t --reason \"found in the console\""
)]
pub struct LedgerArgs {
    /// What to do
    #[command(subcommand)]
    pub(crate) action: LedgerAction,
}

/// What to do with the ledger.
#[derive(Subcommand, Debug)]
pub(crate) enum LedgerAction {
    /// Print records with their history: one that is named in full, several one JSON object a line
    #[command(
        group(ArgGroup::new("which").required(true).args(["key", "all", "state"])),
        after_help = "Examples:\n  offsite ledger show --state in_doubt\n  offsite ledger show snap-jgsu1fdt"
    )]
    Show {
        /// The record's key, the beginning of it, or a cloud's ID of the backup or its copy
        #[arg(value_name = "KEY|ID")]
        key: Option<String>,
        /// All records
        #[arg(long)]
        all: bool,
        /// Records in this state
        #[arg(long, value_parser = State::ALL.map(State::name))]
        state: Option<String>,
        /// How several are written; json is one record a line [default: table on a terminal, else json]
        #[arg(long, value_enum)]
        format: Option<Form>,
        /// By which clock
        #[command(flatten)]
        clock: ClockArgs,
    },
    /// Settle records by hand; who, when and why go into their histories
    #[command(
        group(ArgGroup::new("how").required(true).args(["adopt", "abandon", "acknowledge", "retry", "break_lease"])),
        group(ArgGroup::new("many").multiple(true).args(["rule", "state", "code", "before"]).conflicts_with_all(["key", "adopt", "abandon", "break_lease"])),
        after_help = RESOLVE_EXAMPLES,
    )]
    Resolve(ResolveArgs),
}

const RESOLVE_EXAMPLES: &str = "\
Examples:
  offsite ledger resolve 10ce8d98a73e --adopt snap-d012rm6t --reason \"found in the console\"
  offsite ledger resolve --acknowledge --rule nightly --before 2026-11-01 --reason \"the old disks, not wanted\"
  offsite ledger resolve --retry --code InsufficientSnapshotQuota --reason \"the quota was raised\"
  offsite ledger resolve snap-jgsu1fdt --retry --reason \"was shared with this account\"
  offsite ledger resolve 10ce8d98a73e --break-lease --reason \"the machine is gone\"

Where more than one record is meant, the number has to be typed, or given by --yes.

Exit codes:
  0  done   1  failed, and nothing was written   2  the command line is wrong   3  some of them could not be settled";

/// Which records to settle, and how.
#[derive(Args, Debug)]
pub(crate) struct ResolveArgs {
    /// The record's key, the beginning of it, or a cloud's ID of the backup or its copy
    #[arg(value_name = "KEY|ID")]
    key: Option<String>,
    /// The copy exists and this is its ID; its receipt goes to the queue
    #[arg(long, value_name = "ID")]
    adopt: Option<String>,
    /// There is no copy and there shall be none
    #[arg(long)]
    abandon: bool,
    /// A refused, ineligible, failed, lost or missed replication that is as it should be
    #[arg(long)]
    acknowledge: bool,
    /// What was in the way is mended: the next sweep starts one more attempt, within its limits; of a replication in
    /// doubt it reads back first, and calls again if there is no copy
    #[arg(long)]
    retry: bool,
    /// Whoever claimed the record is dead: it is in doubt from now
    #[arg(long)]
    break_lease: bool,
    /// All records of this rule
    #[arg(long, value_name = "RULE", value_parser = find::name)]
    rule: Option<String>,
    /// All records in this state: in_doubt (for --retry), refused, ineligible, failed, lost, missed, left
    #[arg(long, value_parser = Resolution::Retry.states().iter().map(|state| state.name()).collect::<Vec<_>>())]
    state: Option<String>,
    /// All records that stopped with this code, the provider's or one of Offsite's own
    #[arg(long)]
    code: Option<String>,
    /// Only records that came into their state before this day (00:00 UTC) or time
    #[arg(long, value_name = "DATE", value_parser = person::moment)]
    before: Option<Timestamp>,
    /// The number of records that are meant, instead of typing it; another number changes nothing
    #[arg(long, value_name = "NUMBER")]
    yes: Option<usize>,
    /// Why, for whoever reads the history
    #[arg(long)]
    reason: String,
}

/// Runs the action, and tells whether all that was meant could be done.
///
/// # Errors
/// The ledger cannot be used, or the record is not there or not in a state that can be resolved so.
pub async fn run(args: &LedgerArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let ledger = home::ledger(environment)?;
    match &args.action {
        LedgerAction::Show { key: Some(key), format, clock, .. } => {
            let found = find(&*ledger, environment, key).await?;
            if found.len() > 1 && Form::or_by_reader(*format) == Form::Table {
                out.write_all(told::of_records(&found, &clock.reader(), show::width()).as_bytes())?;
                return Ok(true);
            }
            for record in &found {
                let text = if found.len() == 1 { serde_json::to_string_pretty(record)? } else { record.to_text()? };
                writeln!(out, "{text}")?;
            }
        }
        LedgerAction::Show { state, format, clock, .. } => {
            let filter = RecordFilter { state: state.clone(), ..RecordFilter::default() };
            let mut unreadable = 0;
            let form = Form::or_by_reader(*format);
            let print = |page: RecordPage| {
                if form == Form::Table && !page.records.is_empty() {
                    out.write_all(told::of_records(&page.records, &clock.reader(), show::width()).as_bytes())?;
                }
                for record in page.records.iter().filter(|_| form == Form::Json) {
                    writeln!(out, "{}", record.to_text()?)?;
                }
                for error in &page.unreadable {
                    writeln!(terminal::stderr(), "{}", plain(&error.to_string()))?;
                    unreadable += 1;
                }
                Ok(())
            };
            home::each_page(&*ledger, &filter, print).await?;
            ensure!(unreadable == 0, "{unreadable} records could not be read; the others are above");
        }
        LedgerAction::Resolve(args) => return settle(args, &*ledger, environment, out).await,
    }
    Ok(true)
}

/// What a person's decision makes of a record.
type Decided = Result<(Record, Expect), ResolveError>;

/// Settles the records that are meant.
async fn settle(
    args: &ResolveArgs,
    ledger: &dyn Ledger,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    ensure!(!args.reason.trim().is_empty(), "--reason must say why");
    let how = match (&args.adopt, args.abandon, args.acknowledge, args.retry) {
        (Some(id), ..) => Resolution::Adopt(id.clone()),
        (None, true, ..) => Resolution::Abandon,
        (None, false, true, _) => Resolution::Acknowledge,
        (None, false, false, true) => Resolution::Retry,
        (None, false, false, false) => Resolution::BreakLease(BREAKABLE_AFTER),
    };
    let who = format!("person:{}", person::user(environment));
    let decide = |record: &Record| resolve(record, &how, &who, &args.reason, SystemClock.now());
    let keys = match &args.key {
        Some(wanted) => {
            let found = find(ledger, environment, wanted).await?;
            if let [record] = &found[..] {
                ensure!(
                    args.yes.is_none_or(|yes| yes == 1),
                    "--yes says {}, and it is 1 record; nothing was changed",
                    args.yes.unwrap_or_default()
                );
                let (next, expect) =
                    decide(record).with_context(|| format!("the record {} was not changed", short(&record.key)))?;
                match ledger.put(&next, &expect).await? {
                    Put::Stored if Form::or_by_reader(None) == Form::Table => {
                        let reader = ClockArgs::default().reader();
                        out.write_all(told::of_records(&[next], &reader, show::width()).as_bytes())?;
                    }
                    Put::Stored => writeln!(out, "{}", serde_json::to_string_pretty(&next)?)?,
                    Put::Conflict(_) => {
                        bail!(
                            "the record {} was changed by somebody else meanwhile; look at it again",
                            short(&record.key)
                        )
                    }
                }
                return Ok(true);
            }
            ensure!(
                args.retry || args.acknowledge,
                "{wanted} has {} records, one for each destination: give the key of one; `offsite ledger show {wanted}` lists them",
                found.len()
            );
            found.iter().map(Record::key).collect()
        }
        None => {
            ensure!(
                args.rule.is_some() || args.state.is_some() || args.code.is_some(),
                "say which records: a key, an ID, or all by --rule, --state or --code"
            );
            chosen(args, &how, ledger).await?
        }
    };
    let of_rule = args.rule.as_ref().map(|rule| format!(" of rule {rule}")).unwrap_or_default();
    ensure!(!keys.is_empty(), "no record{of_rule} is meant by this; nothing was changed");
    let verb = if how == Resolution::Retry { "makes due again" } else { "settles" };
    person::confirm(&format!("This {verb} {}{of_rule}", person::records(keys.len())), keys.len(), args.yes)?;
    let (settled, left) = settle_all(&keys, ledger, &decide).await?;
    match Form::or_by_reader(None) {
        Form::Table => writeln!(out, "settled: {settled}, left as they were: {left}")?,
        Form::Json => writeln!(out, "{}", json!({ "settled": settled, "left": left }))?,
    }
    Ok(left == 0)
}

/// A key as commands take it.
fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

/// Settles records one by one, and tells how many were and how many were not.
async fn settle_all(
    keys: &[Key],
    ledger: &dyn Ledger,
    decide: &dyn Fn(&Record) -> Decided,
) -> anyhow::Result<(u64, u64)> {
    let bar = ProgressBar::with_draw_target(Some(keys.len() as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} records  {elapsed} elapsed") {
        bar.set_style(style);
    }
    let (mut settled, mut left) = (0, 0);
    for key in keys {
        let done = match ledger.get(key).await {
            Ok(Some(record)) => match decide(&record) {
                Ok((next, expect)) => match ledger.put(&next, &expect).await {
                    Ok(Put::Stored) => Ok(()),
                    Ok(Put::Conflict(_)) => Err("it was changed by somebody else meanwhile".to_owned()),
                    // What was settled so far stays so.
                    Err(error) => bail!("{error}; {settled} records were settled, and the rest was not"),
                },
                Err(error) => Err(error.to_string()),
            },
            Ok(None) => Err("it is not there any more".to_owned()),
            Err(error @ LedgerError::Unavailable(_)) => {
                bail!("{error}; {settled} records were settled, and the rest was not")
            }
            Err(error) => Err(error.to_string()),
        };
        match done {
            Ok(()) => settled += 1,
            Err(why) => {
                left += 1;
                bar.suspend(|| terminal::say(&format!("the record {key} was not changed: {why}")))?;
            }
        }
        bar.inc(1);
        if bar.is_hidden() && bar.elapsed() > Duration::from_secs(1) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
    bar.finish_and_clear();
    Ok((settled, left))
}

/// The keys of all records that the options choose and that the decision is for.
async fn chosen(args: &ResolveArgs, how: &Resolution, ledger: &dyn Ledger) -> anyhow::Result<Vec<Key>> {
    let (mut keys, mut unreadable) = (Vec::new(), 0);
    let states = how.states().iter().map(|state| state.name());
    for state in states.filter(|name| args.state.as_deref().is_none_or(|wanted| wanted == *name)) {
        let filter = RecordFilter { state: Some(state.to_owned()), rule: args.rule.clone(), ..RecordFilter::default() };
        let see = |page: RecordPage| {
            unreadable += page.unreadable.len();
            keys.extend(page.records.iter().filter(|record| is_chosen(args, record)).map(Record::key));
            Ok(())
        };
        home::each_page(ledger, &filter, see).await?;
    }
    ensure!(unreadable == 0, "{unreadable} records could not be read, and they may be meant too; nothing was changed");
    Ok(keys)
}

/// Whether a record meets what the options say beside rule and state.
fn is_chosen(args: &ResolveArgs, record: &Record) -> bool {
    let last = record.last();
    let since = last.map_or(record.since, |line| line.time);
    args.before.is_none_or(|before| since < before)
        && args.code.as_deref().is_none_or(|code| last.and_then(|line| line.code.as_deref()) == Some(code))
}

/// The record of a key or of the beginning of a key, or else the records of a cloud's ID: those of the policy's rules, whose keys are
/// computed from it, and only where there is none all that reading the whole ledger finds.
async fn find(ledger: &dyn Ledger, environment: &Environment, wanted: &str) -> anyhow::Result<Vec<Record>> {
    find::check(wanted)?;
    if let Some(record) = find::by_key(ledger, wanted).await? {
        return Ok(vec![record]);
    }
    // Without a policy that can be read there is only the long way.
    let policy = home::reading(environment, None).await.ok().and_then(|home| home.policy);
    let mut found = find::by_rules(ledger, policy.as_deref(), wanted).await?;
    let mut meant = String::new();
    if found.is_empty() && !find::is_of_key(wanted) {
        find::say_scan(wanted)?;
        let scanned = find::by_scan(ledger, wanted).await?;
        meant = scanned.meant();
        found = scanned.records;
    }
    ensure!(!found.is_empty(), "there is no record {wanted}{meant}");
    Ok(found)
}
