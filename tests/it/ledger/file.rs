//! What can be wrong with the SQLite file: each is told clearly, and nothing is started that could not be recorded.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use offsite_local::home::database::{Database, DatabaseError};
use offsite_local::home::ledger::SqliteLedger;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::LedgerError;
use offsite_shared::model::command::{Cloud, Key, Operation};
use offsite_shared::ports::{Clock, Ledger};
use rusqlite::Connection;
use serde_json::json;

use super::stores::mutating_calls;
use crate::faults::world::{Clouds, Home, Store, command, replication};

/// A user and group without rights.
const NOBODY: u32 = 65_534;

#[track_caller]
fn refusal(path: &Path) -> DatabaseError {
    Database::open(path).expect_err("the file must be refused")
}

/// SQLite itself takes these for a database in memory, which forgets each copy with the process.
#[test]
fn what_is_no_path_of_a_file_is_refused_by_name() {
    for path in [":memory:", "file:ledger?mode=memory", "file::memory:", ""] {
        let error = refusal(Path::new(path));
        assert!(matches!(error, DatabaseError::NoFile { .. }), "{path}: {error:?}");
        assert!(error.to_string().contains("OFFSITE_DB must be the path of a file"), "{error}");
        assert!(!Path::new(path).exists(), "{path}");
    }
}

/// A file that is damaged while it is open is not mended by asking again, so nobody may be told to.
#[tokio::test]
async fn a_ledger_whose_pages_are_damaged_is_no_passing_trouble() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    let ledger = SqliteLedger::new(Database::open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = ledger.get(&Key("some".to_owned())).await.unwrap_err();
    assert!(matches!(error, LedgerError::Refused(_)), "{error:?}");
    assert!(!error.is_transient(), "{error}");
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    fs::write(
        &path,
        "this is no database, and it is longer than a header of one hundred bytes, so that it is looked at as one",
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, DatabaseError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("offsite.db"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_with_damaged_pages_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    drop(Database::open(&path).unwrap());
    // Of connections that close at once each may leave the log to the other, and from there the pages would come back whole.
    let checkpoint = |connection: Connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    checkpoint(Connection::open(&path).unwrap()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let (_, pages) = bytes.split_at_mut(100);
    pages.fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, DatabaseError::Corrupt { .. }), "{error:?}");
}

/// A command comes to nothing over this store, for a reason that holds these words.
async fn starts_nothing(store: &Store, words: &[&str]) {
    let clouds = Clouds::plain().await;
    let command = command(Operation::CopySnapshot, &mut Rng::with_seed(9));
    let error = clouds.ask(store, &command).await.unwrap_err();
    assert_eq!(error.name.name(), "Offsite.Unavailable");
    for word in words.iter().chain(&["nothing was started that could not be recorded, it can be repeated"]) {
        assert!(error.message.contains(word), "{word} is missing in: {}", error.message);
    }
    assert_eq!((mutating_calls(&clouds), clouds.count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_told_and_starts_nothing_until_it_is_free() {
    let store = Store::open(Home::Sqlite).await;
    let other = Connection::open(store.database.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    starts_nothing(&store, &["another process has locked the file"]).await;
    other.execute_batch("ROLLBACK").unwrap();
    let clouds = Clouds::plain().await;
    let answer = clouds.ask(&store, &command(Operation::CopySnapshot, &mut Rng::with_seed(9))).await.unwrap();
    assert_eq!(answer["results"][0]["state"], "accepted");
    assert_eq!(clouds.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_starts_nothing_until_there_is_room() {
    let store = Store::open(Home::Sqlite).await;
    // The size limit stands for the disk: SQLite reports both with the same code.
    limit_pages(&store, 1).await;
    fill(&store).await;
    starts_nothing(&store, &["full", "nothing of this write was kept"]).await;
    limit_pages(&store, 1_000_000).await;
    let clouds = Clouds::plain().await;
    let answer = clouds.ask(&store, &command(Operation::CopySnapshot, &mut Rng::with_seed(9))).await.unwrap();
    assert_eq!(answer["results"][0]["state"], "accepted");
}

/// The disk is full when the copy has been made: the doubt is settled by reading back once there is room, and not by a second copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_after_the_call_costs_no_second_copy() {
    let store = Arc::new(Store::open(Home::Sqlite).await);
    let clouds = Arc::new(Clouds::plain().await);
    let command = command(Operation::CopySnapshot, &mut Rng::with_seed(10));
    // The fault holds every settling write off until the disk is full.
    let fault =
        json!({ "faults": [{ "action": "CopySnapshotCrossRegions", "kind": "slow", "delay_ms": 400, "times": 1 }] });
    clouds.admin(Cloud::Tencent, "faults", &fault).await;
    let asked = tokio::spawn({
        let (clouds, store, command) = (clouds.clone(), store.clone(), command.clone());
        async move { clouds.ask(&store, &command).await }
    });
    let key = replication(&command).key();
    while store.ledger.get(&key).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    limit_pages(&store, 1).await;
    fill(&store).await;
    let _ = asked.await.unwrap();
    limit_pages(&store, 1_000_000).await;
    clouds.clock.sleep(Duration::from_secs(1_200)).await;
    let answer = clouds.ask(&store, &command).await.unwrap();
    assert_eq!((&answer["results"][0]["state"], clouds.count()), (&json!("accepted"), 1));
    assert_eq!(store.ledger.get(&key).await.unwrap().unwrap().state, State::Accepted);
}

async fn limit_pages(store: &Store, pages: i64) {
    // SQLite raises a limit below the file's size to that size.
    store
        .database
        .write(move |connection| connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())))
        .await
        .unwrap();
}

/// Uses up the room that is left in the pages there are.
async fn fill(store: &Store) {
    for size in [2_000, 200, 20] {
        let body = "x".repeat(size);
        for number in 0_u32.. {
            let body = body.clone();
            let sql = "INSERT INTO home (name, value) VALUES (?1, ?2)";
            let written = store
                .database
                .write(move |connection| connection.execute(sql, [format!("{size}-{number}"), body]))
                .await;
            if let Err(error) = written {
                assert!(matches!(error, DatabaseError::Full { .. }), "{error:?}");
                break;
            }
        }
    }
    // And in the ledger's own pages.
    let sql = "INSERT INTO ledger (key, version, owner, state, outbox, record) VALUES (?1, 1, '', 'accepted', 0, ?2)";
    for number in 0_u32.. {
        let written = store
            .database
            .write(move |connection| connection.execute(sql, [format!("filler-{number}"), "x".repeat(300)]))
            .await;
        if written.is_err() {
            return;
        }
    }
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(&directory.path().join("nowhere").join("offsite.db"));
    assert!(matches!(error, DatabaseError::MissingDirectory { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere") && error.to_string().contains("does not exist"), "{error}");
}

/// Rights do not bind root, so there this very test is run once more as somebody else.
#[test]
fn a_read_only_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsite.db");
    drop(Database::open(&path).unwrap());
    if fs::metadata(&path).unwrap().uid() == 0 {
        let program = directory.path().join("tests");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let this = "ledger::file::a_read_only_file_is_named";
        let run = Command::new(&program).args(["--exact", this]).uid(NOBODY).gid(NOBODY).output().unwrap();
        let told = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("offsite.db: the file or its directory is read-only"), "{error}");
}
