//! How a person settles a record that only a person can settle.

use std::time::Duration;

use super::store::Expect;
use super::{Claimant, Record, State, note};
use crate::model::command::Operation;
use crate::model::receipt::Receipt;
use crate::model::time::later;
use jiff::Timestamp;

/// The age from which a lease can be broken by a person: an invocation lasts at most 900 s, and two clocks differ by at most 300 s.
pub const BREAKABLE_AFTER: Duration = Duration::from_secs(900 + 300);

/// A person's decision about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The copy exists and has this ID.
    Adopt(String),
    /// There is no copy, and none shall be made.
    Abandon,
    /// The person knows how the replication ended, such as refused or lost, and wants no further attempt.
    Acknowledge,
    /// What kept it from being copied is mended: the next sweep or delivery starts one more attempt, whatever the limit of attempts.
    /// A doubt stays one, but its count begins anew: what reads back and sees no copy may call again.
    Retry,
    /// Whoever claimed it is dead. From now on it is in doubt. A lease can be broken when it is as old as this, usually
    /// [`BREAKABLE_AFTER`].
    BreakLease(Duration),
}

impl Resolution {
    /// The option of `offsite ledger resolve` that asks for it.
    pub fn option(&self) -> &'static str {
        match self {
            Resolution::Adopt(_) => "--adopt",
            Resolution::Abandon => "--abandon",
            Resolution::Acknowledge => "--acknowledge",
            Resolution::Retry => "--retry",
            Resolution::BreakLease(_) => "--break-lease",
        }
    }

    /// The states of records that it is for.
    pub fn states(&self) -> &'static [State] {
        use State::{Abandoned, Claimed, Failed, InDoubt, Ineligible, Left, Lost, Missed, Refused, Seen};
        match self {
            Resolution::Adopt(_) => &[Seen, Claimed, InDoubt, Refused, Ineligible, Failed, Abandoned, Lost],
            Resolution::Abandon => &[Seen, Claimed, InDoubt, Refused, Ineligible, Failed],
            Resolution::Acknowledge => &[Refused, Ineligible, Failed, Lost, Missed, Left],
            Resolution::Retry => &[InDoubt, Refused, Ineligible, Failed, Lost, Missed, Left],
            Resolution::BreakLease(_) => &[Claimed, InDoubt],
        }
    }

    /// The states that it is for, in words.
    fn allowed(&self) -> &'static str {
        match self {
            Resolution::Adopt(_) => "not settled yet, abandoned or lost",
            Resolution::Abandon => "not settled yet",
            Resolution::Acknowledge => "refused, ineligible, failed, lost, missed or left",
            Resolution::Retry => "in doubt, refused, ineligible, failed, lost, missed or left",
            Resolution::BreakLease(_) => "claimed, or in doubt with a lease",
        }
    }
}

/// Why a decision cannot be applied to a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A claim acts on the record until this time.
    #[error("it is being worked on until {0}; wait for that and look again")]
    Busy(Timestamp),
    /// Whoever took the lease may still be at work until this time.
    #[error("whoever claimed it may still be at work; its lease can be broken from {0}")]
    Young(Timestamp),
    /// The copy that a pair of vaults makes of a backup has no ID.
    #[error(
        "a pair of vaults carries this backup, and its copy has no ID of its own: a sweep sees by itself whether it was carried"
    )]
    Carried,
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
    let breaks = matches!(how, Resolution::BreakLease(_));
    if let Some(until) = current.lease_until.filter(|until| *until > now && !breaks) {
        return Err(ResolveError::Busy(until));
    }
    let carried = current.command.get("operation").is_some_and(|name| name == Operation::CarryBackup.name());
    if carried && matches!(how, Resolution::Adopt(_)) {
        return Err(ResolveError::Carried);
    }
    let is_leased = current.lease_until.is_some();
    if !how.states().contains(&current.state) || (breaks && !is_leased) {
        let (wish, allowed) = (how.option(), how.allowed());
        return Err(ResolveError::State { state: current.state.name(), wish, allowed });
    }
    let by = Claimant { owner: who.to_owned(), lease_until: now, now };
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    let mut code = "resolved";
    match how {
        Resolution::Adopt(id) => {
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
            next.doubt_since = None;
        }
        Resolution::Abandon | Resolution::Acknowledge => {
            next.state = State::Abandoned;
            next.look_at = None;
            next.doubt_since = None;
        }
        Resolution::Retry => {
            code = "retried";
            retry(current, &mut next);
        }
        Resolution::BreakLease(age) => {
            code = "lease_broken";
            let breakable = later(leased_since(current), *age);
            if breakable > now {
                return Err(ResolveError::Young(breakable));
            }
            // Its owner may have sent a call that it could not record, as when a claim finds a lease that has ended. The wait for a copy
            // to show begins now.
            next.state = State::InDoubt;
            next.doubt_since = Some(now);
            next.doubtful_calls += 1;
        }
    }
    next.lease_until = None;
    next.version += 1;
    let state = next.state;
    note(&mut next, &by, state, Some(code.to_owned()), None, Some(reason.to_owned()));
    Ok((next, was))
}

