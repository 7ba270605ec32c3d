//! Two installations that serve one source: the one that comes later adopts, and says that there is another.

use std::sync::Arc;
use std::time::Duration;

use offsite_shared::handler::handle;
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::adopted::{NOTE, remark};
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::ports::{Clock, Notes};
use serde_json::{Value, json};

use crate::faults::ports::Process;
use crate::faults::world::{Clouds, Home, Store, command};

/// A ledger of its own over clouds that others use too.
struct Installation {
    store: Store,
    notes: Arc<MemoryLedger>,
}

impl Installation {
    async fn new() -> Installation {
        Installation { store: Store::open(Home::Sqlite).await, notes: Arc::default() }
    }

    async fn ask(&self, clouds: &Clouds, command: &Value) -> Result<Value, offsite_shared::model::error::Error> {
        let process = Process::new(None, &clouds.clock);
        let mut context = clouds.context(&self.store.ledger, &self.store.emitter, &process);
        context.ports.notes = self.notes.clone();
        handle(&context, command, &clouds.invocation()).await
    }

    /// What report and doctor say of it.
    async fn told(&self, clouds: &Clouds) -> Option<String> {
        let note = self.notes.note(NOTE).await.unwrap();
        remark(note.as_ref().map(|note| note.text.as_str()), clouds.clock.now())
    }
}

fn one() -> Value {
    let mut one = command(Operation::CopySnapshot, &mut fastrand::Rng::with_seed(5));
    one["destinations"] = json!([{ "region": "ap-beijing" }]);
    one
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_that_adopts_what_the_other_has_just_begun_names_it() {
    let clouds = Clouds::plain().await;
    let (first, second) = (Installation::new().await, Installation::new().await);
    let command = one();
    first.ask(&clouds, &command).await.unwrap();
    let answer = second.ask(&clouds, &command).await.unwrap();
    assert_eq!((clouds.count(), &answer["results"][0]["adopted"]), (1, &json!(true)), "{answer}");
    let told = second.told(&clouds).await.unwrap();
    let id = command["source"]["snapshot_id"].as_str().unwrap();
    assert!(told.contains(&format!("{id} to ap-beijing")) && told.contains("within ten minutes"), "{told}");
    assert_eq!(first.told(&clouds).await, None, "who was first has not met the other");
    // Asked again it is answered from the ledger, and not told once more.
    second.ask(&clouds, &command).await.unwrap();
    assert!(second.told(&clouds).await.unwrap().starts_with("1 copies"));
    clouds.clock.sleep(Duration::from_secs(8 * 86_400)).await;
    assert_eq!(second.told(&clouds).await, None, "after a week it is no news");
}

/// The twin: a call of our own, of which nobody knew what became, is adopted and is nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_adopt_of_our_own_names_nobody() {
    let clouds = Clouds::plain().await;
    let only = Installation::new().await;
    let lost = json!({ "faults": [{ "action": "CopySnapshotCrossRegions", "kind": "http_500_after", "times": 1 }] });
    clouds.admin(Cloud::Tencent, "faults", &lost).await;
    let command = one();
    for _ in 0..4 {
        let _ = only.ask(&clouds, &command).await;
        clouds.clock.sleep(Duration::from_secs(120)).await;
    }
    let answer = only.ask(&clouds, &command).await.unwrap();
    assert_eq!((clouds.count(), &answer["results"][0]["adopted"]), (1, &json!(true)), "{answer}");
    assert_eq!(only.told(&clouds).await, None);
}
