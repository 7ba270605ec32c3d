//! A sweep whose ledger and notes fail now and then: what is counted is listed, and nothing is counted twice or forgotten.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use offsite_local::home::ledger::SqliteLedger;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::LedgerError;
use offsite_shared::model::command::{Cloud, Key};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Ledger, Notes};
use offsite_shared::report::Conclusion;
use serde_json::{Value, json};

use crate::over::goes_on;
use crate::sweeping::{Estate, compare};

/// Fails now and then when a record is read or a note is written.
struct Faltering {
    inner: SqliteLedger,
    chance: Mutex<fastrand::Rng>,
    trips: AtomicU32,
}

impl Faltering {
    fn trip(&self, one_in: u32) -> Result<(), LedgerError> {
        match self.chance.lock().unwrap().u32(0..one_in) {
            0 => {
                self.trips.fetch_add(1, Ordering::SeqCst);
                Err(LedgerError::Unavailable("it falters".into()))
            }
            _ => Ok(()),
        }
    }
}

impl Ledger for Faltering {
    goes_on!(put list count pauses);

    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        Box::pin(async move {
            self.trip(300)?;
            self.inner.get(key).await
        })
    }
}

impl Notes for Faltering {
    goes_on!(note drop_note);

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            // The writing of how far it is has to succeed some time; it is what is written before that matters here.
            if name.starts_with("sweep/") {
                self.trip(8)?;
            }
            self.inner.put_note(name, text, was).await
        })
    }
}

/// As if the minutes had passed after which a course is taken from an invocation that could not even say that it ended.
async fn end_lease(notes: &SqliteLedger, name: &str) {
    let Some(note) = notes.note(name).await.unwrap() else { return };
    let mut course: Value = serde_json::from_str(&note.text).unwrap();
    course["lease_until"] = json!("2026-01-01T00:00:00Z");
    assert!(notes.put_note(name, &course.to_string(), note.version).await.unwrap());
}

#[tokio::test]
async fn a_ledger_that_falters_changes_no_figure() {
    let estate = Estate::start(6, 3_000).await;
    let cloud = Cloud::Tencent;
    let policy = estate.policy(cloud).await;
    let truth = estate.get(cloud, "truth").await;
    estate.remember(&truth, &policy).await;
    let store = Arc::new(Faltering {
        inner: estate.ledger(),
        chance: Mutex::new(fastrand::Rng::with_seed(6)),
        trips: AtomicU32::new(0),
    });
    let (mut rounds, mut last) = (0, json!(null));
    loop {
        rounds += 1;
        assert!(rounds < 300, "it does not come to an end: {last}");
        let mut context = estate.paused(&policy);
        context.ports.ledger = store.clone();
        context.ports.notes = store.clone();
        let deadline = estate.clock.now() + SignedDuration::from_millis(2_000 + 40 * rounds);
        let invocation = Invocation { id: "faltering".into(), deadline };
        let answer = handle(&context, &json!({ "action": "sweep" }), &invocation).await.unwrap();
        last = answer["swept"].clone();
        for rule in &policy.rules {
            end_lease(&store.inner, &format!("course/{}", rule.name)).await;
        }
        let report = estate.report(&policy).await;
        if report.rules.iter().all(|rule| rule.complete_as_of.is_some()) {
            let truth = estate.get(cloud, "truth").await;
            for rule in &report.rules {
                compare(rule, &truth, "with_ledger", &format!("after {rounds} rounds"));
            }
            break;
        }
    }
    let trips = store.trips.load(Ordering::SeqCst);
    assert!(trips > 1, "only {trips} failures: the test has become too easy");
}

