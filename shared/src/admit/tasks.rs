//! Checks a command and turns it into tasks: its provider is served here, its destinations are allowed, its limits are kept.

use crate::context::Context;
use crate::model::command::{Command, Replication};
use crate::model::fields::FieldError;
use crate::providers::provider::Provider;
use crate::replicate::outcome::Outcome;

/// A replication that may be worked on.
pub(crate) struct Task {
    /// The provider that makes the call.
    pub(crate) provider: &'static dyn Provider,
    /// What is to be copied, and where to.
    pub(crate) replication: Replication,
    /// Whether this is a dry run, which starts nothing.
    pub(crate) dry_run: bool,
}

/// A task to work on, or the outcome if there is nothing to work on.
pub(crate) type Admission = Result<Task, Outcome>;

/// The replications of a command as tasks, or why it is not admitted.
pub(crate) fn of(ctx: &Context, command: &Command, id: &str) -> Vec<Admission> {
    match admit(ctx, command) {
        Ok((provider, command)) => {
            let dry_run = command.dry_run;
            let task = |replication| Ok(Task { provider, replication, dry_run });
            command.replications().into_iter().map(task).collect()
        }
        Err(error) => vec![Err(Outcome::invalid(&error, id))],
    }
}

/// Checks a command against the provider's limits and the destination allow-list.
fn admit(ctx: &Context, command: &Command) -> Result<(&'static dyn Provider, Command), FieldError> {
    let provider = ctx.serving(command.operation.cloud())?;
    ctx.settings.check_destinations(command)?;
    let command = provider.complete(command, &ctx.settings.defaults);
    provider.check(&command)?;
    Ok((provider, command))
}
