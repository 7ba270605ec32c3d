//! Why a sweep does not go on now.

use jiff::Timestamp;

use crate::ledger::store::LedgerError;

/// Why a course does not go on now.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The time of this invocation is over; the next one goes on.
    Time,
    /// Another invocation is at it.
    Busy(Timestamp),
    /// Something could not be read; the next one tries again.
    Failed(String),
}

impl Stop {
    pub(super) fn reason(&self) -> String {
        match self {
            Stop::Time => "the time of this invocation is over; the next one goes on from here".to_owned(),
            Stop::Busy(until) => format!(
                "another invocation is sweeping this rule; should it have died, the sweep is taken up after {until}"
            ),
            Stop::Failed(reason) => reason.clone(),
        }
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Stop {
        Stop::Failed(error.to_string())
    }
}
