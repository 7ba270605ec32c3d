//! `offsite doctor` against simulators: what it finds, what it costs, and that it changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use offsite_local::aws::faults::Fault;
use offsite_local::aws::{LocalAws, Options};
use offsite_local::cmd::doctor::{DoctorArgs, run};
use offsite_local::cmd::show::Form;
use offsite_local::home;
use offsite_local::home::database::Database;
use offsite_local::home::ledger::SqliteLedger;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::adopted::{self, Adopted, NOTE};
use offsite_shared::model::access::{Access, CredentialName, Pause};
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::{Clock, Ledger, Notes};
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::Credential;
use offsite_simulators::{SimOptions, Simulators};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::accounts::ARN;
use crate::command_line;
use crate::emulators::http_client;
use crate::faults::world::{Home, Store, aws_environment};

const SECRET: &str = "Zq7CanarySecretOfTheDoctor0001";

/// Every action that the doctor may be seen to send.
const READS: [&str; 9] = [
    "GetCallerIdentity",
    "DescribeBackupJobs2",
    "DescribeVaults",
    "DescribeVaultReplicationRegions",
    "ListProjects",
    "ListBackups",
    "ShowVault",
    "ShowReplicationCapabilities",
    "DescribeSnapshots",
];

/// Simulators, and an environment that points at them.
struct Practice {
    simulators: Simulators,
    environment: Environment,
    folder: tempfile::TempDir,
}

impl Practice {
    async fn open() -> Practice {
        let options = SimOptions { access_key_secret: SECRET.to_owned(), ..SimOptions::default() };
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offsite.db").to_string_lossy().into_owned();
        let environment = Environment::default().with("OFFSITE_DB", file);
        let environment = home::point_at(&simulators, &options, environment);
        Practice { simulators, environment, folder }
    }

    fn with(mut self, name: &str, value: &str) -> Practice {
        self.environment = self.environment.with(name, value);
        self
    }

    fn bases(&self) -> [String; 3] {
        [self.simulators.alibaba(), self.simulators.huawei(), self.simulators.tencent()]
    }

    async fn admin(&self, base: &str, path: &str, body: &Value) {
        let answer = http_client().post(format!("{base}/_sim/{path}")).body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
    }

    /// What one simulator was asked: action and outcome.
    async fn log(&self, base: &str) -> Vec<(String, String)> {
        let answer = http_client().get(format!("{base}/_sim/log")).send().await.unwrap();
        let log: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        log["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (text(entry, "action"), text(entry, "outcome")))
            .collect()
    }

    /// The signed requests that one simulator saw. An unsigned one is refused for what it lacks, not for its signature.
    async fn signed(&self, base: &str) -> Vec<(String, String)> {
        let unsigned = ["MissingAction", "APIGW.0101", "MissingParameter"];
        let log = self.log(base).await;
        log.into_iter().filter(|(_, outcome)| !unsigned.contains(&outcome.as_str())).collect()
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "policy.json").collect()
    }

    fn policy(&self, rules: &Value) -> Option<std::path::PathBuf> {
        let path = self.folder.path().join("policy.json");
        std::fs::write(&path, json!({"version": 1, "rules": rules}).to_string()).unwrap();
        Some(path)
    }

    async fn run(&self, args: DoctorArgs) -> Seen {
        let mut out = Vec::new();
        let well = run(&args, &self.environment, &mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(SECRET), "{text}");
        let report = serde_json::from_str(&text).unwrap_or(Value::Null);
        Seen { well, text, report }
    }
}

struct Seen {
    well: bool,
    text: String,
    report: Value,
}

impl Seen {
    fn checks(&self) -> &Vec<Value> {
        self.report["checks"].as_array().unwrap()
    }

    /// The statuses of one check of one provider; an empty provider is this installation.
    fn statuses(&self, provider: &str, name: &str) -> Vec<&str> {
        let of = |check: &&Value| check["check"] == name && check["provider"].as_str().unwrap_or_default() == provider;
        self.checks().iter().filter(of).map(|check| check["status"].as_str().unwrap()).collect()
    }

