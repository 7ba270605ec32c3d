//! Tests of the whole product.

mod contracts;
mod emulators;
mod sign_command;
mod simulators;
mod vectors;
