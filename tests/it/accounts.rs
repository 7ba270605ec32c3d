//! Credentials of accounts: kept in Secrets Manager or a file, exchanged for the AWS role, taken on from a stored key; got again when
//! they end or are refused, and confirmed to be of the account that is meant. The functions' own wiring, in this process.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use offsite_local::aws::faults::Fault;
use offsite_local::aws::{LocalAws, Options};
use offsite_local::home;
use offsite_local::home::database::Database;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::lambda;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::{Error, ErrorName};
use offsite_shared::ports::{Clock, Transport};
use offsite_shared::settings::environment::Environment;
use offsite_simulators::identity_tokens::AUDIENCE;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::events::sample;
use crate::faults::ports::{JumpClock, admin};

pub const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:offsite/key-AbCdEf";
const AWS_KEY: (&str, &str) = ("AKIALOCALLOCALLOCAL0", "local-secret-that-opens-nothing");

/// The clouds, AWS, and what a function finds in its environment.
pub struct Site {
    pub simulators: Simulators,
    pub aws: LocalAws,
    pub clock: Arc<JumpClock>,
    pub http: HttpTransport,
    pub environment: Environment,
    pub database: Database,
    _directory: TempDir,
}

impl Site {
    /// Without any credential.
    pub async fn start() -> Site {
        let options = SimOptions { any_source: true, ..SimOptions::default() };
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let http = HttpTransport::new(Duration::from_secs(3)).unwrap();
        let clock = Arc::new(JumpClock::new(&http, simulators.tencent(), None));
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("offsite.db")).unwrap();
        let mut aws = Options::new(database.clone(), AWS_KEY.0, AWS_KEY.1.into());
        let jumping = clock.clone();
        aws.clock = Arc::new(move || jumping.now());
        let aws = LocalAws::start(aws).await.unwrap();
        let mut environment = home::point_at(&simulators, &options, Environment::default());
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", AWS_KEY.0),
            ("AWS_SECRET_ACCESS_KEY", AWS_KEY.1),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &aws.endpoint()),
            ("QUEUE_URL", &aws.queue_url(offsite_local::home::queue::RECEIPTS)),
            ("OFFSITE_TABLE", "offsite-ledger"),
            ("OFFSITE_METRICS", "none"),
        ] {
            environment = environment.with(name, value);
        }
        for cloud in Cloud::ALL {
            for variable in offsite_shared::io::credentials::key_variables(cloud) {
                environment = environment.with(variable, "");
            }
        }
        let site = Site { simulators, aws, clock, http, environment, database, _directory: directory };
        let transport: Arc<dyn Transport> = Arc::new(site.http.clone());
        let client = Arc::new(Aws::from_environment(&site.environment, transport, site.clock.clone()).unwrap());
        let table = DynamoLedger::from_environment(&site.environment, client, "offsite-ledger").unwrap();
        table.create_table().await.unwrap();
        site
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Site {
        self.environment = self.environment.with(name, value);
        self
    }

    /// A Tencent function whose account `default` is set up so.
    pub async fn tencent(account: Value) -> (Site, Context) {
        let site = Site::start().await.with("OFFSITE_TENCENT_ACCOUNTS", json!({ "default": account }).to_string());
        let context = site.function(Cloud::Tencent).unwrap();
        (site, context)
    }

    pub fn function(&self, cloud: Cloud) -> Result<Context, Error> {
        let provider = home::PROVIDERS.into_iter().find(|provider| provider.cloud() == cloud).unwrap();
        lambda::context(provider, &self.environment, self.clock.clone())
    }

    pub async fn invoke(&self, context: &Context, event: &Value) -> Result<Value, Error> {
        let deadline = self.clock.now() + SignedDuration::from_secs(60);
        handle(context, event, &Invocation { id: "test".into(), deadline }).await
    }

    /// Takes on this key at the cloud instead of the one before.
    pub async fn accept(&self, base: &str, secret: &str) {
        let key = json!({"access_key_id": SimOptions::default().access_key_id, "access_key_secret": secret});
        admin(&self.http, base, "key", &key).await;
    }

    pub fn calls(&self, cloud: Cloud, action: &str) -> u64 {
        self.simulators.state()["calls"][cloud.name()][action].as_u64().unwrap_or(0)
    }

    pub fn copies(&self) -> usize {
        self.simulators.state()["replications"].as_array().map_or(0, Vec::len)
    }

    /// What this cloud's simulator tells.
    pub async fn told(&self, cloud: Cloud, path: &str) -> Value {
        let base = match cloud {
            Cloud::Alibaba => self.simulators.alibaba(),
            Cloud::Huawei => self.simulators.huawei(),
            Cloud::Tencent => self.simulators.tencent(),
        };
        serde_json::from_slice(&get(self, &base, path).await).unwrap()
    }

    pub async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

