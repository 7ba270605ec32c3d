//! Deliveries that race make one copy.

use offsite_shared::command::Cloud;
use serde_json::{Value, json};

use crate::home::{Answer, Home, Wish, bucket, copy, stack};

/// What came of racing calls: whoever lost was told so by name or was answered from the ledger.
#[track_caller]
fn accepted_once(answers: &[Answer]) -> String {
    let mut ids: Vec<String> = Vec::new();
    for answer in answers {
        match answer {
            Ok(answer) => ids.push(answer["results"][0]["replication_id"].as_str().unwrap().to_owned()),
            Err((name, message)) => assert_eq!(name, "Offsite.Unavailable", "{message}"),
        }
    }
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{answers:?}");
    ids.remove(0)
}

#[tokio::test]
async fn two_invocations_of_one_command_at_once_make_one_copy() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let slow = json!({ "action": "CopySnapshotCrossRegions", "kind": "slow", "delay_ms": 300 });
    home.fault(Cloud::Tencent, slow).await;
    let function = home.function(Cloud::Tencent);
    let command = copy("snap-race0001");
    let (one, two) = tokio::join!(home.invoke(&function, &command), home.invoke(&function, &command));
    let id = accepted_once(&[one, two]);
    assert_eq!(home.made(), [id]);
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1);
    home.expect_receipts(1).await;
}

#[tokio::test]
async fn two_functions_on_one_table_make_one_copy() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let slow = json!({ "action": "CopySnapshotCrossRegions", "kind": "slow", "delay_ms": 300 });
    home.fault(Cloud::Tencent, slow).await;
    let first = home.function(Cloud::Tencent);
    // Another function of the same code, role and environment, as a second stack on the same ledger would be.
    let found = home.account.rest("GET", "lambda", &format!("/2015-03-31/functions/{first}"), Vec::new()).await;
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    let configuration = &found["Configuration"];
    let second = format!("{}-second", stack(&home.account));
    let mut twin = json!({ "FunctionName": second, "Code": { "S3Bucket": bucket(&home.account), "S3Key": "offsite-tencent.zip" } });
    for name in ["Runtime", "Role", "Handler", "Timeout", "MemorySize", "Environment"] {
        twin[name] = configuration[name].clone();
    }
    let made = home.account.rest("POST", "lambda", "/2015-03-31/functions", twin.to_string().into_bytes()).await;
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let command = copy("snap-race0002");
    let (one, two) = tokio::join!(home.invoke(&first, &command), home.invoke(&second, &command));
    let id = accepted_once(&[one, two]);
    assert_eq!(home.made(), [id]);
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1);
    home.expect_receipts(1).await;
}
