//! The tail: a look a minute at what is new in a source, so that a copy begins soon after its backup was finished, without any event.
//!
//! A snapshot bears the time at which it was *begun*. Three hundred disks at the full hour fill the first pages unfinished and are done hours
//! later, long off those pages. So a look does not ask "what is on the newest page?": it lists back to the newest time that it knows
//! (`reading`), remembers what is not finished yet and asks for that again by ID (`state`), and starts what has come (`judging`, `starts`).
//!
//! It belongs to a scope, which is a cloud, account, source region and project, and not to a rule: one request serves all rules there.
//!
//! **Invariant:** a look starts and records. It never writes a summary, a register, or what is complete.
//! **Invariant:** the mark moves only after all pages up to it were read and every candidate is recorded, kept, or on the work queue. A crash
//! before that repeats the look, and claims make that harmless.

mod answer;
mod judging;
mod reading;
mod scope;
mod starts;
mod state;

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;

use crate::context::metrics::Metric;
use crate::context::{Context, Invocation};
use crate::ledger::store::LedgerError;
use crate::model::command::Cloud;
use crate::model::error::{Error, ErrorName};
use crate::model::time::later;
use crate::ports::Boxed;
use crate::sweep::summary;
use answer::{Looked, TailAnswer};
use scope::{Scope, Word};
use state::{LEASE, State, Taken};

/// A look that its timer sent this long ago ends at once: the next one is due. A timer of AWS fires anywhere within a minute, and the rest
/// is the lease of a look. Source: EventBridge Scheduler user guide, "Schedule types", 60-second precision, 2026.
const STALE_S: i64 = 110;

/// So long apart are two looks at a scope that an event asks for.
const APART: Duration = Duration::from_secs(10);

/// Whether an event asked for this look that names no backup.
pub(crate) fn is_nudged(payload: &Value) -> bool {
    payload.get("nudged").and_then(Value::as_bool) == Some(true)
}

