//! Adding a duration to a point in time without overflow.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `at` plus `by`, or `Timestamp::MAX` if the sum is too large.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
