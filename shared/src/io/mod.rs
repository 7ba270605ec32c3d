//! Everything impure.
