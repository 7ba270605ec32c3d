//! What a process knows about its credentials: their pauses, which have worked, and whose turn it is to try one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::lock::OwnedMutexGuard;
use jiff::Timestamp;

use crate::model::access::{CredentialName, Pause};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::model::time::later;

/// What this process knows about its credentials: their owners, which have worked, and the pauses read lately, so that a batch does not
/// read one for each record.
#[derive(Default)]
pub struct CredentialMemory {
    known: Mutex<HashMap<CredentialName, (Timestamp, Option<Pause>)>>,
    proven: Mutex<HashSet<CredentialName>>,
    owners: Mutex<HashMap<String, String>>,
    gates: Mutex<HashMap<CredentialName, Arc<futures_util::lock::Mutex<()>>>>,
    turns: Mutex<HashMap<(CredentialName, String), Arc<Turn>>>,
}

/// Locked by the caller that tries a credential. It holds the last refusal and when that came.
type Turn = futures_util::lock::Mutex<Option<(Timestamp, Result<Reply, Failure>)>>;

impl CredentialMemory {
    /// The pause last read or set (inner `None`: there is none); `None` if that is 2 seconds old or unknown.
    pub(crate) fn recent(&self, credential: &CredentialName, now: Timestamp) -> Option<Option<Pause>> {
        let known = held(&self.known);
        let (read_at, pause) = known.get(credential)?;
        // If the clock was set back, nobody knows how old this is.
        (*read_at <= now && now < later(*read_at, Duration::from_secs(2))).then(|| pause.clone())
    }

    /// Remembers a pause, or that there is none: set at `now`, or read by a read that began then.
    pub(crate) fn remember(&self, credential: &CredentialName, now: Timestamp, pause: Option<Pause>) {
        let mut known = held(&self.known);
        // A read that began before a pause was set, and ended after it, knows nothing of the pause and must not undo it.
        if known.get(credential).is_some_and(|(since, _)| *since > now) {
            return;
        }
        if pause.is_some() {
            held(&self.proven).remove(credential);
        }
        known.insert(credential.clone(), (now, pause));
    }

    /// Whether a provider has accepted this credential, and has not refused it since.
    pub(crate) fn is_proven(&self, credential: &CredentialName) -> bool {
        held(&self.proven).contains(credential)
    }

    /// Records that a provider has accepted this credential.
    pub(crate) fn prove(&self, credential: CredentialName) {
        held(&self.proven).insert(credential);
    }

    /// Records that a provider has refused this credential: again only one caller at a time uses it.
    pub(crate) fn doubt(&self, credential: &CredentialName) {
        held(&self.proven).remove(credential);
    }

    /// Waits until nobody else tries this credential, and locks it until the guard is dropped. Other credentials do not wait.
    pub(crate) async fn gate(&self, credential: &CredentialName) -> OwnedMutexGuard<()> {
        of_credential(&self.gates, credential).lock_owned().await
    }

    /// Locked by the caller that tries a credential in a region. A region that does not answer keeps no other one waiting.
    pub(crate) fn turn(&self, credential: &CredentialName, region: &str) -> Arc<Turn> {
        let mut all = held(&self.turns);
        all.retain(|(name, _), turn| name == credential || Arc::strong_count(turn) > 1);
        all.entry((credential.clone(), region.to_owned())).or_default().clone()
    }

    /// The account that a credential belongs to, if it was asked.
    pub(crate) fn owner(&self, credential: &str) -> Option<String> {
        held(&self.owners).get(credential).cloned()
    }

    pub(crate) fn remember_owner(&self, credential: String, owner: String) {
        held(&self.owners).insert(credential, owner);
    }
}

/// The entry for this credential. Entries that nobody uses any more are dropped.
fn of_credential<T: Default>(all: &Mutex<HashMap<CredentialName, Arc<T>>>, credential: &CredentialName) -> Arc<T> {
    let mut all = held(all);
    all.retain(|name, one| name == credential || Arc::strong_count(one) > 1);
    all.entry(credential.clone()).or_default().clone()
}

pub(crate) fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_began_before_a_pause_does_not_undo_it() {
        let pauses = CredentialMemory::default();
        let credential = CredentialName("tencent#default#AK#0011".to_owned());
        let at = |second| Timestamp::from_second(second).unwrap();
        let pause = Some(Pause { until: at(400), reason: "it was refused".to_owned() });
        pauses.remember(&credential, at(99), None);
        assert_eq!(pauses.recent(&credential, at(100)), Some(None));
        pauses.remember(&credential, at(101), pause.clone());
        pauses.remember(&credential, at(100), None);
        assert_eq!(pauses.recent(&credential, at(102)), Some(pause));
        // A read that began later counts.
        pauses.remember(&credential, at(103), None);
        assert_eq!(pauses.recent(&credential, at(103)), Some(None));
    }
}
