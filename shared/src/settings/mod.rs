//! The settings of a handler, read once from an environment that is given as a value.

pub mod accounts;
pub mod environment;
pub mod known;
pub mod url;

use std::time::Duration;

use crate::ledger::limits::{Attempts, ObservationTimes, OnDoubt};
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Destination, Operation, reading};
use crate::model::error::Error;
use crate::model::fields::FieldError;
use crate::providers::call::Service;
use crate::providers::provider::{CLOCKS_APART, Defaults, Provider, Unseen};
use environment::Environment;
use url::CheckedUrl;

/// Which commands are accepted, whoever sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// All commands that `OFFSITE_ALLOWED_DESTINATIONS` allows: a person sends them.
    Anyone,
    /// Only commands to a destination that a rule of the policy names.
    PolicyDestinations,
    /// Only commands that a rule of the policy covers.
    PolicyRules,
}

/// One `provider:region` pattern of the destination allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    cloud: Option<Cloud>,
    region: String,
}

/// The shortest time that is given to connect.
pub(crate) const LEAST_TO_CONNECT: Duration = Duration::from_millis(250);

/// How often one request is sent at the most.
pub(crate) const MOST_TRIES: usize = 7;

/// The same where a person waits for the answer and no connection comes about.
pub const TRIES_FOR_A_PERSON: usize = 3;

/// A shorter exchange ends before any cloud can answer, and each of its calls would be in doubt.
const LEAST_EXCHANGE_MS: u64 = 250;

/// So long a copy may stay hidden, and a call be applied late, at the worst of the clouds, with room to spare.
const LEAST_COPY_DEADLINE_S: u64 = 3_600;

/// The settings of one handler.
#[derive(Clone, Debug)]
pub struct Settings {
    allowed: Option<Vec<Allowed>>,
    endpoints: Vec<(Service, String)>,
    per_cloud: Vec<(Cloud, PerCloud)>,
    /// Values for what a command leaves out.
    pub defaults: Defaults,
    /// The longest time to connect to a provider.
    pub connect_timeout: Duration,
    /// The longest time for one exchange with a provider.
    pub timeout: Duration,
    /// How many replications are worked on at once.
    pub concurrency: usize,
    /// The delay before the first retry. It doubles with each retry, with jitter.
    pub backoff: Duration,
    /// How often one request is sent to a place that cannot be connected to. Whoever sits before a terminal is told soon.
    pub connect_tries: usize,
    /// The waits before the further observation after a call of unknown outcome. The first look comes at once.
    pub second_looks: Vec<Duration>,
    /// How long a lease outlives the invocation's deadline.
    pub lease_margin: Duration,
    /// Limits on the attempts at one replication.
    pub attempts: Attempts,
    /// When destinations are looked at, and when to stop waiting for a copy.
    pub observation: ObservationTimes,
    /// How long an authentication failure pauses a credential.
    pub pause: Duration,
    /// Which commands are accepted. A queue is not trusted: whoever can send to it could have copies made anywhere.
    pub trust: Trust,
    /// The name of this installation, such as its stack's. Messages bear it.
    pub stack: Option<String>,
    /// If set, nothing is started: no mutating call leaves this process.
    pub paused: bool,
    /// If set, a sweep only reads: it starts nothing and opens no record. What a hint leads to is only looked at.
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug)]
struct PerCloud {
    requests_per_second: u32,
    account_requests_per_second: u32,
    visibility_wait: Duration,
    /// Whether the cloud is a simulator on this machine, which applies nothing late.
    simulated: bool,
    on_doubt: OnDoubt,
}

/// The variables that override endpoints, each with its service.
pub const ENDPOINT_VARIABLES: [(&str, Service); 8] = [
    ("OFFSITE_ALIBABA_ENDPOINT", Service::Hbr),
    ("OFFSITE_ALIBABA_STS_ENDPOINT", Service::AlibabaSts),
    ("OFFSITE_HUAWEI_CBR_ENDPOINT", Service::Cbr),
    ("OFFSITE_HUAWEI_CSBS_ENDPOINT", Service::Csbs),
    ("OFFSITE_HUAWEI_IAM_ENDPOINT", Service::Iam),
    ("OFFSITE_HUAWEI_STS_ENDPOINT", Service::HuaweiSts),
    ("OFFSITE_TENCENT_ENDPOINT", Service::Cbs),
    ("OFFSITE_TENCENT_STS_ENDPOINT", Service::TencentSts),
];

