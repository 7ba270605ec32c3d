//! One HTTP exchange as values: the request, the reply, and the error if there is no reply.

use std::time::Duration;

use crate::sign::without_secrets;

/// A request as it goes on the wire.
#[derive(Clone)]
pub struct HttpRequest {
    /// The HTTP method, such as `POST`.
    pub method: String,
    /// The absolute URL with its query.
    pub url: String,
    /// All headers to send. They may hold secrets, so this type has no `Debug`.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
    /// How long to wait for the reply before giving up.
    pub timeout: Duration,
    /// What the call knows of its answer and its connection.
    pub manner: Manner,
}

/// How a request is sent, apart from what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The most bytes of an answer that are read; a longer one is no answer.
    pub longest_answer: usize,
    /// Whether it goes out on a connection of its own: one that idled may be dead, and then nobody knows what became of the request.
    pub fresh_connection: bool,
    /// Whether its answer is to be a credential, which is read and shown to nobody.
    pub gives_credential: bool,
}

impl Manner {
    /// The longest answer that is no listing. The longest documented one is an error message or one backup with its records.
    pub const ANSWER: usize = 2 * 1024 * 1024;
    /// The longest page of a listing, or answer that names every backup of a vault.
    pub const LISTING: usize = 16 * 1024 * 1024;
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { longest_answer: Manner::ANSWER, fresh_connection: false, gives_credential: false }
    }
}

/// A reply. Its headers may hold a token and its body may quote one, so `Debug` leaves those out.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// All headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &without_secrets(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl Reply {
    /// The value of the first header with this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection was made: certainly not applied.
    #[error("cannot connect: {0}")]
    NotSent(String),
    /// This process does not send such a request: nothing has left it, and nothing will.
    #[error("not sent: {0}")]
    Forbidden(String),
    /// No reply came, but the provider may have received the request.
    #[error("no answer: {0}")]
    NoAnswer(String),
}
