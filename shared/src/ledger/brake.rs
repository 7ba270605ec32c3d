//! The brake: what a person has stopped, by whom, why and since when. Nothing is started while it holds; all else goes on.
//!
//! It is one note beside the ledger, so that a deployment neither sets nor releases it. Functions read it; only people write it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::LedgerError;
use crate::model::command::Cloud;
use crate::model::json;

/// The name of the note that holds it.
pub const NOTE: &str = "brake";

/// The newest format that this version writes and reads.
const FORMAT: u32 = 1;

/// So many past entries are kept.
const KEPT: usize = 64;

/// What is stopped now, and what was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// The format. A newer one is refused.
    pub format: u32,
    /// What holds now.
    pub entries: Vec<Held>,
    /// What held before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Released>,
}

/// One part that is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What it is about.
    pub scope: Scope,
    /// Who stopped it: an identity of AWS, or a user and a machine.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// One part that was stopped and goes on again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// What it was.
    #[serde(flatten)]
    pub held: Held,
    /// Who let it go on.
    pub released_by: String,
    /// When.
    pub released_at: Timestamp,
}

/// What an entry is about: everything, one cloud, one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that uses this ledger.
    All,
    /// One cloud, by its name.
    Provider(String),
    /// One rule, by its name.
    Rule(String),
}

impl Default for Brake {
    fn default() -> Brake {
        Brake { format: FORMAT, entries: Vec::new(), history: Vec::new() }
    }
}

impl Brake {
    /// Reads a stored brake; without one nothing is stopped.
    ///
    /// # Errors
    /// It cannot be read, or is of a newer format. Nothing may be started then.
    pub fn from_text(text: Option<&str>) -> Result<Brake, LedgerError> {
        let Some(text) = text else { return Ok(Brake::default()) };
        let unreadable = |reason: String| LedgerError::Corrupt { key: NOTE.to_owned(), reason };
        let value: serde_json::Value = json::typed(text).map_err(|error| unreadable(error.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {
                serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))
            }
            Some(format) if format > u64::from(FORMAT) => {
                Err(LedgerError::Newer { key: NOTE.to_owned(), format, known: FORMAT })
            }
            _ => Err(unreadable("has no format".to_owned())),
        }
    }

    /// The brake as it is stored.
    ///
    /// # Errors
    /// Never in practice: it is plain text.
    pub fn to_text(&self) -> Result<String, LedgerError> {
        serde_json::to_string(self).map_err(|error| LedgerError::Unavailable(error.to_string()))
    }

    /// What stops a copy of this cloud and rule, the widest first.
    pub fn on(&self, cloud: Cloud, rule: Option<&str>) -> Option<&Held> {
        let stops = |scope: &Scope| match scope {
            Scope::All => true,
            Scope::Provider(name) => name == cloud.name(),
            Scope::Rule(name) => rule == Some(name.as_str()),
        };
        self.entries.iter().filter(|held| stops(&held.scope)).min_by_key(|held| held.scope.width())
    }

    /// Adds an entry. `None` if this scope is stopped already; what stands is the first one.
    #[must_use]
    pub fn with(&self, held: Held) -> Option<Brake> {
        let stands = self.entries.iter().any(|other| other.scope == held.scope);
        let entries = self.entries.iter().cloned().chain([held]).collect();
        (!stands).then(|| Brake { entries, ..self.clone() })
    }

    /// Takes the entry of exactly this scope away. `None` if there is none.
    #[must_use]
    pub fn without(&self, scope: &Scope, released_by: &str, released_at: Timestamp) -> Option<Brake> {
        let (gone, entries): (Vec<Held>, Vec<Held>) =
            self.entries.iter().cloned().partition(|held| held.scope == *scope);
        let mut history = self.history.clone();
        history.extend(gone.iter().map(|held| Released {
            held: held.clone(),
            released_by: released_by.to_owned(),
            released_at,
        }));
        history.drain(..history.len().saturating_sub(KEPT));
        (!gone.is_empty()).then_some(Brake { format: FORMAT, entries, history })
    }
}

