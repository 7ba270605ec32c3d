//! Tells whose the AWS credential of this process is.
//!
//! Source: AWS STS API reference, GetCallerIdentity, 2026. No policy can deny this call.

use std::time::Duration;

use super::aws::{Aws, element};
use crate::model::error::{Error, ErrorName};
use crate::settings::environment::Environment;

/// How long the call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The ARN of the user or of the session of a role whose credential is used.
///
/// # Errors
/// AWS refused the credential or did not answer; or the endpoint's variable is wrong.
pub async fn arn(environment: &Environment, aws: &Aws) -> Result<String, Error> {
    let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_STS", "sts")?;
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let unknown = |why: String| Error::new(ErrorName::Unavailable, format!("AWS did not say whose the key is: {why}"));
    let answer = aws.query(&endpoint, "sts", form, TIMEOUT).await.map_err(|error| unknown(error.to_string()))?;
    element(&answer, "Arn").map(str::to_owned).ok_or_else(|| unknown("its answer names nobody".to_owned()))
}
