//! The action `observe`: look at accepted copies in the destination, record the evidence, tell the queue what changed.

pub mod arrivals;
mod together;

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::context::{Context, Invocation};
use crate::exchange::credential::NotReady;
use crate::exchange::{self, Target, credential};
use crate::ledger::observed::{is_awaited, is_done, observed};
use crate::ledger::store::{LedgerError, RecordFilter};
use crate::ledger::{Claimant, Record, State};
use crate::model::command::{Cloud, Command, Key, Replication};
use crate::model::error::{Error, ErrorName};
use crate::model::evidence::Observation;
use crate::model::failure::{Disposition, Failure};
use crate::model::time::later;
use crate::ports::Boxed;
use crate::replicate::outcome::invalid;
use crate::replicate::{Written, outbox, update};
use arrivals::{Arrivals, Arrived};
use together::ask_together;

/// Records per page: enough that one question can ask for many copies.
const PAGE: u32 = 500;

/// One record after the destination was asked for its copy.
struct Looked {
    before: State,
    record: Record,
    /// Why the destination could not be asked; absent if it answered.
    unanswered: Option<String>,
    /// Whether that is because its place does not answer at all.
    silent: bool,
    /// The copy, if it was seen now for the first time.
    arrived: Option<Arrived>,
}

impl Looked {
    fn unchanged(record: Record, unanswered: Option<String>) -> Looked {
        Looked { before: record.state, record, unanswered, silent: false, arrived: None }
    }
}

/// Counts of one run over all records that are due.
#[derive(Default)]
struct Sums {
    looked: u64,
    replicated: u64,
    failed: u64,
    lost: u64,
    unanswered: u64,
    not_looked: u64,
    unreadable: u64,
}

impl Sums {
    fn add(&mut self, one: &Looked) {
        let became = |state| u64::from(one.before != one.record.state && one.record.state == state);
        self.looked += 1;
        self.unanswered += u64::from(one.unanswered.is_some());
        self.replicated += became(State::Replicated);
        self.failed += became(State::Failed);
        self.lost += became(State::Lost);
    }

    fn to_json(&self) -> Value {
        json!({ "observed": {
            "looked": self.looked, "replicated": self.replicated, "failed": self.failed, "lost": self.lost,
            "unanswered": self.unanswered, "not_looked": self.not_looked, "unreadable": self.unreadable,
        } })
    }
}

/// Observes the replications that a command names, whether they are due or not.
///
/// # Errors
/// The command is wrong, a replication of it was never started, or the ledger cannot be read.
pub(crate) async fn command(ctx: &Context, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
    let mut wish = payload.clone();
    wish["action"] = json!("replicate");
    let mut command = Command::from_json(&wish).map_err(|error| invalid(&error, &invocation.id))?;
    if let Some(provider) = ctx.provider(command.operation.cloud()) {
        command = provider.complete(&command, &ctx.settings.defaults);
    }
    let (mut results, mut arrivals) = (Vec::new(), Arrivals::default());
    for replication in command.replications() {
        let record = ctx.ports.ledger.get(&replication.key()).await.map_err(|error| unreadable(&error))?;
        let record = record.ok_or_else(|| {
            Error::new(
                ErrorName::InvalidCommand,
                format!("{} was never started: there is nothing to observe", replication.describe()),
            )
        })?;
        let looked = observe_one(ctx, &replication, record, None, Gone::LeftToSweep, invocation).await;
        let mut looked = looked.map_err(|error| unreadable(&error))?;
        arrivals.add(ctx, looked.arrived.take().into_iter().collect());
        results.push(result_of(ctx, &replication, &looked));
    }
    arrivals.write(ctx).await;
    Ok(json!({ "done": results.iter().all(|one| one["done"] == json!(true)), "results": results }))
}

