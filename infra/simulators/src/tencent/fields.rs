//! Reading the parameters of a call, and the refusals of those that are wrong.

use serde_json::{Map, Value};

use crate::cloud::{Call, Refusal};

pub(super) fn refusal(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(200, code, message)
}

pub(super) fn missing(parameter: &str) -> Refusal {
    refusal("MissingParameter", format!("The request is missing the required parameter `{parameter}`."))
}

/// The parameters as an object that has no keys but `known`.
pub(super) fn object<'a>(call: &'a Call, known: &[&str]) -> Result<&'a Map<String, Value>, Refusal> {
    let object = call
        .body
        .as_ref()
        .and_then(Value::as_object)
        .ok_or_else(|| refusal("InvalidParameter", "The request body must be a JSON object."))?;
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(refusal("UnknownParameter", format!("The parameter `{key}` is not recognized."))),
        None => Ok(object),
    }
}

pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(refusal("InvalidParameter", format!("The value type of parameter `{name}` is incorrect."))),
    }
}

pub(super) fn texts<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, Refusal> {
    let wrong = || refusal("InvalidParameter", format!("The value type of parameter `{name}` is incorrect."));
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

/// A number; in a GET request it necessarily comes as text.
pub(super) fn number(call: &Call, body: &Map<String, Value>, name: &str) -> Result<Option<u64>, Refusal> {
    let wrong = || refusal("InvalidParameter", format!("The value type of parameter `{name}` is incorrect."));
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !call.query.is_empty() => text.parse().map(Some).map_err(|_| wrong()),
        Some(value) => value.as_u64().map(Some).ok_or_else(wrong),
    }
}
