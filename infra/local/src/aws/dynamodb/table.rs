//! Tables with a partition key, their indexes with a sort key beside it, and the rows behind them. Keys are texts.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};

use super::request::{error, not_emulated, validation};
use super::value::{Attr, Item, item_json, item_size, parse_item};
use crate::aws::wire::{ServiceError, Stop};

/// Source: Amazon DynamoDB Developer Guide, "Quotas", 2026.
const LARGEST_ITEM_BYTES: usize = 400 * 1024;
const LARGEST_KEY_BYTES: usize = 2048;

/// A table as it was created.
pub(super) struct Table {
    pub(super) name: String,
    /// The attribute that is the key.
    pub(super) key: String,
    pub(super) indexes: Vec<Index>,
    definition: Map<String, Value>,
}

/// A global secondary index.
pub(super) struct Index {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) sort: String,
    /// Whether it shows keys alone, its own and the table's.
    pub(super) keys_only: bool,
}

impl Table {
    /// Reads a CreateTable request, strictly.
    pub(super) fn parse(definition: &Map<String, Value>) -> Result<Table, ServiceError> {
        let name = definition.get("TableName").and_then(Value::as_str).unwrap_or_default();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(3..=255).contains(&name.len()) || !name.bytes().all(legal) {
            return Err(validation(
                "TableName must be at least 3 characters long and at most 255 characters long, of [a-zA-Z0-9_.-]+",
            ));
        }
        let mut defined = BTreeSet::new();
        for attribute in list(definition, "AttributeDefinitions") {
            if attribute["AttributeType"] != "S" {
                return Err(not_emulated("a key that is no text"));
            }
            defined.insert(attribute["AttributeName"].as_str().unwrap_or_default());
        }
        let key = match keys(definition.get("KeySchema"))? {
            (hash, None) => hash,
            (_, Some(_)) => return Err(not_emulated("a sort key of a table")),
        };
        let mut indexes: Vec<Index> = Vec::new();
        for index in list(definition, "GlobalSecondaryIndexes") {
            let (name, kind) = (index["IndexName"].as_str(), index.pointer("/Projection/ProjectionType"));
            let name = name.filter(|name| name.len() >= 3 && indexes.iter().all(|other| other.name != *name));
            let name = name.ok_or_else(|| validation("IndexName must be at least 3 characters long, and its own"))?;
            let keys_only = match kind.and_then(Value::as_str) {
                Some("ALL") => false,
                Some("KEYS_ONLY") => true,
                _ => return Err(not_emulated("an index that shows a part of the items")),
            };
            let (hash, sort) = keys(index.get("KeySchema"))?;
            let sort = sort.ok_or_else(|| not_emulated("an index without a sort key"))?;
            indexes.push(Index { name: name.to_owned(), hash, sort, keys_only });
        }
        let of_indexes = indexes.iter().flat_map(|index| [index.hash.as_str(), index.sort.as_str()]);
        let used: BTreeSet<&str> = of_indexes.chain([key.as_str()]).collect();
        if used != defined {
            return Err(validation(
                "One or more parameter values were invalid: the key attributes are not those in AttributeDefinitions",
            ));
        }
        Ok(Table { name: name.to_owned(), key, indexes, definition: definition.clone() })
    }

