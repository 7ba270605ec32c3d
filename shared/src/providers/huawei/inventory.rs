//! Inventories of CBR backups and CSBS checkpoint items, with the replication records that they carry.
//!
//! Source: huawei-cloud-api-definitions-CBR 0.1.20261030, ListBackups (without `show_replication` the list carries no records);
//! for CSBS Open Telekom Cloud cloud-server-backup-service 8839849, 2026-06-30, and huaweicloud-sdk-java c1372d4, 2022-09-01.

use super::model::{Backup, Page, Record, ShownBackup, ShownItem, given, is_live, time};
use super::{Huawei, calls, errors, subject};
use crate::model::backup::{self, CopyRecord, CopyState, DestinationCopy, Eligibility};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::model::order;
use crate::model::text::one_line;
use crate::providers::call::{Call, Service};
use crate::providers::inventory::{
    CopiesPage, Cursor, HiddenKind, Inventory, InventoryPage, InventoryQuery, Place, incomplete,
};

impl Inventory for Huawei {
    fn list(&self, scope: &InventoryQuery, cursor: Option<&Cursor>) -> Call {
        // CBR is asked for every kind: `sync` is copied just like `backup`, and no value of the filter is documented for it.
        let kind = (calls::service(scope.operation) == Service::Csbs).then_some("backup");
        calls::list_kind(scope, kind, Place::of(cursor).offset)
    }

    fn listed(&self, scope: &InventoryQuery, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure> {
        let (items, next, total) = page(scope, cursor, reply)?;
        let backups = items.iter().map(backup).collect::<Result<Vec<_>, _>>()?;
        Ok(InventoryPage { backups, next, total, ..Default::default() })
    }

    fn hidden_kinds(&self, scope: &InventoryQuery) -> &'static [HiddenKind] {
        match calls::service(scope.operation) {
            Service::Csbs => &[HiddenKind { name: "replication", why: "replicas are never copied on" }],
            _ => &[HiddenKind {
                name: "shared",
                why: "belongs to another account, which shares it; that account's own rules are about it",
            }],
        }
    }

    fn show(&self, scope: &InventoryQuery, id: &str) -> Option<Call> {
        let (action, path) = match calls::service(scope.operation) {
            Service::Csbs => (calls::SHOW_ITEM, format!("checkpoint_items/{id}")),
            _ => (calls::SHOW_BACKUP, format!("backups/{id}")),
        };
        let project = scope.project_id.as_deref().unwrap_or_default();
        Some(calls::get_in(action, scope.operation, (&scope.region, project), &path, &[]))
    }

    fn shown(&self, scope: &InventoryQuery, id: &str, reply: &Reply) -> Result<Option<backup::Backup>, Failure> {
        if errors::is_gone(reply) {
            return Ok(None);
        }
        let service = calls::service(scope.operation);
        let item = match service {
            Service::Csbs => errors::read::<ShownItem>(service, reply).map(|shown| shown.checkpoint_item),
            _ => errors::read::<ShownBackup>(service, reply).map(|shown| shown.backup),
        };
        let item = item.map_err(Failure::of_read)?;
        subject::of_backup(id, scope.project_id.as_deref(), &item, reply).map_err(Failure::of_read)?;
        backup(&item).map(Some)
    }

    /// CBR is asked for this order; the list of CSBS has none that is documented.
    fn is_newest_first(&self, scope: &InventoryQuery) -> bool {
        calls::service(scope.operation) != Service::Csbs
    }

    /// Lists the replicas in the destination's project: what a record calls a success must be seen there.
    fn list_copies(&self, destination: &InventoryQuery, cursor: Option<&Cursor>) -> Option<Call> {
        Some(calls::list_kind(destination, Some("replication"), Place::of(cursor).offset))
    }

    fn listed_copies(
        &self,
        destination: &InventoryQuery,
        cursor: Option<&Cursor>,
        reply: &Reply,
    ) -> Result<CopiesPage, Failure> {
        let (items, next, total) = page(destination, cursor, reply)?;
        let replicas = items.iter().filter(|item| item.image_type().is_none_or(|kind| kind == "replication"));
        let copies = replicas.map(|item| copy(destination, item)).collect::<Result<Vec<_>, _>>()?;
        // An attempt looks for records of the source, which the listing of a destination does not show.
        Ok(CopiesPage { copies, next, total, proves: false })
    }
}

