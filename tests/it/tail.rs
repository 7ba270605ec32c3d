//! The tail: what a look sees, remembers and starts, with every event lost. How soon that is, `reach` measures.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::handler::handle;
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::store::{Expect, LedgerError, Put, RecordFilter};
use offsite_shared::ledger::{Record, State};
use offsite_shared::model::command::Cloud;
use offsite_shared::model::http::{HttpRequest, Manner, Reply, TransportError};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Ledger, Meter, Notes, Transport};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::over::goes_on;
use crate::reach::Draw;
use crate::schemas::{assert_fits, validator};
use crate::sweeping::Estate;

const SOURCE: &str = "ap-guangzhou";
const FAR: &str = "ap-singapore";
const COPY: &str = "CopySnapshotCrossRegions";

fn rule(name: &str, prefix: &str) -> Value {
    json!({
        "name": name, "provider": "tencent", "limits": { "allow_empty": true },
        "source": { "region": SOURCE, "select": { "name_prefix": prefix } }, "destinations": [{ "region": FAR }],
    })
}

fn policy(rules: &[Value]) -> Arc<Policy> {
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap())
}

/// The network of a process, which notes when each copy is asked for, and lets backups go between two pages.
struct Watched {
    inner: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    asked: Mutex<BTreeMap<String, Vec<Timestamp>>>,
    /// What goes, one at each further page of a listing.
    goes: Mutex<Vec<String>>,
    /// How many IDs one question may hold; 0 for any number.
    most: AtomicU64,
    simulator: String,
    mortal: Arc<Mortal>,
}

impl Transport for Watched {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let named = |wanted: &str| {
                request.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("x-tc-action") && value == wanted)
            };
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            if named("DescribeSnapshots") && body["Offset"].as_u64().is_some_and(|offset| offset > 0) {
                let gone = self.goes.lock().unwrap().pop();
                if let Some(gone) = gone {
                    let request = HttpRequest {
                        method: "POST".into(),
                        url: format!("{}/_sim/seed", self.simulator),
                        headers: Vec::new(),
                        body: json!({ "remove": [gone] }).to_string().into_bytes(),
                        timeout: Duration::from_secs(5),
                        manner: Manner::default(),
                    };
                    assert_eq!(self.inner.send(request).await.unwrap().status, 200);
                }
            }
            let most = self.most.load(Ordering::SeqCst);
            let many = body["SnapshotIds"].as_array().map_or(0, |ids| ids.len() as u64);
            if most > 0 && many > most {
                let error = json!({ "Code": "InvalidParameterValue.LimitExceeded", "Message": "too many" });
                let body = json!({ "Response": { "Error": error, "RequestId": "r" } }).to_string().into_bytes();
                return Ok(Reply { status: 200, headers: Vec::new(), body });
            }
            if named(COPY) {
                let id = body["SnapshotId"].as_str().unwrap().to_owned();
                self.asked.lock().unwrap().entry(id).or_default().push(self.clock.now());
            }
            self.mortal.step().await;
            let reply = self.inner.send(request).await;
            self.mortal.step().await;
            reply
        })
    }
}

/// A process that may be told to die at a step: before or after each request and each write.
#[derive(Default)]
struct Mortal {
    /// Steps until it dies; 0 if it lives.
    left: AtomicU64,
    died: Notify,
}

impl Mortal {
    async fn step(&self) {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The stores of a process that may die before or after each write.
struct Stores {
    inner: Arc<MemoryLedger>,
    mortal: Arc<Mortal>,
}

impl Ledger for Stores {
    goes_on!(get list count pauses);

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(async move {
            self.mortal.step().await;
            let put = self.inner.put(record, expect).await;
            self.mortal.step().await;
            put
        })
    }
}

impl Notes for Stores {
    goes_on!(note drop_note);

