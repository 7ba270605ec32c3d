//! The ledger's records and their transitions: pure functions; the stores only apply them, conditionally.
//!
//! `Seen` → `Claimed(owner, lease)` → `Accepted(receipts)`; sideways `InDoubt`, `Refused`, `Ineligible`, `NoWork`, `Abandoned`.
//!
//! **Invariant:** an expired lease is doubt, never a fresh start. **Invariant:** `Accepted` and "in the outbox"
//! are one write. **Invariant:** a receipt, once in a record, never leaves it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::{Command, Key, Replication};
use crate::error::ErrorName;
use crate::observation::Evidence;
use crate::ports::{Expect, LedgerError};
use crate::receipt::Receipt;

/// The newest record format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// Where a replication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Known; nothing is under way and nothing was applied.
    Seen,
    /// An owner acts on it until its lease ends.
    Claimed,
    /// A call may have been applied; only read-back or a person settles it.
    InDoubt,
    /// The provider accepted, or an existing copy was adopted.
    Accepted,
    /// The provider refused for good; a further attempt may follow after a backoff.
    Refused,
    /// The source cannot be copied.
    Ineligible,
    /// The provider had nothing to copy.
    NoWork,
    /// A person gave it up.
    Abandoned,
    /// The copy was seen usable in the destination.
    Replicated,
    /// The provider accepted, and the copy came to nothing; a further attempt may follow after a backoff.
    Failed,
    /// The copy was seen once and is gone before its time.
    Lost,
}

impl State {
    /// All states.
    pub const ALL: [State; 11] = [
        State::Seen,
        State::Claimed,
        State::InDoubt,
        State::Accepted,
        State::Refused,
        State::Ineligible,
        State::NoWork,
        State::Abandoned,
        State::Replicated,
        State::Failed,
        State::Lost,
    ];

    /// The name in records and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            State::Seen => "seen",
            State::Claimed => "claimed",
            State::InDoubt => "in_doubt",
            State::Accepted => "accepted",
            State::Refused => "refused",
            State::Ineligible => "ineligible",
            State::NoWork => "no_work",
            State::Abandoned => "abandoned",
            State::Replicated => "replicated",
            State::Failed => "failed",
            State::Lost => "lost",
        }
    }
}

/// One line of a record's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The state entered.
    pub state: State,
    /// When.
    pub time: Timestamp,
    /// By which claim, or which person.
    pub owner: String,
    /// In which attempt.
    pub attempt: u32,
    /// The provider's code, or ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's request ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// A message or a person's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The record of one replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Record format; a newer one is refused, never overwritten.
    pub format: u32,
    /// The replication's key.
    pub key: String,
    /// The command with this one destination: enough to repeat, show and read back.
    pub command: Value,
    /// Hash of what the key leaves out.
    pub payload_hash: String,
    /// Counts writes.
    pub version: u64,
    /// Who wrote last with a claim.
    pub owner: String,
    /// Until when the owner may act; absent when nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// State.
    pub state: State,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When this attempt was first claimed.
    pub since: Timestamp,
    /// The last moment at which a call of unknown outcome can have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt_since: Option<Timestamp>,
    /// How many calls of this attempt had an unknown outcome.
    #[serde(default)]
    pub doubtful_calls: u32,
    /// No further attempt before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// What the provider gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
    /// Whether the queue still has to take the receipts.
    pub outbox: bool,
    /// What the destination said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// When the destination is looked at next; absent when there is nothing to look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// Looks since the last change.
    #[serde(default)]
    pub looks: u32,
    /// Changes since acceptance that the queue still has to take, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<State>,
    /// All that happened, oldest first.
    pub history: Vec<Entry>,
}

/// Limits on attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many attempts there may be.
    pub limit: u32,
    /// How long to wait after the first refusal; doubles with each.
    pub backoff: Duration,
    /// How long an ineligible source stays so before it is asked again.
    pub ineligible_for: Duration,
    /// How long after acceptance the destination is looked at first.
    pub first_look: Duration,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            limit: 5,
            backoff: Duration::from_secs(300),
            ineligible_for: Duration::from_secs(24 * 3600),
            first_look: Duration::from_secs(60),
        }
    }
}

