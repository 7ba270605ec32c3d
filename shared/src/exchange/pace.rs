//! How fast this process calls: it waits for its turn within its share of the account's rate, and goes slower where it was told to.
//!
//! **Invariant:** no faster than the limit that is set, whatever the others do: a call that starts a copy is no way to find an edge.

use jiff::Timestamp;

use super::target::Target;
use super::wire::local;
use crate::context::Context;
use crate::ledger::shares;
use crate::ledger::store::LedgerError;
use crate::model::command::Cloud;
use crate::model::failure::{Disposition, Failure};
use crate::model::time::later;
use crate::providers::call::Call;

/// The code of the failure that a call was not sent, since its turn would have come too late.
pub(super) const OWN_LIMIT: &str = "rate_limit";

/// Waits until `call` may be sent.
///
/// # Errors
/// That would be after `stop`.
pub(super) async fn turn(ctx: &Context, target: Target<'_>, call: &Call, stop: Timestamp) -> Result<(), Failure> {
    let rate = rate(ctx, target.provider.cloud(), target.account).await;
    if rate <= 0.0 {
        return Ok(());
    }
    let (lane, pacer) = (lane(ctx, target, call), &ctx.memory.pacer);
    let mut wait = pacer.reserve(&lane, rate, ctx.now());
    loop {
        if !wait.is_zero() {
            if later(ctx.now(), wait) >= stop {
                return Err(local(
                    Disposition::Throttled,
                    OWN_LIMIT,
                    "our own rate limit leaves no time before this function's deadline",
                    "",
                ));
            }
            ctx.ports.clock.sleep(wait).await;
        }
        wait = pacer.go(&lane, rate, ctx.now());
        if wait.is_zero() {
            return Ok(());
        }
    }
}

/// Takes note that the provider has throttled `call`.
pub(super) fn throttled(ctx: &Context, target: Target<'_>, call: &Call) {
    ctx.memory.pacer.slow_down(&lane(ctx, target, call), ctx.now());
}

/// What the provider counts together: the calls of one account for one action at one host.
fn lane(ctx: &Context, target: Target<'_>, call: &Call) -> String {
    let endpoint = ctx.settings.endpoint(target.provider, call.service, &call.region);
    format!("{}/{}/{endpoint}", target.account, call.action)
}

/// The requests a second that this process may send for an account, for each action and host; 0 means no limit.
async fn rate(ctx: &Context, cloud: Cloud, account: &str) -> f64 {
    let own = f64::from(ctx.settings.requests_per_second(cloud));
    let limit = f64::from(ctx.settings.account_requests_per_second(cloud));
    if own == 0.0 || limit == 0.0 {
        return own;
    }
    let (own, now, taken) = (own.min(limit), ctx.now(), &ctx.memory.shares);
    if ctx.settings.read_only {
        return own;
    }
    if let Some(rate) = taken.current(cloud, account, own, now) {
        return rate;
    }
    let rate = match renew(ctx, cloud, account, (limit, own), now).await {
        Ok(rate) => rate,
        Err(error) => {
            tracing::warn!(provider = cloud.name(), account, %error, "the account's rate cannot be shared, so this process keeps to its own");
            own
        }
    };
    taken.remember(cloud, account, rate, now);
    rate
}

/// So often a note that others write at the same time is tried to be written.
const TRIES: usize = 4;

/// The note in which the processes share an account's rate.
fn note_name(cloud: Cloud, account: &str) -> String {
    format!("rate/{}/{account}", cloud.name())
}

async fn renew(
    ctx: &Context,
    cloud: Cloud,
    account: &str,
    rates: (f64, f64),
    now: Timestamp,
) -> Result<f64, LedgerError> {
    let name = note_name(cloud, account);
    let me = ctx.memory.shares.name(|| ctx.ports.clock.nonce().0);
    for _ in 0..TRIES {
        let note = ctx.ports.notes.note(&name).await?;
        let (text, rate) = shares::renewed(note.as_ref().map(|note| note.text.as_str()), me, rates, now);
        if ctx.ports.notes.put_note(&name, &text, note.map_or(0, |note| note.version)).await? {
            return Ok(rate);
        }
    }
    Err(LedgerError::Unavailable("too many others write this note at the same time".into()))
}

/// Gives back what this process takes of an account's rate, since it calls nothing for a while. Whoever comes next takes it at once, instead
/// of half a minute later. If that fails, it is as if nothing was given back.
pub(crate) async fn give_back(ctx: &Context, cloud: Cloud, account: &str) {
    let Some(me) = ctx.memory.shares.forget(cloud, account) else { return };
    let name = note_name(cloud, account);
    for _ in 0..TRIES {
        let Ok(Some(note)) = ctx.ports.notes.note(&name).await else { return };
        let Some(text) = shares::given_back(&note.text, me) else { return };
        if !matches!(ctx.ports.notes.put_note(&name, &text, note.version).await, Ok(false)) {
            return;
        }
    }
}
