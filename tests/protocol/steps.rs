//! All that can happen next in a state: the clock moves, a worker starts, a question is answered in one of several ways, a call that
//! was given up is applied after all, a copy becomes listed, ends or is deleted.
//!
//! Steps that use up a fault are marked so; without faults left there are none of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::product::{Expect, RecordFilter};
use crate::properties::{self, Finding, Mark, Pair, Property, Violation, violation};
use crate::provider::{Copy, Fate, Read, Said, Target};
use crate::tree::{Answer, Ask, Node, Tree};
use crate::world::{Kind, State, VAULT, Worker, World, commanded, drains};

/// How a question is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// As it should be.
    Told,
    /// A write is stored, nobody hears so, and the client sends it again: the process still waits.
    StoredUnheard,
    /// A write is stored, and the process is told of an error.
    StoredError,
    /// Nothing is written or read, and the process is told of an error.
    Error,
    /// A call is applied, and no answer comes.
    AppliedSilent,
    /// A call is not applied, and no answer comes.
    LostSilent,
    /// A call is applied later or never, and no answer comes.
    LaterSilent,
    /// A call that was sent too long ago to be applied; no answer comes.
    TooLate,
    Throttled,
    Refused,
    /// The queue takes all, and no answer comes.
    TakenSilent,
    /// The queue takes the first only.
    FirstOnly,
    /// A list shows each record as it was before its last write.
    Older,
    /// The process ends here.
    Ends,
    /// The process ends here, and its call is applied later or never.
    EndsSending,
}

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Label {
    Clock,
    Starts(u8),
    /// The worker at this place gets an answer to the question at the second place among its own.
    Answer(u8, u8, How),
    /// The call at this place in the network is applied.
    Lands(u8),
    Listed(u8),
    Becomes(u8, Fate),
}

/// A step and where it leads.
pub struct Next {
    pub label: Label,
    pub state: State,
    pub violations: Vec<Violation>,
}

/// A world with all that is known of it so far.
pub struct Explorer {
    pub world: World,
    pub tree: Tree,
    pub marks: BTreeSet<Mark>,
    /// How often each known finding showed.
    pub known: BTreeMap<Finding, u64>,
    pairs: HashMap<(u32, u32), Pair>,
    /// The order in which the store lists its keys.
    listed: Vec<u8>,
}

impl Explorer {
    pub fn new(world: World) -> Explorer {
        let tree = world.tree();
        let mut listed: Vec<u8> = (0..tree.tables.keys.len() as u8).collect();
        listed.sort_by_key(|key| tree.tables.keys[usize::from(*key)].0.clone());
        Explorer { world, tree, marks: BTreeSet::new(), known: BTreeMap::new(), pairs: HashMap::new(), listed }
    }

    /// All steps out of a state.
    pub fn steps(&mut self, state: &State) -> Vec<Next> {
        let mut steps = Vec::with_capacity(16);
        if state.clock < self.world.minutes {
            steps.push(Next { label: Label::Clock, state: self.a_minute_later(state), violations: Vec::new() });
        }
        for place in 0..self.world.workers.len() {
            match state.workers[place] {
                Worker::Waits => {
                    let first = place == 0
                        || self.world.workers[place - 1] != self.world.workers[place]
                        || state.workers[place - 1] != Worker::Waits;
                    if first && self.may_start(state, place) {
                        let mut next = Next::of(Label::Starts(place as u8), state);
                        self.begin(&mut next, place);
                        steps.push(next);
                    }
                }
                Worker::At(node) => {
                    for which in 0..self.tree.node(node).open.len() {
                        self.answers(state, place, node, which, &mut steps);
                    }
                }
                Worker::Over => {}
            }
        }
        for (place, (target, sent)) in state.cloud.under_way.iter().enumerate() {
            let mut next = Next::of(Label::Lands(place as u8), state);
            next.state.cloud.under_way.remove(place);
            debug_assert!(state.clock <= sent + self.world.delay);
            if let Said::Made(_) = self.apply(&mut next, *target) {
                self.marks.insert(Mark::LateCall);
                steps.push(next);
            }
        }
        for (number, copy) in state.cloud.copies.iter().enumerate() {
            if !copy.listed {
                let mut next = Next::of(Label::Listed(number as u8), state);
                self.list(&mut next.state, number);
                steps.push(next);
            }
            let fates = [
                (self.world.finish, Fate::Running, Fate::Done),
                (self.world.fail, Fate::Running, Fate::Failed),
                (self.world.delete, Fate::Done, Fate::Deleted),
            ];
            for (_, _, fate) in fates.into_iter().filter(|(can, from, _)| *can && copy.fate == *from) {
                let mut next = Next::of(Label::Becomes(number as u8, fate), state);
                next.state.cloud.copies[number].fate = fate;
                steps.push(next);
            }
        }
        for next in &steps {
            self.count(&next.violations);
        }
        steps
    }

