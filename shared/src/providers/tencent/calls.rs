//! Plans the calls of CBS.

use serde::Serialize;

use super::model::{CopySnapshotCrossRegions, DescribeSnapshots, Filter};
use super::names::name_of;
use crate::model::command::Replication;
use crate::model::http::HttpRequest;
use crate::providers::call::{Call, Effect, Service};
use crate::providers::on_wire::{self, Action};
use crate::sign::{Query, RequestDraft};

/// Page size of DescribeSnapshots. Source: tencentcloud-sdk-python-cbs 3.1.175, at most 100.
pub(crate) const PAGE: u64 = 100;

/// Every action that is planned here, with the version that it belongs to.
const ACTIONS: [Action; 5] = [
    Action { name: "CopySnapshotCrossRegions", version: "2017-03-12", effect: Effect::Start },
    Action { name: "DescribeSnapshots", version: "2017-03-12", effect: Effect::Read },
    Action { name: "GetCallerIdentity", version: "2018-08-13", effect: Effect::Read },
    Action { name: "AssumeRole", version: "2018-08-13", effect: Effect::SignIn },
    Action { name: "AssumeRoleWithWebIdentity", version: "2018-08-13", effect: Effect::SignIn },
];

/// What a finished request does, by the action and version that its headers name.
pub(super) fn effect_of(request: &HttpRequest) -> Option<Effect> {
    on_wire::by_action(request, ("x-tc-action", "x-tc-version"), &ACTIONS)
}

pub(super) fn start(replication: &Replication) -> Call {
    let name = name_of(&replication.source.id, &replication.source.region);
    let body = CopySnapshotCrossRegions {
        snapshot_id: &replication.source.id,
        destination_regions: [&replication.destination.region],
        snapshot_name: &name,
    };
    call(Effect::Start, "CopySnapshotCrossRegions", &replication.source.region, &body)
}

/// The call that asks a region for snapshots of these names, from this place on.
pub(super) fn by_names(region: &str, names: &[String], offset: u64) -> Call {
    let filter = Filter { name: "snapshot-name", values: names };
    let body = DescribeSnapshots { filters: Some([filter]), limit: PAGE, offset, ..Default::default() };
    call(Effect::Read, "DescribeSnapshots", region, &body)
}

/// The call that asks a region for snapshots of these IDs.
pub(super) fn by_ids(region: &str, ids: &[&str]) -> Call {
    let body = DescribeSnapshots { snapshot_ids: Some(ids), limit: ids.len() as u64, ..Default::default() };
    call(Effect::Read, "DescribeSnapshots", region, &body)
}

pub(crate) fn name_of_service(service: Service) -> &'static str {
    match service {
        Service::TencentSts => "sts",
        _ => "cbs",
    }
}

pub(crate) fn call(effect: Effect, action: &'static str, region: &str, body: &impl Serialize) -> Call {
    let headers = [
        ("content-type", "application/json"),
        ("x-tc-action", action),
        ("x-tc-version", "2017-03-12"),
        // Messages in English, because operators of this tool read English.
        ("x-tc-language", "en-US"),
    ];
    Call {
        lists: action.starts_with("Describe"),
        goes_first: false,
        action,
        service: Service::Cbs,
        effect,
        region: region.to_owned(),
        draft: RequestDraft {
            method: "POST".into(),
            host: String::new(),
            path: "/".into(),
            query: Query::None,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: serde_json::to_vec(body).unwrap_or_default(),
        },
    }
}
