//! Tests of the whole product.
// Helpers of tests may unwrap as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command_line;
mod contracts;
mod emulators;
mod events;
mod faults;
mod functions;
mod ledger;
mod observe;
mod proof;
mod schemas;
mod secrets;
mod sign_command;
mod simulators;
mod tidy;
mod vectors;
