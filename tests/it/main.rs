//! Tests of the whole product.

mod emulators;
