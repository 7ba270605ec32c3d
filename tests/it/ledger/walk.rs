//! A random walk over the pure transitions, by seed: many owners, stale views, a clock that moves; the ledger's invariants must hold at every step.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use offsite_shared::ledger::limits::{Attempts, ObservationTimes};
use offsite_shared::ledger::observed::observed;
use offsite_shared::ledger::store::Expect;
use offsite_shared::ledger::{self, Claim, Claimant, Ending, Record, Resolution, State};
use offsite_shared::model::command::{Operation, Replication};
use offsite_shared::model::error::ErrorName;
use offsite_shared::model::evidence::{Evidence, How, Observation};
use offsite_shared::model::failure::Whose;
use offsite_shared::model::receipt::{Origin, Receipt};
use offsite_shared::replicate::messages;

use crate::faults::world::{command, replication, seed};

const STEPS: u32 = 400;
const WALKS: u32 = 150;

const ATTEMPTS: Attempts = Attempts {
    limit: 3,
    backoff: Duration::from_secs(300),
    ineligible_for: Duration::from_secs(900),
    first_look: Duration::from_secs(60),
    restart_lost: false,
};

/// The store, which applies what the functions decide if the condition holds.
struct Walk {
    rng: Rng,
    now: Timestamp,
    replication: Replication,
    stored: Option<Record>,
    /// Claims that somebody believes to hold, with their attempts.
    holders: Vec<(Claimant, u32)>,
    /// Old views of the record.
    views: Vec<Record>,
    /// Event IDs of the receipts, in the order they came.
    events: Vec<String>,
    /// Event IDs of later changes that the queue has not taken.
    news: Vec<String>,
    owners: u32,
    /// By how many attempts a person has lifted the limit.
    lifted: u32,
    /// What happened, for the message of a failure.
    path: Vec<String>,
}

/// By what a record was changed.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Claim,
    Settle,
    Emitted,
    Look,
    Person,
}

#[test]
fn no_walk_breaks_an_invariant() {
    let seed = seed();
    for number in 0..WALKS {
        let mut rng = Rng::with_seed(seed ^ u64::from(number));
        let operation = Operation::ALL[rng.usize(..5)];
        let mut walk = Walk {
            replication: replication(&command(operation, &mut rng)),
            rng,
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
            stored: None,
            holders: Vec::new(),
            views: Vec::new(),
            events: Vec::new(),
            news: Vec::new(),
            owners: 0,
            lifted: 0,
            path: vec![format!("OFFSITE_TEST_SEED={seed}, walk {number}")],
        };
        for _ in 0..STEPS {
            walk.step();
        }
    }
}

impl Walk {
    fn step(&mut self) {
        self.now += SignedDuration::from_secs(self.rng.i64(0..120));
        if let Some(record) = &self.stored
            && self.rng.u8(..3) == 0
        {
            self.views.push(record.clone());
        }
        match self.rng.u8(..10) {
            0..4 => self.claim(),
            4..7 => self.settle(),
            7 => self.look(),
            8 => self.mark(),
            _ if self.rng.u8(..20) == 0 => self.resolve(),
            _ => {}
        }
    }

    #[track_caller]
    fn holds(&self, condition: bool, what: &str) {
        assert!(condition, "{what}\n{}\nnow {:#?}", self.path.join("\n"), self.stored);
    }

