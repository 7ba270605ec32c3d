//! The local side of Offsite.

pub mod aws;
pub mod database;
pub mod functions;
pub mod queue;
pub mod runtime_api;
