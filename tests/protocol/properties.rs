//! What must hold: on every write, on every call, on every message, on every answer. What must hold at rest is in `rest.rs`.
//!
//! A property is judged by what is there (the store, the copies, the queue), never by what the handler says of itself.

use crate::product::{Record, State};
use crate::provider::{Fate, copy_name};
use crate::tables::Tables;
use crate::tree::Node;
use crate::world::{State as Here, VAULT, World};

/// The properties by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Property {
    /// No receipt leaves its record.
    P1,
    /// Each write counts the version by one.
    P2,
    /// History, attempt and calls of unknown outcome never go back.
    P3,
    /// Nothing is `claimed` over a lease that ended, nor without a lease; nothing but a claim has one. A lease that is broken is doubt.
    P4,
    /// No doubt becomes `seen`.
    P5,
    /// `replicated`, `lost` and `failed` are true of the copy that the last receipt names; and they are left only for news.
    P6,
    /// A receipt is on the queue or in an outbox.
    P7,
    /// A verdict is on the queue or in the record's news.
    P8,
    /// A next attempt has a time, keeps it, and keeps the limit, unless a person has it made.
    P9,
    /// Who decides to call holds a live claim.
    P10,
    /// Nobody calls beyond the limit of calls of unknown outcome.
    P11,
    /// No living copy of the backup is there when a call is applied.
    P12,
    /// One event ID names one copy.
    P13,
    /// One copy has one event ID for each type and attempt.
    P14,
    /// Who says "done" left a settled record and a receipt on the queue.
    P15,
    /// Nothing panics.
    P16,
    /// A vault-wide call is accepted only once each of its copies has a record of its own.
    P20,
    /// At rest every record is final, and outbox and news are empty.
    P17,
    /// At rest each living copy is named by a record and a message, and each backup of a vault-wide call by a record of its own.
    P18,
    /// At rest there is one living copy of each backup.
    P19,
    /// Where doubts are held for a person, nobody calls again in one.
    P21,
    /// Nobody decides to call who was told that everything is stopped, could not read that, or last read it in an earlier minute.
    P22,
    /// Nobody decides to call who was shown a living copy of the backup.
    P23,
    /// `missed` follows only on what nobody works on and of which nothing was accepted or is in doubt.
    P24,
    /// What was or may have been applied under one payload is never done under another one.
    P25,
    /// What had a copy that failed or is lost, and a person has tried once more, is a further attempt.
    P26,
}

/// What is known not to hold, until it is mended: nothing now. A world that shows one says so, and fails once it does not show it any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Finding {}

/// What a world may have to reach.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mark {
    Accepted,
    Replicated,
    Failed,
    Lost,
    InDoubt,
    Refused,
    NoWork,
    /// A claim over a lease that has ended.
    TakeOver,
    /// An acceptance written by somebody who does not hold the claim.
    LateSettle,
    /// A receipt of a copy that was found by reading back.
    Adopted,
    SecondAttempt,
    /// A call after one of unknown outcome, in the same attempt.
    CalledAgain,
    /// The own record of a backup that a vault-wide call copied.
    BackupOpened,
    /// A vault-wide call that was accepted and stays in doubt, because not every copy has a record yet.
    PartlyRecorded,
    /// A write that met somebody else's.
    Conflict,
    /// A call that is applied after its sender gave it up.
    LateCall,
    /// A sweep sent what lay in the outbox.
    Drained,
    /// A person had it tried once more.
    Retried,
    /// A person broke a lease.
    LeaseBroken,
    /// A person said which copy it is.
    AdoptedByHand,
    /// A person gave it up.
    Abandoned,
    /// A doubt is held for a person.
    Held,
    /// The source is gone, and nothing was ever copied.
    Missed,
    /// The copy is gone, and its backup had left the rule.
    Ended,
    /// A backup came back without its copy.
    CameBack,
    /// A list showed records as they were before.
    OlderList,
    /// Another hand made a copy.
    OtherHand,
    /// A delivery for one backup sent the receipt of a copy that the vault-wide call had made.
    ToldForVault,
    /// What a person had stopped was not started.
    Stopped,
    /// A record went on under another payload, since nothing had been applied under the first.
    OtherPayload,
}

