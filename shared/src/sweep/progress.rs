//! How far the sweep of a rule is: what is kept between two invocations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chunks::chunk_name;
use super::findings::Counts;
use crate::ledger::store::LedgerError;
use crate::ports::Notes;

/// Drops what a course has written; `all`: its findings too, which a summary lives on.
pub(super) async fn drop_chunks(notes: &dyn Notes, rule: &str, course: &Course, all: bool) -> Result<(), LedgerError> {
    let mut names = Vec::new();
    let mut add = |kind: String, count: u32| {
        names.extend((0..count).map(|chunk| chunk_name(rule, &course.run, &kind, chunk)));
    };
    for (at, count) in course.copies.iter().enumerate() {
        add(format!("copies{at}"), *count);
    }
    for (at, count) in course.matched.iter().enumerate() {
        add(format!("matched{at}"), *count);
    }
    if all {
        add("newest".to_owned(), course.newest);
        add("findings".to_owned(), course.findings);
    }
    for name in names {
        notes.drop_note(&name).await?;
    }
    Ok(())
}

/// The format of a course. One of another format is not taken up: what it holds may not be what this version compares it with.
pub(super) const FORMAT: u32 = 2;

/// Which stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Listing the copies of the destinations.
    Copies,
    /// Listing the backups.
    Sources,
    /// Asking after what is not listed any more.
    Gone,
}

/// How far a sweep is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Course {
    /// In which format it is written.
    #[serde(default = "first_format")]
    pub format: u32,
    /// Names this sweep.
    pub run: String,
    /// Of the rule as it was when it began.
    pub rule_hash: String,
    /// When it began.
    pub begun: Timestamp,
    /// When the first of the courses began that came to no end since the last one that did.
    #[serde(default)]
    pub tried_since: Option<Timestamp>,
    /// Which stretch.
    pub phase: Phase,
    /// Which destination is being listed.
    pub destination: usize,
    /// Where the next page begins.
    pub cursor: Option<String>,
    /// Chunks of copies, by destination.
    pub copies: Vec<u32>,
    /// Chunks of exceptions.
    pub findings: u32,
    /// Chunks of what was matched, by destination.
    pub matched: Vec<u32>,
    /// Chunks of the newest backups.
    pub newest: u32,
    /// Verdicts so far.
    pub counts: Counts,
    /// Replicated ones that are only concluded.
    pub inferred: u64,
    /// The oldest backup without a usable copy.
    pub oldest: Option<Timestamp>,
    /// Copies that should be started, whether they were or not.
    #[serde(default)]
    pub due: u64,
    /// Copies that it started, or had the work queue start.
    pub started: u64,
    /// Commands that it handed to the work queue.
    pub handed_over: u64,
    /// Requests that it sent, for pages.
    pub requests: u64,
    /// When one of them was last answered.
    #[serde(default)]
    pub answered: Option<Timestamp>,
    /// Which destinations of a vault-wide rule have something to copy.
    pub vault_due: Vec<bool>,
    /// Hashes of the IDs of the last pages: the next page overlaps them.
    pub recent: Vec<u64>,
    /// Until when others leave it alone.
    pub lease_until: Timestamp,
    /// Why it did not go on last time.
    pub error: Option<String>,
}

impl Course {
    pub(super) fn new(run: String, rule_hash: String, destinations: usize, now: Timestamp) -> Course {
        Course {
            format: FORMAT,
            run,
            rule_hash,
            begun: now,
            tried_since: None,
            phase: Phase::Copies,
            destination: 0,
            cursor: None,
            copies: vec![0; destinations],
            findings: 0,
            matched: vec![0; destinations],
            newest: 0,
            counts: Counts::default(),
            inferred: 0,
            oldest: None,
            due: 0,
            started: 0,
            handed_over: 0,
            requests: 0,
            answered: None,
            vault_due: vec![false; destinations],
            recent: Vec::new(),
            lease_until: now,
            error: None,
        }
    }

    /// Since when nobody has got to the end of this rule, if nobody ever had before.
    pub(super) fn tried_since(&self) -> Timestamp {
        self.tried_since.unwrap_or(self.begun)
    }

    /// One that has written what a summary lives on, to be dropped.
    pub(super) fn of_summary(run: &str, findings: u32, newest: u32, at: Timestamp) -> Course {
        Course { findings, newest, ..Course::new(run.to_owned(), String::new(), 0, at) }
    }
}

/// The first courses did not say.
fn first_format() -> u32 {
    1
}

/// The name of the note that holds a rule's course.
pub(crate) fn name_of(rule: &str) -> String {
    format!("course/{rule}")
}

/// Why the last sweep of a rule has not come to its end, if it has not.
pub(super) async fn trouble(notes: &dyn Notes, rule: &str) -> Result<Option<String>, LedgerError> {
    let note = notes.note(&name_of(rule)).await?;
    let course = note.and_then(|note| serde_json::from_str::<Course>(&note.text).ok());
    Ok(course.and_then(|course| course.error))
}
