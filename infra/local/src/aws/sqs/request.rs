//! Reading a request: its members, its queue, the entries of a batch, and the batch's answer.

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::{QueueRow, error, find_queue, malformed, no_such_queue};
use crate::aws::{ServiceError, Stop};

/// Entries in a batch.
const LARGEST_BATCH: usize = 10;

/// An entry of a batch, with its id.
pub(super) type Entry<'a> = (&'a str, &'a Map<String, Value>);

/// One request under way.
pub(super) struct Call<'a> {
    pub(super) connection: &'a Connection,
    pub(super) input: &'a Map<String, Value>,
    pub(super) endpoint: &'a str,
    pub(super) now: Timestamp,
    /// Entries of a batch that are scripted to fail.
    pub(super) failing: &'a [usize],
}

impl<'a> Call<'a> {
    /// Refuses members this emulator does not know, rather than ignore what they ask for.
    pub(super) fn allow(&self, names: &[&str]) -> Result<(), ServiceError> {
        match self.input.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(error("UnsupportedOperation", format!("the parameter {name} is not emulated"))),
        }
    }

    pub(super) fn queue(&self) -> Result<QueueRow, Stop> {
        let url = self.required("QueueUrl")?;
        let name = url.rsplit('/').next().unwrap_or_default();
        Ok(find_queue(self.connection, name)?.ok_or_else(no_such_queue)?)
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a str, ServiceError> {
        required(self.input, name)
    }

    pub(super) fn names(&self, name: &str) -> Result<Vec<&'a str>, ServiceError> {
        let Some(value) = self.input.get(name) else {
            return Ok(Vec::new());
        };
        let list = value.as_array().ok_or_else(malformed)?;
        list.iter().map(|value| value.as_str().ok_or_else(malformed)).collect()
    }

    /// The entries of a batch with their ids, once the batch as a whole is in order.
    pub(super) fn entries(&self, kind: &str) -> Result<Vec<Entry<'a>>, ServiceError> {
        let list = self.input.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            let message = format!("There should be at least one {kind} in the request.");
            return Err(error("EmptyBatchRequest", message));
        }
        if list.len() > LARGEST_BATCH {
            let message = format!("Maximum number of entries per request are 10. You have sent {}.", list.len());
            return Err(error("TooManyEntriesInBatchRequest", message));
        }
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for entry in list {
            let entry = entry.as_object().ok_or_else(malformed)?;
            let id = required(entry, "Id")?;
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if id.is_empty() || id.len() > 80 || !id.bytes().all(legal) {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
                return Err(error("InvalidBatchEntryId", message));
            }
            if entries.iter().any(|(other, _)| *other == id) {
                return Err(error("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
            }
            entries.push((id, entry));
        }
        Ok(entries)
    }
}

/// Builds a batch's answer from each entry's own.
pub(super) fn batch_answer(results: Vec<(&str, Result<Value, Stop>)>) -> Result<Value, Stop> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in results {
        match result {
            Ok(mut value) => {
                value["Id"] = id.into();
                successful.push(value);
            }
            Err(Stop::Service(error)) => {
                let code = error.kind.rsplit('#').next().unwrap_or_default();
                failed.push(json!({
                    "Id": id, "SenderFault": error.status < 500, "Code": code, "Message": error.message,
                }));
            }
            Err(Stop::Sql(error)) => return Err(Stop::Sql(error)),
        }
    }
    let mut answer = json!({ "Successful": successful });
    if !failed.is_empty() {
        answer["Failed"] = failed.into();
    }
    Ok(answer)
}

pub(super) fn required<'a>(input: &'a Map<String, Value>, name: &str) -> Result<&'a str, ServiceError> {
    match input.get(name) {
        Some(value) => value.as_str().ok_or_else(malformed),
        None => Err(error("MissingParameter", format!("The request must contain the parameter {name}."))),
    }
}

pub(super) fn integer(
    input: &Map<String, Value>,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, ServiceError> {
    let Some(value) = input.get(name) else {
        return Ok(None);
    };
    let number = value.as_i64().ok_or_else(malformed)?;
    if range.contains(&number) {
        return Ok(Some(number));
    }
    let (from, to) = range.into_inner();
    let message = format!(
        "Value {number} for parameter {name} is invalid. Reason: Must be between {from} and {to}, if provided."
    );
    Err(error("InvalidParameterValue", message))
}
