//! Copies that were seen once and that the listing of their destination does not show: each is asked for by its own ID.

use std::time::Duration;

use super::due::Due;
use super::findings::{Line, place};
use super::starts::start;
use super::state::Sweep;
use super::stop::Stop;
use super::verdict::Verdict;
use crate::ledger::{Record, State};
use crate::model::time::later;
use crate::observe;
use crate::replicate::Known;

/// How often more a destination is asked that does not answer.
const MORE: usize = 3;

impl Sweep<'_> {
    /// Decides for each destination whether so much is gone that a person must look first, then asks for each lost copy by its ID.
    pub(super) async fn losses(&mut self) -> Result<(), Stop> {
        self.find_mass_losses().await?;
        // They come in the order in which they were found; each is taken off once it is counted.
        while let Some(due) = self.lost.front().cloned() {
            self.ask_for(due).await?;
            self.lost.pop_front();
            self.tick().await?;
        }
        Ok(())
    }

    async fn ask_for(&mut self, due: Due) -> Result<(), Stop> {
        let Due { at, mut line, .. } = due;
        let mass = self.course.mass_loss.get(at).is_some_and(Option::is_some);
        if mass || self.ctx.settings.read_only {
            self.found(line);
            return Ok(());
        }
        let Some(replication) = self.replication(at, &line.backup_id) else { return Ok(()) };
        let Some(record) = self.ctx.ports.ledger.get(&replication.key()).await? else {
            self.found(line);
            return Ok(());
        };
        self.course.requests += 1;
        let (mut record, mut unanswered) = observe::confirm(self.ctx, &replication, record, self.invocation).await?;
        for _ in 0..MORE {
            if unanswered.is_none() {
                break;
            }
            if later(self.ctx.now(), Duration::from_secs(1)) >= self.invocation.stop() {
                return Err(Stop::Time);
            }
            (record, unanswered) = observe::confirm(self.ctx, &replication, record, self.invocation).await?;
        }
        match (record.state, unanswered) {
            (State::Lost, _) => {
                line.reason = record.last().and_then(|last| last.note.clone()).or(line.reason);
                self.again(&mut line, at, &record).await?;
            }
            (State::Replicated, None) => line.verdict = Verdict::Replicated,
            (_, Some(why)) => {
                line.verdict = Verdict::Unknown;
                line.reason = Some(format!("the listing does not show the copy, and it could not be asked for: {why}"));
            }
            (state, None) => line.verdict = Verdict::of_state(state).unwrap_or(line.verdict),
        }
        self.found(line);
        Ok(())
    }

    /// Makes a lost copy again in the same sweep, where the rule says so.
    async fn again(&mut self, line: &mut Line, at: usize, record: &Record) -> Result<(), Stop> {
        let full = self.no_more || self.is_dry_run() || self.course.started >= self.limit();
        if !self.rule.limits.restart_lost || full || record.attempt >= self.ctx.settings.attempts.limit {
            return Ok(());
        }
        let Some(replication) = self.replication(at, &line.backup_id) else { return Ok(()) };
        let key = replication.key();
        let outcome = start(self.ctx, self.provider, replication, Known::Nothing, &self.soon()).await;
        self.course.started += outcome.started();
        if let Some(now) = self.ctx.ports.ledger.get(&key).await? {
            line.verdict = Verdict::of_state(now.state).unwrap_or(line.verdict);
            if now.state == State::Accepted {
                let region = self.rule.destinations.get(at).map(place).unwrap_or_default();
                line.reason = Some(format!("the copy in {region} was lost and is being made again"));
            }
        }
        Ok(())
    }
}
