//! Identity tokens of the emulated AWS account, as its token service makes them and as the simulated clouds check them.
//!
//! They have the form of a JWT. The signature is one that this program alone makes and checks: what the clouds check with the keys
//! that AWS publishes is checked here with the one key below.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

/// Who makes them out. The form is that of AWS's issuers. Source: IAM User Guide, outbound identity federation, 2026.
pub(crate) const ISSUER: &str = "https://00000000-0000-4000-8000-000000000000.tokens.sts.global.api.aws";

/// The audience that the simulated clouds' identity providers are set up with.
pub const AUDIENCE: &str = "offsite";

const KEY: &[u8] = b"what the emulated AWS account signs with";

/// A token for a caller.
pub fn make(caller: &str, audience: &str, algorithm: &str, now: Timestamp, life_s: i64) -> String {
    let header = json!({"alg": algorithm, "kid": "emulated", "typ": "JWT"});
    let claims = json!({
        "iss": ISSUER, "sub": caller, "aud": audience, "iat": now.as_second(), "exp": now.as_second() + life_s,
    });
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(&signed));
    format!("{signed}.{signature}")
}

/// Checks a token as an identity provider of a cloud does: signature, issuer, audience, time.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(token: &str, now: Timestamp) -> Result<(), &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("it is no JWT")?;
    let claims = signed.split_once('.').map(|(_, claims)| claims).ok_or("it is no JWT")?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| "its claims are not base64url")?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| "its claims are not JSON")?;
    if URL_SAFE_NO_PAD.decode(signature).ok().as_deref() != Some(&sign(signed)[..]) {
        return Err("its signature does not match");
    }
    if claims["iss"] != ISSUER {
        return Err("its issuer is not known");
    }
    if claims["aud"] != AUDIENCE {
        return Err("it is made out for another audience");
    }
    match claims["exp"].as_i64() {
        Some(exp) if exp > now.as_second() => Ok(()),
        _ => Err("it has expired"),
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn sign(signed: &str) -> Vec<u8> {
    // A key of any length is taken.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(KEY) else { return Vec::new() };
    mac.chain_update(signed).finalize().into_bytes().to_vec()
}
