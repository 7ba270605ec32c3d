//! What people decided about a rule: a resource that need not be protected, a resource that is no more, a rule that is gone.
//!
//! Each decision is an [`Act`]. Acts are only ever added, so that what was in force at any time can be told later. An act is undone by a
//! later one of the kind `revoke`, or runs out.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::LedgerError;

/// The newest format of an act that this version writes and reads.
pub const FORMAT: u32 = 1;

/// How long a confirmed loss is one. Sweeps come more often, and what is lost later is another loss.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(86_400);

/// The longest time for which a risk can be accepted.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// One decision of a person about one rule. It is never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The format of the act. A newer format is refused.
    pub format: u32,
    /// The rule that it is about.
    pub rule: String,
    /// Its number among the acts of its rule, from 0.
    pub number: u64,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
    /// Why.
    pub reason: String,
    /// Who decided: an identity of AWS, or a user and a machine.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// The resource need not be protected for a while, although this cause keeps it from being copied.
    Accept {
        /// The exact ID of the resource, or of a backup that is its own resource.
        resource: String,
        /// The region of the destination; absent for all destinations of the rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
        /// The cause that is covered, in the report's word for it: a provider's code, or one of Offsite's own. No other cause is.
        cause: String,
        /// When the acceptance ends.
        until: Timestamp,
    },
    /// The resource is no more.
    Gone {
        /// The exact ID of the resource.
        resource: String,
    },
    /// An earlier act of the same rule no longer holds.
    Revoke {
        /// The number of that act.
        act: u64,
    },
    /// The rule is gone from the policy, and what it left unfinished is settled.
    Retire,
    /// So many copies that are gone at once are lost indeed: sweeps go on with them.
    ConfirmLoss {
        /// The region of the destination that lost them.
        destination: String,
        /// How many copies were gone when the person looked. More than that are another loss.
        copies: u64,
        /// When the decision ends.
        until: Timestamp,
    },
}

impl Decision {
    /// The kind's name, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Decision::Accept { .. } => "accept",
            Decision::Gone { .. } => "gone",
            Decision::Revoke { .. } => "revoke",
            Decision::Retire => "retire",
            Decision::ConfirmLoss { .. } => "confirm_loss",
        }
    }

    /// The resource that it is about, if it is about one.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Decision::Accept { resource, .. } | Decision::Gone { resource } => Some(resource),
            Decision::Revoke { .. } | Decision::Retire | Decision::ConfirmLoss { .. } => None,
        }
    }
}

impl Act {
    /// The name by which people name the act, such as `nightly/3`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.rule, self.number)
    }

    /// The JSON text in which the act is stored.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, LedgerError> {
        serde_json::to_string(self)
            .map_err(|error| LedgerError::Corrupt { key: self.name(), reason: error.to_string() })
    }

    /// Reads the text that [`Act::to_text`] wrote. A newer format is refused.
    ///
    /// # Errors
    /// [`LedgerError::Newer`], or [`LedgerError::Corrupt`].
    pub fn from_text(note: &str, text: &str) -> Result<Act, LedgerError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let corrupt =
            |error: serde_json::Error| LedgerError::Corrupt { key: note.to_owned(), reason: error.to_string() };
        let Format { format } = crate::model::json::typed(text).map_err(corrupt)?;
        if format > u64::from(FORMAT) {
            return Err(LedgerError::Newer { key: note.to_owned(), format, known: FORMAT });
        }
        crate::model::json::typed(text).map_err(corrupt)
    }
}

/// The name of the note that holds an act.
pub fn note_name(rule: &str, number: u64) -> String {
    format!("risk/{rule}/{number}")
}

/// What people decided about one rule, as far as it is not revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risks {
    acts: Vec<Act>,
}

/// The acts that were made by `now` and were not revoked by then. Acceptances that have ended are among them.
pub fn in_force(acts: &[Act], now: Timestamp) -> Risks {
    let made: Vec<&Act> = acts.iter().filter(|act| act.at <= now).collect();
    let revoked: BTreeSet<u64> = made
        .iter()
        .filter_map(|act| match act.decision {
            // A revocation is not revoked: whoever wants the first act back makes it again, with an end of its own.
            Decision::Revoke { act: number } if number < act.number => Some(number),
            _ => None,
        })
        .collect();
    let stands = |act: &&&Act| !revoked.contains(&act.number) && !matches!(act.decision, Decision::Revoke { .. });
    Risks { acts: made.iter().filter(stands).map(|act| (*act).clone()).collect() }
}

