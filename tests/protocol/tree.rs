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

use crate::product::{
    Brake, EmitError, Expect, Held, HttpRequest, LedgerError, Note, Policy, Provider, Put, RecordFilter, RecordPage,
    Scope, Settings, State, TransportError,
};
use crate::properties::is_of;
use crate::provider::{self, Asked, Read, Said, Target};
use crate::steps::key_of;
use crate::tables::Tables;
use crate::worker::{Place, Question, Reaction, Run, Start};
use crate::world::{Front, KEYS};
use crate::{alibaba, huawei, tencent};

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
    /// Whether everything is stopped.
    Stopped(bool),
    Slept,
}

/// What a worker does at a node.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    Get(u8),
    Put {
        key: u8,
        record: u32,
        expect: Expect,
    },
    List(RecordFilter),
    Call(Target),
    Read(Read),
    Emit(Vec<u16>),
    /// It reads whether a person has stopped it.
    Brake,
    Sleep,
    Over {
        done: u8,
        panic: Option<String>,
    },
}

/// What a worker knows of one record and its backup.
#[derive(Clone, Copy, Default)]
pub struct Knows {
    /// The last write of the record that it was told of left it a live claim.
    pub holds: bool,
    /// That claim is one in doubt.
    pub in_doubt: bool,
    /// It has sent a call of which it does not know the outcome.
    pub doubtful: bool,
    /// The attempt that it claimed; 0 before that.
    pub attempt: u32,
    /// The last read of the backup's copies showed one.
    pub shown: bool,
}

/// A question without an answer, and the minute in which it was asked.
#[derive(Clone)]
pub struct Open {
    pub ask: Ask,
    pub at: u16,
}

/// One place.
pub struct Node {
    pub origin: Arc<Origin>,
    from: Option<(u32, u8, Answer)>,
    /// In which minute it came here.
    pub at: u16,
    /// What it waits for: one question for each piece of work.
    pub open: Vec<Open>,
    /// How many of them, from the end, it has asked here.
    pub fresh: usize,
    pub knows: [Knows; KEYS],
    /// Whether it was last told that everything is stopped, or could not read that.
    pub stopped: bool,
}

impl Node {
    /// What it said at its end, if it is over.
    pub fn over(&self) -> Option<(u8, Option<&str>)> {
        match self.open.first().map(|open| &open.ask) {
            Some(Ask::Over { done, panic }) => Some((*done, panic.as_deref())),
            _ => None,
        }
    }
}

/// How the processes of a world are run.
pub struct Processes {
    pub settings: Settings,
    pub provider: &'static dyn Provider,
    pub front: Front,
    pub at_once: usize,
    pub brakes: bool,
    pub sleeps: bool,
    pub policy: Option<Arc<Policy>>,
    pub deadline: SignedDuration,
    /// Minute 0.
    pub base: Timestamp,
}

/// All places of one world.
pub struct Tree {
    pub tables: Tables,
    payloads: Vec<Arc<Value>>,
    processes: Processes,
    nodes: Vec<Node>,
    roots: HashMap<Origin, u32>,
    children: HashMap<(u32, u8, Answer, u16), u32>,
    standing: HashMap<u32, Run>,
    order: VecDeque<u32>,
}

