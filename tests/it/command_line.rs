//! The `offsite` command as a process: help, exit codes, files, pipes, signals.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use offsite_shared::model::command::Operation;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::events::sample;
use crate::functions::binaries;
use crate::schemas::assert_printed_fits;

/// The binary, built once.
pub fn offsite() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let output = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "offsite", "--bin", "offsite", "--message-format=json"])
            .current_dir(&root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let path = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let path = message["executable"].as_str()?.to_owned();
            (message["target"]["name"] == "offsite").then_some(path)
        });
        PathBuf::from(path.expect("cargo says where the binary is"))
    })
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A run to be started: no environment but this, no terminal.
pub fn command(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(offsite());
    command
        .args(arguments)
        .env_clear()
        .env("TZ", "UTC")
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for name in ["PATH", "HOME", "CARGO", "CARGO_HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs to the end. The demo may have to build first, so the limit is one for something that hangs.
pub async fn run(arguments: &[&str], environment: &[(String, String)], input: Option<&str>) -> Ended {
    let mut command = command(arguments, environment);
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input.as_bytes()).await.unwrap();
    }
    let output =
        tokio::time::timeout(Duration::from_secs(600), child.wait_with_output()).await.expect("it ends").unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_printed_fits(arguments, &stdout);
    assert_tells_no_secret(environment, &[&stdout, &stderr]);
    Ended { code: output.status.code().unwrap_or(-1), stdout, stderr }
}

/// Nothing that any run prints holds a secret that its environment holds.
pub fn assert_tells_no_secret(environment: &[(String, String)], printed: &[&str]) {
    const SECRET: [&str; 6] = ["_SECRET", "_SECRET_KEY", "_SECRET_ACCESS_KEY", "_SK", "_TOKEN", "_PASSWORD"];
    let is_secret = |name: &str| SECRET.iter().any(|end| name.ends_with(end));
    for (name, value) in environment.iter().filter(|(name, value)| is_secret(name) && value.len() >= 8) {
        assert!(printed.iter().all(|text| !text.contains(value)), "what {name} holds is printed");
    }
}

/// The first line that a running command prints.
pub async fn first_line(child: &mut Child) -> String {
    let mut reader = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    tokio::time::timeout(Duration::from_secs(30), reader.read_line(&mut line)).await.expect("a line comes").unwrap();
    line
}

/// Asks a process to end, as a service manager does.
pub fn terminate(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

/// An environment with a ledger of its own in this folder.
fn home(folder: &Path) -> Vec<(String, String)> {
    vec![("OFFSITE_DB".to_owned(), folder.join("offsite.db").to_string_lossy().into_owned())]
}

fn event(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(name).to_string_lossy().into_owned()
}

/// The subcommands that `--help` lists, in groups or not.
pub fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with("Usage:")).skip(1);
    let names = lines.take_while(|line| !line.starts_with("Options:")).filter_map(|line| {
        line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split_whitespace().next().map(str::to_owned)
    });
    let is_name = |name: &String| name.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-');
    names.filter(|name| name != "help" && !name.starts_with('-') && is_name(name)).collect()
}

