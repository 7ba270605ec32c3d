//! One process that runs the product's own handler, and stops at every question that it asks the outside.
//!
//! [`Run`] drives the real future by hand. Each port hands its question to the [`Seat`] and waits there until somebody answers, so a
//! run is a sequence of questions and answers and nothing else. What nobody else can influence is answered at once: the credential,
//! its pause, notes and random numbers; and where a world does not ask for more, the brake and sleeping, which then takes no time.
//!
//! **House rule that this holds:** every await on the outside goes through a port, and each piece of work asks one question at a time.
//! A run that waits for anything else, or that asks more at once than it works on, ends the exploration with an error.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::product::{
    About, Access, BRAKE, Boxed, Claimant, Clock, Cloud, Context, Credential, CredentialName, EmitError, Emitter,
    Error, Expect, HttpRequest, Invocation, Key, Ledger, LedgerError, Message, Metrics, Nonce, Note, Notes, Parting,
    Pause, Policies, Policy, Ports, Provider, Put, Realm, Record, RecordFilter, RecordPage, Reply, Resolution, Secrets,
    Settings, State, Transport, TransportError, handle, part, resolve, wanted,
};

/// A question to the outside, as the ports ask it.
pub enum Question {
    Get(Key),
    Put(Box<Record>, Expect),
    List(RecordFilter),
    Send(Box<HttpRequest>),
    Emit(Vec<Message>),
    Brake,
    Sleep,
}

/// An answer from the outside.
#[allow(clippy::large_enum_variant)] // One at a time, and only while it is handed over.
pub enum Reaction {
    Got(Result<Option<Record>, LedgerError>),
    Put(Result<Put, LedgerError>),
    Listed(Result<RecordPage, LedgerError>),
    Replied(Result<Reply, TransportError>),
    Emitted(Vec<Result<(), EmitError>>),
    Braked(Result<Option<Note>, LedgerError>),
    Slept,
}

/// Where a run is.
pub enum Place {
    /// It has asked these as well, and waits for an answer to any of its questions.
    Asks(Vec<Question>),
    /// It is over. `done`: a bit for each record of the delivery of which it said that it need not be repeated. `panic`: something in it
    /// panicked.
    Over { done: u8, panic: Option<String> },
}

/// The keys of payloads that are not for the handler.
const ACTORS: [&str; 3] = ["person", "gone", "back"];

/// What a process is started with.
pub struct Start<'s> {
    pub name: &'s str,
    pub payload: Arc<Value>,
    pub settings: &'s Settings,
    pub provider: &'static dyn Provider,
    /// How many questions it may ask at once.
    pub at_once: usize,
    /// Whether the brake is read, and whether sleeping takes time.
    pub brakes: bool,
    pub sleeps: bool,
    /// What a sweep of a rule follows; nobody else reads it.
    pub policy: Option<Arc<Policy>>,
    pub now: Timestamp,
    pub deadline: Timestamp,
}

/// A process that stands at a question.
pub struct Run {
    /// How often it read its clock since the last answer.
    pub readings: u32,
    seat: Arc<Seat>,
    future: Pin<Box<dyn Future<Output = Result<Value, Error>>>>,
}

impl Run {
    /// Starts a process and lets it come to its first question.
    pub fn start(start: &Start<'_>) -> (Run, Place) {
        let seat = Arc::new(Seat(Mutex::new(Desk {
            now: start.now,
            name: start.name.to_owned(),
            at_once: start.at_once,
            brakes: start.brakes,
            sleeps: start.sleeps,
            policy: start.policy.clone().filter(|_| start.payload.get("rule").is_some()),
            ..Desk::default()
        })));
        let ports = Ports {
            providers: vec![start.provider],
            transport: seat.clone(),
            ledger: seat.clone(),
            notes: seat.clone(),
            policies: seat.clone(),
            work_queue: None,
            emitter: seat.clone(),
            secrets: seat.clone(),
            clock: seat.clone(),
        };
        let context = Context::new(ports, start.settings.clone(), Metrics::default());
        let invocation = Invocation { id: "invocation".to_owned(), deadline: start.deadline };
        let payload = start.payload.clone();
        let mut run = Run {
            readings: 0,
            seat,
            future: Box::pin(async move {
                match payload.as_object().and_then(|payload| payload.keys().find(|key| ACTORS.contains(&key.as_str())))
                {
                    Some(actor) if actor == "person" => Ok(decide(&context, &payload).await),
                    Some(actor) if actor == "gone" => Ok(takes_leave(&context, &payload).await),
                    Some(_) => Ok(comes_back(&context, &payload).await),
                    None => handle(&context, &payload, &invocation).await,
                }
            }),
        };
        let place = run.go_on();
        (run, place)
    }

