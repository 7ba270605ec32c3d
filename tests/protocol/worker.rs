//! One process that runs the product's own handler, and stops at every question that it asks the outside.
//!
//! [`Run`] drives the real future by hand. Each port hands its question to the [`Seat`] and waits there until somebody answers, so a
//! run is a sequence of questions and answers and nothing else. What nobody else can influence is answered at once: the credential,
//! its pause, notes, random numbers, and sleeping, which takes no time.
//!
//! **House rule that this holds:** every await on the outside goes through a port, and one question is asked at a time. A run that
//! waits for anything else, or that asks two things at once, ends the exploration with an error.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::product::{
    Access, Boxed, Clock, Cloud, Context, Credential, CredentialName, EmitError, Emitter, Error, Expect, HttpRequest,
    Invocation, Key, Ledger, LedgerError, Message, Metrics, Nonce, Note, Notes, Pause, Policies, Policy, Ports, Put,
    Realm, Record, RecordFilter, RecordPage, Reply, Resolution, Secrets, Settings, Transport, TransportError, handle,
    resolve,
};
use crate::provider::Model;

/// A question to the outside, as the ports ask it.
pub enum Question {
    Get(Key),
    Put(Box<Record>, Expect),
    List(RecordFilter),
    Send(Box<HttpRequest>),
    Emit(Vec<Message>),
}

/// An answer from the outside.
#[allow(clippy::large_enum_variant)] // One at a time, and only while it is handed over.
pub enum Reaction {
    Got(Result<Option<Record>, LedgerError>),
    Put(Result<Put, LedgerError>),
    Listed(Result<RecordPage, LedgerError>),
    Replied(Result<Reply, TransportError>),
    Emitted(Vec<Result<(), EmitError>>),
}

/// Where a run is.
pub enum Place {
    /// It waits for the answer to this.
    Asks(Question),
    /// It is over. `done`: it said that its delivery need not be repeated. `panic`: something in it panicked.
    Over { done: bool, panic: Option<String> },
}

/// What a process is started with.
pub struct Start<'s> {
    pub name: &'s str,
    pub payload: Arc<Value>,
    pub settings: &'s Settings,
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
            readings: 0,
            name: start.name.to_owned(),
            nonces: 0,
            asked: None,
            reaction: None,
            waker: None,
            trouble: None,
        })));
        let ports = Ports {
            providers: vec![&Model],
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
                match payload.get("person") {
                    Some(_) => Ok(decide(&context, &payload).await),
                    None => handle(&context, &payload, &invocation).await,
                }
            }),
        };
        let place = run.go_on();
        (run, place)
    }

    /// Answers the question that the process stands at, at this time of its clock.
    pub fn answer(&mut self, reaction: Reaction, now: Timestamp) -> Place {
        let mut desk = self.seat.0.lock().unwrap();
        desk.now = now;
        desk.reaction = Some(reaction);
        // Streams poll again only what was woken.
        let waker = desk.waker.take();
        drop(desk);
        waker.into_iter().for_each(Waker::wake);
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
            (Ok(Poll::Pending), None) => match desk.asked.take() {
                Some(question) => Place::Asks(question),
                None => panic!("{}: it waits for something that is no port, so it cannot be explored", desk.name),
            },
            (Ok(Poll::Ready(answer)), panic) => {
                let done = answer.is_ok_and(|answer| answer["batchItemFailures"] == json!([]));
                Place::Over { done, panic }
            }
            (_, panic) => Place::Over { done: false, panic: Some(panic.unwrap_or_default()) },
        }
    }
}

/// What `offsite ledger resolve` does: it reads, decides by the product's own function, and writes.
async fn decide(context: &Context, payload: &Value) -> Value {
    let key = Key(payload["key"].as_str().unwrap().to_owned());
    let how = match payload["older_than_s"].as_u64() {
        Some(seconds) => Resolution::BreakLease(Duration::from_secs(seconds)),
        None => Resolution::Retry,
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

struct Desk {
    now: Timestamp,
    readings: u32,
    name: String,
    nonces: u32,
    asked: Option<Question>,
    reaction: Option<Reaction>,
    waker: Option<Waker>,
    trouble: Option<&'static str>,
}

/// All ports of one process.
struct Seat(Mutex<Desk>);

impl Seat {
    /// Asks, and waits until it is answered.
    async fn ask(&self, question: Question) -> Reaction {
        {
            let mut desk = self.0.lock().unwrap();
            if desk.asked.replace(question).is_some() {
                desk.trouble =
                    Some("it asks two things at once: the order of their answers would have to be explored too");
            }
        }
        poll_fn(|context| {
            let mut desk = self.0.lock().unwrap();
            desk.waker = Some(context.waker().clone());
            desk.reaction.take().map_or(Poll::Pending, Poll::Ready)
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
    fn note<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        Box::pin(async { Ok(None) })
    }

    fn put_note<'a>(&'a self, _name: &'a str, _text: &'a str, _was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async { Ok(true) })
    }

    fn drop_note<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
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
        Box::pin(async { Ok(None) })
    }
}

impl Clock for Seat {
    fn now(&self) -> Timestamp {
        let mut desk = self.0.lock().unwrap();
        desk.readings += 1;
        desk.now
    }

    fn sleep(&self, _duration: Duration) -> Boxed<'_, ()> {
        Box::pin(async {})
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
        let seat = Arc::new(Seat(Mutex::new(Desk {
            now: Timestamp::UNIX_EPOCH,
            readings: 0,
            name: "A".to_owned(),
            nonces: 0,
            asked: None,
            reaction: None,
            waker: None,
            trouble: None,
        })));
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
    #[should_panic(expected = "it asks two things at once")]
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
