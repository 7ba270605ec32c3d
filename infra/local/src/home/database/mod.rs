//! The one SQLite file behind everything local: queue, emulated SQS and DynamoDB, ledger.
//!
//! One thread owns the writing connection. It takes every write that waits into one transaction
//! (group commit), so that many small durable writes share one `fsync`. Each write runs in its own
//! SAVEPOINT: a failing one does not harm its neighbours. A reply is sent only after COMMIT.

mod error;
mod schema;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

pub use error::DatabaseError;
pub use schema::SCHEMA_VERSION;

/// "OFFS": tells our files from any other SQLite file, kept in `PRAGMA application_id`.
pub const APPLICATION_ID: i64 = 0x4f46_4653;

/// How long SQLite waits for another process before it reports the file as locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most writes that share one commit: bounds how long the first of them waits.
const LARGEST_BATCH: usize = 512;
/// Writes that may wait before callers are held back.
const WAITING_WRITES: usize = 1024;
/// Connections that serve reads, each on its own thread.
const READERS: usize = 2;

/// A handle on the file; clones share its threads, and the last one to go closes it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

impl Database {
    /// Opens the file, or creates it with the current schema.
    ///
    /// # Errors
    /// [`DatabaseError`] with the path and what to do. A file of a newer version is not touched.
    pub fn open(path: &Path) -> Result<Database, DatabaseError> {
        let shared: Arc<Path> = Arc::from(path);
        if let Some(error) = no_file(path) {
            return Err(error);
        }
        if let Some(parent) = path.parent()
            && !parent.as_os_str().is_empty()
            && !parent.is_dir()
        {
            return Err(DatabaseError::MissingDirectory { path: path.to_owned() });
        }
        let fail = |error: rusqlite::Error| DatabaseError::from_sqlite(path, &error);
        let mut writer = connect(path).map_err(fail)?;
        prepare(&mut writer, path)?;
        let (writes, receiver) = mpsc::channel::<Box<dyn Write>>(WAITING_WRITES);
        let (reads, read_receiver) = mpsc::channel::<Read>(WAITING_WRITES);
        let read_receiver = Arc::new(Mutex::new(read_receiver));
        let mut threads = vec![start("offsite-db-writer", path, {
            let path = shared.clone();
            move || write_loop(&writer, receiver, &path)
        })?];
        for _ in 0..READERS {
            let reader = connect(path).map_err(fail)?;
            reader.pragma_update(None, "query_only", true).map_err(fail)?;
            let receiver = read_receiver.clone();
            threads.push(start("offsite-db-reader", path, move || read_loop(&reader, &receiver))?);
        }
        let inner = Inner { path: shared, writes: Some(writes), reads: Some(reads), threads, kept: Mutex::new(None) };
        Ok(Database { inner: Arc::new(inner) })
    }

    /// Holds a lock until the last use of this database ends.
    pub(super) fn keep(&self, lock: std::fs::File) {
        *self.inner.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(lock);
    }

    /// The file this database lives in.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `operation` in a transaction and returns once it is on disk.
    ///
    /// If it returns an error, all it did is undone. If the caller stops waiting, it is still run.
    ///
    /// # Errors
    /// The operation's own error, or that of the commit; either way nothing of it was kept.
    pub async fn write<T, F>(&self, operation: F) -> Result<T, DatabaseError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let path = self.inner.path.clone();
        let write = Pending { operation: Some(operation), outcome: None, reply, path };
        let sender = self.inner.writes.as_ref().ok_or_else(|| self.closed())?;
        sender.send(Box::new(write)).await.map_err(|_| self.closed())?;
        answer.await.map_err(|_| self.closed())?
    }

    /// Runs `query` on a read-only connection; it sees every write that was answered before.
    ///
    /// # Errors
    /// The query's own error.
    pub async fn read<T, F>(&self, query: F) -> Result<T, DatabaseError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let path = self.inner.path.clone();
        let read: Read = Box::new(move |connection| {
            let _ = reply.send(guarded(&path, || query(connection)));
        });
        let sender = self.inner.reads.as_ref().ok_or_else(|| self.closed())?;
        sender.send(read).await.map_err(|_| self.closed())?;
        answer.await.map_err(|_| self.closed())?
    }

    fn closed(&self) -> DatabaseError {
        DatabaseError::Closed { path: self.inner.path.to_path_buf() }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

struct Inner {
    path: Arc<Path>,
    writes: Option<mpsc::Sender<Box<dyn Write>>>,
    reads: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    /// What is held as long as the file is open.
    kept: Mutex<Option<std::fs::File>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writes = None;
        self.reads = None;
        for thread in self.threads.drain(..) {
            // An operation may own the last handle; its own thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A write on its way: run inside the batch's transaction, answered after its commit.
trait Write: Send {
    /// Runs the operation; `false` means its changes must be undone.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller; `failure` is what befell the whole transaction.
    fn finish(self: Box<Self>, failure: Option<&DatabaseError>);
}

struct Pending<T, F> {
    operation: Option<F>,
    outcome: Option<Result<T, DatabaseError>>,
    reply: oneshot::Sender<Result<T, DatabaseError>>,
    path: Arc<Path>,
}

impl<T, F> Write for Pending<T, F>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.operation.take().map(|operation| guarded(&self.path, || operation(connection)));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, failure: Option<&DatabaseError>) {
        let Pending { outcome, reply, path, .. } = *self;
        let closed = || DatabaseError::Closed { path: path.to_path_buf() };
        let answer = match (outcome, failure) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(failure)) => Err(failure.clone()),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(closed()),
        };
        let _ = reply.send(answer);
    }
}

