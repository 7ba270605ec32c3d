//! The one-machine home: the same handler as on AWS, over the SQLite file.

mod clouds;
pub mod database;
pub mod ledger;
mod living;
pub mod policy_file;
pub mod profile;
pub mod queue;
pub(crate) mod reach;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Ports};
use offsite_shared::exchange::only_reads::OnlyReads;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::caller;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::credentials::{AccountSecrets, key_variables};
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::io::meter::{self, LineMeter};
use offsite_shared::io::overlay::Overlay;
use offsite_shared::io::policies::StoredPolicy;
use offsite_shared::io::roots::Roots;
use offsite_shared::io::sqs::SqsEmitter;
use offsite_shared::io::tables::{Part, Tables};
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::model::command::{Cloud, Key};
use offsite_shared::model::error::{EmitError, Error};
use offsite_shared::model::receipt::Message;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Emitter, Ledger, Notes, Policies, Transport};
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::url::is_loopback;
use offsite_shared::settings::{ENDPOINT_VARIABLES, Settings, TRIES_FOR_A_PERSON, known};
use rusqlite::OptionalExtension;

pub use clouds::PROVIDERS;
use database::{Database, DatabaseError};
use ledger::SqliteLedger;
use offsite_simulators::{SimOptions, Simulators};
use queue::{Outgoing, Queue};
use reach::{aws, is_stored};

/// The file of the one-machine home: `OFFSITE_DB`, or `./offsite.db`.
pub(crate) fn database_path(environment: &Environment) -> PathBuf {
    environment.get("OFFSITE_DB").unwrap_or("offsite.db").into()
}

/// Opens the file for live or for simulated replications. The two are never mixed: a simulated copy in the
/// ledger would pass for a real one.
///
/// # Errors
/// The file cannot be opened, or belongs to the other kind.
pub async fn open(path: &Path, simulated: bool) -> anyhow::Result<Database> {
    let database = Database::open(path)?;
    let wanted = if simulated { "simulated" } else { "live" };
    let found: String = database
        .write(move |connection| {
            connection.execute("INSERT OR IGNORE INTO home (name, value) VALUES ('kind', ?1)", [wanted])?;
            connection.query_row("SELECT value FROM home WHERE name = 'kind'", [], |row| row.get(0))
        })
        .await?;
    anyhow::ensure!(
        found == wanted,
        "{} holds {found} replications and this run is {wanted}: set OFFSITE_DB to another file, so that a simulated copy never passes for a real one",
        path.display()
    );
    living::work_on(&database, SystemClock.now()).await?;
    Ok(database)
}

/// The kind of a file, if it has been used.
///
/// # Errors
/// The file cannot be read.
pub async fn kind(database: &Database) -> Result<Option<String>, DatabaseError> {
    let sql = "SELECT value FROM home WHERE name = 'kind'";
    database.read(move |connection| connection.query_row(sql, [], |row| row.get(0)).optional()).await
}

/// The environment with every provider endpoint and credential pointing at these simulators.
pub fn point_at(simulators: &Simulators, options: &SimOptions, environment: Environment) -> Environment {
    let (id, secret) = (options.access_key_id.clone(), options.access_key_secret.clone());
    let environment = [
        ("OFFSITE_ALIBABA_ENDPOINT", simulators.alibaba()),
        ("OFFSITE_ALIBABA_STS_ENDPOINT", simulators.alibaba()),
        ("OFFSITE_HUAWEI_CBR_ENDPOINT", simulators.huawei()),
        ("OFFSITE_HUAWEI_CSBS_ENDPOINT", simulators.huawei()),
        ("OFFSITE_HUAWEI_IAM_ENDPOINT", simulators.huawei()),
        ("OFFSITE_HUAWEI_STS_ENDPOINT", simulators.huawei()),
        ("OFFSITE_TENCENT_ENDPOINT", simulators.tencent()),
        ("OFFSITE_TENCENT_STS_ENDPOINT", simulators.tencent()),
    ]
    .into_iter()
    .fold(environment, |environment, (name, value)| environment.with(name, value));
    let token = options.security_token.clone().unwrap_or_default();
    Cloud::ALL.into_iter().fold(environment, |environment, cloud| {
        let [id_name, secret_name, token_name] = key_variables(cloud);
        environment.with(id_name, id.clone()).with(secret_name, secret.clone()).with(token_name, token.clone())
    })
}

