//! The brake as this process read it last.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use super::credentials::held;
use crate::ledger::brake::Brake;
use crate::model::time::later;

/// How long it is believed: a call that was about to be sent goes out this long after a person has stopped it, at most.
const FRESH: Duration = Duration::from_secs(5);

/// The brake, and when the read of it began.
#[derive(Default)]
pub(crate) struct BrakeMemory(Mutex<Option<(Timestamp, Arc<Brake>)>>);

impl BrakeMemory {
    /// The brake, if it was read lately.
    pub(crate) fn recent(&self, now: Timestamp) -> Option<Arc<Brake>> {
        let known = held(&self.0);
        let (read_at, brake) = known.as_ref()?;
        // If the clock was set back, nobody knows how old this is.
        (*read_at <= now && now < later(*read_at, FRESH)).then(|| brake.clone())
    }

    /// Remembers what a read gave that began at `began`.
    pub(crate) fn remember(&self, began: Timestamp, brake: &Arc<Brake>) {
        *held(&self.0) = Some((began, brake.clone()));
    }
}