impl Risks {
    /// The act by which it is accepted at `now` that this cause keeps the resource from being protected in this destination: the one
    /// that ends last. An act that names no destination covers all of them; the cause must be the very same.
    pub fn accepted(&self, resource: &str, destination: &str, cause: &str, now: Timestamp) -> Option<&Act> {
        let covers = |act: &&Act| match &act.decision {
            Decision::Accept { resource: of, destination: there, cause: covered, until } => {
                of == resource
                    && there.as_deref().is_none_or(|there| there == destination)
                    && covered == cause
                    && *until > now
            }
            _ => false,
        };
        self.acts.iter().filter(covers).max_by_key(|act| end_of(act))
    }

    /// Whether a person said that the resource is no more. A backup of it that was made after the act brings it back.
    pub fn is_gone(&self, resource: &str, newest_backup: Option<Timestamp>) -> bool {
        self.gone_since(resource).is_some_and(|since| newest_backup.is_none_or(|made| made <= since))
    }

    /// When a person last said that the resource is no more.
    pub fn gone_since(&self, resource: &str) -> Option<Timestamp> {
        let gone = |act: &&Act| matches!(&act.decision, Decision::Gone { resource: of } if of == resource);
        self.acts.iter().filter(gone).map(|act| act.at).max()
    }

    /// The act by which the rule was retired last. It holds while the rule is not in the policy: a rule that is there is not retired.
    /// Of a rule that came back and went again, it settles only what [`Risks::settles`].
    pub fn retired(&self) -> Option<&Act> {
        self.acts.iter().filter(|act| act.decision == Decision::Retire).max_by_key(|act| act.at)
    }

    /// Whether retiring the rule settled business that began at this time. What began later is from after the rule came back.
    pub fn settles(&self, since: Timestamp) -> bool {
        self.retired().is_some_and(|act| since <= act.at)
    }

    /// Whether a person said that as many copies as this are lost in this destination indeed.
    pub fn confirms_loss(&self, region: &str, gone: u64, now: Timestamp) -> bool {
        self.acts.iter().any(|act| match &act.decision {
            Decision::ConfirmLoss { destination, copies, until } => {
                destination == region && gone <= *copies && *until > now
            }
            _ => false,
        })
    }

    /// All acts that are not revoked, in the order in which they were made.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }
}

