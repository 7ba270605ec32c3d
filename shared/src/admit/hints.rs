//! Turns a hint, an event that only names a backup or a vault, into a command for each rule that covers what it names.
//!
//! **Invariant:** nothing follows from a hint but a read. The rule judges what the provider then shows, and from there the path is
//! that of every command. What no rule covers, or what cannot be copied, is reported and done, never a failure. What is not there
//! yet is a failure, so that the event is delivered again.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::tasks::{self, Admission};
use crate::context::{Context, Invocation};
use crate::exchange::{self, Target, credential};
use crate::model::backup::{Backup, Eligibility};
use crate::model::command::{Operation, Realm};
use crate::model::error::{Error, ErrorName};
use crate::model::failure::{Disposition, Failure};
use crate::model::fields::FieldError;
use crate::model::text::one_line;
use crate::policy::{Coverage, Policy, Rule};
use crate::providers::inventory::InventoryQuery;
use crate::providers::provider::Provider;
use crate::replicate::outcome::{NoteState, Outcome, Trouble, TroubleState, not_ready};
use crate::replicate::together::Seat;
use crate::triggers::hint::{Hint, HintTarget};

/// The outcome of looking for a backup in one place.
pub(crate) enum Read {
    Shown(Box<Backup>),
    Absent,
    Failed(Outcome),
}

/// The tasks that follow from a hint; each replication comes once, however many rules ask for it.
pub(crate) async fn follow(ctx: &Context, hint: &Hint, id: &str, invocation: &Invocation) -> Vec<Admission> {
    let tasks = AssertUnwindSafe(followed(ctx, hint, id, invocation)).catch_unwind().await;
    let mut keys = HashSet::new();
    let mut tasks = tasks.unwrap_or_else(|_| {
        let message = format!("{} could not be looked at: this function failed inside (see the log)", hint.describe());
        vec![Err(Outcome::not_started(Error::new(ErrorName::Unavailable, message)))]
    });
    tasks.retain(|task| match task {
        Ok(task) => keys.insert(task.replication.key()),
        Err(_) => true,
    });
    tasks
}

async fn followed(ctx: &Context, hint: &Hint, id: &str, invocation: &Invocation) -> Vec<Admission> {
    let provider = match ctx.serving(hint.cloud) {
        Ok(provider) => provider,
        Err(error) => return vec![Err(Outcome::invalid(&error, id))],
    };
    let policy = match ctx.ports.policies.policy().await {
        Ok(Some(policy)) => policy,
        Ok(None) => {
            let reason = "is needed: an event that only names a backup or a vault says nothing about destinations; set OFFSITE_POLICY";
            return vec![Err(Outcome::invalid(&FieldError::new("policy", reason), id))];
        }
        Err(error) => return vec![Err(Outcome::not_started(error))],
    };
    let rules = rules_for(ctx, hint, &policy, provider);
    let of_vault: Vec<&Rule> =
        rules.iter().copied().filter(|rule| rule.source.vault_id.as_deref() == Some(hint.what.id())).collect();
    match &hint.what {
        HintTarget::Vault(vault) => vault_named(ctx, hint, vault, &rules, id),
        // The event does not say what kind of ID this is. If a rule names a vault by it, it is a vault.
        HintTarget::Resource(vault) if !of_vault.is_empty() => vault_named(ctx, hint, vault, &of_vault, id),
        _ => backup_named(ctx, hint, &rules, provider, id, invocation).await,
    }
}

/// The rules whose source the hint may be about.
pub(crate) fn rules_for<'p>(ctx: &Context, hint: &Hint, policy: &'p Policy, provider: &dyn Provider) -> Vec<&'p Rule> {
    let fits = |told: &Option<String>, own: &str| told.as_deref().is_none_or(|told| told == own);
    let project = |rule: &Rule| {
        let own = provider.complete(&rule.command_of(""), &ctx.settings.defaults).source.project_id;
        own.is_none_or(|own| fits(&hint.project_id, &own))
    };
    policy
        .rules
        .iter()
        .filter(|rule| rule.operation.cloud() == hint.cloud && hint.what.is_for(rule.operation))
        .filter(|rule| fits(&hint.account, &rule.account) && fits(&hint.region, &rule.source.region))
        .filter(|rule| project(rule))
        .collect()
}

