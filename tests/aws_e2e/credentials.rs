//! Where the functions get the clouds' keys from: Secrets Manager, and nowhere at all.

use offsite_local::cmd::stage::post;
use offsite_shared::model::command::Cloud;
use offsite_simulators::SimOptions;
use offsite_simulators::identity_tokens::AUDIENCE;
use serde_json::{Value, json};

use crate::account::Account;
use crate::home::{Home, Wish, copy, keep_key, key, sample, title};

/// Requests that a cloud refused because of their signature.
fn refused(home: &Home, cloud: Cloud) -> u64 {
    home.calls(cloud, "(refused before dispatch)")
}

#[tokio::test]
async fn a_rotated_secret_is_taken_up_after_the_reads_of_one_start_were_refused() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let function = home.function(Cloud::Tencent);
    home.invoke(&function, &copy("snap-rotate01")).await.unwrap();
    assert_eq!(refused(&home, Cloud::Tencent), 0);
    let new = SimOptions {
        access_key_id: "SIMULATEDACCESSKEY02".to_owned(),
        access_key_secret: "simulated-secret-not-a-real-one-0002".to_owned(),
        ..SimOptions::default()
    };
    let secret = json!({ "SecretId": "offsite/tencent", "SecretString": key(&new).to_string() });
    home.account.json("secretsmanager.PutSecretValue", secret).await;
    post(&home.base(Cloud::Tencent), "/_sim/key", key(&new)).await.unwrap();
    let answer = home.invoke(&function, &copy("snap-rotate02")).await.unwrap();
    assert_eq!(answer["results"][0]["state"], "accepted", "{answer}");
    // What is read before a start goes out at once: of the backup, and of its destination.
    let tried = refused(&home, Cloud::Tencent);
    assert!((1..=2).contains(&tried), "the old key was tried {tried} times");
    home.invoke(&function, &copy("snap-rotate03")).await.unwrap();
    assert_eq!(refused(&home, Cloud::Tencent), tried, "and never again");
    home.expect_receipts(3).await;
    let log = home.log(Cloud::Tencent).await;
    assert!(!log.is_empty() && !log.contains("simulated-secret"), "nothing, or a secret, in the log:\n{log}");
}

/// Each cloud, an event of it, a role in its spelling, and the call that gives it for an identity token.
const ROLES: [(Cloud, &str, &str, &str); 3] = [
    (Cloud::Alibaba, "alibaba/command.json", "acs:ram::1000000000000001:role/offsite", "AssumeRoleWithOIDC"),
    (
        Cloud::Huawei,
        "huawei/copy-backup.json",
        "iam::0123456789abcdef0123456789abcdef:agency:offsite",
        "AssumeAgencyWithOIDC",
    ),
    (Cloud::Tencent, "", "qcs::cam::uin/100000000001:roleName/offsite", "AssumeRoleWithWebIdentity"),
];

/// Accounts without any key: the AWS role is exchanged for a role of the cloud, for this audience; AWS gives tokens for these.
fn federated(audience: &str, given_for: &str) -> Wish {
    let mut wish = Wish::of(&Cloud::ALL);
    for (cloud, _, role, _) in ROLES {
        let account = json!({ "federation": { "role": role, "provider": "aws", "audience": audience } });
        wish = wish
            .with(&format!("{}Accounts", title(cloud)), &json!({ "default": account }).to_string())
            .with(&format!("{}SecretArns", title(cloud)), "")
            .with(&format!("{}FederationAudiences", title(cloud)), given_for);
    }
    wish
}

fn event_of(path: &str) -> Value {
    if path.is_empty() { copy("snap-federat1") } else { sample(path) }
}

#[tokio::test]
async fn the_role_of_each_function_becomes_a_role_of_its_cloud_without_a_stored_key() {
    let home = Home::deploy(federated(AUDIENCE, AUDIENCE)).await;
    for (cloud, event, _, action) in ROLES {
        let answer = home.invoke(&home.function(cloud), &event_of(event)).await.unwrap_or_else(|no| panic!("{no:?}"));
        assert_eq!(answer["results"][0]["state"], "accepted", "{answer}");
        assert_eq!(home.calls(cloud, action), 1, "{action}");
        let log = home.log(cloud).await;
        assert!(!log.is_empty() && !log.contains("eyJ"), "nothing, or a token, in the log:\n{log}");
    }
    home.expect_receipts(3).await;
}

#[tokio::test]
async fn a_cloud_takes_no_token_that_is_made_out_for_another_audience() {
    let home = Home::deploy(federated("somebody-else", "somebody-else")).await;
    for (cloud, event, _, action) in ROLES {
        let (_, message) = home.invoke(&home.function(cloud), &event_of(event)).await.unwrap_err();
        assert!(message.contains("audience") && !message.contains("eyJ"), "{message}");
        assert_eq!(home.calls(cloud, action), 1);
    }
    assert_eq!(home.made(), [""; 0]);
}

#[tokio::test]
async fn aws_gives_no_token_to_a_function_that_the_template_gives_no_audience() {
    let home = Home::deploy(federated(AUDIENCE, "")).await;
    for (cloud, event, _, action) in ROLES {
        let (name, message) = home.invoke(&home.function(cloud), &event_of(event)).await.unwrap_err();
        assert_eq!(name, "Offsite.Configuration");
        assert!(message.contains("not authorized to perform: sts:GetWebIdentityToken"), "{message}");
        assert_eq!(home.calls(cloud, action), 0);
    }
    assert_eq!(home.made(), [""; 0]);
}

#[tokio::test]
async fn a_key_of_another_account_of_the_cloud_starts_nothing() {
    let account = Account::new();
    let arn = keep_key(&account, "somebody-elses", &key(&SimOptions::default())).await;
    let accounts = json!({ "default": { "secret": arn, "identity": "4711" } }).to_string();
    let wish = Wish::of(&[Cloud::Tencent]).with("TencentAccounts", &accounts).with("TencentSecretArns", &arn);
    let home = Home::deploy_in(account, wish).await;
    let (_, message) = home.invoke(&home.function(Cloud::Tencent), &copy("snap-whose001")).await.unwrap_err();
    assert!(message.contains("100000000001") && message.contains("4711"), "{message}");
    assert_eq!(home.calls(Cloud::Tencent, "GetCallerIdentity"), 1);
    assert_eq!(home.calls(Cloud::Tencent, "DescribeSnapshots"), 0, "nothing else is sent with it");
    assert_eq!(home.made(), [""; 0]);
}

#[tokio::test]
async fn a_secret_that_the_template_does_not_name_cannot_be_read() {
    let account = Account::new();
    let arn = keep_key(&account, "unnamed", &key(&SimOptions::default())).await;
    let accounts = json!({ "default": { "secret": arn } }).to_string();
    let home = Home::deploy_in(account, Wish::of(&[Cloud::Tencent]).with("TencentAccounts", &accounts)).await;
    let (_, message) = home.invoke(&home.function(Cloud::Tencent), &copy("snap-unnamed1")).await.unwrap_err();
    assert!(message.contains("secretsmanager:GetSecretValue"), "{message}");
    assert_eq!(home.made(), [""; 0]);
}
