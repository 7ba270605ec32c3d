//! What a rule promises: as it is written, and by default.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::select::Select;
use super::{duration_text, insert_some};

/// The largest lag of a rule that names none, counted from when a backup is old enough to be covered.
const USUAL_LAG: Duration = Duration::from_secs(86_400);

/// How late a copy may be, as a rule states it. `effective` adds the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// The largest age of the oldest covered backup without a usable copy; `None` if the rule names none.
    pub max_lag: Option<Duration>,
    /// The largest age of the newest usable copy, for each resource; `None` if the rule names none.
    pub rpo: Option<Duration>,
    /// Whether backups made before the rule was first swept count even if their resource has a newer copy.
    pub history: bool,
    /// `objective: none`: the rule copies, and nothing is promised. All other fields are empty then.
    pub not_judged: bool,
}

/// What a rule promises, defaults included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectiveObjective {
    /// The largest age of the oldest covered backup without a usable copy.
    pub max_lag: Duration,
    /// Whether the rule names no `max_lag`, so that people are told that this one is the default.
    pub is_default: bool,
    /// The largest age of the newest usable copy, for each resource; `None` if the rule names none.
    pub rpo: Option<Duration>,
    /// Whether backups made before the rule was first swept count even if their resource has a newer copy.
    pub history: bool,
}

impl Objective {
    /// What is promised for backups that `select` covers; `None` for `objective: none`.
    pub(crate) fn effective(&self, select: &Select) -> Option<EffectiveObjective> {
        (!self.not_judged).then(|| EffectiveObjective {
            max_lag: self.max_lag.unwrap_or_else(|| default_lag(select)),
            is_default: self.max_lag.is_none(),
            rpo: self.rpo,
            history: self.history,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        if self.not_judged {
            return json!("none");
        }
        let mut objective = Map::new();
        insert_some(&mut objective, "max_lag", &self.max_lag.map(duration_text));
        insert_some(&mut objective, "rpo", &self.rpo.map(duration_text));
        if self.history {
            objective.insert("history".into(), json!(true));
        }
        Value::Object(objective)
    }
}

/// 24 hours after a backup is covered. If the backup has left the rule by then: half of the time for which it is covered. A lag of
/// `max_age` or more could never be exceeded, so the rule would hold whatever is copied.
fn default_lag(select: &Select) -> Duration {
    let from = select.min_age.unwrap_or_default();
    let usual = from.saturating_add(USUAL_LAG);
    match select.max_age {
        Some(until) if usual >= until => from + Duration::from_secs(until.saturating_sub(from).as_secs() / 2),
        _ => usual,
    }
}
