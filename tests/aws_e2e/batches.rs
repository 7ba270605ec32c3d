//! Commands on the work queue.

use offsite_shared::model::command::Cloud;
use serde_json::json;

use crate::account::until;
use crate::home::{Home, Wish, copy};

#[tokio::test]
async fn one_poisoned_record_of_a_batch_ends_in_the_dead_letter_queue_and_the_others_succeed() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let poison =
        json!({ "action": "replicate", "provider": "tencent", "operation": "copy-snapshot", "what": "is this?" });
    let bodies = [copy("snap-good0001"), poison.clone(), copy("snap-good0002"), copy("snap-good0003")];
    home.send_work(Cloud::Tencent, &bodies).await;
    home.expect_receipts(3).await;
    // At once: as the template has it, the second of ten receives would be six minutes away.
    let ask = json!({ "QueueUrl": home.dead_letters(Cloud::Tencent), "MessageAttributeNames": ["All"], "VisibilityTimeout": 0 });
    let dead = until("the dead letter", 30, async || {
        home.account.json("AmazonSQS.ReceiveMessage", ask.clone()).await["Messages"].get(0).cloned()
    })
    .await;
    assert_eq!(dead["Body"], json!(poison.to_string()));
    let why = &dead["MessageAttributes"];
    assert_eq!(why["error"]["StringValue"], json!("Offsite.InvalidCommand"), "{dead}");
    assert!(why["message_id"]["StringValue"].as_str().is_some_and(|id| !id.is_empty()), "{dead}");
    home.worked_off(Cloud::Tencent).await;
    assert_eq!(home.made().len(), 3);
}

#[tokio::test]
async fn a_forged_command_on_the_work_queue_starts_nothing() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let mut forged = copy("snap-forged01");
    forged["destinations"][0]["region"] = json!("eu-frankfurt");
    home.send_work(Cloud::Tencent, &[forged.clone(), copy("snap-wanted01")]).await;
    let receipts = home.expect_receipts(1).await;
    assert_eq!(receipts[0]["data"]["source"]["snapshot_id"], "snap-wanted01");
    let dead = home.account.wait_for_messages(home.dead_letters(Cloud::Tencent), 1).await;
    assert_eq!(dead, [forged]);
    assert_eq!(home.calls(Cloud::Tencent, "CopySnapshotCrossRegions"), 1);
}

#[tokio::test]
async fn what_fails_when_nobody_waits_for_it_ends_in_the_dead_letter_queue_of_such_calls() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let bad = json!({ "action": "replicate", "provider": "tencent", "operation": "no-such-operation" });
    home.invoke_and_forget(&home.function(Cloud::Tencent), &bad).await;
    let dead = home.account.wait_for_messages(&home.resources().await["TencentAsyncDeadLetters"], 1).await;
    assert_eq!(dead[0]["requestPayload"], bad, "{dead:#?}");
    assert_eq!(dead[0]["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(dead[0]["responsePayload"]["errorType"], "Offsite.InvalidCommand");
}
