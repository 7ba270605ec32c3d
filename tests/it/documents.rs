//! What the documents tell people to type is what the command understands, and what they install is what systemd understands.

use std::path::{Path, PathBuf};

use crate::command_line::run;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The words of a line, as a shell has them: quotes keep together, and nothing after a pipe, a redirection or a remark counts.
fn words(line: &str) -> Vec<String> {
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

/// Every line that begins with `offsite` in the blocks of code of the documents.
fn commands() -> Vec<(String, Vec<String>)> {
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.extend(["README.md", "README.zh-CN.md"].map(|name| root().join(name)));
    let mut found = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let blocks = text.split("```").skip(1).step_by(2).map(|block| block.replace("\\\n", " "));
        for block in blocks.filter(|block| block.starts_with("sh") || block.starts_with("text")) {
            let lines = block.lines().map(|line| match line.rsplit_once("&& offsite ") {
                Some((_, rest)) => format!("offsite {rest}"),
                None => line.trim().to_owned(),
            });
            found.extend(lines.filter(|line| line.starts_with("offsite ")).map(|line| (name.clone(), words(&line))));
        }
    }
    found
}

/// Each is read by the command's own parser: `--help` at its end keeps it from being done.
#[tokio::test]
async fn every_command_of_the_documents_is_one() {
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
