//! Inventories of CBS snapshots: those that can be copied, and the copies in a destination.
//!
//! Source: tencentcloud-sdk-python-cbs 3.1.175, DescribeSnapshots. It filters neither by time nor by tag, so pages come newest first and
//! end where they get too old. A copy carries no ID of its source: its name is the only link.

use super::calls::{PAGE, by_ids, call};
use super::errors::read;
use super::model::{DescribeSnapshots, Described, Filter, Snapshot, time};
use super::names::{HASH, OURS, name_of};
use super::{Tencent, subject};
use crate::model::backup::{Backup, CopyRecord, CopyState, DestinationCopy, Eligibility};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::call::{Call, Effect};
use crate::providers::inventory::{
    CopiesPage, Cursor, HiddenKind, Inventory, InventoryPage, InventoryQuery, Place, SourceKey, incomplete,
};
use crate::providers::refusal::unreadable;

impl Inventory for Tencent {
    fn list(&self, scope: &InventoryQuery, cursor: Option<&Cursor>) -> Call {
        page_call(scope, cursor)
    }

    fn listed(&self, scope: &InventoryQuery, cursor: Option<&Cursor>, reply: &Reply) -> Result<InventoryPage, Failure> {
        let Page { snapshots, next, total } = page(scope, cursor, reply)?;
        let backups = snapshots.into_iter().map(backup).collect::<Result<Vec<_>, _>>()?;
        Ok(InventoryPage { backups, next, total, ..Default::default() })
    }

    /// `DiskSize` is the size of the disk that was backed up. Source: tencentcloud-sdk-python-cbs 3.1.175, Snapshot.
    fn size_of_copies(&self, backup: &Backup) -> Option<u64> {
        backup.size_gib
    }

    fn hidden_kinds(&self, _scope: &InventoryQuery) -> &'static [HiddenKind] {
        &[HiddenKind {
            name: "SHARED_SNAPSHOT",
            why: "belongs to another account, which shares it; that account's own rules are about it",
        }]
    }

    fn show(&self, scope: &InventoryQuery, id: &str) -> Option<Call> {
        Some(by_ids(&scope.region, &[id]))
    }

    fn shown(&self, scope: &InventoryQuery, id: &str, reply: &Reply) -> Result<Option<Backup>, Failure> {
        let found = subject::only(id, &scope.region, reply).map_err(Failure::of_read)?;
        found.map(backup).transpose()
    }

    /// How many IDs one request may hold is not published, so a refusal may be about their number.
    fn show_many(&self, scope: &InventoryQuery, ids: &[&str]) -> Option<Call> {
        let body = DescribeSnapshots { snapshot_ids: Some(ids), limit: PAGE, ..Default::default() };
        Some(call(Effect::Read, "DescribeSnapshots", &scope.region, &body))
    }

    fn shown_many(&self, _scope: &InventoryQuery, reply: &Reply) -> Result<Vec<Backup>, Failure> {
        let answer = read::<Described>(reply).map_err(Failure::of_read)?;
        answer.body.snapshots.into_iter().flatten().map(backup).collect()
    }

    fn is_newest_first(&self, _scope: &InventoryQuery) -> bool {
        true
    }

    /// Lists all the destination's snapshots, because there is no filter for copies. A copy is younger than its source, so `since` ends
    /// this listing as it ends that of the sources.
    fn list_copies(&self, destination: &InventoryQuery, cursor: Option<&Cursor>) -> Option<Call> {
        Some(page_call(destination, cursor))
    }

    fn listed_copies(
        &self,
        destination: &InventoryQuery,
        cursor: Option<&Cursor>,
        reply: &Reply,
    ) -> Result<CopiesPage, Failure> {
        let Page { snapshots, next, total } = page(destination, cursor, reply)?;
        // Recorded answers leave keys out. What does not say that it is no copy may be one.
        let proves = snapshots.iter().all(|snapshot| snapshot.copy_from_remote.is_some());
        let copies = snapshots.into_iter().filter(|snapshot| snapshot.copy_from_remote == Some(true));
        Ok(CopiesPage { copies: copies.map(copy).collect::<Result<Vec<_>, _>>()?, next, total, proves })
    }

    fn key_of(&self, copy: &DestinationCopy, source_region: &str) -> Option<SourceKey> {
        let name = copy.name.as_deref()?;
        if let Some(source) =
            name.strip_prefix("Copied ").and_then(|rest| rest.strip_suffix(source_region)?.strip_suffix(" from "))
        {
            return Some(SourceKey { text: source.to_owned(), certain: true });
        }
        let base = name.strip_prefix(OURS)?;
        match base.strip_suffix(source_region).and_then(|base| base.strip_suffix('-')) {
            Some(source) => Some(SourceKey { text: source.to_owned(), certain: true }),
            // A long name holds a hash, from which nothing can be read.
            None if base.len() == HASH => Some(SourceKey { text: name_stem(base), certain: false }),
            None => None,
        }
    }

    fn source_keys(&self, source_id: &str, source_region: &str) -> Vec<String> {
        let name = name_of(source_id, source_region);
        let base = name.strip_prefix(OURS).unwrap_or_default();
        match base.strip_suffix(source_region).and_then(|base| base.strip_suffix('-')) {
            Some(_) => vec![source_id.to_owned()],
            None => vec![source_id.to_owned(), name_stem(base)],
        }
    }
}