/// Something that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub property: Property,
    pub what: String,
    /// The finding that it is, if it is a known one.
    pub known: Option<Finding>,
}

/// A violation that nothing known explains.
pub fn violation(property: Property, what: impl Into<String>) -> Violation {
    Violation { property, what: what.into(), known: None }
}

/// What a write brings about: what is wrong with it by itself, and what it marks. Depends on the two records only.
#[derive(Clone, Default)]
pub struct Pair {
    pub violations: Vec<Violation>,
    pub marks: Vec<Mark>,
}

/// Whether a claim of this owner is one of the process of this name: each claim of a process has a name of its own.
pub fn is_of(owner: &str, name: &str) -> bool {
    owner.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// P1 to P5, P9, P24 and P26: judged by the record before and after.
pub fn pair(before: Option<&Record>, after: &Record, limit: u32) -> Pair {
    let mut found = Vec::new();
    let mut wrong = |property, what: &str| found.push(violation(property, what));
    let mut marks = Vec::new();
    let empty = Vec::new();
    let receipts = before.map_or(&empty, |before| &before.receipts);
    let key = |one: &crate::product::Receipt| (one.backup_id.clone(), one.replication_id.clone());
    for old in receipts {
        if !after.receipts.iter().any(|new| key(new) == key(old)) {
            let name = old.replication_id.clone().unwrap_or_default();
            wrong(Property::P1, &format!("the receipt of {name} leaves the record"));
        }
    }
    let version = before.map_or(0, |before| before.version);
    if after.version != version + 1 {
        wrong(Property::P2, &format!("version {} follows on {version}", after.version));
    }
    let code = after.last().and_then(|line| line.code.as_deref());
    let (is_retry, is_broken) = (code == Some("retried"), code == Some("lease_broken"));
    if let Some(before) = before {
        let same = |old: &crate::product::State, new: &crate::product::State| old == new;
        let kept = before.history.len().saturating_sub(1);
        let prefix = after.history.len() >= before.history.len()
            && before.history[..kept] == after.history[..kept]
            && before.history.last().zip(after.history.get(kept)).is_none_or(|(old, new)| {
                old == new || (same(&old.state, &new.state) && old.code == new.code && old.attempt == new.attempt)
            });
        if !prefix {
            wrong(Property::P3, "the history loses or changes a line");
        }
        if after.attempt < before.attempt {
            wrong(Property::P3, "the attempt goes back");
        }
        // A person who looked lets the count begin anew, and nothing else does.
        let by_person = is_retry && before.last() != after.last();
        if after.attempt == before.attempt && after.doubtful_calls < before.doubtful_calls && !by_person {
            wrong(Property::P3, "calls of unknown outcome are forgotten");
        }
        let had_claim = matches!(before.state, State::Claimed | State::InDoubt) && before.lease_until.is_some();
        // What only marks that the queue has its news is no claim.
        if had_claim
            && after.state == State::Claimed
            && (&after.owner, after.lease_until) != (&before.owner, before.lease_until)
        {
            wrong(Property::P4, "claimed anew over another claim");
        }
        if had_claim && after.lease_until.is_some() && after.owner != before.owner {
            marks.push(Mark::TakeOver);
            if before.lease_until > Some(after.history.last().map_or(after.since, |entry| entry.time)) {
                wrong(Property::P4, "taken over before the lease ended");
            }
        }
        if after.state == State::Seen && (before.state == State::InDoubt || before.doubt_since.is_some()) {
            wrong(Property::P5, "a doubt becomes seen");
        }
        if is_broken && before.last() != after.last() {
            marks.push(Mark::LeaseBroken);
            if after.state != State::InDoubt || after.doubt_since.is_none() || after.lease_until.is_some() {
                wrong(Property::P4, "a broken lease is no doubt");
            }
        }
        if by_person {
            marks.push(Mark::Retried);
            if matches!(before.state, State::Failed | State::Lost) && after.attempt != before.attempt + 1 {
                wrong(Property::P26, "a further attempt bears the number of the one before");
            }
        }
        if before.payload_hash != after.payload_hash {
            marks.push(Mark::OtherPayload);
        }
        let nothing_applied = [State::Seen, State::Found, State::Refused, State::Ineligible, State::NoWork];
        if before.payload_hash != after.payload_hash && !nothing_applied.contains(&before.state) {
            wrong(Property::P25, "it goes on under another payload");
        }
        let verdict = matches!(before.state, State::Replicated | State::Lost | State::Failed);
        let news = after.receipts.iter().any(|new| !receipts.iter().any(|old| key(old) == key(new)));
        if verdict && after.state == State::Accepted && !news {
            wrong(Property::P6, "a verdict is taken back without a new receipt");
        }
        if before.state == State::Ended && !matches!(after.state, State::Ended | State::Lost) && !news {
            wrong(Property::P6, "what had a copy begins anew");
        }
        if after.state == State::Claimed && before.not_before.is_some_and(|at| after.since < at) {
            wrong(Property::P9, "claimed before the time that a refusal set");
        }
        if after.attempt > before.attempt {
            marks.push(Mark::SecondAttempt);
            if !is_retry && before.state == State::Lost {
                wrong(Property::P9, "a lost copy is made again by itself");
            }
            if !is_retry && before.not_before.is_none_or(|at| after.since < at) {
                wrong(Property::P9, "a further attempt before its time");
            }
            if !is_retry && after.attempt > limit {
                wrong(Property::P9, "an attempt beyond the limit");
            }
        }
        let told = news || before.copies != after.copies;
        if told && after.state == State::Accepted && !(had_claim && before.owner == last_owner(after)) {
            marks.push(Mark::LateSettle);
        }
    }
    if after.state == State::Claimed && after.lease_until.is_none() {
        wrong(Property::P4, "claimed without a lease");
    }
    if after.lease_until.is_some() && !matches!(after.state, State::Claimed | State::InDoubt) {
        wrong(Property::P4, "a lease on a record that nobody claims");
    }
    if matches!(after.state, State::Refused | State::Failed) && after.not_before.is_none() {
        wrong(Property::P9, "a next attempt has no time");
    }
    marks.extend(match after.state {
        State::Accepted => Some(Mark::Accepted),
        State::Replicated => Some(Mark::Replicated),
        State::Failed => Some(Mark::Failed),
        State::Lost => Some(Mark::Lost),
        State::InDoubt => Some(Mark::InDoubt),
        State::Refused => Some(Mark::Refused),
        State::NoWork => Some(Mark::NoWork),
        _ => None,
    });
    marks.extend(match (code, after.state) {
        (Some("partly_recorded"), _) => Some(Mark::PartlyRecorded),
        (Some("resolved"), State::Accepted) => Some(Mark::AdoptedByHand),
        (_, State::Abandoned) => Some(Mark::Abandoned),
        (Some("held"), State::InDoubt) => Some(Mark::Held),
        (_, State::Missed) => Some(Mark::Missed),
        (_, State::Ended) => Some(Mark::Ended),
        (_, State::Lost) if before.is_some_and(|before| before.state == State::Ended) => Some(Mark::CameBack),
        (Some("paused"), State::Seen | State::InDoubt) => Some(Mark::Stopped),
        _ => None,
    });
    if after.state == State::Missed && before.is_none_or(|before| before.state != State::Missed) {
        let fits = |before: &Record| {
            matches!(before.state, State::Seen | State::Refused | State::Failed) && before.lease_until.is_none()
        };
        if !before.is_some_and(fits) {
            found.push(violation(Property::P24, "missed does not follow on what nothing was started of"));
        }
    }
    if after.receipts.iter().any(|one| one.adopted) {
        marks.push(Mark::Adopted);
    }
    if before.is_none() && after.state == State::Accepted {
        marks.push(Mark::BackupOpened);
    }
    Pair { violations: found, marks }
}

fn last_owner(record: &Record) -> &str {
    record.last().map_or("", |entry| &entry.owner)
}

/// P6 to P8: judged by what is there after a write to `key`.
pub fn written(tables: &Tables, before: &Here, after: &Here, key: u8, at_rest: bool, found: &mut Vec<Violation>) {
    let number = after.records[usize::from(key)];
    let (Some(record), Some(facts)) = (tables.record(number), tables.facts(number)) else { return };
    let old = tables.record(before.records[usize::from(key)]);
    if matches!(record.state, State::Replicated | State::Lost | State::Failed) {
        let entered = old.is_none_or(|old| old.state != record.state);
        let from = old.is_some_and(|old| matches!(old.state, State::Accepted | State::Replicated | State::Ended));
        if entered && !from {
            found.push(violation(Property::P6, format!("{} does not follow on accepted", record.state.name())));
        }
        let copy = facts.copies.last().and_then(|copy| after.cloud.copies.get(usize::from(*copy)));
        let fate = copy.map(|copy| copy.fate);
        let is_true = match record.state {
            State::Replicated => matches!(fate, Some(Fate::Done | Fate::Deleted)),
            State::Lost => fate == Some(Fate::Deleted),
            // Weeks later a copy that is gone was never usable, as far as anybody can tell.
            _ => fate == Some(Fate::Failed) || (at_rest && fate == Some(Fate::Deleted)),
        };
        if entered && !is_true {
            let name = facts.copies.last().map_or("no copy".to_owned(), |copy| copy_name(*copy));
            let is = fate.map_or("not there", Fate::word);
            found.push(violation(Property::P6, format!("{} although {name} is {is}", record.state.name())));
        }
    }
    for number in after.records {
        let Some(facts) = tables.facts(number) else { continue };
        for copy in &facts.copies {
            if !after.queue.meets(&tables.acceptances(*copy)) && !in_an_outbox(tables, after, *copy) {
                let what = format!("the receipt of {} is neither on the queue nor in an outbox", copy_name(*copy));
                found.push(violation(Property::P7, what));
            }
        }
    }
    if let (true, State::Accepted, Some(copies)) = (key == VAULT, record.state, &record.copies) {
        let has_copy = |number: &&u32| tables.facts(**number).is_some_and(|facts| !facts.copies.is_empty());
        let own = after.records[..usize::from(VAULT)].iter().filter(has_copy).count() as u64;
        if own < copies.count {
            let what = format!("accepted with {} copies, of which {own} have records", copies.count);
            found.push(violation(Property::P20, what));
        }
    }
    for (state, attempt) in &facts.verdicts {
        let waiting = record.news.iter().any(|news| news.state == *state && news.attempt == *attempt);
        if !waiting && !after.queue.meets(&tables.news(key, *state, *attempt)) {
            let what = format!("{} of attempt {attempt} is neither on the queue nor in the news", state.name());
            found.push(violation(Property::P8, what));
        }
    }
}

/// The records of backups whose copy the vault-wide call of this key started.
fn started_by<'t>(tables: &'t Tables, state: &'t Here, key: &'t str) -> impl Iterator<Item = u32> + 't {
    let is = move |number: &u32| tables.record(*number).is_some_and(|record| record.started_by.as_deref() == Some(key));
    state.records[..usize::from(VAULT)].iter().copied().filter(is)
}

