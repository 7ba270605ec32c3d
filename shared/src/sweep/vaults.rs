//! Calls for a whole vault: a pair of vaults, and the copy of every backup of a vault.

use super::pages::Judged;
use super::starts::start;
use super::state::Sweep;
use super::stop::Stop;
use super::verdict::{DestinationView, Judgement, judge};
use crate::model::command::Operation;
use crate::replicate::Known;
use crate::replicate::outcome::{Outcome, TroubleState};

impl Sweep<'_> {
    /// Sets up a pair of vaults as soon as one of its backups is due, so that this backup and all after it count as on their way.
    /// This is tried once; [`Sweep::start_vaults`] tries again at the end of the list.
    pub(super) async fn start_pair(&mut self, judged: &mut [Judged]) -> Result<(), Stop> {
        if self.pair.is_none() || self.is_dry_run() || self.no_more || !self.course.vault_due.contains(&true) {
            return Ok(());
        }
        self.no_more = true;
        self.start_vaults().await?;
        let Some(whole) = Sweep::whole(self.ctx, self.provider, self.rule) else { return Ok(()) };
        let record = self.ctx.ports.ledger.get(&whole.key()).await?;
        let (times, now) = (&self.ctx.settings.observation, self.ctx.now());
        for one in judged.iter_mut().filter(|one| one.judgement == Judgement::Missing) {
            let destination = &one.replication.destination;
            one.judgement = judge(&one.backup, destination, record.as_ref(), &DestinationView::Nothing, times, now);
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
            let outcome = start(self.ctx, self.provider, replication, Known::Nothing, &self.soon()).await;
            self.course.started += outcome.started();
            if matches!(&outcome, Outcome::Not(trouble) if trouble.state == TroubleState::Refused) {
                self.course.refused += 1;
            }
        }
        self.course.vault_due.fill(false);
        Ok(())
    }
}
