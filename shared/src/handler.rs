//! The whole path of one event, top to bottom: read, claim, read back, call, settle, emit, mark.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::command::{Command, Replication};
use crate::disposition::{Disposition, Failure};
use crate::error::{Error, ErrorName};
use crate::event::{self, Answer};
use crate::exchange::{self, Pacer, Pauses, RESERVE};
use crate::fields::FieldError;
use crate::ledger::{self, Claim, Claimant, Ending, Record, State, later};
use crate::outcome::{self, Outcome, ReplicationResult, Trouble};
use crate::ports::{Clock, CredentialName, Emitter, Filter, Ledger, LedgerError, Pause, Put, Reply, Secrets, Transport};
use crate::providers::{Acceptance, Intent, Provider, ReadBack};
use crate::receipt;
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
    /// The moment after which no exchange is begun.
    fn stop(&self) -> Timestamp {
        self.deadline.checked_sub(jiff::SignedDuration::try_from(RESERVE).unwrap_or_default()).unwrap_or(self.deadline)
    }
}

impl Handler {
    /// Handles one event.
    ///
    /// # Errors
    /// The event is no known envelope, or a direct call of which nothing at all was accepted.
    pub async fn handle(&self, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
        if payload.get("action").and_then(Value::as_str) == Some("sweep") {
            return self.drain(invocation).await;
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
        let results: Vec<(usize, ReplicationResult)> = stream::iter(work)
            .map(|(index, step)| async move { (index, self.guarded(step, invocation).await) })
            .buffered(self.settings.concurrency)
            .collect()
            .await;
        for (index, result) in &results {
            let id = event.records.get(*index).and_then(|record| record.id.as_deref()).unwrap_or(&invocation.id);
            log_result(id, result);
        }
        match event.answer {
            Answer::Results => outcome::answer(&results.into_iter().map(|(_, result)| result).collect::<Vec<_>>()),
            Answer::Batch => {
                let failed = |index: usize| results.iter().any(|(of, result)| *of == index && !result.outcome.is_done());
                if event.records.iter().enumerate().any(|(index, record)| record.id.is_none() && failed(index)) {
                    // Without its ID a record cannot be handed back alone.
                    return Err(Error::new(ErrorName::InvalidCommand, format!("event {}: a record that failed has no messageId; the whole batch is handed back", invocation.id)));
                }
                let failures: Vec<Value> = event
                    .records
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| failed(*index))
                    .filter_map(|(_, record)| record.id.as_ref())
                    .map(|id| json!({ "itemIdentifier": id }))
                    .collect();
                Ok(json!({ "batchItemFailures": failures }))
            }
        }
    }

    /// Emits what earlier invocations left in the outbox. This is what a `sweep` does in this version.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn drain(&self, invocation: &Invocation) -> Result<Value, Error> {
        let filter = Filter { state: None, outbox: true };
        let (mut drained, mut left, mut after) = (0_u64, 0_u64, None);
        let unreadable = |error: LedgerError| Error::new(ErrorName::Unavailable, format!("the outbox was not drained: {error}; it can be repeated"));
        loop {
            let page = self.ledger.list(&filter, after.as_ref(), 100).await.map_err(unreadable)?;
            for record in &page.records {
                let delivered = match record.replication() {
                    Ok(replication) if self.clock.now() < invocation.stop() => self.deliver(&replication, record, invocation).await,
                    Ok(_) => false,
                    Err(error) => {
                        tracing::error!(key = record.key, %error, "a record in the outbox cannot be read");
                        false
                    }
                };
                if delivered {
                    drained += 1;
                } else {
                    left += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(json!({ "outbox": { "drained": drained, "left": left } }));
            }
        }
    }

    /// Checks a command against the provider's limits and the destination allow-list.
    fn admit(&self, command: &Command) -> Result<(&'static dyn Provider, Command), FieldError> {
        let cloud = command.operation.cloud();
        let provider = self.providers.iter().copied().find(|provider| provider.cloud() == cloud).ok_or_else(|| {
            let served: Vec<_> = self.providers.iter().map(|provider| provider.cloud().name()).collect();
            FieldError::new("provider", format!("this function serves {}; send {} commands to offsite-{}", served.join(", "), cloud.name(), cloud.name()))
        })?;
        for (index, destination) in command.destinations.iter().enumerate() {
            if !self.settings.allows(cloud, destination) {
                return Err(FieldError::new(
                    format!("destinations[{index}].region"),
                    format!("{}:{} is not in OFFSITE_ALLOWED_DESTINATIONS; nothing was started", cloud.name(), destination.region),
                ));
            }
        }
        let command = provider.complete(command, &self.settings.defaults);
        provider.check(&command)?;
        Ok((provider, command))
    }

