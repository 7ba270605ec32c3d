//! From a profile to a credential: keys, a role over another profile, a role with a token, a sign-on, a program.

use std::sync::Arc;

use offsite_shared::io::assume::{self, Role, Session};
use offsite_shared::io::aws::Aws;
use offsite_shared::model::error::Error;
use offsite_shared::ports::{Boxed, Clock, Transport};
use offsite_shared::settings::environment::Environment;
use secrecy::{ExposeSecret, SecretString};

use super::file::{Profiles, Section};
use super::outside;

/// How many roles are taken over, each with the one before.
const MOST_ROLES: usize = 5;

/// Everything that is needed on the way.
pub(super) struct Chain<'c> {
    pub(super) environment: &'c Environment,
    pub(super) profiles: &'c Profiles,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Chain<'_> {
    /// The session that the environment leads to; `None` if it names nothing.
    pub(super) async fn session(&self) -> Result<Option<Session>, Error> {
        let named = self.environment.get("AWS_PROFILE");
        let token_file = self.environment.get("AWS_WEB_IDENTITY_TOKEN_FILE");
        if let (Some(arn), Some(path)) = (self.environment.get("AWS_ROLE_ARN"), token_file) {
            let session = self.environment.get("AWS_ROLE_SESSION_NAME").unwrap_or("offsite").to_owned();
            let role = Role { arn: arn.to_owned(), session, external_id: None, seconds: None };
            return self.with_token(&role, path).await.map(Some);
        }
        match named {
            Some(name) => self.of_profile(name.to_owned(), Vec::new()).await.map(Some),
            None if self.profiles.has("default") => {
                let default = self.profiles.profile("default")?;
                let leads_on = ["role_arn", "aws_access_key_id", "credential_process", "sso_account_id"];
                match leads_on.iter().any(|name| default.contains_key(*name)) {
                    true => self.of_profile("default".to_owned(), Vec::new()).await.map(Some),
                    false => Ok(None),
                }
            }
            None => Ok(None),
        }
    }

    /// The session of a profile. `from`: the profiles that led here, which must not come again.
    fn of_profile(&self, name: String, from: Vec<String>) -> Boxed<'_, Result<Session, Error>> {
        Box::pin(async move {
            let profile = self.profiles.profile(&name)?;
            let of = |setting: &str| profile.get(setting).map(String::as_str).filter(|value| !value.is_empty());
            let is_own_source = from.last() == Some(&name);
            if let Some(arn) = of("role_arn").filter(|_| !is_own_source) {
                return self.of_role(&name, arn, profile, from).await;
            }
            if let (Some(id), Some(secret)) = (of("aws_access_key_id"), of("aws_secret_access_key")) {
                let token = of("aws_session_token").unwrap_or_default().to_owned();
                return Ok(Session { id: id.to_owned(), secret: secret.to_owned().into(), token: token.into() });
            }
            if of("sso_account_id").is_some() {
                outside::allowed(self.environment, "sso", &name)?;
                return outside::sign_on(
                    self.environment,
                    self.profiles,
                    profile,
                    &name,
                    &self.transport,
                    &*self.clock,
                )
                .await;
            }
            if let Some(command) = of("credential_process") {
                outside::allowed(self.environment, "process", &name)?;
                return outside::process(command, &name).await;
            }
            Err(Error::configuration(format!(
                "the AWS profile {name} leads to no credential: it has neither keys, role_arn, sso_account_id nor credential_process"
            )))
        })
    }

    async fn of_role(&self, name: &str, arn: &str, profile: &Section, from: Vec<String>) -> Result<Session, Error> {
        let of = |setting: &str| profile.get(setting).map(String::as_str).filter(|value| !value.is_empty());
        if from.iter().any(|one| one == name) || from.len() >= MOST_ROLES {
            let way: Vec<&str> = from.iter().map(String::as_str).chain([name]).collect();
            return Err(Error::configuration(format!(
                "the AWS profiles go round in a circle, or on for too long: {}",
                way.join(" over ")
            )));
        }
        if of("mfa_serial").is_some() {
            return Err(Error::configuration(format!(
                "the AWS profile {name} asks for a second factor, which a command cannot give: set AWS_ACCESS_KEY_ID and so on by `aws configure export-credentials --profile {name} --format env`"
            )));
        }
        let seconds = of("duration_seconds").map(|text| {
            text.parse()
                .map_err(|_| Error::configuration(format!("duration_seconds of the AWS profile {name} is no number")))
        });
        let role = Role {
            arn: arn.to_owned(),
            session: of("role_session_name").unwrap_or("offsite").to_owned(),
            external_id: of("external_id").map(str::to_owned),
            seconds: seconds.transpose()?,
        };
        if let Some(path) = of("web_identity_token_file") {
            return self.with_token(&role, path).await;
        }
        let Some(source) = of("source_profile") else {
            return Err(Error::configuration(format!(
                "the AWS profile {name} has role_arn and no source_profile or web_identity_token_file, so nobody is there who takes the role over; credential_source is not known here"
            )));
        };
        let way = from.into_iter().chain([name.to_owned()]).collect();
        let over = self.of_profile(source.to_owned(), way).await?;
        let environment = with(self.environment, &over);
        let aws = Aws::from_environment(&environment, self.transport.clone(), self.clock.clone())?;
        assume::with_key(&environment, &aws, &role).await
    }

    async fn with_token(&self, role: &Role, path: &str) -> Result<Session, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::configuration(format!("the token file {path} for the role {} cannot be read: {error}", role.arn))
        })?;
        let token = SecretString::from(text.trim().to_owned());
        let aws = Aws::unsigned(self.environment, self.transport.clone(), self.clock.clone())?;
        assume::with_token(self.environment, &aws, role, &token).await
    }
}

/// The environment with this credential.
pub(super) fn with(environment: &Environment, session: &Session) -> Environment {
    environment
        .clone()
        .with("AWS_ACCESS_KEY_ID", session.id.clone())
        .with("AWS_SECRET_ACCESS_KEY", session.secret.expose_secret())
        .with("AWS_SESSION_TOKEN", session.token.expose_secret())
}
