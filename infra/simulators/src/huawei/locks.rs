//! The lock after five wrong signatures.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// How many wrong signatures lock a key. Source: API gateway documentation, `AK access failed to reach the limit`; 2026-11-21.
const WRONG_SIGNATURES: u32 = 5;
const LOCK: SignedDuration = SignedDuration::from_mins(5);

/// Wrong signatures counted per access key.
#[derive(Default)]
pub(super) struct Locks(HashMap<String, (u32, Option<Timestamp>)>);

impl Locks {
    pub(super) fn locked(&mut self, id: &str, now: Timestamp) -> bool {
        match self.0.get(id).and_then(|(_, until)| *until) {
            Some(until) if now < until => true,
            Some(_) => {
                self.0.remove(id);
                false
            }
            None => false,
        }
    }

    pub(super) fn wrong(&mut self, id: &str, now: Timestamp) {
        let (count, until) = self.0.entry(id.to_owned()).or_default();
        *count += 1;
        if *count >= WRONG_SIGNATURES {
            *until = now.checked_add(LOCK).ok();
        }
    }

    pub(super) fn right(&mut self, id: &str) {
        self.0.remove(id);
    }
}
