//! The DynamoDB responder, through the official signer.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use offsite_local::aws::faults::Fault;
use serde_json::{Value, json};

use super::{Answer, KEY_ID, SECRET, Signer, World, now};

impl World {
    async fn with_table() -> World {
        let world = World::start().await;
        let answer = world.dynamo("CreateTable", definition()).await.ok();
        assert_eq!(answer["TableDescription"]["TableStatus"], "ACTIVE");
        world
    }

    async fn dynamo(&self, operation: &str, mut body: Value) -> Answer {
        if body.get("TableName").is_none() {
            body["TableName"] = "ledger".into();
        }
        self.call(&format!("DynamoDB_20120810.{operation}"), body).await
    }

    async fn put(&self, item: Value) {
        self.dynamo("PutItem", json!({ "Item": item })).await.ok();
    }

    async fn get(&self, pk: &str) -> Value {
        let request = json!({"Key": {"pk": {"S": pk}}, "ConsistentRead": true});
        self.dynamo("GetItem", request).await.ok().get("Item").cloned().unwrap_or_default()
    }

    /// Whether a condition holds for an item, as the service sees it.
    async fn holds(&self, condition: &str, extra: Value) -> Result<bool, String> {
        let mut request = json!({"Item": probe(), "ConditionExpression": condition});
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = self.dynamo("PutItem", request).await;
        match answer.status {
            200 => Ok(true),
            _ if answer.refused().1 == "ConditionalCheckFailedException" => Ok(false),
            _ => Err(answer.refused().2.to_owned()),
        }
    }
}

fn definition() -> Value {
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    json!({
        "TableName": "ledger",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk"), attribute("rule"), attribute("due")],
        "KeySchema": [key("pk", "HASH")],
        "GlobalSecondaryIndexes": [
            {"IndexName": "by-rule", "KeySchema": [key("rule", "HASH"), key("due", "RANGE")], "Projection": {"ProjectionType": "ALL"}},
        ],
    })
}

fn probe() -> Value {
    json!({"pk": {"S": "probe"}, "s": {"S": "hello"}, "n": {"N": "10"}})
}