/// Whether a record that is in the outbox has the receipt of this copy.
pub fn in_an_outbox(tables: &Tables, state: &Here, copy: u8) -> bool {
    state.records.iter().any(|number| {
        tables.record(*number).is_some_and(|record| record.outbox)
            && tables.facts(*number).is_some_and(|facts| facts.copies.contains(&copy))
    })
}

/// P13 and P14: judged when a message comes onto the queue.
pub fn sent(tables: &Tables, state: &Here, number: u16, found: &mut Vec<Violation>) {
    let new = tables.message(number);
    for other in state.queue.iter().filter(|other| *other != number) {
        let old = tables.message(other);
        let named = |copy: Option<u8>| copy.map_or("no copy".to_owned(), copy_name);
        if old.id == new.id && old.copy != new.copy {
            let what = format!("the ID of a message about {} is now that of {}", named(old.copy), named(new.copy));
            found.push(violation(Property::P13, what));
        }
        // What is told without a copy has a cause, and each cause is told.
        let alike = new.copy.is_some() && (&old.state, old.attempt, old.copy) == (&new.state, new.attempt, new.copy);
        if alike && old.id != new.id {
            let what = format!("{} is told of as {} under two IDs", named(new.copy), new.state);
            found.push(violation(Property::P14, what));
        }
    }
}

