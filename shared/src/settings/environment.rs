//! The environment as a value, and the check of the endpoints in it.

use std::collections::BTreeMap;

use crate::model::error::Error;

/// A captured environment. Empty variables count as absent.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// An environment of these names and values.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
        Environment(variables.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of a variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All names and values. A value may be a secret.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// This environment with a variable set, or unset when the value is empty.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Environment {
        match value.into() {
            value if value.is_empty() => self.0.remove(name),
            value => self.0.insert(name.to_owned(), value),
        };
        self
    }

    pub(super) fn number(&self, name: &str, default: u64, range: std::ops::RangeInclusive<u64>) -> Result<u64, Error> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                Error::configuration(format!("{name} must be a whole number from {} to {}", range.start(), range.end()))
            }),
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Only names are shown, because values may be secrets.
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Checks that `value`, the URL in the variable `name`, is https, or http to a loopback address.
///
/// # Errors
/// The URL is refused; the error names the variable and the reason.
pub fn check_endpoint(name: &str, value: &str) -> Result<(), Error> {
    let wrong = |reason: &str| Err(Error::configuration(format!("{name} {reason}")));
    let (plain, rest) = match (value.strip_prefix("https://"), value.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return wrong("must be a URL that begins with https:// (or http:// for a loopback address)"),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("must name a host");
    }
    if authority.contains('@') {
        return wrong("must not hold a user name or password");
    }
    if plain && !is_loopback(authority) {
        return wrong("must be https: plain http is allowed to loopback addresses only");
    }
    Ok(())
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
