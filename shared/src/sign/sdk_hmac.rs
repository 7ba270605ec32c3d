//! SDK-HMAC-SHA256, the AK/SK signature of Huawei Cloud.
//!
//! Source: Huawei Cloud API Request Signing Guide, read 2026-11; checked against huaweicloudsdkcore 3.1.219.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::canonical::{
    Headers, ValueCase, canonical_request, check_credential, check_path, encode_into, hex, hmac_sha256, path_and_query,
    percent_decode, sha256_hex, sorted_query, to_the_second,
};
use super::{Credential, RequestDraft, SignError, Signed, SignedHeaders, SigningTrace};

/// The scheme's name, as it stands in `Authorization`.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// Signs a request whose headers already hold `x-project-id` and `x-domain-id`, where they are needed.
///
/// The path sent is encoded like the canonical one but has no slash appended.
///
/// # Errors
/// [`SignError`] when a key, header, path or query cannot be signed.
pub fn sign(
    draft: &RequestDraft,
    credential: &Credential,
    at: Timestamp,
    signed: SignedHeaders<'_>,
) -> Result<Signed, SignError> {
    check_credential(credential)?;
    check_path(&draft.path)?;
    let query = sorted_query(&draft.query)?;

    let mut headers = Headers::of(draft)?;
    headers.add_missing("x-sdk-date", || to_the_second(at).replace(['-', ':'], ""))?;
    if let Some(token) = &credential.security_token {
        headers.add_missing("x-security-token", || token.expose_secret().to_owned())?;
    }
    let date = headers.get("x-sdk-date").unwrap_or_default();
    // The Python SDK heeds this header only when there is a body, the Go SDK always. An empty body has only one hash.
    let payload_hash = match headers.get("x-sdk-content-sha256") {
        Some(given) if !draft.body.is_empty() => given.to_owned(),
        _ => sha256_hex(&draft.body),
    };

    let mut set = headers.signed(signed, is_minimal)?;
    // The gateway drops headers with an underscore in the name, so it cannot verify them.
    set.retain(|name| !name.contains('_'));
    let signed_headers = set.names();
    let canonical_request = canonical_request(
        &draft.method,
        &canonical_uri(&draft.path),
        &query,
        (&set, ValueCase::AsSent),
        &signed_headers,
        &payload_hash,
    )?;
    let string_to_sign = [ALGORITHM, "\n", date, "\n", &sha256_hex(canonical_request.as_bytes())].concat();
    let key = credential.access_key_secret.expose_secret();
    let signature = hex(&hmac_sha256(key.as_bytes(), string_to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Access={}, SignedHeaders={signed_headers}, Signature={signature}",
        credential.access_key_id
    );
    Ok(Signed {
        headers: headers.authorised(authorization),
        path_and_query: path_and_query(&wire_path(&draft.path), &query),
        trace: SigningTrace { canonical_request, string_to_sign, signed_headers, signature },
    })
}

/// A request without a signature, for calls that carry a token or a password. It has path, query and host as [`sign`] sends them.
///
/// # Errors
/// [`SignError`] when a header, path or query cannot be sent.
pub(crate) fn unsigned(draft: &RequestDraft) -> Result<Signed, SignError> {
    check_path(&draft.path)?;
    let query = sorted_query(&draft.query)?;
    Ok(Signed {
        headers: Headers::of(draft)?.unauthorised(),
        path_and_query: path_and_query(&wire_path(&draft.path), &query),
        trace: SigningTrace::default(),
    })
}

/// The path to sign: decoded as a whole, so that `%2F` becomes a separator, then encoded by segment, with a slash at the end.
fn canonical_uri(path: &str) -> String {
    let decoded = percent_decode(path);
    let mut out = String::with_capacity(path.len() + 1);
    for (position, segment) in decoded.split(|&byte| byte == b'/').enumerate() {
        if position > 0 {
            out.push('/');
        }
        encode_into(&mut out, segment);
    }
    if !out.ends_with('/') {
        out.push('/');
    }
    out
}

/// The path to send: decoded and encoded by segment, so that a `%2F` stays in its segment and the path names the same resource.
fn wire_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (position, segment) in path.split('/').enumerate() {
        if position > 0 {
            out.push('/');
        }
        encode_into(&mut out, &percent_decode(segment));
    }
    out
}

/// Headers that no proxy alters. The vendor's SDKs also sign `user-agent`, which proxies do alter.
fn is_minimal(name: &str) -> bool {
    matches!(name, "content-type" | "host" | "x-project-id" | "x-sdk-date" | "x-security-token")
}
