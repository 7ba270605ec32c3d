//! What is due, and what may stand in its way.

use serde::{Deserialize, Serialize};

use super::findings::Line;

/// So many copies are started in one course. What is more is found again by the next one.
pub(super) const MOST: usize = 20_000;

/// One copy that is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Due {
    /// The position of its destination.
    pub(super) at: usize,
    /// What is said of it until it is started.
    pub(super) line: Line,
    /// Whether a call may have been applied: then it is read back, which counts for no limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) doubt: bool,
    /// The code for which it waits, if the last refusal was not the backup's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gate: Option<String>,
}

/// One cause in one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nobody has tried in this sweep.
    Untried,
    /// One copy is being tried.
    Trying,
    /// The cause has ended.
    Open,
    /// The cause goes on, as the refusal of this backup shows.
    Closed(String),
    /// So many refusals came in a row, and nobody says whose they are.
    Counting(u32),
}
