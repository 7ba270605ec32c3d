//! Scripted failures of the local AWS, by operation.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The call is refused, and nothing of it is done.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The error's `__type`.
        kind: &'static str,
    },
    /// These entries of an SQS batch (counted from 0) fail as the service's fault; the rest are done.
    FailEntries(Vec<usize>),
    /// The call is done, but only after this time.
    Delay(Duration),
    /// The connection breaks with nothing done.
    DropBefore,
    /// The call is done, and the connection breaks before the answer.
    DropAfter,
}

impl Fault {
    /// SQS or DynamoDB is not available: 503.
    pub const UNAVAILABLE: Fault = Fault::Refuse { status: 503, kind: "com.amazon.coral.service#ServiceUnavailable" };
    /// DynamoDB throttles.
    pub const THROTTLED: Fault =
        Fault::Refuse { status: 400, kind: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException" };
}

/// The failures still to come, used up in the order they were scripted.
#[derive(Debug, Default)]
pub struct Faults {
    script: Mutex<VecDeque<(String, Fault)>>,
}

impl Faults {
    /// The next `times` calls of `operation` (say `SendMessageBatch`) meet this fault.
    pub fn next(&self, operation: &str, times: usize, fault: Fault) {
        self.script().extend((0..times).map(|_| (operation.to_owned(), fault.clone())));
    }

    /// How many scripted faults have not happened yet.
    pub fn pending(&self) -> usize {
        self.script().len()
    }

    /// Forgets what has not happened yet.
    pub fn clear(&self) {
        self.script().clear();
    }

    pub(crate) fn take(&self, operation: &str) -> Option<Fault> {
        let mut script = self.script();
        let found = script.iter().position(|(name, _)| name == operation)?;
        script.remove(found).map(|(_, fault)| fault)
    }

    fn script(&self) -> MutexGuard<'_, VecDeque<(String, Fault)>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
