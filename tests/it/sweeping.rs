//! Sweeps and reports against what the simulators say is true: exactly equal, for each provider, also after faults and with
//! clocks that disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_local::cmd::policy::{self, PolicyAction, PolicyArgs};
use offsite_local::cmd::show::Form;
use offsite_local::home::database::Database;
use offsite_local::home::ledger::SqliteLedger;
use offsite_local::home::queue::Queue;
use offsite_local::home::{self, PROVIDERS};
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation, Ports};
use offsite_shared::handler::handle;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::ledger::store::{Expect, Put};
use offsite_shared::ledger::{About, Claimant, Record, State, put_off};
use offsite_shared::model::command::{Cloud, Command};
use offsite_shared::model::evidence::{Evidence, How};
use offsite_shared::model::http::{HttpRequest, Manner};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger, Notes, Transport};
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Conclusion, Report, RuleReport};
use offsite_shared::settings;
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::verdict::Verdict;
use offsite_simulators::{SimOptions, Simulators};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::context::ports;
use crate::faults::ports::{JumpClock, admin};

/// Backups that a test takes where the number is not the matter.
const SOME: u64 = 1_500;

/// Simulated clouds with a seeded inventory, the ledger that earlier work has left, and the policy that covers it.
pub struct Estate {
    pub simulators: Simulators,
    pub http: HttpTransport,
    pub clock: Arc<JumpClock>,
    pub environment: Environment,
    pub database: Database,
    pub directory: TempDir,
}

impl Estate {
    pub async fn start(seed: u64, backups: u64) -> Estate {
        let estate = Estate::plain().await;
        estate.simulators.make_inventories(seed, backups).unwrap();
        estate
    }

