//! Probes: what reads alone can tell about an account and a route before anything is copied.
//!
//! **Invariant:** no probe plans a call that changes anything.

use std::time::Duration;

use super::asked::Asked;
use crate::model::command::{Destination, Operation};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::model::text::one_line;

/// The way that copies take, from one source to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation that starts the copies.
    pub operation: Operation,
    /// The region of the source, in the provider's spelling.
    pub region: String,
    /// Huawei: the ID of the source's project.
    pub project_id: Option<String>,
    /// The source vault, if one is named.
    pub vault_id: Option<String>,
    /// The region, project and vault that copies go to.
    pub destination: Destination,
}

/// What a probe checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Which account the key belongs to.
    Identity,
    /// Whether the projects of the route belong to its regions (Huawei).
    Projects,
    /// The list of backups in the source.
    Sources,
    /// The list of copies in the destination.
    Copies,
    /// The destination vault.
    Vault,
    /// Whether the provider replicates this way at all.
    Capability,
    /// How much more the destination takes.
    Quota,
}

impl Topic {
    /// All topics, in the order in which they are probed. The first one proves that the key works.
    pub const ALL: [Topic; 7] = [
        Topic::Identity,
        Topic::Projects,
        Topic::Sources,
        Topic::Copies,
        Topic::Vault,
        Topic::Capability,
        Topic::Quota,
    ];

    /// The name of the topic's check, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Identity => "identity",
            Topic::Projects => "projects",
            Topic::Sources => "read-source",
            Topic::Copies => "read-destination",
            Topic::Vault => "destination-vault",
            Topic::Capability => "capability",
            Topic::Quota => "quota",
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// Everything is as it should be.
    Ok,
    /// Copies can be made, but somebody should look.
    Warn,
    /// Copies cannot be made.
    Fail,
    /// The check could not tell.
    Unknown,
}

/// What a check found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How the check came out.
    pub health: Health,
    /// What was found, in words on one line.
    pub found: String,
    /// What to do about it; empty if nothing is to be done.
    pub advice: String,
    /// How many more copies there is room for at least, where that is what was looked at.
    pub room: Option<u64>,
}

impl Finding {
    /// A finding about which nothing is to be done.
    pub fn ok(found: impl AsRef<str>) -> Finding {
        Finding::new(Health::Ok, found, "")
    }

    /// A finding of any health, put on one line whatever a provider wrote.
    pub fn new(health: Health, found: impl AsRef<str>, advice: impl AsRef<str>) -> Finding {
        Finding { health, found: one_line(found.as_ref()), advice: one_line(advice.as_ref()), room: None }
    }

    /// The same, with room for so many more copies.
    pub fn with_room(self, room: u64) -> Finding {
        Finding { room: Some(room), ..self }
    }
}

/// A provider's probes: plain functions that plan reads and interpret replies.
pub trait Probe: Send + Sync {
    /// The largest difference between our clock and the provider's at which a signature is still accepted.
    fn clock_limit(&self) -> Duration;

    /// What the replies tell about a topic; `None` if this provider has no such topic.
    ///
    /// # Errors
    /// The next call to send, or a failed read.
    fn diagnose(&self, topic: Topic, route: &Route, replies: &[Reply]) -> Asked<Option<Finding>>;

    /// The permission that the calls of a topic need.
    fn permission(&self, topic: Topic, operation: Operation) -> &'static str;

    /// The permission that starting a copy needs, and why it cannot be checked without starting one.
    fn start_permission(&self, operation: Operation) -> &'static str;

    /// What a good finding about a topic does not tell.
    fn blind_spot(&self, topic: Topic, operation: Operation) -> &'static str;

    /// Whether a failure means that the key lacks a permission, not that the key itself was refused.
    fn is_denied(&self, failure: &Failure) -> bool;
}
