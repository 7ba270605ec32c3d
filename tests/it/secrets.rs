//! Nothing that a person, a log or a queue can see holds a secret: the binaries and the command line, over success and failure.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use offsite_local::aws::faults::Fault;
use offsite_local::cmd::simulate::SimulateArgs;
use offsite_local::fleet::functions::{FunctionOptions, FunctionProcess};
use offsite_shared::model::access::Access;
use offsite_shared::model::command::{Cloud, Realm};
use offsite_shared::model::http::Reply;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::huawei::{Huawei, token};
use offsite_shared::providers::provider::Provider;
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::{Credential, Nonce, Query, RequestDraft, SignedHeaders, acs3, sdk_hmac, tc3};
use offsite_simulators::{SimOptions, Simulators};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::command_line::{Ended, run};
use crate::events::sample;
use crate::functions::{Bench, LONG, batch, binaries, copy};

const KEY_SECRET: &str = "Zq7CanarySecretOfTheKey91";
const TOKEN: &str = "Zq7CanarySecurityToken92";
const PASSWORD: &str = "Zq7CanaryPassword93";
const WRONG_SECRET: &str = "Zq7CanaryWrongSecret94";
const AWS_SECRET: &str = "local-secret-that-opens-nothing";
const AWS_TOKEN: &str = "Zq7CanaryAwsSessionToken95";

/// What must be nowhere: secrets, tokens that the simulated IAM gave, and what only a signature is made of.
const NOWHERE: [&str; 16] = [
    "Zq7Canary",
    AWS_SECRET,
    "MIIsimulated",
    "Signature=",
    "HMAC-SHA256",
    "x-acs-content-sha256",
    "x-acs-signature-nonce",
    "aws4_request",
    "/tc3_request",
    "x-auth-token",
    "X-Auth-Token",
    "x-security-token",
    "string_to_sign",
    "StringToSign",
    "content-type;host",
    // How an identity token begins.
    "eyJhbG",
];

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for secret in NOWHERE {
        if let Some(at) = text.find(secret) {
            let from = text[..at].char_indices().rev().nth(300).map_or(0, |(from, _)| from);
            panic!("{what} shows \"{secret}\": …{}", text[from..].chars().take(700).collect::<String>());
        }
    }
}

/// Also as a debugger prints bytes, and in base64 or hex.
#[track_caller]
fn assert_clean_bytes(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in [KEY_SECRET, TOKEN, PASSWORD, WRONG_SECRET, AWS_SECRET, AWS_TOKEN, "MIIsimulated"] {
        assert!(!text.contains(secret), "{what} holds {secret}");
    }
}