/// What a claim comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Write this record with this condition; if it is stored, the replication is ours.
    Write(Box<Record>, Expect),
    /// It is already ours (an earlier write of ours succeeded unseen).
    Ours(Box<Record>),
    /// It has come to an end before: answer from the record.
    Replay(Box<Record>),
    /// Somebody else acts on it until then.
    Busy(Timestamp),
    /// The same key was used with other options.
    Mismatch(Box<Record>),
}

/// Who claims, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Unique to this claim.
    pub owner: String,
    /// End of the lease.
    pub lease_until: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Decides a claim on what the store holds.
pub fn claim(existing: Option<&Record>, replication: &Replication, by: &Claimant, attempts: &Attempts) -> Claim {
    let Some(record) = existing else {
        return Claim::Write(Box::new(first(replication, by)), Expect::Absent);
    };
    let was = Expect::Was { version: record.version, owner: record.owner.clone() };
    if record.owner == by.owner {
        return Claim::Ours(Box::new(record.clone()));
    }
    let nothing_applied = matches!(record.state, State::Seen | State::Refused | State::Ineligible | State::NoWork);
    if record.payload_hash != replication.payload_hash() && !nothing_applied {
        return Claim::Mismatch(Box::new(record.clone()));
    }
    if let Some(until) = record.lease_until.filter(|until| *until > by.now) {
        return Claim::Busy(until);
    }
    let mut next = record.clone();
    match record.state {
        State::Accepted | State::Replicated | State::Lost | State::NoWork | State::Abandoned => {
            return Claim::Replay(Box::new(record.clone()));
        }
        State::Seen => {
            next.state = State::Claimed;
            // Nothing of this attempt was applied, so nothing of ours can be older than this claim.
            next.since = by.now;
        }
        State::Claimed | State::InDoubt => {
            next.state = State::InDoubt;
            next.doubt_since = record.doubt_since.max(record.lease_until).or(Some(record.since));
        }
        State::Refused | State::Ineligible | State::Failed => {
            let waiting = record.not_before.is_some_and(|at| at > by.now);
            if waiting || record.attempt >= attempts.limit {
                return Claim::Replay(Box::new(record.clone()));
            }
            next.state = State::Claimed;
            next.attempt += 1;
            next.doubtful_calls = 0;
            next.looks = 0;
            next.evidence = None;
            next.since = by.now;
            next.doubt_since = None;
        }
    }
    next.payload_hash = replication.payload_hash();
    next.command = command_of(replication);
    next.not_before = None;
    take(&mut next, by);
    match next.state {
        // Another look at a known doubt is told by how it ends.
        State::InDoubt if record.lease_until.is_none() => {}
        State::InDoubt => note(&mut next, by, State::InDoubt, Some("lease_ended".to_owned()), None, None),
        state => note(&mut next, by, state, None, None, None),
    }
    Claim::Write(Box::new(next), was)
}

/// How a claimed replication ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The provider has it.
    Accepted(Vec<Receipt>),
    /// Certainly not applied; may be tried again at once.
    Released {
        /// How a caller is told.
        name: ErrorName,
        /// Code.
        code: String,
        /// Message.
        note: String,
        /// Request ID.
        request_id: Option<String>,
    },
    /// Unknown. `called`: a call was sent in this claim, so the doubt is as young as now.
    InDoubt {
        /// Code.
        code: String,
        /// Message.
        note: String,
        /// Request ID.
        request_id: Option<String>,
        /// Whether this claim sent a call.
        called: bool,
    },
    /// The provider refused.
    Refused {
        /// Code.
        code: String,
        /// Message.
        note: String,
        /// Request ID.
        request_id: Option<String>,
    },
    /// The source cannot be copied.
    Ineligible {
        /// Why.
        reason: String,
    },
    /// There was nothing to copy.
    NoWork {
        /// Code.
        code: String,
        /// Request ID.
        request_id: Option<String>,
    },
}

