//! Everything that the product says of a backup, rule or ID has its Chinese: read from the sources that say it, so that a sentence which
//! nobody put into the table is found by that.

use std::path::Path;

use super::*;

/// What speaks to the reader of a report, a status or a testimony.
const SPEAKERS: [&str; 31] = [
    "shared/src/sweep/verdict.rs",
    "shared/src/sweep/gone.rs",
    "shared/src/sweep/losses.rs",
    "shared/src/sweep/pages.rs",
    "shared/src/sweep/remember.rs",
    "shared/src/sweep/starts.rs",
    "shared/src/sweep/stop.rs",
    "shared/src/sweep/asking.rs",
    "shared/src/sweep/chunks.rs",
    "shared/src/report/brake.rs",
    "shared/src/report/conclusion.rs",
    "shared/src/report/outside.rs",
    "shared/src/report/status.rs",
    "shared/src/ledger/adopted.rs",
    "shared/src/ledger/error.rs",
    "shared/src/ledger/observed.rs",
    "shared/src/ledger/swept.rs",
    "shared/src/policy/select.rs",
    "shared/src/providers/inventory.rs",
    "shared/src/providers/alibaba/inventory.rs",
    "shared/src/providers/huawei/inventory.rs",
    "shared/src/providers/tencent/inventory.rs",
    "shared/src/providers/alibaba/observe.rs",
    "shared/src/providers/alibaba/readback.rs",
    "shared/src/providers/huawei/observe.rs",
    "shared/src/providers/huawei/readback.rs",
    "shared/src/providers/tencent/observe.rs",
    "shared/src/providers/tencent/readback.rs",
    "infra/local/src/cmd/witness/judging.rs",
    "infra/local/src/cmd/witness/look.rs",
    "infra/local/src/cmd/status.rs",
];

/// Texts of these sources that are only parts of what a reader is told: [`WHOLE`] has them put together.
const PARTS: [&str; 14] = [
    "{} is not in {}: it was deleted, or the region or project is wrong",
    "the snapshot {} {}",
    "was given up by a person{}",
    "that was seen",
    "in the destination",
    "Nothing is started: {}",
    "resource is",
    "resources are",
    "{} {} unprotected: {}",
    " or more",
    "a backup of {}",
    "the {} in {} could not be listed to the end: {}",
    "see the notes, and ",
    "nothing knows {}: neither a sweep nor the ledger{}; {}look for the exact ID in `offsite report` or in the cloud's console",
];

/// The same put together, as a reader is told it.
const WHOLE: [&str; 20] = [
    "the backup {} is not in {}: it was deleted, or the region or project is wrong",
    "ap-beijing: the backup {} is in the state {}; it can be copied once it is available",
    "the snapshot {} is in the recycle bin",
    "the checkpoint item {} is itself a replica, and replicas are never copied on",
    "was given up by a person",
    "was given up by a person: OPS-21",
    "the copy that was seen is no longer usable in the destination",
    "the copy in the destination was given up or thrown away",
    "Nothing is started: rule {} is paused since {} by {}: {}; `offsite resume --rule {}` ends it",
    "Nothing is started: everything is paused since {} by {}: {}; `offsite resume` ends it",
    "Nothing is started: everything on {} is paused since {} by {}: {}; `offsite resume --provider {}` ends it",
    "1 resource is unprotected: backups were made and not copied",
    "2 resources are unprotected: their backups cannot be copied (`offsite risk accept` where that is all right)",
    "select.exclude.resources: it is a backup of {}, which the rule excludes",
    "the backups in {} could not be listed to the end: {}",
    "the copies in {} could not be listed to the end: {}",
    "nothing knows {}: neither a sweep nor the ledger; look for the exact ID in `offsite report` or in the cloud's console",
    "nothing knows {}: neither a sweep nor the ledger; see the notes, and look for the exact ID in `offsite report` or in the cloud's console",
    "nothing knows {}: neither a sweep nor the ledger; did you mean {}?; look for the exact ID in `offsite report` or in the cloud's console",
    "nothing knows {}: neither a sweep nor the ledger; did you mean {}?; see the notes, and look for the exact ID in `offsite report` or in the cloud's console",
];

/// Texts of these sources that no reader of a report is told: the help and errors of a command, what moves while it works, a line of the
/// log, the name of a copy.
const ELSEWHERE: [&str; 5] = [
    "asking ledger and cloud",
    "An ID is that of a snapshot, ",
    "error: {}",
    "the work queue has not taken this command; the next sweep sends it again",
    "Copied ",
];

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The texts of a source, each as it is when the program runs; what is written by name or number in braces is a hole.
fn texts(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut out = Vec::new();
    let mut signs = source.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '/' if signs.peek() == Some(&'/') => _ = signs.by_ref().find(|sign| *sign == '\n'),
            '\'' => {
                // A character, or a lifetime, which has no end.
                let mut ahead = signs.clone();
                let first = ahead.next();
                let is_escape = first == Some('\\');
                if is_escape || ahead.next() == Some('\'') {
                    signs.next();
                    if is_escape {
                        signs.next();
                    }
                    _ = signs.by_ref().find(|sign| *sign == '\'');
                }
            }
            '"' => out.push(text(&mut signs)),
            _ => {}
        }
    }
    out
}

