//! The action `sweep`: for each rule, find what has no copy, and have it copied.
//!
//! A sweep of a rule is a course through three stretches: list the copies in the destinations (`copies`), then list the backups
//! and judge each (`sources`), then ask after what the ledger knows and the listing no longer shows (`gone`). It ends with a
//! summary, which the report is made of. Where the time of one invocation ends, the next one goes on.
//!
//! **Invariant:** a page that was not read, or that cannot be the whole truth, ends the course without a summary.
//! **Invariant:** a sweep starts nothing by itself: it makes commands, and the path of every command is `replicate`.

mod checkpoint;
mod chunks;
pub mod findings;
mod gone;
mod index;
mod metering;
mod pages;
pub mod pair;
mod progress;
mod starts;
mod state;
mod stop;
pub mod summary;
pub mod verdict;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::context::{Handler, Invocation};
use crate::ledger::store::LedgerError;
use crate::model::command::{Replication, Source};
use crate::model::error::{Error, ErrorName};
use crate::model::time::later;
use crate::policy::Rule;
use crate::providers::provider::Provider;
use checkpoint::SAVED_EVERY_S;
use progress::{Course, Phase};
use state::Sweep;
use stop::Stop;
use summary::Summary;

impl Handler {
    /// Drains the outbox and sweeps the rules of this function's clouds, or the one that the payload names.
    ///
    /// # Errors
    /// The ledger or the policy cannot be read, or there is no such rule.
    pub(crate) async fn sweep(&self, payload: &Value, invocation: &Invocation) -> Result<Value, Error> {
        let mut answer = self.drain(invocation).await?;
        let only = payload.get("rule").and_then(Value::as_str);
        let policy = self.policies.policy().await?;
        let rules: Vec<&Rule> = policy
            .iter()
            .flat_map(|policy| &policy.rules)
            .filter(|rule| self.provider(rule.operation.cloud()).is_some())
            .filter(|rule| only.is_none_or(|only| rule.name == only))
            .collect();
        if let (Some(only), []) = (only, rules.as_slice()) {
            return Err(Error::new(
                ErrorName::InvalidCommand,
                format!("event {}: rule: \"{only}\" is no rule of the policy that this function serves", invocation.id),
            ));
        }
        // Whichever waits longest goes first, so that a large rule does not keep a small one from its turn.
        let mut waiting = Vec::with_capacity(rules.len());
        for rule in rules {
            let last = summary::read(&*self.notes, &rule.name).await.map_err(|error| unreadable(&error))?;
            waiting.push((last.map(|(last, _)| last.complete_as_of), rule));
        }
        waiting.sort_by_key(|(last, _)| *last);
        let mut swept = Vec::new();
        for (last, rule) in waiting {
            swept.push(self.sweep_rule(rule, last, invocation).await);
        }
        answer["swept"] = json!(swept);
        Ok(answer)
    }

    async fn sweep_rule(&self, rule: &Rule, last: Option<Timestamp>, invocation: &Invocation) -> Value {
        let mut sweep = match Sweep::begin(self, rule, invocation).await {
            Ok(sweep) => sweep,
            Err(stop) => {
                metering::measure_unfinished(self, rule, last);
                return told(rule, &stop, None);
            }
        };
        match sweep.run().await {
            Ok(summary) => {
                sweep.measure(&summary).await;
                let counts = json!(summary.counts);
                json!({
                    "rule": rule.name, "complete": true, "complete_as_of": summary.complete_as_of.to_string(), "counts": counts,
                    "started": sweep.course.started, "handed_over": sweep.course.handed_over, "requests": sweep.course.requests,
                })
            }
            Err(stop) => {
                if let Stop::Failed(reason) = &stop {
                    tracing::error!(rule = rule.name, %reason, "the sweep did not come to its end");
                    sweep.course.error = Some(reason.clone());
                }
                if !matches!(stop, Stop::Busy(_))
                    && let Err(again) = sweep.checkpoint(true).await
                {
                    tracing::warn!(rule = rule.name, error = %again.reason(), "how far this sweep came is not recorded");
                }
                metering::measure_unfinished(self, rule, last.or(Some(sweep.course.tried_since())));
                told(rule, &stop, Some(&sweep.course))
            }
        }
    }
}

