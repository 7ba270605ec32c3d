//! A world: who acts in it, what may go wrong, how far its clock goes; and one state of it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::product::{
    About, Absent, Alibaba, Attempts, Claim, Claimant, Command, Ending, Environment, Huawei, Key, Policy, Provider,
    Record, Settings, Tencent, claim, put_off, settle,
};
use crate::properties::{Finding, Mark, Violation};
use crate::provider::{Cloud, Guard, Model, backup_name, copy_name};
use crate::tables::{Bits, Tables};
use crate::tree::{Origin, Processes, Tree};
use crate::{alibaba, huawei, tencent};

/// The most workers of one world.
pub const WORKERS: usize = 4;

/// The names of the workers by their places.
pub const NAMES: [&str; WORKERS] = ["A", "B", "C", "D"];

/// The most backups of one world; the vault's own record comes after theirs.
pub const BACKUPS: u8 = 2;

/// The place of the vault's record among the keys.
pub const VAULT: u8 = BACKUPS;

/// How many keys there are.
pub const KEYS: usize = BACKUPS as usize + 1;

/// How long a lease goes beyond the end of its process.
const LEASE_MARGIN_S: i64 = 5;

/// What a worker does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A delivery of the command to copy this backup, by a queue.
    Delivery(u8),
    /// One delivery of both commands to copy a backup, on which one process works at once.
    Both,
    /// One delivery that holds the command for the first backup twice.
    Twice,
    /// A delivery of the command to copy the first backup into another vault: the same key with another payload.
    Otherwise,
    /// A delivery of the command to copy the whole vault, by a queue.
    VaultWide,
    /// A look at all copies that are due.
    Observe,
    /// A sweep without a policy: it empties the outbox.
    Sweep,
    /// A sweep of a rule that wants a copy of each backup (Tencent): it lists both regions, starts what is missing, and records the rest.
    SweepOfRule,
    /// A person has the first backup tried once more.
    Retry,
    /// A person breaks the lease of the first backup's record, if it is older than this world's processes can be.
    BreakLease,
    /// A person who sees a copy in the cloud says that it is the one.
    Adopt,
    /// A person says that there is no copy of the first backup, and that none shall be made.
    Abandon,
    /// The first backup goes, and a sweep says so of its record.
    Gone,
    /// The first backup has left its rule, its first copy is deleted, and it comes back: sweeps say so of its record.
    Back,
    /// A person stops everything. No process: it is done at once.
    Pause,
    /// Another hand makes a copy of the first backup. No process either.
    Hand,
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
            Kind::Adopt => VAULT + 5,
            Kind::Abandon => VAULT + 6,
            Kind::Gone => VAULT + 7,
            Kind::Back => BACK,
            Kind::SweepOfRule => OF_RULE,
            Kind::Both => BOTH,
            Kind::Twice => TWICE,
            Kind::Otherwise => OTHERWISE,
            Kind::Pause | Kind::Hand => unreachable!("it is no process"),
        }
    }
}

const BOTH: u8 = VAULT + 8;
const TWICE: u8 = VAULT + 9;
const OTHERWISE: u8 = VAULT + 10;
const BACK: u8 = VAULT + 11;
const OF_RULE: u8 = VAULT + 12;

/// Whether a payload is one of those that empty the outbox of what others left there.
pub fn drains(payload: u8) -> bool {
    payload == VAULT + 1 || payload == VAULT + 2 || payload == OF_RULE
}

/// The places of the records that the commands of a payload are about, in their order.
pub fn commanded(payload: u8) -> &'static [u8] {
    match payload {
        0 => &[0],
        1 => &[1],
        VAULT => &[VAULT],
        BOTH => &[0, 1],
        TWICE => &[0, 0],
        OTHERWISE => &[0],
        _ => &[],
    }
}

/// Where the clouds are; nothing is ever sent there. An endpoint on this machine may have a wait that is too short.
const BASE: &str = "http://127.0.0.1:9";

/// Whose planning and reading stands before the cloud.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front {
    /// The model's own.
    Model,
    /// That of the product for each cloud.
    Tencent,
    Huawei,
    Alibaba,
}

/// What the ledger holds before the first minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    Empty,
    /// A sweep has just listed that the first backup has no copy, and recorded that.
    Swept,
    /// The vault-wide call has been sent, and was lost; nobody knows that.
    VaultDoubted,
}

