//! Temporary credentials: what each cloud's token service is asked, and what its answers mean. This module plans and reads;
//! `io/credentials` sends the calls and keeps the credentials.
//!
//! **Invariant:** a token or key never enters an error: the text of a service that quotes what it was sent is not repeated.

use jiff::Timestamp;
use secrecy::SecretString;

use super::call::Call;
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::sign::{Credential, Nonce};

/// The lifetime that is asked for if none is configured, in seconds. Every cloud grants it.
pub(crate) const LIFE_S: u32 = 3_600;

/// The name of our sessions in the cloud's own audit log.
pub(crate) const SESSION: &str = "offsite";

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role in the cloud's own spelling: RAM or CAM role ARN, Huawei agency URN.
    pub role: String,
    /// The external ID that the role's trust policy may demand. It is no secret.
    pub external_id: Option<String>,
    /// How long the credential is to be valid, in seconds.
    pub life_s: u32,
}

/// How this program's role in AWS is exchanged for a role in the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// The role in the cloud's own spelling, as in [`Role::role`].
    pub role: String,
    /// The identity provider that was set up in the cloud: its ARN, URN, or (Tencent) name.
    pub provider: String,
    /// The audience for which AWS issues the token. The cloud's identity provider must name the same.
    pub audience: String,
    /// The algorithm that signs the token: `RS256` or `ES384`.
    pub algorithm: &'static str,
    /// How long the credential is to be valid, in seconds.
    pub life_s: u32,
}

/// A credential that expires.
#[derive(Clone, Debug)]
pub struct Temporary {
    /// Key, secret and session token.
    pub credential: Credential,
    /// When the credential expires.
    pub expires_at: Timestamp,
}

/// One cloud's token service.
pub trait Sts: Send + Sync {
    /// The call that assumes a role. It is to be signed with a key that may do so.
    fn assume(&self, region: &str, role: &Role) -> Call;

    /// The call that exchanges an identity token for a role. It is not signed; some services want a date or nonce all the same.
    fn exchange(&self, region: &str, federation: &Federation, token: &SecretString, stamp: (Timestamp, &Nonce))
    -> Call;

    /// The credential in the reply to [`Sts::assume`] or [`Sts::exchange`].
    ///
    /// # Errors
    /// The failure that the cloud's table of codes names; nothing was changed anywhere.
    fn assumed(&self, reply: &Reply) -> Result<Temporary, Failure>;

    /// The read that tells which account the credential that signs it belongs to.
    fn whose(&self, region: &str) -> Call;

    /// The number of the account that the credential belongs to, from the reply to [`Sts::whose`].
    ///
    /// # Errors
    /// The credential was refused, or the answer does not name its account.
    fn owner(&self, reply: &Reply) -> Result<String, Failure>;
}
