//! Signing as functions over values: no clock, no randomness, no environment.

use secrecy::SecretString;

/// A key pair of one provider account, with its token when it is a temporary one.
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
    /// No query.
    #[default]
    None,
    /// Names and values, unencoded; the scheme sorts and encodes them.
    Pairs(Vec<(String, String)>),
    /// The string after `?`, exactly as it goes on the wire.
    Raw(String),
}

/// A request as planned, before it is signed: what every scheme needs and nothing more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDraft {
    /// HTTP method.
    pub method: String,
    /// The `Host` header, with the port when it is not the default one.
    pub host: String,
    /// Absolute path, percent-encoded once.
    pub path: String,
    /// Query.
    pub query: Query,
    /// Headers to send beside `host` and those that the scheme adds.
    pub headers: Vec<(String, String)>,
    /// The exact body bytes.
    pub body: Vec<u8>,
}

/// Which headers a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedHeaders<'a> {
    /// The scheme's minimal set: a proxy that rewrites anything else cannot break the signature.
    Minimal,
    /// Exactly these (any case, any order).
    Exactly(&'a [String]),
}

/// Every stage of a signature, for comparison with what a provider says it computed.
///
/// Holds strings to sign: never log it. `offsite sign` is the one place that prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningTrace {
    /// The six parts of the canonical request, joined by line feeds.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signed header names, `;`-joined.
    pub signed_headers: String,
    /// The signature, lower-case hex.
    pub signature: String,
}

/// A signed request.
#[derive(Clone)]
pub struct Signed {
    /// All headers to send, `host` and `Authorization` among them, names in lower case except `Authorization`.
    pub headers: Vec<(String, String)>,
    /// Path and query exactly as signed and as they must go on the wire.
    pub path_and_query: String,
    /// The stages.
    pub trace: SigningTrace,
}
