//! Places that do not answer. While one is silent, one caller at a time goes on asking it, and the others do what does not need it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::credentials::held;
use crate::model::time::later;
use crate::providers::call::Service;

/// After so many failures in a row a place counts as silent. A single one may be chance.
const IN_A_ROW: u32 = 3;

/// For so long after its last failure. Then everybody asks again.
const FOR: Duration = Duration::from_secs(60);

/// What is asked: a service in a region, or the queue.
pub(crate) type Place<'p> = Option<(Service, &'p str)>;

/// Which places have not answered lately. Empty while all do.
#[derive(Default)]
pub(crate) struct Silence {
    places: Mutex<HashMap<Option<(Service, String)>, Failures>>,
}

struct Failures {
    in_a_row: u32,
    last: Timestamp,
    /// Somebody is asking it.
    asked: bool,
}

/// The turn to ask a silent place. It ends when this is dropped.
pub(crate) struct Turn<'s> {
    silence: &'s Silence,
    place: Option<(Service, String)>,
}

/// Whether a place may be asked.
pub(crate) enum May<'s> {
    /// It answers, as far as anybody knows.
    Ask,
    /// It is silent, and this caller is the one who asks.
    Try(Turn<'s>),
    /// It is silent, and another caller is asking it.
    Not,
}

impl Silence {
    /// Whether a place may be asked now.
    pub(crate) fn may_ask(&self, place: Place<'_>, now: impl FnOnce() -> Timestamp) -> May<'_> {
        let mut places = held(&self.places);
        if places.is_empty() {
            return May::Ask;
        }
        let key = owned(place);
        match places.get_mut(&key) {
            Some(failures) if failures.in_a_row >= IN_A_ROW && is_lately(failures.last, now()) => {
                if std::mem::replace(&mut failures.asked, true) {
                    return May::Not;
                }
                May::Try(Turn { silence: self, place: key })
            }
            _ => May::Ask,
        }
    }

    /// Takes note that a place did not answer.
    pub(crate) fn failed(&self, place: Place<'_>, now: Timestamp) {
        let mut places = held(&self.places);
        let failures = places.entry(owned(place)).or_insert(Failures { in_a_row: 0, last: now, asked: false });
        let over = !is_lately(failures.last, now);
        failures.in_a_row = if over { 1 } else { failures.in_a_row.saturating_add(1) };
        failures.last = now;
    }

    /// Takes note that a place answered.
    pub(crate) fn answered(&self, place: Place<'_>) {
        let mut places = held(&self.places);
        if !places.is_empty() {
            places.remove(&owned(place));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(failures) = held(&self.silence.places).get_mut(&self.place) {
            failures.asked = false;
        }
    }
}

/// What lies far ahead is from before the clock was set back.
fn is_lately(last: Timestamp, now: Timestamp) -> bool {
    later(last, FOR) > now && last <= later(now, FOR)
}

fn owned(place: Place<'_>) -> Option<(Service, String)> {
    place.map(|(service, region)| (service, region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Some((Service::Cbs, "ap-singapore"));
    const OTHER: Place<'static> = Some((Service::Cbs, "ap-beijing"));

    fn at(seconds: u64) -> Timestamp {
        later("2026-11-21T08:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
    }

    fn silent() -> Silence {
        let silence = Silence::default();
        (0..3).for_each(|second| silence.failed(PLACE, at(second)));
        silence
    }

    #[test]
    fn a_silent_place_is_asked_by_one_caller_at_a_time_and_others_by_all() {
        let silence = silent();
        let May::Try(turn) = silence.may_ask(PLACE, || at(4)) else { panic!("nobody asks it") };
        assert!(matches!(silence.may_ask(PLACE, || at(4)), May::Not));
        assert!(matches!(silence.may_ask(OTHER, || at(4)), May::Ask));
        assert!(matches!(silence.may_ask(None, || at(4)), May::Ask), "the queue is another place");
        drop(turn);
        assert!(matches!(silence.may_ask(PLACE, || at(4)), May::Try(_)));
    }

    #[test]
    fn an_answer_or_a_minute_ends_the_silence_and_two_failures_are_none() {
        let silence = silent();
        assert!(matches!(silence.may_ask(PLACE, || at(62)), May::Ask));
        silence.answered(PLACE);
        assert!(matches!(silence.may_ask(PLACE, || at(4)), May::Ask));
        silence.failed(PLACE, at(5));
        silence.failed(PLACE, at(6));
        assert!(matches!(silence.may_ask(PLACE, || at(7)), May::Ask));
        // What failed a minute ago does not count.
        silence.failed(PLACE, at(70));
        assert!(matches!(silence.may_ask(PLACE, || at(71)), May::Ask));
    }
}
