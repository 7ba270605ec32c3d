//! Limits on attempts at a copy, on looks at destinations, and on doubts.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::time::later;

/// Limits on the attempts at one replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many attempts there may be.
    pub limit: u32,
    /// How long to wait after the first refusal. The wait doubles with each attempt.
    pub backoff: Duration,
    /// How long an ineligible source stays ineligible before it is tried again.
    pub ineligible_for: Duration,
    /// The time from acceptance to the first look at the destination.
    pub first_look: Duration,
    /// Whether a copy that was lost is made again.
    pub restart_lost: bool,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            limit: 5,
            backoff: Duration::from_secs(300),
            ineligible_for: Duration::from_secs(24 * 3600),
            first_look: Duration::from_secs(60),
            restart_lost: false,
        }
    }
}

/// When destinations are looked at, and when to stop waiting for a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservationTimes {
    /// The time from acceptance to the first look, and the smallest interval between looks. The interval doubles.
    pub first: Duration,
    /// The largest interval between looks at a copy that is being made.
    pub longest: Duration,
    /// A copy that is not usable this long after acceptance has failed.
    pub give_up: Duration,
    /// The interval between looks at a finished copy.
    pub audit: Duration,
}

impl Default for ObservationTimes {
    fn default() -> Self {
        ObservationTimes {
            first: Duration::from_secs(60),
            longest: Duration::from_secs(3_600),
            give_up: Duration::from_secs(48 * 3_600),
            audit: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}

/// What to do with a doubt that read-back could not settle within the visibility wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDoubt {
    /// Call again: nothing was found although an accepted copy would be visible by now.
    Recopy,
    /// Stay in doubt until a person settles it.
    Hold,
}

/// The earliest start of the attempt that follows `attempt`. The backoff doubles with each attempt, up to a day.
pub(crate) fn next_attempt(attempt: u32, backoff: Duration, now: Timestamp) -> Timestamp {
    let doublings = attempt.saturating_sub(1).min(10);
    later(now, backoff.saturating_mul(2u32.pow(doublings)).min(DAY))
}

/// The longest wait for a further attempt.
const DAY: Duration = Duration::from_secs(86_400);
