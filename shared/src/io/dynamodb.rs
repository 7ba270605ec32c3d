//! The ledger on DynamoDB: one item per replication, written conditionally on version and owner.
//!
//! Table: hash key `pk`. Indexes, with the hash key of their own name: `state`, `outbox` and `rule` (range `pk`) and `due` (range
//! `look_at`). All but `state` are sparse. They hold keys alone, and what they name is read from the table.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::aws::{Aws, AwsEndpoint};
use super::aws_error::AwsError;
use crate::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
use crate::ledger::{Record, State};
use crate::model::access::{CredentialName, Pause};
use crate::model::command::Key;
use crate::model::error::Error;
use crate::ports::{Boxed, Ledger, Notes};
use crate::settings::environment::Environment;

/// How long a call is repeated before the ledger counts as unreachable.
const TIMEOUT: Duration = Duration::from_secs(5);

/// So many items one call can read. Source: Amazon DynamoDB API Reference, BatchGetItem, 2026.
const BATCH: usize = 100;

/// So often DynamoDB is asked for what it has left of a batch, the first time after this long and then twice as long each time.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A ledger in one DynamoDB table, which also holds the pauses and notes.
pub struct DynamoLedger {
    aws: Arc<Aws>,
    endpoint: AwsEndpoint,
    table: String,
}

/// The table's definition, as CreateTable takes it.
pub(crate) fn table_definition(name: &str) -> Value {
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let index = |name: &str, range: &str| {
        let schema = [key(name, "HASH"), key(range, "RANGE")];
        json!({ "IndexName": name, "KeySchema": schema, "Projection": { "ProjectionType": "KEYS_ONLY" } })
    };
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk"), attribute("state"), attribute("outbox"), attribute("due"), attribute("look_at"), attribute("rule")],
        "KeySchema": [key("pk", "HASH")],
        "GlobalSecondaryIndexes": [index("state", "pk"), index("outbox", "pk"), index("due", "look_at"), index("rule", "pk")],
    })
}

