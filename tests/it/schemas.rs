//! The published JSON Schemas against what is really read, answered and put on the queue.

use std::path::Path;

use jiff::Timestamp;
use jsonschema::Validator;
use offsite_local::cmd::stage::post;
use offsite_shared::ledger::risks::{self, Act, Decision};
use offsite_shared::model::command::{Cloud, Command, Operation, Replication};
use offsite_shared::model::receipt::{Origin, Receipt};
use offsite_shared::replicate::messages;
use offsite_shared::report;
use offsite_shared::triggers;
use offsite_shared::triggers::hint::of_body;
use serde_json::{Value, json};

use crate::events::{commands_of, sample, samples};
use crate::functions::{Bench, LONG, batch, copy};

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(format!("{name}.schema.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What a command has printed as JSON fits what is published.
#[track_caller]
pub fn assert_printed_fits(arguments: &[&str], stdout: &str) {
    let schemas =
        [("report", "report"), ("doctor", "doctor"), ("sweep", "answer"), ("observe", "answer"), ("handle", "answer")];
    let known = schemas.iter().find(|(command, _)| arguments.contains(command));
    let (Some((_, name)), Ok(value)) = (known, serde_json::from_str::<Value>(stdout)) else { return };
    // An error is no answer, and a day that has passed is no report.
    if *name == "answer" && value.get("errorType").is_none()
        || value.get("checks").is_some()
        || value.get("outside").is_some()
    {
        assert_fits(&validator(name), &value);
    }
}

pub fn validator(name: &str) -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema(name)).unwrap()
}

#[track_caller]
pub fn assert_fits(validator: &Validator, value: &Value) {
    let problems: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(problems.is_empty(), "{value}\n{}", problems.join("\n"));
}

/// The places of all objects in a value.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.push(at.to_owned());
            for (name, inner) in object {
                objects(inner, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| objects(inner, &format!("{at}/{index}"), found))
        }
        _ => {}
    }
}

/// A field removed, an unknown one added, a value of another type: each must be noticed, except where a reason is given.
#[track_caller]
fn assert_strict(validator: &Validator, good: &Value, optional: &[&str], open: &[&str]) {
    assert_fits(validator, good);
    let mut places = Vec::new();
    objects(good, "", &mut places);
    for place in places {
        let names: Vec<String> = good.pointer(&place).unwrap().as_object().unwrap().keys().cloned().collect();
        for name in names {
            let at = format!("{place}/{name}");
            if open.contains(&place.as_str()) && optional.contains(&at.as_str()) {
                continue;
            }
            let mut without = good.clone();
            without.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(&name);
            assert_eq!(validator.is_valid(&without), optional.contains(&at.as_str()), "without {at}: {without}");
            let mut other = good.clone();
            other.pointer_mut(&place).unwrap()[&name] = json!([{ "not": "this" }, 1.5]);
            assert!(!validator.is_valid(&other), "another type of {at}: {other}");
        }
        let mut more = good.clone();
        more.pointer_mut(&place).unwrap()["surprise"] = json!("s");
        assert_eq!(validator.is_valid(&more), open.contains(&place.as_str()), "surprise at {place}: {more}");
    }
}

#[test]
fn the_schemas_are_schemas() {
    let mut names: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".schema.json"))
        .collect();
    names.sort();
    let wanted = ["alert", "answer", "command", "decision", "doctor", "hint", "message", "policy", "report"];
    assert_eq!(names, wanted.map(|name| format!("{name}.schema.json")), "a new schema is named here");
    for name in names {
        let name = name.trim_end_matches(".schema.json");
        let schema = schema(name);
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["$id"], format!("urn:offsite:schema:{name}:1"), "{name}: a stable name, and its version");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
}

#[test]
fn every_sample_command_fits_the_schema() {
    let validator = validator("command");
    let mut seen = 0;
    for (name, event) in samples() {
        if event.get("action").is_some() {
            assert_fits(&validator, &event);
        }
        for command in triggers::read(&event).unwrap().records.into_iter().flat_map(commands_of).flatten() {
            assert_fits(&validator, &command.to_json());
            seen += 1;
        }
        assert!(seen > 0 || name.contains("bare"), "{name}");
    }
    for operation in Operation::ALL {
        assert_strict(
            &validator,
            &full_command(operation),
            &[
                "/account",
                "/options",
                "/occurrence",
                "/dry_run",
                "/rule",
                "/source/project_id",
                "/options/name",
                "/options/description",
                "/options/enable_acceleration",
                "/options/auto_trigger",
            ],
            &[],
        );
    }
}

