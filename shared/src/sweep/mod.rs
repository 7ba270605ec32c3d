//! The action `sweep`: for each rule, find what has no copy, and have it copied.
//!
//! A sweep of a rule is a course through six stretches: list the copies in the destinations (`copies`), list the backups and judge each
//! (`sources`), start what is due (`starts`), ask for copies that are not listed any more (`losses`), take over what earlier sweeps knew of each resource
//! (`carried`), then ask after what the ledger knows and the listing no longer shows (`gone`). It ends with a summary, which the report is made of. Where the time of one invocation ends, the next one goes on.
//!
//! **Invariant:** a page that was not read, or that cannot be the whole truth, ends the course without a summary.
//! **Invariant:** a sweep starts nothing by itself: it makes commands, and the path of every command is `replicate`.

mod answer;
mod asking;
pub(crate) mod budget;
mod carried;
mod checkpoint;
mod chunks;
mod copies;
pub(crate) mod decisions;
mod due;
pub mod findings;
mod gates;
mod gone;
mod index;
mod losses;
mod mass_loss;
mod metering;
mod pages;
pub mod pair;
pub(crate) mod progress;
pub mod register;
mod remember;
mod starts;
mod state;
mod stop;
pub mod summary;
mod vaults;
pub mod verdict;
pub mod volume;
mod word;

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;

use crate::context::{Context, Invocation};
use crate::exchange::{Target, credential};
use crate::ledger::store::LedgerError;
use crate::model::command::{Replication, Source};
use crate::model::error::{Error, ErrorName};
use crate::model::order;
use crate::model::time::later;
use crate::policy::Rule;
use crate::ports::Boxed;
use crate::providers::provider::Provider;
use crate::replicate::outbox;
use crate::replicate::outcome::not_ready;
use answer::{SweepAnswer, Swept};
use checkpoint::SAVED_EVERY_S;
use progress::Phase;
use state::Sweep;
use stop::Stop;
use summary::Summary;

