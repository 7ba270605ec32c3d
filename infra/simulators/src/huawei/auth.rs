//! SDK-HMAC-SHA256 as the API gateway reads it, and tokens.

use jiff::civil::DateTime;
use jiff::{SignedDuration, tz::Offset};

use super::state::Huawei;
use crate::clock::Moment;
use crate::cloud::{Received, Refusal};
use crate::credentials::Key;
use crate::text::{decode, encode, hex, hmac_sha256, pairs, sha256_hex};

/// How far the date of a request may be from the clock. Source: API Request Signing Guide; 2026-11-21.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
impl Huawei {
    /// Accepts a token of the simulated IAM or a signature.
    ///
    /// # Errors
    /// The refusal of the API gateway.
    pub(super) fn authenticate(&mut self, request: &Received, now: Moment) -> Result<(), Refusal> {
        if let Some(token) = request.header("x-auth-token") {
            return match self.tokens.get(&token) {
                Some((expires, of)) if *expires > now.state => match request.path.split('/').nth(2) {
                    // A token opens the project that it was given for.
                    Some(project) if project != of && self.store.projects.contains_key(project) => {
                        Err(Refusal::new(403, "APIGW.0302", "The project of the token is not that of the request."))
                    }
                    _ => Ok(()),
                },
                Some((expires, _)) => Err(unauthenticated(format!("token expires, expires_at:{expires}"))),
                None => Err(unauthenticated("decrypt token fail")),
            };
        }
        let now = now.signature;
        let authorization = request.header("authorization").ok_or_else(|| unauthenticated("x-auth-token not found"))?;
        let malformed = || unauthenticated("authorization header is malformed");
        let fields = authorization.strip_prefix("SDK-HMAC-SHA256 ").ok_or_else(malformed)?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('=')).ok_or_else(malformed)
        };
        let (id, signed, signature) = (field("Access")?, field("SignedHeaders")?, field("Signature")?);
        let date = request.header("x-sdk-date").ok_or_else(|| unauthenticated("x-sdk-date not found"))?;
        let at = DateTime::strptime("%Y%m%dT%H%M%SZ", &date)
            .and_then(|civil| Offset::UTC.to_timestamp(civil))
            .map_err(|_| unauthenticated("x-sdk-date is malformed"))?;
        if now.duration_since(at).abs() > WINDOW {
            return Err(unauthenticated(format!(
                "signature expired,request time:{date},server time:{}",
                now.strftime("%Y%m%dT%H%M%SZ")
            )));
        }
        if self.switches.lock_after_wrong_signatures && self.locks.locked(id, now) {
            return Err(unauthenticated("AK access failed to reach the limit,forbidden"));
        }
        let (secret, token) = match self.account.find(id, now) {
            Key::Unknown => {
                return Err(unauthenticated(format!("Get secretKey failed,ak:{id},err:ak not exist")));
            }
            Key::Known { secret, token, .. } => (secret, token),
        };
        if request.header("x-security-token").as_deref() != token {
            return Err(unauthenticated("verify security token fail"));
        }
        let names: Vec<&str> = signed.split(';').collect();
        let canonical = if names.is_sorted() && names.contains(&"x-sdk-date") {
            canonical_request(request, &names, signed)
        } else {
            None
        };
        let canonical = canonical.ok_or_else(malformed)?;
        let to_sign = format!("SDK-HMAC-SHA256\n{date}\n{}", sha256_hex(canonical.as_bytes()));
        if hex(&hmac_sha256(secret.as_bytes(), to_sign.as_bytes())) == signature {
            self.locks.right(id);
            return Ok(());
        }
        self.locks.wrong(id, now);
        Err(unauthenticated(format!("verify aksk signature fail, canonicalRequest:{}", canonical.replace('\n', "|"))))
    }
}

fn canonical_request(request: &Received, names: &[&str], signed: &str) -> Option<String> {
    let decoded = decode(&request.path, false);
    let mut path = decoded.split('/').map(encode).collect::<Vec<_>>().join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    let mut query = pairs(&request.query);
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mut canonical = format!("{}\n{path}\n{}\n", request.method, query.join("&"));
    for name in names {
        canonical.push_str(&format!("{name}:{}\n", request.header(name)?));
    }
    let declared = request.header("x-sdk-content-sha256").filter(|_| !request.body.is_empty());
    let payload = declared.unwrap_or_else(|| sha256_hex(&request.body));
    canonical.push_str(&format!("\n{signed}\n{payload}"));
    Some(canonical)
}

fn unauthenticated(why: impl std::fmt::Display) -> Refusal {
    Refusal::new(401, "APIGW.0301", format!("Incorrect IAM authentication information: {why}"))
}
