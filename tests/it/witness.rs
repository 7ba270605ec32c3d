//! The witness: what it says of what is there, and what it says that it cannot know.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use offsite_local::cmd::reader::ReaderArgs;
use offsite_local::cmd::report::{self, ReportArgs};
use offsite_local::cmd::witness::{self, Format, WitnessArgs};
use offsite_local::home;
use offsite_local::report::witness::Says;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::command::{Cloud, Destination, Operation};
use offsite_shared::model::http::HttpRequest;
use offsite_shared::ports::Transport;
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::provider::{AttemptContext, Provider};
use offsite_shared::settings::environment::Environment;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};

use crate::command_line;
use crate::only_reads::{at, context, replication, send};

/// Simulated clouds, and a folder for policies and what is written.
struct Scene {
    simulators: Simulators,
    environment: Environment,
    http: HttpTransport,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn open(options: SimOptions) -> Scene {
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let environment = home::point_at(&simulators, &options, Environment::default());
        let environment = ["ALIBABA", "HUAWEI", "TENCENT"]
            .into_iter()
            .fold(environment, |environment, cloud| environment.with(&format!("OFFSITE_{cloud}_RPS"), "0"));
        let http = HttpTransport::new(Duration::from_secs(3)).unwrap();
        Scene { simulators, environment, http, folder: tempfile::tempdir().unwrap() }
    }

    async fn read_only() -> Scene {
        Scene::open(SimOptions { read_only: true, ..SimOptions::default() }).await
    }

    fn base(&self, cloud: Cloud) -> String {
        match cloud {
            Cloud::Alibaba => self.simulators.alibaba(),
            Cloud::Huawei => self.simulators.huawei(),
            Cloud::Tencent => self.simulators.tencent(),
        }
    }

    async fn admin(&self, cloud: Cloud, method: &str, path: &str, body: &Value) -> Value {
        let request = HttpRequest {
            manner: Default::default(),
            method: method.into(),
            url: format!("{}/_sim/{path}", self.base(cloud)),
            headers: Vec::new(),
            body: if method == "GET" { Vec::new() } else { body.to_string().into_bytes() },
            timeout: Duration::from_secs(30),
        };
        let reply = self.http.send(request).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", String::from_utf8_lossy(&reply.body));
        serde_json::from_slice(&reply.body).unwrap()
    }

    async fn seed(&self, cloud: Cloud, body: Value) {
        self.admin(cloud, "POST", "seed", &body).await;
    }

    /// The actions that a cloud was asked for.
    async fn actions(&self, cloud: Cloud) -> BTreeSet<String> {
        let log = self.admin(cloud, "GET", "log", &Value::Null).await;
        let action = |entry: &Value| entry["action"].as_str().unwrap().to_owned();
        log["requests"].as_array().unwrap().iter().map(action).collect()
    }

    fn policy(&self, policy: &Value) -> WitnessArgs {
        let path = self.folder.path().join("policy.json");
        std::fs::write(&path, policy.to_string()).unwrap();
        WitnessArgs { policy: Some(path), ..args() }
    }

    async fn run(&self, args: WitnessArgs) -> (Says, String) {
        let mut out = Vec::new();
        let says = witness::run(&args, &self.environment, &mut out).await.unwrap();
        (says, String::from_utf8(out).unwrap())
    }

    async fn json(&self, args: WitnessArgs) -> (Says, Value) {
        let (says, text) = self.run(WitnessArgs { format: Some(Format::Json), ..args }).await;
        (says, serde_json::from_str(&text).unwrap())
    }

    async fn fails(&self, args: WitnessArgs) -> String {
        witness::run(&args, &self.environment, &mut Vec::new()).await.unwrap_err().to_string()
    }
}

fn args() -> WitnessArgs {
    WitnessArgs {
        policy: None,
        rule: None,
        provider: None,
        from: None,
        to: None,
        account: None,
        from_project: None,
        to_project: None,
        from_vault: None,
        to_vault: None,
        min_age: None,
        format: Some(Format::Table),
        output: None,
        reader: ReaderArgs::default(),
    }
}

fn between(cloud: Cloud, from: &str, to: &str) -> WitnessArgs {
    WitnessArgs { provider: Some(cloud), from: Some(from.into()), to: Some(to.into()), ..args() }
}

fn tencent() -> WitnessArgs {
    between(Cloud::Tencent, "eu-frankfurt", "na-ashburn")
}

fn snapshot(id: &str, region: &str, name: &str) -> Value {
    json!({"snapshot_id": id, "region": region, "name": name, "disk_id": "disk-1"})
}