#[tokio::test]
async fn help_teaches() {
    let ended = run(&["--help"], &[], None).await;
    assert_eq!(ended.code, 0);
    for part in [
        "Examples:",
        "Exit codes:",
        "offsite demo",
        "offsite sweep --dry-run",
        "To begin:",
        "OFFSITE_DB",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "HUAWEICLOUD_SDK_AK",
        "TENCENTCLOUD_SECRET_ID",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\u{1b}'), "no colours in a pipe");
    let commands = subcommands(&ended.stdout);
    for wanted in ["demo", "handle", "queue", "ledger", "simulate", "sign", "completions"] {
        assert!(commands.iter().any(|name| name == wanted), "{wanted} is not in {commands:?}");
    }
    for name in commands {
        let ended = run(&[&name, "--help"], &[], None).await;
        assert_eq!(ended.code, 0, "{name}");
        // Every subcommand explains itself and each of its options: no bare line.
        let help = ended.stdout;
        assert!(help.contains("Example"), "{name} shows no example: {help}");
        assert!(help.lines().next().is_some_and(|line| line.len() > 15), "{name}: {help}");
        let options = help.split("Options:").nth(1).unwrap_or_default();
        let blocks: Vec<&str> = options.lines().filter(|line| line.trim_start().starts_with('-')).collect();
        assert!(!blocks.is_empty(), "{name}");
        for inner in subcommands(&help) {
            let ended = run(&[&name, &inner, "--help"], &[], None).await;
            assert_eq!(ended.code, 0, "{name} {inner}");
            assert!(ended.stdout.lines().next().is_some_and(|line| line.len() > 15), "{name} {inner}");
        }
    }
    let ended = run(&[], &[], None).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("Usage: offsite"), "{}", ended.stderr);
    let ended = run(&["--version"], &[], None).await;
    assert_eq!((ended.code, ended.stdout.trim()), (0, concat!("offsite ", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn completions_exist_for_the_usual_shells() {
    for (shell, part) in [("bash", "_offsite"), ("zsh", "#compdef offsite"), ("fish", "complete -c offsite")] {
        let ended = run(&["completions", shell], &[], None).await;
        assert_eq!(ended.code, 0, "{shell}");
        assert!(ended.stdout.contains(part) && ended.stdout.len() > 1_000, "{shell}: {}", ended.stdout);
        assert!(ended.stdout.contains("simulate"), "{shell}");
    }
    assert_eq!(run(&["completions", "tcsh"], &[], None).await.code, 2);
}

#[tokio::test]
async fn exit_codes_tell_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let simulate = |path: &str| vec!["handle".to_owned(), "--simulate".into(), "--event".into(), path.to_owned()];
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "{\"action\":").unwrap();
    let cases: [(Vec<String>, i32, &str); 11] = [
        (simulate(&event("tencent/command.json")), 0, ""),
        (simulate(&event("tencent/sqs-batch-one-bad.json")), 3, ""),
        (simulate(&event("tencent/scheduler-bare.json")), 1, ""),
        (simulate(&folder.path().join("none.json").to_string_lossy()), 1, "none.json could not be read"),
        (simulate(&bad.to_string_lossy()), 1, "is not JSON"),
        (vec!["handle".into()], 2, "--event"),
        (vec!["handle".into(), "--event".into(), "x".into(), "--timeout".into(), "1".into()], 2, "--timeout"),
        (vec!["simulate".into(), "--port".into(), "65535".into()], 2, "--port"),
        (vec!["simulate".into(), "--access-key-secret".into(), "s".into()], 2, "--access-key-id"),
        (vec!["ledger".into(), "show".into(), "--state".into(), "lost-in-space".into()], 2, "in_doubt"),
        (vec!["ledger".into(), "show".into(), "0123456789ab".into()], 1, "there is no record 0123456789ab"),
    ];
    for (arguments, code, part) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = run(&arguments, &home, None).await;
        assert_eq!(ended.code, code, "{arguments:?}: {} {}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked") && !ended.stderr.contains("::"), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains('\u{1b}'), "no colours in a pipe");
        if code == 1 && !part.is_empty() {
            assert_eq!(ended.stderr.trim_end().lines().count(), 1, "one line: {}", ended.stderr);
            assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
        }
    }
    // An event that fails as a whole answers as a function would.
    let ended = run(&["handle", "--simulate", "--event", &event("tencent/scheduler-bare.json")], &home, None).await;
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["errorType"], "Offsite.InvalidCommand");
    assert!(
        answer["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("event 53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa: detail: is empty"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_event_is_handled_and_its_receipts_are_listed_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let lines = |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let ended = run(&["queue", "list"], &home, None).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("there is no queue at") && ended.stderr.contains("OFFSITE_DB"), "{}", ended.stderr);
    assert!(!folder.path().join("offsite.db").exists(), "looking makes no file");

    let mut told = Vec::new();
    for name in [
        "alibaba/command.json",
        "huawei/copy-backup-eventbridge.json",
        "huawei/copy-checkpoint-eventbridge.json",
        "huawei/copy-checkpoint-item-sns.json",
        "tencent/array.json",
    ] {
        let ended = run(&["handle", "--simulate", "--event", &event(name)], &home, None).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{name}");
        assert_eq!(ended.stdout.trim_end().lines().count(), 1, "one line in a pipe");
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        told.extend(answer["results"].as_array().unwrap().iter().map(|result| result["replication_id"].clone()));
    }
    let input = sample("tencent/command.json").to_string();
    let ended = run(&["handle", "--simulate", "--event", "-"], &home, Some(&input)).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    told.extend(answer["results"].as_array().unwrap().iter().map(|result| result["replication_id"].clone()));
    assert_eq!(told.len(), 10);

    let ids = |messages: &[Value]| {
        messages.iter().map(|message| message["data"]["replication_id"].clone()).collect::<Vec<_>>()
    };
    let listed = lines(&run(&["queue", "list"], &home, None).await.stdout);
    // Copies of one event are started at once; their receipts come in any order.
    let sorted = |mut ids: Vec<Value>| {
        ids.sort_by_key(ToString::to_string);
        ids
    };
    assert_eq!(sorted(ids(&listed)), sorted(told.clone()));
    assert_eq!(ids(&listed)[..2], told[..2], "oldest first");
    assert_eq!(
        ids(&listed).iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>().len(),
        10,
        "no ID twice"
    );
    assert_eq!(lines(&run(&["queue", "list", "--limit", "3"], &home, None).await.stdout), listed[..3]);
    let taken = lines(&run(&["queue", "take", "--max", "4"], &home, None).await.stdout);
    assert_eq!(taken, listed[..4]);
    assert_eq!(lines(&run(&["queue", "list"], &home, None).await.stdout), listed[4..]);
    assert_eq!(lines(&run(&["queue", "take", "--max", "100"], &home, None).await.stdout), listed[4..]);
    let ended = run(&["queue", "take"], &home, None).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""));

    // The same event again: the same ID, nothing new on the queue. A dry run changes nothing either.
    let again = run(&["handle", "--simulate", "--event", &event("huawei/copy-backup.json")], &home, None).await;
    let answer: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&answer["results"][0]["replayed"], &answer["results"][0]["replication_id"]), (&json!(true), &told[1]));
    let dry = run(&["handle", "--simulate", "--dry-run", "--event", &event("tencent/crash.json")], &home, None).await;
    let answer: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert_eq!((&answer["results"][0]["state"], &answer["results"][0]["would"]), (&json!("dry_run"), &json!("start")));
    // Nor where an event only names a backup, and the policy says what follows.
    let policy = folder.path().join("policy.yaml");
    let rule = "{name: all, provider: tencent, source: {region: ap-guangzhou}, destinations: [{region: ap-beijing}]}";
    std::fs::write(&policy, format!("version: 1\nrules: [{rule}]\n")).unwrap();
    let hint = event("tencent/hint-cloudaudit.json");
    let mut ruled = home.clone();
    ruled.push(("OFFSITE_POLICY".to_owned(), policy.to_string_lossy().into_owned()));
    let dry = run(&["handle", "--simulate", "--dry-run", "--event", &hint], &ruled, None).await;
    let answer: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert_eq!((&answer["results"][0]["state"], &answer["results"][0]["would"]), (&json!("dry_run"), &json!("start")));
    assert_eq!(run(&["queue", "list"], &home, None).await.stdout, "");
    let records = lines(&run(&["ledger", "show", "--all"], &home, None).await.stdout);
    assert_eq!(records.len(), 11, "one per replication, and the vault's own");
    let key = records[0]["key"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&run(&["ledger", "show", &key[..12]], &home, None).await.stdout).unwrap();
    assert_eq!(shown, records[0]);
}

