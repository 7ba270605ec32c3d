//! What this process takes of each account's rate, as it renewed it last.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;

use super::credentials::held;
use crate::ledger::shares::{BUSY_FOR, RENEWED_EVERY};
use crate::model::command::Cloud;
use crate::model::time::later;

/// The shares of this process, and the name under which it takes them.
#[derive(Default)]
pub(crate) struct ShareMemory {
    name: OnceLock<String>,
    taken: Mutex<HashMap<(Cloud, String), Taken>>,
}

#[derive(Clone, Copy)]
struct Taken {
    renewed: Timestamp,
    rate: f64,
}

impl ShareMemory {
    /// The name, which `new` makes once.
    pub(crate) fn name(&self, new: impl FnOnce() -> String) -> &str {
        self.name.get_or_init(new)
    }

    /// The share, if it need not be renewed. Else the caller has to: all others go on meanwhile with what was taken, or with `own`.
    pub(crate) fn current(&self, cloud: Cloud, account: &str, own: f64, now: Timestamp) -> Option<f64> {
        let mut taken = held(&self.taken);
        let known = taken.get(&(cloud, account.to_owned())).copied();
        let age_below = |known: &Taken, age| known.renewed <= now && now < later(known.renewed, age);
        if let Some(known) = known.filter(|known| age_below(known, RENEWED_EVERY)) {
            return Some(known.rate);
        }
        let rate = known.filter(|known| age_below(known, BUSY_FOR)).map_or(own, |known| known.rate);
        taken.insert((cloud, account.to_owned()), Taken { renewed: now, rate });
        None
    }

    /// Remembers what was taken at `now`.
    pub(crate) fn remember(&self, cloud: Cloud, account: &str, rate: f64, now: Timestamp) {
        held(&self.taken).insert((cloud, account.to_owned()), Taken { renewed: now, rate });
    }

    /// Forgets the share. The name by which it was taken, if there was one.
    pub(crate) fn forget(&self, cloud: Cloud, account: &str) -> Option<&str> {
        held(&self.taken).remove(&(cloud, account.to_owned()))?;
        self.name.get().map(String::as_str)
    }
}