    fn claim(&mut self) {
        self.owners += 1;
        let by = Claimant {
            owner: format!("owner-{}", self.owners),
            lease_until: self.now + SignedDuration::from_secs(self.rng.i64(1..200)),
            now: self.now,
        };
        // A claim may be decided on an old view; the store then refuses it.
        let stale = self.rng.u8(..5) == 0 && !self.views.is_empty();
        let view = if stale { Some(self.rng.choice(&self.views).unwrap().clone()) } else { self.stored.clone() };
        let decided = ledger::claim(view.as_ref(), &self.replication, &by, &ATTEMPTS);
        self.path.push(format!(
            "{} claim by {} until {}, stale {stale}: {}",
            self.now,
            by.owner,
            by.lease_until,
            name_of(&decided)
        ));
        match (decided, &view) {
            (Claim::Write(next, expect), None) => {
                self.holds(
                    expect == Expect::Absent && next.state == State::Claimed && next.attempt == 1,
                    "a first claim",
                );
                self.take(*next, &expect, By::Claim, by);
            }
            (Claim::Write(next, expect), Some(view)) => {
                self.holds(view.lease_until.is_none_or(|until| until <= self.now), "nobody takes what is leased");
                let doubtful = matches!(view.state, State::Claimed | State::InDoubt);
                self.holds(!doubtful || next.state == State::InDoubt, "an expired lease is doubt, never a fresh start");
                self.holds(!doubtful || next.doubt_since.is_some(), "a doubt has a beginning");
                if matches!(view.state, State::Refused | State::Ineligible | State::Failed) {
                    self.holds(view.not_before.is_none_or(|at| at <= self.now), "no attempt before its time");
                }
                if view.state == State::Failed {
                    self.holds(
                        next.attempt == view.attempt + 1 && next.attempt <= ATTEMPTS.limit,
                        "attempts are counted and limited",
                    );
                } else {
                    self.holds(next.attempt == view.attempt, "only a failure opens a further attempt");
                }
                self.take(*next, &expect, By::Claim, by);
            }
            (Claim::Replay(record), Some(view)) => {
                self.holds(*record == *view, "a replay gives what is stored");
                let ends = !matches!(view.state, State::Seen | State::Claimed | State::InDoubt);
                self.holds(ends, "only what has ended is replayed");
            }
            (Claim::Busy(until), Some(view)) => {
                self.holds(view.lease_until == Some(until) && until > self.now, "busy means leased")
            }
            (other, _) => self.holds(false, &format!("no such claim here: {other:?}")),
        }
    }

    /// Stores a claim if it still fits.
    fn take(&mut self, next: Record, expect: &Expect, by: By, claimant: Claimant) {
        let attempt = next.attempt;
        if self.put(next, expect, by) {
            self.holders.push((claimant, attempt));
        }
    }

    fn settle(&mut self) {
        if self.holders.is_empty() {
            return;
        }
        let (holder, attempt) = self.holders.swap_remove(self.rng.usize(..self.holders.len()));
        let by = Claimant { now: self.now, ..holder };
        let ending = self.ending(attempt);
        // As the handler does: on a conflict it decides again on what is stored.
        let Some(current) = self.stored.clone() else { return };
        let ours = current.owner == by.owner && current.lease_until.is_some();
        let decided = ledger::settle(&current, &ending, &by, &ATTEMPTS);
        self.path.push(format!("{} {} settles, ours {ours}: {ending:?}", self.now, by.owner));
        let Some((next, expect)) = decided else {
            let known = matches!(&ending, Ending::Accepted(receipts) if receipts.iter().all(|one| current.receipts.iter().any(|old| old.replication_id == one.replication_id)));
            self.holds(!ours || known, "a holder's ending is recorded");
            self.holds(known || !matches!(ending, Ending::Accepted(_)), "an acceptance is recorded, however late");
            return;
        };
        self.holds(
            ours || matches!(ending, Ending::Accepted(_)),
            "who lost the lease may add a receipt and nothing else",
        );
        if let Ending::Refused { whose, .. } = ending {
            let wait = next.not_before.unwrap().duration_since(self.now);
            let round = if whose == Whose::Backup { next.refusals.min(11) } else { 1 };
            let wanted = (ATTEMPTS.backoff * 2u32.pow(round - 1)).min(Duration::from_secs(86_400));
            self.holds(
                wait == SignedDuration::try_from(wanted).unwrap(),
                "the backoff doubles with each refusal that is the backup's",
            );
        }
        self.put(next, &expect, By::Settle);
    }

