//! The subcommands of `offsite`, one per file.

pub mod sign;
