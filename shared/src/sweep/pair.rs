//! What the progress of a pair of vaults says of one backup.

use jiff::Timestamp;

use super::verdict::{DestinationView, Judgement, Proof, Why};
use crate::model::backup::{Backup, CopyState, Eligibility};
use crate::providers::inventory::{Pairing, VaultPair};

/// Whether a pair of vaults has copied a backup job to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// Its progress says so; that is inferred, for the backup itself cannot be seen in the target.
    Yes,
    /// Not yet.
    NotYet,
    /// The provider does not tell enough.
    Unknown,
}

/// Whether `pair`, which began at `pair_since` as far as is known, has carried `job`. The target's NewReplicationProgress must
/// have reached the end of the job; for a job that may have begun before the pair, HistoricalReplicationProgress must be 100 too.
/// A backup that is not [`Eligibility::Usable`] is never carried.
pub(crate) fn is_carried(job: &Backup, pair: &VaultPair, pair_since: Option<Timestamp>) -> Carried {
    if pair.pairing != Pairing::Paired || job.eligibility != Eligibility::Usable {
        return Carried::NotYet;
    }
    let Some(completed) = job.completed_at else {
        return Carried::Unknown;
    };
    let began = job.created_at.map_or(completed, |created| created.min(completed));
    let is_younger = pair_since.is_some_and(|since| began >= since);
    let history = match pair.historical_progress {
        _ if is_younger => Carried::Yes,
        Some(100..) => Carried::Yes,
        Some(_) => Carried::NotYet,
        None => Carried::Unknown,
    };
    match pair.new_progress_until {
        Some(until) if until < completed => Carried::NotYet,
        Some(_) => history,
        // A first synchronisation that still runs explains why there is nothing newer to tell.
        None if pair.historical_progress.is_some_and(|progress| progress < 100) => Carried::NotYet,
        None => Carried::Unknown,
    }
}

/// What `is_carried` says, as a look at the destination. A job that is not carried yet is on its way while the vaults are a pair.
pub fn view(job: &Backup, pair: &VaultPair, pair_since: Option<Timestamp>) -> DestinationView {
    let copy = |state| DestinationView::Copy { id: None, state, proof: Proof::Inferred };
    match is_carried(job, pair, pair_since) {
        Carried::Yes => copy(CopyState::Done),
        _ if pair.pairing == Pairing::Paired && job.eligibility == Eligibility::Usable => copy(CopyState::Running),
        _ => DestinationView::Nothing,
    }
}

/// The judgement of a backup whose vault is one of this pair: where the pair is broken, that is why there is no usable copy.
pub fn with_pair(judgement: Judgement, pair: &VaultPair) -> Judgement {
    match &pair.pairing {
        Pairing::Broken(why) if judgement.is_wanting() => {
            Judgement::Failed(Why { cause: "broken_pair".to_owned(), text: why.clone() })
        }
        _ => judgement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn finished() -> Backup {
        Backup {
            id: "job-1".into(),
            name: Some("nightly".into()),
            tags: Vec::new(),
            resource: Some("i-1".into()),
            resource_kind: None,
            vault_id: Some("v-1".into()),
            created_at: Some(at(1_554_347_313)),
            completed_at: Some(at(1_554_347_999)),
            changed_at: None,
            size_gib: Some(1),
            eligibility: Eligibility::Usable,
            hint: None,
            copies: Vec::new(),
            copies_told: false,
        }
    }

    #[test]
    fn carried_is_concluded_from_both_figures() {
        let job = |created: i64, completed: Option<i64>| Backup {
            created_at: Some(at(created)),
            completed_at: completed.map(at),
            changed_at: None,
            ..finished()
        };
        let pair = |historical: Option<u64>, new: Option<i64>| VaultPair {
            pairing: Pairing::Paired,
            status: None,
            status_message: None,
            replication_status: None,
            historical_progress: historical,
            new_progress_until: new.map(at),
            latest_replication_at: None,
        };
        let since = Some(at(100));
        let young = job(110, Some(120));
        let old = job(50, Some(60));
        let between = job(90, Some(110));
        for (job, historical, new, since, wanted) in [
            (&young, Some(0), Some(120), since, Carried::Yes),
            (&young, None, Some(120), since, Carried::Yes),
            (&young, Some(100), Some(119), since, Carried::NotYet),
            (&young, Some(42), None, since, Carried::NotYet),
            (&young, Some(100), None, since, Carried::Unknown),
            (&young, None, None, since, Carried::Unknown),
            (&old, Some(100), Some(120), since, Carried::Yes),
            (&old, Some(99), Some(120), since, Carried::NotYet),
            (&old, None, Some(120), since, Carried::Unknown),
            (&old, Some(100), None, since, Carried::Unknown),
            // A job that ran while the pair was made may belong to either figure.
            (&between, Some(99), Some(120), since, Carried::NotYet),
            (&between, Some(100), Some(120), since, Carried::Yes),
            // When the pair began is not known: every job may be older.
            (&young, Some(99), Some(120), None, Carried::NotYet),
            (&young, Some(100), Some(120), None, Carried::Yes),
        ] {
            assert_eq!(is_carried(job, &pair(historical, new), since), wanted, "{historical:?} {new:?} {since:?}");
        }
        assert_eq!(is_carried(&job_without_end(), &pair(Some(100), Some(500)), since), Carried::Unknown);
        let unpaired = VaultPair { pairing: Pairing::Unpaired, ..pair(Some(100), Some(500)) };
        assert_eq!(is_carried(&young, &unpaired, since), Carried::NotYet);
        let whole = Backup { eligibility: Eligibility::Ineligible("does not follow a pair".into()), ..young };
        assert_eq!(is_carried(&whole, &pair(Some(100), Some(500)), since), Carried::NotYet);
    }

    fn job_without_end() -> Backup {
        Backup { completed_at: None, ..finished() }
    }
}
