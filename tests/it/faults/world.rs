//! The worlds that the fault tests act in: a store with its queue, simulated clouds, and processes that run the real handler.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use offsite_local::aws::{LocalAws, Options};
use offsite_local::home::database::Database;
use offsite_local::home::queue::{Queue, RECEIPTS};
use offsite_local::home::{self, PROVIDERS};
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation, Ports};
use offsite_shared::handler::handle;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::sqs::SqsEmitter;
use offsite_shared::model::command::{Cloud, Command, Operation, Replication};
use offsite_shared::ports::{Clock, Emitter, Ledger};
use offsite_shared::providers::provider::Provider;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::Nonce;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ports::{BrokenEmitter, BrokenLedger, BrokenTransport, JumpClock, Process, admin};
use crate::context::ports;

/// The ledger's table.
pub const TABLE: &str = "ledger";

const AWS_KEY: (&str, &str) = ("AKIDEXAMPLE", "not-a-real-secret");

/// Where records and receipts live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    Sqlite,
    Dynamo,
}

/// A ledger with its queue.
pub struct Store {
    pub ledger: Arc<dyn Ledger>,
    pub emitter: Arc<dyn Emitter>,
    pub database: Database,
    pub aws: Option<LocalAws>,
    /// Of a client of the AWS that holds the table, if there is one.
    pub environment: Option<Environment>,
    _directory: TempDir,
}