/// Applies an ending to what the store holds now. The holder's own record is the usual case;
/// when the lease was lost meanwhile only an acceptance still counts, because a receipt is never dropped.
///
/// Returns `None` when there is nothing to write.
pub fn settle(current: &Record, ending: &Ending, by: &Claimant, attempts: &Attempts) -> Option<(Record, Expect)> {
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let ours = current.owner == by.owner && current.lease_until.is_some();
    let mut next = current.clone();
    match ending {
        Ending::Accepted(receipts) => {
            let known = |receipt: &Receipt| {
                current
                    .receipts
                    .iter()
                    .any(|old| old.backup_id == receipt.backup_id && old.replication_id == receipt.replication_id)
            };
            let fresh: Vec<Receipt> = receipts.iter().filter(|receipt| !known(receipt)).cloned().collect();
            if fresh.is_empty() && matches!(current.state, State::Accepted | State::Replicated | State::Lost) {
                return None;
            }
            let request_id = receipts.first().and_then(|receipt| receipt.request_id.clone());
            let adopted = receipts.iter().any(|receipt| receipt.adopted);
            next.receipts.extend(fresh);
            next.state = State::Accepted;
            next.outbox = !next.receipts.is_empty();
            next.doubt_since = None;
            // A vault-wide call's copies are looked at under their own records.
            let own = next.receipts.iter().all(|receipt| receipt.backup_id.is_none());
            next.look_at = own.then(|| later(by.now, attempts.first_look));
            // Whoever took the lease meanwhile has nothing left to find out, and nothing that may replace this.
            next.lease_until = None;
            note(&mut next, by, State::Accepted, adopted.then(|| "adopted".to_owned()), request_id, None);
        }
        _ if !ours => return None,
        Ending::Released { code, note: text, request_id, .. } => {
            // An older doubt does not go away because this claim sent nothing.
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
        Ending::Refused { code, note: text, request_id } => {
            next.state = State::Refused;
            next.doubt_since = None;
            let doublings = current.attempt.saturating_sub(1).min(10);
            next.not_before = Some(later(by.now, attempts.backoff * 2u32.pow(doublings)));
            note(&mut next, by, State::Refused, Some(code.clone()), request_id.clone(), Some(text.clone()));
        }
        Ending::Ineligible { reason } => {
            next.state = State::Ineligible;
            next.not_before = Some(later(by.now, attempts.ineligible_for));
            note(&mut next, by, State::Ineligible, None, None, Some(reason.clone()));
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

/// The record after the queue took its receipts.
pub fn emitted(current: &Record) -> (Record, Expect) {
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.outbox = false;
    next.news.clear();
    next.version += 1;
    (next, was)
}

/// How a person settles a doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// This is the copy's ID.
    Adopt(String),
    /// There is no copy and there shall be none.
    Abandon,
    /// Seen; a refused or ineligible replication that needs no further attempt.
    Acknowledge,
}

/// Why a record cannot be resolved so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Somebody acts on it.
    #[error("it is being worked on until {0}; wait for that and look again")]
    Busy(Timestamp),
    /// Its state does not allow it.
    #[error("it is {state}, and {wish} is for records that are {allowed}")]
    State {
        /// Its state.
        state: &'static str,
        /// What was asked for.
        wish: &'static str,
        /// What that is for.
        allowed: &'static str,
    },
}

/// Applies a person's decision. Who and why go into the history.
///
/// # Errors
/// The record is leased, or in a state that the resolution is not for.
pub fn resolve(
    current: &Record,
    how: &Resolution,
    who: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(Record, Expect), ResolveError> {
    if let Some(until) = current.lease_until.filter(|until| *until > now) {
        return Err(ResolveError::Busy(until));
    }
    let by = Claimant { owner: who.to_owned(), lease_until: now, now };
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let refuse = |wish, allowed| Err(ResolveError::State { state: current.state.name(), wish, allowed });
    let mut next = current.clone();
    let unsettled =
        matches!(current.state, State::InDoubt | State::Claimed | State::Seen | State::Refused | State::Ineligible);
    match how {
        Resolution::Adopt(id) => {
            if !unsettled && current.state != State::Abandoned {
                return refuse("--adopt", "not settled yet, or abandoned");
            }
            next.receipts.push(Receipt {
                attempt: current.attempt,
                backup_id: None,
                replication_id: Some(id.clone()),
                request_id: None,
                adopted: true,
                time: now,
            });
            next.state = State::Accepted;
            next.outbox = true;
        }
        Resolution::Abandon => {
            if !unsettled {
                return refuse("--abandon", "not settled yet");
            }
            next.state = State::Abandoned;
        }
        Resolution::Acknowledge => {
            if !matches!(current.state, State::Refused | State::Ineligible) {
                return refuse("--acknowledge", "refused or ineligible");
            }
            next.state = State::Abandoned;
        }
    }
    next.doubt_since = None;
    next.lease_until = None;
    next.version += 1;
    let state = next.state;
    note(&mut next, &by, state, Some("resolved".to_owned()), None, Some(reason.to_owned()));
    Ok((next, was))
}

impl Record {
    /// The record's key.
    pub fn key(&self) -> Key {
        Key(self.key.clone())
    }

    /// The replication it is about.
    ///
    /// # Errors
    /// The stored command cannot be read.
    pub fn replication(&self) -> Result<Replication, crate::fields::FieldError> {
        let command = Command::from_json(&self.command)?;
        command
            .replications()
            .into_iter()
            .next()
            .ok_or_else(|| crate::fields::FieldError::new("command.destinations", "is empty"))
    }

    /// An accepted record of a copy that another record's call started, such as a backup of a vault-wide call.
    pub fn accepted(replication: &Replication, receipt: Receipt, by: &Claimant) -> Record {
        let mut record = first(replication, by);
        record.state = State::Accepted;
        record.lease_until = None;
        record.history.clear();
        record.look_at = Some(by.now);
        let request_id = receipt.request_id.clone();
        record.receipts = vec![receipt];
        note(&mut record, by, State::Accepted, None, request_id, None);
        record
    }

    /// The form in which stores keep a record.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, LedgerError> {
        serde_json::to_string(self).map_err(|error| corrupt(&self.key, &error))
    }

    /// Reads the stored form; a newer format is refused.
    ///
    /// # Errors
    /// [`LedgerError::Newer`], or [`LedgerError::Corrupt`].
    pub fn from_text(key: &str, text: &str) -> Result<Record, LedgerError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let Format { format } = serde_json::from_str(text).map_err(|error| corrupt(key, &error))?;
        if format > u64::from(FORMAT) {
            return Err(LedgerError::Newer { key: key.to_owned(), format, known: FORMAT });
        }
        serde_json::from_str(text).map_err(|error| corrupt(key, &error))
    }

    /// Whether the queue still has to be told something.
    pub fn in_outbox(&self) -> bool {
        self.outbox || !self.news.is_empty()
    }

    /// The last line of history.
    pub fn last(&self) -> Option<&Entry> {
        self.history.last()
    }
}

/// `at` plus a duration, or the end of time.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

fn corrupt(key: &str, error: &serde_json::Error) -> LedgerError {
    LedgerError::Corrupt { key: key.to_owned(), reason: error.to_string() }
}

fn first(replication: &Replication, by: &Claimant) -> Record {
    let mut record = Record {
        format: FORMAT,
        key: replication.key().0,
        command: command_of(replication),
        payload_hash: replication.payload_hash(),
        version: 1,
        owner: by.owner.clone(),
        lease_until: Some(by.lease_until),
        state: State::Claimed,
        attempt: 1,
        since: by.now,
        doubt_since: None,
        doubtful_calls: 0,
        not_before: None,
        receipts: Vec::new(),
        outbox: false,
        evidence: None,
        look_at: None,
        looks: 0,
        news: Vec::new(),
        history: Vec::new(),
    };
    note(&mut record, by, State::Claimed, None, None, None);
    record
}

fn command_of(replication: &Replication) -> Value {
    let command = Command {
        operation: replication.operation,
        account: replication.account.clone(),
        source: replication.source.clone(),
        destinations: vec![replication.destination.clone()],
        options: replication.options.clone(),
        occurrence: replication.occurrence.clone(),
        dry_run: false,
    };
    command.to_json()
}

fn take(record: &mut Record, by: &Claimant) {
    record.owner = by.owner.clone();
    record.lease_until = Some(by.lease_until);
    record.version += 1;
}

/// Adds a line of history; a repeated look at the same doubt updates the line instead of growing the record.
fn note(
    record: &mut Record,
    by: &Claimant,
    state: State,
    code: Option<String>,
    request_id: Option<String>,
    text: Option<String>,
) {
    const LIMIT: usize = 64;
    let entry =
        Entry { state, time: by.now, owner: by.owner.clone(), attempt: record.attempt, code, request_id, note: text };
    let same = |old: &Entry| {
        old.state == entry.state && old.code == entry.code && old.attempt == entry.attempt && old.note == entry.note
    };
    let length = record.history.len();
    if length >= 2 && same(&record.history[length - 1]) {
        record.history[length - 1] = entry;
    } else if length >= LIMIT {
        // Keep the beginning and the newest lines: the middle of a long doubt says the same thing again and again.
        record.history.remove(LIMIT / 2);
        record.history.push(entry);
    } else {
        record.history.push(entry);
    }
}
