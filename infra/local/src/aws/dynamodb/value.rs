//! Items, read strictly from their JSON form: texts and whole numbers, which is what the ledger stores.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::request::{not_emulated, validation};
use crate::aws::wire::ServiceError;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attr {
    S(String),
    N(u64),
}

/// An item: attributes by name.
pub(super) type Item = BTreeMap<String, Attr>;

impl Attr {
    pub(super) fn parse(value: &Value) -> Result<Attr, ServiceError> {
        let object = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
        let Some((kind, content)) = object else {
            return Err(validation(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ));
        };
        match (kind.as_str(), content.as_str()) {
            ("S", Some(text)) => Ok(Attr::S(text.to_owned())),
            ("N", Some(text)) => {
                text.parse().map(Attr::N).map_err(|_| not_emulated(format!("{text:?}, which is no whole number,")))
            }
            ("S" | "N", None) => Err(validation(format!("Supplied AttributeValue of type {kind} has the wrong form"))),
            _ => Err(not_emulated(format!("the type {kind}"))),
        }
    }

    /// The type's name in the JSON form.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Attr::S(_) => "S",
            Attr::N(_) => "N",
        }
    }

    /// The text; keys are texts.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Attr::S(text) => Some(text),
            Attr::N(_) => None,
        }
    }

    fn json(&self) -> Value {
        match self {
            Attr::S(text) => json!({ "S": text }),
            Attr::N(number) => json!({ "N": number.to_string() }),
        }
    }

    fn size(&self) -> usize {
        match self {
            Attr::S(text) => text.len(),
            Attr::N(number) => number.to_string().len().div_ceil(2) + 1,
        }
    }
}

pub(super) fn parse_item(value: &Value) -> Result<Item, ServiceError> {
    let object = value.as_object().ok_or_else(|| validation("an item must be a map of attribute values"))?;
    object.iter().map(|(name, value)| Ok((name.clone(), Attr::parse(value)?))).collect()
}

pub(super) fn item_json(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), value.json())).collect::<Map<_, _>>().into()
}

/// The bytes an item counts for.
/// Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats", 2026.
pub(super) fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}
