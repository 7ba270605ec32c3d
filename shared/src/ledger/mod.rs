//! The ledger's records and their transitions. Transitions are pure functions; stores only apply them, conditionally.
//!
//! The usual way is `Seen` → `Claimed(owner, lease)` → `Accepted(receipts)`. Other ends of a claim are `InDoubt`, `Refused`,
//! `Ineligible` and `NoWork`; a person can end a record as `Abandoned`.
//!
//! **Invariant:** an expired lease is doubt, never a fresh start. **Invariant:** `Accepted` and "in the outbox"
//! are one write. **Invariant:** a receipt, once in a record, never leaves it.

mod about;
mod absent;
pub mod adopted;
pub mod brake;
mod copies;
mod error;
pub mod limits;
pub mod observed;
mod resolution;
pub mod risks;
pub(crate) mod shares;
pub mod store;
mod swept;
mod transitions;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::command::{Command, Key, Replication};
use crate::model::receipt::Receipt;
use crate::model::text::one_line;
use crate::model::{evidence::Evidence, failure::Whose, json};
use error::LedgerError;

pub use crate::ledger::about::{About, Copying};
pub use crate::ledger::absent::Absent;
pub use crate::ledger::copies::Copies;
pub use crate::ledger::resolution::{BREAKABLE_AFTER, Resolution, ResolveError, resolve};
pub use crate::ledger::swept::{Parting, found, part, put_off, taken_over, wanted};
pub use crate::ledger::transitions::{Claim, Ending, claim, copied, emitted, not_taken, settle};
pub(crate) use crate::ledger::{limits::next_attempt, swept::told_of, transitions::PARTLY_RECORDED};

/// The newest record format that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// Where a replication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The replication is known; nothing is under way and nothing was applied.
    Seen,
    /// An owner acts on it until its lease ends.
    Claimed,
    /// A call may have been applied; only read-back or a person settles it.
    InDoubt,
    /// The provider accepted the copy, or an existing copy was adopted.
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
    /// The provider accepted, but no usable copy came of it; a further attempt may follow after a backoff.
    Failed,
    /// The copy was seen usable and is gone, before its planned expiry or without one.
    Lost,
    /// The source is gone and was never copied: a breach until a person acknowledges it.
    Missed,
    /// The source is there, but no rule covers it any more, and it was never copied: a breach until a person acknowledges it.
    Left,
    /// The source is gone or not covered any more, and its resource has a newer usable copy: no breach.
    Overtaken,
    /// The copy was usable and is gone, as its source is: no breach.
    Ended,
    /// There was none when it was first seen, and since then a usable copy was seen that nothing here started: another hand made it, or a
    /// pair of vaults carried it. Nothing was told of it, and if it goes, the backup is wanted again.
    Found,
}

impl State {
    /// All states, in the order of declaration.
    pub const ALL: [State; 16] = [
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
        State::Missed,
        State::Left,
        State::Overtaken,
        State::Ended,
        State::Found,
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
            State::Missed => "missed",
            State::Left => "left",
            State::Overtaken => "overtaken",
            State::Ended => "ended",
            State::Found => "found",
        }
    }
}

