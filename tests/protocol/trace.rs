//! A way through a world as a table: the step, and after it the records, the copies, the queue, and what each worker waits for.

use std::fmt::Write;

use crate::product::{Expect, Record};
use crate::provider::{Read, Target, backup_name, copy_name};
use crate::rest;
use crate::steps::{Explorer, How, Label};
use crate::tables::Tables;
use crate::tree::Ask;
use crate::world::{Kind, NAMES, State, VAULT, Worker};

/// The table of these steps from the beginning; `rest`: with the rounds at rest that follow.
pub fn table(explorer: &mut Explorer, labels: &[Label], rest: bool) -> String {
    let mut state = explorer.world.first();
    let mut rows = vec![["step", "records", "copies", "queue", "who waits for what"].map(str::to_owned)];
    rows.push(row(explorer, "0:00 all begins".to_owned(), &state));
    for (number, label) in labels.iter().enumerate() {
        let step = format!("{}. {}:00 {}", number + 1, state.clock, told(explorer, &state, *label));
        let next = explorer.steps(&state).into_iter().find(|next| next.label == *label);
        state = next.expect("the way that was found can be gone again").state;
        rows.push(row(explorer, step, &state));
    }
    let mut text = laid_out(&rows);
    if rest {
        text.push_str("at rest, by four rounds without faults, weeks apart:\n");
        state.clock = 0;
        state.cloud.under_way.clear();
        rest::rounds(explorer, &state, &mut |name, records| {
            let _ = writeln!(text, "  after {name}: {records}");
        });
    }
    text
}

fn laid_out(rows: &[[String; 5]]) -> String {
    let mut text = String::new();
    let widths: Vec<usize> =
        (0..5).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        let _ = writeln!(text, "{}", cells.join(" | ").trim_end());
    }
    text
}

/// The name of a key's subject.
pub fn key_name(key: u8) -> String {
    if key == VAULT { "vault".to_owned() } else { backup_name(key) }
}

fn told(explorer: &Explorer, state: &State, label: Label) -> String {
    let name = |place: u8| NAMES[usize::from(place)];
    match label {
        Label::Clock => "a minute passes".to_owned(),
        Label::Starts(place) => {
            let does = match explorer.world.workers[usize::from(place)] {
                Kind::Delivery(backup) => format!("copy-backup {}", backup_name(backup)),
                Kind::VaultWide => "copy-checkpoint".to_owned(),
                Kind::Otherwise => "copy-backup b1 into another vault".to_owned(),
                Kind::Observe => "observe".to_owned(),
                Kind::Sweep => "sweep".to_owned(),
                Kind::SweepOfRule => "sweep of the rule".to_owned(),
                Kind::Retry => "a person retries".to_owned(),
                Kind::BreakLease => "a person breaks the lease".to_owned(),
                Kind::Both => "one delivery of both commands".to_owned(),
                Kind::Twice => "one delivery of a command twice".to_owned(),
                Kind::Adopt => "a person adopts a copy".to_owned(),
                Kind::Abandon => "a person gives it up".to_owned(),
                Kind::Gone => "the backup goes, and a sweep says so".to_owned(),
                Kind::Back => "the backup comes back without its copy, and sweeps say so".to_owned(),
                Kind::Pause => "a person stops everything".to_owned(),
                Kind::Hand => "another hand copies".to_owned(),
            };
            format!("{} starts: {does}", name(place))
        }
        Label::Lands(place) => {
            format!("the call that was given up is applied: {}", target(state.cloud.under_way[usize::from(place)].0))
        }
        Label::Listed(copy) => format!("{} becomes listed", copy_name(copy)),
        Label::Becomes(copy, fate) => format!("{} is {}", copy_name(copy), fate.word()),
        Label::Answer(place, which, how) => {
            let asks = match state.workers[usize::from(place)] {
                Worker::At(node) => asks(&explorer.tree.tables, &explorer.tree.node(node).open[usize::from(which)].ask),
                _ => String::new(),
            };
            let how = match how {
                How::Told => "told",
                How::StoredUnheard => "STORED, NOT HEARD, sent again by the client",
                How::StoredError => "STORED, ERROR TOLD",
                How::Error => "ERROR, nothing done",
                How::AppliedSilent => "APPLIED, NO ANSWER",
                How::LostSilent => "NOT APPLIED, NO ANSWER",
                How::LaterSilent => "NO ANSWER, may be applied later",
                How::TooLate => "too old to be applied, no answer",
                How::Throttled => "THROTTLED",
                How::Refused => "REFUSED",
                How::TakenSilent => "TAKEN, NO ANSWER",
                How::FirstOnly => "FIRST ONLY",
                How::Older => "AS IT WAS BEFORE",
                How::Ends => "THE PROCESS ENDS",
                How::EndsSending => "THE PROCESS ENDS, its call may be applied later",
            };
            format!("{} {asks}: {how}", name(place))
        }
    }
}