    fn put_note<'a>(&'a self, name: &'a str, text: &'a str, was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async move {
            self.mortal.step().await;
            let put = self.inner.put_note(name, text, was).await;
            self.mortal.step().await;
            put
        })
    }
}

/// A cloud whose copies take an hour, a process, and what it did.
struct Home {
    estate: Estate,
    context: Context,
    watched: Arc<Watched>,
    mortal: Arc<Mortal>,
    store: Arc<MemoryLedger>,
}

impl Home {
    async fn of(rules: &[Value]) -> Home {
        let estate = Estate::plain().await;
        estate.post(Cloud::Tencent, "seed", &json!({ "switches": { "copy_duration_s": 3_600 } })).await;
        let mut context = estate.context(&policy(rules));
        let mortal = Arc::new(Mortal::default());
        let watched = Arc::new(Watched {
            inner: context.ports.transport.clone(),
            clock: estate.clock.clone(),
            asked: Mutex::default(),
            goes: Mutex::default(),
            most: AtomicU64::default(),
            simulator: estate.simulators.tencent(),
            mortal: mortal.clone(),
        });
        let store = Arc::new(MemoryLedger::default());
        let stores = Arc::new(Stores { inner: store.clone(), mortal: mortal.clone() });
        context.ports.transport = watched.clone();
        context.ports.ledger = stores.clone();
        context.ports.notes = stores;
        Home { estate, context, watched, mortal, store }
    }

    /// Makes snapshots that are begun now: each an ID, a name, and after how many seconds it is finished.
    async fn begin(&self, snapshots: &[(String, String, u64)]) -> BTreeMap<String, Timestamp> {
        let now = self.estate.clock.now();
        let rows: Vec<Value> = snapshots
            .iter()
            .map(|(id, name, seconds)| json!({ "snapshot_id": id, "region": SOURCE, "name": name, "creating_s": seconds }))
            .collect();
        self.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": rows })).await;
        let ends = |(id, _, seconds): &(String, String, u64)| (id.clone(), now + Duration::from_secs(*seconds));
        snapshots.iter().map(ends).collect()
    }

    async fn try_look(&self) -> Value {
        let payload = json!({ "action": "sweep", "depth": "recent" });
        let answer = handle(&self.context, &payload, &self.estate.invocation(60)).await.unwrap();
        assert_fits(&validator("answer"), &answer);
        answer
    }

    /// One look that is complete.
    async fn look(&self) -> Value {
        let looked = self.try_look().await["looked"][0].clone();
        assert_eq!(looked["complete"], json!(true), "{looked}");
        looked
    }

    /// A look that dies at a step; it lives with 0. Whether it died.
    async fn dying_look(&self, step: u64) -> bool {
        self.mortal.left.store(step, Ordering::SeqCst);
        let died = tokio::select! {
            _ = self.try_look() => false,
            () = self.mortal.died.notified() => true,
        };
        self.mortal.left.store(0, Ordering::SeqCst);
        died
    }

    /// What the ledger says of the copy of a snapshot.
    async fn record(&self, id: &str) -> Option<Record> {
        let page = self.store.list(&RecordFilter::default(), None, 1_000).await.unwrap();
        page.records.into_iter().find(|record| record.command["source"]["snapshot_id"] == json!(id))
    }

