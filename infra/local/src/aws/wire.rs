//! How operations end: an answer, or an error in AWS's words.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::home::database::DatabaseError;

/// An error as AWS words it: `__type`, `message` and a status.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceError {
    pub(crate) status: u16,
    /// The full shape name, say `com.amazonaws.sqs#QueueDoesNotExist`.
    pub(crate) kind: String,
    pub(crate) message: String,
    /// The name of the error in the query protocol, which SQS repeats in a header.
    pub(crate) query_code: Option<String>,
    /// Further members of the body.
    pub(crate) members: Map<String, Value>,
}

impl ServiceError {
    pub(crate) fn new(status: u16, kind: &str, message: impl Into<String>) -> ServiceError {
        let (kind, message) = (kind.to_owned(), message.into());
        ServiceError { status, kind, message, query_code: None, members: Map::new() }
    }
}

/// What ends an operation early: an answer for the client, or the database.
#[derive(Debug)]
pub(crate) enum Stop {
    Service(ServiceError),
    Sql(rusqlite::Error),
}

impl From<ServiceError> for Stop {
    fn from(error: ServiceError) -> Stop {
        Stop::Service(error)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        Stop::Sql(error)
    }
}

/// Splits an operation's result for [`Database::write`]: only SQLite's errors undo the transaction,
/// so an operation refuses a request before it writes anything.
pub(crate) fn settle<T>(result: Result<T, Stop>) -> rusqlite::Result<Result<T, ServiceError>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Service(error)) => Ok(Err(error)),
        Err(Stop::Sql(error)) => Err(error),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An identifier in UUID form, fixed by its parts.
pub(crate) fn uuid_of(parts: &[&str]) -> String {
    let digest = hex(Sha256::digest(parts.join("\u{1f}")));
    let part = |range: std::ops::Range<usize>| digest.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

/// The answer to an operation AWS, or this emulator, does not have.
pub(crate) fn unknown_operation() -> ServiceError {
    ServiceError::new(400, "com.amazon.coral.service#UnknownOperationException", "")
}

/// A failure of the file, as a failure of the service; the cause goes to the log.
pub(crate) fn internal(error: &DatabaseError) -> ServiceError {
    tracing::error!(%error, "the local AWS could not use its file");
    ServiceError::new(500, "com.amazon.coral.service#InternalFailure", error.to_string())
}

pub(super) fn respond(result: Result<Value, ServiceError>, request_id: &str) -> Response {
    let (status, body, query_code) = match result {
        Ok(body) => (200, body, None),
        Err(error) => {
            let mut members = error.members;
            members.insert("__type".into(), error.kind.into());
            members.insert("message".into(), error.message.into());
            (error.status, Value::Object(members), error.query_code)
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    let mut text = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    text("x-amzn-requestid", request_id);
    if let Some(code) = query_code {
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        text("x-amzn-query-error", &format!("{code};{fault}"));
    }
    response
}
