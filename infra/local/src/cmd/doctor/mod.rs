//! `offsite doctor`: what a company runs first. It looks, and changes nothing.

mod account;
mod check;
mod here;
mod quota;
mod reach;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::command::{Cloud, Destination, Operation};
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::probe::{Finding, Health, Probe, Route};
use offsite_shared::providers::provider::Provider;
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::{Settings, accounts};

use super::find;
use super::show::{self, Form};
use crate::home;
use crate::home::policy_file::{self, DEFAULT, VARIABLE};
use account::{Account, CheckRun, variables};
use check::{Check, Report};
use offsite_simulators::{SimOptions, Simulators};

/// Options of `offsite doctor`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite doctor                          what is well and what is not, for ./offsite.yaml\n  offsite doctor --all policy.yaml        every check, and what it does not tell\n  offsite doctor --simulate               what it looks like, without an account\n\nExit codes:\n  0  nothing is in the way   3  something fails"
)]
pub struct DoctorArgs {
    /// The policy whose accounts, regions and vaults are looked at [default: OFFSITE_POLICY, else ./offsite.yaml if it exists]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Only this provider: alibaba, huawei or tencent
    #[arg(long, value_name = "PROVIDER", value_parser = cloud)]
    pub provider: Option<Cloud>,
    /// Only this account
    #[arg(long, value_name = "ACCOUNT", value_parser = find::name)]
    pub account: Option<String>,
    /// Without a policy: the region that backups are in
    #[arg(long, value_name = "REGION")]
    pub source_region: Option<String>,
    /// Without a policy: the region that copies go to
    #[arg(long, value_name = "REGION")]
    pub destination_region: Option<String>,
    /// Every check, with what it does not tell (as -v)
    #[arg(long, short = 'a')]
    pub all: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub format: Form,
    /// Look at simulators started for this run instead of the clouds
    #[arg(long)]
    pub simulate: bool,
    /// Give up on an answer after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = show::seconds::<1, 120>)]
    pub timeout: u64,
}

/// Looks at everything, prints it, and tells whether no check failed.
///
/// # Errors
/// The simulators cannot be started, the HTTP client cannot be set up, or standard output is gone.
pub async fn run(args: &DoctorArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<bool> {
    let options = SimOptions { any_source: true, ..SimOptions::default() };
    let simulators = match args.simulate {
        true => Some(Simulators::start(options.clone()).await?),
        false => None,
    };
    let environment = match &simulators {
        Some(simulators) => home::point_at(simulators, &options, environment.clone()),
        None => beside_simulators(environment.clone()),
    };
    let bar = show::spinner("examining accounts and regions");
    let report = examine(args, &environment).await;
    bar.finish_and_clear();
    let report = report?;
    match args.format {
        Form::Table if args.all => report.write(out, show::room())?,
        Form::Table => report.write_short(out, show::width())?,
        Form::Json => writeln!(out, "{}", report.to_json())?,
    }
    Ok(report.is_well())
}

async fn examine(args: &DoctorArgs, environment: &Environment) -> anyhow::Result<Report> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let simulated = home::is_simulated(environment);
    let mut report = Report { checked_at: clock.now(), simulated, policy: None, checks: Vec::new() };
    let blind = "the variables as the functions on AWS have them";
    let settings = match Settings::from_environment(environment, &home::PROVIDERS) {
        Ok(settings) => settings,
        Err(error) => {
            let finding = Finding::new(Health::Fail, error.message, "correct the variable; nothing starts until then");
            report.checks.push(Check::here("settings", "", finding, blind));
            return Ok(report);
        }
    };
    report.checks.push(Check::here("settings", "", Finding::ok("every variable that is set can be read"), blind));
    let (check, policy) = policy(args.file.as_deref(), environment);
    report.checks.push(check);
    report.policy = policy.as_ref().map(|(name, _)| name.clone());
    report.checks.extend([here::names(environment), here::paused(environment), here::roots(environment)]);
    if report.checks.last().is_some_and(|roots| roots.status == check::Status::Fail) {
        return Ok(report);
    }
    let (ledger, pauses) = here::ledger(environment, simulated).await;
    report.checks.extend(ledger);
    let in_force = policy.as_ref().map(|(_, policy)| Arc::new(policy.clone()));
    let (context, secrets) = home::read_only_with(environment, settings, clock, in_force)?;
    report.checks.extend(here::queues(environment).await);
    let accounts = checked(args, environment, &context.settings, policy.as_ref().map(|(_, policy)| policy));
    if accounts.is_empty() {
        let (found, advice) = match &policy {
            Some(_) => ("the policy has no rule of this provider and account", "check --provider and --account"),
            None => (
                "there is neither a policy nor a credential of any provider",
                "set the variables of one account; `offsite explain configuration` lists them",
            ),
        };
        report.checks.push(Check::here("accounts", "", Finding::new(Health::Fail, found, advice), ""));
    }
    let room = CheckRun {
        context: &context,
        secrets: &secrets,
        environment,
        pauses: &pauses,
        patience: Duration::from_secs(args.timeout),
    };
    // One cloud that does not answer must not keep the others waiting.
    let found = join_all(accounts.iter().map(|account| account.checks(&room))).await;
    report.checks.extend(found.into_iter().flatten());
    if let Some((_, policy)) = &policy
        && let Ok(home) = home::reading(environment, args.file.as_deref()).await
    {
        quota::hold(&mut report.checks, policy, &*home.notes).await;
        report.checks.extend(here::others(&*home.notes, report.checked_at).await);
    }
    Ok(report)
}

