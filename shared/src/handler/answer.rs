//! What a caller gets: results, or the list of the records of a batch that are to be delivered again.

use std::collections::{BTreeMap, HashSet};

use aws_lambda_events::event::sqs::SqsBatchResponse;
use serde_json::{Value, json};

use crate::model::error::{Error, ErrorName};
use crate::replicate::outcome::{Outcome, ReplicationResult, Trouble};
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
        ErrorName::Paused => 3,
        ErrorName::NoPolicy => 4,
        ErrorName::Configuration => 5,
        ErrorName::Rejected => 6,
        ErrorName::InvalidCommand => 7,
    };
    let troubles = results.iter().map(|result| match &result.outcome {
        Outcome::Not(trouble) => Some((result, trouble)),
        _ => None,
    });
    let troubles: Option<Vec<(&ReplicationResult, &Trouble)>> = troubles.collect();
    let decides = |troubles: &Vec<(&ReplicationResult, &Trouble)>| {
        troubles.iter().enumerate().min_by_key(|(_, (_, trouble))| rank(trouble.error.name)).map(|(index, _)| index)
    };
    if let Some(mut troubles) = troubles
        && let Some(index) = decides(&troubles)
    {
        let (_, first) = troubles.remove(index);
        return Err(Error::new(first.error.name, format!("{}{}", first.error.message, others(&troubles))));
    }
    let mut answer = json!({});
    show(&mut answer, results.iter().flat_map(ReplicationResult::to_json));
    Ok(answer)
}

/// How many destinations an error names beside the one that it is about.
const OTHERS: usize = 20;

/// What was not accepted either, each with its code.
fn others(troubles: &[(&ReplicationResult, &Trouble)]) -> String {
    if troubles.is_empty() {
        return String::new();
    }
    let told = troubles.iter().take(OTHERS).map(|(result, trouble)| {
        let code = trouble.code.as_deref().unwrap_or(trouble.error.name.name());
        match &result.replication {
            Some(replication) => format!("to {}: {code}", replication.destination.region),
            None => code.to_owned(),
        }
    });
    let told: Vec<String> = told.collect();
    let rest = match troubles.len().saturating_sub(OTHERS) {
        0 => String::new(),
        more => format!(", and {more} more, which the log names"),
    };
    format!(" (not accepted either: {}{rest})", told.join(", "))
}

/// The results of one answer take up at most so many bytes. Lambda's own limit for an answer is 6 MB, but whoever calls may be a workflow,
/// whose limit is 256 KB, and nothing tells the two apart. Sources: AWS Lambda Developer Guide and AWS Step Functions Developer Guide,
/// quotas, 2026.
const LARGEST: usize = 200_000;

/// Puts results into an answer: all, or the first ones and the number of all in each state.
fn show(answer: &mut Value, results: impl Iterator<Item = Value>) {
    let (mut shown, mut bytes, mut count, mut is_full) = (Vec::new(), 0, 0_u64, false);
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    for result in results {
        let copies = result.get("copies").and_then(Value::as_u64).unwrap_or(1);
        count += copies;
        *states.entry(result["state"].as_str().unwrap_or_default().to_owned()).or_default() += copies;
        bytes += result.to_string().len() + 1;
        is_full |= bytes > LARGEST;
        if !is_full {
            shown.push(result);
        }
    }
    if is_full {
        answer["cut"] = json!({ "shown": shown.len(), "of": count, "states": states });
    }
    answer["results"] = json!(shown);
}

/// The answer to an SQS batch: which records are to be delivered again. What was given up is not.
///
/// # Errors
/// A record that failed has no ID, without which it cannot be handed back alone.
pub(crate) fn batch(
    records: &[EventRecord],
    results: &[(usize, ReplicationResult)],
    given_up: &HashSet<usize>,
    invocation_id: &str,
) -> Result<Value, Error> {
    let failed = |index: usize| {
        !given_up.contains(&index) && results.iter().any(|(of, result)| *of == index && !result.outcome.is_done())
    };
    let mut response = SqsBatchResponse::default();
    for (_, record) in records.iter().enumerate().filter(|(index, _)| failed(*index)) {
        let id = record.id.as_ref().ok_or_else(|| {
            let message =
                format!("event {invocation_id}: a record that failed has no messageId; the whole batch is handed back");
            Error::new(ErrorName::InvalidCommand, message)
        })?;
        response.add_failure(id);
    }
    let mut answer = json!(response);
    // The results of a dry run are for a person; Lambda ignores the field.
    let dry = results.iter().filter(|(_, result)| matches!(result.outcome, Outcome::Would { .. }));
    let mut would = dry.flat_map(|(_, result)| result.to_json()).peekable();
    if would.peek().is_some() {
        show(&mut answer, would);
    }
    Ok(answer)
}
