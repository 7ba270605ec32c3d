//! The door: takes notifications of whoever can post, and hands those that are verified to a work queue, as hints.
//!
//! Outer walls come first, each cheaper than the next: the API's throttle, [`request`] (size, a secret path, a sender that is known), and then
//! the signature, which [`webhook`] and [`smn`] check. [`certificate`] says whose key a certificate holds, [`certificates`] gets it, [`senders`] is
//! the secret that says who may knock. [`run`] puts them in order.
//!
//! **Invariant:** a stranger gets a status and nothing else, and no line in the log. **Invariant:** nothing of a notification is a command:
//! what is handed on makes somebody look, and the policy says what follows.

pub mod certificate;
pub mod certificates;
pub mod refused;
pub mod request;
pub mod run;
pub mod senders;
pub mod setup;
pub mod smn;
pub mod tally;
pub mod webhook;

use std::sync::Arc;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::lambda;

/// Answers each request, until the platform ends the process.
///
/// # Errors
/// The configuration is wrong, or the runtime API cannot be reached.
pub async fn serve() -> Result<(), lambda_runtime::Error> {
    let build = |environment: &_| setup::Setup::from_environment(environment, Arc::new(SystemClock));
    lambda::serve(build, |setup, payload, _| Box::pin(run::run(setup, payload))).await
}
