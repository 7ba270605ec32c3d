//! The door: who is let in, who is not, and what follows from what is let in. Signatures are made by the openssl command.

mod inside;
mod smn;
mod webhooks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use offsite_door::run::run;
use offsite_door::setup::Setup;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::ports::{Boxed, Clock, Transport};
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::Nonce;
use serde_json::{Value, json};

/// The secret part of the path.
const PATH: &str = "k3Jd9sQm2xW7tYb5vN8pLr4Zc6Ha1GfE";

const TOPIC: &str = "urn:smn:cn-north-4:4229d7a45436489f8c3dc2b1d35d4987:backups";
const CERTIFICATE: &str =
    "https://smn.cn-north-4.myhuaweicloud.com/smn/SMN_cn-north-4_3190c26a56fb435f9882e3435b6c1d2e.pem";

/// Bytes of a webhook's key; the secret has them in base64.
const KEY: [u8; 32] = *b"a key of thirty-two bytes, shown";

fn written(key: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

/// A clock that only the test moves.
struct Hand(Mutex<Timestamp>);

impl Hand {
    fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        *self.0.lock().unwrap() += SignedDuration::try_from(duration).unwrap();
        Box::pin(async {})
    }
    fn nonce(&self) -> Nonce {
        SystemClock.nonce()
    }
}

/// What is around the door: its secret, the queues, and the pages of the world.
struct Around {
    secret: Mutex<Value>,
    queued: Mutex<Vec<(String, Value)>>,
    is_queue_down: Mutex<bool>,
    pages: Mutex<BTreeMap<String, Reply>>,
    /// Every page that was opened.
    opened: Mutex<Vec<String>>,
    /// How often the secret was read.
    read: Mutex<usize>,
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

impl Transport for Around {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let target = request.headers.iter().find(|(name, _)| name == "x-amz-target").map(|(_, target)| target.as_str());
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let reply = match target {
            Some("secretsmanager.GetSecretValue") => {
                *self.read.lock().unwrap() += 1;
                let text = self.secret.lock().unwrap().to_string();
                Ok(answer(200, json!({ "SecretString": text }).to_string()))
            }
            Some("AmazonSQS.SendMessageBatch") if *self.is_queue_down.lock().unwrap() => {
                Ok(answer(400, json!({ "__type": "AccessDenied", "message": "no" }).to_string()))
            }
            Some("AmazonSQS.SendMessageBatch") => {
                let queue = body["QueueUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                for entry in body["Entries"].as_array().unwrap() {
                    let text = entry["MessageBody"].as_str().unwrap();
                    self.queued.lock().unwrap().push((queue.clone(), serde_json::from_str(text).unwrap()));
                }
                let ids = body["Entries"].as_array().unwrap().iter().map(|entry| json!({ "Id": entry["Id"] }));
                Ok(answer(200, json!({ "Successful": ids.collect::<Vec<_>>() }).to_string()))
            }
            Some(other) => panic!("{other}"),
            None => {
                self.opened.lock().unwrap().push(request.url.clone());
                let page = self.pages.lock().unwrap().get(&request.url).cloned();
                // As the transport does it.
                let longest = request.manner.longest_answer;
                match page.ok_or_else(|| TransportError::NotSent("no such host".into())) {
                    Ok(page) if page.body.len() > longest => {
                        Err(TransportError::NoAnswer(format!("the answer is larger than {longest} bytes")))
                    }
                    page => page,
                }
            }
        };
        Box::pin(async move { reply })
    }
}

/// A door, and everything around it.
struct World {
    around: Arc<Around>,
    clock: Arc<Hand>,
    door: Setup,
}

fn door(around: &Arc<Around>, clock: &Arc<Hand>) -> Setup {
    let queue = |cloud: &str| format!("https://sqs.us-east-1.amazonaws.com/123456789012/{cloud}");
    let environment = Environment::default()
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "x")
        .with("OFFSITE_DOOR_SENDERS", "arn:aws:secretsmanager:us-east-1:123456789012:secret:door-AbCdEf")
        .with("OFFSITE_HUAWEI_DOOR_QUEUE_URL", queue("huawei"))
        .with("OFFSITE_TENCENT_DOOR_QUEUE_URL", queue("tencent"));
    Setup::new(&environment, clock.clone(), around.clone(), around.clone()).unwrap()
}

