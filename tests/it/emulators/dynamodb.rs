//! The DynamoDB responder, through the official signer.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use offsite_local::aws::faults::Fault;
use serde_json::{Value, json};

use super::{Answer, KEY_ID, SECRET, Signer, World};

impl World {
    async fn with_tables() -> World {
        let world = World::start().await;
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
        let ledger = json!({
            "TableName": "ledger",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk", "S"), attribute("rule", "S"), attribute("due", "N")],
            "KeySchema": [key("pk", "HASH")],
            "GlobalSecondaryIndexes": [
                {"IndexName": "by-rule", "KeySchema": [key("rule", "HASH"), key("due", "RANGE")], "Projection": {"ProjectionType": "ALL"}},
                {"IndexName": "keys-only", "KeySchema": [key("rule", "HASH")], "Projection": {"ProjectionType": "KEYS_ONLY"}},
            ],
        });
        let log = json!({
            "TableName": "log",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk", "S"), attribute("sk", "S")],
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        });
        for table in [ledger, log] {
            let answer = world.dynamo("CreateTable", table).await.ok();
            assert_eq!(answer["TableDescription"]["TableStatus"], "ACTIVE");
        }
        world
    }

    async fn dynamo(&self, operation: &str, mut body: Value) -> Answer {
        let transaction = operation == "TransactWriteItems";
        if body.get("TableName").is_none() && !transaction {
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
        let mut request = json!({"Key": {"pk": {"S": "probe"}}, "ConditionExpression": condition});
        for (name, value) in extra.as_object().unwrap() {
            request[name] = value.clone();
        }
        let check = json!({"TransactItems": [{"ConditionCheck": {
            "TableName": "ledger", "Key": request["Key"], "ConditionExpression": condition,
        }}]});
        let mut check = check;
        for name in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
            if let Some(value) = request.get(name) {
                check["TransactItems"][0]["ConditionCheck"][name] = value.clone();
            }
        }
        let answer = self.dynamo("TransactWriteItems", check).await;
        match answer.status {
            200 => Ok(true),
            _ if answer.refused().1 == "TransactionCanceledException" => Ok(false),
            _ => Err(answer.refused().2.to_owned()),
        }
    }
}

#[tokio::test]
async fn an_item_is_put_read_updated_and_deleted() {
    let world = World::with_tables().await;
    let item = json!({
        "pk": {"S": "a"}, "count": {"N": "41"}, "on": {"BOOL": true}, "nil": {"NULL": true},
        "bytes": {"B": "AAEC"}, "list": {"L": [{"S": "x"}, {"N": "1.50"}]},
        "map": {"M": {"inner": {"S": "y"}}}, "tags": {"SS": ["a", "b"]},
    });
    world.put(item.clone()).await;
    let mut expected = item;
    expected["list"]["L"][1] = json!({"N": "1.5"});
    assert_eq!(world.get("a").await, expected);
    let update = json!({
        "Key": {"pk": {"S": "a"}},
        "UpdateExpression": "SET #count = #count + :one, #map.#inner = :z, fresh = if_not_exists(fresh, :z), #list = list_append(#list, :more) REMOVE nil, #list[0]",
        "ExpressionAttributeNames": {"#count": "count", "#map": "map", "#inner": "inner", "#list": "list"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":z": {"S": "z"}, ":more": {"L": [{"S": "end"}]}},
        "ReturnValues": "ALL_NEW",
    });
    let refused = world.dynamo("UpdateItem", update.clone()).await;
    assert!(refused.refused().2.contains("overlap"), "{refused:?}");
    let mut update = update;
    update["UpdateExpression"] = json!(
        "SET #count = #count + :one, #map.#inner = :z, fresh = if_not_exists(fresh, :z), #list = list_append(#list, :more) REMOVE nil"
    );
    let new = world.dynamo("UpdateItem", update).await.ok()["Attributes"].clone();
    assert_eq!(new["count"], json!({"N": "42"}));
    assert_eq!(new["map"], json!({"M": {"inner": {"S": "z"}}}));
    assert_eq!(new["fresh"], json!({"S": "z"}));
    assert_eq!(new["list"], json!({"L": [{"S": "x"}, {"N": "1.5"}, {"S": "end"}]}));
    assert_eq!(new.get("nil"), None);
    assert_eq!(world.get("a").await, new);
    let delete = json!({"Key": {"pk": {"S": "a"}}, "ReturnValues": "ALL_OLD"});
    assert_eq!(world.dynamo("DeleteItem", delete).await.ok()["Attributes"], new);
    assert_eq!(world.get("a").await, Value::Null);
    // Updating what is not there makes it, with its key.
    let create = json!({
        "Key": {"pk": {"S": "b"}}, "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}}, "ReturnValues": "UPDATED_NEW",
    });
    assert_eq!(world.dynamo("UpdateItem", create).await.ok()["Attributes"], json!({"n": {"N": "1"}}));
    assert_eq!(world.get("b").await, json!({"pk": {"S": "b"}, "n": {"N": "1"}}));
}

