//! The words for what is to be said of one backup and one destination.

use serde::{Deserialize, Serialize};

use crate::ledger::State;

/// The word for one backup and one destination, as reports and stored findings have it.
///
/// The order is that of urgency: what needs somebody comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The source is gone and was never copied.
    Missed,
    /// There was a copy, and it is gone before its time.
    Lost,
    /// A call may have been applied, and nobody knows.
    InDoubt,
    /// The copy failed.
    Failed,
    /// The provider refuses to make the copy, and may make it later.
    Refused,
    /// The source is not covered any more and was never copied.
    Left,
    /// There is no copy, and nothing stands in its way.
    Missing,
    /// The destination could not be looked at.
    Unknown,
    /// A copy is on its way, or accepted and not seen yet.
    InProgress,
    /// The backup itself is not finished yet.
    NotReady,
    /// It can not be copied.
    Ineligible,
    /// A person wants no copy.
    GivenUp,
    /// The source has gone or left, and its resource has a newer usable copy.
    Overtaken,
    /// The copy is gone when it might go.
    Ended,
    /// A usable copy was seen, or can be concluded.
    Replicated,
}

impl Verdict {
    /// All verdicts, most urgent first.
    pub const ALL: [Verdict; 15] = [
        Verdict::Missed,
        Verdict::Lost,
        Verdict::InDoubt,
        Verdict::Failed,
        Verdict::Refused,
        Verdict::Left,
        Verdict::Missing,
        Verdict::Unknown,
        Verdict::InProgress,
        Verdict::NotReady,
        Verdict::Ineligible,
        Verdict::GivenUp,
        Verdict::Overtaken,
        Verdict::Ended,
        Verdict::Replicated,
    ];

    /// The name that it has in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Missed => "missed",
            Verdict::Lost => "lost",
            Verdict::InDoubt => "in_doubt",
            Verdict::Failed => "failed",
            Verdict::Refused => "refused",
            Verdict::Left => "left",
            Verdict::Unknown => "unknown",
            Verdict::GivenUp => "given_up",
            Verdict::Overtaken => "overtaken",
            Verdict::Ended => "ended",
            Verdict::Missing => "missing",
            Verdict::InProgress => "in_progress",
            Verdict::NotReady => "not_ready",
            Verdict::Ineligible => "ineligible",
            Verdict::Replicated => "replicated",
        }
    }

    /// The verdict that a record's state gives by itself; `None` if it depends on the backup.
    pub(crate) fn of_state(state: State) -> Option<Verdict> {
        match state {
            State::Replicated => Some(Verdict::Replicated),
            State::Accepted => Some(Verdict::InProgress),
            State::InDoubt => Some(Verdict::InDoubt),
            State::Refused => Some(Verdict::Refused),
            State::Failed => Some(Verdict::Failed),
            State::Lost => Some(Verdict::Lost),
            State::Missed => Some(Verdict::Missed),
            State::Left => Some(Verdict::Left),
            State::Overtaken => Some(Verdict::Overtaken),
            State::Ended => Some(Verdict::Ended),
            State::Abandoned => Some(Verdict::GivenUp),
            State::Ineligible => Some(Verdict::Ineligible),
            State::Claimed | State::Seen | State::NoWork | State::Found => None,
        }
    }

    /// Whether it counts for the lag: there should be a usable copy, and there is none.
    pub(crate) fn is_late(self) -> bool {
        match self {
            Verdict::Missed
            | Verdict::Lost
            | Verdict::InDoubt
            | Verdict::Failed
            | Verdict::Refused
            | Verdict::Left
            | Verdict::Missing
            | Verdict::InProgress => true,
            Verdict::NotReady | Verdict::Ineligible | Verdict::Replicated => false,
            Verdict::Unknown | Verdict::GivenUp | Verdict::Overtaken | Verdict::Ended => false,
        }
    }

    /// Whether a backup with this verdict has no usable copy in a destination that was looked at.
    pub(crate) fn is_uncopied(self) -> bool {
        !matches!(self, Verdict::Replicated | Verdict::Unknown | Verdict::NotReady)
    }
}
