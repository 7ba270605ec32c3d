//! What must hold at rest: once all workers are over, whatever is left undone is worked on up to four more times, weeks apart and
//! without faults, by a sweep, every command and a look. What is not final after that never will be.

use std::collections::HashMap;

use crate::product::State as Stands;
use crate::properties::{Property, Violation, violation};
use crate::provider::{Fate, copy_name};
use crate::steps::{Explorer, How, Label, Next};
use crate::tables::Tables;
use crate::trace;
use crate::world::{BACKUPS, Kind, State, VAULT, Worker, World};

/// Minutes of a week.
const WEEK: u16 = 7 * 24 * 60;

/// The processes of the rounds: a sweep, the commands, a look.
const NAMES: [[&str; 5]; 4] = [
    ["sweep 1", "K1", "L1", "V1", "look 1"],
    ["sweep 2", "K2", "L2", "V2", "look 2"],
    ["sweep 3", "K3", "L3", "V3", "look 3"],
    ["sweep 4", "K4", "L4", "V4", "look 4"],
];

/// What the rounds came to, for states that differ only in what makes no difference to them.
#[derive(Default)]
pub struct Rests {
    known: HashMap<State, Vec<Violation>>,
    pub rounds: u64,
}

impl Rests {
    /// What does not hold once the world has come to rest in this state.
    pub fn judge(&mut self, explorer: &mut Explorer, state: &State) -> Vec<Violation> {
        let mut start = state.clone();
        start.clock = 0;
        start.faults_left = u8::from(state.faults_left < explorer.world.faults);
        start.cloud.under_way.clear();
        if let Some(found) = self.known.get(&start) {
            return found.clone();
        }
        self.rounds += 1;
        let found = rounds(explorer, &start, &mut |_, _| {});
        self.known.insert(start, found.clone());
        found
    }
}

/// The four rounds, one after the other; `tell` is called after each process with its name.
pub fn rounds(explorer: &mut Explorer, start: &State, tell: &mut dyn FnMut(&str, String)) -> Vec<Violation> {
    let mut next = Next { label: Label::Clock, state: start.clone(), violations: Vec::new() };
    next.state.faults_left = 0;
    // Whoever stopped it lets it go on, and by then lists show what is there.
    next.state.stopped = None;
    let sweep = if explorer.world.has(Kind::SweepOfRule) { Kind::SweepOfRule } else { Kind::Sweep };
    let mut kinds = vec![sweep];
    kinds.extend((0..BACKUPS).filter(|backup| explorer.world.delivers(*backup)).map(Kind::Delivery));
    kinds.extend([Kind::Otherwise, Kind::VaultWide].into_iter().filter(|kind| explorer.world.has(*kind)));
    kinds.push(Kind::Observe);
    for (round, names) in NAMES.iter().enumerate() {
        next.state.clock = (round as u16 + 1) * WEEK;
        for kind in &kinds {
            settle(&mut next.state);
            let name = match kind {
                Kind::Sweep | Kind::SweepOfRule => names[0],
                Kind::Delivery(backup) => names[1 + usize::from(*backup)],
                Kind::Otherwise => names[2],
                Kind::VaultWide => names[3],
                Kind::Observe => names[4],
                _ => unreachable!("at rest no person decides anything"),
            };
            let origin = explorer.world.at_rest(*kind, name, next.state.clock);
            let mut node = explorer.tree.root(&origin);
            next.state.workers[0] = Worker::At(node);
            while explorer.tree.node(node).over().is_none() {
                let ask = explorer.tree.node(node).open[0].ask.clone();
                explorer.answer(&mut next, 0, (node, 0), &ask, How::Told);
                match next.state.workers[0] {
                    Worker::At(there) => node = there,
                    _ => break,
                }
            }
            next.state.workers[0] = Worker::Over;
            tell(name, trace::records(&explorer.tree.tables, &next.state));
            if *kind == sweep {
                let tables = &explorer.tree.tables;
                let waits = |number: &u32| tables.record(*number).is_some_and(|record| record.in_outbox());
                if next.state.records.iter().any(waits) {
                    next.violations
                        .push(violation(Property::P17, "a sweep without faults leaves something in the outbox"));
                }
            }
        }
        settle(&mut next.state);
        let unfinished = finals(&explorer.world, &explorer.tree.tables, &next.state);
        if unfinished.is_empty() {
            break;
        }
        if round + 1 == NAMES.len() {
            next.violations.extend(unfinished);
        }
    }
    next.violations
}

