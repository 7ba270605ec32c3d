//! What a warm event costs, how batches are held together, and what becomes of many workers on one key.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use offsite_shared::context::Invocation;
use offsite_shared::handler::handle;
use offsite_shared::ledger::State;
use offsite_shared::model::command::Operation;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use super::ports::Process;
use super::world::{Clouds, Home, Store, batch, command, replication};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_event_costs_one_call_two_reads_three_writes_and_one_message() {
    for home in [Home::Sqlite, Home::Dynamo] {
        for operation in Operation::ALL {
            let (clouds, store) = (Clouds::plain().await, Store::open(home).await);
            let process = Process::new(None, &clouds.clock);
            let context = clouds.context(&store.ledger, &store.emitter, &process);
            let mut rng = Rng::with_seed(1);
            let mut before = [0; 4];
            for event in ["cold", "warm"] {
                handle(&context, &command(operation, &mut rng), &clouds.invocation()).await.unwrap();
                let now = process.tally.counts();
                let [calls, reads, writes, sends] = std::array::from_fn(|index| now[index] - before[index]);
                // A vault-wide call also opens and marks the records of its backups.
                let records = if operation == Operation::CopyCheckpoint { 6 } else { 0 };
                assert!(
                    calls == 1 && reads <= 2 && writes <= 3 + records && sends == 1,
                    "{operation:?} over {home:?}, {event}: {calls} calls, {reads} reads, {writes} ledger writes, {sends} sends"
                );
                before = now;
            }
        }
    }
}

fn batch_of(count: u32, seed: u64) -> Vec<Value> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| command(Operation::CopySnapshot, &mut rng)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_keeps_to_its_concurrency_and_its_rate() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let process = Process::new(None, &clouds.clock);
    let environment = clouds.environment.clone().with("OFFSITE_CONCURRENCY", "4").with("OFFSITE_TENCENT_RPS", "5");
    let context = clouds.context_with(&store.ledger, &store.emitter, &process, &environment);
    let invocation =
        Invocation { id: "batch".to_owned(), deadline: clouds.clock.now() + SignedDuration::from_mins(15) };
    let answer = handle(&context, &batch(&batch_of(40, 2)), &invocation).await.unwrap();
    assert_eq!((answer, clouds.count()), (json!({ "batchItemFailures": [] }), 40));
    let most = process.tally.most_under_way.load(Ordering::SeqCst);
    // Each replication asks for its copy and its source side by side.
    assert!((2..=2 * 4).contains(&most), "{most} exchanges at once");
    let mut times = process.tally.times.lock().unwrap().clone();
    times.sort();
    let fastest = times.windows(6).map(|six| six[5].duration_since(six[0])).min().unwrap();
    assert!(fastest >= SignedDuration::from_secs(1), "six calls within {fastest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_never_touches_another() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let mut commands = batch_of(7, 3);
    commands[2]["source"]["snapshot_id"] = json!("not-a-snapshot");
    commands[4] = json!({ "action": "replicate", "provider": "tencent" });
    let process = Process::new(None, &clouds.clock);
    let answer = clouds.deliver(&store, &commands, &process).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "2" }, { "itemIdentifier": "4" }] }));
    assert_eq!((clouds.count(), store.messages().await.len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_stops_before_the_deadline_and_hands_the_rest_back() {
    let (clouds, store) = (Clouds::plain().await, Store::open(Home::Sqlite).await);
    let process = Process::new(None, &clouds.clock);
    let environment = clouds.environment.clone().with("OFFSITE_CONCURRENCY", "2").with("OFFSITE_TENCENT_RPS", "1");
    let context = clouds.context_with(&store.ledger, &store.emitter, &process, &environment);
    let commands = batch_of(60, 4);
    let invocation = clouds.invocation();
    let answer = handle(&context, &batch(&commands), &invocation).await.unwrap();
    let handed_back: Vec<usize> = answer["batchItemFailures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(!handed_back.is_empty() && handed_back.len() < 60, "{handed_back:?}");
    assert_eq!(clouds.count(), 60 - handed_back.len() as u64);
    let last = *process.tally.times.lock().unwrap().iter().max().unwrap();
    assert!(last < invocation.deadline, "nothing is called after the deadline");
    for index in &handed_back {
        let record = store.ledger.get(&replication(&commands[*index]).key()).await.unwrap();
        assert!(record.is_none_or(|record| record.state == State::Seen), "what is handed back was not started");
    }
    // And then it starts.
    clouds.clock.sleep(Duration::from_secs(60)).await;
    let rest: Vec<Value> = handed_back.iter().map(|index| commands[*index].clone()).collect();
    let answer = clouds.deliver(&store, &rest, &Process::new(None, &clouds.clock)).await.unwrap();
    assert_eq!((answer, clouds.count()), (json!({ "batchItemFailures": [] }), 60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_workers_on_one_key_one_makes_the_copy() {
    for home in [Home::Sqlite, Home::Dynamo] {
        let store = Arc::new(Store::open(home).await);
        for operation in Operation::ALL {
            let clouds = Arc::new(Clouds::plain().await);
            let command = command(operation, &mut Rng::with_seed(5 + operation as u64));
            let work = || {
                let (clouds, store, command) = (clouds.clone(), store.clone(), command.clone());
                tokio::spawn(async move { clouds.ask(&store, &command).await })
            };
            let workers: Vec<_> = (0..32).map(|_| work()).collect();
            let mut accepted = 0;
            for worker in workers {
                match worker.await.unwrap() {
                    Ok(answer) => {
                        assert_eq!(answer["results"][0]["state"], "accepted");
                        accepted += 1;
                    }
                    Err(error) => assert!(error.message.contains("another delivery of it"), "{error:?}"),
                }
            }
            assert!(accepted >= 1, "somebody must have won");
            let wanted = if operation == Operation::CopyCheckpoint { 3 } else { 1 };
            assert_eq!(clouds.count(), wanted, "{operation:?} over {home:?}");
            assert_eq!(work().await.unwrap().unwrap()["results"][0]["replayed"], true);
            let key = replication(&command).key();
            let record = store.ledger.get(&key).await.unwrap().unwrap();
            let copies = record.copies.map_or(record.receipts.len() as u64, |copies| copies.count);
            assert_eq!((record.state, record.outbox, copies), (State::Accepted, false, wanted));
        }
    }
}
