//! The answer of a look.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::reading::Read;
use super::scope::{Scope, Word};
use super::state::State;
use crate::model::text::one_line;
use crate::model::time::seconds;

/// What a look came to, scope by scope.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TailAnswer {
    /// Whether this look was sent so long ago that it did nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) late: bool,
    pub(super) looked: Vec<Looked>,
    /// What the full sweep came to that followed, where looks fell behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) swept: Option<Value>,
    /// What was observed besides, where an event asked for the look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observed: Option<Value>,
}

impl TailAnswer {
    /// Whether any scope was looked at.
    pub(crate) fn has_looked(&self) -> bool {
        self.looked.iter().any(|one| matches!(one.state, Word::Done))
    }

    /// Whether a full sweep should follow at once.
    pub(crate) fn needs_sweep(&self) -> bool {
        self.looked.iter().any(|one| one.sweep_now)
    }
}

/// What a look at one scope came to.
#[derive(Debug, Serialize)]
pub(super) struct Looked {
    #[serde(rename = "provider")]
    pub(super) cloud: &'static str,
    account: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
    state: Word,
    /// Whether everything that it needs was read. `standing` and `left_to_sweep` need nothing.
    pub(super) complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Backups that were shown.
    shown: u64,
    /// Copies that were newly accepted.
    pub(super) started: u64,
    /// Copies that existed already.
    pub(super) adopted: u64,
    /// Commands that the work queue has now.
    pub(super) handed_over: u64,
    pub(super) refused: u64,
    pub(super) in_doubt: u64,
    /// Copies that are recorded and left to the full sweep: by a limit, a pause, or a cause that only it tries.
    pub(super) left: u64,
    /// Backups that are asked for again.
    pub(super) pending: u64,
    /// Whether there is more that is new than a look reads.
    behind: bool,
    requests: u64,
    /// How long ago the last complete look began.
    #[serde(skip)]
    pub(super) age_s: u64,
    #[serde(skip)]
    pub(super) sweep_now: bool,
}

impl Looked {
    pub(super) fn of(scope: &Scope<'_>, state: Word) -> Looked {
        Looked {
            cloud: scope.cloud().name(),
            account: scope.account.to_owned(),
            region: scope.query.region.clone(),
            project_id: scope.query.project_id.clone(),
            state,
            complete: matches!(state, Word::Done | Word::Standing | Word::LeftToSweep),
            reason: None,
            shown: 0,
            started: 0,
            adopted: 0,
            handed_over: 0,
            refused: 0,
            in_doubt: 0,
            left: 0,
            pending: 0,
            behind: false,
            requests: 0,
            age_s: 0,
            sweep_now: false,
        }
    }

    pub(super) fn busy(scope: &Scope<'_>, until: Timestamp) -> Looked {
        let reason = format!("another look is at it; should it have died, the next one after {until} goes on");
        Looked { reason: Some(reason), ..Looked::of(scope, Word::Busy) }
    }

    pub(super) fn too_soon(scope: &Scope<'_>) -> Looked {
        let reason = "another look began a few seconds ago; the next one is within the minute";
        Looked { reason: Some(reason.to_owned()), ..Looked::of(scope, Word::Busy) }
    }

    pub(super) fn failed(scope: &Scope<'_>, reason: String) -> Looked {
        Looked { reason: Some(one_line(&reason)), ..Looked::of(scope, Word::Failed) }
    }

    /// Takes note of what was read.
    pub(super) fn take_note(&mut self, read: &Read) {
        self.shown = read.backups.len() as u64;
        self.requests = read.requests;
        if let Some(failure) = &read.failure {
            self.state = Word::Failed;
            self.complete = false;
            self.reason = Some(one_line(&format!("what is new in {} could not be read: {failure}", self.region)));
        }
        if read.failure.is_none() && !read.to_the_mark {
            self.behind = true;
            self.complete = false;
            self.reason = Some("there is more that is new than a look reads; a full sweep lists it".to_owned());
        }
    }

    /// Takes over what the next look will begin with.
    pub(super) fn tell(&mut self, state: &State, now: Timestamp) {
        self.pending = state.pending.len() as u64;
        let since = state.looked_at.or(state.begun).unwrap_or(now);
        self.age_s = seconds(since, now).unwrap_or(0);
    }

    /// Takes note that the next look repeats this one.
    pub(super) fn not_kept(&mut self, reason: &str) {
        self.complete = false;
        self.reason.get_or_insert_with(|| one_line(reason));
    }
}
