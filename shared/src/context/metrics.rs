//! Metrics: what calls, observations and sweeps report to CloudWatch, as documents of its embedded metric format.
//!
//! A document is one line of JSON in the log. CloudWatch turns it into metrics by itself: no request, no library, no queue. The process
//! keeps its counts until the invocation ends. **Invariant:** a metric never costs a read of the ledger, and its dimensions are provider
//! and rule, of neither of which there can be many.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format", 2026: at most 100 metrics and 30 dimensions in a
//! set, at most 100 values of one metric, time in milliseconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::command::Cloud;
use crate::ports::Meter;

/// The CloudWatch namespace of all metrics.
pub(crate) const NAMESPACE: &str = "Offsite";

/// How many values of one metric a document may hold.
const VALUES: usize = 100;

/// What is measured. `docs/metrics.md` says when, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Covered backups × destinations that should have a usable copy and have none.
    Unreplicated,
    /// Age of the oldest of the unreplicated, in seconds.
    OldestUnreplicatedSeconds,
    /// Age of what the last complete sweep reported, in seconds.
    SweepAgeSeconds,
    /// Time from acceptance to the first sight of the usable copy, in seconds.
    ReplicationSeconds,
    /// Replications in doubt. A call counts those that it left in doubt, a sweep counts all of its rule.
    InDoubt,
    /// Copies that a provider newly accepted. Copies that were found to exist do not count.
    Started,
    /// Exchanges that were put off because of a rate limit.
    Throttled,
    /// How much more the destination takes, in gigabytes.
    QuotaHeadroom,
}

impl Metric {
    /// The metric's name in CloudWatch.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Unreplicated => "Unreplicated",
            Metric::OldestUnreplicatedSeconds => "OldestUnreplicatedSeconds",
            Metric::SweepAgeSeconds => "SweepAgeSeconds",
            Metric::ReplicationSeconds => "ReplicationSeconds",
            Metric::InDoubt => "InDoubt",
            Metric::Started => "Started",
            Metric::Throttled => "Throttled",
            Metric::QuotaHeadroom => "QuotaHeadroom",
        }
    }

    /// The metric's unit, as CloudWatch spells it.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::OldestUnreplicatedSeconds | Metric::SweepAgeSeconds | Metric::ReplicationSeconds => "Seconds",
            Metric::QuotaHeadroom => "Gigabytes",
            Metric::Unreplicated | Metric::InDoubt | Metric::Started | Metric::Throttled => "Count",
        }
    }
}

/// The documents for these measurements. There are several only if a metric has more values than one document takes.
pub(crate) fn documents(
    at: Timestamp,
    cloud: Cloud,
    rule: Option<&str>,
    measured: &[(Metric, Vec<u64>)],
) -> Vec<Value> {
    let dimensions = match rule {
        Some(_) => json!([["provider"], ["provider", "rule"]]),
        None => json!([["provider"]]),
    };
    let longest = measured.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let mut documents = Vec::new();
    for from in (0..longest).step_by(VALUES) {
        let mut document = Map::new();
        let mut metrics = Vec::new();
        for (metric, values) in measured {
            let part: Vec<u64> = values.iter().skip(from).take(VALUES).copied().collect();
            let told = match part.as_slice() {
                [] => continue,
                [one] => json!(one),
                many => json!(many),
            };
            metrics.push(json!({ "Name": metric.name(), "Unit": metric.unit() }));
            document.insert(metric.name().to_owned(), told);
        }
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics });
        let about = json!({ "Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive] });
        document.insert("_aws".to_owned(), about);
        document.insert("provider".to_owned(), json!(cloud.name()));
        if let Some(rule) = rule {
            document.insert("rule".to_owned(), json!(rule));
        }
        documents.push(Value::Object(document));
    }
    documents
}

/// Counts of what became of the replications of one invocation, for one provider and rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Replications that were worked on.
    pub worked_on: u64,
    /// Copies that a provider newly accepted.
    pub started: u64,
    /// Replications left in doubt.
    pub in_doubt: u64,
    /// Exchanges put off because of a rate limit.
    pub throttled: u64,
}

/// The provider and rule that a measurement is about.
type MetricScope = (Cloud, Option<String>);

/// What this process measures, and the meter that it goes to. By default there is none.
#[derive(Default)]
pub struct Metrics {
    meter: Option<Arc<dyn Meter>>,
    /// Shared by concurrent invocations: the one that ends first sends each count, once.
    tallies: Mutex<BTreeMap<MetricScope, Tally>>,
}

impl Metrics {
    /// Metrics that go to this meter.
    pub fn to(meter: Arc<dyn Meter>) -> Metrics {
        Metrics { meter: Some(meter), tallies: Mutex::default() }
    }

    /// Whether there is a meter that receives the metrics.
    pub(crate) fn is_on(&self) -> bool {
        self.meter.is_some()
    }

