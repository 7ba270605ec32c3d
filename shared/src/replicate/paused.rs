//! What becomes of a replication that a person has stopped: the ledger keeps that it is wanted, and no queue has to.

use super::outcome::{Outcome, Trouble, TroubleState, ledger_trouble};
use crate::context::Context;
use crate::exchange::brake::PAUSED;
use crate::ledger::store::{Expect, Put};
use crate::ledger::{self, About, Claimant, State};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};

/// Leaves a replication to the sweep or look that comes after the pause. What no sweep would start stays with whoever asked for it.
pub(super) async fn put_by(ctx: &Context, replication: &Replication, why: &str) -> Outcome {
    let kept = match is_kept(ctx, replication).await {
        Ok(kept) => kept,
        Err(outcome) => return outcome,
    };
    let (state, next) = match kept {
        true => (TroubleState::Paused, "it is started by the next sweep or look after that"),
        false => (TroubleState::NotStarted, "no rule would start it, so order it again after that"),
    };
    let message = format!("{} was not started: {why}; {next}", replication.describe());
    let error = Error::new(ErrorName::Paused, message);
    Outcome::Not(Trouble { state, error, code: Some(PAUSED.to_owned()), request_id: None })
}

async fn is_kept(ctx: &Context, replication: &Replication) -> Result<bool, Outcome> {
    if replication.rule.is_none() {
        return Ok(false);
    }
    // A call for a whole vault follows from its backups, which the sweep finds.
    if replication.operation.source_field() == "vault_id" {
        return Ok(true);
    }
    let now = ctx.now();
    let me = Claimant { owner: ctx.ports.clock.nonce().0, lease_until: now, now };
    let record = ledger::put_off(replication, About::default(), &me, None);
    match ctx.ports.ledger.put(&record, &Expect::Absent).await {
        Ok(Put::Stored) => Ok(true),
        // A sweep makes no lost copy again by itself.
        Ok(Put::Conflict(found)) => Ok(found.is_some_and(|found| found.state != State::Lost)),
        Err(error) => Err(Outcome::not_started(ledger_trouble(replication, &error))),
    }
}
