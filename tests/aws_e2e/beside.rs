//! What goes on beside trouble: two stacks of one account, and new backups while nobody can take receipts.

use std::collections::BTreeMap;

use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};

use crate::account::{Account, until};
use crate::home::{Home, Wish, copy, ids_of, stack};
use crate::schedules::fire;

/// Two stacks of one account over one source, which nobody should have: nothing of one is the other's, what one has copied the other
/// adopts, and the one that adopts says so.
#[tokio::test]
async fn two_stacks_of_one_account_share_nothing_and_the_later_one_names_the_other() {
    let account = Account::new();
    let first = Home::deploy_in(account.clone(), Wish::of(&[Cloud::Tencent])).await;
    let name = Some(format!("{}-two", stack(&account)));
    let clouds = first.base(Cloud::Tencent);
    let wish = Wish::of(&[Cloud::Tencent]).with("TencentEndpoint", &clouds).with("TencentStsEndpoint", &clouds);
    let second = Home::deploy_in(account, Wish { stack: name, ..wish }).await;
    for output in
        ["TencentLedgerTable", "ReceiptsQueueUrl", "TencentWorkQueueUrl", "TencentWorkDeadLettersUrl", "PolicyLocation"]
    {
        assert_ne!(first.output(output), second.output(output), "{output}");
    }
    first.send_work(Cloud::Tencent, &[copy("snap-two00001")]).await;
    first.expect_receipts(1).await;
    assert!(second.records().await.is_empty(), "the other ledger knows nothing of it");
    second.send_work(Cloud::Tencent, &[copy("snap-two00001")]).await;
    let told = second.account.wait_for_messages(second.receipts(), 1).await;
    assert_eq!((&told[0]["data"]["adopted"], first.made().len()), (&json!(true), 1), "{told:#?}");
    let remarks = async |home: &Home| -> String {
        home.invoke(&home.reporter(), &json!({ "action": "report" })).await.unwrap();
        let place = home.output("ReportsLocation").strip_prefix("s3:/").unwrap().to_owned();
        let report = home.account.rest("GET", "s3", &format!("{place}/latest.json"), Vec::new()).await;
        let report: Value = serde_json::from_slice(&report.body).unwrap();
        report["remarks"].to_string()
    };
    let of_second = remarks(&second).await;
    assert!(of_second.contains("snap-two00001 to ap-beijing"), "{of_second}");
    assert!(!remarks(&first).await.contains("adopted"), "who was first has not met the other");
}

/// Receipts that the queue refuses stay in the ledger; what is new is copied all the same, and told when the queue takes it again.
#[tokio::test]
async fn while_the_receipts_queue_refuses_new_backups_are_copied_and_told_later_once() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let attributes = json!({ "QueueUrl": home.receipts(), "AttributeNames": ["Policy", "QueueArn"] });
    let before = home.account.json("AmazonSQS.GetQueueAttributes", attributes).await["Attributes"].clone();
    let broken = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Principal": "*", "Action": ["sqs:SendMessage", "sqs:SendMessageBatch"], "Resource": before["QueueArn"] },
    ] });
    let set = async |policy: &str| {
        let set = json!({ "QueueUrl": home.receipts(), "Attributes": { "Policy": policy } });
        home.account.json("AmazonSQS.SetQueueAttributes", set).await;
    };
    set(&broken.to_string()).await;
    let commands: Vec<Value> = (1..=3).map(|number| copy(&format!("snap-broken0{number}"))).collect();
    home.send_work(Cloud::Tencent, &commands).await;
    until("three copies", 60, async || (home.made().len() == 3).then_some(())).await;
    let open = async || {
        let records = home.records().await;
        records.iter().filter(|record| record["outbox"] == json!(true)).count()
    };
    until("three receipts in the outbox", 30, async || (open().await == 3).then_some(())).await;
    // More come meanwhile, by the sweep as well.
    let snapshot = json!({ "snapshot_id": "snap-broken09", "region": "ap-guangzhou", "name": "web-9" });
    home.seed(Cloud::Tencent, json!({ "snapshots": [snapshot] })).await;
    fire(&home, "TencentSweep").await;
    until("the fourth copy", 60, async || (home.made().len() == 4).then_some(())).await;
    set(before["Policy"].as_str().unwrap()).await;
    // What was handed back to the work queue comes again only after its visibility; the sweep empties the outbox before.
    home.invoke(&home.function(Cloud::Tencent), &json!({ "action": "sweep" })).await.unwrap();
    // A sweep that lists copies also tells that they have arrived, which is another message; two that empty the outbox at once may tell
    // one thing twice, with the same ID.
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    until("four receipts", 60, async || {
        for message in home.account.take_messages(home.receipts()).await {
            if message["type"] == "offsite.replication.accepted" {
                told.insert(message["id"].as_str().unwrap().to_owned(), message);
            }
        }
        (told.len() >= 4).then_some(())
    })
    .await;
    let mut ids = ids_of(&told.into_values().collect::<Vec<_>>());
    ids.sort();
    assert_eq!(ids, home.made());
    until("an empty outbox", 30, async || (open().await == 0).then_some(())).await;
}
