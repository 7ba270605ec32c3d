//! Deliveries that race make one copy.

use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};

use crate::account::until;
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

/// Sees that one receipt came. Who is answered from the ledger sends what is not marked as sent yet, so it may lie there twice with one ID,
/// by which its reader takes it once.
async fn told_once(home: &Home, id: &str) {
    let mut told = Vec::new();
    until("a receipt", 60, async || {
        told.extend(home.account.take_messages(home.receipts()).await);
        (!told.is_empty()).then_some(())
    })
    .await;
    told.extend(home.account.take_messages(home.receipts()).await);
    assert!(told.iter().all(|one| one["id"] == told[0]["id"] && one["data"]["replication_id"] == id), "{told:#?}");
}

/// A home whose cloud does nothing against doubles: copies show late, and a second one is not refused.
async fn start(wish: Wish) -> Home {
    let home = Home::deploy(wish).await;
    let switches =
        json!({ "visibility_delay_s": 30, "queue_conflict_while_running": false, "copying_to_regions": false });
    home.seed(Cloud::Tencent, json!({ "switches": switches })).await;
    home
}

/// A second function with the code, role and environment of the first, as another stack on the same ledger would have it.
async fn twin_of(home: &Home, first: &str) -> String {
    let found = home.account.rest("GET", "lambda", &format!("/2015-03-31/functions/{first}"), Vec::new()).await;
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    let name = format!("{}-second", stack(&home.account));
    let mut twin =
        json!({ "FunctionName": name, "Code": { "S3Bucket": bucket(&home.account), "S3Key": "offsite-tencent.zip" } });
    for part in ["Runtime", "Role", "Handler", "Timeout", "MemorySize", "Environment"] {
        twin[part] = found["Configuration"][part].clone();
    }
    let made = home.account.rest("POST", "lambda", "/2015-03-31/functions", twin.to_string().into_bytes()).await;
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    name
}

#[tokio::test]
async fn two_invocations_of_one_command_at_once_make_one_copy() {
    let home = start(Wish::of(&[Cloud::Tencent])).await;
    let function = home.function(Cloud::Tencent);
    let command = copy("snap-race0001");
    let (one, two) = tokio::join!(home.invoke(&function, &command), home.invoke(&function, &command));
    let id = accepted_once(&[one, two]);
    assert_eq!(home.made(), [id.as_str()]);
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1);
    told_once(&home, &id).await;
}

#[tokio::test]
async fn two_functions_on_one_table_make_one_copy() {
    let home = start(Wish::of(&[Cloud::Tencent])).await;
    let first = home.function(Cloud::Tencent);
    let second = twin_of(&home, &first).await;
    let command = copy("snap-race0002");
    let (one, two) = tokio::join!(home.invoke(&first, &command), home.invoke(&second, &command));
    let id = accepted_once(&[one, two]);
    assert_eq!(home.made(), [id.as_str()]);
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1);
    told_once(&home, &id).await;
}

/// What the two above would look like if the table did nothing.
#[tokio::test]
async fn two_functions_without_the_table_make_two_copies() {
    let taken_away = vec!["OFFSITE_TABLE".to_owned()];
    let home = start(Wish { taken_away, ..Wish::of(&[Cloud::Tencent]) }).await;
    let first = home.function(Cloud::Tencent);
    let second = twin_of(&home, &first).await;
    let command = copy("snap-race0003");
    let (one, two) = tokio::join!(home.invoke(&first, &command), home.invoke(&second, &command));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 2);
}
