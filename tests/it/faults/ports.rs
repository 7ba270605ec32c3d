//! Ports that break one step on purpose, and a clock that jumps instead of waiting.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::store::{Expect, LedgerError, Put};
use offsite_shared::ledger::{Record, State};
use offsite_shared::model::error::EmitError;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Ledger, Transport};
use offsite_shared::sign::Nonce;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::over::goes_on;

/// A step of the handler's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Claim,
    ReadBack,
    Call,
    Settle,
    Emit,
    Mark,
}

impl Step {
    pub const ALL: [Step; 6] = [Step::Claim, Step::ReadBack, Step::Call, Step::Settle, Step::Emit, Step::Mark];
}

/// How a step goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Error,
    TimeoutBefore,
    TimeoutAfter,
    Reset,
    Crash,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Error, Kind::TimeoutBefore, Kind::TimeoutAfter, Kind::Reset, Kind::Crash];
}

/// A fault that waits for its step.
#[derive(Debug)]
pub struct Fault {
    pub step: Step,
    pub kind: Kind,
    /// Whether a reset or a crash comes after the step was done.
    pub after: bool,
    /// Which of several errors it is.
    pub flavour: u8,
    /// How often it still strikes.
    pub left: AtomicU32,
    pub hits: AtomicU32,
}

impl Fault {
    fn strikes(&self, step: Step) -> bool {
        let take = |left: u32| left.checked_sub(1);
        let struck = step == self.step && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        if struck {
            self.hits.fetch_add(1, Ordering::SeqCst);
        }
        struck
    }

    fn is_applied(&self) -> bool {
        match self.kind {
            Kind::Error | Kind::TimeoutBefore => false,
            Kind::TimeoutAfter => true,
            Kind::Reset | Kind::Crash => self.after,
        }
    }
}

/// What went through the ports of one process.
#[derive(Debug, Default)]
pub struct Tally {
    pub mutating: AtomicU32,
    pub reads: AtomicU32,
    pub writes: AtomicU32,
    pub sends: AtomicU32,
    /// When each mutating call was sent.
    pub times: Mutex<Vec<Timestamp>>,
    under_way: AtomicU32,
    pub most_under_way: AtomicU32,
}

impl Tally {
    /// Mutating calls, reads, ledger writes, queue sends.
    pub fn counts(&self) -> [u32; 4] {
        [&self.mutating, &self.reads, &self.writes, &self.sends].map(|counter| counter.load(Ordering::SeqCst))
    }
}

/// One process that runs the handler: it may be told to die.
pub struct Process {
    pub fault: Option<Arc<Fault>>,
    pub tally: Tally,
    pub died: Notify,
    pub clock: Arc<JumpClock>,
}

/// What the wrapper does around the real port.
enum Blow {
    Error(u8),
    Silence,
    Reset,
}

impl Process {
    pub fn new(fault: Option<Arc<Fault>>, clock: &Arc<JumpClock>) -> Arc<Process> {
        Arc::new(Process { fault, tally: Tally::default(), died: Notify::new(), clock: clock.clone() })
    }

    /// Runs the real step, or breaks it. `Err`: no answer comes, for this reason.
    async fn through<T>(&self, step: Option<Step>, real: impl Future<Output = T>) -> Result<T, Blow> {
        let fault = self.fault.as_ref().filter(|fault| step.is_some_and(|step| fault.strikes(step)));
        let Some(fault) = fault else {
            return Ok(real.await);
        };
        if fault.is_applied() {
            real.await;
        }
        match fault.kind {
            Kind::Error => Err(Blow::Error(fault.flavour)),
            Kind::TimeoutBefore | Kind::TimeoutAfter => {
                self.clock.sleep(Duration::from_secs(2)).await;
                Err(Blow::Silence)
            }
            Kind::Reset => Err(Blow::Reset),
            Kind::Crash => {
                self.died.notify_one();
                std::future::pending().await
            }
        }
    }
}

/// The transport of a process.
pub struct BrokenTransport {
    pub inner: HttpTransport,
    pub process: Arc<Process>,
}

/// Whether a request to a provider starts a replication.
fn is_mutating(request: &HttpRequest) -> bool {
    let action = |name: &str, action: &str| {
        request.headers.iter().any(|(found, value)| found.eq_ignore_ascii_case(name) && value == action)
    };
    action("x-acs-action", "CreateVaultReplication")
        || action("x-tc-action", "CopySnapshotCrossRegions")
        || request.url.ends_with("/replicate")
}

