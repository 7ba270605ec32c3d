//! Huawei STS v5. The owner of a credential is asked of IAM, because IAM takes tokens too and serves every site.
//! Source: huaweicloudsdksts 3.1.219; for IAM: huawei-cloud-api-definitions e05e9a0, 2026-07-24.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::probe::list_projects;
use super::{Huawei, errors};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::call::{Call, Effect, Service};
use crate::providers::reading::lenient;
use crate::providers::refusal::unreadable;
use crate::providers::sts::{Federation, Role, SESSION, Sts, Temporary};
use crate::sign::{Credential, Nonce, RequestDraft};

impl Sts for Huawei {
    /// Assumes a role, which Huawei calls an agency.
    fn assume(&self, region: &str, role: &Role) -> Call {
        let mut body = json!({
            "agency_urn": role.role, "agency_session_name": SESSION, "duration_seconds": role.life_s,
        });
        if let Some(id) = &role.external_id {
            body["external_id"] = json!(id);
        }
        post("AssumeAgency", "/v5/agencies/assume", region, &body)
    }

    fn exchange(
        &self,
        region: &str,
        federation: &Federation,
        token: &SecretString,
        _stamp: (Timestamp, &Nonce),
    ) -> Call {
        let body = json!({
            "provider_urn": federation.provider, "agency_urn": federation.role, "agency_session_name": SESSION,
            "duration_seconds": federation.life_s, "id_token": token.expose_secret(),
        });
        post("AssumeAgencyWithOIDC", "/v5/agencies/assume-with-oidc", region, &body)
    }

    fn assumed(&self, reply: &Reply) -> Result<Temporary, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            credentials: Keys,
        }
        #[derive(Deserialize)]
        struct Keys {
            access_key_id: String,
            secret_access_key: String,
            security_token: String,
            expiration: Timestamp,
        }
        let keys = errors::read::<Answer>(Service::HuaweiSts, reply)
            .map_err(|failure| failure.of_sign_in(reply.status))?
            .credentials;
        let credential = Credential {
            access_key_id: keys.access_key_id,
            access_key_secret: keys.secret_access_key.into(),
            security_token: Some(keys.security_token.into()),
        };
        Ok(Temporary { credential, expires_at: keys.expiration })
    }

    fn whose(&self, region: &str) -> Call {
        list_projects(region, region)
    }

    fn owner(&self, reply: &Reply) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Projects {
            projects: Vec<Project>,
        }
        #[derive(Deserialize)]
        struct Project {
            #[serde(default, deserialize_with = "lenient")]
            domain_id: Option<String>,
        }
        let listed =
            errors::read::<Projects>(Service::Iam, reply).map_err(|failure| failure.of_sign_in(reply.status))?;
        let owner = listed.projects.into_iter().find_map(|project| project.domain_id);
        owner.ok_or_else(|| {
            unreadable(reply, errors::request_id(reply), "no project of this region tells whose the key is").of_read()
        })
    }
}

fn post(action: &'static str, path: &str, region: &str, body: &Value) -> Call {
    Call {
        lists: false,
        goes_first: false,
        action,
        service: Service::HuaweiSts,
        effect: Effect::SignIn,
        region: region.to_owned(),
        draft: RequestDraft {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            ..Default::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::Disposition;

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    #[test]
    fn an_agency_is_assumed_by_key_and_by_token() {
        let role = Role { role: "iam::d:agency:o".into(), external_id: Some("x".into()), life_s: 3_600 };
        let call = Huawei.assume("cn-north-4", &role);
        assert_eq!((call.draft.path.as_str(), call.service), ("/v5/agencies/assume", Service::HuaweiSts));
        let body: Value = serde_json::from_slice(&call.draft.body).unwrap();
        let expected = json!({"agency_urn": "iam::d:agency:o", "agency_session_name": SESSION, "duration_seconds": 3_600, "external_id": "x"});
        assert_eq!(body, expected);
        let federation = Federation {
            role: "iam::d:agency:o".into(),
            provider: "iam::d:oidc-provider:aws".into(),
            audience: "a".into(),
            algorithm: "RS256",
            life_s: 900,
        };
        let call = Huawei.exchange(
            "cn-north-4",
            &federation,
            &SecretString::from("eyJ"),
            (Timestamp::UNIX_EPOCH, &Nonce("n".into())),
        );
        assert_eq!(call.draft.path, "/v5/agencies/assume-with-oidc");
        let body: Value = serde_json::from_slice(&call.draft.body).unwrap();
        assert_eq!((&body["id_token"], &body["provider_urn"]), (&json!("eyJ"), &json!("iam::d:oidc-provider:aws")));
    }

    #[test]
    fn what_is_given_is_read_and_the_owner_is_that_of_the_projects() {
        let answer = json!({"credentials": {"access_key_id": "HST1", "secret_access_key": "s3", "security_token": "t",
            "expiration": "2026-11-22T10:00:00.000Z"}, "assumed_agency": {"urn": "u", "id": "i"}});
        let given = Huawei.assumed(&reply(200, &answer)).unwrap();
        assert_eq!(
            (given.credential.access_key_id.as_str(), given.expires_at.to_string().as_str()),
            ("HST1", "2026-11-22T10:00:00Z")
        );
        let refused = json!({"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information", "request_id": "r"});
        assert_eq!(Huawei.assumed(&reply(401, &refused)).unwrap_err().disposition, Disposition::Authentication);
        assert_eq!(Huawei.owner(&reply(200, &json!({"projects": [{"id": "p", "domain_id": "d"}]}))).unwrap(), "d");
        assert_eq!(
            Huawei.owner(&reply(200, &json!({"projects": []}))).unwrap_err().disposition,
            Disposition::Retryable
        );
    }
}
