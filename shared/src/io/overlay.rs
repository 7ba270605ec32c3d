//! A store that is read through to another one and writes nothing there: what a run that only looks notes down stays in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::Record;
use crate::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
use crate::model::access::{CredentialName, Pause};
use crate::model::command::Key;
use crate::ports::{Boxed, Ledger, Notes};

/// What is written stands above, everything else comes from below.
pub struct Overlay {
    ledger: Arc<dyn Ledger>,
    notes: Arc<dyn Notes>,
    written: Mutex<HashMap<String, Option<Note>>>,
}

impl Overlay {
    /// Nothing is written yet.
    pub fn over(ledger: Arc<dyn Ledger>, notes: Arc<dyn Notes>) -> Overlay {
        Overlay { ledger, notes, written: Mutex::default() }
    }

    fn written(&self) -> MutexGuard<'_, HashMap<String, Option<Note>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Overlay {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        self.ledger.get(key)
    }

    fn put<'a>(&'a self, _record: &'a Record, _expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(async { Err(LedgerError::Unavailable("this run only looks, and writes no record".into())) })
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        self.ledger.list(filter, after, limit)
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        self.ledger.count()
    }

    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        self.ledger.pause_of(credential)
    }

    fn pause<'a>(&'a self, _credential: &'a CredentialName, _pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Notes for Overlay {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        let written = self.written().get(name).cloned();
        Box::pin(async move {
            match written {
                Some(note) => Ok(note),
                None => self.notes.note(name).await,
            }
        })
    }

    fn everywhere<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Vec<Note>, LedgerError>> {
        let written = self.written().get(name).cloned();
        Box::pin(async move {
            match written {
                Some(note) => Ok(note.into_iter().collect()),
                None => self.notes.everywhere(name).await,
            }
        })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            let found = self.note(name).await?.map_or(0, |note| note.version);
            if found != was {
                return Ok(false);
            }
            self.written().insert(name.to_owned(), Some(Note { version: was + 1, text: text.to_owned() }));
            Ok(true)
        })
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        self.written().insert(name.to_owned(), None);
        Box::pin(async { Ok(()) })
    }
}
