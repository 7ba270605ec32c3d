//! Events that somebody made to do harm: they fail alone, cost little, and start nothing that they should not.

use std::time::Duration;

use offsite_local::fleet::functions::FunctionProcess;
use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::settings::Trust;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

use crate::command_line;
use crate::functions::{Bench, batch, copy};
use crate::sweeping::Estate;

/// The largest event that a function is given: SQS's largest batch.
const LARGEST: usize = 1 << 20;

/// The most memory that a process has held, in KiB.
fn peak(function: &FunctionProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", function.id().expect("it runs"))).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says it");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bodies of nearly this many bytes, each of another shape.
fn poisons(bytes: usize) -> Vec<(&'static str, String)> {
    let repeat = |part: &str, taken: usize| vec![part; (bytes - taken) / (part.len() + 1)].join(",");
    let keys: Vec<String> = (0..bytes / 12).map(|at| format!("\"k{at:06}\":1")).collect();
    let command = copy("snap-poison01", &["ap-beijing"]).to_string();
    vec![
        ("numbers", format!("[{}]", repeat("1", 2))),
        ("arrays of arrays", format!("[{}]", repeat("[[],[]]", 2))),
        ("empty objects", format!("[{}]", repeat("{}", 2))),
        ("wrong commands", format!("[{}]", repeat("{\"action\":\"x\"}", 2))),
        ("right commands", format!("[{}]", repeat(&command, 2))),
        ("arrays of a thousand", format!("[{}]", repeat(&format!("[{}]", vec!["1"; 1_000].join(",")), 2))),
        ("texts", format!("[{}]", repeat("\"a\"", 2))),
        ("one text", format!("\"{}\"", "a".repeat(bytes - 2))),
        ("keys", format!("{{{}}}", keys.join(","))),
        ("brackets", "[".repeat(bytes)),
        ("a long name", copy(&"a".repeat(bytes - 400), &["ap-beijing"]).to_string()),
        ("a list of events", format!("{{\"EventList\":[{}]}}", repeat("{\"a\":1}", 20))),
    ]
}

#[tokio::test]
async fn a_poisoned_record_fails_alone_says_so_once_and_costs_little_memory() {
    let bench = Bench::start(&[]).await;
    let mut bodies: Vec<Value> = (0..9).map(|at| copy(&format!("snap-good{at:04}"), &["ap-beijing"])).collect();
    for (name, poison) in poisons(LARGEST - 16 * 1024) {
        let function = bench.function(Cloud::Tencent).await;
        bodies.insert(4, json!(poison));
        let answer = function.invoke(batch(&bodies), Duration::from_secs(60)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let log = function.output().join("\n");
        assert_eq!(answer["batchItemFailures"], json!([{ "itemIdentifier": "m-4" }]), "{name}: {log}");
        let told = function.output().iter().filter(|line| line.contains("m-4")).count();
        assert!((1..=12).contains(&told), "{name}: {told} lines");
        assert!(function.output().iter().all(|line| line.len() < 4_000), "{name}: a line without end");
        bodies.remove(4);
        // The same as an event of its own, without a queue.
        let alone: Result<Value, _> = serde_json::from_str(&poison);
        if let Ok(alone) = alone {
            assert!(function.invoke(alone, Duration::from_secs(60)).await.is_err(), "{name}");
        }
        let peak = peak(&function);
        assert!(peak <= 64 * 1024, "{name}: {peak} KiB");
        function.stop().await;
    }
    assert_eq!(bench.copies().len(), 9, "the good ones were made once");
}

/// The other functions read the same events; of the shapes those are sent that have the most parts.
#[tokio::test]
async fn what_poisons_no_function_poisons_none_of_the_other_clouds() {
    let bench = Bench::start(&[]).await;
    for cloud in [Cloud::Alibaba, Cloud::Huawei] {
        let function = bench.function(cloud).await;
        for (name, poison) in poisons(LARGEST - 16 * 1024) {
            if !["numbers", "wrong commands", "arrays of a thousand", "a list of events"].contains(&name) {
                continue;
            }
            let answer = function.invoke(batch(&[json!(poison)]), Duration::from_secs(60)).await;
            let answer = answer.unwrap_or_else(|error| panic!("{} {name}: {error:?}", cloud.name()));
            assert_eq!(answer["batchItemFailures"], json!([{ "itemIdentifier": "m-0" }]), "{} {name}", cloud.name());
        }
        let peak = peak(&function);
        assert!(peak <= 64 * 1024, "{}: {peak} KiB", cloud.name());
        function.stop().await;
    }
}

/// A process that takes the commands of anyone, and starts nothing.
async fn looking() -> (Estate, Context) {
    let estate = Estate::plain().await;
    let mut context =
        estate.context(&std::sync::Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [] })).unwrap()));
    context.settings.trust = Trust::Anyone;
    context.settings.read_only = true;
    (estate, context)
}

/// One event, as a program of its own may send it: a queue gives ten.
#[tokio::test]
async fn ten_thousand_records_of_one_event_are_taken_and_one_more_is_not() {
    let (estate, context) = looking().await;
    let records = |count: usize| batch(&vec![json!("no command"); count]);
    let answer = handle(&context, &records(10_000), &estate.invocation(900)).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 10_000);
    let refused = handle(&context, &records(10_001), &estate.invocation(900)).await.unwrap_err();
    assert!(refused.message.contains("10000"), "{}", refused.message);
}