/// Sweeps the rules of this function's clouds, or the one that the payload names, and then drains the outbox: protection goes first.
///
/// # Errors
/// The ledger or the policy cannot be read, or there is no such rule.
pub(crate) async fn run(ctx: &Context, payload: &Value, invocation: &Invocation) -> Result<SweepAnswer, Error> {
    let only = payload.get("rule").and_then(Value::as_str);
    let policy = ctx.ports.policies.policy().await?;
    let rules: Vec<&Rule> = policy
        .iter()
        .flat_map(|policy| &policy.rules)
        .filter(|rule| ctx.provider(rule.operation.cloud()).is_some())
        .filter(|rule| only.is_none_or(|only| rule.name == only))
        .collect();
    if let (Some(only), []) = (only, rules.as_slice()) {
        return Err(Error::new(
            ErrorName::InvalidCommand,
            format!("event {}: rule: \"{only}\" is no rule of the policy that this function serves", invocation.id),
        ));
    }
    // Whichever waits longest goes first, so that a large rule does not keep a small one from its turn. What was in trouble goes last, so
    // that it does not keep the others waiting.
    let mut waiting = Vec::with_capacity(rules.len());
    for rule in rules {
        let notes = &*ctx.ports.notes;
        let last = summary::read(notes, &rule.name).await.map_err(|error| unreadable(&error))?;
        let trouble = summary::trouble(notes, &rule.name).await.map_err(|error| unreadable(&error))?;
        let dark = last.as_ref().is_some_and(|(last, _)| last.dark.iter().any(Option::is_some));
        waiting.push((trouble.is_some() || dark, last.map(|(last, _)| last.complete_as_of), rule));
    }
    order::by_key(&mut waiting, |(trouble, last, _)| (*trouble, *last));
    let left = |to: Timestamp| Duration::try_from(to.duration_since(ctx.now())).unwrap_or_default();
    let for_rules = later(ctx.now(), left(invocation.deadline).mul_f64(1.0 - OUTBOX_KEEPS));
    let of_rules = Invocation { id: invocation.id.clone(), deadline: for_rules };
    // All at once: a rule whose cloud, key or destination does not answer keeps nothing from the others.
    let at_once = (STARTS_AT_ONCE * ctx.settings.concurrency / waiting.len().max(1)).clamp(1, ctx.settings.concurrency);
    let rules = waiting
        .into_iter()
        .map(|(_, last, rule)| -> Boxed<'_, Swept> { Box::pin(sweep_rule(ctx, rule, last, at_once, &of_rules)) });
    let swept = join_all(rules.collect::<Vec<_>>()).await;
    let share = left(invocation.deadline).mul_f64(OUTBOX_SHARE).max(OUTBOX_LEAST);
    let deadline = later(ctx.now(), share).min(invocation.deadline);
    let outbox = match ctx.settings.read_only {
        true => outbox::Drained::default(),
        false => outbox::drain(ctx, &Invocation { id: invocation.id.clone(), deadline }).await?,
    };
    Ok(SweepAnswer { outbox, swept })
}

/// Rules share this many times the concurrency of one, so that many rules together do not wait for the pacer longer than a start may take.
const STARTS_AT_ONCE: usize = 4;

/// The part of an invocation's time that the rules leave to the outbox, so that it has its turn even if they never end.
const OUTBOX_KEEPS: f64 = 1.0 / 6.0;

/// The part of the time left after the rules that the outbox may take.
const OUTBOX_SHARE: f64 = 0.2;

/// And what it may take in any case.
const OUTBOX_LEAST: Duration = Duration::from_secs(5);

async fn sweep_rule(
    ctx: &Context,
    rule: &Rule,
    last: Option<Timestamp>,
    at_once: usize,
    invocation: &Invocation,
) -> Swept {
    let mut sweep = match Sweep::begin(ctx, rule, invocation).await {
        Ok(sweep) => Sweep { at_once, ..sweep },
        Err(stop) => {
            metering::measure_unfinished(ctx, rule, last);
            return Swept::stopped(&rule.name, &stop, None);
        }
    };
    match sweep.run().await {
        Ok(summary) => {
            sweep.measure(&summary).await;
            Swept::complete(rule, &summary, &sweep.course)
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
            metering::measure_unfinished(ctx, rule, last.or(Some(sweep.course.tried_since())));
            Swept::stopped(&rule.name, &stop, Some(&sweep.course))
        }
    }
}

impl<'c> Sweep<'c> {
    pub(super) async fn run(&mut self) -> Result<Summary, Stop> {
        self.may_begin().await?;
        self.read_brake().await?;
        if self.course.phase == Phase::Copies {
            self.copies().await?;
            self.enter(Phase::Sources).await?;
        }
        // Every stretch from here on depends on it, so an invocation that takes the course up reads it as well.
        self.read_pair().await?;
        if self.course.phase == Phase::Sources {
            self.read_open().await?;
            self.sources().await?;
            self.enter(Phase::Starts).await?;
        }
        if self.course.phase == Phase::Starts {
            self.starts().await?;
            self.enter(Phase::Losses).await?;
        }
        if self.course.phase == Phase::Losses {
            self.losses().await?;
            self.enter(Phase::Register).await?;
        }
        if self.course.phase == Phase::Register {
            self.carry().await?;
            self.enter(Phase::Gone).await?;
        }
        self.gone().await?;
        self.publish().await
    }

    /// Whether the destinations are allowed, and the credential is there and not paused. What stands in the way is kept with the
    /// course, so that the report tells it.
    pub(super) async fn may_begin(&self) -> Result<(), Stop> {
        let failed = |reason: String| Err(Stop::Failed(reason));
        if let Err(error) = self.ctx.settings.check_destinations(&self.rule.command_of("")) {
            return failed(error.to_string());
        }
        let Some(whole) = Sweep::whole(self.ctx, self.provider, self.rule) else { return Ok(()) };
        match credential::ready(self.ctx, Target::of(self.provider, &whole), whole.source.realm()).await {
            Ok(_) => Ok(()),
            Err(why) => failed(not_ready(&whole, why).message()),
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
        let now = self.ctx.now();
        if self.ctx.is_over(self.invocation) {
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
        let deadline = later(self.ctx.now(), STARTS_WITHIN).min(self.invocation.deadline);
        Invocation { id: self.invocation.id.clone(), deadline }
    }

    /// The replication of a rule as a whole, for reads that are not about one backup.
    pub(super) fn whole(ctx: &Context, provider: &dyn Provider, rule: &Rule) -> Option<Replication> {
        let command = provider.complete(&rule.command_of("*"), &ctx.settings.defaults);
        command.replications().into_iter().next().map(|replication| Replication {
            source: Source { region: rule.source.region.clone(), ..replication.source.clone() },
            ..replication
        })
    }
}

/// How long one replication that a sweep starts may take.
pub(crate) const STARTS_WITHIN: Duration = Duration::from_secs(60);

fn unreadable(error: &LedgerError) -> Error {
    Error::new(ErrorName::Unavailable, format!("nothing was swept: {error}; it can be repeated"))
}
