//! Credentials that are kept as JSON: in AWS Secrets Manager or in a file.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::StoredCredential;
use super::environment::clean;
use crate::io::aws::{Aws, AwsEndpoint};
use crate::io::aws_error::AwsError;
use crate::model::command::Cloud;
use crate::model::error::Error;
use crate::model::fields::{FieldError, Fields};
use crate::model::json;
use crate::sign::Credential;

/// How long one read may take, repeats included.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

/// Reads a credential from the AWS secret of this ARN.
///
/// # Errors
/// The secret cannot be read, or it holds something else.
pub(super) async fn secret(
    aws: &Aws,
    endpoint: &AwsEndpoint,
    (cloud, arn): (Cloud, &str),
    patience: Duration,
) -> Result<StoredCredential, Error> {
    let body = json!({ "SecretId": arn });
    let call = aws.call(endpoint, "secretsmanager", "1.1", "secretsmanager.GetSecretValue", &body, patience);
    let answer = call.await.map_err(|error| unread(arn, &error))?;
    let text = answer.get("SecretString").and_then(Value::as_str).unwrap_or_default();
    means(text, cloud, arn)
}

/// Reads a credential from the file at this path.
///
/// # Errors
/// The file cannot be read, or it holds something else.
pub(super) fn file(path: &str, cloud: Cloud) -> Result<StoredCredential, Error> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::configuration(format!("the credential file {path} cannot be read: {error}")))?;
    let text =
        json::utf8(&bytes).map_err(|reason| Error::configuration(format!("the credential file {path} {reason}")))?;
    means(text, cloud, path)
}

fn unread(arn: &str, error: &AwsError) -> Error {
    let advice = match error.code.as_str() {
        "AccessDeniedException" => {
            "; give the function's role secretsmanager:GetSecretValue on it, and kms:Decrypt on its key"
        }
        "ResourceNotFoundException" => "; check the ARN, and that the secret lies in the function's own region",
        _ if error.is_transient => "; it can be repeated",
        _ => "",
    };
    Error::new(error.name(), format!("the secret {arn} cannot be read: {error}{advice}"))
}

/// Reads the text of a secret or a file. No error message repeats any part of it.
fn means(text: &str, cloud: Cloud, place: &str) -> Result<StoredCredential, Error> {
    let wrong = |reason: String| {
        let password = if cloud == Cloud::Huawei { " or {\"domain\":…,\"user\":…,\"password\":…}" } else { "" };
        Error::configuration(format!(
            "{place}: {reason}; it must be {{\"access_key_id\":…,\"access_key_secret\":…}}{password}"
        ))
    };
    let value = json::read(text).map_err(wrong)?;
    let means = read(&value, cloud, place).map_err(|error| wrong(error.to_string()))?;
    means.map_err(|error| wrong(error.message))
}

fn read(value: &Value, cloud: Cloud, place: &str) -> Result<Result<StoredCredential, Error>, FieldError> {
    let mut fields = Fields::of(value, "secret")?;
    if cloud == Cloud::Huawei && fields.is_absent("access_key_id") && !fields.is_absent("password") {
        let means = StoredCredential::Password {
            domain: fields.required("domain")?,
            user: fields.required("user")?,
            password: fields.required("password")?.into(),
        };
        fields.finish()?;
        return Ok(Ok(means));
    }
    let (id, secret) = (fields.required("access_key_id")?, fields.required("access_key_secret")?);
    let token = fields.text("security_token")?;
    fields.finish()?;
    let key = || -> Result<Credential, Error> {
        Ok(Credential {
            access_key_id: clean(&format!("{place}: access_key_id"), id)?,
            access_key_secret: clean(&format!("{place}: access_key_secret"), secret)?.into(),
            security_token: token
                .map(|token| clean(&format!("{place}: security_token"), token))
                .transpose()?
                .map(SecretString::from),
        })
    };
    Ok(key().map(StoredCredential::Key))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_and_a_password_are_told_apart() {
        let text = r#"{"access_key_id":"AKIDone","access_key_secret":"s3cret","security_token":"t"}"#;
        let Ok(StoredCredential::Key(key)) = means(text, Cloud::Tencent, "here") else { panic!() };
        assert_eq!((key.access_key_id.as_str(), key.access_key_secret.expose_secret()), ("AKIDone", "s3cret"));
        assert_eq!(key.security_token.unwrap().expose_secret(), "t");
        // As an editor on Windows saves it.
        assert!(matches!(means(&format!("\u{feff}{text}"), Cloud::Tencent, "here"), Ok(StoredCredential::Key(_))));
        let text = r#"{"domain":"d","user":"u","password":"pa ss"}"#;
        assert!(matches!(means(text, Cloud::Huawei, "here"), Ok(StoredCredential::Password { .. })));
        assert!(means(text, Cloud::Tencent, "here").is_err());
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_of_it_repeated() {
        for (text, expected) in [
            ("hunter2", "here: is not JSON"),
            ("[]", "here: secret: must be an object"),
            (r#"{"access_key_id":"hunter2"}"#, "secret.access_key_secret: is missing"),
            (r#"{"access_key_id":"hunter2","access_key_secret":"hunter2 "}"#, "access_key_secret holds a blank"),
            (r#"{"access_key_id":"a","access_key_secret":7}"#, "must be a text"),
        ] {
            let error = means(text, Cloud::Tencent, "here").err().map(|error| error.message).unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
