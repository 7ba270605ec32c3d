//! An answer of each kind: to commands, events, batches, looks and sweeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use offsite_shared::ports::Notes;
use serde_json::{Value, json};

use super::Lines;
use super::cloud::{FAR, HERE, SAFE};
use super::stored;
use super::world::{World, copy, told, vault, with};
use crate::events::sample;
use crate::faults::world::batch;

/// An answer, and what the queue was sent with it.
async fn tell(lines: &mut Lines, name: &str, world: &World, event: &Value) {
    let answer = world.told(event).await;
    lines.push((name.to_owned(), answer));
    for (index, message) in world.queue.drain().into_iter().enumerate() {
        lines.push((format!("{name}, message {}", index + 1), message));
    }
}

async fn told_of_record(lines: &mut Lines, name: &str, minutes: u64, event: &Value) {
    let world = World::new();
    world.put(&stored::record(name)).await;
    world.pass(minutes * 60).await;
    tell(lines, &format!("where it was {name}"), &world, event).await;
    let world = World::new();
    world.put(&stored::record(name)).await;
    world.pass(minutes * 60).await;
    tell(lines, &format!("where it was {name}, beside a good one"), &world, &beside_a_good_one(event.clone())).await;
}

/// Where something is accepted, what is not is an object among the results, and no error.
fn beside_a_good_one(command: Value) -> Value {
    json!([copy("snap-plain", &[SAFE]), command])
}

pub async fn commands() -> Lines {
    let mut lines = Lines::new();
    let fates = [
        "plain", "made", "full", "system", "replica", "absent", "new", "running", "unread", "busy", "silent", "cut",
        "key",
    ];
    for fate in fates {
        let command = copy(&format!("snap-{fate}"), &[FAR]);
        tell(&mut lines, fate, &World::new(), &command).await;
        tell(&mut lines, &format!("{fate} beside a good one"), &World::new(), &beside_a_good_one(command)).await;
    }
    tell(&mut lines, "two destinations", &World::new(), &copy("snap-full", &[FAR, SAFE])).await;
    for (name, command) in [("a vault", vault()), ("an empty vault", empty_vault())] {
        let world = World::new();
        tell(&mut lines, name, &world, &command).await;
        tell(&mut lines, &format!("{name} again"), &world, &command).await;
    }
    for (fate, minutes) in [("plain", 1), ("full", 1), ("full", 6), ("silent", 1), ("silent", 22), ("key", 1)] {
        let world = World::new();
        world.ask(&copy(&format!("snap-{fate}"), &[FAR])).await.ok();
        world.queue.drain();
        world.pass(minutes * 60).await;
        let name = format!("{fate} again after {minutes} minutes");
        tell(&mut lines, &name, &world, &copy(&format!("snap-{fate}"), &[FAR])).await;
    }
    let world = World::new();
    world.queue.full.store(true, Ordering::SeqCst);
    tell(&mut lines, "plain, the queue is full", &world, &copy("snap-plain", &[FAR])).await;
    world.queue.full.store(false, Ordering::SeqCst);
    tell(&mut lines, "plain, the queue has room again", &world, &copy("snap-plain", &[FAR])).await;
    for (name, minutes) in [
        ("claimed", 0),
        ("refused", 2),
        ("claimed, second attempt", 10),
        ("ineligible", 2),
        ("abandoned", 100),
        ("replicated", 10),
        ("failed", 6),
        ("lost", 40),
        ("missed", 50),
        ("missed, all attempts used", 50),
    ] {
        told_of_record(&mut lines, name, minutes, &copy("snap-1", &[FAR])).await;
    }
    let other = with(vault(), "options", json!({ "auto_trigger": true }));
    told_of_record(&mut lines, "accepted, a vault", 2, &other).await;
    for (variable, value) in [("OFFSITE_PAUSED", "true"), ("OFFSITE_ALLOWED_DESTINATIONS", "tencent:ap-tokyo")] {
        let mut world = World::new();
        world.environment = world.environment.with(variable, value);
        tell(&mut lines, &format!("{variable} is {value}"), &world, &copy("snap-plain", &[FAR])).await;
    }
    let world = World::new();
    let late = world.ask_within(&copy("snap-plain", &[FAR]), 1_000).await;
    lines.push(("no time is left".to_owned(), told(&late)));
    invalid(&mut lines).await;
    dry_runs(&mut lines).await;
    lines
}

fn empty_vault() -> Value {
    let mut command = vault();
    command["source"]["vault_id"] = json!("vault-empty");
    command
}