fn all_of(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

/// The files of a folder, whatever they are: SQLite keeps what was deleted for a while.
fn assert_clean_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert_clean_bytes(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

const LOUD: [(&str, &str); 4] = [
    ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
    ("RUST_LOG", "trace"),
    ("AWS_SESSION_TOKEN", AWS_TOKEN),
    ("OFFSITE_TIMEOUT_MS", "500"),
];

fn options() -> SimOptions {
    SimOptions {
        any_source: true,
        access_key_secret: KEY_SECRET.into(),
        security_token: Some(TOKEN.into()),
        ..SimOptions::default()
    }
}

/// Plays events and checks everything that came of each.
async fn play(bench: &Bench, cloud: Cloud, events: &[Value]) {
    let function = bench.function(cloud).await;
    for event in events {
        let answer = function.invoke(event.clone(), Duration::from_secs(5)).await;
        match &answer {
            Ok(answer) => assert_clean("an answer", &answer.to_string()),
            Err(error) => assert_clean("an error", &all_of(error)),
        }
        // The output is kept for a thousand lines only, so after each.
        assert_clean("the log", &function.output().join("\n"));
    }
    assert!(function.output().iter().any(|line| line.contains("TRACE")), "the log is as loud as it can be");
    for message in bench.fleet.messages().await.unwrap() {
        assert_clean("a message", &message.to_string());
    }
    assert_clean_files(bench.fleet.database.path().parent().unwrap());
}

fn events(cloud: Cloud) -> Vec<Value> {
    match cloud {
        Cloud::Alibaba => vec![sample("alibaba/command.json"), sample("alibaba/eventbridge.json")],
        Cloud::Huawei => vec![
            sample("huawei/copy-backup.json"),
            sample("huawei/copy-checkpoint-scheduler-input.json"),
            sample("huawei/copy-checkpoint-item-sns.json"),
        ],
        Cloud::Tencent => {
            vec![sample("tencent/command.json"), sample("tencent/sqs-batch-one-bad.json"), json!({ "action": "sweep" })]
        }
    }
}

#[tokio::test]
async fn no_secret_shows_while_all_goes_well() {
    let bench = Bench::with(options(), &LOUD).await;
    for cloud in Cloud::ALL {
        play(&bench, cloud, &events(cloud)).await;
    }
    assert_eq!(bench.copies().len(), 10, "it did go well");
}

#[tokio::test]
async fn no_secret_shows_when_providers_and_aws_fail() {
    let bench = Bench::with(options(), &LOUD).await;
    for cloud in Cloud::ALL {
        for kind in ["throttle", "reset_before", "timeout_after", "http_500_after", "html_503", "garbage_200_after"] {
            bench.fault(cloud, json!({ "kind": kind, "times": 1 })).await;
        }
        play(&bench, cloud, &events(cloud)).await;
        bench.clear_faults(cloud).await;
    }
    bench.fleet.aws.faults().next(
        "PutItem",
        1,
        Fault::Refuse { status: 400, kind: "com.amazonaws.dynamodb.v20120810#AccessDeniedException" },
    );
    bench.fleet.aws.faults().next("SendMessageBatch", 1, Fault::DropAfter);
    play(&bench, Cloud::Tencent, &[copy("snap-secret01", &["ap-beijing"]), copy("snap-secret01", &["ap-beijing"])])
        .await;
    let wrong = [
        json!("not JSON"),
        json!({ "action": 7 }),
        Value::Null,
        batch(&[json!("bad")]),
        copy("snap-secret02", &["ap-guangzhou"]),
    ];
    play(&bench, Cloud::Tencent, &wrong).await;
}

/// The providers answer a wrong signature with what they computed, token and all.
#[tokio::test]
async fn no_secret_shows_when_the_credential_is_wrong() {
    let [id, token] = ["SIMULATEDACCESSKEY01", "Zq7CanaryWrongToken96"];
    let wrong_secret = ["ALIBABA_CLOUD_ACCESS_KEY_SECRET", "HUAWEICLOUD_SDK_SK", "TENCENTCLOUD_SECRET_KEY"]
        .map(|name| (name, WRONG_SECRET));
    let wrong_token = ["ALIBABA_CLOUD_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN", "TENCENTCLOUD_TOKEN"]
        .map(|name| (name, token));
    let wrong_id = ["ALIBABA_CLOUD_ACCESS_KEY_ID", "HUAWEICLOUD_SDK_AK", "TENCENTCLOUD_SECRET_ID"]
        .map(|name| (name, "UNKNOWNKEY"));
    assert_ne!(id, "UNKNOWNKEY");
    for wrong in [wrong_secret, wrong_token, wrong_id] {
        let extra: Vec<(&str, &str)> = LOUD.into_iter().chain(wrong).collect();
        let bench = Bench::with(options(), &extra).await;
        for cloud in Cloud::ALL {
            play(&bench, cloud, &events(cloud)[..1]).await;
        }
        assert_eq!(bench.copies().len(), 0, "it was wrong");
    }
}

/// A server that refuses every request in the words of all clouds and of AWS, and quotes the request whole and in part.
async fn quoting(code: &'static str, status: u16) -> (String, tokio::task::JoinHandle<()>) {
    let quote = move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let mut said = format!("{} ", parts.uri);
        for (name, value) in &parts.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let half = value.len() / 2;
            said.push_str(&format!("{name}: {value}; first half {}; second half {} ", &value[..half], &value[half..]));
        }
        said.push_str(&String::from_utf8_lossy(&body));
        // A message that is cut short would hold a part of a secret.
        let said: String = said.chars().filter(|c| !c.is_control()).collect();
        let answer = json!({
            "Response": { "RequestId": "r", "Error": { "Code": code, "Message": said } },
            "RequestId": "r", "Code": code, "Message": said, "Success": false,
            "error_code": code, "error_msg": said, "error": { "code": status, "message": said, "title": said },
            "__type": format!("com.amazon.coral.service#{code}"), "message": said,
        });
        (StatusCode::from_u16(status).unwrap(), [("x-echo", said)], answer.to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(quote)).await.unwrap() });
    (url, server)
}

