//! Starting what a look has found, round the resources, here or through the work queue.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::answer::Looked;
use super::judging::{Found, Want, leave, pending};
use super::scope::Scope;
use super::state::State;
use crate::context::{Context, Invocation};
use crate::exchange::{brake, pace};
use crate::ledger::State as Stands;
use crate::ledger::store::{Expect, LedgerError};
use crate::model::command::{Command, Operation, Replication};
use crate::model::error::ErrorName;
use crate::model::failure::Whose;
use crate::model::order;
use crate::model::time::later;
use crate::policy::Rule;
use crate::ports::{Boxed, WorkQueue};
use crate::replicate::outcome::{Outcome, ReplicationResult, Trouble, TroubleState};
use crate::replicate::{self, Known, log_result, update};
use crate::sweep::{budget, progress};

/// How long a command that was handed over is not sent again.
const HANDED_OVER_FOR: Duration = Duration::from_secs(900);

/// A code of which nobody says whose it is closes a destination only after as many refusals in a row.
const UNKNOWN_IN_A_ROW: u32 = 3;

/// What one look does to start copies.
struct Starts<'s, 'c> {
    ctx: &'s Context,
    scope: &'s Scope<'c>,
    state: &'s mut State,
    looked: &'s mut Looked,
    /// Backups that the next look asks for again, because something was not started that could be.
    keep: HashSet<String>,
    /// What is reserved of each rule's limit and not used.
    unused: HashMap<&'c str, u64>,
    /// Refusals in a row of which nobody says whose they are, by destination.
    unknown: HashMap<String, u32>,
    /// The credential was refused: nothing more is tried with it.
    no_more: bool,
}

/// Starts what is wanted, and takes note of every finished backup: settled, or to be asked for again.
///
/// # Errors
/// The ledger cannot be used. What was started until then is recorded by its own path.
pub(super) async fn start<'c>(
    ctx: &Context,
    scope: &Scope<'c>,
    state: &mut State,
    found: Found<'c>,
    looked: &mut Looked,
    invocation: &Invocation,
) -> Result<(), LedgerError> {
    let Found { wants, finished, before, not_kept } = found;
    looked.left += not_kept;
    let (keep, unused, unknown) = (HashSet::new(), HashMap::new(), HashMap::new());
    let mut starts = Starts { ctx, scope, state, looked, keep, unused, unknown, no_more: false };
    let (of_vaults, wants): (Vec<Want<'c>>, Vec<Want<'c>>) =
        wants.into_iter().partition(|want| want.rule.operation.source_field() == "vault_id");
    starts.vaults(of_vaults, invocation).await?;
    let wants = starts.within_limits(in_order(wants)).await?;
    match &ctx.ports.work_queue {
        Some(queue) => starts.hand_over(&**queue, wants).await?,
        None => starts.run_here(wants, invocation).await?,
    }
    let rules = scope.rules.iter();
    for rule in rules {
        let unused = starts.unused.get(rule.name.as_str()).copied().unwrap_or_default();
        budget::give_back(ctx, rule, unused).await?;
    }
    let (keep, now) = (starts.keep, ctx.now());
    for one in finished {
        let kept = keep.contains(&one.backup.id);
        let due = one.again.filter(|_| !kept);
        let waits = (kept || due.is_some()) && state.wait(pending(one.backup, due, now), &before, now);
        if !waits {
            state.settle(&one.backup.id, one.backup.created_at);
        }
    }
    Ok(())
}

