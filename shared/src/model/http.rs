//! One exchange of HTTP as values: the request, the reply, and why there is none.

use std::time::Duration;

use crate::sign::without_secrets;

/// A request as it goes on the wire.
#[derive(Clone)]
pub struct HttpRequest {
    /// Method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers; may hold secrets, so there is no `Debug`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Give up after this long.
    pub timeout: Duration,
}

/// An answer. Its headers may hold a token and its body may quote one, so `Debug` leaves those out.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
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
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: certainly not applied.
    #[error("cannot connect: {0}")]
    NotSent(String),
    /// The request may have been received.
    #[error("no answer: {0}")]
    NoAnswer(String),
}