/// A simulator answers for the identity service too; a simulator's key must not go to the real one.
fn beside_simulators(environment: Environment) -> Environment {
    [
        ("OFFSITE_ALIBABA_ENDPOINT", "OFFSITE_ALIBABA_STS_ENDPOINT"),
        ("OFFSITE_HUAWEI_CBR_ENDPOINT", "OFFSITE_HUAWEI_IAM_ENDPOINT"),
        ("OFFSITE_HUAWEI_CBR_ENDPOINT", "OFFSITE_HUAWEI_STS_ENDPOINT"),
        ("OFFSITE_TENCENT_ENDPOINT", "OFFSITE_TENCENT_STS_ENDPOINT"),
    ]
    .into_iter()
    .fold(environment, |environment, (service, identity)| match environment.get(service).map(str::to_owned) {
        Some(url)
            if environment.get(identity).is_none()
                && offsite_shared::settings::url::is_loopback(reach::authority(&url)) =>
        {
            environment.with(identity, url)
        }
        _ => environment,
    })
}

fn policy(file: Option<&Path>, environment: &Environment) -> (Check, Option<(String, Policy)>) {
    const BLIND: &str = "whether it covers what it should: `offsite policy check` summarises it";
    let fail = |why: String| {
        let advice =
            "correct it; `offsite policy check` names every problem. Accounts are looked at as without a policy";
        (Check::here("policy", "", Finding::new(Health::Fail, why, advice), BLIND), None)
    };
    let named = file.is_some() || environment.get(VARIABLE).is_some();
    if !named && !Path::new(DEFAULT).exists() {
        let found = "there is none; accounts with a credential are looked at, between usual regions";
        let finding = Finding::new(Health::Unknown, found, "let `offsite init` write one, and give it here");
        return (Check::here("policy", "", finding, BLIND), None);
    }
    let path = match policy_file::location(file, environment) {
        Ok(path) => path,
        Err(error) => return fail(error.to_string()),
    };
    let name = policy_file::name(&path);
    match policy_file::read(&path) {
        Ok(policy) => {
            let finding = match policy.rules.len() {
                0 => Finding::new(Health::Warn, "good, but without rules it covers nothing", "add a rule"),
                1 => Finding::ok("good, 1 rule"),
                rules => Finding::ok(format!("good, {rules} rules")),
            };
            (Check::here("policy", &name, finding, BLIND), Some((name, policy)))
        }
        Err(problems) => {
            let first = problems.to_string().lines().next().unwrap_or_default().to_owned();
            fail(format!("{first}; {} in all", problems.list.len()))
        }
    }
}

