//! Every command that a page shows is run as it stands there, in the order of the page, against simulated clouds. `pages` says what stands
//! beside each page, and `scene` what cannot be run here, why, and where it is shown to be right instead.

mod pages;
mod scene;

use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::StreamExt;

use scene::Scene;

/// What stands in a block of code that is to be typed.
const TYPED: [&str; 3] = ["sh", "text", "console"];

/// What stands in any other block of code: answers, files and pictures.
const READ: [&str; 6] = ["", "json", "yaml", "ini", "python", "mermaid"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// A command of a page.
#[derive(Debug)]
struct Statement {
    /// The line on which it begins, from 1.
    line: usize,
    /// The number of its block on the page.
    block: usize,
    text: String,
}

/// The blocks of code of a page: the line on which each begins, its language, and what stands in it.
fn blocks(page: &str) -> Vec<(usize, String, String)> {
    let (mut found, mut open) = (Vec::new(), None::<(usize, String, String)>);
    for (at, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => found.push(block),
            (Some(language), None) => open = Some((at + 2, language.trim().to_owned(), String::new())),
            (None, Some((begun, language, body))) => open = Some((begun, language, body + line + "\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code does not end");
    found
}

/// Whether a shell takes this as whole.
fn is_whole(text: &str) -> bool {
    !text.trim_end().ends_with('\\')
        && Command::new("bash").args(["-nc", text]).output().expect("bash is there").status.success()
}

/// What is to be typed in a block: its lines, put together where a command goes over several.
fn statements(begun: usize, block: usize, language: &str, body: &str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    let mut open: Option<Statement> = None;
    for (at, line) in body.lines().enumerate() {
        // A table of cron has five fields of time and a user before the command.
        let crontab: Vec<&str> = line.split_whitespace().collect();
        let is_crontab = language == "text" && crontab.len() > 6 && crontab[5] == "offsite";
        let line = match language {
            "text" if is_crontab => crontab[6..].join(" "),
            "text" => continue,
            "console" if open.is_none() => match line.strip_prefix("$ ") {
                Some(line) => line.to_owned(),
                None => continue,
            },
            _ => line.to_owned(),
        };
        let statement = match open.take() {
            Some(begun) => Statement { text: begun.text + "\n" + &line, ..begun },
            None if line.trim().is_empty() || line.trim_start().starts_with('#') => continue,
            None => Statement { line: begun + at, block, text: line },
        };
        if is_whole(&statement.text) { found.push(statement) } else { open = Some(statement) }
    }
    assert!(open.is_none(), "a shell waits for the rest of {open:?}");
    found
}

/// All that a page tells the reader to type.
fn typed(page: &str) -> Vec<Statement> {
    let blocks = blocks(page).into_iter().enumerate();
    blocks
        .filter(|(_, (_, language, _))| TYPED.contains(&language.as_str()))
        .flat_map(|(number, (begun, language, body))| statements(begun, number, &language, &body))
        .collect()
}

/// The pages of the root, of `docs/`, and what the simulators can do.
fn all_pages() -> Vec<String> {
    let mut found = vec!["infra/simulators/SIMULATORS.md".to_owned()];
    for folder in ["", "docs/"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}{name}")));
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_every_page_does_what_the_page_says() {
    let playing = pages::PAGES.iter().map(async |page| Scene::set(page).await.play(&typed(&text(page.path))).await);
    let troubles: Vec<Vec<String>> = futures_util::stream::iter(playing).buffered(2).collect().await;
    let troubles = troubles.concat();
    assert!(troubles.is_empty(), "{}", troubles.join("\n\n"));
}

/// A new page with commands needs its row, and a new kind of block a decision whether it is typed.
#[test]
fn every_page_with_commands_has_its_row() {
    let mut seen = 0;
    for page in all_pages() {
        let written = text(&page);
        let commands = typed(&written).len();
        let rows = pages::PAGES.iter().filter(|row| row.path == page).count();
        assert_eq!(rows, usize::from(commands > 0), "{page} has {commands} commands: its row in pages.rs");
        seen += commands;
        for (line, language, body) in blocks(&written) {
            let known = TYPED.contains(&language.as_str()) || READ.contains(&language.as_str());
            assert!(known, "{page}:{line}: is ```{language} typed or read?");
            let typed = |line: &str| line.starts_with("offsite ") || line.starts_with("$ ");
            assert!(!READ.contains(&language.as_str()) || !body.lines().any(typed), "{page}:{line}: typed, not ```sh");
        }
    }
    assert!(seen > 150, "{seen}");
}

/// What is not run here is proved where it is said to be.
#[test]
fn what_is_not_run_here_is_shown_elsewhere() {
    for (program, reason, file, words) in scene::STAND_INS.iter().chain(scene::APART) {
        assert!(reason.len() > 15, "{program}: {reason}");
        assert!(text(file).contains(words), "{program}: {file} does not hold `{words}`");
    }
}

/// The twin: what is neither run nor known is noticed, and so is what ends otherwise than the page says.
#[tokio::test]
async fn a_command_that_is_nowhere_and_one_that_fails_are_noticed() {
    let page = pages::Page { path: "docs/none.md", beside: &[], fills: &[], types: &[], told: &[] };
    let shown = "```sh\noffsite explain NoSuchCodeAtAll\nfrobnicate --now\noffsite explain in_doubt | head -n 1\n./do-it\n```\n";
    let troubles = Scene::set(&page).await.play(&typed(shown)).await;
    let [failed, unknown, path] = &troubles[..] else { panic!("{troubles:?}") };
    assert!(failed.contains("docs/none.md:2") && failed.contains("ended with 1"), "{failed}");
    assert!(unknown.contains("docs/none.md:3") && unknown.contains("frobnicate is neither run here"), "{unknown}");
    assert!(path.contains("docs/none.md:5") && path.contains("./do-it is neither run here"), "{path}");
    let unused = pages::Page { path: page.path, told: &[("offsite sweep", &[0], "")], ..pages::PLAIN };
    let troubles = Scene::set(&unused).await.play(&typed("```sh\noffsite explain in_doubt > doubt.txt\n```\n")).await;
    assert!(troubles.len() == 1 && troubles[0].contains("no command begins with `offsite sweep`"), "{troubles:?}");
}

/// Commands over several lines are one, and what a block of another kind holds is none.
#[test]
fn a_page_is_read_as_a_person_types_it() {
    let page = "```sh\na \\\n  b\n\nf() { g |\n  h; }\n# remark\n```\n```text\n* * * * * offsite . x && y\nwords\n```\n\
                ```console\n$ curl -d '{\n  }'\n{\"answer\":1}\n```\n```json\n{}\n```\n";
    let found: Vec<(usize, String)> = typed(page).into_iter().map(|one| (one.line, one.text)).collect();
    let wanted = [(2, "a \\\n  b"), (5, "f() { g |\n  h; }"), (10, ". x && y"), (14, "curl -d '{\n  }'")];
    assert_eq!(found, wanted.map(|(line, text)| (line, text.to_owned())));
}