/// One line of a record's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// The state that the record entered.
    pub state: State,
    /// When this line was written.
    pub time: Timestamp,
    /// The claim or the person that caused this line.
    pub owner: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The provider's code, or one of Offsite's own such as `adopted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's request ID, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// A message, or a person's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A later change of state that consumers of the queue are told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The state that the record entered.
    pub state: State,
    /// The attempt that the change is about, so that a later attempt is not reported in its place.
    pub attempt: u32,
    /// The ID of the copy that the change is about, where it has one. An attempt can have several copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_id: Option<String>,
    /// Why, as a code, for changes that can come again in one attempt for another cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// The record of one replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format of the record. A newer format is refused and never overwritten.
    pub format: u32,
    /// The replication's key.
    pub key: String,
    /// The command with this one destination: enough to repeat, show and read back the replication.
    pub command: Value,
    /// A hash of what the key leaves out, such as options.
    pub payload_hash: String,
    /// The number of writes so far, from 1.
    pub version: u64,
    /// The owner of the last claim.
    pub owner: String,
    /// The time until which the owner may act; absent when nobody acts on the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// Where the replication stands.
    pub state: State,
    /// The number of the current attempt, from 1.
    pub attempt: u32,
    /// When this attempt was first claimed.
    pub since: Timestamp,
    /// The latest time at which a call of unknown outcome can have been sent; absent when there is no doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt_since: Option<Timestamp>,
    /// How many calls of this attempt had an unknown outcome.
    #[serde(default)]
    pub doubtful_calls: u32,
    /// What is known of the backup itself.
    #[serde(default)]
    pub about: About,
    /// What a sweep has read just before it wrote this; absent if it has read nothing that a start could rely on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absent>,
    /// How often the provider refused this attempt. A refusal is certain, so the attempt keeps its number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refusals: u32,
    /// Whose the last refusal was; absent if none is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whose: Option<Whose>,
    /// The time before which there is no further attempt; absent when none has to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The provider's acceptances of copies. The last one is the one to observe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
    /// The copies that a vault-wide call started; absent for every other call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<Copies>,
    /// The key of the vault-wide call that started the newest copy; absent if a call for this backup alone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// Whether the receipts have still to be sent to the queue: for a vault-wide call, those of any of its copies.
    pub outbox: bool,
    /// How often the queue took others and not what this record holds for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsent: u32,
    /// Until when it is not tried again, because the queue has refused it so often; absent when it is not parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_until: Option<Timestamp>,
    /// What the destination last said of a usable copy; absent before one was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// When the destination is looked at next; absent when there is nothing to look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// The number of looks at the destination since the last change, from which the next interval follows.
    #[serde(default)]
    pub looks: u32,
    /// Later changes of state that have still to be sent to the queue, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<News>,
    /// What happened, oldest first, in at most 64 lines.
    pub history: Vec<HistoryLine>,
}

/// Who acts on a record, when, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The owner's name, unique to this claim.
    pub owner: String,
    /// When the lease of this claim ends.
    pub lease_until: Timestamp,
    /// The time of the claim.
    pub now: Timestamp,
}

impl Record {
    /// The record's key as a value of its own type.
    pub fn key(&self) -> Key {
        Key(self.key.clone())
    }

    /// The replication that the record is about.
    ///
    /// # Errors
    /// The stored command cannot be read.
    pub fn replication(&self) -> Result<Replication, crate::model::fields::FieldError> {
        let command = Command::of_record(&self.command)?;
        command
            .replications()
            .into_iter()
            .next()
            .ok_or_else(|| crate::model::fields::FieldError::new("command.destinations", "is empty"))
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

    /// The JSON text in which stores keep the record.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, LedgerError> {
        serde_json::to_string(self).map_err(|error| corrupt(&self.key, &error))
    }

    /// Reads the text that [`Record::to_text`] wrote. A newer format is refused.
    ///
    /// # Errors
    /// [`LedgerError::Newer`], or [`LedgerError::Corrupt`].
    pub fn from_text(key: &str, text: &str) -> Result<Record, LedgerError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let error = match json::typed::<Record>(text) {
            Ok(record) if record.format <= FORMAT => return Ok(record),
            read => read.err(),
        };
        // Only what cannot be read is read a second time, to tell what is newer from what is spoilt.
        let Format { format } = json::typed(text).map_err(|error| corrupt(key, &error))?;
        match error.filter(|_| format <= u64::from(FORMAT)) {
            Some(error) => Err(corrupt(key, &error)),
            None => Err(LedgerError::Newer { key: key.to_owned(), format, known: FORMAT }),
        }
    }

    /// The rule of the policy that asked for the replication, if one did.
    pub fn rule(&self) -> Option<&str> {
        self.command.get("rule").and_then(Value::as_str)
    }

    /// Whether something is still to become of the replication, or to be acknowledged by a person.
    pub fn is_open(&self) -> bool {
        match self.state {
            State::Seen | State::Claimed | State::InDoubt | State::Accepted | State::Refused | State::Ineligible => {
                true
            }
            State::Failed | State::Lost | State::Missed | State::Left => true,
            State::NoWork | State::Abandoned | State::Replicated => false,
            State::Overtaken | State::Ended | State::Found => false,
        }
    }

    /// Whether receipts or news have still to be sent to the queue.
    pub fn in_outbox(&self) -> bool {
        self.outbox || !self.news.is_empty()
    }

    /// The newest line of the history.
    pub fn last(&self) -> Option<&HistoryLine> {
        self.history.last()
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn corrupt(key: &str, error: &serde_json::Error) -> LedgerError {
    LedgerError::Corrupt { key: key.to_owned(), reason: one_line(&error.to_string()) }
}

fn first(replication: &Replication, by: &Claimant) -> Record {
    let mut record = Record {
        format: FORMAT,
        key: replication.key().0,
        command: replication.command().to_json(),
        payload_hash: replication.payload_hash(),
        version: 1,
        owner: by.owner.clone(),
        lease_until: Some(by.lease_until),
        state: State::Claimed,
        attempt: 1,
        since: by.now,
        doubt_since: None,
        doubtful_calls: 0,
        about: About::default(),
        absent: None,
        refusals: 0,
        whose: None,
        not_before: None,
        receipts: Vec::new(),
        copies: None,
        started_by: None,
        outbox: false,
        unsent: 0,
        parked_until: None,
        evidence: None,
        look_at: None,
        looks: 0,
        news: Vec::new(),
        history: Vec::new(),
    };
    note(&mut record, by, State::Claimed, None, None, None);
    record
}

/// Adds a line to the history, which keeps at most 64. A line that says the same as the last one replaces it, as repeated looks do.
/// Nothing else adds lines to the history.
pub(crate) fn note(
    record: &mut Record,
    by: &Claimant,
    state: State,
    code: Option<String>,
    request_id: Option<String>,
    text: Option<String>,
) {
    const LIMIT: usize = 64;
    let entry = HistoryLine {
        state,
        time: by.now,
        owner: by.owner.clone(),
        attempt: record.attempt,
        code,
        request_id,
        note: text,
    };
    let same = |old: &HistoryLine| {
        old.state == entry.state && old.code == entry.code && old.attempt == entry.attempt && old.note == entry.note
    };
    let length = record.history.len();
    if length >= 2 && same(&record.history[length - 1]) {
        record.history[length - 1] = entry;
    } else {
        // The first and the newest lines are kept. The middle of a long doubt says the same thing again and again.
        while record.history.len() >= LIMIT {
            record.history.remove(LIMIT / 2);
        }
        record.history.push(entry);
    }
}
