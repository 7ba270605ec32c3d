//! The policy of a function: JSON (`offsite policy render`) in SSM Parameter Store or in S3, read again every few minutes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::aws::{Aws, AwsEndpoint};
use super::aws_error::AwsError;
use super::patience::patience;
use crate::model::error::{Error, ErrorName};
use crate::model::json;
use crate::model::time::later;
use crate::policy::Policy;
use crate::ports::{Boxed, Clock, Policies};
use crate::settings::environment::Environment;

/// How long a policy is used before it is read again: a changed one is in force after this long at the latest.
const POLICY_MAX_AGE: Duration = Duration::from_secs(300);

/// How long one read may take, repeats included.
const TIMEOUT: Duration = Duration::from_secs(8);

enum Place {
    Parameter { endpoint: AwsEndpoint, name: String },
    Object { endpoint: AwsEndpoint, path: String },
}

/// The policy that `OFFSITE_POLICY` names.
pub struct StoredPolicy {
    aws: Arc<Aws>,
    clock: Arc<dyn Clock>,
    uri: String,
    place: Place,
    kept: Mutex<Option<(Timestamp, Arc<Policy>)>>,
}

impl StoredPolicy {
    /// Takes the place from `OFFSITE_POLICY`: `ssm:NAME`, `ssm:ARN` or `s3://BUCKET/KEY`. `None` if that is not set.
    ///
    /// # Errors
    /// The variable has neither form or names a parameter of another region, or that of the endpoint is wrong.
    pub fn from_environment(
        environment: &Environment,
        aws: Arc<Aws>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<StoredPolicy>, Error> {
        let Some(uri) = environment.get("OFFSITE_POLICY") else { return Ok(None) };
        let place = if let Some(name) = uri.strip_prefix("ssm:").filter(|name| is_parameter(name)) {
            let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_SSM", "ssm")?;
            if name.starts_with("arn:") {
                aws.check_region("OFFSITE_POLICY", name, &endpoint, "put the policy into a parameter of this region")?;
            }
            Place::Parameter { endpoint, name: name.to_owned() }
        } else if let Some((bucket, key)) = object(uri) {
            let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_S3", "s3")?;
            Place::Object { endpoint, path: format!("/{bucket}/{key}") }
        } else {
            return Err(Error::configuration(
                "OFFSITE_POLICY must be ssm:/NAME (or ssm: and the parameter's ARN) or s3://BUCKET/KEY for a function, without blanks around it; `offsite policy render` writes what goes there",
            ));
        };
        Ok(Some(StoredPolicy { aws, clock, uri: uri.to_owned(), place, kept: Mutex::default() }))
    }

    async fn read(&self) -> Result<Policy, Error> {
        let unread = |error: AwsError| {
            if let Some(command) = self.writing(&error.code) {
                return Error::new(
                    ErrorName::NoPolicy,
                    format!(
                        "there is no policy at {}, so nothing is started, and what is protected cannot be known; write it: {command}",
                        self.uri
                    ),
                );
            }
            let next = if error.is_transient { "; it can be repeated" } else { self.advice(&error.code) };
            Error::new(error.name(), format!("the policy {} cannot be read: {error}{next}", self.uri))
        };
        let patience = patience(&*self.clock, TIMEOUT);
        let text = match &self.place {
            Place::Parameter { endpoint, name } => {
                let body = json!({ "Name": name, "WithDecryption": true });
                let call = self.aws.call(endpoint, "ssm", "1.1", "AmazonSSM.GetParameter", &body, patience);
                let answer = call.await.map_err(unread)?;
                answer.pointer("/Parameter/Value").and_then(Value::as_str).unwrap_or_default().to_owned().into_bytes()
            }
            Place::Object { endpoint, path } => self.aws.get(endpoint, "s3", path, patience).await.map_err(unread)?,
        };
        let wrong = |reason: String| Error::configuration(format!("the policy {} is wrong: {reason}", self.uri));
        let value = json::read_bytes(&text)
            .map_err(|reason| wrong(format!("it {reason}; `offsite policy render` writes what goes there")))?;
        Policy::from_json(&value).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            wrong(all.join("; "))
        })
    }
}

impl StoredPolicy {
    /// The command that writes the policy; `None` if the code does not say that it is not there.
    /// Sources: SSM API reference, GetParameter; S3 API reference, GetObject, errors, 2026.
    fn writing(&self, code: &str) -> Option<String> {
        match (&self.place, code) {
            (Place::Parameter { name, .. }, "ParameterNotFound") => Some(format!(
                "aws ssm put-parameter --name {name} --overwrite --type String --tier Intelligent-Tiering --value \"$(offsite policy render offsite.yaml)\""
            )),
            (Place::Object { .. }, "NoSuchKey" | "NoSuchBucket" | "http_404") => {
                Some(format!("offsite policy render offsite.yaml | aws s3 cp - {}", self.uri))
            }
            _ => None,
        }
    }

    /// What a person does about a refusal.
    fn advice(&self, code: &str) -> &'static str {
        match (&self.place, code) {
            (Place::Parameter { .. }, "AccessDeniedException") => {
                "; give the function's role ssm:GetParameter on it, and kms:Decrypt on its key"
            }
            (Place::Object { .. }, "AccessDenied" | "http_403") => {
                "; give the function's role s3:GetObject on it, and kms:Decrypt on its key. S3 says so as well of an object that is not there"
            }
            (Place::Object { .. }, "PermanentRedirect" | "AuthorizationHeaderMalformed" | "http_301") => {
                "; put the policy into a bucket of this part of AWS, and check AWS_ENDPOINT_URL_S3 if it is set"
            }
            _ => "; check OFFSITE_POLICY, and that what it names is there and in the function's region",
        }
    }
}

/// Whether a text names a parameter: by its ARN, or by its name, with version or label.
/// Source: SSM API reference, PutParameter and GetParameter, Name, 2026.
fn is_parameter(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if let Some(rest) = text.strip_prefix("arn:") {
        return rest.contains(":parameter/") && rest.chars().all(|c| known(c) || matches!(c, ':' | '/'));
    }
    let (name, version) = text.split_once(':').unwrap_or((text, "1"));
    let path = name.strip_prefix('/');
    let levels = path.unwrap_or(name).split('/').all(|level| !level.is_empty() && level.chars().all(known));
    levels && (path.is_some() || !name.contains('/')) && !version.is_empty() && version.chars().all(known)
}

/// Bucket and key of an S3 URI. A bucket's name needs only to be one that stays itself in a path.
pub(super) fn object(uri: &str) -> Option<(&str, &str)> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
    let fits = !bucket.is_empty() && bucket.chars().all(known) && !key.is_empty();
    (fits && key.trim() == key && !key.chars().any(char::is_control)).then_some((bucket, key))
}

impl Policies for StoredPolicy {
    /// If the policy cannot be read again, the one that was read last stays in force: a sweep must not stop while it knows the policy.
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>> {
        Box::pin(async move {
            let now = self.clock.now();
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((read_at, policy)) = &kept
                && now < later(*read_at, POLICY_MAX_AGE)
            {
                return Ok(Some(policy.clone()));
            }
            let policy = match (self.read().await, kept) {
                (Ok(policy), _) => Arc::new(policy),
                (Err(error), Some((_, policy))) => {
                    tracing::warn!(%error, "the policy that was read before stays in force");
                    policy
                }
                (Err(error), None) => return Err(error),
            };
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, policy.clone()));
            Ok(Some(policy))
        })
    }
}
