//! Whether another living process works on the file. What dead ones have left locked is free at once.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use offsite_shared::ledger::Record;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::database::{Database, DatabaseError};

/// Notes that hold a lease: the course of a rule's sweep, and how far a look has come.
const LEASED: &str = "SELECT name, text FROM notes WHERE name LIKE 'course/%' OR name LIKE 'tail/%'";

/// Records that may hold a lease: somebody was about to start their copy.
const CLAIMED: &str = "SELECT key, record FROM ledger WHERE state IN ('claimed', 'in_doubt')";

/// Says that this process works on the file, until it ends, however it does; the system takes that back by itself. If no other one does,
/// ends the leases of sweeps, looks and claimed records, whose holders are dead then. A record is in doubt by that, and read back first.
///
/// A lock of its own file: a second handle on the database's file would take SQLite's own locks along when it is closed.
/// Source: sqlite.org, "How To Corrupt An SQLite Database File", 2.2; flock(2).
///
/// # Errors
/// The file cannot be read or written. Where there can be no lock, leases run out by themselves.
pub(super) async fn work_on(database: &Database, now: Timestamp) -> Result<(), DatabaseError> {
    let Ok(lock) = File::options().create(true).truncate(false).write(true).open(beside(database.path())) else {
        return Ok(());
    };
    match lock.try_lock() {
        Ok(()) => {
            free(database, now).await?;
            let _ = lock.unlock();
        }
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(_)) => return Ok(()),
    }
    // Whoever has it alone gives it back at once.
    if lock.lock_shared().is_ok() {
        database.keep(lock);
    }
    Ok(())
}

/// `offsite.db` has `offsite.db-working` beside it.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-working");
    PathBuf::from(name)
}

async fn free(database: &Database, now: Timestamp) -> Result<(), DatabaseError> {
    let change = move |connection: &Connection| {
        let rows: Vec<(String, String)> = connection
            .prepare(LEASED)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (name, text) in rows {
            let Some(text) = ended(&text, now) else { continue };
            connection
                .execute("UPDATE notes SET version = version + 1, text = ?2 WHERE name = ?1", params![name, text])?;
        }
        free_records(connection, now)
    };
    database.write(change).await
}

fn free_records(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let rows: Vec<(String, String)> =
        connection.prepare(CLAIMED)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (key, text) in rows {
        // What cannot be read, or is of a newer format, is left as it is.
        let Ok(mut record) = Record::from_text(&key, &text) else { continue };
        if record.lease_until.is_none_or(|until| until <= now) {
            continue;
        }
        record.lease_until = Some(now);
        record.version += 1;
        let Ok(text) = record.to_text() else { continue };
        let sql = "UPDATE ledger SET version = version + 1, record = ?2 WHERE key = ?1";
        connection.execute(sql, params![key, text])?;
    }
    Ok(())
}

/// The note with its lease ended, if it has one that goes on.
fn ended(text: &str, now: Timestamp) -> Option<String> {
    let mut note: Value = serde_json::from_str(text).ok()?;
    let until: Timestamp = note["lease_until"].as_str()?.parse().ok()?;
    if until <= now {
        return None;
    }
    note["lease_until"] = json!(now.to_string());
    Some(note.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lease_that_goes_on_is_ended() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let note = |until: &str| json!({ "run": "a", "lease_until": until }).to_string();
        let freed = ended(&note("2026-11-21T08:05:00Z"), now).unwrap();
        assert_eq!(freed, json!({ "run": "a", "lease_until": "2026-11-21T08:00:00Z" }).to_string());
        for left in [note("2026-11-21T07:59:00Z"), json!({ "lease_until": null }).to_string(), "no JSON".to_owned()] {
            assert_eq!(ended(&left, now), None);
        }
    }
}
