//! What a person decides on the command line: accepted risks, what is gone, retired rules, and records settled by the hundred.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_local::home::ledger::SqliteLedger;
use offsite_local::home::queue::Queue;
use offsite_shared::handler::handle;
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::ledger::risks::Decision;
use offsite_shared::ledger::store::{Expect, Put, RecordFilter};
use offsite_shared::ledger::{About, Claim, Claimant, Record, State, claim, put_off};
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger};
use offsite_shared::report::risks;
use serde_json::{Value, json};

use crate::command_line::{self, Ended};
use crate::faults::world::{Home, Store, TABLE, aws_environment, command, http, replication};
use crate::schemas::{assert_fits, validator};
use crate::sweeping::Estate;

const QUOTA: &str = "InsufficientSnapshotQuota";

fn policy(limits: &Value) -> Arc<Policy> {
    let rule = json!({
        "name": "nightly", "provider": "tencent", "limits": limits,
        "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } }, "destinations": [{ "region": "ap-singapore" }],
    });
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap())
}

/// Snapshots of disks of their own: `snap-00000000` of `disk-00000000` and so on.
pub async fn make(estate: &Estate, count: usize) {
    let snapshot = |at: usize| {
        let (snapshot, disk) = (format!("snap-{at:08}"), format!("disk-{at:08}"));
        json!({ "snapshot_id": snapshot, "region": "ap-guangzhou", "name": "nightly", "disk_id": disk })
    };
    let snapshots: Vec<Value> = (0..count).map(snapshot).collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
}

/// A person's environment on the estate's machine.
pub fn person(estate: &Estate, policy: &Policy) -> Vec<(String, String)> {
    let mut environment = estate.of_command(policy);
    environment.push(("USER".to_owned(), "ann".to_owned()));
    environment
}

pub async fn run(arguments: &[&str], environment: &[(String, String)]) -> Ended {
    command_line::run(arguments, environment, None).await
}

/// Runs what must be refused with one line that says this.
#[track_caller]
pub fn refused(ended: &Ended, part: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
    assert_eq!(ended.stderr.trim_end().lines().count(), 1, "one line: {}", ended.stderr);
    assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(part), "{part}: {}", ended.stderr);
}

#[track_caller]
fn well(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
}

async fn records(ledger: &SqliteLedger, state: State) -> Vec<Record> {
    let filter = RecordFilter { state: Some(state.name().to_owned()), ..RecordFilter::default() };
    ledger.list(&filter, None, 1_000).await.unwrap().records
}

/// The ground of a risk is a cause that lasts; a quota that was raised is none, and what was refused goes on within the rule's limit.
#[tokio::test]
async fn after_a_raised_quota_all_that_was_refused_is_tried_again_within_the_limit() {
    let mut estate = Estate::plain().await;
    estate.environment = estate.environment.with("OFFSITE_MAX_ATTEMPTS", "1");
    let policy = policy(&json!({ "max_new_per_sweep": 2 }));
    make(&estate, 3).await;
    let fault = json!([{ "action": "CopySnapshotCrossRegions", "kind": "code", "code": QUOTA, "http_status": 200 }]);
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": fault })).await;
    let context = estate.context(&policy);
    for _ in 0..2 {
        estate.sweep(&context).await;
        estate.clock.sleep(std::time::Duration::from_secs(7_200)).await;
    }
    let refused_before = records(&estate.ledger(), State::Refused).await.len();
    assert!(refused_before > 0, "what waits behind the same cause is not asked one by one");
    let (many, fewer) = (refused_before.to_string(), (refused_before - 1).to_string());
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": [] })).await;

    let environment = person(&estate, &policy);
    let retry = ["ledger", "resolve", "--retry", "--code", QUOTA, "--reason", "the quota was raised"];
    refused(&run(&retry, &environment).await, &format!("give the number by --yes {many}"));
    refused(
        &run(&[&retry[..], &["--yes", &fewer]].concat(), &environment).await,
        &format!("--yes says {fewer}, and now there are {many}"),
    );
    let other = ["ledger", "resolve", "--retry", "--code", "Other", "--reason", "r", "--yes", "3"];
    refused(&run(&other, &environment).await, "no record is meant by this");
    assert_eq!(records(&estate.ledger(), State::Refused).await.len(), refused_before, "nothing was changed so far");
    let told = well(&run(&[&retry[..], &["--yes", &many]].concat(), &environment).await);
    assert_eq!(told, json!({ "settled": refused_before, "left": 0 }));

    for started in [2, 1, 0] {
        let swept = estate.sweep(&context).await["swept"][0].clone();
        assert_eq!(swept["started"], json!(started), "{swept}");
    }
    let accepted = records(&estate.ledger(), State::Accepted).await;
    assert!(accepted.iter().all(|record| record.attempt == 1) && accepted.len() == 3, "{accepted:?}");
    assert_eq!(
        accepted.iter().flat_map(|one| &one.history).filter(|line| line.owner == "person:ann").count(),
        refused_before
    );
}

