//! House rules as tests: what a new provider must bring, how files look, what may depend on what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use offsite_shared::model::command::{Cloud, Operation};
use serde_json::Value;

/// Lines of a file before its tests.
const LIMIT: usize = 420;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the source tree with its path, without what is built or fetched.
fn files() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", ".git", ".venv", ".tools", "node_modules"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name != ".git" && !name.contains(".db") {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<(String, String)> {
    files().into_iter().filter(|path| path.ends_with(".rs")).map(|path| (path.clone(), text(&path))).collect()
}

/// The lines before the tests of a file.
fn before_tests(code: &str) -> Vec<&str> {
    code.lines().take_while(|line| line.trim() != "#[cfg(test)]").collect()
}

#[test]
fn each_provider_is_complete() {
    let manifest = text("Cargo.toml");
    for cloud in Cloud::ALL {
        let name = cloud.name();
        let main = text(&format!("functions/{name}/src/main.rs"));
        assert!(main.lines().count() <= 25, "functions/{name}/src/main.rs decides too much");
        assert!(main.starts_with("//! "), "functions/{name}");
        let of_function = text(&format!("functions/{name}/Cargo.toml"));
        assert!(of_function.contains(&format!("name = \"offsite-{name}\"")), "functions/{name}/Cargo.toml");
        assert!(manifest.contains(&format!("\"functions/{name}\"")), "{name} is no member of the workspace");
        for part in ["mod", "calls", "model", "codes", "errors", "readback", "observe", "inventory", "probe", "sts"] {
            let code = text(&format!("shared/src/providers/{name}/{part}.rs"));
            assert!(code.starts_with("//! "), "{name}/{part}.rs");
        }
        assert!(root().join("events").join(name).is_dir(), "no sample event of {name}");
        let contracts = std::fs::read_dir(root().join("tests/contracts").join(name)).unwrap().count();
        assert!(contracts >= 3, "{contracts} contracts of {name}");
        for document in ["docs/configuration.md", "README.md"] {
            let words = text(document).to_lowercase();
            assert!(words.contains(name), "{document} does not mention {name}");
        }
    }
    let tables = ["alibaba", "huawei", "tencent"].map(|name| text(&format!("shared/src/providers/{name}/codes.rs")));
    assert!(tables.iter().all(|table| table.contains("TABLE")));
    let contracts: Vec<String> = files().into_iter().filter(|path| path.starts_with("tests/contracts/")).collect();
    let all: String = contracts.iter().map(|path| text(path)).collect();
    let readme = text("README.md");
    for operation in Operation::ALL {
        assert!(
            all.contains(&format!("\"operation\": \"{}\"", operation.name())),
            "no contract of {}",
            operation.name()
        );
        assert!(readme.contains(operation.name()), "README.md does not mention {}", operation.name());
    }
    let providers: BTreeSet<String> = std::fs::read_dir(root().join("shared/src/providers"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let known: BTreeSet<String> = Cloud::ALL.iter().map(|cloud| cloud.name().to_owned()).collect();
    assert_eq!(providers, known, "a provider's folder and its registry line");
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, code) in rust_files() {
        let tests_of_a_module = path.starts_with("tests/") && path != "tests/it/main.rs";
        assert!(code.starts_with("//! "), "{path} begins without a //! line");
        let first = code.lines().next().unwrap();
        assert!(tests_of_a_module || first.len() > 20, "{path}: {first}");
    }
}

#[test]
fn files_stay_short_enough_to_read() {
    let mut long: Vec<String> = Vec::new();
    for (path, code) in rust_files() {
        let is_test = path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        let lines = before_tests(&code).len();
        if !is_test && lines > LIMIT && !EXCEPTIONS.contains(&path.as_str()) {
            long.push(format!("{path}: {lines} lines before its tests"));
        }
        if EXCEPTIONS.contains(&path.as_str()) {
            assert!(lines > LIMIT, "{path} is short now: take it off the exceptions");
        }
    }
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
    for path in EXCEPTIONS {
        assert!(root().join(path).exists(), "{path} is gone: take it off the exceptions");
    }
}

/// Longer than the limit; each to be split when it is next worked on.
const EXCEPTIONS: &[&str] = &[];

#[test]
fn nothing_is_left_for_later_without_a_word() {
    // Written so that this file does not find itself.
    let ignored = concat!("#[", "ignore");
    let debt = concat!("TO", "DO");
    let agreed = ["correctness", "robustness", "cleanup"].map(|kind| format!("{debt}-{kind}"));
    for path in files() {
        let Ok(code) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in code.lines().enumerate() {
            let at = format!("{path}:{}", number + 1);
            assert!(!line.contains(ignored), "{at}: a test that does not run");
            let is_code =
                path.ends_with(".rs") || path.ends_with(".toml") || path.ends_with(".py") || path.ends_with(".sh");
            for word in [debt, concat!("FIX", "ME"), concat!("XX", "X:")] {
                let told = agreed.iter().any(|tag| line.contains(tag.as_str()));
                assert!(!is_code || !line.contains(word) || told, "{at}: {}", line.trim());
            }
            for word in [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")] {
                assert!(!path.ends_with(".rs") || !line.contains(word), "{at}: {}", line.trim());
            }
        }
    }
}

/// Without `io` the core is pure: no runtime, no sockets, no AWS.
#[test]
fn the_core_without_io_depends_on_nothing_impure() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "offsite-shared",
            "--no-default-features",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("offsite-shared") && names.contains("sha2"), "{tree}");
    for impure in [
        "tokio",
        "reqwest",
        "rustls",
        "lambda_runtime",
        "aws-sigv4",
        "aws-credential-types",
        "getrandom",
        "rusqlite",
        "hyper",
        "webpki-roots",
    ] {
        assert!(!names.contains(impure), "the core depends on {impure} without io");
    }
}