impl World {
    fn new() -> World {
        let senders = json!({
            "forwarder": { "webhook": { "provider": "tencent", "keys": [written(&KEY)] } },
            "other": { "webhook": { "provider": "tencent", "keys": [written(&[7; 24])] } },
            "unserved": { "webhook": { "provider": "alibaba", "keys": [written(&KEY)] } },
            "smn": { "smn": { "topics": [TOPIC] } },
        });
        let around = Arc::new(Around {
            secret: Mutex::new(json!({ "path": PATH, "senders": senders })),
            queued: Mutex::default(),
            is_queue_down: Mutex::new(false),
            pages: Mutex::default(),
            opened: Mutex::default(),
            read: Mutex::default(),
        });
        around.pages.lock().unwrap().insert(CERTIFICATE.to_owned(), answer(200, signer("own").pem()));
        let clock = Arc::new(Hand(Mutex::new(SystemClock.now())));
        let door = door(&around, &clock);
        World { around, clock, door }
    }

    /// The same world with a process that remembers nothing.
    fn again(&mut self) {
        self.door = door(&self.around, &self.clock);
    }

    /// The status that a request gets. It gets nothing else, whatever it was.
    async fn knock(&self, event: &Value) -> u64 {
        let answered = run(&self.door, event).await.unwrap();
        let status = answered["statusCode"].as_u64().unwrap();
        let bare = json!({ "statusCode": status, "headers": { "cache-control": "no-store" }, "body": "" });
        assert_eq!(answered, bare);
        status
    }

    /// What lies on the queues.
    fn queued(&self) -> Vec<(String, Value)> {
        self.around.queued.lock().unwrap().clone()
    }

