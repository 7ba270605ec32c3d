//! Tests of the whole product.

mod contracts;
mod emulators;
mod events;
mod faults;
mod functions;
mod ledger;
mod proof;
mod sign_command;
mod simulators;
mod vectors;