    /// The table of this name.
    pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<Table>, Stop> {
        let definition: Option<String> = connection
            .prepare_cached("SELECT definition FROM dynamo_table WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let Some(definition) = definition else { return Ok(None) };
        Ok(Some(Table::parse(&serde_json::from_str(&definition).unwrap_or_default())?))
    }

    /// The table a request names.
    pub(super) fn of(connection: &Connection, name: &Value) -> Result<Table, Stop> {
        let none = || error("ResourceNotFoundException", "Requested resource not found");
        Ok(Table::find(connection, name.as_str().unwrap_or_default())?.ok_or_else(none)?)
    }

    pub(super) fn create(&self, connection: &Connection, at_ms: i64) -> Result<(), Stop> {
        let definition = Value::Object(self.definition.clone()).to_string();
        connection
            .prepare_cached("INSERT INTO dynamo_table (name, definition, created_at) VALUES (?1, ?2, ?3)")?
            .execute(params![self.name, definition, at_ms])?;
        Ok(())
    }

    /// What CreateTable answers.
    pub(super) fn description(&self) -> Value {
        json!({ "TableName": self.name, "TableStatus": "ACTIVE" })
    }

    /// The key of a whole item, once it is known that the item can be stored.
    pub(super) fn key_of<'i>(&self, item: &'i Item) -> Result<&'i str, ServiceError> {
        if item_size(item) > LARGEST_ITEM_BYTES {
            return Err(validation("Item size has exceeded the maximum allowed size"));
        }
        let missing = || {
            validation(format!("One or more parameter values were invalid: Missing the key {} in the item", self.key))
        };
        let keys_of_indexes = self.indexes.iter().flat_map(|index| [&index.hash, &index.sort]);
        for name in keys_of_indexes {
            item.get(name).map_or(Ok(""), |value| key_text(name, value))?;
        }
        key_text(&self.key, item.get(&self.key).ok_or_else(missing)?)
    }

    /// The key that a `Key` member names: exactly the key, nothing else.
    pub(super) fn key_in(&self, given: &Value) -> Result<String, ServiceError> {
        let given = parse_item(given)?;
        match given.get(&self.key) {
            Some(key) if given.len() == 1 => Ok(key_text(&self.key, key)?.to_owned()),
            _ => Err(validation("The provided key element does not match the schema")),
        }
    }

    pub(super) fn load(&self, connection: &Connection, key: &str) -> Result<Option<Item>, Stop> {
        let text: Option<String> = connection
            .prepare_cached("SELECT item FROM dynamo_item WHERE tbl = ?1 AND pk = ?2 AND sk = x''")?
            .query_row(params![self.name, key.as_bytes()], |row| row.get(0))
            .optional()?;
        text.map(|text| Ok(stored_item(&text)?)).transpose()
    }

    /// Replaces an item and its rows in the indexes; `None` removes it.
    pub(super) fn replace(
        &self,
        connection: &Connection,
        key: &str,
        old: Option<&Item>,
        new: Option<&Item>,
    ) -> Result<(), Stop> {
        match new {
            Some(item) => connection
                .prepare_cached("INSERT OR REPLACE INTO dynamo_item (tbl, pk, sk, item) VALUES (?1, ?2, x'', ?3)")?
                .execute(params![self.name, key.as_bytes(), item_json(item).to_string()])?,
            None => connection
                .prepare_cached("DELETE FROM dynamo_item WHERE tbl = ?1 AND pk = ?2 AND sk = x''")?
                .execute(params![self.name, key.as_bytes()])?,
        };
        for index in &self.indexes {
            let (before, after) = (old.and_then(|item| index.place(item)), new.and_then(|item| index.place(item)));
            if before == after {
                continue;
            }
            if let Some((hash, sort)) = before {
                connection
                    .prepare_cached(
                        "DELETE FROM dynamo_index
                         WHERE tbl = ?1 AND idx = ?2 AND ipk = ?3 AND isk = ?4 AND pk = ?5 AND sk = x''",
                    )?
                    .execute(params![self.name, index.name, hash.as_bytes(), sort.as_bytes(), key.as_bytes()])?;
            }
            if let Some((hash, sort)) = after {
                connection
                    .prepare_cached("INSERT INTO dynamo_index VALUES (?1, ?2, ?3, ?4, ?5, x'')")?
                    .execute(params![self.name, index.name, hash.as_bytes(), sort.as_bytes(), key.as_bytes()])?;
            }
        }
        Ok(())
    }
}

impl Index {
    /// Where an item stands in the index; `None` if it lacks the key: indexes are sparse.
    fn place<'i>(&self, item: &'i Item) -> Option<(&'i str, &'i str)> {
        Some((item.get(&self.hash)?.text()?, item.get(&self.sort)?.text()?))
    }
}

/// An item as this module stored it.
pub(super) fn stored_item(text: &str) -> Result<Item, ServiceError> {
    parse_item(&serde_json::from_str(text).unwrap_or_default())
}

fn key_text<'i>(name: &str, value: &'i Attr) -> Result<&'i str, ServiceError> {
    let wrong = |what: &str| validation(format!("One or more parameter values were invalid: {what}"));
    match value.text() {
        None => Err(wrong(&format!("Type mismatch for key {name} expected: S actual: {}", value.kind()))),
        Some("") => Err(wrong(&format!(
            "The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
        ))),
        Some(text) if text.len() > LARGEST_KEY_BYTES => {
            Err(wrong(&format!("Size of key {name} has exceeded the maximum size limit of {LARGEST_KEY_BYTES} bytes")))
        }
        Some(text) => Ok(text),
    }
}

/// The attributes of a key: HASH, and RANGE if there is one.
fn keys(schema: Option<&Value>) -> Result<(String, Option<String>), ServiceError> {
    let elements = schema.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let element = |index: usize, kind: &str| {
        let element = elements.get(index).filter(|element| element["KeyType"] == kind)?;
        element["AttributeName"].as_str().map(str::to_owned)
    };
    match (element(0, "HASH"), element(1, "RANGE")) {
        (Some(hash), range) if elements.len() == 1 + usize::from(range.is_some()) => Ok((hash, range)),
        _ => Err(validation(
            "1 validation error detected: Invalid KeySchema: it must be one HASH element and at most one RANGE element",
        )),
    }
}

fn list<'a>(definition: &'a Map<String, Value>, member: &str) -> impl Iterator<Item = &'a Value> {
    definition.get(member).and_then(Value::as_array).into_iter().flatten()
}
