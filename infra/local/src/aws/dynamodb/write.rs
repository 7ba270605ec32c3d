//! PutItem, UpdateItem, DeleteItem and TransactWriteItems.
//!
//! Every one of them is planned first (condition, new item, answer) and applied after, in one
//! transaction of the file; so a refusal leaves nothing behind.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::evaluate::{holds, projected, updated};
use super::expression::{Condition, Path, Placeholders, Step, Update};
use super::table::{RowKey, Table};
use super::value::{Item, item_json, parse_item};
use super::{Call, allow, error, validation};
use crate::aws::{ServiceError, Stop, hex};

/// How long a transaction's token is remembered.
/// Source: Amazon DynamoDB API Reference, TransactWriteItems, 2026.
const TOKEN_WINDOW_MS: i64 = 10 * 60 * 1000;
/// Actions in a transaction.
const LARGEST_TRANSACTION: usize = 100;

const COMMON: [&str; 8] = [
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
    "ReturnConsumedCapacity",
    "ReturnItemCollectionMetrics",
];

pub(super) fn put_item(call: &Call<'_>) -> Result<Value, Stop> {
    single(call, Kind::Put, &["NONE", "ALL_OLD"])
}

pub(super) fn delete_item(call: &Call<'_>) -> Result<Value, Stop> {
    single(call, Kind::Delete, &["NONE", "ALL_OLD"])
}

