//! The ledger in the SQLite file: the same transitions as on DynamoDB, each write durable before it is answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
use offsite_shared::model::access::{CredentialName, Pause};
use offsite_shared::model::command::Key;
use offsite_shared::ports::{Boxed, Ledger, Notes};
use rusqlite::{Connection, OptionalExtension, params};

use crate::home::database::{Database, DatabaseError};

/// The ledger of one machine, with the notes beside it.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    database: Database,
}

impl SqliteLedger {
    /// The ledger in this file.
    pub fn new(database: Database) -> SqliteLedger {
        SqliteLedger { database }
    }
}

impl Ledger for SqliteLedger {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        Box::pin(async move {
            let wanted = key.0.clone();
            let text = self.database.read(move |connection| text_of(connection, &wanted)).await.map_err(unavailable)?;
            text.map(|text| Record::from_text(&key.0, &text)).transpose()
        })
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(async move {
            let row = Row {
                key: record.key.clone(),
                version: integer(record.version),
                owner: record.owner.clone(),
                state: record.state.name(),
                outbox: record.in_outbox(),
                look_at: record.look_at.map(Timestamp::as_millisecond),
                rule: record.rule().filter(|_| record.is_open()).map(str::to_owned),
                text: record.to_text()?,
            };
            let expect = expect.clone();
            match self.database.write(move |connection| put(connection, &row, &expect)).await.map_err(unavailable)? {
                Ok(()) => Ok(Put::Stored),
                Err(None) => Ok(Put::Conflict(None)),
                Err(Some(text)) => Ok(Put::Conflict(Some(Box::new(Record::from_text(&record.key, &text)?)))),
            }
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        Box::pin(async move {
            let (filter, after) = (filter.clone(), after.map(|key| key.0.clone()).unwrap_or_default());
            let rows = self
                .database
                .read(move |connection| list(connection, &filter, &after, limit))
                .await
                .map_err(unavailable)?;
            let full = rows.len() == limit as usize;
            let next = rows.last().filter(|_| full).map(|(key, _)| Key(key.clone()));
            let mut page = RecordPage { next, ..RecordPage::default() };
            for (key, text) in &rows {
                page.add(Record::from_text(key, text));
            }
            Ok(page)
        })
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        Box::pin(async move {
            // Answered from the index `ledger_state` alone; no record is read.
            let rows = self.database.read(|connection| {
                connection
                    .prepare_cached("SELECT state, count(*) FROM ledger GROUP BY state")?
                    .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            });
            let rows = rows.await.map_err(unavailable)?;
            Ok(rows.into_iter().map(|(state, count)| (state, u64::try_from(count).unwrap_or_default())).collect())
        })
    }

    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        Box::pin(async move {
            let name = credential.0.clone();
            let sql = "SELECT until, reason FROM pauses WHERE credential = ?1";
            let row = self.database.read(move |connection| {
                connection
                    .prepare_cached(sql)?
                    .query_row([name], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
                    .optional()
            });
            let row = row.await.map_err(unavailable)?;
            Ok(row.and_then(|(until, reason)| Some(Pause { until: until.parse().ok()?, reason })))
        })
    }

    fn pause<'a>(&'a self, credential: &'a CredentialName, pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let (name, pause) = (credential.0.clone(), pause.clone());
            let sql = "INSERT OR REPLACE INTO pauses (credential, until, reason) VALUES (?1, ?2, ?3)";
            let write = self.database.write(move |connection| {
                connection.prepare_cached(sql)?.execute(params![name, pause.until.to_string(), pause.reason]).map(drop)
            });
            write.await.map_err(unavailable)
        })
    }
}

impl Notes for SqliteLedger {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        Box::pin(async move {
            let name = name.to_owned();
            let row = self.database.read(move |connection| {
                connection
                    .prepare_cached("SELECT version, text FROM notes WHERE name = ?1")?
                    .query_row([name], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
                    .optional()
            });
            let row = row.await.map_err(unavailable)?;
            Ok(row.map(|(version, text)| Note { version: u64::try_from(version).unwrap_or_default(), text }))
        })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            let (name, text, was) = (name.to_owned(), text.to_owned(), integer(was));
            let write = self.database.write(move |connection| {
                let sql = match was {
                    0 => "INSERT INTO notes (name, version, text) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING",
                    _ => "UPDATE notes SET version = ?2 + 1, text = ?3 WHERE name = ?1 AND version = ?2",
                };
                connection.prepare_cached(sql)?.execute(params![name, was, text])
            });
            Ok(write.await.map_err(unavailable)? > 0)
        })
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let name = name.to_owned();
            let write = self.database.write(move |connection| {
                connection.prepare_cached("DELETE FROM notes WHERE name = ?1")?.execute([name]).map(drop)
            });
            write.await.map_err(unavailable)
        })
    }
}

