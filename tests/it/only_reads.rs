//! What may leave a process that only looks: of all calls that are planned exactly the reads and sign-ins, whatever they were planned as.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offsite_local::home::{self, PROVIDERS};
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Ports};
use offsite_shared::exchange::only_reads::OnlyReads;
use offsite_shared::exchange::{self, Target};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::access::Access;
use offsite_shared::model::command::{Cloud, Destination, Operation, Options, Realm, Replication, Source};
use offsite_shared::model::evidence::{Evidence, How};
use offsite_shared::model::failure::{Disposition, Failure, Whose};
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::model::time::later;
use offsite_shared::ports::{Boxed, Clock, Transport};
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::asked::{Need, after};
use offsite_shared::providers::call::{Call, Effect};
use offsite_shared::providers::huawei::{self, Huawei};
use offsite_shared::providers::inventory::{Cursor, InventoryQuery};
use offsite_shared::providers::probe::{Probe, Route, Topic};
use offsite_shared::providers::provider::{Accepted, AttemptContext, Provider};
use offsite_shared::providers::sts::{Federation, Role};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::{Credential, Nonce};
use offsite_simulators::{SimOptions, Simulators};
use secrecy::SecretString;
use serde_json::{Value, json};

const UUID: &str = "11111111-2222-4333-8444-555555555555";
const OTHER: &str = "99999999-2222-4333-8444-555555555555";

pub fn at() -> Timestamp {
    "2026-11-21T08:30:00Z".parse().unwrap()
}

pub fn replication(operation: Operation) -> Replication {
    let (from, to, id, project, vault) = match operation.cloud() {
        Cloud::Alibaba => ("cn-hangzhou", "cn-shanghai", "v-1", None, Some("v-2")),
        Cloud::Huawei => ("cn-north-4", "cn-east-3", UUID, Some("p1"), Some(OTHER)),
        Cloud::Tencent => ("ap-guangzhou", "ap-beijing", "snap-ckgjwkqh", None, None),
    };
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Replication {
        operation,
        account: "default".into(),
        source: Source { region: from.into(), project_id: owned(project), id: id.into() },
        destination: Destination {
            region: to.into(),
            project_id: owned(project),
            vault_id: owned(vault.filter(|_| operation.destination_has_vault())),
        },
        options: Options::default(),
        occurrence: None,
        rule: None,
    }
}

/// Replies that lead a reader on to all that it may ask for next: empty lists, one of each thing, records in each state, and what is gone.
fn palette(cloud: Cloud) -> Vec<Reply> {
    let reply = |status, body: &Value| Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() };
    match cloud {
        Cloud::Alibaba => {
            let vaults = |vaults: &Value| json!({"Success": true, "Vaults": {"Vault": vaults}, "TotalCount": vaults.as_array().map(Vec::len)});
            vec![
                reply(200, &vaults(&json!([]))),
                reply(200, &vaults(&json!([{"VaultId": "v-1", "Status": "CREATED"}]))),
                reply(200, &vaults(&json!([{"VaultId": "v-2", "Status": "CREATED"}]))),
            ]
        }
        Cloud::Tencent => {
            let found = |set: &Value| json!({"Response": {"SnapshotSet": set, "TotalCount": set.as_array().map(Vec::len), "RequestId": "r"}});
            vec![
                reply(200, &found(&json!([]))),
                reply(200, &found(&json!([{"SnapshotId": "snap-ckgjwkqh", "SnapshotState": "NORMAL"}]))),
            ]
        }
        Cloud::Huawei => {
            let record = json!({"id": "r1", "status": "success", "destination_region": "cn-east-3",
                "destination_backup_id": OTHER, "destination_checkpoint_item_id": OTHER});
            let backup = json!({"id": UUID, "status": "available"});
            let copied = json!({"id": UUID, "status": "available", "replication_records": [record]});
            vec![
                reply(200, &json!({"backup": backup, "checkpoint_item": backup})),
                reply(200, &json!({"backup": copied, "checkpoint_item": copied})),
                reply(200, &json!({"backups": [backup], "checkpoint_items": [backup], "count": 1})),
                reply(200, &json!({"operation_logs": [], "replication_records": [], "count": 0})),
                reply(200, &json!({"projects": [{"id": "p1", "name": "cn-north-4"}]})),
                reply(404, &json!({"error_code": "BackupService.6200", "error_msg": "m"})),
            ]
        }
    }
}

/// Every call that a reader plans after any sequence of at most three of these replies.
fn asked<T>(palette: &[Reply], mut says: impl FnMut(&[Reply]) -> Result<T, Need>) -> Vec<Call> {
    let (mut calls, mut sequences) = (Vec::new(), vec![Vec::new()]);
    while let Some(replies) = sequences.pop() {
        let Err(Need::Ask(call)) = says(&replies) else { continue };
        calls.push(*call);
        if replies.len() < 3 {
            sequences.extend(palette.iter().map(|next| replies.iter().chain([next]).cloned().collect::<Vec<_>>()));
        }
    }
    calls
}

