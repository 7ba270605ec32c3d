//! Two writers of one record: neither takes what the other wrote for its own, and neither loses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use offsite_shared::handler::handle;
use offsite_shared::ledger::limits::Attempts;
use offsite_shared::ledger::store::{Expect, LedgerError, Put};
use offsite_shared::ledger::{self, Claim, Claimant, Ending, Record, State};
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::ports::{Boxed, Clock, Ledger};
use serde_json::{Value, json};

use crate::faults::ports::Process;
use crate::faults::world::{Clouds, Home, Store, command, replication};
use crate::over::goes_on;

/// What the other writer makes of the record that it finds.
type Other = Box<dyn Fn(&Record) -> (Record, Expect) + Send + Sync>;

/// A ledger in which somebody else writes once, right before one write of the handler.
struct Between {
    inner: Arc<dyn Ledger>,
    /// Before which write.
    before: fn(&Record) -> bool,
    other: Other,
    /// The handler's write is stored already, its answer was lost, and this is the second time that it is sent.
    second: bool,
    done: AtomicBool,
}

impl Between {
    fn new(store: &Store, before: fn(&Record) -> bool, other: Other) -> Between {
        Between { inner: store.ledger.clone(), before, other, second: false, done: AtomicBool::new(false) }
    }

    async fn write_between(&self, record: &Record, expect: &Expect) -> Result<(), LedgerError> {
        if self.second {
            assert_eq!(self.inner.put(record, expect).await?, Put::Stored);
        }
        let found = self.inner.get(&record.key()).await?.unwrap();
        let (next, was) = (self.other)(&found);
        assert_eq!(self.inner.put(&next, &was).await?, Put::Stored);
        Ok(())
    }
}

impl Ledger for Between {
    goes_on!(get list count pauses);

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(async move {
            if (self.before)(record) && !self.done.swap(true, Ordering::SeqCst) {
                self.write_between(record, expect).await?;
            }
            self.inner.put(record, expect).await
        })
    }
}

/// What a process says that reads and writes through such a ledger, and how many calls it sent.
async fn ask(clouds: &Clouds, store: &Store, between: Between, event: &Value) -> (Value, u32) {
    let between = Arc::new(between);
    let ledger: Arc<dyn Ledger> = between.clone();
    let process = Process::new(None, &clouds.clock);
    let context = clouds.context(&ledger, &store.emitter, &process);
    let answer = handle(&context, event, &clouds.invocation()).await.unwrap();
    assert!(between.done.load(Ordering::SeqCst), "nobody wrote between: {answer}");
    (answer, process.tally.counts()[0])
}

/// An acceptance that comes late, or from a call for the whole vault: it keeps the owner that it finds.
fn accepts(clouds: &Clouds, id: &'static str) -> Other {
    let now = clouds.clock.now();
    let me = Claimant { owner: "another".to_owned(), lease_until: now, now };
    Box::new(move |found| {
        let receipt = Receipt {
            backup_id: None,
            replication_id: Some(id.to_owned()),
            request_id: Some("of-another-call".to_owned()),
            adopted: false,
            attempt: 1,
            time: now,
        };
        ledger::settle(found, &Ending::Accepted(vec![receipt]), &me, &Attempts::default()).unwrap()
    })
}

async fn stored(store: &Store, command: &Value) -> Record {
    store.ledger.get(&replication(command).key()).await.unwrap().unwrap()
}

fn ids(record: &Record) -> Vec<&str> {
    record.receipts.iter().filter_map(|receipt| receipt.replication_id.as_deref()).collect()
}

/// A call for the whole vault is accepted while the call for one of its backups is out: equal version, equal owner, another record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_another_call_wrote_meanwhile_is_kept() {
    for home in [Home::Sqlite, Home::Dynamo] {
        let (clouds, store) = (Clouds::plain().await, Store::open(home).await);
        let command = command(Operation::CopyBackup, &mut Rng::with_seed(21));
        let settles = |record: &Record| record.state == State::Accepted && record.outbox;
        let between = Between::new(&store, settles, accepts(&clouds, "of-the-vault-call"));
        let (answer, calls) = ask(&clouds, &store, between, &command).await;
        assert_eq!(calls, 1, "{home:?}: {answer}");
        let record = stored(&store, &command).await;
        let own = ids(&record).into_iter().find(|id| *id != "of-the-vault-call").unwrap();
        assert_eq!(ids(&record), ["of-the-vault-call", own], "{home:?}: {record:#?}");
        assert_eq!(answer["results"].as_array().unwrap().len(), 2, "{home:?}: {answer}");
        let mut told: Vec<String> =
            store.messages().await.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
        told.sort();
        told.dedup();
        assert_eq!(told.len(), 2, "{home:?}: each copy has a message of its own");
    }
}

