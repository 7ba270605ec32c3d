//! The URLs in settings, checked at the start: a wrong one would otherwise be told of each backup, and each backup would pay for it.

use crate::model::error::Error;

/// A URL from a setting that has passed the checks: no blank, no user, no query, a host that can be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedUrl {
    /// Scheme, host and port, in lower case, without the scheme's usual port.
    pub(crate) origin: String,
    /// What follows the host, without a slash at the end; empty or begins with a slash.
    pub(crate) path: String,
}

impl CheckedUrl {
    /// Checks `value`, the URL in the variable `name`. `{region}` may stand in the host if `with_region` says so.
    ///
    /// # Errors
    /// The URL is refused; the message names the variable and says what to write. It repeats nothing that may be a password.
    pub(crate) fn read(name: &str, value: &str, with_region: bool) -> Result<CheckedUrl, Error> {
        let wrong = |reason: &str| Err(Error::configuration(format!("{name} {reason}")));
        let (plain, rest) = match (value.strip_prefix("https://"), value.strip_prefix("http://")) {
            _ if value.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                return wrong("holds a blank or a line break: write the URL without it");
            }
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => {
                return wrong("must be a URL that begins with https:// (or http:// for a loopback address)");
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return wrong("must not hold a user name or password");
        }
        let authority = authority.to_lowercase();
        let (host, port) = host_and_port(&authority);
        if !is_host(host, with_region) {
            let region = if with_region { ", in which {region} may stand for the region" } else { "" };
            return wrong(&format!(
                "must name a host after ://, of letters, digits, dots and hyphens{region}; a name beyond ASCII is written as punycode"
            ));
        }
        if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            return wrong("must have a port from 1 to 65535 after the colon, or neither colon nor port");
        }
        if plain && !is_loopback(&authority) {
            return wrong("must be https: plain http is allowed to loopback addresses only");
        }
        let (scheme, usual) = if plain { ("http", "80") } else { ("https", "443") };
        let origin = match port.filter(|port| *port != usual) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        if path.contains(['?', '#']) {
            return wrong(&format!("must have no query and no fragment: write {origin}, and nothing after ? or #"));
        }
        Ok(CheckedUrl { origin, path: path.strip_suffix('/').unwrap_or(path).to_owned() })
    }

    /// Checks an endpoint that nothing may follow, since no signature covers more: `origin` is the whole of it.
    ///
    /// # Errors
    /// As [`CheckedUrl::read`], or there is a path.
    pub(crate) fn endpoint(name: &str, value: &str, with_region: bool) -> Result<CheckedUrl, Error> {
        let url = CheckedUrl::read(name, value, with_region)?;
        match url.path.is_empty() {
            true => Ok(url),
            false => Err(Error::configuration(format!(
                "{name} must have no path, which this service's signature does not cover: write {}",
                url.origin
            ))),
        }
    }

    /// Checks an endpoint of a service that signs the path of a gateway too. `{region}` may stand in host and path.
    ///
    /// # Errors
    /// As [`CheckedUrl::read`], or the path would not arrive as it was signed.
    pub(crate) fn gateway(name: &str, value: &str) -> Result<CheckedUrl, Error> {
        let url = CheckedUrl::read(name, value, true)?;
        let plain = url.path.replace("{region}", "region");
        let fits = |segment: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
            !matches!(segment, "" | "." | "..") && segment.chars().all(known)
        };
        match plain.is_empty() || plain.split('/').skip(1).all(fits) {
            true => Ok(url),
            false => Err(Error::configuration(format!(
                "{name} must have no path, or one of letters, digits, '-', '_', '.', '~' and {{region}} between single slashes"
            ))),
        }
    }
}

/// Whether an authority (`host` or `host:port`) is this machine itself.
pub fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The parts of an authority: the host, in brackets if it is an IPv6 address, and the port.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let end = if authority.starts_with('[') { authority.find(']').map_or(0, |at| at + 1) } else { 0 };
    match authority.get(end..).and_then(|rest| rest.split_once(':')) {
        Some((more, port)) => (authority.get(..end + more.len()).unwrap_or_default(), Some(port)),
        None => (authority, None),
    }
}

fn is_host(host: &str, with_region: bool) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let plain = if with_region { host.replace("{region}", "region") } else { host.to_owned() };
    let label = |label: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !label.is_empty() && label.len() <= 63 && label.chars().all(known)
    };
    plain.len() <= 253 && plain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_is_signed_and_sent() {
        let of = |value: &str| CheckedUrl::read("X", value, true).map(|url| (url.origin, url.path));
        let is = |origin: &str, path: &str| Ok((origin.to_owned(), path.to_owned()));
        assert_eq!(of("https://CBR.{region}.Example.com:443/"), is("https://cbr.{region}.example.com", ""));
        assert_eq!(of("https://cbr.example.com:8443/Gateway/"), is("https://cbr.example.com:8443", "/Gateway"));
        assert_eq!(of("http://[::1]:80/x"), is("http://[::1]", "/x"));
        assert_eq!(of("http://localhost:9618"), is("http://localhost:9618", ""));
        for wrong in
            ["https://", "https://.a", "https://a.", "https://a:", "https://[::1", "https://[x]", "https://é.com"]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
