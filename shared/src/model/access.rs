//! How a provider account is authenticated, how a credential is named without revealing it, and how it is paused.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::command::Cloud;
use super::text::hash_of;
use crate::sign::Credential;

/// The pause of a credential after an authentication failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When the pause ends.
    pub until: Timestamp,
    /// What the provider said when it refused the credential.
    pub reason: String,
}

/// What authenticates the calls of a provider account.
#[derive(Clone, Debug)]
pub enum Access {
    /// A key pair that signs each call.
    Key(Arc<Credential>),
    /// A token that is sent with each call (Huawei `X-Auth-Token`).
    Token(Arc<secrecy::SecretString>),
}

/// A name for a credential that does not reveal it. A corrected key has another name, so the pause of the wrong key does not stop it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialName(pub String);

impl CredentialName {
    /// The cloud of the credential; `None` for a name that was not made by [`CredentialName::of`].
    pub fn cloud(&self) -> Option<Cloud> {
        Cloud::from_name(self.0.split('#').next()?)
    }

    /// Cloud and account; for a key also its ID and 32 bits of a hash of the secret: enough to notice a new one, too few to test guesses.
    pub fn of(cloud: Cloud, account: &str, access: &Access) -> CredentialName {
        let name = format!("{}#{account}", cloud.name());
        match access {
            Access::Token(_) => CredentialName(name),
            Access::Key(credential) => {
                let token = credential.security_token.as_ref().map(|token| token.expose_secret()).unwrap_or_default();
                let hash = hash_of(&["credential", credential.access_key_secret.expose_secret(), token]);
                CredentialName(format!("{name}#{}#{}", credential.access_key_id, hash.get(..8).unwrap_or_default()))
            }
        }
    }
}