impl Settings {
    /// Reads the settings of a handler that serves these providers.
    ///
    /// # Errors
    /// A variable is wrong; the error names it and says what it must be.
    pub fn from_environment(environment: &Environment, providers: &[&dyn Provider]) -> Result<Settings, Error> {
        let seconds = |name: &str, default: Duration| -> Result<Duration, Error> {
            Ok(Duration::from_secs(environment.number(name, default.as_secs(), 0..=604_800)?))
        };
        let milliseconds = |name: &str, default: u64| -> Result<Duration, Error> {
            Ok(Duration::from_millis(environment.number(name, default, 1..=600_000)?))
        };
        let endpoints = endpoints(environment)?;
        let mut per_cloud = Vec::new();
        for provider in providers {
            let cloud = provider.cloud();
            let prefix = format!("OFFSITE_{}", cloud.name().to_ascii_uppercase());
            let hold = format!("{prefix}_ON_DOUBT");
            let simulated = is_simulated(&endpoints, cloud);
            per_cloud.push((
                cloud,
                PerCloud {
                    requests_per_second: environment.number(
                        &format!("{prefix}_RPS"),
                        u64::from(provider.requests_per_second()),
                        0..=10_000,
                    )? as u32,
                    account_requests_per_second: environment.number(&format!("{prefix}_ACCOUNT_RPS"), 0, 0..=10_000)?
                        as u32,
                    visibility_wait: visibility_wait(environment, *provider, &prefix, simulated)?,
                    simulated,
                    on_doubt: match environment.get(&hold) {
                        None | Some("recopy") => OnDoubt::Recopy,
                        Some("hold") => OnDoubt::Hold,
                        Some(_) => return Err(Error::configuration(format!("{hold} must be recopy or hold"))),
                    },
                },
            ));
        }
        let longest_wait = per_cloud.iter().map(|(_, of)| of.visibility_wait).max().unwrap_or_default();
        language(environment)?;
        let attempts = Attempts::default();
        let usual = ObservationTimes::default();
        let observation = ObservationTimes {
            first: seconds("OFFSITE_FIRST_LOOK_S", usual.first)?,
            longest: seconds("OFFSITE_LONGEST_LOOK_S", usual.longest)?,
            give_up: copy_deadline(environment, usual.give_up)?.max(longest_wait),
            audit: seconds("OFFSITE_AUDIT_S", usual.audit)?,
        };
        let timeout =
            Duration::from_millis(environment.number("OFFSITE_TIMEOUT_MS", 15_000, LEAST_EXCHANGE_MS..=600_000)?);
        let connect_timeout = milliseconds("OFFSITE_CONNECT_TIMEOUT_MS", 3_000)?;
        Ok(Settings {
            allowed: environment.get("OFFSITE_ALLOWED_DESTINATIONS").map(allow_list).transpose()?,
            endpoints,
            per_cloud,
            defaults: defaults(environment)?,
            // An exchange that ends while it still connects would count as sent.
            connect_timeout: connect_timeout.min(timeout / 2),
            timeout,
            concurrency: environment.number("OFFSITE_CONCURRENCY", 10, 1..=1_000)? as usize,
            backoff: milliseconds("OFFSITE_BACKOFF_MS", 1_000)?,
            connect_tries: MOST_TRIES,
            second_looks: vec![milliseconds("OFFSITE_SECOND_LOOK_MS", 500)?],
            lease_margin: milliseconds("OFFSITE_LEASE_MARGIN_MS", 10_000)?,
            attempts: Attempts {
                limit: environment.number("OFFSITE_MAX_ATTEMPTS", u64::from(attempts.limit), 1..=9)? as u32,
                backoff: seconds("OFFSITE_ATTEMPT_BACKOFF_S", attempts.backoff)?,
                ineligible_for: seconds("OFFSITE_INELIGIBLE_S", attempts.ineligible_for)?,
                first_look: observation.first,
                restart_lost: false,
            },
            observation,
            pause: seconds("OFFSITE_PAUSE_S", Duration::from_secs(300))?,
            trust: Trust::Anyone,
            stack: stack(environment)?,
            paused: match environment.get("OFFSITE_PAUSED") {
                None | Some("0" | "false") => false,
                Some("1" | "true") => true,
                Some(_) => return Err(Error::configuration("OFFSITE_PAUSED must be true or false")),
            },
            read_only: false,
        })
    }

