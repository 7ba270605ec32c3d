//! The DynamoDB JSON protocol over the file: the operations the ledger uses, and no others.
//!
//! Source: Amazon DynamoDB API Reference (version 2012-08-10), 2026. Each write is one transaction of the file, so it is atomic as
//! the real one is; every read is consistent, which the real one only is where asked. What is not emulated is refused by name.

mod condition;
mod read;
mod request;
mod table;
mod value;
mod write;

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::clock::Clock;
use super::wire::{ServiceError, Stop, internal, settle, unknown_operation};
use crate::home::database::Database;
use request::{Call, error};
use table::Table;

/// The emulated service.
pub(super) struct DynamoDb {
    database: Database,
    clock: Clock,
}

type Operation = fn(&Call<'_>) -> Result<Value, Stop>;

impl DynamoDb {
    pub(super) fn new(database: Database, clock: Clock) -> DynamoDb {
        DynamoDb { database, clock }
    }

    pub(super) async fn run(&self, operation: &str, input: Map<String, Value>) -> Result<Value, ServiceError> {
        let (run, writes): (Operation, bool) = match operation {
            "PutItem" => (write::put_item, true),
            "DeleteItem" => (write::delete_item, true),
            "CreateTable" => (create_table, true),
            "GetItem" => (read::get_item, false),
            "BatchGetItem" => (read::batch_get_item, false),
            "Query" => (read::query, false),
            "Scan" => (read::scan, false),
            _ => return Err(unknown_operation()),
        };
        let now = (self.clock)();
        let run = move |connection: &Connection| settle(run(&Call { connection, input: &input, now }));
        let result = if writes { self.database.write(run).await } else { self.database.read(run).await };
        result.map_err(|error| internal(&error))?
    }
}

fn create_table(call: &Call<'_>) -> Result<Value, Stop> {
    call.allow(&["TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"])?;
    let table = Table::parse(call.input)?;
    if Table::find(call.connection, &table.name)?.is_some() {
        return Err(error("ResourceInUseException", format!("Table already exists: {}", table.name)).into());
    }
    table.create(call.connection, call.now.as_millisecond())?;
    Ok(json!({ "TableDescription": table.description() }))
}
