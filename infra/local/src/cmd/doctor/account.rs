//! The checks of one account: endpoints and clock without a signature, then the signed reads, one after another.
//!
//! **Invariant:** after a refused key no further request is signed with it, for five wrong signatures lock a Huawei key.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use offsite_shared::context::Context;
use offsite_shared::exchange::{self, Target};
use offsite_shared::io::credentials::{AccountSecrets, key_variables};
use offsite_shared::io::patience;
use offsite_shared::model::access::CredentialName;
use offsite_shared::model::command::{Cloud, Realm};
use offsite_shared::model::error::ErrorName;
use offsite_shared::model::failure::{Disposition, Failure, NO_CREDENTIAL};
use offsite_shared::model::http::Reply;
use offsite_shared::model::time::later;
use offsite_shared::ports::Secrets;
use offsite_shared::providers::asked::{Need, over};
use offsite_shared::providers::call::Call;
use offsite_shared::providers::probe::{Finding, Health, Probe, Route, Topic};
use offsite_shared::providers::provider::Provider;
use offsite_shared::settings::accounts::CredentialSource;
use offsite_shared::settings::environment::Environment;

use super::check::Check;
use super::here::Pauses;
use super::reach::{Reached, authority, reach};

/// An account and the ways its copies go.
pub(crate) struct Account {
    /// The provider of its cloud.
    pub provider: &'static dyn Provider,
    /// The probes of that cloud.
    pub probe: &'static dyn Probe,
    /// The account's name.
    pub name: String,
    /// The ways its copies go, of which there is at least one.
    pub routes: Vec<Route>,
}

/// What all checks of a run share.
pub(crate) struct CheckRun<'a> {
    /// The context whose transport, settings and clock the requests go by.
    pub context: &'a Context,
    /// What the handler takes credentials from.
    pub secrets: &'a AccountSecrets,
    /// The variables of this process.
    pub environment: &'a Environment,
    /// The pauses of credentials that the ledger holds.
    pub pauses: &'a Pauses,
    /// How long one exchange may take.
    pub patience: Duration,
}

/// Why a look came to no finding.
enum Unasked {
    /// It was not asked for at all, and why.
    Skipped(String),
    /// The question failed, at this endpoint; without an endpoint an answer came that says nothing.
    Failed(Failure, Option<String>),
}

impl From<Failure> for Unasked {
    fn from(failure: Failure) -> Unasked {
        Unasked::Failed(failure, None)
    }
}

impl Account {
    fn cloud(&self) -> Cloud {
        self.provider.cloud()
    }

    fn check(&self, name: &'static str, subject: impl AsRef<str>, finding: Finding, blind: &'static str) -> Check {
        Check::here(name, subject, finding, blind).of(self.cloud(), &self.name)
    }

    /// All checks of this account, in order.
    pub(crate) async fn checks(&self, run: &CheckRun<'_>) -> Vec<Check> {
        let (credential, mut barred) = self.credential(run).await;
        let mut checks = vec![credential, self.destinations(run).await];
        let reached = self.endpoints(run).await;
        checks.extend(reached.iter().map(|(base, (reached, topics))| self.endpoint(base, reached, topics)));
        let (clock, wrong_clock) = self.clock(&reached);
        checks.push(clock);
        barred = barred.or(wrong_clock);
        let mut dead: BTreeSet<String> = reached
            .into_iter()
            .filter(|(_, (reached, _))| reached.latency_ms.is_none())
            .map(|(base, _)| base)
            .collect();
        for (topic, subject, route) in self.topics() {
            match self.run_check(run, topic, &subject, route, &mut barred, &mut dead).await {
                Some(check) => checks.push(check),
                None => continue,
            }
        }
        checks.extend(self.starts());
        checks
    }

