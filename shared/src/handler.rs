//! The whole path of one event, top to bottom: read, claim, read back, call, settle, emit, mark.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use crate::event::{Answer, EventRecord, Item};
use crate::exchange::{Pacer, Pauses, RESERVE};
use crate::ledger::limits::{Attempts, OnDoubt};
use crate::ledger::store::{LedgerError, Put};
use crate::ledger::{Claim, Claimant, Ending, Record, State};
use crate::metrics::Metrics;
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::text::one_line;
use crate::model::time::later;
use crate::outcome::{
    Outcome, ReplicationResult, Trouble, in_doubt, ineligible, invalid, ledger_trouble, log_result, unavailable,
};
use crate::ports::{Boxed, Clock, Emitter, Ledger, Notes, Policies, Secrets, Transport, WorkQueue};
use crate::providers::provider::Provider;
use crate::settings::Settings;
use crate::{event, ledger, outcome, sweep};

/// A handler: providers, settings and the ports to the world.
pub struct Handler {
    /// The clouds that this process serves.
    pub providers: Vec<&'static dyn Provider>,
    /// Settings.
    pub settings: Settings,
    /// HTTP.
    pub transport: Arc<dyn Transport>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// What sweeps leave for their next invocation and for the report.
    pub notes: Arc<dyn Notes>,
    /// The policy.
    pub policies: Arc<dyn Policies>,
    /// Where a sweep hands its commands; without one it works on them itself.
    pub work_queue: Option<Arc<dyn WorkQueue>>,
    /// The queue.
    pub emitter: Arc<dyn Emitter>,
    /// Credentials.
    pub secrets: Arc<dyn Secrets>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// The rate limit of this process.
    pub pacer: Pacer,
    /// Pauses read lately.
    pub pauses: Pauses,
    /// What is measured.
    pub metrics: Metrics,
}

/// A replication to be started (or with `true` only to be looked at), or what has become of it already.
pub(crate) type Step = Result<(&'static dyn Provider, bool, Replication), Outcome>;

/// What holds for one replication.
struct Terms {
    attempts: Attempts,
    on_doubt: OnDoubt,
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its ID, for messages to people.
    pub id: String,
    /// When the platform ends it.
    pub deadline: Timestamp,
}

impl Invocation {
    /// When receipts must be on the queue, or stay in the outbox, so that the answer still gets out.
    pub(crate) fn last_moment(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::from_millis(300)).unwrap_or(self.deadline)
    }

    /// The moment after which no exchange is begun.
    pub(crate) fn stop(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::try_from(RESERVE).unwrap_or_default()).unwrap_or(self.deadline)
    }
}

impl Handler {
    /// Handles one event.
    ///
    /// # Errors
    /// The event is no known envelope, or a direct call of which nothing at all was accepted.
    pub async fn handle(&self, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
        let answer = self.handle_event(payload, invocation).await;
        self.metrics.flush(self.clock.now());
        answer
    }

    async fn handle_event(&self, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
        let event = event::read(payload).map_err(|error| invalid(&error, &invocation.id))?;
        if let Some(action) = event.only_action() {
            return self.act(action, invocation).await;
        }
        let id_of = |record: &EventRecord| record.id.clone().unwrap_or_else(|| invocation.id.clone());
        // Each record by itself, for what a hint names is read before it can be worked on, and nothing else waits for that. Boxed
        // before they are streamed, so that whoever runs the handler may move it between threads.
        let at_once = self.settings.concurrency;
        let within = (at_once / event.records.len().max(1)).max(1);
        let runs = event.records.iter().map(|record| -> Boxed<'_, Vec<ReplicationResult>> {
            Box::pin(async move {
                let steps = self.steps_of(record, &id_of(record), invocation).await.into_iter();
                let runs = steps.map(|step| -> Boxed<'_, _> { Box::pin(self.guarded(step, invocation)) });
                let runs: Vec<_> = runs.collect();
                stream::iter(runs).buffered(within).collect().await
            })
        });
        let runs: Vec<_> = runs.collect();
        let done: Vec<Vec<ReplicationResult>> = stream::iter(runs).buffered(at_once).collect().await;
        let numbered = done.into_iter().enumerate();
        let mut results: Vec<(usize, ReplicationResult)> =
            numbered.flat_map(|(index, results)| results.into_iter().map(move |result| (index, result))).collect();
        // A sweep takes all the time there is, so it comes last.
        for (index, action) in event.actions() {
            results.push((index, self.acted(action, invocation).await));
        }
        for (index, result) in &results {
            log_result(&event.records.get(*index).map_or_else(|| invocation.id.clone(), id_of), result);
        }
        match event.answer {
            Answer::Results => outcome::answer(&results.into_iter().map(|(_, result)| result).collect::<Vec<_>>()),
            Answer::Batch => outcome::batch_answer(&event.records, &results, &invocation.id),
        }
    }

