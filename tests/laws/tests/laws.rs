//! The laws of the report, held by as many histories as fit into a minute.
// Helpers of tests may unwrap and print as tests do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use offsite_laws::{CLOUDS, Store, Summary, in_memory, run, shrink, table};
use offsite_local::home::database::Database;
use offsite_local::home::ledger::SqliteLedger;

/// How many histories are played: half a minute on two cores.
const HISTORIES: u64 = 1_000;

/// One history in so many is played on SQLite.
const ON_DISK: u64 = 20;

/// How often each law must have something to say on each cloud on which it can.
const LEAST: u64 = 50;

/// The laws that are held, and the clouds on which they can occur. A pair of Alibaba's vaults has no copy of one backup that could be started,
/// deleted or told by itself.
const LAWS: [(usize, &[&str]); 13] = [
    (0, &CLOUDS),
    (1, &CLOUDS),
    (2, &CLOUDS),
    (3, &CLOUDS),
    (4, &["huawei", "tencent"]),
    (5, &CLOUDS),
    (6, &CLOUDS),
    (7, &["huawei", "tencent"]),
    (8, &CLOUDS),
    (9, &["huawei", "tencent"]),
    (10, &CLOUDS),
    (11, &CLOUDS),
    (12, &["huawei", "tencent"]),
];

#[test]
fn every_history_is_told_as_a_careful_person_would_tell_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = AtomicU64::new(0);
    let on_disk = || -> Store {
        let file = folder.path().join(format!("{}.db", files.fetch_add(1, Ordering::Relaxed)));
        let ledger = Arc::new(SqliteLedger::new(Database::open(&file).unwrap()));
        (ledger.clone(), ledger)
    };
    let store = |seed: u64| if seed.is_multiple_of(ON_DISK) { on_disk() } else { in_memory() };
    let summary = run(0..HISTORIES, 2, &store, &|| {});
    println!("{} histories, {} green, {} red", summary.histories, summary.green, summary.red);
    for (law, of) in summary.premises_by_law() {
        println!("{law}: {of:?}");
    }
    no_law_is_broken(&summary);
    assert!(summary.green * 5 >= HISTORIES && summary.red * 5 >= HISTORIES, "a fifth of each");
    for (law, clouds) in LAWS {
        for (cloud, _) in CLOUDS.iter().enumerate().filter(|(_, name)| clouds.contains(name)) {
            let count = summary.premises.of(law, cloud);
            assert!(count >= LEAST, "law {law} had something to say {count} times on {}", CLOUDS[cloud]);
        }
    }
}

fn no_law_is_broken(summary: &Summary) {
    for (history, failure) in summary.failures.iter().take(3) {
        let (short, how) = shrink(history, failure, &in_memory);
        println!("law {}, after step {:?}: {}\n{}", how.law, how.step, how.what, table(&short));
    }
    let laws: Vec<&str> = summary.failures.iter().map(|(_, failure)| failure.law.as_str()).collect();
    assert!(
        laws.is_empty(),
        "{} histories break laws: {laws:?}; offsite chaos --laws --seed S --steps plays one again",
        laws.len()
    );
}
