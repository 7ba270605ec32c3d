//! Whether a credential may be used: it exists, it is not paused, and it is tried by one caller at a time.

use futures_util::lock::OwnedMutexGuard;

use super::identity;
use super::target::Target;
use crate::context::Context;
use crate::ledger::store::LedgerError;
use crate::model::access::{CredentialName, Pause};
use crate::model::command::Realm;
use crate::model::error::Error;
use crate::model::failure::Failure;
use crate::model::time::later;

/// Why nothing may be sent with a credential now.
#[derive(Debug)]
pub(crate) enum NotReady {
    /// The account has none, or it could not be fetched.
    Missing(Error),
    /// The provider refused it before, and the pause has not ended.
    Paused(Pause),
    /// The ledger could not be asked whether it is paused.
    Unknown(LedgerError),
}

/// The name of the account's credential in this realm, if it may be used.
///
/// # Errors
/// There is no credential, it is paused, or that could not be found out.
pub(crate) async fn ready(ctx: &Context, target: Target<'_>, realm: Realm<'_>) -> Result<CredentialName, NotReady> {
    let mut credential = name(ctx, target, realm, None).await?;
    let mut pause = pause_of(ctx, &credential).await?;
    if pause.is_some() {
        // The credential may have been corrected where it is kept.
        let renewed = name(ctx, target, realm, Some(&credential)).await?;
        if renewed != credential {
            pause = pause_of(ctx, &renewed).await?;
            credential = renewed;
        }
    }
    match pause {
        Some(pause) => Err(NotReady::Paused(pause)),
        None => Ok(credential),
    }
}

async fn name(
    ctx: &Context,
    target: Target<'_>,
    realm: Realm<'_>,
    refused: Option<&CredentialName>,
) -> Result<CredentialName, NotReady> {
    let (cloud, account) = (target.provider.cloud(), target.account);
    let access = ctx.ports.secrets.access(cloud, account, realm, refused).await.map_err(NotReady::Missing)?;
    Ok(CredentialName::of(cloud, account, &access))
}

/// The pause of a credential, if one is in force.
async fn pause_of(ctx: &Context, credential: &CredentialName) -> Result<Option<Pause>, NotReady> {
    let (now, pauses) = (ctx.now(), &ctx.memory.credentials);
    let pause = match pauses.recent(credential, now) {
        Some(pause) => pause,
        None => {
            let pause = ctx.ports.ledger.pause_of(credential).await.map_err(NotReady::Unknown)?;
            pauses.remember(credential, now, pause.clone());
            // While the ledger was read, another call may have been refused with this very credential.
            pauses.recent(credential, now).unwrap_or(pause)
        }
    };
    // One that ends later than any that begins now was written by a clock that was ahead: it would hold as long as that clock was.
    let longest = later(now, ctx.settings.pause);
    Ok(pause.filter(|pause| pause.until > now && pause.until <= longest))
}

/// Waits for a turn with a credential that has not worked in this process yet; the turn ends when the guard is dropped. A proven credential
/// needs no turn: `None`. Without turns a batch could send a wrong key often enough to lock it.
///
/// # Errors
/// There is no credential, it is paused, or that could not be found out: the caller before may have been refused.
pub(crate) async fn gate(
    ctx: &Context,
    target: Target<'_>,
    realm: Realm<'_>,
    credential: &CredentialName,
) -> Result<Option<OwnedMutexGuard<()>>, NotReady> {
    let pauses = &ctx.memory.credentials;
    if pauses.is_proven(credential) {
        return Ok(None);
    }
    let gate = pauses.gate(credential).await;
    ready(ctx, target, realm).await?;
    Ok((!pauses.is_proven(credential)).then_some(gate))
}

/// Pauses the credential for every function that shares the ledger.
pub(crate) async fn pause(ctx: &Context, target: Target<'_>, realm: Realm<'_>, failure: &Failure) {
    let (cloud, account) = (target.provider.cloud(), target.account);
    let now = ctx.now();
    let reason = match failure.code.as_str() {
        identity::ANOTHER_ACCOUNT => failure.to_string(),
        _ => format!("the provider said {failure}"),
    };
    let pause = Pause { until: later(now, ctx.settings.pause), reason };
    tracing::error!(provider = cloud.name(), account, until = %pause.until, %failure, "the credential was refused; no function uses it until then");
    let Ok(access) = ctx.ports.secrets.access(cloud, account, realm, None).await else { return };
    let credential = CredentialName::of(cloud, account, &access);
    ctx.memory.credentials.remember(&credential, now, Some(pause.clone()));
    if let Err(error) = ctx.ports.ledger.pause(&credential, &pause).await {
        tracing::warn!(%error, "the pause holds in this process only");
    }
}
