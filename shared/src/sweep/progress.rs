//! How far the sweep of a rule is: what is kept between two invocations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chunks::chunk_name;
use super::findings::{Counts, MassLoss, NotCovered};
use super::volume::Volume;
use crate::ledger::store::LedgerError;
use crate::model::json;
use crate::ports::Notes;

/// Drops the chunks that a course has written. `all`: also its findings, which a summary still needs.
pub(super) async fn drop_chunks(
    notes: &dyn Notes,
    rule: &str,
    course: &SweepProgress,
    all: bool,
) -> Result<(), LedgerError> {
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
    add(format!("due{}", course.queued), course.due_chunks);
    add(format!("lost{}", course.queued), course.lost_chunks);
    if all {
        add("register".to_owned(), course.register);
        add("findings".to_owned(), course.findings);
    }
    for name in names {
        notes.drop_note(&name).await?;
    }
    Ok(())
}

/// The format of a course. A course of another format is not resumed, because its fields may mean something else.
pub(super) const FORMAT: u32 = 4;

/// The stretches of a course, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Listing the copies of the destinations.
    Copies,
    /// Listing the backups.
    Sources,
    /// Starting what is due.
    Starts,
    /// Asking after copies that were seen once and that the destinations do not list any more.
    Losses,
    /// Taking over what earlier sweeps knew of each resource.
    Register,
    /// Asking after what is not listed any more.
    Gone,
}

/// How far the copies of one destination are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Listing {
    /// The next page begins there; the first one, if it does not say where.
    At(Option<String>),
    /// To its end, or until it did not answer.
    Done,
}

/// The course of one rule's sweep: how far it is, as a note keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SweepProgress {
    /// In which format it is written.
    #[serde(default = "first_format")]
    pub format: u32,
    /// A random name of this sweep, which is part of its notes' names.
    pub run: String,
    /// The hash of the rule as it was when the course began.
    pub rule_hash: String,
    /// When the course began.
    pub begun: Timestamp,
    /// When the first course began after the last one that came to its end; absent if that is this one.
    #[serde(default)]
    pub tried_since: Option<Timestamp>,
    /// The stretch that it is in.
    pub phase: Phase,
    /// How far the copies of each destination are listed.
    pub listings: Vec<Listing>,
    /// Since when each is listed, as long as the listing can prove that a copy is not there, and how many items its last page counted.
    #[serde(default)]
    pub proofs: Vec<Option<(Timestamp, u64)>>,
    /// Where the next page begins, in a later stretch.
    pub cursor: Option<String>,
    /// How many chunks of copies are written, by destination.
    pub copies: Vec<u32>,
    /// How many chunks of exceptions are written.
    pub findings: u32,
    /// How many chunks say which copies were found, by destination.
    pub matched: Vec<u32>,
    /// How many chunks of the register are written.
    pub register: u32,
    /// The number of the last writing of what is due and what may be lost. Each writing has chunks of its own, so that a course that was
    /// not saved leaves those of the saved one as they were.
    pub queued: u32,
    /// How many chunks of what is due are written.
    pub due_chunks: u32,
    /// How many chunks of copies that may be lost are written.
    pub lost_chunks: u32,
    /// Counts by verdict so far.
    pub counts: Counts,
    /// The same in GiB, by destination.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// How many of the replicated ones are concluded and not seen.
    pub inferred: u64,
    /// The oldest backup without a usable copy.
    pub oldest: Option<Timestamp>,
    /// Copies that should be started, whether they were or not.
    #[serde(default)]
    pub due: u64,
    /// How many copies were started here or handed to the work queue.
    pub started: u64,
    /// How many copies the provider refused, those included that wait for the cause to end.
    pub refused: u64,
    /// How many of the due copies the limit of the rule leaves for the next sweep.
    pub left: u64,
    /// Why a destination could not be listed, by destination.
    pub dark: Vec<Option<String>>,
    /// The source types that could not be listed, each with what the provider said.
    pub unlisted: BTreeMap<String, String>,
    /// What is not covered, by reason.
    pub not_covered: BTreeMap<String, NotCovered>,
    /// How many copies of each destination are gone that were seen once.
    pub gone_copies: Vec<u64>,
    /// How many backups × destinations stand for themselves as resources and have their copy.
    pub own: u64,
    /// How many usable copies each destination showed.
    pub shown_copies: Vec<u64>,
    /// The destinations that have lost so many copies at once that a person must look first, each with what is gone.
    pub mass_loss: Vec<Option<MassLoss>>,
    /// Commands that it handed to the work queue.
    pub handed_over: u64,
    /// Requests that it sent, for pages.
    pub requests: u64,
    /// When a request was last answered.
    #[serde(default)]
    pub answered: Option<Timestamp>,
    /// Which destinations of a vault-wide rule have something to copy.
    pub vault_due: Vec<bool>,
    /// Hashes of the IDs of the last pages: the next page overlaps them.
    pub recent: Vec<u64>,
    /// Until when no other invocation takes up this course.
    pub lease_until: Timestamp,
    /// Why the last invocation did not go on, if something failed.
    pub error: Option<String>,
}

