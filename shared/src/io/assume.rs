//! Gets a session of AWS: by taking over a role, with a key or with a token of an identity provider, or by a sign-on of a person.
//!
//! Sources: AWS STS API reference, AssumeRole and AssumeRoleWithWebIdentity; IAM Identity Center Portal API reference,
//! GetRoleCredentials; 2026.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::aws::{Aws, element};
use super::aws_error::AwsError;
use crate::model::error::{Error, ErrorName};
use crate::model::http::{HttpRequest, Manner};
use crate::ports::Transport;
use crate::settings::environment::Environment;
use crate::sign::canonical::encode_into;

/// How long one of these calls may take, repeats included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A temporary credential of AWS.
pub struct Session {
    /// The access key's ID.
    pub id: String,
    /// The access key.
    pub secret: SecretString,
    /// What goes with it.
    pub token: SecretString,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A role, and how it is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Under which name: it stands in AWS's own log of who did what.
    pub session: String,
    /// What the role's owner asks for beside.
    pub external_id: Option<String>,
    /// For how many seconds; absent for AWS's default.
    pub seconds: Option<u32>,
}

impl Role {
    fn form(&self, action: &str, more: &[(&str, &str)]) -> String {
        let seconds = self.seconds.map(|seconds| seconds.to_string());
        let mut form = format!("Action={action}&Version=2011-06-15");
        let own = [
            ("RoleArn", Some(self.arn.as_str())),
            ("RoleSessionName", Some(&self.session)),
            ("ExternalId", self.external_id.as_deref()),
            ("DurationSeconds", seconds.as_deref()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in own.chain(more.iter().copied()) {
            form.push_str(&format!("&{name}="));
            encode_into(&mut form, value.as_bytes());
        }
        form
    }
}

/// Takes over a role with the credential of `aws`.
///
/// # Errors
/// AWS refused or did not answer.
pub async fn with_key(environment: &Environment, aws: &Aws, role: &Role) -> Result<Session, Error> {
    by(environment, aws, role, &role.form("AssumeRole", &[])).await
}

/// Takes over a role with a token of an identity provider. The call is not signed, so `aws` is an unsigned one.
///
/// # Errors
/// AWS refused or did not answer.
pub async fn with_token(
    environment: &Environment,
    aws: &Aws,
    role: &Role,
    token: &SecretString,
) -> Result<Session, Error> {
    let role = Role { external_id: None, ..role.clone() };
    let form = role.form("AssumeRoleWithWebIdentity", &[("WebIdentityToken", token.expose_secret())]);
    by(environment, aws, &role, &form).await
}

async fn by(environment: &Environment, aws: &Aws, role: &Role, form: &str) -> Result<Session, Error> {
    let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_STS", "sts")?;
    let answer = aws.query(&endpoint, "sts", form, TIMEOUT).await.map_err(|error| not_taken(role, &error))?;
    let part = |name: &str| element(&answer, name).map(str::to_owned);
    let session = || {
        Some(Session {
            id: part("AccessKeyId")?,
            secret: part("SecretAccessKey")?.into(),
            token: part("SessionToken")?.into(),
        })
    };
    session().ok_or_else(|| {
        Error::new(
            ErrorName::Unavailable,
            format!("the role {} was not taken over: AWS's answer holds no credential", role.arn),
        )
    })
}

fn not_taken(role: &Role, error: &AwsError) -> Error {
    let next = match error.code.as_str() {
        "AccessDenied" => {
            "; its trust must name whoever asks, with the external ID if it wants one, and whoever asks needs sts:AssumeRole"
        }
        "ExpiredToken" | "ExpiredTokenException" | "InvalidIdentityToken" => "; get a new token or session",
        _ if error.is_transient => "; it can be repeated",
        _ => "; check the role's ARN and the key that asks",
    };
    Error::new(error.name(), format!("the role {} was not taken over: {error}{next}", role.arn))
}

/// Where a person has signed on, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOn {
    /// The region of the portal.
    pub region: String,
    /// The account that is used.
    pub account: String,
    /// The role in it.
    pub role: String,
}

/// Gets a session with the token of a person's sign-on. `AWS_ENDPOINT_URL_SSO` names another portal.
///
/// # Errors
/// The portal refused or did not answer.
pub async fn with_sign_on(
    environment: &Environment,
    transport: &dyn Transport,
    as_what: &SignOn,
    token: &SecretString,
) -> Result<Session, Error> {
    let SignOn { region, account, role } = as_what;
    let usual = format!("https://portal.sso.{region}.amazonaws.com");
    let mut url =
        format!("{}/federation/credentials?role_name=", environment.get("AWS_ENDPOINT_URL_SSO").unwrap_or(&usual));
    encode_into(&mut url, role.as_bytes());
    url.push_str("&account_id=");
    encode_into(&mut url, account.as_bytes());
    let request = HttpRequest {
        manner: Manner { gives_credential: true, ..Manner::default() },
        method: "GET".into(),
        url,
        headers: vec![("x-amz-sso_bearer_token".into(), token.expose_secret().to_owned())],
        body: Vec::new(),
        timeout: TIMEOUT,
    };
    let named = format!("no session of {role} in account {account}");
    let sent = transport.send(request).await;
    let reply =
        sent.map_err(|error| Error::new(ErrorName::Unavailable, format!("{named}: {error}; it can be repeated")))?;
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let part =
        |name: &str| answer.pointer(&format!("/roleCredentials/{name}")).and_then(Value::as_str).map(str::to_owned);
    let session = || {
        Some(Session {
            id: part("accessKeyId")?,
            secret: part("secretAccessKey")?.into(),
            token: part("sessionToken")?.into(),
        })
    };
    let refused = || format!("{named}: the portal answered {}; sign on anew with `aws sso login`", reply.status);
    session().ok_or_else(|| Error::configuration(refused()))
}
