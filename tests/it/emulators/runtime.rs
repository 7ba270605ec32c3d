//! The Lambda Runtime API and the processes under it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use offsite_local::fleet::build::{Profile, build};
use offsite_local::fleet::functions::{FunctionOptions, FunctionProcess};
use offsite_local::fleet::runtime_api::{InvokeError, RuntimeApi};
use serde_json::{Value, json};

use super::http_client;

const LONG: Duration = Duration::from_secs(30);

/// A runtime written by hand: what `lambda_runtime` does, one request at a time.
struct HandRuntime {
    http: reqwest::Client,
    base: String,
}

impl HandRuntime {
    fn of(api: &RuntimeApi) -> HandRuntime {
        let base = format!("http://{}/2018-06-01/runtime", api.addr());
        HandRuntime { http: http_client(), base }
    }

    async fn next(&self) -> (reqwest::header::HeaderMap, Value) {
        let response = self.http.get(format!("{}/invocation/next", self.base)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        (headers, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> u16 {
        let response = self.http.post(format!("{}/{path}", self.base)).body(body).send().await.unwrap();
        response.status().as_u16()
    }

    /// Answers `count` events with what `answer` makes of them.
    async fn serve(&self, count: usize, answer: impl Fn(Value) -> Result<Value, Value>) {
        for _ in 0..count {
            let (headers, event) = self.next().await;
            let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap();
            let (path, body) = match answer(event) {
                Ok(value) => ("response", value),
                Err(value) => ("error", value),
            };
            assert_eq!(self.post(&format!("invocation/{id}/{path}"), body.to_string()).await, 202);
        }
    }
}

#[tokio::test]
async fn an_event_goes_in_and_its_answer_comes_back() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let work = async {
        let (headers, event) = runtime.next().await;
        assert_eq!(event, json!({"n": 1}));
        let deadline: i64 = headers["lambda-runtime-deadline-ms"].to_str().unwrap().parse().unwrap();
        let left = deadline - jiff_now();
        assert!((1..=30_000).contains(&left), "{left}");
        assert!(headers["lambda-runtime-invoked-function-arn"].to_str().unwrap().starts_with("arn:aws:lambda:"));
        assert!(headers["lambda-runtime-trace-id"].to_str().unwrap().starts_with("Root=1-"));
        let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned();
        assert_eq!(runtime.post("invocation/another/response", "{}").await, 400);
        assert_eq!(runtime.post(&format!("invocation/{id}/response"), r#"{"ok":true}"#).await, 202);
        assert_eq!(runtime.post(&format!("invocation/{id}/response"), "{}").await, 400, "only once");
    };
    let (answer, ()) = tokio::join!(api.invoke(json!({"n": 1}), LONG), work);
    assert_eq!(answer, Ok(json!({"ok": true})));
}

#[allow(clippy::disallowed_methods)] // The deadline is told in the machine's time.
fn jiff_now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[tokio::test]
async fn a_functions_error_keeps_its_name() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let refuse = |_| Err(json!({"errorType": "Offsite.Rejected", "errorMessage": "no quota"}));
    let (answer, ()) = tokio::join!(api.invoke(json!({}), LONG), runtime.serve(1, refuse));
    let error = answer.unwrap_err();
    assert_eq!(error.error_type(), "Offsite.Rejected");
    let expected = InvokeError::Function { error_type: "Offsite.Rejected".into(), error_message: "no quota".into() };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn invocations_queue_up_and_are_handled_one_at_a_time() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let calls = join_all((0..20).map(|number| api.invoke(json!(number), LONG)));
    let (answers, ()) = tokio::join!(calls, runtime.serve(20, |event| Ok(json!([event]))));
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, Ok(json!([number])));
    }
}

#[tokio::test]
async fn a_late_answer_is_a_timeout_and_harms_nobody() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let after = Duration::from_millis(50);
    let ((headers, _), answer) = tokio::join!(runtime.next(), api.invoke(json!("slow"), after));
    assert_eq!(answer, Err(InvokeError::TimedOut { after }));
    assert_eq!(answer.unwrap_err().error_type(), "Sandbox.Timedout");
    let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap();
    assert_eq!(runtime.post(&format!("invocation/{id}/response"), "1").await, 400);
    let (answer, ()) = tokio::join!(api.invoke(json!(2), LONG), runtime.serve(1, Ok));
    assert_eq!(answer, Ok(json!(2)));
}

#[tokio::test]
async fn failing_to_start_and_ending_reach_whoever_waits_and_whoever_comes() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let fail = runtime.post("init/error", r#"{"errorType":"Offsite.Configuration","errorMessage":"no QUEUE_URL"}"#);
    let (waiting, status) = tokio::join!(api.invoke(json!({}), LONG), fail);
    assert_eq!(status, 202);
    assert!(matches!(&waiting, Err(InvokeError::Init { error_type, .. }) if error_type == "Offsite.Configuration"));
    api.process_exited("exit status: 1");
    assert_eq!(api.invoke(json!({}), LONG).await, waiting, "the first reason stays");

    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let crash = async {
        runtime.next().await;
        api.process_exited("signal: 9 (SIGKILL)");
    };
    let (answer, ()) = tokio::join!(api.invoke(json!({}), LONG), crash);
    let error = answer.unwrap_err();
    assert_eq!(error.error_type(), "Runtime.ExitError");
    assert!(error.to_string().contains("SIGKILL"));
}

