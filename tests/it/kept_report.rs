//! The function of the report over simulated clouds: what is kept is in our own words, and whatever is not well turns the alarm on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite_report::run::run;
use offsite_report::setup::Setup;
use offsite_shared::context::Context;
use offsite_shared::context::metrics::Metrics;
use offsite_shared::handler::handle;
use offsite_shared::io::memory::FixedPolicy;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::{Error, ErrorName};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Meter, Objects, Policies};
use offsite_shared::report::keeping;
use offsite_shared::settings;
use serde_json::{Value, json};

use crate::sweeping::Estate;

/// A text that a provider says, and that nothing kept for years may hold.
const THEIRS: &str = "Dear Ann Example your quota is used up";

/// Takes objects, unless it refuses all of them.
#[derive(Default)]
struct Shelf {
    objects: Mutex<BTreeMap<String, String>>,
    refuses: bool,
}

impl Objects for Shelf {
    fn put<'a>(&'a self, name: &'a str, _content_type: &'a str, bytes: &'a [u8]) -> Boxed<'a, Result<(), Error>> {
        Box::pin(async move {
            if self.refuses {
                return Err(Error::new(ErrorName::Configuration, "AccessDenied"));
            }
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.objects.lock().unwrap().insert(name.to_owned(), text);
            Ok(())
        })
    }
}

impl Shelf {
    fn text(&self, name: &str) -> String {
        self.objects.lock().unwrap()[name].clone()
    }
}

/// What `Holds` was, and the alarm of the template on it.
#[derive(Default)]
struct Watch(Mutex<Vec<Value>>);

impl Meter for Watch {
    fn put(&self, line: &Value) {
        self.0.lock().unwrap().push(line.clone());
    }
}

impl Watch {
    /// Takes out what came since it was asked last. As the template has it: Minimum below 1, and missing data breaches.
    fn alarm_is_on(&self) -> bool {
        let values: Vec<u64> = self.0.lock().unwrap().drain(..).filter_map(|line| line["Holds"].as_u64()).collect();
        values.iter().min().is_none_or(|least| *least < 1)
    }
}

struct NoPolicy;

impl Policies for NoPolicy {
    fn policy(&self) -> Boxed<'_, Result<Option<Arc<Policy>>, Error>> {
        Box::pin(async { Err(Error::new(ErrorName::Unavailable, "the policy cannot be read")) })
    }
}

/// An installation with one rule, and the function of its report.
struct Scene {
    estate: Estate,
    policy: Arc<Policy>,
    shelf: Arc<Shelf>,
    watch: Arc<Watch>,
}

fn policy(names: &[&str], objective: &Value) -> Arc<Policy> {
    let rule = |name: &&str| {
        json!({
            "name": name, "provider": "tencent", "source": { "region": "ap-guangzhou" },
            "destinations": [{ "region": "ap-beijing" }], "objective": objective, "limits": { "allow_empty": true },
        })
    };
    let rules: Vec<Value> = names.iter().map(rule).collect();
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": rules })).unwrap())
}

impl Scene {
    /// One snapshot that is due.
    async fn start() -> Scene {
        let estate = Estate::plain().await;
        let snapshot = json!({ "snapshot_id": "snap-kept0001", "region": "ap-guangzhou", "name": "web-1", "disk_id": "disk-kept0001",
            "created": estate.clock.now().checked_sub(jiff::SignedDuration::from_hours(72)).unwrap().to_string() });
        estate
            .post(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot], "switches": { "copy_duration_s": 0 } }))
            .await;
        let policy = policy(&["web"], &json!({ "max_lag": "24h" }));
        Scene { estate, policy, shelf: Arc::default(), watch: Arc::default() }
    }

    fn setup(&self) -> Setup {
        Setup {
            ledger: Arc::new(self.estate.ledger()),
            notes: Arc::new(self.estate.ledger()),
            policies: Arc::new(FixedPolicy(Some(self.policy.clone()))),
            objects: self.shelf.clone(),
            clock: self.estate.clock.clone(),
            metrics: Metrics::to(self.watch.clone()).of_stack(Some("offsite-eu")),
            defaults: settings::defaults(&self.estate.environment).unwrap(),
            max_age: Duration::from_secs(7_200),
            language: offsite_local::report::Language::default(),
        }
    }

    /// What a report comes to: its conclusion, or the name of its error, and whether the alarm is on afterwards.
    async fn comes_to(&self, setup: &Setup) -> (String, bool) {
        let made = run(setup, &json!({ "action": "report" })).await;
        let word = match &made {
            Ok(answer) => answer["conclusion"].as_str().unwrap().to_owned(),
            Err(error) => error.name.name().to_owned(),
        };
        (word, self.watch.alarm_is_on())
    }

    async fn sweep(&self, context: &Context) {
        handle(context, &json!({ "action": "sweep" }), &self.estate.invocation(600)).await.unwrap();
    }

    /// Sweeps, looks at what was accepted, and sweeps again.
    async fn settle(&self) {
        let context = self.estate.context(&self.policy);
        self.sweep(&context).await;
        self.estate.clock.sleep(Duration::from_secs(300)).await;
        handle(&context, &json!({ "action": "observe" }), &self.estate.invocation(600)).await.unwrap();
        self.sweep(&context).await;
    }
}

