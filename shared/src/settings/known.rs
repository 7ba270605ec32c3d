//! The variables that this program reads. One that nothing reads is probably misspelt, and two of the likely misspellings are switches
//! for safety.

use super::environment::Environment;
use crate::model::error::Error;

/// All of them. Those of one cloud follow below.
const KNOWN: [&str; 38] = [
    "OFFSITE_ALLOWED_DESTINATIONS",
    "OFFSITE_ATTEMPT_BACKOFF_S",
    "OFFSITE_AUDIT_S",
    "OFFSITE_AWS_ALLOW",
    "OFFSITE_BACKOFF_MS",
    "OFFSITE_CA_BUNDLE",
    "OFFSITE_CONCURRENCY",
    "OFFSITE_CONNECT_TIMEOUT_MS",
    "OFFSITE_COPY_DEADLINE_S",
    "OFFSITE_DB",
    "OFFSITE_DEAD_LETTERS_URL",
    "OFFSITE_DIRECT_COMMANDS",
    "OFFSITE_DOOR_SENDERS",
    "OFFSITE_FIRST_LOOK_S",
    "OFFSITE_HUAWEI_CBR_ENDPOINT",
    "OFFSITE_HUAWEI_CSBS_ENDPOINT",
    "OFFSITE_HUAWEI_IAM_DOMAIN",
    "OFFSITE_HUAWEI_IAM_ENDPOINT",
    "OFFSITE_HUAWEI_IAM_PASSWORD",
    "OFFSITE_HUAWEI_IAM_USER",
    "OFFSITE_INELIGIBLE_S",
    "OFFSITE_LANG",
    "OFFSITE_LEASE_MARGIN_MS",
    "OFFSITE_LONGEST_LOOK_S",
    "OFFSITE_MAX_ATTEMPTS",
    "OFFSITE_METRICS",
    "OFFSITE_PAUSED",
    "OFFSITE_PAUSE_S",
    "OFFSITE_POLICY",
    "OFFSITE_REPORTS",
    "OFFSITE_REPORT_MAX_AGE_S",
    "OFFSITE_SECOND_LOOK_MS",
    "OFFSITE_STACK",
    "OFFSITE_TABLE",
    "OFFSITE_TIMEOUT_MS",
    "OFFSITE_WORK_QUEUE_URL",
    "OFFSITE_ALIBABA_ENDPOINT",
    "OFFSITE_TENCENT_ENDPOINT",
];

/// What each cloud has, after `OFFSITE_` and its name.
const OF_A_CLOUD: [&str; 7] =
    ["ACCOUNTS", "ACCOUNT_RPS", "DOOR_QUEUE_URL", "ON_DOUBT", "RPS", "STS_ENDPOINT", "VISIBILITY_WAIT_S"];

/// The clouds, as variables name them.
const CLOUDS: [&str; 3] = ["ALIBABA", "HUAWEI", "TENCENT"];

/// What keeps copies from being made. Misspelt, it would keep nothing.
const SWITCHES: [&str; 3] = ["OFFSITE_ALLOWED_DESTINATIONS", "OFFSITE_DIRECT_COMMANDS", "OFFSITE_PAUSED"];

/// What somebody writes who wants nothing to be started.
const STOPS: [&str; 7] = ["PAUS", "DRY_RUN", "DRYRUN", "READ_ONLY", "READONLY", "STOP", "DISABLE"];

/// A variable that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its name.
    pub name: String,
    /// The one that is spelt most like it, if one is at all.
    pub nearest: Option<String>,
}

impl Unknown {
    /// Whether it is probably a switch that keeps copies from being made.
    pub fn is_switch(&self) -> bool {
        let name = self.name.to_ascii_uppercase();
        self.nearest.as_deref().is_some_and(|nearest| SWITCHES.contains(&nearest) || nearest.ends_with("_ON_DOUBT"))
            || STOPS.iter().any(|stop| name.contains(stop))
    }
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "nothing reads the variable {}", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(formatter, "; {nearest} is spelt most like it"),
            None => Ok(()),
        }
    }
}

/// All variables that begin with `OFFSITE_`.
pub fn all() -> Vec<String> {
    let of = |cloud: &&str| OF_A_CLOUD.map(|name| format!("OFFSITE_{cloud}_{name}"));
    KNOWN.iter().map(|name| (*name).to_owned()).chain(CLOUDS.iter().flat_map(of)).collect()
}

