//! The AWS credential of a command: from the environment as it is, or else by a role or a profile, as the AWS command line has it.
//!
//! In this order, the first that is there: keys in the environment; a role with a token file (`AWS_ROLE_ARN` and
//! `AWS_WEB_IDENTITY_TOKEN_FILE`); the profile `AWS_PROFILE`, else `default`. What starts a program or uses a person's sign-on is used
//! only if `OFFSITE_AWS_ALLOW` says so: a file that somebody else can write must not decide what runs here.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers", "Shared config and credentials files", 2026.

mod chain;
mod file;
mod outside;

use std::sync::Arc;
use std::time::Duration;

use chain::{Chain, with};
use file::Profiles;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::roots::Roots;
use offsite_shared::model::error::Error;
use offsite_shared::ports::{Clock, Transport};
use offsite_shared::settings::environment::Environment;

/// The environment with the AWS credential and region that it leads to. Without a ledger on AWS, or with keys in it, it stays as it is;
/// also where nothing leads to a credential, so that whoever needs one says what is missing.
///
/// # Errors
/// What it leads to cannot be read, is not allowed, or is refused by AWS.
pub async fn resolved(environment: &Environment) -> Result<Environment, Error> {
    if environment.get("OFFSITE_TABLE").is_none() || environment.get("AWS_ACCESS_KEY_ID").is_some() {
        return Ok(environment.clone());
    }
    // A file of roots that cannot be used is told by whatever reaches AWS.
    let Ok(roots) = Roots::of_aws(environment) else { return Ok(environment.clone()) };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::trusting(Duration::from_secs(3), &roots)?);
    let profiles = Profiles::read(environment)?;
    let mut environment = environment.clone();
    let region = profiles.region(&environment).map(str::to_owned);
    if let (None, None, Some(region)) = (environment.get("AWS_REGION"), environment.get("AWS_DEFAULT_REGION"), region) {
        environment = environment.with("AWS_REGION", region);
    }
    let chain = Chain { environment: &environment, profiles: &profiles, transport, clock };
    Ok(match chain.session().await? {
        Some(session) => with(&environment, &session),
        None => environment,
    })
}