fn copy(id: &str, name: &str) -> Value {
    json!({"snapshot_id": id, "region": "na-ashburn", "name": name, "copy_from_remote": true})
}

/// Backups by verdict, of the first place.
fn of(told: &Value, verdict: &str) -> Vec<String> {
    let backups = told["places"][0]["backups"].as_array().unwrap().iter();
    let mut ids: Vec<String> = backups
        .filter(|backup| backup["verdict"] == verdict)
        .map(|backup| backup["backup_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// Seeded inventories hold the copies that Offsite made and those that others made, and all that can go wrong.
#[tokio::test]
async fn on_read_only_clouds_a_witness_sees_what_a_live_report_sees() {
    let scene = Scene::read_only().await;
    scene.simulators.make_inventories(7, 400).unwrap();
    for cloud in Cloud::ALL {
        let policy = scene.admin(cloud, "GET", "policy", &Value::Null).await;
        let wanted = scene.policy(&policy);
        let file = wanted.policy.clone();
        let (says, told) = scene.json(WitnessArgs { policy: file.clone(), ..args() }).await;
        assert_eq!(says, Says::SomeWithout, "{cloud:?}");
        let table = scene.run(wanted).await.1;
        let wide = table.lines().find(|line| !line.contains('\u{1b}') && line.chars().count() > 100);
        assert_eq!(wide, None, "{cloud:?}");
        let broken = table.lines().find(|line| line.starts_with("      ") && line.as_bytes()[6].is_ascii_digit());
        assert_eq!(broken, None, "{cloud:?}: a backup and its age stand on one line");
        let live = ReportArgs {
            format: Some(report::Format::Json),
            csv: None,
            rule: Vec::new(),
            resource: Vec::new(),
            backup: Vec::new(),
            verdict: Vec::new(),
            at: None,
            max_age: Duration::from_secs(7_200),
            live: true,
            policy: file,
            output: None,
            reader: ReaderArgs { lang: None, utc: true },
        };
        let mut out = Vec::new();
        report::run(&live, &scene.environment, &mut out).await.unwrap();
        let live: Value = serde_json::from_slice(&out).unwrap();
        let copied = |rule: &Value| rule["counts"]["replicated"].as_u64() > Some(0);
        assert!(live["rules"].as_array().unwrap().iter().any(copied), "{cloud:?}");
        for rule in live["rules"].as_array().unwrap() {
            let places = told["places"].as_array().unwrap().iter().filter(|place| place["rule"] == rule["rule"]);
            let count = |verdicts: &[&str]| -> u64 {
                let of =
                    |place: &Value| verdicts.iter().map(|one| place["counts"][*one].as_u64().unwrap()).sum::<u64>();
                places.clone().map(of).sum()
            };
            assert_eq!(count(&["copied", "inferred"]), rule["counts"]["replicated"], "{cloud:?}: {}", rule["rule"]);
            assert_eq!(count(&["on_its_way"]), rule["counts"]["in_progress"], "{cloud:?}: {}", rule["rule"]);
            assert!(places.clone().all(|place| place["account_number"].is_string()), "{cloud:?}");
        }
        let reads = ["GetCallerIdentity", "DescribeSnapshots", "DescribeVaults", "DescribeBackupJobs2"];
        let rest = ["ListProjects", "ListBackups", "ListCheckpointItems"];
        for action in scene.actions(cloud).await {
            assert!(reads.contains(&action.as_str()) || rest.contains(&action.as_str()), "{action}");
        }
    }
    assert!(!scene.folder.path().join("offsite.db").exists(), "a witness has no ledger");
}

#[tokio::test]
async fn a_copy_counts_whoever_made_it_and_one_under_a_strange_name_is_pointed_out() {
    let scene = Scene::read_only().await;
    scene
        .seed(
            Cloud::Tencent,
            json!({"snapshots": [
                snapshot("snap-console1", "eu-frankfurt", "web-1"),
                snapshot("snap-offsite1", "eu-frankfurt", "web-2"),
                copy("snap-acopyof1", "Copied snap-console1 from eu-frankfurt"),
                copy("snap-acopyof2", "offsite-snap-offsite1-eu-frankfurt"),
            ]}),
        )
        .await;
    let (says, told) = scene.json(tencent()).await;
    assert_eq!(says, Says::AllCopied, "{told:#}");
    assert_eq!(of(&told, "copied"), ["snap-console1", "snap-offsite1"]);
    assert_eq!(told["places"][0]["account_number"], "100000000001");
    assert_eq!(told["meaning"], "All that is listed now has a copy");
    let body =
        json!({"snapshots": [snapshot("snap-strange1", "eu-frankfurt", "web-3"), copy("snap-acopyof3", "mine")]});
    scene.seed(Cloud::Tencent, body).await;
    let (says, told) = scene.json(tencent()).await;
    assert_eq!(says, Says::SomeWithout);
    assert_eq!(of(&told, "none"), ["snap-strange1"]);
    assert_eq!(told["places"][0]["notes"], json!(["copies in na-ashburn that name no source: 1"]));
    assert!(told["cannot_know"].to_string().contains("under another name it counts as none"));
}

#[tokio::test]
async fn the_projects_of_huawei_are_looked_up_and_a_replica_of_its_own_policy_counts() {
    let scene = Scene::open(SimOptions::default()).await;
    let (from, to) = ("cn-north-4", "cn-east-3");
    // A copy that nobody of us started: the cloud's own call, as its policy makes it.
    let mut one = replication(Operation::CopyBackup);
    let told = scene.json(between(Cloud::Huawei, from, to)).await.1;
    let listed = told["places"][0]["backups"].as_array().unwrap();
    let backup = listed.iter().find(|backup| backup["verdict"] == "none").unwrap_or_else(|| panic!("{told:#}"));
    one.source.id = backup["backup_id"].as_str().unwrap().to_owned();
    scene.seed(Cloud::Huawei, json!({"switches": {"copy_duration_s": 0.0}})).await;
    one.source.project_id = Some("f841e01fd2b14e7fa41b6ae7aa6b0594".into());
    one.destination = Destination {
        region: to.into(),
        project_id: Some("0605767b5780d5762fc5c0118072a564".into()),
        vault_id: Some("d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02".into()),
    };
    let call = Huawei.start(&one, &AttemptContext { attempt: 1, since: at(), doubt: false });
    let reply = send(&context(&scene.environment, false, Arc::new(scene.http.clone())), &Huawei, &call).await.unwrap();
    Huawei.started(&one, &reply).unwrap();
    scene.seed(Cloud::Huawei, json!({"switches": {"read_only": true}})).await;
    let told = scene.json(between(Cloud::Huawei, from, to)).await.1;
    assert!(of(&told, "copied").contains(&one.source.id), "{told:#}");
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_said_and_keeps_nothing_else_waiting() {
    let scene = Scene::read_only().await;
    scene
        .seed(
            Cloud::Tencent,
            json!({"snapshots": [
                snapshot("snap-first001", "eu-frankfurt", "web-1"),
                copy("snap-acopyof1", "Copied snap-first001 from eu-frankfurt"),
            ]}),
        )
        .await;
    let denied =
        json!({"faults": [{"kind": "code", "code": "UnauthorizedOperation", "match": {"region": "ap-tokyo"}}]});
    scene.admin(Cloud::Tencent, "POST", "faults", &denied).await;
    let policy = json!({"version": 1, "rules": [{
        "name": "web", "provider": "tencent", "source": {"region": "eu-frankfurt"},
        "destinations": [{"region": "na-ashburn"}, {"region": "ap-tokyo"}],
    }]});
    let (says, told) = scene.json(scene.policy(&policy)).await;
    assert_eq!(says, Says::NotAllSeen, "{told:#}");
    assert_eq!(told["places"][0]["says"], "all_copied");
    assert_eq!(told["places"][1]["says"], "not_all_seen");
    assert_eq!(told["places"][1]["counts"]["unseen"], 1);
    assert!(told["places"][1]["unseen"][0].as_str().unwrap().contains("ap-tokyo"), "{told:#}");
    let csv = scene.run(WitnessArgs { format: Some(Format::Csv), ..scene.policy(&policy) }).await.1;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[1].contains(",copied,snap-first001,"), "{csv}");
    assert!(lines[2].contains(",unseen,,"), "what was not looked at has a line: {csv}");
    // Something without a copy counts more than something that was not looked at.
    scene.seed(Cloud::Tencent, json!({"snapshots": [snapshot("snap-second01", "eu-frankfurt", "web-2")]})).await;
    assert_eq!(scene.json(scene.policy(&policy)).await.0, Says::SomeWithout);
}

#[tokio::test]
async fn an_empty_list_proves_nothing() {
    let scene = Scene::read_only().await;
    let (says, told) = scene.json(tencent()).await;
    assert_eq!(says, Says::NotAllSeen);
    assert!(told["places"][0]["unseen"][0].as_str().unwrap().contains("another one than meant"), "{told:#}");
    let rule = |allow: bool| {
        json!({"version": 1, "rules": [{"name": "web", "provider": "tencent", "limits": {"allow_empty": allow},
            "source": {"region": "eu-frankfurt"}, "destinations": [{"region": "na-ashburn"}]}]})
    };
    assert_eq!(scene.json(scene.policy(&rule(false))).await.0, Says::NotAllSeen);
    assert_eq!(scene.json(scene.policy(&rule(true))).await.0, Says::AllCopied);
}

#[tokio::test]
async fn a_backup_without_a_usable_copy_is_never_good_and_young_ones_can_be_left_out() {
    let scene = Scene::read_only().await;
    let old = "2026-01-01T00:00:00Z";
    let mut first = snapshot("snap-first001", "eu-frankfurt", "web-1");
    first["created"] = json!(old);
    let mut unfinished = snapshot("snap-young001", "eu-frankfurt", "web-2");
    unfinished["creating_s"] = json!(600);
    let body =
        json!({"snapshots": [first, unfinished, copy("snap-acopyof1", "Copied snap-first001 from eu-frankfurt")]});
    scene.seed(Cloud::Tencent, body).await;
    let (says, told) = scene.json(tencent()).await;
    assert_eq!((says, of(&told, "unfinished")), (Says::SomeWithout, vec!["snap-young001".to_owned()]), "{told:#}");
    let (says, told) = scene.json(WitnessArgs { min_age: Some(Duration::from_secs(3_600)), ..tencent() }).await;
    assert_eq!(says, Says::AllCopied, "{told:#}");
    assert_eq!(told["places"][0]["not_covered"], json!({"outside select.min_age": 1}), "{told:#}");
    scene.seed(Cloud::Tencent, json!({"remove": ["snap-acopyof1"]})).await;
    let recycled = json!({"snapshot_id": "snap-acopyof2", "region": "na-ashburn", "copy_from_remote": true,
        "name": "Copied snap-first001 from eu-frankfurt", "recycled": true});
    scene.seed(Cloud::Tencent, json!({"snapshots": [recycled]})).await;
    let (says, told) = scene.json(tencent()).await;
    assert_eq!((says, of(&told, "failed")), (Says::SomeWithout, vec!["snap-first001".to_owned()]), "{told:#}");
}

#[tokio::test]
async fn a_wrong_key_costs_one_request_and_is_said() {
    let scene = Scene::read_only().await;
    let wrong = Scene { environment: scene.environment.clone().with("HUAWEICLOUD_SDK_SK", "wrong"), ..scene };
    let policy = wrong.admin(Cloud::Huawei, "GET", "policy", &Value::Null).await;
    let (says, told) = wrong.json(wrong.policy(&policy)).await;
    assert_eq!(says, Says::NotAllSeen);
    for place in told["places"].as_array().unwrap() {
        assert!(place["unseen"][0].as_str().unwrap().contains("APIGW.0301"), "{told:#}");
    }
    let calls = wrong.simulators.state()["calls"]["huawei"].clone();
    assert_eq!(calls, json!({"(refused before dispatch)": 1}), "{calls}");
    let without = Scene { environment: Environment::default(), ..wrong };
    let (says, told) = without.json(without.policy(&policy)).await;
    assert_eq!(says, Says::NotAllSeen);
    assert!(told["places"][0]["unseen"][0].as_str().unwrap().contains("HUAWEICLOUD_SDK_AK"), "{told:#}");
}

#[tokio::test]
async fn what_the_command_line_lacks_is_named() {
    let scene = Scene::read_only().await;
    let alibaba = between(Cloud::Alibaba, "cn-hangzhou", "cn-shanghai");
    assert!(scene.fails(alibaba).await.contains("--from-vault and --to-vault"));
    let same = between(Cloud::Tencent, "ap-guangzhou", "ap-guangzhou");
    let said = scene.fails(same).await;
    assert!(said.starts_with("--to: ap-guangzhou is the source's own region"), "{said}");
    let vault = WitnessArgs { from_vault: Some("v-1".into()), ..tencent() };
    assert!(scene.fails(vault).await.contains("tencent is looked at whole"));
    let project = WitnessArgs { to_project: Some("p".into()), ..tencent() };
    assert!(scene.fails(project).await.contains("tencent has no projects"));
    let nowhere = between(Cloud::Huawei, "cn-nowhere-1", "cn-east-3");
    let said = scene.fails(nowhere).await;
    assert!(said.contains("cn-nowhere-1") && said.contains("--from-project"), "{said}");
    let policy = json!({"version": 1, "rules": []});
    assert!(scene.fails(scene.policy(&policy)).await.contains("has no rule"));
    let policy = scene.admin(Cloud::Tencent, "GET", "policy", &Value::Null).await;
    let unknown = WitnessArgs { rule: Some("nobody".into()), ..scene.policy(&policy) };
    assert!(scene.fails(unknown).await.contains("is no rule of the policy"));
}

#[tokio::test]
async fn as_a_process_it_tells_by_its_exit_code_and_never_says_holds() {
    let scene = Scene::read_only().await;
    let body = json!({"snapshots": [
        snapshot("snap-first001", "eu-frankfurt", "=web-1"),
        copy("snap-acopyof1", "Copied snap-first001 from eu-frankfurt"),
    ]});
    scene.seed(Cloud::Tencent, body).await;
    let environment: Vec<(String, String)> = [
        ("OFFSITE_TENCENT_ENDPOINT", scene.simulators.tencent()),
        ("OFFSITE_TENCENT_STS_ENDPOINT", scene.simulators.tencent()),
        ("TENCENTCLOUD_SECRET_ID", SimOptions::default().access_key_id),
        ("TENCENTCLOUD_SECRET_KEY", SimOptions::default().access_key_secret),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    let line = ["witness", "--provider", "tencent", "--from", "eu-frankfurt", "--to", "na-ashburn"];
    let run = |rest: &[&str]| {
        let all: Vec<String> = line.iter().chain(rest).map(|word| (*word).to_owned()).collect();
        let environment = environment.clone();
        async move {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            command_line::run(&all, &environment, None).await
        }
    };
    let ended = run(&[]).await;
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("All that is listed now has a copy"), "{}", ended.stdout);
    assert!(ended.stdout.contains("What this cannot know"), "{}", ended.stdout);
    let file = scene.folder.path().join("out.csv");
    let ended = run(&["--format", "csv", "-o", file.to_str().unwrap()]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    let csv = std::fs::read_to_string(&file).unwrap();
    assert!(csv.contains(",'=web-1,"), "no name runs in a spreadsheet: {csv}");
    scene.seed(Cloud::Tencent, json!({"snapshots": [snapshot("snap-second01", "eu-frankfurt", "web-2")]})).await;
    let ended = run(&[]).await;
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("Something has no copy"), "{}", ended.stdout);
    assert!(ended.stdout.contains("snap-second01"), "{}", ended.stdout);
    let told = run(&["--format", "json"]).await.stdout;
    for text in [&ended.stdout, &told, &csv] {
        assert!(!text.to_lowercase().contains("holds"), "{text}");
    }
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ended.stdout);
    scene.seed(Cloud::Tencent, json!({"remove": ["snap-first001", "snap-second01"]})).await;
    assert_eq!(run(&[]).await.code, 1);
    let ended = command_line::run(&["witness"], &environment, None).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("use --provider, --from and --to"), "{}", ended.stderr);
    let ended = command_line::run(&["witness", "--help"], &[], None).await;
    assert!(ended.stdout.contains("offsite witness --provider tencent --from ap-guangzhou"), "{}", ended.stdout);
    let ended = command_line::run(&["completions", "bash"], &[], None).await;
    assert!(ended.stdout.contains("witness"), "the completions know it");
    let ended = command_line::run(&["simulate", "--help"], &[], None).await;
    assert!(ended.stdout.contains("--read-only"), "{}", ended.stdout);
}

/// Where nothing listens, a person is told soon, and not after each question was tried for a minute.
#[tokio::test]
async fn a_cloud_that_cannot_be_connected_to_is_told_soon() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let rule = json!({ "name": "web", "provider": "tencent", "source": { "region": "ap-guangzhou" }, "destinations": [{ "region": "ap-beijing" }] });
    std::fs::write(at("policy.json"), json!({ "version": 1, "rules": [rule] }).to_string()).unwrap();
    let environment = [
        ("OFFSITE_TENCENT_ENDPOINT", nowhere.clone()),
        ("OFFSITE_TENCENT_STS_ENDPOINT", nowhere),
        ("OFFSITE_POLICY", at("policy.json")),
        ("OFFSITE_DB", at("offsite.db")),
        ("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE".to_owned()),
        ("TENCENTCLOUD_SECRET_KEY", "secret".to_owned()),
    ];
    let environment: Vec<(String, String)> =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (witness, status) = (["witness"], ["status", "snap-aaaaaaa1"]);
    let asked = futures_util::future::join(
        command_line::run(&witness, &environment, None),
        command_line::run(&status, &environment, None),
    );
    let (witness, status) = tokio::time::timeout(Duration::from_secs(45), asked).await.expect("it is told soon");
    assert_eq!((witness.code, status.code), (1, 1), "{} {}", witness.stdout, status.stdout);
    for told in [&witness.stdout, &status.stdout] {
        assert!(told.contains("connect"), "{told}");
    }
}
