//! From an event on the bus to the receipt.

use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};

use crate::account::until;
use crate::home::{Home, Wish, copy, sample};

async fn put_event(home: &Home, source: &str, detail: &Value) {
    let entry = json!({ "Source": source, "DetailType": "Backup Finished", "Detail": detail.to_string() });
    let answer = home.account.json("AWSEvents.PutEvents", json!({ "Entries": [entry] })).await;
    assert_eq!(answer["FailedEntryCount"], json!(0), "{answer}");
}

#[tokio::test]
async fn an_event_goes_through_rule_queue_and_function_to_a_copy_its_record_and_its_receipt() {
    let home = Home::deploy(Wish::of(&Cloud::ALL)).await;
    let commands = [sample("alibaba/command.json"), sample("huawei/copy-backup.json"), copy("snap-event001")];
    // Somebody else's event on the same bus is none of our business.
    put_event(&home, "somebody.else", &copy("snap-event002")).await;
    for command in &commands {
        put_event(&home, "offsite.backups", command).await;
    }
    let receipts = home.expect_receipts(3).await;
    for (cloud, command) in Cloud::ALL.iter().zip(&commands) {
        let of_cloud = |receipt: &&Value| receipt["data"]["provider"] == json!(cloud.name());
        let receipt = receipts.iter().find(of_cloud).unwrap_or_else(|| panic!("no receipt of {cloud:?}"));
        assert_eq!(receipt["type"], "offsite.replication.accepted");
        assert_eq!(receipt["data"]["source"]["region"], command["source"]["region"]);
    }
    // The receipt is sent before the record says so.
    let records = until("three records marked as sent", 20, async || {
        let records = home.records().await;
        let sent = |record: &Value| record["state"] == "accepted" && record["outbox"] != json!(true);
        (records.iter().filter(|record| sent(record)).count() == 3).then_some(records)
    })
    .await;
    assert_eq!(records.len(), 3, "{records:#?}");
    for cloud in Cloud::ALL {
        home.worked_off(cloud).await;
        assert_eq!(home.account.depth(home.dead_letters(cloud)).await, 0, "{cloud:?}");
    }
}
