//! GetItem, Query of an index, and Scan of a table.

use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use super::condition::{Condition, Test};
use super::request::{Call, validation};
use super::table::{Index, Table, stored_item};
use super::value::{Attr, Item, item_json, item_size, parse_item};
use crate::aws::wire::{ServiceError, Stop};

/// A page holds at most 1 MiB.
/// Source: Amazon DynamoDB Developer Guide, "Paginating table query results", 2026.
const LARGEST_PAGE_BYTES: usize = 1024 * 1024;

pub(super) fn get_item(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["TableName", "Key", "ConsistentRead"])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let item = table.load(call.connection, &table.key_in(call.needed("Key")?)?)?;
    Ok(item.map_or_else(|| json!({}), |item| json!({ "Item": item_json(&item) })))
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
    let counts_only = call.is_set("Select", "COUNT")?;
    page(call, select, &names, counts_only)
}

pub(super) fn scan(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["TableName", "Limit", "ExclusiveStartKey"])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let mut select = Select::of_table(&table);
    if let Some(start) = start_of(call, &[&table.key])? {
        select.narrow("pk > ?", [&start[0]]);
    }
    page(call, select, &[&table.key], false)
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
fn page(call: &Call<'_>, select: Select, names: &[&String], counts_only: bool) -> Result<Value, Stop> {
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
        bytes += item_size(&item);
        if !counts_only {
            items.push(item_json(&item));
        }
        if limit.is_some_and(|limit| count >= limit) || bytes >= LARGEST_PAGE_BYTES {
            last = Some(item.into_iter().filter(|(name, _)| names.contains(&name)).collect::<Item>());
            break;
        }
    }
    let mut page = json!({ "Count": count, "ScannedCount": count });
    if !counts_only {
        page["Items"] = items.into();
    }
    if let Some(last) = last {
        page["LastEvaluatedKey"] = item_json(&last);
    }
    Ok(page)
}
