//! The local side of Offsite.

pub mod aws;
pub mod database;
pub mod queue;
