//! Asks after open business whose backup the listing did not show: is the backup gone or not covered any more, and was it ever copied?

use jiff::Timestamp;

use super::chunks::short;
use super::findings::{Line, place};
use super::register::Copied;
use super::state::Sweep;
use super::stop::Stop;
use super::summary;
use super::verdict::Verdict;
use crate::exchange::{self, Target};
use crate::ledger::store::RecordFilter;
use crate::ledger::{self, About, Claimant, Parting, Record, State};
use crate::model::backup::{Backup, Eligibility};
use crate::model::command::{Key, Operation, Replication};
use crate::model::evidence::How;
use crate::model::failure::Disposition;
use crate::model::time::later;
use crate::observe;
use crate::policy::Coverage;
use crate::providers::inventory::InventoryQuery;
use crate::providers::provider::{AttemptContext, ReadBack};
use crate::replicate::{self, Written, outbox, read_back, update};

impl Sweep<'_> {
    /// Goes through the unfinished business of the rule.
    pub(super) async fn gone(&mut self) -> Result<(), Stop> {
        self.since = self.first_sweeps().await?;
        let before = summary::read(&*self.ctx.ports.notes, &self.rule.name).await?;
        self.edited = before.is_some_and(|(before, _)| before.rule_hash != self.course.rule_hash);
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

    /// Takes note of the copy of an open replication whose source is not listed.
    fn note_copy(&mut self, replication: &Replication, record: &Record, at: usize) {
        let (Some(id), Some(made)) = (&record.about.resource, record.about.made) else { return };
        let copy = record.evidence.as_ref().and_then(|seen| seen.destination_id.clone());
        let copied = Copied { made, backup: replication.source.id.clone(), copy };
        self.register.copy(id, record.about.kind.as_deref(), at, copied);
    }

    /// Takes note of the copies in other destinations, of which no sweep may have heard: only a command was about their backup.
    async fn note_other_copies(&mut self, replication: &Replication, record: &Record, own: usize) -> Result<(), Stop> {
        for at in 0..self.rule.destinations.len() {
            let noted = || self.register.has_copy(&self.line(replication, record, None), at, None);
            if at == own || self.is_dark(at) || noted() {
                continue;
            }
            let Some(other) = self.replication(at, &replication.source.id) else { continue };
            let copied = self.ctx.ports.ledger.get(&other.key()).await?;
            let Some(copied) = copied.filter(|one| one.state == State::Replicated) else { continue };
            let id = copied.evidence.as_ref().and_then(|seen| seen.destination_id.as_deref());
            let keys = self.provider.inventory().source_keys(&other.source.id, &other.source.region);
            if self.indexes.get(at).is_some_and(|index| index.shows(&keys, id)) {
                self.note_copy(&other, &copied, at);
            }
        }
        Ok(())
    }

    async fn ask_after(&mut self, record: Record) -> Result<(), Stop> {
        let Ok(replication) = record.replication() else { return Ok(()) };
        // A vault-wide call's own record is not about a backup.
        if replication.operation.source_field() == "vault_id" {
            return Ok(());
        }
        let Some(at) = self.rule.destinations.iter().position(|one| *one == replication.destination) else {
            return self
                .part(&replication, record, Parting::Excluded, "the rule does not name this destination any more")
                .await;
        };
        self.note_other_copies(&replication, &record, at).await?;
        let keys = self.provider.inventory().source_keys(&replication.source.id, &replication.source.region);
        let seen = record.evidence.as_ref().and_then(|seen| seen.destination_id.as_deref());
        let given = record.receipts.iter().filter_map(|receipt| receipt.replication_id.as_deref());
        let ids: Vec<&str> = seen.into_iter().chain(given).collect();
        let index = self.indexes.get(at).filter(|_| !self.is_dark(at));
        let shown =
            index.is_some_and(|index| index.shows(&keys, None) || ids.iter().any(|id| index.shows(&[], Some(id))));
        let (only_looks, paused) = (self.ctx.settings.read_only, self.paused);
        let leased = record.lease_until.is_some_and(|until| until > self.ctx.now());
        if shown {
            // Its copy was counted, or protects its resource although its source is gone. The path of every command adopts it.
            self.note_copy(&replication, &record, at);
            if record.state == State::Seen && record.receipts.is_empty() {
                return self.found_by(record, None, How::Observed).await;
            }
            if !only_looks && !paused && !leased && !matches!(record.state, State::Accepted | State::Lost) {
                replicate::run(self.ctx, self.provider, &replication, &self.soon()).await;
            }
            return Ok(());
        }
        let settled = !matches!(record.state, State::Claimed | State::InDoubt | State::Accepted);
        if settled && self.rule.source.select.leaves_out(&replication.source.id, &record.about) {
            return self.part(&replication, record, Parting::Excluded, "the rule leaves it out").await;
        }
        // What began after the listing is counted, and the next sweep asks after it. What a clock that was ahead wrote may be older.
        let young = (self.course.begun..=self.ctx.now()).contains(&record.since);
        if young && record.state == State::Seen && self.is_dark(at) {
            // The listing has shown its source, and counted it as unknown.
            return Ok(());
        }
        let listed = only_looks || leased || young || matches!(record.state, State::Missed | State::Left);
        if listed || self.is_dark(at) {
            self.list(&replication, &record, None);
            return Ok(());
        }
        if replication.operation == Operation::CarryBackup {
            return self.never_carried(&replication, record, at).await;
        }
        match record.state {
            State::Accepted => self.settle_accepted(&replication, record, at).await,
            // The path of every command asks again whether there is a copy, adopts it, and settles the doubt.
            State::InDoubt | State::Claimed => {
                if paused {
                    if !self.is_there(&replication, &record, at).await? {
                        self.list(&replication, &record, None);
                    }
                    return Ok(());
                }
                replicate::run(self.ctx, self.provider, &replication, &self.soon()).await;
                let now = self.ctx.ports.ledger.get(&replication.key()).await?.unwrap_or(record);
                match now.state {
                    State::InDoubt | State::Claimed => self.list(&replication, &now, None),
                    State::Accepted => return self.settle_accepted(&replication, now, at).await,
                    // It came to nothing: what becomes of it is settled at once.
                    State::Refused | State::Failed => return self.never_copied(&replication, now, at).await,
                    _ => {}
                }
                Ok(())
            }
            // That the source goes makes nothing better: it stays lost until a person has acknowledged it.
            State::Lost => {
                self.list(&replication, &record, None);
                Ok(())
            }
            _ => self.never_copied(&replication, record, at).await,
        }
    }

    /// Asks after an accepted copy, and settles at once what becomes of one that came to nothing.
    async fn settle_accepted(&mut self, replication: &Replication, record: Record, at: usize) -> Result<(), Stop> {
        match self.accepted(replication, record, at).await? {
            Some(failed) => self.never_copied(replication, failed, at).await,
            None => Ok(()),
        }
    }

    /// Asks the destination by the copy's own ID: a list does not always name the source. Gives back what has come to nothing.
    pub(super) async fn accepted(
        &mut self,
        replication: &Replication,
        record: Record,
        at: usize,
    ) -> Result<Option<Record>, Stop> {
        self.course.requests += 1;
        let (record, _) = observe::confirm(self.ctx, replication, record, self.invocation).await?;
        match record.state {
            State::Replicated => self.note_copy(replication, &record, at),
            State::Failed => return Ok(Some(record)),
            _ => self.list(replication, &record, None),
        }
        Ok(None)
    }

    async fn is_there(&mut self, replication: &Replication, record: &Record, at: usize) -> Result<bool, Stop> {
        Ok(matches!(self.read_back(replication, record, at, true).await?, Some(ReadBack::Found(_))))
    }

    /// Whether the destination may hide a copy that was first told of at `since`.
    fn may_be_hidden(&self, since: Timestamp) -> bool {
        self.ctx.now() < later(since, self.provider.unseen().hidden)
    }

    /// A backup for which nothing was accepted, and which the listing did not show.
    async fn never_copied(&mut self, replication: &Replication, record: Record, at: usize) -> Result<(), Stop> {
        // The listing shows that a copy is being made, by whatever attempt.
        let keys = self.provider.inventory().source_keys(&replication.source.id, &replication.source.region);
        if self.indexes.get(at).is_some_and(|index| index.makes(&keys)) {
            self.found(Line { verdict: Verdict::InProgress, ..self.line(replication, &record, None) });
            return Ok(());
        }
        // What the source has told of a copy of another hand, while it was there.
        let begun = record.about.copying.clone().filter(|_| record.state == State::Seen);
        let gone = match self.read_back(replication, &record, at, false).await? {
            // There is a copy that the ledger does not know: the path of every command adopts it.
            Some(ReadBack::Found(_)) => {
                if !self.paused {
                    replicate::run(self.ctx, self.provider, replication, &self.soon()).await;
                }
                // What is listed was judged there. Anything else stays told until the destination itself shows the copy.
                if matches!(self.source(replication, &record.about).await?, Some(Source::Covered)) {
                    return Ok(());
                }
                let now = self.ctx.ports.ledger.get(&replication.key()).await?;
                self.list(replication, now.as_ref().unwrap_or(&record), None);
                return Ok(());
            }
            // Another hand had begun a copy, which is asked for from here on.
            Some(ReadBack::NoSource(_)) if begun.as_ref().is_some_and(|begun| begun.id.is_some()) => {
                return self.take_over(replication, record, at).await;
            }
            // Another hand's copy is being made, whether the rule still takes its source or not.
            Some(ReadBack::Running) => {
                self.found(Line { verdict: Verdict::InProgress, ..self.line(replication, &record, None) });
                return Ok(());
            }
            // It was being made when its source was last listed, and the destination may not show it yet.
            Some(ReadBack::NoSource(_)) if begun.is_some_and(|begun| self.may_be_hidden(begun.since)) => {
                self.list(replication, &record, None);
                return Ok(());
            }
            Some(ReadBack::NoSource(why)) => Some(Source::Gone(why)),
            Some(_) => self.source(replication, &record.about).await?,
            None => None,
        };
        self.departed(replication, record, at, gone).await
    }

    /// Settles what became of a backup without a copy, by what its source says; `None` if that could not be asked.
    pub(super) async fn departed(
        &mut self,
        replication: &Replication,
        record: Record,
        at: usize,
        gone: Option<Source>,
    ) -> Result<(), Stop> {
        let (how, why) = match gone {
            Some(Source::Gone(why)) => (Parting::Missed, why),
            Some(Source::Left(why)) => (Parting::Left, why),
            Some(Source::Excluded(why)) => (Parting::Excluded, why),
            Some(Source::Covered) | None => {
                self.list(replication, &record, None);
                return Ok(());
            }
        };
        let made = record.about.made;
        let line = self.line(replication, &record, None);
        let now = self.ctx.now();
        let lag = self.rule.effective().map(|objective| objective.max_lag).unwrap_or_default();
        let due = made.is_some_and(|made| later(made, lag) <= now);
        let historic = line.is_historic(self.since.get(at).copied());
        // What was a gap stays a breach, whatever became of the attempts to copy it.
        let overtaken = (historic || !due) && made.is_some() && self.register.has_copy(&line, at, made);
        let how = match how {
            Parting::Excluded => how,
            // What cannot be copied speaks through its resource.
            _ if overtaken || record.state == State::Ineligible => Parting::Overtaken,
            other => other,
        };
        self.part(replication, record, how, &why).await
    }

    /// Reads the source by its own ID, among those of the type that was noted where the cloud asks for one. `None` if it cannot be read.
    pub(super) async fn source(&mut self, replication: &Replication, noted: &About) -> Result<Option<Source>, Stop> {
        let source = &replication.source;
        let scope = InventoryQuery {
            source_types: noted.kind.clone().into_iter().collect(),
            ..InventoryQuery::of(replication.operation, &source.region, source.project_id.clone())
        };
        let inventory = self.provider.inventory();
        let Some(call) = inventory.show(&scope, &source.id) else { return Ok(None) };
        self.course.requests += 1;
        let shown = exchange::read_as(self.ctx, self.target(), &call, self.invocation.stop(), |reply| {
            inventory.shown(&scope, &source.id, &reply)
        });
        match shown.await {
            Ok(None) => Ok(Some(Source::Gone("the provider says that there is no such backup".to_owned()))),
            Ok(Some(backup)) => Ok(Some(match (&backup.eligibility, self.rule.covers(&backup, self.ctx.now())) {
                (Eligibility::NotCovered(why), _) => Source::Left((*why).to_owned()),
                (_, Coverage::NotCovered(why)) => {
                    let of = noted.resource.clone().or_else(|| backup.resource.clone());
                    let noted = About { resource: of, ..noted.clone() };
                    let named = noted.name.clone().or_else(|| backup.name.clone());
                    let before = Backup { name: named, ..backup.clone() };
                    let renamed = self.rule.covers(&before, self.ctx.now()) == Coverage::Covered;
                    let excluded = self.rule.source.select.leaves_out(&source.id, &noted) || (self.edited && !renamed);
                    if excluded { Source::Excluded(why) } else { Source::Left(why) }
                }
                _ => Source::Covered,
            })),
            Err(failure) if failure.disposition == Disposition::Permanent => Ok(None),
            Err(failure) => Err(self.stopped_by(&failure)),
        }
    }

    /// Reads back. `None` if the provider's state forbids the copy, or the destination does not answer any more.
    async fn read_back(
        &mut self,
        replication: &Replication,
        record: &Record,
        at: usize,
        doubt: bool,
    ) -> Result<Option<ReadBack>, Stop> {
        // What a failed attempt has left at the source is no copy.
        let intent = match record.last().filter(|_| record.state == State::Failed) {
            Some(failed) => AttemptContext { attempt: record.attempt + 1, since: failed.time, doubt },
            None => AttemptContext { attempt: record.attempt, since: record.since, doubt },
        };
        self.course.requests += 1;
        let target = Target::of(self.provider, replication);
        match read_back(self.ctx, target, replication, &intent, self.invocation.stop(), &mut record.about.clone()).await
        {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.disposition == Disposition::Permanent => Ok(None),
            Err(failure) => self.fell_silent(at, &failure).map(|()| None),
        }
    }

    pub(super) async fn part(
        &mut self,
        replication: &Replication,
        record: Record,
        how: Parting,
        reason: &str,
    ) -> Result<(), Stop> {
        let parted = self.note_parting(replication, record, how, reason).await?;
        // What went to a destination that the rule does not name any more is told once, by its message.
        if let Some(next) = parted.filter(|_| self.rule.destinations.contains(&replication.destination)) {
            self.list(replication, &next, Some(reason));
        }
        Ok(())
    }

    /// Writes down how a backup or its copy parts from the rule, and tells of it. `None` if it is not written.
    pub(super) async fn note_parting(
        &self,
        replication: &Replication,
        record: Record,
        how: Parting,
        reason: &str,
    ) -> Result<Option<Record>, Stop> {
        if self.ctx.settings.read_only {
            return Ok(None);
        }
        let now = self.ctx.now();
        let me = Claimant { owner: record.owner.clone(), lease_until: now, now };
        let part = |found: Option<&Record>| found.and_then(|found| ledger::part(found, how, &me, reason)).ok_or(());
        let Written::Stored(next) = update(&*self.ctx.ports.ledger, Some(record), part).await? else { return Ok(None) };
        outbox::deliver(self.ctx, replication, &next, self.invocation).await;
        Ok(Some(*next))
    }

    pub(super) fn list(&mut self, replication: &Replication, record: &Record, reason: Option<&str>) {
        let line = self.line(replication, record, reason);
        self.found(line);
    }

    fn line(&self, replication: &Replication, record: &Record, reason: Option<&str>) -> Line {
        let last = record.last();
        let verdict = match record.state {
            State::Claimed if record.lease_until.is_some_and(|until| until > self.ctx.now()) => Verdict::InProgress,
            State::Claimed => Verdict::InDoubt,
            // The source's last word, as long as nobody has found out more.
            State::Seen if record.about.copying.is_some() => Verdict::InProgress,
            State::Seen | State::Missed | State::Left if self.being_made.contains(&short(&record.key)) => {
                Verdict::InProgress
            }
            state => Verdict::of_state(state).unwrap_or(Verdict::Missing),
        };
        Line {
            verdict,
            backup_id: replication.source.id.clone(),
            name: record.about.name.clone(),
            resource: record.about.resource.clone(),
            resource_kind: record.about.kind.clone(),
            source_region: replication.source.region.clone(),
            destination: place(&replication.destination),
            created_at: record.about.made,
            size_gib: None,
            cause: last.and_then(|line| line.code.clone()),
            reason: reason.map(str::to_owned).or_else(|| last.and_then(|line| line.note.clone())),
            key: Some(record.key.clone()),
        }
    }
}

/// What became of a source that the listing did not show.
pub(super) enum Source {
    Gone(String),
    /// It is not what the rule takes any more.
    Left(String),
    /// It is what it was, and the rule was edited.
    Excluded(String),
    Covered,
}