/// Whether a sweep or an event may have a snapshot copied, and whether now. Copies of copies would go round, and what another account shares
/// is that account's to copy.
pub(crate) fn eligibility(snapshot: &Snapshot) -> Eligibility {
    if snapshot.copy_from_remote == Some(true) || is_being_copied(snapshot) {
        return Eligibility::NotCovered("is itself a copy from another region, and copies are never copied on");
    }
    if snapshot.is_shared() {
        return Eligibility::NotCovered("belongs to another account, which shares it");
    }
    copyable(snapshot)
}

/// Whether a snapshot that somebody names can be copied, and whether now. No document says that a copy or a shared snapshot cannot be; of
/// system disks, encrypted and instant snapshots those of 2023 say so, and those of 2026 say nothing. The API decides.
///
/// Source: API page 362/45941 (CopySnapshotCrossRegions), 2026-05-15: it names no such limit.
pub(crate) fn copyable(snapshot: &Snapshot) -> Eligibility {
    if is_being_copied(snapshot) {
        return Eligibility::NotReady("is still being copied here from another region".to_owned());
    }
    match snapshot.state.as_deref() {
        Some("CREATING") => Eligibility::NotReady("is still being created".to_owned()),
        Some("ROLLBACKING") => Eligibility::NotReady("is being rolled back to its disk".to_owned()),
        Some("TORECYCLE") => Eligibility::NotCovered("is in the recycle bin"),
        _ => Eligibility::Usable,
    }
}

fn is_being_copied(snapshot: &Snapshot) -> bool {
    matches!(snapshot.state.as_deref(), Some("COPYING_FROM_REMOTE" | "CHECKING_COPIED"))
}

/// The key for what a name is made of. Its first word keeps it apart from IDs.
fn name_stem(base: &str) -> String {
    format!("name {base}")
}

struct Page {
    snapshots: Vec<Snapshot>,
    next: Option<Cursor>,
    total: Option<u64>,
}

/// The call for a page. It does not filter by state: an unfinished snapshot must be seen as such, not only after its page has gone by.
fn page_call(scope: &InventoryQuery, cursor: Option<&Cursor>) -> Call {
    let values = ["PRIVATE_SNAPSHOT".to_owned()];
    let body = DescribeSnapshots {
        filters: Some([Filter { name: "snapshot-type", values: &values }]),
        order_field: Some("CREATE_TIME"),
        order: Some("DESC"),
        limit: PAGE,
        offset: Place::of(cursor).offset,
        ..Default::default()
    };
    call(Effect::Read, "DescribeSnapshots", &scope.region, &body)
}

