//! Attribute values, read strictly from their JSON form.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::number::Number;
use super::validation;
use crate::aws::ServiceError;

/// Lists and maps may be nested so deep.
/// Source: Amazon DynamoDB Developer Guide, "Quotas", 2026.
const DEEPEST: usize = 32;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attr {
    S(String),
    N(Number),
    B(Vec<u8>),
    Bool(bool),
    Null,
    L(Vec<Attr>),
    M(Item),
    Ss(BTreeSet<String>),
    Ns(BTreeSet<Number>),
    Bs(BTreeSet<Vec<u8>>),
}

/// An item: attributes by name.
pub(crate) type Item = BTreeMap<String, Attr>;

impl Attr {
    pub(crate) fn parse(value: &Value) -> Result<Attr, ServiceError> {
        parse(value, 0)
    }

    /// The type's name in the JSON form.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Attr::S(_) => "S",
            Attr::N(_) => "N",
            Attr::B(_) => "B",
            Attr::Bool(_) => "BOOL",
            Attr::Null => "NULL",
            Attr::L(_) => "L",
            Attr::M(_) => "M",
            Attr::Ss(_) => "SS",
            Attr::Ns(_) => "NS",
            Attr::Bs(_) => "BS",
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Attr::S(text) => json!({ "S": text }),
            Attr::N(number) => json!({ "N": number.to_string() }),
            Attr::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
            Attr::Bool(flag) => json!({ "BOOL": flag }),
            Attr::Null => json!({ "NULL": true }),
            Attr::L(list) => json!({ "L": list.iter().map(Attr::json).collect::<Vec<_>>() }),
            Attr::M(map) => json!({ "M": item_json(map) }),
            Attr::Ss(set) => json!({ "SS": set }),
            Attr::Ns(set) => json!({ "NS": set.iter().map(Number::to_string).collect::<Vec<_>>() }),
            Attr::Bs(set) => {
                json!({ "BS": set.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() })
            }
        }
    }

    /// Bytes that sort as DynamoDB sorts keys; only strings, numbers and binaries can be keys.
    pub(crate) fn key_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Attr::S(text) => Some(text.clone().into_bytes()),
            Attr::N(number) => Some(number.key()),
            Attr::B(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// The bytes it counts for.
    /// Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats", 2026.
    pub(crate) fn size(&self) -> usize {
        match self {
            Attr::S(text) => text.len(),
            Attr::N(number) => number.to_string().trim_start_matches('-').len().div_ceil(2) + 1,
            Attr::B(bytes) => bytes.len(),
            Attr::Bool(_) | Attr::Null => 1,
            Attr::L(list) => 3 + list.iter().map(|value| value.size() + 1).sum::<usize>(),
            Attr::M(map) => 3 + map.len() + item_size(map),
            Attr::Ss(set) => set.iter().map(String::len).sum(),
            Attr::Ns(set) => set.iter().map(|number| number.to_string().len().div_ceil(2) + 1).sum(),
            Attr::Bs(set) => set.iter().map(Vec::len).sum(),
        }
    }
}

pub(crate) fn parse_item(value: &Value) -> Result<Item, ServiceError> {
    item(value, 0)
}

pub(crate) fn item_json(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), value.json())).collect::<Map<_, _>>().into()
}

pub(crate) fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

fn item(value: &Value, depth: usize) -> Result<Item, ServiceError> {
    let object = value.as_object().ok_or_else(|| validation("an item must be a map of attribute values"))?;
    object.iter().map(|(name, value)| Ok((name.clone(), parse(value, depth)?))).collect()
}

fn parse(value: &Value, depth: usize) -> Result<Attr, ServiceError> {
    if depth > DEEPEST {
        return Err(validation("Nesting Levels have exceeded supported limits"));
    }
    let object = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
    let Some((kind, content)) = object else {
        return Err(validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ));
    };
    let wrong = || validation(format!("Supplied AttributeValue of type {kind} has the wrong form"));
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
    let number = |value: &Value| Number::parse(value.as_str().ok_or_else(wrong)?).map_err(validation);
    let bytes = |value: &Value| STANDARD.decode(value.as_str().ok_or_else(wrong)?).map_err(|_| wrong());
    let list = || content.as_array().ok_or_else(wrong);
    Ok(match kind.as_str() {
        "S" => Attr::S(text(content)?),
        "N" => Attr::N(number(content)?),
        "B" => Attr::B(bytes(content)?),
        "BOOL" => Attr::Bool(content.as_bool().ok_or_else(wrong)?),
        "NULL" if content == &json!(true) => Attr::Null,
        "L" => Attr::L(list()?.iter().map(|value| parse(value, depth + 1)).collect::<Result<_, _>>()?),
        "M" => Attr::M(item(content, depth + 1)?),
        "SS" => Attr::Ss(set(list()?, text)?),
        "NS" => Attr::Ns(set(list()?, number)?),
        "BS" => Attr::Bs(set(list()?, bytes)?),
        _ => return Err(wrong()),
    })
}

fn set<T: Ord>(list: &[Value], parse: impl Fn(&Value) -> Result<T, ServiceError>) -> Result<BTreeSet<T>, ServiceError> {
    let set = list.iter().map(parse).collect::<Result<BTreeSet<T>, _>>()?;
    if set.is_empty() {
        return Err(validation("One or more parameter values were invalid: An set may not be empty"));
    }
    if set.len() < list.len() {
        return Err(validation("One or more parameter values were invalid: Input collection contains duplicates."));
    }
    Ok(set)
}
