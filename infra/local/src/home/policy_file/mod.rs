//! The policy as a file: YAML or JSON to a [`Policy`], every problem with its line and column.
//!
//! JSON is read as the YAML that it is, so both have positions. What YAML has beyond JSON's model is refused: anchors and
//! aliases (and so their expansion), tags, several documents, keys that are not texts, doubled keys. Plain words are what
//! YAML 1.2's core schema says: `no` and `on` are texts, `1` is a number and therefore no region.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use offsite_shared::model::error::Error;
use offsite_shared::model::fields::FieldError;
use offsite_shared::model::json;
use offsite_shared::model::text::one_line;
use offsite_shared::policy::Policy;
use offsite_shared::settings::environment::Environment;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value};

/// The variable that names the policy.
pub(crate) const VARIABLE: &str = "OFFSITE_POLICY";

/// The policy where nothing names one.
pub(crate) const DEFAULT: &str = "./offsite.yaml";

/// The greatest policy that is read.
pub(crate) const MAX_BYTES: u64 = 1024 * 1024;

/// How deep a policy may be nested; six levels have a meaning.
const MAX_DEPTH: usize = 16;

/// A place in a file, both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in characters.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place, if the file could be read at all.
    pub at: Option<Position>,
    /// Path of the field, such as `rules[0].source.region`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, in one line.
    pub reason: String,
}

/// All that is wrong with a file, in its order. Displays as one line each: `file:line:column: path: reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file's name, for people.
    pub file: String,
    /// The problems, of which there is at least one.
    pub list: Vec<Problem>,
}

/// Where the policy is: what the command line says, else what the environment says, else the default.
///
/// # Errors
/// The environment names an S3 or SSM URI, which only the functions on AWS read.
pub(crate) fn location(argument: Option<&Path>, environment: &Environment) -> anyhow::Result<PathBuf> {
    if let Some(path) = argument {
        return Ok(path.to_owned());
    }
    let named = environment.get(VARIABLE).unwrap_or(DEFAULT);
    anyhow::ensure!(
        !named.contains("://") && !named.starts_with("ssm:") && !named.starts_with("arn:"),
        "{VARIABLE} is {}, which the functions on AWS read: name a file on this machine",
        one_line(named)
    );
    Ok(PathBuf::from(named))
}

/// The policy in force on this machine: the one that the environment names, or the default file if it is there.
///
/// # Errors
/// It cannot be read, or is wrong.
pub(crate) fn in_force(environment: &Environment) -> Result<Option<Policy>, Error> {
    let path = location(None, environment).map_err(|error| Error::configuration(error.to_string()))?;
    if environment.get(VARIABLE).is_none() && !path.exists() {
        return Ok(None);
    }
    read(&path).map(Some).map_err(|problems| Error::configuration(problems.to_string()))
}

/// The name of a policy for people.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { one_line(&path.display().to_string()) }
}

/// Reads a policy from a file, or from standard input for `-`.
///
/// # Errors
/// All that is wrong with it.
pub fn read(path: &Path) -> Result<Policy, Problems> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => parse(&name(path), &bytes),
        Err(error) => Err(Problems { file: name(path), list: vec![whole(format!("cannot be read: {error}"))] }),
    }
}

/// Reads a policy from the content of a file.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Policy, Problems> {
    policy(bytes).map_err(|mut list| {
        list.sort_by_key(|problem| problem.at);
        Problems { file: file.to_owned(), list }
    })
}

impl Problem {
    fn at(marker: &Marker, path: &str, reason: impl AsRef<str>) -> Problem {
        Problem { at: Some(position(marker)), path: path.to_owned(), reason: one_line(reason.as_ref()) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 100;
        for (index, problem) in self.list.iter().take(SHOWN).enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            f.write_str(&self.file)?;
            if let Some(Position { line, column }) = problem.at {
                write!(f, ":{line}:{column}")?;
            }
            if !problem.path.is_empty() {
                write!(f, ": {}", problem.path)?;
            }
            write!(f, ": {}", problem.reason)?;
        }
        match self.list.len() {
            0..=SHOWN => Ok(()),
            more => write!(f, "\n{}: and {} more problems", self.file, more - SHOWN),
        }
    }
}

impl std::error::Error for Problems {}

fn policy(bytes: &[u8]) -> Result<Policy, Vec<Problem>> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(vec![whole(format!("is greater than {MAX_BYTES} bytes"))]);
    }
    let text = as_yaml(json::utf8(bytes).map_err(|reason| vec![whole(reason)])?);
    let mut document = Document::new(&text);
    let value = document.read().map_err(|problem| vec![problem]);
    // What is no plain data cannot be judged as a policy.
    let value = match (value, std::mem::take(&mut document.problems)) {
        (Ok(value), problems) if problems.is_empty() => value,
        (Ok(_), problems) => return Err(problems),
        (Err(mut last), mut problems) => {
            problems.append(&mut last);
            return Err(problems);
        }
    };
    Policy::from_json(&value).map_err(|errors| errors.into_iter().map(|error| document.problem(error)).collect())
}

fn whole(reason: String) -> Problem {
    Problem { at: None, path: String::new(), reason: one_line(&reason) }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// The one document of a file while it is read.
struct Document<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Where each path begins: an entry at its key.
    positions: BTreeMap<String, Position>,
    problems: Vec<Problem>,
}

