//! What the destination says of a copy.

use jiff::Timestamp;

use super::model::{Snapshot, time};
use crate::model::evidence::{Evidence, How, Observation};

/// There is no failed state.
pub(crate) fn judge_copy(id: &str, region: &str, copy: &Snapshot) -> Observation {
    match copy.state.as_deref() {
        Some(state @ "NORMAL") => Observation::Seen(Evidence {
            destination_id: Some(id.to_owned()),
            state: state.to_owned(),
            time: Timestamp::UNIX_EPOCH,
            size_gib: copy.disk_size,
            expires_at: copy.deadline_time.as_deref().and_then(time),
            how: How::Observed,
        }),
        Some("TORECYCLE") => Observation::Gone(format!("the snapshot {id} is in the recycle bin of {region}")),
        state => Observation::Running(format!("{} ({} %)", state.unwrap_or("unknown"), copy.percent.unwrap_or(0))),
    }
}
