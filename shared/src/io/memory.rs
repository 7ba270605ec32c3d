//! A ledger that lives in one process: for functions without a table, and for tests.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
use crate::ledger::{Record, State};
use crate::model::access::{CredentialName, Pause};
use crate::model::command::Key;
use crate::model::error::Error;
use crate::policy::Policy;
use crate::ports::{Boxed, Ledger, Notes, Policies};

/// If there are more records than this, a write drops the oldest accepted one. This ledger proves nothing for long.
const KEEP: usize = 10_000;

/// A ledger whose records, pauses and notes end with the process.
#[derive(Default)]
pub struct MemoryLedger {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    records: BTreeMap<String, Record>,
    pauses: HashMap<CredentialName, Pause>,
    notes: HashMap<String, Note>,
}

impl MemoryLedger {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        let record = self.held().records.get(&key.0).cloned();
        Box::pin(async move { Ok(record) })
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        let mut held = self.held();
        let fits = match (held.records.get(&record.key), expect) {
            (None, Expect::Absent) => true,
            (Some(found), Expect::Was { version, owner }) => found.version == *version && found.owner == *owner,
            _ => false,
        };
        let outcome = if fits {
            held.records.insert(record.key.clone(), record.clone());
            if held.records.len() > KEEP {
                let done = |record: &&Record| record.state == State::Accepted && !record.outbox;
                let oldest = held
                    .records
                    .values()
                    .filter(done)
                    .min_by_key(|record| record.since)
                    .map(|record| record.key.clone());
                oldest.map(|key| held.records.remove(&key));
            }
            Put::Stored
        } else {
            Put::Conflict(held.records.get(&record.key).cloned().map(Box::new))
        };
        Box::pin(async move { Ok(outcome) })
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        let held = self.held();
        let wanted = held
            .records
            .values()
            .filter(|record| after.is_none_or(|after| record.key > after.0))
            .filter(|record| filter.takes(record));
        let records: Vec<Record> = wanted.take(limit as usize).cloned().collect();
        let next = (records.len() == limit as usize).then(|| records.last().map(Record::key)).flatten();
        Box::pin(async move { Ok(RecordPage { records, unreadable: Vec::new(), next }) })
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        let mut states = BTreeMap::new();
        for record in self.held().records.values() {
            *states.entry(record.state.name().to_owned()).or_default() += 1;
        }
        Box::pin(async move { Ok(states) })
    }

    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        let pause = self.held().pauses.get(credential).cloned();
        Box::pin(async move { Ok(pause) })
    }

    fn pause<'a>(&'a self, credential: &'a CredentialName, pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        self.held().pauses.insert(credential.clone(), pause.clone());
        Box::pin(async { Ok(()) })
    }
}

impl Notes for MemoryLedger {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        let note = self.held().notes.get(name).cloned();
        Box::pin(async move { Ok(note) })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        let mut held = self.held();
        let fits = held.notes.get(name).map_or(0, |note| note.version) == was;
        if fits {
            held.notes.insert(name.to_owned(), Note { version: was + 1, text: text.to_owned() });
        }
        Box::pin(async move { Ok(fits) })
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        self.held().notes.remove(name);
        Box::pin(async { Ok(()) })
    }
}

/// A policy that never changes, or none.
pub struct FixedPolicy(pub Option<Arc<Policy>>);

impl Policies for FixedPolicy {
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>> {
        let policy = self.0.clone();
        Box::pin(async move { Ok(policy) })
    }
}
