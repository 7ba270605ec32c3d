//! What a policy holds a sweep to: limits, the pause, doubts, lost and missed backups, and the work queue.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::model::command::{Cloud, Command};
use offsite_shared::model::error::EmitError;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Ledger, WorkQueue};
use offsite_shared::report::{Conclusion, RuleReport};
use serde_json::{Value, json};

use crate::command_line;
use crate::faults::world::batch;
use crate::sweeping::Estate;

const FAR: &str = "ap-singapore";

/// A rule for the snapshots whose names begin like its own.
fn rule(name: &str, limits: Value) -> Value {
    json!({
        "name": name, "provider": "tencent", "objective": { "max_lag": "24h" }, "limits": limits,
        "source": { "region": "ap-guangzhou", "select": { "name_prefix": name } }, "destinations": [{ "region": FAR }],
    })
}

fn policy(rules: &[Value]) -> Arc<Policy> {
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap())
}

/// Clouds whose copies take an hour.
async fn estate() -> Estate {
    let estate = Estate::plain().await;
    for cloud in Cloud::ALL {
        estate.post(cloud, "seed", &json!({ "switches": { "copy_duration_s": 3_600 } })).await;
    }
    estate
}

/// Makes snapshots of these names; their IDs.
async fn make(estate: &Estate, name: &str, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|at| format!("snap-{name}{at:04}")).collect();
    let snapshot = |id: &String| json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": format!("{name}-{id}") });
    let snapshots: Vec<Value> = ids.iter().map(snapshot).collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
    ids
}