/// What else a function is told, and the same command as a look.
#[test]
fn a_sweep_a_look_and_a_report_are_commands_as_well() {
    let validator = validator("command");
    for good in [
        json!({ "action": "observe" }),
        json!({ "action": "sweep" }),
        json!({ "action": "sweep", "rule": "web" }),
        json!({ "action": "sweep", "depth": "recent", "scheduled": "2026-11-28T00:00:00Z" }),
        json!({ "action": "report" }),
    ] {
        assert_fits(&validator, &good);
        let mut more = good.clone();
        more["surprise"] = json!(1);
        assert!(!validator.is_valid(&more), "{more}");
    }
    for bad in [json!({ "action": "sweep", "depth": "deep" }), json!({ "action": "watch" }), json!({})] {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
    for operation in Operation::ALL {
        let mut wish = full_command(operation);
        wish["action"] = json!("observe");
        assert_fits(&validator, &wish);
        wish["dry_run"] = json!(true);
        assert!(!validator.is_valid(&wish), "a look has no dry run: {wish}");
    }
}

/// What is held byte for byte fits what is published, the answers, messages and reports of every kind among it.
#[test]
fn what_is_kept_byte_for_byte_fits_its_schema() {
    let of = ["answer", "message", "alert", "decision", "report"].map(|name| (name, validator(name)));
    let fits = |name: &str, value: &Value| {
        assert_fits(&of.iter().find(|(one, _)| *one == name).expect("a schema").1, value);
    };
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for (file, kind) in [
        ("answers", "answer"),
        ("events", "answer"),
        ("looks", "answer"),
        ("sweeps", "answer"),
        ("messages", "message"),
        ("report", "report"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{file}.txt"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let (_, text) = line.split_once(": ").expect("a label");
            // An error is no answer, and neither is a note.
            let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
            let parts = ["results", "batchItemFailures", "looked", "outbox", "observed", "done"];
            if kind == "answer" && value.get("type").is_none() && parts.iter().all(|part| value.get(part).is_none()) {
                continue;
            }
            let kind = match value["type"].as_str() {
                Some("offsite.rule.mass_loss") => "alert",
                Some(word) if word.starts_with("offsite.replication.") => "message",
                Some(_) => "decision",
                None => kind,
            };
            fits(kind, &value);
            *seen.entry(kind).or_default() += 1;
        }
    }
    assert!(seen["answer"] > 75 && seen["message"] > 80 && seen["report"] >= 4, "{seen:?}");
}

#[test]
fn every_report_fits_and_nothing_else_does() {
    let validator = validator("report");
    for (name, report) in crate::report_page::all() {
        let report = serde_json::to_value(&report).unwrap();
        assert_fits(&validator, &report);
        assert!(report["rules"].is_array(), "{name}");
        let mut places = Vec::new();
        objects(&report, "", &mut places);
        for place in places.iter().filter(|place| !place.contains("not_covered") && *place != "/states").take(400) {
            let mut more = report.clone();
            more.pointer_mut(place).unwrap()["surprise"] = json!("s");
            assert!(!validator.is_valid(&more), "{name}: surprise at {place}");
        }
    }
}

/// With every field that the operation has.
fn full_command(operation: Operation) -> Value {
    let mut source = json!({ "region": "region-1", operation.source_field(): "snap-1" });
    let mut destination = json!({ "region": "region-2" });
    if operation.cloud() == Cloud::Huawei {
        source["project_id"] = json!("p-1");
        destination["project_id"] = json!("p-2");
    }
    if operation.destination_has_vault() {
        destination["vault_id"] = json!("v-2");
    }
    let mut command = json!({
        "action": "replicate", "provider": operation.cloud().name(), "operation": operation.name(), "account": "default",
        "source": source, "destinations": [destination], "occurrence": "o-1", "rule": "r-1", "dry_run": false,
    });
    match operation {
        Operation::CopyBackup | Operation::CopyCheckpointItem => {
            command["options"] = json!({ "name": "n", "description": "d", "enable_acceleration": true });
        }
        Operation::CopyCheckpoint => command["options"] = json!({ "auto_trigger": true, "enable_acceleration": true }),
        _ => {}
    }
    command
}

/// The schema and the program agree on what a command is.
#[test]
fn what_the_schema_refuses_the_program_refuses() {
    let validator = validator("command");
    for operation in Operation::ALL {
        let good = full_command(operation);
        assert!(Command::from_json(&good).is_ok(), "{good}");
        for (pointer, value) in [
            ("/action", json!("sweep")),
            ("/provider", json!("aws")),
            ("/operation", json!("copy")),
            ("/account", json!("")),
            ("/source/region", json!("a/b")),
            ("/source/region", json!("")),
            ("/source/region", json!("x".repeat(256))),
            ("/destinations", json!([])),
            ("/destinations", json!("region-2")),
            ("/destinations/0/region", json!("re gion")),
            ("/dry_run", json!("yes")),
            ("/occurrence", json!("")),
            ("/surprise", json!(1)),
            ("/source/surprise", json!(1)),
            ("/destinations/0/surprise", json!(1)),
            ("/options", json!({ "snapshot_name": "mine" })),
        ] {
            let mut bad = good.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            bad.pointer_mut(parent).unwrap()[name] = value;
            assert!(!validator.is_valid(&bad), "the schema takes {bad}");
            assert!(Command::from_json(&bad).is_err(), "the program takes {bad}");
        }
    }
}

fn evidence() -> Value {
    json!({
        "destination_id": "copy-1", "state": "NORMAL", "time": "2026-11-21T08:31:00Z", "size_gib": 40,
        "expires_at": "2027-11-21T08:31:00Z", "how": "observed",
    })
}

const TYPES: [&str; 10] =
    ["accepted", "replicated", "failed", "ineligible", "lost", "missed", "refused", "left", "overtaken", "ended"];

fn origin() -> Origin {
    Origin { stack: Some("offsite-prod".into()), account_number: Some("100001234567".into()) }
}

fn messages_of(operation: Operation) -> Vec<Value> {
    let replication = Command::from_json(&full_command(operation)).unwrap().replications().remove(0);
    let mut all = messages_about(&replication);
    if operation == Operation::CreateVaultReplication {
        // What became of a backup that the pair has not carried.
        let carried = messages_about(&replication.of_backup("job-1"));
        let told = ["missed", "left", "overtaken"].map(|state| json!(state));
        all.extend(carried.into_iter().filter(|message| told.contains(&message["data"]["state"])));
    }
    all
}

fn messages_about(replication: &Replication) -> Vec<Value> {
    let operation = replication.operation;
    let of_backup = operation == Operation::CopyCheckpoint;
    let receipt = Receipt {
        backup_id: None,
        replication_id: Some("id-1".into()),
        request_id: Some("req-1".into()),
        adopted: false,
        attempt: 1,
        time: "2026-11-21T08:30:00.123Z".parse().unwrap(),
    };
    let mut accepted = messages::accepted(replication, &receipt, &origin()).event;
    if of_backup {
        accepted["data"]["source"]["backup_id"] = json!("b-1");
    }
    let of_type = |kind: &&str| {
        let mut message = accepted.clone();
        message["type"] = json!(format!("offsite.replication.{kind}"));
        message["data"]["state"] = json!(kind);
        match *kind {
            "replicated" => message["data"]["evidence"] = evidence(),
            "failed" | "missed" => message["data"]["error"] = json!({ "message": "m" }),
            "ineligible" | "refused" => {
                message["data"]["error"] = json!({ "message": "m" });
                message["data"]["cause"] = json!("c");
            }
            _ => {}
        }
        message
    };
    TYPES.iter().map(of_type).collect()
}

#[test]
fn every_type_of_message_fits_and_nothing_else_does() {
    let validator = validator("message");
    for operation in Operation::ALL {
        for message in messages_of(operation) {
            // The refusal of a call for a whole vault is about no backup.
            let refusal = ["refused", "ineligible"].map(|state| json!(state)).contains(&message["data"]["state"]);
            let for_vault = operation == Operation::CopyCheckpoint && refusal;
            assert_strict(
                &validator,
                &message,
                &[
                    if for_vault { "/data/source/backup_id" } else { "/data/stack" },
                    "/data/stack",
                    "/data/account_number",
                    "/data/evidence/size_gib",
                    "/data/evidence/expires_at",
                ],
                &[],
            );
            let mut mixed = message.clone();
            mixed["data"]["state"] = json!(if message["data"]["state"] == "lost" { "accepted" } else { "lost" });
            assert!(!validator.is_valid(&mixed), "type and state disagree: {mixed}");
            for (pointer, value) in [
                ("/id", json!("1")),
                ("/specversion", json!("0.3")),
                ("/type", json!("offsite.replication.started")),
                ("/source", json!("/other/tencent/default")),
                ("/time", json!("yesterday")),
                ("/data/attempt", json!(0)),
                ("/data/replication_id", json!("")),
                ("/data/provider", json!(if operation.cloud() == Cloud::Tencent { "huawei" } else { "tencent" })),
            ] {
                let mut bad = message.clone();
                *bad.pointer_mut(pointer).unwrap() = value;
                assert!(!validator.is_valid(&bad), "{pointer}: {bad}");
            }
        }
    }
    let mut without_id = messages_of(Operation::CopySnapshot).remove(0);
    without_id["data"]["replication_id"] = Value::Null;
    assert!(!validator.is_valid(&without_id), "a copy that we started has an ID");
    without_id["data"]["adopted"] = json!(true);
    assert!(validator.is_valid(&without_id), "no API gives an adopted pair's TaskId back");
}

#[test]
fn every_decision_of_a_person_fits_and_nothing_else_does() {
    let validator = validator("decision");
    let at: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
    let accept = |destination: Option<&str>| Decision::Accept {
        resource: "disk-1".to_owned(),
        destination: destination.map(str::to_owned),
        cause: "encrypted".to_owned(),
        until: "2027-02-22T06:00:00Z".parse().unwrap(),
    };
    let gone = Decision::Gone { resource: "disk-1".to_owned() };
    let mut ids = Vec::new();
    let lost = Decision::ConfirmLoss { destination: "ap-singapore".to_owned(), copies: 40, until: at };
    for decision in
        [accept(None), accept(Some("ap-singapore")), gone, Decision::Revoke { act: 0 }, Decision::Retire, lost]
    {
        let (rule, reason, who) = ("nightly".to_owned(), "because".to_owned(), "ann@desk".to_owned());
        let act = Act { format: risks::FORMAT, rule, number: 3, decision, reason, who, at };
        let message = report::risks::message(&act, Some("offsite-prod"));
        assert_eq!((&message.event["subject"], &message.event["id"]), (&json!("nightly/3"), &json!(message.id)));
        assert_strict(&validator, &message.event, &["/data/stack"], &[]);
        let mut other = message.event.clone();
        other["type"] = json!("offsite.risk.forgotten");
        assert!(!validator.is_valid(&other), "{other}");
        assert_eq!(report::risks::message(&act, Some("offsite-prod")).id, message.id, "told twice it is the same");
        ids.push(message.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 5, "each kind has its own ID: {ids:?}");
}

#[test]
fn every_kind_of_answer_fits_and_nothing_else_does() {
    let validator = validator("answer");
    let who = json!({
        "provider": "tencent", "operation": "copy-snapshot", "account": "default",
        "source": { "region": "a", "snapshot_id": "snap-1" }, "destination": { "region": "b" },
    });
    let with = |more: Value| {
        let mut result = who.clone();
        for (name, value) in more.as_object().unwrap() {
            result[name] = value.clone();
        }
        json!({ "results": [result] })
    };
    let error = json!({ "name": "Offsite.Rejected", "code": "c", "message": "m", "request_id": "r" });
    let optional = [
        "/results/0/replayed",
        "/results/0/error/code",
        "/results/0/error/request_id",
        "/results/0/replication_id",
        "/results/0/source/snapshot_id",
    ];
    let open = ["/results/0/source", "/results/0/destination"];
    let accepted = with(
        json!({ "state": "accepted", "replication_id": "i", "adopted": false, "request_id": "r", "attempt": 1, "queued": true, "replayed": true }),
    );
    assert_strict(&validator, &accepted, &[optional[0], optional[4]], &open);
    let looked = json!({ "looked": [{
        "provider": "huawei", "account": "default", "region": "cn-north-4", "project_id": "p", "state": "failed", "complete": false,
        "reason": "r", "shown": 1, "started": 1, "adopted": 0, "handed_over": 0, "refused": 0, "in_doubt": 0, "left": 0, "pending": 3,
        "behind": false, "requests": 2,
    }] });
    assert_strict(&validator, &looked, &["/looked/0/project_id", "/looked/0/reason"], &[]);
    assert_strict(&validator, &with(json!({ "state": "no_work", "code": "c" })), &[optional[4]], &open);
    for state in ["refused", "in_doubt", "ineligible", "not_started"] {
        assert_strict(&validator, &with(json!({ "state": state, "error": error })), &optional[1..], &open);
    }
    assert_strict(
        &validator,
        &with(json!({ "state": "dry_run", "would": "adopt", "reason": "x", "replication_id": "i" })),
        &optional[3..],
        &open,
    );
    assert_strict(&validator, &json!({ "results": [{ "state": "invalid", "error": error }] }), &optional[1..], &[]);
    assert_strict(
        &validator,
        &json!({ "results": [{ "state": "not_started", "error": error }] }),
        &["/results/0/error/code", "/results/0/error/request_id"],
        &[],
    );
    for state in ["ignored", "not_covered", "ineligible", "left_to_sweep"] {
        assert_strict(&validator, &json!({ "results": [{ "state": state, "reason": "why" }] }), &[], &[]);
    }
    assert_strict(&validator, &json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }] }), &[], &[]);
    assert_strict(&validator, &json!({ "outbox": { "drained": 1, "left": 0 } }), &[], &[]);
    let counts = json!({ "looked": 1, "replicated": 1, "failed": 0, "lost": 0, "unanswered": 0, "not_looked": 0, "unreadable": 0 });
    assert_strict(&validator, &json!({ "observed": counts }), &[], &[]);
    let looked = json!({
        "done": true, "state": "replicated", "next_check_after_s": 60, "source": who["source"], "destination": who["destination"],
        "replication_id": "i", "evidence": evidence(), "unanswered": "why", "reason": "why",
    });
    let optional =
        ["/evidence", "/unanswered", "/reason", "/source/snapshot_id", "/evidence/size_gib", "/evidence/expires_at"];
    let optional = optional.map(|place| format!("/results/0{place}"));
    let optional: Vec<&str> = optional.iter().map(String::as_str).collect();
    let one = json!({ "done": true, "results": [looked] });
    assert_strict(&validator, &one, &optional, &["/results/0/source", "/results/0/destination"]);
    assert_fits(&validator, &json!({ "done": false, "results": [looked, looked] }));
    assert!(!validator.is_valid(&looked), "one destination is told as many are");
    assert!(validator.is_valid(&json!({ "batchItemFailures": [] })));
    for bad in
        [json!({}), json!({ "results": [] }), json!([]), json!(null), json!({ "results": [], "batchItemFailures": [] })]
    {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}

