//! What a sweep measures. Figures about the whole rule come of a complete sweep only: a part of it would look better than it is.

use std::time::Duration;

use jiff::Timestamp;

use super::findings::unreplicated;
use super::state::Sweep;
use super::summary::Summary;
use crate::context::Context;
use crate::context::metrics::Metric;
use crate::exchange;
use crate::model::http::Reply;
use crate::model::time::{later, seconds};
use crate::policy::Rule;
use crate::providers::asked::over;

/// How long it may take to ask all destinations for the room that is left.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Sweep<'_> {
    /// Measures a sweep that came to its end.
    pub(super) async fn measure(&self, summary: &Summary) {
        if !self.ctx.memory.metrics.is_on() {
            return;
        }
        let rooms = self.headroom().await;
        let now = self.ctx.now();
        let mut measured = vec![
            (Metric::Unreplicated, vec![unreplicated(&summary.counts)]),
            (
                Metric::OldestUnreplicatedSeconds,
                vec![self.course.oldest.and_then(|oldest| seconds(oldest, now)).unwrap_or(0)],
            ),
            (Metric::SweepAgeSeconds, vec![seconds(summary.complete_as_of, now).unwrap_or(0)]),
            (Metric::InDoubt, vec![summary.counts.in_doubt]),
            (Metric::Missed, vec![summary.counts.missed]),
            (Metric::Lost, vec![summary.counts.lost]),
            (Metric::Failed, vec![summary.counts.failed]),
            (Metric::Refused, vec![summary.counts.refused]),
        ];
        measured.extend(rooms.into_iter().min().map(|least| (Metric::QuotaHeadroom, vec![least])));
        put(self.ctx, self.rule, now, measured, false);
    }

    /// How many more gigabytes each destination takes. A destination that does not tell is left out.
    async fn headroom(&self) -> Vec<u64> {
        let stop = later(self.ctx.now(), TIMEOUT).min(self.invocation.stop());
        let mut rooms = Vec::new();
        for destination in &self.rule.destinations {
            let says = |replies: &[Reply]| self.provider.headroom(self.rule.operation, destination, replies);
            match exchange::converse(self.ctx, self.target(), stop, over(says)).await {
                Ok(room) => rooms.extend(room),
                Err(failure) => {
                    tracing::info!(rule = self.rule.name, %failure, "the room in the destination is not told");
                }
            }
        }
        rooms
    }
}

/// Measures the age of what is known, after a sweep that goes on later. `since`: the last complete sweep, or when this one began.
pub(super) fn measure_unfinished(ctx: &Context, rule: &Rule, since: Option<Timestamp>) {
    if !ctx.memory.metrics.is_on() {
        return;
    }
    let now = ctx.now();
    let age = since.map(|since| (Metric::SweepAgeSeconds, vec![seconds(since, now).unwrap_or(0)]));
    put(ctx, rule, now, age.into_iter().collect(), true);
}

/// Adds what became of this invocation's replications. `with_doubts` is false after a complete sweep, which has counted the doubts.
fn put(ctx: &Context, rule: &Rule, now: Timestamp, mut measured: Vec<(Metric, Vec<u64>)>, with_doubts: bool) {
    let cloud = rule.operation.cloud();
    let tally = ctx.memory.metrics.take(cloud, &rule.name);
    measured.push((Metric::Started, vec![tally.started]));
    measured.push((Metric::Throttled, vec![tally.throttled]));
    if with_doubts && tally.worked_on > 0 {
        measured.push((Metric::InDoubt, vec![tally.in_doubt]));
    }
    ctx.memory.metrics.put(now, cloud, Some(&rule.name), &measured);
}
