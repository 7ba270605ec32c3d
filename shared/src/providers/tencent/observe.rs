//! Observation: what the destination says about a copy.

use std::collections::HashMap;

use jiff::Timestamp;

use super::calls::{PAGE, call};
use super::errors::read;
use super::model::{DescribeSnapshots, Described, Snapshot, time};
use super::subject;
use crate::model::command::Replication;
use crate::model::evidence::{Evidence, How, Observation};
use crate::model::http::Reply;
use crate::model::receipt::Receipt;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::{Call, Effect};
use crate::providers::provider::Accepted;

/// Asks the destination for the copy by its ID.
pub(super) fn observe<'a>(
    replication: &'a Replication,
    receipt: &'a Receipt,
) -> impl FnMut(Option<&Reply>) -> Asked<Observation> + Send + 'a {
    move |reply| {
        let Some(id) = receipt.replication_id.as_deref() else {
            return Ok(Observation::Awaited("the copy's ID is not known".into()));
        };
        let region = &replication.destination.region;
        let Some(reply) = reply else {
            let body = DescribeSnapshots { snapshot_ids: Some(&[id]), limit: 1, ..Default::default() };
            return ask(call(Effect::Read, "DescribeSnapshots", region, &body));
        };
        Ok(match subject::only(id, region, reply)? {
            Some(copy) => judge_copy(id, region, &copy),
            None => Observation::Gone(format!("the snapshot {id} is not in {region}")),
        })
    }
}

pub(super) fn observe_many(copies: &[Accepted<'_>]) -> Option<Call> {
    let region = &copies.first()?.replication.destination.region;
    let ids: Vec<&str> = copies.iter().filter_map(|copy| copy.receipt.replication_id.as_deref()).collect();
    let body = DescribeSnapshots { snapshot_ids: Some(&ids), limit: PAGE, ..Default::default() };
    (!ids.is_empty()).then(|| call(Effect::Read, "DescribeSnapshots", region, &body))
}

pub(super) fn observed_many(copies: &[Accepted<'_>], reply: &Reply) -> Vec<Option<Observation>> {
    let answer = read::<Described>(reply).map(|answer| answer.body.snapshots.unwrap_or_default());
    let shown: HashMap<String, Snapshot> = answer
        .unwrap_or_default()
        .into_iter()
        .filter_map(|snapshot| Some((snapshot.snapshot_id.clone()?, snapshot)))
        .collect();
    let judge = |copy: &Accepted<'_>| {
        let (id, region) = (copy.receipt.replication_id.as_deref()?, &copy.replication.destination.region);
        // One of another region is asked for alone, which names what is wrong.
        let shown = shown.get(id).filter(|shown| subject::in_region(region, shown, reply).is_ok())?;
        Some(judge_copy(id, region, shown))
    };
    copies.iter().map(judge).collect()
}

/// What the copy's state says. CBS has no failed state.
pub(crate) fn judge_copy(id: &str, region: &str, copy: &Snapshot) -> Observation {
    match copy.state.as_deref() {
        Some("NORMAL") if copy.disk_size == Some(0) => {
            Observation::Running(format!("the snapshot {id} is in {region}, and of 0 GiB"))
        }
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
