//! Lines of a terminal, of so many columns, broken at spaces, with nothing in them that could steer it.

use anstyle::Style;
use jiff::Timestamp;
use offsite_shared::model::text::{exact, plain};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::reader::{Reader, said};
use super::words::number;

/// Columns of a line where nobody says how many there are.
pub const WIDTH: usize = 100;

/// No terminal is taken to be narrower.
const LEAST: usize = 20;

/// Says how many are not shown, and how all of them are.
pub(super) fn more(out: &mut Text<'_>, total: u64, shown: usize, all: &str) {
    let more = total.saturating_sub(shown as u64);
    if more > 0 {
        let r = out.reader;
        out.say(4, &said!(r, "and {} more: {}", number(more), all));
    }
}

/// As wide as the widest ID of a column, its head included.
pub(super) fn column<'a>(texts: impl Iterator<Item = &'a str>, head: &'a str, largest: usize) -> usize {
    texts.chain([head]).map(|text| exact(text).width()).max().unwrap_or(0).min(largest)
}

pub(super) fn row([verdict, id, destination, made, age]: [&str; 5], [ids, destinations]: [usize; 2]) -> String {
    let cells = padded(&[(verdict, 11), (&exact(id), ids), (&exact(destination), destinations), (made, 16)]);
    format!("    {cells} {}", plain(age)).trim_end().to_owned()
}

/// Cells beside each other, each as wide as is told.
pub(super) fn padded(cells: &[(&str, usize)]) -> String {
    cells.iter().map(|(cell, width)| pad(cell, *width)).collect::<Vec<_>>().join(" ")
}

fn pad(text: &str, width: usize) -> String {
    let text = plain(text);
    let space = width.saturating_sub(text.width());
    text + &" ".repeat(space)
}

/// A sentence in lines of at most `width` columns, each so far from the margin.
pub fn paragraph(text: &str, indent: usize, width: usize) -> String {
    let reader = Reader::default();
    let mut out = Text::of(width, &reader);
    out.say(indent, text);
    out.out
}

/// A sentence in which every time is told by the reader's clock, as all others are.
pub fn by_clock(text: &str, reader: &Reader) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ';', ':', '.', ')']);
        let at: Option<Timestamp> = bare.parse().ok();
        at.map_or_else(|| word.to_owned(), |at| format!("{}{}", reader.moment(at), &word[bare.len()..]))
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A remark of a report in the reader's language and by the reader's clock.
pub(super) fn told_remark(remark: &str, reader: &Reader) -> String {
    reader.told(&by_clock(remark, reader))
}

/// What is printed, line by line.
pub(super) struct Text<'r> {
    pub(super) out: String,
    pub(super) reader: &'r Reader,
    width: usize,
}

