//! How fast processes call: together within the rate of the account, alone with all of it, and each with its own where the ledger is silent.

use std::sync::Arc;

use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::ledger::store::{LedgerError, Note};
use offsite_shared::model::command::{Cloud, Command};
use offsite_shared::model::error::EmitError;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Notes, WorkQueue};
use serde_json::{Value, json};

use crate::faults::world::batch;
use crate::sweeping::Estate;

/// Notes that can be read and not written.
struct Silent;

impl Notes for Silent {
    fn note<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<Option<Note>, LedgerError>> {
        Box::pin(async { Ok(None) })
    }

    fn put_note<'a>(&'a self, _name: &'a str, _text: &'a str, _was: u64) -> Boxed<'a, Result<bool, LedgerError>> {
        Box::pin(async { Err(LedgerError::Unavailable("scripted".to_owned())) })
    }

    fn drop_note<'a>(&'a self, _name: &'a str) -> Boxed<'a, Result<(), LedgerError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A work queue that takes what it is given.
struct Taking;

impl WorkQueue for Taking {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move { commands.iter().map(|_| Ok(())).collect() })
    }
}

struct Scene(Estate);

impl Scene {
    async fn begin(limits: &[(&str, &str)]) -> Scene {
        let mut estate = Estate::plain().await;
        for (name, value) in limits {
            estate.environment = estate.environment.with(name, *value);
        }
        let snapshots: Vec<Value> =
            (0..90).map(|at| json!({ "snapshot_id": id(at), "region": "ap-guangzhou", "name": "n" })).collect();
        estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots })).await;
        Scene(estate)
    }

    /// A process that works on one command after another, so that the clock jumps only where it waits.
    fn process(&self) -> Context {
        let mut context = self.0.context(&Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [] })).unwrap()));
        context.settings.concurrency = 1;
        context
    }

    /// How long thirty commands take, which ask sixty times.
    async fn thirty(&self, process: &Context, from: usize) -> f64 {
        let wish = |at: usize| {
            json!({
                "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
                "source": { "region": "ap-guangzhou", "snapshot_id": id(at) }, "destinations": [{ "region": "ap-singapore" }],
            })
        };
        let wishes: Vec<Value> = (from..from + 30).map(wish).collect();
        let begun: Timestamp = self.0.clock.now();
        let answer = handle(process, &batch(&wishes), &self.0.invocation(600)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        self.0.clock.now().duration_since(begun).as_secs_f64()
    }
}

fn id(at: usize) -> String {
    format!("snap-pace{at:04}")
}

const SHARED: &[(&str, &str)] = &[("OFFSITE_TENCENT_RPS", "1"), ("OFFSITE_TENCENT_ACCOUNT_RPS", "10")];

#[tokio::test]
async fn a_process_that_is_alone_has_the_whole_rate_and_one_that_cannot_write_the_note_its_own() {
    let scene = Scene::begin(SHARED).await;
    let took = scene.thirty(&scene.process(), 0).await;
    assert!((5.0..50.0).contains(&took), "sixty at ten a second: {took} s");
    // Twin: the ledger takes no note.
    let mut alone = scene.process();
    alone.ports.notes = Arc::new(Silent);
    let took = scene.thirty(&alone, 30).await;
    assert!(took >= 59.0, "sixty at one a second: {took} s");
}

#[tokio::test]
async fn a_process_that_comes_new_begins_with_its_own_rate_and_then_shares() {
    let scene = Scene::begin(SHARED).await;
    let first = scene.process();
    scene.thirty(&first, 0).await;
    let took = scene.thirty(&scene.process(), 30).await;
    assert!((9.0..50.0).contains(&took), "ten seconds at one a second, then five or more: {took} s");
    // Twin: nothing is shared, and each has its own.
    let scene = Scene::begin(&[("OFFSITE_TENCENT_RPS", "1")]).await;
    let took = scene.thirty(&scene.process(), 0).await;
    assert!(took >= 59.0, "sixty at one a second: {took} s");
}

/// What a sweep hands over is worked on at the account's rate from the beginning: what the sweep took for its listings it gives back before.
#[tokio::test]
async fn a_sweep_gives_its_share_to_those_who_work_on_what_it_hands_over() {
    let scene = Scene::begin(SHARED).await;
    let rule = json!({
        "name": "all", "provider": "tencent", "source": { "region": "ap-guangzhou", "select": { "name_prefix": "n" } },
        "destinations": [{ "region": "ap-singapore" }],
    });
    let policy = Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap());
    let mut sweeping = scene.0.context(&policy);
    sweeping.ports.work_queue = Some(Arc::new(Taking));
    let swept = scene.0.sweep(&sweeping).await;
    assert_eq!(swept["swept"][0]["handed_over"], json!(90), "{swept}");
    let took = scene.thirty(&scene.process(), 0).await;
    assert!(took < 9.0, "sixty at ten a second: {took} s");
}
