//! Notifications of Huawei SMN.

use jiff::{SignedDuration, Timestamp};
use offsite_door::refused::Refused;
use serde_json::{Value, json};

use super::{CERTIFICATE, Signer, TOPIC, World, answer, request, signer};

const CONFIRM: &str = "https://console.huaweicloud.com/smn/subscription/confirm?token=t0ken&region=cn-north-4";

/// What is signed, as the manual says: names and values, each with a line feed, in the order of the alphabet.
fn signed_text(message: &Value) -> String {
    let names: &[&str] = match message["type"].as_str().unwrap() {
        "Notification" => &["message", "message_id", "subject", "timestamp", "topic_urn", "type"],
        _ => &["message", "message_id", "subscribe_url", "timestamp", "topic_urn", "type"],
    };
    let parts = names.iter().filter_map(|name| {
        let value = message[name].as_str().filter(|value| !value.is_empty())?;
        Some(format!("{name}\n{value}\n"))
    });
    parts.collect()
}

/// A notification with these fields, not signed yet.
fn notification(at: Timestamp, more: Value) -> Value {
    let mut message = json!({
        "type": "Notification", "signature_version": "v1", "topic_urn": TOPIC, "message_id": "d84bd6629ef04513ad2e37bffd6e17cb",
        "subject": "SMN", "message": "{\"a\": 1}", "timestamp": at.to_string(), "signing_cert_url": CERTIFICATE,
        "unsubscribe_url": "https://console.huaweicloud.com/smn/subscription/unsubscribe?x=1",
    });
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => message.as_object_mut().unwrap().remove(name),
            value => message.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    message
}

fn confirmation(at: Timestamp, url: &str) -> Value {
    notification(at, json!({ "type": "SubscriptionConfirmation", "subscribe_url": url, "subject": null }))
}

fn by(signer: &Signer, mut message: Value) -> Value {
    message["signature"] = json!(signer.sign(&signed_text(&message)));
    message
}

fn post(message: &Value) -> Value {
    request("smn", &[("x-smn-message-type", "Notification")], &message.to_string())
}

pub(super) fn signed(at: Timestamp, id: &str, message: &str) -> Value {
    post(&by(signer("own"), notification(at, json!({ "message": message, "message_id": id }))))
}

#[tokio::test]
async fn what_the_cloud_has_signed_is_taken_in_each_of_its_forms() {
    let world = World::new();
    for (id, more) in [
        ("a1", json!({})),
        ("a2", json!({ "subject": null })),
        ("a3", json!({ "subject": "" })),
        ("a4", json!({ "subject": "备份完成", "message": "line1\nline2 é 备份\r\n\"q\" \\ /" })),
        ("a5", json!({ "message": "plain text" })),
    ] {
        let mut message = notification(world.now(), more);
        message["message_id"] = json!(id);
        let message = by(signer("own"), message);
        assert_eq!(world.knock(&post(&message)).await, 202, "{id}");
        let (queue, queued) = world.queued().pop().unwrap();
        assert_eq!((queue.as_str(), &queued["proof"], &queued["raw"]), ("huawei", &json!("smn"), &message["message"]));
    }
    // Huawei's samples sign an empty subject, which its manual leaves out.
    let mut sample = notification(world.now(), json!({ "subject": "", "message_id": "a6" }));
    let text = signed_text(&sample).replace("timestamp\n", "subject\n\ntimestamp\n");
    sample["signature"] = json!(signer("own").sign(&text));
    assert_eq!(world.knock(&post(&sample)).await, 202);
    assert_eq!(world.opened(), [CERTIFICATE], "the certificate is asked for once");
}

