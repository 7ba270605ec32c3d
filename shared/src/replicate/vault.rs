//! The acceptance of a vault-wide call, which can name thousands of copies. Each copy gets the record of its own backup first, with its
//! receipt in the outbox; then the vault's record says how many there are. A list of them would not fit into one item of the ledger.
//!
//! **Invariant:** the vault's record is accepted only when every copy has a record. **Invariant:** what has no record when time ends is
//! found again by reading back, and those that were written are not written again.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::outbox::{self, Parcel};
use super::outcome::{Outcome, in_doubt};
use super::update::{Written, patiently, update};
use crate::context::{Context, Invocation};
use crate::ledger::store::Expect;
use crate::ledger::{self, Claimant, Copies, Ending, PARTLY_RECORDED, Record};
use crate::model::command::Replication;
use crate::model::order;
use crate::model::receipt::Receipt;
use crate::model::text::hash_of;

/// The time that is kept free for the vault's own record, once its backups' are written or time has ended.
const LAST_WRITE: SignedDuration = SignedDuration::from_millis(1_000);

/// So many receipts are sent together.
const TOGETHER: usize = 100;

/// What became of the record of one backup.
enum Own {
    /// It was written as new, and can be made again from its receipt.
    New,
    /// It existed, and is this now.
    Is(Box<Record>),
}

/// Whether these receipts are those of a vault-wide call.
pub(super) fn is_of_vault(receipts: &[Receipt]) -> bool {
    receipts.iter().any(|receipt| receipt.backup_id.is_some())
}

/// Records the acceptance of a vault-wide call, tells the queue of each copy, and says what became of it.
pub(super) async fn settle(
    ctx: &Context,
    replication: &Replication,
    claimed: &Record,
    receipts: Vec<Receipt>,
    me: &Claimant,
    invocation: &Invocation,
) -> Outcome {
    let receipts = in_order(receipts);
    let skipped = known(claimed, &receipts);
    let until = invocation.deadline.checked_sub(LAST_WRITE).unwrap_or(invocation.deadline);
    let rest = receipts.get(skipped..).unwrap_or_default();
    let own = write(ctx, replication, rest, me, until).await;
    let recorded = skipped + own.len();
    let copies = Copies {
        count: receipts.len() as u64,
        recorded: recorded as u64,
        digest: digest(receipts.get(..recorded).unwrap_or_default()),
    };
    let all = copies.are_recorded();
    let adopted = receipts.iter().any(|receipt| receipt.adopted);
    let request_id = receipts.first().and_then(|receipt| receipt.request_id.clone());
    let ended = |found: &Record| ledger::copied(found, &copies, adopted, request_id.as_deref(), me);
    let settled = super::settle(ctx, claimed, invocation, ended).await;
    let sent = send(ctx, replication, rest, own, me, invocation).await;
    if !all {
        let note = format!(
            "{recorded} of {} copies have records; the others are recorded after the next look",
            receipts.len()
        );
        return Outcome::Not(in_doubt(replication, PARTLY_RECORDED, &note, request_id));
    }
    let attempt = claimed.attempt;
    // Copies that were recorded before may wait in the outbox since then.
    let queued = match settled {
        Some(record) if record.in_outbox() && sent && skipped == 0 => outbox::mark(ctx, &record).await,
        Some(record) if record.in_outbox() && sent => {
            outbox::deliver_vault(ctx, replication, &record, invocation).await
        }
        Some(record) => !record.in_outbox(),
        // Its record is still claimed, and only another delivery settles it.
        None => false,
    };
    Outcome::Accepted { copies: receipts.len() as u64, receipts, attempt, queued, replayed: false }
}

/// The receipts in the order of their backups' IDs, each backup once.
fn in_order(mut receipts: Vec<Receipt>) -> Vec<Receipt> {
    order::by(&mut receipts, |one, other| one.backup_id.cmp(&other.backup_id));
    receipts.dedup_by(|one, other| one.backup_id == other.backup_id);
    receipts
}

/// How many of these receipts, from the first one on, the record knows to have records of their own.
fn known(record: &Record, receipts: &[Receipt]) -> usize {
    let Some(copies) = &record.copies else { return 0 };
    let recorded = usize::try_from(copies.recorded).unwrap_or(usize::MAX);
    receipts.get(..recorded).filter(|first| digest(first) == copies.digest).map_or(0, <[Receipt]>::len)
}

