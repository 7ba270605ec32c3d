//! The whole path of one event, top to bottom: read, claim, read back, call, settle, emit, mark.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::command::{Cloud, Command, Replication};
use crate::error::{Error, ErrorName};
use crate::event::{self, Answer};
use crate::exchange::{Pacer, Pauses, RESERVE};
use crate::fields::FieldError;

use crate::ledger::{self, Attempts, Claim, Claimant, Ending, Record, State, later};
use crate::metrics::Metrics;
use crate::outcome::{
    self, Outcome, ReplicationResult, Trouble, in_doubt, ineligible, invalid, ledger_trouble, log_result, unavailable,
};
use crate::ports::{
    Boxed, Clock, CredentialName, Emitter, Ledger, LedgerError, Notes, Policies, Put, Secrets, Transport, WorkQueue,
};
use crate::providers::Provider;
use crate::settings::{OnDoubt, Settings};

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
        let answer = self.act(payload, invocation).await;
        self.metrics.flush(self.clock.now());
        answer
    }

    async fn act(&self, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
        match payload.get("action").and_then(Value::as_str) {
            Some("sweep") => return self.sweep(payload, invocation).await,
            Some("observe") => return self.observe(payload, invocation).await,
            _ => {}
        }
        let event = event::read(payload).map_err(|error| invalid(&error, &invocation.id))?;
        let mut work = Vec::new();
        for (index, record) in event.records.iter().enumerate() {
            let id = record.id.as_deref().unwrap_or(&invocation.id);
            for command in &record.commands {
                match command.as_ref().map_err(Clone::clone).and_then(|command| self.admit(command)) {
                    Ok((provider, command)) => {
                        let steps = command.replications().into_iter();
                        work.extend(steps.map(|replication| (index, Ok((provider, command.dry_run, replication)))));
                    }
                    Err(error) => work.push((index, Err(invalid(&error, id)))),
                }
            }
        }
        // Boxed before they are streamed, so that whoever runs the handler may move it between threads.
        let steps = work.into_iter().map(|(index, step)| -> Boxed<'_, (usize, ReplicationResult)> {
            Box::pin(async move { (index, self.guarded(step, invocation).await) })
        });
        let steps: Vec<_> = steps.collect();
        let results: Vec<(usize, ReplicationResult)> =
            stream::iter(steps).buffered(self.settings.concurrency).collect().await;
        for (index, result) in &results {
            let id = event.records.get(*index).and_then(|record| record.id.as_deref()).unwrap_or(&invocation.id);
            log_result(id, result);
        }
        match event.answer {
            Answer::Results => outcome::answer(&results.into_iter().map(|(_, result)| result).collect::<Vec<_>>()),
            Answer::Batch => {
                let failed =
                    |index: usize| results.iter().any(|(of, result)| *of == index && !result.outcome.is_done());
                if event.records.iter().enumerate().any(|(index, record)| record.id.is_none() && failed(index)) {
                    // Without its ID a record cannot be handed back alone.
                    return Err(Error::new(
                        ErrorName::InvalidCommand,
                        format!(
                            "event {}: a record that failed has no messageId; the whole batch is handed back",
                            invocation.id
                        ),
                    ));
                }
                let failures: Vec<Value> = event
                    .records
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| failed(*index))
                    .filter_map(|(_, record)| record.id.as_ref())
                    .map(|id| json!({ "itemIdentifier": id }))
                    .collect();
                let mut answer = json!({ "batchItemFailures": failures });
                // A dry run is for a person, who wants to read what would be done; Lambda ignores the field.
                let dry = results.iter().filter(|(_, result)| matches!(result.outcome, Outcome::Would { .. }));
                let would: Vec<Value> = dry.flat_map(|(_, result)| result.to_json()).collect();
                if !would.is_empty() {
                    answer["results"] = json!(would);
                }
                Ok(answer)
            }
        }
    }

    /// The provider of a cloud, if this process serves it.
    pub(crate) fn provider(&self, cloud: Cloud) -> Option<&'static dyn Provider> {
        self.providers.iter().copied().find(|provider| provider.cloud() == cloud)
    }

    /// Checks a command against the provider's limits and the destination allow-list.
    pub(crate) fn admit(&self, command: &Command) -> Result<(&'static dyn Provider, Command), FieldError> {
        let cloud = command.operation.cloud();
        let provider = self.provider(cloud).ok_or_else(|| {
            let served: Vec<_> = self.providers.iter().map(|provider| provider.cloud().name()).collect();
            FieldError::new(
                "provider",
                format!(
                    "this function serves {}; send {} commands to offsite-{}",
                    served.join(", "),
                    cloud.name(),
                    cloud.name()
                ),
            )
        })?;
        self.allowed(command)?;
        let command = provider.complete(command, &self.settings.defaults);
        provider.check(&command)?;
        Ok((provider, command))
    }

    /// Checks a command against the destination allow-list.
    pub(crate) fn allowed(&self, command: &Command) -> Result<(), FieldError> {
        let cloud = command.operation.cloud();
        for (index, destination) in command.destinations.iter().enumerate() {
            if !self.settings.allows(cloud, destination) {
                return Err(FieldError::new(
                    format!("destinations[{index}].region"),
                    format!(
                        "{}:{} is not in OFFSITE_ALLOWED_DESTINATIONS; nothing was started",
                        cloud.name(),
                        destination.region
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Runs one step so that a panic in it is its own failure.
    async fn guarded(
        &self,
        step: Result<(&'static dyn Provider, bool, Replication), Error>,
        invocation: &Invocation,
    ) -> ReplicationResult {
        let (provider, dry_run, replication) = match step {
            Ok(step) => step,
            Err(error) => {
                let trouble = Trouble { state: "invalid", error, code: None, request_id: None };
                return ReplicationResult { replication: None, outcome: Outcome::Not(trouble) };
            }
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
        // Until a credential has worked once in this process it is used by one replication at a time:
        // a batch must not turn one wrong key into as many wrong signatures as lock it.
        let _gate = match self.pauses.is_proven(&credential) {
            true => None,
            false => {
                let gate = self.pauses.gate().await;
                if let Err(outcome) = self.ready(provider, replication).await {
                    return outcome;
                }
                (!self.pauses.is_proven(&credential)).then_some(gate)
            }
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

    /// The name of the credential, if there is one and it is not paused.
    pub(crate) async fn ready(
        &self,
        provider: &dyn Provider,
        replication: &Replication,
    ) -> Result<CredentialName, Outcome> {
        let account = &replication.account;
        let credential = match self.secrets.access(provider.cloud(), account, &replication.source.region, false).await {
            Ok(access) => CredentialName::of(provider.cloud(), account, &access),
            Err(error) => {
                let message = format!("{} was not started: {}", replication.describe(), error.message);
                return Err(Outcome::not_started(Error::new(error.name, message)));
            }
        };
        let now = self.clock.now();
        let pause = match self.pauses.recent(&credential, now) {
            Some(pause) => pause,
            None => {
                let read = self.ledger.pause_of(&credential).await;
                let pause = read.map_err(|error| Outcome::not_started(ledger_trouble(replication, &error)))?;
                self.pauses.remember(&credential, now, pause.clone());
                pause
            }
        };
        if let Some(pause) = pause.filter(|pause| pause.until > now) {
            let message = format!(
                "{} was not started: this credential of account {account} is paused until {} because {}; a corrected credential is used at once",
                replication.describe(),
                pause.until,
                pause.reason
            );
            let error = Error::new(ErrorName::Rejected, message);
            return Err(Outcome::Not(Trouble {
                state: "not_started",
                error,
                code: Some("credential_paused".into()),
                request_id: None,
            }));
        }
        Ok(credential)
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
                Ok(Put::Conflict(Some(found))) if found.version == next.version && found.owner == next.owner => {
                    return Some(next);
                }
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
