//! Whose credential it is: asked once for each, before anything else is sent with it.
//!
//! **Invariant:** where an account's number is set, nothing but this question is sent with a credential of another account.

use jiff::Timestamp;

use crate::disposition::{Disposition, Failure};
use crate::exchange;
use crate::handler::Handler;
use crate::ports::{Access, CredentialName};
use crate::providers::Provider;

/// The code of the failure that says so.
pub(crate) const ANOTHER_ACCOUNT: &str = "another_account";

/// Confirms that a credential belongs to the account that the configuration names.
///
/// # Errors
/// It belongs to another one, was refused, or its owner could not be asked for.
pub(crate) async fn confirm(
    handler: &Handler,
    provider: &dyn Provider,
    account: &str,
    region: &str,
    access: &Access,
    stop: Timestamp,
) -> Result<(), Failure> {
    let cloud = provider.cloud();
    let Some(expected) = handler.secrets.identity(cloud, account) else { return Ok(()) };
    let name = CredentialName::of(cloud, account, access);
    // Held while asking, so that a batch asks once.
    let mut owners = handler.pauses.owners.lock().await;
    let owner = match owners.get(&name) {
        Some(owner) => owner.clone(),
        None => {
            let call = provider.sts().whose(region);
            let reply = exchange::send(handler, provider, &call, access, false, stop).await?;
            let owner = provider.sts().owner(&reply)?;
            tracing::info!(provider = cloud.name(), account, owner, "the credential's account was confirmed");
            owners.insert(name, owner.clone());
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
            crate::accounts::variable(cloud)
        ),
        "correct the credential, or the identity that is set",
    ))
}