pub fn key() -> String {
    let options = SimOptions::default();
    json!({"access_key_id": options.access_key_id, "access_key_secret": options.access_key_secret}).to_string()
}

/// A command for another snapshot each time.
pub fn command(number: usize) -> Value {
    json!({"action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": {"region": "ap-guangzhou", "snapshot_id": format!("snap-acct{number:04}")},
        "destinations": [{"region": "ap-beijing"}]})
}

#[track_caller]
pub fn accepted(answer: Result<Value, Error>) {
    let answer = answer.unwrap();
    assert_eq!(answer["results"][0]["state"], "accepted", "{answer}");
}

#[tokio::test]
async fn a_secret_is_fetched_once_and_again_when_it_was_rotated() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    site.aws.keep_secret(ARN, &key());
    accepted(site.invoke(&context, &command(1)).await);
    // Not asked again: another text under this ARN is not noticed while the key works.
    site.aws.keep_secret(ARN, "no JSON at all");
    accepted(site.invoke(&context, &command(2)).await);

    site.aws.keep_secret(ARN, &key().replace("simulated-secret", "rotated-secret"));
    let rotated = SimOptions::default().access_key_secret.replace("simulated-secret", "rotated-secret");
    site.accept(&site.simulators.tencent(), &rotated).await;
    accepted(site.invoke(&context, &command(3)).await);
    assert_eq!(site.copies(), 3);
}

#[tokio::test]
async fn a_rotation_is_noticed_by_the_clock_as_well() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    site.aws.keep_secret(ARN, &key());
    accepted(site.invoke(&context, &command(1)).await);
    site.aws.keep_secret(ARN, "no JSON at all");
    site.pass(700).await;
    // What was kept cannot be read now, and the key that is there still works.
    accepted(site.invoke(&context, &command(2)).await);
    let fresh = site.function(Cloud::Tencent).unwrap();
    let error = site.invoke(&fresh, &command(3)).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Configuration, "{error}");
    assert!(error.message.contains("is not JSON") && error.message.contains(ARN), "{error}");
    assert!(!error.message.contains("no JSON at all"), "{error}");
}

#[tokio::test]
async fn a_wrong_secret_is_tried_once_and_a_corrected_one_used_at_once() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    site.aws.keep_secret(ARN, &key().replace("simulated-secret", "mistyped-secret"));
    for number in 1..=4 {
        let error = site.invoke(&context, &command(number)).await.unwrap_err();
        assert_eq!(error.name, ErrorName::Rejected, "{error}");
        assert!(!error.message.contains("mistyped"), "{error}");
    }
    assert_eq!(site.copies(), 0);
    let log: Value = serde_json::from_slice(&get(&site, &site.simulators.tencent(), "log").await).unwrap();
    let signed = log["requests"].as_array().unwrap().len();
    assert_eq!(signed, 1, "one wrong signature, then the credential is left alone: {log}");
    site.aws.keep_secret(ARN, &key());
    site.pass(31).await;
    accepted(site.invoke(&context, &command(1)).await);
}

