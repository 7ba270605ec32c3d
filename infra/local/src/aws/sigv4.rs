//! Checks AWS Signature Version 4, written from the specification and not from any signer.
//! Source: AWS IAM User Guide, "Create a signed AWS API request", 2026.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{ServiceError, hex};

/// How far the time of a signature may be from the server's.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The one key that is accepted.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
}

/// Verifies the `Authorization` header of a request over its exact bytes.
///
/// # Errors
/// The error AWS answers with: no token, incomplete, unknown key, wrong scope, expired, mismatch.
pub(crate) fn verify(parts: &Parts, body: &[u8], service: &str, key: &Key, now: Timestamp) -> Result<(), ServiceError> {
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
    check_time(&time, &claim.date, now).map_err(|message| wrong(&message))?;
    for needed in ["host", "x-amz-date"] {
        if !claim.signed_headers.iter().any(|name| name == needed) {
            return Err(wrong(&format!("'{needed}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    let canonical = canonical_request(parts, body, &claim.signed_headers)
        .ok_or_else(|| wrong("A signed header is not in the request."))?;
    let scope = format!("{}/{}/{service}/aws4_request", claim.date, claim.region);
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(Sha256::digest(canonical)));
    let seed = format!("AWS4{}", key.secret.expose_secret());
    let signing_key = [claim.date.as_str(), &claim.region, service, "aws4_request"]
        .iter()
        .fold(seed.into_bytes(), |key, part| hmac(&key, part));
    if hex(hmac(&signing_key, &to_sign)) == claim.signature {
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

fn check_time(time: &str, scope_date: &str, now: Timestamp) -> Result<(), String> {
    let parsed = DateTime::strptime("%Y%m%dT%H%M%SZ", time)
        .and_then(|time| time.to_zoned(TimeZone::UTC))
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
    Ok(())
}

fn canonical_request(parts: &Parts, body: &[u8], signed_headers: &[String]) -> Option<String> {
    let mut headers = String::new();
    for name in signed_headers {
        let value = text(&parts.headers, name)?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        headers.push_str(&format!("{name}:{value}\n"));
    }
    // Outside S3 every path segment is encoded once more than on the wire.
    let path: Vec<String> = parts.uri.path().split('/').map(encode).collect();
    let mut query: Vec<(&str, &str)> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Some(format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        parts.method,
        path.join("/"),
        query.join("&"),
        signed_headers.join(";"),
        hex(Sha256::digest(body))
    ))
}

fn encode(segment: &str) -> String {
    let mut encoded = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of any length; an empty signature never matches.
        Err(_) => Vec::new(),
    }
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
