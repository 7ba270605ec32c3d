//! What is to be said of one backup and one destination, from all that is known: a pure judgement.
//!
//! The first row that applies decides. The destination's word goes before the source's, and both before what the ledger
//! remembers; that a backup cannot be copied counts only where nothing has been or may have been started.
//!
//! | # | what is known | verdict |
//! |---|---|---|
//! | 1 | a usable copy was seen or concluded in the destination | `Replicated`, `observed` or `inferred` |
//! | 2 | a copy was seen there that is not finished | `InProgress` |
//! | 3 | the provider's record, kept with the source: running | `InProgress` |
//! | 4 | ledger `Replicated`, and nobody looked | `Replicated` |
//! | 4a | ledger `Replicated` or `Ended`, and gone after its planned expiry | `Ended` |
//! | 5 | ledger `Replicated` and gone before its time, or `Lost` | `Lost` |
//! | 5a | … done, and nobody has looked in the destination | `Replicated`, `inferred` |
//! | 5b | … done, but the destination does not show it | `InProgress`: accepted is not copied; after [`ObservationTimes::give_up`] `Lost` |
//! | 6 | ledger `Claimed`, lease running | `InProgress` |
//! | 7 | ledger `Claimed`, lease over, or `InDoubt` | `InDoubt` |
//! | 8 | ledger `Accepted`, unless the failed copy of row 13 is the accepted one | `InProgress` |
//! | 9 | ledger `Abandoned`: a person wants no copy | `GivenUp` |
//! | 10 | the backup is not usable by its own state | `Ineligible` or `NotReady` with the reason |
//! | 11 | ledger `Refused` | `Refused` with code and note |
//! | 12 | ledger `Ineligible` (the API's own refusal; it is asked again when that expires) | `Ineligible` |
//! | 13 | a copy was seen in the destination that was given up or thrown away, or the provider's record: failed | `Failed` with its reason |
//! | 14 | ledger `Failed` | `Failed` with code and note |
//! | 15 | ledger `Seen`, `Found`, `Missed`, `Left`, `Overtaken` or `NoWork`, or no record | `Missing` |

use std::time::Duration;

use jiff::Timestamp;

pub use super::word::Verdict;
use crate::ledger::limits::{Attempts, ObservationTimes};
use crate::ledger::{Record, State};
use crate::model::backup::{Backup, CopyRecord, CopyState, DestinationCopy, Eligibility};
use crate::model::command::Destination;
use crate::model::evidence::How;
use crate::model::time::later;

/// How far the provider's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(300);

/// What is to be said of one backup and one destination, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// There is a usable copy.
    Replicated {
        /// How that is known.
        proof: Proof,
        /// The copy's ID in the destination, where it has one and it is told.
        id: Option<String>,
    },
    /// A copy is on its way, or accepted and not seen yet.
    InProgress,
    /// There is none, and nothing stands in its way.
    Missing,
    /// There is none and there can be none, and why.
    Ineligible(Why),
    /// There is none because it failed, and why.
    Failed(Why),
    /// There is none because the provider refuses to make it, and why.
    Refused(Why),
    /// There shall be none, a person says.
    GivenUp(String),
    /// There was one, and it is gone when it might go.
    Ended(String),
    /// The destination could not be looked at.
    Unknown,
    /// There was one, and it is gone before its time, and how that is known.
    Lost(String),
    /// Nobody knows: a call may have been applied.
    InDoubt,
    /// There is none, and the backup cannot be copied yet.
    NotReady(String),
}

