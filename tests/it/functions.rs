//! The three real binaries as processes: under an emulated Runtime API, against simulated clouds, SQS and DynamoDB.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use offsite_local::aws::faults::Fault;
use offsite_local::cmd::stage::post;
use offsite_local::fleet::Fleet;
use offsite_local::fleet::build::{Binaries, Profile, build};
use offsite_local::fleet::functions::{FunctionOptions, FunctionProcess};
use offsite_local::fleet::runtime_api::InvokeError;
use offsite_local::home::queue::Queue;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::{EmitError, ErrorName};
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Transport};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::context::ports;
use crate::events::sample;

/// Time for one invocation when time is not what is tested.
pub const LONG: Duration = Duration::from_secs(30);

/// Built once for all tests of this process.
pub fn binaries() -> Binaries {
    static BUILT: OnceLock<Binaries> = OnceLock::new();
    BUILT.get_or_init(|| build(Profile::Debug).unwrap()).clone()
}

/// Everything a function talks to, on a file of its own.
pub struct Bench {
    pub fleet: Fleet,
    _folder: TempDir,
}

impl Bench {
    pub async fn start(extra: &[(&str, &str)]) -> Bench {
        Bench::with(SimOptions { any_source: true, ..SimOptions::default() }, extra).await
    }

    pub async fn with(options: SimOptions, extra: &[(&str, &str)]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut variables = vec![
            ("OFFSITE_BACKOFF_MS", "30"),
            ("OFFSITE_SECOND_LOOK_MS", "30"),
            ("OFFSITE_LEASE_MARGIN_MS", "100"),
            ("OFFSITE_ALLOWED_DESTINATIONS", "*:*"),
        ];
        variables.extend(extra);
        let fleet = Fleet::start(binaries(), &folder.path().join("bench.db"), options, &variables).await.unwrap();
        Bench { fleet, _folder: folder }
    }

    pub async fn function(&self, cloud: Cloud) -> FunctionProcess {
        self.fleet.function(cloud).await.unwrap()
    }

    pub async fn fault(&self, cloud: Cloud, fault: Value) {
        post(&self.base(cloud), "/_sim/faults", json!({ "faults": [fault] })).await.unwrap();
    }

    pub async fn clear_faults(&self, cloud: Cloud) {
        post(&self.base(cloud), "/_sim/faults", json!({ "faults": [], "clear": true })).await.unwrap();
    }

    fn base(&self, cloud: Cloud) -> String {
        match cloud {
            Cloud::Alibaba => self.fleet.simulators.alibaba(),
            Cloud::Huawei => self.fleet.simulators.huawei(),
            Cloud::Tencent => self.fleet.simulators.tencent(),
        }
    }

    /// Source × destination region → ID and how often that copy was made.
    pub fn copies(&self) -> BTreeMap<(String, String), (String, u64)> {
        let state = self.fleet.simulators.state();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let rows = state["replications"].as_array().unwrap();
        rows.iter()
            .map(|row| {
                ((text(row, "source"), text(row, "destination")), (text(row, "id"), row["created"].as_u64().unwrap()))
            })
            .collect()
    }

    /// How often an action was called.
    pub fn calls(&self, cloud: Cloud, action: &str) -> u64 {
        self.fleet.simulators.state()["calls"][cloud.name()][action].as_u64().unwrap_or(0)
    }

    /// The replication IDs on the queue, sorted; doubles show.
    pub async fn queued_ids(&self) -> Vec<String> {
        let messages = self.fleet.messages().await.unwrap();
        let mut ids: Vec<String> = messages
            .iter()
            .filter(|message| message["data"]["state"] != "refused")
            .map(|message| message["data"]["replication_id"].as_str().unwrap_or("null").to_owned())
            .collect();
        ids.sort();
        ids
    }

    /// The IDs the clouds gave, sorted, each asserted to be of a copy that was made once.
    pub fn made_ids(&self) -> Vec<String> {
        let copies = self.copies();
        for (copy, (_, created)) in &copies {
            assert_eq!(*created, 1, "{copy:?} was made {created} times");
        }
        let mut ids: Vec<String> = copies.into_values().map(|(id, _)| id).collect();
        ids.sort();
        ids
    }
}

/// How long a process took is measured in the machine's time.
#[allow(clippy::disallowed_methods)]
fn stopwatch() -> Instant {
    Instant::now()
}

/// A Tencent command of one snapshot to some regions.
pub fn copy(snapshot: &str, regions: &[&str]) -> Value {
    let destinations: Vec<Value> = regions.iter().map(|region| json!({ "region": region })).collect();
    json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": snapshot }, "destinations": destinations,
    })
}

