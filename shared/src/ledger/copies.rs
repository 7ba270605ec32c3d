//! How many copies a vault-wide call started, and how many of them have records.

use serde::{Deserialize, Serialize};

/// What the record of a vault-wide call keeps of the copies that the call started. Each of them has a record of its own, under the key of
/// its backup; a list of them all would not fit into this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copies {
    /// How many backups the provider named.
    pub count: u64,
    /// How many of them, in the order of their IDs, have a record of their own.
    pub recorded: u64,
    /// A hash of the IDs of those: a later list that begins with the same ones is gone on with after them.
    pub digest: String,
}

impl Copies {
    /// Whether every copy has a record of its own.
    pub fn are_recorded(&self) -> bool {
        self.recorded >= self.count
    }
}
