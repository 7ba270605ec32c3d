//! Plans the calls of HBR.

use crate::model::command::Replication;
use crate::model::http::HttpRequest;
use crate::providers::call::{Call, Effect, Service};
use crate::providers::on_wire::{self, Action};
use crate::sign::{Query, RequestDraft};

/// Page size of DescribeVaults. Source: alibabacloud_hbr20170908 2.7.1, 1 to 99.
pub(crate) const PAGE: u64 = 99;

/// Every action that is planned here, with the version that it belongs to.
const ACTIONS: [Action; 7] = [
    Action { name: "CreateVaultReplication", version: "2017-09-08", effect: Effect::Start },
    Action { name: "DescribeVaults", version: "2017-09-08", effect: Effect::Read },
    Action { name: "DescribeBackupJobs2", version: "2017-09-08", effect: Effect::Read },
    Action { name: "DescribeVaultReplicationRegions", version: "2017-09-08", effect: Effect::Read },
    Action { name: "GetCallerIdentity", version: "2015-04-01", effect: Effect::Read },
    Action { name: "AssumeRole", version: "2015-04-01", effect: Effect::SignIn },
    Action { name: "AssumeRoleWithOIDC", version: "2015-04-01", effect: Effect::SignIn },
];

/// What a finished request does, by the action and version that its headers name.
pub(super) fn effect_of(request: &HttpRequest) -> Option<Effect> {
    on_wire::by_action(request, ("x-acs-action", "x-acs-version"), &ACTIONS)
}

/// The call is made in the destination's region, so it must name the source's region.
pub(super) fn start(replication: &Replication) -> Call {
    let pairs = vec![
        ("ReplicationSourceRegionId", replication.source.region.clone()),
        ("ReplicationSourceVaultId", replication.source.id.clone()),
        ("ReplicationTargetVaultId", target(replication).to_owned()),
    ];
    call(Effect::Start, "CreateVaultReplication", &replication.destination.region, pairs)
}

pub(crate) fn target(replication: &Replication) -> &str {
    replication.destination.vault_id.as_deref().unwrap_or_default()
}

pub(crate) fn call(effect: Effect, action: &'static str, region: &str, pairs: Vec<(&str, String)>) -> Call {
    let headers = [("x-acs-action", action), ("x-acs-version", "2017-09-08"), ("accept", "application/json")];
    Call {
        lists: action.starts_with("Describe"),
        goes_first: false,
        action,
        service: Service::Hbr,
        effect,
        region: region.to_owned(),
        draft: RequestDraft {
            method: "POST".into(),
            host: String::new(),
            path: "/".into(),
            query: Query::Pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Vec::new(),
        },
    }
}
