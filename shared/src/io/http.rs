//! HTTP over reqwest: rustls with ring, no redirects, no retries.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::blank::Carried;
use super::roots::Roots;
use crate::model::error::Error;
use crate::model::http::{HttpRequest, Reply, TransportError};
use crate::model::text::one_line;
use crate::ports::{Boxed, Transport};
use crate::settings::LEAST_TO_CONNECT;
use crate::settings::url::is_loopback;

/// Sends requests through the proxy that the environment names, except those to loopback.
///
/// **Invariant:** the time to connect lies within the time of the whole exchange, so that what never left this process is told from
/// what got no answer.
#[derive(Clone)]
pub struct HttpTransport {
    /// By the longest time to connect, the longest first.
    clients: Vec<(Duration, Clients)>,
}

#[derive(Clone)]
struct Clients {
    outside: Pair,
    loopback: Pair,
}

/// A client that keeps connections, and one that makes a new one for each request.
#[derive(Clone)]
struct Pair {
    kept: reqwest::Client,
    fresh: reqwest::Client,
}

impl HttpTransport {
    /// Sets up clients for other hosts and for loopback that trust the built-in roots.
    ///
    /// # Errors
    /// The proxy variables or the TLS setup are wrong.
    pub fn new(connect_timeout: Duration) -> Result<HttpTransport, Error> {
        HttpTransport::trusting(connect_timeout, &Roots::built_in())
    }

    /// The same with these roots.
    ///
    /// # Errors
    /// The proxy variables or the TLS setup are wrong.
    pub fn trusting(connect_timeout: Duration, roots: &Roots) -> Result<HttpTransport, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::configuration(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots.store.clone())
            .with_no_client_auth();
        let builder = |connect_timeout: Duration| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(connect_timeout)
                // A connection that idled while Lambda froze the process may be dead, and then nobody knows what became of a call.
                .pool_idle_timeout(Duration::from_secs(4))
                .user_agent(concat!("offsite/", env!("CARGO_PKG_VERSION")))
        };
        let built = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| Error::configuration(format!("the HTTP client cannot be set up: {}", reason(&error))))
        };
        let pair = |builder: &dyn Fn() -> reqwest::ClientBuilder| -> Result<Pair, Error> {
            Ok(Pair { kept: built(builder())?, fresh: built(builder().pool_max_idle_per_host(0))? })
        };
        let mut clients = Vec::new();
        let mut connect = connect_timeout;
        loop {
            let outside = pair(&|| builder(connect))?;
            clients.push((connect, Clients { outside, loopback: pair(&|| builder(connect).no_proxy())? }));
            if connect <= LEAST_TO_CONNECT {
                return Ok(HttpTransport { clients });
            }
            connect = (connect / 4).max(LEAST_TO_CONNECT);
        }
    }

    /// The clients whose time to connect is at most half of this, or else the quickest ones.
    fn within(&self, timeout: Duration) -> Option<&Clients> {
        let fits = self.clients.iter().find(|(connect, _)| *connect <= timeout / 2);
        fits.or(self.clients.last()).map(|(_, clients)| clients)
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let not_sent = |reason: String| TransportError::NotSent(one_line(&reason));
            let method =
                reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|error| not_sent(error.to_string()))?;
            let authority =
                request.url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
            let carried = Carried::by(&request);
            let clients = self.within(request.timeout).ok_or_else(|| not_sent("there is no HTTP client".to_owned()))?;
            let pair = if is_loopback(authority) { &clients.loopback } else { &clients.outside };
            let client = if request.manner.fresh_connection { &pair.fresh } else { &pair.kept };
            let longest = request.manner.longest_answer;
            // Hyper sends no length for an empty body, and some gateways answer 411 to a POST without one. No scheme signs this header.
            let says_zero = request.body.is_empty() && matches!(method.as_str(), "POST" | "PUT" | "PATCH");
            let mut builder = client.request(method, &request.url).timeout(request.timeout).body(request.body);
            if says_zero {
                builder = builder.header(reqwest::header::CONTENT_LENGTH, "0");
            }
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            let mut response = builder.send().await.map_err(sorted)?;
            let status = response.status().as_u16();
            let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers =
                response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
            let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
            let mut body = Vec::with_capacity(expected.min(longest));
            while let Some(chunk) = response.chunk().await.map_err(|error| TransportError::NoAnswer(reason(&error)))? {
                if body.len() + chunk.len() > longest {
                    return Err(TransportError::NoAnswer(format!("the answer is larger than {longest} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(carried.blanked(Reply { status, headers, body }))
        })
    }
}

/// Sorts an error by one question: may the request have been sent?
fn sorted(error: reqwest::Error) -> TransportError {
    let reason = reason(&error);
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(reason)
    } else {
        TransportError::NoAnswer(reason)
    }
}

/// The innermost cause of an error. It never holds the URL, whose query must not get into a log.
fn reason(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { String::new() };
    while let Some(inner) = cause {
        if inner.source().is_none() {
            let innermost = inner.to_string();
            if text.is_empty() {
                text = innermost;
            } else if !innermost.contains("timed out") {
                text = format!("{text}: {innermost}");
            }
        }
        cause = inner.source();
    }
    if text.is_empty() { "the connection failed".to_owned() } else { one_line(&text) }
}