fn keys(page: &Value) -> Vec<String> {
    page["Items"].as_array().unwrap().iter().map(|item| item["pk"]["S"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_item_is_put_read_replaced_and_deleted() {
    let world = World::with_table().await;
    world.put(json!({"pk": {"S": "a"}, "count": {"N": "0041"}, "owner": {"S": ""}})).await;
    assert_eq!(world.get("a").await, json!({"pk": {"S": "a"}, "count": {"N": "41"}, "owner": {"S": ""}}));
    let new = json!({"pk": {"S": "a"}, "count": {"N": "42"}, "fresh": {"S": "z"}});
    world.put(new.clone()).await;
    assert_eq!(world.get("a").await, new);
    let delete = json!({"Key": {"pk": {"S": "a"}}});
    assert_eq!(world.dynamo("DeleteItem", delete.clone()).await.ok(), json!({}));
    assert_eq!(world.get("a").await, Value::Null);
    assert_eq!(world.dynamo("DeleteItem", delete).await.ok(), json!({}), "what is gone can be deleted again");
}

#[tokio::test]
async fn a_failed_condition_changes_nothing_and_shows_the_old_item() {
    let world = World::with_table().await;
    let old = json!({"pk": {"S": "a"}, "owner": {"S": "me"}});
    world.put(old.clone()).await;
    let mut put = json!({
        "Item": {"pk": {"S": "a"}, "owner": {"S": "you"}},
        "ConditionExpression": "attribute_not_exists(#pk)",
        "ExpressionAttributeNames": {"#pk": "pk"},
    });
    let answer = world.dynamo("PutItem", put.clone()).await;
    assert_eq!(answer.refused(), (400, "ConditionalCheckFailedException", "The conditional request failed"));
    assert_eq!(answer.body.get("Item"), None);
    put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    let answer = world.dynamo("PutItem", put).await;
    assert_eq!(answer.body["__type"], "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException");
    assert_eq!(answer.body["Item"], old);
    assert_eq!(world.get("a").await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_conditional_puts_exactly_one_wins() {
    let world = World::with_table().await;
    for round in 0..10 {
        let put = |owner: usize| {
            world.dynamo(
                "PutItem",
                json!({
                    "Item": {"pk": {"S": format!("race-{round}")}, "owner": {"N": owner.to_string()}},
                    "ConditionExpression": "attribute_not_exists(#pk)",
                    "ExpressionAttributeNames": {"#pk": "pk"},
                }),
            )
        };
        let answers = join_all((0..8).map(put)).await;
        let won: Vec<usize> = (0..8).filter(|owner| answers[*owner].status == 200).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let stored = world.get(&format!("race-{round}")).await;
        assert_eq!(stored["owner"]["N"], won[0].to_string());
    }
}

/// The members of a request that name what a condition mentions.
fn placeholders(condition: &str, names: Value, values: Value) -> Value {
    let word = |character: char| !(character.is_alphanumeric() || "_#:".contains(character));
    let words: BTreeSet<&str> = condition.split(word).collect();
    let mut members = json!({});
    for (member, all) in [("ExpressionAttributeNames", names), ("ExpressionAttributeValues", values)] {
        let all = all.as_object().unwrap().clone();
        let used: serde_json::Map<_, _> = all.into_iter().filter(|(name, _)| words.contains(name.as_str())).collect();
        if !used.is_empty() {
            members[member] = used.into();
        }
    }
    members
}

#[tokio::test]
async fn conditions_mean_what_dynamodb_says() {
    let world = World::with_table().await;
    world.put(probe()).await;
    let cases = [
        ("attribute_not_exists(#s)", false),
        ("attribute_not_exists(#absent)", true),
        ("#n = :ten", true),
        ("#n = :ten_again", true),
        ("#n = :nine", false),
        ("#n <= :ten", true),
        ("#n <= :nine", false),
        ("#s = :hello", true),
        ("#s = :ten", false),
        ("#s <= :hello", true),
        ("#s <= :he", false),
        ("#s <= :ten", false),
        ("#absent = :ten", false),
        ("#absent <= :ten", false),
        ("#n = :ten AND #s = :hello", true),
        ("#n = :ten AND #s = :he", false),
        ("#n = :nine AND #s = :hello", false),
        ("#n = :ten AND #s = :hello AND attribute_not_exists(#absent)", true),
    ];
    let names = json!({"#s": "s", "#n": "n", "#absent": "absent"});
    let values = json!({
        ":ten": {"N": "10"}, ":ten_again": {"N": "010"}, ":nine": {"N": "9"}, ":he": {"S": "he"}, ":hello": {"S": "hello"},
    });
    for (condition, expected) in cases {
        let extra = placeholders(condition, names.clone(), values.clone());
        assert_eq!(world.holds(condition, extra).await, Ok(expected), "{condition}");
    }
}

#[tokio::test]
async fn what_is_no_condition_is_refused_with_a_reason() {
    let world = World::with_table().await;
    let cases = [
        ("", "is not emulated"),
        ("#s", "is not emulated"),
        ("#s = ", "is not emulated"),
        ("#s = :v AND", "is not emulated"),
        ("#s = :v OR #s = :v", "is not emulated"),
        ("NOT #s = :v", "is not emulated"),
        ("#s <> :v", "is not emulated"),
        ("attribute_exists(#s)", "is not emulated"),
        ("attribute_not_exists(s)", "is not emulated"),
        ("s = :v", "is not emulated"),
        ("#s = 5", "is not emulated"),
        ("#s = :missing", "attribute value: :missing"),
        ("#missing = :v", "attribute name: #missing"),
        ("attribute_not_exists(#s)", "unused in expressions: keys: {:v}"),
    ];
    for (condition, reason) in cases {
        let extra = json!({"ExpressionAttributeNames": {"#s": "s"}, "ExpressionAttributeValues": {":v": {"S": "v"}}});
        let error = world.holds(condition, extra).await.unwrap_err();
        assert!(error.contains(reason), "{condition}: {error}");
    }
}

#[tokio::test]
async fn requests_that_dynamodb_would_refuse_are_refused() {
    let world = World::with_table().await;
    let long = "x".repeat(400 * 1024);
    let query = |condition: &str, extra: Value| {
        let mut request = json!({"IndexName": "by-rule", "KeyConditionExpression": condition});
        let names = json!({"#pk": "pk", "#rule": "rule", "#due": "due"});
        let more = placeholders(condition, names, json!({":v": {"S": "1"}, ":n": {"N": "1"}}));
        for members in [more, extra] {
            request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        }
        request
    };
    let cases = [
        ("PutItem", json!({"Item": {"x": {"S": "a"}}}), "Missing the key pk in the item"),
        ("PutItem", json!({"Item": {"pk": {"N": "1"}}}), "Type mismatch for key pk expected: S actual: N"),
        ("PutItem", json!({"Item": {"pk": {"S": ""}}}), "cannot contain an empty string value. Key: pk"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "rule": {"N": "1"}}}), "Type mismatch for key rule"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "x": {"S": long}}}), "Item size has exceeded"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "x": {"N": "abc"}}}), "is no whole number, is not emulated"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "x": {"BOOL": true}}}), "the type BOOL is not emulated"),
        (
            "PutItem",
            json!({"Item": {"pk": {"S": "a"}, "x": {"S": "a", "N": "1"}}}),
            "exactly one of the supported datatypes",
        ),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}}, "Expected": {}}), "the parameter Expected is not emulated"),
        ("GetItem", json!({"Key": {"pk": {"S": "a"}, "x": {"S": "b"}}}), "does not match the schema"),
        ("Query", json!({"IndexName": "by-rule"}), "'KeyConditionExpression' is required"),
        ("Query", json!({"KeyConditionExpression": "#a = :a"}), "'IndexName' is required"),
        ("Query", query("#due = :v", json!({})), "missed key schema element: rule"),
        ("Query", query("#rule = :v AND #pk = :v", json!({})), "missed key schema element: due"),
        ("Query", query("#rule <= :v", json!({})), "this condition on a key is not emulated"),
        ("Query", query("#rule = :n", json!({})), "this condition on a key is not emulated"),
        ("Query", query("#rule = :v", json!({"IndexName": "nope"})), "does not have the specified index: \"nope\""),
        ("Query", query("#rule = :v", json!({"ConsistentRead": true})), "the parameter ConsistentRead is not emulated"),
        ("Query", query("#rule = :v", json!({"ExclusiveStartKey": {"pk": {"S": "a"}}})), "starting key is invalid"),
        ("Scan", json!({"Limit": 0}), "Limit must be greater than or equal to 1"),
    ];
    for (operation, body, reason) in cases {
        let answer = world.dynamo(operation, body.clone()).await;
        let (status, kind, message) = answer.refused();
        assert_eq!((status, kind), (400, "ValidationException"), "{body}");
        assert!(message.contains(reason), "{body}: {message}");
    }
    let missing = world.dynamo("GetItem", json!({"TableName": "nope", "Key": {"pk": {"S": "a"}}})).await;
    assert_eq!(missing.refused().1, "ResourceNotFoundException");
    for operation in ["ListBackups", "UpdateItem", "TransactWriteItems", "DescribeTable"] {
        assert_eq!(world.dynamo(operation, json!({})).await.refused().1, "UnknownOperationException", "{operation}");
    }
    assert_eq!(world.dynamo("CreateTable", definition()).await.refused().1, "ResourceInUseException");
}

