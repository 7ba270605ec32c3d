//! `offsite pause` and `offsite resume`: nothing starts while it holds, nothing is lost by it, and everybody can see it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::handler::handle;
use offsite_shared::ledger::brake::{Brake, Held, NOTE, Scope};
use offsite_shared::model::command::Cloud;
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::time::later;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Boxed, Clock, Notes, Transport};
use offsite_shared::settings::Trust;
use serde_json::{Value, json};

use crate::command_line;
use crate::faults::ports::JumpClock;
use crate::faults::world::batch;
use crate::sweeping::Estate;

const MINUTE: Duration = Duration::from_secs(60);

/// As the template has it: six timeouts of the function, and ten receives.
const VISIBILITY: Duration = Duration::from_secs(360);
const RECEIVES: u32 = 10;

fn policy() -> Arc<Policy> {
    let rule = |name: &str| {
        json!({
            "name": name, "provider": "tencent", "objective": { "max_lag": "24h" },
            "source": { "region": "ap-guangzhou", "select": { "name_prefix": name } }, "destinations": [{ "region": "ap-singapore" }],
        })
    };
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule("nightly"), rule("weekly")] })).unwrap())
}

/// Makes snapshots that the first rule covers; the commands for them.
async fn make(estate: &Estate, policy: &Policy, count: usize) -> Vec<Value> {
    let ids: Vec<String> = (0..count).map(|at| format!("snap-brake{at:04}")).collect();
    let snapshots: Vec<Value> =
        ids.iter().map(|id| json!({ "snapshot_id": id, "region": "ap-guangzhou", "name": "nightly-1" })).collect();
    let switches = json!({ "copy_duration_s": 3_600 });
    estate.post(Cloud::Tencent, "seed", &json!({ "snapshots": snapshots, "switches": switches })).await;
    ids.iter().map(|id| policy.rules[0].command_of(id).to_json()).collect()
}

fn held(scope: Scope) -> Held {
    let at = "2026-11-27T08:00:00Z".parse().unwrap();
    Held { scope, by: "ann@desk".into(), reason: "the bill".into(), at }
}

async fn write(notes: &dyn Notes, text: &str) {
    let was = notes.note(NOTE).await.unwrap().map_or(0, |note| note.version);
    assert!(notes.put_note(NOTE, text, was).await.unwrap());
}

async fn pull(estate: &Estate, scope: Scope) {
    write(&estate.ledger(), &Brake::default().with(held(scope)).unwrap().to_text().unwrap()).await;
}

async fn release(estate: &Estate) {
    write(&estate.ledger(), &Brake::default().to_text().unwrap()).await;
}

/// How often each copy was made.
fn copies(estate: &Estate) -> Vec<u64> {
    let state = estate.simulators.state();
    state["replications"].as_array().unwrap().iter().map(|row| row["created"].as_u64().unwrap()).collect()
}

/// A work queue that delivers as SQS and Lambda do: what is handed back is hidden, and after ten receives it is a dead letter.
struct WorkQueue {
    waiting: VecDeque<(Value, u32, Timestamp)>,
    dead: Vec<Value>,
}

impl WorkQueue {
    fn of(commands: &[Value], now: Timestamp) -> WorkQueue {
        WorkQueue { waiting: commands.iter().map(|command| (command.clone(), 0, now)).collect(), dead: Vec::new() }
    }

    /// Delivers what is visible, ten at a time.
    async fn deliver(&mut self, estate: &Estate, context: &Context) {
        let now = estate.clock.now();
        let all = std::mem::take(&mut self.waiting);
        let (mut visible, hidden): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, _, at)| *at <= now);
        self.waiting = hidden.into();
        for some in visible.chunks_mut(10) {
            let bodies: Vec<Value> = some.iter().map(|(body, _, _)| body.clone()).collect();
            let answer = handle(context, &batch(&bodies), &estate.invocation(60)).await.unwrap();
            let failed: Vec<&str> = answer["batchItemFailures"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["itemIdentifier"].as_str().unwrap())
                .collect();
            for (at, (body, receives, _)) in some.iter().enumerate() {
                match (failed.contains(&at.to_string().as_str()), receives + 1) {
                    (false, _) => {}
                    (true, RECEIVES) => self.dead.push(body.clone()),
                    (true, receives) => self.waiting.push_back((body.clone(), receives, later(now, VISIBILITY))),
                }
            }
        }
    }
}