struct Row {
    key: String,
    version: i64,
    owner: String,
    state: &'static str,
    outbox: bool,
    look_at: Option<i64>,
    rule: Option<String>,
    text: String,
}

/// Inserts or updates if the expectation holds; otherwise gives back what is there.
fn put(connection: &Connection, row: &Row, expect: &Expect) -> rusqlite::Result<Result<(), Option<String>>> {
    let changed = match expect {
        Expect::Absent => {
            let sql = "INSERT INTO ledger (key, version, owner, state, outbox, record, look_at, rule) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
            connection.prepare_cached(sql)?.execute(params![
                row.key,
                row.version,
                row.owner,
                row.state,
                row.outbox,
                row.text,
                row.look_at,
                row.rule
            ])?
        }
        Expect::Was { version, owner } => {
            let sql = "UPDATE ledger SET version = ?2, owner = ?3, state = ?4, outbox = ?5, record = ?6, look_at = ?9, rule = ?10 WHERE key = ?1 AND version = ?7 AND owner = ?8";
            connection.prepare_cached(sql)?.execute(params![
                row.key,
                row.version,
                row.owner,
                row.state,
                row.outbox,
                row.text,
                integer(*version),
                owner,
                row.look_at,
                row.rule
            ])?
        }
    };
    match changed {
        0 => Ok(Err(text_of(connection, &row.key)?)),
        _ => Ok(Ok(())),
    }
}

fn text_of(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.prepare_cached("SELECT record FROM ledger WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

fn list(
    connection: &Connection,
    filter: &RecordFilter,
    after: &str,
    limit: u32,
) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = match (filter.outbox, filter.due.is_some(), filter.state.is_some()) {
        (true, _, _) => {
            "SELECT key, record FROM ledger WHERE outbox = 1 AND key > ?1 AND (?3 = '' OR state = ?3) AND ?4 IS ?4 AND (?5 IS NULL OR rule = ?5) AND (?6 IS NULL OR substr(key, 1, length(?6)) = ?6) ORDER BY key LIMIT ?2"
        }
        // The few that are due are found by the index and put in key order.
        (false, true, _) => {
            "SELECT key, record FROM ledger WHERE look_at <= ?4 AND key > ?1 AND (?3 = '' OR state = ?3) AND (?5 IS NULL OR rule = ?5) AND (?6 IS NULL OR substr(key, 1, length(?6)) = ?6) ORDER BY key LIMIT ?2"
        }
        // The index has state and key, and `+` keeps it from beginning at the cursor instead of the prefix.
        (false, false, true) if filter.prefix.is_some() => {
            "SELECT key, record FROM ledger WHERE state = ?3 AND key >= ?6 AND key < ?6 || 'g' AND +key > ?1 AND ?4 IS ?4 AND (?5 IS NULL OR rule = ?5) ORDER BY key LIMIT ?2"
        }
        (false, false, true) => {
            "SELECT key, record FROM ledger WHERE state = ?3 AND key > ?1 AND ?4 IS ?4 AND (?5 IS NULL OR rule = ?5) AND (?6 IS NULL OR substr(key, 1, length(?6)) = ?6) ORDER BY key LIMIT ?2"
        }
        (false, false, false) if filter.rule.is_some() => {
            "SELECT key, record FROM ledger WHERE rule = ?5 AND key > ?1 AND ?3 = '' AND ?4 IS ?4 AND (?6 IS NULL OR substr(key, 1, length(?6)) = ?6) ORDER BY key LIMIT ?2"
        }
        (false, false, false) => {
            "SELECT key, record FROM ledger WHERE key > ?1 AND ?3 = '' AND ?4 IS ?4 AND ?5 IS NULL AND (?6 IS NULL OR substr(key, 1, length(?6)) = ?6) ORDER BY key LIMIT ?2"
        }
    };
    let due = filter.due.map(Timestamp::as_millisecond);
    let state = filter.state.clone().unwrap_or_default();
    connection
        .prepare_cached(sql)?
        .query_map(params![after, limit, state, due, filter.rule, filter.prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn integer(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// A damaged file is not mended by asking again.
fn unavailable(error: DatabaseError) -> LedgerError {
    match error {
        DatabaseError::Corrupt { .. } => LedgerError::Refused(error.to_string()),
        error => LedgerError::Unavailable(error.to_string()),
    }
}
