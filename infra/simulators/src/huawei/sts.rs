//! STS v5: agencies assumed with a key or with an identity token. Source: huaweicloudsdksts 3.1.219.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Huawei;
use crate::clock::later;
use crate::cloud::{Call, Refusal};
use crate::identity_tokens;

impl Huawei {
    /// Hands out a temporary key for an agency.
    pub(super) fn assume_agency(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let refuse = |status, code: &str, why: &str| Refusal::new(status, code.to_owned(), why.to_owned());
        let invalid = |why: &str| refuse(400, "STS.0100", why);
        let body = call.body.as_ref().ok_or_else(|| invalid("the body is not JSON"))?;
        let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
        let urn = text("agency_urn").ok_or_else(|| invalid("agency_urn is missing"))?.to_owned();
        let session = text("agency_session_name").filter(|name| (2..=128).contains(&name.len()));
        let session = session.ok_or_else(|| invalid("agency_session_name is missing"))?.to_owned();
        if !urn.starts_with("iam::") || !urn.contains(":agency:") {
            return Err(invalid("agency_urn is wrongly formed"));
        }
        let life = body["duration_seconds"].as_u64().unwrap_or(3_600);
        if !(900..=43_200).contains(&life) {
            return Err(invalid("duration_seconds must be between 900 and 43200"));
        }
        if call.action == "AssumeAgencyWithOIDC" {
            let token = text("id_token").ok_or_else(|| invalid("id_token is missing"))?;
            text("provider_urn").ok_or_else(|| invalid("provider_urn is missing"))?;
            identity_tokens::check(token, now).map_err(|why| refuse(403, "STS.0403", why))?;
        }
        let expires = later(now, life as f64);
        let (id, secret, token) = (format!("HST{}", self.draw.word(17)), self.draw.word(40), self.draw.word(120));
        self.account.issue(&id, &secret, &token, expires);
        Ok(json!({
            "credentials": {"access_key_id": id, "secret_access_key": secret, "security_token": token,
                "expiration": expires.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()},
            "assumed_agency": {"urn": format!("{}:{session}", urn.replace("iam::", "sts::").replace(":agency:", ":assumed-agency:")),
                "id": format!("{}:{session}", self.draw.hex32())},
        }))
    }
}
