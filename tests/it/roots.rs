//! Certificate authorities beside the built-in ones: from a file that somebody named, and from nowhere else.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::roots::Roots;
use offsite_shared::io::{lambda, patience};
use offsite_shared::model::command::{Cloud, Realm};
use offsite_shared::model::http::{HttpRequest, TransportError};
use offsite_shared::ports::{Clock, Transport};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::settings::environment::Environment;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use crate::command_line;

/// A private authority, its certificate as a file has it, and a server on 127.0.0.1 that it vouches for.
struct Private {
    pem: String,
    url: String,
}

/// Answers as many connections as come with 204, for as long as the process lives.
fn private() -> Private {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let served = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![served.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            let mut request = [0; 4_096];
            if tls.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
                let _ = tls.flush();
            }
        }
    });
    Private { pem: authority.pem(), url }
}

async fn get(url: &str, roots: &Roots) -> Result<u16, TransportError> {
    let transport = HttpTransport::trusting(Duration::from_secs(3), roots).unwrap();
    let request = HttpRequest {
        manner: Default::default(),
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(10),
    };
    transport.send(request).await.map(|reply| reply.status)
}

fn kept(folder: &Path, text: &str) -> String {
    let path = folder.join("roots.pem");
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let (private, folder) = (private(), tempfile::tempdir().unwrap());
    let file = kept(folder.path(), &format!("Our own authority\n\n{}", private.pem));
    let named = |variable: &str| Environment::default().with(variable, file.clone());
    let trusted = |roots: Result<Roots, _>| roots.unwrap();
    let everywhere = named("OFFSITE_CA_BUNDLE");
    assert_eq!(get(&private.url, &trusted(Roots::of(&everywhere))).await.unwrap(), 204);
    assert_eq!(get(&private.url, &trusted(Roots::of_aws(&everywhere))).await.unwrap(), 204);
    // For AWS alone: the clouds' own endpoints are not reached with it.
    let aws = named("AWS_CA_BUNDLE");
    assert_eq!(get(&private.url, &trusted(Roots::of_aws(&aws))).await.unwrap(), 204);
    for environment in [&aws, &named("SSL_CERT_FILE"), &named("REQUESTS_CA_BUNDLE"), &Environment::default()] {
        let refused = get(&private.url, &trusted(Roots::of(environment))).await.unwrap_err();
        assert!(matches!(&refused, TransportError::NotSent(why) if why.contains("UnknownIssuer")), "{refused:?}");
    }
}

