//! The emulators the real Lambda binaries run against, spoken to over HTTP as a client would.

#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint's exception knows test functions only, not their helpers.

mod database;
mod dynamodb;
mod runtime;
mod sqs;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use offsite_local::aws::{LocalAws, Options};
use offsite_local::home::database::Database;
use serde_json::Value;
use tempfile::TempDir;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "not-a-real-secret";

/// The time of every request.
fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// A local AWS on a file of its own, and a client that signs with the official signer.
struct World {
    aws: LocalAws,
    database: Database,
    http: reqwest::Client,
    _directory: TempDir,
}

/// An answer: status, headers, body.
#[derive(Debug)]
struct Answer {
    status: u16,
    query_error: Option<String>,
    body: Value,
}

impl Answer {
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.body
    }

    /// The error's name without its namespace, and its message.
    #[track_caller]
    fn refused(&self) -> (u16, &str, &str) {
        assert_ne!(self.status, 200, "{:?}", self.body);
        let kind = self.body["__type"].as_str().unwrap();
        let message = self.body["message"].as_str().unwrap();
        (self.status, kind.rsplit('#').next().unwrap(), message)
    }
}

impl World {
    async fn start() -> World {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("offsite.db")).unwrap();
        let mut options = Options::new(database.clone(), KEY_ID, SECRET.to_owned().into());
        options.clock = Arc::new(now);
        let aws = LocalAws::start(options).await.unwrap();
        World { aws, database, http: http_client(), _directory: directory }
    }

    async fn call(&self, target: &str, body: Value) -> Answer {
        self.try_call(target, body).await.unwrap()
    }

    async fn try_call(&self, target: &str, body: Value) -> Result<Answer, reqwest::Error> {
        let service = if target.starts_with("AmazonSQS") { "sqs" } else { "dynamodb" };
        let signer = Signer { key_id: KEY_ID, secret: SECRET, service, at: now() };
        self.send(target, body.to_string(), Some(signer)).await
    }

    async fn send(&self, target: &str, body: String, signer: Option<Signer<'_>>) -> Result<Answer, reqwest::Error> {
        let mut headers = headers_to(target);
        headers.extend(signer.iter().flat_map(|signer| signer.headers(&self.url(), &headers_to(target), &body)));
        self.send_with(&headers, body).await
    }

    /// Sends exactly these headers, whatever was signed.
    async fn send_with(&self, headers: &[(String, String)], body: String) -> Result<Answer, reqwest::Error> {
        let request = self.http.post(self.url()).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = request.send().await?;
        let status = response.status().as_u16();
        let query_error = response.headers().get("x-amzn-query-error").map(|value| value.to_str().unwrap().to_owned());
        assert!(response.headers().contains_key("x-amzn-requestid"));
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
        let body = serde_json::from_str(&response.text().await?).unwrap();
        Ok(Answer { status, query_error, body })
    }

    fn url(&self) -> String {
        format!("{}/", self.aws.endpoint())
    }
}

fn headers_to(target: &str) -> Vec<(String, String)> {
    [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

struct Signer<'a> {
    key_id: &'a str,
    secret: &'a str,
    service: &'a str,
    at: Timestamp,
}

impl Signer<'_> {
    fn headers(&self, url: &str, headers: &[(String, String)], body: &str) -> Vec<(String, String)> {
        let identity = Credentials::new(self.key_id, self.secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name(self.service)
            .time(SystemTime::try_from(self.at).unwrap())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let body = SignableBody::Bytes(body.as_bytes());
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("POST", url, headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

pub fn http_client() -> reqwest::Client {
    // Whoever comes first installs it; a second time is no failure.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap()
}
