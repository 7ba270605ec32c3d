//! May it be worked on: commands, hints, and the policy that both go by.

pub(crate) mod commands;
pub(crate) mod hints;
pub(crate) mod steps;