#[tokio::test]
async fn queries_narrow_order_count_and_page() {
    let world = World::with_table().await;
    for (pk, rule, due) in [
        ("d", "r", "2027-01"),
        ("b", "r", "2026-02"),
        ("e", "r", "2026-02"),
        ("a", "r", "2026-10"),
        ("c", "s", "2026-01"),
    ] {
        world.put(json!({"pk": {"S": pk}, "rule": {"S": rule}, "due": {"S": due}})).await;
    }
    let query = async |condition: &str, extra: Value| {
        let names = json!({"#rule": "rule", "#due": "due"});
        let values = json!({":r": {"S": "r"}, ":x": {"S": "2026-02"}, ":y": {"S": "2026-11"}, ":z": {"S": "2026-01"}});
        let mut request = placeholders(condition, names, values);
        request["IndexName"] = "by-rule".into();
        request["KeyConditionExpression"] = condition.into();
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        world.dynamo("Query", request).await.ok()
    };
    let all = ["b", "e", "a", "d"];
    assert_eq!(keys(&query("#rule = :r", json!({})).await), all, "by the sort key, then by the table's");
    for (condition, expected) in [
        ("#rule = :r AND #due = :x", &all[..2]),
        ("#rule = :r AND #due <= :x", &all[..2]),
        ("#due <= :y AND #rule = :r", &all[..3]),
        ("#rule = :r AND #due <= :z", &all[..0]),
    ] {
        assert_eq!(keys(&query(condition, json!({})).await), expected, "{condition}");
    }
    // A page ends between equal sort keys as well.
    for limit in [1, 3] {
        let (mut seen, mut start, mut pages) = (Vec::new(), None, 0);
        loop {
            let mut extra = json!({ "Limit": limit });
            if let Some(start) = start {
                extra["ExclusiveStartKey"] = start;
            }
            let page = query("#rule = :r", extra).await;
            seen.extend(keys(&page));
            pages += 1;
            start = page.get("LastEvaluatedKey").cloned();
            if start.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert_eq!(pages, 4 / limit + 1);
    }
    let page = query("#rule = :r", json!({ "Limit": 3 })).await;
    assert_eq!(page["LastEvaluatedKey"], json!({"pk": {"S": "a"}, "rule": {"S": "r"}, "due": {"S": "2026-10"}}));
    let count = query("#rule = :r", json!({"Select": "COUNT"})).await;
    assert_eq!(count, json!({"Count": 4, "ScannedCount": 4}));
}

#[tokio::test]
async fn an_index_holds_what_has_its_key_and_follows_changes() {
    let world = World::with_table().await;
    for (pk, due) in [("a", "2"), ("b", "3"), ("c", "1"), ("d", "2")] {
        world.put(json!({"pk": {"S": pk}, "rule": {"S": "r"}, "due": {"S": due}, "more": {"S": "x"}})).await;
    }
    world.put(json!({"pk": {"S": "sparse"}, "rule": {"S": "r"}})).await;
    let query = json!({
        "IndexName": "by-rule", "KeyConditionExpression": "#rule = :r AND #due <= :t",
        "ExpressionAttributeNames": {"#rule": "rule", "#due": "due"},
        "ExpressionAttributeValues": {":r": {"S": "r"}, ":t": {"S": "2"}},
    });
    let page = world.dynamo("Query", query.clone()).await.ok();
    assert_eq!(keys(&page), ["c", "a", "d"]);
    assert!(page["Items"].as_array().unwrap().iter().all(|item| item["more"]["S"] == "x"), "whole items");
    world.put(json!({"pk": {"S": "a"}, "rule": {"S": "r"}})).await;
    world.put(json!({"pk": {"S": "b"}, "rule": {"S": "r"}, "due": {"S": "0"}})).await;
    world.dynamo("DeleteItem", json!({"Key": {"pk": {"S": "c"}}})).await.ok();
    assert_eq!(keys(&world.dynamo("Query", query).await.ok()), ["b", "d"]);
}

#[tokio::test]
async fn a_scan_pages() {
    let world = World::with_table().await;
    for number in 0..25 {
        world.put(json!({"pk": {"S": format!("k{number:02}")}, "n": {"N": number.to_string()}})).await;
    }
    let (mut seen, mut start) = (Vec::new(), None);
    loop {
        let mut request = json!({ "Limit": 10 });
        if let Some(start) = start {
            request["ExclusiveStartKey"] = start;
        }
        let page = world.dynamo("Scan", request).await.ok();
        assert_eq!(page["Count"], page["ScannedCount"]);
        seen.extend(page["Items"].as_array().unwrap().clone());
        start = page.get("LastEvaluatedKey").cloned();
        if start.is_none() {
            break;
        }
    }
    let expected: Vec<Value> =
        (0..25).map(|number| json!({"pk": {"S": format!("k{number:02}")}, "n": {"N": number.to_string()}})).collect();
    assert_eq!(seen, expected);
    // A page ends at 1 MiB even without a limit.
    for number in 0..4 {
        world.put(json!({"pk": {"S": format!("big{number}")}, "x": {"S": "x".repeat(390_000)}})).await;
    }
    let page = world.dynamo("Scan", json!({})).await.ok();
    assert_eq!(page["Count"], 3);
    assert_eq!(page["LastEvaluatedKey"], json!({"pk": {"S": "big2"}}));
}

#[tokio::test]
async fn faults_and_signatures_hold_here_too() {
    let world = World::with_table().await;
    let faults = world.aws.faults();
    let put = |pk: &'static str| {
        let body = json!({"TableName": "ledger", "Item": {"pk": {"S": pk}}});
        world.try_call("DynamoDB_20120810.PutItem", body)
    };
    faults.next("PutItem", 1, Fault::THROTTLED);
    assert_eq!(put("a").await.unwrap().refused().1, "ProvisionedThroughputExceededException");
    faults.next("PutItem", 1, Fault::DropBefore);
    assert!(put("a").await.is_err());
    assert_eq!(world.get("a").await, Value::Null);
    faults.next("PutItem", 1, Fault::DropAfter);
    assert!(put("a").await.is_err());
    assert_eq!(world.get("a").await, json!({"pk": {"S": "a"}}));
    faults.next("PutItem", 1, Fault::Delay(Duration::from_millis(20)));
    put("b").await.unwrap().ok();
    assert_eq!(faults.pending(), 0);
    let wrong = Signer { key_id: KEY_ID, secret: "wrong", service: "dynamodb", at: now() };
    let answer = world.send("DynamoDB_20120810.PutItem", "{}".to_owned(), Some(wrong)).await.unwrap();
    assert_eq!((answer.refused().0, answer.refused().1), (400, "InvalidSignatureException"));
    let sqs = Signer { key_id: KEY_ID, secret: SECRET, service: "sqs", at: now() };
    let answer = world.send("DynamoDB_20120810.PutItem", "{}".to_owned(), Some(sqs)).await.unwrap();
    assert_eq!(answer.refused().1, "InvalidSignatureException");
}
