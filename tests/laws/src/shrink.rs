//! Makes a history that fails shorter, by dropping steps of its list for as long as the same law fails.

use crate::play::{Failure, play};
use crate::stage::Store;
use crate::step::History;

/// The shortest history found that breaks the same law, and how it breaks it.
pub fn shrink(history: &History, failure: &Failure, store: &dyn Fn() -> Store) -> (History, Failure) {
    let (mut best, mut how) = (history.clone(), failure.clone());
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let before = best.steps.len();
        while at < best.steps.len() {
            let mut shorter = best.clone();
            let end = (at + size).min(shorter.steps.len());
            shorter.steps.drain(at..end);
            match play(&shorter, store) {
                Err(again) if again.law == failure.law => (best, how) = (shorter, again),
                _ => at += size,
            }
        }
        if size == 1 && best.steps.len() == before {
            return (best, how);
        }
        size = (size / 2).max(1);
    }
}