impl DynamoLedger {
    /// The ledger in the table that `OFFSITE_TABLE` names, at the endpoint that `AWS_ENDPOINT_URL_DYNAMODB` names, or else the default one.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_environment(environment: &Environment, aws: Arc<Aws>, table: &str) -> Result<DynamoLedger, Error> {
        let endpoint = aws.endpoint(environment, "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb")?;
        let variable = "OFFSITE_TABLE";
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match table.strip_prefix("arn:") {
            Some(rest) if rest.contains(":table/") && !table.contains(char::is_whitespace) => {
                aws.check_region(variable, table, &endpoint, "name a table of this region")?;
            }
            None if !table.is_empty() && table.chars().all(known) => {}
            _ => {
                return Err(Error::configuration(format!(
                    "{variable} must be the name or the ARN of a table of DynamoDB, such as offsite-ledger"
                )));
            }
        }
        Ok(DynamoLedger { aws, endpoint, table: table.to_owned() })
    }

    /// Creates the table, for a local home or a test; on AWS the template does it.
    ///
    /// # Errors
    /// DynamoDB refused it or did not answer.
    pub async fn create_table(&self) -> Result<(), LedgerError> {
        self.call("CreateTable", table_definition(&self.table)).await.map(|_| ()).map_err(|error| failed(&error))
    }

    /// Whether DynamoDB refuses to delete the table.
    ///
    /// # Errors
    /// DynamoDB refused to say so, or did not answer.
    pub async fn is_protected(&self) -> Result<bool, LedgerError> {
        let answer = self.call("DescribeTable", json!({})).await.map_err(|error| failed(&error))?;
        Ok(answer.pointer("/Table/DeletionProtectionEnabled").and_then(Value::as_bool).unwrap_or(false))
    }

    async fn call(&self, operation: &str, mut body: Value) -> Result<Value, AwsError> {
        body["TableName"] = json!(self.table);
        self.send(operation, &body).await
    }

    async fn send(&self, operation: &str, body: &Value) -> Result<Value, AwsError> {
        let target = format!("DynamoDB_20120810.{operation}");
        self.aws.call(&self.endpoint, "dynamodb", "1.0", &target, body, TIMEOUT).await
    }

    async fn put_item(&self, record: &Record, expect: &Expect) -> Result<Put, LedgerError> {
        let mut body = json!({ "Item": item(record)?, "ReturnValuesOnConditionCheckFailure": "ALL_OLD" });
        match expect {
            Expect::Absent => {
                body["ConditionExpression"] = json!("attribute_not_exists(#pk)");
                body["ExpressionAttributeNames"] = json!({ "#pk": "pk" });
            }
            Expect::Was { version, owner } => {
                body["ConditionExpression"] = json!("#version = :version AND #owner = :owner");
                body["ExpressionAttributeNames"] = json!({ "#version": "version", "#owner": "owner" });
                body["ExpressionAttributeValues"] =
                    json!({ ":version": { "N": version.to_string() }, ":owner": { "S": owner } });
            }
        }
        match self.call("PutItem", body).await {
            Ok(_) => Ok(Put::Stored),
            Err(error) if error.code == "ConditionalCheckFailedException" => match error.body.get("Item") {
                Some(item) => Ok(Put::Conflict(Some(Box::new(record_of(item)?)))),
                None => Ok(Put::Conflict(None)),
            },
            Err(error) => Err(failed(&error)),
        }
    }

    async fn get_item(&self, key: &str) -> Result<Option<Value>, LedgerError> {
        let body = json!({ "Key": { "pk": { "S": key } }, "ConsistentRead": true });
        let answer = self.call("GetItem", body).await.map_err(|error| failed(&error))?;
        Ok(answer.get("Item").filter(|item| !item.is_null()).cloned())
    }

    async fn page(&self, filter: &RecordFilter, after: Option<&Key>, limit: u32) -> Result<RecordPage, LedgerError> {
        // The index that serves the filter, and the value of its hash key. What is due is also bounded by the range key.
        let index = match (filter.outbox, filter.due, &filter.state) {
            (true, _, _) => Some(("outbox", "1")),
            (false, Some(_), _) => Some(("due", "1")),
            (false, None, Some(state)) => Some(("state", state.as_str())),
            (false, None, None) => filter.rule.as_deref().map(|rule| ("rule", rule)),
        };
        let mut body = json!({ "Limit": limit });
        if let Some(cursor) = after {
            body["ExclusiveStartKey"] = start_key(cursor, index);
        }
        let operation = match index {
            Some((name, value)) => {
                body["IndexName"] = json!(name);
                body["KeyConditionExpression"] = json!("#hash = :hash");
                body["ExpressionAttributeNames"] = json!({ "#hash": name });
                body["ExpressionAttributeValues"] = json!({ ":hash": { "S": value } });
                if let (Some(due), "due") = (filter.due, name) {
                    body["KeyConditionExpression"] = json!("#hash = :hash AND #at <= :at");
                    body["ExpressionAttributeNames"]["#at"] = json!("look_at");
                    body["ExpressionAttributeValues"][":at"] = json!({ "S": sortable(due) });
                }
                if let (Some(prefix), "state") = (&filter.prefix, name) {
                    body["KeyConditionExpression"] = json!("#hash = :hash AND begins_with(#pk, :prefix)");
                    body["ExpressionAttributeNames"]["#pk"] = json!("pk");
                    body["ExpressionAttributeValues"][":prefix"] = json!({ "S": prefix });
                }
                "Query"
            }
            None => "Scan",
        };
        let answer = self.call(operation, body).await.map_err(|error| failed(&error))?;
        let next = answer.get("LastEvaluatedKey").and_then(cursor_of);
        let listed = answer.get("Items").and_then(Value::as_array).cloned().unwrap_or_default();
        // An index is behind its table, and it names keys alone: what is true of them is in the table.
        let items = if index.is_some() { self.items_of(&listed).await? } else { listed };
        let mut page = RecordPage { next, ..RecordPage::default() };
        for item in items {
            // Pauses and notes share the table.
            if item.get("format").is_none() {
                continue;
            }
            let record = record_of(&item);
            if record.as_ref().map_or(true, |record| filter.takes(record)) {
                page.add(record);
            }
        }
        Ok(page)
    }

    /// The items that an index lists, read consistently and in its order. One that is not there any more is left out.
    async fn items_of(&self, listed: &[Value]) -> Result<Vec<Value>, LedgerError> {
        let keys: Vec<&str> = listed.iter().filter_map(key_of).collect();
        let batches = future::try_join_all(keys.chunks(BATCH).map(|keys| self.batch(keys))).await?;
        let read = batches.into_iter().flatten().filter_map(|item| Some((key_of(&item)?.to_owned(), item)));
        let mut items: HashMap<String, Value> = read.collect();
        Ok(keys.into_iter().filter_map(|key| items.remove(key)).collect())
    }

    /// The items of at most [`BATCH`] keys. What DynamoDB leaves undone, since it is throttled or too large, is asked for again.
    async fn batch(&self, keys: &[&str]) -> Result<Vec<Value>, LedgerError> {
        let keys: Vec<Value> = keys.iter().map(|key| json!({ "pk": { "S": key } })).collect();
        let (mut wanted, mut items, mut wait) = (json!(keys), Vec::new(), FIRST_WAIT);
        for _ in 0..TRIES {
            let asked = json!({ self.table.as_str(): { "Keys": wanted, "ConsistentRead": true } });
            let answer = self.send("BatchGetItem", &json!({ "RequestItems": asked })).await;
            let answer = answer.map_err(|error| failed(&error))?;
            // There is one table. Whether it is named as it was asked for matters to nobody.
            let of_table = |member: &str| answer.get(member)?.as_object()?.values().next().cloned();
            items.extend(of_table("Responses").as_ref().and_then(Value::as_array).cloned().unwrap_or_default());
            let left = of_table("UnprocessedKeys").and_then(|left| left.get("Keys").cloned());
            match left.filter(|keys| keys.as_array().is_none_or(|keys| !keys.is_empty())) {
                Some(left) => wanted = left,
                None => return Ok(items),
            }
            self.aws.wait(wait).await;
            wait *= 2;
        }
        Err(LedgerError::Unavailable(format!(
            "DynamoDB: BatchGetItem left items of a page unread {TRIES} times; it can be repeated"
        )))
    }

    /// Counts the records in a state through the index `state`. DynamoDB reads the keys, up to 1 MiB a page, and sends none of them.
    async fn count_of(&self, state: State) -> Result<u64, LedgerError> {
        let mut body = json!({
            "IndexName": "state",
            "Select": "COUNT",
            "KeyConditionExpression": "#hash = :hash",
            "ExpressionAttributeNames": { "#hash": "state" },
            "ExpressionAttributeValues": { ":hash": { "S": state.name() } },
        });
        let mut sum = 0;
        loop {
            let answer = self.call("Query", body.clone()).await.map_err(|error| failed(&error))?;
            let count = answer.get("Count").and_then(Value::as_u64);
            sum += count.ok_or_else(|| LedgerError::Unavailable("DynamoDB: the answer holds no count".to_owned()))?;
            match answer.get("LastEvaluatedKey").filter(|last| !last.is_null()) {
                Some(last) => body["ExclusiveStartKey"] = last.clone(),
                None => return Ok(sum),
            }
        }
    }
}

