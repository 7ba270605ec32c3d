//! Names in any script: a rule and an account in Chinese from the policy to the last command about them, on a file and on AWS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::ledger::State;
use offsite_shared::ledger::brake::{Brake, NOTE};
use offsite_shared::ledger::store::Expect;
use offsite_shared::model::command::{Cloud, Command};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Meter, Notes};
use offsite_shared::report::risks;
use serde_json::{Value, json};

use crate::command_line::Ended;
use crate::decisions::{run, stopped};
use crate::faults::world::{Home, Store, TABLE, aws_environment, http};
use crate::schemas::{assert_fits, validator};
use crate::sweeping::Estate;

const RULE: &str = "每晚磁盘";
const ACCOUNT: &str = "生产";

/// What a person writes: YAML, with names of their own language and without quotes.
const POLICY: &str = "version: 1
rules:
  - name: 每晚磁盘
    provider: tencent
    account: 生产
    source:
      region: ap-guangzhou
      select:
        name_prefix: nightly
    destinations:
      - region: ap-singapore
";

fn policy() -> Arc<Policy> {
    Arc::new(offsite_local::home::policy_file::parse("policy.yaml", POLICY.as_bytes()).unwrap())
}

#[track_caller]
fn well(ended: &Ended, codes: &[i32], parts: &[&str]) {
    assert!(codes.contains(&ended.code), "{}: {}{}", ended.code, ended.stdout, ended.stderr);
    for part in parts {
        assert!(ended.stdout.contains(part), "{part}: {}{}", ended.stdout, ended.stderr);
    }
}