    /// Runs one step so that a panic in it is its own failure.
    async fn guarded(&self, step: Result<(&'static dyn Provider, bool, Replication), Error>, invocation: &Invocation) -> ReplicationResult {
        let (provider, dry_run, replication) = match step {
            Ok(step) => step,
            Err(error) => {
                let trouble = Trouble { state: "invalid", error, code: None, request_id: None };
                return ReplicationResult { replication: None, outcome: Outcome::Not(trouble) };
            }
        };
        let run = async {
            if dry_run {
                self.look(provider, &replication, invocation).await
            } else {
                self.replicate(provider, &replication, invocation).await
            }
        };
        let outcome = AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
            Outcome::Not(in_doubt(&replication, "panic", "this function failed inside (see the log); the ledger keeps what was intended", None))
        });
        ReplicationResult { replication: Some(replication), outcome }
    }

    /// Claim, work, settle, emit, mark.
    async fn replicate(&self, provider: &dyn Provider, replication: &Replication, invocation: &Invocation) -> Outcome {
        let now = self.clock.now();
        if now >= invocation.stop() {
            return Outcome::not_started(unavailable(replication, "no time is left before this function's deadline; it is handed back and starts again"));
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
        let me = Claimant { owner: self.clock.nonce().0, lease_until: later(invocation.deadline, self.settings.lease_margin), now };
        let record = match self.claim(replication, &me).await {
            Ok(Ok(record)) => record,
            Ok(Err(claim)) => return self.without_claim(replication, claim, invocation).await,
            Err(error) => return Outcome::not_started(ledger_trouble(replication, &error)),
        };
        let ending = self.work(provider, replication, &record, invocation).await;
        let me = Claimant { now: self.clock.now(), ..me };
        if matches!(&ending, Ending::Accepted(_) | Ending::Refused { .. } | Ending::Ineligible { .. } | Ending::NoWork { .. }) {
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

    /// The name of the credential, if there is one and it is not paused.
    async fn ready(&self, provider: &dyn Provider, replication: &Replication) -> Result<CredentialName, Outcome> {
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
                replication.describe(), pause.until, pause.reason
            );
            let error = Error::new(ErrorName::Rejected, message);
            return Err(Outcome::Not(Trouble { state: "not_started", error, code: Some("credential_paused".into()), request_id: None }));
        }
        Ok(credential)
    }

    /// Takes the replication, or tells why not. The write is durable before this returns.
    async fn claim(&self, replication: &Replication, me: &Claimant) -> Result<Result<Record, Claim>, LedgerError> {
        let mut existing: Option<Box<Record>> = None;
        for _ in 0..8 {
            match ledger::claim(existing.as_deref(), replication, me, &self.settings.attempts) {
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

    /// Answers from what the ledger says when the replication is not ours to act on.
    async fn without_claim(&self, replication: &Replication, claim: Claim, invocation: &Invocation) -> Outcome {
        match claim {
            Claim::Replay(record) => self.replay(replication, *record, invocation).await,
            Claim::Busy(until) => Outcome::not_started(unavailable(
                replication,
                &format!("another delivery of it is being worked on until {until}; it answers from the ledger after that"),
            )),
            Claim::Mismatch(record) => {
                let message = format!(
                    "{} was not started: the same replication is {} with other options, vault or project (record {}); see it with `offsite ledger show {}`, and repeat the first command unchanged",
                    replication.describe(), record.state.name(), record.key, record.key
                );
                let error = Error::new(ErrorName::InvalidCommand, message);
                Outcome::Not(Trouble { state: "refused", error, code: Some("payload_mismatch".into()), request_id: None })
            }
            Claim::Write(..) | Claim::Ours(_) => Outcome::not_started(unavailable(replication, "the claim was not decided")),
        }
    }

    async fn replay(&self, replication: &Replication, record: Record, invocation: &Invocation) -> Outcome {
        let last = record.last().cloned();
        let code = last.as_ref().and_then(|entry| entry.code.clone());
        let request_id = last.as_ref().and_then(|entry| entry.request_id.clone());
        let text = last.as_ref().and_then(|entry| entry.note.clone()).unwrap_or_default();
        match record.state {
            State::Accepted => {
                let queued = !record.outbox || self.deliver(replication, &record, invocation).await;
                Outcome::Accepted { receipts: record.receipts, attempt: record.attempt, queued, replayed: true }
            }
            State::NoWork => Outcome::NoWork { code: code.unwrap_or_default() },
            State::Ineligible => Outcome::Not(ineligible(replication, &text)),
            state => {
                let next = match (state, record.not_before) {
                    (State::Abandoned, _) => "a person gave it up".to_owned(),
                    (_, Some(at)) if at > self.clock.now() && record.attempt < self.settings.attempts.limit => format!("the next attempt may start after {at}"),
                    _ => format!("all {} attempts are used; see `offsite ledger show {}`", record.attempt, record.key),
                };
                let message = format!("{} was refused before (attempt {}): {} {text}; {next}", replication.describe(), record.attempt, code.clone().unwrap_or_default());
                Outcome::Not(Trouble { state: "refused", error: Error::new(ErrorName::Rejected, message), code, request_id })
            }
        }
    }

    /// Reads back where there is reason to, and calls where nothing speaks against it.
    async fn work(&self, provider: &dyn Provider, replication: &Replication, record: &Record, invocation: &Invocation) -> Ending {
        let intent = Intent { attempt: record.attempt, since: record.since, doubt: record.state == State::InDoubt };
        let stop = invocation.stop();
        if intent.doubt || provider.reads_first(replication) {
            let waited = record.doubt_since.is_none_or(|since| later(since, self.settings.visibility_wait(provider.cloud())) <= self.clock.now());
            let conclusive = !intent.doubt || waited;
            match self.read_back(provider, replication, &intent, stop).await {
                ReadBack::Found(acceptance) if conclusive || provider.settles_at_once(replication) => {
                    return Ending::Accepted(acceptance.receipts(true, self.clock.now()));
                }
                ReadBack::Found(_) => return still_in_doubt("partly_visible", "further copies may still become visible", &None),
                ReadBack::Running => return still_in_doubt("running", "a copy to this destination is running, but its ID cannot be seen yet", &None),
                ReadBack::Absent if !conclusive => {
                    return still_in_doubt("not_visible_yet", "no copy can be seen; it may take the provider some time to show one", &None);
                }
                ReadBack::Absent if record.doubtful_calls >= self.settings.attempts.limit => {
                    return still_in_doubt("too_many_doubts", "every call so far had an unknown outcome, and no copy can be seen; a person must settle it (`offsite ledger resolve`)", &None);
                }
                ReadBack::Absent if intent.doubt && self.settings.on_doubt(provider.cloud()) == OnDoubt::Hold => {
                    return still_in_doubt("held", "no copy can be seen, and this provider's doubts are held for a person (`offsite ledger resolve`)", &None);
                }
                ReadBack::Absent => {}
                ReadBack::NotReady(reason) => return released(ErrorName::Unavailable, "not_ready", reason, None),
                ReadBack::Ineligible(reason) if !conclusive => return still_in_doubt("not_visible_yet", &reason, &None),
                ReadBack::Ineligible(reason) => return Ending::Ineligible { reason },
                ReadBack::Failed(failure) => return self.failed_read(provider, replication, failure, conclusive).await,
                ReadBack::Ask(_) => return still_in_doubt("read_back", "reading back did not come to an end", &None),
            }
        }
        let call = provider.start(replication, &intent);
        let start = exchange::with_retry(self, stop, || async {
            let reply = exchange::once(self, provider, &call, &replication.account, true, stop).await?;
            provider.started(replication, &reply)
        });
        let failure = match start.await {
            Ok(acceptance) => return Ending::Accepted(acceptance.receipts(false, self.clock.now())),
            Err(failure) => failure,
        };
        let (code, request_id) = (failure.code.clone(), failure.request_id.clone());
        match failure.disposition {
            Disposition::Permanent => Ending::Refused { code, note: told(&failure), request_id },
            Disposition::Throttled => released(ErrorName::Throttled, &code, told(&failure), request_id),
            Disposition::Retryable => released(ErrorName::Unavailable, &code, told(&failure), request_id),
            Disposition::Authentication => {
                self.pause(provider, replication, &failure).await;
                released(ErrorName::Rejected, &code, told(&failure), request_id)
            }
            Disposition::Ambiguous | Disposition::Conflict | Disposition::NoWork => self.second_look(provider, replication, &intent, failure, stop).await,
        }
    }

    /// After a call whose outcome only the provider's records can tell.
    async fn second_look(&self, provider: &dyn Provider, replication: &Replication, intent: &Intent, failure: Failure, stop: Timestamp) -> Ending {
        let nothing_to_do = failure.disposition == Disposition::NoWork;
        let intent = Intent { doubt: true, ..intent.clone() };
        let looks = std::iter::once(Duration::ZERO).chain(self.settings.second_looks.iter().copied());
        for wait in looks {
            if later(self.clock.now(), wait + RESERVE) >= stop {
                break;
            }
            self.clock.sleep(wait).await;
            match self.read_back(provider, replication, &intent, stop).await {
                ReadBack::Found(acceptance) if provider.settles_at_once(replication) || nothing_to_do => {
                    return Ending::Accepted(acceptance.receipts(true, self.clock.now()));
                }
                ReadBack::Absent if nothing_to_do => {
                    return Ending::NoWork { code: failure.code, request_id: failure.request_id };
                }
                _ => {}
            }
        }
        Ending::InDoubt { code: failure.code.clone(), note: told(&failure), request_id: failure.request_id, called: true }
    }

    async fn failed_read(&self, provider: &dyn Provider, replication: &Replication, failure: Failure, conclusive: bool) -> Ending {
        let note = format!("reading back failed: {}", told(&failure));
        let (code, request_id) = (failure.code.clone(), failure.request_id.clone());
        match failure.disposition {
            Disposition::Permanent if conclusive => Ending::Refused { code, note: told(&failure), request_id },
            Disposition::Authentication => {
                self.pause(provider, replication, &failure).await;
                released(ErrorName::Rejected, &code, note, request_id)
            }
            Disposition::Throttled => released(ErrorName::Throttled, &code, note, request_id),
            _ => released(ErrorName::Unavailable, &code, note, request_id),
        }
    }

    /// Asks the provider what there is, page by page.
    async fn read_back(&self, provider: &dyn Provider, replication: &Replication, intent: &Intent, stop: Timestamp) -> ReadBack {
        let mut replies: Vec<Reply> = Vec::new();
        loop {
            let call = match provider.read_back(replication, intent, &replies) {
                ReadBack::Ask(call) => call,
                ReadBack::Failed(failure) if matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable) && !replies.is_empty() => {
                    return ReadBack::Failed(failure);
                }
                other => return other,
            };
            let asked = exchange::with_retry(self, stop, || async {
                let reply = exchange::once(self, provider, &call, &replication.account, false, stop).await?;
                match provider.refused(&call, &reply) {
                    Some(failure) => Err(failure.of_read()),
                    None => Ok(reply),
                }
            });
            match asked.await {
                Ok(reply) => replies.push(reply),
                Err(failure) => return ReadBack::Failed(failure),
            }
        }
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
                Ok(Put::Conflict(Some(found))) if found.version == next.version && found.owner == next.owner => return Some(next),
                Ok(Put::Conflict(Some(found))) => current = *found,
                Ok(Put::Conflict(None)) => {
                    tracing::error!(key = %replication_key(record), "the record vanished from the ledger");
                    return None;
                }
                Err(error) => {
                    tracing::error!(key = %replication_key(record), %error, "the outcome could not be recorded");
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
    async fn finish(&self, replication: &Replication, claimed: &Record, settled: Option<Record>, ending: Ending, invocation: &Invocation) -> Outcome {
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
                let queued = if recorded { !record.outbox || self.deliver(replication, &record, invocation).await } else { self.emit(replication, &record).await };
                Outcome::Accepted { receipts: record.receipts, attempt: record.attempt, queued, replayed: false }
            }
            Ending::Released { name, code, note, request_id } => {
                let doubtful = settled.as_ref().is_some_and(|record| record.state == State::InDoubt);
                if doubtful {
                    return Outcome::Not(in_doubt(replication, &code, &note, request_id));
                }
                let next = if name == ErrorName::Rejected { "" } else { ", it can be repeated" };
                let message = format!("{} was not started: {code}: {note}; certainly not applied{next}", replication.describe());
                Outcome::Not(Trouble { state: "not_started", error: Error::new(name, message), code: Some(code), request_id })
            }
            Ending::InDoubt { code, note, request_id, .. } => Outcome::Not(in_doubt(replication, &code, &note, request_id)),
            Ending::Refused { code, note, request_id } => {
                let message = format!("{} was refused: {code}: {note}", replication.describe());
                Outcome::Not(Trouble { state: "refused", error: Error::new(ErrorName::Rejected, message), code: Some(code), request_id })
            }
            Ending::Ineligible { reason } => Outcome::Not(ineligible(replication, &reason)),
            Ending::NoWork { code, .. } => Outcome::NoWork { code },
        }
    }

    /// Opens the records of a vault's backups, emits the receipts and marks the record. True when the queue has them.
    async fn deliver(&self, replication: &Replication, record: &Record, invocation: &Invocation) -> bool {
        for receipt in record.receipts.iter().filter(|receipt| receipt.backup_id.is_some()) {
            self.open_backup(replication, receipt, record, invocation).await;
        }
        if !self.emit(replication, record).await {
            return false;
        }
        let (next, expect) = ledger::emitted(record);
        match self.ledger.put(&next, &expect).await {
            Ok(_) => {}
            // The receipts are on the queue; sending them again under the same event IDs is harmless.
            Err(error) => tracing::warn!(key = record.key, %error, "emitted, but not marked so"),
        }
        true
    }

    async fn emit(&self, replication: &Replication, record: &Record) -> bool {
        let mut messages = Vec::with_capacity(record.receipts.len());
        for (index, one) in record.receipts.iter().enumerate() {
            let extra = record.receipts[..index].iter().any(|other| other.backup_id == one.backup_id);
            // A backup of a vault-wide call has a first attempt of its own.
            let attempt = if one.backup_id.is_some() { 1 } else { record.attempt };
            messages.push(receipt::accepted(replication, attempt, one, extra));
        }
        let outcomes = self.emitter.emit(&messages).await;
        for (message, outcome) in messages.iter().zip(&outcomes) {
            if let Err(error) = outcome {
                tracing::error!(event = %message.event, %error, "the queue has not taken this receipt; it stays in the outbox");
            }
        }
        outcomes.iter().all(Result::is_ok)
    }

    /// The record of one backup that a vault-wide call started.
    async fn open_backup(&self, replication: &Replication, receipt: &receipt::Receipt, vault: &Record, invocation: &Invocation) {
        let Some(backup_id) = &receipt.backup_id else { return };
        let backup = replication.of_backup(backup_id);
        let me = Claimant { owner: vault.owner.clone(), lease_until: invocation.deadline, now: self.clock.now() };
        let receipt = receipt::Receipt { backup_id: None, ..receipt.clone() };
        let record = Record::accepted(&backup, receipt.clone(), &me);
        let mut result = self.ledger.put(&record, &crate::ports::Expect::Absent).await;
        for _ in 0..4 {
            let found = match result {
                Ok(Put::Conflict(Some(found))) => found,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(backup_id, %error, "the backup's own record could not be written; the vault's record has the receipt");
                    return;
                }
            };
            let ending = Ending::Accepted(vec![receipt.clone()]);
            let Some((mut next, expect)) = ledger::settle(&found, &ending, &me, &self.settings.attempts) else { return };
            // The vault's record carries the receipt to the queue, under the same event ID.
            next.outbox = found.outbox;
            result = self.ledger.put(&next, &expect).await;
        }
    }

    /// Pauses the credential for every function that shares the ledger.
    async fn pause(&self, provider: &dyn Provider, replication: &Replication, failure: &Failure) {
        let now = self.clock.now();
        let pause = Pause { until: later(now, self.settings.pause), reason: format!("the provider said {failure}") };
        tracing::error!(provider = provider.cloud().name(), account = replication.account, until = %pause.until, %failure, "the credential was refused; no function uses it until then");
        let Ok(access) = self.secrets.access(provider.cloud(), &replication.account, &replication.source.region, false).await else { return };
        let credential = CredentialName::of(provider.cloud(), &replication.account, &access);
        self.pauses.remember(&credential, now, Some(pause.clone()));
        if let Err(error) = self.ledger.pause(&credential, &pause).await {
            tracing::warn!(%error, "the pause holds in this process only");
        }
    }

    /// A dry run: everything but the mutating call and the ledger's writes.
    async fn look(&self, provider: &dyn Provider, replication: &Replication, invocation: &Invocation) -> Outcome {
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
            Claim::Write(next, _) | Claim::Ours(next) => Intent { attempt: next.attempt, since: next.since, doubt: next.state == State::InDoubt },
            Claim::Busy(until) => return would("wait", format!("another delivery works on it until {until}"), None),
            claim @ Claim::Mismatch(_) => return self.without_claim(replication, claim, invocation).await,
            Claim::Replay(record) => {
                let id = record.receipts.first().and_then(|receipt| receipt.replication_id.clone());
                return would("replay", format!("the ledger has it as {}", record.state.name()), id);
            }
        };
        match self.read_back(provider, replication, &intent, invocation.stop()).await {
            ReadBack::Found(Acceptance { receipts, .. }) => {
                would("adopt", "the provider has this copy already".into(), receipts.into_iter().find_map(|found| found.replication_id))
            }
            ReadBack::Running => would("wait", "a copy to this destination is running".into(), None),
            ReadBack::Absent if intent.doubt => would("wait", "an earlier call's outcome is unknown, and no copy can be seen".into(), None),
            ReadBack::Absent => would("start", "there is no copy yet".into(), None),
            ReadBack::NotReady(reason) => would("wait", reason, None),
            ReadBack::Ineligible(reason) => would("nothing", reason, None),
            ReadBack::Failed(failure) => {
                let name = if failure.disposition == Disposition::Permanent { ErrorName::Rejected } else { ErrorName::Unavailable };
                let message = format!("{} cannot be looked at: {failure}", replication.describe());
                Outcome::Not(Trouble { state: "not_started", error: Error::new(name, message), code: Some(failure.code), request_id: failure.request_id })
            }
            ReadBack::Ask(_) => would("wait", "reading back did not come to an end".into(), None),
        }
    }
}

