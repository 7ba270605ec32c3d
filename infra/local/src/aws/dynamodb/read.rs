//! GetItem, Query and Scan.

use std::ops::ControlFlow;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Map, Value, json};

use super::evaluate::{holds, projected};
use super::expression::{Condition, Operand, Path, Placeholders, Step};
use super::key_condition;
use super::table::{Index, KeySchema, Table, stored_item};
use super::value::{Attr, Item, item_json, item_size, parse_item};
use super::{Call, allow, validation};
use crate::aws::{ServiceError, Stop};

/// A page holds at most 1 MiB.
/// Source: Amazon DynamoDB Developer Guide, "Paginating table query results", 2026.
const LARGEST_PAGE_BYTES: usize = 1024 * 1024;

pub(super) fn get_item(call: &Call<'_>) -> Result<Value, Stop> {
    allow(
        call.input,
        &[
            "TableName",
            "Key",
            "ConsistentRead",
            "ProjectionExpression",
            "ExpressionAttributeNames",
            "ReturnConsumedCapacity",
        ],
    )?;
    let table = Table::of(call.connection, call.input)?;
    let missing = || validation("The parameter 'Key' is required but was not present in the request");
    let row = table.row_of_key(&parse_item(call.input.get("Key").ok_or_else(missing)?)?)?;
    let placeholders = Placeholders::of(call.input)?;
    let projection = placeholders.projection(call.input)?;
    placeholders.all_used()?;
    let Some(item) = table.load(call.connection, &row)? else {
        return Ok(json!({}));
    };
    let item = projection.map_or_else(|| Ok(item.clone()), |paths| projected(&item, &paths))?;
    Ok(json!({ "Item": item_json(&item) }))
}

pub(super) fn query(call: &Call<'_>) -> Result<Value, Stop> {
    let mut known = PAGED.to_vec();
    known.extend(["KeyConditionExpression", "ScanIndexForward"]);
    allow(call.input, &known)?;
    let table = Table::of(call.connection, call.input)?;
    let placeholders = Placeholders::of(call.input)?;
    let needed =
        || validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
    let condition = placeholders.condition(call.input, "KeyConditionExpression")?.ok_or_else(needed)?;
    let mut reader = Reader::of(call.input, &table, &placeholders)?;
    let keys: Vec<&String> = reader.key().names().collect();
    if let Some(name) =
        reader.filter.as_ref().and_then(|filter| names_of(filter).into_iter().find(|name| keys.contains(name)))
    {
        return Err(validation(format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
        ))
        .into());
    }
    reader.bounds = key_condition::bounds(&condition, &table, reader.key(), reader.index.is_some())?;
    reader.forward = call.input.get("ScanIndexForward").and_then(Value::as_bool).unwrap_or(true);
    reader.page(call.connection)
}

pub(super) fn scan(call: &Call<'_>) -> Result<Value, Stop> {
    allow(call.input, &PAGED)?;
    let table = Table::of(call.connection, call.input)?;
    let placeholders = Placeholders::of(call.input)?;
    Reader::of(call.input, &table, &placeholders)?.page(call.connection)
}

const PAGED: [&str; 11] = [
    "TableName",
    "IndexName",
    "FilterExpression",
    "ProjectionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ConsistentRead",
    "Limit",
    "ExclusiveStartKey",
    "Select",
    "ReturnConsumedCapacity",
];

/// One Query or Scan over a table or an index.
struct Reader<'a> {
    table: &'a Table,
    index: Option<&'a Index>,
    filter: Option<Condition>,
    projection: Option<Vec<Path>>,
    count_only: bool,
    limit: usize,
    after: Option<Vec<Sql>>,
    forward: bool,
    /// SQL conditions on the columns of the key, each with its value.
    bounds: Vec<(&'static str, Sql)>,
}

