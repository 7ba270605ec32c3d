//! On one machine: `offsite watch` as it is started, with its rhythms, over the rates that a process keeps by itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join;
use offsite_local::cmd::watch::{Ended, WatchArgs, watch};
use offsite_simulators::Provider;
use serde_json::json;

use super::places::{Huawei, Place, SOURCE, Tencent};
use super::{Draw, Reach, World};

fn args(sweep_every: u64) -> WatchArgs {
    let seconds = Duration::from_secs;
    WatchArgs {
        look_every: seconds(60),
        sweep_every: seconds(sweep_every),
        observe_every: seconds(300),
        outbox_every: seconds(60),
        once: false,
    }
}

/// A full sweep goes beside each look, and lists much that is none of the rule's.
fn a_busy_hour(place: &dyn Place, seed: u64) -> Reach {
    let world = World::new();
    let other = json!({ "generate": { "count": 600, "region": SOURCE, "prefix": "other-", "every_s": 60.0 } });
    world.seed(Provider::Tencent, &other);
    let process = world.process(&place.policy(), &[]);
    let mut draw = Draw(seed);
    let (tell, told) = tokio::sync::watch::channel(0);
    let mut out = Vec::new();
    world.play(async {
        let hour = async {
            world.sleep(Duration::from_secs(20 + draw.below(60))).await;
            let ends = place.begin(&world, &mut draw);
            join(place.finish(&world, &ends), world.sleep(Duration::from_secs(420))).await;
            tell.send(1).unwrap();
            ends
        };
        let (ended, ends) = join(watch(&args(60), &process, told, &mut out), hour).await;
        assert_eq!(ended.unwrap(), Ended::Well);
        world.reach(&ends)
    })
}

#[test]
fn a_watch_asks_for_a_copy_within_75_seconds_beside_full_sweeps() {
    for seed in [7, 8] {
        let reach = a_busy_hour(&Tencent, seed);
        println!("one machine, seed {seed}: {reach:?}");
        assert!(reach.p99 <= 75.0, "seed {seed}: {reach:?}");
    }
}

#[test]
fn on_huawei_too_a_watch_asks_for_a_copy_within_75_seconds() {
    let reach = a_busy_hour(&Huawei { tells_changes: true }, 7);
    println!("one machine, Huawei: {reach:?}");
    assert!(reach.p99 <= 75.0, "{reach:?}");
}

/// The queue of receipts is broken while the copy is begun, and the copy arrives later: each is told of by its own rhythm.
#[test]
fn a_watch_tells_of_a_copy_that_arrived_and_sends_what_had_waited() {
    let world = World::new();
    world.seed(Provider::Tencent, &json!({ "switches": { "copy_duration_s": 120 } }));
    world.takes_receipts.store(false, Ordering::SeqCst);
    let process = world.process(&Tencent.policy(), &[]);
    let (tell, told) = tokio::sync::watch::channel(0);
    let mut out = Vec::new();
    world.play(async {
        let life = async {
            world.sleep(Duration::from_secs(30)).await;
            let snapshot = json!({ "snapshot_id": "snap-watch0001", "region": SOURCE, "name": "tail-1" });
            world.seed(Provider::Tencent, &json!({ "snapshots": [snapshot] }));
            world.sleep(Duration::from_secs(90)).await;
            assert_eq!(world.asked.lock().unwrap().len(), 1);
            assert!(world.receipts.lock().unwrap().is_empty(), "the twin: the queue is broken");
            world.takes_receipts.store(true, Ordering::SeqCst);
            // Before the next full sweep, which would send it too.
            world.sleep(Duration::from_secs(70)).await;
            assert_eq!(world.receipts.lock().unwrap().len(), 1);
            world.sleep(Duration::from_secs(640)).await;
            tell.send(1).unwrap();
        };
        let (ended, ()) = join(watch(&args(900), &process, told, &mut out), life).await;
        assert_eq!(ended.unwrap(), Ended::Well);
    });
    let said = String::from_utf8(out).unwrap();
    for part in ["outbox: 1 receipts sent that had waited", "observation: 1 arrived", "0 receipts not sent"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
