//! An IAM password that was refused in one region is not sent in another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::credentials::AccountSecrets;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::command::{Cloud, Operation, Realm};
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::ports::{Boxed, Clock, Secrets, Transport};
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::inventory::InventoryQuery;
use offsite_shared::providers::provider::Provider;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::json;

/// IAM, which takes its time and then says this.
struct Iam {
    status: u16,
    asked: AtomicUsize,
}

impl Transport for Iam {
    fn send(&self, _request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::task::yield_now().await;
            let body = match self.status {
                201 => json!({ "token": { "expires_at": "2099-11-22T02:13:20.000000Z" } }),
                code => json!({ "error": { "code": code, "message": "The username or password is wrong." } }),
            };
            let headers = vec![("x-subject-token".to_owned(), "a token".to_owned())];
            Ok(Reply { status: self.status, headers, body: body.to_string().into_bytes() })
        })
    }
}

/// How often IAM was asked when six regions want a token at the same moment, and how many got one.
async fn six_regions(status: u16) -> (usize, usize) {
    let environment = Environment::default()
        .with("OFFSITE_HUAWEI_IAM_DOMAIN", "domain")
        .with("OFFSITE_HUAWEI_IAM_USER", "user")
        .with("OFFSITE_HUAWEI_IAM_PASSWORD", "a-password-of-somebody");
    let settings = Settings::from_environment(&environment, &[&Huawei]).unwrap();
    let iam = Arc::new(Iam { status, asked: AtomicUsize::new(0) });
    let secrets = AccountSecrets::new(&environment, settings, &[&Huawei], iam.clone(), Arc::new(SystemClock));
    let regions = ["cn-north-1", "cn-north-4", "cn-east-2", "cn-east-3", "ap-southeast-1", "eu-de"];
    let wanted = regions.map(|region| secrets.access(Cloud::Huawei, "default", Realm { region, project: None }, None));
    let given = futures_util::future::join_all(wanted).await;
    (iam.asked.load(Ordering::SeqCst), given.iter().filter(|given| given.is_ok()).count())
}

#[tokio::test]
async fn a_refused_password_is_sent_once_for_all_regions() {
    assert_eq!(six_regions(401).await, (1, 0));
    assert_eq!(six_regions(201).await, (6, 6));
}

/// The tokens that IAM gave for two projects of one region, and what each of them opens.
struct Projects {
    _simulators: Simulators,
    http: HttpTransport,
    secrets: AccountSecrets,
    settings: Settings,
}

const MAIN: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";
/// A sub-project of the same region; the simulated IAM gives the other one where only the region is named.
const SUB: &str = "ffffffffffffffffffffffffffffffff";
const REGION: &str = "cn-north-4";

impl Projects {
    async fn open() -> Projects {
        let options = SimOptions::default();
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let http = HttpTransport::new(Duration::from_secs(3)).unwrap();
        let backup = |id: &str, project: &str| json!({ "id": id, "project_id": project, "vault_id": VAULT });
        let seed = json!({
            "projects": [{ "id": MAIN, "region": REGION }, { "id": SUB, "region": REGION }],
            "backups": [backup(OF_MAIN, MAIN), backup(OF_SUB, SUB)],
        });
        let request = HttpRequest {
            manner: Default::default(),
            method: "POST".into(),
            url: format!("{}/_sim/seed", simulators.huawei()),
            headers: Vec::new(),
            body: seed.to_string().into_bytes(),
            timeout: Duration::from_secs(10),
        };
        let reply = http.send(request).await.unwrap();
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        let environment = Environment::default()
            .with("OFFSITE_HUAWEI_CBR_ENDPOINT", simulators.huawei())
            .with("OFFSITE_HUAWEI_IAM_ENDPOINT", simulators.huawei())
            .with("OFFSITE_HUAWEI_IAM_DOMAIN", "offsite-domain")
            .with("OFFSITE_HUAWEI_IAM_USER", "offsite-user")
            .with("OFFSITE_HUAWEI_IAM_PASSWORD", "offsite-password");
        let settings = Settings::from_environment(&environment, &[&Huawei]).unwrap();
        let transport = Arc::new(HttpTransport::new(Duration::from_secs(3)).unwrap());
        let secrets = AccountSecrets::new(&environment, settings.clone(), &[&Huawei], transport, Arc::new(SystemClock));
        Projects { _simulators: simulators, http, secrets, settings }
    }

    /// Lists a project with the token of a realm: the status, and the backups.
    async fn listed(&self, project: &str, realm: Realm<'_>) -> (u16, Vec<String>) {
        let access = self.secrets.access(Cloud::Huawei, "default", realm, None).await.unwrap();
        let scope = InventoryQuery::of(Operation::CopyBackup, REGION, Some(project.to_owned()));
        let call = Huawei.inventory().list(&scope, None);
        let mut draft = call.draft.clone();
        let base = self.settings.endpoint(&Huawei, call.service, REGION);
        draft.host = base.trim_start_matches("http://").to_owned();
        let nonce = SystemClock.nonce();
        let signed = Huawei.sign(&call, draft, &access, SystemClock.now(), &nonce).unwrap();
        let request = HttpRequest {
            manner: Default::default(),
            method: call.draft.method.clone(),
            url: format!("{base}{}", signed.path_and_query),
            headers: signed.headers,
            body: Vec::new(),
            timeout: Duration::from_secs(10),
        };
        let reply = self.http.send(request).await.unwrap();
        let ids = Huawei.inventory().listed(&scope, None, &reply);
        (reply.status, ids.map(|page| page.backups.into_iter().map(|backup| backup.id).collect()).unwrap_or_default())
    }
}

const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";
const OF_MAIN: &str = "11111111-52a9-4d0e-9a3f-7a4f6d1e9b01";
const OF_SUB: &str = "22222222-52a9-4d0e-9a3f-7a4f6d1e9b01";

#[tokio::test]
async fn a_token_is_of_the_project_that_is_asked_so_that_sub_projects_work() {
    let projects = Projects::open().await;
    let of = |project| Realm { region: REGION, project: Some(project) };
    for (project, own, other) in [(MAIN, OF_MAIN, OF_SUB), (SUB, OF_SUB, OF_MAIN)] {
        let (status, ids) = projects.listed(project, of(project)).await;
        assert_eq!(status, 200, "{project}");
        assert!(ids.iter().any(|id| id == own) && !ids.iter().any(|id| id == other), "{project}: {ids:?}");
    }
    // Without the project in the request for it, the token is the main project's, and opens no other one.
    assert_eq!(projects.listed(SUB, Realm { region: REGION, project: None }).await, (403, Vec::new()));
    assert_eq!(projects.listed(SUB, of(MAIN)).await, (403, Vec::new()));
}

/// One user, of whom a project knows nothing: that is no wrong password.
#[tokio::test]
async fn a_project_that_refuses_a_right_password_keeps_nothing_from_the_others() {
    let projects = Projects::open().await;
    let asked = |project| {
        projects.secrets.access(Cloud::Huawei, "default", Realm { region: REGION, project: Some(project) }, None)
    };
    assert!(asked(MAIN).await.is_ok());
    let refused = asked("00000000000000000000000000000000").await.unwrap_err();
    assert!(refused.message.contains("for the project 00000000000000000000000000000000"), "{refused}");
    assert!(asked(SUB).await.is_ok());
}
