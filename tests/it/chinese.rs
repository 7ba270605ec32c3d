//! What a person in China reads of real estates: reports, the status of IDs and the witness hold no English but names, codes, commands
//! and what the clouds themselves have said.

use std::collections::BTreeSet;

use offsite_shared::handler::handle;
use offsite_shared::model::command::Cloud;
use offsite_shared::providers::{alibaba, huawei, tencent};
use serde_json::{Value, json};

use crate::decisions::{person, run};
use crate::sweeping::Estate;

/// The first run of two English words that is no command: a sentence that has not been translated.
fn english(text: &str) -> Option<String> {
    let is_word = |word: &str| {
        let bare = word.trim_matches(|sign: char| ",.;:()\"".contains(sign));
        bare.len() > 1 && bare.chars().all(|sign| sign.is_ascii_lowercase() || sign == '\'')
    };
    text.split('`').step_by(2).flat_map(|part| part.split(|sign: char| !sign.is_ascii())).find_map(|part| {
        let words: Vec<&str> = part.split_whitespace().collect();
        let command = words.iter().position(|word| *word == "offsite").unwrap_or(words.len());
        let found = words[..command].windows(2).find(|two| two.iter().all(|word| is_word(word)));
        found.map(|_| part.trim().to_owned())
    })
}

/// Everything in a JSON answer that somebody else has said: names, and reasons that go with a code of the cloud.
fn foreign(told: &Value, found: &mut BTreeSet<String>) {
    match told {
        Value::Object(object) => {
            let text = |name: &str| object.get(name).and_then(Value::as_str);
            found.extend(text("name").map(str::to_owned));
            let is_code = |cause: &str| !cause.contains(' ') && cause.chars().any(|sign| sign.is_ascii_uppercase());
            if let (Some(cause), Some(reason)) = (text("cause"), text("reason"))
                && is_code(cause)
            {
                found.insert(said_by_the_cloud(reason).to_owned());
            }
            // Where a copy failed, the cloud's own words stand after ours.
            for reason in [text("reason"), text("text")].into_iter().flatten() {
                found
                    .extend(reason.split_once("the copy failed: ").map(|(_, said)| said_by_the_cloud(said).to_owned()));
            }
            object.values().for_each(|inner| foreign(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| foreign(inner, found)),
        _ => {}
    }
}

/// What the cloud has said of a reason, without the advice of our tables behind it.
fn said_by_the_cloud(reason: &str) -> &str {
    let tables = [alibaba::codes::TABLE, huawei::codes::TABLE, tencent::codes::TABLE];
    let mut advice = tables.into_iter().flatten().map(|row| row.advice).filter(|advice| !advice.is_empty());
    advice.find_map(|advice| reason.strip_suffix(advice)?.strip_suffix("; ")).unwrap_or(reason)
}

/// The text on one line, without what others have said and without colours.
fn ours(text: &str, foreign: &BTreeSet<String>) -> String {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = foreign.iter().map(|said| flat(said)).filter(|said| said.contains(' ')).collect();
    all.sort_by_key(|said| std::cmp::Reverse(said.len()));
    all.iter().fold(flat(text), |text, said| text.replace(said.as_str(), "。"))
}

/// What is wrong with a text that ought to be Chinese.
fn trouble(what: &str, text: &str, foreign: &BTreeSet<String>) -> Option<String> {
    let ours = ours(text, foreign);
    assert!(ours.chars().filter(|sign| *sign > '\u{2e80}').count() > 20, "{what}: {text}");
    english(&ours).map(|found| format!("{what}: {found}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_real_estates_nothing_is_told_in_english() {
    let estate = Estate::start(11, 300).await;
    let mut found: Vec<String> = Vec::new();
    for cloud in Cloud::ALL {
        let policy = estate.policy(cloud).await;
        let context = estate.context(&policy);
        handle(&context, &json!({ "action": "sweep" }), &estate.invocation(3_600)).await.unwrap();
        let mut environment = person(&estate, &policy);
        environment.push(("OFFSITE_LANG".to_owned(), "zh".to_owned()));
        let mut said = BTreeSet::new();
        let report: Value =
            serde_json::from_str(&run(&["report", "--format", "json"], &environment).await.stdout).unwrap();
        foreign(&report, &mut said);
        found.extend(trouble("report", &run(&["report", "--format", "table"], &environment).await.stdout, &said));
        found.extend(trouble("markdown", &run(&["report", "--format", "markdown"], &environment).await.stdout, &said));
        let witness = run(&["witness", "--format", "json"], &environment).await.stdout;
        foreign(&serde_json::from_str(&witness).unwrap(), &mut said);
        found.extend(trouble("witness", &run(&["witness", "--format", "table"], &environment).await.stdout, &said));
        // One ID of each verdict and cause.
        let mut seen = BTreeSet::new();
        let lines = report["rules"].as_array().unwrap().iter().flat_map(|rule| rule["exceptions"].as_array().unwrap());
        let ids = lines.filter(|line| seen.insert((line["verdict"].to_string(), line["cause"].to_string())));
        for id in ids.take(8).map(|line| line["backup_id"].as_str().unwrap()) {
            let told = run(&["status", id, "--format", "json"], &environment).await.stdout;
            let mut said = said.clone();
            foreign(&serde_json::from_str(&told).unwrap(), &mut said);
            found.extend(trouble(id, &run(&["status", id, "--format", "table"], &environment).await.stdout, &said));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The twin: in English the same search finds what is said.
#[test]
fn the_same_search_finds_english() {
    let said = BTreeSet::from(["the disk is full".to_owned()]);
    assert_eq!(english(&ours("规则 web：the copy\n  is gone", &said)).as_deref(), Some("the copy is gone"));
    for fine in [
        "副本失败：X.1：the disk\n is full",
        "用 `offsite ledger show abc` 查看",
        "下一步：offsite risk accept --rule web",
    ] {
        assert_eq!(english(&ours(fine, &said)), None, "{fine}");
    }
}
