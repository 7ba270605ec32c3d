//! `offsite events explain`: every sample event is explained, and nothing is asked or started for that.

use std::path::Path;

use serde_json::{Value, json};

use crate::command_line;

const POLICY: &str = r#"{"version":1,"rules":[
    {"name":"web","provider":"tencent","limits":{"start_after":"6h"},
     "source":{"region":"ap-guangzhou","select":{"name_prefix":"web-"}},"destinations":[{"region":"ap-singapore"}]},
    {"name":"far","provider":"tencent","source":{"region":"eu-frankfurt"},"destinations":[{"region":"ap-singapore"}]}]}"#;

/// The policy in a folder, without keys and without a cloud that could be reached.
fn home(folder: &Path) -> Vec<(String, String)> {
    let path = folder.join("offsite.json");
    std::fs::write(&path, POLICY).unwrap();
    let mut environment = vec![
        ("OFFSITE_DB".to_owned(), folder.join("offsite.db").to_string_lossy().into_owned()),
        ("OFFSITE_POLICY".to_owned(), path.to_string_lossy().into_owned()),
    ];
    for name in ["OFFSITE_TENCENT_ENDPOINT", "OFFSITE_ALIBABA_ENDPOINT", "OFFSITE_HUAWEI_CBR_ENDPOINT"] {
        environment.push((name.to_owned(), "http://127.0.0.1:9".to_owned()));
    }
    environment
}

#[tokio::test]
async fn every_sample_event_is_explained_without_a_key_and_without_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let environment = home(folder.path());
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut explained = 0;
    for cloud in ["alibaba", "huawei", "tencent"] {
        for file in std::fs::read_dir(events.join(cloud)).unwrap() {
            let path = file.unwrap().path();
            let ended = command_line::run(&["events", "explain", &path.to_string_lossy()], &environment, None).await;
            let bad = ["one-bad", "scheduler-bare"].iter().any(|bad| path.to_string_lossy().contains(bad));
            assert_eq!(ended.code, i32::from(bad), "{}: {}{}", path.display(), ended.stdout, ended.stderr);
            let door = path.to_string_lossy().contains("door-");
            let verified = if door { "verified: by the door, at 2026-" } else { "verified: not at all" };
            for part in ["envelope: ", "sender: ", verified, "\nrecord 1"] {
                assert!(ended.stdout.contains(part), "{}: {part}: {}", path.display(), ended.stdout);
            }
            explained += 1;
        }
    }
    assert!(explained >= 20, "{explained}");
    assert!(!folder.path().join("offsite.db").exists(), "it made a ledger");
}