/// The Lambda binaries carry no SQLite and nothing of the local side.
#[test]
fn the_binaries_carry_nothing_of_the_local_side() {
    for cloud in Cloud::ALL {
        let package = format!("offsite-{}", cloud.name());
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "-p",
                &package,
                "-e",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
            ])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for local in [
            "rusqlite",
            "libsqlite3-sys",
            "axum",
            "clap",
            "indicatif",
            "offsite",
            "anyhow",
            "openssl-sys",
            "native-tls",
            "aws-lc-rs",
            "aws-lc-sys",
        ] {
            assert!(!names.contains(local), "{package} carries {local}");
        }
    }
}

/// The invariant of the core: clock, environment, chance and sockets are in `io` only.
#[test]
fn nothing_outside_io_touches_the_world() {
    for (path, code) in rust_files() {
        if !path.starts_with("shared/src/") || path.starts_with("shared/src/io/") {
            continue;
        }
        for (number, line) in before_tests(&code).iter().enumerate() {
            let words = [
                "std::env::",
                "SystemTime",
                "Instant::",
                "Timestamp::now",
                "tokio::",
                "reqwest::",
                "std::fs",
                "std::net::Tcp",
                "println!",
                "eprintln!",
                "getrandom",
            ];
            for word in words {
                assert!(
                    line.trim_start().starts_with("//") || !line.contains(word),
                    "{path}:{}: {}",
                    number + 1,
                    line.trim()
                );
            }
        }
    }
}

/// Whoever reads this on another machine finds no trace of where it was written.
#[test]
fn no_file_names_a_machine() {
    // In pieces, so that this file does not find itself.
    let traces = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("C:", "\\\\"),
        concat!("/tmp", "/"),
    ];
    for path in files() {
        let Ok(code) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in code.lines().enumerate() {
            for trace in traces {
                // A path of the container image or an example user is no machine of ours.
                assert!(
                    !line.contains(trace),
                    "{path}:{} holds {trace}: {}",
                    number + 1,
                    line.trim().chars().take(160).collect::<String>()
                );
            }
        }
    }
}

/// One place for versions, lints and the Rust version.
#[test]
fn every_package_takes_the_workspaces_lints_and_version() {
    let manifests: Vec<String> = files().into_iter().filter(|path| path.ends_with("/Cargo.toml")).collect();
    assert!(manifests.len() >= 6, "{manifests:?}");
    for path in manifests {
        let manifest = text(&path);
        for line in [
            "[lints]\nworkspace = true",
            "version.workspace = true",
            "rust-version.workspace = true",
            "license.workspace = true",
            "edition.workspace = true",
        ] {
            assert!(manifest.contains(line), "{path}: {line}");
        }
        let own = manifest.lines().find(|line| line.contains("version = \""));
        assert_eq!(own, None, "{path} states a version of its own");
    }
    let release = text("Cargo.toml");
    for line in ["panic = \"unwind\"", "lto = \"fat\"", "strip = true"] {
        assert!(release.contains(line), "{line}");
    }
    assert!(!root().join("rust-toolchain").exists() && !root().join("rust-toolchain.toml").exists());
}

/// JSON that people and programs read is JSON, and ends with a line feed.
#[test]
fn every_json_file_can_be_read() {
    for path in files().into_iter().filter(|path| path.ends_with(".json")) {
        let content = text(&path);
        let parsed: Result<Value, _> = serde_json::from_str(&content);
        assert!(parsed.is_ok(), "{path}: {}", parsed.unwrap_err());
        assert!(path.starts_with("tests/vectors/") || content.ends_with('\n'), "{path} does not end its last line");
    }
}