/// An SQS event of these bodies; the message IDs are `m-0`, `m-1`, ….
pub fn batch(bodies: &[Value]) -> Value {
    let record = |(index, body): (usize, &Value)| {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({ "messageId": format!("m-{index}"), "receiptHandle": "h", "body": body, "attributes": {}, "messageAttributes": {},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:work", "awsRegion": "us-east-1" })
    };
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn handed_back(answer: &Value) -> Vec<String> {
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

/// The fixed name and the message of a refused direct call.
#[track_caller]
fn refused(answer: Result<Value, InvokeError>) -> (String, String) {
    match answer {
        Err(InvokeError::Function { error_type, error_message }) => {
            assert!(!error_message.contains('\n') && !error_message.contains("::"), "{error_message}");
            (error_type, error_message)
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn each_operation_from_its_trigger_to_the_queue_and_once_again() {
    let bench = Bench::start(&[]).await;
    let triggers = [
        (Cloud::Alibaba, "alibaba/scheduler-input.json", 1),
        (Cloud::Huawei, "huawei/copy-backup-eventbridge.json", 1),
        (Cloud::Huawei, "huawei/copy-checkpoint-eventbridge.json", 3),
        (Cloud::Huawei, "huawei/copy-checkpoint-item-sns.json", 1),
        (Cloud::Tencent, "tencent/command.json", 2),
    ];
    let mut functions = HashMap::new();
    for cloud in Cloud::ALL {
        functions.insert(cloud, bench.function(cloud).await);
    }
    let mut told = BTreeSet::new();
    for (cloud, event, copies) in triggers {
        let answer =
            functions[&cloud].invoke(sample(event), LONG).await.unwrap_or_else(|error| panic!("{event}: {error}"));
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), copies, "{event}: {answer}");
        for result in results {
            assert_eq!(result["state"], "accepted", "{event}");
            assert_eq!(result["adopted"], false, "{event}");
            assert_eq!(result["attempt"], 1, "{event}");
            assert_eq!(result["queued"], true, "{event}");
            assert_eq!(result["provider"], cloud.name(), "{event}");
            assert!(result["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{event}");
            assert!(told.insert(result["replication_id"].as_str().unwrap().to_owned()), "{event}: an ID twice");
        }
    }
    let told: Vec<String> = told.into_iter().collect();
    assert_eq!(bench.made_ids(), told);
    assert_eq!(bench.queued_ids().await, told);
    // The same events again, as every queue may deliver them: the same IDs, no copy, no message.
    let before = bench.fleet.messages().await.unwrap();
    for (cloud, event, copies) in triggers {
        let answer = functions[&cloud].invoke(sample(event), LONG).await.unwrap();
        let results = answer["results"].as_array().unwrap();
        // The record of a vault-wide call has the number of its copies alone: each has a record of its own.
        let is_vaults = results[0].get("copies").is_some();
        assert_eq!(is_vaults, event.contains("copy-checkpoint-eventbridge"), "{event}: {answer}");
        assert_eq!(results.len(), if is_vaults { 1 } else { copies }, "{event}");
        for result in results {
            assert_eq!((&result["state"], &result["replayed"]), (&json!("accepted"), &json!(true)), "{event}");
            if is_vaults {
                assert_eq!(result["copies"], json!(copies), "{event}");
                continue;
            }
            assert!(told.contains(&result["replication_id"].as_str().unwrap().to_owned()), "{event}");
        }
    }
    assert_eq!(bench.made_ids(), told);
    assert_eq!(bench.fleet.messages().await.unwrap(), before);
    let ids: BTreeSet<&str> = before.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), before.len(), "event IDs are unique");
}

#[tokio::test]
async fn one_bad_record_of_a_batch_fails_alone() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Tencent).await;
    let answer = function.invoke(sample("tencent/sqs-batch-one-bad.json"), LONG).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "19dd0b57-b21e-4ac1-bd88-01bbb068cb01" }] }));
    assert_eq!(bench.queued_ids().await, bench.made_ids());
    assert_eq!(bench.copies().len(), 2);
    let log = function.output().join("\n");
    assert!(log.contains("event 19dd0b57-b21e-4ac1-bd88-01bbb068cb01: source.snapshot_id: is missing"), "{log}");
    // Any kind of bad record, in any place, among good ones.
    let bad = [
        json!("not JSON"),
        json!("[[[[".repeat(200)),
        json!(7),
        json!([]),
        json!({}),
        json!({ "action": "replicate" }),
        copy("snap-bad00001", &["ap-guangzhou"]),
        copy("snap-\u{0}", &["ap-beijing"]),
        copy(&"snap-x".repeat(100_000), &["ap-beijing"]),
        json!({ "action": "replicate", "provider": "alibaba", "operation": "create-vault-replication",
            "source": { "region": "cn-hangzhou", "vault_id": "v-1" }, "destinations": [{ "region": "cn-shanghai", "vault_id": "v-2" }] }),
    ];
    let mut bodies = Vec::new();
    for (index, bad) in bad.into_iter().enumerate() {
        bodies.push(bad);
        bodies.push(copy(&format!("snap-good{index:04}"), &["ap-beijing"]));
    }
    let answer = function.invoke(batch(&bodies), LONG).await.unwrap();
    let wanted: Vec<String> = (0..bodies.len()).step_by(2).map(|index| format!("m-{index}")).collect();
    assert_eq!(handed_back(&answer), wanted);
    assert_eq!(bench.copies().len(), 12);
    assert_eq!(bench.queued_ids().await, bench.made_ids());
}