    fn found(&self, provider: &str, name: &str) -> String {
        let of = |check: &&Value| check["check"] == name && check["provider"].as_str().unwrap_or_default() == provider;
        let texts = self.checks().iter().filter(of).map(|check| format!("{} | {}", check["found"], check["advice"]));
        texts.collect::<Vec<_>>().join("\n")
    }
}

fn args(file: Option<std::path::PathBuf>) -> DoctorArgs {
    DoctorArgs {
        file,
        provider: None,
        account: None,
        source_region: None,
        destination_region: None,
        all: true,
        format: Form::Json,
        simulate: false,
        timeout: 5,
    }
}

fn tencent() -> Value {
    json!({"name": "t", "provider": "tencent", "source": {"region": "ap-guangzhou"}, "destinations": [{"region": "ap-beijing"}]})
}

fn alibaba(region: &str, target: &str) -> Value {
    json!({"name": "a", "provider": "alibaba", "source": {"region": "cn-hangzhou", "vault_id": "v-0003rf9m17pap3ltpqx5"},
        "destinations": [{"region": region, "vault_id": target}]})
}

fn huawei(region: &str, vault: &str) -> Value {
    json!({"name": "h", "provider": "huawei", "source": {"region": "region1", "project_id": "4229d7a45436489f8c3dc2b1d35d4987"},
        "destinations": [{"region": region, "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": vault}]})
}

const MIRROR: &str = "v-000bj2yk5r6zmm1q7d2c";
const VAULT: &str = "0ca3eb86-8800-46da-9c37-9d657a825274";

fn all() -> Value {
    json!([tencent(), alibaba("cn-shanghai", MIRROR), huawei("region2", VAULT)])
}

#[tokio::test]
async fn all_is_well_and_only_reads_were_sent() {
    let practice = Practice::open()
        .await
        .with("OFFSITE_ALLOWED_DESTINATIONS", "tencent:ap-beijing alibaba:cn-shanghai huawei:region2");
    let seen = practice.run(args(practice.policy(&all()))).await;
    assert!(seen.well, "{}", seen.text);
    for provider in ["alibaba", "huawei", "tencent"] {
        for name in
            ["credential", "destinations", "reachability", "clock", "identity", "read-source", "read-destination"]
        {
            assert_eq!(seen.statuses(provider, name), ["ok"], "{provider} {name}: {}", seen.text);
        }
        assert_eq!(seen.statuses(provider, "permission-to-copy"), ["unknown"], "{provider}");
    }
    for provider in ["alibaba", "huawei"] {
        assert_eq!(seen.statuses(provider, "destination-vault"), ["ok"], "{provider}: {}", seen.text);
        assert_eq!(seen.statuses(provider, "capability"), ["ok"], "{provider}");
        assert_eq!(seen.statuses(provider, "quota"), ["unknown"], "{provider}");
    }
    assert_eq!(seen.statuses("huawei", "projects"), ["ok"]);
    assert_eq!(
        (seen.statuses("tencent", "capability"), seen.statuses("tencent", "quota")),
        (vec!["unknown"], vec!["ok"])
    );
    assert!(seen.found("tencent", "identity").contains("100000000001"));
    for base in practice.bases() {
        let signed = practice.signed(&base).await;
        assert!(!signed.is_empty());
        for (action, outcome) in signed {
            assert!(READS.contains(&action.as_str()) && outcome == "ok", "{action}: {outcome}");
        }
    }
    assert_eq!(practice.simulators.state()["replications"], json!([]));
    assert!(!practice.folder.path().join("offsite.db").exists(), "the doctor made a ledger");
}

