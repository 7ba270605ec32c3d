//! `offsite ledger`: look at records, and settle what only a person can.

use std::io::Write;

use anyhow::{Context, bail, ensure};
use clap::{ArgGroup, Args, Subcommand};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::store::{Put, RecordFilter, RecordPage};
use offsite_shared::ledger::{Record, Resolution, State, resolve};
use offsite_shared::model::command::Key;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::settings::environment::Environment;

use crate::home;

/// Options of `offsite ledger`.
#[derive(Args, Debug)]
pub struct LedgerArgs {
    /// What to do
    #[command(subcommand)]
    pub(crate) action: LedgerAction,
}

/// What to do with the ledger.
#[derive(Subcommand, Debug)]
pub(crate) enum LedgerAction {
    /// Print records with their history: one that is named in full, several one JSON object a line
    #[command(group(ArgGroup::new("which").required(true).args(["key", "all", "state"])))]
    Show {
        /// The record's key, or the beginning of it
        key: Option<String>,
        /// All records
        #[arg(long)]
        all: bool,
        /// Records in this state: seen, claimed, in_doubt, accepted, refused, ineligible, no_work, abandoned,
        /// replicated, failed, lost
        #[arg(long, value_parser = State::ALL.map(State::name))]
        state: Option<String>,
    },
    /// Settle a record by hand; who, when and why go into its history
    #[command(group(ArgGroup::new("how").required(true).args(["adopt", "abandon", "acknowledge"])))]
    Resolve {
        /// The record's key, or the beginning of it
        key: String,
        /// The copy exists and this is its ID; its receipt goes to the queue
        #[arg(long, value_name = "ID")]
        adopt: Option<String>,
        /// There is no copy and there shall be none
        #[arg(long)]
        abandon: bool,
        /// A refused, ineligible, failed or lost replication that is as it should be
        #[arg(long)]
        acknowledge: bool,
        /// Why, for whoever reads the history
        #[arg(long)]
        reason: String,
    },
}

/// Runs the action.
///
/// # Errors
/// The ledger cannot be used, or the record is not there or not in a state that can be resolved so.
pub async fn run(args: &LedgerArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let ledger = home::ledger(environment)?;
    match &args.action {
        LedgerAction::Show { key: Some(key), .. } => {
            let record = find(&*ledger, key).await?;
            writeln!(out, "{}", serde_json::to_string_pretty(&record)?)?;
        }
        LedgerAction::Show { state, .. } => {
            let filter = RecordFilter { state: state.clone(), ..RecordFilter::default() };
            let mut unreadable = 0;
            let print = |page: RecordPage| {
                for record in &page.records {
                    writeln!(out, "{}", record.to_text()?)?;
                }
                for error in &page.unreadable {
                    writeln!(anstream::stderr(), "{error}")?;
                    unreadable += 1;
                }
                Ok(())
            };
            home::each_page(&*ledger, &filter, print).await?;
            ensure!(unreadable == 0, "{unreadable} records could not be read; the others are above");
        }
        LedgerAction::Resolve { key, adopt, abandon, reason, .. } => {
            ensure!(!reason.trim().is_empty(), "--reason must say why");
            let how = match (adopt, abandon) {
                (Some(id), _) => Resolution::Adopt(id.clone()),
                (None, true) => Resolution::Abandon,
                (None, false) => Resolution::Acknowledge,
            };
            let who = environment.get("USER").or_else(|| environment.get("LOGNAME")).unwrap_or("somebody");
            let record = find(&*ledger, key).await?;
            let (next, expect) = resolve(&record, &how, &format!("person:{who}"), reason, SystemClock.now())
                .with_context(|| format!("the record {} was not changed", record.key))?;
            match ledger.put(&next, &expect).await? {
                Put::Stored => writeln!(out, "{}", serde_json::to_string_pretty(&next)?)?,
                Put::Conflict(_) => {
                    bail!("the record {} was changed by somebody else meanwhile; look at it again", record.key)
                }
            }
        }
    }
    Ok(())
}

async fn find(ledger: &dyn Ledger, wanted: &str) -> anyhow::Result<Record> {
    if let Some(record) = ledger.get(&Key(wanted.to_owned())).await? {
        return Ok(record);
    }
    ensure!(wanted.len() >= 6 && wanted.len() < 64, "there is no record {wanted}");
    let mut found: Option<Record> = None;
    let search = |page: RecordPage| {
        for record in page.records {
            if record.key.starts_with(wanted) {
                ensure!(found.is_none(), "more than one record begins with {wanted}; give more of the key");
                found = Some(record);
            }
        }
        Ok(())
    };
    home::each_page(ledger, &RecordFilter::default(), search).await?;
    found.with_context(|| format!("there is no record {wanted}"))
}
