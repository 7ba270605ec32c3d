//! Every subcommand has an example, says how it ends, and writes for people and for programs: `docs/commands.md` has the table, and it is
//! what the help of each says. A new subcommand fails here until it stands there.

use std::path::Path;

use crate::command_line::{run, subcommands};
use crate::documents::words;

/// What moves on standard error while it takes its time, on a terminal alone: `tests/it/moving.rs`.
pub const MOVES: [&str; 10] =
    ["demo", "doctor", "handle", "observe", "policy check", "report", "risk accept", "status", "sweep", "witness"];

/// What finishes what it has begun when it is told to stop, and gives back what it holds: `tests/it/moving.rs`. Whatever else there is
/// changes nothing, or writes once.
pub const FINISHES: [&str; 4] = ["handle", "observe", "sweep", "watch"];

/// What asks clouds, takes its time and changes nothing: it ends at once.
pub const READS: [&str; 5] = ["doctor", "policy check", "report", "status", "witness"];

/// What waits for one: it ends at once.
pub const SERVES: [&str; 2] = ["simulate", "chaos"];

/// What writes for programs alone, or for people alone, and how.
const ONE_FORM: [(&str, &str); 18] = [
    ("chaos", "always, on the last line"),
    ("completions", "for a shell"),
    ("demo", "`--json`: the receipts"),
    ("explain", "no: for people"),
    ("init", "no: for people"),
    ("ledger resolve", "in a pipe"),
    ("man", "no: for people"),
    ("pause", "no: for people"),
    ("policy render", "always"),
    ("policy schema", "always"),
    ("resume", "no: for people"),
    ("risk accept", "in a pipe"),
    ("risk revoke", "in a pipe"),
    ("rule confirm-loss", "in a pipe"),
    ("rule retire", "in a pipe"),
    ("sign", "no: for people"),
    ("simulate", "always; `--env` for a shell"),
    ("watch", "no: a line for each thing done"),
];

/// All subcommands that do something, and their help.
async fn leaves() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ended = run(&arguments, &[], None).await;
        assert_eq!(ended.code, 0, "{path:?}");
        let inner =
            if path.is_empty() || ended.stdout.contains("Commands:") { subcommands(&ended.stdout) } else { Vec::new() };
        if inner.is_empty() {
            found.push((path.join(" "), ended.stdout));
        }
        open.extend(inner.into_iter().map(|name| [path.clone(), vec![name]].concat()));
    }
    found.sort();
    found
}

/// The codes that a help names; without any those that all commands share.
fn codes(help: &str) -> String {
    let Some((_, after)) = help.split_once("Exit codes:") else { return "0 1 2".to_owned() };
    let mut codes: Vec<char> = Vec::new();
    for line in after.lines().skip(1).take_while(|line| line.starts_with("  ")) {
        let words: Vec<&str> = line.split("   ").map(str::trim).collect();
        codes.extend(words.iter().filter_map(|part| {
            let mut signs = part.chars();
            signs.next().filter(|sign| sign.is_ascii_digit() && signs.next().is_none_or(|next| next == ' '))
        }));
    }
    // Whatever fails, and whoever mistypes an option, is told in the same way everywhere.
    codes.extend(['1', '2']);
    codes.sort_unstable();
    codes.dedup();
    codes.iter().map(char::to_string).collect::<Vec<_>>().join(" ")
}

fn row(name: &str, help: &str) -> String {
    let json = match ONE_FORM.iter().find(|(one, _)| *one == name) {
        Some((_, how)) => (*how).to_owned(),
        None => "`--format json`".to_owned(),
    };
    let moves = if MOVES.contains(&name) { "yes" } else { "" };
    let stops = match name {
        name if FINISHES.contains(&name) => "finishes what is begun",
        name if SERVES.contains(&name) || READS.contains(&name) => "ends at once",
        _ => "",
    };
    format!("| `offsite {name}` | {json} | {} | {moves} | {stops} |", codes(help))
}

#[tokio::test]
async fn every_subcommand_stands_in_the_table_with_what_it_can() {
    let leaves = leaves().await;
    assert!(leaves.len() > 28, "{}", leaves.len());
    let mut rows = Vec::new();
    for (name, help) in &leaves {
        assert!(help.contains("Example"), "{name} shows no example: {help}");
        let example = format!("  offsite {name}");
        assert!(
            help.contains(&example) || help.contains(&format!("offsite {name} ")),
            "{name} is in no example: {help}"
        );
        let has_format = help.contains("--format ");
        let is_one = ONE_FORM.iter().any(|(one, _)| one == name);
        assert_ne!(has_format, is_one, "{name}: it has --format, or it is said how it writes");
        if has_format {
            assert!(help.contains("json"), "{name}: {help}");
        }
        assert!(codes(help).starts_with('0'), "{name}: {}", codes(help));
        rows.push(row(name, help));
    }
    let of_form = ONE_FORM.iter().map(|(name, _)| name);
    for name in MOVES.iter().chain(&FINISHES).chain(&SERVES).chain(&READS).chain(of_form) {
        assert!(leaves.iter().any(|(leaf, _)| leaf == name), "{name} is no subcommand any more");
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md")).unwrap();
    let told: Vec<&str> = page.lines().filter(|line| line.starts_with("| `offsite ")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(told, rows, "docs/commands.md should have\n{}", rows.join("\n"));
}

/// What a help shows is taken by the command's own parser, so that a renamed option is renamed there as well.
#[tokio::test]
async fn every_example_of_a_help_is_a_command() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for (name, help) in leaves().await {
        let help = help.replace(&format!("\\\n{}", " ".repeat(6)), "");
        let examples = help.lines().filter_map(|line| line.strip_prefix("  offsite "));
        for example in examples {
            // What it is good for stands some columns further on.
            let typed = words(&format!("offsite {example}").replace("   ", " # "));
            let mut arguments: Vec<&str> = typed.iter().skip(1).map(String::as_str).collect();
            arguments.push("--help");
            let ended = run(&arguments, &[], None).await;
            seen += 1;
            if ended.code != 0 {
                wrong.push(format!("{name}: {example}: {}", ended.stderr));
            }
        }
    }
    assert!(seen > 50, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