fn end_of(act: &Act) -> Option<Timestamp> {
    match act.decision {
        Decision::Accept { until, .. } | Decision::ConfirmLoss { until, .. } => Some(until),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> Timestamp {
        format!("2026-11-{day:02}T08:00:00Z").parse().unwrap()
    }

    fn act(number: u64, day: u32, decision: Decision) -> Act {
        Act {
            format: FORMAT,
            rule: "nightly".into(),
            number,
            decision,
            reason: "because".into(),
            who: "ann@desk".into(),
            at: at(day),
        }
    }

    fn accept(number: u64, day: u32, destination: Option<&str>, cause: &str, until: u32) -> Act {
        let destination = destination.map(str::to_owned);
        act(
            number,
            day,
            Decision::Accept { resource: "disk-1".into(), destination, cause: cause.into(), until: at(until) },
        )
    }

    #[test]
    fn an_acceptance_covers_its_own_cause_resource_and_destination_until_it_ends() {
        let acts = [accept(0, 2, Some("ap-singapore"), "encrypted", 20)];
        let risks = in_force(&acts, at(3));
        let accepted =
            |resource, destination, cause, day| risks.accepted(resource, destination, cause, at(day)).is_some();
        assert!(accepted("disk-1", "ap-singapore", "encrypted", 3));
        assert!(!accepted("disk-1", "ap-singapore", "quota", 3), "an accepted cause does not cover a later one");
        assert!(!accepted("disk-1", "ap-singapore", "encrypted_disk", 3), "nor one that begins alike");
        assert!(!accepted("disk-2", "ap-singapore", "encrypted", 3));
        assert!(!accepted("disk-1", "ap-tokyo", "encrypted", 3));
        assert!(!accepted("disk-1", "ap-singapore", "encrypted", 20), "the end is not covered any more");
        assert_eq!(in_force(&acts, at(1)), Risks::default(), "what is decided later was not in force before");
    }

    #[test]
    fn an_act_without_a_destination_covers_all_and_the_one_that_ends_last_is_named() {
        let acts = [
            accept(0, 2, None, "encrypted", 9),
            accept(1, 3, Some("ap-tokyo"), "encrypted", 20),
            accept(2, 4, None, "encrypted", 5),
        ];
        let risks = in_force(&acts, at(4));
        let number = |destination| risks.accepted("disk-1", destination, "encrypted", at(4)).map(|act| act.number);
        assert_eq!((number("ap-tokyo"), number("ap-seoul")), (Some(1), Some(0)));
    }

    #[test]
    fn a_revoked_act_holds_no_more_and_a_revocation_holds_for_good() {
        let mut acts = vec![accept(0, 2, None, "encrypted", 20), act(1, 5, Decision::Revoke { act: 0 })];
        let is_accepted =
            |acts: &[Act], day| in_force(acts, at(day)).accepted("disk-1", "x", "encrypted", at(day)).is_some();
        assert!(is_accepted(&acts, 4) && !is_accepted(&acts, 5));
        acts.push(act(2, 6, Decision::Revoke { act: 1 }));
        assert!(!is_accepted(&acts, 6));
        acts.push(accept(3, 7, None, "encrypted", 20));
        assert!(is_accepted(&acts, 7));
        let ahead = [act(0, 2, Decision::Revoke { act: 1 }), accept(1, 3, None, "encrypted", 20)];
        assert!(is_accepted(&ahead, 4), "an act revokes only what came before it");
    }

    #[test]
    fn a_resource_that_is_gone_comes_back_with_its_next_backup() {
        let acts = [act(0, 5, Decision::Gone { resource: "disk-1".into() })];
        let risks = in_force(&acts, at(8));
        assert!(risks.is_gone("disk-1", None) && risks.is_gone("disk-1", Some(at(4))));
        assert!(!risks.is_gone("disk-1", Some(at(6))) && !risks.is_gone("disk-2", None));
        assert_eq!(risks.gone_since("disk-1"), Some(at(5)));
    }

    #[test]
    fn retiring_a_rule_settles_what_began_before_it() {
        let acts = [act(0, 5, Decision::Retire)];
        let risks = in_force(&acts, at(8));
        assert_eq!(risks.retired().map(|act| act.number), Some(0));
        assert!(risks.settles(at(5)) && !risks.settles(at(6)));
        assert_eq!(in_force(&acts, at(4)).retired(), None);
        let revoked = [acts[0].clone(), act(1, 6, Decision::Revoke { act: 0 })];
        assert_eq!(in_force(&revoked, at(8)).retired(), None);
    }

    #[test]
    fn an_act_is_read_as_it_was_written_and_a_newer_one_is_refused() {
        let one = accept(7, 2, None, "LimitExceeded.Snapshot", 20);
        let text = one.to_text().unwrap();
        assert_eq!(
            text,
            r#"{"format":1,"rule":"nightly","number":7,"kind":"accept","resource":"disk-1","cause":"LimitExceeded.Snapshot","until":"2026-11-20T08:00:00Z","reason":"because","who":"ann@desk","at":"2026-11-02T08:00:00Z"}"#
        );
        assert_eq!(Act::from_text("risk/nightly/7", &text), Ok(one));
        let newer = text.replace("\"format\":1", "\"format\":2");
        assert!(matches!(Act::from_text("risk/nightly/7", &newer), Err(LedgerError::Newer { format: 2, .. })));
        let other = text.replace("\"accept\"", "\"waive\"");
        assert!(matches!(Act::from_text("risk/nightly/7", &other), Err(LedgerError::Corrupt { .. })));
    }
}