/// Whether a backup can be copied at all, and whether now. What an answer leaves out is left to the API.
/// Source: Open Telekom Cloud, cloud-backup-recovery user manual cbr_03_0018 and cbr_03_0009, 2025-10-17.
pub(crate) fn eligibility(backup: &Backup) -> Eligibility {
    if backup.image_type() == Some("replication") {
        return Eligibility::NotCovered("is itself a replica, and replicas are never copied on");
    }
    match backup.status.as_deref() {
        Some("error") => return Eligibility::NotCovered("is in the state error"),
        Some("deleting") => return Eligibility::NotCovered("is in the state deleting"),
        Some("waiting_delete") => return Eligibility::NotCovered("is in the state waiting_delete"),
        Some("deleted") => return Eligibility::NotCovered("is in the state deleted"),
        _ => {}
    }
    match backup.resource_type() {
        // Some regions copy these, and only the API knows which.
        None | Some("OS::Sfs::Turbo") => {}
        Some("OS::Nova::Server") => {
            if backup.extend_info.as_ref().is_some_and(|info| info.contain_system_disk == Some(false)) {
                return Eligibility::Ineligible(
                    "lacks the server's system disk, and only backups with it can be copied".to_owned(),
                );
            }
        }
        Some(other) => {
            let other = one_line(other);
            return Eligibility::Ineligible(format!("is a backup of {other}, and only server backups can be copied"));
        }
    }
    match backup.status.as_deref() {
        None | Some("" | "available") => Eligibility::Usable,
        Some(state) => {
            Eligibility::NotReady(format!("is in the state {}; it can be copied once it is available", one_line(state)))
        }
    }
}

type Items = (Vec<Backup>, Option<Cursor>, Option<u64>);

fn page(scope: &InventoryQuery, cursor: Option<&Cursor>, reply: &Reply) -> Result<Items, Failure> {
    let place = Place::of(cursor);
    let service = calls::service(scope.operation);
    let page: Page<Backup> = errors::read(service, reply).map_err(Failure::of_read)?;
    for item in &page.items {
        let found = subject::of_item(scope.vault_id.as_deref(), scope.project_id.as_deref(), item, reply);
        found.map_err(Failure::of_read)?;
    }
    let first = page.items.first().and_then(|item| given(&item.id)).unwrap_or_default();
    let next = place.after(first, page.items.len() as u64, calls::PAGE, page.count)?;
    Ok((page.items, next, page.count))
}

fn backup(item: &Backup) -> Result<backup::Backup, Failure> {
    Ok(backup::Backup {
        id: id(item)?,
        name: item.name.clone(),
        tags: Vec::new(),
        resource: given(&item.resource_id).map(str::to_owned),
        resource_kind: item.resource_type().map(resource_kind),
        vault_id: given(&item.vault_id).map(str::to_owned),
        created_at: item.created_at.as_deref().and_then(time),
        completed_at: None,
        changed_at: item.updated_at.as_deref().and_then(time),
        size_gib: item.resource_size,
        eligibility: eligibility(item),
        hint: None,
        copies: copies(item),
        copies_told: item.replication_records.is_some(),
    })
}

/// The provider's name of a resource type as a word for people. An unknown type stays as it is.
fn resource_kind(resource_type: &str) -> String {
    match resource_type {
        "OS::Nova::Server" => "server".to_owned(),
        "OS::Cinder::Volume" => "disk".to_owned(),
        "OS::Sfs::Turbo" => "file system".to_owned(),
        "OS::Workspace::DesktopV2" => "desktop".to_owned(),
        other => one_line(other),
    }
}

