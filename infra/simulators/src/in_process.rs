//! The three clouds without sockets, for callers in the same process: the same path of a request, and a clock that stands until it is moved.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::admin;
use crate::answering::{Ending, answer, dated};
use crate::clock::SimClock;
use crate::cloud::{Arrived, Received};
use crate::options::SimOptions;
use crate::port::{Port, ports};
use crate::text::lock;

/// One of the three clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Alibaba Cloud Backup and STS.
    Alibaba,
    /// Huawei CBR, CSBS and IAM.
    Huawei,
    /// Tencent CBS and STS.
    Tencent,
}

/// A request as it would go on the wire.
pub struct Request<'r> {
    /// The HTTP method.
    pub method: &'r str,
    /// Path and query, still percent-encoded.
    pub target: &'r str,
    /// All headers, `host` included.
    pub headers: &'r [(String, String)],
    /// The exact bytes of the body.
    pub body: &'r [u8],
}

/// What the caller of a request gets.
pub enum Heard {
    /// An answer: status, headers with names in lower case, and body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// The connection is reset.
    Cut,
    /// Nothing, for as long as the caller waits. The caller moves the clock.
    Silence,
}

/// The three clouds in this process.
pub struct InProcess {
    ports: [Arc<Port>; 3],
    clock: Arc<SimClock>,
    _stop: watch::Sender<bool>,
}

impl InProcess {
    /// Clouds whose clock stands at `start`. The port of the options is not used.
    pub fn new(options: &SimOptions, start: Timestamp) -> Self {
        let clock = Arc::new(SimClock::stopped(start));
        let (stop, stopping) = watch::channel(false);
        let ports = ports(options, &clock, &stopping);
        Self { ports, clock, _stop: stop }
    }

    /// Answers one request. It never waits: where the simulators would wait, the clock is moved.
    pub async fn call(&self, provider: Provider, request: &Request<'_>) -> Heard {
        let port = self.port(provider);
        let date = dated(port);
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        let received = Received {
            method: request.method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: Bytes::copy_from_slice(request.body),
        };
        match answer(port, &received).await {
            Ending::Answered(answer) => {
                let mut headers = vec![("content-type".to_owned(), answer.content_type.to_owned())];
                headers.extend(answer.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
                headers.push(("date".to_owned(), date));
                Heard::Answer(answer.status, headers, answer.body)
            }
            Ending::Cut => Heard::Cut,
            Ending::Silent => Heard::Silence,
        }
    }

    /// Posts to the admin interface, for instance `seed` or `faults`.
    ///
    /// # Errors
    /// What is wrong with the body, in the simulator's words.
    pub fn post(&self, provider: Provider, path: &str, body: &Value) -> Result<Value, String> {
        let received = Received {
            method: "POST".to_owned(),
            path: format!("/_sim/{path}"),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        };
        let answer = admin::handle(self.port(provider), &received);
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or(json!(null));
        if answer.status == 200 { Ok(told) } else { Err(told["error"].as_str().unwrap_or_default().to_owned()) }
    }

    /// The state of one cloud, as `GET /_sim/state` gives it.
    pub fn state(&self, provider: Provider) -> Value {
        admin::state(self.port(provider))
    }

    /// Every copy that is usable in its destination now, by the cloud's own links.
    pub fn arrived(&self, provider: Provider) -> Vec<Arrived> {
        let cloud = lock(&self.port(provider).cloud);
        cloud.arrived(self.clock.now().state)
    }

    /// The time of the clouds.
    pub fn now(&self) -> Timestamp {
        self.clock.now().state
    }

    /// Moves the clock of the clouds on.
    pub fn pass(&self, time: Duration) {
        self.clock.pass(SignedDuration::try_from(time).unwrap_or(SignedDuration::ZERO));
    }

    fn port(&self, provider: Provider) -> &Port {
        let [alibaba, huawei, tencent] = &self.ports;
        match provider {
            Provider::Alibaba => alibaba,
            Provider::Huawei => huawei,
            Provider::Tencent => tencent,
        }
    }
}
