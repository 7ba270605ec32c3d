//! The outbox: receipts leave the ledger for the queue, and the record is marked only after the queue took them.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;

use super::messages;
use crate::context::silence::May;
use crate::context::{Context, Invocation};
use crate::ledger::store::{LedgerError, RecordFilter, RecordPage};
use crate::ledger::{self, Record};
use crate::model::command::{Key, Replication};
use crate::model::error::{Error, ErrorName};
use crate::model::receipt::Message;
use crate::ports::Boxed;

/// Records of the outbox that are read and sent together.
const PAGE: u32 = 100;

/// How many records left the outbox, and how many did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Drained {
    /// Records whose receipts are on the queue now.
    drained: u64,
    /// Records whose receipts still wait, as far as there was time to count them.
    left: u64,
    /// Those of them that the queue has refused so often that they wait for hours: up to 20 keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parked: Vec<String>,
}

impl Drained {
    fn count(&mut self, taken: bool) {
        if taken {
            self.drained += 1;
        } else {
            self.left += 1;
        }
    }

    fn park(&mut self, record: &Record) {
        self.left += 1;
        if self.parked.len() < NAMED {
            self.parked.push(record.key.clone());
        }
    }
}

/// So many parked records are named.
const NAMED: usize = 20;

/// A record in the outbox, with its replication.
pub(crate) struct Parcel {
    pub(crate) replication: Replication,
    pub(crate) record: Record,
}

/// Sends to the queue what earlier invocations left in the outbox.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn drain(ctx: &Context, invocation: &Invocation) -> Result<Drained, Error> {
    let (mut outbox, mut after) = (Drained::default(), None);
    // The record of a vault-wide call leaves the outbox after those of its copies.
    let (mut vaults, mut unsent) = (Vec::new(), HashSet::new());
    let mut refused = Vec::new();
    let unreadable = |error: LedgerError| {
        Error::new(ErrorName::Unavailable, format!("the outbox was not drained: {error}; it can be repeated"))
    };
    loop {
        let page = page(ctx, after.as_ref()).await.map_err(unreadable)?;
        for error in &page.unreadable {
            tracing::error!(%error, "a record in the outbox cannot be read");
            outbox.left += 1;
        }
        after = page.next;
        let mut parcels = Vec::new();
        for record in page.records {
            if record.parked_until.is_some_and(|until| until > ctx.now()) {
                outbox.park(&record);
                unsent.extend(record.started_by.clone());
                continue;
            }
            match record.replication() {
                Ok(replication) if record.copies.is_some() => vaults.push(Parcel { replication, record }),
                Ok(replication) => parcels.push(Parcel { replication, record }),
                Err(error) => {
                    tracing::error!(key = record.key, %error, "a record in the outbox cannot be read");
                    outbox.left += 1;
                }
            }
        }
        let taken = deliver_all(ctx, &parcels, invocation).await;
        for (parcel, taken) in parcels.into_iter().zip(taken) {
            outbox.count(taken);
            if !taken {
                unsent.extend(parcel.record.started_by.clone());
                refused.push(parcel.record);
            }
        }
        // What is not even counted in time is left for the next one, like what is.
        if after.is_none() || ctx.now() >= invocation.stop() {
            break;
        }
    }
    // A queue that took nothing is out of order, and says nothing of any one receipt.
    if outbox.drained > 0 {
        for record in refused.iter().take(PARKED_AT_ONCE) {
            if ctx.now() >= invocation.stop() {
                break;
            }
            set_aside(ctx, record).await;
        }
    }
    for Parcel { replication, record } in vaults {
        let can = ctx.now() < invocation.stop() && !unsent.contains(&record.key);
        outbox.count(can && emit(ctx, &replication, &record, invocation).await && mark(ctx, &record).await);
    }
    Ok(outbox)
}

/// So many receipts that the queue has not taken are looked at in one go. The others come up again.
const PARKED_AT_ONCE: usize = 100;

/// Takes note that the queue took others and not what this record holds.
async fn set_aside(ctx: &Context, record: &Record) {
    let (next, expect) = ledger::not_taken(record, ctx.now());
    if let Some(until) = next.parked_until {
        let (key, times) = (&record.key, next.unsent);
        tracing::error!(
            key,
            times,
            %until,
            "the queue takes other receipts and not this one, so it is parked: `offsite ledger show` has what it says"
        );
    }
    if let Err(error) = ctx.ports.ledger.put(&next, &expect).await {
        tracing::warn!(key = record.key, %error, "that the queue has refused it is not recorded");
    }
}

async fn page(ctx: &Context, after: Option<&Key>) -> Result<RecordPage, LedgerError> {
    let filter = RecordFilter { outbox: true, ..RecordFilter::default() };
    ctx.ports.ledger.list(&filter, after, PAGE).await
}

