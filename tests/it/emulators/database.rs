//! The one file: durable, shared, and clear about what is wrong with it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use offsite_local::home::database::{APPLICATION_ID, Database, DatabaseError, SCHEMA_VERSION};
use offsite_local::home::queue::{Outgoing, Queue};
use rusqlite::Connection;

fn note(number: usize) -> Outgoing {
    Outgoing { id: format!("id-{number}"), body: format!("{{\"n\":{number}}}") }
}

fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

async fn create_table(database: &Database) {
    let sql = "CREATE TABLE scratch (n INTEGER PRIMARY KEY)";
    database.write(move |connection| connection.execute_batch(sql)).await.unwrap();
}

async fn numbers(database: &Database) -> i64 {
    let sql = "SELECT count(*) FROM scratch";
    database.read(move |connection| connection.query_row(sql, [], |row| row.get(0))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_write_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    let database = Database::open(&path).unwrap();
    let writers: Vec<_> = (0..64)
        .map(|writer| {
            let queue = Queue::receipts(database.clone());
            tokio::spawn(async move {
                for number in 0..10 {
                    queue.send(note(writer * 10 + number), noon()).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // A copy made while the file is still open, so nothing is owed to an orderly close.
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    for path in [&copy, &path] {
        let reopened = Queue::receipts(Database::open(path).unwrap());
        assert_eq!(reopened.count().await.unwrap(), 640);
        let mut ids: Vec<_> = reopened.list(1000).await.unwrap().into_iter().map(|message| message.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 640);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_write_does_not_harm_those_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(&directory.path().join("offsite.db")).unwrap();
    create_table(&database).await;
    let writes = (0..200_i64).map(|number| {
        database.write(move |connection| {
            connection.execute("INSERT INTO scratch VALUES (?1)", [number])?;
            match number % 10 {
                3 => Err(rusqlite::Error::QueryReturnedNoRows),
                7 => panic!("a bug in one operation"),
                _ => Ok(()),
            }
        })
    });
    let results = futures_util::future::join_all(writes).await;
    for (number, result) in results.iter().enumerate() {
        match number % 10 {
            3 => assert!(matches!(result, Err(DatabaseError::NoRow { .. })), "{number}: {result:?}"),
            7 => assert!(matches!(result, Err(DatabaseError::Panicked { .. })), "{number}: {result:?}"),
            _ => assert_eq!(*result, Ok(()), "{number}"),
        }
    }
    assert_eq!(numbers(&database).await, 160);
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_the_file_usable() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(&directory.path().join("offsite.db")).unwrap();
    create_table(&database).await;
    let limit = |pages: i64| database.write(move |connection| connection.pragma_update(None, "max_page_count", pages));
    limit(1).await.unwrap();
    let big = Outgoing { body: "x".repeat(1_000_000), ..note(1) };
    let queue = Queue::receipts(database.clone());
    let error = queue.send(big.clone(), noon()).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Full { .. }), "{error:?}");
    limit(1_000_000).await.unwrap();
    queue.send(big, noon()).await.unwrap();
    assert_eq!(queue.count().await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_and_the_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let refused = |path: &Path| Database::open(path).unwrap_err();

    let missing = at("nowhere/offsite.db");
    assert!(matches!(refused(&missing), DatabaseError::MissingDirectory { .. }));

    let text = at("text.db");
    std::fs::write(&text, "not a database, but long enough to be taken for one ".repeat(50)).unwrap();
    assert!(matches!(refused(&text), DatabaseError::Corrupt { .. }));

    let foreign = at("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (n)").unwrap();
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(refused(&foreign), DatabaseError::NotOurs { .. }));
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    let newer = at("newer.db");
    drop(Database::open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    let before = std::fs::read(&newer).unwrap();
    let error = refused(&newer);
    let expected = DatabaseError::Newer { path: newer.clone(), found: SCHEMA_VERSION + 1, known: SCHEMA_VERSION };
    assert_eq!(error, expected);
    assert!(error.to_string().contains(&format!("schema {}", SCHEMA_VERSION + 1)), "{error}");
    assert_eq!(std::fs::read(&newer).unwrap(), before);
}

#[tokio::test]
async fn read_only_and_locked_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    let database = Database::open(&path).unwrap();
    let error = database.read(|connection| connection.execute_batch("CREATE TABLE t (n)")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let second = Connection::open(&path).unwrap();
    second.busy_timeout(std::time::Duration::ZERO).unwrap();
    let busy = second.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    let error = DatabaseError::from_sqlite(&path, &busy);
    assert_eq!(error, DatabaseError::Locked { path: path.clone() });
    // A lock that goes away in time is waited for.
    let queue = Queue::receipts(database);
    let send = tokio::spawn(async move { queue.send(note(1), noon()).await });
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(send.await.unwrap(), Ok(1));
}

#[tokio::test]
async fn the_file_is_what_it_claims_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    let database = Database::open(&path).unwrap();
    let pragma = |name: &'static str| {
        database.write(move |connection| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
    };
    assert_eq!(pragma("application_id").await, Ok(APPLICATION_ID));
    assert_eq!(pragma("user_version").await, Ok(SCHEMA_VERSION));
    assert_eq!(pragma("synchronous").await, Ok(2), "2 is FULL");
    let mode = database
        .read(|connection| connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)))
        .await;
    assert_eq!(mode.as_deref(), Ok("wal"));
}

#[test]
fn many_may_create_the_same_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| Database::open(&path).map(drop))).collect();
        for result in opened {
            result.join().unwrap().unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_takers_never_share_a_message_and_keep_the_order() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(&directory.path().join("offsite.db")).unwrap();
    let queue = Queue::receipts(database);
    for number in 0..500 {
        queue.send(note(number), noon()).await.unwrap();
    }
    let left = Arc::new(AtomicUsize::new(500));
    let takers: Vec<_> = (0..8)
        .map(|_| {
            let (queue, left) = (queue.clone(), left.clone());
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while left.load(Ordering::SeqCst) > 0 {
                    let taken = queue.take(3).await.unwrap();
                    left.fetch_sub(taken.len(), Ordering::SeqCst);
                    mine.extend(taken.into_iter().map(|message| message.seq));
                }
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for taker in takers {
        let mine = taker.await.unwrap();
        assert!(mine.is_sorted(), "{mine:?}");
        all.extend(mine);
    }
    all.sort_unstable();
    assert_eq!(all, (1..=500).collect::<Vec<i64>>());
    assert_eq!(queue.count().await.unwrap(), 0);
}
