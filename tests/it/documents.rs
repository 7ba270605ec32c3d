//! What the documents tell people to type is what the command understands, and what they install is what systemd understands.

use std::path::{Path, PathBuf};

use crate::command_line::run;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The words of a line, as a shell has them: quotes keep together, and nothing after a pipe, a redirection or a remark counts.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut begun = false;
    for sign in line.chars() {
        match (quote, sign) {
            (Some(open), _) if sign == open => quote = None,
            (Some(_), _) => word.push(sign),
            (None, '\'' | '"') => (quote, begun) = (Some(sign), true),
            (None, '#') if word.is_empty() && !begun => break,
            (None, '>') => {
                // The number of what is redirected is no argument.
                word.retain(|sign| !sign.is_ascii_digit());
                break;
            }
            (None, '|' | ';' | '&' | ')') => break,
            (None, _) if sign.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, _) => word.push(sign),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Every command of `offsite` that stands in a sentence of the documents. Those in blocks of code are run: `documented`.
fn commands() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for page in pages().iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        for paragraph in text.split("```").step_by(2).flat_map(|prose| prose.split("\n\n")) {
            let spans = paragraph.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " "));
            let typed = spans.filter(|span| span.starts_with("offsite ") && !span.starts_with("offsite COMMAND"));
            found
                .extend(typed.map(|span| (name.clone(), words(&span).into_iter().map(|word| filled(&word)).collect())));
        }
    }
    found
}

/// A word with something in the place that a reader fills.
fn filled(word: &str) -> String {
    match word.trim_matches(['[', ']']) {
        "N" | "S" | "COUNT" => "1".to_owned(),
        word => word.to_owned(),
    }
}

/// Each is read by the command's own parser: `--help` at its end keeps it from being done.
#[tokio::test]
async fn every_command_in_a_sentence_of_the_documents_is_one() {
    let mut commands = commands();
    commands.sort_by(|one, other| one.1.cmp(&other.1));
    commands.dedup_by(|one, other| one.1 == other.1);
    assert!(commands.len() > 30, "{}", commands.len());
    let mut wrong = Vec::new();
    for (page, words) in &commands {
        let mut arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        arguments.push("--help");
        let ended = run(&arguments, &[], None).await;
        if ended.code != 0 {
            wrong.push(format!("{page}: {words:?}: {}", ended.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The units start what there is, harden what they start, and systemd reads them where it is there.
#[tokio::test]
async fn the_units_of_one_server_are_sound() {
    let folder = root().join("infra/systemd");
    let mut units: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    units.sort();
    assert_eq!(units.len(), 4);
    for unit in &units {
        let text = std::fs::read_to_string(unit).unwrap();
        let name = unit.file_name().unwrap().to_string_lossy().into_owned();
        let Some((_, line)) = text.split_once("ExecStart=") else { continue };
        for wanted in
            ["User=offsite", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "UMask=0077"]
        {
            assert!(text.contains(wanted), "{name}: {wanted}");
        }
        let line = line.lines().next().unwrap_or_default().replace("/bin/sh -c '", "");
        let mut arguments = words(&line.replace("/usr/local/bin/", ""));
        assert_eq!(arguments.remove(0), "offsite", "{name}");
        arguments.push("--help".to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_eq!(run(&arguments, &[], None).await.code, 0, "{name}: {arguments:?}");
    }
    let Ok(verified) = std::process::Command::new("systemd-analyze").arg("verify").args(&units).output() else {
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // The command and its manual pages are not installed here; all else would be a mistake of the units.
    let known = ["/usr/local/bin/offsite is not executable", "Command 'man offsite-"];
    let wrong: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("offsite-") || line.contains("/infra/systemd/"))
        .filter(|line| !known.iter().any(|known| line.contains(known)))
        .collect();
    assert!(wrong.is_empty(), "{said}");
}

/// The target of every link of a page, and its anchor.
fn links(text: &str) -> Vec<(String, Option<String>)> {
    let code_free: String = text.split("```").step_by(2).collect();
    code_free
        .split("](")
        .skip(1)
        .filter_map(|part| part.split([')', ' ']).next())
        .filter(|target| !target.starts_with("http") && !target.starts_with("mailto:"))
        .map(|target| match target.split_once('#') {
            Some((path, anchor)) => (path.to_owned(), Some(anchor.to_owned())),
            None => (target.to_owned(), None),
        })
        .collect()
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let code_free: String = text.split("```").step_by(2).collect();
    let headings =
        code_free.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.to_lowercase().replace(' ', "-");
            kept.chars().filter(|sign| sign.is_alphanumeric() || "-_".contains(*sign)).collect()
        })
        .collect()
}

/// Every page, those of the root among them.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root(), root().join("docs"), root().join("events"), root().join("infra/simulators")];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        let found = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(found.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    pages.sort();
    pages
}

/// Whoever follows a link arrives.
#[test]
fn every_link_of_a_document_leads_somewhere() {
    let (mut dead, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (path, anchor) in links(&text) {
            seen += 1;
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(&path) };
            let there = match (target.exists(), anchor) {
                (false, _) => false,
                (true, None) => true,
                (true, Some(anchor)) => anchors(&std::fs::read_to_string(&target).unwrap()).contains(&anchor),
            };
            if !there {
                dead.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// The list of documents names each page once, under one question.
#[test]
fn every_page_stands_in_the_list_of_documents_with_its_question() {
    let list = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".md") || name == "README.md" {
            continue;
        }
        let rows: Vec<&str> = list.lines().filter(|line| line.contains(&format!("]({name})"))).collect();
        assert_eq!(rows.len(), 1, "{name} stands in {} rows of docs/README.md", rows.len());
        assert!(rows[0].contains('?'), "{name}: {}", rows[0]);
    }
}

/// What is to be run lies where it is said to lie, and the packages that are to be built are there.
#[test]
fn every_path_in_a_command_is_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages().iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let blocks = text.split("```").skip(1).step_by(2).filter(|block| block.starts_with("sh"));
        for line in blocks.flat_map(|block| block.lines().skip(1)) {
            let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            for (at, word) in words.iter().enumerate() {
                let ours = ["tests/", "infra/", "docs/", "events/", "schemas/", ".ci/"];
                if ours.iter().any(|folder| word.starts_with(folder)) {
                    seen += 1;
                    let path = word.trim_end_matches([';', '"', '\'']);
                    if !path.contains(['$', '*']) && !root().join(path).exists() {
                        wrong.push(format!("{}: {path}", page.display()));
                    }
                }
                if words[..at].contains(&"cargo") && words[at - 1] == "-p" {
                    seen += 1;
                    let manifests = ["functions/alibaba", "functions/huawei", "functions/tencent", "functions/report"];
                    let known = [
                        "offsite",
                        "offsite-shared",
                        "offsite-tests",
                        "offsite-fuzz",
                        "offsite-laws",
                        "offsite-protocol",
                    ];
                    let function = manifests
                        .iter()
                        .any(|path| word.trim_start_matches("offsite-") == path.trim_start_matches("functions/"));
                    if !function && !known.contains(word) {
                        wrong.push(format!("{}: no package {word}", page.display()));
                    }
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
