//! Observations: what the destination says of a copy, and the record's transitions that follow.
//!
//! `Accepted` → `Replicated(evidence)` → `Lost`; `Accepted` → `Failed`. Accepted is not copied, and a source's record is
//! not the destination: only the destination's own word is evidence, or, where it shows nothing, a marked inference.

use std::time::Duration;

use super::limits::Looks;
use super::store::Expect;
use super::{Claimant, Entry, News, Record, State, next_attempt};
use crate::model::evidence::{Evidence, Observation};
use crate::model::time::later;

/// Applies an observation to a record. `None`: nothing to write.
pub fn observed(
    current: &Record,
    observation: &Observation,
    by: &Claimant,
    looks: &Looks,
    backoff: Duration,
) -> Option<(Record, Expect)> {
    if !matches!(current.state, State::Accepted | State::Replicated) {
        return None;
    }
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let accepted = current.receipts.last().map_or(current.since, |receipt| receipt.time);
    let overdue = later(accepted, looks.give_up) <= by.now;
    let mut next = current.clone();
    next.looks = current.looks.saturating_add(1);
    let doublings = current.looks.min(16);
    let interval = looks.first.saturating_mul(2u32.saturating_pow(doublings)).min(looks.longest);
    next.look_at = Some(later(by.now, interval));
    let expired = || current.evidence.as_ref().and_then(|seen| seen.expires_at).is_some_and(|at| at <= by.now);
    match observation {
        Observation::Ask(_) | Observation::Unanswered(_) => {}
        Observation::Seen(evidence) => {
            next.evidence = Some(Evidence { time: by.now, ..evidence.clone() });
            next.look_at = Some(later(by.now, looks.audit));
            next.looks = 0;
            if current.state != State::Replicated {
                enter(&mut next, State::Replicated, by, None);
            }
        }
        Observation::Gone(_) if current.state == State::Replicated && expired() => {
            // It went as planned; what was proven stays proven.
            next.look_at = None;
            record(&mut next, State::Replicated, by, Some("expired as planned".to_owned()));
        }
        Observation::Gone(reason) if current.state == State::Replicated => {
            next.look_at = None;
            enter(&mut next, State::Lost, by, Some(reason.clone()));
        }
        Observation::Failed(reason) => fail(&mut next, by, reason.clone(), backoff),
        Observation::Running(how) | Observation::Gone(how) if overdue && current.state == State::Accepted => {
            let hours = looks.give_up.as_secs() / 3_600;
            fail(
                &mut next,
                by,
                format!("not usable in the destination {hours} hours after it was accepted: {how}"),
                backoff,
            );
        }
        Observation::Running(_) | Observation::Gone(_) => {}
    }
    next.version += 1;
    Some((next, was))
}

/// Whether there is nothing more to wait for.
pub fn is_done(state: State) -> bool {
    !matches!(state, State::Seen | State::Claimed | State::InDoubt | State::Accepted)
}

fn fail(next: &mut Record, by: &Claimant, reason: String, backoff: Duration) {
    next.look_at = None;
    next.not_before = Some(next_attempt(next.attempt, backoff, by.now));
    enter(next, State::Failed, by, Some(reason));
}

/// A change that consumers of the queue are told of.
fn enter(next: &mut Record, state: State, by: &Claimant, note: Option<String>) {
    next.state = state;
    next.news.push(News { state, attempt: next.attempt });
    record(next, state, by, note);
}

fn record(next: &mut Record, state: State, by: &Claimant, note: Option<String>) {
    let attempt = next.attempt;
    next.history.push(Entry {
        state,
        time: by.now,
        owner: by.owner.clone(),
        attempt,
        code: None,
        request_id: None,
        note,
    });
}