/// The eleventh law: whatever makes a report red, and its silence, also turns an alarm on.
#[tokio::test]
async fn whatever_is_not_well_turns_the_one_alarm_on_and_what_is_well_turns_it_off() {
    let mut scene = Scene::start().await;
    assert!(scene.watch.alarm_is_on(), "silence");
    let on = |word: &str| (word.to_owned(), true);
    assert_eq!(scene.comes_to(&scene.setup()).await, on("unknown"), "nobody has swept");
    scene.sweep(&scene.estate.paused(&scene.policy)).await;
    assert_eq!(scene.comes_to(&scene.setup()).await, on("broken"), "a backup is due");
    scene.settle().await;
    assert_eq!(scene.comes_to(&scene.setup()).await, ("holds".to_owned(), false));
    assert!(scene.watch.alarm_is_on(), "silence after a good report");

    // The same report, which nobody has: it cannot be relied on.
    let refusing = Setup { objects: Arc::new(Shelf { refuses: true, ..Shelf::default() }), ..scene.setup() };
    assert_eq!(scene.comes_to(&refusing).await, on("Offsite.Configuration"), "not written");
    let blind = Setup { policies: Arc::new(NoPolicy), ..scene.setup() };
    assert_eq!(scene.comes_to(&blind).await, on("Offsite.Unavailable"), "no policy can be read");

    // Nothing is promised; a rule that nobody has swept beside a good one.
    let whole = scene.policy.clone();
    scene.policy = policy(&[], &json!({}));
    assert_eq!(scene.comes_to(&scene.setup()).await, on("not_judged"));
    scene.policy = policy(&["web", "db"], &json!({ "max_lag": "24h" }));
    assert_eq!(scene.comes_to(&scene.setup()).await, on("unknown"), "one of two rules");
    scene.policy = whole;

    // A sweep that does not come to its end, and one that is too old.
    assert_eq!(scene.comes_to(&scene.setup()).await, ("holds".to_owned(), false));
    let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "html_503" }] });
    scene.estate.post(Cloud::Tencent, "faults", &fault).await;
    scene.sweep(&scene.estate.context(&scene.policy)).await;
    assert_eq!(scene.comes_to(&scene.setup()).await, on("unknown"), "the cloud cannot be listed");
    scene.estate.post(Cloud::Tencent, "faults", &json!({ "faults": [], "clear": true })).await;
    scene.settle().await;
    assert_eq!(scene.comes_to(&scene.setup()).await, ("holds".to_owned(), false));
    scene.estate.clock.sleep(Duration::from_secs(9_000)).await;
    assert_eq!(scene.comes_to(&scene.setup()).await, on("unknown"), "too old");
}

#[tokio::test]
async fn what_is_kept_holds_codes_and_our_own_words_where_a_report_for_people_quotes_the_provider() {
    let scene = Scene::start().await;
    let fault = |action: &str, code: &str| json!({ "faults": [{ "action": action, "kind": "code", "code": code, "message": THEIRS, "http_status": 200 }] });
    for (action, code, told) in [
        ("CopySnapshotCrossRegions", "UnauthorizedOperation", "UnauthorizedOperation"),
        ("DescribeSnapshots", "UnauthorizedOperation", "did not come to its end"),
    ] {
        scene.estate.post(Cloud::Tencent, "faults", &json!({ "faults": [], "clear": true })).await;
        scene.estate.post(Cloud::Tencent, "faults", &fault(action, code)).await;
        scene.sweep(&scene.estate.context(&scene.policy)).await;
        let people = serde_json::to_string(&scene.estate.report(&scene.policy).await).unwrap();
        assert!(people.contains(THEIRS), "{action}: the report for people has no such words: {people}");
        scene.comes_to(&scene.setup()).await;
        for name in ["latest.json", "latest.html"] {
            let text = scene.shelf.text(name);
            assert!(!text.contains("Ann Example"), "{action}: {name} holds the provider's words: {text}");
            assert!(text.contains(told) && text.contains("disk-kept0001"), "{action}: {name}: {text}");
        }
    }
}

#[tokio::test]
async fn the_dated_and_the_latest_are_the_same_and_lists_share_their_bound() {
    let scene = Scene::start().await;
    scene.settle().await;
    let answer = run(&scene.setup(), &json!({ "action": "report" })).await.unwrap();
    let name = answer["report"].as_str().unwrap();
    for ending in ["json", "html"] {
        assert_eq!(scene.shelf.text(&format!("{name}.{ending}")), scene.shelf.text(&format!("latest.{ending}")));
    }
    let names: Vec<String> = scene.shelf.objects.lock().unwrap().keys().cloned().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let rules = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("rule-{number}")).collect();
        policy(&names.iter().map(String::as_str).collect::<Vec<_>>(), &json!({}))
    };
    let lines = |count| keeping::lines(Some(&rules(count))) * count;
    assert_eq!((keeping::lines(None), lines(1), lines(4)), (10_000, 10_000, 10_000));
    let wrong = run(&scene.setup(), &json!({ "action": "sweep" })).await.unwrap_err();
    assert!(wrong.message.contains("{\"action\":\"report\"}"), "{wrong}");
}

/// What [`Watch::alarm_is_on`] plays is what the template deploys.
#[test]
fn the_template_s_alarm_is_the_one_that_these_tests_play() {
    let template = include_str!("../../infra/aws/template.yaml");
    let alarm = template.split("  HoldsAlarm:\n").nth(1).unwrap().split("\n  ReportDeadLettersAlarm:").next().unwrap();
    for line in
        ["Statistic: Minimum", "Threshold: 1\n", "ComparisonOperator: LessThanThreshold", "TreatMissingData: breaching"]
    {
        assert!(alarm.contains(line), "{line}");
    }
}
