//! Copies that nothing here started: the vendor's own plan makes them, or a pair of vaults carries the backup. A backup that goes before
//! such a copy can be used is missed like any other, and one whose copy came is told to nobody.

use std::sync::Arc;
use std::time::Duration;

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::ledger::{Resolution, State, resolve};
use offsite_shared::model::command::Cloud;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::report::{Conclusion, RuleReport};
use serde_json::{Value, json};

use crate::sweeping::Estate;

/// One rule, and an account whose copies take three hours.
struct Scene {
    estate: Estate,
    policy: Arc<Policy>,
    context: Context,
    cloud: Cloud,
}

impl Scene {
    async fn begin(cloud: Cloud, rule: Value) -> Scene {
        let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
        let estate = Estate::plain().await;
        estate.post(cloud, "seed", &json!({ "switches": { "copy_duration_s": 3 * 3_600 } })).await;
        let context = estate.context(&policy);
        Scene { estate, policy, context, cloud }
    }

    /// A rule for snapshots, and another hand that has begun to copy one of them.
    async fn of_tencent() -> Scene {
        Scene::hidden(0).await
    }

    /// The same, and the destination does not show the copy for so many seconds.
    async fn hidden(seconds: u64) -> Scene {
        let scene = Scene::begin(
            Cloud::Tencent,
            json!({
                "name": "web", "provider": "tencent", "limits": { "allow_empty": true },
                "source": { "region": "ap-guangzhou", "select": { "name_prefix": "life" } }, "destinations": [{ "region": "ap-singapore" }],
            }),
        )
        .await;
        scene
            .seed(json!({ "snapshots": [{
                "snapshot_id": "snap-life000001", "region": "ap-guangzhou", "name": "life-1", "disk_id": "disk-life0001",
            }] }))
            .await;
        scene.seed(json!({ "switches": { "visibility_delay_s": seconds } })).await;
        // A program of somebody else, with a memory of its own.
        let other = scene.estate.without_memory(&scene.policy);
        let swept = sweep(&scene.estate, &other).await;
        assert_eq!(swept["started"], json!(1), "{swept}");
        scene
    }

    /// A rule for a pair of vaults that are not paired yet, and a job.
    async fn of_alibaba() -> Scene {
        let scene = Scene::begin(
            Cloud::Alibaba,
            json!({
                "name": "files", "provider": "alibaba", "limits": { "allow_empty": true },
                "source": { "region": "cn-shenzhen", "vault_id": "v-000life0source00001s" },
                "destinations": [{ "region": "cn-chengdu", "vault_id": "v-000life0target00001t" }],
            }),
        )
        .await;
        scene
            .seed(json!({ "vaults": [
                { "vault_id": "v-000life0source00001s", "region": "cn-shenzhen" },
                { "vault_id": "v-000life0target00001t", "region": "cn-chengdu", "replication": true },
            ] }))
            .await;
        // What is made after this is not historic.
        scene.sweep().await;
        scene.pass(1).await;
        scene.job("job-life000001").await;
        scene
    }

    async fn job(&self, id: &str) {
        let now = self.estate.clock.now().to_string();
        let job = json!({
            "job_id": id, "vault_id": "v-000life0source00001s", "name": id, "instance_id": "i-life000001", "created": now, "completed": now,
            "source_type": "ECS_FILE",
        });
        self.seed(json!({ "jobs": [job] })).await;
    }

    async fn seed(&self, seed: Value) {
        self.estate.post(self.cloud, "seed", &seed).await;
    }

