//! IAM v3: password tokens and the list of projects.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answers::{error, naive_time};
use super::state::{Huawei, PROJECTS};
use crate::clock::later;
use crate::cloud::{Answer, Call, Refusal};
use crate::text::sha256_hex;

/// The account, user and password that the simulated IAM accepts; fixed and fake.
pub(super) const DOMAIN: &str = "offsite-domain";
const USER: &str = "offsite-user";
const PASSWORD: &str = "offsite-password";
/// How long a token is valid. Source: IAM documentation, validity of a user token; 2026-11-21.
const TOKEN_LIFE_S: f64 = 24.0 * 3_600.0;

impl Huawei {
    /// Issues a project token in the header `X-Subject-Token`.
    pub(super) fn create_token(&mut self, call: &Call, now: Timestamp) -> Answer {
        let refuse =
            |status, message: &str| error(&call.request_id, "CreateToken", &Refusal::new(status, "IAM", message));
        let Some(body) = &call.body else {
            return refuse(400, "The request body is invalid");
        };
        let identity = &body["auth"]["identity"];
        let project = &body["auth"]["scope"]["project"];
        let by_password =
            identity["methods"].as_array().is_some_and(|methods| methods.iter().any(|method| method == "password"));
        if !by_password || !identity["password"]["user"].is_object() || !project.is_object() {
            return refuse(400, "The request body is invalid");
        }
        let user = &identity["password"]["user"];
        if user["name"] != USER || user["password"] != PASSWORD || user["domain"]["name"] != DOMAIN {
            return refuse(401, "The username or password is wrong.");
        }
        let found = match (project["name"].as_str(), project["id"].as_str()) {
            (_, Some(id)) => match self.store.projects.get(id) {
                Some(region) => Some((id.to_owned(), region.clone())),
                // Whatever is named is there.
                None => self.switches.any_source.then(|| (id.to_owned(), "made-up".to_owned())),
            },
            (Some(name), None) => self.projects_of(name).into_iter().next().map(|id| (id, name.to_owned())),
            (None, None) => None,
        };
        let Some((project_id, region)) = found else {
            return refuse(401, "The project does not exist.");
        };
        let expires = later(now, TOKEN_LIFE_S);
        let token = format!("MIIsimulated{}{}", self.draw.hex32(), self.draw.hex32());
        self.tokens.insert(token.clone(), (expires, project_id.clone()));
        let token_body = json!({"token": {
            "expires_at": format!("{}Z", naive_time(expires)),
            "issued_at": format!("{}Z", naive_time(now)),
            "methods": ["password"],
            "project": {"id": project_id, "name": region, "domain": {"id": "domain0000000000000000000000000001", "name": DOMAIN}},
            "user": {"id": "user000000000000000000000000000001", "name": USER, "domain": {"name": DOMAIN}},
            "roles": [{"id": "0", "name": "te_admin"}],
            "catalog": [],
        }});
        Answer::json(201, &token_body, "ok")
            .with_header("x-subject-token", token)
            .with_header("x-request-id", &call.request_id)
    }

    pub(super) fn list_projects(&mut self, call: &Call) -> Value {
        let shown: Vec<(String, String)> = match call.parameter("name") {
            Some(name) => self.projects_of(name).into_iter().map(|id| (id, name.to_owned())).collect(),
            None => self.store.projects.iter().map(|(id, region)| (id.clone(), region.clone())).collect(),
        };
        let projects = shown.into_iter().map(|(id, name)| {
            json!({"id": id, "name": name, "domain_id": "domain0000000000000000000000000001", "parent_id": "domain0000000000000000000000000001",
                "is_domain": false, "enabled": true, "description": ""})
        });
        json!({"projects": projects.collect::<Vec<_>>(), "links": {"self": "", "next": null, "previous": null}})
    }

    /// Project IDs of a region; any-source mode has one for every region, always the same.
    fn projects_of(&mut self, region: &str) -> Vec<String> {
        let mut known: Vec<String> =
            self.store.projects.iter().filter(|(_, of)| *of == region).map(|(id, _)| id.clone()).collect();
        known.sort();
        if known.is_empty() && self.switches.any_source {
            let documented = PROJECTS.iter().find(|(_, of)| *of == region).map(|(id, _)| (*id).to_owned());
            let id = documented.unwrap_or_else(|| sha256_hex(region.as_bytes())[..32].to_owned());
            self.store.projects.insert(id.clone(), region.to_owned());
            known.push(id);
        }
        known
    }
}