fn page(scope: &InventoryQuery, cursor: Option<&Cursor>, reply: &Reply) -> Result<Page, Failure> {
    let answer = read::<Described>(reply).map_err(Failure::of_read)?;
    let total = answer.body.total_count;
    let snapshots = match (answer.body.snapshots, total) {
        (Some(snapshots), _) => snapshots,
        (None, Some(0)) => Vec::new(),
        (None, _) => return Err(unreadable(reply, answer.request_id, "the answer holds no snapshots").of_read()),
    };
    for snapshot in &snapshots {
        subject::in_region(&scope.region, snapshot, reply).map_err(Failure::of_read)?;
    }
    // Without a count nothing says that a page is the last one: the service may have cut it short.
    if total.is_none() {
        return Err(incomplete("the answer does not count its snapshots"));
    }
    let first = snapshots.first().and_then(|snapshot| snapshot.snapshot_id.as_deref()).unwrap_or_default();
    let mut next = Place::of(cursor).after(first, snapshots.len() as u64, PAGE, total)?;
    // A snapshot whose time cannot be read counts as young.
    let is_old = |snapshot: &Snapshot| {
        let created = snapshot.create_time.as_deref().and_then(time);
        scope.since.is_some_and(|since| created.is_some_and(|created| created < since))
    };
    if snapshots.iter().all(is_old) {
        next = None;
    }
    Ok(Page { snapshots, next, total })
}

fn backup(snapshot: Snapshot) -> Result<Backup, Failure> {
    let running = |region: String| CopyRecord {
        region,
        project_id: None,
        id: None,
        copy_id: None,
        state: CopyState::Running,
        created_at: None,
        note: None,
    };
    Ok(Backup {
        eligibility: eligibility(&snapshot),
        hint: hint(&snapshot),
        id: id(snapshot.snapshot_id)?,
        name: snapshot.snapshot_name,
        tags: snapshot.tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect(),
        resource: snapshot.disk_id.filter(|id| !id.is_empty()),
        resource_kind: Some("disk".to_owned()),
        vault_id: None,
        created_at: snapshot.create_time.as_deref().and_then(time),
        completed_at: None,
        changed_at: None,
        size_gib: snapshot.disk_size,
        copies: snapshot.copying_to_regions.into_iter().flatten().map(running).collect(),
        // Only the destination tells about a finished copy.
        copies_told: false,
    })
}