/// The provider, a proxy or a gateway before it repeats the request in its answer: no token or password of it is repeated by us.
#[tokio::test]
async fn no_secret_shows_when_an_answer_quotes_the_request() {
    let endpoints = [
        "OFFSITE_TENCENT_ENDPOINT",
        "OFFSITE_ALIBABA_ENDPOINT",
        "OFFSITE_HUAWEI_CBR_ENDPOINT",
        "OFFSITE_HUAWEI_CSBS_ENDPOINT",
        "OFFSITE_HUAWEI_IAM_ENDPOINT",
    ];
    let secrets = |text: &str| {
        let whole = [KEY_SECRET, TOKEN, PASSWORD, AWS_SECRET, AWS_TOKEN];
        let halves = whole.iter().flat_map(|secret| [&secret[..secret.len() / 2], &secret[secret.len() / 2..]]);
        let shown: Vec<&str> = halves.filter(|half| text.contains(half)).collect();
        assert!(shown.is_empty(), "{shown:?} in {text}");
    };
    let with_password = [
        ("HUAWEICLOUD_SDK_AK", ""),
        ("HUAWEICLOUD_SDK_SK", ""),
        ("OFFSITE_HUAWEI_IAM_DOMAIN", "offsite-domain"),
        ("OFFSITE_HUAWEI_IAM_USER", "offsite-user"),
        ("OFFSITE_HUAWEI_IAM_PASSWORD", PASSWORD),
    ];
    for (code, status, of_aws) in [
        ("InvalidParameter", 400, false),
        ("AuthFailure.SignatureFailure", 200, false),
        ("SignatureDoesNotMatch", 400, false),
        ("APIGW.0301", 401, false),
        ("InternalError", 500, false),
        ("InvalidSignatureException", 400, true),
    ] {
        let (url, server) = quoting(code, status).await;
        let queue = format!("{url}/000000000000/receipts");
        let mut extra: Vec<(&str, &str)> = LOUD.to_vec();
        match of_aws {
            true => extra.push(("QUEUE_URL", &queue)),
            false => extra.extend(endpoints.iter().map(|name| (*name, url.as_str()))),
        }
        extra.extend(if status == 401 { &with_password[..] } else { &[] });
        let bench = Bench::with(options(), &extra).await;
        for cloud in Cloud::ALL {
            let function = bench.function(cloud).await;
            for event in events(cloud) {
                let answer = function.invoke(event, Duration::from_secs(5)).await;
                secrets(&format!("{answer:?}"));
                secrets(&function.output().join("\n"));
            }
        }
        for message in bench.fleet.messages().await.unwrap() {
            secrets(&message.to_string());
        }
        assert_clean_files(bench.fleet.database.path().parent().unwrap());
        server.abort();
    }
}

#[tokio::test]
async fn no_secret_shows_with_a_password_and_a_token() {
    // The simulated IAM has a fixed password; it takes the place of the canary where it is right.
    for (password, works) in [("offsite-password", true), (PASSWORD, false)] {
        let extra: Vec<(&str, &str)> = LOUD
            .into_iter()
            .chain([
                ("HUAWEICLOUD_SDK_AK", ""),
                ("HUAWEICLOUD_SDK_SK", ""),
                ("OFFSITE_HUAWEI_IAM_DOMAIN", "offsite-domain"),
                ("OFFSITE_HUAWEI_IAM_USER", "offsite-user"),
                ("OFFSITE_HUAWEI_IAM_PASSWORD", password),
            ])
            .collect();
        let bench = Bench::with(SimOptions { security_token: None, ..options() }, &extra).await;
        bench
            .fault(
                Cloud::Huawei,
                json!({ "action": "CopyBackup", "kind": "code", "code": "APIGW.0307", "http_status": 401, "times": 1 }),
            )
            .await;
        play(&bench, Cloud::Huawei, &events(Cloud::Huawei)).await;
        assert_eq!(!bench.copies().is_empty(), works);
        let function = bench.function(Cloud::Huawei).await;
        let _ = function.invoke(sample("huawei/copy-backup.json"), LONG).await;
        assert!(!function.output().join("\n").contains("offsite-password"));
    }
}

