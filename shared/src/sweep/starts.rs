//! What a sweep has started: by this function itself, or by others through the work queue.

use futures_util::{StreamExt, stream};
use std::time::Duration;

use super::pages::Judged;
use super::state::Sweep;
use super::stop::Stop;
use super::verdict::{DestinationView, Judgement, Proof, is_due, judge};
use crate::ledger::store::Expect;
use crate::ledger::{self, Claimant, State};
use crate::model::command::{Command, Operation};
use crate::model::time::later;
use crate::ports::Boxed;
use crate::replicate;
use crate::replicate::outcome::{Outcome, ReplicationResult, TroubleState, log_result};

/// How long a command that was handed over is not sent again, so that a work queue that is behind does not fill with repetitions.
const HANDED_OVER_FOR: Duration = Duration::from_secs(900);

impl Sweep<'_> {
    /// Starts what is due on this page, within the limits, and updates the verdicts with what came of it.
    pub(super) async fn start_due(&mut self, judged: &mut [Judged]) -> Result<(), Stop> {
        let now = self.ctx.now();
        let mut attempts = self.ctx.settings.attempts;
        attempts.restart_lost = self.rule.limits.restart_lost;
        let vault_wide = self.rule.operation.source_field() == "vault_id";
        let mut due = Vec::new();
        for (at, one) in judged.iter().enumerate() {
            if !is_due(&one.judgement, one.record.as_ref(), &attempts, now) {
                continue;
            }
            let doubt = one.judgement == Judgement::InDoubt;
            self.course.due += u64::from(!doubt);
            if vault_wide && !doubt {
                if let Some(due) = self.course.vault_due.get_mut(one.at) {
                    *due = true;
                }
            } else if doubt || self.may_start() {
                self.course.started += u64::from(!doubt);
                due.push(at);
            }
        }
        if self.ctx.settings.read_only {
            return Ok(());
        }
        self.remember_missing(judged, &due).await?;
        if self.ctx.settings.paused {
            return Ok(());
        }
        if self.ctx.ports.work_queue.is_some() {
            self.hand_over(judged, &due).await
        } else {
            self.run_here(judged, &due).await?;
            self.start_pair(judged).await
        }
    }

    /// Sets up a pair of vaults as soon as one of its backups is due, so that this backup and all after it count as on their way.
    /// This is tried once; [`Sweep::start_vaults`] tries again at the end of the list.
    async fn start_pair(&mut self, judged: &mut [Judged]) -> Result<(), Stop> {
        if self.pair.is_none() || self.no_more || !self.course.vault_due.contains(&true) {
            return Ok(());
        }
        self.no_more = true;
        self.start_vaults().await?;
        let Some(whole) = Sweep::whole(self.ctx, self.provider, self.rule) else { return Ok(()) };
        let record = self.ctx.ports.ledger.get(&whole.key()).await?;
        let (times, now) = (&self.ctx.settings.observation, self.ctx.now());
        for one in judged.iter_mut().filter(|one| one.judgement == Judgement::Missing) {
            one.judgement = judge(
                &one.backup,
                &one.replication.destination,
                record.as_ref(),
                &DestinationView::Nothing,
                times,
                now,
            );
        }
        if let Some((_, known)) = &mut self.pair {
            *known = record;
        }
        Ok(())
    }

    /// Makes the vault-wide call, once for each destination that is due.
    pub(super) async fn start_vaults(&mut self) -> Result<(), Stop> {
        if self.is_dry_run() || !self.course.vault_due.contains(&true) {
            return Ok(());
        }
        let mut command = self.provider.complete(&self.rule.command_of(""), &self.ctx.settings.defaults);
        let due = self.course.vault_due.clone();
        let mut wanted = due.iter();
        command.destinations.retain(|_| wanted.next().copied().unwrap_or(false));
        if self.rule.operation == Operation::CopyCheckpoint {
            command.occurrence = Some(self.course.begun.to_string());
        }
        if let Some(queue) = &self.ctx.ports.work_queue {
            let sent = queue.hand_over(std::slice::from_ref(&command)).await;
            self.course.handed_over += sent.iter().filter(|sent| sent.is_ok()).count() as u64;
            return Ok(());
        }
        for replication in command.replications() {
            let outcome = replicate::run(self.ctx, self.provider, &replication, &self.soon()).await;
            if let Outcome::Accepted { receipts, replayed: false, .. } = &outcome {
                self.course.started += receipts.len() as u64;
            }
            log_result(&self.invocation.id, &ReplicationResult { replication: Some(replication), outcome });
        }
        self.course.vault_due.fill(false);
        Ok(())
    }

    fn may_start(&mut self) -> bool {
        let limit = self.rule.limits.max_new_per_sweep.map_or(u64::MAX, u64::from);
        if self.course.started >= limit {
            self.no_more = true;
        }
        !self.no_more && !self.is_dry_run()
    }

    fn is_dry_run(&self) -> bool {
        self.ctx.settings.paused || self.ctx.settings.read_only
    }

    /// Records each backup that stays without a copy for now. If its source goes, the record shows that it was missed.
    async fn remember_missing(&self, judged: &[Judged], due: &[usize]) -> Result<(), Stop> {
        if self.pair.is_some() {
            return Ok(());
        }
        let handed_over = self.ctx.ports.work_queue.is_some();
        for (at, one) in judged.iter().enumerate() {
            let starts = due.contains(&at);
            if one.record.is_some() || one.judgement != Judgement::Missing || (starts && !handed_over) {
                continue;
            }
            let now = self.ctx.now();
            let me = Claimant { owner: self.course.run.clone(), lease_until: now, now };
            let until = starts.then(|| later(now, HANDED_OVER_FOR));
            let record = ledger::put_off(&one.replication, &me, until);
            // If somebody else has written a record first, that one knows more and stays.
            self.ctx.ports.ledger.put(&record, &Expect::Absent).await?;
        }
        Ok(())
    }

    /// Hands one command for each backup to the work queue, with the destinations that are due.
    async fn hand_over(&mut self, judged: &[Judged], due: &[usize]) -> Result<(), Stop> {
        let Some(queue) = &self.ctx.ports.work_queue else { return Ok(()) };
        let mut commands: Vec<Command> = Vec::new();
        for one in due.iter().filter_map(|at| judged.get(*at)) {
            match commands.last_mut().filter(|last| last.source.id == one.backup.id) {
                Some(last) => last.destinations.push(one.replication.destination.clone()),
                None => commands.push(one.replication.command()),
            }
        }
        if commands.is_empty() {
            return Ok(());
        }
        let sent = queue.hand_over(&commands).await;
        for (command, outcome) in commands.iter().zip(&sent) {
            match outcome {
                Ok(()) => self.course.handed_over += 1,
                Err(error) => {
                    self.course.started = self.course.started.saturating_sub(command.destinations.len() as u64);
                    tracing::error!(source = command.source.id, %error, "the work queue has not taken this command; a sweep after 15 minutes sends it again");
                }
            }
        }
        Ok(())
    }

    /// Starts replications in this function by the path of every command, several at once.
    async fn run_here(&mut self, judged: &mut [Judged], due: &[usize]) -> Result<(), Stop> {
        let (ctx, provider, invocation) = (self.ctx, self.provider, &self.soon());
        let runs: Vec<Boxed<'_, (usize, Outcome)>> = due
            .iter()
            .filter_map(|at| Some((*at, judged.get(*at)?.replication.clone())))
            .map(|(at, replication)| -> Boxed<'_, (usize, Outcome)> {
                Box::pin(async move {
                    let outcome = replicate::run(ctx, provider, &replication, invocation).await;
                    log_result(
                        &invocation.id,
                        &ReplicationResult { replication: Some(replication), outcome: outcome.clone() },
                    );
                    (at, outcome)
                })
            })
            .collect();
        let outcomes: Vec<(usize, Outcome)> = stream::iter(runs).buffered(ctx.settings.concurrency).collect().await;
        for (at, outcome) in outcomes {
            let Some(one) = judged.get_mut(at) else { continue };
            match outcome {
                Outcome::Accepted { replayed, .. } => {
                    let record = ctx.ports.ledger.get(&one.replication.key()).await?;
                    one.judgement = match record.map(|record| record.state) {
                        Some(State::Replicated) if replayed => {
                            Judgement::Replicated { proof: Proof::Observed, id: None }
                        }
                        _ => Judgement::InProgress,
                    };
                }
                Outcome::NoWork { .. } | Outcome::Would { .. } | Outcome::Noted { .. } => {}
                Outcome::Not(trouble) => {
                    let words =
                        format!("{}: {}", trouble.code.as_deref().unwrap_or("not started"), trouble.error.message);
                    match trouble.state {
                        TroubleState::Refused | TroubleState::Failed => one.judgement = Judgement::Failed(words),
                        TroubleState::InDoubt => one.judgement = Judgement::InDoubt,
                        TroubleState::Ineligible => one.judgement = Judgement::Ineligible(trouble.error.message),
                        TroubleState::Lost => one.judgement = Judgement::Lost(words),
                        TroubleState::NotStarted | TroubleState::Invalid => {
                            if one.judgement != Judgement::InDoubt {
                                self.course.started = self.course.started.saturating_sub(1);
                            }
                            // A credential that is refused is not tried for every other backup.
                            self.no_more |= trouble.error.name == crate::model::error::ErrorName::Rejected;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
