//! Repeating what certainly was not applied: throttled calls, and calls that were never sent.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;

use super::{Target, pace};
use crate::context::silence::May;
use crate::context::{Context, RESERVE};
use crate::model::failure::{Disposition, Failure, NO_CREDENTIAL};
use crate::model::time::later;
use crate::providers::call::Call;
use crate::settings::MOST_TRIES;

/// Repeats `attempt` to send `call` while time is left and its failure means that the call certainly was not applied. While the place is
/// silent only one caller at a time does, and the others fail at once.
pub(crate) async fn with_retry<T, F>(
    ctx: &Context,
    target: Target<'_>,
    call: &Call,
    stop: Timestamp,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(ctx.settings.backoff)
        .with_max_delay(Duration::from_secs(20))
        .with_max_times(MOST_TRIES - 1)
        .with_jitter()
        .with_jitter_seed(ctx.ports.clock.nonce().seed())
        .build();
    let place = Some((call.service, call.region.as_str()));
    let mut turn = None;
    let mut unconnected = 0;
    loop {
        if turn.is_none() {
            match ctx.memory.silence.may_ask(place, || ctx.now()) {
                May::Ask => {}
                May::Try(mine) => turn = Some(mine),
                May::Not => return Err(silent(call)),
            }
        }
        let failure = match attempt().await {
            Ok(value) => {
                ctx.memory.silence.answered(place);
                return Ok(value);
            }
            Err(failure) => failure,
        };
        let now = ctx.now();
        match is_silence(&failure) {
            true => ctx.memory.silence.failed(place, now),
            false => ctx.memory.silence.answered(place),
        }
        if failure.disposition == Disposition::Throttled {
            ctx.memory.metrics.count_throttled(target.provider.cloud(), target.rule);
            // Our own limit has no code of the provider, and nothing was sent.
            if failure.code != pace::OWN_LIMIT {
                pace::throttled(ctx, target, call);
            }
        }
        // A credential is asked for again where it is got.
        let again = matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable);
        if !again || matches!(failure.code.as_str(), "deadline" | NO_CREDENTIAL) {
            return Err(failure);
        }
        unconnected += usize::from(failure.code == "connect");
        if unconnected >= ctx.settings.connect_tries {
            return Err(failure);
        }
        let Some(delay) = delays.next() else { return Err(failure) };
        let delay = delay.max(failure.after.unwrap_or_default());
        if later(now, delay + RESERVE) >= stop {
            return Err(failure);
        }
        tracing::info!(code = failure.code, delay_ms = delay.as_millis() as u64, "certainly not applied; trying again");
        ctx.ports.clock.sleep(delay).await;
    }
}

/// Whether a failure shows a place that does not answer, or answers that it is out of order.
pub(crate) fn is_silence(failure: &Failure) -> bool {
    let code = failure.code.as_str();
    matches!(code, "connect" | "no_answer" | "silent") || code.starts_with("http_5")
}

fn silent(call: &Call) -> Failure {
    Failure::local(
        Disposition::Retryable,
        "silent",
        format!(
            "{} in {} was not sent: the last requests there got no answer, and another one is asking",
            call.action, call.region
        ),
        "it starts again once an answer comes",
    )
}
