//! How a command gets its AWS credential: profiles and roles, against an STS that keeps what it was asked.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use offsite_local::home::profile::resolved;
use offsite_shared::model::error::Error;
use offsite_shared::settings::environment::Environment;

/// One question to AWS: the key that signed it (or the bearer), and its form or query.
type Asked = (String, String);

/// AWS as far as sessions go: it gives `ASIA1`, `ASIA2` and so on, and refuses every role that is called `closed`.
struct Sts {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Sts {
    async fn start() -> Sts {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(asked.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Sts { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn answer(
    State(asked): State<Arc<Mutex<Vec<Asked>>>>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let key =
        header("authorization").split("Credential=").nth(1).and_then(|rest| rest.split('/').next().map(str::to_owned));
    let who = key.unwrap_or_else(|| header("x-amz-sso_bearer_token"));
    let what = format!("{}{}", uri.query().unwrap_or_default(), String::from_utf8_lossy(&body));
    let mut asked = asked.lock().unwrap();
    asked.push((who, what.clone()));
    if what.contains("closed") {
        let fault = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
        return (StatusCode::FORBIDDEN, fault.to_owned());
    }
    let id = format!("ASIA{}", asked.len());
    if uri.path().ends_with("/federation/credentials") {
        let keys = format!("{{\"accessKeyId\":\"{id}\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\"}}");
        return (StatusCode::OK, format!("{{\"roleCredentials\":{keys}}}"));
    }
    let keys = format!(
        "<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t-{id}</SessionToken>"
    );
    (StatusCode::OK, format!("<AssumeRoleResponse><Credentials>{keys}</Credentials></AssumeRoleResponse>"))
}

const CONFIG: &str = "\
[default]
region = eu-west-1

[profile middle]
role_arn = arn:aws:iam::111111111111:role/middle
source_profile = base

[profile audit]
region = eu-central-1
role_arn = arn:aws:iam::222222222222:role/audit
source_profile = middle
external_id = x 1
role_session_name = ann
duration_seconds = 900

[profile token]
role_arn = arn:aws:iam::222222222222:role/token
web_identity_token_file = TOKEN

[profile program]
credential_process = touch STARTED; echo '{\"Version\":1,\"AccessKeyId\":\"ASIAPROGRAM\",\"SecretAccessKey\":\"s\"}'

[profile person]
sso_session = corp
sso_account_id = 222222222222
sso_role_name = Reader

[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1

[profile round]
role_arn = arn:aws:iam::222222222222:role/round
source_profile = about

[profile about]
role_arn = arn:aws:iam::222222222222:role/about
source_profile = round

[profile closed]
role_arn = arn:aws:iam::222222222222:role/closed
source_profile = base

[profile factor]
role_arn = arn:aws:iam::222222222222:role/factor
source_profile = base
mfa_serial = arn:aws:iam::111111111111:mfa/ann

[profile box]
role_arn = arn:aws:iam::222222222222:role/box
credential_source = Ec2InstanceMetadata
";

/// A home directory with the two files, and an environment that leads to it.
struct Scene {
    sts: Sts,
    home: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Scene {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name).to_string_lossy().into_owned();
        std::fs::create_dir_all(home.path().join(".aws/sso/cache")).unwrap();
        let config = CONFIG.replace("TOKEN", &path("token")).replace("STARTED", &path("started"));
        std::fs::write(path(".aws/config"), config).unwrap();
        let keys = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = very/secret\n";
        std::fs::write(path(".aws/credentials"), keys).unwrap();
        std::fs::write(path("token"), "a.token.of-somebody\n").unwrap();
        Scene { sts: Sts::start().await, home }
    }

    fn environment(&self) -> Environment {
        Environment::default()
            .with("HOME", self.home.path().to_string_lossy())
            .with("OFFSITE_TABLE", "ledger")
            .with("AWS_ENDPOINT_URL", self.sts.url.clone())
            .with("AWS_ENDPOINT_URL_SSO", self.sts.url.clone())
            .with("AWS_REGION", "eu-west-3")
    }

    fn profile(&self, name: &str) -> Environment {
        self.environment().with("AWS_PROFILE", name)
    }

    fn sign_on(&self, ends: &str) {
        let file = format!(
            "{{\"startUrl\":\"https://corp.awsapps.com/start/\",\"region\":\"eu-west-1\",\"accessToken\":\"of-ann\",\"expiresAt\":\"{ends}\"}}"
        );
        std::fs::write(self.home.path().join(".aws/sso/cache/0a1b.json"), file).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        Path::new(self.home.path()).join(name).exists()
    }
}

fn key(environment: &Environment) -> [&str; 3] {
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        .map(|name| environment.get(name).unwrap_or("none"))
}

async fn refused(environment: &Environment) -> String {
    let error: Error = resolved(environment).await.unwrap_err();
    assert!(!error.message.contains("very/secret") && !error.message.contains("of-somebody"), "{error}");
    error.to_string()
}

#[tokio::test]
async fn roles_are_taken_over_one_with_the_other_and_the_last_one_is_used() {
    let scene = Scene::start().await;
    let found = resolved(&scene.profile("audit").with("AWS_REGION", "")).await.unwrap();
    assert_eq!((key(&found), found.get("AWS_REGION")), (["ASIA2", "s", "t-ASIA2"], Some("eu-central-1")));
    let asked = scene.sts.asked();
    let keys: Vec<&str> = asked.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        ["AKIABASE", "ASIA1"],
        "the first role is taken over with the stored key, the second with the first"
    );
    for part in ["Action=AssumeRole&", "role%2Faudit", "RoleSessionName=ann", "ExternalId=x%201", "DurationSeconds=900"]
    {
        assert!(asked[1].1.contains(part), "{part}: {}", asked[1].1);
    }
    assert!(asked[0].1.contains("role%2Fmiddle") && asked[0].1.contains("RoleSessionName=offsite"), "{}", asked[0].1);
    let stored = resolved(&scene.profile("base")).await.unwrap();
    assert_eq!((key(&stored), stored.get("AWS_REGION")), (["AKIABASE", "very/secret", "none"], Some("eu-west-3")));
    assert!(scene.sts.asked().is_empty());
}

#[tokio::test]
async fn keys_in_the_environment_win_and_without_a_ledger_on_aws_nothing_is_read() {
    let scene = Scene::start().await;
    let keys = scene.profile("closed").with("AWS_ACCESS_KEY_ID", "AKIAOWN").with("AWS_SECRET_ACCESS_KEY", "own");
    assert_eq!(key(&resolved(&keys).await.unwrap()), ["AKIAOWN", "own", "none"]);
    let local = scene.profile("no such profile").with("OFFSITE_TABLE", "");
    assert_eq!(key(&resolved(&local).await.unwrap())[0], "none");
    // A default profile without a credential, and none at all: whoever needs one says what is missing.
    assert_eq!(key(&resolved(&scene.environment()).await.unwrap())[0], "none");
    let empty = tempfile::tempdir().unwrap();
    let nowhere = scene.environment().with("HOME", empty.path().to_string_lossy());
    assert_eq!(key(&resolved(&nowhere).await.unwrap())[0], "none");
    assert!(scene.sts.asked().is_empty());
}

#[tokio::test]
async fn a_token_of_an_identity_provider_takes_a_role_over_without_a_key() {
    let scene = Scene::start().await;
    let path = scene.home.path().join("token").to_string_lossy().into_owned();
    let of_pod = scene
        .environment()
        .with("AWS_ROLE_ARN", "arn:aws:iam::222222222222:role/pod")
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", path)
        .with("AWS_ROLE_SESSION_NAME", "pod-1");
    for (environment, role) in [(scene.profile("token"), "role%2Ftoken"), (of_pod, "role%2Fpod")] {
        assert_eq!(key(&resolved(&environment).await.unwrap()), ["ASIA1", "s", "t-ASIA1"]);
        let asked = scene.sts.asked();
        let [(who, what)] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(who, "", "the call is not signed");
        assert!(what.contains("Action=AssumeRoleWithWebIdentity") && what.contains(role), "{what}");
        assert!(what.ends_with("WebIdentityToken=a.token.of-somebody"), "{what}");
    }
}

#[tokio::test]
async fn a_program_is_started_only_where_that_is_asked_for() {
    let scene = Scene::start().await;
    let said = refused(&scene.profile("program")).await;
    assert!(said.contains("OFFSITE_AWS_ALLOW=process") && !scene.has("started"), "{said}");
    assert!(refused(&scene.profile("program").with("OFFSITE_AWS_ALLOW", "sso")).await.contains("process"));
    let found = resolved(&scene.profile("program").with("OFFSITE_AWS_ALLOW", "sso, process")).await.unwrap();
    assert_eq!((key(&found), scene.has("started")), (["ASIAPROGRAM", "s", "none"], true));
}

#[tokio::test]
async fn a_person_s_sign_on_is_used_only_where_that_is_asked_for_and_while_it_lasts() {
    let scene = Scene::start().await;
    scene.sign_on("2199-01-01T00:00:00Z");
    assert!(refused(&scene.profile("person")).await.contains("OFFSITE_AWS_ALLOW=sso"));
    assert!(scene.sts.asked().is_empty());
    let allowed = scene.profile("person").with("OFFSITE_AWS_ALLOW", "sso");
    assert_eq!(key(&resolved(&allowed).await.unwrap()), ["ASIA1", "s", "t"]);
    assert_eq!(scene.sts.asked(), [("of-ann".to_owned(), "role_name=Reader&account_id=222222222222".to_owned())]);
    scene.sign_on("2026-01-01T00:00:00UTC");
    let said = refused(&allowed).await;
    assert!(said.contains("aws sso login --profile person") && scene.sts.asked().is_empty(), "{said}");
}

#[tokio::test]
async fn what_leads_nowhere_says_so_and_what_to_do() {
    let scene = Scene::start().await;
    for (profile, parts) in [
        ("nobody", ["is in neither file", "known are about, audit"]),
        ("round", ["round over about over round", "circle"]),
        ("factor", ["a second factor", "export-credentials --profile factor"]),
        ("box", ["credential_source is not known", "source_profile"]),
        ("default", ["leads to no credential", "role_arn"]),
        ("closed", ["role/closed was not taken over: AccessDenied: not you", "its trust must name whoever asks"]),
    ] {
        let said = refused(&scene.profile(profile)).await;
        assert!(said.starts_with("Offsite.Configuration"), "{profile}: {said}");
        for part in parts {
            assert!(said.contains(part), "{profile}: {part}: {said}");
        }
    }
}