#[tokio::test]
async fn one_backup_is_retried_by_the_clouds_own_id() {
    let estate = Estate::plain().await;
    let ledger = estate.ledger();
    let wish = json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot", "rule": "nightly",
        "source": { "region": "ap-guangzhou", "snapshot_id": "snap-000001" }, "destinations": [{ "region": "ap-singapore" }],
    });
    let mut record = put_off(&replication(&wish), About::default(), &by("sweep", SystemClock.now()), None);
    record.state = State::Refused;
    record.attempt = 5;
    assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
    let environment = person(&estate, &policy(&json!({})));
    let retry = ["ledger", "resolve", "snap-000001", "--retry", "--reason", "it was shared"];
    let told = well(&run(&retry, &environment).await);
    assert_eq!((&told["state"], &told["attempt"]), (&json!("seen"), &json!(5)));
    refused(&run(&retry, &environment).await, "it is seen, and --retry is for records that are in doubt, refused");
    let shown = well(&run(&["ledger", "show", "snap-000001"], &environment).await);
    assert_eq!(shown["key"], json!(record.key));
}

fn by(owner: &str, now: Timestamp) -> Claimant {
    Claimant { owner: owner.into(), lease_until: now, now }
}

/// A record of a rule that stopped in this state so many days ago.
pub fn stopped(seed: u64, rule: &str, state: State, days: i64) -> Record {
    let mut wish = command(Operation::CopySnapshot, &mut fastrand::Rng::with_seed(seed));
    wish["rule"] = json!(rule);
    let then = SystemClock.now() - SignedDuration::from_hours(24 * days);
    let mut record = put_off(&replication(&wish), About::default(), &by("sweep", then), None);
    record.state = state;
    record
}