    fn ending(&mut self, attempt: u32) -> Ending {
        let (code, note, request_id) = ("Code".to_owned(), "note".to_owned(), Some("request".to_owned()));
        match self.rng.u8(..8) {
            0 => {
                let copies = 1;
                // Now and then another copy than the first: a double that must not be hidden.
                let which = self.rng.u32(..2);
                let receipts = (0..copies).map(|copy| Receipt {
                    attempt,
                    backup_id: None,
                    replication_id: Some(format!("copy-{attempt}-{which}-{copy}")),
                    request_id: request_id.clone(),
                    adopted: which == 1,
                    time: self.now,
                });
                Ending::Accepted(receipts.collect())
            }
            1 => Ending::Released { name: ErrorName::Unavailable, code, note, request_id },
            2..5 => Ending::InDoubt { code, note, request_id, called: self.rng.bool() },
            5 => {
                let whose = Whose::ALL[self.rng.usize(..Whose::ALL.len())];
                Ending::Refused { code, note, request_id, whose }
            }
            6 => Ending::Ineligible { code: Some(code), reason: note },
            _ => Ending::NoWork { code, request_id },
        }
    }

    fn mark(&mut self) {
        // The queue took the receipts of a view that may be old.
        let view = if self.rng.bool() { self.stored.clone() } else { self.rng.choice(&self.views).cloned() };
        if let Some(view) = view.filter(Record::in_outbox) {
            let (next, expect) = ledger::emitted(&view);
            self.path.push(format!("{} marked by a view of version {}", self.now, view.version));
            self.put(next, &expect, By::Emitted);
        }
    }

    /// The destination says something of the copy.
    fn look(&mut self) {
        // A vault-wide call's copies are looked at under their own records.
        let of_vault = self.replication.operation == Operation::CopyCheckpoint;
        let Some(current) = self.stored.clone().filter(|_| !of_vault) else { return };
        let by = Claimant { owner: "observer".to_owned(), lease_until: self.now, now: self.now };
        let seen = Evidence {
            destination_id: None,
            state: "NORMAL".to_owned(),
            time: self.now,
            size_gib: None,
            expires_at: None,
            how: How::Observed,
        };
        let what = match self.rng.u8(..5) {
            0 => Observation::Running("50%".to_owned()),
            1 => Observation::Seen(seen),
            2 => Observation::Gone("nobody knows it".to_owned()),
            _ => Observation::Failed("it broke".to_owned()),
        };
        if let Some((next, expect)) = observed(&current, &what, &by, &ObservationTimes::default(), ATTEMPTS.backoff) {
            self.path.push(format!("{} a look: {what:?}", self.now));
            let news = next.state != current.state;
            self.holds(!news || next.news.len() == current.news.len() + 1, "a change and its news are one write");
            self.put(next, &expect, By::Look);
        }
    }

    fn resolve(&mut self) {
        let Some(current) = self.stored.clone() else { return };
        let how = match self.rng.u8(..5) {
            0 => Resolution::Adopt("copy-by-hand".to_owned()),
            1 => Resolution::Abandon,
            2 => Resolution::Acknowledge,
            3 => Resolution::Retry,
            // No lease of this walk is longer.
            _ => Resolution::BreakLease(Duration::from_secs(200)),
        };
        self.path.push(format!("{} a person decides {how:?}", self.now));
        if let Ok((next, expect)) = ledger::resolve(&current, &how, "ada", "looked at the console", self.now) {
            let last = next.last().unwrap();
            self.holds(
                last.owner == "ada" && last.note.as_deref() == Some("looked at the console"),
                "who did it and why stays",
            );
            self.holds(current.lease_until.is_none_or(|until| until <= self.now), "nobody decides over a lease");
            if matches!(how, Resolution::Retry | Resolution::BreakLease(_)) {
                let doubtful =
                    matches!(current.state, State::Claimed | State::InDoubt) || current.doubt_since.is_some();
                let kept = next.state == State::InDoubt && next.doubt_since.is_some();
                self.holds(
                    if doubtful { kept } else { next.state == State::Seen },
                    "a person's retry forgets no doubt",
                );
                self.holds(next.not_before.is_none() || doubtful, "what is retried is due");
                self.lifted += next.attempt - current.attempt;
            }
            self.put(next, &expect, By::Person);
        }
    }

