//! An IAM password that was refused in one region is not sent in another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::credentials::AccountSecrets;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::ports::{Boxed, Secrets, Transport};
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
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
    let wanted = regions.map(|region| secrets.access(Cloud::Huawei, "default", region, None));
    let given = futures_util::future::join_all(wanted).await;
    (iam.asked.load(Ordering::SeqCst), given.iter().filter(|given| given.is_ok()).count())
}

#[tokio::test]
async fn a_refused_password_is_sent_once_for_all_regions() {
    assert_eq!(six_regions(401).await, (1, 0));
    assert_eq!(six_regions(201).await, (6, 6));
}
