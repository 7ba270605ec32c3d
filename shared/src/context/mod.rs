//! What a process holds: the ports, the settings, and what it remembers.

pub mod metrics;
pub mod pacer;
pub mod pauses;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::command::Cloud;
use crate::ports::{Clock, Emitter, Ledger, Notes, Policies, Secrets, Transport, WorkQueue};
use crate::providers::provider::Provider;
use crate::settings::Settings;
use metrics::Metrics;
use pacer::Pacer;
use pauses::Pauses;

/// Time that is kept for recording and emitting after the last exchange.
pub const RESERVE: Duration = Duration::from_millis(1_500);

/// A handler: providers, settings and the ports to the world.
pub struct Handler {
    /// The clouds that this process serves.
    pub providers: Vec<&'static dyn Provider>,
    /// Settings.
    pub settings: Settings,
    /// HTTP.
    pub transport: Arc<dyn Transport>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// What sweeps leave for their next invocation and for the report.
    pub notes: Arc<dyn Notes>,
    /// The policy.
    pub policies: Arc<dyn Policies>,
    /// Where a sweep hands its commands; without one it works on them itself.
    pub work_queue: Option<Arc<dyn WorkQueue>>,
    /// The queue.
    pub emitter: Arc<dyn Emitter>,
    /// Credentials.
    pub secrets: Arc<dyn Secrets>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// The rate limit of this process.
    pub pacer: Pacer,
    /// Pauses read lately.
    pub pauses: Pauses,
    /// What is measured.
    pub metrics: Metrics,
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its ID, for messages to people.
    pub id: String,
    /// When the platform ends it.
    pub deadline: Timestamp,
}

impl Invocation {
    /// When receipts must be on the queue, or stay in the outbox, so that the answer still gets out.
    pub(crate) fn last_moment(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::from_millis(300)).unwrap_or(self.deadline)
    }

    /// The moment after which no exchange is begun.
    pub(crate) fn stop(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::try_from(RESERVE).unwrap_or_default()).unwrap_or(self.deadline)
    }
}

impl Handler {
    /// The provider of a cloud, if this process serves it.
    pub(crate) fn provider(&self, cloud: Cloud) -> Option<&'static dyn Provider> {
        self.providers.iter().copied().find(|provider| provider.cloud() == cloud)
    }
}