#[tokio::test]
async fn nothing_is_started_by_what_is_forged_stale_cut_or_of_another_topic() {
    let world = World::new();
    let now = world.now();
    let ago = |minutes: i64| now - SignedDuration::from_mins(minutes);
    let own = |more: Value| by(signer("own"), notification(now, more));
    let spoilt = |name: &str, value: Value| {
        let mut message = own(json!({}));
        message[name] = value;
        message
    };
    let resplit = {
        // The very text that was signed, with what was the subject made part of the ID.
        let mut message = own(json!({}));
        message["message_id"] = json!("d84bd6629ef04513ad2e37bffd6e17cb\nsubject\nSMN");
        message.as_object_mut().unwrap().remove("subject");
        message
    };
    for (what, message, status) in [
        ("signed by another key", by(signer("strange"), notification(now, json!({}))), 401),
        ("not signed", notification(now, json!({})), 400),
        ("signed with nothing", spoilt("signature", json!("")), 401),
        ("cut", spoilt("message", json!("{\"a\": ")), 401),
        ("with another subject", spoilt("subject", json!("XXX")), 401),
        ("under another ID", spoilt("message_id", json!("e84b")), 401),
        ("moved in time", spoilt("timestamp", json!(ago(1).to_string())), 401),
        ("of another version", spoilt("signature_version", json!("v2")), 401),
        ("too old", by(signer("own"), notification(ago(71), json!({}))), 401),
        ("ahead", by(signer("own"), notification(ago(-6), json!({}))), 401),
        ("at no time", own(json!({ "timestamp": "yesterday" })), 401),
        ("of another topic", own(json!({ "topic_urn": TOPIC.replace("backups", "others") })), 403),
        ("cut otherwise", resplit, 400),
        ("of no kind", own(json!({ "type": "Command" })), 400),
    ] {
        assert_eq!(world.knock(&post(&message)).await, status, "{what}");
    }
    for body in ["", "{}", "[]", "null", "not JSON", "{\"type\":"] {
        assert_eq!(world.knock(&request("smn", &[], body)).await, 400, "{body}");
    }
    assert_eq!(world.queued(), [], "nothing lies on a queue");
    for minutes in [69, -4] {
        let message = by(signer("own"), notification(ago(minutes), json!({ "message_id": format!("m{minutes}") })));
        assert_eq!(world.knock(&post(&message)).await, 202, "the twin of {minutes} minutes ago");
    }
}

/// Whoever signs with a key of their own has to show its certificate, and only the cloud's own host is asked for one.
#[tokio::test]
async fn nothing_is_started_by_what_brings_a_certificate_from_elsewhere() {
    let world = World::new();
    let own = CERTIFICATE;
    for url in [
        "http://smn.cn-north-4.myhuaweicloud.com/smn/SMN_cn-north-4_3190c26a56fb435f9882e3435b6c1d2e.pem".to_owned(),
        "https://evil.example/smn/SMN_cn-north-4_3190c26a56fb435f9882e3435b6c1d2e.pem".to_owned(),
        own.replace("myhuaweicloud.com", "myhuaweicloud.com.evil.example"),
        own.replace("myhuaweicloud.com", "myhuaweicloud.com@evil.example"),
        own.replace("myhuaweicloud.com", "myhuaweicloud.com:8443"),
        own.replace("myhuaweicloud.com", "obs.myhuaweicloud.com"),
        own.replace("https://", "https://user@"),
        own.replace("https://", "HTTPS://"),
        own.replace("smn.cn-north-4", "obs.cn-north-4"),
        own.replace("cn-north-4", "cn-east-3"),
        own.replace("/smn/", "/smn/../bucket/"),
        own.replace("/smn/", "/%73mn/"),
        own.replace("3190", "..%2f"),
        format!("{own}?x=.pem"),
        format!("{own}#.pem"),
        own.replace(".pem", ".pem\n"),
        String::new(),
    ] {
        let message = notification(world.now(), json!({ "signing_cert_url": url }));
        world.around.pages.lock().unwrap().insert(url.clone(), answer(200, signer("strange").pem()));
        assert_eq!(world.knock(&post(&by(signer("strange"), message))).await, 401, "{url}");
    }
    assert_eq!((world.queued(), world.opened()), (vec![], vec![]), "and nothing was opened");
    // The twin: at the cloud's own place the same key is believed. So it is the place that keeps it out.
    world.around.pages.lock().unwrap().insert(own.to_owned(), answer(200, signer("strange").pem()));
    let message = notification(world.now(), json!({}));
    assert_eq!(world.knock(&post(&by(signer("strange"), message))).await, 202);
}

