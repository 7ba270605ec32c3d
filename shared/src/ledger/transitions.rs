//! The transitions of a record: claim, settle, mark. Each gives the record to write and what the store must hold for it.

use std::time::Duration;

use super::limits::Attempts;
use super::store::Expect;
use super::{Absent, Claimant, Copies, News, Record, State, first, next_attempt, note};
use crate::model::command::Replication;
use crate::model::error::ErrorName;
use crate::model::failure::Whose;
use crate::model::receipt::Receipt;
use crate::model::time::later;
use jiff::Timestamp;

/// The outcome of an attempt to claim a replication.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Write this record under this condition. If it is stored, the claimant owns the replication.
    Write(Box<Record>, Expect),
    /// The claimant owns the replication already: its earlier write succeeded, but the answer was lost.
    Ours(Box<Record>),
    /// An outcome is recorded and no attempt is due. Answer from this record.
    Replay(Box<Record>),
    /// Another claim acts on it until this time.
    Busy(Timestamp),
    /// The same key was used with other options, as this record shows.
    Mismatch(Box<Record>),
}

/// Decides a claim from `existing`, the record that the store holds.
pub fn claim(existing: Option<&Record>, replication: &Replication, by: &Claimant, attempts: &Attempts) -> Claim {
    let Some(record) = existing else {
        return Claim::Write(Box::new(first(replication, by)), Expect::Absent);
    };
    let was = Expect::Was { version: record.version, owner: record.owner.clone() };
    // If this claim was ended meanwhile, the record still names its owner but has no lease.
    if record.owner == by.owner && record.lease_until.is_some() {
        return Claim::Ours(Box::new(record.clone()));
    }
    let nothing_applied =
        matches!(record.state, State::Seen | State::Found | State::Refused | State::Ineligible | State::NoWork);
    if record.payload_hash != replication.payload_hash() && !nothing_applied {
        return Claim::Mismatch(Box::new(record.clone()));
    }
    if let Some(until) = record.lease_until.filter(|until| *until > by.now) {
        return Claim::Busy(until);
    }
    let mut next = record.clone();
    next.absent = Absent::of(record);
    match record.state {
        State::Lost if !attempts.restart_lost || record.attempt >= attempts.limit => {
            return Claim::Replay(Box::new(record.clone()));
        }
        State::Accepted | State::Replicated | State::NoWork | State::Abandoned | State::Overtaken | State::Ended => {
            return Claim::Replay(Box::new(record.clone()));
        }
        State::Seen | State::Found => {
            next.state = State::Claimed;
            // Nothing of this attempt was applied, so no copy of this attempt can be older than this claim.
            next.since = by.now;
            next.evidence = None;
        }
        State::Claimed | State::InDoubt => {
            next.state = State::InDoubt;
            next.doubt_since = record.doubt_since.max(record.lease_until).or(Some(record.since));
            // An owner that died may have sent a call that it could not record. The limit of doubts counts it.
            next.doubtful_calls += u32::from(record.lease_until.is_some());
        }
        // Nothing was applied, so the attempt goes on under its number, and with it the name that a copy is given.
        State::Refused | State::Ineligible | State::Missed | State::Left => {
            if record.not_before.is_some_and(|at| at > by.now) {
                return Claim::Replay(Box::new(record.clone()));
            }
            next.state = State::Claimed;
            next.since = by.now;
            next.doubt_since = None;
        }
        State::Failed | State::Lost => {
            let waiting = record.not_before.is_some_and(|at| at > by.now);
            if waiting || record.attempt >= attempts.limit {
                return Claim::Replay(Box::new(record.clone()));
            }
            next.state = State::Claimed;
            next.attempt += 1;
            next.refusals = 0;
            next.doubtful_calls = 0;
            next.looks = 0;
            next.evidence = None;
            next.since = by.now;
            next.doubt_since = None;
        }
    }
    next.payload_hash = replication.payload_hash();
    next.command = replication.command().to_json();
    if let (None, Some(rule)) = (&replication.rule, record.rule()) {
        next.command["rule"] = rule.into();
    }
    next.not_before = None;
    take(&mut next, by);
    match next.state {
        // Another look at a known doubt adds its line when that look ends.
        State::InDoubt if record.lease_until.is_none() => {}
        State::InDoubt => note(&mut next, by, State::InDoubt, Some("lease_ended".to_owned()), None, None),
        state => note(&mut next, by, state, None, None, None),
    }
    Claim::Write(Box::new(next), was)
}