impl Judgement {
    /// The verdict without what it rests on.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Judgement::Replicated { .. } => Verdict::Replicated,
            Judgement::InProgress => Verdict::InProgress,
            Judgement::Missing => Verdict::Missing,
            Judgement::Ineligible(_) => Verdict::Ineligible,
            Judgement::Failed(_) => Verdict::Failed,
            Judgement::Refused(_) => Verdict::Refused,
            Judgement::GivenUp(_) => Verdict::GivenUp,
            Judgement::Ended(_) => Verdict::Ended,
            Judgement::Unknown => Verdict::Unknown,
            Judgement::Lost(_) => Verdict::Lost,
            Judgement::InDoubt => Verdict::InDoubt,
            Judgement::NotReady(_) => Verdict::NotReady,
        }
    }

    /// Whether a backup that can be copied has no usable copy, as far as somebody looked.
    pub(crate) fn is_wanting(&self) -> bool {
        matches!(
            self,
            Judgement::Missing
                | Judgement::InProgress
                | Judgement::Failed(_)
                | Judgement::Refused(_)
                | Judgement::Lost(_)
                | Judgement::InDoubt
        )
    }

    /// Whether there is a usable copy, as far as that is known.
    pub(crate) fn is_copied(&self) -> bool {
        matches!(self, Judgement::Replicated { .. })
    }

    /// Why, where there is something to say.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Judgement::Ineligible(why) | Judgement::Failed(why) | Judgement::Refused(why) => Some(&why.text),
            Judgement::Lost(reason)
            | Judgement::Ended(reason)
            | Judgement::GivenUp(reason)
            | Judgement::NotReady(reason) => Some(reason),
            _ => None,
        }
    }

    /// The cause as a fixed word or code, by which causes are grouped and risks are accepted.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Judgement::Ineligible(why) | Judgement::Failed(why) | Judgement::Refused(why) => Some(&why.cause),
            _ => None,
        }
    }
}

/// Why there is no copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The provider's code, or the provider's state of the backup in words that never change.
    pub cause: String,
    /// In words for a person, without the code: who shows both puts it before them.
    pub text: String,
}

impl Why {
    fn of_state(text: &str) -> Why {
        Why { cause: text.to_owned(), text: text.to_owned() }
    }

    /// What the newest line of a record's history says; `otherwise` if it says nothing.
    fn of_record(record: &Record, otherwise: &str) -> Why {
        let last = record.last();
        let (code, note) = (last.and_then(|line| line.code.as_deref()), last.and_then(|line| line.note.as_deref()));
        let told = |one: Option<&str>, other: Option<&str>| one.or(other).unwrap_or(otherwise).to_owned();
        Why { cause: told(code, note), text: told(note, code) }
    }
}

/// How a copy is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The destination showed it.
    Observed,
    /// It follows from what the provider says elsewhere.
    Inferred,
}

/// What a look at the destination gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationView {
    /// Nobody looked.
    Untried,
    /// There is no copy, or none that can be seen yet.
    Nothing,
    /// There is a copy.
    Copy {
        /// Its ID, where it has one.
        id: Option<String>,
        /// Whether the copy is done, running or failed.
        state: CopyState,
        /// Whether it was seen or only concluded.
        proof: Proof,
    },
}

impl DestinationView {
    /// The look at a complete listing of the destination, in which `found` is the best match.
    pub fn of_listing(found: Option<&DestinationCopy>) -> DestinationView {
        match found {
            Some(copy) => {
                DestinationView::Copy { id: Some(copy.id.clone()), state: copy.state, proof: Proof::Observed }
            }
            None => DestinationView::Nothing,
        }
    }
}

