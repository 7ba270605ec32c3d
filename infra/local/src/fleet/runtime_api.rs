//! The Lambda Runtime API for one process: hands it events, takes its answers.
//!
//! Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes"
//! (version 2018-06-01), 2026. Lambda gives an execution environment one event at a time; further
//! invocations wait their turn here, in the order they were made.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::aws::{ACCOUNT, Clock, machine_clock, uuid_of};

/// The largest answer of a function: 6 MB.
/// Source: AWS Lambda Developer Guide, "Lambda quotas", 2026.
const LARGEST_ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// How long a process may take until it first asks for an event.
/// Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle", 2026.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Why an invocation gave no result; `error_type` is what a workflow matches on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function answered with an error.
    #[error("{error_type}: {error_message}")]
    Function {
        /// The function's own name for it.
        error_type: String,
        /// Its words.
        error_message: String,
    },
    /// The function could not start and said why.
    #[error("at start, {error_type}: {error_message}")]
    Init {
        /// The function's own name for it.
        error_type: String,
        /// Its words.
        error_message: String,
    },
    /// The process ended before it answered.
    #[error("Runtime.ExitError: {reason}")]
    Exited {
        /// How it ended.
        reason: String,
    },
    /// No answer came within the function's time.
    #[error("Sandbox.Timedout: no answer within {after:?}")]
    TimedOut {
        /// The time it had.
        after: Duration,
    },
}

impl InvokeError {
    /// The name Step Functions sees, say `Offsite.Rejected`, `Runtime.ExitError` or `Sandbox.Timedout`.
    pub fn error_type(&self) -> &str {
        match self {
            InvokeError::Function { error_type, .. } | InvokeError::Init { error_type, .. } => error_type,
            InvokeError::Exited { .. } => "Runtime.ExitError",
            InvokeError::TimedOut { .. } => "Sandbox.Timedout",
        }
    }
}

