//! A day in the life: events for nine in ten backups, a sweep that finds the rest, and a destination that is down for six
//! hours. After every sweep the report is held against what the simulated clouds and the test itself know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use offsite_shared::handler::handle;
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::Clock;
use offsite_shared::providers::provider::Defaults;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Conclusion, RuleReport};
use serde_json::{Value, json};

use crate::faults::world::{batch, seed};
use crate::sweeping::Estate;

/// Time between two steps.
const STEP: SignedDuration = SignedDuration::from_mins(15);
/// Steps of the day.
const STEPS: u32 = 96;
/// The first step of the outage, and the first after it.
const OUTAGE: std::ops::Range<u32> = 24..48;
/// How long a copy runs. Nothing ends near a step, so that no copy ends while it is being counted.
const COPY_S: u64 = 3_300;
/// How far the pair's progress is behind.
const BEHIND: SignedDuration = SignedDuration::from_secs(1_500);
/// How long some snapshots take to be finished.
const CREATING_S: u64 = 1_200;
/// How often the queue delivers a record before it gives up.
const RECEIVES: u32 = 3;
/// The destination that is down.
const DOWN: &str = "ap-beijing";

const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";
const PROJECT: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";

fn policy() -> Policy {
    let objective = json!({ "max_lag": "2h" });
    let policy = json!({ "version": 1, "rules": [
        {
            "name": "disks", "provider": "tencent", "objective": objective,
            "source": { "region": "ap-guangzhou", "select": { "name_prefix": "day-" } },
            "destinations": [{ "region": "ap-singapore" }, { "region": DOWN }],
        },
        {
            "name": "servers", "provider": "huawei", "operation": "copy-backup", "objective": objective,
            "source": { "region": "cn-north-4", "project_id": PROJECT, "vault_id": VAULT },
            "destinations": [{
                "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564",
                "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02",
            }],
        },
        {
            "name": "files", "provider": "alibaba", "objective": objective,
            "source": { "region": "cn-hangzhou", "vault_id": "v-0001aa2b3c4d5e6f7g8h" },
            "destinations": [{ "region": "cn-beijing", "vault_id": "v-0002zz9y8x7w6v5u4t3s" }],
        },
    ]});
    Policy::from_json(&policy).unwrap()
}

/// A backup that the test has made.
struct Made {
    rule: &'static str,
    id: String,
    created: Timestamp,
    /// Until then it is still being made.
    creating_until: Option<Timestamp>,
    eligible: bool,
}

/// What is true of a rule, by what the test made and what the simulators say of copies.
#[derive(Debug, Default, PartialEq)]
struct Truth {
    covered: u64,
    replicated: u64,
    running: u64,
    unstarted: u64,
    not_ready: u64,
    ineligible: u64,
    /// When the oldest was made that should have a usable copy and has none.
    oldest: Option<Timestamp>,
}

struct Day {
    estate: Estate,
    policy: Arc<Policy>,
    rng: Rng,
    /// Of its own, so that what is made does not depend on what was handed back.
    order: Rng,
    start: Timestamp,
    made: Vec<Made>,
    /// Records of the work queue, and how often each was delivered.
    waiting: Vec<(Value, u32)>,
    without_event: u64,
    twice: u64,
    given_up: u64,
    exact: u64,
    compared: u64,
}