/// The schema and the program agree on what a hint is.
#[test]
fn hints_fit_their_schema_and_nothing_else_does() {
    let validator = validator("hint");
    let hint = |provider: &str, name: &str| {
        let mut hint =
            json!({ "provider": provider, "region": "region-1", "account": "a", "occurrence": "o", name: "i-1" });
        if provider == "huawei" {
            hint["project_id"] = json!("p-1");
        }
        hint
    };
    let kinds = [
        ("alibaba", "vault_id"),
        ("huawei", "backup_id"),
        ("huawei", "checkpoint_item_id"),
        ("huawei", "vault_id"),
        ("tencent", "snapshot_id"),
    ];
    for (provider, name) in kinds {
        let good = hint(provider, name);
        assert_strict(&validator, &good, &["/account", "/project_id", "/occurrence"], &[]);
        assert!(of_body(&good).unwrap().is_ok(), "{good}");
        for (field, value) in [
            ("provider", json!("aws")),
            ("region", json!("a/b")),
            ("region", json!("")),
            ("region", json!("x".repeat(256))),
            ("account", json!("")),
            ("occurrence", json!(7)),
            (name, json!("..")),
            (name, json!("a/b")),
            (name, json!("")),
            (name, json!("x".repeat(256))),
            ("vault", json!("v")),
            ("destinations", json!([])),
            ("snapshot_id", json!("a b")),
            ("backup_id", json!(7)),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(!validator.is_valid(&bad), "the schema takes {bad}");
            assert!(of_body(&bad).unwrap().is_err(), "the program takes {bad}");
        }
        for (_, other) in kinds.into_iter().filter(|(_, other)| *other != name) {
            let mut two = good.clone();
            two[other] = json!("i-2");
            assert!(!validator.is_valid(&two), "the schema takes {two}");
            assert!(of_body(&two).unwrap().is_err(), "the program takes {two}");
        }
    }
    let mut own = 0;
    for (name, event) in samples() {
        for place in ["", "/detail", "/data"] {
            let Some(body) = event.pointer(place).filter(|body| body.get("provider").is_some()) else { continue };
            if body.get("action").is_none() {
                assert!(name.contains("/hint"), "{name}");
                assert_fits(&validator, body);
                own += 1;
            }
        }
    }
    assert_eq!(own, 5);
}

