//! Tests of the whole product.
mod sign_command;
mod simulators;
mod vectors;
