//! `offsite rule`: settle what a rule has left that is gone from the policy.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::risks::{Decision, in_force};
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::ports::Clock;
use offsite_shared::report::risks;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::summary;

use super::person;
use crate::home;

/// Options of `offsite rule`.
#[derive(Args, Debug)]
pub struct RuleArgs {
    /// What to do
    #[command(subcommand)]
    pub(crate) action: RuleAction,
}

/// What to do with a rule.
#[derive(Subcommand, Debug)]
pub(crate) enum RuleAction {
    /// Say that a rule went out of the policy on purpose: its open business is settled, until the rule comes back
    #[command(
        after_help = "Example:\n  offsite rule retire old-disks --reason \"moved to rule disks, see OPS-14\"\n\nTake the rule out of the policy first. Taken back by `offsite risk revoke RULE/N`, or by the rule coming back."
    )]
    Retire {
        /// The rule's name
        name: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
        /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

/// Runs the action, and tells whether consumers of the queue could be told.
///
/// # Errors
/// The rule is still in the policy, nobody has heard of it, or the ledger or the policy cannot be read: nothing was written then.
pub async fn run(args: &RuleArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let RuleAction::Retire { name, reason, policy } = &args.action;
    let reason = person::reason(reason)?;
    let home = person::writing(environment, policy.as_deref()).await?;
    let Some(policy) = &home.policy else {
        bail!(
            "there is no policy, so nobody can tell whether rule {name} is gone from it: set OFFSITE_POLICY or use --policy"
        )
    };
    ensure!(
        policy.rule(name).is_none(),
        "rule {name} is still in the policy: take it out and put the policy in force, then retire it"
    );
    let acts = risks::read(&*home.notes, name).await?;
    let risks = in_force(&acts, SystemClock.now());
    let (mut open, mut unsettled, mut unreadable) = (0, 0, 0);
    let filter = RecordFilter { rule: Some(name.clone()), ..RecordFilter::default() };
    let see = |page: RecordPage| {
        open += page.records.len();
        unsettled += page.records.iter().filter(|record| !risks.settles(record.since)).count();
        unreadable += page.unreadable.len();
        Ok(())
    };
    home::each_page(&*home.ledger, &filter, see).await?;
    ensure!(
        unreadable == 0,
        "{unreadable} records of rule {name} cannot be read, so nobody knows what would be settled"
    );
    let swept = summary::read(&*home.notes, name).await?.is_some();
    ensure!(
        open > 0 || swept || !acts.is_empty(),
        "no record, sweep or decision is of a rule {name}: nothing is to be retired; look for the name in `offsite report`"
    );
    if let Some(act) = risks.retired().filter(|_| unsettled == 0) {
        bail!("rule {name} was retired already by {}, on {}", act.name(), act.at.strftime("%Y-%m-%d"))
    }
    let told = person::decide(&home, name, Decision::Retire, reason, environment, out).await?;
    writeln!(anstream::stderr(), "this settles {} of rule {name} that are not finished", person::records(open))?;
    Ok(told)
}