impl<'a> Document<'a> {
    fn new(text: &'a str) -> Document<'a> {
        Document { parser: Parser::new_from_str(text), positions: BTreeMap::new(), problems: Vec::new() }
    }

    fn read(&mut self) -> Result<Value, Problem> {
        let mut value = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => {
                    let empty = "is empty; a policy without rules says version: 1 and rules: []";
                    return value.filter(|value: &Value| !value.is_null()).ok_or_else(|| whole(empty.to_owned()));
                }
                _ if value.is_some() => {
                    return Err(Problem::at(
                        &span.start,
                        "",
                        "a second document begins here; a policy is one document",
                    ));
                }
                event => {
                    self.positions.insert(String::new(), position(&span.start));
                    value = Some(self.node(event, span, "", 0)?);
                }
            }
        }
    }

    /// The scanner runs ahead of the events, so what it cannot read has a place but no certain path.
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        let wrong = |error: ScanError| Problem::at(error.marker(), "", format!("is not YAML: {}", error.info()));
        match self.parser.next_event() {
            Some(read) => read.map_err(wrong),
            None => Err(whole("ends too early".to_owned())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &str, depth: usize) -> Result<Value, Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::at(&span.start, path, format!("is nested deeper than {MAX_DEPTH} levels")));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(anchor, tag.is_some(), &span, path);
                Ok(if style == ScalarStyle::Plain { plain(&text) } else { Value::String(text.into_owned()) })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(anchor, tag.is_some(), &span, path);
                self.sequence(path, depth)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(anchor, tag.is_some(), &span, path);
                self.mapping(path, depth)
            }
            Event::Alias(_) => {
                self.problems.push(Problem::at(&span.start, path, "aliases (*name) are not read here: write it out"));
                Ok(Value::Null)
            }
            other => Err(Problem::at(&span.start, path, format!("is not YAML: unexpected {other:?}"))),
        }
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            let path = format!("{path}[{}]", items.len());
            self.positions.insert(path.clone(), position(&span.start));
            items.push(self.node(event, span, &path, depth + 1)?);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut object = Map::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(object)),
                Event::Scalar(key, _, anchor, tag) => {
                    self.refuse(anchor, tag.is_some(), &span, path);
                    key.into_owned()
                }
                _ => return Err(Problem::at(&span.start, path, "has a key that is not a text")),
            };
            let shown = one_line(&key);
            let path = if path.is_empty() { shown } else { format!("{path}.{shown}") };
            let first = object.contains_key(&key).then(|| self.positions.get(&path).map_or(0, |at| at.line));
            if let Some(line) = first {
                self.problems.push(Problem::at(&span.start, &path, format!("is given twice, first on line {line}")));
            } else {
                self.positions.insert(path.clone(), position(&span.start));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, &path, depth + 1)?;
            object.entry(key).or_insert(value);
        }
    }

    /// Anchors and tags: an anchor's number is not 0.
    fn refuse(&mut self, anchor: usize, tagged: bool, span: &Span, path: &str) {
        if anchor != 0 {
            self.problems.push(Problem::at(&span.start, path, "anchors (&name) are not read here: write it out"));
        }
        if tagged {
            self.problems.push(Problem::at(&span.start, path, "tags (!name) are not read here: quotes make a text"));
        }
    }

    /// A complaint about a field, at the field or else at what it is missing from.
    fn problem(&self, error: FieldError) -> Problem {
        let mut path = error.field.as_str();
        let at = loop {
            match self.positions.get(path) {
                Some(at) => break Some(*at),
                None if path.is_empty() => break None,
                None => path = path.rfind(['.', '[']).map_or("", |cut| &path[..cut]),
            }
        };
        let advice = match error.reason.as_str() {
            "must be a text, not a number" | "must be a text, not true or false" => ": put it in quotes",
            "must be true or false, not a text" => ": YAML 1.2 has no yes, no, on or off, and quotes make a text",
            _ => "",
        };
        Problem { at, reason: format!("{}{advice}", error.reason), path: error.field }
    }
}

/// A plain scalar. Source: YAML 1.2.2, 10.3.2 core schema, 2021-10-01. Infinities and not-a-number, which JSON lacks, stay texts.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let number = match (text.strip_prefix("0o"), text.strip_prefix("0x")) {
        (Some(octal), _) => u64::from_str_radix(octal, 8).ok().map(Number::from),
        (_, Some(hex)) => u64::from_str_radix(hex, 16).ok().map(Number::from),
        _ => decimal(text),
    };
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn decimal(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins = unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|c: char| c.is_ascii_digit());
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+');
    if !begins || !text.chars().all(of_number) {
        return None;
    }
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

/// JSON as YAML: the same text, but for characters beyond U+FFFF, which JSON may escape as a pair of surrogates.
fn as_yaml(text: &str) -> Cow<'_, str> {
    let paired = text.trim_start().starts_with('{') && text.contains("\\u");
    if !paired || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // An escape is a backslash and one character at least: this is JSON.
        let (character, length) = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                (char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12)
            }
            _ => (None, 2),
        };
        match character {
            Some(character) => out.push(character),
            None => out.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The number of a `\uXXXX` at the beginning.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests;
