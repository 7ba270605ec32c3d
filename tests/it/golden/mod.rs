//! What is stored, sent and answered, byte for byte as it was: the files of `tests/golden/`.
//!
//! A change of one of them is a change of an interface. Where it is meant, `OFFSITE_GOLDEN=write` writes the files anew, and the
//! difference is read before it is committed.
#![allow(clippy::unwrap_used)] // The lint's exception knows test functions only, not their helpers.

mod answers;
mod cloud;
mod report;
mod stored;
mod world;

use std::path::Path;

/// Lines of a golden file: a label and a text without line breaks.
type Lines = Vec<(String, String)>;

/// How much of a line is shown on both sides of its first difference.
const AROUND: usize = 60;

/// Holds lines against the file of this name.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests: the files are written anew on demand")]
fn compare(name: &str, lines: &[(String, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    let now: Vec<String> = lines.iter().map(|(label, text)| format!("{label}: {text}")).collect();
    assert!(now.iter().all(|line| !line.contains('\n')), "{name}: a line is a line");
    for (index, (label, _)) in lines.iter().enumerate() {
        assert!(
            !label.contains(": ") && lines[..index].iter().all(|(other, _)| other != label),
            "{name}: label {label}"
        );
    }
    let text = now.join("\n") + "\n";
    if std::env::var("OFFSITE_GOLDEN").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if golden != text {
        let differences = differences(&golden.lines().map(str::to_owned).collect::<Vec<_>>(), &now);
        panic!("tests/golden/{name} differs:\n{differences}");
    }
}

/// The lines that differ, each cut to where it does.
fn differences(golden: &[String], now: &[String]) -> String {
    let label = |line: &str| line.split(": ").next().unwrap_or_default().to_owned();
    let mut told = String::new();
    for line in golden {
        match now.iter().find(|other| label(other) == label(line)) {
            None => told += &format!("{}\n  is missing\n", label(line)),
            Some(other) if other != line => {
                let same = line.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
                let cut =
                    |text: &str| text.chars().skip(same.saturating_sub(AROUND)).take(2 * AROUND).collect::<String>();
                told +=
                    &format!("{}, from character {same}\n  was …{}\n  is  …{}\n", label(line), cut(line), cut(other));
            }
            Some(_) => {}
        }
    }
    for line in now.iter().filter(|line| !golden.iter().any(|other| label(other) == label(line))) {
        told += &format!("{}\n  is new\n", label(line));
    }
    if told.is_empty() { "the lines are the same, in another order or number".to_owned() } else { told }
}

#[test]
fn a_difference_is_shown_where_it_is() {
    let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let golden = lines(&["one: {\"a\":1}", "two: 2", "three: 3"]);
    let told = differences(&golden, &lines(&["one: {\"a\":7}", "two: 2", "four: 4"]));
    let wanted =
        "one, from character 10\n  was …one: {\"a\":1}\n  is  …one: {\"a\":7}\nthree\n  is missing\nfour\n  is new\n";
    assert_eq!(told, wanted);
    let told = differences(&golden, &lines(&["two: 2", "one: {\"a\":1}", "three: 3"]));
    assert_eq!(told, "the lines are the same, in another order or number");
}

#[test]
fn records_are_stored_as_they_were() {
    compare("records.txt", &stored::records());
}

#[test]
fn messages_are_sent_as_they_were() {
    compare("messages.txt", &stored::messages());
}

#[test]
fn keys_and_hashes_are_what_they_were() {
    compare("keys.txt", &stored::keys());
}

#[test]
fn rules_have_the_hashes_that_they_had() {
    compare("rules.txt", &stored::rules());
}

#[tokio::test]
async fn commands_are_answered_as_they_were() {
    compare("answers.txt", &answers::commands().await);
}

#[tokio::test]
async fn events_and_batches_are_answered_as_they_were() {
    compare("events.txt", &answers::events().await);
}

#[tokio::test]
async fn looks_are_answered_as_they_were() {
    compare("looks.txt", &answers::looks().await);
}

#[tokio::test]
async fn sweeps_are_answered_and_noted_as_they_were() {
    compare("sweeps.txt", &answers::sweeps().await);
}

#[tokio::test]
async fn a_report_reads_as_it_did() {
    compare("report.txt", &report::lines().await);
}

/// `tests/kept/course.json` is what an earlier version wrote when it was cut off.
#[tokio::test]
async fn a_sweep_goes_on_from_what_the_last_version_left() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept/course.json");
    let course = std::fs::read_to_string(path).unwrap();
    let run = format!("{:032x}", 1);
    assert!(course.contains(&run));
    assert_eq!(answers::goes_on_from(course.trim()).await, Some(run.clone()));
    // One of another format is not read as if it were of this one: the sweep begins anew.
    let strange = course.replace("\"format\":4", "\"format\":99");
    assert_ne!(answers::goes_on_from(strange.trim()).await, Some(run));
}
