//! The policy of a function: JSON (`offsite policy render`) in SSM Parameter Store or in S3, read again every few minutes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::aws::{Aws, AwsError};
use crate::model::error::Error;
use crate::model::time::later;
use crate::policy::Policy;
use crate::ports::{Boxed, Clock, Policies};
use crate::settings::environment::Environment;

/// How long a policy is used before it is read again: a changed one is in force after this long at the latest.
const POLICY_MAX_AGE: Duration = Duration::from_secs(300);

/// How long one read may take.
const TIMEOUT: Duration = Duration::from_secs(8);

enum Place {
    Parameter { endpoint: String, name: String },
    Object { endpoint: String, path: String },
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
    /// Takes the place from `OFFSITE_POLICY`: `ssm:NAME` or `s3://BUCKET/KEY`. `None` if that is not set.
    ///
    /// # Errors
    /// The variable has neither form, or that of the endpoint is wrong.
    pub fn from_environment(
        environment: &Environment,
        aws: Arc<Aws>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<StoredPolicy>, Error> {
        let Some(uri) = environment.get("OFFSITE_POLICY") else { return Ok(None) };
        let object =
            || uri.strip_prefix("s3://")?.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
        let place = if let Some(name) = uri.strip_prefix("ssm:").filter(|name| !name.is_empty()) {
            let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_SSM", aws.default_endpoint("ssm"))?;
            Place::Parameter { endpoint, name: name.to_owned() }
        } else if let Some((bucket, key)) = object() {
            let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_S3", aws.default_endpoint("s3"))?;
            Place::Object { endpoint, path: format!("/{bucket}/{key}") }
        } else {
            return Err(Error::configuration(
                "OFFSITE_POLICY must be ssm:NAME or s3://BUCKET/KEY for a function; `offsite policy render` writes what goes there",
            ));
        };
        Ok(Some(StoredPolicy { aws, clock, uri: uri.to_owned(), place, kept: Mutex::default() }))
    }

    async fn read(&self) -> Result<Policy, Error> {
        let unavailable =
            |error: AwsError| Error::configuration(format!("the policy {} cannot be read: {error}", self.uri));
        let text = match &self.place {
            Place::Parameter { endpoint, name } => {
                let body = json!({ "Name": name, "WithDecryption": true });
                let call = self.aws.call(endpoint, "ssm", "1.1", "AmazonSSM.GetParameter", &body, TIMEOUT);
                let answer = call.await.map_err(unavailable)?;
                answer.pointer("/Parameter/Value").and_then(Value::as_str).unwrap_or_default().to_owned().into_bytes()
            }
            Place::Object { endpoint, path } => {
                self.aws.get(endpoint, "s3", path, TIMEOUT).await.map_err(unavailable)?
            }
        };
        let wrong = |reason: String| Error::configuration(format!("the policy {} is wrong: {reason}", self.uri));
        let value: Value = serde_json::from_slice(&text).map_err(|error| {
            wrong(format!("it is not JSON ({error}); `offsite policy render` writes what goes there"))
        })?;
        Policy::from_json(&value).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            wrong(all.join("; "))
        })
    }
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
