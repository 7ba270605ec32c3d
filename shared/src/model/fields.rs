//! Strict reading of JSON objects: every complaint names the field by its path and says what was wanted.

use super::text::one_line;
use serde_json::{Map, Value};

/// What is wrong with one field of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// Path of the field, such as `destinations[1].region`.
    pub field: String,
    /// What is wrong, in one line.
    pub reason: String,
}

impl FieldError {
    /// An error about `field`. The reason is put on one line.
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: one_line(&reason.into()) }
    }
}

/// A JSON object that is being read. [`Fields::finish`] refuses the fields that no method was asked for.
pub(crate) struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Reads `value` as an object found at `path` (empty for the top).
    ///
    /// # Errors
    /// The value is not an object.
    pub(crate) fn of(value: &'a Value, path: &str) -> Result<Self, FieldError> {
        match value {
            Value::Object(object) => Ok(Self { path: path.to_owned(), object, known: Vec::new() }),
            other => Err(FieldError::new(
                if path.is_empty() { "command" } else { path },
                format!("must be an object, not {}", kind(other)),
            )),
        }
    }

    /// The path of a field of this object.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field, if it is there. JSON null counts as absent.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The string in an optional field. An empty string is an error.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Err(FieldError::new(self.path(name), "must not be empty")),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(FieldError::new(self.path(name), format!("must be a text, not {}", kind(other)))),
        }
    }

    /// The short string in an optional field: at most 255 bytes, since it goes into keys and messages.
    pub(crate) fn short(&mut self, name: &'static str) -> Result<Option<String>, FieldError> {
        match self.text(name)? {
            Some(text) if text.len() > 255 => {
                Err(FieldError::new(self.path(name), format!("has {} bytes, and 255 are the most", text.len())))
            }
            text => Ok(text),
        }
    }

    /// The string in a required field. An empty string is an error.
    pub(crate) fn required(&mut self, name: &'static str) -> Result<String, FieldError> {
        self.text(name)?.ok_or_else(|| FieldError::new(self.path(name), "is missing"))
    }

    /// The boolean in an optional field.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(FieldError::new(self.path(name), format!("must be true or false, not {}", kind(other)))),
        }
    }

    /// Whether a field is missing or null.
    pub(crate) fn is_absent(&self, name: &str) -> bool {
        self.object.get(name).is_none_or(Value::is_null)
    }

    /// Refuses fields that were not asked for.
    ///
    /// # Errors
    /// Names the first unknown field and lists the known ones.
    pub(crate) fn finish(self) -> Result<(), FieldError> {
        self.unknown().into_iter().next().map_or(Ok(()), Err)
    }

    /// A complaint about each field that was not asked for.
    pub(crate) fn unknown(&self) -> Vec<FieldError> {
        let reason = || format!("is not known here; known are {}", self.known.join(", "));
        let foreign = self.object.keys().filter(|key| !self.known.contains(&key.as_str()));
        foreign.map(|key| FieldError::new(self.path(&one_line(key)), reason())).collect()
    }
}

/// All complaints about an input, in the order of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Complaints(Vec<FieldError>);

impl Complaints {
    /// Adds a complaint about `field`.
    pub(crate) fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(FieldError::new(field, reason));
    }

    /// Adds all of these complaints.
    pub(crate) fn extend(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        self.0.extend(errors);
    }

    /// Returns the value, or adds the error to the complaints and returns `None`.
    pub(crate) fn keep<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }

    /// Returns the value, or adds all of the errors to the complaints and returns `None`.
    pub(crate) fn keep_all<T>(&mut self, read: Result<T, Complaints>) -> Option<T> {
        read.map_err(|errors| self.0.extend(errors.0)).ok()
    }

    /// Returns `value` if there are no complaints.
    ///
    /// # Errors
    /// All complaints, if there is at least one.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Complaints> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The first complaint, for callers that report only one.
    pub(crate) fn first(self) -> FieldError {
        self.0.into_iter().next().unwrap_or_else(|| FieldError::new("", "is wrong"))
    }

    /// All complaints, in the order of reading.
    pub(crate) fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}

impl From<FieldError> for Complaints {
    fn from(error: FieldError) -> Complaints {
        Complaints(vec![error])
    }
}

/// The JSON type of a value, in the words of error messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
