//! The report of an installation, made on a schedule and kept in S3, without a cloud's key.
//!
//! - [`setup`]: what the function holds, from its environment.
//! - [`run`]: one report, from reading the ledger to measuring what it came to.
//!
//! **Invariant:** it reads ledger, notes and policy, and writes nothing but objects below one prefix.

pub mod run;
pub mod setup;

use std::sync::Arc;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::lambda;

/// Answers each invocation with a report, until the platform ends the process.
///
/// # Errors
/// The configuration is wrong, or the runtime API cannot be reached.
pub async fn serve() -> Result<(), lambda_runtime::Error> {
    let build = |environment: &_| setup::Setup::from_environment(environment, Arc::new(SystemClock));
    lambda::serve(build, |setup, payload, _| Box::pin(run::run(setup, payload))).await
}