    /// A person adopts only what can be seen, and only what was deleted ends without its copy.
    fn may_start(&self, state: &State, place: usize) -> bool {
        match self.world.workers[place] {
            Kind::Adopt => {
                let copy = state.cloud.copies.get(self.world.adoptable());
                copy.is_some_and(|copy| copy.listed && copy.lives() && copy.ours != self.world.has(Kind::Hand))
            }
            Kind::Back => state.cloud.copies.first().is_some_and(|copy| copy.fate == Fate::Deleted),
            _ => true,
        }
    }

    fn begin(&mut self, next: &mut Next, place: usize) {
        match self.world.workers[place] {
            Kind::Pause => next.state.stopped = Some(next.state.clock),
            Kind::Hand => {
                let made = next.state.clock;
                let copy = Copy { backup: 0, made, listed: false, fate: Fate::Running, ours: false };
                next.state.cloud.copies.push(copy);
                self.marks.insert(Mark::OtherHand);
            }
            kind => {
                next.state.cloud.gone |= kind == Kind::Gone;
                let node = self.tree.root(&self.world.origin(place, next.state.clock));
                return self.arrive(next, place, node);
            }
        }
        next.state.workers[place] = Worker::Over;
    }

    /// Counts what shows of known findings.
    pub fn count(&mut self, found: &[Violation]) {
        for finding in found.iter().filter_map(|found| found.known) {
            *self.known.entry(finding).or_default() += 1;
        }
    }

    fn a_minute_later(&mut self, state: &State) -> State {
        let mut next = state.clone();
        next.clock += 1;
        let (clock, World { hidden, delay, deadline_s, ends_processes, .. }) = (next.clock, self.world);
        for number in 0..next.cloud.copies.len() {
            let copy = next.cloud.copies[number];
            if !copy.listed && copy.made + hidden <= clock {
                self.list(&mut next, number);
            }
        }
        next.cloud.under_way.retain(|(_, sent)| sent + delay >= clock);
        for worker in next.workers.iter_mut().filter(|_| ends_processes) {
            if let Worker::At(node) = *worker
                && i64::from(clock - self.tree.node(node).origin.at) * 60 >= deadline_s
            {
                *worker = Worker::Over;
            }
        }
        next
    }

    fn list(&self, state: &mut State, number: usize) {
        state.cloud.copies[number].listed = true;
        // Only a vault's read-back asks when a copy was made.
        if !self.world.workers.contains(&crate::world::Kind::VaultWide) {
            state.cloud.copies[number].made = 0;
        }
    }

