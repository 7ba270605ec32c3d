//! What the doctor found, as a table for people and as JSON for programs.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::text::one_line;
use offsite_shared::providers::probe::{Finding, Health};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::cmd::show;
use crate::report::paragraph;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Copies can be made, but somebody should look.
    Warn,
    /// Copies cannot be made.
    Fail,
    /// It cannot be told.
    Unknown,
    /// Not looked at, because of another check.
    Skipped,
}

impl Status {
    /// All of them, in the order of the summary.
    pub(crate) const ALL: [Status; 5] = [Status::Ok, Status::Warn, Status::Fail, Status::Unknown, Status::Skipped];

    /// The word for a status in the output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Unknown => "unknown",
            Status::Skipped => "skipped",
        }
    }

    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
        match self {
            Status::Ok => colour(AnsiColor::Green),
            Status::Warn => colour(AnsiColor::Yellow),
            Status::Fail => colour(AnsiColor::Red),
            Status::Unknown => colour(AnsiColor::Cyan),
            Status::Skipped => Style::new().dimmed(),
        }
    }
}

impl From<Health> for Status {
    fn from(health: Health) -> Status {
        match health {
            Health::Ok => Status::Ok,
            Health::Warn => Status::Warn,
            Health::Fail => Status::Fail,
            Health::Unknown => Status::Unknown,
        }
    }
}

/// One check, and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Its name, which stays the same from version to version.
    pub name: &'static str,
    /// The cloud and account that it is about; `None` for this installation.
    pub of: Option<(Cloud, String)>,
    /// What was looked at: a host, a region, a vault, a file.
    pub subject: String,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
    /// What this check does not say, however it ended.
    pub cannot_know: &'static str,
    /// How long the answer took, where that was measured.
    pub latency_ms: Option<i64>,
    /// How many more copies there is room for, where that was looked at.
    pub room: Option<u64>,
}

impl Check {
    /// A check of this installation.
    pub(crate) fn here(
        name: &'static str,
        subject: impl AsRef<str>,
        finding: Finding,
        cannot_know: &'static str,
    ) -> Check {
        Check {
            name,
            of: None,
            subject: one_line(subject.as_ref()),
            status: finding.health.into(),
            found: finding.found,
            advice: finding.advice,
            cannot_know,
            latency_ms: None,
            room: finding.room,
        }
    }

    /// This check, made one of an account.
    pub(crate) fn of(self, cloud: Cloud, account: &str) -> Check {
        Check { of: Some((cloud, account.to_owned())), ..self }
    }

    /// This check, told as one that was not made.
    pub(crate) fn skipped(self) -> Check {
        Check { status: Status::Skipped, ..self }
    }

    fn to_json(&self) -> Value {
        json!({
            "check": self.name,
            "provider": self.of.as_ref().map(|(cloud, _)| cloud.name()),
            "account": self.of.as_ref().map(|(_, account)| account),
            "subject": self.subject,
            "status": self.status.name(),
            "found": self.found,
            "advice": self.advice,
            "cannot_know": self.cannot_know,
            "latency_ms": self.latency_ms,
        })
    }
}

/// Columns before what is said of a check: its status, and what goes before and behind it.
const BELOW: usize = 11;

/// So many lines the short form has, unless what is well or the first trouble takes more.
const SHORT: usize = 10;