/// Three hours of queue and sweeps, a minute at a time.
async fn three_hours(estate: &Estate, context: &Context, queue: &mut WorkQueue) {
    for minute in 0..180 {
        queue.deliver(estate, context).await;
        if minute % 60 == 0 {
            estate.sweep(context).await;
        }
        estate.clock.sleep(MINUTE).await;
    }
}

#[tokio::test]
async fn after_three_hours_of_brake_a_thousand_queued_commands_have_left_no_dead_letter_and_all_are_started_once() {
    let estate = Estate::plain().await;
    let policy = policy();
    let commands = make(&estate, &policy, 1_000).await;
    let context = estate.context(&policy);
    pull(&estate, Scope::Provider("tencent".into())).await;
    let mut queue = WorkQueue::of(&commands, estate.clock.now());
    three_hours(&estate, &context, &mut queue).await;
    assert_eq!((queue.waiting.len(), queue.dead.len(), copies(&estate).len()), (0, 0, 0));
    let report = estate.report(&policy).await;
    assert_eq!(report.rules[0].counts.missing, 1_000, "lag goes on");
    assert!(
        report.remarks[0].contains("everything on tencent is paused since 2026-11-27T08:00:00Z by ann@desk: the bill")
    );
    release(&estate).await;
    estate.clock.sleep(MINUTE).await;
    while copies(&estate).len() < commands.len() {
        let before = copies(&estate).len();
        estate.sweep(&context).await;
        assert!(
            copies(&estate).len() > before,
            "{before} of {} are started, and a sweep starts no more",
            commands.len()
        );
    }
    assert_eq!(copies(&estate), vec![1; 1_000]);
    assert_eq!(estate.report(&policy).await.remarks, Vec::<String>::new());
}

/// What no rule would start is not kept in the ledger: without that, the queue gives up on it.
#[tokio::test]
async fn a_command_that_no_rule_covers_is_handed_back_and_becomes_a_dead_letter() {
    let estate = Estate::plain().await;
    let policy = policy();
    let mut commands = make(&estate, &policy, 1).await;
    commands[0].as_object_mut().unwrap().remove("rule");
    let mut context = estate.context(&policy);
    context.settings.trust = Trust::Anyone;
    pull(&estate, Scope::All).await;
    let mut queue = WorkQueue::of(&commands, estate.clock.now());
    three_hours(&estate, &context, &mut queue).await;
    assert_eq!((queue.dead.len(), copies(&estate).len()), (1, 0));
}

#[tokio::test]
async fn it_holds_five_seconds_later_and_a_direct_call_is_told_so_by_name() {
    let estate = Estate::plain().await;
    let policy = policy();
    let commands = make(&estate, &policy, 3).await;
    let context = estate.context(&policy);
    let call = async |command: &Value| handle(&context, command, &estate.invocation(60)).await;
    call(&commands[0]).await.unwrap();
    pull(&estate, Scope::Rule("nightly".into())).await;
    estate.clock.sleep(Duration::from_secs(5)).await;
    let refused = call(&commands[1]).await.unwrap_err();
    assert_eq!(refused.name.name(), "Offsite.Paused", "{refused}");
    assert!(
        refused.message.contains("rule nightly is paused") && refused.message.contains("offsite resume --rule nightly")
    );
    // Another rule goes on.
    let mut other = commands[2].clone();
    other["rule"] = json!("weekly");
    call(&other).await.unwrap();
    assert_eq!(copies(&estate).len(), 2);
}

/// Pulls the brake at the first request, after which more than five seconds pass.
struct Meddling {
    inner: Arc<dyn Transport>,
    notes: Arc<dyn Notes>,
    clock: Arc<JumpClock>,
    done: AtomicBool,
    text: String,
}

impl Transport for Meddling {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let reply = self.inner.send(request).await;
            if !self.done.swap(true, Ordering::SeqCst) {
                write(&*self.notes, &self.text).await;
                self.clock.sleep(Duration::from_secs(6)).await;
            }
            reply
        })
    }
}

