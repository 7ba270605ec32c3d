//! Tests of the whole product.
mod sign_command;
mod vectors;
