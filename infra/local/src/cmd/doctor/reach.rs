//! Whether an endpoint answers, how fast, and how far its clock is from ours. Nothing here is signed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::context::Context;
use offsite_shared::model::http::{HttpRequest, TransportError};
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::url::is_loopback;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// What was seen of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// How it went, in words.
    pub found: String,
    /// What to do where it did not answer.
    pub advice: &'static str,
    /// The whole exchange; `None` where there was no answer.
    pub latency_ms: Option<i64>,
    /// How far its clock is ahead of ours, to about a second.
    pub ahead: Option<SignedDuration>,
}

/// The host, with the port where one is named.
pub(crate) fn authority(base: &str) -> &str {
    base.split_once("://").map_or(base, |(_, rest)| rest).split('/').next().unwrap_or_default()
}

/// Looks at one endpoint: DNS and TCP by themselves where no proxy is in between, then one unsigned request.
pub(crate) async fn reach(context: &Context, environment: &Environment, base: &str, patience: Duration) -> Reached {
    let mut told = Vec::new();
    match proxy(environment, base) {
        Some(proxy) => told.push(format!("through the proxy {proxy}")),
        None => match direct(context, base, patience).await {
            Ok(stages) => told.push(stages),
            Err((found, advice)) => return Reached { found, advice, latency_ms: None, ahead: None },
        },
    }
    let request = HttpRequest {
        manner: Default::default(),
        method: "GET".into(),
        url: format!("{base}/"),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: patience,
    };
    let before = context.now();
    let result = context.ports.transport.send(request).await;
    let after = context.now();
    let took = after.duration_since(before);
    let secured = if base.starts_with("https://") { "TLS and HTTP" } else { "HTTP" };
    match result {
        Ok(reply) => {
            told.push(format!("{secured} {} ms", took.as_millis()));
            let middle = before.checked_add(took / 2).unwrap_or(before);
            Reached {
                found: format!("answers: {}", told.join(", ")),
                advice: "",
                latency_ms: Some(took.as_millis() as i64),
                ahead: reply.header("date").and_then(|date| ahead(date, middle)),
            }
        }
        Err(error) => {
            let (TransportError::NotSent(reason)
            | TransportError::Forbidden(reason)
            | TransportError::NoAnswer(reason)) = error;
            told.push(format!("{secured}: {reason}"));
            Reached {
                found: format!("does not answer: {}", told.join(", ")),
                advice: "check proxy, firewall and the endpoint variable; a proxy that re-signs TLS is refused",
                latency_ms: None,
                ahead: None,
            }
        }
    }
}

/// How far a `Date` header is ahead of `now`. It tells whole seconds, so on average it is half a second old.
fn ahead(date: &str, now: Timestamp) -> Option<SignedDuration> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(date.duration_since(now).saturating_add(SignedDuration::from_millis(500)))
}

async fn direct(context: &Context, base: &str, patience: Duration) -> Result<String, (String, &'static str)> {
    let named = authority(base);
    let port = if base.starts_with("http://") { 80 } else { 443 };
    let has_port = named
        .rsplit_once(':')
        .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')));
    let target = if has_port { named.to_owned() } else { format!("{named}:{port}") };
    let since = |start: Timestamp| context.now().duration_since(start).as_millis();
    let start = context.now();
    let addresses: Vec<_> = match timeout(patience, lookup_host(target)).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            return Err((
                format!("DNS knows no such host: {error}"),
                "check the region, the endpoint variable and the resolver",
            ));
        }
        Err(_) => return Err(("DNS does not answer".to_owned(), "check the resolver")),
    };
    let dns = since(start);
    let start = context.now();
    match timeout(patience.min(context.settings.connect_timeout), TcpStream::connect(&*addresses)).await {
        Ok(Ok(_)) => Ok(format!("DNS {dns} ms, TCP {} ms", since(start))),
        Ok(Err(error)) => Err((format!("TCP is refused: {error}"), "check firewall, route and the endpoint variable")),
        Err(_) => Err(("TCP does not connect in time".to_owned(), "check firewall, route and proxy")),
    }
}

/// The proxy that the client takes for a URL, without user and password. What `NO_PROXY` says is read more simply than the
/// client reads it: names, their endings, and `*`.
pub(crate) fn proxy(environment: &Environment, base: &str) -> Option<String> {
    let named = authority(base);
    if is_loopback(named) {
        return None;
    }
    let of = |name: &str| environment.get(&name.to_ascii_lowercase()).or_else(|| environment.get(name));
    let scheme = if base.starts_with("http://") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let url = of(scheme).or_else(|| of("ALL_PROXY"))?;
    let host = named.split(':').next().unwrap_or_default();
    let excepted = of("NO_PROXY").is_some_and(|list| {
        list.split(',')
            .map(|item| item.trim().trim_start_matches('.'))
            .filter(|item| !item.is_empty())
            .any(|item| item == "*" || host == item || host.strip_suffix(item).is_some_and(|rest| rest.ends_with('.')))
    });
    let shown = authority(url).rsplit('@').next().unwrap_or_default().to_owned();
    (!excepted).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_compared_to_about_a_second() {
        let now = "2025-03-25T07:17:12.5Z".parse().unwrap();
        let of = |date: &str| ahead(date, now).map(|ahead| ahead.as_secs());
        assert_eq!(of("Tue, 25 Mar 2025 07:17:12 GMT"), Some(0));
        assert_eq!(of("Tue, 25 Mar 2025 07:27:12 GMT"), Some(600));
        assert_eq!(of("yesterday"), None);
    }

    #[test]
    fn the_proxy_is_told_without_its_password() {
        let environment = |pairs: &[(&str, &str)]| {
            Environment::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let with = environment(&[
            ("HTTPS_PROXY", "http://user:secret@proxy.example:3128"),
            ("NO_PROXY", ".tencentcloudapi.com"),
        ]);
        assert_eq!(proxy(&with, "https://hbr.cn-hangzhou.aliyuncs.com").as_deref(), Some("proxy.example:3128"));
        assert_eq!(proxy(&with, "https://cbs.tencentcloudapi.com"), None);
        assert_eq!(proxy(&with, "http://127.0.0.1:1234"), None);
        assert_eq!(proxy(&environment(&[]), "https://cbs.tencentcloudapi.com"), None);
        let all = environment(&[("all_proxy", "socks5://p:1080")]);
        assert_eq!(proxy(&all, "https://cbs.tencentcloudapi.com").as_deref(), Some("p:1080"));
    }
}
