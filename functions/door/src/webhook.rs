//! Standard Webhooks: a signature by a key that both sides hold.
//!
//! Source: Standard Webhooks specification 1.0.0, "Webhook Headers" and "Signature scheme", 2026: HMAC-SHA256 over `id.timestamp.body`,
//! as `v1,<base64>`; several of them, separated by blanks, while a key is changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use crate::refused::Refused;
use crate::request::Request;

/// So far may its time be from ours, in either direction.
const FRESH_S: i64 = 300;

/// So many signatures are looked at.
const MOST: usize = 8;

/// The ID of a notification that one of these keys has signed a short while ago.
///
/// # Errors
/// It is stale, or signed by nobody who is known.
pub fn verify(request: &Request, keys: &[SecretSlice<u8>], now: Timestamp) -> Result<String, Refused> {
    let id = request.header("webhook-id").ok_or(Refused::Signature)?;
    let told = request.header("webhook-timestamp").ok_or(Refused::Stale)?;
    let signatures = request.header("webhook-signature").ok_or(Refused::Signature)?;
    // With a dot in it the same signed bytes could be cut into another ID, time and body.
    let is_id = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
    let is_time = (1..=12).contains(&told.len()) && told.bytes().all(|byte| byte.is_ascii_digit());
    if !is_id {
        return Err(Refused::Signature);
    }
    let at: i64 = told.parse().ok().filter(|_| is_time).ok_or(Refused::Stale)?;
    if (now.as_second() - at).abs() > FRESH_S {
        return Err(Refused::Stale);
    }
    let offered = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let offered: Vec<Vec<u8>> = offered.take(MOST).filter_map(|text| STANDARD.decode(text).ok()).collect();
    let fits = |key: &SecretSlice<u8>, signature: &[u8]| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose_secret()) else { return false };
        for part in [id.as_bytes(), b".", told.as_bytes(), b".", &request.body] {
            mac.update(part);
        }
        mac.verify_slice(signature).is_ok()
    };
    match keys.iter().any(|key| offered.iter().any(|signature| fits(key, signature))) {
        true => Ok(id.to_owned()),
        false => Err(Refused::Signature),
    }
}
