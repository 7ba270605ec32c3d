//! A guard before a terminal or a log: nothing that could steer a terminal passes but our own colours.
//!
//! Texts are made plain where they are put together ([`plain`]), so that a name cannot end a line. What was forgotten there is caught here.

use std::io::{self, Write};

use crate::model::text::{plain, steers};

/// Whether colours may be among what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Those that our styles make.
    Ours,
    /// Those that our styles make are left out: for files.
    Dropped,
    /// None: whatever looks like one came from outside.
    None,
}

/// Escapes what steers a terminal on its way to `out`. Ends of lines pass, those of CSV as well, and colours if they are ours.
#[derive(Debug)]
pub struct Guard<W: Write> {
    out: W,
    colours: Colours,
    /// A sign or a colour of which the rest has not come yet.
    begun: Vec<u8>,
}

impl<W: Write> Guard<W> {
    /// A guard before `out`.
    pub fn new(out: W, colours: Colours) -> Self {
        Self { out, colours, begun: Vec::new() }
    }

    fn pass(&mut self, text: &str) -> io::Result<()> {
        let mut safe = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let colour = if self.colours == Colours::None { 0 } else { colour(rest) };
            let line = ["\n", "\r\n"].into_iter().find(|end| rest.starts_with(end)).map_or(0, str::len);
            let length = match colour.max(line) {
                0 if steers(c) => c.len_utf8(),
                0 => rest.find(steers).unwrap_or(rest.len()),
                length => length,
            };
            let (part, after) = rest.split_at(length);
            match self.colours {
                Colours::Dropped if colour > 0 => {}
                _ if colour > 0 || line > 0 => safe.push_str(part),
                _ => safe.push_str(&plain(part)),
            }
            rest = after;
        }
        self.out.write_all(safe.as_bytes())
    }
}

impl<W: Write> Write for Guard<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let mut all = std::mem::take(&mut self.begun);
        let end = whole(&all);
        self.begun = all.split_off(end);
        self.pass(&String::from_utf8_lossy(&all))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.begun);
        self.pass(&String::from_utf8_lossy(&rest))?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Guard<W> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// The length of a colour at the beginning of a text: `ESC [`, digits and semicolons, `m`.
fn colour(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("\u{1b}[") else { return 0 };
    match inner.find(|c: char| !c.is_ascii_digit() && c != ';') {
        Some(end) if inner[end..].starts_with('m') => 2 + end + 1,
        _ => 0,
    }
}

/// How many bytes are whole signs and whole colours.
fn whole(bytes: &[u8]) -> usize {
    let text = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    if bytes[..text].ends_with(b"\r") {
        return text - 1;
    }
    let escape = bytes[..text].iter().rposition(|byte| *byte == 0x1b);
    let is_begun = |at: &usize| match &bytes[at + 1..text] {
        [] => true,
        [b'[', inner @ ..] => inner.len() < 16 && inner.iter().all(|byte| byte.is_ascii_digit() || *byte == b';'),
        _ => false,
    };
    escape.filter(is_begun).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(colours: Colours, parts: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut guard = Guard::new(&mut out, colours);
        parts.iter().for_each(|part| guard.write_all(part).unwrap());
        drop(guard);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn our_colours_pass_and_nothing_else_that_steers() {
        let text = "\u{1b}[1mbold\u{1b}[0m \u{1b}[2J\u{1b}]0;owned\u{7} \u{9b}31m \u{202e}\u{2028}\r\t\u{7f}é中\n";
        let ours = "\u{1b}[1mbold\u{1b}[0m \\u001b[2J\\u001b]0;owned\\u0007 \\u009b31m \\u202e\\u2028\\u000d\\u0009\\u007fé中\n";
        assert_eq!(guarded(Colours::Ours, &[text.as_bytes()]), ours);
        assert_eq!(guarded(Colours::Ours, &[b"a,b\r\n\rc"]), "a,b\r\n\\u000dc");
        assert_eq!(guarded(Colours::Dropped, &["\u{1b}[1m\u{1b}[31ma\u{1b}[0m\u{7f}".as_bytes()]), "a\\u007f");
        let none = ours.replace('\u{1b}', "\\u001b");
        assert_eq!(guarded(Colours::None, &[text.as_bytes()]), none);
        // However it is cut.
        for (colours, wanted) in [(Colours::Ours, ours), (Colours::None, &none)] {
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(guarded(colours, &bytes), wanted);
        }
    }

    #[test]
    fn a_json_text_stays_the_same_value() {
        let value = serde_json::json!({ "id": "a\u{7f}\u{80}\u{202e}\u{2028}\u{1b}\n" });
        let text = guarded(Colours::None, &[format!("{value:#}").as_bytes()]);
        assert!(!text.contains(|c| steers(c) && c != '\n'), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
