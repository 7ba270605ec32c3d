//! What the template makes.

use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};

use crate::account::Account;
use crate::home::{Home, Wish, bucket, copy, template, title};

/// The functions of the account.
async fn functions(home: &Home) -> Vec<String> {
    let listed = home.account.rest("GET", "lambda", "/2015-03-31/functions", Vec::new()).await;
    let listed: Value = serde_json::from_slice(&listed.body).unwrap();
    let names = listed["Functions"].as_array().unwrap().iter();
    names.map(|function| function["FunctionName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_translated_template_deploys_with_all_three_providers() {
    let home = Home::deploy(Wish::of(&Cloud::ALL)).await;
    let mut wanted: Vec<&str> = template()["Resources"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut made: Vec<String> = home.resources().await.into_keys().collect();
    wanted.sort();
    made.sort();
    assert_eq!(made, wanted, "every resource of the template exists");
    assert_eq!(functions(&home).await.len(), 4);
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

#[tokio::test]
async fn a_policy_in_s3_is_read_with_the_role_s_own_leave() {
    let account = Account::new();
    let uri = format!("s3://{}/policy.json", bucket(&account));
    let home = Home::deploy_in(account, Wish::of(&[Cloud::Tencent]).with("PolicyS3Uri", &uri)).await;
    assert_eq!(home.output("PolicyLocation"), uri);
    home.invoke(&home.function(Cloud::Tencent), &copy("snap-ins30001")).await.unwrap();
    home.expect_receipts(1).await;
}