impl SweepProgress {
    /// A new course, for the destinations that `volumes` has.
    pub(super) fn new(run: String, rule_hash: String, volumes: Vec<Volume>, now: Timestamp) -> SweepProgress {
        let destinations = volumes.len();
        SweepProgress {
            format: FORMAT,
            run,
            rule_hash,
            begun: now,
            tried_since: None,
            phase: Phase::Copies,
            listings: vec![Listing::At(None); destinations],
            proofs: vec![None; destinations],
            cursor: None,
            copies: vec![0; destinations],
            findings: 0,
            matched: vec![0; destinations],
            register: 0,
            queued: 0,
            due_chunks: 0,
            lost_chunks: 0,
            counts: Counts::default(),
            volumes,
            inferred: 0,
            oldest: None,
            due: 0,
            started: 0,
            refused: 0,
            left: 0,
            dark: vec![None; destinations],
            unlisted: BTreeMap::new(),
            not_covered: BTreeMap::new(),
            gone_copies: vec![0; destinations],
            own: 0,
            shown_copies: vec![0; destinations],
            mass_loss: vec![None; destinations],
            handed_over: 0,
            requests: 0,
            answered: None,
            vault_due: vec![false; destinations],
            recent: Vec::new(),
            lease_until: now,
            error: None,
        }
    }

    /// Since when the rule has had no complete sweep, if it never had one before.
    pub(super) fn tried_since(&self) -> Timestamp {
        self.tried_since.unwrap_or(self.begun)
    }

    /// A course that stands for the chunks of a summary, so that they can be dropped.
    pub(super) fn of_summary(run: &str, findings: u32, register: u32, at: Timestamp) -> SweepProgress {
        SweepProgress { findings, register, ..SweepProgress::new(run.to_owned(), String::new(), Vec::new(), at) }
    }
}

/// The format of a course that does not say it: the first version wrote none.
fn first_format() -> u32 {
    1
}

/// The name of the note that holds a rule's course.
pub(crate) fn name_of(rule: &str) -> String {
    format!("course/{rule}")
}

/// Whether a sweep of a rule is under way, as far as its course says.
pub(crate) async fn is_running(notes: &dyn Notes, rule: &str, now: Timestamp) -> Result<bool, LedgerError> {
    let note = notes.note(&name_of(rule)).await?;
    let course = note.and_then(|note| json::typed::<SweepProgress>(&note.text).ok());
    Ok(course.is_some_and(|course| course.lease_until > now))
}

/// Why the last sweep of a rule has not come to its end, if it has not.
pub(super) async fn trouble(notes: &dyn Notes, rule: &str) -> Result<Option<String>, LedgerError> {
    let note = notes.note(&name_of(rule)).await?;
    let course = note.and_then(|note| json::typed::<SweepProgress>(&note.text).ok());
    Ok(course.and_then(|course| course.error))
}
