//! Notes a copy that another hand began while we were at the same backup, for report and doctor. It is told at best: nothing depends on it.

use crate::context::Context;
use crate::ledger::Record;
use crate::ledger::adopted::{Adopted, NOTE, is_anothers, with};
use crate::model::command::Replication;

/// Notes a copy that was found before any call of ours, if that was so soon after our first look.
pub(super) async fn note(ctx: &Context, replication: &Replication, record: &Record) {
    if !is_anothers(record, ctx.now()) {
        return;
    }
    let (source, destination) = (replication.source.id.clone(), replication.destination.region.clone());
    tracing::warn!(
        replication = replication.describe(),
        "another hand began this copy within ten minutes of our own look: does a second installation serve this source?"
    );
    let notes = &ctx.ports.notes;
    let Ok(before) = notes.note(NOTE).await else { return };
    let text = with(before.as_ref().map(|note| note.text.as_str()), Adopted { at: ctx.now(), source, destination });
    // Another process may have written meanwhile: then its copy is told, and that says the same.
    let _ = notes.put_note(NOTE, &text, before.map_or(0, |note| note.version)).await;
}
