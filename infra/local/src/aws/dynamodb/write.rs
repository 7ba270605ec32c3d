//! PutItem and DeleteItem: a refusal leaves nothing behind.

use serde_json::{Value, json};

use super::condition::Condition;
use super::request::{Call, error};
use super::table::Table;
use super::value::{item_json, parse_item};
use crate::aws::wire::Stop;

pub(super) fn put_item(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&[
        "TableName",
        "Item",
        "ConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ReturnValuesOnConditionCheckFailure",
    ])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let item = parse_item(call.needed("Item")?)?;
    let key = table.key_of(&item)?;
    let condition = Condition::read(call.input, "ConditionExpression")?;
    let shows_old = call.is_set("ReturnValuesOnConditionCheckFailure", "ALL_OLD")?;
    let old = table.load(call.connection, key)?;
    if condition.is_some_and(|condition| !condition.holds(old.as_ref())) {
        let mut failure = error("ConditionalCheckFailedException", "The conditional request failed");
        if let Some(old) = old.filter(|_| shows_old) {
            failure.members.insert("Item".into(), item_json(&old));
        }
        return Err(failure.into());
    }
    table.replace(call.connection, key, old.as_ref(), Some(&item))?;
    Ok(json!({}))
}

pub(super) fn delete_item(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["TableName", "Key"])?;
    let table = Table::of(call.connection, call.needed("TableName")?)?;
    let key = table.key_in(call.needed("Key")?)?;
    let old = table.load(call.connection, &key)?;
    table.replace(call.connection, &key, old.as_ref(), None)?;
    Ok(json!({}))
}