    /// Whether there is an allow-list of destinations.
    pub fn restricts_destinations(&self) -> bool {
        self.allowed.is_some()
    }

    /// Whether copies may go to this destination. Without an allow-list they may go anywhere.
    pub fn allows(&self, cloud: Cloud, destination: &Destination) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        allowed.iter().any(|pattern| {
            pattern.cloud.is_none_or(|only| only == cloud) && matches(&pattern.region, &destination.region)
        })
    }

    /// Checks the destinations of a command against the allow-list.
    ///
    /// # Errors
    /// A destination is not allowed; the error names the first one.
    pub fn check_destinations(&self, command: &Command) -> Result<(), FieldError> {
        let cloud = command.operation.cloud();
        for (index, destination) in command.destinations.iter().enumerate() {
            if !self.allows(cloud, destination) {
                return Err(FieldError::new(
                    format!("destinations[{index}].region"),
                    format!(
                        "{}:{} is not in OFFSITE_ALLOWED_DESTINATIONS; nothing was started",
                        cloud.name(),
                        destination.region
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The base URL of a service in a region: the override, or the provider's own.
    pub fn endpoint(&self, provider: &dyn Provider, service: Service, region: &str) -> String {
        match self.endpoints.iter().find(|(found, _)| *found == service) {
            Some((_, template)) => template.replace("{region}", region),
            None => provider.endpoint(service, region),
        }
    }

    /// What all processes together may send per second for each account, action and host; 0 means that they share nothing.
    pub(crate) fn account_requests_per_second(&self, cloud: Cloud) -> u32 {
        self.of(cloud).map_or(0, |of| of.account_requests_per_second)
    }

    /// The limit of requests per second of this process for each account, action and host of a cloud; 0 means no limit.
    pub fn requests_per_second(&self, cloud: Cloud) -> u32 {
        self.of(cloud).map_or(20, |of| of.requests_per_second)
    }

    /// How long a doubt of this operation must have lasted before "nothing is there" counts, where this authenticates the calls.
    pub(crate) fn visibility_wait(&self, provider: &dyn Provider, operation: Operation, access: &Access) -> Duration {
        let Some(of) = self.of(provider.cloud()) else { return provider.unseen().wait() };
        let by_token = matches!(access, Access::Token(_)) && !of.simulated;
        match provider.token_lives(operation).filter(|_| by_token) {
            Some(applied) => of.visibility_wait.max(Unseen { applied, ..provider.unseen() }.wait()),
            None => of.visibility_wait,
        }
    }

    /// What to do with a doubt that read-back could not settle.
    pub(crate) fn on_doubt(&self, cloud: Cloud) -> OnDoubt {
        self.of(cloud).map_or(OnDoubt::Hold, |of| of.on_doubt)
    }

    fn of(&self, cloud: Cloud) -> Option<&PerCloud> {
        self.per_cloud.iter().find(|(found, _)| *found == cloud).map(|(_, of)| of)
    }
}

/// How long a doubt waits at this cloud. A wait that is shorter than what a call does may stay unseen could start a second copy.
fn visibility_wait(
    environment: &Environment,
    provider: &dyn Provider,
    prefix: &str,
    simulated: bool,
) -> Result<Duration, Error> {
    let (name, unseen) = (format!("{prefix}_VISIBILITY_WAIT_S"), provider.unseen());
    let wait = Duration::from_secs(environment.number(&name, unseen.wait().as_secs(), 0..=604_800)?);
    if simulated || wait >= unseen.wait() {
        return Ok(wait);
    }
    Err(Error::configuration(format!(
        "{name} is {} and must be at least {}: a signed request may be applied for {} s, its copy may stay hidden for {} s, and clocks may differ by {} s; after a shorter wait a call of unknown outcome would be repeated too early, which makes a second copy",
        wait.as_secs(),
        unseen.wait().as_secs(),
        unseen.applied.as_secs(),
        unseen.hidden.as_secs(),
        CLOCKS_APART.as_secs(),
    )))
}

/// How long a copy that was accepted is waited for.
fn copy_deadline(environment: &Environment, usual: Duration) -> Result<Duration, Error> {
    let name = "OFFSITE_COPY_DEADLINE_S";
    match environment.number(name, usual.as_secs(), 0..=604_800)? {
        seconds if seconds < LEAST_COPY_DEADLINE_S => Err(Error::configuration(format!(
            "{name} is {seconds} and must be at least {LEAST_COPY_DEADLINE_S}: a copy that is given up before its destination can show it is made, and paid, again"
        ))),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// What people read has two languages, and a third one would silently be English.
fn language(environment: &Environment) -> Result<(), Error> {
    match environment.get("OFFSITE_LANG") {
        None | Some("en" | "zh") => Ok(()),
        Some(other) => Err(Error::configuration(format!("OFFSITE_LANG must be en or zh, not \"{other}\""))),
    }
}

/// The endpoints that are set.
fn endpoints(environment: &Environment) -> Result<Vec<(Service, String)>, Error> {
    let mut endpoints = Vec::new();
    for (name, service) in ENDPOINT_VARIABLES {
        if let Some(value) = environment.get(name) {
            let url = match service {
                // The signature of Huawei covers the path, so a gateway may have one.
                Service::Cbr | Service::Csbs | Service::Iam | Service::HuaweiSts => CheckedUrl::gateway(name, value)?,
                _ => CheckedUrl::endpoint(name, value, true)?,
            };
            endpoints.push((service, format!("{}{}", url.origin, url.path)));
        }
    }
    Ok(endpoints)
}

/// Whether every service by which this cloud starts copies is on this machine.
fn is_simulated(endpoints: &[(Service, String)], cloud: Cloud) -> bool {
    let starts: &[Service] = match cloud {
        Cloud::Alibaba => &[Service::Hbr],
        Cloud::Huawei => &[Service::Cbr, Service::Csbs],
        Cloud::Tencent => &[Service::Cbs],
    };
    let is_here = |(_, url): &(Service, String)| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        url::is_loopback(rest.split('/').next().unwrap_or(rest))
    };
    starts.iter().all(|service| endpoints.iter().any(|set| set.0 == *service && is_here(set)))
}

/// The name of this installation; `None` if it has none.
///
/// # Errors
/// It is no name.
pub fn stack(environment: &Environment) -> Result<Option<String>, Error> {
    let Some(name) = environment.get("OFFSITE_STACK") else { return Ok(None) };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_name || !(1..=128).contains(&name.len()) {
        return Err(Error::configuration(
            "OFFSITE_STACK must be the name of this installation: up to 128 letters, digits, hyphens, dots and underscores",
        ));
    }
    Ok(Some(name.to_owned()))
}

/// What commands and rules may leave out.
///
/// # Errors
/// Names the variable that is wrong.
pub fn defaults(environment: &Environment) -> Result<Defaults, Error> {
    let name = "HUAWEICLOUD_SDK_PROJECT_ID";
    let checked = environment.get(name).map(|text| reading::identifier_text(text, name)).transpose();
    let checked = checked.map_err(|error| Error::configuration(format!("{name} {}", error.reason)))?;
    Ok(Defaults { huawei_project_id: checked })
}

/// How old the last complete sweep may be before a report of a function cannot rely on it.
///
/// # Errors
/// `OFFSITE_REPORT_MAX_AGE_S` is no number of seconds.
pub fn report_max_age(environment: &Environment) -> Result<Duration, Error> {
    Ok(Duration::from_secs(environment.number("OFFSITE_REPORT_MAX_AGE_S", 7_200, 60..=31_536_000)?))
}

fn allow_list(text: &str) -> Result<Vec<Allowed>, Error> {
    let wrong = |item: &str| {
        Error::configuration(format!(
            "OFFSITE_ALLOWED_DESTINATIONS: \"{item}\" is not a provider:region pattern such as tencent:ap-singapore, huawei:cn-* or *:eu-west-1"
        ))
    };
    let mut list = Vec::new();
    for item in text.split([',', ' ', '\n', '\t']).filter(|item| !item.is_empty()) {
        let (cloud, region) = item.split_once(':').ok_or_else(|| wrong(item))?;
        let cloud = match cloud {
            "*" => None,
            name => Some(Cloud::from_name(name).ok_or_else(|| wrong(item))?),
        };
        if region.is_empty() {
            return Err(wrong(item));
        }
        list.push(Allowed { cloud, region: region.to_owned() });
    }
    if list.is_empty() {
        return Err(wrong(text.trim()));
    }
    Ok(list)
}

/// Matches a pattern in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::{alibaba::Alibaba, huawei::Huawei, tencent::Tencent};
    use crate::sign::Credential;
    use std::sync::Arc;

    const OF_TEST: [(&dyn Provider, u64); 3] = [(&Alibaba, 1_260), (&Huawei, 1_260), (&Tencent, 1_260)];

    #[test]
    fn a_wait_covers_the_delay_of_a_request_the_hiding_of_a_copy_and_the_clocks() {
        for (provider, least) in OF_TEST {
            let name = format!("OFFSITE_{}_VISIBILITY_WAIT_S", provider.cloud().name().to_ascii_uppercase());
            let of = |value: &str| {
                Settings::from_environment(&Environment::default().with(&name, value), &[provider])
                    .map(|settings| settings.of(provider.cloud()).unwrap().visibility_wait.as_secs())
            };
            assert_eq!(of("").unwrap(), least, "{name} by default");
            assert_eq!(of(&least.to_string()).unwrap(), least, "{name}");
            assert_eq!(of("604800").unwrap(), 604_800, "{name}");
            for less in [0, 1, least - 1] {
                let error = of(&less.to_string()).unwrap_err().to_string();
                let says =
                    format!("{name} is {less} and must be at least {least}: a signed request may be applied for");
                assert!(error.contains(&says), "{error}");
            }
        }
    }

    /// A simulator applies nothing late, so that trials need not wait. Half of a cloud on this machine is no simulator.
    #[test]
    fn only_a_cloud_that_is_wholly_on_this_machine_may_have_a_shorter_wait() {
        let short = Environment::default().with("OFFSITE_HUAWEI_VISIBILITY_WAIT_S", "2");
        let of = |environment: &Environment| Settings::from_environment(environment, &[&Huawei]);
        let cbr = short.with("OFFSITE_HUAWEI_CBR_ENDPOINT", "http://127.0.0.1:9/{region}");
        let both = cbr.clone().with("OFFSITE_HUAWEI_CSBS_ENDPOINT", "http://localhost:9");
        assert_eq!(of(&both).unwrap().of(Cloud::Huawei).unwrap().visibility_wait, Duration::from_secs(2));
        for environment in [
            cbr.clone(),
            cbr.with("OFFSITE_HUAWEI_CSBS_ENDPOINT", "https://csbs.example.com"),
            both.with("OFFSITE_HUAWEI_CBR_ENDPOINT", "https://127.0.0.1.example.com"),
        ] {
            assert!(of(&environment).unwrap_err().to_string().contains("must be at least 1260"));
        }
    }

    /// A token has no time in it, and of CSBS no document says that it refuses a second replica.
    #[test]
    fn a_call_with_a_token_is_waited_for_as_long_as_the_token_lives_where_nothing_documented_guards() {
        let settings = Settings::from_environment(&Environment::default(), &[&Huawei, &Tencent]).unwrap();
        let token = Access::Token(Arc::new("token".to_owned().into()));
        let key = Access::Key(Arc::new(Credential {
            access_key_id: "key".to_owned(),
            access_key_secret: "secret".to_owned().into(),
            security_token: None,
        }));
        let wait = |provider: &dyn Provider, operation, access: &Access| {
            settings.visibility_wait(provider, operation, access).as_secs()
        };
        assert_eq!(wait(&Huawei, Operation::CopyCheckpointItem, &token), 86_400 + 300 + 60);
        assert_eq!(wait(&Huawei, Operation::CopyCheckpointItem, &key), 1_260);
        assert_eq!(wait(&Huawei, Operation::CopyBackup, &token), 1_260);
        assert_eq!(wait(&Huawei, Operation::CopyCheckpoint, &token), 1_260);
        assert_eq!(wait(&Tencent, Operation::CopySnapshot, &key), 1_260);
    }
}
