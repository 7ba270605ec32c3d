//! The rate limit of a process.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::credentials::held;
use crate::model::time::later;

/// Spaces calls so that no second holds more calls of one action than the limit.
#[derive(Default)]
pub(crate) struct Pacer {
    sent: Mutex<HashMap<&'static str, VecDeque<Timestamp>>>,
}

impl Pacer {
    /// Books the next slot of `action` and returns how long to wait for it. A `limit` of 0 means no limit.
    pub(crate) fn reserve(&self, action: &'static str, limit: u32, now: Timestamp) -> Duration {
        /// A little over a second, because calls arrive at the provider unevenly.
        const WINDOW: Duration = Duration::from_millis(1_050);
        if limit == 0 {
            return Duration::ZERO;
        }
        let mut sent = held(&self.sent);
        let slots = sent.entry(action).or_default();
        let slot = if slots.len() >= limit as usize {
            slots.pop_front().map_or(now, |oldest| later(oldest, WINDOW).max(now))
        } else {
            now
        };
        slots.push_back(slot);
        Duration::try_from(slot.duration_since(now)).unwrap_or_default()
    }
}
