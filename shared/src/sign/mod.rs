//! Request signing as functions over values: no clock, no randomness, no environment.
//!
//! Each scheme has a file. [`canonical`] holds what the three share: encoders, hashes, checks and the canonical request of six
//! parts. A date, nonce or token that the draft's headers already give is kept; the scheme adds only what is missing.
//!
//! **Invariant:** [`Signed::path_and_query`] and [`Signed::headers`] are what was signed; sending them unchanged, with the
//! draft's method and body, is all that a transport has to do.

pub mod acs3;
pub mod canonical;
pub mod sdk_hmac;
pub mod tc3;

#[cfg(test)]
mod tests;

use std::fmt;

use secrecy::SecretString;

/// A key pair of one provider account, with its session token if it is temporary.
///
/// The secret parts cannot be printed; `Debug` shows the key ID only.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The public part: AccessKey ID, AK, SecretId.
    pub access_key_id: String,
    /// The secret part: AccessKey Secret, SK, SecretKey.
    pub access_key_secret: SecretString,
    /// The session token of a temporary credential.
    pub security_token: Option<SecretString>,
}

/// The query string of a request, before or after encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Query {
    /// The request has no query.
    #[default]
    None,
    /// Names and values, unencoded; the scheme sorts and encodes them.
    Pairs(Vec<(String, String)>),
    /// The string after `?`, encoded. TC3 sends it as it is; the others decode it (`+` is a space) and send the canonical form.
    Raw(String),
}

/// A request as planned, before it is signed: what every scheme needs and nothing more.
///
/// A body may hold a password (Huawei's token request), so `Debug` shows only its length.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestDraft {
    /// The HTTP method, such as `POST`.
    pub method: String,
    /// The `Host` header, with the port when it is not the default one.
    pub host: String,
    /// Absolute path, percent-encoded once. SDK-HMAC also encodes what is still raw in it.
    pub path: String,
    /// The query, encoded or not.
    pub query: Query,
    /// Headers to send beside `host` and those that the scheme adds.
    pub headers: Vec<(String, String)>,
    /// The exact body bytes.
    pub body: Vec<u8>,
}

/// A value that the provider accepts only once. Only ACS3 needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(pub String);

impl Nonce {
    /// A seed for draws that need no secrecy, such as the jitter of a delay.
    pub(crate) fn seed(&self) -> u64 {
        u64::from_str_radix(self.0.get(..16).unwrap_or_default(), 16).unwrap_or(1)
    }
}

/// Which headers a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedHeaders<'a> {
    /// The scheme's minimal set: a proxy that rewrites anything else cannot break the signature.
    Minimal,
    /// Exactly these names, in any case and any order. SDK-HMAC leaves out names with an underscore, as its server does.
    Exactly(&'a [String]),
}

/// Every stage of a signature, for comparison with what a provider says it computed.
///
/// It holds strings to sign, so never log it. `offsite sign` is the only place that prints it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SigningTrace {
    /// The six parts of the canonical request, joined by line feeds.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signed header names, joined by `;`.
    pub signed_headers: String,
    /// The signature, lower-case hex.
    pub signature: String,
}

/// A signed request, to be sent with the draft's method and body.
#[derive(Clone)]
pub struct Signed {
    /// All headers to send, `host` and `Authorization` among them, names in lower case except `Authorization`.
    pub headers: Vec<(String, String)>,
    /// Path and query exactly as signed and as they must go on the wire.
    pub path_and_query: String,
    /// The stages of the signature.
    pub trace: SigningTrace,
}

impl fmt::Debug for RequestDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestDraft")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &without_secrets(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Headers in a form that may be shown: a header that authenticates keeps its name and loses its value.
pub(crate) fn without_secrets(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    let secret =
        |name: &str| ["token", "authorization", "cookie"].iter().any(|part| name.to_ascii_lowercase().contains(part));
    headers.iter().map(|(name, value)| (name.as_str(), if secret(name) { "…" } else { value.as_str() })).collect()
}

impl fmt::Debug for SigningTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningTrace").field("signed_headers", &self.signed_headers).finish_non_exhaustive()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        f.debug_struct("Signed").field("path", &path).field("headers", &names).finish_non_exhaustive()
    }
}

/// Why a request cannot be signed. It names the field and never holds the field's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Something that the scheme needs is absent or empty.
    #[error("{field} is missing")]
    Missing {
        /// The name of the field or header.
        field: String,
    },
    /// A field holds what cannot be signed or sent.
    #[error("{field} is not valid: {problem}")]
    Invalid {
        /// The name of the field or header.
        field: String,
        /// What is wrong, in fixed words.
        problem: &'static str,
    },
}

impl SignError {
    pub(crate) fn missing(field: impl Into<String>) -> Self {
        Self::Missing { field: field.into() }
    }

    pub(crate) fn invalid(field: impl Into<String>, problem: &'static str) -> Self {
        Self::Invalid { field: field.into(), problem }
    }
}
