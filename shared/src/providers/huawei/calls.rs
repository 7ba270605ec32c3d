//! Plans the calls. All but those for a destination's inventory go to the source's region and carry the source's project.

use serde::Serialize;

use super::model::{Start, Wanted};
use crate::model::command::{Operation, Replication};
use crate::model::http::HttpRequest;
use crate::providers::call::{Call, Effect, PROJECT_HEADER, Service};
use crate::providers::inventory::InventoryQuery;
use crate::providers::on_wire::{self, Route};
use crate::sign::{Query, RequestDraft, canonical};

/// Page size of every list. Source: huawei-cloud-api-definitions-CBR 0.1.20261030, at most 1000.
pub(crate) const PAGE: u64 = 100;

/// Page size of the list of a vault's backups that a read-back goes through: it may be long, and each further page has all of it read anew.
const VAULT_PAGE: u64 = 1_000;

/// CBR: one backup.
pub(crate) const SHOW_BACKUP: &str = "ShowBackup";
/// CBR: a page of backups.
pub(crate) const LIST_BACKUPS: &str = "ListBackups";
/// CBR: a page of operation logs, which are tasks.
pub(crate) const LIST_OPERATION_LOGS: &str = "ListOpLogs";
/// CSBS: a page of checkpoint items. The vendor has no name for this action.
pub(crate) const LIST_ITEMS: &str = "ListCheckpointItems";
/// CSBS: one checkpoint item. The vendor has no name for this action.
pub(crate) const SHOW_ITEM: &str = "ShowCheckpointItem";
/// CSBS: a page of replication records. The vendor has no name for this action.
pub(crate) const LIST_RECORDS: &str = "ListReplicationRecords";

/// CSBS's fixed provider ID. Source: Huawei CSBS API page "Replicating a Backup".
const CSBS_PROVIDER: &str = "fc4d5750-22e7-4798-8a46-f48f62c4c1da";

/// Every path that is planned here, with its method. `*` stands for one segment.
const ROUTES: [Route; 16] = [
    Route { method: "POST", path: "/v3/*/backups/*/replicate", effect: Effect::Start },
    Route { method: "POST", path: "/v3/*/checkpoints/replicate", effect: Effect::Start },
    Route { method: "POST", path: "/v1/*/providers/*/checkpoint_items/*/replicate", effect: Effect::Start },
    Route { method: "GET", path: "/v3/*/backups", effect: Effect::Read },
    Route { method: "GET", path: "/v3/*/backups/*", effect: Effect::Read },
    Route { method: "GET", path: "/v3/*/vaults/*", effect: Effect::Read },
    Route { method: "GET", path: "/v3/*/operation-logs", effect: Effect::Read },
    Route { method: "GET", path: "/v3/*/replication-capabilities", effect: Effect::Read },
    Route { method: "GET", path: "/v1/*/checkpoint_items", effect: Effect::Read },
    Route { method: "GET", path: "/v1/*/checkpoint_items/*", effect: Effect::Read },
    Route { method: "GET", path: "/v1/*/replication_records", effect: Effect::Read },
    Route { method: "GET", path: "/v1/*/replication_capabilities", effect: Effect::Read },
    Route { method: "GET", path: "/v3/projects", effect: Effect::Read },
    Route { method: "POST", path: "/v3/auth/tokens", effect: Effect::SignIn },
    Route { method: "POST", path: "/v5/agencies/assume", effect: Effect::SignIn },
    Route { method: "POST", path: "/v5/agencies/assume-with-oidc", effect: Effect::SignIn },
];

/// What a finished request does, by its method and path.
pub(super) fn effect_of(request: &HttpRequest) -> Option<Effect> {
    on_wire::by_path(request, &ROUTES)
}

/// The call that starts the replication.
pub(crate) fn start(replication: &Replication) -> Call {
    let id = &replication.source.id;
    let destination = &replication.destination;
    let options = &replication.options;
    let wanted = Wanted {
        destination_project_id: destination.project_id.as_deref(),
        destination_region: &destination.region,
        enable_acceleration: options.enable_acceleration.filter(|wanted| *wanted),
        ..Default::default()
    };
    let named =
        |wanted| Wanted { name: options.name.as_deref(), description: options.description.as_deref(), ..wanted };
    let (action, path, body) = match replication.operation {
        Operation::CopyCheckpoint => (
            "CopyCheckpoint",
            "checkpoints/replicate".to_owned(),
            Start::Replicate(Wanted {
                vault_id: Some(id),
                destination_vault_id: destination.vault_id.as_deref(),
                auto_trigger: options.auto_trigger,
                ..wanted
            }),
        ),
        Operation::CopyCheckpointItem => (
            "CopyCheckpointItem",
            format!("providers/{CSBS_PROVIDER}/checkpoint_items/{id}/replicate"),
            Start::Replication(named(wanted)),
        ),
        _ => (
            "CopyBackup",
            format!("backups/{id}/replicate"),
            Start::Replicate(Wanted { destination_vault_id: destination.vault_id.as_deref(), ..named(wanted) }),
        ),
    };
    start_call(action, replication, &path, &body)
}

/// The call that shows one backup with its replication records.
pub(crate) fn show_backup(replication: &Replication) -> Call {
    let path = format!("backups/{}", replication.source.id);
    get(SHOW_BACKUP, replication, &path, &[], None)
}