fn hint(snapshot: &Snapshot) -> Option<String> {
    let hints = [
        (snapshot.disk_usage.as_deref() == Some("SYSTEM_DISK"), "system disk"),
        (snapshot.encrypt == Some(true), "encrypted"),
        (snapshot.snapshot_mode.as_deref() == Some("INSTANT_SNAPSHOT"), "instant snapshot"),
    ];
    let told: Vec<&str> = hints.into_iter().filter(|(told, _)| *told).map(|(_, hint)| hint).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Reads a copy. CBS has no failed state; a copy in the recycle bin is as good as gone. An unknown state counts as running.
fn copy(snapshot: Snapshot) -> Result<DestinationCopy, Failure> {
    Ok(DestinationCopy {
        id: id(snapshot.snapshot_id)?,
        name: snapshot.snapshot_name,
        source_id: None,
        source_region: None,
        vault_id: None,
        state: match snapshot.state.as_deref() {
            // What holds nothing is no copy of anything.
            _ if snapshot.disk_size == Some(0) => CopyState::Failed,
            Some("NORMAL" | "ROLLBACKING") => CopyState::Done,
            Some("TORECYCLE") => CopyState::Failed,
            _ => CopyState::Running,
        },
        created_at: snapshot.create_time.as_deref().and_then(time),
        size_gib: snapshot.disk_size,
    })
}

fn id(id: Option<String>) -> Result<String, Failure> {
    id.filter(|id| !id.is_empty()).ok_or_else(|| incomplete("the page holds a snapshot without its ID"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::names::copy_names;
    use super::*;
    use crate::model::command::Operation;
    use crate::model::failure::Disposition;

    fn scope(since: Option<&str>) -> InventoryQuery {
        InventoryQuery {
            operation: Operation::CopySnapshot,
            region: "ap-guangzhou".into(),
            project_id: None,
            vault_id: None,
            name_prefix: None,
            since: since.map(at),
            source_types: Vec::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reply(total: u64, snapshots: &[Value]) -> Reply {
        let body = json!({"Response": {"TotalCount": total, "SnapshotSet": snapshots, "RequestId": "r"}});
        Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn snapshot(fields: Value) -> Value {
        let mut snapshot = json!({
            "SnapshotId": "snap-ckgjwkqh", "SnapshotName": "web-1", "SnapshotState": "NORMAL", "DiskId": "disk-1", "DiskSize": 50,
            "DiskUsage": "DATA_DISK", "CreateTime": "2026-11-21 16:30:00", "CopyFromRemote": false, "CopyingToRegions": [],
            "Encrypt": false, "SnapshotType": "PRIVATE_SNAPSHOT", "Tags": [],
        });
        for (name, value) in fields.as_object().unwrap() {
            snapshot[name] = value.clone();
        }
        snapshot
    }

    fn listed(fields: Value) -> Backup {
        let page = Tencent.listed(&scope(None), None, &reply(1, &[snapshot(fields)])).unwrap();
        page.backups.into_iter().next().unwrap()
    }

    #[test]
    fn the_newest_come_first_and_unfinished_ones_too() {
        let call = Tencent.list(&scope(None), Some(&Cursor("90 1275 snap-0".into())));
        assert_eq!((call.action, call.region.as_str()), ("DescribeSnapshots", "ap-guangzhou"));
        let body: Value = serde_json::from_slice(&call.draft.body).unwrap();
        assert_eq!(
            body,
            json!({"Filters": [{"Name": "snapshot-type", "Values": ["PRIVATE_SNAPSHOT"]}], "OrderField": "CREATE_TIME",
                "Order": "DESC", "Limit": 100, "Offset": 90})
        );
        let anew = Tencent.list(&scope(None), Some(&Cursor("what?".into())));
        assert_eq!(anew, Tencent.list(&scope(None), None));
    }

    #[test]
    fn many_snapshots_are_shown_by_their_ids_and_a_refusal_is_a_failure() {
        let call = Tencent.show_many(&scope(None), &["snap-1", "snap-2"]).unwrap();
        let body: Value = serde_json::from_slice(&call.draft.body).unwrap();
        assert_eq!(body, json!({"SnapshotIds": ["snap-1", "snap-2"], "Offset": 0, "Limit": 100}));
        let shown = Tencent.shown_many(&scope(None), &reply(1, &[snapshot(json!({}))])).unwrap();
        assert_eq!(shown.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["snap-ckgjwkqh"]);
        let body =
            json!({"Response": {"Error": {"Code": "InvalidSnapshotId.NotFound", "Message": "m"}, "RequestId": "r"}});
        let gone = Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() };
        let failure = Tencent.shown_many(&scope(None), &gone).unwrap_err();
        assert!(matches!(failure.disposition, Disposition::Permanent | Disposition::Unfit), "{failure:?}");
    }

    #[test]
    fn one_snapshot_is_shown_by_its_id_or_is_not_there() {
        let call = Tencent.show(&scope(None), "snap-1").unwrap();
        let body: Value = serde_json::from_slice(&call.draft.body).unwrap();
        assert_eq!(body, json!({"SnapshotIds": ["snap-1"], "Offset": 0, "Limit": 1}));
        let shown = |reply: &Reply| Tencent.shown(&scope(None), "snap-1", reply);
        let found = reply(1, &[json!({"SnapshotId": "snap-1", "SnapshotState": "CREATING"})]);
        assert_eq!(shown(&found).unwrap().unwrap().eligibility, Eligibility::NotReady("is still being created".into()));
        let other = shown(&reply(1, &[json!({"SnapshotId": "snap-2"})])).unwrap_err();
        assert_eq!((other.code.as_str(), other.disposition), ("answer_about_another", Disposition::Retryable));
        // None, and a refusal, both mean "not there".
        assert_eq!(shown(&reply(0, &[])), Ok(None));
        let error = |code: &str| {
            let body = json!({"Response": {"Error": {"Code": code, "Message": "m"}, "RequestId": "r"}});
            Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
        };
        assert_eq!(shown(&error("InvalidSnapshotId.NotFound")), Ok(None));
        assert_eq!(shown(&error("InternalError")).unwrap_err().disposition, Disposition::Retryable);
    }

    #[test]
    fn a_snapshot_is_read_in_full() {
        let wanted = Backup {
            id: "snap-ckgjwkqh".into(),
            name: Some("web-1".into()),
            tags: vec![("team".into(), "web".into())],
            resource: Some("disk-1".into()),
            resource_kind: Some("disk".into()),
            vault_id: None,
            created_at: Some(at("2026-11-21T08:30:00Z")),
            completed_at: None,
            changed_at: None,
            size_gib: Some(50),
            eligibility: Eligibility::Usable,
            hint: Some("system disk, encrypted, instant snapshot".into()),
            copies: vec![CopyRecord {
                region: "ap-beijing".into(),
                project_id: None,
                id: None,
                copy_id: None,
                state: CopyState::Running,
                created_at: None,
                note: None,
            }],
            copies_told: false,
        };
        let found = listed(json!({
            "DiskUsage": "SYSTEM_DISK", "Encrypt": true, "SnapshotMode": "INSTANT_SNAPSHOT", "CopyingToRegions": ["ap-beijing"],
            "Tags": [{"Key": "team", "Value": "web"}],
        }));
        assert_eq!(found, wanted);
        // A field that decides nothing may have any type, and a zone in a time counts.
        let odd =
            listed(json!({"Tags": "none", "DiskSize": "50", "Encrypt": null, "CreateTime": "2026-11-21T08:30:00Z"}));
        assert_eq!((odd.size_gib, odd.hint, odd.created_at), (None, None, Some(at("2026-11-21T08:30:00Z"))));
        assert_eq!(listed(json!({"CreateTime": "soon"})).created_at, None);
    }

    #[test]
    fn the_state_decides_what_can_be_copied() {
        let eligibility_of = |fields: Value| match listed(fields).eligibility {
            Eligibility::Usable => "usable".to_owned(),
            Eligibility::NotReady(reason) => format!("not ready: {reason}"),
            Eligibility::Ineligible(reason) => format!("never: {reason}"),
            Eligibility::NotCovered(reason) => format!("not covered: {reason}"),
        };
        for (fields, wanted) in [
            (json!({}), "usable"),
            (json!({"DiskUsage": "SYSTEM_DISK", "Encrypt": true}), "usable"),
            (json!({"SnapshotState": "NEWLY_INVENTED"}), "usable"),
            (json!({"SnapshotState": "CREATING"}), "not ready: is still being created"),
            (json!({"SnapshotState": "ROLLBACKING"}), "not ready: is being rolled back to its disk"),
            (json!({"SnapshotState": "TORECYCLE"}), "not covered: is in the recycle bin"),
            (
                json!({"CopyFromRemote": true}),
                "not covered: is itself a copy from another region, and copies are never copied on",
            ),
            (
                json!({"SnapshotState": "CHECKING_COPIED"}),
                "not covered: is itself a copy from another region, and copies are never copied on",
            ),
            (json!({"SnapshotType": "SHARED_SNAPSHOT"}), "not covered: belongs to another account, which shares it"),
        ] {
            assert_eq!(eligibility_of(fields.clone()), wanted, "{fields}");
        }
    }

    #[test]
    fn paging_ends_where_the_backups_get_too_old() {
        let page: Vec<Value> = (0..100).map(|n| snapshot(json!({"SnapshotId": format!("snap-{n}")}))).collect();
        let next = |since: Option<&str>, page: &[Value], cursor: Option<&str>| {
            let cursor = cursor.map(|cursor| Cursor(cursor.into()));
            Tencent.listed(&scope(since), cursor.as_ref(), &reply(250, page)).unwrap().next.map(|cursor| cursor.0)
        };
        assert_eq!(next(None, &page, None).as_deref(), Some("90 1275 snap-0"));
        assert_eq!(next(None, &page, Some("90 1275 snap-x")).as_deref(), Some("180 1275 snap-0"));
        let failed = |cursor: &str, total: u64| {
            let cursor = Cursor(cursor.into());
            Tencent.listed(&scope(None), Some(&cursor), &reply(total, &page)).unwrap_err().code
        };
        assert_eq!(failed("90 1275 snap-0", 250), "repeated_page");
        assert_eq!(failed("1200 1275 snap-x", 1_000_000_000_000), "endless_listing");
        assert_eq!(next(Some("2026-11-21T08:30:00Z"), &page, None).as_deref(), Some("90 1275 snap-0"));
        assert_eq!(next(Some("2026-11-21T08:30:01Z"), &page, None), None);
        let mut one_unreadable = page;
        one_unreadable[99]["CreateTime"] = json!("");
        assert_eq!(next(Some("2026-11-21T08:30:01Z"), &one_unreadable, None).as_deref(), Some("90 1275 snap-0"));
    }

    #[test]
    fn what_may_leave_something_out_is_a_failure() {
        let read = |body: Value| {
            let reply = Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() };
            Tencent.listed(&scope(None), None, &reply)
        };
        for body in [
            json!({"Response": {"TotalCount": 3, "SnapshotSet": []}}),
            json!({"Response": {"TotalCount": 3}}),
            json!({"Response": {}}),
            json!({"Response": {"TotalCount": 1, "SnapshotSet": [{"SnapshotName": "nameless"}]}}),
            json!({"Response": {"Error": {"Code": "InternalError", "Message": "m"}}}),
        ] {
            assert_eq!(read(body.clone()).unwrap_err().disposition, Disposition::Retryable, "{body}");
        }
        assert_eq!(read(json!({"Response": {"TotalCount": 0, "SnapshotSet": null}})).unwrap().backups, []);
    }

    #[test]
    fn a_destination_is_read_for_copies_only() {
        let snapshots = [
            snapshot(json!({})),
            snapshot(
                json!({"SnapshotId": "snap-a", "CopyFromRemote": true, "DiskId": "", "SnapshotName": "Copied snap-1 from ap-seoul"}),
            ),
            snapshot(json!({"SnapshotId": "snap-b", "CopyFromRemote": true, "SnapshotState": "CHECKING_COPIED"})),
            snapshot(json!({"SnapshotId": "snap-c", "CopyFromRemote": true, "SnapshotState": "TORECYCLE"})),
        ];
        let page = Tencent.listed_copies(&scope(None), None, &reply(4, &snapshots)).unwrap();
        let found: Vec<_> = page.copies.iter().map(|copy| (copy.id.as_str(), copy.state)).collect();
        assert_eq!(found, [("snap-a", CopyState::Done), ("snap-b", CopyState::Running), ("snap-c", CopyState::Failed)]);
        let names = copy_names("snap-1", "ap-seoul");
        assert_eq!(names, ["offsite-snap-1-ap-seoul", "Copied snap-1 from ap-seoul"]);
        assert!(names.contains(page.copies[0].name.as_ref().unwrap()));
        assert_eq!((page.next, page.total), (None, Some(4)));
    }
}
