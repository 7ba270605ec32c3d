//! The errors of the ledger.

/// Why the ledger did not answer, or not as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The store cannot be reached, or is busy, locked or full. Nothing can be recorded, so nothing may be started.
    #[error("the ledger cannot be used: {0}")]
    Unavailable(String),
    /// The store refuses this write or read, and will again: the item is too large, or a right is missing.
    #[error("the ledger refused: {0}; a repeat would end the same until that is changed")]
    Refused(String),
    /// The record was written by a newer version of Offsite.
    #[error(
        "the record {key} was written by a newer version of Offsite (format {format}; this one reads up to {known}): upgrade this function; nothing was overwritten"
    )]
    Newer {
        /// The record's key.
        key: String,
        /// The format that the record is in.
        format: u64,
        /// The newest format that this version reads.
        known: u32,
    },
    /// The record cannot be read.
    #[error("the record {key} cannot be read: {reason}")]
    Corrupt {
        /// The record's key.
        key: String,
        /// Why it cannot be read.
        reason: String,
    },
}

impl LedgerError {
    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, LedgerError::Unavailable(_))
    }
}
