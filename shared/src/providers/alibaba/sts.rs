//! Alibaba STS 2015-04-01. Source: alibabacloud_sts20150401 1.2.0; OpenAPI metadata of Sts, 2026-11-21.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Alibaba;
use super::calls::call;
use super::errors::read;
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::call::{Call, Effect, Service};
use crate::providers::refusal::unreadable;
use crate::providers::sts::{Federation, Role, SESSION, Sts, Temporary};
use crate::sign::{Credential, Nonce, Query, canonical};

impl Sts for Alibaba {
    fn assume(&self, region: &str, role: &Role) -> Call {
        let mut pairs = vec![
            ("RoleArn", role.role.clone()),
            ("RoleSessionName", SESSION.to_owned()),
            ("DurationSeconds", role.life_s.to_string()),
        ];
        pairs.extend(role.external_id.clone().map(|id| ("ExternalId", id)));
        to_sts(call(Effect::SignIn, "AssumeRole", region, pairs))
    }

    /// The call has no key and no signature. The token goes into the body, because URLs end up in logs.
    fn exchange(
        &self,
        region: &str,
        federation: &Federation,
        token: &SecretString,
        (at, nonce): (Timestamp, &Nonce),
    ) -> Call {
        let form = [
            ("OIDCProviderArn", federation.provider.as_str()),
            ("RoleArn", federation.role.as_str()),
            ("RoleSessionName", SESSION),
            ("DurationSeconds", &federation.life_s.to_string()),
            ("OIDCToken", token.expose_secret()),
        ];
        let mut body = String::new();
        for (name, value) in form {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            canonical::encode_into(&mut body, value.as_bytes());
        }
        let mut call = to_sts(call(Effect::SignIn, "AssumeRoleWithOIDC", region, Vec::new()));
        call.draft.query = Query::None;
        call.draft.headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        call.draft.headers.push(("x-acs-date".to_owned(), canonical::to_the_second(at)));
        call.draft.headers.push(("x-acs-signature-nonce".to_owned(), nonce.0.clone()));
        call.draft.body = body.into_bytes();
        call
    }

    fn assumed(&self, reply: &Reply) -> Result<Temporary, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "Credentials")]
            credentials: Keys,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Keys {
            access_key_id: String,
            access_key_secret: String,
            security_token: String,
            expiration: Timestamp,
        }
        let keys = answer::<Answer>(reply, "the answer holds no credential")?.credentials;
        let credential = Credential {
            access_key_id: keys.access_key_id,
            access_key_secret: keys.access_key_secret.into(),
            security_token: Some(keys.security_token.into()),
        };
        Ok(Temporary { credential, expires_at: keys.expiration })
    }

    fn whose(&self, region: &str) -> Call {
        to_sts(call(Effect::Read, "GetCallerIdentity", region, Vec::new()))
    }

    fn owner(&self, reply: &Reply) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Caller {
            #[serde(rename = "AccountId")]
            account: String,
        }
        Ok(answer::<Caller>(reply, "the answer names no account")?.account)
    }
}

/// Reads an answer of STS, which sends neither Success nor Code when all is well.
fn answer<T: for<'de> Deserialize<'de>>(reply: &Reply, otherwise: &str) -> Result<T, Failure> {
    if (200..300).contains(&reply.status)
        && let Ok(answer) = serde_json::from_slice::<T>(&reply.body)
    {
        return Ok(answer);
    }
    Err(match read(reply) {
        Err(failure) => failure,
        Ok(answer) => unreadable(reply, answer.request_id, otherwise),
    }
    .of_sign_in(reply.status))
}

fn to_sts(mut call: Call) -> Call {
    call.service = Service::AlibabaSts;
    for (name, value) in &mut call.draft.headers {
        if name == "x-acs-version" {
            "2015-04-01".clone_into(value);
        }
    }
    call
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::failure::Disposition;

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    #[test]
    fn an_identity_token_goes_into_the_body_and_nowhere_else() {
        let federation = Federation {
            role: "acs:ram::1:role/o".into(),
            provider: "acs:ram::1:oidc-provider/aws".into(),
            audience: "a".into(),
            algorithm: "RS256",
            life_s: 3_600,
        };
        let call = Alibaba.exchange(
            "cn-hangzhou",
            &federation,
            &SecretString::from("eyJ.eyJ+/x"),
            (Timestamp::UNIX_EPOCH, &Nonce("n".into())),
        );
        assert_eq!(
            (call.action, call.service, &call.draft.query),
            ("AssumeRoleWithOIDC", Service::AlibabaSts, &Query::None)
        );
        let body = String::from_utf8(call.draft.body.clone()).unwrap();
        assert_eq!(
            body,
            "OIDCProviderArn=acs%3Aram%3A%3A1%3Aoidc-provider%2Faws&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fo&RoleSessionName=offsite&DurationSeconds=3600&OIDCToken=eyJ.eyJ%2B%2Fx"
        );
        assert!(call.draft.headers.contains(&("x-acs-version".to_owned(), "2015-04-01".to_owned())));
        assert!(!call.draft.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")));
    }

    #[test]
    fn a_role_s_key_is_read_with_its_end() {
        // Source: alibabacloud_sts20150401 1.2.0, AssumeRole, example.
        let answer = json!({"RequestId": "6894B13B", "AssumedRoleUser": {"AssumedRoleId": "3:alice", "Arn": "acs:ram::1:role/a/alice"},
            "Credentials": {"SecurityToken": "t0k", "Expiration": "2015-04-09T11:52:19Z", "AccessKeySecret": "wyLT", "AccessKeyId": "STS.L4aB"}});
        let given = Alibaba.assumed(&reply(200, &answer)).unwrap();
        assert_eq!(
            (given.credential.access_key_id.as_str(), given.expires_at.to_string().as_str()),
            ("STS.L4aB", "2015-04-09T11:52:19Z")
        );
        assert_eq!(given.credential.access_key_secret.expose_secret(), "wyLT");
        let refused = json!({"RequestId": "r", "Code": "InvalidAccessKeyId.NotFound", "Message": "m"});
        assert_eq!(Alibaba.assumed(&reply(404, &refused)).unwrap_err().disposition, Disposition::Authentication);
        assert_eq!(
            Alibaba.assumed(&reply(200, &json!({"RequestId": "r"}))).unwrap_err().disposition,
            Disposition::Retryable
        );
        assert_eq!(Alibaba.owner(&reply(200, &json!({"AccountId": "1000000000000001"}))).unwrap(), "1000000000000001");
    }
}