    fn opened(&self) -> Vec<String> {
        self.around.opened.lock().unwrap().clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A request as API Gateway hands it on, payload 2.0. Source: Amazon API Gateway Developer Guide, 2026.
fn request(sender: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let headers: BTreeMap<&str, &str> = headers.iter().copied().collect();
    json!({
        "version": "2.0", "routeKey": "POST /{path}/{sender}", "rawPath": format!("/{PATH}/{sender}"), "rawQueryString": "",
        "headers": headers, "body": body, "isBase64Encoded": false,
        "requestContext": { "accountId": "123456789012", "stage": "$default", "http": { "method": "POST" } },
    })
}

/// A key of the openssl command, with a certificate of its own.
struct Signer {
    folder: PathBuf,
}

impl Signer {
    fn pem(&self) -> Vec<u8> {
        std::fs::read(self.folder.join("cert.pem")).unwrap()
    }

    /// The signature of a text, in base64.
    fn sign(&self, text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let key = self.folder.join("key.pem");
        STANDARD.encode(openssl(&["dgst", "-sha256", "-sign", &key.to_string_lossy(), &file.path().to_string_lossy()]))
    }

    /// Base64 of the SHA-256 of its public key.
    fn hash(&self) -> String {
        let (key, der) = (self.folder.join("key.pem"), self.folder.join("public.der"));
        let (key, der) = (key.to_string_lossy(), der.to_string_lossy());
        openssl(&["pkey", "-in", &key, "-pubout", "-outform", "DER", "-out", &der]);
        STANDARD.encode(openssl(&["dgst", "-sha256", "-binary", &der]))
    }
}

/// The signer of this name: `own`, `strange`, `short` with 1,024 bits, or `curve` with a key of another kind. Good for ten days.
fn signer(name: &'static str) -> &'static Signer {
    static MADE: OnceLock<BTreeMap<&'static str, Signer>> = OnceLock::new();
    let make = || {
        let kinds = [("own", "rsa:2048"), ("strange", "rsa:2048"), ("short", "rsa:1024"), ("curve", "ec")];
        let made = kinds.map(|(name, kind)| {
            let folder = tempfile::tempdir().unwrap().keep();
            let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
            let (key, cert) = (key.to_string_lossy(), cert.to_string_lossy());
            let mut arguments =
                vec!["req", "-x509", "-newkey", kind, "-nodes", "-days", "10", "-subj", "/CN=smn.test.invalid"];
            if kind == "ec" {
                arguments.extend(["-pkeyopt", "ec_paramgen_curve:P-256"]);
            }
            arguments.extend(["-keyout", &key, "-out", &cert]);
            openssl(&arguments);
            (name, Signer { folder })
        });
        made.into()
    };
    &MADE.get_or_init(make)[name]
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap_or_else(|error| panic!("openssl: {error}"));
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Whatever the secret says wrongly is named, and nothing of it repeated.
#[tokio::test]
async fn a_wrong_secret_lets_nobody_in_and_is_told_without_its_words() {
    use offsite_door::senders::Senders;
    let good = World::new().around.secret.lock().unwrap().clone();
    assert!(Senders::read(&good.to_string(), "arn:door").is_ok());
    for (place, value, part) in [
        ("/path", json!("hunter2"), "has a path that is no 32"),
        ("/path", json!(7), "missing, unknown or of another kind"),
        ("/senders/forwarder/webhook/keys", json!([]), "has a sender forwarder that has no keys"),
        ("/senders/forwarder/webhook/keys", json!(["hunter2"]), "that is not whsec_ and base64"),
        ("/senders/forwarder/webhook/keys", json!([written(b"hunter2")]), "of 24 to 64 bytes"),
        ("/senders/forwarder/webhook/provider", json!("hunter2"), "has no provider"),
        ("/senders/forwarder", json!({}), "neither a webhook nor smn"),
        ("/senders/smn/smn/topics", json!([]), "has no topics"),
        ("/senders/smn/smn/topics", json!(["hunter2"]), "urn:smn:REGION"),
        ("/senders/smn/smn", json!({ "topics": [TOPIC], "suffix": "hunter2/x" }), "a suffix that is no domain"),
        ("/senders/smn/smn", json!({ "topics": [TOPIC], "public_key_sha256": ["hunter2"] }), "base64 of 32 bytes"),
        ("/senders/smn/smn", json!({ "topics": [TOPIC], "hunter2": 1 }), "missing, unknown"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let error = Senders::read(&wrong.to_string(), "arn:door").err().unwrap().to_string();
        assert!(error.contains(part) && error.contains("arn:door") && !error.contains("hunter2"), "{place}: {error}");
    }
    let error = Senders::read("hunter2", "arn:door").err().unwrap().to_string();
    assert!(error.contains("is not JSON") && !error.contains("hunter2"), "{error}");
    // Nobody is let in, and knocking does not make the secret asked for each time.
    let world = World::new();
    *world.around.secret.lock().unwrap() = json!({});
    for _ in 0..5 {
        assert_eq!(world.knock(&request("forwarder", &[], "{}")).await, 503);
    }
    assert_eq!(*world.around.read.lock().unwrap(), 1);
    world.clock.pass(11);
    *world.around.secret.lock().unwrap() = good;
    assert_eq!(world.knock(&request("nobody", &[], "{}")).await, 403);
}

/// The walls before any signature: who does not know the path learns nothing of what stands behind it.
#[tokio::test]
async fn a_stranger_is_stopped_by_path_size_and_name_before_anything_is_asked() {
    let world = World::new();
    let mut wrong = request("smn", &[], "{}");
    for path in ["", "/", "/smn", "/other/smn", &format!("/{PATH}x/smn"), &format!("//{PATH}/smn"), "/%2e%2e/smn"] {
        wrong["rawPath"] = json!(path);
        assert_eq!(world.knock(&wrong).await, 403, "{path}");
    }
    for sender in ["", "nobody", "smn/", "smn/x", "Smn"] {
        assert_eq!(world.knock(&request(sender, &[], "{}")).await, 403, "{sender}");
    }
    assert_eq!(world.knock(&request("smn", &[], &"x".repeat(262_145))).await, 400);
    let mut odd = request("smn", &[], "{}");
    (odd["isBase64Encoded"], odd["body"]) = (json!(true), json!("%%"));
    assert_eq!(world.knock(&odd).await, 400);
    assert_eq!(world.knock(&json!({})).await, 403);
    assert!(world.queued().is_empty() && world.opened().is_empty());
}

/// The tools that sign are there: a test that would pass without them proves nothing.
#[test]
fn the_signers_are_of_the_kinds_that_they_are_said_to_be() {
    let text = |name| {
        let cert = signer(name).folder.join("cert.pem");
        String::from_utf8(openssl(&["x509", "-in", &Path::new(&cert).to_string_lossy(), "-noout", "-text"])).unwrap()
    };
    assert!(text("own").contains("Public-Key: (2048 bit)") && text("short").contains("Public-Key: (1024 bit)"));
    assert!(text("curve").contains("id-ecPublicKey"));
}