    async fn sweep(&self) -> Value {
        handle(&self.context, &json!({ "action": "sweep" }), &self.estate.invocation(3_600)).await.unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.estate.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// The sources that have a copy, and how many each.
    fn copies(&self) -> BTreeMap<String, u64> {
        let state = self.estate.simulators.state();
        let rows = state["replications"].as_array().unwrap().iter();
        rows.map(|row| (row["source"].as_str().unwrap().to_owned(), row["created"].as_u64().unwrap())).collect()
    }

    async fn note(&self) -> Value {
        let note = self.store.note(&format!("tail/tencent/default/{SOURCE}/-")).await.unwrap().unwrap();
        serde_json::from_str(&note.text).unwrap()
    }
}

/// 300 snapshots begun in one second that finish over two to 180 minutes, 50 rules, 500 incoming copies.
async fn the_night(rules: usize) -> (Home, BTreeMap<String, Timestamp>) {
    let rules: Vec<Value> = (0..rules).map(|at| rule(&format!("r{at:02}"), &format!("r{at:02}-"))).collect();
    let home = Home::of(&rules).await;
    home.look().await;
    let mut draw = Draw(3);
    let snapshots: Vec<(String, String, u64)> = (0..300_u64)
        .map(|at| {
            let name = format!("r{:02}-{at}", at as usize % rules.len());
            (format!("snap-night{at:04}"), name, 120 + draw.below(10_680))
        })
        .collect();
    let ends = home.begin(&snapshots).await;
    (home, ends)
}

async fn incoming(home: &Home, from: u64, count: u64) {
    let copy =
        |at: u64| json!({ "snapshot_id": format!("snap-incoming{at:04}"), "region": SOURCE, "copy_from_remote": true });
    let rows: Vec<Value> = (from..from + count).map(copy).collect();
    home.estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": rows })).await;
}

/// Every second look dies, each at a later step than the one before. They are three minutes apart, so that each finds more to die over;
/// how soon a look a minute is, `reach` measures.
#[tokio::test]
async fn a_night_of_late_endings_deaths_and_deletions_misses_none_and_copies_none_twice() {
    let (home, ends) = the_night(50).await;
    let goes = (0..200).map(|at| format!("snap-incoming{at:04}")).collect();
    *home.watched.goes.lock().unwrap() = goes;
    let (mut came, mut deaths) = (0, 0);
    for look in 0..62_u64 {
        if came < 500 {
            incoming(&home, came, 25).await;
            came += 25;
        }
        let dies = home.dying_look(if look % 2 == 1 { 1 + look / 2 % 40 } else { 0 });
        let died = if look == 6 { tokio::join!(dies, home.sweep()).0 } else { dies.await };
        deaths += u64::from(died);
        home.pass(180).await;
    }
    assert!(deaths >= 20, "{deaths} looks died");
    home.look().await;
    // Looks miss none but what one of them had claimed when it died, and that is on record.
    let by_looks = home.copies();
    for id in ends.keys().filter(|id| !by_looks.contains_key(*id)) {
        let record = home.record(id).await.unwrap_or_else(|| panic!("{id} has neither a copy nor a record"));
        assert!(matches!(record.state, State::Claimed | State::InDoubt), "{id}: {:?}", record.state);
    }
    // What died with a claim is in doubt, which full sweeps settle.
    let gone: Vec<String> = (0..500).map(|at| format!("snap-incoming{at:04}")).collect();
    home.estate.post(Cloud::Tencent, "seed", &json!({ "remove": gone })).await;
    for _ in 0..4 {
        if home.copies().len() < ends.len() {
            home.pass(3_600).await;
            home.sweep().await;
        }
    }
    let copies = home.copies();
    let missed: Vec<&String> = ends.keys().filter(|id| !copies.contains_key(*id)).collect();
    println!("a night: {} of 300 before the last full sweeps, {deaths} looks died", by_looks.len());
    assert!(missed.is_empty() && copies.len() == 300, "{missed:?}");
    assert!(copies.values().all(|made| *made == 1), "{copies:?}");
}

/// Dies once at each step of a look at three that are finished and one that is not: before and after each request and each write.
#[tokio::test]
async fn a_look_may_die_at_any_step_and_the_next_one_and_a_sweep_make_up_for_it() {
    let mut step = 1;
    loop {
        let home = Home::of(&[rule("web", "tail-")]).await;
        home.look().await;
        home.pass(60).await;
        let new: Vec<(String, String, u64)> =
            (0..4).map(|at| (format!("snap-dies{at:04}"), format!("tail-{at}"), 1 + at / 3 * 600)).collect();
        home.begin(&new).await;
        home.pass(2).await;
        let before = home.note().await;
        let died = home.dying_look(step).await;
        let after = home.note().await;
        if after["mark"] != before["mark"] {
            let waits = after["pending"].to_string();
            for (id, _, _) in &new {
                let dealt_with = home.record(id).await.is_some() || waits.contains(id);
                assert!(dealt_with, "step {step}: the mark was moved past {id}: {after}");
            }
        }
        home.pass(60).await;
        let looked = home.look().await;
        assert_eq!(looked["pending"], json!(1), "step {step}: {looked}");
        home.sweep().await;
        // What died between claim and answer is in doubt, and that takes its time; nothing else is missing.
        for (id, _, _) in new.iter().take(3).filter(|(id, ..)| !home.copies().contains_key(id)) {
            let record = home.record(id).await.unwrap_or_else(|| panic!("step {step}: {id} has no record"));
            assert_eq!(record.state, State::InDoubt, "step {step}: {id}");
        }
        home.pass(3_600).await;
        assert_eq!(home.look().await["started"], json!(1), "step {step}: the one that was not finished");
        home.sweep().await;
        let made = |count: usize| BTreeMap::from_iter((0..count).map(|at| (format!("snap-dies{at:04}"), 1)));
        assert_eq!(home.copies(), made(4), "step {step}");
        if !died {
            break;
        }
        step += 1;
    }
    println!("a look died at each of {} steps", step - 1);
    assert!(step > 20, "only {} steps: the test has become too easy", step - 1);
}

/// The twin: a look that only asks what is on the newest page, and forgets what was unfinished there.
#[tokio::test]
async fn a_tail_that_forgets_what_is_unfinished_misses_most_of_the_night() {
    let (home, _) = the_night(5).await;
    for _ in 0..62 {
        home.try_look().await;
        let name = format!("tail/tencent/default/{SOURCE}/-");
        let note = home.store.note(&name).await.unwrap().unwrap();
        let mut state: Value = serde_json::from_str(&note.text).unwrap();
        state["pending"] = json!([]);
        state["mark"] = json!("2100-01-01T00:00:00Z");
        assert!(home.store.put_note(&name, &state.to_string(), note.version).await.unwrap());
        home.pass(180).await;
    }
    assert!(home.copies().len() < 100, "{}", home.copies().len());
}

#[tokio::test]
async fn the_past_is_the_full_sweeps_and_looks_never_write_what_it_says() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.begin(&[("snap-past0001".into(), "tail-1".into(), 0)]).await;
    home.pass(30).await;
    let looked = home.look().await;
    assert_eq!((&looked["started"], &looked["pending"]), (&json!(0), &json!(0)), "{looked}");
    home.pass(60).await;
    home.begin(&[("snap-new00001".into(), "tail-2".into(), 0)]).await;
    home.pass(1).await;
    let looked = home.look().await;
    assert_eq!(looked["started"], json!(1), "{looked}");
    assert_eq!(home.copies().keys().collect::<Vec<_>>(), ["snap-new00001"]);
    for name in ["summary/web", "course/web"] {
        assert_eq!(home.store.note(name).await.unwrap(), None, "{name}");
    }
    assert_eq!(home.look().await["started"], json!(0));
    home.sweep().await;
    assert_eq!(home.copies().len(), 2);
}

