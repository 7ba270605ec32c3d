//! What a person sees: the command in a real terminal (a pty), narrow and wide, with and without colours.

use std::path::PathBuf;
use std::time::Duration;

use offsite_local::cmd::show::Form;
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::{Expect, Put};
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger};
use pty_process::Size;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use unicode_width::UnicodeWidthStr;

use crate::command_line::{offsite, run};
use crate::decisions::stopped;
use crate::faults::world::batch;
use crate::functions::binaries;
use crate::sweeping::Estate;

/// A command in a terminal.
pub struct Terminal {
    pty: pty_process::Pty,
    child: tokio::process::Child,
    seen: Vec<u8>,
}

impl Terminal {
    pub fn open(arguments: &[&str], environment: &[(String, String)], columns: u16) -> Terminal {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(40, columns)).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let command = pty_process::Command::new(offsite())
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("TERM", "xterm-256color")
            .env("TZ", "UTC")
            .envs(environment.iter().cloned())
            .kill_on_drop(true);
        Terminal { child: command.spawn(pts).unwrap(), pty, seen: Vec::new() }
    }

    /// Reads until this is there, or the command has ended.
    async fn until(&mut self, wanted: Option<&str>) -> String {
        let reading = async {
            let mut part = [0; 4096];
            // When nobody has the other side any more, Linux answers with an error.
            while let Ok(count @ 1..) = self.pty.read(&mut part).await {
                self.seen.extend_from_slice(&part[..count]);
                if wanted.is_some_and(|wanted| String::from_utf8_lossy(&self.seen).contains(wanted)) {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(120), reading).await.expect("it goes on");
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    pub async fn ended(mut self) -> (i32, String) {
        let seen = self.until(None).await;
        (self.child.wait().await.unwrap().code().unwrap_or(-1), seen)
    }
}

/// The text as it stands on the screen in the end: a line that was written over counts by its last words.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out += &rest[..at];
        let end = rest[at..].find(|sign: char| sign.is_ascii_alphabetic()).map_or(rest.len(), |end| at + end + 1);
        rest = &rest[end..];
    }
    out += rest;
    let last = |line: &str| line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default().to_owned();
    out.split("\r\n").map(last).collect::<Vec<_>>().join("\n")
}

fn hold_width(text: &str, columns: usize) {
    let wider = wider(text, columns);
    assert!(wider.is_empty(), "{} lines are wider than {columns} columns:\n{}", wider.len(), wider.join("\n"));
}

/// The lines that are wider than the terminal, but for a word of a command that would not be one word any more if it were broken.
fn wider(text: &str, columns: usize) -> Vec<String> {
    let is_one_word = |line: &str| line.trim_start().starts_with("--cause '");
    let text = plain(text);
    text.lines().filter(|line| line.width() > columns && !is_one_word(line)).map(str::to_owned).collect()
}

/// Takes the protection away: what is too wide is seen, and what is written without spaces counts twice.
#[test]
fn a_line_that_is_too_wide_is_noticed() {
    assert_eq!(wider("four\r\nof five\r\n", 4), ["of five"]);
    assert_eq!(wider("每晚磁盘", 7).len(), 1);
    assert!(wider("每晚磁盘", 8).is_empty() && wider("\u{1b}[1mfour\u{1b}[0m", 4).is_empty());
    assert_eq!(wider(&format!("WARN {}", "x".repeat(90)), 80).len(), 1);
}

/// Whether the parts come in this order, wherever lines are broken.
fn hold_order(text: &str, parts: &[&str]) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = text.as_str();
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { panic!("{part} is not there, or not in its turn: {text}") };
        rest = after;
    }
}