    /// Answers one of the questions that the process stands at, by its place among them, at this time of its clock.
    pub fn answer(&mut self, which: usize, reaction: Reaction, now: Timestamp) -> Place {
        let mut desk = self.seat.0.lock().unwrap();
        desk.now = now;
        let open = desk.open.remove(which).expect("a question that is open");
        desk.reaction = Some((open.number, reaction));
        drop(desk);
        // Streams poll again only what was woken.
        open.waker.into_iter().for_each(Waker::wake);
        self.go_on()
    }

    fn go_on(&mut self) -> Place {
        let polled = quietly(|| self.future.as_mut().poll(&mut Task::from_waker(Waker::noop())));
        let mut desk = self.seat.0.lock().unwrap();
        self.readings = std::mem::take(&mut desk.readings);
        if let Some(trouble) = desk.trouble.take() {
            panic!("{}: {trouble}", desk.name);
        }
        match polled {
            (Ok(Poll::Pending), None) if desk.open.is_empty() => {
                panic!("{}: it waits for something that is no port, so it cannot be explored", desk.name)
            }
            (Ok(Poll::Pending), None) => {
                assert!(desk.reaction.is_none(), "{}: it does not take the answer to its question", desk.name);
                Place::Asks(std::mem::take(&mut desk.asked))
            }
            (Ok(Poll::Ready(answer)), panic) => Place::Over { done: answer.map_or(0, |answer| done(&answer)), panic },
            (_, panic) => Place::Over { done: 0, panic: Some(panic.unwrap_or_default()) },
        }
    }
}

/// A bit for each record of a delivery that need not be repeated; none where the answer is of another kind.
fn done(answer: &Value) -> u8 {
    let Some(failures) = answer["batchItemFailures"].as_array() else { return 0 };
    let is_done = |bit: &u8| !failures.iter().any(|one| one["itemIdentifier"] == format!("m{bit}"));
    (0..8).filter(is_done).map(|bit| 1 << bit).sum()
}

/// What `offsite ledger resolve` does: it reads, decides by the product's own function, and writes.
async fn decide(context: &Context, payload: &Value) -> Value {
    let key = Key(payload["key"].as_str().unwrap().to_owned());
    let how = match payload["person"].as_str().unwrap() {
        "break_lease" => Resolution::BreakLease(Duration::from_secs(payload["older_than_s"].as_u64().unwrap())),
        "adopt" => Resolution::Adopt(payload["id"].as_str().unwrap().to_owned()),
        "abandon" => Resolution::Abandon,
        _ => Resolution::Retry,
    };
    if let Ok(Some(record)) = context.ports.ledger.get(&key).await
        && let Ok((next, expect)) = resolve(&record, &how, "person:ann", "it is mended", context.now())
    {
        // Whatever came of it, the person looks again.
        let _ = context.ports.ledger.put(&next, &expect).await;
    }
    // The handler's last act is to read the clock, and so is this one's.
    context.now();
    json!({})
}

/// What a sweep does with the record of a backup whose source is gone: it says so, over whatever others write meanwhile.
async fn takes_leave(context: &Context, payload: &Value) -> Value {
    let key = Key(payload["gone"].as_str().unwrap().to_owned());
    let mut found = context.ports.ledger.get(&key).await.ok().flatten();
    while let Some(record) = found {
        let now = context.now();
        let me = Claimant { owner: record.owner.clone(), lease_until: now, now };
        let Some((next, expect)) = part(&record, Parting::Missed, &me, "the source is gone") else { break };
        found = match context.ports.ledger.put(&next, &expect).await {
            Ok(Put::Conflict(Some(other))) if *other != next => Some(*other),
            _ => None,
        };
    }
    context.now();
    json!({})
}

