//! The path of one replication: claim, read back, call, settle, emit, mark.

mod adopted;
mod attempt;
pub(crate) mod dry_run;
pub(crate) mod hands;
mod logged;
pub mod messages;
pub(crate) mod outbox;
pub(crate) mod outcome;
mod paused;
mod replay;
pub(crate) mod together;
mod update;
mod vault;

use crate::context::{Context, Invocation};
use crate::exchange::{Target, brake, credential};
use crate::ledger::limits::{Attempts, OnDoubt};
use crate::ledger::store::{Expect, LedgerError};
use crate::ledger::{self, Absent, Claim, Claimant, Ending, Record, State};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::time::later;
use crate::providers::provider::Provider;
pub(crate) use attempt::read_back;
use jiff::Timestamp;
pub(crate) use logged::log_result;
use outcome::{
    Outcome, Trouble, TroubleState, in_doubt, ineligible, ledger_trouble, not_ready, unavailable, unless_panic,
};
use together::{Reads, Seat, Table};
use update::patiently;
pub(crate) use update::{Written, update};

/// The limits that hold for one replication.
struct Terms {
    attempts: Attempts,
    on_doubt: OnDoubt,
}

/// What a start may rely on instead of reading whether there is a copy.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// What the ledger's record says.
    Recorded,
    /// What this sweep has listed itself, or what the record says.
    Listed(&'a Absent),
    /// Nothing: it reads.
    Nothing,
}

/// Starts one replication, or answers from the ledger what became of it. A panic underway fails this replication only.
pub(crate) async fn run(
    ctx: &Context,
    provider: &dyn Provider,
    replication: &Replication,
    invocation: &Invocation,
) -> Outcome {
    run_knowing(ctx, provider, replication, Known::Recorded, invocation).await
}

/// The same for one of several replications, whose reads are made together.
pub(crate) async fn run_seated(
    ctx: &Context,
    provider: &dyn Provider,
    replication: &Replication,
    seat: Seat<'_>,
    invocation: &Invocation,
) -> Outcome {
    counted(ctx, replication, replicate(ctx, provider, replication, (Known::Recorded, seat), invocation)).await
}

/// The same, relying on what is known.
pub(crate) async fn run_knowing(
    ctx: &Context,
    provider: &dyn Provider,
    replication: &Replication,
    known: Known<'_>,
    invocation: &Invocation,
) -> Outcome {
    let seat = Table::new(ctx, invocation.stop()).sit();
    counted(ctx, replication, replicate(ctx, provider, replication, (known, seat), invocation)).await
}

async fn counted(ctx: &Context, replication: &Replication, work: impl Future<Output = Outcome>) -> Outcome {
    let outcome = unless_panic(replication, work).await;
    ctx.memory.metrics.count(replication.operation.cloud(), replication.rule.as_deref(), outcome.tally());
    outcome
}

