//! One exchange with a provider: wait for the rate limit, sign anew, send, sort failures, retry what certainly was not applied.

pub(crate) mod brake;
pub(crate) mod credential;
mod identity;
pub mod only_reads;
pub(crate) mod pace;
mod retry;
mod target;
pub(crate) mod wire;

use std::time::Duration;

use jiff::Timestamp;

use crate::context::{Context, LONGEST_INVOCATION};
use crate::model::access::{Access, CredentialName};
use crate::model::error::{Error, ErrorName};
use crate::model::failure::{Disposition, Failure, NO_CREDENTIAL, Whose};
use crate::model::http::Reply;
use crate::model::time::later;
use crate::providers::asked::{Asked, Need, unanswered};
use crate::providers::call::Call;
use crate::providers::provider::Provider;
use wire::{local, send};

pub(crate) use retry::{is_silence, with_retry};
pub use target::Target;

/// Sends `call` once, signed for this moment. If it is `mutating`, silence means that it may have been applied.
///
/// # Errors
/// Nothing could be sent, or no answer came. An answer that refuses the call is no error here.
pub async fn send_once(
    ctx: &Context,
    target: Target<'_>,
    call: &Call,
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    let Target { provider, account, .. } = target;
    let cloud = provider.cloud();
    pace::turn(ctx, target, call, stop).await?;
    let given = |refused| ctx.ports.secrets.access(cloud, account, call.realm(), refused);
    let unusable = |error: Error| {
        let failure =
            local(Disposition::Retryable, NO_CREDENTIAL, &error.message, "check the credential of this account");
        let whose = if error.name == ErrorName::Unavailable { Whose::Unknown } else { Whose::Installation };
        Failure { whose, ..failure }
    };
    let access = given(None).await.map_err(unusable)?;
    let outcome = in_turn(ctx, target, call, &access, mutating, stop).await;
    if !is_refused(provider, call, &access, &outcome) {
        return outcome;
    }
    // A service behind the gateway may have begun before it refused the credential: the next attempt reads back first.
    if mutating && outcome.as_ref().is_ok_and(|reply| reply.status >= 500) {
        return outcome;
    }
    // The credential may have ended, been revoked or been rotated since it was fetched: fetch it again and send once more. The refused call
    // was certainly not applied.
    let refused = CredentialName::of(cloud, account, &access);
    let Ok(renewed) = given(Some(&refused)).await else { return outcome };
    if matches!(renewed, Access::Key(_)) && CredentialName::of(cloud, account, &renewed) == refused {
        return outcome;
    }
    tracing::info!(provider = cloud.name(), account, "the credential was refused; another one is used");
    in_turn(ctx, target, call, &renewed, mutating, stop).await
}

/// Whether a refusal of that time is one for who has asked at this time. Nobody waits for a turn longer than an invocation lasts: one from
/// further ahead is from before the clock was set back.
fn is_lately(refused: Timestamp, asked: Timestamp) -> bool {
    asked < later(refused, REFUSED_FOR) && refused < later(asked, LONGEST_INVOCATION)
}

/// For so long whoever asks gets the refusal that another caller got: until that one has paused the credential.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// Sends with this credential, one call at a time in each region until the provider has accepted it. A caller that waited for another's turn gets the
/// refusal that the other one got.
async fn in_turn(
    ctx: &Context,
    target: Target<'_>,
    call: &Call,
    access: &Access,
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    let provider = target.provider;
    let name = CredentialName::of(provider.cloud(), target.account, access);
    let asked = ctx.now();
    let turn = (!ctx.memory.credentials.is_proven(&name)).then(|| ctx.memory.credentials.turn(&name, &call.region));
    let mut last = match &turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    match last.as_deref() {
        Some(Some((at, refusal))) if is_lately(*at, asked) => return refusal.clone(),
        // The caller before has proven it.
        _ if ctx.memory.credentials.is_proven(&name) => last = None,
        _ => {}
    }
    let outcome = send_as(ctx, target, call, access, mutating, stop).await;
    if is_refused(provider, call, access, &outcome) {
        ctx.memory.credentials.doubt(&name);
        if let Some(last) = &mut last {
            **last = Some((ctx.now(), outcome.clone()));
        }
    } else if last.is_some() && outcome.as_ref().is_ok_and(|reply| provider.refused(call, reply).is_none()) {
        ctx.memory.credentials.prove(name);
    }
    outcome
}

