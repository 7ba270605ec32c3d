//! The real cargo-lambda with the real functions: its local runtime, and its `invoke` with every sample event.
//!
//! `cargo lambda watch` would compile first; told to serve the runtime API alone, it leaves the functions to this test.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use offsite_local::home::point_at;
use offsite_shared::model::command::Cloud;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::account::{Account, until};
use crate::home::binary;
use crate::ministack::{root, tool};

/// The tool, which needs to know where cargo is and nothing else of this environment.
fn cargo_lambda(folder: &Path) -> Command {
    let mut command = Command::new(tool("cargo-lambda"));
    command.arg("lambda").current_dir(folder).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// A function at the tool's runtime, until it is dropped.
struct Served {
    port: String,
    folder: tempfile::TempDir,
    _processes: [Child; 2],
}

async fn serve(cloud: Cloud, account: &Account, simulators: &Simulators) -> Served {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let port = address.port().to_string();
    let log =
        || Stdio::from(std::fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap());
    let watch = cargo_lambda(folder.path())
        .args(["watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port", &port])
        .stdout(log())
        .stderr(log())
        .spawn()
        .unwrap();
    until("the local runtime", 60, async || TcpStream::connect(address).await.ok()).await;
    let environment = point_at(simulators, &SimOptions::default(), account.environment())
        .with("QUEUE_URL", account.create_queue(&format!("receipts-{}", cloud.name())).await)
        .with("OFFSITE_DIRECT_COMMANDS", "allow")
        // As the tool tells whoever starts the function by hand.
        .with("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt"))
        .with("AWS_LAMBDA_FUNCTION_NAME", "_")
        .with("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .with("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "4096");
    let function = Command::new(binary(Some(cloud)))
        .env_clear()
        .envs(environment.variables())
        .stdin(Stdio::null())
        .stdout(log())
        .stderr(log())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    Served { port, folder, _processes: [watch, function] }
}

#[tokio::test]
async fn every_sample_event_is_answered_at_the_local_runtime_of_cargo_lambda() {
    let account = Account::new();
    let simulators = Simulators::start(SimOptions::default()).await.unwrap();
    for cloud in Cloud::ALL {
        let served = serve(cloud, &account, &simulators).await;
        let mut events: Vec<_> = std::fs::read_dir(root().join("events").join(cloud.name()))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        events.sort();
        let mut answered = 0;
        for event in &events {
            let ended = cargo_lambda(served.folder.path())
                .args(["invoke", "--invoke-address", "127.0.0.1", "--invoke-port", &served.port, "--data-file"])
                .arg(event)
                .output()
                .await
                .unwrap();
            let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
            let name = event.display();
            // The tool tells every function the same deadline of 600000, which is no moment.
            assert!(!said.contains("no time is left"), "{name}: {said}");
            match serde_json::from_slice::<Value>(&ended.stdout) {
                Ok(answer) if ended.status.success() => {
                    assert!(answer.is_object(), "{name}: {said}");
                    answered += 1;
                }
                // What nothing was accepted of is a failure with one of our names.
                _ => assert!(said.contains("Offsite."), "{name}: {said}"),
            }
        }
        let log = std::fs::read_to_string(served.folder.path().join("log")).unwrap();
        assert!(answered * 2 > events.len(), "{cloud:?}: {answered} of {} were answered:\n{log}", events.len());
        assert!(log.contains("the deadline is no moment"), "{cloud:?}:\n{log}");
        assert!(!log.contains("simulated-secret"), "a secret in the log:\n{log}");
    }
}
