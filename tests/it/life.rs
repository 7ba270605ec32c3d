//! Life histories that every operator meets, told as a careful person would tell them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::ledger::risks::{Act, Decision, FORMAT};
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::EmitError;
use offsite_shared::model::receipt::Message;
use offsite_shared::model::time::later;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Emitter};
use offsite_shared::report::{Conclusion, ResourceState, RuleReport, risks};
use serde_json::{Value, json};

use crate::schemas::{assert_fits, validator};
use crate::sweeping::Estate;

pub const FAR: &str = "ap-singapore";
pub const NEAR: &str = "ap-beijing";
pub const COPY: &str = "CopySnapshotCrossRegions";

/// A queue that takes nothing, and some time for that.
struct Refusing(Arc<dyn Clock>, Duration);

impl Emitter for Refusing {
    fn emit<'a>(&'a self, messages: &'a [Message], _: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async {
            self.0.sleep(self.1).await;
            vec![Err(EmitError("it is out of order".into())); messages.len()]
        })
    }
}

/// A queue that refuses whatever is about one backup, and counts how often it was asked to take that.
struct Picky {
    inner: Arc<dyn Emitter>,
    refuses: String,
    asked: Arc<AtomicUsize>,
}

impl Emitter for Picky {
    fn emit<'a>(&'a self, messages: &'a [Message], until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move {
            let mut outcomes = Vec::new();
            for message in messages {
                let refused = message.event["data"]["source"]["snapshot_id"] == self.refuses.as_str();
                self.asked.fetch_add(usize::from(refused), Ordering::SeqCst);
                outcomes.push(match refused {
                    true => Err(EmitError("InvalidMessageContents: so it is".into())),
                    false => self.inner.emit(std::slice::from_ref(message), until).await.remove(0),
                });
            }
            outcomes
        })
    }
}

/// Clouds whose copies take an hour, and one rule.
pub struct Life {
    pub estate: Estate,
    pub policy: Arc<Policy>,
    pub context: Context,
}

impl Life {
    pub async fn begin(change: impl FnOnce(&mut Value)) -> Life {
        let mut rule = json!({
            "name": "web", "provider": "tencent", "objective": { "max_lag": "24h" }, "limits": { "allow_empty": true },
            "source": { "region": "ap-guangzhou", "select": { "name_prefix": "life" } }, "destinations": [{ "region": FAR }],
        });
        change(&mut rule);
        let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
        let estate = Estate::plain().await;
        estate.post(Cloud::Tencent, "seed", &json!({ "switches": { "copy_duration_s": 3_600 } })).await;
        let context = estate.context(&policy);
        Life { estate, policy, context }
    }

    /// The same, with two destinations.
    pub async fn two() -> Life {
        Life::begin(|rule| rule["destinations"] = json!([{ "region": NEAR }, { "region": FAR }])).await
    }

    /// Makes a snapshot of each of these disks now.
    pub async fn make(&self, name: &str, disks: &[&str]) -> Vec<String> {
        let ids: Vec<String> = disks.iter().map(|disk| format!("snap-{name}{disk:0>7}")).collect();
        let snapshots: Vec<Value> = ids.iter().zip(disks).map(|(id, disk)| self.snapshot(id, "life", disk)).collect();
        self.seed(json!({ "snapshots": snapshots })).await;
        ids
    }

    fn snapshot(&self, id: &str, name: &str, disk: &str) -> Value {
        json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": format!("{name}-{id}"), "disk_id": format!("disk-{disk:0>8}") })
    }

    pub async fn seed(&self, seed: Value) {
        self.estate.post(Cloud::Tencent, "seed", &seed).await;
    }

    pub async fn fault(&self, faults: Value) {
        self.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": faults })).await;
    }

    async fn quota(&self) {
        self.fault(json!([{ "action": COPY, "kind": "code", "code": "InsufficientSnapshotQuota" }])).await;
    }

    pub async fn pass(&self, hours: u64) {
        self.estate.clock.sleep(Duration::from_secs(hours * 3_600 + 60)).await;
    }

