//! The front door: one event in, one answer out.

pub(crate) mod answer;
mod dead_letters;

use std::sync::Mutex;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::admit::tasks::{self, Admission, Task};
use crate::admit::{commands, hints};
use crate::context::credentials::held;
use crate::context::{Context, Invocation};
use crate::model::error::{Error, ErrorName};
use crate::model::order;
use crate::model::text::one_line;
use crate::policy::{Policy, Rule};
use crate::ports::Boxed;
use crate::replicate::outcome::{NoteState, Outcome, ReplicationResult, invalid, unless_panic};
use crate::replicate::together::{Seat, Table};
use crate::replicate::{self, dry_run, log_result, outbox};
use crate::report::remember;
use crate::triggers::hint::Hint;
use crate::triggers::{self, Answer, EventRecord, Item};
use crate::{observe, sweep, tail};

/// Handles one event.
///
/// # Errors
/// The event has no known form, or it is a direct call or a single action and all of it failed.
pub async fn handle(ctx: &Context, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
    let answer = handle_event(ctx, payload, invocation).await;
    ctx.memory.metrics.flush(ctx.now());
    answer
}

async fn handle_event(ctx: &Context, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
    let event = triggers::read(payload).map_err(|error| invalid(&error, &invocation.id))?;
    if let Some(action) = event.only_action() {
        return Ok(act(ctx, action, invocation).await?.answer);
    }
    let id_of = |record: &EventRecord| record.id.clone().unwrap_or_else(|| invocation.id.clone());
    // Each record runs by itself: a hint needs a read before its work begins, and no other record waits for that.
    let at_once = ctx.settings.concurrency;
    let within = (at_once / event.records.len().max(1)).max(1);
    let records: Vec<&EventRecord> = event.records.iter().collect();
    let table = Table::new(ctx, invocation.stop());
    let run = |record| -> Boxed<'_, Vec<ReplicationResult>> {
        let (table, mut seat) = (&table, Some(table.sit()));
        Box::pin(async move {
            let tasks = tasks_of(ctx, record, &id_of(record), &mut seat, invocation).await;
            // Its first task takes its seat, so that none is free before all have theirs.
            let seat = Mutex::new(seat);
            let work = |task| -> Boxed<'_, ReplicationResult> {
                let seat = held(&seat).take().unwrap_or_else(|| table.sit());
                Box::pin(take(ctx, task, seat, invocation))
            };
            in_order(tasks, within, work).await
        })
    };
    let done: Vec<Vec<ReplicationResult>> = in_order(records, at_once, run).await;
    let numbered = done.into_iter().enumerate();
    let mut results: Vec<(usize, ReplicationResult)> =
        numbered.flat_map(|(index, results)| results.into_iter().map(move |result| (index, result))).collect();
    // A sweep takes all the time there is, so it comes last.
    for (index, action) in event.actions() {
        results.push((index, acted(ctx, action, invocation).await));
    }
    for (index, (at, result)) in results.iter().enumerate() {
        // A record of a thousand wrong items says so ten times and not a thousand times.
        let before = results.get(index.saturating_sub(WRONG_TOLD)).is_some_and(|(before, _)| before == at);
        if index < WRONG_TOLD || !before || result.replication.is_some() {
            log_result(&event.records.get(*at).map_or_else(|| invocation.id.clone(), id_of), result);
        }
    }
    match event.answer {
        Answer::Results => answer::results(&results.into_iter().map(|(_, result)| result).collect::<Vec<_>>()),
        Answer::Batch => {
            let given_up = dead_letters::given_up(ctx, payload, &event.records, &results).await;
            answer::batch(&event.records, &results, &given_up, &invocation.id)
        }
    }
}

/// So many items of one record that cannot be read are logged.
const WRONG_TOLD: usize = 10;