/// A replica, with what the record that made it says of its source. A record of another place or another replica says nothing of this one.
fn copy(destination: &InventoryQuery, item: &Backup) -> Result<DestinationCopy, Failure> {
    let source = |record: &Record| given(source_of(record)).map(str::to_owned);
    let region = |record: &Record| given(&record.source_region).map(str::to_owned);
    let is_here = |record: &&Record| {
        let [made, item] = [given(&record.destination_backup_id), given(&item.id)];
        given(&record.destination_region).is_none_or(|region| region.eq_ignore_ascii_case(&destination.region))
            && (made.is_none() || made == item)
    };
    let records = || item.replication_records.iter().flatten().filter(is_here);
    let is_none = |record: &Record| record.status.as_deref() != Some("success") && !is_live(&record.status);
    // What its own records call a failure, or what holds nothing, is no copy, whatever its state.
    let is_failed = records().next().is_some() && records().all(is_none);
    Ok(DestinationCopy {
        id: id(item)?,
        name: item.name.clone(),
        source_id: records().find_map(source),
        vault_id: given(&item.vault_id).map(str::to_owned),
        source_region: records().find_map(region),
        state: match item.status.as_deref() {
            _ if is_failed || item.resource_size == Some(0) => CopyState::Failed,
            Some("available" | "restoring" | "waiting_restore") => CopyState::Done,
            Some("error" | "deleting" | "waiting_delete" | "deleted") => CopyState::Failed,
            _ => CopyState::Running,
        },
        created_at: item.created_at.as_deref().and_then(time),
        size_gib: item.resource_size,
    })
}

fn id(item: &Backup) -> Result<String, Failure> {
    given(&item.id).map(str::to_owned).ok_or_else(|| incomplete("the page holds an item without its ID"))
}

/// The newest record of each destination. A skip means that nothing was done, so it counts only if there is no other record.
fn copies(item: &Backup) -> Vec<CopyRecord> {
    let mut copies: Vec<CopyRecord> = Vec::new();
    let mut records: Vec<&Record> = item.replication_records.iter().flatten().collect();
    // A replica may carry the record that made it, which has another source.
    records.retain(|record| given(source_of(record)).is_none_or(|source| Some(source) == item.id.as_deref()));
    // The order is stable: of records without a time the later one in the list counts.
    order::by_key(&mut records, |record| (!is_skip(record), record.created_at.as_deref().and_then(time)));
    for record in records.into_iter().rev() {
        let copy = copy_record(record);
        let same = |other: &CopyRecord| match copy.region.as_str() {
            "" => other.project_id == copy.project_id,
            region => other.region == region,
        };
        let placed = !copy.region.is_empty() || copy.project_id.is_some();
        if placed && !copies.iter().any(same) {
            copies.push(copy);
        }
    }
    copies
}

fn copy_record(record: &Record) -> CopyRecord {
    let state = match record.status.as_deref() {
        Some("success") => CopyState::Done,
        _ if is_live(&record.status) => CopyState::Running,
        _ => CopyState::Failed,
    };
    let failed = || {
        let info = record.extra_info.as_ref();
        let (code, reason) = info.map_or((None, None), |info| (given(&info.fail_code), given(&info.fail_reason)));
        let said: Vec<&str> = [code, reason].into_iter().flatten().collect();
        match (said.is_empty(), is_skip(record)) {
            (false, _) => one_line(&said.join(": ")),
            (true, true) => "the provider skipped it".to_owned(),
            (true, false) => "the provider gives no reason".to_owned(),
        }
    };
    let copy_id = given(&record.destination_backup_id).or(given(&record.destination_checkpoint_item_id));
    CopyRecord {
        region: given(&record.destination_region).unwrap_or_default().to_ascii_lowercase(),
        project_id: given(&record.destination_project_id).map(str::to_owned),
        id: given(&record.id).map(str::to_owned),
        copy_id: copy_id.map(str::to_owned),
        state,
        created_at: record.created_at.as_deref().and_then(time),
        note: (state == CopyState::Failed).then(failed),
    }
}

fn is_skip(record: &Record) -> bool {
    matches!(record.status.as_deref(), Some("skip" | "skipped"))
}

