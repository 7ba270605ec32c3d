//! Where the local AWS takes its time from.

use std::sync::Arc;

use jiff::Timestamp;

/// Where the time comes from; tests and the demo move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
#[allow(clippy::disallowed_methods, reason = "the edge: everything else takes a `Clock`")]
pub(crate) fn machine_clock() -> Clock {
    Arc::new(Timestamp::now)
}
