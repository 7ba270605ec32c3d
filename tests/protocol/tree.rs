//! The places that a worker can be at, each computed once.
//!
//! The handler is deterministic, so what it was started with and the answers that it got so far are its local variables and its
//! program counter. A place is therefore a node in a tree: its parent, the answer that led on from there, and the question that the
//! handler asks next. A node is found by running the real handler from its start over the recorded answers.
//!
//! **House rule that this holds:** nothing but the answers decides what is asked next. A replay that asks another question than
//! before (an order taken from a hash map, a clock or a random number of its own) ends the exploration with an error.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::product::{EmitError, Expect, LedgerError, Put, RecordFilter, RecordPage, Settings, TransportError};
use crate::provider::{self, Read, Said, Target};
use crate::tables::Tables;
use crate::worker::{Place, Question, Reaction, Run, Start};

/// How many processes are kept standing at their questions, to go on from there without a replay.
const KEPT: usize = 2_000;

/// In the place of a minute: whenever the answer comes, it leads to the same place.
const ANY_TIME: u16 = u16::MAX;

/// What a process is: enough to start it again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// Its name, which is also the owner in its claims.
    pub name: &'static str,
    /// Which payload of the world.
    pub payload: u8,
    /// The minute in which it starts.
    pub at: u16,
    /// By how many minutes its clock is ahead.
    pub ahead: u16,
}

/// An answer, small enough to be a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    Stored,
    Conflict(u32),
    LedgerDown,
    /// The store refuses this write for good.
    LedgerRefuses,
    Found(u32),
    Listed(u32),
    Said(Said),
    Silence,
    /// So many messages from the front were taken.
    Taken(u16),
}

/// What a worker does at a node.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    Get(u8),
    Put { key: u8, record: u32, expect: Expect },
    List(RecordFilter),
    Call(Target),
    Read(Read),
    Emit(Vec<u16>),
    Over { done: bool, panic: Option<String> },
}

/// One place.
pub struct Node {
    pub origin: Arc<Origin>,
    from: Option<(u32, Answer)>,
    /// In which minute it came here.
    pub at: u16,
    pub ask: Ask,
    /// The last write of its own record that it was told of left it a live claim.
    pub holds: bool,
    /// It has sent a call of which it does not know the outcome.
    pub doubtful: bool,
    /// The attempt that it claimed; 0 before that.
    pub attempt: u32,
}

/// All places of one world.
pub struct Tree {
    pub tables: Tables,
    payloads: Vec<Arc<Value>>,
    settings: Settings,
    deadline: SignedDuration,
    base: Timestamp,
    nodes: Vec<Node>,
    roots: HashMap<Origin, u32>,
    children: HashMap<(u32, Answer, u16), u32>,
    eligibility: HashMap<u32, Run>,
    order: VecDeque<u32>,
}

