//! The first minutes: a policy that is written for somebody, and clouds to try it on.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::command_line::{command, run, terminate};

#[tokio::test]
async fn a_policy_is_written_that_is_right_and_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    for cloud in ["tencent", "huawei", "alibaba"] {
        let file = folder.path().join(format!("{cloud}.yaml")).to_string_lossy().into_owned();
        let ended = run(&["init", cloud, "--policy", &file], &[], None).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        for next in ["offsite doctor", "offsite policy check --live", "offsite witness"] {
            assert!(ended.stdout.contains(next), "{next}: {}", ended.stdout);
        }
        assert!(ended.stdout.contains("Set the key of the cloud"), "{}", ended.stdout);
        let checked = run(&["policy", "check", &file], &[], None).await;
        assert_eq!(checked.code, 0, "{cloud}: {}{}", checked.stdout, checked.stderr);
        let written = std::fs::read_to_string(&file).unwrap();
        let again = run(&["init", cloud, "--policy", &file], &[], None).await;
        assert_eq!(
            (again.code, again.stderr.contains("is there already and stays as it is")),
            (1, true),
            "{}",
            again.stderr
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    }
    let file = folder.path().join("another.yaml").to_string_lossy().into_owned();
    let ended = run(&["init", "--policy", &file], &[], None).await;
    assert!(ended.code == 1 && ended.stderr.contains("say which cloud: offsite init tencent"), "{}", ended.stderr);
    let key = [("TENCENTCLOUD_SECRET_ID".to_owned(), "AKIDexample".to_owned())];
    let ended = run(&["init", "--policy", &file], &key, None).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(std::fs::read_to_string(&file).unwrap().contains("provider: tencent"));
    assert!(Path::new(&file).exists() && !ended.stdout.contains("Set the key"), "{}", ended.stdout);
}

/// The variables that `simulate --env` prints are all that a sweep of the written policy needs.
#[tokio::test]
async fn a_first_sweep_on_simulated_clouds_needs_nothing_but_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offsite.yaml").to_string_lossy().into_owned();
    assert_eq!(run(&["init", "tencent", "--policy", &file], &[], None).await.code, 0);
    let mut clouds = command(&["simulate", "--env", "--seed", "7", "--backups", "20"], &[]);
    let mut clouds = clouds.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(clouds.stdout.take().unwrap()).lines();
    let mut environment = vec![
        ("OFFSITE_DB".to_owned(), folder.path().join("offsite.db").to_string_lossy().into_owned()),
        ("OFFSITE_POLICY".to_owned(), file),
    ];
    while let Some(line) = lines.next_line().await.unwrap() {
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        environment.push((name.to_owned(), value.trim_matches('\'').to_owned()));
        if name == "TENCENTCLOUD_SECRET_KEY" {
            break;
        }
    }
    let checked = run(&["policy", "check", "--live"], &environment, None).await;
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    let swept = run(&["sweep"], &environment, None).await;
    assert!(swept.stdout.contains("\"started\""), "{}{}", swept.stdout, swept.stderr);
    // What cannot be copied is told with its code once and its sentence once, and what is not finished is said to be so.
    const CODE: &str = "UnsupportedOperation.SnapshotNotSupportCopy";
    let reported = run(&["report", "--format", "json"], &environment, None).await;
    let report: Value = serde_json::from_str(&reported.stdout).unwrap();
    let lines = report["rules"][0]["exceptions"].as_array().unwrap().iter();
    let told: Vec<&Value> = lines.filter(|line| line["verdict"] == "ineligible").collect();
    assert_eq!(told.len(), 2, "{}", reported.stdout);
    for line in told {
        let reason = line["reason"].as_str().unwrap();
        assert_eq!(line["cause"], CODE);
        assert!(
            reason.contains("across regions; this snapshot cannot be copied") && !reason.contains(CODE),
            "{reason}"
        );
    }
    let table = run(&["report", "--format", "table"], &environment, None).await.stdout;
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!words.contains("cannot be done") && !words.contains("across regions.;"), "{table}");
    assert!(!words.contains(&format!("{CODE}: {CODE}")) && words.contains(&format!("{CODE}: An encrypted")), "{table}");
    assert!(words.contains("its backup is not finished yet"), "{table}");
    let queued = run(&["queue", "list", "--format", "table"], &environment, None).await.stdout;
    assert_eq!(queued.matches("UnsupportedOperation").count(), 2, "{queued}");
    terminate(&clouds);
    clouds.wait().await.unwrap();
}
