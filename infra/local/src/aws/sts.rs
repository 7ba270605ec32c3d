//! STS: who the caller is, and identity tokens for it, in the query protocol. Source: AWS STS API reference, GetCallerIdentity and
//! GetWebIdentityToken, 2026.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use offsite_simulators::identity_tokens;

use super::faults::{Fault, Faults};
use super::signature::{self, Key};
use super::wire::{ACCOUNT, ServiceError};

/// Whether a request is a form and not one of the JSON protocols.
pub(super) fn is_meant(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/x-www-form-urlencoded") && !parts.headers.contains_key("x-amz-target")
}

/// The answer to a form.
pub(super) fn answer(parts: &Parts, body: &[u8], key: &Key, now: Timestamp, faults: &Faults) -> Response {
    let asks_who = form_urlencoded::parse(body).any(|(name, value)| name == "Action" && value == "GetCallerIdentity");
    let told = match asks_who {
        true => signature::verify(parts, body, "sts", key, now).map(|()| caller()),
        false => token(parts, body, key, now, faults).map(|(token, expires)| identity_token(&token, &expires)),
    };
    let (status, xml) = match told {
        Ok(xml) => (200, xml),
        Err(error) => {
            let code = error.kind.rsplit('#').next().unwrap_or_default().to_owned();
            let fault = format!("<Code>{code}</Code><Message>{}</Message>", error.message);
            (error.status, format!("<ErrorResponse><Error><Type>Sender</Type>{fault}</Error></ErrorResponse>"))
        }
    };
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

fn role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/offsite")
}

fn caller() -> String {
    let who = format!("<Arn>{}</Arn><UserId>AIDAOFFSITE</UserId><Account>{ACCOUNT}</Account>", role());
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>{who}</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

fn identity_token(token: &str, expires: &str) -> String {
    format!(
        "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken><Expiration>{expires}</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>"
    )
}

fn token(
    parts: &Parts,
    body: &[u8],
    key: &Key,
    now: Timestamp,
    faults: &Faults,
) -> Result<(String, String), ServiceError> {
    signature::verify(parts, body, "sts", key, now)?;
    let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let wrong = |why: &str| ServiceError::new(400, "ValidationError", why);
    if field("Action") != Some("GetWebIdentityToken") || field("Version") != Some("2011-06-15") {
        return Err(ServiceError::new(400, "InvalidAction", "no such action here"));
    }
    match faults.take("GetWebIdentityToken") {
        Some(Fault::Refuse { status, kind }) => return Err(ServiceError::new(status, kind, "scripted failure")),
        Some(_) => {
            let message = "Outbound web identity federation is not enabled for this account";
            return Err(ServiceError::new(400, "OutboundWebIdentityFederationDisabled", message));
        }
        None => {}
    }
    let audience = field("Audience.member.1").ok_or_else(|| wrong("Audience is required"))?;
    let algorithm = field("SigningAlgorithm").filter(|name| ["RS256", "ES384"].contains(name));
    let algorithm = algorithm.ok_or_else(|| wrong("SigningAlgorithm must be RS256 or ES384"))?;
    let life = field("DurationSeconds").unwrap_or("300").parse().ok().filter(|life| (60..=3_600).contains(life));
    let life: i64 = life.ok_or_else(|| wrong("DurationSeconds must be 60 to 3600"))?;
    let caller = role();
    let expires = now.checked_add(SignedDuration::from_secs(life)).unwrap_or(now);
    let token = identity_tokens::make(&caller, audience, algorithm, now, life);
    Ok((token, expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
}
