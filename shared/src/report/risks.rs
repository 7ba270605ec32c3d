//! Where people's decisions are kept: one note for each act, which is written once and never changed.
//!
//! **Invariant:** an act that was written is read again by everybody. Numbers have no gaps, so reading ends at the first absent one.

use serde_json::json;

use crate::ledger::risks::{Act, Decision, note_name};
use crate::ledger::store::LedgerError;
use crate::model::name::ascii;
use crate::model::receipt::{Envelope, Message, Origin};
use crate::model::text::hash_of;
use crate::ports::Notes;
pub use crate::sweep::decisions::read;
use crate::sweep::summary;

/// How often a number that somebody else takes meanwhile is given up for the next one.
const TRIES: u64 = 50;

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

/// Whether the last complete sweep of a rule found a backup without a copy, or knows a resource, with this ID.
///
/// # Errors
/// What the sweep left cannot be read.
pub async fn is_known(notes: &dyn Notes, rule: &str, id: &str) -> Result<bool, LedgerError> {
    let Some((found, _)) = summary::read(notes, rule).await? else { return Ok(false) };
    let unreadable = |reason: String| LedgerError::Corrupt { key: format!("the last sweep of {rule}"), reason };
    for chunk in 0..found.chunks() {
        let lines = found.exceptions(notes, rule, chunk).await.map_err(unreadable)?;
        if lines.iter().any(|line| line.backup_id == id || line.resource.as_deref() == Some(id)) {
            return Ok(true);
        }
    }
    let register = found.register(notes, rule).await.map_err(unreadable)?;
    Ok(register.iter().any(|resource| resource.id == id))
}

/// The message that tells consumers of the queue of a person's act.
pub fn message(act: &Act, stack: Option<&str>) -> Message {
    let event_type = match act.decision {
        Decision::Accept { .. } => "offsite.risk.accepted",
        Decision::Gone { .. } => "offsite.risk.gone",
        Decision::Revoke { .. } => "offsite.risk.revoked",
        Decision::Retire => "offsite.rule.retired",
        Decision::ConfirmLoss { .. } => "offsite.rule.loss_confirmed",
    };
    let (name, time) = (act.name(), act.at.to_string());
    let mut data = json!({ "rule": act.rule, "number": act.number, "reason": act.reason, "who": act.who });
    match &act.decision {
        Decision::Accept { resource, destination, cause, until } => {
            data["resource"] = json!(resource);
            data["destination"] = json!(destination);
            data["cause"] = json!(cause);
            data["until"] = json!(until);
        }
        Decision::Gone { resource } => data["resource"] = json!(resource),
        Decision::Revoke { act: number } => data["revokes"] = json!(format!("{}/{number}", act.rule)),
        Decision::Retire => {}
        Decision::ConfirmLoss { destination, copies, until } => {
            data["destination"] = json!(destination);
            data["copies"] = json!(copies);
            data["until"] = json!(until);
        }
    }
    // An act is told of once, so its name and time are all that tell it apart, also after the ledger was lost and made anew.
    let id = hash_of(&[&name, event_type, &time]);
    let source = format!("/offsite/rules/{}", ascii(&act.rule));
    let origin = Origin { stack: stack.map(str::to_owned), account_number: None };
    Envelope { id, event_type, source, subject: &name, time, schema: "decision" }.around(data, &origin)
}