/// Sends with this credential, after confirming its owner.
async fn send_as(
    ctx: &Context,
    target: Target<'_>,
    call: &Call,
    access: &Access,
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    identity::confirm(ctx, target, &call.region, access, stop).await?;
    send(ctx, target.provider, call, access, mutating, stop).await
}

/// Whether the credential was refused. A list of backups is no refusal, so long answers are not parsed twice.
fn is_refused(provider: &dyn Provider, call: &Call, access: &Access, outcome: &Result<Reply, Failure>) -> bool {
    const LONGEST_ERROR: usize = 16_384;
    match (outcome, access) {
        (Ok(reply), Access::Token(_)) => reply.status == 401,
        (Ok(reply), Access::Key(_)) => {
            reply.body.len() <= LONGEST_ERROR
                && provider
                    .refused(call, reply)
                    .is_some_and(|failure| failure.disposition == Disposition::Authentication)
        }
        (Err(failure), _) => {
            failure.disposition == Disposition::Authentication && failure.code != identity::ANOTHER_ACCOUNT
        }
    }
}

/// Sends a call that changes nothing, and repeats it while that may help. An answer that is an error is a failure.
///
/// # Errors
/// The last failure, if repeating it cannot help or no time is left.
pub async fn read(ctx: &Context, target: Target<'_>, call: &Call, stop: Timestamp) -> Result<Reply, Failure> {
    read_as(ctx, target, call, stop, |reply| match target.provider.refused(call, &reply) {
        Some(failure) => Err(failure.of_read()),
        None => Ok(reply),
    })
    .await
}

/// Sends a call that changes nothing, and interprets the reply. A retryable failure of `interpret` repeats the call.
///
/// # Errors
/// The last failure, of the call or of `interpret`, if repeating it cannot help or no time is left.
pub async fn read_as<T>(
    ctx: &Context,
    target: Target<'_>,
    call: &Call,
    stop: Timestamp,
    interpret: impl Fn(Reply) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_retry(ctx, target, call, stop, || async {
        let reply = send_once(ctx, target, call, false, stop).await?;
        interpret(reply)
    })
    .await
}

/// Sends the reads that `says` asks for until the replies give a result.
///
/// # Errors
/// A read that failed for good, or a failure that the replies stand for.
pub(crate) async fn converse<T>(
    ctx: &Context,
    target: Target<'_>,
    stop: Timestamp,
    says: impl FnMut(Option<&Reply>) -> Asked<T>,
) -> Result<T, Failure> {
    ask_on(says, |call| async move { read(ctx, target, &call, stop).await }).await
}

/// Has `answer` reply to the calls that `says` asks for until there is a result. No other loop does this. Each reply is gone before the next is
/// asked for: `says` keeps what it read in it.
///
/// # Errors
/// A failure of `answer`, or one that the replies stand for; or there is no result after more replies than any listing has.
pub async fn ask_on<T, E, F>(
    mut says: impl FnMut(Option<&Reply>) -> Asked<T>,
    mut answer: impl FnMut(Call) -> F,
) -> Result<T, E>
where
    E: From<Failure>,
    F: Future<Output = Result<Reply, E>>,
{
    let mut said = says(None);
    for _ in 0..MOST_REPLIES {
        match said {
            Ok(said) => return Ok(said),
            Err(Need::Failed(failure)) => return Err(failure.into()),
            Err(Need::Ask(call)) => {
                let reply = answer(*call).await?;
                said = says(Some(&reply));
            }
        }
    }
    match said {
        Ok(said) => Ok(said),
        Err(Need::Failed(failure)) => Err(failure.into()),
        Err(Need::Ask(_)) => Err(unanswered(MOST_REPLIES).into()),
    }
}

/// So many replies one question may take: the 20,000 backups of a large vault come in 20 pages, or in 200 where the service caps them.
const MOST_REPLIES: usize = 300;
