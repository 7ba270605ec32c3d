//! The answer of a `sweep` action.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::findings::Counts;
use super::progress::SweepProgress;
use super::stop::Stop;
use super::summary::Summary;
use super::volume::Volume;
use crate::policy::Rule;
use crate::replicate::outbox::Drained;

/// What a sweep came to: first the outbox, then each rule.
#[derive(Debug, Serialize)]
pub(crate) struct SweepAnswer {
    pub(super) outbox: Drained,
    pub(super) swept: Vec<Swept>,
}

impl SweepAnswer {
    /// The rules whose sweep has come to its end and left a summary.
    pub(crate) fn ended(&self) -> Vec<&str> {
        self.swept.iter().filter(|one| one.complete_as_of.is_some()).map(|one| one.rule.as_str()).collect()
    }

    /// Why the first rule that failed did so.
    pub(crate) fn first_failure(&self) -> Option<String> {
        let failed = self.swept.iter().find(|one| one.failed)?;
        let reason = failed.reason.as_deref().unwrap_or_default();
        Some(format!("the sweep of {} did not come to its end: {reason}", failed.rule))
    }
}

/// What the sweep of one rule came to.
#[derive(Debug, Serialize)]
pub(super) struct Swept {
    rule: String,
    /// Whether it came to its end.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_as_of: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
    /// The same in GiB, by destination.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Volume>,
    /// Whether it has to be repeated because something failed; told only where it has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    /// What could not be looked at: the region of a destination, or a source type, with what was said.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    not_seen: BTreeMap<String, String>,
    #[serde(flatten)]
    done: Option<Done>,
}

/// What was done so far.
#[derive(Debug, Serialize)]
struct Done {
    started: u64,
    /// Refused by the provider, those included that wait for the cause to end.
    refused: u64,
    /// Left for the next sweep by the limit of the rule, by a pause, or because this is a dry run.
    left: u64,
    handed_over: u64,
    requests: u64,
}

impl Done {
    fn of(course: &SweepProgress) -> Done {
        Done {
            started: course.started,
            refused: course.refused,
            left: course.left,
            handed_over: course.handed_over,
            requests: course.requests,
        }
    }
}

impl Swept {
    /// The answer for a sweep that came to its end.
    pub(super) fn complete(rule: &Rule, summary: &Summary, course: &SweepProgress) -> Swept {
        let dark = rule.destinations.iter().zip(&summary.dark);
        let dark = dark.filter_map(|(destination, reason)| Some((destination.region.clone(), reason.clone()?)));
        let not_seen: BTreeMap<String, String> = dark.chain(summary.unlisted.clone()).collect();
        Swept {
            rule: rule.name.clone(),
            complete: not_seen.is_empty(),
            complete_as_of: Some(summary.complete_as_of),
            counts: Some(summary.counts),
            volumes: summary.volumes.clone(),
            failed: false,
            reason: None,
            began: None,
            not_seen,
            done: Some(Done::of(course)),
        }
    }

    /// The answer for a sweep that does not go on now; without a course it did not begin.
    pub(super) fn stopped(rule: &str, stop: &Stop, course: Option<&SweepProgress>) -> Swept {
        Swept {
            rule: rule.to_owned(),
            complete: false,
            complete_as_of: None,
            counts: None,
            volumes: Vec::new(),
            failed: matches!(stop, Stop::Failed(_)),
            reason: Some(stop.reason()),
            began: course.map(|course| course.begun),
            not_seen: BTreeMap::new(),
            done: course.map(Done::of),
        }
    }
}
