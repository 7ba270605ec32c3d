//! The outbox: receipts leave the ledger for the queue, and the record is marked only after the queue took them.

use serde::Serialize;

use super::messages;
use super::update;
use crate::context::silence::May;
use crate::context::{Context, Invocation};
use crate::ledger::store::{Expect, LedgerError, RecordFilter};
use crate::ledger::{self, Claimant, Ending, Record};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::receipt::Receipt;

/// How many records left the outbox, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Drained {
    /// Records whose receipts are on the queue now.
    drained: u64,
    /// Records whose receipts still wait.
    left: u64,
}

/// Sends to the queue what earlier invocations left in the outbox.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn drain(ctx: &Context, invocation: &Invocation) -> Result<Drained, Error> {
    let filter = RecordFilter { outbox: true, ..RecordFilter::default() };
    let (mut outbox, mut after) = (Drained::default(), None);
    let unreadable = |error: LedgerError| {
        Error::new(ErrorName::Unavailable, format!("the outbox was not drained: {error}; it can be repeated"))
    };
    loop {
        let page = ctx.ports.ledger.list(&filter, after.as_ref(), 100).await.map_err(unreadable)?;
        for error in &page.unreadable {
            tracing::error!(%error, "a record in the outbox cannot be read");
            outbox.left += 1;
        }
        for record in &page.records {
            let delivered = match record.replication() {
                Ok(replication) if ctx.now() < invocation.stop() => {
                    deliver(ctx, &replication, record, invocation).await
                }
                Ok(_) => false,
                Err(error) => {
                    tracing::error!(key = record.key, %error, "a record in the outbox cannot be read");
                    false
                }
            };
            if delivered {
                outbox.drained += 1;
            } else {
                outbox.left += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(outbox);
        }
    }
}

/// Writes the own records of a vault's backups, emits the receipts and marks the record. True if each backup has its record and
/// the queue has the receipts.
pub(crate) async fn deliver(
    ctx: &Context,
    replication: &Replication,
    record: &Record,
    invocation: &Invocation,
) -> bool {
    // Done once, while the acceptance is still in the outbox.
    let mut opened = true;
    for receipt in record.receipts.iter().filter(|receipt| record.outbox && receipt.backup_id.is_some()) {
        opened &= open_backup(ctx, replication, receipt, record, invocation).await;
    }
    // A backup without a record of its own would never be observed, so the vault's record stays in the outbox until each has one.
    if !emit(ctx, replication, record, invocation).await || !opened {
        return false;
    }
    let (next, expect) = ledger::emitted(record);
    match ctx.ports.ledger.put(&next, &expect).await {
        Ok(_) => {}
        // The receipts are on the queue; sending them again under the same event IDs is harmless.
        Err(error) => tracing::warn!(key = record.key, %error, "emitted, but not marked so"),
    }
    true
}

pub(crate) async fn emit(ctx: &Context, replication: &Replication, record: &Record, invocation: &Invocation) -> bool {
    let origin = ctx.origin(replication.operation.cloud(), &replication.account);
    let mut messages = Vec::new();
    if record.outbox || record.news.is_empty() {
        messages.extend(record.receipts.iter().map(|receipt| messages::accepted(replication, receipt, &origin)));
    }
    messages.extend(record.news.iter().map(|news| messages::changed(replication, record, news, &origin)));
    // A queue that does not answer is waited for by one at a time: what is to be copied does not need it.
    let _turn = match ctx.memory.silence.may_ask(None, || ctx.now()) {
        May::Ask => None,
        May::Try(turn) => Some(turn),
        May::Not => return false,
    };
    let outcomes = ctx.ports.emitter.emit(&messages, invocation.last_moment()).await;
    match outcomes.iter().any(Result::is_ok) || outcomes.is_empty() {
        true => ctx.memory.silence.answered(None),
        false => ctx.memory.silence.failed(None, ctx.now()),
    }
    for (message, outcome) in messages.iter().zip(&outcomes) {
        if let Err(error) = outcome {
            tracing::error!(event = %message.event, %error, "the queue has not taken this receipt; it stays in the outbox");
        }
    }
    outcomes.iter().all(Result::is_ok)
}

/// Writes the own record of one backup of a vault-wide call. True if that record exists afterwards.
async fn open_backup(
    ctx: &Context,
    replication: &Replication,
    receipt: &Receipt,
    vault: &Record,
    invocation: &Invocation,
) -> bool {
    let Some(backup_id) = &receipt.backup_id else { return true };
    let backup = replication.of_backup(backup_id);
    let me = Claimant { owner: vault.owner.clone(), lease_until: invocation.deadline, now: ctx.now() };
    let receipt = Receipt { backup_id: None, attempt: 1, ..receipt.clone() };
    let accepted = Ending::Accepted(vec![receipt.clone()]);
    let open = |found: Option<&Record>| -> Result<(Record, Expect), ()> {
        match found {
            None => Ok((Record::accepted(&backup, receipt.clone(), &me), Expect::Absent)),
            Some(found) => {
                let (mut next, expect) = ledger::settle(found, &accepted, &me, &ctx.settings.attempts).ok_or(())?;
                // The vault's record carries the receipt to the queue, under the same event ID.
                next.outbox = found.outbox;
                Ok((next, expect))
            }
        }
    };
    match update(&*ctx.ports.ledger, None, open).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(backup_id, %error, "the backup's own record could not be written; the vault's record stays in the outbox until it is");
            false
        }
    }
}