/// A table that somebody else works on is not worked around with a file.
#[tokio::test]
async fn what_belongs_to_a_table_is_not_started_from_a_file() {
    let estate = estate().await;
    let folder = estate.directory.path();
    let file = folder.join("offsite.db").to_string_lossy().into_owned();
    let environment =
        [("OFFSITE_TABLE", "offsite-ledger"), ("OFFSITE_DB", &file), ("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
    for arguments in [&["sweep"][..], &["handle", "--event", "-"]] {
        let ended = command_line::run(arguments, &environment, Some("{}")).await;
        assert_eq!(ended.code, 1, "{arguments:?}: {}", ended.stderr);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            shown.contains("OFFSITE_TABLE is set") && shown.contains("Invoke the function instead"),
            "{arguments:?}: {shown}"
        );
    }
}

async fn fault(estate: &Estate, faults: Value) {
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": faults })).await;
}

/// How often each copy was made.
fn copies(estate: &Estate) -> Vec<(String, u64)> {
    let state = estate.simulators.state();
    let rows = state["replications"].as_array().unwrap().iter();
    rows.map(|row| (row["source"].as_str().unwrap().to_owned(), row["created"].as_u64().unwrap())).collect()
}

async fn pass(estate: &Estate, hours: u64, minutes: u64) {
    estate.clock.sleep(Duration::from_secs(hours * 3_600 + minutes * 60)).await;
}

async fn observe(estate: &Estate, context: &Context) {
    handle(context, &json!({ "action": "observe" }), &estate.invocation(600)).await.unwrap();
}

async fn report(estate: &Estate, policy: &Policy, rule: &str) -> RuleReport {
    estate.report(policy).await.rules.into_iter().find(|found| found.rule == rule).unwrap()
}

fn told(receipts: &[Value], kind: &str) -> usize {
    receipts.iter().filter(|event| event["type"] == json!(format!("offsite.replication.{kind}"))).count()
}

#[tokio::test]
async fn a_sweep_starts_no_more_than_its_rule_allows() {
    let estate = estate().await;
    let policy = policy(&[rule("slow", json!({ "max_new_per_sweep": 5 }))]);
    make(&estate, "slow", 12).await;
    let context = estate.context(&policy);
    for (started, missing) in [(5, 7), (5, 2), (2, 0), (0, 0)] {
        let swept = estate.sweep(&context).await["swept"][0].clone();
        assert_eq!((&swept["started"], &swept["counts"]["missing"]), (&json!(started), &json!(missing)), "{swept}");
    }
    let copies = copies(&estate);
    assert!(copies.len() == 12 && copies.iter().all(|(_, created)| *created == 1), "{copies:?}");
}

/// The sweep that sets up a pair of vaults counts all that the pair now carries as on its way, from the first page to the last.
#[tokio::test]
async fn what_is_carried_by_a_pair_that_a_sweep_sets_up_is_in_progress() {
    let estate = Estate::start(1, 2_000).await;
    let policy = estate.policy(Cloud::Alibaba).await;
    let counts = |answer: &Value| {
        let mut swept = answer["swept"].as_array().unwrap().iter();
        swept.find(|rule| rule["rule"] == "vault-unpaired").unwrap()["counts"].clone()
    };
    let held = counts(&estate.sweep(&estate.paused(&policy)).await);
    let missing = held["missing"].as_u64().unwrap();
    assert!(missing > 100 && held["in_progress"] == 0, "more than a page: {held}");
    let begun = counts(&estate.sweep(&estate.context(&policy)).await);
    assert_eq!((&begun["missing"], begun["in_progress"].as_u64()), (&json!(0), Some(missing)), "{begun}");
    let told = report(&estate, &policy, "vault-unpaired").await;
    assert_eq!((told.counts.missing, told.counts.in_progress), (0, missing));
}

/// How long a copy may take to show is the setting's to say, in a sweep as in a look.
#[tokio::test]
async fn a_copy_that_does_not_show_is_lost_after_the_time_that_is_set() {
    const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";
    const PROJECT: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";
    let mut estate = estate().await;
    let policy = policy(&[json!({
        "name": "servers", "provider": "huawei", "operation": "copy-backup",
        "source": { "region": "cn-north-4", "project_id": PROJECT, "vault_id": VAULT },
        "destinations": [{
            "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564",
            "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02",
        }],
    })]);
    let backup = json!({ "id": "a5200268-74a5-4806-acc6-95793ab0228b", "project_id": PROJECT, "vault_id": VAULT });
    let seed = json!({ "vaults": [{ "id": VAULT, "project_id": PROJECT }], "backups": [backup] });
    estate.post(Cloud::Huawei, "seed", &seed).await;
    // Made by somebody whose ledger is not ours, and then deleted: the source's record still says that it was made.
    let mut elsewhere = estate.context(&policy);
    elsewhere.ports.ledger = Arc::new(MemoryLedger::default());
    let mut command = policy.rules[0].command_of(backup["id"].as_str().unwrap()).to_json();
    handle(&elsewhere, &command, &estate.invocation(60)).await.unwrap();
    pass(&estate, 1, 5).await;
    command["action"] = json!("observe");
    let seen = handle(&elsewhere, &command, &estate.invocation(60)).await.unwrap();
    estate.post(Cloud::Huawei, "seed", &json!({ "remove": [seen["results"][0]["evidence"]["destination_id"]] })).await;

    let plain = estate.environment.clone();
    for (set, hours, verdict) in
        [(None, 0, "in_progress"), (Some("3600"), 0, "lost"), (Some("604800"), 48, "in_progress"), (None, 0, "lost")]
    {
        pass(&estate, hours, 0).await;
        estate.environment = match set {
            Some(seconds) => plain.clone().with("OFFSITE_COPY_DEADLINE_S", seconds),
            None => plain.clone(),
        };
        let swept = estate.sweep(&estate.paused(&policy)).await["swept"][0].clone();
        assert_eq!(
            (&swept["counts"]["covered"], &swept["counts"][verdict]),
            (&json!(1), &json!(1)),
            "{set:?}: {swept}"
        );
    }
}

#[tokio::test]
async fn nothing_is_started_while_it_is_paused() {
    let estate = estate().await;
    let policy = policy(&[rule("held", json!({}))]);
    let ids = make(&estate, "held", 3).await;
    let context = estate.paused(&policy);
    let swept = estate.sweep(&context).await["swept"][0].clone();
    assert_eq!((&swept["started"], &swept["counts"]["missing"]), (&json!(0), &json!(3)), "{swept}");
    let command = policy.rules[0].command_of(&ids[0]).to_json();
    let refused = handle(&context, &command, &estate.invocation(30)).await.unwrap_err();
    assert!(refused.message.contains("OFFSITE_PAUSED"), "{refused}");
    let answer = handle(&context, &batch(std::slice::from_ref(&command)), &estate.invocation(30)).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "the ledger keeps it, so no queue has to: {answer}");

    let mut environment = estate.of_command(&policy);
    environment.push(("OFFSITE_PAUSED".to_owned(), "true".to_owned()));
    let handled = command_line::run(&["handle", "--event", "-"], &environment, Some(&command.to_string())).await;
    assert_ne!(handled.code, 0, "{}", handled.stdout);
    assert!(handled.stderr.contains("OFFSITE_PAUSED"), "{}", handled.stderr);
    let swept = command_line::run(&["sweep", "--format", "table"], &environment, None).await;
    assert_eq!(swept.code, 0, "{}", swept.stderr);
    for part in
        ["3 not started while it is paused", "nothing is started: OFFSITE_PAUSED is set", "next: `offsite report`"]
    {
        assert!(swept.stdout.contains(part), "{part}: {}", swept.stdout);
    }
    assert_eq!(copies(&estate), []);
    environment.pop();
    // A person's pause is told in the same way, and how it ends.
    let scope = ["--rule", "held"];
    let paused =
        command_line::run(&[&["pause", "--reason", "the bill"][..], &scope].concat(), &environment, None).await;
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    let swept = command_line::run(&["sweep", "--format", "table"], &environment, None).await;
    let told = swept.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("3 not started while it is paused") && told.contains("the bill"), "{told}");
    assert!(told.contains("`offsite resume --rule held` ends it") && copies(&estate).is_empty(), "{told}");
    assert_eq!(command_line::run(&[&["resume"][..], &scope].concat(), &environment, None).await.code, 0);
    // The same command without the pause: what was put off is started.
    let swept = command_line::run(&["sweep"], &environment, None).await;
    assert_eq!(swept.code, 0, "{}", swept.stderr);
    assert_eq!(copies(&estate).len(), 3, "{}", swept.stdout);
}