/// Works on all items, at most so many at once, and gives the results in the order of the items. The work on an item is made when its
/// turn comes: it takes some kilobytes, and an event may hold many items.
async fn in_order<'w, T, R>(items: Vec<T>, at_once: usize, work: impl Fn(T) -> Boxed<'w, R>) -> Vec<R> {
    let mut items = items.into_iter().enumerate();
    let (mut running, mut done) = (FuturesUnordered::new(), Vec::new());
    loop {
        while running.len() < at_once.max(1)
            && let Some((index, item)) = items.next()
        {
            let work = work(item);
            running.push(async move { (index, work.await) });
        }
        match running.next().await {
            Some(one) => done.push(one),
            None => break,
        }
    }
    order::by_key(&mut done, |(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What an `observe` or `sweep` action came to.
struct Done {
    answer: Value,
    /// Why the action has to be repeated; absent if all of it is done.
    failure: Option<String>,
}

/// Does an `observe` or `sweep` action.
async fn act(ctx: &Context, action: &Value, invocation: &Invocation) -> Result<Done, Error> {
    let is_sweep = action.get("action").and_then(Value::as_str) == Some("sweep");
    if ctx.settings.read_only && !is_sweep {
        let message = format!("event {}: action: observe records what it sees, so it has no dry run", invocation.id);
        return Err(Error::new(ErrorName::InvalidCommand, message));
    }
    if let Some(depth) = action.get("depth").filter(|depth| is_sweep && !depth.is_null()) {
        if depth.as_str() != Some("recent") {
            let message = format!(
                "event {}: depth: must be recent, a look at what is new; leave it out for a full sweep",
                invocation.id
            );
            return Err(Error::new(ErrorName::InvalidCommand, message));
        }
        return looked(ctx, action, invocation).await;
    }
    if is_sweep {
        let swept = match sweep::run(ctx, action, invocation).await {
            Err(error) if error.name == ErrorName::NoPolicy => {
                return without_policy(&error, drain(ctx, invocation).await?);
            }
            swept => swept?,
        };
        remember::remember(ctx, &swept.ended(), invocation).await;
        return Ok(Done { answer: json!(swept), failure: swept.first_failure() });
    }
    let answer = if action.get("source").is_none() {
        observe::due(ctx, invocation).await?
    } else {
        observe::command(ctx, action, invocation).await?
    };
    Ok(Done { answer, failure: None })
}

/// The answer to a schedule where there is no policy yet. It is no failure, which repeating would mend and dead letters would fill with: the
/// alarms say that nobody knows what is protected.
fn without_policy(error: &Error, mut answer: Value) -> Result<Done, Error> {
    tracing::warn!("{error}");
    answer["no_policy"] = json!(error.message);
    Ok(Done { answer, failure: None })
}

/// Looks at what is new. Where there is more than a look reads, a full sweep follows at once.
async fn looked(ctx: &Context, action: &Value, invocation: &Invocation) -> Result<Done, Error> {
    let mut answer = match tail::run(ctx, action, invocation).await {
        Err(error) if error.name == ErrorName::NoPolicy => return without_policy(&error, json!({ "looked": [] })),
        answer => answer?,
    };
    // An event that names no backup may be about a copy that has arrived.
    if tail::is_nudged(action) && answer.has_looked() {
        answer.observed = observe::due(ctx, invocation).await?.get("observed").cloned();
    }
    if answer.needs_sweep() {
        let swept = sweep::run(ctx, &json!({}), invocation).await?;
        remember::remember(ctx, &swept.ended(), invocation).await;
        answer.swept = Some(json!(swept));
    }
    // What a provider does not answer is told, and the next look asks again: repeating this one at once would help nobody.
    Ok(Done { answer: json!(answer), failure: None })
}

/// The rules whose sources a hint may be about; what the backup must be like is not asked yet. Empty too if this process does not serve the cloud.
pub fn rules_named<'p>(ctx: &Context, hint: &Hint, policy: &'p Policy) -> Vec<&'p Rule> {
    ctx.provider(hint.cloud).map(|provider| hints::rules_for(ctx, hint, policy, provider)).unwrap_or_default()
}

/// Sends to the queue what earlier invocations left in the outbox, and nothing else.
///
/// # Errors
/// The ledger cannot be read.
pub async fn drain(ctx: &Context, invocation: &Invocation) -> Result<Value, Error> {
    Ok(json!({ "outbox": outbox::drain(ctx, invocation).await? }))
}

/// Does an action that came among other records. The result says whether its record is done or to be delivered again.
async fn acted(ctx: &Context, action: &Value, invocation: &Invocation) -> ReplicationResult {
    let outcome = match act(ctx, action, invocation).await {
        Ok(Done { answer, failure: None }) => {
            Outcome::Noted { state: NoteState::Done, reason: one_line(&answer.to_string()) }
        }
        Ok(Done { failure: Some(reason), .. }) => Outcome::not_started(Error::new(ErrorName::Unavailable, reason)),
        Err(error) => Outcome::not_started(error),
    };
    ReplicationResult { replication: None, outcome }
}

/// What a record asks for, as tasks to work on. Where a hint is followed, the seat is given up: nobody else waits for it.
async fn tasks_of(
    ctx: &Context,
    record: &EventRecord,
    id: &str,
    seat: &mut Option<Seat<'_>>,
    invocation: &Invocation,
) -> Vec<Admission> {
    let mut found = Vec::new();
    for item in &record.items {
        match item {
            Ok(Item::Command(command)) => match commands::divide(ctx, command, id, seat, invocation).await {
                Ok(commands) => found.extend(commands.iter().flat_map(|command| tasks::of(ctx, command, id))),
                Err(outcome) => found.push(Err(outcome)),
            },
            Ok(Item::Hint(hint)) => {
                *seat = None;
                found.extend(hints::follow(ctx, hint, id, invocation).await);
            }
            Ok(Item::Ignored(reason)) => {
                found.push(Err(Outcome::Noted { state: NoteState::Ignored, reason: reason.clone() }));
            }
            Ok(Item::Action(_)) => {}
            Err(error) => found.push(Err(Outcome::invalid(error, id))),
        }
    }
    found
}

/// Works on one task. A panic fails this task only.
async fn take(ctx: &Context, task: Admission, seat: Seat<'_>, invocation: &Invocation) -> ReplicationResult {
    let Task { provider, replication, dry_run } = match task {
        Ok(task) => task,
        Err(outcome) => return ReplicationResult { replication: None, outcome },
    };
    let outcome = if dry_run || ctx.settings.read_only {
        drop(seat);
        unless_panic(&replication, dry_run::preview(ctx, provider, &replication, invocation)).await
    } else {
        replicate::run_seated(ctx, provider, &replication, seat, invocation).await
    };
    ReplicationResult { replication: Some(replication), outcome }
}