/// What the key may not do with one snapshot says nothing of the next, nor of the key.
#[tokio::test]
async fn one_source_that_the_key_may_not_touch_pauses_nobody() {
    for action in ["CopySnapshotCrossRegions", "DescribeSnapshots"] {
        for code in ["UnauthorizedOperation", "AuthFailure.UnauthorizedOperation"] {
            let (site, handler) = Site::tencent(json!({ "secret": ARN })).await;
            site.aws.keep_secret(ARN, &key());
            let denied = json!({"faults": [{"action": action, "kind": "code", "code": code, "times": 1}]});
            admin(&site.http, &site.simulators.tencent(), "faults", &denied).await;
            let error = site.invoke(&handler, &command(1)).await.unwrap_err();
            assert_eq!(error.name, ErrorName::Rejected, "{error}");
            assert!(error.message.contains(code) && error.message.contains("may not do this here"), "{error}");
            accepted(site.invoke(&handler, &command(2)).await);
            let other = site.function(Cloud::Tencent).unwrap();
            accepted(site.invoke(&other, &command(3)).await);
            assert_eq!(site.copies(), 2);
            // The ledger has the refusal, so nothing is asked again before its backoff has ended.
            let asked = site.calls(Cloud::Tencent, action);
            let error = site.invoke(&other, &command(1)).await.unwrap_err();
            assert!(!error.message.contains("paused"), "{error}");
            assert_eq!(site.calls(Cloud::Tencent, action), asked);
        }
    }
}

/// What the key may not look at says nothing of the other copies, nor of the key.
#[tokio::test]
async fn one_copy_that_the_key_may_not_look_at_pauses_nobody() {
    for code in ["UnauthorizedOperation", "AuthFailure.UnauthorizedOperation"] {
        let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
        site.aws.keep_secret(ARN, &key());
        for number in [1, 2] {
            accepted(site.invoke(&context, &command(number)).await);
        }
        site.pass(7_200).await;
        // The question for both is refused, and then the one for the first copy alone.
        let denied = json!({"faults": [{"action": "DescribeSnapshots", "kind": "code", "code": code, "times": 2}]});
        admin(&site.http, &site.simulators.tencent(), "faults", &denied).await;
        let answer = site.invoke(&context, &json!({"action": "observe"})).await.unwrap();
        let observed = &answer["observed"];
        assert_eq!((&observed["replicated"], &observed["unanswered"]), (&json!(1), &json!(1)), "{code}: {answer}");
        let other = site.function(Cloud::Tencent).unwrap();
        accepted(site.invoke(&other, &command(3)).await);
        site.pass(7_200).await;
        let answer = site.invoke(&other, &json!({"action": "observe"})).await.unwrap();
        assert_eq!(answer["observed"]["replicated"], json!(2), "{code}: {answer}");
    }
}

/// A rule whose region the key may not list is not known; the rules beside it are swept, and nothing is paused.
#[tokio::test]
async fn one_region_that_the_key_may_not_list_pauses_nobody() {
    let rule = |name: &str, region: &str| json!({"name": name, "provider": "tencent", "source": {"region": region}, "destinations": [{"region": "ap-beijing"}]});
    let policy = json!({"version": 1, "rules": [rule("denied", "ap-shanghai"), rule("web", "ap-guangzhou")]});
    for code in ["UnauthorizedOperation", "AuthFailure.UnauthorizedOperation"] {
        let site = Site::start()
            .await
            .with("OFFSITE_TENCENT_ACCOUNTS", json!({"default": { "secret": ARN }}).to_string())
            .with("OFFSITE_POLICY", "ssm:/offsite/policy");
        site.aws.keep_secret(ARN, &key());
        site.aws.keep_parameter("/offsite/policy", &policy.to_string());
        let seed = json!({"snapshots": [{"snapshot_id": "snap-acct0001", "region": "ap-guangzhou", "name": "x"},
            {"snapshot_id": "snap-acct0002", "region": "ap-guangzhou", "name": "y"}]});
        admin(&site.http, &site.simulators.tencent(), "seed", &seed).await;
        let denied = json!({"faults": [{"action": "DescribeSnapshots", "match": {"region": "ap-shanghai"}, "kind": "code", "code": code}]});
        admin(&site.http, &site.simulators.tencent(), "faults", &denied).await;
        let context = site.function(Cloud::Tencent).unwrap();
        let answer = site.invoke(&context, &json!({"action": "sweep"})).await.unwrap();
        let of = |name: &str| {
            let rules = answer["swept"].as_array().unwrap();
            rules.iter().find(|rule| rule["rule"] == json!(name)).cloned().unwrap_or_else(|| panic!("{name}: {answer}"))
        };
        assert_eq!(of("denied")["complete"], json!(false), "{code}: {answer}");
        assert!(of("denied").to_string().contains(code), "{answer}");
        assert_eq!(of("web")["complete"], json!(true), "{code}: {answer}");
        assert_eq!(site.copies(), 2, "{code}: {answer}");
        let other = site.function(Cloud::Tencent).unwrap();
        accepted(site.invoke(&other, &command(1)).await);
    }
}

