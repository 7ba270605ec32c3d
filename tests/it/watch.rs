//! `offsite watch`: each thing on its own rhythm, and a clean stop.

use std::sync::Arc;
use std::time::Duration;

use offsite_local::cmd::watch::{Ended, WatchArgs, watch};
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::command_line;
use crate::sweeping::Estate;

const POLICY: &str = r#"{"version":1,"rules":[{"name":"watched","provider":"tencent","limits":{"allow_empty":true},
    "source":{"region":"ap-guangzhou","select":{"name_prefix":"watched-"}},"destinations":[{"region":"ap-singapore"}]}]}"#;

async fn finished(estate: &Estate, id: &str) {
    let snapshot = json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": format!("watched-{id}") });
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot] })).await;
}

fn copied(estate: &Estate, id: &str) -> bool {
    estate.simulators.state()["replications"].to_string().contains(id)
}

/// Waits, in real time, until something holds.
async fn until(what: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if what() {
            return;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came");
}

#[tokio::test]
async fn it_starts_what_is_new_and_says_what_is_left_when_it_is_told_to_stop() {
    let estate = Estate::plain().await;
    let policy = Arc::new(Policy::from_json(&serde_json::from_str(POLICY).unwrap()).unwrap());
    let mut context = estate.context(&policy);
    // A clock that jumps would pass over the deadline of whatever runs beside a sleep.
    context.ports.clock = Arc::new(SystemClock);
    let seconds = Duration::from_secs;
    let args = WatchArgs {
        look_every: seconds(1),
        sweep_every: seconds(86_400),
        observe_every: seconds(2),
        outbox_every: seconds(1),
        once: false,
    };
    let (tell, told) = tokio::sync::watch::channel(0);
    let mut out = Vec::new();
    let stop = async {
        // The first look and the first sweep are over, so that only a look can find what comes now.
        until(|| estate.simulators.state()["calls"]["tencent"]["DescribeSnapshots"].as_u64() > Some(3)).await;
        finished(&estate, "snap-watch0001").await;
        until(|| copied(&estate, "snap-watch0001")).await;
        tell.send(1).unwrap();
    };
    let (ended, ()) = tokio::join!(watch(&args, &context, told, &mut out), stop);
    assert_eq!(ended.unwrap(), Ended::Well);
    let said = String::from_utf8(out).unwrap();
    for part in [
        "watching: stop with",
        "look at tencent ap-guangzhou: 1 started",
        "stopping: ",
        "stopped: 0 claimed, 0 in doubt, 1 copies under way",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// The process as a service manager sees it.
#[tokio::test]
async fn the_command_ends_well_on_sigterm_and_once_does_all_that_is_due() {
    let estate = Estate::plain().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsite.json");
    std::fs::write(&path, POLICY).unwrap();
    let mut environment: Vec<(String, String)> = vec![
        ("OFFSITE_DB".into(), folder.path().join("offsite.db").to_string_lossy().into_owned()),
        ("OFFSITE_POLICY".into(), path.to_string_lossy().into_owned()),
        ("OFFSITE_TENCENT_ENDPOINT".into(), estate.simulators.tencent()),
    ];
    for name in ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "OFFSITE_TENCENT_STS_ENDPOINT"] {
        environment.push((name.into(), estate.environment.get(name).unwrap().to_owned()));
    }
    finished(&estate, "snap-watch0001").await;
    let once = command_line::run(&["watch", "--once"], &environment, None).await;
    assert_eq!(once.code, 0, "{}", once.stderr);
    assert!(once.stdout.is_empty() && once.stderr.contains("full sweep of watched: 1 started"), "{}", once.stderr);
    assert!(copied(&estate, "snap-watch0001"));

    let mut child =
        command_line::command(&["watch"], &environment).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(first.contains("watching: stop with Ctrl-C or SIGTERM"), "{first}");
    command_line::terminate(&child);
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("it ends").unwrap();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        said.push_str(&line);
    }
    assert_eq!(ended.code(), Some(0), "{said}");
    assert!(said.contains("stopped: 0 claimed, 0 in doubt"), "{said}");

    let elsewhere = [("OFFSITE_DB".to_owned(), folder.path().join("other.db").to_string_lossy().into_owned())];
    let without = command_line::run(&["watch"], &elsewhere, None).await;
    assert_eq!(without.code, 1);
    assert!(without.stderr.contains("there is no policy to watch by"), "{}", without.stderr);
    let wrong = command_line::run(&["watch", "--look-every", "1s"], &environment, None).await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("must be from 10s to 1d"), "{}", wrong.stderr);
}
