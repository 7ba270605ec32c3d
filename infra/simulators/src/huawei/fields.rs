//! Reading the fields of a CBR request body.

use serde_json::{Map, Value};

use super::answers::verification_failed;
use crate::cloud::Refusal;

pub(super) fn required<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a str, Refusal> {
    optional(body, key)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| verification_failed(format!("{key} is required")))
}

pub(super) fn optional<'a>(body: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| verification_failed(format!("invalid value of {key}"))),
    }
}

pub(super) fn flag(body: &Map<String, Value>, key: &str) -> Result<Option<bool>, Refusal> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or_else(|| verification_failed(format!("invalid value of {key}"))),
    }
}

/// Whether a name may hold this character. Source: CopyBackup definition, `^[\u4E00-\u9FA5\uf900-\ufa2da-zA-Z0-9_\-]*$`;
/// 2026-11-21.
pub(super) fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "_-".contains(character)
        || ('\u{4E00}'..='\u{9FA5}').contains(&character)
        || ('\u{F900}'..='\u{FA2D}').contains(&character)
}
