//! The context of a process: its ports, its settings, and what it remembers.

pub(crate) mod brake;
pub(crate) mod credentials;
pub mod metrics;
pub(crate) mod pacer;
pub(crate) mod shares;
pub(crate) mod silence;

use std::sync::atomic::{AtomicBool, Ordering};

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::command::Cloud;
use crate::model::fields::FieldError;
use crate::model::receipt::Origin;
use crate::ports::{Clock, Emitter, Ledger, Notes, Policies, Secrets, Transport, WorkQueue};
use crate::providers::provider::Provider;
use crate::settings::Settings;
use brake::BrakeMemory;
use credentials::CredentialMemory;
use metrics::Metrics;
use pacer::Pacer;
use shares::ShareMemory;
use silence::Silence;

/// The time that is kept free for recording and emitting after the last exchange.
pub(crate) const RESERVE: Duration = Duration::from_millis(1_500);

/// The longest time that the platform gives an invocation. Source: AWS Lambda developer guide, quotas: 900 seconds.
pub(crate) const LONGEST_INVOCATION: Duration = Duration::from_secs(900);

/// The ways out of a process, one for each seam, and the clouds that it serves.
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
    /// Takes the commands of a sweep. Without one, the sweep works on them itself.
    pub work_queue: Option<Arc<dyn WorkQueue>>,
    /// Puts messages on the queue.
    pub emitter: Arc<dyn Emitter>,
    /// Gives the credentials of accounts.
    pub secrets: Arc<dyn Secrets>,
    /// Gives the time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// What a process remembers from one invocation to the next. All of it may be lost: the ledger holds what matters.
pub struct Memory {
    /// What is known about credentials: their pauses, their owners, and which have worked.
    pub(crate) credentials: CredentialMemory,
    /// What people have stopped.
    pub(crate) brake: BrakeMemory,
    /// When calls may go out.
    pub(crate) pacer: Pacer,
    /// What this process takes of each account's rate.
    pub(crate) shares: ShareMemory,
    /// Which places have not answered lately.
    pub(crate) silence: Silence,
    /// What is measured, until it is sent.
    pub metrics: Metrics,
    /// Whether this process was told to stop.
    told_to_stop: AtomicBool,
}

/// What a process holds. It only looks things up. Work is done by functions that take the context as their first argument.
pub struct Context {
    /// The ways out of the process.
    pub ports: Ports,
    /// The settings, as they were read when the process started.
    pub settings: Settings,
    /// What is remembered from one invocation to the next.
    pub memory: Memory,
}

impl Context {
    /// A context that remembers nothing yet.
    pub fn new(ports: Ports, settings: Settings, metrics: Metrics) -> Context {
        let memory = Memory {
            credentials: CredentialMemory::default(),
            brake: BrakeMemory::default(),
            pacer: Pacer::default(),
            shares: ShareMemory::default(),
            silence: Silence::default(),
            metrics,
            told_to_stop: AtomicBool::new(false),
        };
        Context { ports, settings, memory }
    }

    /// The current time by the process's clock.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Has what goes on end as if its time were over: what is begun is finished, nothing new is begun, and the rest is handed back.
    pub fn end_soon(&self) {
        self.memory.told_to_stop.store(true, Ordering::Relaxed);
    }

    /// Whether nothing new may be begun: the time of this invocation is over, or the process was told to stop.
    pub(crate) fn is_over(&self, invocation: &Invocation) -> bool {
        self.memory.told_to_stop.load(Ordering::Relaxed) || self.now() >= invocation.stop()
    }

    /// What messages say of where they come from.
    pub(crate) fn origin(&self, cloud: Cloud, account: &str) -> Origin {
        let account_number = self.ports.secrets.identity(cloud, account).map(str::to_owned);
        Origin { stack: self.settings.stack.clone(), account_number }
    }

    /// The provider of a cloud, if this process serves it.
    pub(crate) fn provider(&self, cloud: Cloud) -> Option<&'static dyn Provider> {
        self.ports.providers.iter().copied().find(|provider| provider.cloud() == cloud)
    }

    /// The provider of a cloud that this process serves.
    ///
    /// # Errors
    /// This process does not serve the cloud; the message names the function that does.
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

/// One invocation of a process: a call of the function, or a command.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// An ID that messages to people name.
    pub id: String,
    /// When the platform ends the invocation.
    pub deadline: Timestamp,
}

impl Invocation {
    /// The latest moment to put receipts on the queue. After it they stay in the outbox, so that the answer still gets out.
    pub(crate) fn last_moment(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::from_millis(300)).unwrap_or(self.deadline)
    }

    /// The moment after which no exchange is begun.
    pub(crate) fn stop(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::try_from(RESERVE).unwrap_or_default()).unwrap_or(self.deadline)
    }
}
