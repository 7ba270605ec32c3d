//! Every call whose answer says what it is about, and every field that says so: an answer about something else is read for nothing.

use offsite_shared::model::command::{Destination, Operation, Options, Replication, Source};
use offsite_shared::model::failure::{Disposition, Failure};
use offsite_shared::model::http::Reply;
use offsite_shared::model::receipt::Receipt;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::asked::{Asked, Need, after};
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::inventory::InventoryQuery;
use offsite_shared::providers::provider::{AttemptContext, Provider};
use offsite_shared::providers::tencent::Tencent;
use serde_json::{Value, json};

const SOURCE: (&str, &str) = ("region-a", "project-a");
const THERE: (&str, &str) = ("region-b", "project-b");

/// A reader of an answer: what it says of it, as a failure or none.
type Reads = fn(&Replication, &[Reply]) -> Result<(), Failure>;

/// One call: how its answer is read, an answer that is right, and the places of the fields that say what it is about.
struct Case {
    name: &'static str,
    operation: Operation,
    reads: Reads,
    /// Answers to the calls before it.
    before: Vec<Value>,
    answer: Value,
    fields: &'static [&'static str],
}

fn replication(operation: Operation) -> Replication {
    let vault = |id: &str| (operation != Operation::CopySnapshot).then(|| id.to_owned());
    Replication {
        operation,
        account: "default".to_owned(),
        source: Source { region: SOURCE.0.to_owned(), project_id: Some(SOURCE.1.to_owned()), id: "snap-1".to_owned() },
        destination: Destination {
            region: THERE.0.to_owned(),
            project_id: Some(THERE.1.to_owned()),
            vault_id: vault("vault-b"),
        },
        options: Options::default(),
        occurrence: None,
        rule: None,
    }
}

fn reply(body: &Value) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn provider(operation: Operation) -> &'static dyn Provider {
    match operation {
        Operation::CreateVaultReplication => &Alibaba,
        Operation::CopySnapshot => &Tencent,
        _ => &Huawei,
    }
}

fn asked<T>(said: Asked<T>) -> Result<(), Failure> {
    match said {
        Err(Need::Failed(failure)) => Err(failure),
        _ => Ok(()),
    }
}

fn started(asked: &Replication, replies: &[Reply]) -> Result<(), Failure> {
    provider(asked.operation).started(asked, replies.last().unwrap()).map(drop)
}

fn read_back(one: &Replication, replies: &[Reply]) -> Result<(), Failure> {
    let intent = AttemptContext { attempt: 1, since: "2026-11-21T08:30:00Z".parse().unwrap(), doubt: true };
    asked(after(provider(one.operation).read_back(one, &intent), &mut replies.iter()))
}

fn observe(one: &Replication, replies: &[Reply]) -> Result<(), Failure> {
    let receipt = Receipt {
        backup_id: None,
        replication_id: Some("copy-1".to_owned()),
        request_id: None,
        adopted: false,
        attempt: 1,
        time: "2026-11-21T08:30:00Z".parse().unwrap(),
    };
    asked(after(provider(one.operation).observe(one, &receipt, None), &mut replies.iter()))
}

fn scope(one: &Replication) -> InventoryQuery {
    let all = InventoryQuery::of(one.operation, &one.source.region, one.source.project_id.clone());
    InventoryQuery { vault_id: Some("vault-a".to_owned()), ..all }
}

fn shown(one: &Replication, replies: &[Reply]) -> Result<(), Failure> {
    provider(one.operation).inventory().shown(&scope(one), &one.source.id, replies.last().unwrap()).map(drop)
}

fn listed(one: &Replication, replies: &[Reply]) -> Result<(), Failure> {
    provider(one.operation).inventory().listed(&scope(one), None, replies.last().unwrap()).map(drop)
}

fn listed_copies(one: &Replication, replies: &[Reply]) -> Result<(), Failure> {
    provider(one.operation).inventory().listed_copies(&scope(one), None, replies.last().unwrap()).map(drop)
}

