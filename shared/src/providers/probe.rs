//! Probes: what can be learned of an account and of a route before anything is copied, by reads alone.
//!
//! **Invariant:** no probe plans a call that changes anything.

use std::time::Duration;

use super::asked::Asked;
use crate::model::command::{Destination, Operation};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::model::text::one_line;

/// A way that copies go: from one source to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What starts the copies.
    pub operation: Operation,
    /// Region of the source.
    pub region: String,
    /// Huawei's project of the source.
    pub project_id: Option<String>,
    /// The vault that is the source, where one is named.
    pub vault_id: Option<String>,
    /// Where copies go.
    pub destination: Destination,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Whose key it is.
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
    /// All topics, in the order in which they are looked at: the first one proves the key.
    pub const ALL: [Topic; 7] = [
        Topic::Identity,
        Topic::Projects,
        Topic::Sources,
        Topic::Copies,
        Topic::Vault,
        Topic::Capability,
        Topic::Quota,
    ];

    /// The check's name.
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

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Ok,
    /// Copies can be made, but somebody should look.
    Warn,
    /// Copies cannot be made.
    Fail,
    /// It cannot be told.
    Unknown,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How well it is.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub advice: String,
}

impl Finding {
    /// Nothing to be done.
    pub fn ok(found: impl AsRef<str>) -> Finding {
        Finding::new(Health::Ok, found, "")
    }

    /// Of any health, on one line whatever a provider wrote.
    pub fn new(health: Health, found: impl AsRef<str>, advice: impl AsRef<str>) -> Finding {
        Finding { health, found: one_line(found.as_ref()), advice: one_line(advice.as_ref()) }
    }
}

/// A provider's probes: plain functions, like everything in [`crate::providers`].
pub trait Probe: Send + Sync {
    /// The largest difference between our clock and the provider's with which a signature is still taken.
    fn clock_limit(&self) -> Duration;

    /// What is found about a topic; `None` where this provider has nothing of the kind.
    ///
    /// # Errors
    /// What to ask next, or a failed read.
    fn look(&self, topic: Topic, route: &Route, replies: &[Reply]) -> Asked<Option<Finding>>;

    /// The right that the calls of a topic need.
    fn permission(&self, topic: Topic, operation: Operation) -> &'static str;

    /// The right that starting a copy needs, and why it cannot be checked without starting one.
    fn start_permission(&self, operation: Operation) -> &'static str;

    /// What a good answer about a topic does not say.
    fn blind_spot(&self, topic: Topic, operation: Operation) -> &'static str;

    /// Whether a refusal is about a right that the key lacks, not about the key.
    fn is_denied(&self, failure: &Failure) -> bool;
}
