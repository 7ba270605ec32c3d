//! Tables, their keys and indexes, and the rows behind them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};

use super::value::{Attr, Item, item_json, item_size, parse_item};
use super::{error, validation};
use crate::aws::{ACCOUNT, ServiceError, Stop};

/// Source: Amazon DynamoDB Developer Guide, "Quotas", 2026.
const LARGEST_ITEM_BYTES: usize = 400 * 1024;
const LARGEST_HASH_KEY_BYTES: usize = 2048;
const LARGEST_RANGE_KEY_BYTES: usize = 1024;

/// A row's place: partition key and sort key.
pub(crate) type RowKey = (Vec<u8>, Vec<u8>);

/// A table as it was created.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) key: KeySchema,
    pub(crate) indexes: Vec<Index>,
    types: BTreeMap<String, String>,
    definition: Map<String, Value>,
    created_at: i64,
}

/// The attributes that make a key.
#[derive(Clone)]
pub(crate) struct KeySchema {
    pub(crate) hash: String,
    pub(crate) range: Option<String>,
}

/// A global secondary index.
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) key: KeySchema,
    /// The non-key attributes it shows; `None` for all.
    pub(crate) shown: Option<Vec<String>>,
}

impl KeySchema {
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    fn parse(value: Option<&Value>) -> Result<KeySchema, ServiceError> {
        let invalid = || {
            validation(
                "1 validation error detected: Invalid KeySchema: it must be one HASH element and at most one RANGE element",
            )
        };
        let elements = value.and_then(Value::as_array).ok_or_else(invalid)?;
        let element = |index: usize, kind: &str| {
            let element = elements.get(index)?;
            let name = element.get("AttributeName").and_then(Value::as_str)?;
            (element.get("KeyType").and_then(Value::as_str) == Some(kind)).then(|| name.to_owned())
        };
        let range = element(1, "RANGE");
        if elements.len() > 2 || (elements.len() == 2) != range.is_some() {
            return Err(invalid());
        }
        Ok(KeySchema { hash: element(0, "HASH").ok_or_else(invalid)?, range })
    }
}

impl Table {
    /// Reads a CreateTable request, strictly.
    pub(crate) fn parse(definition: &Map<String, Value>, created_at: i64) -> Result<Table, ServiceError> {
        let name = definition.get("TableName").and_then(Value::as_str).unwrap_or_default();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(3..=255).contains(&name.len()) || !name.bytes().all(legal) {
            return Err(validation(
                "TableName must be at least 3 characters long and at most 255 characters long, of [a-zA-Z0-9_.-]+",
            ));
        }
        let mut types = BTreeMap::new();
        for attribute in list(definition, "AttributeDefinitions") {
            let text = |member: &str| attribute.get(member).and_then(Value::as_str).unwrap_or_default();
            if !matches!(text("AttributeType"), "S" | "N" | "B") {
                return Err(validation("AttributeType must be one of S, N, B"));
            }
            types.insert(text("AttributeName").to_owned(), text("AttributeType").to_owned());
        }
        let key = KeySchema::parse(definition.get("KeySchema"))?;
        let mut indexes: Vec<Index> = Vec::new();
        for index in list(definition, "GlobalSecondaryIndexes") {
            let index = Index::parse(index)?;
            if indexes.iter().any(|other| other.name == index.name) {
                return Err(validation(format!(
                    "One or more parameter values were invalid: Duplicate index name: {}",
                    index.name
                )));
            }
            indexes.push(index);
        }
        let keys: Vec<&String> = key.names().chain(indexes.iter().flat_map(|index| index.key.names())).collect();
        if let Some(missing) = keys.iter().find(|name| !types.contains_key(**name)) {
            return Err(validation(format!(
                "One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [{missing}]"
            )));
        }
        if let Some(unused) = types.keys().find(|name| !keys.contains(name)) {
            return Err(validation(format!(
                "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions: {unused}"
            )));
        }
        Ok(Table { name: name.to_owned(), key, indexes, types, definition: definition.clone(), created_at })
    }

    /// The table of this name.
    pub(crate) fn find(connection: &Connection, name: &str) -> Result<Option<Table>, Stop> {
        let row: Option<(String, i64)> = connection
            .prepare_cached("SELECT definition, created_at FROM dynamo_table WHERE name = ?1")?
            .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((definition, created_at)) = row else {
            return Ok(None);
        };
        let definition: Map<String, Value> = serde_json::from_str(&definition).unwrap_or_default();
        Ok(Some(Table::parse(&definition, created_at)?))
    }