/// Judges one backup and one destination by the table of this module.
pub fn judge(
    backup: &Backup,
    destination: &Destination,
    record: Option<&Record>,
    view: &DestinationView,
    times: &ObservationTimes,
    now: Timestamp,
) -> Judgement {
    let told = backup.copy_to(destination).filter(|copy| !is_spent(copy, record));
    if let DestinationView::Copy { id, state, proof } = view {
        match state {
            CopyState::Done => return Judgement::Replicated { proof: *proof, id: id.clone() },
            CopyState::Running => return Judgement::InProgress,
            CopyState::Failed => {}
        }
    }
    let remade = told.is_some_and(|copy| copy.state == CopyState::Running);
    match record.map(|record| record.state).filter(|_| !remade) {
        // Of what had gone with its copy, and is covered again, the copy is lost.
        Some(State::Ended) if *view == DestinationView::Untried => {
            return Judgement::Ended(record.and_then(last_word).unwrap_or_else(|| "its time was over".to_owned()));
        }
        Some(State::Replicated | State::Ended) => return proven(record, view, now),
        Some(State::Lost) => {
            return Judgement::Lost(record.and_then(last_word).unwrap_or_else(|| "the copy is gone".to_owned()));
        }
        _ => {}
    }
    match told.map(|copy| (copy.state, view)) {
        Some((CopyState::Done, DestinationView::Nothing)) if told.is_some_and(|copy| is_overdue(copy, times, now)) => {
            return Judgement::Lost(
                "the provider's own record says that it was made, and the destination does not show it".to_owned(),
            );
        }
        Some((CopyState::Done, DestinationView::Untried)) => {
            let id = told.and_then(|copy| copy.copy_id.clone());
            return Judgement::Replicated { proof: Proof::Inferred, id };
        }
        // The source says that the copy was made. The destination says that it failed, and that counts.
        Some((CopyState::Done, DestinationView::Copy { .. })) => {}
        Some((CopyState::Done | CopyState::Running, _)) => return Judgement::InProgress,
        Some((CopyState::Failed, _)) | None => {}
    }
    let failed = failure(told, view);
    match record {
        Some(record) if record.state == State::Claimed && is_leased(record, now) => return Judgement::InProgress,
        Some(record) if matches!(record.state, State::Claimed | State::InDoubt) => return Judgement::InDoubt,
        Some(record) if record.state == State::Accepted => {
            let told_id = told.and_then(|copy| copy.id.as_deref());
            let ours = failed.as_ref().filter(|(id, _)| {
                is_accepted(record, id.as_deref()) || told_id.is_some_and(|id| is_accepted(record, Some(id)))
            });
            return ours.map_or(Judgement::InProgress, |(_, why)| Judgement::Failed(why.clone()));
        }
        Some(record) if record.state == State::Abandoned => {
            let why = last_word(record).map(|word| format!(": {word}")).unwrap_or_default();
            return Judgement::GivenUp(format!("was given up by a person{why}"));
        }
        _ => {}
    }
    match &backup.eligibility {
        Eligibility::NotReady(reason) => return Judgement::NotReady(reason.clone()),
        Eligibility::Ineligible(reason) => return Judgement::Ineligible(Why::of_state(reason)),
        Eligibility::NotCovered(reason) => return Judgement::Ineligible(Why::of_state(reason)),
        Eligibility::Usable => {}
    }
    match (record.map(|record| (record.state, record)), failed) {
        // A copy that failed was made before, and the attempt that came after it was refused.
        (Some((State::Refused, record)), _) => Judgement::Refused(Why::of_record(record, "was refused")),
        (Some((State::Ineligible, record)), _) => {
            Judgement::Ineligible(Why::of_record(record, "cannot be copied, the provider says"))
        }
        (_, Some((_, why))) => Judgement::Failed(why),
        (Some((State::Failed, record)), None) => Judgement::Failed(Why::of_record(record, "failed")),
        _ => Judgement::Missing,
    }
}