impl Ledger for DynamoLedger {
    fn get<'a>(&'a self, key: &'a Key) -> Boxed<'a, Result<Option<Record>, LedgerError>> {
        Box::pin(async move { self.get_item(&key.0).await?.as_ref().map(record_of).transpose() })
    }

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(self.put_item(record, expect))
    }

    fn list<'a>(
        &'a self,
        filter: &'a RecordFilter,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<RecordPage, LedgerError>> {
        Box::pin(self.page(filter, after, limit))
    }

    fn count(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, LedgerError>> {
        Box::pin(async move {
            let counts = future::try_join_all(State::ALL.map(|state| self.count_of(state))).await?;
            let states = State::ALL.into_iter().map(|state| state.name().to_owned()).zip(counts);
            Ok(states.filter(|(_, count)| *count > 0).collect())
        })
    }

    fn pause_of<'a>(&'a self, credential: &'a CredentialName) -> Boxed<'a, Result<Option<Pause>, LedgerError>> {
        Box::pin(async move {
            let Some(item) = self.get_item(&pause_key(credential)).await? else { return Ok(None) };
            let text = |name: &str| {
                item.get(name).and_then(|value| value.get("S")).and_then(Value::as_str).unwrap_or_default()
            };
            Ok(text("until").parse().ok().map(|until| Pause { until, reason: text("reason").to_owned() }))
        })
    }

    fn pause<'a>(&'a self, credential: &'a CredentialName, pause: &'a Pause) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let item = json!({
                "pk": { "S": pause_key(credential) },
                "until": { "S": pause.until.to_string() },
                "reason": { "S": pause.reason },
            });
            self.call("PutItem", json!({ "Item": item })).await.map(|_| ()).map_err(|error| failed(&error))
        })
    }
}