/// The story in both widths; the narrow one keeps its playground, in which the README's commands work.
#[tokio::test]
async fn the_demo_tells_its_story_in_a_terminal() {
    binaries();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [narrow, wide] =
        folders.each_ref().map(|folder| vec![("TMPDIR".to_owned(), folder.path().to_string_lossy().into_owned())]);
    let uncoloured = [wide, vec![("NO_COLOR".to_owned(), "1".to_owned())]].concat();
    let story = [
        "First act",
        "found and taken over",
        "12 receipts on the queue for 12 copies; 12 of them are there and usable",
        "Second act",
        "1 refused by the cloud",
        "Does not hold",
        "offsite risk accept --rule servers",
        "raises the quota",
        "disks holds",
        "servers does not hold",
        "a person must decide",
        "Holds",
        "1 is an accepted risk",
        "16 copies, each made once; 16 receipts on the queue, each there exactly once.",
    ];
    let kept = async {
        let mut terminal = Terminal::open(&["demo", "--fast", "--keep"], &narrow, 80);
        let seen = terminal.until(Some("The page:")).await;
        hold_width(&seen, 80);
        hold_order(&plain(&seen), &story);
        assert!(seen.contains("\u{1b}[31m") && seen.contains("\u{1b}[32m"), "red and green: {seen}");
        let playground: PathBuf = std::fs::read_dir(folders[0].path()).unwrap().next().unwrap().unwrap().path();
        let exports = std::fs::read_to_string(playground.join("env.sh")).unwrap();
        let read = |line: &str| {
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('\'').to_owned())
        };
        let environment: Vec<(String, String)> = exports.lines().map(read).collect();
        for (arguments, code, part) in [
            (vec!["report"], 0, "Holds"),
            (vec!["status", "disk-web00002", "--no-look"], 0, "disk-web00002"),
            (vec!["witness"], 3, "snap-web00002"),
            (vec!["risk", "list"], 0, "rebuilt from code"),
            (vec!["queue", "list"], 0, "offsite.replication.accepted"),
            (vec!["sweep", "--dry-run", "--format", "table"], 0, "disks: 0 would be started"),
        ] {
            let ended = run(&arguments, &environment, None).await;
            assert!(ended.code == code, "{arguments:?}: {}\n{}{}", ended.code, ended.stdout, ended.stderr);
            let part = if arguments[0] == "witness" { "copied" } else { part };
            assert!(ended.stdout.contains(part), "{arguments:?}: {}", ended.stdout);
        }
        terminal.pty.write_all(b"\x03").await.unwrap();
        assert_eq!(terminal.ended().await.0, 0);
        assert!(!playground.exists(), "nothing is left of the playground");
    };
    let told = async {
        let (code, seen) = Terminal::open(&["demo", "--fast"], &uncoloured, 120).ended().await;
        assert_eq!(code, 0, "{seen}");
        hold_width(&seen, 120);
        hold_order(&seen, &story);
        assert!(!seen.contains('\u{1b}'), "no colours were asked for: {seen}");
        hold_order(&seen, &["What next", "offsite demo --keep", "offsite init tencent"]);
        let page = seen.trim_end().lines().last().unwrap().trim_end().to_owned();
        assert!(std::fs::read_to_string(page).unwrap().contains("2d0c5a34-6b0f-4a3c-9c39-5a0f8b6e1c02"), "{seen}");
    };
    tokio::join!(kept, told);
}