fn huawei(item: bool) -> Vec<Case> {
    let operation = if item { Operation::CopyCheckpointItem } else { Operation::CopyBackup };
    let (one, many) = if item { ("checkpoint_item", "checkpoint_items") } else { ("backup", "backups") };
    let (source, copy) = match item {
        true => ("source_checkpoint_item_id", "destination_checkpoint_item_id"),
        false => ("source_backup_id", "destination_backup_id"),
    };
    let record = json!({
        "id": "copy-1", "status": "success", source: "snap-1", copy: "replica-1", "source_region": SOURCE.0,
        "destination_region": THERE.0, "destination_project_id": THERE.1,
    });
    let backup = json!({ "id": "snap-1", "project_id": SOURCE.1, "vault_id": "vault-a", "status": "available",
                         "replication_records": [record] });
    let replica = json!({ "id": "replica-1", "project_id": THERE.1, "status": "available" });
    let (show, list) = (json!({ one: backup }), json!({ many: [backup], "count": 1 }));
    let case = |name, reads: Reads, before, answer, fields| Case { name, operation, reads, before, answer, fields };
    let (id, project): (&[&str], &[&str]) = match item {
        true => (&["/checkpoint_item/id", "/checkpoint_item/project_id"], &["/checkpoint_items/0/project_id"]),
        false => (&["/backup/id", "/backup/project_id"], &["/backups/0/project_id", "/backups/0/vault_id"]),
    };
    let of_record: &[&str] = match item {
        true => &[
            "/checkpoint_item/replication_records/0/source_checkpoint_item_id",
            "/checkpoint_item/replication_records/0/source_region",
            "/checkpoint_item/replication_records/0/destination_region",
            "/checkpoint_item/replication_records/0/destination_project_id",
        ],
        false => &[
            "/backup/replication_records/0/source_backup_id",
            "/backup/replication_records/0/source_region",
            "/backup/replication_records/0/destination_region",
            "/backup/replication_records/0/destination_project_id",
        ],
    };
    vec![
        case("read-back", read_back, vec![], show.clone(), id),
        case("a look at the source", observe, vec![], show.clone(), id),
        case("a look at the record", observe, vec![], show.clone(), of_record),
        case("a look at the copy", observe, vec![show.clone()], json!({ one: replica }), id),
        case("one backup", shown, vec![], show, id),
        case("a list of backups", listed, vec![], list.clone(), project),
        case("a list of copies", listed_copies, vec![], list, project),
    ]
}

