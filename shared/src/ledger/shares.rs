//! Who shares the rate of an account just now: one note for each account, in which every busy process renews what it takes.
//!
//! **Invariant:** a process takes at most the limit divided by those that are busy. Only who comes new takes more than the others have left,
//! and then no more than it may take without the note.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::time::later;

/// So often a busy process renews what it takes.
pub(crate) const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// So long after its last renewal a process counts as busy.
pub(crate) const BUSY_FOR: Duration = Duration::from_secs(25);

/// By so much two clocks may differ.
const SKEW: Duration = Duration::from_secs(2);

/// What the note holds.
#[derive(Default, Serialize, Deserialize)]
struct Shares {
    busy: BTreeMap<String, Share>,
}

#[derive(Serialize, Deserialize)]
struct Share {
    until: Timestamp,
    /// Requests a second.
    rate: f64,
}

/// The note with what process `me` takes from now on, and that rate. `limit` is what all may send together in a second, `own` what this
/// process may without the note. A note that cannot be read counts as empty.
pub(crate) fn renewed(note: Option<&str>, me: &str, (limit, own): (f64, f64), now: Timestamp) -> (String, f64) {
    let mut shares: Shares = note.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // What ends later than anybody writes by now is of a clock that was ahead, and would stay.
    let longest = later(now, BUSY_FOR * 2);
    shares.busy.retain(|name, share| name != me && share.until > now && share.until <= longest && share.rate >= 0.0);
    // Whoever has not renewed for longer does so before its next call.
    let in_use = later(now, BUSY_FOR - RENEWED_EVERY - SKEW);
    let others: f64 = shares.busy.values().filter(|share| share.until > in_use).map(|share| share.rate).sum();
    let fair = limit / (shares.busy.len() + 1) as f64;
    let rate = fair.min((limit - others).max(own));
    shares.busy.insert(me.to_owned(), Share { until: later(now, BUSY_FOR), rate });
    (serde_json::to_string(&shares).unwrap_or_default(), rate)
}

/// The note without the share of process `me`; `None` if it has none there.
pub(crate) fn given_back(note: &str, me: &str) -> Option<String> {
    let mut shares: Shares = serde_json::from_str(note).ok()?;
    shares.busy.remove(me)?;
    serde_json::to_string(&shares).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: f64 = 20.0;
    const OWN: f64 = 4.0;

    /// Processes over one note by one clock: what each takes, and since when.
    #[derive(Default)]
    struct World {
        note: Option<String>,
        rates: BTreeMap<&'static str, (Timestamp, f64)>,
        second: i64,
    }

    impl World {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(1_000 + self.second).unwrap()
        }

        /// A second in which these are busy.
        fn pass(&mut self, busy: &[&'static str]) {
            let now = self.now();
            for me in busy {
                if self.rates.get(me).is_none_or(|(at, _)| later(*at, RENEWED_EVERY) <= now) {
                    let (note, rate) = renewed(self.note.as_deref(), me, (LIMIT, OWN), now);
                    self.note = Some(note);
                    self.rates.insert(me, (now, rate));
                }
            }
            self.second += 1;
        }

        fn sum(&self, busy: &[&str]) -> f64 {
            busy.iter().map(|me| self.rates[me].1).sum()
        }
    }

    #[test]
    fn whoever_is_alone_takes_all_and_two_take_half_each_after_one_renewal() {
        let mut world = World::default();
        world.pass(&["a"]);
        assert_eq!(world.sum(&["a"]), LIMIT);
        for _ in 0..3 {
            world.pass(&["a", "b"]);
            // One that comes new has no more than without the note.
            assert_eq!((world.rates["b"].1, world.sum(&["a", "b"])), (OWN, LIMIT + OWN));
        }
        for _ in 0..20 {
            world.pass(&["a", "b"]);
        }
        assert_eq!((world.rates["a"].1, world.rates["b"].1), (10.0, 10.0));
    }

    #[test]
    fn together_they_never_take_more_than_the_limit_once_each_has_renewed_and_what_has_ended_is_free_again() {
        let all = ["a", "b", "c", "d", "e", "f", "g"];
        let mut world = World::default();
        for count in 1..=all.len() {
            for second in 0..40 {
                world.pass(&all[..count]);
                let sum = world.sum(&all[..count]);
                assert!(sum <= LIMIT + OWN + 1e-9, "{count} after {second} s: {sum}");
                assert!(second < 21 || sum <= LIMIT + 1e-9, "{count} after {second} s: {sum}");
                assert!(all[..count].iter().all(|one| world.rates[one].1 > 0.0));
            }
        }
        // Fractions: seven take 20 together.
        assert!((world.rates["g"].1 - LIMIT / 7.0).abs() < 1e-9);
        for _ in 0..36 {
            world.pass(&["c"]);
        }
        assert_eq!(world.rates["c"].1, LIMIT);
    }

    #[test]
    fn what_one_that_has_stopped_had_taken_is_free_again_by_halves() {
        let mut world = World::default();
        world.pass(&["a"]);
        world.pass(&["b"]);
        assert_eq!(world.rates["b"].1, OWN);
        // It renews after 10, 20 and 30 s; the other counts for 12 s as one that sends, and for 25 s as one that is busy.
        for (seconds, wanted) in [(11, OWN), (10, 10.0), (10, LIMIT)] {
            (0..seconds).for_each(|_| world.pass(&["b"]));
            assert_eq!(world.rates["b"].1, wanted);
        }
    }

    #[test]
    fn a_note_that_says_nonsense_and_a_clock_that_is_ahead_take_nothing_from_anybody() {
        let now = Timestamp::from_second(1_000).unwrap();
        let ahead = r#"{"busy":{"x":{"until":"2099-01-01T00:00:00Z","rate":20.0}}}"#;
        let below = r#"{"busy":{"x":{"until":"1970-01-01T00:16:50Z","rate":-5.0}}}"#;
        for note in [None, Some("nonsense"), Some(ahead), Some(below)] {
            assert_eq!(renewed(note, "a", (LIMIT, OWN), now).1, LIMIT, "{note:?}");
        }
        assert_eq!(renewed(None, "a", (3.0, OWN), now).1, 3.0, "never more than the limit");
    }
}