/// The API for one process; dropping it ends it.
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    turn: tokio::sync::Mutex<()>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    /// Starts serving on a free port of 127.0.0.1, by the machine's clock.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> std::io::Result<RuntimeApi> {
        RuntimeApi::start_with("function", machine_clock(), None).await
    }

    /// Starts serving for a function of this name; deadlines are told by `clock`, unless one number is told always.
    ///
    /// # Errors
    /// When no port can be bound.
    pub(crate) async fn start_with(
        function_name: &str,
        clock: Clock,
        deadline: Option<u64>,
    ) -> std::io::Result<RuntimeApi> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function_name}");
        let shared = Arc::new(Shared {
            clock,
            deadline,
            arn,
            address: address.to_string(),
            counter: AtomicU64::new(0),
            current: Mutex::default(),
            offered: Notify::new(),
            ended: watch::Sender::new(None),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(LARGEST_ANSWER_BYTES))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(RuntimeApi { address, shared, turn: tokio::sync::Mutex::default(), server })
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Gives the process an event and waits for its answer, after those who came before.
    ///
    /// The time counts from when the process takes the event; a fresh one has 10 seconds to ask.
    ///
    /// # Errors
    /// [`InvokeError`]. After a timeout Lambda kills the process; here its owner does.
    pub async fn invoke(&self, payload: Value, timeout: Duration) -> Result<Value, InvokeError> {
        let _turn = self.turn.lock().await;
        let mut ended = self.shared.ended.subscribe();
        let (answer, mut answered) = oneshot::channel();
        let (taken, mut was_taken) = oneshot::channel();
        let _offer = self.shared.offer(payload, timeout, answer, taken);
        let work = async {
            let patience = timeout.max(INIT_LIMIT);
            let late = InvokeError::TimedOut { after: patience };
            tokio::time::timeout(patience, &mut was_taken).await.map_err(|_| late)?.ok();
            let late = InvokeError::TimedOut { after: timeout };
            match tokio::time::timeout(timeout, &mut answered).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(InvokeError::Exited { reason: "the runtime API was stopped".to_owned() }),
                Err(_) => Err(late),
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            end = ended.wait_for(Option::is_some) => match end {
                // An answer may have come just before the process went.
                Ok(end) => answered.try_recv().unwrap_or_else(|_| Err(end.clone().unwrap_or_else(|| exited("")))),
                Err(_) => Err(exited("the runtime API was stopped")),
            },
        }
    }

    /// Says that the process is gone: whoever waits, now or later, learns it at once.
    pub fn process_exited(&self, reason: &str) {
        self.shared.end(exited(reason));
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn exited(reason: &str) -> InvokeError {
    InvokeError::Exited { reason: reason.to_owned() }
}

type Outcome = Result<Value, InvokeError>;

struct Shared {
    clock: Clock,
    deadline: Option<u64>,
    arn: String,
    address: String,
    counter: AtomicU64,
    current: Mutex<Option<Invocation>>,
    offered: Notify,
    /// Why nothing can be invoked any more.
    ended: watch::Sender<Option<InvokeError>>,
}

struct Invocation {
    id: String,
    payload: String,
    timeout: Duration,
    /// Used up when the process takes the event.
    taken: Option<oneshot::Sender<()>>,
    answer: oneshot::Sender<Outcome>,
}

/// Withdraws an invocation nobody waits for any more.
struct Offer<'a> {
    shared: &'a Shared,
    id: String,
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        let mut current = self.shared.current();
        if current.as_ref().is_some_and(|invocation| invocation.id == self.id) {
            *current = None;
        }
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Invocation>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offer(
        &self,
        payload: Value,
        timeout: Duration,
        answer: oneshot::Sender<Outcome>,
        taken: oneshot::Sender<()>,
    ) -> Offer<'_> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let id = uuid_of(&[&self.address, &number.to_string(), &(self.clock)().to_string()]);
        let invocation =
            Invocation { id: id.clone(), payload: payload.to_string(), timeout, taken: Some(taken), answer };
        *self.current() = Some(invocation);
        self.offered.notify_one();
        Offer { shared: self, id }
    }

    /// Hands the waiting event to the process, once.
    fn take(&self) -> Option<Response> {
        let mut current = self.current();
        let invocation = current.as_mut()?;
        invocation.taken.take()?.send(()).ok()?;
        let now: Timestamp = (self.clock)();
        let timeout = i64::try_from(invocation.timeout.as_millis()).unwrap_or(i64::MAX);
        let deadline = self
            .deadline
            .map_or_else(|| now.as_millisecond().saturating_add(timeout).to_string(), |deadline| deadline.to_string());
        let trace =
            format!("Root=1-{:08x}-{}", now.as_second(), invocation.id.replace('-', "").get(..24).unwrap_or_default());
        let mut response = invocation.payload.clone().into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let values = [
            ("lambda-runtime-aws-request-id", invocation.id.as_str()),
            ("lambda-runtime-deadline-ms", &deadline),
            ("lambda-runtime-invoked-function-arn", &self.arn),
            ("lambda-runtime-trace-id", &format!("{trace};Sampled=0")),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        Some(response)
    }

    /// Settles the invocation the process is working on.
    fn settle(&self, id: &str, outcome: Outcome) -> Response {
        let mut current = self.current();
        match current.take() {
            Some(invocation) if invocation.id == id && invocation.taken.is_none() => {
                let _ = invocation.answer.send(outcome);
                accepted()
            }
            other => {
                *current = other;
                refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
            }
        }
    }

    fn end(&self, reason: InvokeError) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(reason);
            }
            first
        });
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    loop {
        let offered = shared.offered.notified();
        if let Some(response) = shared.take() {
            return response;
        }
        offered.await;
    }
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER_BYTES} bytes).");
        let outcome = Err(InvokeError::Function {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            error_message: message.clone(),
        });
        shared.settle(&id, outcome);
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    };
    let outcome = match serde_json::from_slice(&body) {
        _ if body.is_empty() => Ok(Value::Null),
        Ok(value) => Ok(value),
        Err(error) => Err(InvokeError::Function {
            error_type: "Runtime.MalformedResponse".to_owned(),
            error_message: format!("the answer is not JSON: {error}"),
        }),
    };
    shared.settle(&id, outcome)
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let (error_type, error_message) = diagnosis(&headers, &body);
    shared.settle(&id, Err(InvokeError::Function { error_type, error_message }))
}

async fn init_error(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let (error_type, error_message) = diagnosis(&headers, &body);
    shared.end(InvokeError::Init { error_type, error_message });
    accepted()
}

/// What went wrong: the body says it best, the header is the runtime's general name for it.
fn diagnosis(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let general = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let error_type = text("errorType").unwrap_or_else(|| general.unwrap_or("Runtime.Unknown").to_owned());
    (error_type, text("errorMessage").unwrap_or_default())
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], json!({ "status": "OK" }).to_string())
        .into_response()
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
