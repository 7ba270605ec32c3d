//! The action `observe`: look at accepted copies in the destination, record the evidence, tell the queue what changed.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::command::{Command, Key, Replication};
use crate::disposition::Disposition;
use crate::error::{Error, ErrorName};
use crate::exchange;
use crate::handler::{Handler, Invocation};
use crate::ledger::{Claimant, Record, State};
use crate::observation::{Observation, is_done, observed};
use crate::outcome::invalid;
use crate::ports::{Boxed, Filter, LedgerError, Put, Reply};
use crate::providers::Provider;

/// What one look came to.
struct Looked {
    before: State,
    record: Record,
    /// The question could not be answered.
    unanswered: Option<String>,
}

impl Handler {
    /// Observes the replications of a command, or without one all that are due.
    ///
    /// # Errors
    /// The command is wrong, a replication of it was never started, or the ledger cannot be read.
    pub(crate) async fn observe(&self, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
        if payload.get("source").is_none() {
            return self.observe_due(invocation).await;
        }
        let mut wish = payload.clone();
        wish["action"] = json!("replicate");
        let command = Command::from_json(&wish).map_err(|error| invalid(&error, &invocation.id))?;
        let mut results = Vec::new();
        for replication in command.replications() {
            let record = self.ledger.get(&replication.key()).await.map_err(|error| unreadable(&error))?;
            let record = record.ok_or_else(|| {
                Error::new(
                    ErrorName::InvalidCommand,
                    format!("{} was never started: there is nothing to observe", replication.describe()),
                )
            })?;
            let looked = self.look_at(&replication, record, invocation).await.map_err(|error| unreadable(&error))?;
            results.push(self.told(&replication, &looked));
        }
        match <[Value; 1]>::try_from(results) {
            Ok([one]) => Ok(one),
            Err(results) => {
                Ok(json!({ "done": results.iter().all(|one| one["done"] == json!(true)), "results": results }))
            }
        }
    }

    async fn observe_due(&self, invocation: &Invocation) -> Result<Value, Error> {
        let filter = Filter { due: Some(self.clock.now()), ..Filter::default() };
        let (mut looked, mut unanswered, mut handed_back) = (0_u64, 0_u64, 0_u64);
        let (mut replicated, mut failed, mut lost) = (0_u64, 0_u64, 0_u64);
        let mut after: Option<Key> = None;
        loop {
            let page = self.ledger.list(&filter, after.as_ref(), 100).await.map_err(|error| unreadable(&error))?;
            let looks = page.records.into_iter().map(|record| -> Boxed<'_, Option<Looked>> {
                Box::pin(async move {
                    if self.clock.now() >= invocation.stop() {
                        return None;
                    }
                    let replication = record.replication().ok()?;
                    self.look_at(&replication, record, invocation).await.ok()
                })
            });
            let results: Vec<Option<Looked>> =
                stream::iter(looks.collect::<Vec<_>>()).buffered(self.settings.concurrency).collect().await;
            for result in results {
                let Some(one) = result else {
                    handed_back += 1;
                    continue;
                };
                looked += 1;
                unanswered += u64::from(one.unanswered.is_some());
                let changed = one.before != one.record.state;
                replicated += u64::from(changed && one.record.state == State::Replicated);
                failed += u64::from(changed && one.record.state == State::Failed);
                lost += u64::from(changed && one.record.state == State::Lost);
            }
            after = page.next;
            if after.is_none() || self.clock.now() >= invocation.stop() {
                break;
            }
        }
        Ok(json!({ "observed": {
            "looked": looked, "replicated": replicated, "failed": failed, "lost": lost, "unanswered": unanswered, "not_looked": handed_back,
        } }))
    }

    /// One look: ask, record, tell the queue. A record that nobody waits for is only told.
    async fn look_at(
        &self,
        replication: &Replication,
        record: Record,
        invocation: &Invocation,
    ) -> Result<Looked, LedgerError> {
        let before = record.state;
        let cloud = replication.operation.cloud();
        let provider = self.provider(cloud);
        let (Some(provider), Some(receipt)) = (provider, record.receipts.last().cloned()) else {
            return Ok(Looked { before, record, unanswered: None });
        };
        if !matches!(record.state, State::Accepted | State::Replicated) || receipt.backup_id.is_some() {
            return Ok(Looked { before, record, unanswered: None });
        }
        if self.ready(provider, replication).await.is_err() {
            return Ok(Looked { before, record, unanswered: Some("the credential is missing or paused".into()) });
        }
        let observation = self.ask(provider, replication, &record, invocation).await;
        let unanswered = match &observation {
            Observation::Unanswered(failure) => Some(failure.to_string()),
            _ => None,
        };
        if let Some(reason) = &unanswered {
            tracing::warn!(key = record.key, %reason, "the destination could not be asked");
        }
        let mut current = record;
        for _ in 0..4 {
            let now = self.clock.now();
            let me = Claimant { owner: current.owner.clone(), lease_until: now, now };
            let written = observed(&current, &observation, &me, &self.settings.looks, self.settings.attempts.backoff);
            let Some((next, expect)) = written else { break };
            match self.ledger.put(&next, &expect).await? {
                Put::Stored => {
                    if next.state != before {
                        tracing::info!(
                            key = next.key,
                            replication = replication.describe(),
                            state = next.state.name(),
                            "observed"
                        );
                    }
                    current = next;
                    break;
                }
                Put::Conflict(Some(found)) => current = *found,
                Put::Conflict(None) => break,
            }
        }
        if current.in_outbox() {
            self.deliver(replication, &current, invocation).await;
        }
        Ok(Looked { before, record: current, unanswered })
    }

    async fn ask(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
        record: &Record,
        invocation: &Invocation,
    ) -> Observation {
        let Some(receipt) = record.receipts.last() else { return Observation::Running("no receipt".into()) };
        let stop = invocation.stop();
        let mut replies: Vec<Reply> = Vec::new();
        loop {
            let call = match provider.observe(replication, receipt, record.evidence.as_ref(), &replies) {
                Observation::Ask(call) => call,
                answer => return answer,
            };
            match exchange::read(self, provider, &call, replication.into(), stop).await {
                Ok(reply) => replies.push(reply),
                Err(failure) => {
                    if failure.disposition == Disposition::Authentication {
                        self.pause(provider, replication, &failure).await;
                    }
                    return Observation::Unanswered(failure);
                }
            }
        }
    }

    fn told(&self, replication: &Replication, looked: &Looked) -> Value {
        let record = &looked.record;
        let wait = record.look_at.map(|at| at.duration_since(self.clock.now()).as_secs().max(1));
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
        } else if let Some(note) =
            record.last().and_then(|entry| entry.note.as_deref()).filter(|_| record.state != State::Accepted)
        {
            told["reason"] = json!(note);
        }
        told
    }
}

fn unreadable(error: &LedgerError) -> Error {
    Error::new(ErrorName::Unavailable, format!("nothing was observed: {error}; it can be repeated"))
}
