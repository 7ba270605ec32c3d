//! Each provider's contract as data: command, exact request, given reply, expected meaning.
//!
//! `tests/contracts/<provider>/<case>.json` is walked, so a forgotten case fails. A case holds any of
//! `invalid` (refused before a byte is sent), `start` (the mutating call), `answers` (what replies to it mean)
//! and `read_back` (conversations: request, reply, …, conclusion).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use offsite_shared::model::access::Access;
use offsite_shared::model::command::{Cloud, Command, Operation, Replication};
use offsite_shared::model::failure::{Disposition, Failure, Row, Whose, find};
use offsite_shared::model::http::Reply;
use offsite_shared::providers::asked::{Need, after};
use offsite_shared::providers::call::Call;
use offsite_shared::providers::provider::{Acceptance, AttemptContext, Defaults, Provider, ReadBack};
use offsite_shared::providers::{alibaba, huawei, tencent};
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::{Credential, Nonce, Query};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

const PROVIDERS: [&dyn Provider; 3] = [&alibaba::Alibaba, &huawei::Huawei, &tencent::Tencent];

/// When every request of a contract is signed.
const AT: &str = "2026-11-21T08:30:00Z";

/// The nonce of every request of a contract.
const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn provider_of(cloud: Cloud) -> &'static dyn Provider {
    PROVIDERS.into_iter().find(|provider| provider.cloud() == cloud).unwrap()
}