    /// The actions that are no commands.
    async fn act(&self, action: &Value, invocation: &Invocation) -> Result<Value, Error> {
        match action.get("action").and_then(Value::as_str) {
            Some("sweep") => self.sweep(action, invocation).await,
            _ => self.observe(action, invocation).await,
        }
    }

    /// The same among other records: done, or to be repeated.
    async fn acted(&self, action: &Value, invocation: &Invocation) -> ReplicationResult {
        let outcome = match self.act(action, invocation).await {
            Ok(answer) => match sweep::first_failure(&answer) {
                None => Outcome::Noted { state: "done", reason: one_line(&answer.to_string()) },
                Some(reason) => Outcome::not_started(Error::new(ErrorName::Unavailable, reason)),
            },
            Err(error) => Outcome::not_started(error),
        };
        ReplicationResult { replication: None, outcome }
    }

    /// What a record asks for, as steps that can be taken.
    async fn steps_of(&self, record: &EventRecord, id: &str, invocation: &Invocation) -> Vec<Step> {
        let mut steps = Vec::new();
        for item in &record.items {
            match item {
                Ok(Item::Command(command)) => match self.wanted(command, id, invocation).await {
                    Ok(commands) => steps.extend(commands.iter().flat_map(|command| self.steps(command, id))),
                    Err(outcome) => steps.push(Err(outcome)),
                },
                Ok(Item::Hint(hint)) => steps.extend(self.follow(hint, id, invocation).await),
                Ok(Item::Ignored(reason)) => {
                    steps.push(Err(Outcome::Noted { state: "ignored", reason: reason.clone() }));
                }
                Ok(Item::Action(_)) => {}
                Err(error) => steps.push(Err(Outcome::invalid(error, id))),
            }
        }
        steps
    }

    /// Runs one step so that a panic in it is its own failure.
    async fn guarded(&self, step: Step, invocation: &Invocation) -> ReplicationResult {
        let (provider, dry_run, replication) = match step {
            Ok(step) => step,
            Err(outcome) => return ReplicationResult { replication: None, outcome },
        };
        let outcome = match dry_run {
            true => unless_panic(&replication, self.look(provider, &replication, invocation)).await,
            false => self.replicate_guarded(provider, &replication, invocation).await,
        };
        ReplicationResult { replication: Some(replication), outcome }
    }

    /// Starts one replication; a panic underway is its own failure.
    pub(crate) async fn replicate_guarded(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
        invocation: &Invocation,
    ) -> Outcome {
        let outcome = unless_panic(replication, self.replicate(provider, replication, invocation)).await;
        self.metrics.count_outcome(replication, &outcome);
        outcome
    }

    /// Claim, work, settle, emit, mark.
    async fn replicate(&self, provider: &dyn Provider, replication: &Replication, invocation: &Invocation) -> Outcome {
        let now = self.clock.now();
        if now >= invocation.stop() {
            return Outcome::not_started(unavailable(
                replication,
                "no time is left before this function's deadline; it is handed back and starts again",
            ));
        }
        if self.settings.paused {
            return Outcome::Not(Trouble {
                state: "not_started",
                error: Error::new(
                    ErrorName::Unavailable,
                    format!(
                        "{} was not started: OFFSITE_PAUSED is set, and nothing is started until it is not; it can be repeated",
                        replication.describe()
                    ),
                ),
                code: Some("paused".into()),
                request_id: None,
            });
        }
        // Before anything is written: a missing credential is nobody's doubt.
        let credential = match self.ready(provider, replication).await {
            Ok(credential) => credential,
            Err(outcome) => return outcome,
        };
        let _gate = match self.gate(provider, replication, &credential).await {
            Ok(gate) => gate,
            Err(outcome) => return outcome,
        };
        let me = Claimant {
            owner: self.clock.nonce().0,
            lease_until: later(invocation.deadline, self.settings.lease_margin),
            now,
        };
        let terms = self.terms(replication).await;
        let record = match self.claim(replication, &me, &terms.attempts).await {
            Ok(Ok(record)) => record,
            Ok(Err(claim)) => return self.without_claim(replication, claim, invocation).await,
            Err(error) => return Outcome::not_started(ledger_trouble(replication, &error)),
        };
        let ending = self.work(provider, replication, &record, terms.on_doubt, invocation).await;
        let me = Claimant { now: self.clock.now(), ..me };
        if matches!(
            &ending,
            Ending::Accepted(_) | Ending::Refused { .. } | Ending::Ineligible { .. } | Ending::NoWork { .. }
        ) {
            self.pauses.prove(credential);
        }
        drop(_gate);
        if let Ending::Accepted(receipts) = &ending {
            // First of all on record somewhere: whatever fails from here on, the IDs are in the log.
            for receipt in receipts {
                tracing::info!(
                    key = %replication.key(), replication = replication.describe(), backup_id = receipt.backup_id, replication_id = receipt.replication_id,
                    request_id = receipt.request_id, adopted = receipt.adopted, attempt = record.attempt, "accepted"
                );
            }
        }
        let settled = self.settle(&record, &ending, &me, invocation).await;
        self.finish(replication, &record, settled, ending, invocation).await
    }

