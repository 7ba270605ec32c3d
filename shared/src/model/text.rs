//! Two uses of text: on one line for people, and hashed for keys.

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

/// `text` on one line and of bounded length, so that an input cannot flood or split a log line.
pub fn one_line(text: &str) -> String {
    const LIMIT: usize = 1000;
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LIMIT + 1).collect();
    if out.chars().count() > LIMIT {
        out = out.chars().take(LIMIT).collect::<String>() + "…";
    }
    out
}