/// What the real binaries answer and put on the queue.
#[tokio::test]
async fn what_the_functions_produce_fits() {
    let (messages, answers) = (validator("message"), validator("answer"));
    let bench = Bench::start(&[]).await;
    let events = [
        (Cloud::Alibaba, sample("alibaba/scheduler-input.json")),
        (Cloud::Huawei, sample("huawei/copy-backup-eventbridge.json")),
        (Cloud::Huawei, sample("huawei/copy-checkpoint-eventbridge.json")),
        (Cloud::Huawei, sample("huawei/copy-checkpoint-item-sns.json")),
        (Cloud::Tencent, sample("tencent/command.json")),
        (Cloud::Tencent, sample("tencent/sqs-batch-one-bad.json")),
    ];
    bench.fault(Cloud::Tencent, json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-adopt001" }, "kind": "reset_after" })).await;
    bench.fault(Cloud::Tencent, json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-doubt001" }, "kind": "reset_before" })).await;
    let code = |code: &str| json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-refus001" }, "kind": "code", "code": code });
    bench.fault(Cloud::Tencent, code("InsufficientSnapshotQuota")).await;
    let mut functions = std::collections::HashMap::new();
    for cloud in Cloud::ALL {
        functions.insert(cloud, bench.function(cloud).await);
    }
    for round in 0..2 {
        for (cloud, event) in &events {
            let answer = functions[cloud].invoke(event.clone(), LONG).await.unwrap();
            assert_fits(&answers, &answer);
            assert_eq!(answer.to_string().contains("replayed"), round == 1 && answer.get("results").is_some());
        }
    }
    let mut dry = copy("snap-dryrun01", &["ap-beijing"]);
    dry["dry_run"] = json!(true);
    let mixed = json!([
        copy("snap-adopt001", &["ap-beijing"]),
        copy("snap-doubt001", &["ap-beijing"]),
        copy("snap-refus001", &["ap-beijing"]),
        {},
        dry
    ]);
    let answer = functions[&Cloud::Tencent].invoke(mixed, LONG).await.unwrap();
    assert_fits(&answers, &answer);
    let states: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|result| result["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["accepted", "in_doubt", "refused", "invalid", "dry_run"]);
    // Everything of this vault has been copied: another firing finds nothing to do.
    let mut again = sample("huawei/copy-checkpoint-eventbridge.json");
    again["id"] = json!("another-firing");
    let answer = functions[&Cloud::Huawei].invoke(again, LONG).await;
    if let Ok(answer) = &answer {
        assert_fits(&answers, answer);
    }
    let answer = functions[&Cloud::Tencent].invoke(batch(&[json!("bad")]), LONG).await.unwrap();
    assert_fits(&answers, &answer);
    let answer = functions[&Cloud::Tencent].invoke(json!({ "action": "sweep" }), LONG).await.unwrap();
    assert_fits(&answers, &answer);
    // Later the destination shows the copies.
    let mut wish = sample("huawei/copy-backup-eventbridge.json")["detail"].clone();
    wish["action"] = json!("observe");
    let mut two = sample("tencent/command.json");
    two["action"] = json!("observe");
    let switches = json!({ "advance_s": 600, "keep_signature_clock": true });
    post(&bench.fleet.simulators.tencent(), "/_sim/clock", switches).await.unwrap();
    for (cloud, wish, done) in [(Cloud::Huawei, wish, true), (Cloud::Tencent, two, true)] {
        let answer = functions[&cloud].invoke(wish, LONG).await.unwrap();
        assert_fits(&answers, &answer);
        assert_eq!(answer["done"], done, "{answer}");
    }
    let answer = functions[&Cloud::Alibaba].invoke(json!({ "action": "observe" }), LONG).await.unwrap();
    assert_fits(&answers, &answer);
    let produced = bench.fleet.messages().await.unwrap();
    let ids: std::collections::BTreeSet<&str> =
        produced.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 15, "one of them tells of a refusal");
    assert_eq!(produced.iter().filter(|message| message["data"]["state"] == "replicated").count(), 3);
    for message in &produced {
        assert_fits(&messages, message);
    }
}