    /// What a store does, and what must be true of every write.
    fn put(&mut self, next: Record, expect: &Expect, by: By) -> bool {
        let fits = match (&self.stored, expect) {
            (None, Expect::Absent) => true,
            (Some(record), Expect::Was { version, owner }) => record.version == *version && record.owner == *owner,
            _ => false,
        };
        if !fits {
            return false;
        }
        if let Some(before) = &self.stored {
            self.holds(next.version == before.version + 1, "the version grows by one with every write");
            let stays = |receipt: &Receipt| next.receipts.contains(receipt);
            self.holds(before.receipts.iter().all(stays), "a receipt never leaves its record");
            let settled = |state| matches!(state, State::Accepted | State::Replicated | State::Lost | State::Failed);
            let given_up = by == By::Person && matches!(before.state, State::Lost | State::Failed);
            self.holds(
                by == By::Look || by == By::Claim || given_up || !settled(before.state) || settled(next.state),
                "only the destination's word, a further attempt, or a person on a copy that is gone takes an acceptance back",
            );
            let more = next.receipts.len() > before.receipts.len();
            let ours = before.lease_until.is_some() && next.last().is_some_and(|entry| entry.owner == before.owner);
            self.holds(
                next.state != State::Accepted || before.state == State::Accepted || more || ours,
                "old news accepts nothing",
            );
            self.holds(
                !more || (next.outbox && next.state == State::Accepted),
                "a receipt and its place in the outbox are one write",
            );
            self.holds(
                !before.outbox || next.outbox || by == By::Emitted,
                "only the queue's answer empties the outbox",
            );
            self.holds(
                next.attempt >= before.attempt && next.attempt <= ATTEMPTS.limit + self.lifted,
                "attempts grow up to the limit",
            );
            self.holds(
                next.history.first() == before.history.first() && next.history.len() <= 64,
                "history keeps its beginning and its bounds",
            );
        }
        self.holds(!next.receipts.is_empty() || !next.outbox, "only what was accepted is in the outbox");
        self.holds(!matches!(next.state, State::Claimed) || next.lease_until.is_some(), "a claim has a lease");
        let text = next.to_text().unwrap();
        self.holds(Record::from_text(&next.key, &text).as_ref() == Ok(&next), "what is stored reads back the same");
        let events = events(&self.replication, &next);
        // In whichever order the receipts stand.
        self.holds(self.events.iter().all(|id| events.contains(id)), "event IDs never change");
        self.events = events;
        let news: Vec<_> = next
            .news
            .iter()
            .map(|news| messages::changed(&self.replication, &next, news, &Origin::default()).id)
            .collect();
        let taken = by == By::Emitted && news.is_empty();
        self.holds(taken || news.starts_with(&self.news), "news that nobody took stays the same");
        self.news = news;
        self.stored = Some(next);
        true
    }
}

fn name_of(claim: &Claim) -> &'static str {
    match claim {
        Claim::Write(..) => "write",
        Claim::Ours(_) => "ours",
        Claim::Replay(_) => "replay",
        Claim::Busy(_) => "busy",
        Claim::Mismatch(_) => "mismatch",
    }
}

/// The event IDs of a record's receipts, as the handler makes them.
fn events(replication: &Replication, record: &Record) -> Vec<String> {
    record.receipts.iter().map(|receipt| messages::accepted(replication, receipt, &Origin::default()).id).collect()
}