#[tokio::test]
async fn a_lost_copy_is_made_again_only_where_the_rule_says_so() {
    let estate = estate().await;
    let policy = policy(&[rule("once", json!({})), rule("again", json!({ "restart_lost": true }))]);
    make(&estate, "once", 1).await;
    make(&estate, "again", 1).await;
    let context = estate.context(&policy);
    estate.sweep(&context).await;
    pass(&estate, 1, 5).await;
    observe(&estate, &context).await;
    let state = estate.simulators.state();
    let ids: Vec<&str> =
        state["replications"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "remove": ids })).await;
    pass(&estate, 8 * 24, 0).await;
    observe(&estate, &context).await;
    estate.sweep(&context).await;
    assert_eq!(copies(&estate), [("snap-again0000".to_owned(), 2), ("snap-once0000".to_owned(), 1)]);
    let once = report(&estate, &policy, "once").await;
    assert_eq!((once.counts.lost, once.conclusion), (1, Conclusion::Broken), "{:?}", once.why);
    assert_eq!(report(&estate, &policy, "again").await.counts.in_progress, 1);
    pass(&estate, 1, 5).await;
    observe(&estate, &context).await;
    estate.sweep(&context).await;
    assert_eq!(report(&estate, &policy, "again").await.conclusion, Conclusion::Holds);
    let receipts = estate.receipts().await;
    assert_eq!((told(&receipts, "lost"), told(&receipts, "replicated")), (2, 3));
}

#[tokio::test]
async fn each_rule_says_what_becomes_of_a_doubt() {
    let estate = estate().await;
    let policy = policy(&[rule("bold", json!({ "on_doubt": "recopy" })), rule("meek", json!({ "on_doubt": "hold" }))]);
    make(&estate, "bold", 2).await;
    make(&estate, "meek", 2).await;
    let context = estate.context(&policy);
    fault(&estate, json!([{ "action": "CopySnapshotCrossRegions", "kind": "http_500_before" }])).await;
    estate.sweep(&context).await;
    for rule in ["bold", "meek"] {
        assert_eq!(report(&estate, &policy, rule).await.counts.in_doubt, 2, "{rule}");
    }
    fault(&estate, json!([])).await;
    // A copy might still become visible: neither is called again yet.
    estate.sweep(&context).await;
    assert_eq!(copies(&estate), []);
    pass(&estate, 24, 0).await;
    estate.sweep(&context).await;
    assert_eq!(copies(&estate), [("snap-bold0000".to_owned(), 1), ("snap-bold0001".to_owned(), 1)]);
    assert_eq!(report(&estate, &policy, "bold").await.counts.in_progress, 2);
    assert_eq!(report(&estate, &policy, "meek").await.counts.in_doubt, 2);
}

