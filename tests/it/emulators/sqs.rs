//! The SQS responder, through the official signer.

use std::time::Duration;

use offsite_local::aws::faults::Fault;
use offsite_local::home::queue::Queue;
use serde_json::{Value, json};

use super::{Answer, KEY_ID, SECRET, Signer, World, headers_to, now};

impl World {
    async fn sqs(&self, action: &str, mut body: Value) -> Answer {
        if body.get("QueueUrl").is_none() {
            body["QueueUrl"] = self.aws.queue_url("receipts").into();
        }
        self.call(&format!("AmazonSQS.{action}"), body).await
    }
}

fn entries(ids: &[&str]) -> Value {
    let entry = |id: &&str| json!({"Id": id, "MessageBody": json!({ "id": format!("event-{id}") }).to_string()});
    json!({ "Entries": ids.iter().map(entry).collect::<Vec<_>>() })
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
async fn a_queue_is_made_once_and_keeps_its_messages_to_itself() {
    let world = World::start().await;
    let ask = |url: &str| json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let missing = world.sqs("GetQueueAttributes", ask(&world.aws.queue_url("work"))).await;
    assert_eq!(missing.refused(), (400, "QueueDoesNotExist", "The specified queue does not exist."));
    assert_eq!(missing.query_error.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue;Sender"));
    let url = world.aws.create_queue("work").await.unwrap();
    assert_eq!(world.aws.create_queue("work").await.unwrap(), url, "the same again is no error");
    let arn = world.sqs("GetQueueAttributes", ask(&url)).await.ok()["Attributes"]["QueueArn"].clone();
    assert_eq!(arn, "arn:aws:sqs:us-east-1:000000000000:work");
    let mut request = entries(&["a"]);
    request["QueueUrl"] = url.into();
    world.sqs("SendMessageBatch", request).await.ok();
    assert_eq!(Queue::named(world.database.clone(), "work").count().await.unwrap(), 1);
    assert_eq!(Queue::receipts(world.database.clone()).count().await.unwrap(), 0);
}

#[tokio::test]
async fn only_a_fifo_queue_has_groups_and_deduplication_and_it_needs_both() {
    let world = World::start().await;
    let ordered = world.aws.create_queue("q.fifo").await.unwrap();
    let standard = world.aws.queue_url("receipts");
    let both = json!({"MessageGroupId": "g", "MessageDeduplicationId": "d"});
    let cases = [
        (&ordered, json!({}), "MissingParameter"),
        (&ordered, json!({"MessageGroupId": "g"}), "MissingParameter"),
        (&ordered, json!({"MessageGroupId": "a b", "MessageDeduplicationId": "d"}), "InvalidParameterValue"),
        (&standard, both.clone(), "UnsupportedOperation"),
    ];
    for (url, ids, name) in cases {
        let mut request = entries(&["a"]);
        request["QueueUrl"] = url.as_str().into();
        request["Entries"][0].as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
        let answer = world.sqs("SendMessageBatch", request).await.ok();
        assert_eq!(answer["Failed"][0]["Code"], name, "{ids}");
    }
    let mut request = entries(&["a"]);
    request["QueueUrl"] = ordered.into();
    request["Entries"][0].as_object_mut().unwrap().extend(both.as_object().unwrap().clone());
    assert_eq!(world.sqs("SendMessageBatch", request).await.ok().get("Failed"), None);
}

#[tokio::test]
async fn what_is_not_emulated_is_refused() {
    let world = World::start().await;
    for action in ["AddPermission", "SendMessage", "ReceiveMessage", "DeleteMessage", "CreateQueue", "PurgeQueue"] {
        let answer = world.sqs(action, json!({})).await;
        assert_eq!(answer.refused().1, "UnknownOperationException", "{action}");
    }
    let mut request = entries(&["a"]);
    request["Surprise"] = 1.into();
    assert_eq!(world.sqs("SendMessageBatch", request).await.refused().1, "UnsupportedOperation");
    let mut request = entries(&["a"]);
    request["Entries"][0]["DelaySeconds"] = 1.into();
    let answer = world.sqs("SendMessageBatch", request).await;
    assert_eq!((answer.refused().1, answer.refused().2), ("UnsupportedOperation", "DelaySeconds is not emulated"));
    assert_eq!(
        world.sqs("GetQueueAttributes", json!({"AttributeNames": ["All"]})).await.refused().1,
        "UnsupportedOperation"
    );
    assert_eq!(world.call("Kinesis_20131202.PutRecord", json!({})).await.refused().1, "UnknownOperationException");
}

const SEND: &str = "AmazonSQS.SendMessageBatch";

#[tokio::test]
async fn only_a_valid_signature_is_let_in() {
    let world = World::start().await;
    let mut request = entries(&["a"]);
    request["QueueUrl"] = world.aws.queue_url("receipts").into();
    let body = request.to_string();
    let good = || Signer { key_id: KEY_ID, secret: SECRET, service: "sqs", at: now() };
    let cases = [
        (None, "MissingAuthenticationTokenException"),
        (Some(Signer { key_id: "AKIDOTHER", ..good() }), "UnrecognizedClientException"),
        (Some(Signer { secret: "wrong", ..good() }), "InvalidSignatureException"),
        (Some(Signer { service: "dynamodb", ..good() }), "InvalidSignatureException"),
        (Some(Signer { at: now() - Duration::from_secs(301), ..good() }), "InvalidSignatureException"),
        (Some(Signer { at: now() + Duration::from_secs(301), ..good() }), "InvalidSignatureException"),
    ];
    for (signer, name) in cases {
        let answer = world.send(SEND, body.clone(), signer).await.unwrap();
        assert_eq!((answer.refused().0, answer.refused().1), (403, name));
        assert!(!answer.body.to_string().contains(SECRET));
    }
    assert_eq!(Queue::receipts(world.database.clone()).count().await.unwrap(), 0);
    let answer = world.send(SEND, body, Some(good())).await.unwrap();
    answer.ok();
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_refused() {
    let world = World::start().await;
    let mut request = entries(&["a"]);
    request["QueueUrl"] = world.aws.queue_url("receipts").into();
    let body = request.to_string();
    let signer = Signer { key_id: KEY_ID, secret: SECRET, service: "sqs", at: now() };
    let mut signed = headers_to(SEND);
    signed.extend(signer.headers(&world.url(), &headers_to(SEND), &body));
    let changed = |name: &str, change: &dyn Fn(&str) -> Option<String>| -> Vec<(String, String)> {
        let change = |(found, value): &(String, String)| {
            let value = if found == name { change(value)? } else { value.clone() };
            Some((found.clone(), value))
        };
        signed.iter().filter_map(change).collect()
    };
    let mismatch = "The request signature we calculated does not match";
    let cases = [
        (signed.clone(), body.replace("event-a", "event-b"), 403, "InvalidSignatureException", mismatch),
        (
            changed("content-type", &|_| Some("application/x-amz-json-1.1".into())),
            body.clone(),
            403,
            "InvalidSignatureException",
            mismatch,
        ),
        (changed("content-type", &|_| None), body.clone(), 403, "InvalidSignatureException", "is not in the request"),
        (
            changed("x-amz-date", &|_| Some("20261121T120001Z".into())),
            body.clone(),
            403,
            "InvalidSignatureException",
            mismatch,
        ),
        (
            changed("x-amz-date", &|_| Some("20261122T120000Z".into())),
            body.clone(),
            403,
            "InvalidSignatureException",
            "Date in Credential scope does not match",
        ),
        (changed("x-amz-date", &|_| None), body.clone(), 403, "IncompleteSignatureException", "X-Amz-Date"),
        (
            changed("authorization", &|text| Some(text.replace("host;", ""))),
            body.clone(),
            403,
            "InvalidSignatureException",
            "'host' must be a 'SignedHeader'",
        ),
        (
            changed("authorization", &|text| Some(text.replace("content-type;", ""))),
            body.clone(),
            403,
            "InvalidSignatureException",
            mismatch,
        ),
        (
            changed("authorization", &|text| Some(text.replace("Signature=", "Signet="))),
            body.clone(),
            403,
            "IncompleteSignatureException",
            "'Signature' parameter",
        ),
    ];
    for (headers, body, status, name, reason) in cases {
        let answer = world.send_with(&headers, body).await.unwrap();
        let (found, kind, message) = answer.refused();
        assert_eq!((found, kind), (status, name), "{headers:?}");
        assert!(message.contains(reason), "{message}: {headers:?}");
    }
    assert_eq!(Queue::receipts(world.database.clone()).count().await.unwrap(), 0);
    world.send_with(&signed, body).await.unwrap().ok();
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
