//! How AWS is reached from this machine, and whether it is at all: the roots of AWS's own variable are read only then.

use std::sync::Arc;
use std::time::Duration;

use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::credentials::AccountSecrets;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::roots::Roots;
use offsite_shared::model::error::Error;
use offsite_shared::ports::{Clock, Transport};
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::{Settings, accounts};

use super::clouds::PROVIDERS;

/// The variables that name something on AWS.
const ON_AWS: [&str; 3] = ["OFFSITE_TABLE", "QUEUE_URL", "OFFSITE_WORK_QUEUE_URL"];

/// The services of AWS, as this environment says.
///
/// # Errors
/// Names the variable that is missing or wrong.
pub(crate) fn aws(environment: &Environment) -> Result<Arc<Aws>, Error> {
    let transport = HttpTransport::trusting(Duration::from_secs(3), &Roots::of_aws(environment)?)?;
    Ok(Arc::new(Aws::from_environment(environment, Arc::new(transport), Arc::new(SystemClock))?))
}

/// Whether a policy lies on AWS.
pub(super) fn is_stored(uri: &str) -> bool {
    uri.starts_with("ssm:") || uri.starts_with("s3://")
}

/// Whether ledger, queues, policy or the credential of an account are on AWS.
pub(crate) fn uses_aws(environment: &Environment) -> bool {
    ON_AWS.iter().any(|name| environment.get(name).is_some())
        || environment.get("OFFSITE_POLICY").is_some_and(is_stored)
        || by_aws(environment)
}

/// What gives the credentials of all accounts; `way` is put around what reaches AWS.
///
/// # Errors
/// The file of further roots cannot be used.
pub(super) fn secrets(
    environment: &Environment,
    settings: &Settings,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    way: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport>,
) -> Result<AccountSecrets, Error> {
    let secrets = AccountSecrets::new(environment, settings.clone(), &PROVIDERS, transport, clock);
    if !by_aws(environment) {
        return Ok(secrets);
    }
    let to_aws = HttpTransport::trusting(settings.connect_timeout, &Roots::of_aws(environment)?)?;
    Ok(secrets.reaching_aws_by(way(Arc::new(to_aws))))
}

/// Whether any account's credential comes by way of AWS. What cannot be read is told where it is used.
fn by_aws(environment: &Environment) -> bool {
    let known = PROVIDERS.iter().filter_map(|provider| accounts::read(environment, provider.cloud()).ok());
    known.flat_map(|accounts| accounts.into_values()).any(|account| account.source.is_by_aws())
}