impl Held {
    /// What is stopped, since when, by whom, why, and what ends it: one line for a person.
    pub fn describe(&self) -> String {
        let Held { scope, by, reason, at } = self;
        format!("{} is paused since {at} by {by}: {reason}; `offsite resume{}` ends it", scope.name(), scope.argument())
    }
}

impl Scope {
    fn width(&self) -> u8 {
        match self {
            Scope::All => 0,
            Scope::Provider(_) => 1,
            Scope::Rule(_) => 2,
        }
    }

    /// Its name in words.
    pub fn name(&self) -> String {
        match self {
            Scope::All => "everything".to_owned(),
            Scope::Provider(name) => format!("everything on {name}"),
            Scope::Rule(name) => format!("rule {name}"),
        }
    }

    /// What `offsite pause` and `offsite resume` are given for it.
    pub fn argument(&self) -> String {
        match self {
            Scope::All => String::new(),
            Scope::Provider(name) => format!(" --provider {name}"),
            Scope::Rule(name) => format!(" --rule {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> Timestamp {
        format!("2026-11-27T{hour:02}:00:00Z").parse().unwrap()
    }

    fn held(scope: Scope, hour: u32) -> Held {
        Held { scope, by: "ann@desk".into(), reason: "the bill".into(), at: at(hour) }
    }

    #[test]
    fn an_entry_stops_its_own_scope_and_the_widest_is_told() {
        let brake = Brake::default().with(held(Scope::Rule("nightly".into()), 8)).unwrap();
        assert!(brake.on(Cloud::Tencent, Some("nightly")).is_some());
        assert!(brake.on(Cloud::Tencent, Some("weekly")).is_none() && brake.on(Cloud::Tencent, None).is_none());
        let brake = brake.with(held(Scope::Provider("tencent".into()), 9)).unwrap();
        assert_eq!(brake.on(Cloud::Tencent, Some("nightly")).unwrap().at, at(9));
        assert!(brake.on(Cloud::Huawei, Some("weekly")).is_none());
        assert!(brake.with(held(Scope::All, 10)).unwrap().on(Cloud::Huawei, None).is_some());
    }

    #[test]
    fn an_entry_is_made_once_and_taken_away_by_its_own_scope() {
        let brake = Brake::default().with(held(Scope::All, 8)).unwrap();
        assert!(brake.with(held(Scope::All, 9)).is_none(), "the first one stands");
        assert!(brake.without(&Scope::Provider("tencent".into()), "bob", at(9)).is_none());
        let free = brake.without(&Scope::All, "bob", at(9)).unwrap();
        assert!(free.on(Cloud::Tencent, None).is_none());
        assert_eq!((free.history.len(), free.history[0].released_by.as_str()), (1, "bob"));
        let mut many = free;
        for _ in 0..100 {
            many = many.with(held(Scope::All, 8)).unwrap().without(&Scope::All, "bob", at(9)).unwrap();
        }
        assert_eq!(many.history.len(), KEPT);
    }

    #[test]
    fn a_brake_is_read_as_it_was_written_and_what_is_strange_is_no_brake_that_is_off() {
        let brake = Brake::default().with(held(Scope::Provider("tencent".into()), 8)).unwrap();
        let text = brake.to_text().unwrap();
        assert_eq!(
            text,
            r#"{"format":1,"entries":[{"scope":{"provider":"tencent"},"by":"ann@desk","reason":"the bill","at":"2026-11-27T08:00:00Z"}]}"#
        );
        assert_eq!(Brake::from_text(Some(&text)).unwrap(), brake);
        assert_eq!(Brake::from_text(None).unwrap(), Brake::default());
        let newer = text.replace("\"format\":1", "\"format\":2");
        assert!(matches!(Brake::from_text(Some(&newer)), Err(LedgerError::Newer { format: 2, .. })));
        for strange in ["", "{}", "null", &text.replace("provider", "region")] {
            assert!(matches!(Brake::from_text(Some(strange)), Err(LedgerError::Corrupt { .. })), "{strange}");
        }
    }

    #[test]
    fn it_says_how_it_ends() {
        let said = held(Scope::Rule("nightly".into()), 8).describe();
        assert_eq!(
            said,
            "rule nightly is paused since 2026-11-27T08:00:00Z by ann@desk: the bill; `offsite resume --rule nightly` ends it"
        );
    }
}