fn replication_key(record: &Record) -> &str {
    &record.key
}

fn told(failure: &Failure) -> String {
    match failure.advice {
        "" => failure.message.clone(),
        advice => format!("{}; {advice}", failure.message),
    }
}

fn released(name: ErrorName, code: &str, note: String, request_id: Option<String>) -> Ending {
    Ending::Released { name, code: code.to_owned(), note, request_id }
}

fn still_in_doubt(code: &str, note: &str, request_id: &Option<String>) -> Ending {
    Ending::InDoubt { code: code.to_owned(), note: note.to_owned(), request_id: request_id.clone(), called: false }
}

fn in_doubt(replication: &Replication, code: &str, note: &str, request_id: Option<String>) -> Trouble {
    let message = format!(
        "{} is in doubt: {code}: {note}; nothing is repeated blindly: deliver the same command again later and it reads back first",
        replication.describe()
    );
    Trouble { state: "in_doubt", error: Error::new(ErrorName::InDoubt, message), code: Some(code.to_owned()), request_id }
}

fn ineligible(replication: &Replication, reason: &str) -> Trouble {
    let error = Error::new(ErrorName::Rejected, format!("{} cannot be done: {reason}", replication.describe()));
    Trouble { state: "ineligible", error, code: None, request_id: None }
}

fn unavailable(replication: &Replication, reason: &str) -> Error {
    Error::new(ErrorName::Unavailable, format!("{} was not started: {reason}", replication.describe()))
}

fn ledger_trouble(replication: &Replication, error: &LedgerError) -> Error {
    unavailable(replication, &format!("{error}; nothing was started that could not be recorded, it can be repeated"))
}

fn invalid(error: &FieldError, id: &str) -> Error {
    Error::new(ErrorName::InvalidCommand, format!("event {id}: {error}"))
}

fn log_result(event_id: &str, result: &ReplicationResult) {
    if let Outcome::Not(trouble) = &result.outcome {
        tracing::warn!(event_id, state = trouble.state, name = trouble.error.name.name(), code = trouble.code, request_id = trouble.request_id, "{}", trouble.error.message);
    }
}
