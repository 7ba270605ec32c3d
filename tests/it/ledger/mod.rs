//! The ledger: its pure transitions, one suite for every store, and what can be wrong with the file.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint's exception knows test functions only, not their helpers.

pub mod contract;
mod file;
mod notes;
pub mod stores;
mod tables;
mod walk;