/// What a wrong setting causes is recorded nowhere: with the right one the same command starts at once.
#[tokio::test]
async fn what_this_installation_has_set_wrong_is_not_charged_to_a_backup() {
    for (action, code) in [
        ("CopySnapshotCrossRegions", "InvalidAction"),
        ("CopySnapshotCrossRegions", "UnsupportedRegion"),
        ("DescribeSnapshots", "NoSuchProduct"),
    ] {
        let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
        site.aws.keep_secret(ARN, &key());
        let wrong = json!({"faults": [{"action": action, "kind": "code", "code": code}]});
        admin(&site.http, &site.simulators.tencent(), "faults", &wrong).await;
        for _ in 0..7 {
            let error = site.invoke(&context, &command(1)).await.unwrap_err();
            assert_eq!(error.name, ErrorName::Configuration, "{code}: {error}");
            assert!(error.message.contains(code), "{error}");
        }
        admin(&site.http, &site.simulators.tencent(), "faults", &json!({"clear": true, "faults": []})).await;
        accepted(site.invoke(&context, &command(1)).await);
        let page = context.ports.ledger.list(&Default::default(), None, 10).await.unwrap();
        assert_eq!(page.records[0].attempt, 1, "{code}");
    }
}

async fn get(site: &Site, base: &str, path: &str) -> Vec<u8> {
    let request = offsite_shared::model::http::HttpRequest {
        manner: Default::default(),
        method: "GET".into(),
        url: format!("{base}/_sim/{path}"),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(5),
    };
    site.http.send(request).await.unwrap().body
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_says_which_and_what_to_do() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    let error = site.invoke(&context, &command(1)).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Configuration, "{error}");
    assert!(error.message.contains("ResourceNotFoundException") && error.message.contains("check the ARN"), "{error}");
    let denied = Fault::Refuse { status: 400, kind: "com.amazonaws#AccessDeniedException" };
    site.aws.faults().next("GetSecretValue", 1, denied);
    let error = site.invoke(&context, &command(1)).await.unwrap_err();
    assert!(error.message.contains("secretsmanager:GetSecretValue"), "{error}");
    assert_eq!(site.copies(), 0);
}

#[tokio::test]
async fn a_secret_of_another_region_and_a_missing_account_are_named_at_once() {
    let arn = ARN.replace("us-east-1", "eu-central-1");
    let site = Site::start().await.with("OFFSITE_TENCENT_ACCOUNTS", json!({"prod": {"secret": arn}}).to_string());
    let error = site.function(Cloud::Tencent).err().unwrap();
    assert!(error.message.contains("eu-central-1") && error.message.contains("us-east-1"), "{error}");
    let site = Site::start().await.with("OFFSITE_TENCENT_ACCOUNTS", json!({"prod": {"secret": ARN}}).to_string());
    let context = site.function(Cloud::Tencent).unwrap();
    let error = site.invoke(&context, &command(1)).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Configuration);
    assert!(error.message.contains("account \"default\" of tencent") && error.message.contains("prod"), "{error}");
}

#[tokio::test]
async fn several_accounts_have_a_credential_each() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lab.json");
    std::fs::write(&file, key()).unwrap();
    let accounts = json!({"prod": {"secret": ARN}, "lab": {"secret": format!("file:{}", file.display())}});
    let site = Site::start().await.with("OFFSITE_TENCENT_ACCOUNTS", accounts.to_string());
    site.aws.keep_secret(ARN, &key());
    let context = site.function(Cloud::Tencent).unwrap();
    for (number, account) in ["prod", "lab"].into_iter().enumerate() {
        let mut command = command(number);
        command["account"] = json!(account);
        accepted(site.invoke(&context, &command).await);
    }
    assert_eq!(site.copies(), 2);
}

