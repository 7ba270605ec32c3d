//! The names that people give to rules and accounts: in any script, and such that no two of them look alike by what nobody sees.
//!
//! A name goes into reports, log lines, keys of notes, commands that a person copies into a shell, and to AWS. So it has letters, digits and
//! the marks on them, a few signs that mean nothing to a shell, and one spelling: Unicode's composed form (NFC). Where a service takes ASCII
//! only, `ascii` writes it. Letters of two scripts that look alike are not told apart: a policy is written by people who mean well.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::fields::FieldError;
use super::text::{plain, steers};
use crate::sign::canonical::encode_into;

/// How many characters a name has at most. Policies and their schema have always said 64.
const CHARACTERS: usize = 64;

/// How many bytes of UTF-8 a name has at most: 64 Chinese characters. Percent-encoded it fits a CloudWatch dimension (1,024 characters).
/// Source: Amazon CloudWatch API reference, Dimension, 2026: ASCII, at most 1,024.
const BYTES: usize = 3 * CHARACTERS;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// A rule of a policy.
    Rule,
    /// An account of a cloud. Its name may be an address or a path, as accounts are called elsewhere.
    Account,
}

impl Names {
    /// Whether a sign may stand in the name beside letters, digits and marks. None of these means anything to a shell.
    fn joins(self, c: char) -> bool {
        matches!(c, '-' | '_') || self == Names::Account && matches!(c, '.' | '@' | '+' | ':' | '/')
    }

    /// The signs of [`Names::joins`], as a message lists them.
    fn listed(self) -> &'static str {
        match self {
            Names::Rule => "'-' or '_'",
            Names::Account => "'-', '_', '.', '@', '+', ':' or '/'",
        }
    }

    /// Checks a name that stands at `field`.
    ///
    /// # Errors
    /// It is no name; the reason says what to type instead.
    pub(crate) fn checked(self, name: String, field: &str) -> Result<String, FieldError> {
        match self.trouble(&name) {
            None => Ok(name),
            Some(trouble) => Err(FieldError::new(field, format!("{trouble}: type \"{}\"", self.instead_of(&name)))),
        }
    }

    /// What is wrong with a name; `None` if nothing is.
    fn trouble(self, name: &str) -> Option<String> {
        let must = format!("must be 1 to {CHARACTERS} letters and digits of any script, {}, ", self.listed());
        if let Some(strange) = name.chars().find(|c| !self.fits(*c)) {
            return Some(format!("{must}and has {}", described(strange)));
        }
        let bears_no_mark = |c: Option<char>| c.is_none_or(|c| self.joins(c));
        let mut before = None;
        for c in name.chars() {
            if is_combining_mark(c) && bears_no_mark(before) {
                return Some(format!("{must}and has the mark U+{:04X} without a letter before it", u32::from(c)));
            }
            before = Some(c);
        }
        if !name.is_ascii() && name.nfc().ne(name.chars()) {
            let reason = "has a letter in another than the usual spelling (Unicode NFC); it would look like another name and not be it";
            return Some(reason.to_owned());
        }
        match (name.chars().count(), name.len()) {
            (0, _) => Some("must not be empty".to_owned()),
            (count, _) if count > CHARACTERS => Some(format!("has {count} characters, and {CHARACTERS} are the most")),
            (_, bytes) if bytes > BYTES => Some(format!("has {bytes} bytes as UTF-8, and {BYTES} are the most")),
            _ => None,
        }
    }

    fn fits(self, c: char) -> bool {
        self.joins(c) || !is_unseen(c) && (c.is_alphanumeric() || is_combining_mark(c))
    }

    /// The name that a person probably meant.
    fn instead_of(self, name: &str) -> String {
        let mut kept = String::new();
        for c in name.nfc().filter(|c| !is_unseen(*c) && !steers(*c) || c.is_whitespace()) {
            match c {
                c if !self.fits(c) && !kept.ends_with('-') => kept.push('-'),
                '-' if kept.ends_with('-') => {}
                c if !self.fits(c)
                    || is_combining_mark(c) && (kept.is_empty() || kept.ends_with(|c| self.joins(c))) => {}
                c => kept.push(c),
            }
        }
        let kept: String = kept.trim_matches('-').nfc().take(CHARACTERS).collect();
        let mut end = kept.len().min(BYTES);
        while !kept.is_char_boundary(end) {
            end -= 1;
        }
        match (&kept[..end], self) {
            ("", Names::Rule) => "nightly".to_owned(),
            ("", Names::Account) => "default".to_owned(),
            (kept, _) => kept.to_owned(),
        }
    }
}

