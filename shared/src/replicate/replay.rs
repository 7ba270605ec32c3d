//! Answers from the ledger, when a replication is not (or no longer) ours to act on.

use super::outbox::deliver;
use super::outcome::{Outcome, Trouble, TroubleState, ineligible, unavailable};
use crate::context::{Context, Invocation};
use crate::ledger::{Claim, Record, State};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};

/// The outcome when `claim` does not let this invocation act: it comes from the record that was found.
pub(crate) async fn without_claim(
    ctx: &Context,
    replication: &Replication,
    claim: Claim,
    invocation: &Invocation,
) -> Outcome {
    match claim {
        Claim::Replay(record) => replay(ctx, replication, *record, invocation).await,
        Claim::Busy(until) => Outcome::not_started(unavailable(
            replication,
            &format!("another delivery of it is being worked on until {until}; it answers from the ledger after that"),
        )),
        Claim::Mismatch(record) => {
            let message = format!(
                "{} was not started: the same replication is {} with other options, vault or project (record {}); see it with `offsite ledger show {}`, and repeat the first command unchanged",
                replication.describe(),
                record.state.name(),
                record.key,
                record.key
            );
            let error = Error::new(ErrorName::InvalidCommand, message);
            Outcome::Not(Trouble {
                state: TroubleState::Refused,
                error,
                code: Some("payload_mismatch".into()),
                request_id: None,
            })
        }
        Claim::Write(..) | Claim::Ours(_) => {
            Outcome::not_started(unavailable(replication, "the claim was not decided"))
        }
    }
}

async fn replay(ctx: &Context, replication: &Replication, record: Record, invocation: &Invocation) -> Outcome {
    let last = record.last().cloned();
    let code = last.as_ref().and_then(|entry| entry.code.clone());
    let request_id = last.as_ref().and_then(|entry| entry.request_id.clone());
    let text = last.as_ref().and_then(|entry| entry.note.clone()).unwrap_or_default();
    match record.state {
        State::Accepted | State::Replicated => {
            let queued = !record.in_outbox() || deliver(ctx, replication, &record, invocation).await;
            match &record.copies {
                Some(copies) => Outcome::Accepted {
                    copies: copies.count,
                    receipts: Vec::new(),
                    attempt: record.attempt,
                    queued,
                    replayed: true,
                },
                None => Outcome::of_receipts(record.receipts, record.attempt, queued, true),
            }
        }
        State::NoWork => Outcome::NoWork { code: code.unwrap_or_default() },
        State::Ineligible => Outcome::Not(ineligible(replication, code.as_deref(), &text)),
        State::Lost => {
            let message = format!(
                "{} had its copy, and it is gone: {text}; it is not made again by itself: see `offsite ledger show {}`",
                replication.describe(),
                record.key
            );
            Outcome::Not(Trouble {
                state: TroubleState::Lost,
                error: Error::new(ErrorName::Rejected, message),
                code,
                request_id,
            })
        }
        state => {
            let next = match (state, record.not_before) {
                (State::Missed, _) => "its source is gone".to_owned(),
                (State::Left, _) => "no rule covers it any more".to_owned(),
                (State::Overtaken, _) => "its resource has a newer copy".to_owned(),
                (State::Ended, _) => "its source is gone, and so is its copy".to_owned(),
                (State::Abandoned, _) => "a person gave it up".to_owned(),
                (State::Failed, _) if record.attempt >= ctx.settings.attempts.limit => {
                    format!("all {} attempts are used; see `offsite ledger show {}`", record.attempt, record.key)
                }
                (_, Some(at)) if at > ctx.now() => format!("it may be tried again after {at}"),
                _ => format!("see `offsite ledger show {}`", record.key),
            };
            let how = match state {
                State::Failed => "failed",
                State::Missed => "was missed",
                State::Left | State::Overtaken | State::Ended => "has ended",
                _ => "was refused",
            };
            let said = code.as_ref().map_or(text.clone(), |code| format!("{code}: {text}"));
            let message =
                format!("{} {how} before (attempt {}): {said}; {next}", replication.describe(), record.attempt);
            Outcome::Not(Trouble {
                state: if state == State::Failed { TroubleState::Failed } else { TroubleState::Refused },
                error: Error::new(ErrorName::Rejected, message),
                code,
                request_id,
            })
        }
    }
}