/// Emits what a record holds for the queue, and marks the record. True if the queue has it all, for a vault-wide call that of all its copies.
pub(crate) async fn deliver(
    ctx: &Context,
    replication: &Replication,
    record: &Record,
    invocation: &Invocation,
) -> bool {
    if record.copies.is_some() {
        return deliver_vault(ctx, replication, record, invocation).await;
    }
    emit(ctx, replication, record, invocation).await && mark(ctx, record).await
}

/// Emits what the outbox holds of the copies of a vault-wide call, then what its own record holds. True if the queue has it all.
pub(crate) async fn deliver_vault(
    ctx: &Context,
    replication: &Replication,
    record: &Record,
    invocation: &Invocation,
) -> bool {
    let mut after = None;
    loop {
        if ctx.now() >= invocation.stop() {
            return false;
        }
        let page = match page(ctx, after.as_ref()).await {
            Ok(page) if page.unreadable.is_empty() => page,
            _ => return false,
        };
        let own = page.records.into_iter().filter(|one| one.started_by.as_ref() == Some(&record.key));
        let parcel = |record: Record| record.replication().ok().map(|replication| Parcel { replication, record });
        let Some(parcels) = own.map(parcel).collect::<Option<Vec<Parcel>>>() else { return false };
        if !deliver_all(ctx, &parcels, invocation).await.into_iter().all(|taken| taken) {
            return false;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    emit(ctx, replication, record, invocation).await && mark(ctx, record).await
}

/// Emits what these records hold for the queue, all in one, and marks those of which it has everything, several at a time. Says of each
/// whether it is marked. Once time is over nothing is begun.
pub(crate) async fn deliver_all(ctx: &Context, parcels: &[Parcel], invocation: &Invocation) -> Vec<bool> {
    if ctx.now() >= invocation.stop() {
        return vec![false; parcels.len()];
    }
    let of = |parcel: &Parcel| messages_of(ctx, &parcel.replication, &parcel.record);
    let messages: Vec<Vec<Message>> = parcels.iter().map(of).collect();
    let counts: Vec<usize> = messages.iter().map(Vec::len).collect();
    let outcomes = send(ctx, &messages.into_iter().flatten().collect::<Vec<_>>(), invocation).await;
    let mut at = 0;
    let marks = parcels.iter().zip(counts).map(|(parcel, count)| -> Boxed<'_, bool> {
        let all = outcomes.get(at..at + count).is_some_and(|outcomes| outcomes.iter().all(|taken| *taken));
        at += count;
        // What is not marked in time is sent again, under the same ID.
        Box::pin(async move { all && ctx.now() < invocation.last_moment() && mark(ctx, &parcel.record).await })
    });
    stream::iter(marks.collect::<Vec<_>>()).buffered(ctx.settings.concurrency.max(1)).collect().await
}

/// Marks a record of which the queue has everything. If that cannot be written the messages are sent again later, under the same IDs.
pub(crate) async fn mark(ctx: &Context, record: &Record) -> bool {
    let (next, expect) = ledger::emitted(record);
    if let Err(error) = ctx.ports.ledger.put(&next, &expect).await {
        tracing::warn!(key = record.key, %error, "emitted, but not marked so");
    }
    true
}

/// Emits what a record holds for the queue. True if the queue has it all.
pub(crate) async fn emit(ctx: &Context, replication: &Replication, record: &Record, invocation: &Invocation) -> bool {
    let messages = messages_of(ctx, replication, record);
    send(ctx, &messages, invocation).await.into_iter().all(|taken| taken)
}

fn messages_of(ctx: &Context, replication: &Replication, record: &Record) -> Vec<Message> {
    let origin = ctx.origin(replication.operation.cloud(), &replication.account);
    let mut messages = Vec::new();
    if record.outbox || record.news.is_empty() {
        messages.extend(messages::acceptances(replication, record, &origin));
    }
    messages.extend(record.news.iter().map(|news| messages::changed(replication, record, news, &origin)));
    messages
}

/// Puts messages on the queue, and says of each whether the queue has it.
async fn send(ctx: &Context, messages: &[Message], invocation: &Invocation) -> Vec<bool> {
    if messages.is_empty() {
        return Vec::new();
    }
    // A queue that does not answer is waited for by one at a time: what is to be copied does not need it.
    let _turn = match ctx.memory.silence.may_ask(None, || ctx.now()) {
        May::Ask => None,
        May::Try(turn) => Some(turn),
        May::Not => return vec![false; messages.len()],
    };
    let outcomes = ctx.ports.emitter.emit(messages, invocation.last_moment()).await;
    match outcomes.iter().any(Result::is_ok) {
        true => ctx.memory.silence.answered(None),
        false => ctx.memory.silence.failed(None, ctx.now()),
    }
    for (message, outcome) in messages.iter().zip(&outcomes) {
        if let Err(error) = outcome {
            tracing::error!(event = %message.event, %error, "the queue has not taken this receipt; it stays in the outbox");
        }
    }
    outcomes.iter().map(Result::is_ok).collect()
}
