//! What a long piece of work has come to so far, beside a spinner on standard error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::model::error::EmitError;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Transport};

use super::show::spinner;

/// How often the line is written anew.
const ANEW: Duration = Duration::from_millis(500);

/// Work, with what it has done beside a spinner as long as it lasts.
pub(super) struct Progress {
    asked: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl Progress {
    /// Counts what goes through this context from now on.
    pub(super) fn of(context: &mut Context) -> Progress {
        let [asked, told] = [0; 2].map(|_| Arc::new(AtomicU64::new(0)));
        let ports = &mut context.ports;
        ports.transport = Arc::new(Asked { inner: ports.transport.clone(), count: asked.clone() });
        ports.emitter = Arc::new(Told { inner: ports.emitter.clone(), count: told.clone() });
        Progress { asked, told, clock: ports.clock.clone() }
    }

    /// Does the work, and says meanwhile how far it is.
    pub(super) async fn during<T>(&self, what: &str, until: Option<Timestamp>, work: impl Future<Output = T>) -> T {
        let bar = spinner(what);
        let telling = async {
            loop {
                self.tell(&bar, what, until);
                self.clock.sleep(ANEW).await;
            }
        };
        let done = tokio::select! {
            biased;
            done = work => done,
            () = telling => unreachable!("the telling has no end"),
        };
        bar.finish_and_clear();
        done
    }

    fn tell(&self, bar: &ProgressBar, what: &str, until: Option<Timestamp>) {
        let count = |of: &AtomicU64, one: &str, many: &str| {
            let count = of.load(Ordering::Relaxed);
            (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
        };
        // A day is no limit that somebody has set.
        let left = until.map(|until| until.duration_since(self.clock.now()).as_secs()).filter(|left| *left < 7_200);
        let parts = [
            count(&self.asked, "answer from the clouds", "answers from the clouds"),
            count(&self.told, "message put on the queue", "messages put on the queue"),
            left.map(|left| format!("{} s left", left.max(0))),
        ];
        let told: Vec<String> = std::iter::once(what.to_owned()).chain(parts.into_iter().flatten()).collect();
        bar.set_message(told.join(", "));
    }
}

struct Asked {
    inner: Arc<dyn Transport>,
    count: Arc<AtomicU64>,
}

impl Transport for Asked {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let reply = self.inner.send(request).await;
            self.count.fetch_add(u64::from(reply.is_ok()), Ordering::Relaxed);
            reply
        })
    }
}

struct Told {
    inner: Arc<dyn Emitter>,
    count: Arc<AtomicU64>,
}

impl Emitter for Told {
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move {
            let sent = self.inner.emit(messages, until).await;
            self.count.fetch_add(sent.iter().filter(|sent| sent.is_ok()).count() as u64, Ordering::Relaxed);
            sent
        })
    }
}
