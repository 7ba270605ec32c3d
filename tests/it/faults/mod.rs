//! Started once, never lost: the real handler over broken ports, against the simulators' own count.

#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint's exception knows test functions only, not their helpers.

mod adoption;
pub mod cells;
mod conduct;
mod cost;
mod lasting;
pub mod ports;
pub mod world;

use cells::{matrix, run_all};
use world::{Home, Store, Weakness, seed};

async fn holds(home: Home) {
    let seed = seed();
    let cells = matrix(seed);
    let count = cells.len();
    let failed = run_all(Store::open(home).await, cells, Weakness::default()).await;
    let told: Vec<String> = failed.iter().take(10).map(|(cell, problems)| format!("{cell:?}: {problems:#?}")).collect();
    assert!(
        failed.is_empty(),
        "{} of {count} cells over {home:?} fail with OFFSITE_TEST_SEED={seed}:\n{}",
        failed.len(),
        told.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_step_makes_one_copy_and_loses_nothing_over_sqlite() {
    holds(Home::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_step_makes_one_copy_and_loses_nothing_over_dynamodb() {
    holds(Home::Dynamo).await;
}
