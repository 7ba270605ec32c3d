//! Copies that were seen for the first time: how long they took, for the report and for the metrics.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::context::metrics::Metric;
use crate::ledger::{Record, State};
use crate::model::command::{Cloud, Replication};
use crate::model::evidence::How;
use crate::model::json;
use crate::model::order;
use crate::model::time::seconds;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many arrivals of one rule are kept for the report.
const ARRIVALS_KEPT: usize = 200;

/// An arrival, with the cloud and the rule that it counts for.
pub(super) struct Arrived {
    cloud: Cloud,
    rule: Option<String>,
    arrival: Arrival,
}

impl Arrived {
    /// The arrival that the change from `before` to `after` shows, if it shows one. An adopted copy is none, for nobody knows when it
    /// began; nor is an inferred one, for nobody knows when it came.
    pub(super) fn of(replication: &Replication, before: State, after: &Record) -> Option<Arrived> {
        let receipt = after.receipts.last().filter(|receipt| !receipt.adopted)?;
        let seen = after.evidence.as_ref().filter(|seen| seen.how == How::Observed)?;
        let is_new = before != State::Replicated && after.state == State::Replicated;
        let seconds = seconds(receipt.time, seen.time).unwrap_or(0);
        is_new.then(|| Arrived {
            cloud: replication.operation.cloud(),
            rule: replication.rule.clone(),
            arrival: Arrival { at: seen.time, seconds },
        })
    }
}

/// The arrivals that one run has seen, by rule; no more than the report keeps.
#[derive(Default)]
pub(super) struct Arrivals(BTreeMap<String, Vec<Arrival>>);

impl Arrivals {
    /// Adds arrivals to the metrics, and collects them for the report.
    pub(super) fn add(&mut self, ctx: &Context, arrived: Vec<Arrived>) {
        let mut seconds: BTreeMap<(Cloud, Option<String>), Vec<u64>> = BTreeMap::new();
        for Arrived { cloud, rule, arrival } in arrived {
            if let Some(rule) = &rule {
                newest(self.0.entry(rule.clone()).or_default(), &[arrival]);
            }
            seconds.entry((cloud, rule)).or_default().push(arrival.seconds);
        }
        let now = ctx.now();
        for ((cloud, rule), seconds) in seconds {
            ctx.memory.metrics.put(now, cloud, rule.as_deref(), &[(Metric::ReplicationSeconds, seconds)]);
        }
    }

    /// Stores the arrivals with those of earlier runs. The report only draws them, so a failure is no more than a warning.
    pub(super) async fn write(self, ctx: &Context) {
        for (rule, arrivals) in self.0 {
            if let Err(reason) = append(ctx, &rule, &arrivals).await {
                tracing::warn!(rule, reason, "how long copies took is not in the report");
            }
        }
    }
}

async fn append(ctx: &Context, rule: &str, arrivals: &[Arrival]) -> Result<(), String> {
    let name = arrivals_name(rule);
    for _ in 0..2 {
        let note = ctx.ports.notes.note(&name).await.map_err(|error| error.to_string())?;
        let version = note.as_ref().map_or(0, |note| note.version);
        let mut all: Vec<Arrival> = note.and_then(|note| json::typed(&note.text).ok()).unwrap_or_default();
        newest(&mut all, arrivals);
        let text = serde_json::to_string(&all).map_err(|error| error.to_string())?;
        if ctx.ports.notes.put_note(&name, &text, version).await.map_err(|error| error.to_string())? {
            return Ok(());
        }
    }
    Err("others write at the same time".to_owned())
}

/// Adds `more` to `all` and keeps the newest `ARRIVALS_KEPT`, oldest first.
fn newest(all: &mut Vec<Arrival>, more: &[Arrival]) {
    all.extend_from_slice(more);
    order::by_key(all, |arrival| arrival.at);
    all.drain(..all.len().saturating_sub(ARRIVALS_KEPT));
}

/// One copy that was seen to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When the copy was first seen usable in the destination.
    pub at: Timestamp,
    /// Seconds from the provider's acceptance to `at`.
    pub seconds: u64,
}

/// The name of the note that holds a rule's latest arrivals.
pub(crate) fn arrivals_name(rule: &str) -> String {
    format!("arrivals/{rule}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_newest_are_kept_oldest_first() {
        let at = |second| Arrival { at: Timestamp::from_second(second).unwrap(), seconds: 1 };
        let mut all: Vec<Arrival> = (0..199).map(at).collect();
        newest(&mut all, &[at(1_000), at(500), at(2_000)]);
        assert_eq!(all.len(), ARRIVALS_KEPT);
        assert_eq!((all[0], all[198], all[199]), (at(2), at(1_000), at(2_000)));
        newest(&mut all, &[at(1_500)]);
        assert_eq!((all[0], all[198], all[199]), (at(3), at(1_500), at(2_000)));
    }
}