    pub async fn sweep(&self) -> Value {
        let invocation = self.estate.invocation(3_600);
        handle(&self.context, &json!({ "action": "sweep" }), &invocation).await.unwrap()["swept"][0].clone()
    }

    /// Time for the copies to end, and a look at them.
    pub async fn arrive(&self) {
        self.pass(1).await;
        handle(&self.context, &json!({ "action": "observe" }), &self.estate.invocation(600)).await.unwrap();
    }

    pub async fn report(&self) -> RuleReport {
        self.estate.report(&self.policy).await.rules.remove(0)
    }

    /// How many messages of this type there are, each counted once however often it came.
    pub async fn told(&self, kind: &str) -> usize {
        let wanted = json!(format!("offsite.replication.{kind}"));
        let events = self.estate.receipts().await;
        let ids: BTreeSet<&str> =
            events.iter().filter(|event| event["type"] == wanted).filter_map(|event| event["id"].as_str()).collect();
        ids.len()
    }

    /// From now on the queue takes nothing, and ten seconds for each try. Gives back the one that works.
    fn break_queue(&mut self) -> Arc<dyn Emitter> {
        let refusing = Arc::new(Refusing(self.estate.clock.clone(), Duration::from_secs(10)));
        std::mem::replace(&mut self.context.ports.emitter, refusing)
    }

    /// The messages that ask a person to look.
    async fn alerts(&self) -> Vec<Value> {
        let events = self.estate.receipts().await;
        events.into_iter().filter(|event| event["type"] == json!("offsite.rule.mass_loss")).collect()
    }

    async fn decide(&self, number: u64, decision: Decision) {
        let (rule, reason, who) = ("web".to_owned(), "looked".to_owned(), "ann@desk".to_owned());
        let act = Act { format: FORMAT, rule, number, decision, reason, who, at: self.estate.clock.now() };
        risks::add(&*self.context.ports.notes, act).await.unwrap();
    }

    fn in_hours(&self, hours: u64) -> Timestamp {
        later(self.estate.clock.now(), Duration::from_secs(hours * 3_600))
    }

    fn calls(&self) -> u64 {
        let state = self.estate.simulators.state();
        state["calls"][COPY].as_u64().or(state["calls"]["tencent"][COPY].as_u64()).unwrap_or(0)
    }

    /// Sweeps, and tells what came of the outbox.
    async fn drain(&self) -> Value {
        let invocation = self.estate.invocation(3_600);
        handle(&self.context, &json!({ "action": "sweep" }), &invocation).await.unwrap()["outbox"].clone()
    }

    pub fn copies(&self) -> Vec<String> {
        let state = self.estate.simulators.state();
        let rows = state["replications"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_rule_without_an_objective_is_judged_by_a_day() {
    let mut life = Life::begin(|rule| {
        rule.as_object_mut().unwrap().remove("objective");
    })
    .await;
    life.context.settings.paused = true;
    life.make("a", &["1", "2"]).await;
    life.sweep().await;
    assert_eq!(life.report().await.conclusion, Conclusion::Holds, "nothing is due yet");
    life.pass(25).await;
    life.sweep().await;
    let report = life.report().await;
    assert!(report.objective.is_default);
    assert_eq!((report.conclusion, report.resources.unprotected), (Conclusion::Broken, 2), "{:?}", report.why);
}

#[tokio::test]
async fn a_rule_that_promises_nothing_is_not_judged() {
    let life = Life::begin(|rule| rule["objective"] = json!("none")).await;
    life.make("a", &["1"]).await;
    life.sweep().await;
    life.pass(50).await;
    life.sweep().await;
    let whole = life.estate.report(&life.policy).await;
    assert_eq!((whole.conclusion, whole.rules[0].conclusion), (Conclusion::NotJudged, Conclusion::NotJudged));
}

#[tokio::test]
async fn a_full_quota_uses_up_nothing_and_one_copy_tries_it_for_all() {
    let life = Life::begin(|_| {}).await;
    life.make("a", &["1", "2"]).await;
    life.quota().await;
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["refused"]), (&json!(0), &json!(2)), "{swept}");
    assert!(life.told("refused").await >= 1);
    for _ in 0..20 {
        life.pass(1).await;
        let before = life.calls();
        let swept = life.sweep().await;
        assert_eq!((&swept["started"], &swept["refused"]), (&json!(0), &json!(2)), "{swept}");
        assert_eq!(life.calls(), before + 1, "one copy tries it for all");
    }
    life.fault(json!([])).await;
    life.pass(1).await;
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["refused"]), (&json!(2), &json!(0)), "the same sweep starts all: {swept}");
    let accepted = life.estate.receipts().await;
    let attempts: Vec<&Value> = accepted
        .iter()
        .filter(|event| event["type"] == json!("offsite.replication.accepted"))
        .map(|event| &event["data"]["attempt"])
        .collect();
    assert_eq!(attempts, [&json!(1), &json!(1)], "and nothing was used up");
}

