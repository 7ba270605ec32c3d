//! The signature schemes by the names that the command line has for them.

use offsite_shared::sign::{acs3, sdk_hmac, tc3};

/// A signature scheme of one of the three clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// Alibaba Cloud: ACS3-HMAC-SHA256
    Acs3,
    /// Huawei Cloud: SDK-HMAC-SHA256
    SdkHmac,
    /// Tencent Cloud: TC3-HMAC-SHA256
    Tc3,
}

impl Scheme {
    /// The name of the algorithm, as the Authorization header begins with it.
    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::Acs3 => acs3::ALGORITHM,
            Self::SdkHmac => sdk_hmac::ALGORITHM,
            Self::Tc3 => tc3::ALGORITHM,
        }
    }
}
