//! Credentials of the account `default` from the vendors' own variables; Huawei's password becomes a cached token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::command::Cloud;
use crate::disposition::Disposition;
use crate::error::{Error, ErrorName};
use crate::ledger::later;
use crate::ports::{Access, Boxed, Clock, HttpRequest, Secrets, Transport};
use crate::providers::{Service, huawei};
use crate::settings::{Environment, Settings};
use crate::sign::{Credential, Query, canonical};

/// The variables of one cloud: key ID, secret, session token.
pub fn key_variables(cloud: Cloud) -> [&'static str; 3] {
    match cloud {
        Cloud::Alibaba => {
            ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"]
        }
        Cloud::Huawei => ["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"],
        Cloud::Tencent => ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"],
    }
}

const PASSWORD: [&str; 3] = ["OFFSITE_HUAWEI_IAM_DOMAIN", "OFFSITE_HUAWEI_IAM_USER", "OFFSITE_HUAWEI_IAM_PASSWORD"];

enum Means {
    Key(Arc<Credential>),
    Password { domain: String, user: String, password: SecretString },
}

enum Cached {
    Token {
        token: Arc<SecretString>,
        renew_at: Timestamp,
    },
    /// Wrong passwords lock users: nobody asks again before this time.
    Refused {
        error: Error,
        until: Timestamp,
    },
}

/// Credentials from the environment.
pub struct EnvironmentSecrets {
    means: HashMap<Cloud, Result<Means, Error>>,
    settings: Settings,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    tokens: Mutex<HashMap<String, Cached>>,
}

impl EnvironmentSecrets {
    /// Captures the credentials of every cloud that has any; what is wrong with the others is told when they are asked for.
    pub fn new(
        environment: &Environment,
        settings: Settings,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> EnvironmentSecrets {
        let means = Cloud::ALL.into_iter().map(|cloud| (cloud, means(environment, cloud))).collect();
        EnvironmentSecrets { means, settings, transport, clock, tokens: Mutex::default() }
    }

    /// Whether the account `default` of this cloud has a complete credential.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn check(&self, cloud: Cloud) -> Result<(), Error> {
        match self.means.get(&cloud) {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Error::configuration(format!("{} is not served here", cloud.name()))),
        }
    }

    async fn token(
        &self,
        domain: &str,
        user: &str,
        password: &SecretString,
        region: &str,
        fresh: bool,
    ) -> Result<Access, Error> {
        // Held while fetching, so that a batch fetches one token.
        let mut tokens = self.tokens.lock().await;
        let now = self.clock.now();
        match tokens.get(region) {
            Some(Cached::Token { token, renew_at }) if !fresh && now < *renew_at => {
                return Ok(Access::Token(token.clone()));
            }
            Some(Cached::Refused { error, until }) if now < *until => return Err(error.clone()),
            _ => {}
        }
        let call = huawei::token::request(domain, user, password, region);
        let base = self.settings.endpoint(&huawei::Huawei, Service::Iam, region);
        let query = match &call.draft.query {
            Query::None => String::new(),
            query => format!("?{}", canonical::sorted_query(query).unwrap_or_default()),
        };
        let request = HttpRequest {
            method: call.draft.method.clone(),
            url: format!("{base}{}{query}", call.draft.path),
            headers: call.draft.headers.clone(),
            body: call.draft.body.clone(),
            timeout: self.settings.timeout,
        };
        let unavailable = |what: String| {
            Error::new(
                ErrorName::Unavailable,
                format!("no Huawei IAM token for {region}: {what}; certainly nothing was applied, it can be repeated"),
            )
        };
        let reply = self.transport.send(request).await.map_err(|error| unavailable(format!("{base}: {error}")))?;
        match huawei::token::token(&reply) {
            Ok(token) => {
                let renew_at = huawei::token::renew_at(token.expires_at);
                let token = Arc::new(token.value);
                tokens.insert(region.to_owned(), Cached::Token { token: token.clone(), renew_at });
                Ok(Access::Token(token))
            }
            Err(failure) if matches!(failure.disposition, Disposition::Authentication | Disposition::Permanent) => {
                let message = format!(
                    "Huawei IAM refused the user of {}, {}: {failure}; it is not asked again for 5 minutes",
                    PASSWORD[1], PASSWORD[2]
                );
                let error = Error::new(ErrorName::Rejected, message);
                tokens.insert(
                    region.to_owned(),
                    Cached::Refused { error: error.clone(), until: later(now, Duration::from_secs(300)) },
                );
                Err(error)
            }
            Err(failure) => Err(unavailable(failure.to_string())),
        }
    }
}

impl Secrets for EnvironmentSecrets {
    fn access<'a>(
        &'a self,
        cloud: Cloud,
        account: &'a str,
        region: &'a str,
        fresh: bool,
    ) -> Boxed<'a, Result<Access, Error>> {
        Box::pin(async move {
            if account != "default" {
                return Err(Error::configuration(format!(
                    "account \"{account}\" has no credential here: the environment holds that of \"default\" only"
                )));
            }
            self.check(cloud)?;
            match self.means.get(&cloud) {
                Some(Ok(Means::Key(credential))) => Ok(Access::Key(credential.clone())),
                Some(Ok(Means::Password { domain, user, password })) => {
                    self.token(domain, user, password, region, fresh).await
                }
                _ => Err(Error::configuration(format!("{} has no credential here", cloud.name()))),
            }
        })
    }
}

fn means(environment: &Environment, cloud: Cloud) -> Result<Means, Error> {
    let [id, secret, token] = key_variables(cloud);
    let password = cloud == Cloud::Huawei && PASSWORD.iter().any(|name| environment.get(name).is_some());
    if password && environment.get(id).is_none() {
        let [domain, user, password] = PASSWORD;
        return Ok(Means::Password {
            domain: needed(environment, domain, cloud)?,
            user: needed(environment, user, cloud)?,
            password: needed(environment, password, cloud)?.into(),
        });
    }
    let or = if cloud == Cloud::Huawei { " (or OFFSITE_HUAWEI_IAM_DOMAIN, _USER and _PASSWORD)" } else { "" };
    if environment.get(id).is_none() && environment.get(secret).is_none() {
        return Err(Error::configuration(format!(
            "{id} and {secret} are missing{or}: the account \"default\" of {} has no credential",
            cloud.name()
        )));
    }
    Ok(Means::Key(Arc::new(Credential {
        access_key_id: clean(id, needed(environment, id, cloud)?)?,
        access_key_secret: clean(secret, needed(environment, secret, cloud)?)?.into(),
        security_token: environment
            .get(token)
            .map(|value| clean(token, value.to_owned()))
            .transpose()?
            .map(SecretString::from),
    })))
}

fn needed(environment: &Environment, name: &str, cloud: Cloud) -> Result<String, Error> {
    environment.get(name).map(str::to_owned).ok_or_else(|| {
        Error::configuration(format!("{name} is missing: it belongs to the credential of {}", cloud.name()))
    })
}

/// A blank copied along with a key makes a wrong signature, which is hard to find; say it here.
fn clean(name: &str, value: String) -> Result<String, Error> {
    if value.chars().all(|c| c.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err(Error::configuration(format!("{name} holds a blank, a line break or a non-ASCII character")))
    }
}
