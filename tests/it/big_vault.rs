//! A vault-wide answer with 20,000 backups: none of its copies is lost, whatever the deadline, and nothing is too large.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation, Ports};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::store::{Expect, LedgerError, Put, RecordFilter, RecordPage};
use offsite_shared::ledger::{Record, State};
use offsite_shared::model::access::{CredentialName, Pause};
use offsite_shared::model::command::Key;
use offsite_shared::model::error::EmitError;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Ledger, Transport};
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::Nonce;
use serde_json::{Value, json};

use crate::context::ports;
use crate::events::sample;
use crate::schemas::{assert_fits, validator};

/// The backups of the vault.
const BACKUPS: usize = 20_000;

/// The largest item of DynamoDB. Source: Amazon DynamoDB Developer Guide, quotas, 2026.
const ITEM: usize = 400 * 1024;

/// The largest input or output of a state. Source: AWS Step Functions Developer Guide, quotas, 2026.
const STATE: usize = 256 * 1024;

/// Everything outside the function: cloud, ledger, queue and clock. What takes time moves the clock.
struct World {
    now_us: AtomicI64,
    posts: AtomicUsize,
    puts: AtomicUsize,
    records: Mutex<BTreeMap<String, Record>>,
    queue: Mutex<BTreeSet<String>>,
    /// This many writes are taken, and then none that is new.
    full_after: Option<usize>,
    /// What a write takes.
    put_us: AtomicI64,
    /// The writes that are under way, and the most there were at once.
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
    /// Whether the queue takes nothing.
    queue_is_down: AtomicBool,
}

impl World {
    fn new(full_after: Option<usize>) -> Arc<World> {
        let start: Timestamp = "2026-11-27T03:00:00Z".parse().unwrap();
        Arc::new(World {
            now_us: AtomicI64::new(start.as_microsecond()),
            posts: AtomicUsize::new(0),
            puts: AtomicUsize::new(0),
            records: Mutex::default(),
            queue: Mutex::default(),
            full_after,
            // Ten writes at a time, of 6 ms each.
            put_us: AtomicI64::new(600),
            under_way: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            queue_is_down: AtomicBool::new(false),
        })
    }

    fn pass(&self, time: Duration) {
        self.now_us.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    async fn event(self: &Arc<World>, event: &Value, seconds: i64) -> Result<Value, String> {
        let environment = Environment::default()
            .with("HUAWEICLOUD_SDK_AK", "access")
            .with("HUAWEICLOUD_SDK_SK", "secret")
            .with("OFFSITE_HUAWEI_RPS", "0");
        let settings = Settings::from_environment(&environment, &[&Huawei]).unwrap();
        let outside = ports(&environment, &settings, &[&Huawei], self.clone(), self.clone(), self.clone());
        let context = Context::new(Ports { ledger: self.clone(), ..outside }, settings, Metrics::default());
        let deadline = self.now() + SignedDuration::from_secs(seconds);
        let answer = handle(&context, event, &Invocation { id: "invocation".to_owned(), deadline }).await;
        assert!(self.now() <= deadline, "it ends before its deadline");
        answer.map_err(|error| error.message)
    }

    fn vault(&self) -> Record {
        let records = self.records.lock().unwrap();
        records.values().find(|record| record.command["operation"] == "copy-checkpoint").unwrap().clone()
    }

    fn backups(&self) -> usize {
        let records = self.records.lock().unwrap();
        records.values().filter(|record| record.command["operation"] == "copy-backup").count()
    }
}

fn id(number: usize, kind: &str) -> String {
    format!("{number:08x}-{kind}-4172-9d9a-76c719a659ce")
}

impl Transport for World {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let answer = if request.method == "POST" {
            self.pass(Duration::from_secs(2));
            self.posts.fetch_add(1, Ordering::SeqCst);
            let backup = |at| json!({ "backup_id": id(at, "b000"), "replication_record_id": id(at, "ec00") });
            json!({ "replication": { "backups": (0..BACKUPS).map(backup).collect::<Vec<_>>() } })
        } else {
            self.pass(Duration::from_millis(20));
            let offset = request.url.split("offset=").nth(1).unwrap();
            let offset: usize = offset.split('&').next().unwrap().parse().unwrap();
            let source = sample("huawei/copy-checkpoint-scheduler-input.json");
            let backup = |at| {
                let record = json!({
                    "id": id(at, "ec00"), "status": "success", "source_backup_id": id(at, "b000"),
                    "destination_region": source["destinations"][0]["region"], "created_at": "2026-11-27T03:00:05.000000",
                });
                json!({ "id": id(at, "b000"), "vault_id": source["source"]["vault_id"], "status": "available",
                        "replication_records": [record] })
            };
            let page: Vec<Value> = (offset..BACKUPS.min(offset + 1_000)).map(backup).collect();
            json!({ "backups": page, "count": BACKUPS, "offset": offset, "limit": 1_000 })
        };
        let body = answer.to_string().into_bytes();
        Box::pin(async move { Ok(Reply { status: 200, headers: Vec::new(), body }) })
    }
}

