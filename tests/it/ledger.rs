//! The ledger: its pure transitions, one suite for every store, and what can be wrong with the file.

mod file;
pub mod stores;
mod walk;