fn text(signs: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut out = String::new();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => break,
            '\\' => match signs.next() {
                Some('\n') => while signs.next_if(|sign| sign.is_whitespace()).is_some() {},
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            '{' if signs.peek() != Some(&'{') => {
                _ = signs.by_ref().find(|sign| *sign == '}');
                out.push_str("{}");
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether a text is words for people, and not a name or a form for programs.
fn is_words(text: &str) -> bool {
    text.contains(' ') && text.chars().filter(|sign| sign.is_ascii_alphabetic()).count() > 4
}

/// The English of a text that stays when it is told in Chinese; its holes are filled with IDs.
fn stays(text: &str) -> Option<String> {
    let mut number = 0;
    let parts: Vec<&str> = text.split("{}").collect();
    let filled = parts.iter().skip(1).fold(parts[0].to_owned(), |told, part| {
        number += 1;
        format!("{told}x-{number}{part}")
    });
    let reader = Reader { language: Language::Chinese, zone: TimeZone::UTC };
    let told = reader.told(&filled);
    (told == filled || english(&told).is_some()).then_some(told)
}

/// The first run of two English words: neither a command, nor IDs and settings.
fn english(text: &str) -> Option<String> {
    let text: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let is_word = |word: &str| {
        if word.starts_with('-') {
            return false;
        }
        let word = word.trim_matches(|sign: char| !sign.is_alphanumeric());
        word.len() > 1 && word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '\'')
    };
    text.split(|sign: char| !sign.is_ascii() || sign == '`').find_map(|run| {
        let words: Vec<&str> = run.split_whitespace().collect();
        words.windows(2).find(|two| two.iter().all(|word| is_word(word))).map(|_| run.trim().to_owned())
    })
}

fn untold(source: &str) -> Vec<String> {
    let is_known = |text: &str| PARTS.contains(&text) || ELSEWHERE.iter().any(|known| text.starts_with(known));
    let texts = texts(source).into_iter().filter(|text| is_words(text) && !is_known(text));
    texts.filter(|text| stays(text).is_some()).collect()
}

#[test]
fn every_sentence_that_the_sources_say_has_its_chinese() {
    let mut missing = Vec::new();
    for speaker in SPEAKERS {
        missing.extend(untold(&source(speaker)).into_iter().map(|text| format!("{speaker}: {text:?}")));
    }
    missing.extend(WHOLE.into_iter().filter(|text| stays(text).is_some()).map(str::to_owned));
    // What is left out is still said there.
    let said: Vec<String> = SPEAKERS.iter().flat_map(|speaker| texts(&source(speaker))).collect();
    for known in PARTS.iter().chain(&ELSEWHERE) {
        assert!(said.iter().any(|text| text.starts_with(known)), "nothing says: {known}");
    }
    assert!(missing.is_empty(), "no Chinese in reader/reasons.rs:\n{}", missing.join("\n"));
}

/// The twin: a sentence that nobody put into the table is found, and so are one with a hole and half a translation.
#[test]
fn a_sentence_without_chinese_is_found() {
    let source = r#"
        // "a remark in a comment says nothing"
        let reason = "nobody has put this into the table".to_owned();
        let told = format!("the copy {id} went \
            another way");
        let half = format!("the copy failed: {reason} which is said in `offsite ledger show` and nowhere else");
        let fine = ("the copy is gone", '"', "snap-1", 'x', &'a str);
        #[cfg(test)]
        let test = "what a test says is not told to anybody";
    "#;
    let half = "the copy failed: {} which is said in `offsite ledger show` and nowhere else";
    assert_eq!(untold(source), ["nobody has put this into the table", "the copy {} went another way", half]);
    assert_eq!(english("规则 web：the copy is gone"), Some("the copy is gone".to_owned()));
    for fine in ["用 `offsite ledger resolve --acknowledge` 了结", "snap-1 disk-2 (UTC+8)", "rule_a，ap-beijing"] {
        assert_eq!(english(fine), None, "{fine}");
    }
}

/// Whatever part of a report tells a reason, tells it in Chinese: here all reasons are sentences of ours, and all names are out of the way.
#[test]
fn no_part_of_a_report_leaves_a_reason_in_english() {
    for mut report in tests::samples() {
        for rule in &mut report.rules {
            for line in &mut rule.exceptions {
                (line.reason, line.resource_kind) =
                    (Some("the copy is gone".to_owned()), Some("file system".to_owned()));
                (line.name, line.cause) = (None, line.cause.take().filter(|_| false));
            }
            for line in &mut rule.unprotected {
                (line.reason, line.kind) = (Some("the rule leaves it out".to_owned()), Some("file system".to_owned()));
                line.name = None;
            }
            rule.causes.iter_mut().for_each(|cause| cause.reason = Some("is still running".to_owned()));
            rule.orphans.iter_mut().for_each(|orphan| orphan.name = None);
            for (at, found) in std::mem::take(&mut rule.not_covered).into_values().enumerate() {
                let reason = ["is in the recycle bin", "select.tags.env: its value is \"dev\", not \"prod\""][at % 2];
                rule.not_covered.insert(reason.to_owned(), found);
            }
        }
        for line in &mut report.outside {
            (line.reason, line.name, line.cause) = (Some("the copy expired as planned".to_owned()), None, None);
        }
        for (form, text) in tests::forms(&report) {
            for line in tests::ours(&report, &text).lines() {
                assert_eq!(english(line), None, "the {form} says: {line}");
            }
        }
    }
}