async fn invalid(lines: &mut Lines) {
    let good = copy("snap-plain", &[FAR]);
    for (name, event) in [
        ("nothing", json!({})),
        ("no command", json!(7)),
        ("a command without a source", json!({ "action": "replicate", "provider": "tencent" })),
        ("an ID that is none", copy("disk-1", &[FAR])),
        ("the source's own region", copy("snap-plain", &[HERE])),
        ("a wrong and a good command", json!([copy("disk-1", &[FAR]), good])),
        ("two wrong commands", json!([copy("disk-1", &[FAR]), copy("disk-2", &[FAR])])),
    ] {
        tell(lines, &format!("invalid, {name}"), &World::new(), &event).await;
    }
}

async fn dry_runs(lines: &mut Lines) {
    let dry = |command: Value| with(command, "dry_run", json!(true));
    for fate in ["plain", "made", "running", "new", "replica", "absent", "unread"] {
        let command = dry(copy(&format!("snap-{fate}"), &[FAR]));
        tell(lines, &format!("dry run of {fate}"), &World::new(), &command).await;
    }
    for (name, minutes) in [("claimed", 0), ("in_doubt", 2), ("accepted", 2), ("refused", 2)] {
        let world = World::new();
        world.put(&stored::record(name)).await;
        world.pass(minutes * 60).await;
        tell(lines, &format!("dry run where it was {name}"), &world, &dry(copy("snap-1", &[FAR]))).await;
    }
}

fn rules() -> Value {
    json!([
        {
            "name": "web", "provider": "tencent", "objective": { "max_lag": "1h", "rpo": "1h" },
            "source": { "region": HERE, "select": { "name_prefix": "web-" } }, "destinations": [{ "region": FAR }],
        },
        {
            "name": "servers", "provider": "huawei", "operation": "copy-backup",
            "source": { "region": "cn-north-4", "project_id": "4229d7a45436489f8c3dc2b1d35d4987", "vault_id": "vault-1" },
            "destinations": [{ "region": "cn-east-3", "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": "vault-2" }],
        },
    ])
}

pub async fn events() -> Lines {
    let mut lines = Lines::new();
    for fate in ["plain", "other", "replica", "new", "absent"] {
        let hint = json!({ "provider": "tencent", "region": HERE, "snapshot_id": format!("snap-{fate}") });
        tell(&mut lines, &format!("a hint at {fate}"), &World::with_policy(&rules()), &hint).await;
        tell(&mut lines, &format!("a batch with a hint at {fate}"), &World::with_policy(&rules()), &batch(&[hint]))
            .await;
    }
    let of_vault = json!({ "provider": "huawei", "region": "cn-north-4", "vault_id": "vault-1" });
    tell(&mut lines, "a hint at a vault", &World::with_policy(&rules()), &of_vault).await;
    tell(&mut lines, "a hint without a policy", &World::new(), &of_vault).await;
    let ignored = sample("tencent/hint-cloudaudit-copy.json");
    tell(&mut lines, "what is none of our business", &World::with_policy(&rules()), &ignored).await;
    let mut news = sample("huawei/copy-checkpoint-item-sns.json");
    let mut record = news["Records"][0].clone();
    record["Sns"]["Message"] = json!(json!({ "action": "observe" }).to_string());
    news["Records"][0]["Sns"]["Message"] = json!(copy("snap-plain", &[FAR]).to_string());
    news["Records"].as_array_mut().unwrap().push(record);
    tell(&mut lines, "a command and an action in one event", &World::new(), &news).await;
    let of = |fate: &str| copy(&format!("snap-{fate}"), &[FAR]);
    for (name, commands) in [
        ("all are done", vec![of("plain"), of("made"), of("system")]),
        ("some are not", vec![of("plain"), of("disk"), of("new"), json!({}), of("full"), of("silent")]),
        ("with a dry run", vec![with(of("plain"), "dry_run", json!(true)), of("full")]),
        ("with a look and a sweep", vec![json!({ "action": "observe" }), json!({ "action": "sweep", "rule": "none" })]),
    ] {
        tell(&mut lines, &format!("a batch, {name}"), &World::new(), &batch(&commands)).await;
    }
    let mut nameless = batch(&[of("full")]);
    nameless["Records"][0].as_object_mut().unwrap().remove("messageId");
    tell(&mut lines, "a batch whose record has no ID", &World::new(), &nameless).await;
    lines
}

