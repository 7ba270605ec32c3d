//! May it be worked on: the provider that serves a command, and the destinations that are allowed.

mod commands;
mod hints;

use crate::context::Handler;
use crate::model::command::{Cloud, Command, Replication};
use crate::model::fields::FieldError;
use crate::providers::provider::Provider;
use crate::replicate::outcome::Outcome;

/// A replication to be started (or with `true` only to be looked at), or what has become of it already.
pub(crate) type Step = Result<(&'static dyn Provider, bool, Replication), Outcome>;

impl Handler {
    /// The provider of a cloud.
    ///
    /// # Errors
    /// Names the function that serves it.
    pub(crate) fn serving(&self, cloud: Cloud) -> Result<&'static dyn Provider, FieldError> {
        self.provider(cloud).ok_or_else(|| {
            let served: Vec<_> = self.providers.iter().map(|provider| provider.cloud().name()).collect();
            FieldError::new(
                "provider",
                format!(
                    "this function serves {}; send {} commands to offsite-{}",
                    served.join(", "),
                    cloud.name(),
                    cloud.name()
                ),
            )
        })
    }

    /// The replications of a command as steps, or why it is not admitted.
    pub(crate) fn steps(&self, command: &Command, id: &str) -> Vec<Step> {
        match self.admit(command) {
            Ok((provider, command)) => {
                let dry_run = command.dry_run;
                command.replications().into_iter().map(|replication| Ok((provider, dry_run, replication))).collect()
            }
            Err(error) => vec![Err(Outcome::invalid(&error, id))],
        }
    }

    /// Checks a command against the provider's limits and the destination allow-list.
    pub(crate) fn admit(&self, command: &Command) -> Result<(&'static dyn Provider, Command), FieldError> {
        let provider = self.serving(command.operation.cloud())?;
        self.allowed(command)?;
        let command = provider.complete(command, &self.settings.defaults);
        provider.check(&command)?;
        Ok((provider, command))
    }

    /// Checks a command against the destination allow-list.
    pub(crate) fn allowed(&self, command: &Command) -> Result<(), FieldError> {
        let cloud = command.operation.cloud();
        for (index, destination) in command.destinations.iter().enumerate() {
            if !self.settings.allows(cloud, destination) {
                return Err(FieldError::new(
                    format!("destinations[{index}].region"),
                    format!(
                        "{}:{} is not in OFFSITE_ALLOWED_DESTINATIONS; nothing was started",
                        cloud.name(),
                        destination.region
                    ),
                ));
            }
        }
        Ok(())
    }
}
