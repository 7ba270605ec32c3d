//! The credentials of all accounts: where each comes from, how long it is kept, and when it is got again.
//!
//! A credential is got when it is first needed, and kept. It is got again after three quarters of its life; after ten minutes if it
//! is a stored one, which may have been rotated; and when the cloud has refused it. If it cannot be got again, the old one is used
//! for as long as it lives.

mod environment;
mod exchanges;
mod passwords;
mod stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::aws::{Aws, AwsEndpoint};
use super::patience::patience;
use super::web_identity;
use crate::model::access::{Access, CredentialName};
use crate::model::command::{Cloud, Realm};
use crate::model::error::{Error, ErrorName};
use crate::model::time::later;
use crate::ports::{Boxed, Clock, Secrets, Transport};
use crate::providers::huawei;
use crate::providers::provider::Provider;
use crate::providers::sts::Temporary;
use crate::settings::Settings;
use crate::settings::accounts::{self, AccountSettings, CredentialSource};
use crate::settings::environment::Environment;
use crate::sign::Credential;
use exchanges::{AGAIN, NotGot, TokenClient};
use passwords::{Passwords, REFUSED_FOR};

pub use crate::io::credentials::environment::key_variables;

/// A stored credential is read again after this long: a rotation is noticed by then, and at once when the old one is refused.
const STORED_FOR: Duration = Duration::from_secs(600);

/// A temporary credential is not used in its last minute: the call that it signs would come too late.
const LAST_MINUTE: Duration = Duration::from_secs(60);

/// A credential as the environment, a file or a secret holds it.
enum StoredCredential {
    Key(Credential),
    Password { domain: String, user: String, password: SecretString },
}

/// A credential in use.
#[derive(Clone)]
struct HeldCredential {
    access: Access,
    name: CredentialName,
    /// When the next credential is got.
    renew_at: Timestamp,
    /// When the credential expires; absent if it does not.
    ends_at: Option<Timestamp>,
    /// Before this time, a refusal of it does not make us get the next one.
    again_at: Timestamp,
}

#[derive(Default)]
struct Slot {
    kept: Option<HeldCredential>,
    refused: Option<(Error, Timestamp)>,
    /// The last failure to get a credential, and when it came.
    failed: Option<(Error, Timestamp)>,
}

/// Cloud, account, region and project. The last two are empty unless the credential may be a token, which holds in one project only.
type SlotName = (Cloud, String, String, String);

/// The credentials of all accounts of the clouds that this process serves.
pub struct AccountSecrets {
    accounts: BTreeMap<(Cloud, String), AccountSettings>,
    wrong: HashMap<Cloud, Error>,
    environment: Environment,
    providers: Vec<&'static dyn Provider>,
    client: TokenClient,
    aws: Result<Aws, Error>,
    slots: StdMutex<HashMap<SlotName, Arc<Mutex<Slot>>>>,
    passwords: Passwords,
}

