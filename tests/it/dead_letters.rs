//! What is wrong for ever goes to the dead letters at once, and is acknowledged only if it lies there.

use std::sync::{Arc, Mutex};

use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::model::command::{Cloud, Command};
use offsite_shared::model::error::EmitError;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, DeadLetter, WorkQueue};
use offsite_shared::settings::Trust;
use serde_json::{Value, json};

use crate::faults::world::batch;
use crate::sweeping::Estate;

/// Keeps dead letters, or takes none.
struct Graveyard {
    open: bool,
    letters: Mutex<Vec<DeadLetter>>,
}

impl WorkQueue for Graveyard {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move { commands.iter().map(|_| Ok(())).collect() })
    }

    fn give_up<'a>(&'a self, letters: &'a [DeadLetter]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        Box::pin(async move {
            self.letters.lock().unwrap().extend(letters.iter().cloned());
            letters.iter().map(|_| self.open.then_some(()).ok_or_else(|| EmitError("full".into()))).collect()
        })
    }
}

/// A process that takes only what its one rule covers.
fn process(estate: &Estate, open: bool) -> (Context, Arc<Graveyard>) {
    let rule = json!({
        "name": "nightly", "provider": "tencent", "objective": { "max_lag": "24h" },
        "source": { "region": "ap-guangzhou", "select": { "name_prefix": "nightly" } }, "destinations": [{ "region": "ap-singapore" }],
    });
    let policy = Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap();
    let mut context = estate.context(&Arc::new(policy));
    let graveyard = Arc::new(Graveyard { open, letters: Mutex::default() });
    context.settings.trust = Trust::PolicyRules;
    context.ports.work_queue = Some(graveyard.clone());
    (context, graveyard)
}

fn copy(snapshot: &str, to: &str) -> Value {
    json!({
        "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": { "region": "ap-guangzhou", "snapshot_id": snapshot }, "destinations": [{ "region": to }],
    })
}

/// A good command, one that cannot be read, one that no rule covers, and one whose snapshot is not there yet.
async fn delivered(open: bool) -> (Value, Vec<DeadLetter>, Vec<Value>) {
    let estate = Estate::plain().await;
    let snapshot = json!({ "snapshot_id": "snap-good0001", "region": "ap-guangzhou", "name": "nightly-1" });
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": [snapshot] })).await;
    let (context, graveyard) = process(&estate, open);
    let bodies = vec![
        copy("snap-good0001", "ap-singapore"),
        json!({ "action": "replicate", "provider": "tencent", "operation": "copy-snapshot", "what": "is this?" }),
        copy("snap-good0001", "eu-frankfurt"),
        copy("snap-later001", "ap-singapore"),
    ];
    let answer = handle(&context, &batch(&bodies), &estate.invocation(60)).await.unwrap();
    let letters = graveyard.letters.lock().unwrap().clone();
    (answer["batchItemFailures"].clone(), letters, bodies)
}

#[tokio::test]
async fn a_wrong_command_goes_to_the_dead_letters_at_once_as_it_came_with_its_error_and_id() {
    let (failures, letters, bodies) = delivered(true).await;
    assert_eq!(failures, json!([{ "itemIdentifier": "3" }]), "what may still be done is delivered again");
    let told: Vec<(&str, &str)> = letters.iter().map(|one| (one.id.as_str(), one.error.name.name())).collect();
    assert_eq!(told, [("1", "Offsite.InvalidCommand"), ("2", "Offsite.InvalidCommand")]);
    assert_eq!(
        letters.iter().map(|one| &one.body).collect::<Vec<_>>(),
        [&bodies[1].to_string(), &bodies[2].to_string()]
    );
    assert!(letters[1].error.message.contains("no rule of the policy asks for this copy"), "{:?}", letters[1].error);
}

/// Where it could not be put there, the queue keeps it.
#[tokio::test]
async fn what_the_dead_letters_do_not_take_is_delivered_again() {
    let (failures, letters, _) = delivered(false).await;
    assert_eq!(letters.len(), 2);
    let back: Vec<&str> =
        failures.as_array().unwrap().iter().map(|one| one["itemIdentifier"].as_str().unwrap()).collect();
    assert_eq!(back, ["1", "2", "3"]);
}