impl Ledger for World {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        let found = self.records.lock().unwrap().get(&key.0).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        self.pass(Duration::from_micros(self.put_us.load(Ordering::SeqCst) as u64));
        let puts = self.puts.fetch_add(1, Ordering::SeqCst);
        let is_full = self.full_after.is_some_and(|after| puts >= after) && *expect == Expect::Absent;
        if is_full || record.to_text().unwrap().len() > ITEM {
            let refused = LedgerError::Refused("Item size has exceeded the maximum allowed size".to_owned());
            return Box::pin(async move { Err(refused) });
        }
        let mut records = self.records.lock().unwrap();
        let outcome = match (records.get(&record.key), expect) {
            (Some(found), Expect::Was { version, owner }) if found.version == *version && found.owner == *owner => {
                Put::Stored
            }
            (None, Expect::Absent) => Put::Stored,
            (found, _) => Put::Conflict(found.cloned().map(Box::new)),
        };
        if outcome == Put::Stored {
            records.insert(record.key.clone(), record.clone());
        }
        Box::pin(async move {
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(outcome)
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        self.pass(Duration::from_millis(6));
        let records = self.records.lock().unwrap();
        let from = after.map_or(String::new(), |after| format!("{}\0", after.0));
        let wanted = records.range(from..).map(|(_, record)| record).filter(|record| filter.takes(record));
        let page: Vec<Record> = wanted.take(limit as usize).cloned().collect();
        let next = (page.len() == limit as usize).then(|| page.last().map(Record::key)).flatten();
        Box::pin(async move { Ok(RecordPage { records: page, unreadable: Vec::new(), next }) })
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    fn pause_of<'a>(&'a self, _: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        Box::pin(async { Ok(None) })
    }

    fn pause<'a>(&'a self, _: &'a CredentialName, _: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Emitter for World {
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        let mut outcomes = Vec::new();
        for ten in messages.chunks(10) {
            self.pass(Duration::from_millis(if self.now() < until { 12 } else { 0 }));
            let in_time = self.now() < until && !self.queue_is_down.load(Ordering::SeqCst);
            for message in ten {
                if in_time {
                    let id = message.event["data"]["replication_id"].as_str().unwrap().to_owned();
                    self.queue.lock().unwrap().insert(id);
                }
                outcomes.push(if in_time { Ok(()) } else { Err(EmitError("no time is left".to_owned())) });
            }
        }
        Box::pin(async move { outcomes })
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_us.load(Ordering::SeqCst)).unwrap()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        self.pass(duration);
        Box::pin(async {})
    }

    fn nonce(&self) -> Nonce {
        SystemClock.nonce()
    }
}

