//! Strict reading of JSON objects: every complaint names the field by its path and says what was wanted.

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
    /// A complaint about `field`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: one_line(&reason.into()) }
    }
}

/// `text` on one line and of bounded length, so that an input cannot flood or split a log line.
pub fn one_line(text: &str) -> String {
    const LIMIT: usize = 1000;
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LIMIT + 1).collect();
    if out.chars().count() > LIMIT {
        out = out.chars().take(LIMIT).collect::<String>() + "…";
    }
    out
}

/// One JSON object being read; [`Fields::finish`] refuses what nobody asked for.
pub struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Reads `value` as an object found at `path` (empty for the top).
    ///
    /// # Errors
    /// The value is not an object.
    pub fn of(value: &'a Value, path: &str) -> Result<Self, FieldError> {
        match value {
            Value::Object(object) => Ok(Self { path: path.to_owned(), object, known: Vec::new() }),
            other => Err(FieldError::new(
                if path.is_empty() { "command" } else { path },
                format!("must be an object, not {}", kind(other)),
            )),
        }
    }

    /// The path of a field of this object.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The field's value; JSON null counts as absent.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// An optional, non-empty text.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Err(FieldError::new(self.path(name), "must not be empty")),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(FieldError::new(self.path(name), format!("must be a text, not {}", kind(other)))),
        }
    }

    /// A required, non-empty text.
    pub fn required(&mut self, name: &'static str) -> Result<String, FieldError> {
        self.text(name)?.ok_or_else(|| FieldError::new(self.path(name), "is missing"))
    }

    /// An optional boolean.
    pub fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(FieldError::new(self.path(name), format!("must be true or false, not {}", kind(other)))),
        }
    }

    /// Refuses fields that were not asked for.
    ///
    /// # Errors
    /// Names the first unknown field and lists the known ones.
    pub fn finish(self) -> Result<(), FieldError> {
        match self.object.keys().find(|key| !self.known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(FieldError::new(
                self.path(&one_line(key)),
                format!("is not known here; known are {}", self.known.join(", ")),
            )),
        }
    }
}

/// The JSON kind of a value, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
