//! Tests of the provider as the handler sees it: calls, answers, read-back.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::model::command::{Destination, Options, Source};
use crate::model::failure::{Disposition, Row};
use crate::providers::asked::{Need, after};
use crate::sign::{Credential, Query};

const PROJECT: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const BACKUP: &str = "6df2b54c-dd62-4059-a07c-1b8f24f2725d";

fn replication(operation: Operation) -> Replication {
    let vault = (operation != Operation::CopyCheckpointItem).then(|| "0ca3eb86".to_owned());
    Replication {
        operation,
        account: "default".into(),
        source: Source { region: "cn-north-4".into(), project_id: Some(PROJECT.into()), id: BACKUP.into() },
        destination: Destination { region: "cn-south-1".into(), project_id: Some("68589cac".into()), vault_id: vault },
        options: Options::default(),
        occurrence: None,
        rule: None,
    }
}

fn command(operation: Operation) -> Command {
    let of = replication(operation);
    Command {
        operation,
        account: of.account,
        source: of.source,
        destinations: vec![of.destination],
        options: of.options,
        occurrence: None,
        rule: None,
        dry_run: false,
    }
}

fn intent(doubt: bool) -> AttemptContext {
    AttemptContext { attempt: 1, since: "2026-11-21T12:00:00Z".parse().unwrap(), doubt }
}

fn reply(status: u16, body: Value) -> Reply {
    let headers = vec![("x-request-id".to_owned(), "req-1".to_owned())];
    Reply { status, headers, body: body.to_string().into_bytes() }
}

fn error(status: u16, code: &str) -> Reply {
    reply(status, json!({"error_code": code, "error_msg": "words"}))
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.draft.body).unwrap()
}

fn read_back(operation: Operation, doubt: bool, replies: &[Reply]) -> Asked<ReadBack> {
    let (replication, intent) = (replication(operation), intent(doubt));
    after(Huawei.read_back(&replication, &intent), &mut replies.iter())
}

fn asked(read: Asked<ReadBack>) -> Call {
    match read {
        Err(Need::Ask(call)) => *call,
        other => panic!("expected a question, got {other:?}"),
    }
}

/// The path of a call, then `name=value` of its query, in the planned order.
fn line(read: Asked<ReadBack>) -> String {
    let call = asked(read);
    let query = match &call.draft.query {
        Query::Pairs(pairs) => {
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        }
        _ => String::new(),
    };
    format!("{} {}?{query}", call.draft.method, call.draft.path)
}

fn found(id: Option<&str>) -> Asked<ReadBack> {
    Ok(ReadBack::Found(Acceptance::one(id.map(str::to_owned), None)))
}

fn record(id: &str, status: &str) -> Value {
    json!({"id": id, "status": status, "destination_region": "cn-south-1", "created_at": "2026-11-21T12:00:01.000000"})
}

