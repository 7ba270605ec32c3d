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
