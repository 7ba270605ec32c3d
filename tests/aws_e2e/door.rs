//! The door, from a notification that somebody outside AWS posts to the receipt.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::ports::Clock;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};

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
    home.worked_off(Cloud::Tencent).await;
    assert_eq!(home.made().len(), 1);
    assert_eq!(home.account.depth(home.dead_letters(Cloud::Tencent)).await, 0);
    // The log counts who was refused, and holds neither the path nor a key.
    let log = home.log_of(&home.door()).await;
    assert!(log.contains("refused at the door: 1 wrong path"), "{log}");
    assert!(!log.contains(PATH) && !log.contains("whsec_") && !log.contains("not authorized"), "{log}");
}

const TOPIC: &str = "urn:smn:cn-north-4:4229d7a45436489f8c3dc2b1d35d4987:backups";
const CERTIFICATE: &str =
    "https://smn.cn-north-4.myhuaweicloud.com/smn/SMN_cn-north-4_3190c26a56fb435f9882e3435b6c1d2e.pem";

/// A proxy that looks into TLS: it shows a certificate for the host that is asked for, by an authority of its own.
struct Proxy {
    url: String,
    /// What it was asked to connect to, and what came through its TLS.
    seen: Arc<Mutex<(Vec<String>, Vec<String>)>>,
}

impl Proxy {
    fn start(host: &str) -> Proxy {
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let (config, seen) = (Arc::new(config), Arc::new(Mutex::new((Vec::new(), Vec::new()))));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = seen.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let asked = head(&mut stream);
                kept.lock().unwrap().0.push(asked.lines().next().unwrap_or_default().to_owned());
                let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
                let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut tls = rustls::Stream::new(&mut connection, &mut stream);
                let mut request = [0; 4_096];
                if let Ok(read) = tls.read(&mut request)
                    && read > 0
                {
                    kept.lock().unwrap().1.push(String::from_utf8_lossy(&request[..read]).into_owned());
                }
            }
        });
        Proxy { url, seen }
    }
}

fn head(stream: &mut TcpStream) -> String {
    let (mut text, mut byte) = (String::new(), [0]);
    while !text.ends_with("\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        text.push(char::from(byte[0]));
    }
    text
}

/// A notification of SMN, signed with the key in this folder as the manual says.
fn smn(folder: &Path, topic: &str, certificate: &str, message: &str) -> String {
    let at = SystemClock.now().to_string();
    let fields = [
        ("message", message),
        ("message_id", "d84b"),
        ("timestamp", &at),
        ("topic_urn", topic),
        ("type", "Notification"),
    ];
    let text: String = fields.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect();
    let file = folder.join("text");
    std::fs::write(&file, text).unwrap();
    let mut openssl = Command::new("openssl");
    let signed = openssl.args(["dgst", "-sha256", "-sign"]).arg(folder.join("key.pem")).arg(file).output().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let mut body = json!({
        "signature_version": "v1", "signing_cert_url": certificate, "signature": STANDARD.encode(signed.stdout),
    });
    for (name, value) in fields {
        body[name] = json!(value);
    }
    body.to_string()
}

/// SMN's certificate is believed because the cloud's own host shows it, by the roots that are built into the binary: the one that is
/// deployed asks exactly that host, and takes nothing from whoever stands in between.
#[tokio::test]
async fn the_built_door_asks_the_cloud_s_own_host_for_smn_s_certificate_and_believes_nobody_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["genrsa", "-out"])
        .arg(folder.path().join("key.pem"))
        .arg("2048")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let proxy = Proxy::start("smn.cn-north-4.myhuaweicloud.com");
    let door = json!({ "path": PATH, "senders": { "cbr": { "smn": { "topics": [TOPIC] } } } });
    let wish = Wish { door: Some(door), ..Wish::of(&[Cloud::Huawei]) }.with("HttpsProxy", &proxy.url);
    let home = Home::deploy(wish).await;
    let hint = json!({ "backup_id": "0b6c9d5e-6a3a-4a5e-9c1f-0e6d8f7a1b2c" }).to_string();
    let knock = async |topic: &str, certificate: &str| {
        let body = smn(folder.path(), topic, certificate, &hint);
        let headers = vec![("x-smn-message-type".to_owned(), "Notification".to_owned())];
        post(&home, &format!("/{PATH}/cbr"), headers, &body).await
    };
    let elsewhere = CERTIFICATE.replace("myhuaweicloud.com", "myhuaweicloud.com.evil.example");
    assert_eq!(knock(&TOPIC.replace("backups", "others"), CERTIFICATE).await, (403, String::new()));
    assert_eq!(knock(TOPIC, &elsewhere).await, (401, String::new()));
    assert_eq!(*proxy.seen.lock().unwrap(), (vec![], vec![]), "no certificate was asked for");
    assert_eq!(knock(TOPIC, CERTIFICATE).await, (503, String::new()));
    let seen = proxy.seen.lock().unwrap().clone();
    assert_eq!(seen.0, ["CONNECT smn.cn-north-4.myhuaweicloud.com:443 HTTP/1.1"]);
    assert_eq!(seen.1, [""; 0], "it ends with the certificate that nobody vouches for");
    assert_eq!(home.account.depth(home.work(Cloud::Huawei)).await, 0);
}
