//! What the destination says of a copy, and how that came about.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// What the destination said when the copy was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The copy's own ID in the destination.
    pub destination_id: Option<String>,
    /// The provider's word for its state.
    pub state: String,
    /// When it was last seen so.
    pub time: Timestamp,
    /// Its size in GiB, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
    /// When the provider will delete it by itself, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Seen, or only concluded.
    pub how: How,
}

/// How evidence came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The copy itself was seen, usable, in the destination.
    Observed,
    /// It can only be concluded from what the destination tells.
    Inferred,
}

/// What a provider's replies say of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// On its way, and how far.
    Running(String),
    /// Usable in the destination. The time is filled in by the caller.
    Seen(Evidence),
    /// The provider gave up.
    Failed(String),
    /// It is not in the destination.
    Gone(String),
    /// The question could not be answered.
    Unanswered(Failure),
}
