//! A dry run: everything but the mutating call and the ledger's writes.

use super::attempt::read_back;
use super::outcome::{Outcome, Trouble, TroubleState, Would, ledger_trouble, not_ready};
use super::replay::without_claim;
use crate::context::{Context, Invocation};
use crate::exchange::{Target, credential};
use crate::ledger::{self, About, Claim, Claimant, State};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::failure::Disposition;
use crate::providers::provider::{Acceptance, AttemptContext, Provider, ReadBack};

/// Finds out what a replication would do now, and which copy exists already.
pub(crate) async fn preview(
    ctx: &Context,
    provider: &dyn Provider,
    replication: &Replication,
    invocation: &Invocation,
) -> Outcome {
    let would = |action, reason: String, replication_id| Outcome::Would { action, reason, replication_id };
    let target = Target::of(provider, replication);
    if let Err(why) = credential::ready(ctx, target, replication.source.realm()).await {
        return not_ready(replication, why);
    }
    let record = match ctx.ports.ledger.get(&replication.key()).await {
        Ok(record) => record,
        Err(error) => return Outcome::not_started(ledger_trouble(replication, &error)),
    };
    let now = ctx.now();
    let me = Claimant { owner: String::new(), lease_until: now, now };
    let intent = match ledger::claim(record.as_ref(), replication, &me, &ctx.settings.attempts) {
        Claim::Write(next, _) | Claim::Ours(next) => {
            AttemptContext { attempt: next.attempt, since: next.since, doubt: next.state == State::InDoubt }
        }
        Claim::Busy(until) => return would(Would::Wait, format!("another delivery works on it until {until}"), None),
        claim @ Claim::Mismatch(_) => return without_claim(ctx, replication, claim, invocation).await,
        Claim::Replay(record) => {
            let id = record.receipts.first().and_then(|receipt| receipt.replication_id.clone());
            return would(Would::Replay, format!("the ledger has it as {}", record.state.name()), id);
        }
    };
    match read_back(ctx, target, replication, &intent, invocation.stop(), &mut About::default()).await {
        Ok(ReadBack::Found(Acceptance { receipts, .. })) => would(
            Would::Adopt,
            "the provider has this copy already".into(),
            receipts.into_iter().find_map(|found| found.replication_id),
        ),
        Ok(ReadBack::Running) => would(Would::Wait, "a copy to this destination is running".into(), None),
        Ok(ReadBack::Absent) if intent.doubt => {
            would(Would::Wait, "an earlier call's outcome is unknown, and no copy can be seen".into(), None)
        }
        Ok(ReadBack::Absent) => would(Would::Start, "there is no copy yet".into(), None),
        Ok(ReadBack::NotReady(reason)) => would(Would::Wait, reason, None),
        Ok(ReadBack::Ineligible(reason) | ReadBack::NoSource(reason)) => would(Would::Nothing, reason, None),
        Err(failure) => {
            let name = match failure.disposition {
                Disposition::Permanent => failure.error_name(),
                _ if failure.is_of_settings() => ErrorName::Configuration,
                _ => ErrorName::Unavailable,
            };
            let message = format!("{} cannot be looked at: {failure}", replication.describe());
            Outcome::Not(Trouble {
                state: TroubleState::NotStarted,
                error: Error::new(name, message),
                code: Some(failure.code),
                request_id: failure.request_id,
            })
        }
    }
}
