//! Whether another hand makes copies that a rule would make: a person, or a plan of the vendor's own.
//!
//! Where one does, a start reads whether its copy is there, however lately a sweep has listed it: the other one may have begun since.

use std::time::Duration;

use jiff::Timestamp;

use crate::context::Context;
use crate::ledger::store::LedgerError;
use crate::model::time::later;

/// So long after the last copy of another hand its rule's starts read.
const REMEMBERED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// A note that is younger than this is not written again.
const WRITTEN_EVERY: Duration = Duration::from_secs(3_600);

/// Takes note that another hand has made a copy which this rule wanted. What cannot be written is written at the next one.
pub(crate) async fn seen(ctx: &Context, rule: &str) {
    let (notes, name, now) = (&*ctx.ports.notes, name_of(rule), ctx.now());
    if ctx.settings.read_only {
        return;
    }
    let written = async {
        let (version, last) = match notes.note(&name).await? {
            Some(note) => (note.version, note.text.parse::<Timestamp>().ok()),
            None => (0, None),
        };
        match last {
            Some(last) if later(last, WRITTEN_EVERY) > now => Ok(true),
            _ => notes.put_note(&name, &now.to_string(), version).await,
        }
    };
    let written: Result<bool, LedgerError> = written.await;
    if let Err(error) = written {
        tracing::warn!(rule, %error, "that another hand makes copies of this rule is not recorded");
    }
}

/// Whether another hand has made such a copy lately. What cannot be read counts as yes.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn are_seen(ctx: &Context, rule: &str) -> Result<bool, LedgerError> {
    let note = ctx.ports.notes.note(&name_of(rule)).await?;
    let last = note.map(|note| note.text.parse::<Timestamp>().ok());
    Ok(last.is_some_and(|last| last.is_none_or(|last| later(last, REMEMBERED_FOR) > ctx.now())))
}

fn name_of(rule: &str) -> String {
    format!("hands/{rule}")
}