    /// The ways in which a question of a worker can be answered.
    fn answers(&mut self, state: &State, place: usize, node: u32, which: usize, steps: &mut Vec<Next>) {
        let faults = state.faults_left > 0;
        let open = self.tree.node(node).open[which].clone();
        let (ask, asked_at) = (open.ask, open.at);
        let mut hows = vec![How::Told];
        match &ask {
            Ask::Put { key, expect, .. } => {
                if faults && self.fits(state, *key, expect) {
                    hows.extend([How::StoredUnheard, How::StoredError]);
                }
                hows.extend(faults.then_some(How::Error));
                // A store that refuses for good ends a vault-wide call before each copy has its record.
                let vault = self.world.workers.contains(&crate::world::Kind::VaultWide);
                hows.extend((faults && vault).then_some(How::Refused));
            }
            Ask::Get(_) | Ask::Brake => hows.extend(faults.then_some(How::Error)),
            Ask::List(filter) if faults => {
                hows.push(How::Error);
                let older = self.world.lags && self.older_list(state, filter) != self.list_of(&state.records, filter);
                hows.extend(older.then_some(How::Older));
            }
            Ask::Call(_) if state.clock > asked_at + self.world.delay => hows = vec![How::TooLate],
            Ask::Call(_) if faults => {
                hows.extend([How::AppliedSilent, How::LostSilent, How::LaterSilent, How::Throttled, How::EndsSending]);
                hows.extend(self.world.refusals.then_some(How::Refused));
            }
            Ask::Read(_) if faults => {
                hows.push(How::Error);
                let look = matches!(ask, Ask::Read(Read::Copy(_)));
                hows.extend((look || self.world.refusals).then_some(How::Refused));
            }
            Ask::Emit(messages) if faults => {
                hows.extend([How::TakenSilent, How::Error]);
                hows.extend((messages.len() > 1).then_some(How::FirstOnly));
            }
            Ask::Call(_) | Ask::Read(_) | Ask::Emit(_) | Ask::List(_) | Ask::Sleep | Ask::Over { .. } => {}
        }
        // A process ends at once, wherever its pieces of work are.
        hows.extend((faults && which == 0).then_some(How::Ends));
        for how in hows {
            let mut next = Next::of(Label::Answer(place as u8, which as u8, how), state);
            next.state.faults_left -= u8::from(!matches!(how, How::Told | How::TooLate));
            if self.answer(&mut next, place, (node, which), &ask, how) {
                steps.push(next);
            }
        }
    }

    /// Answers a question. False: that makes no difference to another way of answering it.
    pub fn answer(&mut self, next: &mut Next, place: usize, (node, which): (u32, usize), ask: &Ask, how: How) -> bool {
        let said = |said| Some(Answer::Said(said));
        let asked_at = self.tree.node(node).open[which].at;
        let answer = match (ask, how) {
            (_, How::Ends) => {
                self.count_sent(&mut next.state, node);
                None
            }
            (Ask::Put { key, record, expect }, How::Told | How::StoredUnheard | How::StoredError) => {
                let fits = self.fits(&next.state, *key, expect);
                if fits {
                    self.write(next, node, *key, *record);
                } else {
                    self.marks.insert(Mark::Conflict);
                }
                match how {
                    How::StoredUnheard => return true,
                    How::StoredError => Some(Answer::LedgerDown),
                    _ if fits => Some(Answer::Stored),
                    _ => Some(Answer::Conflict(next.state.records[usize::from(*key)])),
                }
            }
            (Ask::Get(key), How::Told) => Some(Answer::Found(next.state.records[usize::from(*key)])),
            (Ask::List(filter), How::Told) => Some(Answer::Listed(self.list_of(&next.state.records, filter))),
            (Ask::List(filter), How::Older) => {
                self.marks.insert(Mark::OlderList);
                Some(Answer::Listed(self.older_list(&next.state, filter)))
            }
            (Ask::Put { .. }, How::Refused) => Some(Answer::LedgerRefuses),
            (Ask::Put { .. } | Ask::Get(_) | Ask::List(_), _) => Some(Answer::LedgerDown),
            (Ask::Call(target), how) => match how {
                How::Told => said(self.apply(next, *target)),
                How::Throttled => said(Said::Throttled),
                How::Refused => said(Said::Refused),
                How::EndsSending => {
                    self.count_sent(&mut next.state, node);
                    next.state.cloud.under_way.push((*target, asked_at));
                    None
                }
                _ => {
                    self.count_doubt(&mut next.state, *target, node);
                    if how == How::AppliedSilent && !matches!(self.apply(next, *target), Said::Made(_)) {
                        return false;
                    }
                    if how == How::LaterSilent {
                        next.state.cloud.under_way.push((*target, asked_at));
                    }
                    Some(Answer::Silence)
                }
            },
            (Ask::Read(read), How::Told) => said(next.state.cloud.read(*read)),
            (Ask::Read(_), How::Refused) => said(Said::Refused),
            (Ask::Read(_), _) => Some(Answer::Silence),
            (Ask::Emit(messages), how) => {
                let (taken, told) = match how {
                    How::Told => (messages.len(), messages.len()),
                    How::TakenSilent => (messages.len(), 0),
                    How::FirstOnly => (1, 1),
                    _ => (0, 0),
                };
                self.send(next, node, &messages[..taken]);
                Some(Answer::Taken(told as u16))
            }
            (Ask::Brake, How::Told) => Some(Answer::Stopped(next.state.stopped.is_some())),
            (Ask::Brake, _) => Some(Answer::LedgerDown),
            (Ask::Sleep, _) => Some(Answer::Slept),
            (Ask::Over { .. }, _) => return false,
        };
        match answer {
            Some(answer) => {
                let clock = next.state.clock;
                let child = self.tree.child(node, which, answer, clock);
                self.arrive(next, place, child);
            }
            None => next.state.workers[place] = Worker::Over,
        }
        true
    }