/// Clouds with two snapshots of the rule, of which one cannot be copied; the account's key is that of the environment.
async fn estate() -> (Estate, Vec<(String, String)>) {
    let mut estate = Estate::plain().await;
    let accounts = json!({ ACCOUNT: { "environment": true } }).to_string();
    estate.environment = estate.environment.with("OFFSITE_TENCENT_ACCOUNTS", &accounts);
    // Old enough that a copy is due by the default objective.
    let made = (SystemClock.now() - SignedDuration::from_hours(72)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let snapshot = |id: &str, disk: &str, encrypt: bool| {
        json!({
            "snapshot_id": id, "region": "ap-guangzhou", "name": "nightly", "disk_id": disk, "encrypt": encrypt, "created": made,
        })
    };
    let snapshots =
        [snapshot("snap-00000001", "disk-00000001", false), snapshot("snap-00000002", "disk-00000002", true)];
    let seed = json!({ "snapshots": snapshots, "switches": { "refuse_encrypted": true } });
    estate.post(Cloud::Tencent, "seed", &seed).await;
    let mut environment = estate.of_command(&policy());
    environment.push(("USER".to_owned(), "ann".to_owned()));
    let file = estate.directory.path().join("policy.yaml");
    std::fs::write(&file, POLICY).unwrap();
    environment.push(("OFFSITE_POLICY".to_owned(), file.to_string_lossy().into_owned()));
    (estate, environment)
}

#[tokio::test]
async fn a_rule_and_an_account_in_chinese_go_from_the_policy_to_their_retirement() {
    let (estate, mut environment) = estate().await;
    well(&run(&["policy", "check", "--format", "table"], &environment).await, &[0], &[RULE, ACCOUNT]);
    well(&run(&["sweep", "--dry-run", "--format", "table"], &environment).await, &[0, 3], &[RULE, "snap-00000001"]);

    // What is paused by that name does not start, and goes on when it is resumed.
    let paused = run(&["pause", "--rule", RULE, "--reason", "看一下账单"], &environment).await;
    well(&paused, &[0], &["rule 每晚磁盘 is paused", "看一下账单", "每晚磁盘` ends it"]);
    run(&["sweep"], &environment).await;
    assert_eq!(estate.simulators.state()["replications"], json!([]), "nothing starts under a pause");
    well(&run(&["resume", "--rule", RULE], &environment).await, &[0], &["rule 每晚磁盘 goes on"]);
    let swept = run(&["sweep", "--rule", RULE, "--format", "json"], &environment).await;
    well(&swept, &[0, 3], &[RULE]);
    assert_fits(&validator("answer"), &serde_json::from_str(&swept.stdout).unwrap());
    assert_eq!(estate.simulators.state()["replications"].as_array().unwrap().len(), 1);

    // Every form of the report has the name as it is.
    for form in ["table", "json", "html", "csv", "markdown", "prometheus"] {
        let ended = run(&["report", "--format", form, "--rule", RULE], &environment).await;
        well(&ended, &[0, 1, 3], &[RULE]);
    }
    let told = run(&["report", "--format", "prometheus"], &environment).await;
    well(&told, &[0, 1, 3], &["rule=\"每晚磁盘\""]);
    well(&run(&["status", "disk-00000001", "--format", "table"], &environment).await, &[0, 1, 3], &[RULE]);
    well(&run(&["witness", "--format", "table"], &environment).await, &[0, 1, 3], &[RULE, ACCOUNT]);
    for receipt in estate.receipts().await {
        assert_fits(&validator("message"), &receipt);
        assert_eq!(receipt["source"], "/offsite/tencent/%E7%94%9F%E4%BA%A7");
        assert_eq!(receipt["data"]["account"], ACCOUNT);
    }

    // What the report prints for a shell is what a shell does.
    let report = run(&["report", "--format", "table"], &environment).await.stdout;
    let from = report.find("offsite risk accept").unwrap_or_else(|| panic!("{report}"));
    let printed = report[from..].split("--reason WHY").next().unwrap().replace("\\\n", " ");
    assert!(printed.contains("--rule '每晚磁盘'"), "{printed}");
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ").replace("--until DATE", "--for 30d");
    let binary = crate::command_line::offsite().display().to_string();
    let line = format!("{} --reason 已更换", printed.replacen("offsite", &binary, 1));
    let mut shell = std::process::Command::new("sh");
    let ended = shell.args(["-c", &line]).envs(environment.iter().cloned()).output().unwrap();
    assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
    let listed = run(&["risk", "list", "--format", "table"], &environment).await;
    well(&listed, &[0], &["每晚磁盘/0", "已更换"]);

    // The rule leaves the policy, and is retired.
    let file = estate.directory.path().join("other.yaml");
    std::fs::write(&file, POLICY.replace(RULE, "每周磁盘").replace("prefix: nightly", "prefix: weekly")).unwrap();
    environment.push(("OFFSITE_POLICY".to_owned(), file.to_string_lossy().into_owned()));
    let near = run(&["sweep", "--rule", RULE], &environment).await;
    assert!(near.code != 0 && near.stderr.contains("每周磁盘"), "the nearest is named: {}", near.stderr);
    let retired = run(&["rule", "retire", RULE, "--reason", "改名了"], &environment).await;
    well(&retired, &[0], &["retire"]);
    assert!(retired.stderr.contains("of rule 每晚磁盘"), "{}", retired.stderr);
    let receipts = estate.receipts().await;
    let told = receipts.iter().find(|receipt| receipt["type"] == "offsite.rule.retired").unwrap();
    assert_fits(&validator("decision"), told);
    assert_eq!(told["source"], "/offsite/rules/%E6%AF%8F%E6%99%9A%E7%A3%81%E7%9B%98");
}

/// Keeps what CloudWatch is sent.
#[derive(Default)]
struct Kept(Mutex<Vec<Value>>);

impl Meter for Kept {
    fn put(&self, line: &Value) {
        self.0.lock().unwrap().push(line.clone());
    }
}

/// Source: Amazon CloudWatch API reference, Dimension, 2026: ASCII only.
#[tokio::test]
async fn what_goes_to_cloudwatch_is_ascii() {
    let (estate, _) = estate().await;
    let mut context = estate.context(&policy());
    let kept = Arc::new(Kept::default());
    context.memory.metrics = Metrics::to(kept.clone());
    estate.sweep(&context).await;
    estate.clock.sleep(Duration::from_secs(60)).await;
    let lines = kept.0.lock().unwrap().clone();
    let of_rule: Vec<&Value> = lines.iter().filter(|line| line.get("rule").is_some()).collect();
    assert!(!of_rule.is_empty(), "{lines:?}");
    for line in of_rule {
        assert_eq!(line["rule"], "%E6%AF%8F%E6%99%9A%E7%A3%81%E7%9B%98");
        assert!(line.to_string().is_ascii(), "{line}");
    }
}

/// Notes, the index of rules and a person's decisions are kept under the name itself: DynamoDB takes UTF-8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_aws_it_is_paused_and_retired_by_its_name() {
    let store = Store::open(Home::Dynamo).await;
    let aws = aws_environment(store.aws.as_ref().unwrap());
    let client = Arc::new(Aws::from_environment(&aws, Arc::new(http()), Arc::new(SystemClock)).unwrap());
    let notes = DynamoLedger::from_environment(&aws, client, TABLE).unwrap();
    store.ledger.put(&stopped(1, RULE, State::Missed, 4), &Expect::Absent).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, POLICY).unwrap();
    let mut environment: Vec<(String, String)> = aws.variables().clone().into_iter().collect();
    environment.push(("OFFSITE_TABLE".to_owned(), TABLE.to_owned()));
    environment.push(("OFFSITE_POLICY".to_owned(), file.to_string_lossy().into_owned()));
    well(&run(&["pause", "--rule", RULE, "--reason", "r"], &environment).await, &[0], &[RULE]);
    let brake = Brake::from_text(Some(&notes.note(NOTE).await.unwrap().unwrap().text)).unwrap();
    assert!(brake.on(Cloud::Tencent, Some(RULE)).is_some() && brake.on(Cloud::Tencent, Some("每晚")).is_none());
    well(&run(&["resume", "--rule", RULE], &environment).await, &[0], &[RULE]);
    std::fs::write(&file, "version: 1\nrules: []\n").unwrap();
    let retired = run(&["rule", "retire", RULE, "--reason", "r"], &environment).await;
    well(&retired, &[0], &["retire"]);
    assert!(retired.stderr.contains("of rule 每晚磁盘"), "{}", retired.stderr);
    assert_eq!(risks::read(&notes, RULE).await.unwrap().len(), 1);
}

