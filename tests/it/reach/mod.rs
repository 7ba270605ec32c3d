//! From a finished backup to the call for its copy, with every event lost or with one for each, by a clock that goes on only when all wait:
//! how busy the machine is that runs these tests cannot be seen in what they measure.

mod aws;
mod machine;
mod places;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Polling, Poll, Wake, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_local::home::PROVIDERS;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation, Ports};
use offsite_shared::io::credentials::key_variables;
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::{Expect, LedgerError, Note, Put};
use offsite_shared::model::command::{Cloud, Command, Key};
use offsite_shared::model::error::EmitError;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Emitter, Ledger, Notes, Transport, WorkQueue};
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::Nonce;
use offsite_simulators::{Heard, InProcess, Provider, Request, SimOptions};
use serde_json::{Value, json};

use crate::context::ports;
use crate::over::goes_on;

const START: Timestamp = Timestamp::constant(1_795_392_000, 0);

/// What a request to a cloud takes, and what a read or a write of the ledger does.
const A_REQUEST: Duration = Duration::from_millis(100);
const A_STEP: Duration = Duration::from_millis(10);

/// Where each cloud is, by the port of its base.
const BASES: [(&str, &[&str], Provider); 2] = [
    ("http://cbr.{region}.localhost:2", &["HUAWEI_CBR", "HUAWEI_IAM", "HUAWEI_STS"], Provider::Huawei),
    ("http://cbs.{region}.localhost:3", &["TENCENT", "TENCENT_STS"], Provider::Tencent),
];

/// A draw without chance: the same seed gives the same numbers.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The clouds, one ledger, and the time.
pub struct World {
    clouds: InProcess,
    store: Arc<MemoryLedger>,
    sleepers: Mutex<BTreeMap<(Timestamp, u64), Waker>>,
    count: AtomicU64,
    /// When each backup's copy was asked for.
    asked: Mutex<BTreeMap<String, Vec<Timestamp>>>,
    /// What waits on the work queue.
    queue: Mutex<Vec<Value>>,
    receipts: Mutex<Vec<Value>>,
    takes_receipts: AtomicBool,
    /// Whether nobody can give back what it took of an account's rate: that protection is taken away.
    keeps_shares: AtomicBool,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A port of a process in this world.
#[derive(Clone)]
struct Port(Arc<World>);

impl World {
    pub fn new() -> Arc<World> {
        let world = World {
            clouds: InProcess::new(&SimOptions::default(), START),
            store: Arc::default(),
            sleepers: Mutex::default(),
            count: AtomicU64::default(),
            asked: Mutex::default(),
            queue: Mutex::default(),
            receipts: Mutex::default(),
            takes_receipts: AtomicBool::new(true),
            keeps_shares: AtomicBool::default(),
        };
        for (_, _, cloud) in BASES {
            world.seed(cloud, &json!({ "switches": { "copy_duration_s": 3_600 } }));
        }
        Arc::new(world)
    }

    pub fn seed(&self, cloud: Provider, body: &Value) {
        self.clouds.post(cloud, "seed", body).unwrap();
    }

    pub fn now(&self) -> Timestamp {
        self.clouds.now()
    }

    pub fn sleep(&self, time: Duration) -> Sleep<'_> {
        let until = self.now() + SignedDuration::try_from(time).unwrap();
        Sleep { world: self, until, id: self.count.fetch_add(1, Ordering::SeqCst) }
    }

    pub fn until(&self, until: Timestamp) -> Sleep<'_> {
        Sleep { world: self, until, id: self.count.fetch_add(1, Ordering::SeqCst) }
    }

    /// Runs a future to its end. Whenever all in it wait, the time goes on to the next moment for which one of them waits.
    pub fn play<T>(&self, future: impl Future<Output = T>) -> T {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Polling::from_waker(&waker)) {
                return value;
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                let ((until, _), sleeper) =
                    self.sleepers.lock().unwrap().pop_first().expect("somebody waits for a time");
                self.clouds.pass(Duration::try_from(until.duration_since(self.now())).unwrap_or_default());
                sleeper.wake();
            }
        }
    }

    /// A process with these settings besides what all have.
    pub fn process(self: &Arc<Self>, policy: &Arc<Policy>, with: &[(String, String)]) -> Context {
        let options = SimOptions::default();
        let mut environment = Environment::default();
        for (base, names, _) in BASES {
            for name in names {
                environment = environment.with(&format!("OFFSITE_{name}_ENDPOINT"), base);
            }
        }
        for cloud in Cloud::ALL {
            let [id, secret, _] = key_variables(cloud);
            environment = environment.with(id, options.access_key_id.clone());
            environment = environment.with(secret, options.access_key_secret.clone());
        }
        for (name, value) in with {
            environment = environment.with(name, value.clone());
        }
        let settings = Settings::from_environment(&environment, &PROVIDERS).unwrap();
        let port = Arc::new(Port(self.clone()));
        let store = Arc::new(Store { inner: self.store.clone(), world: self.clone() });
        let ports = Ports {
            ledger: store.clone(),
            notes: store,
            policies: Arc::new(FixedPolicy(Some(policy.clone()))),
            ..ports(&environment, &settings, &PROVIDERS, port.clone(), port.clone(), port)
        };
        Context::new(ports, settings, Metrics::default())
    }

    pub fn invocation(&self, seconds: i64) -> Invocation {
        Invocation { id: "virtual".to_owned(), deadline: self.now() + SignedDuration::from_secs(seconds) }
    }

    /// How long it took from finished to the first call, in seconds, sorted. Nothing was asked for twice.
    pub fn reach(&self, ends: &BTreeMap<String, Timestamp>) -> Reach {
        let asked = self.asked.lock().unwrap();
        let took = |(id, end): (&String, &Timestamp)| {
            let calls = asked.get(id).unwrap_or_else(|| panic!("{id} was never asked for"));
            assert_eq!(calls.len(), 1, "{id}: {calls:?}");
            calls[0].duration_since(*end).as_secs_f64()
        };
        let mut took: Vec<f64> = ends.iter().map(took).collect();
        took.sort_by(f64::total_cmp);
        assert!(took[0] >= 0.0, "before it was finished");
        Reach { p50: took[took.len() / 2], p99: took[(took.len() * 99).div_ceil(100) - 1], worst: took[took.len() - 1] }
    }
}

