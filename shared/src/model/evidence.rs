//! What the destination says of a copy, and whether the copy itself was seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// What the destination said of a copy when it was last found usable there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The copy's own ID in the destination, where it has one.
    pub destination_id: Option<String>,
    /// The state of the copy, in the provider's word.
    pub state: String,
    /// When the copy was last seen in this state.
    pub time: Timestamp,
    /// The copy's size in GiB, where the destination says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
    /// When the provider will delete the copy by itself, where the destination says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether the copy was seen or only concluded.
    pub how: How,
}

/// How the evidence was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The copy itself was seen, usable, in the destination.
    Observed,
    /// The copy can only be concluded from what the destination shows.
    Inferred,
}

/// What a provider's replies say of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The provider says that the copy is being made; the text says how far it is. However late it is, it is not given up.
    Running(String),
    /// Nothing says that the copy is being made, nor that it is not; the text says what is missing.
    Awaited(String),
    /// The copy is usable in the destination. The caller fills in the time.
    Seen(Evidence),
    /// The provider gave up; the text says why.
    Failed(String),
    /// The copy is not in the destination; the text says how that shows.
    Gone(String),
    /// The provider was asked and did not answer; the failure says why.
    Unanswered(Failure),
}