/// P10 and P11: judged when a worker comes to its call.
pub fn calls(
    world: &World,
    tables: &Tables,
    state: &Here,
    key: u8,
    node: &Node,
    now: jiff::Timestamp,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let record = tables.record(state.records[usize::from(key)]);
    let (name, knows) = (node.origin.name, &node.knows[usize::from(key)]);
    let lives = record.is_some_and(|record| {
        is_of(&record.owner, name)
            && record.lease_until.is_some_and(|until| until > now)
            && matches!(record.state, State::Claimed | State::InDoubt)
    });
    // A vault-wide call that copied this backup as well ends a first claim under its owner's hands; the provider's guard is what protects
    // then. In doubt the owner reads its record again right before it calls.
    let has_copies = |record: &Record| !record.receipts.is_empty() || record.copies.is_some();
    let settled_meanwhile =
        !knows.in_doubt && record.is_some_and(|record| record.lease_until.is_none() && has_copies(record));
    let ahead = world.ahead.iter().any(|ahead| *ahead > 0);
    if !knows.holds || !(lives || settled_meanwhile || ahead) {
        found.push(violation(Property::P10, format!("{name} decides to call without a live claim")));
    }
    let doubts = state.doubts[usize::from(key)];
    // Each time that a person lets a doubt go on, as many calls are allowed again.
    let history = record.map(|record| record.history.as_slice()).unwrap_or_default();
    let retries = history.iter().filter(|line| line.code.as_deref() == Some("retried") && line.state == State::InDoubt);
    let allowed = world.attempts * (1 + retries.count() as u32);
    if world.counts_doubts() && u32::from(doubts.sent) >= allowed {
        let counted = u32::from(doubts.settled);
        let what = format!("{name} calls after {} calls without an answer ({counted} of them settled)", doubts.sent);
        found.push(violation(Property::P11, what));
    }
    let in_doubt = record.filter(|record| record.state == State::InDoubt && lives);
    if world.hold && in_doubt.is_some_and(|record| record.doubtful_calls > 0) {
        found.push(violation(Property::P21, format!("{name} calls again in a doubt that is held for a person")));
    }
    let long_stopped = state.stopped.is_some_and(|since| since < state.clock);
    if node.stopped || long_stopped {
        found.push(violation(Property::P22, format!("{name} calls although a person has stopped it")));
    }
    if knows.shown {
        found.push(violation(Property::P23, format!("{name} calls although it was shown a copy")));
    }
    found
}

