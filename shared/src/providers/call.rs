//! A planned call, and the service that it goes to.

use crate::model::command::Realm;
use crate::sign::RequestDraft;

/// The header in which a call of Huawei names its project.
pub(crate) const PROJECT_HEADER: &str = "x-project-id";

/// A provider's service. It decides which endpoint a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Alibaba HBR (Hybrid Backup Recovery): backup vaults.
    Hbr,
    /// Alibaba STS: tells whose a key is and issues temporary keys.
    AlibabaSts,
    /// Huawei CBR (Cloud Backup and Recovery): backups and vaults.
    Cbr,
    /// Huawei CSBS (Cloud Server Backup Service): checkpoint items.
    Csbs,
    /// Huawei IAM: tokens, projects and the owner of a credential.
    Iam,
    /// Huawei STS: issues temporary keys.
    HuaweiSts,
    /// Tencent CBS (Cloud Block Storage): disk snapshots.
    Cbs,
    /// Tencent STS: tells whose a key is and issues temporary keys.
    TencentSts,
}

/// What a call does at the cloud. A run that only looks sends reads and sign-ins, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call asks, and changes nothing.
    Read,
    /// The call gets a temporary credential, and changes nothing that anybody keeps.
    SignIn,
    /// The call starts a copy.
    Start,
}

/// A planned call, without a host and unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The provider's name for the action. The rate limit counts calls by it.
    pub action: &'static str,
    /// The service whose endpoint receives the call.
    pub service: Service,
    /// What the call does at the cloud.
    pub effect: Effect,
    /// Whether the answer is a list without a bound of its own, and not about one thing.
    pub lists: bool,
    /// Whether no read goes before the call, which would have found out that a connection is dead.
    pub goes_first: bool,
    /// The region in which the call is made.
    pub region: String,
    /// The request. Its `host` is filled in from the endpoint.
    pub draft: RequestDraft,
}

impl Call {
    /// Where the credential of the call must hold.
    pub fn realm(&self) -> Realm<'_> {
        let named = self.draft.headers.iter().find(|(name, _)| name == PROJECT_HEADER);
        Realm { region: &self.region, project: named.map(|(_, project)| project.as_str()).filter(|id| !id.is_empty()) }
    }
}
