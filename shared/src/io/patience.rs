//! How long the services around us are asked again: not beyond the invocation that needs the answer.

use std::time::Duration;

use jiff::Timestamp;

use crate::ports::Clock;

tokio::task_local! {
    /// The moment at which the invocation under way begins no further exchange.
    static STOP: Timestamp;
}

/// Does `work`, whose questions to services around us are not repeated beyond `stop`.
pub async fn until<F: Future>(stop: Timestamp, work: F) -> F::Output {
    STOP.scope(stop, work).await
}

/// How long a service may be asked from now on: `most`, or what is left to the work under way if that is less.
pub(super) fn patience(clock: &dyn Clock, most: Duration) -> Duration {
    let left = |stop: &Timestamp| Duration::try_from(stop.duration_since(clock.now())).unwrap_or_default();
    STOP.try_with(left).map_or(most, |left| left.min(most))
}