/// Whether a sweep should have this replication worked on now: started, tried again, or read back. The claim on the ledger's
/// record decides again, so a stale answer costs a read and never a copy.
pub(crate) fn is_due(verdict: &Judgement, record: Option<&Record>, attempts: &Attempts, now: Timestamp) -> bool {
    let leased = record.is_some_and(|record| is_leased(record, now));
    let waited = |record: &Record| record.not_before.is_none_or(|not_before| not_before <= now);
    let again = |record: &Record| record.attempt < attempts.limit && waited(record);
    let of_state = |state| record.filter(|record| record.state == state);
    match verdict {
        _ if leased => false,
        Judgement::Missing => record.is_none_or(|record| match record.state {
            State::Seen | State::Found => waited(record),
            state => matches!(state, State::Missed | State::Left),
        }),
        Judgement::Lost(_) => attempts.restart_lost && of_state(State::Lost).is_some_and(again),
        Judgement::InDoubt => true,
        Judgement::Failed(_) => match record.map(|record| record.state) {
            None | Some(State::Seen | State::Found) => true,
            Some(State::Failed) => record.is_some_and(again),
            _ => false,
        },
        Judgement::Refused(_) => of_state(State::Refused).is_some_and(waited),
        Judgement::Ineligible(_) => of_state(State::Ineligible).is_some_and(waited),
        Judgement::Replicated { .. } | Judgement::InProgress | Judgement::NotReady(_) => false,
        Judgement::GivenUp(_) | Judgement::Ended(_) | Judgement::Unknown => false,
    }
}

/// Judges a copy that the ledger has as `Replicated`.
fn proven(record: Option<&Record>, view: &DestinationView, now: Timestamp) -> Judgement {
    let seen = record.and_then(|record| record.evidence.as_ref());
    let proof = match seen.map(|seen| seen.how) {
        Some(How::Observed) => Proof::Observed,
        _ => Proof::Inferred,
    };
    let id = seen.and_then(|seen| seen.destination_id.clone());
    let planned = seen.and_then(|seen| seen.expires_at).is_some_and(|at| at <= now);
    if *view == DestinationView::Untried {
        return Judgement::Replicated { proof, id };
    }
    if planned {
        return Judgement::Ended("the copy expired as planned".to_owned());
    }
    let named = id.as_deref().unwrap_or("that was seen");
    Judgement::Lost(format!("the copy {named} is no longer usable in the destination"))
}

/// Whether the source's record is of an attempt that has ended without a copy: the record of a success stays when its copy goes.
fn is_spent(copy: &CopyRecord, record: Option<&Record>) -> bool {
    let failed = record.filter(|record| record.state == State::Failed).and_then(Record::last);
    if copy.state == CopyState::Done && failed.is_some_and(|last| copy.created_at.is_none_or(|made| made < last.time)) {
        return true;
    }
    let later_attempt = record.filter(|record| record.attempt > 1);
    let earlier = |record: &Record| copy.created_at.is_some_and(|made| later(made, SKEW) < record.since);
    copy.state == CopyState::Done && later_attempt.is_some_and(earlier)
}

/// Whether a copy that the provider recorded as done should have been visible long ago.
fn is_overdue(copy: &CopyRecord, times: &ObservationTimes, now: Timestamp) -> bool {
    copy.created_at.is_some_and(|made| later(made, times.give_up) <= now)
}

/// The ID of the copy that failed and why, as the destination says it or else the source's record.
fn failure(told: Option<&CopyRecord>, view: &DestinationView) -> Option<(Option<String>, Why)> {
    if let DestinationView::Copy { id, state: CopyState::Failed, .. } = view {
        let named = id.as_deref().unwrap_or("in the destination");
        let text = format!("the copy {named} was given up or thrown away");
        return Some((id.clone(), Why { cause: "failed".to_owned(), text }));
    }
    let told = told.filter(|copy| copy.state == CopyState::Failed)?;
    let reason = told.note.clone().unwrap_or_else(|| "the provider gave up".to_owned());
    Some((told.id.clone(), Why { cause: "failed".to_owned(), text: format!("the copy failed: {reason}") }))
}

/// Whether the copy with this ID may be the accepted one. If either has no ID, it may.
fn is_accepted(record: &Record, id: Option<&str>) -> bool {
    let mut receipts = record.receipts.iter();
    id.is_none()
        || record.receipts.is_empty()
        || receipts.any(|receipt| receipt.replication_id.is_none() || receipt.replication_id.as_deref() == id)
}

fn is_leased(record: &Record, now: Timestamp) -> bool {
    record.lease_until.is_some_and(|until| until > now)
}