fn cases() -> Vec<Case> {
    let common = json!({
        "replication_record_id": "copy-1", "project_id": SOURCE.1, "source_region": SOURCE.0, "destination_region": THERE.0,
        "destination_project_id": THERE.1, "destination_vault_id": "vault-b",
    });
    let start = |field: &str| {
        let mut answer = common.clone();
        answer[field] = json!("snap-1");
        answer["backups"] = json!([{ "backup_id": "b", "replication_record_id": "r" }]);
        json!({ "replication": answer })
    };
    let snapshot = |id: &str, region: &str| {
        let one = json!({ "SnapshotId": id, "SnapshotState": "NORMAL", "Placement": { "Zone": format!("{region}-3") },
                          "SnapshotName": "name", "CreateTime": "2026-11-21 10:00:00" });
        json!({ "Response": { "RequestId": "r", "TotalCount": 1, "SnapshotSet": [one] } })
    };
    let none = json!({ "Response": { "RequestId": "r", "TotalCount": 0, "SnapshotSet": [] } });
    let vault = |id: &str, region: &str| {
        let one = json!({ "VaultId": id, "VaultRegionId": region, "Status": "CREATED" });
        json!({ "Success": true, "Code": "200", "TotalCount": 1, "Vaults": { "Vault": [one] } })
    };
    let jobs = json!({ "Success": true, "Code": "200", "TotalCount": 1, "BackupJobs": { "BackupJob": [
        { "JobId": "j", "VaultId": "vault-a", "Status": "COMPLETE", "SourceType": "ECS_FILE" },
    ] } });
    let places: &[&str] = &[
        "/replication/project_id",
        "/replication/source_region",
        "/replication/destination_region",
        "/replication/destination_project_id",
        "/replication/destination_vault_id",
    ];
    let case =
        |name, operation, reads: Reads, before, answer, fields| Case { name, operation, reads, before, answer, fields };
    let ids: &[&str] = &["/Response/SnapshotSet/0/SnapshotId", "/Response/SnapshotSet/0/Placement/Zone"];
    let vaults: &[&str] = &["/Vaults/Vault/0/VaultId", "/Vaults/Vault/0/VaultRegionId"];
    use Operation::{CopyBackup, CopyCheckpoint, CopyCheckpointItem, CopySnapshot, CreateVaultReplication};
    let mut cases = vec![
        case("start", CopyBackup, started, vec![], start("backup_id"), places),
        case("start", CopyBackup, started, vec![], start("backup_id"), &["/replication/backup_id"]),
        case(
            "start",
            CopyCheckpointItem,
            started,
            vec![],
            start("checkpoint_item_id"),
            &["/replication/checkpoint_item_id", "/replication/project_id", "/replication/destination_region"],
        ),
        case("start", CopyCheckpoint, started, vec![], start("vault_id"), places),
        case("start", CopyCheckpoint, started, vec![], start("vault_id"), &["/replication/vault_id"]),
        case(
            "read-back",
            CopyCheckpoint,
            read_back,
            vec![],
            json!({ "backups": [{ "id": "b", "vault_id": "snap-1", "project_id": SOURCE.1, "replication_records": [] }], "count": 1 }),
            &["/backups/0/vault_id", "/backups/0/project_id"],
        ),
        case("read-back, by name", CopySnapshot, read_back, vec![], snapshot("snap-2", THERE.0), &ids[1..]),
        case("read-back, the source", CopySnapshot, read_back, vec![none], snapshot("snap-1", SOURCE.0), ids),
        case("a look", CopySnapshot, observe, vec![], snapshot("copy-1", THERE.0), ids),
        case("one snapshot", CopySnapshot, shown, vec![], snapshot("snap-1", SOURCE.0), ids),
        case("a list", CopySnapshot, listed, vec![], snapshot("snap-1", SOURCE.0), &ids[1..]),
        case("a list of copies", CopySnapshot, listed_copies, vec![], snapshot("snap-1", SOURCE.0), &ids[1..]),
        case("read-back, the target", CreateVaultReplication, read_back, vec![], vault("vault-b", THERE.0), vaults),
        case(
            "read-back, the source",
            CreateVaultReplication,
            read_back,
            vec![vault("vault-b", THERE.0)],
            vault("snap-1", SOURCE.0),
            vaults,
        ),
        case("a look", CreateVaultReplication, observe, vec![], vault("vault-b", THERE.0), vaults),
        case("a list of jobs", CreateVaultReplication, listed, vec![], jobs, &["/BackupJobs/BackupJob/0/VaultId"]),
        case(
            "start",
            CopySnapshot,
            started,
            vec![],
            json!({ "Response": { "RequestId": "r", "SnapshotCopyResultSet": [
                { "SnapshotId": "snap-2", "DestinationRegion": THERE.0, "Code": "Success" },
            ] } }),
            &["/Response/SnapshotCopyResultSet/0/DestinationRegion"],
        ),
    ];
    cases.extend(huawei(false));
    cases.extend(huawei(true));
    cases
}

#[test]
fn an_answer_about_another_resource_region_or_project_is_unreadable_and_named() {
    for Case { name, operation, reads, before, answer, fields } in cases() {
        let asked = replication(operation);
        let replies = |answer: &Value| before.iter().chain([answer]).map(reply).collect::<Vec<_>>();
        let right = reads(&asked, &replies(&answer));
        assert_eq!(right.err().map(|failure| failure.code), None, "{operation:?}, {name}: the right answer is read");
        // CSBS documents no value of this field, so it is held against nothing.
        let open = |field: &str| operation == Operation::CopyCheckpointItem && field.ends_with("source_region");
        for field in fields.iter().filter(|field| !open(field)) {
            let mut other = answer.clone();
            *other.pointer_mut(field).unwrap_or_else(|| panic!("{name} has no {field}")) = json!("another-9");
            let failure = reads(&asked, &replies(&other)).expect_err(&format!("{operation:?}, {name}, {field}"));
            let is_start = name == "start";
            let wanted = if is_start { Disposition::Ambiguous } else { Disposition::Retryable };
            assert_eq!(failure.disposition, wanted, "{operation:?}, {name}, {field}: {failure}");
            assert!(failure.message.contains("another"), "{operation:?}, {name}, {field}: {failure}");
            assert_eq!(failure.code, "answer_about_another", "{operation:?}, {name}, {field}: {failure}");
            // What a field does not say is not held against the answer.
            let mut silent = answer.clone();
            *silent.pointer_mut(field).unwrap() = json!("");
            if !field.ends_with("/id") && !field.ends_with("Id") {
                assert!(reads(&asked, &replies(&silent)).is_ok(), "{operation:?}, {name}, {field} is empty");
            }
        }
    }
}
