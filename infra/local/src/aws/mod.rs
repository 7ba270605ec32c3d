//! What the Lambda binaries call on AWS: SQS and DynamoDB, answered from the one SQLite file, and reads of secrets, parameters and
//! identity tokens.
//!
//! One server on one port serves all, told apart by `X-Amz-Target`, as the real JSON protocols
//! are, and STS by its form. Every request must carry a valid SigV4 signature of the configured key. What is not
//! emulated is refused with the error AWS has for an unknown operation, never ignored.
//! Nothing here was compared with a live AWS account; shapes follow the public API references.

mod clock;
mod dynamodb;
pub mod faults;
mod kept;
mod listener;
mod signature;
mod sqs;
mod sts;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::home::database::{Database, DatabaseError};
use faults::{Fault, Faults};
use listener::{CuttableListener, Peer};
use wire::{Service, ServiceError, respond, unknown_operation};

pub use clock::Clock;
pub(crate) use clock::machine_clock;
pub(crate) use wire::{ACCOUNT, uuid_of};

/// The largest request read: DynamoDB's largest is 16 MiB.
/// Source: Amazon DynamoDB Developer Guide, "Quotas", 2026.
const LARGEST_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// What a local AWS is started with.
pub struct Options {
    /// The file that holds queues and tables.
    pub database: Database,
    /// The only access key that is accepted.
    pub access_key_id: String,
    /// The secret of that access key.
    pub secret_access_key: SecretString,
    /// A fixed port, or any free one.
    pub port: Option<u16>,
    /// The clock for the times of messages and the window in which a signature is valid.
    pub clock: Clock,
}

impl Options {
    /// Options with any free port and the machine's clock.
    pub fn new(database: Database, access_key_id: &str, secret_access_key: SecretString) -> Options {
        Options {
            database,
            access_key_id: access_key_id.to_owned(),
            secret_access_key,
            port: None,
            clock: machine_clock(),
        }
    }
}

/// A running server; dropping it stops it.
pub struct LocalAws {
    address: SocketAddr,
    kept: Arc<kept::TextStore>,
    faults: Arc<Faults>,
    database: Database,
    clock: Clock,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl LocalAws {
    /// Starts serving on 127.0.0.1; the queue of receipts exists from the start.
    ///
    /// # Errors
    /// When the port is taken or the file cannot be written.
    pub async fn start(options: Options) -> Result<LocalAws, StartError> {
        let port = options.port.unwrap_or(0);
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| StartError::Port { port, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Port { port, source })?;
        let (faults, kept) = (Arc::new(Faults::default()), Arc::new(kept::TextStore::default()));
        let (stop, mut stopping) = watch::channel(false);
        let (database, clock) = (options.database.clone(), options.clock.clone());
        let server = Arc::new(Server {
            sqs: sqs::Sqs::new(options.database.clone(), options.clock.clone()),
            dynamodb: dynamodb::DynamoDb::new(options.database.clone(), options.clock.clone()),
            key: signature::Key { id: options.access_key_id, secret: options.secret_access_key },
            clock: options.clock,
            faults: faults.clone(),
            kept: kept.clone(),
            requests: AtomicU64::new(0),
        });
        let router = axum::Router::new().fallback(answer).with_state(server);
        let service = router.into_make_service_with_connect_info::<Peer>();
        let server = tokio::spawn(async move {
            let serve = axum::serve(CuttableListener::new(listener), service);
            let graceful = serve.with_graceful_shutdown(async move {
                let _ = stopping.wait_for(|stop| *stop).await;
            });
            let _ = graceful.await;
        });
        let aws = LocalAws { address, kept, faults, database, clock, stop, server };
        aws.create_queue(crate::home::queue::RECEIPTS).await?;
        Ok(aws)
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a queue; see [`LocalAws::create_queue`].
    pub fn queue_url(&self, name: &str) -> String {
        sqs::queue_url(&self.endpoint(), name)
    }

    /// The switch for scripted failures.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Keeps the text of a secret under its ARN; the text before is gone.
    pub fn keep_secret(&self, arn: &str, text: &str) {
        self.kept.put(Service::SecretsManager, arn, text);
    }

    /// Keeps the value of a parameter under its name; the value before is gone.
    pub fn keep_parameter(&self, name: &str, value: &str) {
        self.kept.put(Service::Parameters, name, value);
    }

    /// Creates a queue unless it exists, and returns its URL. Its messages are ordered if its name ends in `.fifo`.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn create_queue(&self, name: &str) -> Result<String, DatabaseError> {
        let (owned, now) = (name.to_owned(), (self.clock)());
        self.database.write(move |connection| sqs::ensure_queue(connection, &owned, now)).await?;
        Ok(self.queue_url(name))
    }

    /// Stops accepting, lets requests under way finish, and returns when the port is free.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.server).await;
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.server.abort();
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port could not be bound.
    #[error("127.0.0.1:{port} cannot be used: {source}")]
    Port {
        /// The port asked for; 0 for any.
        port: u16,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file could not be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

struct Server {
    sqs: sqs::Sqs,
    dynamodb: dynamodb::DynamoDb,
    key: signature::Key,
    clock: Clock,
    faults: Arc<Faults>,
    kept: Arc<kept::TextStore>,
    requests: AtomicU64,
}

async fn answer(State(server): State<Arc<Server>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response {
    let number = server.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = uuid_of(&[&(server.clock)().to_string(), &number.to_string()]);
    let (parts, body) = request.into_parts();
    let result = match to_bytes(body, LARGEST_REQUEST_BYTES).await {
        Ok(body) if sts::is_meant(&parts) => {
            return sts::answer(&parts, &body, &server.key, (server.clock)(), &server.faults);
        }
        Ok(body) => server.serve(&parts, &body, &peer).await,
        Err(_) => Err(ServiceError::new(413, "com.amazon.coral.service#RequestTooLarge", "the request is too large")),
    };
    respond(result, &request_id)
}

impl Server {
    async fn serve(&self, parts: &axum::http::request::Parts, body: &[u8], peer: &Peer) -> Result<Value, ServiceError> {
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        let Some((service, operation)) = target.and_then(Service::of) else {
            return Err(unknown_operation());
        };
        signature::verify(parts, body, service.scope(), &self.key, (self.clock)())?;
        let input: Value = serde_json::from_slice(body)
            .map_err(|_| ServiceError::new(400, "com.amazon.coral.service#SerializationException", ""))?;
        let Value::Object(input) = input else {
            return Err(ServiceError::new(400, "com.amazon.coral.service#SerializationException", ""));
        };
        let fault = self.faults.take(operation);
        match &fault {
            Some(Fault::Refuse { status, kind }) => {
                return Err(ServiceError::new(*status, kind, "scripted failure"));
            }
            Some(Fault::DropBefore) => {
                peer.cut();
                return Ok(json!({}));
            }
            Some(Fault::Delay(delay)) => wait(*delay).await,
            _ => {}
        }
        let failing = match &fault {
            Some(Fault::FailEntries(indices)) => indices.as_slice(),
            _ => &[],
        };
        let result = match service {
            Service::DynamoDb => self.dynamodb.run(operation, input).await,
            Service::SecretsManager | Service::Parameters => self.kept.run(service, operation, &input),
            Service::Sqs => self.sqs.run(operation, input, failing).await,
        };
        if matches!(fault, Some(Fault::DropAfter)) {
            peer.cut();
        }
        result
    }
}

#[allow(clippy::disallowed_methods)] // The edge: a scripted delay is real time.
async fn wait(delay: std::time::Duration) {
    tokio::time::sleep(delay).await;
}