    /// Without seeded inventories.
    pub async fn plain() -> Estate {
        let options = SimOptions::default();
        let simulators = Simulators::start(options.clone()).await.unwrap();
        let environment = ["ALIBABA", "HUAWEI", "TENCENT"]
            .into_iter()
            .fold(home::point_at(&simulators, &options, Environment::default()), |environment, cloud| {
                environment.with(&format!("OFFSITE_{cloud}_RPS"), "0")
            });
        let http = HttpTransport::new(Duration::from_secs(3)).unwrap();
        let clock = Arc::new(JumpClock::new(&http, simulators.tencent(), None));
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("offsite.db")).unwrap();
        Estate { simulators, http, clock, environment, database, directory }
    }

    pub fn base(&self, cloud: Cloud) -> String {
        match cloud {
            Cloud::Alibaba => self.simulators.alibaba(),
            Cloud::Huawei => self.simulators.huawei(),
            Cloud::Tencent => self.simulators.tencent(),
        }
    }

    pub async fn get(&self, cloud: Cloud, path: &str) -> Value {
        let request = HttpRequest {
            manner: Manner { longest_answer: Manner::LISTING, ..Manner::default() },
            method: "GET".into(),
            url: format!("{}/_sim/{path}", self.base(cloud)),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(30),
        };
        let reply = self.http.send(request).await.unwrap();
        assert_eq!(reply.status, 200, "{path}");
        serde_json::from_slice(&reply.body).unwrap()
    }

    pub async fn post(&self, cloud: Cloud, path: &str, body: &Value) {
        admin(&self.http, &self.base(cloud), path, body).await;
    }

    pub async fn policy(&self, cloud: Cloud) -> Arc<Policy> {
        Arc::new(Policy::from_json(&self.get(cloud, "policy").await).unwrap())
    }

    pub fn ledger(&self) -> SqliteLedger {
        SqliteLedger::new(self.database.clone())
    }

    /// A process with this policy.
    pub fn context(&self, policy: &Arc<Policy>) -> Context {
        let settings = Settings::from_environment(&self.environment, &PROVIDERS).unwrap();
        let emitter = home::context(&Environment::default(), &self.database).unwrap().ports.emitter;
        let (http, clock) = (Arc::new(self.http.clone()), self.clock.clone());
        let ports = Ports {
            ledger: Arc::new(self.ledger()),
            notes: Arc::new(self.ledger()),
            policies: Arc::new(FixedPolicy(Some(policy.clone()))),
            ..ports(&self.environment, &settings, &PROVIDERS, http, emitter, clock)
        };
        Context::new(ports, settings, Metrics::default())
    }

    /// One with another ledger that is empty: somebody else's, or ours after it was lost.
    pub fn without_memory(&self, policy: &Arc<Policy>) -> Context {
        let mut context = self.context(policy);
        let memory = Arc::new(MemoryLedger::default());
        (context.ports.ledger, context.ports.notes) = (memory.clone(), memory);
        context
    }

    /// One that starts nothing.
    pub fn paused(&self, policy: &Arc<Policy>) -> Context {
        let mut context = self.context(policy);
        context.settings.paused = true;
        context
    }

    /// The environment of an `offsite` command over the same clouds, file and this policy.
    pub fn of_command(&self, policy: &Policy) -> Vec<(String, String)> {
        let folder = self.directory.path();
        let file = folder.join("policy.json");
        std::fs::write(&file, policy.to_json().to_string()).unwrap();
        let mut environment: Vec<(String, String)> = self.environment.variables().clone().into_iter().collect();
        for (name, path) in [("OFFSITE_DB", folder.join("offsite.db")), ("OFFSITE_POLICY", file)] {
            environment.push((name.to_owned(), path.to_string_lossy().into_owned()));
        }
        environment
    }

    pub fn invocation(&self, seconds: i64) -> Invocation {
        Invocation { id: "sweep".into(), deadline: self.clock.now() + SignedDuration::from_secs(seconds) }
    }

    /// Sweeps everything to its end.
    pub async fn sweep(&self, context: &Context) -> Value {
        let answer = handle(context, &json!({ "action": "sweep" }), &self.invocation(3_600)).await.unwrap();
        for one in answer["swept"].as_array().unwrap() {
            assert_eq!(one["complete"], json!(true), "{one}");
        }
        answer
    }

    /// Sweeps as a schedule does: a listing that met too many faults in a row is one for the next sweep.
    async fn sweep_until_complete(&self, context: &Context) {
        for _ in 0..10 {
            let answer = handle(context, &json!({ "action": "sweep" }), &self.invocation(3_600)).await.unwrap();
            let swept = answer["swept"].as_array().unwrap();
            let incomplete: Vec<_> = swept.iter().filter(|one| one["complete"] != json!(true)).collect();
            if incomplete.is_empty() {
                return;
            }
            assert!(
                incomplete.iter().all(|one| one["failed"] == json!(true)),
                "it says that it failed: {incomplete:?}"
            );
        }
        panic!("ten sweeps meet too many faults, of which there are thirty");
    }

    pub async fn report(&self, policy: &Policy) -> Report {
        self.report_at(policy, self.clock.now()).await
    }

    /// The report by a clock that shows this moment.
    pub async fn report_at(&self, policy: &Policy, at: Timestamp) -> Report {
        let wish = ReportRequest {
            at,
            max_age: Duration::from_secs(7_200),
            rule: None,
            live: false,
            lines: usize::MAX,
            defaults: settings::defaults(&self.environment).unwrap(),
        };
        let ledger = self.ledger();
        reading::read(&ledger, &ledger, Some(policy), &wish).await.unwrap()
    }

    /// Writes the records that earlier work has left, as the simulator tells them.
    pub async fn remember(&self, truth: &Value, policy: &Policy) {
        let ledger = self.ledger();
        for known in truth["ledger"].as_array().unwrap() {
            let record = record_of(known, policy, self.clock.now());
            assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored, "{known}");
        }
    }

    pub async fn receipts(&self) -> Vec<Value> {
        let messages = Queue::receipts(self.database.clone()).list(usize::MAX).await.unwrap();
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

fn record_of(known: &Value, policy: &Policy, now: Timestamp) -> Record {
    let mut command = Command::from_json(&known["command"]).unwrap();
    let rule = policy.rules.iter().find(|rule| {
        let place = (&rule.source.region, rule.operation, &rule.destinations[0].vault_id);
        let vault =
            rule.operation.source_field() != "vault_id" || rule.source.vault_id.as_ref() == Some(&command.source.id);
        vault && place == (&command.source.region, command.operation, &command.destinations[0].vault_id)
    });
    command.rule = Some(rule.unwrap_or_else(|| panic!("no rule for {known}")).name.clone());
    let replication = command.replications().remove(0);
    let text = |name: &str| known[name].as_str().map(str::to_owned);
    let time = |name: &str| known[name].as_str().map(|time| time.parse::<Timestamp>().unwrap());
    let at = time("accepted_at").unwrap_or(now);
    let me = Claimant { owner: "earlier".into(), lease_until: at, now: at };
    if known["state"] == json!("seen") {
        return put_off(&replication, About::default(), &me, None);
    }
    let receipt = Receipt {
        backup_id: None,
        replication_id: text("replication_id"),
        request_id: None,
        adopted: false,
        attempt: 1,
        time: at,
    };
    let mut record = Record::accepted(&replication, receipt, &me);
    record.look_at = None;
    record.state = State::ALL.into_iter().find(|state| json!(state.name()) == known["state"]).unwrap();
    if matches!(record.state, State::Replicated | State::Lost) {
        record.evidence = Some(Evidence {
            destination_id: text("destination_id"),
            state: "NORMAL".into(),
            time: at,
            size_gib: None,
            expires_at: time("expires_at"),
            how: How::Observed,
        });
    }
    if matches!(record.state, State::InDoubt | State::Ineligible) {
        record.receipts.clear();
        record.doubt_since = Some(now);
        record.not_before = Some(now + SignedDuration::from_hours(24));
    }
    let state = record.state;
    record.history.last_mut().unwrap().state = state;
    record
}

/// Whether a verdict is told in the sweep that settles it, and not again.
fn settled_once(verdict: &str) -> bool {
    matches!(verdict, "overtaken" | "ended")
}

const VERDICTS: [&str; 11] = [
    "replicated",
    "in_progress",
    "missing",
    "not_ready",
    "ineligible",
    "failed",
    "in_doubt",
    "lost",
    "missed",
    "overtaken",
    "ended",
];

/// Compares one rule with its truth, down to each backup.
pub fn compare(rule: &RuleReport, truth: &Value, column: &str, hint: &str) {
    let of = &truth["rules"][&rule.rule];
    let counts = serde_json::to_value(rule.counts).unwrap();
    let mut wanted: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in of["backups"].as_array().unwrap() {
        let Some(verdict) = row[column].as_str() else { continue };
        let place = (row["backup_id"].as_str().unwrap().to_owned(), row["destination"].as_str().unwrap().to_owned());
        wanted.insert(place, verdict.to_owned());
    }
    let covered = wanted.len() as u64;
    wanted.retain(|_, verdict| verdict != "replicated");
    let found: BTreeMap<(String, String), String> = rule
        .exceptions
        .iter()
        .map(|line| ((line.backup_id.clone(), line.destination.clone()), line.verdict.name().to_owned()))
        .filter(|(place, verdict)| !settled_once(verdict) || wanted.contains_key(place))
        .collect();
    let wrong: Vec<String> = wanted
        .iter()
        .filter(|(place, verdict)| found.get(place) != Some(verdict))
        .map(|(place, verdict)| format!("{place:?}: true is {verdict}, found {:?}", found.get(place)))
        .chain(
            found
                .iter()
                .filter(|(place, _)| !wanted.contains_key(*place))
                .map(|(place, verdict)| format!("{place:?}: found {verdict}, true is replicated or nothing")),
        )
        .take(10)
        .collect();
    assert!(wrong.is_empty(), "{hint} {}: {wrong:#?}", rule.rule);
    let once = rule.exceptions.iter().filter(|line| {
        let place = (line.backup_id.clone(), line.destination.clone());
        settled_once(line.verdict.name()) && !wanted.contains_key(&place)
    });
    let once = once.count() as u64;
    assert_eq!(rule.counts.covered - once, covered, "{hint} {}", rule.rule);
    for verdict in VERDICTS.into_iter().filter(|verdict| !settled_once(verdict)) {
        assert_eq!(counts[verdict], of[column][verdict], "{hint} {}: {verdict}", rule.rule);
    }
    let orphans: BTreeSet<&str> = rule.orphans.iter().map(|orphan| orphan.copy_id.as_str()).collect();
    let true_orphans: BTreeSet<&str> =
        of["orphans"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(orphans, true_orphans, "{hint} {}: orphans", rule.rule);
}

#[tokio::test]
async fn a_report_equals_the_truth_without_a_ledger() {
    let estate = Estate::start(1, SOME).await;
    for cloud in Cloud::ALL {
        let policy = estate.policy(cloud).await;
        let mut context = estate.paused(&policy);
        context.settings.read_only = true;
        estate.sweep(&context).await;
        let truth = estate.get(cloud, "truth").await;
        for rule in &estate.report(&policy).await.rules {
            compare(rule, &truth, "without_ledger", cloud.name());
        }
    }
}

/// The seeded inventory of 10,000 backups per provider.
#[tokio::test]
async fn a_report_equals_the_truth_with_the_ledger_of_earlier_work() {
    let estate = Estate::start(2, 10_000).await;
    for cloud in Cloud::ALL {
        let policy = estate.policy(cloud).await;
        let truth = estate.get(cloud, "truth").await;
        estate.remember(&truth, &policy).await;
        estate.sweep(&estate.paused(&policy)).await;
        let truth = estate.get(cloud, "truth").await;
        let report = estate.report(&policy).await;
        for rule in &report.rules {
            compare(rule, &truth, "with_ledger", cloud.name());
        }
        assert_eq!(report.conclusion, Conclusion::Broken);
    }
    let calls = estate.simulators.state()["calls"].to_string();
    for mutating in ["CopySnapshotCrossRegions", "CreateVaultReplication", "replicate"] {
        assert!(!calls.contains(mutating), "a paused sweep made a call: {calls}");
    }
}

/// Sweeps with so little time that many invocations are needed, each in a process of its own.
#[tokio::test]
async fn a_sweep_goes_on_where_its_time_ended() {
    let mut estate = Estate::start(3, 4_000).await;
    // By the clock that waiting moves: however quick the machine is, ten pages take a second.
    estate.environment = estate.environment.with("OFFSITE_TENCENT_RPS", "10");
    let cloud = Cloud::Tencent;
    let policy = estate.policy(cloud).await;
    let truth = estate.get(cloud, "truth").await;
    estate.remember(&truth, &policy).await;
    let mut invocations = 0;
    loop {
        invocations += 1;
        assert!(invocations < 300, "it does not come to an end");
        // A little more than the reserve that every invocation keeps, and more each time, for machines that are busy.
        let invocation = Invocation {
            id: "short".into(),
            deadline: estate.clock.now() + SignedDuration::from_millis(2_300 + 40 * invocations),
        };
        let answer = handle(&estate.paused(&policy), &json!({ "action": "sweep" }), &invocation).await.unwrap();
        let report = estate.report(&policy).await;
        if report.rules.iter().all(|rule| rule.complete_as_of.is_some()) {
            break;
        }
        let half: Vec<_> = report.rules.iter().filter(|rule| rule.complete_as_of.is_none()).collect();
        assert!(half.iter().all(|rule| rule.conclusion == Conclusion::Unknown), "half a sweep is no proof: {answer}");
    }
    assert!(invocations > 3, "{invocations} invocations: the test has become too easy");
    let truth = estate.get(cloud, "truth").await;
    for rule in &estate.report(&policy).await.rules {
        compare(rule, &truth, "with_ledger", "in pieces");
    }
    // The last of these invocations may have begun a rule anew that was done before.
    estate.sweep(&estate.paused(&policy)).await;
    let sql =
        "SELECT count(*) FROM notes WHERE name LIKE 'course/%' OR name LIKE '%/copies%' OR name LIKE '%/matched%'";
    let left: i64 =
        estate.database.read(move |connection| connection.query_row(sql, [], |row| row.get(0))).await.unwrap();
    assert_eq!(left, 0, "what only the way needed is gone");
}

/// Throttling, server errors and silence in the middle of the listings, and a clock of ours that is minutes off.
#[tokio::test]
async fn a_report_equals_the_truth_after_faults_and_with_clocks_that_disagree() {
    for (skew_s, seed) in [(-200.0, 4), (200.0, 5)] {
        let estate = Estate::start(seed, SOME).await;
        // One clock for all three clouds; signatures are held against the true one.
        estate.post(Cloud::Tencent, "clock", &json!({ "advance_s": skew_s, "keep_signature_clock": true })).await;
        for cloud in Cloud::ALL {
            let policy = estate.policy(cloud).await;
            let truth = estate.get(cloud, "truth").await;
            estate.remember(&truth, &policy).await;
            let faults: Vec<Value> = ["throttle", "http_500_before", "reset_before", "html_503", "empty_200"]
                .map(|kind| json!({ "kind": kind, "probability": 0.08, "times": 6 }))
                .to_vec();
            estate.post(cloud, "faults", &json!({ "seed": seed, "faults": faults })).await;
            let mut context = estate.paused(&policy);
            // The rules wait side by side, and on this clock their waits add up.
            context.settings.timeout *= 10;
            estate.sweep_until_complete(&context).await;
            let truth = estate.get(cloud, "truth").await;
            for rule in &estate.report(&policy).await.rules {
                compare(rule, &truth, "with_ledger", &format!("{} by {skew_s} s", cloud.name()));
            }
        }
    }
}

/// What only the API knows (Tencent's system disks) is asked once: its refusal is a verdict of its own, and no failure.
#[tokio::test]
async fn a_source_that_the_api_refuses_for_good_is_ineligible() {
    let estate = Estate::start(1, 50).await;
    let snapshot = json!({ "snapshot_id": "snap-system01", "region": "ap-shanghai", "name": "web-system", "disk_usage": "SYSTEM_DISK" });
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot] })).await;
    let policy = estate.policy(Cloud::Tencent).await;
    let context = estate.context(&policy);
    estate.sweep(&context).await;
    estate.sweep(&context).await;
    let report = estate.report(&policy).await;
    let lines = report.rules.iter().flat_map(|rule| &rule.exceptions);
    let of_it: Vec<_> = lines.filter(|line| line.backup_id == "snap-system01").collect();
    assert_eq!(of_it.len(), 2, "one for each destination");
    for line in of_it {
        let reason = line.reason.as_deref().unwrap_or_default();
        assert_eq!(line.verdict, Verdict::Ineligible, "{line:?}");
        assert_eq!(line.cause.as_deref(), Some("UnsupportedOperation.SnapshotNotSupportCopy"));
        assert!(reason.contains("A snapshot of a system disk cannot be copied"), "{reason}");
    }
    let calls = estate.simulators.state()["calls"].to_string();
    let copies = estate.receipts().await.len();
    assert!(copies > 0, "what can be copied is: {calls}");
}

