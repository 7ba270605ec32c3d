//! Tests of the whole product.

mod contracts;
mod emulators;
mod events;
mod sign_command;
mod simulators;
mod vectors;