#[tokio::test]
async fn no_secret_shows_when_credentials_are_kept_exchanged_or_taken_on() {
    const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:offsite/key-AbCdEf";
    let key = |secret: &str| {
        json!({"access_key_id": SimOptions::default().access_key_id, "access_key_secret": secret}).to_string()
    };
    let malformed = json!({"access_key_id": KEY_SECRET, "access_key_secret": 7, "Zq7Canary": "Zq7Canary"}).to_string();
    let roles = [
        (Cloud::Alibaba, "acs:ram::1000000000000001:role/offsite"),
        (Cloud::Huawei, "iam::0123456789abcdef0123456789abcdef:agency:offsite"),
        (Cloud::Tencent, "qcs::cam::uin/100000000001:roleName/offsite"),
    ];
    for (cloud, role) in roles {
        let federation =
            |audience: &str| json!({"federation": {"role": role, "provider": "aws", "audience": audience}});
        for (account, secret, works) in [
            (json!({"secret": ARN, "identity": "4711"}), key(KEY_SECRET), false),
            (json!({"secret": ARN}), key(KEY_SECRET), true),
            (json!({"secret": ARN}), key(WRONG_SECRET), false),
            (json!({"secret": ARN}), malformed.clone(), false),
            (json!({"secret": ARN}), KEY_SECRET.to_owned(), false),
            (json!({"secret": ARN, "role": {"role": role}}), key(KEY_SECRET), true),
            (json!({"secret": ARN, "role": {"role": "not-a-role"}}), key(KEY_SECRET), false),
            (federation("offsite"), String::new(), true),
            (federation("another"), String::new(), false),
        ] {
            let accounts =
                (offsite_shared::settings::accounts::variable(cloud), json!({ "default": account }).to_string());
            let extra: Vec<(&str, &str)> =
                LOUD.into_iter().chain([(accounts.0.as_str(), accounts.1.as_str())]).collect();
            let bench = Bench::with(SimOptions { security_token: None, ..options() }, &extra).await;
            bench.fleet.aws.keep_secret(ARN, &secret);
            play(&bench, cloud, &events(cloud)[..1]).await;
            assert_eq!(!bench.copies().is_empty(), works, "{cloud:?} {account}");
        }
    }
}

#[tokio::test]
async fn no_secret_shows_when_a_function_cannot_start() {
    let binaries = binaries();
    let cases: [&[(&str, &str)]; 4] = [
        &[("TENCENTCLOUD_SECRET_KEY", "Zq7Canary with a blank")],
        &[("TENCENTCLOUD_TOKEN", "Zq7Canary\nline")],
        &[("TENCENTCLOUD_SECRET_ID", "")],
        &[("OFFSITE_TENCENT_ENDPOINT", "https://user:Zq7CanaryInUrl@example.com")],
    ];
    for case in cases {
        let mut environment = vec![
            ("AWS_ACCESS_KEY_ID", "AKIALOCAL"),
            ("AWS_SECRET_ACCESS_KEY", AWS_SECRET),
            ("QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/q"),
            ("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE"),
            ("TENCENTCLOUD_SECRET_KEY", KEY_SECRET),
        ];
        environment.extend(LOUD);
        environment.extend(case);
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let function =
            FunctionProcess::spawn(&binaries.tencent, environment, FunctionOptions::named_after(&binaries.tencent))
                .await
                .unwrap();
        let error = function.invoke(json!({}), LONG).await.unwrap_err();
        assert_clean("an init error", &all_of(&error));
        assert_clean("an exit", &function.wait().await);
        assert_clean("the log", &function.output().join("\n"));
    }
}

