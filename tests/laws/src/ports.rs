//! The ports of a history: a transport to the simulators in this process, their clock, and a queue that can be broken.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::model::error::EmitError;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Meter, Transport};
use offsite_shared::sign::Nonce;
use offsite_simulators::{Heard, InProcess, Provider, Request};
use serde_json::Value;

/// Base URLs by which the transport tells the clouds apart. The region is in the name, as it is with the real ones.
pub(crate) const BASES: [(&str, Provider); 3] = [
    ("http://hbr.{region}.localhost:1", Provider::Alibaba),
    ("http://cbr.{region}.localhost:2", Provider::Huawei),
    ("http://cbs.{region}.localhost:3", Provider::Tencent),
];

/// The world that a process sees.
pub(crate) struct World {
    pub(crate) clouds: InProcess,
    /// How far the process's clock is ahead of the clouds', in seconds.
    pub(crate) skew_s: AtomicI64,
    nonces: AtomicU64,
    /// Requests that may still be sent before the process dies.
    pub(crate) dies_after: AtomicU32,
    /// Whether the process has died.
    pub(crate) dead: AtomicBool,
    /// Whether the queue takes messages.
    pub(crate) queue: AtomicBool,
    messages: Mutex<Vec<Value>>,
    metrics: Mutex<Vec<Value>>,
}

/// The value of [`World::dies_after`] for a process that lives on.
pub(crate) const LIVES: u32 = u32::MAX;

impl World {
    pub(crate) fn new(clouds: InProcess) -> World {
        World {
            clouds,
            skew_s: AtomicI64::new(0),
            nonces: AtomicU64::new(1),
            dies_after: AtomicU32::new(LIVES),
            dead: AtomicBool::new(false),
            queue: AtomicBool::new(true),
            messages: Mutex::default(),
            metrics: Mutex::default(),
        }
    }

    /// What the queue has taken so far.
    pub(crate) fn messages(&self) -> MutexGuard<'_, Vec<Value>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was measured so far.
    pub(crate) fn metrics(&self) -> MutexGuard<'_, Vec<Value>> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn step(&self) {
        let left = self.dies_after.load(Ordering::SeqCst);
        if left == 0 {
            self.dead.store(true, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        if left != LIVES {
            self.dies_after.store(left - 1, Ordering::SeqCst);
        }
    }
}

/// The port `Transport`.
pub(crate) struct ToSimulators(pub(crate) Arc<World>);

impl Transport for ToSimulators {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            self.0.step().await;
            let rest = request.url.split("://").nth(1).unwrap_or_default();
            let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let port = host.rsplit(':').next().unwrap_or_default();
            let Some((_, provider)) = BASES.iter().find(|(base, _)| base.ends_with(&format!(":{port}"))) else {
                return Err(TransportError::NotSent(format!("{host} is no simulator")));
            };
            let mut headers = request.headers;
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
                headers.push(("host".to_owned(), host.to_owned()));
            }
            let target = if target.is_empty() { "/" } else { target };
            let asked = Request { method: &request.method, target, headers: &headers, body: &request.body };
            let heard = self.0.clouds.call(*provider, &asked).await;
            // A process that dies after its request was sent never hears the answer.
            self.0.step().await;
            match heard {
                Heard::Answer(status, headers, body) => Ok(Reply { status, headers, body }),
                Heard::Cut => Err(TransportError::NoAnswer("the connection was reset".to_owned())),
                Heard::Silence => {
                    self.0.clouds.pass(request.timeout);
                    Err(TransportError::NoAnswer("timed out".to_owned()))
                }
            }
        })
    }
}

/// The port `Clock`: the clouds' clock, perhaps off by a little, and waiting moves it.
pub(crate) struct TheirClock(pub(crate) Arc<World>);

impl Clock for TheirClock {
    fn now(&self) -> Timestamp {
        let skew = SignedDuration::from_secs(self.0.skew_s.load(Ordering::SeqCst));
        self.0.clouds.now().checked_add(skew).unwrap_or(Timestamp::MAX)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        self.0.clouds.pass(duration);
        Box::pin(async {})
    }

    fn nonce(&self) -> Nonce {
        Nonce(format!("{:032x}", self.0.nonces.fetch_add(1, Ordering::SeqCst)))
    }
}

/// The port `Emitter`.
pub(crate) struct Queue(pub(crate) Arc<World>);

impl Emitter for Queue {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move {
            let takes = self.0.queue.load(Ordering::SeqCst);
            let mut held = self.0.messages();
            let take = |message: &Message| {
                if !takes {
                    return Err(EmitError("the queue is broken".to_owned()));
                }
                held.push(message.event.clone());
                Ok(())
            };
            messages.iter().map(take).collect()
        })
    }
}

/// The port `Meter`.
pub(crate) struct Kept(pub(crate) Arc<World>);

impl Meter for Kept {
    fn put(&self, line: &Value) {
        self.0.metrics().push(line.clone());
    }
}
