//! Tests of the whole product.
// Helpers of tests may unwrap and print as tests do; a table of cases is no type to name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::type_complexity)]

mod accounts;
mod command_line;
mod context;
mod contracts;
mod day;
mod decisions;
mod doctor;
mod emulators;
mod events;
mod faults;
mod functions;
mod golden;
mod hints;
mod inventory;
mod ledger;
mod life;
mod life_huawei;
mod metrics;
mod observe;
mod only_reads;
mod policy;
mod proof;
mod races;
mod report_page;
mod rotation;
mod schemas;
mod secrets;
mod services;
mod sign_command;
mod simulators;
mod sweep_faults;
mod sweep_limits;
mod sweeping;
mod tidy;
mod together;
mod trust;
mod truth;
mod vectors;
mod wire;
mod witness;