#[tokio::test]
async fn a_limit_is_shared_by_the_sweep_and_all_looks_until_the_next_one() {
    let mut limited = rule("web", "tail-");
    limited["limits"]["max_new_per_sweep"] = json!(5);
    let home = Home::of(&[limited]).await;
    home.look().await;
    let begin = |name: &'static str, count: usize| {
        (0..count).map(|at| (format!("snap-{name}{at:05}"), format!("tail-{name}{at}"), 0)).collect::<Vec<_>>()
    };
    home.begin(&begin("first", 3)).await;
    home.pass(1).await;
    assert_eq!(home.look().await["started"], json!(3));
    home.begin(&begin("second", 4)).await;
    home.pass(1).await;
    let looked = home.look().await;
    assert_eq!((&looked["started"], &looked["left"]), (&json!(2), &json!(2)), "{looked}");
    // The sweep begins a new count.
    let swept = home.sweep().await["swept"][0].clone();
    assert_eq!(swept["started"], json!(2), "{swept}");
    home.begin(&begin("third", 4)).await;
    home.pass(1).await;
    assert_eq!(home.look().await["started"], json!(3));
    assert_eq!(home.copies().len(), 10);
}

#[tokio::test]
async fn a_rule_that_starts_later_leaves_the_vendor_its_time() {
    let mut patient = rule("web", "tail-");
    patient["limits"]["start_after"] = json!("6h");
    let home = Home::of(&[patient, rule("prompt", "db-")]).await;
    home.look().await;
    home.begin(&[("snap-late0001".into(), "tail-1".into(), 0), ("snap-soon0001".into(), "db-1".into(), 0)]).await;
    home.pass(1).await;
    let looked = home.look().await;
    assert_eq!((&looked["started"], &looked["pending"]), (&json!(1), &json!(1)), "{looked}");
    // An event that names it does not hurry it.
    let event = json!({ "provider": "tencent", "region": SOURCE, "snapshot_id": "snap-late0001" });
    let answer = handle(&home.context, &event, &home.estate.invocation(60)).await.unwrap();
    assert_eq!(answer["results"][0]["state"], json!("left_to_sweep"), "{answer}");
    for _ in 0..5 {
        home.sweep().await;
        home.pass(4_000).await;
        home.look().await;
    }
    assert_eq!(home.copies().keys().collect::<Vec<_>>(), ["snap-soon0001"]);
    home.pass(2_000).await;
    assert_eq!(home.look().await["started"], json!(1));
    assert_eq!(home.copies().len(), 2);
}