#[tokio::test]
async fn each_account_that_is_set_up_is_looked_at_and_a_policy_is_list_enough() {
    let folder = tempfile::tempdir().unwrap();
    let key = SimOptions { access_key_secret: SECRET.to_owned(), ..SimOptions::default() };
    let file = folder.path().join("lab.json");
    let secret = json!({"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret});
    std::fs::write(&file, secret.to_string()).unwrap();
    let accounts = json!({"default": {"environment": true}, "lab": {"secret": format!("file:{}", file.display())},
        "other": {"secret": format!("file:{}", file.display()), "identity": "4711"}});
    let practice = Practice::open().await.with("OFFSITE_TENCENT_ACCOUNTS", &accounts.to_string());
    let seen = practice.run(DoctorArgs { provider: Some(Cloud::Tencent), ..args(None) }).await;
    assert_eq!(seen.statuses("tencent", "credential"), ["ok", "ok", "ok"], "{}", seen.text);
    assert_eq!(seen.statuses("tencent", "destinations"), ["warn", "warn", "warn"], "{}", seen.text);
    let identities = seen.statuses("tencent", "identity");
    assert_eq!(identities[..2], ["ok", "ok"], "{}", seen.text);
    assert!(seen.text.contains("belongs to tencent account 100000000001"), "{}", seen.text);
    let seen = practice.run(args(practice.policy(&json!([tencent()])))).await;
    assert_eq!(seen.statuses("tencent", "destinations"), ["ok"], "{}", seen.text);
}

#[tokio::test]
async fn a_wrong_key_costs_one_signed_request_for_each_cloud() {
    let wrong = "Zq7CanaryWrongSecret0002";
    let practice = Practice::open()
        .await
        .with("ALIBABA_CLOUD_ACCESS_KEY_SECRET", wrong)
        .with("HUAWEICLOUD_SDK_SK", wrong)
        .with("TENCENTCLOUD_SECRET_KEY", wrong);
    let seen = practice.run(args(practice.policy(&all()))).await;
    assert!(!seen.well);
    assert!(!seen.text.contains(wrong), "{}", seen.text);
    for provider in ["alibaba", "huawei", "tencent"] {
        assert_eq!(seen.statuses(provider, "identity"), ["fail"], "{provider}: {}", seen.text);
        assert!(seen.found(provider, "identity").contains("no further request is signed"), "{provider}");
        assert_eq!(seen.statuses(provider, "read-source"), ["skipped"], "{provider}");
        assert_eq!(seen.statuses(provider, "read-destination"), ["skipped"], "{provider}");
        assert_eq!(seen.statuses(provider, "reachability"), ["ok"], "{provider}");
    }
    for base in practice.bases() {
        let signed = practice.signed(&base).await;
        assert_eq!(signed.len(), 1, "{signed:?}");
    }
}

#[tokio::test]
async fn where_the_identity_service_is_away_the_first_read_proves_the_key() {
    let practice = Practice::open()
        .await
        .with("OFFSITE_TENCENT_STS_ENDPOINT", &closed())
        .with("TENCENTCLOUD_SECRET_KEY", "Zq7CanaryWrongSecret0002");
    let seen = practice.run(args(practice.policy(&json!([tencent()])))).await;
    assert_eq!(seen.statuses("tencent", "identity"), ["skipped"]);
    assert_eq!(
        (seen.statuses("tencent", "read-source"), seen.statuses("tencent", "read-destination")),
        (vec!["fail"], vec!["skipped"])
    );
    assert_eq!(practice.signed(&practice.simulators.tencent()).await.len(), 1);
    let mut ends = seen.statuses("tencent", "reachability");
    ends.sort_unstable();
    assert_eq!(ends, ["ok", "warn"], "copies do not need the identity service");
}

#[tokio::test]
async fn a_missing_right_is_named_and_the_other_checks_go_on() {
    let practice = Practice::open().await;
    let base = practice.simulators.tencent();
    let rule = json!({"faults": [{"kind": "code", "code": "UnauthorizedOperation", "action": "DescribeSnapshots", "times": 1}]});
    practice.admin(&base, "faults", &rule).await;
    let seen = practice.run(args(practice.policy(&json!([tencent()])))).await;
    assert!(!seen.well);
    assert_eq!(seen.statuses("tencent", "read-source"), ["fail"]);
    assert!(seen.found("tencent", "read-source").contains("grant cbs:DescribeSnapshots"), "{}", seen.text);
    assert_eq!(seen.statuses("tencent", "read-destination"), ["ok"]);
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_before_anything_is_signed() {
    let practice = Practice::open().await;
    let base = practice.simulators.tencent();
    for (skew_s, tencent_says, huawei_says) in
        [(100, "ok", "ok"), (200, "warn", "ok"), (-500, "fail", "warn"), (1200, "fail", "fail")]
    {
        practice.admin(&base, "clock", &json!({"skew_s": skew_s})).await;
        let seen = practice.run(args(practice.policy(&all()))).await;
        assert_eq!(seen.statuses("tencent", "clock"), [tencent_says], "{skew_s}: {}", seen.text);
        assert_eq!(seen.statuses("huawei", "clock"), [huawei_says], "{skew_s}");
        assert_eq!(seen.statuses("alibaba", "clock"), [huawei_says], "{skew_s}");
        let side = if skew_s < 0 { "s ahead of the provider's" } else { "s behind the provider's" };
        assert!(seen.found("tencent", "clock").contains(side), "{}", seen.found("tencent", "clock"));
        assert_eq!(seen.statuses("tencent", "identity"), [if tencent_says == "fail" { "skipped" } else { "ok" }]);
    }
    let refused = practice.signed(&base).await.into_iter().filter(|(_, outcome)| outcome != "ok").count();
    assert_eq!(refused, 0, "no signature was wasted");
}

/// A base URL at which nothing listens.
fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn an_endpoint_that_is_closed_or_silent_stops_its_own_cloud_only() {
    // This one takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("http://{}", silent.local_addr().unwrap());
    let practice =
        Practice::open().await.with("OFFSITE_TENCENT_ENDPOINT", &closed()).with("OFFSITE_HUAWEI_CBR_ENDPOINT", &mute);
    let looking = practice.run(DoctorArgs { timeout: 1, ..args(practice.policy(&all())) });
    let seen = tokio::time::timeout(Duration::from_secs(20), looking).await.expect("one cloud holds up the others");
    assert!(!seen.well);
    for provider in ["tencent", "huawei"] {
        assert!(seen.statuses(provider, "reachability").contains(&"fail"), "{provider}: {}", seen.text);
        assert_eq!(seen.statuses(provider, "read-source"), ["skipped"], "{provider}");
        assert_eq!(seen.statuses(provider, "identity"), ["ok"], "{provider}");
    }
    assert!(seen.found("tencent", "reachability").contains("TCP is refused"), "{}", seen.text);
    assert!(seen.found("huawei", "reachability").contains("timed out"), "{}", seen.text);
    assert_eq!(seen.statuses("alibaba", "read-source"), ["ok"]);
}

/// Where copies need an answer, one that is out of order or empty is a failed check: the exit code says so.
#[tokio::test]
async fn a_cloud_that_answers_nothing_that_can_be_read_fails() {
    for kind in ["http_500_before", "html_503", "empty_200"] {
        let practice = Practice::open().await;
        for base in practice.bases() {
            practice.admin(&base, "faults", &json!({"faults": [{"action": "*", "kind": kind}]})).await;
        }
        let seen = practice.run(args(practice.policy(&all()))).await;
        assert!(!seen.well, "{kind}: {}", seen.text);
        for provider in ["alibaba", "huawei", "tencent"] {
            assert_eq!(seen.statuses(provider, "read-source"), ["fail"], "{kind} {provider}: {}", seen.text);
            assert_eq!(seen.statuses(provider, "read-destination"), ["fail"], "{kind} {provider}: {}", seen.text);
        }
    }
}

#[tokio::test]
async fn a_vault_that_cannot_take_copies_is_told() {
    let practice = Practice::open().await;
    let base = practice.simulators.huawei();
    let full = "f0110000-8800-46da-9c37-9d657a825274";
    let project = "68589cac08274b82b4e254268a3862d8";
    practice
        .admin(
            &base,
            "seed",
            &json!({"vaults": [{"id": full, "project_id": project, "protect_type": "replication", "full": true}]}),
        )
        .await;
    for (vault, words) in [
        ("dead0000-8800-46da-9c37-9d657a825274", "is not in project"),
        (full, "it is full"),
        ("6b1f7a52-3f0c-4e0e-9a64-0d6f3b1a2c11", "a vault for backup"),
    ] {
        let seen = practice.run(args(practice.policy(&json!([huawei("region2", vault)])))).await;
        assert!(!seen.well, "{words}");
        assert_eq!(seen.statuses("huawei", "destination-vault"), ["fail"], "{}", seen.text);
        assert!(seen.found("huawei", "destination-vault").contains(words), "{}", seen.text);
        assert_eq!(seen.statuses("huawei", "capability"), ["ok"]);
    }
    let seen = practice.run(args(practice.policy(&json!([alibaba("cn-shanghai", "v-000notthere00000000")])))).await;
    assert_eq!(seen.statuses("alibaba", "destination-vault"), ["fail"], "{}", seen.text);
}

#[tokio::test]
async fn a_region_that_does_not_replicate_is_told() {
    let practice = Practice::open().await;
    let rules = json!([alibaba("cn-nowhere", MIRROR), huawei("cn-north-9", VAULT)]);
    let seen = practice.run(args(practice.policy(&rules))).await;
    assert!(!seen.well);
    for provider in ["alibaba", "huawei"] {
        assert_eq!(seen.statuses(provider, "capability"), ["fail"], "{provider}: {}", seen.text);
    }
    assert!(seen.found("huawei", "capability").contains("region1 does not replicate to cn-north-9"), "{}", seen.text);
}

#[tokio::test]
async fn without_a_policy_the_accounts_with_a_credential_are_looked_at() {
    let practice = Practice::open().await.with("HUAWEICLOUD_SDK_AK", "").with("HUAWEICLOUD_SDK_SK", "");
    let seen = practice
        .run(DoctorArgs { source_region: Some("ap-tokyo".into()), provider: Some(Cloud::Tencent), ..args(None) })
        .await;
    assert!(seen.well, "{}", seen.text);
    assert_eq!(seen.statuses("", "policy"), ["unknown"]);
    assert!(seen.found("tencent", "read-source").contains("in ap-tokyo"), "{}", seen.text);
    let seen = practice.run(args(None)).await;
    let clouds: BTreeSet<&str> = seen.checks().iter().filter_map(|check| check["provider"].as_str()).collect();
    assert_eq!(clouds, BTreeSet::from(["alibaba", "tencent"]));
}

#[tokio::test]
async fn no_credential_at_all_fails_and_tells_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::default().with("OFFSITE_DB", folder.path().join("x.db").to_string_lossy());
    let mut out = Vec::new();
    assert!(!run(&args(None), &environment, &mut out).await.unwrap());
    let report: Value = serde_json::from_slice(&out).unwrap();
    let last = report["checks"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["check"], &last["status"]), (&json!("accounts"), &json!("fail")));
    assert!(last["advice"].as_str().unwrap().contains("offsite explain configuration"));
}

#[tokio::test]
async fn an_account_without_a_credential_does_not_hide_the_other() {
    let practice = Practice::open().await;
    let mut other = tencent();
    other["name"] = json!("other");
    other["account"] = json!("subsidiary");
    let file = practice.policy(&json!([tencent(), other]));
    let seen = practice.run(args(file.clone())).await;
    assert!(!seen.well);
    assert_eq!(seen.statuses("tencent", "credential"), ["ok", "fail"]);
    assert_eq!(seen.statuses("tencent", "read-source"), ["ok", "skipped"]);
    // The network of an account without a key is looked at all the same.
    assert_eq!(seen.statuses("tencent", "reachability"), ["ok", "ok"]);
    let only = practice.run(DoctorArgs { account: Some("default".into()), ..args(file) }).await;
    assert!(only.well, "{}", only.text);
}

/// The kinds of error are those that a command tells.
#[tokio::test]
async fn a_credential_that_cannot_be_got_is_told_by_the_name_of_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("aws.db")).unwrap();
    let options = Options::new(database, "AKIALOCALLOCALLOCAL0", "local-secret".to_owned().into());
    let aws = LocalAws::start(options).await.unwrap();
    let practice = Practice::open()
        .await
        .with("AWS_ACCESS_KEY_ID", "AKIALOCALLOCALLOCAL0")
        .with("AWS_SECRET_ACCESS_KEY", "local-secret")
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ENDPOINT_URL", &aws.endpoint())
        .with("OFFSITE_TENCENT_ACCOUNTS", &json!({"default": {"secret": ARN}}).to_string());
    let policy = practice.policy(&json!([{"name": "web", "provider": "tencent", "source": {"region": "ap-guangzhou"},
        "destinations": [{"region": "ap-beijing"}]}]));
    let quick = || DoctorArgs { timeout: 2, ..args(policy.clone()) };
    for (fault, name, advice) in [
        (Fault::UNAVAILABLE, "Offsite.Unavailable: ", "run doctor again"),
        (
            Fault::Refuse { status: 400, kind: "com.amazonaws#AccessDeniedException" },
            "Offsite.Configuration: ",
            "offsite explain configuration",
        ),
    ] {
        aws.faults().next("GetSecretValue", 100, fault);
        let seen = practice.run(quick()).await;
        assert_eq!(seen.statuses("tencent", "credential"), ["fail"], "{}", seen.text);
        let found = seen.found("tencent", "credential");
        assert!(found.contains(name) && found.contains(ARN), "{found}");
        assert!(seen.text.contains(advice), "{}", seen.text);
        assert_eq!(seen.statuses("tencent", "read-source"), ["skipped"], "{}", seen.text);
        aws.faults().clear();
    }
}