fn last_word(record: &Record) -> Option<String> {
    let last = record.last()?;
    match (last.code.as_deref().filter(|code| *code != "resolved"), last.note.as_deref()) {
        (Some(code), Some(note)) => Some(format!("{code}: {note}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger;
    use crate::ledger::{Claim, Claimant, Ending, Resolution};
    use crate::model::command::{Operation, Options, Replication, Source};
    use crate::model::failure::Whose;
    use crate::model::receipt::Receipt;
    use crate::model::time;

    const MINUTE: Duration = Duration::from_secs(60);

    fn now() -> Timestamp {
        "2026-11-21T08:30:00Z".parse().unwrap()
    }

    fn destination() -> Destination {
        Destination { region: "region2".into(), project_id: Some("p2".into()), vault_id: Some("v".into()) }
    }

    fn backup(eligibility: Eligibility) -> Backup {
        Backup {
            id: "b-1".into(),
            name: None,
            tags: Vec::new(),
            resource: None,
            resource_kind: None,
            vault_id: None,
            created_at: None,
            completed_at: None,
            changed_at: None,
            size_gib: None,
            eligibility,
            hint: None,
            copies: Vec::new(),
            copies_told: true,
        }
    }

    fn usable() -> Backup {
        backup(Eligibility::Usable)
    }

    fn with_record(state: CopyState) -> Backup {
        let copy = |region: &str, state| CopyRecord {
            region: region.into(),
            project_id: None,
            id: Some("record-1".into()),
            copy_id: Some("replica-1".into()),
            state,
            created_at: None,
            note: Some("X.1: disk full".into()),
        };
        // What goes elsewhere decides nothing here.
        Backup { copies: vec![copy("region3", CopyState::Done), copy("region2", state)], ..usable() }
    }

    fn seen(state: CopyState) -> DestinationView {
        DestinationView::Copy { id: Some("snap-copy".into()), state, proof: Proof::Observed }
    }

    fn by(owner: &str) -> Claimant {
        Claimant { owner: owner.into(), lease_until: time::later(now(), MINUTE), now: now() }
    }

    fn claimed() -> Record {
        let replication = Replication {
            operation: Operation::CopyBackup,
            account: "default".into(),
            source: Source { region: "region1".into(), project_id: Some("p1".into()), id: "b-1".into() },
            destination: destination(),
            options: Options::default(),
            occurrence: None,
            rule: None,
        };
        match ledger::claim(None, &replication, &by("one"), &Attempts::default()) {
            Claim::Write(record, _) => *record,
            other => panic!("{other:?}"),
        }
    }

    fn settled(ending: Ending) -> Record {
        ledger::settle(&claimed(), &ending, &by("one"), &Attempts::default()).unwrap().0
    }

    fn accepted(id: Option<&str>) -> Record {
        let receipt = Receipt {
            backup_id: None,
            replication_id: id.map(str::to_owned),
            request_id: None,
            adopted: false,
            attempt: 1,
            time: now(),
        };
        settled(Ending::Accepted(vec![receipt]))
    }

    fn in_doubt() -> Record {
        settled(Ending::InDoubt { code: "no_answer".into(), note: "silence".into(), request_id: None, called: true })
    }

    fn refused() -> Record {
        settled(Ending::Refused { code: "Quota".into(), note: "full".into(), request_id: None, whose: Whose::Account })
    }

    fn ineligible() -> Record {
        settled(Ending::Ineligible { code: None, reason: "cannot be copied".into() })
    }

    fn released() -> Record {
        let name = crate::model::error::ErrorName::Throttled;
        settled(Ending::Released { name, code: "slow".into(), note: "down".into(), request_id: None })
    }

    fn abandoned() -> Record {
        ledger::resolve(&in_doubt(), &Resolution::Abandon, "ann", "not wanted", now()).unwrap().0
    }

    fn of(backup: &Backup, record: Option<&Record>, view: &DestinationView) -> Judgement {
        judge(backup, &destination(), record, view, &ObservationTimes::default(), now())
    }

    fn failed(reason: &str) -> Judgement {
        Judgement::Failed(Why { cause: "failed".into(), text: reason.into() })
    }

    #[test]
    fn the_destination_goes_before_all_else() {
        let observed = Judgement::Replicated { proof: Proof::Observed, id: Some("snap-copy".into()) };
        let not_usable = backup(Eligibility::Ineligible("is itself a copy".into()));
        for record in [None, Some(in_doubt()), Some(refused()), Some(abandoned()), Some(ineligible())] {
            for backup in
                [usable(), with_record(CopyState::Failed), with_record(CopyState::Running), not_usable.clone()]
            {
                assert_eq!(of(&backup, record.as_ref(), &seen(CopyState::Done)), observed);
                assert_eq!(of(&backup, record.as_ref(), &seen(CopyState::Running)), Judgement::InProgress);
            }
        }
        let inferred = DestinationView::Copy { id: None, state: CopyState::Done, proof: Proof::Inferred };
        assert_eq!(of(&usable(), None, &inferred), Judgement::Replicated { proof: Proof::Inferred, id: None });
    }

    #[test]
    fn the_source_s_record_is_not_the_destination() {
        let done = with_record(CopyState::Done);
        let inferred = Judgement::Replicated { proof: Proof::Inferred, id: Some("replica-1".into()) };
        assert_eq!(of(&done, None, &DestinationView::Untried), inferred);
        assert_eq!(of(&done, None, &DestinationView::Nothing), Judgement::InProgress);
        assert_eq!(
            of(&with_record(CopyState::Running), Some(&refused()), &DestinationView::Nothing),
            Judgement::InProgress
        );
        assert_eq!(
            of(&with_record(CopyState::Failed), None, &DestinationView::Nothing),
            failed("the copy failed: X.1: disk full")
        );
    }

    #[test]
    fn what_was_or_may_have_been_started_is_not_missing() {
        assert_eq!(of(&usable(), Some(&claimed()), &DestinationView::Nothing), Judgement::InProgress);
        let later = time::later(now(), 2 * MINUTE);
        let over = judge(
            &usable(),
            &destination(),
            Some(&claimed()),
            &DestinationView::Nothing,
            &ObservationTimes::default(),
            later,
        );
        assert_eq!(over, Judgement::InDoubt);
        assert_eq!(
            of(&with_record(CopyState::Failed), Some(&in_doubt()), &DestinationView::Nothing),
            Judgement::InDoubt
        );
        assert_eq!(of(&usable(), Some(&accepted(Some("record-1"))), &DestinationView::Nothing), Judgement::InProgress);
        let gone = backup(Eligibility::Ineligible("is in the recycle bin".into()));
        assert_eq!(of(&gone, Some(&accepted(Some("record-1"))), &DestinationView::Nothing), Judgement::InProgress);
        assert_eq!(of(&gone, Some(&in_doubt()), &DestinationView::Nothing), Judgement::InDoubt);
    }

    #[test]
    fn an_accepted_copy_fails_by_its_own_record_only() {
        let backup = with_record(CopyState::Failed);
        let told = failed("the copy failed: X.1: disk full");
        assert_eq!(of(&backup, Some(&accepted(Some("record-1"))), &DestinationView::Nothing), told);
        assert_eq!(of(&backup, Some(&accepted(None)), &DestinationView::Nothing), told);
        assert_eq!(of(&backup, Some(&accepted(Some("record-2"))), &DestinationView::Nothing), Judgement::InProgress);
        let thrown_away = of(&usable(), Some(&accepted(Some("snap-copy"))), &seen(CopyState::Failed));
        assert_eq!(thrown_away, failed("the copy snap-copy was given up or thrown away"));
    }

    #[test]
    fn what_cannot_be_copied_says_why() {
        let looked = &DestinationView::Nothing;
        let is = |reason: &str| Judgement::Ineligible(Why::of_state(reason));
        assert_eq!(of(&backup(Eligibility::Ineligible("is a replica".into())), None, looked), is("is a replica"));
        assert_eq!(
            of(&backup(Eligibility::Ineligible("is a replica".into())), Some(&refused()), looked),
            is("is a replica")
        );
        assert_eq!(of(&usable(), Some(&ineligible()), looked), is("cannot be copied"));
        let given_up = Judgement::GivenUp("was given up by a person: not wanted".into());
        assert_eq!(of(&usable(), Some(&abandoned()), looked), given_up);
        let acknowledged = of(&with_record(CopyState::Failed), Some(&abandoned()), looked);
        assert_eq!(acknowledged, given_up);
        let not_ready = backup(Eligibility::NotReady("is still being created".into()));
        assert_eq!(of(&not_ready, None, looked), Judgement::NotReady("is still being created".into()));
    }

    #[test]
    fn the_rest_is_refused_or_missing() {
        let quota = Judgement::Refused(Why { cause: "Quota".into(), text: "full".into() });
        assert_eq!(of(&usable(), Some(&refused()), &DestinationView::Nothing), quota);
        let told = with_record(CopyState::Failed);
        assert_eq!(of(&told, Some(&refused()), &DestinationView::Nothing), quota, "the copy had failed before");
        assert_ne!(of(&told, None, &DestinationView::Nothing), quota);
        assert_eq!(of(&usable(), Some(&released()), &DestinationView::Nothing), Judgement::Missing);
        let no_work = settled(Ending::NoWork { code: "6130".into(), request_id: None });
        assert_eq!(of(&usable(), Some(&no_work), &DestinationView::Nothing), Judgement::Missing);
        assert_eq!(of(&usable(), None, &DestinationView::Nothing), Judgement::Missing);
        assert_eq!(of(&usable(), None, &DestinationView::Untried), Judgement::Missing);
    }

    #[test]
    fn a_sweep_works_on_what_the_ledger_would_let_it() {
        let attempts = Attempts::default();
        let due = |verdict: &Judgement, record: Option<&Record>, at| is_due(verdict, record, &attempts, at);
        let day = time::later(now(), Duration::from_secs(86_400));
        let refusal = Judgement::Refused(Why { cause: "Quota".into(), text: "full".into() });
        assert!(due(&Judgement::Missing, None, now()));
        assert!(due(&Judgement::Missing, Some(&released()), now()));
        assert!(!due(&Judgement::Missing, Some(&claimed()), now()), "somebody is at it");
        assert!(due(&Judgement::InDoubt, Some(&in_doubt()), now()));
        assert!(!due(&refusal, Some(&refused()), now()), "the backoff has not passed");
        assert!(due(&refusal, Some(&refused()), day));
        let last = Record { attempt: attempts.limit, ..refused() };
        assert!(due(&refusal, Some(&last), day), "a refusal uses up no attempt");
        assert!(due(&failed("the copy failed"), None, now()));
        assert!(!due(&failed("the copy failed"), Some(&accepted(None)), now()), "it has to be seen as failed first");
        let asked = Judgement::Ineligible(Why::of_state("cannot be copied"));
        assert!(!due(&asked, Some(&ineligible()), now()) && due(&asked, Some(&ineligible()), day));
        assert!(!due(&asked, None, day) && !due(&asked, Some(&abandoned()), day));
        for verdict in [
            Judgement::InProgress,
            Judgement::NotReady(String::new()),
            Judgement::Replicated { proof: Proof::Observed, id: None },
        ] {
            assert!(!due(&verdict, None, day));
        }
    }

    #[test]
    fn a_listing_is_an_observation() {
        assert_eq!(DestinationView::of_listing(None), DestinationView::Nothing);
        let copy = DestinationCopy {
            id: "snap-copy".into(),
            name: None,
            source_id: None,
            source_region: None,
            vault_id: None,
            state: CopyState::Done,
            created_at: None,
            size_gib: None,
        };
        assert_eq!(DestinationView::of_listing(Some(&copy)), seen(CopyState::Done));
    }
}
