//! Who reads a report: in which language, and by which clock. Programs read English and UTC, which is the default.
//!
//! The English text stands in the code, where it is said; [`chinese`] has the other side of each. `said!` looks a text up when it is
//! compiled, so that none without a translation can be built.

mod advice;
mod chinese;
mod definitions;
mod ids;
mod lists;
mod reasons;
mod sentences;

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use offsite_shared::model::error::Error;
use offsite_shared::settings::environment::Environment;

use super::words;

/// In which language a report is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// All of them, as `--lang` and `OFFSITE_LANG` name them.
    pub const NAMES: [&str; 2] = ["en", "zh"];

    /// The language of this name.
    pub fn named(name: &str) -> Option<Language> {
        match name {
            "en" => Some(Language::English),
            "zh" => Some(Language::Chinese),
            _ => None,
        }
    }

    /// The language that `OFFSITE_LANG` names, English where it is not set.
    ///
    /// # Errors
    /// It names another.
    pub fn from_environment(environment: &Environment) -> Result<Language, Error> {
        let name = environment.get("OFFSITE_LANG").unwrap_or("en");
        let wrong = || Error::configuration(format!("OFFSITE_LANG must be en or zh, not \"{name}\""));
        Language::named(name).ok_or_else(wrong)
    }
}

/// Who reads it.
#[derive(Clone, Debug)]
pub struct Reader {
    /// In this language.
    pub language: Language,
    /// By this clock, which has one distance to UTC. Days of the calendar are in UTC for everybody.
    pub zone: TimeZone,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { language: Language::English, zone: TimeZone::UTC }
    }
}

/// The one table of words: everything that is said of a report, each text with its translation. The holes `{}` are in the order of the
/// English one; where the order differs, `{0}` and `{1}`.
const TABLE: [&[(&str, &str)]; 5] =
    [&chinese::WORDS, &lists::WORDS, &ids::WORDS, &definitions::DEFINITIONS, &sentences::SENTENCES];

/// `said!(reader, "text")` is the text in the reader's language; `said!(reader, "{} of {}", a, b)` has its holes filled.
macro_rules! said {
    ($reader:expr, $english:literal) => {{
        const _: (usize, usize) = $crate::reader::place($english, 0);
        $reader.word($english)
    }};
    ($reader:expr, $english:literal, $($value:expr),+ $(,)?) => {{
        const AT: (usize, usize) = $crate::reader::place($english, [$(stringify!($value)),+].len());
        $reader.filled(AT, &[$(&$value as &dyn std::fmt::Display),+])
    }};
}
pub(super) use said;

impl Reader {
    /// A text that the table has.
    pub(super) fn word(&self, english: &'static str) -> &'static str {
        match self.language {
            Language::English => english,
            Language::Chinese => translation(english).unwrap_or(english),
        }
    }

    /// The text at a place of the table, its holes filled.
    pub(super) fn filled(&self, (part, line): (usize, usize), values: &[&dyn Display]) -> String {
        let (english, chinese) = TABLE[part][line];
        fill(if self.language == Language::English { english } else { chinese }, values)
    }

    /// A sentence that a report carries. What no sentence of the table is stays as it is: a provider's words, for instance.
    pub(super) fn told(&self, text: &str) -> String {
        if self.language == Language::English {
            return text.to_owned();
        }
        sentence(text).or_else(|| translation(text).map(str::to_owned)).unwrap_or_else(|| text.to_owned())
    }

    /// A time to the minute, by the reader's clock: `2026-08-18 05:40`.
    pub fn minute(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The same with what clock that is: `2026-08-18 05:40 UTC`.
    pub fn moment(&self, at: Timestamp) -> String {
        format!("{} {}", self.minute(at), self.clock(at))
    }

    /// A day, by the reader's clock: `2026-08-18`.
    pub(super) fn day(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }

    /// A short time below a chart, to the day or to the minute.
    pub(super) fn tick(&self, at: Timestamp, to_the_day: bool) -> String {
        let format = match (self.language, to_the_day) {
            (Language::English, true) => "%-d %b",
            (Language::English, false) => "%-d %b %H:%M",
            (Language::Chinese, true) => "%-m月%-d日",
            (Language::Chinese, false) => "%-m月%-d日 %H:%M",
        };
        at.to_zoned_datetime(self.zone.clone()).strftime(format).to_string()
    }

    /// How the reader's clock stands to UTC at that time: `UTC`, `UTC+8`, `UTC-03:30`.
    pub fn clock(&self, at: Timestamp) -> String {
        let seconds = self.zone.to_offset(at).seconds();
        match (seconds / 3600, seconds % 3600 / 60) {
            (0, 0) => "UTC".to_owned(),
            (hours, 0) => format!("UTC{hours:+}"),
            (hours, minutes) => {
                let sign = if seconds < 0 { '-' } else { '+' };
                format!("UTC{sign}{:02}:{:02}", hours.abs(), minutes.abs())
            }
        }
    }

    /// A duration in at most two units: `26h 5m`.
    pub(super) fn duration(&self, seconds: u64) -> String {
        let short = words::duration(seconds);
        if self.language == Language::English {
            return short;
        }
        short.replace('s', " 秒").replace('m', " 分钟").replace('h', " 小时").replace('d', " 天")
    }

    /// What a measured time is of what is allowed: `3h 12m of 24h`.
    pub(super) fn against(&self, seconds: Option<u64>, allowed: Option<u64>, none: &str) -> String {
        let now = match seconds {
            None => said!(self, "not known").to_owned(),
            Some(0) => none.to_owned(),
            Some(seconds) => self.duration(seconds),
        };
        match allowed {
            Some(allowed) => said!(self, "{} of {}", now, self.duration(allowed)),
            None => said!(self, "{}, no objective", now),
        }
    }

    /// For how long something did not hold, and for how long nobody knew, as far as there were such minutes.
    pub(super) fn minutes(&self, not_holding: u64, unknown: u64) -> Vec<String> {
        let holding = (not_holding > 0).then(|| said!(self, "{} not holding", self.duration(not_holding * 60)));
        let known = (unknown > 0).then(|| said!(self, "{} not known", self.duration(unknown * 60)));
        [holding, known].into_iter().flatten().collect()
    }

    /// Words in a row: `a, b and c`.
    pub(super) fn listed(&self, parts: &[String]) -> String {
        match self.language {
            Language::English => words::listed(parts),
            Language::Chinese => parts.join("、"),
        }
    }

    /// Clauses in a row: `a, b, c`.
    pub(super) fn joined(&self, parts: &[String]) -> String {
        parts.join(if self.language == Language::English { ", " } else { "，" })
    }

    /// So many backups of which that is said.
    pub(super) fn backups(&self, count: &str, words: &'static str) -> String {
        match self.language {
            Language::English => format!("{count} {words}"),
            Language::Chinese => format!("{count} 份{}", self.word(words)),
        }
    }

    /// Between two sentences.
    pub(super) fn space(&self) -> &'static str {
        if self.language == Language::English { " " } else { "" }
    }

    /// Between what is told and why: `: `.
    pub(super) fn colon(&self) -> &'static str {
        if self.language == Language::English { ": " } else { "：" }
    }

