//! What a sweep has read just now, so that the start which follows need not read it again: there was no copy, and the source could be copied.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, State};
use crate::model::time::later;

/// So long after the older of its two readings a start may rely on it. It has a bound of its own: what rests on it is in
/// docs/assumptions.md.
const HOLDS_FOR: Duration = Duration::from_secs(600);

/// Evidence that a backup has no copy in a destination. It lies in the ledger or in the sweep's memory, never in a message: whoever can write
/// to a queue could have a second copy made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// When the complete listing of the destination that shows no copy was begun.
    pub listing_begun: Timestamp,
    /// When the source was asked that could be copied and told of no copy on its way.
    pub source_read: Timestamp,
    /// The sweep that read both.
    pub run: String,
    /// The version of the record that it was written with; 0 in memory. A later write of whatever kind makes it worthless.
    #[serde(default)]
    pub version: u64,
}

impl Absent {
    /// Whether a start may rely on it now. What was read by a clock that is ahead of ours says nothing.
    pub fn holds(&self, now: Timestamp) -> bool {
        let (older, newer) = (self.listing_begun.min(self.source_read), self.listing_begun.max(self.source_read));
        newer <= now && now <= later(older, HOLDS_FOR)
    }

    /// Whether the first attempt of this record, claimed now, may rely on evidence: nothing was ever begun, refused or doubted under it.
    pub fn may_count_for(record: &Record) -> bool {
        record.attempt == 1
            && matches!(record.state, State::Seen | State::Claimed)
            && record.receipts.is_empty()
            && record.copies.is_none()
            && record.about.copying.is_none()
            && record.doubt_since.is_none()
            && record.doubtful_calls == 0
            && record.refusals == 0
    }

    /// That of a record which was written with it and not since.
    pub(super) fn of(record: &Record) -> Option<Absent> {
        let found = record.absent.clone()?;
        (found.version == record.version && Absent::may_count_for(record)).then_some(found)
    }

    /// This evidence, to be written with a record.
    #[must_use]
    pub fn with(self, record: &Record) -> Absent {
        Absent { version: record.version, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_ten_minutes_from_the_older_reading_and_not_by_a_clock_that_is_ahead() {
        let at = |second: i64| Timestamp::from_second(1_000 + second).unwrap();
        let read = |listing, source| Absent {
            listing_begun: at(listing),
            source_read: at(source),
            run: "r".into(),
            version: 0,
        };
        assert!(read(0, 300).holds(at(600)) && read(300, 0).holds(at(600)));
        assert!(!read(0, 300).holds(at(601)) && !read(300, 0).holds(at(601)));
        assert!(!read(0, 10).holds(at(9)) && !read(10, 0).holds(at(9)));
    }
}
