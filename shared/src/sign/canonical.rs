//! What the three schemes share: encoders, hashes, checks of what is signed, and the canonical request.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{Credential, Query, RequestDraft, SignError, SignedHeaders};

/// The SHA-256 of these bytes in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The HMAC-SHA256 of `message` under `key`.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes a key of any length") };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)].into());
        out.push(DIGITS[usize::from(byte & 15)].into());
    }
    out
}

/// A time in UTC to the second, as `2026-11-28T00:45:09Z`.
pub fn to_the_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Appends bytes percent-encoded: all but the RFC 3986 unreserved set, in upper-case hex, with a space as `%20`.
pub fn encode_into(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => {
                out.push('%');
                out.push(DIGITS[usize::from(byte >> 4)].into());
                out.push(DIGITS[usize::from(byte & 15)].into());
            }
        }
    }
}

/// Appends bytes form-encoded: as [`encode_into`] does, but with a space as `+`.
pub(crate) fn form_encode_into(out: &mut String, bytes: &[u8]) {
    for (position, word) in bytes.split(|&byte| byte == b' ').enumerate() {
        if position > 0 {
            out.push('+');
        }
        encode_into(out, word);
    }
}

/// Decodes `%XX`. A `%` without two hexadecimal digits after it stands for itself.
pub fn percent_decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(out)
}

/// The query for ACS3 and SDK-HMAC: sorted by unencoded name, then value, each encoded once, `name=` for an empty value.
pub fn sorted_query(query: &Query) -> Result<String, SignError> {
    let mut pairs: Vec<(Bytes<'_>, Bytes<'_>)> = match query {
        Query::None => return Ok(String::new()),
        Query::Pairs(pairs) => {
            pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
        }
        Query::Raw(raw) => {
            check_wire("query", raw)?;
            raw.split('&').filter(|part| !part.is_empty()).map(decoded_pair).collect()
        }
    };
    pairs.sort_unstable();
    Ok(joined(&pairs, encode_into))
}

/// The query for TC3: a raw string as it is, pairs form-encoded in the given order.
pub(crate) fn query_as_given(query: &Query) -> Result<Cow<'_, str>, SignError> {
    match query {
        Query::None => Ok(Cow::Borrowed("")),
        Query::Pairs(pairs) => {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            Ok(Cow::Owned(joined(&pairs, form_encode_into)))
        }
        Query::Raw(raw) => check_wire("query", raw).map(|()| Cow::Borrowed(raw.as_str())),
    }
}

/// Path and query, as they go into the request line.
pub(crate) fn path_and_query(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { [path, "?", query].concat() }
}

/// Refuses a path that is not absolute or that carries a query or fragment.
pub(crate) fn check_path(path: &str) -> Result<(), SignError> {
    if !path.starts_with('/') {
        return Err(SignError::invalid("path", "it does not start with /"));
    }
    if path.contains(['?', '#']) {
        return Err(SignError::invalid("path", "it holds ? or #; the query is a field of its own"));
    }
    Ok(())
}

/// Refuses text that cannot stand in a request line: blanks, control characters, anything beyond ASCII, a fragment.
pub(crate) fn check_wire(field: &'static str, text: &str) -> Result<(), SignError> {
    if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
        return Err(SignError::invalid(field, "it is not percent-encoded"));
    }
    Ok(())
}

/// Refuses keys that no provider issues: empty, with blanks or line breaks around them, or unfit for a header.
pub(crate) fn check_credential(credential: &Credential) -> Result<(), SignError> {
    const AROUND: &str = "it has blanks or line breaks around it, or control characters";
    let secret = credential.access_key_secret.expose_secret();
    if credential.access_key_id.is_empty() {
        return Err(SignError::missing("access_key_id"));
    }
    if !credential.access_key_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SignError::invalid("access_key_id", "it has blanks or characters that a header cannot carry"));
    }
    if secret.is_empty() {
        return Err(SignError::missing("access_key_secret"));
    }
    if secret.trim() != secret || secret.chars().any(char::is_control) {
        return Err(SignError::invalid("access_key_secret", AROUND));
    }
    match credential.security_token.as_ref().map(ExposeSecret::expose_secret) {
        Some("") => Err(SignError::missing("security_token")),
        Some(token) if token.trim() != token || token.chars().any(char::is_control) => {
            Err(SignError::invalid("security_token", AROUND))
        }
        _ => Ok(()),
    }
}

