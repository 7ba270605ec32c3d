//! IAM tokens: a user name and password become a token for one region's project. This module plans and reads, and keeps no token.
//!
//! Source: huawei-cloud-api-definitions e05e9a0, IAM, 2026-07-24; Open Telekom Cloud identity-access-management 9d2eac9, 2026-01-26.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{errors, model};
use crate::model::command::Realm;
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::call::{Call, Effect, Service};
use crate::providers::refusal::unreadable;
use crate::sign::{Query, RequestDraft};

/// How long before its end a token is replaced. IAM asks for at least this.
const MARGIN: SignedDuration = SignedDuration::from_mins(30);

/// A token, and when it ends.
#[derive(Debug)]
pub struct Token {
    /// The value of the header `X-Auth-Token`.
    pub value: SecretString,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// The request for a user's token, for a project by its ID, or for the one that bears the region's name: a token of one project opens no other
/// one, and sub-projects have names of their own. It is sent without a signature.
///
/// Source: IAM API Reference, "Obtaining a User Token Through Password Authentication", `scope.project` by `id` or by `name`, read 2026-11.
pub fn request(domain: &str, user: &str, password: &SecretString, realm: Realm<'_>) -> Call {
    let user = json!({"name": user, "password": password.expose_secret(), "domain": {"name": domain}});
    let project = realm.project.map_or(json!({"name": realm.region}), |id| json!({"id": id}));
    let body = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": project},
    }});
    Call {
        lists: false,
        goes_first: false,
        action: "KeystoneCreateUserTokenByPassword",
        service: Service::Iam,
        effect: Effect::SignIn,
        region: realm.region.to_owned(),
        draft: RequestDraft {
            method: "POST".to_owned(),
            path: "/v3/auth/tokens".to_owned(),
            // Without it the answer carries a catalog of every service.
            query: Query::Pairs(vec![("nocatalog".to_owned(), "true".to_owned())]),
            headers: vec![("content-type".to_owned(), "application/json;charset=utf8".to_owned())],
            body: body.to_string().into_bytes(),
            ..Default::default()
        },
    }
}

/// Reads the token from the answer's header, and its end from the body.
///
/// # Errors
/// A wrong password or missing permission is [`crate::model::failure::Disposition::Authentication`]. After an answer that cannot be read,
/// the token may be asked for again.
pub fn token(reply: &Reply) -> Result<Token, Failure> {
    let answer: Answer = errors::read(Service::Iam, reply).map_err(|failure| failure.of_sign_in(reply.status))?;
    let incomplete = |why| unreadable(reply, errors::request_id(reply), why).of_read();
    let value = reply.header("x-subject-token").map(str::trim).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| incomplete("the answer holds no X-Subject-Token"))?;
    let expires_at = model::time(&answer.token.expires_at)
        .ok_or_else(|| incomplete("the answer does not say when the token ends"))?;
    Ok(Token { value: SecretString::from(value.to_owned()), expires_at })
}

/// When to ask for the next token.
pub fn renew_at(expires_at: Timestamp) -> Timestamp {
    expires_at.checked_sub(MARGIN).unwrap_or(expires_at)
}

#[derive(Deserialize)]
struct Answer {
    token: Body,
}

#[derive(Deserialize)]
struct Body {
    expires_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::Disposition;

    fn reply(status: u16, token: Option<&str>, body: &str) -> Reply {
        let headers = token.map(|token| ("x-subject-token".to_owned(), token.to_owned()));
        Reply { status, headers: headers.into_iter().collect(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn the_request_is_what_iam_documents() {
        let (password, in_region) = (SecretString::from("p\"w"), Realm { region: "eu-de", project: None });
        let call = request("acme", "bot", &password, in_region);
        assert_eq!((call.service, call.region.as_str()), (Service::Iam, "eu-de"));
        assert_eq!((call.draft.method.as_str(), call.draft.path.as_str()), ("POST", "/v3/auth/tokens"));
        assert_eq!(call.draft.query, Query::Pairs(vec![("nocatalog".into(), "true".into())]));
        let body: serde_json::Value = serde_json::from_slice(&call.draft.body).unwrap();
        let wanted = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "bot", "password": "p\"w", "domain": {"name": "acme"}}}},
            "scope": {"project": {"name": "eu-de"}}}});
        assert_eq!(body, wanted);
        let of_project = request("acme", "bot", &password, Realm { project: Some("p1"), ..in_region });
        let body: serde_json::Value = serde_json::from_slice(&of_project.draft.body).unwrap();
        assert_eq!((of_project.region.as_str(), &body["auth"]["scope"]), ("eu-de", &json!({"project": {"id": "p1"}})));
        let shown = format!("{call:?}");
        assert!(!shown.contains("p\"w") && !shown.contains("112, 34, 119"), "{shown}");
    }

    #[test]
    fn the_token_is_a_header_and_its_end_is_in_the_body() {
        let body = r#"{"token":{"expires_at":"2026-11-22T02:13:20.000000Z","issued_at":"x"}}"#;
        let token = token(&reply(201, Some("MIIC"), body)).unwrap();
        assert_eq!(token.value.expose_secret(), "MIIC");
        assert_eq!(token.expires_at.to_string(), "2026-11-22T02:13:20Z");
        assert_eq!(renew_at(token.expires_at).to_string(), "2026-11-22T01:43:20Z");
        assert!(!format!("{token:?}").contains("MIIC"));
    }

    #[test]
    fn refusals_and_unreadable_answers_are_told_apart() {
        let refused = |status, body: &str| token(&reply(status, None, body)).unwrap_err();
        let error = |code: u16| format!("{{\"error\":{{\"code\":{code},\"message\":\"m\",\"title\":\"t\"}}}}");
        assert_eq!(refused(401, &error(401)).disposition, Disposition::Authentication);
        assert_eq!(refused(403, &error(403)).disposition, Disposition::Authentication);
        assert_eq!(refused(400, &error(400)).disposition, Disposition::Permanent);
        assert_eq!(refused(503, "").disposition, Disposition::Retryable);
        let dated = r#"{"token":{"expires_at":"2026-11-22T02:13:20.000000Z"}}"#;
        assert_eq!(refused(201, dated).disposition, Disposition::Retryable);
        let undated = token(&reply(201, Some("MIIC"), r#"{"token":{"expires_at":"soon"}}"#)).unwrap_err();
        assert_eq!(undated.disposition, Disposition::Retryable);
        assert!(!undated.to_string().contains("MIIC"));
    }
}
