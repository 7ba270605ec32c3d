//! The limit of new copies that a sweep and the looks until the next one share.
//!
//! It is kept in a note for each rule that has a limit or copies a whole vault. Who starts reserves first and gives back what it did not
//! use, so a crash can only leave some of the limit unused, until the next sweep begins.

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::ledger::store::LedgerError;
use crate::model::json;
use crate::policy::Rule;

/// A note that others write at the same time is tried this often.
const TRIES: usize = 12;

/// How much of a rule's limit is used since its last sweep began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Budget {
    /// The name of that sweep; empty before the first one.
    run: String,
    /// What the sweep started, or has reserved while it starts.
    sweep: u64,
    /// What looks started or have reserved.
    looks: u64,
    /// Whether a look made the call for the whole vault.
    vault: bool,
}

/// Begins anew with a sweep. One that is taken up again keeps what was used.
///
/// # Errors
/// The notes cannot be read or written.
pub(super) async fn begin(ctx: &Context, rule: &Rule, run: &str) -> Result<(), LedgerError> {
    if limit(rule).is_none() && rule.operation.source_field() != "vault_id" {
        return Ok(());
    }
    change(ctx, rule, |budget| {
        if budget.run != run {
            *budget = Budget { run: run.to_owned(), ..Budget::default() };
        }
    })
    .await
}

/// How many new copies a sweep may start in all. Until it says how many it started, all of that is reserved.
///
/// # Errors
/// The notes cannot be read or written.
pub(super) async fn of_sweep(ctx: &Context, rule: &Rule, run: &str) -> Result<u64, LedgerError> {
    let Some(limit) = limit(rule) else { return Ok(u64::MAX) };
    let mut may = limit;
    let reserve = |budget: &mut Budget| {
        may = limit.saturating_sub(budget.looks);
        if budget.run == run {
            budget.sweep = may;
        }
    };
    change(ctx, rule, reserve).await?;
    Ok(may)
}

/// Takes note of how many new copies a sweep has started.
///
/// # Errors
/// The notes cannot be read or written.
pub(super) async fn used_by_sweep(ctx: &Context, rule: &Rule, run: &str, started: u64) -> Result<(), LedgerError> {
    if limit(rule).is_none() {
        return Ok(());
    }
    change(ctx, rule, |budget| {
        if budget.run == run {
            budget.sweep = started;
        }
    })
    .await
}

/// Reserves up to `wanted` new copies for a look, and tells how many.
///
/// # Errors
/// The notes cannot be read or written.
pub(crate) async fn reserve(ctx: &Context, rule: &Rule, wanted: u64) -> Result<u64, LedgerError> {
    let Some(limit) = limit(rule) else { return Ok(wanted) };
    let mut may = 0;
    let reserve = |budget: &mut Budget| {
        may = limit.saturating_sub(budget.sweep.saturating_add(budget.looks)).min(wanted);
        budget.looks += may;
    };
    change(ctx, rule, reserve).await?;
    Ok(may)
}

/// Gives back what a look reserved and did not use.
///
/// # Errors
/// The notes cannot be read or written.
pub(crate) async fn give_back(ctx: &Context, rule: &Rule, unused: u64) -> Result<(), LedgerError> {
    if limit(rule).is_none() || unused == 0 {
        return Ok(());
    }
    change(ctx, rule, |budget| budget.looks = budget.looks.saturating_sub(unused)).await
}

/// Whether a look may make the call for a rule's whole vault: it may once until the next sweep begins.
///
/// # Errors
/// The notes cannot be read or written.
pub(crate) async fn take_vault(ctx: &Context, rule: &Rule) -> Result<bool, LedgerError> {
    let mut may = false;
    let take = |budget: &mut Budget| {
        may = !budget.vault;
        budget.vault = true;
    };
    change(ctx, rule, take).await?;
    Ok(may)
}

fn limit(rule: &Rule) -> Option<u64> {
    rule.limits.max_new_per_sweep.map(u64::from)
}

/// Changes the note of a rule, again over what others have written meanwhile.
async fn change(ctx: &Context, rule: &Rule, mut change: impl FnMut(&mut Budget)) -> Result<(), LedgerError> {
    let (notes, name) = (&*ctx.ports.notes, format!("budget/{}", rule.name));
    for _ in 0..TRIES {
        let note = notes.note(&name).await?;
        let version = note.as_ref().map_or(0, |note| note.version);
        let was: Budget = note.and_then(|note| json::typed(&note.text).ok()).unwrap_or_default();
        let mut next = was.clone();
        change(&mut next);
        if next == was && version > 0 {
            return Ok(());
        }
        let text = serde_json::to_string(&next).map_err(|error| LedgerError::Unavailable(error.to_string()))?;
        if notes.put_note(&name, &text, version).await? {
            return Ok(());
        }
    }
    Err(LedgerError::Unavailable(format!("too many others change what is left of the limit of rule {}", rule.name)))
}
