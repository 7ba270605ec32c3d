//! What the function holds: the ledger, the policy, the place for reports, and nothing of a cloud.

use std::sync::Arc;
use std::time::Duration;

use offsite_page::Language;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::meter;
use offsite_shared::io::objects::S3Objects;
use offsite_shared::io::policies::StoredPolicy;
use offsite_shared::io::roots::Roots;
use offsite_shared::io::tables::Tables;
use offsite_shared::model::error::Error;
use offsite_shared::ports::{Clock, Ledger, Notes, Objects, Policies, Transport};
use offsite_shared::providers::provider::Defaults;
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::{self, known, report_max_age};

/// How long a connection to AWS may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// What a report is made of, and where it goes.
pub struct Setup {
    /// The records.
    pub ledger: Arc<dyn Ledger>,
    /// What sweeps and people left beside them.
    pub notes: Arc<dyn Notes>,
    /// Gives the policy in force.
    pub policies: Arc<dyn Policies>,
    /// Takes what is made.
    pub objects: Arc<dyn Objects>,
    /// Gives the moment for which a report is true.
    pub clock: Arc<dyn Clock>,
    /// Where it is told whether the installation holds.
    pub metrics: Metrics,
    /// What rules leave out, as the functions that sweep have it.
    pub defaults: Defaults,
    /// A sweep older than this proves nothing.
    pub max_age: Duration,
    /// In which language the page is.
    pub language: Language,
}

impl Setup {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_environment(environment: &Environment, clock: Arc<dyn Clock>) -> Result<Setup, Error> {
        known::check(environment)?;
        let needed = |name: &str, what: &str| {
            let missing = || Error::configuration(format!("{name} is missing: set it to {what}"));
            environment.get(name).ok_or_else(missing)
        };
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::trusting(CONNECT, &Roots::of_aws(environment)?)?);
        let aws = Arc::new(Aws::from_environment(environment, transport, clock.clone())?);
        let tables = needed("OFFSITE_TABLE", "the tables that the functions of the clouds write")?;
        needed("OFFSITE_POLICY", "the policy of the functions of the clouds")?;
        let policy = StoredPolicy::from_environment(environment, aws.clone(), clock.clone())?;
        let policy = policy.ok_or_else(|| Error::configuration("OFFSITE_POLICY is missing"))?;
        let policies: Arc<dyn Policies> = Arc::new(policy);
        let tables = Arc::new(Tables::from_environment(environment, &aws, tables, policies.clone())?);
        Ok(Setup {
            ledger: tables.clone(),
            notes: tables,
            policies,
            objects: Arc::new(S3Objects::from_environment(environment, aws, clock.clone())?),
            clock,
            metrics: meter::of_function(environment)?,
            defaults: settings::defaults(environment)?,
            max_age: report_max_age(environment)?,
            language: Language::from_environment(environment)?,
        })
    }
}