#[tokio::test]
async fn old_misses_of_one_rule_are_acknowledged_together_and_nothing_else_is() {
    let estate = Estate::plain().await;
    let ledger = estate.ledger();
    let mut seed = 0;
    for (rule, state, days, count) in [
        ("nightly", State::Missed, 40, 4),
        ("nightly", State::Missed, 2, 3),
        ("nightly", State::Seen, 40, 2),
        ("weekly", State::Missed, 40, 5),
    ] {
        for _ in 0..count {
            seed += 1;
            let record = stopped(seed, rule, state, days);
            assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
        }
    }
    let environment = person(&estate, &policy(&json!({})));
    let before = (SystemClock.now() - SignedDuration::from_hours(24 * 30)).strftime("%Y-%m-%d").to_string();
    let all = ["ledger", "resolve", "--acknowledge", "--rule", "nightly", "--before", &before, "--reason", "old disks"];
    refused(
        &run(&all, &environment).await,
        "This settles 4 records of rule nightly, and nobody is there to confirm that",
    );
    let told = well(&run(&[&all[..], &["--yes", "4"]].concat(), &environment).await);
    assert_eq!(told, json!({ "settled": 4, "left": 0 }));
    assert_eq!(records(&ledger, State::Missed).await.len(), 8);
    assert_eq!(records(&ledger, State::Seen).await.len(), 2);
    refused(&run(&all, &environment).await, "no record of rule nightly is meant by this");
    let bare = ["ledger", "resolve", "--acknowledge", "--reason", "r"];
    refused(&run(&bare, &environment).await, "say which records");
    for wrong in [
        &["ledger", "resolve", "--abandon", "--rule", "nightly", "--reason", "r"][..],
        &["ledger", "resolve", "0123456789", "--retry", "--rule", "nightly", "--reason", "r"],
        &["ledger", "resolve", "--retry", "--state", "seen", "--reason", "r"],
        &["ledger", "resolve", "--retry", "--state", "failed", "--before", "soon", "--reason", "r"],
    ] {
        assert_eq!(run(wrong, &environment).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn the_lease_of_a_dead_owner_is_broken_into_doubt_and_a_young_one_is_not() {
    let estate = Estate::plain().await;
    let ledger = estate.ledger();
    let environment = person(&estate, &policy(&json!({})));
    for (seed, minutes) in [(1, 30), (2, 10)] {
        let wish = replication(&command(Operation::CopySnapshot, &mut fastrand::Rng::with_seed(seed)));
        let then = SystemClock.now() - SignedDuration::from_mins(minutes);
        let me = Claimant { owner: "0123".into(), lease_until: then + SignedDuration::from_hours(24), now: then };
        let Claim::Write(record, expect) = claim(None, &wish, &me, &Default::default()) else { panic!("it is new") };
        assert_eq!(ledger.put(&record, &expect).await.unwrap(), Put::Stored);
        let ended =
            run(&["ledger", "resolve", &record.key, "--break-lease", "--reason", "switched off"], &environment).await;
        if minutes == 30 {
            let told = well(&ended);
            assert_eq!((&told["state"], &told["lease_until"]), (&json!("in_doubt"), &Value::Null));
            assert!(told["doubt_since"].as_str().unwrap() > then.to_string().as_str(), "{told}");
        } else {
            refused(&ended, "its lease can be broken from");
            let kept = ledger.get(&record.key()).await.unwrap().unwrap();
            assert_eq!(kept, *record);
        }
    }
}

#[tokio::test]
async fn a_risk_is_accepted_listed_told_of_and_taken_back() {
    let estate = Estate::plain().await;
    make(&estate, 2).await;
    let policy = policy(&json!({}));
    let environment = person(&estate, &policy);
    let accept = ["risk", "accept", "--rule", "nightly", "--resource", "disk-00000001", "--cause", "encrypted"];
    // Nothing has swept yet, so the cloud is asked.
    let accept = [&accept[..], &["--for", "90d", "--reason", "replaced in March"]].concat();
    let act = well(&run(&accept, &environment).await);
    assert_eq!(
        (&act["kind"], &act["number"], &act["reason"]),
        (&json!("accept"), &json!(0), &json!("replaced in March"))
    );
    assert!(act["who"].as_str().unwrap().starts_with("ann@"), "{act}");
    let gone = ["risk", "accept", "--rule", "nightly", "--resource", "disk-00000000", "--gone", "--reason", "scrapped"];
    assert_eq!(well(&run(&gone, &environment).await)["number"], json!(1));
    let listed = run(&["risk", "list"], &environment).await;
    assert!(listed.stdout.contains("disk-00000001 to anywhere: encrypted accepted until"), "{}", listed.stdout);
    assert!(listed.stdout.contains("nightly/1  in force  disk-00000000 is gone"), "{}", listed.stdout);
    let revoke = ["risk", "revoke", "nightly/0", "--reason", "it is needed"];
    well(&run(&revoke, &environment).await);
    refused(&run(&revoke, &environment).await, "nightly/0 was revoked already");
    let listed = well(&run(&["risk", "list", "--format", "json"], &environment).await);
    assert_eq!((&listed["kind"], &listed["in_force"]), (&json!("gone"), &json!(true)), "only one is left");
    let all = run(&["risk", "list", "--all", "--format", "json"], &environment).await;
    assert_eq!(all.stdout.lines().count(), 3, "{}", all.stdout);

    let validator = validator("decision");
    let receipts = estate.receipts().await;
    receipts.iter().for_each(|message| assert_fits(&validator, message));
    let types: Vec<&str> = receipts.iter().filter_map(|message| message["type"].as_str()).collect();
    assert_eq!(types, ["offsite.risk.accepted", "offsite.risk.gone", "offsite.risk.revoked"]);
}

#[tokio::test]
async fn a_risk_that_is_not_clear_is_refused_in_one_line() {
    let estate = Estate::plain().await;
    make(&estate, 1).await;
    let policy = policy(&json!({}));
    let environment = person(&estate, &policy);
    let base = |rule, id, rest: &[&'static str]| {
        let start = ["risk", "accept", "--rule", rule, "--resource", id];
        [&start[..], rest].concat()
    };
    let end = ["--cause", "encrypted", "--for", "90d", "--reason", "r"];
    for (arguments, part) in [
        (
            base("nightly", "disk-00000000", &["--cause", "encrypted", "--reason", "r"]),
            "needs an end: give --until DATE or --for",
        ),
        (
            base("nightly", "disk-00000000", &["--cause", "encrypted", "--for", "367d", "--reason", "r"]),
            "more than 366 days away",
        ),
        (
            base("nightly", "disk-00000000", &["--cause", "encrypted", "--until", "2020-01-01", "--reason", "r"]),
            "is over already",
        ),
        (base("nightly", "disk-*", &end), "must be one exact ID and no pattern"),
        (base("nightly", "disk-00000000", &["--for", "90d", "--reason", "r"]), "needs its cause"),
        (
            base("nightly", "disk-00000000", &["--cause", "Insufficient*", "--for", "90d", "--reason", "r"]),
            "no pattern",
        ),
        (
            base("nightly", "disk-00000000", &["--cause", "encrypted", "--for", "90d", "--reason", " "]),
            "--reason must say why",
        ),
        (base("weekly", "disk-00000000", &end), "\"weekly\" is no rule of the policy; there is only nightly"),
        (base("nightly", "disk-00000007", &end), "nothing knows disk-00000007"),
        (
            [&base("nightly", "disk-00000000", &end)[..], &["--destination", "ap-tokyo"]].concat(),
            "ap-tokyo is no destination of rule nightly, which copies to ap-singapore",
        ),
        (vec!["risk", "revoke", "nightly/0", "--reason", "r"], "there is no decision nightly/0"),
        (vec!["risk", "revoke", "nightly", "--reason", "r"], "nightly is no decision"),
        (vec!["rule", "retire", "nightly", "--reason", "r"], "rule nightly is still in the policy"),
        (vec!["rule", "retire", "unheard-of", "--reason", "r"], "no record, sweep or decision is of a rule unheard-of"),
    ] {
        refused(&run(&arguments, &environment).await, part);
    }
    assert_eq!(estate.receipts().await, [] as [Value; 0], "nothing was decided");
    assert_eq!(risks::read(&estate.ledger(), "nightly").await.unwrap(), []);
    let nowhere =
        vec![("OFFSITE_DB".to_owned(), estate.directory.path().join("none.db").to_string_lossy().into_owned())];
    refused(&run(&base("nightly", "disk-00000000", &end), &nowhere).await, "there is no ledger at");
}

#[tokio::test]
async fn an_id_is_known_by_the_sweep_or_the_ledger_when_the_cloud_does_not_answer() {
    let estate = Estate::plain().await;
    make(&estate, 2).await;
    let policy = policy(&json!({}));
    estate.sweep(&estate.paused(&policy)).await;
    let fault =
        json!([{ "action": "DescribeSnapshots", "kind": "code", "code": "UnauthorizedOperation", "http_status": 200 }]);
    estate.post(Cloud::Tencent, "faults", &json!({ "clear": true, "faults": fault })).await;
    let environment = person(&estate, &policy);
    let accept = |id| {
        let end = ["--cause", "encrypted", "--for", "90d", "--reason", "r"];
        [&["risk", "accept", "--rule", "nightly", "--resource", id][..], &end].concat()
    };
    assert_eq!(well(&run(&accept("disk-00000000"), &environment).await)["number"], json!(0));
    assert_eq!(well(&run(&accept("snap-00000001"), &environment).await)["number"], json!(1));
    refused(&run(&accept("disk-00000009"), &environment).await, "the cloud could not be asked");
}

#[tokio::test]
async fn a_rule_that_is_gone_is_retired_once_until_it_leaves_something_new() {
    let estate = Estate::plain().await;
    let ledger = estate.ledger();
    for seed in 1..=3 {
        let record = stopped(seed, "old-disks", State::Refused, 4);
        assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
    }
    let environment = person(&estate, &policy(&json!({})));
    let retire = ["rule", "retire", "old-disks", "--reason", "moved to nightly"];
    let ended = run(&retire, &environment).await;
    assert!(ended.stderr.contains("this settles 3 unfinished replications of rule old-disks"), "{}", ended.stderr);
    assert_eq!(well(&ended)["kind"], json!("retire"));
    assert_eq!(estate.receipts().await[0]["type"], json!("offsite.rule.retired"));
    refused(&run(&retire, &environment).await, "was retired already by old-disks/0");
    // The rule came back, left something, and went again.
    let record = stopped(4, "old-disks", State::Seen, -1);
    assert_eq!(ledger.put(&record, &Expect::Absent).await.unwrap(), Put::Stored);
    assert_eq!(well(&run(&retire, &environment).await)["number"], json!(1));
}

#[tokio::test]
async fn a_mass_loss_is_confirmed_where_there_is_one_and_by_its_number() {
    let estate = Estate::plain().await;
    let policy = policy(&json!({}));
    let environment = person(&estate, &policy);
    let confirm = |more: &[&str]| {
        let fixed = ["rule", "confirm-loss", "--reason", "emptied by mistake, OPS-17"];
        let arguments: Vec<String> = fixed.iter().chain(more).map(|&word| word.to_owned()).collect();
        let environment = environment.clone();
        async move { run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &environment).await }
    };
    let there = ["nightly", "--destination", "ap-singapore"];
    refused(&confirm(&there).await, "no sweep of a rule nightly came to its end");
    make(&estate, 12).await;
    let context = estate.context(&policy);
    estate.sweep(&context).await;
    refused(&confirm(&there).await, "found no mass loss in ap-singapore");
    refused(&confirm(&["nightly", "--destination", "ap-tokyo"]).await, "which copies to ap-singapore");
    refused(&confirm(&["weekly", "--destination", "ap-singapore"]).await, "no sweep of a rule weekly");
    estate.clock.sleep(Duration::from_secs(7_200)).await;
    handle(&context, &json!({ "action": "observe" }), &estate.invocation(600)).await.unwrap();
    let state = estate.simulators.state();
    let copies: Vec<&Value> = state["replications"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    estate.post(Cloud::Tencent, "seed", &json!({ "remove": copies })).await;
    estate.sweep(&context).await;
    refused(&confirm(&there).await, "12 of 12 copies are gone from ap-singapore");
    refused(&confirm(&[&there[..], &["--yes", "11"]].concat()).await, "--yes says 11");
    let told = well(&confirm(&[&there[..], &["--yes", "12"]].concat()).await);
    assert_eq!((&told["kind"], &told["copies"]), (&json!("confirm_loss"), &json!(12)));
    let listed = run(&["risk", "list"], &environment).await;
    assert!(listed.stdout.contains("12 copies in ap-singapore are lost"), "{}", listed.stdout);
    estate.sweep(&context).await;
    assert_eq!(records(&estate.ledger(), State::Lost).await.len(), 12);
}

/// On AWS the decision is that of the key's owner, and it stands even if the queue cannot be told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_aws_a_decision_bears_the_identity_of_the_key() {
    let store = Store::open(Home::Dynamo).await;
    let aws = aws_environment(store.aws.as_ref().unwrap());
    let client = Arc::new(Aws::from_environment(&aws, Arc::new(http()), Arc::new(SystemClock)).unwrap());
    let notes = DynamoLedger::from_environment(&aws, client, TABLE).unwrap();
    let record = stopped(1, "old-disks", State::Missed, 4);
    store.ledger.put(&record, &Expect::Absent).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, policy(&json!({})).to_json().to_string()).unwrap();
    let mut environment: Vec<(String, String)> = aws.variables().clone().into_iter().collect();
    environment.push(("OFFSITE_TABLE".to_owned(), TABLE.to_owned()));
    environment.push(("OFFSITE_POLICY".to_owned(), file.to_string_lossy().into_owned()));
    let act = well(&run(&["rule", "retire", "old-disks", "--reason", "moved"], &environment).await);
    assert!(act["who"].as_str().unwrap().starts_with("arn:aws:iam::"), "{act}");
    let queued = Queue::receipts(store.database.clone()).list(10).await.unwrap();
    assert!(queued.len() == 1 && queued[0].body.contains("offsite.rule.retired"), "{queued:?}");

    environment.retain(|(name, _)| name != "QUEUE_URL");
    let ended = run(&["risk", "revoke", "old-disks/0", "--reason", "not yet"], &environment).await;
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("old-disks/1 stands, and the queue was not told of it: "), "{}", ended.stderr);
    let acts = risks::read(&notes, "old-disks").await.unwrap();
    assert_eq!(acts[1].decision, Decision::Revoke { act: 0 });
}
