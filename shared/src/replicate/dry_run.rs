//! A dry run: everything but the mutating call and the ledger's writes.

use super::outcome::{Outcome, Trouble, ledger_trouble};
use crate::context::{Handler, Invocation};
use crate::ledger::{self, Claim, Claimant, State};
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::failure::Disposition;
use crate::providers::provider::{Acceptance, Intent, Provider, ReadBack};

impl Handler {
    /// What would be done, and what exists already.
    pub(crate) async fn look(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
        invocation: &Invocation,
    ) -> Outcome {
        let would = |action, reason: String, replication_id| Outcome::Would { action, reason, replication_id };
        if let Err(outcome) = self.ready(provider, replication).await {
            return outcome;
        }
        let record = match self.ledger.get(&replication.key()).await {
            Ok(record) => record,
            Err(error) => return Outcome::not_started(ledger_trouble(replication, &error)),
        };
        let now = self.clock.now();
        let me = Claimant { owner: String::new(), lease_until: now, now };
        let intent = match ledger::claim(record.as_ref(), replication, &me, &self.settings.attempts) {
            Claim::Write(next, _) | Claim::Ours(next) => {
                Intent { attempt: next.attempt, since: next.since, doubt: next.state == State::InDoubt }
            }
            Claim::Busy(until) => return would("wait", format!("another delivery works on it until {until}"), None),
            claim @ Claim::Mismatch(_) => return self.without_claim(replication, claim, invocation).await,
            Claim::Replay(record) => {
                let id = record.receipts.first().and_then(|receipt| receipt.replication_id.clone());
                return would("replay", format!("the ledger has it as {}", record.state.name()), id);
            }
        };
        match self.read_back(provider, replication, &intent, invocation.stop()).await {
            ReadBack::Found(Acceptance { receipts, .. }) => would(
                "adopt",
                "the provider has this copy already".into(),
                receipts.into_iter().find_map(|found| found.replication_id),
            ),
            ReadBack::Running => would("wait", "a copy to this destination is running".into(), None),
            ReadBack::Absent if intent.doubt => {
                would("wait", "an earlier call's outcome is unknown, and no copy can be seen".into(), None)
            }
            ReadBack::Absent => would("start", "there is no copy yet".into(), None),
            ReadBack::NotReady(reason) => would("wait", reason, None),
            ReadBack::Ineligible(reason) | ReadBack::NoSource(reason) => would("nothing", reason, None),
            ReadBack::Failed(failure) => {
                let name = if failure.disposition == Disposition::Permanent {
                    ErrorName::Rejected
                } else {
                    ErrorName::Unavailable
                };
                let message = format!("{} cannot be looked at: {failure}", replication.describe());
                Outcome::Not(Trouble {
                    state: "not_started",
                    error: Error::new(name, message),
                    code: Some(failure.code),
                    request_id: failure.request_id,
                })
            }
            ReadBack::Ask(_) => would("wait", "reading back did not come to an end".into(), None),
        }
    }
}
