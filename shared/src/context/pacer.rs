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
    booked: Mutex<Booked>,
}

#[derive(Default)]
struct Booked {
    slots: HashMap<&'static str, VecDeque<Timestamp>>,
    /// When a slot was booked last.
    last: Option<Timestamp>,
}

impl Booked {
    /// If the clock was set back, the slots go back with it: otherwise nobody would be let through until it is as late again.
    fn follow(&mut self, now: Timestamp) {
        if let Some(back) = self.last.filter(|last| *last > now).map(|last| last.duration_since(now)) {
            for slot in self.slots.values_mut().flatten() {
                *slot = slot.checked_sub(back).unwrap_or(now);
            }
        }
        self.last = Some(now);
    }
}

impl Pacer {
    /// Books the next slot of `action` and returns how long to wait for it. A `limit` of 0 means no limit.
    pub(crate) fn reserve(&self, action: &'static str, limit: u32, now: Timestamp) -> Duration {
        /// A little over a second, because calls arrive at the provider unevenly.
        const WINDOW: Duration = Duration::from_millis(1_050);
        if limit == 0 {
            return Duration::ZERO;
        }
        let mut booked = held(&self.booked);
        booked.follow(now);
        let slots = booked.slots.entry(action).or_default();
        let slot = if slots.len() >= limit as usize {
            slots.pop_front().map_or(now, |oldest| later(oldest, WINDOW).max(now))
        } else {
            now
        };
        slots.push_back(slot);
        Duration::try_from(slot.duration_since(now)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_and_lets_nobody_go_faster() {
        let pacer = Pacer::default();
        let at = |ms: u64| later("2026-11-21T08:00:00Z".parse().unwrap(), Duration::from_millis(ms));
        let hour = 3_600_000;
        for _ in 0..2 {
            assert_eq!(pacer.reserve("Describe", 2, at(hour)), Duration::ZERO);
        }
        assert_eq!(pacer.reserve("Describe", 2, at(hour)), Duration::from_millis(1_050));
        // An hour back: the same wait, not an hour more.
        assert_eq!(pacer.reserve("Describe", 2, at(0)), Duration::from_millis(1_050));
        assert_eq!(pacer.reserve("Describe", 2, at(0)), Duration::from_millis(2_100));
        // And on again: what is over is over.
        assert_eq!(pacer.reserve("Describe", 2, at(hour)), Duration::ZERO);
    }
}
