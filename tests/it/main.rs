//! Tests of the whole product.

mod emulators;
mod sign_command;
mod simulators;
mod vectors;