/// Observes all replications that are due.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn due(ctx: &Context, invocation: &Invocation) -> Result<Value, Error> {
    let filter = RecordFilter { due: Some(ctx.now()), ..RecordFilter::default() };
    let (mut sums, mut arrivals) = (Sums::default(), Arrivals::default());
    let mut after: Option<Key> = None;
    // Destinations that do not answer are not asked again in this run.
    let mut silent = HashSet::new();
    loop {
        let page = ctx.ports.ledger.list(&filter, after.as_ref(), PAGE).await.map_err(|error| unreadable(&error))?;
        for error in &page.unreadable {
            tracing::error!(%error, "a record that is due cannot be read");
            sums.unreadable += 1;
        }
        let mut records = Vec::with_capacity(page.records.len());
        for record in page.records {
            match record.replication() {
                Ok(replication) if silent.contains(&place_of(&replication)) => sums.not_looked += 1,
                Ok(replication) => records.push((replication, record)),
                Err(error) => {
                    tracing::error!(key = record.key, %error, "a record that is due cannot be read");
                    sums.unreadable += 1;
                }
            }
        }
        let told = ask_together(ctx, &records, patience(ctx, invocation)).await;
        let places: Vec<_> = records.iter().map(|(replication, _)| place_of(replication)).collect();
        let looks = records.into_iter().zip(told).map(|((replication, record), told)| -> Boxed<'_, Option<Looked>> {
            Box::pin(async move {
                if ctx.is_over(invocation) {
                    return None;
                }
                observe_one(ctx, &replication, record, told, Gone::LeftToSweep, invocation).await.ok()
            })
        });
        let results: Vec<Option<Looked>> =
            stream::iter(looks.collect::<Vec<_>>()).buffered(ctx.settings.concurrency).collect().await;
        let mut arrived = Vec::new();
        for (place, result) in places.into_iter().zip(results) {
            let Some(one) = result else {
                sums.not_looked += 1;
                continue;
            };
            if one.silent {
                silent.insert(place);
            }
            sums.add(&one);
            arrived.extend(one.arrived);
        }
        arrivals.add(ctx, arrived);
        after = page.next;
        if after.is_none() || ctx.is_over(invocation) {
            break;
        }
    }
    arrivals.write(ctx).await;
    Ok(sums.to_json())
}

/// Where a copy is looked for.
fn place_of(replication: &Replication) -> (Cloud, String) {
    (replication.operation.cloud(), replication.destination.region.clone())
}

/// When a look ends: a place that does not answer is waited for no longer than for one answer.
fn patience(ctx: &Context, invocation: &Invocation) -> Timestamp {
    later(ctx.now(), ctx.settings.timeout).min(invocation.stop())
}

/// Asks the destination for one copy by its own ID, for a listing that does not show it. Here "it is gone" counts: the caller knows that
/// the rule covers its source. Returns the record afterwards, and why the destination could not be asked.
///
/// # Errors
/// The ledger cannot be read or written.
pub(crate) async fn confirm(
    ctx: &Context,
    replication: &Replication,
    record: Record,
    invocation: &Invocation,
) -> Result<(Record, Option<String>), LedgerError> {
    let looked = observe_one(ctx, replication, record, None, Gone::Counts, invocation).await?;
    Ok((looked.record, looked.unanswered))
}

/// What it means that the destination does not have a copy that was seen there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// The copy is lost.
    Counts,
    /// For a rule's copy the next sweep decides: whether it is lost or has ended depends on its source.
    LeftToSweep,
}

