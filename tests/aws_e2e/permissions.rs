//! A role that lacks what it needs: the function says so, and nothing is lost.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::{Ledger, Notes};
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::account::{Account, elements, until};
use crate::home::{Home, Wish, copy};
use crate::ministack::root;

/// The one policy of the Tencent function's role, as it is.
async fn policy_of(home: &Home) -> (String, Value) {
    let role = home.output("TencentRoleArn").rsplit('/').next().unwrap().to_owned();
    let asked = [("RoleName", role.as_str()), ("PolicyName", "offsite")];
    let found = home.account.query("iam", "GetRolePolicy", &asked).await.unwrap();
    let text = elements(&found, "PolicyDocument").remove(0);
    (role, serde_json::from_str(&unescaped(&text)).unwrap())
}

/// The environment of somebody who has assumed this role.
async fn environment_as(home: &Home, role: &str) -> Environment {
    let parameters = [("RoleArn", role), ("RoleSessionName", "ann")];
    let session = home.account.query("sts", "AssumeRole", &parameters).await.unwrap();
    let of = |name: &str| elements(&session, name).remove(0);
    home.account
        .environment()
        .with("AWS_ACCESS_KEY_ID", of("AccessKeyId"))
        .with("AWS_SECRET_ACCESS_KEY", of("SecretAccessKey"))
        .with("AWS_SESSION_TOKEN", of("SessionToken"))
}

/// The ledger in each table, as this role reaches it.
pub async fn ledgers_as(home: &Home, role: &str) -> impl Fn(&str) -> DynamoLedger {
    let environment = environment_as(home, role).await;
    let transport = Arc::new(HttpTransport::new(Duration::from_secs(5)).unwrap());
    let aws = Arc::new(Aws::from_environment(&environment, transport, Arc::new(SystemClock)).unwrap());
    move |table| DynamoLedger::from_environment(&environment, aws.clone(), table).unwrap()
}

async fn set_policy(home: &Home, role: &str, policy: &Value) {
    let text = policy.to_string();
    let parameters = [("RoleName", role), ("PolicyName", "offsite"), ("PolicyDocument", text.as_str())];
    home.account.query("iam", "PutRolePolicy", &parameters).await.unwrap();
}

/// The policy without leave for these actions. What it denies stays.
fn without(policy: &Value, actions: &[&str]) -> Value {
    let mut policy = policy.clone();
    let mut taken = 0;
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut().filter(|statement| statement["Effect"] == "Allow") {
        if let Some(listed) = statement["Action"].as_array_mut() {
            let before = listed.len();
            listed.retain(|action| !actions.contains(&action.as_str().unwrap()));
            taken += before - listed.len();
        }
    }
    statements.retain(|statement| statement["Action"].as_array().is_none_or(|listed| !listed.is_empty()));
    assert_eq!(taken, actions.len(), "the role has these: {actions:?}");
    policy
}

/// IAM gives its documents percent-encoded.
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn without_leave_to_write_the_ledger_nothing_is_started_and_afterwards_it_works() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let (role, whole) = policy_of(&home).await;
    let function = home.function(Cloud::Tencent);
    set_policy(&home, &role, &without(&whole, &["dynamodb:PutItem"])).await;
    let (name, message) = home.invoke(&function, &copy("snap-perm0001")).await.unwrap_err();
    assert_eq!(name, "Offsite.Unavailable");
    assert!(message.contains("AccessDenied") && message.contains("dynamodb:PutItem"), "{message}");
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 0, "what cannot be recorded is not started");
    set_policy(&home, &role, &whole).await;
    home.invoke(&function, &copy("snap-perm0001")).await.unwrap();
    home.expect_receipts(1).await;
}

#[tokio::test]
async fn without_leave_to_send_the_receipt_waits_in_the_outbox_and_comes_once() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    // A copy that arrives meanwhile would be told of by a second receipt.
    home.seed(Cloud::Tencent, json!({ "switches": { "copy_duration_s": 3_600 } })).await;
    let (role, whole) = policy_of(&home).await;
    let function = home.function(Cloud::Tencent);
    // MiniStack has a name of its own for batches: see tests/aws/translate.py.
    set_policy(&home, &role, &without(&whole, &["sqs:SendMessage", "sqs:SendMessageBatch"])).await;
    let answer = home.invoke(&function, &copy("snap-perm0002")).await.unwrap();
    assert_eq!((&answer["results"][0]["state"], &answer["results"][0]["queued"]), (&json!("accepted"), &json!(false)));
    assert_eq!(home.account.depth(home.receipts()).await, 0);
    let swept = home.invoke(&function, &json!({ "action": "sweep" })).await.unwrap();
    assert_eq!(swept["outbox"], json!({ "drained": 0, "left": 1 }), "{swept}");
    set_policy(&home, &role, &whole).await;
    let swept = home.invoke(&function, &json!({ "action": "sweep" })).await.unwrap();
    assert_eq!(swept["outbox"], json!({ "drained": 1, "left": 0 }), "{swept}");
    home.expect_receipts(1).await;
}

