//! What the door hands on: a notification of somebody outside AWS whose sender was verified, in an envelope of our own.
//!
//! **Invariant:** whatever is in it, it makes somebody look, and starts nothing by itself.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::fields::FieldError;

/// What the field `via` of the envelope says.
const VIA: &str = "door";

/// The most of a notification that is handed on. A longer one says no more than that there is something.
const LARGEST: usize = 64 * 1024;

/// A verified notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The name that the door knows its sender by.
    pub sender: String,
    /// How the sender was verified: `webhook` or `smn`.
    pub proof: String,
    /// The notification's own ID.
    pub id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What it says, exactly; empty if that is too long.
    pub raw: String,
}

impl Delivered {
    /// A notification that came now.
    pub fn new(sender: &str, proof: &str, id: &str, received_at: Timestamp, raw: String) -> Delivered {
        let raw = if raw.len() > LARGEST { String::new() } else { raw };
        Delivered { sender: sender.to_owned(), proof: proof.to_owned(), id: id.to_owned(), received_at, raw }
    }

    /// The envelope.
    pub fn to_json(&self) -> Value {
        json!({
            "via": VIA, "sender": self.sender, "proof": self.proof, "id": self.id,
            "received_at": self.received_at.to_string(), "raw": self.raw,
        })
    }

    /// Reads an envelope; `None` if it is another object.
    pub fn of(object: &Map<String, Value>) -> Option<Result<Delivered, FieldError>> {
        if object.get("via").and_then(Value::as_str) != Some(VIA) {
            return None;
        }
        let text = |name: &str| {
            let found = object.get(name).and_then(Value::as_str);
            found.ok_or_else(|| FieldError::new(name, "is missing or no text"))
        };
        let read = || -> Result<Delivered, FieldError> {
            let at = text("received_at")?;
            let at = at.parse().map_err(|_| FieldError::new("received_at", "is no time"))?;
            Ok(Delivered::new(text("sender")?, text("proof")?, text("id")?, at, text("raw")?.to_owned()))
        };
        Some(read())
    }
}