#[tokio::test]
async fn a_dead_destination_keeps_nothing_from_the_others() {
    let life = Life::begin(|rule| rule["destinations"] = json!([{ "region": NEAR }, { "region": FAR }])).await;
    life.make("a", &["1", "2", "3"]).await;
    life.fault(json!([{ "action": "DescribeSnapshots", "match": { "region": NEAR }, "kind": "http_500_before" }]))
        .await;
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["complete"]), (&json!(3), &json!(false)), "{swept}");
    let report = life.report().await;
    assert_eq!((report.conclusion, report.counts.unknown), (Conclusion::Unknown, 3), "{:?}", report.why);
    assert!(report.why.iter().any(|why| why.contains(NEAR)), "{:?}", report.why);
    life.fault(json!([])).await;
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["complete"]), (&json!(3), &json!(true)), "{swept}");
}

#[tokio::test]
async fn a_copy_that_is_deleted_is_lost_told_and_made_again_in_the_same_sweep() {
    let life = Life::begin(|rule| rule["limits"] = json!({ "restart_lost": true })).await;
    life.make("a", &["1"]).await;
    life.sweep().await;
    life.arrive().await;
    life.seed(json!({ "remove": life.copies() })).await;
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["counts"]["in_progress"]), (&json!(1), &json!(1)), "{swept}");
    assert_eq!((life.told("lost").await, life.told("accepted").await), (1, 2));
}

#[tokio::test]
async fn so_many_copies_that_go_at_once_are_not_made_again_before_a_person_looked() {
    let life = Life::begin(|rule| rule["limits"] = json!({ "restart_lost": true })).await;
    let disks: Vec<String> = (10..22).map(|at| at.to_string()).collect();
    life.make("a", &disks.iter().map(String::as_str).collect::<Vec<_>>()).await;
    life.sweep().await;
    life.arrive().await;
    life.seed(json!({ "remove": life.copies() })).await;
    let before = life.calls();
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["counts"]["lost"]), (&json!(0), &json!(12)), "{swept}");
    assert_eq!(life.calls(), before, "a wrong key lists an empty account");
    let report = life.report().await;
    assert!(
        report.why.iter().any(|why| why.contains("confirm-loss web --destination ap-singapore")),
        "{:?}",
        report.why
    );
    assert_eq!(report.conclusion, Conclusion::Broken);
    life.pass(1).await;
    life.sweep().await;
    let alerts = life.alerts().await;
    assert_eq!(alerts.len(), 1, "it is told once, however many sweeps find it: {alerts:?}");
    assert_fits(&validator("alert"), &alerts[0]);
    assert_eq!((&alerts[0]["data"]["gone"], &alerts[0]["data"]["known"]), (&json!(12), &json!(12)));

    // A person looked, and saw fewer lost than are lost now: that is another loss.
    life.decide(0, Decision::ConfirmLoss { destination: FAR.into(), copies: 11, until: life.in_hours(24) }).await;
    assert_eq!(life.sweep().await["started"], json!(0));
    life.decide(1, Decision::ConfirmLoss { destination: FAR.into(), copies: 12, until: life.in_hours(24) }).await;
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["counts"]["in_progress"]), (&json!(12), &json!(12)), "{swept}");
    assert_eq!((life.told("lost").await, life.alerts().await.len()), (12, 1));
    life.arrive().await;
    life.sweep().await;
    assert_eq!(life.report().await.conclusion, Conclusion::Holds);
}