/// A bad file fails the start, with the variable, the file and the line.
#[tokio::test]
async fn a_bad_file_fails_the_start_with_its_line() {
    let (private, folder) = (private(), tempfile::tempdir().unwrap());
    let certificate = private.pem.trim_end();
    let lines = certificate.lines().count();
    let broken = certificate.replacen("MII", "!!!", 1);
    let cut = certificate.lines().take(3).collect::<Vec<_>>().join("\n");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    for (text, why) in [
        (String::new(), "line 1: there is no certificate".to_owned()),
        ("only words\n".to_owned(), "line 1: there is no certificate".to_owned()),
        (format!("a comment\n{broken}"), "line 2: the certificate cannot be used".to_owned()),
        (format!("{certificate}\n{empty}"), format!("line {}: the certificate cannot be used", lines + 1)),
        (cut.clone(), "line 1: the certificate does not end".to_owned()),
        (format!("{cut}\n{certificate}"), "line 1: the certificate does not end before line 4".to_owned()),
        (
            format!("{certificate}\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
            format!("line {}: is no certificate", lines + 1),
        ),
        (format!("{certificate}\n").repeat(21), format!("line {}: more than 20 certificates", 20 * lines + 1)),
        ("x".repeat(300_000), "has 300000 bytes, and 262144 are the most".to_owned()),
    ] {
        let file = kept(folder.path(), &text);
        let environment = Environment::default().with("OFFSITE_CA_BUNDLE", file.clone());
        let error = Roots::of(&environment).unwrap_err();
        assert_eq!(error.name.name(), "Offsite.Configuration");
        let said = format!("OFFSITE_CA_BUNDLE: {file}: {why}");
        assert!(error.message.starts_with(&said), "{} instead of {said}", error.message);
        let start = lambda::context(&Tencent, &environment, Arc::new(SystemClock)).err().unwrap();
        assert_eq!(start, error, "the function does not start");
    }
    let gone = Environment::default().with("AWS_CA_BUNDLE", "/no/such/file.pem");
    let error = Roots::of_aws(&gone).unwrap_err();
    assert!(error.message.starts_with("AWS_CA_BUNDLE: /no/such/file.pem: No such file"), "{error}");
}

/// The variable of AWS's tools may name what a whole system trusts. For every host that would be refused, and for AWS there is a bound too.
#[test]
fn the_whole_list_of_a_system_is_trusted_for_aws_and_for_nothing_else() {
    let (private, folder) = (private(), tempfile::tempdir().unwrap());
    let file = kept(folder.path(), &private.pem.repeat(400));
    let named = |variable: &str| Environment::default().with(variable, file.clone());
    let aws = Roots::of_aws(&named("AWS_CA_BUNDLE")).unwrap();
    assert_eq!(aws.files, [(file.clone(), 400)]);
    let error = Roots::of_aws(&named("OFFSITE_CA_BUNDLE")).unwrap_err();
    assert!(error.message.contains("more than 20 certificates"), "{error}");
    std::fs::write(&file, "x".repeat(4_194_305)).unwrap();
    let error = Roots::of_aws(&named("AWS_CA_BUNDLE")).unwrap_err();
    assert!(error.message.ends_with("has 4194305 bytes, and 4194304 are the most"), "{error}");
}

/// Secrets Manager is of AWS too. Without the variable it is not reached.
#[tokio::test]
async fn a_key_is_read_from_secrets_manager_over_the_roots_of_aws() {
    let (private, folder) = (private(), tempfile::tempdir().unwrap());
    let file = kept(folder.path(), &private.pem);
    let secret = r#"{"default":{"secret":"arn:aws:secretsmanager:eu-central-1:123456789012:secret:offsite-AbCdEf"}}"#;
    let without = Environment::default()
        .with("OFFSITE_TENCENT_ACCOUNTS", secret)
        .with("AWS_ENDPOINT_URL_SECRETS_MANAGER", private.url.trim_end_matches('/'))
        .with("AWS_REGION", "eu-central-1")
        .with("AWS_ACCESS_KEY_ID", "AKIALOCALLOCALLOCAL0")
        .with("AWS_SECRET_ACCESS_KEY", "local-secret")
        .with("QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/receipts");
    for (environment, reached) in [(without.clone().with("AWS_CA_BUNDLE", file), true), (without, false)] {
        let context = lambda::context(&Tencent, &environment, Arc::new(SystemClock)).unwrap();
        let realm = Realm { region: "ap-guangzhou", project: None };
        let asked = context.ports.secrets.access(Cloud::Tencent, "default", realm, None);
        let error = patience::until(SystemClock.now() + Duration::from_secs(1), asked).await.err().unwrap();
        assert_eq!(!error.message.contains("UnknownIssuer"), reached, "{error}");
    }
}

/// Where nothing is on AWS its variable is not read, whatever it names; where something is, a bad file is told.
#[tokio::test]
async fn the_roots_of_aws_are_read_only_where_something_is_on_aws() {
    let doctor = async |more: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = vec![("AWS_CA_BUNDLE".to_owned(), kept(folder.path(), "no certificate"))];
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let arguments = ["doctor", "--simulate", "--provider", "tencent", "--format", "json"];
        command_line::run(&arguments, &environment, None).await
    };
    let none = doctor(&[]).await;
    assert!(none.stdout.contains("the built-in roots") && !none.stdout.contains("AWS_CA_BUNDLE"), "{}", none.stdout);
    let secret = r#"{"default":{"secret":"arn:aws:secretsmanager:eu-central-1:123456789012:secret:offsite-AbCdEf"}}"#;
    for used in [("OFFSITE_TABLE", "offsite"), ("OFFSITE_TENCENT_ACCOUNTS", secret)] {
        let told = doctor(&[used]).await;
        assert_eq!(told.code, 3, "{used:?}: {}{}", told.stdout, told.stderr);
        let said = told.stdout.contains("AWS_CA_BUNDLE: ") && told.stdout.contains("what lies on AWS is not reached");
        assert!(said, "{used:?}: {}", told.stdout);
    }
}

#[tokio::test]
async fn the_doctor_tells_the_roots_in_force() {
    let (private, folder) = (private(), tempfile::tempdir().unwrap());
    let file = kept(folder.path(), &private.pem);
    let environment = |file: &str| vec![("OFFSITE_CA_BUNDLE".to_owned(), file.to_owned())];
    let arguments = ["doctor", "--simulate", "--provider", "tencent", "--format", "json"];
    let well = command_line::run(&arguments, &environment(&file), None).await;
    assert!(well.stdout.contains(&format!("the built-in roots, and 1 of {file}")), "{}{}", well.stdout, well.stderr);
    let bad = kept(folder.path(), "no certificate");
    let told = command_line::run(&arguments, &environment(&bad), None).await;
    assert_eq!(told.code, 3, "{}", told.stderr);
    assert!(told.stdout.contains(&format!("OFFSITE_CA_BUNDLE: {bad}: line 1")), "{}", told.stdout);
}