fn target(target: Target) -> String {
    match target {
        Target::Backup(backup) => format!("copy {}", backup_name(backup)),
        Target::Vault => "copy the vault".to_owned(),
    }
}

fn asks(tables: &Tables, ask: &Ask) -> String {
    match ask {
        Ask::Get(key) => format!("reads record {}", key_name(*key)),
        Ask::Put { key, record, expect } => {
            let expect = match expect {
                Expect::Absent => "none".to_owned(),
                Expect::Was { version, owner } => format!("v{version} of {owner}"),
            };
            let record = tables.record(*record).map(short).unwrap_or_default();
            format!("writes {} {record} over {expect}", key_name(*key))
        }
        Ask::List(filter) => if filter.outbox { "lists the outbox" } else { "lists what is due" }.to_owned(),
        Ask::Call(of) => format!("CALLS {}", target(*of)),
        Ask::Read(Read::Backup(backup)) => format!("reads copies of {}", backup_name(*backup)),
        Ask::Read(Read::Vault(since)) => format!("reads copies of the vault since {since}:00"),
        Ask::Read(Read::Copy(copy)) => format!("looks at {}", copy_name(*copy)),
        Ask::Read(Read::Source(backup)) => format!("looks at {}", backup_name(*backup)),
        Ask::Read(Read::Records(backup)) => format!("reads the records of {}", backup_name(*backup)),
        Ask::Brake => "reads whether it is stopped".to_owned(),
        Ask::Sleep => "sleeps".to_owned(),
        Ask::Emit(messages) => {
            let messages: Vec<String> = messages.iter().map(|number| message(tables, *number)).collect();
            format!("sends {}", messages.join(", "))
        }
        Ask::Over { .. } => "is over".to_owned(),
    }
}

fn message(tables: &Tables, number: u16) -> String {
    let told = tables.message(number);
    let copy = told.copy.map_or("-".to_owned(), copy_name);
    format!("{} {copy} (ID {}, attempt {})", told.state, &told.id[..4], told.attempt)
}

fn short(record: &Record) -> String {
    let mut text = format!("v{} {}", record.version, record.state.name());
    if record.attempt > 1 {
        let _ = write!(text, " attempt {}", record.attempt);
    }
    match record.lease_until {
        Some(until) => {
            let _ = write!(text, " of {} until {}", record.owner, &until.to_string()[12..19]);
        }
        None => {
            let _ = write!(text, " (owner {})", record.owner);
        }
    }
    if !record.receipts.is_empty() {
        let names: Vec<&str> = record.receipts.iter().filter_map(|one| one.replication_id.as_deref()).collect();
        let _ = write!(text, " [{}]", names.join(" "));
    }
    if record.outbox {
        text.push_str(" outbox");
    }
    for news in &record.news {
        let _ = write!(text, " news:{}", news.state.name());
    }
    text
}

/// All records of a state, in short.
pub fn records(tables: &Tables, state: &State) -> String {
    let of = |key: u8| {
        tables.record(state.records[usize::from(key)]).map(|record| format!("{}: {}", key_name(key), short(record)))
    };
    (0..=VAULT).filter_map(of).collect::<Vec<_>>().join("; ")
}

fn row(explorer: &Explorer, step: String, state: &State) -> [String; 5] {
    let tables = &explorer.tree.tables;
    let copies = state.cloud.copies.iter().enumerate().map(|(number, copy)| {
        let hidden = if copy.listed { "" } else { ", hidden" };
        format!("{} of {} {}{hidden}", copy_name(number as u8), backup_name(copy.backup), copy.fate.word())
    });
    let queue: Vec<String> = state.queue.iter().map(|number| message(tables, number)).collect();
    let waits = state.workers.iter().enumerate().filter_map(|(place, worker)| match worker {
        Worker::At(node) => {
            let open = &explorer.tree.node(*node).open;
            let asked: Vec<String> = open.iter().map(|open| asks(tables, &open.ask)).collect();
            Some(format!("{} {}", NAMES[place], asked.join(" and ")))
        }
        _ => None,
    });
    [
        step,
        records(tables, state),
        copies.collect::<Vec<_>>().join("; "),
        queue.join("; "),
        waits.collect::<Vec<_>>().join("; "),
    ]
}
