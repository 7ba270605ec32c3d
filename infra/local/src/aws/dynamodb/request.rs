//! A request under way, and how one is refused.

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::aws::wire::ServiceError;

/// One request under way.
pub(super) struct Call<'a> {
    pub(super) connection: &'a Connection,
    pub(super) input: &'a Map<String, Value>,
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// Refuses members this emulator does not know, rather than ignore what they ask for.
    pub(super) fn allow(&self, names: &[&str]) -> Result<(), ServiceError> {
        match self.input.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(not_emulated(format!("the parameter {name}"))),
        }
    }

    /// A member that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&Value, ServiceError> {
        let missing = || validation(format!("The parameter '{name}' is required but was not present in the request"));
        self.input.get(name).ok_or_else(missing)
    }

    /// A member that can only be absent or this one text.
    pub(super) fn is_set(&self, name: &str, to: &str) -> Result<bool, ServiceError> {
        match self.input.get(name) {
            None => Ok(false),
            Some(value) if value == to => Ok(true),
            Some(value) => Err(not_emulated(format!("{name} of {value}"))),
        }
    }
}

/// The refusal of what DynamoDB has and this emulator has not.
pub(super) fn not_emulated(what: impl std::fmt::Display) -> ServiceError {
    validation(format!("{what} is not emulated"))
}

/// The refusal of a request that is wrong.
pub(super) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "com.amazon.coral.validate#ValidationException", message)
}

/// A refusal under one of DynamoDB's own names.
pub(super) fn error(name: &str, message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, &format!("com.amazonaws.dynamodb.v20120810#{name}"), message)
}