#[tokio::test]
async fn what_is_too_young_is_asked_for_again_when_it_is_old_enough() {
    let mut young = rule("web", "tail-");
    young["source"]["select"]["min_age"] = json!("2h");
    let home = Home::of(&[young]).await;
    home.look().await;
    home.begin(&[("snap-young001".into(), "tail-1".into(), 60)]).await;
    home.pass(3_600).await;
    assert_eq!(home.look().await["pending"], json!(1));
    home.pass(3_500).await;
    assert_eq!(home.look().await["started"], json!(0));
    home.pass(200).await;
    assert_eq!(home.look().await["started"], json!(1));
}

/// More begins at once than a look reads: a full sweep follows in the same invocation, and the looks go on behind it.
#[tokio::test]
async fn a_flood_calls_the_full_sweep_and_is_caught_up_with() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.look().await;
    home.estate
        .post(
            Cloud::Tencent,
            "seed",
            &json!({ "generate": { "count": 1_500, "region": SOURCE, "prefix": "other-", "every_s": 0.001 } }),
        )
        .await;
    let ids: Vec<(String, String, u64)> = vec![("snap-flood001".into(), "tail-1".into(), 0)];
    home.begin(&ids).await;
    home.pass(1).await;
    let answer = home.try_look().await;
    let looked = &answer["looked"][0];
    assert_eq!((&looked["behind"], &looked["requests"]), (&json!(true), &json!(10)), "{answer}");
    assert_eq!(answer["swept"]["swept"][0]["complete"], json!(true), "{answer}");
    home.pass(60).await;
    let looked = home.look().await;
    assert_eq!(looked["behind"], json!(false), "{looked}");
    assert_eq!(home.copies().len(), 1);
}

