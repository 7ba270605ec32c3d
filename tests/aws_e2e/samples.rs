//! What docs/workflows.md shows runs as it stands there. The state machines of Step Functions are in `workflows`.

use std::process::Command;

use offsite_shared::model::command::Cloud;
use serde_json::Value;

use crate::home::{Home, Wish, copy};
use crate::ministack::{ministack, root};

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
    let run = |command: &Value| -> Value {
        std::fs::write(folder.path().join("command.json"), command.to_string()).unwrap();
        let ended = Command::new("sh")
            .args(["-euc", &script])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_SESSION_TOKEN", "")
            .envs(environment.variables())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        serde_json::from_slice(&ended.stdout)
            .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&ended.stdout)))
    };
    let answer = run(&copy("snap-http0001"));
    assert_eq!(answer["results"][0]["state"], "accepted", "{answer}");
    let again = run(&copy("snap-http0001"));
    assert_eq!(again["results"][0]["replayed"], true, "asking twice is safe: {again}");
    let failed = run(&serde_json::json!({ "action": "replicate", "provider": "tencent" }));
    assert_eq!(failed["errorType"], "Offsite.InvalidCommand", "{failed}");
    home.expect_receipts(1).await;
}
