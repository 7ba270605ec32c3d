//! ACS3-HMAC-SHA256, the signature of Alibaba Cloud's V3 requests.
//!
//! Source: Alibaba Cloud help, "V3 request structure and signature" (document 2593177), read 2026-11; checked against
//! alibabacloud_tea_openapi 0.4.6.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::canonical::{
    Headers, ValueCase, canonical_request, check_credential, check_path, check_wire, hex, hmac_sha256, path_and_query,
    sha256_hex, sorted_query, to_the_second,
};
use super::{Credential, Nonce, RequestDraft, SignError, Signed, SignedHeaders, SigningTrace};

/// The scheme's name, as it stands in `Authorization`.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Signs a request whose headers already hold `x-acs-action` and `x-acs-version`. A call of an action has the path `/`.
///
/// # Errors
/// [`SignError`] when a key, header, path or query cannot be signed, or a given `x-acs-content-sha256` is not the body's hash.
pub fn sign(
    draft: &RequestDraft,
    credential: &Credential,
    at: Timestamp,
    nonce: &Nonce,
    signed: SignedHeaders<'_>,
) -> Result<Signed, SignError> {
    check_credential(credential)?;
    check_path(&draft.path)?;
    check_wire("path", &draft.path)?;
    let query = sorted_query(&draft.query)?;
    let payload_hash = sha256_hex(&draft.body);

    let mut headers = Headers::of(draft)?;
    headers.add_missing("x-acs-date", || to_the_second(at))?;
    headers.add_missing("x-acs-signature-nonce", || nonce.0.clone())?;
    headers.add_missing("x-acs-content-sha256", || payload_hash.clone())?;
    if let Some(token) = &credential.security_token {
        headers.add_missing("x-acs-security-token", || token.expose_secret().to_owned())?;
    }
    // This header is also the last line of the canonical request, so the provider would refuse any other hash.
    if headers.get("x-acs-content-sha256") != Some(&payload_hash) {
        return Err(SignError::invalid("x-acs-content-sha256", "it is not the lower-case SHA-256 of the body"));
    }

    let set = headers.signed(signed, is_minimal)?;
    let signed_headers = set.names();
    let canonical_request = canonical_request(
        &draft.method,
        &draft.path,
        &query,
        (&set, ValueCase::AsSent),
        &signed_headers,
        &payload_hash,
    )?;
    let string_to_sign = [ALGORITHM, "\n", &sha256_hex(canonical_request.as_bytes())].concat();
    let key = credential.access_key_secret.expose_secret();
    let signature = hex(&hmac_sha256(key.as_bytes(), string_to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={},SignedHeaders={signed_headers},Signature={signature}",
        credential.access_key_id
    );
    Ok(Signed {
        headers: headers.authorised(authorization),
        path_and_query: path_and_query(&draft.path, &query),
        trace: SigningTrace { canonical_request, string_to_sign, signed_headers, signature },
    })
}

/// Host, content type and every `x-acs-` header, as the sample code in the documentation signs them.
fn is_minimal(name: &str) -> bool {
    matches!(name, "host" | "content-type") || name.starts_with("x-acs-")
}