/// A simulated copy in the ledger would pass for a real one.
#[tokio::test]
async fn simulated_and_live_replications_never_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let command = event("tencent/crash.json");
    assert_eq!(run(&["handle", "--simulate", "--event", &command], &home, None).await.code, 0);
    let ended = run(&["handle", "--event", &command], &home, None).await;
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("holds simulated replications and this run is live")
            && ended.stderr.contains("OFFSITE_DB"),
        "{}",
        ended.stderr
    );
    // The other way round: without a credential the live run starts nothing, but the file is marked.
    let other = vec![("OFFSITE_DB".to_owned(), folder.path().join("live.db").to_string_lossy().into_owned())];
    let ended = run(&["handle", "--event", &command], &other, None).await;
    assert_eq!(ended.code, 1);
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["errorType"], "Offsite.Configuration");
    assert!(
        answer["errorMessage"]
            .as_str()
            .unwrap()
            .contains("TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are missing"),
        "{answer}"
    );
    let ended = run(&["handle", "--simulate", "--event", &command], &other, None).await;
    assert!(
        ended.code == 1 && ended.stderr.contains("holds live replications and this run is simulated"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let many: Vec<Value> = (0..400)
        .map(|index| {
            let mut command = sample("tencent/crash.json");
            command["source"]["snapshot_id"] = json!(format!("snap-pipe{index:04}"));
            command
        })
        .collect();
    let mut environment = home.clone();
    environment.push(("OFFSITE_TENCENT_RPS".into(), "0".into()));
    environment.push(("OFFSITE_CONCURRENCY".into(), "100".into()));
    let ended = run(&["handle", "--simulate", "--event", "-"], &environment, Some(&json!(many).to_string())).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut child = command(&["queue", "list"], &home).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let line = first_line(&mut child).await;
    assert!(line.starts_with('{'));
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
    let status = child.wait().await.unwrap();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""), "offsite queue list | head -1");
}