/// Works on one replication: claims it, makes the attempt, settles, emits and marks the record.
async fn replicate(
    ctx: &Context,
    provider: &dyn Provider,
    replication: &Replication,
    (known, seat): (Known<'_>, Seat<'_>),
    invocation: &Invocation,
) -> Outcome {
    let now = ctx.now();
    if ctx.is_over(invocation) {
        return Outcome::not_started(unavailable(
            replication,
            "no time is left before this function's deadline; it is handed back and starts again",
        ));
    }
    match brake::on(ctx, replication.operation.cloud(), replication.rule.as_deref()).await {
        Ok(None) => {}
        Ok(Some(why)) => {
            drop(seat);
            return paused::put_by(ctx, replication, &why).await;
        }
        Err(error) => return Outcome::not_started(ledger_trouble(replication, &error)),
    }
    let (target, realm) = (Target::of(provider, replication), replication.source.realm());
    // Checked before anything is written: a missing credential must not leave a claim behind.
    let credential = match credential::ready(ctx, target, realm).await {
        Ok(credential) => credential,
        Err(why) => return not_ready(replication, why),
    };
    // A credential that has not worked yet is tried by one call at a time, and nobody waits for another's turn.
    let table = seat.table();
    let seat = Some(seat).filter(|_| ctx.memory.credentials.is_proven(&credential));
    let gate = match credential::gate(ctx, target, realm, &credential).await {
        Ok(gate) => gate,
        Err(why) => return not_ready(replication, why),
    };
    let seat = gate.is_none().then(|| seat.unwrap_or_else(|| table.sit()));
    let me = Claimant {
        owner: ctx.ports.clock.nonce().0,
        lease_until: later(invocation.deadline, ctx.settings.lease_margin),
        now,
    };
    let terms = terms(ctx, replication).await;
    let record = match claim(ctx, replication, &me, &terms.attempts).await {
        Ok(Written::Stored(record)) => record,
        Ok(Written::Left(claim, _)) => {
            drop(seat);
            return replay::without_claim(ctx, replication, claim, invocation).await;
        }
        Err(error) => return Outcome::not_started(ledger_trouble(replication, &error)),
    };
    let reads = terms.on_doubt == OnDoubt::Hold || !is_absent(&record, known, now);
    let is_first = record.state == State::Claimed && record.attempt == 1;
    let reads = match seat.filter(|_| reads && is_first && provider.reads_first(replication)) {
        Some(seat) => Some(seat.ask(provider, replication).await),
        None => reads.then(Reads::default),
    };
    let mut about = record.about.clone();
    let how = (terms.on_doubt, reads);
    let ending = attempt::work(ctx, target, replication, &record, how, invocation, &mut about).await;
    let me = Claimant { now: ctx.now(), ..me };
    if matches!(
        &ending,
        Ending::Accepted(_) | Ending::Refused { .. } | Ending::Ineligible { .. } | Ending::NoWork { .. }
    ) {
        ctx.memory.credentials.prove(credential);
    }
    drop(gate);
    if let (Ending::Accepted(receipts), State::Claimed, Some(rule)) = (&ending, record.state, &replication.rule)
        && receipts.iter().any(|receipt| receipt.adopted)
    {
        hands::seen(ctx, rule).await;
    }
    if let Ending::Accepted(receipts) = &ending {
        // Logged first: whatever fails from here on, the IDs are not lost.
        for receipt in receipts {
            tracing::info!(
                key = %replication.key(), replication = replication.describe(), backup_id = receipt.backup_id, replication_id = receipt.replication_id,
                request_id = receipt.request_id, adopted = receipt.adopted, attempt = record.attempt, "accepted"
            );
        }
    }
    if let Ending::Accepted(receipts) = &ending
        && vault::is_of_vault(receipts)
    {
        return vault::settle(ctx, replication, &record, receipts.clone(), &me, invocation).await;
    }
    let ended = |found: &Record| {
        let (mut next, expect) = ledger::settle(found, &ending, &me, &ctx.settings.attempts)?;
        if next.about.made.is_none() {
            next.about.clone_from(&about);
        }
        Some((next, expect))
    };
    let settled = settle(ctx, &record, invocation, ended).await;
    finish(ctx, replication, &record, settled, ending, invocation).await
}

/// Whether a sweep has just read that there is no copy, so that the first attempt need not read it again.
fn is_absent(record: &Record, known: Known<'_>, now: Timestamp) -> bool {
    let evidence = match known {
        Known::Nothing => None,
        Known::Recorded => record.absent.as_ref(),
        Known::Listed(listed) => Some(listed),
    };
    record.state == State::Claimed && Absent::may_count_for(record) && evidence.is_some_and(|absent| absent.holds(now))
}

/// The limits of the rule that asks for a replication, or else those of the settings.
async fn terms(ctx: &Context, replication: &Replication) -> Terms {
    let mut terms =
        Terms { attempts: ctx.settings.attempts, on_doubt: ctx.settings.on_doubt(replication.operation.cloud()) };
    let Some(name) = &replication.rule else { return terms };
    // Without a policy that can be read the settings hold, which are the more careful ones.
    let Ok(Some(policy)) = ctx.ports.policies.policy().await else { return terms };
    if let Some(rule) = policy.rule(name) {
        terms.attempts.restart_lost = rule.limits.restart_lost;
        terms.on_doubt = rule.limits.on_doubt.unwrap_or(terms.on_doubt);
    }
    terms
}