/// P15 and P16: judged when a worker is over, for the commands that it had.
pub fn over(tables: &Tables, state: &Here, keys: &[u8], node: &Node) -> Vec<Violation> {
    let Some((done, panic)) = node.over() else { return Vec::new() };
    let name = node.origin.name;
    let mut found = Vec::new();
    if let Some(panic) = panic {
        found.push(violation(Property::P16, format!("{name} panicked: {panic}")));
    }
    for (_, key) in keys.iter().enumerate().filter(|(place, _)| done >> place & 1 == 1) {
        found.extend(says_done(tables, state, *key, name));
    }
    found
}

/// P15.
fn says_done(tables: &Tables, state: &Here, key: u8, name: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let number = state.records[usize::from(key)];
    let (record, facts) = (tables.record(number), tables.facts(number));
    if record.is_some_and(|record| {
        matches!(record.state, State::NoWork | State::Ineligible | State::Missed | State::Abandoned)
    }) {
        return found;
    }
    let queued = |copy: &u8| state.queue.meets(&tables.acceptances(*copy));
    if let (VAULT, Some(record)) = (key, record) {
        // Each of its copies is told of by the record of its own backup.
        let untold = started_by(tables, state, &record.key)
            .filter(|number| tables.facts(*number).is_some_and(|facts| !facts.copies.iter().any(queued)));
        let untold = untold.count();
        if record.copies.is_none() || untold > 0 {
            let what = format!("{name} says done, the record is {}, {untold} copies are untold", record.state.name());
            found.push(violation(Property::P15, what));
        }
        return found;
    }
    let empty = Vec::new();
    let copies = facts.map_or(&empty, |facts| &facts.copies);
    if copies.is_empty() {
        let is = record.map_or("not there", |record| record.state.name());
        let what = format!("{name} says done, and the record is {is} without a receipt");
        found.push(violation(Property::P15, what));
    } else if !copies.iter().any(queued) {
        let what = format!("{name} says done, and no receipt of its record is on the queue");
        found.push(violation(Property::P15, what));
    }
    found
}