/// The twin: what is no name is refused where it stands, with what to type instead. Nothing of it is shown that would steer a terminal.
#[tokio::test]
async fn what_is_no_name_is_refused_with_what_to_type_instead() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let path = file.to_string_lossy().into_owned();
    let (long, heavy) = ("磁".repeat(65), "𠮷".repeat(50));
    for (name, why, instead) in [
        ("每晚\u{7}", "has the control character U+0007", "每晚"),
        ("\u{202e}每晚", "has U+202E, which turns the direction of text", "每晚"),
        ("每\u{200b}晚", "has U+200B, which nobody sees", "每晚"),
        ("每晚 磁盘", "has a space", "每晚-磁盘"),
        ("每晚'磁盘", "has ' (U+0027)", "每晚-磁盘"),
        ("\u{301}\u{302}", "has the mark U+0301 without a letter before it", "nightly"),
        (&long, "has 65 characters, and 64 are the most", &long[3..]),
        (&heavy, "has 200 bytes as UTF-8, and 192 are the most", &heavy[8..]),
        ("cafe\u{301}", "in another than the usual spelling (Unicode NFC)", "café"),
    ] {
        std::fs::write(&file, POLICY.replace(RULE, &json!(name).to_string())).unwrap();
        let ended = run(&["policy", "check", &path], &[]).await;
        let said = ended.stdout.trim_end();
        assert!(ended.code == 1 && said.contains(why) && said.lines().count() == 1, "{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("policy.yaml:3:"), "it says where: {said}");
        assert!(said.ends_with(&format!("type \"{instead}\"")), "{said}");
        assert!(!said.contains(['\u{7}', '\u{202e}', '\u{200b}']), "{said:?}");
        let mut command = policy().rules[0].command_of("snap-00000001").to_json();
        command["rule"] = json!(name);
        let error = Command::from_json(&command).unwrap_err();
        assert!(error.field == "rule" && error.reason.contains(why), "{error}");
    }
    // An account that is no name is refused where accounts are set up, and where a policy or command names one.
    std::fs::write(&file, POLICY.replace(ACCOUNT, "\"生 产\"")).unwrap();
    let ended = run(&["policy", "check", &path], &[]).await;
    let why = "rules[0].account: must be 1 to 64 letters and digits of any script";
    assert!(ended.code == 1 && ended.stdout.contains(why), "{}{}", ended.stdout, ended.stderr);
    let accounts = json!({ "生\u{200b}产": { "environment": true } }).to_string();
    std::fs::write(&file, POLICY).unwrap();
    let environment = [("OFFSITE_TENCENT_ACCOUNTS", accounts), ("OFFSITE_POLICY", path)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let ended = run(&["sweep"], &environment).await;
    assert!(
        ended.code == 1 && ended.stderr.contains("OFFSITE_TENCENT_ACCOUNTS: an account's name: "),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("has U+200B, which nobody sees: type \"生产\""), "{}", ended.stderr);
}

/// A keyboard or a paste may spell a name in another way that looks the same: it is the policy's rule, and what is written bears its name.
#[tokio::test]
async fn a_rule_is_found_however_its_letters_are_composed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, POLICY.replace(RULE, "café")).unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let environment = [("OFFSITE_DB", path("offsite.db")), ("OFFSITE_POLICY", path("policy.yaml"))];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let typed = "cafe\u{301}";
    for arguments in [
        &["pause", "--rule", typed, "--reason", "r"][..],
        &["report", "--rule", typed],
        &["resume", "--rule", typed],
        &["risk", "list", "--rule", typed],
    ] {
        let ended = run(arguments, &environment).await;
        assert!(!ended.stderr.contains("is no rule"), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stdout.contains(typed), "{arguments:?}: {}", ended.stdout);
        if !arguments.contains(&"list") {
            assert!(ended.stdout.contains("café"), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        }
    }
    // The twin: another name is none, however it is spelt.
    let ended = run(&["report", "--rule", "cafe"], &environment).await;
    assert!(ended.code == 1 && ended.stderr.contains("did you mean café?"), "{}", ended.stderr);
}

/// There is one spelling of a name, so two rules that differ by the spelling alone cannot be in one policy.
#[test]
fn two_names_that_differ_by_spelling_alone_are_not_both_names() {
    let named = |name: &str| {
        let mut rule = policy().rules[0].to_json();
        rule["name"] = json!(name);
        Policy::from_json(&json!({ "version": 1, "rules": [rule] })).is_ok()
    };
    for (usual, other) in
        [("café", "cafe\u{301}"), ("각", "\u{1100}\u{1161}\u{11a8}"), ("ガ", "カ\u{3099}"), ("豈", "\u{f900}")]
    {
        assert_eq!((named(usual), named(other)), (true, false), "{usual}");
    }
}
