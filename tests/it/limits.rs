//! What is bounded, as data: each bound is reached, and the next larger thing is refused with words that name it.

use std::path::Path;

use offsite_local::home::PROVIDERS;
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::{Settings, report_max_age};
use offsite_shared::triggers;
use serde_json::{Value, json};

use crate::functions::{batch, copy};

/// Names and bounds of the numbers that docs/configuration.md tells: where a row has no `least–most`, the end of the name says it.
fn told() -> Vec<(String, u64, u64)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let bounds = |text: &str| {
        let (least, rest) = text.split_once('–')?;
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let least: String = digits(&least.chars().rev().collect::<String>()).chars().rev().collect();
        Some((least.parse().ok()?, digits(rest).parse().ok()?))
    };
    let mut found = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `OFFSITE_")) {
        let (names, rest) = line[2..].split_once('|').unwrap();
        for name in names.split('`').filter(|name| name.starts_with("OFFSITE_")) {
            let usual = [("_MS", (1, 600_000)), ("_S", (0, 604_800)), ("_RPS", (0, 10_000))];
            let usual = usual.into_iter().find(|(end, _)| name.ends_with(end)).map(|(_, bounds)| bounds);
            found.extend(bounds(rest).or(usual).map(|(least, most)| (name.to_owned(), least, most)));
        }
    }
    found
}

#[test]
fn every_number_that_can_be_set_has_the_bounds_that_its_page_tells() {
    let told = told();
    assert!(told.len() >= 20, "the page is read: {told:?}");
    let set = |name: &str, value: &str| {
        let environment = Environment::default().with(name, value);
        Settings::from_environment(&environment, &PROVIDERS).and_then(|_| report_max_age(&environment))
    };
    for (name, least, most) in told {
        for value in [least, most] {
            assert!(
                set(&name, &value.to_string()).is_ok(),
                "{name}={value}: {:?}",
                set(&name, &value.to_string()).err()
            );
        }
        let beyond = (most + 1).to_string();
        let below = least.checked_sub(1).map_or("-1".to_owned(), |below| below.to_string());
        for value in [beyond, below, "1e3".to_owned(), u64::MAX.to_string() + "0"] {
            let error = set(&name, &value).err().unwrap_or_else(|| panic!("{name}={value} is taken"));
            assert!(error.message.contains(&name), "{name}={value}: {}", error.message);
        }
    }
}

/// A command with this field.
fn with(field: &str, value: Value) -> Value {
    let mut command = copy("snap-00000001", &["ap-beijing"]);
    command[field] = value;
    command
}

/// An envelope in envelopes, this many in all.
fn nested(times: usize) -> Value {
    let around =
        |inner: Value| json!({ "version": "0", "id": "1", "detail-type": "t", "source": "s", "detail": inner });
    (0..times).fold(copy("snap-00000001", &["ap-beijing"]), |inner, _| around(inner))
}

/// How each part of an event is refused: nothing of it, its record, or the event.
fn refusal(event: &Value) -> Option<String> {
    match triggers::read(event) {
        Err(error) => Some(error.to_string()),
        Ok(event) => {
            let items = event.records.iter().flat_map(|record| &record.items);
            items.filter_map(|item| item.as_ref().err()).map(|error| error.to_string()).next()
        }
    }
}

#[test]
fn what_an_event_may_hold_is_bounded() {
    let text = |bytes: usize| json!("a".repeat(bytes));
    let regions = |count: usize| (0..count).map(|at| json!({ "region": format!("ap-r{at}") })).collect::<Value>();
    let source = |bytes: usize| json!({ "region": "ap-guangzhou", "snapshot_id": "a".repeat(bytes) });
    let region = |bytes: usize| json!([{ "region": "a".repeat(bytes) }]);
    let rows = [
        (
            "records",
            batch(&vec![with("rule", text(1)); 10_000]),
            batch(&vec![with("rule", text(1)); 10_001]),
            "10000 are the most",
        ),
        (
            "items",
            json!(vec![with("rule", text(1)); 1_000]),
            json!(vec![with("rule", text(1)); 1_001]),
            "1000 are the most",
        ),
        ("envelopes", nested(3), nested(4), "has too many envelopes in one another"),
        ("rule", with("rule", text(64)), with("rule", text(256)), "rule: has 256 bytes, and 255 are the most"),
        (
            "account",
            with("account", text(64)),
            with("account", text(256)),
            "account: has 256 bytes, and 255 are the most",
        ),
        (
            "occurrence",
            with("occurrence", text(255)),
            with("occurrence", text(256)),
            "occurrence: has 256 bytes, and 255 are the most",
        ),
        ("snapshot_id", with("source", source(255)), with("source", source(256)), "source.snapshot_id: must be an ID"),
        ("region", with("destinations", region(255)), with("destinations", region(256)), "must be a region code"),
        ("destinations", with("destinations", regions(10)), with("destinations", regions(1_001)), "are the most"),
    ];
    for (name, well, beyond, words) in rows {
        assert_eq!(refusal(&well), None, "{name}");
        let told = refusal(&beyond).unwrap_or_else(|| panic!("{name}: it is taken"));
        assert!(told.contains(words), "{name}: {told}");
        assert!(told.len() < 1_000, "{name}: {told}");
    }
}