impl Tree {
    pub fn new(tables: Tables, payloads: Vec<Value>, processes: Processes) -> Tree {
        Tree {
            tables,
            payloads: payloads.into_iter().map(Arc::new).collect(),
            processes,
            nodes: Vec::new(),
            roots: HashMap::new(),
            children: HashMap::new(),
            standing: HashMap::new(),
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
        self.processes.base + SignedDuration::from_mins(i64::from(minute) + i64::from(origin.ahead))
    }

    /// Where a process comes to first.
    pub fn root(&mut self, origin: &Origin) -> u32 {
        if let Some(number) = self.roots.get(origin) {
            return *number;
        }
        let (run, place) = self.start(origin);
        let open = self.numbered(place, origin.at);
        let fresh = open.len();
        let origin = Arc::new(origin.clone());
        let (at, knows) = (origin.at, Default::default());
        let node = Node { origin: origin.clone(), from: None, at, open, fresh, knows, stopped: false };
        let number = self.add(node, run);
        self.roots.insert((*origin).clone(), number);
        number
    }

    /// Where a process comes to next, if the question at this place gets this answer in this minute.
    pub fn child(&mut self, parent: u32, which: usize, answer: Answer, at: u16) -> u32 {
        for minute in [ANY_TIME, at] {
            if let Some(number) = self.children.get(&(parent, which as u8, answer, minute)) {
                return *number;
            }
        }
        let mut run = match self.standing.remove(&parent) {
            Some(run) => run,
            None => self.replay(parent),
        };
        let before = &self.nodes[parent as usize];
        let reaction = self.reaction(&before.open[which].ask, answer, &before.origin);
        let place = run.answer(which, reaction, self.time(&before.origin, at));
        let is_over = matches!(place, Place::Over { .. });
        let asked = self.numbered(place, at);
        let before = &self.nodes[parent as usize];
        let fresh = asked.len();
        let mut open = before.open.clone();
        let answered = open.remove(which);
        open.extend(asked);
        if is_over {
            // What it did not wait for any more is left.
            open.drain(..open.len() - 1);
        }
        let node = Node {
            origin: before.origin.clone(),
            from: Some((parent, which as u8, answer)),
            at,
            open,
            fresh,
            knows: self.learnt(before, &answered.ask, answer, at),
            stopped: match (&answered.ask, answer) {
                (Ask::Brake, Answer::Stopped(stopped)) => stopped,
                (Ask::Brake, _) => true,
                _ => before.stopped,
            },
        };
        // Whoever did not read the clock would have come to the same place at any time. The handler's last act is to read it for the
        // time of its metrics, which decides nothing; so at the end one reading is none.
        assert!(
            !is_over || run.readings > 0,
            "the handler no longer reads the clock at its end: count its readings as they are"
        );
        let timeless = run.readings == u32::from(is_over);
        let number = self.add(node, run);
        self.children.insert((parent, which as u8, answer, if timeless { ANY_TIME } else { at }), number);
        number
    }

    /// What a worker knows once it has this answer.
    fn learnt(&self, before: &Node, ask: &Ask, answer: Answer, at: u16) -> [Knows; KEYS] {
        let (name, now) = (before.origin.name, self.time(&before.origin, at));
        let mut knows = before.knows;
        let record = match (ask, answer) {
            (Ask::Put { record, .. }, Answer::Stored) => Some(*record),
            (Ask::Put { .. }, Answer::Conflict(found)) | (Ask::Get(_), Answer::Found(found)) => Some(found),
            _ => None,
        };
        match (ask, answer) {
            (Ask::Put { key, .. } | Ask::Get(key), _) => {
                let own = &mut knows[usize::from(*key)];
                let Some(record) = record else { return knows };
                let mine = self.tables.record(record).filter(|record| is_of(&record.owner, name));
                own.holds = mine.is_some_and(|record| record.lease_until.is_some_and(|until| until > now));
                own.in_doubt = mine.is_some_and(|record| record.state == State::InDoubt);
                own.attempt = mine.map_or(own.attempt, |record| record.attempt);
            }
            (Ask::Call(target), Answer::Silence) => knows[key_of(*target)].doubtful = true,
            (Ask::Read(Read::Backup(backup)), Answer::Said(said)) => {
                knows[usize::from(*backup)].shown = matches!(said, Said::Visible(found) if found[0].is_some());
            }
            _ => {}
        }
        knows
    }

    fn start(&self, origin: &Origin) -> (Run, Place) {
        let (now, of) = (self.time(origin, origin.at), &self.processes);
        Run::start(&Start {
            name: origin.name,
            payload: self.payloads[usize::from(origin.payload)].clone(),
            settings: &of.settings,
            provider: of.provider,
            at_once: of.at_once,
            brakes: of.brakes,
            sleeps: of.sleeps,
            policy: of.policy.clone(),
            now,
            deadline: now + of.deadline,
        })
    }

    /// Runs a process from its start to a node, over the answers that lead there.
    fn replay(&self, number: u32) -> Run {
        let mut path = Vec::new();
        let mut here = number;
        while let Some((parent, which, answer)) = self.nodes[here as usize].from {
            path.push((here, usize::from(which), answer));
            here = parent;
        }
        let (mut run, mut place) = self.start(&self.nodes[number as usize].origin);
        self.compare(here, &place);
        for (next, which, answer) in path.into_iter().rev() {
            let parent = &self.nodes[here as usize];
            let reaction = self.reaction(&parent.open[which].ask, answer, &parent.origin);
            let node = &self.nodes[next as usize];
            place = run.answer(which, reaction, self.time(&node.origin, node.at));
            self.compare(next, &place);
            here = next;
        }
        run
    }

    /// Whether a replay asks what was asked before.
    fn compare(&self, number: u32, place: &Place) {
        let Node { open, fresh, origin, .. } = &self.nodes[number as usize];
        let asked = &open[open.len() - fresh..];
        let same = match place {
            Place::Over { .. } => matches!(asked, [Open { ask: Ask::Over { .. }, .. }]),
            Place::Asks(again) => {
                asked.len() == again.len()
                    && asked.iter().zip(again).all(|(open, again)| self.is_same(&open.ask, again))
            }
        };
        let asked: Vec<&Ask> = asked.iter().map(|open| &open.ask).collect();
        assert!(
            same,
            "{}: the same answers led to another question than before ({asked:?}): something besides the answers decides what is asked",
            origin.name
        );
    }

    fn is_same(&self, ask: &Ask, again: &Question) -> bool {
        match (ask, again) {
            (Ask::Get(key), Question::Get(asked)) => self.tables.key(&asked.0) == *key,
            (Ask::Put { record, expect, .. }, Question::Put(asked, wanted)) => {
                self.tables.record(*record) == Some(&**asked) && expect == wanted
            }
            (Ask::List(filter), Question::List(asked)) => filter == asked,
            (Ask::Call(target), Question::Send(request)) => {
                matches!(self.asked(request), Asked::Call(asked) if asked == *target)
            }
            (Ask::Read(read), Question::Send(request)) => {
                matches!(self.asked(request), Asked::Read(asked) if asked == *read)
            }
            (Ask::Emit(numbers), Question::Emit(messages)) => {
                numbers.len() == messages.len()
                    && numbers
                        .iter()
                        .zip(messages)
                        .all(|(number, one)| *self.tables.message(*number) == self.tables.told(one))
            }
            (Ask::Brake, Question::Brake) | (Ask::Sleep, Question::Sleep) => true,
            _ => false,
        }
    }

    /// What a request asks for.
    fn asked(&self, request: &HttpRequest) -> Asked {
        match self.processes.front {
            Front::Model => provider::asked(&request.method, &request.url, self.processes.base),
            Front::Tencent => tencent::asked(request),
            Front::Huawei => huawei::asked(request),
            Front::Alibaba => alibaba::asked(request),
        }
    }

    fn numbered(&mut self, place: Place, at: u16) -> Vec<Open> {
        let asks: Vec<Ask> = match place {
            Place::Over { done, panic } => vec![Ask::Over { done, panic }],
            Place::Asks(questions) => questions.into_iter().map(|question| self.numbered_one(question)).collect(),
        };
        asks.into_iter().map(|ask| Open { ask, at }).collect()
    }

    fn numbered_one(&mut self, question: Question) -> Ask {
        match question {
            Question::Get(key) => Ask::Get(self.tables.key(&key.0)),
            Question::Put(record, expect) => {
                let number = self.tables.record_number(&record);
                Ask::Put { key: self.tables.key(&record.key), record: number, expect }
            }
            Question::List(filter) => Ask::List(filter),
            Question::Send(request) => match self.asked(&request) {
                Asked::Call(target) => Ask::Call(target),
                Asked::Read(read) => Ask::Read(read),
            },
            Question::Emit(messages) => {
                Ask::Emit(messages.iter().map(|message| self.tables.message_number(message)).collect())
            }
            Question::Brake => Ask::Brake,
            Question::Sleep => Ask::Sleep,
        }
    }

    /// An answer as the port gives it.
    fn reaction(&self, ask: &Ask, answer: Answer, origin: &Origin) -> Reaction {
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
            (Ask::Call(_) | Ask::Read(_), Answer::Said(said)) => {
                let read = if let Ask::Read(read) = ask { Some(*read) } else { None };
                Reaction::Replied(Ok(match self.processes.front {
                    Front::Model => said.reply(),
                    Front::Tencent => tencent::reply(read, said),
                    Front::Huawei => huawei::reply(read, said),
                    Front::Alibaba => alibaba::reply(read, said),
                }))
            }
            (Ask::Call(_) | Ask::Read(_), _) => {
                Reaction::Replied(Err(TransportError::NoAnswer("the connection was reset".to_owned())))
            }
            (Ask::Emit(messages), answer) => {
                let taken = if let Answer::Taken(taken) = answer { usize::from(taken) } else { 0 };
                let told = |place| if place < taken { Ok(()) } else { Err(EmitError("no answer".to_owned())) };
                Reaction::Emitted((0..messages.len()).map(told).collect())
            }
            (Ask::Brake, Answer::Stopped(stopped)) => {
                Reaction::Braked(Ok(stopped.then(|| stop(self.time(origin, origin.at)))))
            }
            (Ask::Brake, _) => Reaction::Braked(Err(down())),
            (Ask::Sleep, _) => Reaction::Slept,
            (Ask::Over { .. }, _) => unreachable!("a worker that is over is not answered"),
        }
    }