/// A take-over is stored and its answer is lost; before it is sent again, the call that it took over from is accepted after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_a_late_acceptance_ended_calls_nobody() {
    for home in [Home::Sqlite, Home::Dynamo] {
        let (clouds, store) = (Clouds::plain().await, Store::open(home).await);
        let command = command(Operation::CopySnapshot, &mut Rng::with_seed(22));
        let earlier = clouds.clock.now() - SignedDuration::from_mins(5);
        let first = Claimant { owner: "first".to_owned(), lease_until: earlier, now: earlier };
        let Claim::Write(claimed, expect) = ledger::claim(None, &replication(&command), &first, &Attempts::default())
        else {
            panic!("a new key can be claimed");
        };
        assert_eq!(store.ledger.put(&claimed, &expect).await.unwrap(), Put::Stored);
        let takes_over = |record: &Record| record.state == State::InDoubt && record.lease_until.is_some();
        let between = Between { second: true, ..Between::new(&store, takes_over, accepts(&clouds, "snap-late")) };
        let (answer, calls) = ask(&clouds, &store, between, &command).await;
        assert_eq!((calls, clouds.count()), (0, 0), "{home:?}: {answer}");
        assert_eq!(answer["results"][0]["replication_id"], "snap-late", "{home:?}: {answer}");
        assert_eq!(answer["results"][0]["replayed"], true, "{home:?}: {answer}");
        assert_eq!(ids(&stored(&store, &command).await), ["snap-late"], "{home:?}");
    }
}

/// A new attempt that has found the same copy: the record is about it anew.
fn attempts_again(found: &Record) -> (Record, Expect) {
    let was = Expect::Was { version: found.version, owner: found.owner.clone() };
    let next = Record { version: found.version + 1, attempt: found.attempt + 1, ..found.clone() };
    (next, was)
}

/// The copy that is asked about has failed, and before that is written down the record is about another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_of_one_copy_is_not_written_to_another() {
    for (home, again) in [(Home::Sqlite, false), (Home::Dynamo, false), (Home::Sqlite, true)] {
        let (clouds, store) = (Clouds::plain().await, Store::open(home).await);
        let command = command(Operation::CopyBackup, &mut Rng::with_seed(23));
        let fault = json!({ "faults": [{ "action": "CopyBackup", "kind": "fail_later", "times": 1 }] });
        clouds.admin(Cloud::Huawei, "faults", &fault).await;
        clouds.ask(&store, &command).await.unwrap();
        let first = stored(&store, &command).await;
        clouds.clock.sleep(Duration::from_secs(60)).await;
        let other = if again { Box::new(attempts_again) } else { accepts(&clouds, "of-the-vault-call") };
        let between = Between::new(&store, |record| record.state == State::Failed, other);
        let mut wish = command.clone();
        wish["action"] = json!("observe");
        let (told, _) = ask(&clouds, &store, between, &wish).await;
        let one = &told["results"][0];
        assert_eq!((&one["state"], &one["done"]), (&json!("accepted"), &json!(false)), "{home:?} {again}: {told}");
        let record = stored(&store, &command).await;
        assert_eq!((record.state, record.looks), (State::Accepted, first.looks), "{home:?} {again}");
        assert!(record.news.is_empty() && record.look_at.is_some(), "the next look tells: {record:#?}");
        let failed = store.messages().await.into_iter().filter(|message| message["data"]["state"] == json!("failed"));
        assert_eq!(failed.count(), 0, "{home:?} {again}");
    }
}

/// The same where one question is about many copies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_of_many_copies_is_written_to_none_but_those() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let mut rng = Rng::with_seed(24);
    let commands = [(); 3].map(|()| command(Operation::CopySnapshot, &mut rng));
    for command in &commands {
        clouds.ask(&store, command).await.unwrap();
    }
    clouds.clock.sleep(Duration::from_secs(90)).await;
    let between =
        Between::new(&store, |record| record.state == State::Replicated, accepts(&clouds, "snap-of-another-call"));
    let (answer, _) = ask(&clouds, &store, between, &json!({ "action": "observe" })).await;
    assert_eq!((&answer["observed"]["looked"], &answer["observed"]["replicated"]), (&json!(3), &json!(2)), "{answer}");
    for command in &commands {
        let record = stored(&store, command).await;
        let anew = ids(&record).last() == Some(&"snap-of-another-call");
        assert_eq!(record.state, if anew { State::Accepted } else { State::Replicated }, "{record:#?}");
        assert_eq!(record.evidence.is_none(), anew, "{record:#?}");
    }
}
