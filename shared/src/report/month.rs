//! What is remembered of a rule's days: one note for each month, which takes sweeps in and stays small. Pure functions over values.
//!
//! **Invariant:** a minute is counted once, and a day never gets better than the worst that a complete sweep of it came to.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Conclusion, Day, ResourceCounts};
use crate::model::json;
use crate::model::time::seconds;
use crate::sweep::findings::Counts;
use crate::sweep::verdict::Verdict;

/// The most bytes that the note of a month takes, whatever it holds.
pub const LARGEST: usize = 8_192;

/// Minutes of a day.
pub const MINUTES: u32 = 1_440;

/// The format of a month's note.
const FORMAT: u32 = 1;

/// What a complete sweep came to, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When the sweep had ended and was judged.
    pub at: Timestamp,
    /// When its listing began: what came later is not counted.
    pub complete_as_of: Timestamp,
    /// Whether the objective held then.
    pub conclusion: Conclusion,
    /// Backups × destinations by verdict.
    pub counts: Counts,
    /// Resources × destinations by state.
    pub resources: ResourceCounts,
    /// Due, and without a usable copy.
    pub gaps: u64,
    /// Made before the rule was first swept, without a usable copy, and protected by a newer one.
    pub backlog: u64,
}

/// The note of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Month {
    format: u32,
    /// The first day of the month.
    pub(super) month: Date,
    /// When the last complete sweep was judged that this note knows of.
    pub(super) looked: Timestamp,
    /// What it came to.
    pub(super) conclusion: Conclusion,
    /// Until when minutes are counted.
    until: Timestamp,
    /// A hash of the names that are kept last.
    pub(super) names: String,
    /// By the day of the month: conclusions as letters, then numbers in hexadecimal digits, so that a month of the largest values fits.
    days: BTreeMap<i8, String>,
}

/// One day, as its line in the note has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The worst that a complete sweep came to; absent if none ended on this day.
    pub(super) worst: Option<Conclusion>,
    /// What the last one came to.
    last: Option<Conclusion>,
    broken: u32,
    unknown: u32,
    /// The day of this month under which the names of what was unprotected are kept; 0 if nothing was.
    pub(super) named: u32,
    /// Second of the day at which the last sweep was judged, and how long before its listing began.
    second: u32,
    took: u32,
    /// Gaps, backlog, resources by state, backups by verdict.
    figures: [u32; FIGURES],
}

const FIGURES: usize = 2 + 6 + Verdict::ALL.len();

/// Time between two looks, and what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    from: Timestamp,
    to: Timestamp,
    is: Conclusion,
}

impl Stretch {
    /// From one complete sweep to the next it is as the first one found it. If they are further apart than `allowed`, nobody knows.
    pub(super) fn between(last: Timestamp, found: Conclusion, next: Timestamp, allowed: Duration) -> Stretch {
        let apart = Duration::try_from(next.duration_since(last)).unwrap_or_default();
        Stretch { from: last, to: next, is: if apart > allowed { Conclusion::Unknown } else { found } }
    }
}

impl Month {
    /// The note of the month in which a first sweep is remembered.
    pub(super) fn new(look: &Look) -> Month {
        let month = day_of(look.at).first_of_month();
        Month {
            format: FORMAT,
            month,
            looked: look.at,
            conclusion: look.conclusion,
            until: midnight(month),
            names: String::new(),
            days: BTreeMap::new(),
        }
    }

    /// Reads a note; `None` if it is none, or of a newer format.
    pub(super) fn read(text: &str) -> Option<Month> {
        json::typed(text).ok().filter(|month: &Month| month.format <= FORMAT)
    }

    /// Counts the minutes of a stretch that lie in this month and are not counted yet.
    pub(super) fn count(&mut self, stretch: Stretch) {
        let end = next_month(self.month).map_or(Timestamp::MAX, midnight);
        let (mut from, to) = (minute(stretch.from.max(self.until)), minute(stretch.to.min(end)));
        while from < to {
            let day = day_of(from);
            let until = day.tomorrow().map_or(to, midnight).min(to);
            let minutes = u32::try_from(until.duration_since(from).as_mins()).unwrap_or(0);
            let mut entry = self.entry(day.day()).unwrap_or_default();
            match stretch.is {
                Conclusion::Broken => entry.broken = (entry.broken + minutes).min(MINUTES),
                Conclusion::Unknown => entry.unknown = (entry.unknown + minutes).min(MINUTES),
                Conclusion::Holds | Conclusion::NotJudged => {}
            }
            if entry != Entry::default() {
                self.put(day.day(), &entry);
            }
            from = until;
        }
        self.until = self.until.max(to);
    }

    /// Takes in a look of this month. One that is earlier than what is known, because a clock went back, can only make its day worse.
    pub(super) fn take(&mut self, look: &Look, named: u32) {
        let day = day_of(look.at);
        let mut entry = self.entry(day.day()).unwrap_or_default();
        entry.worst = entry.worst.max(Some(look.conclusion));
        if look.at >= self.looked || entry.last.is_none() {
            entry.last = Some(look.conclusion);
            entry.named = named;
            entry.second = small(since(midnight(day), look.at));
            entry.took = small(since(look.complete_as_of, look.at));
            entry.figures = figures(look);
        }
        if look.at >= self.looked {
            (self.looked, self.conclusion) = (look.at, look.conclusion);
            self.until = self.until.max(minute(look.at));
        }
        self.put(day.day(), &entry);
    }