/// For each resource its newest backup first, then the second newest of each, and so on. In each of these rounds what was changed first goes
/// first, where the listing tells: it has been finished for longest. Else the newest does.
fn in_order(mut wants: Vec<Want<'_>>) -> Vec<Want<'_>> {
    order::by_key(&mut wants, |want| std::cmp::Reverse(want.backup.created_at));
    let mut rounds: HashMap<(String, String), usize> = HashMap::new();
    let mut ordered: Vec<(usize, Want<'_>)> = Vec::with_capacity(wants.len());
    for want in wants {
        let resource = want.backup.resource.clone().unwrap_or_else(|| want.backup.id.clone());
        let round = rounds.entry((place(&want.replication), resource)).or_default();
        ordered.push((*round, want));
        *round += 1;
    }
    // The sort is stable: what is equal in this stays in the order of before.
    order::by_key(&mut ordered, |(round, want)| (*round, want.backup.changed_at));
    ordered.into_iter().map(|(_, want)| want).collect()
}

/// The destination of a replication, as a name.
fn place(replication: &Replication) -> String {
    let to = &replication.destination;
    let parts = [Some(to.region.as_str()), to.project_id.as_deref(), to.vault_id.as_deref()];
    parts.map(Option::unwrap_or_default).join("/")
}

impl<'c> Starts<'_, 'c> {
    /// Leaves a copy to the full sweep.
    async fn leave(&mut self, want: &Want<'_>) -> Result<(), LedgerError> {
        self.looked.left += 1;
        leave(self.ctx, want, None).await
    }

    fn is_closed(&self, want: &Want<'_>) -> bool {
        self.state.closed.contains_key(&place(&want.replication))
    }

    /// What may be started: the rest is recorded and left to the full sweep.
    async fn within_limits(&mut self, wants: Vec<Want<'c>>) -> Result<Vec<Want<'c>>, LedgerError> {
        let mut open = Vec::with_capacity(wants.len());
        let mut wanted: HashMap<&'c str, u64> = HashMap::new();
        for want in wants {
            let paused = brake::on(self.ctx, self.scope.provider.cloud(), Some(&want.rule.name)).await?.is_some();
            if paused || self.is_closed(&want) {
                self.leave(&want).await?;
                continue;
            }
            *wanted.entry(&want.rule.name).or_default() += 1;
            open.push(want);
        }
        for rule in &self.scope.rules {
            if let Some(wanted) = wanted.get(rule.name.as_str()) {
                self.unused.insert(&rule.name, budget::reserve(self.ctx, rule, *wanted).await?);
            }
        }
        // What is reserved and not used yet is counted down from here.
        let mut may = self.unused.clone();
        let mut within = Vec::with_capacity(open.len());
        for want in open {
            match may.get_mut(want.rule.name.as_str()).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    within.push(want);
                }
                None => self.leave(&want).await?,
            }
        }
        Ok(within)
    }

    fn used(&mut self, rule: &Rule) {
        if let Some(unused) = self.unused.get_mut(rule.name.as_str()) {
            *unused = unused.saturating_sub(1);
        }
    }

    /// Starts copies by the path of every command. What there is no time for is asked for again.
    async fn run_here(&mut self, wants: Vec<Want<'c>>, invocation: &Invocation) -> Result<(), LedgerError> {
        let (ctx, provider) = (self.ctx, self.scope.provider);
        let mut wants: VecDeque<Want<'c>> = wants.into();
        let mut runs: FuturesUnordered<Boxed<'_, (Want<'c>, Outcome)>> = FuturesUnordered::new();
        loop {
            while runs.len() < ctx.settings.concurrency.max(1)
                && ctx.now() < invocation.stop()
                && !self.no_more
                && let Some(want) = wants.pop_front()
            {
                if self.is_closed(&want) {
                    self.leave(&want).await?;
                    continue;
                }
                runs.push(Box::pin(async move {
                    // It has no listing of the destination to rely on.
                    let known = Known::Nothing;
                    let outcome = replicate::run_knowing(ctx, provider, &want.replication, known, invocation).await;
                    (want, outcome)
                }));
            }
            let Some((want, outcome)) = runs.next().await else { break };
            self.became(&want, &outcome).await?;
            log_result(&invocation.id, &ReplicationResult { replication: Some(want.replication), outcome });
        }
        self.keep.extend(wants.iter().map(|want| want.backup.id.clone()));
        Ok(())
    }

    async fn became(&mut self, want: &Want<'c>, outcome: &Outcome) -> Result<(), LedgerError> {
        match outcome {
            Outcome::Accepted { receipts, replayed: false, .. } => {
                self.used(want.rule);
                self.unknown.remove(&place(&want.replication));
                let adopted = receipts.iter().filter(|receipt| receipt.adopted).count();
                self.looked.adopted += adopted as u64;
                self.looked.started += (receipts.len() - adopted) as u64;
                Ok(())
            }
            Outcome::Not(trouble) => self.not_started(want, trouble).await,
            _ => Ok(()),
        }
    }

    async fn not_started(&mut self, want: &Want<'c>, trouble: &Trouble) -> Result<(), LedgerError> {
        match trouble.state {
            TroubleState::InDoubt => {
                self.used(want.rule);
                self.looked.in_doubt += 1;
            }
            TroubleState::Refused => {
                self.looked.refused += 1;
                let record = self.ctx.ports.ledger.get(&want.replication.key()).await?;
                self.refused_by(want, record.and_then(|record| record.whose).unwrap_or(Whose::Backup));
            }
            TroubleState::NotStarted | TroubleState::Invalid if trouble.error.name == ErrorName::Configuration => {
                // A wrong setting stops all that goes there, and is recorded nowhere.
                self.close(want);
                self.leave(want).await?;
            }
            TroubleState::NotStarted | TroubleState::Invalid => {
                self.no_more |= trouble.error.name == ErrorName::Rejected;
                self.keep.insert(want.backup.id.clone());
            }
            TroubleState::Paused => self.looked.left += 1,
            TroubleState::Failed | TroubleState::Lost | TroubleState::Ineligible => {}
        }
        Ok(())
    }

    /// Takes note of a refusal. Of a cause that is not the backup's a look never tries twice: the full sweep does.
    fn refused_by(&mut self, want: &Want<'_>, whose: Whose) {
        let in_a_row = self.unknown.entry(place(&want.replication)).or_default();
        match whose {
            Whose::Backup => {}
            Whose::Unknown if *in_a_row + 1 < UNKNOWN_IN_A_ROW => *in_a_row += 1,
            _ => self.close(want),
        }
    }

    fn close(&mut self, want: &Want<'_>) {
        self.state.closed.insert(place(&want.replication), self.ctx.now());
    }

    /// Hands one command for each backup and rule to the work queue. What it does not take is asked for again.
    async fn hand_over(&mut self, queue: &dyn WorkQueue, wants: Vec<Want<'c>>) -> Result<(), LedgerError> {
        let mut commands: Vec<(Command, Vec<Want<'c>>)> = Vec::new();
        let mut places: HashMap<(String, &'c str), usize> = HashMap::new();
        for want in wants {
            let at = *places.entry((want.backup.id.clone(), &want.rule.name)).or_insert(commands.len());
            match commands.get_mut(at) {
                Some((command, all)) => {
                    command.destinations.push(want.replication.destination.clone());
                    all.push(want);
                }
                None => commands.push((want.replication.command(), vec![want])),
            }
        }
        let only: Vec<Command> = commands.iter().map(|(command, _)| command.clone()).collect();
        if !only.is_empty() {
            // This process asks the cloud for nothing more until its next look, and those who work on the commands begin now.
            pace::give_back(self.ctx, self.scope.cloud(), self.scope.account).await;
        }
        let sent = if only.is_empty() { Vec::new() } else { queue.hand_over(&only).await };
        for ((command, all), outcome) in commands.into_iter().zip(sent) {
            match outcome {
                Ok(()) => {
                    self.looked.handed_over += 1;
                    for want in &all {
                        self.used(want.rule);
                        self.put_off(want).await?;
                    }
                }
                Err(error) => {
                    tracing::error!(source = command.source.id, %error, "the work queue has not taken this command; the next look sends it again");
                    self.keep.insert(command.source.id);
                }
            }
        }
        Ok(())
    }

    /// Keeps others from handing the same over again while the work queue has it.
    async fn put_off(&self, want: &Want<'_>) -> Result<(), LedgerError> {
        let until = later(self.ctx.now(), HANDED_OVER_FOR);
        let Some(known) = &want.record else { return leave(self.ctx, want, Some(until)).await };
        let wait = |found: Option<&crate::ledger::Record>| {
            let found = found.filter(|found| found.state == Stands::Seen).ok_or(())?;
            let mut next = found.clone();
            next.not_before = Some(until);
            next.absent = None;
            next.version += 1;
            Ok((next, Expect::Was { version: found.version, owner: found.owner.clone() }))
        };
        update::<()>(&*self.ctx.ports.ledger, Some(known.clone()), wait).await?;
        Ok(())
    }

    /// Makes the call for a whole vault: once until the next full sweep, and never beside one.
    async fn vaults(&mut self, wants: Vec<Want<'c>>, invocation: &Invocation) -> Result<(), LedgerError> {
        let mut by_rule: Vec<(&'c Rule, Vec<Want<'c>>)> = Vec::new();
        for want in wants {
            match by_rule.iter_mut().find(|(rule, _)| rule.name == want.rule.name) {
                Some((_, all)) => all.push(want),
                None => by_rule.push((want.rule, vec![want])),
            }
        }
        let ctx = self.ctx;
        for (rule, wants) in by_rule {
            for want in &wants {
                leave(ctx, want, None).await?;
            }
            let running = progress::is_running(&*ctx.ports.notes, &rule.name, ctx.now()).await?;
            let closed = wants.iter().all(|want| self.is_closed(want));
            let paused = brake::on(ctx, self.scope.provider.cloud(), Some(&rule.name)).await?.is_some();
            if paused || running || closed || !budget::take_vault(ctx, rule).await? {
                self.looked.left += wants.len() as u64;
                continue;
            }
            let mut command = self.scope.provider.complete(&rule.command_of(""), &ctx.settings.defaults);
            command.destinations.retain(|to| wants.iter().any(|want| want.replication.destination == *to));
            if rule.operation == Operation::CopyCheckpoint {
                command.occurrence = Some(ctx.now().to_string());
            }
            if let Some(queue) = &ctx.ports.work_queue {
                let sent = queue.hand_over(std::slice::from_ref(&command)).await;
                self.looked.handed_over += sent.iter().filter(|sent| sent.is_ok()).count() as u64;
                continue;
            }
            for replication in command.replications() {
                let outcome = replicate::run(ctx, self.scope.provider, &replication, invocation).await;
                match &outcome {
                    Outcome::Accepted { receipts, replayed: false, .. } => self.looked.started += receipts.len() as u64,
                    Outcome::Not(trouble) if trouble.state == TroubleState::Refused => self.looked.refused += 1,
                    _ => {}
                }
                log_result(&invocation.id, &ReplicationResult { replication: Some(replication), outcome });
            }
        }
        Ok(())
    }
}
