//! Listing destinations and sources, and judging each backup and destination.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::chunks::short;
use super::due::{Due, MOST};
use super::findings::{Line, place};
use super::pair;
use super::state::Sweep;
use super::stop::Stop;
use super::summary;
use super::verdict::{DestinationView, Judgement, Proof, Verdict, is_due, judge};
use super::volume;
use crate::ledger::limits::OnDoubt;
use crate::ledger::store::LedgerError;
use crate::ledger::{Absent, Record, State};
use crate::model::backup::{Backup, CopyState, Eligibility};
use crate::model::command::Replication;
use crate::model::failure::Whose;
use crate::model::text::one_line;
use crate::model::time::later;
use crate::policy::Coverage;
use crate::ports::Boxed;
use crate::providers::inventory::{Cursor, InventoryQuery};
use crate::replicate::hands;

/// Records read at once.
const LOOKUPS: usize = 16;

/// How many IDs are remembered. Pages overlap by a tenth, and new backups push an old one at most this far to a later page.
const REMEMBERED: usize = 2_000;

/// Added to the age at which a listing stops, because clocks disagree.
const SLACK: Duration = Duration::from_secs(3_600);

/// One backup and one destination, judged.
pub(super) struct Judged {
    pub(super) at: usize,
    pub(super) backup: Backup,
    pub(super) replication: Replication,
    pub(super) record: Option<Record>,
    pub(super) judgement: Judgement,
}

/// One page, judged and not counted yet.
struct Judgements {
    /// Hashes of the IDs that no page before has shown.
    ids: Vec<u64>,
    /// Backups whose usable copy was seen: the backup, and for each destination the copy's ID.
    replicated: Vec<(Backup, Vec<(usize, String)>)>,
    /// All other backups.
    judged: Vec<Judged>,
    /// What is not covered: reason and backup.
    not_covered: Vec<(String, String)>,
    /// Backups whose usable copy was seen and that have an open record: destination, backup and the copy's ID.
    found: Vec<(usize, String, String)>,
    /// Backups whose destination could not be looked at: the destination and the size.
    unknown: Vec<(usize, Option<u64>)>,
    /// Those of them that no listing of their destination has judged: the destination, the backup and its record.
    unjudged: Vec<(usize, Backup, Option<Record>)>,
}