#[tokio::test]
async fn the_simulators_serve_until_they_are_asked_to_end() {
    // Three free ports in a row: found by asking the system, tried again if somebody was quicker.
    let mut served = None;
    for _ in 0..20 {
        let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().min(65_000);
        let mut child = command(&["simulate", "--port", &first.to_string(), "--any-source"], &[])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let line = first_line(&mut child).await;
        if !line.is_empty() {
            served = Some((first, child, line));
            break;
        }
    }
    let (first, mut child, line) = served.expect("three free ports");
    let endpoints: Value = serde_json::from_str(&line).unwrap();
    let ports = ["alibaba", "huawei", "tencent"].map(|name| endpoints[name].as_str().unwrap().to_owned());
    assert_eq!(ports, [0, 1, 2].map(|offset| format!("http://127.0.0.1:{}", first + offset)));
    let http = reqwest_client();
    for base in &ports {
        let state: Value =
            serde_json::from_str(&http.get(format!("{base}/_sim/state")).send().await.unwrap().text().await.unwrap())
                .unwrap();
        assert_eq!(state["replications"], json!([]));
    }
    // The product against them, as a live run against an endpoint on this machine.
    let folder = tempfile::tempdir().unwrap();
    let mut environment = home(folder.path());
    for (name, value) in [
        ("OFFSITE_TENCENT_ENDPOINT", ports[2].as_str()),
        ("TENCENTCLOUD_SECRET_ID", "SIMULATEDACCESSKEY01"),
        ("TENCENTCLOUD_SECRET_KEY", "simulated-secret-not-a-real-one-0001"),
    ] {
        environment.push((name.into(), value.into()));
    }
    let ended = run(&["handle", "--event", &event("tencent/command.json")], &environment, None).await;
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    let state: Value =
        serde_json::from_str(&http.get(format!("{}/_sim/state", ports[2])).send().await.unwrap().text().await.unwrap())
            .unwrap();
    assert_eq!(state["replications"].as_array().unwrap().len(), 2);

    let second = run(&["simulate", "--port", &first.to_string()], &[], None).await;
    assert_eq!((second.code, second.stdout.as_str()), (1, ""));
    assert!(
        second.stderr.contains(&format!("127.0.0.1:{first}")) && second.stderr.contains("in use"),
        "{}",
        second.stderr
    );
    assert_eq!(second.stderr.trim_end().lines().count(), 1);

    terminate(&child);
    let status =
        tokio::time::timeout(Duration::from_secs(10), child.wait()).await.expect("it ends when asked").unwrap();
    assert_eq!(status.code(), Some(0));
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "", "one line only");
    assert!(http.get(format!("{}/_sim/state", ports[0])).send().await.is_err(), "the port is closed");
}

