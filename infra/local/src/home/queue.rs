//! The embedded queue: the messages a consumer would find on SQS, in the order they were sent.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::home::database::{Database, DatabaseError};

/// The name of the queue that receipts go to.
pub const RECEIPTS: &str = "receipts";

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The CloudEvents id, by which a consumer drops doubles.
    pub id: String,
    /// The message itself, JSON text.
    pub body: String,
}

/// A message on the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place: messages are read in this order.
    pub seq: i64,
    /// The CloudEvents id.
    pub id: String,
    /// The message itself, JSON text.
    pub body: String,
}

/// One named queue of the file.
#[derive(Debug, Clone)]
pub struct Queue {
    database: Database,
    name: String,
}

impl Queue {
    /// The queue of receipts.
    pub fn receipts(database: Database) -> Queue {
        Queue::named(database, RECEIPTS)
    }

    /// Any queue, by name.
    pub fn named(database: Database, name: &str) -> Queue {
        Queue { database, name: name.to_owned() }
    }

    /// Puts a message at the end; it is on disk when this returns its place.
    ///
    /// # Errors
    /// [`DatabaseError`]: the message was not stored.
    pub async fn send(&self, message: Outgoing, now: Timestamp) -> Result<i64, DatabaseError> {
        let name = self.name.clone();
        self.database.write(move |connection| insert(connection, &name, &message, now)).await
    }

    /// The oldest messages, without removing them.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn list(&self, limit: usize) -> Result<Vec<Message>, DatabaseError> {
        let name = self.name.clone();
        self.database.read(move |connection| list(connection, &name, limit)).await
    }

    /// Removes and returns the oldest messages; no two callers get the same one.
    ///
    /// # Errors
    /// [`DatabaseError`]: nothing was removed.
    pub async fn take(&self, max: usize) -> Result<Vec<Message>, DatabaseError> {
        let name = self.name.clone();
        self.database.write(move |connection| take(connection, &name, max)).await
    }

    /// How many messages there are.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn count(&self) -> Result<u64, DatabaseError> {
        let name = self.name.clone();
        let sql = "SELECT count(*) FROM queue WHERE queue = ?1";
        let count = self
            .database
            .read(move |connection| connection.prepare_cached(sql)?.query_row([name], |row| row.get::<_, i64>(0)))
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Puts a message on a queue inside a transaction of the caller's, say with a ledger record.
///
/// # Errors
/// SQLite's.
pub(crate) fn insert(
    connection: &Connection,
    queue: &str,
    message: &Outgoing,
    now: Timestamp,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO queue (queue, id, body, enqueued_at, visible_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .insert(params![queue, message.id, message.body, now.to_string(), now.as_millisecond()])
}

fn list(connection: &Connection, queue: &str, limit: usize) -> rusqlite::Result<Vec<Message>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT seq, id, body FROM queue WHERE queue = ?1 ORDER BY seq LIMIT ?2")?
        .query_map(params![queue, limit], message)?
        .collect()
}

fn take(connection: &Connection, queue: &str, max: usize) -> rusqlite::Result<Vec<Message>> {
    let taken = list(connection, queue, max)?;
    let mut delete = connection.prepare_cached("DELETE FROM queue WHERE seq = ?1")?;
    for message in &taken {
        delete.execute([message.seq])?;
    }
    Ok(taken)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message { seq: row.get(0)?, id: row.get(1)?, body: row.get(2)? })
}