    /// How many columns a duration takes that takes so many in English.
    pub(super) fn columns(&self, english: usize) -> usize {
        if self.language == Language::English { english } else { english + 6 }
    }

    /// The name of its language for a browser.
    pub(super) fn tag(&self) -> &'static str {
        if self.language == Language::English { "en" } else { "zh-CN" }
    }
}

/// Where a text stands in the table.
///
/// # Panics
/// It is not there, or has another number of holes. That ends compiling.
pub(super) const fn place(english: &str, values: usize) -> (usize, usize) {
    let wanted = english.as_bytes();
    let mut at = 0;
    let mut open = 0;
    while at + 1 < wanted.len() {
        if wanted[at] == b'{' && wanted[at + 1] == b'}' {
            open += 1;
        }
        at += 1;
    }
    assert!(open == values, "a text has another number of holes than it is given values");
    let mut part = 0;
    while part < TABLE.len() {
        let mut line = 0;
        while line < TABLE[part].len() {
            if same(wanted, TABLE[part][line].0.as_bytes()) {
                return (part, line);
            }
            line += 1;
        }
        part += 1;
    }
    panic!("a text has no translation in reader/chinese.rs")
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

fn translation(english: &str) -> Option<&'static str> {
    TABLE.iter().copied().flatten().find(|(key, _)| *key == english).map(|(_, chinese)| *chinese)
}

/// What a sentence may be about, with an ID after it.
const ABOUT: [(&str, &str); 3] = [("the snapshot ", "快照"), ("the backup ", "备份"), ("the checkpoint item ", "备份")];

/// A sentence in Chinese, with what is in it; `None` if it is none of ours.
fn sentence(text: &str) -> Option<String> {
    // What to do stands behind what a cloud has said.
    if let Some((said, advice)) = advice::split(text) {
        return Some(format!("{}；{advice}", sentence(said).unwrap_or_else(|| said.to_owned())));
    }
    for (english, chinese) in reasons::REASONS.iter().chain(&sentences::SENTENCES) {
        if let Some(values) = holes(english, text) {
            // A word by itself is a name or an ID.
            let told =
                |value: &str| sentence(value).filter(|_| value.contains(' ')).unwrap_or_else(|| value.to_owned());
            let values: Vec<String> = values.into_iter().map(told).collect();
            let values: Vec<&dyn Display> = values.iter().map(|value| value as &dyn Display).collect();
            return Some(fill(chinese, &values));
        }
    }
    // What a sentence is about stands before it, or a place or code does.
    for (english, chinese) in ABOUT {
        if let Some((id, rest)) = text.strip_prefix(english).and_then(|rest| rest.split_once(' ')) {
            return Some(format!("{chinese} {id} {}", sentence(rest)?));
        }
    }
    let (head, rest) = text.split_once(": ").filter(|(head, _)| !head.contains(' '))?;
    Some(format!("{head}：{}", sentence(rest)?))
}

/// A text with its holes filled, each value once, in their order or where a number names them.
fn fill(text: &str, values: &[&dyn Display]) -> String {
    let (mut out, mut rest, mut next) = (String::new(), text, 0);
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|close| open + close) else { break };
        out += &rest[..open];
        let at = rest[open + 1..close].parse().unwrap_or(next);
        if let Some(value) = values.get(at) {
            out += &value.to_string();
        }
        next += 1;
        rest = &rest[close + 1..];
    }
    out + rest
}

/// What stands in a text at the holes of a sentence, if it is that sentence.
fn holes<'t>(sentence: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut parts = sentence.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let parts: Vec<&str> = parts.collect();
    // A sentence of nothing but holes would take everything.
    if sentence.split("{}").all(|part| part.chars().filter(|sign| sign.is_alphabetic()).count() < 3)
        && !parts.is_empty()
    {
        return None;
    }
    for (index, part) in parts.iter().enumerate() {
        let at = match (part.is_empty(), index + 1 == parts.len()) {
            (true, true) => rest.len(),
            (false, true) => rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(part))?,
            _ => rest.find(part)?,
        };
        values.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod spoken;
#[cfg(test)]
mod tests;
