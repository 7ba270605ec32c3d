//! A role that lacks what it needs: the function says so, and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::{Ledger, Notes};
use serde_json::{Value, json};

use crate::account::{Account, elements};
use crate::home::{Home, Wish, copy};

/// The one policy of the Tencent function's role, as it is.
async fn policy_of(home: &Home) -> (String, Value) {
    let role = home.output("TencentRoleArn").rsplit('/').next().unwrap().to_owned();
    let asked = [("RoleName", role.as_str()), ("PolicyName", "offsite")];
    let found = home.account.query("iam", "GetRolePolicy", &asked).await.unwrap();
    let text = elements(&found, "PolicyDocument").remove(0);
    (role, serde_json::from_str(&unescaped(&text)).unwrap())
}

/// The ledger in each table, as this role reaches it.
pub async fn ledgers_as(home: &Home, role: &str) -> impl Fn(&str) -> DynamoLedger {
    let parameters = [("RoleArn", role), ("RoleSessionName", "ledger")];
    let session = home.account.query("sts", "AssumeRole", &parameters).await.unwrap();
    let of = |name: &str| elements(&session, name).remove(0);
    let environment = home
        .account
        .environment()
        .with("AWS_ACCESS_KEY_ID", of("AccessKeyId"))
        .with("AWS_SECRET_ACCESS_KEY", of("SecretAccessKey"))
        .with("AWS_SESSION_TOKEN", of("SessionToken"));
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