/// What a person looks at before a policy is put in force: it reads, and starts nothing.
#[tokio::test]
async fn a_policy_is_explained_and_tried_without_starting_anything() {
    let estate = Estate::start(1, 200).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("offsite.json");
    std::fs::write(&file, estate.get(Cloud::Tencent, "policy").await.to_string()).unwrap();
    let truth = estate.get(Cloud::Tencent, "truth").await;
    let rows = truth["rules"]["web-disks"]["backups"].as_array().unwrap();
    let missing = rows.iter().find(|row| row["without_ledger"] == json!("missing")).unwrap();
    let id = missing["backup_id"].as_str().unwrap();
    let check = |explain: Option<&str>, live| PolicyAction::Check {
        file: Some(file.clone()),
        format: if live { Form::Json } else { Form::Table },
        live,
        explain: explain.map(str::to_owned),
        clock: Default::default(),
    };
    let mut out = Vec::new();
    let explain = PolicyArgs { action: check(Some(id), false) };
    assert!(policy::run(&explain, &estate.environment, &mut out).await.unwrap());
    let told = String::from_utf8(out).unwrap();
    assert!(told.contains("web-disks: covered\n"), "{told}");
    assert!(
        told.contains(&format!("database-disks: not covered: {id} is not among the backups of ap-tokyo")),
        "{told}"
    );
    let mut out = Vec::new();
    let live = PolicyArgs { action: check(None, true) };
    assert!(policy::run(&live, &estate.environment, &mut out).await.unwrap());
    let told = String::from_utf8(out).unwrap();
    let rules: Vec<Value> = told.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rules.len(), 2, "{told}");
    for rule in rules {
        let of = &truth["rules"][rule["rule"].as_str().unwrap()]["without_ledger"];
        assert_eq!(rule["counts"]["missing"], of["missing"], "{told}");
        let due = of["missing"].as_u64().unwrap() + of["failed"].as_u64().unwrap();
        assert_eq!(rule["would_start"], json!(due), "{told}");
    }
    let calls = estate.simulators.state()["calls"].to_string();
    assert!(!calls.contains("CopySnapshotCrossRegions"), "{calls}");
}