/// The files of a folder of test data, each with its content.
fn walk(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                files.push((path, value));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

fn contracts() -> Vec<(PathBuf, Value)> {
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts"))
}

#[test]
fn every_contract_holds() {
    let mut wrong = Vec::new();
    for (path, case) in contracts() {
        let cloud = path.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        let cloud = Cloud::from_name(cloud).unwrap_or_else(|| panic!("{cloud} is no provider"));
        for problem in check(cloud, &case) {
            wrong.push(format!("{}: {problem}", path.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(wrong.is_empty(), "{} contracts are broken:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whatever an operation can do or be asked for has a case somewhere.
#[test]
fn the_contracts_leave_nothing_out() {
    let mut started = BTreeSet::new();
    let mut accepted = BTreeSet::new();
    let mut unreadable = BTreeSet::new();
    let mut conclusions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut options = BTreeSet::new();
    let mut refused_fields = BTreeSet::new();
    for (_, case) in contracts() {
        let operation = text(&case["command"]["operation"]);
        if case.get("start").is_some() {
            started.insert(operation.clone());
            for name in case["command"]["options"].as_object().into_iter().flatten() {
                options.insert((operation.clone(), name.0.clone()));
            }
        }
        for answer in list(&case, "answers") {
            if answer.get("accepted").is_some() {
                accepted.insert(operation.clone());
            }
            let status = answer["reply"]["status"].as_u64().unwrap();
            if answer["failure"]["disposition"] == "Ambiguous" && (200..300).contains(&status) {
                unreadable.insert(operation.clone());
            }
        }
        for read in list(&case, "read_back") {
            let said = read["says"].as_object().unwrap().keys().next().unwrap().clone();
            let asked = read["asks"].as_array().map_or(0, Vec::len);
            let known = conclusions.entry(operation.clone()).or_default();
            known.insert(said);
            if asked > 2 {
                known.insert("pages".into());
            }
        }
        for invalid in list(&case, "invalid") {
            refused_fields.insert((operation.clone(), text(&invalid["field"])));
        }
    }
    let all: BTreeSet<String> = Operation::ALL.iter().map(|operation| operation.name().to_owned()).collect();
    assert_eq!(started, all, "a start for each operation");
    assert_eq!(accepted, all, "an acceptance for each operation");
    assert_eq!(unreadable, all, "an unreadable success for each operation");
    for operation in &all {
        let known = conclusions.get(operation).cloned().unwrap_or_default();
        let mut wanted = vec!["found", "absent", "pages"];
        if operation != "copy-checkpoint" {
            wanted.extend(["not_ready", "no_source", "failed"]);
        }
        for wanted in wanted {
            assert!(known.contains(wanted), "{operation}: no read-back that ends as {wanted}: {known:?}");
        }
    }
    let mut known_options = BTreeSet::new();
    for operation in ["copy-backup", "copy-checkpoint-item"] {
        for option in ["name", "description", "enable_acceleration"] {
            known_options.insert((operation.to_owned(), option.to_owned()));
        }
    }
    for option in ["auto_trigger", "enable_acceleration"] {
        known_options.insert(("copy-checkpoint".to_owned(), option.to_owned()));
    }
    assert_eq!(options, known_options, "every option of every API in a request");
    for operation in Operation::ALL {
        for field in [
            "source.region".to_owned(),
            format!("source.{}", operation.source_field()),
            "destinations[0].region".into(),
        ] {
            assert!(
                refused_fields.contains(&(operation.name().to_owned(), field.clone())),
                "{}: no refusal of {field}",
                operation.name()
            );
        }
    }
}

/// Every row: a source with its date or release, and its disposition through a plausible reply, whatever the HTTP status.
#[test]
fn every_row_of_every_code_table_decides() {
    for operation in Operation::ALL {
        let replication = sample(operation);
        let provider = provider_of(operation.cloud());
        let tables: Vec<&[Row]> = match operation {
            Operation::CreateVaultReplication => vec![alibaba::codes::TABLE],
            Operation::CopySnapshot => vec![tencent::codes::TABLE],
            Operation::CopyCheckpoint => vec![huawei::codes::VAULT_WIDE, huawei::codes::TABLE],
            _ => vec![huawei::codes::TABLE],
        };
        for (index, row) in
            tables.iter().enumerate().flat_map(|(index, table)| table.iter().map(move |row| (index, row)))
        {
            assert!(row.source.len() > 10, "{}: no source", row.code);
            let hidden = |earlier: &&[Row]| earlier.iter().any(|first| first.code == row.code);
            if tables[..index].iter().any(hidden) {
                continue;
            }
            for (code, status) in probes(row.code) {
                let replies: Vec<Reply> = match operation.cloud() {
                    Cloud::Tencent => vec![tencent_error(&code), tencent_result(&code)],
                    Cloud::Alibaba => vec![alibaba_error(status, &code), alibaba_error(200, &code)],
                    Cloud::Huawei => vec![huawei_error(status, &code)],
                };
                for reply in replies {
                    let failure = provider.started(&replication, &reply).unwrap_err();
                    assert_eq!(
                        failure.disposition,
                        row.disposition,
                        "{} {code} with HTTP {}",
                        operation.name(),
                        reply.status
                    );
                    assert_eq!(failure.code, code, "{}", operation.name());
                    assert_eq!(failure.request_id.as_deref(), Some("REQ-1"), "{code}");
                    assert_eq!(failure.advice, row.advice, "{code}");
                    assert_eq!(failure.whose, row.whose, "{code}");
                }
            }
        }
    }
}

/// A code that exactly this row covers, at several HTTP statuses.
fn probes(code: &str) -> Vec<(String, u16)> {
    if let Some((code, status)) = code.split_once('/') {
        let statuses: &[u16] = if status.starts_with('4') { &[400, 404, 413, 494] } else { &[500, 502, 503, 504] };
        return statuses.iter().map(|status| (code.to_owned(), *status)).collect();
    }
    let code = code.strip_suffix('*').map_or_else(|| code.to_owned(), |prefix| format!("{prefix}Unheard"));
    [400, 403, 404, 409, 500, 503].into_iter().map(|status| (code.clone(), status)).collect()
}

/// Codes are unique within a table, and no row is hidden behind another.
#[test]
fn no_row_hides_another() {
    for table in [alibaba::codes::TABLE, huawei::codes::TABLE, huawei::codes::VAULT_WIDE, tencent::codes::TABLE] {
        for row in table {
            let same = table.iter().filter(|other| other.code == row.code).count();
            assert_eq!(same, 1, "{}", row.code);
            let probe =
                row.code.strip_suffix('*').map_or_else(|| row.code.to_owned(), |prefix| format!("{prefix}Unheard"));
            assert_eq!(find(table, &probe).unwrap().code, row.code, "{probe} is answered by another row");
        }
    }
}

fn tables() -> [(&'static str, Vec<&'static Row>); 3] {
    let huawei = huawei::codes::TABLE.iter().chain(huawei::codes::VAULT_WIDE);
    [
        ("Alibaba", alibaba::codes::TABLE.iter().collect()),
        ("Huawei", huawei.collect()),
        ("Tencent", tencent::codes::TABLE.iter().collect()),
    ]
}

fn is_refusal(row: &Row) -> bool {
    matches!(row.disposition, Disposition::Permanent | Disposition::Unfit)
}

/// A certain refusal stops whom it is about, so it must say whom; of these two no source tells.
#[test]
fn every_refusal_says_whose_it_is() {
    let untold = ["FailedOperation", "BackupService.6500"];
    for (cloud, rows) in tables() {
        for row in rows {
            if is_refusal(row) {
                assert_eq!(row.whose == Whose::Unknown, untold.contains(&row.code), "{cloud} {}", row.code);
                assert!(!row.advice.is_empty(), "{cloud} {}: what should a person do?", row.code);
            }
            match row.disposition {
                Disposition::Unfit => assert_eq!(row.whose, Whose::Backup, "{cloud} {}", row.code),
                Disposition::Throttled => assert_eq!(row.whose, Whose::Unknown, "{cloud} {}", row.code),
                // The key is a setting of this installation.
                Disposition::Authentication => assert_eq!(row.whose, Whose::Installation, "{cloud} {}", row.code),
                _ => {}
            }
        }
    }
}

/// docs/errors.md lists for each cloud and each answer to "whose?" the codes that are certain refusals.
#[test]
fn the_documents_list_every_refusal_under_whose_it_is() {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md")).unwrap();
    let mut wanted = Vec::new();
    for (cloud, rows) in tables() {
        for whose in Whose::ALL {
            let mut codes: Vec<String> = rows
                .iter()
                .filter(|row| is_refusal(row) && row.whose == whose)
                .map(|row| format!("`{}`", row.code))
                .collect();
            codes.sort();
            if !codes.is_empty() {
                wanted.push(format!("| {cloud} | {} | {} |", whose.name(), codes.join(", ")));
            }
        }
    }
    let clouds = ["| Alibaba | ", "| Huawei | ", "| Tencent | "];
    let listed: Vec<&str> =
        document.lines().filter(|line| clouds.iter().any(|beginning| line.starts_with(beginning))).collect();
    assert_eq!(listed, wanted, "docs/errors.md should say:\n{}", wanted.join("\n"));
}

/// "Not authorised for this" is about one resource, and pauses nobody; a wrong key, signature or token is about the credential.
#[test]
fn a_missing_right_refuses_one_resource_and_a_wrong_key_the_credential() {
    let rights = [
        (alibaba::codes::TABLE, vec!["Forbidden", "Forbidden.RAM", "NoPermission", "NoPermission.Other"]),
        (
            tencent::codes::TABLE,
            vec!["AuthFailure.UnauthorizedOperation", "UnauthorizedOperation", "UnauthorizedOperation.MFAExpired"],
        ),
        (huawei::codes::TABLE, vec!["APIGW.0302", "APIGW.0304", "APIGW.0306", "APIGW.0802", "403"]),
    ];
    for (table, codes) in rights {
        for code in codes {
            let row = find(table, code).unwrap();
            assert_eq!((row.disposition, row.whose), (Disposition::Permanent, Whose::Backup), "{code}");
            assert!(row.advice.contains("may not"), "{code}: {}", row.advice);
        }
    }
    let keys = [
        (
            alibaba::codes::TABLE,
            vec!["SignatureDoesNotMatch", "InvalidAccessKeyId.Inactive", "InvalidSecurityToken.Expired"],
        ),
        (
            tencent::codes::TABLE,
            vec![
                "AuthFailure",
                "AuthFailure.SignatureFailure",
                "AuthFailure.TokenFailure",
                "UnauthorizedOperation.InvalidToken",
            ],
        ),
        (
            huawei::codes::TABLE,
            vec!["APIGW.0301", "APIGW.0303", "APIGW.0305", "APIGW.0307", "BackupService.9998", "401"],
        ),
    ];
    for (table, codes) in keys {
        for code in codes {
            assert_eq!(find(table, code).unwrap().disposition, Disposition::Authentication, "{code}");
        }
    }
}

/// Each of these says that nothing was made, so none of them is a doubt.
#[test]
fn what_tencent_checks_before_it_begins_is_certain() {
    use Disposition::{Permanent, Retryable};
    for (code, disposition, whose) in [
        ("LimitExceeded", Permanent, Whose::Account),
        ("ResourceInsufficient", Permanent, Whose::Destination),
        ("ResourceNotFound.NotFound", Permanent, Whose::Backup),
        ("ResourceUnavailable.SnapshotCreating", Retryable, Whose::Backup),
        ("ResourceUnavailable.TooManyCreatingSnapshot", Retryable, Whose::Account),
        ("FailedOperation", Permanent, Whose::Unknown),
        ("InvalidDisk.Busy", Retryable, Whose::Backup),
        ("DiskSnapshotChainTooLarge", Permanent, Whose::Backup),
        ("TradeDealConflict", Permanent, Whose::Account),
        ("UnauthorizedOperation.NotCertification", Permanent, Whose::Account),
    ] {
        for reply in [tencent_error(code), tencent_result(code)] {
            let failure = tencent::Tencent.started(&sample(Operation::CopySnapshot), &reply).unwrap_err();
            assert_eq!((failure.disposition, failure.whose), (disposition, whose), "{code}");
        }
    }
}

/// Design: Alibaba and CSBS read back first; others 4xx → permanent; all else → ambiguous. 429 is a throttle everywhere.
#[test]
fn unknown_codes_are_judged_by_the_costlier_reading() {
    use Disposition::{Ambiguous, Permanent, Throttled};
    let code = "NobodyHeardOfThis";
    for status in [200, 400, 403, 404, 409, 422, 429, 500, 502, 503, 504] {
        let by_status = match status {
            429 => Throttled,
            400..=499 => Permanent,
            _ => Ambiguous,
        };
        let of = |operation: Operation, reply: &Reply| {
            provider_of(operation.cloud()).started(&sample(operation), reply).unwrap_err()
        };
        let alibaba = of(Operation::CreateVaultReplication, &alibaba_error(status, code));
        assert_eq!(alibaba.disposition, Ambiguous, "alibaba {status}");
        if status != 200 {
            for operation in [Operation::CopyBackup, Operation::CopyCheckpoint] {
                assert_eq!(
                    of(operation, &huawei_error(status, code)).disposition,
                    by_status,
                    "{} {status}",
                    operation.name()
                );
            }
            let wanted = if status == 429 { Throttled } else { Ambiguous };
            assert_eq!(
                of(Operation::CopyCheckpointItem, &huawei_error(status, code)).disposition,
                wanted,
                "csbs {status}"
            );
        }
    }
    // Tencent answers with HTTP 200 throughout: an unknown code may have come after the copy was begun.
    for reply in [tencent_error(code), tencent_result(code)] {
        let failure = tencent::Tencent.started(&sample(Operation::CopySnapshot), &reply).unwrap_err();
        assert_eq!(failure.disposition, Ambiguous);
        assert!(failure.advice.contains("not in our table"), "{failure}");
    }
}

/// What a mutating call may answer beside the documented: nothing of it may be taken for a yes or for a certain no.
#[test]
fn answers_that_say_nothing_are_ambiguous() {
    for operation in Operation::ALL {
        let provider = provider_of(operation.cloud());
        for status in [200, 201, 202, 204, 301, 302, 500, 502, 503, 504] {
            for body in [
                "",
                "{}",
                "null",
                "[]",
                "true",
                "<html>504</html>",
                "{\"a\":",
                "\u{feff}{}",
                "{\"Response\":{}}",
                "{\"replication\":{}}",
            ] {
                let reply = Reply { status, headers: vec![], body: body.into() };
                let failure = provider.started(&sample(operation), &reply).unwrap_err();
                assert_eq!(failure.disposition, Disposition::Ambiguous, "{} HTTP {status} {body:?}", operation.name());
                assert!(!failure.to_string().contains('\n'));
            }
        }
        let reply =
            Reply { status: 429, headers: vec![("retry-after".into(), "7".into())], body: b"slow down".to_vec() };
        let failure = provider.started(&sample(operation), &reply).unwrap_err();
        assert_eq!(
            (failure.disposition, failure.after),
            (Disposition::Throttled, Some(std::time::Duration::from_secs(7))),
            "{}",
            operation.name()
        );
    }
}

fn alibaba_error(status: u16, code: &str) -> Reply {
    let body = json!({ "RequestId": "REQ-1", "HostId": "hbr.cn-shanghai.aliyuncs.com", "Code": code, "Message": "words", "Success": false });
    Reply { status, headers: vec![], body: body.to_string().into_bytes() }
}

fn huawei_error(status: u16, code: &str) -> Reply {
    let body = json!({ "error_code": code, "error_msg": "words" });
    Reply { status, headers: vec![("x-request-id".into(), "REQ-1".into())], body: body.to_string().into_bytes() }
}

fn tencent_error(code: &str) -> Reply {
    let body = json!({ "Response": { "Error": { "Code": code, "Message": "words" }, "RequestId": "REQ-1" } });
    Reply { status: 200, headers: vec![], body: body.to_string().into_bytes() }
}

fn tencent_result(code: &str) -> Reply {
    let result = json!({ "SnapshotId": "", "DestinationRegion": "ap-beijing", "Code": code, "Message": "words" });
    let body = json!({ "Response": { "SnapshotCopyResultSet": [result], "RequestId": "REQ-1" } });
    Reply { status: 200, headers: vec![], body: body.to_string().into_bytes() }
}

fn sample(operation: Operation) -> Replication {
    let id = if operation == Operation::CopySnapshot { "snap-ckgjwkqh" } else { "source-1" };
    let mut source = json!({ "region": "cn-north-4", operation.source_field(): id });
    let mut destination =
        json!({ "region": if operation == Operation::CopySnapshot { "ap-beijing" } else { "cn-shanghai" } });
    if operation.cloud() == Cloud::Huawei {
        source["project_id"] = json!("p-1");
        destination["project_id"] = json!("p-2");
    }
    if operation.destination_has_vault() {
        destination["vault_id"] = json!("target-1");
    }
    let command = json!({
        "action": "replicate", "provider": operation.cloud().name(), "operation": operation.name(), "source": source, "destinations": [destination],
    });
    Command::from_json(&command).unwrap().replications().remove(0)
}

/// Everything that is wrong with one case.
fn check(cloud: Cloud, case: &Value) -> Vec<String> {
    let provider = provider_of(cloud);
    let mut wrong = Vec::new();
    let known = [
        "what",
        "source",
        "command",
        "destination",
        "project_of_the_environment",
        "start",
        "answers",
        "read_back",
        "invalid",
    ];
    wrong.extend(unknown_keys(case, &known));
    if text(&case["what"]).is_empty() || text(&case["source"]).is_empty() {
        wrong.push("`what` and `source` must say what this shows and where it is from".into());
    }
    if !["start", "answers", "read_back", "invalid"].iter().any(|part| case.get(*part).is_some()) {
        wrong.push("it checks nothing".into());
    }
    for (index, invalid) in list(case, "invalid").iter().enumerate() {
        let command = changed(&case["command"], &invalid["with"]);
        let complaint = read_command(provider, &command, case).err();
        let wanted = format!("{}: {}", text(&invalid["field"]), text(&invalid["reason"]));
        match complaint {
            None => wrong.push(format!("invalid[{index}] is accepted, wanted \"{wanted}\"")),
            Some(complaint) if complaint != wanted => {
                wrong.push(format!("invalid[{index}]: \"{complaint}\", wanted \"{wanted}\""))
            }
            Some(_) => {}
        }
    }
    let replication = match read_command(provider, &case["command"], case) {
        Ok(command) => command.replications().remove(case["destination"].as_u64().unwrap_or(0) as usize),
        Err(error) => {
            wrong.push(format!("the command is refused: {error}"));
            return wrong;
        }
    };
    if let Some(start) = case.get("start") {
        let call = provider.start(&replication, &intent(start));
        wrong.extend(differs("start", &wire(provider, &call), &start["request"]));
    }
    for (index, answer) in list(case, "answers").iter().enumerate() {
        wrong.extend(unknown_keys(answer, &["reply", "accepted", "failure"]));
        let found = match provider.started(&replication, &reply(&answer["reply"])) {
            Ok(acceptance) => json!({ "accepted": acceptance_json(&acceptance) }),
            Err(failure) => json!({ "failure": failure_json(&failure) }),
        };
        let mut wanted = answer.clone();
        wanted.as_object_mut().unwrap().remove("reply");
        wrong.extend(differs(&format!("answers[{index}]"), &found, &wanted));
    }
    for (index, read) in list(case, "read_back").iter().enumerate() {
        wrong.extend(unknown_keys(read, &["attempt", "doubt", "asks", "says"]));
        wrong.extend(converse(provider, &replication, read).map(|problem| format!("read_back[{index}]: {problem}")));
    }
    wrong
}

/// Plays the questions and their replies; what is wrong, if anything is.
fn converse(provider: &dyn Provider, replication: &Replication, read: &Value) -> Option<String> {
    let intent = intent(read);
    let mut replies = Vec::new();
    for (step, ask) in list(read, "asks").iter().enumerate() {
        let call = match after(provider.read_back(replication, &intent), &mut replies.iter()) {
            Err(Need::Ask(call)) => call,
            other => {
                return Some(format!("after {step} replies it asks nothing more but says {other:?}"));
            }
        };
        if let Some(problem) = differs(&format!("asks[{step}]"), &wire(provider, &call), &ask["request"]) {
            return Some(problem);
        }
        let reply = reply(&ask["reply"]);
        if let Some(refused) = provider.refused(&call, &reply) {
            let failure = json!({ "failed": failure_json(&refused.of_read()) });
            return differs("says", &failure, &read["says"]);
        }
        replies.push(reply);
    }
    let said = match after(provider.read_back(replication, &intent), &mut replies.iter()) {
        Err(Need::Ask(call)) => json!({ "asks_further": wire(provider, &call) }),
        Ok(ReadBack::Found(acceptance)) => json!({ "found": acceptance_json(&acceptance) }),
        Ok(ReadBack::Running) => json!({ "running": true }),
        Ok(ReadBack::Absent) => json!({ "absent": true }),
        Ok(ReadBack::NotReady(reason)) => json!({ "not_ready": reason }),
        Ok(ReadBack::Ineligible(reason)) => json!({ "ineligible": reason }),
        Ok(ReadBack::NoSource(reason)) => json!({ "no_source": reason }),
        Err(Need::Failed(failure)) => json!({ "failed": failure_json(&failure) }),
    };
    differs("says", &said, &read["says"])
}

/// A command as the handler admits it, or the complaint.
fn read_command(provider: &dyn Provider, command: &Value, case: &Value) -> Result<Command, String> {
    let defaults = Defaults { huawei_project_id: case["project_of_the_environment"].as_str().map(str::to_owned) };
    let command = Command::from_json(command).map_err(|error| error.to_string())?;
    let command = provider.complete(&command, &defaults);
    provider.check(&command).map_err(|error| error.to_string())?;
    Ok(command)
}

/// `base` with fields set by pointer; a field set to null is removed.
fn changed(base: &Value, with: &Value) -> Value {
    let mut command = base.clone();
    for (pointer, value) in with.as_object().into_iter().flatten() {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = command.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
        match (parent, value) {
            (Value::Object(object), Value::Null) => drop(object.remove(name)),
            (Value::Object(object), value) => drop(object.insert(name.to_owned(), repeated(value))),
            (Value::Array(items), value) if name == "-" => items.push(value.clone()),
            (other, _) => panic!("{pointer} points into {other}"),
        }
    }
    command
}

/// `{"repeat":"x","times":3}` stands for a long text.
fn repeated(value: &Value) -> Value {
    match (value.get("repeat").and_then(Value::as_str), value.get("times").and_then(Value::as_u64)) {
        (Some(text), Some(times)) => json!(text.repeat(times as usize)),
        _ => value.clone(),
    }
}

fn intent(of: &Value) -> AttemptContext {
    AttemptContext {
        attempt: of["attempt"].as_u64().unwrap_or(1) as u32,
        since: AT.parse().unwrap(),
        doubt: of["doubt"].as_bool().unwrap_or(false),
    }
}

fn reply(of: &Value) -> Reply {
    let body = match &of["body"] {
        Value::String(text) => text.clone().into_bytes(),
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let headers = of["headers"].as_object().into_iter().flatten();
    Reply {
        status: of["status"].as_u64().unwrap() as u16,
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect(),
        body,
    }
}

/// The request as it would go out, signed at [`AT`] to the provider's own endpoint.
fn wire(provider: &dyn Provider, call: &Call) -> Value {
    let settings = Settings::from_environment(&Environment::default(), &[provider]).unwrap();
    let base = settings.endpoint(provider, call.service, &call.region);
    let mut draft = call.draft.clone();
    draft.host = base.strip_prefix("https://").unwrap().to_owned();
    let access = Access::Key(std::sync::Arc::new(Credential {
        access_key_id: "AKIDCONTRACT".into(),
        access_key_secret: SecretString::from("contract-secret"),
        security_token: None,
    }));
    let signed = provider.sign(call, draft.clone(), &access, AT.parse().unwrap(), &Nonce(NONCE.into())).unwrap();
    let mut headers = Map::new();
    for (name, value) in &signed.headers {
        match name.as_str() {
            "host" => assert_eq!(*value, draft.host),
            "Authorization" => {
                let scheme = value.split(' ').next().unwrap();
                headers.insert("authorization".into(), json!(scheme));
            }
            _ => assert!(headers.insert(name.clone(), json!(value)).is_none(), "{name} twice"),
        }
    }
    let (path, query) = signed.path_and_query.split_once('?').unwrap_or((&signed.path_and_query, ""));
    let mut request =
        json!({ "action": call.action, "method": draft.method, "url": format!("{base}{path}"), "headers": headers });
    if !query.is_empty() {
        let Query::Pairs(pairs) = &draft.query else { panic!("a query of pairs") };
        let pairs: Map<String, Value> = pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        assert_eq!(query.split('&').count(), pairs.len(), "no name twice");
        request["query"] = Value::Object(pairs);
    }
    if !draft.body.is_empty() {
        request["body"] = serde_json::from_slice(&draft.body).unwrap();
    }
    request
}

fn acceptance_json(acceptance: &Acceptance) -> Value {
    let receipts: Vec<Value> = acceptance
        .receipts
        .iter()
        .map(|found| match &found.backup_id {
            Some(backup) => json!({ "backup_id": backup, "replication_id": found.replication_id }),
            None => json!({ "replication_id": found.replication_id }),
        })
        .collect();
    match &acceptance.request_id {
        Some(id) => json!({ "receipts": receipts, "request_id": id }),
        None => json!({ "receipts": receipts }),
    }
}

fn failure_json(failure: &Failure) -> Value {
    let mut object = json!({ "disposition": format!("{:?}", failure.disposition), "code": failure.code, "message": failure.message });
    if let Some(id) = &failure.request_id {
        object["request_id"] = json!(id);
    }
    if let Some(after) = failure.after {
        object["after_ms"] = json!(after.as_millis() as u64);
    }
    object
}

fn differs(what: &str, found: &Value, wanted: &Value) -> Option<String> {
    (found != wanted).then(|| format!("{what}:\n  found  {found}\n  wanted {wanted}"))
}

fn unknown_keys(of: &Value, known: &[&str]) -> Vec<String> {
    let keys = of.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str()));
    keys.map(|key| format!("nobody reads the field {key}")).collect()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).map_or(&[], |list| list.as_array().unwrap())
}

fn text(of: &Value) -> String {
    of.as_str().unwrap_or_default().to_owned()
}
