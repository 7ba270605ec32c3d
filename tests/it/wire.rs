//! The bytes that go on the wire, as a listener on loopback gets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::access::Access;
use offsite_shared::model::command::{Destination, Operation, Options, Replication, Source};
use offsite_shared::model::http::{HttpRequest, Manner, TransportError};
use offsite_shared::ports::Transport;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::provider::{AttemptContext, Provider};
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sign::{Credential, Nonce};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::emulators::http_client;

/// The head of a request as it arrived: the lines before the empty one.
async fn head_of(request: impl FnOnce(&str) -> HttpRequest) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let request = request(&host);
    let body_bytes = request.body.len();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            let come = stream.read(&mut chunk).await.unwrap();
            assert!(come > 0, "the request ended early");
            bytes.extend_from_slice(&chunk[..come]);
        };
        while bytes.len() < end + 4 + body_bytes {
            let come = stream.read(&mut chunk).await.unwrap();
            assert!(come > 0, "the body ended early");
            bytes.extend_from_slice(&chunk[..come]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        assert_eq!(bytes.len(), end + 4 + body_bytes, "nothing comes after the body");
        String::from_utf8(bytes[..end].to_vec()).unwrap()
    });
    let transport = HttpTransport::new(Duration::from_secs(5)).unwrap();
    assert_eq!(transport.send(request).await.unwrap().status, 200);
    served.await.unwrap().split("\r\n").map(str::to_owned).collect()
}

fn lengths(head: &[String]) -> Vec<&str> {
    let named = head.iter().filter(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
    });
    named.map(String::as_str).collect()
}

fn plain(method: &str, host: &str, body: &[u8]) -> HttpRequest {
    HttpRequest {
        manner: Default::default(),
        method: method.to_owned(),
        url: format!("http://{host}/"),
        headers: Vec::new(),
        body: body.to_vec(),
        timeout: Duration::from_secs(5),
    }
}

/// Source: RFC 9110, 8.6: a user agent should send the length of a POST without a body.
#[tokio::test]
async fn every_post_says_how_long_its_body_is() {
    for (method, body, wanted) in [
        ("POST", "", vec!["content-length: 0"]),
        ("POST", "{}", vec!["content-length: 2"]),
        ("PUT", "", vec!["content-length: 0"]),
        ("GET", "", vec![]),
    ] {
        let head = head_of(|host| plain(method, host, body.as_bytes())).await;
        assert_eq!(lengths(&head), wanted, "{method} {body:?}: {head:?}");
    }
}

/// All of Alibaba's parameters are in the query, so each of its calls is a POST without a body.
#[tokio::test]
async fn alibaba_s_start_says_zero_and_does_not_sign_it() {
    let replication = Replication {
        operation: Operation::CreateVaultReplication,
        account: "default".to_owned(),
        source: Source { region: "cn-hangzhou".to_owned(), project_id: None, id: "v-1".to_owned() },
        destination: Destination {
            region: "cn-shanghai".to_owned(),
            project_id: None,
            vault_id: Some("v-2".to_owned()),
        },
        options: Options::default(),
        occurrence: None,
        rule: None,
    };
    let at: Timestamp = "2026-11-21T08:30:00Z".parse().unwrap();
    let call = Alibaba.start(&replication, &AttemptContext { attempt: 1, since: at, doubt: false });
    let credential = Credential {
        access_key_id: "id".to_owned(),
        access_key_secret: SecretString::from("secret".to_owned()),
        security_token: None,
    };
    let head = head_of(|host| {
        let mut draft = call.draft.clone();
        draft.host = host.to_owned();
        let access = Access::Key(credential.into());
        let signed = Alibaba.sign(&call, draft, &access, at, &Nonce("n".repeat(32))).unwrap();
        HttpRequest {
            manner: Default::default(),
            url: format!("http://{host}{}", signed.path_and_query),
            headers: signed.headers,
            ..plain("POST", host, b"")
        }
    })
    .await;
    assert!(head[0].starts_with("POST /?"), "{head:?}");
    assert_eq!(lengths(&head), ["content-length: 0"]);
    let authorization = head.iter().find(|line| line.to_ascii_lowercase().starts_with("authorization:")).unwrap();
    assert!(authorization.contains("SignedHeaders="), "{authorization}");
    assert!(!authorization.contains("content-length"), "{authorization}");
}

