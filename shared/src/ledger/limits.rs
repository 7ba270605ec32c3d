//! Limits on attempts, looks and doubts.

use std::time::Duration;

/// Limits on attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many attempts there may be.
    pub limit: u32,
    /// How long to wait after the first refusal; doubles with each.
    pub backoff: Duration,
    /// How long an ineligible source stays so before it is asked again.
    pub ineligible_for: Duration,
    /// How long after acceptance the destination is looked at first.
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

/// When to look, and when to stop waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// The first look after acceptance, and the smallest interval; it doubles.
    pub first: Duration,
    /// The largest interval while a copy runs.
    pub longest: Duration,
    /// A copy that is not usable after this long has failed.
    pub give_up: Duration,
    /// How often a finished copy is looked at again.
    pub audit: Duration,
}

impl Default for Looks {
    fn default() -> Self {
        Looks {
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
