//! The request as a person writes it down: JSON, read key by key.
//!
//! Nothing here goes through serde's typed errors, which quote the offending value: it could be the secret.

use std::fmt;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{Timestamp, civil, tz::TimeZone};
use offsite_shared::sign::canonical::encode_into;
use offsite_shared::sign::{Query, RequestDraft};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::scheme::Scheme;

/// The error for a key that is not there.
pub(super) fn lacks(key: &str) -> anyhow::Error {
    anyhow!("the input lacks `{key}`")
}

const KEYS: [&str; 18] = [
    "method",
    "url",
    "host",
    "path",
    "query",
    "headers",
    "body",
    "body_base64",
    "access_key_id",
    "access_key_secret",
    "security_token",
    "date",
    "timestamp",
    "nonce",
    "service",
    "project_id",
    "domain_id",
    "signed_headers",
];

/// The request as given; keys are taken out as they are understood.
pub(super) struct Input(Vec<(String, Json)>);

impl Input {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // serde_json's syntax errors give a position and no content; every other error is worded here.
        let Json::Object(entries) = serde_json::from_str(text).context("the input is not JSON")? else {
            bail!("the input is not a JSON object");
        };
        for (position, (key, _)) in entries.iter().enumerate() {
            ensure!(KEYS.contains(&key.as_str()), "unknown key `{key}`; known: {}", KEYS.join(", "));
            ensure!(entries[..position].iter().all(|(other, _)| other != key), "`{key}` is given twice");
        }
        Ok(Self(entries.into_iter().filter(|(_, value)| !matches!(value, Json::Null)).collect()))
    }

    fn take(&mut self, key: &str) -> Option<Json> {
        let at = self.0.iter().position(|(held, _)| held == key)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn text_if_given(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => bail!("`{key}` is not a string"),
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Result<String> {
        self.text_if_given(key)?.ok_or_else(|| lacks(key))
    }

    /// Refuses what is left over.
    pub(super) fn finish(self, scheme: Scheme) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => bail!("`{key}` has no meaning for {}", scheme.algorithm()),
        }
    }

    /// `date` in a scheme's format or RFC 3339, or `timestamp` in seconds.
    pub(super) fn time(&mut self) -> Result<Option<Timestamp>> {
        let date = self.text_if_given("date")?;
        let seconds = match self.take("timestamp") {
            None => None,
            Some(Json::Text(text) | Json::Scalar(text)) => Some(text),
            Some(_) => bail!("`timestamp` is not a number of seconds"),
        };
        match (date, seconds) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => bail!("`date` and `timestamp` exclude each other"),
            (Some(date), None) => {
                let basic = || {
                    let date = civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &date).ok()?;
                    date.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
                };
                let at = date.parse().ok().or_else(basic);
                at.map(Some).ok_or_else(|| anyhow!("`date` is neither YYYYMMDDTHHMMSSZ nor an RFC 3339 time"))
            }
            (None, Some(seconds)) => {
                let at = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
                at.map(Some).ok_or_else(|| anyhow!("`timestamp` is not a number of seconds"))
            }
        }
    }

    pub(super) fn signed_headers(&mut self) -> Result<Option<Vec<String>>> {
        match self.take("signed_headers") {
            None => Ok(None),
            Some(Json::Text(joined)) => Ok(Some(joined.split(';').map(str::to_owned).collect())),
            Some(Json::List(names)) => {
                let name = |name| match name {
                    Json::Text(name) => Ok(name),
                    _ => Err(anyhow!("`signed_headers` holds something other than names")),
                };
                names.into_iter().map(name).collect::<Result<_>>().map(Some)
            }
            Some(_) => bail!("`signed_headers` is not a list of names"),
        }
    }

    pub(super) fn draft(&mut self, scheme: Scheme) -> Result<RequestDraft> {
        let method = self.text("method")?;
        let mut headers = self.take("headers").map_or_else(|| Ok(Vec::new()), |headers| headers.pairs("headers"))?;
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        let host_header = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host_header = host_header.map(|(_, host)| host.trim().to_owned());
        let (host, path, query) = match self.text_if_given("url")? {
            Some(url) => {
                if let Some((key, _)) = self.0.iter().find(|(key, _)| matches!(key.as_str(), "host" | "path" | "query"))
                {
                    bail!("`url` and `{key}` exclude each other");
                }
                let (host, path, query) = split_url(&url)?;
                // A client may connect to one name and send another.
                (host_header.unwrap_or(host), path, query)
            }
            None => {
                let host = self.text_if_given("host")?.or(host_header).ok_or_else(|| lacks("host"))?;
                let path = self.text("path")?;
                (host, if scheme == Scheme::Acs3 { encoded_path(&path) } else { path }, self.query()?)
            }
        };
        Ok(RequestDraft { method, host, path, query, headers, body: self.body()? })
    }

    fn query(&mut self) -> Result<Query> {
        match self.take("query") {
            None => Ok(Query::None),
            Some(Json::Text(raw)) if raw.is_empty() => Ok(Query::None),
            Some(Json::Text(raw)) => Ok(Query::Raw(raw)),
            Some(pairs) => pairs.pairs("query").map(Query::Pairs),
        }
    }

    fn body(&mut self) -> Result<Vec<u8>> {
        match (self.text_if_given("body")?, self.text_if_given("body_base64")?) {
            (Some(_), Some(_)) => bail!("`body` and `body_base64` exclude each other"),
            (Some(body), None) => Ok(body.into_bytes()),
            (None, Some(body)) => BASE64_STANDARD.decode(body).map_err(|_| anyhow!("`body_base64` is not base64")),
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// Host, path and query of an absolute URL, left encoded; the scheme's default port is dropped as clients do.
fn split_url(url: &str) -> Result<(String, String, Query)> {
    let (rest, default_port) = if let Some(rest) = url.strip_prefix("https://") {
        (rest, ":443")
    } else if let Some(rest) = url.strip_prefix("http://") {
        (rest, ":80")
    } else {
        bail!("`url` does not start with https:// or http://");
    };
    ensure!(!rest.contains('#'), "`url` has a fragment, which is not part of a request");
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    ensure!(!authority.contains('@'), "`url` has a user name");
    let host = authority.strip_suffix(default_port).unwrap_or(authority).to_owned();
    let (path, query) = match target.split_once('?') {
        Some((path, "")) => (path, Query::None),
        Some((path, query)) => (path, Query::Raw(query.to_owned())),
        None => (target, Query::None),
    };
    Ok((host, if path.is_empty() { "/".to_owned() } else { path.to_owned() }, query))
}

fn encoded_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (position, segment) in path.split('/').enumerate() {
        if position > 0 {
            out.push('/');
        }
        encode_into(&mut out, segment.as_bytes());
    }
    out
}

/// JSON with its order kept, since TC3 signs query parameters in the order in which they are sent.
enum Json {
    Null,
    /// A number or a boolean, as text.
    Scalar(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Names and values; a name with a list of values is repeated.
    fn pairs(self, key: &str) -> Result<Vec<(String, String)>> {
        let not_pairs = || anyhow!("`{key}` is neither an object nor a list of [name, value] pairs");
        let entries = match self {
            Json::Object(entries) => entries,
            Json::List(items) => {
                let pair = |item| match item {
                    Json::List(pair) => match <[Json; 2]>::try_from(pair) {
                        Ok([Json::Text(name), value]) => Ok((name, value)),
                        _ => Err(not_pairs()),
                    },
                    _ => Err(not_pairs()),
                };
                items.into_iter().map(pair).collect::<Result<_>>()?
            }
            _ => return Err(not_pairs()),
        };
        let mut pairs = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let values = if let Json::List(values) = value { values } else { vec![value] };
            for value in values {
                let (Json::Text(value) | Json::Scalar(value)) = value else {
                    bail!("`{key}` has a value that is not a string, for `{name}`");
                };
                pairs.push((name.clone(), value));
            }
        }
        Ok(pairs)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    object.push(entry);
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
