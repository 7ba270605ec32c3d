//! Events that only name a backup or a vault: read, judged by the policy, and started once.

use std::sync::Arc;
use std::time::Duration;

use offsite_shared::handler::handle;
use offsite_shared::io::memory::FixedPolicy;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::Error;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::triggers::hint::HintTarget;
use offsite_shared::triggers::{self, Item};
use serde_json::{Value, json};

use crate::events::{sample, samples};
use crate::faults::ports::Process;
use crate::faults::world::{Clouds, Home, Store, Weakness, batch, http};
use crate::schemas::{assert_fits, validator};

const PROJECT: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const THERE: &str = "68589cac08274b82b4e254268a3862d8";
const VAULT: &str = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
const OTHER_VAULT: &str = "3b5816b5-f29c-4172-9d9a-76c719a659cf";
const TARGET: &str = "0ca3b1d2-0000-4000-8000-000000000001";
const BACKUP: &str = "b1c2d3e4-0001-4a00-8a00-000000000001";
const ITEM: &str = "c4dfa74c-7e60-4361-86b9-9a3250115ed6";

/// Clouds in which only that exists which was put there, a store, and a policy.
struct World {
    clouds: Clouds,
    store: Store,
    policy: Option<Arc<Policy>>,
}

impl World {
    async fn new(rules: Value) -> World {
        let switches = json!({ "copy_duration_s": 0, "any_source": false });
        let clouds = Clouds::start(&http(), 21, &switches, Weakness::default()).await;
        World { clouds, store: Store::open(Home::Sqlite).await, policy: Some(policy(rules)) }
    }

    async fn seed(&self, cloud: Cloud, inventory: &Value) {
        self.clouds.admin(cloud, "seed", inventory).await;
    }

    async fn snapshot(&self, more: Value) {
        let mut snapshot = json!({ "snapshot_id": "snap-hint0001", "region": "ap-guangzhou", "name": "web-1" });
        for (name, value) in more.as_object().unwrap() {
            snapshot[name] = value.clone();
        }
        self.seed(Cloud::Tencent, &json!({ "snapshots": [snapshot] })).await;
    }

    /// Two vaults with a backup in the first, and a checkpoint item.
    async fn huawei(&self, backup: Value) {
        let vault =
            |id: &str, project: &str, kind: &str| json!({ "id": id, "project_id": project, "protect_type": kind });
        let mut one = json!({ "id": BACKUP, "project_id": PROJECT, "vault_id": VAULT, "name": "daily-1" });
        for (name, value) in backup.as_object().unwrap() {
            one[name] = value.clone();
        }
        let inventory = json!({
            "projects": [{ "id": PROJECT, "region": "cn-north-4" }, { "id": THERE, "region": "cn-east-3" }],
            "vaults": [
                vault(VAULT, PROJECT, "backup"), vault(OTHER_VAULT, PROJECT, "backup"), vault(TARGET, THERE, "replication"),
            ],
            "backups": [one],
            "checkpoint_items": [{ "id": ITEM, "project_id": PROJECT }],
        });
        self.seed(Cloud::Huawei, &inventory).await;
    }

    async fn ask(&self, payload: &Value) -> Result<Value, Error> {
        let process = Process::new(None, &self.clouds.clock);
        let mut context = self.clouds.context(&self.store.ledger, &self.store.emitter, &process);
        context.ports.policies = Arc::new(FixedPolicy(self.policy.clone()));
        let answer = handle(&context, payload, &self.clouds.invocation()).await;
        answer.inspect(|answer| assert_fits(&validator("answer"), answer))
    }

    /// The states of a direct call's results.
    async fn states(&self, payload: &Value) -> Vec<String> {
        let answer = self.ask(payload).await.unwrap();
        let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
        results.iter().map(|result| result["state"].as_str().unwrap().to_owned()).collect()
    }