/// Whether a letter or mark is not to be seen: fillers, joiners, and what only chooses a shape.
///
/// Source: Unicode 17 character database, DerivedCoreProperties, Default_Ignorable_Code_Point, read 2026-11.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn described(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_control() => format!("the control character {code}"),
        c if c.is_whitespace() => format!("the space {code}"),
        c if steers(c) => format!("{code}, which turns the direction of text"),
        c if is_unseen(c) => format!("{code}, which nobody sees"),
        c => format!("{} ({code})", plain(&c.to_string())),
    }
}

/// A name in the one spelling that names have (Unicode NFC): a keyboard or a paste may give another one that looks the same.
pub fn in_usual_spelling(name: &str) -> String {
    name.nfc().collect()
}

/// A name where a service takes ASCII only: percent-encoded as in a URL, so that no two names become one, and ASCII names stay as they are.
pub(crate) fn ascii(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    encode_into(&mut out, name.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(names: Names, name: &str) -> String {
        names.checked(name.to_owned(), "name").unwrap_err().reason
    }

    #[test]
    fn a_name_is_in_any_script() {
        for name in [
            "nightly",
            "web_disks-2",
            "每晚磁盘",
            "夜間バックアップ",
            "매일밤",
            "ночь",
            "Größe",
            "Đêm",
            "रात्रि",
            "กลางคืน",
            "ליל",
            "ليلي",
            "ẹ̀kọ́",
            "𠮷野家",
            "-x",
            "_",
            "7",
        ] {
            for names in [Names::Rule, Names::Account] {
                assert_eq!(names.checked(name.to_owned(), "name").as_deref(), Ok(name), "{name}");
            }
        }
        for name in ["ops@example.com", "prod.eu", "org/prod", "1234:生产", "a+b"] {
            assert!(Names::Account.checked(name.to_owned(), "account").is_ok(), "{name}");
            assert!(refused(Names::Rule, name).contains("'-' or '_', and has"), "{name}");
        }
    }

    /// Each is refused with what is wrong, and with a name that is right.
    #[test]
    fn what_nobody_sees_or_a_shell_takes_otherwise_is_no_name() {
        let long = "磁".repeat(65);
        let heavy = "𠮷".repeat(49);
        for (name, wrong, instead) in [
            ("每晚\u{7}", "and has the control character U+0007", "每晚"),
            ("每晚\n", "and has the control character U+000A", "每晚"),
            ("\u{202e}每晚", "and has U+202E, which turns the direction of text", "每晚"),
            ("每\u{200b}晚", "and has U+200B, which nobody sees", "每晚"),
            ("ab\u{200d}", "and has U+200D, which nobody sees", "ab"),
            ("ab\u{3164}", "and has U+3164, which nobody sees", "ab"),
            ("磁\u{fe00}", "and has U+FE00, which nobody sees", "磁"),
            ("每晚 磁盘", "and has a space", "每晚-磁盘"),
            (" nightly", "and has a space", "nightly"),
            ("每晚\u{3000}磁盘", "and has the space U+3000", "每晚-磁盘"),
            ("'每晚'", "and has ' (U+0027)", "每晚"),
            ("\"; rm -rf /", "and has \" (U+0022)", "rm-rf"),
            ("$(id)", "and has $ (U+0024)", "id"),
            ("每晚，磁盘", "and has ， (U+FF0C)", "每晚-磁盘"),
            ("disks😀", "and has 😀 (U+1F600)", "disks"),
            ("\u{301}\u{302}", "and has the mark U+0301 without a letter before it", "nightly"),
            ("a-\u{301}b", "and has the mark U+0301 without a letter before it", "a-b"),
            ("cafe\u{301}", "in another than the usual spelling (Unicode NFC)", "café"),
            ("Å\u{212b}", "in another than the usual spelling (Unicode NFC)", "ÅÅ"),
            ("\u{f900}", "in another than the usual spelling (Unicode NFC)", "豈"),
            (&long, "has 65 characters, and 64 are the most", &long[3..]),
            (&heavy, "has 196 bytes as UTF-8, and 192 are the most", &heavy[4..]),
        ] {
            let reason = refused(Names::Rule, name);
            assert!(reason.contains(wrong), "{name:?}: {reason}");
            assert!(reason.ends_with(&format!(": type \"{instead}\"")), "{name:?}: {reason}");
            assert!(Names::Rule.checked(instead.to_owned(), "name").is_ok(), "{instead}");
            assert!(!reason.chars().any(|c| steers(c) || is_unseen(c)), "{reason:?}");
        }
        assert!(refused(Names::Account, "\u{200b}").ends_with("type \"default\""));
    }

    #[test]
    fn no_two_names_become_one_in_ascii_and_ascii_names_stay() {
        assert_eq!(ascii("web_disks-2"), "web_disks-2");
        assert_eq!(ascii("每晚"), "%E6%AF%8F%E6%99%9A");
        assert_ne!(ascii("%E6%AF%8F%E6%99%9A"), ascii("每晚"));
        assert!(ascii(&"磁".repeat(CHARACTERS)).len() <= 1_024);
    }
}
