//! What docs/workflows.md shows runs as it stands there. The state machines of Step Functions are in `workflows`.

use offsite_shared::model::command::Cloud;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::account::REGION;
use crate::home::{Home, Wish, copy};
use crate::ministack::{ministack, root, tool};

/// The block of code of the page that has these words in it.
fn sample(words: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/workflows.md")).unwrap();
    let block = page.split("```").skip(1).step_by(2).find(|block| block.contains(words)).expect("the sample is there");
    block.split_once('\n').unwrap().1.to_owned()
}

#[tokio::test]
async fn the_sample_for_any_http_client_starts_a_copy_and_shows_a_failure_of_the_function() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    let folder = tempfile::tempdir().unwrap();
    let shown = sample("curl --fail-with-body");
    // Only where AWS is and what the function is called differ here.
    let script = shown
        .replace("https://lambda.$AWS_REGION.amazonaws.com", &ministack().endpoint)
        .replace("functions/offsite-tencent/", &format!("functions/{}/", home.function(Cloud::Tencent)));
    assert!(script.contains(&ministack().endpoint) && script.contains(&home.function(Cloud::Tencent)), "{script}");
    let environment = home.account.environment();
    let run = async |command: Value| -> Value {
        std::fs::write(folder.path().join("command.json"), command.to_string()).unwrap();
        let ended = Command::new("sh")
            .args(["-euc", &script])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_SESSION_TOKEN", "")
            .envs(environment.variables())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        serde_json::from_slice(&ended.stdout)
            .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&ended.stdout)))
    };
    let answer = run(copy("snap-http0001")).await;
    assert_eq!(answer["results"][0]["state"], "accepted", "{answer}");
    let again = run(copy("snap-http0001")).await;
    assert_eq!(again["results"][0]["replayed"], true, "asking twice is safe: {again}");
    let failed = run(json!({ "action": "replicate", "provider": "tencent" })).await;
    assert_eq!(failed["errorType"], "Offsite.InvalidCommand", "{failed}");
    home.expect_receipts(1).await;
}

/// One attempt of a task of the page: the exit code of its runner, and what it said.
async fn attempt(home: &Home, tool_name: &str, shown: &str, command: &Value) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample");
    // Only what the function is called differs here.
    let own = home.function(Cloud::Tencent);
    let script = shown
        .replace("f\"offsite-{command['provider']}\"", &format!("\"{own}\""))
        .replace("\"offsite-\" + command[\"provider\"]", &format!("\"{own}\""));
    assert!(script.contains(&own), "{script}");
    std::fs::write(&file, script).unwrap();
    let runner = root().join("tests/aws_e2e/tasks.py");
    let ended = Command::new(tool("python"))
        .arg(runner)
        .arg(tool_name)
        .arg(&file)
        .arg(command.to_string())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(home.account.environment().variables())
        .env("AWS_DEFAULT_REGION", REGION)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    (ended.status.code().unwrap_or(-1), said)
}

#[tokio::test]
async fn the_samples_for_airflow_and_argo_start_once_repeat_a_doubt_and_give_up_on_what_is_wrong() {
    let home = Home::deploy(Wish::of(&[Cloud::Tencent])).await;
    home.seed(Cloud::Tencent, json!({ "switches": { "visibility_delay_s": 1 } })).await;
    let mut made = 0;
    for (tool_name, words, id) in [("airflow", "LambdaHook", "snap-flow000"), ("argo", "retryStrategy", "snap-argo000")]
    {
        let shown = sample(words);
        let command = copy(&format!("{id}1"));
        let (code, said) = attempt(&home, tool_name, &shown, &command).await;
        assert!(code == 0 && said.contains("accepted"), "{tool_name}: {code} {said}");
        let (code, said) = attempt(&home, tool_name, &shown, &command).await;
        assert!(code == 0 && said.contains("replayed"), "{tool_name}: asking twice is safe: {code} {said}");
        // What would end a quotation of a shell or of Python is a command's own affair.
        let wrong = json!({ "action": "replicate", "provider": "tencent", "it's \"quoted\" \\ $(so)": "\n" });
        let (code, said) = attempt(&home, tool_name, &shown, &wrong).await;
        assert!(code == 2 && said.contains("Offsite.InvalidCommand"), "{tool_name}: {code} {said}");
        let lost = json!({ "action": "CopySnapshotCrossRegions", "kind": "http_500_after", "times": 1 });
        home.fault(Cloud::Tencent, lost).await;
        let doubtful = copy(&format!("{id}2"));
        let mut codes = Vec::new();
        for _ in 0..6 {
            let (code, said) = attempt(&home, tool_name, &shown, &doubtful).await;
            assert_ne!(code, 2, "{tool_name}: {said}");
            codes.push(code);
            if code == 0 {
                break;
            }
        }
        assert_eq!(codes.last(), Some(&0), "{tool_name}: {codes:?}");
        made += 2;
        assert_eq!(home.made().len(), made, "{tool_name}: one copy each");
    }
}
