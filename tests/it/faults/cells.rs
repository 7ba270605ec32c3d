//! The fault matrix: one cell is one operation with one fault at one step, delivered in one way, over one store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fastrand::Rng;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::State;
use offsite_shared::model::command::Operation;
use offsite_shared::ports::Clock;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ports::{Fault, Kind, Process, Step};
use super::world::{Clouds, Store, Weakness, command, http, replication};

/// How often the command comes before the fault-free redelivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliveries {
    One,
    TwoInSequence,
    TwoAtOnce,
}

impl Deliveries {
    pub const ALL: [Deliveries; 3] = [Deliveries::One, Deliveries::TwoInSequence, Deliveries::TwoAtOnce];
}

/// A cell of the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub operation: Operation,
    pub step: Step,
    pub kind: Kind,
    pub deliveries: Deliveries,
    pub seed: u64,
}

/// What a cell has come to.
pub struct Ran {
    pub cell: Cell,
    pub problems: Vec<String>,
    /// For each copy that was made: the key its receipt has on the queue, and the provider's ID.
    copies: Vec<(String, String)>,
    /// Whether the provider gives an adopted copy's ID back: Alibaba never does, some of Huawei's clouds do not.
    ids_are_told: bool,
}

/// All cells, for any store.
pub fn matrix(seed: u64) -> Vec<Cell> {
    let mut rng = Rng::with_seed(seed);
    let mut cells = Vec::new();
    for operation in Operation::ALL {
        for step in Step::ALL {
            // A vault-wide call has nothing to read before the first call.
            if step == Step::ReadBack && operation == Operation::CopyCheckpoint {
                continue;
            }
            for kind in Kind::ALL {
                for deliveries in Deliveries::ALL {
                    cells.push(Cell { operation, step, kind, deliveries, seed: rng.u64(..) });
                }
            }
        }
    }
    cells
}