/// Every call that a cloud's planners plan: starts, read-backs, observations, inventories, probes, headroom, and its token service.
fn planned(provider: &'static dyn Provider, probe: &dyn Probe) -> Vec<Call> {
    let cloud = provider.cloud();
    let palette = palette(cloud);
    let mut calls = Vec::new();
    for operation in Operation::ALL.into_iter().filter(|operation| operation.cloud() == cloud) {
        let one = replication(operation);
        let receipt = Receipt {
            backup_id: None,
            replication_id: Some("r1".into()),
            request_id: None,
            adopted: false,
            attempt: 1,
            time: at(),
        };
        let seen = Evidence {
            destination_id: Some(OTHER.into()),
            state: "available".into(),
            time: at(),
            size_gib: None,
            expires_at: None,
            how: How::Observed,
        };
        for doubt in [false, true] {
            let intent = AttemptContext { attempt: 2, since: at(), doubt };
            calls.push(provider.start(&one, &intent));
            calls.extend(asked(&palette, |replies| after(provider.read_back(&one, &intent), &mut replies.iter())));
        }
        for known in [None, Some(&seen)] {
            calls
                .extend(asked(&palette, |replies| after(provider.observe(&one, &receipt, known), &mut replies.iter())));
        }
        calls.extend(provider.observe_many(&[Accepted { replication: &one, receipt: &receipt }]));
        calls.extend(asked(&palette, |replies| provider.headroom(operation, &one.destination, replies)));
        let inventory = provider.inventory();
        let scope = InventoryQuery::of(operation, &one.source.region, one.source.project_id.clone());
        for cursor in [None, Some(Cursor("100".into()))] {
            calls.push(inventory.list(&scope, cursor.as_ref()));
            calls.extend(inventory.list_copies(&scope, cursor.as_ref()));
        }
        calls.extend(inventory.show(&scope, &one.source.id));
        calls.extend(asked(&palette, |replies| inventory.read_pair(&one, replies)));
        let route = Route {
            operation,
            region: one.source.region.clone(),
            project_id: one.source.project_id.clone(),
            vault_id: Some(one.source.id.clone()),
            destination: one.destination.clone(),
        };
        for topic in Topic::ALL {
            calls.extend(asked(&palette, |replies| probe.diagnose(topic, &route, replies)));
        }
    }
    let role = Role { role: "role".into(), external_id: Some("x".into()), life_s: 900 };
    let federation = Federation {
        role: "role".into(),
        provider: "idp".into(),
        audience: "offsite".into(),
        algorithm: "RS256",
        life_s: 900,
    };
    let token = SecretString::from("eyJ.token");
    calls.push(provider.sts().assume("cn-north-4", &role));
    calls.push(provider.sts().exchange("cn-north-4", &federation, &token, (at(), &Nonce("n".repeat(32)))));
    calls.push(provider.sts().whose("cn-north-4"));
    if cloud == Cloud::Huawei {
        calls.push(huawei::token::request("domain", "user", &token, Realm { region: "cn-north-4", project: None }));
    }
    calls
}

fn clouds() -> [(&'static dyn Provider, &'static dyn Probe); 3] {
    [(&Alibaba, &Alibaba), (&Huawei, &Huawei), (&Tencent, &Tencent)]
}

/// The request that a call becomes on the wire.
fn request_of(provider: &dyn Provider, call: &Call) -> HttpRequest {
    let credential = Credential {
        access_key_id: "id".into(),
        access_key_secret: SecretString::from("secret"),
        security_token: None,
    };
    let mut draft = call.draft.clone();
    draft.host = "host.example".into();
    let unsigned = |name: &str| call.draft.headers.iter().any(|(found, _)| found == name);
    if unsigned("authorization") || unsigned("x-acs-date") {
        // The exchange of an identity token goes out as it is planned.
        return HttpRequest {
            manner: Default::default(),
            method: call.draft.method.clone(),
            url: format!("https://host.example{}", call.draft.path),
            headers: call.draft.headers.clone(),
            body: call.draft.body.clone(),
            timeout: Duration::from_secs(1),
        };
    }
    let access = Access::Key(credential.into());
    let signed = provider.sign(call, draft, &access, at(), &Nonce("n".repeat(32))).unwrap();
    HttpRequest {
        manner: Default::default(),
        method: call.draft.method.clone(),
        url: format!("https://host.example{}", signed.path_and_query),
        headers: signed.headers,
        body: call.draft.body.clone(),
        timeout: Duration::from_secs(1),
    }
}