impl Sweep<'_> {
    /// Lists the backups, judges them, and starts what is due.
    pub(super) async fn sources(&mut self) -> Result<(), Stop> {
        self.hands |= hands::are_seen(self.ctx, &self.rule.name).await?;
        if self.course.dark.iter().any(Option::is_some) {
            let before = summary::read(&*self.ctx.ports.notes, &self.rule.name).await?;
            // After an edit the destinations may be others, in another order.
            self.listed_before = match before {
                Some((before, _)) if before.rule_hash == self.course.rule_hash => before.listed,
                Some((before, _)) => vec![Some(before.complete_as_of); self.rule.destinations.len()],
                None => Vec::new(),
            };
        }
        let inventory = self.provider.inventory();
        let source = &self.rule.source;
        let mut scope = self.scope(&source.region, source.project_id.as_deref());
        // A Huawei rule for one vault still lists the whole project: a copy whose source is in another vault is no orphan.
        scope.vault_id = source.vault_id.clone().filter(|_| self.pair.is_some());
        loop {
            let cursor = self.course.cursor.clone().map(Cursor);
            let call = inventory.list(&scope, cursor.as_ref());
            let listed = |reply| inventory.listed(&scope, cursor.as_ref(), &reply);
            self.source_read = self.ctx.now();
            let page = match self.ask(&call, self.invocation.stop(), listed).await {
                Ok(page) => page,
                Err(failure) => return Err(self.failed(&failure).await),
            };
            // A source type that is refused is told by name, and the others are swept.
            self.course.unlisted.extend(page.refused_types.iter().cloned());
            let mut judgements = self.judge_page(page.backups).await?;
            self.mark_vaults(&judgements.judged);
            self.remember(&mut judgements.judged).await?;
            self.remember_unjudged(&judgements.unjudged).await?;
            self.remember_found(&judgements.found).await?;
            self.start_pair(&mut judgements.judged).await?;
            // From here until the cursor moves nothing can fail, so a page is counted as a whole or not at all.
            self.settle(judgements);
            self.course.cursor = page.next.map(|next| next.0);
            if self.course.cursor.is_none() {
                break;
            }
            self.tick().await?;
        }
        self.start_vaults().await
    }

    pub(super) fn scope(&self, region: &str, project_id: Option<&str>) -> InventoryQuery {
        let defaults = &self.ctx.settings.defaults;
        let select = &self.rule.source.select;
        let own = region == self.rule.source.region;
        let project = project_id.map(str::to_owned).or_else(|| defaults.huawei_project_id.clone().filter(|_| own));
        let now = self.course.begun;
        let oldest = |age: Duration| {
            let age = jiff::SignedDuration::try_from(age.saturating_add(SLACK)).ok()?;
            now.checked_sub(age).ok()
        };
        InventoryQuery {
            since: select.max_age.and_then(oldest),
            ..InventoryQuery::of(self.rule.operation, region, project)
        }
    }

    async fn judge_page(&mut self, backups: Vec<Backup>) -> Result<Judgements, Stop> {
        let (mut ids, mut replicated, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        let (mut not_covered, mut unknown, mut unjudged) = (Vec::new(), Vec::new(), Vec::new());
        let mut with_record = Vec::new();
        for backup in backups {
            let id = hash_of_id(&backup.id);
            if self.recent_set.contains(&id) || ids.contains(&id) {
                continue;
            }
            ids.push(id);
            let keys = self.provider.inventory().source_keys(&backup.id, &self.rule.source.region);
            let outside = match (&backup.eligibility, self.rule.covers(&backup, self.ctx.now())) {
                (Eligibility::NotCovered(reason), _) => Some((*reason).to_owned()),
                (_, Coverage::NotCovered(why)) => Some(why.split(": ").next().unwrap_or_default().to_owned()),
                (_, Coverage::Covered) => None,
            };
            let covered = outside.is_none();
            if let Some(reason) = outside {
                not_covered.push((reason, backup.id.clone()));
            }
            let size = self.provider.inventory().size_of_copies(&backup);
            let (mut replications, mut copied) = (Vec::new(), Vec::new());
            for (at, destination) in self.rule.destinations.iter().enumerate() {
                // This is done for a backup that is not covered too, because its copy is no orphan.
                let told = backup.copy_to(destination).and_then(|copy| copy.copy_id.as_deref());
                let found = self.indexes.get_mut(at).and_then(|index| index.find(&keys, told, size));
                if !covered {
                    let runs = backup.copy_to(destination).is_some_and(|copy| copy.state == CopyState::Running);
                    if runs && self.open.contains(&id) {
                        self.being_made.extend(self.replication(at, &backup.id).map(|one| short(&one.key().0)));
                    }
                    continue;
                }
                if self.is_dark(at) {
                    if self.is_unjudged(at, &backup) {
                        unjudged.push((at, backup.clone(), None));
                    }
                    // What is open is told as it was, or as its source tells it now.
                    if !self.open.contains(&id) || self.pair.is_some() {
                        unknown.push((at, backup.size_gib));
                        continue;
                    }
                }
                let found = match found.filter(|_| !self.is_dark(at)) {
                    Some((CopyState::Done, copy)) if self.pair.is_none() => {
                        // Most backups end here: a usable copy was seen, and nothing else matters.
                        if self.open.contains(&id) {
                            with_record.push((at, backup.id.clone(), copy.clone()));
                        }
                        copied.push((at, copy));
                        continue;
                    }
                    found => found,
                };
                if replications.is_empty() {
                    replications = self.replications(&backup.id);
                }
                if let Some(replication) = replications.get(at) {
                    wanted.push((at, backup.clone(), replication.of_backup(&backup.id), found));
                }
            }
            if !copied.is_empty() {
                replicated.push((backup, copied));
            }
        }
        let ledger = &*self.ctx.ports.ledger;
        let whole = self.pair.is_some();
        let lookups = wanted.iter().map(|(_, _, replication, found)| -> Boxed<'_, _> {
            let known = whole || matches!(found, Some((CopyState::Done, _)));
            Box::pin(async move { if known { Ok(None) } else { ledger.get(&replication.key()).await } })
        });
        let lookups: Vec<Boxed<'_, Result<Option<Record>, LedgerError>>> = lookups.collect();
        let records: Vec<Result<Option<Record>, LedgerError>> = stream::iter(lookups).buffered(LOOKUPS).collect().await;
        let (times, now) = (&self.ctx.settings.observation, self.ctx.now());
        let mut judged = Vec::with_capacity(wanted.len());
        for ((at, backup, replication, found), record) in wanted.into_iter().zip(records) {
            let record = record?;
            let found = found.or_else(|| {
                // A copy that somebody renamed is known by the ID that the ledger has.
                let record = record.as_ref().filter(|_| !self.is_dark(at))?;
                let seen = record.evidence.as_ref().and_then(|seen| seen.destination_id.as_deref());
                let given = record.receipts.iter().filter_map(|receipt| receipt.replication_id.as_deref());
                let size = self.provider.inventory().size_of_copies(&backup);
                self.indexes.get_mut(at)?.find(&[], seen.into_iter().chain(given), size)
            });
            let (view, record) = match &self.pair {
                Some((pair, record)) => {
                    let since =
                        record.as_ref().and_then(|record| record.receipts.iter().find(|receipt| !receipt.adopted));
                    // The pair's record says nothing of a backup that the pair does not carry.
                    let about = record.clone().filter(|_| backup.eligibility == Eligibility::Usable);
                    (pair::view(&backup, pair, since.map(|receipt| receipt.time)), about)
                }
                None => {
                    let view = match found {
                        Some((state, id)) => DestinationView::Copy { id: Some(id), state, proof: Proof::Observed },
                        // The listing may be hours old. A copy that was seen since then counts more.
                        None if self.is_dark(at) || seen_since(record.as_ref(), self.course.begun, now) => {
                            DestinationView::Untried
                        }
                        None => DestinationView::Nothing,
                    };
                    (view, record)
                }
            };
            let mut judgement = judge(&backup, &replication.destination, record.as_ref(), &view, times, now);
            if let Some((pair, _)) = &self.pair {
                judgement = pair::with_pair(judgement, pair);
            }
            if self.is_dark(at) {
                // What was begun, or refused, is told as that; and what is perhaps copied with the open business.
                let open = record.as_ref().is_some_and(Record::is_open) && judgement != Judgement::Missing;
                if !open {
                    unknown.push((at, backup.size_gib));
                    self.exceptions.extend(record.as_ref().map(|record| short(&record.key)));
                    // What only a command was about is told of its source.
                    unjudged.extend(record.clone().map(|record| (at, backup.clone(), Some(record))));
                }
                if !open || judgement.is_copied() {
                    continue;
                }
            }
            if matches!(judgement, Judgement::Lost(_)) && self.rule.lets_go(backup.created_at, now) {
                judgement = Judgement::Ended("the copy went after the time for which the rule keeps copies".to_owned());
            }
            judged.push(Judged { at, backup, replication, record, judgement });
        }
        // What a destination meets for the first time, those that cannot be listed have not judged either, however old it is.
        for at in (0..self.rule.destinations.len()).filter(|at| self.is_dark(*at)) {
            for one in judged.iter().filter(|one| one.record.is_none() && one.judgement.is_wanting()) {
                if !unjudged.iter().any(|(dark, known, _)| *dark == at && known.id == one.backup.id) {
                    unjudged.push((at, one.backup.clone(), None));
                }
            }
        }
        Ok(Judgements { ids, replicated, judged, not_covered, found: with_record, unknown, unjudged })
    }

    /// Whether a backup came after its destination was last listed. What is older was judged then.
    fn is_unjudged(&self, at: usize, backup: &Backup) -> bool {
        let listed = self.listed_before.get(at).copied().flatten();
        listed.zip(backup.created_at).is_none_or(|(listed, made)| later(made, SLACK) >= listed)
    }

    /// Counts a page.
    fn settle(&mut self, page: Judgements) {
        for id in page.ids {
            self.recent_set.insert(id);
            self.recent.push_back(id);
            if self.recent.len() > REMEMBERED
                && let Some(oldest) = self.recent.pop_front()
            {
                self.recent_set.remove(&oldest);
            }
        }
        for (reason, id) in page.not_covered {
            self.course.not_covered.entry(reason).or_default().add(&id);
        }
        for (at, gib) in page.unknown {
            self.tally(at, Verdict::Unknown, gib);
        }
        for (backup, copies) in page.replicated {
            for (at, copy) in copies {
                self.tally(at, Verdict::Replicated, backup.size_gib);
                if let Some(shown) = self.course.shown_copies.get_mut(at) {
                    *shown += 1;
                }
                self.course.own += u64::from(backup.resource.is_none());
                self.register.see(&backup, at, Some(Some(&copy)));
            }
        }
        for one in page.judged {
            self.count(one);
        }
    }

    /// Takes note of the vaults of which something is due.
    fn mark_vaults(&mut self, judged: &[Judged]) {
        if self.rule.operation.source_field() != "vault_id" {
            return;
        }
        for one in judged {
            let due = one.judgement != Judgement::InDoubt && self.is_due(one);
            self.course.due += u64::from(due);
            if let Some(vault) = self.course.vault_due.get_mut(one.at) {
                *vault |= due;
            }
        }
    }

    /// What this sweep has read of a backup that has no copy, where a start may rely on it: nobody else makes copies here, none is on its way,
    /// and nothing was ever tried.
    pub(super) fn absent(&self, one: &Judged) -> Option<Absent> {
        let (limits, cloud) = (&self.rule.limits, self.provider.cloud());
        let holds = limits.on_doubt.unwrap_or_else(|| self.ctx.settings.on_doubt(cloud)) == OnDoubt::Hold;
        let others =
            self.hands || limits.start_after.is_some() || one.backup.copy_to(&one.replication.destination).is_some();
        let untried =
            one.record.as_ref().is_none_or(|record| record.state == State::Seen && Absent::may_count_for(record));
        if holds || others || !untried || self.pair.is_some() || one.judgement != Judgement::Missing {
            return None;
        }
        let (listing_begun, _) = self.course.proofs.get(one.at).copied().flatten()?;
        Some(Absent { listing_begun, source_read: self.source_read, run: self.course.run.clone(), version: 0 })
    }

    fn is_due(&self, one: &Judged) -> bool {
        // What is seen for the first time is recorded with the time of its start.
        let first = one.record.is_none() && one.judgement == Judgement::Missing;
        let waits = first && self.rule.starts_at(&one.backup, self.ctx.now()).is_some();
        if waits || self.is_dark(one.at) {
            return false;
        }
        let mut attempts = self.ctx.settings.attempts;
        attempts.restart_lost = self.rule.limits.restart_lost;
        is_due(&one.judgement, one.record.as_ref(), &attempts, self.ctx.now())
    }

    /// Counts a verdict, and lists what is not replicated. What is due is counted when it is started, what may be lost when it was asked for.
    fn count(&mut self, one: Judged) {
        let verdict = one.judgement.verdict();
        let copied = match &one.judgement {
            Judgement::Replicated { proof, id } => Some((id.as_deref(), *proof)),
            _ => None,
        };
        self.course.inferred += u64::from(matches!(copied, Some((_, Proof::Inferred))));
        if verdict != Verdict::NotReady {
            self.register.see(&one.backup, one.at, copied.map(|(id, _)| id));
        }
        if copied.is_some() {
            self.course.own += u64::from(one.backup.resource.is_none());
            self.tally(one.at, verdict, one.backup.size_gib);
            if let Some(shown) = self.course.shown_copies.get_mut(one.at) {
                *shown += 1;
            }
            return;
        }
        let doubt = one.judgement == Judgement::InDoubt;
        let vault_wide = self.rule.operation.source_field() == "vault_id" && !doubt;
        let due = !vault_wide && self.is_due(&one);
        let refused = one.record.as_ref().filter(|record| record.state == State::Refused);
        let gate = refused
            .filter(|record| record.whose.is_some_and(|whose| whose != Whose::Backup))
            .and_then(|record| record.last()?.code.clone());
        let of_state = |state| one.record.as_ref().is_some_and(|record| record.state == state);
        let seen_before = of_state(State::Replicated);
        // What the source tells as done and nobody has ever seen is asked for by its ID as well.
        let lost = verdict == Verdict::Lost && (seen_before || of_state(State::Accepted));
        let at = one.at;
        let absent = self.absent(&one);
        let line = Line {
            verdict,
            backup_id: one.backup.id,
            name: one.backup.name.as_deref().map(one_line),
            resource: one.backup.resource,
            resource_kind: one.backup.resource_kind,
            source_region: one.replication.source.region.clone(),
            destination: place(&one.replication.destination),
            created_at: one.backup.created_at,
            size_gib: volume::kept(one.backup.size_gib),
            cause: one.judgement.cause().map(one_line),
            reason: one.judgement.reason().map(one_line).or(one.backup.hint),
            key: Some(one.replication.key().0),
        };
        if lost {
            if let Some(gone) = self.course.gone_copies.get_mut(at).filter(|_| seen_before) {
                *gone += 1;
            }
            self.lost.push_back(Due { at, line, doubt, gate, absent: None });
        } else if due && self.due.len() < MOST {
            self.course.due += u64::from(!doubt);
            self.due.push(Due { at, line, doubt, gate, absent });
        } else {
            self.found(line);
        }
    }
}

/// Whether a copy was seen after that moment. What was seen by a clock that was ahead of this one says nothing.
fn seen_since(record: Option<&Record>, moment: Timestamp, now: Timestamp) -> bool {
    record.and_then(|record| record.evidence.as_ref()).is_some_and(|seen| seen.time >= moment && seen.time <= now)
}

/// The first 64 bits of SHA-256. It is kept with the course, so it must be the same in every version of this program; another one
/// needs another format of the course.
pub(super) fn hash_of_id(id: &str) -> u64 {
    let bytes: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is stored, and read by the next version of this program. Source of the value: FIPS 180-4, the example "abc".
    #[test]
    fn the_hash_of_an_id_is_the_same_in_every_build() {
        assert_eq!(hash_of_id("abc"), 0xba78_16bf_8f01_cfea);
    }
}
