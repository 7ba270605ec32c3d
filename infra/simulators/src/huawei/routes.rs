//! Which path is which action.

use serde_json::Value;

use crate::cloud::{Call, Received};
use crate::text::{decode, pairs};

/// A path that was recognised: the action, the project, and the identifiers in order.
pub(super) struct Route {
    pub(super) action: &'static str,
    /// Project first, then what else the path names.
    pub(super) path: Vec<String>,
}

/// Finds the action of a method and path.
pub(super) fn find(method: &str, path: &str) -> Option<Route> {
    let segments: Vec<String> = path.trim_matches('/').split('/').map(|segment| decode(segment, false)).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (action, names): (&'static str, Vec<&str>) = match (method, &segments[..]) {
        ("POST", ["v3", "auth", "tokens"]) => ("CreateToken", vec![]),
        ("POST", ["v5", "agencies", "assume"]) => ("AssumeAgency", vec![]),
        ("POST", ["v5", "agencies", "assume-with-oidc"]) => ("AssumeAgencyWithOIDC", vec![]),
        ("GET", ["v3", "auth", "domains"]) => ("ListDomains", vec![]),
        ("GET", ["v3", "projects"]) => ("ListProjects", vec![]),
        ("POST", ["v3", project, "backups", backup, "replicate"]) => ("CopyBackup", vec![project, backup]),
        ("POST", ["v3", project, "checkpoints", "replicate"]) => ("CopyCheckpoint", vec![project]),
        ("GET", ["v3", project, "backups"]) => ("ListBackups", vec![project]),
        ("GET", ["v3", project, "backups", backup]) => ("ShowBackup", vec![project, backup]),
        ("DELETE", ["v3", project, "backups", backup]) => ("DeleteBackup", vec![project, backup]),
        ("GET", ["v3", project, "checkpoints", checkpoint]) => ("ShowCheckpoint", vec![project, checkpoint]),
        ("GET", ["v3", project, "vaults"]) => ("ListVault", vec![project]),
        ("GET", ["v3", project, "vaults", vault]) => ("ShowVault", vec![project, vault]),
        ("GET", ["v3", project, "operation-logs"]) => ("ListOpLogs", vec![project]),
        ("GET", ["v3", project, "operation-logs", log]) => ("ShowOpLog", vec![project, log]),
        ("GET", ["v3", project, "replication-capabilities"]) => ("ShowReplicationCapabilities", vec![project]),
        ("POST", ["v1", project, "providers", provider, "checkpoint_items", item, "replicate"]) => {
            ("CopyCheckpointItem", vec![project, item, provider])
        }
        ("GET", ["v1", project, "checkpoint_items"]) => ("ListCheckpointItems", vec![project]),
        ("GET", ["v1", project, "checkpoint_items", "count"]) => ("CountCheckpointItems", vec![project]),
        ("GET", ["v1", project, "checkpoint_items", item]) => ("ShowCheckpointItem", vec![project, item]),
        ("GET", ["v1", project, "replication_records"]) => ("ListReplicationRecords", vec![project]),
        ("GET", ["v1", project, "replication_capabilities"]) => ("ShowCsbsReplicationCapabilities", vec![project]),
        _ => return None,
    };
    Some(Route { action, path: names.into_iter().map(str::to_owned).collect() })
}

/// The call that a request on this route is.
pub(super) fn call(request: &Received, route: Route, request_id: String) -> Call {
    let body = serde_json::from_slice::<Value>(&request.body).ok();
    let inner =
        body.as_ref().map(|body| if body["replicate"].is_object() { &body["replicate"] } else { &body["replication"] });
    let named = |key: &str| inner.and_then(|inner| inner[key].as_str()).map(str::to_owned);
    let query = pairs(&request.query);
    let region = request.host_region();
    let mut call = Call {
        action: route.action.to_owned(),
        source: route.path.get(1).cloned().or_else(|| named("vault_id")),
        regions: region.iter().cloned().chain(named("destination_region")).collect(),
        region,
        request_id,
        host: request.header("host").unwrap_or_default(),
        path: route.path,
        query,
        body,
    };
    if call.source.is_none() {
        call.source = call.parameter("vault_id").map(str::to_owned);
    }
    call
}
