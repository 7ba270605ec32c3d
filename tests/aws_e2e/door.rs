//! The door, from a notification that somebody outside AWS posts to the receipt.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::account::until;
use crate::home::{Home, Wish, copy, policy};

const PATH: &str = "q8Zr2Lw6Yt1Xm5Kc9Vb3Nd7Hf4Gs0JpA";
const KEY: [u8; 32] = *b"thirty-two bytes of a test's key";

/// What the secret of the door says.
pub fn senders() -> Value {
    let key = format!("whsec_{}", STANDARD.encode(KEY));
    json!({ "path": PATH, "senders": { "forwarder": { "webhook": { "provider": "tencent", "keys": [key] } } } })
}

/// The status and the body that whoever posts this gets. MiniStack looks for an API in the account of whoever calls, so the call is signed;
/// the route asks for no signature of AWS.
async fn post(home: &Home, path: &str, headers: Vec<(String, String)>, body: &str) -> (u16, String) {
    let api = home.resources().await.remove("DoorApi").unwrap();
    let path = format!("/_aws/execute-api/{api}/$default{path}");
    let reply = home.account.send("POST", "execute-api", &path, headers, body.as_bytes().to_vec()).await;
    (reply.status, String::from_utf8(reply.body).unwrap())
}

/// The headers of a signed notification, by the openssl command.
fn signed(id: &str, body: &str) -> Vec<(String, String)> {
    let at = SystemClock.now().as_second().to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{id}.{at}.{body}")).unwrap();
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{hex}"), "-binary"]).arg(file.path());
    let mac = openssl.output().unwrap();
    assert!(mac.status.success(), "{}", String::from_utf8_lossy(&mac.stderr));
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(mac.stdout))),
        ("content-type", "application/json".to_owned()),
    ];
    headers.map(|(name, value)| (name.to_owned(), value)).into()
}

#[tokio::test]
async fn a_verified_notification_becomes_a_receipt_and_a_stranger_s_nothing() {
    let web = policy(json!({ "name_prefix": "web-" }));
    let wish = Wish { policy: Some(web), door: Some(senders()), ..Wish::of(&[Cloud::Tencent]) };
    let home = Home::deploy(wish).await;
    let snapshot = |id: &str| json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": "web-1" });
    let snapshots = [snapshot("snap-door0001"), snapshot("snap-door0002")];
    home.seed(Cloud::Tencent, json!({ "snapshots": snapshots, "switches": { "copy_duration_s": 0 } })).await;
    let hint = |id: &str| json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": id }).to_string();
    let ours = format!("/{PATH}/forwarder");
    let mut forged = signed("msg_1", &hint("snap-door0001"));
    forged[2].1 = format!("v1,{}", STANDARD.encode([0; 32]));
    for (path, headers, status) in [
        ("/wrong/forwarder", signed("msg_1", &hint("snap-door0001")), 403),
        (&format!("/{PATH}/nobody"), signed("msg_1", &hint("snap-door0001")), 403),
        (&ours, Vec::new(), 401),
        (&ours, forged, 401),
        (&ours, signed("msg_1", &hint("snap-door0002")), 401),
    ] {
        let got = post(&home, path, headers, &hint("snap-door0001")).await;
        assert_eq!(got, (status, String::new()), "{path}");
    }
    // A command of a verified sender is none.
    let command = copy("snap-door0002").to_string();
    assert_eq!(post(&home, &ours, signed("msg_2", &command), &command).await.0, 202);
    let hint = hint("snap-door0001");
    let headers = signed("msg_3", &hint);
    assert_eq!(post(&home, &ours, headers.clone(), &hint).await, (202, String::new()));
    let receipts = home.expect_receipts(1).await;
    assert_eq!(receipts[0]["data"]["source"]["snapshot_id"], "snap-door0001");
    // Once more, and again by a process that remembers nothing: looked at, and not copied.
    assert_eq!(post(&home, &ours, headers, &hint).await.0, 202);
    let inside = json!({ "via": "door", "sender": "forwarder", "proof": "webhook", "id": "msg_3",
        "received_at": SystemClock.now().to_string(), "raw": hint });
    home.send_work(Cloud::Tencent, &[inside]).await;
    until("the queue to be empty", 30, async || {
        (home.account.depth(home.work(Cloud::Tencent)).await == 0).then_some(())
    })
    .await;
    assert_eq!(home.made().len(), 1);
    assert_eq!(home.account.depth(home.dead_letters(Cloud::Tencent)).await, 0);
    // The log counts who was refused, and holds neither the path nor a key.
    let log = home.log_of(&home.door()).await;
    assert!(log.contains("refused at the door: 1 wrong path"), "{log}");
    assert!(!log.contains(PATH) && !log.contains("whsec_") && !log.contains("not authorized"), "{log}");
}