/// Whether any provider endpoint of this environment is a simulator on this machine.
pub(crate) fn is_simulated(environment: &Environment) -> bool {
    ENDPOINT_VARIABLES.iter().filter_map(|(name, _)| environment.get(name)).any(|url| {
        let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        is_loopback(authority)
    })
}

/// The context of a command that works on the file: ledger, notes and queue are in it, and all clouds are served.
///
/// # Errors
/// Names the variable that is missing or wrong, or what is wrong with the policy; or the ledger is elsewhere.
pub fn context(environment: &Environment, database: &Database) -> Result<Context, Error> {
    if environment.get("OFFSITE_TABLE").is_some() && !is_simulated(environment) {
        return Err(Error::configuration(
            "OFFSITE_TABLE is set, and this command works on a file of this machine, which knows nothing of what is in the table: copies would be started again. Invoke the function instead, for instance with {\"action\":\"sweep\"}, or unset OFFSITE_TABLE to work on the file",
        ));
    }
    known::check(environment)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let settings = Settings::from_environment(environment, &PROVIDERS)?;
    let policy = policy_file::in_force(environment)?.map(Arc::new);
    let (ports, _) = ports(environment, &settings, clock.clone(), policy)?;
    let file = Arc::new(SqliteLedger::new(database.clone()));
    let ports = Ports {
        ledger: file.clone(),
        notes: file,
        emitter: Arc::new(LocalEmitter { queue: Queue::receipts(database.clone()), clock }),
        ..ports
    };
    Ok(Context::new(ports, settings, meter::from_environment(environment, LineMeter::Stderr, false)?))
}

/// The ports of this machine to all clouds, and what gives their credentials. Ledger and notes are in memory, and the queue takes
/// nothing.
///
/// # Errors
/// An HTTP client cannot be set up.
pub fn ports(
    environment: &Environment,
    settings: &Settings,
    clock: Arc<dyn Clock>,
    policy: Option<Arc<Policy>>,
) -> Result<(Ports, Arc<AccountSecrets>), Error> {
    let transport: Arc<dyn Transport> =
        Arc::new(HttpTransport::trusting(settings.connect_timeout, &Roots::of(environment)?)?);
    let secrets = Arc::new(reach::secrets(environment, settings, transport.clone(), clock.clone(), |to_aws| to_aws)?);
    let memory = Arc::new(MemoryLedger::default());
    let ports = Ports {
        providers: PROVIDERS.to_vec(),
        transport,
        ledger: memory.clone(),
        notes: memory,
        policies: Arc::new(FixedPolicy(policy)),
        work_queue: None,
        emitter: Arc::new(NoQueue),
        secrets: secrets.clone(),
        clock,
    };
    Ok((ports, secrets))
}

/// The context of a run that only reads: it starts nothing, reads this ledger and these notes, and what it notes down stays in memory.
///
/// # Errors
/// Names the variable that is missing or wrong.
pub(crate) fn read_only(environment: &Environment, home: &Reading) -> Result<Context, Error> {
    let mut settings = Settings::from_environment(environment, &PROVIDERS)?;
    settings.read_only = true;
    settings.connect_tries = TRIES_FOR_A_PERSON;
    let (ports, _) = ports(environment, &settings, Arc::new(SystemClock), home.policy.clone())?;
    let overlay = Arc::new(Overlay::over(home.ledger.clone(), home.notes.clone()));
    let ports = Ports { ledger: overlay.clone(), notes: overlay, ..ports };
    Ok(Context::new(ports, settings, Metrics::default()))
}

