//! What a process holds: the ports, the settings, and what it remembers.

pub mod metrics;
pub mod pacer;
pub mod pauses;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::command::Cloud;
use crate::model::fields::FieldError;
use crate::ports::{Clock, Emitter, Ledger, Notes, Policies, Secrets, Transport, WorkQueue};
use crate::providers::provider::Provider;
use crate::settings::Settings;
use metrics::Metrics;
use pacer::Pacer;
use pauses::Pauses;

/// Time that is kept for recording and emitting after the last exchange.
pub const RESERVE: Duration = Duration::from_millis(1_500);

/// The ways out of a process: one for each seam, and the clouds that it serves.
pub struct Ports {
    /// The clouds that this process serves.
    pub providers: Vec<&'static dyn Provider>,
    /// Sends HTTP requests.
    pub transport: Arc<dyn Transport>,
    /// Holds a record for each replication.
    pub ledger: Arc<dyn Ledger>,
    /// Holds what sweeps leave for their next invocation and for the report.
    pub notes: Arc<dyn Notes>,
    /// Gives the policy in force.
    pub policies: Arc<dyn Policies>,
    /// Takes the commands of a sweep; without one a sweep works on them itself.
    pub work_queue: Option<Arc<dyn WorkQueue>>,
    /// Puts messages on the queue.
    pub emitter: Arc<dyn Emitter>,
    /// Gives credentials.
    pub secrets: Arc<dyn Secrets>,
    /// Gives time and chance.
    pub clock: Arc<dyn Clock>,
}

/// What a process remembers from one invocation to the next. All of it may be lost: the ledger has what matters.
pub struct Memory {
    /// What is known of credentials.
    pub(crate) pauses: Pauses,
    /// The rate limit.
    pub(crate) pacer: Pacer,
    /// What is measured.
    pub metrics: Metrics,
}

/// What a process holds. It has look-ups and nothing else: what is done with it is a function that takes it first.
pub struct Context {
    /// The ways out.
    pub ports: Ports,
    /// Settings, as they were read at the start.
    pub settings: Settings,
    /// What is remembered.
    pub memory: Memory,
}

impl Context {
    /// A process that remembers nothing yet.
    pub fn new(ports: Ports, settings: Settings, metrics: Metrics) -> Context {
        let memory = Memory { pauses: Pauses::default(), pacer: Pacer::default(), metrics };
        Context { ports, settings, memory }
    }

    /// The time by the process's clock.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The provider of a cloud, if this process serves it.
    pub(crate) fn provider(&self, cloud: Cloud) -> Option<&'static dyn Provider> {
        self.ports.providers.iter().copied().find(|provider| provider.cloud() == cloud)
    }

    /// The provider of a cloud.
    ///
    /// # Errors
    /// This process does not serve it; the message names the function that does.
    pub(crate) fn serving(&self, cloud: Cloud) -> Result<&'static dyn Provider, FieldError> {
        self.provider(cloud).ok_or_else(|| {
            let served: Vec<_> = self.ports.providers.iter().map(|provider| provider.cloud().name()).collect();
            FieldError::new(
                "provider",
                format!(
                    "this function serves {}; send {} commands to offsite-{}",
                    served.join(", "),
                    cloud.name(),
                    cloud.name()
                ),
            )
        })
    }
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