#[tokio::test]
async fn a_rule_that_protects_nothing_is_a_breach_unless_it_may() {
    let estate = estate().await;
    let may = json!({ "allow_empty": true });
    let policy =
        policy(&[rule("none", json!({})), rule("nobody", may.clone()), rule("odd", json!({})), rule("outcast", may)]);
    for name in ["odd", "outcast"] {
        let snapshot = json!({
            "snapshot_id": format!("snap-{name:0>8}"), "region": "ap-guangzhou", "name": name, "copy_from_remote": true,
        });
        estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot] })).await;
    }
    estate.sweep(&estate.context(&policy)).await;
    for (name, not_covered, why) in [
        ("none", 2, Some("covers nothing")),
        ("nobody", 2, None),
        ("odd", 2, Some("covers nothing")),
        ("outcast", 2, None),
    ] {
        let report = report(&estate, &policy, name).await;
        let outside = report
            .not_covered
            .iter()
            .find(|(reason, _)| reason.contains("itself a copy"))
            .map_or(0, |(_, of)| of.count);
        assert_eq!(outside, not_covered, "{name}: {:?}", report.not_covered);
        let wanted = if why.is_some() { Conclusion::Broken } else { Conclusion::Holds };
        assert_eq!(report.conclusion, wanted, "{name}: {:?}", report.why);
        assert_eq!(report.why.len(), usize::from(why.is_some()), "{name}: {:?}", report.why);
        assert!(why.is_none_or(|why| report.why[0].contains(why)), "{name}: {:?}", report.why);
    }
    assert_eq!(copies(&estate), []);
}

/// A work queue that keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<Command>>);

impl Kept {
    fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl WorkQueue for Kept {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        self.0.lock().unwrap().extend_from_slice(commands);
        Box::pin(async move { commands.iter().map(|_| Ok(())).collect() })
    }
}