/// The context of a run that needs keys which may only read: it knows nothing from before, and its transport, over which it also signs in,
/// refuses whatever is no read and no sign-in.
///
/// # Errors
/// Names the variable that is missing or wrong.
pub(crate) fn only_reads(environment: &Environment) -> Result<Context, Error> {
    let mut settings = Settings::from_environment(environment, &PROVIDERS)?;
    settings.read_only = true;
    settings.connect_tries = TRIES_FOR_A_PERSON;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outside = Arc::new(HttpTransport::trusting(settings.connect_timeout, &Roots::of(environment)?)?);
    let only_reads = |outside| -> Arc<dyn Transport> { Arc::new(OnlyReads::new(outside, &PROVIDERS)) };
    let transport = only_reads(outside);
    let secrets = reach::secrets(environment, &settings, transport.clone(), clock.clone(), only_reads)?;
    let (ports, _) = ports(environment, &settings, clock, None)?;
    let ports = Ports { transport, secrets: Arc::new(secrets), ..ports };
    Ok(Context::new(ports, settings, Metrics::default()))
}

/// The context of a run that only reads, by these settings and this clock, and what gives its credentials.
///
/// # Errors
/// An HTTP client cannot be set up.
pub(crate) fn read_only_with(
    environment: &Environment,
    mut settings: Settings,
    clock: Arc<dyn Clock>,
    policy: Option<Arc<Policy>>,
) -> Result<(Context, Arc<AccountSecrets>), Error> {
    settings.read_only = true;
    settings.connect_tries = TRIES_FOR_A_PERSON;
    let (ports, secrets) = ports(environment, &settings, clock, policy)?;
    Ok((Context::new(ports, settings, Metrics::default()), secrets))
}

struct NoQueue;

impl Emitter for NoQueue {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        let refused = messages.iter().map(|_| Err(EmitError("this run only looks".to_owned()))).collect();
        Box::pin(async move { refused })
    }
}

/// What a report is made of.
pub(crate) struct Reading {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// What sweeps left.
    pub notes: Arc<dyn Notes>,
    /// The policy in force.
    pub policy: Option<Arc<Policy>>,
}

impl Reading {
    /// Nothing is known but the policy.
    pub(crate) fn of(policy: Option<Arc<Policy>>) -> Reading {
        let memory = Arc::new(MemoryLedger::default());
        Reading { ledger: memory.clone(), notes: memory, policy }
    }
}

/// Ledger, notes and policy of either home.
///
/// # Errors
/// Names the variable that is missing or wrong, or what is the matter with the file or the policy.
pub(crate) async fn reading(environment: &Environment, policy: Option<&Path>) -> anyhow::Result<Reading> {
    let given = policy.map(policy_file::read).transpose()?.map(Arc::new);
    if environment.get("OFFSITE_TABLE").is_some() {
        let aws = aws(environment)?;
        let stored = match given.is_some() || !environment.get("OFFSITE_POLICY").is_some_and(is_stored) {
            true => None,
            false => StoredPolicy::from_environment(environment, aws.clone(), Arc::new(SystemClock))?,
        };
        let policy = match (given, stored) {
            (Some(given), _) => Some(given),
            (None, Some(stored)) => stored.policy().await?,
            (None, None) => policy_file::in_force(environment)?.map(Arc::new),
        };
        let tables = Arc::new(tables_with(environment, &aws, policy.clone())?);
        return Ok(Reading { ledger: tables.clone(), notes: tables, policy });
    }
    let policy = match given {
        Some(given) => Some(given),
        None => policy_file::in_force(environment)?.map(Arc::new),
    };
    let path = database_path(environment);
    if !path.exists() {
        // Nothing was done yet, which is an answer too; no file is made for it.
        return Ok(Reading::of(policy));
    }
    let file = Arc::new(SqliteLedger::new(Database::open(&path)?));
    Ok(Reading { ledger: file.clone(), notes: file, policy })
}

/// Whose the AWS credential is, where the ledger is on AWS; `None` where it is the file.
///
/// # Errors
/// AWS does not say it.
pub(crate) async fn caller(environment: &Environment) -> anyhow::Result<Option<String>> {
    if environment.get("OFFSITE_TABLE").is_none() {
        return Ok(None);
    }
    Ok(Some(caller::arn(environment, &*aws(environment)?).await?))
}