#[tokio::test]
async fn an_answer_over_six_megabytes_is_refused_as_lambda_does() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = HandRuntime::of(&api);
    let work = async {
        let (headers, _) = runtime.next().await;
        let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap();
        let fits = "x".repeat(6 * 1024 * 1024 - 2);
        runtime.post(&format!("invocation/{id}/response"), format!("\"{fits}\"")).await
    };
    let (answer, status) = tokio::join!(api.invoke(json!({}), LONG), work);
    assert_eq!((status, answer.is_ok()), (202, true));
    let work = async {
        let (headers, _) = runtime.next().await;
        let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap();
        let too_long = "x".repeat(6 * 1024 * 1024);
        runtime.post(&format!("invocation/{id}/response"), format!("\"{too_long}\"")).await
    };
    let (answer, status) = tokio::join!(api.invoke(json!({}), LONG), work);
    assert_eq!(status, 413);
    assert_eq!(answer.unwrap_err().error_type(), "Function.ResponseSizeTooLarge");
}

/// A shell script in the place of a binary.
struct Script {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Script {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("script.sh");
        std::fs::write(&source, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&source, PermissionsExt::from_mode(0o755)).unwrap();
        Script { path: source, _directory: directory }
    }

    async fn spawn(&self, environment: &[(&str, &str)]) -> FunctionProcess {
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        // Another test's fork may still hold the freshly written file open for writing (ETXTBSY).
        for _ in 0..100 {
            let options = FunctionOptions::named_after(&self.path);
            let environment: Vec<(String, String)> = Vec::clone(&environment);
            match FunctionProcess::spawn(&self.path, environment, options).await {
                Err(error) if error.to_string().contains("Text file busy") => tokio::task::yield_now().await,
                result => return result.unwrap(),
            }
        }
        panic!("the script stayed busy");
    }
}

#[tokio::test]
async fn a_process_sees_its_environment_and_nothing_else() {
    let script = Script::new("env; echo to-stderr >&2");
    let process = script.spawn(&[("QUEUE_URL", "http://127.0.0.1/q"), ("AWS_REGION", "eu-west-1")]).await;
    process.wait().await;
    let output = process.output();
    let has = |line: &str| output.iter().any(|other| other == line);
    for line in [
        "QUEUE_URL=http://127.0.0.1/q",
        "AWS_REGION=eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME=script",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/script",
        "to-stderr",
    ] {
        assert!(has(line), "{line} is not in {output:#?}");
    }
    assert!(output.iter().any(|line| line.starts_with("AWS_LAMBDA_RUNTIME_API=127.0.0.1:")));
    assert!(!output.iter().any(|line| line.starts_with("CARGO") || line.starts_with("HOME=")), "{output:#?}");
}

#[tokio::test]
async fn an_exit_is_reported_with_its_status_and_last_words() {
    let script = Script::new("echo 'thread main panicked' >&2; exit 3");
    let process = script.spawn(&[]).await;
    let error = process.invoke(json!({}), LONG).await.unwrap_err();
    assert_eq!(error.error_type(), "Runtime.ExitError");
    let text = error.to_string();
    assert!(text.contains("exit status: 3") && text.contains("thread main panicked"), "{text}");
    assert!(!process.is_running());
}

#[tokio::test]
async fn a_process_is_killed_restarted_and_gone_when_dropped() {
    let script = Script::new("exec sleep 600");
    let mut process = script.spawn(&[]).await;
    let first = process.id().unwrap();
    assert!(alive(first));
    process.kill_now().await;
    assert!(!alive(first));
    assert_eq!(process.id(), None);
    process.restart().await.unwrap();
    let second = process.id().unwrap();
    assert!(alive(second));
    drop(process);
    tokio::time::timeout(LONG, async {
        while alive(second) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the process goes with its owner");
}

#[tokio::test]
async fn waiting_for_a_killed_process_ends() {
    let script = Script::new("exec sleep 600");
    let process = Arc::new(script.spawn(&[]).await);
    let invoking = process.invoke(json!({}), LONG);
    let (answer, ()) = tokio::join!(invoking, process.kill_now());
    assert!(answer.unwrap_err().to_string().contains("SIGKILL"));
}

/// Whether there is such a process, a zombie not counted.
fn alive(id: u32) -> bool {
    let status = std::process::Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output();
    let state = String::from_utf8(status.expect("ps is needed to look for the process").stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

#[tokio::test]
async fn the_three_binaries_are_built_from_the_source_tree() {
    let binaries = tokio::task::spawn_blocking(|| build(Profile::Current)).await.unwrap().unwrap();
    for (path, name) in [
        (&binaries.alibaba, "offsite-alibaba"),
        (&binaries.huawei, "offsite-huawei"),
        (&binaries.tencent, "offsite-tencent"),
    ] {
        assert!(path.is_file(), "{path:?}");
        assert_eq!(path.file_stem().unwrap(), name);
    }
}
