//! Whose a credential is: asked once for each credential, before anything else is sent with it.
//!
//! **Invariant:** where an account's number is set, nothing but this question is sent with a credential of another account.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::target::Target;
use super::wire;
use crate::context::Context;
use crate::model::access::{Access, CredentialName};
use crate::model::command::Cloud;
use crate::model::failure::{Disposition, Failure};
use crate::model::text::hash_of;

/// The code of the failure that a credential belongs to another account.
pub(crate) const ANOTHER_ACCOUNT: &str = "another_account";

/// Confirms that a credential belongs to the account that the configuration names.
///
/// # Errors
/// The credential belongs to another account or was refused, or its owner could not be asked for.
pub(crate) async fn confirm(
    ctx: &Context,
    target: Target<'_>,
    region: &str,
    access: &Access,
    stop: Timestamp,
) -> Result<(), Failure> {
    let Target { provider, account, .. } = target;
    let cloud = provider.cloud();
    let Some(expected) = ctx.ports.secrets.identity(cloud, account) else { return Ok(()) };
    let name = name_of(cloud, account, access);
    let owner = match ctx.memory.credentials.owner(&name) {
        Some(owner) => owner,
        None => {
            let call = provider.sts().whose(region);
            let reply = wire::send(ctx, provider, &call, access, false, stop).await?;
            let owner = provider.sts().owner(&reply)?;
            tracing::info!(provider = cloud.name(), account, owner, "the credential's account was confirmed");
            ctx.memory.credentials.remember_owner(name, owner.clone());
            owner
        }
    };
    if owner == expected {
        return Ok(());
    }
    Err(Failure::local(
        Disposition::Authentication,
        ANOTHER_ACCOUNT,
        format!(
            "the credential of account {account} belongs to {} account {owner}, and {} says {expected}: nothing was sent with it",
            cloud.name(),
            crate::settings::accounts::variable(cloud)
        ),
        "correct the credential, or the identity that is set",
    ))
}

/// The key of a remembered owner. A token's hash is in it: all tokens of an account share one name, but their owner may change.
fn name_of(cloud: Cloud, account: &str, access: &Access) -> String {
    let CredentialName(name) = CredentialName::of(cloud, account, access);
    match access {
        Access::Key(_) => name,
        Access::Token(token) => format!("{name}#{}", hash_of(&["token", token.expose_secret()])),
    }
}
