//! How a person settles a record that only a person can settle.

use super::store::Expect;
use super::{Claimant, Record, State, note};
use crate::model::receipt::Receipt;
use jiff::Timestamp;

/// A person's decision about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The copy exists and has this ID.
    Adopt(String),
    /// There is no copy, and none shall be made.
    Abandon,
    /// The person knows how the replication ended, such as refused or lost, and wants no further attempt.
    Acknowledge,
}

/// Why a decision cannot be applied to a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A claim acts on the record until this time.
    #[error("it is being worked on until {0}; wait for that and look again")]
    Busy(Timestamp),
    /// The record's state does not allow the decision.
    #[error("it is {state}, and {wish} is for records that are {allowed}")]
    State {
        /// The name of the record's state.
        state: &'static str,
        /// The option that was asked for, such as `--adopt`.
        wish: &'static str,
        /// The states that the option is for, in words.
        allowed: &'static str,
    },
}

/// Applies a person's decision. The history records who decided, and why.
///
/// # Errors
/// The record is leased, or in a state that the decision is not for.
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
            // The destination is asked about a copy that a person named, as about one that a provider accepted.
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
                State::Refused | State::Ineligible | State::Failed | State::Lost | State::Missed | State::Left
            ) {
                return refuse("--acknowledge", "refused, ineligible, failed, lost, missed or left");
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