impl Begins {
    /// The place of the record that is there already.
    fn place(self) -> Option<usize> {
        match self {
            Begins::Empty => None,
            Begins::Swept => Some(0),
            Begins::VaultDoubted => Some(usize::from(VAULT)),
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
    pub front: Front,
    /// Whether what is in doubt is held for a person.
    pub hold: bool,
    /// Whether the store may list what it held before its last write of a record.
    pub lags: bool,
    /// Whether sleeping is a step, so that time may pass in it.
    pub sleeps: bool,
    /// What the ledger holds at the beginning.
    pub begins: Begins,
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
    pub records: [u32; KEYS],
    /// What each record was before its last write, where lists may show that.
    pub older: [u32; KEYS],
    pub workers: [Worker; WORKERS],
    pub cloud: Cloud,
    pub queue: Bits,
    pub doubts: [Doubts; KEYS],
    /// Since which minute a person has stopped everything.
    pub stopped: Option<u16>,
}

impl World {
    pub fn first(&self) -> State {
        State {
            clock: 0,
            faults_left: self.faults,
            // What there is at the beginning is the first record of the tables.
            records: std::array::from_fn(|place| u32::from(self.begins.place() == Some(place))),
            workers: [Worker::Waits; WORKERS],
            cloud: Cloud::default(),
            queue: Bits::default(),
            doubts: [Doubts::default(); KEYS],
            older: [0; KEYS],
            stopped: None,
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
        let is_over = |(worker, kind): (&Worker, &Kind)| {
            // Who waits for a copy to show may wait for ever.
            *worker == Worker::Over || (*worker == Worker::Waits && *kind == Kind::Adopt)
        };
        state.workers.iter().zip(self.workers).all(is_over)
    }

    /// Whether this kind of worker is among those of this world.
    pub fn has(&self, kind: Kind) -> bool {
        self.workers.contains(&kind)
    }

    /// Whether a command for this backup alone is delivered.
    pub fn delivers(&self, backup: u8) -> bool {
        let is = |kind: &Kind| !matches!(kind, Kind::Pause | Kind::Hand) && commanded(kind.payload()).contains(&backup);
        self.workers.iter().any(is)
    }

    fn provider(&self) -> &'static dyn Provider {
        match self.front {
            Front::Model => &Model,
            Front::Tencent => &Tencent,
            Front::Huawei => &Huawei,
            Front::Alibaba => &Alibaba,
        }
    }

    /// The worker at this place, started in this minute.
    pub fn origin(&self, place: usize, at: u16) -> Origin {
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
        let mut commands: Vec<Value> = (0..BACKUPS).map(|backup| self.of_backup(&backup_name(backup))).collect();
        commands.push(of_vault());
        let mut payloads: Vec<Value> = commands.iter().map(|command| delivered(&[command])).collect();
        payloads.extend([json!({ "action": "observe" }), json!({ "action": "sweep" })]);
        // Not for the handler, but for a person at the command line.
        let first = key(&commands[0]).0;
        let longest = self.deadline_s + LEASE_MARGIN_S;
        payloads.push(json!({ "person": "retry", "key": first }));
        payloads.push(json!({ "person": "break_lease", "key": first, "older_than_s": longest }));
        let prefix = if self.front == Front::Tencent { "snap-" } else { "" };
        let adopted = format!("{prefix}{}", copy_name(self.adoptable() as u8));
        payloads.push(json!({ "person": "adopt", "key": first, "id": adopted }));
        payloads.push(json!({ "person": "abandon", "key": first }));
        payloads.push(json!({ "gone": first }));
        payloads.push(delivered(&[&commands[0], &commands[1]]));
        payloads.push(delivered(&[&commands[0], &commands[0]]));
        let mut otherwise = commands[0].clone();
        otherwise["destinations"][0]["vault_id"] = json!("elsewhere");
        payloads.push(delivered(&[&otherwise]));
        payloads.push(json!({ "back": first }));
        payloads.push(json!({ "action": "sweep", "rule": RULE }));
        let cloud = match self.front {
            Front::Tencent => "TENCENT",
            Front::Model | Front::Huawei => "HUAWEI",
            Front::Alibaba => "ALIBABA",
        };
        // A sweep has used its credential before it starts anything, so the two reads of a start go out at once.
        let at_once =
            if [Kind::Both, Kind::Twice, Kind::SweepOfRule].iter().any(|kind| self.has(*kind)) { 2 } else { 1 };
        let services: &[&str] = match self.front {
            Front::Model => &[],
            Front::Tencent => &["TENCENT"],
            Front::Huawei => &["HUAWEI_CBR", "HUAWEI_CSBS"],
            Front::Alibaba => &["ALIBABA"],
        };
        let here = |set: Environment, service: &&str| set.with(&format!("OFFSITE_{service}_ENDPOINT"), BASE);
        let environment = services
            .iter()
            .fold(Environment::default(), here)
            .with(&format!("OFFSITE_{cloud}_VISIBILITY_WAIT_S"), (u32::from(self.wait) * 60).to_string())
            .with(&format!("OFFSITE_{cloud}_ON_DOUBT"), if self.hold { "hold" } else { "recopy" })
            .with(&format!("OFFSITE_{cloud}_RPS"), "0")
            .with("OFFSITE_MAX_ATTEMPTS", self.attempts.to_string())
            .with("OFFSITE_ATTEMPT_BACKOFF_S", "60")
            .with("OFFSITE_LEASE_MARGIN_MS", (LEASE_MARGIN_S * 1_000).to_string())
            .with("OFFSITE_CONCURRENCY", at_once.to_string());
        let settings = Settings::from_environment(&environment, &[self.provider()]).unwrap();
        let mut tables = Tables::new(commands.iter().map(key).collect());
        match self.begins {
            Begins::Empty => 0,
            Begins::Swept => tables.record_number(&swept(&commands[0], base)),
            Begins::VaultDoubted => {
                tables.record_number(&doubted(&commands[usize::from(VAULT)], base, &settings.attempts))
            }
        };
        let processes = Processes {
            settings,
            provider: self.provider(),
            front: self.front,
            at_once,
            brakes: self.has(Kind::Pause),
            sleeps: self.sleeps,
            policy: self.has(Kind::SweepOfRule).then(|| Arc::new(policy())),
            deadline: SignedDuration::from_secs(self.deadline_s),
            base,
        };
        Tree::new(tables, payloads, processes)
    }

    /// The copy that a person adopts: the first one, or where another hand copies too the second.
    pub fn adoptable(&self) -> usize {
        usize::from(self.has(Kind::Hand))
    }

    fn of_backup(&self, backup: &str) -> Value {
        match self.front {
            Front::Model | Front::Huawei => of_backup(backup),
            Front::Tencent => json!({
                "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
                "source": { "region": tencent::SOURCE, "snapshot_id": format!("snap-{backup}") },
                "destinations": [{ "region": tencent::DESTINATION }],
            }),
            Front::Alibaba => json!({
                "action": "replicate", "provider": "alibaba", "operation": "create-vault-replication",
                "source": { "region": alibaba::SOURCE, "vault_id": alibaba::vault(backup) },
                "destinations": [{ "region": alibaba::DESTINATION, "vault_id": alibaba::target(backup) }],
            }),
        }
    }
}

/// What a sweep writes of a backup that it saw in the first minute, with what it had read.
fn swept(command: &Value, at: Timestamp) -> Record {
    let replication = Command::from_json(command).unwrap().replications().remove(0);
    let me = Claimant { owner: "sweep".to_owned(), lease_until: at, now: at };
    let mut record = put_off(&replication, About::default(), &me, None);
    let absent = Absent { listing_begun: at, source_read: at, run: "sweep".to_owned(), version: 0 };
    record.absent = Some(absent.with(&record));
    record
}

/// What is left of a call without an answer.
fn doubted(command: &Value, at: Timestamp, attempts: &Attempts) -> Record {
    let replication = Command::from_json(command).unwrap().replications().remove(0);
    let me = Claimant { owner: "before".to_owned(), lease_until: at, now: at };
    let Claim::Write(claimed, _) = claim(None, &replication, &me, attempts) else { unreachable!("nothing is there") };
    let ending = Ending::InDoubt { code: "timeout".to_owned(), note: String::new(), request_id: None, called: true };
    settle(&claimed, &ending, &me, attempts).unwrap().0
}

fn command(operation: &str, source: Value, occurrence: Option<&str>) -> Value {
    let mut command = json!({
        "action": "replicate", "provider": "huawei", "operation": operation, "source": source,
        "destinations": [{ "region": huawei::DESTINATION.0, "project_id": huawei::DESTINATION.1, "vault_id": "there" }],
    });
    if let Some(occurrence) = occurrence {
        command["occurrence"] = json!(occurrence);
    }
    command
}

fn of_backup(backup: &str) -> Value {
    let source = json!({ "region": huawei::SOURCE.0, "project_id": huawei::SOURCE.1, "backup_id": backup });
    command("copy-backup", source, None)
}

fn of_vault() -> Value {
    let source = json!({ "region": huawei::SOURCE.0, "project_id": huawei::SOURCE.1, "vault_id": "v1" });
    command("copy-checkpoint", source, Some("once"))
}

/// The name of the rule that is swept.
const RULE: &str = "all";

/// A rule that wants what the deliveries of Tencent's worlds ask for.
fn policy() -> Policy {
    let rule = json!({
        "name": RULE, "provider": "tencent", "source": { "region": tencent::SOURCE },
        "destinations": [{ "region": tencent::DESTINATION }],
    });
    Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap()
}

fn key(command: &Value) -> Key {
    Command::from_json(command).unwrap().replications()[0].key()
}

/// As a queue delivers them: records, of which the answer says whether they are to be delivered again.
fn delivered(commands: &[&Value]) -> Value {
    let record = |(number, command): (usize, &&Value)| {
        let body = command.to_string();
        json!({ "messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs", "awsRegion": "us-east-1" })
    };
    json!({ "Records": commands.iter().enumerate().map(record).collect::<Vec<_>>() })
}