#[tokio::test]
async fn a_command_is_handed_to_the_work_queue_once_and_makes_its_copy_once() {
    let estate = estate().await;
    let policy = policy(&[rule("fleet", json!({}))]);
    let ids = make(&estate, "fleet", 150).await;
    let kept = Arc::new(Kept::default());
    let mut sweeper = estate.context(&policy);
    sweeper.ports.work_queue = Some(kept.clone());
    let swept = estate.sweep(&sweeper).await["swept"][0].clone();
    assert_eq!((&swept["handed_over"], &swept["counts"]["missing"]), (&json!(150), &json!(150)), "{swept}");
    let commands = kept.take();
    let handed: BTreeSet<&str> = commands.iter().map(|command| command.source.id.as_str()).collect();
    assert_eq!(handed, ids.iter().map(String::as_str).collect::<BTreeSet<_>>());
    assert!(commands.iter().all(|command| command.rule.as_deref() == Some("fleet")));
    assert_eq!(copies(&estate), [], "the sweep itself calls nobody");

    pass(&estate, 0, 10).await;
    estate.sweep(&sweeper).await;
    assert_eq!(kept.take(), [], "the queue is only behind");
    pass(&estate, 0, 6).await;
    estate.sweep(&sweeper).await;
    let again = kept.take();
    assert_eq!(again.len(), 150, "what nobody has worked on is handed over again");

    // Both deliveries are worked on.
    for commands in [commands, again] {
        let bodies: Vec<Value> = commands.iter().map(Command::to_json).collect();
        let worker = estate.context(&policy);
        let answer = handle(&worker, &batch(&bodies), &estate.invocation(300)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }
    let copies = copies(&estate);
    assert!(copies.len() == 150 && copies.iter().all(|(_, created)| *created == 1), "{copies:?}");
    estate.sweep(&sweeper).await;
    assert_eq!(kept.take(), []);
    assert_eq!(report(&estate, &policy, "fleet").await.counts.in_progress, 150);
}

/// A limit counts copies, not how often they are counted, on whichever page they are.
#[tokio::test]
async fn the_limit_holds_for_what_is_handed_over_too() {
    let estate = estate().await;
    let policy = policy(&[rule("many", json!({ "max_new_per_sweep": 130 }))]);
    make(&estate, "many", 150).await;
    let kept = Arc::new(Kept::default());
    let mut sweeper = estate.context(&policy);
    sweeper.ports.work_queue = Some(kept.clone());
    estate.sweep(&sweeper).await;
    assert_eq!(kept.take().len(), 130);
    estate.sweep(&sweeper).await;
    assert_eq!(kept.take().len(), 20);
}

#[tokio::test]
async fn a_backup_that_went_without_a_copy_is_a_breach_until_somebody_acknowledges_it() {
    let estate = estate().await;
    let policy = policy(&[rule("gone", json!({}))]);
    let ids = make(&estate, "gone", 2).await;
    estate.post(Cloud::Tencent, "seed", &json!({ "switches": { "copy_duration_s": 0 } })).await;
    estate.sweep(&estate.paused(&policy)).await;
    estate.post(Cloud::Tencent, "seed", &json!({ "remove": [ids[0]] })).await;
    let context = estate.context(&policy);
    for _ in 0..2 {
        let swept = estate.sweep(&context).await["swept"][0].clone();
        assert_eq!(swept["counts"]["missed"], json!(1), "{swept}");
    }
    observe(&estate, &context).await;
    let receipts = estate.receipts().await;
    assert_eq!(told(&receipts, "missed"), 1, "{receipts:#?}");
    assert_eq!(copies(&estate), [(ids[1].clone(), 1)]);

    let environment = estate.of_command(&policy);
    let before = command_line::run(&["report"], &environment, None).await;
    assert_eq!(before.code, 3, "{}{}", before.stdout, before.stderr);
    assert!(before.stdout.contains("--acknowledge") && before.stdout.contains(&ids[0]), "{}", before.stdout);
    let filter = RecordFilter { state: Some(State::Missed.name().to_owned()), ..RecordFilter::default() };
    let key = estate.ledger().list(&filter, None, 10).await.unwrap().records.remove(0).key;
    let resolve = ["ledger", "resolve", &key, "--acknowledge", "--reason", "was deleted on purpose"];
    let resolved = command_line::run(&resolve, &environment, None).await;
    assert_eq!(resolved.code, 0, "{}", resolved.stderr);
    let after = command_line::run(&["report"], &environment, None).await;
    assert_eq!(after.code, 0, "{}{}", after.stdout, after.stderr);
    let swept = estate.sweep(&context).await["swept"][0].clone();
    assert_eq!(swept["counts"]["missed"], json!(0), "{swept}");
    assert_eq!(told(&estate.receipts().await, "missed"), 1);
}

/// A listing may be hours old when the sweep goes on with it.
#[tokio::test]
async fn a_copy_that_arrives_while_a_sweep_waits_is_not_lost() {
    let estate = estate().await;
    let mut two = rule("late", json!({}));
    two["destinations"] = json!([{ "region": FAR }, { "region": "ap-beijing" }]);
    let policy = policy(&[two]);
    let ids = make(&estate, "late", 1).await;
    let context = estate.context(&policy);
    let down =
        json!([{ "action": "DescribeSnapshots", "match": { "region": "ap-beijing" }, "kind": "http_500_before" }]);
    fault(&estate, down).await;
    let answer = handle(&context, &json!({ "action": "sweep" }), &estate.invocation(600)).await.unwrap();
    let (seen, counts) = (&answer["swept"][0]["not_seen"], &answer["swept"][0]["counts"]);
    assert!(seen["ap-beijing"].as_str().unwrap().contains("InternalError"), "{answer}");
    assert_eq!(
        (&counts["in_progress"], &counts["unknown"]),
        (&json!(1), &json!(1)),
        "the other one gets its copy: {answer}"
    );
    fault(&estate, json!([])).await;
    handle(&context, &policy.rules[0].command_of(&ids[0]).to_json(), &estate.invocation(60)).await.unwrap();
    pass(&estate, 1, 5).await;
    observe(&estate, &context).await;
    let swept = estate.sweep(&context).await["swept"][0].clone();
    assert_eq!((&swept["counts"]["lost"], &swept["counts"]["replicated"]), (&json!(0), &json!(2)), "{swept}");
}