/// The headers to send, sorted by name. Each name is in lower case and occurs once; values are trimmed.
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Checks the headers and the host of a draft, and takes them over.
    pub(crate) fn of(draft: &RequestDraft) -> Result<Self, SignError> {
        if draft.host.is_empty() {
            return Err(SignError::missing("host"));
        }
        if !draft.host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@".contains(&byte)) {
            return Err(SignError::invalid("host", "it is not a host name with an optional port"));
        }
        // Capacity also for what a scheme adds, so that the list is allocated once.
        let mut headers = Self(Vec::with_capacity(draft.headers.len() + 6));
        for (position, (name, value)) in draft.headers.iter().enumerate() {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(SignError::invalid(format!("headers[{position}]"), "its name is not an HTTP header name"));
            }
            let name = name.to_ascii_lowercase();
            if name == "authorization" {
                return Err(SignError::invalid(name, "the signature goes there"));
            }
            if name == "host" && value.trim() != draft.host {
                return Err(SignError::invalid(name, "the header differs from the request's host"));
            }
            headers.insert(name, value)?;
        }
        if headers.get("host").is_none() {
            headers.insert("host".to_owned(), &draft.host)?;
        }
        Ok(headers)
    }

    /// The value of a header, by its lower-case name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = self.position(name).ok()?;
        self.0.get(at).map(|(_, value)| value.as_str())
    }

    /// Adds a header unless it is there. An empty value, found or added, is an error.
    pub(crate) fn add_missing(&mut self, name: &'static str, value: impl FnOnce() -> String) -> Result<(), SignError> {
        match self.get(name) {
            Some("") => return Err(SignError::missing(name)),
            Some(_) => return Ok(()),
            None => self.insert(name.to_owned(), &value())?,
        }
        if self.get(name) == Some("") { Err(SignError::missing(name)) } else { Ok(()) }
    }

    /// The headers that the signature covers, sorted by name.
    pub(crate) fn signed(
        &self,
        which: SignedHeaders<'_>,
        minimal: fn(&str) -> bool,
    ) -> Result<SignedSet<'_>, SignError> {
        let SignedHeaders::Exactly(names) = which else {
            return Ok(SignedSet(self.0.iter().filter(|(name, _)| minimal(name)).collect()));
        };
        let mut set = Vec::with_capacity(names.len());
        for name in names {
            let name = name.to_ascii_lowercase();
            match self.position(&name).ok().and_then(|at| self.0.get(at)) {
                Some(header) => set.push(header),
                None => {
                    return Err(SignError::invalid("signed_headers", "it names a header that is not sent"));
                }
            }
        }
        if set.is_empty() {
            return Err(SignError::missing("signed_headers"));
        }
        set.sort_unstable();
        set.dedup();
        Ok(SignedSet(set))
    }

    /// The headers to send, with this `Authorization`.
    pub(crate) fn authorised(mut self, authorization: String) -> Vec<(String, String)> {
        self.0.push(("Authorization".to_owned(), authorization));
        self.0
    }

    /// The headers to send without a signature.
    pub(crate) fn unauthorised(self) -> Vec<(String, String)> {
        self.0
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.as_str().cmp(name))
    }

    fn insert(&mut self, name: String, value: &str) -> Result<(), SignError> {
        let value = value.trim_matches([' ', '\t']);
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(SignError::invalid(name, "its value has a line break or a byte that is not visible ASCII"));
        }
        match self.position(&name) {
            Ok(_) => Err(SignError::invalid(name, "the header is given twice")),
            Err(at) => {
                self.0.insert(at, (name, value.to_owned()));
                Ok(())
            }
        }
    }
}

/// The signed part of [`Headers`], sorted by name.
pub(crate) struct SignedSet<'a>(Vec<&'a (String, String)>);

impl SignedSet<'_> {
    /// Keeps only the headers whose names pass the test.
    pub(crate) fn retain(&mut self, keep: fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// The names of the signed headers, joined by `;`.
    pub(crate) fn names(&self) -> String {
        let mut out = String::with_capacity(self.0.iter().map(|(name, _)| name.len() + 1).sum());
        for (position, (name, _)) in self.0.iter().enumerate() {
            if position > 0 {
                out.push(';');
            }
            out.push_str(name);
        }
        out
    }
}

/// How header values enter the canonical request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueCase {
    /// Values enter as they are sent.
    AsSent,
    /// Values enter in lower case.
    Lower,
}

/// The six parts, joined by line feeds: method in upper case, URI, query, header lines, signed names, payload hash.
pub(crate) fn canonical_request(
    method: &str,
    uri: &str,
    query: &str,
    headers: (&SignedSet<'_>, ValueCase),
    signed_names: &str,
    payload_hash: &str,
) -> Result<String, SignError> {
    if method.is_empty() {
        return Err(SignError::missing("method"));
    }
    if !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(SignError::invalid("method", "it is not an HTTP method"));
    }
    let (set, case) = headers;
    let lines: usize = set.0.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let fixed = method.len() + uri.len() + query.len() + signed_names.len() + payload_hash.len() + 5;
    let mut out = String::with_capacity(fixed + lines);
    out.extend(method.chars().map(|letter| letter.to_ascii_uppercase()));
    for part in ["\n", uri, "\n", query, "\n"] {
        out.push_str(part);
    }
    for (name, value) in &set.0 {
        out.push_str(name);
        out.push(':');
        match case {
            ValueCase::AsSent => out.push_str(value),
            ValueCase::Lower => out.extend(value.chars().map(|letter| letter.to_ascii_lowercase())),
        }
        out.push('\n');
    }
    for part in ["\n", signed_names, "\n", payload_hash] {
        out.push_str(part);
    }
    Ok(out)
}

type Bytes<'a> = Cow<'a, [u8]>;

fn decoded_pair(part: &str) -> (Bytes<'static>, Bytes<'static>) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let decode = |text: &str| percent_decode(&text.replace('+', " ")).into_owned().into();
    (decode(name), decode(value))
}

fn joined<T: AsRef<[u8]>>(pairs: &[(T, T)], encode: fn(&mut String, &[u8])) -> String {
    let mut out = String::with_capacity(pairs.iter().map(|(n, v)| n.as_ref().len() + v.as_ref().len() + 8).sum());
    for (position, (name, value)) in pairs.iter().enumerate() {
        if position > 0 {
            out.push('&');
        }
        encode(&mut out, name.as_ref());
        out.push('=');
        encode(&mut out, value.as_ref());
    }
    out
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
