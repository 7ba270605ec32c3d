//! What a sweep writes down of each backup, so that it is judged also when it is gone: an open record as long as no usable copy was seen.
//!
//! A copy that nothing here started ends that record without a word: another hand made it, or a pair of vaults carried the backup.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::chunks::short;
use super::gone::Source;
use super::pages::{Judged, hash_of_id};
use super::state::Sweep;
use super::stop::Stop;
use super::verdict::Judgement;
use crate::ledger::store::{Expect, LedgerError, RecordFilter};
use crate::ledger::{self, About, Claimant, Copying, Parting, Record, State};
use crate::model::backup::{Backup, CopyState};
use crate::model::command::{Key, Replication};
use crate::model::evidence::{Evidence, How};
use crate::observe;
use crate::ports::Boxed;
use crate::replicate::{Written, hands, outbox, update};

/// Copies that are looked at together.
const LOOKS: usize = 8;

impl Sweep<'_> {
    /// Who writes in this sweep's name: it takes no lease, since it starts nothing by that.
    fn me(&self) -> Claimant {
        let now = self.ctx.now();
        Claimant { owner: self.course.run.clone(), lease_until: now, now }
    }

    /// Records each backup that has no usable copy, with what the listing says of it. If its source goes, the record shows what was missed.
    pub(super) async fn remember(&mut self, judged: &mut [Judged]) -> Result<(), Stop> {
        if self.pair.is_some() {
            return self.remember_carried(judged).await;
        }
        if self.ctx.settings.read_only {
            return Ok(());
        }
        let me = self.me();
        for one in judged {
            let about = about(&one.backup, &one.replication, one.record.as_ref(), me.now);
            match &one.record {
                // Whoever makes the copy that is on its way: until it can be used there is none.
                None if one.judgement.is_wanting() => {
                    let until =
                        self.rule.starts_at(&one.backup, me.now).filter(|_| one.judgement == Judgement::Missing);
                    let mut record = ledger::put_off(&one.replication, about, &me, until);
                    // For whoever takes the command from the queue. What this sweep starts itself it keeps in memory.
                    if self.ctx.ports.work_queue.is_some() {
                        record.absent = self.absent(one).map(|absent| absent.with(&record));
                    }
                    // If somebody else has written a record first, that one knows more and stays.
                    self.ctx.ports.ledger.put(&record, &Expect::Absent).await?;
                }
                Some(record)
                    if matches!(record.state, State::Found | State::Overtaken | State::Ended)
                        && one.judgement.is_wanting() =>
                {
                    let wanted =
                        |found: Option<&Record>| found.and_then(|found| ledger::wanted(found, &about, &me)).ok_or(());
                    if let Written::Stored(next) = update(&*self.ctx.ports.ledger, Some(record.clone()), wanted).await?
                    {
                        one.record = match next.news.is_empty() {
                            true => Some(*next),
                            false => {
                                outbox::deliver(self.ctx, &one.replication, &next, self.invocation).await;
                                self.ctx.ports.ledger.get(&one.replication.key()).await?
                            }
                        };
                    }
                }
                // Its time was over, and the ledger says so from here on.
                Some(record) if record.state == State::Replicated && matches!(one.judgement, Judgement::Ended(_)) => {
                    let why = one.judgement.reason().unwrap_or_default();
                    self.note_parting(&one.replication, record.clone(), Parting::Ended, why).await?;
                }
                Some(record) => self.tell_of(record, &about, &me).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// Records each backup whose destination cannot be looked at: whether it has a copy is asked later.
    pub(super) async fn remember_unjudged(&self, unjudged: &[(usize, Backup, Option<Record>)]) -> Result<(), Stop> {
        if self.pair.is_some() || self.ctx.settings.read_only {
            return Ok(());
        }
        let me = self.me();
        for (at, backup, record) in unjudged {
            let Some(replication) = self.replication(*at, &backup.id) else { continue };
            let about = about(backup, &replication, record.as_ref(), me.now);
            match record {
                None => {
                    let record = ledger::put_off(&replication, about, &me, None);
                    self.ctx.ports.ledger.put(&record, &Expect::Absent).await?;
                }
                Some(record) => self.tell_of(record, &about, &me).await?,
            }
        }
        Ok(())
    }

    /// Writes down what a listing says of the backup of an open record, where that is news.
    async fn tell_of(&self, record: &Record, about: &About, me: &Claimant) -> Result<(), Stop> {
        if record.about != *about && record.is_open() {
            let told = |found: Option<&Record>| found.and_then(|found| ledger::told_of(found, about, me)).ok_or(());
            update(&*self.ctx.ports.ledger, Some(record.clone()), told).await?;
        }
        Ok(())
    }

    /// Reads which backups have an open record, so that each page needs to ask only for those.
    pub(super) async fn read_open(&mut self) -> Result<(), Stop> {
        let filter = RecordFilter { rule: Some(self.rule.name.clone()), ..RecordFilter::default() };
        let mut after: Option<Key> = None;
        loop {
            let page = self.ctx.ports.ledger.list(&filter, after.as_ref(), 500).await?;
            if let Some(error) = page.unreadable.first() {
                return Err(Stop::Failed(error.to_string()));
            }
            let sources = page.records.iter().filter_map(|record| record.replication().ok());
            self.open.extend(sources.map(|replication| hash_of_id(&replication.source.id)));
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
            self.tick().await?;
        }
    }

    /// Ends the records of backups whose usable copy was listed: the destination, the backup and the copy's ID. A copy that was accepted is
    /// looked at, so that its record does not lag behind what is told of it.
    pub(super) async fn remember_found(&mut self, found: &[(usize, String, String)]) -> Result<(), Stop> {
        let mut accepted = Vec::new();
        for (at, backup, copy) in found {
            let Some(replication) = self.replication(*at, backup) else { continue };
            match self.ctx.ports.ledger.get(&replication.key()).await? {
                Some(record) if record.state == State::Accepted => accepted.push((replication, record)),
                // It is there again, or another one is.
                Some(record) if record.state == State::Lost => {
                    self.exceptions.insert(short(&record.key));
                }
                Some(record) => self.found_by(record, Some(copy), How::Observed).await?,
                None => {}
            }
        }
        if self.ctx.settings.read_only {
            return Ok(());
        }
        self.course.requests += accepted.len() as u64;
        let (ctx, invocation) = (self.ctx, self.invocation);
        let looks = accepted.into_iter().map(|(replication, record)| -> Boxed<'_, Result<(), LedgerError>> {
            Box::pin(async move { observe::confirm(ctx, &replication, record, invocation).await.map(drop) })
        });
        let looks: Vec<_> = looks.collect();
        let looked: Vec<Result<(), LedgerError>> = stream::iter(looks).buffered(LOOKS).collect().await;
        looked.into_iter().collect::<Result<(), LedgerError>>()?;
        Ok(())
    }

    /// Records each backup that the pair has not carried yet, and ends the record of each that it has.
    pub(super) async fn remember_carried(&mut self, judged: &mut [Judged]) -> Result<(), Stop> {
        let me = self.me();
        for one in judged {
            let is_open = self.open.contains(&hash_of_id(&one.backup.id));
            match &one.judgement {
                Judgement::Replicated { .. } if is_open => {
                    if let Some(record) = self.ctx.ports.ledger.get(&one.replication.key()).await? {
                        self.found_by(record, None, How::Inferred).await?;
                    }
                }
                judgement if judgement.is_wanting() && !is_open => {
                    let about = About::of(&one.backup);
                    let known = self.ctx.ports.ledger.get(&one.replication.key()).await?;
                    match known {
                        Some(record) if record.state == State::Abandoned => {
                            one.judgement = Judgement::GivenUp("was given up by a person".to_owned());
                        }
                        _ if self.ctx.settings.read_only => {}
                        None => {
                            let record = ledger::put_off(&one.replication, about, &me, None);
                            self.ctx.ports.ledger.put(&record, &Expect::Absent).await?;
                        }
                        Some(record) => {
                            let wanted = |found: Option<&Record>| {
                                found.and_then(|found| ledger::wanted(found, &about, &me)).ok_or(())
                            };
                            update(&*self.ctx.ports.ledger, Some(record), wanted).await?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends a record under which nothing was begun here, because a usable copy was seen.
    pub(super) async fn found_by(&mut self, record: Record, copy: Option<&String>, how: How) -> Result<(), Stop> {
        let me = self.me();
        let seen = Evidence {
            destination_id: copy.cloned(),
            state: "listed".to_owned(),
            time: me.now,
            size_gib: None,
            expires_at: None,
            how,
        };
        if ledger::found(&record, seen.clone(), &me).is_none() {
            return Ok(());
        }
        // It was judged by what is listed, so that nobody asks after it again.
        self.exceptions.insert(short(&record.key));
        if self.ctx.settings.read_only {
            return Ok(());
        }
        let found =
            |current: Option<&Record>| current.and_then(|current| ledger::found(current, seen.clone(), &me)).ok_or(());
        if let Written::Stored(_) = update(&*self.ctx.ports.ledger, Some(record), found).await?
            && how == How::Observed
        {
            self.hands = true;
            hands::seen(self.ctx, &self.rule.name).await;
        }
        Ok(())
    }

    /// Goes on with a copy that another hand has begun, whose source is gone.
    pub(super) async fn take_over(&mut self, replication: &Replication, record: Record, at: usize) -> Result<(), Stop> {
        let me = self.me();
        let taken = |current: Option<&Record>| current.and_then(|current| ledger::taken_over(current, &me)).ok_or(());
        let Written::Stored(next) = update(&*self.ctx.ports.ledger, Some(record), taken).await? else { return Ok(()) };
        outbox::deliver(self.ctx, replication, &next, self.invocation).await;
        let current = self.ctx.ports.ledger.get(&replication.key()).await?.unwrap_or(*next);
        if let Some(failed) = self.accepted(replication, current, at).await? {
            self.list(replication, &failed, None);
        }
        Ok(())
    }

    /// What became of a backup that its pair has not carried, as far as anybody saw, and that the listing does not show.
    pub(super) async fn never_carried(
        &mut self,
        replication: &Replication,
        record: Record,
        at: usize,
    ) -> Result<(), Stop> {
        let source = self.source(replication, &record.about).await?;
        match source {
            // The next sweep lists it again.
            Some(Source::Covered) => Ok(()),
            gone => self.departed(replication, record, at, gone).await,
        }
    }
}

/// What a listing says of a backup, for its record.
fn about(backup: &Backup, replication: &Replication, known: Option<&Record>, now: Timestamp) -> About {
    let ours = known.filter(|record| record.state != State::Seen || !record.receipts.is_empty());
    let copying = match ours {
        Some(ours) => ours.about.copying.clone(),
        None => begun(backup, replication, known, now),
    };
    About { copying, ..About::of(backup) }
}

/// What the source tells of a copy that another hand has begun, and since when it does.
fn begun(backup: &Backup, replication: &Replication, known: Option<&Record>, now: Timestamp) -> Option<Copying> {
    let copy = backup.copy_to(&replication.destination).filter(|copy| copy.state != CopyState::Failed)?;
    let before = known.and_then(|record| record.about.copying.as_ref());
    let since = before.filter(|before| before.id == copy.id).map_or(now, |before| before.since);
    Some(Copying { id: copy.id.clone(), since })
}
