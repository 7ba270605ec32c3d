//! How a person settles what only a person can.

use super::store::Expect;
use super::{Claimant, Record, State, note};
use crate::model::receipt::Receipt;
use jiff::Timestamp;

/// How a person settles a doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// This is the copy's ID.
    Adopt(String),
    /// There is no copy and there shall be none.
    Abandon,
    /// Seen; a refused or ineligible replication that needs no further attempt.
    Acknowledge,
}

/// Why a record cannot be resolved so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Somebody acts on it.
    #[error("it is being worked on until {0}; wait for that and look again")]
    Busy(Timestamp),
    /// Its state does not allow it.
    #[error("it is {state}, and {wish} is for records that are {allowed}")]
    State {
        /// Its state.
        state: &'static str,
        /// What was asked for.
        wish: &'static str,
        /// What that is for.
        allowed: &'static str,
    },
}

/// Applies a person's decision. Who and why go into the history.
///
/// # Errors
/// The record is leased, or in a state that the resolution is not for.
pub fn resolve(
    current: &Record,
    how: &Resolution,
    who: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(Record, Expect), ResolveError> {
    if let Some(until) = current.lease_until.filter(|until| *until > now) {
        return Err(ResolveError::Busy(until));
    }
    let by = Claimant { owner: who.to_owned(), lease_until: now, now };
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let refuse = |wish, allowed| Err(ResolveError::State { state: current.state.name(), wish, allowed });
    let mut next = current.clone();
    let unsettled = matches!(
        current.state,
        State::InDoubt | State::Claimed | State::Seen | State::Refused | State::Ineligible | State::Failed
    );
    match how {
        Resolution::Adopt(id) => {
            if !unsettled && !matches!(current.state, State::Abandoned | State::Lost) {
                return refuse("--adopt", "not settled yet, abandoned or lost");
            }
            next.receipts.push(Receipt {
                attempt: current.attempt,
                backup_id: None,
                replication_id: Some(id.clone()),
                request_id: None,
                adopted: true,
                time: now,
            });
            next.state = State::Accepted;
            next.outbox = true;
            // A person's word is looked up in the destination like a provider's.
            next.evidence = None;
            next.look_at = Some(now);
        }
        Resolution::Abandon => {
            if !unsettled {
                return refuse("--abandon", "not settled yet");
            }
            next.state = State::Abandoned;
        }
        Resolution::Acknowledge => {
            if !matches!(
                current.state,
                State::Refused | State::Ineligible | State::Failed | State::Lost | State::Missed
            ) {
                return refuse("--acknowledge", "refused, ineligible, failed, lost or missed");
            }
            next.state = State::Abandoned;
        }
    }
    if next.state == State::Abandoned {
        next.look_at = None;
    }
    next.doubt_since = None;
    next.lease_until = None;
    next.version += 1;
    let state = next.state;
    note(&mut next, &by, state, Some("resolved".to_owned()), None, Some(reason.to_owned()));
    Ok((next, was))
}
