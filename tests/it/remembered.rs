//! What is remembered of a rule's days: what sweeps leave, how small it is, and what a crash or a clock can do to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use offsite_local::home::ledger::SqliteLedger;
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::store::{LedgerError, Note};
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::{Boxed, Notes};
use offsite_shared::report::memory::{self, Remembered, Unprotected};
use offsite_shared::report::month::{LARGEST, Look};
use offsite_shared::report::{Conclusion, Day, Fault, ResourceCounts, ResourceState};
use offsite_shared::sweep::findings::Counts;
use offsite_shared::sweep::verdict::Verdict;

use crate::sweeping::Estate;

const RULE: &str = "nightly";
const DAY: Duration = Duration::from_secs(86_400);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn look(when: &str, conclusion: Conclusion, covered: u64) -> Look {
    let mut counts = Counts { covered, ..Counts::default() };
    counts[Verdict::Replicated] = covered;
    let complete_as_of = at(when) - SignedDuration::from_secs(90);
    let resources = ResourceCounts { protected: covered, ..ResourceCounts::default() };
    Look { at: at(when), complete_as_of, conclusion, counts, resources, gaps: 0, backlog: 0 }
}

fn named(id: &str) -> Unprotected {
    Unprotected {
        state: ResourceState::Unprotected,
        resource: id.to_owned(),
        kind: None,
        destination: "ap-singapore".into(),
        fault: Fault::NotCopied,
        cause: "missing".into(),
        since: None,
    }
}

async fn add(notes: &dyn Notes, look: &Look, names: &[Unprotected]) {
    memory::add(notes, RULE, look, names, DAY).await.unwrap();
}

async fn of(notes: &dyn Notes, wanted: &str) -> Option<Remembered> {
    memory::day(notes, RULE, day(wanted)).await.unwrap()
}

async fn seen(notes: &dyn Notes, wanted: &str) -> Day {
    of(notes, wanted).await.unwrap().day
}

async fn text(notes: &dyn Notes, name: &str) -> Option<String> {
    notes.note(name).await.unwrap().map(|note| note.text)
}

/// Conclusion, minutes not holding, and minutes unknown.
fn figures(day: Day) -> (Option<Conclusion>, u32, u32) {
    (day.conclusion, day.minutes_not_holding, day.minutes_unknown)
}

#[tokio::test]
async fn a_day_is_as_bad_as_its_worst_sweep_and_tells_the_counts_of_its_last() {
    let notes = MemoryLedger::default();
    add(&notes, &look("2026-11-22T06:00:10Z", Conclusion::Holds, 5), &[]).await;
    add(&notes, &look("2026-11-22T07:00:20Z", Conclusion::Broken, 6), &[named("disk-1")]).await;
    add(&notes, &look("2026-11-22T09:30:40Z", Conclusion::Holds, 7), &[]).await;
    let found = of(&notes, "2026-11-22").await.unwrap();
    assert_eq!(figures(found.day), (Some(Conclusion::Broken), 150, 0));
    let last = found.last.unwrap();
    assert_eq!(last, look("2026-11-22T09:30:40Z", Conclusion::Holds, 7));
    assert_eq!(found.unprotected, []);
}

#[tokio::test]
async fn minutes_go_to_the_days_and_months_in_which_they_lie() {
    let notes = MemoryLedger::default();
    add(&notes, &look("2026-11-29T23:00:59Z", Conclusion::Broken, 1), &[]).await;
    add(&notes, &look("2026-11-30T22:00:00Z", Conclusion::Broken, 1), &[]).await;
    add(&notes, &look("2026-12-01T02:30:00Z", Conclusion::Holds, 1), &[]).await;
    add(&notes, &look("2026-12-01T03:30:00Z", Conclusion::Holds, 1), &[]).await;
    assert_eq!(figures(seen(&notes, "2026-11-29").await), (Some(Conclusion::Broken), 60, 0));
    assert_eq!(figures(seen(&notes, "2026-11-30").await), (Some(Conclusion::Broken), 1_440, 0));
    assert_eq!(figures(seen(&notes, "2026-12-01").await), (Some(Conclusion::Holds), 150, 0));
    let months = [text(&notes, "days/nightly/2026-11").await, text(&notes, "days/nightly/2026-12").await];
    assert!(months.iter().all(Option::is_some), "{months:?}");
}