/// A writer that knows how many lines it has written.
struct Counted<'w> {
    out: &'w mut dyn Write,
    written: usize,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written += lines(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// What was found without what stands in parentheses at its end, such as the ID of a request.
fn without_asides(found: &str) -> &str {
    let mut bare = found;
    while let Some((before, _)) = bare.strip_suffix(')').and_then(|open| open.rsplit_once(" (")) {
        bare = before;
    }
    bare
}

/// What is not well, how often it was found, and what to do.
fn in_trouble(check: &Check, times: usize, width: usize) -> String {
    let (word, style) = (check.status.name(), check.status.style());
    let whose = match (&check.of, times) {
        (Some((cloud, account)), 1) => format!("{} {account}: ", cloud.name()),
        (_, 1) => String::new(),
        (_, times) => format!("{times} times: "),
    };
    let subject = if times == 1 && !check.subject.is_empty() { format!(" {}", check.subject) } else { String::new() };
    let text = format!("{}{subject}: {whose}{}", check.name, without_asides(&check.found));
    let found = paragraph(&text, 6, width);
    // The first thing to do is enough to begin with.
    let advice = match check.advice.split("; ").next().unwrap_or_default() {
        "" => String::new(),
        first => paragraph(&format!("to do: {first}"), 6, width),
    };
    format!("{style}{word:5}{style:#} {}\n{advice}", found.trim())
}

/// All that was found.
pub(crate) struct Report {
    /// When the run began.
    pub checked_at: Timestamp,
    /// Whether the clouds are simulators.
    pub simulated: bool,
    /// The policy's name, if there is one.
    pub policy: Option<String>,
    /// The checks, those of this installation first.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no check failed.
    pub(crate) fn is_well(&self) -> bool {
        self.checks.iter().all(|check| check.status != Status::Fail)
    }

    fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// As one JSON object; `docs/doctor.md` describes it.
    pub(crate) fn to_json(&self) -> Value {
        let summary: serde_json::Map<String, Value> =
            Status::ALL.into_iter().map(|status| (status.name().to_owned(), json!(self.count(status)))).collect();
        json!({
            "version": 1,
            "checked_at": self.checked_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "simulated": self.simulated,
            "policy": self.policy,
            "checks": self.checks.iter().map(Check::to_json).collect::<Vec<_>>(),
            "summary": summary,
        })
    }

    /// For people, in few lines: what is well by its name, what is not with what to do, once where several say the same.
    ///
    /// # Errors
    /// `out` is gone.
    pub(crate) fn write_short(&self, out: &mut dyn Write, width: usize) -> std::io::Result<()> {
        let out = &mut Counted { out, written: 0 };
        let bold = Style::new().bold();
        let mut wheres: Vec<&Option<(Cloud, String)>> = Vec::new();
        for check in &self.checks {
            if !wheres.contains(&&check.of) {
                wheres.push(&check.of);
            }
        }
        let are_several = wheres.iter().filter(|of| of.is_some()).count() > 1;
        for of in wheres {
            let here =
                |status: Status| self.checks.iter().filter(move |check| check.of == *of && check.status == status);
            let name = match of {
                None => "this installation".to_owned(),
                Some((cloud, account)) => format!("{}, account {account}", cloud.name()),
            };
            let named = |status: Status| {
                let mut names: Vec<&str> = here(status).map(|check| check.name).collect();
                names.dedup();
                names.join(", ")
            };
            let told = [(Status::Ok, "well"), (Status::Unknown, "not known"), (Status::Skipped, "not looked at")];
            if are_several {
                // One line for each account; which checks these are, --all tells.
                let counted = told.iter().filter(|(status, _)| here(*status).count() > 0);
                let counted = counted.map(|(status, words)| format!("{} {words}", here(*status).count()));
                let text = format!("{name}: {}", counted.collect::<Vec<_>>().join(", "));
                let line = paragraph(&text, 0, width).replacen(&name, &format!("{bold}{name}{bold:#}"), 1);
                out.write_all(line.as_bytes())?;
                continue;
            }
            writeln!(out, "{bold}{name}{bold:#}")?;
            for (status, words) in told {
                let names = named(status);
                if !names.is_empty() {
                    show::say(out, &format!("{words}: {names}"), 2, width)?;
                }
            }
        }
        let mut told: Vec<(&Check, usize)> = Vec::new();
        let trouble = |check: &&Check| matches!(check.status, Status::Fail | Status::Warn);
        for check in self.checks.iter().filter(trouble) {
            let same = |other: &&mut (&Check, usize)| other.0.found == check.found && other.0.name == check.name;
            match told.iter_mut().find(same) {
                Some((_, times)) => *times += 1,
                None => told.push((check, 1)),
            }
        }
        // What stands in the way comes first.
        told.sort_by_key(|(check, _)| check.status != Status::Fail);
        let mut sum = Vec::new();
        self.write_sum(&mut sum, "; --all: every check", width)?;
        let mut taken = out.written + lines(&sum);
        let mut left: Vec<&(&Check, usize)> = Vec::new();
        for (at, one) in told.iter().enumerate() {
            let text = in_trouble(one.0, one.1, width);
            // The last line is for what has none of its own.
            let room = if at + 1 == told.len() { SHORT } else { SHORT - 1 };
            if at > 0 && (!left.is_empty() || taken + text.lines().count() > room) {
                left.push(one);
                continue;
            }
            taken += text.lines().count();
            out.write_all(text.as_bytes())?;
        }
        if !left.is_empty() {
            let named = |(check, times): &&(&Check, usize)| match (&check.of, times) {
                (Some((cloud, account)), 1) => format!("{} ({} {account})", check.name, cloud.name()),
                (_, 1) => check.name.to_owned(),
                (_, times) => format!("{} ({times} times)", check.name),
            };
            let mut named: Vec<String> = left.iter().map(named).collect();
            named.dedup();
            show::say(out, &format!("also not well: {}", named.join(", ")), 0, width)?;
        }
        out.write_all(&sum)
    }

    fn write_sum(&self, out: &mut dyn Write, more: &str, width: usize) -> std::io::Result<()> {
        let words: Vec<String> = Status::ALL
            .into_iter()
            .map(|status| (status, self.count(status)))
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| format!("{count} {}", status.name()))
            .collect();
        let text = format!("{}; nothing was changed{more}", words.join(", "));
        out.write_all(paragraph(&text, 0, width).as_bytes())
    }

    /// For people: a line for each check, with what to do and what stays unseen below it.
    ///
    /// # Errors
    /// `out` is gone.
    pub(crate) fn write(&self, out: &mut dyn Write, width: usize) -> std::io::Result<()> {
        let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
        let wide = |text: fn(&Check) -> &str| self.checks.iter().map(|check| text(check).chars().count()).max();
        let (names, subjects) = (wide(|check| check.name).unwrap_or(0), wide(|check| &check.subject).unwrap_or(0));
        let subjects = subjects.min(56);
        let mut heading = None;
        for check in &self.checks {
            if heading != Some(&check.of) {
                let gap = if heading.is_some() { "\n" } else { "" };
                match &check.of {
                    None => writeln!(out, "{gap}{bold}this installation{bold:#}")?,
                    Some((cloud, account)) => {
                        writeln!(out, "{gap}{bold}{}, account {account}{bold:#}", cloud.name())?;
                    }
                }
                heading = Some(&check.of);
            }
            let (word, style) = (check.status.name(), check.status.style());
            let (name, subject, found) = (check.name, &check.subject, &check.found);
            let line = format!("{name:names$}  {subject:subjects$}  {found}");
            if BELOW + line.width() <= width {
                writeln!(out, "  {style}{word:7}{style:#}  {}", line.trim_end())?;
            } else {
                let head = paragraph(&format!("{name} {subject}"), BELOW, width);
                writeln!(out, "  {style}{word:7}{style:#}  {}", head.trim())?;
                show::say(out, found, BELOW, width)?;
            }
            if !check.advice.is_empty() {
                show::say(out, &format!("to do: {}", check.advice), BELOW, width)?;
            }
            if !check.cannot_know.is_empty() && check.status != Status::Skipped {
                for part in paragraph(&format!("not known: {}", check.cannot_know), BELOW, width).lines() {
                    writeln!(out, "{dim}{part}{dim:#}")?;
                }
            }
        }
        writeln!(out)?;
        self.write_sum(out, "", width)
    }
}