impl AccountSecrets {
    /// Reads how the accounts of these clouds get their credentials. A mistake is reported when a credential is asked for.
    pub fn new(
        environment: &Environment,
        settings: Settings,
        providers: &[&'static dyn Provider],
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> AccountSecrets {
        let (mut known, mut wrong) = (BTreeMap::new(), HashMap::new());
        for cloud in providers.iter().map(|provider| provider.cloud()) {
            match accounts::read(environment, cloud) {
                Ok(accounts) => known.extend(accounts.into_iter().map(|(name, account)| ((cloud, name), account))),
                Err(error) => drop(wrong.insert(cloud, error)),
            }
        }
        AccountSecrets {
            accounts: known,
            wrong,
            environment: environment.clone(),
            providers: providers.to_vec(),
            aws: Aws::from_environment(environment, transport.clone(), clock.clone()),
            client: TokenClient { settings, transport, clock },
            slots: StdMutex::default(),
            passwords: Passwords::default(),
        }
    }

    /// The same, with AWS's Secrets Manager and token service asked over this transport, which may trust other roots.
    pub fn reaching_aws_by(mut self, transport: Arc<dyn Transport>) -> AccountSecrets {
        self.aws = Aws::from_environment(&self.environment, transport, self.client.clock.clone());
        self
    }

    /// Checks the setup of this cloud's accounts, as far as that is possible without a call.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn check(&self, cloud: Cloud) -> Result<(), Error> {
        if let Some(error) = self.wrong.get(&cloud) {
            return Err(error.clone());
        }
        let mut here = self.accounts.iter().filter(|((of, _), _)| *of == cloud).peekable();
        if here.peek().is_none() {
            return Err(Error::configuration(format!("{} is not served here", cloud.name())));
        }
        for ((_, name), account) in here {
            match &account.source {
                CredentialSource::Environment => drop(environment::means(&self.environment, cloud)?),
                CredentialSource::Secret(arn) => {
                    let (place, endpoint) =
                        (format!("{}: {name}.secret", accounts::variable(cloud)), self.endpoints()?.0);
                    self.aws()?.check_region(&place, arn, &endpoint, "replicate the secret into this region")?;
                }
                CredentialSource::Federation(_) => drop(self.endpoints()?),
                CredentialSource::File(_) => {}
            }
        }
        Ok(())
    }

    /// Where the credential of an account comes from; absent if the account is not set up.
    pub fn source(&self, cloud: Cloud, account: &str) -> Option<&CredentialSource> {
        self.accounts.get(&(cloud, account.to_owned())).map(|account| &account.source)
    }

    fn account(&self, cloud: Cloud, account: &str) -> Result<&AccountSettings, Error> {
        if let Some(error) = self.wrong.get(&cloud) {
            return Err(error.clone());
        }
        self.accounts.get(&(cloud, account.to_owned())).ok_or_else(|| {
            let known: Vec<&str> =
                self.accounts.keys().filter(|(of, _)| *of == cloud).map(|(_, name)| name.as_str()).collect();
            Error::configuration(format!(
                "account \"{account}\" of {} has no credential here; {} knows {}",
                cloud.name(),
                accounts::variable(cloud),
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ))
        })
    }

    async fn given(
        &self,
        cloud: Cloud,
        account: &str,
        realm: Realm<'_>,
        refused: Option<&CredentialName>,
    ) -> Result<Access, Error> {
        let set_up = self.account(cloud, account)?;
        let slot = self.slot(cloud, account, set_up, realm);
        let asked = self.client.clock.now();
        // The lock is held while a credential is got, so that a batch gets it only once.
        let mut slot = slot.lock().await;
        let now = self.client.clock.now();
        if let Some(kept) = &slot.kept {
            let unwanted = refused == Some(&kept.name) && now >= kept.again_at;
            if !unwanted && now < kept.renew_at {
                return Ok(kept.access.clone());
            }
        }
        if let Some((error, until)) = &slot.refused
            && now < *until
        {
            return Err(error.clone());
        }
        // A caller that waited for an attempt that failed makes no attempt of its own: ten such callers would outlast the function.
        if let Some((error, at)) = &slot.failed
            && asked < *at
        {
            return Err(error.clone());
        }
        let NotGot { error, is_final } = match self.get(cloud, account, set_up, realm).await {
            Ok(mut new) => {
                // If the old one was refused or the new one is the same, a refusal of it counts only later: no loop of refusals.
                if refused.is_some() || slot.kept.as_ref().is_some_and(|old| old.name == new.name) {
                    new.again_at = later(now, AGAIN);
                }
                let access = new.access.clone();
                *slot = Slot { kept: Some(new), ..Slot::default() };
                return Ok(access);
            }
            Err(not_got) => not_got,
        };
        if is_final {
            slot.refused = Some((error.clone(), later(now, REFUSED_FOR)));
        }
        let failed_at = self.client.clock.now();
        let Slot { kept, refused: held, failed } = &mut *slot;
        match kept {
            Some(old) if old.ends_at.is_none_or(|end| later(now, LAST_MINUTE) < end) => {
                tracing::warn!(provider = cloud.name(), account, %error, "the credential could not be got again; the one that is there stays in use");
                (old.renew_at, old.again_at) = (later(now, AGAIN), later(now, AGAIN));
                *held = None;
                Ok(old.access.clone())
            }
            _ => {
                *failed = Some((error.clone(), failed_at));
                Err(error)
            }
        }
    }

    /// Gets a new credential from the place that the account is set up with.
    async fn get(
        &self,
        cloud: Cloud,
        account: &str,
        set_up: &AccountSettings,
        realm: Realm<'_>,
    ) -> Result<HeldCredential, NotGot> {
        let whose = format!("no credential for account {account} of {}", cloud.name());
        let provider = self.provider(cloud)?;
        let sts_region = set_up.sts_region.as_deref().unwrap_or(realm.region);
        let kept_for = match &set_up.source {
            CredentialSource::Environment => None,
            _ => Some(STORED_FOR),
        };
        let means = match &set_up.source {
            CredentialSource::Environment => environment::means(&self.environment, cloud)?,
            CredentialSource::File(path) => stored::file(path, cloud)?,
            CredentialSource::Secret(arn) => {
                let patience = patience(&*self.client.clock, stored::TIMEOUT);
                stored::secret(self.aws()?, &self.endpoints()?.0, (cloud, arn), patience).await?
            }
            CredentialSource::Federation(federation) => {
                let patience = patience(&*self.client.clock, web_identity::TIMEOUT);
                let token = web_identity::token(self.aws()?, &self.endpoints()?.1, federation, patience).await;
                let token = token.map_err(|error| Error::new(error.name, format!("{whose}: {}", error.message)))?;
                let given = self.client.exchange(provider, sts_region, federation, &token).await;
                let given = given.map_err(|failure| exchanges::not_got(&whose, &failure, ErrorName::Configuration))?;
                return Ok(self.temporary(cloud, account, given));
            }
        };
        let now = self.client.clock.now();
        match (means, &set_up.role) {
            (StoredCredential::Key(key), None) => {
                let renew_at = kept_for.map_or(Timestamp::MAX, |kept_for| later(now, kept_for));
                Ok(HeldCredential::new(cloud, account, Access::Key(Arc::new(key)), renew_at, None, now))
            }
            (StoredCredential::Key(key), Some(role)) => {
                let given = self.client.assume(provider, sts_region, role, &Access::Key(Arc::new(key))).await;
                let given = given.map_err(|failure| {
                    let what = format!("{whose}: the role {} was not given", role.role);
                    exchanges::not_got(&what, &failure, ErrorName::Configuration)
                })?;
                Ok(self.temporary(cloud, account, given))
            }
            (StoredCredential::Password { .. }, Some(_)) => Err(Error::configuration(format!(
                "{whose}: a role is taken on with a key, and the account has a password"
            ))
            .into()),
            (StoredCredential::Password { domain, user, password }, None) => {
                let asked = async {
                    let token = self.client.huawei_token(provider, (&domain, &user, &password), realm).await;
                    token.map_err(|failure| {
                        let place = set_up.source.place();
                        let Realm { region, project } = realm;
                        let of = project.map(|id| format!(" for the project {id}")).unwrap_or_default();
                        let what = format!("{whose}: no Huawei IAM token for user {user} of {place} in {region}{of}");
                        exchanges::not_got(&what, &failure, ErrorName::Rejected)
                    })
                };
                let clock = &*self.client.clock;
                let token =
                    self.passwords.ask((account, [&domain, &user, password.expose_secret()]), clock, asked).await?;
                let renew_at = huawei::token::renew_at(token.expires_at).max(later(now, AGAIN));
                let access = Access::Token(Arc::new(token.value));
                Ok(HeldCredential::new(cloud, account, access, renew_at, Some(token.expires_at), now))
            }
        }
    }

    fn temporary(&self, cloud: Cloud, account: &str, given: Temporary) -> HeldCredential {
        let now = self.client.clock.now();
        let renew_at = exchanges::renew_at(now, given.expires_at);
        tracing::info!(provider = cloud.name(), account, expires_at = %given.expires_at, "a temporary credential was got");
        let access = Access::Key(Arc::new(given.credential));
        HeldCredential::new(cloud, account, access, renew_at, Some(given.expires_at), now)
    }

    fn slot(&self, cloud: Cloud, account: &str, set_up: &AccountSettings, realm: Realm<'_>) -> Arc<Mutex<Slot>> {
        // A token holds in its project only. Whether a password, and so a token, comes is not known before the credential is read.
        let by_realm = cloud == Cloud::Huawei
            && set_up.role.is_none()
            && !matches!(set_up.source, CredentialSource::Federation(_));
        let (region, project) =
            if by_realm { (realm.region, realm.project.unwrap_or_default()) } else { Default::default() };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((cloud, account.to_owned(), region.to_owned(), project.to_owned())).or_default().clone()
    }

    fn provider(&self, cloud: Cloud) -> Result<&'static dyn Provider, Error> {
        let found = self.providers.iter().copied().find(|provider| provider.cloud() == cloud);
        found.ok_or_else(|| Error::configuration(format!("{} is not served here", cloud.name())))
    }

