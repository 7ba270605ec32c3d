//! The snapshots of all regions, indexed for a million of them: by ID, by region and time, by name.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::names::Names;
use crate::clock::later;

/// All snapshots of the account.
pub(super) struct Store {
    slots: Vec<Option<Snapshot>>,
    by_id: HashMap<String, u32>,
    regions: HashMap<String, Region>,
    /// IDs that existed once: they are never made up again.
    gone: HashSet<String>,
    /// Snapshots that any-source mode makes up were created an hour before this.
    opened: Timestamp,
}

/// The snapshots of one region.
#[derive(Default)]
pub(super) struct Region {
    /// Slots by creation time, oldest first.
    pub(super) order: Vec<u32>,
    pub(super) names: Names,
    /// Changes with every insertion, removal and edit, so that a listing can be remembered.
    pub(super) version: u64,
    pub(super) listing: Option<Listing>,
}

/// A filtered listing, valid for one version and until something in the region changes by itself.
pub(super) struct Listing {
    pub(super) filters: String,
    pub(super) version: u64,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) slots: Vec<u32>,
}

/// One snapshot.
pub(super) struct Snapshot {
    pub(super) facts: NewSnapshot,
    pub(super) deadline: Option<Timestamp>,
    /// The stages of a copy; `None` for a snapshot that is no copy.
    pub(super) life: Option<CopyLife>,
    /// Copies made of this snapshot: destination region and slot.
    pub(super) copies: Vec<(String, u32)>,
}

/// The facts of a snapshot that is to be added.
#[derive(Clone)]
pub(super) struct NewSnapshot {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) creating_until: Option<Timestamp>,
    pub(super) disk_id: String,
    pub(super) system_disk: bool,
    pub(super) encrypt: bool,
    pub(super) shared: bool,
    pub(super) instant: bool,
    pub(super) from_remote: bool,
    pub(super) policy_id: Option<String>,
    /// Whether it was thrown away, and is still to be seen in the recycle bin.
    pub(super) recycled: bool,
    /// The snapshot that a copy was made of, as far as is known.
    pub(super) origin: Option<Origin>,
}

/// The snapshot that a copy was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) id: String,
    pub(super) region: String,
}

impl NewSnapshot {
    /// A finished snapshot of a data disk.
    pub(super) fn plain(id: &str, region: &str, created: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            region: region.to_owned(),
            name: id.to_owned(),
            created,
            creating_until: None,
            disk_id: format!("disk-{}", id.trim_start_matches("snap-")),
            system_disk: false,
            encrypt: false,
            shared: false,
            instant: false,
            from_remote: false,
            policy_id: None,
            recycled: false,
            origin: None,
        }
    }
}

impl Origin {
    /// What a copy's name says that it was made of.
    fn in_name(name: &str) -> Option<Self> {
        let (id, region) = match name.strip_prefix("Copied ") {
            Some(rest) => rest.split_once(" from ")?,
            None => {
                let (word, region) = name.strip_prefix("offsite-snap-")?.split_once('-')?;
                return Some(Self { id: format!("snap-{word}"), region: region.to_owned() });
            }
        };
        Some(Self { id: id.to_owned(), region: region.to_owned() })
    }
}

/// When a copy becomes visible, is checked, and is done.
#[derive(Clone, Copy)]
pub(super) struct CopyLife {
    pub(super) started: Timestamp,
    pub(super) visible: Timestamp,
    pub(super) ready: Timestamp,
    pub(super) fails: bool,
}

impl CopyLife {
    pub(super) fn new(started: Timestamp, duration_s: f64, invisible_s: f64, fails: bool) -> Self {
        Self { started, visible: later(started, invisible_s), ready: later(started, duration_s), fails }
    }

    fn progress(self, now: Timestamp) -> f64 {
        let whole = self.ready.duration_since(self.started).as_secs_f64();
        if now >= self.ready || whole <= 0.0 { 1.0 } else { now.duration_since(self.started).as_secs_f64() / whole }
    }

    fn checking(self) -> Timestamp {
        later(self.started, self.ready.duration_since(self.started).as_secs_f64() * 0.8)
    }
}