/// Serves one fixed answer on each connection, as often as it is asked, and counts the connections.
async fn serve(body_bytes: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut chunk = [0; 4096];
                while stream.read(&mut chunk).await.is_ok_and(|come| come > 0) {
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {body_bytes}\r\n\r\n");
                    if stream.write_all(&[head.as_bytes(), &vec![b'x'; body_bytes]].concat()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (host, connections)
}

/// The one call before which nothing is read must not go out on a connection that died while the function was frozen.
#[tokio::test]
async fn a_call_that_goes_first_goes_out_on_a_connection_of_its_own() {
    for (fresh_connection, wanted) in [(false, 1), (true, 3)] {
        let (host, connections) = serve(2).await;
        let transport = HttpTransport::new(Duration::from_secs(5)).unwrap();
        for _ in 0..3 {
            let manner = Manner { fresh_connection, ..Manner::default() };
            transport.send(HttpRequest { manner, ..plain("POST", &host, b"{}") }).await.unwrap();
        }
        assert_eq!(connections.load(Ordering::SeqCst), wanted, "fresh: {fresh_connection}");
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_what_its_call_can_answer() {
    let (host, _) = serve(3 * 1024 * 1024).await;
    let transport = HttpTransport::new(Duration::from_secs(5)).unwrap();
    let of = |longest_answer| {
        let manner = Manner { longest_answer, ..Manner::default() };
        transport.send(HttpRequest { manner, ..plain("POST", &host, b"{}") })
    };
    assert!(matches!(of(Manner::ANSWER).await, Err(TransportError::NoAnswer(why)) if why.contains("larger than")));
    assert_eq!(of(Manner::LISTING).await.unwrap().body.len(), 3 * 1024 * 1024);
}

/// Whatever time is left for the exchange: as long as the connection was not made, nothing was sent.
#[tokio::test]
async fn what_is_cut_off_while_it_connects_was_certainly_not_sent() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let transport = HttpTransport::new(Duration::from_secs(3)).unwrap();
    for timeout_ms in [500, 1_200, 2_500] {
        let request = HttpRequest {
            url: format!("https://{host}/"),
            timeout: Duration::from_millis(timeout_ms),
            ..plain("POST", &host, b"{}")
        };
        let failed = transport.send(request).await.unwrap_err();
        assert!(matches!(failed, TransportError::NotSent(_)), "{timeout_ms} ms: {failed}");
    }
}

#[test]
fn the_time_to_connect_lies_within_that_of_the_exchange_whatever_is_set() {
    for (connect, timeout) in [("3000", "2500"), ("600000", "15000"), ("100", "15000")] {
        let environment =
            Environment::default().with("OFFSITE_CONNECT_TIMEOUT_MS", connect).with("OFFSITE_TIMEOUT_MS", timeout);
        let settings = Settings::from_environment(&environment, &[&Alibaba]).unwrap();
        assert!(settings.connect_timeout <= settings.timeout / 2, "{connect} of {timeout}");
    }
}

/// Answers one request with 302 to `elsewhere`, and counts those who come.
async fn sends_on(elsewhere: &str, came: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let answer = match elsewhere {
        "" => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        elsewhere => {
            format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            came.fetch_add(1, Ordering::SeqCst);
            let mut chunk = [0; 4096];
            let _ = stream.read(&mut chunk).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    host
}

/// What is signed for one host is sent to no other: who answers for the first one would choose who gets it.
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (first, second) = (Arc::new(AtomicUsize::default()), Arc::new(AtomicUsize::default()));
    let elsewhere = format!("http://{}/", sends_on("", second.clone()).await);
    let host = sends_on(&elsewhere, first.clone()).await;
    let transport = HttpTransport::new(Duration::from_secs(5)).unwrap();
    for method in ["GET", "POST"] {
        let reply = transport.send(plain(method, &host, b"")).await.unwrap();
        assert_eq!(reply.status, 302, "{method}");
        assert!(reply.headers.iter().any(|(name, value)| name == "location" && *value == elsewhere));
    }
    assert_eq!((first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)), (2, 0));
    // The twin: a client as it comes goes there.
    assert_eq!(http_client().get(format!("http://{host}/")).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(second.load(Ordering::SeqCst), 1);
}