    /// Whether the store holds what a write expects.
    fn fits(&self, state: &State, key: u8, expect: &Expect) -> bool {
        match (self.tree.tables.record(state.records[usize::from(key)]), expect) {
            (None, Expect::Absent) => true,
            (Some(found), Expect::Was { version, owner }) => found.version == *version && found.owner == *owner,
            _ => false,
        }
    }

    /// What a list shows that lags behind.
    fn older_list(&mut self, state: &State, filter: &RecordFilter) -> u32 {
        self.list_of(&state.older, filter)
    }

    fn list_of(&mut self, records: &[u32], filter: &RecordFilter) -> u32 {
        let numbers = self.listed.iter().map(|key| records[usize::from(*key)]);
        let takes = |number: &u32| self.tree.tables.record(*number).is_some_and(|record| filter.takes(record));
        let list: Vec<u32> = numbers.filter(takes).collect();
        self.tree.tables.list_number(list)
    }

    /// Stores a record.
    fn write(&mut self, next: &mut Next, node: u32, key: u8, record: u32) {
        let slot = usize::from(key);
        let before = next.state.clone();
        let old = before.records[slot];
        next.state.records[slot] = record;
        if self.world.lags {
            next.state.older[slot] = old;
        }
        let (tables, attempts) = (&self.tree.tables, self.world.attempts);
        let pair = self
            .pairs
            .entry((old, record))
            .or_insert_with(|| properties::pair(tables.record(old), tables.record(record).unwrap(), attempts));
        next.violations.extend(pair.violations.iter().cloned());
        self.marks.extend(pair.marks.iter().copied());
        let at_rest = next.state.clock > self.world.minutes;
        properties::written(tables, &before, &next.state, key, at_rest, &mut next.violations);
        if self.world.counts_doubts() {
            let (was, is) = (tables.record(old), tables.record(record).unwrap());
            let doubts = &mut next.state.doubts[slot];
            if was.is_some_and(|was| was.attempt != is.attempt) {
                *doubts = Default::default();
            }
            let node = self.tree.node(node);
            let own =
                was.is_some_and(|was| properties::is_of(&was.owner, node.origin.name) && was.lease_until.is_some());
            if own
                && node.knows[slot].doubtful
                && is.state == crate::product::State::InDoubt
                && is.lease_until.is_none()
            {
                doubts.settled += 1;
            }
        }
    }