    fn aws(&self) -> Result<&Aws, Error> {
        self.aws.as_ref().map_err(Clone::clone)
    }

    /// The endpoints of Secrets Manager and STS.
    fn endpoints(&self) -> Result<(AwsEndpoint, AwsEndpoint), Error> {
        let aws = self.aws()?;
        let of = |variable: &str, service: &str| aws.endpoint(&self.environment, variable, service);
        Ok((of("AWS_ENDPOINT_URL_SECRETS_MANAGER", "secretsmanager")?, of("AWS_ENDPOINT_URL_STS", "sts")?))
    }
}

impl HeldCredential {
    fn new(
        cloud: Cloud,
        account: &str,
        access: Access,
        renew_at: Timestamp,
        ends_at: Option<Timestamp>,
        again_at: Timestamp,
    ) -> HeldCredential {
        let name = CredentialName::of(cloud, account, &access);
        HeldCredential { access, name, renew_at, ends_at, again_at }
    }
}

impl Secrets for AccountSecrets {
    fn access<'a>(
        &'a self,
        cloud: Cloud,
        account: &'a str,
        realm: Realm<'a>,
        refused: Option<&'a CredentialName>,
    ) -> Boxed<'a, Result<Access, Error>> {
        Box::pin(self.given(cloud, account, realm, refused))
    }

    fn identity(&self, cloud: Cloud, account: &str) -> Option<&str> {
        self.accounts.get(&(cloud, account.to_owned()))?.identity.as_deref()
    }
}