/// A destination that takes nothing is asked once by looks; only full sweeps try it again, and then all that waits is started.
#[tokio::test]
async fn looks_never_try_a_cause_that_is_not_the_backups_again() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.look().await;
    let fault = json!([{ "action": COPY, "kind": "code", "code": "InsufficientSnapshotQuota" }]);
    home.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": fault })).await;
    for at in 0..3 {
        home.begin(&[(format!("snap-quota{at:03}"), format!("tail-{at}"), 0)]).await;
        home.pass(60).await;
        home.look().await;
    }
    let asked: usize = home.watched.asked.lock().unwrap().values().map(Vec::len).sum();
    assert_eq!(asked, 1);
    home.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": [] })).await;
    home.pass(400).await;
    home.sweep().await;
    assert_eq!(home.copies().len(), 3);
    home.begin(&[("snap-quota999".into(), "tail-9".into(), 0)]).await;
    home.pass(60).await;
    assert_eq!(home.look().await["started"], json!(1));
}

#[tokio::test]
async fn two_looks_at_once_are_one_and_an_old_one_ends_at_once() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.mortal.left.store(4, Ordering::SeqCst);
    tokio::select! {
        _ = home.try_look() => panic!("it lived"),
        () = home.mortal.died.notified() => {}
    }
    let busy = home.try_look().await["looked"][0].clone();
    assert_eq!((&busy["state"], &busy["complete"]), (&json!("busy"), &json!(false)), "{busy}");
    home.pass(60).await;
    home.look().await;
    let scheduled = |seconds: i64| {
        let at = home.estate.clock.now() - jiff::SignedDuration::from_secs(seconds);
        json!({ "action": "sweep", "depth": "recent", "scheduled": at.to_string() })
    };
    for (seconds, late) in [(59, false), (100, false), (200, true)] {
        let answer = handle(&home.context, &scheduled(seconds), &home.estate.invocation(60)).await.unwrap();
        assert_eq!(answer.get("late").is_some(), late, "{answer}");
    }
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_is_an_answer_and_no_failure() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.look().await;
    let before = home.note().await;
    let fault = json!([{ "action": "DescribeSnapshots", "kind": "code", "code": "InvalidParameter" }]);
    home.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": fault })).await;
    let looked = home.try_look().await["looked"][0].clone();
    assert_eq!((&looked["state"], &looked["complete"]), (&json!("failed"), &json!(false)), "{looked}");
    let after = home.note().await;
    assert_eq!((&before["mark"], &before["looked_at"]), (&after["mark"], &after["looked_at"]));
}

#[tokio::test]
async fn what_a_look_cannot_do_is_refused_in_words() {
    let mut home = Home::of(&[rule("web", "tail-")]).await;
    for (payload, says) in [
        (json!({ "action": "sweep", "depth": "deep" }), "depth: must be recent"),
        (json!({ "action": "sweep", "depth": "recent", "rule": "web" }), "leave rule out"),
    ] {
        let error = handle(&home.context, &payload, &home.estate.invocation(60)).await.unwrap_err();
        assert!(error.message.contains(says), "{}", error.message);
    }
    home.context.settings.read_only = true;
    let payload = json!({ "action": "sweep", "depth": "recent" });
    let error = handle(&home.context, &payload, &home.estate.invocation(60)).await.unwrap_err();
    assert!(error.message.contains("has no dry run"), "{}", error.message);
}