/// Whatever stretch an invocation takes a course up in, it knows the pair of vaults: without it no copy could be concluded any more.
#[tokio::test]
async fn a_course_that_is_taken_up_late_still_knows_the_pair_of_vaults() {
    let mut estate = Estate::start(5, 1_500).await;
    estate.environment = estate.environment.with("OFFSITE_ALIBABA_RPS", "6");
    let policy = estate.policy(Cloud::Alibaba).await;
    let context = estate.paused(&policy);
    estate.sweep(&context).await;
    let before = estate.report(&policy).await;
    let rule = before.rules.iter().max_by_key(|rule| rule.resources.protected).unwrap();
    assert!(rule.resources.protected > 10, "{:?}", rule.resources);
    // An invocation ends within the list, and the next one begins behind it.
    let sweep = json!({ "action": "sweep", "rule": rule.rule });
    let short = Invocation { id: "short".into(), deadline: estate.clock.now() + SignedDuration::from_millis(2_700) };
    let answer = handle(&context, &sweep, &short).await.unwrap();
    assert_eq!(answer["swept"][0]["complete"], json!(false), "{answer}");
    let (ledger, name) = (estate.ledger(), format!("course/{}", rule.rule));
    let course = ledger.note(&name).await.unwrap().unwrap();
    let mut later: Value = serde_json::from_str(&course.text).unwrap();
    later["phase"] = json!("register");
    later["cursor"] = json!(null);
    assert!(ledger.put_note(&name, &later.to_string(), course.version).await.unwrap());
    handle(&context, &sweep, &estate.invocation(3_600)).await.unwrap();
    let after = estate.report(&policy).await;
    let after = after.rules.iter().find(|one| one.rule == rule.rule).unwrap();
    assert!(after.complete_as_of > rule.complete_as_of);
    assert_eq!(after.resources, rule.resources);
}
