//! Points in time and what lies between them, without overflow.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `at` plus `by`, or `Timestamp::MAX` if the sum is too large.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from one moment to another; `None` if that one is earlier.
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> Option<u64> {
    u64::try_from(to.duration_since(from).as_secs()).ok()
}
