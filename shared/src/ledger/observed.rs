//! Observations: what the destination says of a copy, and the record's transitions that follow.
//!
//! `Accepted` → `Replicated(evidence)` → `Lost`; `Accepted` → `Failed`. An accepted copy may still fail, and the source's record of
//! it proves nothing. Only what the destination itself says is evidence; what is only concluded from it is marked as inferred.

use std::time::Duration;

use super::limits::ObservationTimes;
use super::store::Expect;
use super::{Claimant, News, Record, State, next_attempt, note};
use crate::model::evidence::{Evidence, Observation};
use crate::model::time::later;

/// Applies an observation to a record, and gives what to write and what the store must hold for it; `None` if nothing is to be written.
pub fn observed(
    current: &Record,
    observation: &Observation,
    by: &Claimant,
    times: &ObservationTimes,
    backoff: Duration,
) -> Option<(Record, Expect)> {
    if !matches!(current.state, State::Accepted | State::Replicated) {
        return None;
    }
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let accepted = current.receipts.last().map_or(current.since, |receipt| receipt.time);
    let overdue = later(accepted, times.give_up) <= by.now;
    let mut next = current.clone();
    next.looks = current.looks.saturating_add(1);
    let doublings = current.looks.min(16);
    let interval = times.first.saturating_mul(2u32.saturating_pow(doublings)).min(times.longest);
    next.look_at = Some(later(by.now, interval));
    let expired = || current.evidence.as_ref().and_then(|seen| seen.expires_at).is_some_and(|at| at <= by.now);
    match observation {
        Observation::Unanswered(_) => {}
        Observation::Seen(evidence) => {
            next.evidence = Some(Evidence { time: by.now, ..evidence.clone() });
            next.look_at = Some(later(by.now, times.audit));
            next.looks = 0;
            if current.state != State::Replicated {
                enter(&mut next, State::Replicated, by, None);
            }
        }
        Observation::Gone(_) if current.state == State::Replicated && expired() => {
            // The copy expired as planned, so it stays proven.
            next.look_at = None;
            note(&mut next, by, State::Replicated, None, None, Some("expired as planned".to_owned()));
        }
        Observation::Gone(reason) if current.state == State::Replicated => {
            next.look_at = None;
            enter(&mut next, State::Lost, by, Some(reason.clone()));
        }
        Observation::Failed(reason) => fail(&mut next, by, reason.clone(), backoff),
        Observation::Awaited(how) | Observation::Gone(how) if overdue && current.state == State::Accepted => {
            let hours = times.give_up.as_secs() / 3_600;
            fail(
                &mut next,
                by,
                format!("not usable in the destination {hours} hours after it was accepted: {how}"),
                backoff,
            );
        }
        // A provider that says that it runs is late, and nothing is begun anew.
        Observation::Running(_) | Observation::Awaited(_) | Observation::Gone(_) => {}
    }
    next.version += 1;
    Some((next, was))
}

/// Whether the destination can be asked about this record: a copy was accepted. Those of a vault-wide call have records of their own.
pub(crate) fn is_awaited(record: &Record) -> bool {
    matches!(record.state, State::Accepted | State::Replicated) && !record.receipts.is_empty()
}

/// Whether a record in this state has nothing more to wait for.
pub(crate) fn is_done(state: State) -> bool {
    !matches!(state, State::Seen | State::Claimed | State::InDoubt | State::Accepted)
}

fn fail(next: &mut Record, by: &Claimant, reason: String, backoff: Duration) {
    next.look_at = None;
    next.not_before = Some(next_attempt(next.attempt, backoff, by.now));
    enter(next, State::Failed, by, Some(reason));
}

/// Enters a state, and adds the news of it for consumers of the queue.
pub(super) fn enter(next: &mut Record, state: State, by: &Claimant, reason: Option<String>) {
    next.state = state;
    let replication_id = next.receipts.last().and_then(|receipt| receipt.replication_id.clone());
    next.news.push(News { state, attempt: next.attempt, replication_id, cause: None });
    note(next, by, state, None, None, reason);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::HistoryLine;
    use crate::model::command::{Destination, Operation, Options, Replication, Source};
    use crate::model::evidence::How;
    use crate::model::receipt::Receipt;

    fn by(now: Timestamp) -> Claimant {
        Claimant { owner: "a look".into(), lease_until: now, now }
    }

    fn accepted(now: Timestamp) -> Record {
        let replication = Replication {
            operation: Operation::CopySnapshot,
            account: "default".into(),
            source: Source { region: "ap-guangzhou".into(), project_id: None, id: "snap-1".into() },
            destination: Destination { region: "ap-singapore".into(), project_id: None, vault_id: None },
            options: Options::default(),
            occurrence: None,
            rule: None,
        };
        let receipt = Receipt {
            backup_id: None,
            replication_id: Some("snap-2".into()),
            request_id: None,
            adopted: false,
            attempt: 1,
            time: now,
        };
        Record::accepted(&replication, receipt, &by(now))
    }

    fn seen(now: Timestamp) -> Observation {
        Observation::Seen(Evidence {
            destination_id: Some("snap-2".into()),
            state: "NORMAL".into(),
            time: now,
            size_gib: None,
            expires_at: Some(now),
            how: How::Observed,
        })
    }

    fn look(record: &Record, observation: &Observation, now: Timestamp) -> Record {
        observed(record, observation, &by(now), &ObservationTimes::default(), Duration::ZERO).unwrap().0
    }

    #[test]
    fn a_look_keeps_to_the_limit_of_the_history() {
        let now = "2026-11-21T08:30:00Z".parse().unwrap();
        for lines in [64, 100] {
            let mut long = accepted(now);
            let first = long.history[0].clone();
            long.history
                .extend((1..lines).map(|line| HistoryLine { note: Some(format!("line {line}")), ..first.clone() }));
            let after = look(&long, &seen(now), now);
            assert_eq!((after.history.len(), &after.history[0]), (64, &first), "{lines} lines");
            assert_eq!(after.last().map(|entry| entry.state), Some(State::Replicated));
            assert_eq!(after.history[62], long.history[lines - 1], "the newest lines stay");
        }
    }

    #[test]
    fn a_copy_that_went_as_planned_is_looked_at_as_often_as_one_likes() {
        let now = "2026-11-21T08:30:00Z".parse().unwrap();
        let mut record = look(&accepted(now), &seen(now), now);
        for hour in 1..200 {
            let gone = Observation::Gone("it is not there".into());
            record = look(&record, &gone, later(now, Duration::from_secs(hour * 3_600)));
        }
        let notes: Vec<Option<&str>> = record.history.iter().map(|entry| entry.note.as_deref()).collect();
        assert_eq!(notes, [None, None, Some("expired as planned")]);
    }
}