    /// Whether there is a credential, and why nothing may be signed with it.
    async fn credential(&self, run: &CheckRun<'_>) -> (Check, Option<String>) {
        const BLIND: &str = "whether it is right: that is what the signed checks tell";
        let cloud = self.cloud();
        let set: Vec<&str> = variables(cloud).filter(|name| run.environment.get(name).is_some()).collect();
        let source = run.secrets.source(cloud, &self.name);
        let by_key = run.environment.get(key_variables(cloud)[0]).is_some();
        let nameless = CredentialName(format!("{}#{}", cloud.name(), self.name));
        let kept_at = match source {
            Some(CredentialSource::Environment) | None => set.join(", "),
            Some(source) => source.place().to_owned(),
        };
        let known = match source {
            // A password is exchanged for a token by the first signed check, not here.
            Some(CredentialSource::Environment) if !by_key => run.secrets.check(cloud).map(|()| nameless),
            _ => {
                let realm = Realm { region: &self.routes[0].region, project: self.routes[0].project_id.as_deref() };
                let access = run.secrets.access(cloud, &self.name, realm, None);
                let access = patience::until(later(run.context.now(), run.patience), access).await;
                access.map(|access| CredentialName::of(cloud, &self.name, &access))
            }
        };
        let name = match known {
            Ok(name) => name,
            Err(error) => {
                // By its name, as a command tells it.
                let (why, advice) = match error.name {
                    ErrorName::Unavailable => {
                        (error.to_string(), "run doctor again; if it stays, check the network to it")
                    }
                    _ => (error.to_string(), "`offsite explain configuration` says how an account gets its credential"),
                };
                let check = self.check("credential", "", Finding::new(Health::Fail, why, advice), BLIND);
                return (check, Some("there is no credential".to_owned()));
            }
        };
        let now = run.context.now();
        if let Some(pause) = run.pauses.of(&name, now).await {
            let found = format!("the provider refused it, and it is paused until {}: {}", pause.until, pause.reason);
            let advice = "correct the key; a corrected one is used within half a minute";
            let check = self.check("credential", kept_at, Finding::new(Health::Fail, found, advice), BLIND);
            return (check, Some("the credential is paused".to_owned()));
        }
        let of_environment = matches!(source, Some(CredentialSource::Environment));
        let finding = match of_environment && set.contains(&key_variables(cloud)[2]) {
            false if !of_environment => Finding::ok("was got, and is got again by itself"),
            true => Finding::new(
                Health::Warn,
                "is set, with a session token: it ends, and nothing here can tell when",
                "make sure that the variables are set anew before it ends",
            ),
            false => Finding::ok("is set"),
        };
        (self.check("credential", kept_at, finding, BLIND), None)
    }

    async fn destinations(&self, run: &CheckRun<'_>) -> Check {
        let settings = &run.context.settings;
        let regions: BTreeSet<&str> = self.routes.iter().map(|route| route.destination.region.as_str()).collect();
        let refused: Vec<&str> = self
            .routes
            .iter()
            .filter(|route| !settings.allows(self.cloud(), &route.destination))
            .map(|route| route.destination.region.as_str())
            .collect();
        let with_policy = run.context.ports.policies.policy().await.is_ok_and(|policy| policy.is_some());
        let finding = match (settings.restricts_destinations(), refused.is_empty()) {
            (false, _) if with_policy => {
                Finding::ok("no list narrows them; functions that have the policy take no command that no rule wants")
            }
            (false, _) => Finding::new(
                Health::Warn,
                "OFFSITE_ALLOWED_DESTINATIONS is not set: whoever can send a command can have a copy made in any region",
                "set it to the regions that your policy names",
            ),
            (true, true) => Finding::ok("OFFSITE_ALLOWED_DESTINATIONS allows them"),
            (true, false) => Finding::new(
                Health::Fail,
                format!("OFFSITE_ALLOWED_DESTINATIONS does not allow {}", refused.join(", ")),
                "add it there, or take it out of the policy",
            ),
        };
        let subject = regions.into_iter().collect::<Vec<_>>().join(", ");
        self.check("destinations", subject, finding, "the variable as the functions on AWS have it")
    }

    /// Every endpoint that the looks below go to, with the topics that need it.
    async fn endpoints(&self, run: &CheckRun<'_>) -> BTreeMap<String, (Reached, BTreeSet<Topic>)> {
        let mut bases: BTreeMap<String, BTreeSet<Topic>> = BTreeMap::new();
        for (topic, _, route) in self.topics() {
            if let Err(Need::Ask(call)) = self.probe.diagnose(topic, route, &[]) {
                bases.entry(self.base(run, &call)).or_default().insert(topic);
            }
        }
        let reached = bases.into_iter().map(|(base, topics)| async move {
            let seen = reach(run.context, run.environment, &base, run.patience).await;
            (base, (seen, topics))
        });
        join_all(reached).await.into_iter().collect()
    }

    fn base(&self, run: &CheckRun<'_>, call: &Call) -> String {
        run.context.settings.endpoint(self.provider, call.service, &call.region)
    }

