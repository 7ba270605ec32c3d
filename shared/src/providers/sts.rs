//! Temporary credentials: what each cloud's token service is asked, and what its answers mean. Plans and reads; who asks, and keeps
//! what is given, is `io/credentials`.
//!
//! **Invariant:** a token or key never enters an error: a service that quotes what it was sent is not repeated.

use jiff::Timestamp;
use secrecy::SecretString;

use super::call::Call;
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::sign::{Credential, Nonce};

/// How long a temporary credential is asked for when nobody says otherwise, in seconds: what every cloud grants.
pub const LIFE_S: u32 = 3_600;

/// How our sessions are named in the cloud's own audit log.
pub const SESSION: &str = "offsite";

/// A role to take on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role in the cloud's own spelling: RAM or CAM role ARN, Huawei agency URN.
    pub role: String,
    /// What the role's trust policy may ask for. No secret.
    pub external_id: Option<String>,
    /// For how long, in seconds.
    pub life_s: u32,
}

/// How this program's AWS role becomes a role of the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// The role, as in [`Role`].
    pub role: String,
    /// The identity provider that was set up in the cloud: its ARN, URN, or (Tencent) name.
    pub provider: String,
    /// For whom AWS makes the token out; the cloud's provider must name the same.
    pub audience: String,
    /// `RS256` or `ES384`.
    pub algorithm: &'static str,
    /// For how long, in seconds.
    pub life_s: u32,
}

/// A credential that ends.
#[derive(Clone, Debug)]
pub struct Temporary {
    /// Key, secret and session token.
    pub credential: Credential,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// One cloud's token service.
pub trait Sts: Send + Sync {
    /// The call that takes on a role, to be signed by the key that may do so.
    fn assume(&self, region: &str, role: &Role) -> Call;

    /// The call that exchanges an identity token for a role. It is sent without a signature; some want date or nonce all the same.
    fn exchange(&self, region: &str, federation: &Federation, token: &SecretString, stamp: (Timestamp, &Nonce))
    -> Call;

    /// What either gave.
    ///
    /// # Errors
    /// As the cloud's table of codes says; nothing was changed anywhere.
    fn assumed(&self, reply: &Reply) -> Result<Temporary, Failure>;

    /// The read that tells whose credential signs it.
    fn whose(&self, region: &str) -> Call;

    /// The number of the account that the credential belongs to.
    ///
    /// # Errors
    /// The credential was refused, or the answer does not tell.
    fn owner(&self, reply: &Reply) -> Result<String, Failure>;
}
