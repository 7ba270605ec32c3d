//! Who may act: the provider, the destination allow-list, the credential and its pause.

use futures_util::lock::MutexGuard;

use crate::command::{Cloud, Command, Replication};
use crate::error::{Error, ErrorName};
use crate::fields::FieldError;
use crate::handler::{Handler, Step};
use crate::outcome::{Outcome, Trouble, ledger_trouble};
use crate::ports::CredentialName;
use crate::providers::Provider;

impl Handler {
    /// The provider of a cloud, if this process serves it.
    pub(crate) fn provider(&self, cloud: Cloud) -> Option<&'static dyn Provider> {
        self.providers.iter().copied().find(|provider| provider.cloud() == cloud)
    }

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

    /// The name of the credential, if there is one and it is not paused.
    pub(crate) async fn ready(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
    ) -> Result<CredentialName, Outcome> {
        let account = &replication.account;
        let credential = match self.secrets.access(provider.cloud(), account, &replication.source.region, false).await {
            Ok(access) => CredentialName::of(provider.cloud(), account, &access),
            Err(error) => {
                let message = format!("{} was not started: {}", replication.describe(), error.message);
                return Err(Outcome::not_started(Error::new(error.name, message)));
            }
        };
        let now = self.clock.now();
        let pause = match self.pauses.recent(&credential, now) {
            Some(pause) => pause,
            None => {
                let read = self.ledger.pause_of(&credential).await;
                let pause = read.map_err(|error| Outcome::not_started(ledger_trouble(replication, &error)))?;
                self.pauses.remember(&credential, now, pause.clone());
                pause
            }
        };
        if let Some(pause) = pause.filter(|pause| pause.until > now) {
            let message = format!(
                "{} was not started: this credential of account {account} is paused until {} because {}; a corrected credential is used at once",
                replication.describe(),
                pause.until,
                pause.reason
            );
            let error = Error::new(ErrorName::Rejected, message);
            return Err(Outcome::Not(Trouble {
                state: "not_started",
                error,
                code: Some("credential_paused".into()),
                request_id: None,
            }));
        }
        Ok(credential)
    }

    /// Until a credential has worked once in this process it is used by one at a time: a batch must not turn one wrong key into as
    /// many wrong signatures as lock it.
    pub(crate) async fn gate(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
        credential: &CredentialName,
    ) -> Result<Option<MutexGuard<'_, ()>>, Outcome> {
        if self.pauses.is_proven(credential) {
            return Ok(None);
        }
        let gate = self.pauses.gate().await;
        self.ready(provider, replication).await?;
        Ok((!self.pauses.is_proven(credential)).then_some(gate))
    }
}
