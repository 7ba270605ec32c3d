//! Scripted faults: which call is disturbed, how, and how often.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloud::Call;
use crate::text::{BadAdmin, Draw};

/// The scripted faults of one port.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    draw: Draw,
}

/// One scripted fault, as posted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default = "any_action")]
    pub(crate) action: String,
    #[serde(default, rename = "match")]
    pub(crate) matching: Matching,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) http_status: Option<u16>,
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// How many calls are hit; without it, every one until the faults are cleared.
    #[serde(default)]
    pub(crate) times: Option<u64>,
    #[serde(default = "always")]
    pub(crate) probability: f64,
    #[serde(skip)]
    hit: u64,
}

/// Narrows a fault to calls that name this region or source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matching {
    #[serde(default)]
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) source: Option<String>,
}

/// What goes wrong. `_before` leaves the call unapplied, `_after` applies it and loses or spoils the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Throttle,
    TimeoutBefore,
    TimeoutAfter,
    ResetBefore,
    ResetAfter,
    #[serde(rename = "http_500_before")]
    Http500Before,
    #[serde(rename = "http_500_after")]
    Http500After,
    #[serde(rename = "html_503")]
    Html503,
    #[serde(rename = "empty_200")]
    Empty200,
    #[serde(rename = "empty_200_after")]
    Empty200After,
    #[serde(rename = "garbage_200_after")]
    Garbage200After,
    SuccessFalse,
    Code,
    Partial,
    FailLater,
    Slow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    faults: Vec<Rule>,
    #[serde(default)]
    clear: bool,
    #[serde(default)]
    seed: Option<u64>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), draw: Draw::new(seed) }
    }

    /// Applies the body of `POST /_sim/faults`: adds rules, after dropping the old ones if it says `clear`.
    ///
    /// # Errors
    /// `BadAdmin` says what is wrong; nothing is changed then.
    pub(crate) fn script(&mut self, provider: &str, body: &Value) -> Result<(), BadAdmin> {
        let script: Script = serde_json::from_value(body.clone()).map_err(|error| BadAdmin::new(error.to_string()))?;
        for (at, rule) in script.faults.iter().enumerate() {
            rule.check(provider).map_err(|error| BadAdmin::new(format!("faults[{at}]: {error}")))?;
        }
        if let Some(seed) = script.seed {
            self.draw = Draw::new(seed);
        }
        if script.clear {
            self.rules.clear();
        }
        self.rules.extend(script.faults);
        Ok(())
    }

    /// The fault that hits this call, if any; it is counted as used.
    pub(crate) fn strike(&mut self, call: &Call) -> Option<Rule> {
        for rule in &mut self.rules {
            let fits = (rule.action == "*" || rule.action == call.action)
                && rule.matching.region.as_ref().is_none_or(|region| call.regions.contains(region))
                && rule.matching.source.as_ref().is_none_or(|source| call.source.as_ref() == Some(source))
                && rule.times.is_none_or(|times| rule.hit < times);
            if fits && (rule.probability >= 1.0 || self.draw.fraction() < rule.probability) {
                rule.hit += 1;
                return Some(rule.clone());
            }
        }
        None
    }

    /// The answer of `GET /_sim/faults`: every rule and how often it hit.
    pub(crate) fn describe(&self) -> Value {
        let rules = self.rules.iter().map(|rule| {
            json!({"action": rule.action, "kind": format!("{:?}", rule.kind), "times": rule.times, "hit": rule.hit})
        });
        json!({"faults": rules.collect::<Vec<_>>()})
    }
}

impl Rule {
    fn check(&self, provider: &str) -> Result<(), BadAdmin> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(BadAdmin::new("probability must be between 0 and 1"));
        }
        if self.http_status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err(BadAdmin::new("http_status must be between 200 and 599"));
        }
        let wants_code = matches!(self.kind, Kind::Code);
        if wants_code && self.code.is_none() {
            return Err(BadAdmin::new("kind `code` needs `code`"));
        }
        if self.kind == Kind::SuccessFalse && provider != "alibaba" {
            return Err(BadAdmin::new("kind `success_false` exists only on the Alibaba port"));
        }
        if self.kind == Kind::Partial && provider == "alibaba" {
            return Err(BadAdmin::new("kind `partial` has no meaning on the Alibaba port: a call makes one pair"));
        }
        if matches!(self.kind, Kind::Slow) && self.delay_ms == 0 {
            return Err(BadAdmin::new("kind `slow` needs `delay_ms`"));
        }
        Ok(())
    }
}

fn any_action() -> String {
    "*".to_owned()
}

fn always() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(action: &str, region: &str) -> Call {
        Call { action: action.to_owned(), regions: vec![region.to_owned()], ..Call::default() }
    }

    #[test]
    fn a_rule_hits_its_action_and_region_the_stated_number_of_times() {
        let mut faults = Faults::new(1);
        let script = json!({"faults": [{"action": "Copy", "match": {"region": "b"}, "kind": "throttle", "times": 1}]});
        faults.script("tencent", &script).unwrap();
        assert!(faults.strike(&call("Copy", "a")).is_none());
        assert!(faults.strike(&call("Other", "b")).is_none());
        assert_eq!(faults.strike(&call("Copy", "b")).unwrap().kind, Kind::Throttle);
        assert!(faults.strike(&call("Copy", "b")).is_none());
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let script = json!({"seed": 9, "faults": [{"kind": "slow", "delay_ms": 1, "probability": 0.5}]});
        let hits = |faults: &mut Faults| (0..64).map(|_| faults.strike(&call("x", "r")).is_some()).collect::<Vec<_>>();
        let (mut one, mut two) = (Faults::new(1), Faults::new(2));
        one.script("huawei", &script).unwrap();
        two.script("huawei", &script).unwrap();
        let first = hits(&mut one);
        assert_eq!(first, hits(&mut two));
        assert!(first.contains(&true) && first.contains(&false));
    }

    #[test]
    fn mistakes_are_named() {
        let mut faults = Faults::new(1);
        for (body, part) in [
            (json!({"faults": [{"kind": "explode"}]}), "explode"),
            (json!({"faults": [{"kind": "code"}]}), "needs `code`"),
            (json!({"faults": [{"kind": "slow"}]}), "delay_ms"),
            (json!({"faults": [{"kind": "success_false"}]}), "Alibaba"),
            (json!({"wrong": 1}), "wrong"),
        ] {
            let error = faults.script("tencent", &body).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