/// A wrong queue is found without a call, and its URL, which may hold a password, is not repeated.
#[tokio::test]
async fn a_wrong_queue_is_told_by_its_variable() {
    let practice = Practice::open().await.with("QUEUE_URL", "https://x:hunter2@sqs.eu-west-1.amazonaws.com/1/q");
    let practice =
        practice.with("AWS_ACCESS_KEY_ID", "A").with("AWS_SECRET_ACCESS_KEY", "s").with("AWS_REGION", "eu-west-1");
    let seen = practice.run(args(None)).await;
    assert!(seen.text.contains("Offsite.Configuration: QUEUE_URL must not hold a user name"), "{}", seen.text);
    assert!(!seen.text.contains("hunter2") && !seen.well, "{}", seen.text);
}

#[tokio::test]
async fn a_paused_credential_is_left_alone() {
    let practice = Practice::open().await;
    let file = practice.folder.path().join("a ledger's file?.db");
    let practice = practice.with("OFFSITE_DB", &file.to_string_lossy());
    let credential = Credential {
        access_key_id: SimOptions::default().access_key_id,
        access_key_secret: SecretString::from(SECRET),
        security_token: None,
    };
    let name = CredentialName::of(Cloud::Tencent, "default", &Access::Key(credential.into()));
    {
        let database = home::open(&file, true).await.unwrap();
        let until = "2126-01-01T00:00:00Z".parse().unwrap();
        let pause = Pause { until, reason: "AuthFailure.SignatureFailure".into() };
        SqliteLedger::new(database).pause(&name, &pause).await.unwrap();
    }
    let (before, files) = (std::fs::read(&file).unwrap(), practice.files());
    let seen = practice.run(args(practice.policy(&json!([tencent()])))).await;
    assert_eq!(seen.statuses("", "ledger"), ["ok"], "{}", seen.text);
    assert_eq!(seen.statuses("tencent", "credential"), ["fail"], "{}", seen.text);
    assert!(seen.found("tencent", "credential").contains("paused until 2126"), "{}", seen.text);
    assert_eq!(practice.signed(&practice.simulators.tencent()).await, []);
    assert_eq!(std::fs::read(&file).unwrap(), before, "the ledger was changed");
    assert_eq!(practice.files(), files, "a file was left beside the ledger");
    // While somebody else has it open, it is read all the same.
    let held = Database::open(&file).unwrap();
    let seen = practice.run(args(practice.policy(&json!([tencent()])))).await;
    assert_eq!(seen.statuses("tencent", "credential"), ["fail"], "{}", seen.text);
    drop(held);
}

