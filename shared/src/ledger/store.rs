//! What a store is asked and what it answers: conditional writes, pages of records, notes, and why it cannot answer.

use jiff::Timestamp;

use super::Record;
use crate::model::command::Key;

pub use super::error::LedgerError;

/// What a conditional write expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record under this key.
    Absent,
    /// A record of this version and owner.
    Was {
        /// Version as read.
        version: u64,
        /// Owner as read.
        owner: String,
    },
}

/// The outcome of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// Stored durably.
    Stored,
    /// Something else is there (or nothing any more).
    Conflict(Option<Box<Record>>),
}

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only records in this state.
    pub state: Option<String>,
    /// Only records of which the queue has not taken everything.
    pub outbox: bool,
    /// Only records whose destination is to be looked at by then.
    pub due: Option<Timestamp>,
    /// Only unfinished business ([`Record::is_open`]) of this rule.
    pub rule: Option<String>,
}

impl Filter {
    /// Whether a record passes.
    pub fn takes(&self, record: &Record) -> bool {
        self.state.as_deref().is_none_or(|state| record.state.name() == state)
            && (!self.outbox || record.in_outbox())
            && self.rule.as_deref().is_none_or(|rule| record.is_open() && record.rule() == Some(rule))
            && self.due.is_none_or(|due| record.look_at.is_some_and(|at| at <= due))
    }
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records, in key order.
    pub records: Vec<Record>,
    /// Those among them that cannot be read: one of them must not hide the others.
    pub unreadable: Vec<LedgerError>,
    /// Where the next page starts.
    pub next: Option<Key>,
}

impl Page {
    /// Adds what a store read.
    pub fn add(&mut self, record: Result<Record, LedgerError>) {
        match record {
            Ok(record) => self.records.push(record),
            Err(error) => self.unreadable.push(error),
        }
    }
}

/// A text that a store keeps for a later invocation, with the version of its last write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Counts writes, from 1.
    pub version: u64,
    /// At most 300,000 bytes.
    pub text: String,
}
