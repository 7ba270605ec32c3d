//! `offsite sweep`: find what has no copy, and have it copied.

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::time::later;
use offsite_shared::ports::Clock;
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use crate::home;

/// Options of `offsite sweep`.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// Only this rule of the policy
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Stop after this many seconds; the next sweep goes on from there
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub timeout: u64,
}

/// The answer, and the exit code: 3 if a copy was refused or is in doubt, 1 if something could not be looked at and nothing was refused,
/// else 0. It says nothing about whether the objectives hold.
///
/// # Errors
/// There is no policy, or the ledger cannot be used.
pub async fn run(args: &SweepArgs, environment: &Environment) -> anyhow::Result<(Value, u8)> {
    let database = home::open(&home::database_path(environment), home::is_simulated(environment)).await?;
    let context = home::context(environment, &database)?;
    anyhow::ensure!(
        context.ports.policies.policy().await?.is_some(),
        "there is no policy to sweep by: write ./offsite.yaml or set OFFSITE_POLICY; docs/policies has samples, `offsite policy schema` the schema"
    );
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} sweeping  {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    let deadline = later(SystemClock.now(), Duration::from_secs(args.timeout));
    let payload = json!({ "action": "sweep", "rule": args.rule });
    let answer = handle(&context, &payload, &Invocation { id: "local".into(), deadline }).await;
    bar.finish_and_clear();
    let answer = answer?;
    let swept = answer["swept"].as_array().map(Vec::as_slice).unwrap_or_default();
    let some = |field: &str| swept.iter().any(|one| one[field].as_u64().is_some_and(|count| count > 0));
    let doubt = swept.iter().any(|one| one["counts"]["in_doubt"].as_u64().is_some_and(|count| count > 0));
    let code = match swept.iter().all(|one| one["complete"] == json!(true)) {
        _ if some("refused") || doubt => 3,
        true => 0,
        false => 1,
    };
    Ok((answer, code))
}
