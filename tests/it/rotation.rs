//! Credentials that go wrong under load, or are exchanged for those of somebody else: how often a wrong one is signed with, what a
//! batch waits for, and whose token it is.

use jiff::SignedDuration;
use offsite_local::aws::faults::Fault;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Clock;
use offsite_simulators::SimOptions;
use serde_json::{Value, json};

use crate::accounts::{ARN, Site, accepted, command, key};
use crate::faults::ports::admin;
use crate::functions::batch;

async fn requests(site: &Site, cloud: Cloud) -> usize {
    site.told(cloud, "log").await["requests"].as_array().unwrap().len()
}

fn backup(number: usize) -> Value {
    json!({"action": "replicate", "provider": "huawei", "operation": "copy-backup",
        "source": {"region": "cn-north-4", "project_id": "f841e01fd2b14e7fa41b6ae7aa6b0594", "backup_id": format!("a5200268-74a5-4806-acc6-95793ab0{number:04}")},
        "destinations": [{"region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564", "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02"}]})
}

fn with_secret(secret: &str) -> String {
    key().replace(&SimOptions::default().access_key_secret, secret)
}

#[tokio::test]
async fn a_key_that_was_rotated_to_a_mistyped_one_is_signed_with_once() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    site.aws.keep_secret(ARN, &key());
    accepted(site.invoke(&context, &command(0)).await);
    let before = requests(&site, Cloud::Tencent).await;
    // The one that worked is gone, and what is kept now is wrong.
    site.accept(&site.simulators.tencent(), "the-right-one").await;
    site.aws.keep_secret(ARN, &with_secret("the-wrong-one"));
    let commands: Vec<Value> = (1..=30).map(command).collect();
    let answer = site.invoke(&context, &batch(&commands)).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 30, "{answer}");
    let signed = requests(&site, Cloud::Tencent).await - before;
    assert!(signed <= 10 + 1, "ten were under way with the old one, and one tried the new one: {signed}");
    assert_eq!(site.copies(), 1);
}

#[tokio::test]
async fn a_wrong_key_looks_once_however_many_copies_are_due() {
    let accounts = json!({"default": {"secret": ARN}}).to_string();
    let site = Site::start().await.with("OFFSITE_HUAWEI_ACCOUNTS", accounts);
    site.aws.keep_secret(ARN, &key());
    let context = site.function(Cloud::Huawei).unwrap();
    for number in 1..=12 {
        accepted(site.invoke(&context, &backup(number)).await);
    }
    site.aws.keep_secret(ARN, &with_secret("the-wrong-one"));
    site.pass(3_600).await;
    let before = requests(&site, Cloud::Huawei).await;
    let fresh = site.function(Cloud::Huawei).unwrap();
    let answer = site.invoke(&fresh, &json!({"action": "observe"})).await.unwrap();
    assert_eq!(answer["observed"]["looked"], 12, "{answer}");
    let signed = requests(&site, Cloud::Huawei).await - before;
    assert!((1..=2).contains(&signed), "five wrong signatures lock a key: {signed}");
}

#[tokio::test]
async fn a_batch_does_not_wait_again_and_again_for_a_secret_that_cannot_be_had() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    site.aws.faults().next("GetSecretValue", 10_000, Fault::DropBefore);
    let begun = site.clock.now();
    let commands: Vec<Value> = (1..=10).map(command).collect();
    let answer = site.invoke(&context, &batch(&commands)).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 10, "{answer}");
    let took = site.clock.now().duration_since(begun);
    assert!(took < SignedDuration::from_secs(20), "{took}");
}

/// Huawei says so with 500 as well, where the gateway has let the call through.
#[tokio::test]
async fn a_start_that_was_refused_behind_the_gateway_is_not_sent_again_at_once() {
    let site = Site::start().await.with("OFFSITE_HUAWEI_ACCOUNTS", json!({"default": {"secret": ARN}}).to_string());
    site.aws.keep_secret(ARN, &key());
    let context = site.function(Cloud::Huawei).unwrap();
    accepted(site.invoke(&context, &backup(1)).await);
    site.aws.keep_secret(ARN, &with_secret("another-one"));
    let fault =
        json!({"action": "CopyBackup", "kind": "code", "code": "BackupService.9998", "http_status": 500, "times": 1});
    admin(&site.http, &site.simulators.huawei(), "faults", &json!({"faults": [fault]})).await;
    site.invoke(&context, &backup(2)).await.unwrap_err();
    assert_eq!(site.calls(Cloud::Huawei, "CopyBackup"), 2);
    assert_eq!(site.calls(Cloud::Huawei, "(refused before dispatch)"), 0, "not sent with the other key");
}

/// Two tokens of an account have one name, and the user behind them may have become another account's.
#[tokio::test]
async fn every_token_is_confirmed_to_be_of_the_account_that_is_meant() {
    let account = json!({"default": {"secret": ARN, "identity": "domain0000000000000000000000000001"}}).to_string();
    let site = Site::start().await.with("OFFSITE_HUAWEI_ACCOUNTS", account);
    let password = json!({"domain": "offsite-domain", "user": "offsite-user", "password": "offsite-password"});
    site.aws.keep_secret(ARN, &password.to_string());
    let context = site.function(Cloud::Huawei).unwrap();
    accepted(site.invoke(&context, &backup(1)).await);
    accepted(site.invoke(&context, &backup(2)).await);
    assert_eq!((site.calls(Cloud::Huawei, "CreateToken"), site.calls(Cloud::Huawei, "ListProjects")), (1, 1));
    site.pass(86_400).await;
    accepted(site.invoke(&context, &backup(3)).await);
    assert_eq!((site.calls(Cloud::Huawei, "CreateToken"), site.calls(Cloud::Huawei, "ListProjects")), (2, 2));
}
