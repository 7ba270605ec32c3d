//! `offsite policy`: whether a policy can be put in force, its schema, and its normalised form.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use offsite_shared::model::text::one_line;
use offsite_shared::policy::{EffectiveObjective, Policy, Rule, SCHEMA, duration_text};
use offsite_shared::settings::environment::Environment;
use serde_json::{Map, Value, json};

use super::explain;
use super::first_sweep;
use super::reader::ClockArgs;
use super::show::{self, Form};
use crate::home::policy_file::{self, Problem, Problems};

/// Options of `offsite policy`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite policy check                             every problem, a line each\n  offsite policy check --live                      what a first sweep would start\n  offsite policy check --explain snap-jgsu1fdt     why a backup is covered or not\n  offsite policy render > offsite.json             for S3 or SSM"
)]
pub struct PolicyArgs {
    /// What to do
    #[command(subcommand)]
    pub action: PolicyAction,
}

/// What to do with a policy.
#[derive(Subcommand, Debug)]
pub enum PolicyAction {
    /// Check a policy and summarise it, a rule a line; or name all that is wrong, a problem a line
    #[command(
        after_help = "Examples:\n  offsite policy check\n  offsite policy check --live --format json\n\nExit codes:\n  0  it is good   1  it is not, or a rule could not be read   2  the command line is wrong"
    )]
    Check {
        /// The policy, YAML or JSON; `-` reads standard input [default: OFFSITE_POLICY, else ./offsite.yaml]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// How it is written; json is one object, and with --live one more a line for each rule
        #[arg(long, value_enum, default_value_t = Form::Table)]
        format: Form,
        /// Read the providers too: what each rule covers now, and what its first sweep would start. Nothing is started
        #[arg(long)]
        live: bool,
        /// Read this backup at the one provider that its ID can be of, and say for each rule why it is or is not covered, and
        /// whether there is a copy. No sweep is needed
        #[arg(long, value_name = "ID", conflicts_with = "live")]
        explain: Option<String>,
        /// By which clock
        #[command(flatten)]
        clock: ClockArgs,
    },
    /// Print the JSON Schema of policies
    #[command(after_help = "Example:\n  offsite policy schema > policy.schema.json")]
    Schema,
    /// Print the normalised policy as JSON: what goes to S3 or SSM for the functions
    #[command(after_help = "Example:\n  offsite policy render > offsite.json")]
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
        PolicyAction::Check { file, format, live, explain, clock } => {
            let json = *format == Form::Json;
            let path = policy_file::location(file.as_deref(), environment)?;
            let read = policy_file::read(&path);
            match json {
                true => writeln!(out, "{}", as_json(&policy_file::name(&path), &read))?,
                false => write_text(&policy_file::name(&path), &read, out)?,
            }
            match read {
                Ok(policy) if explain.is_some() => {
                    explain::write(&policy, explain.as_deref().unwrap_or_default(), environment, out).await
                }
                Ok(policy) if *live => {
                    first_sweep::write(Arc::new(policy), environment, (json, covers_nothing), &clock.reader(), out)
                        .await
                }
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
    if !policy.rules.is_empty() {
        let rows: Vec<Vec<String>> = policy.rules.iter().map(|rule| summary(rule).to_vec()).collect();
        let table = show::table(&["rule", "call", "from", "to", "promise"], &rows, show::room());
        out.write_all(table.as_bytes())?;
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