#[tokio::test]
async fn a_mass_loss_of_which_the_queue_was_not_told_is_told_by_the_next_sweep() {
    let mut life = Life::begin(|_| {}).await;
    let disks: Vec<String> = (10..22).map(|at| at.to_string()).collect();
    life.make("a", &disks.iter().map(String::as_str).collect::<Vec<_>>()).await;
    life.sweep().await;
    life.arrive().await;
    life.seed(json!({ "remove": life.copies() })).await;
    let queue = life.break_queue();
    life.sweep().await;
    assert_eq!(life.alerts().await, Vec::<Value>::new());
    life.context.ports.emitter = queue;
    life.sweep().await;
    life.sweep().await;
    assert_eq!(life.alerts().await.len(), 1);
}

#[tokio::test]
async fn what_goes_without_a_copy_is_missed_unless_a_newer_copy_overtook_it() {
    let life = Life::begin(|rule| rule["limits"] = json!({ "max_new_per_sweep": 1, "allow_empty": true })).await;
    let old = life.make("a", &["1"]).await;
    life.pass(1).await;
    life.make("b", &["1"]).await;
    // The newest goes first, and the older one waits.
    let swept = life.sweep().await;
    assert_eq!((&swept["started"], &swept["left"]), (&json!(1), &json!(1)), "{swept}");
    life.arrive().await;
    life.seed(json!({ "remove": old })).await;
    life.sweep().await;
    let report = life.report().await;
    assert_eq!((report.counts.overtaken, report.counts.missed), (1, 0), "{:?}", report.exceptions);
    assert_eq!((report.conclusion, life.told("overtaken").await), (Conclusion::Holds, 1), "{:?}", report.why);
    // Without a newer copy it is missed, and stays so.
    life.quota().await;
    let lonely = life.make("c", &["2"]).await;
    life.sweep().await;
    life.seed(json!({ "remove": lonely })).await;
    for _ in 0..2 {
        life.sweep().await;
        let report = life.report().await;
        assert_eq!((report.counts.missed, report.conclusion), (1, Conclusion::Broken), "{:?}", report.why);
    }
    assert_eq!(life.told("missed").await, 1);
}

#[tokio::test]
async fn what_was_accepted_is_open_although_its_source_is_gone() {
    let life = Life::begin(|_| {}).await;
    let ids = life.make("a", &["1"]).await;
    life.sweep().await;
    life.seed(json!({ "remove": ids })).await;
    let swept = life.sweep().await;
    assert_eq!((&swept["counts"]["in_progress"], &swept["counts"]["missed"]), (&json!(1), &json!(0)), "{swept}");
    life.arrive().await;
    life.sweep().await;
    let report = life.report().await;
    assert_eq!((report.resources.protected, report.resources.unprotected), (1, 0), "its copy protects: {report:?}");
}

#[tokio::test]
async fn what_is_renamed_out_of_the_rule_without_a_copy_has_left() {
    let life = Life::begin(|_| {}).await;
    life.quota().await;
    let ids = life.make("a", &["1"]).await;
    life.sweep().await;
    life.seed(json!({ "remove": ids })).await;
    life.seed(json!({ "snapshots": [life.snapshot(&ids[0], "mail", "1")] })).await;
    life.sweep().await;
    let report = life.report().await;
    assert_eq!((report.counts.left, report.conclusion), (1, Conclusion::Broken), "{:?}", report.why);
    assert_eq!(life.told("left").await, 1);
}