/// Runs cells beside one another and looks at the queue at the end. Returns the cells with problems.
pub async fn run_all(store: Store, cells: Vec<Cell>, weakness: Weakness) -> Vec<(Cell, Vec<String>)> {
    const AT_ONCE: usize = 24;
    let (store, http, slots) = (Arc::new(store), http(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut running = JoinSet::new();
    for cell in cells {
        let (store, http, slots) = (store.clone(), http.clone(), slots.clone());
        running.spawn(async move {
            let _slot = slots.acquire().await.unwrap();
            run(cell, &store, &http, weakness).await
        });
    }
    let ran = running.join_all().await;
    let mut queue: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in store.messages().await {
        queue.entry(message["subject"].as_str().unwrap().to_owned()).or_default().push(message);
    }
    ran.into_iter()
        .map(|mut ran| {
            for (subject, id) in &ran.copies {
                let told = queue.get(subject).map(Vec::as_slice).unwrap_or_default();
                ran.problems.extend(receipt_problem(ran.ids_are_told, told, id));
            }
            (ran.cell, ran.problems)
        })
        .filter(|(_, problems)| !problems.is_empty())
        .collect()
}

/// Whether the queue tells of this copy, under one event ID. A copy whose receipt could not be recorded, and that is then found where
/// its ID cannot be seen (the operation log alone shows it), is told once more without it: that event has an ID of its own, as nobody
/// can tell which copy it is about.
fn receipt_problem(ids_are_told: bool, told: &[Value], id: &str) -> Option<String> {
    let names = |message: &Value| match message["data"]["replication_id"].as_str() {
        Some(found) => found == id,
        None => !ids_are_told && message["data"]["adopted"] == true,
    };
    let ids_of = |is_named: bool| -> BTreeSet<&str> {
        let those = told.iter().filter(|message| message["data"]["replication_id"].is_string() == is_named);
        those.filter_map(|message| message["id"].as_str()).collect()
    };
    let (named, unnamed) = (ids_of(true), ids_of(false));
    let ids: BTreeSet<&str> = named.union(&unnamed).copied().collect();
    let may_be_unnamed = !ids_are_told && named.len() == 1 && unnamed.len() == 1;
    if !told.iter().any(names) {
        return Some(format!("loss: the queue has no receipt of {id}, but {told:?}"));
    }
    (ids.len() != 1 && !may_be_unnamed).then(|| format!("the receipt of {id} has {} event IDs: {told:?}", ids.len()))
}

/// What the clouds' documents leave open, drawn by seed.
fn unknowns(rng: &mut Rng) -> Value {
    let name_filter = ["exact", "substring", "prefix"][rng.usize(..3)];
    let existing_pair = ["error", "accept", "vault_status"][rng.usize(..3)];
    let duplicate = ["BackupService.1009", "CSBS.6031"][rng.usize(..2)];
    let duration = [0, 60, 100_000][rng.usize(..3)];
    let seconds = |rng: &mut Rng| [0, 1, 30, 250][rng.usize(..4)];
    json!({
        "copy_duration_s": duration,
        "visibility_delay_s": seconds(rng),
        "record_visible_delay_s": seconds(rng),
        "name_filter": name_filter,
        "double_finished": rng.bool(),
        "queue_conflict_while_running": rng.bool(),
        "conflict_fails_call": rng.bool(),
        "copying_to_regions": rng.bool(),
        "existing_pair": existing_pair,
        "loose_vault_id_filter": rng.bool(),
        "csbs_duplicate_code": duplicate,
        "csbs_records_endpoint": rng.bool(),
        "csbs_records_as_object": rng.bool(),
        "show_backup_records": rng.u8(..4) > 0,
        "vault_busy_while_replicating": rng.bool(),
    })
}

async fn run(cell: Cell, store: &Arc<Store>, http: &HttpTransport, weakness: Weakness) -> Ran {
    let mut rng = Rng::with_seed(cell.seed);
    let switches = unknowns(&mut rng);
    let clouds = Arc::new(Clouds::start(http, cell.seed, &switches, weakness).await);
    let command = command(cell.operation, &mut rng);
    // Once, or until the function's patience ends.
    let left = if rng.bool() { 1 } else { u32::MAX };
    let (after, flavour, both) = (rng.bool(), rng.u8(..), rng.bool());
    let new_fault = || {
        Arc::new(Fault {
            step: cell.step,
            kind: cell.kind,
            after,
            flavour,
            left: AtomicU32::new(left),
            hits: AtomicU32::new(0),
        })
    };
    let fault = new_fault();
    let deliver = |fault: Option<Arc<Fault>>| {
        let (clouds, store, command) = (clouds.clone(), store.clone(), command.clone());
        let process = Process::new(fault, &clouds.clock);
        tokio::spawn(async move { clouds.deliver(&store, &[command], &process).await })
    };
    match cell.deliveries {
        Deliveries::One => drop(deliver(Some(fault.clone())).await.unwrap()),
        Deliveries::TwoInSequence => {
            deliver(Some(fault.clone())).await.unwrap();
            deliver(both.then(new_fault)).await.unwrap();
        }
        Deliveries::TwoAtOnce => {
            let (one, two) = (deliver(Some(fault.clone())), deliver(Some(fault.clone())));
            let _ = (one.await.unwrap(), two.await.unwrap());
        }
    }
    let mut problems = Vec::new();
    if fault.hits.load(Ordering::SeqCst) == 0 {
        problems.push("the fault never struck: this cell shows nothing".to_owned());
    }
    // Past every lease and every wait for visibility.
    clouds.clock.sleep(Duration::from_secs(1_500)).await;
    let answer = deliver(None).await.unwrap();
    if answer != Some(json!({ "batchItemFailures": [] })) {
        problems.push(format!("the fault-free redelivery ended as {answer:?}"));
    }
    let mut copies = Vec::new();
    let wanted = if cell.operation == Operation::CopyCheckpoint { 3 } else { 1 };
    let replication = replication(&command);
    for row in clouds.copies() {
        let (source, id) = (row["source"].as_str().unwrap(), row["id"].as_str().unwrap());
        if row["created"] != 1 {
            problems.push(format!("double: {row}"));
        }
        let key = match cell.operation {
            Operation::CopyCheckpoint => replication.of_backup(source).key(),
            _ => replication.key(),
        };
        copies.push((key.0, id.to_owned()));
    }
    if copies.len() != wanted {
        problems.push(format!("loss: {} copies instead of {wanted}", copies.len()));
    }
    let record = store.ledger.get(&replication.key()).await.unwrap();
    match &record {
        Some(record) if record.state == State::Accepted && !record.outbox && copies_of(record) == wanted => {}
        _ => problems.push(format!("the record ends as {record:?}")),
    }
    if cell.operation == Operation::CopyCheckpoint {
        for (key, _) in &copies {
            let backup = store.ledger.get(&offsite_shared::model::command::Key(key.clone())).await.unwrap();
            if backup.as_ref().is_none_or(|backup| backup.state != State::Accepted) {
                problems.push(format!("the record of a vault's backup ends as {backup:?}"));
            }
        }
    }
    if !problems.is_empty() {
        problems.push(format!(
            "with {switches}, the fault {}, after {after}, flavour {}, both {both}",
            if left == 1 { "once" } else { "always" },
            flavour % 4
        ));
    }
    let ids_are_told = match cell.operation {
        Operation::CreateVaultReplication => false,
        Operation::CopyBackup | Operation::CopyCheckpoint => switches["show_backup_records"] == true,
        _ => true,
    };
    Ran { cell, problems, copies, ids_are_told }
}

/// How many copies a record says that its call started.
fn copies_of(record: &offsite_shared::ledger::Record) -> usize {
    record.copies.as_ref().map_or(record.receipts.len(), |copies| copies.count as usize)
}
