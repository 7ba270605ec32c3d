//! Giving up what can never be done: a wrong command would come back for an hour and end among the dead letters all the same.

use std::collections::HashSet;

use serde_json::Value;

use crate::context::Context;
use crate::model::error::{Error, ErrorName};
use crate::ports::DeadLetter;
use crate::replicate::outcome::{Outcome, ReplicationResult};
use crate::triggers::EventRecord;

/// The records of a batch that lie among the dead letters now, by their index. What could not be put there is delivered again.
pub(crate) async fn given_up(
    ctx: &Context,
    payload: &Value,
    records: &[EventRecord],
    results: &[(usize, ReplicationResult)],
) -> HashSet<usize> {
    let Some(queue) = &ctx.ports.work_queue else { return HashSet::new() };
    let body = |index| payload.get("Records").unwrap_or(payload).get(index)?.get("body")?.as_str().map(str::to_owned);
    let (at, letters): (Vec<usize>, Vec<DeadLetter>) = records
        .iter()
        .enumerate()
        .filter_map(|(index, record)| {
            let error = for_ever(results.iter().filter(|(of, _)| *of == index).map(|(_, result)| &result.outcome))?;
            Some((index, DeadLetter { id: record.id.clone()?, body: body(index)?, error: error.clone() }))
        })
        .unzip();
    if letters.is_empty() {
        return HashSet::new();
    }
    let sent = queue.give_up(&letters).await;
    at.into_iter().zip(&sent).filter(|(_, sent)| sent.is_ok()).map(|(index, _)| index).collect()
}

/// The error that keeps a record from ever being done; `None` if a delivery may help one of its parts, or nothing is wrong.
fn for_ever<'r>(outcomes: impl Iterator<Item = &'r Outcome>) -> Option<&'r Error> {
    let mut found = None;
    for outcome in outcomes.filter(|outcome| !outcome.is_done()) {
        match outcome {
            Outcome::Not(trouble) if trouble.error.name == ErrorName::InvalidCommand => {
                found = found.or(Some(&trouble.error));
            }
            _ => return None,
        }
    }
    found
}