impl Notes for DynamoLedger {
    fn note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        Box::pin(async move {
            let Some(item) = self.get_item(&note_key(name)).await? else { return Ok(None) };
            let text = |path: &str| item.pointer(path).and_then(Value::as_str);
            let read = || Some(Note { version: text("/version/N")?.parse().ok()?, text: text("/text/S")?.to_owned() });
            let corrupt = || LedgerError::Corrupt { key: note_key(name), reason: "it is no note".into() };
            Ok(Some(read().ok_or_else(corrupt)?))
        })
    }

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            let item = json!({
                "pk": { "S": note_key(name) },
                "version": { "N": (was + 1).to_string() },
                "text": { "S": text },
            });
            let mut body = json!({ "Item": item });
            if was == 0 {
                body["ConditionExpression"] = json!("attribute_not_exists(#pk)");
                body["ExpressionAttributeNames"] = json!({ "#pk": "pk" });
            } else {
                body["ConditionExpression"] = json!("#version = :version");
                body["ExpressionAttributeNames"] = json!({ "#version": "version" });
                body["ExpressionAttributeValues"] = json!({ ":version": { "N": was.to_string() } });
            }
            match self.call("PutItem", body).await {
                Ok(_) => Ok(true),
                Err(error) if error.code == "ConditionalCheckFailedException" => Ok(false),
                Err(error) => Err(failed(&error)),
            }
        })
    }

    fn drop_note<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let body = json!({ "Key": { "pk": { "S": note_key(name) } } });
            self.call("DeleteItem", body).await.map(|_| ()).map_err(|error| failed(&error))
        })
    }
}

fn note_key(name: &str) -> String {
    format!("note#{name}")
}

fn pause_key(credential: &CredentialName) -> String {
    format!("pause#{}", credential.0)
}

/// A time as text, such that the texts sort as the times do.
fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Where a page ended, as a cursor: the key, and in the index `due` the time of the next look before the key.
fn cursor_of(last: &Value) -> Option<Key> {
    let text = |name: &str| last.get(name).and_then(|value| value.get("S")).and_then(Value::as_str);
    let key = text("pk")?;
    Some(Key(text("look_at").map_or(key.to_owned(), |at| format!("{at} {key}"))))
}

fn key_of(item: &Value) -> Option<&str> {
    item.pointer("/pk/S").and_then(Value::as_str)
}

fn start_key(cursor: &Key, index: Option<(&str, &str)>) -> Value {
    let (at, key) = cursor.0.split_once(' ').map_or((None, cursor.0.as_str()), |(at, key)| (Some(at), key));
    let mut start = json!({ "pk": { "S": key } });
    if let Some((name, value)) = index {
        start[name] = json!({ "S": value });
    }
    if let Some(at) = at {
        start["look_at"] = json!({ "S": at });
    }
    start
}

fn item(record: &Record) -> Result<Value, LedgerError> {
    let mut item = Map::new();
    item.insert("pk".into(), json!({ "S": record.key }));
    item.insert("format".into(), json!({ "N": record.format.to_string() }));
    item.insert("version".into(), json!({ "N": record.version.to_string() }));
    item.insert("owner".into(), json!({ "S": record.owner }));
    item.insert("state".into(), json!({ "S": record.state.name() }));
    item.insert("record".into(), json!({ "S": record.to_text()? }));
    if record.in_outbox() {
        item.insert("outbox".into(), json!({ "S": "1" }));
    }
    if let Some(rule) = record.rule().filter(|_| record.is_open()) {
        item.insert("rule".into(), json!({ "S": rule }));
    }
    if let Some(at) = record.look_at {
        item.insert("due".into(), json!({ "S": "1" }));
        item.insert("look_at".into(), json!({ "S": sortable(at) }));
    }
    Ok(Value::Object(item))
}

fn record_of(item: &Value) -> Result<Record, LedgerError> {
    let text = item.pointer("/record/S").and_then(Value::as_str).unwrap_or_default();
    Record::from_text(key_of(item).unwrap_or_default(), text)
}

fn failed(error: &AwsError) -> LedgerError {
    let told = format!("DynamoDB: {error}");
    if error.is_transient { LedgerError::Unavailable(told) } else { LedgerError::Refused(told) }
}
