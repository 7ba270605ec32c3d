//! A world: who acts in it, what may go wrong, how far its clock goes; and one state of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::product::{Command, Environment, Key, Settings};
use crate::properties::{Finding, Mark, Violation};
use crate::provider::{Cloud, Guard, Model, backup_name};
use crate::swept;
use crate::tables::{Bits, Tables};
use crate::tree::{Origin, Tree};

/// The most workers of one world.
pub const WORKERS: usize = 4;

/// The most backups of one world; the vault's own record comes after theirs.
pub const BACKUPS: u8 = 2;

/// The place of the vault's record among the keys.
pub const VAULT: u8 = BACKUPS;

/// How long a lease goes beyond the end of its process.
const LEASE_MARGIN_S: i64 = 5;

/// What a worker does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A delivery of the command to copy this backup, by a queue.
    Delivery(u8),
    /// A delivery of the command to copy the whole vault, by a queue.
    VaultWide,
    /// A look at all copies that are due.
    Observe,
    /// A sweep without a policy: it empties the outbox.
    Sweep,
    /// A person has the first backup tried once more.
    Retry,
    /// A person breaks the lease of the first backup's record, if it is older than this world's processes can be.
    BreakLease,
}

impl Kind {
    fn payload(self) -> u8 {
        match self {
            Kind::Delivery(backup) => backup,
            Kind::VaultWide => VAULT,
            Kind::Observe => VAULT + 1,
            Kind::Sweep => VAULT + 2,
            Kind::Retry => VAULT + 3,
            Kind::BreakLease => VAULT + 4,
        }
    }
}

/// A world and its bounds.
#[derive(Clone, Copy)]
pub struct World {
    /// Equal ones stand side by side, and start in this order.
    pub workers: &'static [Kind],
    /// How many backups the vault holds.
    pub backups: u8,
    /// How many faults there may be on one way.
    pub faults: u8,
    /// The clock goes from 0 to this minute.
    pub minutes: u16,
    /// How long a process has, in seconds.
    pub deadline_s: i64,
    /// Whether the platform ends processes whose time is over.
    pub ends_processes: bool,
    /// How many attempts, and calls of unknown outcome in one attempt, there may be.
    pub attempts: u32,
    /// The wait before "nothing is visible" counts, in minutes.
    pub wait: u16,
    /// How long after it was sent a call may still be applied, in minutes.
    pub delay: u16,
    /// How long a copy may stay invisible, in minutes.
    pub hidden: u16,
    pub guard: Guard,
    /// Whether copies end while the clock runs, and how.
    pub finish: bool,
    pub fail: bool,
    pub delete: bool,
    /// Whether the provider may refuse for good.
    pub refusals: bool,
    /// Whether a sweep has just listed that the first backup has no copy, and recorded that.
    pub swept: bool,
    /// By how many minutes the clock of the worker at this place is ahead.
    pub ahead: [u16; WORKERS],
    /// More states than this are a failure.
    pub ceiling: usize,
    /// What must happen somewhere in it.
    pub reaches: &'static [Mark],
    /// Known findings that show in it, and must.
    pub shows: &'static [Finding],
}

/// A worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Worker {
    Waits,
    At(u32),
    Over,
}

/// Calls without an answer in the attempt that a record is in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Doubts {
    /// All of them.
    pub sent: u8,
    /// Those of which the sender, still holding its claim, then wrote that it is in doubt.
    pub settled: u8,
}

/// A state of a world.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub clock: u16,
    pub faults_left: u8,
    /// The stored records by key; 0 is none.
    pub records: [u32; BACKUPS as usize + 1],
    pub workers: [Worker; WORKERS],
    pub cloud: Cloud,
    pub queue: Bits,
    pub doubts: [Doubts; BACKUPS as usize + 1],
}

impl World {
    pub fn first(&self) -> State {
        State {
            clock: 0,
            faults_left: self.faults,
            // The record of a sweep is the first one of the tables.
            records: std::array::from_fn(|place| u32::from(self.swept && place == 0)),
            workers: [Worker::Waits; WORKERS],
            cloud: Cloud::default(),
            queue: Bits::default(),
            doubts: [Doubts::default(); BACKUPS as usize + 1],
        }
    }

