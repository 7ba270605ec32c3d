//! Building the Lambda binaries; cargo itself decides what is stale.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The packages, and the binaries of the same names.
const NAMES: [&str; 4] = ["offsite-alibaba", "offsite-huawei", "offsite-tencent", "offsite-report"];

/// Variables cargo sets for the one package it runs.
/// Source: The Cargo Book, "Environment variables Cargo sets for crates", 2026.
const OF_ONE_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_BIN_NAME"];

/// How the binaries are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Debug,
    /// As they are deployed.
    Release,
    /// Like the running program.
    Current,
}

impl Profile {
    fn release(self) -> bool {
        match self {
            Profile::Debug => false,
            Profile::Release => true,
            Profile::Current => !cfg!(debug_assertions),
        }
    }
}

/// Where the binaries are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// `offsite-alibaba`.
    pub alibaba: PathBuf,
    /// `offsite-huawei`.
    pub huawei: PathBuf,
    /// `offsite-tencent`.
    pub tencent: PathBuf,
    /// `offsite-report`.
    pub report: PathBuf,
    /// Set when they were not built but found: why, in a sentence to show.
    pub note: Option<String>,
}

/// Why there are no binaries to run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No source tree, and no binaries beside this program.
    #[error(
        "the function binaries are not beside {beside}, and the source tree they are built from was not found; run this inside the repository"
    )]
    NoSource {
        /// Where they were looked for.
        beside: PathBuf,
    },
    /// Cargo could not be run, and there are no binaries beside this program.
    #[error(
        "{cargo} could not be run ({source}) and the function binaries are not beside {beside}; install Rust or set CARGO"
    )]
    NoCargo {
        /// What was run.
        cargo: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// Where they were looked for.
        beside: PathBuf,
    },
    /// The compiler refused.
    #[error(
        "the function binaries did not compile; `{command}` in {root} said:\n{output}\nCorrect this, or run the command by hand"
    )]
    Failed {
        /// What was run.
        command: String,
        /// Where.
        root: PathBuf,
        /// What cargo said.
        output: String,
    },
    /// Cargo succeeded but did not name a binary.
    #[error("cargo did not say where it put {name}; is the package still in the workspace at {root}?")]
    Unnamed {
        /// The binary.
        name: &'static str,
        /// The workspace.
        root: PathBuf,
    },
}

/// Builds the binaries as far as needed; blocks while cargo runs.
///
/// Without cargo or the source tree, binaries beside this program are used, and the note says so.
///
/// # Errors
/// [`BuildError`], which says what to do.
pub fn build(profile: Profile) -> Result<Binaries, BuildError> {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_default();
    let Some(root) = workspace_root() else {
        let note = "the source tree was not found, so the binaries beside this program are used";
        return beside_this_program(&beside, note).ok_or(BuildError::NoSource { beside });
    };
    let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    match run_cargo(&cargo, &root, profile) {
        Ok(output) if output.status.success() => located(&output.stdout, &root),
        Ok(output) => Err(BuildError::Failed {
            command: command_line(profile).join(" "),
            root,
            output: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        }),
        Err(source) => {
            let note = "cargo could not be run, so the binaries beside this program are used";
            beside_this_program(&beside, note).ok_or(BuildError::NoCargo { cargo, source, beside })
        }
    }
}

fn run_cargo(cargo: &Path, root: &Path, profile: Profile) -> io::Result<Output> {
    let mut command = Command::new(cargo);
    // What an outer `cargo run` or `cargo test` says of its own package would make build scripts
    // that look at it (ring's does) run again on every change between the two.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_ONE_PACKAGE.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    // CARGO_TARGET_DIR and cargo's configuration hold as they are; cargo names the files itself.
    command
        .args(command_line(profile).iter().skip(1))
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .output()
}

fn command_line(profile: Profile) -> Vec<&'static str> {
    let mut line = vec!["cargo", "build"];
    line.extend(NAMES.iter().flat_map(|name| ["-p", name]));
    line.extend(profile.release().then_some("--release"));
    line
}

fn located(messages: &[u8], root: &Path) -> Result<Binaries, BuildError> {
    let mut found = NAMES.map(|_| None);
    for message in serde_json::Deserializer::from_slice(messages).into_iter::<Value>().map_while(Result::ok) {
        let executable = message.get("executable").and_then(Value::as_str);
        let name = message.pointer("/target/name").and_then(Value::as_str);
        for (slot, known) in found.iter_mut().zip(NAMES) {
            if name == Some(known) && executable.is_some() {
                *slot = executable.map(PathBuf::from);
            }
        }
    }
    let [alibaba, huawei, tencent, report] = found;
    let named = |path: Option<PathBuf>, name| path.ok_or_else(|| BuildError::Unnamed { name, root: root.to_owned() });
    Ok(Binaries {
        alibaba: named(alibaba, NAMES[0])?,
        huawei: named(huawei, NAMES[1])?,
        tencent: named(tencent, NAMES[2])?,
        report: named(report, NAMES[3])?,
        note: None,
    })
}

fn beside_this_program(beside: &Path, note: &str) -> Option<Binaries> {
    let path = |name| beside.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let [alibaba, huawei, tencent, report] = NAMES.map(path);
    let all = [&alibaba, &huawei, &tencent, &report].into_iter().all(|path| path.is_file());
    all.then(|| Binaries { alibaba, huawei, tencent, report, note: Some(note.to_owned()) })
}

/// The tree this was compiled from, or else the one around the current directory or this program.
fn workspace_root() -> Option<PathBuf> {
    let compiled_from = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned);
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let around = starts.iter().flatten().flat_map(|start| start.ancestors().map(Path::to_owned));
    compiled_from
        .into_iter()
        .chain(around)
        .find(|root| root.join("Cargo.toml").is_file() && root.join("functions/alibaba/Cargo.toml").is_file())
}
