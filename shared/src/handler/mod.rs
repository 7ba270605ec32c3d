//! The front door: one event in, one answer out.

pub mod answer;

use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::admit::Step;
use crate::context::{Handler, Invocation};
use crate::model::error::{Error, ErrorName};
use crate::model::text::one_line;
use crate::ports::Boxed;
use crate::replicate::outcome::{Outcome, ReplicationResult, invalid, log_result};
use crate::replicate::unless_panic;
use crate::sweep;
use crate::triggers::{self, Answer, EventRecord, Item};

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
        let event = triggers::read(payload).map_err(|error| invalid(&error, &invocation.id))?;
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
            Answer::Results => answer::answer(&results.into_iter().map(|(_, result)| result).collect::<Vec<_>>()),
            Answer::Batch => answer::batch_answer(&event.records, &results, &invocation.id),
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
}