/// Weeks have passed: what runs is done, and everything is listed.
fn settle(state: &mut State) {
    for copy in &mut state.cloud.copies {
        copy.listed = true;
        if copy.fate == Fate::Running {
            copy.fate = Fate::Done;
        }
    }
}

/// P17 to P19.
fn finals(world: &World, tables: &Tables, state: &State) -> Vec<Violation> {
    let (mut found, limit) = (Vec::new(), world.attempts);
    let living = |backup: u8| {
        let copies = state.cloud.copies.iter().enumerate();
        copies.filter(move |(_, copy)| copy.backup == backup && copy.lives()).map(|(number, _)| number as u8)
    };
    let last_lives = |key: u8| {
        let last = tables.facts(state.records[usize::from(key)]).and_then(|facts| facts.copies.last());
        last.is_some_and(|copy| state.cloud.copies[usize::from(*copy)].lives())
    };
    for key in 0..=VAULT {
        let Some(record) = tables.record(state.records[usize::from(key)]) else { continue };
        let is_final = match record.state {
            // One that a copy has left is to become `lost`.
            Stands::Replicated => last_lives(key),
            Stands::NoWork => true,
            // What a person has said.
            Stands::Abandoned => world.has(Kind::Abandon),
            Stands::Missed => state.cloud.gone && living(key).next().is_none(),
            // Its backups have records of their own.
            Stands::Accepted => key == VAULT,
            Stands::Lost => living(key).next().is_none(),
            // The next sweep says the rest.
            Stands::Ended => world.has(Kind::Back) && living(key).next().is_none(),
            Stands::Refused | Stands::Failed => {
                let is_last = record.attempt >= limit || (key == 0 && state.cloud.gone);
                is_last && (key == VAULT || living(key).next().is_none())
            }
            // A person's, by rule.
            Stands::InDoubt => record.doubtful_calls >= limit || (world.hold && record.doubtful_calls > 0),
            _ => false,
        };
        if !is_final {
            let what = format!("{} stays {} at rest", trace::key_name(key), record.state.name());
            found.push(violation(Property::P17, what));
        }
        if record.in_outbox() || record.lease_until.is_some() {
            found.push(violation(Property::P17, format!("{} has an outbox or a lease at rest", trace::key_name(key))));
        }
    }
    for backup in 0..BACKUPS {
        let stands = tables.record(state.records[usize::from(backup)]).map(|record| record.state);
        let ours = |copy: &u8| state.cloud.copies[usize::from(*copy)].ours;
        let own = tables.facts(state.records[usize::from(backup)]);
        let is_named = |copy: u8| own.is_some_and(|own| own.copies.contains(&copy));
        let is_told = |copy: u8| state.queue.meets(&tables.acceptances(copy));
        // Who said that there is none and that none shall be has looked, and answers for what came after. And where another hand has
        // copied as well, reading back may take its copy for the one that is looked for.
        let excused = stands == Some(Stands::Abandoned)
            || living(backup).any(|copy| !ours(&copy) && is_named(copy) && is_told(copy));
        for copy in living(backup).filter(ours).filter(|_| !excused) {
            let (named, told) = (is_named(copy), is_told(copy));
            if !named || !told {
                let what = format!(
                    "nobody knows of {} (in its backup's record: {named}, on the queue: {told})",
                    copy_name(copy)
                );
                found.push(violation(Property::P18, what));
            }
        }
        if living(backup).filter(ours).count() > 1 {
            found.push(violation(Property::P19, format!("{} has several living copies", trace::key_name(backup))));
        }
    }
    found
}
