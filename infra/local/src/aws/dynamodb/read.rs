//! GetItem, BatchGetItem, Query of an index, and Scan of a table.

use std::collections::BTreeSet;

use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use super::condition::{Condition, Test};
use super::request::{Call, not_emulated, validation};
use super::table::{Index, Table, stored_item};
use super::value::{Attr, Item, item_json, item_size, parse_item};
use crate::aws::wire::{ServiceError, Stop};

/// A page holds at most 1 MiB.
/// Source: Amazon DynamoDB Developer Guide, "Paginating table query results", 2026.
const LARGEST_PAGE_BYTES: usize = 1024 * 1024;

/// One call reads so many items at most, and so many bytes; the rest it leaves unprocessed.
/// Source: Amazon DynamoDB API Reference, BatchGetItem, 2026.
const LARGEST_BATCH: usize = 100;
const LARGEST_BATCH_BYTES: usize = 16 * 1024 * 1024;

pub(super) fn get_item(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["TableName", "Key", "ConsistentRead"])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let item = table.load(call.connection, &table.key_in(call.needed("Key")?)?)?;
    Ok(item.map_or_else(|| json!({}), |item| json!({ "Item": item_json(&item) })))
}

pub(super) fn batch_get_item(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["RequestItems"])?;
    let asked = call.needed("RequestItems")?.as_object().filter(|tables| tables.len() == 1);
    let Some((name, wish)) = asked.and_then(|tables| tables.iter().next()) else {
        return Err(not_emulated("a batch of more or less than one table").into());
    };
    let table = Table::of(call.connection, &name.as_str().into())?;
    let members = wish.as_object().ok_or_else(|| validation("RequestItems has the wrong form"))?;
    if let Some(other) = members.keys().find(|member| !["Keys", "ConsistentRead"].contains(&member.as_str())) {
        return Err(not_emulated(format!("the parameter {other}")).into());
    }
    let keys = wish.get("Keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if keys.is_empty() || keys.len() > LARGEST_BATCH {
        return Err(validation("Too many items requested for the BatchGetItem call, or none").into());
    }
    let names = keys.iter().map(|key| table.key_in(key)).collect::<Result<Vec<_>, _>>()?;
    if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
        return Err(validation("Provided list of item keys contains duplicates").into());
    }
    let (mut items, mut bytes, mut left) = (Vec::new(), 0, Vec::new());
    for (key, name) in keys.iter().zip(&names) {
        if bytes >= LARGEST_BATCH_BYTES {
            left.push(key.clone());
        } else if let Some(item) = table.load(call.connection, name)? {
            bytes += item_size(&item);
            items.push(item_json(&item));
        }
    }
    // The order of the keys is not kept: nobody may rely on it.
    items.reverse();
    let unprocessed = match left.is_empty() {
        true => json!({}),
        false => json!({ name.as_str(): { "Keys": left, "ConsistentRead": wish["ConsistentRead"] } }),
    };
    Ok(json!({ "Responses": { name.as_str(): items }, "UnprocessedKeys": unprocessed }))
}

pub(super) fn query(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&[
        "TableName",
        "IndexName",
        "KeyConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "Limit",
        "ExclusiveStartKey",
        "Select",
    ])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let name = call.needed("IndexName")?;
    let unknown = || validation(format!("The table does not have the specified index: {name}"));
    let index = table.indexes.iter().find(|index| index.name == *name).ok_or_else(unknown)?;
    call.needed("KeyConditionExpression")?;
    let condition = Condition::read(call.input, "KeyConditionExpression")?.unwrap_or(Condition(Vec::new()));
    let range = condition.on_key(&index.hash, &index.sort)?;
    let mut select = Select::of_index(&table, index, range.hash);
    match range.sort {
        Some(Test::Equal(Attr::S(text))) => select.narrow("isk = ?", [text]),
        Some(Test::AtMost(Attr::S(text))) => select.narrow("isk <= ?", [text]),
        Some(Test::Begins(Attr::S(text))) => {
            select.narrow("isk >= ?", [text]);
            // No byte of UTF-8 is larger than this sign's first one.
            select.narrow("isk < ?", [&format!("{text}\u{10ffff}")]);
        }
        _ => {}
    }
    let names = [&table.key, &index.hash, &index.sort];
    if let Some(start) = start_of(call, &names)? {
        select.narrow("(isk, pk) > (?, ?)", [&start[2], &start[0]]);
    }
    let shown = match (call.is_set("Select", "COUNT")?, index.keys_only) {
        (true, _) => Shown::Count,
        (false, true) => Shown::Keys,
        (false, false) => Shown::Items,
    };
    page(call, select, &names, shown)
}

