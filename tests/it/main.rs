//! Tests of the whole product.

mod emulators;
mod faults;
mod inventory;
mod sign_command;
mod simulators;
mod vectors;
