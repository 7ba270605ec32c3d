//! Whether a person has stopped what is to be started.
//!
//! **Invariant:** where that cannot be read, nothing is started.

use std::sync::Arc;

use crate::context::Context;
use crate::ledger::brake::{Brake, NOTE};
use crate::ledger::store::LedgerError;
use crate::model::command::{Cloud, Replication};
use crate::model::failure::{Disposition, Failure};

/// The code of what was not started because of it.
pub(crate) const PAUSED: &str = "paused";

/// What stops a copy of this cloud and rule, in words; `None` if nothing does.
///
/// # Errors
/// The brake cannot be read.
pub(crate) async fn on(ctx: &Context, cloud: Cloud, rule: Option<&str>) -> Result<Option<String>, LedgerError> {
    if ctx.settings.paused {
        return Ok(Some("OFFSITE_PAUSED is set, and nothing is started until it is not".to_owned()));
    }
    let now = ctx.now();
    let brake = match ctx.memory.brake.recent(now) {
        Some(brake) => brake,
        None => {
            let note = ctx.ports.notes.note(NOTE).await?;
            let brake = Arc::new(Brake::from_text(note.as_ref().map(|note| note.text.as_str()))?);
            ctx.memory.brake.remember(now, &brake);
            brake
        }
    };
    Ok(brake.on(cloud, rule).map(|held| held.describe()))
}

/// Lets a call that starts a copy pass, unless a person has stopped it since its claim.
///
/// # Errors
/// It is stopped, or that cannot be read: it was not sent.
pub(crate) async fn pass(ctx: &Context, replication: &Replication) -> Result<(), Failure> {
    let why = match on(ctx, replication.operation.cloud(), replication.rule.as_deref()).await {
        Ok(None) => return Ok(()),
        Ok(Some(why)) => why,
        Err(error) => format!("whether a person has paused it cannot be read: {error}"),
    };
    Err(Failure::local(Disposition::Permanent, PAUSED, why, ""))
}
