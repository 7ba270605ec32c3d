//! Remembers what sweeps came to: once one has ended, its rule is judged as the report judges it, and that is taken in.

use std::time::Duration;

use jiff::Timestamp;

use super::memory::{self, NAMES, Unprotected};
use super::month::Look;
use super::reading::{self, ReportRequest, Words};
use super::{ResourceLine, ResourceState, RuleReport};
use crate::context::{Context, Invocation};
use crate::ledger::store::LedgerError;
use crate::policy::Policy;

/// How far two sweeps of a rule that promises nothing may be apart.
const DAY: Duration = Duration::from_secs(86_400);

/// Remembers what the sweeps came to that have ended in this invocation. What cannot be written is logged: the next sweep goes on from
/// what there is.
pub(crate) async fn remember(ctx: &Context, rules: &[&str], invocation: &Invocation) {
    if ctx.settings.read_only || rules.is_empty() {
        return;
    }
    let Ok(Some(policy)) = ctx.ports.policies.policy().await else { return };
    for rule in rules {
        if ctx.now() >= invocation.deadline {
            tracing::warn!(rule, "no time was left to remember what the sweep came to; the next one does");
            return;
        }
        if let Err(error) = remember_rule(ctx, &policy, rule).await {
            tracing::warn!(rule, %error, "what the sweep came to is not remembered; the next one goes on from what is");
        }
    }
}

async fn remember_rule(ctx: &Context, policy: &Policy, name: &str) -> Result<(), LedgerError> {
    let Some(rule) = policy.rule(name) else { return Ok(()) };
    let allowed = rule.effective().map_or(DAY, |objective| objective.max_lag);
    let wish = ReportRequest {
        at: ctx.now(),
        // A rule that promises much is not unknown because its sweep took longer.
        max_age: allowed.max(DAY),
        rule: Some(name),
        live: false,
        lines: NAMES,
        defaults: ctx.settings.defaults.clone(),
    };
    let report = reading::judge(&*ctx.ports.ledger, &*ctx.ports.notes, Some(policy), &wish, Words::All).await?;
    let Some(judged) = report.rules.first() else { return Ok(()) };
    let Some(look) = look_of(judged, wish.at) else { return Ok(()) };
    memory::add(&*ctx.ports.notes, name, &look, &unprotected_of(judged), allowed).await
}

/// What a report comes to, as it is remembered; `None` before the first complete sweep.
fn look_of(judged: &RuleReport, at: Timestamp) -> Option<Look> {
    Some(Look {
        at,
        complete_as_of: judged.complete_as_of?,
        conclusion: judged.conclusion,
        counts: judged.counts,
        resources: judged.resources,
        gaps: judged.gaps,
        backlog: judged.backlog,
    })
}

fn unprotected_of(judged: &RuleReport) -> Vec<Unprotected> {
    let red = |line: &&ResourceLine| matches!(line.state, ResourceState::Unprotected | ResourceState::Stale);
    let lines = judged.unprotected.iter().filter(red).take(NAMES);
    lines
        .map(|line| Unprotected {
            state: line.state,
            resource: line.resource.clone(),
            kind: line.kind.clone(),
            destination: line.destination.clone(),
            fault: line.fault,
            cause: line.cause.clone(),
            since: line.since,
        })
        .collect()
}
