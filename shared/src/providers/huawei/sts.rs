//! Huawei STS v5, and IAM for the owner of a credential, since IAM takes tokens too and serves every site.
//! Source: huaweicloudsdksts 3.1.219; of IAM: huawei-cloud-api-definitions e05e9a0, 2026-07-24.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::probe::list_projects;
use super::{Huawei, errors};
use crate::disposition::Failure;
use crate::ports::Reply;
use crate::providers::{Call, Service, lenient, unreadable};
use crate::sign::{Credential, RequestDraft};
use crate::sts::{Federation, Role, SESSION, Sts, Temporary};

impl Sts for Huawei {
    /// Huawei calls it an agency.
    fn assume(&self, region: &str, role: &Role) -> Call {
        let mut body = json!({
            "agency_urn": role.role, "agency_session_name": SESSION, "duration_seconds": role.life_s,
        });
        if let Some(id) = &role.external_id {
            body["external_id"] = json!(id);
        }
        post("AssumeAgency", "/v5/agencies/assume", region, &body)
    }

    fn exchange(&self, region: &str, federation: &Federation, token: &SecretString) -> Call {
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
        let keys = errors::read::<Answer>(Service::HuaweiSts, reply).map_err(Failure::of_read)?.credentials;
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
        let listed = errors::read::<Projects>(Service::Iam, reply).map_err(Failure::of_read)?;
        let owner = listed.projects.into_iter().find_map(|project| project.domain_id);
        owner.ok_or_else(|| {
            unreadable(reply, errors::request_id(reply), "no project of this region tells whose the key is").of_read()
        })
    }
}

fn post(action: &'static str, path: &str, region: &str, body: &Value) -> Call {
    Call {
        action,
        service: Service::HuaweiSts,
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
