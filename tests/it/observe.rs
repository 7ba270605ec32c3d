//! Accepted is not copied: what the destination says, recorded and told.

use std::time::Duration;

use fastrand::Rng;
use offsite_shared::ledger::State;
use offsite_shared::model::command::Operation;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::faults::world::{Clouds, Home, Store, Weakness, command, http, replication};

/// How long the simulated clouds take to make a copy.
const COPY_S: u64 = 3_600;

async fn clouds() -> Clouds {
    Clouds::start(&http(), 11, &json!({ "copy_duration_s": COPY_S }), Weakness::default()).await
}

/// The same replication as an observation; a vault-wide call is observed backup by backup.
fn wish(command: &Value) -> Value {
    let mut wish = command.clone();
    wish["action"] = json!("observe");
    wish
}

/// What a look at the one copy of a command tells; all that is to be waited for is in it.
async fn look(clouds: &Clouds, store: &Store, command: &Value) -> Value {
    let mut answer = clouds.ask(store, &wish(command)).await.unwrap();
    let [one] = &mut answer["results"].as_array_mut().unwrap()[..] else { panic!("one destination: {answer}") };
    let one = one.take();
    assert_eq!(answer["done"], one["done"], "{answer}");
    one
}

fn due() -> Value {
    json!({ "action": "observe" })
}

async fn pass(clouds: &Clouds, seconds: u64) {
    clouds.clock.sleep(Duration::from_secs(seconds)).await;
}

async fn of_type(store: &Store, kind: &str) -> Vec<Value> {
    let event_type = format!("offsite.replication.{kind}");
    store.messages().await.into_iter().filter(|message| message["type"] == json!(event_type)).collect()
}

/// Operations that make one copy under their own record.
const SINGLE: [Operation; 4] =
    [Operation::CreateVaultReplication, Operation::CopyBackup, Operation::CopyCheckpointItem, Operation::CopySnapshot];