fn source_of(record: &Record) -> &Option<String> {
    match given(&record.source_backup_id) {
        Some(_) => &record.source_backup_id,
        None => &record.source_checkpoint_item_id,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::{Destination, Operation};
    use crate::model::failure::Disposition;
    use crate::providers::call::Service;
    use crate::sign::Query;

    fn scope(operation: Operation) -> InventoryQuery {
        InventoryQuery {
            operation,
            region: "cn-north-4".into(),
            project_id: Some("p1".into()),
            vault_id: None,
            name_prefix: None,
            since: None,
            source_types: Vec::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reply(body: &Value) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn line(call: &Call) -> String {
        let Query::Pairs(pairs) = &call.draft.query else { panic!("no query") };
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}?{}", call.draft.method, call.draft.path, query.join("&"))
    }

    /// An item of the recorded answer of 2025-03-25, shortened.
    fn item(fields: Value) -> Value {
        let mut item = json!({
            "id": "b-1", "name": "server-backup", "status": "available", "image_type": "backup", "resource_type": "OS::Nova::Server",
            "resource_id": "s-1", "resource_size": 50, "vault_id": "v-1", "created_at": "2025-03-25T06:32:07.951164",
            "updated_at": "2025-03-25T06:34:03.482887",
            "extend_info": {"contain_system_disk": true}, "replication_records": [],
        });
        for (name, value) in fields.as_object().unwrap() {
            item[name] = value.clone();
        }
        item
    }

    fn listed(fields: Value) -> backup::Backup {
        let page = reply(&json!({"backups": [item(fields)], "count": 1}));
        let page = Huawei.listed(&scope(Operation::CopyBackup), None, &page).unwrap();
        page.backups.into_iter().next().unwrap()
    }

    fn record(id: &str, region: &str, status: &str, minute: u32) -> Value {
        json!({"id": id, "status": status, "destination_region": region, "destination_project_id": "p2", "source_backup_id": "b-1",
            "created_at": format!("2026-11-21T12:{minute:02}:00.000000")})
    }

    #[test]
    fn cbr_is_asked_with_records_and_filters() {
        let call = Huawei.list(&scope(Operation::CopyBackup), None);
        assert_eq!((call.action, call.service, call.region.as_str()), ("ListBackups", Service::Cbr, "cn-north-4"));
        assert_eq!(line(&call), "GET /v3/p1/backups?show_replication=true&sort=created_at:desc&limit=100&offset=0");
        let since = Some(at("2026-11-21T08:30:00.5Z"));
        let narrow = InventoryQuery { vault_id: Some("v-1".into()), since, ..scope(Operation::CopyCheckpoint) };
        assert_eq!(
            line(&Huawei.list(&narrow, Some(&Cursor("90 1165 b-1".into())))),
            "GET /v3/p1/backups?show_replication=true&sort=created_at:desc&vault_id=v-1\
             &start_time=2026-11-21T08:30:00Z&limit=100&offset=90"
        );
        let copies = Huawei.list_copies(&scope(Operation::CopyBackup), None).unwrap();
        assert!(line(&copies).starts_with("GET /v3/p1/backups?image_type=replication&"));
    }

    #[test]
    fn one_backup_or_item_is_shown_by_its_id_or_is_not_there() {
        let (cbr, csbs) = (scope(Operation::CopyBackup), scope(Operation::CopyCheckpointItem));
        let path = |scope: &InventoryQuery, id: &str| Huawei.show(scope, id).unwrap().draft.path;
        assert_eq!(path(&cbr, "b-1"), "/v3/p1/backups/b-1");
        assert_eq!(path(&csbs, "i-1"), "/v1/p1/checkpoint_items/i-1");
        let shown = |reply: &Reply| Huawei.shown(&cbr, "b-1", reply);
        let found = shown(&reply(&json!({"backup": {"id": "b-1", "status": "protecting", "vault_id": "v-1"}})));
        let found = found.unwrap().unwrap();
        assert_eq!(found.vault_id.as_deref(), Some("v-1"));
        assert!(matches!(found.eligibility, Eligibility::NotReady(_)), "{found:?}");
        let item = reply(&json!({"checkpoint_item": {"id": "i-1", "status": "available"}}));
        assert_eq!(Huawei.shown(&csbs, "i-1", &item).unwrap().unwrap().eligibility, Eligibility::Usable);
        let other = shown(&reply(&json!({"backup": {"id": "b-2"}}))).unwrap_err();
        assert_eq!(other.disposition, Disposition::Retryable);
        let body = json!({"error_code": "BackupService.6200", "error_msg": "m"});
        let gone = Reply { status: 404, headers: Vec::new(), body: body.to_string().into_bytes() };
        assert_eq!(shown(&gone), Ok(None));
    }

    #[test]
    fn csbs_has_its_own_list() {
        let scope = scope(Operation::CopyCheckpointItem);
        let call = Huawei.list(&scope, None);
        assert_eq!((call.service, call.action), (Service::Csbs, "ListCheckpointItems"));
        assert_eq!(line(&call), "GET /v1/p1/checkpoint_items?image_type=backup&limit=100&offset=0");
        let page = reply(&json!({"count": 1, "checkpoint_items": [{
            "id": "i-1", "name": "manualbk", "status": "available", "resource_id": "s-1", "created_at": "2018-6-14T11:14:48.946000",
            "extend_info": {"image_type": "backup", "resource_type": "OS::Nova::Server"},
            "replication_records": {"id": "r-1", "status": "success", "destination_region": "cn-east-2",
                "source_checkpoint_item_id": "i-1", "destination_checkpoint_item_id": "i-2"},
        }]}));
        let page = Huawei.listed(&scope, None, &page).unwrap();
        let found = &page.backups[0];
        assert_eq!(
            (found.eligibility.clone(), found.created_at),
            (Eligibility::Usable, Some(at("2018-06-14T11:14:48.946Z")))
        );
        let copy = &found.copies[0];
        assert_eq!(
            (copy.id.as_deref(), copy.copy_id.as_deref(), copy.state),
            (Some("r-1"), Some("i-2"), CopyState::Done)
        );
    }

    #[test]
    fn the_newest_record_of_each_region_counts() {
        let found = listed(json!({"replication_records": [
            record("old", "cn-south-1", "success", 1), record("new", "cn-south-1", "fail", 2), record("other", "cn-east-3", "replicating", 0),
            record("skipped", "cn-north-9", "skip", 9), record("done", "cn-north-9", "success", 3),
            {"id": "foreign", "status": "success", "destination_region": "cn-north-7", "source_backup_id": "b-2"},
            record("only", "cn-north-8", "skip", 0), record("strange", "cn-north-6", "paused", 0), record("wait", "cn-north-5", "waiting_replicate", 0),
            {"id": "by-project", "status": "success", "destination_project_id": "p9"},
        ]}));
        let mut copies: Vec<_> = found.copies.iter().map(|copy| (copy.id.as_deref().unwrap(), copy.state)).collect();
        copies.sort_by_key(|(id, _)| *id);
        let wanted = [
            ("by-project", CopyState::Done),
            ("done", CopyState::Done),
            ("new", CopyState::Failed),
            ("only", CopyState::Failed),
            ("other", CopyState::Running),
            ("strange", CopyState::Running),
            ("wait", CopyState::Running),
        ];
        assert_eq!(copies, wanted);
        let to = |region: &str, project: &str| Destination {
            region: region.into(),
            project_id: Some(project.into()),
            vault_id: None,
        };
        let note = |copy: Option<&CopyRecord>| copy.and_then(|copy| copy.note.clone());
        assert_eq!(note(found.copy_to(&to("cn-south-1", "p2"))).as_deref(), Some("the provider gives no reason"));
        assert_eq!(note(found.copy_to(&to("cn-north-8", "p2"))).as_deref(), Some("the provider skipped it"));
        assert_eq!(found.copy_to(&to("cn-west-3", "p9")).and_then(|copy| copy.id.as_deref()), Some("by-project"));
        assert!(found.copies_told);
    }

    #[test]
    fn records_that_are_not_told_are_not_none() {
        let untold = listed(json!({"replication_records": null}));
        assert_eq!((untold.copies.len(), untold.copies_told), (0, false));
        assert!(listed(json!({})).copies_told);
    }

    #[test]
    fn the_published_rule_decides() {
        for (fields, wanted) in [
            (json!({}), Eligibility::Usable),
            (json!({"extend_info": null}), Eligibility::Usable),
            (json!({"resource_type": "OS::Sfs::Turbo"}), Eligibility::Usable),
            (
                json!({"resource_type": "OS::Cinder::Volume"}),
                Eligibility::Ineligible(
                    "is a backup of OS::Cinder::Volume, and only server backups can be copied".into(),
                ),
            ),
            (
                json!({"extend_info": {"contain_system_disk": false}}),
                Eligibility::Ineligible(
                    "lacks the server's system disk, and only backups with it can be copied".into(),
                ),
            ),
            (
                json!({"image_type": "replication"}),
                Eligibility::NotCovered("is itself a replica, and replicas are never copied on"),
            ),
            (json!({"image_type": "sync"}), Eligibility::Usable),
            (json!({"status": "error"}), Eligibility::NotCovered("is in the state error")),
            (json!({"status": "deleting"}), Eligibility::NotCovered("is in the state deleting")),
            (
                json!({"status": "waiting_delete", "image_type": "sync"}),
                Eligibility::NotCovered("is in the state waiting_delete"),
            ),
            // Whatever it is a backup of, it protects nothing.
            (
                json!({"status": "error", "resource_type": "OS::Cinder::Volume"}),
                Eligibility::NotCovered("is in the state error"),
            ),
            (
                json!({"status": "waiting_protect"}),
                Eligibility::NotReady("is in the state waiting_protect; it can be copied once it is available".into()),
            ),
        ] {
            assert_eq!(listed(fields.clone()).eligibility, wanted, "{fields}");
        }
    }

    #[test]
    fn a_backup_is_read_in_full() {
        let found = listed(json!({}));
        assert_eq!((found.id.as_str(), found.name.as_deref()), ("b-1", Some("server-backup")));
        assert_eq!((found.resource.as_deref(), found.vault_id.as_deref()), (Some("s-1"), Some("v-1")));
        let kind = |resource_type: Value| listed(json!({"resource_type": resource_type})).resource_kind;
        for (resource_type, wanted) in [
            ("OS::Nova::Server", "server"),
            ("OS::Cinder::Volume", "disk"),
            ("OS::Sfs::Turbo", "file system"),
            ("OS::New::Kind", "OS::New::Kind"),
        ] {
            assert_eq!(kind(json!(resource_type)).as_deref(), Some(wanted));
        }
        assert_eq!(kind(Value::Null), None);
        assert_eq!((found.size_gib, found.created_at), (Some(50), Some(at("2025-03-25T06:32:07.951164Z"))));
        assert_eq!(found.changed_at, Some(at("2025-03-25T06:34:03.482887Z")));
        assert_eq!(listed(json!({"updated_at": null})).changed_at, None);
    }

    #[test]
    fn pages_follow_until_none_is_left() {
        let page = |from: usize, come: usize, count: Option<u64>| {
            let items: Vec<Value> = (from..from + come).map(|n| item(json!({"id": format!("b-{n}")}))).collect();
            reply(&json!({"backups": items, "count": count}))
        };
        let scope = scope(Operation::CopyBackup);
        let next = |cursor: Option<&str>, reply: &Reply| {
            let cursor = cursor.map(|cursor| Cursor(cursor.into()));
            Huawei.listed(&scope, cursor.as_ref(), reply).map(|page| page.next.map(|cursor| cursor.0))
        };
        assert_eq!(next(None, &page(0, 100, Some(150))).unwrap().as_deref(), Some("90 1165 b-0"));
        assert_eq!(next(Some("90 1165 b-0"), &page(90, 60, Some(150))).unwrap(), None);
        assert_eq!(next(None, &page(0, 50, Some(80))).unwrap().as_deref(), Some("45 1088 b-0"));
        assert_eq!(next(Some("90 1165 b-0"), &page(0, 0, None)).unwrap(), None);
        assert_eq!(next(Some("90 1165 b-0"), &page(0, 100, None)).unwrap_err().code, "repeated_page");
        // What goes on and on beyond what the first page counted is no list, whatever later pages count.
        assert_eq!(next(Some("1080 1165 b-0"), &page(1080, 100, Some(u64::MAX))).unwrap_err().code, "endless_listing");
        assert_eq!(next(None, &page(0, 0, Some(3))).unwrap_err().code, "incomplete_page");
        assert_eq!(
            next(None, &reply(&json!({"backups": [item(json!({"id": ""}))]}))).unwrap_err().code,
            "incomplete_page"
        );
        assert_eq!(next(None, &reply(&json!({"count": 0}))).unwrap_err().disposition, Disposition::Retryable);
    }

    /// A replica that its own record calls a failure, or that holds nothing, is no copy, however available it says it is.
    #[test]
    fn a_replica_that_failed_or_is_empty_is_no_copy() {
        let state = |fields: Value| {
            let mut replica = item(json!({"id": "c-1", "image_type": "replication", "status": "available"}));
            replica.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let page = reply(&json!({"backups": [replica], "count": 1}));
            let page = Huawei.listed_copies(&scope(Operation::CopyBackup), None, &page).unwrap();
            page.copies[0].state
        };
        let records = |statuses: &[&str]| {
            let records: Vec<Value> = statuses
                .iter()
                .map(|status| json!({"id": "r", "status": status, "source_backup_id": "b-1", "destination_backup_id": "c-1"}))
                .collect();
            json!({"replication_records": records})
        };
        for (fields, wanted) in [
            (json!({}), CopyState::Done),
            (json!({"replication_records": []}), CopyState::Done),
            (records(&["success"]), CopyState::Done),
            (records(&["fail", "success"]), CopyState::Done),
            (records(&["replicating"]), CopyState::Done),
            (records(&["fail"]), CopyState::Failed),
            (records(&["error"]), CopyState::Failed),
            (records(&["skip"]), CopyState::Failed),
            (json!({"resource_size": 0}), CopyState::Failed),
        ] {
            assert_eq!(state(fields.clone()), wanted, "{fields}");
        }
    }

    #[test]
    fn a_destination_lists_replicas() {
        let replica = |id: &str, status: &str| item(json!({"id": id, "status": status, "image_type": "replication"}));
        let mut told = replica("told", "available");
        told["replication_records"] = json!([{"id": "r", "status": "success", "source_backup_id": "b-1"}]);
        let page = json!({"count": 5, "backups": [
            told, replica("made", "protecting"), replica("bad", "error"), item(json!({})), replica("used", "restoring"),
        ]});
        let page = Huawei.listed_copies(&scope(Operation::CopyBackup), None, &reply(&page)).unwrap();
        let found: Vec<_> =
            page.copies.iter().map(|copy| (copy.id.as_str(), copy.state, copy.source_id.as_deref())).collect();
        let wanted = [
            ("told", CopyState::Done, Some("b-1")),
            ("made", CopyState::Running, None),
            ("bad", CopyState::Failed, None),
            ("used", CopyState::Done, None),
        ];
        assert_eq!(found, wanted);
    }

    /// Such a replica is shown, and counts for no backup.
    #[test]
    fn a_record_of_another_place_does_not_say_whose_copy_a_replica_is() {
        let mut query = scope(Operation::CopyBackup);
        query.region = "cn-east-3".to_owned();
        for (change, source) in [
            (json!({}), Some("b-1")),
            (json!({"destination_region": "cn-east-3", "destination_backup_id": "told"}), Some("b-1")),
            (json!({"destination_region": "cn-south-1"}), None),
            (json!({"destination_backup_id": "another"}), None),
        ] {
            let mut record = json!({"id": "r", "status": "success", "source_backup_id": "b-1"});
            record.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let replica = item(
                json!({"id": "told", "status": "available", "image_type": "replication", "replication_records": [record]}),
            );
            let page = json!({"count": 1, "backups": [replica]});
            let page = Huawei.listed_copies(&query, None, &reply(&page)).unwrap();
            assert_eq!(page.copies[0].source_id.as_deref(), source, "{change}");
        }
    }
}
