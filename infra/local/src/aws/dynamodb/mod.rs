//! The DynamoDB JSON protocol over the file: the operations the ledger uses, and no others.
//!
//! Source: Amazon DynamoDB API Reference (version 2012-08-10), 2026. Each write is one transaction
//! of the file, so it is atomic as the real one is; every read is consistent, which the real one
//! only is where asked. Members of a request that are not known are refused.

mod evaluate;
mod expression;
mod key_condition;
mod lexer;
mod number;
mod parser;
mod read;
mod reserved;
pub(crate) mod table;
mod value;
mod write;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::{Clock, ServiceError, Stop, internal, settle, unknown_operation};
use crate::home::database::Database;
use table::Table;

/// The emulated service.
pub(crate) struct DynamoDb {
    database: Database,
    clock: Clock,
}

/// One request under way.
struct Call<'a> {
    connection: &'a Connection,
    input: &'a Map<String, Value>,
    now: Timestamp,
}

type Operation = fn(&Call<'_>) -> Result<Value, Stop>;

impl DynamoDb {
    pub(crate) fn new(database: Database, clock: Clock) -> DynamoDb {
        DynamoDb { database, clock }
    }

    pub(crate) async fn run(&self, operation: &str, input: Map<String, Value>) -> Result<Value, ServiceError> {
        let writes: Option<Operation> = match operation {
            "PutItem" => Some(write::put_item),
            "UpdateItem" => Some(write::update_item),
            "DeleteItem" => Some(write::delete_item),
            "TransactWriteItems" => Some(write::transact_write_items),
            "CreateTable" => Some(create_table),
            _ => None,
        };
        let reads: Option<Operation> = match operation {
            "GetItem" => Some(read::get_item),
            "Query" => Some(read::query),
            "Scan" => Some(read::scan),
            "DescribeTable" => Some(describe_table),
            _ => None,
        };
        if let Some(unmet) = unmet_return(&input) {
            return Err(unmet);
        }
        let now = (self.clock)();
        let run = move |operation: Operation| {
            move |connection: &Connection| settle(operation(&Call { connection, input: &input, now }))
        };
        let result = match (writes, reads) {
            (Some(operation), _) => self.database.write(run(operation)).await,
            (None, Some(operation)) => self.database.read(run(operation)).await,
            (None, None) => return Err(unknown_operation()),
        };
        result.map_err(|error| internal(&error))?
    }
}

fn create_table(call: &Call<'_>) -> Result<Value, Stop> {
    allow(
        call.input,
        &[
            "TableName",
            "AttributeDefinitions",
            "KeySchema",
            "GlobalSecondaryIndexes",
            "BillingMode",
            "ProvisionedThroughput",
            "SSESpecification",
            "DeletionProtectionEnabled",
            "TableClass",
            "Tags",
        ],
    )?;
    let table = Table::parse(call.input, call.now.as_millisecond())?;
    if Table::find(call.connection, &table.name)?.is_some() {
        let message = format!("Table already exists: {}", table.name);
        return Err(error("ResourceInUseException", message).into());
    }
    table.create(call.connection)?;
    Ok(json!({ "TableDescription": table.description(0) }))
}

fn describe_table(call: &Call<'_>) -> Result<Value, Stop> {
    allow(call.input, &["TableName"])?;
    let table = Table::of(call.connection, call.input)?;
    let items = call
        .connection
        .prepare_cached("SELECT count(*) FROM dynamo_item WHERE tbl = ?1")?
        .query_row([&table.name], |row| row.get(0))?;
    Ok(json!({ "Table": table.description(items) }))
}

/// Refuses members this emulator does not know, rather than ignore what they ask for.
fn allow(input: &Map<String, Value>, names: &[&str]) -> Result<(), ServiceError> {
    match input.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(validation(format!("the parameter {name} is not emulated"))),
    }
}

/// Capacity and collection metrics are not kept, so only `NONE` can be asked for.
fn unmet_return(input: &Map<String, Value>) -> Option<ServiceError> {
    ["ReturnConsumedCapacity", "ReturnItemCollectionMetrics"].into_iter().find_map(|name| {
        let asked = input.get(name).is_some_and(|value| value != "NONE");
        asked.then(|| validation(format!("{name} other than NONE is not emulated")))
    })
}

fn object<'a>(input: &'a Map<String, Value>, member: &str) -> Result<Option<&'a Map<String, Value>>, ServiceError> {
    match input.get(member) {
        None => Ok(None),
        Some(Value::Object(members)) if !members.is_empty() => Ok(Some(members)),
        Some(_) => Err(validation(format!("{member} must not be empty"))),
    }
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "com.amazon.coral.validate#ValidationException", message)
}

fn error(name: &str, message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, &format!("com.amazonaws.dynamodb.v20120810#{name}"), message)
}
