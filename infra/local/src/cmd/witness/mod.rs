//! `offsite witness`: which backups have a copy now, whoever made it, and which have none. It needs keys that may only read, no ledger and no
//! queue, and sends nothing but reads and sign-ins.

mod judging;
mod look;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use offsite_shared::context::Context;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::{DURATION_WANTED, Policy, Rule, duration_text, read_duration};
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use super::reader::ReaderArgs;
use super::{find, show};
use crate::home;
use crate::home::policy_file::{self, DEFAULT, VARIABLE};
use crate::report::WIDTH;
use crate::report::witness::{self, Says, Testimony};

const AFTER_HELP: &str = "\
Examples:
  offsite witness --provider tencent --from ap-guangzhou --to ap-beijing
  offsite witness --policy offsite.yaml --format csv -o copies.csv

Exit codes:
  0  all that is listed now has a copy   1  something could not be looked at   3  something has no copy

`offsite explain witness` has the permissions that the key needs, and what a witness cannot know.";

/// How a testimony is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal: the backups without a copy
    Table,
    /// Everything, for programs
    Json,
    /// Every backup, with and without a copy, a line each
    Csv,
}

/// Options of `offsite witness`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct WitnessArgs {
    /// The policy that says what to look at [default: OFFSITE_POLICY, else ./offsite.yaml]
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub policy: Option<PathBuf>,
    /// Only this rule of the policy
    #[arg(long, value_name = "RULE", value_parser = find::name, conflicts_with = "from")]
    pub rule: Option<String>,
    /// Without a policy: alibaba, huawei or tencent
    #[arg(long, value_name = "PROVIDER", value_parser = cloud, requires = "from")]
    pub provider: Option<Cloud>,
    /// Without a policy: the region of the backups
    #[arg(long, value_name = "REGION", requires_all = ["provider", "to"])]
    pub from: Option<String>,
    /// Without a policy: the region of the copies
    #[arg(long, value_name = "REGION", requires = "from")]
    pub to: Option<String>,
    /// Without a policy: the account whose key is used [default: default]
    #[arg(long, value_name = "ACCOUNT", value_parser = find::name, requires = "from")]
    pub account: Option<String>,
    /// Without a policy, Huawei: the project of the backups [default: the one that bears the region's name]
    #[arg(long, value_name = "ID", requires = "from")]
    pub from_project: Option<String>,
    /// Without a policy, Huawei: the project of the copies [default: the one that bears the region's name]
    #[arg(long, value_name = "ID", requires = "from")]
    pub to_project: Option<String>,
    /// Without a policy, Alibaba: the vault of the backups
    #[arg(long, value_name = "ID", requires = "from")]
    pub from_vault: Option<String>,
    /// Without a policy, Alibaba: the vault of the copies
    #[arg(long, value_name = "ID", requires = "from")]
    pub to_vault: Option<String>,
    /// Without a policy: leave out backups that are younger, such as 24h, since their copies may still be made
    #[arg(long, value_name = "DURATION", requires = "from", value_parser = duration)]
    pub min_age: Option<Duration>,
    /// How it is written [default: as the name of the file ends, else table]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write it to this file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Who reads it
    #[command(flatten)]
    pub reader: ReaderArgs,
}

