//! Whether a credential may be used: that there is one, that it is not paused, and that it is tried by one at a time.

use futures_util::lock::OwnedMutexGuard;

use super::identity;
use crate::context::Handler;
use crate::model::access::{CredentialName, Pause};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::failure::Failure;
use crate::model::time::later;
use crate::providers::provider::Provider;
use crate::replicate::outcome::{Outcome, Trouble, ledger_trouble};

impl Handler {
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

    /// Pauses the credential for every function that shares the ledger.
    pub(crate) async fn pause(&self, provider: &dyn Provider, replication: &Replication, failure: &Failure) {
        let now = self.clock.now();
        let reason = match failure.code.as_str() {
            identity::ANOTHER_ACCOUNT => failure.to_string(),
            _ => format!("the provider said {failure}"),
        };
        let pause = Pause { until: later(now, self.settings.pause), reason };
        tracing::error!(provider = provider.cloud().name(), account = replication.account, until = %pause.until, %failure, "the credential was refused; no function uses it until then");
        let Ok(access) =
            self.secrets.access(provider.cloud(), &replication.account, &replication.source.region, None).await
        else {
            return;
        };
        let credential = CredentialName::of(provider.cloud(), &replication.account, &access);
        self.pauses.remember(&credential, now, Some(pause.clone()));
        if let Err(error) = self.ledger.pause(&credential, &pause).await {
            tracing::warn!(%error, "the pause holds in this process only");
        }
    }
}