    /// The day of this month under which names are kept that its latest day has.
    pub(super) fn named(&self) -> u32 {
        self.days
            .keys()
            .rev()
            .find_map(|day| self.entry(*day).filter(|entry| entry.last.is_some()))
            .map_or(0, |e| e.named)
    }

    /// The days under which names are kept.
    pub(super) fn name_days(&self) -> Vec<i8> {
        let named = self.days.keys().filter_map(|day| i8::try_from(self.entry(*day)?.named).ok());
        let mut days: Vec<i8> = named.filter(|day| *day > 0).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// One day; `None` if nothing is known of it.
    pub(super) fn entry(&self, day: i8) -> Option<Entry> {
        Entry::read(self.days.get(&day)?)
    }

    /// The days that are known, oldest first.
    pub(super) fn days(&self) -> impl Iterator<Item = Day> + '_ {
        self.days.keys().filter_map(|day| {
            let entry = self.entry(*day)?;
            Some(Day {
                day: self.month.with().day(*day).build().ok()?,
                conclusion: entry.worst,
                minutes_not_holding: entry.broken,
                minutes_unknown: entry.unknown,
            })
        })
    }

    /// The last complete sweep of a day; `None` if there was none.
    pub(super) fn look(&self, day: Date) -> Option<Look> {
        let entry = self.entry(day.day())?;
        let at = later_by(midnight(day), entry.second);
        let [gaps, backlog, unprotected, stale, unknown, accepted_risk, pending, protected, verdicts @ ..] =
            entry.figures.map(u64::from);
        let mut counts = Counts::default();
        for (verdict, count) in Verdict::ALL.into_iter().zip(verdicts) {
            counts[verdict] = count;
            counts.covered += count;
        }
        Some(Look {
            at,
            complete_as_of: at.checked_sub(SignedDuration::from_secs(entry.took.into())).unwrap_or(at),
            conclusion: entry.last?,
            counts,
            resources: ResourceCounts { unprotected, stale, unknown, accepted_risk, pending, protected },
            gaps,
            backlog,
        })
    }

    fn put(&mut self, day: i8, entry: &Entry) {
        self.days.insert(day, entry.text());
    }
}

impl Entry {
    fn text(&self) -> String {
        let mut text = format!("{}{}", letter(self.worst), letter(self.last));
        let numbers = [self.broken, self.unknown, self.named, self.second, self.took];
        for number in numbers.iter().chain(&self.figures) {
            text.push_str(&format!(" {number:x}"));
        }
        text
    }

    fn read(text: &str) -> Option<Entry> {
        let (letters, numbers) = text.split_once(' ')?;
        let mut letters = letters.chars();
        let (worst, last) = (conclusion(letters.next()?)?, conclusion(letters.next()?)?);
        let mut numbers = numbers.split(' ').map(|number| u32::from_str_radix(number, 16).ok());
        let mut next = || numbers.next().flatten();
        let (broken, unknown, named, second, took) = (next()?, next()?, next()?, next()?, next()?);
        let mut figures = [0; FIGURES];
        for figure in &mut figures {
            *figure = next()?;
        }
        Some(Entry { worst, last, broken, unknown, named, second, took, figures })
    }
}

fn figures(look: &Look) -> [u32; FIGURES] {
    let ResourceCounts { unprotected, stale, unknown, accepted_risk, pending, protected } = look.resources;
    let first = [look.gaps, look.backlog, unprotected, stale, unknown, accepted_risk, pending, protected];
    let mut figures = [0; FIGURES];
    let all = first.into_iter().chain(Verdict::ALL.map(|verdict| look.counts[verdict]));
    for (figure, count) in figures.iter_mut().zip(all) {
        *figure = small(count);
    }
    figures
}

fn letter(conclusion: Option<Conclusion>) -> char {
    match conclusion {
        None => '-',
        Some(Conclusion::Holds) => 'h',
        Some(Conclusion::NotJudged) => 'n',
        Some(Conclusion::Unknown) => 'u',
        Some(Conclusion::Broken) => 'b',
    }
}

/// The conclusion of a letter; `None` if it is none.
fn conclusion(letter: char) -> Option<Option<Conclusion>> {
    match letter {
        '-' => Some(None),
        'h' => Some(Some(Conclusion::Holds)),
        'n' => Some(Some(Conclusion::NotJudged)),
        'u' => Some(Some(Conclusion::Unknown)),
        'b' => Some(Some(Conclusion::Broken)),
        _ => None,
    }
}

/// A number as it is kept: more than four thousand million are not told apart.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn since(from: Timestamp, to: Timestamp) -> u64 {
    seconds(from, to).unwrap_or(0)
}

fn later_by(at: Timestamp, seconds: u32) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(at)
}

/// The whole minute in which a time lies, so that no part of a minute is lost or counted twice.
fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

/// The day of a time, in UTC.
pub(super) fn day_of(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

/// When a day begins, in UTC.
pub(super) fn midnight(day: Date) -> Timestamp {
    day.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::MAX, |day| day.timestamp())
}

/// The first day of the month after; `None` at the end of time.
pub(super) fn next_month(month: Date) -> Option<Date> {
    month.last_of_month().tomorrow().ok()
}