/// What sweeps do with the record of a backup that has left its rule, whose copy has gone, and that has come back: it ended, and then it is lost.
async fn comes_back(context: &Context, payload: &Value) -> Value {
    let key = Key(payload["back"].as_str().unwrap().to_owned());
    let mut found = context.ports.ledger.get(&key).await.ok().flatten();
    while let Some(record) = found {
        let now = context.now();
        let me = Claimant { owner: record.owner.clone(), lease_until: now, now };
        let next = match record.state {
            State::Replicated => {
                part(&record, Parting::Ended, &me, "the backup has left the rule, and its copy is gone")
            }
            State::Ended => wanted(&record, &About::default(), &me),
            _ => None,
        };
        let Some((next, expect)) = next else { break };
        found = match context.ports.ledger.put(&next, &expect).await {
            Ok(Put::Stored) => Some(next),
            Ok(Put::Conflict(Some(other))) if *other != next => Some(*other),
            _ => None,
        };
    }
    context.now();
    json!({})
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a piece of the product; a panic in it is told, not printed, even where the product catches it.
fn quietly<T>(piece: impl FnOnce() -> T) -> (Result<T, ()>, Option<String>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match INSIDE.get() {
            true => PANIC.set(Some(info.to_string())),
            false => usual(info),
        }));
    });
    INSIDE.set(true);
    let result = catch_unwind(AssertUnwindSafe(piece)).map_err(drop);
    INSIDE.set(false);
    (result, PANIC.take())
}

#[derive(Default)]
struct Desk {
    now: Timestamp,
    readings: u32,
    name: String,
    nonces: u32,
    at_once: usize,
    brakes: bool,
    sleeps: bool,
    policy: Option<Arc<Policy>>,
    /// The notes that this process has written. No two of a world share one, but for the brake.
    notes: BTreeMap<String, Note>,
    questions: u64,
    /// What was asked since the last answer.
    asked: Vec<Question>,
    /// What waits for an answer, in the order in which it was asked.
    open: VecDeque<Open>,
    reaction: Option<(u64, Reaction)>,
    trouble: Option<&'static str>,
}

/// A question without an answer yet.
struct Open {
    number: u64,
    waker: Option<Waker>,
}

/// All ports of one process.
struct Seat(Mutex<Desk>);

impl Seat {
    /// Asks, and waits until it is answered.
    async fn ask(&self, question: Question) -> Reaction {
        let number = {
            let mut desk = self.0.lock().unwrap();
            desk.questions += 1;
            let number = desk.questions;
            desk.asked.push(question);
            desk.open.push_back(Open { number, waker: None });
            if desk.open.len() > desk.at_once {
                desk.trouble =
                    Some("it asks more at once than it works on: the order of the answers would not be explored");
            }
            number
        };
        poll_fn(|context| {
            let mut desk = self.0.lock().unwrap();
            if let Some((_, reaction)) = desk.reaction.take_if(|(answered, _)| *answered == number) {
                return Poll::Ready(reaction);
            }
            if let Some(open) = desk.open.iter_mut().find(|open| open.number == number) {
                open.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

/// An answer of another kind than the question is a fault of the exploration itself.
macro_rules! expect {
    ($seat:expr, $question:expr, $kind:path) => {
        Box::pin(async move {
            match $seat.ask($question).await {
                $kind(answer) => answer,
                _ => panic!("the answer does not fit the question"),
            }
        })
    };
}

impl Ledger for Seat {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        expect!(self, Question::Get(key.clone()), Reaction::Got)
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        expect!(self, Question::Put(Box::new(record.clone()), expect.clone()), Reaction::Put)
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        _after: Option<&'a Key>,
        _limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        expect!(self, Question::List(filter.clone()), Reaction::Listed)
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    fn pause_of<'a>(&'a self, _credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        Box::pin(async { Ok(None) })
    }

    fn pause<'a>(&'a self, _credential: &'a CredentialName, _pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Notes for Seat {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        if name == BRAKE && self.0.lock().unwrap().brakes {
            return expect!(self, Question::Brake, Reaction::Braked);
        }
        let note = self.0.lock().unwrap().notes.get(name).cloned();
        Box::pin(async { Ok(note) })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        let mut desk = self.0.lock().unwrap();
        let fits = desk.notes.get(name).map_or(0, |note| note.version) == was;
        if fits {
            desk.notes.insert(name.to_owned(), Note { text: text.to_owned(), version: was + 1 });
        }
        Box::pin(async move { Ok(fits) })
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        self.0.lock().unwrap().notes.remove(name);
        Box::pin(async { Ok(()) })
    }
}

impl Transport for Seat {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        expect!(self, Question::Send(Box::new(request)), Reaction::Replied)
    }
}

impl Emitter for Seat {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        expect!(self, Question::Emit(messages.to_vec()), Reaction::Emitted)
    }
}

