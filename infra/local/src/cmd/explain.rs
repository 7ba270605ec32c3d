//! What a cloud says of one backup, without a sweep: whether a rule covers it and why not, and whether there is a copy.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::exchange::{self, Target};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::backup::{Backup, Eligibility};
use offsite_shared::model::command::{Cloud, Command, Operation};
use offsite_shared::model::failure::Failure;
use offsite_shared::model::http::Reply;
use offsite_shared::model::text::{exact, one_line};
use offsite_shared::model::time::later;
use offsite_shared::policy::{Coverage, Policy, Rule};
use offsite_shared::ports::Clock;
use offsite_shared::providers::inventory::{Cursor, InventoryQuery};
use offsite_shared::providers::provider::Provider;
use offsite_shared::settings::environment::Environment;
use serde::Serialize;
use serde_json::Value;

use super::show;
use crate::home;

/// How long one question may be tried for: a person waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a cloud says of a backup and a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    /// Whether the rule covers it.
    pub(super) covered: bool,
    /// In words: `covered`, or `not covered: …`.
    pub(super) text: String,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<Timestamp>,
    /// Whether there is a copy in each destination; only of what is covered.
    pub(super) copies: Vec<Copy>,
}

/// Whether there is a copy in a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Copy {
    /// The region of the destination.
    pub(super) destination: String,
    /// What was seen.
    pub(super) seen: Seen,
    /// The copy's ID, or the provider's ID of the replication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// In words.
    pub(super) text: String,
}

/// What was seen of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Seen {
    /// There is one.
    There,
    /// One is on its way, or the backup cannot be copied yet.
    NotYet,
    /// There is none.
    Nothing,
    /// It could not be looked at.
    Unknown,
}

/// Tells for each rule whether it covers a backup, why not, and whether there is a copy. True when every rule could be asked about.
pub(super) async fn write(
    policy: &Policy,
    id: &str,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let Some(cloud) = Cloud::of_backup_id(id) else {
        anyhow::bail!(
            "{} is no ID that a cloud could have: give that of one backup as its console shows it, letters, digits, '-', '_' and '.'",
            one_line(id)
        );
    };
    let context = home::read_only(environment, &home::Reading::of(None))?;
    let mut well = true;
    // What several rules say alike is told once.
    let mut told: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for rule in &policy.rules {
        let lines = match rule.operation.cloud() == cloud {
            true => of_one(&context, rule, id, &mut well).await,
            // The other clouds' keys may not even be here.
            false => {
                let name = rule.operation.cloud().name();
                vec![format!("not covered: {} has not the form of a backup's ID of {name}", one_line(id))]
            }
        };
        match told.iter_mut().find(|(_, other)| *other == lines) {
            Some((rules, _)) => rules.push(&rule.name),
            None => told.push((vec![&rule.name], lines)),
        }
    }
    for (rules, lines) in &told {
        for (at, line) in lines.iter().enumerate() {
            let (indent, whose) = if at == 0 { (0, format!("{}: ", rules.join(", "))) } else { (2, String::new()) };
            show::say(out, &format!("{whose}{line}"), indent, show::room())?;
        }
    }
    Ok(well)
}

/// What is said of a backup and one rule: whether it covers it, and of each destination whether there is a copy.
async fn of_one(context: &Context, rule: &Rule, id: &str, well: &mut bool) -> Vec<String> {
    match of_rule(context, rule, id).await {
        Err(failure) => {
            *well = false;
            vec![format!("cannot be told: {failure}")]
        }
        Ok(None) => vec![format!("not covered: {id} is not among the backups of {}", rule.source.region)],
        Ok(Some(told)) => {
            *well &= told.copies.iter().all(|copy| copy.seen != Seen::Unknown);
            let copies = told.copies.iter().map(|copy| format!("{}: {}", copy.destination, copy.text));
            std::iter::once(told.text.clone()).chain(copies).collect()
        }
    }
}

/// What the cloud says of a backup and a rule; `None` if the backup is not in the rule's source. `context` only reads, and its ledger is
/// empty, so that it looks.
pub(super) async fn of_rule(context: &Context, rule: &Rule, id: &str) -> Result<Option<Told>, Failure> {
    let Some(backup) = find(context, rule, id).await? else { return Ok(None) };
    let (covered, text) = match (rule.covers(&backup, SystemClock.now()), &backup.eligibility) {
        (Coverage::NotCovered(why), _) => (false, format!("not covered: {why}")),
        (Coverage::Covered, Eligibility::Usable) => (true, "covered".to_owned()),
        (Coverage::Covered, Eligibility::NotReady(why)) => (true, format!("covered, and not ready: it {why}")),
        (Coverage::Covered, Eligibility::Ineligible(why)) => (true, format!("covered, and cannot be copied: it {why}")),
        (Coverage::Covered, Eligibility::NotCovered(why)) => (false, format!("not covered: it {why}")),
    };
    let copies = if covered { copies(context, rule, id).await } else { Vec::new() };
    Ok(Some(Told { covered, text, made: backup.created_at, copies }))
}

