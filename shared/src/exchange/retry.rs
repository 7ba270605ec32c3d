//! Repeating what certainly was not applied: throttled calls, and calls that were never sent.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;

use super::Target;
use crate::context::{Context, RESERVE};
use crate::model::failure::{Disposition, Failure, NO_CREDENTIAL};
use crate::model::time::later;

/// Repeats `attempt` while time is left and its failure means that the call certainly was not applied.
pub(crate) async fn with_retry<T, F>(
    ctx: &Context,
    target: Target<'_>,
    stop: Timestamp,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(ctx.settings.backoff)
        .with_max_delay(Duration::from_secs(20))
        .with_max_times(6)
        .with_jitter()
        .with_jitter_seed(ctx.ports.clock.nonce().seed())
        .build();
    loop {
        let failure = match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        if failure.disposition == Disposition::Throttled {
            ctx.memory.metrics.count_throttled(target.provider.cloud(), target.rule);
        }
        // A credential is asked for again where it is got.
        let again = matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable);
        if !again || matches!(failure.code.as_str(), "deadline" | NO_CREDENTIAL) {
            return Err(failure);
        }
        let Some(delay) = delays.next() else { return Err(failure) };
        let delay = delay.max(failure.after.unwrap_or_default());
        if later(ctx.now(), delay + RESERVE) >= stop {
            return Err(failure);
        }
        tracing::info!(code = failure.code, delay_ms = delay.as_millis() as u64, "certainly not applied; trying again");
        ctx.ports.clock.sleep(delay).await;
    }
}