#[tokio::test]
async fn this_installation_is_looked_at_too() {
    let practice = Practice::open().await;
    let file = practice.folder.path().join("offsite.db");
    drop(home::open(&file, false).await.unwrap());
    let rules = practice.policy(&json!([tencent()]));
    let seen = practice.run(args(rules.clone())).await;
    assert!(seen.found("", "ledger").contains("holds live replications"), "{}", seen.text);
    std::fs::write(&file, "no database at all, but long enough to be looked at as one ............................")
        .unwrap();
    assert_eq!(practice.run(args(rules.clone())).await.statuses("", "ledger"), ["fail"]);

    let practice = practice.with("OFFSITE_PAUSED", "1").with("QUEUE_URL", "https://user:Zq7CanaryInUrl@example.com/q");
    let seen = practice.run(args(rules.clone())).await;
    assert_eq!((seen.statuses("", "paused"), seen.statuses("", "queue")), (vec!["warn"], vec!["fail"]));
    assert!(!seen.text.contains("Zq7CanaryInUrl"), "{}", seen.text);

    let practice = practice.with("OFFSITE_TENCENT_RPS", "many");
    let seen = practice.run(args(rules)).await;
    assert!(!seen.well);
    assert_eq!(seen.checks().len(), 1);
    assert!(seen.found("", "settings").contains("OFFSITE_TENCENT_RPS"));
}

