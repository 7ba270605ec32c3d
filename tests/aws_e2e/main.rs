//! The compiled functions on an emulated AWS (MiniStack), against the simulated clouds: from the trigger to the receipt.
//!
//! `tests/aws/tools.sh` installs what it needs. Every test owns an AWS account of its own.
// Helpers of tests may unwrap and print as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod account;
mod batches;
mod beside;
#[path = "../it/context.rs"]
mod context;
mod credentials;
mod deploying;
mod door;
mod events;
#[path = "../it/over.rs"]
mod over;
/// Of the other tests only what the suite of the stores stands on.
#[path = "../it/faults"]
#[allow(dead_code)]
mod faults {
    pub mod ports;
    pub mod world;
}
mod front;
mod home;
mod ledger;
mod local_tool;
mod ministack;
mod permissions;
mod racing;
mod reports;
mod samples;
mod schedules;
mod workflows;