/// Makes the tasks for a named vault. This needs no read: the provider itself chooses which backups of the vault it copies.
fn vault_named(ctx: &Context, hint: &Hint, vault: &str, rules: &[&Rule], id: &str) -> Vec<Admission> {
    let mut tasks = Vec::new();
    for rule in rules.iter().filter(|rule| rule.source.vault_id.as_deref().is_none_or(|own| own == vault)) {
        if rule.operation.source_field() != "vault_id" {
            let reason = format!(
                "{}: rule {} copies its backups one by one; its next sweep finds them",
                hint.describe(),
                rule.name
            );
            tasks.push(noted(NoteState::LeftToSweep, reason));
            continue;
        }
        let mut command = rule.command_of("");
        if command.operation == Operation::CopyCheckpoint {
            let Some(occurrence) = &hint.occurrence else {
                let reason = "is missing: copy-checkpoint needs it (an event ID or a scheduled time), so that one firing is started once";
                let error = FieldError::new("occurrence", reason);
                tasks.push(Err(Outcome::invalid(&error, id)));
                continue;
            };
            command.occurrence = Some(occurrence.clone());
        }
        tasks.extend(tasks::of(ctx, &command, id));
    }
    if tasks.is_empty() {
        tasks.push(noted(NoteState::NotCovered, format!("{}: no rule covers it", hint.describe())));
    }
    tasks
}

/// Reads the backup in each place where it may lie until it is found, and holds it against the rules of that place.
async fn backup_named(
    ctx: &Context,
    hint: &Hint,
    rules: &[&Rule],
    provider: &'static dyn Provider,
    id: &str,
    invocation: &Invocation,
) -> Vec<Admission> {
    let (mut tasks, mut failed) = (Vec::new(), Vec::new());
    let mut absent = false;
    let mut left: Vec<&Rule> = rules.to_vec();
    while let Some(first) = left.first().copied() {
        let (here, others): (Vec<&Rule>, Vec<&Rule>) = left.into_iter().partition(|rule| is_same_place(rule, first));
        left = others;
        match read_named(ctx, hint, first, provider, &mut None, invocation).await {
            Read::Shown(backup) => {
                tasks.extend(judged(ctx, hint, &backup, &here, id));
                if !matches!(backup.eligibility, Eligibility::Ineligible(_) | Eligibility::NotCovered(_)) {
                    return tasks;
                }
            }
            Read::Absent => absent = true,
            Read::Failed(outcome) => failed.push(Err(outcome)),
        }
    }
    tasks.append(&mut failed);
    if !tasks.is_empty() {
        return tasks;
    }
    let what = hint.describe();
    vec![match (&hint.what, absent) {
        (_, false) => noted(NoteState::NotCovered, format!("{what}: no rule covers it")),
        (HintTarget::Resource(_), true) => noted(
            NoteState::LeftToSweep,
            format!("{what} is no backup that can be read; the next sweep finds what there is"),
        ),
        (_, true) => Err(not_listed(hint)),
    }]
}

/// Holds a backup against the rules of the place where it lies.
fn judged(ctx: &Context, hint: &Hint, backup: &Backup, rules: &[&Rule], id: &str) -> Vec<Admission> {
    let now = ctx.now();
    let mut misses = Vec::new();
    let mut covering = Vec::new();
    for rule in rules {
        match rule.covers(backup, now) {
            Coverage::Covered => covering.push(*rule),
            Coverage::NotCovered(why) => misses.push(format!("{}: {why}", rule.name)),
        }
    }
    let what = hint.describe();
    if covering.is_empty() {
        return vec![noted(NoteState::NotCovered, format!("{what}: no rule covers it ({})", misses.join("; ")))];
    }
    match &backup.eligibility {
        Eligibility::NotReady(why) => {
            let message = format!("{what} {why}: not ready yet; it can be repeated");
            vec![Err(waiting("not_ready", message))]
        }
        Eligibility::Ineligible(why) => vec![noted(NoteState::Ineligible, format!("{what} {why}"))],
        Eligibility::NotCovered(why) => vec![noted(NoteState::Ineligible, format!("{what} {why}"))],
        Eligibility::Usable => {
            let waits = |rule: &&Rule| rule.starts_at(backup, now).is_some();
            let (late, at_once): (Vec<&Rule>, Vec<&Rule>) = covering.into_iter().partition(waits);
            let left = late.into_iter().map(|rule| {
                let reason = format!(
                    "{what}: rule {} starts its copies later (limits.start_after), and a look or sweep does it",
                    rule.name
                );
                noted(NoteState::LeftToSweep, reason)
            });
            let left: Vec<Admission> = left.collect();
            let commands = at_once.into_iter().map(|rule| {
                let mut command = rule.command(backup);
                if command.operation == Operation::CopyCheckpoint {
                    command.occurrence = hint.occurrence.clone().or_else(|| Some(backup.id.clone()));
                }
                command
            });
            left.into_iter().chain(commands.flat_map(|command| tasks::of(ctx, &command, id))).collect()
        }
    }
}

