//! The local side of Offsite: the one-machine home, and emulators of what the Lambda binaries call on AWS.
//!
//! Modules in reading order: [`cmd`] are the subcommands; [`home`] runs the handler over one SQLite file ([`database`],
//! [`ledger`], [`queue`]); [`policy_file`] reads the policy and [`mod@report`] shows what became of it; [`fleet`] runs the real
//! binaries ([`functions`], [`runtime_api`]) against [`aws`] and
//! the simulated clouds of [`offsite_simulators`].

pub mod aws;
pub mod cmd;
pub mod database;
pub mod fleet;
pub mod functions;
pub mod home;
pub mod ledger;
pub mod policy_file;
pub mod queue;
pub mod report;
pub mod runtime_api;
