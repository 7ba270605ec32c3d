//! The real clock and real random numbers: no other module may use them.

use std::time::Duration;

use jiff::Timestamp;

use crate::ports::{Boxed, Clock};
use crate::sign::{Nonce, canonical};

/// The system's clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// The time in whole milliseconds, so that what is recorded and sent is easy to read.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    #[allow(clippy::disallowed_methods)]
    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    #[allow(clippy::disallowed_methods)]
    fn nonce(&self) -> Nonce {
        let mut bytes = [0u8; 16];
        if let Err(error) = getrandom::fill(&mut bytes) {
            // Without randomness no request may be signed. The panic stops this record, not the process.
            panic!("the operating system gives no random numbers: {error}");
        }
        Nonce(canonical::hex(&bytes))
    }
}
