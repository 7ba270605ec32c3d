//! The services around us: what is set about them is checked at the start, and what they do not answer is asked again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite_local::aws::faults::Fault;
use offsite_shared::io::credentials::key_variables;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::{Error, ErrorName};
use offsite_simulators::SimOptions;
use offsite_simulators::identity_tokens::AUDIENCE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::accounts::{ARN, Site, accepted, command, key};
use crate::events::sample;
use crate::faults::ports::admin;
use crate::functions::{Bench, copy};

/// What one request is answered with: status, one header line or none, body.
type Answer = (u16, &'static str, String);

/// A service of AWS that answers as it is told, the last answer again and again; without any answer it takes requests and is silent.
struct Scripted {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(answers: Vec<Answer>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heads, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::from(answers))));
        let told = heads.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (told, answers) = (told.clone(), seen.clone());
                tokio::spawn(async move {
                    let (mut bytes, mut chunk) = (Vec::new(), [0; 8192]);
                    loop {
                        match stream.read(&mut chunk).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                        }
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let length = head.to_ascii_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
                            rest.split("\r\n").next().unwrap_or_default().trim().parse::<usize>().unwrap_or(0)
                        });
                        if body.len() >= length {
                            told.lock().unwrap().push(head.to_owned());
                            break;
                        }
                    }
                    let answer = {
                        let mut answers = answers.lock().unwrap();
                        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
                    };
                    let Some((status, header, body)) = answer else {
                        let _silent = stream.read(&mut chunk).await;
                        return;
                    };
                    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
                    let head =
                        format!("HTTP/1.1 {status} X\r\n{header}connection: close\r\ncontent-length: {}", body.len());
                    let _gone = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await;
                });
            }
        });
        Scripted { url, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn asked(&self) -> usize {
        self.heads().len()
    }
}

/// A site whose clouds have the simulators' key in the environment.
async fn keyed() -> Site {
    let options = SimOptions::default();
    Cloud::ALL.into_iter().fold(Site::start().await, |site, cloud| {
        let [id, secret, _] = key_variables(cloud);
        site.with(id, options.access_key_id.clone()).with(secret, options.access_key_secret.clone())
    })
}

fn role(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Alibaba => "acs:ram::1000000000000001:role/offsite",
        Cloud::Huawei => "iam::0123456789abcdef0123456789abcdef:agency:offsite",
        Cloud::Tencent => "qcs::cam::uin/100000000001:roleName/offsite",
    }
}

fn event(cloud: Cloud) -> Value {
    match cloud {
        Cloud::Alibaba => sample("alibaba/command.json"),
        Cloud::Huawei => sample("huawei/copy-backup.json"),
        Cloud::Tencent => command(1),
    }
}

fn base(site: &Site, cloud: Cloud) -> String {
    match cloud {
        Cloud::Alibaba => site.simulators.alibaba(),
        Cloud::Huawei => site.simulators.huawei(),
        Cloud::Tencent => site.simulators.tencent(),
    }
}