/// Asks the destination for the copy of `record` unless `told` is the answer already, records what it said, and tells the queue. A
/// record without an awaited copy is returned as it is.
async fn observe_one(
    ctx: &Context,
    replication: &Replication,
    record: Record,
    told: Option<Observation>,
    gone: Gone,
    invocation: &Invocation,
) -> Result<Looked, LedgerError> {
    let mut before = record.state;
    if !is_awaited(&record) {
        return Ok(Looked::unchanged(record, None));
    }
    let Some(provider) = ctx.provider(replication.operation.cloud()) else {
        return Ok(Looked::unchanged(record, None));
    };
    let target = Target::of(provider, replication);
    let observation = match told {
        Some(told) => told,
        None => {
            match credential::ready(ctx, target, replication.source.realm()).await {
                Ok(_) => {}
                Err(NotReady::Unknown(error)) => return Err(error),
                Err(_) => {
                    let why = "the credential is missing or paused".to_owned();
                    return Ok(Looked::unchanged(record, Some(why)));
                }
            }
            ask(ctx, target, replication, &record, invocation).await
        }
    };
    let observation = match observation {
        Observation::Gone(_)
            if gone == Gone::LeftToSweep && record.state == State::Replicated && replication.rule.is_some() =>
        {
            let why = "the destination does not show the copy any more; the next sweep says what that means";
            Observation::Unanswered(Failure::local(Disposition::Retryable, "gone", why, ""))
        }
        other => other,
    };
    let (unanswered, silent) = match &observation {
        Observation::Unanswered(failure) => (Some(failure.to_string()), exchange::is_silence(failure)),
        _ => (None, false),
    };
    if let Some(reason) = &unanswered {
        tracing::warn!(key = record.key, %reason, "the destination could not be asked");
    }
    let asked = (record.receipts.last().cloned(), record.attempt);
    let mut was = before;
    let observe = |found: Option<&Record>| {
        let found = found.ok_or(())?;
        // The answer is about the copy that was asked for. If the record has another copy by now, the next look asks for that.
        if (found.receipts.last(), found.attempt) != (asked.0.as_ref(), asked.1) {
            before = found.state;
            return Err(());
        }
        was = found.state;
        let now = ctx.now();
        let me = Claimant { owner: found.owner.clone(), lease_until: now, now };
        observed(found, &observation, &me, &ctx.settings.observation, ctx.settings.attempts.backoff).ok_or(())
    };
    let mut arrived = None;
    let current = match update(&*ctx.ports.ledger, Some(record.clone()), observe).await? {
        Written::Stored(next) => {
            if next.state != before {
                tracing::info!(
                    key = next.key,
                    replication = replication.describe(),
                    state = next.state.name(),
                    "observed"
                );
            }
            arrived = Arrived::of(replication, was, &next);
            *next
        }
        Written::Left((), found) => found.map_or(record, |found| *found),
    };
    if current.in_outbox() {
        outbox::deliver(ctx, replication, &current, invocation).await;
    }
    Ok(Looked { before, record: current, unanswered, silent, arrived })
}

async fn ask(
    ctx: &Context,
    target: Target<'_>,
    replication: &Replication,
    record: &Record,
    invocation: &Invocation,
) -> Observation {
    let Some(receipt) = record.receipts.last() else { return Observation::Awaited("no receipt".into()) };
    let known = record.evidence.as_ref();
    let says = target.provider.observe(replication, receipt, known);
    match exchange::converse(ctx, target, patience(ctx, invocation), says).await {
        Ok(observation) => observation,
        Err(failure) => {
            if failure.disposition == Disposition::Authentication {
                credential::pause(ctx, target, replication.source.realm(), &failure).await;
            }
            Observation::Unanswered(failure)
        }
    }
}

fn result_of(ctx: &Context, replication: &Replication, looked: &Looked) -> Value {
    let record = &looked.record;
    let wait = record.look_at.map(|at| at.duration_since(ctx.now()).as_secs().max(1));
    let mut told = json!({
        "done": is_done(record.state),
        "state": record.state.name(),
        "next_check_after_s": wait,
        "source": replication.source_json(),
        "destination": replication.destination.to_json(),
        "replication_id": record.receipts.last().and_then(|receipt| receipt.replication_id.clone()),
    });
    if let Some(evidence) = &record.evidence {
        told["evidence"] = json!(evidence);
    }
    if let Some(reason) = &looked.unanswered {
        told["unanswered"] = json!(reason);
    } else if record.state != State::Accepted
        && let Some(note) = record.last().and_then(|entry| entry.note.as_deref())
    {
        told["reason"] = json!(note);
    }
    told
}

fn unreadable(error: &LedgerError) -> Error {
    Error::new(ErrorName::Unavailable, format!("nothing was observed: {error}; it can be repeated"))
}