/// A way out that counts what leaves, and answers all of it with an empty object.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Counting {
    fn sent(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Transport for Counting {
    fn send(&self, _request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(Reply { status: 200, headers: Vec::new(), body: b"{}".to_vec() }) })
    }
}

#[tokio::test]
async fn exactly_the_reads_and_sign_ins_among_all_planned_calls_pass() {
    use Effect::{Read, SignIn, Start};
    let known: [&[(&str, Effect)]; 3] = [
        &[
            ("CreateVaultReplication", Start),
            ("DescribeVaults", Read),
            ("DescribeBackupJobs2", Read),
            ("DescribeVaultReplicationRegions", Read),
            ("GetCallerIdentity", Read),
            ("AssumeRole", SignIn),
            ("AssumeRoleWithOIDC", SignIn),
        ],
        &[
            ("CopyBackup", Start),
            ("CopyCheckpoint", Start),
            ("CopyCheckpointItem", Start),
            ("ShowBackup", Read),
            ("ListBackups", Read),
            ("ListOpLogs", Read),
            ("ShowVault", Read),
            ("ShowReplicationCapabilities", Read),
            ("ListCheckpointItems", Read),
            ("ShowCheckpointItem", Read),
            ("ListReplicationRecords", Read),
            ("ListProjects", Read),
            ("KeystoneCreateUserTokenByPassword", SignIn),
            ("AssumeAgency", SignIn),
            ("AssumeAgencyWithOIDC", SignIn),
        ],
        &[
            ("CopySnapshotCrossRegions", Start),
            ("DescribeSnapshots", Read),
            ("GetCallerIdentity", Read),
            ("AssumeRole", SignIn),
            ("AssumeRoleWithWebIdentity", SignIn),
        ],
    ];
    for ((provider, probe), known) in clouds().into_iter().zip(known) {
        let calls = planned(provider, probe);
        let found: BTreeSet<(&str, String)> =
            calls.iter().map(|call| (call.action, format!("{:?}", call.effect))).collect();
        let known: BTreeSet<(&str, String)> =
            known.iter().map(|(action, effect)| (*action, format!("{effect:?}"))).collect();
        assert_eq!(found, known, "every call is planned under its type, and each is walked");
        for call in &calls {
            let request = request_of(provider, call);
            let of_wire = |cloud: &dyn Provider| cloud.effect_of(&request);
            assert_eq!(of_wire(provider), Some(call.effect), "{}: plan and wire agree", call.action);
            let others = PROVIDERS.into_iter().filter(|other| other.cloud() != provider.cloud());
            assert!(others.into_iter().all(|other| of_wire(other).is_none()), "{}: no other cloud's call", call.action);
            let counting = Arc::new(Counting::default());
            let outcome = OnlyReads::new(counting.clone(), &PROVIDERS).send(request).await;
            match call.effect {
                Read | SignIn => assert!(outcome.is_ok() && counting.sent() == 1, "{} passes", call.action),
                Start => {
                    let Err(TransportError::Forbidden(why)) = outcome else { panic!("{} was sent", call.action) };
                    assert!(why.contains("neither a read nor a sign-in"), "{why}");
                    assert_eq!(counting.sent(), 0, "nothing of {} leaves", call.action);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_credential_of_aws_is_got_and_nothing_else_of_aws_passes() {
    let request = |headers: &[(&str, &str)], body: &str| HttpRequest {
        manner: Default::default(),
        method: "POST".into(),
        url: "https://service.eu-central-1.amazonaws.com/".into(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.as_bytes().to_vec(),
        timeout: Duration::from_secs(1),
    };
    let target = |target| request(&[("x-amz-target", target)], "{}");
    for (request, passes) in [
        (target("secretsmanager.GetSecretValue"), true),
        (request(&[], "Action=GetWebIdentityToken&Version=2011-06-15"), true),
        (target("secretsmanager.PutSecretValue"), false),
        (target("AmazonSQS.SendMessageBatch"), false),
        (target("DynamoDB_20120810.PutItem"), false),
        (request(&[], "Action=DeleteRole&x=Action=GetWebIdentityToken&"), false),
        (
            HttpRequest {
                manner: Default::default(),
                url: "https://sts.eu-central-1.amazonaws.com/?Action=DeleteRole".into(),
                ..request(&[], "Action=GetWebIdentityToken&Version=2011-06-15")
            },
            false,
        ),
        (
            request(
                &[("x-amz-target", "secretsmanager.GetSecretValue"), ("x-tc-action", "CopySnapshotCrossRegions")],
                "{}",
            ),
            false,
        ),
    ] {
        let counting = Arc::new(Counting::default());
        let outcome = OnlyReads::new(counting.clone(), &PROVIDERS).send(request).await;
        assert_eq!((outcome.is_ok(), counting.sent()), (passes, usize::from(passes)));
    }
}

/// A process that may only read, by its settings, over this way out.
pub fn context(environment: &Environment, read_only: bool, transport: Arc<dyn Transport>) -> Context {
    let environment = PROVIDERS.into_iter().fold(environment.clone(), |environment, provider| {
        environment.with(&format!("OFFSITE_{}_RPS", provider.cloud().name().to_uppercase()), "0")
    });
    let mut settings = Settings::from_environment(&environment, &PROVIDERS).unwrap();
    settings.read_only = read_only;
    let (ports, _) = home::ports(&environment, &settings, Arc::new(SystemClock), None).unwrap();
    Context::new(Ports { transport, ..ports }, settings, Metrics::default())
}

pub async fn send(context: &Context, provider: &'static dyn Provider, call: &Call) -> Result<Reply, Failure> {
    let target = Target { provider, account: "default", rule: None };
    let stop = later(SystemClock.now(), Duration::from_secs(30));
    exchange::send_once(context, target, call, call.effect == Effect::Start, stop).await
}

fn starts() -> Vec<(&'static dyn Provider, Replication, Call)> {
    let intent = AttemptContext { attempt: 1, since: at(), doubt: false };
    Operation::ALL
        .into_iter()
        .map(|operation| {
            let one = replication(operation);
            let (provider, _) =
                clouds().into_iter().find(|(provider, _)| provider.cloud() == operation.cloud()).unwrap();
            let call = provider.start(&one, &intent);
            (provider, one, call)
        })
        .collect()
}

fn keys() -> Environment {
    [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"),
        ("HUAWEICLOUD_SDK_AK", "id"),
        ("HUAWEICLOUD_SDK_SK", "secret"),
        ("TENCENTCLOUD_SECRET_ID", "id"),
        ("TENCENTCLOUD_SECRET_KEY", "secret"),
    ]
    .into_iter()
    .fold(Environment::default(), |environment, (name, value)| environment.with(name, value))
}

#[tokio::test]
async fn a_run_that_only_looks_does_not_even_sign_a_start() {
    for (provider, _, call) in starts() {
        let counting = Arc::new(Counting::default());
        let failure = send(&context(&keys(), true, counting.clone()), provider, &call).await.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.disposition), ("only_reads", Disposition::Permanent));
        assert_eq!(counting.sent(), 0, "{}", call.action);
        // Its twin: a run that may start sends it.
        send(&context(&keys(), false, counting.clone()), provider, &call).await.unwrap();
        assert_eq!(counting.sent(), 1, "{}", call.action);
    }
}

#[tokio::test]
async fn a_mutating_call_planned_under_the_wrong_type_is_refused_at_the_wire() {
    for (provider, _, call) in starts() {
        for effect in [Effect::Read, Effect::SignIn] {
            let counting = Arc::new(Counting::default());
            let lie = Call { effect, ..call.clone() };
            let guarded = Arc::new(OnlyReads::new(counting.clone(), &PROVIDERS));
            let failure = send(&context(&keys(), true, guarded), provider, &lie).await.unwrap_err();
            assert_eq!((failure.code.as_str(), failure.disposition), ("only_reads", Disposition::Permanent));
            assert_eq!(counting.sent(), 0, "{}", call.action);
            // Its twin: without the guard at the wire the lie goes out.
            send(&context(&keys(), true, counting.clone()), provider, &lie).await.unwrap();
            assert_eq!(counting.sent(), 1, "{}", call.action);
        }
    }
}

#[tokio::test]
async fn a_read_only_simulator_refuses_every_start_for_lack_of_a_right() {
    let of = |read_only| SimOptions { read_only, any_source: true, ..SimOptions::default() };
    let guarded = Simulators::start(of(true)).await.unwrap();
    let writable = Simulators::start(of(false)).await.unwrap();
    let http = Arc::new(HttpTransport::new(Duration::from_secs(3)).unwrap());
    let context = |simulators, read_only| {
        context(&home::point_at(simulators, &of(read_only), Environment::default()), false, http.clone())
    };
    for (provider, one, call) in starts() {
        let refused = send(&context(&guarded, true), provider, &call).await;
        let failure = provider.started(&one, &refused.unwrap()).unwrap_err();
        let codes = ["NoPermission", "APIGW.0302", "UnauthorizedOperation"];
        assert!(codes.contains(&failure.code.as_str()), "{}: {failure:?}", call.action);
        assert_eq!((failure.disposition, failure.whose), (Disposition::Permanent, Whose::Backup), "{}", call.action);
        // Its twin: the same call is not refused so where the key may write.
        let reply = send(&context(&writable, false), provider, &call).await;
        let code = provider.started(&one, &reply.unwrap()).map_err(|failure| failure.code);
        assert!(code.err().is_none_or(|code| !codes.contains(&code.as_str())), "{}", call.action);
    }
    assert_eq!(guarded.state()["replications"], json!([]));
}