#[tokio::test]
async fn each_failure_has_its_fixed_name() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Tencent).await;
    let start = "CopySnapshotCrossRegions";
    let of = |snapshot: &str, kind: &str| json!({ "action": start, "match": { "source": snapshot }, "kind": kind });

    bench.fault(Cloud::Tencent, of("snap-thr00001", "throttle")).await;
    let began = stopwatch();
    let (name, message) =
        refused(function.invoke(copy("snap-thr00001", &["ap-beijing"]), Duration::from_secs(4)).await);
    assert_eq!(name, "Offsite.Throttled", "{message}");
    assert!(
        message.contains("snap-thr00001")
            && message.contains("RequestLimitExceeded")
            && message.contains("certainly not applied"),
        "{message}"
    );
    assert!(began.elapsed() < Duration::from_secs(4));
    assert!(bench.calls(Cloud::Tencent, start) > 1, "a throttle is tried again");

    bench.fault(Cloud::Tencent, of("snap-dbt00001", "http_500_before")).await;
    let (name, message) = refused(function.invoke(copy("snap-dbt00001", &["ap-beijing"]), LONG).await);
    assert_eq!(name, "Offsite.InDoubt", "{message}");
    assert!(message.contains("nothing is repeated blindly"), "{message}");
    let before = bench.calls(Cloud::Tencent, start);
    let (name, _) = refused(function.invoke(copy("snap-dbt00001", &["ap-beijing"]), LONG).await);
    assert_eq!(
        (name.as_str(), bench.calls(Cloud::Tencent, start)),
        ("Offsite.InDoubt", before),
        "it reads back and calls no more"
    );

    let mut quota = of("snap-quo00001", "code");
    quota["code"] = json!("InsufficientSnapshotQuota");
    bench.fault(Cloud::Tencent, quota).await;
    let (name, message) = refused(function.invoke(copy("snap-quo00001", &["ap-beijing"]), LONG).await);
    assert_eq!(name, "Offsite.Rejected");
    assert!(message.contains("InsufficientSnapshotQuota") && message.contains("raise the snapshot quota"), "{message}");

    let mut elsewhere = copy("snap-ok000001", &["ap-beijing"]);
    elsewhere["account"] = json!("prod");
    let (name, message) = refused(function.invoke(elsewhere, LONG).await);
    assert_eq!(name, "Offsite.Configuration");
    assert!(message.contains("account \"prod\" of tencent has no credential"), "{message}");

    for (event, part) in [
        (copy("snap-ok000001", &["ap-guangzhou"]), "destinations[0].region: ap-guangzhou is the source's own region"),
        (
            sample("huawei/copy-backup.json"),
            "provider: this function serves tencent; send huawei commands to offsite-huawei",
        ),
        (sample("tencent/scheduler-bare.json"), "event 53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa: detail: is empty"),
        (json!({}), "event: is neither a command"),
        (Value::Null, "event: must be a command or an event that holds one, not null"),
        (nested(1_000), "event: is nested too deeply"),
    ] {
        let (name, message) = refused(function.invoke(event, LONG).await);
        assert_eq!(name, "Offsite.InvalidCommand", "{message}");
        assert!(message.starts_with("event ") && message.contains(part), "{message}");
    }

    // What a person reads of one in several: the one that may have been applied comes first.
    let (name, message) = refused(
        function
            .invoke(json!([copy("snap-quo00001", &["ap-beijing"]), copy("snap-dbt00001", &["ap-beijing"])]), LONG)
            .await,
    );
    assert_eq!(name, "Offsite.InDoubt");
    assert!(message.contains("not accepted either: to ap-beijing: InsufficientSnapshotQuota"), "{message}");
    // Something accepted: no error, each result told.
    let answer = function
        .invoke(json!([copy("snap-quo00001", &["ap-beijing"]), copy("snap-ok000001", &["ap-beijing"])]), LONG)
        .await
        .unwrap();
    let states: Vec<&Value> = answer["results"].as_array().unwrap().iter().map(|result| &result["state"]).collect();
    assert_eq!(states, ["refused", "accepted"]);
    assert_eq!(answer["results"][0]["error"]["name"], "Offsite.Rejected");
    assert_eq!(answer["results"][0]["error"]["code"], "InsufficientSnapshotQuota");
    assert_eq!(bench.copies().len(), 1);
    assert_eq!(bench.queued_ids().await, bench.made_ids());
    assert!(function.is_running());
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[tokio::test]
async fn one_region_of_several_can_fail_and_the_others_keep_their_ids() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Tencent).await;
    let fault = json!({ "action": "CopySnapshotCrossRegions", "match": { "region": "ap-tokyo" }, "kind": "partial", "code": "InsufficientSnapshotQuota" });
    bench.fault(Cloud::Tencent, fault).await;
    let answer =
        function.invoke(copy("snap-multi001", &["ap-beijing", "ap-tokyo", "ap-singapore"]), LONG).await.unwrap();
    let told: Vec<(&Value, &Value)> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (&result["destination"]["region"], &result["state"]))
        .collect();
    let (accepted, refused) = (json!("accepted"), json!("refused"));
    assert_eq!(
        told,
        [(&json!("ap-beijing"), &accepted), (&json!("ap-tokyo"), &refused), (&json!("ap-singapore"), &accepted)]
    );
    assert_eq!(answer["results"][1]["error"]["code"], "InsufficientSnapshotQuota");
    assert_eq!(bench.queued_ids().await, bench.made_ids());
    assert_eq!(bench.copies().len(), 2);
}

#[tokio::test]
async fn failures_that_come_with_http_200_or_leave_no_answer() {
    let bench = Bench::start(&[("OFFSITE_TIMEOUT_MS", "400")]).await;
    let alibaba = bench.function(Cloud::Alibaba).await;
    bench
        .fault(
            Cloud::Alibaba,
            json!({ "action": "CreateVaultReplication", "kind": "success_false", "code": "VaultNotExist", "times": 1 }),
        )
        .await;
    let (name, message) = refused(alibaba.invoke(sample("alibaba/command.json"), LONG).await);
    assert_eq!(name, "Offsite.Rejected", "{message}");
    assert!(message.contains("VaultNotExist"), "{message}");
    assert_eq!(bench.copies().len(), 0);

    // Applied, but the answer is lost or spoilt: found again, adopted, told once.
    let tencent = bench.function(Cloud::Tencent).await;
    let huawei = bench.function(Cloud::Huawei).await;
    let spoilt = ["timeout_after", "reset_after", "http_500_after", "garbage_200_after", "empty_200_after"];
    for (index, kind) in spoilt.iter().enumerate() {
        let snapshot = format!("snap-lost000{index}");
        bench
            .fault(
                Cloud::Tencent,
                json!({ "action": "CopySnapshotCrossRegions", "match": { "source": snapshot }, "kind": kind }),
            )
            .await;
        let answer = tencent.invoke(copy(&snapshot, &["ap-beijing"]), LONG).await.unwrap();
        let result = &answer["results"][0];
        assert_eq!((&result["state"], &result["adopted"]), (&json!("accepted"), &json!(true)), "{kind}: {answer}");
    }
    bench.fault(Cloud::Huawei, json!({ "action": "CopyBackup", "kind": "reset_after", "times": 1 })).await;
    let answer = huawei.invoke(sample("huawei/copy-backup.json"), LONG).await.unwrap();
    assert_eq!(answer["results"][0]["adopted"], true, "{answer}");
    // Broken before it was applied: in doubt, and a later delivery starts it no second time while the provider shows nothing.
    bench.fault(Cloud::Tencent, json!({ "action": "CopySnapshotCrossRegions", "match": { "source": "snap-never001" }, "kind": "reset_before", "times": 1 })).await;
    for _ in 0..2 {
        let (name, message) = refused(tencent.invoke(copy("snap-never001", &["ap-beijing"]), LONG).await);
        assert_eq!(name, "Offsite.InDoubt", "{message}");
    }
    assert_eq!(bench.copies().len(), spoilt.len() + 1);
    assert_eq!(bench.queued_ids().await, bench.made_ids());
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_named_with_the_reason() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let endpoint = format!("http://{closed}");
    let bench = Bench::start(&[
        ("OFFSITE_TENCENT_ENDPOINT", &endpoint),
        ("OFFSITE_HUAWEI_CBR_ENDPOINT", "https://cbr.{region}.offsite.invalid"),
    ])
    .await;
    let tencent = bench.function(Cloud::Tencent).await;
    let (name, message) = refused(tencent.invoke(copy("snap-ok000001", &["ap-beijing"]), Duration::from_secs(5)).await);
    assert_eq!(name, "Offsite.Unavailable");
    assert!(
        message.contains(&format!("{closed} cannot be reached")) && message.to_lowercase().contains("refused"),
        "{message}"
    );
    assert!(message.contains("check the network, the proxy and the endpoint setting"), "{message}");
    let huawei = bench.function(Cloud::Huawei).await;
    let (name, message) = refused(huawei.invoke(sample("huawei/copy-backup.json"), Duration::from_secs(5)).await);
    assert_eq!(name, "Offsite.Unavailable");
    assert!(message.contains("cbr.cn-north-4.offsite.invalid cannot be reached: "), "{message}");
    let answer =
        tencent.invoke(batch(&[copy("snap-ok000001", &["ap-beijing"])]), Duration::from_secs(5)).await.unwrap();
    assert_eq!(handed_back(&answer), ["m-0"]);
}

