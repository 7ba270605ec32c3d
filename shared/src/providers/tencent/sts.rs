//! Tencent STS 2018-08-13. Source: tencentcloud-sdk-python-sts 3.0.1459; signature vector `sts-web-identity`.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Tencent;
use super::calls::call;
use super::errors::read;
use super::model::{Answer, ApiError, Head};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::call::{Call, Effect, Service};
use crate::providers::reading::request_id;
use crate::providers::refusal::unreadable;
use crate::providers::sts::{Federation, Role, SESSION, Sts, Temporary};
use crate::sign::{Credential, Nonce};

impl Sts for Tencent {
    fn assume(&self, region: &str, role: &Role) -> Call {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct AssumeRole<'a> {
            role_arn: &'a str,
            role_session_name: &'a str,
            duration_seconds: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            external_id: Option<&'a str>,
        }
        let body = AssumeRole {
            role_arn: &role.role,
            role_session_name: SESSION,
            duration_seconds: role.life_s,
            external_id: role.external_id.as_deref(),
        };
        to_sts(call(Effect::SignIn, "AssumeRole", region, &body))
    }

    /// The only call that is not signed: its `Authorization` is the word SKIP.
    fn exchange(
        &self,
        region: &str,
        federation: &Federation,
        token: &SecretString,
        (at, _): (Timestamp, &Nonce),
    ) -> Call {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct AssumeRoleWithWebIdentity<'a> {
            provider_id: &'a str,
            web_identity_token: &'a str,
            role_arn: &'a str,
            role_session_name: &'a str,
            duration_seconds: u32,
        }
        let body = AssumeRoleWithWebIdentity {
            provider_id: &federation.provider,
            web_identity_token: token.expose_secret(),
            role_arn: &federation.role,
            role_session_name: SESSION,
            duration_seconds: federation.life_s,
        };
        let mut call = to_sts(call(Effect::SignIn, "AssumeRoleWithWebIdentity", region, &body));
        call.draft.headers.push(("authorization".to_owned(), "SKIP".to_owned()));
        call.draft.headers.push(("x-tc-region".to_owned(), region.to_owned()));
        call.draft.headers.push(("x-tc-timestamp".to_owned(), at.as_second().to_string()));
        call
    }

    fn assumed(&self, reply: &Reply) -> Result<Temporary, Failure> {
        let answer = read::<Assumed>(reply).map_err(|failure| failure.of_sign_in(reply.status))?;
        let expires_at = Timestamp::from_second(answer.body.expired_time)
            .map_err(|_| unreadable(reply, answer.request_id, "the answer does not say when the credential ends"))?;
        let keys = answer.body.credentials;
        let credential = Credential {
            access_key_id: keys.tmp_secret_id,
            access_key_secret: keys.tmp_secret_key.into(),
            security_token: Some(keys.token.into()),
        };
        Ok(Temporary { credential, expires_at })
    }

    fn whose(&self, region: &str) -> Call {
        #[derive(Serialize)]
        struct Nothing {}
        to_sts(call(Effect::Read, "GetCallerIdentity", region, &Nothing {}))
    }

    fn owner(&self, reply: &Reply) -> Result<String, Failure> {
        Ok(read::<Caller>(reply).map_err(|failure| failure.of_sign_in(reply.status))?.body.account)
    }
}

#[derive(Deserialize)]
struct Assumed {
    #[serde(rename = "Error")]
    error: Option<ApiError>,
    #[serde(rename = "RequestId", default, deserialize_with = "request_id")]
    request_id: Option<String>,
    #[serde(rename = "Credentials")]
    credentials: Keys,
    #[serde(rename = "ExpiredTime")]
    expired_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    tmp_secret_id: String,
    tmp_secret_key: String,
    token: String,
}

impl Answer for Assumed {
    fn head(&mut self) -> Head {
        Head { error: self.error.take(), request_id: self.request_id.take() }
    }
}

#[derive(Deserialize)]
struct Caller {
    #[serde(rename = "Error")]
    error: Option<ApiError>,
    #[serde(rename = "RequestId", default, deserialize_with = "request_id")]
    request_id: Option<String>,
    #[serde(rename = "AccountId")]
    account: String,
}