/// Looks at what is new in each scope of this function's clouds.
///
/// # Errors
/// The policy cannot be read, or the payload asks for what a look cannot do.
pub(crate) async fn run(ctx: &Context, payload: &Value, invocation: &Invocation) -> Result<TailAnswer, Error> {
    let refused = |reason: &str| Error::new(ErrorName::InvalidCommand, format!("event {}: {reason}", invocation.id));
    if payload.get("rule").is_some_and(|rule| !rule.is_null()) {
        return Err(refused("rule: a look with depth recent serves all rules of a source; leave rule out"));
    }
    if ctx.settings.read_only {
        return Err(refused("depth: a look records what it sees, so it has no dry run; a sweep without depth has one"));
    }
    if is_stale(ctx, payload) {
        return Ok(TailAnswer { late: true, ..TailAnswer::default() });
    }
    let policy = ctx.ports.policies.policy().await?;
    let scopes = scope::all(ctx, policy.as_deref());
    let apart = if is_nudged(payload) { APART } else { Duration::ZERO };
    let looks = scopes.iter().map(|scope| -> Boxed<'_, Looked> { Box::pin(look(ctx, scope, invocation, apart)) });
    let looked = join_all(looks.collect::<Vec<_>>()).await;
    measure(ctx, &looked);
    Ok(TailAnswer { looked, ..TailAnswer::default() })
}

/// Whether the timer sent this look too long ago. One that does not say when is young.
fn is_stale(ctx: &Context, payload: &Value) -> bool {
    let sent = payload.get("scheduled").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    sent.is_some_and(|sent| ctx.now().duration_since(sent).as_secs() > STALE_S)
}

/// One look at one scope. Whatever goes wrong is an answer: it must not keep the other scopes from theirs.
async fn look(ctx: &Context, scope: &Scope<'_>, invocation: &Invocation, apart: Duration) -> Looked {
    if let Some(word) = scope.needs_none() {
        return Looked::of(scope, word);
    }
    let now = ctx.now();
    let invocation = Invocation { id: invocation.id.clone(), deadline: later(now, LEASE).min(invocation.deadline) };
    let unusable = |error: LedgerError| Looked::failed(scope, format!("nothing was looked at: {error}"));
    let (mut state, version) = match state::take(ctx, scope, &invocation, apart).await {
        Ok(Taken::Ours(state, version)) => (*state, version),
        Ok(Taken::Busy(until)) => return Looked::busy(scope, until),
        Ok(Taken::TooSoon) => return Looked::too_soon(scope),
        Err(error) => return unusable(error),
    };
    let mut looked = match at_work(ctx, scope, &mut state, &invocation).await {
        Ok(looked) => looked,
        Err(error) => unusable(error),
    };
    if looked.complete {
        state.looked_at = Some(now);
    }
    looked.tell(&state, now);
    match state::leave(ctx, scope, &state, version).await {
        Ok(true) => {}
        Ok(false) => looked.not_kept("this look took longer than its lease; the next one repeats it"),
        Err(error) => {
            looked.not_kept(&format!("how far this look came is not recorded: {error}; the next one repeats it"))
        }
    }
    looked
}

async fn at_work(
    ctx: &Context,
    scope: &Scope<'_>,
    state: &mut State,
    invocation: &Invocation,
) -> Result<Looked, LedgerError> {
    let mut looked = Looked::of(scope, Word::Done);
    if let Err(reason) = scope.may_begin(ctx).await {
        return Ok(Looked::failed(scope, reason));
    }
    caught_up(ctx, scope, state).await?;
    let first = state.mark.is_none();
    let read = reading::read(ctx, scope, state, invocation).await;
    looked.take_note(&read);
    let found = judging::judge(ctx, scope, state, &read, first).await?;
    starts::start(ctx, scope, state, found, &mut looked, invocation).await?;
    // From here on nothing can fail but the write.
    if read.to_the_mark {
        state.mark = read.newest.max(state.mark).or(Some(Timestamp::UNIX_EPOCH));
        state.behind = None;
        state.forget_settled();
    } else if read.failure.is_none() && state.behind.is_none() {
        state.behind = read.newest.map(|newest| state::Behind { since: ctx.now(), newest });
        looked.sweep_now = state.behind.is_some();
    }
    Ok(looked)
}

/// Takes the mark over from a full sweep: what a look could not reach, a sweep of every rule has listed that began after it.
async fn caught_up(ctx: &Context, scope: &Scope<'_>, state: &mut State) -> Result<(), LedgerError> {
    if state.behind.is_none() && state.closed.is_empty() {
        return Ok(());
    }
    let mut oldest: Option<Timestamp> = None;
    for rule in &scope.rules {
        let swept = summary::read(&*ctx.ports.notes, &rule.name).await?.map(|(summary, _)| summary.complete_as_of);
        let Some(swept) = swept else { return Ok(()) };
        oldest = Some(oldest.map_or(swept, |oldest| oldest.min(swept)));
    }
    if let (Some(behind), Some(swept)) = (&state.behind, oldest)
        && behind.since < swept
    {
        state.mark = state.mark.max(Some(behind.newest));
        state.swept = state.mark;
        state.behind = None;
    }
    state.closed.retain(|_, since| oldest.is_none_or(|swept| *since >= swept));
    Ok(())
}

/// Measures how long ago the last look of each cloud was complete, and what waits there to be finished.
fn measure(ctx: &Context, looked: &[Looked]) {
    if !ctx.memory.metrics.is_on() {
        return;
    }
    for cloud in Cloud::ALL {
        let of_cloud: Vec<&Looked> = looked.iter().filter(|one| one.cloud == cloud.name()).collect();
        if of_cloud.is_empty() {
            continue;
        }
        let age = of_cloud.iter().map(|one| one.age_s).max().unwrap_or_default();
        let pending = of_cloud.iter().map(|one| one.pending).sum();
        let measured = [(Metric::TailAgeSeconds, vec![age]), (Metric::TailPending, vec![pending])];
        ctx.memory.metrics.put(ctx.now(), cloud, None, &measured);
    }
}