pub async fn looks() -> Lines {
    let mut lines = Lines::new();
    let due = json!({ "action": "observe" });
    let of = |id: &str, regions: &[&str]| with(copy(id, regions), "action", json!("observe"));
    let world = World::with_policy(&rules());
    for id in ["snap-plain", "snap-slow", "snap-ends"] {
        world.ask(&with(copy(id, &[FAR]), "rule", json!("web"))).await.unwrap();
    }
    world.ask(&copy("snap-plain", &[SAFE])).await.unwrap();
    world.queue.drain();
    tell(&mut lines, "of a copy that runs", &world, &of("snap-slow", &[FAR])).await;
    tell(&mut lines, "of two copies, one early", &world, &of("snap-plain", &[SAFE, FAR])).await;
    let of_vault = World::new();
    of_vault.ask(&vault()).await.unwrap();
    of_vault.queue.drain();
    tell(&mut lines, "of a vault", &of_vault, &with(vault(), "action", json!("observe"))).await;
    tell(&mut lines, "of what was never started", &world, &of("snap-other", &[FAR])).await;
    world.pass(150).await;
    world.clouds.down.store(true, Ordering::SeqCst);
    tell(&mut lines, "without an answer", &world, &of("snap-slow", &[FAR])).await;
    world.clouds.down.store(false, Ordering::SeqCst);
    world.pass(600).await;
    tell(&mut lines, "of all that is due", &world, &due).await;
    tell(&mut lines, "of a copy that is there", &world, &of("snap-ends", &[FAR])).await;
    world.pass(49 * 3_600).await;
    tell(&mut lines, "of all that is due after two days", &world, &due).await;
    tell(&mut lines, "of a copy that is late", &world, &of("snap-slow", &[FAR])).await;
    world.clouds.emptied.store(true, Ordering::SeqCst);
    world.pass(8 * 86_400).await;
    tell(&mut lines, "of all that is due after a week", &world, &due).await;
    tell(&mut lines, "of a copy that is lost", &world, &of("snap-plain", &[FAR])).await;
    tell(&mut lines, "of a copy that went as planned", &world, &of("snap-ends", &[FAR])).await;
    note(&mut lines, &world, "arrivals/web").await;
    lines
}

/// A note as it is stored.
async fn note(lines: &mut Lines, world: &World, name: &str) {
    let note = world.ledger.note(name).await.unwrap();
    let text = note.map_or_else(|| "none".to_owned(), |note| note.text);
    for (index, line) in text.lines().enumerate() {
        lines.push((format!("note {name}, line {}", index + 1), line.to_owned()));
    }
}

pub async fn sweeps() -> Lines {
    let mut lines = Lines::new();
    let sweep = json!({ "action": "sweep", "rule": "web" });
    let world = World::with_policy(&rules());
    world.queue.full.store(true, Ordering::SeqCst);
    world.ask(&copy("snap-other", &[FAR])).await.unwrap();
    world.queue.full.store(false, Ordering::SeqCst);
    world.pass(60).await;
    tell(&mut lines, "a sweep", &world, &sweep).await;
    note(&mut lines, &world, "summary/web").await;
    for kind in ["findings", "newest"] {
        note(&mut lines, &world, &format!("sweep/web/{:032x}/{kind}/0", 2)).await;
    }
    note(&mut lines, &world, "course/web").await;
    world.pass(600).await;
    tell(&mut lines, "a second sweep", &world, &sweep).await;
    tell(&mut lines, "a sweep of no rule", &world, &json!({ "action": "sweep", "rule": "none" })).await;
    lines.push(("a sweep without time".to_owned(), told(&world.ask_within(&sweep, 1_400).await)));

    let world = World::with_policy(&rules());
    world.clouds.down.store(true, Ordering::SeqCst);
    tell(&mut lines, "a sweep of what is down", &world, &sweep).await;
    let note = world.ledger.note("course/web").await.unwrap().unwrap();
    lines.push(("its course".to_owned(), note.text.clone()));
    let mut course: Value = serde_json::from_str(&note.text).unwrap();
    course["lease_until"] = json!("2026-11-21T08:33:00Z");
    assert!(world.ledger.put_note("course/web", &course.to_string(), note.version).await.unwrap());
    tell(&mut lines, "a sweep while another is at it", &world, &sweep).await;

    let mut world = World::with_policy(&rules());
    world.work = Some(Arc::clone(&world.queue));
    tell(&mut lines, "a sweep that hands over", &world, &sweep).await;
    tell(&mut lines, "a sweep without a policy", &World::new(), &json!({ "action": "sweep" })).await;
    lines
}

/// A sweep that the last version left cut off, in the format that the text has: the run that it ends as.
pub async fn goes_on_from(course: &str) -> Option<String> {
    let world = World::with_policy(&rules());
    assert!(world.ledger.put_note("course/web", course, 0).await.unwrap());
    world.pass(600).await;
    // Other nonces than the run's own, so that a new run has another name.
    world.told(&json!({ "action": "observe" })).await;
    let answer = world.told(&json!({ "action": "sweep", "rule": "web" })).await;
    assert!(answer.contains("\"complete\":true"), "{answer}");
    for run in 1..10 {
        let name = format!("{run:032x}");
        if world.ledger.note(&format!("sweep/web/{name}/findings/0")).await.unwrap().is_some() {
            return Some(name);
        }
    }
    None
}