/// Tencent names no limit for the IDs of one request: what is refused is asked in halves, then singly, and what is gone is found so.
#[tokio::test]
async fn many_ids_that_are_refused_together_are_asked_in_halves() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.look().await;
    let snapshots: Vec<(String, String, u64)> =
        (0..12).map(|at| (format!("snap-many{at:04}"), format!("tail-{at}"), 3_000)).collect();
    home.begin(&snapshots).await;
    home.pass(1).await;
    assert_eq!(home.look().await["pending"], json!(12));
    // Many that are newer move the mark on, so that they are not listed any more.
    home.pass(1_200).await;
    let newer = json!({ "generate": { "count": 230, "region": SOURCE, "prefix": "other-", "every_s": 5.0 } });
    home.estate.post(Cloud::Tencent, "seed", &newer).await;
    home.look().await;
    home.pass(60).await;
    assert_eq!(home.look().await["requests"], json!(3), "two for the list, one for the twelve");
    home.pass(3_000).await;
    home.estate.post(Cloud::Tencent, "seed", &json!({ "remove": ["snap-many0007"] })).await;
    home.watched.most.store(3, Ordering::SeqCst);
    let looked = home.look().await;
    // 12, 6, 3, 3, 6, 3, 3: seven questions; the one that went answers for itself or is left out.
    assert!(looked["requests"].as_u64() >= Some(9), "{looked}");
    assert_eq!((&looked["pending"], &looked["started"]), (&json!(0), &json!(11)), "{looked}");
    assert_eq!(home.copies().len(), 11);
}

#[tokio::test]
async fn a_thousand_that_are_unfinished_are_remembered_and_one_more_is_left_to_the_full_sweep() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.look().await;
    let mut looked = Value::Null;
    for (from, count) in [(0, 600), (600, 401)] {
        let new: Vec<(String, String, u64)> =
            (from..from + count).map(|at| (format!("snap-many{at:04}"), format!("tail-{at}"), 80_000)).collect();
        home.begin(&new).await;
        home.pass(60).await;
        looked = home.look().await;
        // One that is newer moves the mark on, so that these are not listed any more.
        home.pass(1_800).await;
        home.begin(&[(format!("snap-mark{from:04}"), "other".into(), 0)]).await;
        home.pass(1).await;
        home.look().await;
    }
    assert_eq!((&looked["pending"], &looked["left"]), (&json!(1_000), &json!(1)), "{looked}");
}

#[tokio::test]
async fn what_is_unfinished_for_a_day_is_left_to_the_full_sweep() {
    let home = Home::of(&[rule("web", "tail-")]).await;
    home.look().await;
    home.begin(&[("snap-slow0001".into(), "tail-1".into(), 90_000)]).await;
    home.pass(60).await;
    assert_eq!(home.look().await["pending"], json!(1));
    home.pass(86_300).await;
    assert_eq!(home.look().await["pending"], json!(1), "the twin: not yet a day");
    home.pass(101).await;
    let looked = home.look().await;
    assert_eq!((&looked["pending"], &looked["left"]), (&json!(0), &json!(1)), "{looked}");
    home.pass(4_000).await;
    assert_eq!(home.look().await["started"], json!(0));
    home.sweep().await;
    assert_eq!(home.copies().len(), 1);
}

#[derive(Default)]
struct Measured(Mutex<Vec<u64>>);

impl Meter for Measured {
    fn put(&self, line: &Value) {
        let age = &line["TailAgeSeconds"];
        self.0.lock().unwrap().extend(age.as_u64().or(age[0].as_u64()));
    }
}

/// The alarm is on the age of the last look that was complete: while looks fail it grows, and the next good one puts it back.
#[tokio::test]
async fn the_age_of_the_tail_grows_while_looks_fail() {
    let mut home = Home::of(&[rule("web", "tail-")]).await;
    let measured = Arc::new(Measured::default());
    home.context.memory.metrics = Metrics::to(measured.clone());
    home.look().await;
    let fault = json!([{ "action": "DescribeSnapshots", "kind": "code", "code": "InvalidParameter" }]);
    home.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": fault })).await;
    for _ in 0..2 {
        home.pass(300).await;
        assert_eq!(home.try_look().await["looked"][0]["complete"], json!(false));
    }
    home.estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": [] })).await;
    home.pass(60).await;
    home.look().await;
    let ages = measured.0.lock().unwrap().clone();
    assert!(matches!(ages[..], [0, 300..400, 600..700, 0]), "{ages:?}");
}