#[tokio::test]
async fn it_names_envelope_sender_rules_and_what_would_follow() {
    let folder = tempfile::tempdir().unwrap();
    let environment = home(folder.path());
    for (event, parts) in [
        (
            r#"{"id":"e-1","detail-type":"Backup Finished","source":"my.backups","detail":
                {"provider":"tencent","region":"ap-guangzhou","snapshot_id":"snap-ckgjwkqh"}}"#,
            &[
                "envelope: EventBridge",
                "my.backups (as it says itself)",
                "it names the backup snap-ckgjwkqh of tencent in ap-guangzhou",
                "rule web: the backup is read in ap-guangzhou",
                "name_prefix",
                "start it 6h after it was finished",
            ][..],
        ),
        (
            r#"{"provider":"tencent","region":"ap-tokyo","snapshot_id":"snap-ckgjwkqh"}"#,
            &[
                "none: it stands alone",
                "it names none",
                "passed over: none of the 2 rules for tencent has its source there; nothing is read",
            ],
        ),
        (
            r#"{"action":"replicate","provider":"tencent","operation":"copy-snapshot","source":{"region":"ap-guangzhou",
                "snapshot_id":"snap-ckgjwkqh"},"destinations":[{"region":"ap-singapore"},{"region":"ap-tokyo"}]}"#,
            &[
                "a command: copy-snapshot of snap-ckgjwkqh",
                "to ap-singapore: rule web",
                "to ap-tokyo: refused: no rule copies",
            ],
        ),
        (r#"{"action":"sweep","depth":"recent"}"#, &["a look at what is new"]),
        (
            r#"{"via":"door","sender":"cbr","proof":"smn","id":"m","received_at":"2026-11-28T02:13:20Z","raw":"{\"action\":\"sweep\"}"}"#,
            &[
                "envelope: what the door hands on",
                "verified: by the door, at 2026-11-28T02:13:20Z: the signature of Huawei's SMN, cbr",
                "passed over: it asks for something to be done",
            ],
        ),
        (
            r#"{"Type":"SubscriptionConfirmation","MessageId":"m","SubscribeURL":"https://sns"}"#,
            &["passed over: a SubscriptionConfirmation of a topic"],
        ),
    ] {
        let ended = command_line::run(&["events", "explain", "-"], &environment, Some(event)).await;
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        for part in parts {
            assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
        }
    }
    let wrong = command_line::run(&["events", "explain", "-"], &environment, Some(r#"{"hello":1}"#)).await;
    assert_eq!(wrong.code, 1);
    assert!(wrong.stdout.contains("it cannot be read: event: is neither a command"), "{}", wrong.stdout);
    let gone = command_line::run(&["events", "explain", "no-such-file.json"], &environment, None).await;
    assert!(gone.code == 1 && gone.stderr.contains("no-such-file.json could not be read"), "{}", gone.stderr);
}

/// The same as JSON: envelopes, sender and proof, and of each record what it is, which rules it names, and what is said of it.
#[tokio::test]
async fn as_json_it_says_the_same_in_fields() {
    let folder = tempfile::tempdir().unwrap();
    let environment = home(folder.path());
    let explained = async |event: &Value, code: i32| -> Value {
        let event = event.to_string();
        let ended =
            command_line::run(&["events", "explain", "-", "--format", "json"], &environment, Some(&event)).await;
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let hint = json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": "snap-ckgjwkqh" });
    let command = json!({ "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": "snap-ckgjwkqh" }, "destinations": [{ "region": "ap-singapore" }] });
    let bodies = [
        json!({ "id": "e-1", "detail-type": "Backup Finished", "source": "my.backups", "detail": hint }),
        command.clone(),
        json!({ "action": "sweep", "depth": "recent" }),
        json!({ "hello": 1 }),
    ];
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(at, body)| json!({ "eventSource": "aws:sqs", "messageId": format!("m-{at}"), "body": body.to_string() }))
        .collect();
    let told = explained(&json!({ "Records": records }), 1).await;
    assert_eq!((&told["verified"], &told["proof"], &told["readable"]), (&json!(false), &Value::Null, &json!(false)));
    assert_eq!(told["answer"], json!("each record by itself; those that failed are delivered again"));
    let records = told["records"].as_array().unwrap();
    let ids: Vec<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m-0", "m-1", "m-2", "m-3"]);
    let item = |at: usize| &records[at]["items"][0];
    let kinds: Vec<&str> = (0..4).map(|at| item(at)["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["hint", "command", "action", "unreadable"]);
    assert_eq!((&item(0)["rules"], &item(0)["region"]), (&json!(["web"]), &json!("ap-guangzhou")));
    assert_eq!(item(1)["command"]["source"], command["source"]);
    assert_eq!(item(2)["action"]["depth"], json!("recent"));
    assert_eq!(item(3)["field"], json!("Records[3].body"));
    for (at, words) in [
        (0, "rule web: the backup is read in ap-guangzhou"),
        (1, "to ap-singapore: rule web"),
        (2, "a look at what is new"),
        (3, "nothing would follow from it"),
    ] {
        let says = item(at)["says"].as_array().unwrap();
        assert!(says.iter().any(|line| line.as_str().unwrap().contains(words)), "{words}: {says:?}");
    }

    let door = json!({ "via": "door", "sender": "cbr", "proof": "smn", "id": "m", "received_at": "2026-11-28T02:13:20Z",
        "raw": hint.to_string() });
    let told = explained(&door, 0).await;
    assert_eq!((&told["verified"], &told["proof"], &told["readable"]), (&json!(true), &json!("smn"), &json!(true)));
    assert_eq!(told["records"][0]["items"][0]["kind"], json!("hint"), "{told}");
    let wrong = explained(&json!({ "hello": 1 }), 1).await;
    assert!(wrong["error"]["reason"].as_str().unwrap().contains("neither a command"), "{wrong}");
}
