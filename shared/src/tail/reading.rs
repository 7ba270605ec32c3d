//! What a look reads: the listing, newest first, back to the mark; and what was not finished, again by ID.

use std::collections::{HashSet, VecDeque};

use jiff::Timestamp;

use super::scope::Scope;
use super::state::State;
use crate::context::{Context, Invocation};
use crate::exchange::{self, credential};
use crate::model::backup::Backup;
use crate::model::failure::{Disposition, Failure};
use crate::providers::inventory::{Cursor, InventoryQuery, MANY};

/// So many pages a look lists at most, also where it goes on to find what is pending: a page shows a hundred, a request by ID only one.
const PAGES: usize = 10;

/// So many requests for many IDs a look sends.
const MANY_A_LOOK: usize = 10;

/// So many more, where one was refused and is asked in halves.
const HALVES_A_LOOK: usize = 20;

/// So many requests for single IDs.
const SINGLE_A_LOOK: usize = 20;

/// What a look has read.
#[derive(Default)]
pub(super) struct Read {
    /// The backups that were shown, each once.
    pub(super) backups: Vec<Backup>,
    /// The newest time among them.
    pub(super) newest: Option<Timestamp>,
    /// Whether every page up to the mark was read.
    pub(super) to_the_mark: bool,
    /// Pending backups that were asked for and are not there.
    gone: HashSet<String>,
    /// How many requests were sent.
    pub(super) requests: u64,
    /// What could not be read.
    pub(super) failure: Option<Failure>,
    seen: HashSet<String>,
}

/// Reads what is new, and what is pending. What was read before a failure is kept.
pub(super) async fn read(ctx: &Context, scope: &Scope<'_>, state: &State, invocation: &Invocation) -> Read {
    let mut read = Read::default();
    let listed = list(ctx, scope, state, &mut read, invocation).await;
    let asked = match listed {
        Ok(()) => ask_again(ctx, scope, state, &mut read, invocation).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = asked {
        if failure.disposition == Disposition::Authentication {
            credential::pause(ctx, scope.target(), scope.query.realm(), &failure).await;
        }
        read.failure = Some(failure);
    }
    read
}

impl Read {
    fn take(&mut self, backups: Vec<Backup>) {
        for backup in backups {
            if self.seen.insert(backup.id.clone()) {
                self.backups.push(backup);
            }
        }
    }

    /// Whether an answer has shown a backup with this ID, or that there is none.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.seen.contains(id) || self.gone.contains(id)
    }

    /// The pending backups that no answer has shown and for which something can be due.
    fn unseen<'s>(&self, state: &'s State, now: Timestamp) -> Vec<&'s str> {
        let due = state.pending.iter().filter(|pending| pending.due.is_none_or(|due| due <= now));
        due.map(|pending| pending.id.as_str()).filter(|id| !self.seen.contains(*id)).collect()
    }
}

async fn list(
    ctx: &Context,
    scope: &Scope<'_>,
    state: &State,
    read: &mut Read,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let inventory = scope.provider.inventory();
    let by_id = inventory.show_many(&scope.query, &[]).is_some();
    let oldest = state.pending.iter().filter_map(|pending| pending.created_at).min().filter(|_| !by_id);
    let since = state.from().map(|from| oldest.map_or(from, |oldest| from.min(oldest)));
    let query = InventoryQuery { since, ..scope.query.clone() };
    let mut cursor: Option<Cursor> = None;
    for _ in 0..PAGES {
        let call = inventory.list(&query, cursor.as_ref());
        read.requests += 1;
        let interpret = |reply| inventory.listed(&query, cursor.as_ref(), &reply);
        let page = exchange::read_as(ctx, scope.target(), &call, invocation.stop(), interpret).await?;
        let times = || page.backups.iter().filter_map(|backup| backup.created_at);
        read.newest = read.newest.max(times().max());
        let passed = match state.from() {
            // The past is the full sweep's: the first look only says from where on.
            None => true,
            Some(_) => page.next.is_none() || times().min().is_some_and(|oldest| state.is_passed(oldest)),
        };
        read.to_the_mark |= passed;
        let first = state.mark.is_none();
        let next = page.next;
        read.take(page.backups);
        let more = !by_id && !first && !read.unseen(state, ctx.now()).is_empty();
        cursor = match next {
            Some(next) if !read.to_the_mark || more => Some(next),
            _ => return Ok(()),
        };
    }
    Ok(())
}

/// Asks for what is pending and was not listed: many at once, or each by itself.
async fn ask_again(
    ctx: &Context,
    scope: &Scope<'_>,
    state: &State,
    read: &mut Read,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let inventory = scope.provider.inventory();
    let unseen = read.unseen(state, ctx.now());
    if inventory.show_many(&scope.query, &[]).is_none() {
        for id in unseen.into_iter().take(SINGLE_A_LOOK) {
            one(ctx, scope, read, id, invocation).await?;
        }
        return Ok(());
    }
    let mut parts: VecDeque<(&[&str], bool)> =
        unseen.chunks(MANY).take(MANY_A_LOOK).map(|part| (part, false)).collect();
    let mut halves = 0;
    while let Some((part, is_half)) = parts.pop_front() {
        if is_half {
            halves += 1;
            if halves > HALVES_A_LOOK {
                break;
            }
        }
        if let [id] = part {
            one(ctx, scope, read, id, invocation).await?;
            continue;
        }
        let Some(call) = inventory.show_many(&scope.query, part) else { break };
        read.requests += 1;
        let interpret = |reply| inventory.shown_many(&scope.query, &reply);
        match exchange::read_as(ctx, scope.target(), &call, invocation.stop(), interpret).await {
            Ok(backups) => {
                let shown: HashSet<&str> = backups.iter().map(|backup| backup.id.as_str()).collect();
                read.gone.extend(part.iter().filter(|id| !shown.contains(*id)).map(|id| (*id).to_owned()));
                read.take(backups);
            }
            Err(failure) if is_about_the_ids(&failure) => {
                let (left, right) = part.split_at(part.len() / 2);
                parts.push_front((right, true));
                parts.push_front((left, true));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

async fn one(
    ctx: &Context,
    scope: &Scope<'_>,
    read: &mut Read,
    id: &str,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let inventory = scope.provider.inventory();
    let Some(call) = inventory.show(&scope.query, id) else { return Ok(()) };
    read.requests += 1;
    let interpret = |reply| inventory.shown(&scope.query, id, &reply);
    match exchange::read_as(ctx, scope.target(), &call, invocation.stop(), interpret).await? {
        Some(backup) => read.take(vec![backup]),
        None => {
            read.gone.insert(id.to_owned());
        }
    }
    Ok(())
}

/// Whether fewer IDs may be answered: a refusal that is about the request, be it their number or one of them.
fn is_about_the_ids(failure: &Failure) -> bool {
    matches!(failure.disposition, Disposition::Permanent | Disposition::Unfit)
}