/// Seconds from finished to the call.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    pub p50: f64,
    pub p99: f64,
    pub worst: f64,
}

/// Somebody who waits.
pub struct Sleep<'w> {
    world: &'w World,
    until: Timestamp,
    id: u64,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, polling: &mut Polling<'_>) -> Poll<()> {
        if self.world.now() >= self.until {
            return Poll::Ready(());
        }
        self.world.sleepers.lock().unwrap().insert((self.until, self.id), polling.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.world.sleepers.lock().unwrap().remove(&(self.until, self.id));
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(self.0.sleep(duration))
    }

    fn nonce(&self) -> Nonce {
        Nonce(format!("{:032x}", self.0.count.fetch_add(1, Ordering::SeqCst)))
    }
}

/// The backup whose copy a request asks for.
fn wanted(request: &HttpRequest) -> Option<String> {
    let path: Vec<&str> = request.url.split('/').collect();
    if let [.., id, "replicate"] = path.as_slice() {
        return Some((*id).to_owned());
    }
    let copies = ("X-TC-Action", "CopySnapshotCrossRegions");
    request.headers.iter().find(|(name, value)| name.eq_ignore_ascii_case(copies.0) && value == copies.1)?;
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    Some(body["SnapshotId"].as_str().unwrap().to_owned())
}

impl Transport for Port {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            self.0.sleep(A_REQUEST).await;
            if let Some(id) = wanted(&request) {
                self.0.asked.lock().unwrap().entry(id).or_default().push(self.0.now());
            }
            let rest = request.url.split("://").nth(1).unwrap();
            let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let port = host.rsplit(':').next().unwrap();
            let cloud = BASES.iter().find(|(base, ..)| base.rsplit(':').next() == Some(port)).unwrap().2;
            let mut headers = request.headers;
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
                headers.push(("host".to_owned(), host.to_owned()));
            }
            let asked = Request { method: &request.method, target, headers: &headers, body: &request.body };
            match self.0.clouds.call(cloud, &asked).await {
                Heard::Answer(status, headers, body) => Ok(Reply { status, headers, body }),
                Heard::Cut | Heard::Silence => panic!("no fault was set"),
            }
        })
    }
}

/// The store that all processes share, which takes its time.
struct Store {
    inner: Arc<MemoryLedger>,
    world: Arc<World>,
}

impl Ledger for Store {
    goes_on!(list count pauses);

    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        Box::pin(async move {
            self.world.sleep(A_STEP).await;
            self.inner.get(key).await
        })
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(async move {
            self.world.sleep(A_STEP).await;
            self.inner.put(record, expect).await
        })
    }
}

impl Notes for Store {
    goes_on!(drop_note);

    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        Box::pin(async move {
            self.world.sleep(A_STEP).await;
            self.inner.note(name).await
        })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            self.world.sleep(A_STEP).await;
            if name.starts_with("rate/") && self.world.keeps_shares.load(Ordering::SeqCst) {
                let busy =
                    |text: &str| serde_json::from_str::<Value>(text).unwrap()["busy"].as_object().unwrap().clone();
                let known = self.inner.note(name).await?.map(|note| busy(&note.text)).unwrap_or_default();
                let next = busy(text);
                // Whoever renews writes a share of its own.
                if next.iter().all(|(name, share)| known.get(name) == Some(share)) {
                    return Ok(true);
                }
            }
            self.inner.put_note(name, text, was).await
        })
    }
}

impl Emitter for Port {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        let takes = self.0.takes_receipts.load(Ordering::SeqCst);
        let taken = messages.iter().map(|message| {
            let kept = takes.then(|| self.0.receipts.lock().unwrap().push(message.event.clone()));
            kept.ok_or_else(|| EmitError("the queue is broken".to_owned()))
        });
        let taken = taken.collect();
        Box::pin(async move { taken })
    }
}

impl WorkQueue for Port {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move {
            for ten in commands.chunks(10) {
                self.0.sleep(A_STEP).await;
                self.0.queue.lock().unwrap().extend(ten.iter().map(Command::to_json));
            }
            commands.iter().map(|_| Ok(())).collect()
        })
    }
}
