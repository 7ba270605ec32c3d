//! Metrics: what calls, observations and sweeps report to CloudWatch, as documents of its embedded metric format.
//!
//! A document is one line of JSON in the log. CloudWatch turns it into metrics by itself: no request, no library, no queue. The process
//! keeps its counts until the invocation ends. **Invariant:** a metric never costs a read of the ledger, and its dimensions are the stack,
//! provider and rule, of none of which there can be many.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format", 2026: at most 100 metrics and 30 dimensions in a
//! set, at most 100 values of one metric, time in milliseconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::command::Cloud;
use crate::model::name::ascii;
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
    /// Age of the last complete look at what is new, in seconds.
    TailAgeSeconds,
    /// Backups that looks wait for: unfinished, or too young to be started.
    TailPending,
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
    /// Backups × destinations whose source is gone and that were never copied.
    Missed,
    /// Copies that were seen once and are gone before their time.
    Lost,
    /// Copies that failed.
    Failed,
    /// Backups × destinations whose copy the provider refuses to make.
    Refused,
    /// Resources × destinations that are unprotected or stale, those that a person has accepted left out.
    Unprotected,
    /// 1 if the whole installation holds; 0 if it does not, or if nobody knows.
    Holds,
}

impl Metric {
    /// The metric's name in CloudWatch.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Unreplicated => "Unreplicated",
            Metric::OldestUnreplicatedSeconds => "OldestUnreplicatedSeconds",
            Metric::SweepAgeSeconds => "SweepAgeSeconds",
            Metric::TailAgeSeconds => "TailAgeSeconds",
            Metric::TailPending => "TailPending",
            Metric::ReplicationSeconds => "ReplicationSeconds",
            Metric::InDoubt => "InDoubt",
            Metric::Started => "Started",
            Metric::Throttled => "Throttled",
            Metric::QuotaHeadroom => "QuotaHeadroom",
            Metric::Missed => "Missed",
            Metric::Lost => "Lost",
            Metric::Failed => "Failed",
            Metric::Refused => "Refused",
            Metric::Unprotected => "Unprotected",
            Metric::Holds => "Holds",
        }
    }

    /// The metric's unit, as CloudWatch spells it.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::OldestUnreplicatedSeconds
            | Metric::SweepAgeSeconds
            | Metric::TailAgeSeconds
            | Metric::ReplicationSeconds => "Seconds",
            Metric::QuotaHeadroom => "Gigabytes",
            Metric::Holds => "None",
            Metric::Unreplicated
            | Metric::TailPending
            | Metric::InDoubt
            | Metric::Started
            | Metric::Throttled
            | Metric::Missed
            | Metric::Lost
            | Metric::Failed
            | Metric::Refused
            | Metric::Unprotected => "Count",
        }
    }
}

/// What measurements are about, from the whole to the part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    /// The stack's name, so that two installations in one account do not hide each other.
    pub stack: Option<&'a str>,
    /// The cloud; absent where it is about the whole installation.
    pub cloud: Option<Cloud>,
    /// The rule, where it is about one.
    pub rule: Option<&'a str>,
}

