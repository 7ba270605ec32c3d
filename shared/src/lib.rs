//! Shared crate of Offsite.
pub mod sign;
