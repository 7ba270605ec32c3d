//! How calls to AWS fail: for now, or until somebody changes something.

use serde_json::Value;

use crate::model::error::ErrorName;

/// Why an AWS call failed.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// The error's short name, such as `ConditionalCheckFailedException`, or `connect`, `no_answer`.
    pub(crate) code: String,
    /// The service's message, as one line.
    pub(crate) message: String,
    /// The whole body of the error; null if there was none that is JSON.
    pub(crate) body: Value,
    /// Whether the same call may succeed later: nobody answered, the service was busy, or it failed by itself.
    pub(crate) is_transient: bool,
}

impl AwsError {
    /// The kind of error that a caller of ours gets: what will not pass by itself is a matter of configuration.
    pub(crate) fn name(&self) -> ErrorName {
        if self.is_transient { ErrorName::Unavailable } else { ErrorName::Configuration }
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Whether an answer says that the same call may succeed later. Sources: AWS SDKs and Tools Reference Guide, "Retry behavior"; S3, SSM,
/// Secrets Manager and STS API references, error codes, 2026.
pub(super) fn is_transient(status: u16, code: &str) -> bool {
    const BUSY: [&str; 11] = [
        "Throttl",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "TooManyRequests",
        "TooManyUpdates",
        "SlowDown",
        "RequestTimeout",
        "TransactionConflict",
        "PriorRequestNotComplete",
        "IDPCommunicationError",
    ];
    status >= 500 || matches!(status, 200 | 408 | 429) || BUSY.iter().any(|part| code.contains(part))
}

/// An error without a body.
pub(super) fn failed(code: &str, message: String, is_transient: bool) -> AwsError {
    AwsError { code: code.to_owned(), message, body: Value::Null, is_transient }
}
