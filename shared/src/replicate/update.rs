//! The one loop that writes a transition over whatever the ledger holds.

use std::time::Duration;

use jiff::Timestamp;

use crate::context::Context;
use crate::ledger::Record;
use crate::ledger::store::{Expect, LedgerError, Put};
use crate::model::time::later;
use crate::ports::Ledger;

/// A write that conflicts with those of others this often is given up.
const TRIES: usize = 12;

/// What a transition came to.
pub(crate) enum Written<T> {
    /// This record is stored.
    Stored(Box<Record>),
    /// The transition does not apply, for this reason, to this record; or there is none.
    Left(T, Option<Box<Record>>),
}

/// Applies `transition` to what the ledger holds, and again to what others have written meanwhile, until it is stored or does not
/// apply. `known` is the record as last read; if it is outdated, the first write finds that out.
///
/// A write that was stored but whose answer was lost looks like a conflict. The record found is our own only if all of it is equal:
/// version and owner are not enough, since an acceptance by another call keeps the owner that it finds.
///
/// # Errors
/// The ledger cannot be written, or others write the same record at the same time for too long.
pub(crate) async fn update<T>(
    ledger: &dyn Ledger,
    known: Option<Record>,
    mut transition: impl FnMut(Option<&Record>) -> Result<(Record, Expect), T>,
) -> Result<Written<T>, LedgerError> {
    let mut current = known.map(Box::new);
    for _ in 0..TRIES {
        let (next, expect) = match transition(current.as_deref()) {
            Ok(write) => write,
            Err(reason) => return Ok(Written::Left(reason, current)),
        };
        match ledger.put(&next, &expect).await? {
            Put::Stored => return Ok(Written::Stored(Box::new(next))),
            Put::Conflict(Some(found)) if *found == next => return Ok(Written::Stored(found)),
            Put::Conflict(found) => current = found,
        }
    }
    Err(LedgerError::Unavailable("too many others write this record at the same time".into()))
}

/// Repeats `write` until it succeeds, the time is `until`, or it fails so that a repeat would fail as well.
///
/// # Errors
/// That of the last try.
pub(super) async fn patiently<T, F>(
    ctx: &Context,
    until: Timestamp,
    mut write: impl FnMut() -> F,
) -> Result<T, LedgerError>
where
    F: Future<Output = Result<T, LedgerError>>,
{
    let mut delay = Duration::from_millis(100);
    loop {
        let error = match write().await {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        if !error.is_transient() || later(ctx.now(), delay) >= until {
            return Err(error);
        }
        tracing::warn!(%error, "the ledger is asked again");
        ctx.ports.clock.sleep(delay).await;
        delay *= 2;
    }
}
