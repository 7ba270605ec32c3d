//! A call as planned, and the service that it goes to.

use crate::sign::RequestDraft;

/// A service of a provider, as far as its endpoint is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Alibaba HBR.
    Hbr,
    /// Alibaba STS, which tells whose key it is and hands out temporary ones.
    AlibabaSts,
    /// Huawei CBR.
    Cbr,
    /// Huawei CSBS.
    Csbs,
    /// Huawei IAM.
    Iam,
    /// Huawei STS, which hands out temporary keys.
    HuaweiSts,
    /// Tencent CBS.
    Cbs,
    /// Tencent STS, which tells whose key it is and hands out temporary ones.
    TencentSts,
}

/// A call as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The provider's name of the action; also what the rate limit counts by.
    pub action: &'static str,
    /// Which endpoint.
    pub service: Service,
    /// In which region.
    pub region: String,
    /// The request; its `host` is filled in from the endpoint.
    pub draft: RequestDraft,
}