impl Secrets for Seat {
    fn access<'a>(
        &'a self,
        _cloud: Cloud,
        _account: &'a str,
        _realm: Realm<'a>,
        _refused: Option<&'a CredentialName>,
    ) -> Boxed<'a, Result<Access, Error>> {
        Box::pin(async {
            let credential = Credential {
                access_key_id: "key".to_owned(),
                access_key_secret: "secret".to_owned().into(),
                security_token: None,
            };
            Ok(Access::Key(Arc::new(credential)))
        })
    }

    fn identity(&self, _cloud: Cloud, _account: &str) -> Option<&str> {
        None
    }
}

impl Policies for Seat {
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>> {
        let policy = self.0.lock().unwrap().policy.clone();
        Box::pin(async { Ok(policy) })
    }
}

impl Clock for Seat {
    fn now(&self) -> Timestamp {
        let mut desk = self.0.lock().unwrap();
        desk.readings += 1;
        desk.now
    }

    fn sleep(&self, _duration: Duration) -> Boxed<'_, ()> {
        let sleeps = self.0.lock().unwrap().sleeps;
        Box::pin(async move {
            if sleeps {
                self.ask(Question::Sleep).await;
            }
        })
    }

    /// The first one is the owner of the process's claim, so it is the process's name.
    fn nonce(&self) -> Nonce {
        let mut desk = self.0.lock().unwrap();
        desk.nonces += 1;
        Nonce(match desk.nonces {
            1 => desk.name.clone(),
            more => format!("{}{more}", desk.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that does what this says, with a seat of its own.
    fn run<F: Future<Output = ()> + 'static>(does: impl FnOnce(Arc<Seat>) -> F) -> Place {
        let seat = Arc::new(Seat(Mutex::new(Desk { at_once: 1, ..Desk::default() })));
        let does = does(seat.clone());
        let future = Box::pin(async move {
            does.await;
            Ok(Value::Null)
        });
        Run { readings: 0, seat, future }.go_on()
    }

    #[test]
    #[should_panic(expected = "it waits for something that is no port")]
    fn an_await_that_goes_through_no_port_is_an_error() {
        run(|_| std::future::pending());
    }

    #[test]
    #[should_panic(expected = "it asks more at once than it works on")]
    fn two_questions_at_once_are_an_error() {
        run(|seat| async move {
            let filter = RecordFilter::default();
            let _ = futures_util::future::join(seat.list(&filter, None, 1), seat.list(&filter, None, 1)).await;
        });
    }

    #[test]
    fn a_panic_is_told_even_where_it_is_caught() {
        let place = run(|_| async { drop(catch_unwind(|| panic!("inside"))) });
        assert!(matches!(place, Place::Over { panic: Some(told), .. } if told.contains("inside")));
        assert!(matches!(run(|_| async {}), Place::Over { panic: None, .. }));
    }
}