    /// The table a request names.
    pub(crate) fn of(connection: &Connection, input: &Map<String, Value>) -> Result<Table, Stop> {
        let name = input.get("TableName").and_then(Value::as_str);
        let name =
            name.ok_or_else(|| validation("The parameter 'TableName' is required but was not present in the request"))?;
        // An ARN is as good as a name.
        let name = name.rsplit('/').next().unwrap_or(name);
        Ok(Table::find(connection, name)?
            .ok_or_else(|| error("ResourceNotFoundException", "Requested resource not found"))?)
    }

    pub(crate) fn create(&self, connection: &Connection) -> Result<(), Stop> {
        let definition = Value::Object(self.definition.clone()).to_string();
        connection
            .prepare_cached("INSERT INTO dynamo_table (name, definition, created_at) VALUES (?1, ?2, ?3)")?
            .execute(params![self.name, definition, self.created_at])?;
        Ok(())
    }

    /// What DescribeTable tells.
    pub(crate) fn description(&self, items: i64) -> Value {
        let arn = format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{}", self.name);
        let member = |name: &str| self.definition.get(name).cloned().unwrap_or_default();
        let mut description = json!({
            "TableName": self.name,
            "TableArn": arn,
            "TableStatus": "ACTIVE",
            "CreationDateTime": self.created_at as f64 / 1000.0,
            "ItemCount": items,
            "TableSizeBytes": 0,
            "KeySchema": member("KeySchema"),
            "AttributeDefinitions": member("AttributeDefinitions"),
            "BillingModeSummary": {"BillingMode": self.definition.get("BillingMode").cloned().unwrap_or("PROVISIONED".into())},
        });
        let indexes: Vec<Value> = list(&self.definition, "GlobalSecondaryIndexes")
            .map(|index| {
                let mut index = index.clone();
                index["IndexStatus"] = "ACTIVE".into();
                index["IndexArn"] = format!("{arn}/index/{}", index["IndexName"].as_str().unwrap_or_default()).into();
                index
            })
            .collect();
        if !indexes.is_empty() {
            description["GlobalSecondaryIndexes"] = indexes.into();
        }
        description
    }

    /// The place of a whole item, which must carry its key.
    pub(crate) fn row_of(&self, item: &Item) -> Result<RowKey, ServiceError> {
        for name in self.key.names() {
            match item.get(name) {
                None => {
                    return Err(validation(format!(
                        "One or more parameter values were invalid: Missing the key {name} in the item"
                    )));
                }
                Some(value) if Some(value.kind()) != self.kind_of(name) => {
                    let (expected, actual) = (self.kind_of(name).unwrap_or_default(), value.kind());
                    return Err(validation(format!(
                        "One or more parameter values were invalid: Type mismatch for key {name} expected: {expected} actual: {actual}"
                    )));
                }
                Some(_) => {}
            }
        }
        self.row(&self.key, item)
    }

    /// The place a `Key` member names: exactly the key, nothing else.
    pub(crate) fn row_of_key(&self, key: &Item) -> Result<RowKey, ServiceError> {
        let exact = key.len() == self.key.names().count()
            && self.key.names().all(|name| key.get(name).map(Attr::kind) == self.kind_of(name));
        if !exact {
            return Err(validation("The provided key element does not match the schema"));
        }
        self.row(&self.key, key)
    }

    /// The type a key attribute must have.
    pub(crate) fn kind_of(&self, name: &str) -> Option<&str> {
        self.types.get(name).map(String::as_str)
    }

    /// The place of an item in an index; `None` if it lacks the key: indexes are sparse.
    pub(crate) fn row_in(&self, index: &Index, item: &Item) -> Option<RowKey> {
        index.key.names().all(|name| item.contains_key(name)).then(|| self.row(&index.key, item).ok()).flatten()
    }

