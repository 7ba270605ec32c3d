//! What a look leaves for the next one, as one note for each scope.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::scope::Scope;
use crate::context::{Context, Invocation};
use crate::ledger::store::LedgerError;
use crate::model::json;
use crate::model::text::hash_of;
use crate::model::time::later;

/// How long one look may take. Another one that comes meanwhile is told so.
pub(super) const LEASE: Duration = Duration::from_secs(50);

/// So much before the mark a look lists once more: what was begun there may show late.
pub(super) const OVERLAP: Duration = Duration::from_secs(600);

/// So many unfinished backups are remembered. Further ones are the full sweep's.
pub(super) const MOST_PENDING: usize = 1_000;

/// After this time an unfinished backup is left to the full sweep.
pub(super) const PENDING_FOR: Duration = Duration::from_secs(24 * 3_600);

/// The format of the note. One of another format is not read: the look begins anew, and the past is the full sweep's.
const FORMAT: u32 = 1;

/// How far the looks at a scope are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    /// Until when somebody is looking; absent if nobody is.
    lease_until: Option<Timestamp>,
    /// The newest time of a backup of which every earlier one was dealt with. It is a time of the listing, and never compared with our clock.
    pub(super) mark: Option<Timestamp>,
    /// Up to this time a full sweep has listed everything, so a look need not go back further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) swept: Option<Timestamp>,
    /// What is to be asked for again, next first.
    pub(super) pending: Vec<Pending>,
    /// Hashes of the IDs since the mark, less the overlap, of which nothing is left to do, with their times.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settled: BTreeMap<String, Timestamp>,
    /// When the last look began that was complete.
    pub(super) looked_at: Option<Timestamp>,
    /// When the last look began, whatever became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<Timestamp>,
    /// When the first look began.
    pub(super) begun: Option<Timestamp>,
    /// Set while there is more between the mark and now than a look lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) behind: Option<Behind>,
    /// Destinations that refused a copy for a reason that is not the backup's, and when. The next full sweep tries them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) closed: BTreeMap<String, Timestamp>,
}

/// A backup that is to be asked for again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) id: String,
    /// Its time in the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<Timestamp>,
    /// Since when, by our clock.
    pub(super) since: Timestamp,
    /// Before this nothing can be due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<Timestamp>,
}

/// That looks are behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Behind {
    /// Since when. A sweep of every rule that began later has seen what the look could not reach.
    pub(super) since: Timestamp,
    /// The newest time that was listed then.
    pub(super) newest: Timestamp,
}

/// Whether a look may begin.
pub(super) enum Taken {
    /// It may, from here, over this version of the note.
    Ours(Box<State>, u64),
    /// Another one is at it, and its lease ends then.
    Busy(Timestamp),
    /// There was one just now.
    TooSoon,
}

/// Takes the lease of a scope, unless another look began there less than `apart` ago.
///
/// # Errors
/// The notes cannot be read or written.
pub(super) async fn take(
    ctx: &Context,
    scope: &Scope<'_>,
    invocation: &Invocation,
    apart: Duration,
) -> Result<Taken, LedgerError> {
    let (notes, name, now) = (&*ctx.ports.notes, scope.name(), ctx.now());
    let note = notes.note(&name).await?;
    let version = note.as_ref().map_or(0, |note| note.version);
    let found = note.and_then(|note| json::typed::<State>(&note.text).ok());
    let mut state = found.filter(|state| state.format == FORMAT).unwrap_or_default();
    if let Some(until) = state.lease_until.filter(|until| *until > now) {
        return Ok(Taken::Busy(until));
    }
    if state.last.is_some_and(|last| now < later(last, apart)) {
        return Ok(Taken::TooSoon);
    }
    state.format = FORMAT;
    state.last = Some(now);
    state.begun = state.begun.or(Some(now));
    state.lease_until = Some(invocation.deadline);
    match notes.put_note(&name, &text(&state)?, version).await? {
        true => Ok(Taken::Ours(Box::new(state), version + 1)),
        false => Ok(Taken::Busy(invocation.deadline)),
    }
}

/// Writes down how far a look came, and gives the lease back. False if another look has taken it meanwhile.
///
/// # Errors
/// The notes cannot be written.
pub(super) async fn leave(ctx: &Context, scope: &Scope<'_>, state: &State, version: u64) -> Result<bool, LedgerError> {
    let state = State { lease_until: None, ..state.clone() };
    ctx.ports.notes.put_note(&scope.name(), &text(&state)?, version).await
}

impl State {
    /// From which time of the listing a look reads; `None` for the first look.
    pub(super) fn from(&self) -> Option<Timestamp> {
        let overlap = jiff::SignedDuration::try_from(OVERLAP).unwrap_or_default();
        let from = self.mark.map(|mark| mark.checked_sub(overlap).unwrap_or(mark));
        from.max(self.swept.filter(|_| from.is_some()))
    }

    /// Whether a page whose oldest backup is of this time is the last one that a look needs.
    pub(super) fn is_passed(&self, oldest: Timestamp) -> bool {
        self.from().is_some_and(|from| oldest < from) || self.swept.is_some_and(|swept| oldest <= swept)
    }

    /// Takes note that nothing is left to do for a backup. One without a time is looked at each time that it is listed.
    pub(super) fn settle(&mut self, id: &str, created_at: Option<Timestamp>) {
        if let Some(created_at) = created_at {
            self.settled.insert(short(id), created_at);
        }
    }

    pub(super) fn is_settled(&self, id: &str) -> bool {
        self.settled.contains_key(&short(id))
    }

    /// Drops what lies before the stretch that looks list.
    pub(super) fn forget_settled(&mut self) {
        if let Some(from) = self.from() {
            self.settled.retain(|_, created_at| *created_at >= from);
        }
    }

    /// Remembers a backup to be asked for again, after all others. One that was known before keeps its first time. False if it is not
    /// remembered: there is no room, or it was waited for long enough, and the full sweep has it from here on.
    pub(super) fn wait(&mut self, pending: Pending, before: &[Pending], now: Timestamp) -> bool {
        let since = before.iter().find(|known| known.id == pending.id).map_or(pending.since, |known| known.since);
        // What waits for a time that is known by its record may wait for long; what is unfinished for a day is left to the sweep.
        let old = pending.due.is_none() && later(since, PENDING_FOR) <= now;
        let waits = self.pending.len() < MOST_PENDING && !old;
        if waits {
            self.pending.push(Pending { since, ..pending });
        }
        waits
    }
}

fn short(id: &str) -> String {
    hash_of(&[id]).get(..12).unwrap_or_default().to_owned()
}

fn text(state: &State) -> Result<String, LedgerError> {
    serde_json::to_string(state).map_err(|error| LedgerError::Unavailable(error.to_string()))
}
