//! What people have stopped, as a report says it.

use crate::ledger::brake::{Brake, NOTE};
use crate::ledger::store::LedgerError;
use crate::ports::Notes;

/// One line for each part that is stopped; none if nothing is.
///
/// # Errors
/// The notes cannot be read.
pub async fn remarks(notes: &dyn Notes) -> Result<Vec<String>, LedgerError> {
    let mut remarks: Vec<String> = Vec::new();
    for remark in notes.everywhere(NOTE).await?.iter().flat_map(|note| of_text(Some(&note.text))) {
        // What is paused for all clouds is said in each one's table.
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    Ok(remarks)
}

/// The same of a brake as it is stored. One that cannot be read stops everything, and that is said.
pub fn of_text(text: Option<&str>) -> Vec<String> {
    let unread = |error| format!("Nothing is started, for what people have paused is not to be read: {error}");
    match Brake::from_text(text) {
        Ok(brake) => brake.entries.iter().map(|held| format!("Nothing is started: {}", held.describe())).collect(),
        Err(error) => vec![unread(error)],
    }
}
