//! Plays many histories on all cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use offsite_shared::report::Conclusion;

use crate::draw::history;
use crate::play::{Failure, play};
use crate::stage::{CLOUDS, Store};
use crate::step::History;

/// The laws that are counted; the first row is that of soundness.
const LAWS: usize = 13;

/// How often each law had something to say, by cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Premises([[u64; 3]; LAWS]);

impl Premises {
    pub(crate) fn count(&mut self, law: usize, cloud: usize) {
        if let Some(of) = self.0.get_mut(law).and_then(|row| row.get_mut(cloud)) {
            *of += 1;
        }
    }

    fn add(&mut self, other: &Premises) {
        for (row, more) in self.0.iter_mut().zip(&other.0) {
            for (of, more) in row.iter_mut().zip(more) {
                *of += more;
            }
        }
    }

    /// How often a law had something to say on a cloud. Law 0 is soundness.
    pub fn of(&self, law: usize, cloud: usize) -> u64 {
        self.0.get(law).and_then(|row| row.get(cloud)).copied().unwrap_or_default()
    }
}

/// What many histories came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many were played to their end.
    pub histories: u64,
    /// How many of them hold at rest.
    pub green: u64,
    /// How many of them do not.
    pub red: u64,
    /// How often each law had something to say.
    pub premises: Premises,
    /// Those that break a law.
    pub failures: Vec<(History, Failure)>,
}

impl Summary {
    /// Figures by law and cloud, for people and for JSON.
    pub fn premises_by_law(&self) -> BTreeMap<String, BTreeMap<&'static str, u64>> {
        let law = |law: usize| if law == 0 { "soundness".to_owned() } else { law.to_string() };
        (0..LAWS)
            .map(|number| {
                (
                    law(number),
                    CLOUDS.into_iter().enumerate().map(|(at, name)| (name, self.premises.of(number, at))).collect(),
                )
            })
            .collect()
    }
}

/// Plays the histories of these seeds on so many threads. `store` gives a fresh store for a seed, and `tick` is called after each history.
pub fn run(
    seeds: std::ops::Range<u64>,
    threads: usize,
    store: &(dyn Fn(u64) -> Store + Sync),
    tick: &(dyn Fn() + Sync),
) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                // What the product would log of thousands of troubles is nobody's to read.
                let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        return;
                    }
                    let history = history(seed);
                    let played = play(&history, &|| store(seed));
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.histories += 1;
                    match played {
                        Ok(played) => {
                            summary.premises.add(&played.premises);
                            summary.green += u64::from(played.conclusion == Conclusion::Holds);
                            summary.red += u64::from(played.conclusion == Conclusion::Broken);
                        }
                        Err(failure) => summary.failures.push((history, failure)),
                    }
                    drop(summary);
                    tick();
                }
            });
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}
