//! What a provider says reaches no terminal, file, log or page as it came, if it could steer one; and no two IDs look alike.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use offsite_shared::io::http::HttpTransport;
use offsite_shared::model::http::HttpRequest;
use offsite_shared::model::text::{exact, steers};
use offsite_shared::ports::Transport;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};

use crate::command_line::{Ended, run};

/// What stands in the middle of an ID, a name, a disk, a code and a message. Each is another ID.
const HOSTILE: [&str; 24] = [
    "\u{1b}[2J",
    "\u{1b}[31mred",
    "\u{1b}]0;owned\u{7}",
    "\u{0}",
    "\u{8}",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "\u{9b}31m",
    "\u{9f}",
    "\u{61c}",
    "\u{200f}",
    "\u{2028}",
    "\u{2029}",
    "\u{202a}",
    "\u{202e}gpj.exe",
    "\u{2066}",
    "\u{2069}",
    " ",
    "\\u0000",
];

/// What begins a formula, at the beginning of a name.
const FORMULAS: [&str; 7] = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"];

struct Stage {
    simulators: Simulators,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Stage {
    async fn open() -> Stage {
        let options = SimOptions::default();
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let policy = json!({ "version": 1, "rules": [{
            "name": "disks", "provider": "tencent", "source": { "region": "ap-guangzhou" },
            "destinations": [{ "region": "ap-beijing" }], "objective": { "max_lag": "1s" },
        }]});
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).unwrap();
        let place = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let environment = [
            ("OFFSITE_TENCENT_ENDPOINT", simulators.tencent()),
            ("OFFSITE_TENCENT_STS_ENDPOINT", simulators.tencent()),
            ("TENCENTCLOUD_SECRET_ID", options.access_key_id),
            ("TENCENTCLOUD_SECRET_KEY", options.access_key_secret),
            ("OFFSITE_TENCENT_RPS", "0".to_owned()),
            ("OFFSITE_DB", place("offsite.db")),
            ("OFFSITE_POLICY", place("policy.json")),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Stage { simulators, folder, environment }
    }

    async fn post(&self, path: &str, body: Value) {
        let request = HttpRequest {
            manner: Default::default(),
            method: "POST".into(),
            url: format!("{}/_sim/{path}", self.simulators.tencent()),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
            timeout: Duration::from_secs(10),
        };
        let reply = HttpTransport::new(Duration::from_secs(3)).unwrap().send(request).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", String::from_utf8_lossy(&reply.body));
    }

    async fn says(&self, arguments: &[&str]) -> Ended {
        let ended = run(arguments, &self.environment, None).await;
        assert!([0, 1, 3].contains(&ended.code), "{arguments:?}: {}", ended.stderr);
        inert(&format!("{arguments:?}, standard output"), &ended.stdout);
        inert(&format!("{arguments:?}, standard error"), &ended.stderr);
        ended
    }

    fn file(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        inert(name, &text);
        text
    }
}

/// Only ends of lines are left of what steers; in CSV they are those of RFC 4180.
fn inert(of: &str, text: &str) {
    let raw = text.replace("\r\n", "\n").chars().find(|c| steers(*c) && *c != '\n');
    assert_eq!(raw, None, "{of}: {}", text.escape_debug());
}

/// Takes the protection away: printed as it came, each of them is noticed, but for what is a line end or steers nothing.
#[test]
fn what_a_cloud_says_is_noticed_where_it_is_printed_as_it_came() {
    for part in HOSTILE {
        let harmless = matches!(part, "\n" | "\r\n" | " " | "\\u0000");
        let noticed = std::panic::catch_unwind(|| inert("raw", &id(part))).is_err();
        assert_eq!(noticed, !harmless, "{part:?}");
        assert_ne!(exact(&id(part)), id(part), "{part:?}");
    }
}

fn id(hostile: &str) -> String {
    format!("snap-x{hostile}y")
}

async fn hostile() -> Stage {
    let stage = Stage::open().await;
    let at = "2026-01-02T03:04:05Z";
    let mut snapshots: Vec<Value> = HOSTILE
        .iter()
        .map(|part| {
            json!({ "snapshot_id": id(part), "region": "ap-guangzhou", "name": format!("n{part}m"),
                "disk_id": format!("disk-x{part}y"), "created": at, "any_id": true })
        })
        .collect();
    snapshots.extend(FORMULAS.iter().enumerate().map(|(n, name)| {
        json!({ "snapshot_id": format!("snap-formula{n}"), "region": "ap-guangzhou", "name": name, "created": at })
    }));
    stage.post("seed", json!({ "snapshots": snapshots })).await;
    stage
}

#[tokio::test]
async fn nothing_that_a_cloud_says_steers_a_terminal_a_file_or_a_log() {
    let stage = hostile().await;
    // Every code and message that a copy can be refused with, and every ID: most are read, none is believed.
    let faults: Vec<Value> = HOSTILE
        .iter()
        .map(|part| {
            json!({ "action": "CopySnapshotCrossRegions", "kind": "code", "code": format!("Invalid{part}Code"),
                "message": format!("because{part}of"), "http_status": 400, "times": 1 })
        })
        .collect();
    stage.post("faults", json!({ "faults": faults })).await;
    let swept = stage.says(&["-vv", "sweep"]).await;
    let answer: Value = serde_json::from_str(&swept.stdout).unwrap();
    assert_eq!(answer["swept"][0]["rule"], "disks", "{answer}");
    assert!(swept.stderr.contains("Invalid\\u001b[2JCode"), "the log tells of what was refused: {}", swept.stderr);

    let table = stage.says(&["report"]).await.stdout;
    assert!(table.contains("disk-x\\u"), "{table}");
    for format in ["table", "json", "csv", "html"] {
        let file = stage.folder.path().join(format).to_string_lossy().into_owned();
        stage.says(&["report", "--format", format, "-o", &file]).await;
        stage.file(format);
        stage.says(&["report", "--live", "--format", format]).await;
    }
    stage.says(&["report", "--csv", "resources"]).await;
    for format in ["table", "json", "csv"] {
        let file = stage.folder.path().join(format).to_string_lossy().into_owned();
        stage.says(&["witness", "--format", format, "-o", &file]).await;
        stage.file(format);
    }
    let records = stage.says(&["ledger", "show", "--all"]).await.stdout;
    assert!(records.contains("Invalid\\\\u001b[2JCode"), "the ledger keeps what was refused: {records}");
    for part in ["\u{1b}[31mred", "\n", "\u{9b}31m", "\u{202e}gpj.exe"] {
        stage.says(&["status", &format!("disk-x{part}y")]).await;
        stage.says(&["status", "--format", "json", &id(part)]).await;
        stage.says(&["ledger", "show", &id(part)]).await;
        stage.says(&["policy", "check", "--explain", &id(part)]).await;
    }
    stage.says(&["policy", "check", "--live"]).await;
    stage.says(&["queue", "list"]).await;
    stage.says(&["-vv", "observe"]).await;
    let event = stage.folder.path().join("event.json");
    let record = |part: &&str| {
        let hint = json!({ "provider": "tencent", "region": "ap-guangzhou", "snapshot_id": id(part) });
        json!({ "messageId": format!("m{part}"), "eventSource": "aws:sqs", "body": hint.to_string() })
    };
    std::fs::write(&event, json!({ "Records": HOSTILE.iter().map(record).collect::<Vec<_>>() }).to_string()).unwrap();
    let event = event.to_string_lossy();
    stage.says(&["events", "explain", "--look", &event]).await;
    stage.says(&["-vv", "handle", "--event", &event]).await;
    // Everything is refused with such words, by the doctor's questions too.
    let refused = HOSTILE.join(" ");
    stage.post("faults", json!({ "clear": true, "faults": [{ "kind": "code", "code": "AuthFailure.SecretIdNotFound", "message": refused }] })).await;
    for arguments in [
        &["doctor", "--provider", "tencent"][..],
        &["doctor", "--format", "json"],
        &["sweep"],
        &["witness"],
        &["report", "--live"],
    ] {
        stage.says(arguments).await;
    }
}

/// The cells of a CSV that has no line end within a cell.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            sign => cell.push(sign),
        }
    }
    cells.push(cell);
    cells
}