#[tokio::test]
async fn another_installation_that_was_met_is_a_warning() {
    let practice = Practice::open().await;
    let file = practice.folder.path().join("offsite.db");
    let database = home::open(&file, true).await.unwrap();
    let rules = practice.policy(&json!([tencent()]));
    let seen = practice.run(args(rules.clone())).await;
    assert_eq!(seen.statuses("", "installations"), ["ok"], "{}", seen.text);
    let one = Adopted { at: SystemClock.now(), source: "snap-met00001".into(), destination: "ap-beijing".into() };
    assert!(SqliteLedger::new(database).put_note(NOTE, &adopted::with(None, one), 0).await.unwrap());
    let seen = practice.run(args(rules)).await;
    assert_eq!(seen.statuses("", "installations"), ["warn"], "{}", seen.text);
    assert!(seen.found("", "installations").contains("snap-met00001 to ap-beijing"), "{}", seen.text);
}

#[tokio::test]
async fn table_and_queue_are_read_and_what_is_missing_is_told() {
    let store = Store::open(Home::Dynamo).await;
    let mut practice = Practice::open().await;
    for (name, value) in aws_environment(store.aws.as_ref().unwrap()).variables() {
        practice = practice.with(name, value);
    }
    let practice = practice.with("OFFSITE_TABLE", "ledger");
    let key = practice.environment.get("TENCENTCLOUD_SECRET_ID").unwrap().to_owned();
    let file = practice.policy(&json!([tencent()]));
    let seen = practice.run(args(file.clone())).await;
    assert!(seen.well, "{}", seen.text);
    assert_eq!((seen.statuses("", "ledger"), seen.statuses("", "queue")), (vec!["ok"], vec!["ok"]), "{}", seen.text);

    let credential =
        Credential { access_key_id: key, access_key_secret: SecretString::from(SECRET), security_token: None };
    let name = CredentialName::of(Cloud::Tencent, "default", &Access::Key(credential.into()));
    let pause = Pause { until: "2126-01-01T00:00:00Z".parse().unwrap(), reason: "refused".into() };
    store.ledger.pause(&name, &pause).await.unwrap();
    assert_eq!(practice.run(args(file.clone())).await.statuses("tencent", "credential"), ["fail"]);

    let queue = practice.environment.get("QUEUE_URL").unwrap().replace("receipts", "elsewhere");
    let practice = practice.with("OFFSITE_TABLE", "elsewhere").with("QUEUE_URL", &queue);
    let seen = practice.run(args(file)).await;
    assert_eq!(
        (seen.statuses("", "ledger"), seen.statuses("", "queue")),
        (vec!["fail"], vec!["fail"]),
        "{}",
        seen.text
    );
}

