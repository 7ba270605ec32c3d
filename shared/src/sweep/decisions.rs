//! What people decided about a rule, read from the notes that hold it.

use crate::ledger::risks::{Act, note_name};
use crate::ledger::store::LedgerError;
use crate::ports::Notes;

/// All acts about a rule, in the order in which they were made. The rule need not be in the policy.
///
/// Numbers have no gaps, so reading ends at the first absent one.
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