#[tokio::test]
async fn a_gap_longer_than_the_objective_allows_is_unknown_and_its_days_are_grey() {
    let notes = MemoryLedger::default();
    add(&notes, &look("2026-11-20T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    add(&notes, &look("2026-11-23T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    assert_eq!(figures(seen(&notes, "2026-11-20").await), (Some(Conclusion::Holds), 0, 720));
    assert_eq!(figures(seen(&notes, "2026-11-21").await), (None, 0, 1_440));
    assert_eq!(figures(seen(&notes, "2026-11-22").await), (None, 0, 1_440));
    assert_eq!(figures(seen(&notes, "2026-11-23").await), (Some(Conclusion::Holds), 0, 720));
    // The twin: what the objective allows is no gap.
    let allowed = MemoryLedger::default();
    for when in ["2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z"] {
        memory::add(&allowed, RULE, &look(when, Conclusion::Holds, 1), &[], 3 * DAY).await.unwrap();
    }
    assert_eq!(figures(seen(&allowed, "2026-11-20").await), (Some(Conclusion::Holds), 0, 0));
    assert_eq!(seen(&allowed, "2026-11-21").await.conclusion, None, "nobody looked on that day all the same");
}

#[tokio::test]
async fn what_lies_before_the_first_sweep_is_not_remembered() {
    let notes = MemoryLedger::default();
    assert_eq!(of(&notes, "2026-11-20").await, None);
    add(&notes, &look("2026-11-20T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    assert_eq!(of(&notes, "2026-11-19").await, None);
    assert_eq!(memory::begin(&notes, RULE).await.unwrap(), Some(day("2026-11-20")));
    let later = of(&notes, "2027-02-03").await.unwrap();
    assert_eq!((later.day.conclusion, later.last), (None, None));
}

#[tokio::test]
async fn a_month_of_the_largest_values_fits_into_its_note() {
    let notes = MemoryLedger::default();
    let mut largest = look("2026-12-01T23:59:59Z", Conclusion::NotJudged, 0);
    Verdict::ALL.iter().for_each(|verdict| largest.counts[*verdict] = u64::MAX);
    let most = u64::MAX;
    largest.resources = ResourceCounts {
        unprotected: most,
        stale: most,
        unknown: most,
        accepted_risk: most,
        pending: most,
        protected: most,
    };
    (largest.gaps, largest.backlog) = (most, most);
    for date in 1..=31 {
        largest.at = at(&format!("2026-12-{date:02}T23:59:59.999999999Z"));
        largest.complete_as_of = Timestamp::MIN;
        largest.conclusion = if date % 2 == 0 { Conclusion::Broken } else { Conclusion::Unknown };
        let names: Vec<Unprotected> = (0..memory::NAMES).map(|n| named(&format!("disk-{date}-{n}"))).collect();
        add(&notes, &largest, &names).await;
    }
    let note = text(&notes, "days/nightly/2026-12").await.unwrap();
    assert!(note.len() <= LARGEST && note.len() > LARGEST / 2, "{} bytes", note.len());
    let last = of(&notes, "2026-12-31").await.unwrap();
    assert_eq!(last.last.unwrap().gaps, u64::from(u32::MAX), "more are not told apart");
    assert_eq!(last.unprotected.len(), memory::NAMES);
}

#[tokio::test]
async fn names_are_written_on_the_days_on_which_they_change() {
    let notes = MemoryLedger::default();
    let broken = |when: &str| look(when, Conclusion::Broken, 1);
    add(&notes, &broken("2026-11-28T12:00:00Z"), &[named("disk-1")]).await;
    add(&notes, &broken("2026-11-29T12:00:00Z"), &[named("disk-1")]).await;
    add(&notes, &broken("2026-11-30T12:00:00Z"), &[named("disk-1"), named("disk-2")]).await;
    add(&notes, &broken("2026-12-01T12:00:00Z"), &[named("disk-1"), named("disk-2")]).await;
    add(&notes, &look("2026-12-02T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    for (date, written, known) in [
        ("2026-11-28", true, 1),
        ("2026-11-29", false, 1),
        ("2026-11-30", true, 2),
        // Each month is complete in itself.
        ("2026-12-01", true, 2),
        ("2026-12-02", false, 0),
    ] {
        assert_eq!(text(&notes, &format!("days/nightly/{date}")).await.is_some(), written, "{date}");
        assert_eq!(of(&notes, date).await.unwrap().unprotected.len(), known, "{date}");
    }
}

#[tokio::test]
async fn after_400_days_a_month_goes_with_its_names() {
    let notes = MemoryLedger::default();
    add(&notes, &look("2026-01-30T12:00:00Z", Conclusion::Broken, 1), &[named("disk-1")]).await;
    add(&notes, &look("2026-02-01T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    // 400 days after the last day of January it is still there, and a day later it is not.
    add(&notes, &look("2027-03-07T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    assert!(text(&notes, "days/nightly/2026-01").await.is_some());
    assert_eq!(of(&notes, "2026-01-30").await.unwrap().unprotected.len(), 1);
    add(&notes, &look("2027-03-08T12:00:00Z", Conclusion::Holds, 1), &[]).await;
    for gone in ["days/nightly/2026-01", "days/nightly/2026-01-30"] {
        assert_eq!(text(&notes, gone).await, None, "{gone}");
    }
    assert_eq!(of(&notes, "2026-01-30").await, None);
    assert_eq!(memory::begin(&notes, RULE).await.unwrap(), Some(day("2026-02-01")));
}

/// Notes of which one write, counted from 0, fails, as that of a process does that dies there.
struct Dying {
    notes: MemoryLedger,
    left: AtomicUsize,
}

impl Dying {
    fn dies(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 0
    }
}

impl Notes for Dying {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        self.notes.note(name)
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        if self.dies() {
            return Box::pin(async { Err(LedgerError::Unavailable("died".into())) });
        }
        self.notes.put_note(name, text, was)
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        if self.dies() {
            return Box::pin(async { Err(LedgerError::Unavailable("died".into())) });
        }
        self.notes.drop_note(name)
    }
}

/// Months of sweeps that meet a change of month, names, and something to forget.
fn history() -> Vec<(Look, Vec<Unprotected>)> {
    vec![
        (look("2025-09-20T12:00:00Z", Conclusion::Broken, 1), vec![named("disk-0")]),
        (look("2026-11-30T12:00:00Z", Conclusion::Broken, 1), vec![named("disk-1")]),
        (look("2026-12-01T06:00:00Z", Conclusion::Broken, 2), vec![named("disk-2")]),
        (look("2026-12-01T07:00:00Z", Conclusion::Holds, 3), Vec::new()),
    ]
}

#[tokio::test]
async fn a_crash_between_two_notes_counts_no_minute_twice_and_leaves_nothing_behind() {
    let wanted = MemoryLedger::default();
    for (look, names) in history() {
        add(&wanted, &look, &names).await;
    }
    assert_eq!(figures(seen(&wanted, "2026-11-30").await), (Some(Conclusion::Broken), 720, 720));
    assert_eq!(text(&wanted, "days/nightly/2025-09").await, None, "it is forgotten underway");
    let mut deaths = 0;
    for write in 0..64 {
        let notes = Dying { notes: MemoryLedger::default(), left: AtomicUsize::new(write) };
        for (look, names) in history() {
            if memory::add(&notes, RULE, &look, &names, DAY).await.is_err() {
                deaths += 1;
                memory::add(&notes, RULE, &look, &names, DAY).await.unwrap();
            }
        }
        for name in [
            "days/nightly",
            "days/nightly/2025-09",
            "days/nightly/2025-09-20",
            "days/nightly/2026-11",
            "days/nightly/2026-11-30",
            "days/nightly/2026-12",
            "days/nightly/2026-12-01",
        ] {
            assert_eq!(
                text(&notes.notes, name).await,
                text(&wanted, name).await,
                "{name} after a death at write {write}"
            );
        }
    }
    assert!(deaths > 10, "{deaths} deaths");
}

#[tokio::test]
async fn a_sweep_that_is_not_remembered_is_made_up_for_by_the_next() {
    let notes = MemoryLedger::default();
    add(&notes, &look("2026-11-22T06:00:00Z", Conclusion::Broken, 1), &[]).await;
    // The one at 07:00 died before it wrote anything.
    add(&notes, &look("2026-11-22T08:00:00Z", Conclusion::Holds, 1), &[]).await;
    assert_eq!(figures(seen(&notes, "2026-11-22").await), (Some(Conclusion::Broken), 120, 0));
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_no_day_better_and_counts_no_minute_twice() {
    let notes = MemoryLedger::default();
    add(&notes, &look("2026-11-22T10:00:00Z", Conclusion::Broken, 1), &[]).await;
    add(&notes, &look("2026-11-22T12:00:00Z", Conclusion::Holds, 2), &[]).await;
    // An hour back: what it finds then is held against the day, and the later sweep stays the last one.
    add(&notes, &look("2026-11-22T11:00:00Z", Conclusion::Unknown, 3), &[named("disk-1")]).await;
    let found = of(&notes, "2026-11-22").await.unwrap();
    assert_eq!(figures(found.day), (Some(Conclusion::Broken), 120, 0));
    assert_eq!(found.last.unwrap().counts.covered, 2);
    assert_eq!(found.unprotected, []);
    // Into the month before.
    add(&notes, &look("2026-10-31T23:00:00Z", Conclusion::Broken, 3), &[]).await;
    assert_eq!(figures(seen(&notes, "2026-10-31").await).0, Some(Conclusion::Broken));
    add(&notes, &look("2026-11-22T13:00:00Z", Conclusion::Holds, 4), &[]).await;
    assert_eq!(figures(seen(&notes, "2026-11-22").await), (Some(Conclusion::Broken), 120, 0));
    // The twin: with a clock that goes on, the same minutes are counted.
    let steady = MemoryLedger::default();
    add(&steady, &look("2026-11-22T10:00:00Z", Conclusion::Broken, 1), &[]).await;
    add(&steady, &look("2026-11-22T11:00:00Z", Conclusion::Unknown, 3), &[]).await;
    add(&steady, &look("2026-11-22T12:00:00Z", Conclusion::Holds, 2), &[]).await;
    assert_eq!(figures(seen(&steady, "2026-11-22").await), (Some(Conclusion::Broken), 60, 60));
}

#[tokio::test]
async fn the_same_sweep_taken_in_twice_changes_nothing() {
    let notes = MemoryLedger::default();
    for (look, names) in history() {
        add(&notes, &look, &names).await;
        let before = text(&notes, &format!("days/nightly/{}", look.at.strftime("%Y-%m"))).await;
        add(&notes, &look, &names).await;
        let after = text(&notes, &format!("days/nightly/{}", look.at.strftime("%Y-%m"))).await;
        assert_eq!(before, after, "{}", look.at);
    }
}

/// Notes by which nothing can be remembered.
struct Forgetful(SqliteLedger);

impl Notes for Forgetful {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        self.0.note(name)
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        if name.starts_with("days/") {
            return Box::pin(async { Err(LedgerError::Unavailable("no room".into())) });
        }
        self.0.put_note(name, text, was)
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        self.0.drop_note(name)
    }
}

#[tokio::test]
async fn every_sweep_that_ends_is_remembered_as_the_report_has_it_and_none_fails_over_it() {
    let estate = Estate::start(7, 120).await;
    let policy = estate.policy(Cloud::Tencent).await;
    let mut context = estate.paused(&policy);
    context.ports.notes = Arc::new(Forgetful(estate.ledger()));
    estate.sweep(&context).await;
    let report = estate.report(&policy).await;
    assert!(report.rules.iter().all(|rule| rule.days.is_empty() && rule.complete_as_of.is_some()));
    // One that only looks remembers nothing; the next one does.
    let mut looking = estate.paused(&policy);
    looking.settings.read_only = true;
    estate.sweep(&looking).await;
    assert!(estate.report(&policy).await.rules.iter().all(|rule| rule.days.is_empty()));
    estate.sweep(&estate.paused(&policy)).await;
    let report = estate.report(&policy).await;
    let ledger = estate.ledger();
    for rule in &report.rules {
        let [today] = &rule.days[..] else { panic!("{:?}", rule.days) };
        let known = memory::day(&ledger, &rule.rule, today.day).await.unwrap().unwrap();
        let last = known.last.unwrap();
        assert_eq!((today.conclusion, last.conclusion), (Some(rule.conclusion), rule.conclusion));
        assert_eq!(
            (last.counts, last.resources, last.gaps, last.backlog),
            (rule.counts, rule.resources, rule.gaps, rule.backlog)
        );
        let red = rule.resources.unprotected + rule.resources.stale;
        assert_eq!(known.unprotected.len() as u64, red.min(memory::NAMES as u64));
    }
    assert!(report.rules.iter().all(|rule| rule.counts.covered > 0));
}
