//! The three real binaries on this machine: simulated clouds on one side, SQS and DynamoDB from a SQLite file on the other.

pub mod build;
pub mod functions;
pub mod runtime_api;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Ports};
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::sqs::SqsEmitter;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger, Transport};
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use serde_json::Value;

use crate::aws::{LocalAws, Options};
use crate::home;
use crate::home::database::Database;
use crate::home::queue::Queue;
use build::Binaries;
use functions::{FunctionOptions, FunctionProcess};
use offsite_simulators::{SimOptions, Simulators};

/// The keys of the emulated AWS. They open nothing.
const AWS_KEY: (&str, &str) = ("AKIALOCALLOCALLOCAL0", "local-secret-that-opens-nothing");

/// The ledger's table.
const TABLE: &str = "offsite-ledger";

/// Everything the binaries talk to.
pub struct Fleet {
    /// The clouds.
    pub simulators: Simulators,
    /// SQS and DynamoDB.
    pub aws: LocalAws,
    /// The file behind them.
    pub database: Database,
    binaries: Binaries,
    environment: HashMap<String, String>,
}

impl Fleet {
    /// Starts the simulators and the emulated AWS; `extra` is added to the functions' environment.
    ///
    /// # Errors
    /// A port is taken, or the file cannot be used.
    pub async fn start(
        binaries: Binaries,
        file: &Path,
        simulated: SimOptions,
        extra: &[(&str, &str)],
    ) -> anyhow::Result<Fleet> {
        let simulators = Simulators::start(simulated.clone()).await?;
        let database = Database::open(file)?;
        let aws = LocalAws::start(Options::new(database.clone(), AWS_KEY.0, AWS_KEY.1.into())).await?;
        let mut environment = Environment::default();
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", AWS_KEY.0),
            ("AWS_SECRET_ACCESS_KEY", AWS_KEY.1),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &aws.endpoint()),
            ("QUEUE_URL", &aws.queue_url(crate::home::queue::RECEIPTS)),
            ("OFFSITE_TABLE", TABLE),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ] {
            environment = environment.with(name, value);
        }
        let mut environment = home::point_at(&simulators, &simulated, environment);
        for (name, value) in extra {
            environment = environment.with(name, *value);
        }
        let fleet = Fleet {
            simulators,
            aws,
            database,
            binaries,
            environment: environment.variables().clone().into_iter().collect(),
        };
        fleet.dynamo()?.create_table().await.context("the ledger's table could not be made")?;
        Ok(fleet)
    }

    /// A process of this cloud's function.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub async fn function(&self, cloud: Cloud) -> anyhow::Result<FunctionProcess> {
        self.spawn(cloud, &[], None).await
    }

    /// The same with more variables, or other values of its own.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub async fn function_beside(&self, cloud: Cloud, more: &[(&str, &str)]) -> anyhow::Result<FunctionProcess> {
        self.spawn(cloud, more, None).await
    }

    /// The same, told always this number as its deadline, as local runtimes do.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub async fn function_told(&self, cloud: Cloud, deadline: Option<u64>) -> anyhow::Result<FunctionProcess> {
        self.spawn(cloud, &[], deadline).await
    }

    async fn spawn(
        &self,
        cloud: Cloud,
        more: &[(&str, &str)],
        deadline: Option<u64>,
    ) -> anyhow::Result<FunctionProcess> {
        let binary = match cloud {
            Cloud::Alibaba => &self.binaries.alibaba,
            Cloud::Huawei => &self.binaries.huawei,
            Cloud::Tencent => &self.binaries.tencent,
        };
        let mut environment = self.environment.clone();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let options = FunctionOptions { deadline, ..FunctionOptions::named_after(binary) };
        Ok(FunctionProcess::spawn(binary, environment.into_iter().collect(), options).await?)
    }

    /// The ledger, as the functions see it.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn ledger(&self) -> anyhow::Result<Arc<dyn Ledger>> {
        Ok(Arc::new(self.dynamo()?))
    }

    /// The copies as the simulated clouds count them.
    pub(crate) fn copies(&self) -> Vec<Value> {
        self.simulators.state().get("replications").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// The messages on the queue, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn messages(&self) -> anyhow::Result<Vec<Value>> {
        let messages = Queue::receipts(self.database.clone()).list(usize::MAX >> 1).await?;
        messages.iter().map(|message| Ok(serde_json::from_str(&message.body)?)).collect()
    }

    /// What this process holds for all clouds, over the functions' ledger and queue, with a policy.
    ///
    /// # Errors
    /// A client cannot be set up.
    pub(crate) fn context(&self, policy: Arc<Policy>) -> anyhow::Result<Context> {
        let environment = self.environment();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let settings = Settings::from_environment(&environment, &home::PROVIDERS)?;
        let (ports, _) = home::ports(&environment, &settings, clock.clone(), Some(policy))?;
        let table = Arc::new(self.dynamo()?);
        let ports = Ports {
            ledger: table.clone(),
            notes: table,
            emitter: Arc::new(SqsEmitter::from_environment(&environment, self.client()?, clock)?),
            ..ports
        };
        Ok(Context::new(ports, settings, Metrics::default()))
    }

    fn dynamo(&self) -> anyhow::Result<DynamoLedger> {
        Ok(DynamoLedger::from_environment(&self.environment(), self.client()?, TABLE)?)
    }

    fn environment(&self) -> Environment {
        Environment::new(self.environment.clone())
    }

    fn client(&self) -> anyhow::Result<Arc<Aws>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(std::time::Duration::from_secs(3))?);
        Ok(Arc::new(Aws::from_environment(&self.environment(), transport, clock)?))
    }
}
