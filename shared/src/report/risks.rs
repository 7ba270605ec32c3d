//! Where people's decisions are kept: one note for each act, which is written once and never changed.
//!
//! **Invariant:** an act that was written is read again by everybody. Numbers have no gaps, so reading ends at the first absent one.

use crate::ledger::risks::{Act, note_name};
use crate::ledger::store::LedgerError;
use crate::ports::Notes;

/// How often a number that somebody else takes meanwhile is given up for the next one.
const TRIES: u64 = 50;

/// All acts about a rule, in the order in which they were made. The rule need not be in the policy.
///
/// # Errors
/// The notes cannot be read, or one of them is not an act that this version knows. Then nobody can say what is accepted.
pub async fn read(notes: &dyn Notes, rule: &str) -> Result<Vec<Act>, LedgerError> {
    let mut acts = Vec::new();
    for number in 0.. {
        let name = note_name(rule, number);
        let Some(note) = notes.note(&name).await? else { break };
        let act = Act::from_text(&name, &note.text)?;
        if act.number != number || act.rule != rule {
            return Err(LedgerError::Corrupt { key: name, reason: format!("it says that it is {}", act.name()) });
        }
        acts.push(act);
    }
    Ok(acts)
}

/// Writes an act under the first number from its own on that is free, and gives it back as it was written.
///
/// # Errors
/// The notes cannot be written. A write whose answer was lost may have been stored; `read` tells.
pub async fn add(notes: &dyn Notes, mut act: Act) -> Result<Act, LedgerError> {
    for _ in 0..TRIES {
        let (name, text) = (note_name(&act.rule, act.number), act.to_text()?);
        if notes.put_note(&name, &text, 0).await? {
            return Ok(act);
        }
        // Our own write, of which the answer was lost and which was sent again, is found as a whole.
        if notes.note(&name).await?.is_some_and(|found| found.text == text) {
            return Ok(act);
        }
        act.number += 1;
    }
    Err(LedgerError::Unavailable(format!("too many others write decisions about rule {} at the same time", act.rule)))
}
