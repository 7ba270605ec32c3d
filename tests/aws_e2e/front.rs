//! Stands where TLS ends: hands the functions' calls to MiniStack and says that they came over TLS, as a load balancer does. Without
//! it the queues' policies would refuse them: the functions' trusted roots are compiled in, and no certificate of a test is among them.
//!
//! It also signs the identity tokens that AWS gives: MiniStack's bear a signature that nobody can check; the simulated clouds
//! check it.

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::http::HttpRequest;
use offsite_shared::ports::Transport;
use offsite_simulators::identity_tokens;
use serde_json::Value;

use crate::account::elements;

/// What such a balancer adds, and MiniStack believes.
pub const OVER_TLS: (&str, &str) = ("x-forwarded-proto", "https");

/// Headers that belong to one connection.
const OF_A_CONNECTION: [&str; 4] = ["content-length", "transfer-encoding", "connection", "keep-alive"];

#[derive(Clone)]
struct Behind {
    endpoint: String,
    http: HttpTransport,
}

/// Serves `listener` for as long as this process lives.
pub fn serve(listener: TcpListener, endpoint: String) {
    let behind = Behind { endpoint, http: HttpTransport::new(Duration::from_secs(5)).unwrap() };
    let serving = async move {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, Router::new().fallback(pass).with_state(behind)).await.unwrap();
    };
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(serving);
    });
}

async fn pass(State(behind): State<Behind>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    let kept = |name: &str| !OF_A_CONNECTION.contains(&name);
    let mut headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .filter(|(name, _)| kept(name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    headers.push((OVER_TLS.0.to_owned(), OVER_TLS.1.to_owned()));
    let asks_for_a_token = body.starts_with(b"Action=GetWebIdentityToken");
    let outgoing = HttpRequest {
        manner: Default::default(),
        method: parts.method.as_str().to_owned(),
        url: format!("{}{}", behind.endpoint, parts.uri),
        headers,
        body: body.to_vec(),
        timeout: Duration::from_secs(60),
    };
    match behind.http.send(outgoing).await {
        Ok(reply) => {
            let mut response = Response::builder().status(reply.status);
            for (name, value) in reply.headers.iter().filter(|(name, _)| kept(name)) {
                response = response.header(name, value);
            }
            let issued = asks_for_a_token && reply.status == 200;
            response.body(Body::from(if issued { signed(&reply.body) } else { reply.body })).unwrap()
        }
        Err(error) => Response::builder().status(502).body(Body::from(error.to_string())).unwrap(),
    }
}

/// MiniStack's answer with a token of the issuer that the simulated clouds know, for the same caller, audience and time.
fn signed(answer: &[u8]) -> Vec<u8> {
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    let token = elements(&answer, "WebIdentityToken").remove(0);
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let (caller, audience) = (claims["sub"].as_str().unwrap(), claims["aud"].as_str().unwrap());
    let from = claims["iat"].as_i64().unwrap();
    let life = claims["exp"].as_i64().unwrap() - from;
    let ours = identity_tokens::make(caller, audience, "RS256", Timestamp::from_second(from).unwrap(), life);
    answer.replace(&token, &ours).into_bytes()
}
