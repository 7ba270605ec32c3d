//! The answer of a `sweep` action.

use jiff::Timestamp;
use serde::Serialize;

use super::findings::Counts;
use super::progress::SweepProgress;
use super::stop::Stop;
use super::summary::Summary;
use crate::replicate::outbox::Drained;

/// What a sweep came to: first the outbox, then each rule.
#[derive(Debug, Serialize)]
pub(crate) struct SweepAnswer {
    pub(super) outbox: Drained,
    pub(super) swept: Vec<Swept>,
}

impl SweepAnswer {
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
    /// Whether it has to be repeated because something failed; told only where it has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    #[serde(flatten)]
    done: Option<Done>,
}

/// What was done so far.
#[derive(Debug, Serialize)]
struct Done {
    started: u64,
    handed_over: u64,
    requests: u64,
}

impl Done {
    fn of(course: &SweepProgress) -> Done {
        Done { started: course.started, handed_over: course.handed_over, requests: course.requests }
    }
}

impl Swept {
    /// The answer for a sweep that came to its end.
    pub(super) fn complete(rule: &str, summary: &Summary, course: &SweepProgress) -> Swept {
        Swept {
            rule: rule.to_owned(),
            complete: true,
            complete_as_of: Some(summary.complete_as_of),
            counts: Some(summary.counts),
            failed: false,
            reason: None,
            began: None,
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
            failed: matches!(stop, Stop::Failed(_)),
            reason: Some(stop.reason()),
            began: course.map(|course| course.begun),
            done: course.map(Done::of),
        }
    }
}