fn guarded<T>(path: &Path, run: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, DatabaseError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|error| DatabaseError::from_sqlite(path, &error)),
        Err(_) => Err(DatabaseError::Panicked { path: path.to_owned() }),
    }
}

fn start(name: &str, path: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DatabaseError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| DatabaseError::Sqlite {
        path: path.to_owned(),
        detail: format!("no thread could be started: {error}"),
    })
}

fn write_loop(connection: &Connection, mut writes: mpsc::Receiver<Box<dyn Write>>, path: &Path) {
    let mut batch = Vec::with_capacity(LARGEST_BATCH);
    while writes.blocking_recv_many(&mut batch, LARGEST_BATCH) > 0 {
        commit_together(connection, batch.drain(..), path);
    }
}

fn read_loop(connection: &Connection, reads: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(read) = next else { return };
        read(connection);
    }
}

fn commit_together(connection: &Connection, batch: impl Iterator<Item = Box<dyn Write>>, path: &Path) {
    let statement = |sql: &str| -> Result<(), DatabaseError> {
        let run = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        run.map(drop).map_err(|error| DatabaseError::from_sqlite(path, &error))
    };
    let collapsed = DatabaseError::Sqlite {
        path: path.to_owned(),
        detail: "a write beside this one made SQLite undo the whole transaction".to_owned(),
    };
    let mut waiting: Vec<Box<dyn Write>> = Vec::new();
    let mut refused: Option<DatabaseError> = None;
    for mut write in batch {
        if let Some(error) = &refused {
            write.finish(Some(error));
            continue;
        }
        let begun = if connection.is_autocommit() { statement("BEGIN IMMEDIATE") } else { Ok(()) };
        if let Err(error) = begun.and_then(|()| statement("SAVEPOINT one")) {
            // Waiting for a lock once per write would add up: the rest of the batch fails alike.
            write.finish(Some(&error));
            refused = Some(error);
            continue;
        }
        let keep = write.run(connection);
        let settled = if connection.is_autocommit() {
            // A full disk or an I/O error undoes everything, savepoints included.
            Err(collapsed.clone())
        } else if keep {
            statement("RELEASE one")
        } else {
            statement("ROLLBACK TO one").and_then(|()| statement("RELEASE one"))
        };
        waiting.push(write);
        if let Err(error) = settled {
            let _ = statement("ROLLBACK");
            waiting.drain(..).for_each(|write| write.finish(Some(&error)));
        }
    }
    let failure = if connection.is_autocommit() { None } else { statement("COMMIT").err() };
    if failure.is_some() {
        let _ = statement("ROLLBACK");
    }
    waiting.into_iter().for_each(|write| write.finish(failure.as_ref()));
}

/// The refusal of a path that SQLite takes for a database in memory, or for a URI whose options may say so.
pub(crate) fn no_file(path: &Path) -> Option<DatabaseError> {
    let is_none = |path: &str| path.is_empty() || path.starts_with(':') || path.starts_with("file:");
    path.to_str().is_some_and(is_none).then(|| DatabaseError::NoFile { path: path.to_owned() })
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// How many tables the file has, whose it is, and the version of its schema: all of one moment, for another process may be writing them.
fn written(connection: &mut Connection) -> rusqlite::Result<(i64, i64, i64)> {
    let moment = connection.transaction()?;
    let tables = moment.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let number = |name: &str| moment.pragma_query_value(None, name, |row| row.get(0));
    Ok((tables, number("application_id")?, number("user_version")?))
}

/// Checks whose file it is before anything is changed in it, then brings the schema up to date.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), DatabaseError> {
    let fail = |error: rusqlite::Error| DatabaseError::from_sqlite(path, &error);
    let (tables, application, version) = written(connection).map_err(fail)?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(DatabaseError::NotOurs { path: path.to_owned() });
    }
    if version > SCHEMA_VERSION {
        return Err(DatabaseError::Newer { path: path.to_owned(), found: version, known: SCHEMA_VERSION });
    }
    if connection.is_readonly("main").map_err(fail)? {
        return Err(DatabaseError::ReadOnly { path: path.to_owned() });
    }
    write_ahead(connection).map_err(fail)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(fail)?;
    // Read again under the lock: another process may have created the schema meanwhile.
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    for step in schema::STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        step.iter().try_for_each(|sql| transaction.execute_batch(sql)).map_err(fail)?;
    }
    if version < SCHEMA_VERSION {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(fail)?;
    }
    transaction.commit().map_err(fail)
}

/// Switches to write-ahead logging; SQLite does not wait for a lock here, so this does.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let pause = Duration::from_millis(20);
    let mut tries = BUSY_TIMEOUT.as_millis() / pause.as_millis();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries > 0 => {
                tries -= 1;
                thread::park_timeout(pause);
            }
            result => return result,
        }
    }
}
