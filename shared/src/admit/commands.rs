//! Holds commands against the policy. Whoever can write to the queue can send a command, so where there is a policy, a command
//! may start what the policy allows and nothing else.
//!
//! **Invariant:** what is started follows from the policy in force, whoever wrote the command.

use super::hints::{Read, not_listed, read_named};
use crate::context::{Context, Invocation};
use crate::model::backup::Backup;
use crate::model::command::{Command, Destination, Operation, Options};
use crate::model::fields::FieldError;
use crate::model::order;
use crate::policy::{Coverage, Policy, Rule};
use crate::providers::provider::Provider;
use crate::replicate::outcome::Outcome;
use crate::replicate::together::Seat;
use crate::settings::Trust;
use crate::triggers::hint::{Hint, HintTarget};

/// Divides a command into one command for each rule that wants a part of it. Where the backup has to be read for that, it is read together with
/// those of other commands, and what is left in `seat` is the seat of what follows.
///
/// # Errors
/// No rule wants one of the destinations, and then nothing of the command is started; or this could not be found out.
pub(crate) async fn divide(
    ctx: &Context,
    command: &Command,
    id: &str,
    seat: &mut Option<Seat<'_>>,
    invocation: &Invocation,
) -> Result<Vec<Command>, Outcome> {
    if ctx.settings.trust == Trust::Anyone {
        return Ok(vec![command.clone()]);
    }
    let invalid = |error: FieldError| Outcome::invalid(&error, id);
    let policy = match ctx.ports.policies.policy().await {
        Ok(Some(policy)) => policy,
        Ok(None) => return Err(invalid(FieldError::new("policy", "there is none, so no command is wanted"))),
        Err(error) => return Err(Outcome::not_started(error)),
    };
    let provider = ctx.serving(command.operation.cloud()).map_err(invalid)?;
    let command = provider.complete(command, &ctx.settings.defaults);
    if ctx.settings.trust == Trust::PolicyDestinations {
        let strange = command.destinations.iter().position(|destination| !is_named(&policy, &command, destination));
        return match strange {
            None => {
                // A rule's name brings that rule's limits with it, so it is dropped if the rule does not copy to every destination.
                let rule = command.rule.clone().filter(|name| {
                    let own = policy.rule(name);
                    command
                        .destinations
                        .iter()
                        .all(|destination| own.is_some_and(|rule| goes(rule, &command, destination)))
                });
                Ok(vec![Command { rule, ..command }])
            }
            Some(index) => Err(invalid(refusal(index, &command, "no rule of the policy copies there"))),
        };
    }
    if let Some(name) = command.rule.as_deref().filter(|name| policy.rule(name).is_none()) {
        // What waits in a queue may name a rule as it was called before. Whatever wants the copy now decides.
        let like = |rule: &&Rule| strsim::normalized_damerau_levenshtein(name, &rule.name);
        let nearest = policy.rules.iter().max_by(|one, other| like(one).total_cmp(&like(other)));
        tracing::warn!(
            rule = name,
            nearest = nearest.map(|rule| rule.name.as_str()),
            id,
            "the policy has no rule of this name; the command is held against all others"
        );
    }
    let mut backup = None;
    let mut parts: Vec<Command> = Vec::new();
    for (index, destination) in command.destinations.iter().enumerate() {
        let rules = rules_that_fit(ctx, &policy, &command, destination, provider);
        let rule = match chosen(ctx, &rules, &command, provider, (&mut backup, seat), invocation).await? {
            Ok(rule) => rule,
            Err(why) => return Err(invalid(refusal(index, &command, &why))),
        };
        match parts.iter_mut().find(|part| part.rule.as_deref() == Some(rule.name.as_str())) {
            Some(part) => part.destinations.push(destination.clone()),
            None => parts.push(Command {
                destinations: vec![destination.clone()],
                rule: Some(rule.name.clone()),
                ..command.clone()
            }),
        }
    }
    Ok(parts)
}

