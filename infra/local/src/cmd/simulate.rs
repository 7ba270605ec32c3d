//! `offsite simulate`: the simulators as a long-running server.

use std::io::{IsTerminal, Write};

use clap::Args;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::{BACKUPS, MOST_BACKUPS, SimOptions, Simulators};
use secrecy::{ExposeSecret, SecretString};

use super::stopping::told_to_stop;
use crate::home;
use crate::terminal;

/// Options of `offsite simulate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite simulate --env --seed 7 > clouds.sh &    then: . ./clouds.sh; offsite sweep\n  offsite simulate --port 9800 --any-source        for your own tests"
)]
pub struct SimulateArgs {
    /// Alibaba on this port, Huawei on the next, Tencent on the one after; without it the system chooses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65533))]
    pub port: Option<u16>,
    /// The key ID that the simulated clouds accept
    #[arg(long, value_name = "ID")]
    pub access_key_id: Option<String>,
    /// The secret that belongs to it
    #[arg(long, value_name = "SECRET", value_parser = secret, requires = "access_key_id")]
    pub access_key_secret: Option<SecretString>,
    /// The session token that must come with it
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub security_token: Option<SecretString>,
    /// Every well-formed source ID exists and can be copied
    #[arg(long)]
    pub any_source: bool,
    /// The key may only read and sign in; what changes something is refused, as a cloud refuses a missing right
    #[arg(long)]
    pub read_only: bool,
    /// Print every variable that a command needs to use these clouds, as lines for a shell, instead of JSON
    #[arg(long)]
    pub env: bool,
    /// Seed of everything that is drawn at random; given, it also makes an inventory on each port, as POST /_sim/inventory does:
    /// GET /_sim/policy gives its policy, and GET /_sim/truth what a report on it must say
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How many backups that inventory has for each cloud
    #[arg(long, value_name = "COUNT", requires = "seed", default_value_t = BACKUPS,
        value_parser = clap::value_parser!(u64).range(1..=MOST_BACKUPS))]
    pub backups: u64,
}

/// Starts the simulators, prints one JSON line with their endpoints, and serves until interrupted.
///
/// # Errors
/// A port is in use.
pub async fn run(args: SimulateArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let defaults = SimOptions::default();
    let options = SimOptions {
        port: args.port,
        access_key_id: args.access_key_id.unwrap_or(defaults.access_key_id),
        access_key_secret: shown(args.access_key_secret).unwrap_or(defaults.access_key_secret),
        security_token: shown(args.security_token),
        any_source: args.any_source,
        read_only: args.read_only,
        seed: args.seed.unwrap_or(0),
        start: None,
    };
    // From now on: whoever reads that Ctrl-C ends them may press it at once.
    let mut told = told_to_stop()?;
    let simulators = Simulators::start(options.clone()).await?;
    if let Some(seed) = args.seed {
        simulators.make_inventories(seed, args.backups)?;
    }
    if args.env {
        for (name, value) in home::point_at(&simulators, &options, Environment::default()).variables() {
            writeln!(out, "export {name}='{}'", value.replace('\'', "'\\''"))?;
        }
    } else {
        writeln!(out, "{}", simulators.endpoints_json())?;
        if std::io::stderr().is_terminal() {
            terminal::say("`offsite simulate --env` prints them as variables for a shell; Ctrl-C ends the clouds")?;
        }
    }
    out.flush()?;
    told.wait_for(|times| *times > 0).await?;
    simulators.shutdown();
    Ok(())
}

fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text.to_owned()))
}

fn shown(secret: Option<SecretString>) -> Option<String> {
    secret.map(|secret| secret.expose_secret().to_owned())
}
