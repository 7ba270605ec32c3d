//! The local side of Offsite.
pub mod cmd;