fn shown(fields: Value) -> Reply {
    let mut backup = json!({
        "id": BACKUP, "status": "available", "image_type": "backup", "resource_type": "OS::Nova::Server",
        "extend_info": {"contain_system_disk": true}, "replication_records": [],
    });
    for (name, value) in fields.as_object().unwrap() {
        match value {
            Value::String(text) if text == "(absent)" => backup.as_object_mut().unwrap().remove(name),
            value => backup.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    reply(200, json!({"backup": backup, "checkpoint_item": backup}))
}

fn logs(items: Vec<Value>, count: usize) -> Reply {
    reply(200, json!({"operation_logs": items, "count": count}))
}

fn log(source: &str, status: &str) -> Value {
    json!({"id": "log", "status": status, "operation_type": "replication", "created_at": "2026-11-21T12:00:01.0",
        "extra_info": {"common": {"progress": 1}, "replication": {"source_backup_id": source, "destination_region": "cn-south-1"}}})
}

#[test]
fn the_three_calls_are_what_the_documents_say() {
    let call = Huawei.start(&replication(Operation::CopyBackup), &intent(false));
    assert_eq!((call.action, call.service, call.region.as_str()), ("CopyBackup", Service::Cbr, "cn-north-4"));
    assert_eq!(call.draft.method, "POST");
    assert_eq!(call.draft.path, format!("/v3/{PROJECT}/backups/{BACKUP}/replicate"));
    let headers = [("content-type", "application/json"), ("x-project-id", PROJECT)];
    assert_eq!(call.draft.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let wanted = json!({"replicate": {"destination_project_id": "68589cac", "destination_region": "cn-south-1",
        "destination_vault_id": "0ca3eb86"}});
    assert_eq!(body(&call), wanted);

    let call = Huawei.start(&replication(Operation::CopyCheckpoint), &intent(false));
    assert_eq!((call.action, call.service), ("CopyCheckpoint", Service::Cbr));
    assert_eq!(call.draft.path, format!("/v3/{PROJECT}/checkpoints/replicate"));
    let wanted = json!({"replicate": {"vault_id": BACKUP, "destination_project_id": "68589cac",
        "destination_region": "cn-south-1", "destination_vault_id": "0ca3eb86"}});
    assert_eq!(body(&call), wanted);

    let call = Huawei.start(&replication(Operation::CopyCheckpointItem), &intent(false));
    assert_eq!((call.action, call.service), ("CopyCheckpointItem", Service::Csbs));
    assert_eq!(
        call.draft.path,
        format!("/v1/{PROJECT}/providers/fc4d5750-22e7-4798-8a46-f48f62c4c1da/checkpoint_items/{BACKUP}/replicate")
    );
    let wanted = json!({"replication": {"destination_project_id": "68589cac", "destination_region": "cn-south-1"}});
    assert_eq!(body(&call), wanted);
}

#[test]
fn options_go_where_the_api_has_them() {
    let mut of = replication(Operation::CopyBackup);
    of.options = Options {
        name: Some("copy_1".into()),
        description: Some(String::new()),
        enable_acceleration: Some(true),
        auto_trigger: None,
    };
    let sent = body(&Huawei.start(&of, &intent(false)));
    assert_eq!(sent["replicate"]["name"], "copy_1");
    assert_eq!(sent["replicate"]["description"], "");
    assert_eq!(sent["replicate"]["enable_acceleration"], true);
    of.operation = Operation::CopyCheckpointItem;
    assert_eq!(body(&Huawei.start(&of, &intent(false)))["replication"]["name"], "copy_1");

    let mut of = replication(Operation::CopyCheckpoint);
    of.options.enable_acceleration = Some(false);
    of.options.auto_trigger = Some(false);
    let sent = body(&Huawei.start(&of, &intent(false)));
    assert_eq!(sent["replicate"].get("enable_acceleration"), None);
    assert_eq!(sent["replicate"]["auto_trigger"], false);
}

#[test]
fn the_source_project_comes_from_the_command_or_the_environment() {
    let defaults = Defaults { huawei_project_id: Some("fromenv".into()) };
    let given = Huawei.complete(&command(Operation::CopyBackup), &defaults);
    assert_eq!(given.source.project_id.as_deref(), Some(PROJECT));
    let mut bare = command(Operation::CopyBackup);
    bare.source.project_id = None;
    assert_eq!(Huawei.complete(&bare, &defaults).source.project_id.as_deref(), Some("fromenv"));
    let complaint = Huawei.check(&Huawei.complete(&bare, &Defaults::default())).unwrap_err();
    assert_eq!(complaint.field, "source.project_id");
    assert!(complaint.reason.contains("HUAWEICLOUD_SDK_PROJECT_ID"), "{complaint}");
    for bad in ["", "a/b", "a b", "..", &"p".repeat(65)] {
        bare.source.project_id = Some(bad.to_owned());
        assert_eq!(Huawei.check(&bare).unwrap_err().field, "source.project_id", "{bad}");
    }
}

#[test]
fn option_limits_count_characters() {
    let check = |operation, name: &str, description: &str| {
        let mut command = command(operation);
        command.options.name = Some(name.to_owned());
        command.options.description = Some(description.to_owned());
        Huawei.check(&command).map_err(|error| error.field)
    };
    let (cbr, csbs) = (Operation::CopyBackup, Operation::CopyCheckpointItem);
    assert_eq!(check(cbr, &"备".repeat(64), &"é".repeat(255)), Ok(()));
    assert_eq!(check(cbr, "a-B_9", ""), Ok(()));
    assert_eq!(check(csbs, &"n".repeat(255), ""), Ok(()));
    for name in ["", "a.b", "a b", "é", &"n".repeat(65)] {
        assert_eq!(check(cbr, name, ""), Err("options.name".into()), "{name}");
    }
    for name in ["", "a.b", "备", &"n".repeat(256)] {
        assert_eq!(check(csbs, name, ""), Err("options.name".into()), "{name}");
    }
    for text in ["<", "a>b", &"d".repeat(256)] {
        assert_eq!(check(cbr, "n", text), Err("options.description".into()), "{text}");
        assert_eq!(check(csbs, "n", text), Err("options.description".into()), "{text}");
    }
}

#[test]
fn an_acceptance_needs_its_ids() {
    let started = |operation, status, body| Huawei.started(&replication(operation), &reply(status, body));
    for operation in [Operation::CopyBackup, Operation::CopyCheckpointItem] {
        for status in [200, 202] {
            let answer = json!({"replication": {"replication_record_id": "r-1", "provider_id": null}});
            let accepted = started(operation, status, answer).unwrap();
            assert_eq!(accepted, Acceptance::one(Some("r-1".into()), Some("req-1".into())));
        }
        for answer in [
            json!({"replication": {"replication_record_id": ""}}),
            json!({"replication": {"replication_record_id": null}}),
            json!({"replication": {}}),
            json!({}),
            json!([]),
        ] {
            let failure = started(operation, 200, answer).unwrap_err();
            assert_eq!(failure.disposition, Disposition::Ambiguous);
            assert_eq!(failure.request_id.as_deref(), Some("req-1"));
        }
    }
}

#[test]
fn a_vault_wide_acceptance_has_a_receipt_for_each_backup() {
    let started = |backups| {
        let asked = replication(Operation::CopyCheckpoint);
        let answer = reply(200, json!({"replication": {"backups": backups, "vault_id": asked.source.id}}));
        Huawei.started(&asked, &answer)
    };
    let one = |backup: &str, record: &str| json!({"backup_id": backup, "replication_record_id": record});
    let accepted = started(json!([one("b1", "r1"), one("b2", "r2")])).unwrap();
    let receipt =
        |backup: &str, record: &str| FoundCopy { backup_id: Some(backup.into()), replication_id: Some(record.into()) };
    assert_eq!(accepted.receipts, [receipt("b1", "r1"), receipt("b2", "r2")]);
    for backups in [json!([one("b1", "r1"), one("b2", "")]), json!([one("", "r1")]), json!([{}]), json!(null)] {
        assert_eq!(started(backups.clone()).unwrap_err().disposition, Disposition::Ambiguous, "{backups}");
    }
    let nothing = started(json!([])).unwrap_err();
    assert_eq!((nothing.disposition, nothing.code.as_str()), (Disposition::NoWork, "no_backups"));
    assert_eq!(nothing.request_id.as_deref(), Some("req-1"));
}

#[test]
fn every_row_of_the_tables_is_reached() {
    let reach = |operation, row: &Row| {
        let (code, status) = match row.code.split_once('/') {
            Some((code, "4*")) => (code, 413),
            Some((code, _)) => (code, 504),
            None => (row.code, 400),
        };
        let failure = Huawei.started(&replication(operation), &error(status, code)).unwrap_err();
        assert_eq!((failure.disposition, failure.advice), (row.disposition, row.advice), "{}", row.code);
        assert_eq!(failure.code, code);
        assert!(!row.source.is_empty() && row.source.contains("20"), "{}", row.code);
    };
    for row in codes::TABLE {
        reach(Operation::CopyBackup, row);
        reach(Operation::CopyCheckpointItem, row);
        assert!(!row.advice.is_empty(), "{}", row.code);
        assert_eq!(codes::TABLE.iter().filter(|other| other.code == row.code).count(), 1, "{}", row.code);
        if !codes::VAULT_WIDE.iter().any(|first| first.code == row.code) {
            reach(Operation::CopyCheckpoint, row);
        }
    }
    for row in codes::VAULT_WIDE {
        reach(Operation::CopyCheckpoint, row);
    }
}

#[test]
fn codes_are_known_without_their_prefix() {
    let of = |operation, code| Huawei.started(&replication(operation), &error(400, code)).unwrap_err().disposition;
    assert_eq!(of(Operation::CopyCheckpoint, "0001"), Disposition::NoWork);
    assert_eq!(of(Operation::CopyBackup, "0001"), Disposition::Retryable);
    assert_eq!(of(Operation::CopyBackup, "1009"), Disposition::Conflict);
    assert_eq!(of(Operation::CopyCheckpointItem, "6031"), Disposition::Conflict);
    assert_eq!(of(Operation::CopyCheckpointItem, "1009"), Disposition::Conflict);
}

#[test]
fn a_missing_source_or_listing_is_an_answer_and_not_a_refusal() {
    let backup = asked(read_back(Operation::CopyBackup, false, &[]));
    let item = asked(read_back(Operation::CopyCheckpointItem, false, &[]));
    let listing = asked(read_back(Operation::CopyCheckpointItem, true, &[shown(json!({}))]));
    assert_eq!(Huawei.refused(&backup, &error(404, "BackupService.6200")), None);
    assert_eq!(Huawei.refused(&item, &error(404, "CSBS.3001")), None);
    assert_eq!(Huawei.refused(&listing, &error(404, "APIGW.0101")), None);
    assert_eq!(Huawei.refused(&listing, &reply(404, json!("no"))), None);
    assert_eq!(Huawei.refused(&backup, &shown(json!({}))), None);
    assert_eq!(Huawei.refused(&item, &shown(json!({}))), None);
    assert_eq!(Huawei.refused(&listing, &reply(200, json!({"replication_records": []}))), None);

    let refused = |call: &Call, reply: &Reply| Huawei.refused(call, reply).unwrap().disposition;
    assert_eq!(refused(&backup, &error(404, "APIGW.0101")), Disposition::Permanent);
    assert_eq!(refused(&backup, &error(401, "APIGW.0301")), Disposition::Authentication);
    assert_eq!(refused(&backup, &reply(200, json!({}))), Disposition::Ambiguous);
    assert_eq!(refused(&item, &error(400, "CSBS.1")), Disposition::Ambiguous);
    assert_eq!(refused(&listing, &error(429, "APIGW.0308")), Disposition::Throttled);
    assert_eq!(refused(&listing, &reply(200, json!({"count": 0}))), Disposition::Ambiguous);
    let backups = asked(read_back(Operation::CopyCheckpoint, true, &[]));
    assert_eq!(Huawei.refused(&backups, &reply(200, json!({"backups": []}))), None);
    assert_eq!(refused(&backups, &error(404, "BackupService.6200")), Disposition::Permanent);
    let tasks = asked(read_back(Operation::CopyBackup, true, &[error(404, "6200")]));
    assert_eq!(Huawei.refused(&tasks, &logs(vec![], 0)), None);
    assert_eq!(refused(&tasks, &reply(200, json!({}))), Disposition::Ambiguous);
}

#[test]
fn a_backup_is_looked_up_with_one_read() {
    let first = read_back(Operation::CopyBackup, false, &[]);
    assert_eq!(asked(first.clone()).region, "cn-north-4");
    assert_eq!(line(first), format!("GET /v3/{PROJECT}/backups/{BACKUP}?"));
    assert_eq!(read_back(Operation::CopyBackup, false, &[shown(json!({}))]), Ok(ReadBack::Absent));
    assert_eq!(read_back(Operation::CopyBackup, true, &[shown(json!({}))]), Ok(ReadBack::Absent));
    let untold = shown(json!({"replication_records": "(absent)"}));
    assert_eq!(read_back(Operation::CopyBackup, false, &[untold]), Ok(ReadBack::Absent));
}

#[test]
fn a_live_record_for_the_region_is_the_copy() {
    for operation in [Operation::CopyBackup, Operation::CopyCheckpointItem] {
        let read_back = |records: Value| read_back(operation, false, &[shown(json!({"replication_records": records}))]);
        for status in ["success", "replicating", "waiting_replicate", "something new"] {
            assert_eq!(read_back(json!([record("r", status)])), found(Some("r")), "{status}");
            assert_eq!(read_back(record("r", status)), found(Some("r")), "{status}, as an object");
        }
        for status in ["fail", "skip"] {
            assert_eq!(read_back(json!([record("r", status)])), Ok(ReadBack::Absent), "{status}");
        }
        let mut elsewhere = record("r", "success");
        elsewhere["destination_region"] = json!("cn-east-3");
        assert_eq!(read_back(json!([elsewhere])), Ok(ReadBack::Absent));
        // Without a region the project tells; without an ID the copy cannot be adopted yet.
        let by_project = json!([{"id": "r", "destination_project_id": "68589cac"}]);
        assert_eq!(read_back(by_project), found(Some("r")));
        assert_eq!(read_back(json!([record("", "replicating")])), Ok(ReadBack::Running));
        let mut newer = record("newer", "replicating");
        newer["created_at"] = json!("2026-12-1T12:00:01.000000");
        let mut undated = record("undated", "success");
        undated["created_at"] = json!(null);
        let several = json!([record("older", "success"), newer, record("failed", "fail"), undated]);
        assert_eq!(read_back(several), found(Some("newer")));
        let mut foreign = record("r", "success");
        foreign["source_backup_id"] = json!("another");
        foreign["source_checkpoint_item_id"] = json!("another");
        assert_eq!(read_back(json!([foreign])), Ok(ReadBack::Absent));
    }
}

/// In doubt an answer that does not say where a copy goes, or of which backup it is, must not pass for "there is none".
#[test]
fn what_says_neither_which_backup_nor_where_to_is_no_proof_in_doubt() {
    let read = |doubt, fields: Value| match read_back(Operation::CopyBackup, doubt, &[shown(fields)]) {
        Err(Need::Failed(failure)) => failure.message,
        other => format!("{other:?}"),
    };
    let untold = json!({"id": "r-1", "status": "replicating", "created_at": "2026-11-21T12:00:01.000000"});
    let failed = json!({"id": "r-1", "status": "fail"});
    let of = |record: &Value| json!({"replication_records": [record]});
    assert_eq!(read(true, of(&untold)), "a replication record does not say to which region it is");
    for (doubt, record) in [(false, &untold), (true, &failed)] {
        assert_eq!(read(doubt, of(record)), format!("{:?}", Ok::<_, Need>(ReadBack::Absent)), "{doubt} {record}");
    }
    for doubt in [false, true] {
        let nothing = reply(200, json!({"backup": {}}));
        let Err(Need::Failed(failure)) = read_back(Operation::CopyBackup, doubt, &[nothing]) else { panic!("{doubt}") };
        assert_eq!(failure.message, "the answer holds no backup");
        let mut capitals = record("r-1", "success");
        capitals["destination_region"] = json!("CN-SOUTH-1");
        let capitals = shown(json!({"replication_records": [capitals]}));
        assert_eq!(read_back(Operation::CopyBackup, doubt, &[capitals]), found(Some("r-1")));
    }
}

#[test]
fn a_copy_counts_even_when_the_source_could_not_be_copied_now() {
    let going = json!({"status": "deleting", "replication_records": [record("r", "success")]});
    assert_eq!(read_back(Operation::CopyBackup, false, &[shown(going)]), found(Some("r")));
}

#[test]
fn the_source_may_have_to_wait() {
    for operation in [Operation::CopyBackup, Operation::CopyCheckpointItem] {
        for status in ["protecting", "waiting_protect", "restoring", "waiting_restore", "new"] {
            let read = read_back(operation, false, &[shown(json!({"status": status}))]);
            assert!(matches!(&read, Ok(ReadBack::NotReady(reason)) if reason.contains(status)), "{status}: {read:?}");
        }
    }
}

#[test]
fn the_source_may_be_of_a_kind_that_is_never_copied() {
    let cases = [
        (json!({"status": "error"}), "state error"),
        (json!({"status": "deleting"}), "state deleting"),
        (json!({"status": "waiting_delete"}), "state waiting_delete"),
        (json!({"image_type": "replication"}), "itself a replica"),
        (json!({"image_type": null, "extend_info": {"image_type": "replication"}}), "itself a replica"),
        (json!({"resource_type": "OS::Cinder::Volume"}), "OS::Cinder::Volume"),
        (json!({"resource_type": null, "extend_info": {"resource_type": "OS::Cinder::Volume"}}), "OS::Cinder::Volume"),
        (json!({"extend_info": {"contain_system_disk": false}}), "system disk"),
        // Permanent reasons come before passing ones.
        (json!({"status": "protecting", "image_type": "replication"}), "itself a replica"),
    ];
    for operation in [Operation::CopyBackup, Operation::CopyCheckpointItem] {
        for (fields, why) in &cases {
            let read = read_back(operation, false, &[shown(fields.clone())]);
            assert!(matches!(&read, Ok(ReadBack::Ineligible(reason)) if reason.contains(why)), "{fields}: {read:?}");
        }
        for fields in [
            json!({"status": "(absent)", "image_type": "(absent)", "resource_type": "(absent)", "extend_info": "(absent)"}),
            json!({"extend_info": {}}),
            json!({"resource_type": "OS::Sfs::Turbo", "extend_info": {"contain_system_disk": false}}),
        ] {
            assert_eq!(read_back(operation, false, &[shown(fields.clone())]), Ok(ReadBack::Absent), "{fields}");
        }
    }
    let gone = read_back(Operation::CopyBackup, false, &[error(404, "BackupService.6200")]);
    assert!(
        matches!(gone, Ok(ReadBack::NoSource(reason)) if reason.contains("backup") && reason.contains("cn-north-4"))
    );
    let gone = read_back(Operation::CopyCheckpointItem, false, &[error(404, "CSBS.3001")]);
    assert!(matches!(gone, Ok(ReadBack::NoSource(reason)) if reason.contains("checkpoint item")));
}

#[test]
fn in_doubt_the_tasks_tell_what_the_backup_does_not() {
    let untold = shown(json!({"replication_records": "(absent)"}));
    let ask = |replies: &[Reply]| line(read_back(Operation::CopyBackup, true, replies));
    let wanted =
        |offset| format!("GET /v3/{PROJECT}/operation-logs?operation_type=replication&limit=100&offset={offset}");
    assert_eq!(ask(std::slice::from_ref(&untold)), wanted(0));
    let full = logs(vec![log("another", "success"); 100], 101);
    assert_eq!(ask(&[untold.clone(), full.clone()]), wanted(100));
    for status in ["success", "running", "waiting"] {
        let last = logs(vec![log(BACKUP, status)], 101);
        assert_eq!(
            read_back(Operation::CopyBackup, true, &[untold.clone(), full.clone(), last]),
            found(None),
            "{status}"
        );
    }
    for status in ["failed", "skipped", "timeout"] {
        let last = logs(vec![log(BACKUP, status), json!({"extra_info": {"backup": {}}})], 2);
        assert_eq!(read_back(Operation::CopyBackup, true, &[untold.clone(), last]), Ok(ReadBack::Absent), "{status}");
    }
    // A lost call whose source has been deleted since leaves its trace there too.
    let gone = error(404, "BackupService.6200");
    assert_eq!(ask(std::slice::from_ref(&gone)), wanted(0));
    assert_eq!(
        read_back(Operation::CopyBackup, true, &[gone.clone(), logs(vec![log(BACKUP, "success")], 1)]),
        found(None)
    );
    let nothing = read_back(Operation::CopyBackup, true, &[gone, logs(vec![], 0)]);
    assert!(matches!(nothing, Ok(ReadBack::NoSource(_))), "{nothing:?}");
}

#[test]
fn a_short_page_is_followed_only_while_more_are_counted() {
    let untold = shown(json!({"replication_records": null}));
    let page = |first: &str, items: usize, count: usize| {
        let mut items = vec![log("another", "success"); items];
        items[0]["id"] = json!(first);
        logs(items, count)
    };
    let read_back = |pages: &[Reply]| {
        let replies = [std::slice::from_ref(&untold), pages].concat();
        read_back(Operation::CopyBackup, true, &replies)
    };
    // The server may cap the page below what was asked for.
    assert!(line(read_back(&[page("a", 50, 70)])).ends_with("offset=50"));
    assert_eq!(read_back(&[page("a", 50, 70), page("b", 20, 70)]), Ok(ReadBack::Absent));
    assert_eq!(read_back(&[page("a", 50, 70), logs(vec![], 50)]), Ok(ReadBack::Absent));
    // It may not know offsets at all, and then what it does not show may be there.
    let code = |pages: &[Reply]| match read_back(pages) {
        Err(Need::Failed(failure)) => (failure.code, failure.disposition),
        other => panic!("{other:?}"),
    };
    let incomplete = ("incomplete_page".to_owned(), Disposition::Retryable);
    assert_eq!(code(&[page("a", 50, 70), logs(vec![], 70)]), incomplete, "what is counted and not shown may be there");
    assert_eq!(code(&[logs(vec![], 7)]), incomplete);
    let same = code(&[page("a", 100, 500), page("a", 100, 500)]);
    assert_eq!(same, ("repeated_page".to_owned(), Disposition::Retryable));
    let pages: Vec<Reply> = (0..20).map(|at| page(&format!("p{at}"), 100, 1_000_000 * (at + 1))).collect();
    let first = page("first", 100, 300);
    assert_eq!(code(&[&[first], &pages[..]].concat()).0, "endless_listing");
}

#[test]
fn an_item_is_looked_up_with_its_records() {
    let item = Operation::CopyCheckpointItem;
    assert_eq!(line(read_back(item, false, &[])), format!("GET /v1/{PROJECT}/checkpoint_items/{BACKUP}?"));
    assert_eq!(asked(read_back(item, false, &[])).service, Service::Csbs);
    assert_eq!(read_back(item, false, &[shown(json!({}))]), Ok(ReadBack::Absent));

    let wanted = |offset| format!("GET /v1/{PROJECT}/replication_records?limit=100&offset={offset}");
    let untold = shown(json!({"replication_records": "(absent)"}));
    assert_eq!(line(read_back(item, false, std::slice::from_ref(&untold))), wanted(0));
    assert_eq!(line(read_back(item, true, &[shown(json!({}))])), wanted(0));

    let mut ours = record("r", "success");
    ours["source_checkpoint_item_id"] = json!(BACKUP);
    let mut other = record("x", "success");
    other["source_checkpoint_item_id"] = json!("another");
    let listed = |items: Vec<Value>| reply(200, json!({"replication_records": items}));
    let unnamed = record("y", "success");
    let page = listed(vec![other.clone(), unnamed, ours.clone()]);
    assert_eq!(read_back(item, false, &[untold.clone(), page]), found(Some("r")));
    let full = listed(vec![other.clone(); 100]);
    assert_eq!(line(read_back(item, true, &[untold.clone(), full.clone()])), wanted(100));
    assert_eq!(read_back(item, true, &[untold.clone(), full.clone(), listed(vec![ours])]), found(Some("r")));
    assert_eq!(read_back(item, true, &[untold.clone(), full.clone(), listed(vec![other])]), Ok(ReadBack::Absent));
    // Without doubt two reads are all.
    assert_eq!(read_back(item, false, &[untold.clone(), full.clone()]), Ok(ReadBack::Absent));

    // No such listing: the item is all there is.
    for none in [error(404, "APIGW.0101"), error(404, "CSBS.1"), reply(405, json!(""))] {
        assert_eq!(read_back(item, true, &[untold.clone(), none.clone()]), Ok(ReadBack::Absent));
        let busy = shown(json!({"status": "protecting", "replication_records": null}));
        assert!(matches!(read_back(item, true, &[busy, none]), Ok(ReadBack::NotReady(_))));
    }
}

#[test]
fn an_item_that_is_gone_is_searched_for_in_doubt_only() {
    let item = Operation::CopyCheckpointItem;
    let gone = error(404, "CSBS.3001");
    assert!(matches!(read_back(item, false, std::slice::from_ref(&gone)), Ok(ReadBack::NoSource(_))));
    assert!(line(read_back(item, true, std::slice::from_ref(&gone))).contains("replication_records"));
    let mut ours = record("r", "success");
    ours["source_checkpoint_item_id"] = json!(BACKUP);
    let listed = reply(200, json!({"replication_records": ours}));
    assert_eq!(read_back(item, true, &[gone.clone(), listed]), found(Some("r")));
    let none = reply(200, json!({"replication_records": []}));
    assert!(matches!(read_back(item, true, &[gone, none]), Ok(ReadBack::NoSource(_))));
}

#[test]
fn a_vault_is_read_page_by_page() {
    let vault = Operation::CopyCheckpoint;
    let wanted = |offset| {
        format!("GET /v3/{PROJECT}/backups?vault_id={BACKUP}&show_replication=true&limit=1000&offset={offset}")
    };
    let page = |items: Vec<Value>, count: usize| reply(200, json!({"backups": items, "count": count}));
    let backup = |id: String, records: Value| json!({"id": id, "replication_records": records});
    let plain = |id: usize| backup(format!("p{id}"), json!([]));
    assert_eq!(line(read_back(vault, true, &[])), wanted(0));
    let first = page((0..100).map(plain).collect(), 102);
    assert_eq!(line(read_back(vault, true, std::slice::from_ref(&first))), wanted(100));

    let mut old = record("old", "success");
    old["created_at"] = json!("2026-11-21T11:54:59.9");
    let mut skewed = record("skewed", "success");
    skewed["created_at"] = json!("2026-11-21T11:55:00");
    let mut undated = record("undated", "replicating");
    undated["created_at"] = json!("lately");
    let mut elsewhere = record("elsewhere", "success");
    elsewhere["destination_region"] = json!("cn-east-3");
    let last = page(
        vec![
            plain(99),
            backup("b1".into(), json!([old.clone(), record("r1", "waiting_replicate"), skewed.clone()])),
            backup("b2".into(), json!([old, elsewhere])),
            backup("b3".into(), json!([record("failed", "fail"), record("skipped", "skip")])),
            backup("b4".into(), json!([undated])),
            backup("b5".into(), json!([skewed])),
            backup("b1".into(), json!([record("r1", "success")])),
        ],
        107,
    );
    let receipt = |backup: &str, record: Option<&str>| FoundCopy {
        backup_id: Some(backup.into()),
        replication_id: record.map(str::to_owned),
    };
    let receipts = vec![receipt("b1", Some("r1")), receipt("b4", Some("undated")), receipt("b5", Some("skewed"))];
    let read = read_back(vault, true, &[first.clone(), last]);
    assert_eq!(read, Ok(ReadBack::Found(Acceptance { receipts, request_id: None })));

    assert_eq!(read_back(vault, true, &[first, page(vec![plain(100)], 101)]), Ok(ReadBack::Absent));
    assert_eq!(read_back(vault, true, &[page(vec![], 0)]), Ok(ReadBack::Absent));
    let unnamed = page(vec![backup("b".into(), json!([record("", "replicating")]))], 1);
    assert_eq!(read_back(vault, true, &[unnamed]), Ok(ReadBack::Running));

    // Partner clouds show no records, only tasks.
    let untold = page(vec![json!({"id": "b1"}), json!({"id": "b2"}), json!({"id": "b3"})], 3);
    assert!(line(read_back(vault, true, std::slice::from_ref(&untold))).contains("operation-logs"));
    let mut old = log("b2", "success");
    old["created_at"] = json!("2026-11-20T12:00:00");
    let tasks = logs(vec![log("b1", "running"), old, log("b3", "failed")], 3);
    let receipts = vec![receipt("b1", None)];
    assert_eq!(
        read_back(vault, true, &[untold, tasks]),
        Ok(ReadBack::Found(Acceptance { receipts, request_id: None }))
    );
}

#[test]
fn an_answer_that_cannot_be_read_is_worth_asking_again() {
    for operation in [Operation::CopyBackup, Operation::CopyCheckpoint, Operation::CopyCheckpointItem] {
        for bad in [reply(200, json!({})), reply(502, json!("<html>")), error(500, "BackupService.9910")] {
            let read = read_back(operation, true, &[bad]);
            assert!(
                matches!(&read, Err(Need::Failed(failure)) if failure.disposition == Disposition::Retryable),
                "{read:?}"
            );
        }
    }
}

#[test]
fn only_the_vault_wide_call_is_settled_late_and_not_read_first() {
    for operation in [Operation::CopyBackup, Operation::CopyCheckpoint, Operation::CopyCheckpointItem] {
        let of = replication(operation);
        let vault = operation == Operation::CopyCheckpoint;
        assert_eq!((Huawei.settles_at_once(&of), Huawei.reads_first(&of)), (!vault, !vault));
    }
}

#[test]
fn a_key_signs_and_a_token_is_sent() {
    let call = asked(read_back(Operation::CopyCheckpoint, true, &[]));
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let sign = |access: &Access| {
        let mut draft = call.draft.clone();
        draft.host = "cbr.cn-north-4.myhuaweicloud.com".into();
        Huawei.sign(&call, draft, access, at, &Nonce("n".into()))
    };
    let header = |signed: &Signed, name: &str| {
        signed.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    };
    let key = sign(&Access::Key(Arc::new(Credential {
        access_key_id: "AK".into(),
        access_key_secret: SecretString::from("SK"),
        security_token: None,
    })))
    .unwrap();
    let authorization = header(&key, "Authorization").unwrap();
    let set = "SDK-HMAC-SHA256 Access=AK, SignedHeaders=content-type;host;x-project-id;x-sdk-date, Signature=";
    assert!(authorization.starts_with(set), "{authorization}");
    assert_eq!(header(&key, "x-project-id").as_deref(), Some(PROJECT));

    let token = sign(&Access::Token(Arc::new(SecretString::from("MIIC")))).unwrap();
    assert_eq!(header(&token, "x-auth-token").as_deref(), Some("MIIC"));
    assert_eq!(header(&token, "Authorization"), None);
    assert_eq!(header(&token, "host").as_deref(), Some("cbr.cn-north-4.myhuaweicloud.com"));
    assert_eq!(token.path_and_query, key.path_and_query);
    assert!(!format!("{token:?}").contains("MIIC"));
    for bad in ["", " "] {
        assert_eq!(
            sign(&Access::Token(Arc::new(SecretString::from(bad)))).unwrap_err(),
            SignError::missing("x-auth-token")
        );
    }
    assert!(sign(&Access::Token(Arc::new(SecretString::from("a\nb")))).is_err());
}

#[test]
fn endpoints_follow_region_and_service() {
    let of = |service, region| Huawei.endpoint(service, region);
    assert_eq!(of(Service::Cbr, "cn-north-4"), "https://cbr.cn-north-4.myhuaweicloud.com");
    assert_eq!(of(Service::Csbs, "cn-north-1"), "https://csbs.cn-north-1.myhuaweicloud.com");
    assert_eq!(of(Service::Iam, "ap-southeast-1"), "https://iam.ap-southeast-1.myhuaweicloud.com");
    assert_eq!(of(Service::Cbr, "eu-de"), "https://cbr.eu-de.otc.t-systems.com");
    assert_eq!(of(Service::Iam, "eu-nl"), "https://iam.eu-nl.otc.t-systems.com");
}