#[tokio::test]
async fn nothing_is_started_by_a_redirected_certificate() {
    let world = World::new();
    let elsewhere = "https://evil.example/own.pem";
    let mut redirect = answer(302, Vec::new());
    redirect.headers.push(("location".to_owned(), elsewhere.to_owned()));
    world.around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), redirect);
    world.around.pages.lock().unwrap().insert(elsewhere.to_owned(), answer(200, signer("strange").pem()));
    let message = by(signer("strange"), notification(world.now(), json!({})));
    assert_eq!(world.knock(&post(&message)).await, 401);
    assert_eq!((world.queued(), world.opened()), (vec![], vec![CERTIFICATE.to_owned()]), "it was not followed");
    world.clock.pass(61);
    world.around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), answer(200, signer("strange").pem()));
    assert_eq!(world.knock(&post(&message)).await, 202, "the twin: shown by the cloud's host itself");
}

#[tokio::test]
async fn nothing_is_started_by_a_certificate_that_is_short_of_another_kind_over_or_none() {
    for (what, signer, page, days) in [
        ("short", signer("short"), signer("short").pem(), 0),
        ("of another kind", signer("curve"), signer("curve").pem(), 0),
        ("over", signer("own"), signer("own").pem(), 11),
        ("not begun", signer("own"), signer("own").pem(), -1),
        ("no certificate", signer("own"), b"<html>not found</html>".to_vec(), 0),
        ("empty", signer("own"), Vec::new(), 0),
        ("a key", signer("own"), std::fs::read(signer("own").folder.join("key.pem")).unwrap(), 0),
        ("cut", signer("own"), signer("own").pem()[..400].to_vec(), 0),
    ] {
        let world = World::new();
        world.clock.pass(days * 86_400);
        world.around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), answer(200, page));
        let message = by(signer, notification(world.now(), json!({})));
        assert_eq!(world.knock(&post(&message)).await, 401, "{what}");
        assert_eq!(world.queued(), [], "{what}");
    }
    // The twin, two days before its end.
    let world = World::new();
    world.clock.pass(8 * 86_400);
    assert_eq!(world.knock(&signed(world.now(), "a1", "x")).await, 202);
}

/// Whoever shows what is no certificate learns nothing from it; the operator reads in the log what it was.
#[tokio::test]
async fn the_log_says_once_a_minute_why_and_names_a_key_that_is_too_short() {
    let world = World::new();
    let told = |refused, seconds| world.door.tally.add(refused, world.now() + SignedDuration::from_secs(seconds));
    assert_eq!(told(Refused::Path, 0).as_deref(), Some("1 wrong path"), "the first one at once");
    world.around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), answer(200, signer("short").pem()));
    for _ in 0..3 {
        let message = by(signer("short"), notification(world.now(), json!({})));
        assert_eq!(world.knock(&post(&message)).await, 401);
    }
    assert_eq!(told(Refused::Path, 59), None);
    assert_eq!(told(Refused::Path, 61).as_deref(), Some("2 wrong path, 3 key too short"));
}

#[tokio::test]
async fn a_certificate_page_of_more_than_64_kib_is_not_read() {
    for (bytes, is_taken) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let world = World::new();
        let mut page = signer("own").pem();
        page.resize(bytes, b'\n');
        world.around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), answer(200, page));
        let status = world.knock(&signed(world.now(), "a1", "x")).await;
        assert_eq!((status == 202, world.queued().len()), (is_taken, usize::from(is_taken)), "{bytes}: {status}");
    }
}

