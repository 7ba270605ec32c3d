//! Tencent STS 2018-08-13. Source: tencentcloud-sdk-python-sts 3.0.1459; signature vector `sts-web-identity`.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Tencent, call, read};
use crate::disposition::Failure;
use crate::ports::Reply;
use crate::providers::{Call, Service, unreadable};
use crate::sign::Credential;
use crate::sts::{Federation, Role, SESSION, Sts, Temporary};

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
        to_sts(call("AssumeRole", region, &body))
    }

    /// The one call that is not signed: its `Authorization` is the word SKIP.
    fn exchange(&self, region: &str, federation: &Federation, token: &SecretString) -> Call {
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
        let mut call = to_sts(call("AssumeRoleWithWebIdentity", region, &body));
        call.draft.headers.push(("authorization".to_owned(), "SKIP".to_owned()));
        call.draft.headers.push(("x-tc-region".to_owned(), region.to_owned()));
        call
    }

    fn assumed(&self, reply: &Reply) -> Result<Temporary, Failure> {
        #[derive(Deserialize)]
        struct Answer {
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
        let answer = read::<Answer>(reply).map_err(Failure::of_read)?;
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
        to_sts(call("GetCallerIdentity", region, &Nothing {}))
    }

    fn owner(&self, reply: &Reply) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Caller {
            #[serde(rename = "AccountId")]
            account: String,
        }
        Ok(read::<Caller>(reply).map_err(Failure::of_read)?.body.account)
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