#[tokio::test]
async fn a_disk_that_cannot_be_copied_is_unprotected_until_a_person_accepts_it() {
    let life = Life::begin(|_| {}).await;
    life.fault(json!([{ "action": COPY, "kind": "code", "code": "InvalidSnapshot.NotSupported" }])).await;
    life.make("a", &["1"]).await;
    life.sweep().await;
    life.pass(25).await;
    life.sweep().await;
    let report = life.report().await;
    assert_eq!((report.resources.unprotected, report.conclusion), (1, Conclusion::Broken), "{:?}", report.why);
    let line = report.unprotected[0].clone();
    assert_eq!((line.state, line.resource.as_str()), (ResourceState::Unprotected, "disk-00000001"), "{line:?}");
    let at: Timestamp = life.estate.clock.now();
    let act = |number, cause: &str| Act {
        format: FORMAT,
        rule: "web".into(),
        number,
        decision: Decision::Accept {
            resource: line.resource.clone(),
            destination: None,
            cause: cause.into(),
            until: at + jiff::SignedDuration::from_hours(48),
        },
        reason: "it holds nothing".into(),
        who: "ann".into(),
        at,
    };
    let notes = life.estate.ledger();
    risks::add(&notes, act(0, "InsufficientSnapshotQuota")).await.unwrap();
    assert_eq!(life.report().await.conclusion, Conclusion::Broken, "another cause is not covered");
    risks::add(&notes, act(1, &line.cause)).await.unwrap();
    let report = life.report().await;
    assert_eq!((report.resources.accepted_risk, report.conclusion), (1, Conclusion::Holds), "{:?}", report.why);
    life.pass(49).await;
    life.sweep().await;
    assert_eq!(life.report().await.conclusion, Conclusion::Broken, "it has an end");
}

#[tokio::test]
async fn time_alone_makes_no_report_better() {
    let mut life = Life::begin(|_| {}).await;
    life.context.settings.paused = true;
    life.make("a", &["1"]).await;
    life.pass(25).await;
    life.sweep().await;
    assert_eq!(life.report().await.conclusion, Conclusion::Broken);
    life.pass(100).await;
    assert_eq!(life.report().await.conclusion, Conclusion::Broken, "a sweep that is too old is no excuse");
}

