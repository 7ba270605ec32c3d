//! How operations end: an answer, or an error in AWS's words.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::home::database::DatabaseError;

/// The account in queue URLs and ARNs.
pub(crate) const ACCOUNT: &str = "000000000000";

/// A service of AWS that speaks JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    Sqs,
    DynamoDb,
    SecretsManager,
    Parameters,
}

impl Service {
    /// The service and the operation that `X-Amz-Target` names.
    pub(super) fn of(target: &str) -> Option<(Service, &str)> {
        let (prefix, operation) = target.split_once('.')?;
        match prefix {
            "AmazonSQS" => Some((Service::Sqs, operation)),
            "DynamoDB_20120810" => Some((Service::DynamoDb, operation)),
            "secretsmanager" => Some((Service::SecretsManager, operation)),
            "AmazonSSM" => Some((Service::Parameters, operation)),
            _ => None,
        }
    }

    /// The service's name in the scope of a signature.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Service::Sqs => "sqs",
            Service::DynamoDb => "dynamodb",
            Service::SecretsManager => "secretsmanager",
            Service::Parameters => "ssm",
        }
    }
}

/// An error as AWS words it: `__type`, `message` and a status.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceError {
    pub(super) status: u16,
    /// The full shape name, say `com.amazonaws.sqs#QueueDoesNotExist`.
    pub(super) kind: String,
    pub(super) message: String,
    /// The name of the error in the query protocol, which SQS repeats in a header.
    pub(super) query_code: Option<String>,
    /// Further members of the body.
    pub(super) members: Map<String, Value>,
}

impl ServiceError {
    pub(super) fn new(status: u16, kind: &str, message: impl Into<String>) -> ServiceError {
        let (kind, message) = (kind.to_owned(), message.into());
        ServiceError { status, kind, message, query_code: None, members: Map::new() }
    }
}

/// What ends an operation early: an answer for the client, or the database.
#[derive(Debug)]
pub(super) enum Stop {
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
pub(super) fn settle<T>(result: Result<T, Stop>) -> rusqlite::Result<Result<T, ServiceError>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Service(error)) => Ok(Err(error)),
        Err(Stop::Sql(error)) => Err(error),
    }
}

/// An identifier in UUID form, fixed by its parts.
pub(crate) fn uuid_of(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\u{1f}"));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| digest.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

/// The answer to an operation AWS, or this emulator, does not have.
pub(super) fn unknown_operation() -> ServiceError {
    ServiceError::new(400, "com.amazon.coral.service#UnknownOperationException", "")
}

/// A failure of the file, as a failure of the service; the cause goes to the log.
pub(super) fn internal(error: &DatabaseError) -> ServiceError {
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
