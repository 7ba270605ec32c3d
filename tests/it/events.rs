//! Envelopes: every sample event, and everything that can be wrong with one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sns::SnsEvent;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use offsite_shared::model::command::{Command, Operation};
use offsite_shared::model::fields::FieldError;
use offsite_shared::triggers::{Answer, Event, EventRecord, Item, read};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sample events: their path under `events/` and their content.
pub fn samples() -> Vec<(String, Value)> {
    let folder = root().join("events");
    let mut found = Vec::new();
    for cloud in ["alibaba", "huawei", "tencent"] {
        for entry in std::fs::read_dir(folder.join(cloud)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{cloud}/{}", path.file_name().unwrap().to_string_lossy());
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((name, serde_json::from_str(&text).unwrap()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

pub fn sample(name: &str) -> Value {
    let found = samples().into_iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("there is no events/{name}")).1
}

/// The commands of a record, and what is complained about.
pub fn commands_of(record: EventRecord) -> Vec<Result<Command, FieldError>> {
    let command = |item| match item {
        Ok(Item::Command(command)) => Some(Ok(*command)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    };
    record.items.into_iter().filter_map(command).collect()
}

/// What one record of a sample holds: its ID, and for each command the operation, source and destinations, or the complaint.
type Expected<'a> = (Option<&'a str>, &'a [Result<(Operation, &'a str, &'a str), &'a str>]);

const VAULT: &str = "v-0003rf9m17pap3ltpqx5";
const HBR: Operation = Operation::CreateVaultReplication;
const BACKUP: Operation = Operation::CopyBackup;
const CHECKPOINT: Operation = Operation::CopyCheckpoint;
const ITEM: Operation = Operation::CopyCheckpointItem;
const SNAPSHOT: Operation = Operation::CopySnapshot;

/// Every file of `events/` and what it must be read as.
const SAMPLES: &[(&str, Answer, &[Expected<'_>])] = &[
    ("alibaba/command.json", Answer::Results, &[(None, &[Ok((HBR, VAULT, "cn-shanghai"))])]),
    (
        "alibaba/eventbridge.json",
        Answer::Results,
        &[(Some("7bf73129-1428-4cd3-a780-95db273d1602"), &[Ok((HBR, VAULT, "cn-shanghai"))])],
    ),
    ("alibaba/hint-vault-cloudevent.json", Answer::Results, &[(Some("5f0c1f1e-6a3e-4c60-9f0e-0c1d2e3f4c01"), &[])]),
    ("alibaba/scheduler-input.json", Answer::Results, &[(None, &[Ok((HBR, VAULT, "cn-shanghai"))])]),
    (
        "huawei/copy-backup-eventbridge.json",
        Answer::Results,
        &[(
            Some("0d079340-135a-c8c6-95c2-41fb8f496c53"),
            &[Ok((BACKUP, "a5200268-74a5-4806-acc6-95793ab0228b", "cn-east-3"))],
        )],
    ),
    (
        "huawei/copy-backup.json",
        Answer::Results,
        &[(None, &[Ok((BACKUP, "a5200268-74a5-4806-acc6-95793ab0228b", "cn-east-3"))])],
    ),
    (
        "huawei/copy-checkpoint-eventbridge.json",
        Answer::Results,
        &[(
            Some("7bf73129-1428-4cd3-a780-95db273d1602"),
            &[Ok((CHECKPOINT, "3b5816b5-f29c-4172-9d9a-76c719a659ce", "cn-east-3"))],
        )],
    ),
    (
        "huawei/copy-checkpoint-item-sns.json",
        Answer::Results,
        &[(
            Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
            &[Ok((ITEM, "c4dfa74c-7e60-4361-86b9-9a3250115ed6", "cn-east-2"))],
        )],
    ),
    (
        "huawei/copy-checkpoint-scheduler-input.json",
        Answer::Results,
        &[(None, &[Ok((CHECKPOINT, "3b5816b5-f29c-4172-9d9a-76c719a659ce", "cn-east-3"))])],
    ),
    ("huawei/door-smn.json", Answer::Results, &[(Some("d84bd6629ef04513ad2e37bffd6e17cb"), &[])]),
    ("huawei/hint-eventbridge.json", Answer::Results, &[(Some("0d079340-135a-c8c6-95c2-41fb8f496c54"), &[])]),
    ("huawei/hint-eventgrid.json", Answer::Results, &[(Some("5f0c1f1e-6a3e-4c60-9f0e-0c1d2e3f4b01"), &[])]),
    ("huawei/hint-item.json", Answer::Results, &[(None, &[])]),
    (
        "huawei/hint-smn-sqs.json",
        Answer::Batch,
        &[(Some("19dd0b57-b21e-4ac1-bd88-01bbb068cb10"), &[]), (Some("19dd0b57-b21e-4ac1-bd88-01bbb068cb11"), &[])],
    ),
    ("huawei/hint-vault.json", Answer::Results, &[(None, &[])]),
    (
        "tencent/array.json",
        Answer::Results,
        &[(None, &[Ok((SNAPSHOT, "snap-arr0aaa1", "ap-beijing")), Ok((SNAPSHOT, "snap-arr0aaa2", "ap-singapore"))])],
    ),
    (
        "tencent/cloudevent.json",
        Answer::Results,
        &[(Some("A234-1234-1234"), &[Ok((SNAPSHOT, "snap-clo0aaa1", "ap-beijing"))])],
    ),
    ("tencent/command.json", Answer::Results, &[(None, &[Ok((SNAPSHOT, "snap-ckgjwkqh", "ap-beijing ap-singapore"))])]),
    ("tencent/crash.json", Answer::Results, &[(None, &[Ok((SNAPSHOT, "snap-cra0shed", "ap-beijing"))])]),
    ("tencent/door-webhook.json", Answer::Results, &[(Some("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"), &[])]),
    ("tencent/hint-cloudaudit-copy.json", Answer::Results, &[(Some("5f0c1f1e-6a3e-4c60-9f0e-0c1d2e3f4a03"), &[])]),
    ("tencent/hint-cloudaudit-failed.json", Answer::Results, &[(Some("5f0c1f1e-6a3e-4c60-9f0e-0c1d2e3f4a02"), &[])]),
    ("tencent/hint-cloudaudit.json", Answer::Results, &[(Some("5f0c1f1e-6a3e-4c60-9f0e-0c1d2e3f4a01"), &[])]),
    ("tencent/hint-scf-batch.json", Answer::Results, &[(None, &[])]),
    ("tencent/hint.json", Answer::Results, &[(None, &[])]),
    (
        "tencent/scheduler-bare.json",
        Answer::Results,
        &[(
            Some("53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa"),
            &[Err("detail: is empty: give the schedule or rule an input that is a command")],
        )],
    ),
    (
        "tencent/sqs-batch-one-bad.json",
        Answer::Batch,
        &[
            (Some("19dd0b57-b21e-4ac1-bd88-01bbb068cb00"), &[Ok((SNAPSHOT, "snap-bat0aaa1", "ap-beijing"))]),
            (Some("19dd0b57-b21e-4ac1-bd88-01bbb068cb01"), &[Err("source.snapshot_id: is missing")]),
            (Some("19dd0b57-b21e-4ac1-bd88-01bbb068cb02"), &[Ok((SNAPSHOT, "snap-bat0aaa3", "ap-singapore"))]),
        ],
    ),
    (
        "tencent/sqs-sns-wrapped.json",
        Answer::Batch,
        &[(Some("19dd0b57-b21e-4ac1-bd88-01bbb068cb00"), &[Ok((SNAPSHOT, "snap-sns0aaa1", "ap-beijing"))])],
    ),
    ("tencent/sweep-eventbridge.json", Answer::Results, &[(Some("53dc4d37-cffa-4f76-80c9-8b7d4a4d2eab"), &[])]),
    ("tencent/throttled.json", Answer::Results, &[(None, &[Ok((SNAPSHOT, "snap-thr0ttle", "ap-beijing"))])]),
];

#[test]
fn every_sample_event_is_read_as_expected() {
    let files: BTreeSet<String> = samples().into_iter().map(|(name, _)| name).collect();
    let known: BTreeSet<String> = SAMPLES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(files, known, "each file needs its line here, and each line its file");
    for (name, answer, records) in SAMPLES {
        let event = read(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.answer, *answer, "{name}");
        assert_eq!(event.records.len(), records.len(), "{name}");
        for (found, (id, commands)) in event.records.into_iter().zip(*records) {
            assert_eq!(found.id.as_deref(), *id, "{name}");
            let told: Vec<Result<_, String>> = commands_of(found)
                .iter()
                .map(|command| {
                    let command = command.as_ref().map_err(ToString::to_string)?;
                    let regions: Vec<&str> =
                        command.destinations.iter().map(|destination| destination.region.as_str()).collect();
                    Ok((command.operation, command.source.id.clone(), regions.join(" ")))
                })
                .collect();
            let wanted: Vec<Result<_, String>> = commands
                .iter()
                .map(|command| {
                    command
                        .map(|(operation, source, regions)| (operation, source.to_owned(), regions.to_owned()))
                        .map_err(str::to_owned)
                })
                .collect();
            assert_eq!(told, wanted, "{name}");
        }
    }
    for operation in Operation::ALL {
        let known = SAMPLES.iter().flat_map(|(.., records)| records.iter()).flat_map(|(_, commands)| commands.iter());
        assert!(known.flatten().any(|(of, ..)| *of == operation), "no sample of {}", operation.name());
    }
    let readme = std::fs::read_to_string(root().join("events/README.md")).unwrap();
    for (name, ..) in SAMPLES {
        let shape = name.contains("eventbridge.json") || readme.contains(name);
        assert!(shape, "events/README.md does not say where {name} is from");
    }
}

/// The firing of a vault-wide copy is known by what triggered it, so that one firing is started once.
#[test]
fn copy_checkpoint_takes_its_occurrence_from_the_trigger() {
    let occurrence = |event: Value| {
        let record = read(&event).unwrap().records.remove(0);
        commands_of(record).remove(0).map(|command| command.occurrence).map_err(|error| error.to_string())
    };
    assert_eq!(
        occurrence(sample("huawei/copy-checkpoint-eventbridge.json")),
        Ok(Some("7bf73129-1428-4cd3-a780-95db273d1602".into()))
    );
    let mut direct = sample("huawei/copy-checkpoint-scheduler-input.json");
    assert_eq!(occurrence(direct.clone()), Ok(Some("2026-11-21T02:00:00Z".into())));
    assert_eq!(
        occurrence(sqs(&[("m-1", direct.to_string())])),
        Ok(Some("2026-11-21T02:00:00Z".into())),
        "its own wins"
    );
    direct["occurrence"] = json!("<aws.scheduler.scheduled-time>");
    assert_eq!(
        occurrence(direct.clone()),
        Err("occurrence: is a Scheduler placeholder that nobody filled in; only EventBridge Scheduler does".into())
    );
    direct.as_object_mut().unwrap().remove("occurrence");
    assert_eq!(
        occurrence(direct.clone()),
        Err("occurrence: is missing: copy-checkpoint needs it (an event ID or a scheduled time), so that one firing is started once".into())
    );
    assert_eq!(occurrence(sqs(&[("m-1", direct.to_string())])), Ok(Some("m-1".into())));
    let event = json!({ "id": "e-1", "detail-type": "x", "source": "y", "detail": direct });
    assert_eq!(
        occurrence(sqs(&[("m-1", event.to_string())])),
        Ok(Some("e-1".into())),
        "a redelivered event is the same firing"
    );
}

fn command() -> Value {
    sample("tencent/crash.json")
}

fn sqs(records: &[(&str, String)]) -> Value {
    let record = |(id, body): &(&str, String)| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs", "awsRegion": "us-east-1" });
    json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })
}

fn eventbridge(detail: Value) -> Value {
    json!({ "version": "0", "id": "e-1", "detail-type": "Backup Finished", "source": "com.example", "time": "2026-11-21T02:00:00Z", "detail": detail })
}

fn sns(message: &str) -> Value {
    let mut event = sample("huawei/copy-checkpoint-item-sns.json");
    event["Records"][0]["Sns"]["Message"] = json!(message);
    event
}

/// Every complaint in an event, with the ID of its record.
fn complaints(event: &Value) -> Vec<(Option<String>, FieldError)> {
    match read(event) {
        Err(error) => vec![(None, error)],
        Ok(Event { records, .. }) => records
            .into_iter()
            .flat_map(|record| {
                let id = record.id;
                record.items.into_iter().filter_map(Result::err).map(|error| (id.clone(), error)).collect::<Vec<_>>()
            })
            .collect(),
    }
}

/// A complaint is one line for a person: no Rust, no parser's jargon.
fn assert_readable(complaint: &str) {
    for jargon in [
        "::",
        "struct",
        "enum",
        "invalid type",
        "invalid value",
        "missing field",
        "unknown field",
        "unknown variant",
        "expected ",
        "Option",
        "Some(",
        "None",
        "serde",
        "recursion",
        "EOF",
        "trailing",
        "a map",
        "sequence",
        "Error(",
        "i64",
        "u64",
        "f64",
        "panicked",
        "\n",
        "\r",
    ] {
        assert!(!complaint.contains(jargon), "\"{}\" in: {complaint}", jargon.escape_debug());
    }
    assert!(complaint.contains(": "), "field and reason: {complaint}");
    assert!(complaint.chars().count() < 1_500, "{} characters", complaint.chars().count());
}

/// The reader takes what it needs by name, so the names are held to the official types.
#[test]
fn what_the_official_types_write_is_read() {
    let read_one = |event: Value| {
        let Event { records, .. } = read(&event).unwrap();
        let [record] = &records[..] else { panic!("{event}") };
        assert!(matches!(record.items[..], [Ok(Item::Command(_))]), "{event}: {:?}", record.items);
        record.id.clone()
    };
    let mut message = SqsMessage::default();
    (message.message_id, message.body) = (Some("m-1".into()), Some(command().to_string()));
    message.event_source = Some("aws:sqs".into());
    let mut batch = SqsEvent::default();
    batch.records = vec![message];
    assert_eq!(read_one(json!(batch)).as_deref(), Some("m-1"));
    let mut event: EventBridgeEvent = serde_json::from_value(eventbridge(json!({}))).unwrap();
    event.detail = command();
    assert_eq!(read_one(json!(event)).as_deref(), Some("e-1"));
    let topic: SnsEvent = serde_json::from_value(sns(&command().to_string())).unwrap();
    assert_eq!(read_one(json!(topic)).as_deref(), Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"));
}

#[test]
fn what_is_wrong_with_an_envelope_is_said_in_words() {
    let with = |mut event: Value, pointer: &str, value: Value| {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap();
        match value {
            Value::Null => drop(parent.as_object_mut().unwrap().remove(name)),
            value => parent[name] = value,
        }
        event
    };
    let batch = sqs(&[("m-1", command().to_string())]);
    let rule = eventbridge(command());
    let topic = sns(&command().to_string());
    let is_neither = "event: is neither a command (no field \"action\") nor an SQS, SNS, EventBridge or CloudEvents envelope around one";
    let cases: Vec<(Value, Option<&str>, String)> = vec![
        (json!(null), None, "event: must be a command or an event that holds one, not null".into()),
        (json!(7), None, "event: must be a command or an event that holds one, not a number".into()),
        (json!("replicate"), None, "event: must be a command or an event that holds one, not a text".into()),
        (json!(true), None, "event: must be a command or an event that holds one, not true or false".into()),
        (json!([]), None, "event: is an empty array: it holds no command".into()),
        (json!([7]), None, "[0].command: must be an object, not a number".into()),
        (json!([command(), {}]), None, "[1].action: is missing".into()),
        (json!({}), None, is_neither.into()),
        (json!({ "hello": 1 }), None, is_neither.into()),
        (json!({ "Records": [] }), None, "Records: is empty".into()),
        (json!({ "Records": 7 }), None, is_neither.into()),
        (json!({ "Records": [7] }), None, "Records[0].eventSource: must be aws:sqs or aws:sns, not absent".into()),
        (
            json!({ "Records": [{ "eventSource": "aws:s3" }] }),
            None,
            "Records[0].eventSource: must be aws:sqs or aws:sns, not aws:s3".into(),
        ),
        (
            with(batch.clone(), "/Records/0/body", json!(7)),
            Some("m-1"),
            "Records[0].body: must be a text, not a number".into(),
        ),
        (with(batch.clone(), "/Records/0/body", Value::Null), Some("m-1"), "Records[0].body: is missing".into()),
        (with(batch.clone(), "/Records/0/body", json!("")), Some("m-1"), "Records[0].body: is empty".into()),
        (
            with(batch.clone(), "/Records/0/body", json!("{\"action\":")),
            Some("m-1"),
            "Records[0].body: is not JSON (line 1, column 10)".into(),
        ),
        (
            with(batch.clone(), "/Records/0/body", json!("7")),
            Some("m-1"),
            "Records[0].body: must be a command or an event that holds one, not a number".into(),
        ),
        (
            with(batch.clone(), "/Records/0/messageId", json!(7)),
            None,
            "Records[0].messageId: must be a text, not a number".into(),
        ),
        (with(rule.clone(), "/detail", Value::Null), Some("e-1"), "detail: is missing".into()),
        (with(rule.clone(), "/detail-type", json!(5)), Some("e-1"), "detail-type: must be a text, not a number".into()),
        (with(rule.clone(), "/detail-type", Value::Null), Some("e-1"), "detail-type: is missing".into()),
        (with(rule.clone(), "/source", Value::Null), Some("e-1"), "source: is missing".into()),
        (
            with(rule.clone(), "/detail", json!("{}")),
            Some("e-1"),
            "detail: is empty: give the schedule or rule an input that is a command".into(),
        ),
        (
            with(rule.clone(), "/detail", json!({})),
            Some("e-1"),
            "detail: is empty: give the schedule or rule an input that is a command".into(),
        ),
        (with(rule.clone(), "/detail", json!("run!")), Some("e-1"), "detail: is not JSON (line 1, column 1)".into()),
        (
            with(rule.clone(), "/detail", json!(7)),
            Some("e-1"),
            "detail: must be a command or an event that holds one, not a number".into(),
        ),
        (
            with(rule.clone(), "/detail", json!({ "bucket": "b" })),
            Some("e-1"),
            format!("detail: {}", is_neither.split_once(": ").unwrap().1),
        ),
        (
            with(rule.clone(), "/detail/source/region", json!(7)),
            Some("e-1"),
            "detail.source.region: must be a text, not a number".into(),
        ),
        (
            with(rule.clone(), "/detail/destinations", json!([{ "region": "ap-guangzhou" }])),
            Some("e-1"),
            "detail.destinations[0].region: ap-guangzhou is the source's own region; a copy must go to another one"
                .into(),
        ),
        (
            sqs(&[("m-1", rule_with_bad_region().to_string())]),
            Some("m-1"),
            "detail.source.region: must be a text, not a number".into(),
        ),
        (
            with(topic.clone(), "/Records/0/Sns/Message", json!("hello")),
            Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
            "Records[0].Sns.Message: is not JSON (line 1, column 1)".into(),
        ),
        (
            with(topic.clone(), "/Records/0/Sns/Message", json!({})),
            Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
            "Records[0].Sns.Message: must be a text, not an object".into(),
        ),
        (
            with(topic.clone(), "/Records/0/Sns/Message", Value::Null),
            Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
            "Records[0].Sns.Message: is missing".into(),
        ),
        (
            with(topic.clone(), "/Records/0/Sns", Value::Null),
            None,
            "Records[0].Sns: must be an object, not null".into(),
        ),
        (
            with(topic, "/Records/0/EventVersion", Value::Null),
            Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
            "Records[0].EventVersion: is missing".into(),
        ),
        (
            json!({ "specversion": "1.0", "id": "c-1", "type": "t", "source": "s" }),
            Some("c-1"),
            "data: must be a command or an event that holds one, not null".into(),
        ),
        (
            json!({ "Type": "Notification", "MessageId": "n-1" }),
            None,
            "Message: must be a command or an event that holds one, not null".into(),
        ),
    ];
    for (event, id, wanted) in cases {
        let found = complaints(&event);
        let [(found_id, error)] = &found[..] else { panic!("{event}: {found:?}") };
        assert_eq!(error.to_string(), wanted, "{event}");
        assert_eq!(found_id.as_deref(), id, "{event}");
        assert_readable(&error.to_string());
    }
}

fn rule_with_bad_region() -> Value {
    let mut rule = eventbridge(command());
    rule["detail"]["source"]["region"] = json!(7);
    rule
}

/// Arrays and the batches of other clouds hold commands and events, each by itself.
#[test]
fn a_batch_of_events_is_read_one_by_one() {
    let hint = sample("tencent/hint-cloudaudit.json");
    let own = json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": "snap-1" });
    for batch in [
        json!([command(), hint, own, {}, { "hello": 1 }]),
        json!({ "EventList": [command(), hint, own, {}, { "hello": 1 }] }),
        json!({ "events": [command(), hint, own, {}, { "hello": 1 }] }),
    ] {
        let record = read(&batch).unwrap().records.remove(0);
        let kinds: Vec<&str> = record
            .items
            .iter()
            .map(|item| match item {
                Ok(Item::Command(_)) => "command",
                Ok(Item::Hint(hint)) if hint.occurrence.is_some() => "event",
                Ok(Item::Hint(_)) => "hint",
                Ok(_) => "else",
                Err(error) => {
                    assert_readable(&error.to_string());
                    assert!(error.field.contains("[3].action") || error.field.contains("[4].event"), "{error}");
                    "wrong"
                }
            })
            .collect();
        assert_eq!(kinds, ["command", "event", "hint", "wrong", "wrong"], "{batch}");
    }
    assert_eq!(complaints(&json!({ "EventList": [] }))[0].1.to_string(), "EventList: is empty: it holds no event");
    // A sweep is no element of a batch.
    assert_eq!(complaints(&json!([{ "action": "sweep" }])).len(), 1);
    // Two fields more and it is somebody else's.
    assert_eq!(complaints(&json!({ "events": [hint], "page": 1 }))[0].1.field, "event");
}

/// A record that has not even the shape of one takes nothing else with it.
#[test]
fn one_bad_record_leaves_the_rest_of_a_batch_alone() {
    for bad in [
        json!(null),
        json!(7),
        json!([]),
        json!({}),
        json!({ "messageId": "m-2" }),
        json!({ "messageId": "m-2", "body": {} }),
    ] {
        let mut batch = sqs(&[("m-1", command().to_string()), ("m-2", String::new()), ("m-3", command().to_string())]);
        batch["Records"][1] = bad.clone();
        let event = read(&batch).unwrap();
        let fine: Vec<bool> = event.records.iter().map(|record| record.items.iter().all(Result::is_ok)).collect();
        assert_eq!(fine, [true, false, true], "{bad}");
        let id = bad.get("messageId").and_then(Value::as_str);
        assert_eq!(event.records[1].id.as_deref(), id, "{bad}");
    }
}

#[test]
fn envelopes_may_be_in_one_another_but_not_for_ever() {
    let notification =
        |inner: &Value| json!({ "Type": "Notification", "MessageId": "n-1", "Message": inner.to_string() });
    let nested = sqs(&[("m-1", notification(&eventbridge(command())).to_string())]);
    assert_eq!(complaints(&nested), []);
    assert_eq!(complaints(&sns(&eventbridge(json!([command(), command()])).to_string())), []);
    let mut deep = command();
    for _ in 0..3 {
        deep = notification(&deep);
    }
    assert_eq!(complaints(&deep), []);
    for _ in 0..4 {
        deep = notification(&deep);
    }
    let found = complaints(&deep);
    assert_eq!(found.len(), 1);
    assert_readable(&found[0].1.to_string());
    assert!(found[0].1.reason.contains("too many envelopes in one another"), "{found:?}");
}

/// JSON says nothing about a key that comes twice, and two readers would take two values.
#[test]
fn a_key_that_comes_twice_is_a_complaint() {
    let body = command().to_string();
    let twice = body.replacen('{', "{\"destinations\":[{\"region\":\"eu-frankfurt\"}],", 1);
    assert_ne!(twice, body);
    let found = complaints(&sqs(&[("m-1", twice)]));
    assert!(found[0].1.reason.starts_with("gives the key \"destinations\" twice at line 1"), "{found:?}");
}

/// Wherever a text can stand, a huge or a strange one is refused or kept whole, and never floods or splits a line.
#[test]
fn huge_and_strange_texts_stay_within_one_line() {
    let huge = "A".repeat(1024 * 1024);
    let strange = [
        "nul\u{0}byte",
        "two\r\nlines",
        "tab\there",
        "中文区域",
        "🦀",
        "\u{202e}drawkcab",
        "a\u{2028}b",
        "../../etc",
        "%2e%2e",
        "a'b\"c`d$(e)",
        &huge,
    ];
    let pointers = [
        "/action",
        "/provider",
        "/operation",
        "/source/region",
        "/source/snapshot_id",
        "/destinations/0/region",
        "/surprise",
    ];
    for text in strange {
        for pointer in pointers {
            let mut command = command();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            command.pointer_mut(parent).unwrap()[name] = json!(text);
            let found = complaints(&command);
            assert_eq!(found.len(), 1, "{pointer} {:.20}", text.escape_debug());
            assert_readable(&found[0].1.to_string());
            assert!(!found[0].1.to_string().contains(char::is_control));
            // The same inside a queue's record, where it arrives as text in text.
            assert_eq!(complaints(&sqs(&[("m-1", command.to_string())]))[0].1, found[0].1);
        }
        let mut with_key = command();
        with_key[text] = json!(1);
        assert_readable(&complaints(&with_key)[0].1.to_string());
    }
    let mut many: Vec<Value> = (0..1_000).map(|index| json!({ "region": format!("r-{index}") })).collect();
    let mut fleet = command();
    fleet["destinations"] = json!(many);
    assert_eq!(complaints(&fleet), [], "a command may name many destinations");
    many.push(json!({ "region": "r-1000" }));
    fleet["destinations"] = json!(many);
    assert!(complaints(&fleet)[0].1.reason.contains("names 1001 destinations, and 1000 are the most"));
}

#[test]
fn depth_is_a_complaint_and_not_a_crash() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [deep.clone(), format!("{{\"action\":{deep}}}"), "{\"a\":".repeat(100_000)] {
        let found = complaints(&sqs(&[("m-1", body.clone()), ("m-2", command().to_string())]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.as_deref(), Some("m-1"));
        assert_readable(&found[0].1.to_string());
        assert!(
            found[0].1.to_string().starts_with("Records[0].body: is nested too deeply (line 1, column "),
            "{}",
            found[0].1
        );
        assert_eq!(complaints(&sns(&body)).len(), 1);
        assert_eq!(complaints(&eventbridge(json!(body))).len(), 1);
    }
}

/// Any value in any place of any sample gives a command or a complaint, and complaints are readable.
#[test]
fn no_value_in_any_place_breaks_the_reading() {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "a": [{}] }),
    ];
    for (name, event) in samples() {
        let mut pointers = Vec::new();
        places(&event, "", &mut pointers);
        for pointer in pointers {
            for value in &values {
                let mut changed = event.clone();
                *changed.pointer_mut(&pointer).unwrap() = value.clone();
                for (_, error) in complaints(&changed) {
                    let text = error.to_string();
                    assert_readable(&text);
                    assert!(!text.contains('\u{0}'), "{name} {pointer}");
                }
            }
        }
    }
}

fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                places(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// What a command is read from and what it is written as are the same command.
#[test]
fn a_command_survives_being_written() {
    for (name, event) in samples() {
        let commands = read(&event).unwrap().records.into_iter().flat_map(commands_of).flatten();
        for command in commands {
            let again = offsite_shared::model::command::Command::from_json(&command.to_json());
            assert_eq!(again.as_ref(), Ok(&command), "{name}");
        }
    }
}