/// From an empty folder to the first report, in both widths.
#[tokio::test]
async fn the_first_steps_are_readable_in_a_terminal() {
    let estate = Estate::start(7, 20).await;
    for (columns, colours) in [(80, true), (120, false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let mut environment: Vec<(String, String)> = estate.environment.variables().clone().into_iter().collect();
        for (name, file) in [("OFFSITE_DB", "offsite.db"), ("OFFSITE_POLICY", "offsite.yaml")] {
            environment.push((name.to_owned(), path(file)));
        }
        if !colours {
            environment.push(("NO_COLOR".to_owned(), "1".to_owned()));
        }
        for (arguments, codes, part) in [
            (vec!["init", "tencent", "--policy", &path("offsite.yaml")], vec![0], "is written"),
            (vec!["doctor"], vec![0], "nothing was changed; --all: every check"),
            (vec!["sweep", "--dry-run"], vec![0, 1], "would be started"),
            (vec!["sweep"], vec![0, 1, 3], "with copy"),
            (vec!["report"], vec![0, 1, 3], "Offsite report of"),
            (vec!["queue", "list"], vec![0], "copy"),
            (vec!["ledger", "show", "--all"], vec![0], "copy or why"),
        ] {
            let (code, seen) = Terminal::open(&arguments, &environment, columns).ended().await;
            assert!(codes.contains(&code), "{arguments:?} ended with {code}: {seen}");
            assert!(plain(&seen).contains(part), "{arguments:?}: {seen}");
            hold_width(&seen, columns.into());
            assert!(colours || !seen.contains("\u{1b}[1m"), "{arguments:?}: {seen}");
        }
    }
    // The same words decide everywhere.
    assert_eq!([Form::Table, Form::Json].map(|form| format!("{form:?}").to_lowercase()), ["table", "json"]);
}

/// A policy of all clouds, whose IDs are as long as clouds make them.
async fn everything(estate: &Estate) -> Policy {
    let mut rules = Vec::new();
    for cloud in Cloud::ALL {
        let policy = estate.policy(cloud).await.to_json();
        rules.extend(policy["rules"].as_array().unwrap().iter().cloned());
    }
    Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap()
}

/// Every table of every day, in both widths and both languages, over three clouds.
#[tokio::test]
async fn what_is_told_of_three_clouds_fits_a_terminal() {
    let estate = Estate::start(7, 60).await;
    let policy = everything(&estate).await;
    let rule = policy.rules.iter().find(|rule| rule.operation.cloud() == Cloud::Tencent).unwrap().name.clone();
    let mut environment = estate.of_command(&policy);
    environment.push(("TZ".to_owned(), "Asia/Shanghai".to_owned()));
    let event = estate.directory.path().join("event.json");
    let hint = json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": "snap-jgsu1fdt" });
    std::fs::write(&event, hint.to_string()).unwrap();
    let event = event.to_string_lossy().into_owned();
    let page = estate.directory.path().join("report.html").to_string_lossy().into_owned();
    let mut resource = None;
    for columns in [80, 120] {
        let mut told = Vec::new();
        let commands: [(&[&str], &str); 21] = [
            (&["policy", "check"], "promise"),
            (&["policy", "check", "--live"], "UTC+8"),
            (&["sweep", "--dry-run"], "would be started"),
            (&["sweep"], "next: `offsite"),
            (&["observe"], "looked at"),
            (&["report"], "UTC+8"),
            (&["report", "--lang", "zh"], "UTC+8"),
            (&["report", "-o", &page], "written to"),
            (&["witness"], "UTC+8"),
            (&["witness", "--lang", "zh"], "UTC+8"),
            (&["ledger", "show", "--all"], "since (UTC+8)"),
            (&["ledger", "show", "--all", "--utc"], "since (UTC)"),
            (&["queue", "list"], "time (UTC+8)"),
            (&["doctor"], "nothing was changed"),
            (&["doctor", "--all"], "not known:"),
            (&["events", "explain", &event], "verified: not at all"),
            (&["watch", "--once"], "done: "),
            (&["policy", "check", "--explain", "snap-jgsu1fdt"], "not covered"),
            (&["pause", "--rule", &rule, "--reason", "the bill is looked at by the people who pay it"], "UTC+8 by"),
            (&["report", "--rule", &rule], "is paused since"),
            (&["resume", "--rule", &rule], "goes on"),
        ];
        for (arguments, part) in commands {
            let (code, seen) = Terminal::open(arguments, &environment, columns).ended().await;
            assert!([0, 1, 3].contains(&code), "{arguments:?} ended with {code}: {seen}");
            let wider = wider(&seen, columns.into());
            told.extend(wider.iter().map(|line| format!("{arguments:?} at {columns}: {line}")));
            hold_order(&plain(&seen), &[part]);
            assert!(!seen.contains('…'), "{arguments:?}: what is cut cannot be copied: {seen}");
        }
        assert!(told.is_empty(), "{}", told.join("\n"));
        // What is accepted is told as well.
        let report = run(&["report", "--format", "json"], &environment, None).await.stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        let of_rules = report["rules"].as_array().unwrap().iter();
        let resource = resource.get_or_insert_with(|| {
            let found = of_rules.clone().find_map(|rule| {
                let line = rule["unprotected"].as_array()?.iter().find(|line| line["fault"] == "cannot_be_copied")?;
                Some([&rule["rule"], &line["resource"], &line["cause"]].map(|text| text.as_str().unwrap().to_owned()))
            });
            found.expect("the estate has something that cannot be copied")
        });
        let [rule, id, cause] = &*resource;
        let accept = ["risk", "accept", "--rule", rule, "--resource", id, "--cause", cause, "--for", "90d", "--reason"];
        for arguments in [
            [&accept[..], &["it is rebuilt from code by those who run it, see OPS-12"]].concat(),
            vec!["risk", "list"],
            vec!["status", id],
        ] {
            let (code, seen) = Terminal::open(&arguments, &environment, columns).ended().await;
            assert!([0, 1, 3].contains(&code), "{arguments:?} ended with {code}: {seen}");
            hold_width(&seen, columns.into());
            assert_eq!(seen.contains("noted (UTC+8)"), arguments[1] == "list", "{seen}");
        }
    }
}

/// What is wrong with a key is said once, and by the table alone, however many rules it stops.
#[tokio::test]
async fn a_wrong_key_is_told_once() {
    let estate = Estate::start(7, 20).await;
    let policy = estate.policy(Cloud::Tencent).await;
    assert!(policy.rules.len() > 1);
    let mut environment = estate.of_command(&policy);
    environment.push(("TENCENTCLOUD_SECRET_KEY".to_owned(), "wrong".to_owned()));
    for columns in [80, 120] {
        let (code, seen) = Terminal::open(&["sweep"], &environment, columns).ended().await;
        assert_eq!(code, 1, "{seen}");
        hold_width(&seen, columns.into());
        let seen = plain(&seen);
        assert_eq!(seen.matches("AuthFailure").count(), 1, "{seen}");
        assert!(!seen.contains("WARN") && !seen.contains("ERROR"), "{seen}");
        hold_order(&seen, &["rule", "started", "AuthFailure", "next: mend what stopped it"]);
    }
    // A command says it in its table and nowhere else; of a batch only the log knows.
    let command = policy.rules[0].command_of("snap-jgsu1fdt").to_json();
    let event = estate.directory.path().join("event.json");
    for (event_text, wanted) in [(command.clone(), 1), (batch(std::slice::from_ref(&command)), 1)] {
        std::fs::write(&event, event_text.to_string()).unwrap();
        let arguments = ["handle", "--event", &event.to_string_lossy()];
        let (_, seen) = Terminal::open(&arguments, &environment, 80).ended().await;
        hold_width(&seen, 80);
        assert_eq!(plain(&seen).matches("AuthFailure").count(), wanted, "{seen}");
    }
    // Without any key no copy is named that nobody asked for.
    let without = |(name, _): &(String, String)| !name.starts_with("TENCENTCLOUD_SECRET");
    let environment: Vec<(String, String)> = environment.into_iter().filter(without).collect();
    let (_, seen) = Terminal::open(&["sweep"], &environment, 80).ended().await;
    let seen = plain(&seen);
    assert_eq!(seen.matches("TENCENTCLOUD_SECRET_ID").count(), 1, "{seen}");
    assert!(!seen.contains('*') && seen.contains("not swept"), "{seen}");
}

/// However much is wrong, the doctor tells it in ten lines: the first of it with what to do, and the names of all else.
#[tokio::test]
async fn the_doctor_tells_many_failures_in_ten_lines() {
    let estate = Estate::start(7, 20).await;
    let policy = everything(&estate).await;
    let mut environment = estate.of_command(&policy);
    for name in ["TENCENTCLOUD_SECRET_KEY", "HUAWEICLOUD_SDK_SK", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"] {
        environment.push((name.to_owned(), "wrong".to_owned()));
    }
    for columns in [80, 120] {
        let (code, seen) = Terminal::open(&["doctor"], &environment, columns).ended().await;
        assert_eq!(code, 3, "{seen}");
        hold_width(&seen, columns.into());
        let seen = plain(&seen);
        assert!(seen.trim_end().lines().count() <= 10, "{seen}");
        hold_order(&seen, &["fail", "to do: ", "also not well: ", "3 fail"]);
        let failing = ["alibaba", "huawei", "tencent"];
        assert!(failing.iter().all(|cloud| seen.matches(cloud).count() >= 2), "each is named: {seen}");
        let (_, all) = Terminal::open(&["doctor", "--all"], &environment, columns).ended().await;
        assert!(plain(&all).matches("  fail ").count() >= 3, "{all}");
    }
}

/// What goes on for days tells each thing with its time, in lines that fit, and each refusal of its own.
#[tokio::test]
async fn what_watch_says_fits_a_terminal() {
    let estate = Estate::plain().await;
    let rule = json!({
        "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou" },
        "destinations": [{ "region": "ap-singapore" }],
    });
    let environment = estate.of_command(&Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
    let (code, seen) = Terminal::open(&["watch", "--once"], &environment, 80).ended().await;
    hold_width(&seen, 80);
    let seen = plain(&seen);
    let year = estate.clock.now().strftime("%Y-").to_string();
    let refused = seen.matches("An encrypted").count() + seen.matches("A snapshot of a system").count();
    assert_eq!(refused, 2, "{code}: {seen}");
    assert!(!seen.contains("event_id") && seen.contains("done: "), "{seen}");
    for line in seen.lines().filter(|line| !line.is_empty()) {
        assert!(line.starts_with(&year) || line.starts_with("  "), "{line}: {seen}");
    }
}

/// In a pipe and with -v the log is as it was.
#[tokio::test]
async fn a_wrong_key_is_logged_where_a_program_reads() {
    let estate = Estate::start(7, 20).await;
    let mut environment = estate.of_command(&*estate.policy(Cloud::Tencent).await);
    environment.push(("TENCENTCLOUD_SECRET_KEY".to_owned(), "wrong".to_owned()));
    let ended = run(&["sweep"], &environment, None).await;
    assert!(ended.stderr.contains("ERROR the credential was refused"), "{}", ended.stderr);
    let (_, seen) = Terminal::open(&["-v", "sweep"], &environment, 80).ended().await;
    assert!(seen.contains("the sweep did not come to its end"), "{seen}");
}

/// Who pauses before the first sweep, misspells a number or a file's ending, or gives nothing at all, is told what to give.
#[tokio::test]
async fn a_newcomer_is_told_what_to_give_instead() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let environment = [("OFFSITE_DB", path("offsite.db")), ("OFFSITE_POLICY", path("offsite.yaml"))];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    assert_eq!(run(&["init", "tencent", "--policy", &path("offsite.yaml")], &environment, None).await.code, 0);
    let pdf = path("report.pdf");
    for (arguments, input, code, parts) in [
        (
            &["pause", "--reason", "we look first"][..],
            None,
            0,
            &["a ledger is begun", "everything is paused since"][..],
        ),
        (&["resume"], None, 0, &["everything goes on"]),
        (&["resume"], None, 1, &["nothing is paused, so nothing was changed"]),
        (&["report", "-o", &pdf], None, 1, &["nothing is written as .pdf", ".html", "--format"]),
        (&["witness", "-o", &pdf], None, 1, &["nothing is written as .pdf", ".json"]),
        (&["sweep", "--timeout", "abc"], None, 2, &["a whole number of seconds"]),
        (&["handle", "--event", "-", "--timeout", "abc"], None, 2, &["from 3 to 900"]),
        (&["handle", "--event", "-"], Some(""), 1, &["standard input is empty", "as JSON"]),
        (&["handle", "--event", "-"], Some("{"), 1, &["standard input is not JSON (line 1", "look there"]),
        (&["explain", "configuration"], None, 0, &["OFFSITE_DB"]),
    ] {
        let ended = run(arguments, &environment, input).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, code, "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: {part}: {said}");
        }
    }
    assert!(!std::path::Path::new(&pdf).exists());
    let mut terminal = Terminal::open(&["simulate"], &environment, 80);
    let seen = terminal.until(Some("Ctrl-C ends")).await;
    assert!(seen.contains("offsite simulate --env"), "{seen}");
    terminal.pty.write_all(b"\x03").await.unwrap();
    assert_eq!(terminal.ended().await.0, 0);
}