#[tokio::test]
async fn protection_goes_before_the_receipts_that_a_broken_queue_does_not_take() {
    let mut life = Life::begin(|_| {}).await;
    let queue = life.break_queue();
    let disks: Vec<String> = (100..220).map(|at| at.to_string()).collect();
    life.make("a", &disks.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // 120 copies are made, and their receipts wait.
    while life.calls() < 120 {
        life.sweep().await;
    }
    life.make("b", &["1", "2", "3"]).await;
    let invocation = life.estate.invocation(300);
    let swept = handle(&life.context, &json!({ "action": "sweep" }), &invocation).await.unwrap();
    assert_eq!((life.calls(), &swept["swept"][0]["started"]), (123, &json!(3)), "{swept}");
    assert!(life.estate.clock.now() <= invocation.deadline, "the outbox ends with the invocation");
    assert!(swept["outbox"]["left"].as_u64() >= Some(120), "{swept}");
    life.context.ports.emitter = queue;
    life.sweep().await;
    assert_eq!(life.told("accepted").await, 123, "and nothing is lost");
}

/// Law 12: it is parked and named, and not tried first for ever.
#[tokio::test]
async fn a_receipt_that_the_queue_always_refuses_is_parked_and_named() {
    let mut life = Life::begin(|_| {}).await;
    let refused = life.make("a", &["1"]).await.remove(0);
    let asked = Arc::new(AtomicUsize::new(0));
    let inner = life.context.ports.emitter.clone();
    life.context.ports.emitter = Arc::new(Picky { inner, refuses: refused, asked: asked.clone() });
    life.drain().await;
    // Each time there is another receipt that the queue takes.
    for round in 2..5 {
        let queue = life.break_queue();
        life.make("b", &[&round.to_string()]).await;
        life.sweep().await;
        life.context.ports.emitter = queue;
        let outbox = life.drain().await;
        assert_eq!((&outbox["drained"], &outbox["left"]), (&json!(1), &json!(1)), "{outbox}");
    }
    let before = asked.load(Ordering::SeqCst);
    let outbox = life.drain().await;
    assert_eq!((&outbox["left"], outbox["parked"].as_array().map(Vec::len)), (&json!(1), Some(1)), "{outbox}");
    assert_eq!(asked.load(Ordering::SeqCst), before, "it waits");
    // Its time comes again, and nothing of it is lost.
    life.pass(1).await;
    life.drain().await;
    assert!(asked.load(Ordering::SeqCst) > before);
    life.context.ports.emitter = life.estate.context(&life.policy).ports.emitter;
    let outbox = life.drain().await;
    assert_eq!((&outbox["left"], life.told("accepted").await), (&json!(0), 4), "{outbox}");
}

#[tokio::test]
async fn a_copy_that_the_provider_says_is_being_made_is_late_and_never_begun_anew() {
    let life = Life::begin(|_| {}).await;
    life.seed(json!({ "switches": { "copy_duration_s": 60 * 3_600 } })).await;
    let ids = life.make("a", &["1"]).await;
    life.sweep().await;
    // Only what is not listed any more is asked for by its record.
    life.seed(json!({ "remove": ids })).await;
    life.pass(50).await;
    handle(&life.context, &json!({ "action": "observe" }), &life.estate.invocation(600)).await.unwrap();
    let swept = life.sweep().await;
    assert_eq!((&swept["counts"]["in_progress"], &swept["counts"]["failed"]), (&json!(1), &json!(0)), "{swept}");
    assert_eq!((life.calls(), life.told("failed").await), (1, 0));
    life.pass(11).await;
    handle(&life.context, &json!({ "action": "observe" }), &life.estate.invocation(600)).await.unwrap();
    life.sweep().await;
    assert_eq!(life.report().await.resources.protected, 1);
}

#[tokio::test]
async fn what_a_dark_destination_could_not_be_asked_about_is_remembered() {
    let life = Life::begin(|rule| rule["destinations"] = json!([{ "region": NEAR }, { "region": FAR }])).await;
    life.fault(json!([{ "action": "DescribeSnapshots", "match": { "region": NEAR }, "kind": "http_500_before" }]))
        .await;
    let ids = life.make("a", &["1"]).await;
    life.sweep().await;
    life.fault(json!([])).await;
    life.seed(json!({ "remove": ids })).await;
    life.sweep().await;
    let report = life.report().await;
    assert_eq!((report.counts.missed, report.conclusion), (1, Conclusion::Broken), "{:?}", report.exceptions);
    assert_eq!(report.exceptions.iter().filter(|line| line.destination == NEAR).count(), 1);
}

#[tokio::test]
async fn the_newest_backup_of_a_resource_is_not_forgotten_when_an_older_one_arrives() {
    let life = Life::begin(|_| {}).await;
    let code = "UnsupportedOperation.SnapshotNotSupportCopy";
    life.make("a", &["1"]).await;
    life.sweep().await;
    life.fault(json!([{ "action": COPY, "kind": "code", "code": code }])).await;
    life.pass(1).await;
    let newer = life.make("b", &["1"]).await;
    life.sweep().await;
    life.pass(25).await;
    life.sweep().await;
    assert_eq!(life.report().await.resources.unprotected, 1, "what cannot be copied is newer");
    life.seed(json!({ "remove": newer })).await;
    for _ in 0..2 {
        life.sweep().await;
        let report = life.report().await;
        assert_eq!((report.resources.unprotected, report.conclusion), (1, Conclusion::Broken), "{:?}", report.why);
    }
}

#[tokio::test]
async fn a_copy_that_goes_after_its_source_has_ended_in_the_ledger_too() {
    let life = Life::begin(|_| {}).await;
    let ids = life.make("a", &["1"]).await;
    life.sweep().await;
    life.arrive().await;
    life.sweep().await;
    life.seed(json!({ "remove": ids })).await;
    life.sweep().await;
    life.seed(json!({ "remove": life.copies() })).await;
    life.sweep().await;
    assert_eq!((life.told("ended").await, life.told("lost").await), (1, 0));
    life.pass(24).await;
    life.sweep().await;
    assert_eq!(life.report().await.resources.unprotected, 1, "and protects nothing");
}
