//! The rate limit of a process.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::credentials::held;
use crate::model::time::later;

/// So long a lane is slower after it was throttled, and so much.
const SLOW_FOR: Duration = Duration::from_secs(30);
const SLOWER: f64 = 0.7;

/// A little over a second, because calls arrive at the provider unevenly.
const SECOND: Duration = Duration::from_millis(1_050);

/// Spaces calls so that no second holds more calls of one lane than its rate. A lane is what a provider counts together.
#[derive(Default)]
pub(crate) struct Pacer {
    booked: Mutex<Booked>,
}

#[derive(Default)]
struct Booked {
    lanes: HashMap<String, Lane>,
    /// When a slot was booked last.
    last: Option<Timestamp>,
}

#[derive(Default)]
struct Lane {
    /// What was booked.
    slots: VecDeque<Timestamp>,
    /// What went out, which may have been later.
    sent: VecDeque<Timestamp>,
    throttled: Option<Timestamp>,
}

impl Booked {
    /// If the clock was set back, the slots go back with it: otherwise nobody would be let through until it is as late again.
    fn follow(&mut self, now: Timestamp) {
        if let Some(back) = self.last.filter(|last| *last > now).map(|last| last.duration_since(now)) {
            for lane in self.lanes.values_mut() {
                for slot in lane.slots.iter_mut().chain(&mut lane.sent).chain(&mut lane.throttled) {
                    *slot = slot.checked_sub(back).unwrap_or(now);
                }
            }
        }
        self.last = Some(now);
    }

    fn lane(&mut self, name: &str) -> &mut Lane {
        self.lanes.entry(name.to_owned()).or_default()
    }
}

impl Pacer {
    /// Books the next slot of a lane and returns how long to wait for it. `rate` is in calls a second, of which fractions count.
    pub(crate) fn reserve(&self, lane: &str, rate: f64, now: Timestamp) -> Duration {
        let mut booked = held(&self.booked);
        booked.follow(now);
        let lane = booked.lane(lane);
        let bounds = lane.bounds(rate, now);
        let slot = next(&lane.slots, bounds, now);
        keep(&mut lane.slots, slot, bounds);
        Duration::try_from(slot.duration_since(now)).unwrap_or_default()
    }

    /// Lets a call go out whose slot has come, or says how much longer it waits: others that were late may have gone out just before.
    pub(crate) fn go(&self, lane: &str, rate: f64, now: Timestamp) -> Duration {
        let mut booked = held(&self.booked);
        booked.follow(now);
        let lane = booked.lane(lane);
        let bounds = lane.bounds(rate, now);
        let slot = next(&lane.sent, bounds, now);
        if slot <= now {
            keep(&mut lane.sent, now, bounds);
        }
        Duration::try_from(slot.duration_since(now)).unwrap_or_default()
    }

    /// Has a lane go slower for a while.
    pub(crate) fn slow_down(&self, lane: &str, now: Timestamp) {
        held(&self.booked).lane(lane).throttled = Some(now);
    }
}

impl Lane {
    /// So many calls may go out in so long a time.
    fn bounds(&self, rate: f64, now: Timestamp) -> (usize, Duration) {
        let is_slow = self.throttled.is_some_and(|at| now < later(at, SLOW_FOR));
        let rate = if is_slow { rate * SLOWER } else { rate }.max(0.001);
        let most = (rate as usize).max(1);
        (most, SECOND.mul_f64(most as f64 / rate))
    }
}

/// The first moment from `now` on for one more call.
fn next(calls: &VecDeque<Timestamp>, (most, window): (usize, Duration), now: Timestamp) -> Timestamp {
    let bound = calls.len().checked_sub(most).and_then(|at| calls.get(at));
    let free = bound.map_or(now, |oldest| later(*oldest, window).max(now));
    // Nobody overtakes who was given a slot at a lower rate.
    calls.back().map_or(free, |last| free.max(*last))
}

/// So many calls of a lane are kept, in case its rate rises.
const KEPT: usize = 64;

fn keep(calls: &mut VecDeque<Timestamp>, at: Timestamp, (most, _): (usize, Duration)) {
    calls.push_back(at);
    let old = calls.len().saturating_sub(most.max(KEPT));
    calls.drain(..old);
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
            assert_eq!(pacer.reserve("Describe", 2.0, at(hour)), Duration::ZERO);
        }
        assert_eq!(pacer.reserve("Describe", 2.0, at(hour)), Duration::from_millis(1_050));
        // An hour back: the same wait, not an hour more.
        assert_eq!(pacer.reserve("Describe", 2.0, at(0)), Duration::from_millis(1_050));
        assert_eq!(pacer.reserve("Describe", 2.0, at(0)), Duration::from_millis(2_100));
        // And on again: what is over is over.
        assert_eq!(pacer.reserve("Describe", 2.0, at(hour)), Duration::ZERO);
    }

    fn at(ms: u64) -> Timestamp {
        later("2026-11-21T08:00:00Z".parse().unwrap(), Duration::from_millis(ms))
    }

    /// When each of so many calls goes out that all come at once, in milliseconds.
    fn times(pacer: &Pacer, rate: f64, from: u64, count: usize) -> Vec<u128> {
        (0..count).map(|_| pacer.reserve("Copy", rate, at(from)).as_millis()).collect()
    }

    #[test]
    fn who_is_late_is_counted_when_it_goes_out() {
        let pacer = Pacer::default();
        assert_eq!(times(&pacer, 2.0, 0, 4), [0, 0, 1_050, 1_050]);
        // The first two go out late, and so the next two wait for them, not for their slots.
        let go = |ms: u64| pacer.go("Copy", 2.0, at(ms)).as_millis();
        assert_eq!([go(700), go(700), go(1_050), go(1_750), go(1_750)], [0, 0, 700, 0, 0]);
        assert_eq!(go(1_750), 1_050);
    }

    #[test]
    fn fractions_of_a_call_a_second_count() {
        // Two in three seconds, and their guard.
        assert_eq!(times(&Pacer::default(), 2.0 / 3.0, 0, 4), [0, 1_575, 3_150, 4_725]);
        assert_eq!(times(&Pacer::default(), 2.5, 0, 5), [0, 0, 840, 840, 1_680]);
    }

    #[test]
    fn a_rate_that_changes_holds_from_the_next_call_on() {
        let pacer = Pacer::default();
        assert_eq!(times(&pacer, 4.0, 0, 4), [0; 4]);
        assert_eq!(times(&pacer, 2.0, 100, 3), [950, 950, 2_000], "fewer: what went out before counts");
        assert_eq!(times(&pacer, 20.0, 3_000, 19), [0; 19], "more, in a second with the last of those before");
        assert_eq!(times(&pacer, 20.0, 3_000, 1), [150]);
    }

    #[test]
    fn what_was_throttled_goes_slower_for_half_a_minute_and_nothing_else_does() {
        let pacer = Pacer::default();
        pacer.slow_down("Copy", at(0));
        let within = |from: u64, lane: &str| (0..10).filter(|_| pacer.reserve(lane, 10.0, at(from)).is_zero()).count();
        assert_eq!((within(10, "Copy"), within(10, "Describe")), (7, 10));
        assert_eq!(within(40_000, "Copy"), 10);
    }
}
