//! A request as API Gateway hands it on, and the first walls: its size and the secret part of its path.
//!
//! Source: Amazon API Gateway Developer Guide, "AWS Lambda proxy integrations for HTTP APIs", payload format 2.0, 2026.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::refused::Refused;

/// The largest notification: SMN's have 256 KB at most. Source: SMN API reference, Publishing a Message, 2026.
const LARGEST: usize = 256 * 1024;

/// A request of somebody who knew the path.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Who the path says is knocking.
    pub sender: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, exactly as it was sent.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads an event of the API, whose path must be `/SECRET/SENDER`.
    ///
    /// # Errors
    /// It is something else, too large, or by somebody who does not know `secret`.
    pub fn read(event: &Value, secret: &str) -> Result<Request, Refused> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let path = text("rawPath").unwrap_or_default().strip_prefix('/').unwrap_or_default();
        let (told, sender) = path.split_once('/').unwrap_or((path, ""));
        // Of hashes, so that the time that it takes tells nothing about the secret.
        if Sha256::digest(told) != Sha256::digest(secret) {
            return Err(Refused::Path);
        }
        let body = text("body").unwrap_or_default();
        // Base64 makes three bytes four.
        if body.len() > LARGEST / 3 * 4 + 4 {
            return Err(Refused::TooLarge);
        }
        let body = match event.get("isBase64Encoded").and_then(Value::as_bool) {
            Some(true) => STANDARD.decode(body).map_err(|_| Refused::Malformed)?,
            _ => body.as_bytes().to_vec(),
        };
        if body.len() > LARGEST {
            return Err(Refused::TooLarge);
        }
        let headers = event.get("headers").and_then(Value::as_object).ok_or(Refused::Malformed)?;
        let headers =
            headers.iter().filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned())));
        Ok(Request { sender: sender.to_owned(), headers: headers.collect(), body })
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}
