//! Long lists as notes of bounded size.

use super::stop::Stop;
use crate::ports::Notes;

/// The size of one note, in bytes. Source: DynamoDB developer guide, "Item size": 400 KB, 2026.
pub(super) const CHUNK: usize = 200_000;

/// Enough of a key to tell exceptions apart.
pub(super) fn short(key: &str) -> u64 {
    key.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok()).unwrap_or_default()
}

pub(crate) fn chunk_name(rule: &str, run: &str, kind: &str, chunk: u32) -> String {
    format!("sweep/{rule}/{run}/{kind}/{chunk}")
}

/// Reads one chunk.
pub(super) async fn read_chunk(
    notes: &dyn Notes,
    rule: &str,
    run: &str,
    kind: &str,
    chunk: u32,
) -> Result<Vec<String>, Stop> {
    let note = notes.note(&chunk_name(rule, run, kind, chunk)).await?.ok_or_else(|| lost_chunk(kind))?;
    Ok(note.text.lines().map(str::to_owned).collect())
}

/// Reads the lines of all chunks, one chunk at a time. `see` gives `None` for a line that it cannot read.
pub(super) async fn each_line(
    notes: &dyn Notes,
    (rule, run): (&str, &str),
    kind: &str,
    chunks: u32,
    mut see: impl FnMut(&str) -> Option<()>,
) -> Result<(), Stop> {
    for chunk in 0..chunks {
        for line in read_chunk(notes, rule, run, kind, chunk).await? {
            see(&line).ok_or_else(|| lost_chunk(kind))?;
        }
    }
    Ok(())
}

/// Writes lines as further chunks, and tells how many there are then.
pub(super) async fn write_chunks(
    notes: &dyn Notes,
    rule: &str,
    run: &str,
    kind: &str,
    from: u32,
    lines: impl Iterator<Item = String>,
) -> Result<u32, Stop> {
    let mut chunk = from;
    let mut text = String::new();
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        text.push_str(&line);
        text.push('\n');
        if text.len() >= CHUNK || lines.peek().is_none() {
            let name = chunk_name(rule, run, kind, chunk);
            let mut was = 0;
            while !notes.put_note(&name, &text, was).await? {
                // What an earlier writing has left is replaced.
                was = notes.note(&name).await?.map_or(0, |note| note.version);
            }
            text.clear();
            chunk += 1;
        }
    }
    Ok(chunk)
}

fn lost_chunk(kind: &str) -> Stop {
    Stop::Failed(format!("a part of an earlier sweep ({kind}) is no longer there; the next sweep begins anew"))
}