fn reqwest_client() -> reqwest::Client {
    crate::emulators::http_client()
}

#[tokio::test]
async fn a_signature_is_explained_from_standard_input() {
    let input = json!({
        "method": "POST", "host": "cbs.tencentcloudapi.com", "path": "/", "query": "",
        "headers": { "content-type": "application/json", "x-tc-action": "DescribeSnapshots" },
        "body": "{}", "access_key_id": "AKIDEXAMPLE", "access_key_secret": "secret", "timestamp": 1_795_249_800, "service": "cbs",
    });
    let ended = run(&["sign", "--scheme", "tc3", "--input", "-"], &[], Some(&input.to_string())).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let explained: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(explained["string_to_sign"].as_str().unwrap().lines().next(), Some("TC3-HMAC-SHA256"));
    assert_eq!(explained["signature"].as_str().unwrap().len(), 64);
    assert!(explained["headers"]["Authorization"].as_str().unwrap().contains(explained["signature"].as_str().unwrap()));
    let ended = run(&["sign", "--scheme", "tc3", "--input", "-"], &[], Some("{")).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert_eq!(run(&["sign", "--scheme", "tc4", "--input", "-"], &[], Some("{}")).await.code, 2);
}

/// One JSON object a line and nothing else: every copy's ID, once.
#[tokio::test]
async fn the_demo_prints_its_queue_as_json_lines() {
    binaries();
    let folder = tempfile::tempdir().unwrap();
    let environment = vec![("TMPDIR".to_owned(), folder.path().to_string_lossy().into_owned())];
    let ended = run(&["demo", "--json"], &environment, None).await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
    let messages: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(messages.iter().all(|message| message["specversion"] == "1.0"));
    // Sixteen copies: each accepted once, and each seen in its destination once.
    for kind in ["offsite.replication.accepted", "offsite.replication.replicated"] {
        let of_kind = messages.iter().filter(|message| message["type"] == kind);
        let mut ids: Vec<&str> = of_kind.map(|message| message["data"]["replication_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 16, "{kind}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 16, "{kind}: each once");
    }
    // And of the two that stood in the way: a refusal, and a decision.
    let rest: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["type"].as_str())
        .filter(|kind| !kind.ends_with(".accepted") && !kind.ends_with(".replicated"))
        .collect();
    assert_eq!(rest, ["offsite.replication.refused"]);
    assert!(messages.iter().any(|message| message["type"] == "offsite.risk.accepted"));
    assert_eq!(messages.len(), 34);
    for operation in Operation::ALL {
        assert!(
            messages.iter().any(|message| {
                // The copies of a vault-wide call are told one by one, each with the call that started it.
                let by_vault = operation == Operation::CopyCheckpoint && message["data"]["started_by"].is_string();
                message["data"]["operation"] == operation.name() || by_vault
            }),
            "{}",
            operation.name()
        );
    }
    assert!(!ended.stderr.contains('\u{1b}'), "quiet in a pipe: {}", ended.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}