/// The rules that copy from the place of the command's source to this destination with the command's options. The rule that the
/// command names comes first.
fn rules_that_fit<'p>(
    ctx: &Context,
    policy: &'p Policy,
    command: &Command,
    destination: &Destination,
    provider: &dyn Provider,
) -> Vec<&'p Rule> {
    // The options of a vault-wide call do not apply to a call for one of its backups.
    let plain = command.options == Options::default();
    let fits = |rule: &&Rule| {
        let own = provider.complete(&rule.command_of(&command.source.id), &ctx.settings.defaults);
        // A lost copy of a vault-wide call can be made again only by a call for its one backup.
        let same = own.operation == command.operation
            || (own.operation == Operation::CopyCheckpoint && command.operation == Operation::CopyBackup);
        same && own.account == command.account
            && own.source.region == command.source.region
            && own.source.project_id == command.source.project_id
            && (own.operation != command.operation || own.source.id == command.source.id)
            && own.destinations.contains(destination)
            && if own.operation == command.operation { own.options == command.options } else { plain }
    };
    let mut rules: Vec<&Rule> = policy.rules.iter().filter(fits).collect();
    order::by_key(&mut rules, |rule| command.rule.as_deref() != Some(rule.name.as_str()));
    rules
}

/// The first of these rules that covers the backup, or why none does. The backup is read only if a rule depends on it.
async fn chosen<'p>(
    ctx: &Context,
    rules: &[&'p Rule],
    command: &Command,
    provider: &'static dyn Provider,
    (backup, seat): (&mut Option<Backup>, &mut Option<Seat<'_>>),
    invocation: &Invocation,
) -> Result<Result<&'p Rule, String>, Outcome> {
    let mut why = "no rule of the policy asks for this copy".to_owned();
    for rule in rules {
        let vault_wide = command.operation.source_field() == "vault_id";
        if vault_wide || !(rule.is_choosy() || rule.operation != command.operation) {
            return Ok(Ok(rule));
        }
        let backup = match backup {
            Some(backup) => backup,
            None => backup.insert(read_source(ctx, command, rule, provider, seat, invocation).await?),
        };
        match rule.covers_since(backup, ctx.now()) {
            Coverage::Covered => return Ok(Ok(rule)),
            Coverage::NotCovered(reason) => why = format!("rule {} does not cover it: {reason}", rule.name),
        }
    }
    Ok(Err(why))
}

async fn read_source(
    ctx: &Context,
    command: &Command,
    rule: &Rule,
    provider: &'static dyn Provider,
    seat: &mut Option<Seat<'_>>,
    invocation: &Invocation,
) -> Result<Backup, Outcome> {
    let id = command.source.id.clone();
    let hint = Hint {
        cloud: command.operation.cloud(),
        account: Some(command.account.clone()),
        region: Some(command.source.region.clone()),
        project_id: command.source.project_id.clone(),
        what: match command.operation {
            Operation::CopyCheckpointItem => HintTarget::CheckpointItem(id),
            _ => HintTarget::Backup(id),
        },
        occurrence: None,
    };
    match read_named(ctx, &hint, rule, provider, seat, invocation).await {
        Read::Shown(backup) => Ok(*backup),
        Read::Failed(outcome) => Err(outcome),
        Read::Absent => Err(not_listed(&hint)),
    }
}

fn is_named(policy: &Policy, command: &Command, destination: &Destination) -> bool {
    policy.rules.iter().any(|rule| goes(rule, command, destination))
}

/// Whether a rule copies to this destination, with the command's cloud and account.
fn goes(rule: &Rule, command: &Command, destination: &Destination) -> bool {
    rule.operation.cloud() == command.operation.cloud()
        && rule.account == command.account
        && rule.destinations.contains(destination)
}

fn refusal(index: usize, command: &Command, why: &str) -> FieldError {
    let region = command.destinations.get(index).map_or("", |destination| destination.region.as_str());
    let what = format!("{} {}", command.operation.source_field(), command.source.id);
    FieldError::new(
        format!("destinations[{index}]"),
        format!(
            "{what} of {} to {region}: {why}; nothing of this command was started. Add a rule, or let the function take direct commands (OFFSITE_DIRECT_COMMANDS=allow)",
            command.source.region
        ),
    )
}