#[tokio::test]
async fn ids_stay_apart_and_no_cell_is_a_formula() {
    let stage = hostile().await;
    for (arguments, column) in [(&["witness", "--format", "csv"][..], 4), (&["report", "--live", "--format", "csv"], 5)]
    {
        let csv = stage.says(arguments).await.stdout;
        let lines: Vec<Vec<String>> = csv.trim_end().split("\r\n").map(cells).collect();
        let ids: BTreeSet<&str> = lines.iter().skip(1).map(|line| line[column].as_str()).collect();
        for part in HOSTILE {
            assert!(ids.contains(exact(&id(part)).as_str()), "{arguments:?}: {part:?} in {csv}");
        }
        let shown: BTreeSet<String> = HOSTILE.iter().map(|part| exact(&id(part))).collect();
        assert_eq!(shown.len(), HOSTILE.len());
        for name in FORMULAS {
            // A name is text, and has its line ends as spaces.
            let cell = match name.strip_prefix(['\t', '\r']) {
                Some(rest) => format!(" {rest}"),
                None => format!("'{name}"),
            };
            assert!(lines.iter().any(|line| line.contains(&cell)), "{arguments:?}: {cell}");
        }
        let formula = |cell: &&String| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
        assert_eq!(lines.iter().flatten().find(formula), None, "{arguments:?}");
    }
    // For programs the IDs are what they were.
    let told: Value = serde_json::from_str(&stage.says(&["witness", "--format", "json"]).await.stdout).unwrap();
    let ids: BTreeSet<&str> = told["places"][0]["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["backup_id"].as_str().unwrap())
        .collect();
    for part in HOSTILE {
        assert!(ids.contains(id(part).as_str()), "{part:?}");
    }
}

/// Where colours are forced, standard output is like a terminal.
#[tokio::test]
async fn a_file_has_no_colours_even_where_the_command_runs_on_a_terminal() {
    let stage = hostile().await;
    for command in ["report --live", "witness"] {
        let file = stage.folder.path().join("file.txt").to_string_lossy().into_owned();
        let mut environment = stage.environment.clone();
        environment.push(("CLICOLOR_FORCE".to_owned(), "1".to_owned()));
        let mut arguments: Vec<&str> = command.split(' ').collect();
        let shown = run(&arguments, &environment, None).await;
        assert!(shown.stdout.contains("\u{1b}[1m"), "colours are forced: {}", shown.stdout);
        inert("without our colours", &anstream_free(&shown.stdout));
        arguments.extend(["-o", &file]);
        run(&arguments, &environment, None).await;
        assert!(Path::new(&file).exists());
        stage.file("file.txt");
    }
}

/// The text without our colours.
fn anstream_free(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        rest = rest.find('m').map_or(rest, |end| &rest[end + 1..]);
    }
    out + rest
}
