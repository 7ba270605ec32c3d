//! Plans the calls of CBS.

use serde::Serialize;

use super::model::CopySnapshotCrossRegions;
use super::names::snapshot_name;
use crate::model::command::Replication;
use crate::providers::call::{Call, Service};
use crate::providers::provider::AttemptContext;
use crate::sign::{Query, RequestDraft};

/// Page size of DescribeSnapshots. Source: tencentcloud-sdk-python-cbs 3.1.175, at most 100.
pub(crate) const PAGE: u64 = 100;

pub(super) fn start(replication: &Replication, intent: &AttemptContext) -> Call {
    let name = snapshot_name(replication, intent.attempt);
    let body = CopySnapshotCrossRegions {
        snapshot_id: &replication.source.id,
        destination_regions: [&replication.destination.region],
        snapshot_name: &name,
    };
    call("CopySnapshotCrossRegions", &replication.source.region, &body)
}

pub(crate) fn name_of_service(service: Service) -> &'static str {
    match service {
        Service::TencentSts => "sts",
        _ => "cbs",
    }
}

pub(crate) fn call(action: &'static str, region: &str, body: &impl Serialize) -> Call {
    let headers = [
        ("content-type", "application/json"),
        ("x-tc-action", action),
        ("x-tc-version", "2017-03-12"),
        // Messages in English, because operators of this tool read English.
        ("x-tc-language", "en-US"),
    ];
    Call {
        action,
        service: Service::Cbs,
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