impl<'a> Reader<'a> {
    fn of(
        input: &Map<String, Value>,
        table: &'a Table,
        placeholders: &Placeholders,
    ) -> Result<Reader<'a>, ServiceError> {
        let index = match input.get("IndexName").and_then(Value::as_str) {
            None => None,
            Some(name) => {
                let index = table.indexes.iter().find(|index| index.name == name);
                Some(index.ok_or_else(|| validation(format!("The table does not have the specified index: {name}")))?)
            }
        };
        if index.is_some() && input.get("ConsistentRead").and_then(Value::as_bool) == Some(true) {
            return Err(validation("Consistent reads are not supported on global secondary indexes"));
        }
        let filter = placeholders.condition(input, "FilterExpression")?;
        let projection = placeholders.projection(input)?;
        placeholders.all_used()?;
        let limit = match input.get("Limit") {
            None => usize::MAX,
            Some(limit) => limit
                .as_u64()
                .filter(|limit| *limit > 0)
                .and_then(|limit| usize::try_from(limit).ok())
                .ok_or_else(|| validation("Limit must be greater than or equal to 1"))?,
        };
        let count_only = match input.get("Select").and_then(Value::as_str) {
            None | Some("ALL_ATTRIBUTES" | "ALL_PROJECTED_ATTRIBUTES" | "SPECIFIC_ATTRIBUTES") => false,
            Some("COUNT") => true,
            Some(other) => return Err(validation(format!("Select set to invalid value: {other}"))),
        };
        let mut reader = Reader {
            table,
            index,
            filter,
            projection,
            count_only,
            limit,
            after: None,
            forward: true,
            bounds: Vec::new(),
        };
        if let Some(start) = input.get("ExclusiveStartKey") {
            reader.after = Some(reader.position(&parse_item(start)?)?);
        }
        Ok(reader)
    }

    fn key(&self) -> &'a KeySchema {
        self.index.map_or(&self.table.key, |index| &index.key)
    }

    /// Where a page ended, as values of the ordering columns.
    fn position(&self, start: &Item) -> Result<Vec<Sql>, ServiceError> {
        let invalid = || validation("The provided starting key is invalid");
        let names = self.position_names();
        if start.len() != names.len()
            || !names.iter().all(|name| start.get(*name).map(Attr::kind) == self.table.kind_of(name))
        {
            return Err(invalid());
        }
        let (pk, sk) = self.table.row_of(start).map_err(|_| invalid())?;
        let mut columns = Vec::new();
        if let Some(index) = self.index {
            let (ipk, isk) = self.table.row_in(index, start).ok_or_else(invalid)?;
            columns.extend([Sql::Blob(ipk), Sql::Blob(isk)]);
        }
        columns.extend([Sql::Blob(pk), Sql::Blob(sk)]);
        Ok(columns)
    }

    /// The attributes a starting key consists of.
    fn position_names(&self) -> Vec<&String> {
        let mut names: Vec<&String> = self.table.key.names().chain(self.key().names()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn page(&self, connection: &Connection) -> Result<Value, Stop> {
        let (mut items, mut scanned, mut count, mut bytes) = (Vec::new(), 0_usize, 0_usize, 0_usize);
        let mut last = None;
        self.rows(connection, |item| {
            scanned += 1;
            bytes += item_size(&item);
            let shown = self.visible(&item);
            if self.filter.as_ref().is_none_or(|filter| holds(filter, &shown)) {
                count += 1;
                if !self.count_only {
                    let shown =
                        self.projection.as_ref().map_or_else(|| Ok(shown.clone()), |paths| projected(&shown, paths))?;
                    items.push(item_json(&shown));
                }
            }
            if scanned >= self.limit || bytes >= LARGEST_PAGE_BYTES {
                let names = self.position_names();
                last = Some(item.into_iter().filter(|(name, _)| names.contains(&name)).collect::<Item>());
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let mut page = json!({ "Count": count, "ScannedCount": scanned });
        if !self.count_only {
            page["Items"] = items.into();
        }
        if let Some(last) = last {
            page["LastEvaluatedKey"] = item_json(&last);
        }
        Ok(page)
    }

    /// What the index shows of an item.
    fn visible(&self, item: &Item) -> Item {
        let Some((index, shown)) = self.index.and_then(|index| Some((index, index.shown.as_ref()?))) else {
            return item.clone();
        };
        let keys = |name: &String| self.table.key.names().chain(index.key.names()).any(|key| key == name);
        item.iter()
            .filter(|(name, _)| keys(name) || shown.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn rows(
        &self,
        connection: &Connection,
        mut visit: impl FnMut(Item) -> Result<ControlFlow<()>, Stop>,
    ) -> Result<(), Stop> {
        let (mut sql, mut values, columns) = match self.index {
            None => (
                "SELECT item FROM dynamo_item WHERE tbl = ?".to_owned(),
                vec![Sql::Text(self.table.name.clone())],
                ["pk", "sk"].as_slice(),
            ),
            Some(index) => (
                "SELECT (SELECT item FROM dynamo_item AS i WHERE i.tbl = x.tbl AND i.pk = x.pk AND i.sk = x.sk)
                 FROM dynamo_index AS x WHERE tbl = ? AND idx = ?"
                    .to_owned(),
                vec![Sql::Text(self.table.name.clone()), Sql::Text(index.name.clone())],
                ["ipk", "isk", "pk", "sk"].as_slice(),
            ),
        };
        for (bound, value) in &self.bounds {
            sql.push_str(" AND ");
            sql.push_str(bound);
            values.push(value.clone());
        }
        if let Some(after) = &self.after {
            let direction = if self.forward { '>' } else { '<' };
            let marks = vec!["?"; columns.len()].join(", ");
            sql.push_str(&format!(" AND ({}) {direction} ({marks})", columns.join(", ")));
            values.extend(after.iter().cloned());
        }
        let order = if self.forward { " ASC" } else { " DESC" };
        let order: Vec<String> = columns.iter().map(|column| format!("{column}{order}")).collect();
        sql.push_str(&format!(" ORDER BY {}", order.join(", ")));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            if visit(stored_item(&text)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The top-level attributes a condition reads.
fn names_of(condition: &Condition) -> Vec<&String> {
    fn path(path: &Path) -> Vec<&String> {
        match path.first() {
            Some(Step::Name(name)) => vec![name],
            _ => Vec::new(),
        }
    }
    fn operand(operand: &Operand) -> Vec<&String> {
        match operand {
            Operand::Path(found) | Operand::Size(found) => path(found),
            Operand::Value(_) => Vec::new(),
        }
    }
    match condition {
        Condition::Compare(_, left, right) | Condition::BeginsWith(left, right) | Condition::Contains(left, right) => {
            [operand(left), operand(right)].concat()
        }
        Condition::Between(subject, low, high) => [operand(subject), operand(low), operand(high)].concat(),
        Condition::In(subject, list) => std::iter::once(subject).chain(list).flat_map(operand).collect(),
        Condition::Exists(found) | Condition::NotExists(found) | Condition::HasType(found, _) => path(found),
        Condition::And(left, right) | Condition::Or(left, right) => [names_of(left), names_of(right)].concat(),
        Condition::Not(inner) => names_of(inner),
    }
}