    fn add(&mut self, node: Node, run: Run) -> u32 {
        let number = self.nodes.len() as u32;
        if node.over().is_none() {
            self.standing.insert(number, run);
            self.order.push_back(number);
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.standing.remove(&oldest);
            }
        }
        self.nodes.push(node);
        number
    }
}

/// The note by which a person stops everything.
fn stop(at: Timestamp) -> Note {
    let held = Held { scope: Scope::All, by: "person:ann".to_owned(), reason: "to be sure".to_owned(), at };
    let brake = Brake { entries: vec![held], ..Brake::default() };
    Note { text: serde_json::to_string(&brake).unwrap(), version: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_that_asks_the_same_goes_on_and_another_question_is_an_error() {
        let world = crate::worlds::CORE;
        let mut tree = world.tree();
        let claim = tree.root(&world.origin(0, 0));
        let read = tree.child(claim, 0, Answer::Stored, 0);
        assert_eq!(tree.node(read).open[0].ask, Ask::Read(Read::Backup(0)));
        tree.replay(read);
        // As if an order that is another one in each process had decided what is asked.
        tree.nodes[read as usize].open[0].ask = Ask::Read(Read::Backup(1));
        let replay = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(tree.replay(read))));
        let told = *replay.unwrap_err().downcast::<String>().unwrap();
        assert!(told.contains("the same answers led to another question than before"), "{told}");
    }
}