#[tokio::test]
async fn a_refused_credential_is_tried_once_and_then_left_alone() {
    let bench =
        Bench::start(&[("TENCENTCLOUD_SECRET_KEY", "a-wrong-secret"), ("HUAWEICLOUD_SDK_SK", "a-wrong-secret")]).await;
    for (cloud, event) in
        [(Cloud::Tencent, copy("snap-ok000001", &["ap-beijing"])), (Cloud::Huawei, sample("huawei/copy-backup.json"))]
    {
        let function = bench.function(cloud).await;
        let (name, message) = refused(function.invoke(event.clone(), LONG).await);
        assert_eq!(name, "Offsite.Rejected", "{message}");
        let before = bench.calls(cloud, "(refused before dispatch)");
        assert_eq!(before, 1, "{cloud:?}: five wrong signatures lock a key");
        let (name, message) = refused(function.invoke(event.clone(), LONG).await);
        assert_eq!(name, "Offsite.Rejected");
        assert!(
            message.contains("is paused until")
                && message.contains("a corrected credential is used within half a minute"),
            "{message}"
        );
        // Another process, too: the pause is in the ledger.
        let other = bench.function(cloud).await;
        let (_, message) = refused(other.invoke(event, LONG).await);
        assert!(message.contains("is paused until"), "{message}");
        assert_eq!(bench.calls(cloud, "(refused before dispatch)"), before);
    }
    assert_eq!(bench.copies().len(), 0);
}

#[tokio::test]
async fn a_missing_or_wrong_setting_fails_at_the_start_and_is_named() {
    let binaries = binaries();
    let good = |cloud: Cloud| -> BTreeMap<&str, &str> {
        let mut good = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", "AKIALOCAL"),
            ("AWS_SECRET_ACCESS_KEY", "nothing"),
            ("AWS_REGION", "us-east-1"),
            ("QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/receipts"),
        ]);
        good.extend(match cloud {
            Cloud::Alibaba => {
                [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIEXAMPLE"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")]
            }
            Cloud::Huawei => [("HUAWEICLOUD_SDK_AK", "HUAWEIEXAMPLE"), ("HUAWEICLOUD_SDK_SK", "secret")],
            Cloud::Tencent => [("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE"), ("TENCENTCLOUD_SECRET_KEY", "secret")],
        });
        good
    };
    use Cloud::{Alibaba, Huawei, Tencent};
    // Set to an empty text: absent.
    let cases = [
        (Tencent, "QUEUE_URL", "", "is missing"),
        (Tencent, "QUEUE_URL", "receipts", "must be a URL"),
        (Tencent, "QUEUE_URL", "http://sqs.us-east-1.amazonaws.com/1/q", "must be https"),
        (Tencent, "AWS_ACCESS_KEY_ID", "", "is missing"),
        (Tencent, "AWS_SECRET_ACCESS_KEY", "", "is missing"),
        (Tencent, "AWS_ENDPOINT_URL", "http://198.51.100.7:4566", "plain http is allowed to loopback addresses only"),
        (Tencent, "AWS_ENDPOINT_URL_SQS", "ftp://x", "must be a URL"),
        (Tencent, "TENCENTCLOUD_SECRET_ID", "", "is missing"),
        (Tencent, "TENCENTCLOUD_SECRET_KEY", "", "is missing"),
        (Tencent, "TENCENTCLOUD_SECRET_KEY", "secret with a blank", "holds a blank"),
        (Tencent, "TENCENTCLOUD_TOKEN", "line\nbreak", "holds a blank"),
        (Tencent, "TENCENTCLOUD_SECRET_KEY", "\"secret\"", "holds a quote"),
        (Tencent, "TENCENTCLOUD_SECRET_ID", "'AKIDEXAMPLE'", "holds a quote"),
        // Nothing reads these, and what they were meant for keeps copies from being made.
        (Tencent, "OFFSITE_PAUSE", "1", "OFFSITE_PAUSED is spelt most like it"),
        (Huawei, "OFFSITE_ALLOWED_DESTINATION", "huawei:*", "OFFSITE_ALLOWED_DESTINATIONS is spelt most like it"),
        (Tencent, "OFFSITE_TENCENT_RPS", "abc", "must be a whole number from 0 to 10000"),
        (Tencent, "OFFSITE_TENCENT_RPS", "-1", "must be a whole number"),
        (Tencent, "OFFSITE_TENCENT_ON_DOUBT", "perhaps", "must be recopy or hold"),
        (Tencent, "OFFSITE_TENCENT_VISIBILITY_WAIT_S", "1h", "must be a whole number"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "cbs.tencentcloudapi.com", "must be a URL"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "http://cbs.example.com", "must be https"),
        (
            Tencent,
            "OFFSITE_TENCENT_ENDPOINT",
            "https://user:pw@cbs.example.com",
            "must not hold a user name or password",
        ),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://", "must name a host"),
        (Tencent, "OFFSITE_ALLOWED_DESTINATIONS", "singapore", "is not a provider:region pattern"),
        (Tencent, "OFFSITE_ALLOWED_DESTINATIONS", "azure:eu", "is not a provider:region pattern"),
        (Tencent, "OFFSITE_CONNECT_TIMEOUT_MS", "0", "must be a whole number from 1 to 600000"),
        (Tencent, "OFFSITE_TIMEOUT_MS", "soon", "must be a whole number"),
        (Tencent, "OFFSITE_TIMEOUT_MS", "1", "must be a whole number from 250 to 600000"),
        (Tencent, "OFFSITE_COPY_DEADLINE_S", "0", "must be at least 3600"),
        (Tencent, "OFFSITE_LANG", "xx", "must be en or zh"),
        (Tencent, "OFFSITE_PAUSED", "", "is set and empty"),
        (Tencent, "OFFSITE_ALLOWED_DESTINATIONS", "", "is set and empty"),
        (Tencent, "OFFSITE_TENCENT_ON_DOUBT", "", "is set and empty"),
        (Tencent, "OFFSITE_CONCURRENCY", "0", "must be a whole number"),
        (Tencent, "OFFSITE_MAX_ATTEMPTS", "99", "must be a whole number"),
        (Alibaba, "ALIBABA_CLOUD_ACCESS_KEY_ID", "", "is missing"),
        (Alibaba, "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "", "is missing"),
        (Alibaba, "OFFSITE_ALIBABA_ENDPOINT", "http://hbr.example.com", "must be https"),
        (Alibaba, "OFFSITE_ALIBABA_RPS", "1.5", "must be a whole number"),
        (Huawei, "HUAWEICLOUD_SDK_AK", "", "is missing"),
        (Huawei, "HUAWEICLOUD_SDK_SK", "", "is missing"),
        (Huawei, "OFFSITE_HUAWEI_CBR_ENDPOINT", "http://cbr.example.com", "must be https"),
        (Huawei, "OFFSITE_HUAWEI_CSBS_ENDPOINT", "nowhere", "must be a URL"),
        (Huawei, "OFFSITE_HUAWEI_IAM_ENDPOINT", "http://iam.example.com", "must be https"),
    ];
    for (cloud, variable, value, reason) in cases {
        let mut environment = good(cloud);
        environment.insert(variable, value);
        assert_ends_at_start(&binaries, cloud, &environment, variable, reason).await;
    }
    let password =
        BTreeMap::from([("HUAWEICLOUD_SDK_AK", ""), ("HUAWEICLOUD_SDK_SK", ""), ("OFFSITE_HUAWEI_IAM_USER", "u")]);
    let mut environment = good(Huawei);
    environment.extend(password);
    assert_ends_at_start(&binaries, Huawei, &environment, "OFFSITE_HUAWEI_IAM_DOMAIN", "is missing").await;
}

