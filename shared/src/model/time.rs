//! Sums of moments and durations that cannot overflow.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `at` plus a duration, or the end of time.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