/// Claims the replication, or returns why it cannot be claimed. The write is durable before this returns.
async fn claim(
    ctx: &Context,
    replication: &Replication,
    me: &Claimant,
    attempts: &Attempts,
) -> Result<Written<Claim>, LedgerError> {
    let claim = |found: Option<&Record>| match ledger::claim(found, replication, me, attempts) {
        Claim::Write(record, expect) => Ok((*record, expect)),
        other => Err(other),
    };
    match update(&*ctx.ports.ledger, None, claim).await? {
        Written::Left(Claim::Ours(record), _) => Ok(Written::Stored(record)),
        written => Ok(written),
    }
}

/// Writes to the ledger how an attempt ended. Returns the stored record, or `None` if it could not be written.
async fn settle(
    ctx: &Context,
    record: &Record,
    invocation: &Invocation,
    ended: impl Fn(&Record) -> Option<(Record, Expect)>,
) -> Option<Record> {
    let write = || update(&*ctx.ports.ledger, Some(record.clone()), |found| found.and_then(&ended).ok_or(()));
    match patiently(ctx, invocation.deadline, write).await {
        Ok(Written::Stored(record) | Written::Left((), Some(record))) => Some(*record),
        Ok(Written::Left((), None)) => {
            tracing::error!(key = record.key, "the record vanished from the ledger");
            None
        }
        Err(error) => {
            tracing::error!(key = record.key, %error, "the outcome could not be recorded");
            None
        }
    }
}

/// Sends what is in the outbox to the queue, and turns the ending of an attempt into an outcome.
async fn finish(
    ctx: &Context,
    replication: &Replication,
    claimed: &Record,
    settled: Option<Record>,
    ending: Ending,
    invocation: &Invocation,
) -> Outcome {
    if settled.is_none() && matches!(&ending, Ending::Ineligible { .. } | Ending::NoWork { .. }) {
        return Outcome::not_started(unavailable(
            replication,
            "what became of it could not be recorded; nothing was started, and it can be repeated",
        ));
    }
    if let (false, Some(record)) = (matches!(ending, Ending::Accepted(_)), &settled)
        && record.in_outbox()
    {
        // The news of a refusal. What the queue does not take now stays in the outbox.
        outbox::deliver(ctx, replication, record, invocation).await;
    }
    match ending {
        Ending::Accepted(receipts) => {
            let recorded = settled.is_some();
            let record = settled.unwrap_or_else(|| {
                let mut record = claimed.clone();
                record.receipts.extend(receipts.iter().cloned());
                record
            });
            if receipts.is_empty() {
                return Outcome::NoWork { code: "no_backups".into() };
            }
            let queued = if recorded {
                !record.outbox || outbox::deliver(ctx, replication, &record, invocation).await
            } else {
                // The receipt is emitted, but the replication counts as unfinished: its record is still claimed, and only another
                // delivery settles it.
                outbox::emit(ctx, replication, &record, invocation).await;
                false
            };
            Outcome::of_receipts(record.receipts, record.attempt, queued, false)
        }
        Ending::Released { name, code, note, request_id } => {
            let doubtful = settled.as_ref().is_some_and(|record| record.state == State::InDoubt);
            if doubtful {
                return Outcome::Not(in_doubt(replication, &code, &note, request_id));
            }
            let next = if name == ErrorName::Rejected { "" } else { ", it can be repeated" };
            let message =
                format!("{} was not started: {code}: {note}; certainly not applied{next}", replication.describe());
            Outcome::Not(Trouble {
                state: TroubleState::NotStarted,
                error: Error::new(name, message),
                code: Some(code),
                request_id,
            })
        }
        Ending::InDoubt { code, note, request_id, .. } => Outcome::Not(in_doubt(replication, &code, &note, request_id)),
        Ending::Refused { code, note, request_id, .. } => {
            let message = format!("{} was refused: {code}: {note}", replication.describe());
            Outcome::Not(Trouble {
                state: TroubleState::Refused,
                error: Error::new(ErrorName::Rejected, message),
                code: Some(code),
                request_id,
            })
        }
        Ending::Ineligible { code, reason } => Outcome::Not(ineligible(replication, code.as_deref(), &reason)),
        Ending::NoWork { code, .. } => Outcome::NoWork { code },
    }
}
