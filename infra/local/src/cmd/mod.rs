//! The subcommands of `offsite`.

pub mod chaos;
pub mod demo;
pub mod doctor;
pub mod events;
mod explain;
mod find;
pub mod handle;
pub mod init;
pub mod ledger;
pub mod observe;
mod past;
mod person;
pub mod policy;
pub mod queue;
pub mod report;
pub mod risk;
pub mod rule;
pub mod show;
pub mod sign;
pub mod simulate;
pub mod stage;
pub mod status;
pub mod sweep;
pub mod watch;
pub mod witness;
