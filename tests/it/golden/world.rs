//! One ledger with its queue, and processes over it: everything that a golden answer depends on is fixed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use offsite_local::home::PROVIDERS;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation, Ports};
use offsite_shared::handler::handle;
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::{Expect, Put};
use offsite_shared::model::command::{Command, Replication};
use offsite_shared::model::error::Error;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use super::cloud::{Clouds, HERE, Keys, Queue, Still};

/// A world.
pub struct World {
    pub clock: Arc<Still>,
    pub clouds: Arc<Clouds>,
    pub ledger: Arc<MemoryLedger>,
    pub queue: Arc<Queue>,
    pub work: Option<Arc<Queue>>,
    pub environment: Environment,
    pub policy: Option<Arc<Policy>>,
    processes: AtomicU32,
}

impl World {
    pub fn new() -> World {
        World {
            clock: Arc::new(Still::new()),
            clouds: Arc::default(),
            ledger: Arc::default(),
            queue: Arc::default(),
            work: None,
            environment: Environment::default().with("OFFSITE_TENCENT_RPS", "0").with("OFFSITE_HUAWEI_RPS", "0"),
            policy: None,
            processes: AtomicU32::new(0),
        }
    }

    pub fn with_policy(rules: &Value) -> World {
        let policy = Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap();
        World { policy: Some(Arc::new(policy)), ..World::new() }
    }

    /// A fresh process. All chance in it is the same, and another than in the one before.
    fn process(&self) -> Context {
        let number = self.processes.fetch_add(1, Ordering::SeqCst) + 1;
        *self.clock.nonce.lock().unwrap() = format!("{number:032x}");
        let ports = Ports {
            providers: PROVIDERS.to_vec(),
            transport: self.clouds.clone(),
            ledger: self.ledger.clone(),
            notes: self.ledger.clone(),
            policies: Arc::new(FixedPolicy(self.policy.clone())),
            work_queue: self.work.clone().map(|queue| queue as _),
            emitter: self.queue.clone(),
            secrets: Arc::new(Keys),
            clock: self.clock.clone(),
        };
        let settings = Settings::from_environment(&self.environment, &PROVIDERS).unwrap();
        Context::new(ports, settings, Metrics::default())
    }

    /// What a fresh process answers.
    pub async fn ask(&self, event: &Value) -> Result<Value, Error> {
        self.ask_within(event, 30_000).await
    }

    pub async fn ask_within(&self, event: &Value, milliseconds: i64) -> Result<Value, Error> {
        let context = self.process();
        let deadline = self.clock.now() + SignedDuration::from_millis(milliseconds);
        handle(&context, event, &Invocation { id: "invocation-1".to_owned(), deadline }).await
    }

    /// The same as the text that leaves the function.
    pub async fn told(&self, event: &Value) -> String {
        told(&self.ask(event).await)
    }

    pub async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// Puts a record of somebody else into the ledger.
    pub async fn put(&self, record: &Record) {
        assert_eq!(self.ledger.put(record, &Expect::Absent).await.unwrap(), Put::Stored);
    }
}

pub fn told(answer: &Result<Value, Error>) -> String {
    match answer {
        Ok(answer) => answer.to_string(),
        Err(error) => format!("error {error}"),
    }
}

/// A command for a snapshot.
pub fn copy(id: &str, regions: &[&str]) -> Value {
    let destinations: Vec<Value> = regions.iter().map(|region| json!({ "region": region })).collect();
    json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": HERE, "snapshot_id": id }, "destinations": destinations,
    })
}

/// A command for a whole vault.
pub fn vault() -> Value {
    json!({
        "action": "replicate", "provider": "huawei", "operation": "copy-checkpoint", "occurrence": "2026-11-21T03:00:00Z",
        "source": { "region": "cn-north-4", "project_id": "4229d7a45436489f8c3dc2b1d35d4987", "vault_id": "vault-1" },
        "destinations": [{ "region": "cn-east-3", "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": "vault-2" }],
    })
}

/// With one field changed.
pub fn with(mut event: Value, field: &str, value: Value) -> Value {
    event[field] = value;
    event
}

pub fn replication(command: &Value) -> Replication {
    Command::from_json(command).unwrap().replications().remove(0)
}