/// The accounts of the policy; without one, those that have a credential.
fn checked(args: &DoctorArgs, environment: &Environment, settings: &Settings, policy: Option<&Policy>) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    let mut add = |name: &str, mut route: Route| {
        let (provider, probe) = probes(route.operation.cloud());
        if provider.cloud() == Cloud::Huawei && route.project_id.is_none() {
            route.project_id.clone_from(&settings.defaults.huawei_project_id);
        }
        let same = |account: &&mut Account| account.provider.cloud() == provider.cloud() && account.name == name;
        match accounts.iter_mut().find(same) {
            Some(account) if account.routes.contains(&route) => {}
            Some(account) => account.routes.push(route),
            None => accounts.push(Account { provider, probe, name: name.to_owned(), routes: vec![route] }),
        }
    };
    match policy {
        Some(policy) => {
            let wanted = policy.rules.iter().filter(|rule| {
                args.provider.is_none_or(|cloud| rule.operation.cloud() == cloud)
                    && args.account.as_ref().is_none_or(|account| rule.account == *account)
            });
            for rule in wanted {
                for destination in &rule.destinations {
                    let route = Route {
                        operation: rule.operation,
                        region: rule.source.region.clone(),
                        project_id: rule.source.project_id.clone(),
                        vault_id: rule.source.vault_id.clone(),
                        destination: destination.clone(),
                    };
                    add(&rule.account, route);
                }
            }
        }
        None => {
            let named = |cloud| environment.get(&accounts::variable(cloud)).is_some();
            let has_any = |cloud| named(cloud) || variables(cloud).any(|name| environment.get(name).is_some());
            let wanted = Cloud::ALL
                .into_iter()
                .filter(|cloud| args.provider.map_or_else(|| has_any(*cloud), |only| only == *cloud));
            for cloud in wanted {
                // What is wrong with the list is told by the credential's check.
                let names = match (&args.account, accounts::read(environment, cloud)) {
                    (None, Ok(accounts)) => accounts.into_keys().collect(),
                    (only, _) => vec![only.clone().unwrap_or_else(|| "default".to_owned())],
                };
                names.iter().for_each(|name| add(name, usual(cloud, args)));
            }
        }
    }
    accounts
}

/// A usual way of copies, for when neither a policy nor an argument names one.
fn usual(cloud: Cloud, args: &DoctorArgs) -> Route {
    let (operation, from, to) = match cloud {
        Cloud::Alibaba => (Operation::CreateVaultReplication, "cn-hangzhou", "cn-shanghai"),
        Cloud::Huawei => (Operation::CopyBackup, "cn-north-4", "cn-east-3"),
        Cloud::Tencent => (Operation::CopySnapshot, "ap-guangzhou", "ap-beijing"),
    };
    let or = |given: &Option<String>, usual: &str| given.clone().unwrap_or_else(|| usual.to_owned());
    Route {
        operation,
        region: or(&args.source_region, from),
        project_id: None,
        vault_id: None,
        destination: Destination { region: or(&args.destination_region, to), project_id: None, vault_id: None },
    }
}

fn probes(cloud: Cloud) -> (&'static dyn Provider, &'static dyn Probe) {
    match cloud {
        Cloud::Alibaba => (&Alibaba, &Alibaba),
        Cloud::Huawei => (&Huawei, &Huawei),
        Cloud::Tencent => (&Tencent, &Tencent),
    }
}

fn cloud(name: &str) -> Result<Cloud, String> {
    Cloud::from_name(name).ok_or_else(|| "must be alibaba, huawei or tencent".to_owned())
}
