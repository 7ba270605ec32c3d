//! How a provider account is authenticated, how a credential is named without giving it away, and its pause.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::command::Cloud;
use super::text::hash_of;
use crate::sign::Credential;

/// The pause of a credential after an authentication failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Until when.
    pub until: Timestamp,
    /// What the provider said.
    pub reason: String,
}

/// A provider account's means of authentication.
#[derive(Clone, Debug)]
pub enum Access {
    /// Sign with a key pair.
    Key(Arc<Credential>),
    /// Send a token (Huawei `X-Auth-Token`).
    Token(Arc<secrecy::SecretString>),
}

/// Names a credential without giving it away: a corrected key is another credential, so its predecessor's pause does not hold it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialName(pub String);

impl CredentialName {
    /// Cloud, account, key ID, and 32 bits of a hash of the secret: enough to notice another one, too little to test guesses.
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