#[tokio::test]
async fn no_secret_shows_on_the_command_line() {
    let simulators = Simulators::start(options()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("offsite.db");
    let (alibaba, huawei, tencent) = (simulators.alibaba(), simulators.huawei(), simulators.tencent());
    let live = |secret: &str| -> Vec<(String, String)> {
        let pairs = [
            ("OFFSITE_ALIBABA_ENDPOINT", alibaba.as_str()),
            ("OFFSITE_HUAWEI_CBR_ENDPOINT", &huawei),
            ("OFFSITE_HUAWEI_CSBS_ENDPOINT", &huawei),
            ("OFFSITE_TENCENT_ENDPOINT", &tencent),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "SIMULATEDACCESSKEY01"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN),
            ("HUAWEICLOUD_SDK_AK", "SIMULATEDACCESSKEY01"),
            ("HUAWEICLOUD_SDK_SK", secret),
            ("HUAWEICLOUD_SDK_SECURITY_TOKEN", TOKEN),
            ("TENCENTCLOUD_SECRET_ID", "SIMULATEDACCESSKEY01"),
            ("TENCENTCLOUD_SECRET_KEY", secret),
            ("TENCENTCLOUD_TOKEN", TOKEN),
            ("RUST_LOG", "trace"),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let shown = |ended: &Ended| {
        assert_clean("standard output", &ended.stdout);
        assert_clean("standard error", &ended.stderr);
    };
    for secret in [KEY_SECRET, WRONG_SECRET] {
        let mut environment = live(secret);
        let file = if secret == KEY_SECRET { database.clone() } else { folder.path().join("wrong.db") };
        environment.push(("OFFSITE_DB".into(), file.to_string_lossy().into_owned()));
        for event in [
            "alibaba/command.json",
            "huawei/copy-backup.json",
            "huawei/copy-checkpoint-item-sns.json",
            "tencent/command.json",
        ] {
            let path = events.join(event);
            let ended = run(&["-vv", "handle", "--event", &path.to_string_lossy()], &environment, None).await;
            shown(&ended);
            assert_eq!(ended.code, i32::from(secret != KEY_SECRET), "{event}: {}", ended.stderr);
        }
        for arguments in [&["-vv", "queue", "list"][..], &["-vv", "ledger", "show", "--all"]] {
            let ended = run(arguments, &environment, None).await;
            shown(&ended);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
    }
    assert_clean_files(folder.path());
}

/// The one command that may show a string to sign shows no secret either, and no other output of it does.
#[tokio::test]
async fn offsite_sign_prints_no_secret() {
    let input = json!({
        "method": "GET", "url": "https://cbr.cn-north-4.myhuaweicloud.com/v3/p/backups", "access_key_id": "AKEXAMPLE",
        "access_key_secret": KEY_SECRET, "date": "20261121T083000Z",
    });
    for (scheme, input) in [
        ("sdk-hmac", input.to_string()),
        ("sdk-hmac", input.to_string().replace("GET", "G\\u0000T")),
        ("tc3", input.to_string()),
        ("acs3", input.to_string()),
        ("acs3", format!("{{\"access_key_secret\": \"{KEY_SECRET}\" ,")),
    ] {
        let ended = run(&["-vv", "sign", "--scheme", scheme, "--input", "-"], &[], Some(&input)).await;
        for text in [&ended.stdout, &ended.stderr] {
            assert!(!text.contains("Zq7Canary"), "{scheme}: {text}");
        }
    }
}

/// Every public type that a secret may be in, as `{:?}` and `{:#?}` print it.
#[test]
fn no_type_prints_a_secret() {
    let credential = Credential {
        access_key_id: "AKEXAMPLE".into(),
        access_key_secret: SecretString::from(KEY_SECRET),
        security_token: Some(SecretString::from(TOKEN)),
    };
    let debug_clean = |what: &str, text: String| {
        assert_clean_bytes(what, text.as_bytes());
        // A body or a secret as a list of byte values.
        let listed = |secret: &str| secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        assert!(!text.contains(&listed("Zq7Canary")), "{what}: {text}");
        assert!(!text.replace([' ', '\n'], "").contains(&listed("Zq7Canary").replace(' ', "")), "{what}");
    };
    debug_clean("Credential", all_of(&credential));
    debug_clean("Access::Key", all_of(&Access::Key(Arc::new(credential.clone()))));
    debug_clean("Access::Token", all_of(&Access::Token(Arc::new(SecretString::from(TOKEN)))));

    let at = "2026-11-21T08:30:00Z".parse().unwrap();
    let draft = RequestDraft {
        method: "POST".into(),
        host: "cbs.tencentcloudapi.com".into(),
        path: "/".into(),
        query: Query::None,
        headers: [
            "content-type",
            "x-auth-token",
            "x-security-token",
            "x-acs-security-token",
            "x-tc-token",
            "authorization",
            "cookie",
        ]
        .map(|name| (name.to_owned(), if name == "content-type" { "application/json" } else { TOKEN }.to_owned()))
        .to_vec(),
        body: PASSWORD.into(),
    };
    debug_clean("RequestDraft", all_of(&draft));
    let draft = RequestDraft {
        headers: draft.headers.into_iter().filter(|(name, _)| name != "authorization").collect(),
        ..draft
    };
    let signed = [
        acs3::sign(&draft, &credential, at, &Nonce("n".into()), SignedHeaders::Minimal),
        sdk_hmac::sign(&draft, &credential, at, SignedHeaders::Minimal),
        tc3::sign(&draft, &credential, at, "cbs", SignedHeaders::Minimal),
    ];
    for signed in signed {
        let signed = signed.unwrap();
        let text = all_of(&signed) + &all_of(&signed.trace);
        debug_clean("Signed", text.clone());
        assert!(!text.contains(&signed.trace.signature) && !text.contains("HMAC-SHA256"), "{text}");
    }
    let refused = RequestDraft { headers: vec![("x-auth-token".into(), format!("{TOKEN}\n"))], ..draft.clone() };
    let error = sdk_hmac::sign(&refused, &credential, at, SignedHeaders::Minimal).unwrap_err();
    debug_clean("SignError", all_of(&error) + &error.to_string());

    let realm = Realm { region: "eu-de", project: None };
    let call = token::request("domain", "user", &SecretString::from(PASSWORD), realm);
    debug_clean("Call", all_of(&call));
    let reply = Reply {
        status: 201,
        headers: vec![
            ("x-subject-token".into(), TOKEN.into()),
            ("set-cookie".into(), TOKEN.into()),
            ("x-request-id".into(), "req-1".into()),
        ],
        body: br#"{"token":{"expires_at":"2026-11-22T02:13:20.000000Z"},"canonicalRequest":"Zq7Canary"}"#.to_vec(),
    };
    let text = all_of(&reply);
    debug_clean("Reply", text.clone());
    assert!(text.contains("201") && text.contains("req-1"), "what helps stays: {text}");
    debug_clean("Token", all_of(&token::token(&reply).unwrap()));

    let environment = Environment::new([("TENCENTCLOUD_SECRET_KEY".to_owned(), KEY_SECRET.to_owned())]);
    debug_clean("Environment", all_of(&environment));
    let providers: [&dyn Provider; 3] = [&Alibaba, &Huawei, &Tencent];
    debug_clean("Settings", all_of(&Settings::from_environment(&environment, &providers).unwrap()));
    debug_clean("SimOptions", all_of(&options()));
    let arguments = SimulateArgs {
        env: false,
        port: None,
        access_key_id: Some("AKEXAMPLE".into()),
        access_key_secret: Some(KEY_SECRET.to_owned().into()),
        security_token: Some(TOKEN.to_owned().into()),
        any_source: true,
        read_only: false,
        seed: None,
        backups: 10_000,
    };
    debug_clean("SimulateArgs", all_of(&arguments));
}

/// `offsite simulate` prints its endpoints and its key ID, not the secret it was given.
#[tokio::test]
async fn offsite_simulate_prints_no_secret() {
    let arguments = [
        "-vv",
        "simulate",
        "--access-key-id",
        "AKEXAMPLE",
        "--access-key-secret",
        KEY_SECRET,
        "--security-token",
        TOKEN,
    ];
    let mut child =
        crate::command_line::command(&arguments, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let line = crate::command_line::first_line(&mut child).await;
    assert!(line.contains("AKEXAMPLE"), "{line}");
    crate::command_line::terminate(&child);
    let output = child.wait_with_output().await.unwrap();
    assert_clean("the endpoints", &line);
    assert_clean("standard output", &String::from_utf8_lossy(&output.stdout));
    assert_clean("standard error", &String::from_utf8_lossy(&output.stderr));
}