#[tokio::test]
async fn a_failed_condition_changes_nothing_and_shows_the_old_item() {
    let world = World::with_tables().await;
    let old = json!({"pk": {"S": "a"}, "owner": {"S": "me"}});
    world.put(old.clone()).await;
    let put = |on_failure: &str| {
        json!({
            "Item": {"pk": {"S": "a"}, "owner": {"S": "you"}},
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": on_failure,
        })
    };
    let answer = world.dynamo("PutItem", put("NONE")).await;
    assert_eq!(answer.refused(), (400, "ConditionalCheckFailedException", "The conditional request failed"));
    assert_eq!(answer.body.get("Item"), None);
    let answer = world.dynamo("PutItem", put("ALL_OLD")).await;
    assert_eq!(answer.body["__type"], "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException");
    assert_eq!(answer.body["Item"], old);
    assert_eq!(world.get("a").await, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_conditional_puts_exactly_one_wins() {
    let world = World::with_tables().await;
    for round in 0..10 {
        let put = |owner: usize| {
            world.dynamo(
                "PutItem",
                json!({
                    "Item": {"pk": {"S": format!("race-{round}")}, "owner": {"N": owner.to_string()}},
                    "ConditionExpression": "attribute_not_exists(pk)",
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

#[tokio::test]
async fn conditions_mean_what_dynamodb_says() {
    let world = World::with_tables().await;
    world
        .put(json!({
            "pk": {"S": "probe"}, "s": {"S": "hello"}, "n": {"N": "10"}, "list": {"L": [{"N": "1"}]},
            "m": {"M": {"deep": {"M": {"er": {"S": "x"}}}}}, "set": {"SS": ["a", "b"]}, "flagged": {"BOOL": false},
        }))
        .await;
    let cases = [
        ("attribute_exists(s)", true),
        ("attribute_not_exists(s)", false),
        ("attribute_exists(m.deep.er)", true),
        ("attribute_exists(m.deep.elsewhere)", false),
        ("n = :ten", true),
        ("n = :ten_again", true),
        ("n <> :ten", false),
        ("n < :ten", false),
        ("n <= :ten", true),
        ("n > :nine", true),
        ("n >= :ten", true),
        ("s > :ten", false),
        ("s <> :ten", true),
        ("absent = :ten", false),
        ("absent <> :ten", true),
        ("absent < :ten", false),
        ("n BETWEEN :nine AND :ten", true),
        ("n between :ten_again and :ten and s = :hello", true),
        ("n IN (:nine, :ten)", true),
        ("n in (:nine)", false),
        ("begins_with(s, :he)", true),
        ("begins_with(s, :hello)", true),
        ("begins_with(n, :he)", false),
        ("contains(s, :he)", true),
        ("contains(#set, :a)", true),
        ("contains(#list, :one)", true),
        ("#list[0] = :one", true),
        ("attribute_exists(#list[1])", false),
        ("size(s) = :five", true),
        ("size(#set) < :ten", true),
        ("attribute_type(s, :type_s)", true),
        ("flagged = :false", true),
        ("NOT n = :ten", false),
        ("NOT NOT n = :ten", true),
        ("NOT (n = :nine OR s = :he)", true),
        // AND binds closer than OR, NOT closer than AND.
        ("n = :ten OR n = :nine AND s = :he", true),
        ("(n = :ten OR n = :nine) AND s = :he", false),
        ("NOT n = :nine AND s = :hello", true),
    ];
    let values = json!({
        ":ten": {"N": "10"}, ":ten_again": {"N": "1e1"}, ":nine": {"N": "9"}, ":one": {"N": "1"}, ":five": {"N": "5"},
        ":he": {"S": "he"}, ":hello": {"S": "hello"}, ":a": {"S": "a"}, ":type_s": {"S": "S"}, ":false": {"BOOL": false},
    });
    let names = json!({"#set": "set", "#list": "list"});
    for (condition, expected) in cases {
        let used = |all: &Value| -> serde_json::Map<String, Value> {
            let word = |character: char| !(character.is_alphanumeric() || "_#:".contains(character));
            let words: BTreeSet<&str> = condition.split(word).collect();
            all.as_object()
                .unwrap()
                .iter()
                .filter(|(name, _)| words.contains(name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let mut extra = json!({});
        for (member, all) in [("ExpressionAttributeValues", &values), ("ExpressionAttributeNames", &names)] {
            let used = used(all);
            if !used.is_empty() {
                extra[member] = used.into();
            }
        }
        assert_eq!(world.holds(condition, extra).await, Ok(expected), "{condition}");
    }
}

#[tokio::test]
async fn what_is_no_condition_is_refused_with_a_reason() {
    let world = World::with_tables().await;
    let cases = [
        ("", "The expression can not be empty"),
        ("s", "Syntax error; token: \"<EOF>\""),
        ("s = ", "Syntax error; token: \"<EOF>\""),
        ("s = :v AND", "Syntax error; token: \"<EOF>\""),
        ("(s = :v", "Syntax error; token: \"<EOF>\""),
        ("s = :v)", "Syntax error; token: \")\""),
        ("s == :v", "Syntax error; token: \"=\""),
        ("s ! :v", "Syntax error; token: \"!\""),
        ("s = 'v'", "Syntax error; token: \"'\""),
        ("s = 5", "Syntax error; token: \"5\""),
        ("s BETWEEN :v", "Syntax error; token: \"<EOF>\""),
        ("s IN ()", "Syntax error; token: \")\""),
        ("exists(s)", "Invalid function name; function: exists"),
        ("attribute_exists(:v)", "Syntax error; token: \":v\""),
        ("state = :v", "Attribute name is a reserved keyword; reserved keyword: state"),
        ("s = :missing", "attribute value: :missing"),
        ("#missing = :v", "attribute name: #missing"),
        ("attribute_exists(s)", "unused in expressions: keys: {:v}"),
    ];
    for (condition, reason) in cases {
        let values = json!({"ExpressionAttributeValues": {":v": {"S": "v"}}});
        let error = world.holds(condition, values).await.unwrap_err();
        assert!(error.contains(reason), "{condition}: {error}");
    }
    let deep = format!("{}s = :v{}", "(".repeat(1000), ")".repeat(1000));
    let values = json!({"ExpressionAttributeValues": {":v": {"S": "v"}}});
    assert!(world.holds(&deep, values).await.unwrap_err().contains("too many operators"));
}

#[tokio::test]
async fn requests_that_dynamodb_would_refuse_are_refused() {
    let world = World::with_tables().await;
    let long = "x".repeat(400 * 1024);
    let cases = [
        ("PutItem", json!({"Item": {"x": {"S": "a"}}}), "Missing the key pk in the item"),
        ("PutItem", json!({"Item": {"pk": {"N": "1"}}}), "Type mismatch for key pk expected: S actual: N"),
        ("PutItem", json!({"Item": {"pk": {"S": ""}}}), "cannot contain an empty string value. Key: pk"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "rule": {"N": "1"}}}), "Type mismatch for Index Key rule"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "x": {"S": long}}}), "Item size has exceeded"),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}, "x": {"N": "abc"}}}), "cannot be converted to a numeric value"),
        (
            "PutItem",
            json!({"Item": {"pk": {"S": "a"}, "x": {"S": "a", "N": "1"}}}),
            "exactly one of the supported datatypes",
        ),
        ("PutItem", json!({"Item": {"pk": {"S": "a"}}, "Expected": {}}), "the parameter Expected is not emulated"),
        ("GetItem", json!({"Key": {"pk": {"S": "a"}, "x": {"S": "b"}}}), "does not match the schema"),
        (
            "UpdateItem",
            json!({"Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET pk = :v", "ExpressionAttributeValues": {":v": {"S": "b"}}}),
            "Cannot update attribute pk",
        ),
        (
            "UpdateItem",
            json!({"Key": {"pk": {"S": "a"}}, "UpdateExpression": "ADD n :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}),
            "ADD is not emulated",
        ),
        (
            "UpdateItem",
            json!({"Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET a = b"}),
            "does not exist in the item",
        ),
        ("Query", json!({}), "must be specified"),
        (
            "Query",
            json!({"KeyConditionExpression": "due = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}),
            "missed key schema element",
        ),
        (
            "Query",
            json!({"IndexName": "nope", "KeyConditionExpression": "pk = :v", "ExpressionAttributeValues": {":v": {"S": "1"}}}),
            "does not have the specified index: nope",
        ),
        (
            "Query",
            json!({"IndexName": "by-rule", "ConsistentRead": true, "KeyConditionExpression": "pk = :v", "ExpressionAttributeValues": {":v": {"S": "1"}}}),
            "Consistent reads are not supported on global secondary indexes",
        ),
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
    assert_eq!(world.dynamo("ListBackups", json!({})).await.refused().1, "UnknownOperationException");
    let again = json!({"TableName": "log", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
    assert_eq!(world.dynamo("CreateTable", again).await.refused().1, "ResourceInUseException");
}

#[tokio::test]
async fn queries_narrow_order_and_page() {
    let world = World::with_tables().await;
    for (pk, sk) in [("a", "2026-01"), ("a", "2026-02"), ("a", "2026-10"), ("a", "2027-01"), ("b", "2026-01")] {
        world.dynamo("PutItem", json!({"TableName": "log", "Item": {"pk": {"S": pk}, "sk": {"S": sk}, "odd": {"BOOL": sk == "2026-02"}}})).await.ok();
    }
    let world = &world;
    let query = |condition: &str, values: Value, extra: Value| {
        let mut all = json!({":a": {"S": "a"}});
        for (name, value) in values.as_object().unwrap() {
            all[name] = json!({"S": value});
        }
        let mut request =
            json!({"TableName": "log", "KeyConditionExpression": condition, "ExpressionAttributeValues": all});
        for (name, value) in extra.as_object().unwrap() {
            request[name] = value.clone();
        }
        async move { world.dynamo("Query", request).await.ok() }
    };
    let keys = |page: &Value| -> Vec<String> {
        page["Items"].as_array().unwrap().iter().map(|item| item["sk"]["S"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["2026-01", "2026-02", "2026-10", "2027-01"];
    assert_eq!(keys(&query("pk = :a", json!({}), json!({})).await), all);
    let mut backwards = all;
    backwards.reverse();
    assert_eq!(keys(&query("pk = :a", json!({}), json!({"ScanIndexForward": false})).await), backwards);
    for (condition, values, expected) in [
        ("pk = :a AND sk = :x", json!({":x": "2026-02"}), &all[1..2]),
        ("pk = :a AND sk < :x", json!({":x": "2026-02"}), &all[..1]),
        ("pk = :a AND sk <= :x", json!({":x": "2026-02"}), &all[..2]),
        ("sk > :x AND pk = :a", json!({":x": "2026-02"}), &all[2..]),
        ("pk = :a AND sk >= :x", json!({":x": "2026-02"}), &all[1..]),
        ("pk = :a AND sk BETWEEN :x AND :y", json!({":x": "2026-02", ":y": "2026-10"}), &all[1..3]),
        ("pk = :a AND begins_with(sk, :x)", json!({":x": "2026"}), &all[..3]),
        ("(pk = :a) AND (begins_with(sk, :x))", json!({":x": "2028"}), &all[..0]),
    ] {
        assert_eq!(keys(&query(condition, values, json!({})).await), expected, "{condition}");
    }
    for forward in [true, false] {
        let (mut seen, mut start, mut pages) = (Vec::new(), None, 0);
        loop {
            let mut extra = json!({"Limit": 3, "ScanIndexForward": forward});
            if let Some(start) = start {
                extra["ExclusiveStartKey"] = start;
            }
            let page = query("pk = :a", json!({}), extra).await;
            seen.extend(keys(&page));
            pages += 1;
            start = page.get("LastEvaluatedKey").cloned();
            if start.is_none() {
                break;
            }
        }
        assert_eq!(seen, if forward { all } else { backwards });
        assert_eq!(pages, 2);
    }
    // The limit counts what was looked at, not what the filter let through.
    let filter = json!({"FilterExpression": "odd = :t", "Limit": 3, "ExpressionAttributeValues": {":a": {"S": "a"}, ":t": {"BOOL": true}}});
    let page = query("pk = :a", json!({}), filter).await;
    assert_eq!((&page["Count"], &page["ScannedCount"]), (&json!(1), &json!(3)));
    assert_eq!(page["LastEvaluatedKey"], json!({"pk": {"S": "a"}, "sk": {"S": "2026-10"}}));
    let count = query("pk = :a", json!({}), json!({"Select": "COUNT"})).await;
    assert_eq!(count, json!({"Count": 4, "ScannedCount": 4}));
}

#[tokio::test]
async fn an_index_holds_what_has_its_key_and_follows_changes() {
    let world = World::with_tables().await;
    for (pk, due) in [("a", "9"), ("b", "10"), ("c", "-1"), ("d", "9")] {
        world.put(json!({"pk": {"S": pk}, "rule": {"S": "r"}, "due": {"N": due}, "more": {"S": "x"}})).await;
    }
    world.put(json!({"pk": {"S": "sparse"}, "rule": {"S": "r"}})).await;
    let keys = |page: Value| -> Vec<String> {
        page["Items"].as_array().unwrap().iter().map(|item| item["pk"]["S"].as_str().unwrap().to_owned()).collect()
    };
    let query = json!({
        "IndexName": "by-rule", "KeyConditionExpression": "#rule = :r AND due <= :t",
        "ExpressionAttributeNames": {"#rule": "rule"},
        "ExpressionAttributeValues": {":r": {"S": "r"}, ":t": {"N": "9.5"}},
    });
    assert_eq!(keys(world.dynamo("Query", query.clone()).await.ok()), ["c", "a", "d"], "numbers sort as numbers");
    let mut paged = query.clone();
    paged["Limit"] = json!(2);
    let page = world.dynamo("Query", paged.clone()).await.ok();
    assert_eq!(page["LastEvaluatedKey"], json!({"pk": {"S": "a"}, "rule": {"S": "r"}, "due": {"N": "9"}}));
    paged["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
    assert_eq!(keys(world.dynamo("Query", paged).await.ok()), ["d"], "equal sort keys do not end a page early");
    let remove = json!({"Key": {"pk": {"S": "a"}}, "UpdateExpression": "REMOVE due"});
    world.dynamo("UpdateItem", remove).await.ok();
    world.dynamo("DeleteItem", json!({"Key": {"pk": {"S": "c"}}})).await.ok();
    assert_eq!(keys(world.dynamo("Query", query).await.ok()), ["d"]);
    let keys_only = json!({
        "IndexName": "keys-only", "KeyConditionExpression": "#rule = :r",
        "ExpressionAttributeNames": {"#rule": "rule"}, "ExpressionAttributeValues": {":r": {"S": "r"}},
    });
    let page = world.dynamo("Query", keys_only).await.ok();
    assert_eq!(page["Count"], 4);
    assert!(page["Items"].as_array().unwrap().iter().all(|item| item.get("more").is_none()));
    let scanned = world.dynamo("Scan", json!({"IndexName": "by-rule"})).await.ok();
    assert_eq!(scanned["Count"], 2);
}

#[tokio::test]
async fn a_scan_pages_filters_and_projects() {
    let world = World::with_tables().await;
    for number in 0..25 {
        let item = json!({"pk": {"S": format!("k{number:02}")}, "n": {"N": number.to_string()}, "m": {"M": {"x": {"S": "y"}, "z": {"S": "w"}}}});
        world.put(item).await;
    }
    let (mut seen, mut start) = (Vec::new(), None);
    loop {
        let mut request = json!({
            "Limit": 10, "FilterExpression": "n >= :five", "ExpressionAttributeValues": {":five": {"N": "5"}},
            "ProjectionExpression": "pk, m.x",
        });
        if let Some(start) = start {
            request["ExclusiveStartKey"] = start;
        }
        let page = world.dynamo("Scan", request).await.ok();
        seen.extend(page["Items"].as_array().unwrap().clone());
        start = page.get("LastEvaluatedKey").cloned();
        if start.is_none() {
            break;
        }
    }
    let expected: Vec<Value> =
        (5..25).map(|number| json!({"pk": {"S": format!("k{number:02}")}, "m": {"M": {"x": {"S": "y"}}}})).collect();
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
async fn a_transaction_is_all_or_nothing() {
    let world = World::with_tables().await;
    world.put(json!({"pk": {"S": "taken"}})).await;
    let put = |pk: &str| json!({"Put": {"TableName": "ledger", "Item": {"pk": {"S": pk}}, "ConditionExpression": "attribute_not_exists(pk)"}});
    let answer = world.dynamo("TransactWriteItems", json!({"TransactItems": [put("new"), put("taken")]})).await;
    assert_eq!(answer.refused().1, "TransactionCanceledException");
    assert_eq!(answer.body["CancellationReasons"][0]["Code"], "None");
    assert_eq!(answer.body["CancellationReasons"][1]["Code"], "ConditionalCheckFailed");
    assert_eq!(world.get("new").await, Value::Null);
    let token = json!({"TransactItems": [put("new")], "ClientRequestToken": "t"});
    world.dynamo("TransactWriteItems", token.clone()).await.ok();
    world.dynamo("TransactWriteItems", token).await.ok();
    assert_eq!(world.get("new").await, json!({"pk": {"S": "new"}}));
    let twice = json!({"TransactItems": [put("x"), put("x")]});
    assert!(world.dynamo("TransactWriteItems", twice).await.refused().2.contains("multiple operations on one item"));
}

#[tokio::test]
async fn faults_and_signatures_hold_here_too() {
    let world = World::with_tables().await;
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
    let wrong = Signer { key_id: KEY_ID, secret: "wrong", service: "dynamodb", at: world.clock.now() };
    let answer = world.send("DynamoDB_20120810.PutItem", "{}".to_owned(), Some(wrong)).await.unwrap();
    assert_eq!((answer.refused().0, answer.refused().1), (400, "InvalidSignatureException"));
    let sqs = Signer { key_id: KEY_ID, secret: SECRET, service: "sqs", at: world.clock.now() };
    let answer = world.send("DynamoDB_20120810.PutItem", "{}".to_owned(), Some(sqs)).await.unwrap();
    assert_eq!(answer.refused().1, "InvalidSignatureException");
}