    fn endpoint(&self, base: &str, reached: &Reached, topics: &BTreeSet<Topic>) -> Check {
        let health = match (reached.latency_ms.is_some(), topics.iter().any(|topic| is_needed(*topic))) {
            (true, _) => Health::Ok,
            (false, true) => Health::Fail,
            // No copy needs this endpoint: only checks of the doctor do.
            (false, false) => Health::Warn,
        };
        let finding = Finding::new(health, &reached.found, reached.advice);
        let blind = "whether the functions on AWS reach it: this is this machine's network";
        Check { latency_ms: reached.latency_ms, ..self.check("reachability", authority(base), finding, blind) }
    }

    /// The clock that is furthest from ours, and why nothing can be signed.
    fn clock(&self, reached: &BTreeMap<String, (Reached, BTreeSet<Topic>)>) -> (Check, Option<String>) {
        const BLIND: &str = "less than about a second; and a proxy may give a date of its own";
        let furthest = reached
            .iter()
            .filter_map(|(base, (reached, _))| Some((base, reached.ahead?)))
            .max_by_key(|(_, ahead)| ahead.unsigned_abs());
        let Some((base, ahead)) = furthest else {
            let finding = Finding::new(Health::Unknown, "no answer told a date", "");
            return (self.check("clock", "", finding, BLIND).skipped(), None);
        };
        let (limit, off) = (self.probe.clock_limit(), ahead.unsigned_abs());
        let side = if ahead.is_negative() { "ahead of" } else { "behind" };
        let found = match off.as_secs() {
            0 => format!("within a second of the provider's; {} s are allowed", limit.as_secs()),
            seconds => format!("{seconds} s {side} the provider's; {} s are allowed", limit.as_secs()),
        };
        let (health, advice) = match () {
            () if off >= limit => (Health::Fail, "set this machine's clock: no signature is taken until then"),
            () if off >= limit / 2 => (Health::Warn, "set this machine's clock before it is too far off"),
            () => (Health::Ok, ""),
        };
        let barred =
            (health == Health::Fail).then(|| "the clock is too far off: every signature would be refused".to_owned());
        (self.check("clock", authority(base), Finding::new(health, found, advice), BLIND), barred)
    }

    /// What is looked at, each thing once: topics in order, so that the first signed request is the one about the key.
    fn topics(&self) -> Vec<(Topic, String, &Route)> {
        let mut topics: Vec<(Topic, String, &Route)> = Vec::new();
        for topic in Topic::ALL {
            for route in &self.routes {
                let subject = subject(topic, route);
                if !topics.iter().any(|(of, other, _)| *of == topic && *other == subject) {
                    topics.push((topic, subject, route));
                }
                if topic == Topic::Identity {
                    break;
                }
            }
        }
        topics
    }

    /// One look, asked to its end; `None` where the provider has nothing of the kind.
    async fn run_check(
        &self,
        run: &CheckRun<'_>,
        topic: Topic,
        subject: &str,
        route: &Route,
        barred: &mut Option<String>,
        dead: &mut BTreeSet<String>,
    ) -> Option<Check> {
        let blind = self.probe.blind_spot(topic, route.operation);
        let took = Cell::new(None);
        let (barred_by, unreachable) = (barred.as_deref(), &*dead);
        let answer = |call: Call| {
            let took = &took;
            async move {
                if let Some(why) = barred_by {
                    return Err(Unasked::Skipped(why.to_owned()));
                }
                let base = self.base(run, &call);
                if unreachable.contains(&base) {
                    return Err(Unasked::Skipped(format!("{} does not answer", authority(&base))));
                }
                let started = run.context.now();
                let stop = later(started, run.patience);
                let target = Target { provider: self.provider, account: &self.name, rule: None };
                let asked = exchange::send_once(run.context, target, &call, false, stop);
                let asked = patience::until(stop, asked).await;
                took.set(Some(run.context.now().duration_since(started).as_millis() as i64));
                asked.map_err(|failure| Unasked::Failed(failure, Some(base)))
            }
        };
        let says = |replies: &[Reply]| self.probe.diagnose(topic, route, replies);
        let finding = match exchange::ask_on(over(says), answer).await {
            Ok(finding) => finding?,
            Err(Unasked::Skipped(why)) => {
                let finding = Finding::new(Health::Unknown, format!("not asked: {why}"), "");
                return Some(self.check(topic.name(), subject, finding, blind).skipped());
            }
            Err(Unasked::Failed(failure, base)) => {
                if matches!(failure.code.as_str(), "connect" | "no_answer" | "deadline") {
                    dead.extend(base);
                }
                if self.is_refused_key(&failure) {
                    *barred = Some("the key was refused above, and wrong signatures can lock it".to_owned());
                } else if failure.code == NO_CREDENTIAL {
                    *barred = Some("there is no credential".to_owned());
                }
                self.judge(topic, route, &failure)
            }
        };
        Some(Check { latency_ms: took.get(), ..self.check(topic.name(), subject, finding, blind) })
    }