    /// Applies a call at the provider.
    fn apply(&mut self, next: &mut Next, target: Target) -> Said {
        let World { guard, backups, .. } = self.world;
        let (said, second) = next.state.cloud.apply(target, guard, backups, next.state.clock);
        if second {
            next.violations.push(violation(Property::P12, "a call is applied although a living copy is there"));
        }
        said
    }

    /// Counts a call without an answer in the attempt that it was sent for. A late one of an earlier attempt is not one of the record's.
    fn count_doubt(&self, state: &mut State, target: Target, node: u32) {
        let record = self.tree.tables.record(state.records[key_of(target)]);
        let attempt = self.tree.node(node).knows[key_of(target)].attempt;
        let is_current = record.is_none_or(|record| record.attempt == attempt);
        if self.world.counts_doubts() && is_current {
            state.doubts[key_of(target)].sent += 1;
        }
    }

    /// The same of every call that a process waits for when it ends.
    fn count_sent(&self, state: &mut State, node: u32) {
        for open in &self.tree.node(node).open {
            if let Ask::Call(target) = open.ask {
                self.count_doubt(state, target, node);
            }
        }
    }

    /// Puts messages on the queue.
    fn send(&mut self, next: &mut Next, node: u32, messages: &[u16]) {
        let payload = self.tree.node(node).origin.payload;
        for number in messages.iter().copied().filter(|number| !next.state.queue.has(*number)).collect::<Vec<_>>() {
            properties::sent(&self.tree.tables, &next.state, number, &mut next.violations);
            next.state.queue.insert(number);
            if drains(payload) {
                self.marks.insert(Mark::Drained);
            }
            let told = self.tree.tables.message(number);
            if payload < VAULT && told.state == "accepted" && self.is_of_vault(&next.state, payload, told.copy) {
                self.marks.insert(Mark::ToldForVault);
            }
        }
    }

    /// Whether the vault-wide call made this copy of a backup.
    fn is_of_vault(&self, state: &State, key: u8, copy: Option<u8>) -> bool {
        let record = self.tree.tables.record(state.records[usize::from(key)]);
        let facts = self.tree.tables.facts(state.records[usize::from(key)]);
        record.is_some_and(|record| record.started_by.is_some())
            && facts.zip(copy).is_some_and(|(facts, copy)| facts.copies.contains(&copy))
    }

    /// A worker comes to a place: what it decides to do there is judged.
    fn arrive(&mut self, next: &mut Next, place: usize, number: u32) {
        next.state.workers[place] = Worker::At(number);
        let node = self.tree.node(number);
        if node.over().is_some() {
            let keys = commanded(node.origin.payload);
            next.violations.extend(properties::over(&self.tree.tables, &next.state, keys, node));
            next.state.workers[place] = Worker::Over;
            return;
        }
        for open in &node.open[node.open.len() - node.fresh..] {
            if let Ask::Call(target) = open.ask {
                self.marks.extend(self.calls(next, node, target));
            }
        }
    }

    /// Judges that a worker decides to call, and tells whether it calls again.
    fn calls(&self, next: &mut Next, node: &Node, target: Target) -> Option<Mark> {
        let now = self.tree.time(&node.origin, next.state.clock);
        let key = key_of(target) as u8;
        let tables = &self.tree.tables;
        let found = properties::calls(&self.world, tables, &next.state, key, node, now);
        next.violations.extend(found);
        let record = tables.record(next.state.records[usize::from(key)]);
        record.is_some_and(|record| record.state == crate::product::State::InDoubt).then_some(Mark::CalledAgain)
    }
}

impl Next {
    pub fn of(label: Label, state: &State) -> Next {
        Next { label, state: state.clone(), violations: Vec::new() }
    }
}

/// The place of the record that a call is made for.
pub fn key_of(target: Target) -> usize {
    match target {
        Target::Backup(backup) => usize::from(backup),
        Target::Vault => usize::from(VAULT),
    }
}
