//! A seeded inventory: snapshots, what became of their copies, and the ledger that Offsite would have of them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Tencent;
use super::store::{CopyLife, NewSnapshot, Origin};
use super::truth::{RULES, Rule, default_name, own_name};
use crate::clock::later;
use crate::fates::{Backing, DAY, Drawn, Fate, Fates, HOUR, base_of, between};
use crate::truth::{Entry, Held};

impl Tencent {
    /// Makes `backups` snapshots for the rules of the reference policy, seven in ten of them for the first rule.
    pub(super) fn make(&mut self, seed: u64, backups: u64, now: Timestamp) -> Value {
        let base = base_of(now);
        let first = backups * 7 / 10;
        let mut copies = 0;
        for ((rule, count), number) in RULES.iter().zip([first, backups - first]).zip(1..) {
            let fates = Fates::new(seed.wrapping_mul(100).wrapping_add(number), base, count);
            let mut maker = Maker { cloud: self, rule, fates, base, copies: 0 };
            while let Some(drawn) = maker.fates.next_backup() {
                maker.backup(&drawn);
            }
            copies += maker.copies;
        }
        json!({"backups": backups, "copies": copies, "ledger": self.ledger.len()})
    }
}

struct Maker<'a> {
    cloud: &'a mut Tencent,
    rule: &'static Rule,
    fates: Fates,
    base: Timestamp,
    copies: u64,
}

/// A copy to be made.
struct NewCopy<'a> {
    source: &'a Origin,
    /// The slot of the source; `None` if it is gone.
    slot: Option<u32>,
    destination: &'static str,
    name: String,
    started: Timestamp,
    ready: Timestamp,
    recycled: bool,
}