impl Subject<'_> {
    /// The dimensions, each with its value, which CloudWatch takes in ASCII only.
    fn dimensions(self) -> Vec<(&'static str, String)> {
        let (stack, cloud) = (self.stack.map(str::to_owned), self.cloud.map(|cloud| cloud.name().to_owned()));
        let known = [("stack", stack), ("provider", cloud), ("rule", self.rule.map(ascii))];
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The documents for these measurements. There are several only if a metric has more values than one document takes.
pub(crate) fn documents(at: Timestamp, subject: Subject<'_>, measured: &[(Metric, Vec<u64>)]) -> Vec<Value> {
    let known = subject.dimensions();
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    // What is told of a rule is told of its cloud as well.
    let dimensions = match subject.rule {
        Some(_) => json!([names.split_last().map(|(_, of_cloud)| of_cloud), names]),
        None => json!([names]),
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
        document.extend(known.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
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
    stack: Option<String>,
    /// Shared by concurrent invocations: the one that ends first sends each count, once.
    tallies: Mutex<BTreeMap<MetricScope, Tally>>,
}

impl Metrics {
    /// Metrics that go to this meter.
    pub fn to(meter: Arc<dyn Meter>) -> Metrics {
        Metrics { meter: Some(meter), ..Metrics::default() }
    }

    /// The same as those of a stack.
    pub fn of_stack(self, stack: Option<&str>) -> Metrics {
        Metrics { stack: stack.map(str::to_owned), ..self }
    }

    /// Whether there is a meter that receives the metrics.
    pub(crate) fn is_on(&self) -> bool {
        self.meter.is_some()
    }

    /// Sends measurements of a cloud, and of a rule of it if one is given, to the meter.
    pub(crate) fn put(&self, at: Timestamp, cloud: Cloud, rule: Option<&str>, measured: &[(Metric, Vec<u64>)]) {
        self.send(at, Subject { stack: self.stack.as_deref(), cloud: Some(cloud), rule }, measured);
    }

    /// Sends measurements of the whole installation to the meter.
    pub(crate) fn put_whole(&self, at: Timestamp, measured: &[(Metric, Vec<u64>)]) {
        self.send(at, Subject { stack: self.stack.as_deref(), ..Subject::default() }, measured);
    }

    fn send(&self, at: Timestamp, subject: Subject<'_>, measured: &[(Metric, Vec<u64>)]) {
        let Some(meter) = &self.meter else { return };
        for document in documents(at, subject, measured) {
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

    fn of(cloud: Cloud) -> Subject<'static> {
        Subject { cloud: Some(cloud), ..Subject::default() }
    }

    #[test]
    fn a_document_is_what_the_format_asks_for() {
        let measured = [(Metric::Unreplicated, vec![3]), (Metric::OldestUnreplicatedSeconds, vec![0])];
        let documents = documents(AT, Subject { rule: Some("web-disks"), ..of(Cloud::Tencent) }, &measured);
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

    /// Source: Amazon CloudWatch API reference, Dimension, 2026: a value has ASCII characters only.
    #[test]
    fn a_rule_in_another_script_is_a_dimension_in_ascii() {
        let of_rule =
            |rule| documents(AT, Subject { rule: Some(rule), ..of(Cloud::Tencent) }, &[(Metric::Started, vec![1])]);
        let document = &of_rule("每晚磁盘")[0];
        assert_eq!(document["rule"], "%E6%AF%8F%E6%99%9A%E7%A3%81%E7%9B%98");
        assert_eq!(of_rule("nightly")[0]["rule"], "nightly");
    }

    #[test]
    fn without_a_rule_there_is_no_dimension_for_it() {
        let documents = documents(AT, of(Cloud::Huawei), &[(Metric::Started, vec![1])]);
        assert_eq!(documents[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["provider"]]));
        assert!(documents[0].get("rule").is_none());
    }

    #[test]
    fn a_stack_is_the_first_dimension_of_everything_that_it_tells() {
        let sets = |subject: Subject<'_>| {
            let document = documents(AT, subject, &[(Metric::Holds, vec![0])]).remove(0);
            (document["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone(), document)
        };
        let whole = Subject { stack: Some("offsite-eu"), ..Subject::default() };
        let (of_whole, document) = sets(whole);
        assert_eq!(
            (of_whole, &document["stack"], &document["Holds"]),
            (json!([["stack"]]), &json!("offsite-eu"), &json!(0))
        );
        assert!(document.get("provider").is_none());
        let of_cloud = Subject { cloud: Some(Cloud::Tencent), ..whole };
        assert_eq!(sets(of_cloud).0, json!([["stack", "provider"]]));
        let of_rule = Subject { rule: Some("web"), ..of_cloud };
        assert_eq!(sets(of_rule).0, json!([["stack", "provider"], ["stack", "provider", "rule"]]));
        // Without a stack's name the whole has no dimension at all.
        assert_eq!(sets(Subject::default()).0, json!([[]]));
    }

    #[test]
    fn more_values_than_a_document_takes_go_into_further_ones() {
        let many: Vec<u64> = (0..250).collect();
        let documents = documents(
            AT,
            of(Cloud::Tencent),
            &[(Metric::ReplicationSeconds, many.clone()), (Metric::Throttled, vec![7])],
        );
        let parts: Vec<Vec<u64>> =
            documents.iter().map(|one| serde_json::from_value(one["ReplicationSeconds"].clone()).unwrap()).collect();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(parts.concat(), many);
        // A metric with a single value is written once.
        assert_eq!(documents.iter().filter(|one| one.get("Throttled").is_some()).count(), 1);
        assert!(super::documents(AT, of(Cloud::Tencent), &[(Metric::ReplicationSeconds, vec![])]).is_empty());
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
