//! Who may act: the provider, the destination allow-list, the credential and its pause.

use futures_util::lock::OwnedMutexGuard;

use crate::handler::{Handler, Step};
use crate::model::access::{CredentialName, Pause};
use crate::model::command::{Cloud, Command, Replication};
use crate::model::error::{Error, ErrorName};
use crate::model::fields::FieldError;
use crate::outcome::{Outcome, Trouble, ledger_trouble};
use crate::providers::provider::Provider;

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
        let mut credential = self.credential(provider, replication, None).await?;
        let mut pause = self.pause_of(&credential, replication).await?;
        if pause.is_some() {
            // It may have been corrected where it is kept.
            let renewed = self.credential(provider, replication, Some(&credential)).await?;
            if renewed != credential {
                pause = self.pause_of(&renewed, replication).await?;
                credential = renewed;
            }
        }
        if let Some(pause) = pause {
            let message = format!(
                "{} was not started: this credential of account {account} is paused until {} because {}; a corrected credential is used within half a minute",
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

    async fn credential(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
        refused: Option<&CredentialName>,
    ) -> Result<CredentialName, Outcome> {
        let (cloud, account) = (provider.cloud(), &replication.account);
        match self.secrets.access(cloud, account, &replication.source.region, refused).await {
            Ok(access) => Ok(CredentialName::of(cloud, account, &access)),
            Err(error) => {
                let message = format!("{} was not started: {}", replication.describe(), error.message);
                Err(Outcome::not_started(Error::new(error.name, message)))
            }
        }
    }

    /// The pause in force.
    async fn pause_of(&self, credential: &CredentialName, replication: &Replication) -> Result<Option<Pause>, Outcome> {
        let now = self.clock.now();
        let pause = match self.pauses.recent(credential, now) {
            Some(pause) => pause,
            None => {
                let read = self.ledger.pause_of(credential).await;
                let pause = read.map_err(|error| Outcome::not_started(ledger_trouble(replication, &error)))?;
                self.pauses.remember(credential, now, pause.clone());
                // While it was read another may have been refused with this very credential.
                self.pauses.recent(credential, now).unwrap_or(pause)
            }
        };
        Ok(pause.filter(|pause| pause.until > now))
    }

    /// Until a credential has worked once in this process it is used by one at a time: a batch must not turn one wrong key into as
    /// many wrong signatures as lock it.
    pub(crate) async fn gate(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
        credential: &CredentialName,
    ) -> Result<Option<OwnedMutexGuard<()>>, Outcome> {
        if self.pauses.is_proven(credential) {
            return Ok(None);
        }
        let gate = self.pauses.gate(credential).await;
        self.ready(provider, replication).await?;
        Ok((!self.pauses.is_proven(credential)).then_some(gate))
    }
}