impl Transport for BrokenTransport {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let tally = &self.process.tally;
            let step = if is_mutating(&request) {
                tally.mutating.fetch_add(1, Ordering::SeqCst);
                tally.times.lock().unwrap().push(self.process.clock.now());
                Step::Call
            } else {
                tally.reads.fetch_add(1, Ordering::SeqCst);
                Step::ReadBack
            };
            let now = tally.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            tally.most_under_way.fetch_max(now, Ordering::SeqCst);
            let through = self.process.through(Some(step), self.inner.send(request)).await;
            tally.under_way.fetch_sub(1, Ordering::SeqCst);
            let page = |status, body: &str| Ok(Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() });
            match through {
                Ok(answer) => answer,
                Err(Blow::Error(flavour)) => match flavour % 4 {
                    0 => Err(TransportError::NotSent("scripted: refused".to_owned())),
                    1 => page(500, ""),
                    2 => page(503, "<html>Service Unavailable</html>"),
                    _ => page(429, "slow down"),
                },
                Err(Blow::Silence) => Err(TransportError::NoAnswer("scripted: timed out".to_owned())),
                Err(Blow::Reset) => Err(TransportError::NoAnswer("scripted: connection reset".to_owned())),
            }
        })
    }
}

/// The ledger of a process.
pub struct BrokenLedger {
    pub inner: Arc<dyn Ledger>,
    pub process: Arc<Process>,
}

/// Which step a write belongs to; none for the records of a vault's backups.
fn step_of(record: &Record, expect: &Expect) -> Option<Step> {
    if record.started_by.is_some() {
        return None;
    }
    match (record.state, record.outbox, expect) {
        (State::Claimed | State::InDoubt, _, _) if record.lease_until.is_some() => Some(Step::Claim),
        (State::Accepted, false, _) if record.receipts.is_empty() && record.copies.is_none() => Some(Step::Settle),
        (State::Accepted, false, _) => Some(Step::Mark),
        _ => Some(Step::Settle),
    }
}

fn silent(blow: Blow) -> LedgerError {
    LedgerError::Unavailable(match blow {
        Blow::Error(_) => "scripted: refused".to_owned(),
        Blow::Silence => "scripted: timed out".to_owned(),
        Blow::Reset => "scripted: connection reset".to_owned(),
    })
}

impl Ledger for BrokenLedger {
    goes_on!(get list count pauses);

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        self.process.tally.writes.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let real = self.inner.put(record, expect);
            match self.process.through(step_of(record, expect), real).await {
                Ok(answer) => answer,
                Err(blow) => Err(silent(blow)),
            }
        })
    }
}

/// The queue of a process.
pub struct BrokenEmitter {
    pub inner: Arc<dyn Emitter>,
    pub process: Arc<Process>,
}

impl Emitter for BrokenEmitter {
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        self.process.tally.sends.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let real = self.inner.emit(messages, until);
            match self.process.through(Some(Step::Emit), real).await {
                Ok(answer) => answer,
                Err(_) => messages.iter().map(|_| Err(EmitError("scripted: no answer".to_owned()))).collect(),
            }
        })
    }
}

/// A clock that jumps ahead where others wait, and takes the simulators' clock along.
pub struct JumpClock {
    offset_ms: AtomicI64,
    http: HttpTransport,
    simulator: String,
    /// Given instead of chance, to show what chance is good for.
    pub stuck_nonce: Option<Nonce>,
}

impl JumpClock {
    pub fn new(http: &HttpTransport, simulator: String, stuck_nonce: Option<Nonce>) -> JumpClock {
        JumpClock { offset_ms: AtomicI64::new(0), http: http.clone(), simulator, stuck_nonce }
    }

    /// Sets this clock alone ahead, or back.
    pub fn set(&self, minutes: i64) {
        self.offset_ms.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

impl Clock for JumpClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_millis(self.offset_ms.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(async move {
            let ms = i64::try_from(duration.as_millis()).unwrap();
            self.offset_ms.fetch_add(ms, Ordering::SeqCst);
            let body = json!({ "advance_s": duration.as_secs_f64() });
            admin(&self.http, &self.simulator, "clock", &body).await;
        })
    }

    fn nonce(&self) -> Nonce {
        self.stuck_nonce.clone().unwrap_or_else(|| SystemClock.nonce())
    }
}

/// Posts to a simulator's admin interface.
pub async fn admin(http: &HttpTransport, base: &str, path: &str, body: &Value) {
    let request = HttpRequest {
        manner: Default::default(),
        method: "POST".to_owned(),
        url: format!("{base}/_sim/{path}"),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        timeout: Duration::from_secs(30),
    };
    let reply = http.send(request).await.unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
}