#[tokio::test]
async fn of_20000_copies_of_one_call_none_is_lost_whatever_the_deadline() {
    for seconds in [6, 12, 60, 900] {
        let world = World::new(None);
        let command = sample("huawei/copy-checkpoint-scheduler-input.json");
        let mut answers = 0;
        loop {
            answers += 1;
            assert!(answers < 20, "{seconds} s: it comes to no end");
            let before = world.backups();
            match world.event(&command, seconds).await {
                Ok(answer) => {
                    assert_fits(&validator("answer"), &answer);
                    let bytes = answer.to_string().len();
                    assert!(bytes < STATE, "{bytes} bytes");
                    assert_eq!(answer["cut"]["of"], BACKUPS);
                    assert_eq!(answer["cut"]["states"], json!({ "accepted": BACKUPS }));
                    assert_eq!(answer["cut"]["shown"], answer["results"].as_array().unwrap().len());
                    break;
                }
                Err(message) => {
                    let vault = world.vault();
                    assert_eq!((vault.state, vault.outbox), (State::InDoubt, false), "{message}");
                    assert!(world.backups() > before, "{seconds} s: each delivery comes further");
                    assert_eq!(vault.copies.unwrap().recorded as usize, world.backups());
                    world.pass(Duration::from_secs(1_300));
                }
            }
        }
        assert_eq!((world.posts.load(Ordering::SeqCst), world.backups()), (1, BACKUPS), "{seconds} s");
        // What the queue has not got yet it gets from the outbox.
        while world.vault().outbox {
            world.event(&json!({ "action": "sweep" }), 60).await.unwrap();
        }
        assert_eq!(world.queue.lock().unwrap().len(), BACKUPS, "{seconds} s");
        assert!(world.records.lock().unwrap().values().all(|one| one.state == State::Accepted && !one.outbox));
        assert!(world.vault().to_text().unwrap().len() < 4_096, "its record holds no list");
        let again = world.event(&command, seconds).await.unwrap();
        assert_fits(&validator("answer"), &again);
        let (copies, replayed) = (&again["results"][0]["copies"], &again["results"][0]["replayed"]);
        assert_eq!((copies, replayed), (&json!(BACKUPS), &json!(true)));
    }
}

#[tokio::test]
async fn a_write_that_no_repeat_can_save_ends_the_delivery_at_once() {
    let world = World::new(Some(500));
    let command = sample("huawei/copy-checkpoint-scheduler-input.json");
    let begun = world.now();
    let message = world.event(&command, 900).await.unwrap_err();
    assert!(message.contains("partly_recorded"), "{message}");
    assert!(world.now().duration_since(begun) < SignedDuration::from_secs(5), "nothing is repeated");
    // What was written is told of all the same.
    assert_eq!(world.queue.lock().unwrap().len(), world.backups());
    assert_eq!(world.vault().state, State::InDoubt);
}

/// Marking what the queue has taken is work for the time that is left, and no more: what is not marked is sent again, under the same ID.
#[tokio::test]
async fn receipts_are_marked_several_at_a_time_and_never_past_the_deadline() {
    let world = World::new(None);
    let command = sample("huawei/copy-checkpoint-scheduler-input.json");
    world.queue_is_down.store(true, Ordering::SeqCst);
    let _ = world.event(&command, 900).await;
    let waiting = |world: &World| world.records.lock().unwrap().values().filter(|record| record.outbox).count();
    let before = waiting(&world);
    assert!(before >= BACKUPS && world.queue.lock().unwrap().is_empty(), "{before}");
    world.queue_is_down.store(false, Ordering::SeqCst);
    world.pass(Duration::from_secs(1_300));
    // A page of a hundred would take five seconds. That this ends in time, the world itself holds.
    world.put_us.store(50_000, Ordering::SeqCst);
    world.most_at_once.store(0, Ordering::SeqCst);
    let _ = world.event(&json!({ "action": "sweep" }), 4).await;
    let (marked, sent) = (before - waiting(&world), world.queue.lock().unwrap().len());
    assert!(marked > 0 && marked < sent, "{marked} marked of {sent} that the queue has");
    assert!(world.most_at_once.load(Ordering::SeqCst) > 1, "one after the other");
}
