//! What a log says of each replication: why something was not started. What was accepted is in its message.

use super::outcome::{Outcome, ReplicationResult};

/// Logs a result of this event, if it says more than its message does.
pub(crate) fn log_result(event_id: &str, result: &ReplicationResult) {
    if let Outcome::Noted { state, reason } = &result.outcome {
        let state: &str = (*state).into();
        tracing::info!(event_id, state, "{reason}");
    }
    if let Outcome::Not(trouble) = &result.outcome {
        let state: &str = trouble.state.into();
        tracing::warn!(
            event_id,
            state,
            name = trouble.error.name.name(),
            code = trouble.code,
            request_id = trouble.request_id,
            "{}",
            trouble.error.message
        );
    }
}
