//! The local side of Offsite: the one-machine home, and emulators of what the Lambda binaries call on AWS.
//!
//! Modules from top to bottom, each over those below it: [`cmd`] are the subcommands, which show what a policy came to by [`mod@report`];
//! [`fleet`] runs the real binaries against [`aws`] and the simulated clouds of [`offsite_simulators`]; [`aws`] answers them from
//! the file of the [`home`], which is also where the handler runs without AWS. What is said to a person goes through [`terminal`].

pub mod aws;
pub mod cmd;
pub mod fleet;
pub mod home;
pub mod terminal;

/// How a report is shown: a package of its own, since a function writes the page as well.
pub use offsite_page as report;
