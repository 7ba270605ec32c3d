//! The transitions that a sweep makes of backups nobody acts on: seen first, found copied by another hand, wanted again, or gone.

use jiff::Timestamp;

use super::observed::enter;
use super::store::Expect;
use super::{About, Claimant, News, Record, State, first, note};
use crate::model::command::Replication;
use crate::model::evidence::Evidence;
use crate::model::receipt::Receipt;

/// A new record of a replication that is wanted but left for later. Nothing was started.
pub fn put_off(replication: &Replication, about: About, by: &Claimant, until: Option<Timestamp>) -> Record {
    let mut record = first(replication, by);
    record.about = about;
    record.state = State::Seen;
    record.lease_until = None;
    record.not_before = until;
    record.history.clear();
    note(&mut record, by, State::Seen, None, None, None);
    record
}

/// The record after a usable copy was seen that nothing here started; `None` if something of ours may have, or somebody acts on it.
pub fn found(current: &Record, seen: Evidence, by: &Claimant) -> Option<(Record, Expect)> {
    let untouched = matches!(current.state, State::Seen | State::Missed | State::Left) && current.receipts.is_empty();
    if !untouched || current.lease_until.is_some_and(|until| until > by.now) {
        return None;
    }
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.state = State::Found;
    next.evidence = Some(seen);
    next.not_before = None;
    next.version += 1;
    note(&mut next, by, State::Found, None, None, None);
    Some((next, was))
}

/// The record with the replication that another hand had begun, now that the source is gone and cannot tell of it any more; `None` if
/// something was begun here, or somebody acts on the record.
pub fn taken_over(current: &Record, by: &Claimant) -> Option<(Record, Expect)> {
    let id = current.about.copying.as_ref().and_then(|copying| copying.id.clone());
    let id = id.filter(|_| current.state == State::Seen && current.receipts.is_empty())?;
    if current.lease_until.is_some_and(|until| until > by.now) {
        return None;
    }
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.state = State::Accepted;
    next.receipts = vec![Receipt {
        backup_id: None,
        replication_id: Some(id),
        request_id: None,
        adopted: true,
        attempt: current.attempt,
        time: by.now,
    }];
    next.outbox = true;
    next.look_at = Some(by.now);
    next.not_before = None;
    next.version += 1;
    note(&mut next, by, State::Accepted, Some("adopted".to_owned()), None, None);
    Some((next, was))
}

/// The record of a backup that is listed and wanted again: the copy that another hand made is gone, it came back after a newer one had made
/// up for it, or it came back and its copy is gone. `None` if it is of any other kind.
pub fn wanted(current: &Record, about: &About, by: &Claimant) -> Option<(Record, Expect)> {
    let (state, why) = match current.state {
        State::Found => (State::Seen, "its copy is gone, which nothing here had started"),
        State::Overtaken => (State::Seen, "it is covered again"),
        State::Ended => (State::Lost, "it is covered again, and its copy is gone"),
        _ => return None,
    };
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.evidence = None;
    next.about = about.clone();
    next.version += 1;
    if state == State::Lost {
        enter(&mut next, state, by, Some(why.to_owned()));
    } else {
        next.state = state;
        note(&mut next, by, state, None, None, Some(why.to_owned()));
    }
    Some((next, was))
}

/// How a backup without a copy, or a copy without a backup, parts from its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// The source is gone.
    Missed,
    /// The source is there and not covered any more.
    Left,
    /// The source is gone or not covered, and its resource has a newer usable copy.
    Overtaken,
    /// The copy is gone, and its source is gone or not covered any more.
    Ended,
    /// The policy was edited so that it leaves the source out.
    Excluded,
}

impl Parting {
    fn state(self) -> State {
        match self {
            Parting::Missed => State::Missed,
            Parting::Left => State::Left,
            Parting::Overtaken => State::Overtaken,
            Parting::Ended => State::Ended,
            Parting::Excluded => State::Abandoned,
        }
    }
}

/// The record after its backup or copy has parted from the rule; `None` if a person has settled the record, somebody acts on it, or its
/// state does not fit: what was or may have been accepted never becomes "never copied".
pub fn part(current: &Record, how: Parting, by: &Claimant, reason: &str) -> Option<(Record, Expect)> {
    let fits = match current.state {
        State::Seen | State::Refused | State::Ineligible | State::Failed => how != Parting::Ended,
        State::Missed | State::Left => {
            matches!(how, Parting::Overtaken | Parting::Excluded | Parting::Missed | Parting::Left)
        }
        State::Replicated => how == Parting::Ended,
        State::Lost => how == Parting::Excluded,
        _ => false,
    };
    let state = how.state();
    if !fits || state == current.state || current.lease_until.is_some_and(|until| until > by.now) {
        return None;
    }
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.state = state;
    next.not_before = None;
    next.look_at = None;
    next.version += 1;
    if state != State::Abandoned {
        let replication_id = (how == Parting::Ended)
            .then(|| next.receipts.last().and_then(|receipt| receipt.replication_id.clone()))
            .flatten();
        next.news.push(News { state, attempt: next.attempt, replication_id, cause: None });
    }
    let code = (how == Parting::Excluded).then(|| "excluded".to_owned());
    note(&mut next, by, state, code, None, Some(reason.to_owned()));
    Some((next, was))
}

/// The record with what a listing says of its backup; `None` if that is known already, or somebody acts on the record.
pub(crate) fn told_of(current: &Record, about: &About, by: &Claimant) -> Option<(Record, Expect)> {
    if current.about == *about || current.lease_until.is_some_and(|until| until > by.now) {
        return None;
    }
    let was = Expect::Was { version: current.version, owner: current.owner.clone() };
    let mut next = current.clone();
    next.about = about.clone();
    next.version += 1;
    Some((next, was))
}
