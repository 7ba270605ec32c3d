//! Checks AWS Signature Version 4 by signing again with the official signer and comparing.
//! Source: AWS IAM User Guide, "Create a signed AWS API request", 2026.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::wire::ServiceError;

/// How far the time of a signature may be from the server's.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The one key that is accepted.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: SecretString,
}

/// Verifies the `Authorization` header of a request over its exact bytes.
///
/// # Errors
/// The error AWS answers with: no token, incomplete, unknown key, wrong scope, expired, mismatch.
pub(super) fn verify(parts: &Parts, body: &[u8], service: &str, key: &Key, now: Timestamp) -> Result<(), ServiceError> {
    let Some(header) = text(&parts.headers, "authorization") else {
        return Err(failure(service, "MissingAuthenticationTokenException", "Request is missing Authentication Token"));
    };
    let claim = Claim::parse(&header).map_err(|missing| {
        let message = format!("Authorization header requires {missing}.");
        failure(service, "IncompleteSignatureException", &message)
    })?;
    if claim.key_id != key.id {
        let message = "The security token included in the request is invalid.";
        return Err(failure(service, "UnrecognizedClientException", message));
    }
    let wrong = |message: &str| failure(service, "InvalidSignatureException", message);
    if claim.service != service || claim.terminator != "aws4_request" || claim.region.is_empty() {
        return Err(wrong(&format!("Credential should be scoped to correct service: '{service}'.")));
    }
    let Some(time) = text(&parts.headers, "x-amz-date") else {
        return Err(failure(
            service,
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ));
    };
    let at = time_of(&time, &claim.date, now).map_err(|message| wrong(&message))?;
    for needed in ["host", "x-amz-date"] {
        if !claim.signed_headers.iter().any(|name| name == needed) {
            return Err(wrong(&format!("'{needed}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    let headers: Option<Vec<(&str, String)>> =
        claim.signed_headers.iter().map(|name| Some((name.as_str(), text(&parts.headers, name)?))).collect();
    let headers = headers.ok_or_else(|| wrong("A signed header is not in the request."))?;
    if signature(parts, body, &headers, &claim, key, at).as_ref() == Some(&claim.signature) {
        return Ok(());
    }
    Err(wrong(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ))
}

/// What the header claims.
struct Claim {
    key_id: String,
    date: String,
    region: String,
    service: String,
    terminator: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl Claim {
    fn parse(header: &str) -> Result<Claim, &'static str> {
        let fields = header.strip_prefix(ALGORITHM).ok_or("the algorithm AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            let prefix = format!("{name}=");
            fields.split(',').find_map(|field| field.trim().strip_prefix(&prefix).map(str::to_owned))
        };
        let credential = field("Credential").ok_or("'Credential' parameter")?;
        let signed = field("SignedHeaders").ok_or("'SignedHeaders' parameter")?;
        let signature = field("Signature").ok_or("'Signature' parameter")?;
        let scope: Vec<&str> = credential.split('/').collect();
        let [key_id, date, region, service, terminator] = scope.as_slice() else {
            return Err("a 'Credential' of five parts");
        };
        Ok(Claim {
            key_id: (*key_id).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            terminator: (*terminator).to_owned(),
            signed_headers: signed.split(';').map(str::to_owned).collect(),
            signature,
        })
    }
}

/// The signature of the same request, made with the key that is accepted; `None` if it cannot be signed at all.
fn signature(
    parts: &Parts,
    body: &[u8],
    headers: &[(&str, String)],
    claim: &Claim,
    key: &Key,
    at: Timestamp,
) -> Option<String> {
    let identity = Credentials::new(&key.id, key.secret.expose_secret(), None, None, "the local AWS").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&claim.region)
        .name(&claim.service)
        .time(SystemTime::try_from(at).ok()?)
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    // The host is among the headers; the signer wants one in the URL as well.
    let url = format!("http://localhost{}", parts.uri.path_and_query().map_or("/", |path| path.as_str()));
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let request = SignableRequest::new(parts.method.as_str(), url, headers, SignableBody::Bytes(body)).ok()?;
    Some(sign(request, &params).ok()?.into_parts().1)
}

/// The time of a signature, if it is near enough.
fn time_of(time: &str, scope_date: &str, now: Timestamp) -> Result<Timestamp, String> {
    let parsed = DateTime::strptime("%Y%m%dT%H%M%SZ", time)
        .and_then(|time| time.to_zoned_datetime(TimeZone::UTC))
        .map_err(|_| format!("Date must be in ISO-8601 'basic format'. Got '{time}'."))?;
    if time.get(..8) != Some(scope_date) {
        return Err(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope_date}' != '{time}'."
        ));
    }
    let age = now.duration_since(parsed.timestamp());
    if age > WINDOW {
        return Err(format!("Signature expired: {time} is now earlier than the allowed 5 minutes."));
    }
    if age < -WINDOW {
        return Err(format!("Signature not yet current: {time} is still later than the allowed 5 minutes."));
    }
    Ok(parsed.timestamp())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// DynamoDB answers 400 to a bad signature, SQS 403 with the query protocol's name beside it.
fn failure(service: &str, name: &str, message: &str) -> ServiceError {
    let status = if service == "dynamodb" { 400 } else { 403 };
    let mut error = ServiceError::new(status, &format!("com.amazon.coral.service#{name}"), message);
    if service == "sqs" {
        let code = match name {
            "UnrecognizedClientException" => "InvalidClientTokenId",
            "InvalidSignatureException" => "SignatureDoesNotMatch",
            "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
            _ => "IncompleteSignature",
        };
        error.query_code = Some(code.to_owned());
    }
    error
}
