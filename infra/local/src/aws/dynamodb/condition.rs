//! Conditions, as far as the ledger states any: `attribute_not_exists(#a)`, `#a = :b`, `#a <= :b` and `begins_with(#a, :b)`,
//! joined by `AND`.
//!
//! Source: Amazon DynamoDB Developer Guide, "Condition and filter expressions, operators, and functions", 2026.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::request::{not_emulated, validation};
use super::value::{Attr, Item};
use crate::aws::wire::ServiceError;

/// What must be true of one attribute.
#[derive(Debug, PartialEq)]
pub(super) enum Test {
    Absent,
    Equal(Attr),
    AtMost(Attr),
    Begins(Attr),
}

/// Tests that must all hold, each of one attribute.
#[derive(Debug, PartialEq)]
pub(super) struct Condition(pub(super) Vec<(String, Test)>);

/// What a Query asks of an index: its partition key is this, and its sort key is this, at most this, or begins with this.
pub(super) struct Range<'a> {
    pub(super) hash: &'a str,
    pub(super) sort: Option<&'a Test>,
}

impl Condition {
    /// The condition under `member`, if there is one. Placeholders that it does not use are refused, as DynamoDB refuses them.
    pub(super) fn read(input: &Map<String, Value>, member: &str) -> Result<Option<Condition>, ServiceError> {
        let mut placeholders = Placeholders { input, used: BTreeSet::new() };
        let condition = match input.get(member) {
            None => None,
            Some(Value::String(text)) => {
                let wrong = |what: String| validation(format!("Invalid {member}: {what}"));
                let tests: Result<Vec<_>, String> =
                    text.split(" AND ").map(|part| placeholders.test(part.trim())).collect();
                Some(Condition(tests.map_err(wrong)?))
            }
            Some(_) => return Err(validation(format!("{member} must be a string"))),
        };
        placeholders.all_used()?;
        Ok(condition)
    }

    /// Whether it holds; an item that is not there has no attributes.
    pub(super) fn holds(&self, item: Option<&Item>) -> bool {
        self.0.iter().all(|(name, test)| {
            let found = item.and_then(|item| item.get(name));
            match (test, found) {
                (Test::Absent, found) => found.is_none(),
                (Test::Equal(wanted), Some(found)) => found == wanted,
                (Test::AtMost(Attr::S(most)), Some(Attr::S(found))) => found <= most,
                (Test::AtMost(Attr::N(most)), Some(Attr::N(found))) => found <= most,
                (Test::Begins(Attr::S(prefix)), Some(Attr::S(found))) => found.starts_with(prefix.as_str()),
                _ => false,
            }
        })
    }

    /// The condition as one on the keys of an index.
    pub(super) fn on_key(&self, hash: &str, sort: &str) -> Result<Range<'_>, ServiceError> {
        let (mut found, mut bound) = (None, None);
        for (name, test) in &self.0 {
            match test {
                Test::Equal(Attr::S(text)) if name == hash && found.is_none() => found = Some(text.as_str()),
                Test::Equal(Attr::S(_)) | Test::AtMost(Attr::S(_)) | Test::Begins(Attr::S(_))
                    if name == sort && bound.is_none() =>
                {
                    bound = Some(test);
                }
                _ if name == hash || name == sort => return Err(not_emulated("this condition on a key")),
                _ => return Err(validation(format!("Query condition missed key schema element: {sort}"))),
            }
        }
        let missed = || validation(format!("Query condition missed key schema element: {hash}"));
        Ok(Range { hash: found.ok_or_else(missed)?, sort: bound })
    }
}

/// The placeholders of a request, and which of them its condition has used.
struct Placeholders<'a> {
    input: &'a Map<String, Value>,
    used: BTreeSet<String>,
}

const NAMES: &str = "ExpressionAttributeNames";
const VALUES: &str = "ExpressionAttributeValues";

impl Placeholders<'_> {
    fn test(&mut self, part: &str) -> Result<(String, Test), String> {
        if let Some(name) = part.strip_prefix("attribute_not_exists(").and_then(|rest| rest.strip_suffix(')')) {
            return Ok((self.name(name)?, Test::Absent));
        }
        if let Some(inner) = part.strip_prefix("begins_with(").and_then(|rest| rest.strip_suffix(')'))
            && let Some((name, value)) = inner.split_once(", ")
        {
            return Ok((self.name(name)?, Test::Begins(self.value(value)?)));
        }
        if let Some((name, value)) = part.split_once(" = ") {
            return Ok((self.name(name)?, Test::Equal(self.value(value)?)));
        }
        if let Some((name, value)) = part.split_once(" <= ") {
            return Ok((self.name(name)?, Test::AtMost(self.value(value)?)));
        }
        Err(format!("{part:?} is not emulated"))
    }

    fn name(&mut self, word: &str) -> Result<String, String> {
        if !is_placeholder(word, '#') {
            return Err(format!("{word:?} is not emulated: a name is written as #placeholder"));
        }
        let name = self.input.get(NAMES).and_then(|names| names.get(word)).and_then(Value::as_str);
        let undefined =
            || format!("An expression attribute name used in the document path is not defined; attribute name: {word}");
        let name = name.ok_or_else(undefined)?;
        self.used.insert(word.to_owned());
        Ok(name.to_owned())
    }

    fn value(&mut self, word: &str) -> Result<Attr, String> {
        if !is_placeholder(word, ':') {
            return Err(format!("{word:?} is not emulated: a value is written as :placeholder"));
        }
        let undefined =
            || format!("An expression attribute value used in expression is not defined; attribute value: {word}");
        let value = self.input.get(VALUES).and_then(|values| values.get(word)).ok_or_else(undefined)?;
        self.used.insert(word.to_owned());
        Attr::parse(value).map_err(|error| error.message)
    }

    fn all_used(&self) -> Result<(), ServiceError> {
        for member in [NAMES, VALUES] {
            let Some(given) = self.input.get(member) else { continue };
            let given = given.as_object().filter(|given| !given.is_empty());
            let given = given.ok_or_else(|| validation(format!("{member} must not be empty")))?;
            let unused: Vec<&str> =
                given.keys().map(String::as_str).filter(|name| !self.used.contains(*name)).collect();
            if !unused.is_empty() {
                let unused = unused.join(", ");
                return Err(validation(format!(
                    "Value provided in {member} unused in expressions: keys: {{{unused}}}"
                )));
            }
        }
        Ok(())
    }
}

fn is_placeholder(word: &str, sigil: char) -> bool {
    let name = word.strip_prefix(sigil).unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
