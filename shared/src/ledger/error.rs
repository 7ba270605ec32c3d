//! Why the ledger did not answer.

/// Why the ledger did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Not reachable, busy, locked, full: nothing can be recorded, so nothing may be started.
    #[error("the ledger cannot be used: {0}")]
    Unavailable(String),
    /// A record written by a newer version.
    #[error(
        "the record {key} was written by a newer version of Offsite (format {format}; this one reads up to {known}): upgrade this function; nothing was overwritten"
    )]
    Newer {
        /// The record's key.
        key: String,
        /// Its format.
        format: u64,
        /// The newest format known here.
        known: u32,
    },
    /// A record that cannot be read.
    #[error("the record {key} cannot be read: {reason}")]
    Corrupt {
        /// The record's key.
        key: String,
        /// Why.
        reason: String,
    },
}
