//! An AWS account of a test's own: signed calls in the three forms that AWS speaks, and waiting for what they show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use jiff::SignedDuration;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::http::{HttpRequest, Reply};
use offsite_shared::ports::{Clock, Transport};
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use crate::front::OVER_TLS;
use crate::ministack::ministack;

/// Where everything is.
pub const REGION: &str = "us-east-1";

/// What MiniStack takes as the secret of every account's root.
const SECRET: &str = "test";

/// An answer that says no.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: String,
}

/// An account of MiniStack: an access key of twelve digits is its number.
#[derive(Clone)]
pub struct Account {
    pub id: String,
    /// Whether its calls pass for such that came over TLS.
    pub over_tls: bool,
    pub http: HttpTransport,
}

impl Account {
    /// An account that nobody else uses.
    pub fn new() -> Account {
        static LAST: AtomicU64 = AtomicU64::new(210_000_000_000);
        let id = (LAST.fetch_add(1, Ordering::Relaxed) + 1).to_string();
        Account { id, over_tls: true, http: HttpTransport::new(Duration::from_secs(5)).unwrap() }
    }

    /// What a client of this account needs.
    pub fn environment(&self) -> Environment {
        Environment::default()
            .with("AWS_ACCESS_KEY_ID", self.id.clone())
            .with("AWS_SECRET_ACCESS_KEY", SECRET)
            .with("AWS_REGION", REGION)
            .with("AWS_ENDPOINT_URL", ministack().endpoint.clone())
    }

    /// A call of a JSON protocol; the service must take it.
    #[track_caller]
    pub fn json(&self, target: &str, body: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let call = format!("{target} {body}");
        let answer = self.try_json(target, body);
        async move { answer.await.unwrap_or_else(|no| panic!("{caller}: {call}: {} {}", no.status, no.body)) }
    }

    /// The same, where it may be refused. The service's name for signing follows from the target's.
    pub async fn try_json(&self, target: &str, body: Value) -> Result<Value, Refused> {
        let (service, version) = match target.split('.').next().unwrap() {
            "AmazonSQS" => ("sqs", "1.0"),
            "DynamoDB_20120810" => ("dynamodb", "1.0"),
            "AWSStepFunctions" => ("states", "1.0"),
            "AWSEvents" => ("events", "1.1"),
            "AmazonSSM" => ("ssm", "1.1"),
            "secretsmanager" => ("secretsmanager", "1.1"),
            "Logs_20140328" => ("logs", "1.1"),
            other => panic!("{other} is no service that the tests know"),
        };
        let headers = vec![
            ("content-type".to_owned(), format!("application/x-amz-json-{version}")),
            ("x-amz-target".to_owned(), target.to_owned()),
        ];
        let reply = self.send("POST", service, "/", headers, body.to_string().into_bytes()).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        match reply.status {
            200 => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
            status => Err(Refused { status, body: text }),
        }
    }

    /// A call of the query protocol (CloudFormation, IAM, STS); the XML of the answer.
    pub async fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Result<String, Refused> {
        let version = match service {
            "cloudformation" => "2010-05-15",
            "iam" => "2010-05-08",
            "sts" => "2011-06-15",
            other => panic!("{other} is no service that the tests know"),
        };
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{}={}", escaped(name), escaped(value)));
        }
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let reply = self.send("POST", service, "/", headers, form.into_bytes()).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        if reply.status == 200 { Ok(text) } else { Err(Refused { status: reply.status, body: text }) }
    }

    /// A call of a REST protocol (Lambda, S3, Scheduler).
    pub async fn rest(&self, method: &str, service: &str, path: &str, body: Vec<u8>) -> Reply {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        self.send(method, service, path, headers, body).await
    }

    /// A signed request with these headers.
    pub async fn send(
        &self,
        method: &str,
        service: &str,
        path: &str,
        mut headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Reply {
        let url = format!("{}{path}", ministack().endpoint);
        let identity = Credentials::new(self.id.clone(), SECRET, None, None, "test").into();
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(SystemTime::try_from(SystemClock.now()).unwrap())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let unsigned = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(method, &url, unsigned, SignableBody::Bytes(&body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        if self.over_tls {
            headers.push((OVER_TLS.0.to_owned(), OVER_TLS.1.to_owned()));
        }
        let request = HttpRequest {
            manner: Default::default(),
            method: method.into(),
            url,
            headers,
            body,
            timeout: Duration::from_secs(120),
        };
        self.http.send(request).await.unwrap_or_else(|error| panic!("{method} {service} {path}: {error}"))
    }

    /// Makes a queue; its URL.
    pub async fn create_queue(&self, name: &str) -> String {
        let made = self.json("AmazonSQS.CreateQueue", json!({ "QueueName": name })).await;
        made["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// What lies on a queue, which it then no longer does.
    pub async fn take_messages(&self, queue_url: &str) -> Vec<Value> {
        let ask = json!({ "QueueUrl": queue_url, "MaxNumberOfMessages": 10 });
        let answer = self.json("AmazonSQS.ReceiveMessage", ask).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        for message in &messages {
            let receipt = json!({ "QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"] });
            self.json("AmazonSQS.DeleteMessage", receipt).await;
        }
        messages.iter().map(|message| body_of(message["Body"].as_str().unwrap())).collect()
    }

    /// Waits until `count` messages have come to a queue, takes them, and sees that no more lie there.
    pub async fn wait_for_messages(&self, queue_url: &str, count: usize) -> Vec<Value> {
        let mut messages = Vec::new();
        until(&format!("{count} messages on {queue_url}"), 60, async || {
            messages.extend(self.take_messages(queue_url).await);
            (messages.len() >= count).then_some(())
        })
        .await;
        messages.extend(self.take_messages(queue_url).await);
        assert_eq!(messages.len(), count, "{messages:#?}");
        messages
    }

    /// How many messages a queue holds, those that are being worked on included.
    pub async fn depth(&self, queue_url: &str) -> u64 {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let ask = json!({ "QueueUrl": queue_url, "AttributeNames": names });
        let answer = self.json("AmazonSQS.GetQueueAttributes", ask).await;
        names.iter().map(|name| answer["Attributes"][name].as_str().unwrap().parse::<u64>().unwrap()).sum()
    }
}

fn body_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The texts of every element of that name in an answer of the query protocol.
pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let plain = |text: &str| {
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'");
        text.replace("&amp;", "&")
    };
    xml.split(&open).skip(1).filter_map(|rest| rest.split_once(&close)).map(|(text, _)| plain(text)).collect()
}

/// Looks ten times a second until there is something, and says what was waited for if it does not come.
#[track_caller]
pub fn until<T>(what: &str, seconds: i64, mut look: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        let end = SystemClock.now() + SignedDuration::from_secs(seconds);
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(SystemClock.now() < end, "{caller}: waited {seconds} s for {what}");
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
    }
}