async fn assert_ends_at_start(
    binaries: &Binaries,
    cloud: Cloud,
    environment: &BTreeMap<&str, &str>,
    variable: &str,
    reason: &str,
) {
    let binary = match cloud {
        Cloud::Alibaba => &binaries.alibaba,
        Cloud::Huawei => &binaries.huawei,
        Cloud::Tencent => &binaries.tencent,
    };
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let function = FunctionProcess::spawn(binary, environment, FunctionOptions::named_after(binary)).await.unwrap();
    let error = function.invoke(json!({}), LONG).await.unwrap_err();
    let InvokeError::Init { error_type, error_message } = &error else { panic!("{variable}: {error}") };
    assert_eq!(error_type, "Offsite.Configuration", "{variable}");
    assert!(error_message.contains(variable) && error_message.contains(reason), "{variable}: {error_message}");
    assert!(!error_message.contains('\n'), "{error_message}");
    let end = function.wait().await;
    assert!(end.contains("exit status: 1"), "{variable}: {end}");
    let log = function.output().join("\n");
    assert!(log.contains(variable) && log.contains(reason), "{variable}: {log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn who_can_send_a_message_cannot_ship_a_backup_anywhere() {
    let bench = Bench::start(&[("OFFSITE_ALLOWED_DESTINATIONS", "tencent:ap-beijing, huawei:cn-east-*")]).await;
    let tencent = bench.function(Cloud::Tencent).await;
    for region in ["ap-singapore", "ap-beijing2", "cn-east-3", "AP-BEIJING"] {
        let (name, message) = refused(tencent.invoke(copy("snap-ok000001", &["ap-beijing", region]), LONG).await);
        assert_eq!(name, "Offsite.InvalidCommand");
        assert!(
            message.contains(&format!(
                "destinations[1].region: tencent:{region} is not in OFFSITE_ALLOWED_DESTINATIONS; nothing was started"
            )),
            "{message}"
        );
    }
    assert_eq!(bench.copies().len(), 0, "not even the destination that is allowed");
    let answer = tencent
        .invoke(batch(&[copy("snap-ok000001", &["ap-singapore"]), copy("snap-ok000002", &["ap-beijing"])]), LONG)
        .await
        .unwrap();
    assert_eq!(handed_back(&answer), ["m-0"]);
    let huawei = bench.function(Cloud::Huawei).await;
    assert!(huawei.invoke(sample("huawei/copy-backup.json"), LONG).await.is_ok());
    let mut north = sample("huawei/copy-backup.json");
    north["destinations"][0]["region"] = json!("cn-north-1");
    assert_eq!(refused(huawei.invoke(north, LONG).await).0, "Offsite.InvalidCommand");
    let alibaba = bench.function(Cloud::Alibaba).await;
    assert_eq!(refused(alibaba.invoke(sample("alibaba/command.json"), LONG).await).0, "Offsite.InvalidCommand");
    assert_eq!(bench.copies().len(), 2);
}

#[tokio::test]
async fn a_partly_failed_batch_send_is_repeated_for_what_failed() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Huawei).await;
    bench.fleet.aws.faults().next("SendMessageBatch", 1, Fault::FailEntries(vec![0, 2]));
    let answer = function.invoke(sample("huawei/copy-checkpoint-scheduler-input.json"), LONG).await.unwrap();
    assert_eq!(answer["results"].as_array().unwrap().len(), 3);
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["queued"] == true), "{answer}");
    assert_eq!(bench.fleet.aws.faults().pending(), 0);
    assert_eq!(bench.queued_ids().await, bench.made_ids(), "each once");
    // Done, but the answer is lost: a message may come twice then, under one event ID.
    bench.fleet.aws.faults().next("SendMessageBatch", 1, Fault::DropAfter);
    let tencent = bench.function(Cloud::Tencent).await;
    tencent.invoke(copy("snap-twice001", &["ap-beijing"]), LONG).await.unwrap();
    let ids: BTreeSet<String> = bench.queued_ids().await.into_iter().collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), bench.made_ids());
    let events: BTreeSet<String> = bench
        .fleet
        .messages()
        .await
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events.len(), 4);
}