fn digest(receipts: &[Receipt]) -> String {
    let ids =
        |receipt: &Receipt| [receipt.backup_id.clone(), receipt.replication_id.clone()].map(Option::unwrap_or_default);
    let ids: Vec<String> = receipts.iter().flat_map(ids).collect();
    hash_of(&ids.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Writes the records of these copies, several at a time, until time ends or one cannot be written. What is returned is what was written,
/// from the first one on without a gap.
async fn write(ctx: &Context, vault: &Replication, receipts: &[Receipt], me: &Claimant, until: Timestamp) -> Vec<Own> {
    let key = vault.key().0;
    let stopped = AtomicBool::new(false);
    let (key, stopped) = (&key, &stopped);
    let one = |receipt: &Receipt| {
        let receipt = receipt.clone();
        async move {
            if stopped.load(Ordering::Relaxed) || ctx.now() >= until {
                return None;
            }
            let own = write_one(ctx, vault, key, &receipt, me, until).await;
            if own.is_none() {
                stopped.store(true, Ordering::Relaxed);
            }
            own
        }
    };
    let mut writes = stream::iter(receipts.iter().map(one)).buffered(ctx.settings.concurrency.max(1));
    let mut written = Vec::with_capacity(receipts.len());
    while let Some(Some(own)) = writes.next().await {
        written.push(own);
    }
    written
}

async fn write_one(
    ctx: &Context,
    vault: &Replication,
    vault_key: &str,
    receipt: &Receipt,
    me: &Claimant,
    until: Timestamp,
) -> Option<Own> {
    let (backup, receipt) = of_backup(vault, receipt)?;
    let accepted = Ending::Accepted(vec![receipt.clone()]);
    let open = |found: Option<&Record>| -> Result<(Record, Expect), ()> {
        let Some(found) = found else {
            return Ok((first(&backup, receipt.clone(), vault_key, me), Expect::Absent));
        };
        let (mut next, expect) = ledger::settle(found, &accepted, me, &ctx.settings.attempts).ok_or(())?;
        next.started_by = Some(vault_key.to_owned());
        Ok((next, expect))
    };
    match patiently(ctx, until, || update(&*ctx.ports.ledger, None, open)).await {
        Ok(Written::Stored(record)) if record.version == 1 => Some(Own::New),
        Ok(Written::Stored(record) | Written::Left((), Some(record))) => Some(Own::Is(record)),
        Ok(Written::Left((), None)) => None,
        Err(error) => {
            tracing::error!(key = backup.key().0, backup_id = backup.source.id, %error, "the backup's own record could not be written");
            None
        }
    }
}

/// The first record of a backup that a vault-wide call copied.
fn first(backup: &Replication, receipt: Receipt, vault_key: &str, me: &Claimant) -> Record {
    let started_by = Some(vault_key.to_owned());
    Record { outbox: true, started_by, ..Record::accepted(backup, receipt, me) }
}

/// The replication of the backup that a receipt of the vault is about, with the receipt as a call for the backup alone would have it.
fn of_backup(vault: &Replication, receipt: &Receipt) -> Option<(Replication, Receipt)> {
    let backup = vault.of_backup(receipt.backup_id.as_deref()?);
    Some((backup, Receipt { backup_id: None, attempt: 1, ..receipt.clone() }))
}

/// Sends the receipts of the backups' own records, and marks those records. True if the queue has them all.
async fn send(
    ctx: &Context,
    vault: &Replication,
    receipts: &[Receipt],
    own: Vec<Own>,
    me: &Claimant,
    invocation: &Invocation,
) -> bool {
    let key = vault.key().0;
    let mut parcels = Vec::new();
    let mut written = receipts.iter().zip(own).peekable();
    while let Some((receipt, own)) = written.next() {
        if let Some((backup, receipt)) = of_backup(vault, receipt) {
            let record = match own {
                Own::New => first(&backup, receipt, &key, me),
                Own::Is(record) => *record,
            };
            if record.in_outbox() {
                parcels.push(Parcel { replication: backup, record });
            }
        }
        let is_full = parcels.len() >= TOGETHER || written.peek().is_none();
        // What the queue does not take now stays in the outbox, and so does the rest.
        if is_full
            && !outbox::deliver_all(ctx, &std::mem::take(&mut parcels), invocation).await.into_iter().all(|taken| taken)
        {
            return false;
        }
    }
    true
}