/// Reads the backup that a hint names, in the place of a rule's source: together with others, where there is a seat. What is left in it
/// then is the seat of what follows.
pub(crate) async fn read_named(
    ctx: &Context,
    hint: &Hint,
    rule: &Rule,
    provider: &dyn Provider,
    seat: &mut Option<Seat<'_>>,
    invocation: &Invocation,
) -> Read {
    let own = seat.take();
    let command = provider.complete(&rule.command_of(hint.what.id()), &ctx.settings.defaults);
    let scope = InventoryQuery::of(rule.operation, &command.source.region, command.source.project_id.clone());
    let replication = command.replications().into_iter().next();
    let (Some(replication), Some(call)) = (replication, provider.inventory().show(&scope, hint.what.id())) else {
        return Read::Absent;
    };
    if ctx.now() >= invocation.stop() {
        let message = format!(
            "{} was not looked at: no time is left before this function's deadline; it can be repeated",
            hint.describe()
        );
        return Read::Failed(waiting("deadline", message));
    }
    let (target, realm) = (Target::of(provider, &replication), replication.source.realm());
    let credential = match credential::ready(ctx, target, realm).await {
        Ok(credential) => credential,
        Err(why) => return Read::Failed(not_ready(&replication, why)),
    };
    // A credential that has not worked yet is tried by one call at a time, and nobody waits for another's turn.
    let own = own.filter(|_| ctx.memory.credentials.is_proven(&credential));
    let gate = match credential::gate(ctx, target, realm, &credential).await {
        Ok(gate) => gate,
        Err(why) => return Read::Failed(not_ready(&replication, why)),
    };
    let reply = match own.filter(|_| gate.is_none()) {
        Some(own) => {
            let (reply, next) = own.read_before(target, &replication, &call).await;
            *seat = next;
            reply
        }
        None => exchange::read(ctx, target, &call, invocation.stop()).await,
    };
    let shown = reply.and_then(|reply| provider.inventory().shown(&scope, hint.what.id(), &reply));
    match shown {
        Ok(found) => {
            ctx.memory.credentials.prove(credential);
            found.map_or(Read::Absent, |backup| Read::Shown(Box::new(backup)))
        }
        Err(failure) => Read::Failed(unread(ctx, hint, target, realm, failure).await),
    }
}

async fn unread(ctx: &Context, hint: &Hint, target: Target<'_>, realm: Realm<'_>, failure: Failure) -> Outcome {
    if failure.disposition == Disposition::Authentication {
        credential::pause(ctx, target, realm, &failure).await;
    }
    let name = failure.error_name();
    let message = format!("{} could not be read: {failure}; nothing was started", hint.describe());
    Outcome::Not(Trouble {
        state: TroubleState::NotStarted,
        error: Error::new(name, message),
        code: Some(failure.code),
        request_id: failure.request_id,
    })
}

/// Whether the sources of both rules lie in one place, so that one read serves both.
fn is_same_place(one: &Rule, other: &Rule) -> bool {
    let service = |rule: &Rule| rule.operation == Operation::CopyCheckpointItem;
    one.account == other.account
        && one.source.region == other.source.region
        && one.source.project_id == other.source.project_id
        && service(one) == service(other)
}

fn noted(state: NoteState, reason: impl AsRef<str>) -> Admission {
    Err(Outcome::Noted { state, reason: one_line(reason.as_ref()) })
}

/// The outcome when the backup that a hint names is not there, or not there yet.
pub(crate) fn not_listed(hint: &Hint) -> Outcome {
    let message = format!("{} is not listed yet, or not there any more; it can be repeated", hint.describe());
    waiting("not_listed", message)
}

/// An outcome that makes a queue deliver the event again.
fn waiting(code: &str, message: String) -> Outcome {
    Outcome::Not(Trouble {
        state: TroubleState::NotStarted,
        error: Error::new(ErrorName::Unavailable, message),
        code: Some(code.to_owned()),
        request_id: None,
    })
}
