//! Makes a history that fails shorter, by dropping steps of its list for as long as the same law fails.

use crate::play::{Failure, play};
use crate::stage::Store;
use crate::step::History;

/// How often a history is played at most while it is made shorter: a minute or so.
const PLAYS: u32 = 600;

/// The shortest history found that breaks the same law, and how it breaks it.
pub fn shrink(history: &History, failure: &Failure, store: &dyn Fn() -> Store) -> (History, Failure) {
    let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
    let mut plays = 0;
    let (mut best, mut how) = (history.clone(), failure.clone());
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let before = best.steps.len();
        while at < best.steps.len() && plays < PLAYS {
            plays += 1;
            let mut shorter = best.clone();
            let end = (at + size).min(shorter.steps.len());
            shorter.steps.drain(at..end);
            match play(&shorter, store) {
                Err(again) if again.law == failure.law => (best, how) = (shorter, again),
                _ => at += size,
            }
        }
        if plays == PLAYS || (size == 1 && best.steps.len() == before) {
            return (best, how);
        }
        size = (size / 2).max(1);
    }
}