    /// Whether a failure means that the key is refused: by the provider, by what gives a password's token, or here, since it cannot sign.
    fn is_refused_key(&self, failure: &Failure) -> bool {
        let refused = failure.disposition == Disposition::Authentication && !self.probe.is_denied(failure);
        refused || (failure.is_of_settings() && matches!(failure.code.as_str(), NO_CREDENTIAL | "signing"))
    }

    fn judge(&self, topic: Topic, route: &Route, failure: &Failure) -> Finding {
        let id = failure.request_id.as_ref().map(|id| format!(" (request ID {id})")).unwrap_or_default();
        let said = format!("{}: {}{id}", failure.code, failure.message);
        // Copies can be made without what only a check of the doctor asks for.
        let weight = if is_needed(topic) { Health::Fail } else { Health::Unknown };
        if self.is_refused_key(failure) {
            let advice = format!("{}; no further request is signed with this key in this run", failure.advice);
            return Finding::new(Health::Fail, format!("the key was refused: {said}"), advice);
        }
        if self.probe.is_denied(failure) {
            let right = self.probe.permission(topic, route.operation);
            return Finding::new(weight, format!("the key may not ask this: {said}"), format!("grant {right}"));
        }
        match failure.disposition {
            _ if failure.code == NO_CREDENTIAL => {
                Finding::new(weight, said, "run doctor again; if it stays, check what gives the credential")
            }
            Disposition::Throttled => Finding::new(Health::Unknown, said, "run doctor again in a minute"),
            _ if failure.code == "deadline" => Finding::new(weight, "no answer in time", "give more with --timeout"),
            Disposition::Permanent => Finding::new(weight, said, failure.advice),
            _ if matches!(failure.code.as_str(), "connect" | "no_answer") => {
                Finding::new(weight, said, "check the network, and give more with --timeout")
            }
            // An answer that is out of order, or none: where copies need it, nothing shows that they can be made.
            _ => Finding::new(weight, said, "run doctor again; if it stays, ask the provider"),
        }
    }

    /// The calls that make copies, once for each operation.
    fn starts(&self) -> Vec<Check> {
        let operations: BTreeSet<_> = self.routes.iter().map(|route| route.operation).collect();
        let check = |operation: offsite_shared::model::command::Operation| {
            let finding = Finding::new(
                Health::Unknown,
                "cannot be checked without making a copy, so it was not",
                format!("make sure that the key has {}", self.probe.start_permission(operation)),
            );
            self.check("permission-to-copy", operation.name(), finding, "whether a copy would be accepted")
        };
        operations.into_iter().map(check).collect()
    }
}

/// Whether copies need what is looked at, and not only these checks.
fn is_needed(topic: Topic) -> bool {
    matches!(topic, Topic::Sources | Topic::Copies)
}

fn subject(topic: Topic, route: &Route) -> String {
    let place = |region: &str, project: &Option<String>, vault: &Option<String>| {
        let mut place = region.to_owned();
        if let Some(project) = project {
            place.push_str(&format!(" project {project}"));
        }
        if let Some(vault) = vault {
            place.push_str(&format!(" vault {vault}"));
        }
        place
    };
    let to = &route.destination;
    let csbs = route.operation == offsite_shared::model::command::Operation::CopyCheckpointItem;
    let service = if csbs { "CSBS " } else { "" };
    match topic {
        Topic::Identity => String::new(),
        Topic::Sources => format!("{service}{}", place(&route.region, &route.project_id, &None)),
        Topic::Copies => format!("{service}{}", place(&to.region, &to.project_id, &None)),
        Topic::Vault => place(&to.region, &None, &to.vault_id),
        Topic::Quota => to.region.clone(),
        Topic::Projects | Topic::Capability => format!("{service}{} to {}", route.region, to.region),
    }
}

/// Every variable that may hold a part of the credential.
pub(crate) fn variables(cloud: Cloud) -> impl Iterator<Item = &'static str> {
    let password: &[&str] = match cloud {
        Cloud::Huawei => &["OFFSITE_HUAWEI_IAM_DOMAIN", "OFFSITE_HUAWEI_IAM_USER", "OFFSITE_HUAWEI_IAM_PASSWORD"],
        _ => &[],
    };
    key_variables(cloud).into_iter().chain(password.iter().copied())
}