/// The variables of the environment that begin with `OFFSITE`, in capitals or not, and that nothing reads.
pub fn unknown(environment: &Environment) -> Vec<Unknown> {
    let known = all();
    let is_ours = |name: &str| name.len() > 7 && name.to_ascii_uppercase().starts_with("OFFSITE");
    let strange = environment.variables().keys().filter(|name| is_ours(name) && !known.contains(name));
    strange
        .map(|name| {
            let capitals = name.to_ascii_uppercase();
            let like = |known: &&String| strsim::normalized_damerau_levenshtein(&capitals, known);
            let nearest = known.iter().max_by(|one, other| like(one).total_cmp(&like(other)));
            Unknown { name: name.clone(), nearest: nearest.filter(|nearest| like(nearest) > 0.7).cloned() }
        })
        .collect()
}

/// The switches for safety that are set and empty, each with what is to be done. What was meant nobody can tell, and an empty list of
/// destinations must not stand for all of them.
pub fn emptied(environment: &Environment) -> Vec<String> {
    let of_clouds = CLOUDS.iter().map(|cloud| format!("OFFSITE_{cloud}_ON_DOUBT"));
    let switches = SWITCHES.iter().map(|name| (*name).to_owned()).chain(of_clouds);
    let empty = switches.filter(|name| environment.is_empty(name));
    empty.map(|name| format!("{name} is set and empty: give it its value, or unset it")).collect()
}

/// Warns of variables that nothing reads.
///
/// # Errors
/// One of them is probably a switch that keeps copies from being made, so nothing may start without it; or such a switch is empty.
pub fn check(environment: &Environment) -> Result<(), Error> {
    if let Some(empty) = emptied(environment).into_iter().next() {
        return Err(Error::configuration(empty));
    }
    for one in unknown(environment) {
        if one.is_switch() {
            return Err(Error::configuration(format!(
                "{one}: correct the name, so that nothing is copied against your will"
            )));
        }
        tracing::warn!("{one}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Vec<Unknown> {
        unknown(&Environment::default().with(name, "1"))
    }

    #[test]
    fn a_misspelt_variable_is_named_with_the_nearest_one() {
        for (misspelt, meant) in [
            ("OFFSITE_PAUSE", "OFFSITE_PAUSED"),
            ("OFFSITE_PAUSD", "OFFSITE_PAUSED"),
            ("OFFSITE_ALLOWED_DESTINATION", "OFFSITE_ALLOWED_DESTINATIONS"),
            ("OFFSITE_TENCENT_ON_DOUBTS", "OFFSITE_TENCENT_ON_DOUBT"),
            ("offsite_paused", "OFFSITE_PAUSED"),
            ("Offsite_Paused", "OFFSITE_PAUSED"),
            ("OFFSITEPAUSED", "OFFSITE_PAUSED"),
        ] {
            let unknown = found(misspelt);
            assert_eq!(unknown[0].nearest.as_deref(), Some(meant), "{misspelt}");
            assert!(unknown[0].is_switch());
            assert!(check(&Environment::default().with(misspelt, "1")).unwrap_err().message.contains(meant));
        }
        for wish in ["OFFSITE_DRY_RUN", "OFFSITE_READ_ONLY", "OFFSITE_STOP", "offsite_dry_run"] {
            let refused = check(&Environment::default().with(wish, "1")).unwrap_err().message;
            assert!(refused.contains(wish) && refused.contains("against your will"), "{refused}");
        }
        let unknown = found("OFFSITE_TABEL");
        assert_eq!(
            unknown[0].to_string(),
            "nothing reads the variable OFFSITE_TABEL; OFFSITE_TABLE is spelt most like it"
        );
        assert_eq!(found("OFFSITE_SOMETHING_ELSE")[0].nearest, None);
        assert_eq!(check(&Environment::default().with("OFFSITE_SOMETHING_ELSE", "1")), Ok(()));
    }

    #[test]
    fn a_switch_for_safety_that_is_empty_is_refused_by_name() {
        for name in
            ["OFFSITE_PAUSED", "OFFSITE_ALLOWED_DESTINATIONS", "OFFSITE_DIRECT_COMMANDS", "OFFSITE_HUAWEI_ON_DOUBT"]
        {
            let set = |value: &str| Environment::new([(name.to_owned(), value.to_owned())]);
            let refused = check(&set("")).unwrap_err().message;
            assert_eq!(refused, format!("{name} is set and empty: give it its value, or unset it"));
            assert_eq!((check(&set("x")), check(&set("").with(name, ""))), (Ok(()), Ok(())), "{name}");
        }
        // Of all others an empty one counts as absent.
        assert_eq!(check(&Environment::new([("OFFSITE_TABLE".to_owned(), String::new())])), Ok(()));
    }

    #[test]
    fn what_is_read_is_known() {
        for name in all() {
            assert_eq!(found(&name), [], "{name}");
        }
    }
}
