//! Stands where TLS ends: hands the functions' calls to MiniStack and says that they came over TLS, as a load balancer does. Without it
//! the queues' policies would refuse them, since the functions' own trusted roots are compiled in and no certificate of a test is among them.

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ports::{HttpRequest, Transport};

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
    let outgoing = HttpRequest {
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
            response.body(Body::from(reply.body)).unwrap()
        }
        Err(error) => Response::builder().status(502).body(Body::from(error.to_string())).unwrap(),
    }
}