impl Tree {
    pub fn new(
        tables: Tables,
        payloads: Vec<Value>,
        settings: Settings,
        deadline: SignedDuration,
        base: Timestamp,
    ) -> Tree {
        Tree {
            tables,
            payloads: payloads.into_iter().map(Arc::new).collect(),
            settings,
            deadline,
            base,
            nodes: Vec::new(),
            roots: HashMap::new(),
            children: HashMap::new(),
            eligibility: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize]
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The time of a process's clock in this minute.
    pub fn time(&self, origin: &Origin, minute: u16) -> Timestamp {
        self.base + SignedDuration::from_mins(i64::from(minute) + i64::from(origin.ahead))
    }

    /// Where a process comes to first.
    pub fn root(&mut self, origin: &Origin) -> u32 {
        if let Some(number) = self.roots.get(origin) {
            return *number;
        }
        let (run, place) = self.start(origin);
        let ask = self.numbered(place);
        let node = Node {
            origin: Arc::new(origin.clone()),
            from: None,
            at: origin.at,
            ask,
            holds: false,
            doubtful: false,
            attempt: 0,
        };
        let number = self.add(node, run);
        self.roots.insert(origin.clone(), number);
        number
    }

    /// Where a process comes to next, if it gets this answer in this minute.
    pub fn child(&mut self, parent: u32, answer: Answer, at: u16) -> u32 {
        for minute in [ANY_TIME, at] {
            if let Some(number) = self.children.get(&(parent, answer, minute)) {
                return *number;
            }
        }
        let mut run = match self.eligibility.remove(&parent) {
            Some(run) => run,
            None => self.replay(parent),
        };
        let reaction = self.reaction(&self.nodes[parent as usize].ask, answer);
        let place = run.answer(reaction, self.time(&self.nodes[parent as usize].origin, at));
        let ask = self.numbered(place);
        let before = &self.nodes[parent as usize];
        let now = self.time(&before.origin, at);
        let holds = match (&before.ask, answer) {
            (Ask::Put { record, .. }, Answer::Stored) => self.is_claim(*record, before.origin.name, now, before.holds),
            (Ask::Put { .. }, Answer::Conflict(found)) => self.is_claim(found, before.origin.name, now, false),
            _ => before.holds,
        };
        let attempt = match (&before.ask, answer) {
            (Ask::Put { record, .. }, Answer::Stored) => self.attempt(*record, before.origin.name),
            (Ask::Put { .. }, Answer::Conflict(found)) => self.attempt(found, before.origin.name),
            _ => None,
        };
        let node = Node {
            origin: before.origin.clone(),
            from: Some((parent, answer)),
            at,
            ask,
            holds,
            doubtful: before.doubtful || matches!((&before.ask, answer), (Ask::Call(_), Answer::Silence)),
            attempt: attempt.unwrap_or(before.attempt),
        };
        // Whoever did not read the clock would have come to the same place at any time. The handler's last act is to read it for the
        // time of its metrics, which decides nothing; so at the end one reading is none.
        let is_over = matches!(node.ask, Ask::Over { .. });
        assert!(
            !is_over || run.readings > 0,
            "the handler no longer reads the clock at its end: count its readings as they are"
        );
        let timeless = run.readings == u32::from(is_over);
        let number = self.add(node, run);
        self.children.insert((parent, answer, if timeless { ANY_TIME } else { at }), number);
        number
    }

    /// Whether this record is a live claim of this process; of another key it says nothing.
    fn is_claim(&self, record: u32, name: &str, now: Timestamp, otherwise: bool) -> bool {
        let Some(record) = self.tables.record(record) else { return otherwise };
        record.owner == name && record.lease_until.is_some_and(|until| until > now)
    }

    /// The attempt of a record that this process claims with this name.
    fn attempt(&self, record: u32, name: &str) -> Option<u32> {
        self.tables.record(record).filter(|record| record.owner == name).map(|record| record.attempt)
    }

    fn start(&self, origin: &Origin) -> (Run, Place) {
        let now = self.time(origin, origin.at);
        Run::start(&Start {
            name: origin.name,
            payload: self.payloads[usize::from(origin.payload)].clone(),
            settings: &self.settings,
            now,
            deadline: now + self.deadline,
        })
    }

    /// Runs a process from its start to a node, over the answers that lead there.
    fn replay(&self, number: u32) -> Run {
        let mut path = Vec::new();
        let mut here = number;
        while let Some((parent, answer)) = self.nodes[here as usize].from {
            path.push((here, answer));
            here = parent;
        }
        let (mut run, mut place) = self.start(&self.nodes[number as usize].origin);
        self.compare(here, &place);
        for (next, answer) in path.into_iter().rev() {
            let reaction = self.reaction(&self.nodes[here as usize].ask, answer);
            let node = &self.nodes[next as usize];
            place = run.answer(reaction, self.time(&node.origin, node.at));
            self.compare(next, &place);
            here = next;
        }
        run
    }

    /// Whether a replay asks what was asked before.
    fn compare(&self, number: u32, place: &Place) {
        let Node { ask, origin, .. } = &self.nodes[number as usize];
        let same = match (ask, place) {
            (Ask::Get(key), Place::Asks(Question::Get(asked))) => self.tables.key(&asked.0) == *key,
            (Ask::Put { record, expect, .. }, Place::Asks(Question::Put(asked, wanted))) => {
                self.tables.record(*record) == Some(&**asked) && expect == wanted
            }
            (Ask::List(filter), Place::Asks(Question::List(asked))) => filter == asked,
            (Ask::Call(target), Place::Asks(Question::Send(request))) => {
                matches!(provider::asked(&request.method, &request.url, self.base), provider::Asked::Call(asked) if asked == *target)
            }
            (Ask::Read(read), Place::Asks(Question::Send(request))) => {
                matches!(provider::asked(&request.method, &request.url, self.base), provider::Asked::Read(asked) if asked == *read)
            }
            (Ask::Emit(numbers), Place::Asks(Question::Emit(messages))) => {
                numbers.len() == messages.len()
                    && numbers
                        .iter()
                        .zip(messages)
                        .all(|(number, one)| *self.tables.message(*number) == self.tables.told(one))
            }
            (Ask::Over { .. }, Place::Over { .. }) => true,
            _ => false,
        };
        assert!(
            same,
            "{}: the same answers led to another question than before ({ask:?}): something besides the answers decides what is asked",
            origin.name
        );
    }

    fn numbered(&mut self, place: Place) -> Ask {
        match place {
            Place::Over { done, panic } => Ask::Over { done, panic },
            Place::Asks(Question::Get(key)) => Ask::Get(self.tables.key(&key.0)),
            Place::Asks(Question::Put(record, expect)) => {
                let number = self.tables.record_number(&record);
                Ask::Put { key: self.tables.key(&record.key), record: number, expect }
            }
            Place::Asks(Question::List(filter)) => Ask::List(filter),
            Place::Asks(Question::Send(request)) => match provider::asked(&request.method, &request.url, self.base) {
                provider::Asked::Call(target) => Ask::Call(target),
                provider::Asked::Read(read) => Ask::Read(read),
            },
            Place::Asks(Question::Emit(messages)) => {
                Ask::Emit(messages.iter().map(|message| self.tables.message_number(message)).collect())
            }
        }
    }

    /// An answer as the port gives it.
    fn reaction(&self, ask: &Ask, answer: Answer) -> Reaction {
        let down = || LedgerError::Unavailable("the store gave no answer".to_owned());
        let of = |number| self.tables.record(number).cloned();
        match (ask, answer) {
            (Ask::Get(_), Answer::Found(number)) => Reaction::Got(Ok(of(number))),
            (Ask::Get(_), _) => Reaction::Got(Err(down())),
            (Ask::Put { .. }, Answer::LedgerRefuses) => {
                Reaction::Put(Err(LedgerError::Refused("the item is too large".to_owned())))
            }
            (Ask::Put { .. }, Answer::Stored) => Reaction::Put(Ok(Put::Stored)),
            (Ask::Put { .. }, Answer::Conflict(number)) => Reaction::Put(Ok(Put::Conflict(of(number).map(Box::new)))),
            (Ask::Put { .. }, _) => Reaction::Put(Err(down())),
            (Ask::List(_), Answer::Listed(number)) => {
                let records = self.tables.list(number).iter().filter_map(|number| of(*number)).collect();
                Reaction::Listed(Ok(RecordPage { records, ..RecordPage::default() }))
            }
            (Ask::List(_), _) => Reaction::Listed(Err(down())),
            (Ask::Call(_) | Ask::Read(_), Answer::Said(said)) => Reaction::Replied(Ok(said.reply())),
            (Ask::Call(_) | Ask::Read(_), _) => {
                Reaction::Replied(Err(TransportError::NoAnswer("the connection was reset".to_owned())))
            }
            (Ask::Emit(messages), Answer::Taken(taken)) => Reaction::Emitted(
                (0..messages.len())
                    .map(
                        |place| {
                            if place < usize::from(taken) { Ok(()) } else { Err(EmitError("no answer".to_owned())) }
                        },
                    )
                    .collect(),
            ),
            (Ask::Emit(messages), _) => {
                Reaction::Emitted(messages.iter().map(|_| Err(EmitError("no answer".to_owned()))).collect())
            }
            (Ask::Over { .. }, _) => unreachable!("a worker that is over is not answered"),
        }
    }

    fn add(&mut self, node: Node, run: Run) -> u32 {
        let number = self.nodes.len() as u32;
        if !matches!(node.ask, Ask::Over { .. }) {
            self.eligibility.insert(number, run);
            self.order.push_back(number);
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.eligibility.remove(&oldest);
            }
        }
        self.nodes.push(node);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_that_asks_the_same_goes_on_and_another_question_is_an_error() {
        let world = crate::CORE;
        let mut tree = world.tree();
        let claim = tree.root(&world.origin(0, 0));
        let read = tree.child(claim, Answer::Stored, 0);
        assert_eq!(tree.node(read).ask, Ask::Read(Read::Backup(0)));
        tree.replay(read);
        // As if an order that is another one in each process had decided what is asked.
        tree.nodes[read as usize].ask = Ask::Read(Read::Backup(1));
        let replay = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(tree.replay(read))));
        let told = *replay.unwrap_err().downcast::<String>().unwrap();
        assert!(told.contains("the same answers led to another question than before"), "{told}");
    }
}
