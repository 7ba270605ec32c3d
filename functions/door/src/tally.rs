//! How many were refused and why, in one line of the log a minute: a stranger must not be able to fill it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::refused::Refused;

/// What was refused since the last line.
#[derive(Default)]
pub struct Tally(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    told: Option<Timestamp>,
    refused: BTreeMap<Refused, u64>,
}

impl Tally {
    /// Counts one. The line that is to be written, if one is due: the first refusal is told at once, later ones with the first request after
    /// a minute.
    pub fn add(&self, refused: Refused, now: Timestamp) -> Option<String> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.refused.entry(refused).or_default() += 1;
        if counted.told.is_some_and(|told| now.duration_since(told) < SignedDuration::from_secs(60)) {
            return None;
        }
        counted.told = Some(now);
        let each = std::mem::take(&mut counted.refused);
        let each: Vec<String> = each.iter().map(|(refused, count)| format!("{count} {}", refused.reason())).collect();
        Some(each.join(", "))
    }
}