    /// The IDs of all copies that were ever begun.
    fn copies(&self) -> Vec<Value> {
        let state = self.estate.simulators.state();
        state["replications"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect()
    }

    async fn pass(&self, hours: u64) {
        self.estate.clock.sleep(Duration::from_secs(hours * 3_600 + 60)).await;
    }

    async fn sweep(&self) -> Value {
        sweep(&self.estate, &self.context).await
    }

    async fn report(&self) -> RuleReport {
        self.estate.report(&self.policy).await.rules.remove(0)
    }

    /// The states of the records of one backup.
    async fn states(&self, backup: &str) -> Vec<State> {
        let all = self.estate.ledger().list(&RecordFilter::default(), None, 100).await.unwrap();
        let of = |record: &offsite_shared::ledger::Record| record.replication().unwrap().source.id == backup;
        all.records.iter().filter(|record| of(record)).map(|record| record.state).collect()
    }

    async fn told(&self, kind: &str) -> usize {
        let wanted = json!(format!("offsite.replication.{kind}"));
        self.estate.receipts().await.iter().filter(|event| event["type"] == wanted).count()
    }
}

async fn sweep(estate: &Estate, context: &Context) -> Value {
    let answer = handle(context, &json!({ "action": "sweep" }), &estate.invocation(3_600)).await.unwrap();
    answer["swept"][0].clone()
}

#[tokio::test]
async fn a_copy_that_another_hand_makes_is_remembered_and_told_to_nobody() {
    let scene = Scene::of_tencent().await;
    let before = scene.told("accepted").await;
    let swept = scene.sweep().await;
    assert_eq!((&swept["counts"]["in_progress"], &swept["started"]), (&json!(1), &json!(0)), "{swept}");
    assert_eq!(scene.states("snap-life000001").await, [State::Seen]);
    scene.pass(3).await;
    scene.sweep().await;
    assert_eq!(scene.states("snap-life000001").await, [State::Found]);
    assert_eq!((scene.told("accepted").await, scene.told("replicated").await), (before, 0));
    assert_eq!(scene.report().await.conclusion, Conclusion::Holds);
    // Once it is gone, the backup is wanted again, and copied by this rule.
    scene.seed(json!({ "remove": scene.copies() })).await;
    let swept = scene.sweep().await;
    assert_eq!((&swept["started"], scene.told("accepted").await), (&json!(1), before + 1), "{swept}");
}

#[tokio::test]
async fn what_goes_before_the_copy_of_another_hand_has_failed_is_missed() {
    let scene = Scene::of_tencent().await;
    scene.sweep().await;
    let gone = [scene.copies(), vec![json!("snap-life000001")]].concat();
    scene.seed(json!({ "remove": gone })).await;
    scene.pass(25).await;
    scene.sweep().await;
    let report = scene.report().await;
    assert_eq!((report.counts.missed, report.conclusion), (1, Conclusion::Broken), "{:?}", report.why);
    assert_eq!(scene.told("missed").await, 1);
}

#[tokio::test]
async fn a_copy_of_another_hand_may_be_hidden_for_the_visibility_wait_when_its_source_goes() {
    for fails in [false, true] {
        let scene = Scene::hidden(600).await;
        scene.sweep().await;
        let copies = if fails { scene.copies() } else { Vec::new() };
        let gone = [copies, vec![json!("snap-life000001")]].concat();
        scene.seed(json!({ "remove": gone })).await;
        let swept = scene.sweep().await;
        assert_eq!((&swept["counts"]["in_progress"], &swept["counts"]["missed"]), (&json!(1), &json!(0)), "{swept}");
        // Once the destination would show it, it counts by that alone.
        scene.pass(1).await;
        let swept = scene.sweep().await;
        assert_eq!(swept["counts"]["missed"], json!(u8::from(fails)), "{swept}");
    }
}

#[tokio::test]
async fn a_copy_that_another_hand_makes_is_told_although_its_source_has_left_the_rule() {
    let scene = Scene::hidden(600).await;
    scene.sweep().await;
    scene.seed(json!({ "rename": { "snap-life000001": "other-1" } })).await;
    let swept = scene.sweep().await;
    assert_eq!((&swept["counts"]["in_progress"], &swept["counts"]["left"]), (&json!(1), &json!(0)), "{swept}");
    // Once it comes to nothing, the backup has left without a copy.
    scene.seed(json!({ "remove": scene.copies() })).await;
    let swept = scene.sweep().await;
    assert_eq!((&swept["counts"]["in_progress"], &swept["counts"]["left"]), (&json!(0), &json!(1)), "{swept}");
}

#[tokio::test]
async fn a_job_that_goes_before_its_pair_has_carried_it_is_missed_until_a_person_says_so() {
    let scene = Scene::of_alibaba().await;
    let swept = scene.sweep().await;
    assert_eq!(swept["counts"]["in_progress"], json!(1), "{swept}");
    assert_eq!(scene.states("job-life000001").await, [State::Seen]);
    scene.seed(json!({ "remove": ["job-life000001"] })).await;
    scene.pass(25).await;
    // A newer one is carried: its resource is protected, and the older one was missed all the same.
    scene.job("job-life000002").await;
    scene.pass(25).await;
    scene.sweep().await;
    let report = scene.report().await;
    assert_eq!((report.resources.protected, report.counts.missed), (1, 1), "{:?}", report.exceptions);
    assert_eq!((report.conclusion, scene.told("missed").await), (Conclusion::Broken, 1), "{:?}", report.why);

    let line = report.exceptions.iter().find(|line| line.backup_id == "job-life000001").unwrap();
    let key = offsite_shared::model::command::Key(line.key.clone().unwrap());
    let ledger = scene.estate.ledger();
    let record = ledger.get(&key).await.unwrap().unwrap();
    let adopt = Resolution::Adopt("v-1".into());
    assert!(resolve(&record, &adopt, "person:ann", "why", scene.estate.clock.now()).is_err(), "there is no such ID");
    let (next, expect) =
        resolve(&record, &Resolution::Acknowledge, "person:ann", "seen", scene.estate.clock.now()).unwrap();
    ledger.put(&next, &expect).await.unwrap();
    scene.sweep().await;
    assert_eq!(scene.report().await.conclusion, Conclusion::Holds);
}

#[tokio::test]
async fn a_pair_that_a_refused_attempt_had_not_seen_is_adopted_once_it_is_seen() {
    let mut scene = Scene::of_alibaba().await;
    scene.seed(json!({ "switches": { "visibility_delay_s": 30 } })).await;
    scene.sweep().await;
    // The ledger is lost, and before the pair can be seen another call is refused.
    scene.context = scene.estate.without_memory(&scene.policy);
    let memory = scene.context.ports.ledger.clone();
    let refused = json!([{ "action": "CreateVaultReplication", "kind": "code", "code": "ServiceNotActivated" }]);
    scene.estate.post(scene.cloud, "faults", &json!({ "clear": true, "faults": refused })).await;
    let states = async || {
        let all = memory.list(&RecordFilter::default(), None, 10).await.unwrap().records.into_iter();
        let whole = all.filter(|record| record.replication().unwrap().source.id.starts_with("v-"));
        whole.map(|record| record.state).collect::<Vec<_>>()
    };
    assert_eq!((scene.sweep().await["refused"].clone(), states().await), (json!(1), vec![State::Refused]));
    scene.estate.clock.sleep(Duration::from_secs(16 * 60)).await;
    // The call would be refused still: the pair is found, not made.
    scene.sweep().await;
    assert_eq!((scene.copies().len(), states().await), (1, vec![State::Accepted]));
}

#[tokio::test]
async fn a_job_that_went_is_missed_although_a_clock_that_was_ahead_wrote_of_it() {
    for ahead in [0, 5] {
        let scene = Scene::of_alibaba().await;
        scene.estate.clock.set(ahead);
        scene.sweep().await;
        scene.estate.clock.set(-ahead);
        scene.seed(json!({ "remove": ["job-life000001"] })).await;
        let swept = scene.sweep().await;
        assert_eq!(swept["counts"]["missed"], json!(1), "{ahead} minutes ahead: {swept}");
    }
}

#[tokio::test]
async fn a_job_that_its_pair_has_carried_may_go() {
    let scene = Scene::of_alibaba().await;
    scene.sweep().await;
    scene.pass(25).await;
    scene.sweep().await;
    assert_eq!(scene.states("job-life000001").await, [State::Found]);
    scene.seed(json!({ "remove": ["job-life000001"] })).await;
    scene.pass(25).await;
    scene.sweep().await;
    let report = scene.report().await;
    assert_eq!((report.counts.missed, report.conclusion), (0, Conclusion::Holds), "{:?}", report.why);
    assert_eq!((scene.told("missed").await, scene.told("overtaken").await), (0, 0));
}

#[tokio::test]
async fn a_pair_whose_vaults_are_not_as_they_should_be_holds_nothing() {
    let target = |fields: Value| {
        let mut vault = json!({
            "vault_id": "v-000life0target00001t", "region": "cn-chengdu", "source_vault_id": "v-000life0source00001s", "source_region": "cn-shenzhen",
        });
        vault.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "vaults": [vault] })
    };
    let state = |state: &str| target(json!({ "status": state }));
    let other = json!({ "vaults": [{
        "vault_id": "v-000life0other000001t", "region": "cn-chengdu", "source_vault_id": "v-000life0source00001s", "source_region": "cn-shenzhen",
    }] });
    let (red, unknown) = (Conclusion::Broken, Conclusion::Unknown);
    for (spoilt, wanted, why) in [
        (state("CREATED"), Conclusion::Holds, ""),
        (state("ERROR"), red, "the target vault v-000life0target00001t is in the state ERROR: UNKNOWN_ERROR"),
        (state("DELETING"), unknown, "is in the state DELETING, which does not say whether its copies can be used"),
        (state("INITIALIZING"), unknown, "is in the state INITIALIZING, which does not say"),
        (state("UNKNOWN"), unknown, "is in the state UNKNOWN, which does not say"),
        (other, unknown, "as its source, which replicates to v-000life0other000001t"),
        (target(json!({ "source_region": "cn-beijing" })), red, ""),
        (
            json!({ "remove": ["v-000life0source00001s"] }),
            unknown,
            "the vault v-000life0source00001s, which the rule names",
        ),
    ] {
        let scene = Scene::of_alibaba().await;
        scene.sweep().await;
        scene.pass(25).await;
        scene.sweep().await;
        assert_eq!(scene.report().await.conclusion, Conclusion::Holds);
        let mut seed = spoilt.clone();
        if let Some(vault) = seed.pointer_mut("/vaults/0") {
            let hours_ago = scene.estate.clock.now() - jiff::SignedDuration::from_hours(24);
            vault["created"] = json!(hours_ago.to_string());
        }
        scene.seed(seed).await;
        let swept = scene.sweep().await;
        let report = scene.report().await;
        let told = format!("{swept} {:?} {:?}", report.why, report.exceptions);
        assert_eq!(report.conclusion, wanted, "{spoilt}: {told}");
        assert!(told.contains(why), "{spoilt}: {told}");
        assert_eq!(scene.copies().len(), 1, "{spoilt}: nothing is begun twice");
    }
}
