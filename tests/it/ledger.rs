//! The ledger: its pure transitions, and one suite for every store.

mod walk;