#[tokio::test]
async fn a_password_is_tried_once() {
    let password = "Zq7CanaryPassword0003";
    let practice = Practice::open()
        .await
        .with("HUAWEICLOUD_SDK_AK", "")
        .with("HUAWEICLOUD_SDK_SK", "")
        .with("OFFSITE_HUAWEI_IAM_DOMAIN", "offsite-domain")
        .with("OFFSITE_HUAWEI_IAM_USER", "offsite-user")
        .with("OFFSITE_HUAWEI_IAM_PASSWORD", password);
    let file = practice.policy(&json!([huawei("region2", VAULT)]));
    let seen = practice.run(args(file.clone())).await;
    assert_eq!(
        (seen.statuses("huawei", "identity"), seen.statuses("huawei", "read-source")),
        (vec!["fail"], vec!["skipped"])
    );
    assert!(!seen.text.contains(password), "{}", seen.text);
    let signed = practice.signed(&practice.simulators.huawei()).await;
    assert_eq!(signed.len(), 1, "{signed:?}");
    let practice = practice.with("OFFSITE_HUAWEI_IAM_PASSWORD", "offsite-password");
    let seen = practice.run(args(file.clone())).await;
    assert!(seen.well, "{}", seen.text);
    assert_eq!(seen.statuses("huawei", "destination-vault"), ["ok"]);
    let practice = practice.with("OFFSITE_HUAWEI_IAM_USER", "");
    let seen = practice.run(args(file)).await;
    assert!(seen.found("huawei", "credential").contains("OFFSITE_HUAWEI_IAM_USER is missing"), "{}", seen.text);
}

