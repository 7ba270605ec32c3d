//! What lasts: a queue that is down for an hour, a table that throttles for ten minutes, a clock that is a day off. Time is simulated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use offsite_shared::handler::handle;
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::{Expect, LedgerError, Put};
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::model::error::EmitError;
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Ledger};
use serde_json::{Value, json};

use super::ports::Process;
use super::world::{Clouds, Home, Store, command};
use crate::over::goes_on;

const MINUTE: Duration = Duration::from_secs(60);

/// A queue that can be switched off: what is sent meanwhile is not taken, and the sender is told so.
struct Queue {
    inner: Arc<dyn Emitter>,
    is_down: AtomicBool,
}

impl Emitter for Queue {
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        if !self.is_down.load(Ordering::SeqCst) {
            return self.inner.emit(messages, until);
        }
        Box::pin(async { messages.iter().map(|_| Err(EmitError("ServiceUnavailable".to_owned()))).collect() })
    }
}

/// A table that takes so many writes and then throttles all others, until it is let go.
struct Table {
    inner: Arc<dyn Ledger>,
    takes: AtomicI64,
}

impl Ledger for Table {
    goes_on!(get list count pauses);

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        if self.takes.fetch_sub(1, Ordering::SeqCst) > 0 {
            return self.inner.put(record, expect);
        }
        Box::pin(async { Err(LedgerError::Unavailable("ProvisionedThroughputExceededException".to_owned())) })
    }
}

/// How many receipts of acceptances there are on the queue for each event ID.
async fn receipts(store: &Store) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for message in store.messages().await.iter().filter(|message| message["data"]["state"] == "accepted") {
        *counted.entry(message["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_down_for_an_hour_costs_no_copy_and_no_receipt() {
    for operation in Operation::ALL {
        let (clouds, mut store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
        let queue = Arc::new(Queue { inner: store.emitter.clone(), is_down: AtomicBool::new(true) });
        store.emitter = queue.clone();
        let command = command(operation, &mut Rng::with_seed(60));
        // It is delivered anew every ten minutes, as a work queue does with what is handed back.
        for _ in 0..6 {
            let answer = clouds.ask(&store, &command).await.unwrap();
            assert_eq!(answer["results"][0]["queued"], false, "{answer}");
            clouds.clock.sleep(MINUTE * 10).await;
        }
        let made = if operation == Operation::CopyCheckpoint { 3 } else { 1 };
        assert_eq!((clouds.count(), receipts(&store).await.len()), (made, 0), "{operation:?}");
        queue.is_down.store(false, Ordering::SeqCst);
        let answer = clouds.ask(&store, &json!({ "action": "sweep" })).await.unwrap();
        let sent = receipts(&store).await;
        assert_eq!((sent.len() as u64, sent.values().sum::<u64>()), (made, made), "{operation:?}: {answer}");
        let answer = clouds.ask(&store, &command).await.unwrap();
        assert_eq!(answer["results"][0]["queued"], true, "{answer}");
        assert_eq!((clouds.count(), receipts(&store).await), (made, sent), "{operation:?}: nothing is told again");
    }
}

/// Whichever write is the first that it does not take: the claim, the settling, the mark, or one of a vault's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_throttles_for_ten_minutes_costs_no_second_copy() {
    for operation in Operation::ALL {
        for takes in 0..4 {
            let (clouds, mut store) = (Clouds::plain().await, Store::open(Home::Dynamo).await);
            let table = Arc::new(Table { inner: store.ledger.clone(), takes: AtomicI64::new(takes) });
            store.ledger = table.clone();
            let command = command(operation, &mut Rng::with_seed(61));
            for _ in 0..10 {
                let _ = clouds.ask(&store, &command).await;
                clouds.clock.sleep(MINUTE).await;
            }
            let called = clouds.count() > 0;
            assert_eq!(called, takes > 0, "{operation:?} {takes}: nothing is started that could not be recorded");
            table.takes.store(i64::MAX, Ordering::SeqCst);
            // Past every lease, and past the wait of a doubt.
            clouds.clock.sleep(MINUTE * 30).await;
            let answer = clouds.ask(&store, &command).await.unwrap();
            assert_eq!(answer["results"][0]["queued"], true, "{operation:?} {takes}: {answer}");
            let wanted = if operation == Operation::CopyCheckpoint { 3 } else { 1 };
            let sent = receipts(&store).await;
            assert_eq!((clouds.count(), sent.len()), (wanted, wanted as usize), "{operation:?} {takes}: {sent:?}");
        }
    }
}

/// One warm function: its clock is a day ahead or behind and then right again. Meanwhile the clouds refuse what it signs, and it rests its key
/// where they do so by name. That rest holds by the clock that wrote it, and by the right one nothing rests until tomorrow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_a_day_off_stops_nothing_for_a_day() {
    const DAY: i64 = 24 * 60;
    for operation in Operation::ALL {
        for off in [DAY, -DAY] {
            let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
            let context = clouds.context(&store.ledger, &store.emitter, &Process::new(None, &clouds.clock));
            let ask = async |command: &Value| handle(&context, command, &clouds.invocation()).await;
            let mut rng = Rng::with_seed(62);
            let commands: Vec<Value> = (0..4).map(|_| command(operation, &mut rng)).collect();
            let each = if operation == Operation::CopyCheckpoint { 3 } else { 1 };
            ask(&commands[0]).await.unwrap();
            assert_eq!(clouds.count(), each, "{operation:?}");
            clouds.clock.set(off);
            let mut told = String::new();
            for command in &commands[1..3] {
                told = format!("{:?}", ask(command).await);
            }
            assert_eq!(clouds.count(), each, "{operation:?}, {off} minutes off: {told}");
            let rests = operation.cloud() == Cloud::Huawei;
            assert_eq!(told.contains("paused"), rests, "{operation:?}, {off} minutes off: {told}");
            clouds.clock.set(-off);
            for (nth, command) in commands.iter().enumerate().skip(1) {
                let answer = ask(command).await.unwrap();
                assert_eq!(answer["results"][0]["queued"], true, "{operation:?}, {off} minutes off, {nth}: {answer}");
            }
            assert_eq!(clouds.count(), each * 4, "{operation:?}, {off} minutes off");
        }
    }
}
