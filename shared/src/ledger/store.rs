//! What a store is asked and what it answers: conditional writes, pages of records, notes, and errors.

use jiff::Timestamp;

use super::Record;
use crate::model::command::Key;

pub use super::error::LedgerError;

/// What a conditional write expects the store to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record under this key.
    Absent,
    /// A record of this version and owner.
    Was {
        /// The version that was read.
        version: u64,
        /// The owner that was read.
        owner: String,
    },
}

/// The outcome of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// The record was stored durably.
    Stored,
    /// Nothing was written, because the store holds this record instead, or none.
    Conflict(Option<Box<Record>>),
}

/// Which records to list. A record must meet every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Only records in the state with this name.
    pub state: Option<String>,
    /// Only records with receipts or news that have still to be sent to the queue.
    pub outbox: bool,
    /// Only records whose destination is to be looked at by this time.
    pub due: Option<Timestamp>,
    /// Only unfinished records ([`Record::is_open`]) of the rule with this name.
    pub rule: Option<String>,
    /// Only records whose keys begin with this. With a state it is found by the index of that name; alone it needs a scan.
    pub prefix: Option<String>,
}

impl RecordFilter {
    /// Whether a record meets all conditions.
    pub fn takes(&self, record: &Record) -> bool {
        self.state.as_deref().is_none_or(|state| record.state.name() == state)
            && (!self.outbox || record.in_outbox())
            && self.rule.as_deref().is_none_or(|rule| record.is_open() && record.rule() == Some(rule))
            && self.prefix.as_deref().is_none_or(|prefix| record.key.starts_with(prefix))
            && self.due.is_none_or(|due| record.look_at.is_some_and(|at| at <= due))
    }
}

/// One page of a list of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordPage {
    /// The records, in key order.
    pub records: Vec<Record>,
    /// Why other records of this page cannot be read. One unreadable record must not hide the rest.
    pub unreadable: Vec<LedgerError>,
    /// The key after which the next page starts; absent when there is no next page.
    pub next: Option<Key>,
}

impl RecordPage {
    /// Adds a record, or the reason why it cannot be read.
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
    /// The number of writes so far, from 1.
    pub version: u64,
    /// The text itself, at most 300,000 bytes.
    pub text: String,
}