/// Whatever happens to the queue: the answer and the log tell the ID, and a sweep puts it on the queue later.
#[tokio::test]
async fn a_queue_that_takes_nothing_loses_nothing() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Tencent).await;
    bench.fleet.aws.faults().next("SendMessageBatch", 1_000, Fault::UNAVAILABLE);
    let limit = Duration::from_secs(5);
    let answer = function.invoke(copy("snap-queue001", &["ap-beijing"]), limit).await.unwrap();
    let result = &answer["results"][0];
    assert_eq!((&result["state"], &result["queued"]), (&json!("accepted"), &json!(false)), "{answer}");
    let id = result["replication_id"].as_str().unwrap();
    assert_eq!(bench.made_ids(), [id]);
    let log = function.output().join("\n");
    assert!(log.contains(id) && log.contains("it stays in the outbox"), "{log}");
    let answer = function.invoke(batch(&[copy("snap-queue001", &["ap-beijing"])]), limit).await.unwrap();
    assert_eq!(handed_back(&answer), ["m-0"], "not done before the queue has it");
    assert_eq!(bench.queued_ids().await, Vec::<String>::new());
    let outbox = RecordFilter { outbox: true, ..RecordFilter::default() };
    assert_eq!(bench.fleet.ledger().unwrap().list(&outbox, None, 10).await.unwrap().records.len(), 1);
    bench.fleet.aws.faults().clear();
    let answer = function.invoke(json!({ "action": "sweep" }), LONG).await.unwrap();
    assert_eq!(answer, json!({ "outbox": { "drained": 1, "left": 0 }, "swept": [] }));
    assert_eq!(bench.queued_ids().await, [id]);
    let answer = function.invoke(batch(&[copy("snap-queue001", &["ap-beijing"])]), LONG).await.unwrap();
    assert_eq!(handed_back(&answer), Vec::<String>::new());
    assert_eq!(bench.queued_ids().await, [id]);
}

/// A ledger that cannot be written stops everything before a call; one that fails after it loses nothing.
#[tokio::test]
async fn a_ledger_that_fails_starts_nothing_that_could_not_be_recorded() {
    let bench = Bench::start(&[]).await;
    let function = bench.function(Cloud::Tencent).await;
    bench.fleet.aws.faults().next(
        "PutItem",
        1,
        Fault::Refuse { status: 400, kind: "com.amazonaws.dynamodb.v20120810#AccessDeniedException" },
    );
    let (name, message) = refused(function.invoke(copy("snap-ledg0001", &["ap-beijing"]), LONG).await);
    assert_eq!(name, "Offsite.Unavailable");
    assert!(
        message.contains("DynamoDB: AccessDeniedException") && message.contains("nothing was started"),
        "{message}"
    );
    assert_eq!(bench.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 0);
    bench.fleet.aws.faults().next("PutItem", 2, Fault::THROTTLED);
    let answer = function.invoke(copy("snap-ledg0001", &["ap-beijing"]), LONG).await.unwrap();
    assert_eq!(answer["results"][0]["queued"], true, "{answer}");
    assert_eq!(bench.queued_ids().await, bench.made_ids());
}

#[tokio::test]
async fn what_the_time_does_not_allow_is_handed_back() {
    let bench = Bench::start(&[("OFFSITE_CONCURRENCY", "2"), ("OFFSITE_TENCENT_RPS", "0")]).await;
    let function = bench.function(Cloud::Tencent).await;
    bench.fault(Cloud::Tencent, json!({ "action": "DescribeSnapshots", "kind": "slow", "delay_ms": 200 })).await;
    let bodies: Vec<Value> = (0..30).map(|index| copy(&format!("snap-slow{index:04}"), &["ap-beijing"])).collect();
    let limit = Duration::from_secs(4);
    let began = stopwatch();
    let answer = function.invoke(batch(&bodies), limit).await.unwrap();
    assert!(began.elapsed() < limit);
    let failed: BTreeSet<String> = handed_back(&answer).into_iter().collect();
    let done = bodies.len() - failed.len();
    assert!(done > 0 && !failed.is_empty(), "{done} done, {} handed back", failed.len());
    assert_eq!(bench.copies().len(), done, "what is handed back was not started");
    assert_eq!(bench.queued_ids().await, bench.made_ids());
    for (index, _) in bodies.iter().enumerate() {
        let started = bench.copies().contains_key(&(format!("snap-slow{index:04}"), "ap-beijing".to_owned()));
        assert_eq!(started, !failed.contains(&format!("m-{index}")), "{index}");
    }
    bench.clear_faults(Cloud::Tencent).await;
    let answer = function.invoke(batch(&bodies), LONG).await.unwrap();
    assert_eq!(handed_back(&answer), Vec::<String>::new());
    assert_eq!(bench.copies().len(), bodies.len());
    assert_eq!(bench.queued_ids().await, bench.made_ids());
}

#[tokio::test]
async fn no_second_holds_more_calls_than_the_limit() {
    let bench = Bench::start(&[("OFFSITE_TENCENT_RPS", "4")]).await;
    let function = bench.function(Cloud::Tencent).await;
    let bodies: Vec<Value> = (0..9).map(|index| copy(&format!("snap-rate{index:04}"), &["ap-beijing"])).collect();
    let began = stopwatch();
    let answer = function.invoke(batch(&bodies), LONG).await.unwrap();
    assert_eq!(handed_back(&answer), Vec::<String>::new());
    assert!(began.elapsed() > Duration::from_secs(2), "nine calls at four a second took {:?}", began.elapsed());
    assert_eq!(bench.copies().len(), 9);
}

