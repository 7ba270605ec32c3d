//! Asks after unfinished records whose backup the listing did not show: is the backup gone, and was it never copied?

use super::chunks::short;
use super::findings::Line;
use super::state::Sweep;
use super::stop::Stop;
use super::verdict::Verdict;
use crate::exchange::Target;
use crate::ledger::store::RecordFilter;
use crate::ledger::{self, Claimant, Record, State};
use crate::model::command::{Key, Replication};
use crate::model::failure::Disposition;
use crate::providers::provider::{AttemptContext, ReadBack};
use crate::replicate::{self, Written, outbox, read_back, update};

impl Sweep<'_> {
    /// Goes through the unfinished business of the rule.
    pub(super) async fn gone(&mut self) -> Result<(), Stop> {
        if self.pair.is_some() {
            return Ok(());
        }
        let filter = RecordFilter { rule: Some(self.rule.name.clone()), ..RecordFilter::default() };
        loop {
            let after = self.course.cursor.clone().map(Key);
            let page = self.ctx.ports.ledger.list(&filter, after.as_ref(), 100).await?;
            if let Some(error) = page.unreadable.first() {
                return Err(Stop::Failed(error.to_string()));
            }
            for record in page.records {
                let key = record.key.clone();
                if !self.exceptions.contains(&short(&key)) {
                    self.ask_after(record).await?;
                }
                // The cursor moves after each question, so that even very short invocations come to an end.
                self.course.cursor = Some(key);
                self.tick().await?;
            }
            self.course.cursor = page.next.map(|key| key.0);
            if self.course.cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn ask_after(&mut self, record: Record) -> Result<(), Stop> {
        let Ok(replication) = record.replication() else { return Ok(()) };
        // A vault-wide call's own record is not about a backup.
        if replication.operation.source_field() == "vault_id" {
            return Ok(());
        }
        match record.state {
            State::Seen | State::Refused | State::Failed | State::Ineligible if !self.ctx.settings.read_only => {
                match self.read_back(&replication, &record, false).await? {
                    Some(ReadBack::NoSource(reason)) => self.miss(&replication, record, &reason).await,
                    // There is a copy that the ledger does not know: the path of every command adopts it.
                    Some(ReadBack::Found(_)) if !self.ctx.settings.paused => {
                        replicate::run(self.ctx, self.provider, &replication, &self.soon()).await;
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
            // The path of every command asks again whether there is a copy, and settles the doubt.
            State::InDoubt if !self.ctx.settings.read_only => {
                let paused = self.ctx.settings.paused;
                if paused && self.is_there(&replication, &record).await? {
                    return Ok(());
                }
                if !paused {
                    replicate::run(self.ctx, self.provider, &replication, &self.soon()).await;
                }
                let now = self.ctx.ports.ledger.get(&replication.key()).await?;
                if let Some(record) = now.filter(|now| now.state == State::InDoubt) {
                    self.list(&replication, &record, None);
                }
                Ok(())
            }
            State::Lost if self.is_there(&replication, &record).await? => Ok(()),
            State::Missed | State::Lost | State::InDoubt => {
                self.list(&replication, &record, None);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn is_there(&mut self, replication: &Replication, record: &Record) -> Result<bool, Stop> {
        Ok(matches!(self.read_back(replication, record, true).await?, Some(ReadBack::Found(_))))
    }

    /// Reads back. `None` if the provider's state forbids the copy; a question without an answer stops the sweep.
    async fn read_back(
        &mut self,
        replication: &Replication,
        record: &Record,
        doubt: bool,
    ) -> Result<Option<ReadBack>, Stop> {
        let intent = AttemptContext { attempt: record.attempt, since: record.since, doubt };
        self.course.requests += 1;
        let target = Target::of(self.provider, replication);
        match read_back(self.ctx, target, replication, &intent, self.invocation.stop()).await {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.disposition == Disposition::Permanent => Ok(None),
            Err(failure) => Err(self.stopped_by(&failure)),
        }
    }

    async fn miss(&mut self, replication: &Replication, record: Record, reason: &str) -> Result<(), Stop> {
        let now = self.ctx.now();
        let me = Claimant { owner: record.owner.clone(), lease_until: now, now };
        let miss = |found: Option<&Record>| found.and_then(|found| ledger::missed(found, &me, reason)).ok_or(());
        if let Written::Stored(next) = update(&*self.ctx.ports.ledger, Some(record), miss).await? {
            outbox::deliver(self.ctx, replication, &next, self.invocation).await;
            self.list(replication, &next, Some(reason));
        }
        Ok(())
    }

    fn list(&mut self, replication: &Replication, record: &Record, reason: Option<&str>) {
        let Some(verdict) = Verdict::of_state(record.state) else { return };
        self.course.counts.add(verdict);
        let said = record.last().and_then(|entry| entry.note.clone());
        let line = Line {
            verdict,
            backup_id: replication.source.id.clone(),
            name: None,
            resource: None,
            source_region: replication.source.region.clone(),
            destination: super::pages::place(&replication.destination),
            created_at: None,
            reason: reason.map(str::to_owned).or(said),
            key: Some(record.key.clone()),
        };
        self.find(&line);
    }
}