impl<'r> Text<'r> {
    pub(super) fn of(width: usize, reader: &'r Reader) -> Text<'r> {
        Text { out: String::new(), reader, width: width.max(LEAST) }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// A line in this style, or several where it is too wide.
    pub(super) fn styled(&mut self, style: Style, line: &str) {
        let line = plain(line);
        if line.width() <= self.width {
            return self.line(&format!("{style}{line}{style:#}"));
        }
        let indent = line.len() - line.trim_start().len();
        for part in paragraph(&line, indent, self.width).lines() {
            self.line(&format!("{style}{part}{style:#}"));
        }
    }

    pub(super) fn row(&mut self, cells: [&str; 5], widths: [usize; 2]) {
        self.cells(&row(cells, widths));
    }

    /// A line of a table, or where it is too wide a sentence.
    pub(super) fn cells(&mut self, line: &str) {
        if line.width() <= self.width {
            self.line(line);
        } else {
            self.say(4, line);
        }
    }

    /// Cells, and beside them what is to be noted; below them if there is no room.
    pub(super) fn with_note(&mut self, indent: usize, cells: &str, note: &str) {
        let note = plain(note);
        if indent + cells.width() > self.width {
            self.say(indent, &format!("{cells} {note}"));
        } else if indent + cells.width() + 1 + note.width() <= self.width {
            self.line(format!("{}{cells} {note}", " ".repeat(indent)).trim_end());
        } else {
            self.line(format!("{}{cells}", " ".repeat(indent)).trim_end());
            self.say(indent + 4, &note);
        }
    }

    /// A command that can be copied: broken only where a shell goes on. A word that has no room in a line of its own is not broken either: it
    /// goes over the edge, where the terminal breaks it without a line end.
    pub(super) fn command(&mut self, indent: usize, parts: &[String]) {
        let mut line = String::new();
        for part in parts {
            // Room for what goes on: a space and a backslash.
            if !line.is_empty() && indent + line.width() + 1 + part.width() + 2 > self.width {
                self.line(&format!("{}{line} \\", " ".repeat(indent)));
                line = "  ".to_owned();
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(part);
        }
        self.line(&format!("{}{line}", " ".repeat(indent)));
    }

    /// A sentence, broken at spaces and, where a word is longer than the line, in it.
    pub(super) fn say(&mut self, indent: usize, text: &str) {
        let text = plain(text);
        let (mut line, mut first) = (String::new(), true);
        let margin = |first: bool| indent + if first { 0 } else { 2 };
        let mut quoted = false;
        for word in text.split_whitespace() {
            let room = self.width - margin(first);
            let ticks = word.matches('`').count();
            // What is written without spaces is broken between its signs, but for what somebody is to type.
            let flows = !quoted && ticks == 0 && word.chars().any(|sign| sign.width() == Some(2));
            quoted ^= ticks % 2 == 1;
            if !line.is_empty() && !flows && line.width() + 1 + word.width() > room {
                self.line(&format!("{}{line}", " ".repeat(margin(first))));
                line.clear();
                first = false;
            }
            if !line.is_empty() && line.width() < room {
                line.push(' ');
            }
            for sign in word.chars() {
                if line.width() + sign.width().unwrap_or(0) > self.width - margin(first) {
                    self.line(format!("{}{line}", " ".repeat(margin(first))).trim_end());
                    line.clear();
                    first = false;
                }
                line.push(sign);
            }
        }
        if !line.is_empty() {
            self.line(&format!("{}{line}", " ".repeat(margin(first))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What a shell makes of the words of a command that is pasted into it; `None` where it is more than one command.
    fn pasted(shown: &str) -> Option<Vec<String>> {
        let script = format!("offsite() {{ printf '<%s>\n' \"$@\"; }}\nset -e\n{shown}");
        let output = Command::new("sh").args(["-c", &script]).env_clear().output().unwrap();
        let words = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| words.lines().map(|word| word[1..word.len() - 1].to_owned()).collect())
    }

    fn parts(cause: &str) -> Vec<String> {
        let parts = ["offsite risk accept", "--rule servers", "--resource fb1f9b5e-52a9-4d0e-9a3f-7a4f6d1e9b01"];
        let parts = parts.into_iter().map(str::to_owned);
        parts.chain([format!("--cause '{cause}'"), "--until DATE".into(), "--reason WHY".into()]).collect()
    }

    #[test]
    fn a_name_that_is_to_be_typed_is_not_broken() {
        let text = "rule 每晚磁盘 is paused: 看一下账单; `offsite resume --rule 每晚磁盘` ends it";
        for width in 24..100 {
            let lines = paragraph(text, 0, width);
            assert!(lines.contains("每晚磁盘`"), "{width}: {lines}");
        }
        assert!(paragraph(&"每".repeat(50), 0, 40).lines().count() > 1, "a sentence without spaces is broken");
    }

    #[test]
    fn a_command_can_be_pasted_at_every_width() {
        let long = "is a backup of a server whose disks are of a kind that no copy is made of, as the provider says";
        for cause in ["encrypted", long] {
            for width in [40, 60, 80, 120] {
                let reader = Reader::default();
                let mut out = Text::of(width, &reader);
                out.command(6, &parts(cause));
                let words = pasted(&out.out).unwrap_or_else(|| panic!("{width}: {}", out.out));
                let wanted = ["risk", "accept", "--rule", "servers", "--resource"];
                assert_eq!(words[..5], wanted, "{width}: {}", out.out);
                assert_eq!(
                    words[6..],
                    ["--cause", cause, "--until", "DATE", "--reason", "WHY"],
                    "{width}: {}",
                    out.out
                );
                let is_alone = |line: &str| line.trim_end_matches(" \\").trim_start().matches(" --").count() == 0;
                assert!(out.out.lines().all(|line| line.width() <= width || is_alone(line)), "{width}: {}", out.out);
            }
        }
    }

    #[test]
    fn a_time_in_a_sentence_is_told_by_the_reader_s_clock() {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        let there = Reader { zone, ..Reader::default() };
        let said = "rule web is paused since 2026-11-28T11:40:34.438Z by ann; 2026-11-28 and 11:40 stay, snap-1:2 too";
        assert_eq!(
            by_clock(said, &there),
            "rule web is paused since 2026-11-28 19:40 UTC+8 by ann; 2026-11-28 and 11:40 stay, snap-1:2 too"
        );
        let end = by_clock("until 2026-11-28T11:40:34Z: no", &Reader::default());
        assert_eq!(end, "until 2026-11-28 11:40 UTC: no");
    }

    /// Takes the protection away: broken as a sentence is, it is several commands.
    #[test]
    fn a_command_that_is_told_as_a_sentence_cannot_be_pasted() {
        assert_eq!(pasted(&paragraph(&parts("encrypted").join(" "), 6, 60)), None);
    }
}
