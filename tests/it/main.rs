//! Tests of the whole product.

mod emulators;
mod faults;
mod policy;
mod sign_command;
mod simulators;
mod vectors;
