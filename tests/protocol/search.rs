//! The search: breadth first, so that the first violation comes with a shortest way to it.
//!
//! A state that was seen is remembered as 64 bits of a hash, with the state that it was reached from; the whole state is kept only
//! while it waits for its turn.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::properties::{Finding, Mark, Violation};
use crate::rest::Rests;
use crate::steps::{Explorer, Label, Next};
use crate::trace;
use crate::world::{State, World};

/// Keeps what is a hash already.
#[derive(Default)]
pub struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// What an exploration came to.
pub struct Explored {
    pub states: usize,
    pub steps: u64,
    pub took: Duration,
    pub explorer: Explorer,
    pub rests: u64,
    /// The first violation that no known finding explains, and the shortest way to it as a table.
    pub violation: Option<(Violation, String)>,
    /// Whether there were more states than the world allows.
    pub too_many: bool,
}

impl Explored {
    /// How large the world is, and what was seen in it.
    pub fn told(&self, name: &str) -> String {
        let Explorer { tree, known, marks, .. } = &self.explorer;
        format!(
            "{name}: {} states, {} steps, {:.1} s; {} records, {} places, {} times at rest; shows {known:?}; reaches {marks:?}",
            self.states,
            self.steps,
            self.took.as_secs_f64(),
            tree.tables.records(),
            tree.len(),
            self.rests,
        )
    }

    /// The same as a line of a table.
    pub fn row(&self, name: &str) -> String {
        let Explored { states, steps, rests, .. } = self;
        format!("| {name} | {states} | {steps} | {:.0} | {rests} |", self.took.as_secs_f64())
    }

    /// Whether the world held what it says of itself.
    ///
    /// # Errors
    /// Says what it did not, with the way to it.
    pub fn judged(&self, name: &str) -> Result<(), String> {
        let (told, world) = (self.told(name), self.explorer.world);
        if let Some((violation, table)) = &self.violation {
            return Err(format!("{told}\n{:?}: {}\n{table}", violation.property, violation.what));
        }
        if self.too_many {
            return Err(format!("{told}\nmore states than {}: raise the ceiling if that is meant", world.ceiling));
        }
        let missed: Vec<&Mark> = world.reaches.iter().filter(|mark| !self.explorer.marks.contains(mark)).collect();
        if !missed.is_empty() {
            return Err(format!("{told}\nnever reached: {missed:?}"));
        }
        let missed: Vec<&Finding> =
            world.shows.iter().filter(|finding| !self.explorer.known.contains_key(finding)).collect();
        if !missed.is_empty() {
            return Err(format!(
                "{told}\nno longer shows {missed:?}: take it off this world, and in the end out of `Finding`"
            ));
        }
        Ok(())
    }
}

/// Explores a world to its end, or to the first violation.
#[allow(clippy::disallowed_methods, reason = "how long an exploration takes is told, and decides nothing")]
pub fn explore(world: World) -> Explored {
    let begun = std::time::Instant::now();
    let mut explorer = Explorer::new(world);
    let mut rests = Rests::default();
    let mut seen: HashSet<u64, BuildHasherDefault<Same>> = HashSet::default();
    let mut parents: Vec<(u32, Label)> = vec![(0, Label::Clock)];
    let mut waiting = VecDeque::from([(0_u32, world.first())]);
    seen.insert(hash(&world.first()));
    let (mut steps, mut violation, mut too_many) = (0, None, false);
    'search: while let Some((number, state)) = waiting.pop_front() {
        if world.is_at_rest(&state) {
            let found = rests.judge(&mut explorer, &state);
            explorer.count(&found);
            if let Some(first) = found.into_iter().find(|found| !world.expects(found)) {
                let table = trace::table(&mut explorer, &way(&parents, number), true);
                violation = Some((first, table));
                break;
            }
        }
        for Next { label, state: next, violations } in explorer.steps(&state) {
            steps += 1;
            if let Some(first) = violations.into_iter().find(|found| !world.expects(found)) {
                let mut labels = way(&parents, number);
                labels.push(label);
                violation = Some((first, trace::table(&mut explorer, &labels, false)));
                break 'search;
            }
            if seen.insert(hash(&next)) {
                parents.push((number, label));
                waiting.push_back((parents.len() as u32 - 1, next));
            }
        }
        if parents.len() > world.ceiling {
            too_many = true;
            break;
        }
    }
    let took = begun.elapsed();
    Explored { states: parents.len(), steps, took, explorer, rests: rests.rounds, violation, too_many }
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// The steps that lead to a state.
fn way(parents: &[(u32, Label)], number: u32) -> Vec<Label> {
    let mut labels = Vec::new();
    let mut here = number;
    while here > 0 {
        let (parent, label) = parents[here as usize];
        labels.push(label);
        here = parent;
    }
    labels.reverse();
    labels
}
