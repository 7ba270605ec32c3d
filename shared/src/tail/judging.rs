//! What is to be done for each backup that a look has read.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::reading::Read;
use super::scope::Scope;
use super::state::{Pending, State};
use crate::context::Context;
use crate::ledger::store::{Expect, LedgerError};
use crate::ledger::{self, About, Claimant, Record, State as Stands};
use crate::model::backup::{Backup, Eligibility};
use crate::model::command::{Operation, Replication};
use crate::model::time::later;
use crate::policy::{Coverage, Rule};
use crate::ports::Boxed;
use crate::sweep::verdict::{DestinationView, Judgement, judge as judged};

/// Records read at once.
const LOOKUPS: usize = 16;

/// One copy that should be started now.
pub(super) struct Want<'c> {
    pub(super) rule: &'c Rule,
    pub(super) backup: &'c Backup,
    pub(super) replication: Replication,
    pub(super) record: Option<Record>,
}

/// A finished backup, and when it is to be asked for again; `None` if nothing is left to wait for.
pub(super) struct Finished<'c> {
    pub(super) backup: &'c Backup,
    pub(super) again: Option<Timestamp>,
}

/// What a look has found.
pub(super) struct Found<'c> {
    pub(super) wants: Vec<Want<'c>>,
    pub(super) finished: Vec<Finished<'c>>,
    /// What was pending before this look.
    pub(super) before: Vec<Pending>,
    /// Unfinished backups that are left to the full sweep: there are too many, or they take too long.
    pub(super) not_kept: u64,
}

/// Judges what was read. What is unfinished is pending from here on. `first`: this is the first look, and what is finished is the past.
pub(super) async fn judge<'c>(
    ctx: &Context,
    scope: &Scope<'c>,
    state: &mut State,
    read: &'c Read,
    first: bool,
) -> Result<Found<'c>, LedgerError> {
    let now = ctx.now();
    let before = std::mem::take(&mut state.pending);
    let was_pending: HashSet<&str> = before.iter().map(|pending| pending.id.as_str()).collect();
    for pending in before.iter().filter(|pending| !read.knows(&pending.id)) {
        state.wait(pending.clone(), &before, now);
    }
    let rules: Vec<&'c Rule> = scope.rules.iter().copied().filter(|rule| may_copy(ctx, rule)).collect();
    let mut finished = Vec::new();
    let mut candidates = Vec::new();
    let (mut keys, mut not_kept) = (HashSet::new(), 0);
    for backup in &read.backups {
        let new = state.from().is_none_or(|from| backup.created_at.is_none_or(|made| made >= from));
        if state.is_settled(&backup.id) || !(new || was_pending.contains(backup.id.as_str())) {
            continue;
        }
        match &backup.eligibility {
            Eligibility::NotReady(_) if rules.iter().any(|rule| rule.selects(backup) == Coverage::Covered) => {
                if !state.wait(pending(backup, None, now), &before, now) {
                    state.settle(&backup.id, backup.created_at);
                    not_kept += 1;
                }
            }
            Eligibility::Usable if !first => {
                let again = rules.iter().filter_map(|rule| rule.ripens_in(backup, now)).min();
                finished.push(Finished { backup, again: again.map(|after| later(now, after)) });
                let at = finished.len() - 1;
                for rule in rules.iter().copied().filter(|rule| rule.covers(backup, now) == Coverage::Covered) {
                    for replication in replications(ctx, scope, rule, &backup.id) {
                        if keys.insert(replication.key()) {
                            candidates.push((at, rule, replication));
                        }
                    }
                }
            }
            _ => state.settle(&backup.id, backup.created_at),
        }
    }
    let ledger = &*ctx.ports.ledger;
    let lookups = candidates
        .iter()
        .map(|(_, _, replication)| -> Boxed<'_, _> { Box::pin(async move { ledger.get(&replication.key()).await }) });
    let records: Vec<Result<Option<Record>, LedgerError>> =
        stream::iter(lookups.collect::<Vec<_>>()).buffered(LOOKUPS).collect().await;
    let mut wants = Vec::new();
    for ((at, rule, replication), record) in candidates.into_iter().zip(records) {
        let (record, Some(finished)) = (record?, finished.get_mut(at)) else { continue };
        let want = Want { rule, backup: finished.backup, replication, record };
        match when(ctx, &want, now) {
            When::Now => wants.push(want),
            When::Later(due) => {
                if want.record.is_none() {
                    leave(ctx, &want, Some(due)).await?;
                }
                finished.again = Some(finished.again.map_or(due, |again| again.min(due)));
            }
            When::NotHere => {}
        }
    }
    Ok(Found { wants, finished, before, not_kept })
}

/// Whether the destinations of a rule are allowed here. Its full sweep says so where they are not.
fn may_copy(ctx: &Context, rule: &Rule) -> bool {
    ctx.settings.check_destinations(&rule.command_of("")).is_ok()
}

fn replications(ctx: &Context, scope: &Scope<'_>, rule: &Rule, backup_id: &str) -> Vec<Replication> {
    let command = scope.provider.complete(&rule.command_of(backup_id), &ctx.settings.defaults);
    let of_backup = |replication: Replication| match rule.operation {
        Operation::CopyCheckpoint => replication.of_backup(backup_id),
        _ => replication,
    };
    command.replications().into_iter().map(of_backup).collect()
}

/// When a copy is to be started.
enum When {
    Now,
    Later(Timestamp),
    /// It exists, is under way, or is for a full sweep to try again.
    NotHere,
}

fn when(ctx: &Context, want: &Want<'_>, now: Timestamp) -> When {
    let times = &ctx.settings.observation;
    let destination = &want.replication.destination;
    // No destination was listed, so only what the provider and the ledger say of it counts.
    let verdict = judged(want.backup, destination, want.record.as_ref(), &DestinationView::Untried, times, now);
    // Whoever claimed it may have died over it: then it is taken up as soon as the lease is over, and read back before anything else.
    if let Some(claimed) = want.record.as_ref().filter(|record| record.state == Stands::Claimed) {
        let leased = claimed.lease_until.filter(|until| *until > now);
        return leased.map_or(When::Now, When::Later);
    }
    if verdict != Judgement::Missing {
        return When::NotHere;
    }
    match &want.record {
        None => want.rule.starts_at(want.backup, now).map_or(When::Now, When::Later),
        Some(record) if record.state == Stands::Seen => match record.not_before.filter(|due| *due > now) {
            None => When::Now,
            Some(due) if want.rule.limits.start_after.is_some() => When::Later(due),
            // The work queue has it.
            Some(_) => When::NotHere,
        },
        Some(_) => When::NotHere,
    }
}

/// Records a copy that a look does not start, so that nothing is lost if its source goes.
pub(super) async fn leave(ctx: &Context, want: &Want<'_>, until: Option<Timestamp>) -> Result<(), LedgerError> {
    let now = ctx.now();
    let me = Claimant { owner: ctx.ports.clock.nonce().0, lease_until: now, now };
    let record = ledger::put_off(&want.replication, About::of(want.backup), &me, until);
    // If somebody else has written a record first, that one knows more and stays.
    ctx.ports.ledger.put(&record, &Expect::Absent).await?;
    Ok(())
}

/// An entry for a backup that is to be asked for again.
pub(super) fn pending(backup: &Backup, due: Option<Timestamp>, now: Timestamp) -> Pending {
    Pending { id: backup.id.clone(), created_at: backup.created_at, since: now, due }
}
