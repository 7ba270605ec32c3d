//! `offsite rule`: settle what a rule has left that is gone from the policy, and let sweeps go on after a mass loss.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::State;
use offsite_shared::ledger::risks::{CONFIRMED_FOR, Decision, in_force};
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::report::risks;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::summary;

use super::{find, person};
use crate::home;
use crate::terminal;

/// Options of `offsite rule`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite rule retire old-disks --reason \"moved to rule disks, see OPS-14\"\n  offsite rule confirm-loss nightly --destination ap-singapore --reason \"the vault was emptied, see OPS-17\""
)]
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
        after_help = "Example:\n  offsite rule retire old-disks --reason \"moved to rule disks, see OPS-14\"\n\nTake the rule out of the policy first. Taken back by `offsite risk revoke RULE/N`, or by the rule coming back.\n\nExit codes:\n  0  done   1  failed, and nothing was written   2  the command line is wrong   3  written, and the queue could not be told"
    )]
    Retire {
        /// The rule's name
        #[arg(value_parser = find::name)]
        name: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
        /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Say that so many copies as are gone at once are lost indeed: for a day, sweeps ask for each by its ID and go on with it
    #[command(
        after_help = "Example:\n  offsite rule confirm-loss nightly --destination ap-singapore --reason \"the vault was emptied by mistake, see OPS-17\"\n\nLook into the destination first, with a key of the right account: a wrong key lists an empty account. Each lost copy is recorded\nand told; it is made again where the rule says limits.restart_lost. More copies than were confirmed are another mass loss.\n\nExit codes:\n  0  done   1  failed, and nothing was written   2  the command line is wrong   3  written, and the queue could not be told"
    )]
    ConfirmLoss {
        /// The rule's name
        #[arg(value_parser = find::name)]
        name: String,
        /// The region that the copies are gone from
        #[arg(long, value_name = "REGION")]
        destination: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
        /// The number of copies that are gone, instead of typing it; another number changes nothing
        #[arg(long, value_name = "NUMBER")]
        yes: Option<usize>,
        /// The policy [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

/// Runs the action, and tells whether consumers of the queue could be told.
///
/// # Errors
/// The decision does not fit what is known of the rule, or the ledger or the policy cannot be read: nothing was written then.
pub async fn run(args: &RuleArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    match &args.action {
        RuleAction::Retire { name, reason, policy } => retire(name, reason, policy.as_deref(), environment, out).await,
        RuleAction::ConfirmLoss { name, destination, reason, yes, policy } => {
            let reason = person::reason(reason)?;
            let home = person::writing(environment, policy.as_deref()).await?;
            let Some((last, _)) = summary::read(&*home.notes, name).await? else {
                bail!(
                    "no sweep of a rule {name} came to its end, so nothing is known to be lost; look for the name in `offsite report`"
                )
            };
            let Some(policy) = &home.policy else {
                bail!("there is no policy to look for rule {name} in: set OFFSITE_POLICY, or use --policy")
            };
            let rule = find::rule(policy, name)?;
            let regions: Vec<&str> = rule.destinations.iter().map(|destination| destination.region.as_str()).collect();
            let Some(at) = regions.iter().position(|region| region == destination) else {
                bail!("{destination} is no destination of rule {name}, which copies to {}", regions.join(", "))
            };
            let Some(loss) = last.mass_loss.get(at).and_then(Option::as_ref) else {
                bail!(
                    "the last sweep of rule {name}, of {}, found no mass loss in {destination}; nothing was changed",
                    last.complete_as_of
                )
            };
            let gone = usize::try_from(loss.gone)?;
            person::confirm(&format!("{gone} of {} copies are gone from {destination}", loss.known), gone, *yes)?;
            let until = later(SystemClock.now(), CONFIRMED_FOR);
            let decision = Decision::ConfirmLoss { destination: destination.clone(), copies: loss.gone, until };
            let told = person::decide(&home, name, decision, reason, environment, out).await?;
            terminal::say(&format!(
                "the next sweeps until {until} ask for each copy by its ID; `offsite sweep --rule {name}` does it now"
            ))?;
            Ok(told)
        }
    }
}

async fn retire(
    name: &str,
    reason: &str,
    policy: Option<&Path>,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let reason = person::reason(reason)?;
    let home = person::writing(environment, policy).await?;
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
    let (mut open, mut unfinished, mut unsettled, mut unreadable) = (0, 0, 0, 0);
    let filter = RecordFilter { rule: Some(name.to_owned()), ..RecordFilter::default() };
    let see = |page: RecordPage| {
        open += page.records.len();
        // As the report counts them: what is on its way or can never be copied needs nobody.
        let needs_nobody = |state: State| matches!(state, State::Accepted | State::Ineligible);
        unfinished += page.records.iter().filter(|record| !needs_nobody(record.state)).count();
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
    let others = match open - unfinished {
        0 => String::new(),
        others => format!("; {others} more are on their way or can never be copied"),
    };
    let replications = if unfinished == 1 { "replication" } else { "replications" };
    terminal::say(&format!("this settles {unfinished} unfinished {replications} of rule {name}{others}"))?;
    Ok(told)
}