    /// Sends measurements to the meter.
    pub(crate) fn put(&self, at: Timestamp, cloud: Cloud, rule: Option<&str>, measured: &[(Metric, Vec<u64>)]) {
        let Some(meter) = &self.meter else { return };
        for document in documents(at, cloud, rule, measured) {
            meter.put(&document);
        }
    }

    /// Counts an exchange that was put off because of a rate limit.
    pub(crate) fn count_throttled(&self, cloud: Cloud, rule: Option<&str>) {
        self.count(cloud, rule, Tally { throttled: 1, ..Tally::default() });
    }

    /// Adds `more` to the counts of a provider and rule.
    pub(crate) fn count(&self, cloud: Cloud, rule: Option<&str>, more: Tally) {
        if self.meter.is_none() {
            return;
        }
        let mut held = self.held();
        let tally = held.entry((cloud, rule.map(str::to_owned))).or_default();
        tally.worked_on += more.worked_on;
        tally.started += more.started;
        tally.in_doubt += more.in_doubt;
        tally.throttled += more.throttled;
    }

    /// Takes out the counts of one rule, for a document of their own.
    pub(crate) fn take(&self, cloud: Cloud, rule: &str) -> Tally {
        self.held().remove(&(cloud, Some(rule.to_owned()))).unwrap_or_default()
    }

    /// Sends all counts that were not taken out.
    pub(crate) fn flush(&self, at: Timestamp) {
        if self.meter.is_none() {
            return;
        }
        let tallies = std::mem::take(&mut *self.held());
        for ((cloud, rule), tally) in tallies {
            let mut measured = vec![(Metric::Throttled, vec![tally.throttled])];
            if tally.worked_on > 0 {
                measured.push((Metric::Started, vec![tally.started]));
                measured.push((Metric::InDoubt, vec![tally.in_doubt]));
            }
            self.put(at, cloud, rule.as_deref(), &measured);
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<MetricScope, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::constant(1_795_000_000, 123_000_000);

    #[test]
    fn a_document_is_what_the_format_asks_for() {
        let measured = [(Metric::Unreplicated, vec![3]), (Metric::OldestUnreplicatedSeconds, vec![0])];
        let documents = documents(AT, Cloud::Tencent, Some("web-disks"), &measured);
        assert_eq!(
            documents,
            [json!({
                "_aws": {
                    "Timestamp": 1_795_000_000_123_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Offsite",
                        "Dimensions": [["provider"], ["provider", "rule"]],
                        "Metrics": [
                            { "Name": "Unreplicated", "Unit": "Count" },
                            { "Name": "OldestUnreplicatedSeconds", "Unit": "Seconds" },
                        ],
                    }],
                },
                "provider": "tencent", "rule": "web-disks", "Unreplicated": 3, "OldestUnreplicatedSeconds": 0,
            })]
        );
    }

    #[test]
    fn without_a_rule_there_is_no_dimension_for_it() {
        let documents = documents(AT, Cloud::Huawei, None, &[(Metric::Started, vec![1])]);
        assert_eq!(documents[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["provider"]]));
        assert!(documents[0].get("rule").is_none());
    }

    #[test]
    fn more_values_than_a_document_takes_go_into_further_ones() {
        let many: Vec<u64> = (0..250).collect();
        let documents = documents(
            AT,
            Cloud::Tencent,
            None,
            &[(Metric::ReplicationSeconds, many.clone()), (Metric::Throttled, vec![7])],
        );
        let parts: Vec<Vec<u64>> =
            documents.iter().map(|one| serde_json::from_value(one["ReplicationSeconds"].clone()).unwrap()).collect();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(parts.concat(), many);
        // A metric with a single value is written once.
        assert_eq!(documents.iter().filter(|one| one.get("Throttled").is_some()).count(), 1);
        assert!(super::documents(AT, Cloud::Tencent, None, &[(Metric::ReplicationSeconds, vec![])]).is_empty());
    }

    #[test]
    fn a_process_nobody_listens_to_keeps_nothing() {
        let metrics = Metrics::default();
        metrics.count_throttled(Cloud::Tencent, None);
        assert!(!metrics.is_on() && metrics.held().is_empty());
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<Value>>);

    impl Meter for Kept {
        fn put(&self, line: &Value) {
            self.0.lock().unwrap().push(line.clone());
        }
    }

    #[test]
    fn each_count_leaves_once() {
        let kept = Arc::new(Kept::default());
        let metrics = Metrics::to(kept.clone());
        metrics.count_throttled(Cloud::Tencent, Some("a"));
        metrics.count_throttled(Cloud::Tencent, Some("b"));
        metrics.count_throttled(Cloud::Tencent, Some("b"));
        assert_eq!(metrics.take(Cloud::Tencent, "a"), Tally { throttled: 1, ..Tally::default() });
        metrics.flush(AT);
        metrics.flush(AT);
        let lines = kept.0.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((&lines[0]["rule"], &lines[0]["Throttled"]), (&json!("b"), &json!(2)));
        // No replication was worked on, so nothing is reported about any.
        assert!(lines[0].get("Started").is_none() && lines[0].get("InDoubt").is_none());
    }
}