impl<'h> Sweep<'h> {
    pub(super) async fn run(&mut self) -> Result<Summary, Stop> {
        self.may_begin().await?;
        if self.course.phase == Phase::Copies {
            self.copies().await?;
            self.enter(Phase::Sources).await?;
        }
        if self.course.phase == Phase::Sources {
            self.sources().await?;
            self.enter(Phase::Gone).await?;
        }
        self.gone().await?;
        self.publish().await
    }

    /// Whether the destinations are allowed, and the credential is there and not paused. What stands in the way is kept with the
    /// course, so that the report tells it.
    pub(super) async fn may_begin(&self) -> Result<(), Stop> {
        let failed = |reason: String| Err(Stop::Failed(reason));
        if let Err(error) = self.handler.allowed(&self.rule.command_of("")) {
            return failed(error.to_string());
        }
        let Some(whole) = Sweep::whole(self.handler, self.provider, self.rule) else { return Ok(()) };
        match self.handler.ready(self.provider, &whole).await {
            Ok(_) => Ok(()),
            Err(outcome) => failed(outcome.message()),
        }
    }

    pub(super) async fn enter(&mut self, phase: Phase) -> Result<(), Stop> {
        self.course.phase = phase;
        self.course.cursor = None;
        // Worth a write only where another invocation may have to go on from here.
        self.tick().await
    }

    /// Between two exchanges: is there time left, and is it time to write down how far this is?
    pub(super) async fn tick(&mut self) -> Result<(), Stop> {
        let now = self.handler.clock.now();
        if now >= self.invocation.stop() {
            return Err(Stop::Time);
        }
        self.flush_if_many().await?;
        if now.duration_since(self.saved_at).as_secs() >= SAVED_EVERY_S {
            self.checkpoint(false).await?;
        }
        Ok(())
    }

    /// An invocation for one replication: a sweep may go on for hours, and a lease must not.
    pub(super) fn soon(&self) -> Invocation {
        let deadline = later(self.handler.clock.now(), STARTS_WITHIN).min(self.invocation.deadline);
        Invocation { id: self.invocation.id.clone(), deadline }
    }

    /// The replication of a rule as a whole, for reads that are not about one backup.
    pub(super) fn whole(handler: &Handler, provider: &dyn Provider, rule: &Rule) -> Option<Replication> {
        let command = provider.complete(&rule.command_of("*"), &handler.settings.defaults);
        command.replications().into_iter().next().map(|replication| Replication {
            source: Source { region: rule.source.region.clone(), ..replication.source.clone() },
            ..replication
        })
    }
}

/// How long one replication that a sweep starts may take.
pub(crate) const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Why the first rule of this answer that failed did so.
pub(crate) fn first_failure(answer: &Value) -> Option<String> {
    let swept = answer.get("swept")?.as_array()?;
    let failed = swept.iter().find(|one| one.get("failed").is_some())?;
    let text = |name: &str| failed.get(name).and_then(Value::as_str).unwrap_or_default();
    Some(format!("the sweep of {} did not come to its end: {}", text("rule"), text("reason")))
}

fn told(rule: &Rule, stop: &Stop, course: Option<&Course>) -> Value {
    let mut told = json!({ "rule": rule.name, "complete": false, "reason": stop.reason() });
    if matches!(stop, Stop::Failed(_)) {
        told["failed"] = json!(true);
    }
    if let Some(course) = course {
        told["began"] = json!(course.begun.to_string());
        told["started"] = json!(course.started);
        told["handed_over"] = json!(course.handed_over);
        told["requests"] = json!(course.requests);
    }
    told
}

fn unreadable(error: &LedgerError) -> Error {
    Error::new(ErrorName::Unavailable, format!("nothing was swept: {error}; it can be repeated"))
}