#[tokio::test]
async fn a_fifo_queue_gets_its_group_and_its_deduplication() {
    let bench = Bench::start(&[]).await;
    let url = bench.fleet.aws.create_queue("receipts.fifo").await.unwrap();
    let other = Bench::start(&[("QUEUE_URL", &url), ("AWS_ENDPOINT_URL_SQS", &bench.fleet.aws.endpoint())]).await;
    let function = other.function(Cloud::Huawei).await;
    function.invoke(sample("huawei/copy-checkpoint-scheduler-input.json"), LONG).await.unwrap();
    let sql = "SELECT body, group_id, dedup_id FROM queue WHERE queue = 'receipts.fifo' ORDER BY seq";
    let rows: Vec<(String, Option<String>, Option<String>)> = bench
        .fleet
        .database
        .read(move |connection| {
            connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
    for (body, group, deduplication) in rows {
        let message: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(group.as_deref(), message["subject"].as_str());
        assert_eq!(deduplication.as_deref(), message["id"].as_str());
    }
    assert_eq!(Queue::receipts(other.fleet.database.clone()).count().await.unwrap(), 0);
}

const PASSWORD: [(&str, &str); 5] = [
    ("HUAWEICLOUD_SDK_AK", ""),
    ("HUAWEICLOUD_SDK_SK", ""),
    ("OFFSITE_HUAWEI_IAM_DOMAIN", "offsite-domain"),
    ("OFFSITE_HUAWEI_IAM_USER", "offsite-user"),
    ("OFFSITE_HUAWEI_IAM_PASSWORD", "offsite-password"),
];

#[tokio::test]
async fn huawei_takes_a_token_for_a_password_and_renews_it() {
    let bench = Bench::start(&PASSWORD).await;
    let function = bench.function(Cloud::Huawei).await;
    for event in ["huawei/copy-backup.json", "huawei/copy-checkpoint-scheduler-input.json"] {
        function.invoke(sample(event), LONG).await.unwrap_or_else(|error| panic!("{event}: {error}"));
    }
    assert_eq!(bench.calls(Cloud::Huawei, "CreateToken"), 1, "one token serves a region");
    // Revoked before its end: the gateway says 401, a new one is fetched and the call repeated, once.
    let mut another = sample("huawei/copy-backup.json");
    another["source"]["backup_id"] = json!("b5200268-74a5-4806-acc6-95793ab0228c");
    bench
        .fault(
            Cloud::Huawei,
            json!({ "action": "CopyBackup", "kind": "code", "code": "APIGW.0307", "http_status": 401, "times": 1 }),
        )
        .await;
    let answer = function.invoke(another.clone(), LONG).await.unwrap();
    assert_eq!(answer["results"][0]["state"], "accepted");
    assert_eq!(bench.calls(Cloud::Huawei, "CreateToken"), 2);
    // Refused with a fresh one, too: no loop.
    another["source"]["backup_id"] = json!("c5200268-74a5-4806-acc6-95793ab0228d");
    bench
        .fault(
            Cloud::Huawei,
            json!({ "action": "CopyBackup", "kind": "code", "code": "APIGW.0307", "http_status": 401 }),
        )
        .await;
    let before = bench.calls(Cloud::Huawei, "CopyBackup");
    let (name, _) = refused(function.invoke(another, LONG).await);
    assert_eq!(name, "Offsite.Rejected");
    assert_eq!(bench.calls(Cloud::Huawei, "CopyBackup") - before, 2);
    assert_eq!(bench.queued_ids().await, bench.made_ids());
}

#[tokio::test]
async fn a_wrong_password_is_asked_for_once_only() {
    let mut wrong = PASSWORD;
    wrong[4].1 = "not-the-password";
    let bench = Bench::start(&wrong).await;
    let function = bench.function(Cloud::Huawei).await;
    let bodies: Vec<Value> = (0..5)
        .map(|index| {
            let mut command = sample("huawei/copy-backup.json");
            command["source"]["backup_id"] = json!(format!("a5200268-74a5-4806-acc6-95793ab0228{index}"));
            command
        })
        .collect();
    let answer = function.invoke(batch(&bodies), LONG).await.unwrap();
    assert_eq!(handed_back(&answer).len(), 5);
    let (name, message) = refused(function.invoke(bodies[0].clone(), LONG).await);
    assert_eq!(name, "Offsite.Rejected");
    assert!(
        message.contains("user offsite-user of the environment")
            && message.contains("it is not asked again for 5 minutes"),
        "{message}"
    );
    assert_eq!(bench.calls(Cloud::Huawei, "CreateToken"), 1);
    assert_eq!(bench.calls(Cloud::Huawei, "CopyBackup"), 0);
}

#[tokio::test]
async fn temporary_credentials_are_sent_with_their_token() {
    let options =
        SimOptions { any_source: true, security_token: Some("temporary-token".into()), ..SimOptions::default() };
    let bench = Bench::with(options, &[]).await;
    for (cloud, event) in [
        (Cloud::Alibaba, "alibaba/command.json"),
        (Cloud::Huawei, "huawei/copy-backup.json"),
        (Cloud::Huawei, "huawei/copy-checkpoint-item-sns.json"),
        (Cloud::Tencent, "tencent/crash.json"),
    ] {
        let function = bench.function(cloud).await;
        let answer = function.invoke(sample(event), LONG).await.unwrap_or_else(|error| panic!("{event}: {error}"));
        assert_eq!(answer["results"][0]["state"], "accepted", "{event}");
    }
    assert_eq!(bench.queued_ids().await, bench.made_ids());
}

/// What existed before Offsite came is adopted, so that nobody pays twice on day one.
#[tokio::test]
async fn a_copy_made_by_hand_is_adopted() {
    let bench = Bench::start(&[]).await;
    let seed = json!({ "snapshots": [{ "snapshot_id": "snap-byhand01", "region": "ap-beijing", "name": "Copied snap-source01 from ap-guangzhou", "copy_from_remote": true }] });
    post(&bench.fleet.simulators.tencent(), "/_sim/seed", seed).await.unwrap();
    let function = bench.function(Cloud::Tencent).await;
    let answer = function.invoke(copy("snap-source01", &["ap-beijing"]), LONG).await.unwrap();
    assert_eq!(answer["results"][0]["replication_id"], "snap-byhand01");
    assert_eq!(answer["results"][0]["adopted"], true);
    assert_eq!(bench.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 0);
    assert_eq!(bench.queued_ids().await, ["snap-byhand01"]);
    let messages = bench.fleet.messages().await.unwrap();
    assert_eq!(messages[0]["data"]["adopted"], true);
}

/// Without a table the function still works, says what that means, and doubles nothing within the process.
#[tokio::test]
async fn a_function_without_a_table_warns_and_works() {
    let bench = Bench::start(&[("OFFSITE_TABLE", ""), ("OFFSITE_ALLOWED_DESTINATIONS", "")]).await;
    let function = bench.function(Cloud::Tencent).await;
    for _ in 0..2 {
        function.invoke(copy("snap-memo0001", &["ap-beijing"]), LONG).await.unwrap();
    }
    assert_eq!(bench.queued_ids().await, bench.made_ids());
    assert_eq!(bench.copies().len(), 1);
    let log = function.output().join("\n");
    assert!(
        log.contains("OFFSITE_TABLE is not set")
            && log.contains("neither OFFSITE_POLICY nor OFFSITE_ALLOWED_DESTINATIONS is set"),
        "{log}"
    );
}

/// Fifty deliveries of ten commands to two processes at once: ten copies, ten messages.
#[tokio::test]
async fn many_deliveries_at_once_start_each_copy_once() {
    let bench = Bench::start(&[("OFFSITE_TENCENT_RPS", "0")]).await;
    let functions = [bench.function(Cloud::Tencent).await, bench.function(Cloud::Tencent).await];
    let bodies: Vec<Value> =
        (0..50).map(|index| copy(&format!("snap-many000{}", index % 10), &["ap-beijing"])).collect();
    let left = Mutex::new(bodies);
    for _ in 0..40 {
        let bodies = left.lock().unwrap().clone();
        if bodies.is_empty() {
            break;
        }
        let event = batch(&bodies);
        let (one, two) = tokio::join!(functions[0].invoke(event.clone(), LONG), functions[1].invoke(event, LONG));
        let failed: BTreeSet<String> =
            handed_back(&one.unwrap()).into_iter().chain(handed_back(&two.unwrap())).collect();
        let kept = bodies
            .into_iter()
            .enumerate()
            .filter(|(index, _)| failed.contains(&format!("m-{index}")))
            .map(|(_, body)| body);
        *left.lock().unwrap() = kept.collect();
    }
    assert!(left.lock().unwrap().is_empty());
    assert_eq!(bench.copies().len(), 10);
    // Two processes may send one receipt at the same moment, but under one event ID.
    let events: BTreeSet<String> = bench
        .fleet
        .messages()
        .await
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events.len(), 10);
    let ids: BTreeSet<String> = bench.queued_ids().await.into_iter().collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), bench.made_ids());
    let accepted = RecordFilter { state: Some(State::Accepted.name().to_owned()), ..RecordFilter::default() };
    assert_eq!(bench.fleet.ledger().unwrap().list(&accepted, None, 100).await.unwrap().records.len(), 10);
}