impl Day {
    async fn begin(seed: u64) -> Day {
        let estate = Estate::plain().await;
        let switches = |more: Value| {
            let mut switches = json!({ "copy_duration_s": COPY_S });
            switches.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "switches": switches })
        };
        estate.post(Cloud::Alibaba, "seed", &switches(json!({ "new_progress_lag_s": BEHIND.as_secs() }))).await;
        estate.post(Cloud::Huawei, "seed", &switches(json!({}))).await;
        estate.post(Cloud::Huawei, "seed", &json!({ "vaults": [{ "id": VAULT, "project_id": PROJECT }] })).await;
        estate.post(Cloud::Tencent, "seed", &switches(json!({}))).await;
        let start = estate.clock.now();
        let policy = Arc::new(policy());
        let mut rng = Rng::with_seed(seed);
        let order = rng.fork();
        Day {
            estate,
            policy,
            rng,
            order,
            start,
            made: Vec::new(),
            waiting: Vec::new(),
            without_event: 0,
            twice: 0,
            given_up: 0,
            exact: 0,
            compared: 0,
        }
    }

    /// Moves the clocks to the beginning of a step.
    async fn until(&self, step: u32) {
        let left = (self.start + STEP * i32::try_from(step).unwrap()).duration_since(self.estate.clock.now());
        if let Ok(left) = Duration::try_from(left) {
            self.estate.clock.sleep(left).await;
        }
    }

    /// New backups, and events for nine in ten of them.
    async fn make(&mut self) {
        let now = self.estate.clock.now();
        let created = Timestamp::from_second(now.as_second()).unwrap();
        let name = |rng: &mut Rng| format!("{:08x}", rng.u32(..));
        let (mut snapshots, mut backups, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        let mut new = Vec::new();
        for _ in 0..self.rng.u32(1..=3) {
            let id = format!("snap-{}", name(&mut self.rng));
            let mut snapshot = json!({
                "snapshot_id": id, "region": "ap-guangzhou", "name": format!("day-{id}"), "created": created.to_string(),
            });
            let creating = self.rng.u32(0..10) == 0;
            if creating {
                snapshot["creating_s"] = json!(CREATING_S);
            }
            snapshots.push(snapshot);
            let creating_until = creating.then(|| now + SignedDuration::from_secs(CREATING_S.cast_signed()));
            new.push(Made { rule: "disks", id, created, creating_until, eligible: true });
        }
        for _ in 0..self.rng.u32(1..=2) {
            let id = format!("{}-0000-4000-a000-00000000{:04x}", name(&mut self.rng), self.rng.u16(..));
            let eligible = self.rng.u32(0..10) > 0;
            backups.push(json!({
                "id": id, "project_id": PROJECT, "vault_id": VAULT, "created": created.to_string(),
                "contain_system_disk": eligible,
            }));
            new.push(Made { rule: "servers", id, created, creating_until: None, eligible });
        }
        let id = format!("job-{}", name(&mut self.rng));
        let eligible = self.rng.u32(0..10) > 0;
        jobs.push(json!({
            "job_id": id, "vault_id": "v-0001aa2b3c4d5e6f7g8h", "created": created.to_string(), "completed": created.to_string(),
            "source_type": if eligible { "ECS_FILE" } else { "UDM_ECS" },
        }));
        new.push(Made { rule: "files", id, created, creating_until: None, eligible });
        self.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
        self.estate.post(Cloud::Huawei, "seed", &json!({ "backups": backups })).await;
        self.estate.post(Cloud::Alibaba, "seed", &json!({ "jobs": jobs })).await;
        for one in new {
            if self.rng.u32(0..10) == 0 {
                self.without_event += 1;
            } else {
                let command = self.policy.rule(one.rule).unwrap().command_of(&one.id).to_json();
                if self.rng.u32(0..10) == 0 {
                    self.waiting.push((command.clone(), 0));
                    self.twice += 1;
                }
                self.waiting.push((command, 0));
            }
            self.made.push(one);
        }
        self.order.shuffle(&mut self.waiting);
    }

    /// Delivers what waits in batches of ten; what is handed back comes again with the next step.
    async fn deliver(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for records in waiting.chunks(10) {
            let commands: Vec<Value> = records.iter().map(|(command, _)| command.clone()).collect();
            let context = self.estate.context(&self.policy);
            let answer = handle(&context, &batch(&commands), &self.estate.invocation(60)).await.unwrap();
            for failure in answer["batchItemFailures"].as_array().unwrap() {
                let index: usize = failure["itemIdentifier"].as_str().unwrap().parse().unwrap();
                let (command, receives) = &records[index];
                match receives + 1 < RECEIVES {
                    true => self.waiting.push((command.clone(), receives + 1)),
                    false => self.given_up += 1,
                }
            }
        }
    }

    async fn observe(&self) {
        let context = self.estate.context(&self.policy);
        handle(&context, &json!({ "action": "observe" }), &self.estate.invocation(600)).await.unwrap();
    }

    /// What the simulated clouds say of each copy: by source and destination its state.
    fn copies(&self) -> (BTreeMap<(String, String), String>, Timestamp) {
        let state = self.estate.simulators.state();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let rows = state["replications"].as_array().unwrap().iter();
        let copies = rows.map(|row| ((text(row, "source"), text(row, "destination")), text(row, "state"))).collect();
        (copies, state["clock"].as_str().unwrap().parse().unwrap())
    }

    /// What is true of a rule now.
    fn truth(&self, rule: &str) -> Truth {
        let (copies, now) = self.copies();
        let of = self.policy.rule(rule).unwrap();
        let mut truth = Truth::default();
        for made in self.made.iter().filter(|made| made.rule == rule) {
            for destination in &of.destinations {
                truth.covered += 1;
                // A pair of vaults carries the jobs; nobody makes a copy of one job.
                let pair = rule == "files";
                let source = of.source.vault_id.clone().filter(|_| pair).unwrap_or_else(|| made.id.clone());
                let state = copies.get(&(source, destination.region.clone())).map(String::as_str);
                let usable = state == Some("done") && (!pair || made.created <= now - BEHIND);
                if !made.eligible {
                    truth.ineligible += 1;
                } else if usable {
                    truth.replicated += 1;
                } else if made.creating_until.is_some_and(|until| now < until) {
                    truth.not_ready += 1;
                } else {
                    truth.running += u64::from(state.is_some());
                    truth.unstarted += u64::from(state.is_none());
                    truth.oldest = Some(truth.oldest.map_or(made.created, |oldest| oldest.min(made.created)));
                }
            }
        }
        truth
    }

    async fn report(&self, rule: &str, at: Timestamp) -> RuleReport {
        let wish = ReportRequest {
            at,
            max_age: Duration::from_secs(7_200),
            rule: Some(rule),
            live: false,
            lines: usize::MAX,
            defaults: Defaults::default(),
        };
        let ledger = self.estate.ledger();
        reading::read(&ledger, &ledger, Some(&self.policy), &wish).await.unwrap().rules.remove(0)
    }

    /// Sweeps every rule, and compares each report with the truth.
    async fn sweep(&mut self, step: u32) {
        for rule in ["disks", "servers", "files"] {
            let before = self.truth(rule);
            let began = self.estate.clock.now();
            let context = self.estate.context(&self.policy);
            let wish = json!({ "action": "sweep", "rule": rule });
            let answer = handle(&context, &wish, &self.estate.invocation(600)).await.unwrap();
            let after = self.truth(rule);
            let swept = &answer["swept"][0];
            let hint = format!("step {step}, {rule}: {swept}");
            if rule == "disks" && OUTAGE.contains(&step) && step > OUTAGE.start + 1 {
                assert_eq!(swept["complete"], json!(false), "{hint}");
                // Where one destination of several is down, the others go on.
                assert!(swept["failed"] == json!(true) || swept["not_seen"].to_string().contains(DOWN), "{hint}");
                self.compare_unknown(rule, &hint).await;
                continue;
            }
            assert_eq!(swept["complete"], json!(true), "{hint}");
            let as_of: Timestamp = swept["complete_as_of"].as_str().unwrap().parse().unwrap();
            let report = self.report(rule, as_of).await;
            if as_of < began {
                // A course that was taken up again: it tells of then, and nothing that is not so.
                let counts = report.counts;
                assert_eq!((counts.lost, counts.missed, counts.failed), (0, 0, 0), "{hint}: {:#?}", report.exceptions);
                assert_eq!(swept["counts"]["lost"], json!(0), "{hint}");
                let now = self.report(rule, self.estate.clock.now()).await;
                assert_ne!(now.conclusion, Conclusion::Holds, "{hint}");
                continue;
            }
            self.compare(&report, &before, &after, as_of, &hint);
        }
    }

    /// Exactly equal, where nothing ended during the sweep itself; and never beyond what was true at its ends.
    fn compare(&mut self, report: &RuleReport, before: &Truth, after: &Truth, as_of: Timestamp, hint: &str) {
        let counts = report.counts;
        let hint = format!("{hint}\nreport {counts:?}\nbefore {before:?}\nafter {after:?}");
        assert_eq!(counts.covered, after.covered, "{hint}");
        assert_eq!(counts.ineligible, after.ineligible, "{hint}");
        assert!((before.replicated..=after.replicated).contains(&counts.replicated), "{hint}");
        assert!((after.not_ready..=before.not_ready).contains(&counts.not_ready), "{hint}");
        let unstarted = counts.missing + counts.in_doubt + counts.failed;
        assert_eq!((counts.lost, counts.missed), (0, 0), "{hint}");
        let lag = |truth: &Truth| truth.oldest.map_or(0, |oldest| as_of.duration_since(oldest).as_secs()).max(0);
        let reported = i64::try_from(report.lag_seconds.unwrap()).unwrap();
        assert!((lag(after)..=lag(before)).contains(&reported), "{hint}");
        // A rule that covers nothing is a breach whatever its lag.
        let empty = counts.covered == 0;
        let holds = report.conclusion == Conclusion::Holds;
        assert!(!holds || (reported <= 7_200 && !empty), "{hint}");
        // What cannot be copied leaves its resource unprotected once it is due.
        assert!(holds || reported > 7_200 || empty || counts.ineligible > 0, "{hint}: {:?}", report.why);
        self.compared += 1;
        if (before.replicated, before.not_ready) == (after.replicated, after.not_ready) {
            // A pair of vaults that could not be set up at once is set up after its jobs were counted.
            let late = report.operation == "create-vault-replication" && unstarted > after.unstarted;
            let true_now = if late { before } else { after };
            assert_eq!((counts.in_progress, unstarted), (true_now.running, true_now.unstarted), "{hint}");
            assert_eq!(report.points.last().unwrap().lag_seconds, report.lag_seconds.unwrap(), "{hint}");
            self.exact += 1;
        }
    }

    /// While a destination cannot be listed the report says that it does not know, and never less lag than there is.
    async fn compare_unknown(&self, rule: &str, hint: &str) {
        let now = self.estate.clock.now();
        let (truth, report) = (self.truth(rule), self.report(rule, now).await);
        assert_ne!(report.conclusion, Conclusion::Holds, "{hint}");
        assert!(report.why.iter().any(|why| why.contains(DOWN)), "{hint}: {:?}", report.why);
        let lag = truth.oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs());
        let told = report.lag_seconds.map_or(0, |lag| i64::try_from(lag).unwrap());
        assert!(told >= lag || report.counts.unknown > 0, "{hint}: {lag} {told}");
    }

    async fn fault(&self, faults: Value) {
        self.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": faults })).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_the_life() {
    let seed = seed();
    println!("OFFSITE_TEST_SEED={seed}");
    let mut day = Day::begin(seed).await;
    let broken = |action: &str| {
        let fault = |kind: &str, probability: f64| {
            json!({
                "action": action, "match": { "region": DOWN }, "kind": kind, "probability": probability,
            })
        };
        json!([fault("http_500_before", 0.5), fault("reset_before", 1.0)])
    };
    let mut elsewhere = 0;
    for step in 0..STEPS + 16 {
        day.until(step).await;
        // First the copies fail, so that there are doubts; then every call.
        match step {
            _ if step == OUTAGE.start => day.fault(broken("CopySnapshotCrossRegions")).await,
            _ if step == OUTAGE.start + 2 => day.fault(broken("*")).await,
            _ if step == OUTAGE.end => day.fault(json!([])).await,
            _ => {}
        }
        if step < STEPS {
            day.make().await;
        }
        day.deliver().await;
        day.observe().await;
        if step % 2 == 0 {
            day.sweep(step).await;
        }
        if step == OUTAGE.start || step == OUTAGE.end - 1 {
            let (copies, _) = day.copies();
            let reached = copies.keys().filter(|(_, destination)| destination == "ap-singapore").count();
            assert!(
                step == OUTAGE.start || reached > elsewhere,
                "the other destination waited for the one that is down"
            );
            elsewhere = reached;
        }
    }
    assert!(day.without_event > 0 && day.twice > 0 && day.given_up > 0, "{} {}", day.without_event, day.twice);
    println!("{} backups, {} comparisons, {} exact", day.made.len(), day.compared, day.exact);
    assert!(day.exact * 10 >= day.compared * 9, "{} of {} were exact", day.exact, day.compared);

    // Everything has converged: one copy each, all of them told.
    let mut wanted = BTreeSet::new();
    for made in day.made.iter().filter(|made| made.eligible) {
        let rule = day.policy.rule(made.rule).unwrap();
        let source = rule.source.vault_id.clone().filter(|_| made.rule == "files").unwrap_or_else(|| made.id.clone());
        wanted.extend(rule.destinations.iter().map(|destination| (source.clone(), destination.region.clone())));
    }
    let state = day.estate.simulators.state();
    let mut found = BTreeSet::new();
    for row in state["replications"].as_array().unwrap() {
        assert_eq!((&row["created"], &row["state"]), (&json!(1), &json!("done")), "{row}");
        found.insert((row["source"].as_str().unwrap().to_owned(), row["destination"].as_str().unwrap().to_owned()));
    }
    assert_eq!(found, wanted);
    for rule in ["disks", "servers", "files"] {
        let report = day.report(rule, day.estate.clock.now()).await;
        let counts = report.counts;
        // A disk that cannot be copied is unprotected, whatever else is well.
        let cannot = counts.ineligible > 0;
        let wanted = if cannot { Conclusion::Broken } else { Conclusion::Holds };
        assert_eq!(report.conclusion, wanted, "{rule}: {:?} {counts:?}", report.why);
        assert!(!cannot || (report.why.len() == 1 && report.why[0].contains("cannot be copied")), "{:?}", report.why);
        assert_eq!((counts.covered, report.lag_seconds), (counts.replicated + counts.ineligible, Some(0)), "{rule}");
    }
    // The queue may hold an event twice, under the same ID.
    let mut told: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for event in day.estate.receipts().await {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        // What was refused underway is told as well, once for each cause.
        if !["offsite.replication.refused", "offsite.replication.ineligible"].contains(&text("type").as_str()) {
            told.entry(text("subject")).or_default().insert(text("id"), text("type"));
        }
    }
    assert_eq!(told.len(), wanted.len());
    for (key, events) in told {
        let types: BTreeSet<&str> = events.values().map(String::as_str).collect();
        let both = BTreeSet::from(["offsite.replication.accepted", "offsite.replication.replicated"]);
        assert_eq!((events.len(), types), (2, both), "{key}");
    }
}
