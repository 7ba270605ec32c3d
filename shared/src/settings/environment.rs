//! The environment as a value.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::error::Error;

/// A captured environment. Empty variables count as absent, but are remembered: of a switch for safety nobody can tell what that means.
#[derive(Clone, Default)]
pub struct Environment {
    set: BTreeMap<String, String>,
    empty: BTreeSet<String>,
}

impl Environment {
    /// An environment of these names and values.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
        let (set, empty): (BTreeMap<_, _>, BTreeMap<_, _>) =
            variables.into_iter().partition(|(_, value)| !value.is_empty());
        Environment { set, empty: empty.into_keys().collect() }
    }

    /// The value of a variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(String::as_str)
    }

    /// Whether a variable is there and empty.
    pub fn is_empty(&self, name: &str) -> bool {
        self.empty.contains(name)
    }

    /// All names and values. A value may be a secret.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.set
    }

    /// This environment with a variable set, or unset when the value is empty.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Environment {
        self.empty.remove(name);
        match value.into() {
            value if value.is_empty() => self.set.remove(name),
            value => self.set.insert(name.to_owned(), value),
        };
        self
    }

    pub(super) fn number(&self, name: &str, default: u64, range: std::ops::RangeInclusive<u64>) -> Result<u64, Error> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                Error::configuration(format!("{name} must be a whole number from {} to {}", range.start(), range.end()))
            }),
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Only names are shown, because values may be secrets.
        f.debug_list().entries(self.set.keys()).finish()
    }
}