async fn seen_in_the_destination(home: Home) {
    for operation in SINGLE {
        let clouds = clouds().await;
        let store = Store::open(home).await;
        let command = command(operation, &mut Rng::with_seed(5));
        clouds.ask(&store, &command).await.unwrap();

        let early = look(&clouds, &store, &command).await;
        assert_eq!((&early["done"], &early["state"]), (&json!(false), &json!("accepted")), "{operation:?}: {early}");
        assert!(early["next_check_after_s"].as_u64().is_some_and(|wait| wait >= 1), "{early}");
        assert_eq!(of_type(&store, "replicated").await.len(), 0, "{operation:?}");

        pass(&clouds, COPY_S + 5).await;
        let swept = clouds.ask(&store, &due()).await.unwrap();
        assert_eq!(swept["observed"]["replicated"], json!(1), "{operation:?}: {swept}");
        let done = look(&clouds, &store, &command).await;
        assert_eq!((&done["done"], &done["state"]), (&json!(true), &json!("replicated")), "{operation:?}: {done}");
        let inferred = operation == Operation::CreateVaultReplication;
        assert_eq!(done["evidence"]["how"], json!(if inferred { "inferred" } else { "observed" }), "{done}");

        let told = of_type(&store, "replicated").await;
        assert_eq!(told.len(), 1, "{operation:?}: {told:#?}");
        assert_eq!(told[0]["data"]["evidence"]["destination_id"], done["evidence"]["destination_id"]);
        assert_eq!(told[0]["subject"], json!(replication(&command).key().0));
        // Told once: nothing is due before the audit.
        let again = clouds.ask(&store, &due()).await.unwrap();
        assert_eq!(again["observed"]["looked"], json!(0), "{operation:?}: {again}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_replicated_when_the_destination_shows_it_sqlite() {
    seen_in_the_destination(Home::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_replicated_when_the_destination_shows_it_dynamodb() {
    seen_in_the_destination(Home::Dynamo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_wide_calls_copies_are_seen_one_by_one() {
    let clouds = clouds().await;
    let store = Store::open(Home::Sqlite).await;
    clouds.ask(&store, &command(Operation::CopyCheckpoint, &mut Rng::with_seed(6))).await.unwrap();
    pass(&clouds, COPY_S + 5).await;
    let swept = clouds.ask(&store, &due()).await.unwrap();
    assert_eq!(swept["observed"]["replicated"], json!(3), "{swept}");
    assert_eq!(of_type(&store, "replicated").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_deleted_later_is_lost_at_the_next_audit() {
    for operation in [Operation::CopyBackup, Operation::CopySnapshot] {
        let clouds = clouds().await;
        let store = Store::open(Home::Sqlite).await;
        let command = command(operation, &mut Rng::with_seed(7));
        clouds.ask(&store, &command).await.unwrap();
        pass(&clouds, COPY_S + 5).await;
        clouds.ask(&store, &due()).await.unwrap();
        let done = look(&clouds, &store, &command).await;
        let copy = done["evidence"]["destination_id"].as_str().unwrap().to_owned();

        clouds.admin(operation.cloud(), "seed", &json!({ "remove": [copy] })).await;
        pass(&clouds, 8 * 24 * 3_600).await;
        let audit = clouds.ask(&store, &due()).await.unwrap();
        assert_eq!(audit["observed"]["lost"], json!(1), "{operation:?}: {audit}");
        let told = of_type(&store, "lost").await;
        assert_eq!(told.len(), 1, "{operation:?}");
        assert!(told[0]["data"]["error"]["message"].as_str().unwrap().contains(&copy), "{}", told[0]);
        // What is lost is not started again by itself.
        let replay = clouds.ask(&store, &command).await.unwrap_err();
        assert!(replay.message.contains("it is gone"), "{replay}");
        assert_eq!(clouds.count(), 1, "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_fails_is_told_and_may_be_tried_again_after_a_backoff() {
    let clouds = clouds().await;
    let store = Store::open(Home::Sqlite).await;
    let operation = Operation::CopyBackup;
    let command = command(operation, &mut Rng::with_seed(8));
    let fault = json!({ "faults": [{ "action": "CopyBackup", "kind": "fail_later", "times": 1 }] });
    clouds.admin(operation.cloud(), "faults", &fault).await;
    clouds.ask(&store, &command).await.unwrap();
    pass(&clouds, COPY_S + 5).await;
    let swept = clouds.ask(&store, &due()).await.unwrap();
    assert_eq!(swept["observed"]["failed"], json!(1), "{swept}");
    let told = of_type(&store, "failed").await;
    assert_eq!(told.len(), 1);
    assert!(
        told[0]["data"]["error"]["message"].as_str().is_some_and(|message| message.contains("gave up")),
        "{}",
        told[0]
    );

    assert!(clouds.ask(&store, &command).await.is_err(), "the backoff is not over");
    pass(&clouds, 600).await;
    let second = clouds.ask(&store, &command).await.unwrap();
    assert_eq!(
        (&second["results"][0]["state"], &second["results"][0]["attempt"]),
        (&json!("accepted"), &json!(2)),
        "{second}"
    );
    pass(&clouds, COPY_S + 5).await;
    let swept = clouds.ask(&store, &due()).await.unwrap();
    assert_eq!(swept["observed"]["replicated"], json!(1), "{swept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_nothing_shows_fails_at_the_deadline() {
    let switches = json!({ "copy_duration_s": 30 * 24 * 3_600, "visibility_delay_s": 30 * 24 * 3_600 });
    let clouds = Clouds::start(&http(), 12, &switches, Weakness::default()).await;
    let store = Store::open(Home::Sqlite).await;
    let command = command(Operation::CopySnapshot, &mut Rng::with_seed(9));
    clouds.ask(&store, &command).await.unwrap();
    pass(&clouds, 49 * 3_600).await;
    let swept = clouds.ask(&store, &due()).await.unwrap();
    assert_eq!(swept["observed"]["failed"], json!(1), "{swept}");
    let record = store.ledger.get(&replication(&command).key()).await.unwrap().unwrap();
    assert_eq!(record.state, State::Failed);
    assert!(record.last().unwrap().note.as_ref().unwrap().contains("48 hours"), "{:?}", record.last());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_question_changes_nothing() {
    let clouds = clouds().await;
    let store = Store::open(Home::Sqlite).await;
    let operation = Operation::CopySnapshot;
    let command = command(operation, &mut Rng::with_seed(10));
    clouds.ask(&store, &command).await.unwrap();
    pass(&clouds, COPY_S + 5).await;
    let fault = json!({ "faults": [{ "action": "DescribeSnapshots", "kind": "html_503", "times": null }] });
    clouds.admin(operation.cloud(), "faults", &fault).await;
    let swept = clouds.ask(&store, &due()).await.unwrap();
    assert_eq!(swept["observed"]["unanswered"], json!(1), "{swept}");
    let record = store.ledger.get(&replication(&command).key()).await.unwrap().unwrap();
    assert_eq!(record.state, State::Accepted);
    clouds.admin(operation.cloud(), "faults", &json!({ "faults": [], "clear": true })).await;
    pass(&clouds, 3_600).await;
    let swept = clouds.ask(&store, &due()).await.unwrap();
    assert_eq!(swept["observed"]["replicated"], json!(1), "{swept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_started_cannot_be_observed() {
    let clouds = clouds().await;
    let store = Store::open(Home::Sqlite).await;
    let never = command(Operation::CopySnapshot, &mut Rng::with_seed(13));
    let error = clouds.ask(&store, &wish(&never)).await.unwrap_err();
    assert_eq!(error.name.name(), "Offsite.InvalidCommand");
    assert!(error.message.contains("never started"), "{error}");
}