    /// Refuses an item that could not be stored.
    pub(crate) fn check(&self, item: &Item) -> Result<(), ServiceError> {
        if item_size(item) > LARGEST_ITEM_BYTES {
            return Err(validation("Item size has exceeded the maximum allowed size"));
        }
        for index in &self.indexes {
            for name in index.key.names() {
                let Some(value) = item.get(name) else {
                    continue;
                };
                if Some(value.kind()) != self.kind_of(name) {
                    let (expected, actual) = (self.kind_of(name).unwrap_or_default(), value.kind());
                    return Err(validation(format!(
                        "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {}",
                        index.name
                    )));
                }
                if value.key_bytes().is_some_and(|bytes| bytes.is_empty()) {
                    return Err(validation(format!(
                        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: {}, IndexKey: {name}",
                        index.name
                    )));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn load(&self, connection: &Connection, row: &RowKey) -> Result<Option<Item>, Stop> {
        let text: Option<String> = connection
            .prepare_cached("SELECT item FROM dynamo_item WHERE tbl = ?1 AND pk = ?2 AND sk = ?3")?
            .query_row(params![self.name, row.0, row.1], |row| row.get(0))
            .optional()?;
        text.map(|text| Ok(stored_item(&text)?)).transpose()
    }

    /// Replaces an item and its index rows; `None` removes it.
    pub(crate) fn replace(
        &self,
        connection: &Connection,
        row: &RowKey,
        old: Option<&Item>,
        new: Option<&Item>,
    ) -> Result<(), Stop> {
        match new {
            Some(item) => connection
                .prepare_cached("INSERT OR REPLACE INTO dynamo_item (tbl, pk, sk, item) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![self.name, row.0, row.1, item_json(item).to_string()])?,
            None => connection
                .prepare_cached("DELETE FROM dynamo_item WHERE tbl = ?1 AND pk = ?2 AND sk = ?3")?
                .execute(params![self.name, row.0, row.1])?,
        };
        for index in &self.indexes {
            let place = |item: Option<&Item>| item.and_then(|item| self.row_in(index, item));
            let (before, after) = (place(old), place(new));
            if before == after {
                continue;
            }
            if let Some((ipk, isk)) = before {
                connection
                    .prepare_cached(
                        "DELETE FROM dynamo_index
                         WHERE tbl = ?1 AND idx = ?2 AND ipk = ?3 AND isk = ?4 AND pk = ?5 AND sk = ?6",
                    )?
                    .execute(params![self.name, index.name, ipk, isk, row.0, row.1])?;
            }
            if let Some((ipk, isk)) = after {
                connection
                    .prepare_cached("INSERT INTO dynamo_index VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                    .execute(params![self.name, index.name, ipk, isk, row.0, row.1])?;
            }
        }
        Ok(())
    }

    fn row(&self, key: &KeySchema, item: &Item) -> Result<RowKey, ServiceError> {
        let bytes = |name: &str, largest: usize| {
            let bytes = item.get(name).and_then(Attr::key_bytes).unwrap_or_default();
            if bytes.is_empty() {
                return Err(validation(format!(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
                )));
            }
            if bytes.len() > largest {
                return Err(validation(format!(
                    "One or more parameter values were invalid: Size of key {name} has exceeded the maximum size limit of {largest} bytes"
                )));
            }
            Ok(bytes)
        };
        let range = key.range.as_ref().map(|name| bytes(name, LARGEST_RANGE_KEY_BYTES)).transpose()?;
        Ok((bytes(&key.hash, LARGEST_HASH_KEY_BYTES)?, range.unwrap_or_default()))
    }
}

impl Index {
    fn parse(value: &Value) -> Result<Index, ServiceError> {
        let name = value.get("IndexName").and_then(Value::as_str).unwrap_or_default();
        if name.len() < 3 {
            return Err(validation("IndexName must be at least 3 characters long"));
        }
        let shown = match value.pointer("/Projection/ProjectionType").and_then(Value::as_str) {
            Some("ALL") => None,
            Some("KEYS_ONLY") => Some(Vec::new()),
            Some("INCLUDE") => {
                let names = value.pointer("/Projection/NonKeyAttributes").and_then(Value::as_array);
                Some(names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => {
                return Err(validation("One or more parameter values were invalid: Unknown ProjectionType"));
            }
        };
        Ok(Index { name: name.to_owned(), key: KeySchema::parse(value.get("KeySchema"))?, shown })
    }
}

/// An item as this module stored it.
pub(crate) fn stored_item(text: &str) -> Result<Item, ServiceError> {
    parse_item(&serde_json::from_str(text).unwrap_or_default())
}

fn list<'a>(definition: &'a Map<String, Value>, member: &str) -> impl Iterator<Item = &'a Value> {
    definition.get(member).and_then(Value::as_array).into_iter().flatten()
}