/// The queue of either home: SQS at `QUEUE_URL` when the ledger is on AWS, else the one in the file.
///
/// # Errors
/// Names the variable that is missing or wrong, or what is the matter with the file.
pub(crate) fn emitter(environment: &Environment) -> anyhow::Result<Arc<dyn Emitter>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if environment.get("OFFSITE_TABLE").is_some() {
        return Ok(Arc::new(SqsEmitter::from_environment(environment, aws(environment)?, clock)?));
    }
    let database = Database::open(&database_path(environment))?;
    Ok(Arc::new(LocalEmitter { queue: Queue::receipts(database), clock }))
}

/// The ledger of either home: DynamoDB where `OFFSITE_TABLE` is set, else the file.
///
/// # Errors
/// Names the variable that is missing or wrong, or what is the matter with the file.
pub(crate) fn ledger(environment: &Environment) -> anyhow::Result<Arc<dyn Ledger>> {
    if environment.get("OFFSITE_TABLE").is_none() {
        let path = database_path(environment);
        anyhow::ensure!(
            path.exists(),
            "there is no ledger at {}: set OFFSITE_DB to the file, or OFFSITE_TABLE for the one on AWS",
            path.display()
        );
        return Ok(Arc::new(SqliteLedger::new(Database::open(&path)?)));
    }
    Ok(tables(environment)?)
}

/// The tables that `OFFSITE_TABLE` names, for their records and for what only a table is asked.
///
/// # Errors
/// Names the variable that is missing or wrong.
pub(crate) fn tables(environment: &Environment) -> anyhow::Result<Arc<Tables>> {
    Ok(Arc::new(tables_with(environment, &aws(environment)?, None)?))
}

/// A store of notes, and the cloud that alone uses it.
pub(crate) struct Store {
    /// The cloud; `None` if all use it.
    pub cloud: Option<Cloud>,
    /// What people call it.
    pub name: String,
    /// The notes.
    pub notes: Arc<dyn Notes>,
}

/// Each store of notes of either home: one for each table, or the file's.
///
/// # Errors
/// Names the variable that is missing or wrong, or what is the matter with the file.
pub(crate) fn stores(environment: &Environment) -> anyhow::Result<Vec<Store>> {
    if environment.get("OFFSITE_TABLE").is_some() {
        let store =
            |part: &Part| Store { cloud: part.cloud, name: format!("table {}", part.name), notes: part.table.clone() };
        return Ok(tables(environment)?.parts().iter().map(store).collect());
    }
    let path = database_path(environment);
    let notes = Arc::new(SqliteLedger::new(Database::open(&path)?));
    Ok(vec![Store { cloud: None, name: path.display().to_string(), notes }])
}

fn tables_with(environment: &Environment, aws: &Arc<Aws>, policy: Option<Arc<Policy>>) -> anyhow::Result<Tables> {
    let names = environment.get("OFFSITE_TABLE").unwrap_or_default();
    Ok(Tables::from_environment(environment, aws, names, Arc::new(FixedPolicy(policy)))?)
}

/// Reads the ledger page by page, so that a large one never lies in memory as a whole.
///
/// # Errors
/// The ledger cannot be read, or `see` refuses a page.
pub(crate) async fn each_page(
    ledger: &dyn Ledger,
    filter: &RecordFilter,
    mut see: impl FnMut(RecordPage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after: Option<Key> = None;
    loop {
        let mut page = ledger.list(filter, after.as_ref(), 500).await?;
        after = page.next.take();
        see(page)?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Puts messages on the queue in the file.
struct LocalEmitter {
    queue: Queue,
    clock: Arc<dyn Clock>,
}

impl Emitter for LocalEmitter {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(messages.len());
            for message in messages {
                let outgoing = Outgoing { id: message.id.clone(), body: message.event.to_string() };
                let sent = self.queue.send(outgoing, self.clock.now()).await;
                outcomes.push(sent.map(drop).map_err(|error| EmitError(error.to_string())));
            }
            outcomes
        })
    }
}