/// Asserts that a function does not start with this setting, and that one line says which it is and what to do.
async fn assert_refused_at_start(cloud: Cloud, variable: &str, value: &str, expected: &str) {
    let site = keyed().await.with(variable, value);
    let Err(error) = site.function(cloud) else { panic!("{variable}={value:?} starts") };
    assert_eq!(error.name, ErrorName::Configuration, "{variable}={value:?}: {error}");
    assert!(error.message.contains(variable), "{variable}={value:?}: {error}");
    assert!(error.message.contains(expected), "{variable}={value:?}: {expected}: {error}");
    assert!(!error.message.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_wrong_endpoint_is_found_at_the_start_and_told_with_what_to_write() {
    use Cloud::{Alibaba, Huawei, Tencent};
    for (cloud, variable, value, expected) in [
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "http://127.0.0.1:9618/gateway", "write http://127.0.0.1:9618"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "http://127.0.0.1:9618?x=1", "must have no query"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://gateway.example/{region}", "must have no path"),
        (Tencent, "OFFSITE_TENCENT_STS_ENDPOINT", "https://gateway.example/sts", "write https://gateway.example"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", " https://cbs.example.com", "holds a blank"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.example.com\n", "holds a blank"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.exa mple.com", "holds a blank"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.example.com#x", "must have no query"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://x:hunter2@cbs.example.com/p?q", "user name or password"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.{zone}.example.com", "must name a host"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.<region>.example.com", "must name a host"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs..example.com", "must name a host"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.example.com:port", "port"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.example.com:0", "port"),
        (Tencent, "OFFSITE_TENCENT_ENDPOINT", "http://{region}.example.com", "must be https"),
        (Alibaba, "OFFSITE_ALIBABA_ENDPOINT", "https://hbr.example.com/v1", "write https://hbr.example.com"),
        (Alibaba, "OFFSITE_ALIBABA_STS_ENDPOINT", "https://sts.example.com/v1", "must have no path"),
        (Huawei, "OFFSITE_HUAWEI_CBR_ENDPOINT", "https://cbr.example.com/gateway?x=1", "must have no query"),
        (Huawei, "OFFSITE_HUAWEI_CBR_ENDPOINT", "https://cbr.example.com/a//b", "path"),
        (Huawei, "OFFSITE_HUAWEI_CBR_ENDPOINT", "https://cbr.example.com/a/../b", "path"),
        (Huawei, "OFFSITE_HUAWEI_IAM_ENDPOINT", "https://iam.example.com/{project}", "path"),
        (Tencent, "AWS_ENDPOINT_URL", "http://127.0.0.1:4566/aws", "must have no path"),
        (Tencent, "AWS_ENDPOINT_URL_SQS", "https://sqs.us-east-1.amazonaws.com/000000000000/q", "must have no path"),
        (Tencent, "AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.us-east-1.amazonaws.com?x", "must have no query"),
        (Tencent, "AWS_ENDPOINT_URL_SQS", "https://sqs.{region}.amazonaws.com", "must name a host"),
        (Tencent, "AWS_ENDPOINT_URL_SSM", "https://ssm.us-east-1.amazonaws.com ", "holds a blank"),
        (Tencent, "AWS_ENDPOINT_URL_S3", "s3.amazonaws.com", "must be a URL"),
        (Tencent, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.example.com", "must be https"),
        (Tencent, "AWS_ENDPOINT_URL_STS", "https://x:hunter2@sts.amazonaws.com", "user name or password"),
    ] {
        assert_refused_at_start(cloud, variable, value, expected).await;
    }
}

#[tokio::test]
async fn a_wrong_queue_is_found_at_the_start() {
    for variable in ["QUEUE_URL", "OFFSITE_WORK_QUEUE_URL"] {
        for (value, expected) in [
            ("https://sqs.us-east-1.amazonaws.com", "must end with the queue's name"),
            ("https://sqs.us-east-1.amazonaws.com/receipts", "must end with the queue's name"),
            ("https://sqs.us-east-1.amazonaws.com/123456789012/receipts/", "must end with the queue's name"),
            ("https://sqs.us-east-1.amazonaws.com/123456789012/receipts?x=1", "must have no query"),
            ("https://sqs.us-east-1.amazonaws.com/123456789012/receipts ", "holds a blank"),
            ("https://x:hunter2@sqs.us-east-1.amazonaws.com/123456789012/receipts", "user name or password"),
            ("arn:aws:sqs:us-east-1:123456789012:receipts", "must be a URL"),
            ("https://eu-west-1.console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues", "must have no query"),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/receipts", "AWS_REGION is us-east-1"),
        ] {
            assert_refused_at_start(Cloud::Tencent, variable, value, expected).await;
        }
    }
    // The endpoint and the queue name two regions: no signature would do.
    let site = keyed().await.with("AWS_ENDPOINT_URL_SQS", "https://sqs.us-west-2.amazonaws.com");
    let site = site.with("QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/receipts");
    let error = site.function(Cloud::Tencent).err().unwrap();
    for expected in ["AWS_ENDPOINT_URL_SQS", "us-west-2", "QUEUE_URL", "eu-west-1"] {
        assert!(error.message.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn what_lies_in_another_region_of_aws_is_found_at_the_start() {
    let accounts = |arn: &str| json!({"default": {"secret": arn}}).to_string();
    for (variable, value, expected) in [
        ("AWS_REGION", "us-east-1 ".to_owned(), "must be the code of a region"),
        ("AWS_REGION", "us-east-1a".to_owned(), "must be the code of a region"),
        ("AWS_REGION", "US-EAST-1".to_owned(), "must be the code of a region"),
        ("AWS_REGION", "https://sqs.us-east-1.amazonaws.com".to_owned(), "must be the code of a region"),
        ("OFFSITE_TENCENT_ACCOUNTS", accounts(&ARN.replace("us-east-1", "eu-central-1")), "AWS_REGION is us-east-1"),
        ("OFFSITE_TENCENT_ACCOUNTS", accounts(&ARN.replace("us-east-1", "")), "names no region"),
        ("OFFSITE_TENCENT_ACCOUNTS", accounts(&format!("{ARN} ")), "default.secret"),
        (
            "OFFSITE_TENCENT_ACCOUNTS",
            json!({"default": {"environment": true, "sts_region": "ap-guangzhou/"}}).to_string(),
            "default.sts_region",
        ),
        (
            "OFFSITE_POLICY",
            "ssm:arn:aws:ssm:eu-west-1:123456789012:parameter/offsite/policy".to_owned(),
            "AWS_REGION is us-east-1",
        ),
        ("OFFSITE_POLICY", "ssm:///offsite/policy".to_owned(), "ssm:/NAME"),
        ("OFFSITE_POLICY", "ssm:/offsite/policy ".to_owned(), "ssm:/NAME"),
        ("OFFSITE_POLICY", "ssm:offsite/policy".to_owned(), "ssm:/NAME"),
        ("OFFSITE_POLICY", "s3://bucket.s3.amazonaws.com:443/key".to_owned(), "s3://BUCKET/KEY"),
        ("OFFSITE_POLICY", "s3://bucket/key ".to_owned(), "s3://BUCKET/KEY"),
        ("OFFSITE_TABLE", "arn:aws:dynamodb:eu-west-1:123456789012:table/ledger".to_owned(), "AWS_REGION is us-east-1"),
        ("OFFSITE_TABLE", "offsite ledger".to_owned(), "must be the name or the ARN of a table"),
        // A function has one table.
        ("OFFSITE_TABLE", "tencent=ledger,huawei=other".to_owned(), "must be the name or the ARN of a table"),
    ] {
        assert_refused_at_start(Cloud::Tencent, variable, &value, expected).await;
    }
    assert_refused_at_start(Cloud::Huawei, "HUAWEICLOUD_SDK_PROJECT_ID", "f841 ", "must be an ID").await;
}

#[tokio::test]
async fn a_right_setting_starts() {
    for (cloud, variable, value) in [
        (Cloud::Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://cbs.{region}.tencentcloudapi.com/"),
        (Cloud::Tencent, "OFFSITE_TENCENT_ENDPOINT", "https://CBS.intl.tencentcloudapi.com:443"),
        (Cloud::Tencent, "OFFSITE_TENCENT_ENDPOINT", "http://[::1]:9618"),
        (Cloud::Huawei, "OFFSITE_HUAWEI_CBR_ENDPOINT", "https://cbr.private.example:8443/gateway/{region}/"),
        (Cloud::Alibaba, "OFFSITE_ALIBABA_ENDPOINT", "https://hbr-vpc.{region}.aliyuncs.com"),
        (Cloud::Tencent, "AWS_ENDPOINT_URL_SQS", "https://vpce-0a1b-x9.sqs.us-east-1.vpce.amazonaws.com/"),
        (Cloud::Tencent, "OFFSITE_WORK_QUEUE_URL", "https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/q.fifo"),
        (Cloud::Tencent, "OFFSITE_POLICY", "ssm:arn:aws:ssm:us-east-1:123456789012:parameter/offsite/policy"),
        (Cloud::Tencent, "OFFSITE_POLICY", "ssm:/offsite/policy:3"),
        (Cloud::Tencent, "OFFSITE_POLICY", "ssm:offsite-policy"),
        (Cloud::Tencent, "OFFSITE_POLICY", "s3://policies-of-offsite/a folder/offsite.json"),
        (Cloud::Tencent, "OFFSITE_TABLE", "arn:aws:dynamodb:us-east-1:123456789012:table/ledger"),
    ] {
        let mut site = keyed().await.with(variable, value);
        if value.contains("us-gov-west-1") {
            site = site.with("AWS_REGION", "us-gov-east-1");
        }
        if let Err(error) = site.function(cloud) {
            panic!("{variable}={value}: {error}");
        }
    }
}

/// AWS takes a signature only for the region of the endpoint, so a queue elsewhere is signed for its own.
#[tokio::test]
async fn a_queue_is_called_with_a_signature_for_its_own_region() {
    let sent = json!({"Successful": [{"Id": "0", "MessageId": "m"}], "Failed": []}).to_string();
    for (url, region) in [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/receipts", "eu-west-1"),
        ("https://sqs-fips.us-west-2.amazonaws.com/123456789012/receipts", "us-west-2"),
        ("https://vpce-0a1b-x9y8z.sqs.ap-southeast-1.vpce.amazonaws.com/123456789012/receipts", "ap-southeast-1"),
        ("https://sqs.eu-central-2.api.aws/123456789012/receipts", "eu-central-2"),
        ("https://eu-north-1.queue.amazonaws.com/123456789012/receipts", "eu-north-1"),
        ("https://queue.example.com/123456789012/receipts", "us-east-1"),
    ] {
        let queue = Scripted::start(vec![(200, "", sent.clone())]).await;
        let site = keyed().await.with("AWS_ENDPOINT_URL_SQS", queue.url.clone()).with("QUEUE_URL", url);
        let context = site.function(Cloud::Tencent).unwrap();
        accepted(site.invoke(&context, &command(1)).await);
        let heads = queue.heads();
        assert_eq!(heads.len(), 1, "{url}");
        assert!(heads[0].contains(&format!("/{region}/sqs/aws4_request")), "{url}: {}", heads[0]);
    }
}

fn xml(code: &str, message: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

fn coral(code: &str, message: &str) -> String {
    json!({"__type": format!("com.amazonaws#{code}"), "message": message}).to_string()
}

fn policy() -> String {
    json!({"version": 1, "rules": [{"name": "web", "provider": "tencent", "source": {"region": "ap-guangzhou"},
        "destinations": [{"region": "ap-beijing"}]}]})
    .to_string()
}

/// The error of a command while the policy's store answers so, and how often it was asked.
async fn unread(uri: &str, answers: Vec<Answer>) -> (Error, usize) {
    let store = Scripted::start(answers).await;
    let site = keyed().await.with("OFFSITE_POLICY", uri);
    let site = site.with("AWS_ENDPOINT_URL_S3", store.url.clone()).with("AWS_ENDPOINT_URL_SSM", store.url.clone());
    let context = site.function(Cloud::Tencent).unwrap();
    let error = site.invoke(&context, &command(1)).await.unwrap_err();
    assert_eq!(site.copies(), 0);
    (error, store.asked())
}

#[tokio::test]
async fn a_store_that_cannot_answer_now_is_asked_again_and_is_then_unavailable() {
    let (s3, ssm) = ("s3://policies/policy.json", "ssm:/offsite/policy");
    for (uri, status, body, code) in [
        (s3, 503, xml("SlowDown", "Reduce your request rate"), "SlowDown"),
        (s3, 500, xml("InternalError", ""), "InternalError"),
        (s3, 400, xml("RequestTimeout", "idle"), "RequestTimeout"),
        (s3, 429, String::new(), "http_429"),
        (s3, 502, "<html>a proxy</html>".to_owned(), "http_502"),
        (ssm, 400, coral("ThrottlingException", "Rate exceeded"), "ThrottlingException"),
        (ssm, 400, coral("TooManyUpdates", "Rate exceeded"), "TooManyUpdates"),
        (ssm, 500, coral("InternalServerError", "x"), "InternalServerError"),
        (ssm, 200, "<html>a captive portal</html>".to_owned(), "http_200"),
    ] {
        let (error, asked) = unread(uri, vec![(status, "", body)]).await;
        assert_eq!(error.name, ErrorName::Unavailable, "{status} {code}: {error}");
        assert!(error.message.contains(code) && error.message.contains(uri), "{error}");
        assert!(asked > 3, "{code}: asked {asked} times");
    }
}

#[tokio::test]
async fn what_a_store_refuses_is_a_matter_of_configuration_and_not_asked_again() {
    let (s3, ssm) = ("s3://policies/policy.json", "ssm:/offsite/policy");
    let elsewhere = "x-amz-bucket-region: cn-north-1";
    for (uri, status, header, body, expected) in [
        (s3, 301, elsewhere, xml("PermanentRedirect", "x"), &["PermanentRedirect", "cn-north-1"][..]),
        (s3, 301, "", String::new(), &["http_301", "this part of AWS"]),
        (s3, 403, "", xml("AccessDenied", "Access Denied"), &["AccessDenied", "s3:GetObject"]),
        (s3, 400, "", xml("KMS.DisabledException", "arn is disabled."), &["KMS.DisabledException"]),
        (ssm, 400, "", coral("AccessDeniedException", "no"), &["AccessDeniedException", "ssm:GetParameter"]),
    ] {
        let (error, asked) = unread(uri, vec![(status, header, body)]).await;
        assert_eq!(error.name, ErrorName::Configuration, "{status} {expected:?}: {error}");
        for part in expected {
            assert!(error.message.contains(part), "{part}: {error}");
        }
        assert_eq!(asked, 1, "{error}");
    }
}

/// A bucket in another region is asked there, once, with a signature for that region.
#[tokio::test]
async fn a_policy_in_another_region_is_read_there() {
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message><Region>eu-west-1</Region></Error>";
    for (status, header, body) in
        [(301, "x-amz-bucket-region: eu-west-1", xml("PermanentRedirect", "x")), (400, "", malformed.to_owned())]
    {
        let moved = (status, header, body);
        let store = Scripted::start(vec![moved.clone(), (200, "", policy())]).await;
        let site = keyed().await.with("OFFSITE_POLICY", "s3://policies/policy.json");
        let site = site.with("AWS_ENDPOINT_URL_S3", store.url.clone());
        let seed = json!({"snapshots": [{"snapshot_id": "snap-acct0001", "region": "ap-guangzhou", "name": "x"}]});
        admin(&site.http, &site.simulators.tencent(), "seed", &seed).await;
        let context = site.function(Cloud::Tencent).unwrap();
        accepted(site.invoke(&context, &command(1)).await);
        let heads = store.heads();
        let signed_for = |at: usize, region: &str| heads[at].contains(&format!("/{region}/s3/aws4_request"));
        assert!(heads.len() == 2 && !signed_for(0, "eu-west-1") && signed_for(1, "eu-west-1"), "{heads:?}");

        // Nothing is followed twice.
        let (error, asked) = unread("s3://policies/policy.json", vec![moved]).await;
        assert_eq!((error.name, asked), (ErrorName::Configuration, 2), "{error}");
    }
}

/// A policy that is not there has a name of its own, and the command that writes it.
#[tokio::test]
async fn a_policy_that_is_not_there_is_told_with_the_command_that_writes_it() {
    let (s3, ssm) = ("s3://policies/policy.json", "ssm:/offsite/policy");
    for (uri, status, body, command) in [
        (s3, 404, xml("NoSuchKey", ""), "offsite policy render offsite.yaml | aws s3 cp - s3://policies/policy.json"),
        (ssm, 400, coral("ParameterNotFound", ""), "aws ssm put-parameter --name /offsite/policy --overwrite"),
    ] {
        let (error, asked) = unread(uri, vec![(status, "", body)]).await;
        assert_eq!(error.name, ErrorName::NoPolicy, "{error}");
        assert!(error.message.contains(command) && error.message.contains("cannot be known"), "{error}");
        assert_eq!(asked, 1, "{error}");
    }
}

#[tokio::test]
async fn a_store_that_answers_at_last_loses_nothing() {
    for (uri, good) in [
        ("s3://policies/policy.json", policy()),
        ("ssm:/offsite/policy", json!({"Parameter": {"Value": policy()}}).to_string()),
    ] {
        let busy = (503, "", xml("SlowDown", "x"));
        let store = Scripted::start(vec![busy.clone(), busy, (200, "", good)]).await;
        let site = keyed().await.with("OFFSITE_POLICY", uri);
        let site = site.with("AWS_ENDPOINT_URL_S3", store.url.clone()).with("AWS_ENDPOINT_URL_SSM", store.url.clone());
        let seed = json!({"snapshots": [{"snapshot_id": "snap-acct0001", "region": "ap-guangzhou", "name": "x"}]});
        admin(&site.http, &site.simulators.tencent(), "seed", &seed).await;
        let context = site.function(Cloud::Tencent).unwrap();
        accepted(site.invoke(&context, &command(1)).await);
        assert_eq!(store.asked(), 3, "{uri}");
    }
}

/// A service that quotes what was signed would put the session token of the function's role into a log.
#[tokio::test]
async fn what_aws_quotes_of_the_request_is_not_repeated() {
    let token = "IQoJb3JpZ2luX2VjCanaryToken";
    let quoted = format!(
        "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:{token}\n\n'"
    );
    for body in
        [coral("InvalidSignatureException", &quoted), coral("InvalidSignatureException", &format!("bad {token}"))]
    {
        let store = Scripted::start(vec![(400, "", body)]).await;
        let site = keyed().await.with("OFFSITE_POLICY", "ssm:/offsite/policy").with("AWS_SESSION_TOKEN", token);
        let site = site.with("AWS_ENDPOINT_URL_SSM", store.url.clone());
        let context = site.function(Cloud::Tencent).unwrap();
        let error = site.invoke(&context, &command(1)).await.unwrap_err();
        assert!(error.message.contains("InvalidSignatureException"), "{error}");
        assert!(!error.message.contains("Canary") && !error.message.contains("Canonical"), "{error}");
    }
}

#[tokio::test]
async fn secrets_manager_is_asked_again_and_its_refusal_is_a_matter_of_configuration() {
    let (site, context) = Site::tencent(json!({ "secret": ARN })).await;
    site.aws.keep_secret(ARN, &key());
    site.aws.faults().next("GetSecretValue", 2, Fault::UNAVAILABLE);
    accepted(site.invoke(&context, &command(1)).await);
    let fresh = site.function(Cloud::Tencent).unwrap();
    let throttled = Fault::Refuse { status: 400, kind: "com.amazonaws#ThrottlingException" };
    site.aws.faults().next("GetSecretValue", 1_000, throttled);
    let error = site.invoke(&fresh, &command(2)).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Unavailable, "{error}");
    assert!(error.message.contains("ThrottlingException") && error.message.contains(ARN), "{error}");
    for kind in ["com.amazonaws#AccessDeniedException", "DecryptionFailure", "ResourceNotFoundException"] {
        site.aws.faults().clear();
        site.aws.faults().next("GetSecretValue", 1, Fault::Refuse { status: 400, kind });
        let error = site.invoke(&fresh, &command(2)).await.unwrap_err();
        assert_eq!(error.name, ErrorName::Configuration, "{kind}: {error}");
        assert!(error.message.contains(kind.rsplit('#').next().unwrap()), "{error}");
        assert_eq!(site.aws.faults().pending(), 0);
    }
    // Nothing of that is held against the backup, nor against the credential.
    accepted(site.invoke(&fresh, &command(2)).await);
}

#[tokio::test]
async fn the_token_service_of_aws_is_asked_again() {
    let account = json!({"federation": {"role": role(Cloud::Tencent), "provider": "aws", "audience": AUDIENCE}});
    let (site, context) = Site::tencent(account).await;
    site.aws.faults().next("GetWebIdentityToken", 2, Fault::UNAVAILABLE);
    accepted(site.invoke(&context, &command(1)).await);
    let fresh = site.function(Cloud::Tencent).unwrap();
    site.aws.faults().next("GetWebIdentityToken", 1_000, Fault::Refuse { status: 400, kind: "Throttling" });
    let error = site.invoke(&fresh, &command(2)).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Unavailable, "{error}");
    assert!(error.message.contains("Throttling"), "{error}");
    site.aws.faults().clear();
    site.aws.faults().next("GetWebIdentityToken", 1, Fault::Refuse { status: 403, kind: "AccessDenied" });
    let error = site.invoke(&fresh, &command(2)).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Configuration, "{error}");
    assert!(error.message.contains("AccessDenied") && error.message.contains("sts:GetWebIdentityToken"), "{error}");
}

/// Each cloud, how its account gets a temporary credential, and the action that gives it.
fn token_services() -> Vec<(Cloud, Value, &'static str)> {
    let federated = |cloud| json!({"federation": {"role": role(cloud), "provider": "aws", "audience": AUDIENCE}});
    let taken_on = |cloud| json!({"secret": ARN, "role": {"role": role(cloud), "external_id": "offsite-0001"}});
    vec![
        (Cloud::Alibaba, federated(Cloud::Alibaba), "AssumeRoleWithOIDC"),
        (Cloud::Alibaba, taken_on(Cloud::Alibaba), "AssumeRole"),
        (Cloud::Huawei, federated(Cloud::Huawei), "AssumeAgencyWithOIDC"),
        (Cloud::Huawei, taken_on(Cloud::Huawei), "AssumeAgency"),
        (Cloud::Tencent, federated(Cloud::Tencent), "AssumeRoleWithWebIdentity"),
        (Cloud::Tencent, taken_on(Cloud::Tencent), "AssumeRole"),
    ]
}

#[tokio::test]
async fn the_token_services_of_the_clouds_are_asked_again() {
    for (cloud, account, action) in token_services() {
        for kind in ["http_500_before", "throttle", "reset_before"] {
            let variable = offsite_shared::settings::accounts::variable(cloud);
            let site = Site::start().await.with(&variable, json!({ "default": account }).to_string());
            site.aws.keep_secret(ARN, &key());
            let context = site.function(cloud).unwrap();
            let broken = json!({"faults": [{"action": action, "kind": kind, "times": 2}]});
            admin(&site.http, &base(&site, cloud), "faults", &broken).await;
            accepted(site.invoke(&context, &event(cloud)).await);

            let fresh = site.function(cloud).unwrap();
            let broken = json!({"clear": true, "faults": [{"action": action, "kind": kind}]});
            admin(&site.http, &base(&site, cloud), "faults", &broken).await;
            let error = site.invoke(&fresh, &event(cloud)).await.unwrap_err();
            assert_eq!(error.name, ErrorName::Unavailable, "{cloud:?} {action} {kind}: {error}");
        }
    }
}

#[tokio::test]
async fn what_a_token_service_of_a_cloud_refuses_is_a_matter_of_configuration() {
    for (cloud, account, action) in token_services() {
        let code = match cloud {
            Cloud::Alibaba => "NoPermission",
            Cloud::Huawei => "APIGW.0302",
            Cloud::Tencent => "UnauthorizedOperation",
        };
        let variable = offsite_shared::settings::accounts::variable(cloud);
        let site = Site::start().await.with(&variable, json!({ "default": account }).to_string());
        site.aws.keep_secret(ARN, &key());
        let context = site.function(cloud).unwrap();
        let refused = json!({"faults": [{"action": action, "kind": "code", "code": code, "http_status": 403}]});
        admin(&site.http, &base(&site, cloud), "faults", &refused).await;
        let error = site.invoke(&context, &event(cloud)).await.unwrap_err();
        assert_eq!(error.name, ErrorName::Configuration, "{cloud:?} {action}: {error}");
        assert!(error.message.contains(code), "{error}");
        let asked = site.calls(cloud, action);
        site.invoke(&context, &event(cloud)).await.unwrap_err();
        assert_eq!(site.calls(cloud, action), asked, "a refusal is not asked for again at once");
        assert_eq!(site.copies(), 0);
    }
}

/// Silence ends before the function does: an answer says what was silent.
#[tokio::test]
async fn a_silent_store_is_told_before_the_function_s_time_is_over() {
    let silent = Scripted::start(Vec::new()).await;
    let accounts = json!({"default": {"secret": ARN}}).to_string();
    for extra in [
        vec![("OFFSITE_POLICY", "s3://policies/policy.json"), ("AWS_ENDPOINT_URL_S3", &silent.url)],
        vec![("OFFSITE_POLICY", "ssm:/offsite/policy"), ("AWS_ENDPOINT_URL_SSM", &silent.url)],
        vec![("OFFSITE_TENCENT_ACCOUNTS", &accounts), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &silent.url)],
    ] {
        let bench = Bench::start(&extra).await;
        let function = bench.function(Cloud::Tencent).await;
        let error = function.invoke(copy("snap-silent01", &["ap-beijing"]), Duration::from_secs(4)).await.unwrap_err();
        let text = format!("{error}");
        assert!(text.contains("Offsite.Unavailable") && text.contains("no_answer"), "{extra:?}: {text}");
    }
}
