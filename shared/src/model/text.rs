//! Three uses of text: on one line for people, with nothing in it that steers; an ID as it is; and hashed for keys.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// SHA-256 over length-prefixed parts, lower-case hex: no two lists of parts share a hash.
pub fn hash_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    crate::sign::canonical::hex(&hash.finalize())
}

/// Whether a sign moves a terminal's cursor, ends a line, or turns the direction of what follows: the control characters C0, DEL and C1, the
/// line separators, and the marks and overrides of direction.
///
/// Source: Unicode Standard Annex 9, table of explicit directional characters, and Unicode 16 chapter 23.1, read 2026-11.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text on one line: every sign that steers is written as JSON writes it, such as `\u001b`. So the same is right between the quotes of a JSON
/// text, and applied twice it changes nothing more.
pub fn plain(text: &str) -> String {
    escaped(text, |c| !steers(c))
}

/// An ID as it is, where it is made of signs that can be seen. Spaces, backslashes and signs that nobody sees are escaped as well, so that no
/// two IDs look alike.
pub fn exact(id: &str) -> String {
    escaped(id, |c| if c.is_ascii() { c.is_ascii_graphic() && c != '\\' } else { c.is_alphanumeric() })
}

/// `text` on one line and of bounded length, so that an input cannot flood, split or colour a log line.
pub fn one_line(text: &str) -> String {
    const LIMIT: usize = 1000;
    let breaks = |c: char| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
    let start: String = text.chars().map(breaks).take(LIMIT + 1).collect();
    let out = plain(&start);
    match out.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &out[..end]),
        None => out,
    }
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // A `String` takes everything.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_escaped_once_and_for_all() {
        for (text, shown) in [
            ("plain, and 中文 – “so”", "plain, and 中文 – “so”"),
            ("a\u{1b}[2J\nb\u{202e}c", "a\\u001b[2J\\u000ab\\u202ec"),
            ("\u{0}\u{7f}\u{80}\u{9b}\u{9f}", "\\u0000\\u007f\\u0080\\u009b\\u009f"),
            ("\u{2028}\u{2029}\u{2066}\u{2069}\u{200f}", "\\u2028\\u2029\\u2066\\u2069\\u200f"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
            assert_eq!(plain(shown), shown, "{text:?}");
        }
    }

    #[test]
    fn no_two_ids_look_alike() {
        let ids = [
            "snap-1",
            "snap-1 ",
            " snap-1",
            "snap- 1",
            "snap-1\t",
            "snap-1\n",
            "snap-1\u{a0}",
            "snap-1\u{200b}",
            "snap-1\u{85}",
            "snap-1\u{80}",
            "snap-1\\u0080",
            "snap-1\u{feff}",
            "snap-1😀",
            "snap-中",
        ];
        let shown: Vec<String> = ids.iter().map(|id| exact(id)).collect();
        let distinct: std::collections::BTreeSet<&String> = shown.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{shown:?}");
        assert_eq!((shown[0].as_str(), shown[13].as_str()), ("snap-1", "snap-中"));
        // What shows an ID may be shown as text, and stays.
        shown.iter().for_each(|one| assert_eq!(plain(one), *one));
    }

    #[test]
    fn a_line_is_one_and_short() {
        assert_eq!(one_line("a\r\nb\tc\u{9b}31m"), "a  b c\\u009b31m");
        assert_eq!(one_line(&"x".repeat(1_000)).chars().count(), 1_000);
        assert_eq!(one_line(&"\u{1b}".repeat(1_001)).chars().count(), 1_001);
    }
}