#[tokio::test]
async fn a_policy_that_is_wrong_is_a_finding() {
    let practice = Practice::open().await;
    let seen = practice.run(args(practice.policy(&json!([{"name": "t", "provider": "tencent"}])))).await;
    assert!(!seen.well);
    assert_eq!(seen.statuses("", "policy"), ["fail"]);
    assert_eq!(seen.statuses("tencent", "read-source"), ["ok"], "the accounts are looked at all the same");
    let seen = practice.run(args(Some(practice.folder.path().join("none.yaml")))).await;
    assert!(seen.found("", "policy").contains("cannot be read"), "{}", seen.text);
}

/// Programs read this: names and fields stay. `docs/doctor.md` has each of them.
#[tokio::test]
async fn the_json_has_the_documented_shape() {
    let practice = Practice::open().await;
    let seen = practice.run(args(practice.policy(&all()))).await;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&seen.report), set(&["version", "checked_at", "simulated", "policy", "checks", "summary"]));
    assert_eq!((&seen.report["version"], &seen.report["simulated"]), (&json!(1), &json!(true)));
    let fields = ["check", "provider", "account", "subject", "status", "found", "advice", "cannot_know", "latency_ms"];
    let statuses = ["ok", "warn", "fail", "unknown", "skipped"];
    assert_eq!(keys(&seen.report["summary"]), set(&statuses));
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/doctor.md")).unwrap();
    for check in seen.checks() {
        assert_eq!(keys(check), set(&fields));
        assert!(statuses.contains(&check["status"].as_str().unwrap()));
        assert!(!check["cannot_know"].as_str().unwrap().is_empty(), "{check}");
        let name = check["check"].as_str().unwrap();
        assert!(document.contains(&format!("| `{name}` |")), "docs/doctor.md does not describe {name}");
        let works = matches!(check["status"].as_str(), Some("ok" | "skipped" | "unknown"));
        assert!(works || !check["advice"].as_str().unwrap().is_empty(), "nothing to do about {check}");
    }
    for field in fields.iter().chain(&statuses) {
        assert!(document.contains(&format!("`{field}`")), "docs/doctor.md does not describe {field}");
    }
    let total: u64 = statuses.iter().map(|status| seen.report["summary"][status].as_u64().unwrap()).sum();
    assert_eq!(total, seen.checks().len() as u64);
}

#[tokio::test]
async fn as_a_process_it_tells_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offsite.db");
    let environment = [("OFFSITE_DB".to_owned(), file.to_string_lossy().into_owned())];
    let well = command_line::run(&["doctor", "--simulate"], &environment, None).await;
    assert_eq!(well.code, 0, "{}{}", well.stdout, well.stderr);
    assert!(well.stdout.contains("nothing was changed") && !well.stdout.contains('\u{1b}'), "{}", well.stdout);
    assert!(!file.exists());
    let failing = command_line::run(&["doctor", "--provider", "tencent"], &environment, None).await;
    assert_eq!(failing.code, 3, "{}{}", failing.stdout, failing.stderr);
    let wrong = command_line::run(&["doctor", "--provider", "nimbus"], &environment, None).await;
    assert_eq!(wrong.code, 2);
}