fn cloud(name: &str) -> Result<Cloud, String> {
    Cloud::from_name(name).ok_or_else(|| "must be alibaba, huawei or tencent".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    read_duration(text).ok_or_else(|| DURATION_WANTED.to_owned())
}

/// Writes the testimony, and tells what it comes to.
///
/// # Errors
/// Nothing says what to look at, or that is wrong; or the testimony cannot be written.
pub async fn run(args: &WitnessArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<Says> {
    let reader = args.reader.reader(environment)?;
    let context = home::only_reads(environment)?;
    let bar = show::spinner("listing backups and copies");
    let testimony = bear(args, environment, &context).await;
    bar.finish_and_clear();
    let testimony = testimony?;
    let width = if args.output.is_some() { WIDTH } else { show::width() };
    let endings = [("json", Format::Json), ("csv", Format::Csv)];
    let format = match args.format {
        Some(format) => format,
        None => show::of_ending(args.output.as_deref(), &endings)?.unwrap_or(Format::Table),
    };
    let text = match format {
        Format::Table => witness::table(&testimony, width, &reader),
        Format::Json => format!("{:#}\n", witness::json(&testimony)),
        Format::Csv => witness::csv(&testimony),
    };
    match &args.output {
        Some(path) => show::write_file(path, &text)?,
        None => out.write_all(text.as_bytes())?,
    }
    Ok(testimony.says())
}

async fn bear(args: &WitnessArgs, environment: &Environment, context: &Context) -> anyhow::Result<Testimony> {
    let at = context.now();
    let (rules, named) = match (args.provider, &args.from, &args.to) {
        (Some(cloud), Some(from), Some(to)) => (vec![between(args, context, cloud, from, to).await?], false),
        _ => (of_policy(args, environment)?, true),
    };
    Ok(Testimony { at, places: look::look(context, &rules, named).await })
}

/// The rules of the policy, or the one that is asked for.
fn of_policy(args: &WitnessArgs, environment: &Environment) -> anyhow::Result<Vec<Rule>> {
    let path = policy_file::location(args.policy.as_deref(), environment)?;
    let is_named = args.policy.is_some() || environment.get(VARIABLE).is_some();
    anyhow::ensure!(
        is_named || path.exists(),
        "nothing says what to look at: use --provider, --from and --to, or name a policy by --policy (there is no {DEFAULT})"
    );
    let mut policy = policy_file::read(&path).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    if let Some(name) = &args.rule {
        policy.rules = vec![find::rule(&policy, name)?.clone()];
    }
    anyhow::ensure!(!policy.rules.is_empty(), "the policy has no rule, so it says nothing to look at");
    Ok(policy.rules)
}

/// The rule that the command line stands for. It is read as strictly as one of a policy.
async fn between(args: &WitnessArgs, context: &Context, cloud: Cloud, from: &str, to: &str) -> anyhow::Result<Rule> {
    let account = args.account.as_deref().unwrap_or("default");
    let (vaults, projects) = ([&args.from_vault, &args.to_vault], [&args.from_project, &args.to_project]);
    let is_given = |texts: [&Option<String>; 2]| texts.iter().any(|text| text.is_some());
    anyhow::ensure!(
        cloud == Cloud::Huawei || !is_given(projects),
        "--from-project and --to-project are for huawei: {} has no projects",
        cloud.name()
    );
    match cloud {
        Cloud::Alibaba => anyhow::ensure!(
            vaults.iter().all(|vault| vault.is_some()),
            "alibaba copies from vault to vault: name both by --from-vault and --to-vault"
        ),
        _ => anyhow::ensure!(
            !is_given(vaults),
            "--from-vault and --to-vault are for alibaba: {} is looked at whole",
            cloud.name()
        ),
    }
    let mut source = json!({ "region": from });
    let mut destination = json!({ "region": to });
    put(&mut source, "vault_id", args.from_vault.as_deref());
    put(&mut destination, "vault_id", args.to_vault.as_deref());
    if let Some(age) = args.min_age {
        source["select"] = json!({ "min_age": duration_text(age) });
    }
    if cloud == Cloud::Huawei {
        let known = args.from_project.clone().or_else(|| context.settings.defaults.huawei_project_id.clone());
        let sides = [
            (&mut source, known, from, "--from-project"),
            (&mut destination, args.to_project.clone(), to, "--to-project"),
        ];
        for (side, known, region, option) in sides {
            let project = match known {
                Some(project) => project,
                None => look::project(context, account, region)
                    .await
                    .map_err(|why| anyhow::anyhow!("{why}; name the project by {option}"))?,
            };
            put(side, "project_id", Some(&project));
        }
        // A policy must name a vault, because copies need one. Who only looks takes every vault of the project.
        put(&mut destination, "vault_id", Some("00000000-0000-0000-0000-000000000000"));
    }
    let rule = json!({ "name": "witness", "provider": cloud.name(), "account": account, "source": source, "destinations": [destination] });
    let read = Policy::from_json(&json!({ "version": 1, "rules": [rule] }));
    let policy = read.map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(|problem| as_options(&problem.to_string())).collect();
        anyhow::anyhow!("{}", problems.join("\n"))
    })?;
    let mut rule = policy.rules.into_iter().next().context("the command line stands for no rule")?;
    if cloud == Cloud::Huawei {
        rule.destinations.iter_mut().for_each(|destination| destination.vault_id = None);
    }
    Ok(rule)
}

fn put(object: &mut Value, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        object[name] = json!(text);
    }
}

/// A complaint about a rule, in terms of the command line.
fn as_options(problem: &str) -> String {
    [
        ("rules[0].source.region", "--from"),
        ("rules[0].source.project_id", "--from-project"),
        ("rules[0].source.vault_id", "--from-vault"),
        ("rules[0].source.select.min_age", "--min-age"),
        ("rules[0].destinations[0].region", "--to"),
        ("rules[0].destinations[0].project_id", "--to-project"),
        ("rules[0].destinations[0].vault_id", "--to-vault"),
        ("rules[0].account", "--account"),
    ]
    .into_iter()
    .fold(problem.to_owned(), |problem, (field, option)| problem.replace(field, option))
}