impl Maker<'_> {
    fn backup(&mut self, drawn: &Drawn) {
        let id = self.new_id();
        let source = Origin { id: id.clone(), region: self.rule.region.to_owned() };
        let backing = match drawn.backing {
            Backing::Outside { .. } if self.rule.prefix.is_none() => Backing::Finished,
            backing => backing,
        };
        let outside = matches!(backing, Backing::Outside { .. });
        let prefix = if outside { "scratch-" } else { self.rule.prefix.unwrap_or("db-") };
        let plain = NewSnapshot::plain(&id, self.rule.region, drawn.created);
        let facts = NewSnapshot {
            name: format!("{prefix}{}-{}", drawn.resource, drawn.created.strftime("%Y%m%d")),
            disk_id: format!("disk-{prefix}{}", drawn.resource).replace("--", "-"),
            creating_until: (backing == Backing::Unfinished)
                .then(|| later(self.base, 6.0 * HOUR + self.fates.below(21_600) as f64)),
            system_disk: backing == Backing::Refused,
            shared: backing == Backing::Unlisted,
            from_remote: matches!(backing, Backing::Ineligible(0 | 2)),
            recycled: backing == Backing::Ineligible(1),
            ..plain
        };
        let slot = match backing {
            Backing::GoneCopied { .. } | Backing::GoneExpired | Backing::GoneMissed { .. } => {
                self.cloud.store.note_gone(&id);
                None
            }
            _ => self.cloud.store.insert_source(facts),
        };
        for (number, destination) in self.rule.destinations.iter().copied().enumerate() {
            let (started, ready) = self.copied_after(drawn.created);
            let copy = |name| NewCopy { source: &source, slot, destination, name, started, ready, recycled: false };
            match backing {
                Backing::Finished => {
                    let fate = self.fates.next_fate(number == 0);
                    self.fate(fate, copy(String::new()));
                }
                Backing::Unfinished | Backing::Ineligible(_) | Backing::Unlisted => {}
                Backing::Outside { copied: false } => {}
                Backing::Outside { copied: true } => {
                    self.copy(&copy(default_name(&source)));
                }
                Backing::Refused => self.record(&source, destination, Held::Ineligible),
                Backing::GoneCopied { recorded } => {
                    let made = self.copy(&copy(own_name(&source)));
                    if recorded {
                        self.receipt(&source, destination, Held::Replicated, &made, started, None);
                    }
                }
                Backing::GoneExpired => {
                    let expired = Some(between(ready, self.base));
                    let made = self.gone_id();
                    self.receipt(&source, destination, Held::Replicated, &made, started, expired);
                }
                Backing::GoneMissed { refused } => {
                    self.record(&source, destination, if refused { Held::Ineligible } else { Held::Seen });
                }
            }
        }
    }

    fn fate(&mut self, fate: Fate, plain: NewCopy<'_>) {
        let NewCopy { source, destination, started, ready, .. } = plain;
        let own = NewCopy { name: own_name(source), ..plain };
        let others = NewCopy { name: default_name(source), ..plain };
        let begun = later(self.base, -(self.fates.below(1_200) as f64));
        let ending = later(self.base, 2.0 * HOUR + self.fates.below(14_400) as f64);
        match fate {
            Fate::Own => {
                // Some copies are not to stay for ever.
                let made = self.copy(&own);
                let expires = (self.fates.below(10) == 0).then(|| later(self.base, 60.0 * DAY));
                if let (Some(deadline), Some(slot)) = (expires, self.cloud.store.slot(&made)) {
                    self.cloud.store.edit(slot, None, Some(Some(deadline)));
                }
                self.receipt(source, destination, Held::Replicated, &made, started, expires);
            }
            Fate::OwnUnrecorded => {
                self.copy(&own);
            }
            Fate::OwnUnseen => {
                let made = self.copy(&own);
                self.receipt(source, destination, Held::Accepted, &made, started, None);
            }
            Fate::ByOthers => {
                self.copy(&others);
            }
            Fate::Renamed => {
                let name = format!("archive-{}", self.fates.draw().word(6));
                let made = self.copy(&NewCopy { name, ..own });
                self.receipt(source, destination, Held::Replicated, &made, started, None);
            }
            Fate::Running => {
                let made = self.copy(&NewCopy { started: begun, ready: ending, ..own });
                self.receipt(source, destination, Held::Accepted, &made, begun, None);
            }
            Fate::RunningUnrecorded => {
                self.copy(&NewCopy { started: begun, ready: ending, ..others });
            }
            Fate::Gap | Fate::DeletedUnrecorded => self.decoy(source, destination, started),
            Fate::GapSeen => self.record(source, destination, Held::Seen),
            Fate::Failed => {
                let made = self.copy(&NewCopy { recycled: true, ..own });
                self.receipt(source, destination, Held::Accepted, &made, started, None);
            }
            Fate::FailedUnrecorded => {
                self.copy(&NewCopy { recycled: true, ..own });
            }
            Fate::FailedThenMade => {
                self.copy(&NewCopy { recycled: true, ..own });
                let made = self.copy(&NewCopy { name: own_name(source), ..others });
                self.receipt(source, destination, Held::Replicated, &made, started, None);
            }
            Fate::Lost | Fate::LostKnown | Fate::LostThenMade => {
                if fate == Fate::LostThenMade {
                    self.copy(&NewCopy { started: later(ready, 600.0), ready: later(ready, 1_500.0), ..others });
                }
                let state = if fate == Fate::Lost { Held::Replicated } else { Held::Lost };
                let made = self.gone_id();
                self.receipt(source, destination, state, &made, started, None);
            }
            Fate::Expired => {
                let made = self.gone_id();
                let expired = Some(between(ready, self.base));
                self.receipt(source, destination, Held::Replicated, &made, started, expired);
            }
            Fate::Doubt => self.record(source, destination, Held::InDoubt),
            Fate::DoubtMade => {
                self.copy(&own);
                self.record(source, destination, Held::InDoubt);
            }
            Fate::Silent => {
                let made = self.gone_id();
                self.receipt(source, destination, Held::Accepted, &made, started, None);
            }
        }
    }

    /// When the copy of a backup was begun and done.
    fn copied_after(&mut self, created: Timestamp) -> (Timestamp, Timestamp) {
        let started = later(created, 600.0 + self.fates.below(1_800) as f64);
        (started, later(started, 300.0 + self.fates.below(900) as f64))
    }

    fn copy(&mut self, new: &NewCopy<'_>) -> String {
        let id = self.new_id();
        let facts = NewSnapshot {
            name: new.name.clone(),
            disk_id: String::new(),
            from_remote: true,
            recycled: new.recycled,
            origin: Some(new.source.clone()),
            ..NewSnapshot::plain(&id, new.destination, new.started)
        };
        let life = CopyLife { started: new.started, visible: new.started, ready: new.ready, fails: false };
        match new.slot {
            Some(slot) => self.cloud.store.insert_copy(facts, life, slot),
            None => self.cloud.store.insert_orphan(facts, life),
        };
        self.copies += 1;
        id
    }

    /// Now and then puts into the destination, where there is no copy, something that only looks like one.
    fn decoy(&mut self, source: &Origin, destination: &'static str, created: Timestamp) {
        let (name, from_remote) = match self.fates.below(6) {
            0 => (format!("{}-kept", own_name(source)), true),
            1 => (format!("Copied {} from ap-mumbai", source.id), true),
            2 => (own_name(source), false),
            _ => return,
        };
        let id = self.new_id();
        let facts = NewSnapshot { name, from_remote, ..NewSnapshot::plain(&id, destination, created) };
        self.cloud.store.insert(facts);
    }

    fn record(&mut self, source: &Origin, destination: &str, state: Held) {
        let entry = Entry::new(&source.id, destination, self.command(source, destination), state);
        self.cloud.ledger.push(entry);
    }

    fn receipt(
        &mut self,
        source: &Origin,
        destination: &str,
        state: Held,
        id: &str,
        accepted: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        self.cloud.ledger.push(Entry {
            replication_id: Some(id.to_owned()),
            accepted_at: Some(accepted),
            destination_id: matches!(state, Held::Replicated | Held::Lost).then(|| id.to_owned()),
            expires_at,
            ..Entry::new(&source.id, destination, self.command(source, destination), state)
        });
    }

    fn new_id(&mut self) -> String {
        loop {
            let id = format!("snap-{}", self.fates.draw().word(8));
            if !self.cloud.store.knows(&id) {
                return id;
            }
        }
    }

    /// An ID for a copy that no longer exists.
    fn gone_id(&mut self) -> String {
        let id = self.new_id();
        self.cloud.store.note_gone(&id);
        id
    }

    fn command(&self, source: &Origin, destination: &str) -> Value {
        json!({
            "action": "replicate", "provider": "tencent", "operation": "copy-snapshot", "account": "default",
            "rule": self.rule.name, "source": {"region": source.region, "snapshot_id": source.id},
            "destinations": [{"region": destination}],
        })
    }
}
