//! The reads before several first attempts, put together: sources by their IDs, copies by their names.

use serde_json::{Value, json};

use super::calls::{PAGE, by_ids, by_names};
use super::errors::read;
use super::model::{Described, Snapshot};
use super::names::copy_names;
use super::subject;
use crate::model::command::Replication;
use crate::model::http::Reply;
use crate::providers::call::Call;

/// The place of the read of the destination among the two before a first attempt. The other one is that of the source.
const DESTINATION: usize = 0;

/// So many values one filter is given. How many CBS takes is not published; another product of this API family takes five.
/// Source: CVM API 2017-03-12, DescribeInstances, Filters.
const MOST_VALUES: usize = 5;

/// The two reads of `readback`: the destination for copies by name, the source by its ID.
pub(super) fn reads_ahead(replication: &Replication) -> Vec<Call> {
    let destination = by_names(&replication.destination.region, &names_of(replication), 0);
    vec![destination, by_ids(&replication.source.region, &[&replication.source.id])]
}

/// How many replications one call asks for: as many as have their names in one filter, or their IDs on one page.
pub(super) fn at_once(nth: usize) -> usize {
    // A copy is found under two names.
    if nth == DESTINATION { MOST_VALUES / 2 } else { PAGE as usize }
}

pub(super) fn call_for(nth: usize, alike: &[&Replication]) -> Option<Call> {
    let first = alike.first()?;
    if nth == DESTINATION {
        let names: Vec<String> = alike.iter().flat_map(|one| names_of(one)).collect();
        return Some(by_names(&first.destination.region, &names, 0));
    }
    let ids: Vec<&str> = alike.iter().map(|one| one.source.id.as_str()).collect();
    Some(by_ids(&first.source.region, &ids))
}

/// What each would have been told: the snapshots of its own name or ID, in an answer of their own.
pub(super) fn apart(nth: usize, alike: &[&Replication], reply: &Reply) -> Option<Vec<Option<Reply>>> {
    let answer = read::<Described>(reply).ok()?.body;
    let Ok(raw) = serde_json::from_slice::<Value>(&reply.body) else { return None };
    let shown = answer.snapshots.unwrap_or_default();
    let raw = &raw["Response"];
    let raws = raw["SnapshotSet"].as_array().map(Vec::as_slice).unwrap_or_default();
    let region_of = |one: &Replication| match nth {
        DESTINATION => one.destination.region.clone(),
        _ => one.source.region.clone(),
    };
    let region = alike.first().map(|one| region_of(one))?;
    // Of an answer that is not complete, or not of this region, nothing is used: each asks alone, which names what is wrong.
    let is_complete = answer.total_count == Some(shown.len() as u64) && shown.len() == raws.len();
    if !is_complete || shown.iter().any(|snapshot| subject::in_region(&region, snapshot, reply).is_err()) {
        return Some(vec![None; alike.len()]);
    }
    let own = |one: &&Replication| {
        let names = names_of(one);
        let is_own = |snapshot: &Snapshot| match nth {
            DESTINATION => snapshot.snapshot_name.as_ref().is_some_and(|name| names.contains(name)),
            _ => snapshot.snapshot_id.as_ref() == Some(&one.source.id),
        };
        let own: Vec<&Value> =
            shown.iter().zip(raws).filter(|(snapshot, _)| is_own(snapshot)).map(|(_, raw)| raw).collect();
        // That a source is gone is told by its own read alone.
        if nth != DESTINATION && own.is_empty() {
            return None;
        }
        let body =
            json!({ "Response": { "TotalCount": own.len(), "SnapshotSet": own, "RequestId": raw["RequestId"] } });
        Some(Reply { body: body.to_string().into_bytes(), ..reply.clone() })
    };
    Some(alike.iter().map(own).collect())
}

fn names_of(replication: &Replication) -> Vec<String> {
    copy_names(&replication.source.id, &replication.source.region)
}