    /// Whether this violation is a known finding that this world says it shows.
    pub fn expects(&self, violation: &Violation) -> bool {
        violation.known.is_some_and(|finding| self.shows.contains(&finding))
    }

    /// Whether calls without an answer can reach the limit here; where they cannot they are not counted.
    pub fn counts_doubts(&self) -> bool {
        self.attempts <= u32::from(self.faults)
    }

    pub fn is_at_rest(&self, state: &State) -> bool {
        state.workers[..self.workers.len()].iter().all(|worker| *worker == Worker::Over)
    }

    /// The worker at this place, started in this minute.
    pub fn origin(&self, place: usize, at: u16) -> Origin {
        const NAMES: [&str; WORKERS] = ["A", "B", "C", "D"];
        let name = NAMES[place];
        Origin { name, payload: self.workers[place].payload(), at, ahead: self.ahead[place] }
    }

    /// A process of one of the rounds at rest, started in this minute.
    pub fn at_rest(&self, kind: Kind, name: &'static str, at: u16) -> Origin {
        Origin { name, payload: kind.payload(), at, ahead: 0 }
    }

    /// The places of this world's workers, of which nothing is computed yet.
    pub fn tree(&self) -> Tree {
        let base: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut commands: Vec<Value> = (0..BACKUPS).map(|backup| of_backup(&backup_name(backup))).collect();
        commands.push(of_vault());
        let mut payloads: Vec<Value> = commands.iter().map(delivered).collect();
        payloads.extend([json!({ "action": "observe" }), json!({ "action": "sweep" })]);
        // Not for the handler, but for a person at the command line.
        let first = key(&commands[0]).0;
        let longest = self.deadline_s + LEASE_MARGIN_S;
        payloads.push(json!({ "person": "retry", "key": first }));
        payloads.push(json!({ "person": "break_lease", "key": first, "older_than_s": longest }));
        let environment = Environment::default()
            .with("OFFSITE_HUAWEI_VISIBILITY_WAIT_S", (u32::from(self.wait) * 60).to_string())
            .with("OFFSITE_HUAWEI_RPS", "0")
            .with("OFFSITE_MAX_ATTEMPTS", self.attempts.to_string())
            .with("OFFSITE_ATTEMPT_BACKOFF_S", "60")
            .with("OFFSITE_LEASE_MARGIN_MS", (LEASE_MARGIN_S * 1_000).to_string())
            .with("OFFSITE_CONCURRENCY", "1");
        let settings = Settings::from_environment(&environment, &[&Model]).unwrap();
        let mut tables = Tables::new(commands.iter().map(key).collect());
        if self.swept {
            tables.record_number(&swept::record(&commands[0], base));
        }
        Tree::new(tables, payloads, settings, SignedDuration::from_secs(self.deadline_s), base)
    }
}

fn command(operation: &str, source: Value, occurrence: Option<&str>) -> Value {
    let mut command = json!({
        "action": "replicate", "provider": "huawei", "operation": operation, "source": source,
        "destinations": [{ "region": "cn-east-3", "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": "there" }],
    });
    if let Some(occurrence) = occurrence {
        command["occurrence"] = json!(occurrence);
    }
    command
}

fn of_backup(backup: &str) -> Value {
    let source =
        json!({ "region": "cn-north-4", "project_id": "4229d7a45436489f8c3dc2b1d35d4987", "backup_id": backup });
    command("copy-backup", source, None)
}

fn of_vault() -> Value {
    let source = json!({ "region": "cn-north-4", "project_id": "4229d7a45436489f8c3dc2b1d35d4987", "vault_id": "v1" });
    command("copy-checkpoint", source, Some("once"))
}

fn key(command: &Value) -> Key {
    Command::from_json(command).unwrap().replications()[0].key()
}

/// As a queue delivers it: one record, of which the answer says whether it is to be delivered again.
fn delivered(command: &Value) -> Value {
    json!({ "Records": [
        { "messageId": "m1", "body": command.to_string(), "eventSource": "aws:sqs", "awsRegion": "us-east-1" },
    ] })
}
