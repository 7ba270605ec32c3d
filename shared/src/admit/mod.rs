//! Decides what may be worked on: commands and hints are held against the policy.

pub(crate) mod commands;
pub(crate) mod hints;
pub(crate) mod tasks;
