//! TC3-HMAC-SHA256, the signature of Tencent Cloud API 3.0.
//!
//! Source: Tencent Cloud API documentation, "Signature v3" (213/30654), read 2026-11; checked against
//! tencentcloud-sdk-python-common 3.1.195.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::canonical::{
    Headers, ValueCase, canonical_request, check_credential, hex, hmac_sha256, path_and_query, query_as_given,
    sha256_hex, to_the_second,
};
use super::{Credential, RequestDraft, SignError, Signed, SignedHeaders, SigningTrace};

/// The scheme's name, as it stands in `Authorization`.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// The value of `x-tc-content-sha256` that leaves the body out of the signature.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signs a request whose headers already hold `x-tc-action`, `x-tc-version` and `x-tc-region`. `service` is `cbs`, `sts` and so on.
///
/// # Errors
/// [`SignError`] when a key, header or query cannot be signed, `content-type` is missing, the path is not `/`, or a
/// request other than GET has a query, which this scheme would leave unsigned.
pub fn sign(
    draft: &RequestDraft,
    credential: &Credential,
    at: Timestamp,
    service: &str,
    signed: SignedHeaders<'_>,
) -> Result<Signed, SignError> {
    check_credential(credential)?;
    check_service(service)?;
    if draft.path != "/" {
        return Err(SignError::invalid("path", "this scheme signs no path but /"));
    }
    let query = query_as_given(&draft.query)?;
    if !query.is_empty() && !draft.method.eq_ignore_ascii_case("GET") {
        return Err(SignError::invalid("query", "this scheme signs it for GET only"));
    }

    let mut headers = Headers::of(draft)?;
    if headers.get("content-type").is_none_or(str::is_empty) {
        return Err(SignError::missing("content-type"));
    }
    headers.add_missing("x-tc-timestamp", || at.as_second().to_string())?;
    if let Some(token) = &credential.security_token {
        headers.add_missing("x-tc-token", || token.expose_secret().to_owned())?;
    }
    let timestamp = headers.get("x-tc-timestamp").unwrap_or_default();
    let date = utc_date(timestamp)?;
    let payload: &[u8] = match headers.get("x-tc-content-sha256") {
        Some(UNSIGNED_PAYLOAD) => UNSIGNED_PAYLOAD.as_bytes(),
        _ => &draft.body,
    };

    let set = headers.signed(signed, is_minimal)?;
    let signed_headers = set.names();
    let canonical_request =
        canonical_request(&draft.method, "/", &query, (&set, ValueCase::Lower), &signed_headers, &sha256_hex(payload))?;
    let scope = [&date, "/", service, "/tc3_request"].concat();
    let hash = sha256_hex(canonical_request.as_bytes());
    let string_to_sign = [ALGORITHM, "\n", timestamp, "\n", &scope, "\n", &hash].concat();
    let key = signing_key(&credential.access_key_secret, &date, service);
    let signature = hex(&hmac_sha256(&key, string_to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
        credential.access_key_id
    );
    Ok(Signed {
        headers: headers.authorised(authorization),
        path_and_query: path_and_query("/", &query),
        trace: SigningTrace { canonical_request, string_to_sign, signed_headers, signature },
    })
}

/// The signing key of one UTC day and one service, derived from the secret.
pub fn signing_key(secret: &SecretString, date: &str, service: &str) -> [u8; 32] {
    let start = SecretString::from(["TC3", secret.expose_secret()].concat());
    let day = hmac_sha256(start.expose_secret().as_bytes(), date.as_bytes());
    hmac_sha256(&hmac_sha256(&day, service.as_bytes()), b"tc3_request")
}

/// The UTC day of a timestamp in seconds. A local day would fail for eight hours of every day in China.
fn utc_date(timestamp: &str) -> Result<String, SignError> {
    const PROBLEM: &str = "it is not a UNIX time in seconds";
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SignError::invalid("x-tc-timestamp", PROBLEM));
    }
    let at = timestamp.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match at {
        Some(at) => Ok(to_the_second(at).split('T').next().unwrap_or_default().to_owned()),
        None => Err(SignError::invalid("x-tc-timestamp", PROBLEM)),
    }
}

fn check_service(service: &str) -> Result<(), SignError> {
    if service.is_empty() {
        return Err(SignError::missing("service"));
    }
    if !service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err(SignError::invalid("service", "it is not a service name in lower case"));
    }
    Ok(())
}

/// The two mandatory headers and the action. With an unsigned action a captured request could be aimed at another action.
fn is_minimal(name: &str) -> bool {
    matches!(name, "content-type" | "host" | "x-tc-action")
}
