//! What a caller gets: results, or the list of the records of a batch that are to be delivered again.

use serde_json::{Value, json};

use crate::model::error::{Error, ErrorName};
use crate::replicate::outcome::{Outcome, ReplicationResult};
use crate::triggers::EventRecord;

/// The answer to a direct call.
///
/// # Errors
/// All results are failures. The error returned is the one that decides what the caller should do next. Doubt comes before all
/// others, because a call in doubt must not be repeated blindly.
pub(crate) fn results(results: &[ReplicationResult]) -> Result<Value, Error> {
    let rank = |name: ErrorName| match name {
        ErrorName::InDoubt => 0,
        ErrorName::Throttled => 1,
        ErrorName::Unavailable => 2,
        ErrorName::Configuration => 3,
        ErrorName::Rejected => 4,
        ErrorName::InvalidCommand => 5,
    };
    let errors = results.iter().map(|result| match &result.outcome {
        Outcome::Not(trouble) => Some(&trouble.error),
        _ => None,
    });
    let errors: Option<Vec<&Error>> = errors.collect();
    if let Some(errors) = errors.filter(|errors| !errors.is_empty()) {
        let first = errors.iter().min_by_key(|error| rank(error.name));
        if let Some(first) = first {
            let others = match errors.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more that were not accepted; the log names each)"),
            };
            return Err(Error::new(first.name, format!("{}{others}", first.message)));
        }
    }
    let results: Vec<Value> = results.iter().flat_map(ReplicationResult::to_json).collect();
    Ok(json!({ "results": results }))
}

/// The answer to an SQS batch: which records are to be delivered again.
///
/// # Errors
/// A record that failed has no ID, without which it cannot be handed back alone.
pub(crate) fn batch(
    records: &[EventRecord],
    results: &[(usize, ReplicationResult)],
    invocation_id: &str,
) -> Result<Value, Error> {
    let failed = |index: usize| results.iter().any(|(of, result)| *of == index && !result.outcome.is_done());
    let mut failures = Vec::new();
    for (_, record) in records.iter().enumerate().filter(|(index, _)| failed(*index)) {
        let id = record.id.as_ref().ok_or_else(|| {
            let message =
                format!("event {invocation_id}: a record that failed has no messageId; the whole batch is handed back");
            Error::new(ErrorName::InvalidCommand, message)
        })?;
        failures.push(json!({ "itemIdentifier": id }));
    }
    let mut answer = json!({ "batchItemFailures": failures });
    // The results of a dry run are for a person; Lambda ignores the field.
    let dry = results.iter().filter(|(_, result)| matches!(result.outcome, Outcome::Would { .. }));
    let would: Vec<Value> = dry.flat_map(|(_, result)| result.to_json()).collect();
    if !would.is_empty() {
        answer["results"] = json!(would);
    }
    Ok(answer)
}