/// A transport to nowhere that panics for one source.
struct Panicking;

impl Transport for Panicking {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let body = String::from_utf8(request.body).unwrap();
        assert!(!body.contains("snap-panic001"), "a mistake inside, provoked");
        let is_start = body.contains("DestinationRegions");
        let answer = if is_start {
            let of = &body[body.find("snap-").unwrap()..][..13];
            let result =
                json!({ "SnapshotId": format!("copy-of-{of}"), "DestinationRegion": "ap-beijing", "Code": "Success" });
            json!({ "SnapshotCopyResultSet": [result], "RequestId": "r" })
        } else if body.contains("Filters") {
            json!({ "TotalCount": 0, "SnapshotSet": [], "RequestId": "r" })
        } else {
            let id = &body[body.find("snap-").unwrap()..][..13];
            json!({ "TotalCount": 1, "SnapshotSet": [{ "SnapshotId": id, "SnapshotState": "NORMAL" }], "RequestId": "r" })
        };
        let body = json!({ "Response": answer }).to_string().into_bytes();
        Box::pin(async move { Ok(Reply { status: 200, headers: vec![], body }) })
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<Message>>);

impl Emitter for Kept {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        self.0.lock().unwrap().extend_from_slice(messages);
        Box::pin(async move { messages.iter().map(|_| Ok(())).collect() })
    }
}

/// A mistake of ours in one record is that record's failure, and a doubt, because nobody knows how far it came.
#[tokio::test]
async fn a_panic_in_one_record_does_not_touch_the_others() {
    let environment = Environment::new(
        [("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE"), ("TENCENTCLOUD_SECRET_KEY", "secret")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let settings = Settings::from_environment(&environment, &[&Tencent]).unwrap();
    let kept = Arc::new(Kept::default());
    let ports = ports(&environment, &settings, &[&Tencent], Arc::new(Panicking), kept.clone(), Arc::new(SystemClock));
    let context = Context::new(ports, settings, Metrics::default());
    let bodies = ["snap-fine0001", "snap-panic001", "snap-fine0002"].map(|snapshot| copy(snapshot, &["ap-beijing"]));
    let invocation = Invocation { id: "i-1".into(), deadline: SystemClock.now() + jiff::SignedDuration::from_secs(30) };
    let answer = handle(&context, &batch(&bodies), &invocation).await.unwrap();
    assert_eq!(handed_back(&answer), ["m-1"]);
    let ids: BTreeSet<String> = kept
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|message| message.event["data"]["replication_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, BTreeSet::from(["copy-of-snap-fine0001".to_owned(), "copy-of-snap-fine0002".to_owned()]));
    let invocation = Invocation { deadline: SystemClock.now() + jiff::SignedDuration::from_secs(30), ..invocation };
    let error = handle(&context, &bodies[1], &invocation).await;
    assert_ne!(error.unwrap_err().name, ErrorName::Rejected);
}
