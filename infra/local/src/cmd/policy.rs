//! `offsite policy`: whether a policy can be put in force, its schema, and its normalised form.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use offsite_shared::context::{Context, Invocation};
use offsite_shared::exchange::{self, Target};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::backup::{Backup, Eligibility};
use offsite_shared::model::command::Cloud;
use offsite_shared::model::failure::Failure;
use offsite_shared::model::http::Reply;
use offsite_shared::model::text::one_line;
use offsite_shared::model::time::later;
use offsite_shared::policy::{Coverage, EffectiveObjective, Policy, Rule, SCHEMA, duration_text};
use offsite_shared::ports::Clock;
use offsite_shared::providers::inventory::{Cursor, InventoryQuery};
use offsite_shared::providers::provider::Provider;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::summary;
use serde_json::{Map, Value, json};

use crate::home;
use crate::home::policy_file::{self, Problem, Problems};

/// Options of `offsite policy`.
#[derive(Args, Debug)]
pub struct PolicyArgs {
    /// What to do
    #[command(subcommand)]
    pub action: PolicyAction,
}

/// What to do with a policy.
#[derive(Subcommand, Debug)]
pub enum PolicyAction {
    /// Check a policy and summarise it, a rule a line; or name all that is wrong, a problem a line
    Check {
        /// The policy, YAML or JSON; `-` reads standard input [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Read the providers too: what each rule covers now, and what its first sweep would start. Nothing is started
        #[arg(long)]
        live: bool,
        /// Read this backup at the one provider that its ID can be of, and say for each rule why it is or is not covered
        #[arg(long, value_name = "ID", conflicts_with = "live")]
        explain: Option<String>,
    },
    /// Print the JSON Schema of policies
    Schema,
    /// Print the normalised policy as JSON: what goes to S3 or SSM for the functions
    Render {
        /// The policy, YAML or JSON; `-` reads standard input [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Runs the subcommand, and tells whether the policy is good.
///
/// # Errors
/// Standard output is gone; for `render`, all that is wrong with the policy.
pub async fn run(args: &PolicyArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    match &args.action {
        PolicyAction::Check { file, json, live, explain } => {
            let path = policy_file::location(file.as_deref(), environment)?;
            let read = policy_file::read(&path);
            match json {
                true => writeln!(out, "{}", as_json(&policy_file::name(&path), &read))?,
                false => write_text(&policy_file::name(&path), &read, out)?,
            }
            match read {
                Ok(policy) if explain.is_some() => {
                    self::explain(policy, explain.as_deref().unwrap_or_default(), environment, out).await
                }
                Ok(policy) if *live => first_sweep(Arc::new(policy), environment, *json, out).await,
                read => Ok(read.is_ok()),
            }
        }
        PolicyAction::Schema => {
            out.write_all(SCHEMA.as_bytes())?;
            Ok(true)
        }
        PolicyAction::Render { file } => {
            let policy = policy_file::read(&policy_file::location(file.as_deref(), environment)?)?;
            writeln!(out, "{:#}", policy.to_json())?;
            Ok(true)
        }
    }
}

/// Tells for each rule whether it covers a backup, and why not. True when every rule could be asked about.
async fn explain(policy: Policy, id: &str, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let context = home::read_only(environment, &home::Reading::of(None))?;
    let clock = SystemClock;
    let mut well = true;
    for rule in &policy.rules {
        let cloud = rule.operation.cloud();
        // The other clouds' keys may not even be here.
        if cloud != Cloud::of_backup_id(id) {
            let name = cloud.name();
            writeln!(out, "{}: not covered: {} has not the form of a backup's ID of {name}", rule.name, one_line(id))?;
            continue;
        }
        let told = match find(&context, rule, id).await {
            Err(failure) => {
                well = false;
                format!("cannot be told: {failure}")
            }
            Ok(None) => format!("not covered: {id} is not among the backups of {}", rule.source.region),
            Ok(Some(backup)) => match (rule.covers(&backup, clock.now()), &backup.eligibility) {
                (Coverage::NotCovered(why), _) => format!("not covered: {why}"),
                (Coverage::Covered, Eligibility::Usable) => "covered".to_owned(),
                (Coverage::Covered, Eligibility::NotReady(why)) => format!("covered, and not ready: it {why}"),
                (Coverage::Covered, Eligibility::Ineligible(why)) => format!("covered, and cannot be copied: it {why}"),
                (Coverage::Covered, Eligibility::NotCovered(why)) => format!("not covered: it {why}"),
            },
        };
        writeln!(out, "{}: {told}", rule.name)?;
    }
    Ok(well)
}

async fn find(context: &Context, rule: &Rule, id: &str) -> Result<Option<Backup>, Failure> {
    let Some(provider) = provider_of(rule) else { return Ok(None) };
    let inventory = provider.inventory();
    let scope = scope_of(context, provider, rule, id);
    if let Some(call) = inventory.show(&scope, id) {
        let target = Target { provider, account: &rule.account, rule: Some(&rule.name) };
        let stop = later(SystemClock.now(), Duration::from_secs(600));
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
    let stop = later(SystemClock.now(), Duration::from_secs(600));
    let mut cursor: Option<Cursor> = None;
    let mut refused = None;
    loop {
        let call = inventory.list(&scope, cursor.as_ref());
        let listed = |reply: Reply| inventory.listed(&scope, cursor.as_ref(), &reply);
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

/// Tells what each rule covers now, and what its first sweep would start. True when every rule could be read.
async fn first_sweep(
    policy: Arc<Policy>,
    environment: &Environment,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let context = home::read_only(environment, &home::Reading::of(Some(policy.clone())))?;
    let deadline = later(SystemClock.now(), Duration::from_secs(86_400));
    let invocation = Invocation { id: "policy".into(), deadline };
    let answer = handle(&context, &json!({ "action": "sweep" }), &invocation).await?;
    let mut well = true;
    for rule in &policy.rules {
        let swept = answer["swept"].as_array().into_iter().flatten().find(|one| one["rule"] == json!(rule.name));
        let Some((found, _)) = summary::read(&*context.ports.notes, &rule.name).await? else {
            well = false;
            let reason = swept.and_then(|one| one["reason"].as_str()).unwrap_or("it was not read");
            match json {
                true => writeln!(out, "{}", json!({ "rule": rule.name, "error": reason }))?,
                false => writeln!(out, "{}: cannot be told: {reason}", rule.name)?,
            }
            continue;
        };
        let limit = rule.limits.max_new_per_sweep.map_or(u64::MAX, u64::from);
        // A vault-wide call is one, whatever it copies.
        let due = if rule.operation.source_field() == "vault_id" { found.due.min(1) } else { found.due };
        let (covered, would) = (found.counts.covered, due.min(limit));
        let advice = covers_nothing(rule, covered);
        match (json, advice) {
            (true, advice) => {
                let mut told =
                    json!({ "rule": rule.name, "counts": found.counts, "due": found.due, "would_start": would });
                if let Some(advice) = advice {
                    told["advice"] = json!(advice);
                }
                writeln!(out, "{told}")?;
            }
            (false, Some(advice)) => writeln!(out, "{}: {advice}", rule.name)?,
            (false, None) => {
                let counts = found.counts;
                writeln!(
                    out,
                    "{}: covers {covered} now: {} replicated, {} in progress, {} missing, {} not ready, {} ineligible, {} failed; its first sweep would make {would} calls, if the provider refuses none",
                    rule.name,
                    counts.replicated,
                    counts.in_progress,
                    counts.missing,
                    counts.not_ready,
                    counts.ineligible,
                    counts.failed
                )?;
            }
        }
    }
    Ok(well)
}

/// What to do about a rule that covers nothing and does not say that it may.
fn covers_nothing(rule: &Rule, covered: u64) -> Option<String> {
    (covered == 0 && !rule.limits.allow_empty).then(|| {
        let [_, _, source, ..] = summary(rule);
        let change = if rule.source.select.is_all() { "name another source" } else { "widen source.select" };
        format!("covers nothing now: no backup is in {source}; {change}, or say limits.allow_empty: true")
    })
}

fn as_json(file: &str, read: &Result<Policy, Problems>) -> Value {
    let problem = |problem: &Problem| {
        json!({
            "line": problem.at.map(|at| at.line),
            "column": problem.at.map(|at| at.column),
            "path": problem.path,
            "reason": problem.reason,
        })
    };
    match read {
        Ok(policy) => {
            let promised = |rule: &Rule| (rule.name.clone(), rule.effective().map_or(Value::Null, promise));
            let promises: Map<String, Value> = policy.rules.iter().map(promised).collect();
            json!({ "file": file, "valid": true, "policy": policy.to_json(), "objectives": promises, "errors": [] })
        }
        Err(problems) => {
            let errors: Vec<Value> = problems.list.iter().map(problem).collect();
            json!({ "file": file, "valid": false, "errors": errors })
        }
    }
}

/// What a rule promises, defaults included. The normalised policy is without them.
fn promise(told: EffectiveObjective) -> Value {
    json!({
        "max_lag": duration_text(told.max_lag),
        "max_lag_is_default": told.is_default,
        "rpo": told.rpo.map(duration_text),
        "history": told.history,
    })
}

fn write_text(file: &str, read: &Result<Policy, Problems>, out: &mut dyn Write) -> std::io::Result<()> {
    let policy = match read {
        Ok(policy) => policy,
        Err(problems) => return writeln!(out, "{problems}"),
    };
    let lines: Vec<[String; 5]> = policy.rules.iter().map(summary).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for [name, call, source, destinations, objective] in &lines {
        let [w0, w1, w2, w3] = widths;
        writeln!(out, "{name:w0$}  {call:w1$}  {source:w2$}  -> {destinations:w3$}  {objective}")?;
    }
    match policy.rules.len() {
        0 => writeln!(out, "{file}: good; without rules it covers nothing"),
        1 => writeln!(out, "{file}: good, 1 rule"),
        rules => writeln!(out, "{file}: good, {rules} rules"),
    }
}

fn summary(rule: &Rule) -> [String; 5] {
    let account = if rule.account == "default" { String::new() } else { format!(" as {}", rule.account) };
    let mut source = vec![rule.source.region.clone()];
    let select = &rule.source.select;
    source.extend(rule.source.vault_id.as_ref().map(|vault| format!("vault {vault}")));
    source.extend(select.name_prefix.as_ref().map(|prefix| format!("name {prefix}*")));
    source.extend(select.tags.iter().map(|(key, value)| format!("tag {key}={value}")));
    source.extend(select.min_age.map(|age| format!("from {} old", duration_text(age))));
    source.extend(select.max_age.map(|age| format!("up to {} old", duration_text(age))));
    source.extend(resources(&select.resources));
    let exclude = &select.exclude;
    source.extend(resources(&exclude.resources).map(|these| format!("without {these}")));
    source.extend(exclude.tags.iter().map(|(key, value)| format!("without tag {key}={value}")));
    source.extend(exclude.name_prefix.as_ref().map(|prefix| format!("without name {prefix}*")));
    let place = |destination: &offsite_shared::model::command::Destination| match &destination.vault_id {
        Some(vault) => format!("{} vault {vault}", destination.region),
        None => destination.region.clone(),
    };
    let destinations: Vec<String> = rule.destinations.iter().map(place).collect();
    let mut objective: Vec<String> = Vec::new();
    match rule.effective() {
        None => objective.push("not judged".to_owned()),
        Some(EffectiveObjective { max_lag, is_default, rpo, history }) => {
            let default = if is_default { " (default)" } else { "" };
            objective.push(format!("lag up to {}{default}", duration_text(max_lag)));
            objective.extend(rpo.map(|rpo| format!("rpo {}", duration_text(rpo))));
            objective.extend(history.then(|| "with history".to_owned()));
        }
    }
    objective.extend(rule.copies.keep.map(|keep| format!("copies kept {}", duration_text(keep))));
    [
        rule.name.clone(),
        one_line(&format!("{} {}{account}", rule.operation.cloud().name(), rule.operation.name())),
        one_line(&source.join(", ")),
        destinations.join(", "),
        objective.join(", "),
    ]
}

fn resources(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("{} resources", many.len())),
    }
}