impl Store {
    pub async fn open(home: Home) -> Store {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("offsite.db")).unwrap();
        match home {
            Home::Sqlite => {
                let context = home::context(&Environment::default(), &database).unwrap();
                Store {
                    ledger: context.ports.ledger,
                    emitter: context.ports.emitter,
                    database,
                    aws: None,
                    environment: None,
                    _directory: directory,
                }
            }
            Home::Dynamo => {
                let options = Options::new(database.clone(), AWS_KEY.0, AWS_KEY.1.to_owned().into());
                let aws = LocalAws::start(options).await.unwrap();
                let environment = aws_environment(&aws);
                Store { aws: Some(aws), ..Store::on_aws(environment, database, directory).await }
            }
        }
    }

    /// On an AWS that this environment leads to; makes the table there.
    pub async fn on_aws(environment: Environment, database: Database, directory: TempDir) -> Store {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let client = Arc::new(Aws::from_environment(&environment, Arc::new(http()), clock.clone()).unwrap());
        let ledger = DynamoLedger::from_environment(&environment, client.clone(), TABLE).unwrap();
        ledger.create_table().await.unwrap();
        let emitter = SqsEmitter::from_environment(&environment, client, clock).unwrap();
        Store {
            ledger: Arc::new(ledger),
            emitter: Arc::new(emitter),
            database,
            aws: None,
            environment: Some(environment),
            _directory: directory,
        }
    }

    /// What is on the queue, oldest first.
    pub async fn messages(&self) -> Vec<Value> {
        let messages = Queue::receipts(self.database.clone()).list(usize::MAX >> 1).await.unwrap();
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

/// The environment of a client of the local AWS.
pub fn aws_environment(aws: &LocalAws) -> Environment {
    Environment::default()
        .with("AWS_ACCESS_KEY_ID", AWS_KEY.0)
        .with("AWS_SECRET_ACCESS_KEY", AWS_KEY.1)
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ENDPOINT_URL", aws.endpoint())
        .with("QUEUE_URL", aws.queue_url(RECEIPTS))
}

pub fn http() -> HttpTransport {
    HttpTransport::new(Duration::from_secs(3)).unwrap()
}

/// Puts a weaker port before a port.
pub type Weaken<T> = fn(T) -> T;

/// What is taken away from the product, to show that the tests notice.
#[derive(Clone, Copy, Default)]
pub struct Weakness {
    pub provider: Option<Weaken<&'static dyn Provider>>,
    pub ledger: Option<Weaken<Arc<dyn Ledger>>>,
    pub nonce: bool,
}

/// Simulated clouds of their own, and the clock that both sides go by.
pub struct Clouds {
    pub simulators: Simulators,
    pub environment: Environment,
    pub http: HttpTransport,
    pub clock: Arc<JumpClock>,
    pub weakness: Weakness,
}

impl Clouds {
    pub async fn start(http: &HttpTransport, seed: u64, switches: &Value, weakness: Weakness) -> Clouds {
        let options = SimOptions { any_source: true, seed, ..SimOptions::default() };
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let environment = home::point_at(&simulators, &options, Environment::default());
        let nonce = weakness.nonce.then(|| Nonce("00112233445566778899aabbccddeeff".to_owned()));
        let clock = Arc::new(JumpClock::new(http, simulators.tencent(), nonce));
        let clouds = Clouds { simulators, environment, http: http.clone(), clock, weakness };
        for cloud in Cloud::ALL {
            clouds.admin(cloud, "seed", &json!({ "switches": switches })).await;
        }
        clouds
    }

    /// Clouds without faults or delays.
    pub async fn plain() -> Clouds {
        Clouds::start(&http(), 7, &json!({ "copy_duration_s": 0 }), Weakness::default()).await
    }

    pub async fn admin(&self, cloud: Cloud, path: &str, body: &Value) {
        let base = match cloud {
            Cloud::Alibaba => self.simulators.alibaba(),
            Cloud::Huawei => self.simulators.huawei(),
            Cloud::Tencent => self.simulators.tencent(),
        };
        admin(&self.http, &base, path, body).await;
    }

    /// The copies as the simulators count them.
    pub fn copies(&self) -> Vec<Value> {
        self.simulators.state()["replications"].as_array().unwrap().clone()
    }

    /// How many copies were made in all.
    pub fn count(&self) -> u64 {
        self.copies().iter().map(|row| row["created"].as_u64().unwrap()).sum()
    }

    /// A process with this ledger and queue.
    pub fn context(&self, ledger: &Arc<dyn Ledger>, emitter: &Arc<dyn Emitter>, process: &Arc<Process>) -> Context {
        self.context_with(ledger, emitter, process, &self.environment)
    }

    pub fn context_with(
        &self,
        ledger: &Arc<dyn Ledger>,
        emitter: &Arc<dyn Emitter>,
        process: &Arc<Process>,
        environment: &Environment,
    ) -> Context {
        let settings = Settings::from_environment(environment, &PROVIDERS).unwrap();
        let transport = Arc::new(BrokenTransport { inner: self.http.clone(), process: process.clone() });
        let emitter = Arc::new(BrokenEmitter { inner: emitter.clone(), process: process.clone() });
        let weaken = self.weakness.provider.unwrap_or(|provider| provider);
        let inner = self.weakness.ledger.unwrap_or(|ledger| ledger)(ledger.clone());
        let ports = Ports {
            ledger: Arc::new(BrokenLedger { inner, process: process.clone() }),
            providers: PROVIDERS.into_iter().map(weaken).collect(),
            ..ports(environment, &settings, &PROVIDERS, transport, emitter, self.clock.clone())
        };
        Context::new(ports, settings, Metrics::default())
    }

    /// An invocation that has half a minute.
    pub fn invocation(&self) -> Invocation {
        Invocation { id: "invocation".to_owned(), deadline: self.clock.now() + SignedDuration::from_secs(30) }
    }

    /// Delivers commands as one SQS batch to a fresh process; `None` if it died.
    pub async fn deliver(&self, store: &Store, commands: &[Value], process: &Arc<Process>) -> Option<Value> {
        let context = self.context(&store.ledger, &store.emitter, process);
        let (payload, invocation) = (batch(commands), self.invocation());
        tokio::select! {
            answer = handle(&context, &payload, &invocation) => Some(answer.unwrap()),
            () = process.died.notified() => None,
        }
    }

    /// Invokes directly in a fresh, sound process.
    pub async fn ask(&self, store: &Store, command: &Value) -> Result<Value, offsite_shared::model::error::Error> {
        let process = Process::new(None, &self.clock);
        let context = self.context(&store.ledger, &store.emitter, &process);
        handle(&context, command, &self.invocation()).await
    }
}

/// An SQS batch.
pub fn batch(commands: &[Value]) -> Value {
    let record = |(index, command): (usize, &Value)| json!({ "messageId": index.to_string(), "body": command.to_string(), "eventSource": "aws:sqs", "awsRegion": "us-east-1" });
    json!({ "Records": commands.iter().enumerate().map(record).collect::<Vec<_>>() })
}

/// A command with IDs of its own.
pub fn command(operation: Operation, rng: &mut Rng) -> Value {
    let mut hex =
        |length: usize| (0..length).map(|_| char::from_digit(rng.u32(0..16), 16).unwrap()).collect::<String>();
    let mut uuid = || format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
    let (here, there) = ("4229d7a45436489f8c3dc2b1d35d4987", "68589cac08274b82b4e254268a3862d8");
    let (id, vault) = (uuid(), uuid());
    let mut command = match operation {
        Operation::CreateVaultReplication => json!({
            "source": { "region": "cn-hangzhou", "vault_id": format!("v-{}", id.replace('-', "")) },
            "destinations": [{ "region": "cn-shanghai", "vault_id": format!("v-{}", vault.replace('-', "")) }],
        }),
        Operation::CopySnapshot | Operation::CarryBackup => json!({
            "source": { "region": "ap-guangzhou", "snapshot_id": format!("snap-{}", &id.replace('-', "")[..16]) },
            "destinations": [{ "region": "ap-singapore" }],
        }),
        Operation::CopyCheckpointItem => json!({
            "source": { "region": "cn-north-1", "project_id": here, "checkpoint_item_id": id },
            "destinations": [{ "region": "cn-east-2", "project_id": there }],
        }),
        Operation::CopyBackup => json!({
            "source": { "region": "cn-north-4", "project_id": here, "backup_id": id },
            "destinations": [{ "region": "cn-east-3", "project_id": there, "vault_id": vault }],
        }),
        Operation::CopyCheckpoint => json!({
            "occurrence": "2026-11-21T03:00:00Z",
            "source": { "region": "cn-north-4", "project_id": here, "vault_id": id },
            "destinations": [{ "region": "cn-east-3", "project_id": there, "vault_id": vault }],
        }),
    };
    command["action"] = json!("replicate");
    command["provider"] = json!(operation.cloud().name());
    command["operation"] = json!(operation.name());
    command
}

/// The command's first replication.
pub fn replication(command: &Value) -> Replication {
    Command::from_json(command).unwrap().replications().remove(0)
}

/// The seed of a run: `OFFSITE_TEST_SEED`, or a new one.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests: a failing run is repeated by its seed")]
pub fn seed() -> u64 {
    match std::env::var("OFFSITE_TEST_SEED") {
        Ok(text) => text.parse().expect("OFFSITE_TEST_SEED must be a whole number"),
        Err(_) => u64::from_str_radix(&SystemClock.nonce().0[..8], 16).unwrap(),
    }
}
