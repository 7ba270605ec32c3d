//! House rules as tests: what a new provider must bring, how files look, what may depend on what.

use std::collections::{BTreeMap, BTreeSet};
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
                if !["target", ".git", ".venv", ".tools", ".aws-sam", "node_modules"].contains(&name.as_str()) {
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
    let invoking = text("docs/invoking.md");
    for operation in Operation::ALL {
        assert!(
            all.contains(&format!("\"operation\": \"{}\"", operation.name())),
            "no contract of {}",
            operation.name()
        );
        assert!(invoking.contains(operation.name()), "docs/invoking.md does not mention {}", operation.name());
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
    for name in Cloud::ALL.map(Cloud::name).into_iter().chain(["report", "door"]) {
        let package = format!("offsite-{name}");
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

/// What strangers can reach knows no cloud's calls, no ledger, no policy and no handler; what is not named is not linked.
#[test]
fn the_door_knows_nothing_of_what_stands_behind_it() {
    let allowed = [
        "context::Invocation",
        "io::aws::",
        "io::clock::",
        "io::http::",
        "io::lambda",
        "io::roots::",
        "io::sqs::",
        "model::",
        "ports::",
        "settings::environment::",
        "settings::known",
        "triggers::door::",
    ];
    let of_door: Vec<_> =
        rust_files().into_iter().filter(|(path, _)| path.starts_with("functions/door/src/")).collect();
    assert!(of_door.len() > 8);
    for (path, code) in of_door {
        for used in code.split("offsite_shared::").skip(1) {
            assert!(allowed.iter().any(|part| used.starts_with(part)), "{path} uses {}", used.lines().next().unwrap());
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

/// A crate with its folders (and single files at its root) from top to bottom. Each uses only what stands on a line below its own.
struct House {
    folder: &'static str,
    order: &'static [&'static [&'static str]],
    /// How many imports between folders there are at least; fewer would mean that they are not read any more.
    crossings: usize,
}

const HOUSES: [House; 6] = [
    House {
        folder: "shared/src/",
        order: &[
            &["io"],
            &["handler"],
            &["report", "tail"],
            &["admit", "sweep"],
            &["observe"],
            &["replicate"],
            &["exchange"],
            &["context"],
            &["ports"],
            &["policy", "settings"],
            &["providers"],
            &["ledger", "triggers"],
            &["model"],
            &["sign"],
        ],
        crossings: 200,
    },
    House {
        folder: "infra/local/src/",
        order: &[&["cmd"], &["fleet"], &["aws"], &["home"], &["terminal"]],
        crossings: 30,
    },
    House {
        folder: "infra/page/src/",
        order: &[
            &["html", "witness", "markdown", "prometheus"],
            &["past", "status"],
            &["table", "csv", "rule"],
            &["page_resources", "table_resources"],
            &["rows", "chart", "calendar", "text", "volume"],
            &["filter", "summary"],
            &["resources", "terms"],
            &["reader"],
            &["words"],
        ],
        crossings: 15,
    },
    House {
        folder: "functions/door/src/",
        order: &[
            &["run"],
            &["setup"],
            &["certificates"],
            &["certificate", "smn", "webhook", "tally"],
            &["senders", "request"],
            &["refused"],
        ],
        crossings: 12,
    },
    House { folder: "functions/report/src/", order: &[&["run"], &["setup"]], crossings: 1 },
    House {
        folder: "infra/simulators/src/",
        order: &[
            &["server", "in_process"],
            &["answering"],
            &["admin"],
            &["port"],
            &["faults"],
            &["alibaba", "huawei", "tencent"],
            &["truth", "fates"],
            &["cloud"],
            &["credentials", "identity_tokens"],
            &["options", "clock"],
            &["text"],
        ],
        crossings: 40,
    },
];

/// A path of modules, from the root of the core.
type Module = Vec<String>;

/// A module: its file, and its code without comments and tests.
struct Unit {
    file: String,
    code: String,
}

fn units(house: &House) -> BTreeMap<Module, Unit> {
    let mut units = BTreeMap::new();
    for (file, text) in rust_files() {
        let Some(inner) = file.strip_prefix(house.folder).and_then(|path| path.strip_suffix(".rs")) else { continue };
        let mut module: Module = inner.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "tests") || inner == "lib" || inner == "main" {
            continue;
        }
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let lines: Vec<&str> =
            before_tests(&text).into_iter().filter(|line| !line.trim_start().starts_with("//")).collect();
        units.insert(module, Unit { file, code: lines.join("\n") });
    }
    units
}

/// The statement `use` that begins here, without its semicolon, and whether it is a re-export.
fn uses(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in code.lines() {
        let line = line.trim();
        if open.is_none() {
            let public = line.starts_with("pub");
            let rest = line.split_once("use ").filter(|(before, _)| before.is_empty() || before.starts_with("pub"));
            open = rest.map(|_| (public, String::new()));
        }
        if let Some((public, mut text)) = open.take() {
            text.push_str(line);
            match text.strip_suffix(';') {
                Some(whole) => {
                    let tree = whole.split_once("use ").map(|(_, tree)| tree.to_owned()).unwrap_or_default();
                    found.push((public, tree));
                }
                None => open = Some((public, text)),
            }
        }
    }
    found
}

/// The paths of a tree such as `a::{b, c::{self, D as E}}`.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((before, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|part| part.trim().to_owned()).filter(|part| part != "self").collect()];
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let head: Vec<String> =
        before.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let under = parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(leaves);
    under.map(|rest| head.iter().cloned().chain(rest).collect()).collect()
}

/// The paths that begin with `crate::` or `super::` outside of `use`.
fn inline_paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for line in code.lines().filter(|line| !line.contains("use ")) {
        for start in ["crate::", "super::"] {
            for (at, _) in line.match_indices(start) {
                let part_of_another =
                    line[..at].ends_with(|before: char| before.is_alphanumeric() || ":_".contains(before));
                let end =
                    line[at..].find(|c: char| !c.is_alphanumeric() && !":_".contains(c)).unwrap_or(line.len() - at);
                if !part_of_another {
                    let path = line[at..at + end].split("::").filter(|part| !part.is_empty());
                    found.push(path.map(str::to_owned).collect());
                }
            }
        }
    }
    found
}

/// The module that a path from the root leads to: where a module only passes a name on, the one that has it.
fn resolved(units: &BTreeMap<Module, Unit>, path: &[String]) -> Option<Module> {
    let (module, unit) = (1..=path.len())
        .rev()
        .find_map(|length| units.get_key_value(&path[..length]))
        .map(|(module, unit)| (module.clone(), unit))?;
    let Some(name) = path.get(module.len()) else { return Some(module) };
    let mut passed_on = uses(&unit.code).into_iter().filter(|(public, _)| *public).flat_map(|(_, tree)| leaves(&tree));
    match passed_on.find(|leaf| leaf.last() == Some(name)) {
        Some(leaf) => resolved(units, &absolute(units, &module, leaf)?),
        None => Some(module),
    }
}

/// A path as seen from a module, from the root; `None` for another crate.
fn absolute(units: &BTreeMap<Module, Unit>, module: &[String], path: Vec<String>) -> Option<Module> {
    let first = path.first()?;
    if first == "crate" {
        return Some(path[1..].to_vec());
    }
    let up = path.iter().take_while(|part| *part == "super").count();
    let own = &module[..module.len().checked_sub(up)?];
    let there: Module = own.iter().chain(&path[up..]).cloned().collect();
    let is_child = units.contains_key(&[module, std::slice::from_ref(first)].concat());
    (up > 0 || is_child).then_some(there)
}

/// Which module imports which, and the path that says so.
fn imports(house: &House) -> (BTreeMap<Module, Unit>, BTreeMap<Module, BTreeMap<Module, String>>) {
    let units = units(house);
    let mut imports: BTreeMap<Module, BTreeMap<Module, String>> = BTreeMap::new();
    for (module, unit) in &units {
        // What a module passes on it does not use.
        let trees = uses(&unit.code).into_iter().filter(|(public, _)| !public);
        let paths = trees.flat_map(|(_, tree)| leaves(&tree)).chain(inline_paths(&unit.code));
        for path in paths {
            let Some(path) = absolute(&units, module, path) else { continue };
            if let Some(found) = resolved(&units, &path).filter(|found| found != module) {
                imports.entry(module.clone()).or_default().insert(found, format!("crate::{}", path.join("::")));
            }
        }
    }
    (units, imports)
}

/// So that one reads each crate from the front door down, and no folder knows who calls it.
#[test]
fn a_folder_uses_only_what_stands_below_it() {
    let mut wrong = Vec::new();
    for house in &HOUSES {
        let (units, imports) = imports(house);
        let line_of = |folder: &str| house.order.iter().position(|line| line.contains(&folder));
        for module in units.keys() {
            assert!(line_of(&module[0]).is_some(), "{}{} stands in no line of the order", house.folder, module[0]);
        }
        let mut crossings = 0;
        for (module, used) in &imports {
            for (found, path) in used.iter().filter(|(found, _)| found[0] != module[0]) {
                crossings += 1;
                if line_of(&found[0]) <= line_of(&module[0]) {
                    wrong.push(format!("{} uses {} by {path}", units[module].file, units[found].file));
                }
            }
        }
        assert!(crossings >= house.crossings, "{}: only {crossings} imports between folders were found", house.folder);
    }
    assert!(wrong.is_empty(), "upwards:\n{}", wrong.join("\n"));
}

/// Files that import each other can only be read all at once.
#[test]
fn no_two_files_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for house in &HOUSES {
        let (units, imports) = imports(house);
        let reach = |from: &Module| {
            let mut seen = BTreeSet::new();
            let mut next = vec![from.clone()];
            while let Some(module) = next.pop() {
                for found in imports.get(&module).into_iter().flat_map(BTreeMap::keys) {
                    if seen.insert(found.clone()) {
                        next.push(found.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            imports.keys().map(|module| (module, reach(module))).collect();
        for (module, used) in &imports {
            for (found, path) in used {
                if reached.get(found).is_some_and(|back| back.contains(module)) {
                    circles.push(format!("{} uses {} by {path}", units[module].file, units[found].file));
                }
            }
        }
    }
    assert!(circles.is_empty(), "in circles:\n{}", circles.join("\n"));
}

/// A variable that is not in the list would be called misspelt.
#[test]
fn every_variable_that_is_read_is_in_the_list_of_known_ones() {
    let known = offsite_shared::settings::known::all();
    let mut read = BTreeSet::new();
    let ours = ["shared/src", "infra/local/src", "functions"];
    for (path, text) in rust_files() {
        if ours.iter().any(|folder| path.starts_with(folder)) {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for part in code.split("\"OFFSITE_").skip(1) {
                let name =
                    part.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).next().unwrap();
                if part[name.len()..].starts_with('"') && !name.is_empty() {
                    read.insert(format!("OFFSITE_{name}"));
                }
            }
        }
    }
    let missing: Vec<&String> = read.iter().filter(|name| !known.contains(name)).collect();
    assert!(missing.is_empty() && read.len() > 20, "not in shared/src/settings/known.rs: {missing:?}");
    let pages = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let untold: Vec<&String> = known
        .iter()
        .filter(|name| {
            let cloud =
                ["ALIBABA", "HUAWEI", "TENCENT"].iter().find(|cloud| name.starts_with(&format!("OFFSITE_{cloud}_")));
            let general = cloud.map(|cloud| name.replace(cloud, "<CLOUD>"));
            let short = cloud.map(|cloud| name.replace(&format!("OFFSITE_{cloud}"), "…"));
            !pages.contains(name.as_str())
                && !general.is_some_and(|name| pages.contains(&name))
                && !short.is_some_and(|name| pages.contains(&name))
        })
        .collect();
    assert!(untold.is_empty(), "not in docs/configuration.md: {untold:?}");
}

/// What a careful person would say rests on nothing of the code under test.
#[test]
fn the_oracle_shares_nothing_with_the_product() {
    let of_oracle: Vec<String> = files().into_iter().filter(|path| path.starts_with("tests/oracle/")).collect();
    assert!(of_oracle.len() >= 4, "{of_oracle:?}");
    for path in of_oracle {
        let words = text(&path).to_lowercase();
        for product in ["offsite-shared", "offsite_shared", "offsite-local", "offsite_local"] {
            assert!(!words.contains(product), "{path} names {product}");
        }
    }
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "offsite-oracle",
            "-e",
            "normal,build,dev",
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
    let ours: Vec<&str> = tree.lines().filter(|line| line.starts_with("offsite")).collect();
    assert!(ours.len() == 1 && ours[0].starts_with("offsite-oracle"), "{ours:?}");
}