impl Answer for Caller {
    fn head(&mut self) -> Head {
        Head { error: self.error.take(), request_id: self.request_id.take() }
    }
}

fn to_sts(mut call: Call) -> Call {
    call.service = Service::TencentSts;
    for (name, value) in &mut call.draft.headers {
        if name == "x-tc-version" {
            "2018-08-13".clone_into(value);
        }
    }
    call
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::failure::Disposition;

    fn reply(body: &Value) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn header<'c>(call: &'c Call, name: &str) -> Vec<&'c str> {
        call.draft.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn an_identity_token_is_exchanged_without_a_signature() {
        let federation = Federation {
            role: "qcs::cam::uin/100000000001:roleName/replicator".into(),
            provider: "oidc".into(),
            audience: "a".into(),
            algorithm: "RS256",
            life_s: 7_200,
        };
        let call = Tencent.exchange(
            "ap-guangzhou",
            &federation,
            &SecretString::from("eyJ.eyJ.x"),
            (Timestamp::UNIX_EPOCH, &Nonce("n".into())),
        );
        assert_eq!((call.action, call.service), ("AssumeRoleWithWebIdentity", Service::TencentSts));
        assert_eq!(header(&call, "authorization"), ["SKIP"]);
        assert_eq!(header(&call, "x-tc-version"), ["2018-08-13"]);
        assert_eq!(header(&call, "x-tc-region"), ["ap-guangzhou"]);
        assert_eq!(header(&call, "x-tc-timestamp"), ["0"]);
        let body: Value = serde_json::from_slice(&call.draft.body).unwrap();
        let expected = json!({"ProviderId": "oidc", "WebIdentityToken": "eyJ.eyJ.x", "RoleSessionName": SESSION,
            "RoleArn": "qcs::cam::uin/100000000001:roleName/replicator", "DurationSeconds": 7_200});
        assert_eq!(body, expected);
        assert!(!format!("{call:?}").contains("eyJ"), "a draft does not print its body");
    }

    #[test]
    fn a_role_is_taken_on_and_its_key_ends() {
        let role = Role { role: "qcs::cam::uin/1:roleName/o".into(), external_id: None, life_s: 900 };
        let body: Value = serde_json::from_slice(&Tencent.assume("ap-beijing", &role).draft.body).unwrap();
        assert_eq!(body, json!({"RoleArn": role.role, "RoleSessionName": SESSION, "DurationSeconds": 900}));
        // Source: STS API documentation, AssumeRole, example.
        let answer = json!({"Response": {"Credentials": {"Token": "da1e", "TmpSecretId": "AKID", "TmpSecretKey": "q95K"},
            "ExpiredTime": 1_543_914_376, "Expiration": "2018-12-04T09:06:16Z", "RequestId": "4daec797"}});
        let given = Tencent.assumed(&reply(&answer)).unwrap();
        assert_eq!(given.expires_at.to_string(), "2018-12-04T09:06:16Z");
        assert_eq!(given.credential.access_key_id, "AKID");
        assert_eq!(given.credential.security_token.as_ref().unwrap().expose_secret(), "da1e");
        assert!(!format!("{given:?}").contains("q95K"));
    }

    #[test]
    fn a_refusal_is_one_and_an_answer_without_a_key_is_repeated() {
        let refused =
            json!({"Response": {"Error": {"Code": "AuthFailure.SecretIdNotFound", "Message": "m"}, "RequestId": "r"}});
        assert_eq!(Tencent.assumed(&reply(&refused)).unwrap_err().disposition, Disposition::Authentication);
        assert_eq!(Tencent.owner(&reply(&refused)).unwrap_err().disposition, Disposition::Authentication);
        let empty = json!({"Response": {"RequestId": "r"}});
        assert_eq!(Tencent.assumed(&reply(&empty)).unwrap_err().disposition, Disposition::Retryable);
        assert_eq!(Tencent.owner(&reply(&json!({"Response": {"AccountId": "1", "RequestId": "r"}}))).unwrap(), "1");
    }
}