/// Each cloud has a table of its own: what is copied is recorded there, no role reaches another cloud's, and the report reads them all.
#[tokio::test]
async fn a_function_reaches_its_own_cloud_s_table_alone() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent, Cloud::Huawei])).await;
    let (own, other) = (home.output("TencentLedgerTable").to_owned(), home.output("HuaweiLedgerTable").to_owned());
    assert_eq!(home.output("LedgerTables"), format!("tencent={own},huawei={other}"));
    home.invoke(&home.function(Cloud::Tencent), &copy("snap-own00001")).await.unwrap();
    assert_eq!((home.records_in(&own).await.len(), home.records_in(&other).await.len()), (1, 0));
    let role = home.output("TencentRoleArn").to_owned();
    let ledger = ledgers_as(&home, &role).await;
    let waiting = RecordFilter { outbox: true, ..RecordFilter::default() };
    ledger(&own).note("summary/snapshots").await.unwrap();
    assert_eq!(ledger(&own).list(&waiting, None, 10).await.unwrap().unreadable, []);
    for refused in [
        ledger(&other).note("summary/snapshots").await.unwrap_err(),
        ledger(&other).put_note("summary/snapshots", "{}", 0).await.unwrap_err(),
        ledger(&other).list(&waiting, None, 10).await.unwrap_err(),
    ] {
        assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    }
    let report = home.invoke(&home.reporter(), &json!({ "action": "report" })).await.unwrap();
    assert!(report["report"].is_string(), "{report}");
}

#[tokio::test]
async fn a_queue_takes_nothing_that_did_not_come_over_tls() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let message = json!({ "QueueUrl": home.work(Cloud::Tencent), "MessageBody": copy("snap-plain001").to_string() });
    let plain = Account { over_tls: false, ..home.account.clone() };
    let denied = plain.try_json("AmazonSQS.SendMessage", message.clone()).await.unwrap_err();
    assert!(denied.status == 403 && denied.body.contains("AccessDenied"), "{denied:?}");
    home.account.json("AmazonSQS.SendMessage", message).await;
    home.expect_receipts(1).await;
}

/// The `offsite` command, built once.
fn offsite() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let line = ["build", "--quiet", "-p", "offsite", "--bin", "offsite", "--message-format=json"];
        let output = std::process::Command::new(env!("CARGO")).args(line).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).unwrap();
        let mut built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let path = built.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        path.expect("cargo says where the command is")
    })
}

/// People's roles and the real command: who reads sees report and ledger and decides nothing, and who operates pulls the brake.
/// Keys of their own are held by the gate's rule `keys_reach`, since the emulator encrypts nothing.
#[tokio::test]
async fn a_reader_reads_and_decides_nothing_and_an_operator_pulls_the_brake() {
    let offsite = offsite();
    let account = Account::new();
    let us = format!("arn:aws:iam::{}:root", account.id);
    let wish = Wish::of(&[Cloud::Tencent]).with("ReadOnlyPrincipals", &us).with("OperatorPrincipals", &us);
    let home = Home::deploy_in(account, wish).await;
    let function = home.function(Cloud::Tencent);
    home.invoke(&function, &copy("snap-people01")).await.unwrap();
    home.expect_receipts(1).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path();
    let as_role = async |output: &str| {
        let environment = environment_as(&home, home.output(output)).await;
        let environment = environment
            .with("OFFSITE_TABLE", home.output("LedgerTables"))
            .with("OFFSITE_POLICY", home.output("PolicyLocation"));
        async move |arguments: &[&str]| -> (Option<i32>, String, String) {
            let mut run = Command::new(offsite);
            run.args(arguments).env_clear().envs(environment.variables()).stdin(Stdio::null()).kill_on_drop(true);
            let Output { status, stdout, stderr } = run.current_dir(folder).output().await.unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (status.code(), text(stdout), text(stderr))
        }
    };
    let (reader, operator) = (as_role("ReadOnlyRoleArn").await, as_role("OperatorRoleArn").await);

    let (code, shown, said) = reader(&["ledger", "show", "--all"]).await;
    assert!(code == Some(0) && shown.contains("snap-people01"), "{code:?} {shown} {said}");
    // No sweep was complete yet, so that nothing can be known; what matters is that ledger and policy were read.
    let (code, report, said) = reader(&["report", "--format", "json"]).await;
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|_| panic!("{code:?} {report} {said}"));
    assert_eq!((code, &report["conclusion"]), (Some(1), &json!("unknown")), "{report:#} {said}");
    assert!(report["rules"].as_array().unwrap().iter().any(|rule| rule["rule"] == "snapshots"), "{report:#}");
    let pause = ["pause", "--reason", "the bill"];
    let (code, _, said) = reader(&pause).await;
    assert!(code == Some(1) && said.contains("AccessDenied") && said.contains("dynamodb:PutItem"), "{code:?} {said}");
    home.invoke(&function, &copy("snap-people02")).await.unwrap();

    let (code, _, said) = operator(&pause).await;
    assert_eq!(code, Some(0), "{said}");
    // The function may remember for some seconds that there was no brake. Each try is about another snapshot: a copy is not started twice.
    let mut tried = 0;
    until("the brake to be heard of", 30, async || {
        tried += 1;
        let asked = home.invoke(&function, &copy(&format!("snap-braked{tried:02}"))).await;
        asked.is_err_and(|(name, message)| name == "Offsite.Paused" && message.contains("the bill")).then_some(())
    })
    .await;
    let (code, _, said) = operator(&["resume"]).await;
    assert_eq!(code, Some(0), "{said}");
}