#[tokio::test]
async fn where_public_keys_are_named_no_other_is_believed() {
    let world = World::new();
    let name = |hash: String| {
        world.around.secret.lock().unwrap()["senders"]["smn"]["smn"]["public_key_sha256"] = json!([hash]);
        world.clock.pass(301);
    };
    name(signer("strange").hash());
    assert_eq!(world.knock(&signed(world.now(), "a1", "x")).await, 401);
    name(signer("own").hash());
    assert_eq!(world.knock(&signed(world.now(), "a1", "x")).await, 202);
}

/// The cloud repeats what is answered 503, and loses what is answered 401.
#[tokio::test]
async fn a_host_that_does_not_answer_is_our_trouble_and_is_asked_six_times_a_minute_at_most() {
    let world = World::new();
    world.around.pages.lock().unwrap().clear();
    assert_eq!(world.knock(&signed(world.now(), "a1", "x")).await, 503);
    assert_eq!(world.knock(&signed(world.now(), "a1", "x")).await, 503);
    assert_eq!(world.opened().len(), 1, "a failure is remembered");
    for number in 0..20 {
        let url = CERTIFICATE.replace("3190", &format!("{number:04}"));
        let message = by(signer("own"), notification(world.now(), json!({ "signing_cert_url": url })));
        assert_eq!(world.knock(&post(&message)).await, 503);
    }
    assert_eq!(world.opened().len(), 6);
    world.clock.pass(61);
    world.around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), answer(200, signer("own").pem()));
    assert_eq!(world.knock(&signed(world.now(), "a1", "x")).await, 202);
}

#[tokio::test]
async fn a_subscription_is_confirmed_where_the_cloud_is_and_by_what_it_has_signed() {
    let world = World::new();
    for url in [CONFIRM, "https://smn.cn-north-4.myhuaweicloud.com/smn/subscriptions/confirm?token=t0ken"] {
        world.around.pages.lock().unwrap().insert(url.to_owned(), answer(200, b"{}".to_vec()));
        let message = by(signer("own"), confirmation(world.now(), url));
        assert_eq!(world.knock(&post(&message)).await, 202);
        assert_eq!(world.opened().pop().unwrap(), url);
    }
    let before = world.opened().len();
    let forged = by(signer("strange"), confirmation(world.now(), CONFIRM));
    assert_eq!(world.knock(&post(&forged)).await, 401);
    let mut moved = by(signer("own"), confirmation(world.now(), CONFIRM));
    moved["subscribe_url"] = json!("https://console.huaweicloud.com/smn/other");
    assert_eq!(world.knock(&post(&moved)).await, 401);
    for elsewhere in [
        "https://evil.example/smn/x",
        "https://console.huaweicloud.com@evil.example/smn/x",
        "https://console.huaweicloud.com:8443/smn/x",
        "http://console.huaweicloud.com/smn/x",
        "https://console.huaweicloud.com/iam/x",
        "https://smn.cn-east-3.myhuaweicloud.com/smn/x",
    ] {
        let message = by(signer("own"), confirmation(world.now(), elsewhere));
        assert_eq!(world.knock(&post(&message)).await, 202, "{elsewhere}: it is the cloud's, and not opened");
    }
    let ended = notification(
        world.now(),
        json!({ "type": "UnsubscribeConfirmation", "subscribe_url": CONFIRM, "subject": null }),
    );
    assert_eq!(world.knock(&post(&by(signer("own"), ended))).await, 202);
    assert_eq!(
        (world.opened().len(), world.queued()),
        (before, vec![]),
        "nothing more was opened, nothing lies on a queue"
    );
    // The cloud repeats a confirmation that did not come through.
    world.around.pages.lock().unwrap().insert(CONFIRM.to_owned(), answer(500, Vec::new()));
    let message = by(signer("own"), confirmation(world.now(), CONFIRM));
    assert_eq!(world.knock(&post(&message)).await, 503);
}
