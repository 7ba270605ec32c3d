//! What comes to a queue or an endpoint and is for nobody here: named and done with, so that no dead-letter queue fills with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::model::fields::FieldError;
use crate::model::text::one_line;

/// Why an object is of no concern to Offsite; `None` if it may be.
pub(super) fn not_for_us(object: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    // SNS. Source: Amazon SNS developer guide, "HTTP/HTTPS subscription confirmation JSON format". SMN of Huawei writes them in lower
    // case. Source: Open Telekom Cloud simple-message-notification 47f5cfc, 2026-04-22.
    let kind = text("Type").or(text("type").filter(|_| object.contains_key("topic_urn")));
    if let Some(kind @ ("SubscriptionConfirmation" | "UnsubscribeConfirmation")) = kind {
        return Some(format!("a {kind} of a topic: open the URL in it, if the subscription is wanted"));
    }
    // Source: Amazon S3 user guide, "Event message structure".
    if text("Service") == Some("Amazon S3") && text("Event") == Some("s3:TestEvent") {
        return Some("the test event that S3 sends when a notification is set up".to_owned());
    }
    let first = object.get("Records").and_then(|records| records.get(0))?;
    let source = first.get("eventSource").or(first.get("EventSource")).and_then(Value::as_str)?;
    let other = !matches!(source, "aws:sqs" | "aws:sns");
    other.then(|| one_line(&format!("a notification of {source}, which says nothing about a backup")))
}

/// Why an event of this source says nothing about a backup, where it is of another product of one of the clouds. It is asked only
/// after nothing was found in the event.
pub(super) fn another_product(source: &str) -> Option<String> {
    let is_clouds = source.starts_with("aws.")
        || source.starts_with("acs.")
        || source.starts_with("acs:")
        || source.starts_with("HC.")
        || source.ends_with(".cloud.tencent");
    is_clouds.then(|| one_line(&format!("an event of {source}, which names no backup")))
}

/// The data of a CloudEvent that is given in base64. Source: CloudEvents JSON event format 1.0.2, section 3.1.
///
/// # Errors
/// It is not base64 of UTF-8 text.
pub(super) fn data_of(object: &Map<String, Value>) -> Result<Option<Value>, FieldError> {
    let Some(data) = object.get("data_base64") else { return Ok(None) };
    let bytes = data.as_str().and_then(|text| STANDARD.decode(text).ok());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| Some(Value::String(text)))
        .ok_or_else(|| FieldError::new("data_base64", "must be base64 of a JSON text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::STANDARD;
    use crate::triggers::{Answer, Item, read};

    fn command() -> serde_json::Value {
        json!({
            "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
            "source": { "region": "ap-guangzhou", "snapshot_id": "snap-1" }, "destinations": [{ "region": "ap-singapore" }],
        })
    }

    #[test]
    fn what_is_for_nobody_here_is_named_and_done_with() {
        let confirmation =
            json!({ "Type": "SubscriptionConfirmation", "MessageId": "m", "SubscribeURL": "https://sns" });
        let other = json!({ "version": "0", "id": "e", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
            "time": "2026-11-21T02:00:00Z", "region": "r", "resources": [], "detail": { "bucket": {} } });
        for (event, part) in [
            (confirmation.clone(), "SubscriptionConfirmation"),
            (
                json!({ "type": "SubscriptionConfirmation", "topic_urn": "urn:smn", "subscribe_url": "https://smn" }),
                "Subscription",
            ),
            (json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" }), "test event"),
            (other, "aws.s3"),
            (
                json!({ "specversion": "1.0", "id": "e", "source": "acs.ecs", "type": "ecs:Disk", "data": { "a": 1 } }),
                "acs.ecs",
            ),
            (
                json!({ "specversion": "1.0", "id": "e", "source": "cvm.cloud.tencent", "type": "x", "data": { "a": 1 } }),
                "no record of a call",
            ),
        ] {
            let alone = read(&event).unwrap();
            let in_queue =
                json!({ "Records": [{ "messageId": "m", "body": event.to_string(), "eventSource": "aws:sqs" }] });
            for read in [alone, read(&in_queue).unwrap()] {
                let [Ok(Item::Ignored(reason))] = &read.records[0].items[..] else { panic!("{event}: {read:?}") };
                assert!(reason.contains(part), "{reason}");
            }
        }
        let notification = json!({ "Records": [{ "eventSource": "aws:s3", "s3": {} }] });
        let in_queue =
            json!({ "Records": [{ "messageId": "m", "body": notification.to_string(), "eventSource": "aws:sqs" }] });
        let read = read(&in_queue).unwrap();
        assert!(
            matches!(&read.records[0].items[..], [Ok(Item::Ignored(reason))] if reason.contains("aws:s3")),
            "{read:?}"
        );
    }

    #[test]
    fn a_command_is_read_in_base64_in_a_letter_and_in_a_batch_of_pipes() {
        let encoded = STANDARD.encode(command().to_string());
        let cloud_event =
            json!({ "specversion": "1.0", "id": "e", "source": "s", "type": "t", "data_base64": encoded });
        let letter = json!({ "version": "1.0", "requestContext": { "condition": "RetriesExhausted" }, "requestPayload": command(),
            "responseContext": { "statusCode": 200 }, "responsePayload": { "errorType": "Offsite.Unavailable" } });
        for event in [cloud_event, letter] {
            let read = read(&event).unwrap();
            assert!(matches!(&read.records[0].items[..], [Ok(Item::Command(_))]), "{event}: {read:?}");
        }
        let record = json!({ "messageId": "m", "body": command().to_string(), "eventSource": "aws:sqs" });
        let piped = read(&json!([record, record])).unwrap();
        assert_eq!((piped.answer, piped.records.len()), (Answer::Batch, 2));
        let wrong = json!({ "specversion": "1.0", "id": "e", "source": "s", "type": "t", "data_base64": "%%" });
        let read = read(&wrong).unwrap();
        assert!(matches!(&read.records[0].items[..], [Err(error)] if error.field == "data_base64"), "{read:?}");
    }

    #[test]
    fn an_event_that_is_for_us_and_wrong_is_still_an_error() {
        let bare = json!({ "version": "0", "id": "e", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "1",
            "time": "2026-11-21T02:00:00Z", "region": "r", "resources": [], "detail": "{}" });
        let mine =
            json!({ "specversion": "1.0", "id": "e", "source": "my-scheduler", "type": "t", "data": { "a": 1 } });
        for event in [bare, mine] {
            let read = read(&event).unwrap();
            assert!(matches!(&read.records[0].items[..], [Err(_)]), "{event}: {read:?}");
        }
    }
}
