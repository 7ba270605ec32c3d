//! Both languages say all, and what is told in one holds nothing of the other.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::tz::Offset;
use offsite_shared::model::command::Cloud;
use offsite_shared::report::Report;
use offsite_shared::report::status::{BackupStatus, RuleStatus};
use offsite_shared::sweep::findings::Line;
use offsite_shared::sweep::register::Copied;
use offsite_shared::sweep::verdict::Verdict;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::filter::Filter;
use crate::resources::{STATES, state};
use crate::terms::TERMS;
use crate::witness::{self, Listed, Place, Standing, Testimony};
use crate::{Health, IdStatus, markdown, narrowed_html, narrowed_table, status_text};

fn chinese() -> Reader {
    Reader { language: Language::Chinese, zone: TimeZone::UTC }
}

#[test]
fn both_languages_say_everything_and_with_the_same_values() {
    let mut seen = BTreeSet::new();
    let reasons = reasons::REASONS.iter().map(|line| (true, line));
    for (is_reason, (english, chinese)) in TABLE.iter().copied().flatten().map(|line| (false, line)).chain(reasons) {
        assert!(seen.insert((is_reason, *english)), "twice: {english}");
        let speaks = english.chars().filter(|sign| sign.is_alphabetic()).count() > 2;
        assert!(!speaks || chinese.chars().any(|sign| sign > '\u{2e80}'), "not Chinese: {english}: {chinese}");
        let wanted = english.matches("{}").count();
        let given: Vec<&str> = chinese.split('{').skip(1).map(|part| part.split('}').next().expect("closed")).collect();
        assert_eq!(given.len(), wanted, "{english}: {chinese}");
        if given.iter().any(|hole| !hole.is_empty()) {
            let numbers: BTreeSet<usize> = given.iter().map(|hole| hole.parse().expect("a number")).collect();
            assert_eq!(numbers, (0..wanted).collect(), "{english}: {chinese}");
        }
    }
}

#[test]
fn every_verdict_state_and_term_has_its_definition_in_both() {
    let figures = Verdict::ALL.map(words::figure).into_iter().chain([words::COVERED]);
    let words = figures
        .flat_map(|figure| [figure.label, figure.meaning])
        .chain(STATES.into_iter().flat_map(|one| [state(one).0, state(one).2]))
        .chain(TERMS.into_iter().flat_map(|(_, word, meaning)| [word, meaning]));
    for word in words {
        assert!(translation(word).is_some(), "no Chinese for: {word}");
    }
}

#[test]
fn every_line_of_the_table_is_said_somewhere() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    // What speaks, and not the tables themselves.
    let beside = ["reader/mod.rs", "reader/sentences.rs", "witness/mod.rs"].map(|name| Path::new(folder).join(name));
    let source: String = std::fs::read_dir(folder)
        .expect("the sources")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .chain(beside)
        .map(|path| std::fs::read_to_string(path).expect("a source"))
        .collect();
    // A text may be broken over lines in the source.
    let flat = |text: &str| text.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let source = flat(&source);
    for (english, _) in chinese::WORDS.iter().chain(&lists::WORDS).chain(&ids::WORDS).chain(&definitions::DEFINITIONS) {
        assert!(source.contains(&flat(english)), "nothing says: {english}");
    }
}

#[test]
fn a_sentence_of_a_report_is_told_with_what_is_in_it() {
    let reader = chinese();
    assert_eq!(reader.told("25 backups are due and have no usable copy"), "25 份备份已到期而没有可用副本");
    let said = reader.told("3 resources are unprotected: backups were made and not copied");
    assert_eq!(said, "3 个资源未受保护：备份已生成而未复制");
    assert_eq!(reader.told("the vendor's own words"), "the vendor's own words");
    assert_eq!(Reader::default().told("25 backups are due"), "25 backups are due");
}

#[test]
fn what_is_measured_is_told_against_what_is_allowed() {
    let r = Reader::default();
    assert_eq!(r.against(Some(0), Some(86_400), "none"), "none of 24h");
    assert_eq!(r.against(None, None, "none"), "not known, no objective");
}