impl Snapshot {
    /// Whether the API shows it. There is no failed state: a copy that failed is simply no longer there, as is what expired.
    pub(super) fn visible(&self, now: Timestamp) -> bool {
        let copied = self.life.is_none_or(|life| now >= life.visible && !(life.fails && now >= life.ready));
        copied && self.deadline.is_none_or(|deadline| now < deadline)
    }

    pub(super) fn state(&self, now: Timestamp) -> &'static str {
        match self.life {
            Some(life) if now < life.checking() => "COPYING_FROM_REMOTE",
            Some(life) if now < life.ready => "CHECKING_COPIED",
            _ if self.facts.recycled => "TORECYCLE",
            _ if self.facts.creating_until.is_some_and(|until| now < until) => "CREATING",
            _ => "NORMAL",
        }
    }

    pub(super) fn percent(&self, now: Timestamp) -> u64 {
        match self.life {
            // At most 100.
            Some(life) => (life.progress(now) * 100.0) as u64,
            None if self.state(now) == "CREATING" => 50,
            None => 100,
        }
    }

    /// When something visible changes by itself next.
    pub(super) fn next_change(&self, now: Timestamp) -> Timestamp {
        let life = self.life.map(|life| [life.visible, life.checking(), life.ready]);
        life.into_iter()
            .flatten()
            .chain(self.facts.creating_until)
            .chain(self.deadline)
            .filter(|at| *at > now)
            .min()
            .unwrap_or(Timestamp::MAX)
    }
}

impl Store {
    pub(super) fn new(opened: Timestamp) -> Self {
        Self { slots: Vec::new(), by_id: HashMap::new(), regions: HashMap::new(), gone: HashSet::new(), opened }
    }

    /// Adds a snapshot; `false` if its ID exists.
    pub(super) fn insert(&mut self, facts: NewSnapshot) -> bool {
        self.insert_with(facts, None).is_some()
    }

    /// Adds a snapshot and answers with its slot.
    pub(super) fn insert_source(&mut self, facts: NewSnapshot) -> Option<u32> {
        self.insert_with(facts, None)
    }

    /// Where the snapshot of this ID is.
    pub(super) fn slot(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// Adds a copy of `source` and answers with its slot.
    pub(super) fn insert_copy(&mut self, facts: NewSnapshot, life: CopyLife, source: u32) -> Option<u32> {
        let region = facts.region.clone();
        let slot = self.insert_with(facts, Some(life))?;
        if let Some(source) = self.slots.get_mut(source as usize).and_then(Option::as_mut) {
            source.copies.push((region, slot));
        }
        Some(slot)
    }

    /// Adds a copy whose source is gone.
    pub(super) fn insert_orphan(&mut self, facts: NewSnapshot, life: CopyLife) -> Option<u32> {
        self.insert_with(facts, Some(life))
    }

    /// Whether a snapshot of this ID is or was there.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.by_id.contains_key(id) || self.gone.contains(id)
    }

    /// Notes that a snapshot of this ID existed once.
    pub(super) fn note_gone(&mut self, id: &str) {
        self.gone.insert(id.to_owned());
    }