pub(super) fn scan(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["TableName", "Limit", "ExclusiveStartKey"])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let mut select = Select::of_table(&table);
    if let Some(start) = start_of(call, &[&table.key])? {
        select.narrow("pk > ?", [&start[0]]);
    }
    page(call, select, &[&table.key], Shown::Items)
}

/// What a page tells of its items.
#[derive(PartialEq)]
enum Shown {
    Items,
    Keys,
    Count,
}

/// The rows a page is taken from, in their order.
struct Select {
    sql: String,
    values: Vec<Sql>,
    order: &'static str,
}

impl Select {
    fn of_table(table: &Table) -> Select {
        Select {
            sql: "SELECT item FROM dynamo_item WHERE tbl = ?".to_owned(),
            values: vec![Sql::Text(table.name.clone())],
            order: "pk",
        }
    }

    fn of_index(table: &Table, index: &Index, hash: &str) -> Select {
        Select {
            sql: "SELECT (SELECT item FROM dynamo_item AS i WHERE i.tbl = x.tbl AND i.pk = x.pk AND i.sk = x.sk)
                  FROM dynamo_index AS x WHERE tbl = ? AND idx = ? AND ipk = ?"
                .to_owned(),
            values: vec![Sql::Text(table.name.clone()), Sql::Text(index.name.clone()), Sql::Blob(hash.into())],
            order: "isk, pk",
        }
    }

    fn narrow<'v>(&mut self, bound: &str, values: impl IntoIterator<Item = &'v String>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(bound);
        self.values.extend(values.into_iter().map(|value| Sql::Blob(value.clone().into_bytes())));
    }
}

/// Where the page before ended, as the values of the attributes `names`; `None` for the first page.
fn start_of(call: &Call<'_>, names: &[&String]) -> Result<Option<Vec<String>>, ServiceError> {
    let Some(start) = call.input.get("ExclusiveStartKey") else { return Ok(None) };
    let start = parse_item(start)?;
    let texts: Option<Vec<String>> =
        names.iter().map(|name| start.get(*name).and_then(Attr::text).map(str::to_owned)).collect();
    let exact = texts.filter(|_| start.keys().all(|name| names.contains(&name)));
    exact.map(Some).ok_or_else(|| validation("The provided starting key is invalid"))
}

/// One page, of at most `Limit` items and not much more than 1 MiB; `names` are the attributes that tell where it ended.
fn page(call: &Call<'_>, select: Select, names: &[&String], shown: Shown) -> Result<Value, Stop> {
    let positive = |limit: &Value| limit.as_u64().filter(|limit| *limit > 0);
    let too_small = || validation("Limit must be greater than or equal to 1");
    let limit = call.input.get("Limit").map(|limit| positive(limit).ok_or_else(too_small)).transpose()?;
    let sql = format!("{} ORDER BY {}", select.sql, select.order);
    let mut statement = call.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(select.values))?;
    let (mut items, mut count, mut bytes, mut last) = (Vec::new(), 0, 0, None);
    while let Some(row) = rows.next()? {
        let item = stored_item(&row.get::<_, String>(0)?)?;
        count += 1;
        let key = || item.clone().into_iter().filter(|(name, _)| names.contains(&name)).collect::<Item>();
        // What is counted counts in full here, also in an index of keys: that makes more pages than the real one, and never fewer.
        bytes += if shown == Shown::Keys { item_size(&key()) } else { item_size(&item) };
        match shown {
            Shown::Items => items.push(item_json(&item)),
            Shown::Keys => items.push(item_json(&key())),
            Shown::Count => {}
        }
        if limit.is_some_and(|limit| count >= limit) || bytes >= LARGEST_PAGE_BYTES {
            last = Some(key());
            break;
        }
    }
    let mut page = json!({ "Count": count, "ScannedCount": count });
    if shown != Shown::Count {
        page["Items"] = items.into();
    }
    if let Some(last) = last {
        page["LastEvaluatedKey"] = item_json(&last);
    }
    Ok(page)
}