    /// The only result, which says why nothing was started.
    async fn noted(&self, payload: &Value) -> (String, String) {
        let answer = self.ask(payload).await.unwrap();
        let [result] = answer["results"].as_array().unwrap().as_slice() else { panic!("{answer}") };
        let text = |name: &str| result[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (text("state"), text("reason"))
    }

    /// Which records of a batch are handed back.
    async fn handed_back(&self, bodies: &[Value]) -> Vec<String> {
        let answer = self.ask(&batch(bodies)).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    fn count(&self) -> u64 {
        self.clouds.count()
    }

    async fn pass(&self, seconds: u64) {
        self.clouds.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

fn policy(rules: Value) -> Arc<Policy> {
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap())
}

fn tencent_rule(name: &str, source: Value, regions: &[&str]) -> Value {
    let mut rule = json!({ "name": name, "provider": "tencent", "source": { "region": "ap-guangzhou" } });
    for (field, value) in source.as_object().unwrap() {
        rule["source"][field] = value.clone();
    }
    rule["destinations"] = regions.iter().map(|region| json!({ "region": region })).collect();
    rule
}

fn huawei_rule(name: &str, operation: &str, vault: Option<&str>) -> Value {
    let mut destination = json!({ "region": "cn-east-3", "project_id": THERE, "vault_id": TARGET });
    if operation == "copy-checkpoint-item" {
        destination.as_object_mut().unwrap().remove("vault_id");
    }
    let mut rule = json!({
        "name": name, "provider": "huawei", "operation": operation,
        "source": { "region": "cn-north-4", "project_id": PROJECT }, "destinations": [destination],
    });
    if let Some(vault) = vault {
        rule["source"]["vault_id"] = json!(vault);
    }
    rule
}

fn snapshot_hint() -> Value {
    json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": "snap-hint0001" })
}

fn huawei_hint(name: &str, id: &str) -> Value {
    json!({ "provider": "huawei", "region": "cn-north-4", "project_id": PROJECT, name: id })
}

/// Every sample that holds no command, and what it comes to.
#[test]
fn every_sample_of_a_hint_is_read_as_one() {
    let snapshot = || HintTarget::Backup("snap-hint0001".into());
    let expected: Vec<(&str, Vec<Option<HintTarget>>)> = vec![
        ("alibaba/hint-vault-cloudevent.json", vec![Some(HintTarget::Vault("v-0003rf9m17pap3ltpqx5".into()))]),
        ("huawei/hint-eventbridge.json", vec![Some(HintTarget::Backup(BACKUP.into()))]),
        ("huawei/hint-eventgrid.json", vec![Some(HintTarget::Backup(BACKUP.into()))]),
        ("huawei/hint-item.json", vec![Some(HintTarget::CheckpointItem(ITEM.into()))]),
        ("huawei/hint-smn-sqs.json", vec![Some(HintTarget::Resource(BACKUP.into())), None]),
        ("huawei/hint-vault.json", vec![Some(HintTarget::Vault(VAULT.into()))]),
        ("tencent/hint-cloudaudit-copy.json", vec![None]),
        ("tencent/hint-cloudaudit-failed.json", vec![None]),
        ("tencent/hint-cloudaudit.json", vec![Some(snapshot())]),
        ("tencent/hint-scf-batch.json", vec![Some(snapshot()), None]),
        ("tencent/hint.json", vec![Some(snapshot())]),
    ];
    let names: Vec<String> =
        samples().into_iter().map(|(name, _)| name).filter(|name| name.contains("/hint")).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    for (name, wanted) in expected {
        let items = triggers::read(&sample(name)).unwrap().records.into_iter().flat_map(|record| record.items);
        let found: Vec<Option<HintTarget>> = items
            .map(|item| match item.unwrap() {
                Item::Hint(hint) => Some(hint.what),
                Item::Ignored(_) => None,
                other => panic!("{name}: {other:?}"),
            })
            .collect();
        assert_eq!(found, wanted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_backup_is_copied_by_each_rule_that_covers_it_once() {
    let world = World::new(json!([
        tencent_rule("web", json!({ "select": { "name_prefix": "web-" } }), &["ap-beijing", "ap-singapore"]),
        tencent_rule("all", json!({}), &["ap-singapore", "ap-tokyo"]),
        tencent_rule("database", json!({ "select": { "name_prefix": "db-" } }), &["ap-mumbai"]),
    ]))
    .await;
    world.snapshot(json!({})).await;
    let answer = world.ask(&sample("tencent/hint-cloudaudit.json")).await.unwrap();
    let regions: Vec<&str> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["destination"]["region"].as_str().unwrap())
        .collect();
    assert_eq!(regions, ["ap-beijing", "ap-singapore", "ap-tokyo"], "{answer}");
    assert_eq!(world.count(), 3);
    let messages = world.store.messages().await;
    assert_eq!(messages.len(), 3);
    // The same in every envelope, and whoever says it: nothing more is started.
    let in_detail = json!({ "id": "e-2", "detail-type": "x", "source": "y", "detail": snapshot_hint() });
    for again in [snapshot_hint(), in_detail, sample("tencent/hint-scf-batch.json")] {
        let answer = world.ask(&again).await.unwrap();
        assert!(answer["results"][0]["replayed"] == json!(true), "{answer}");
        assert_eq!(world.handed_back(&[again]).await, Vec::<String>::new());
    }
    assert_eq!(world.count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_still_being_created_comes_again_and_is_no_failure() {
    let world = World::new(json!([tencent_rule("all", json!({}), &["ap-beijing"])])).await;
    // First not even listed: an event can be faster than the list.
    let early = world.ask(&snapshot_hint()).await.unwrap_err();
    assert_eq!(early.name.name(), "Offsite.Unavailable");
    assert!(early.message.contains("is not listed yet"), "{early}");
    assert_eq!(world.handed_back(&[snapshot_hint()]).await, ["0"]);

    world.snapshot(json!({ "creating_s": 600 })).await;
    let early = world.ask(&snapshot_hint()).await.unwrap_err();
    assert_eq!(early.name.name(), "Offsite.Unavailable");
    assert!(early.message.contains("still being created: not ready yet; it can be repeated"), "{early}");
    let ready = json!({ "snapshot_id": "snap-hint0002" });
    world.snapshot(ready.clone()).await;
    let mut other = snapshot_hint();
    other["snapshot_id"] = ready["snapshot_id"].clone();
    assert_eq!(world.handed_back(&[snapshot_hint(), other]).await, ["0"], "only the one that is not ready");
    assert_eq!(world.count(), 1);

    world.pass(900).await;
    assert_eq!(world.handed_back(&[snapshot_hint()]).await, Vec::<String>::new());
    assert_eq!(world.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_or_is_not_covered_is_told_and_done() {
    let world = World::new(json!([tencent_rule(
        "web",
        json!({ "select": { "name_prefix": "web-", "max_age": "7d" } }),
        &["ap-beijing"]
    ),]))
    .await;
    world.snapshot(json!({ "copy_from_remote": true })).await;
    let (state, reason) = world.noted(&snapshot_hint()).await;
    assert_eq!(state, "ineligible");
    assert!(reason.contains("is itself a copy"), "{reason}");

    world.snapshot(json!({ "snapshot_id": "snap-hint0003", "name": "db-1" })).await;
    let mut database = snapshot_hint();
    database["snapshot_id"] = json!("snap-hint0003");
    let (state, reason) = world.noted(&database).await;
    assert_eq!(state, "not_covered");
    assert!(reason.contains("no rule covers it (web: select.name_prefix"), "{reason}");

    let mut elsewhere = snapshot_hint();
    elsewhere["region"] = json!("ap-shanghai");
    let mut stranger = snapshot_hint();
    stranger["account"] = json!("somebody");
    for hint in [&elsewhere, &stranger] {
        assert_eq!(world.noted(hint).await.0, "not_covered");
    }
    for name in ["tencent/hint-cloudaudit-failed.json", "tencent/hint-cloudaudit-copy.json"] {
        assert_eq!(world.noted(&sample(name)).await.0, "ignored", "{name}");
    }
    let all = [snapshot_hint(), database, elsewhere, stranger, sample("tencent/hint-cloudaudit-failed.json")];
    assert_eq!(world.handed_back(&all).await, Vec::<String>::new());
    assert_eq!(world.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_policy_a_hint_says_what_is_needed() {
    let mut world = World::new(json!([tencent_rule("all", json!({}), &["ap-beijing"])])).await;
    world.policy = None;
    world.snapshot(json!({})).await;
    let error = world.ask(&snapshot_hint()).await.unwrap_err();
    assert_eq!(error.name.name(), "Offsite.InvalidCommand");
    assert!(error.message.contains("policy: is needed"), "{error}");
    assert_eq!(world.handed_back(&[snapshot_hint()]).await, ["0"]);
    // What is none of our business needs none.
    assert_eq!(world.noted(&sample("tencent/hint-cloudaudit-copy.json")).await.0, "ignored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huawei_backup_is_read_where_the_rules_say_it_may_lie() {
    let world = World::new(json!([
        huawei_rule("servers", "copy-backup", Some(VAULT)),
        huawei_rule("others", "copy-backup", Some(OTHER_VAULT)),
    ]))
    .await;
    world.huawei(json!({})).await;
    // A trace tells neither region nor project; the rules do.
    assert_eq!(world.states(&sample("huawei/hint-eventgrid.json")).await, ["accepted"]);
    assert_eq!(world.count(), 1);
    // An alarm's resource is the backup, or nothing that can be read.
    assert_eq!(world.ask(&sample("huawei/hint-smn-sqs.json")).await.unwrap(), json!({ "batchItemFailures": [] }));
    let mut unknown = sample("huawei/hint-smn-sqs.json");
    let body = unknown["Records"][0]["body"].as_str().unwrap().replace(BACKUP, "b1c2d3e4-0001-4a00-8a00-0000000000ff");
    assert_eq!(world.noted(&serde_json::from_str(&body).unwrap()).await.0, "left_to_sweep");
    unknown["Records"][0]["body"] = json!(body);
    assert_eq!(world.ask(&unknown).await.unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!(world.count(), 1);

    let mut wrong_project = huawei_hint("backup_id", BACKUP);
    wrong_project["project_id"] = json!(THERE);
    assert_eq!(world.noted(&wrong_project).await.0, "not_covered");
    world.huawei(json!({ "id": "b1c2d3e4-0001-4a00-8a00-000000000002", "status": "protecting" })).await;
    let unfinished = world.ask(&huawei_hint("backup_id", "b1c2d3e4-0001-4a00-8a00-000000000002")).await.unwrap_err();
    assert!(unfinished.message.contains("not ready yet"), "{unfinished}");
    world.huawei(json!({ "id": "b1c2d3e4-0001-4a00-8a00-000000000003", "contain_system_disk": false })).await;
    let (state, reason) = world.noted(&huawei_hint("backup_id", "b1c2d3e4-0001-4a00-8a00-000000000003")).await;
    assert_eq!(state, "ineligible");
    assert!(reason.contains("system disk"), "{reason}");
}

/// A hint that does not tell its region is looked for where the rules have their sources.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_without_a_region_is_looked_for_everywhere() {
    let mut north = huawei_rule("north", "copy-backup", None);
    north["source"] = json!({ "region": "cn-north-9", "project_id": "9229d7a45436489f8c3dc2b1d35d4987" });
    let world = World::new(json!([north, huawei_rule("servers", "copy-backup", None)])).await;
    world.huawei(json!({})).await;
    world
        .seed(
            Cloud::Huawei,
            &json!({ "projects": [{ "id": "9229d7a45436489f8c3dc2b1d35d4987", "region": "cn-north-9" }] }),
        )
        .await;
    let answer = world.ask(&sample("huawei/hint-eventgrid.json")).await.unwrap();
    assert_eq!(answer["results"][0]["source"]["region"], "cn-north-4", "{answer}");
    assert_eq!((answer["results"].as_array().unwrap().len(), world.count()), (1, 1));
    // Nowhere at all: perhaps not yet.
    let mut unknown = sample("huawei/hint-eventgrid.json");
    unknown["data"]["resource_id"] = json!("b1c2d3e4-0001-4a00-8a00-0000000000ff");
    let error = world.ask(&unknown).await.unwrap_err();
    assert!(error.message.contains("is not listed yet"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_item_is_a_matter_of_its_own_service() {
    let world = World::new(json!([
        huawei_rule("items", "copy-checkpoint-item", None),
        huawei_rule("servers", "copy-backup", None),
    ]))
    .await;
    world.huawei(json!({})).await;
    assert_eq!(world.states(&huawei_hint("checkpoint_item_id", ITEM)).await, ["accepted"]);
    let answer = world.ask(&huawei_hint("backup_id", BACKUP)).await.unwrap();
    assert_eq!(answer["results"][0]["operation"], "copy-backup", "{answer}");
    assert_eq!(answer["results"].as_array().unwrap().len(), 1);
    assert_eq!(world.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_is_copied_as_a_whole_or_left_to_the_sweep() {
    let mut world = World::new(json!([huawei_rule("servers", "copy-backup", Some(VAULT))])).await;
    world.huawei(json!({})).await;
    let (state, reason) = world.noted(&huawei_hint("vault_id", VAULT)).await;
    assert_eq!(state, "left_to_sweep");
    assert!(reason.contains("rule servers copies its backups one by one"), "{reason}");
    assert_eq!(world.noted(&huawei_hint("vault_id", OTHER_VAULT)).await.0, "not_covered");

    world.policy = Some(policy(json!([huawei_rule("whole", "copy-checkpoint", Some(VAULT))])));
    let error = world.ask(&huawei_hint("vault_id", VAULT)).await.unwrap_err();
    assert!(error.message.contains("occurrence: is missing"), "{error}");
    assert_eq!(world.noted(&huawei_hint("vault_id", OTHER_VAULT)).await.0, "not_covered");
    let firing = json!({ "specversion": "1.0", "id": "firing-1", "source": "/x", "type": "t", "data": huawei_hint("vault_id", VAULT) });
    let answer = world.ask(&firing).await.unwrap();
    assert_eq!(answer["results"][0]["operation"], "copy-checkpoint", "{answer}");
    assert_eq!(world.count(), 1);
    let answer = world.ask(&firing).await.unwrap();
    assert_eq!(answer["results"][0]["replayed"], json!(true), "{answer}");
    // A backup in the vault has the vault copied too, once for each backup or event.
    world.huawei(json!({ "id": "b1c2d3e4-0001-4a00-8a00-000000000002" })).await;
    let hint = huawei_hint("backup_id", "b1c2d3e4-0001-4a00-8a00-000000000002");
    let answer = world.ask(&hint).await.unwrap();
    assert_eq!(answer["results"][0]["operation"], "copy-checkpoint", "{answer}");
    assert_eq!(world.count(), 2);
    world.ask(&hint).await.unwrap();
    assert_eq!(world.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alibaba_vault_has_its_pair_set_up() {
    let vault = "v-0003rf9m17pap3ltpqx5";
    let mut world = World::new(json!([{
        "name": "files", "provider": "alibaba", "source": { "region": "cn-hangzhou", "vault_id": vault },
        "destinations": [{ "region": "cn-shanghai", "vault_id": "v-000cb54ptb9zq3k81m2e" }],
    }]))
    .await;
    world.clouds = Clouds::plain().await;
    let hint = sample("alibaba/hint-vault-cloudevent.json");
    assert_eq!(world.states(&hint).await, ["accepted"]);
    assert_eq!(world.handed_back(&[hint.clone(), hint]).await, Vec::<String>::new());
    assert_eq!(world.count(), 1);
    let other = json!({ "provider": "alibaba", "region": "cn-hangzhou", "vault_id": "v-other0000000000000" });
    assert_eq!(world.noted(&other).await.0, "not_covered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_fails_is_repeated_and_a_wrong_key_is_used_once() {
    let world = World::new(json!([tencent_rule("all", json!({}), &["ap-beijing"])])).await;
    world.snapshot(json!({})).await;
    let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "html_503", "times": null }] });
    world.clouds.admin(Cloud::Tencent, "faults", &fault).await;
    let error = world.ask(&snapshot_hint()).await.unwrap_err();
    assert_eq!(error.name.name(), "Offsite.Unavailable", "{error}");
    assert!(error.message.contains("could not be read"), "{error}");
    assert_eq!(world.handed_back(&[snapshot_hint()]).await, ["0"]);
    let fault = json!({ "clear": true, "faults": [
        { "action": "DescribeSnapshots", "kind": "code", "code": "AuthFailure.SignatureFailure", "times": null },
    ] });
    world.clouds.admin(Cloud::Tencent, "faults", &fault).await;
    let calls = || world.clouds.simulators.state()["calls"]["tencent"]["DescribeSnapshots"].as_u64().unwrap();
    let hints = vec![snapshot_hint(); 10];
    let before = calls();
    for _ in 0..2 {
        assert_eq!(world.handed_back(&hints).await.len(), 10);
        assert_eq!(calls() - before, 1, "one wrong signature for 20 hints; then the credential is paused");
    }
    assert_eq!(world.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_hints_are_complaints() {
    let world = World::new(json!([tencent_rule("all", json!({}), &["ap-beijing"])])).await;
    let huge = "A".repeat(1024 * 1024);
    let with = |name: &str, value: Value| {
        let mut hint = snapshot_hint();
        hint[name] = value;
        hint
    };
    for (hint, field) in [
        (with("snapshot_id", json!(huge)), "snapshot_id"),
        (with("snapshot_id", json!("snap-1\r\nX: y")), "snapshot_id"),
        (with("snapshot_id", json!({})), "snapshot_id"),
        (with("region", json!("ap-guangzhou.evil.example/")), "region"),
        (with("region", json!(huge)), "region"),
        (with("account", json!(7)), "account"),
        (with(&huge, json!(1)), "AAAA"),
        (json!({ "provider": huge, "region": "x" }), "provider"),
    ] {
        let error = world.ask(&hint).await.unwrap_err();
        assert_eq!(error.name.name(), "Offsite.InvalidCommand", "{error}");
        assert!(error.message.contains(field), "{error}");
        assert!(error.message.len() < 2_000 && !error.message.contains(char::is_control));
        assert_eq!(world.handed_back(&[hint, with("region", json!("ap-nowhere"))]).await, ["0"]);
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut nested = sample("tencent/hint-cloudaudit.json");
    nested["data"] = json!(deep);
    assert!(world.ask(&nested).await.unwrap_err().message.contains("data: must be an object"));
    let mut inside = sample("tencent/hint-cloudaudit.json");
    inside["data"]["responseElements"] = json!(deep);
    assert!(world.ask(&inside).await.is_err(), "the snapshot named beside it is asked for, and is not there");
    let mut bomb = snapshot_hint();
    for _ in 0..20 {
        bomb = json!({ "EventList": [bomb] });
    }
    assert!(world.ask(&bomb).await.unwrap_err().message.contains("too many envelopes"));
    assert_eq!(world.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_or_an_observation_may_come_in_any_envelope() {
    let world = World::new(json!([tencent_rule("web-disks", json!({}), &["ap-beijing"])])).await;
    world.snapshot(json!({})).await;
    let swept = world.ask(&sample("tencent/sweep-eventbridge.json")).await.unwrap();
    assert_eq!(swept["swept"][0]["rule"], "web-disks", "{swept}");
    assert_eq!(world.count(), 1);
    world.snapshot(json!({ "snapshot_id": "snap-hint0002" })).await;
    let sweep = json!({ "action": "sweep", "rule": "web-disks" });
    let notification = json!({ "Type": "Notification", "MessageId": "n-1", "Message": sweep.to_string() });
    let bodies = [sweep, json!({ "action": "observe" }), notification, sample("tencent/sweep-eventbridge.json")];
    assert_eq!(world.handed_back(&bodies).await, Vec::<String>::new());
    assert_eq!(world.count(), 2);
    // One that fails is handed back, and takes nothing else with it.
    let unknown = json!({ "action": "sweep", "rule": "none-such" });
    assert_eq!(world.handed_back(&[snapshot_hint(), unknown]).await, ["1"]);
    let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "html_503", "times": null }] });
    world.clouds.admin(Cloud::Tencent, "faults", &fault).await;
    assert_eq!(world.handed_back(&bodies[..1]).await, ["0"], "the sweep of its rule failed");
}
