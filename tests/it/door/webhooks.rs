//! Senders that sign with a key that both sides hold.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{KEY, World, openssl, request, written};

/// A signature by the openssl command.
fn signature(key: &[u8], signed: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), signed).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("hexkey:{hex}");
    let mac = openssl(&["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary", &file.path().to_string_lossy()]);
    use base64::Engine;
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(mac))
}

const HINT: &str = r#"{"provider":"tencent","region":"ap-guangzhou","snapshot_id":"snap-door0001"}"#;

/// A request to `forwarder`, signed with its key.
pub(super) fn signed(id: &str, at: Timestamp, body: &str) -> Value {
    let at = at.as_second().to_string();
    let signature = signature(&KEY, &format!("{id}.{at}.{body}"));
    let headers = [("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
    request("forwarder", &headers, body)
}

#[tokio::test]
async fn what_is_well_signed_lies_on_the_queue_of_its_cloud_as_it_came() {
    let world = World::new();
    assert_eq!(world.knock(&signed("msg_1", world.now(), HINT)).await, 202);
    let [(queue, message)] = &world.queued()[..] else { panic!("{:?}", world.queued()) };
    let wanted = json!({
        "via": "door", "sender": "forwarder", "proof": "webhook", "id": "msg_1", "received_at": world.now().to_string(), "raw": HINT,
    });
    assert_eq!((queue.as_str(), message), ("tencent", &wanted));
    // The same in base64, as API Gateway hands on what is no text.
    let mut encoded = signed("msg_2", world.now(), HINT);
    use base64::Engine;
    encoded["body"] = json!(base64::engine::general_purpose::STANDARD.encode(HINT));
    encoded["isBase64Encoded"] = json!(true);
    assert_eq!(world.knock(&encoded).await, 202);
    assert_eq!(world.queued().len(), 2);
}

/// The block of code of docs/aws.md that has these words in it.
fn shown(words: &str) -> String {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/aws.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page.split("```").skip(1).step_by(2).find(|block| block.contains(words)).expect("the sample is there");
    block.split_once('\n').unwrap().1.to_owned()
}

/// What a sample of the page would send: `program` runs it in a folder of its own, where `curl` notes its arguments, one a line.
fn sent(program: &str, sample: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let curl = folder.path().join("curl");
    std::fs::write(&curl, "#!/bin/sh\nprintf '%s\\n' \"$@\" >sent\n").unwrap();
    std::fs::set_permissions(&curl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut path = vec![folder.path().to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let ended = std::process::Command::new(program)
        .args(["-c", sample])
        .current_dir(folder.path())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("KEY", written(&KEY))
        .env("URL", "https://door.invalid/path/forwarder")
        .output()
        .ok()?;
    assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
    let sent = std::fs::read_to_string(folder.path().join("sent")).unwrap();
    Some(sent.lines().map(str::to_owned).collect())
}

/// Both samples of the page, as they stand there. Only that nothing is sent differs; without Python its sample is not run.
#[tokio::test]
async fn what_the_page_shows_how_to_send_is_let_in() {
    let shell = sent("bash", &shown("curl -sS")).expect("bash is there");
    let after = |flag: &str| -> Vec<&str> {
        shell.windows(2).filter(|two| two[0] == flag).map(|two| two[1].as_str()).collect()
    };
    let headers: Vec<(&str, &str)> = after("-H").iter().filter_map(|header| header.split_once(": ")).collect();
    let world = World::new();
    assert_eq!(world.knock(&request("forwarder", &headers, after("-d")[0])).await, 202, "{shell:?}");
    let (last, rest) = headers.split_last().unwrap();
    let forged = [rest, &[(last.0, "v1,AAAA")]].concat();
    assert_eq!(world.knock(&request("forwarder", &forged, after("-d")[0])).await, 401, "the twin: {shell:?}");

    // `urlopen` notes what it is given, the body last.
    let noted = "import urllib.request\nclass Answer: status = 202\ndef note(request):\n  \
                 lines = [name + ': ' + value for name, value in request.header_items()] + [request.data.decode()]\n  \
                 open('sent', 'w').write('\\n'.join(lines))\n  return Answer\nurllib.request.urlopen = note\n";
    if let Some(lines) = sent("python3", &format!("{noted}{}", shown("hmac.new"))) {
        let (body, headers) = lines.split_last().unwrap();
        let headers: Vec<(String, &str)> = headers
            .iter()
            .filter_map(|header| header.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(world.knock(&request("forwarder", &headers, body)).await, 202, "{lines:?}");
    }
}

/// Each of these has its twin: the same request well made is let in.
#[tokio::test]
async fn nothing_is_started_by_what_is_forged_stale_cut_or_signed_for_another() {
    let world = World::new();
    let now = world.now();
    let later = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
    let with = |name: &str, value: Value| {
        let mut request = signed("msg_1", now, HINT);
        request["headers"][name] = value;
        request
    };
    let at = now.as_second().to_string();
    let of_other = {
        let mut request = signed("msg_1", now, HINT);
        request["rawPath"] = json!(request["rawPath"].as_str().unwrap().replace("forwarder", "other"));
        request
    };
    let cut = {
        let mut request = signed("msg_1", now, HINT);
        request["body"] = json!(&HINT[..HINT.len() - 1]);
        request
    };
    let recut = {
        // The very bytes that were signed, with a dot moved: another ID, time and body.
        let body = format!("{at}.{HINT}");
        let mut request = signed("msg_1", now, &body);
        request["headers"]["webhook-id"] = json!(format!("msg_1.{at}"));
        request["body"] = json!(HINT);
        request
    };
    let forged = signature(&[9; 32], &format!("msg_1.{at}.{HINT}"));
    let version = signature(&KEY, &format!("msg_1.{at}.{HINT}")).replace("v1,", "v2,");
    for (what, request, status) in [
        ("forged", with("webhook-signature", json!(forged)), 401),
        ("of another version", with("webhook-signature", json!(version)), 401),
        ("without a signature", with("webhook-signature", Value::Null), 401),
        ("with an empty one", with("webhook-signature", json!("v1,")), 401),
        ("under another ID", with("webhook-id", json!("msg_2")), 401),
        ("without an ID", with("webhook-id", Value::Null), 401),
        ("at another time", with("webhook-timestamp", json!(later(1).as_second().to_string())), 401),
        ("at no time", with("webhook-timestamp", json!("now")), 401),
        ("at a signed time", with("webhook-timestamp", json!(format!("+{at}"))), 401),
        ("too old", signed("msg_1", later(-301), HINT), 401),
        ("ahead", signed("msg_1", later(301), HINT), 401),
        ("cut", cut, 401),
        ("cut otherwise", recut, 401),
        ("to another sender", of_other, 401),
        ("too large", signed("msg_1", now, &"x".repeat(262_145)), 400),
        ("for a cloud that is not here", of("unserved", now), 503),
    ] {
        assert_eq!(world.knock(&request).await, status, "{what}");
    }
    assert_eq!(world.queued(), [], "nothing lies on a queue");
    for (id, request) in [
        ("msg_10", signed("msg_10", later(-299), HINT)),
        ("msg_11", signed("msg_11", later(299), HINT)),
        ("msg_12", signed("msg_12", now, &"x".repeat(262_144))),
    ] {
        assert_eq!(world.knock(&request).await, 202, "{id}");
    }
    // What is too long to hand on says no more than that there is something.
    assert_eq!(world.queued().last().unwrap().1["raw"], "");
}

fn of(sender: &str, at: Timestamp) -> Value {
    let mut request = signed("msg_1", at, HINT);
    request["rawPath"] = json!(request["rawPath"].as_str().unwrap().replace("forwarder", sender));
    request
}

#[tokio::test]
async fn while_a_key_is_changed_both_are_taken_and_afterwards_the_new_one_alone() {
    let world = World::new();
    let new = [3; 32];
    let keys = |keys: Value| world.around.secret.lock().unwrap()["senders"]["forwarder"]["webhook"]["keys"] = keys;
    let by_new = |id: &str| {
        let mut request = signed(id, world.now(), HINT);
        let at = world.now().as_second();
        request["headers"]["webhook-signature"] = json!(signature(&new, &format!("{id}.{at}.{HINT}")));
        request
    };
    assert_eq!(world.knock(&by_new("a1")).await, 401);
    keys(json!([written(&KEY), written(&new)]));
    world.clock.pass(301);
    assert_eq!(world.knock(&by_new("a2")).await, 202);
    assert_eq!(world.knock(&signed("a3", world.now(), HINT)).await, 202);
    // A sender that signs with both is let in by either.
    let mut both = by_new("a4");
    let old = signed("a4", world.now(), HINT)["headers"]["webhook-signature"].as_str().unwrap().to_owned();
    both["headers"]["webhook-signature"] =
        json!(format!("v1,AAAA {} {old}", both["headers"]["webhook-signature"].as_str().unwrap()));
    assert_eq!(world.knock(&both).await, 202);
    keys(json!([written(&new)]));
    world.clock.pass(301);
    assert_eq!(world.knock(&signed("a5", world.now(), HINT)).await, 401);
    assert_eq!(world.knock(&by_new("a6")).await, 202);
}

/// A queue that does not answer is our own trouble, which the sender is told so that it comes again.
#[tokio::test]
async fn a_broken_queue_is_told_as_503_and_the_repeat_is_taken() {
    let world = World::new();
    *world.around.is_queue_down.lock().unwrap() = true;
    let request = signed("msg_1", world.now(), HINT);
    assert_eq!(world.knock(&request).await, 503);
    *world.around.is_queue_down.lock().unwrap() = false;
    assert_eq!(world.knock(&request).await, 202);
    assert_eq!(world.knock(&request).await, 202, "a repeat is told the same");
    assert_eq!(world.queued().len(), 1, "and costs nothing");
}