pub(super) fn update_item(call: &Call<'_>) -> Result<Value, Stop> {
    single(call, Kind::Update, &["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
}

pub(super) fn transact_write_items(call: &Call<'_>) -> Result<Value, Stop> {
    allow(
        call.input,
        &["TransactItems", "ClientRequestToken", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"],
    )?;
    let items = call.input.get("TransactItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() || items.len() > LARGEST_TRANSACTION {
        return Err(validation(format!(
            "Member must have length less than or equal to {LARGEST_TRANSACTION} and greater than or equal to 1"
        ))
        .into());
    }
    let digest = hex(Sha256::digest(json!(items).to_string()));
    if let Some(token) = call.input.get("ClientRequestToken").and_then(Value::as_str)
        && seen_before(call, token, &digest)?
    {
        return Ok(json!({}));
    }
    let mut changes: Vec<Change> = Vec::new();
    for item in items {
        let member = item.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
        let (kind, input) = match member {
            Some((kind, Value::Object(input))) => (kind.as_str(), input),
            _ => {
                return Err(validation("TransactItems can only contain one of Check, Put, Update or Delete").into());
            }
        };
        let kind = match kind {
            "Put" => Kind::Put,
            "Update" => Kind::Update,
            "Delete" => Kind::Delete,
            "ConditionCheck" => Kind::Check,
            _ => {
                return Err(validation("TransactItems can only contain one of Check, Put, Update or Delete").into());
            }
        };
        let change = Change::of(call.connection, input, kind)?;
        if changes.iter().any(|other| other.table.name == change.table.name && other.row == change.row) {
            return Err(validation("Transaction request cannot include multiple operations on one item").into());
        }
        changes.push(change);
    }
    let mut plans = Vec::new();
    let mut reasons = Vec::new();
    for change in &changes {
        match change.plan(call.connection) {
            Ok(plan) => {
                plans.push(plan);
                reasons.push(json!({ "Code": "None" }));
            }
            Err(Stop::Service(failure)) if failure.kind.ends_with("#ConditionalCheckFailedException") => {
                let mut reason = json!({"Code": "ConditionalCheckFailed", "Message": failure.message});
                if let Some(item) = failure.members.get("Item") {
                    reason["Item"] = item.clone();
                }
                reasons.push(reason);
            }
            Err(other) => return Err(other),
        }
    }
    if plans.len() < changes.len() {
        let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let mut failure = error("TransactionCanceledException", message);
        failure.members.insert("CancellationReasons".into(), reasons.into());
        return Err(failure.into());
    }
    for (change, plan) in changes.iter().zip(&plans) {
        change.apply(call.connection, plan)?;
    }
    if let Some(token) = call.input.get("ClientRequestToken").and_then(Value::as_str) {
        call.connection.prepare_cached("INSERT OR REPLACE INTO dynamo_token VALUES (?1, ?2, ?3)")?.execute(params![
            token,
            digest,
            call.now.as_millisecond()
        ])?;
    }
    Ok(json!({}))
}

fn single(call: &Call<'_>, kind: Kind, returns: &[&str]) -> Result<Value, Stop> {
    let wanted = call.input.get("ReturnValues").and_then(Value::as_str).unwrap_or("NONE");
    if !returns.contains(&wanted) {
        return Err(validation(format!("Return values set to invalid value: {wanted}")).into());
    }
    let change = Change::of(call.connection, call.input, kind)?;
    let plan = change.plan(call.connection)?;
    let paths = change.updated_names();
    let shown = match wanted {
        "ALL_OLD" => plan.old.clone(),
        "ALL_NEW" => plan.new.clone(),
        "UPDATED_OLD" => plan.old.as_ref().map(|item| projected(item, &paths)).transpose()?,
        "UPDATED_NEW" => plan.new.as_ref().map(|item| projected(item, &paths)).transpose()?,
        _ => None,
    };
    change.apply(call.connection, &plan)?;
    Ok(match shown {
        Some(item) if !item.is_empty() => json!({ "Attributes": item_json(&item) }),
        _ => json!({}),
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Put,
    Update,
    Delete,
    Check,
}

/// One conditional change of one item.
struct Change {
    table: Table,
    row: RowKey,
    /// The key's attributes; for a put, the whole item.
    given: Item,
    kind: Kind,
    update: Update,
    condition: Option<Condition>,
    shows_old_on_failure: bool,
}

/// What a change will do.
struct Plan {
    old: Option<Item>,
    new: Option<Item>,
}

impl Change {
    fn of(connection: &Connection, input: &Map<String, Value>, kind: Kind) -> Result<Change, Stop> {
        let given = if kind == Kind::Put { "Item" } else { "Key" };
        let mut known = COMMON.to_vec();
        known.push(given);
        known.extend((kind == Kind::Update).then_some("UpdateExpression"));
        allow(input, &known)?;
        let table = Table::of(connection, input)?;
        let missing = || validation(format!("The parameter '{given}' is required but was not present in the request"));
        let given = parse_item(input.get(given).ok_or_else(missing)?)?;
        let row = if kind == Kind::Put { table.row_of(&given)? } else { table.row_of_key(&given)? };
        let placeholders = Placeholders::of(input)?;
        let update = placeholders.update(input)?.unwrap_or_default();
        let condition = placeholders.condition(input, "ConditionExpression")?;
        placeholders.all_used()?;
        if kind == Kind::Check && condition.is_none() {
            return Err(validation("The expression can not be empty;").into());
        }
        let touches_key =
            |path: &Path| matches!(path.first(), Some(Step::Name(name)) if table.key.names().any(|key| key == name));
        if let Some(Step::Name(name)) =
            update_paths(&update).find(|path| touches_key(path)).and_then(|path| path.first())
        {
            return Err(validation(format!("One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of the key")).into());
        }
        let shows_old_on_failure = match input.get("ReturnValuesOnConditionCheckFailure").and_then(Value::as_str) {
            None | Some("NONE") => false,
            Some("ALL_OLD") => true,
            Some(other) => {
                return Err(
                    validation(format!("ReturnValuesOnConditionCheckFailure set to invalid value: {other}")).into()
                );
            }
        };
        Ok(Change { table, row, given, kind, update, condition, shows_old_on_failure })
    }

    fn plan(&self, connection: &Connection) -> Result<Plan, Stop> {
        let old = self.table.load(connection, &self.row)?;
        let nothing = Item::new();
        if let Some(condition) = &self.condition
            && !holds(condition, old.as_ref().unwrap_or(&nothing))
        {
            let mut failure = error("ConditionalCheckFailedException", "The conditional request failed");
            if let Some(old) = old.filter(|_| self.shows_old_on_failure) {
                failure.members.insert("Item".into(), item_json(&old));
            }
            return Err(failure.into());
        }
        let new = match self.kind {
            Kind::Put => Some(self.given.clone()),
            Kind::Delete => None,
            Kind::Check => old.clone(),
            Kind::Update => Some(updated(&self.update, old.as_ref().unwrap_or(&self.given))?),
        };
        if let Some(new) = &new {
            self.table.check(new)?;
        }
        Ok(Plan { old, new })
    }

    fn apply(&self, connection: &Connection, plan: &Plan) -> Result<(), Stop> {
        if self.kind == Kind::Check {
            return Ok(());
        }
        self.table.replace(connection, &self.row, plan.old.as_ref(), plan.new.as_ref())
    }

    /// The attributes an update touches, whole.
    fn updated_names(&self) -> Vec<Path> {
        update_paths(&self.update).filter_map(|path| path.first().cloned()).map(|step| vec![step]).collect()
    }
}

fn update_paths(update: &Update) -> impl Iterator<Item = &Path> {
    update.set.iter().map(|(path, _)| path).chain(&update.remove)
}

fn seen_before(call: &Call<'_>, token: &str, digest: &str) -> Result<bool, Stop> {
    let since = call.now.as_millisecond() - TOKEN_WINDOW_MS;
    let known: Option<String> = call
        .connection
        .prepare_cached("SELECT digest FROM dynamo_token WHERE token = ?1 AND at > ?2")?
        .query_row(params![token, since], |row| row.get(0))
        .optional()?;
    match known {
        Some(known) if known != digest => {
            let message = "The request uses the same client token as a previous, but non-identical request.";
            let failure: ServiceError = error("IdempotentParameterMismatchException", message);
            Err(failure.into())
        }
        known => Ok(known.is_some()),
    }
}
