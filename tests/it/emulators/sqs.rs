//! The SQS responder, through the official signer.

use std::time::Duration;

use offsite_local::aws::faults::Fault;
use offsite_local::home::queue::Queue;
use serde_json::{Value, json};

use super::{Answer, KEY_ID, SECRET, Signer, World};

impl World {
    async fn sqs(&self, action: &str, mut body: Value) -> Answer {
        if body.get("QueueUrl").is_none() && !matches!(action, "CreateQueue" | "GetQueueUrl") {
            body["QueueUrl"] = self.aws.queue_url("receipts").into();
        }
        self.call(&format!("AmazonSQS.{action}"), body).await
    }

    async fn send_receipt(&self, id: &str) -> Value {
        let body = json!({"specversion": "1.0", "id": id}).to_string();
        self.sqs("SendMessage", json!({ "MessageBody": body })).await.ok()
    }

    async fn receive(&self, max: u32) -> Vec<Value> {
        let answer = self.sqs("ReceiveMessage", json!({ "MaxNumberOfMessages": max })).await.ok();
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }
}

fn entries(ids: &[&str]) -> Value {
    let entry = |id: &&str| json!({"Id": id, "MessageBody": json!({ "id": format!("event-{id}") }).to_string()});
    json!({ "Entries": ids.iter().map(entry).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let world = World::start().await;
    let attributes = json!({
        "kind": {"DataType": "String", "StringValue": "receipt"},
        "blob": {"DataType": "Binary", "BinaryValue": "AAEC"},
    });
    let sent = world.sqs("SendMessage", json!({"MessageBody": "hello", "MessageAttributes": attributes})).await.ok();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let wanted = json!({"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]});
    let received = world.sqs("ReceiveMessage", wanted).await.ok();
    let message = &received["Messages"][0];
    assert_eq!(message["Body"], "hello");
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(message["MessageAttributes"], attributes);
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(message["Attributes"]["SentTimestamp"], "1795262400000");
    world.sqs("DeleteMessage", json!({ "ReceiptHandle": message["ReceiptHandle"] })).await.ok();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.receive(10).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_batch_tells_the_fate_of_each_entry() {
    let world = World::start().await;
    let mut request = entries(&["a", "b", "c"]);
    request["Entries"][1]["MessageBody"] = "bad \u{1} character".into();
    let answer = world.sqs("SendMessageBatch", request).await.ok();
    let ids = |list: &Value| list.as_array().unwrap().iter().map(|entry| entry["Id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&answer["Successful"]), ["a", "c"]);
    assert_eq!(ids(&answer["Failed"]), ["b"]);
    assert_eq!(answer["Failed"][0]["Code"], "InvalidMessageContents");
    assert_eq!(answer["Failed"][0]["SenderFault"], true);
    let queue = Queue::receipts(world.database.clone());
    let stored: Vec<String> = queue.list(10).await.unwrap().into_iter().map(|message| message.id).collect();
    assert_eq!(stored, ["event-a", "event-c"], "the CloudEvents ids, in the order sent");
}

#[tokio::test]
async fn a_batch_out_of_bounds_is_refused_whole() {
    let world = World::start().await;
    let eleven: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    let mut too_long = entries(&["a", "b"]);
    for entry in too_long["Entries"].as_array_mut().unwrap() {
        entry["MessageBody"] = "x".repeat(524_289).into();
    }
    let cases = [
        (json!({ "Entries": [] }), "EmptyBatchRequest"),
        (entries(&eleven), "TooManyEntriesInBatchRequest"),
        (entries(&["a", "a"]), "BatchEntryIdsNotDistinct"),
        (entries(&["not ok"]), "InvalidBatchEntryId"),
        (too_long.clone(), "BatchRequestTooLong"),
    ];
    for (request, name) in cases {
        let answer = world.sqs("SendMessageBatch", request).await;
        assert_eq!((answer.refused().0, answer.refused().1), (400, name));
        let code = format!("AWS.SimpleQueueService.{name};Sender");
        assert_eq!(answer.query_error.as_deref(), Some(code.as_str()));
    }
    assert_eq!(Queue::receipts(world.database.clone()).count().await.unwrap(), 0);
    // Two bytes fewer are exactly 1 MiB, which is allowed.
    for entry in too_long["Entries"].as_array_mut().unwrap() {
        entry["MessageBody"] = "x".repeat(524_288).into();
    }
    let answer = world.sqs("SendMessageBatch", too_long).await.ok();
    assert_eq!(answer["Successful"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_message_in_flight_is_hidden_until_its_time_is_up() {
    let world = World::start().await;
    world.send_receipt("one").await;
    let first = world.receive(10).await;
    assert_eq!(first.len(), 1);
    assert!(world.receive(10).await.is_empty());
    let queue = Queue::receipts(world.database.clone());
    assert!(queue.take(10, world.clock.now()).await.unwrap().is_empty(), "in flight is not takeable");
    let counts = world.sqs("GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await.ok();
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessages"], "0");
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1");
    world.clock.advance(Duration::from_secs(30));
    let second = world.receive(10).await;
    assert_eq!(second[0]["MessageId"], first[0]["MessageId"]);
    // The first handle no longer deletes: the message is in other hands.
    world.sqs("DeleteMessage", json!({ "ReceiptHandle": first[0]["ReceiptHandle"] })).await.ok();
    let zero = json!({"ReceiptHandle": second[0]["ReceiptHandle"], "VisibilityTimeout": 0});
    world.sqs("ChangeMessageVisibility", zero).await.ok();
    let third = world.receive(10).await;
    let batch = json!({"Entries": [
        {"Id": "good", "ReceiptHandle": third[0]["ReceiptHandle"]},
        {"Id": "bad", "ReceiptHandle": "nonsense"},
    ]});
    let answer = world.sqs("DeleteMessageBatch", batch).await.ok();
    assert_eq!(answer["Successful"], json!([{"Id": "good"}]));
    assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(queue.count().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_ends_when_a_message_arrives() {
    let world = World::start().await;
    let wait = world.sqs("ReceiveMessage", json!({ "WaitTimeSeconds": 20 }));
    let send = async {
        // Other requests are answered while the poll waits.
        world.sqs("GetQueueAttributes", json!({})).await.ok();
        world.send_receipt("late").await
    };
    let (received, _) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(wait, send) })
        .await
        .expect("the poll ends long before its 20 seconds");
    assert_eq!(received.ok()["Messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn queues_are_created_found_and_purged() {
    let world = World::start().await;
    let missing = world.sqs("GetQueueUrl", json!({ "QueueName": "work" })).await;
    assert_eq!(missing.refused(), (400, "QueueDoesNotExist", "The specified queue does not exist."));
    assert_eq!(missing.query_error.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue;Sender"));
    let create = json!({"QueueName": "work", "Attributes": {"VisibilityTimeout": "5"}});
    let url = world.sqs("CreateQueue", create.clone()).await.ok()["QueueUrl"].clone();
    assert_eq!(url, world.aws.queue_url("work"));
    assert_eq!(world.sqs("CreateQueue", create).await.ok()["QueueUrl"], url, "the same again is no error");
    let other = json!({"QueueName": "work", "Attributes": {"VisibilityTimeout": "6"}});
    assert_eq!(world.sqs("CreateQueue", other).await.refused().1, "QueueNameExists");
    world.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": "x"})).await.ok();
    assert!(world.receive(1).await.is_empty(), "queues do not share messages");
    world.sqs("PurgeQueue", json!({ "QueueUrl": url })).await.ok();
    assert_eq!(world.sqs("PurgeQueue", json!({ "QueueUrl": url })).await.refused().1, "PurgeQueueInProgress");
    let empty = world.sqs("ReceiveMessage", json!({ "QueueUrl": url })).await.ok();
    assert_eq!(empty, json!({}));
}

#[tokio::test]
async fn a_fifo_queue_drops_doubles_and_holds_back_its_groups() {
    let world = World::start().await;
    let create = json!({"QueueName": "q.fifo", "Attributes": {"FifoQueue": "true"}});
    let url = world.sqs("CreateQueue", create).await.ok()["QueueUrl"].clone();
    let message = |body: &str, group: &str, dedup: &str| json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": dedup});
    let first = world.sqs("SendMessage", message("1", "g", "a")).await.ok();
    let again = world.sqs("SendMessage", message("1", "g", "a")).await.ok();
    assert_eq!(first, again);
    world.sqs("SendMessage", message("2", "g", "b")).await.ok();
    world.sqs("SendMessage", message("3", "h", "c")).await.ok();
    let receive = json!({ "QueueUrl": url });
    let bodies = |answer: Value| answer["Messages"][0]["Body"].clone();
    assert_eq!(bodies(world.sqs("ReceiveMessage", receive.clone()).await.ok()), "1");
    assert_eq!(bodies(world.sqs("ReceiveMessage", receive).await.ok()), "3");
    let bare = json!({"QueueUrl": url, "MessageBody": "x"});
    assert_eq!(world.sqs("SendMessage", bare).await.refused().1, "MissingParameter");
}

#[tokio::test]
async fn what_is_not_emulated_is_refused() {
    let world = World::start().await;
    let answer = world.sqs("AddPermission", json!({})).await;
    assert_eq!(answer.refused().1, "UnknownOperationException");
    let answer = world.sqs("SendMessage", json!({"MessageBody": "x", "Surprise": 1})).await;
    assert_eq!(answer.refused().1, "UnsupportedOperation");
    assert_eq!(world.call("Kinesis_20131202.PutRecord", json!({})).await.refused().1, "UnknownOperationException");
}

#[tokio::test]
async fn only_a_valid_signature_is_let_in() {
    let world = World::start().await;
    let body = json!({"QueueUrl": world.aws.queue_url("receipts"), "MessageBody": "x"}).to_string();
    let now = world.clock.now();
    let good = || Signer { key_id: KEY_ID, secret: SECRET, service: "sqs", at: now };
    let cases = [
        (None, "MissingAuthenticationTokenException"),
        (Some(Signer { key_id: "AKIDOTHER", ..good() }), "UnrecognizedClientException"),
        (Some(Signer { secret: "wrong", ..good() }), "InvalidSignatureException"),
        (Some(Signer { service: "dynamodb", ..good() }), "InvalidSignatureException"),
        (Some(Signer { at: now - Duration::from_secs(301), ..good() }), "InvalidSignatureException"),
        (Some(Signer { at: now + Duration::from_secs(301), ..good() }), "InvalidSignatureException"),
    ];
    for (signer, name) in cases {
        let answer = world.send("AmazonSQS.SendMessage", body.clone(), signer).await.unwrap();
        assert_eq!((answer.refused().0, answer.refused().1), (403, name));
        assert!(!answer.body.to_string().contains(SECRET));
    }
    assert_eq!(Queue::receipts(world.database.clone()).count().await.unwrap(), 0);
    let answer = world.send("AmazonSQS.SendMessage", body, Some(good())).await.unwrap();
    answer.ok();
}

#[tokio::test]
async fn scripted_faults_happen_as_often_as_asked() {
    let world = World::start().await;
    let faults = world.aws.faults();
    let queue = Queue::receipts(world.database.clone());
    let send = || {
        world.try_call("AmazonSQS.SendMessageBatch", {
            let mut request = entries(&["a", "b"]);
            request["QueueUrl"] = world.aws.queue_url("receipts").into();
            request
        })
    };
    faults.next("SendMessageBatch", 2, Fault::UNAVAILABLE);
    assert_eq!(send().await.unwrap().status, 503);
    assert_eq!(send().await.unwrap().status, 503);
    assert_eq!(queue.count().await.unwrap(), 0);
    faults.next("SendMessageBatch", 1, Fault::FailEntries(vec![1]));
    let answer = send().await.unwrap().ok();
    assert_eq!(answer["Failed"][0]["Id"], "b");
    assert_eq!(answer["Failed"][0]["SenderFault"], false);
    assert_eq!(queue.count().await.unwrap(), 1);
    faults.next("SendMessageBatch", 1, Fault::DropBefore);
    assert!(send().await.is_err());
    assert_eq!(queue.count().await.unwrap(), 1);
    faults.next("SendMessageBatch", 1, Fault::DropAfter);
    assert!(send().await.is_err());
    assert_eq!(queue.count().await.unwrap(), 3, "stored, though the sender cannot know");
    assert_eq!(faults.pending(), 0);
    send().await.unwrap().ok();
}