/// The call that lists the vault's own backups of every kind. Without `show_replication` the list carries no records.
pub(crate) fn list_backups(replication: &Replication, offset: u64) -> Call {
    let filters = [("vault_id", replication.source.id.as_str()), ("show_replication", "true")];
    let mut call = get(LIST_BACKUPS, replication, "backups", &filters, Some(offset));
    if let Query::Pairs(pairs) = &mut call.draft.query {
        pairs.iter_mut().filter(|(name, _)| name == "limit").for_each(|(_, limit)| *limit = VAULT_PAGE.to_string());
    }
    call
}

/// The call that lists the replication tasks. `destination_region` is a filter only since 2026-10-30, so the caller compares.
pub(crate) fn list_operation_logs(replication: &Replication, offset: u64) -> Call {
    let filters = [("operation_type", "replication")];
    get(LIST_OPERATION_LOGS, replication, "operation-logs", &filters, Some(offset))
}

/// The call that shows one checkpoint item with its replication records.
pub(crate) fn show_item(replication: &Replication) -> Call {
    let path = format!("checkpoint_items/{}", replication.source.id);
    get(SHOW_ITEM, replication, &path, &[], None)
}

/// The call that lists CSBS's records. Its filters are nowhere named, and a wrong one might be refused, so the caller compares.
pub(crate) fn list_records(replication: &Replication, offset: u64) -> Call {
    get(LIST_RECORDS, replication, "replication_records", &[], Some(offset))
}

/// The service that an operation belongs to.
pub(crate) fn service(operation: Operation) -> Service {
    match operation {
        Operation::CopyCheckpointItem => Service::Csbs,
        _ => Service::Cbr,
    }
}

/// The call for a page of a project's backups (CSBS: checkpoint items), of one kind or all, newest first where the service can sort.
pub(crate) fn list_kind(scope: &InventoryQuery, image_type: Option<&str>, offset: u64) -> Call {
    let place = Place::of_scope(scope);
    let mut filters: Vec<_> = image_type.map(|kind| ("image_type", kind)).into_iter().collect();
    if place.service == Service::Csbs {
        // CSBS publishes neither the form of `sort` nor that of its times, and a wrong one might be refused.
        return get_at(LIST_ITEMS, &place, "checkpoint_items", &filters, Some(offset));
    }
    let since = scope.since.map(canonical::to_the_second);
    filters.extend([("show_replication", "true"), ("sort", "created_at:desc")]);
    filters.extend(scope.vault_id.as_deref().map(|vault| ("vault_id", vault)));
    filters.extend(since.as_deref().map(|since| ("start_time", since)));
    get_at(LIST_BACKUPS, &place, "backups", &filters, Some(offset))
}

/// A read in any region and project, independent of a replication.
pub(crate) fn get_in(
    action: &'static str,
    operation: Operation,
    (region, project): (&str, &str),
    path: &str,
    filters: &[(&str, &str)],
) -> Call {
    let place = Place { service: service(operation), region, project };
    get_at(action, &place, path, filters, None)
}

/// The service, region and project that a call goes to.
struct Place<'a> {
    service: Service,
    region: &'a str,
    project: &'a str,
}

impl<'a> Place<'a> {
    fn of(replication: &'a Replication) -> Place<'a> {
        let source = &replication.source;
        let project = source.project_id.as_deref().unwrap_or_default();
        Place { service: service(replication.operation), region: &source.region, project }
    }

    fn of_scope(scope: &'a InventoryQuery) -> Place<'a> {
        let project = scope.project_id.as_deref().unwrap_or_default();
        Place { service: service(scope.operation), region: &scope.region, project }
    }
}

fn get(
    action: &'static str,
    replication: &Replication,
    path: &str,
    filters: &[(&str, &str)],
    offset: Option<u64>,
) -> Call {
    get_at(action, &Place::of(replication), path, filters, offset)
}

fn get_at(action: &'static str, place: &Place<'_>, path: &str, filters: &[(&str, &str)], offset: Option<u64>) -> Call {
    let mut call = call(Effect::Read, action, "GET", place, path);
    let mut pairs: Vec<(String, String)> =
        filters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if let Some(offset) = offset {
        pairs.push(("limit".to_owned(), PAGE.to_string()));
        pairs.push(("offset".to_owned(), offset.to_string()));
        call.lists = true;
    }
    if !pairs.is_empty() {
        call.draft.query = Query::Pairs(pairs);
    }
    call
}

fn start_call(action: &'static str, replication: &Replication, path: &str, body: &impl Serialize) -> Call {
    let mut call = call(Effect::Start, action, "POST", &Place::of(replication), path);
    call.draft.body = serde_json::to_vec(body).unwrap_or_default();
    // Its answer names every backup of the vault, and no read goes before it.
    let whole_vault = replication.operation == Operation::CopyCheckpoint;
    (call.lists, call.goes_first) = (whole_vault, whole_vault);
    call
}

fn call(effect: Effect, action: &'static str, method: &str, place: &Place<'_>, path: &str) -> Call {
    let Place { service, region, project } = *place;
    let version = if service == Service::Csbs { "v1" } else { "v3" };
    let headers = [("content-type", "application/json"), (PROJECT_HEADER, project)];
    Call {
        lists: false,
        goes_first: false,
        action,
        service,
        effect,
        region: region.to_owned(),
        draft: RequestDraft {
            method: method.to_owned(),
            path: format!("/{version}/{project}/{path}"),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..Default::default()
        },
    }
}