/// Whether there are copies, as a dry run finds out.
async fn copies(context: &Context, rule: &Rule, id: &str) -> Vec<Copy> {
    let mut command = Command { dry_run: true, rule: None, ..rule.command_of(id) };
    if command.operation == Operation::CopyCheckpoint {
        command.operation = Operation::CopyBackup;
        command.source.id = id.to_owned();
        command.options = Default::default();
    }
    let deadline = later(SystemClock.now(), 2 * PATIENCE);
    let mut copies = Vec::new();
    // One after the other, since what is refused for one destination would end the others with it.
    for destination in command.destinations.clone() {
        let region = destination.region.clone();
        let one = Command { destinations: vec![destination], ..command.clone() };
        let invocation = Invocation { id: "explain".into(), deadline };
        let answer = handle(context, &one.to_json(), &invocation).await;
        let result = answer.as_ref().map(|answer| &answer["results"][0]);
        copies.push(seen(rule.operation, region, result.map_err(|error| error.message.as_str())));
    }
    copies
}

/// What a dry run's result says of the copy.
fn seen(operation: Operation, destination: String, result: Result<&Value, &str>) -> Copy {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |seen, id: Option<String>, text: String| Copy { destination: destination.clone(), seen, id, text };
    let result = match result {
        Ok(result) => result,
        Err(why) => return of(Seen::Unknown, None, format!("cannot be looked at: {}", one_line(why))),
    };
    let reason = text(&result["reason"]).unwrap_or_default();
    match result["would"].as_str() {
        Some("adopt") if operation == Operation::CreateVaultReplication => of(
            Seen::NotYet,
            None,
            "the vaults are a pair; which backups have arrived is concluded by sweeps".to_owned(),
        ),
        Some("adopt") => {
            let id = text(&result["replication_id"]);
            let named = id.as_ref().map(|id| format!(" ({})", exact(id))).unwrap_or_default();
            of(Seen::There, id, format!("a copy is there{named}, or on its way"))
        }
        Some("start") => of(Seen::Nothing, None, "there is no copy".to_owned()),
        Some("wait") => of(Seen::NotYet, None, reason),
        Some(_) => of(Seen::Nothing, None, reason),
        None => {
            let said = text(&result["error"]["message"]).unwrap_or(reason);
            of(Seen::Unknown, None, format!("cannot be looked at: {}", one_line(&said)))
        }
    }
}

async fn find(context: &Context, rule: &Rule, id: &str) -> Result<Option<Backup>, Failure> {
    let Some(provider) = provider_of(rule) else { return Ok(None) };
    let inventory = provider.inventory();
    let scope = scope_of(context, provider, rule, id);
    if let Some(call) = inventory.show(&scope, id) {
        let target = Target { provider, account: &rule.account, rule: Some(&rule.name) };
        let stop = later(SystemClock.now(), PATIENCE);
        let shown = |reply: Reply| inventory.shown(&scope, id, &reply);
        return exchange::read_as(context, target, &call, stop, shown).await;
    }
    search(context, rule, |backup| backup.id == id).await
}

/// The first backup of a rule's source that is wanted, by listing it page after page. `context` only reads.
pub(super) async fn search(
    context: &Context,
    rule: &Rule,
    wanted: impl Fn(&Backup) -> bool,
) -> Result<Option<Backup>, Failure> {
    let Some(provider) = provider_of(rule) else { return Ok(None) };
    let inventory = provider.inventory();
    let scope = scope_of(context, provider, rule, "*");
    let target = Target { provider, account: &rule.account, rule: Some(&rule.name) };
    let mut cursor: Option<Cursor> = None;
    let mut refused = None;
    loop {
        let call = inventory.list(&scope, cursor.as_ref());
        let listed = |reply: Reply| inventory.listed(&scope, cursor.as_ref(), &reply);
        let stop = later(SystemClock.now(), PATIENCE);
        let page = exchange::read_as(context, target, &call, stop, listed).await?;
        refused = page.refusal().or(refused);
        if let Some(found) = page.backups.into_iter().find(|backup| wanted(backup)) {
            return Ok(Some(found));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return refused.map_or(Ok(None), Err),
        }
    }
}

fn provider_of(rule: &Rule) -> Option<&'static dyn Provider> {
    home::PROVIDERS.into_iter().find(|provider| provider.cloud() == rule.operation.cloud())
}

/// The place that a rule's backups are listed in.
fn scope_of(context: &Context, provider: &dyn Provider, rule: &Rule, id: &str) -> InventoryQuery {
    let command = provider.complete(&rule.command_of(id), &context.settings.defaults);
    let mut scope = InventoryQuery::of(rule.operation, &rule.source.region, command.source.project_id);
    scope.vault_id = rule.source.vault_id.clone().filter(|_| rule.operation.cloud() == Cloud::Alibaba);
    scope
}