/// A person who settles records reads what became of them, and a program the same as JSON.
#[tokio::test]
async fn what_is_settled_is_told_as_a_table() {
    let estate = Estate::plain().await;
    let policy = Policy::from_json(&json!({ "version": 1, "rules": [{
        "name": "nightly", "provider": "tencent", "source": { "region": "ap-guangzhou" },
        "destinations": [{ "region": "ap-beijing" }],
    }]}))
    .unwrap();
    let records: Vec<_> = (1..=4).map(|seed| stopped(seed, "nightly", State::Refused, 4)).collect();
    for record in &records {
        assert_eq!(estate.ledger().put(record, &Expect::Absent).await.unwrap(), Put::Stored);
    }
    let environment = estate.of_command(&policy);
    let [one, other] = [&records[0].key, &records[1].key];
    let settle = ["ledger", "resolve", "--acknowledge", "--reason", "as it is"];
    let (code, seen) = Terminal::open(&[&settle[..], &[one]].concat(), &environment, 80).ended().await;
    hold_order(&plain(&seen), &["key", "state", &one[..12]]);
    assert!(code == 0 && !seen.contains('{'), "{seen}");
    let told = run(&[&settle[..], &[other]].concat(), &environment, None).await;
    assert_eq!(serde_json::from_str::<Value>(&told.stdout).unwrap()["key"], json!(other));
    // Again it is refused, in lines that fit.
    let (code, seen) = Terminal::open(&[&settle[..], &[one]].concat(), &environment, 80).ended().await;
    assert_eq!(code, 1, "{seen}");
    hold_width(&seen, 80);
    let rest = ["--rule", "nightly", "--yes", "2"];
    let (code, seen) = Terminal::open(&[&settle[..], &rest].concat(), &environment, 80).ended().await;
    assert!(code == 0 && seen.contains("settled: 2, left as they were: 0"), "{seen}");
}