#[tokio::test]
async fn a_thousand_commands_of_one_record_are_taken_and_one_more_is_not() {
    let (estate, context) = looking().await;
    let commands = |count: usize| -> Value { vec![copy("snap-00000001", &["ap-beijing"]); count].into() };
    let invocation = estate.invocation(900);
    let answer = handle(&context, &commands(1_000), &invocation).await.unwrap();
    assert_eq!(answer["cut"]["of"], 1_000, "all are taken, and as many are shown as fit into an answer");
    let refused = handle(&context, &commands(1_001), &invocation).await.unwrap_err();
    assert!(refused.message.contains("asks for 1001 copies or more, and 1000 are the most"), "{}", refused.message);
    for field in ["account", "occurrence", "rule"] {
        let mut command = copy("snap-00000001", &["ap-beijing"]);
        command[field] = json!("a".repeat(256));
        let refused = handle(&context, &command, &invocation).await.unwrap_err();
        assert!(
            refused.message.contains(&format!("{field}: has 256 bytes, and 255 are the most")),
            "{}",
            refused.message
        );
    }
}

/// What stands in an event cannot take the dry run off.
#[tokio::test]
async fn a_dry_run_starts_nothing_whatever_the_event_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    let options = SimOptions { any_source: true, ..SimOptions::default() };
    let simulators = offsite_simulators::Simulators::start(options.clone()).await.unwrap();
    let environment = offsite_local::home::point_at(&simulators, &options, Default::default());
    let database = folder.path().join("offsite.db").to_string_lossy().into_owned();
    let environment: Vec<(String, String)> =
        environment.with("OFFSITE_DB", database).variables().clone().into_iter().collect();
    let command = copy("snap-dryrun01", &["ap-beijing"]);
    let sqs = |change: &dyn Fn(&mut Value)| {
        let mut event = batch(&[copy("snap-dryrun01", &["ap-beijing"])]);
        change(&mut event);
        event.to_string()
    };
    let sns = json!({ "Records": [{ "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn:a", "action": "Publish",
        "Sns": { "Type": "Notification", "MessageId": "1", "TopicArn": "arn:t", "Timestamp": "2026-11-21T02:00:00Z", "action": "x",
            "Message": command.to_string(), "SignatureVersion": "1", "Signature": "x", "SigningCertUrl": "u", "UnsubscribeUrl": "u",
            "MessageAttributes": {} } }] });
    let nested = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t",
        "data": json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": command.to_string() }).to_string() });
    let mut denied = command.clone();
    denied["dry_run"] = json!(false);
    let events = [
        command.to_string(),
        denied.to_string(),
        json!([command, command]).to_string(),
        sqs(&|_| {}),
        sqs(&|event| event["action"] = json!("x")),
        sqs(&|event| event["Records"][0]["action"] = json!("x")),
        sqs(&|event| event["Records"][0]["attributes"] = json!({ "action": "x" })),
        sns.to_string(),
        nested.to_string(),
        format!("\u{feff}{command}"),
        json!({ "action": "sweep" }).to_string(),
    ];
    for event in events {
        let ended = command_line::run(&["handle", "--dry-run", "--event", "-"], &environment, Some(&event)).await;
        assert_eq!(ended.code, 0, "{event}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(simulators.state()["replications"], json!([]), "{event}: {}", ended.stdout);
    }
    let observe = json!({ "action": "observe" }).to_string();
    let ended = command_line::run(&["handle", "--dry-run", "--event", "-"], &environment, Some(&observe)).await;
    assert!(ended.stdout.contains("has no dry run"), "{}", ended.stdout);
    // Without the flag the first one does start a copy.
    let ended = command_line::run(&["handle", "--event", "-"], &environment, Some(&command.to_string())).await;
    assert_eq!(simulators.state()["replications"].as_array().unwrap().len(), 1, "{}", ended.stderr);
}

/// Two readers of one text must read the same.
#[tokio::test]
async fn a_key_that_is_given_twice_is_refused_and_a_byte_order_mark_is_skipped() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Tencent).await;
    let command = copy("snap-twice001", &["ap-beijing"]).to_string();
    let twice = command.replacen('{', "{\"dry_run\":true,\"dry_run\":false,", 1);
    let inner = command.replacen("\"region\":", "\"region\":\"ap-shanghai\",\"region\":", 1);
    let bodies = [json!(twice), json!(inner), json!(format!("\u{feff}{command}"))];
    let answer = function.invoke(batch(&bodies), Duration::from_secs(30)).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{ "itemIdentifier": "m-0" }, { "itemIdentifier": "m-1" }]));
    let log = function.output().join("\n");
    assert!(log.contains("gives the key \"dry_run\" twice at line 1") && log.contains("Records[1].body"), "{log}");
    assert_eq!(bench.copies().len(), 1);
}

/// Local runtimes tell 600000 as the deadline of every invocation, which was no moment since 1970.
#[tokio::test]
async fn under_a_deadline_that_is_no_moment_copies_are_started() {
    let bench = Bench::start(&[]).await;
    let function = bench.fleet.function_told(Cloud::Tencent, Some(600_000)).await.unwrap();
    for at in 0..2 {
        let answer =
            function.invoke(copy(&format!("snap-local{at:03}"), &["ap-beijing"]), Duration::from_secs(30)).await;
        assert_eq!(answer.unwrap()["results"][0]["state"], json!("accepted"));
    }
    let told = function.output().iter().filter(|line| line.contains("the deadline is no moment")).count();
    assert_eq!(told, 1, "{:?}", function.output());
    // A moment that is over still means that no time is left.
    let function = bench.fleet.function_told(Cloud::Tencent, Some(1_700_000_000_000)).await.unwrap();
    let answer = function.invoke(copy("snap-local002", &["ap-beijing"]), Duration::from_secs(30)).await;
    assert!(format!("{answer:?}").contains("no time is left"), "{answer:?}");
    assert_eq!(bench.copies().len(), 2);
}