#[test]
fn values_fill_the_holes_in_the_order_of_the_language() {
    assert_eq!(fill("{} of {}", &[&1, &2]), "1 of 2");
    assert_eq!(fill("{1} 中的 {0}", &[&1, &2]), "2 中的 1");
    assert_eq!(fill("a { b", &[]), "a { b");
    assert_eq!(holes("{} of {}.", "1 of 2."), None, "too little of its own to be told from another sentence");
    assert_eq!(holes("from {} to {}", "from a to b"), Some(vec!["a", "b"]));
    assert_eq!(holes("from {} to {}", "from a"), None);
}

#[test]
fn a_time_says_by_which_clock_it_is() {
    let at: Timestamp = "2026-08-18T21:40:00Z".parse().expect("a time");
    assert_eq!(Reader::default().moment(at), "2026-08-18 21:40 UTC");
    let there = |hours, minutes| Reader {
        zone: TimeZone::fixed(jiff::tz::Offset::from_seconds(hours * 3600 + minutes * 60).expect("an offset")),
        language: Language::Chinese,
    };
    assert_eq!(there(8, 0).moment(at), "2026-08-19 05:40 UTC+8");
    assert_eq!(there(-3, -30).moment(at), "2026-08-18 18:10 UTC-03:30");
    assert_eq!(there(8, 0).day(at), "2026-08-19");
    assert_eq!(there(8, 0).duration(93_900), "26 小时 5 分钟");
}

#[path = "../../../local/examples/report_page/sample.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the whole sample is shared with the examples and the tests of the product"
)]
mod sample;

fn in_china() -> Reader {
    Reader { language: Language::Chinese, zone: TimeZone::fixed(Offset::constant(8)) }
}

pub(super) fn samples() -> [Report; 6] {
    [sample::rich(), sample::holds(), sample::unknown(), sample::grey(), sample::empty(), sample::front()]
}

/// What a person reads of a page: its text, what is said to those who hear it, and the rows that its script draws.
fn read(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        out.push('\n');
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        let tag = &rest[at..end];
        for name in ["aria-label", "data-label", "data-shown", "data-chosen", "data-more", "placeholder"] {
            if let Some((_, value)) = tag.split_once(&format!(" {name}=\"")) {
                out.push_str(value.split('"').next().unwrap_or_default());
                out.push('\n');
            }
        }
        rest = &rest[end..];
        for closed in ["script", "style", "code"] {
            if tag.starts_with(&format!("<{closed}")) {
                let close = rest.find(&format!("</{closed}>")).expect("it is closed");
                if tag.contains("application/json") {
                    rows(&rest[..close], &mut out);
                }
                rest = &rest[close..];
            }
        }
    }
    out.push_str(rest);
    for (sign, entity) in [("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("&", "&amp;")] {
        out = out.replace(entity, sign);
    }
    out
}

fn rows(json: &str, out: &mut String) {
    let data: serde_json::Value = serde_json::from_str(json).expect("rows");
    for row in data["rows"].as_array().expect("rows") {
        for cell in row["cells"].as_array().expect("cells") {
            // The third of a cell is a command.
            let texts = cell.as_array().map_or_else(|| vec![cell], |parts| parts.iter().take(2).collect());
            for text in texts {
                out.push_str(text.as_str().unwrap_or_default());
                out.push('\n');
            }
        }
    }
}

