//! What the inputs are made of.

use std::path::{Path, PathBuf};

use proptest::test_runner::Config;
use serde_json::Value;

/// The cases of a target: 256, or as many as `PROPTEST_CASES` says. A failure prints its smallest input and is kept nowhere.
pub fn config() -> Config {
    Config { failure_persistence: None, max_shrink_iters: 10_000, ..Config::default() }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files of this ending below a folder, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no .{ending}");
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The sample events.
pub fn events() -> Vec<Value> {
    files("events", "json").iter().map(|path| json(path)).collect()
}

/// The replies of the contracts, with what is asked for: each an object with `status` and `body`.
pub fn replies() -> Vec<Value> {
    fn collect(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(object) if object.contains_key("status") && object.contains_key("body") => {
                found.push(value.clone());
            }
            Value::Object(object) => object.values().for_each(|value| collect(value, found)),
            Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    files("tests/contracts", "json").iter().for_each(|path| collect(&json(path), &mut found));
    assert!(found.len() > 100, "{}", found.len());
    found
}

/// The sample policies, as they are written.
pub fn policies() -> Vec<Vec<u8>> {
    files("docs/policies", "yaml").iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The golden records, with their keys.
pub fn records() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/golden/records.txt")).unwrap();
    let records: Vec<Value> = text
        .lines()
        .filter_map(|line| line.find('{').map(|at| &line[at..]))
        .filter_map(|record| serde_json::from_str::<Value>(record).ok())
        .filter(|record| record.get("key").is_some())
        .collect();
    assert!(records.len() > 10, "{}", records.len());
    records
}