    /// What the rule that asks for a replication says of attempts and doubts, or else the settings.
    async fn terms(&self, replication: &Replication) -> Terms {
        let mut terms =
            Terms { attempts: self.settings.attempts, on_doubt: self.settings.on_doubt(replication.operation.cloud()) };
        let Some(name) = &replication.rule else { return terms };
        // Without a policy the settings hold, which are the more careful ones.
        let Ok(Some(policy)) = self.policies.policy().await else { return terms };
        if let Some(rule) = policy.rule(name) {
            terms.attempts.restart_lost = rule.limits.restart_lost;
            terms.on_doubt = rule.limits.on_doubt.unwrap_or(terms.on_doubt);
        }
        terms
    }

    /// Takes the replication, or tells why not. The write is durable before this returns.
    async fn claim(
        &self,
        replication: &Replication,
        me: &Claimant,
        attempts: &Attempts,
    ) -> Result<Result<Record, Claim>, LedgerError> {
        let mut existing: Option<Box<Record>> = None;
        for _ in 0..8 {
            match ledger::claim(existing.as_deref(), replication, me, attempts) {
                Claim::Write(record, expect) => match self.ledger.put(&record, &expect).await? {
                    Put::Stored => return Ok(Ok(*record)),
                    Put::Conflict(found) => existing = found,
                },
                Claim::Ours(record) => return Ok(Ok(*record)),
                other => return Ok(Err(other)),
            }
        }
        Err(LedgerError::Unavailable("too many others write this record at the same time".into()))
    }

    /// Writes an ending. Returns the record as stored, or `None` when it could not be recorded.
    async fn settle(&self, record: &Record, ending: &Ending, me: &Claimant, invocation: &Invocation) -> Option<Record> {
        let mut current = record.clone();
        let mut delay = Duration::from_millis(100);
        for _ in 0..12 {
            let Some((next, expect)) = ledger::settle(&current, ending, me, &self.settings.attempts) else {
                return Some(current);
            };
            match self.ledger.put(&next, &expect).await {
                Ok(Put::Stored) => return Some(next),
                // Ours, stored by a write whose answer was lost. Version and owner alone do not say so: an acceptance by another
                // call keeps the owner that it finds.
                Ok(Put::Conflict(Some(found))) if *found == next => return Some(next),
                Ok(Put::Conflict(Some(found))) => current = *found,
                Ok(Put::Conflict(None)) => {
                    tracing::error!(key = record.key, "the record vanished from the ledger");
                    return None;
                }
                Err(error) => {
                    tracing::error!(key = record.key, %error, "the outcome could not be recorded");
                    if later(self.clock.now(), delay) >= invocation.deadline {
                        return None;
                    }
                    self.clock.sleep(delay).await;
                    delay *= 2;
                }
            }
        }
        None
    }

    /// Emits what is in the outbox and turns the ending into an answer.
    async fn finish(
        &self,
        replication: &Replication,
        claimed: &Record,
        settled: Option<Record>,
        ending: Ending,
        invocation: &Invocation,
    ) -> Outcome {
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
                    !record.outbox || self.deliver(replication, &record, invocation).await
                } else {
                    self.emit(replication, &record, invocation).await
                };
                Outcome::Accepted { receipts: record.receipts, attempt: record.attempt, queued, replayed: false }
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
                    state: "not_started",
                    error: Error::new(name, message),
                    code: Some(code),
                    request_id,
                })
            }
            Ending::InDoubt { code, note, request_id, .. } => {
                Outcome::Not(in_doubt(replication, &code, &note, request_id))
            }
            Ending::Refused { code, note, request_id } => {
                let message = format!("{} was refused: {code}: {note}", replication.describe());
                Outcome::Not(Trouble {
                    state: "refused",
                    error: Error::new(ErrorName::Rejected, message),
                    code: Some(code),
                    request_id,
                })
            }
            Ending::Ineligible { reason } => Outcome::Not(ineligible(replication, &reason)),
            Ending::NoWork { code, .. } => Outcome::NoWork { code },
        }
    }
}

async fn unless_panic(replication: &Replication, run: impl Future<Output = Outcome>) -> Outcome {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Not(in_doubt(
            replication,
            "panic",
            "this function failed inside (see the log); the ledger keeps what was intended",
            None,
        ))
    })
}