/// Makes a record due at once, as one of which nothing was started. What was accepted or may have been applied under the attempt stays
/// with its number, so that the copy to come is never taken for an earlier one.
fn retry(current: &Record, next: &mut Record) {
    // A doubt stays one: only read-back or a person who looked ends it.
    let in_doubt = current.doubt_since.is_some();
    next.state = if in_doubt { State::InDoubt } else { State::Seen };
    let is_used = current.receipts.iter().any(|receipt| receipt.attempt == current.attempt)
        || current.copies.is_some()
        || matches!(current.state, State::Failed | State::Lost)
        || current.doubtful_calls > 0;
    next.attempt += u32::from(is_used && !in_doubt);
    next.doubtful_calls = 0;
    next.not_before = None;
    next.evidence = None;
    next.look_at = None;
    next.looks = 0;
}

/// When the lease was taken, or the latest time at which that can have been: a claim that looks at a known doubt again writes no line.
fn leased_since(current: &Record) -> Timestamp {
    let line = current.history.iter().rev().find(|line| line.owner == current.owner);
    line.map(|line| line.time).or(current.lease_until).unwrap_or(current.since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::limits::Attempts;
    use crate::ledger::{Claim, Ending, claim, settle};
    use crate::model::command::{Destination, Options, Replication, Source};
    use crate::model::failure::Whose;

    const LIMIT: Attempts = Attempts {
        limit: 1,
        backoff: Duration::from_secs(300),
        ineligible_for: Duration::from_secs(86_400),
        first_look: Duration::from_secs(60),
        restart_lost: false,
    };

    fn replication() -> Replication {
        Replication {
            operation: Operation::CopySnapshot,
            account: "default".into(),
            source: Source { region: "ap-guangzhou".into(), project_id: None, id: "snap-1".into() },
            destination: Destination { region: "ap-singapore".into(), project_id: None, vault_id: None },
            options: Options::default(),
            occurrence: None,
            rule: None,
        }
    }

    /// Minutes after the beginning.
    fn at(minutes: u64) -> Timestamp {
        later("2026-11-21T08:00:00Z".parse().unwrap(), Duration::from_secs(minutes * 60))
    }

    fn by(owner: &str, minutes: u64) -> Claimant {
        Claimant { owner: owner.into(), lease_until: at(minutes + 5), now: at(minutes) }
    }

    fn claimed(found: Option<&Record>, by: &Claimant) -> Option<Record> {
        match claim(found, &replication(), by, &LIMIT) {
            Claim::Write(record, _) => Some(*record),
            _ => None,
        }
    }

    fn settled(ending: &Ending) -> Record {
        let one = by("one", 0);
        settle(&claimed(None, &one).unwrap(), ending, &one, &LIMIT).unwrap().0
    }

    fn refused() -> Record {
        settled(&Ending::Refused { code: "Quota".into(), note: "full".into(), request_id: None, whose: Whose::Account })
    }

    fn in_doubt() -> Ending {
        Ending::InDoubt { code: "no_answer".into(), note: String::new(), request_id: None, called: true }
    }

    fn resolved(record: &Record, how: &Resolution, minutes: u64) -> Result<Record, ResolveError> {
        resolve(record, how, "person:ann", "the quota was raised", at(minutes)).map(|(next, _)| next)
    }

    #[test]
    fn a_refusal_is_retried_at_once_under_the_same_attempt() {
        let refused = refused();
        assert_eq!(claimed(Some(&refused), &by("two", 2)), None, "its time has not come");
        let retried = resolved(&refused, &Resolution::Retry, 1).unwrap();
        assert_eq!((retried.state, retried.not_before, retried.attempt), (State::Seen, None, 1));
        let last = retried.last().unwrap();
        assert_eq!((last.code.as_deref(), last.owner.as_str()), (Some("retried"), "person:ann"));
        let again = claimed(Some(&retried), &by("two", 2)).unwrap();
        assert_eq!((again.state, again.attempt), (State::Claimed, 1), "nothing was applied under the first attempt");
        let ending =
            Ending::Refused { code: "Quota".into(), note: "full".into(), request_id: None, whose: Whose::Account };
        let refused = settle(&again, &ending, &by("two", 2), &LIMIT).unwrap().0;
        let later = claimed(Some(&refused), &by("three", 600)).unwrap();
        assert_eq!((later.state, later.attempt), (State::Claimed, 1), "a refusal uses up no attempt");
    }

    #[test]
    fn what_failed_is_retried_under_a_new_attempt_and_keeps_its_receipts() {
        let receipt = Receipt {
            backup_id: None,
            replication_id: Some("snap-2".into()),
            request_id: None,
            adopted: false,
            attempt: 1,
            time: at(0),
        };
        let accepted = settled(&Ending::Accepted(vec![receipt]));
        for state in [State::Failed, State::Lost, State::Missed] {
            let ended = Record { state, look_at: Some(at(9)), looks: 3, ..accepted.clone() };
            let retried = resolved(&ended, &Resolution::Retry, 1).unwrap();
            assert_eq!((retried.state, retried.attempt), (State::Seen, 2), "{state:?}");
            assert_eq!((retried.look_at, retried.looks), (None, 0), "{state:?}");
            assert_eq!((&retried.receipts, retried.outbox), (&ended.receipts, ended.outbox), "{state:?}");
        }
    }

    #[test]
    fn a_retry_forgets_no_doubt() {
        let doubted = settled(&in_doubt());
        assert_eq!(doubted.doubtful_calls, 1);
        // The next claim reads back, and as no call is counted it may make one.
        let retried = resolved(&doubted, &Resolution::Retry, 9).unwrap();
        assert_eq!(
            (retried.state, retried.doubt_since, retried.attempt, retried.doubtful_calls),
            (State::InDoubt, doubted.doubt_since, 1, 0)
        );
        assert_eq!(claimed(Some(&retried), &by("two", 10)).unwrap().state, State::InDoubt);
        let ineligible = Record { state: State::Ineligible, ..doubted.clone() };
        let retried = resolved(&ineligible, &Resolution::Retry, 9).unwrap();
        assert_eq!(
            (retried.state, retried.doubt_since, retried.attempt, retried.doubtful_calls),
            (State::InDoubt, doubted.doubt_since, 1, 0)
        );
        // A refusal after calls of unknown outcome: the copy that one of them may have made is not one of the next attempt.
        let refused = Record { state: State::Refused, doubt_since: None, ..doubted };
        let retried = resolved(&refused, &Resolution::Retry, 9).unwrap();
        assert_eq!((retried.state, retried.attempt, retried.doubtful_calls), (State::Seen, 2, 0));
    }

    #[test]
    fn a_lease_that_is_old_enough_is_broken_into_doubt_from_now() {
        let claimed = Record { lease_until: Some(at(600)), ..claimed(None, &by("one", 0)).unwrap() };
        let how = Resolution::BreakLease(BREAKABLE_AFTER);
        assert_eq!(resolved(&claimed, &Resolution::Abandon, 30), Err(ResolveError::Busy(at(600))));
        assert_eq!(resolved(&claimed, &how, 19), Err(ResolveError::Young(at(20))));
        let broken = resolved(&claimed, &how, 20).unwrap();
        assert_eq!((broken.state, broken.lease_until), (State::InDoubt, None));
        assert_eq!((broken.doubt_since, broken.doubtful_calls), (Some(at(20)), 1));
        assert!(matches!(resolved(&broken, &how, 60), Err(ResolveError::State { .. })), "there is no lease any more");
        // Its owner comes back: what it did not know it still does not know, but what was accepted counts.
        assert_eq!(settle(&broken, &in_doubt(), &by("one", 21), &LIMIT), None);
        let receipt = Receipt {
            backup_id: None,
            replication_id: Some("snap-2".into()),
            request_id: None,
            adopted: false,
            attempt: 1,
            time: at(21),
        };
        let late = settle(&broken, &Ending::Accepted(vec![receipt]), &by("one", 21), &LIMIT).unwrap().0;
        assert_eq!((late.state, late.outbox, late.doubt_since), (State::Accepted, true, None));
    }

    #[test]
    fn a_lease_of_unknown_beginning_is_as_young_as_it_can_be() {
        let doubted = settled(&in_doubt());
        let looking = claimed(Some(&doubted), &by("two", 60)).unwrap();
        assert_eq!((looking.state, looking.lease_until), (State::InDoubt, Some(at(65))));
        let how = Resolution::BreakLease(BREAKABLE_AFTER);
        assert_eq!(resolved(&looking, &how, 84), Err(ResolveError::Young(at(85))));
        assert_eq!(resolved(&looking, &how, 85).unwrap().state, State::InDoubt);
    }
}
