//! Metrics: what calls, looks and sweeps tell CloudWatch, as documents of its embedded metric format.
//!
//! A document is one line of JSON in the log, which CloudWatch turns into metrics by itself: no request, no library, no queue.
//! What is counted here is kept in the process until the invocation ends. **Invariant:** a metric never costs a read of the
//! ledger, and its dimensions are provider and rule, nothing of which there can be many.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format", 2026: at most 100 metrics and 30 dimensions in a
//! set, at most 100 values of one metric, time in milliseconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::command::Cloud;
use crate::ports::Meter;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Offsite";

/// Values of one metric in one document.
const VALUES: usize = 100;

/// What is measured; `docs/metrics.md` says when, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Covered backups × destinations that should have a usable copy and have none.
    Unreplicated,
    /// Age of the oldest of them.
    OldestUnreplicatedSeconds,
    /// Age of what the last complete sweep says.
    SweepAgeSeconds,
    /// From acceptance to the first sight of the usable copy.
    ReplicationSeconds,
    /// Replications in doubt: of a call those that it left so, of a sweep all of its rule.
    InDoubt,
    /// Copies that a provider accepted, without those that were found to exist.
    Started,
    /// Exchanges that were put off because of a rate limit.
    Throttled,
    /// Room left in the destination.
    QuotaHeadroom,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Metric; 8] = [
        Metric::Unreplicated,
        Metric::OldestUnreplicatedSeconds,
        Metric::SweepAgeSeconds,
        Metric::ReplicationSeconds,
        Metric::InDoubt,
        Metric::Started,
        Metric::Throttled,
        Metric::QuotaHeadroom,
    ];

    /// The name in CloudWatch.
    pub fn name(self) -> &'static str {
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

    /// The unit, as CloudWatch spells it.
    pub fn unit(self) -> &'static str {
        match self {
            Metric::OldestUnreplicatedSeconds | Metric::SweepAgeSeconds | Metric::ReplicationSeconds => "Seconds",
            Metric::QuotaHeadroom => "Gigabytes",
            Metric::Unreplicated | Metric::InDoubt | Metric::Started | Metric::Throttled => "Count",
        }
    }
}

/// The documents of these measurements; more than one only where a metric has more values than a document takes.
pub fn documents(at: Timestamp, cloud: Cloud, rule: Option<&str>, measured: &[(Metric, Vec<u64>)]) -> Vec<Value> {
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

/// What became of the replications of one invocation, of one provider and rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Replications that were worked on.
    pub worked_on: u64,
    /// Copies accepted anew.
    pub started: u64,
    /// Replications left in doubt.
    pub in_doubt: u64,
    /// Exchanges put off because of a rate limit.
    pub throttled: u64,
}

/// Whose a measurement is.
type Whose = (Cloud, Option<String>);

/// What this process measures, and where it goes. By default nowhere.
#[derive(Default)]
pub struct Metrics {
    meter: Option<Arc<dyn Meter>>,
    /// Shared by concurrent invocations: each count leaves with the one that ends first, once.
    tallies: Mutex<BTreeMap<Whose, Tally>>,
}

impl Metrics {
    /// To this meter.
    pub fn to(meter: Arc<dyn Meter>) -> Metrics {
        Metrics { meter: Some(meter), tallies: Mutex::default() }
    }

    /// Whether anybody listens.
    pub fn is_on(&self) -> bool {
        self.meter.is_some()
    }

    /// Sends measurements.
    pub fn put(&self, at: Timestamp, cloud: Cloud, rule: Option<&str>, measured: &[(Metric, Vec<u64>)]) {
        let Some(meter) = &self.meter else { return };
        for document in documents(at, cloud, rule, measured) {
            meter.put(&document);
        }
    }

    /// Counts an exchange that was put off because of a rate limit.
    pub fn count_throttled(&self, cloud: Cloud, rule: Option<&str>) {
        self.count(cloud, rule, Tally { throttled: 1, ..Tally::default() });
    }

    /// Adds to what was counted of a provider and rule.
    pub fn count(&self, cloud: Cloud, rule: Option<&str>, more: Tally) {
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

    /// Takes what was counted of one rule, for a document of its own.
    pub fn take(&self, cloud: Cloud, rule: &str) -> Tally {
        self.held().remove(&(cloud, Some(rule.to_owned()))).unwrap_or_default()
    }

    /// Sends all that was counted and not taken.
    pub fn flush(&self, at: Timestamp) {
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

    fn held(&self) -> MutexGuard<'_, BTreeMap<Whose, Tally>> {
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
        // What has one value is told once.
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
        // Nothing was worked on, so nothing is said of it.
        assert!(lines[0].get("Started").is_none() && lines[0].get("InDoubt").is_none());
    }
}
