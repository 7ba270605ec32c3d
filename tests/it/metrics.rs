//! Metrics: what the handler measures, against simulated clouds, each line checked against the embedded metric format.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::ledger::store::{LedgerError, Note, RecordFilter};
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::observe::arrivals::Arrival;
use offsite_shared::ports::{Boxed, Clock, Ledger, Meter, Notes};
use serde_json::{Value, json};

use crate::faults::ports::Process;
use crate::faults::world::{Clouds, Home, Store, Weakness, batch, command, http};
use crate::functions::{self, Bench, LONG, copy};
use crate::sweeping::Estate;

/// Keeps every line, and lets none pass that CloudWatch would not take.
#[derive(Default)]
struct Kept(Mutex<Vec<Value>>);

impl Meter for Kept {
    fn put(&self, line: &Value) {
        check(line).unwrap_or_else(|reason| panic!("{reason}: {line}"));
        self.0.lock().unwrap().push(line.clone());
    }
}

impl Kept {
    fn listen(context: &mut Context) -> Arc<Kept> {
        let kept = Arc::new(Kept::default());
        context.memory.metrics = Metrics::to(kept.clone());
        kept
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Units that CloudWatch knows. Source: CloudWatch API reference, MetricDatum, 2026.
const UNITS: [&str; 6] = ["Seconds", "Count", "Gigabytes", "Bytes", "Percent", "None"];

/// The embedded metric format, as its specification has it, and what we promise beyond it: dimensions of which there are few.
/// Source: Amazon CloudWatch user guide, "Specification: Embedded metric format", 2026.
fn check(line: &Value) -> Result<(), String> {
    let root = line.as_object().ok_or("the root is no object")?;
    if line.to_string().len() > 256 * 1024 || line.to_string().contains('\n') {
        return Err("it is not one line of a size that the log takes".into());
    }
    let about = root.get("_aws").and_then(Value::as_object).ok_or("no _aws")?;
    let at = about.get("Timestamp").and_then(Value::as_i64).ok_or("the time is no whole number")?;
    if !(1_600_000_000_000..10_000_000_000_000).contains(&at) {
        return Err("the time is not in milliseconds".into());
    }
    let directives = about.get("CloudWatchMetrics").and_then(Value::as_array).ok_or("no CloudWatchMetrics")?;
    if about.len() != 2 || directives.len() != 1 {
        return Err("more than is needed".into());
    }
    let mut used = BTreeSet::from(["_aws".to_owned()]);
    for directive in directives {
        let fields: BTreeSet<&str> = directive.as_object().ok_or("no directive")?.keys().map(String::as_str).collect();
        if fields != BTreeSet::from(["Namespace", "Dimensions", "Metrics"]) || directive["Namespace"] != "Offsite" {
            return Err("not the members of a directive".into());
        }
        let sets = directive["Dimensions"].as_array().filter(|sets| !sets.is_empty()).ok_or("no dimensions")?;
        for set in sets {
            let set = set.as_array().filter(|set| !set.is_empty() && set.len() <= 30).ok_or("a set's size")?;
            for name in set {
                let name = name.as_str().ok_or("a dimension's name")?;
                let value = root.get(name).and_then(Value::as_str).ok_or("a dimension without its value")?;
                if !(1..=1024).contains(&value.len()) || !value.is_ascii() || value.starts_with(':') {
                    return Err(format!("{name} cannot be a dimension's value"));
                }
                if !["stack", "provider", "rule"].contains(&name) {
                    return Err(format!("{name} is no dimension of ours"));
                }
                used.insert(name.to_owned());
            }
        }
        let metrics = directive["Metrics"].as_array().filter(|all| (1..=100).contains(&all.len()));
        let mut names = BTreeSet::new();
        for metric in metrics.ok_or("the number of metrics")? {
            let name =
                metric["Name"].as_str().filter(|name| names.insert(*name)).ok_or("a name twice or not at all")?;
            if metric.as_object().unwrap().len() != 2
                || !metric["Unit"].as_str().is_some_and(|unit| UNITS.contains(&unit))
            {
                return Err(format!("the definition of {name}"));
            }
            let numbers = match &root[name] {
                Value::Array(many) if (1..=100).contains(&many.len()) => many.iter().collect(),
                one @ Value::Number(_) => vec![one],
                _ => return Err(format!("the values of {name}")),
            };
            if !numbers.iter().all(|number| number.as_f64().is_some_and(|number| number >= 0.0 && number.is_finite())) {
                return Err(format!("a value of {name}"));
            }
            used.insert(name.to_owned());
        }
    }
    let all: BTreeSet<String> = root.keys().cloned().collect();
    if all != used {
        return Err(format!("members that are no metric: {:?}", all.difference(&used).collect::<Vec<_>>()));
    }
    Ok(())
}

fn named(lines: &[Value], metric: &str) -> Vec<(String, u64)> {
    let with = lines.iter().filter(|line| line.get(metric).is_some());
    with.map(|line| (line["rule"].as_str().unwrap_or("-").to_owned(), line[metric].as_u64().unwrap())).collect()
}

fn sum(lines: &[Value], metric: &str) -> u64 {
    named(lines, metric).iter().map(|(_, value)| value).sum()
}

#[test]
fn the_checker_refuses_what_cloudwatch_would() {
    let good = json!({
        "_aws": { "Timestamp": 1_795_000_000_000_i64, "CloudWatchMetrics": [{
            "Namespace": "Offsite", "Dimensions": [["provider"]], "Metrics": [{ "Name": "Started", "Unit": "Count" }],
        }] },
        "provider": "tencent", "Started": 1,
    });
    assert_eq!(check(&good), Ok(()));
    let spoil = |path: &str, value: Value| {
        let mut line = good.clone();
        *line.pointer_mut(path).unwrap() = value;
        assert!(check(&line).is_err(), "{path}: {line}");
    };
    spoil("/_aws/Timestamp", json!(1_795_000_000));
    spoil("/_aws/CloudWatchMetrics/0/Dimensions", json!([["provider", "rule"]]));
    spoil("/_aws/CloudWatchMetrics/0/Dimensions", json!(["provider"]));
    spoil("/_aws/CloudWatchMetrics/0/Metrics", json!([]));
    spoil("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Copies"));
    spoil("/Started", json!("1"));
    spoil("/Started", json!(vec![1; 101]));
    spoil("/provider", json!(""));
}

fn of_rule(operation: Operation, rule: Option<&str>, rng: &mut Rng) -> Value {
    let mut command = command(operation, rng);
    if let Some(rule) = rule {
        command["rule"] = json!(rule);
    }
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_says_what_it_started_by_rule_and_a_replay_starts_nothing() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let process = Process::new(None, &clouds.clock);
    let mut context = clouds.context(&store.ledger, &store.emitter, &process);
    let kept = Kept::listen(&mut context);
    let mut rng = Rng::with_seed(21);
    let rules = [Some("web"), Some("web"), Some("db"), None];
    let commands: Vec<Value> = rules.iter().map(|rule| of_rule(Operation::CopySnapshot, *rule, &mut rng)).collect();
    handle(&context, &batch(&commands), &clouds.invocation()).await.unwrap();
    let lines = kept.take();
    let wanted = [("-", 1), ("db", 1), ("web", 2)].map(|(rule, count)| (rule.to_owned(), count));
    assert_eq!(named(&lines, "Started"), wanted);
    assert_eq!((sum(&lines, "InDoubt"), sum(&lines, "Throttled")), (0, 0));

    handle(&context, &batch(&commands), &clouds.invocation()).await.unwrap();
    let lines = kept.take();
    assert_eq!((lines.len(), sum(&lines, "Started")), (3, 0), "{lines:?}");

    let mut dry = of_rule(Operation::CopySnapshot, None, &mut rng);
    dry["dry_run"] = json!(true);
    handle(&context, &dry, &clouds.invocation()).await.unwrap();
    assert_eq!(kept.take(), [] as [Value; 0], "a dry run starts nothing and measures nothing");

    // A vault-wide call starts as many copies as the provider tells of.
    handle(&context, &of_rule(Operation::CopyCheckpoint, None, &mut rng), &clouds.invocation()).await.unwrap();
    assert_eq!(sum(&kept.take(), "Started"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_and_doubt_are_told() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let process = Process::new(None, &clouds.clock);
    let mut context = clouds.context(&store.ledger, &store.emitter, &process);
    let kept = Kept::listen(&mut context);
    let mut rng = Rng::with_seed(22);
    let action = "CopySnapshotCrossRegions";
    for (kind, wanted) in [("throttle", [1, 2, 0]), ("timeout_before", [0, 0, 1])] {
        let fault = json!({ "faults": [{ "action": action, "kind": kind, "times": 2 }] });
        clouds.admin(Cloud::Tencent, "faults", &fault).await;
        let one = of_rule(Operation::CopySnapshot, Some("web"), &mut rng);
        handle(&context, &batch(&[one]), &clouds.invocation()).await.unwrap();
        let lines = kept.take();
        let found = ["Started", "Throttled", "InDoubt"].map(|metric| sum(&lines, metric));
        assert_eq!((lines.len(), found), (1, wanted), "{kind}: {lines:?}");
        clouds.admin(Cloud::Tencent, "faults", &json!({ "faults": [], "clear": true })).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_copies_took_is_measured_and_kept_for_the_report() {
    const COPY_S: u64 = 3_600;
    let clouds = Clouds::start(&http(), 23, &json!({ "copy_duration_s": COPY_S }), Weakness::default()).await;
    let store = Store::open(Home::Sqlite).await;
    let process = Process::new(None, &clouds.clock);
    let mut context = clouds.context(&store.ledger, &store.emitter, &process);
    let kept = Kept::listen(&mut context);
    let mut rng = Rng::with_seed(23);
    for (operation, rule) in [
        (Operation::CopySnapshot, Some("web")),
        (Operation::CopySnapshot, Some("web")),
        (Operation::CopySnapshot, None),
        (Operation::CopyBackup, Some("servers")),
        (Operation::CreateVaultReplication, Some("vaults")),
    ] {
        handle(&context, &of_rule(operation, rule, &mut rng), &clouds.invocation()).await.unwrap();
    }
    // One that somebody else made, and that is found: nobody knows when it began.
    let found = of_rule(Operation::CopySnapshot, Some("adopted"), &mut rng);
    let name = format!("Copied {} from ap-guangzhou", found["source"]["snapshot_id"].as_str().unwrap());
    let seed = json!({ "snapshots": [{
        "snapshot_id": "snap-elsewhere", "region": "ap-singapore", "name": name, "copy_from_remote": true,
    }] });
    clouds.admin(Cloud::Tencent, "seed", &seed).await;
    let answer = handle(&context, &found, &clouds.invocation()).await.unwrap();
    assert_eq!(answer["results"][0]["adopted"], json!(true), "{answer}");
    kept.take();

    clouds.clock.sleep(Duration::from_secs(COPY_S + 5)).await;
    let answer = handle(&context, &json!({ "action": "observe" }), &clouds.invocation()).await.unwrap();
    assert_eq!(answer["observed"]["replicated"], json!(6), "{answer}");
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in kept.take() {
        let values = match &line["ReplicationSeconds"] {
            Value::Array(many) => many.iter().map(|value| value.as_u64().unwrap()).collect(),
            one => vec![one.as_u64().unwrap()],
        };
        seen.insert(format!("{}/{}", line["provider"], line["rule"]).replace('"', ""), values);
    }
    let counts: Vec<(&str, usize)> = seen.iter().map(|(place, values)| (place.as_str(), values.len())).collect();
    assert_eq!(counts, [("huawei/servers", 1), ("tencent/null", 1), ("tencent/web", 2)]);
    assert!(seen.values().flatten().all(|seconds| (COPY_S..COPY_S + 120).contains(seconds)), "{seen:?}");

    let arrivals = |note: Option<Note>| -> Vec<Arrival> { serde_json::from_str(&note.unwrap().text).unwrap() };
    let web = arrivals(context.ports.notes.note("arrivals/web").await.unwrap());
    let mut kept_seconds: Vec<u64> = web.iter().map(|arrival| arrival.seconds).collect();
    let mut told = seen["tencent/web"].clone();
    kept_seconds.sort_unstable();
    told.sort_unstable();
    assert_eq!(kept_seconds, told);
    assert!(web.is_sorted_by_key(|arrival| arrival.at));
    for none in ["vaults", "adopted"] {
        assert_eq!(context.ports.notes.note(&format!("arrivals/{none}")).await.unwrap(), None, "{none}");
    }

    // A look for a workflow engine tells the same, and adds to the same list.
    let one = of_rule(Operation::CopySnapshot, Some("web"), &mut rng);
    handle(&context, &one, &clouds.invocation()).await.unwrap();
    clouds.clock.sleep(Duration::from_secs(COPY_S + 5)).await;
    kept.take();
    let mut wish = one.clone();
    wish["action"] = json!("observe");
    for (round, count) in [("first", 1), ("second", 0)] {
        let answer = handle(&context, &wish, &clouds.invocation()).await.unwrap();
        assert_eq!(answer["done"], json!(true), "{answer}");
        assert_eq!(named(&kept.take(), "ReplicationSeconds").len(), count, "{round}");
    }
    assert_eq!(arrivals(context.ports.notes.note("arrivals/web").await.unwrap()).len(), 3);
}

/// Other writers of the same list do not lose each other's arrivals, and a note that cannot be written harms nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrivals_that_cannot_be_kept_are_only_a_warning() {
    struct Stubborn;
    impl Notes for Stubborn {
        fn note<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
            Box::pin(async { Ok(None) })
        }
        fn put_note<'a>(&'a self, _name: &'a str, _text: &'a str, _was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
            Box::pin(async { Ok(false) })
        }
        fn drop_note<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
            Box::pin(async { Ok(()) })
        }
    }
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let process = Process::new(None, &clouds.clock);
    let mut context = clouds.context(&store.ledger, &store.emitter, &process);
    context.ports.notes = Arc::new(Stubborn);
    let one = of_rule(Operation::CopySnapshot, Some("web"), &mut Rng::with_seed(24));
    handle(&context, &one, &clouds.invocation()).await.unwrap();
    clouds.clock.sleep(Duration::from_secs(120)).await;
    let answer = handle(&context, &json!({ "action": "observe" }), &clouds.invocation()).await.unwrap();
    assert_eq!(answer["observed"]["replicated"], json!(1), "{answer}");
}

const LATE: [&str; 8] = ["missing", "in_progress", "failed", "refused", "in_doubt", "lost", "left", "missed"];

/// Verdicts that have a metric of their own.
const OWN_METRIC: [(&str, &str); 4] =
    [("Missed", "missed"), ("Lost", "lost"), ("Failed", "failed"), ("Refused", "refused")];

#[tokio::test]
async fn a_sweep_tells_of_each_rule_what_the_report_does() {
    let estate = Estate::start(31, 600).await;
    let mut seen = 0;
    for cloud in Cloud::ALL {
        let policy = estate.policy(cloud).await;
        let truth = estate.get(cloud, "truth").await;
        estate.remember(&truth, &policy).await;
        let mut context = estate.paused(&policy);
        let kept = Kept::listen(&mut context);
        estate.sweep(&context).await;
        let lines = kept.take();
        let report = estate.report(&policy).await;
        assert_eq!(lines.len(), report.rules.len(), "{cloud:?}: {lines:?}");
        for rule in &report.rules {
            let line = lines.iter().find(|line| line["rule"] == json!(rule.rule)).unwrap();
            let counts = serde_json::to_value(rule.counts).unwrap();
            let late: u64 = LATE.iter().map(|verdict| counts[verdict].as_u64().unwrap()).sum();
            assert_eq!(line["provider"], json!(cloud.name()));
            assert_eq!((&line["Unreplicated"], &line["InDoubt"]), (&json!(late), &counts["in_doubt"]), "{line}");
            for (metric, verdict) in OWN_METRIC {
                assert_eq!(line[metric], counts[verdict], "{metric}: {line}");
                seen += line[metric].as_u64().unwrap();
            }
            assert!(line.get("Unprotected").is_none() && line.get("Holds").is_none(), "the report's to tell: {line}");
            let oldest = line["OldestUnreplicatedSeconds"].as_u64().unwrap();
            assert!(oldest.abs_diff(rule.lag_seconds.unwrap()) <= 30, "{line}, {:?}", rule.lag_seconds);
            assert!(line["SweepAgeSeconds"].as_u64().unwrap() <= 30, "{line}");
            assert_eq!((&line["Started"], &line["Throttled"]), (&json!(0), &json!(0)), "{line}");
            let has_vault = policy.rule(&rule.rule).unwrap().destinations[0].vault_id.is_some();
            let room = (cloud == Cloud::Huawei && has_vault).then(|| json!(1_000));
            assert_eq!(line.get("QuotaHeadroom"), room.as_ref(), "{line}");
        }
    }
    assert_eq!(calls(&estate, Cloud::Huawei, "ShowVault"), 1, "the room is asked for once");
    assert!(seen > 0, "in no rule was anything missed, lost, failed or refused");
}

/// How often a cloud was asked for this.
fn calls(estate: &Estate, cloud: Cloud, action: &str) -> u64 {
    estate.simulators.state()["calls"][cloud.name()][action].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn room_that_is_not_told_is_left_out_and_nobody_listening_asks_nothing() {
    let estate = Estate::start(32, 40).await;
    let policy = estate.policy(Cloud::Huawei).await;
    estate.sweep(&estate.paused(&policy)).await;
    assert_eq!(calls(&estate, Cloud::Huawei, "ShowVault"), 0);
    let fault =
        json!({ "faults": [{ "action": "ShowVault", "kind": "code", "code": "APIGW.0302", "http_status": 403 }] });
    estate.post(Cloud::Huawei, "faults", &fault).await;
    let mut context = estate.paused(&policy);
    let kept = Kept::listen(&mut context);
    let answer = estate.sweep(&context).await;
    assert_eq!(answer["swept"][0]["complete"], json!(true));
    let lines = kept.take();
    assert!(lines.iter().all(|line| line.get("QuotaHeadroom").is_none() && line.get("Unreplicated").is_some()));
}

#[tokio::test]
async fn what_a_sweep_starts_is_counted_once() {
    let estate = Estate::start(33, 120).await;
    let policy = estate.policy(Cloud::Tencent).await;
    let mut context = estate.context(&policy);
    let kept = Kept::listen(&mut context);
    estate.sweep(&context).await;
    let lines = kept.take();
    let made = calls(&estate, Cloud::Tencent, "CopySnapshotCrossRegions");
    assert!(made > 0 && sum(&lines, "Started") > 0, "{lines:?}");
    let filter = RecordFilter::default();
    let records = estate.ledger().list(&filter, None, 10_000).await.unwrap().records;
    let started = records.iter().flat_map(|record| &record.receipts).filter(|receipt| !receipt.adopted).count();
    assert_eq!(sum(&lines, "Started"), started as u64);
    // The rest of the invocation has nothing more to tell.
    assert_eq!(lines.len(), policy.rules.len(), "{lines:?}");
}

/// A part of a rule would look better than the rule is, so an unfinished sweep tells its age alone.
#[tokio::test]
async fn an_unfinished_sweep_tells_how_old_what_is_known_has_become() {
    let estate = Estate::start(34, 300).await;
    let policy = estate.policy(Cloud::Tencent).await;
    let mut context = estate.paused(&policy);
    let kept = Kept::listen(&mut context);
    let sweep = json!({ "action": "sweep" });
    let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "html_503" }] });
    let deadline =
        |seconds| Invocation { id: "sweep".into(), deadline: estate.clock.now() + SignedDuration::from_secs(seconds) };
    estate.post(Cloud::Tencent, "faults", &fault).await;
    handle(&context, &sweep, &deadline(60)).await.unwrap();
    let lines = kept.take();
    assert_eq!(lines.len(), policy.rules.len(), "{lines:?}");
    for line in &lines {
        assert!(line.get("Unreplicated").is_none() && line.get("OldestUnreplicatedSeconds").is_none(), "{line}");
        assert!(line["SweepAgeSeconds"].as_u64().unwrap() <= 120, "since it began: {line}");
    }
    // Nobody knows anything yet, and it gets older.
    estate.clock.sleep(Duration::from_secs(4_000)).await;
    handle(&context, &sweep, &deadline(60)).await.unwrap();
    assert!(named(&kept.take(), "SweepAgeSeconds").iter().all(|(_, age)| *age >= 4_000));

    estate.post(Cloud::Tencent, "faults", &json!({ "faults": [], "clear": true })).await;
    estate.sweep(&context).await;
    let whole = kept.take();
    // What got no answer for an hour was begun anew, so what is known now is of now.
    assert!(named(&whole, "SweepAgeSeconds").iter().all(|(_, age)| *age <= 600), "{whole:?}");
    // A course that is taken up again is as old as its beginning.
    estate.post(Cloud::Tencent, "faults", &fault).await;
    handle(&context, &sweep, &deadline(60)).await.unwrap();
    estate.clock.sleep(Duration::from_secs(2_000)).await;
    estate.post(Cloud::Tencent, "faults", &json!({ "faults": [], "clear": true })).await;
    kept.take();
    estate.sweep(&context).await;
    let whole = kept.take();
    assert!(named(&whole, "SweepAgeSeconds").iter().all(|(_, age)| *age >= 2_000), "{whole:?}");
    estate.sweep(&context).await;
    assert!(named(&kept.take(), "SweepAgeSeconds").iter().all(|(_, age)| *age <= 30));

    estate.post(Cloud::Tencent, "faults", &fault).await;
    estate.clock.sleep(Duration::from_secs(9_000)).await;
    handle(&context, &sweep, &deadline(60)).await.unwrap();
    let lines = kept.take();
    assert!(named(&lines, "SweepAgeSeconds").iter().all(|(_, age)| (9_000..9_200).contains(age)), "{lines:?}");
    assert_eq!(named(&lines, "Unreplicated"), [], "what was true then is not told as of now");
}

/// The real binary: bare lines in the log beside lines of the log's own, none of them torn.
#[tokio::test]
async fn a_function_writes_its_metrics_as_bare_lines_into_the_log() {
    let extra = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "INFO")];
    let bench = Bench::start(&extra).await;
    let function = bench.function(Cloud::Tencent).await;
    let bodies: Vec<Value> = (0..30).map(|at| copy(&format!("snap-line{at:04}"), &["ap-beijing"])).collect();
    function.invoke(functions::batch(&bodies), LONG).await.unwrap();
    // What a process has written arrives a moment after its answer.
    let mut lines = Vec::new();
    for _ in 0..500 {
        lines = function.output();
        if lines.iter().any(|line| line.contains("CloudWatchMetrics")) {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    let read: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let (metrics, log): (Vec<Value>, Vec<Value>) = read.into_iter().partition(|line| line.get("_aws").is_some());
    assert!(log.iter().filter(|line| line["fields"]["message"] == json!("accepted")).count() >= 30, "{log:?}");
    assert_eq!(metrics.len(), 1, "{metrics:?}");
    assert_eq!(check(&metrics[0]), Ok(()));
    assert_eq!((sum(&metrics, "Started"), &metrics[0]["provider"]), (30, &json!("tencent")));
}