/// The code of a vault-wide call that was accepted, when time ended before each of its copies had a record.
pub(crate) const PARTLY_RECORDED: &str = "partly_recorded";

/// How a claimed replication ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The provider accepted, with these receipts.
    Accepted(Vec<Receipt>),
    /// The call was certainly not applied and may be tried again at once.
    Released {
        /// The error name that the caller is given.
        name: ErrorName,
        /// The provider's code, or one of Offsite's own.
        code: String,
        /// The provider's message, or one of Offsite's own.
        note: String,
        /// The provider's request ID, if there was one.
        request_id: Option<String>,
    },
    /// It is unknown whether a call was applied.
    InDoubt {
        /// The provider's code, or one of Offsite's own.
        code: String,
        /// The provider's message, or one of Offsite's own.
        note: String,
        /// The provider's request ID, if there was one.
        request_id: Option<String>,
        /// Whether this claim sent a call. If it did, the doubt begins anew now.
        called: bool,
    },
    /// The provider refused.
    Refused {
        /// The provider's code, or one of Offsite's own.
        code: String,
        /// The provider's message, or one of Offsite's own.
        note: String,
        /// The provider's request ID, if there was one.
        request_id: Option<String>,
        /// Whose the refusal is.
        whose: Whose,
    },
    /// The source cannot be copied.
    Ineligible {
        /// The provider's code; absent if its state says so.
        code: Option<String>,
        /// Why it cannot be copied.
        reason: String,
    },
    /// There was nothing to copy.
    NoWork {
        /// The provider's code, or one of Offsite's own.
        code: String,
        /// The provider's request ID, if there was one.
        request_id: Option<String>,
    },
}

/// Applies an ending to `current`, the record that the store holds now; `None` when there is nothing to write.
///
/// If the claim lost its lease meanwhile, only an acceptance still counts, because a receipt is never dropped.
pub fn settle(current: &Record, ending: &Ending, by: &Claimant, attempts: &Attempts) -> Option<(Record, Expect)> {
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let ours = current.owner == by.owner && current.lease_until.is_some();
    let mut next = current.clone();
    // It was for one attempt.
    next.absent = None;
    match ending {
        Ending::Accepted(receipts) => {
            let is_known = |receipt: &&Receipt| is_among(receipt, &current.receipts);
            let fresh: Vec<Receipt> = receipts.iter().filter(|receipt| !is_known(receipt)).cloned().collect();
            // A receipt that is known already changes nothing. It undoes neither a later verdict nor a further attempt.
            let settled = matches!(current.state, State::Accepted | State::Replicated | State::Lost | State::Failed);
            if fresh.is_empty() && (settled || !ours) {
                return None;
            }
            let request_id = receipts.first().and_then(|receipt| receipt.request_id.clone());
            let adopted = receipts.iter().any(|receipt| receipt.adopted);
            if ours {
                // The last receipt is the one to observe, so the receipt of the copy that was just found moves to the end.
                let (found, others): (Vec<Receipt>, Vec<Receipt>) =
                    next.receipts.into_iter().partition(|old| fresh.is_empty() && is_among(old, receipts));
                next.receipts = others.into_iter().chain(found).chain(fresh).collect();
            } else {
                next.receipts.extend(fresh);
            }
            next.state = State::Accepted;
            next.outbox = !next.receipts.is_empty();
            next.doubt_since = None;
            next.whose = None;
            next.look_at = Some(later(by.now, attempts.first_look));
            // Another claim that took the lease meanwhile has nothing left to find out, and nothing that may replace this.
            next.lease_until = None;
            note(&mut next, by, State::Accepted, adopted.then(|| "adopted".to_owned()), request_id, None);
        }
        _ if !ours => return None,
        Ending::Released { code, note: text, request_id, .. } => {
            // An older doubt stays, although this claim sent nothing.
            next.state = if current.doubt_since.is_some() { State::InDoubt } else { State::Seen };
            let state = next.state;
            note(&mut next, by, state, Some(code.clone()), request_id.clone(), Some(text.clone()));
        }
        Ending::InDoubt { code, note: text, request_id, called } => {
            next.state = State::InDoubt;
            next.doubtful_calls += u32::from(*called);
            if *called || next.doubt_since.is_none() {
                next.doubt_since = Some(by.now);
            }
            note(&mut next, by, State::InDoubt, Some(code.clone()), request_id.clone(), Some(text.clone()));
        }
        Ending::Refused { code, note: text, request_id, whose } => {
            next.state = State::Refused;
            next.doubt_since = None;
            next.refusals = current.refusals.saturating_add(1);
            next.whose = Some(*whose);
            // What is not the backup's ends for all at once, so it is asked again soon; what is the backup's, less and less often.
            let round = if *whose == Whose::Backup { next.refusals } else { 1 };
            next.not_before = Some(next_attempt(round, attempts.backoff, by.now));
            tell(&mut next, State::Refused, code);
            note(&mut next, by, State::Refused, Some(code.clone()), request_id.clone(), Some(text.clone()));
        }
        Ending::Ineligible { code, reason } => {
            next.state = State::Ineligible;
            next.not_before = Some(later(by.now, attempts.ineligible_for));
            tell(&mut next, State::Ineligible, code.as_deref().unwrap_or(reason));
            note(&mut next, by, State::Ineligible, code.clone(), None, Some(reason.clone()));
        }
        Ending::NoWork { code, request_id } => {
            next.state = State::NoWork;
            next.doubt_since = None;
            note(&mut next, by, State::NoWork, Some(code.clone()), request_id.clone(), None);
        }
    }
    next.version += 1;
    if ours {
        next.lease_until = None;
    }
    Some((next, was))
}