    fn insert_with(&mut self, mut facts: NewSnapshot, life: Option<CopyLife>) -> Option<u32> {
        if self.by_id.contains_key(&facts.id) {
            return None;
        }
        if facts.from_remote && facts.origin.is_none() {
            // A copy that somebody puts here by hand has no link; its name stands for one.
            facts.origin = Origin::in_name(&facts.name);
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        let slots = &self.slots;
        let region = self.regions.entry(facts.region.clone()).or_default();
        let older = |other: &u32| {
            slots.get(*other as usize).and_then(Option::as_ref).is_none_or(|other| other.facts.created <= facts.created)
        };
        // New snapshots nearly always are the youngest.
        let place = if region.order.last().is_none_or(older) {
            region.order.len()
        } else {
            region.order.partition_point(older)
        };
        region.order.insert(place, slot);
        region.names.insert(&facts.name, slot);
        region.version += 1;
        self.by_id.insert(facts.id.clone(), slot);
        self.gone.remove(&facts.id);
        self.slots.push(Some(Snapshot { facts, deadline: None, life, copies: Vec::new() }));
        Some(slot)
    }

    /// Takes a snapshot out for good.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(slot) = self.by_id.remove(id) else {
            return false;
        };
        self.gone.insert(id.to_owned());
        let removed = self.slots.get_mut(slot as usize).and_then(Option::take);
        if let Some(snapshot) = removed
            && let Some(region) = self.regions.get_mut(&snapshot.facts.region)
        {
            region.order.retain(|other| *other != slot);
            region.names.remove(&snapshot.facts.name, slot);
            region.version += 1;
        }
        true
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Snapshot> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// The slot of a snapshot that exists in `region`, visible or not; any-source mode makes one up.
    pub(super) fn find(&mut self, id: &str, region: &str, any_source: bool) -> Option<u32> {
        if let Some(slot) = self.by_id.get(id).copied() {
            return self.get(slot).filter(|snapshot| snapshot.facts.region == region).map(|_| slot);
        }
        if !any_source || !is_snapshot_id(id) || self.gone.contains(id) {
            return None;
        }
        self.insert_with(NewSnapshot::plain(id, region, later(self.opened, -3_600.0)), None)
    }

    /// The snapshots of all regions.
    pub(super) fn all(&self) -> impl Iterator<Item = &Snapshot> {
        self.slots.iter().flatten()
    }

    pub(super) fn region(&self, region: &str) -> Option<&Region> {
        self.regions.get(region)
    }

    pub(super) fn remember(&mut self, region: &str, listing: Listing) {
        if let Some(region) = self.regions.get_mut(region) {
            region.listing = Some(listing);
        }
    }

    /// Changes the name of a snapshot; false if there is none.
    pub(super) fn rename(&mut self, id: &str, name: &str) -> bool {
        let slot = self.by_id.get(id).copied();
        slot.map(|slot| self.edit(slot, Some(name), None)).is_some()
    }

    /// Changes name and deadline.
    pub(super) fn edit(&mut self, slot: u32, name: Option<&str>, deadline: Option<Option<Timestamp>>) {
        let Some(snapshot) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else {
            return;
        };
        let Some(region) = self.regions.get_mut(&snapshot.facts.region) else {
            return;
        };
        if let Some(name) = name {
            region.names.remove(&snapshot.facts.name, slot);
            region.names.insert(name, slot);
            name.clone_into(&mut snapshot.facts.name);
        }
        if let Some(deadline) = deadline {
            snapshot.deadline = deadline;
        }
        region.version += 1;
    }

    /// Regions to which a copy of the snapshot is running.
    pub(super) fn copying_to(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<String> {
        let running = |slot: &u32| self.get(*slot).and_then(|copy| copy.life).is_some_and(|life| now < life.ready);
        let mut regions: Vec<String> =
            snapshot.copies.iter().filter(|(_, slot)| running(slot)).map(|(region, _)| region.clone()).collect();
        regions.sort();
        regions.dedup();
        regions
    }

    /// Whether a copy that did not fail and was not deleted is in `region`.
    pub(super) fn has_copy(&self, snapshot: &Snapshot, region: &str, now: Timestamp) -> bool {
        let alive = |slot: u32| {
            self.get(slot)
                .filter(|copy| copy.state(now) != "TORECYCLE" && copy.deadline.is_none_or(|end| now < end))
                .and_then(|copy| copy.life)
                .is_some_and(|life| !(life.fails && now >= life.ready))
        };
        snapshot.copies.iter().any(|(to, slot)| to == region && alive(*slot))
    }

    /// The state of a copy: `running`, `done` or `failed`. One that was deleted later counts as done.
    pub(super) fn copy_state(&self, id: &str, now: Timestamp) -> &'static str {
        match self.by_id.get(id).and_then(|slot| self.get(*slot)).and_then(|copy| copy.life) {
            Some(life) if now < life.ready => "running",
            Some(life) if life.fails => "failed",
            _ => "done",
        }
    }
}

/// Whether `id` is written like a snapshot ID.
pub(super) fn is_snapshot_id(id: &str) -> bool {
    id.strip_prefix("snap-").is_some_and(|rest| {
        (6..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}