/// Each cloud, an event of it, a role in its spelling, and the call that takes it on or exchanges a token for it.
const ROLES: [(Cloud, &str, &str, &str, &str); 3] = [
    (
        Cloud::Alibaba,
        "alibaba/command.json",
        "acs:ram::1000000000000001:role/offsite",
        "AssumeRole",
        "AssumeRoleWithOIDC",
    ),
    (
        Cloud::Huawei,
        "huawei/copy-backup.json",
        "iam::0123456789abcdef0123456789abcdef:agency:offsite",
        "AssumeAgency",
        "AssumeAgencyWithOIDC",
    ),
    (
        Cloud::Tencent,
        "tencent/command.json",
        "qcs::cam::uin/100000000001:roleName/offsite",
        "AssumeRole",
        "AssumeRoleWithWebIdentity",
    ),
];

fn accounts_of(cloud: Cloud) -> String {
    offsite_shared::settings::accounts::variable(cloud)
}

#[tokio::test]
async fn the_aws_role_becomes_a_role_of_each_cloud_without_a_stored_key() {
    for (cloud, event, role, _, action) in ROLES {
        let account = json!({"federation": {"role": role, "provider": "aws", "audience": AUDIENCE}});
        let site = Site::start().await.with(&accounts_of(cloud), json!({ "default": account }).to_string());
        let context = site.function(cloud).unwrap();
        accepted(site.invoke(&context, &sample(event)).await);
        assert_eq!(site.calls(cloud, action), 1, "{action}");
        // It is used as long as it lives, and got anew in the last quarter of its life.
        site.pass(2_600).await;
        site.invoke(&context, &sample(event)).await.unwrap();
        site.invoke(&context, &json!({"action": "observe"})).await.unwrap();
        assert_eq!(site.calls(cloud, action), 1, "{action}");
        site.pass(200).await;
        site.invoke(&context, &sample(event)).await.unwrap();
        assert_eq!(site.calls(cloud, action), 2, "{action}");
        assert!(site.copies() >= 1);
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused_and_not_shown() {
    for (cloud, event, role, _, action) in ROLES {
        let account = json!({"federation": {"role": role, "provider": "aws", "audience": "somebody-else"}});
        let site = Site::start().await.with(&accounts_of(cloud), json!({ "default": account }).to_string());
        let context = site.function(cloud).unwrap();
        let error = site.invoke(&context, &sample(event)).await.unwrap_err();
        assert!(error.message.contains("audience"), "{error}");
        assert!(!error.message.contains("eyJ"), "no part of the token: {error}");
        site.invoke(&context, &sample(event)).await.unwrap_err();
        assert!(site.calls(cloud, action) <= 2);
        assert_eq!(site.copies(), 0);
    }
}

#[tokio::test]
async fn a_federation_that_aws_has_not_switched_on_says_how() {
    let (site, context) = Site::tencent(
        json!({"federation": {"role": ROLES[2].2, "provider": "aws", "audience": AUDIENCE, "algorithm": "ES384"}}),
    )
    .await;
    site.aws.faults().next("GetWebIdentityToken", 1, Fault::DropBefore);
    let error = site.invoke(&context, &command(1)).await.unwrap_err();
    assert!(error.message.contains("enable-outbound-web-identity-federation"), "{error}");
    accepted(site.invoke(&context, &command(1)).await);
}

#[tokio::test]
async fn a_stored_key_takes_on_a_role_of_each_cloud_and_a_failing_renewal_keeps_the_old_credential() {
    for (cloud, event, role, action, _) in ROLES {
        let account = json!({"secret": ARN, "role": {"role": role, "external_id": "offsite-0001", "duration_s": 3600}});
        let site = Site::start().await.with(&accounts_of(cloud), json!({ "default": account }).to_string());
        site.aws.keep_secret(ARN, &key());
        let context = site.function(cloud).unwrap();
        accepted(site.invoke(&context, &sample(event)).await);
        assert_eq!(site.calls(cloud, action), 1, "{action}");
        // In its last quarter, with a token service that fails: the old one goes on.
        let base = match cloud {
            Cloud::Alibaba => site.simulators.alibaba(),
            Cloud::Huawei => site.simulators.huawei(),
            Cloud::Tencent => site.simulators.tencent(),
        };
        let broken = json!({"faults": [{"action": action, "kind": "http_500_before"}]});
        admin(&site.http, &base, "faults", &broken).await;
        site.pass(2_800).await;
        site.invoke(&context, &json!({"action": "observe"})).await.unwrap();
        site.invoke(&context, &sample(event)).await.unwrap();
        // Past its end it is not used.
        site.pass(900).await;
        let error = site.invoke(&context, &command_of(&sample(event), 7)).await.unwrap_err();
        assert!(error.message.contains(role), "{error}");
        admin(&site.http, &base, "faults", &json!({"clear": true, "faults": []})).await;
        accepted(site.invoke(&context, &command_of(&sample(event), 7)).await);
    }
}

/// A role whose every key is refused is not taken on again and again.
#[tokio::test]
async fn a_role_that_does_not_work_is_not_taken_on_in_a_loop() {
    let account = json!({"secret": ARN, "role": {"role": ROLES[2].2}});
    let (site, context) = Site::tencent(account).await;
    site.aws.keep_secret(ARN, &key());
    let refused = json!({"action": "DescribeSnapshots", "kind": "code", "code": "AuthFailure.SecretIdNotFound"});
    admin(&site.http, &site.simulators.tencent(), "faults", &json!({"faults": [refused]})).await;
    for number in 1..=6 {
        let error = site.invoke(&context, &command(number)).await.unwrap_err();
        assert_eq!(error.name, ErrorName::Rejected, "{error}");
    }
    assert_eq!(site.calls(Cloud::Tencent, "AssumeRole"), 2, "once, and once more after it was refused");
    assert_eq!(site.calls(Cloud::Tencent, "DescribeSnapshots"), 2);
}

/// The same command for another source.
fn command_of(event: &Value, number: usize) -> Value {
    let mut event = event.clone();
    for (field, form) in
        [("snapshot_id", "snap-other"), ("backup_id", "a5200268-74a5-4806-acc6-95793ab0"), ("vault_id", "v-000other")]
    {
        if event["source"].get(field).is_some() {
            event["source"][field] = json!(format!("{form}{number:04}"));
        }
    }
    // A target vault replicates from one source only.
    if event["provider"] == "alibaba" {
        event["destinations"][0]["vault_id"] = json!(format!("v-000target{number:04}"));
    }
    event
}

#[tokio::test]
async fn a_credential_of_another_account_is_used_for_the_one_question_only() {
    for (cloud, event, right) in [
        (Cloud::Alibaba, "alibaba/command.json", "1000000000000001"),
        (Cloud::Huawei, "huawei/copy-backup.json", "domain0000000000000000000000000001"),
        (Cloud::Tencent, "tencent/command.json", "100000000001"),
    ] {
        let set_up = |identity: &str| json!({"default": {"secret": ARN, "identity": identity}}).to_string();
        let site = Site::start().await.with(&accounts_of(cloud), set_up("4711"));
        site.aws.keep_secret(ARN, &key());
        let context = site.function(cloud).unwrap();
        let error = site.invoke(&context, &sample(event)).await.unwrap_err();
        assert!(error.message.contains(right) && error.message.contains("4711"), "{error}");
        let state = site.simulators.state();
        let calls = state["calls"][cloud.name()].as_object().unwrap().clone();
        assert_eq!(calls.values().filter_map(Value::as_u64).sum::<u64>(), 1, "{calls:?}");

        // Confirmed once, the right one works.
        let site = Site::start().await.with(&accounts_of(cloud), set_up(right));
        site.aws.keep_secret(ARN, &key());
        let context = site.function(cloud).unwrap();
        accepted(site.invoke(&context, &sample(event)).await);
        accepted(site.invoke(&context, &command_of(&sample(event), 3)).await);
        let question = if cloud == Cloud::Huawei { "ListProjects" } else { "GetCallerIdentity" };
        assert_eq!(site.calls(cloud, question), 1);
    }
}
