//! What the template makes.

use offsite_local::cmd::brake::{self, PauseArgs, ResumeArgs, ScopeArgs};
use offsite_local::cmd::doctor::{self, DoctorArgs};
use offsite_local::cmd::show::Form;
use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};

use crate::account::{Account, elements, until};
use crate::door::senders;
use crate::home::{Home, Wish, begin, bucket, copy, places_and_keys, policy, put_parameter, stack, template, title};

/// The functions of the account.
async fn functions(home: &Home) -> Vec<String> {
    let listed = home.account.rest("GET", "lambda", "/2015-03-31/functions", Vec::new()).await;
    let listed: Value = serde_json::from_slice(&listed.body).unwrap();
    let names = listed["Functions"].as_array().unwrap().iter();
    names.map(|function| function["FunctionName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_translated_template_deploys_with_all_three_providers() {
    let account = Account::new();
    let us = format!("arn:aws:iam::{}:root", account.id);
    let wish = Wish::of(&Cloud::ALL).with("ReceiptsAreRead", "true");
    let wish = wish.with("ReadOnlyPrincipals", &us).with("OperatorPrincipals", &us);
    let wish = Wish { door: Some(senders()), ..wish };
    let home = Home::deploy_in(account, wish).await;
    let mut wanted: Vec<&str> = template()["Resources"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut made: Vec<String> = home.resources().await.into_keys().collect();
    wanted.sort();
    made.sort();
    assert_eq!(made, wanted, "every resource of the template exists");
    assert_eq!(functions(&home).await.len(), 5);
    // Each function starts, reads its settings and refuses what is no command: the binary, role and environment fit.
    for cloud in Cloud::ALL {
        let refused = home.invoke(&home.function(cloud), &json!({})).await.unwrap_err();
        assert_eq!(refused.0, "Offsite.InvalidCommand", "{cloud:?}: {}", refused.1);
    }
    let refused = home.invoke(&home.reporter(), &json!({})).await.unwrap_err();
    assert_eq!(refused.0, "Offsite.InvalidCommand", "{}", refused.1);
}

#[tokio::test]
async fn with_one_provider_only_the_others_create_nothing() {
    let wanted = Cloud::Huawei;
    let home = Home::deploy(Wish::of(&[wanted])).await;
    assert_eq!(functions(&home).await, [home.function(wanted), home.reporter()]);
    let made = home.resources().await;
    for cloud in Cloud::ALL {
        let of_cloud = made.keys().filter(|name| name.contains(title(cloud))).count();
        assert_eq!(of_cloud > 0, cloud == wanted, "{cloud:?}: {made:?}");
        let told = home.outputs.keys().any(|name| name.contains(title(cloud)));
        assert_eq!(told, cloud == wanted, "{cloud:?}: {:?}", home.outputs);
    }
}

/// The first environment of samconfig.toml gives one parameter, and Enter takes the default of every other. That deploys, starts nothing,
/// and says what is missing until it is there: the key, then the policy.
#[tokio::test]
async fn enter_on_every_prompt_deploys_and_is_told_what_is_missing() {
    let wish = || Wish { bare: true, policy: None, ..Wish::of(&[Cloud::Tencent]) };
    let home = Home::deploy(wish()).await;
    let function = home.function(Cloud::Tencent);
    let (_, message) = home.invoke(&function, &copy("snap-enter0001")).await.unwrap_err();
    assert!(message.contains("the account \"default\" of tencent has no credential"), "{message}");
    let given = places_and_keys(&home.account, &wish(), &home.simulators).await;
    let known = |(name, _): &(&str, &str)| name.starts_with("Tencent");
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    home.update(&given.into_iter().filter(known).collect::<Vec<_>>()).await;
    let (error, message) = home.invoke(&function, &copy("snap-enter0001")).await.unwrap_err();
    assert_eq!(error, "Offsite.NoPolicy", "{message}");
    assert_eq!(home.made(), [""; 0]);
    home.put_policy(&policy(json!({}))).await;
    home.invoke(&function, &copy("snap-enter0001")).await.unwrap();
    home.expect_receipts(1).await;
}

/// Whoever named a layer that is not there mends the name and deploys again: nothing bars the names, nothing is paid for.
#[tokio::test]
async fn a_failed_first_deployment_leaves_nothing_behind_and_the_next_one_succeeds() {
    let account = Account::new();
    let name = stack(&account);
    let missing = format!("arn:aws:lambda:us-east-1:{}:layer:missing:1", account.id);
    let of_stack = [("StackName", name.as_str())];
    let _simulators = begin(&account, &Wish::of(&[Cloud::Tencent]).with("LayerArns", &missing)).await;
    until("the deployment to be rolled back", 60, async || {
        let found = account.query("cloudformation", "DescribeStacks", &of_stack).await.unwrap();
        (elements(&found, "StackStatus") == ["ROLLBACK_COMPLETE"]).then_some(())
    })
    .await;
    let events = account.query("cloudformation", "DescribeStackEvents", &of_stack).await.unwrap();
    for held in ["AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket"] {
        assert!(elements(&events, "ResourceType").iter().any(|kind| kind == held), "none was made: {held}");
    }
    let tables = account.json("DynamoDB_20120810.ListTables", json!({})).await;
    let queues = account.json("AmazonSQS.ListQueues", json!({})).await;
    let logs = account.json("Logs_20140328.DescribeLogGroups", json!({})).await;
    let machines = account.json("AWSStepFunctions.ListStateMachines", json!({})).await;
    let left = [&tables["TableNames"], &queues["QueueUrls"], &logs["logGroups"], &machines["stateMachines"]];
    assert!(left.iter().all(|left| left.as_array().is_none_or(Vec::is_empty)), "{left:#?}");
    let roles = account.query("iam", "ListRoles", &[]).await.unwrap();
    let buckets = account.rest("GET", "s3", "/", Vec::new()).await;
    let buckets = elements(&String::from_utf8(buckets.body).unwrap(), "Name");
    assert_eq!((elements(&roles, "RoleName"), buckets), (vec![], vec![bucket(&account)]));

    account.query("cloudformation", "DeleteStack", &of_stack).await.unwrap();
    let again = Wish { stack: Some(name.clone()), ..Wish::of(&[Cloud::Tencent]) };
    let home = Home::deploy_in(account, again).await;
    home.invoke(&home.function(Cloud::Tencent), &copy("snap-again001")).await.unwrap();
    home.expect_receipts(1).await;
}

#[tokio::test]
async fn a_policy_that_was_written_before_the_deployment_is_in_force_at_once() {
    let account = Account::new();
    put_parameter(&account, &format!("/offsite/{}/policy", stack(&account)), &policy(json!({}))).await;
    let home = Home::deploy_in(account, Wish { policy: None, ..Wish::of(&[Cloud::Tencent]) }).await;
    home.invoke(&home.function(Cloud::Tencent), &copy("snap-first001")).await.unwrap();
    home.expect_receipts(1).await;
}

#[tokio::test]
async fn until_the_policy_is_written_nothing_starts_nothing_is_known_and_the_command_is_told() {
    let name = "/teams/backup/policy";
    let wish = Wish { policy: None, ..Wish::of(&[Cloud::Tencent]) }.with("PolicyParameterName", name);
    let home = Home::deploy(wish).await;
    let function = home.function(Cloud::Tencent);
    assert_eq!(home.output("PolicyLocation"), format!("ssm:{name}"));
    let (error, message) = home.invoke(&function, &copy("snap-later001")).await.unwrap_err();
    let command = format!("aws ssm put-parameter --name {name} --overwrite");
    assert!(error == "Offsite.NoPolicy" && message.contains(&command), "{error}: {message}");
    // What runs by itself says the same and is no failure, of which dead letters would fill.
    for schedule in [json!({ "action": "sweep" }), json!({ "action": "sweep", "depth": "recent" })] {
        let answer = home.invoke(&function, &schedule).await.unwrap();
        assert!(answer["no_policy"].as_str().unwrap().contains(&command), "{answer}");
    }
    let report = home.invoke(&home.reporter(), &json!({ "action": "report" })).await.unwrap();
    assert_eq!(report["conclusion"], json!("unknown"), "{report}");
    let place = home.output("ReportsLocation").strip_prefix("s3:/").unwrap().to_owned();
    let page = home.account.rest("GET", "s3", &format!("{place}/latest.html"), Vec::new()).await;
    assert!(String::from_utf8(page.body).unwrap().contains("cannot be known; write it: aws ssm put-parameter"));
    home.put_policy(&policy(json!({}))).await;
    home.invoke(&function, &copy("snap-later001")).await.unwrap();
    home.expect_receipts(1).await;
}

/// The brake lies in the ledger: what a deployment brings does not touch it, and the function's role may not.
#[tokio::test]
async fn a_deployment_does_not_release_the_brake() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let environment = home.account.environment().with("OFFSITE_TABLE", home.output("LedgerTables"));
    let everything = || ScopeArgs { provider: None, rule: None };
    let pause =
        PauseArgs { scope: everything(), reason: "the bill".to_owned(), policy: None, clock: Default::default() };
    let mut out = Vec::new();
    brake::pause(&pause, &environment, &mut out).await.unwrap();
    home.update(&[("LogRetentionDays", "30")]).await;
    let function = home.function(Cloud::Tencent);
    let (error, message) = home.invoke(&function, &copy("snap-brake001")).await.unwrap_err();
    assert!(error == "Offsite.Paused" && message.contains("the bill"), "{error}: {message}");
    home.send_work(Cloud::Tencent, &[copy("snap-brake002")]).await;
    until("the command to be taken from the queue", 30, async || {
        (home.account.depth(home.work(Cloud::Tencent)).await == 0 && home.records().await.len() == 2).then_some(())
    })
    .await;
    assert_eq!((home.made(), home.account.depth(home.dead_letters(Cloud::Tencent)).await), (vec![], 0));
    brake::resume(&ResumeArgs { scope: everything(), clock: Default::default() }, &environment, &mut out)
        .await
        .unwrap();
    until("the pause to be forgotten", 20, async || {
        home.invoke(&function, &copy("snap-brake001")).await.is_ok().then_some(())
    })
    .await;
    home.expect_receipts(1).await;
}

/// The template leaves the protection off, so that a failed first deployment can roll back: somebody must be reminded.
#[tokio::test]
async fn the_doctor_warns_until_the_ledger_is_protected_from_deletion() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let environment = home.account.environment().with("OFFSITE_TABLE", home.output("LedgerTables"));
    let environment = environment.with("OFFSITE_TENCENT_ENDPOINT", home.base(Cloud::Tencent));
    let args = || DoctorArgs {
        file: None,
        provider: Some(Cloud::Tencent),
        account: None,
        source_region: None,
        destination_region: None,
        all: true,
        format: Form::Json,
        simulate: false,
        timeout: 5,
    };
    let protection = async || {
        let mut out = Vec::new();
        doctor::run(&args(), &environment, &mut out).await.unwrap();
        let report: Value = serde_json::from_slice(&out).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == "protection").unwrap().clone()
    };
    let found = protection().await;
    assert_eq!(found["status"], "warn", "{found}");
    assert!(found["advice"].as_str().unwrap().contains("--deletion-protection-enabled"), "{found}");
    let protect = json!({ "TableName": home.output("TencentLedgerTable"), "DeletionProtectionEnabled": true });
    home.account.json("DynamoDB_20120810.UpdateTable", protect).await;
    let found = protection().await;
    assert_eq!(found["status"], "ok", "{found}");
}

#[tokio::test]
async fn a_policy_in_s3_is_read_with_the_role_s_own_leave() {
    let account = Account::new();
    let uri = format!("s3://{}/policy.json", bucket(&account));
    let home = Home::deploy_in(account, Wish::of(&[Cloud::Tencent]).with("PolicyS3Uri", &uri)).await;
    assert_eq!(home.output("PolicyLocation"), uri);
    home.invoke(&home.function(Cloud::Tencent), &copy("snap-ins30001")).await.unwrap();
    home.expect_receipts(1).await;
}