/// What stands in the way before the first page is told by the report, not only by the log.
#[tokio::test]
async fn a_rule_that_cannot_begin_says_why_in_the_report() {
    let estate = Estate::start(1, 50).await;
    let mut policy = Policy::clone(&*estate.policy(Cloud::Tencent).await);
    for rule in &mut policy.rules {
        rule.account = "prod".into();
    }
    let policy = Arc::new(policy);
    let context = estate.context(&policy);
    let answer = handle(&context, &json!({ "action": "sweep" }), &estate.invocation(60)).await.unwrap();
    assert_eq!(answer["swept"][0]["failed"], json!(true), "{answer}");
    let report = estate.report(&policy).await;
    assert_eq!(report.conclusion, Conclusion::Unknown);
    for rule in &report.rules {
        let why = rule.why.join(" ");
        assert!(why.contains("account \"prod\" of tencent has no credential here"), "{why}");
    }
    // Once it can begin it does, at once.
    let policy = estate.policy(Cloud::Tencent).await;
    estate.sweep(&estate.paused(&policy)).await;
    assert!(estate.report(&policy).await.rules.iter().all(|rule| rule.complete_as_of.is_some()));
}

/// What was listed before a long outage is not worth its rest: the next sweep tells how things are now.
#[tokio::test]
async fn a_sweep_that_stood_still_for_hours_begins_anew() {
    let estate = Estate::start(2, 400).await;
    let policy = estate.policy(Cloud::Tencent).await;
    let context = estate.paused(&policy);
    // The copies are listed, the backups are not.
    let source = json!({"kind": "http_500_before", "match": {"region": policy.rules[0].source.region}});
    estate.post(Cloud::Tencent, "faults", &json!({ "faults": [source] })).await;
    handle(&context, &json!({ "action": "sweep" }), &estate.invocation(600)).await.unwrap();
    let begun = estate.clock.now();
    for hours in [0.5, 4.0] {
        estate.clock.sleep(std::time::Duration::from_secs_f64(hours * 3_600.0)).await;
        handle(&context, &json!({ "action": "sweep" }), &estate.invocation(600)).await.unwrap();
    }
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": [] })).await;
    estate.sweep(&context).await;
    let report = estate.report(&policy).await;
    for rule in &report.rules {
        let complete = rule.complete_as_of.unwrap();
        assert!(complete > begun + SignedDuration::from_hours(4), "{}: {complete}, begun {begun}", rule.rule);
    }
}

/// A course that another version has left may hold what this one cannot compare with.
#[tokio::test]
async fn a_course_of_an_earlier_format_begins_anew() {
    let estate = Estate::start(2, 400).await;
    let policy = estate.policy(Cloud::Tencent).await;
    let context = estate.paused(&policy);
    let source = json!({"kind": "http_500_before", "match": {"region": policy.rules[0].source.region}});
    estate.post(Cloud::Tencent, "faults", &json!({ "faults": [source] })).await;
    let name = format!("course/{}", policy.rules[0].name);
    let notes = estate.ledger();
    let mut runs = Vec::new();
    for is_earlier in [false, false, true] {
        if is_earlier {
            let note = notes.note(&name).await.unwrap().unwrap();
            let mut course: Value = serde_json::from_str(&note.text).unwrap();
            course.as_object_mut().unwrap().remove("format");
            assert!(notes.put_note(&name, &course.to_string(), note.version).await.unwrap());
        }
        handle(&context, &json!({ "action": "sweep" }), &estate.invocation(600)).await.unwrap();
        let course: Value = serde_json::from_str(&notes.note(&name).await.unwrap().unwrap().text).unwrap();
        runs.push(course["run"].as_str().unwrap().to_owned());
    }
    assert_eq!(runs[0], runs[1], "one that this version has left is taken up");
    assert_ne!(runs[1], runs[2], "one of an earlier format is not");
    let kept = "SELECT count(*) FROM notes WHERE name LIKE '%/' || ?1 || '/%'";
    let run = runs[0].clone();
    let left: i64 =
        estate.database.read(move |connection| connection.query_row(kept, [&run], |row| row.get(0))).await.unwrap();
    assert_eq!(left, 0, "what it had written down is gone");
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": [] })).await;
    estate.sweep(&context).await;
}
