//! Tests of the whole product.
mod vectors;