/// Between its claim and its call a command reads back; what is paused meanwhile is not called. What is written is read as a brake,
/// or as one that nobody can read.
async fn made_after_meddling(text: &str) -> (usize, Value) {
    let estate = Estate::plain().await;
    let policy = policy();
    let commands = make(&estate, &policy, 1).await;
    let mut context = estate.context(&policy);
    context.ports.transport = Arc::new(Meddling {
        inner: context.ports.transport.clone(),
        notes: context.ports.notes.clone(),
        clock: estate.clock.clone(),
        done: AtomicBool::new(false),
        text: text.to_owned(),
    });
    let answer = handle(&context, &commands[0], &estate.invocation(60)).await;
    let answer = answer.unwrap_or_else(|error| json!({ "error": error.to_string() }));
    let made = copies(&estate).len();
    // Afterwards it is as if it had never been tried.
    release(&estate).await;
    estate.clock.sleep(MINUTE).await;
    estate.sweep(&context).await;
    assert_eq!(copies(&estate), [1], "{answer}");
    (made, answer)
}

#[tokio::test]
async fn what_is_paused_between_claim_and_call_is_not_called() {
    let text = Brake::default().with(held(Scope::All)).unwrap().to_text().unwrap();
    let (made, answer) = made_after_meddling(&text).await;
    assert_eq!(made, 0, "{answer}");
    assert!(answer["error"].as_str().unwrap().starts_with("Offsite.Paused"), "{answer}");
}

#[tokio::test]
async fn without_a_brake_it_is_called() {
    let (made, answer) = made_after_meddling(&Brake::default().to_text().unwrap()).await;
    assert_eq!((made, &answer["results"][0]["state"]), (1, &json!("accepted")), "{answer}");
}

#[tokio::test]
async fn where_the_brake_cannot_be_read_nothing_starts() {
    let (made, answer) = made_after_meddling("{}").await;
    assert_eq!(made, 0, "{answer}");
    let estate = Estate::plain().await;
    let policy = policy();
    let commands = make(&estate, &policy, 1).await;
    write(&estate.ledger(), "no brake").await;
    let context = estate.context(&policy);
    let refused = handle(&context, &commands[0], &estate.invocation(60)).await.unwrap_err();
    assert_eq!((refused.name.name(), copies(&estate).len()), ("Offsite.Unavailable", 0), "{refused}");
    // What there is can still be seen.
    assert_eq!(estate.sweep(&context).await["swept"][0]["counts"]["missing"], json!(1));
    assert!(estate.report(&policy).await.remarks[0].contains("is not to be read"));
}

#[tokio::test]
async fn a_person_pauses_everybody_sees_it_and_a_person_resumes() {
    let estate = Estate::plain().await;
    let policy = policy();
    make(&estate, &policy, 2).await;
    let environment = estate.of_command(&policy);
    let run = async |arguments: &[&str]| command_line::run(arguments, &environment, None).await;
    let paused = run(&["pause", "--rule", "nightly", "--reason", "the bill"]).await;
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    assert!(
        paused.stdout.contains("rule nightly is paused since") && paused.stdout.contains("the bill"),
        "{}",
        paused.stdout
    );
    let again = run(&["pause", "--rule", "nightly", "--reason", "again"]).await;
    assert!(again.code == 1 && again.stderr.contains("it is paused already"), "{}", again.stderr);
    for (arguments, why) in [
        (&["pause", "--rule", "nightley", "--reason", "x"][..], "did you mean nightly?; there are nightly, weekly"),
        (&["pause", "--reason", " "], "--reason must say why"),
        (&["resume"], "everything is not paused as a whole, nothing was changed; what is: rule nightly is paused"),
    ] {
        let refused = run(arguments).await;
        assert!(refused.code == 1 && refused.stderr.contains(why), "{arguments:?}: {}", refused.stderr);
        assert_eq!(refused.stderr.trim_end().lines().count(), 1, "{}", refused.stderr);
    }
    let swept = run(&["sweep"]).await;
    assert_eq!((swept.code, copies(&estate).len()), (0, 0), "{}", swept.stderr);
    for arguments in [&["report"][..], &["status", "snap-brake0000"], &["doctor", "--account", "default"]] {
        let seen = run(arguments).await;
        let shown = format!("{}{}", seen.stdout, seen.stderr);
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("rule nightly is paused since"), "{arguments:?}: {shown}");
    }
    let resumed = run(&["resume", "--rule", "nightly"]).await;
    assert!(
        resumed.code == 0 && resumed.stdout.contains("rule nightly goes on"),
        "{}{}",
        resumed.stdout,
        resumed.stderr
    );
    run(&["sweep"]).await;
    assert_eq!(copies(&estate).len(), 2);
}
