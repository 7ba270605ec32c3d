//! The Lambda binaries: those beside this program where they are as new as their sources, else built by cargo in a checkout.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
}

/// Why there are no binaries to run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No checkout to build in.
    #[error(
        "the functions are not in {beside}, or older than their sources, and {at} is in no checkout of Offsite to build them in; run this in one, or name one by --source"
    )]
    NoSource {
        /// Where they were looked for.
        beside: PathBuf,
        /// Where a checkout was looked for.
        at: PathBuf,
    },
    /// Cargo could not be run.
    #[error(
        "the functions are not in {beside}, or older than their sources, and {cargo} could not be run to build them ({source}); install Rust or set CARGO"
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

/// Builds the binaries as far as needed in the checkout around the current directory; blocks while cargo runs.
///
/// # Errors
/// [`BuildError`], which says what to do.
pub fn build(profile: Profile) -> Result<Binaries, BuildError> {
    build_in(&checkout(None)?, profile, false)
}

/// The same in this checkout. With `shown` cargo draws its own progress on standard error.
///
/// # Errors
/// [`BuildError`], which says what to do.
pub fn build_in(root: &Path, profile: Profile, shown: bool) -> Result<Binaries, BuildError> {
    let messages = messages_of(root, &command_line(profile), shown)?;
    let [alibaba, huawei, tencent, report] = NAMES.map(|name| located(&messages, root, name));
    Ok(Binaries { alibaba: alibaba?, huawei: huawei?, tencent: tencent?, report: report? })
}

/// Builds the door, which no command here runs, in the checkout around the current directory.
///
/// # Errors
/// [`BuildError`], which says what to do.
pub fn door(profile: Profile) -> Result<PathBuf, BuildError> {
    const NAME: &str = "offsite-door";
    let root = checkout(None)?;
    let mut line = vec!["cargo", "build", "-p", NAME];
    line.extend(profile.release().then_some("--release"));
    located(&messages_of(&root, &line, false)?, &root, NAME)
}

/// What cargo says while it builds.
fn messages_of(root: &Path, line: &[&str], shown: bool) -> Result<Vec<u8>, BuildError> {
    let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    match run_cargo(&cargo, root, line, shown) {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(BuildError::Failed {
            command: line.join(" "),
            root: root.to_owned(),
            output: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        }),
        Err(source) => Err(BuildError::NoCargo { cargo, source, beside: beside() }),
    }
}

/// The binaries beside this program, if they are as new as their sources. Installed ones have none to be older than.
pub fn current() -> Option<Binaries> {
    let beside = beside();
    let path = |name| beside.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let [alibaba, huawei, tencent, report] = NAMES.map(path);
    let all = [&alibaba, &huawei, &tencent, &report].into_iter().all(|path| is_current(path));
    all.then_some(Binaries { alibaba, huawei, tencent, report })
}

/// The checkout that is named, or else the one around the current directory.
///
/// # Errors
/// There is none.
pub fn checkout(named: Option<&Path>) -> Result<PathBuf, BuildError> {
    let at = match named {
        Some(named) => named.to_owned(),
        None => std::env::current_dir().unwrap_or_default(),
    };
    let is_one =
        |root: &&Path| root.join("Cargo.toml").is_file() && root.join("functions/alibaba/Cargo.toml").is_file();
    match at.ancestors().find(is_one) {
        Some(root) => Ok(root.to_owned()),
        None => Err(BuildError::NoSource { beside: beside(), at }),
    }
}

/// What is run to build them.
pub fn command_line(profile: Profile) -> Vec<&'static str> {
    let mut line = vec!["cargo", "build"];
    line.extend(NAMES.iter().flat_map(|name| ["-p", name]));
    line.extend(profile.release().then_some("--release"));
    line
}

fn beside() -> PathBuf {
    std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_default()
}

/// Whether no source is newer, as far as cargo has left a list of them, and the versions of its dependencies are not either.
fn is_current(binary: &Path) -> bool {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    let Some(made) = modified(binary) else { return false };
    let Ok(list) = std::fs::read_to_string(binary.with_extension("d")) else { return true };
    let lock = binary.ancestors().map(|folder| folder.join("Cargo.lock")).find(|path| path.is_file());
    sources(&list).chain(lock).all(|path| modified(&path).is_some_and(|at| at <= made))
}

/// The sources of a binary, as a makefile names them: spaces in names are escaped.
/// Source: The Cargo Book, "Dep-info files", 2026.
fn sources(list: &str) -> impl Iterator<Item = PathBuf> + '_ {
    let all = list.split_once(": ").map(|(_, all)| all).unwrap_or_default().trim_end();
    all.replace("\\ ", "\0")
        .split(' ')
        .map(|name| PathBuf::from(name.replace('\0', " ")))
        .collect::<Vec<_>>()
        .into_iter()
}

fn run_cargo(cargo: &Path, root: &Path, line: &[&str], shown: bool) -> io::Result<Output> {
    let mut command = Command::new(cargo);
    if shown {
        command.stderr(Stdio::inherit());
    }
    // What an outer `cargo run` or `cargo test` says of its own package would make build scripts
    // that look at it (ring's does) run again on every change between the two.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_ONE_PACKAGE.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    // CARGO_TARGET_DIR and cargo's configuration hold as they are; cargo names the files itself.
    command.args(line.iter().skip(1)).arg("--message-format=json-render-diagnostics").current_dir(root).output()
}

fn located(messages: &[u8], root: &Path, name: &'static str) -> Result<PathBuf, BuildError> {
    let messages = serde_json::Deserializer::from_slice(messages).into_iter::<Value>().map_while(Result::ok);
    let of_it = |message: Value| {
        let is_it = message.pointer("/target/name").and_then(Value::as_str) == Some(name);
        message.get("executable").and_then(Value::as_str).filter(|_| is_it).map(PathBuf::from)
    };
    messages.filter_map(of_it).last().ok_or_else(|| BuildError::Unnamed { name, root: root.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_current_until_a_source_is_newer() {
        let folder = std::env::temp_dir().join(format!("offsite-build-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [source, binary] = ["a source.rs", "offsite-x"].map(|name| folder.join(name));
        let age = |path: &Path, seconds: u64| {
            let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + seconds);
            std::fs::File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
        };
        for path in [&source, &binary] {
            std::fs::write(path, "").unwrap();
            age(path, 10);
        }
        assert!(is_current(&binary), "installed: no list of sources");
        let list = format!("{}: {}\n", binary.display(), source.display().to_string().replace(' ', "\\ "));
        std::fs::write(binary.with_extension("d"), list).unwrap();
        assert!(is_current(&binary));
        age(&source, 11);
        assert!(!is_current(&binary), "the source is newer");
        std::fs::remove_file(&source).unwrap();
        assert!(!is_current(&binary), "the source is gone");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