/// All that a person reads of a report, in Chinese.
pub(super) fn forms(report: &Report) -> [(&'static str, String); 3] {
    let reader = in_china();
    [
        ("table", narrowed_table(report, &Filter::default(), 100_000, &reader)),
        ("markdown", markdown(report, &reader)),
        ("page", read(&narrowed_html(report, &Filter::default(), &reader))),
    ]
}

/// The text without what people, providers and commands have said in it.
pub(super) fn ours(report: &Report, text: &str) -> String {
    let mut foreign: Vec<String> = Vec::new();
    let theirs = |reason: &String| sentence(reason).is_none();
    for rule in &report.rules {
        let about =
            |line: &offsite_shared::sweep::findings::Line| [line.name.clone(), line.reason.clone().filter(theirs)];
        foreign.extend(rule.exceptions.iter().chain(&report.outside).flat_map(about).flatten());
        foreign.extend(
            rule.unprotected.iter().flat_map(|line| [line.name.clone(), line.reason.clone().filter(theirs)]).flatten(),
        );
        foreign.extend(rule.accepted.iter().flat_map(|act| [act.reason.clone(), act.who.clone()]));
        foreign.extend(rule.causes.iter().filter_map(|cause| cause.reason.clone().filter(theirs)));
        foreign.extend(rule.not_covered.keys().filter(|reason| theirs(reason)).cloned());
        foreign.extend(rule.orphans.iter().filter_map(|orphan| orphan.name.clone()));
        foreign.push(rule.rule.clone());
    }
    // The longest first, so that none leaves a part of itself behind.
    foreign.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let mut out = text.to_owned();
    for one in foreign.iter().flat_map(|one| [one.clone(), offsite_shared::model::text::plain(one)]) {
        let inert = one.replace('_', "\\_").replace('`', "\\`");
        out = out.replace(&one, " ").replace(&inert, " ");
    }
    let out = out.replace("objective: none", "");
    let out: String = out.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    // A command ends where its line does, or where Chinese goes on.
    let mut parts = out.split("offsite ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| told + part.trim_start_matches(|sign: char| sign.is_ascii() && sign != '\n'))
}

/// The words between the holes of a text, as far as they can be told from a setting's name.
fn fragments(english: &str) -> impl Iterator<Item = &str> {
    let settings = ["objective", "account", "source", "disk", "backup", "resource", "encrypted", "system_disk", "UTC"];
    english
        .split("{}")
        .map(|part| part.trim_matches(|sign: char| !sign.is_alphanumeric()))
        .filter(move |part| part.len() > 2 && !settings.contains(part))
}

fn has(text: &str, words: &str) -> bool {
    let edge = |sign: Option<char>| sign.is_none_or(|sign| !sign.is_ascii_alphanumeric() && !"-_.".contains(sign));
    text.match_indices(words)
        .any(|(at, _)| edge(text[..at].chars().next_back()) && edge(text[at + words.len()..].chars().next()))
}

#[test]
fn no_english_of_the_table_stays() {
    for report in samples() {
        for (form, text) in forms(&report) {
            let text = ours(&report, &text);
            for (english, _) in TABLE.iter().copied().flatten() {
                for words in fragments(english) {
                    let line = text.lines().find(|line| has(line, words));
                    assert_eq!(line, None, "the {form} says \"{words}\" of \"{english}\"");
                }
            }
            assert!(text.contains("UTC+8"), "{form}: {text}");
        }
    }
}

#[test]
fn the_same_search_finds_what_is_said_in_english() {
    let report = sample::rich();
    let text = ours(&report, &read(&narrowed_html(&report, &Filter::default(), &Reader::default())));
    let said = TABLE.iter().copied().flatten().filter(|(english, _)| fragments(english).any(|words| has(&text, words)));
    assert!(said.count() > 200, "{text}");
}

#[test]
fn a_table_in_chinese_is_no_wider_than_the_terminal_whatever_a_rule_is_called() {
    for mut report in samples() {
        for (index, rule) in report.rules.iter_mut().enumerate() {
            rule.rule = ["生产环境的云硬盘", "データベース", "قاعدة", "веб-диски"][index % 4].to_owned();
        }
        for width in [80, 100, 120] {
            let text = narrowed_table(&report, &Filter::default(), width, &in_china());
            for line in text.lines() {
                let plain: String = line
                    .split('\u{1b}')
                    .enumerate()
                    .map(|(at, part)| if at == 0 { part } else { part.split_once('m').map_or(part, |(_, rest)| rest) })
                    .collect();
                assert!(plain.width() <= width, "{width}: {} columns: {plain}", plain.width());
            }
            assert!(report.rules.iter().all(|rule| text.contains(&rule.rule)), "{text}");
        }
    }
}

/// The text holds nothing of the table's own English.
fn is_chinese(form: &str, text: &str) {
    for (english, _) in ids::WORDS.iter().chain(&definitions::DEFINITIONS) {
        for words in fragments(english) {
            let line = text.lines().find(|line| has(line, words));
            assert_eq!(line, None, "the {form} says \"{words}\" of \"{english}\"");
        }
    }
    assert!(text.contains("UTC+8"), "{form}: {text}");
}

#[test]
fn one_id_is_told_in_chinese_as_well() {
    let report = sample::rich();
    let mut rule = report.rules[0].clone();
    let mut seen = BTreeSet::new();
    rule.exceptions.retain(|line| seen.insert(line.verdict));
    rule.exceptions.iter_mut().for_each(|line| (line.name, line.reason, line.cause) = (None, None, None));
    let backup = |(at, line): (usize, &Line)| BackupStatus {
        line: line.clone(),
        since: line.created_at,
        copy_id: Some("snap-copy0001".to_owned()),
        next_at: line.created_at,
        is_due: true,
        is_backlog: at % 2 == 0,
    };
    let backups: Vec<BackupStatus> = rule.exceptions.iter().enumerate().map(backup).collect();
    assert!(backups.len() > 10);
    let outside: Vec<(Option<String>, BackupStatus)> =
        [None, Some("old".to_owned())].into_iter().zip(backups.clone()).collect();
    let copies = rule.unprotected.iter().map(|line| {
        let copied = Copied { made: report.at, backup: "snap-1".into(), copy: Some("snap-2".into()) };
        (line.resource.clone(), line.destination.clone(), copied)
    });
    let known = RuleStatus { copies: copies.collect(), backups, rule };
    for health in [Health::Well, Health::Unknown, Health::NotWell] {
        let status = IdStatus {
            id: "disk-1".to_owned(),
            health,
            rules: vec![known.clone()],
            outside: outside.clone(),
            cloud: Vec::new(),
            remarks: Vec::new(),
        };
        let text = status_text(&status, 100_000, &in_china());
        is_chinese("status", &ours(&report, &text));
        assert!(status_text(&status, 100, &Reader::default()).contains("newest copy is snap-2, of snap-1 made 20"));
    }
}

#[test]
fn a_witness_is_told_in_chinese_as_well() {
    let report = sample::rich();
    for cloud in [Cloud::Alibaba, Cloud::Huawei, Cloud::Tencent] {
        let listed = |standing| Listed {
            standing,
            id: "snap-1".to_owned(),
            name: Some("nightly".to_owned()),
            resource: Some("disk-1".to_owned()),
            created_at: Some(report.at),
            copy_id: None,
            why: None,
        };
        let place = |backups| Place {
            rule: None,
            cloud,
            account: "prod".to_owned(),
            account_number: Some("1".to_owned()),
            source: "r1".to_owned(),
            destination: "r2".to_owned(),
            unseen: vec!["r3".to_owned()],
            notes: vec!["r4".to_owned()],
            not_covered: [("r5".to_owned(), 2)].into(),
            hidden: vec![("r6", "r7")],
            backups,
        };
        for standing in Standing::ALL {
            let places = vec![place(vec![listed(standing)]), place(Standing::ALL.map(listed).into())];
            let testimony = Testimony { at: report.at, places };
            is_chinese("testimony", &witness::table(&testimony, 100_000, &in_china()));
            // The same search finds what is said in English.
            let english = witness::table(&testimony, 100_000, &Reader::default());
            let found = ids::WORDS.iter().filter(|(text, _)| fragments(text).any(|words| has(&english, words)));
            assert!(found.count() > 15, "{english}");
        }
    }
}