/// The record of a vault-wide call that the provider accepted. It is accepted once every copy has a record of its own, and in doubt until
/// then. `adopted` says that the copies were found by reading back. `None` when there is nothing to write.
pub fn copied(
    current: &Record,
    copies: &Copies,
    adopted: bool,
    request_id: Option<&str>,
    by: &Claimant,
) -> Option<(Record, Expect)> {
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let ours = current.owner == by.owner && current.lease_until.is_some();
    let all = copies.are_recorded();
    // Who took over reads back by itself; what that came to is undone only if nothing of this was seen.
    let overlooked =
        matches!(current.state, State::Seen | State::Found | State::Refused | State::Ineligible | State::NoWork);
    let doubtful = matches!(current.state, State::Claimed | State::InDoubt);
    let counts = ours || overlooked || (doubtful && all);
    if !counts {
        return None;
    }
    let mut next = current.clone();
    next.copies = Some(copies.clone());
    next.whose = None;
    next.not_before = None;
    next.lease_until = None;
    next.outbox = all;
    next.state = if all { State::Accepted } else { State::InDoubt };
    // What was found by reading back can be found again at once. What a call has just started may take its time to show.
    next.doubt_since = if all { None } else { current.doubt_since.filter(|_| adopted).or(Some(by.now)) };
    next.version += 1;
    let code = if all { adopted.then_some("adopted") } else { Some(PARTLY_RECORDED) };
    let Copies { count, recorded, .. } = copies;
    let text =
        (!all).then(|| format!("{recorded} of {count} copies have records; reading back finds the others again"));
    let state = next.state;
    note(&mut next, by, state, code.map(str::to_owned), request_id.map(str::to_owned), text);
    Some((next, was))
}

fn is_among(receipt: &Receipt, others: &[Receipt]) -> bool {
    others.iter().any(|other| other.backup_id == receipt.backup_id && other.replication_id == receipt.replication_id)
}

/// The record after the queue took its receipts and news.
pub fn emitted(current: &Record) -> (Record, Expect) {
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.outbox = false;
    next.unsent = 0;
    next.parked_until = None;
    next.news.clear();
    next.version += 1;
    (next, was)
}

/// So often the queue may refuse what a record holds, while it takes others, before the record is parked.
const REFUSALS_UNTIL_PARKED: u32 = 3;

/// The record after the queue took others and not what this one holds: from the third time on it waits, first an hour, at most a day.
pub fn not_taken(current: &Record, now: Timestamp) -> (Record, Expect) {
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.unsent = current.unsent.saturating_add(1);
    if let Some(doublings) = next.unsent.checked_sub(REFUSALS_UNTIL_PARKED) {
        let hours = 1_u64 << doublings.min(5);
        next.parked_until = Some(later(now, Duration::from_secs(hours.min(24) * 3_600)));
    }
    next.version += 1;
    (next, was)
}

/// Adds the news of a refusal, once for each cause.
fn tell(record: &mut Record, state: State, cause: &str) {
    let told = record.history.iter().rev().find(|line| line.state == state && line.attempt == record.attempt);
    let same = told.is_some_and(|line| line.code.as_deref().or(line.note.as_deref()) == Some(cause));
    if !same {
        record.news.push(News { state, attempt: record.attempt, replication_id: None, cause: Some(cause.to_owned()) });
    }
}

fn take(record: &mut Record, by: &Claimant) {
    record.owner = by.owner.clone();
    record.lease_until = Some(by.lease_until);
    record.version += 1;
}
